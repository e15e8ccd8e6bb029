/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Questions to a registry that nobody changes, by one thread. */

#include "workload.h"

#include <string.h>

static uint64_t answer;
static uint64_t *handles;
static struct order *asked;
static struct place *places;

static void list_all(struct bench *bench)
{
    answer = bench->with->list_many(bench->self, bench->walk, bench->walk_length, bench->room, bench->models_each);
}

static void list_chain(struct bench *bench)
{
    answer = bench->with->list_chain(bench->self, bench->walk, bench->walk_length, bench->room, bench->models_each);
}

static uint64_t *batch_room;

static void list_batch(struct bench *bench)
{
    answer = bench->with->list_batch(bench->self, bench->walk, bench->walk_length, batch_room, BATCH * bench->models_each);
}

static void get_batch(struct bench *bench)
{
    answer = bench->with->get_batch(bench->self, bench->questions, bench->question_count);
}

static void get_all(struct bench *bench)
{
    answer = bench->with->get_many(bench->self, bench->questions, bench->question_count);
}

static void get_chain(struct bench *bench)
{
    answer = bench->with->get_chain(bench->self, bench->questions, bench->question_count);
}

static void get_asked(struct bench *bench) { answer = bench->with->get_many(bench->self, asked, bench->question_count); }

static void valid_owners(struct bench *bench)
{
    answer = bench->with->owners_valid(bench->self, bench->walk, bench->walk_length);
}

static void valid_models(struct bench *bench)
{
    answer = bench->with->models_valid(bench->self, handles, bench->model_count);
}

static void find_names(struct bench *bench)
{
    answer = bench->with->find_name_many(bench->self, bench->questions, bench->question_count);
}

static void find_structures(struct bench *bench)
{
    answer = bench->with->find_structure_many(bench->self, bench->questions, bench->question_count);
}

static void find_names_in_tenant(struct bench *bench)
{
    answer = bench->with->find_name_in_tenant(bench->self, places, bench->question_count);
}

static void find_structures_in_tenant(struct bench *bench)
{
    answer = bench->with->find_structure_in_tenant(bench->self, places, bench->question_count);
}

static double measured(struct bench *bench, const char *operation, pass *once, size_t count, uint64_t expected)
{
    double took = per_operation(bench, once, count);
    if (answer != expected)
        fprintf(stderr, "%s: %s\n", bench->with->name, operation);
    must(answer == expected, "what was measured answered as it should");
    return took;
}

static void measure(struct bench *bench, const char *operation, pass *once, size_t count, uint64_t expected)
{
    row(bench, operation, "ns", measured(bench, operation, once, count, expected));
}

/* Many in one call against one in each, in turn, so that what else the machine does hits both alike. */
static void measure_batch(struct bench *bench, const char *operation, pass *batch, pass *single, size_t count,
                          uint64_t expected)
{
    enum { TURNS = 5 };
    double many[TURNS], times[TURNS];
    char name[64];
    for (int turn = 0; turn < TURNS; turn++) {
        double one = measured(bench, operation, single, count, expected);
        many[turn] = measured(bench, operation, batch, count, expected);
        times[turn] = one / many[turn];
    }
    snprintf(name, sizeof name, "%s, many in one call", operation);
    row(bench, name, "ns", median(many, TURNS));
    snprintf(name, sizeof name, "%s: one by one to many in one call", operation);
    row(bench, name, "times", median(times, TURNS));
}

static void measure_batches(struct bench *bench)
{
    batch_room = need(calloc(BATCH * bench->models_each, sizeof *batch_room));
    measure_batch(bench, "list", list_batch, list_all, bench->walk_length, bench->walk_sum);
    measure_batch(bench, "look up", get_batch, get_all, bench->question_count, bench->question_sum);
    free(batch_room);
}

static void measure_misses(struct bench *bench)
{
    size_t size = bench->question_count * sizeof *asked;
    char absent[STRUCTURES][16];
    asked = need(malloc(size));
    memcpy(asked, bench->questions, size);
    for (size_t number = 0; number < STRUCTURES; number++)
        sprintf(absent[number], "NoModel%zu", number);
    for (size_t at = 0; at < bench->question_count; at++) {
        asked[at].name = absent[at % STRUCTURES];
        asked[at].length = (uint32_t)strlen(asked[at].name);
    }
    measure(bench, "look up miss", get_asked, bench->question_count, 0);
    free(asked);
}

