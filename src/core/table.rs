//! Tables of handles for what belongs to the process: schemas, held snapshots, load reports, watchers, release queues.

use std::sync::Arc;

use crate::error::{Error, Status};

use super::atomics::{AtomicU64, Ordering, fence};
use super::handle::{self, MAX_SLOTS, MAX_USES, Parts, Tag};
use super::list::live_identity;
use super::lock::{Rank, Ranked};
use super::memory::{Atomics, Table};

struct Slot<T> {
    uses: u32,
    value: Option<Arc<T>>,
}

struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

/// A number that anyone may read beside a handle, without a lock.
#[cfg_attr(loom, derive(Default))]
#[repr(C, align(16))]
struct Beside {
    /// The identity of the handle that has the slot now, 0 if none has.
    identity: AtomicU64,
    number: AtomicU64,
}

// SAFETY: every field is an atomic integer.
unsafe impl Atomics for Beside {}

/// A number that was read beside a handle.
#[derive(Clone, Copy)]
pub struct Number {
    /// The number.
    pub number: u64,
    index: u32,
    identity: u64,
}

/// Checked handles of one type; each keeps its value alive until it is freed.
pub struct HandleTable<T> {
    tag: Tag,
    slots: Ranked<Slots<T>>,
    beside: Table<Beside>,
}

impl<T> HandleTable<T> {
    /// An empty table.
    pub const fn new(tag: Tag) -> Self {
        let slots = Ranked::new(Rank::Handles, Slots { slots: Vec::new(), free: Vec::new() });
        HandleTable { tag, slots, beside: Table::new() }
    }

    /// A new handle of the value.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`; then the value is given back.
    pub fn insert(&self, value: Arc<T>) -> Result<u64, (Status, Arc<T>)> {
        self.insert_with(value, None)
    }

    /// The same, with a number that [`HandleTable::number`] gives for it.
    ///
    /// # Errors
    /// As [`HandleTable::insert`].
    pub fn insert_with(&self, value: Arc<T>, number: Option<u64>) -> Result<u64, (Status, Arc<T>)> {
        let mut guard = self.slots.lock();
        let Slots { slots, free } = &mut *guard;
        let index = match free.pop() {
            Some(index) => index,
            None if slots.len() >= MAX_SLOTS as usize => return Err((Status::ERROR_FULL, value)),
            None => {
                // `remove` must not fail, so the list of free slots has room for all of them.
                let room = slots.try_reserve(1).and_then(|()| free.try_reserve(slots.capacity()));
                if room.is_err() {
                    return Err((Status::ERROR_OUT_OF_MEMORY, value));
                }
                slots.push(Slot { uses: 0, value: None });
                slots.len() as u32 - 1
            }
        };
        let beside = match number.map(|number| (number, self.beside.reserve(index))) {
            Some((_, Err(status))) => {
                free.push(index);
                return Err((status, value));
            }
            Some((number, Ok(beside))) => Some((number, beside)),
            None => None,
        };
        let slot = &mut slots[index as usize];
        slot.uses += 1;
        slot.value = Some(value);
        if let Some((number, beside)) = beside {
            beside.number.store(number, Ordering::Relaxed);
            beside.identity.store(u64::from(live_identity(handle::generation(slot.uses))), Ordering::Release);
        }
        Ok(handle::encode(self.tag, Parts { registry: 0, index, generation: handle::generation(slot.uses) }))
    }

    fn find(&self, slots: &Slots<T>, value: u64) -> Result<usize, Status> {
        let parts = handle::decode(value, self.tag)?;
        if parts.registry != 0 {
            return Err(Status::ERROR_FOREIGN_HANDLE);
        }
        let slot = slots.slots.get(parts.index as usize).ok_or(Status::ERROR_FORGED_HANDLE)?;
        if slot.value.is_some() && parts.generation == handle::generation(slot.uses) {
            return Ok(parts.index as usize);
        }
        Err(handle::classify(parts.generation, slot.uses))
    }

    /// The value of a handle.
    ///
    /// # Errors
    /// The status of a null, wrong, foreign, forged or stale handle.
    pub fn get(&self, value: u64) -> Result<Arc<T>, Error> {
        let guard = self.slots.lock();
        let found = self
            .find(&guard, value)
            .and_then(|index| guard.slots[index].value.clone().ok_or(Status::ERROR_STALE_HANDLE));
        found.map_err(|status| handle::error(self.tag, value, status))
    }

    /// The number beside a handle, without a lock. It may be the next handle's, until [`HandleTable::still`] says that it is not.
    ///
    /// # Errors
    /// As [`HandleTable::get`].
    #[inline(always)]
    pub fn number(&self, value: u64) -> Result<Number, Error> {
        if let Ok(parts) = handle::decode(value, self.tag)
            && parts.registry == 0
            && let Some(beside) = self.beside.get(parts.index)
        {
            let identity = u64::from(live_identity(parts.generation));
            if beside.identity.load(Ordering::Acquire) == identity {
                return Ok(Number { number: beside.number.load(Ordering::Relaxed), index: parts.index, identity });
            }
        }
        Err(self.get(value).err().unwrap_or_else(|| handle::error(self.tag, value, Status::ERROR_STALE_HANDLE)))
    }

    /// Whether the handle has not been freed since its number was read.
    #[inline(always)]
    pub fn still(&self, read: Number) -> bool {
        fence(Ordering::Acquire);
        self.beside.get(read.index).is_some_and(|beside| beside.identity.load(Ordering::Relaxed) == read.identity)
    }

    /// Calls `each` with every handle and its value. It must not use this table.
    pub fn each(&self, mut each: impl FnMut(u64, &T)) {
        let guard = self.slots.lock();
        for (index, slot) in guard.slots.iter().enumerate() {
            if let Some(value) = &slot.value {
                let parts = Parts { registry: 0, index: index as u32, generation: handle::generation(slot.uses) };
                each(handle::encode(self.tag, parts), value);
            }
        }
    }

    /// Frees a handle, and gives the value that it kept.
    ///
    /// # Errors
    /// As [`HandleTable::get`].
    pub fn remove(&self, value: u64) -> Result<Arc<T>, Error> {
        let mut guard = self.slots.lock();
        let index = self.find(&guard, value).map_err(|status| handle::error(self.tag, value, status))?;
        let Slots { slots, free } = &mut *guard;
        let kept = slots[index].value.take().ok_or(Status::ERROR_STALE_HANDLE)?;
        if let Some(beside) = self.beside.get(index as u32) {
            beside.identity.store(0, Ordering::Relaxed);
            // Whoever sees what is done with the slot from now on sees that it was freed.
            fence(Ordering::Release);
        }
        // A slot whose generations are used up is retired: it is never listed as free again.
        if slots[index].uses < MAX_USES {
            free.push(index as u32);
        }
        Ok(kept)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_until_its_handle_is_freed() {
        static TABLE: HandleTable<()> = HandleTable::new(Tag::Schema);
        let insert = |number| TABLE.insert_with(Arc::new(()), Some(number)).expect("there is room");
        let first = insert(7);
        let read = TABLE.number(first).expect("a number");
        assert_eq!(read.number, 7);
        assert!(TABLE.still(read));
        TABLE.remove(first).expect("it is there");
        assert!(!TABLE.still(read));
        let second = insert(8);
        assert!(!TABLE.still(read), "the slot has another handle");
        assert_eq!(TABLE.number(second).map(|read| read.number).ok(), Some(8));
        assert_eq!(TABLE.number(first).map_err(|error| error.status()).err(), Some(Status::ERROR_STALE_HANDLE));
    }
}
