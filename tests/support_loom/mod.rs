//! What stands around the files that `loom_registry.rs` compiles: locks and threads of the model checker, a clock that goes
//! forward only while the sweeper waits, and a registry's state with one thing in it.
//!
//! The checker runs all threads of a test as one, so what a test notes beside the model lies in thread-locals of that one.

/// The locks of `src/core/lock.rs`, without the order of ranks, which debug builds check: a deadlock is found here.
pub mod lock {
    use std::cell::UnsafeCell;
    use std::ops::{Deref, DerefMut};
    use std::sync::OnceLock;
    use std::time::Duration;

    pub use loom::sync::Condvar;
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::{Mutex, MutexGuard};

    use super::thread_end::this_thread;
    use super::{clock, spawn};

    pub enum Rank {
        Sweeper,
        Gate,
        Registries,
        State,
        Handles,
        ReleaseQueue,
        Due,
    }

    loom::lazy_static! {
        /// How many locks the sweeper's thread holds. The checker's own, so that it tries what comes before what.
        static ref HELD: AtomicUsize = AtomicUsize::new(0);
    }

    /// How many locks the sweeper's thread holds now.
    pub fn held_by_sweeper() -> usize {
        HELD.fetch_add(0, Ordering::SeqCst)
    }

    fn is_sweeper() -> bool {
        this_thread() == spawn::sweepers_thread()
    }

    pub struct Ranked<T> {
        turn: OnceLock<Mutex<()>>,
        value: UnsafeCell<T>,
    }

    // SAFETY: only who has the mutex reaches the value.
    unsafe impl<T: Send> Sync for Ranked<T> {}

    pub type ForkRanked<T> = Ranked<T>;
    pub type ForkGuard<'a, T> = Guard<'a, T>;

    pub struct Guard<'a, T> {
        owner: &'a Ranked<T>,
        turn: Option<MutexGuard<'a, ()>>,
    }

    impl<T> Ranked<T> {
        /// The mutex is made by the first who asks: the checker's cannot be a constant.
        pub const fn new(_: Rank, value: T) -> Self {
            Ranked { turn: OnceLock::new(), value: UnsafeCell::new(value) }
        }

        pub fn lock(&self) -> Guard<'_, T> {
            let turn = self.turn.get_or_init(|| Mutex::new(())).lock().expect("the lock");
            Guard::new(self, turn)
        }

        /// For who can do without: nobody here.
        pub fn try_lock(&self) -> Option<Guard<'_, T>> {
            None
        }

        pub fn is_locked(&self) -> bool {
            true
        }
    }

    impl<'a, T> Guard<'a, T> {
        fn new(owner: &'a Ranked<T>, turn: MutexGuard<'a, ()>) -> Self {
            if is_sweeper() {
                HELD.fetch_add(1, Ordering::SeqCst);
            }
            Guard { owner, turn: Some(turn) }
        }

        fn leave(&mut self) -> Option<MutexGuard<'a, ()>> {
            let turn = self.turn.take()?;
            if is_sweeper() {
                HELD.fetch_sub(1, Ordering::SeqCst);
            }
            Some(turn)
        }

        /// Time passes only here; where none is left, a time never comes.
        pub fn wait(mut self, condition: &Condvar, at_most: Option<Duration>) -> Self {
            let owner = self.owner;
            let turn = self.leave().expect("the lock is held");
            if at_most.is_some_and(clock::pass) {
                drop(turn);
                return owner.lock();
            }
            Guard::new(owner, condition.wait(turn).expect("the lock"))
        }
    }

    impl<T> Deref for Guard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            // SAFETY: the mutex is held.
            unsafe { &*self.owner.value.get() }
        }
    }

    impl<T> DerefMut for Guard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            // SAFETY: the mutex is held.
            unsafe { &mut *self.owner.value.get() }
        }
    }

    impl<T> Drop for Guard<'_, T> {
        fn drop(&mut self) {
            self.leave();
        }
    }
}

pub mod atomics {
    use std::sync::OnceLock;

    pub use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};

    /// The checker's, made by the first who asks: an array of them has to be a constant.
    pub struct AtomicPtr<T>(OnceLock<loom::sync::atomic::AtomicPtr<T>>);

    impl<T> AtomicPtr<T> {
        pub const fn new(_null: *mut T) -> Self {
            AtomicPtr(OnceLock::new())
        }

        fn place(&self) -> &loom::sync::atomic::AtomicPtr<T> {
            self.0.get_or_init(|| loom::sync::atomic::AtomicPtr::new(std::ptr::null_mut()))
        }

        pub fn load(&self, order: Ordering) -> *mut T {
            self.place().load(order)
        }

        pub fn store(&self, value: *mut T, order: Ordering) {
            self.place().store(value, order);
        }
    }
}

