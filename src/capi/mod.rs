//! The C functions: each checks its arguments, makes one call into the core, and turns the result into a status.
//!
//! Functions that can run the host's destructors and callbacks are `extern "C-unwind"` and have two parts: the guarded
//! one does the work and lists what is due, the other one (`run_due`) calls the host, outside of every guard, so that a
//! C++ exception passes through.

// The names of C, as they stand in the header.
#![allow(non_camel_case_types)]

mod args;
mod builder;
mod error;
mod load;
mod log;
mod model;
mod owner;
mod queue;
mod registry;
mod schema;
mod search;
mod snapshot;
mod sweeper;
mod tenant;
#[cfg(feature = "test-hooks")]
mod test_hooks;
mod version;
mod watcher;

// Last, as the header has the functions in this order: many questions come after one.
mod batch;

pub use batch::*;
pub use builder::*;
pub use error::{mreg_error, mreg_error_init, mreg_status};
pub use load::*;
pub use log::*;
pub use model::*;
pub use owner::*;
pub use queue::*;
pub use registry::*;
pub use schema::*;
pub use search::*;
pub use snapshot::*;
pub use sweeper::*;
pub use tenant::*;
pub use version::*;
pub use watcher::*;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::core::due::{self, Due, DueList, Step, Turn, UserData};
use crate::core::log::internal_error;
use crate::core::registry::release_queue;
use crate::core::release::Kind;
use crate::core::sweeper as core_sweeper;
use crate::error::{Error, Result, Status};

/// A text of the caller's: UTF-8 bytes and their number.
///
/// `length` may be `MREG_NUL_TERMINATED`. `{NULL, 0}` is the empty text. The library reads it during the call only.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct mreg_text {
    /// The first byte; NULL only where `length` is 0.
    pub data: *const std::ffi::c_char,
    /// The number of bytes, or `MREG_NUL_TERMINATED`.
    pub length: usize,
}

impl mreg_text {
    pub(crate) const EMPTY: mreg_text = mreg_text { data: std::ptr::null(), length: 0 };
}

/// Given as the length of a text that ends with a NUL byte.
pub const MREG_NUL_TERMINATED: usize = usize::MAX;

/// The handle of nothing, of every type.
pub const MREG_NULL: u64 = 0;

/// Called once with the `user_data` that it was handed in with, when nothing holds the model or the owner any more.
///
/// It runs on the thread whose call let go last, before that call returns, with no lock of the library held. It may
/// call any function of the library. It may throw a C++ exception, which passes through the call; leaving it with
/// `longjmp` is forbidden, and survived: what else was due runs at the thread's next call that can run destructors, or
/// when the registry is destroyed. What the sweeper drops is the exception: see `mreg_sweeper_start`.
pub type mreg_destructor = Option<unsafe extern "C-unwind" fn(user_data: *mut std::ffi::c_void)>;

/// Runs the work of an extern function; a panic of ours becomes a status with the panic's message.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error` of the caller's.
#[inline(always)]
unsafe fn guard(error: *mut mreg_error, work: impl FnOnce() -> Result<()>) -> mreg_status {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => Status::OK as mreg_status,
        // SAFETY: `error` is as the caller of this function promises.
        Ok(Err(failure)) => unsafe { failed(error, &failure) },
        // SAFETY: as above.
        Err(panic) => unsafe { failed(error, &panicked(panic.as_ref())) },
    }
}

/// Fills the caller's error and gives the status; an internal error goes to the log as well.
///
/// # Safety
/// As [`guard`].
#[cold]
unsafe fn failed(error: *mut mreg_error, failure: &Error) -> mreg_status {
    if failure.status() == Status::ERROR_INTERNAL {
        // What is wrong with the library may be wrong here too.
        let _ = catch_unwind(AssertUnwindSafe(|| internal_error(failure.message())));
    }
    // SAFETY: as the caller of this function promises.
    unsafe { error::report(error, failure) }
}

/// Runs the work of a function that answers with a text, and writes the text into the caller's buffer.
///
/// # Safety
/// As [`guard`] and `args::put_text`.
unsafe fn guard_text<T: AsRef<str>>(
    error: *mut mreg_error,
    buffer: *mut std::ffi::c_char,
    capacity: usize,
    length: *mut usize,
    text: impl FnOnce() -> Result<T>,
) -> mreg_status {
    // SAFETY: as the caller of this function promises.
    unsafe { guard(error, || args::put_text(buffer, capacity, length, text)) }
}

