/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The workload that all implementations get, and the clock. */

#ifndef BENCHES_WORKLOAD_H
#define BENCHES_WORKLOAD_H

#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct bench {
    const struct implementation *with;
    void *self;
    size_t owner_count;
    /** Of each owner. */
    size_t models_each;
    /** Every model has a name of its own, of random length; else an owner's models have the same names as any other's. */
    bool random_names;
    /** How long one row is measured, at least. */
    uint64_t nanoseconds;
    uint64_t random;

    uint64_t *owners;
    /** All models, owner by owner, the owners in random order. */
    struct order *orders;
    uint64_t *models;
    size_t model_count;
    char *names;

    /** Owners in random order, as many times as it takes to make a pass long enough for the clock. */
    uint64_t *walk;
    size_t walk_length;
    /** What `list_many` has to answer for the walk. */
    uint64_t walk_sum;
    struct order *questions;
    size_t question_count;
    uint64_t question_sum;
    uint64_t *room;
};

/** A row of the measured table: once over something, which is `count` operations. */
typedef void pass(struct bench *bench);

uint64_t now(void);
uint64_t next_random(struct bench *bench);
size_t below(struct bench *bench, size_t bound);
void shuffle(struct bench *bench, void *items, size_t count, size_t size);
void *need(void *memory);
void must(bool right, const char *what);

/** Names, orders and room for the answers, once for all registries of a process. */
void workload_prepare(struct bench *bench);
/** A new registry with all owners. */
void workload_open(struct bench *bench);
void workload_fill(struct bench *bench);
/** The walk and the questions, for the registry as it is now. */
void workload_questions(struct bench *bench);
void workload_close(struct bench *bench);

/** Sorts them. */
double median(double *values, size_t count);
/** Nanoseconds an operation takes in passes of `count` of them, after one pass to warm up. */
double per_operation(struct bench *bench, pass *once, size_t count);
void row(const struct bench *bench, const char *operation, const char *unit, double value);
/** Bytes that malloc has given out, and bytes of the process that lie in memory. */
double heap_bytes(void);
double resident_bytes(void);
/** Puts the calling thread onto a core; false where it may not run there. */
bool pin(int core);

/** Whether two threads can have a core each; says so where they cannot. */
bool two_cores(const struct bench *bench);
/** Nanoseconds from a change that empties all lists to the first empty answer that another thread gets. */
double until_empty(struct bench *bench, void (*change)(struct bench *bench));
/** Measures that for a clear of what `fill` puts there. */
void measure_clear(struct bench *bench, void (*fill)(struct bench *bench));

void check_behaviour(const struct implementation *with);
void check_filled(struct bench *bench);
void measure_reads(struct bench *bench);
void measure_long_lists(struct bench *bench);
void measure_writes(struct bench *bench);
void measure_threads(struct bench *bench);
/** What only one implementation has; given by the file that the driver is linked with. */
void measure_extra(struct bench *bench);

#endif
