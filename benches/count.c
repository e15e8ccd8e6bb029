/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Runs single operations under callgrind, which counts their instructions, N of them and then twice as many:
 *
 *     count OWNERS
 *
 * Only what is counted runs with counting switched on, so that a million models are there within seconds. At the end it
 * says how many bytes a model takes.
 */

#include "modelreg_bench.h"

#include <valgrind/callgrind.h>

enum { MODELS_EACH = 10, READS = 1000, CHANGES = 50, ROUNDS = 10 };

typedef void operation(struct bench *bench, size_t count);

static uint64_t answer;

static void valid_owner(struct bench *bench, size_t count)
{
    answer = bench->with->owners_valid(bench->self, bench->walk, count);
}

static void valid_model(struct bench *bench, size_t count)
{
    answer = bench->with->models_valid(bench->self, bench->models, count);
}

static void list(struct bench *bench, size_t count)
{
    answer = bench->with->list_many(bench->self, bench->walk, count, bench->room, MODELS_EACH);
}

static void look_up(struct bench *bench, size_t count)
{
    answer = bench->with->get_many(bench->self, bench->questions, count);
}

static void find_by_name(struct bench *bench, size_t count)
{
    answer = bench->with->find_name_many(bench->self, bench->questions, count);
}

static struct order orders[2 * CHANGES];
static uint64_t models[2 * CHANGES];

static void register_models(struct bench *bench, size_t count)
{
    bench->with->register_many(bench->self, orders, count, models);
}

/* Of each of the first owners the last model, which is then registered again. */
static void make_room(struct bench *bench, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        size_t last = (at + 1) * MODELS_EACH - 1;
        orders[at] = bench->orders[last];
        bench->with->list(bench->self, orders[at].owner, bench->room, MODELS_EACH);
        models[at] = bench->room[MODELS_EACH - 1];
    }
    bench->with->unregister_many(bench->self, orders, models, count);
    bench->with->reclaim(bench->self);
}

/* A change is counted in rounds, so that each finds the registry as a full one. */
static void count_one(struct bench *bench, const char *name, operation *run, size_t count)
{
    int rounds = run == register_models ? ROUNDS : 1;
    char trigger[64];
    snprintf(trigger, sizeof trigger, "%s:%zu", name, count * (size_t)rounds);
    if (run != register_models)
        run(bench, count);
    CALLGRIND_ZERO_STATS;
    for (int round = 0; round < rounds; round++) {
        if (run == register_models)
            make_room(bench, count);
        CALLGRIND_START_INSTRUMENTATION;
        run(bench, count);
        CALLGRIND_STOP_INSTRUMENTATION;
    }
    CALLGRIND_DUMP_STATS_AT(trigger);
}

static void count_twice(struct bench *bench, const char *name, operation *run, size_t count)
{
    count_one(bench, name, run, count);
    count_one(bench, name, run, 2 * count);
}

int main(int argc, char **argv)
{
    struct bench bench = {.with = &bench_modelreg, .models_each = MODELS_EACH};
    uint64_t in_use, reserved, owners_in_use, owners_reserved;
    bench.owner_count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    must(bench.owner_count >= 2 * CHANGES, "there are owners enough");
    workload_prepare(&bench);
    workload_open(&bench);
    bench.with->bytes(bench.self, &owners_in_use, &owners_reserved);
    workload_fill(&bench);
    bench.with->bytes(bench.self, &in_use, &reserved);
    workload_questions(&bench);
    count_twice(&bench, "valid owner", valid_owner, READS);
    count_twice(&bench, "valid model", valid_model, MODELS_EACH * CHANGES);
    count_twice(&bench, "list", list, READS);
    count_twice(&bench, "look up", look_up, READS);
    count_twice(&bench, "find by name", find_by_name, READS);
    count_twice(&bench, "register", register_models, CHANGES);
    printf("bytes per model:%.0f\n",
           (double)(in_use + reserved - owners_in_use - owners_reserved) / (double)bench.model_count);
    workload_close(&bench);
    return answer == 0;
}
