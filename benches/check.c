/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Right answers first: an implementation is measured only after it has passed these. */

#include "workload.h"

#include <string.h>

enum { OWNERS = 20, EACH = 10, SAMPLE = 1000 };

static void check_list(struct bench *bench, size_t owner)
{
    size_t each = bench->models_each;
    size_t count = bench->with->list(bench->self, bench->owners[owner], bench->room, each);
    must(count == each, "an owner lists as many models as were registered");
    must(memcmp(bench->room, bench->models + owner * each, each * sizeof *bench->room) == 0,
         "an owner lists its models in the order of registration");
}

void check_filled(struct bench *bench)
{
    size_t step = bench->owner_count / SAMPLE + 1;
    for (size_t owner = 0; owner < bench->owner_count; owner += step)
        check_list(bench, owner);
    must(bench->with->list_many(bench->self, bench->walk, bench->walk_length, bench->room, bench->models_each) ==
             bench->walk_sum,
         "every list ends with its last model");
    must(bench->with->get_many(bench->self, bench->questions, bench->question_count) == bench->question_sum,
         "every model is found by owner and name");
}

static void check_misses(struct bench *bench)
{
    struct order absent = bench->orders[0];
    absent.name = "Absent";
    absent.length = 6;
    must(bench->with->get_many(bench->self, &absent, 1) == 0, "a name that no model has is not found");
}

static void check_replaced(struct bench *bench)
{
    uint64_t old = bench->models[3];
    bench->with->register_many(bench->self, &bench->orders[3], 1, &bench->models[3]);
    must(bench->models[3] != old, "a model that takes another's place has a handle of its own");
    check_list(bench, 0);
    must(bench->with->get_many(bench->self, &bench->orders[3], 1) == bench->models[3], "and is the one that is found");
    if (bench->with->models_valid)
        must(bench->with->models_valid(bench->self, &old, 1) == 0, "a model that was replaced is stale");
}

static void check_unregistered(struct bench *bench)
{
    uint64_t expected[EACH];
    size_t count;
    bench->with->unregister_many(bench->self, &bench->orders[EACH + 4], &bench->models[EACH + 4], 1);
    count = bench->with->list(bench->self, bench->owners[1], bench->room, EACH);
    memcpy(expected, &bench->models[EACH], 4 * sizeof *expected);
    memcpy(expected + 4, &bench->models[EACH + 5], (EACH - 5) * sizeof *expected);
    must(count == EACH - 1 && memcmp(expected, bench->room, (EACH - 1) * sizeof *expected) == 0,
         "a model that was unregistered leaves the list, and the order stays");
    must(bench->with->get_many(bench->self, &bench->orders[EACH + 4], 1) == 0, "and is found no more");
    must(bench->with->get_many(bench->self, &bench->orders[EACH + 5], 1) == bench->models[EACH + 5], "unlike the others");
}

static void check_released(struct bench *bench)
{
    uint64_t owner = bench->owners[2];
    bench->with->release_many(bench->self, &owner, 1);
    must(bench->with->list(bench->self, owner, bench->room, EACH) == 0, "an owner that was released has no models");
    must(bench->with->get_many(bench->self, &bench->orders[2 * EACH], EACH) == 0, "and none is found");
    if (bench->with->owners_valid)
        must(bench->with->owners_valid(bench->self, &owner, 1) == 0, "and its handle is stale");
    check_list(bench, 3);
}

/* An answer by name or structure alone may be any model that has it: which one wins differs between implementations. */
static bool is_one(const struct bench *bench, uint64_t model, const struct order *like, bool by_name)
{
    for (size_t at = 0; at < bench->model_count; at++)
        if (bench->models[at] == model && (by_name ? strcmp(bench->orders[at].name, like->name) == 0
                                                   : bench->orders[at].structure == like->structure))
            return true;
    return false;
}

static void check_finding(struct bench *bench)
{
    const struct order *like = &bench->orders[5];
    if (bench->with->find_name_many)
        must(is_one(bench, bench->with->find_name_many(bench->self, like, 1), like, true), "a model is found by its name");
    if (bench->with->find_structure_many)
        must(is_one(bench, bench->with->find_structure_many(bench->self, like, 1), like, false),
             "a model is found by its structure");
}

static void check_tenants(struct bench *bench)
{
    char label[TENANT_ROOM];
    struct place place = {label, 0, bench->orders[7].structure, bench->orders[7].name, bench->orders[7].length};
    if (bench->with->tenant_of == NULL)
        return;
    bench->with->tenant_of(bench->self, bench->orders[7].owner, label);
    place.tenant_length = (uint32_t)strlen(label);
    must(bench->with->find_name_in_tenant(bench->self, &place, 1) == bench->models[7], "by name in a tenant");
    must(bench->with->find_structure_in_tenant(bench->self, &place, 1) == bench->models[7], "by structure in a tenant");
}

static void check_cleared(struct bench *bench)
{
    bench->with->clear(bench->self);
    for (size_t owner = 0; owner < bench->owner_count; owner++)
        must(bench->with->list(bench->self, bench->owners[owner], bench->room, EACH) == 0, "clear empties every list");
    must(bench->with->get_many(bench->self, bench->questions, bench->question_count) == 0, "clear forgets every name");
    if (bench->with->find_name_many)
        must(bench->with->find_name_many(bench->self, bench->orders, 1) == 0, "and in the index by name");
    if (bench->with->find_structure_many)
        must(bench->with->find_structure_many(bench->self, bench->orders, 1) == 0, "and in that by structure");
    if (bench->with->reclaim)
        bench->with->reclaim(bench->self);
    bench->with->register_many(bench->self, bench->orders, EACH, bench->models);
    check_list(bench, 0);
}

static void check_with(const struct implementation *with, bool random_names)
{
    struct bench bench = {.with = with, .owner_count = OWNERS, .models_each = EACH, .random_names = random_names};
    workload_prepare(&bench);
    workload_open(&bench);
    workload_fill(&bench);
    workload_questions(&bench);
    check_filled(&bench);
    check_misses(&bench);
    check_finding(&bench);
    check_tenants(&bench);
    check_replaced(&bench);
    check_unregistered(&bench);
    check_released(&bench);
    check_cleared(&bench);
    workload_close(&bench);
}

void check_behaviour(const struct implementation *with)
{
    /* The floor has no registry. */
    if (with->list == NULL)
        return;
    check_with(with, false);
    check_with(with, true);
}
