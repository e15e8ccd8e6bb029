//! The structure of a schema: its fingerprint, its comparison, its kind and its depth.
//!
//! A structure is encoded without ambiguity: names are sorted, every kind of thing begins with a tag of its own, every
//! list and every text with its length. Two structures with one encoding are one structure, so that comparing the
//! encodings compares the structures, in one place of memory instead of along a tree.

use super::alloc::{exact, exhausted, with_capacity};
use super::intern::{Interner, Shared};
use super::json::{Json, Member, Object, Text};
use super::number::Decimal;
use super::types::{Property, Type};
use crate::core::lock::{Rank, Ranked};
use crate::core::names::KEYS;
use crate::error::{Result, Status};
use once_cell::sync::OnceCell;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// 128 bits that stand for a structure.
pub type Fingerprint = [u8; 16];

/// What a structure looks like at a glance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum StructureKind {
    /// No nested object or array.
    Simple,
    /// Some nested object or array.
    Complex,
    /// An array itself.
    Array,
    /// Not an object.
    Invalid,
}

impl StructureKind {
    /// The kind of a plain JSON value taken for properties.
    pub fn of(value: &Json<'_>) -> Self {
        match value {
            Json::Array(_) => StructureKind::Array,
            Json::Object(object) => {
                let nests = |value: &Json<'_>| matches!(value, Json::Array(_) | Json::Object(_));
                if object.members().iter().any(|member| nests(&member.value)) {
                    StructureKind::Complex
                } else {
                    StructureKind::Simple
                }
            }
            _ => StructureKind::Invalid,
        }
    }

    /// How deep a plain JSON value nests: 0 where no object or array is in it, one more for each nesting.
    pub fn depth_of(value: &Json<'_>) -> u32 {
        let below = |value: &Json<'_>| match value {
            Json::Array(_) | Json::Object(_) => 1 + Self::depth_of(value),
            _ => 0,
        };
        match value {
            Json::Array(items) => items.iter().map(below).max().unwrap_or(0),
            Json::Object(object) => object.members().iter().map(|member| below(&member.value)).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// The places `0..count` in the order of the names found there, which must differ.
pub(crate) fn sorted_by<'a>(count: usize, name: impl Fn(usize) -> &'a [u8]) -> Result<Box<[u32]>> {
    let mut order = with_capacity(count)?;
    order.extend(0..u32::try_from(count).unwrap_or(u32::MAX));
    if order.is_sorted_by(|a, b| name(*a as usize) <= name(*b as usize)) {
        return exact(order);
    }
    if count <= FEW {
        // An insertion sort: nearly all of its comparisons are decided by the first bytes, which are at hand.
        let mut firsts = [0; FEW];
        for from in 0..count {
            let (this, first) = (name(from), first_bytes(name(from)));
            let mut to = from;
            while to > 0 && (firsts[to - 1] > first || (firsts[to - 1] == first && name(order[to - 1] as usize) > this))
            {
                firsts[to] = firsts[to - 1];
                order[to] = order[to - 1];
                to -= 1;
            }
            firsts[to] = first;
            order[to] = from as u32;
        }
        return exact(order);
    }
    // Most comparisons are decided by the first bytes in which the names differ at all: those are kept at hand,
    // where reading both names costs two cache misses.
    let first = name(0);
    let shared = (1..count)
        .fold(first.len(), |shared, place| first[..shared].iter().zip(name(place)).take_while(|(a, b)| a == b).count());
    let mut keyed: Vec<(u64, u32)> = with_capacity(count)?;
    keyed.extend(order.iter().map(|&place| (first_bytes(&name(place as usize)[shared..]), place)));
    keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| name(a.1 as usize).cmp(name(b.1 as usize))));
    for (to, (_, place)) in order.iter_mut().zip(keyed) {
        *to = place;
    }
    exact(order)
}

/// Up to how many names a plain sort is the quickest.
const FEW: usize = 24;

