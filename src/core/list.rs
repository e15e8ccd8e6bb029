//! An owner's list of models: written under the registry's lock, read by anyone without one.
//!
//! The list is the cache: it is kept as it is to be answered, and each change gives it the stamp that its next answer has.
//! What the first question after a change does is to say that it was asked, with one compare-and-exchange of `shape`; a
//! change of the list replaces `shape` with one exchange, and so learns whether it was. Only a long list from which
//! something was taken out has to be built, under the lock, before it can be answered.
//!
//! A list is guarded by a version word (a seqlock). A writer makes it odd, changes the list, and makes it even again; a
//! reader reads it, reads the list, and reads it once more: two equal even values mean that all it read is of one
//! moment. Every field is an atomic, so a read that overlaps a change is a wrong answer that is thrown away, not a data
//! race. The fences are those of Boehm, "Can seqlocks get along with programming language memory models?" (2012).
//!
//! Up to [`INLINE`] entries lie in the list's own block: copying them touches two cache lines, looking one up by name three.
//! Longer lists lie in runs of words of `memory`, with an index over the names.

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
/// The kind of a data source.
pub const DATA_SOURCE: u32 = 1;

/// Whether this is the library that is wrong on purpose.
const UNCHECKED: bool = cfg!(feature = "test-unchecked-reads");

/// Set in an identity while the owner is registered.
const LIVE: u32 = 1 << 31;

/// Nobody has asked since the list was changed.
const UNASKED: u64 = 1 << 63;
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
    /// The owner's freshness word when the list was last changed; more where a clear emptied it.
    stamp: AtomicU64,
    /// The owner's freshness word when either of its lists was last changed.
    freshness: AtomicU64,
    /// How many entries are used, gaps included, and how many gaps there are, with `UNASKED`, `LONG` and `PARTED`.
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
    /// The list has to be built first, or looked at since a tenant was dropped.
    Unbuilt,
    /// The list is of before a clear: it is empty, and nobody said yet that it was asked.
    Emptied,
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

/// What a reader was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// How many models there are.
    pub count: usize,
    /// Where the answer may be the first since the list was changed: what [`List::is_first`] is to be told.
    pub unasked: Option<Unasked>,
}

/// A list's shape when it was read and nobody had asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unasked(u64);

impl Answer {
    const NOTHING: Answer = Answer { count: 0, unasked: None };
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

