/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Built as a shared library of its own, so that each call goes the way a call to modelreg goes. */

#include "floor.h"

#include <stdlib.h>
#include <string.h>

static uint64_t *generations;
static uint64_t (*lists)[FLOOR_LIST];
static _Alignas(128) _Bool is_full;

void floor_open(size_t count)
{
    generations = calloc(count, sizeof *generations);
    lists = calloc(count, sizeof *lists);
    if (generations == NULL || lists == NULL)
        abort();
    for (size_t at = 0; at < count; at++) {
        generations[at] = at + 1;
        for (size_t position = 0; position < FLOOR_LIST; position++)
            lists[at][position] = at * FLOOR_LIST + position + 1;
    }
}

void floor_close(void)
{
    free(generations);
    free(lists);
}

uint64_t floor_call(uint64_t handle) { return handle; }

_Bool floor_check(uint64_t handle)
{
    return __atomic_load_n(&generations[handle - 1], __ATOMIC_ACQUIRE) == handle;
}

size_t floor_copy(uint64_t handle, uint64_t *ids)
{
    memcpy(ids, lists[handle - 1], sizeof lists[0]);
    return FLOOR_LIST;
}

void floor_set(_Bool full) { __atomic_store_n(&is_full, full, __ATOMIC_RELEASE); }

_Bool floor_is_full(void) { return __atomic_load_n(&is_full, __ATOMIC_ACQUIRE); }
