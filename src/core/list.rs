//! An owner's list of models: written under the registry's lock, read by anyone without one.
//!
//! A list is guarded by a version word (a seqlock). A writer makes it odd, changes the list, and makes it even again; a
//! reader reads it, reads the list, and reads it once more: two equal even values mean that all it read is of one
//! moment. Every field is an atomic, so a read that overlaps a change is a wrong answer that is thrown away, not a data
//! race. The fences are those of Boehm, "Can seqlocks get along with programming language memory models?" (2012).
//!
//! Up to [`INLINE`] entries lie in the list's own block, laid out so that copying them touches two cache lines and
//! looking one up by name touches three. Longer lists lie in runs of words of `memory`, with an index over the names.

use std::mem::MaybeUninit;

use crate::error::Status;

use super::atomics::{AtomicU32, AtomicU64, Ordering, fence};
use super::memory::{self, Atomics, Words};

/// How many entries a list has room for in its own block.
pub const INLINE: usize = 10;

/// How often a reader tries before it asks for the registry's lock.
pub const RETRIES: usize = 64;

/// Asks for an owner of any kind.
pub const ANY_KIND: u32 = 0;

/// Whether this is the library that is wrong on purpose.
const UNCHECKED: bool = cfg!(feature = "test-unchecked-reads");

/// Set in an identity while the owner is registered.
const LIVE: u32 = 1 << 31;

/// The list was changed since it was last built.
const DIRTY: u64 = 1 << 63;
/// The entries lie in runs of words.
const LONG: u64 = 1 << 62;
/// The models on the data source are listed apart from those that it owns.
const PARTED: u64 = 1 << 61;
/// How many entries are used.
const USED: u64 = 0xFFFF_FFFF;
/// One of those that are used and have no model any more; as many as there can be entries.
const GAP_ONE: u64 = 1 << 32;
const GAPS: u64 = ((1 << 28) - 1) << 32;

/// A list's block: three cache lines.
#[repr(C, align(64))]
#[cfg_attr(loom, derive(Default))]
pub struct List {
    version: AtomicU64,
    /// Generation and `LIVE` in the low half, the owner's kind in the high half.
    identity: AtomicU64,
    /// The registry's epoch in which the content holds. In a later one it is empty where a clear came between, and where
    /// only tenants were dropped, the holder of the lock knows what is left of it.
    valid: AtomicU64,
    stamp: AtomicU64,
    freshness: AtomicU64,
    /// How many entries are used, gaps included, and how many gaps there are, with `DIRTY`, `LONG` and `PARTED`.
    shape: AtomicU64,
    ids: [AtomicU64; INLINE],
    atoms: [AtomicU32; INLINE],
    long_ids: AtomicU64,
    long_atoms: AtomicU64,
    long_index: AtomicU64,
}

// SAFETY: every field is an atomic integer or an array of them.
unsafe impl Atomics for List {}

/// A list's stamp, and the two freshness words for which it is the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stamp {
    /// The number that no other snapshot of that owner ever has.
    pub stamp: u64,
    /// The owner's freshness word.
    pub owner: u64,
    /// The registry's freshness word.
    pub registry: u64,
}

/// Why a reader has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Miss {
    /// The owner is another one, or none.
    Gone,
    /// The list has to be built first.
    Unbuilt,
    /// The models on the data source are in a list of their own.
    Parted,
    /// A writer was in the way.
    Contended,
}

/// Which list of an owner's is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// The models that it owns.
    Owned,
    /// The models whose data source it is.
    On,
}

/// What every question about an owner's list says.
pub struct Ask<'a> {
    /// The generation in the owner's handle.
    pub generation: u32,
    /// The kind that it is asked as, or [`ANY_KIND`].
    pub kind: u32,
    /// The registry's epoch.
    pub epoch: &'a AtomicU64,
    /// The epoch that the last clear began: a list that was valid before is empty.
    pub cleared: &'a AtomicU64,
    /// The registry's freshness word.
    pub registry_word: &'a AtomicU64,
}

/// The head of a list as a reader saw it.
#[derive(Clone, Copy)]
struct Head {
    kind: u32,
    valid: u64,
    shape: u64,
}

/// The identity of a registered owner with this generation.
pub fn live_identity(generation: u32) -> u32 {
    generation | LIVE
}

