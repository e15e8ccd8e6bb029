/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * One repetition of the benchmark for one implementation and one size, in a process of its own:
 *
 *     PROGRAM IMPLEMENTATION OWNERS MODELS_EACH shared|random MILLISECONDS PART...
 *
 * The parts: check, reads, lists (long ones), writes, threads, extra. Without arguments: the implementations it has.
 * Each row that was measured is a line: implementation, owners, models each, names, operation, unit, value.
 */

#include "workload.h"

#include <string.h>

static const struct implementation *find(const char *name)
{
    for (size_t at = 0; implementations[at] != NULL; at++)
        if (strcmp(implementations[at]->name, name) == 0)
            return implementations[at];
    fprintf(stderr, "no implementation %s\n", name);
    exit(2);
}

static void run_filled(struct bench *bench, const char *part)
{
    workload_open(bench);
    workload_fill(bench);
    workload_questions(bench);
    check_filled(bench);
    if (strcmp(part, "reads") == 0)
        measure_reads(bench);
    else if (strcmp(part, "lists") == 0)
        measure_long_lists(bench);
    else
        measure_threads(bench);
    workload_close(bench);
}

static void run(struct bench *bench, const char *part)
{
    if (strcmp(part, "check") == 0)
        check_behaviour(bench->with);
    else if (strcmp(part, "writes") == 0)
        measure_writes(bench);
    else if (strcmp(part, "extra") == 0)
        measure_extra(bench);
    else if (strcmp(part, "reads") == 0 || strcmp(part, "lists") == 0 || strcmp(part, "threads") == 0)
        run_filled(bench, part);
    else {
        fprintf(stderr, "no part %s\n", part);
        exit(2);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    if (argc < 7) {
        for (size_t at = 0; implementations[at] != NULL; at++)
            puts(implementations[at]->name);
        return argc == 1 ? 0 : 2;
    }
    bench.with = find(argv[1]);
    bench.owner_count = strtoul(argv[2], NULL, 10);
    bench.models_each = strtoul(argv[3], NULL, 10);
    bench.random_names = strcmp(argv[4], "random") == 0;
    bench.nanoseconds = strtoul(argv[5], NULL, 10) * 1000000u;
    must(bench.owner_count > 0 && bench.models_each > 0, "there are owners and models");
    pin(0);
    workload_prepare(&bench);
    for (int at = 6; at < argc; at++)
        run(&bench, argv[at]);
    return 0;
}