/// The first eight bytes, which as numbers are in the order of the bytes; zeros where there are less.
#[inline(always)]
pub(super) fn first_bytes(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    if let Some(eight) = bytes.first_chunk() {
        return u64::from_be_bytes(*eight);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        // Of four to seven bytes, the last four overlap the first.
        let last = u64::from(u32::from_be_bytes(*last)) << (8 * (8 - length));
        return u64::from(u32::from_be_bytes(*first)) << 32 | last;
    }
    bytes.iter().fold((0, 56), |(word, shift), byte| (word | u64::from(*byte) << shift, shift.max(8) - 8)).0
}

mod tag {
    pub(super) const BUILTIN: u8 = 1;
    pub(super) const MODEL: u8 = 2;
    pub(super) const ARRAY_OF_ANYTHING: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const ANONYMOUS: u8 = 5;
    pub(super) const NULL: u8 = 16;
    pub(super) const FALSE: u8 = 17;
    pub(super) const TRUE: u8 = 18;
    pub(super) const DECIMAL: u8 = 19;
    pub(super) const HUGE_NUMBER: u8 = 20;
    pub(super) const STRING: u8 = 21;
    pub(super) const JSON_ARRAY: u8 = 22;
    pub(super) const JSON_OBJECT: u8 = 23;
}

/// What a property with a few attributes takes; reserved ahead so that the encoding seldom has to grow.
const TYPICAL: usize = 64;

struct Encoder(Vec<u8>);

impl Encoder {
    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if self.0.capacity() - self.0.len() < bytes.len() {
            self.grow(bytes.len())?;
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    #[cold]
    fn grow(&mut self, more: usize) -> Result<()> {
        self.0.try_reserve(more).map_err(exhausted)
    }

    #[inline(always)]
    fn tag(&mut self, tag: u8) -> Result<()> {
        if self.0.len() == self.0.capacity() {
            self.grow(1)?;
        }
        self.0.push(tag);
        Ok(())
    }

    /// Seven bits a byte, the last without the top bit: short for what is short, and no length begins another.
    #[inline(always)]
    fn length(&mut self, length: usize) -> Result<()> {
        if length < 0x80 { self.tag(length as u8) } else { self.long(length) }
    }

    fn long(&mut self, mut length: usize) -> Result<()> {
        while length >= 0x80 {
            self.tag(length as u8 | 0x80)?;
            length >>= 7;
        }
        self.tag(length as u8)
    }

    fn text(&mut self, text: &Text<'_>) -> Result<()> {
        let bytes = text.bytes();
        self.length(bytes.len())?;
        self.bytes(bytes)
    }

    fn property(&mut self, property: &Property) -> Result<()> {
        self.text(&property.name)?;
        self.ty(&property.ty)?;
        self.object(&property.attributes)
    }

    fn ty(&mut self, ty: &Type) -> Result<()> {
        match ty {
            Type::Builtin(builtin) => self.bytes(&[tag::BUILTIN, *builtin as u8]),
            Type::Model(name) => {
                self.tag(tag::MODEL)?;
                self.text(name)
            }
            Type::Array(element) => match element.first() {
                None => self.tag(tag::ARRAY_OF_ANYTHING),
                Some(element) => {
                    self.tag(tag::ARRAY)?;
                    self.ty(element)
                }
            },
            Type::Anonymous(properties) => {
                self.tag(tag::ANONYMOUS)?;
                self.length(properties.len())?;
                for &place in &sorted_by(properties.len(), |place| properties[place].name.bytes())? {
                    self.property(&properties[place as usize])?;
                }
                Ok(())
            }
        }
    }

    fn object(&mut self, object: &Object<'_>) -> Result<()> {
        let members = object.members();
        self.length(members.len())?;
        if members.is_sorted_by(|a, b| a.key.bytes() <= b.key.bytes()) {
            return members.iter().try_for_each(|member| self.member(member));
        }
        object.sorted()?.iter().try_for_each(|&place| self.member(&members[place as usize]))
    }

    fn member(&mut self, member: &Member<'_>) -> Result<()> {
        self.text(&member.key)?;
        self.json(&member.value)
    }

    fn json(&mut self, value: &Json<'_>) -> Result<()> {
        match value {
            Json::Null => self.tag(tag::NULL),
            Json::Bool(false) => self.tag(tag::FALSE),
            Json::Bool(true) => self.tag(tag::TRUE),
            Json::Number(lexeme) => match Decimal::new(lexeme) {
                Some(decimal) => {
                    self.bytes(&[tag::DECIMAL, u8::from(decimal.is_negative())])?;
                    self.bytes(&decimal.point().to_le_bytes())?;
                    let digits = decimal.digits();
                    self.length(digits[0].len() + digits[1].len())?;
                    self.bytes(digits[0].as_bytes())?;
                    self.bytes(digits[1].as_bytes())
                }
                None => {
                    self.tag(tag::HUGE_NUMBER)?;
                    self.text(lexeme)
                }
            },
            Json::String(text) => {
                self.tag(tag::STRING)?;
                self.text(text)
            }
            Json::Array(items) => {
                self.tag(tag::JSON_ARRAY)?;
                self.length(items.len())?;
                items.iter().try_for_each(|item| self.json(item))
            }
            Json::Object(object) => {
                self.tag(tag::JSON_OBJECT)?;
                self.object(object)
            }
        }
    }
}

/// The encoding of properties that come sorted by name.
fn encode<'a>(count: usize, properties: impl Iterator<Item = &'a Property>) -> Result<Box<[u8]>> {
    let mut encoder = Encoder(with_capacity(count.saturating_mul(TYPICAL))?);
    encoder.length(count)?;
    for property in properties {
        encoder.property(property)?;
    }
    exact(encoder.0)
}