impl List {
    /// Reads once; `read` sees the list as it was at one moment, or its answer is thrown away.
    #[inline(always)]
    fn reading<T>(&self, generation: u32, read: impl FnOnce(Head) -> Result<T, Miss>) -> Result<T, Miss> {
        let version = self.version.load(Ordering::Acquire);
        if version & 1 != 0 {
            return Err(Miss::Contended);
        }
        let identity = self.identity.load(Ordering::Relaxed);
        if identity as u32 != live_identity(generation) {
            return Err(self.if_unchanged(version, Miss::Gone));
        }
        let answer = read(Head {
            kind: (identity >> 32) as u32,
            valid: self.valid.load(Ordering::Relaxed),
            shape: self.shape.load(Ordering::Relaxed),
        });
        if self.unchanged(version) { answer } else { Err(Miss::Contended) }
    }

    #[inline(always)]
    fn unchanged(&self, version: u64) -> bool {
        fence(Ordering::Acquire);
        self.version.load(Ordering::Relaxed) == version || UNCHECKED
    }

    #[cold]
    fn if_unchanged(&self, version: u64, miss: Miss) -> Miss {
        if self.unchanged(version) { miss } else { Miss::Contended }
    }

    /// The owner's kind.
    #[inline]
    pub fn kind(&self, generation: u32) -> Result<u32, Miss> {
        self.reading(generation, |head| Ok(head.kind))
    }

    /// Copies the list, as much of it as `out` has room for; gives its length, 0 for an owner of another kind.
    #[inline(always)]
    pub fn copy(
        &self,
        ask: &Ask<'_>,
        which: Which,
        out: &mut [MaybeUninit<u64>],
        stamp: &mut Stamp,
    ) -> Result<usize, Miss> {
        self.built(ask, which, stamp, |shape, used| {
            let ids = self.ids(shape);
            let count = used.min(out.len()).min(ids.len());
            for (to, from) in out[..count].iter_mut().zip(&ids[..count]) {
                to.write(from.load(Ordering::Relaxed));
            }
        })
    }

    /// Hands the atoms of the names in the list to `each` with their positions, in order. Where it gives a miss, what was
    /// handed out was not of one moment.
    pub fn atoms(
        &self,
        ask: &Ask<'_>,
        which: Which,
        stamp: &mut Stamp,
        mut each: impl FnMut(usize, u32),
    ) -> Result<usize, Miss> {
        let epoch = ask.epoch.load(Ordering::Acquire);
        let count = self.built(ask, which, stamp, |shape, used| {
            (0..used).for_each(|position| each(position, self.atom_at(shape, position)));
        })?;
        // An atom stands for the same name while the list has it, and no longer than until a clear, which leaves the list as
        // it is.
        fence(Ordering::Acquire);
        if ask.epoch.load(Ordering::Relaxed) == epoch { Ok(count) } else { Err(Miss::Contended) }
    }

    /// Runs `each` over a list that can be answered from.
    #[inline(always)]
    fn built(
        &self,
        ask: &Ask<'_>,
        which: Which,
        stamp: &mut Stamp,
        each: impl FnOnce(u64, usize),
    ) -> Result<usize, Miss> {
        self.reading(ask.generation, |head| {
            if which == Which::On && head.shape & PARTED != 0 {
                return Err(Miss::Parted);
            }
            // Before the epoch: a clear raises the epoch first.
            let registry = ask.registry_word.load(Ordering::Acquire);
            *stamp = Stamp { stamp: 0, owner: self.freshness.load(Ordering::Relaxed), registry };
            // Nothing is built for a question that finds nothing.
            if ask.kind != ANY_KIND && ask.kind != head.kind {
                return Ok(0);
            }
            let current = head.valid == ask.epoch.load(Ordering::Acquire) || UNCHECKED;
            if !current || head.shape & DIRTY != 0 {
                return Err(Miss::Unbuilt);
            }
            stamp.stamp = self.stamp.load(Ordering::Relaxed);
            let used = (head.shape & USED) as usize;
            each(head.shape, used);
            Ok(used)
        })
    }