/// A clock that stands still but for [`clock::pass`].
pub mod clock {
    use std::cell::Cell;
    use std::ops::Sub;
    use std::time::Duration;

    thread_local! {
        static NOW: Cell<u64> = const { Cell::new(0) };
        static LEFT: Cell<u32> = const { Cell::new(0) };
    }

    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Instant(u64);

    impl Instant {
        pub fn now() -> Instant {
            Instant(NOW.get())
        }

        pub fn checked_add(self, time: Duration) -> Option<Instant> {
            self.0.checked_add(time.as_millis() as u64).map(Instant)
        }
    }

    impl Sub for Instant {
        type Output = Duration;
        fn sub(self, earlier: Instant) -> Duration {
            Duration::from_millis(self.0 - earlier.0)
        }
    }

    /// Lets so many waits of a limited time end by their time.
    pub fn set(waits: u32) {
        NOW.set(0);
        LEFT.set(waits);
    }

    /// Lets a time pass, if it ever does. Some are too long.
    pub fn pass(time: Duration) -> bool {
        if time > Duration::from_secs(3600) {
            return false;
        }
        let Some(left) = LEFT.get().checked_sub(1) else { return false };
        LEFT.set(left);
        NOW.set(NOW.get() + time.as_millis() as u64);
        true
    }

    pub fn wall_ms() -> i64 {
        NOW.get() as i64
    }
}

pub mod thread_end {
    use std::cell::RefCell;

    use loom::thread::{self, ThreadId};

    thread_local! {
        static NAMES: RefCell<Vec<ThreadId>> = const { RefCell::new(Vec::new()) };
    }

    pub fn reset() {
        NAMES.take();
    }

    pub fn this_thread() -> u64 {
        let this = thread::current().id();
        NAMES.with_borrow_mut(|names| match names.iter().position(|name| *name == this) {
            Some(at) => at as u64 + 1,
            None => {
                names.push(this);
                names.len() as u64
            }
        })
    }

    /// The tests call [`crate::due::thread_ended`] themselves.
    pub fn watch() -> bool {
        true
    }

    pub fn end_now() {
        crate::due::thread_ended();
    }
}

/// Threads of the checker's, and what is called at a fork.
pub mod spawn {
    use std::cell::{Cell, RefCell};
    use std::sync::OnceLock;

    use loom::thread::{self, JoinHandle};

    use crate::error::Result;
    use crate::sweeper::{Run, serve};

    use super::thread_end::this_thread;

    thread_local! {
        static MADE: RefCell<Vec<JoinHandle<()>>> = const { RefCell::new(Vec::new()) };
        static LAST: Cell<u64> = const { Cell::new(0) };
    }

    pub fn make_thread(number: u64, run: Run) -> Result<()> {
        let made = thread::spawn(move || {
            LAST.set(this_thread());
            serve(number, run);
        });
        MADE.with_borrow_mut(|all| all.push(made));
        Ok(())
    }

    /// Waits for the end of the sweeper's threads. One that never ends is a deadlock to the checker.
    pub fn join() {
        for made in MADE.take() {
            made.join().expect("the sweeper's thread ends");
        }
        LAST.set(0);
    }

    /// The name of the sweeper's thread; 0 where there was none yet.
    pub fn sweepers_thread() -> u64 {
        LAST.get()
    }

    /// Asked once in the process.
    static HANDLERS: OnceLock<(extern "C" fn(), extern "C" fn())> = OnceLock::new();

    pub fn at_fork(prepare: extern "C" fn(), in_parent: extern "C" fn(), _in_child: extern "C" fn()) -> Result<()> {
        HANDLERS.get_or_init(|| (prepare, in_parent));
        Ok(())
    }

    /// What is called before a fork, and after it in the parent.
    pub fn handlers() -> (extern "C" fn(), extern "C" fn()) {
        *HANDLERS.get().expect("a sweeper was started")
    }
}

pub mod memory {
    use std::sync::OnceLock;

    use crate::error::Status;

    /// # Safety
    /// None here.
    pub unsafe trait Atomics: Default {}

    pub fn know_processor() {}

    /// Two places, made by the first who asks.
    pub struct Table<T>(OnceLock<[T; 2]>);

    impl<T: Atomics> Table<T> {
        pub const fn new() -> Self {
            Table(OnceLock::new())
        }

        pub fn get(&self, index: u32) -> Option<&T> {
            self.0.get_or_init(Default::default).get(index as usize)
        }