/// A structure: shared by all schemas that have it, so that two of them are one exactly where their addresses are equal.
#[derive(Debug)]
pub struct Structure {
    encoding: Box<[u8]>,
    /// Keyed: hosts choose what is in a schema.
    hash: u64,
    /// Made when it is asked for: it takes longer than all else that is done to find the structure.
    fingerprint: OnceCell<Fingerprint>,
    /// Drawn when it is asked for: no other structure has it while this one is there.
    number: OnceCell<u32>,
}

/// The numbers of structures.
struct Numbers {
    drawn: u32,
    free: Vec<u32>,
}

static NUMBERS: Ranked<Numbers> = Ranked::new(Rank::Interned, Numbers { drawn: 0, free: Vec::new() });
/// The highest number: one bit is left for a model's strictness.
const MAX_NUMBER: u32 = u32::MAX >> 1;

static STRUCTURES: Interner<Structure> = Interner::new();

impl Structure {
    /// The structure of properties that come sorted by name.
    pub(super) fn of<'a>(count: usize, properties: impl Iterator<Item = &'a Property>) -> Result<Arc<Structure>> {
        let encoding = encode(count, properties)?;
        let hash = KEYS.hash_one(&encoding);
        STRUCTURES.intern(Structure { encoding, hash, fingerprint: OnceCell::new(), number: OnceCell::new() })
    }

    /// 128 bits of the SHA-256 of the structure.
    pub fn fingerprint(&self) -> Fingerprint {
        *self.fingerprint.get_or_init(|| {
            let digest = Sha256::digest(&self.encoding);
            let mut fingerprint = [0; 16];
            fingerprint.copy_from_slice(&digest[..16]);
            fingerprint
        })
    }

    /// A number that no other structure has while this one is there; not 0.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`
    pub fn number(&self) -> Result<u32> {
        let draw = || {
            let mut numbers = NUMBERS.lock();
            if let Some(number) = numbers.free.pop() {
                return Ok(number);
            }
            if numbers.drawn >= MAX_NUMBER {
                return Err(Status::ERROR_FULL.into());
            }
            // Giving one back must not fail, so there is room for all that were drawn.
            let drawn = numbers.drawn as usize + 1;
            numbers.free.try_reserve(drawn).map_err(exhausted)?;
            numbers.drawn += 1;
            Ok(numbers.drawn)
        };
        self.number.get_or_try_init(draw).copied()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.encoding.len()
    }
}

impl Shared for Structure {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn same(&self, other: &Self) -> bool {
        self.encoding == other.encoding
    }
}

impl Drop for Structure {
    fn drop(&mut self) {
        STRUCTURES.forget(self.hash());
        if let Some(number) = self.number.get() {
            let mut numbers = NUMBERS.lock();
            numbers.free.push(*number);
            // The last one: nothing is kept.
            if numbers.free.len() == numbers.drawn as usize {
                *numbers = Numbers { drawn: 0, free: Vec::new() };
            }
        }
    }
}