    /// As [`List::copy`] of the models that the owner has, where the list is short and built and nobody is at it.
    #[inline(always)]
    pub fn copy_short<const STAMPED: bool>(
        &self,
        generation: u32,
        kind: u32,
        (epoch, registry_word): (&AtomicU64, &AtomicU64),
        out: &mut [MaybeUninit<u64>],
    ) -> Option<(usize, Stamp)> {
        let version = self.version.load(Ordering::Acquire);
        let (identity, shape) = (self.identity.load(Ordering::Relaxed), self.shape.load(Ordering::Relaxed));
        let used = (shape & USED) as usize;
        // Before the epoch: a clear raises the epoch first.
        let registry = if STAMPED { registry_word.load(Ordering::Acquire) } else { 0 };
        let usual = version & 1 == 0
            && identity as u32 == live_identity(generation)
            && shape & (DIRTY | LONG) == 0
            && self.valid.load(Ordering::Relaxed) == epoch.load(Ordering::Acquire)
            && (kind == ANY_KIND || kind == (identity >> 32) as u32);
        if !usual {
            return None;
        }
        let ids = self.ids.get(..used)?;
        match (<&[AtomicU64; INLINE]>::try_from(ids), out.first_chunk_mut::<INLINE>()) {
            // Without a loop: so many are the most that an owner has in its block.
            (Ok(ids), Some(out)) => {
                for (to, from) in out.iter_mut().zip(ids) {
                    to.write(from.load(Ordering::Relaxed));
                }
            }
            _ => {
                for (to, from) in out.iter_mut().zip(ids) {
                    to.write(from.load(Ordering::Relaxed));
                }
            }
        }
        let stamp = if STAMPED {
            let (stamp, owner) = (self.stamp.load(Ordering::Relaxed), self.freshness.load(Ordering::Relaxed));
            Stamp { stamp, owner, registry }
        } else {
            Stamp::default()
        };
        self.unchanged(version).then_some((used, stamp))
    }

    /// As [`List::find`], where nobody is at the list; 0 where no entry has the name.
    #[inline(always)]
    pub fn find_at_once(&self, generation: u32, kind: u32, epoch: &AtomicU64, atom: u32) -> Option<u64> {
        let version = self.version.load(Ordering::Acquire);
        let (identity, shape) = (self.identity.load(Ordering::Relaxed), self.shape.load(Ordering::Relaxed));
        let usual = version & 1 == 0
            && identity as u32 == live_identity(generation)
            && self.valid.load(Ordering::Relaxed) == epoch.load(Ordering::Acquire)
            && (kind == ANY_KIND || kind == (identity >> 32) as u32);
        if !usual {
            return None;
        }
        let position = self.position_of(shape, atom);
        let found =
            position.and_then(|position| self.ids(shape).get(position)).map_or(0, |id| id.load(Ordering::Relaxed));
        self.unchanged(version).then_some(found)
    }

    /// Whether the list is of the owner with this generation.
    #[inline(always)]
    pub fn is_of(&self, generation: u32) -> bool {
        self.identity.load(Ordering::Acquire) as u32 == live_identity(generation)
    }

    /// The entry with this name; also while the list has not been built since it was changed.
    #[inline(always)]
    pub fn find(&self, ask: &Ask<'_>, atom: u32) -> Result<Option<u64>, Miss> {
        self.reading(ask.generation, |head| {
            let current = head.valid == ask.epoch.load(Ordering::Acquire);
            // After the epoch: a clear raises this one first.
            let cleared = !current && head.valid < ask.cleared.load(Ordering::Relaxed);
            if cleared || (ask.kind != ANY_KIND && ask.kind != head.kind) {
                return Ok(None);
            }
            if !current {
                return Err(Miss::Unbuilt);
            }
            let position = self.position_of(head.shape, atom);
            Ok(position.and_then(|position| Some(self.ids(head.shape).get(position)?.load(Ordering::Relaxed))))
        })
    }

    #[inline(always)]
    fn ids(&self, shape: u64) -> &[AtomicU64] {
        if shape & LONG == 0 { &self.ids } else { self.run(&self.long_ids).as_slice() }
    }

    #[inline]
    fn run(&self, word: &AtomicU64) -> Words {
        // SAFETY: the three words are only ever stored from `Words::to_word`, or are the zero of fresh memory.
        unsafe { Words::from_word(word.load(Ordering::Relaxed)) }
    }

