//! The calling thread's current tenant.
//!
//! It lies in thread-locals without a destructor, so that it can be set and read as long as the thread lives, also
//! while its other thread-locals are being destroyed.

use std::cell::Cell;

use crate::error::Result;

use super::owner::check_text;
use super::partition::MAX_LABEL;

/// A copy of a tenant's code, of which the first bytes are used.
#[derive(Clone, Copy)]
pub struct Code {
    bytes: [u8; MAX_LABEL],
    length: usize,
}

impl Code {
    /// No tenant.
    pub const NONE: Code = Code { bytes: [0; MAX_LABEL], length: 0 };

    /// The code; empty for no tenant.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

thread_local! {
    // Apart from the bytes: most threads have no current tenant, and every registration asks.
    static LENGTH: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<[u8; MAX_LABEL]> = const { Cell::new([0; MAX_LABEL]) };
}

/// Sets the calling thread's current tenant; an empty code is none.
///
/// # Errors
/// `ERROR_TOO_LONG`, `ERROR_INVALID_NAME` with the byte offset.
pub fn set(code: &str) -> Result<()> {
    check_text("tenant code", code, MAX_LABEL)?;
    let mut bytes = [0; MAX_LABEL];
    bytes[..code.len()].copy_from_slice(code.as_bytes());
    BYTES.set(bytes);
    LENGTH.set(code.len());
    Ok(())
}

/// The calling thread's current tenant.
pub fn get() -> Code {
    match LENGTH.get() {
        0 => Code::NONE,
        length => Code { bytes: BYTES.get(), length },
    }
}

/// The tenant that a call is about: the one that it names, else the thread's current one, for which there has to be
/// room.
#[inline(always)]
pub fn named_or_current<'a>(named: &'a str, room: &'a mut Option<Code>) -> &'a str {
    if !named.is_empty() || LENGTH.get() == 0 {
        return named;
    }
    room.insert(get()).as_str()
}
