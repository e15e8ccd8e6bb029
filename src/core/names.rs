//! Names interned to 32-bit atoms.
//!
//! A name that models share is kept once, and compared as a number. Writers hold the registry's lock; readers find the
//! atom of a name without it. An atom's version is odd while it stands for a name and changes whenever that begins or
//! ends: a reader that sees the same odd version before and after has read one name.
//!
//! Hosts choose the names, so their hash is keyed: `ahash`, with a key that is random for each process (see
//! `docs/concurrency.md`).

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use once_cell::sync::Lazy;

use crate::error::Status;

use super::handle::MAX_SLOTS;
use super::index::{is_narrow, roomy};
use super::list::RETRIES;
use super::memory::{self, Atomics, LINE_WORDS, Table, Words};
use super::short;

/// The longest name, in bytes.
pub const MAX_NAME: usize = 4096;

/// An index of no more places lies in the second cache with its atoms: 32 KiB, and 100 KiB of atoms.
const NEAR: usize = 4096;

/// One name: 32 bytes, which stay when the name goes.
#[repr(C, align(32))]
struct Atom {
    version: AtomicU32,
    length: AtomicU32,
    /// A short name, as [`short::pack`] has it.
    words: [AtomicU64; 2],
    /// The run that holds a longer name. A field of its own, so that a reader who comes late never takes the bytes of a
    /// short name for an address.
    run: AtomicU64,
}

// SAFETY: every field is an atomic integer or an array of them.
unsafe impl Atomics for Atom {}

/// The bytes that a slot for a name keeps reserved.
pub const SLOT_BYTES: usize = size_of::<Atom>();

/// An atom and the version under which it stands for the name that was asked for.
#[derive(Clone, Copy)]
pub struct Found {
    /// The atom; never 0.
    pub atom: u32,
    version: u32,
    slot: &'static Atom,
}

impl Found {
    /// Whether the atom has stood for the same name all the time since it was found.
    #[inline(always)]
    pub fn still(self) -> bool {
        self.slot.stands(self.version)
    }
}

/// What looking for a name without the lock found.
pub enum Lookup {
    /// The name is known.
    Known(Found),
    /// No model has this name.
    Unknown,
    /// Writers were in the way too often.
    Contended,
}

/// The part of the name table that anyone may read.
pub struct Names {
    atoms: Table<Atom>,
    /// A hash table of cache lines: each word has 32 bits of the hash and the atom; 0 is empty. A name stands in the place of its
    /// hash; or in the first one of that line that was empty, or where none was, in the next line that had one.
    index: AtomicU64,
    /// Odd while the index is being moved to a larger run.
    moves: AtomicU64,
}

/// The part of the name table that belongs to the holder of the registry's lock.
#[derive(Default)]
pub struct NameCounts {
    /// Uses of each atom; while it is free, the next free atom.
    uses: Vec<u32>,
    /// How many slots for names were ever used.
    slots: usize,
    free: u32,
    live: u32,
    /// Places of the index that are not empty, gaps included.
    filled: u32,
    /// What a version is at least: higher than any was whose slot's memory was given back, for a reader that was stopped
    /// since then. Even.
    floor: u32,
    /// Bytes of the runs of long names.
    long_bytes: usize,
}

/// The place of a name that went: no atom is so high.
const GAP: u64 = u64::MAX;
/// Half of the versions are above it.
const HIGHEST_FLOOR: u32 = u32::MAX / 2;

/// The key of every hash of what hosts choose.
pub(crate) static KEYS: Lazy<ahash::RandomState> = Lazy::new(ahash::RandomState::new);

/// Draws the process's key, which reads random numbers, before the first name is hashed.
pub fn draw_key() {
    Lazy::force(&KEYS);
}

/// A name that is looked for: the same in every registry of the process.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    name: &'a [u8],
    /// Where it is a short one.
    short: Option<[u64; 2]>,
    hash: u64,
}

