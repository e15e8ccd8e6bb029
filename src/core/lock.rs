//! The order in which locks are taken, as data; debug builds check it.
//!
//! A thread that holds a lock may only take one of a higher rank. `memory`'s list of free runs is last of all: nothing is
//! called while it is held.

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Duration;

/// What is waited for with a `ForkRanked`.
pub use std::sync::Condvar;

use parking_lot::{Mutex, MutexGuard};

/// The rank of a lock; see the module's page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Rank {
    /// Which registries the sweeper's thread serves, and what it is at.
    Sweeper = 0,
    /// Held by the sweeper's thread while it takes any lock further down, so that a fork finds none of them taken by
    /// it.
    Gate = 1,
    /// The list of registries: which numbers are free.
    Registries = 2,
    /// One registry's state.
    State = 3,
    /// What a watcher keeps.
    Watcher = 4,
    /// A table of handles that belong to the process.
    Handles = 5,
    /// A release queue.
    ReleaseQueue = 6,
    /// What the host is to be called for.
    Due = 7,
    /// Whether a watcher's callback may be called, and runs.
    Callback = 8,
    /// Who gets the log's messages.
    Log = 9,
    /// A registry's list of counter lines.
    Counters = 10,
    /// A table of what is shared.
    Interned = 11,
}

/// A mutex that knows its rank.
pub struct Ranked<T> {
    rank: Rank,
    inner: Mutex<T>,
}

/// Holds a [`Ranked`] lock.
pub struct Guard<'a, T> {
    #[cfg(debug_assertions)]
    rank: Rank,
    inner: MutexGuard<'a, T>,
}

impl<T> Ranked<T> {
    /// A lock of this rank.
    pub const fn new(rank: Rank, value: T) -> Self {
        Ranked { rank, inner: Mutex::new(value) }
    }

    /// Takes the lock.
    #[inline(always)]
    pub fn lock(&self) -> Guard<'_, T> {
        held::enter(self.rank);
        self.guard(self.inner.lock())
    }

    /// Takes the lock if nobody has it.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let inner = self.inner.try_lock()?;
        held::enter(self.rank);
        Some(self.guard(inner))
    }

    /// Whether anybody has the lock.
    #[inline(always)]
    pub fn is_locked(&self) -> bool {
        self.inner.is_locked()
    }

    #[inline(always)]
    fn guard<'a>(&'a self, inner: MutexGuard<'a, T>) -> Guard<'a, T> {
        Guard {
            #[cfg(debug_assertions)]
            rank: self.rank,
            inner,
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

#[cfg(debug_assertions)]
impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        held::leave(self.rank);
    }
}

/// As [`Ranked`], for a lock that is held over a fork.
///
/// It is the standard library's: parking_lot keeps those who wait in a table of the process. In the child they would
/// stand there still, and could be handed the lock.
pub struct ForkRanked<T> {
    rank: Rank,
    inner: std::sync::Mutex<T>,
}

/// Holds a [`ForkRanked`] lock.
pub struct ForkGuard<'a, T> {
    // Given back in this order.
    inner: std::sync::MutexGuard<'a, T>,
    held: Held,
}

struct Held(Rank);

impl Drop for Held {
    fn drop(&mut self) {
        held::leave(self.0);
    }
}

impl<T> ForkRanked<T> {
    /// A lock of this rank.
    pub const fn new(rank: Rank, value: T) -> Self {
        ForkRanked { rank, inner: std::sync::Mutex::new(value) }
    }

    /// Takes the lock.
    pub fn lock(&self) -> ForkGuard<'_, T> {
        held::enter(self.rank);
        let held = Held(self.rank);
        ForkGuard { inner: self.inner.lock().unwrap_or_else(PoisonError::into_inner), held }
    }
}

impl<T> ForkGuard<'_, T> {
    /// Gives the lock back until the condition is notified, or so much time has passed, and takes it again. It may also
    /// return for no reason.
    pub fn wait(self, condition: &Condvar, at_most: Option<Duration>) -> Self {
        let ForkGuard { inner, held } = self;
        let inner = match at_most {
            Some(time) => condition.wait_timeout(inner, time).unwrap_or_else(PoisonError::into_inner).0,
            None => condition.wait(inner).unwrap_or_else(PoisonError::into_inner),
        };
        ForkGuard { inner, held }
    }
}

impl<T> Deref for ForkGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for ForkGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

#[cfg(debug_assertions)]
mod held {
    use super::Rank;
    use std::cell::Cell;

    thread_local! {
        static HELD: Cell<u32> = const { Cell::new(0) };
    }

    pub fn enter(rank: Rank) {
        // Thread-locals may be gone while a thread ends; then there is nothing to check against.
        let held = HELD.try_with(Cell::get).unwrap_or(0);
        assert!(
            held >> rank as u32 == 0,
            "a lock of rank {rank:?} was asked for while one of that rank or above is held"
        );
        let _ = HELD.try_with(|cell| cell.set(held | 1 << rank as u32));
    }

    pub fn leave(rank: Rank) {
        let _ = HELD.try_with(|cell| cell.set(cell.get() & !(1 << rank as u32)));
    }
}

#[cfg(not(debug_assertions))]
mod held {
    use super::Rank;

    #[inline(always)]
    pub fn enter(_: Rank) {}

    #[inline(always)]
    pub fn leave(_: Rank) {}
}
