//! Reading the JSON that nearly every definition is written in, straight from its bytes.
//!
//! A definition is mostly short texts, for which a parser that hands over one event after the other costs more than
//! looking at the bytes. What is seldom or wrong is not read here: then nothing is given, and the parser that also knows
//! what to say of it reads the whole text again. So this one must read no text that the other refuses, and none otherwise.

use super::alloc::{exhausted, push};
use super::json::{Json, MAX_JSON_DEPTH, Member, Object, Text};
use super::read::merge_equal_keys;
use super::types::Property;
use crate::error::{Error, Result};

/// Why a text is not read here.
pub(super) enum Refusal {
    /// It is left to the other parser.
    Odd,
    /// There is no memory.
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Failed(error)
    }
}

pub(super) type Quick<T> = std::result::Result<T, Refusal>;

/// What was read; nothing where it is left to the other parser.
pub(super) fn read_or_not<T>(read: Quick<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Refusal::Odd) => Ok(None),
        Err(Refusal::Failed(error)) => Err(error),
    }
}

/// A place in a text that is being read.
pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) at: usize,
    shift: usize,
    pub(super) source: u32,
    depth: u32,
    /// How many bytes were gone back.
    again: usize,
    // Stacks, as those of the other parser: each level takes its own off the top.
    members: Vec<Member<'a>>,
    elements: Vec<Json<'a>>,
    pub(super) properties: Vec<Property>,
    pub(super) attributes: Vec<Member<'static>>,
}

/// How far a reader is.
pub(super) struct Mark {
    at: usize,
    depth: u32,
    stacks: [usize; 4],
}

impl<'a> Reader<'a> {
    /// For a text that begins `shift` bytes into the input.
    pub(super) fn new(text: &'a str, shift: usize, source: u32) -> Self {
        Reader {
            text,
            at: 0,
            shift,
            source,
            depth: 0,
            again: 0,
            members: Vec::new(),
            elements: Vec::new(),
            properties: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// This place, to go back to.
    pub(super) fn mark(&self) -> Mark {
        let stacks = [self.members.len(), self.elements.len(), self.properties.len(), self.attributes.len()];
        Mark { at: self.at, depth: self.depth, stacks }
    }

    /// Goes back to a place further up; all in all, no further than the whole text is long.
    pub(super) fn go_back(&mut self, mark: Mark) -> Quick<()> {
        self.again += self.at - mark.at;
        if self.again > self.text.len() {
            return Err(Refusal::Odd);
        }
        let [members, elements, properties, attributes] = mark.stacks;
        self.members.truncate(members);
        self.elements.truncate(elements);
        self.properties.truncate(properties);
        self.attributes.truncate(attributes);
        (self.at, self.depth) = (mark.at, mark.depth);
        Ok(())
    }

    /// The value that the whole text is.
    pub(super) fn whole(mut self) -> Quick<Json<'a>> {
        let value = self.value()?;
        self.end()?;
        Ok(value)
    }

    /// Sees to it that nothing follows.
    pub(super) fn end(&mut self) -> Quick<()> {
        self.next();
        if self.at == self.text.len() { Ok(()) } else { Err(Refusal::Odd) }
    }

    /// Where this place is in the input.
    #[inline(always)]
    pub(super) fn offset(&self) -> u32 {
        u32::try_from(self.at + self.shift).unwrap_or(u32::MAX)
    }

    /// The byte at hand; 0 at the end.
    #[inline(always)]
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// The next byte that is no white space; 0 at the end.
    #[inline(always)]
    pub(super) fn next(&mut self) -> u8 {
        loop {
            match self.peek() {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return byte,
            }
        }
    }

    /// Whether these bytes come next.
    pub(super) fn is_next(&mut self, bytes: &str) -> bool {
        self.next();
        self.text.as_bytes()[self.at..].starts_with(bytes.as_bytes())
    }

    #[inline(always)]
    pub(super) fn word<T>(&mut self, word: &str, value: T) -> Quick<T> {
        if !self.is_next(word) {
            return Err(Refusal::Odd);
        }
        self.at += word.len();
        Ok(value)
    }

    /// Goes into an object or array, whose first byte is at hand.
    #[inline(always)]
    pub(super) fn enter(&mut self) -> Quick<()> {
        if self.depth >= MAX_JSON_DEPTH {
            return Err(Refusal::Odd);
        }
        self.at += 1;
        self.depth += 1;
        Ok(())
    }

    /// Goes out of an object or array, whose last byte is at hand.
    #[inline(always)]
    pub(super) fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Whether another member or element comes before `end`; it is at hand then.
    #[inline(always)]
    pub(super) fn another(&mut self, end: u8) -> Quick<bool> {
        match self.next() {
            b',' => {
                self.at += 1;
                // A comma at the end, which is none.
                if self.next() == end { Err(Refusal::Odd) } else { Ok(true) }
            }
            byte if byte == end => Ok(false),
            _ => Err(Refusal::Odd),
        }
    }

    /// A key and its colon.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Quick<&'a str> {
        if self.peek() != b'"' {
            return Err(Refusal::Odd);
        }
        let key = self.string()?;
        if self.next() != b':' {
            return Err(Refusal::Odd);
        }
        self.at += 1;
        Ok(key)
    }