    #[inline]
    fn atom_at(&self, shape: u64, position: usize) -> u32 {
        if shape & LONG == 0 {
            self.atoms.get(position).map_or(0, |atom| atom.load(Ordering::Relaxed))
        } else {
            half(self.run(&self.long_atoms).as_slice(), position)
        }
    }

    #[inline(always)]
    fn position_of(&self, shape: u64, atom: u32) -> Option<usize> {
        if shape & LONG == 0 {
            let used = ((shape & USED) as usize).min(INLINE);
            return self.atoms[..used].iter().position(|other| other.load(Ordering::Relaxed) == atom);
        }
        self.long_position_of(atom)
    }

    #[inline(never)]
    fn long_position_of(&self, atom: u32) -> Option<usize> {
        let index = self.run(&self.long_index).as_slice();
        let atoms = self.run(&self.long_atoms).as_slice();
        probe(index, atom)
            .map(|at| half(index, at))
            .take_while(|entry| *entry != EMPTY)
            .filter(|entry| *entry != GAP)
            .map(|entry| entry as usize - 1)
            .find(|position| half(atoms, *position) == atom)
    }
}

const EMPTY: u32 = 0;
const GAP: u32 = u32::MAX;

/// The places where an atom may stand in an index, in the order they are looked at; every place once.
fn probe(index: &[AtomicU64], atom: u32) -> impl Iterator<Item = usize> + use<> {
    let places = index.len() * 2;
    let mask = places.wrapping_sub(1);
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4): atoms are small consecutive numbers, the product spreads them.
    let first = (u64::from(atom).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
    (0..places).map(move |step| first.wrapping_add(step) & mask)
}

/// The 32-bit number at a position of a run that holds two in each word; 0 past the end.
#[inline]
fn half(words: &[AtomicU64], position: usize) -> u32 {
    let word = words.get(position / 2).map_or(0, |word| word.load(Ordering::Relaxed));
    (word >> (32 * (position % 2))) as u32
}

fn set_half(words: &[AtomicU64], position: usize, value: u32) {
    let Some(word) = words.get(position / 2) else { return };
    let shift = 32 * (position % 2);
    let others = word.load(Ordering::Relaxed) & !(0xFFFF_FFFF << shift);
    word.store(others | u64::from(value) << shift, Ordering::Relaxed);
}

/// What only the holder of the registry's lock may do with a list.
impl List {
    fn write(&self, change: impl FnOnce()) {
        let frozen = !self.freeze();
        change();
        if !frozen {
            self.thaw();
        }
    }

    /// Keeps readers away until [`List::thaw`], so that a change of several lists is one. Gives whether it did: a list that
    /// is frozen already stays so.
    pub fn freeze(&self) -> bool {
        let version = self.version.load(Ordering::Relaxed);
        if version & 1 != 0 {
            return false;
        }
        self.version.store(version | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        true
    }

    /// Lets readers in again.
    pub fn thaw(&self) {
        let version = self.version.load(Ordering::Relaxed);
        if version & 1 != 0 {
            self.version.store(version + 1, Ordering::Release);
        }
    }

    /// The list's version.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    fn shape(&self) -> u64 {
        self.shape.load(Ordering::Relaxed)
    }

    /// Begins the list of a new owner, empty and not built.
    ///
    /// `freshness` is the owner's word, which goes on through every owner of the slot, and stamps with it. `floor` is what the
    /// version is at least: where the block's memory had been given back, its version begins at 0 again, and a reader that
    /// was stopped since then must not take it for an earlier one.
    pub fn open(&self, generation: u32, kind: u32, freshness: u64, floor: u64) {
        // Released, as in `thaw`: a reader that takes this for its version has to see what the last change before it stored.
        self.version.store(self.version().max(floor), Ordering::Release);
        self.write(|| {
            self.identity.store(u64::from(live_identity(generation)) | u64::from(kind) << 32, Ordering::Relaxed);
            self.valid.store(0, Ordering::Relaxed);
            self.stamp.store(0, Ordering::Relaxed);
            self.freshness.store(freshness, Ordering::Relaxed);
            self.shape.store(DIRTY, Ordering::Relaxed);
        });
    }

    /// Lets every reader find that the owner is gone, while its entries are still to be taken out.
    pub fn hide(&self, freshness: u64) {
        let shape = self.shape();
        self.write(|| {
            self.identity.store(0, Ordering::Relaxed);
            self.freshness.store(freshness, Ordering::Relaxed);
            self.shape.store(shape | DIRTY, Ordering::Relaxed);
        });
    }

