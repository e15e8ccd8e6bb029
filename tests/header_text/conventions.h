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