/// A name, hashed already or not.
pub trait Name<'a> {
    /// The name with its hash.
    fn wanted(self) -> Wanted<'a>;
}

impl<'a> Name<'a> for Wanted<'a> {
    #[inline(always)]
    fn wanted(self) -> Wanted<'a> {
        self
    }
}

impl<'a> Name<'a> for &'a [u8] {
    #[inline(always)]
    fn wanted(self) -> Wanted<'a> {
        Wanted::new(self)
    }
}

impl<'a> Wanted<'a> {
    /// This name.
    #[inline(always)]
    pub fn new(name: &'a [u8]) -> Self {
        Wanted::under(&KEYS, name)
    }

    /// The name.
    #[inline(always)]
    pub fn name(self) -> &'a [u8] {
        self.name
    }

    /// The hash.
    #[inline(always)]
    pub fn hash(self) -> u64 {
        self.hash
    }

    /// What an entry has of the hash.
    #[inline(always)]
    fn upper(self) -> u32 {
        (self.hash >> 32) as u32
    }

    #[inline(always)]
    fn under(key: &ahash::RandomState, name: &'a [u8]) -> Self {
        let short = short::pack(name);
        let mut hasher = key.build_hasher();
        match short {
            // Without the length: two words are of no more than thirteen names.
            Some([first, second]) => hasher.write_u128(u128::from(second) << 64 | u128::from(first)),
            // Without the length before it that `Hash` has for slices: what is written is one piece, whose length the hasher
            // mixes in.
            None => hasher.write(name),
        }
        Wanted { name, short, hash: hasher.finish() }
    }
}

/// Eight bytes of a name from the `at`th eight on, zero-padded.
#[inline(always)]
fn word_at(name: &[u8], at: usize) -> u64 {
    let rest = &name[at * 8..];
    match rest.first_chunk() {
        Some(whole) => u64::from_le_bytes(*whole),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

impl Atom {
    #[inline(always)]
    fn short(&self) -> [u64; 2] {
        [self.words[0].load(Ordering::Relaxed), self.words[1].load(Ordering::Relaxed)]
    }

    fn long(&self) -> Words {
        // SAFETY: the word is only ever stored from `Words::to_word`, or is the zero of fresh memory.
        unsafe { Words::from_word(self.run.load(Ordering::Relaxed)) }
    }

    /// The version under which the atom stands for this name, if it does.
    #[inline(always)]
    fn is(&self, wanted: Wanted<'_>) -> Option<u32> {
        let version = self.version.load(Ordering::Acquire);
        if version & 1 == 0 || self.length.load(Ordering::Relaxed) as usize != wanted.name.len() {
            return None;
        }
        let equal = match wanted.short {
            Some(words) => self.short() == words,
            None => self.is_long(wanted.name),
        };
        (equal && self.stands(version)).then_some(version)
    }

    #[inline(never)]
    fn is_long(&self, name: &[u8]) -> bool {
        let (whole, rest) = name.as_chunks::<8>();
        let Some((words, last)) = self.long().as_slice().split_at_checked(whole.len()) else { return false };
        let mut pairs = whole.iter().zip(words);
        let equal = pairs.all(|(bytes, word)| word.load(Ordering::Relaxed) == u64::from_le_bytes(*bytes));
        // What is left stands at the end of the last eight bytes.
        let end =
            name.last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes).unbounded_shr(64 - 8 * rest.len() as u32));
        equal && (rest.is_empty() || last.first().is_some_and(|word| word.load(Ordering::Relaxed) == end))
    }

    #[inline(always)]
    fn stands(&self, version: u32) -> bool {
        fence(Ordering::Acquire);
        self.version.load(Ordering::Relaxed) == version
    }

    fn bytes(&self, mut each: impl FnMut(&[u8])) {
        let length = self.length.load(Ordering::Relaxed) as usize;
        if length <= short::MOST {
            each(&short::unpack(self.short(), length)[..length]);
            return;
        }
        let words = self.long();
        for (at, word) in words.as_slice().iter().take(length.div_ceil(8)).enumerate() {
            let bytes = word.load(Ordering::Relaxed).to_le_bytes();
            each(&bytes[..(length - at * 8).min(8)]);
        }
    }
}

