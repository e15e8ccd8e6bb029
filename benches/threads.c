/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Two threads, each on a core of its own: readers beside one another, a reader beside a writer, a reader at a clear. */

#define _GNU_SOURCE

#include "workload.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <x86intrin.h>
static uint64_t ticks(void)
{
    unsigned core;
    return __rdtscp(&core);
}
#else
static uint64_t ticks(void) { return now(); }
#endif

enum { CHUNK = 256, CHANGES = 16, MOST_SAMPLES = 1 << 20, CLEARS = 5, TURNS = 5, CORES = 2, EMPTY_AFTER = 1000000 };

struct worker {
    _Alignas(128) struct bench *bench;
    int core;
    /** Where in the walk or in the questions it begins. */
    size_t begin;
    /** All on one owner. */
    bool one_owner;
    void (*work)(struct worker *worker);
    pthread_t thread;
    uint64_t operations;
    uint64_t seen;
    uint32_t *samples;
    size_t sample_count;
    uint64_t room[16];
};

static _Alignas(128) bool stop;
static _Alignas(128) int ready;
static uint64_t same_owner[CHUNK];

static bool stopped(void) { return __atomic_load_n(&stop, __ATOMIC_ACQUIRE); }

static void read_lists(struct worker *worker)
{
    struct bench *bench = worker->bench;
    size_t at = worker->begin;
    while (!stopped()) {
        const uint64_t *owners = worker->one_owner ? same_owner : bench->walk + at;
        bench->with->list_many(bench->self, owners, CHUNK, worker->room, bench->models_each);
        worker->operations += CHUNK;
        at = at + 2 * CHUNK <= bench->walk_length ? at + CHUNK : 0;
    }
}

static void read_names(struct worker *worker)
{
    struct bench *bench = worker->bench;
    size_t at = worker->begin % bench->question_count;
    while (!stopped()) {
        bench->with->get_many(bench->self, bench->questions + (worker->one_owner ? 0 : at), CHUNK);
        worker->operations += CHUNK;
        at = at + 2 * CHUNK <= bench->question_count ? at + CHUNK : 0;
    }
}

/* Every list has all its models at every moment: each change puts one in another's place. */
static void read_timed(struct worker *worker)
{
    struct bench *bench = worker->bench;
    size_t at = worker->begin;
    /* Once at least, however busy the machine is. */
    do {
        uint64_t begun = ticks();
        size_t count = bench->with->list(bench->self, bench->walk[at], worker->room, bench->models_each);
        uint64_t took = ticks() - begun;
        worker->samples[worker->sample_count++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
        must(count == bench->models_each, "a list is complete beside a writer");
        at = at + 1 < bench->walk_length ? at + 1 : 0;
    } while (!stopped() && worker->sample_count < MOST_SAMPLES);
}

static void write_without_pause(struct worker *worker)
{
    struct bench *bench = worker->bench;
    uint64_t models[CHANGES];
    size_t at = worker->begin % bench->question_count, count = bench->with->slow_writer ? 1 : CHANGES;
    while (!stopped()) {
        const struct order *orders = worker->one_owner ? bench->orders : bench->questions + at;
        size_t changes = worker->one_owner && count > bench->models_each ? bench->models_each : count;
        bench->with->register_many(bench->self, orders, changes, models);
        worker->operations += changes;
        at = at + 2 * CHANGES <= bench->question_count ? at + CHANGES : 0;
    }
}

static void see_empty(struct worker *worker)
{
    struct bench *bench = worker->bench;
    while (bench->with->list(bench->self, bench->owners[0], worker->room, bench->models_each) != 0)
        ;
    worker->seen = now();
}

static void *begin_work(void *argument)
{
    struct worker *worker = argument;
    pin(worker->core);
    __atomic_add_fetch(&ready, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) > 0)
        ;
    worker->work(worker);
    return NULL;
}

static struct worker *add_worker(struct worker *worker, struct bench *bench, int core, void (*work)(struct worker *))
{
    memset(worker, 0, sizeof *worker);
    worker->bench = bench;
    worker->core = core;
    worker->work = work;
    worker->begin = below(bench, bench->walk_length / CHUNK) * CHUNK;
    return worker;
}

static void start(struct worker *workers, int count)
{
    stop = false;
    ready = 0;
    for (int at = 0; at < count; at++)
        must(pthread_create(&workers[at].thread, NULL, begin_work, &workers[at]) == 0, "there is a thread");
    while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < count)
        ;
    __atomic_store_n(&ready, 0, __ATOMIC_RELEASE);
}

static void join(struct worker *workers, int count)
{
    for (int at = 0; at < count; at++)
        pthread_join(workers[at].thread, NULL);
}

/* Lets them work for so many times the time of a measurement; how long that was, in seconds. */
static double let_work(struct worker *workers, int count, unsigned times)
{
    uint64_t nanoseconds = times * workers[0].bench->nanoseconds, begun;
    struct timespec pause = {(time_t)(nanoseconds / 1000000000u), (long)(nanoseconds % 1000000000u)};
    start(workers, count);
    begun = now();
    nanosleep(&pause, NULL);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    join(workers, count);
    return (double)(now() - begun) / 1e9;
}

/* Millions a second of so many readers, the first of them on this core. */
static double readers(struct bench *bench, int core, int count, bool one_owner, void (*work)(struct worker *))
{
    struct worker workers[CORES];
    double operations = 0, seconds;
    for (int at = 0; at < count; at++)
        add_worker(&workers[at], bench, core + at, work)->one_owner = one_owner;
    seconds = let_work(workers, count, 1);
    for (int at = 0; at < count; at++)
        operations += (double)workers[at].operations;
    return operations / seconds / 1e6;
}

