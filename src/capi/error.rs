//! The caller's error struct.

use std::ffi::c_char;
use std::mem::{offset_of, size_of};

use crate::error::Error;

/// One of the `MREG_` status numbers.
pub type mreg_status = i32;

/// Why a call failed. The caller owns it; the library fills it when a call fails, and allocates nothing for it.
///
/// Every function that can fail takes a pointer to one as its last argument, which may be NULL. A call that succeeds
/// leaves it as it is. Begin with `MREG_ERROR_INIT` or `mreg_error_init`: one whose `struct_size` is less than 12 or more than
/// 1 MiB is left alone.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_error {
    /// `sizeof(mreg_error)`, set by the caller.
    pub struct_size: usize,
    /// The status that the call returned.
    pub code: mreg_status,
    /// Line in the input, from 1; 0 where there is none.
    pub line: u32,
    /// Byte offset in the input; 0 where there is none.
    pub offset: u64,
    /// Column in the input in bytes, from 1; 0 where there is none.
    pub column: u32,
    /// 0.
    pub reserved: u32,
    /// What is wrong, with what, and what to do: UTF-8, NUL-terminated, cut at a character's boundary.
    pub message: [c_char; 512],
    /// The name of the offending thing: a model, a property, a parameter, a file.
    pub name: [c_char; 256],
}

/// What `MREG_ERROR_INIT` gives.
pub(crate) const EMPTY: mreg_error = mreg_error {
    struct_size: size_of::<mreg_error>(),
    code: 0,
    line: 0,
    offset: 0,
    column: 0,
    reserved: 0,
    message: [0; 512],
    name: [0; 256],
};

/// Makes an error struct ready for use: the same bytes as `MREG_ERROR_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to memory for an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_error_init(error: *mut mreg_error) {
    if !error.is_null() {
        // SAFETY: the caller gives memory for the struct; it need not be aligned.
        unsafe { error.write_unaligned(EMPTY) };
    }
}

/// Copies a text into a fixed field, cut at a character's boundary, with NULs up to its end.
pub(crate) fn fill(field: &mut [c_char], text: &str) {
    let end = text.floor_char_boundary(field.len() - 1);
    field.fill(0);
    for (to, from) in field.iter_mut().zip(&text.as_bytes()[..end]) {
        *to = *from as c_char;
    }
}

/// Fills the caller's error struct and gives the status.
///
/// # Safety
/// `error` is NULL or points to a struct of the caller's whose first field says how large it is.
#[cold]
pub(crate) unsafe fn report(error: *mut mreg_error, failure: &Error) -> mreg_status {
    let status = failure.status() as mreg_status;
    if error.is_null() {
        return status;
    }
    // SAFETY: the first field is there in every version of the struct; it need not be aligned.
    let theirs = unsafe { error.cast::<usize>().read_unaligned() };
    // Too small for a code: not a struct that was made ready.
    if theirs < offset_of!(mreg_error, line) || theirs > (1 << 20) {
        return status;
    }
    let mut ours = EMPTY;
    ours.struct_size = theirs;
    ours.code = status;
    fill(&mut ours.message, failure.message());
    if let Some(detail) = failure.detail() {
        (ours.offset, ours.line, ours.column) = (detail.offset, detail.line, detail.column);
        fill(&mut ours.name, &detail.name);
    }
    let bytes = theirs.min(size_of::<mreg_error>());
    // SAFETY: the caller's struct has at least `bytes` bytes, by its own field; ours has as many.
    unsafe { std::ptr::copy_nonoverlapping(std::ptr::from_ref(&ours).cast::<u8>(), error.cast::<u8>(), bytes) };
    status
}