impl Names {
    /// No names; no memory is taken.
    pub const fn new() -> Self {
        Names { atoms: Table::new(), index: AtomicU64::new(0), moves: AtomicU64::new(0) }
    }

    fn run(&self) -> Words {
        // SAFETY: the word is only ever stored from `Words::to_word`, or is the zero it began with.
        unsafe { Words::from_word(self.index.load(Ordering::Acquire)) }
    }

    /// The atom of a name, without the lock.
    #[inline(never)]
    pub fn find(&self, name: &[u8]) -> Lookup {
        let wanted = Wanted::new(name);
        for _ in 0..RETRIES {
            let moves = self.moves.load(Ordering::Acquire);
            if let Some(found) = self.probe(wanted) {
                return Lookup::Known(found);
            }
            fence(Ordering::Acquire);
            if moves & 1 == 0 && self.moves.load(Ordering::Relaxed) == moves {
                return Lookup::Unknown;
            }
            std::hint::spin_loop();
        }
        Lookup::Contended
    }

    /// As [`Names::find`], if nobody is at the table; a name that no model has is no atom.
    #[inline(always)]
    pub fn find_at_once<'a>(&self, name: impl Name<'a>) -> Option<Option<Found>> {
        let moves = self.moves.load(Ordering::Acquire);
        if let Some(found) = self.probe(name.wanted()) {
            return Some(Some(found));
        }
        fence(Ordering::Acquire);
        (moves & 1 == 0 && self.moves.load(Ordering::Relaxed) == moves).then_some(None)
    }

    /// As [`Names::find_at_once`], of a short name: without a call.
    #[inline(always)]
    pub fn find_short(&self, name: &[u8]) -> Option<Option<Found>> {
        let moves = self.moves.load(Ordering::Acquire);
        let key = if name.len() <= short::MOST { Lazy::get(&KEYS)? } else { return None };
        let wanted = Wanted::under(key, name);
        if let Some(found) = self.probe(wanted) {
            return Some(Some(found));
        }
        fence(Ordering::Acquire);
        (moves & 1 == 0 && self.moves.load(Ordering::Relaxed) == moves).then_some(None)
    }

    #[inline(always)]
    fn probe(&self, wanted: Wanted<'_>) -> Option<Found> {
        let run = self.run();
        // Most stand where they are looked for first, and no place that was filled becomes empty again. What else is in the line is
        // compared at once, as where a name stands in it is by chance.
        let entry = run.at_part(wanted.hash)?.load(Ordering::Acquire);
        if (entry >> 32) as u32 == wanted.upper()
            && let Some(found) = self.found(entry, wanted)
        {
            return Some(found);
        }
        if entry == 0 {
            return None;
        }
        for line in lines(wanted.hash, run.as_slice()) {
            let mut alike = memory::alike_in_line(line, wanted.upper());
            while alike != 0 {
                let entry = line[alike.trailing_zeros() as usize % LINE_WORDS].load(Ordering::Acquire);
                if let Some(found) = self.found(entry, wanted) {
                    return Some(found);
                }
                alike &= alike - 1;
            }
            if has_room(line) {
                break;
            }
        }
        None
    }

    /// The atom of an entry, if it stands for this name.
    #[inline(always)]
    fn found(&self, entry: u64, wanted: Wanted<'_>) -> Option<Found> {
        let slot = self.atoms.get(entry as u32)?;
        Some(Found { atom: entry as u32, version: slot.is(wanted)?, slot })
    }

    /// Hands the bytes of an atom's name to `each`, in pieces. Whoever calls this without the lock has to find out
    /// afterwards whether the atom was in use all the time.
    pub fn bytes(&self, atom: u32, each: impl FnMut(&[u8])) {
        if let Some(atom) = self.atoms.get(atom) {
            atom.bytes(each);
        }
    }
}

