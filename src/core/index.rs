//! Which model is the newest of a name or of a structure: in each partition, and in the first partition that has one.
//!
//! Written under the registry's lock, read by anyone without it, inside [`Changes`]. Two hash tables with open addressing have
//! together one entry for each pair of a key (the atom of a name, or a structure with its strictness) and a partition. That of
//! the first partition that has the key, in the order in which partitions came to be, stands in a table of its own under
//! the key alone, so that a search through all partitions looks at one place; the sequence numbers of the others are kept
//! as bits in a tree of the writers'. An entry is 32 bits of the hash and the model's index; what it is the entry of stands
//! with the model ([`ModelKey`]). Entries are ordered by their hash (Amble and Knuth, "Ordered hash tables", 1974): a search for
//! what is not there ends where it would stand, and a table grows, and closes the gap of one that was taken out, without
//! looking at the models.

use crate::error::Status;

use super::atomics::{AtomicU32, AtomicU64, Ordering, fence};
use super::memory::{self, Atomics, Table, Words};
use super::state::NONE;

use known::KnownFirsts;
pub(crate) use others::MAX_SEQUENCE;
use others::{Others, TreeWords, bytes_of, no_words};

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
    /// Place in the list of models on the data source, where that is kept apart.
    pub position_on: AtomicU32,
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
    /// Each key in the first partition that has it.
    firsts: Entries,
    /// Each key in the other partitions that have it.
    rest: Entries,
    /// Random: hosts choose which names come to which partitions.
    key: [u64; 2],
}

/// The part of an index that belongs to the holder of the registry's lock.
#[derive(Default)]
pub(crate) struct IndexCounts {
    firsts: usize,
    rest: usize,
    /// How many more entries both tables have room for at the least, so that not every change has to look.
    room: usize,
    /// The places of both tables; none where `room` is 0.
    tables: Tables,
    /// Which lowest bits, as bits, the keys have had since all were forgotten.
    lowest_bits: u32,
    known: KnownFirsts,
    others: Others,
}

/// The places of the first partitions' entries, and of the others.
#[derive(Clone, Copy, Default)]
struct Tables {
    firsts: &'static [AtomicU64],
    rest: &'static [AtomicU64],
}

impl IndexCounts {
    /// Whether there is room for so many more entries.
    #[inline(always)]
    pub fn has_room(&self, more: usize) -> bool {
        self.room >= more && self.others.has_room(more)
    }

    /// Counts one more entry behind the first one of its key.
    #[inline(always)]
    fn add_behind(&mut self, key: u32, sequence: u64) {
        self.others.insert(key, sequence);
        self.rest += 1;
        self.room = self.room.saturating_sub(1);
    }

    /// Whether there may be a key with the lowest bit of this one.
    #[inline(always)]
    pub fn may_have_alike(&self, key: u32) -> bool {
        self.lowest_bits >> (key & 1) & 1 != 0
    }
}

/// What a clear left of an index; to be taken back in steps.
pub(crate) struct OldIndex {
    tables: [Run; 2],
    /// How many places of the first of them that is left.
    given_back: usize,
    others: TreeWords,
}

/// An entry's lower half is the model's index and one, so that no entry is 0.
const EMPTY: u64 = 0;
/// How full a table may be: four fifths.
const FULL: (usize, usize) = (4, 5);
/// A small table is made with so many places for each entry: nearly each then stands where it is looked for, and a search that always
/// ends at its first step is one that the machine foretells.
const ROOMY: usize = 16;
/// So many it has at the least until it is made anew.
const LEAST_ROOMY: usize = 4;
/// As many places a table has without need, but no more; those that have as many are filled as large ones are.
pub(crate) const MOST_ROOMY: usize = 1 << 12;

/// How many places a hash table is given that is made for so many entries, where that is a small one.
pub(crate) fn roomy(entries: usize) -> usize {
    (entries * ROOMY).min(MOST_ROOMY)
}

/// Whether a hash table of so many places is too small a one for so many entries, where it could be roomy.
pub(crate) fn is_narrow(places: usize, entries: usize) -> bool {
    places < MOST_ROOMY && places < entries * LEAST_ROOMY
}

