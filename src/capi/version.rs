//! Versions and the names of status numbers.

use std::ffi::c_char;

use crate::error::Status;

use super::mreg_status;

/// Major version that the header was made for.
pub const MREG_VERSION_MAJOR: u32 = 0;
/// Minor version that the header was made for.
pub const MREG_VERSION_MINOR: u32 = 1;
/// Patch version that the header was made for.
pub const MREG_VERSION_PATCH: u32 = 0;

/// The version of the library that runs: `major << 16 | minor << 8 | patch`.
///
/// Any thread; safe in signal handlers. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mreg_version() -> u32 {
    MREG_VERSION_MAJOR << 16 | MREG_VERSION_MINOR << 8 | MREG_VERSION_PATCH
}

/// The version of the library that runs, as text such as `0.1.0`.
///
/// The text lives as long as the process. Any thread; safe in signal handlers. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mreg_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The name of a status as it is written in C, such as `MREG_ERROR_STALE_HANDLE`; `MREG_UNKNOWN_STATUS` for a number
/// that the library does not use.
///
/// The text lives as long as the process. Any thread; safe in signal handlers. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mreg_status_name(status: mreg_status) -> *const c_char {
    Status::from_number(status).map_or(c"MREG_UNKNOWN_STATUS", Status::c_name).as_ptr()
}

/// One sentence on a status, for people; `unknown status` for a number that the library does not use.
///
/// The text lives as long as the process. Any thread; safe in signal handlers. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mreg_status_text(status: mreg_status) -> *const c_char {
    Status::from_number(status).map_or(c"unknown status", Status::c_text).as_ptr()
}
