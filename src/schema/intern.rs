//! Sharing: what is equal is kept once, however often it was read.
//!
//! Schemas and their structures never change, so two that say the same can be one. A table of the process finds the one
//! that is there already; it holds none of them, and what is let go leaves it. Two that come from the table are equal
//! exactly where their addresses are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::slice;
use std::sync::{Arc, Weak};

use crate::core::lock::{Rank, Ranked};
use crate::core::names::KEYS;
use crate::error::Result;

use super::alloc::{exhausted, push, with_capacity};

/// What may be shared.
pub(super) trait Shared: Sized {
    /// Equal for equal ones; kept with each, as it is asked for again at the end.
    fn hash(&self) -> u64;

    /// Whether both say the same.
    fn same(&self, other: &Self) -> bool;
}

/// Those that are there, by their hash.
type Known<T> = HashMap<u64, Alike<T>, ahash::RandomState>;

/// Those of one hash; nearly always one.
enum Alike<T> {
    One(Weak<T>),
    More(Vec<Weak<T>>),
}

impl<T> Alike<T> {
    fn all(&self) -> &[Weak<T>] {
        match self {
            Alike::One(one) => slice::from_ref(one),
            Alike::More(all) => all,
        }
    }

    fn add(&mut self, value: Weak<T>) -> Result<()> {
        match self {
            Alike::More(all) => push(all, value),
            Alike::One(one) => {
                let mut all = with_capacity(2)?;
                all.push(std::mem::take(one));
                all.push(value);
                *self = Alike::More(all);
                Ok(())
            }
        }
    }

    /// Lets go of those that have ended; whether that were all.
    fn is_over(&mut self) -> bool {
        match self {
            Alike::One(one) => one.strong_count() == 0,
            Alike::More(all) => {
                all.retain(|other| other.strong_count() > 0);
                all.is_empty()
            }
        }
    }
}

/// A table of what is shared; it has no memory while that is nothing.
pub(super) struct Interner<T> {
    known: Ranked<Option<Known<T>>>,
}

impl<T: Shared> Interner<T> {
    /// An empty table.
    pub(super) const fn new() -> Self {
        Interner { known: Ranked::new(Rank::Interned, None) }
    }

    /// The one that says the same, else this one.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`
    pub(super) fn intern(&self, value: T) -> Result<Arc<T>> {
        let hash = value.hash();
        let value = Arc::new(value);
        // What is looked at may end here, and takes the lock to leave the table: it is let go after the lock.
        let mut looked_at = Vec::new();
        let mut guard = self.known.lock();
        let known = guard.get_or_insert_with(|| HashMap::with_hasher(KEYS.clone()));
        known.try_reserve(1).map_err(exhausted)?;
        let alike = match known.entry(hash) {
            Entry::Vacant(vacant) => {
                vacant.insert(Alike::One(Arc::downgrade(&value)));
                return Ok(value);
            }
            Entry::Occupied(alike) => alike.into_mut(),
        };
        looked_at.try_reserve(alike.all().len()).map_err(exhausted)?;
        for other in alike.all().iter().filter_map(Weak::upgrade) {
            if other.same(&value) {
                return Ok(other);
            }
            looked_at.push(other);
        }
        alike.add(Arc::downgrade(&value))?;
        Ok(value)
    }

    /// Takes what has ended out of the table; to be called as it ends.
    pub(super) fn forget(&self, hash: u64) {
        let mut guard = self.known.lock();
        let Some(known) = guard.as_mut() else { return };
        let Some(alike) = known.get_mut(&hash) else { return };
        if alike.is_over() {
            known.remove(&hash);
            // What is empty keeps no memory.
            if known.is_empty() {
                *guard = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of many that all have one hash.
    struct Alike(&'static str);

    static TABLE: Interner<Alike> = Interner::new();

    impl Shared for Alike {
        fn hash(&self) -> u64 {
            7
        }

        fn same(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Drop for Alike {
        fn drop(&mut self) {
            TABLE.forget(self.hash());
        }
    }

    fn intern(text: &'static str) -> Arc<Alike> {
        let Ok(interned) = TABLE.intern(Alike(text)) else { panic!("there is memory") };
        assert_eq!(interned.0, text);
        interned
    }

    /// How many the table has; `None` where it has no memory.
    fn known() -> Option<usize> {
        TABLE.known.lock().as_ref().map(|known| known.values().map(|alike| alike.all().len()).sum())
    }

    #[test]
    fn an_equal_hash_is_confirmed_by_comparing_and_what_ends_leaves_the_table() {
        assert_eq!(known(), None);
        let [one, other] = ["one", "other"].map(intern);
        assert!(!Arc::ptr_eq(&one, &other), "two that say something else stay two");
        let [one_again, other_again] = ["one", "other"].map(intern);
        assert!(Arc::ptr_eq(&one, &one_again) && Arc::ptr_eq(&other, &other_again), "two that say the same are one");
        assert_eq!(known(), Some(2));
        drop((one, other_again));
        assert_eq!(known(), Some(2), "both are still there");
        drop(one_again);
        assert_eq!(known(), Some(1));
        let one = intern("one");
        assert!(!Arc::ptr_eq(&one, &other));
        assert_eq!(known(), Some(2));
        drop((one, other));
        assert_eq!(known(), None, "what is empty keeps no memory");
    }
}