    /// Ends the list. Gives the bytes of runs that were freed.
    pub fn close(&self) -> usize {
        self.write(|| {
            self.identity.store(0, Ordering::Relaxed);
            self.shape.store(DIRTY, Ordering::Relaxed);
        });
        self.free_runs()
    }

    fn free_runs(&self) -> usize {
        let mut bytes = 0;
        for word in [&self.long_ids, &self.long_atoms, &self.long_index] {
            let run = self.run(word);
            word.store(0, Ordering::Relaxed);
            bytes += run.bytes();
            memory::free(run);
        }
        bytes
    }

    /// Whether what the list holds was valid in this epoch or in a later one.
    pub fn is_valid(&self, epoch: u64) -> bool {
        self.valid.load(Ordering::Relaxed) >= epoch
    }

    /// How many entries there are, gaps included.
    pub fn used(&self) -> usize {
        (self.shape() & USED) as usize
    }

    /// The entry at a position; 0 is a gap.
    pub fn id_at(&self, position: usize) -> u64 {
        self.ids(self.shape()).get(position).map_or(0, |id| id.load(Ordering::Relaxed))
    }

    /// The stamp that the list was last built with, and the freshness of now.
    pub fn stamp(&self, registry_word: u64) -> Stamp {
        Stamp {
            stamp: self.stamp.load(Ordering::Relaxed),
            owner: self.freshness.load(Ordering::Relaxed),
            registry: registry_word,
        }
    }

    /// Whether the list can be answered from as it is, where it was valid in this epoch or in a later one.
    pub fn is_built(&self, epoch: u64) -> bool {
        self.is_valid(epoch) && self.shape() & DIRTY == 0
    }

    /// Empties the list of what it held before a clear. Gives the bytes of runs that were freed.
    pub fn reset(&self, epoch: u64) -> usize {
        self.write(|| {
            self.valid.store(epoch, Ordering::Relaxed);
            self.shape.store(DIRTY, Ordering::Relaxed);
        });
        self.free_runs()
    }

    /// Takes the list over into another epoch, as it is, or emptied. Gives the bytes of runs that were freed.
    pub fn take_over(&self, epoch: u64, emptied: bool) -> usize {
        let shape = self.shape();
        self.write(|| {
            self.valid.store(epoch, Ordering::Relaxed);
            if emptied {
                self.shape.store(DIRTY | shape & PARTED, Ordering::Relaxed);
            }
        });
        if emptied { self.free_runs() } else { 0 }
    }

    /// Takes the list over into another epoch with the entries that `keep` says alone, and tells each moved one its new
    /// position; the list is dirty afterwards.
    pub fn take_over_some(&self, epoch: u64, keep: impl Fn(u64) -> bool, moved: impl FnMut(u64, usize)) {
        self.write(|| {
            let mut shape = self.shape();
            for position in 0..self.used() {
                let id = self.id_at(position);
                if id != 0 && !keep(id) {
                    self.put(shape, position, 0, 0);
                    shape += GAP_ONE;
                }
            }
            self.shape.store(shape, Ordering::Relaxed);
            let shape = self.close_gaps(moved);
            self.valid.store(epoch, Ordering::Relaxed);
            self.shape.store(shape | DIRTY, Ordering::Relaxed);
        });
    }

    /// The position of the entry with this name.
    pub fn position(&self, atom: u32) -> Option<usize> {
        self.position_of(self.shape(), atom)
    }