/// What many questions in one call ask the memory for before they are answered. What these read is a hint alone.
impl Names {
    /// Asks for the line of the index where the name with this hash would be.
    #[inline(always)]
    pub fn prefetch_place(&self, hash: u64) {
        let index = self.run().as_slice();
        if let Some(place) = index.get(home(hash, index)) {
            memory::prefetch(place);
        }
    }

    /// The atom that may be the name's, by the line of the index where it would be.
    #[inline(always)]
    pub fn likely(&self, wanted: Wanted<'_>) -> Option<u32> {
        let line = lines(wanted.hash, self.run().as_slice()).next()?;
        let alike = memory::alike_in_line(line, wanted.upper());
        let entry = line.get(alike.trailing_zeros() as usize)?;
        Some(entry.load(Ordering::Relaxed) as u32)
    }

    /// Whether there are so many names that they do not all lie in the second cache.
    #[inline(always)]
    pub fn are_many(&self) -> bool {
        self.run().len() > NEAR
    }

    /// Asks for an atom.
    #[inline(always)]
    pub fn prefetch_atom(&self, atom: u32) {
        if let Some(atom) = self.atoms.get(atom) {
            memory::prefetch(atom);
        }
    }

    /// Asks for the bytes of an atom's name, where they do not lie in the atom itself.
    #[inline(always)]
    pub fn prefetch_long(&self, atom: u32) {
        if let Some(first) = self.atoms.get(atom).and_then(|atom| atom.long().as_slice().first()) {
            memory::prefetch(first);
        }
    }
}

/// What only the holder of the registry's lock may do.
impl Names {
    /// The name of an atom that is in use.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`.
    pub fn text(&self, atom: u32) -> crate::error::Result<String> {
        let mut bytes = Vec::new();
        let length = self.atoms.get(atom).map_or(0, |atom| atom.length.load(Ordering::Relaxed));
        bytes.try_reserve_exact(length as usize).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        self.bytes(atom, |piece| bytes.extend_from_slice(piece));
        String::from_utf8(bytes).map_err(|_| Status::ERROR_INTERNAL.into())
    }

    /// The hash of an atom's name, without a copy of the heap's.
    fn hash_of(&self, atom: u32) -> u64 {
        let length = self.atoms.get(atom).map_or(0, |slot| slot.length.load(Ordering::Relaxed)) as usize;
        // Most names are short, and the longest take a while to make room for.
        if length <= short::MOST {
            self.hash_in(atom, &mut [0; short::MOST])
        } else {
            self.hash_in(atom, &mut [0; MAX_NAME])
        }
    }

    #[inline(never)]
    fn hash_in(&self, atom: u32, room: &mut [u8]) -> u64 {
        let mut length = 0;
        self.bytes(atom, |piece| {
            room[length..length + piece.len()].copy_from_slice(piece);
            length += piece.len();
        });
        Wanted::new(&room[..length]).hash
    }

    /// The atom of a name, if it has one.
    #[inline(never)]
    pub fn known(&self, name: &[u8]) -> Option<u32> {
        self.probe(Wanted::new(name)).map(|found| found.atom)
    }

    /// The atom of a name, made if there is none, with one more use.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`; nothing was changed.
    pub fn intern(&self, counts: &mut NameCounts, name: &[u8]) -> Result<u32, Status> {
        let known = self.known(name);
        self.intern_known(counts, name, known)
    }

    /// As [`Names::intern`], for a name that was looked for under the same lock.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`; nothing was changed.
    pub fn intern_known(&self, counts: &mut NameCounts, name: &[u8], known: Option<u32>) -> Result<u32, Status> {
        match known {
            Some(atom) => {
                self.hold(counts, atom);
                Ok(atom)
            }
            None => self.add(counts, name),
        }
    }

