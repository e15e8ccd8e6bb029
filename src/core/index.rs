//! Which model is the newest of a name or of a structure: in each partition, and in the first partition that has one.
//!
//! Written under the registry's lock, read by anyone without it, inside [`Changes`]. A hash table with open addressing has
//! one entry for each pair of a key (the atom of a name, or a structure with its strictness) and a partition. The entry of
//! the first partition that has the key, in the order in which partitions came to be, stands under the key alone, so that
//! a search through all partitions looks at one place; the sequence numbers of the others are kept as bits in a tree of
//! the writers'. An entry is 31 bits of the hash and the model's index; what it is the entry of stands with the model
//! ([`ModelKey`]). Entries are ordered by their hash, so that the table grows, and closes the gap of one that was taken
//! out, without looking at the models.

use std::collections::{HashMap, hash_map};

use crate::error::Status;

use super::atomics::{AtomicU32, AtomicU64, Ordering, fence};
use super::memory::{self, Atomics, Table, Words};
use super::state::NONE;

/// What a search looks at of a model. The slot stays when the model goes, and with it how often it was used.
#[repr(C, align(8))]
pub(crate) struct ModelKey {
    /// The atom of the name.
    pub name: AtomicU32,
    /// The number of the structure and, in the lowest bit, whether the model is strict; 0 for a model without a structure.
    pub structure: AtomicU32,
    pub partition: AtomicU32,
    /// Bits of the host's own, by which a search passes the model over.
    pub marks: AtomicU32,
    /// How often the slot was used.
    pub uses: AtomicU32,
    /// Place in the list of the owner.
    pub position: AtomicU32,
}

// SAFETY: every field is an atomic integer.
unsafe impl Atomics for ModelKey {}

/// A version word over all that searches read: odd while a change is under way.
#[derive(Default)]
pub(crate) struct Changes {
    version: AtomicU64,
}

impl Changes {
    /// The version under which a reader may look; `None` while a change is under way.
    #[inline(always)]
    pub fn read(&self) -> Option<u64> {
        let version = self.version.load(Ordering::Acquire);
        (version & 1 == 0).then_some(version)
    }

    /// Whether all that was read since then is of one moment.
    #[inline(always)]
    pub fn unchanged(&self, version: u64) -> bool {
        fence(Ordering::Acquire);
        self.version.load(Ordering::Relaxed) == version
    }

    /// Begins a change, under the registry's lock; gives whether it did, and none was under way.
    pub fn begin(&self) -> bool {
        let version = self.version.load(Ordering::Relaxed);
        if version & 1 != 0 {
            return false;
        }
        self.version.store(version + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        true
    }

    /// Ends the change.
    pub fn end(&self) {
        let version = self.version.load(Ordering::Relaxed);
        if version & 1 != 0 {
            self.version.store(version + 1, Ordering::Release);
        }
    }
}

/// What models are indexed by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Name,
    Structure,
}

/// The part of an index that anyone may read.
pub(crate) struct Index {
    by: By,
    run: AtomicU64,
    /// Random: hosts choose which names come to which partitions.
    key: [u64; 2],
}

/// The part of an index that belongs to the holder of the registry's lock.
#[derive(Default)]
pub(crate) struct IndexCounts {
    entries: usize,
    /// How many more entries there is room for at the least, so that not every change has to look.
    room: usize,
    others: Others,
}

/// The partitions, but for the first one, that have a key: a tree with 64 branches at each fork, whose words stand in a hash
/// table for each level. On the lowest level each bit is a sequence number, above it each is a word below that is not 0.
struct Others {
    levels: [HashMap<u64, u64, ahash::RandomState>; LEVELS as usize],
}

impl Default for Others {
    fn default() -> Self {
        Others { levels: std::array::from_fn(|_| HashMap::with_hasher(super::names::KEYS.clone())) }
    }
}

/// What a clear left of an index; to be taken back in steps.
pub(crate) struct OldIndex {
    run: Words,
    given_back: usize,
    others: Others,
}

