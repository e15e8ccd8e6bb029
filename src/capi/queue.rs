//! Release queues.

use std::ffi::c_void;
use std::mem::size_of;

use crate::core::release::{self, Kind};

use super::args::{self, Growable};
use super::{guard, mreg_error, mreg_status};

/// A release queue: `user_data` that is due, for a host that takes no callbacks.
pub type mreg_queue = u64;

/// The `user_data` was a model's.
pub const MREG_DUE_MODEL: u32 = 1;
/// The `user_data` was an owner's.
pub const MREG_DUE_OWNER: u32 = 2;

// cbindgen copies literals only.
const _: () = assert!(MREG_DUE_MODEL == Kind::Model as u32 && MREG_DUE_OWNER == Kind::Owner as u32);

/// `user_data` that nothing holds any more. Begin with `MREG_DUE_INIT` or `mreg_due_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_due {
    /// `sizeof(mreg_due)`, set by the caller.
    pub struct_size: usize,
    /// `MREG_DUE_MODEL` or `MREG_DUE_OWNER`.
    pub kind: u32,
    /// 0.
    pub reserved: u32,
    /// The handle that the model or owner had, stale by now; `MREG_NULL` where the call that was to register it failed.
    pub handle: u64,
    /// The pointer that was handed in with it: the library has forgotten it.
    pub user_data: *mut c_void,
}

// SAFETY: `repr(C)`, the size first, integers and a pointer for which any bytes are a value.
unsafe impl Growable for mreg_due {
    const FIRST_SIZE: usize = size_of::<mreg_due>();
    const DEFAULT: Self = mreg_due {
        struct_size: size_of::<mreg_due>(),
        kind: 0,
        reserved: 0,
        handle: 0,
        user_data: std::ptr::null_mut(),
    };
}

/// Makes a record of what is due ready for use: the same bytes as `MREG_DUE_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `due` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_due_init(due: *mut mreg_due) {
    // SAFETY: as the caller promises.
    unsafe { super::init(due) }
}

/// Makes a release queue, to be given to registries in `mreg_registry_options`.
///
/// In such a registry, `user_data` that is not NULL and has no destructor is put into the queue when a destructor would
/// have been called: when nothing holds the model any more, when the owner is gone, or when the call that it was handed
/// to fails; before the call returns that let go, whichever thread made it, also after the registry is destroyed for
/// what was held. Nothing is ever left out for want of memory: the record is made when the `user_data` is handed in.
/// What has a destructor does not go through the queue. Only where a call refuses the handle of the registry itself is
/// there no queue: `error->name` is `registry`, and the `user_data` stays the caller's.
///
/// `*queue` is the caller's to free with `mreg_queue_free`. What waits in it is the host's to fetch, and is in no
/// registry's `bytes_in_use`.
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_FULL`.
/// Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_queue_create(queue: *mut mreg_queue, error: *mut mreg_error) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(queue, 0, "queue") }?;
        out.put(release::create()?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Takes the oldest out of a release queue. `*found` is false, and `due` empty, where there is nothing in it.
///
/// `due->struct_size` is set by the caller. What one call let go comes in the order in which it was let go. Several
/// threads may poll one queue: each record goes to one of them.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`,
/// `MREG_ERROR_STRUCT_SIZE`; nothing is taken out. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_queue_poll(
    queue: mreg_queue,
    due: *mut mreg_due,
    found: *mut bool,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out_struct(due, "due") };
        // SAFETY: as the caller promises.
        let out_found = unsafe { args::out(found, false, "found") };
        let (out, out_found) = (out?, out_found?);
        if let Some(released) = release::poll(queue)? {
            out.put(mreg_due {
                kind: released.kind as u32,
                handle: released.handle,
                user_data: released.user_data.0,
                ..mreg_due::DEFAULT
            });
            out_found.put(true);
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Frees a release queue. What is left in it, and what would come later from registries that have it, is dropped.
/// `MREG_NULL` does nothing and succeeds.
///
/// Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
/// `MREG_ERROR_STALE_HANDLE` where it was freed before. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_queue_free(queue: mreg_queue, error: *mut mreg_error) -> mreg_status {
    let work = || {
        if queue != 0 {
            release::free(queue)?;
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}
