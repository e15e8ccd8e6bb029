/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#define _GNU_SOURCE

#include "workload.h"

#include <malloc.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

/* A pass is at least so long that reading the clock twice does not count. */
enum { LEAST_PASS = 4096, MOST_QUESTIONS = 65536, LONGEST_NAME = 48, SHORTEST_NAME = 4, MOST_PASSES = 4096 };

static const char *const shared_names[STRUCTURES] = {
    "Customer", "Order", "OrderItem", "Product", "Address", "Invoice", "Payment", "Shipment", "Category", "AccessToken",
};

uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* SplitMix64: the same numbers everywhere, from the seed alone. */
uint64_t next_random(struct bench *bench)
{
    uint64_t z = bench->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

size_t below(struct bench *bench, size_t bound) { return (size_t)(next_random(bench) % bound); }

void shuffle(struct bench *bench, void *items, size_t count, size_t size)
{
    char *bytes = items;
    char kept[64];
    must(size <= sizeof kept, "an item is small enough to be shuffled");
    for (size_t left = count; left > 1; left--) {
        char *one = bytes + (left - 1) * size;
        char *other = bytes + below(bench, left) * size;
        memcpy(kept, one, size);
        memmove(one, other, size);
        memcpy(other, kept, size);
    }
}

void *need(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "no memory for the workload\n");
        exit(1);
    }
    return memory;
}

void must(bool right, const char *what)
{
    if (!right) {
        fprintf(stderr, "WRONG: %s\n", what);
        exit(1);
    }
}

/* Letters and digits; the number makes it the only one. */
static size_t make_name(struct bench *bench, char *name, size_t number)
{
    size_t length = SHORTEST_NAME + below(bench, LONGEST_NAME - SHORTEST_NAME - 12);
    for (size_t at = 0; at < length; at++)
        name[at] = (char)('a' + below(bench, 26));
    return length + (size_t)sprintf(name + length, "%zu", number);
}

static void name_models(struct bench *bench)
{
    size_t size = LONGEST_NAME + 1;
    /* Long lists need more names than there are shared ones; owners share these as well. */
    size_t distinct = bench->random_names ? bench->model_count : bench->models_each;
    bench->names = need(calloc(distinct, size));
    for (size_t number = 0; number < distinct; number++) {
        char *name = bench->names + number * size;
        if (bench->random_names)
            make_name(bench, name, number);
        else if (number < STRUCTURES)
            strcpy(name, shared_names[number]);
        else
            sprintf(name, "Model%zu", number);
    }
    for (size_t at = 0; at < bench->model_count; at++) {
        struct order *order = &bench->orders[at];
        order->name = bench->names + (at % distinct) * size;
        order->length = (uint32_t)strlen(order->name);
        order->structure = (uint32_t)(at % bench->models_each % STRUCTURES);
    }
}

void workload_prepare(struct bench *bench)
{
    bench->random = 42;
    bench->model_count = bench->owner_count * bench->models_each;
    bench->owners = need(calloc(bench->owner_count, sizeof *bench->owners));
    bench->orders = need(calloc(bench->model_count, sizeof *bench->orders));
    bench->models = need(calloc(bench->model_count, sizeof *bench->models));
    bench->room = need(calloc(bench->models_each + 1, sizeof *bench->room));
    bench->walk_length = bench->owner_count > LEAST_PASS ? bench->owner_count : LEAST_PASS;
    bench->walk = need(calloc(bench->walk_length, sizeof *bench->walk));
    bench->question_count = bench->model_count < MOST_QUESTIONS ? bench->model_count : MOST_QUESTIONS;
    if (bench->question_count < LEAST_PASS)
        bench->question_count = LEAST_PASS;
    bench->questions = need(calloc(bench->question_count, sizeof *bench->questions));
    name_models(bench);
}

void workload_open(struct bench *bench)
{
    bench->self = need(bench->with->create());
    for (size_t number = 0; number < bench->owner_count; number++)
        bench->owners[number] = bench->with->add_owner(bench->self, number);
    shuffle(bench, bench->owners, bench->owner_count, sizeof *bench->owners);
    for (size_t at = 0; at < bench->model_count; at++)
        bench->orders[at].owner = bench->owners[at / bench->models_each];
}

void workload_fill(struct bench *bench)
{
    const struct implementation *with = bench->with;
    void (*fill)(void *, const struct order *, size_t, uint64_t *) = with->fill ? with->fill : with->register_many;
    fill(bench->self, bench->orders, bench->model_count, bench->models);
}

void workload_questions(struct bench *bench)
{
    bench->walk_sum = bench->question_sum = 0;
    /* Positions first: which models an owner has is found by where it stands. */
    for (size_t at = 0; at < bench->walk_length; at++)
        bench->walk[at] = at % bench->owner_count;
    shuffle(bench, bench->walk, bench->walk_length, sizeof *bench->walk);
    for (size_t at = 0; at < bench->walk_length; at++) {
        size_t owner = (size_t)bench->walk[at];
        bench->walk_sum += bench->models[(owner + 1) * bench->models_each - 1];
        bench->walk[at] = bench->owners[owner];
    }
    for (size_t at = 0; at < bench->question_count; at++) {
        size_t model = below(bench, bench->model_count);
        bench->questions[at] = bench->orders[model];
        bench->question_sum += bench->models[model];
    }
}

void workload_close(struct bench *bench)
{
    bench->with->destroy(bench->self);
    bench->self = NULL;
}

static int by_value(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The median of the passes: one that was interrupted does not count. */
double per_operation(struct bench *bench, pass *once, size_t count)
{
    static double took[MOST_PASSES];
    size_t passes = 0;
    uint64_t begun;
    once(bench);
    begun = now();
    do {
        uint64_t started = now();
        once(bench);
        took[passes++] = (double)(now() - started);
    } while (now() - begun < bench->nanoseconds && passes < MOST_PASSES);
    return median(took, passes) / (double)count;
}

void row(const struct bench *bench, const char *operation, const char *unit, double value)
{
    printf("\"%s\",%zu,%zu,%s,\"%s\",%s,%.3f\n", bench->with->name, bench->owner_count, bench->models_each,
           bench->random_names ? "random" : "shared", operation, unit, value);
}

double heap_bytes(void)
{
    struct mallinfo2 heap = mallinfo2();
    return (double)heap.uordblks + (double)heap.hblkhd;
}

double resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %llu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Of the cores that the process may use, by their order. */
bool pin(int core)
{
    static cpu_set_t allowed;
    static bool known;
    cpu_set_t one;
    int seen = 0;
    if (!known) {
        if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
            return false;
        known = true;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || seen++ != core)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        return sched_setaffinity(0, sizeof one, &one) == 0;
    }
    return false;
}