/* In turn, as the machine is not as fast at all times, nor is one core as the other: one reader is the mean of one on each. */
static void measure_readers(struct bench *bench, const char *what, bool one_owner, void (*work)(struct worker *))
{
    const char *where = one_owner ? "one owner" : "random owners";
    double one[TURNS], two[TURNS], times[TURNS];
    char name[96];
    for (int at = 0; at < TURNS; at++) {
        one[at] = readers(bench, 0, 1, one_owner, work) / CORES;
        two[at] = readers(bench, 0, CORES, one_owner, work);
        one[at] += readers(bench, 1, 1, one_owner, work) / CORES;
        times[at] = two[at] / one[at];
    }
    snprintf(name, sizeof name, "%s, %s: one reader", what, where);
    row(bench, name, "M/s", median(one, TURNS));
    snprintf(name, sizeof name, "%s, %s: two readers", what, where);
    row(bench, name, "M/s", median(two, TURNS));
    snprintf(name, sizeof name, "%s, %s: two readers to one", what, where);
    row(bench, name, "times", median(times, TURNS));
}

static void measure_beside_writer(struct bench *bench, bool one_owner)
{
    const char *where = one_owner ? "one owner" : "random owners";
    struct worker workers[CORES];
    char name[96];
    double alone = readers(bench, 0, 1, one_owner, read_lists), seconds;
    add_worker(&workers[0], bench, 0, read_lists)->one_owner = one_owner;
    add_worker(&workers[1], bench, 1, write_without_pause)->one_owner = one_owner;
    seconds = let_work(workers, CORES, 3);
    snprintf(name, sizeof name, "list beside a writer, %s", where);
    row(bench, name, "M/s", (double)workers[0].operations / seconds / 1e6);
    snprintf(name, sizeof name, "list beside a writer to alone, %s", where);
    row(bench, name, "times", (double)workers[0].operations / seconds / 1e6 / alone);
    snprintf(name, sizeof name, "changes beside a reader, %s", where);
    row(bench, name, "M/s", (double)workers[1].operations / seconds / 1e6);
}

static int by_size(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

static double tick_nanoseconds(void)
{
    uint64_t time = now(), count = ticks();
    while (now() - time < 5000000)
        ;
    return (double)(now() - time) / (double)(ticks() - count);
}

static double percentile(const struct worker *reader, double part, double nanoseconds)
{
    return reader->samples[(size_t)((double)(reader->sample_count - 1) * part)] * nanoseconds;
}

/* Reading the clock twice is in each. */
static void measure_percentiles(struct bench *bench, bool beside_writer)
{
    struct worker workers[CORES];
    double nanoseconds = tick_nanoseconds();
    const char *where = beside_writer ? "beside a writer" : "alone";
    const struct { const char *name; double part; } parts[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};
    char name[64];
    add_worker(&workers[0], bench, 0, read_timed);
    add_worker(&workers[1], bench, 1, write_without_pause);
    workers[0].samples = need(calloc(MOST_SAMPLES, sizeof(uint32_t)));
    let_work(workers, beside_writer ? CORES : 1, 3);
    must(workers[0].sample_count > 0, "the reader answered");
    qsort(workers[0].samples, workers[0].sample_count, sizeof(uint32_t), by_size);
    for (size_t at = 0; at < sizeof parts / sizeof parts[0]; at++) {
        snprintf(name, sizeof name, "list %s, %s", where, parts[at].name);
        row(bench, name, "ns", percentile(&workers[0], parts[at].part, nanoseconds));
    }
    free(workers[0].samples);
}

double until_empty(struct bench *bench, void (*change)(struct bench *bench))
{
    struct worker worker;
    uint64_t begun = now();
    add_worker(&worker, bench, 1, see_empty);
    start(&worker, 1);
    while (now() - begun < EMPTY_AFTER)
        ;
    begun = now();
    change(bench);
    join(&worker, 1);
    return (double)(worker.seen - begun);
}

static void clear(struct bench *bench) { bench->with->clear(bench->self); }

/* The shortest of some, because a reader that happens to be off its core sees nothing. */
void measure_clear(struct bench *bench, void (*fill)(struct bench *bench))
{
    double shortest = 1e18;
    for (int at = 0; at < CLEARS; at++) {
        double visible;
        fill(bench);
        visible = until_empty(bench, clear);
        if (visible < shortest)
            shortest = visible;
        if (bench->with->reclaim)
            bench->with->reclaim(bench->self);
    }
    row(bench, "clear until visible", "ns", shortest);
}

bool two_cores(const struct bench *bench)
{
    if (!pin(1)) {
        fprintf(stderr, "skipped: %s with two threads because there is one core\n", bench->with->name);
        return false;
    }
    pin(0);
    return true;
}

void measure_threads(struct bench *bench)
{
    must(bench->models_each <= 16, "a list fits into the room of a thread");
    if (!two_cores(bench))
        return;
    for (size_t at = 0; at < CHUNK; at++)
        same_owner[at] = bench->owners[0];
    measure_readers(bench, "list", false, read_lists);
    measure_readers(bench, "list", true, read_lists);
    measure_readers(bench, "look up", false, read_names);
    measure_beside_writer(bench, false);
    measure_beside_writer(bench, true);
    measure_percentiles(bench, false);
    measure_percentiles(bench, true);
    /* The last thing: it empties the registry. */
    measure_clear(bench, workload_fill);
}