    pub(super) fn value(&mut self) -> Quick<Json<'a>> {
        match self.next() {
            b'"' => Ok(Json::String(Text::Borrowed(self.string()?))),
            b'{' => self.object(),
            b'[' => self.array(),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            b'-' | b'0'..=b'9' => Ok(Json::Number(Text::Borrowed(self.number()?))),
            _ => Err(Refusal::Odd),
        }
    }

    /// A value without anything borrowed.
    #[inline(always)]
    pub(super) fn owned_value(&mut self) -> Quick<Json<'static>> {
        Ok(match self.next() {
            b'"' => Json::String(Text::copy(self.string()?)?),
            b'-' | b'0'..=b'9' => Json::Number(Text::copy(self.number()?)?),
            b't' => self.word("true", Json::Bool(true))?,
            b'f' => self.word("false", Json::Bool(false))?,
            _ => self.value()?.into_owned()?,
        })
    }

    fn object(&mut self) -> Quick<Json<'a>> {
        self.enter()?;
        let from = self.members.len();
        let mut more = self.next() != b'}';
        while more {
            let offset = self.offset();
            let key = Text::Borrowed(self.key()?);
            let value = self.value()?;
            push(&mut self.members, Member { key, value, offset, source: self.source })?;
            more = self.another(b'}')?;
        }
        self.leave();
        merge_equal_keys(&mut self.members, from)?;
        Ok(Json::Object(Object { members: take(&mut self.members, from)? }))
    }

    fn array(&mut self) -> Quick<Json<'a>> {
        self.enter()?;
        let from = self.elements.len();
        let mut more = self.next() != b']';
        while more {
            let value = self.value()?;
            push(&mut self.elements, value)?;
            more = self.another(b']')?;
        }
        self.leave();
        Ok(Json::Array(take(&mut self.elements, from)?))
    }

    /// A text without escapes, whose opening quote is at hand.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Quick<&'a str> {
        let bytes = self.text.as_bytes();
        let begin = self.at + 1;
        let mut end = begin;
        loop {
            let Some(eight) = bytes.get(end..).and_then(|rest| rest.first_chunk()) else {
                end += bytes.get(end..).unwrap_or_default().iter().take_while(|byte| !is_special(**byte)).count();
                break;
            };
            let special = special_of(u64::from_le_bytes(*eight));
            if special != 0 {
                end += special.trailing_zeros() as usize / 8;
                break;
            }
            end += 8;
        }
        if bytes.get(end) != Some(&b'"') {
            return Err(Refusal::Odd);
        }
        self.at = end + 1;
        self.text.get(begin..end).ok_or(Refusal::Odd)
    }

    fn digits(&mut self) -> usize {
        let begin = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at - begin
    }

    /// A number whose text is kept as it is written: without an exponent, and no negative zero.
    fn number(&mut self) -> Quick<&'a str> {
        let begin = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        let first = self.peek();
        let integer = self.digits();
        if integer == 0 || (first == b'0' && self.at - begin > 1) {
            return Err(Refusal::Odd);
        }
        if self.peek() == b'.' {
            self.at += 1;
            if self.digits() == 0 {
                return Err(Refusal::Odd);
            }
        }
        if matches!(self.peek(), b'e' | b'E') {
            return Err(Refusal::Odd);
        }
        self.text.get(begin..self.at).ok_or(Refusal::Odd)
    }
}

/// Whether a byte ends a text, or makes it one that is not read here.
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The top bit of the first of eight bytes for which [`is_special`] holds, and of none before it; 0 where it holds for none.
#[inline(always)]
fn special_of(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    // Where a byte is less than `limit`, which is at most 128; also in a byte behind the first such one.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equal = |byte: u8| below(eight ^ (ONES * u64::from(byte)), 1);
    (below(eight, 0x20) | equal(b'"') | equal(b'\\')) & (ONES << 7)
}

/// Takes what a level has collected off a stack.
pub(super) fn take<T>(stack: &mut Vec<T>, from: usize) -> Result<Box<[T]>> {
    let mut list = Vec::new();
    list.try_reserve_exact(stack.len() - from).map_err(exhausted)?;
    // All at once, where one by one takes several times as long.
    if from == 0 {
        list.append(stack);
    } else {
        list.extend(stack.drain(from..));
    }
    Ok(list.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_at_once_are_as_one_by_one() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                for around in [b'a', b'~', 0x7f, 0x80, 0xff, b'!', b'#', b'[', b']'] {
                    let mut eight = [around; 8];
                    eight[place] = byte;
                    let first = eight.iter().position(|byte| is_special(*byte)).unwrap_or(8);
                    assert_eq!(special_of(u64::from_le_bytes(eight)).trailing_zeros() as usize / 8, first, "{eight:?}");
                }
            }
        }
    }
}