#[cold]
fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Error::new(Status::ERROR_INTERNAL, "modelreg", format!("internal error: {message} (please report it)"))
}

/// What a call that is handed `user_data` has to see to when it is due: the destructor, else a place in the release
/// queue of the registry, else nothing.
///
/// # Errors
/// Those of the registry's handle, where there is no destructor: there is no queue then, and the `user_data` stays the
/// caller's. `ERROR_OUT_OF_MEMORY`: the destructor is due at once.
fn due_for(
    registry: mreg_registry,
    kind: Kind,
    user_data: *mut std::ffi::c_void,
    destroy: mreg_destructor,
    gone: &mut DueList,
) -> Result<Option<Box<Due>>> {
    match destroy {
        Some(destroy) => destructor(destroy, UserData(user_data), gone).map(Some),
        None if user_data.is_null() => Ok(None),
        None => {
            let queue = release_queue(registry)?;
            Ok(queue.map(|queue| Due::queued(queue, kind, UserData(user_data))))
        }
    }
}

/// The record of a destructor that a call was handed.
///
/// # Errors
/// `ERROR_OUT_OF_MEMORY`: the destructor is due at once.
fn destructor(destroy: due::Destructor, user_data: UserData, gone: &mut DueList) -> Result<Box<Due>> {
    let made = Due::new(destroy, user_data);
    if made.is_none() {
        gone.push_unrecorded(destroy, user_data);
    }
    Ok(made.ok_or(Status::ERROR_OUT_OF_MEMORY)?)
}

/// What a call let go and has to run before it returns.
#[derive(Clone, Copy)]
struct Batch {
    number: u64,
    /// What it was handed and there is no memory to list.
    unrecorded: Option<(due::Destructor, UserData)>,
}

/// As [`guard`], for work that can let go of what has a destructor: `work` lists it, whether it succeeds or fails, and
/// names the registry by its handle. The caller has to call [`run_due`] with the batch afterwards.
///
/// Not inlined, so that the frames of the C functions that use it are small and alike: see [`due::begin`].
///
/// # Safety
/// As [`guard`].
#[inline(never)]
unsafe fn guard_due(
    error: *mut mreg_error,
    work: impl FnOnce(&mut DueList, &mut u64) -> Result<()>,
) -> (mreg_status, Batch) {
    // Outside of the guard: what was let go before a panic of ours is due all the same.
    let (mut gone, mut registry) = (DueList::default(), 0);
    // SAFETY: as the caller of this function promises.
    let status = unsafe { guard(error, || work(&mut gone, &mut registry)) };
    if gone.is_empty() {
        // Nothing is in it, and dropping it would look for that once more.
        std::mem::forget(gone);
        return (status, Batch { number: 0, unrecorded: None });
    }
    let unrecorded = gone.take_unrecorded();
    let number = catch_unwind(AssertUnwindSafe(|| due::append(registry, gone))).unwrap_or(0);
    (status, Batch { number, unrecorded })
}

/// Calls what the host is told of and the destructors that are due, one after the other, with no lock held and no guard
/// around.
///
/// `batch` is what the call let go; `destroyed` the handle of the registry that it destroyed, or 0.
#[inline(always)]
fn run_due(batch: Batch, destroyed: u64) {
    if batch.unrecorded.is_none() && !due::is_waiting() {
        return;
    }
    if let Some((destroy, user_data)) = batch.unrecorded {
        // First, since nothing would remember it where another one jumps out of the call.
        // SAFETY: the host handed in the function together with its argument, and the call that failed gives it here once.
        unsafe { destroy(user_data.0) };
    }
    run_turn(batch.number, destroyed, || (), |turn| turn);
}

/// As [`run_due`], on the sweeper's thread: only what that thread let go, and behind the gate. Not `C-unwind`: there is
/// nobody on that thread who could catch an exception, so it ends the process here.
extern "C" fn run_swept(batch: u64) {
    run_turn(batch, 0, core_sweeper::gate, Turn::of_its_own);
}

