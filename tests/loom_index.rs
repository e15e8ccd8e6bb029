//! The protocol of searches, under every order of loads and stores that the memory model allows: the file of the library
//! itself, on the atomics of a model checker.
//!
//! Runs with `RUSTFLAGS="--cfg loom" cargo test --test loom_index`; there is nothing in it otherwise.

#![cfg(loom)]
#![allow(dead_code)]

mod atomics {
    pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

/// Memory that is handed out by number and not by address, which the checker could not follow. Runs that are returned are
/// handed out again, to whoever looks into them still.
mod memory {
    use std::cell::RefCell;
    use std::marker::PhantomData;

    use crate::atomics::{AtomicU64, Ordering, fence};
    use crate::error::Status;

    /// # Safety
    /// None here.
    pub unsafe trait Atomics {}

    struct Runs {
        all: Vec<&'static [AtomicU64]>,
        free: Vec<Words>,
    }

    thread_local! {
        // The checker runs all threads of a test as one.
        static RUNS: RefCell<Runs> = const { RefCell::new(Runs { all: Vec::new(), free: Vec::new() }) };
    }

    /// Begins anew: nothing lasts from one order to the next.
    pub fn reset() {
        RUNS.set(Runs { all: Vec::new(), free: Vec::new() });
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub struct Words(u64);

    impl Words {
        pub const NONE: Words = Words(0);

        pub fn to_word(self) -> u64 {
            self.0
        }

        /// # Safety
        /// None here.
        pub unsafe fn from_word(word: u64) -> Words {
            Words(word)
        }

        pub fn as_slice(self) -> &'static [AtomicU64] {
            match self.0.checked_sub(1) {
                Some(at) => RUNS.with_borrow(|runs| runs.all[at as usize]),
                None => &[],
            }
        }

        pub fn at_part(self, number: u64) -> Option<&'static AtomicU64> {
            let words = self.as_slice();
            words.get(((u128::from(number) * words.len() as u128) >> 64) as usize)
        }

        pub fn len(self) -> usize {
            self.as_slice().len()
        }

        pub fn bytes(self) -> usize {
            self.len() * 8
        }
    }

    pub fn allocate(words: usize) -> Result<Words, Status> {
        let words = words.next_power_of_two().max(8);
        let place =
            RUNS.with_borrow(|runs| runs.free.iter().position(|free| runs.all[free.0 as usize - 1].len() == words));
        let Some(place) = place else {
            let run: Vec<AtomicU64> = (0..words).map(|_| AtomicU64::new(0)).collect();
            return Ok(RUNS.with_borrow_mut(|runs| {
                runs.all.push(run.leak());
                Words(runs.all.len() as u64)
            }));
        };
        let run = RUNS.with_borrow_mut(|runs| runs.free.swap_remove(place));
        fence(Ordering::Release);
        run.as_slice().iter().for_each(|word| word.store(0, Ordering::Relaxed));
        Ok(run)
    }

    pub fn allocate_some(words: usize, _: usize) -> Result<Words, Status> {
        allocate(words)
    }

    pub fn free(run: Words) {
        if run != Words::NONE {
            RUNS.with_borrow_mut(|runs| runs.free.push(run));
        }
    }

    pub fn prefetch<T>(_: *const T) {}

    pub fn give_back_part(_: Words, _: usize, _: usize) {}

    pub fn free_given_back(run: Words) {
        free(run);
    }

    pub struct Table<T> {
        pub all: Vec<T>,
        pub marker: PhantomData<T>,
    }

    impl<T> Table<T> {
        pub fn get(&self, at: u32) -> Option<&T> {
            self.all.get(at as usize)
        }
    }
}

mod state {
    pub const NONE: u32 = u32::MAX;
}

mod names {
    use std::sync::LazyLock;

    pub static KEYS: LazyLock<ahash::RandomState> = LazyLock::new(ahash::RandomState::new);
}

mod handle {
    /// The same in every order, or they would not be orders of one thing.
    pub fn random_word() -> u64 {
        0x0123_4567_89AB_CDEF
    }
}

mod error {
    #[allow(non_camel_case_types)]
    #[derive(Debug)]
    pub enum Status {
        ERROR_OUT_OF_MEMORY,
    }
}

#[path = "../src/core/index.rs"]
mod index;

use std::marker::PhantomData;

use atomics::{AtomicU32, Ordering};
use index::{By, Changes, Index, IndexCounts, ModelKey, Newest, OldIndex};
use loom::sync::Arc;
use loom::thread;
use memory::Table;

/// What searches look at, as a registry has it. Partitions came to be in the order of their numbers.
struct Scene {
    changes: Changes,
    index: Index,
    keys: Table<ModelKey>,
}

/// The models' names and partitions.
type Models<'a> = &'a [(u32, u32)];

impl Scene {
    fn new(models: Models<'_>) -> Arc<Scene> {
        memory::reset();
        let key = |(name, partition): &(u32, u32)| ModelKey {
            name: AtomicU32::new(*name),
            structure: AtomicU32::new(0),
            partition: AtomicU32::new(*partition),
            marks: AtomicU32::new(0),
            uses: AtomicU32::new(0),
            position_on: AtomicU32::new(0),
        };
        let keys = Table { all: models.iter().map(key).collect(), marker: PhantomData };
        Arc::new(Scene { changes: Changes::default(), index: Index::new(By::Name), keys })
    }

