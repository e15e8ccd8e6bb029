//! The log.

use std::ffi::{c_char, c_void};

use crate::core::due::UserData;
use crate::core::log::{self, Level};

use super::{guard, mreg_error, mreg_status};

/// No messages.
pub const MREG_LOG_OFF: u32 = 0;
/// Internal errors of the library.
pub const MREG_LOG_ERROR: u32 = 1;
/// Problems of files that were loaded, and changes that a watcher lost.
pub const MREG_LOG_WARNING: u32 = 2;
/// Registries that were cleared and destroyed, applications that were loaded, tenants that were swept.
pub const MREG_LOG_INFO: u32 = 3;
/// Tenants that came to be and went, owners that were released.
pub const MREG_LOG_DEBUG: u32 = 4;

// cbindgen copies literals only.
const _: () = assert!(
    MREG_LOG_ERROR == Level::Error as u32
        && MREG_LOG_WARNING == Level::Warning as u32
        && MREG_LOG_INFO == Level::Info as u32
        && MREG_LOG_DEBUG == Level::Debug as u32
        && MREG_LOG_DEBUG == log::MAX_LEVEL
);

/// Called with each message of the log: one sentence, UTF-8, of `length` bytes and a NUL, at most 1,023 bytes.
/// `message` may be read until it returns.
///
/// It is called as an `mreg_change_callback` is: on the thread whose call the message is about, before that call
/// returns, with no lock held. It may call any function, and throw a C++ exception.
pub type mreg_log_callback =
    Option<unsafe extern "C-unwind" fn(user_data: *mut c_void, level: u32, message: *const c_char, length: usize)>;

/// Sets who gets the messages of the library, for the whole process; whoever had them before gets no more.
///
/// `max_level` is the last level that is wanted: `MREG_LOG_ERROR` for errors alone, `MREG_LOG_DEBUG` for all. Messages
/// that nobody wants are not made. `callback` NULL or `MREG_LOG_OFF`: nobody gets any, as it is at the beginning. An
/// internal error of a call that says nothing of destructors is told by the thread's next call that does. When this
/// returns, another thread may still be inside of the callback that was set before.
///
/// Errors: `MREG_ERROR_INVALID_ARGUMENT` for a level that there is not. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_log_set(
    max_level: u32,
    callback: mreg_log_callback,
    user_data: *mut c_void,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard(error, || log::set(max_level, callback, UserData(user_data))) }
}
