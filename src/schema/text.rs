//! Compact JSON text of the [`Json`] tree.

use super::alloc::append;
use super::json::{Json, Object};
use crate::error::{Error, Result, Status};
use std::io;

impl Json<'_> {
    /// The value as compact JSON text, which reads back as the same value.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`
    pub fn to_text(&self) -> Result<String> {
        let mut out = String::new();
        write_json(&mut out, self)?;
        Ok(out)
    }
}

impl Object<'_> {
    /// The object as compact JSON text.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`
    pub fn to_text(&self) -> Result<String> {
        let mut out = String::new();
        write_object(&mut out, self)?;
        Ok(out)
    }
}

pub(crate) fn write_json(out: &mut String, value: &Json<'_>) -> Result<()> {
    match value {
        Json::Null => append(out, "null"),
        Json::Bool(true) => append(out, "true"),
        Json::Bool(false) => append(out, "false"),
        Json::Number(lexeme) => append(out, lexeme),
        Json::String(text) => write_str(out, text),
        Json::Array(items) => {
            append(out, "[")?;
            for (index, item) in items.iter().enumerate() {
                separate(out, index)?;
                write_json(out, item)?;
            }
            append(out, "]")
        }
        Json::Object(object) => write_object(out, object),
    }
}

pub(crate) fn write_object(out: &mut String, object: &Object<'_>) -> Result<()> {
    append(out, "{")?;
    write_members(out, object, 0)?;
    append(out, "}")
}

/// Writes the members alone, without braces, after `before` members that are already there; how many there are then.
pub(crate) fn write_members(out: &mut String, object: &Object<'_>, before: usize) -> Result<usize> {
    for (index, member) in object.members().iter().enumerate() {
        separate(out, before + index)?;
        write_key(out, &member.key)?;
        write_json(out, &member.value)?;
    }
    Ok(before + object.members().len())
}

pub(crate) fn separate(out: &mut String, index: usize) -> Result<()> {
    if index == 0 { Ok(()) } else { append(out, ",") }
}

pub(crate) fn write_key(out: &mut String, key: &str) -> Result<()> {
    write_str(out, key)?;
    append(out, ":")
}

pub(crate) fn write_str(out: &mut String, text: &str) -> Result<()> {
    // Without an early end, so that the compiler looks at many bytes at once.
    let plain = |plain: bool, byte: u8| plain & (byte >= 0x20) & (byte != b'"') & (byte != b'\\');
    if text.bytes().fold(true, plain) {
        append(out, "\"")?;
        append(out, text)?;
        return append(out, "\"");
    }
    serde_json::to_writer(Escaped(out), text).map_err(|error| {
        if error.is_io() {
            Status::ERROR_OUT_OF_MEMORY.into()
        } else {
            Error::new(Status::ERROR_INTERNAL, "", format!("a text could not be written as JSON: {error}"))
        }
    })
}

/// Takes what serde_json writes without the unchecked growth of `Vec<u8>`.
struct Escaped<'a>(&'a mut String);

impl io::Write for Escaped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        append(self.0, text).map_err(|_| io::ErrorKind::OutOfMemory)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