    /// Makes room for one more entry. Gives by how many bytes the runs grew.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`; nothing was changed.
    pub fn reserve(&self) -> Result<usize, Status> {
        let shape = self.shape();
        let used = (shape & USED) as usize;
        if used < self.ids(shape).len() {
            return Ok(0);
        }
        let capacity = (used + 1).next_power_of_two();
        let ids = memory::allocate(capacity)?;
        let atoms = memory::allocate(capacity.div_ceil(2)).inspect_err(|_| memory::free(ids))?;
        let index = memory::allocate(capacity).inspect_err(|_| {
            memory::free(ids);
            memory::free(atoms);
        })?;
        for position in 0..used {
            ids.as_slice()[position].store(self.id_at(position), Ordering::Relaxed);
            let atom = self.atom_at(shape, position);
            set_half(atoms.as_slice(), position, atom);
            if atom != 0 {
                index_insert(index.as_slice(), atom, position);
            }
        }
        let old = [&self.long_ids, &self.long_atoms, &self.long_index].map(|word| self.run(word));
        self.write(|| {
            self.long_ids.store(ids.to_word(), Ordering::Relaxed);
            self.long_atoms.store(atoms.to_word(), Ordering::Relaxed);
            self.long_index.store(index.to_word(), Ordering::Relaxed);
            self.shape.store(shape | LONG, Ordering::Relaxed);
        });
        let freed: usize = old.iter().map(|run| run.bytes()).sum();
        old.into_iter().for_each(memory::free);
        Ok(ids.bytes() + atoms.bytes() + index.bytes() - freed)
    }

    /// Appends an entry, for which [`List::reserve`] made room; the list is dirty afterwards.
    pub fn push(&self, id: u64, atom: u32, freshness: u64) -> usize {
        let shape = self.shape();
        let position = (shape & USED) as usize;
        self.write(|| {
            self.put(shape, position, id, atom);
            if shape & LONG != 0 {
                index_insert(self.run(&self.long_index).as_slice(), atom, position);
            }
            self.shape.store((shape + 1) | DIRTY, Ordering::Relaxed);
            self.freshness.store(freshness, Ordering::Relaxed);
        });
        position
    }

    fn put(&self, shape: u64, position: usize, id: u64, atom: u32) {
        if let Some(slot) = self.ids(shape).get(position) {
            slot.store(id, Ordering::Relaxed);
        }
        if shape & LONG == 0 {
            if let Some(slot) = self.atoms.get(position) {
                slot.store(atom, Ordering::Relaxed);
            }
        } else {
            set_half(self.run(&self.long_atoms).as_slice(), position, atom);
        }
    }

    /// Puts another model of the same name in the place of one.
    pub fn replace(&self, position: usize, id: u64, freshness: u64) {
        let shape = self.shape();
        self.write(|| {
            if let Some(slot) = self.ids(shape).get(position) {
                slot.store(id, Ordering::Relaxed);
            }
            self.shape.store(shape | DIRTY, Ordering::Relaxed);
            self.freshness.store(freshness, Ordering::Relaxed);
        });
    }

    /// Takes an entry out; its place is a gap until the list is built. Gives whether the list is now empty.
    pub fn remove(&self, position: usize, freshness: u64) {
        let shape = self.shape();
        let atom = self.atom_at(shape, position);
        self.write(|| {
            self.put(shape, position, 0, 0);
            if shape & LONG != 0 && atom != 0 {
                index_remove(self.run(&self.long_index).as_slice(), atom, position);
            }
            self.shape.store((shape + GAP_ONE) | DIRTY, Ordering::Relaxed);
            self.freshness.store(freshness, Ordering::Relaxed);
        });
    }

    /// Marks the list as changed.
    pub fn invalidate(&self, freshness: u64) {
        let shape = self.shape();
        self.write(|| {
            self.shape.store(shape | DIRTY, Ordering::Relaxed);
            self.freshness.store(freshness, Ordering::Relaxed);
        });
    }

    /// Notes that the models on the data source are listed apart from now on.
    pub fn part(&self) {
        let shape = self.shape();
        self.write(|| self.shape.store(shape | PARTED, Ordering::Relaxed));
    }

    /// Notes the owner's freshness where the list itself did not change.
    pub fn note_freshness(&self, freshness: u64) {
        self.write(|| self.freshness.store(freshness, Ordering::Relaxed));
    }

    /// Builds the list: closes the gaps, tells each moved entry its new position, and gives the list its stamp.
    pub fn build(&self, epoch: u64, freshness: u64, moved: impl FnMut(u64, usize)) {
        self.write(|| {
            let shape = self.close_gaps(moved);
            self.valid.store(epoch, Ordering::Relaxed);
            self.stamp.store(freshness, Ordering::Relaxed);
            self.freshness.store(freshness, Ordering::Relaxed);
            self.shape.store(shape & !DIRTY, Ordering::Relaxed);
        });
    }

