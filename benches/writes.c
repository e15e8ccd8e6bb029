/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Changes by one thread: rounds of making a registry, filling it and taking it apart, each step with its own clock. */

#include "workload.h"

#include <string.h>

/* Of changes a slow writer makes in each step only a few. */
enum { MOST_ROUNDS = 256, FEW = 5 };

enum step { REGISTER, SCATTERED, REGISTER_LIST, REPLACE, UNREGISTER, RELEASE, CLEAR, RECLAIM, STEPS };

static const char *const step_names[STEPS] = {
    "register", "register, owners in turn", "register and list again", "replace", "unregister", "release an owner",
    "clear", "reclaim a model",
};

/* What each round took for an operation of each step. */
struct round {
    size_t count[STEPS];
    double took[STEPS][MOST_ROUNDS];
};

static struct order *scattered;
static uint64_t *scattered_models;

static void add(struct round *round, enum step step, uint64_t begun, size_t count)
{
    double took = (double)(now() - begun);
    if (round->count[step] < MOST_ROUNDS)
        round->took[step][round->count[step]++] = took / (double)count;
}

/* The same models, so that no two that follow one another are of one owner but by chance. */
static void scatter(struct bench *bench)
{
    memcpy(scattered, bench->orders, bench->model_count * sizeof *scattered);
    shuffle(bench, scattered, bench->model_count, sizeof *scattered);
}

static size_t changes_of(const struct bench *bench, size_t many) { return bench->with->slow_writer ? FEW : many; }

static void replace_some(struct bench *bench, struct round *round)
{
    size_t count = changes_of(bench, bench->model_count / 10 + 1);
    uint64_t begun;
    scatter(bench);
    begun = now();
    bench->with->register_many(bench->self, scattered, count, scattered_models);
    add(round, REPLACE, begun, count);
}

/* Filled owner by owner, as applications are loaded; some replaced; cleared. */
static void load_and_clear(struct bench *bench, struct round *round)
{
    const struct implementation *with = bench->with;
    uint64_t begun = now();
    workload_fill(bench);
    if (!with->slow_writer)
        add(round, REGISTER, begun, bench->model_count);
    replace_some(bench, round);
    begun = now();
    with->clear(bench->self);
    add(round, CLEAR, begun, 1);
    if (with->reclaim) {
        begun = now();
        with->reclaim(bench->self);
        add(round, RECLAIM, begun, bench->model_count);
    }
}

static void list_and_unregister(struct bench *bench, struct round *round)
{
    uint64_t begun, sum;
    scatter(bench);
    begun = now();
    sum = bench->with->register_list_many(bench->self, scattered, bench->model_count, scattered_models);
    add(round, REGISTER_LIST, begun, bench->model_count);
    for (size_t at = 0; at < bench->model_count; at++)
        sum -= scattered_models[at];
    must(sum == 0, "a list ends with the model that was registered last");
    begun = now();
    bench->with->unregister_many(bench->self, scattered, scattered_models, bench->model_count);
    add(round, UNREGISTER, begun, bench->model_count);
}

static void scatter_and_release(struct bench *bench, struct round *round)
{
    uint64_t begun;
    scatter(bench);
    begun = now();
    bench->with->register_many(bench->self, scattered, bench->model_count, scattered_models);
    add(round, SCATTERED, begun, bench->model_count);
    shuffle(bench, bench->owners, bench->owner_count, sizeof *bench->owners);
    begun = now();
    bench->with->release_many(bench->self, bench->owners, bench->owner_count);
    add(round, RELEASE, begun, bench->owner_count);
}

static void few_changes(struct bench *bench, struct round *round)
{
    size_t count = bench->model_count < FEW ? bench->model_count : FEW;
    uint64_t begun;
    workload_fill(bench);
    begun = now();
    bench->with->unregister_many(bench->self, bench->orders, bench->models, count);
    add(round, UNREGISTER, begun, count);
    begun = now();
    bench->with->register_many(bench->self, bench->orders, count, bench->models);
    add(round, REGISTER, begun, count);
    begun = now();
    bench->with->release_many(bench->self, bench->owners, 1);
    add(round, RELEASE, begun, 1);
}

static uint64_t bytes_counted(struct bench *bench)
{
    uint64_t in_use = 0, reserved = 0;
    if (bench->with->bytes)
        bench->with->bytes(bench->self, &in_use, &reserved);
    return in_use + reserved;
}

/* In the first round, before any memory could be used again. */
static void measure_memory(struct bench *bench)
{
    double heap = heap_bytes(), heap_open, heap_filled, models = (double)bench->model_count;
    double resident = resident_bytes();
    uint64_t counted;
    workload_open(bench);
    heap_open = heap_bytes();
    counted = bytes_counted(bench);
    row(bench, "heap of an owner", "bytes", (heap_open - heap) / (double)bench->owner_count);
    workload_fill(bench);
    heap_filled = heap_bytes();
    row(bench, "heap of a model", "bytes", (heap_filled - heap_open) / models);
    row(bench, "resident with owners, of a model", "bytes", (resident_bytes() - resident) / models);
    if (bench->with->bytes)
        row(bench, "counted of a model", "bytes", (double)(bytes_counted(bench) - counted) / models);
    if (bench->with->reclaim) {
        bench->with->clear(bench->self);
        bench->with->release_many(bench->self, bench->owners, bench->owner_count);
        bench->with->reclaim(bench->self);
    }
    if (bench->with->bytes) {
        uint64_t in_use, reserved;
        bench->with->bytes(bench->self, &in_use, &reserved);
        row(bench, "in use after letting go", "bytes", (double)in_use);
        row(bench, "reserved after letting go, of a slot", "bytes",
            (double)reserved / (double)(bench->model_count + bench->owner_count));
    }
    workload_close(bench);
    row(bench, "heap left, of a model", "bytes", (heap_bytes() - heap) / models);
}

static void one_round(struct bench *bench, struct round *round, void (*steps)(struct bench *, struct round *))
{
    workload_open(bench);
    steps(bench, round);
    workload_close(bench);
}

/* The first round does not count: later ones find memory that the process has had before. */
static void rounds(struct bench *bench, struct round *round, void (*steps)(struct bench *, struct round *))
{
    static struct round unused;
    uint64_t begun;
    memset(&unused, 0, sizeof unused);
    one_round(bench, &unused, steps);
    begun = now();
    do
        one_round(bench, round, steps);
    while (now() - begun < 3 * bench->nanoseconds);
}

void measure_writes(struct bench *bench)
{
    static struct round round;
    scattered = need(calloc(bench->model_count, sizeof *scattered));
    scattered_models = need(calloc(bench->model_count, sizeof *scattered_models));
    measure_memory(bench);
    rounds(bench, &round, load_and_clear);
    if (bench->with->slow_writer) {
        rounds(bench, &round, few_changes);
    } else {
        rounds(bench, &round, list_and_unregister);
        rounds(bench, &round, scatter_and_release);
    }
    for (int step = 0; step < STEPS; step++)
        if (round.count[step] > 0)
            row(bench, step_names[step], "ns", median(round.took[step], round.count[step]));
    free(scattered);
    free(scattered_models);
}