    /// The stamp of the list where it is of before the last clear, and so empty. Each epoch that a clear began has its own, and
    /// changes go on behind them: see [`List::last_stamp`].
    fn emptied(&self, valid: u64, cleared: u64) -> u64 {
        let last = self.stamp.load(Ordering::Relaxed).max(self.freshness.load(Ordering::Relaxed));
        last.wrapping_add(cleared.wrapping_sub(valid))
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

    /// Copies the list, as much of it as `out` has room for; there is nothing in it for an owner of another kind.
    #[inline(always)]
    pub fn copy(
        &self,
        ask: &Ask<'_>,
        which: Which,
        out: &mut [MaybeUninit<u64>],
        stamp: &mut Stamp,
    ) -> Result<Answer, Miss> {
        self.asked(ask, which, stamp, |shape, used| {
            let ids = self.ids(shape);
            memory::copy(&ids[..used.min(ids.len())], out);
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
    ) -> Result<Answer, Miss> {
        let epoch = ask.epoch.load(Ordering::Acquire);
        let answer = self.asked(ask, which, stamp, |shape, used| {
            (0..used).for_each(|position| each(position, self.atom_at(shape, position)));
        })?;
        // An atom stands for the same name while the list has it, and no longer than until a clear, which leaves the list as
        // it is.
        fence(Ordering::Acquire);
        if ask.epoch.load(Ordering::Relaxed) == epoch { Ok(answer) } else { Err(Miss::Contended) }
    }

    /// Runs `each` over a list that can be answered from.
    #[inline(always)]
    fn asked(
        &self,
        ask: &Ask<'_>,
        which: Which,
        stamp: &mut Stamp,
        each: impl FnOnce(u64, usize),
    ) -> Result<Answer, Miss> {
        self.reading(ask.generation, |head| {
            if which == Which::On && head.shape & PARTED != 0 {
                return Err(Miss::Parted);
            }
            // Before the epoch: a clear raises the epoch first.
            let registry = ask.registry_word.load(Ordering::Acquire);
            *stamp = Stamp { stamp: 0, owner: self.freshness.load(Ordering::Relaxed), registry };
            // A question that finds nothing is none about the list.
            if ask.kind != ANY_KIND && ask.kind != head.kind {
                return Ok(Answer::NOTHING);
            }
            if head.valid != ask.epoch.load(Ordering::Acquire) && !UNCHECKED {
                let cleared = ask.cleared.load(Ordering::Acquire);
                stamp.stamp = self.emptied(head.valid, cleared);
                // What is left of one that is of before a tenant was dropped takes the lock to tell.
                return Err(if head.valid < cleared { Miss::Emptied } else { Miss::Unbuilt });
            }
            let unasked = head.shape & UNASKED != 0;
            if takes_lock(head.shape, head.kind) {
                return Err(Miss::Unbuilt);
            }
            stamp.stamp = self.stamp.load(Ordering::Relaxed);
            let count = (head.shape & USED) as usize;
            each(head.shape, count);
            Ok(Answer { count, unasked: unasked.then_some(Unasked(head.shape)) })
        })
    }

    /// Says that an answer was given; gives whether it was the first since the list was changed, and hands the models to
    /// `each` in whose partitions that is a use: one of those on a data source, which all live in its own.
    ///
    /// The list may have been changed since: then nothing is said, or, where it has the same shape, of the newer list. That
    /// mistakes which of two questions at once was the first, and no more.
    #[cold]
    pub fn is_first(&self, unasked: Unasked, mut each: impl FnMut(u64)) -> bool {
        let Unasked(shape) = unasked;
        let asked = shape & !UNASKED;
        if self.shape.compare_exchange(shape, asked, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return false;
        }
        let kind = (self.identity.load(Ordering::Relaxed) >> 32) as u32;
        let used = (shape & USED) as usize;
        let models = if kind == DATA_SOURCE { used.min(1) } else { used };
        self.ids(shape).iter().take(models).for_each(|id| each(id.load(Ordering::Relaxed)));
        true
    }

    /// As [`List::copy`] of the models that the owner has, where nobody is at the list; with `ASKED` only where it was asked since it was
    /// changed, and without a call.
    #[inline(always)]
    pub fn copy_at_once<const STAMPED: bool, const ASKED: bool>(
        &self,
        generation: u32,
        kind: u32,
        (epoch, registry_word): (&AtomicU64, &AtomicU64),
        out: &mut [MaybeUninit<u64>],
    ) -> Option<(Answer, Stamp)> {
        let version = self.version.load(Ordering::Acquire);
        let (identity, shape) = (self.identity.load(Ordering::Relaxed), self.shape.load(Ordering::Relaxed));
        let used = (shape & USED) as usize;
        // Before the epoch: a clear raises the epoch first.
        let registry = if STAMPED { registry_word.load(Ordering::Acquire) } else { 0 };
        let usual = version & 1 == 0
            && identity as u32 == live_identity(generation)
            && (!ASKED || shape & UNASKED == 0)
            && self.valid.load(Ordering::Relaxed) == epoch.load(Ordering::Acquire)
            && (kind == ANY_KIND || kind == (identity >> 32) as u32);
        if !usual {
            return None;
        }
        if shape & LONG == 0 {
            match out.first_chunk_mut::<INLINE>() {
                Some(out) if used == INLINE => memory::copy_ten(&self.ids, out),
                _ => memory::copy_few(self.ids.get(..used)?, out),
            }
        } else if ASKED {
            self.copy_whole(shape, out)?;
        } else {
            self.copy_long(shape, (identity >> 32) as u32, out)?;
        }
        let stamp = if STAMPED {
            let (stamp, owner) = (self.stamp.load(Ordering::Relaxed), self.freshness.load(Ordering::Relaxed));
            Stamp { stamp, owner, registry }
        } else {
            Stamp::default()
        };
        let unasked = (shape & UNASKED != 0).then_some(Unasked(shape));
        self.unchanged(version).then_some((Answer { count: used, unasked }, stamp))
    }

    #[inline(never)]
    fn copy_long(&self, shape: u64, kind: u32, out: &mut [MaybeUninit<u64>]) -> Option<()> {
        if takes_lock(shape, kind) {
            return None;
        }
        self.copy_whole(shape, out)
    }

    /// Copies a long list that has no gaps, as none has that was asked.
    #[inline(always)]
    fn copy_whole(&self, shape: u64, out: &mut [MaybeUninit<u64>]) -> Option<()> {
        memory::copy(self.run(&self.long_ids).as_slice().get(..(shape & USED) as usize)?, out);
        Some(())
    }

    /// As [`List::find`], where nobody is at the list; 0 where no entry has the name. With `SHORT` only in a short list, and without a
    /// call.
    #[inline(always)]
    pub fn find_at_once<const SHORT: bool>(
        &self,
        generation: u32,
        kind: u32,
        epoch: &AtomicU64,
        atom: u32,
    ) -> Option<u64> {
        let version = self.version.load(Ordering::Acquire);
        let (identity, shape) = (self.identity.load(Ordering::Relaxed), self.shape.load(Ordering::Relaxed));
        let usual = version & 1 == 0
            && identity as u32 == live_identity(generation)
            && (!SHORT || shape & LONG == 0)
            && self.valid.load(Ordering::Relaxed) == epoch.load(Ordering::Acquire)
            && (kind == ANY_KIND || kind == (identity >> 32) as u32);
        if !usual {
            return None;
        }
        // What is known of the shape is told to the compiler.
        let shape = if SHORT { shape & !LONG } else { shape };
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

    /// The entry with this name; also while the list is to be built.
    #[inline(always)]
    pub fn find(&self, ask: &Ask<'_>, atom: u32) -> Result<Option<u64>, Miss> {
        self.reading(ask.generation, |head| {
            let current = head.valid == ask.epoch.load(Ordering::Acquire);
            let cleared = !current && head.valid < ask.cleared.load(Ordering::Acquire);
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
            return memory::position_of_ten(&self.atoms, (shape & USED) as usize, atom);
        }
        self.long_position_of(atom)
    }

    #[inline(never)]
    fn long_position_of(&self, atom: u32) -> Option<usize> {
        self.long_positions_of(atom).next()
    }

    /// The positions of all entries of a long list with this name.
    fn long_positions_of(&self, atom: u32) -> impl Iterator<Item = usize> + use<> {
        let index = self.run(&self.long_index).as_slice();
        let atoms = self.run(&self.long_atoms).as_slice();
        probe(index, atom)
            .map(|at| half(index, at))
            .take_while(|entry| *entry != EMPTY)
            .filter(|entry| *entry != GAP)
            .map(|entry| entry as usize - 1)
            .filter(move |position| half(atoms, *position) == atom)
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
    #[inline(always)]
    fn write<T>(&self, change: impl FnOnce() -> T) -> T {
        let frozen = !self.freeze();
        let changed = change();
        if !frozen {
            self.thaw();
        }
        changed
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

    /// Changes the shape, which readers change as well; gives what it was.
    #[inline(always)]
    fn reshape(&self, change: impl Fn(u64) -> u64) -> u64 {
        let before = self.shape.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |shape| Some(change(shape)));
        before.unwrap_or_else(|shape| shape)
    }

    /// Ends a change, inside a write: gives whether the list was asked before.
    #[inline(always)]
    fn stamped(&self, freshness: u64, change: impl FnOnce(u64) -> u64) -> bool {
        self.stamp.store(freshness, Ordering::Relaxed);
        self.freshness.store(freshness, Ordering::Relaxed);
        // All that a reader may have changed since is what is replaced here.
        self.shape.swap(change(self.shape()) | UNASKED, Ordering::Relaxed) & UNASKED == 0
    }

    /// Begins the list of a new owner, empty.
    ///
    /// `freshness` is the owner's word, which goes on through every owner of the slot, and stamps with it. `floor` is what the
    /// version is at least: where the block's memory had been given back, its version begins at 0 again, and a reader that
    /// was stopped since then must not take it for an earlier one.
    pub fn open(&self, generation: u32, kind: u32, epoch: u64, freshness: u64, floor: u64) {
        // Released, as in `thaw`: a reader that takes this for its version has to see what the last change before it stored.
        self.version.store(self.version().max(floor), Ordering::Release);
        self.write(|| {
            self.identity.store(u64::from(live_identity(generation)) | u64::from(kind) << 32, Ordering::Relaxed);
            self.valid.store(epoch, Ordering::Relaxed);
            self.stamped(freshness, |_| 0);
        });
    }

    /// Lets every reader find that the owner is gone, while its entries are still to be taken out. Gives whether the list was
    /// asked before.
    pub fn hide(&self, freshness: u64) -> bool {
        self.write(|| {
            self.identity.store(0, Ordering::Relaxed);
            self.stamped(freshness, |shape| shape)
        })
    }

    /// Ends the list. Gives the bytes of runs that were freed.
    pub fn close(&self) -> usize {
        self.write(|| {
            self.identity.store(0, Ordering::Relaxed);
            self.reshape(|_| UNASKED);
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

    /// Whether the list is of a data source, or of none, and its entries lie in its own block and are all that are listed of
    /// the owner.
    #[inline(always)]
    pub fn is_short(&self, of_source: bool) -> bool {
        let identity = self.identity.load(Ordering::Relaxed);
        ((identity >> 32) as u32 == DATA_SOURCE) == of_source && self.shape() & (LONG | PARTED) == 0
    }

    /// How many entries there are, gaps included.
    pub fn used(&self) -> usize {
        (self.shape() & USED) as usize
    }

    /// The entry at a position; 0 is a gap.
    pub fn id_at(&self, position: usize) -> u64 {
        self.ids(self.shape()).get(position).map_or(0, |id| id.load(Ordering::Relaxed))
    }

    /// The list's stamp, and the freshness of now.
    pub fn stamp(&self, registry_word: u64) -> Stamp {
        Stamp {
            stamp: self.stamp.load(Ordering::Relaxed),
            owner: self.freshness.load(Ordering::Relaxed),
            registry: registry_word,
        }
    }

    /// The list's stamp, which is higher than the owner's word where a clear has emptied the list since that was raised.
    #[inline(always)]
    pub fn last_stamp(&self) -> u64 {
        self.stamp.load(Ordering::Relaxed)
    }

    /// Empties the list of what it held before a clear: for those who ask, it is as empty as it was before. Gives the bytes of
    /// runs that were freed.
    pub fn reset(&self, epoch: u64, cleared: u64) -> usize {
        self.write(|| {
            self.stamp.store(self.emptied(self.valid.load(Ordering::Relaxed), cleared), Ordering::Relaxed);
            self.valid.store(epoch, Ordering::Relaxed);
            self.reshape(|_| UNASKED);
        });
        self.free_runs()
    }

    /// Takes the list over into another epoch, as it is.
    pub fn take_over(&self, epoch: u64) {
        self.write(|| self.valid.store(epoch, Ordering::Relaxed));
    }

    /// Takes the list over into another epoch, without what it held. Gives whether the list was asked before, and the bytes of
    /// runs that were freed.
    pub fn take_over_emptied(&self, epoch: u64, freshness: u64) -> (bool, usize) {
        let was_asked = self.write(|| {
            self.valid.store(epoch, Ordering::Relaxed);
            self.stamped(freshness, |shape| shape & PARTED)
        });
        (was_asked, self.free_runs())
    }

    /// Takes a list that was changed over into another epoch, with the entries that `keep` says alone, and tells each moved
    /// one its new position.
    pub fn take_over_some(&self, epoch: u64, keep: impl Fn(u64) -> bool, moved: impl FnMut(u64, usize)) {
        self.write(|| {
            self.compact(keep, moved);
            self.valid.store(epoch, Ordering::Relaxed);
        });
    }

    /// The position of the entry with this name.
    #[inline(always)]
    pub fn position(&self, atom: u32) -> Option<usize> {
        self.position_of(self.shape(), atom)
    }

    /// The position of a model of this name in a list that has few of each name.
    pub fn place_of(&self, id: u64, atom: u32) -> Option<usize> {
        let shape = self.shape();
        if shape & LONG == 0 {
            return self.short_place_of(shape, id);
        }
        self.long_positions_of(atom).find(|position| self.id_at(*position) == id)
    }

    /// The position of a model in the list, which is `noted` if the list is long.
    pub fn place_noted(&self, id: u64, noted: u32) -> Option<usize> {
        let shape = self.shape();
        if shape & LONG == 0 { self.short_place_of(shape, id) } else { Some(noted as usize) }
    }

    fn short_place_of(&self, shape: u64, id: u64) -> Option<usize> {
        self.ids[..((shape & USED) as usize).min(INLINE)].iter().position(|other| other.load(Ordering::Relaxed) == id)
    }

    /// Makes room for one more entry. Gives by how many bytes the runs grew. Where the list becomes a long one, each entry
    /// is told its position.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`; nothing was changed.
    pub fn reserve(&self, mut placed: impl FnMut(u64, usize)) -> Result<usize, Status> {
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
            // A gap is found by no name.
            if atom != 0 {
                index_insert(index.as_slice(), atom, position);
            }
        }
        let old = [&self.long_ids, &self.long_atoms, &self.long_index].map(|word| self.run(word));
        self.write(|| {
            self.long_ids.store(ids.to_word(), Ordering::Relaxed);
            self.long_atoms.store(atoms.to_word(), Ordering::Relaxed);
            self.long_index.store(index.to_word(), Ordering::Relaxed);
            self.reshape(|shape| shape | LONG);
        });
        if shape & LONG == 0 {
            (0..used).for_each(|position| placed(self.id_at(position), position));
        }
        let freed: usize = old.iter().map(|run| run.bytes()).sum();
        old.into_iter().for_each(memory::free);
        Ok(ids.bytes() + atoms.bytes() + index.bytes() - freed)
    }

    /// Appends an entry, for which [`List::reserve`] made room. Gives whether the list was asked before.
    #[inline(always)]
    pub fn push(&self, id: u64, atom: u32, freshness: u64) -> bool {
        let shape = self.shape();
        let position = (shape & USED) as usize;
        if shape & LONG == 0 {
            return self.push_short(position, id, atom, freshness);
        }
        self.write(|| {
            self.put(shape, position, id, atom);
            index_insert(self.run(&self.long_index).as_slice(), atom, position);
            self.stamped(freshness, |shape| shape + 1)
        })
    }

    /// As [`List::push`], to a short list that has so many entries.
    #[inline(always)]
    pub fn push_short(&self, used: usize, id: u64, atom: u32, freshness: u64) -> bool {
        self.write(|| {
            if let (Some(to), Some(name)) = (self.ids.get(used), self.atoms.get(used)) {
                to.store(id, Ordering::Relaxed);
                name.store(atom, Ordering::Relaxed);
            }
            self.stamped(freshness, |shape| shape + 1)
        })
    }

    #[inline(always)]
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

    /// Puts another model of the same name in the place of one. Gives whether the list was asked before.
    #[inline(always)]
    pub fn replace(&self, position: usize, id: u64, freshness: u64) -> bool {
        let shape = self.shape();
        self.write(|| {
            if let Some(slot) = self.ids(shape).get(position) {
                slot.store(id, Ordering::Relaxed);
            }
            self.stamped(freshness, |shape| shape)
        })
    }

    /// Takes an entry out; in a long list its place is a gap until the list is built. Gives whether the list was asked before.
    pub fn remove(&self, position: usize, freshness: u64) -> bool {
        let shape = self.shape();
        let used = (shape & USED) as usize;
        self.write(|| {
            if shape & LONG == 0 {
                (position + 1..used).for_each(|at| self.put(shape, at - 1, self.id_at(at), self.atom_at(shape, at)));
                return self.stamped(freshness, |shape| shape - 1);
            }
            let atom = self.atom_at(shape, position);
            self.put(shape, position, 0, 0);
            index_remove(self.run(&self.long_index).as_slice(), atom, position);
            if position + 1 == used {
                self.stamped(freshness, |shape| shape - 1)
            } else {
                self.stamped(freshness, |shape| shape + GAP_ONE)
            }
        })
    }

    /// Gives the list a new stamp, though it did not change. Gives whether it was asked before.
    pub fn invalidate(&self, freshness: u64) -> bool {
        self.write(|| self.stamped(freshness, |shape| shape))
    }

    /// Notes that the models on the data source are listed apart from now on.
    pub fn part(&self) {
        self.write(|| self.reshape(|shape| shape | PARTED));
    }

    /// Notes the owner's freshness where the list itself did not change.
    pub fn note_freshness(&self, freshness: u64) {
        self.write(|| self.freshness.store(freshness, Ordering::Relaxed));
    }

    /// Builds a list that nobody has asked since it was changed: closes the gaps, and tells each moved entry its new position.
    /// Gives whether there was anything to build.
    pub fn build(&self, moved: impl FnMut(u64, usize)) -> bool {
        if self.shape() & UNASKED == 0 {
            return false;
        }
        self.write(|| {
            self.close_gaps(moved);
            self.reshape(|shape| shape & !UNASKED) & UNASKED != 0
        })
    }

    /// Closes the gaps of a list that has no room left and enough of them, so that it need not grow: a fourth of its
    /// entries, which pays for looking at all of them.
    pub fn tidy(&self, moved: impl FnMut(u64, usize)) {
        let shape = self.shape();
        let used = (shape & USED) as usize;
        let gaps = ((shape & GAPS) / GAP_ONE) as usize;
        if used == self.ids(shape).len() && gaps * 4 >= used {
            self.write(|| self.close_gaps(moved));
        }
    }

    /// Closes the gaps, inside a write. Where there are none, nothing is looked at.
    fn close_gaps(&self, moved: impl FnMut(u64, usize)) {
        if self.shape() & GAPS != 0 {
            self.compact(|_| true, moved);
        }
    }

    /// Keeps the entries that `keep` says alone, one after the other, inside a write.
    fn compact(&self, keep: impl Fn(u64) -> bool, mut moved: impl FnMut(u64, usize)) {
        let shape = self.shape();
        let used = (shape & USED) as usize;
        let mut kept = 0;
        for position in 0..used {
            let id = self.id_at(position);
            if id == 0 || !keep(id) {
                continue;
            }
            if kept != position {
                self.put(shape, kept, id, self.atom_at(shape, position));
                moved(id, kept);
            }
            kept += 1;
        }
        let index = self.run(&self.long_index);
        index.as_slice().iter().for_each(|word| word.store(0, Ordering::Relaxed));
        for position in 0..kept {
            index_insert(index.as_slice(), self.atom_at(shape, position), position);
        }
        self.reshape(|shape| (shape & !(USED | GAPS)) | kept as u64);
    }
}

/// Whether a list has to be built, or what the models of a long one of an app live in has to be looked at.
#[inline(always)]
fn takes_lock(shape: u64, kind: u32) -> bool {
    shape & GAPS != 0 || (shape & UNASKED != 0 && shape & LONG != 0 && kind != DATA_SOURCE)
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

#[path = "list/ahead.rs"]
mod ahead;
#[cfg(all(test, not(loom)))]
#[path = "list/tests.rs"]
mod tests;