/// The most partitions that can come to be in a registry.
pub(crate) const MAX_SEQUENCE: u64 = 1 << (6 * LEVELS);
/// Levels of the tree; the highest has one word for each key.
const LEVELS: u32 = 6;

impl Others {
    fn reserve(&mut self, more: usize) -> Result<(), Status> {
        let mut levels = self.levels.iter_mut();
        levels.try_for_each(|words| words.try_reserve(more)).map_err(|_| Status::ERROR_OUT_OF_MEMORY)
    }

    /// How many more keys in partitions there is room for at the least: each takes one place of a level at most.
    fn room(&self) -> usize {
        self.levels.iter().map(|words| words.capacity() - words.len()).min().unwrap_or(0)
    }

    fn insert(&mut self, key: u32, sequence: u64) {
        let mut below = sequence;
        for words in &mut self.levels {
            let bits = words.entry(Self::place(key, below >> 6)).or_default();
            let known = *bits != 0;
            *bits |= 1 << (below & 63);
            if known {
                break;
            }
            below >>= 6;
        }
    }

    fn remove(&mut self, key: u32, sequence: u64) {
        let mut below = sequence;
        for words in &mut self.levels {
            let hash_map::Entry::Occupied(mut entry) = words.entry(Self::place(key, below >> 6)) else { break };
            *entry.get_mut() &= !(1 << (below & 63));
            if *entry.get() != 0 {
                break;
            }
            entry.remove();
            below >>= 6;
        }
    }

    fn place(key: u32, above: u64) -> u64 {
        u64::from(key) << 32 | above
    }

    /// The lowest sequence number of a key that is not lower than this one.
    fn next(&self, key: u32, sequence: u64) -> Option<u64> {
        let (mut level, mut from) = (0, sequence);
        // Up to the first word that has a higher bit, and down again by the lowest bits.
        loop {
            if level == LEVELS || from >> (6 * (LEVELS - level)) != 0 {
                return None;
            }
            let word = self.word(key, from >> 6, level) & u64::MAX << (from & 63);
            if word != 0 {
                from = (from >> 6) << 6 | u64::from(word.trailing_zeros());
                break;
            }
            (level, from) = (level + 1, (from >> 6) + 1);
        }
        while level > 0 {
            level -= 1;
            from = from << 6 | u64::from(self.word(key, from, level).trailing_zeros());
        }
        Some(from)
    }

    fn bytes(&self) -> usize {
        self.levels.iter().map(HashMap::len).sum::<usize>() * size_of::<(u64, u64)>()
    }

    fn word(&self, key: u32, above: u64, level: u32) -> u64 {
        self.levels[level as usize].get(&Self::place(key, above)).copied().unwrap_or(0)
    }

    /// The sequence numbers of a key, the lowest first.
    fn all(&self, key: u32) -> impl Iterator<Item = u64> + '_ {
        std::iter::successors(self.next(key, 0), move |sequence| self.next(key, sequence + 1))
    }
}

/// An entry's lower half is the model's index and one, so that no entry is 0.
const EMPTY: u64 = 0;
/// Set in the entry that stands under a key alone.
const FIRST: u64 = 1 << 32;
const HASH_SHIFT: u32 = 33;
/// How full a table may be: four fifths.
const FULL: (usize, usize) = (4, 5);
/// For how many more entries room is made at the least.
const FEW: usize = 6;

/// What an entry is looked for by.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    key: u32,
    /// `NONE` for the entry of the first partition.
    partition: u32,
    /// The upper half of its entry.
    upper: u64,
}

impl Wanted {
    fn entry(self, model: u32) -> u64 {
        self.upper | (u64::from(model) + 1)
    }
}

/// Where the entry with these upper bits begins to look in a table of so many places.
#[inline(always)]
fn home(entry: u64, places: usize) -> usize {
    (entry >> (64 - places.trailing_zeros())) as usize
}

