/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Measures the floors over as many owners as the implementations have. */

#include "floor.h"
#include "workload.h"

#include <pthread.h>

static void *create(void) { return need(malloc(1)); }

static void destroy(void *self) { free(self); }

static size_t list(void *self, uint64_t owner, uint64_t *models, size_t capacity)
{
    (void)self, (void)owner, (void)models;
    return floor_is_full() ? capacity : 0;
}

static void clear(void *self)
{
    (void)self;
    floor_set(0);
}

static const struct implementation floors = {
    .name = "floor", .create = create, .destroy = destroy, .list = list, .clear = clear};
const struct implementation *const implementations[] = {&floors, NULL};

static uint64_t *handles;
static size_t handle_count;

static void call_all(struct bench *bench)
{
    uint64_t sum = 0;
    for (size_t at = 0; at < handle_count; at++)
        sum += floor_call(handles[at]);
    must(sum == bench->walk_sum, "an empty call gives its argument back");
}

static void check_all(struct bench *bench)
{
    size_t valid = 0;
    (void)bench;
    for (size_t at = 0; at < handle_count; at++)
        valid += floor_check(handles[at]);
    must(valid == handle_count, "every handle is valid");
}

static void copy_all(struct bench *bench)
{
    uint64_t sum = 0, ids[FLOOR_LIST];
    for (size_t at = 0; at < handle_count; at++)
        sum += ids[floor_copy(handles[at], ids) - 1];
    must(sum == bench->walk_sum * FLOOR_LIST, "the copies are those of the table");
}

static void copy_chain(struct bench *bench)
{
    uint64_t sum = 0, last = 0, ids[FLOOR_LIST];
    for (size_t at = 0; at < handle_count; at++)
        sum += last = ids[floor_copy(handles[at] + (last >> 63), ids) - 1];
    must(sum == bench->walk_sum * FLOOR_LIST, "the copies are those of the table");
}

static void walk_over(struct bench *bench, size_t count)
{
    floor_open(count);
    handle_count = count > 4096 ? count : 4096;
    handles = need(calloc(handle_count, sizeof *handles));
    bench->walk_sum = 0;
    for (size_t at = 0; at < handle_count; at++)
        bench->walk_sum += handles[at] = at % count + 1;
    shuffle(bench, handles, handle_count, sizeof *handles);
}

static void walk_end(void)
{
    free(handles);
    floor_close();
}

static void fill(struct bench *bench)
{
    (void)bench;
    floor_set(1);
}

enum { HAND_OVERS = 200000 };
static _Alignas(128) size_t ball;

static void throw_and_catch(size_t first)
{
    for (size_t turn = first; turn < HAND_OVERS; turn += 2) {
        while (__atomic_load_n(&ball, __ATOMIC_ACQUIRE) != turn)
            ;
        __atomic_store_n(&ball, turn + 1, __ATOMIC_RELEASE);
    }
}

static void *play(void *unused)
{
    pin(1);
    throw_and_catch(1);
    return unused;
}

/* What it takes until a line that the other core wrote is here: what a change of something that is read costs at least. */
static void measure_line(struct bench *bench)
{
    pthread_t other;
    uint64_t begun;
    ball = 0;
    must(pthread_create(&other, NULL, play, NULL) == 0, "there is a thread");
    begun = now();
    throw_and_catch(0);
    pthread_join(other, NULL);
    row(bench, "line from the other core", "ns", (double)(now() - begun) / HAND_OVERS);
}

void measure_extra(struct bench *bench)
{
    if (two_cores(bench)) {
        bench->walk_length = 4096;
        measure_clear(bench, fill);
        measure_line(bench);
    }
    walk_over(bench, bench->owner_count);
    row(bench, "call", "ns", per_operation(bench, call_all, handle_count));
    row(bench, "owner valid", "ns", per_operation(bench, check_all, handle_count));
    row(bench, "list", "ns", per_operation(bench, copy_all, handle_count));
    row(bench, "list latency", "ns", per_operation(bench, copy_chain, handle_count));
    walk_end();
    walk_over(bench, bench->owner_count * bench->models_each);
    row(bench, "model valid", "ns", per_operation(bench, check_all, handle_count));
    walk_end();
}
