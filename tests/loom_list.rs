//! The protocol of an owner's list, under every order of loads and stores that the memory model allows: the file of the
//! library itself, on the atomics of a model checker.
//!
//! Runs with `RUSTFLAGS="--cfg loom" cargo test --test loom_list`; there is nothing in it otherwise.

#![cfg(loom)]
#![allow(dead_code)]

/// What the list is made of. Lists are short here: longer ones lie in memory that is handed out by
/// address, which the checker cannot follow.
mod atomics {
    pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

mod memory {
    use std::mem::MaybeUninit;

    use crate::atomics::{AtomicU32, AtomicU64, Ordering};
    use crate::error::Status;

    /// # Safety
    /// None here.
    pub unsafe trait Atomics {}

    #[derive(Clone, Copy)]
    pub struct Words;

    impl Words {
        pub fn to_word(self) -> u64 {
            0
        }

        /// # Safety
        /// None here.
        pub unsafe fn from_word(_: u64) -> Words {
            Words
        }

        pub fn as_slice(self) -> &'static [AtomicU64] {
            &[]
        }

        pub fn bytes(self) -> usize {
            0
        }
    }

    pub fn allocate(_: usize) -> Result<Words, Status> {
        Err(Status::ERROR_OUT_OF_MEMORY)
    }

    pub fn free(_: Words) {}

    pub const LINE_WORDS: usize = 8;

    pub fn copy(from: &[AtomicU64], to: &mut [MaybeUninit<u64>]) {
        copy_few(from, to);
    }

    pub fn copy_few(from: &[AtomicU64], to: &mut [MaybeUninit<u64>]) {
        to.iter_mut().zip(from).for_each(|(to, from)| _ = to.write(from.load(Ordering::Relaxed)));
    }

    pub fn copy_ten(from: &[AtomicU64; 10], to: &mut [MaybeUninit<u64>; 10]) {
        copy_few(from, to);
    }

    pub fn position_of_ten(among: &[AtomicU32; 10], used: usize, wanted: u32) -> Option<usize> {
        among.iter().take(used).position(|one| one.load(Ordering::Relaxed) == wanted)
    }

    pub fn prefetch<T>(_: *const T) {}

    pub fn prefetch_to_write<T>(_: *const T) {}
}

#[path = "../src/core/list.rs"]
mod list;

mod error {
    #[allow(non_camel_case_types)]
    #[derive(Debug)]
    pub enum Status {
        ERROR_OUT_OF_MEMORY,
    }
}

use std::mem::MaybeUninit;
use std::sync::atomic::AtomicU8;
use std::sync::{Mutex, PoisonError};

use atomics::{AtomicU64, Ordering};
use list::{ANY_KIND, Answer, Ask, List, Miss, Stamp, Which};
use loom::sync::Arc;
use loom::thread;

const APP: u32 = 2;

/// A list in a registry, as its lock's holder and its readers have it.
#[derive(Default)]
struct Scene {
    list: List,
    other: List,
    epoch: AtomicU64,
    cleared: AtomicU64,
    registry_word: AtomicU64,
}

impl Scene {
    fn new() -> Arc<Scene> {
        let scene = Scene::default();
        scene.epoch.store(1, Ordering::Relaxed);
        scene.cleared.store(1, Ordering::Relaxed);
        scene.registry_word.store(1, Ordering::Relaxed);
        for list in [&scene.list, &scene.other] {
            list.open(7, APP, 1, 1, 0);
        }
        Arc::new(scene)
    }

    /// With two models in the list: 10 of the name 1, and 20 of the name 2.
    fn of_two() -> Arc<Scene> {
        let scene = Scene::new();
        scene.list.push(10, 1, 2);
        scene.list.push(20, 2, 3);
        scene
    }

    fn ask(&self, generation: u32) -> Ask<'_> {
        let Scene { epoch, cleared, registry_word, .. } = self;
        Ask { generation, kind: ANY_KIND, epoch, cleared, registry_word }
    }

    /// What a reader gets who asks once.
    fn copy(&self, list: &List, generation: u32) -> Result<(Vec<u64>, Stamp), Miss> {
        self.answer(list, generation).map(|(ids, stamp, _)| (ids, stamp))
    }

    fn answer(&self, list: &List, generation: u32) -> Result<(Vec<u64>, Stamp, Answer), Miss> {
        let (mut out, mut stamp) = ([const { MaybeUninit::uninit() }; 4], Stamp::default());
        let words = (&self.epoch, &self.registry_word);
        let at_once = match AT_ONCE.load(Ordering::Relaxed) {
            WITHOUT_A_CALL => list.copy_at_once::<true, true>(generation, ANY_KIND, words, &mut out),
            SHORT_WAY => list.copy_at_once::<true, false>(generation, ANY_KIND, words, &mut out),
            _ => None,
        };
        let answer = match at_once {
            Some((answer, at)) => {
                stamp = at;
                answer
            }
            None => list.copy(&self.ask(generation), Which::Owned, &mut out, &mut stamp)?,
        };
        // SAFETY: the list has written so many.
        Ok((out[..answer.count].iter().map(|id| unsafe { id.assume_init() }).collect(), stamp, answer))
    }

    /// Asks as the library does; gives whether it was the first to since the list was changed, if it got an answer.
    fn asks_first(&self) -> Option<bool> {
        let (.., answer) = self.answer(&self.list, 7).ok()?;
        Some(answer.unasked.is_some_and(|unasked| self.list.is_first(unasked, |_| ())))
    }
}

