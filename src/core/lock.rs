//! The order in which locks are taken, as data; debug builds check it.
//!
//! A thread that holds a lock may only take one of a higher rank. `memory`'s list of free runs is last of all: nothing is
//! called while it is held.

use std::ops::{Deref, DerefMut};

use parking_lot::{Mutex, MutexGuard};

/// The rank of a lock; see the module's page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Rank {
    /// The list of registries: which numbers are free.
    Registries = 0,
    /// One registry's state.
    State = 1,
    /// What a watcher keeps.
    Watcher = 2,
    /// A table of handles that belong to the process.
    Handles = 3,
    /// A release queue.
    ReleaseQueue = 4,
    /// What the host is to be called for.
    Due = 5,
    /// Whether a watcher's callback may be called, and runs.
    Callback = 6,
    /// Who gets the log's messages.
    Log = 7,
    /// A registry's list of counter lines.
    Counters = 8,
    /// A table of what is shared.
    Interned = 9,
}

/// A mutex that knows its rank.
pub struct Ranked<T> {
    rank: Rank,
    inner: Mutex<T>,
}

/// Holds a [`Ranked`] lock.
pub struct Guard<'a, T> {
    rank: Rank,
    inner: MutexGuard<'a, T>,
}

impl<T> Ranked<T> {
    /// A lock of this rank.
    pub const fn new(rank: Rank, value: T) -> Self {
        Ranked { rank, inner: Mutex::new(value) }
    }

    /// Takes the lock.
    pub fn lock(&self) -> Guard<'_, T> {
        held::enter(self.rank);
        Guard { rank: self.rank, inner: self.inner.lock() }
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

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        held::leave(self.rank);
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
