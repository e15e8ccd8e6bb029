//! Release queues: where `user_data` that is due waits for a host that takes no callbacks.
//!
//! What waits are the records that were made when the `user_data` was handed in, so nothing is lost for want of memory.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Status};

use super::due::{Chain, Due, UserData};
use super::handle::Tag;
use super::lock::{Rank, Ranked};
use super::table::HandleTable;

/// What `user_data` was handed in with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// A model.
    Model = 1,
    /// An owner.
    Owner = 2,
}

/// `user_data` that nothing holds any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Released {
    /// What it was handed in with.
    pub kind: Kind,
    /// The handle that the model or owner had; 0 where the call that was to register it failed.
    pub handle: u64,
    /// The host's pointer.
    pub user_data: UserData,
}

struct Waiting {
    open: bool,
    /// What came since `oldest` was filled, the last one first.
    arrived: Chain,
    /// The first one first.
    oldest: Chain,
}

/// A queue of `user_data` that is due, first in, first out.
pub struct ReleaseQueue {
    waiting: Ranked<Waiting>,
}

impl fmt::Debug for ReleaseQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReleaseQueue").finish_non_exhaustive()
    }
}

super::shared! {
    static QUEUES: HandleTable<ReleaseQueue> = HandleTable::new(Tag::ReleaseQueue);
}

/// Makes a queue and gives its handle.
///
/// # Errors
/// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`.
pub fn create() -> Result<u64, Error> {
    let waiting = Waiting { open: true, arrived: Chain::EMPTY, oldest: Chain::EMPTY };
    let queue = Arc::new(ReleaseQueue { waiting: Ranked::new(Rank::ReleaseQueue, waiting) });
    QUEUES.insert(queue).map_err(|(status, _)| status.into())
}

/// The queue of a handle; `None` for a null handle.
///
/// # Errors
/// The status of a wrong, foreign, forged or stale handle.
pub fn optional(handle: u64) -> Result<Option<Arc<ReleaseQueue>>, Error> {
    if handle == 0 { Ok(None) } else { QUEUES.get(handle).map(Some) }
}

/// Takes the oldest out of a queue.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle.
pub fn poll(handle: u64) -> Result<Option<Released>, Error> {
    Ok(QUEUES.get(handle)?.take()?.and_then(|due| due.released()))
}

/// Frees a queue; what is left in it and what comes later is dropped.
///
/// # Errors
/// As [`poll`].
pub fn free(handle: u64) -> Result<(), Error> {
    let queue = QUEUES.remove(handle)?;
    let mut waiting = queue.waiting.lock();
    waiting.open = false;
    let left = (std::mem::take(&mut waiting.arrived), std::mem::take(&mut waiting.oldest));
    // The records are given back with no lock held: there may be many.
    drop(waiting);
    drop(left);
    Ok(())
}

impl ReleaseQueue {
    /// Adds a record as the last one; drops it where the queue was freed.
    pub(super) fn put(&self, due: Box<Due>) {
        let mut waiting = self.waiting.lock();
        if waiting.open {
            waiting.arrived.push(due);
        }
    }

    /// Takes the oldest out; it may have been freed since it was found.
    fn take(&self) -> Result<Option<Box<Due>>, Error> {
        let mut waiting = self.waiting.lock();
        if !waiting.open {
            return Err(Status::ERROR_STALE_HANDLE.into());
        }
        if waiting.oldest.is_empty() {
            waiting.oldest = std::mem::take(&mut waiting.arrived).reversed();
        }
        Ok(waiting.oldest.pop())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn queue() -> (u64, Arc<ReleaseQueue>) {
        let handle = create().expect("a queue");
        (handle, optional(handle).expect("the queue").expect("no null handle"))
    }

    #[test]
    fn who_found_a_queue_before_it_was_freed_finds_it_closed_and_keeps_nothing_in_it() {
        let (handle, queue) = queue();
        let due = || Due::queued(queue.clone(), Kind::Model, UserData(std::ptr::without_provenance_mut(1)));
        queue.put(due());
        free(handle).expect("freed");
        assert_eq!(queue.take().map_err(|error| error.status()).err(), Some(Status::ERROR_STALE_HANDLE));
        queue.put(due());
        let waiting = queue.waiting.lock();
        assert!(waiting.arrived.is_empty() && waiting.oldest.is_empty());
    }

    #[test]
    fn a_queue_can_be_printed_while_it_is_used() {
        let (handle, queue) = queue();
        let used = queue.waiting.lock();
        assert_eq!(format!("{queue:?}"), "ReleaseQueue { .. }");
        drop(used);
        free(handle).expect("freed");
    }
}