/// Set in a run's word where the table is a part of it; no address of a process is so high.
const PART: u64 = 1 << 63;
/// Runs double. Large tables grow by 8/5 and by 5/4 in turn: what a smaller table leaves of its run is never touched, and so takes
/// no memory.
const PARTS: (usize, usize) = (5, 8);
/// From how many words on: 2 MiB. Where less is left, growing twice as often would cost more than it saves.
const LARGE: usize = 1 << 18;
/// For so many keys what was found of them last is kept at hand: as many as an application has models of different names, and as a
/// word has bits.
const AT_HAND: usize = 64;

/// By which place keys are kept at hand: they are numbers that were given out one after the other, or twice those.
#[inline(always)]
fn spread(key: u64) -> u64 {
    (key >> 1) + (key << 5)
}

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

/// A model and what searches look at of it.
pub(crate) type Known<'a> = (u32, &'a ModelKey);

/// The place of an entry, its model and what searches look at of that; or the place where it would be put.
type Looked<'a> = Result<(usize, u32, &'a ModelKey), usize>;

/// The run that a table lies in, and whether the table is a part of it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Run {
    words: Words,
    is_part: bool,
}

impl Run {
    const NONE: Run = Run { words: Words::NONE, is_part: false };

    /// The smallest table of at least so many places, all empty.
    fn allocate(places: usize) -> Result<Run, Status> {
        let length = places.checked_next_power_of_two().ok_or(Status::ERROR_OUT_OF_MEMORY)?;
        let part = length / PARTS.1 * PARTS.0;
        let is_part = length >= LARGE && places <= part;
        Ok(Run { words: memory::allocate_some(length, if is_part { part } else { usize::MAX })?, is_part })
    }

    fn to_word(self) -> u64 {
        self.words.to_word() | if self.is_part { PART } else { 0 }
    }

    #[inline(always)]
    fn places(self) -> &'static [AtomicU64] {
        let all = self.words.as_slice();
        if self.is_part { &all[..all.len() / PARTS.1 * PARTS.0] } else { all }
    }
}

/// Where the entry with these upper bits begins to look in a table of so many places, the higher bits first: what is left to the
/// highest hash is a fraction of them.
#[inline(always)]
fn home(entry: u64, places: usize) -> usize {
    ((order(!entry) * places as u64) >> 32) as usize
}

/// Which entries come first, where both would stand at one place.
#[inline(always)]
fn order(entry: u64) -> u64 {
    entry >> 32
}

/// A hash table, of which anyone may read.
struct Entries {
    /// The table's run, and [`PART`] where the table is the first five eighths of it.
    run: AtomicU64,
}

impl Entries {
    fn new() -> Self {
        Entries { run: AtomicU64::new(Run::NONE.to_word()) }
    }

    #[inline(always)]
    fn run(&self) -> Run {
        let word = self.run.load(Ordering::Acquire);
        // SAFETY: the word is only ever stored from `Run::to_word`, which adds `PART` to that of `Words::to_word`.
        Run { words: unsafe { Words::from_word(word & !PART) }, is_part: word & PART != 0 }
    }

    #[inline(always)]
    fn places(&self) -> &'static [AtomicU64] {
        self.run().places()
    }

    /// How many entries it may have.
    fn limit(&self) -> usize {
        let places = self.places().len();
        if places < MOST_ROOMY { places / LEAST_ROOMY } else { places * FULL.0 / FULL.1 }
    }

    /// How many places a table has at the least that is made for so many entries.
    fn places_for(entries: usize) -> usize {
        (entries * FULL.1 / FULL.0 + 1).max(roomy(entries))
    }

    /// Moves the entries into a table for so many.
    fn rebuild(&self, changes: &Changes, entries: usize) -> Result<(), Status> {
        let new = if entries == 0 { Run::NONE } else { Run::allocate(Entries::places_for(entries))? };
        let old = self.run();
        move_all(old.places(), new.places());
        let begun = changes.begin();
        self.run.store(new.to_word(), Ordering::Release);
        if begun {
            changes.end();
        }
        memory::free(old.words);
        Ok(())
    }

    /// Gives back what there is room for without need.
    fn shrink(&self, changes: &Changes, entries: usize) {
        if entries == 0 || Entries::places_for(entries) * 2 <= self.places().len() {
            // Without memory for a smaller one the table stays as it is.
            let _ = self.rebuild(changes, entries);
        }
    }

    /// Forgets every entry.
    fn clear(&self) -> Run {
        let old = self.run();
        self.run.store(Run::NONE.to_word(), Ordering::Release);
        old
    }
}

