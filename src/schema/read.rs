//! Reading JSON: from serde_json's events straight into the tree.

use super::alloc::{boxed_str, exact_str, exhausted, push, with_capacity};
use super::json::{FEW, Json, Locator, MAX_JSON_DEPTH, MAX_JSON_LENGTH, Member, Object, Text, byte_order_mark};
use super::quick::{Reader as Quick, read_or_not};
use crate::error::{Error, Result, Status};
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::io::Write as _;

/// Reads one JSON text. Of equal keys the last value wins, in the place of the first, as in JavaScript.
///
/// # Errors
///
/// `ERROR_TOO_LONG`, `ERROR_INVALID_UTF8`, `ERROR_TOO_DEEP` (more than [`MAX_JSON_DEPTH`] levels),
/// `ERROR_OUT_OF_MEMORY`, else `ERROR_JSON`; all but those of length and memory with offset, line and column.
pub fn parse(input: &[u8]) -> Result<Json<'_>> {
    parse_from(input, 0)
}

/// As [`parse`], for the input number `source` among several that are merged afterwards.
pub(crate) fn parse_from(input: &[u8], source: u32) -> Result<Json<'_>> {
    let (text, start) = text_of(input)?;
    match read_or_not(Quick::new(text, start, source).whole())? {
        Some(value) => Ok(value),
        None => parse_any(input, text, start, source),
    }
}

/// The text of an input, and where it begins.
pub(super) fn text_of(input: &[u8]) -> Result<(&str, usize)> {
    if input.len() > MAX_JSON_LENGTH {
        return Err(Error::new(
            Status::ERROR_TOO_LONG,
            "",
            format!("a JSON text of {} bytes is longer than the limit of {MAX_JSON_LENGTH} bytes", input.len()),
        ));
    }
    let start = byte_order_mark(input);
    let text = std::str::from_utf8(&input[start..]).map_err(|error| {
        let place = Locator::new(input).place(start + error.valid_up_to());
        let message = format!(
            "not valid UTF-8 at byte {} (line {}, column {}); save the text as UTF-8",
            place.offset, place.line, place.column
        );
        place.mark(Error::new(Status::ERROR_INVALID_UTF8, "", message))
    })?;
    Ok((text, start))
}

/// As [`parse_from`], for any text at all.
pub(super) fn parse_any<'a>(input: &'a [u8], text: &'a str, start: usize, source: u32) -> Result<Json<'a>> {
    let reader = Reader {
        text,
        shift: start,
        source,
        after: Cell::new(start),
        members: RefCell::new(with_capacity(FEW / 2)?),
        elements: RefCell::new(with_capacity(FEW)?),
        exhausted: Cell::new(false),
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Node(&reader)
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| reader.error(input, &error))
}

/// What one reading shares between its levels.
///
/// `members` and `elements` are stacks: each level collects on top and takes its own off into a list of the
/// exact size, so that a level costs one allocation however many members it has.
struct Reader<'de> {
    text: &'de str,
    shift: usize,
    source: u32,
    /// Where the last text that was read ends, behind its closing quote.
    after: Cell<usize>,
    members: RefCell<Vec<Member<'de>>>,
    elements: RefCell<Vec<Json<'de>>>,
    exhausted: Cell<bool>,
}

impl<'de> Reader<'de> {
    /// Where `part` stands in the input, if it is a slice of it.
    fn offset_of(&self, part: &str) -> Option<usize> {
        let offset = part.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        (offset + part.len() <= self.text.len()).then_some(offset + self.shift)
    }

    /// Where the opening quote of a text stands that has no escapes, if it is a slice of the input.
    fn plain(&self, text: &str) -> Option<usize> {
        let offset = self.offset_of(text)?;
        self.after.set(offset + text.len() + 1);
        Some(offset.saturating_sub(1))
    }

