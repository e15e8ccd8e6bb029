//! How a handle is laid out in 64 bits, and how its bits are told apart.
//!
//! ```text
//! 63  62..60  59..47     46..22     21..0
//!  0  tag     registry   index      generation
//! ```
//!
//! The top bit is 0, so that a Java `long` or a JavaScript number never turns negative. The tag is never 0, so the low
//! half of a handle alone, which is what an FFI with a wrong return type leaves of it, is no handle. A registry's own
//! handle has its generation in all 47 bits below the registry's number. What belongs to the process and not to a registry
//! has the registry number 0; tag 7 is shared by several such types, which have their own number in the registry's place.

use std::sync::atomic::{AtomicU64, Ordering};

use once_cell::sync::Lazy;

use crate::error::{Error, Status};

/// Bits of a generation in the handle of anything but a registry.
pub const GENERATION_BITS: u32 = if cfg!(feature = "small-generations") { 3 } else { 22 };
/// Bits of a slot's index.
pub const INDEX_BITS: u32 = 25;
/// Bits of a registry's number.
pub const REGISTRY_BITS: u32 = 13;
/// The most slots a table can have: 33,554,432.
pub const MAX_SLOTS: u32 = 1 << INDEX_BITS;
/// The most registries that can be alive at once; number 0 stands for the process.
pub const MAX_REGISTRIES: usize = (1 << REGISTRY_BITS) - 1;

/// Where the index of a slot begins.
pub const INDEX_SHIFT: u32 = 22;
const REGISTRY_SHIFT: u32 = INDEX_SHIFT + INDEX_BITS;
const TAG_SHIFT: u32 = REGISTRY_SHIFT + REGISTRY_BITS;
/// The bits of a generation, as a mask.
pub const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;
const REGISTRY_GENERATION_MASK: u64 = (1 << REGISTRY_SHIFT) - 1;

/// The type of the thing that a handle stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Tag {
    /// A registry.
    Registry = 1,
    /// An owner: a data source, an app, or of a host's kind.
    Owner = 2,
    /// A model.
    Model = 3,
    /// A parsed schema.
    Schema = 4,
    /// A held snapshot.
    Snapshot = 5,
    /// The report of a loaded application.
    LoadReport = 6,
    /// A watcher of what happens in a registry.
    Watcher = SHARED | 1 << 3,
    /// A queue of `user_data` that is due.
    ReleaseQueue = SHARED | 2 << 3,
    /// A schema that is being built.
    SchemaBuilder = SHARED | 3 << 3,
}

/// The tag of the types that are told apart by a number in the registry's place.
const SHARED: u8 = 7;

impl Tag {
    const ALL: [Tag; 9] = [
        Tag::Registry,
        Tag::Owner,
        Tag::Model,
        Tag::Schema,
        Tag::Snapshot,
        Tag::LoadReport,
        Tag::Watcher,
        Tag::ReleaseQueue,
        Tag::SchemaBuilder,
    ];

    /// The three bits of the tag.
    const fn bits(self) -> u64 {
        self as u64 & 7
    }

    /// What tells it apart from others with the same three bits; 0 where there are none.
    const fn number(self) -> u32 {
        self as u32 >> 3
    }

    fn ending(self) -> &'static str {
        match self {
            Tag::Registry => "it was destroyed",
            Tag::Owner => "it was released, or its registry destroyed",
            Tag::Model => "it was unregistered, replaced, dropped or cleared",
            Tag::Schema | Tag::Snapshot | Tag::LoadReport | Tag::Watcher | Tag::ReleaseQueue | Tag::SchemaBuilder => {
                "it was freed"
            }
        }
    }

    /// The word for people.
    pub fn text(self) -> &'static str {
        match self {
            Tag::Registry => "registry",
            Tag::Owner => "owner",
            Tag::Model => "model",
            Tag::Schema => "schema",
            Tag::Snapshot => "snapshot",
            Tag::LoadReport => "load report",
            Tag::Watcher => "watcher",
            Tag::ReleaseQueue => "release queue",
            Tag::SchemaBuilder => "schema builder",
        }
    }
}

/// The parts of a handle that is not a registry's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts {
    /// The registry's number; 0 for what belongs to the process.
    pub registry: u32,
    /// The index of the slot.
    pub index: u32,
    /// The generation, as it stands in the handle.
    pub generation: u32,
}

/// Where this copy of the library starts to count generations.
///
/// Random, so that two copies of the library in one process do not accept each other's handles.
pub static GENERATION_BASE: Lazy<u32> = Lazy::new(|| random_word() as u32);

/// 64 random bits of this process.
pub fn random_word() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // The standard library seeds this state from the system's random source.
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
    hasher.finish()
}

/// The generation of a slot that was used `uses` times, as it stands in a handle.
#[inline(always)]
pub fn generation(uses: u32) -> u32 {
    GENERATION_BASE.wrapping_add(uses) & GENERATION_MASK
}