/* Names that other models have: a miss that no table of known names can answer. */
static void measure_other_names(struct bench *bench)
{
    size_t size = bench->question_count * sizeof *asked;
    asked = need(malloc(size));
    memcpy(asked, bench->questions, size);
    for (size_t at = 0; at < bench->question_count; at++) {
        const struct order *other;
        do
            other = &bench->orders[below(bench, bench->model_count)];
        while (other->owner == asked[at].owner);
        asked[at].name = other->name;
        asked[at].length = other->length;
    }
    measure(bench, "look up another's name", get_asked, bench->question_count, 0);
    free(asked);
}

static void measure_valid(struct bench *bench)
{
    if (bench->with->owners_valid)
        measure(bench, "owner valid", valid_owners, bench->walk_length, bench->walk_length);
    if (bench->with->models_valid == NULL)
        return;
    handles = need(malloc(bench->model_count * sizeof *handles));
    memcpy(handles, bench->models, bench->model_count * sizeof *handles);
    shuffle(bench, handles, bench->model_count, sizeof *handles);
    measure(bench, "model valid", valid_models, bench->model_count, bench->model_count);
    free(handles);
}

/* What is found depends on the implementation; that every question has an answer does not. */
static void measure_finding(struct bench *bench)
{
    if (bench->with->find_name_many) {
        find_names(bench);
        measure(bench, "find by name", find_names, bench->question_count, answer);
        must(answer != 0, "models are found by name");
    }
    if (bench->with->find_structure_many) {
        find_structures(bench);
        measure(bench, "find by structure", find_structures, bench->question_count, answer);
        must(answer != 0, "models are found by structure");
    }
}

static void measure_tenants(struct bench *bench)
{
    char (*labels)[TENANT_ROOM] = need(calloc(bench->question_count, TENANT_ROOM));
    places = need(calloc(bench->question_count, sizeof *places));
    for (size_t at = 0; at < bench->question_count; at++) {
        const struct order *order = &bench->questions[at];
        bench->with->tenant_of(bench->self, order->owner, labels[at]);
        places[at] = (struct place){labels[at], (uint32_t)strlen(labels[at]), order->structure, order->name, order->length};
    }
    measure(bench, "find by name in a tenant", find_names_in_tenant, bench->question_count, bench->question_sum);
    if (bench->models_each <= STRUCTURES)
        measure(bench, "find by structure in a tenant", find_structures_in_tenant, bench->question_count,
                bench->question_sum);
    free(places);
    free(labels);
}

void measure_reads(struct bench *bench)
{
    measure(bench, "list", list_all, bench->walk_length, bench->walk_sum);
    measure(bench, "list latency", list_chain, bench->walk_length, bench->walk_sum);
    measure(bench, "look up", get_all, bench->question_count, bench->question_sum);
    measure(bench, "look up latency", get_chain, bench->question_count, bench->question_sum);
    if (bench->with->list_batch)
        measure_batches(bench);
    measure_misses(bench);
    if (bench->random_names)
        measure_other_names(bench);
    measure_valid(bench);
    measure_finding(bench);
    if (bench->with->tenant_of)
        measure_tenants(bench);
}

/* What a bare copy of as many ids from as much memory costs. */
static uint64_t *plain;
static size_t *starts;

static void copy_all(struct bench *bench)
{
    size_t size = bench->models_each * sizeof *bench->room;
    answer = 0;
    for (size_t at = 0; at < bench->walk_length; at++) {
        memcpy(bench->room, plain + starts[at], size);
        /* Else the compiler could see that only the last id is used. */
        __asm__ volatile("" : : "r"(bench->room) : "memory");
        answer += bench->room[bench->models_each - 1];
    }
}

void measure_long_lists(struct bench *bench)
{
    double each = (double)bench->models_each, copied, listed;
    uint64_t expected = 0;
    plain = need(malloc(bench->model_count * sizeof *plain));
    starts = need(malloc(bench->walk_length * sizeof *starts));
    memcpy(plain, bench->models, bench->model_count * sizeof *plain);
    for (size_t at = 0; at < bench->walk_length; at++) {
        starts[at] = below(bench, bench->owner_count) * bench->models_each;
        expected += plain[starts[at] + bench->models_each - 1];
    }
    copied = per_operation(bench, copy_all, bench->walk_length) / each;
    must(answer == expected, "memcpy copies");
    listed = per_operation(bench, list_all, bench->walk_length) / each;
    must(answer == bench->walk_sum, "long lists end with their last model");
    row(bench, "copy an id", "ns", copied);
    row(bench, "list an id", "ns", listed);
    row(bench, "list an id to copy an id", "times", listed / copied);
    free(plain);
    free(starts);
}