    fn newest(&self, model: u32) -> Newest {
        let slot = self.keys.get(model).expect("a model");
        let (key, partition) = (slot.name.load(Ordering::Relaxed), slot.partition.load(Ordering::Relaxed));
        Newest { key, partition, model }
    }

    fn put(&self, counts: &mut IndexCounts, model: u32) {
        let Newest { key, partition, .. } = self.newest(model);
        self.index.put(counts, &self.keys, model, self.index.wanted(key, partition), u64::from(partition), u64::from);
    }

    fn take(&self, counts: &mut IndexCounts, model: u32) {
        let newest = self.newest(model);
        let sequence = u64::from(newest.partition);
        self.index.take(counts, &self.keys, newest, None, sequence, |sequence| Some(sequence as u32));
    }

    fn reserve(&self, counts: &mut IndexCounts, more: usize) {
        self.index.reserve(counts, &self.changes, more).expect("there is memory");
    }

    fn change(&self, change: impl FnOnce()) {
        assert!(self.changes.begin());
        change();
        self.changes.end();
    }

    /// Two models as somebody finds them who tries once: the first of one name, and of one in a partition.
    fn search(&self, first: u32, (name, partition): (u32, u32)) -> Option<(Option<u32>, Option<u32>)> {
        let version = self.changes.read()?;
        let found = (self.index.first(&self.keys, first), self.index.newest(&self.keys, name, partition));
        self.changes.unchanged(version).then_some((found.0.map(|(model, _)| model), found.1.map(|(model, _)| model)))
    }
}

/// Every order in which one thread is interrupted at most so often.
fn check(work: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.max_branches = 10_000;
    model.check(work);
}

#[test]
fn what_is_put_in_one_change_is_found_together_also_while_the_table_moves() {
    check(|| {
        let scene = Scene::new(&[(1, 0), (2, 0), (1, 0), (2, 0)]);
        let mut counts = IndexCounts::default();
        scene.reserve(&mut counts, 2);
        (0..2).for_each(|model| scene.put(&mut counts, model));
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || {
                if let Some(found) = scene.search(1, (2, 0)) {
                    assert!([(Some(0), Some(1)), (Some(2), Some(3))].contains(&found), "{found:?}");
                }
            })
        };
        scene.reserve(&mut counts, 8);
        scene.change(|| (2..4).for_each(|model| scene.put(&mut counts, model)));
        reader.join().expect("the reader ends");
    });
}

#[test]
fn memory_that_somebody_else_has_meanwhile_is_no_answer() {
    check(|| {
        let scene = Scene::new(&[(1, 0), (2, 0)]);
        let mut counts = IndexCounts::default();
        scene.reserve(&mut counts, 2);
        (0..2).for_each(|model| scene.put(&mut counts, model));
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || {
                if let Some(found) = scene.search(1, (2, 0)) {
                    assert_eq!(found, (Some(0), Some(1)));
                }
            })
        };
        scene.reserve(&mut counts, 8);
        let other = memory::allocate(8).expect("there is memory");
        other.as_slice().iter().for_each(|word| word.store(u64::MAX, Ordering::Relaxed));
        reader.join().expect("the reader ends");
    });
}

#[test]
fn after_a_clear_nothing_of_before_is_found_whatever_its_memory_is_used_for() {
    check(|| {
        let scene = Scene::new(&[(1, 0), (2, 0), (1, 0)]);
        let mut counts = IndexCounts::default();
        scene.reserve(&mut counts, 2);
        (0..2).for_each(|model| scene.put(&mut counts, model));
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || {
                if let Some(found) = scene.search(1, (2, 0)) {
                    let expected = [(Some(0), Some(1)), (None, None), (Some(2), None)];
                    assert!(expected.contains(&found), "{found:?}");
                }
            })
        };
        let mut old: Option<OldIndex> = None;
        scene.change(|| old = Some(scene.index.clear(&mut counts)));
        assert!(old.is_some_and(|mut old| old.reclaim(&mut 100)));
        scene.reserve(&mut counts, 1);
        scene.change(|| scene.put(&mut counts, 2));
        reader.join().expect("the reader ends");
    });
}

#[test]
fn where_the_first_partition_lets_a_name_go_the_next_one_has_it() {
    check(|| {
        let scene = Scene::new(&[(1, 0), (1, 1)]);
        let mut counts = IndexCounts::default();
        scene.reserve(&mut counts, 2);
        (0..2).for_each(|model| scene.put(&mut counts, model));
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || {
                if let Some(found) = scene.search(1, (1, 1)) {
                    assert!([(Some(0), Some(1)), (Some(1), Some(1))].contains(&found), "{found:?}");
                }
            })
        };
        scene.change(|| scene.take(&mut counts, 0));
        // The slot is given to a model of another name.
        scene.reserve(&mut counts, 1);
        scene.change(|| {
            scene.keys.get(0).expect("a model").name.store(2, Ordering::Relaxed);
            scene.put(&mut counts, 0);
        });
        reader.join().expect("the reader ends");
    });
}
