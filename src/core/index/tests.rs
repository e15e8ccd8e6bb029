//! What an index tells, compared with maps; and what readers find while it changes.

use std::collections::BTreeMap;

use super::others::LEVELS;
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

/// A key: in the order of the numbers, and so that the recent words of two of them stand where those of two others do.
fn key_of(number: u32) -> u32 {
    if number < 6 { number } else { 64 + (number - 6) * 3 }
}

fn model_of(known: Option<Known<'_>>) -> Option<u32> {
    known.map(|(model, _)| model)
}

/// Gives a model the name with this atom, and puts it into a partition.
fn name(keys: &Table<ModelKey>, model: u32, atom: u32, partition: u32) {
    let key = keys.reserve(model).expect("there is memory");
    key.name.store(atom, Ordering::Relaxed);
    key.partition.store(partition, Ordering::Relaxed);
}

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
        let (key, partition) = (key_of(self.below(KEYS as usize) as u32 + 1), self.below(self.sequences.len()) as u32);
        let sequence = self.sequences[partition as usize];
        self.index.reserve(&mut self.counts, &self.changes, 1).expect("there is memory");
        assert!(self.changes.begin());
        let slot = self.keys.get(model).expect("reserved");
        let of = if self.index.by == By::Name { &slot.name } else { &slot.structure };
        of.store(key, Ordering::Relaxed);
        slot.partition.store(partition, Ordering::Relaxed);
        let sequences = &self.sequences;
        let sequence_of = |partition: u32| sequences[partition as usize];
        let wanted = self.index.wanted(key, partition);
        let before = self.index.put(&mut self.counts, &self.keys, model, wanted, sequence, sequence_of);
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
        for key in (1..=KEYS).map(key_of) {
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

    fn shrink(&mut self) {
        self.index.shrink(&mut self.counts, &self.changes);
        for (table, entries) in [(&self.index.firsts, self.counts.firsts), (&self.index.rest, self.counts.rest)] {
            assert!(table.places().len() <= entries * 2 * ROOMY, "{} places for {entries}", table.places().len());
        }
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
        for key in (0..=KEYS + 1).map(key_of) {
            let expected = newest(key);
            assert_eq!(model_of(self.index.first(&self.keys, key)), expected.first().copied());
            let partition_of =
                |sequence| self.sequences.iter().position(|other| *other == sequence).map(|at| at as u32);
            let all: Vec<u32> = self.index.all(&self.counts, &self.keys, key, partition_of).collect();
            assert_eq!(all, expected);
            for (partition, sequence) in (0..).zip(&self.sequences) {
                let known = self.models.get(&(key, *sequence)).and_then(|known| known.last().copied());
                assert_eq!(model_of(self.index.newest(&self.keys, key, partition)), known);
            }
        }
        let filled =
            |table: &Entries| table.places().iter().filter(|place| place.load(Ordering::Relaxed) != EMPTY).count();
        let (firsts, rest) = (filled(&self.index.firsts), filled(&self.index.rest));
        assert_eq!((firsts, rest), (self.counts.firsts, self.counts.rest));
        assert_eq!(firsts + rest, self.models.len(), "one entry for each key and partition");
        let others = &self.counts.others;
        // Of a word that is kept apart as well, the one there is the newer one.
        let word = |(place, word): (&u64, &u64)| {
            let at = Others::recent_at(*place);
            if others.kept >> at & 1 != 0 && others.recent[at].0 == *place { others.recent[at].1 } else { *word }
        };
        let lowest = others.words.iter().filter(|(place, _)| **place as u32 >> (6 * (LEVELS - 1)) != 0);
        let others: u32 = lowest.map(|entry| word(entry).count_ones()).sum();
        let keys = (1..=KEYS).filter(|number| !newest(key_of(*number)).is_empty()).count();
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
                95 => both.shrink(),
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
                let found = [1, 2].map(|name| model_of(index.first(&KEYS, name)));
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
                index.put(&mut counts, &KEYS, model, index.wanted(key, 0), 0, |_| 0);
            }
            changes.end();
            memory::free(other);
            match round % 4 {
                1 => index.shrink(&mut counts, &changes),
                3 => {
                    assert!(changes.begin());
                    let mut old = index.clear(&mut counts);
                    changes.end();
                    assert!(old.reclaim(&mut 10_000));
                }
                _ => {}
            }
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().expect("a reader") > 0 || cfg!(miri));
    });
    index.shrink(&mut IndexCounts::default(), &changes);
}

