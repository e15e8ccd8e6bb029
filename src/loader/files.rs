//! Reading files, and merging the variants of a configuration file.

use super::Problems;
use crate::error::{Error, Result, Status};
use crate::schema::alloc::{push, with_capacity};
use crate::schema::json::{Locator, MAX_JSON_LENGTH, Place};
use crate::schema::{Json, Object, parse_from};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// A configuration file merged with its variants.
pub(super) struct Configuration {
    pub(super) object: Object<'static>,
    /// Whether any of the files is there, whatever is in it.
    pub(super) found: bool,
    sources: Vec<(String, Lines)>,
}

impl Configuration {
    /// The file that a member comes from, and its place there.
    pub(super) fn place(&self, source: u32, offset: u32) -> (&str, Place) {
        match self.sources.get(source as usize) {
            Some((file, lines)) => (file, lines.place(offset)),
            None => ("", Place::default()),
        }
    }
}

/// Where the lines of an input begin: all that is kept of it, and quick for however many places.
struct Lines(Vec<u32>);

impl Lines {
    fn of(input: &[u8]) -> Result<Self> {
        let mut starts = Vec::new();
        push(&mut starts, u32::try_from(Locator::new(input).line_start()).unwrap_or(u32::MAX))?;
        for (index, _) in input.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            push(&mut starts, u32::try_from(index + 1).unwrap_or(u32::MAX))?;
        }
        Ok(Lines(starts))
    }

    fn place(&self, offset: u32) -> Place {
        let line = self.0.partition_point(|start| *start <= offset).max(1);
        Place {
            offset: offset.into(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: offset.saturating_sub(self.0[line - 1]) + 1,
        }
    }
}

/// Reads `<stem>.json`, `<stem>.local.json` and the environment's variant, each merged over the ones before.
pub(super) fn configuration(
    dir: &Path,
    stem: &str,
    environment: Option<&str>,
    problems: &mut Problems,
) -> Result<Configuration> {
    let mut merged = Configuration { object: Object::default(), found: false, sources: Vec::new() };
    let variant = environment.map(|name| format!("{stem}.{name}.json"));
    for file in [Some(format!("{stem}.json")), Some(format!("{stem}.local.json")), variant].into_iter().flatten() {
        let input = match read(&dir.join(&file)) {
            Ok(input) => input,
            Err(Unreadable::Absent(_)) => continue,
            Err(unreadable) => {
                merged.found = true;
                problems.note(&file, unreadable.into_error(&file))?;
                continue;
            }
        };
        merged.found = true;
        let source = u32::try_from(merged.sources.len()).unwrap_or(u32::MAX);
        match parse_from(&input, source) {
            Ok(Json::Object(object)) => {
                merged.object = std::mem::take(&mut merged.object).merge(object.into_owned()?, true)?;
                push(&mut merged.sources, (file, Lines::of(&input)?))?;
            }
            Ok(other) => {
                let message = format!("a configuration must be an object, not {}; correct the file", other.kind());
                let place = Locator::new(&input).start();
                problems.note(&file, place.mark(Error::new(Status::ERROR_SCHEMA, &*file, message)))?;
            }
            Err(error) => problems.note(&file, error)?,
        }
    }
    Ok(merged)
}

/// Why a file was not read.
pub(super) enum Unreadable {
    Absent(io::Error),
    Failed(io::Error),
    TooLong,
    NoFile,
    OutOfMemory(Error),
}

impl Unreadable {
    pub(super) fn into_error(self, file: &str) -> Error {
        match self {
            Unreadable::Absent(error) | Unreadable::Failed(error) => Error::new(
                Status::ERROR_IO,
                file,
                format!("cannot be read: {error}; check that it exists and may be read"),
            ),
            Unreadable::TooLong => {
                let message = format!("longer than the limit of {MAX_JSON_LENGTH} bytes; split the file");
                Error::new(Status::ERROR_TOO_LONG, file, message)
            }
            Unreadable::NoFile => Error::new(Status::ERROR_IO, file, "not a file; put a JSON file in its place"),
            Unreadable::OutOfMemory(error) => error,
        }
    }
}

/// The whole file. Only regular files are opened: a pipe in their place would block.
pub(super) fn read(path: &Path) -> std::result::Result<Vec<u8>, Unreadable> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => Unreadable::Absent(error),
        ErrorKind::OutOfMemory => Unreadable::OutOfMemory(Status::ERROR_OUT_OF_MEMORY.into()),
        _ => Unreadable::Failed(error),
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Unreadable::NoFile);
    }
    let length = usize::try_from(metadata.len()).ok().filter(|length| *length <= MAX_JSON_LENGTH);
    let length = length.ok_or(Unreadable::TooLong)?;
    // One byte of room more than the length, so that the end is met without growing.
    let mut input = with_capacity(length + 1).map_err(Unreadable::OutOfMemory)?;
    let limit = MAX_JSON_LENGTH as u64 + 1;
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut input)).map_err(failed)?;
    if input.len() > MAX_JSON_LENGTH { Err(Unreadable::TooLong) } else { Ok(input) }
}
