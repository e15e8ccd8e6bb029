//! What anyone may read of a registry's partitions: which label stands for which, and when a reader last used one.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::clock;
use super::memory::{Atomics, Table};
use super::names::{Lookup, Names};
use super::partition::{GLOBAL, GLOBAL_INDEX};

/// What anyone may read of a label: a partition's, or a tenant code that stands for `global`.
#[repr(C)]
pub(super) struct Label {
    /// The index of the partition with this label and one; 0 for none.
    pub partition: AtomicU32,
    pub means: AtomicU32,
}

// SAFETY: every field is an atomic integer.
unsafe impl Atomics for Label {}

/// The label stands for a configuration or an owner, also while it has no partition.
pub(super) const OF_OWNER: u32 = 1;
/// The code was reserved by the host: it stands for `global`.
pub(super) const RESERVED: u32 = 2;

/// What anyone may read of a partition.
#[repr(C)]
pub(super) struct Slot {
    pub sequence: AtomicU64,
    /// When a reader first used the partition in the tick in which one last did, and one; 0 for never.
    pub note: AtomicU64,
}

// SAFETY: every field is an atomic integer.
unsafe impl Atomics for Slot {}

/// The part of a registry's partitions that anyone may read, inside [`super::index::Changes`].
pub(crate) struct Places {
    pub(super) labels: Names,
    pub(super) by_label: Table<Label>,
    pub(super) slots: Table<Slot>,
    /// The lowest sequence number that a partition has, `global` aside: a clear raises it.
    pub(super) first: AtomicU64,
    /// When the tick began, by the clock that idle time is measured by, and one. Writers begin a new one after
    /// [`super::partition::TICK`].
    pub(super) tick: AtomicU64,
    /// Where that clock was made to stand, and one; 0 while it is the system's.
    pub(super) standing: AtomicU64,
}

/// What a tenant's code stands for.
pub(crate) enum Code {
    Partition(u32),
    Unknown,
    Contended,
}

impl Places {
    pub const fn new() -> Self {
        Places {
            labels: Names::new(),
            by_label: Table::new(),
            slots: Table::new(),
            first: AtomicU64::new(1),
            tick: AtomicU64::new(0),
            standing: AtomicU64::new(0),
        }
    }

    /// The partition that a label is of, if it is there.
    #[inline(always)]
    pub fn partition_of(&self, atom: u32) -> Option<u32> {
        let index = self.by_label.get(atom)?.partition.load(Ordering::Relaxed).checked_sub(1)?;
        self.is_there(index).then_some(index)
    }

    #[inline(always)]
    pub fn is_there(&self, index: u32) -> bool {
        index == GLOBAL_INDEX || self.there(index).is_some()
    }

    /// What anyone may read of a partition, if it is there.
    #[inline(always)]
    pub(super) fn there(&self, index: u32) -> Option<&'static Slot> {
        let there = |slot: &&Slot| slot.sequence.load(Ordering::Relaxed) >= self.first.load(Ordering::Relaxed);
        self.slots.get(index).filter(|slot| index == GLOBAL_INDEX || there(slot))
    }

    /// What a tenant's code stands for, without the lock.
    #[inline(always)]
    pub fn code(&self, code: &str) -> Code {
        if code.is_empty() || code == GLOBAL {
            return Code::Partition(GLOBAL_INDEX);
        }
        let found = match self.labels.find(code.as_bytes()) {
            Lookup::Known(found) => found,
            Lookup::Unknown => return Code::Unknown,
            Lookup::Contended => return Code::Contended,
        };
        let partition = self.meant_by(found.atom);
        if !found.still() {
            return Code::Contended;
        }
        partition.map_or(Code::Unknown, Code::Partition)
    }

    /// As [`Places::code`], where it is the label of a partition, as a reserved code never is, and nobody is in the way. Whether the partition
    /// is still there is to be asked of what is found in it. No code is known that is not UTF-8.
    #[inline(always)]
    pub fn code_at_once(&self, code: &[u8]) -> Option<u32> {
        if code.is_empty() || code == GLOBAL.as_bytes() {
            return Some(GLOBAL_INDEX);
        }
        let found = self.labels.find_at_once(code)??;
        let partition = self.by_label.get(found.atom)?.partition.load(Ordering::Relaxed).checked_sub(1)?;
        found.still().then_some(partition)
    }

    #[inline(always)]
    fn meant_by(&self, atom: u32) -> Option<u32> {
        let reserved = self.by_label.get(atom)?.means.load(Ordering::Relaxed) & RESERVED != 0;
        if reserved { Some(GLOBAL_INDEX) } else { self.partition_of(atom) }
    }

    /// Notes that a reader used a partition, once in a tick.
    #[inline(always)]
    pub fn note(&self, index: u32) {
        if let Some(slot) = self.slots.get(index) {
            self.note_there(slot);
        }
    }

    /// As [`Places::note`], of a partition that is there.
    #[inline(always)]
    pub(super) fn note_there(&self, slot: &Slot) {
        if !self.is_noted(slot) {
            self.note_now(slot);
        }
    }

    /// Whether a reader has used a partition in this tick.
    #[inline(always)]
    pub(super) fn is_noted(&self, slot: &Slot) -> bool {
        slot.note.load(Ordering::Relaxed) >= self.tick.load(Ordering::Relaxed)
    }

    #[cold]
    fn note_now(&self, slot: &Slot) {
        let tick = self.tick.load(Ordering::Relaxed);
        let now = match self.standing.load(Ordering::Relaxed) {
            0 => clock::monotonic_ms() + 1,
            standing => standing,
        };
        slot.note.store(now.max(tick), Ordering::Relaxed);
    }
}