/// The places where an entry may stand, in the order in which they are looked at; each once.
#[inline(always)]
fn probe(entry: u64, places: usize) -> impl Iterator<Item = usize> {
    let first = home(entry, places);
    (first..first + places).map(move |at| at & (places - 1))
}

/// Where the entries of a key are looked for.
#[derive(Clone, Copy)]
pub(crate) struct Spots {
    places: &'static [AtomicU64],
    alone: Wanted,
    here: Wanted,
}

impl Spots {
    /// Asks for the memory of both.
    #[inline(always)]
    pub fn prefetch(self) {
        prefetch_home(self.places, self.alone);
        prefetch_home(self.places, self.here);
    }
}

#[inline(always)]
fn prefetch_home(places: &[AtomicU64], wanted: Wanted) {
    if let Some(place) = places.get(home(wanted.upper, places.len().max(2))) {
        memory::prefetch(place);
    }
}

/// A model as the newest of its key in its partition.
#[derive(Clone, Copy)]
pub(crate) struct Newest {
    pub key: u32,
    pub partition: u32,
    pub model: u32,
}

impl Index {
    pub fn new(by: By) -> Self {
        let random = super::handle::random_word;
        Index { by, run: AtomicU64::new(0), key: [random(), random() | 1] }
    }

    fn run(&self) -> Words {
        // SAFETY: the word is only ever stored from `Words::to_word`, or is the zero it began with.
        unsafe { Words::from_word(self.run.load(Ordering::Acquire)) }
    }

    #[inline(always)]
    fn wanted(&self, key: u32, partition: u32) -> Wanted {
        // A folded multiplication under a key that nobody knows; the second one carries what it says to the upper bits, which
        // are those that the table looks at.
        let pair = (u64::from(key) << 32 | u64::from(partition)) ^ self.key[0];
        let product = u128::from(pair) * u128::from(self.key[1]);
        let folded = (product >> 64) as u64 ^ product as u64;
        let hash = folded.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let upper = hash >> HASH_SHIFT << HASH_SHIFT | if partition == NONE { FIRST } else { 0 };
        Wanted { key, partition, upper }
    }

    #[inline(always)]
    fn is(&self, model: &ModelKey, wanted: Wanted) -> bool {
        let key = match self.by {
            By::Name => &model.name,
            By::Structure => &model.structure,
        };
        key.load(Ordering::Relaxed) == wanted.key
            && (wanted.partition == NONE || model.partition.load(Ordering::Relaxed) == wanted.partition)
    }

    /// The place of an entry and its model, or the place where it would be put.
    #[inline(always)]
    fn look<'a>(
        &self,
        keys: &'a Table<ModelKey>,
        places: &[AtomicU64],
        wanted: Wanted,
    ) -> Result<(usize, u32, &'a ModelKey), Option<usize>> {
        if places.is_empty() {
            return Err(None);
        }
        for at in probe(wanted.upper, places.len()) {
            let entry = places[at].load(Ordering::Relaxed);
            if entry == EMPTY {
                return Err(Some(at));
            }
            let model = (entry as u32).wrapping_sub(1);
            if (entry ^ wanted.upper) >> 32 == 0
                && let Some(key) = keys.get(model)
                && self.is(key, wanted)
            {
                return Ok((at, model, key));
            }
        }
        Err(None)
    }

    #[inline(always)]
    fn find(&self, keys: &Table<ModelKey>, places: &[AtomicU64], wanted: Wanted) -> Option<(usize, u32)> {
        self.look(keys, places, wanted).ok().map(|(at, model, _)| (at, model))
    }

    /// Asks for the memory of the place where a key's entry in a partition is, or would be.
    #[inline(always)]
    pub fn prefetch(&self, key: u32, partition: u32) {
        prefetch_home(self.run().as_slice(), self.wanted(key, partition));
    }

    /// Where a key's entries stand, until there has to be room for more: the one of the first partition, and the one of this
    /// partition.
    #[inline(always)]
    pub fn spots(&self, key: u32, partition: u32) -> Spots {
        Spots { places: self.run().as_slice(), alone: self.wanted(key, NONE), here: self.wanted(key, partition) }
    }

    /// The newest model of a key in the first partition that has one.
    #[inline(always)]
    pub fn first(&self, keys: &Table<ModelKey>, key: u32) -> Option<u32> {
        self.find(keys, self.run().as_slice(), self.wanted(key, NONE)).map(|(_, model)| model)
    }

    /// The newest model of a key in a partition.
    #[inline(always)]
    pub fn newest(&self, keys: &Table<ModelKey>, key: u32, partition: u32) -> Option<u32> {
        self.newest_in(keys, key, partition, partition)
    }

    /// The newest model of a key in `shared`, which is the first of all partitions, else in another one.
    #[inline(always)]
    pub fn newest_in(&self, keys: &Table<ModelKey>, key: u32, shared: u32, partition: u32) -> Option<u32> {
        let run = self.run();
        let (_, first) = self.find(keys, run.as_slice(), self.wanted(key, NONE))?;
        let first_in = keys.get(first)?.partition.load(Ordering::Relaxed);
        if first_in == shared || first_in == partition {
            return Some(first);
        }
        self.find(keys, run.as_slice(), self.wanted(key, partition)).map(|(_, model)| model)
    }
}

