//! A JSON tree that loses nothing a model definition may hold: exact numbers, the order of members, and where
//! in the input each member stands.

use super::alloc::{boxed_str, exact, exact_str, exhausted, push};
use super::number::same_number;
use crate::error::{Error, Result, Status};
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::io::Write as _;

/// The longest JSON text that is read, in bytes.
pub const MAX_JSON_LENGTH: usize = 64 << 20;

/// How many members an object may have before equal keys are looked for by sorting instead of one by one.
const FEW: usize = 32;

/// A JSON value.
///
/// Numbers are kept as they are written (only an exponent loses its plus sign and its `E` becomes an `e`), so none is
/// rounded. Comparing is by value:
/// the order of an object's members and the spelling of a number (`1`, `1.0`) do not count.
#[derive(Debug)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number of any size, as written.
    Number(Box<str>),
    /// A text.
    String(Box<str>),
    /// An array.
    Array(Box<[Json]>),
    /// An object.
    Object(Object),
}

/// The members of a JSON object in their order, every key once.
#[derive(Debug, Default)]
pub struct Object {
    members: Box<[Member]>,
}

/// One member of an [`Object`].
#[derive(Debug)]
pub struct Member {
    /// The key.
    pub key: Box<str>,
    /// The value.
    pub value: Json,
    /// Byte offset of the key's opening quote in the input. For a key that is written with escapes, of the
    /// nearest text before it.
    pub offset: u32,
    /// Which input the member comes from, as the reader was told: tells merged files apart.
    pub source: u32,
}

impl Json {
    /// The value as an object.
    pub fn as_object(&self) -> Option<&Object> {
        if let Json::Object(object) = self { Some(object) } else { None }
    }

    /// The value as a text.
    pub fn as_str(&self) -> Option<&str> {
        if let Json::String(text) = self { Some(text) } else { None }
    }

    /// What the value is, in a word for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }

    /// Whether JavaScript takes the value for true: all but `null`, `false`, zero and the empty text.
    pub fn is_truthy(&self) -> bool {
        match self {
            Json::Null => false,
            Json::Bool(value) => *value,
            Json::Number(lexeme) => !same_number(lexeme, "0"),
            Json::String(text) => !text.is_empty(),
            Json::Array(_) | Json::Object(_) => true,
        }
    }

    /// The heap memory that the value owns, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Json::Null | Json::Bool(_) => 0,
            Json::Number(text) | Json::String(text) => text.len(),
            Json::Array(items) => size_of_val(&**items) + items.iter().map(Json::heap_bytes).sum::<usize>(),
            Json::Object(object) => object.heap_bytes(),
        }
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Json::Null, Json::Null) => true,
            (Json::Bool(a), Json::Bool(b)) => a == b,
            (Json::Number(a), Json::Number(b)) => same_number(a, b),
            (Json::String(a), Json::String(b)) => a == b,
            (Json::Array(a), Json::Array(b)) => a == b,
            (Json::Object(a), Json::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Json {}

impl Object {
    /// An object of these members, whose keys must differ.
    pub(crate) fn of(members: Vec<Member>) -> Result<Self> {
        Ok(Object { members: exact(members)? })
    }

    /// The members in their order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The members, taken out.
    pub fn into_members(self) -> Vec<Member> {
        self.members.into_vec()
    }

    /// The member with this key.
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.members.iter().find(|member| *member.key == *key)
    }

    /// The value of the member with this key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.member(key).map(|member| &member.value)
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Both objects in one: a member of `over` replaces the one of the same key in its place, others follow at the
    /// end. With `deep`, two objects under one key are merged in turn.
    pub(crate) fn merge(self, over: Object, deep: bool) -> Result<Object> {
        let mut members = self.into_members();
        let mut places: Vec<Option<usize>> = super::alloc::with_capacity(over.members.len())?;
        {
            let mut index: HashMap<&str, usize> = HashMap::new();
            index.try_reserve(members.len()).map_err(exhausted)?;
            index.extend(members.iter().enumerate().map(|(place, member)| (&*member.key, place)));
            places.extend(over.members.iter().map(|member| index.get(&*member.key).copied()));
        }
        for (member, place) in over.into_members().into_iter().zip(places) {
            let Some(place) = place else {
                push(&mut members, member)?;
                continue;
            };
            let old = std::mem::replace(&mut members[place].value, Json::Null);
            members[place] = match (old, member.value) {
                (Json::Object(old), Json::Object(new)) if deep => {
                    Member { value: Json::Object(old.merge(new, true)?), ..member }
                }
                (_, value) => Member { value, ..member },
            };
        }
        Object::of(members)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.members)
            + self.members.iter().map(|member| member.key.len() + member.value.heap_bytes()).sum::<usize>()
    }

    /// The places of the members in the order of their keys.
    pub(crate) fn sorted(&self) -> Result<Box<[u32]>> {
        super::structure::sorted_by(self.members.len(), |place| &self.members[place].key)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&self.members, &other.members);
        if a.len() != b.len() {
            return false;
        }
        if a.iter().zip(b).all(|(a, b)| a.key == b.key) {
            return a.iter().zip(b).all(|(a, b)| a.value == b.value);
        }
        if a.len() > FEW
            && let (Ok(left), Ok(right)) = (self.sorted(), other.sorted())
        {
            return left.iter().zip(&right).all(|(&left, &right)| {
                let (left, right) = (&a[left as usize], &b[right as usize]);
                left.key == right.key && left.value == right.value
            });
        }
        // Keys differ within one object, so as many members with an equal partner each are the same members.
        a.iter().all(|member| other.get(&member.key) == Some(&member.value))
    }
}