        pub fn reserve(&self, index: u32) -> Result<&T, Status> {
            self.get(index).ok_or(Status::ERROR_OUT_OF_MEMORY)
        }
    }
}

/// The log to which nobody listens.
pub mod log {
    use std::ffi::c_void;

    use super::super::due::UserData;

    #[derive(Clone, Copy, Debug)]
    pub enum Level {
        Info,
    }

    pub const MAX_MESSAGE: usize = 1023;

    pub type Callback = unsafe extern "C-unwind" fn(user_data: *mut c_void);

    pub struct Message;

    impl Message {
        pub fn new(_: Level, _: &str) -> Message {
            Message
        }
    }

    pub fn wants(_: Level) -> bool {
        false
    }

    pub fn listener(_: Level) -> Option<(Callback, UserData)> {
        None
    }
}

/// Nobody watches.
pub mod watcher {
    use std::ffi::c_void;

    use super::super::due::{Due, UserData};

    pub type Callback = unsafe extern "C-unwind" fn(user_data: *mut c_void, change: *const c_void);

    #[derive(Debug)]
    pub struct Watcher;

    impl Watcher {
        pub fn begin(&self) -> Option<(Callback, UserData)> {
            None
        }

        pub fn end(&self) -> Option<Box<Due>> {
            None
        }

        pub fn called(&self) -> Option<(Callback, UserData)> {
            None
        }
    }
}

pub mod change {
    #[derive(Debug)]
    pub struct Change;
    pub struct Told;

    impl From<&Change> for Told {
        fn from(_: &Change) -> Told {
            Told
        }
    }
}

/// The parts of a registry that nothing here looks into.
pub mod parts {
    use super::memory::Atomics;
    use crate::atomics::AtomicU64;

    // SAFETY: nothing is asked of it here.
    unsafe impl Atomics for AtomicU64 {}

    macro_rules! parts {
        ($($part:ident),*) => { $(
            #[derive(Default)]
            pub struct $part;
            // SAFETY: as above.
            unsafe impl Atomics for $part {}
            impl $part {
                pub fn new() -> $part {
                    $part
                }
            }
        )* };
    }
    parts!(List, ModelKey, Counters, Names, Places);

    impl List {
        pub fn last_stamp(&self) -> u64 {
            0
        }
    }

    #[derive(Default)]
    pub struct Changes(u64);

    pub fn draw_key() {}

    pub fn live_identity(generation: u32) -> u32 {
        generation << 1 | 1
    }

    impl Counters {
        pub fn hits(&self) -> u64 {
            0
        }

        pub fn misses(&self) -> u64 {
            0
        }

        pub fn reused(&self) -> u64 {
            0
        }
    }

    pub enum By {
        Name,
        Structure,
    }

    pub struct Index;

    impl Index {
        pub fn new(_: By) -> Index {
            Index
        }
    }
}

/// A registry that holds one thing at most, which a sweep drops or the end of the registry.
pub mod state {
    use std::cell::RefCell;

    use super::parts::Places;
    use crate::due::{Due, DueList};
    use crate::error::Result;
    use crate::registry::{Locked, Options};
    use crate::sweeper::Record;

    #[derive(Default)]
    pub struct State {
        pub alive: bool,
        pub poisoned: bool,
        pub unwinding: bool,
        pub options: Options,
        pub sweeper: Record,
        pub hits_before: u64,
        pub misses_before: u64,
        pub reused_before: u64,
        pub thing: Option<Box<Due>>,
    }

    thread_local! {
        static SWEPT: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }

    /// Which registries were swept since the last question.
    pub fn swept() -> Vec<u64> {
        SWEPT.take()
    }

    impl State {
        pub fn is_clean(&self) -> bool {
            self.thing.is_none()
        }

        pub fn open(&mut self, options: Options, _: &'static Places) -> Result<()> {
            assert!(!self.alive && self.thing.is_none(), "a number is opened twice");
            (self.alive, self.options, self.sweeper) = (true, options, Record::default());
            Ok(())
        }
    }

    impl Locked {
        pub fn close(&mut self) -> DueList {
            let mut gone = DueList::default();
            gone.extend(self.thing.take());
            self.alive = false;
            self.options = Options::default();
            gone
        }

        pub fn drop_idle(&mut self, _: u64, gone: &mut DueList) -> u64 {
            SWEPT.with_borrow_mut(|swept| swept.push(self.registry.handle()));
            gone.extend(self.thing.take());
            0
        }

        pub fn reclaim(&mut self, _: u32, _: &mut DueList) {}
    }
}