/// What only the holder of the registry's lock may do, and what readers see inside [`Changes`] alone.
impl Index {
    /// Makes sure that there is room for so many more entries.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`; nothing was changed.
    #[inline(always)]
    pub fn reserve(&self, counts: &mut IndexCounts, changes: &Changes, more: usize) -> Result<(), Status> {
        if counts.room >= more { Ok(()) } else { self.make_room(counts, changes, more) }
    }

    #[cold]
    fn make_room(&self, counts: &mut IndexCounts, changes: &Changes, more: usize) -> Result<(), Status> {
        // A few at once: small tables have room for few more, and would have to be asked at every change.
        counts.others.reserve(more.max(FEW))?;
        let needed = counts.entries + more;
        if needed * FULL.1 > self.run().len() * FULL.0 {
            self.rebuild(changes, needed)?;
        }
        counts.room = (self.run().len() * FULL.0 / FULL.1 - counts.entries).min(counts.others.room());
        Ok(())
    }

    /// Moves the entries into a table for so many.
    fn rebuild(&self, changes: &Changes, entries: usize) -> Result<(), Status> {
        let (old, new) = (self.run(), memory::allocate(entries * FULL.1 / FULL.0 + 1)?);
        for entry in old.as_slice() {
            let entry = entry.load(Ordering::Relaxed);
            if entry != EMPTY {
                place(new.as_slice(), entry);
            }
        }
        let begun = changes.begin();
        self.run.store(new.to_word(), Ordering::Release);
        if begun {
            changes.end();
        }
        memory::free(old);
        Ok(())
    }

    /// Gives back what the table has room for without need.
    pub fn shrink(&self, counts: &mut IndexCounts, changes: &Changes) {
        counts.others.levels.iter_mut().for_each(HashMap::shrink_to_fit);
        counts.room = 0;
        let old = self.run();
        if counts.entries == 0 {
            let begun = changes.begin();
            self.run.store(Words::NONE.to_word(), Ordering::Release);
            if begun {
                changes.end();
            }
            memory::free(old);
        } else if counts.entries * 8 <= old.len() {
            // Without memory for a smaller one the table stays as it is.
            let _ = self.rebuild(changes, counts.entries);
        }
    }

    /// The bytes of the table.
    pub fn bytes(&self, counts: &IndexCounts) -> usize {
        self.run().bytes() + counts.others.bytes()
    }