#[inline(always)]
fn prefetch_home(places: &[AtomicU64], wanted: Wanted) {
    if let Some(place) = places.get(home(wanted.upper, places.len())) {
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
        Index { by, firsts: Entries::new(), rest: Entries::new(), key: [random(), random() | 1] }
    }

    /// How a key's entry in a partition is looked for; in the first one that has it where that is `NONE`.
    #[inline(always)]
    pub fn wanted(&self, key: u32, partition: u32) -> Wanted {
        // A folded multiplication under a key that nobody knows; the second one carries what it says to the upper bits, which
        // are those that the table looks at.
        let pair = (u64::from(key) << 32 | u64::from(partition)) ^ self.key[0];
        let product = u128::from(pair) * u128::from(self.key[1]);
        let folded = (product >> 64) as u64 ^ product as u64;
        let hash = folded.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Wanted { key, partition, upper: order(hash) << 32 }
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
    fn look<'a>(&self, keys: &'a Table<ModelKey>, places: &[AtomicU64], wanted: Wanted) -> Looked<'a> {
        let first = home(wanted.upper, places.len());
        for at in first..places.len() {
            let entry = places[at].load(Ordering::Relaxed);
            if order(entry) > order(wanted.upper) {
                continue;
            }
            if let Some(found) = self.is_at(keys, at, entry, wanted) {
                return Ok(found);
            }
            // Of those behind the end of the table the first ones come after all that stand before it.
            let goes_on = order(entry) == order(wanted.upper) || home(entry, places.len()) > at;
            if entry == EMPTY || !goes_on {
                return Err(at);
            }
        }
        self.look_behind_the_end(keys, places, first, wanted)
    }

    /// Goes on with a search at the beginning of the table, up to where it began.
    #[cold]
    #[inline(never)]
    fn look_behind_the_end<'a>(
        &self,
        keys: &'a Table<ModelKey>,
        places: &[AtomicU64],
        to: usize,
        wanted: Wanted,
    ) -> Looked<'a> {
        for (at, place) in places.iter().enumerate().take(to) {
            let entry = place.load(Ordering::Relaxed);
            if entry == EMPTY || home(entry, places.len()) <= at || order(entry) < order(wanted.upper) {
                return Err(at);
            }
            if let Some(found) = self.is_at(keys, at, entry, wanted) {
                return Ok(found);
            }
        }
        Err(to)
    }

    #[inline(always)]
    fn is_at<'a>(
        &self,
        keys: &'a Table<ModelKey>,
        at: usize,
        entry: u64,
        wanted: Wanted,
    ) -> Option<(usize, u32, &'a ModelKey)> {
        // An empty place has no model.
        let model = (entry as u32).wrapping_sub(1);
        let key = if order(entry) == order(wanted.upper) { keys.get(model)? } else { return None };
        self.is(key, wanted).then_some((at, model, key))
    }

    #[inline(always)]
    fn find(&self, keys: &Table<ModelKey>, places: &[AtomicU64], wanted: Wanted) -> Option<(usize, u32)> {
        self.look(keys, places, wanted).ok().map(|(at, model, _)| (at, model))
    }

    /// Asks for the memory of the place where a key's entry in a partition is, or would be.
    #[inline(always)]
    pub fn prefetch(&self, key: u32, partition: u32) {
        prefetch_home(self.rest.places(), self.wanted(key, partition));
    }

    /// Asks for the memory that [`Index::put`] looks at, where [`Index::reserve`] made room.
    #[inline(always)]
    pub fn prefetch_to_put(&self, counts: &IndexCounts, wanted: Wanted) {
        prefetch_home(counts.tables.rest, wanted);
        if counts.known.of(wanted.key).is_none() {
            prefetch_home(counts.tables.firsts, self.wanted(wanted.key, NONE));
        }
    }

    /// The newest model of a key in the first partition that has one, and what searches look at of it.
    #[inline(always)]
    pub fn first<'a>(&self, keys: &'a Table<ModelKey>, key: u32) -> Option<Known<'a>> {
        // Most stand where they are looked for first.
        self.first_at_once(keys, key).or_else(|| self.first_behind(keys, key))
    }

    /// As [`Index::first`], without a call: where it stands where it is looked for first, or behind that and before the end of the table.
    #[inline(always)]
    pub fn first_at_once<'a>(&self, keys: &'a Table<ModelKey>, key: u32) -> Option<Known<'a>> {
        let (run, alone) = (self.firsts.run(), self.wanted(key, NONE));
        // In a table that is a whole run that is where it is told by its hash alone: see `home`.
        let place = if run.is_part { return None } else { run.words.at_part(!alone.upper)? };
        if let Some((_, model, key)) = self.is_at(keys, 0, place.load(Ordering::Relaxed), alone) {
            return Some((model, key));
        }
        let places = run.places();
        let behind = places.get(home(alone.upper, places.len()) + 1..)?;
        for place in behind {
            let entry = place.load(Ordering::Relaxed);
            if let Some((_, model, key)) = self.is_at(keys, 0, entry, alone) {
                return Some((model, key));
            }
            if order(entry) < order(alone.upper) {
                return None;
            }
        }
        None
    }

    #[inline(never)]
    fn first_behind<'a>(&self, keys: &'a Table<ModelKey>, key: u32) -> Option<Known<'a>> {
        self.look(keys, self.firsts.places(), self.wanted(key, NONE)).ok().map(|(_, model, key)| (model, key))
    }

    /// The newest model of a key in a partition, and what searches look at of it.
    #[inline(always)]
    pub fn newest<'a>(&self, keys: &'a Table<ModelKey>, key: u32, partition: u32) -> Option<Known<'a>> {
        // Of a name that is in many partitions one of them is the first.
        if let Ok((_, model, key)) = self.look(keys, self.rest.places(), self.wanted(key, partition)) {
            return Some((model, key));
        }
        self.first(keys, key).filter(|(_, key)| key.partition.load(Ordering::Relaxed) == partition)
    }

    /// The newest model of a key in `shared`, which is the first of all partitions, else in another one.
    #[inline(always)]
    pub fn newest_in<'a>(&self, keys: &'a Table<ModelKey>, key: u32, shared: u32, partition: u32) -> Option<Known<'a>> {
        let first = self.first(keys, key)?;
        let first_in = first.1.partition.load(Ordering::Relaxed);
        if first_in == shared || first_in == partition {
            return Some(first);
        }
        let here = self.look(keys, self.rest.places(), self.wanted(key, partition));
        here.ok().map(|(_, model, key)| (model, key))
    }
}

