/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef MODELREG_H
#define MODELREG_H

/*
 * modelreg: which models belong to which owners in which tenants, asked at the speed of a memory read.
 *
 * This file is generated from the library's source and is its reference. Read this page first: what it says holds for
 * every function.
 *
 * HANDLES. Registries, owners, models, snapshots, schemas, load reports, watchers and queues are handles: 64-bit numbers, 0
 *   for none. A handle is checked before anything is done with it. One that is null, of another type, of another registry, made up,
 *   or of something that is gone gets a status of its own, for ever; none is ever undefined behaviour. The top bit is
 *   always 0. The low half of a handle alone is never valid: declare handles as 64 bits wide in your language.
 *
 * STATUS AND ERRORS. A function that can fail returns an mreg_status, MREG_OK (0) for success, and takes an mreg_error of
 *   the caller's as its last argument. That may be NULL. It is filled when the call fails, and left alone when it
 *   succeeds: test the returned status, not error.code. A call that fails has changed nothing in the library. "Nothing
 *   found" is an answer and no failure: MREG_OK with MREG_NULL, false or a count of 0.
 *
 * RESULTS. Pointers for results come last before the error. They must not be NULL unless the function says so, and must
 *   be aligned. They are set to null, 0 or false when the call fails; a text buffer is emptied, an array left as it was.
 *   (mreg_application_load fills its report also with MREG_ERROR_LOAD_REFUSED, and with MREG_ERROR_NOTHING_TO_LOAD where
 *   there are problems, because the report says why.)
 *
 * TEXT IN. A pointer and a length in bytes, or MREG_NUL_TERMINATED for a length. UTF-8. (NULL, 0) is the empty text. The
 *   library reads it during the call and keeps no pointer to it. At most 64 MiB.
 *
 * TEXT AND LISTS OUT. Into the caller's buffer, as snprintf does: as much as there is room for, and how much there is.
 *   (NULL, 0) asks how much there is. The library hands out no memory: there is nothing to give to free().
 *
 * STRUCTS. Those that begin with struct_size can grow in later versions. Begin with their _INIT macro or _init function,
 *   which give the same bytes. The library reads no more than both sides know, and refuses options with fields that it does
 *   not know and that are not zero, and a struct_size past 64 KiB. Of a result it writes what it knows, and zeros the rest of the
 *   caller's struct. The caller may keep, copy and drop these structs as it likes. Counts in structs are uint64_t, truth
 *   values uint32_t 0 or 1.
 *
 * MEMORY. What grows with what the host hands in is asked for so that it can fail, with MREG_ERROR_OUT_OF_MEMORY and nothing
 *   changed. Small pieces are not (docs/abi.md lists them): a process that cannot get those aborts.
 *
 * THREADS. Every function may be called from any thread at any time, also while another thread releases or destroys what
 *   it is about: the call finishes, or finds it gone. No lock is held while code of the host runs. No function may be
 *   called from a signal handler, unless it says so. After fork() the child may use the library only where no other thread
 *   was inside of a call, a destructor's on the sweeper's thread included; else it has to exec first. The library has one thread
 *   of its own, while a sweeper runs: see mreg_sweeper_start. It does not come along into the child and is never waited for there.
 *
 * DESTRUCTORS AND CALLBACKS. A function that can run the host's destructors says so. It runs them before it returns, when its own
 *   change is complete and visible to everyone, with no lock held. They may call any function. A C++ exception that one
 *   throws passes through the call; the others run at the thread's next such call, or when the registry is destroyed.
 *   These functions, and those that take a destructor, are also the ones that call what the host has set to be told:
 *   watchers' callbacks (mreg_watcher_create) and the log's (mreg_log_set). What is told comes before the destructors.
 *   What the sweeper drops is destroyed on the sweeper's thread, where an exception ends the process.
 *   A call that takes user_data with a destructor takes it over whatever it returns: where it fails, the destructor runs
 *   before it returns. Only where `options` itself cannot be read (NULL, MREG_ERROR_UNALIGNED_POINTER or
 *   MREG_ERROR_STRUCT_SIZE for it) the user_data is still the caller's. A host that takes no callbacks gives the registry a
 *   release queue (mreg_queue_create) instead: what has no destructor is put there at the same moment.
 *
 * HOLDING. A handle of a model holds nothing. The registry holds a registered model; the host does by mreg_model_hold,
 *   and by a snapshot that contains it. A model's user_data may be used only while the host holds the model. Once a model
 *   has left the registry, its handle is stale, unless it is held by mreg_model_hold; what a snapshot holds is then read
 *   by its position in the snapshot.
 *
 * WHAT ENDS WHAT. mreg_registry_destroy, mreg_owner_release, mreg_model_unregister, mreg_snapshot_free, mreg_schema_free,
 *   mreg_load_report_free, mreg_watcher_free and mreg_queue_free, each in any order and each with MREG_NULL; a second call for the same thing gives
 *   MREG_ERROR_STALE_HANDLE. The registry does not list its owners: keep their handles.
 *
 * SINCE. Everything here is there since version 0.1.0, unless it says otherwise. While the major version is 0, the
 *   soname changes with each minor version.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The version that this header was made for, as mreg_version() gives it. */
#define MREG_VERSION_NUMBER (((uint32_t)MREG_VERSION_MAJOR << 16) | (MREG_VERSION_MINOR << 8) | MREG_VERSION_PATCH)

/** The handle of nothing, of every type. */
#define MREG_NULL ((uint64_t)0)

/** Given as the length of a text that ends with a NUL byte. */
#define MREG_NUL_TERMINATED ((size_t)-1)

/**
 * A freshness word. The library changes it while the host reads it: where the compiler has it, read it with
 * __atomic_load_n(word, __ATOMIC_ACQUIRE); a plain aligned 64-bit load of a volatile is the same on x86-64. The two words of
 * an owner may be read in any order:
 *
 *     if (__atomic_load_n(owner_word, __ATOMIC_ACQUIRE) == stamp.owner_word &&
 *         __atomic_load_n(registry_word, __ATOMIC_ACQUIRE) == stamp.registry_word)
 *         ; // what came back with `stamp` is still the answer
 *     else
 *         mreg_owner_models(owner, MREG_KIND_ANY, models, capacity, &count, &stamp, &error);
 */
typedef volatile uint64_t mreg_freshness_word;

