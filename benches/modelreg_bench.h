/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What the files of the benchmark that call this library have in common. */

#ifndef BENCHES_MODELREG_BENCH_H
#define BENCHES_MODELREG_BENCH_H

#include "workload.h"

#include <modelreg.h>

extern const struct implementation bench_modelreg;
extern mreg_schema bench_schemas[STRUCTURES];

static inline mreg_registry registry_of(void *self) { return *(mreg_registry *)self; }

/** Ends the process where a call failed. */
void check_status(mreg_status status, const mreg_error *error, const char *what);
/** A data source; those of one database share a partition. */
mreg_owner bench_data_source(mreg_registry registry, const char *database);

#endif
