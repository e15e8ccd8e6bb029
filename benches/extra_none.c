/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* For programs whose implementations have nothing of their own to measure. */

#include "workload.h"

void measure_extra(struct bench *bench) { (void)bench; }