    /// Makes a model the newest of its key in its partition, which has this sequence number, where [`Index::reserve`] made room.
    /// Gives the one that was.
    #[inline(always)]
    pub fn put(
        &self,
        counts: &mut IndexCounts,
        keys: &Table<ModelKey>,
        Newest { key, partition, model }: Newest,
        Spots { places, alone, here }: Spots,
        sequence: u64,
        sequence_of: impl Fn(u32) -> u64,
    ) -> Option<u32> {
        let (at, first, before) = match self.look(keys, places, alone) {
            Ok(found) => found,
            Err(free) => {
                counts.insert(places, free, alone.entry(model));
                return None;
            }
        };
        let before = before.partition.load(Ordering::Relaxed);
        if before == partition {
            places[at].store(alone.entry(model), Ordering::Relaxed);
            return Some(first);
        }
        let free = match self.look(keys, places, here) {
            Ok((at, newest, _)) => {
                places[at].store(here.entry(model), Ordering::Relaxed);
                return Some(newest);
            }
            Err(free) => free,
        };
        let sequence_before = sequence_of(before);
        if sequence < sequence_before {
            places[at].store(alone.entry(model), Ordering::Relaxed);
            counts.insert(places, None, self.wanted(key, before).entry(first));
            counts.others.insert(key, sequence_before);
        } else {
            counts.insert(places, free, here.entry(model));
            counts.others.insert(key, sequence);
        }
        None
    }

    /// Takes out the newest model of a key in a partition; `older` is then the newest one, if there is one.
    pub fn take(
        &self,
        counts: &mut IndexCounts,
        keys: &Table<ModelKey>,
        Newest { key, partition, model }: Newest,
        older: Option<u32>,
        sequence: u64,
        partition_of: impl Fn(u64) -> Option<u32>,
    ) {
        let run = self.run();
        let places = run.as_slice();
        let alone = self.wanted(key, NONE);
        let Some((at, first)) = self.find(keys, places, alone) else { return };
        if first != model {
            let here = self.wanted(key, partition);
            let Some((at, newest)) = self.find(keys, places, here) else { return };
            if newest != model {
                return;
            }
            match older {
                Some(older) => places[at].store(here.entry(older), Ordering::Relaxed),
                None => {
                    remove(places, at);
                    counts.entries -= 1;
                    counts.others.remove(key, sequence);
                }
            }
            return;
        }
        if let Some(older) = older {
            places[at].store(alone.entry(older), Ordering::Relaxed);
            return;
        }
        let next = counts.others.next(key, 0);
        let heir = next.and_then(|sequence| {
            let there = self.wanted(key, partition_of(sequence)?);
            self.find(keys, places, there)
        });
        match (next, heir) {
            (Some(sequence), Some((from, heir))) => {
                counts.others.remove(key, sequence);
                places[at].store(alone.entry(heir), Ordering::Relaxed);
                remove(places, from);
            }
            _ => remove(places, at),
        }
        counts.entries -= 1;
    }

    /// The newest model of a key in each partition that has one, in the order in which these came to be.
    pub fn all<'a>(
        &'a self,
        counts: &'a IndexCounts,
        keys: &'a Table<ModelKey>,
        key: u32,
        partition_of: impl Fn(u64) -> Option<u32> + 'a,
    ) -> impl Iterator<Item = u32> + 'a {
        let places = self.run().as_slice();
        let others = counts.others.all(key).filter_map(move |sequence| {
            self.find(keys, places, self.wanted(key, partition_of(sequence)?)).map(|(_, model)| model)
        });
        self.first(keys, key).into_iter().chain(others)
    }

    /// Forgets every entry, whatever their number; what is left is to be taken back.
    pub fn clear(&self, counts: &mut IndexCounts) -> OldIndex {
        let run = self.run();
        self.run.store(Words::NONE.to_word(), Ordering::Release);
        let IndexCounts { others, .. } = std::mem::take(counts);
        OldIndex { run, given_back: 0, others }
    }
}