impl Eq for Object {}

/// A place in an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Byte offset from the start of the input, a byte order mark included.
    pub offset: u64,
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1; a byte order mark has no column.
    pub column: u32,
}

impl Place {
    pub(crate) fn mark(self, error: Error) -> Error {
        error.at(self.offset, self.line, self.column)
    }
}

/// Turns offsets into lines and columns; cheap for offsets that only grow.
pub struct Locator<'a> {
    input: &'a [u8],
    offset: usize,
    line: u32,
    line_start: usize,
}

impl<'a> Locator<'a> {
    /// A locator for this input.
    pub fn new(input: &'a [u8]) -> Self {
        let start = byte_order_mark(input);
        Locator { input, offset: start, line: 1, line_start: start }
    }

    /// Where the byte at `offset` stands; past the end: the end.
    pub fn place(&mut self, offset: usize) -> Place {
        let offset = offset.min(self.input.len());
        if offset < self.offset {
            *self = Locator::new(self.input);
        }
        for (index, _) in self
            .input
            .get(self.offset..offset)
            .unwrap_or_default()
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
        {
            self.line = self.line.saturating_add(1);
            self.line_start = self.offset + index + 1;
        }
        self.offset = self.offset.max(offset);
        let column = offset.saturating_sub(self.line_start) + 1;
        Place { offset: offset as u64, line: self.line, column: u32::try_from(column).unwrap_or(u32::MAX) }
    }

