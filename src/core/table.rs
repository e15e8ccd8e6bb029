//! Tables of handles for what belongs to the process: schemas, held snapshots, load reports, watchers, release queues.

use std::sync::Arc;

use crate::error::{Error, Status};

use super::handle::{self, MAX_SLOTS, MAX_USES, Parts, Tag};
use super::lock::{Rank, Ranked};

struct Slot<T> {
    uses: u32,
    value: Option<Arc<T>>,
}

struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

/// Checked handles of one type; each keeps its value alive until it is freed.
pub struct HandleTable<T> {
    tag: Tag,
    slots: Ranked<Slots<T>>,
}

impl<T> HandleTable<T> {
    /// An empty table.
    pub const fn new(tag: Tag) -> Self {
        HandleTable { tag, slots: Ranked::new(Rank::Handles, Slots { slots: Vec::new(), free: Vec::new() }) }
    }

    /// A new handle of the value.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`; then the value is given back.
    pub fn insert(&self, value: Arc<T>) -> Result<u64, (Status, Arc<T>)> {
        let mut guard = self.slots.lock();
        let Slots { slots, free } = &mut *guard;
        let index = match free.pop() {
            Some(index) => index,
            None if slots.len() >= MAX_SLOTS as usize => return Err((Status::ERROR_FULL, value)),
            None => {
                // `remove` must not fail, so the list of free slots has room for all of them.
                if slots.try_reserve(1).is_err() || free.try_reserve(slots.len() + 1).is_err() {
                    return Err((Status::ERROR_OUT_OF_MEMORY, value));
                }
                slots.push(Slot { uses: 0, value: None });
                slots.len() as u32 - 1
            }
        };
        let slot = &mut slots[index as usize];
        slot.uses += 1;
        slot.value = Some(value);
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
        // A slot whose generations are used up is retired: it is never listed as free again.
        if slots[index].uses < MAX_USES {
            free.push(index as u32);
        }
        Ok(kept)
    }
}