    /// One more use of an atom that stands for a name.
    #[inline(always)]
    pub fn hold(&self, counts: &mut NameCounts, atom: u32) {
        counts.uses[atom as usize] += 1;
    }

    fn add(&self, counts: &mut NameCounts, name: &[u8]) -> Result<u32, Status> {
        self.make_room(counts)?;
        let fresh = counts.free == 0;
        let atom = if fresh { counts.uses.len().max(1) as u32 } else { counts.free };
        if atom >= MAX_SLOTS {
            return Err(Status::ERROR_FULL);
        }
        let slot = self.atoms.reserve(atom)?;
        if fresh {
            counts.uses.try_reserve(2).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        }
        let long = if name.len() > short::MOST { memory::allocate(name.len().div_ceil(8))? } else { Words::NONE };
        if fresh {
            counts.uses.resize(atom as usize + 1, 0);
            counts.slots = counts.slots.max(atom as usize);
        } else {
            counts.free = counts.uses[atom as usize];
        }
        counts.uses[atom as usize] = 1;
        counts.live += 1;
        counts.long_bytes += long.bytes();
        // The version is even here, so that no reader believes what it reads; it becomes odd when all is in place.
        fence(Ordering::Release);
        slot.length.store(name.len() as u32, Ordering::Relaxed);
        slot.run.store(long.to_word(), Ordering::Relaxed);
        let wanted = Wanted::new(name);
        match wanted.short {
            Some(words) => {
                slot.words.iter().zip(words).for_each(|(word, value)| word.store(value, Ordering::Relaxed));
            }
            None => {
                for (at, word) in long.as_slice().iter().enumerate().take(name.len().div_ceil(8)) {
                    word.store(word_at(name, at), Ordering::Relaxed);
                }
            }
        }
        slot.version.store(slot.version.load(Ordering::Relaxed).max(counts.floor) + 1, Ordering::Release);
        insert(self.run().as_slice(), wanted.hash, atom);
        counts.filled += 1;
        Ok(atom)
    }