/// Which way readers try first: the library's try the short ones.
static AT_ONCE: AtomicU8 = AtomicU8::new(LONG_WAY);
const LONG_WAY: u8 = 0;
const SHORT_WAY: u8 = 1;
const WITHOUT_A_CALL: u8 = 2;

/// Every order in which one thread is interrupted at most so often, for readers of each way.
fn check(work: impl Fn() + Send + Sync + 'static) {
    static ONE_BY_ONE: Mutex<()> = Mutex::new(());
    let _guard = ONE_BY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let work = std::sync::Arc::new(work);
    for at_once in [LONG_WAY, SHORT_WAY, WITHOUT_A_CALL] {
        AT_ONCE.store(at_once, Ordering::Relaxed);
        let work = work.clone();
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.max_branches = 10_000;
        model.check(move || work());
    }
}

#[test]
fn a_copy_is_of_one_moment() {
    check(|| {
        let scene = Scene::of_two();
        assert_eq!(scene.asks_first(), Some(true), "who asks without a call is not the first");
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || match scene.copy(&scene.list, 7) {
                Ok((ids, stamp)) => match stamp.stamp {
                    3 => assert_eq!((&*ids, stamp.owner), (&[10, 20][..], 3)),
                    4 => assert_eq!((&*ids, stamp.owner), (&[30, 20][..], 4)),
                    5 => assert_eq!((&*ids, stamp.owner), (&[20][..], 5)),
                    other => panic!("stamp {other} with {ids:?}"),
                },
                Err(miss) => assert_eq!(miss, Miss::Contended),
            })
        };
        scene.list.replace(0, 30, 4);
        scene.list.remove(0, 5);
        reader.join().expect("the reader ends");
    });
}

#[test]
fn a_model_is_found_by_its_name_wherever_it_stands() {
    check(|| {
        let scene = Scene::of_two();
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || {
                let found = scene.list.find_at_once::<false>(7, ANY_KIND, &scene.epoch, 2);
                assert!(matches!(found, None | Some(20 | 30)), "{found:?}");
                let found = scene.list.find_at_once::<true>(7, ANY_KIND, &scene.epoch, 2);
                assert!(matches!(found, None | Some(20 | 30)), "{found:?}");
                let found = scene.list.find(&scene.ask(7), 2);
                assert!(matches!(found, Err(Miss::Contended) | Ok(Some(20 | 30))), "{found:?}");
            })
        };
        scene.list.remove(0, 4);
        scene.list.replace(0, 30, 5);
        reader.join().expect("the reader ends");
    });
}

#[test]
fn of_those_who_ask_after_a_change_one_is_the_first() {
    check(|| {
        let scene = Scene::new();
        assert!(!scene.list.push(10, 1, 2), "nobody has asked");
        let readers = [(); 2].map(|()| {
            let scene = scene.clone();
            thread::spawn(move || scene.asks_first())
        });
        let firsts = readers.map(|reader| reader.join().expect("the reader ends"));
        assert!(firsts == [Some(true), Some(false)] || firsts == [Some(false), Some(true)], "{firsts:?}");
        assert!(scene.list.push(20, 2, 3), "they have asked");
    });
}

#[test]
fn who_asks_under_the_lock_and_who_asks_without_it_are_not_both_the_first() {
    check(|| {
        let scene = Scene::new();
        scene.list.push(10, 1, 2);
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || scene.asks_first())
        };
        let built = scene.list.build(|_, _| ());
        let first = reader.join().expect("the reader ends") == Some(true);
        assert_ne!(built, first);
    });
}

