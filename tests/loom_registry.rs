//! The protocols of what has locks, in every order that a model checker finds: the table of handles, registries that are
//! destroyed and have their numbers used again, the sweeper, what is due, and release queues. They are the files of the library
//! itself, on the checker's locks and atomics; what stands around them is in `support_loom`.
//!
//! Each says which mistakes in the library it was seen to find.
//!
//! Runs with `RUSTFLAGS="--cfg loom" cargo test --test loom_registry`; there is nothing in it otherwise.

#![cfg(loom)]
#![allow(dead_code)]

/// Made anew for every order.
macro_rules! shared {
    ($($(#[$about:meta])* static $name:ident: $type:ty = $value:expr;)*) => {
        loom::lazy_static! { $($(#[$about])* static ref $name: $type = $value;)* }
    };
}
use shared;

#[path = "../src/core/handle.rs"]
mod all_of_handle;
#[path = "../src/core/due.rs"]
mod due;
#[path = "../src/error.rs"]
mod error;
#[path = "../src/core/fallible.rs"]
mod fallible;
mod handle {
    pub use crate::all_of_handle::*;
    /// So few that a number is soon used again.
    pub const MAX_REGISTRIES: usize = 2;
}
#[path = "../src/core/registry.rs"]
mod registry;
#[path = "../src/core/release.rs"]
mod release;
#[path = "../src/core/sweeper.rs"]
mod sweeper;
#[path = "../src/core/table.rs"]
mod table;

mod support_loom;
use support_loom::parts as counters;
use support_loom::parts as index;
use support_loom::parts as list;
use support_loom::parts as names;
use support_loom::parts as places;
use support_loom::{atomics, change, clock, lock, log, memory, spawn, state, thread_end, watcher};

use std::cell::Cell;
use std::ffi::c_void;

use atomics::{AtomicU64, Ordering};
use due::{Due, DueList, Step, UserData};
use error::Status;
use handle::Tag;
use loom::sync::{Arc, Mutex};
use loom::thread;
use registry::Options;
use sweeper::Settings;
use table::HandleTable;
use thread_end::this_thread;

/// Every order in which threads are interrupted at most three times.
fn check(work: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.max_branches = 10_000;
    model.check(move || {
        thread_end::reset();
        clock::set(0);
        state::swept();
        work();
        spawn::join();
    });
}

fn status<T>(result: error::Result<T>) -> Status {
    result.map_or_else(|error| error.status(), |_| Status::ERROR_INTERNAL)
}

loom::lazy_static! {
    /// What destructors were called with, and on which thread. The checker's own, so that it tries what comes before what.
    static ref DESTROYED: Mutex<Vec<(usize, u64)>> = Mutex::default();
}

thread_local! {
    /// The registry whose sweeper is to be stopped.
    static REGISTRY: Cell<u64> = const { Cell::new(0) };
}

unsafe extern "C-unwind" fn destroy(thing: *mut c_void) {
    DESTROYED.lock().expect("the list").push((thing.addr(), this_thread()));
}

/// What was destroyed since the last question.
fn destroyed() -> Vec<usize> {
    std::mem::take(&mut *DESTROYED.lock().expect("the list")).into_iter().map(|(thing, _)| thing).collect()
}

fn thing(number: usize) -> Box<Due> {
    Due::new(destroy, UserData(std::ptr::without_provenance_mut(number))).expect("memory")
}

fn list_of(number: usize) -> DueList {
    let mut list = DueList::default();
    list.push(thing(number));
    list
}

/// Runs what is due, as every call does at its end; `gate` as in `run_turn` of the C functions.
fn run_behind<G>(batch: u64, gate: impl Fn() -> G) {
    let held = gate();
    let begun = due::begin(1000, batch, 0);
    drop(held);
    let Some(turn) = begun else { return };
    loop {
        let held = gate();
        let step = due::take(turn);
        drop(held);
        match step {
            // SAFETY: the function follows no pointer.
            Some(Step::Destroy(destroy, user_data)) => unsafe { destroy(user_data.0) },
            Some(_) => panic!("nobody is told"),
            None => return,
        }
    }
}

fn run(batch: u64) {
    run_behind(batch, || ());
}

/// Seen to fail without either fence in `table.rs`, and with a `still` that always says yes.
#[test]
fn what_is_read_beside_a_handle_is_of_that_handle() {
    check(|| {
        let table = Arc::new(HandleTable::new(Tag::Schema));
        let made_of = Arc::new(AtomicU64::new(10));
        let handle = table.insert_with(std::sync::Arc::new(()), Some(10)).expect("a handle");
        let reader = {
            let (table, made_of) = (table.clone(), made_of.clone());
            thread::spawn(move || match table.number(handle) {
                Ok(read) => {
                    // What the number stands for, which is another thing's once the handle is freed.
                    let seen = made_of.load(Ordering::Relaxed);
                    assert!((read.number, seen) == (10, 10) || !table.still(read), "it was used after its end");
                }
                Err(error) => assert_eq!(error.status(), Status::ERROR_STALE_HANDLE),
            })
        };
        table.remove(handle).expect("freed");
        made_of.store(20, Ordering::Relaxed);
        let next = table.insert_with(std::sync::Arc::new(()), Some(20)).expect("a handle");
        assert_eq!(table.number(next).expect("its number").number, 20);
        reader.join().expect("the reader ends");
    });
}

/// A registry that can be told from others by a limit of its own.
fn registry_of(limit: u32) -> u64 {
    registry::create(Options { max_models: limit, ..Options::default() }).expect("a registry")
}

fn registry_with_a_thing() -> u64 {
    let registry = registry_of(1);
    registry::resolve_locked(registry).expect("the lock").thing = Some(thing(1));
    registry
}

/// Seen to fail where `resolve_locked` asks only before it has the lock.
#[test]
fn a_registry_is_never_taken_for_the_next_of_its_number() {
    check(|| {
        // All numbers are taken, so that the next registry has the number of the first.
        let (first, _other) = (registry_of(1), registry_of(2));
        let late = thread::spawn(move || match registry::resolve_locked(first) {
            Ok(locked) => {
                assert!(locked.alive && locked.options.max_models == 1, "another registry is locked");
                assert_eq!(locked.registry.handle(), first);
            }
            Err(error) => assert_eq!(error.status(), Status::ERROR_STALE_HANDLE),
        });
        registry::destroy(first).expect("destroyed");
        let next = registry_of(3);
        assert_eq!(registry::resolve_locked(next).expect("the next one").options.max_models, 3);
        assert_eq!(status(registry::resolve(first)), Status::ERROR_STALE_HANDLE);
        late.join().expect("the late call ends");
    });
}

/// Seen to fail where `destroy` compares the generation before it has the lock, and where it gives the number back first.
#[test]
fn of_two_that_destroy_a_registry_one_succeeds_and_its_number_is_used_once() {
    check(|| {
        let (first, _other) = (registry_with_a_thing(), registry_of(2));
        let destroy_it =
            move || registry::destroy(first).map(|due| run(due::append(first, due))).map_err(|e| e.status());
        let others = thread::spawn(destroy_it);
        let mine = destroy_it();
        let next = registry::create(Options::default());
        let others = others.join().expect("the other thread ends");
        let succeeded = [mine, others].iter().filter(|result| result.is_ok()).count();
        assert_eq!(succeeded, 1);
        assert!([mine, others].contains(&Err(Status::ERROR_STALE_HANDLE)));
        assert_eq!(destroyed(), [1]);
        // There is room for one, and not for another.
        let next = next.or_else(|_| registry::create(Options::default()));
        assert!(next.is_ok_and(|next| next != first && registry::resolve(next).is_ok()));
        assert_eq!(status(registry::create(Options::default())), Status::ERROR_FULL);
    });
}

/// Seen to fail where `release_queue` asks only before it has the lock.
#[test]
fn the_queue_of_a_registry_is_never_that_of_the_next_of_its_number() {
    check(|| {
        let queues = [release::create().expect("a queue"), release::create().expect("a queue")];
        let with_queue = move |at: usize| Options {
            release_queue: release::optional(queues[at]).expect("the queue"),
            ..Options::default()
        };
        let first = registry::create(with_queue(0)).expect("a registry");
        registry_of(2);
        let late = thread::spawn(move || match registry::release_queue(first) {
            Ok(queue) => {
                let its = release::optional(queues[0]).expect("the queue");
                assert!(queue.zip(its).is_some_and(|(one, other)| std::sync::Arc::ptr_eq(&one, &other)));
            }
            Err(error) => assert_eq!(error.status(), Status::ERROR_STALE_HANDLE),
        });
        registry::destroy(first).expect("destroyed");
        registry::create(with_queue(1)).expect("a registry");
        late.join().expect("the late call ends");
    });
}

/// An interval that ends, as far as the clock is let go, and one that never does.
const SHORT: u64 = 1;
const LONG: u64 = u64::MAX;

/// What the sweeper's thread does with what it let go.
extern "C" fn run_swept(batch: u64) {
    run_behind(batch, sweeper::gate);
}

fn start(registry: u64, interval_ms: u64) -> error::Result<()> {
    sweeper::start(registry, Settings { interval_ms, max_idle_ms: 0 }, run_swept)
}

/// Seen to fail where `start` looks at the registry before it has the sweeper's lock, where `destroy` calls `forget` first, and
/// without the notification in `remove`.
#[test]
fn the_sweepers_thread_ends_with_the_last_registry_whoever_comes_first() {
    check(|| {
        let (first, second) = (registry_of(1), registry_of(2));
        start(first, LONG).expect("started");
        let starts = thread::spawn(move || {
            if let Err(error) = start(second, LONG) {
                assert_eq!(error.status(), Status::ERROR_STALE_HANDLE);
            }
        });
        sweeper::stop(first).expect("stopped");
        registry::destroy(second).expect("destroyed");
        starts.join().expect("the starting thread ends");
        // A thread that waits for ever is a deadlock, which the checker finds at the end of each order.
    });
}

/// Seen to fail where `stop` does not wait, where `serve` finishes before it runs the destructors, and without the notification in
/// `finish`.
#[test]
fn a_sweeper_that_was_stopped_is_not_at_the_registry() {
    check(|| {
        clock::set(1);
        let registry = registry_with_a_thing();
        start(registry, SHORT).expect("started");
        sweeper::stop(registry).expect("stopped");
        let gone = destroyed().len() as u64;
        let (record, running) = sweeper::info(registry).expect("its sweeper");
        assert!(!running && record.sweeps == gone, "the sweep is over, and so are its destructors");
        spawn::join();
        let after = sweeper::info(registry).expect("its sweeper").0.sweeps;
        assert_eq!((after, destroyed().len()), (record.sweeps, 0), "nothing happens afterwards");
    });
}

/// As [`run_swept`]; then the sweeper is stopped, on its own thread.
extern "C" fn run_and_stop(batch: u64) {
    run_swept(batch);
    sweeper::stop(REGISTRY.get()).expect("stopped");
}

/// Starts a sweeper that sweeps once.
fn start_once(registry: u64, interval_ms: u64) {
    REGISTRY.set(registry);
    sweeper::start(registry, Settings { interval_ms, max_idle_ms: 0 }, run_and_stop).expect("started");
}

/// Seen to fail without the notification in `start`, and where `stop` waits on the sweeper's own thread.
#[test]
fn a_sweeper_hears_of_a_new_interval_and_can_be_stopped_by_what_it_runs() {
    check(|| {
        clock::set(1);
        let registry = registry_with_a_thing();
        start_once(registry, LONG);
        start_once(registry, SHORT);
        // Where it did not hear of it, or waited for itself, it would wait for ever.
        spawn::join();
        assert_eq!(destroyed(), [1]);
    });
}

/// Seen to fail where a thread that ends does not say so under the lock.
#[test]
fn a_sweeper_can_be_started_while_the_thread_before_ends() {
    check(|| {
        clock::set(1);
        let registry = registry_with_a_thing();
        start_once(registry, LONG);
        sweeper::stop(registry).expect("stopped");
        start_once(registry, SHORT);
        spawn::join();
        assert_eq!(destroyed(), [1]);
    });
}

/// Seen to fail where the sweeper locks whichever registry has the number.
#[test]
fn a_registry_that_is_destroyed_while_it_is_swept_lets_each_thing_go_once_and_the_next_is_not_swept() {
    check(|| {
        clock::set(1);
        let (first, _other) = (registry_with_a_thing(), registry_of(2));
        start(first, SHORT).expect("started");
        let due = registry::destroy(first).expect("destroyed");
        let next = registry_of(3);
        run(due::append(first, due));
        spawn::join();
        assert_eq!(destroyed(), [1]);
        assert!(!state::swept().contains(&next), "its sweeper was never started");
        assert!(!sweeper::info(next).expect("its sweeper").1);
    });
}

/// All that happens to locks at a fork: the child has a copy of each, and of the threads only the one that forks.
fn fork() {
    let (prepare, in_parent) = spawn::handlers();
    prepare();
    assert_eq!(lock::held_by_sweeper(), 0, "who holds it is not there in the child");
    in_parent();
}

/// Seen to fail where the gate is given back before `append`, and where it is not taken for `take` or for the thread's end.
#[test]
fn at_a_fork_the_sweepers_thread_holds_no_lock() {
    check(|| {
        clock::set(1);
        let registry = registry_with_a_thing();
        start(registry, SHORT).expect("started");
        fork();
        sweeper::stop(registry).expect("stopped");
        // While the thread ends.
        fork();
    });
}

/// Seen to fail where `leave` leaves nothing, where a batch is not counted, and where a turn takes what a living thread let go.
#[test]
fn what_a_thread_leaves_when_it_ends_is_run_once() {
    check(|| {
        let ends = thread::spawn(|| {
            due::append(1, list_of(1));
            due::thread_ended();
        });
        let next = thread::spawn(|| {
            run(due::append(1, list_of(2)));
            this_thread()
        });
        run(due::append(1, list_of(3)));
        ends.join().expect("the first thread ends");
        let next = next.join().expect("the second thread ends");
        // Whoever comes next.
        run(0);
        let mut destroyed = std::mem::take(&mut *DESTROYED.lock().expect("the list"));
        destroyed.sort_unstable();
        assert!(matches!(destroyed[..], [(1, _), (2, on), (3, on_mine)] if on == next && on_mine == this_thread()));
    });
}

/// Lets a thing go that goes into a queue.
fn release(queue: &std::sync::Arc<release::ReleaseQueue>, number: usize) {
    let mut list = DueList::default();
    let user_data = UserData(std::ptr::without_provenance_mut(number));
    list.push(Due::queued(queue.clone(), release::Kind::Model, user_data));
    assert_eq!(due::append(1, list), 0, "nobody is called");
}

/// Seen to fail where `take` gives the lock back between its two steps, and where it does not turn the row round.
#[test]
fn what_is_in_a_queue_comes_out_once_and_in_its_order() {
    check(|| {
        let handle = release::create().expect("a queue");
        let queue = release::optional(handle).expect("the queue").expect("the queue");
        release(&queue, 1);
        let poll = move || release::poll(handle).expect("the queue").map_or(0, |released| released.user_data.0.addr());
        let puts = thread::spawn(move || {
            release(&queue, 2);
            release(&queue, 3);
        });
        let polls = thread::spawn(move || [poll(), poll()]);
        let mine = poll();
        let [one, other] = polls.join().expect("the second thread ends");
        puts.join().expect("the first thread ends");
        assert!(other == 0 || one < other, "{one} before {other}");
        let mut all = vec![mine, one, other];
        let rest: Vec<usize> = std::iter::repeat_with(poll).take_while(|one| *one != 0).collect();
        assert!(rest.is_sorted(), "{rest:?}");
        all.extend(rest);
        all.retain(|one| *one != 0);
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
    });
}

/// Seen to fail where `take` does not look whether the queue is open.
#[test]
fn a_queue_that_was_freed_is_never_said_to_be_empty() {
    check(|| {
        let handle = release::create().expect("a queue");
        let queue = release::optional(handle).expect("the queue").expect("the queue");
        release(&queue, 1);
        let polls = thread::spawn(move || match release::poll(handle) {
            Ok(released) => assert!(released.is_some(), "it was never empty"),
            Err(error) => assert_eq!(error.status(), Status::ERROR_STALE_HANDLE),
        });
        let puts = thread::spawn(move || release(&queue, 2));
        release::free(handle).expect("freed");
        assert_eq!(status(release::poll(handle)), Status::ERROR_STALE_HANDLE);
        polls.join().expect("the first thread ends");
        puts.join().expect("the second thread ends");
    });
}