    /// Takes back one use of an atom; with the last one its name goes.
    pub fn release(&self, counts: &mut NameCounts, atom: u32) {
        let uses = &mut counts.uses[atom as usize];
        *uses -= 1;
        if *uses > 0 {
            return;
        }
        *uses = counts.free;
        counts.free = atom;
        counts.live -= 1;
        let Some(slot) = self.atoms.get(atom) else { return };
        let hash = self.hash_of(atom);
        let index = self.run();
        let is_its = |place: &&AtomicU64| place.load(Ordering::Relaxed) == entry_of(hash, atom);
        if let Some(place) = lines(hash, index.as_slice()).flatten().find(is_its) {
            place.store(GAP, Ordering::Release);
        }
        slot.version.store(slot.version.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        let long = slot.long();
        slot.run.store(0, Ordering::Relaxed);
        counts.long_bytes -= long.bytes();
        memory::free(long);
        if counts.live == 0 {
            self.shrink(counts);
        }
    }

    /// Gives the memory of the slots back when there is no name left.
    pub fn discard(&self, counts: &mut NameCounts) {
        if !counts.is_empty() {
            return;
        }
        let slots = counts.slots as u32;
        let versions =
            (1..=slots).filter_map(|atom| self.atoms.get(atom)).map(|atom| atom.version.load(Ordering::Relaxed));
        let highest = versions.max().unwrap_or(0);
        // A floor near the end of the numbers would leave few versions above it, which would soon come back.
        if highest > HIGHEST_FLOOR {
            return;
        }
        counts.floor = counts.floor.max(highest.next_multiple_of(2));
        // Atom 0 is none.
        counts.slots = self.atoms.discard(slots + 1).saturating_sub(1) as usize;
    }

    /// Gives the index back when there is no name left.
    fn shrink(&self, counts: &mut NameCounts) {
        let old = self.run();
        self.swap(Words::NONE);
        memory::free(old);
        counts.filled = 0;
        (counts.uses, counts.free) = (Vec::new(), 0);
    }

    fn swap(&self, run: Words) {
        let moves = self.moves.load(Ordering::Relaxed);
        self.moves.store(moves + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        self.index.store(run.to_word(), Ordering::Release);
        self.moves.store(moves + 2, Ordering::Release);
    }

    fn make_room(&self, counts: &mut NameCounts) -> Result<(), Status> {
        let old = self.run();
        let names = counts.live as usize + 1;
        if (counts.filled as usize + 1) * 3 <= old.len() * 2 && !is_narrow(old.len(), names) {
            return Ok(());
        }
        let new = memory::allocate((names * 2).max(roomy(names)).max(LINE_WORDS))?;
        for entry in old.as_slice() {
            let entry = entry.load(Ordering::Relaxed);
            if entry != 0 && entry != GAP {
                insert(new.as_slice(), entry, entry as u32);
            }
        }
        counts.filled = counts.live;
        self.swap(new);
        memory::free(old);
        Ok(())
    }
}

impl NameCounts {
    /// How many slots for names were ever used.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The bytes that names take.
    pub fn bytes(&self) -> usize {
        self.long_bytes + self.live as usize * size_of::<u64>()
    }
}

/// The place where a name with this hash is looked for first: by the upper bits, which every entry has, so that the table grows
/// without hashing a name again.
#[inline(always)]
fn home(hash: u64, index: &[AtomicU64]) -> usize {
    // Of no place, or of one, it takes no bit of the hash.
    (hash >> 1 >> (63 - index.len().max(1).trailing_zeros())) as usize
}

/// The lines where it may stand, in the order in which they are looked at.
#[inline(always)]
fn lines(hash: u64, index: &[AtomicU64]) -> impl Iterator<Item = &[AtomicU64; LINE_WORDS]> {
    let (lines, _) = index.as_chunks::<LINE_WORDS>();
    let first = home(hash, index) / LINE_WORDS;
    (first..first + lines.len()).map(move |at| &lines[at & lines.len().wrapping_sub(1)])
}

/// Whether a search ends with a line.
#[inline(always)]
fn has_room(line: &[AtomicU64; LINE_WORDS]) -> bool {
    memory::alike_in_line(line, 0) != 0 && line.iter().any(|place| place.load(Ordering::Acquire) == 0)
}

fn entry_of(hash: u64, atom: u32) -> u64 {
    (hash >> 32) << 32 | u64::from(atom)
}

fn insert(index: &[AtomicU64], hash: u64, atom: u32) {
    let mut places = index.get(home(hash, index)).into_iter().chain(lines(hash, index).flatten());
    if let Some(place) = places.find(|place| place.load(Ordering::Relaxed) == 0) {
        place.store(entry_of(hash, atom), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many names are made to collide, and in how many bits: no fewer than the places of a table of so many names have.
    const CRAFTED: usize = 160;
    const BITS: u32 = 12;

    /// Names whose hashes under this key agree in the upper bits, which are where a table begins to look.
    fn crafted(key: &ahash::RandomState) -> Vec<String> {
        let hash = |name: &String| Wanted::under(key, name.as_bytes()).hash >> (64 - BITS);
        let all = || (0..).map(|number: u64| format!("name{number}"));
        let wanted = all().next().map(|first| hash(&first));
        all().filter(|name| Some(hash(name)) == wanted).take(CRAFTED).collect()
    }

    /// How many lines past the first one have to be looked at, to find each of the names once.
    fn steps(index: &[AtomicU64], hashes: &[u64]) -> usize {
        let mask = index.len() / LINE_WORDS - 1;
        let first = |hash| home(hash, index) / LINE_WORDS;
        let entries = index.iter().map(|entry| entry.load(Ordering::Relaxed)).enumerate();
        let taken = entries.filter(|(_, entry)| *entry != 0 && *entry != GAP);
        taken
            .map(|(place, entry)| (place / LINE_WORDS).wrapping_sub(first(hashes[entry as u32 as usize - 1])) & mask)
            .sum()
    }

    #[test]
    #[cfg_attr(miri, ignore = "tens of thousands of names are hashed, which takes Miri minutes")]
    fn names_that_collide_under_a_known_key_do_not_under_the_process_s() {
        static NAMES: Names = Names::new();
        let known = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let names = crafted(&known);
        let mut counts = NameCounts::default();
        let atoms: Vec<u32> =
            names.iter().map(|name| NAMES.intern(&mut counts, name.as_bytes()).expect("there is memory")).collect();
        assert!(atoms.iter().copied().eq(1..=CRAFTED as u32), "atoms are numbered from 1 on");
        let run = NAMES.run();
        let index = run.as_slice();
        assert!(index.len() <= 1 << BITS, "the names agree in all bits that say where the table begins to look");
        let ours: Vec<u64> = names.iter().map(|name| Wanted::new(name.as_bytes()).hash).collect();

        // The same table under the known key: what the names were made for.
        let attacked: Vec<AtomicU64> = index.iter().map(|_| AtomicU64::new(0)).collect();
        let theirs: Vec<u64> = names.iter().map(|name| Wanted::under(&known, name.as_bytes()).hash).collect();
        theirs.iter().zip(1..).for_each(|(hash, atom)| insert(&attacked, *hash, atom));
        let (slow, quick) = (steps(&attacked, &theirs), steps(index, &ours));
        assert_eq!(slow, (0..CRAFTED).map(|before| before / LINE_WORDS).sum::<usize>(), "all begin at one place");
        // Under a key that they were not made for there are about as many steps as names, far from this bound.
        assert!(quick * 10 < slow, "{quick} steps under the process's key, {slow} under the known one");

        atoms.into_iter().for_each(|atom| NAMES.release(&mut counts, atom));
    }

    /// Nearly two thirds full, so that there are names in lines behind their own.
    #[test]
    fn names_are_found_wherever_they_stand_and_none_that_went() {
        static NAMES: Names = Names::new();
        let count = if cfg!(miri) { 17 } else { 2_700 };
        let mut counts = NameCounts::default();
        let names: Vec<String> = (0..count).map(|number| format!("{number}{}", "n".repeat(number % 40))).collect();
        let hashes: Vec<u64> = names.iter().map(|name| Wanted::new(name.as_bytes()).hash).collect();
        let short = std::cell::Cell::new(0);
        let known = |name: &String| {
            let known = match NAMES.find(name.as_bytes()) {
                Lookup::Known(found) => Some(found.atom),
                Lookup::Unknown => None,
                Lookup::Contended => panic!("nobody writes"),
            };
            if let Some(found) = NAMES.find_short(name.as_bytes()) {
                assert_eq!(found.map(|found| found.atom), known, "{name}");
                assert!(name.len() <= short::MOST);
                short.set(short.get() + 1);
            }
            known
        };
        let mut atoms = vec![0; count];
        for round in 0..3 {
            for (at, name) in names.iter().enumerate().filter(|(at, _)| round == 0 || at % 3 == round) {
                assert_eq!(known(name), None, "{name}");
                atoms[at] = NAMES.intern(&mut counts, name.as_bytes()).expect("there is memory");
            }
            let expected: Vec<Option<u32>> = atoms.iter().map(|atom| Some(*atom)).collect();
            assert_eq!(names.iter().map(known).collect::<Vec<_>>(), expected);
            let behind = steps(NAMES.run().as_slice(), &hashes_by_atom(&hashes, &atoms));
            assert!(behind > 0 || round > 0 || cfg!(miri), "no name stands behind its line");
            for (at, name) in names.iter().enumerate().filter(|(at, _)| at % 3 == round + 1) {
                NAMES.release(&mut counts, atoms[at]);
                assert_eq!(known(name), None, "{name}");
            }
            let entries = NAMES.run().as_slice().iter().map(|place| place.load(Ordering::Relaxed));
            assert_eq!(entries.filter(|entry| *entry != 0 && *entry != GAP).count(), counts.live as usize);
            let left = |at: usize| (at % 3 != round + 1).then_some(atoms[at]);
            assert_eq!(names.iter().map(known).collect::<Vec<_>>(), (0..count).map(left).collect::<Vec<_>>());
        }
        atoms.into_iter().for_each(|atom| NAMES.release(&mut counts, atom));
        assert!(NAMES.run().is_empty(), "without names there is no index");
        assert!(short.get() > 0, "no name stands in its own place");
    }

    /// Whatever their hashes are: two may be equal.
    #[test]
    fn names_are_compared_to_the_last_byte() {
        static NAMES: Names = Names::new();
        let mut counts = NameCounts::default();
        for length in (1..=if cfg!(miri) { 26 } else { 70 }).step_by(if cfg!(miri) { 5 } else { 1 }) {
            let name: Vec<u8> = (0..length).map(|at| b'a' + at % 26).collect();
            let atom = NAMES.intern(&mut counts, &name).expect("there is memory");
            let slot = NAMES.atoms.get(atom).expect("its slot");
            assert!(slot.is(Wanted::new(&name)).is_some(), "{length} bytes");
            assert!(slot.is(Wanted::new(&name[1..])).is_none(), "one of {length} bytes less");
            for at in 0..name.len() {
                let mut other = name.clone();
                other[at] ^= 0x80;
                assert!(slot.is(Wanted::new(&other)).is_none(), "{length} bytes, another one at {at}");
            }
            NAMES.release(&mut counts, atom);
        }
    }

    /// The hashes in the order of the atoms.
    fn hashes_by_atom(hashes: &[u64], atoms: &[u32]) -> Vec<u64> {
        let mut by_atom = vec![0; atoms.len()];
        atoms.iter().zip(hashes).for_each(|(atom, hash)| by_atom[*atom as usize - 1] = *hash);
        by_atom
    }

    #[test]
    fn versions_do_not_come_back_soon_where_memory_is_given_back_near_the_end_of_the_numbers() {
        static NAMES: Names = Names::new();
        let mut counts = NameCounts::default();
        let mut versions = Vec::new();
        for round in 0..8 {
            let atom = NAMES.intern(&mut counts, b"User").expect("there is memory");
            let slot = NAMES.atoms.get(atom).expect("its slot");
            if round == 0 {
                slot.version.store(u32::MAX - 2, Ordering::Relaxed);
            }
            versions.push(slot.version.load(Ordering::Relaxed));
            NAMES.release(&mut counts, atom);
            NAMES.discard(&mut counts);
        }
        versions.sort_unstable();
        versions.dedup();
        assert_eq!(versions.len(), 8, "{versions:?}");
    }

    const PRINTS: &str = "MODELREG_TEST_PRINTS_A_HASH";

    /// Runs itself as two other processes, each of which prints the hash of one name.
    #[test]
    #[cfg_attr(miri, ignore = "Miri starts no process")]
    fn each_process_draws_a_key_of_its_own() {
        if std::env::var_os(PRINTS).is_some() {
            println!("\nhash {:016x}", Wanted::new(b"User").hash);
            return;
        }
        let of_child = || {
            let mut child = std::process::Command::new(std::env::current_exe().expect("a test knows its own path"));
            child.args(["--exact", "core::names::tests::each_process_draws_a_key_of_its_own", "--nocapture"]);
            let output = child.env(PRINTS, "1").output().expect("a test can be run again");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let hash = said.lines().find_map(|line| line.strip_prefix("hash ")).map(str::to_owned);
            hash.unwrap_or_else(|| panic!("no hash: {said}{}", String::from_utf8_lossy(&output.stderr)))
        };
        let hashes = [of_child(), of_child(), format!("{:016x}", Wanted::new(b"User").hash)];
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2], "{hashes:?}");
    }
}
