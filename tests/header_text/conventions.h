/*
 * modelreg: which models belong to which owners in which tenants, asked at the speed of a memory read.
 *
 * This file is generated from the library's source and is its reference. Read this page first; what it says holds for
 * every function and is not said again.
 *
 * HANDLES. Registries, owners, models, snapshots, schemas and load reports are handles: 64-bit numbers, 0 for none. A
 *   handle is checked before anything is done with it. One that is null, of another type, of another registry, made up,
 *   or of something that is gone gets a status of its own, for ever; none is ever undefined behaviour. The top bit is
 *   always 0. The low half of a handle alone is never valid: declare handles as 64 bits wide in your language.
 *
 * STATUS AND ERRORS. A function that can fail returns an mreg_status, MREG_OK (0) for success, and takes an mreg_error of
 *   the caller's as its last argument. That may be NULL. It is filled when the call fails, and left alone when it
 *   succeeds. A call that fails has changed nothing. "Nothing found" is an answer and no failure: MREG_OK with MREG_NULL,
 *   false or a count of 0.
 *
 * RESULTS. Pointers for results come last before the error. They must not be NULL unless the function says so, and must
 *   be aligned. They are set to null, 0 or false when the call fails.
 *
 * TEXT IN. A pointer and a length in bytes, or MREG_NUL_TERMINATED for a length. UTF-8. (NULL, 0) is the empty text. The
 *   library reads it during the call and keeps no pointer to it. At most 64 MiB.
 *
 * TEXT AND LISTS OUT. Into the caller's buffer, as snprintf does: as much as there is room for, and how much there is.
 *   (NULL, 0) asks how much there is. The library hands out no memory: there is nothing to give to free().
 *
 * STRUCTS. Those that begin with struct_size can grow in later versions. Begin with their _INIT macro or _init function,
 *   which give the same bytes. The library reads and writes no more than both sides know, and refuses fields that it
 *   does not know and that are not zero. The caller may keep, copy and drop these structs as it likes.
 *
 * THREADS. Every function may be called from any thread at any time, also while another thread releases or destroys what
 *   it is about: the call finishes, or finds it gone. No lock is held while code of the host runs. No function may be
 *   called from a signal handler, unless it says so.
 *
 * DESTRUCTORS. A function that can run the host's destructors says so. It runs them before it returns, when its own
 *   change is complete and visible to everyone, with no lock held. They may call any function. A C++ exception that one
 *   throws passes through the call; the others run at the thread's next such call, or when the registry is destroyed.
 *
 * HOLDING. A handle of a model holds nothing. The registry holds a registered model; the host does by mreg_model_hold,
 *   and by a snapshot that contains it. A model's user_data may be used only while the host holds the model.
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
 * __atomic_load_n(word, __ATOMIC_ACQUIRE); a plain aligned 64-bit load of a volatile is the same on x86-64.
 */
typedef volatile uint64_t mreg_freshness_word;