#ifdef __cplusplus
extern "C" {
#endif

/* ====================================================================================================
 * Status numbers
 * ==================================================================================================== */

/**
 * What a call answers: one of the numbers below. 0 is success; numbers are never reused. Those from 1000 to 1999 are
 * never used by the library: they are left to the host's own callbacks.
 */
typedef int32_t mreg_status;

enum {
    /** The call did what it says. */
    MREG_OK = 0,
    /** A pointer that must not be NULL is NULL. */
    MREG_ERROR_NULL_POINTER = 1,
    /** A pointer to a struct or an array is not aligned for its type. */
    MREG_ERROR_UNALIGNED_POINTER = 2,
    /** An argument that the call cannot take: an unknown number or flag, a position past the end, a thing of the wrong kind or state. */
    MREG_ERROR_INVALID_ARGUMENT = 3,
    /** `struct_size` is smaller than the first version of the struct, or the struct is larger than ours and its extra bytes are not zero. */
    MREG_ERROR_STRUCT_SIZE = 4,
    /** A text is not UTF-8; the error has the byte offset. */
    MREG_ERROR_INVALID_UTF8 = 5,
    /** A name is empty, or holds a NUL or another control character; the error has the byte offset. */
    MREG_ERROR_INVALID_NAME = 6,
    /** A text or an array is longer than its limit. */
    MREG_ERROR_TOO_LONG = 7,
    /** The handle is null. */
    MREG_ERROR_NULL_HANDLE = 10,
    /** The handle is of another type than the function takes. */
    MREG_ERROR_WRONG_HANDLE_TYPE = 11,
    /** The handle belongs to another registry, or to another copy of the library. */
    MREG_ERROR_FOREIGN_HANDLE = 12,
    /** No handle with these bits was ever given out. */
    MREG_ERROR_FORGED_HANDLE = 13,
    /** What the handle stood for is gone: released, unregistered, replaced, cleared, freed or destroyed. */
    MREG_ERROR_STALE_HANDLE = 14,
    /** A limit of the registry or of the process is reached. */
    MREG_ERROR_FULL = 20,
    /** Memory could not be had; nothing was changed. */
    MREG_ERROR_OUT_OF_MEMORY = 21,
    /** An earlier internal error left the registry in doubt; it can only be destroyed. */
    MREG_ERROR_POISONED = 22,
    /** An internal error of the library, with its message; please report it. */
    MREG_ERROR_INTERNAL = 23,
    /** The system gives no thread; nothing was changed. */
    MREG_ERROR_NO_THREAD = 24,
    /** A text is not JSON; the error has line and column. */
    MREG_ERROR_JSON = 30,
    /** JSON that is not a model definition, or a property of an impossible type. */
    MREG_ERROR_SCHEMA = 31,
    /** A schema nests deeper than the limit. */
    MREG_ERROR_TOO_DEEP = 32,
    /** The base of a model is defined nowhere. */
    MREG_ERROR_UNKNOWN_BASE = 33,
    /** A model configuration names a data source that is not configured. */
    MREG_ERROR_UNKNOWN_DATA_SOURCE = 34,
    /** Two files define a model of the same name. */
    MREG_ERROR_DUPLICATE_MODEL = 35,
    /** A file or directory could not be read. */
    MREG_ERROR_IO = 40,
    /** The directory holds nothing that could be loaded. */
    MREG_ERROR_NOTHING_TO_LOAD = 41,
    /** Problems were reported and the caller asked for all or nothing; nothing was changed. */
    MREG_ERROR_LOAD_REFUSED = 42,
    /** The last number that this version uses. */
    MREG_STATUS_LAST = 42
};

/* ====================================================================================================
 * Handles and texts
 * ==================================================================================================== */

/** A registry: one container of owners, models and tenants. */
typedef uint64_t mreg_registry;

/** An owner of models: a data source, an app, or of a kind that the host registered. */
typedef uint64_t mreg_owner;

/** A registered model. */
typedef uint64_t mreg_model;

/** A held snapshot: models at one moment, each of them held. */
typedef uint64_t mreg_snapshot;

/** A parsed schema. It never changes, belongs to no registry, and may be used by many models. */
typedef uint64_t mreg_schema;

/** A schema that is being built. */
typedef uint64_t mreg_builder;

/** What loading an application did, and what was wrong with its files. */
typedef uint64_t mreg_load_report;

/** Someone who is told of what happens in a registry. */
typedef uint64_t mreg_watcher;

/** A release queue: `user_data` that is due, for a host that takes no callbacks. */
typedef uint64_t mreg_queue;

/**
 * A text of the caller's: UTF-8 bytes and their number.
 *
 * `length` may be `MREG_NUL_TERMINATED`. `{NULL, 0}` is the empty text. The library reads it during the call only.
 */
typedef struct mreg_text {
    /** The first byte; NULL only where `length` is 0. */
    const char *data;
    /** The number of bytes, or `MREG_NUL_TERMINATED`. */
    size_t length;
} mreg_text;

/**
 * Called once with the `user_data` that it was handed in with, when nothing holds the model or the owner any more.
 *
 * It runs on the thread whose call let go last, before that call returns, with no lock of the library held. It may
 * call any function of the library. It may throw a C++ exception, which passes through the call; leaving it with
 * `longjmp` is forbidden, and survived: what else was due runs at the thread's next call that can run destructors, or
 * when the registry is destroyed. What the sweeper drops is the exception: see `mreg_sweeper_start`.
 */
typedef void (*mreg_destructor)(void *user_data);

/* ====================================================================================================
 * Errors
 * ==================================================================================================== */

/**
 * Why a call failed. The caller owns it; the library fills it when a call fails, and allocates nothing for it.
 *
 * Every function that can fail takes a pointer to one as its last argument, which may be NULL. A call that succeeds
 * leaves it as it is. Begin with `MREG_ERROR_INIT` or `mreg_error_init`: one whose `struct_size` is less than 12 or more than
 * 1 MiB is left alone.
 */
typedef struct mreg_error {
    /** `sizeof(mreg_error)`, set by the caller. */
    size_t struct_size;
    /** The status that the call returned. */
    mreg_status code;
    /** Line in the input, from 1; 0 where there is none. */
    uint32_t line;
    /** Byte offset in the input; 0 where there is none. */
    uint64_t offset;
    /** Column in the input in bytes, from 1; 0 where there is none. */
    uint32_t column;
    /** 0. */
    uint32_t reserved;
    /** What is wrong, with what, and what to do: UTF-8, NUL-terminated, cut at a character's boundary. */
    char message[512];
    /** The name of the offending thing: a model, a property, a parameter, a file. */
    char name[256];
} mreg_error;

/**
 * Makes an error struct ready for use: the same bytes as `MREG_ERROR_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_error_init(mreg_error *error);

/* ====================================================================================================
 * Version and status names
 * ==================================================================================================== */

/** Major version that the header was made for. */
#define MREG_VERSION_MAJOR 0

/** Minor version that the header was made for. */
#define MREG_VERSION_MINOR 1

/** Patch version that the header was made for. */
#define MREG_VERSION_PATCH 0

/**
 * The version of the library that runs: `major << 16 | minor << 8 | patch`.
 *
 * Any thread; safe in signal handlers. Since 0.1.0.
 */
uint32_t mreg_version(void);

/**
 * The version of the library that runs, as text such as `0.1.0`.
 *
 * The text lives as long as the process. Any thread; safe in signal handlers. Since 0.1.0.
 */
const char *mreg_version_string(void);

/**
 * The name of a status as it is written in C, such as `MREG_ERROR_STALE_HANDLE`; `MREG_UNKNOWN_STATUS` for a number
 * that the library does not use.
 *
 * The text lives as long as the process. Any thread; safe in signal handlers. Since 0.1.0.
 */
const char *mreg_status_name(mreg_status status);

/**
 * One sentence on a status, for people; `unknown status` for a number that the library does not use.
 *
 * The text lives as long as the process. Any thread; safe in signal handlers. Since 0.1.0.
 */
const char *mreg_status_text(mreg_status status);

/* ====================================================================================================
 * Registry: one container of owners, models and tenants
 * ==================================================================================================== */

/** Given to `mreg_registry_set_clock` for the system's clock. */
#define MREG_CLOCK_SYSTEM UINT64_MAX

/** The asker is strict: models that are not as strict are passed over. Without it those that are strict are. */
#define MREG_FIND_STRICT 1

/**
 * What a registry's memory is used for, in bytes. Begin with `MREG_MEMORY_INIT` or `mreg_memory_init`.
 *
 * It is counted from the sizes of what is registered or held, not asked of the allocator, which rounds sizes up and keeps
 * room in its tables. A schema or a name that several models share counts once in each registry.
 */
typedef struct mreg_memory {
    /** `sizeof(mreg_memory)`, set by the caller. */
    size_t struct_size;
    /** All of the following but `reserved`. */
    uint64_t in_use;
    /** Slots that were used once, with names of kinds: they are reused, and never returned. */
    uint64_t reserved;
    /** Records of models that are registered or held. */
    uint64_t models;
    /** The indices by name and by structure. */
    uint64_t indices;
    /** Records of owners. */
    uint64_t owners;
    /** Lists of owners' models. */
    uint64_t lists;
    /** Names of models. */
    uint64_t names;
    /** Schemas that models use. */
    uint64_t schemas;
    /** Held snapshots. */
    uint64_t snapshots;
    /** Partitions, and configurations of data sources. */
    uint64_t tenants;
    /** Names of owners, labels, and settings of models. */
    uint64_t texts;
} mreg_memory;

/** The settings of a new registry. Begin with `MREG_REGISTRY_OPTIONS_INIT` or `mreg_registry_options_init`. */
typedef struct mreg_registry_options {
    /** `sizeof(mreg_registry_options)`, set by the caller. */
    size_t struct_size;
    /** The most models that may be registered at once; 0 for as many as there can be (33,554,432). */
    uint32_t max_models;
    /** The most owners that may be registered at once; 0 for as many as there can be (33,554,432). */
    uint32_t max_owners;
    /** Tenant codes that stand for `global`; may be NULL where there is none. Read during the call only. */
    const mreg_text *reserved_tenants;
    /** How many reserved codes there are; at most 1,024. */
    size_t reserved_tenant_count;
    /**
     * Where `user_data` goes that is due and has no destructor, or `MREG_NULL`: it is then the host's affair when it may be
     * let go. The queue stays the caller's; several registries may have the same.
     */
    mreg_queue release_queue;
} mreg_registry_options;

/**
 * What a registry counts. Begin with `MREG_REGISTRY_STATS_INIT` or `mreg_registry_stats_init`.
 *
 * The registry's counts begin anew at each clear; those of the cache go on.
 */
typedef struct mreg_registry_stats {
    /** `sizeof(mreg_registry_stats)`, set by the caller. */
    size_t struct_size;
    /** Registrations, also those that replaced or moved a model. */
    uint64_t registered_total;
    /** Models that were found by their structure. */
    uint64_t reused_total;
    /**
     * Distinct structures in each partition, summed over all partitions. All models without properties count as one.
     */
    uint64_t unique_structures;
    /** Partitions, without `global`. */
    uint64_t tenants;
    /** Models registered now. */
    uint64_t models;
    /** Owners registered now. */
    uint64_t owners;
    /** The generation: 1, and one more for each clear. */
    uint64_t generation;
    /**
     * Bytes of what is registered or held now; 0 when everything was let go and reclaimed. By kind: `mreg_registry_get_memory`.
     */
    uint64_t bytes_in_use;
    /** Bytes of slots that were used once: they are reused, and never returned. */
    uint64_t bytes_reserved;
    /** Lists that were answered from the cache. */
    uint64_t cache_hits;
    /** Lists that had to be built. */
    uint64_t cache_misses;
    /** Built lists that a change made out of date. */
    uint64_t cache_invalidations;
    /** Hits by hits and misses together, from 0 to 1; 0 before the first question. */
    double cache_hit_rate;
} mreg_registry_stats;

/** What `mreg_registry_find_structure` looks for. Begin with `MREG_FIND_OPTIONS_INIT` or `mreg_find_options_init`. */
typedef struct mreg_find_options {
    /** `sizeof(mreg_find_options)`, set by the caller. */
    size_t struct_size;
    /** A schema of the structure; its name, base and settings do not count. */
    mreg_schema schema;
    /**
     * The current tenant's code; empty for the thread's (see `mreg_tenant_set_current`), else for none. A reserved code searches
     * `global` alone.
     */
    mreg_text tenant;
    /** 0 or `MREG_FIND_STRICT`. */
    uint32_t flags;
    /** Models that have one of these marks are passed over. */
    uint32_t pass_over;
    /** Outside of `global`, models that have one of these marks are passed over as well. */
    uint32_t pass_over_outside_global;
    /** 0. */
    uint32_t reserved;
} mreg_find_options;

/**
 * Makes memory information ready for use: the same bytes as `MREG_MEMORY_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_memory_init(mreg_memory *memory);

/**
 * Makes registry options ready for use: the same bytes as `MREG_REGISTRY_OPTIONS_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_registry_options_init(mreg_registry_options *options);

/**
 * Makes registry statistics ready for use: the same bytes as `MREG_REGISTRY_STATS_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_registry_stats_init(mreg_registry_stats *stats);

/**
 * Makes a registry.
 *
 * `options` may be NULL for the defaults. `*registry` is the caller's to destroy with `mreg_registry_destroy`.
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
 * `MREG_ERROR_INVALID_ARGUMENT` for more than 1,024 reserved codes, `MREG_ERROR_INVALID_UTF8`,
 * `MREG_ERROR_TOO_LONG` and `MREG_ERROR_INVALID_NAME` for a reserved code, `MREG_ERROR_FULL` while 8,191 registries are
 * alive, `MREG_ERROR_OUT_OF_MEMORY`; for the release queue `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_create(const mreg_registry_options *options,
                                 mreg_registry *registry,
                                 mreg_error *error);

/**
 * The process-wide registry, made on first use.
 *
 * It lives as long as the process: it can be cleared and not destroyed.
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`. Any
 * thread. Since 0.1.0.
 */
mreg_status mreg_registry_default(mreg_registry *registry,
                                  mreg_error *error);

/**
 * Destroys a registry: all of its handles are stale from then on.
 *
 * Other threads may be inside calls on it: each finishes, or finds it gone; nothing waits. Held snapshots and held models
 * outlive it. Its sweeper is stopped; a destructor that runs on the sweeper's thread at the moment is not waited for.
 * `MREG_NULL` does nothing and succeeds. Runs destructors.
 *
 * Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
 * `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_INVALID_ARGUMENT` for the default registry. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_destroy(mreg_registry registry,
                                  mreg_error *error);

/**
 * Forgets every model and every tenant at once: from the moment it begins, no reader sees any of them.
 *
 * Owners stay registered; the next question about one answers an empty list. Model handles from before are stale, and
 * the registry's counts are zero. Runs destructors.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_clear(mreg_registry registry,
                                mreg_error *error);

/**
 * Takes back at once the memory of what was let go, which later changes otherwise take back in steps. Runs destructors
 * that were still due.
 *
 * Errors: as `mreg_registry_clear`. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_reclaim(mreg_registry registry,
                                  mreg_error *error);

/**
 * The registry's generation: 1 for a new one, and one more for each clear.
 *
 * Errors: as `mreg_registry_clear`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_generation(mreg_registry registry,
                                     uint64_t *generation,
                                     mreg_error *error);

/**
 * What the registry counts. `stats->struct_size` is set by the caller.
 *
 * Errors: as `mreg_registry_clear`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`,
 * `MREG_ERROR_STRUCT_SIZE`. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_get_stats(mreg_registry registry,
                                    mreg_registry_stats *stats,
                                    mreg_error *error);

/**
 * What the registry's memory is used for. `memory->struct_size` is set by the caller.
 *
 * Errors: as `mreg_registry_get_stats`. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_get_memory(mreg_registry registry,
                                     mreg_memory *memory,
                                     mreg_error *error);

/**
 * For tests: lets the clock that this registry measures idle time by stand at a number of milliseconds, until it is
 * set anew. `MREG_CLOCK_SYSTEM` goes back to the system's monotonic clock, which every registry begins with.
 *
 * What was used later than the clock says now counts as used now, so a clock that is put back keeps no tenant for
 * longer. Times since 1970 are by the system's clock ever, and so is the interval of the sweeper.
 *
 * Errors: as `mreg_registry_clear`. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_set_clock(mreg_registry registry,
                                    uint64_t milliseconds,
                                    mreg_error *error);

/**
 * Copies the handles of all models but those in `global` (for which there is `mreg_tenant_models`), by partition in the order the partitions came to be, in each in the
 * order of registration.
 *
 * As many as `capacity` has room for; `*count` is how many there are. `(NULL, 0)` asks for the number. The handles hold
 * nothing: a model may be gone when its handle is used.
 *
 * Errors: as `mreg_registry_clear`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG`,
 * `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_models(mreg_registry registry,
                                 mreg_model *models,
                                 size_t capacity,
                                 size_t *count,
                                 mreg_error *error);

/**
 * Holds all models outside `global` as a snapshot, in the order of `mreg_registry_models`.
 *
 * `*snapshot` is the caller's to free with `mreg_snapshot_free`; until then each of the models is held. Its stamp is 0.
 *
 * Errors: as `mreg_registry_generation`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_FULL`. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_hold_models(mreg_registry registry,
                                      mreg_snapshot *snapshot,
                                      mreg_error *error);

/**
 * The newest model of a name: in `global`, else in the first partition that has one, in the order the partitions came to
 * be. `*model` is `MREG_NULL` where there is none; that is no error.
 *
 * The handle holds nothing: the model may be gone when it is used.
 *
 * Errors: as `mreg_registry_clear`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`,
 * `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_find_model(mreg_registry registry,
                                     const char *name,
                                     size_t name_length,
                                     mreg_model *model,
                                     mreg_error *error);

/**
 * What is still alive in a registry, for the last line of a test: one line for each owner, each model that is
 * registered or held, and each handle of a held snapshot. Each ends with the handle and a line feed. Text as by
 * `mreg_owner_name`: empty where nothing is.
 *
 * A line says what it is, its name, its tenant and its owner, for models how they are held, since when (registered, last
 * moved, or first held; ISO 8601, UTC), and the handle in hexadecimal. The text is for people: its words may change. `*count`
 * is the number of lines; `count` may be NULL. What was held of a registry that was destroyed can only be seen in its
 * leak report before that: call `mreg_registry_clear` and release the owners first, and what is left is held.
 *
 * Errors: as `mreg_registry_clear`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG`
 * for an absurd `capacity`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_registry_leak_report(mreg_registry registry,
                                      char *buffer,
                                      size_t capacity,
                                      size_t *length,
                                      size_t *count,
                                      mreg_error *error);

/**
 * Makes find options ready for use: the same bytes as `MREG_FIND_OPTIONS_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_find_options_init(mreg_find_options *options);

/**
 * The model whose properties have the same structure as those of `options->schema`: names in any order, types and
 * attributes. `*model` is `MREG_NULL` where there is none; that is no error.
 *
 * Without a current tenant `global` is searched, then all partitions in the order they came to be; with one, `global` and
 * then that tenant alone, so that tenants never share a model with one another. In each the model wins that was registered
 * last. A schema without properties finds nothing. An answer counts in `reused_total`, and as use of the partition. Two
 * structures are compared, not their fingerprints alone.
 *
 * This is how anonymous models are shared: the second use of a structure in a tenant finds the model that was registered
 * for the first. The handle holds nothing: the model may be gone when it is used.
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
 * `MREG_ERROR_INVALID_ARGUMENT` for an unknown flag, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`,
 * `MREG_ERROR_INVALID_NAME`, `MREG_ERROR_POISONED`; for the registry and the schema `MREG_ERROR_NULL_HANDLE`,
 * `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`. Any
 * thread. Since 0.1.0.
 */
mreg_status mreg_registry_find_structure(mreg_registry registry,
                                         const mreg_find_options *options,
                                         mreg_model *model,
                                         mreg_error *error);

/* ====================================================================================================
 * Owner: a data source, an app, or of a kind of the host's own
 * ==================================================================================================== */

/** Asks for an owner of any kind. */
#define MREG_KIND_ANY 0

/** A data source. */
#define MREG_KIND_DATA_SOURCE 1

/** An app. */
#define MREG_KIND_APP 2

/** The first kind that `mreg_owner_kind_register` gives. */
#define MREG_KIND_HOST_FIRST 1000

/** The data source has a connector without a name: its partition is `ds_unknown_...`, and not `ds_none_...`. */
#define MREG_OWNER_UNNAMED_CONNECTOR 1

/** What a new owner is to be. Begin with `MREG_OWNER_OPTIONS_INIT` or `mreg_owner_options_init`. */
typedef struct mreg_owner_options {
    /** `sizeof(mreg_owner_options)`, set by the caller. */
    size_t struct_size;
    /** `MREG_KIND_DATA_SOURCE`, `MREG_KIND_APP`, or a number of `mreg_owner_kind_register`. */
    uint32_t kind;
    /** 0 or `MREG_OWNER_UNNAMED_CONNECTOR`. */
    uint32_t flags;
    /** A name for people; may be empty, and need not be unique. At most 4,096 bytes. */
    mreg_text name;
    /** Data source: the connector's name; empty for no connector. At most 215 bytes. */
    mreg_text connector;
    /** Data source: the host; empty for `localhost`. At most 1,024 bytes, as the next two. */
    mreg_text host;
    /** Data source: the port, as text; may be empty. */
    mreg_text port;
    /** Data source: the database; where it is empty, the last path segment of `url`, else `default`. */
    mreg_text database;
    /** Data source: the URL; only used for the database. At most 8,192 bytes. */
    mreg_text url;
    /** The host's pointer, which the library keeps and gives back. */
    void *user_data;
    /**
     * Called with `user_data` when the owner is released, its registry is destroyed, or the call fails; may be NULL. Without
     * it, `user_data` goes into the registry's release queue instead, if the registry has one.
     */
    mreg_destructor destroy;
} mreg_owner_options;

/** Which answer a list is: never grows, so it has no `struct_size`. */
typedef struct mreg_stamp {
    /**
     * The number of the snapshot that the list was copied from: no other snapshot of that owner ever has it. 0 for the
     * empty answer to a question that asks for another kind than the owner's.
     */
    uint64_t stamp;
    /** The owner's freshness word for which the list is the answer. */
    uint64_t owner_word;
    /** The registry's freshness word for which the list is the answer. */
    uint64_t registry_word;
} mreg_stamp;

/**
 * Makes owner options ready for use: the same bytes as `MREG_OWNER_OPTIONS_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_owner_options_init(mreg_owner_options *options);

/**
 * Registers a kind of owner of the host's own, which acts as an app does; its owners' partitions are `<name>_<id>`.
 *
 * `*kind` is 1000 or more. The same name gives the same number again. At most 1,000 kinds in a registry.
 *
 * Errors: `MREG_ERROR_INVALID_NAME` for an empty name, a control character, and the library's own `ds`, `app` and
 * `global`; `MREG_ERROR_TOO_LONG` past 231 bytes; `MREG_ERROR_INVALID_UTF8`; `MREG_ERROR_FULL`;
 * `MREG_ERROR_NULL_POINTER`; `MREG_ERROR_UNALIGNED_POINTER`; `MREG_ERROR_NULL_HANDLE`;
 * `MREG_ERROR_WRONG_HANDLE_TYPE`; `MREG_ERROR_FOREIGN_HANDLE`; `MREG_ERROR_FORGED_HANDLE`;
 * `MREG_ERROR_STALE_HANDLE`; `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_kind_register(mreg_registry registry,
                                     const char *name,
                                     size_t name_length,
                                     uint32_t *kind,
                                     mreg_error *error);

/**
 * Registers an owner. Its handle is valid until `mreg_owner_release`, or until the registry is destroyed.
 *
 * Where the call fails, `options->destroy` is called with `options->user_data` before it returns, unless `options` could
 * not be read (`MREG_ERROR_UNALIGNED_POINTER` or `MREG_ERROR_STRUCT_SIZE`). Without a destructor, `user_data` is put into the
 * registry's release queue at the same moment, if there is one.
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
 * `MREG_ERROR_INVALID_ARGUMENT` for an unknown kind or flag, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_INVALID_NAME` for a
 * control character, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_NULL_HANDLE`,
 * `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`,
 * `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_create(mreg_registry registry,
                              const mreg_owner_options *options,
                              mreg_owner *owner,
                              mreg_error *error);

/**
 * Releases an owner: its models go, and with the last owner of its configuration their partition; its handle is stale.
 *
 * A data source takes every model on it along, also those that an app owns. `MREG_NULL` does nothing and succeeds. Of
 * several threads that release one owner exactly one succeeds. Runs destructors.
 *
 * Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
 * `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_release(mreg_owner owner,
                               mreg_error *error);

/**
 * Whether the handle is of a registered owner. No lock; any bits may be asked about.
 *
 * Any thread. Since 0.1.0.
 */
bool mreg_owner_is_valid(mreg_owner owner);

/**
 * An owner's kind. No lock.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`, `MREG_ERROR_NULL_POINTER`,
 * `MREG_ERROR_UNALIGNED_POINTER`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_kind(mreg_owner owner, uint32_t *kind, mreg_error *error);

/**
 * The name that an owner was registered with, as text.
 *
 * Written as `snprintf` does: at most `capacity` bytes with the NUL, cut at a character's boundary; `*length`, which may
 * be NULL, is the length of the whole text without the NUL. `(NULL, 0)` asks for it.
 *
 * Errors: as `mreg_owner_kind`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_name(mreg_owner owner,
                            char *buffer,
                            size_t capacity,
                            size_t *length,
                            mreg_error *error);

/**
 * The label of the partition that an owner's models live in, such as `ds_mysql_1a2b3c4d` or `app_1`; also before there
 * is a model in it. Text as by `mreg_owner_name`.
 *
 * Errors: as `mreg_owner_name`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_tenant(mreg_owner owner,
                              char *buffer,
                              size_t capacity,
                              size_t *length,
                              mreg_error *error);

/**
 * The pointer that an owner was registered with. It may be used while nobody releases the owner, which the host has to see
 * to: unlike a model, an owner cannot be held.
 *
 * Errors: as `mreg_owner_kind`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_user_data(mreg_owner owner,
                                 void **user_data,
                                 mreg_error *error);

/**
 * The registry of an owner.
 *
 * Errors: as `mreg_owner_kind`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_registry(mreg_owner owner, mreg_registry *registry, mreg_error *error);

/**
 * The addresses of the owner's and of its registry's freshness words, which may be read without a call as long as the
 * process lives, also after the owner is released.
 *
 * While both words equal those that a list came back with, that list is the answer. A word may change without the answer
 * changing, as when another of the owner's lists changed; then the list comes back with the same stamp.
 *
 * Errors: as `mreg_owner_kind`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_freshness_words(mreg_owner owner,
                                       const mreg_freshness_word **owner_word,
                                       const mreg_freshness_word **registry_word,
                                       mreg_error *error);

/**
 * Counts as use of the partitions that the owner's models live in, as building its list anew would, and of the owner's
 * own, if it is there: none of them is idle.
 *
 * For hosts that live on freshness words, or on answers from the cache: lists that need not be built, `mreg_owner_get` and
 * `mreg_owner_has`. Those count as no use.
 *
 * Errors: as `mreg_owner_release`, `MREG_ERROR_NULL_HANDLE`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_touch(mreg_owner owner,
                             mreg_error *error);

/**
 * Marks one owner's cached lists as out of date: the next question builds a new snapshot, with a new stamp.
 *
 * Errors: as `mreg_owner_kind`, but for the pointers'. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_invalidate(mreg_owner owner, mreg_error *error);

/**
 * Copies the handles of the models that an owner has, in the order of registration.
 *
 * As many as `capacity` has room for; `*count` is how many there are. `(NULL, 0)` asks for the number. Asked as another
 * `kind` than it is, an owner has none; `MREG_KIND_ANY` asks as any. `stamp` may be NULL. Answered from the cache without
 * a lock while nothing changed.
 *
 * The handles hold nothing: a model may be gone when its handle is used, and its `user_data` may not be used before
 * `mreg_model_hold` succeeded. `mreg_owner_hold_models` gives a list that holds its models.
 *
 * Errors: as `mreg_owner_kind`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_models(mreg_owner owner,
                              uint32_t kind,
                              mreg_model *models,
                              size_t capacity,
                              size_t *count,
                              mreg_stamp *stamp,
                              mreg_error *error);

/**
 * Copies the handles of the models whose data source the owner is, also of those that an app owns, in the order of
 * registration. Otherwise as `mreg_owner_models`; an app has no model on it.
 *
 * The handles hold nothing.
 *
 * Errors: as `mreg_owner_models`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_models_on(mreg_owner owner,
                                 uint32_t kind,
                                 mreg_model *models,
                                 size_t capacity,
                                 size_t *count,
                                 mreg_stamp *stamp,
                                 mreg_error *error);

/**
 * Copies the names of the models that an owner has, in the order of registration: each UTF-8 with a NUL after it, one
 * after the other.
 *
 * Only whole names are copied, as many as `capacity` bytes have room for; `*length`, which may be NULL, is how many bytes
 * all of them need; `*count` is how many names there are. `(NULL, 0)` asks for both. `kind` and `stamp` as in
 * `mreg_owner_models`. Answered from the cache without a lock while nothing changed.
 *
 * Errors: as `mreg_owner_models`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_names(mreg_owner owner,
                             uint32_t kind,
                             char *buffer,
                             size_t capacity,
                             size_t *length,
                             size_t *count,
                             mreg_stamp *stamp,
                             mreg_error *error);

/**
 * Whether an owner has a model of this name. No lock while nobody changes that owner.
 *
 * `kind` as in `mreg_owner_models`.
 *
 * Errors: as `mreg_owner_kind`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_has(mreg_owner owner,
                           uint32_t kind,
                           const char *name,
                           size_t name_length,
                           bool *has,
                           mreg_error *error);

/**
 * The model of this name that an owner has; `*model` is `MREG_NULL` where it has none, which is no error. No lock while
 * nobody changes that owner.
 *
 * `kind` as in `mreg_owner_models`. The handle holds nothing: the model may be gone when it is used.
 *
 * Errors: as `mreg_owner_has`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_get(mreg_owner owner,
                           uint32_t kind,
                           const char *name,
                           size_t name_length,
                           mreg_model *model,
                           mreg_error *error);

/**
 * Holds the models that an owner has as a snapshot, in the order of registration. `kind` as in `mreg_owner_models`.
 *
 * `*snapshot` is the caller's to free with `mreg_snapshot_free`; until then each of its models is held, and stays
 * readable by position whatever happens to the owner and the registry. While nothing changed, every such call gives a
 * handle of the same snapshot, with the same stamp.
 *
 * Errors: as `mreg_owner_kind`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_FULL`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_hold_models(mreg_owner owner,
                                   uint32_t kind,
                                   mreg_snapshot *snapshot,
                                   mreg_error *error);

/**
 * Holds the models whose data source the owner is as a snapshot. Otherwise as `mreg_owner_hold_models`.
 *
 * Errors: as `mreg_owner_hold_models`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_hold_models_on(mreg_owner owner,
                                      uint32_t kind,
                                      mreg_snapshot *snapshot,
                                      mreg_error *error);

/**
 * Copies the handles of the models that each of many owners has, the list of the first owner before that of the second
 * and so on, each in the order of registration.
 *
 * It answers as one `mreg_owner_models` for each owner would. Where there are more owners than the machine's caches have
 * room for it takes less time, often half: while one list is copied, the next ones are on their way from memory. What
 * lies in the nearest cache single calls copy as fast, or a little faster.
 *
 * `counts` has room for `owner_count` numbers: `counts[i]` is how many models `owners[i]` has. `*count` is how many there
 * are in all, the sum of them. As many handles as `capacity` has room for are copied, so the last list that is copied may
 * be cut; `counts` and `*count` are right in any case, and `(NULL, 0)` asks for them alone. `kind` as in
 * `mreg_owner_models`, for all of them. An owner may be asked for more than once.
 *
 * `stamps` and `statuses` may be NULL, or have room for `owner_count` each: `stamps[i]` is the stamp of the list of
 * `owners[i]`, and `statuses[i]` the status that `mreg_owner_models` would give for it. An owner that is not valid
 * changes nothing for the others, and does not make the call fail: it has a count of 0, a stamp of zeros, and its status.
 *
 * Each list is as it was at one moment, which is not the same moment for all: who needs that compares the stamps with the
 * freshness words. The owners may be of several registries. The arrays for results must not overlap, nor `owners`.
 *
 * The handles hold nothing, as those of `mreg_owner_models`.
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG` for an absurd `owner_count` or
 * `capacity`; nothing is written then but 0 to `*count`. Any thread. Since 0.1.0.
 */
mreg_status mreg_owner_models_many(const mreg_owner *owners,
                                   size_t owner_count,
                                   uint32_t kind,
                                   mreg_model *models,
                                   size_t capacity,
                                   size_t *counts,
                                   mreg_stamp *stamps,
                                   mreg_status *statuses,
                                   size_t *count,
                                   mreg_error *error);

/**
 * The models of many names that owners have: `models[i]` is the model of the name `names[i]` that `owners[i]` has,
 * `MREG_NULL` where it has none, which is no error.
 *
 * It answers as one `mreg_owner_get` for each would, in less time, often half of it where there are more owners than the
 * machine's caches have room for: while one is answered, what the next ones need is on its way from memory. A name that is
 * asked for many times is found soonest where each text of it has the same `data`.
 *
 * `owner_count` and `name_count` are equal; or one of them is 1, and that owner is asked for every name, or every owner
 * for that name. `models` has room for the larger number of them (for none, where the other one is 0). `kind` as in
 * `mreg_owner_models`, for all of them.
 *
 * `statuses` may be NULL, or have as much room as `models`: `statuses[i]` is the status that `mreg_owner_get` would give.
 * An owner that is not valid and a name that cannot be one change nothing for the others, and do not make the call fail:
 * they have `MREG_NULL`, and their status.
 *
 * Each answer is of a moment of its own. The owners may be of several registries. The arrays for results must not
 * overlap, nor `owners` and `names`.
 *
 * The handles hold nothing: a model may be gone when its handle is used.
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG` for an absurd `owner_count` or
 * `name_count`, `MREG_ERROR_INVALID_ARGUMENT` where neither number is 1 and they differ; nothing is written then. Any
 * thread. Since 0.1.0.
 */
mreg_status mreg_owner_get_many(const mreg_owner *owners,
                                size_t owner_count,
                                uint32_t kind,
                                const mreg_text *names,
                                size_t name_count,
                                mreg_model *models,
                                mreg_status *statuses,
                                mreg_error *error);

/* ====================================================================================================
 * Model: a named record with a schema, settings and the host's pointer
 * ==================================================================================================== */

/** The model is strict whatever its settings say: a builder of the host's is. */
#define MREG_MODEL_STRICT 1

/** What a new model is to be. Begin with `MREG_MODEL_OPTIONS_INIT` or `mreg_model_options_init`. */
typedef struct mreg_model_options {
    /** `sizeof(mreg_model_options)`, set by the caller. */
    size_t struct_size;
    /** The name; not empty, at most 4,096 bytes, without control characters. */
    mreg_text name;
    /** The data source, or `MREG_NULL`. The model lives in its partition. */
    mreg_owner data_source;
    /** The app, or the owner of a host's kind, or `MREG_NULL`. Where there is one, it owns the model. */
    mreg_owner app;
    /**
     * The tenant's code, at most 255 bytes; ignored beside an owner. Empty: the thread's current tenant (see
     * `mreg_tenant_set_current`), else `global`. A reserved code: `global`. The label of an owner's partition is
     * refused.
     */
    mreg_text tenant;
    /** The schema, or `MREG_NULL`. The registry keeps its own reference; the handle stays the caller's. */
    mreg_schema schema;
    /** The settings: the text of a JSON object, or empty for none. */
    mreg_text settings;
    /** The host's pointer, which the library keeps and gives back. */
    void *user_data;
    /**
     * Called with `user_data` once, when nothing holds the model any more, or when the call fails; may be NULL. Without it,
     * `user_data` goes into the registry's release queue instead, if the registry has one.
     */
    mreg_destructor destroy;
    /** 0 or `MREG_MODEL_STRICT`. */
    uint32_t flags;
    /** Bits of the host's own, by which `mreg_registry_find_structure` can pass the model over. */
    uint32_t marks;
} mreg_model_options;

/**
 * Makes model options ready for use: the same bytes as `MREG_MODEL_OPTIONS_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_model_options_init(mreg_model_options *options);

/**
 * Registers a model.
 *
 * With an app (or an owner of a host's kind) that one owns it; else the data source does; else nobody. Where the owner
 * already has a model of that name, the new one takes its place in the list: the old handle is stale, and the old
 * destructor due, also where `user_data` is the same pointer. Names of models without an owner are unique in their
 * partition.
 *
 * A model is strict where its `strict` is exactly `true`, in its settings, else in its schema, or where the flag says so.
 *
 * Where the call fails, nothing is changed, and `options->destroy` is called with `options->user_data` before it returns,
 * unless `options` could not be read (`MREG_ERROR_UNALIGNED_POINTER` or `MREG_ERROR_STRUCT_SIZE`). Runs destructors. Without
 * a destructor, `user_data` is put into the registry's release queue at the same moment, if there is one.
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
 * `MREG_ERROR_INVALID_NAME`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_JSON` for settings that are no
 * JSON object, `MREG_ERROR_TOO_DEEP` for settings that nest more than 127 arrays and objects, `MREG_ERROR_INVALID_ARGUMENT` for an unknown flag and for a data source handed in as an app or the reverse,
 * `MREG_ERROR_FULL`,
 * `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_POISONED`; for the registry, the owners and the schema
 * `MREG_ERROR_NULL_HANDLE` (registry only), `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE` also for an
 * owner of another registry, `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_register(mreg_registry registry,
                                const mreg_model_options *options,
                                mreg_model *model,
                                mreg_error *error);

/**
 * Takes a model out of the registry: its handle is stale, unless the model is held by
 * `mreg_model_hold`. `MREG_NULL` does nothing and
 * succeeds. Of several threads that unregister one model exactly one succeeds. Runs destructors.
 *
 * Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
 * `MREG_ERROR_STALE_HANDLE` also for a model that is only held, `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_unregister(mreg_model model,
                                  mreg_error *error);

/**
 * Gives a registered model other owners: same handle, same `user_data`, at the end of the new owner's list. A model of
 * its name that the new owner has is replaced. Counts as a registration.
 *
 * `data_source`, `app` and `tenant` as in `mreg_model_options`: without any, the model moves to the thread's current
 * tenant, else to `global`. Where the call fails, nothing is changed. Runs destructors.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE` (model only), `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_INVALID_ARGUMENT` for a data source handed in as an
 * app or the reverse, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`,
 * `MREG_ERROR_INVALID_NAME`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_move(mreg_model model,
                            mreg_owner data_source,
                            mreg_owner app,
                            const char *tenant,
                            size_t tenant_length,
                            mreg_error *error);

/**
 * Holds a model: until `mreg_model_unhold` its `user_data` may be used and its attributes read, whoever unregisters,
 * clears or destroys meanwhile. A hold outlives the registry. Each hold is taken back once.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_FULL`, `MREG_ERROR_POISONED`. Any thread. Since
 * 0.1.0.
 */
mreg_status mreg_model_hold(mreg_model model,
                            mreg_error *error);

/**
 * Takes back one hold. With the last one, a model that is no longer registered goes. `MREG_NULL` does nothing and
 * succeeds. Runs destructors.
 *
 * Errors: as `mreg_model_hold`, but for the null handle's; `MREG_ERROR_INVALID_ARGUMENT` for a registered model that is
 * not held. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_unhold(mreg_model model,
                              mreg_error *error);

/**
 * Whether the handle is of a model that is registered now; false for one that is only held. No lock; any bits may be
 * asked about.
 *
 * Any thread. Since 0.1.0.
 */
bool mreg_model_is_valid(mreg_model model);

/**
 * A model's name, of a model that is registered, or held by `mreg_model_hold`. Text as by `mreg_owner_name`.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`, `MREG_ERROR_NULL_POINTER`,
 * `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_name(mreg_model model,
                            char *buffer,
                            size_t capacity,
                            size_t *length,
                            mreg_error *error);

/**
 * The settings that a model was registered with, a JSON object; where there were none, those of its schema; empty without
 * either. Of a model that is registered, or held by `mreg_model_hold`. Text as by `mreg_owner_name`.
 *
 * Errors: as `mreg_model_name`. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_settings(mreg_model model,
                                char *buffer,
                                size_t capacity,
                                size_t *length,
                                mreg_error *error);

/**
 * A new handle of a model's schema, `MREG_NULL` where it has none; of a model that is registered, or held by `mreg_model_hold`.
 *
 * `*schema` is the caller's to free with `mreg_schema_free`.
 *
 * Errors: as `mreg_model_name`, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_schema(mreg_model model,
                              mreg_schema *schema,
                              mreg_error *error);

/**
 * The pointer that a model was registered with. It may be used only while the caller holds the model: by
 * `mreg_model_hold`, or by a held snapshot that contains it. Of a model that is registered, or held by `mreg_model_hold`; from
 * a snapshot it is read by position.
 *
 * Errors: as `mreg_model_name`. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_user_data(mreg_model model,
                                 void **user_data,
                                 mreg_error *error);

/**
 * When a model was registered or last moved: milliseconds since the first of January 1970, UTC. Of a model that is
 * registered or held.
 *
 * Errors: as `mreg_model_name`. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_registered_at(mreg_model model,
                                     int64_t *milliseconds,
                                     mreg_error *error);

/**
 * The owners of a registered model, each `MREG_NULL` where it has none. `owner` is the one whose list has the model: the
 * app where there is one, else the data source. Each pointer may be NULL.
 *
 * Errors: as `mreg_model_name`; a model that is only held is stale here. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_owners(mreg_model model,
                              mreg_owner *owner,
                              mreg_owner *data_source,
                              mreg_owner *app,
                              mreg_error *error);

/**
 * The label of the partition that a registered model lives in: `global`, a tenant's code, `ds_...` or `app_...`. Text as
 * by `mreg_owner_name`.
 *
 * Errors: as `mreg_model_name`; a model that is only held is stale here. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_tenant(mreg_model model,
                              char *buffer,
                              size_t capacity,
                              size_t *length,
                              mreg_error *error);

/**
 * The registry of a registered model.
 *
 * Errors: as `mreg_model_name`; a model that is only held is stale here. Any thread. Since 0.1.0.
 */
mreg_status mreg_model_registry(mreg_model model, mreg_registry *registry, mreg_error *error);

/* ====================================================================================================
 * Snapshot: models at one moment, held
 * ==================================================================================================== */

/**
 * Frees a held snapshot: its models are held by it no more. `MREG_NULL` does nothing and succeeds. Runs destructors.
 *
 * Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
 * `MREG_ERROR_STALE_HANDLE` where it was freed before, `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
 */
mreg_status mreg_snapshot_free(mreg_snapshot snapshot,
                               mreg_error *error);

/**
 * Copies the handles of the models in a snapshot, in its order.
 *
 * As many as `capacity` has room for; `*count` is how many there are. `(NULL, 0)` asks for the number. `stamp`, which may
 * be NULL, is filled as by `mreg_owner_models`; the stamp of a snapshot of all models is 0. A handle of a model that is
 * no longer registered is stale: read such a model by its position. The handles hold nothing: the models are held by the
 * snapshot, until it is freed.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`, `MREG_ERROR_NULL_POINTER`,
 * `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread. Since 0.1.0.
 */
mreg_status mreg_snapshot_models(mreg_snapshot snapshot,
                                 mreg_model *models,
                                 size_t capacity,
                                 size_t *count,
                                 mreg_stamp *stamp,
                                 mreg_error *error);

/**
 * The name of the model at a position of a snapshot. Text as by `mreg_owner_name`.
 *
 * Errors: as `mreg_snapshot_models`, `MREG_ERROR_INVALID_ARGUMENT` for a position past the end. Any thread. Since 0.1.0.
 */
mreg_status mreg_snapshot_name(mreg_snapshot snapshot,
                               size_t position,
                               char *buffer,
                               size_t capacity,
                               size_t *length,
                               mreg_error *error);

/**
 * The settings of the model at a position of a snapshot, as by `mreg_model_settings`. Text as by `mreg_owner_name`.
 *
 * Errors: as `mreg_snapshot_name`. Any thread. Since 0.1.0.
 */
mreg_status mreg_snapshot_settings(mreg_snapshot snapshot,
                                   size_t position,
                                   char *buffer,
                                   size_t capacity,
                                   size_t *length,
                                   mreg_error *error);

/**
 * A new handle of the schema of the model at a position of a snapshot; `MREG_NULL` where it has none.
 *
 * `*schema` is the caller's to free with `mreg_schema_free`.
 *
 * Errors: as `mreg_snapshot_name`, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_snapshot_schema(mreg_snapshot snapshot,
                                 size_t position,
                                 mreg_schema *schema,
                                 mreg_error *error);

/**
 * When the model at a position of a snapshot had been registered or last moved, when the snapshot was taken: milliseconds since the
 * first of January 1970, UTC.
 *
 * Errors: as `mreg_snapshot_name`. Any thread. Since 0.1.0.
 */
mreg_status mreg_snapshot_registered_at(mreg_snapshot snapshot,
                                        size_t position,
                                        int64_t *milliseconds,
                                        mreg_error *error);

/**
 * The pointer that the model at a position of a snapshot was registered with; it may be used until the snapshot is freed.
 *
 * Errors: as `mreg_snapshot_name`. Any thread. Since 0.1.0.
 */
mreg_status mreg_snapshot_user_data(mreg_snapshot snapshot,
                                    size_t position,
                                    void **user_data,
                                    mreg_error *error);

/* ====================================================================================================
 * Tenant: a named partition of a registry
 * ==================================================================================================== */

/**
 * What is known of a tenant, that is, of a partition. Begin with `MREG_TENANT_INFO_INIT` or `mreg_tenant_info_init`.
 */
typedef struct mreg_tenant_info {
    /** `sizeof(mreg_tenant_info)`, set by the caller. */
    size_t struct_size;
    /** 1 for a tenant that is there, else 0 and so is all else. */
    uint32_t exists;
    /** 1 for a partition of data sources, else 0. */
    uint32_t is_data_source;
    /** Its number: tenants have larger ones in the order they came to be. `global` has 0. */
    uint64_t number;
    /** Models in it. */
    uint64_t models;
    /** Distinct names among them. */
    uint64_t names;
    /** Distinct structures among them; all models without properties count as one. */
    uint64_t structures;
    /** Owners that count in it. */
    uint64_t owners;
    /** When it came to be: milliseconds since the first of January 1970, UTC. */
    int64_t created_at_ms;
    /** When a model was last put or found in it: milliseconds since the first of January 1970, UTC. */
    int64_t last_used_at_ms;
    /** How long that is ago, in milliseconds, by a clock that does not jump. */
    uint64_t idle_ms;
    /** Its code or label: UTF-8, NUL-terminated. */
    char code[256];
} mreg_tenant_info;

/**
 * Makes tenant information ready for use: the same bytes as `MREG_TENANT_INFO_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_tenant_info_init(mreg_tenant_info *info);

/**
 * What is known of the tenant with this code, or of the partition with this label (`global`, `ds_mysql_1a2b3c4d`,
 * `app_1`).
 *
 * `info->exists` is 0 where there is none; that is no error. An empty or a reserved code means `global`.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`, `MREG_ERROR_NULL_POINTER`,
 * `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`,
 * `MREG_ERROR_INVALID_NAME`. Any thread. Since 0.1.0.
 */
mreg_status mreg_tenant_get_info(mreg_registry registry,
                                 const char *code,
                                 size_t code_length,
                                 mreg_tenant_info *info,
                                 mreg_error *error);

/**
 * What is known of the first tenant whose number is larger than `number`: begin with 0, which leaves `global` out, and
 * go on with `info->number`, until `info->exists` is 0.
 *
 * Tenants that come to be or go in between are in the enumeration or not; no other is left out or comes twice.
 *
 * Errors: as `mreg_registry_get_stats`. Any thread. Since 0.1.0.
 */
mreg_status mreg_tenant_next(mreg_registry registry,
                             uint64_t number,
                             mreg_tenant_info *info,
                             mreg_error *error);

/**
 * The newest model of a name in one tenant alone. `*model` is `MREG_NULL` where there is none; that is no error.
 *
 * An empty or a reserved code means `global`. The handle holds nothing: the model may be gone when it is used.
 *
 * Errors: as `mreg_tenant_get_info`, but for the struct's. Any thread. Since 0.1.0.
 */
mreg_status mreg_tenant_find_model(mreg_registry registry,
                                   const char *code,
                                   size_t code_length,
                                   const char *name,
                                   size_t name_length,
                                   mreg_model *model,
                                   mreg_error *error);

/**
 * Copies the handles of a tenant's models in the order of registration.
 *
 * As many as `capacity` has room for; `*count` is how many there are. `(NULL, 0)` asks for the number. An empty or a
 * reserved code means `global`. The list is made for each call, which counts as use of the tenant. The handles hold nothing:
 * a model may be gone when its handle is used.
 *
 * Errors: as `mreg_tenant_find_model`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_tenant_models(mreg_registry registry,
                               const char *code,
                               size_t code_length,
                               mreg_model *models,
                               size_t capacity,
                               size_t *count,
                               mreg_error *error);

/**
 * Counts as use of a tenant: it is not idle. An unknown code does nothing, and is no error.
 *
 * `code` may be any partition's label; an empty or a reserved code means `global`. For hosts that live on freshness
 * words or on lists from the cache, which count as no use.
 *
 * Errors: as `mreg_tenant_get_info`, but for the struct's. Any thread. Since 0.1.0.
 */
mreg_status mreg_tenant_touch(mreg_registry registry,
                              const char *code,
                              size_t code_length,
                              mreg_error *error);

/**
 * Sets the calling thread's current tenant, for every registry; an empty code: none, as a thread begins.
 *
 * Calls that register models and name no tenant use it: `mreg_model_register`, `mreg_model_move` and
 * `mreg_application_load`. A code that the registry reserves means `global` there, as where it is named. The code
 * `global`, named in the call, puts a model into `global` whatever the current tenant is. So does
 * `mreg_registry_find_structure`, which searches in it; no other call that asks looks at it.
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_INVALID_NAME`; the
 * current tenant stays what it was. Any thread. Since 0.1.0.
 */
mreg_status mreg_tenant_set_current(const char *code,
                                    size_t code_length,
                                    mreg_error *error);

/**
 * The calling thread's current tenant; empty for none. Text as by `mreg_owner_name`.
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`.
 * Any thread. Since 0.1.0.
 */
mreg_status mreg_tenant_current(char *buffer,
                                size_t capacity,
                                size_t *length,
                                mreg_error *error);

/**
 * Drops a tenant with all that is in it; with an owner given, takes only that owner out of it, with its models in it, and
 * drops the tenant when that owner was the last that counted in it.
 *
 * `code` may be any partition's label. `*dropped` is how many distinct names went with the tenant: 0 while other owners
 * remain, for an owner that does not count in it, and for an unknown code and, unlike in the calls
 * above, an empty or a reserved one. `global` is emptied, and
 * its names counted. `dropped` may be NULL. The owner stays registered. Runs destructors.
 *
 * Errors: as `mreg_tenant_find_model`; for `owner` also those of a wrong, foreign, forged or stale handle. Any thread.
 * Since 0.1.0.
 */
mreg_status mreg_tenant_drop(mreg_registry registry,
                             const char *code,
                             size_t code_length,
                             mreg_owner owner,
                             uint64_t *dropped,
                             mreg_error *error);

/**
 * Drops every tenant but `global` in which no model was put or found for `max_idle_ms` milliseconds or longer; 0 drops
 * them all.
 *
 * `*dropped` is how many tenants went; it may be NULL. Owners stay registered. Runs destructors.
 *
 * Errors: as `mreg_registry_clear`, `MREG_ERROR_UNALIGNED_POINTER`. Any thread. Since 0.1.0.
 */
mreg_status mreg_tenant_drop_idle(mreg_registry registry,
                                  uint64_t max_idle_ms,
                                  uint64_t *dropped,
                                  mreg_error *error);

/* ====================================================================================================
 * Sweeper: drops what was idle too long, from a thread of the library's
 * ==================================================================================================== */

/** How often the sweeper sweeps, and what. Begin with `MREG_SWEEPER_OPTIONS_INIT` or `mreg_sweeper_options_init`. */
typedef struct mreg_sweeper_options {
    /** `sizeof(mreg_sweeper_options)`, set by the caller. */
    size_t struct_size;
    /** Milliseconds from one sweep to the next, by the system's clock: 300,000 (5 minutes) unless set. Not 0. */
    uint64_t interval_ms;
    /**
     * A tenant in which no model was put or found for so many milliseconds or longer is dropped: 1,800,000 (30
     * minutes) unless set. 0 drops all.
     */
    uint64_t max_idle_ms;
} mreg_sweeper_options;

/**
 * What is known of a registry's sweeper. Begin with `MREG_SWEEPER_INFO_INIT` or `mreg_sweeper_info_init`.
 *
 * The counts begin with the registry; a clear, a stop and a start leave them as they are.
 */
typedef struct mreg_sweeper_info {
    /** `sizeof(mreg_sweeper_info)`, set by the caller. */
    size_t struct_size;
    /** Milliseconds from one sweep to the next, as the last start set them; also while it is stopped. */
    uint64_t interval_ms;
    /** For how long a tenant has to be idle to be dropped, as the last start set it; also while it is stopped. */
    uint64_t max_idle_ms;
    /** 1 between start and stop, else 0. */
    uint32_t running;
    /** 0. */
    uint32_t reserved;
    /** Sweeps so far, those by `mreg_sweeper_run` included. */
    uint64_t sweeps;
    /** Tenants that they dropped. */
    uint64_t dropped;
    /** When the last sweep was: milliseconds since the first of January 1970, UTC; 0 for never. */
    int64_t last_sweep_at_ms;
} mreg_sweeper_info;

/**
 * Makes sweeper options ready for use: the same bytes as `MREG_SWEEPER_OPTIONS_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_sweeper_options_init(mreg_sweeper_options *options);

/**
 * Makes sweeper information ready for use: the same bytes as `MREG_SWEEPER_INFO_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_sweeper_info_init(mreg_sweeper_info *info);

/**
 * Starts the registry's sweeper: from one interval from now on it drops, once an interval, the tenants but `global`
 * that are idle, as `mreg_tenant_drop_idle` does.
 *
 * `options` may be NULL for the defaults. Where the sweeper runs already, it takes the new settings and its interval
 * begins anew.
 *
 * One thread of the library's serves all registries of the process. It is made by the first start, and ends when no
 * registry has a sweeper that runs. Its name is `modelreg-sweep`, it blocks every signal, and its stack has 1 MiB. It
 * never keeps a process from ending.
 *
 * The destructors of what it drops run on that thread, one after the other, with no lock held. They may call any
 * function of the library, this one and `mreg_sweeper_stop` included. They must not end the thread, nor leave with an
 * exception or `longjmp`: nobody is there to catch it, and it ends the process. While one of them runs, no registry is
 * swept. A host whose destructors cannot run on such a thread calls `mreg_sweeper_run` from a timer of its own.
 *
 * After `fork()` no sweeper runs in the child, until it is started there.
 *
 * Errors: `MREG_ERROR_NO_THREAD` where the system gives no thread, and then nothing is changed;
 * `MREG_ERROR_INVALID_ARGUMENT` for an interval of 0, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
 * `MREG_ERROR_OUT_OF_MEMORY`; for the registry as `mreg_registry_clear`. Any thread. Since 0.1.0.
 */
mreg_status mreg_sweeper_start(mreg_registry registry,
                               const mreg_sweeper_options *options,
                               mreg_error *error);

/**
 * Stops the registry's sweeper; its settings and counts stay. One that does not run is no error.
 *
 * When it returns, the sweeper's thread is not at this registry any more: it waits for the destructor that runs there,
 * so do not hold what that destructor waits for. Called on the sweeper's own thread, by a destructor, it does not
 * wait. Call it before what destructors need goes, at the end of a process for instance.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`. Any thread. Since 0.1.0.
 */
mreg_status mreg_sweeper_stop(mreg_registry registry,
                              mreg_error *error);

/**
 * Sweeps once, now and on the calling thread, with the settings of the last start, or the defaults; whether the
 * sweeper runs does not matter.
 *
 * `*dropped` is how many tenants went; it may be NULL. Runs destructors.
 *
 * Errors: as `mreg_registry_clear`, `MREG_ERROR_UNALIGNED_POINTER`. Any thread. Since 0.1.0.
 */
mreg_status mreg_sweeper_run(mreg_registry registry,
                             uint64_t *dropped,
                             mreg_error *error);

/**
 * The registry's sweeper: settings, whether it runs, and what it did. `info->struct_size` is set by the caller.
 *
 * Errors: as `mreg_registry_get_stats`. Any thread. Since 0.1.0.
 */
mreg_status mreg_sweeper_get_info(mreg_registry registry,
                                  mreg_sweeper_info *info,
                                  mreg_error *error);

/* ====================================================================================================
 * Schema: a parsed model definition
 * ==================================================================================================== */

/** No nested object and no array. */
#define MREG_STRUCTURE_SIMPLE 0

/** Some nested object or array. */
#define MREG_STRUCTURE_COMPLEX 1

/** An array. */
#define MREG_STRUCTURE_ARRAY 2

/** Not an object. */
#define MREG_STRUCTURE_INVALID 3

/** The property is inherited from a base. */
#define MREG_PROPERTY_INHERITED 1

/** The property is an id, or part of one. */
#define MREG_PROPERTY_ID 2

/** The property is required. */
#define MREG_PROPERTY_REQUIRED 4

/** How a definition is parsed. Begin with `MREG_SCHEMA_OPTIONS_INIT` or `mreg_schema_options_init`. */
typedef struct mreg_schema_options {
    /** `sizeof(mreg_schema_options)`, set by the caller. */
    size_t struct_size;
    /** The name of a model whose definition has none. */
    mreg_text default_name;
    /** Schemas among which the base is looked for by its name, before LoopBack's built-in models; may be NULL. */
    const mreg_schema *bases;
    /** How many of them there are. */
    size_t base_count;
} mreg_schema_options;

/** What is known of a schema. Begin with `MREG_SCHEMA_INFO_INIT` or `mreg_schema_info_init`. */
typedef struct mreg_schema_info {
    /** `sizeof(mreg_schema_info)`, set by the caller. */
    size_t struct_size;
    /** All properties, own and inherited ones: those that `mreg_schema_property_name` and its like count by. */
    uint64_t properties;
    /** Own properties. */
    uint64_t own;
    /** Inherited properties. */
    uint64_t inherited;
    /**
     * Members of the definition's own `properties`, equal names once: own ones, those that are `false` or `null`, and where a
     * loaded file had such, those of an impossible type.
     */
    uint64_t declared;
    /** Members that are `false` or `null`: they hide the inherited property of their name, if there is one. */
    uint64_t hidden;
    /** Properties inside anonymous types of own properties, at every level. */
    uint64_t nested;
    /** One of the `MREG_STRUCTURE_` numbers; a schema is `MREG_STRUCTURE_SIMPLE` or `MREG_STRUCTURE_COMPLEX`. */
    uint32_t structure_kind;
    /** 0 for flat properties, one more for each nesting. */
    uint32_t structure_depth;
    /** 1 where the setting `strict`, own or inherited, is exactly `true`, else 0. */
    uint32_t strict;
    /** 1 where an id is injected into a model that declares none, else 0. */
    uint32_t id_injection;
    /** 1 where the model has a structure to be found by, else 0 (no properties). */
    uint32_t has_structure;
    /** 0. */
    uint32_t reserved;
    /** 128 bits of the SHA-256 of the structure: names, types and options of all properties in canonical form. */
    uint8_t fingerprint[16];
} mreg_schema_info;

/**
 * Makes schema options ready for use: the same bytes as `MREG_SCHEMA_OPTIONS_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_schema_options_init(mreg_schema_options *options);

/**
 * Makes schema information ready for use: the same bytes as `MREG_SCHEMA_INFO_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_schema_info_init(mreg_schema_info *info);

/**
 * Parses a LoopBack model definition: strict JSON, UTF-8, at most 64 MiB, nested at most 64 types and at most 127 arrays
 * and objects of JSON deep.
 *
 * Of equal keys the last counts. `base`, `options` and `properties` that are `null`, `false`, 0 or `""` are not there.
 *
 * The base is looked for in `options->bases`, then among LoopBack's built-in models; a definition without a base has
 * `PersistedModel`. `options` may be NULL. `*schema` is the caller's to free with `mreg_schema_free`.
 *
 * Errors: `MREG_ERROR_JSON` and `MREG_ERROR_SCHEMA` with line, column and the property's name, `MREG_ERROR_TOO_DEEP`,
 * `MREG_ERROR_UNKNOWN_BASE`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_INVALID_NAME`, `MREG_ERROR_NULL_POINTER`,
 * `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_OUT_OF_MEMORY`,
 * `MREG_ERROR_FULL`; for the bases the errors of a handle. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_parse(const char *json,
                              size_t json_length,
                              const mreg_schema_options *options,
                              mreg_schema *schema,
                              mreg_error *error);

/**
 * A handle of the schema of one of LoopBack's built-in models, such as `User`; `MREG_NULL` for any other name, which is
 * no error. `*schema` is the caller's to free with `mreg_schema_free`.
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`,
 * `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_builtin(const char *name,
                                size_t name_length,
                                mreg_schema *schema,
                                mreg_error *error);

/**
 * Frees a schema's handle. Models keep their own reference. `MREG_NULL` does nothing and succeeds.
 *
 * Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
 * `MREG_ERROR_STALE_HANDLE` where it was freed before. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_free(mreg_schema schema, mreg_error *error);

/**
 * What is known of a schema. `info->struct_size` is set by the caller.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`,
 * `MREG_ERROR_STRUCT_SIZE`. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_get_info(mreg_schema schema,
                                 mreg_schema_info *info,
                                 mreg_error *error);

/**
 * The name of the model that a schema defines. Text as by `mreg_owner_name`.
 *
 * Errors: as `mreg_schema_get_info`, but for the struct's, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread.
 * Since 0.1.0.
 */
mreg_status mreg_schema_name(mreg_schema schema,
                             char *buffer,
                             size_t capacity,
                             size_t *length,
                             mreg_error *error);

/**
 * The name of a schema's base; empty for the root. Text as by `mreg_owner_name`.
 *
 * Errors: as `mreg_schema_name`. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_base(mreg_schema schema,
                             char *buffer,
                             size_t capacity,
                             size_t *length,
                             mreg_error *error);

/**
 * A schema's own settings as a JSON object: every member of the definition but `name`, `base`, `properties` and
 * `options`, with the options merged in. Text as by `mreg_owner_name`.
 *
 * Errors: as `mreg_schema_name`. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_settings(mreg_schema schema,
                                 char *buffer,
                                 size_t capacity,
                                 size_t *length,
                                 mreg_error *error);

/**
 * A schema as a LoopBack model definition, which parses back to an equal schema. Text as by `mreg_owner_name`.
 *
 * Errors: as `mreg_schema_name`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_to_json(mreg_schema schema,
                                char *buffer,
                                size_t capacity,
                                size_t *length,
                                mreg_error *error);

/**
 * What kind of structure a JSON text is when it is taken for properties as it stands, and how deep it nests.
 *
 * `*kind` is one of the `MREG_STRUCTURE_` numbers: `MREG_STRUCTURE_ARRAY` for an array, `MREG_STRUCTURE_INVALID` for what is
 * neither an array nor an object. `*depth` is 0 for a flat object and one more for each nesting. Every object counts, also
 * `{"type": "string"}`: `mreg_schema_get_info` says the same of types instead.
 *
 * Errors: `MREG_ERROR_JSON` with line and column, `MREG_ERROR_TOO_DEEP`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_TOO_LONG`,
 * `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_classify(const char *json,
                                 size_t json_length,
                                 uint32_t *kind,
                                 uint32_t *depth,
                                 mreg_error *error);

/**
 * Whether two schemas have the same structure, by comparing them and not by their fingerprints alone.
 *
 * Errors: as `mreg_schema_get_info`, but for the struct's. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_same_structure(mreg_schema schema,
                                       mreg_schema other,
                                       bool *same,
                                       mreg_error *error);

/**
 * What kind of property is at a position: inherited ones come first, in the order of the base, then own ones in the order
 * of the definition. `*flags` has bits of `MREG_PROPERTY_INHERITED`, `MREG_PROPERTY_ID`, `MREG_PROPERTY_REQUIRED`.
 *
 * Errors: as `mreg_schema_get_info`, but for the struct's; `MREG_ERROR_INVALID_ARGUMENT` for a position past the end.
 * Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_property_flags(mreg_schema schema,
                                       size_t position,
                                       uint32_t *flags,
                                       mreg_error *error);

/**
 * The name of the property at a position. Text as by `mreg_owner_name`.
 *
 * Errors: as `mreg_schema_property_flags`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_property_name(mreg_schema schema,
                                      size_t position,
                                      char *buffer,
                                      size_t capacity,
                                      size_t *length,
                                      mreg_error *error);

/**
 * The type of the property at a position in short form: `string`, `Order`, `[string]`, `{street: string, zip: string}`.
 * Text as by `mreg_owner_name`.
 *
 * Errors: as `mreg_schema_property_name`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_property_type(mreg_schema schema,
                                      size_t position,
                                      char *buffer,
                                      size_t capacity,
                                      size_t *length,
                                      mreg_error *error);

/**
 * The attributes of the property at a position, as a JSON object: everything beside `type`. Text as by
 * `mreg_owner_name`.
 *
 * Errors: as `mreg_schema_property_name`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_schema_property_attributes(mreg_schema schema,
                                            size_t position,
                                            char *buffer,
                                            size_t capacity,
                                            size_t *length,
                                            mreg_error *error);

/* ====================================================================================================
 * Schema builder: a schema made property by property
 * ==================================================================================================== */

/**
 * Makes a schema builder for a model of this name: a schema without properties, based on `PersistedModel`.
 *
 * `*builder` is the caller's, until `mreg_builder_finish` succeeds or `mreg_builder_free` frees it. The limits of what is built
 * are those of `mreg_schema_parse`, and so is the meaning of a name that is added twice: the last one counts.
 *
 * Errors: `MREG_ERROR_INVALID_NAME` for an empty name and for a control character, `MREG_ERROR_INVALID_UTF8`,
 * `MREG_ERROR_TOO_LONG`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_FULL`,
 * `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_builder_create(const char *name,
                                size_t name_length,
                                mreg_builder *builder,
                                mreg_error *error);

/**
 * Bases the schema on another one, whose properties it inherits. The handle of the base stays the caller's.
 *
 * Errors: for both handles `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`. Any thread. Since 0.1.0.
 */
mreg_status mreg_builder_set_base(mreg_builder builder,
                                  mreg_schema base,
                                  mreg_error *error);

/**
 * Gives the schema settings: a JSON object with any members but `name`, `base`, `properties` and `options`. It takes the place
 * of earlier settings.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_JSON`, `MREG_ERROR_SCHEMA`, `MREG_ERROR_TOO_DEEP`,
 * `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread.
 * Since 0.1.0.
 */
mreg_status mreg_builder_set_settings(mreg_builder builder,
                                      const char *settings,
                                      size_t settings_length,
                                      mreg_error *error);

/**
 * Adds a property whose type has a name: a built-in type in any case, such as `string`, or a model, which need not be defined.
 *
 * `attributes` is a JSON object with any members but `type`, such as `{"required": true}`; it may be empty. While an array is
 * open (`mreg_builder_open_array`) it adds the element of the array, which has neither name nor attributes.
 *
 * Errors: as `mreg_builder_set_settings`; `MREG_ERROR_SCHEMA` for a name with a `.`, an empty type, and a second element.
 * Nothing is changed. Any thread. Since 0.1.0.
 */
mreg_status mreg_builder_add(mreg_builder builder,
                             const char *name,
                             size_t name_length,
                             const char *type_name,
                             size_t type_name_length,
                             const char *attributes,
                             size_t attributes_length,
                             mreg_error *error);

/**
 * Hides the inherited property of this name, if there is one.
 *
 * Errors: as `mreg_builder_add`. Nothing is changed. Any thread. Since 0.1.0.
 */
mreg_status mreg_builder_hide(mreg_builder builder,
                              const char *name,
                              size_t name_length,
                              mreg_error *error);

/**
 * Opens a property whose type is an anonymous model: what is added until `mreg_builder_close` are its properties.
 *
 * `attributes` are the property's, as in `mreg_builder_add`. While an array is open, the anonymous model is its element, without
 * name and attributes.
 *
 * Errors: as `mreg_builder_add`, `MREG_ERROR_TOO_DEEP` past 64 types in one another. Nothing is changed. Any thread. Since
 * 0.1.0.
 */
mreg_status mreg_builder_open_object(mreg_builder builder,
                                     const char *name,
                                     size_t name_length,
                                     const char *attributes,
                                     size_t attributes_length,
                                     mreg_error *error);

/**
 * Opens a property whose type is an array: the one type that is added, or opened and closed, until `mreg_builder_close` is that
 * of its elements. Closed without one it is an array of anything.
 *
 * Otherwise as `mreg_builder_open_object`.
 *
 * Errors: as `mreg_builder_open_object`. Nothing is changed. Any thread. Since 0.1.0.
 */
mreg_status mreg_builder_open_array(mreg_builder builder,
                                    const char *name,
                                    size_t name_length,
                                    const char *attributes,
                                    size_t attributes_length,
                                    mreg_error *error);

/**
 * Closes the type that was opened last.
 *
 * Errors: as `mreg_builder_set_base`, `MREG_ERROR_INVALID_ARGUMENT` where no type is open, `MREG_ERROR_OUT_OF_MEMORY`. Any
 * thread. Since 0.1.0.
 */
mreg_status mreg_builder_close(mreg_builder builder,
                               mreg_error *error);

/**
 * Makes the schema, and frees the builder. Where it fails, the builder is as it was.
 *
 * `*schema` is the caller's to free with `mreg_schema_free`.
 *
 * Errors: as `mreg_builder_close`, there for types that are still open; `MREG_ERROR_TOO_DEEP`, `MREG_ERROR_FULL`,
 * `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`. Any thread. Since 0.1.0.
 */
mreg_status mreg_builder_finish(mreg_builder builder,
                                mreg_schema *schema,
                                mreg_error *error);

/**
 * Frees a builder without making its schema. `MREG_NULL` does nothing and succeeds.
 *
 * Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
 * `MREG_ERROR_STALE_HANDLE` where it was freed or finished before. Any thread. Since 0.1.0.
 */
mreg_status mreg_builder_free(mreg_builder builder, mreg_error *error);

/* ====================================================================================================
 * Application: a directory of definitions, loaded in one call
 * ==================================================================================================== */

/** Change nothing where any problem is found. */
#define MREG_LOAD_ALL_OR_NOTHING 1

/** Register no owner for the application: its data sources own the models. */
#define MREG_LOAD_WITHOUT_APP 2

/** How an application is loaded. Begin with `MREG_LOAD_OPTIONS_INIT` or `mreg_load_options_init`. */
typedef struct mreg_load_options {
    /** `sizeof(mreg_load_options)`, set by the caller. */
    size_t struct_size;
    /** Bits of `MREG_LOAD_ALL_OR_NOTHING` and `MREG_LOAD_WITHOUT_APP`. */
    uint32_t flags;
    /** 0. */
    uint32_t reserved;
    /** The environment whose files `<file>.<environment>.json` are merged; empty for none. */
    mreg_text environment;
    /**
     * The name of the application's owner; empty for the name of the directory. Where no owner can have that name, it is
     * a problem, and the name is `app`.
     */
    mreg_text app_name;
    /**
     * The tenant of models that have neither a data source nor the app; empty for the thread's current tenant (see
     * `mreg_tenant_set_current`), else `global`.
     */
    mreg_text tenant;
} mreg_load_options;

/** What was loaded. Begin with `MREG_LOAD_INFO_INIT` or `mreg_load_info_init`. */
typedef struct mreg_load_info {
    /** `sizeof(mreg_load_info)`, set by the caller. */
    size_t struct_size;
    /**
     * 1 where the registry was changed; 0 where nothing could be loaded, or all or nothing was asked for, and a problem
     * was found.
     */
    uint32_t loaded;
    /** 0. */
    uint32_t reserved;
    /** The application's owner; `MREG_NULL` where none was registered. */
    mreg_owner app;
    /** Data sources that the configuration has, without those that were left out. */
    uint64_t data_sources;
    /** Files of `models` that define a model, also one that an earlier file defines. */
    uint64_t models;
    /** Members of their own `properties`: equal keys once, inherited and nested ones apart. */
    uint64_t properties;
    /** Problems that were found. */
    uint64_t problems;
} mreg_load_info;

/** Something that is wrong with a file. Begin with `MREG_PROBLEM_INIT` or `mreg_problem_init`. */
typedef struct mreg_problem {
    /** `sizeof(mreg_problem)`, set by the caller. */
    size_t struct_size;
    /** What kind of problem: one of the status numbers. */
    mreg_status code;
    /** Line in the file, from 1; 0 where the problem has no place. */
    uint32_t line;
    /** Byte offset in the file. */
    uint64_t offset;
    /** Column in the file in bytes, from 1; 0 where the problem has no place. */
    uint32_t column;
    /** 0. */
    uint32_t reserved;
    /** What is wrong and what to do: UTF-8, NUL-terminated, cut at a character's boundary, as the next two. */
    char message[512];
    /** The name of the offending thing. */
    char name[256];
    /** The file, relative to the directory; `.` for the directory itself. */
    char file[256];
} mreg_problem;

/**
 * Makes load options ready for use: the same bytes as `MREG_LOAD_OPTIONS_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_load_options_init(mreg_load_options *options);

/**
 * Makes load information ready for use: the same bytes as `MREG_LOAD_INFO_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_load_info_init(mreg_load_info *info);

/**
 * Makes a problem ready for use: the same bytes as `MREG_PROBLEM_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_problem_init(mreg_problem *problem);

/**
 * Loads a LoopBack application into a registry: the directory that holds `datasources.json`, `model-config.json` and
 * the definitions in `models`.
 *
 * Each data source becomes an owner of its name, and the application one, unless `MREG_LOAD_WITHOUT_APP` is set. Each
 * model is registered for the data source that `model-config.json` gives it, and for the app where that file lists it.
 * `<file>.local.json`, and with an environment `<file>.<environment>.json`, are merged over the two configuration
 * files; files whose name begins with `_` are skipped. A base is looked for among the application's models, then among
 * LoopBack's built-in ones. The change is one: nobody sees a part of it.
 *
 * A file that is not JSON, a base that nothing defines, a property of an impossible type, a data source that is not
 * configured, a name that two files define and an entry of `model-config.json` that is no object are problems: they are
 * listed in the report with file, line, column and reason, and the rest is loaded, unless `MREG_LOAD_ALL_OR_NOTHING`
 * is set. So are names and settings that `mreg_owner_create` and `mreg_model_register` would refuse; a data source
 * with one is left out, and the models on it then have none. JSON nests at most 127 arrays and objects deep. Of the
 * problems with the properties of one definition at most 1,000 are listed, and one more that counts the others. Of the
 * files that define one name, the first in the order of the files' names wins.
 *
 * Models are registered in the order of their files' names, those without an owner last. A definition without a name
 * takes its file's in upper camel case (`data-source.json`: `DataSource`); a model that `model-config.json` does not
 * list has no app, and without a data source lives in `options->tenant`. Entries of `model-config.json` that no file
 * defines are ignored, also those of built-in models; so is an environment that no file belongs to. Each call makes
 * new owners: release those of the call before.
 *
 * `options` may be NULL. `*report` is the caller's to free with `mreg_load_report_free`; it is also filled where the
 * call gives `MREG_ERROR_LOAD_REFUSED`, and `MREG_ERROR_NOTHING_TO_LOAD` where there are problems to read. The owners
 * stay until they are released. Runs destructors of models that were replaced.
 *
 * Errors: `MREG_ERROR_IO` for a directory that cannot be read, `MREG_ERROR_NOTHING_TO_LOAD` where it has neither a
 * data source nor a model that could be loaded, `MREG_ERROR_LOAD_REFUSED` where all or nothing was asked for and a
 * problem was found, `MREG_ERROR_INVALID_ARGUMENT` for an unknown flag and for an environment that cannot be part of a
 * file's name, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_NULL_POINTER`,
 * `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_INVALID_NAME`,
 * `MREG_ERROR_TOO_LONG`, `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`; nothing is changed. Any thread. Since
 * 0.1.0.
 */
mreg_status mreg_application_load(mreg_registry registry,
                                  const char *directory,
                                  size_t directory_length,
                                  const mreg_load_options *options,
                                  mreg_load_report *report,
                                  mreg_error *error);

/**
 * Frees a report; what was loaded stays. `MREG_NULL` does nothing and succeeds.
 *
 * Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
 * `MREG_ERROR_STALE_HANDLE` where it was freed before. Any thread. Since 0.1.0.
 */
mreg_status mreg_load_report_free(mreg_load_report report, mreg_error *error);

/**
 * What was loaded. `info->struct_size` is set by the caller.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`,
 * `MREG_ERROR_STRUCT_SIZE`. Any thread. Since 0.1.0.
 */
mreg_status mreg_load_report_get_info(mreg_load_report report,
                                      mreg_load_info *info,
                                      mreg_error *error);

/**
 * The owner of the data source at a position, in the order of the configuration; `MREG_NULL` where nothing was loaded.
 * Its name is the one that the configuration gives it.
 *
 * Errors: as `mreg_load_report_get_info`, but for the struct's; `MREG_ERROR_INVALID_ARGUMENT` for a position past the
 * end. Any thread. Since 0.1.0.
 */
mreg_status mreg_load_report_data_source(mreg_load_report report,
                                         size_t position,
                                         mreg_owner *owner,
                                         mreg_error *error);

/**
 * The problem at a position. `problem->struct_size` is set by the caller.
 *
 * Errors: as `mreg_load_report_get_info`; `MREG_ERROR_INVALID_ARGUMENT` for a position past the end. Any thread. Since
 * 0.1.0.
 */
mreg_status mreg_load_report_problem(mreg_load_report report,
                                     size_t position,
                                     mreg_problem *problem,
                                     mreg_error *error);

/* ====================================================================================================
 * Watcher: what happens in a registry
 * ==================================================================================================== */

/** A model was registered: `model`, `owner`, `name`, `tenant`. */
#define MREG_CHANGE_REGISTERED 1

/** A model was registered in the place of another: as above, and `replaced`, which is no longer registered. */
#define MREG_CHANGE_REPLACED 2

/** A model was given other owners: as above; `replaced` where it took the place of one, else `MREG_NULL`. */
#define MREG_CHANGE_MOVED 3

/**
 * A model went, by itself or with its owner or its tenant: `model`, `owner`, `name` and `tenant` as they were. Not for
 * a model that was replaced, and not for those of a clear or of a registry that was destroyed.
 */
#define MREG_CHANGE_REMOVED 4

/**
 * A tenant went, or `global` was emptied by `mreg_tenant_drop`: `tenant`, and in `count` how many names went with it.
 * It comes after its models' `MREG_CHANGE_REMOVED`.
 */
#define MREG_CHANGE_TENANT_DROPPED 5

/** The registry was cleared: `count` models went. */
#define MREG_CHANGE_CLEARED 6

/**
 * An owner was released: `owner`, `name`, `tenant`. It comes after its models and, where that went with it, its
 * tenant.
 */
#define MREG_CHANGE_OWNER_RELEASED 7

/** The registry was destroyed: `count` models went. It is the last change. */
#define MREG_CHANGE_DESTROYED 8

/** `count` changes could not be kept, up to the one with this `sequence`: ask the registry for what is there. */
#define MREG_CHANGE_LOST 9

/** One thing that happened in a registry. Begin with `MREG_CHANGE_INIT` or `mreg_change_init`. */
typedef struct mreg_change {
    /** `sizeof(mreg_change)`, set by the caller; in a callback by the library. */
    size_t struct_size;
    /** One of the `MREG_CHANGE_` numbers. */
    uint32_t kind;
    /** 0. */
    uint32_t reserved;
    /** Its number: while a registry has a watcher, each of its changes gets the next one. */
    uint64_t sequence;
    /** When it happened: milliseconds since the first of January 1970, UTC. Of lost changes: when that is told. */
    int64_t at_ms;
    /** The registry. */
    mreg_registry registry;
    /** The owner that has the model, or that went; `MREG_NULL` for none. */
    mreg_owner owner;
    /** The model; `MREG_NULL` for none. The handle holds nothing: the model may be gone by now. */
    mreg_model model;
    /** The model whose place it took, stale by now; `MREG_NULL` for none. */
    mreg_model replaced;
    /** How many, for the kinds that say so. */
    uint64_t count;
    /** The name of the model or the owner: UTF-8, NUL-terminated, cut at a character's boundary. */
    char name[256];
    /** The label of the partition: a tenant's code, `global`, `ds_...` or `app_...`. UTF-8, NUL-terminated. */
    char tenant[256];
} mreg_change;

/**
 * Called with each change of a registry.
 *
 * It is called on the thread that made the change, before that call returns, when the whole change is complete and
 * visible to everyone, with no lock of the library held, and before the destructors that the call made due. A thread
 * is told of its changes in the order in which it made them; of those of several threads `sequence` says the order,
 * and they may be told at the same time, each by its own thread. `change` may be read until the callback returns. It
 * may call any function of the library, also to free its own watcher or to destroy the registry; what it changes is
 * told before its own call returns. It may throw a C++ exception, which passes through the call; leaving it with
 * `longjmp` is forbidden, and survived, as in a destructor.
 */
typedef void (*mreg_change_callback)(void *user_data, const struct mreg_change *change);

/** How a watcher is told. Begin with `MREG_WATCHER_OPTIONS_INIT` or `mreg_watcher_options_init`. */
typedef struct mreg_watcher_options {
    /** `sizeof(mreg_watcher_options)`, set by the caller. */
    size_t struct_size;
    /** Without a callback: how many changes are kept until they are polled; 0 for 1,024, at most 1,048,576. */
    size_t capacity;
    /** Called with each change; NULL for a watcher that is polled. */
    mreg_change_callback callback;
    /** The host's pointer, which the callback and `destroy` get. */
    void *user_data;
    /**
     * Called with `user_data` once, when the watcher is freed and no callback of it is running, or when the call
     * fails; may be NULL.
     */
    mreg_destructor destroy;
} mreg_watcher_options;

/**
 * Makes a change ready for use: the same bytes as `MREG_CHANGE_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_change_init(mreg_change *change);

/**
 * Makes watcher options ready for use: the same bytes as `MREG_WATCHER_OPTIONS_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_watcher_options_init(mreg_watcher_options *options);

/**
 * Begins to watch a registry.
 *
 * With a callback, that is called with each change, and nothing is lost but for want of memory. Without one, changes
 * are kept to be polled; where there is no room for another, the oldest goes, and in the place of those that went
 * comes one `MREG_CHANGE_LOST` with their number. A registry may have several watchers; each is told of everything. A
 * load is told as a registration for each of its models, when all of it has been done.
 *
 * `options` may be NULL for a watcher that is polled. `*watcher` is the caller's to free with `mreg_watcher_free`; it
 * outlives the registry, and can be polled to the end. What it keeps is not in the registry's `bytes_in_use`.
 *
 * Where the call fails, `options->destroy` is called with `options->user_data` before it returns, unless `options`
 * could not be read (`MREG_ERROR_UNALIGNED_POINTER` or `MREG_ERROR_STRUCT_SIZE`).
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
 * `MREG_ERROR_INVALID_ARGUMENT` for a capacity past the limit, `MREG_ERROR_NULL_HANDLE`,
 * `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`,
 * `MREG_ERROR_POISONED`, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
 */
mreg_status mreg_watcher_create(mreg_registry registry,
                                const mreg_watcher_options *options,
                                mreg_watcher *watcher,
                                mreg_error *error);

/**
 * Takes the oldest change that a watcher keeps. `*found` is false, and `change` empty, where there is none.
 *
 * `change->struct_size` is set by the caller. Several threads may poll one watcher: each change goes to one of them.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_INVALID_ARGUMENT` for a watcher with a callback,
 * `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`; nothing is taken out. Any
 * thread. Since 0.1.0.
 */
mreg_status mreg_watcher_poll(mreg_watcher watcher,
                              mreg_change *change,
                              bool *found,
                              mreg_error *error);

/**
 * Frees a watcher: no callback of it begins any more, also not for changes that were made before; one that another
 * thread is inside of goes on. `MREG_NULL` does nothing and succeeds.
 *
 * `options->destroy` is called before it returns, or where a callback of it is running, before the call returns that
 * runs the last one. Runs destructors.
 *
 * Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
 * `MREG_ERROR_STALE_HANDLE` where it was freed before. Any thread. Since 0.1.0.
 */
mreg_status mreg_watcher_free(mreg_watcher watcher,
                              mreg_error *error);

/* ====================================================================================================
 * Release queue: user_data that is due, for hosts that take no callbacks
 * ==================================================================================================== */

/** The `user_data` was a model's. */
#define MREG_DUE_MODEL 1

/** The `user_data` was an owner's. */
#define MREG_DUE_OWNER 2

/** `user_data` that nothing holds any more. Begin with `MREG_DUE_INIT` or `mreg_due_init`. */
typedef struct mreg_due {
    /** `sizeof(mreg_due)`, set by the caller. */
    size_t struct_size;
    /** `MREG_DUE_MODEL` or `MREG_DUE_OWNER`. */
    uint32_t kind;
    /** 0. */
    uint32_t reserved;
    /**
     * The handle that the model or owner had, stale by now; `MREG_NULL` where the call that was to register it failed.
     */
    uint64_t handle;
    /** The pointer that was handed in with it: the library has forgotten it. */
    void *user_data;
} mreg_due;

/**
 * Makes a record of what is due ready for use: the same bytes as `MREG_DUE_INIT`.
 *
 * NULL does nothing. Any thread. Since 0.1.0.
 */
void mreg_due_init(mreg_due *due);

/**
 * Makes a release queue, to be given to registries in `mreg_registry_options`.
 *
 * In such a registry, `user_data` that is not NULL and has no destructor is put into the queue when a destructor would
 * have been called: when nothing holds the model any more, when the owner is gone, or when the call that it was handed
 * to fails; before the call returns that let go, whichever thread made it, also after the registry is destroyed for
 * what was held. Nothing is ever left out for want of memory: the record is made when the `user_data` is handed in.
 * What has a destructor does not go through the queue. Only where a call refuses the handle of the registry itself is
 * there no queue: `error->name` is `registry`, and the `user_data` stays the caller's.
 *
 * `*queue` is the caller's to free with `mreg_queue_free`. What waits in it is the host's to fetch, and is in no
 * registry's `bytes_in_use`.
 *
 * Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_FULL`.
 * Any thread. Since 0.1.0.
 */
mreg_status mreg_queue_create(mreg_queue *queue,
                              mreg_error *error);

/**
 * Takes the oldest out of a release queue. `*found` is false, and `due` empty, where there is nothing in it.
 *
 * `due->struct_size` is set by the caller. What one call let go comes in the order in which it was let go. Several
 * threads may poll one queue: each record goes to one of them.
 *
 * Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
 * `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`,
 * `MREG_ERROR_STRUCT_SIZE`; nothing is taken out. Any thread. Since 0.1.0.
 */
mreg_status mreg_queue_poll(mreg_queue queue,
                            mreg_due *due,
                            bool *found,
                            mreg_error *error);

/**
 * Frees a release queue. What is left in it, and what would come later from registries that have it, is dropped.
 * `MREG_NULL` does nothing and succeeds.
 *
 * Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
 * `MREG_ERROR_STALE_HANDLE` where it was freed before. Any thread. Since 0.1.0.
 */
mreg_status mreg_queue_free(mreg_queue queue,
                            mreg_error *error);

/* ====================================================================================================
 * Log
 * ==================================================================================================== */

/** No messages. */
#define MREG_LOG_OFF 0

/** Internal errors of the library. */
#define MREG_LOG_ERROR 1

/** Problems of files that were loaded, and changes that a watcher lost. */
#define MREG_LOG_WARNING 2

/** Registries that were cleared and destroyed, applications that were loaded, tenants that were swept. */
#define MREG_LOG_INFO 3

/** Tenants that came to be and went, owners that were released. */
#define MREG_LOG_DEBUG 4

/**
 * Called with each message of the log: one sentence, UTF-8, of `length` bytes and a NUL, at most 1,023 bytes.
 * `message` may be read until it returns.
 *
 * It is called as an `mreg_change_callback` is: on the thread whose call the message is about, before that call
 * returns, with no lock held. It may call any function, and throw a C++ exception.
 */
typedef void (*mreg_log_callback)(void *user_data, uint32_t level, const char *message, size_t length);

/**
 * Sets who gets the messages of the library, for the whole process; whoever had them before gets no more.
 *
 * `max_level` is the last level that is wanted: `MREG_LOG_ERROR` for errors alone, `MREG_LOG_DEBUG` for all. Messages
 * that nobody wants are not made. `callback` NULL or `MREG_LOG_OFF`: nobody gets any, as it is at the beginning. An
 * internal error of a call that says nothing of destructors is told by the thread's next call that does. When this
 * returns, another thread may still be inside of the callback that was set before.
 *
 * Errors: `MREG_ERROR_INVALID_ARGUMENT` for a level that there is not. Any thread. Since 0.1.0.
 */
mreg_status mreg_log_set(uint32_t max_level,
                         mreg_log_callback callback,
                         void *user_data,
                         mreg_error *error);

/* ====================================================================================================
 * Initializers of the structs above: the same bytes as their _init functions give
 * ==================================================================================================== */

#define MREG_ERROR_INIT {sizeof(mreg_error), 0, 0, 0, 0, 0, "", ""}
#define MREG_TEXT_EMPTY {NULL, 0}
/** Initializes an mreg_text with a NUL-terminated string. */
#define MREG_TEXT(string) {(string), MREG_NUL_TERMINATED}
#define MREG_REGISTRY_OPTIONS_INIT {sizeof(mreg_registry_options), 0, 0, NULL, 0, 0}
#define MREG_REGISTRY_STATS_INIT {sizeof(mreg_registry_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
#define MREG_OWNER_OPTIONS_INIT \
    {sizeof(mreg_owner_options), 0, 0, MREG_TEXT_EMPTY, MREG_TEXT_EMPTY, MREG_TEXT_EMPTY, MREG_TEXT_EMPTY, \
     MREG_TEXT_EMPTY, MREG_TEXT_EMPTY, NULL, NULL}
#define MREG_MEMORY_INIT {sizeof(mreg_memory), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
#define MREG_FIND_OPTIONS_INIT {sizeof(mreg_find_options), 0, MREG_TEXT_EMPTY, 0, 0, 0, 0}
#define MREG_MODEL_OPTIONS_INIT \
    {sizeof(mreg_model_options), MREG_TEXT_EMPTY, 0, 0, MREG_TEXT_EMPTY, 0, MREG_TEXT_EMPTY, NULL, NULL, 0, 0}
#define MREG_TENANT_INFO_INIT {sizeof(mreg_tenant_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ""}
#define MREG_SWEEPER_OPTIONS_INIT {sizeof(mreg_sweeper_options), 300000, 1800000}
#define MREG_SWEEPER_INFO_INIT {sizeof(mreg_sweeper_info), 0, 0, 0, 0, 0, 0, 0}
#define MREG_SCHEMA_OPTIONS_INIT {sizeof(mreg_schema_options), MREG_TEXT_EMPTY, NULL, 0}
#define MREG_SCHEMA_INFO_INIT {sizeof(mreg_schema_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}}
#define MREG_LOAD_OPTIONS_INIT \
    {sizeof(mreg_load_options), 0, 0, MREG_TEXT_EMPTY, MREG_TEXT_EMPTY, MREG_TEXT_EMPTY}
#define MREG_LOAD_INFO_INIT {sizeof(mreg_load_info), 0, 0, 0, 0, 0, 0, 0}
#define MREG_PROBLEM_INIT {sizeof(mreg_problem), 0, 0, 0, 0, 0, "", "", ""}
#define MREG_CHANGE_INIT {sizeof(mreg_change), 0, 0, 0, 0, 0, 0, 0, 0, 0, "", ""}
#define MREG_WATCHER_OPTIONS_INIT {sizeof(mreg_watcher_options), 0, NULL, NULL, NULL}
#define MREG_DUE_INIT {sizeof(mreg_due), 0, 0, 0, NULL}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* MODELREG_H */