    /// The first byte that is no white space: where the value begins.
    pub fn start(&mut self) -> Place {
        let begin = byte_order_mark(self.input);
        let blank = self.input[begin..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.place(begin + blank)
    }

    /// Where the line of the last place begins.
    pub(crate) fn line_start(&self) -> usize {
        self.line_start
    }
}

fn byte_order_mark(input: &[u8]) -> usize {
    if input.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

/// Reads one JSON text. Of equal keys the last value wins, in the place of the first, as in JavaScript.
///
/// # Errors
///
/// `ERROR_TOO_LONG`, `ERROR_INVALID_UTF8`, `ERROR_TOO_DEEP` (more than 127 levels), `ERROR_OUT_OF_MEMORY`, else
/// `ERROR_JSON`; all but the first and the last with offset, line and column.
pub fn parse(input: &[u8]) -> Result<Json> {
    parse_from(input, 0)
}

/// As [`parse`], for the input number `source` among several that are merged afterwards.
pub(crate) fn parse_from(input: &[u8], source: u32) -> Result<Json> {
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
    let reader = Reader {
        text,
        shift: start,
        source,
        last: Cell::new(start),
        members: RefCell::default(),
        elements: RefCell::default(),
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
    last: Cell<usize>,
    members: RefCell<Vec<Member>>,
    elements: RefCell<Vec<Json>>,
    exhausted: Cell<bool>,
}

impl<'de> Reader<'de> {
    /// Where `part` stands in the input, if it is a slice of it.
    fn offset_of(&self, part: &str) -> Option<usize> {
        let offset = part.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        (offset + part.len() <= self.text.len()).then_some(offset + self.shift)
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
        let line_start = if error.line() <= 1 {
            self.shift
        } else {
            let mut breaks = input.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            breaks.nth(error.line() - 2).map_or(0, |(index, _)| index + 1)
        };
        let place = Locator::new(input).place(line_start + error.column().max(1) - 1);
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(&*text, |(reason, _)| reason);
        if reason == "recursion limit exceeded" {
            let message = format!("JSON nests deeper than 127 levels at line {}, column {}", place.line, place.column);
            return place.mark(Error::new(Status::ERROR_TOO_DEEP, "", message));
        }
        let message = format!("not valid JSON at line {}, column {}: {reason}", place.line, place.column);
        place.mark(Error::new(Status::ERROR_JSON, "", message))
    }
}

#[derive(Clone, Copy)]
struct Node<'r, 'de>(&'r Reader<'de>);

impl<'de> DeserializeSeed<'de> for Node<'_, 'de> {
    type Value = Json;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, 'de> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Json, E> {
        self.0.integer(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> std::result::Result<Json, E> {
        self.0.integer(value)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Json, E> {
        self.0.copy(text).map(Json::String)
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> std::result::Result<Json, E> {
        if let Some(offset) = self.0.offset_of(text) {
            self.0.last.set(offset.saturating_sub(1));
        }
        self.visit_str(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Json, A::Error> {
        let from = self.0.elements.borrow().len();
        while let Some(item) = items.next_element_seed(self)? {
            self.0.put(&self.0.elements, item)?;
        }
        self.0.take(&self.0.elements, from).map(Json::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Json, A::Error> {
        let reader = self.0;
        let from = reader.members.borrow().len();
        while let Some(key) = map.next_key_seed(KeyOf(reader))? {
            let Key::Member(key, offset) = key else {
                return map.next_value_seed(NumberOf(reader)).map(Json::Number);
            };
            let value = map.next_value_seed(self)?;
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            reader.put(&reader.members, Member { key, value, offset, source: reader.source })?;
        }
        merge_equal_keys(&mut reader.members.borrow_mut(), from).map_err(|_| reader.out_of_memory())?;
        reader.take(&reader.members, from).map(|members| Json::Object(Object { members }))
    }
}

impl Reader<'_> {
    fn integer<E: serde::de::Error>(&self, value: impl fmt::Display) -> std::result::Result<Json, E> {
        let mut digits = [0; 24];
        let mut rest = &mut digits[..];
        write!(rest, "{value}").map_err(E::custom)?;
        let length = 24 - rest.len();
        let lexeme = std::str::from_utf8(&digits[..length]).map_err(E::custom)?;
        self.copy(lexeme).map(Json::Number)
    }
}

enum Key {
    Member(Box<str>, usize),
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
    type Value = Key;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeyOf<'_, 'de> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Key, E> {
        Ok(Key::Member(self.0.copy(text)?, self.0.last.get()))
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> std::result::Result<Key, E> {
        match self.0.offset_of(text) {
            Some(offset) => self.0.last.set(offset.saturating_sub(1)),
            None if text == NUMBER_KEY => return Ok(Key::Number),
            None => {}
        }
        self.visit_str(text)
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

fn merge_equal_keys(members: &mut Vec<Member>, from: usize) -> Result<()> {
    let count = members.len() - from;
    if count <= FEW {
        let mut next = from + 1;
        while next < members.len() {
            match members[from..next].iter().position(|member| member.key == members[next].key) {
                Some(first) => members[from + first] = members.remove(next),
                None => next += 1,
            }
        }
        return Ok(());
    }
    let order = super::structure::sorted_by(count, |place| &members[from + place].key)?;
    let mut doomed = Vec::new();
    let mut winners = Vec::new();
    for equal in order.chunk_by(|a, b| members[from + *a as usize].key == members[from + *b as usize].key) {
        if let [first, .., last] = *equal {
            push(&mut winners, (from + first as usize, from + last as usize))?;
            for &place in &equal[1..] {
                push(&mut doomed, from + place as usize)?;
            }
        }
    }
    for (first, last) in winners {
        members.swap(first, last);
    }
    if !doomed.is_empty() {
        doomed.sort_unstable();
        let mut doomed = doomed.into_iter().peekable();
        let mut place = 0;
        members.retain(|_| {
            place += 1;
            doomed.next_if_eq(&(place - 1)).is_none()
        });
    }
    Ok(())
}