impl IndexCounts {
    /// Puts an entry into a place that is free, if that is known.
    #[inline(always)]
    fn insert(&mut self, places: &[AtomicU64], free: Option<usize>, entry: u64) {
        match free.and_then(|at| places.get(at)) {
            Some(place) => place.store(entry, Ordering::Relaxed),
            None => place(places, entry),
        }
        self.entries += 1;
        self.room = self.room.saturating_sub(1);
    }
}

impl OldIndex {
    /// How many places its table has.
    pub fn places(&self) -> usize {
        self.run.len()
    }

    /// Takes back a part of so many entries, and takes those off `steps`; gives whether there is nothing left.
    pub fn reclaim(&mut self, steps: &mut usize) -> bool {
        let to = self.given_back.saturating_add(*steps).min(self.run.len());
        *steps -= to - self.given_back;
        memory::give_back_part(self.run, self.given_back, to);
        self.given_back = to;
        if to < self.run.len() {
            return false;
        }
        memory::free_given_back(std::mem::replace(&mut self.run, Words::NONE));
        self.others = Others::default();
        true
    }

    pub fn bytes(&self) -> usize {
        self.run.bytes() + self.others.bytes()
    }
}

/// Puts an entry into the first free place.
#[cold]
fn place(places: &[AtomicU64], entry: u64) {
    let free = probe(entry, places.len()).find(|at| places[*at].load(Ordering::Relaxed) == EMPTY);
    if let Some(at) = free {
        places[at].store(entry, Ordering::Relaxed);
    }
}