/// Large tables grow by 8/5 and 5/4 in turn.
#[test]
#[cfg_attr(miri, ignore = "hundreds of thousands of entries, which take Miri hours")]
fn a_table_that_is_a_part_of_its_run_has_room_for_four_fifths_of_that_part() {
    static KEYS: Table<ModelKey> = Table::new();
    const MODELS: u32 = 220_000;
    let index = Index::new(By::Structure);
    let (mut counts, changes) = (IndexCounts::default(), Changes::default());
    let mut sizes = Vec::new();
    // One structure, and a partition for each model.
    let of = |model: u32| Newest { key: 1, partition: model, model };
    for model in 0..MODELS {
        let key = KEYS.reserve(model).expect("there is memory");
        key.structure.store(1, Ordering::Relaxed);
        key.partition.store(model, Ordering::Relaxed);
        index.reserve(&mut counts, &changes, 1).expect("there is memory");
        let put = index.put(&mut counts, &KEYS, model, index.wanted(1, model), u64::from(model), u64::from);
        assert_eq!(put, None);
        let (places, all) = (index.rest.places().len(), index.rest.run().words.len());
        assert!(counts.rest * FULL.1 <= places * FULL.0 && places <= all);
        sizes.push((places, all));
    }
    sizes.dedup();
    let expected = [(1 << 16, 1 << 16), (1 << 17, 1 << 17), (5 << 15, 1 << 18), (1 << 18, 1 << 18), (5 << 16, 1 << 19)];
    assert_eq!(sizes[sizes.len() - expected.len()..], expected);
    let tables = (5 << 16) * size_of::<u64>() + index.firsts.places().len() * size_of::<u64>();
    assert_eq!(index.bytes(&counts), tables + bytes_of(&counts.others.words));

    // Every other one goes, and the rest is found where gaps were closed.
    for model in (0..MODELS).step_by(2) {
        let partition_of = |sequence| Some(sequence as u32);
        index.take(&mut counts, &KEYS, of(model), None, u64::from(model), partition_of);
    }
    for model in 0..MODELS {
        assert_eq!(model_of(index.newest(&KEYS, 1, model)), (model % 2 == 1).then_some(model));
    }
    let mut old = index.clear(&mut counts);
    let places = old.places();
    assert!(places > 5 << 16 && places <= (5 << 16) + 16);
    assert!(!old.reclaim(&mut (places - 1)));
    let mut steps = 10;
    assert!(old.reclaim(&mut steps));
    assert_eq!(steps, 9, "the part alone is taken back");
}

/// Bits that are added to one word after the other, as partitions come to be, and here and there.
#[test]
fn the_next_partitions_are_told_as_by_a_set() {
    const KEYS: [u32; 4] = [1, 2, 64, 67];
    let mut random = 7_u64;
    let mut below = |bound: u64| {
        random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (random >> 33) % bound
    };
    let (mut others, mut known) = (Others::default(), std::collections::BTreeSet::new());
    for _ in 0..if cfg!(miri) { 60 } else { 6_000 } {
        let (key, sequence) = (KEYS[below(4) as usize], 1 + below(3) * 4_000 + below(200));
        match below(100) {
            0..70 => {
                for next in sequence..=sequence + below(4) {
                    others.reserve(1).expect("there is memory");
                    others.insert(key, next);
                    known.insert((key, next));
                }
            }
            70..99 => {
                for (key, sequence) in
                    known.iter().copied().filter(|(_, at)| at % 16 == sequence % 16).collect::<Vec<_>>()
                {
                    others.remove(key, sequence);
                    known.remove(&(key, sequence));
                }
            }
            _ => {
                others.clear();
                known.clear();
            }
        }
        let all: Vec<(u32, u64)> = KEYS.iter().flat_map(|key| others.all(*key).map(|at| (*key, at))).collect();
        assert_eq!(all, known.iter().copied().collect::<Vec<_>>());
    }
}

/// Of the two tables the first one was made anew already.
#[test]
fn without_memory_for_one_table_nothing_is_put_into_what_the_other_was_before() {
    static KEYS: Table<ModelKey> = Table::new();
    let (index, changes) = (Index::new(By::Name), Changes::default());
    let mut counts = IndexCounts::default();
    for model in 0..2 {
        name(&KEYS, model, model + 1, 0);
    }
    let put = |counts: &mut IndexCounts, model: u32| {
        index.reserve(counts, &changes, 1).expect("there is memory");
        index.put(counts, &KEYS, model, index.wanted(model + 1, 0), 0, |_| 0);
    };
    put(&mut counts, 0);
    assert!(counts.room > 0);
    let rest = std::mem::replace(&mut counts.rest, usize::MAX / 64);
    assert!(index.reserve(&mut counts, &changes, 100).is_err(), "no memory is as large");
    counts.rest = rest;
    put(&mut counts, 1);
    assert_eq!([1, 2].map(|name| model_of(index.first(&KEYS, name))), [Some(0), Some(1)]);
    assert!(index.clear(&mut counts).reclaim(&mut 100_000), "nothing is left");
}

/// Each key takes a word of each level, of which there are six times as many as there is room for in the tables.
#[test]
fn what_is_put_in_asks_for_no_memory() {
    static KEYS: Table<ModelKey> = Table::new();
    let (index, changes) = (Index::new(By::Name), Changes::default());
    let mut counts = IndexCounts::default();
    for partition in 0..2 {
        for atom in 1..=300 {
            let model = partition * 300 + atom - 1;
            name(&KEYS, model, atom, partition);
            index.reserve(&mut counts, &changes, 1).expect("there is memory");
            let words = &counts.others.words;
            assert!(words.capacity() - words.len() >= LEVELS as usize, "{model} models");
            index.put(&mut counts, &KEYS, model, index.wanted(atom, partition), u64::from(partition), u64::from);
        }
    }
    assert_eq!((counts.firsts, counts.rest), (300, 300));
    assert!(index.clear(&mut counts).reclaim(&mut 100_000), "nothing is left");
}
