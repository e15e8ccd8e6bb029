//! A JSON tree that loses nothing a model definition may hold: exact numbers, the order of members, and where
//! in the input each member stands.

pub use super::read::parse;

use super::alloc::{boxed_str, exact, exhausted, push, with_capacity};
use super::number::same_number;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// The longest JSON text that is read, in bytes.
pub const MAX_JSON_LENGTH: usize = 64 << 20;

/// How many arrays and objects may be nested in one another in a JSON text: what serde_json reads.
pub const MAX_JSON_DEPTH: u32 = 127;

/// How many members an object may have before keys are looked up in a table instead of one by one.
pub(super) const FEW: usize = 32;

/// A text of a JSON value: where it is written without escapes, the very piece of the input.
#[derive(Clone)]
pub enum Text<'a> {
    /// A piece of the input, or one that is there for ever.
    Borrowed(&'a str),
    /// A text of its own.
    Owned(Box<str>),
    /// A short text of its own, which needs no memory elsewhere: nearly all texts of a definition are short.
    Short {
        /// How many of the bytes are the text's.
        length: u8,
        /// The text, and zeros.
        bytes: Bytes,
    },
}

/// How long a text in place may be: as long as it makes no [`Text`] larger.
const SHORT: usize = 16;

/// The bytes of a text in place; aligned, so that they are moved as two words.
#[derive(Clone, Copy)]
#[repr(align(8))]
pub struct Bytes([u8; SHORT]);

impl Bytes {
    /// These bytes, of which there are no more than there is room for, followed by zeros.
    ///
    /// They are put together in registers: what was written byte by byte and is read as words at once makes a processor wait.
    #[inline(always)]
    fn of(bytes: &[u8]) -> Self {
        let length = bytes.len();
        let (low, high) = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            let last = u64::from_le_bytes(*last);
            (u64::from_le_bytes(*first), last.checked_shr(8 * (SHORT - length) as u32).unwrap_or(0))
        } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            let last = u64::from(u32::from_le_bytes(*last));
            (u64::from(u32::from_le_bytes(*first)) | last << (8 * (length - 4)), 0)
        } else {
            (bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0)
        };
        Bytes((u128::from(low) | u128::from(high) << 64).to_le_bytes())
    }
}

impl<'a> Text<'a> {
    /// A text of its own with what `text` says.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`
    #[inline(always)]
    pub(crate) fn copy(text: &str) -> Result<Text<'static>> {
        if text.len() <= SHORT {
            return Ok(Text::Short { length: text.len() as u8, bytes: Bytes::of(text.as_bytes()) });
        }
        boxed_str(text).map(Text::Owned).map_err(exhausted)
    }

    /// The text as a box of its own, copied where it is none.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`
    pub fn into_boxed(self) -> Result<Box<str>> {
        match self {
            Text::Owned(text) => Ok(text),
            text => boxed_str(&text).map_err(exhausted),
        }
    }

    /// The text without anything borrowed.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`
    pub fn into_owned(self) -> Result<Text<'static>> {
        match self {
            Text::Borrowed(text) => Text::copy(text),
            Text::Owned(text) => Ok(Text::Owned(text)),
            Text::Short { length, bytes } => Ok(Text::Short { length, bytes }),
        }
    }

    /// The bytes of the text, for which a short one need not be looked at.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Text::Borrowed(text) => text.as_bytes(),
            Text::Owned(text) => text.as_bytes(),
            Text::Short { length, bytes } => &bytes.0[..usize::from(*length).min(SHORT)],
        }
    }

    /// The heap memory that an owned text takes, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Text::Owned(text) => text.len(),
            Text::Borrowed(_) | Text::Short { .. } => 0,
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Owned(text) => text,
            // It was made of a whole text, so this never fails.
            Text::Short { .. } => std::str::from_utf8(self.bytes()).unwrap_or_default(),
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Text<'_> {}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// A JSON value, which may borrow from the input it was read from.
///
/// Numbers are kept as they are written (only an exponent loses its plus sign and its `E` becomes an `e`), so none is
/// rounded. Comparing is by value:
/// the order of an object's members and the spelling of a number (`1`, `1.0`) do not count.
#[derive(Debug)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number of any size, as written.
    Number(Text<'a>),
    /// A text.
    String(Text<'a>),
    /// An array.
    Array(Box<[Json<'a>]>),
    /// An object.
    Object(Object<'a>),
}

/// The members of a JSON object in their order, every key once.
#[derive(Debug, Default)]
pub struct Object<'a> {
    pub(super) members: Box<[Member<'a>]>,
}

/// One member of an [`Object`].
#[derive(Debug)]
pub struct Member<'a> {
    /// The key.
    pub key: Text<'a>,
    /// The value.
    pub value: Json<'a>,
    /// Byte offset of the key's opening quote in the input.
    pub offset: u32,
    /// Which input the member comes from, as the reader was told: tells merged files apart.
    pub source: u32,
}

impl<'a> Json<'a> {
    /// The value as an object.
    pub fn as_object(&self) -> Option<&Object<'a>> {
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

    /// The value without anything borrowed.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`
    pub fn into_owned(self) -> Result<Json<'static>> {
        Ok(match self {
            Json::Null => Json::Null,
            Json::Bool(value) => Json::Bool(value),
            Json::Number(lexeme) => Json::Number(lexeme.into_owned()?),
            Json::String(text) => Json::String(text.into_owned()?),
            Json::Array(items) => {
                let mut owned = with_capacity(items.len())?;
                for item in items {
                    owned.push(item.into_owned()?);
                }
                Json::Array(exact(owned)?)
            }
            Json::Object(object) => Json::Object(object.into_owned()?),
        })
    }

    /// The heap memory that an owned value takes, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Json::Null | Json::Bool(_) => 0,
            Json::Number(text) | Json::String(text) => text.heap_bytes(),
            Json::Array(items) => size_of_val(&**items) + items.iter().map(Json::heap_bytes).sum::<usize>(),
            Json::Object(object) => object.heap_bytes(),
        }
    }
}