    /// Where the opening quote of a text stands that the parser had to copy. Between two texts there is no quote, so it is
    /// the first one behind the text before.
    fn escaped(&self) -> usize {
        let input = self.text.as_bytes();
        let rest = |from: usize| input.get(from..).unwrap_or_default();
        let from = self.after.get() - self.shift;
        let quote = from + rest(from).iter().take_while(|byte| **byte != b'"').count();
        let mut end = quote + 1;
        while let Some(byte) = input.get(end).filter(|byte| **byte != b'"') {
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        self.after.set(end + 1 + self.shift);
        quote + self.shift
    }

    /// The parser's error type can only be made with an allocation; an empty message keeps it to one small box.
    fn out_of_memory<E: serde::de::Error>(&self) -> E {
        self.exhausted.set(true);
        E::custom(format_args!(""))
    }

    fn copy<E: serde::de::Error>(&self, text: &str) -> std::result::Result<Box<str>, E> {
        boxed_str(text).map_err(|_| self.out_of_memory())
    }

    fn copy_of<E: serde::de::Error>(&self, parts: &[&str]) -> std::result::Result<Box<str>, E> {
        let mut text = String::new();
        text.try_reserve_exact(parts.iter().map(|part| part.len()).sum()).map_err(|_| self.out_of_memory())?;
        text.extend(parts.iter().copied());
        exact_str(text).map_err(|_| self.out_of_memory())
    }

    fn take<T, E: serde::de::Error>(&self, stack: &RefCell<Vec<T>>, from: usize) -> std::result::Result<Box<[T]>, E> {
        let mut stack = stack.borrow_mut();
        let mut list = Vec::new();
        list.try_reserve_exact(stack.len() - from).map_err(|_| self.out_of_memory())?;
        list.extend(stack.drain(from..));
        Ok(list.into_boxed_slice())
    }

    fn put<T, E: serde::de::Error>(&self, stack: &RefCell<Vec<T>>, item: T) -> std::result::Result<(), E> {
        push(&mut stack.borrow_mut(), item).map_err(|_| self.out_of_memory())
    }

    fn error(&self, input: &[u8], error: &serde_json::Error) -> Error {
        if self.exhausted.get() {
            return Status::ERROR_OUT_OF_MEMORY.into();
        }
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(&*text, |(reason, _)| reason);
        let place = Locator::new(input).place(self.offset_of_error(input, error, reason));
        if reason == "recursion limit exceeded" {
            let message = format!(
                "the arrays and objects of this JSON text nest deeper than the limit of {MAX_JSON_DEPTH} levels at line {}, \
                 column {}; nest them less deep",
                place.line, place.column
            );
            return place.mark(Error::new(Status::ERROR_TOO_DEEP, "", message));
        }
        let message = format!("not valid JSON at line {}, column {}: {reason}", place.line, place.column);
        place.mark(Error::new(Status::ERROR_JSON, "", message))
    }

    /// The byte that is wrong. The parser says how many bytes of the line it has read, that one included: none where the
    /// byte ends the line before.
    fn offset_of_error(&self, input: &[u8], error: &serde_json::Error, reason: &str) -> usize {
        if error.is_eof() {
            return input.len();
        }
        if ESCAPE_ERRORS.contains(&reason)
            && let Some(offset) = bad_escape(self.text.as_bytes())
        {
            return offset + self.shift;
        }
        let line_start = if error.line() <= 1 {
            self.shift
        } else {
            let mut breaks = input.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            breaks.nth(error.line() - 2).map_or(0, |(index, _)| index + 1)
        };
        (line_start + error.column()).saturating_sub(1).max(self.shift)
    }
}

/// What the parser says of an escape, after it has read it or even the next one.
const ESCAPE_ERRORS: [&str; 4] = [
    "invalid escape",
    "lone leading surrogate in hex escape",
    "unexpected end of hex escape",
    "invalid unicode code point",
];

/// The first escape that stands for nothing, in a text whose first error is an escape: so every backslash up to there
/// begins one.
fn bad_escape(text: &[u8]) -> Option<usize> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().filter(|_| digits[0] != b'+')
    };
    let mut at = 0;
    loop {
        at += text.get(at..)?.iter().position(|byte| *byte == b'\\')?;
        at += match (text.get(at + 1)?, unit(at)) {
            (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', _) => 2,
            (_, Some(0xd800..=0xdbff)) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
            (_, Some(0..=0xd7ff | 0xe000..)) => 6,
            _ => return Some(at),
        };
    }
}

#[derive(Clone, Copy)]
struct Node<'r, 'de>(&'r Reader<'de>);