/// As [`generation`], without a call; `None` before the first one.
#[inline(always)]
pub fn generation_at_once(uses: u32) -> Option<u32> {
    Some(Lazy::get(&GENERATION_BASE)?.wrapping_add(uses) & GENERATION_MASK)
}

/// How many uses of a slot there can be before it is retired: one less than there are generations, so that a generation
/// that was never given out is left to tell forged handles by.
pub const MAX_USES: u32 = GENERATION_MASK;

/// What a generation that is not the slot's own says: given out earlier, or never.
pub fn classify(handle_generation: u32, slot_uses: u32) -> Status {
    let uses = handle_generation.wrapping_sub(*GENERATION_BASE) & GENERATION_MASK;
    if uses != 0 && uses <= slot_uses { Status::ERROR_STALE_HANDLE } else { Status::ERROR_FORGED_HANDLE }
}

/// Packs a handle.
pub fn encode(tag: Tag, parts: Parts) -> u64 {
    tag.bits() << TAG_SHIFT
        | u64::from(parts.registry | tag.number()) << REGISTRY_SHIFT
        | u64::from(parts.index) << INDEX_SHIFT
        | u64::from(parts.generation)
}

/// Packs the handle of a registry.
pub fn encode_registry(registry: u32, generation: u64) -> u64 {
    Tag::Registry.bits() << TAG_SHIFT | u64::from(registry) << REGISTRY_SHIFT | (generation & REGISTRY_GENERATION_MASK)
}

/// Takes a handle apart; nothing is repaired.
///
/// # Errors
/// `ERROR_NULL_HANDLE`, `ERROR_FORGED_HANDLE` for a tag that stands for nothing, `ERROR_WRONG_HANDLE_TYPE` for another
/// tag than `tag`.
#[inline(always)]
pub fn decode(handle: u64, tag: Tag) -> Result<Parts, Status> {
    let registry = number_of(handle);
    if handle >> TAG_SHIFT != tag.bits() || (tag.number() != 0 && registry != tag.number()) {
        return Err(wrong_tag(handle));
    }
    Ok(Parts {
        registry: if tag.number() == 0 { registry } else { 0 },
        index: (handle >> INDEX_SHIFT) as u32 & (MAX_SLOTS - 1),
        generation: handle as u32 & ((1 << INDEX_SHIFT) - 1),
    })
}

/// Takes the handle of a registry apart into its number and generation.
///
/// # Errors
/// As [`decode`].
#[inline]
pub fn decode_registry(handle: u64) -> Result<(u32, u64), Status> {
    let parts = decode(handle, Tag::Registry)?;
    Ok((parts.registry, registry_generation(handle)))
}

/// What the handle of a registry says of its generation.
#[inline(always)]
pub fn registry_generation(handle: u64) -> u64 {
    handle & REGISTRY_GENERATION_MASK
}

/// The error for a handle that was to be of this type: it says what the handle is instead, and what to do.
#[cold]
pub fn error(tag: Tag, value: u64, status: Status) -> Error {
    let what = tag.text();
    let message = match (status, tag_of(value)) {
        (Status::ERROR_WRONG_HANDLE_TYPE, Some(other)) => {
            format!("{what}: handle {value:#x} is of another type: it is of type {}", other.text())
        }
        (Status::ERROR_FOREIGN_HANDLE, _) => {
            format!("{what}: handle {value:#x} belongs to another registry, or to another copy of the library")
        }
        (Status::ERROR_FORGED_HANDLE, None) if value >> 32 == 0 => {
            format!("{what}: {value:#x} is no handle (handles are 64 bits wide; was it cut to 32?)")
        }
        (Status::ERROR_FORGED_HANDLE, _) => format!("{what}: handle {value:#x}: no such handle was ever given out"),
        (Status::ERROR_STALE_HANDLE, _) => format!("{what}: handle {value:#x} is stale: {}", tag.ending()),
        _ => format!("{what}: {}", status.text()),
    };
    Error::new(status, what, message)
}

/// The tag of a handle, if it has one that stands for something.
pub fn tag_of(handle: u64) -> Option<Tag> {
    let is_of =
        |tag: &Tag| handle >> TAG_SHIFT == tag.bits() && (tag.number() == 0 || tag.number() == number_of(handle));
    Tag::ALL.into_iter().find(is_of)
}

/// The number in the registry's place of a handle.
#[inline(always)]
fn number_of(handle: u64) -> u32 {
    (handle >> REGISTRY_SHIFT) as u32 & ((1 << REGISTRY_BITS) - 1)
}

#[cold]
fn wrong_tag(handle: u64) -> Status {
    if handle == 0 {
        Status::ERROR_NULL_HANDLE
    } else if tag_of(handle).is_some() {
        Status::ERROR_WRONG_HANDLE_TYPE
    } else {
        Status::ERROR_FORGED_HANDLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_word_does_not_come_twice() {
        assert_ne!(random_word(), random_word());
    }
}
