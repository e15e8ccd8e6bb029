/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What the benchmark asks of an implementation. Each function does a whole row of operations, so that the loop lies
 * on the implementation's side of the call: what is inlined there stays inlined, and a peer pays for no call that
 * its own users would not make.
 */

#ifndef BENCHES_DRIVER_H
#define BENCHES_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A model to be registered, or to be looked for. */
struct order {
    uint64_t owner;
    const char *name;
    uint32_t length;
    /** Which of the `STRUCTURES` it has. */
    uint32_t structure;
};

/** A partition and a name, for look-ups in one tenant. */
struct place {
    const char *tenant;
    uint32_t tenant_length;
    uint32_t structure;
    const char *name;
    uint64_t length;
};

/** `BATCH` is how many questions one call asks, where it can ask many. */
enum { STRUCTURES = 10, TENANT_ROOM = 64, BATCH = 256 };

/**
 * Functions that an implementation has no counterpart for are NULL, and their rows are left out. Those that ask answer
 * with a sum, which is compared with the right one: of the last id of each list, of each id that was found.
 */
struct implementation {
    const char *name;
    /** A change copies everything: changes are measured a few at a time. */
    uint64_t slow_writer;

    void *(*create)(void);
    void (*destroy)(void *self);
    uint64_t (*add_owner)(void *self, uint64_t number);
    /** Writes the label of an owner's partition into `TENANT_ROOM` bytes. */
    void (*tenant_of)(void *self, uint64_t owner, char *label);

    /** As `register_many`, where there is a faster way to begin with many. May be NULL. */
    void (*fill)(void *self, const struct order *orders, size_t count, uint64_t *models);
    void (*register_many)(void *self, const struct order *orders, size_t count, uint64_t *models);
    /** Registers each, and lists its owner after it. */
    uint64_t (*register_list_many)(void *self, const struct order *orders, size_t count, uint64_t *models);
    void (*unregister_many)(void *self, const struct order *orders, const uint64_t *models, size_t count);
    void (*release_many)(void *self, const uint64_t *owners, size_t count);
    void (*clear)(void *self);
    void (*reclaim)(void *self);

    size_t (*list)(void *self, uint64_t owner, uint64_t *models, size_t capacity);
    uint64_t (*list_many)(void *self, const uint64_t *owners, size_t count, uint64_t *room, size_t capacity);
    /** Each question depends on the answer to the one before it. */
    uint64_t (*list_chain)(void *self, const uint64_t *owners, size_t count, uint64_t *room, size_t capacity);
    uint64_t (*get_many)(void *self, const struct order *questions, size_t count);
    uint64_t (*get_chain)(void *self, const struct order *questions, size_t count);
    /** As `list_many` and `get_many`, where many can be asked in one call. `room` is for `BATCH` lists. */
    uint64_t (*list_batch)(void *self, const uint64_t *owners, size_t count, uint64_t *room, size_t capacity);
    uint64_t (*get_batch)(void *self, const struct order *questions, size_t count);

    /** How many of the handles are valid. */
    uint64_t (*owners_valid)(void *self, const uint64_t *owners, size_t count);
    uint64_t (*models_valid)(void *self, const uint64_t *models, size_t count);

    uint64_t (*find_name_many)(void *self, const struct order *questions, size_t count);
    uint64_t (*find_structure_many)(void *self, const struct order *questions, size_t count);
    uint64_t (*find_name_in_tenant)(void *self, const struct place *questions, size_t count);
    uint64_t (*find_structure_in_tenant)(void *self, const struct place *questions, size_t count);

    /** `bytes_in_use` and `bytes_reserved`. */
    void (*bytes)(void *self, uint64_t *in_use, uint64_t *reserved);
};

/** What a program has, ended by NULL. Given by the file that the driver is linked with. */
extern const struct implementation *const implementations[];

#ifdef __cplusplus
}
#endif

#endif