#[test]
fn a_change_knows_whether_the_list_was_asked() {
    check(|| {
        let scene = Scene::new();
        scene.list.push(10, 1, 2);
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || scene.asks_first())
        };
        // Each first question is one of a list that a later change finds asked.
        let invalidated =
            [scene.list.push(20, 2, 3), scene.list.remove(0, 4)].into_iter().filter(|asked| *asked).count();
        let first = reader.join().expect("the reader ends") == Some(true);
        let invalidated = invalidated + usize::from(scene.list.push(30, 3, 5));
        assert_eq!(invalidated, usize::from(first));
    });
}

#[test]
fn a_change_of_two_lists_is_one_change() {
    check(|| {
        let scene = Scene::new();
        scene.list.push(10, 1, 2);
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || {
                let to = scene.other.find(&scene.ask(7), 1);
                let from = scene.list.find(&scene.ask(7), 1);
                assert!(!(to == Ok(Some(10)) && from == Ok(Some(10))), "it is in both");
                let from = scene.list.find(&scene.ask(7), 1);
                let to = scene.other.find(&scene.ask(7), 1);
                assert!(!(from == Ok(None) && to == Ok(None)), "it is in neither");
            })
        };
        scene.list.freeze();
        scene.other.freeze();
        scene.list.remove(0, 3);
        scene.other.push(10, 1, 3);
        scene.list.thaw();
        scene.other.thaw();
        reader.join().expect("the reader ends");
    });
}

#[test]
fn what_is_gone_is_never_another_ones() {
    check(|| {
        let scene = Scene::new();
        scene.list.push(10, 1, 2);
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || match scene.copy(&scene.list, 7) {
                Ok((ids, _)) => assert_eq!(ids, [10]),
                Err(miss) => assert!(matches!(miss, Miss::Gone | Miss::Contended)),
            })
        };
        // Its owner is released, and its slot given to another one.
        scene.list.close();
        scene.list.open(8, APP, 1, 4, 0);
        reader.join().expect("the reader ends");
    });
}

#[test]
fn after_a_clear_no_reader_is_given_what_was_before() {
    check(|| {
        let scene = Scene::new();
        scene.list.push(10, 1, 2);
        let cleared = Arc::new(AtomicU64::new(0));
        let reader = {
            let (scene, cleared) = (scene.clone(), cleared.clone());
            thread::spawn(move || {
                let is_cleared = cleared.load(Ordering::Acquire) == 1;
                match scene.copy(&scene.list, 7) {
                    Ok((ids, stamp)) => {
                        assert!(ids == [10] && stamp.registry == 1 || ids.is_empty() && stamp.registry == 2);
                        assert!(!is_cleared || ids.is_empty());
                    }
                    // As long as the clear has not said that it is one, it takes the lock to tell.
                    Err(Miss::Unbuilt) => assert!(!is_cleared),
                    Err(miss) => assert!(matches!(miss, Miss::Emptied | Miss::Contended)),
                }
            })
        };
        // All that a clear does; and what the next question does that gets the lock.
        scene.epoch.store(2, Ordering::Release);
        scene.cleared.store(2, Ordering::Release);
        scene.registry_word.store(2, Ordering::Release);
        cleared.store(1, Ordering::Release);
        scene.list.reset(2, 2);
        scene.list.build(|_, _| ());
        reader.join().expect("the reader ends");
    });
}

#[test]
fn after_a_drop_no_reader_is_given_what_went_and_what_stays_is_as_it_was() {
    check(|| {
        let scene = Scene::new();
        scene.list.push(10, 1, 2);
        scene.other.push(20, 2, 2);
        let dropped = Arc::new(AtomicU64::new(0));
        let reader = {
            let (scene, dropped) = (scene.clone(), dropped.clone());
            thread::spawn(move || {
                let is_dropped = dropped.load(Ordering::Acquire) == 1;
                match scene.copy(&scene.list, 7) {
                    Ok((ids, stamp)) => {
                        assert!(ids == [10] && stamp.stamp == 2 || ids.is_empty() && stamp.stamp == 3);
                        assert!(!is_dropped || ids.is_empty());
                    }
                    Err(miss) => assert!(matches!(miss, Miss::Unbuilt | Miss::Contended)),
                }
                match scene.copy(&scene.other, 7) {
                    Ok((ids, stamp)) => assert_eq!((ids, stamp.stamp), (vec![20], 2)),
                    Err(miss) => assert!(matches!(miss, Miss::Unbuilt | Miss::Contended)),
                }
            })
        };
        // All that a drop does; and what the next questions do, under the lock.
        scene.epoch.store(2, Ordering::Release);
        scene.registry_word.store(2, Ordering::Release);
        dropped.store(1, Ordering::Release);
        scene.list.take_over_emptied(2, 3);
        scene.other.take_over(2);
        reader.join().expect("the reader ends");
    });
}