/// Where the stack ends in the calling function, by which calls that nest are told from calls that ended without returning.
///
/// Of the machine where that can be asked: what a sanitizer watches may lie outside of the stack. Else a variable of the frame
/// stands for it.
#[inline(always)]
#[allow(unused_variables)]
fn stack_pointer<T>(variable: &T) -> usize {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        let pointer: usize;
        // SAFETY: copies a register, and touches nothing else.
        unsafe { std::arch::asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
        pointer
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    {
        let pointer: usize;
        // SAFETY: copies a register, and touches nothing else.
        unsafe { std::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
        pointer
    }
    #[cfg(any(not(any(target_arch = "x86_64", target_arch = "aarch64")), miri))]
    std::ptr::from_ref(variable).addr()
}

/// Holds what `gate` gives while it is at the list, and not while it calls the host.
#[inline(never)]
fn run_turn<G>(batch: u64, destroyed: u64, gate: fn() -> G, limit: fn(Turn) -> Turn) {
    let frame = stack_pointer(&batch);
    let begun = catch_unwind(|| {
        let _gate = gate();
        due::begin(frame, batch, destroyed).map(limit)
    });
    let Ok(Some(turn)) = begun else { return };
    let take = || {
        let _gate = gate();
        due::take(turn)
    };
    // Nothing in this frame needs dropping: an exception of the host's may pass through it.
    while let Ok(Some(step)) = catch_unwind(take) {
        match step {
            // SAFETY: the host handed in the function together with its argument, and the list gives each once.
            Step::Destroy(destroy, user_data) => unsafe { destroy(user_data.0) },
            Step::Change => tell_change(turn, gate),
            Step::Log => tell_log(turn, gate),
        }
    }
}

/// Calls a watcher's callback. Apart, because the change takes room on the stack that destructors that nest can do
/// without.
#[inline(never)]
fn tell_change<G>(turn: Turn, gate: fn() -> G) {
    let change = || {
        let _gate = gate();
        due::change(turn)
    };
    let Ok(Some((callback, user_data, told))) = catch_unwind(change) else { return };
    let change = mreg_change::from(&told);
    // SAFETY: the host handed in the function together with its argument, for changes of this type. The frame has
    // nothing to drop.
    unsafe { callback(user_data.0, std::ptr::from_ref(&change).cast()) };
}

/// Calls the log's callback.
#[inline(never)]
fn tell_log<G>(turn: Turn, gate: fn() -> G) {
    let message = || {
        let _gate = gate();
        due::message(turn)
    };
    let Ok(Some((callback, user_data, message))) = catch_unwind(message) else { return };
    let text = std::ptr::from_ref(&message.text).cast();
    // SAFETY: as above; the text has a NUL at its length.
    unsafe { callback(user_data.0, message.level as u32, text, message.length) };
}

/// Keeps the thread from being cancelled inside a call that reads files or random numbers: a cancellation unwinds, and
/// a guard that it came to would abort the process. It takes effect afterwards.
struct Uncancellable {
    #[cfg(all(target_os = "linux", not(miri)))]
    before: std::ffi::c_int,
}

#[cfg(all(target_os = "linux", not(miri)))]
unsafe extern "C" {
    // Not in the libc crate, and not in Miri, which cancels no threads.
    fn pthread_setcancelstate(state: std::ffi::c_int, before: *mut std::ffi::c_int) -> std::ffi::c_int;
}

impl Uncancellable {
    fn begin() -> Self {
        #[cfg(all(target_os = "linux", not(miri)))]
        {
            // `PTHREAD_CANCEL_DISABLE`, in glibc and musl.
            const DISABLE: std::ffi::c_int = 1;
            let mut before = 0;
            // SAFETY: the state is a valid one, and `before` a place for the old one.
            unsafe { pthread_setcancelstate(DISABLE, &mut before) };
            Uncancellable { before }
        }
        #[cfg(any(not(target_os = "linux"), miri))]
        Uncancellable {}
    }
}

impl Drop for Uncancellable {
    fn drop(&mut self) {
        #[cfg(all(target_os = "linux", not(miri)))]
        // SAFETY: the state is the one that there was before.
        unsafe {
            pthread_setcancelstate(self.before, std::ptr::null_mut());
        }
    }
}

/// Stores the default of a struct that can grow.
///
/// # Safety
/// `pointer` is NULL or points to memory for a `T`; it need not be aligned.
unsafe fn init<T: args::Growable>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: as the caller promises.
        unsafe { pointer.write_unaligned(T::DEFAULT) };
    }
}