impl PartialEq for Json<'_> {
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

impl Eq for Json<'_> {}

impl<'a> Object<'a> {
    /// An object of these members, whose keys must differ.
    pub(crate) fn of(members: Vec<Member<'a>>) -> Result<Self> {
        Ok(Object { members: exact(members)? })
    }

    /// The members in their order.
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The members, taken out.
    pub fn into_members(self) -> Vec<Member<'a>> {
        self.members.into_vec()
    }

    /// The member with this key.
    pub fn member(&self, key: &str) -> Option<&Member<'a>> {
        self.members.iter().find(|member| member.key.bytes() == key.as_bytes())
    }

    /// The value of the member with this key.
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.member(key).map(|member| &member.value)
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The object without anything borrowed.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`
    pub fn into_owned(self) -> Result<Object<'static>> {
        let mut owned = with_capacity(self.members.len())?;
        for member in self.members {
            owned.push(member.into_owned()?);
        }
        Object::of(owned)
    }

    /// Both objects in one: a member of `over` replaces the one of the same key in its place, others follow at the
    /// end. With `deep`, two objects under one key are merged in turn.
    pub(crate) fn merge(self, over: Object<'a>, deep: bool) -> Result<Object<'a>> {
        let mut members = self.into_members();
        let mut places: Vec<Option<usize>> = with_capacity(over.members.len())?;
        if members.len() <= FEW {
            places.extend(over.members.iter().map(|new| members.iter().position(|member| member.key == new.key)));
        } else {
            let mut index: HashMap<&str, usize, ahash::RandomState> = HashMap::default();
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
            + self.members.iter().map(|member| member.key.heap_bytes() + member.value.heap_bytes()).sum::<usize>()
    }

    /// The places of the members in the order of their keys.
    pub(crate) fn sorted(&self) -> Result<Box<[u32]>> {
        super::structure::sorted_by(self.members.len(), |place| self.members[place].key.bytes())
    }
}

impl PartialEq for Object<'_> {
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

impl Eq for Object<'_> {}

impl Member<'_> {
    /// The member without anything borrowed.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`
    pub fn into_owned(self) -> Result<Member<'static>> {
        let Member { key, value, offset, source } = self;
        Ok(Member { key: key.into_owned()?, value: value.into_owned()?, offset, source })
    }
}

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

pub(super) fn byte_order_mark(input: &[u8]) -> usize {
    if input.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_kept() {
        let alphabet = "abcdefghijklmnopqrstuvwxyz";
        assert_eq!(size_of::<Text<'_>>(), 24);
        for length in 0..alphabet.len() {
            let Ok(text) = Text::copy(&alphabet[..length]) else { panic!("there is memory") };
            assert_eq!(&*text, &alphabet[..length]);
            assert_eq!(matches!(text, Text::Short { .. }), length <= SHORT);
            assert_eq!(text.heap_bytes(), if length <= SHORT { 0 } else { length });
        }
    }
}
