/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The least that a call into a shared library can cost, to measure against. */

#ifndef BENCHES_FLOOR_H
#define BENCHES_FLOOR_H

#include <stddef.h>
#include <stdint.h>

enum { FLOOR_LIST = 10 };

void floor_open(size_t count);
void floor_close(void);
/** An empty call. */
uint64_t floor_call(uint64_t handle);
/** One acquire load of a table's entry, and a comparison. */
_Bool floor_check(uint64_t handle);
/** Copies the ten ids of an entry. */
size_t floor_copy(uint64_t handle, uint64_t *ids);
/** One store, and one load that sees it. */
void floor_set(_Bool full);
_Bool floor_is_full(void);

#endif