/// What only the holder of the registry's lock may do, and what readers see inside [`Changes`] alone.
impl Index {
    /// Makes sure that there is room for so many more entries.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`; nothing was changed.
    pub fn reserve(&self, counts: &mut IndexCounts, changes: &Changes, more: usize) -> Result<(), Status> {
        if counts.has_room(more) { Ok(()) } else { self.make_room(counts, changes, more) }
    }

    fn make_room(&self, counts: &mut IndexCounts, changes: &Changes, more: usize) -> Result<(), Status> {
        // Where there is no memory for one of them, there is no room in the others either: the tables are to be looked at anew.
        (counts.room, counts.tables) = (0, Tables::default());
        // A few at once: small tables have room for few more, and would have to be asked at every change.
        counts.others.reserve(more.max(FEW))?;
        for (table, entries) in [(&self.firsts, counts.firsts), (&self.rest, counts.rest)] {
            if entries + more > table.limit() {
                table.rebuild(changes, entries + more)?;
            }
        }
        counts.room = (self.firsts.limit() - counts.firsts).min(self.rest.limit() - counts.rest);
        counts.tables = Tables { firsts: self.firsts.places(), rest: self.rest.places() };
        Ok(())
    }

    /// Gives back what the tables have room for without need.
    pub fn shrink(&self, counts: &mut IndexCounts, changes: &Changes) {
        counts.others.words.shrink_to_fit();
        (counts.room, counts.tables) = (0, Tables::default());
        self.firsts.shrink(changes, counts.firsts);
        self.rest.shrink(changes, counts.rest);
    }

    /// The bytes of the tables.
    pub fn bytes(&self, counts: &IndexCounts) -> usize {
        size_of_val(self.firsts.places()) + size_of_val(self.rest.places()) + bytes_of(&counts.others.words)
    }