/// Takes an entry out, and moves those behind it that would not be found any more (Knuth, TAOCP 3, 6.4, algorithm R).
fn remove(places: &[AtomicU64], at: usize) {
    let mask = places.len() - 1;
    let (mut gap, mut next) = (at, at);
    for _ in 0..places.len() {
        next = (next + 1) & mask;
        let entry = places[next].load(Ordering::Relaxed);
        if entry == EMPTY {
            break;
        }
        let from_home = next.wrapping_sub(home(entry, places.len())) & mask;
        if from_home >= next.wrapping_sub(gap) & mask {
            places[gap].store(entry, Ordering::Relaxed);
            gap = next;
        }
    }
    places[gap].store(EMPTY, Ordering::Relaxed);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// An index with the models that it is of, and the same told by maps.
    struct Both {
        index: Index,
        counts: IndexCounts,
        changes: Changes,
        keys: Table<ModelKey>,
        old: Vec<OldIndex>,
        random: u64,
        /// The models of each key in each partition, by the partition's sequence number, the newest last.
        models: BTreeMap<(u32, u64), Vec<u32>>,
        /// The partitions' sequence numbers, by their indices.
        sequences: Vec<u64>,
        next_sequence: u64,
        free: Vec<u32>,
    }

    const KEYS: u32 = 7;

    impl Both {
        fn new(by: By, seed: u64, partitions: u32, models: u32) -> Both {
            let keys = Table::new();
            assert!((0..models).all(|model| keys.reserve(model).is_ok()));
            Both {
                index: Index::new(by),
                counts: IndexCounts::default(),
                changes: Changes::default(),
                keys,
                old: Vec::new(),
                random: seed,
                models: BTreeMap::new(),
                // Those with higher indices came to be earlier.
                sequences: (0..u64::from(partitions)).map(|at| (u64::from(partitions) - at) * 40).collect(),
                next_sequence: u64::from(partitions) * 40,
                free: (0..models).collect(),
            }
        }

        /// A number below a bound (xorshift, Marsaglia 2003).
        fn below(&mut self, bound: usize) -> usize {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            (self.random % bound as u64) as usize
        }

        fn put(&mut self) {
            let Some(model) = self.free.pop() else { return };
            let (key, partition) = (self.below(KEYS as usize) as u32 + 1, self.below(self.sequences.len()) as u32);
            let sequence = self.sequences[partition as usize];
            self.index.reserve(&mut self.counts, &self.changes, 1).expect("there is memory");
            assert!(self.changes.begin());
            let slot = self.keys.get(model).expect("reserved");
            let of = if self.index.by == By::Name { &slot.name } else { &slot.structure };
            of.store(key, Ordering::Relaxed);
            slot.partition.store(partition, Ordering::Relaxed);
            let sequences = &self.sequences;
            let newest = Newest { key, partition, model };
            let sequence_of = |partition: u32| sequences[partition as usize];
            let spots = self.index.spots(key, partition);
            let before = self.index.put(&mut self.counts, &self.keys, newest, spots, sequence, sequence_of);
            self.changes.end();
            let known = self.models.entry((key, sequence)).or_default();
            assert_eq!(before, known.last().copied());
            known.push(model);
        }

        /// Takes out some model of some key in some partition, as a registry does: the index hears of the newest one alone.
        fn take(&mut self, key: u32, sequence: u64, at: usize) {
            let Some(known) = self.models.get_mut(&(key, sequence)) else { return };
            let (model, is_newest) = (known.remove(at), at == known.len());
            let older = known.last().copied();
            if older.is_none() {
                self.models.remove(&(key, sequence));
            }
            self.free.insert(0, model);
            if is_newest {
                let sequences = &self.sequences;
                let partition_of = |sequence| sequences.iter().position(|other| *other == sequence).map(|at| at as u32);
                let partition = partition_of(sequence).expect("it is there");
                assert!(self.changes.begin());
                let newest = Newest { key, partition, model };
                self.index.take(&mut self.counts, &self.keys, newest, older, sequence, partition_of);
                self.changes.end();
            }
        }

        fn take_any(&mut self) {
            if self.models.is_empty() {
                return;
            }
            let nth = self.below(self.models.len());
            let Some((&(key, sequence), known)) = self.models.iter().nth(nth) else { return };
            let count = known.len();
            let at = self.below(count);
            self.take(key, sequence, at);
        }

        /// Takes everything out of a partition, the oldest first, whose index another one then has.
        fn drop_partition(&mut self) {
            let partition = self.below(self.sequences.len());
            let sequence = self.sequences[partition];
            for key in 1..=KEYS {
                while self.models.contains_key(&(key, sequence)) {
                    self.take(key, sequence, 0);
                }
            }
            self.next_sequence += 1 + self.below(100) as u64;
            self.sequences[partition] = self.next_sequence;
        }

        fn clear(&mut self) {
            assert!(self.changes.begin());
            self.old.push(self.index.clear(&mut self.counts));
            self.changes.end();
            self.free.extend(std::mem::take(&mut self.models).into_values().flatten());
        }

        fn reclaim(&mut self) {
            let mut steps = self.below(40);
            while let Some(old) = self.old.last_mut() {
                let (before, had) = (old.bytes(), steps);
                let all = old.reclaim(&mut steps);
                assert!(all || (steps == 0 && old.bytes() <= before), "{had} steps");
                if !all {
                    return;
                }
                self.old.pop();
            }
        }

        fn check(&self) {
            let newest = |key: u32| {
                let of_key = self.models.range((key, 0)..=(key, u64::MAX));
                of_key.filter_map(|(_, known)| known.last().copied()).collect::<Vec<u32>>()
            };
            for key in 0..=KEYS + 1 {
                let expected = newest(key);
                assert_eq!(self.index.first(&self.keys, key), expected.first().copied());
                let partition_of =
                    |sequence| self.sequences.iter().position(|other| *other == sequence).map(|at| at as u32);
                let all: Vec<u32> = self.index.all(&self.counts, &self.keys, key, partition_of).collect();
                assert_eq!(all, expected);
                for (partition, sequence) in (0..).zip(&self.sequences) {
                    let known = self.models.get(&(key, *sequence)).and_then(|known| known.last().copied());
                    assert_eq!(self.index.newest(&self.keys, key, partition), known);
                }
            }
            let places = self.index.run().as_slice();
            let filled = places.iter().filter(|place| place.load(Ordering::Relaxed) != EMPTY).count();
            assert_eq!(
                (filled, filled),
                (self.models.len(), self.counts.entries),
                "one entry for each key and partition"
            );
            let others: u32 = self.counts.others.levels[0].values().map(|bits| bits.count_ones()).sum();
            let keys = (1..=KEYS).filter(|key| !newest(*key).is_empty()).count();
            assert_eq!(others as usize, self.models.len() - keys, "all but the first");
        }
    }

    #[test]
    fn the_index_tells_the_same_as_a_map() {
        let (seeds, steps) = if cfg!(miri) { (1_u64, 25) } else { (24, 2_000) };
        for seed in 1..=seeds {
            let by = if seed % 2 == 0 { By::Name } else { By::Structure };
            // From few models in a table of eight places, where nearly all collide, to many.
            let (partitions, models) = [(3, 6), (5, 30), (40, 300)][seed as usize % 3];
            let mut both = Both::new(by, seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), partitions, models);
            for _ in 0..steps {
                match both.below(100) {
                    0..50 => both.put(),
                    50..90 => both.take_any(),
                    90..94 => both.drop_partition(),
                    94 => both.clear(),
                    95 => both.index.shrink(&mut both.counts, &both.changes),
                    _ => both.reclaim(),
                }
                both.check();
            }
            while !both.models.is_empty() {
                both.take_any();
            }
            both.index.shrink(&mut both.counts, &both.changes);
            while !both.old.is_empty() {
                both.reclaim();
            }
            assert_eq!(both.index.bytes(&both.counts), 0);
        }
    }

    /// Two models of two names are the newest of theirs by turns with another of the same name: who reads inside a version
    /// finds one of each name, whatever becomes of the table and of the memory it was in.
    #[test]
    fn who_reads_inside_one_version_sees_one_moment() {
        static KEYS: Table<ModelKey> = Table::new();
        let changes = Changes::default();
        let index = Index::new(By::Name);
        let mut counts = IndexCounts::default();
        let name_of = |model: u32| model / 2 + 1;
        for model in 0..4 {
            let key = KEYS.reserve(model).expect("there is memory");
            key.name.store(name_of(model), Ordering::Relaxed);
            key.partition.store(0, Ordering::Relaxed);
        }
        let rounds = if cfg!(miri) { 30 } else { 20_000 };
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut seen = 0_u32;
                while !done.load(Ordering::Relaxed) {
                    let Some(version) = changes.read() else { continue };
                    let found = [1, 2].map(|name| index.first(&KEYS, name));
                    if changes.unchanged(version) {
                        assert!(
                            matches!(found, [None, None] | [Some(0), Some(2)] | [Some(1), Some(3)]),
                            "{found:?} is of no one moment"
                        );
                        seen += 1;
                    }
                }
                seen
            });
            for round in 0..rounds {
                // Memory that goes round between the table and others that write what they like to it.
                let other = memory::allocate(8).expect("there is memory");
                other.as_slice().iter().for_each(|word| word.store(u64::MAX, Ordering::Relaxed));
                index.reserve(&mut counts, &changes, 2 + round % 3 * 8).expect("there is memory");
                assert!(changes.begin());
                for model in [round % 2, round % 2 + 2] {
                    let model = model as u32;
                    let key = name_of(model);
                    index.put(&mut counts, &KEYS, Newest { key, partition: 0, model }, index.spots(key, 0), 0, |_| 0);
                }
                changes.end();
                memory::free(other);
                match round % 4 {
                    1 => index.shrink(&mut counts, &changes),
                    3 => {
                        assert!(changes.begin());
                        let mut old = index.clear(&mut counts);
                        changes.end();
                        assert!(old.reclaim(&mut 1_000));
                    }
                    _ => {}
                }
            }
            done.store(true, Ordering::Relaxed);
            assert!(reader.join().expect("a reader") > 0 || cfg!(miri));
        });
        index.shrink(&mut IndexCounts::default(), &changes);
    }
}
