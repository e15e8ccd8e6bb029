//! The C functions, called as a C host calls them, with what every call must keep checked in one place.
//!
//! A failing call fills the error with its own status and a message, a call that succeeds leaves it alone; every wrapper
//! here asserts both.

// Each test file uses a part of this module.
#![allow(dead_code, unused_imports)]

pub mod arguments;
mod asking;
pub mod building;
pub mod naive;
mod owners;
pub mod queues;
mod random;
pub mod scarce;
pub mod state;
mod sweeping;
pub mod table;
pub mod watching;
mod witness;

pub use asking::*;
pub use owners::*;
pub use random::Random;
pub use sweeping::*;
pub use witness::{Witness, with_an_alarm, witnessed};

use std::ffi::c_char;
use std::mem::{MaybeUninit, size_of};
use std::sync::LazyLock;

pub use modelreg::capi;
use modelreg::capi::{mreg_error, mreg_text};

pub const OK: i32 = 0;
pub const NULL_POINTER: i32 = 1;
pub const UNALIGNED_POINTER: i32 = 2;
pub const INVALID_ARGUMENT: i32 = 3;
pub const STRUCT_SIZE: i32 = 4;
pub const INVALID_UTF8: i32 = 5;
pub const INVALID_NAME: i32 = 6;
pub const TOO_LONG: i32 = 7;
pub const NULL_HANDLE: i32 = 10;
pub const WRONG_HANDLE_TYPE: i32 = 11;
pub const FOREIGN_HANDLE: i32 = 12;
pub const FORGED_HANDLE: i32 = 13;
pub const STALE_HANDLE: i32 = 14;
pub const FULL: i32 = 20;
pub const JSON: i32 = 30;

pub const ANY: u32 = 0;
pub const DATA_SOURCE: u32 = 1;
pub const APP: u32 = 2;

/// What a failing call said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    pub code: i32,
    pub offset: u64,
    pub message: String,
    pub name: String,
}

pub type Result<T> = std::result::Result<T, Failure>;

/// An error struct that shows whether the library wrote to it.
pub fn fresh_error() -> mreg_error {
    // Every call of every test has one.
    static FRESH: LazyLock<mreg_error> = LazyLock::new(|| {
        let mut error = made::<mreg_error>(capi::mreg_error_init);
        (error.code, error.line, error.offset, error.column) = (-77, 77, 77, 77);
        error
    });
    *FRESH
}

pub fn text_of(field: &[c_char]) -> String {
    let end = field.iter().position(|byte| *byte == 0).expect("a text field ends with a NUL");
    let bytes = field[..end].iter().map(|byte| *byte as u8).collect();
    String::from_utf8(bytes).expect("a text field is UTF-8")
}

/// Turns a status into a result, and checks that the error struct fits it.
#[track_caller]
pub fn outcome(status: i32, error: &mreg_error) -> Result<()> {
    assert_eq!(error.struct_size, size_of::<mreg_error>());
    if status == OK {
        assert_eq!((error.code, error.line, error.offset, error.column), (-77, 77, 77, 77), "success left a mark");
        return Ok(());
    }
    assert_eq!(error.code, status, "the error has the status of the call");
    let failure =
        Failure { code: status, offset: error.offset, message: text_of(&error.message), name: text_of(&error.name) };
    assert!(!failure.message.is_empty(), "status {status} came without a message");
    Err(failure)
}

/// Calls a function that can fail with an error struct of its own.
#[macro_export]
macro_rules! call {
    ($function:ident($($argument:expr),* $(,)?)) => {{
        let mut error = $crate::support_c_api::fresh_error();
        // The arguments are part of the call: each is a temporary that has to live through it.
        #[allow(clippy::macro_metavars_in_unsafe)]
        // SAFETY: every pointer among the arguments is to memory of the test's that lives through the call.
        let status = unsafe { $crate::support_c_api::capi::$function($($argument,)* &mut error) };
        $crate::support_c_api::outcome(status, &error)
    }};
}

/// The status that a call failed with.
#[track_caller]
pub fn code<T: std::fmt::Debug>(result: Result<T>) -> i32 {
    result.expect_err("the call has to fail").code
}

pub fn text(value: &str) -> mreg_text {
    mreg_text { data: value.as_ptr().cast(), length: value.len() }
}

/// A value that `init` fills.
pub fn made<T>(init: unsafe extern "C" fn(*mut T)) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: memory for one struct, which every `_init` function fills whole.
    unsafe {
        init(value.as_mut_ptr());
        value.assume_init()
    }
}

/// Reads a text as `snprintf` gives it: asks for the length, then for the text.
#[track_caller]
pub fn read_text(get: impl Fn(*mut c_char, usize, *mut usize) -> Result<()>) -> Result<String> {
    let mut length = usize::MAX;
    get(std::ptr::null_mut(), 0, &mut length)?;
    let mut buffer = vec![0x55_u8; length + 1];
    let mut again = usize::MAX;
    get(buffer.as_mut_ptr().cast(), buffer.len(), &mut again)?;
    assert_eq!(length, again, "both calls give the same length");
    assert_eq!(buffer.pop(), Some(0), "the text ends with a NUL");
    Ok(String::from_utf8(buffer).expect("the text is UTF-8"))
}

/// Reads a list of handles: asks for the number, then for the list.
pub fn read_list(get: impl Fn(*mut u64, usize, *mut usize) -> Result<()>) -> Result<Vec<u64>> {
    let mut count = usize::MAX;
    get(std::ptr::null_mut(), 0, &mut count)?;
    loop {
        let mut list = vec![u64::MAX; count];
        let mut again = usize::MAX;
        get(list.as_mut_ptr(), count, &mut again)?;
        if again <= count {
            list.truncate(again);
            return Ok(list);
        }
        // Somebody registered in between.
        count = again;
    }
}