    /// Closes the gaps of a list that has no room left and enough of them, so that it need not grow: a fourth of its
    /// entries, which pays for looking at all of them.
    pub fn tidy(&self, moved: impl FnMut(u64, usize)) {
        let shape = self.shape();
        let used = (shape & USED) as usize;
        let gaps = ((shape & GAPS) / GAP_ONE) as usize;
        if used == self.ids(shape).len() && gaps * 4 >= used {
            self.write(|| {
                let shape = self.close_gaps(moved);
                self.shape.store(shape, Ordering::Relaxed);
            });
        }
    }

    /// Closes the gaps, inside a write; gives the new shape. Where there are none, nothing is looked at.
    fn close_gaps(&self, mut moved: impl FnMut(u64, usize)) -> u64 {
        let shape = self.shape();
        if shape & GAPS == 0 {
            return shape;
        }
        let used = (shape & USED) as usize;
        let mut kept = 0;
        for position in 0..used {
            let id = self.id_at(position);
            if id == 0 {
                continue;
            }
            if kept != position {
                self.put(shape, kept, id, self.atom_at(shape, position));
                moved(id, kept);
            }
            kept += 1;
        }
        if kept != used && shape & LONG != 0 {
            let index = self.run(&self.long_index);
            index.as_slice().iter().for_each(|word| word.store(0, Ordering::Relaxed));
            for position in 0..kept {
                let atom = self.atom_at(shape, position);
                if atom != 0 {
                    index_insert(index.as_slice(), atom, position);
                }
            }
        }
        (shape & !(USED | GAPS)) | kept as u64
    }
}

fn index_insert(index: &[AtomicU64], atom: u32, position: usize) {
    let place = probe(index, atom).find(|at| matches!(half(index, *at), EMPTY | GAP));
    if let Some(place) = place {
        set_half(index, place, position as u32 + 1);
    }
}

fn index_remove(index: &[AtomicU64], atom: u32, position: usize) {
    let place = probe(index, atom)
        .take_while(|at| half(index, *at) != EMPTY)
        .find(|at| half(index, *at) == position as u32 + 1);
    if let Some(place) = place {
        set_half(index, place, GAP);
    }
}

/// What many questions in one call ask the memory for before they are answered. What these read is a hint alone: a list
/// that is being changed costs a wait, and never a wrong answer.
impl List {
    /// Asks for the lines of a list's block that a copy of it touches.
    #[inline(always)]
    pub fn prefetch(&self) {
        memory::prefetch(&raw const self.version);
        memory::prefetch(&raw const self.ids[INLINE - 1]);
    }

    /// Asks for the line of the block that has the names, and that says where longer lists lie.
    #[inline(always)]
    pub fn prefetch_atoms(&self) {
        memory::prefetch(&raw const self.atoms);
    }

    /// Whether the entries lie outside of the block.
    #[inline(always)]
    pub fn is_long(&self) -> bool {
        self.shape() & LONG != 0
    }

    /// Asks for the first lines of a long list; the machine sees by itself that the next ones follow.
    #[inline(always)]
    pub fn prefetch_long_ids(&self) {
        for line in self.run(&self.long_ids).as_slice().chunks(LINE_WORDS).take(FIRST_LINES) {
            memory::prefetch(line.as_ptr());
        }
    }

    /// Asks for the place where a long list's index would have this name.
    #[inline(always)]
    pub fn prefetch_long_place(&self, atom: u32) {
        let index = self.run(&self.long_index).as_slice();
        if let Some(word) = probe(index, atom).next().and_then(|place| index.get(place / 2)) {
            memory::prefetch(word);
        }
    }

    /// Asks for the entry of a long list that its index has at the first place for this name.
    #[inline(always)]
    pub fn prefetch_long_entry(&self, atom: u32) {
        let index = self.run(&self.long_index).as_slice();
        let Some(entry) = probe(index, atom).next().map(|place| half(index, place)) else { return };
        let position = (entry as usize).wrapping_sub(1);
        if let Some(word) = self.run(&self.long_atoms).as_slice().get(position / 2) {
            memory::prefetch(word);
        }
        if let Some(id) = self.run(&self.long_ids).as_slice().get(position) {
            memory::prefetch(id);
        }
    }
}

/// How many words a cache line has.
const LINE_WORDS: usize = 8;
/// How many lines of a long list are asked for: from there on the machine's own prefetching has caught up.
const FIRST_LINES: usize = 4;
