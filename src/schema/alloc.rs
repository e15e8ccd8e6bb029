//! Growth that reports a lack of memory instead of ending the process.
//!
//! Whatever a host's input sizes goes through here. What may still end the process when memory is gone: boxes of
//! a fixed small size (an error, the counted box of a schema), the texts of error messages, and what the JSON parser
//! needs itself for one text with escapes or one number.

use crate::error::{Error, Result, Status};
use std::collections::TryReserveError;

pub(crate) fn exhausted(_: TryReserveError) -> Error {
    Status::ERROR_OUT_OF_MEMORY.into()
}

pub(crate) fn boxed_str(text: &str) -> std::result::Result<Box<str>, TryReserveError> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len())?;
    copy.push_str(text);
    Ok(copy.into_boxed_str())
}

pub(crate) fn push<T>(list: &mut Vec<T>, item: T) -> Result<()> {
    list.try_reserve(1).map_err(exhausted)?;
    list.push(item);
    Ok(())
}

pub(crate) fn with_capacity<T>(capacity: usize) -> Result<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(capacity).map_err(exhausted)?;
    Ok(list)
}

pub(crate) fn append(text: &mut String, more: &str) -> Result<()> {
    text.try_reserve(more.len()).map_err(exhausted)?;
    text.push_str(more);
    Ok(())
}

/// The list without spare room. `Vec::into_boxed_slice` alone would shrink in place, which cannot report a failure.
pub(crate) fn exact<T>(mut list: Vec<T>) -> Result<Box<[T]>> {
    if list.len() == list.capacity() {
        return Ok(list.into_boxed_slice());
    }
    let mut copy = with_capacity(list.len())?;
    copy.append(&mut list);
    Ok(copy.into_boxed_slice())
}

/// The text without spare room, for the reason that [`exact`] has.
pub(crate) fn exact_str(text: String) -> Result<Box<str>> {
    if text.len() == text.capacity() { Ok(text.into_boxed_str()) } else { boxed_str(&text).map_err(exhausted) }
}