    /// Makes a model the newest of its key in its partition, which has this sequence number, where [`Index::reserve`] made room.
    /// Gives the one that was.
    #[inline(always)]
    pub fn put(
        &self,
        counts: &mut IndexCounts,
        keys: &Table<ModelKey>,
        model: u32,
        wanted: Wanted,
        sequence: u64,
        sequence_of: impl Fn(u32) -> u64,
    ) -> Option<u32> {
        let is_behind = counts.known.of(wanted.key).is_some_and(|first| first < sequence);
        if !is_behind && let Some(before) = self.put_first(counts, keys, model, wanted, sequence, sequence_of) {
            return before;
        }
        let rest = counts.tables.rest;
        match self.look(keys, rest, wanted) {
            Ok((at, newest, _)) => {
                rest[at].store(wanted.entry(model), Ordering::Relaxed);
                Some(newest)
            }
            Err(to) => {
                insert(rest, to, wanted.entry(model));
                counts.add_behind(wanted.key, sequence);
                None
            }
        }
    }

    /// As [`Index::put`], where the entry of the key's first partition is to be made or to be changed; nothing is done where the one of this
    /// partition stands behind it.
    #[inline(never)]
    fn put_first(
        &self,
        counts: &mut IndexCounts,
        keys: &Table<ModelKey>,
        model: u32,
        Wanted { key, partition, .. }: Wanted,
        sequence: u64,
        sequence_of: impl Fn(u32) -> u64,
    ) -> Option<Option<u32>> {
        let Tables { firsts, rest } = counts.tables;
        let alone = self.wanted(key, NONE);
        let (at, first, before) = match self.look(keys, firsts, alone) {
            Ok(found) => found,
            Err(at) => {
                insert(firsts, at, alone.entry(model));
                counts.lowest_bits |= 1 << (key & 1);
                counts.firsts += 1;
                counts.room = counts.room.saturating_sub(1);
                counts.known.keep(key, sequence);
                return Some(None);
            }
        };
        let before = before.partition.load(Ordering::Relaxed);
        let sequence_before = if before == partition { sequence } else { sequence_of(before) };
        if sequence_before < sequence {
            counts.known.keep(key, sequence_before);
            return None;
        }
        firsts[at].store(alone.entry(model), Ordering::Relaxed);
        counts.known.keep(key, sequence);
        if before == partition {
            return Some(Some(first));
        }
        place(rest, self.wanted(key, before).entry(first));
        counts.add_behind(key, sequence_before);
        Some(None)
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
        let (firsts, rest) = (self.firsts.places(), self.rest.places());
        let alone = self.wanted(key, NONE);
        let Some((at, first)) = self.find(keys, firsts, alone) else { return };
        if first != model {
            let here = self.wanted(key, partition);
            let Some((at, newest)) = self.find(keys, rest, here) else { return };
            if newest != model {
                return;
            }
            match older {
                Some(older) => rest[at].store(here.entry(older), Ordering::Relaxed),
                None => {
                    remove(rest, at);
                    counts.rest -= 1;
                    counts.others.remove(key, sequence);
                }
            }
            return;
        }
        if let Some(older) = older {
            firsts[at].store(alone.entry(older), Ordering::Relaxed);
            return;
        }
        counts.known.forget(key);
        let next = counts.others.next(key, 0);
        let heir = next.and_then(|sequence| {
            let there = self.wanted(key, partition_of(sequence)?);
            self.find(keys, rest, there)
        });
        match (next, heir) {
            (Some(sequence), Some((from, heir))) => {
                counts.others.remove(key, sequence);
                firsts[at].store(alone.entry(heir), Ordering::Relaxed);
                remove(rest, from);
                counts.rest -= 1;
            }
            _ => {
                remove(firsts, at);
                counts.firsts -= 1;
            }
        }
    }

    /// The newest model of a key in each partition that has one, in the order in which these came to be.
    pub fn all<'a>(
        &'a self,
        counts: &'a IndexCounts,
        keys: &'a Table<ModelKey>,
        key: u32,
        partition_of: impl Fn(u64) -> Option<u32> + 'a,
    ) -> impl Iterator<Item = u32> + 'a {
        let places = self.rest.places();
        let others = counts.others.all(key).filter_map(move |sequence| {
            self.find(keys, places, self.wanted(key, partition_of(sequence)?)).map(|(_, model)| model)
        });
        self.first(keys, key).map(|(model, _)| model).into_iter().chain(others)
    }

    /// Forgets every entry, whatever their number; what is left is to be taken back.
    pub fn clear(&self, counts: &mut IndexCounts) -> OldIndex {
        let tables = [self.firsts.clear(), self.rest.clear()];
        (counts.firsts, counts.rest, counts.room, counts.lowest_bits) = (0, 0, 0, 0);
        counts.tables = Tables::default();
        counts.known.clear();
        OldIndex { tables, given_back: 0, others: counts.others.clear() }
    }
}