impl<'de> DeserializeSeed<'de> for Node<'_, 'de> {
    type Value = Json<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, 'de> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Json<'de>, E> {
        self.0.integer(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> std::result::Result<Json<'de>, E> {
        self.0.integer(value)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Json<'de>, E> {
        self.0.escaped();
        Ok(Json::String(Text::Owned(self.0.copy(text)?)))
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> std::result::Result<Json<'de>, E> {
        self.0.plain(text);
        Ok(Json::String(Text::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Json<'de>, A::Error> {
        let from = self.0.elements.borrow().len();
        while let Some(item) = items.next_element_seed(self)? {
            self.0.put(&self.0.elements, item)?;
        }
        self.0.take(&self.0.elements, from).map(Json::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Json<'de>, A::Error> {
        let reader = self.0;
        let from = reader.members.borrow().len();
        while let Some(key) = map.next_key_seed(KeyOf(reader))? {
            let Key::Member(key, offset) = key else {
                return map.next_value_seed(NumberOf(reader)).map(|lexeme| Json::Number(Text::Owned(lexeme)));
            };
            let value = map.next_value_seed(self)?;
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            reader.put(&reader.members, Member { key, value, offset, source: reader.source })?;
        }
        merge_equal_keys(&mut reader.members.borrow_mut(), from).map_err(|_| reader.out_of_memory())?;
        reader.take(&reader.members, from).map(|members| Json::Object(Object { members }))
    }
}

impl<'de> Reader<'de> {
    fn integer<E: serde::de::Error>(&self, value: impl fmt::Display) -> std::result::Result<Json<'de>, E> {
        let mut digits = [0; 24];
        let mut rest = &mut digits[..];
        write!(rest, "{value}").map_err(E::custom)?;
        let length = 24 - rest.len();
        let lexeme = std::str::from_utf8(&digits[..length]).map_err(E::custom)?;
        self.copy(lexeme).map(|lexeme| Json::Number(Text::Owned(lexeme)))
    }
}

enum Key<'de> {
    Member(Text<'de>, usize),
    /// Not a key of the input: what follows is a number that fits no machine integer.
    Number,
}

/// With its feature `arbitrary_precision`, serde_json hands over such a number as a map of one member under this
/// private key, whose value is the number's text. A key of the input that happens to read the same is told from it
/// by where it stands: this one is no slice of the input.
const NUMBER_KEY: &str = "$serde_json::private::Number";

#[derive(Clone, Copy)]
struct KeyOf<'r, 'de>(&'r Reader<'de>);

impl<'de> DeserializeSeed<'de> for KeyOf<'_, 'de> {
    type Value = Key<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Key<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeyOf<'_, 'de> {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Key<'de>, E> {
        let offset = self.0.escaped();
        Ok(Key::Member(Text::Owned(self.0.copy(text)?), offset))
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> std::result::Result<Key<'de>, E> {
        match self.0.plain(text) {
            Some(offset) => Ok(Key::Member(Text::Borrowed(text), offset)),
            None if text == NUMBER_KEY => Ok(Key::Number),
            None => Ok(Key::Member(Text::Borrowed(text), self.0.after.get())),
        }
    }
}

struct NumberOf<'r, 'de>(&'r Reader<'de>);

impl<'de> DeserializeSeed<'de> for NumberOf<'_, 'de> {
    type Value = Box<str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Box<str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NumberOf<'_, 'de> {
    type Value = Box<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Box<str>, E> {
        // The parser puts a sign into every exponent; without it the common spelling, `1e400`, comes back unchanged.
        match text.split_once("e+") {
            Some((mantissa, exponent)) => self.0.copy_of(&[mantissa, "e", exponent]),
            None => self.0.copy(text),
        }
    }
}

pub(super) fn merge_equal_keys(members: &mut Vec<Member<'_>>, from: usize) -> Result<()> {
    let count = members.len() - from;
    if count <= FEW {
        // A key whose bit no other has is like none of them, which is nearly always so.
        let mut bits = 0;
        let mut next = from;
        while next < members.len() {
            let key = &members[next].key;
            let bit = bit_of(&members[next].key);
            let first =
                if bits & bit == 0 { None } else { members[from..next].iter().position(|other| other.key == *key) };
            bits |= bit;
            match first {
                Some(first) => members[from + first] = members.remove(next),
                None => next += 1,
            }
        }
        return Ok(());
    }
    let mut doomed = Vec::new();
    let mut winners = Vec::new();
    {
        let mut firsts: HashMap<&str, usize, ahash::RandomState> = HashMap::default();
        firsts.try_reserve(count).map_err(exhausted)?;
        for (place, member) in members.iter().enumerate().skip(from) {
            match firsts.entry(&member.key) {
                Entry::Vacant(vacant) => {
                    vacant.insert(place);
                }
                Entry::Occupied(first) => {
                    push(&mut winners, (*first.get(), place))?;
                    push(&mut doomed, place)?;
                }
            }
        }
    }
    // In their order, the last one of three or more ends up in the place of the first.
    for (first, last) in winners {
        members.swap(first, last);
    }
    if !doomed.is_empty() {
        let mut doomed = doomed.into_iter().peekable();
        let mut place = 0;
        members.retain(|_| {
            place += 1;
            doomed.next_if_eq(&(place - 1)).is_none()
        });
    }
    Ok(())
}

/// One bit of 64 for a key; equal keys have the same.
pub(super) fn bit_of(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let ends =
        bytes.first().zip(bytes.last()).map_or(0, |(first, last)| usize::from(*first) * 5 + usize::from(*last) * 11);
    1 << ((ends + bytes.len()) % 64)
}
