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
    use crate::atomics::AtomicU64;
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

    pub fn prefetch<T>(_: *const T) {}
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

use atomics::{AtomicU64, Ordering};
use list::{ANY_KIND, Ask, List, Miss, Stamp, Which};
use loom::sync::Arc;
use loom::thread;

const APP: u32 = 2;

/// A list in a registry, as its lock's holder and its readers have it.
#[derive(Default)]
struct Scene {
    list: List,
    other: List,
    epoch: AtomicU64,
    registry_word: AtomicU64,
}

impl Scene {
    fn new() -> Arc<Scene> {
        let scene = Scene::default();
        scene.epoch.store(1, Ordering::Relaxed);
        scene.registry_word.store(1, Ordering::Relaxed);
        for list in [&scene.list, &scene.other] {
            list.open(7, APP, 1, 0);
            list.reset(1);
        }
        Arc::new(scene)
    }

    fn ask(&self, generation: u32) -> Ask<'_> {
        Ask { generation, kind: ANY_KIND, epoch: &self.epoch, registry_word: &self.registry_word }
    }

    /// What a reader gets who asks once.
    fn copy(&self, list: &List, generation: u32) -> Result<(Vec<u64>, Stamp), Miss> {
        let (mut out, mut stamp) = ([const { MaybeUninit::uninit() }; 4], Stamp::default());
        let count = list.copy(&self.ask(generation), Which::Owned, &mut out, &mut stamp)?;
        // SAFETY: the list has written so many.
        Ok((out[..count].iter().map(|id| unsafe { id.assume_init() }).collect(), stamp))
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
fn a_copy_is_of_one_moment() {
    check(|| {
        let scene = Scene::new();
        scene.list.push(10, 1, 2);
        scene.list.push(20, 2, 3);
        scene.list.build(1, 4, |_, _| ());
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || match scene.copy(&scene.list, 7) {
                Ok((ids, stamp)) => match stamp.stamp {
                    4 => assert_eq!((&*ids, stamp.owner), (&[10, 20][..], 4)),
                    6 => assert_eq!((&*ids, stamp.owner), (&[30, 20][..], 6)),
                    other => panic!("stamp {other} with {ids:?}"),
                },
                Err(miss) => assert!(matches!(miss, Miss::Unbuilt | Miss::Contended)),
            })
        };
        scene.list.replace(0, 30, 5);
        scene.list.build(1, 6, |_, _| ());
        reader.join().expect("the reader ends");
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
        scene.list.build(1, 3, |_, _| ());
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || match scene.copy(&scene.list, 7) {
                Ok((ids, _)) => assert_eq!(ids, [10]),
                Err(miss) => assert!(matches!(miss, Miss::Gone | Miss::Contended)),
            })
        };
        // Its owner is released, and its slot given to another one.
        scene.list.close();
        scene.list.open(8, APP, 4, 0);
        reader.join().expect("the reader ends");
    });
}

#[test]
fn after_a_clear_no_reader_is_given_what_was_before() {
    check(|| {
        let scene = Scene::new();
        scene.list.push(10, 1, 2);
        scene.list.build(1, 3, |_, _| ());
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
                    Err(miss) => assert!(matches!(miss, Miss::Unbuilt | Miss::Contended)),
                }
            })
        };
        // All that a clear does: the list is built anew by the next question.
        scene.epoch.store(2, Ordering::Release);
        scene.registry_word.store(2, Ordering::Release);
        cleared.store(1, Ordering::Release);
        scene.list.reset(2);
        scene.list.build(2, 4, |_, _| ());
        reader.join().expect("the reader ends");
    });
}