impl OldIndex {
    /// How many places its tables have.
    pub fn places(&self) -> usize {
        self.tables.iter().map(|table| table.places().len()).sum()
    }

    /// Takes back a part of so many entries, and takes those off `steps`; gives whether there is nothing left.
    pub fn reclaim(&mut self, steps: &mut usize) -> bool {
        for table in self.tables.iter_mut().filter(|table| **table != Run::NONE) {
            let places = table.places().len();
            let to = self.given_back.saturating_add(*steps).min(places);
            *steps -= to - self.given_back;
            memory::give_back_part(table.words, self.given_back, to);
            self.given_back = to;
            if to < places {
                return false;
            }
            memory::free_given_back(std::mem::replace(table, Run::NONE).words);
            self.given_back = 0;
        }
        self.others = no_words();
        true
    }

    pub fn bytes(&self) -> usize {
        self.places() * size_of::<u64>() + bytes_of(&self.others)
    }
}

/// Puts the entries of a table into an empty one. They are in order, so but for those behind the end of either table none has to
/// look for its place.
fn move_all(old: &[AtomicU64], new: &[AtomicU64]) {
    let load = |(at, place): (usize, &AtomicU64)| (at, place.load(Ordering::Relaxed));
    let is_behind_the_end = |(at, entry): &(usize, u64)| *entry != EMPTY && home(*entry, old.len()) > *at;
    let behind = old.iter().enumerate().map(load).take_while(is_behind_the_end).count();
    let mut next = 0;
    for moved in &old[behind..] {
        let entry = moved.load(Ordering::Relaxed);
        if entry == EMPTY {
            continue;
        }
        let at = home(entry, new.len()).max(next);
        match new.get(at) {
            Some(to) => to.store(entry, Ordering::Relaxed),
            None => place(new, entry),
        }
        next = at + 1;
    }
    old[..behind].iter().for_each(|last| place(new, last.load(Ordering::Relaxed)));
}

/// Puts an entry into a table that does not have it: where [`Index::look`] would end.
fn place(places: &[AtomicU64], entry: u64) {
    let first = home(entry, places.len());
    let comes_after = |there: u64| order(there) <= order(entry);
    let ends = |at: &usize| {
        let there = places[*at].load(Ordering::Relaxed);
        let is_home = home(there, places.len()) <= *at;
        there == EMPTY || if *at >= first { is_home && comes_after(there) } else { is_home || comes_after(there) }
    };
    if let Some(at) = (first..places.len()).chain(0..first).find(ends) {
        insert(places, at, entry);
    }
}

/// Puts an entry into a place, what is there into the next one, and so on up to one that is empty.
#[inline(always)]
fn insert(places: &[AtomicU64], at: usize, mut entry: u64) {
    let mut next = at;
    loop {
        let there = places[next].load(Ordering::Relaxed);
        places[next].store(entry, Ordering::Relaxed);
        if there == EMPTY {
            return;
        }
        (entry, next) = (there, if next + 1 == places.len() { 0 } else { next + 1 });
    }
}

/// Takes an entry out; those behind it that are not where they begin to look stand one place nearer to that.
fn remove(places: &[AtomicU64], at: usize) {
    let mut gap = at;
    for next in (at + 1..places.len()).chain(0..at) {
        let entry = places[next].load(Ordering::Relaxed);
        if entry == EMPTY || home(entry, places.len()) == next {
            break;
        }
        places[gap].store(entry, Ordering::Relaxed);
        gap = next;
    }
    places[gap].store(EMPTY, Ordering::Relaxed);
}

#[path = "index/known.rs"]
mod known;
#[path = "index/others.rs"]
mod others;
#[cfg(all(test, not(loom)))]
#[path = "index/tests.rs"]
mod tests;
