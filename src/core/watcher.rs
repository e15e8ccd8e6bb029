//! Watchers: who is told of what happens in a registry.
//!
//! A change is noted under the registry's lock, when it is complete. A watcher without a callback keeps it in a ring of
//! a fixed size, from which the host polls; when the ring is full, the oldest goes, and how many went is told in their
//! place. For a watcher with a callback it is listed with the destructors that the change made due, and told before
//! them (`due.rs`).

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::Arc;

use crate::error::{Error, Result, Status};

use super::change::{Change, Kind, MAX_TOLD, Told};
use super::clock;
use super::due::{Due, DueList, UserData};
use super::fallible;
use super::handle::Tag;
use super::lock::{Rank, Ranked};
use super::log::Level;
use super::registry::{Locked, Registry, resolve_locked};
use super::state::NONE;
use super::table::HandleTable;

/// How many changes a watcher keeps where the host does not say.
pub const DEFAULT_CAPACITY: usize = 1024;
/// How many changes a watcher can keep.
pub const MAX_CAPACITY: usize = 1 << 20;

/// A function of the host's that is told of a change; `change` points to what the C layer makes of a [`Told`].
///
/// It may throw a C++ exception, which passes through the library's call to the host.
pub type Callback = unsafe extern "C-unwind" fn(user_data: *mut c_void, change: *const c_void);

/// What a new watcher is to be.
pub struct NewWatcher {
    /// How many changes it keeps; 0 for [`DEFAULT_CAPACITY`].
    pub capacity: usize,
    /// Who is called; `None` where the host polls.
    pub callback: Option<Callback>,
    /// The host's pointer.
    pub user_data: UserData,
}

struct Kept {
    change: Change,
    /// How many changes before it were lost.
    lost: u64,
}

struct Ring {
    open: bool,
    changes: VecDeque<Kept>,
    /// How many changes were lost after the newest that is kept, and the number of the last of them.
    lost: u64,
    last_lost: u64,
}

struct Life {
    freed: bool,
    /// Calls of the callback that are running now.
    running: u32,
    destroy: Option<Box<Due>>,
}

/// Someone who is told of what happens in a registry.
pub struct Watcher {
    registry: &'static Registry,
    /// The handle of the registry: another one may have its number by now.
    of: u64,
    capacity: usize,
    callback: Option<Callback>,
    user_data: UserData,
    ring: Ranked<Ring>,
    life: Ranked<Life>,
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher").finish_non_exhaustive()
    }
}

static WATCHERS: HandleTable<Watcher> = HandleTable::new(Tag::Watcher);

/// Makes a watcher and gives its handle; takes `destroy` when it succeeds.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle; `ERROR_POISONED`; `ERROR_INVALID_ARGUMENT` for a
/// capacity past [`MAX_CAPACITY`]; `ERROR_OUT_OF_MEMORY`; `ERROR_FULL`.
pub fn create(registry: u64, new: NewWatcher, destroy: &mut Option<Box<Due>>) -> Result<u64> {
    let capacity = match new.capacity {
        0 => DEFAULT_CAPACITY,
        capacity if capacity > MAX_CAPACITY => {
            return Err(Error::new(
                Status::ERROR_INVALID_ARGUMENT,
                "capacity",
                format!("capacity: {capacity} changes are too many (the limit is {MAX_CAPACITY})"),
            ));
        }
        capacity => capacity,
    };
    let mut changes = VecDeque::new();
    if new.callback.is_none() {
        changes.try_reserve_exact(capacity).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
    }
    let mut locked = resolve_locked(registry)?;
    locked.watchers.try_reserve(1).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
    let watcher = Arc::new(Watcher {
        registry: locked.registry,
        of: registry,
        capacity,
        callback: new.callback,
        user_data: new.user_data,
        ring: Ranked::new(Rank::Watcher, Ring { open: true, changes, lost: 0, last_lost: 0 }),
        life: Ranked::new(Rank::Callback, Life { freed: false, running: 0, destroy: None }),
    });
    let handle = WATCHERS.insert(watcher.clone()).map_err(|(status, _)| status)?;
    watcher.life.lock().destroy = destroy.take();
    locked.watchers.push(watcher);
    Ok(handle)
}

/// Takes the oldest change that a watcher keeps.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle; `ERROR_INVALID_ARGUMENT` for a watcher with a
/// callback.
pub fn poll(handle: u64) -> Result<Option<Told>> {
    let watcher = WATCHERS.get(handle)?;
    if watcher.callback.is_some() {
        return Err(Error::new(
            Status::ERROR_INVALID_ARGUMENT,
            "watcher",
            "watcher: it has a callback, which is told of every change (poll one that has none)",
        ));
    }
    let mut ring = watcher.ring.lock();
    if !ring.open {
        return Err(Status::ERROR_STALE_HANDLE.into());
    }
    let (lost, last) = match ring.changes.front_mut() {
        Some(next) => (std::mem::take(&mut next.lost), next.change.sequence - 1),
        None => (std::mem::take(&mut ring.lost), ring.last_lost),
    };
    if lost > 0 {
        return Ok(Some(Told::from(&watcher.lost(lost, last))));
    }
    let kept = ring.changes.pop_front();
    drop(ring);
    Ok(kept.map(|kept| Told::from(&kept.change)))
}

/// Frees a watcher: nobody is told any more. Its destructor is due when no callback of it is running.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle.
pub fn free(handle: u64, gone: &mut DueList) -> Result<()> {
    let watcher = WATCHERS.remove(handle)?;
    // What the host lets go it lets go, also of a registry that is in doubt. The registry may be another one by now.
    watcher.registry.lock_in_doubt().watchers.retain(|other| !Arc::ptr_eq(other, &watcher));
    let mut ring = watcher.ring.lock();
    ring.open = false;
    let kept = std::mem::take(&mut ring.changes);
    // There may be many: they are given back with no lock held.
    drop(ring);
    drop(kept);
    let mut life = watcher.life.lock();
    life.freed = true;
    if life.running == 0 {
        gone.extend(life.destroy.take());
    }
    Ok(())
}

impl Watcher {
    /// What tells that changes were lost, up to the one with number `last`.
    fn lost(&self, count: u64, last: u64) -> Change {
        Change { sequence: last, at_ms: clock::wall_ms(), registry: self.of, count, ..Change::new(Kind::Lost) }
    }

    /// Notes a change: keeps it to be polled, or lists it to be told.
    fn note(self: &Arc<Self>, change: &Change, gone: &mut DueList) {
        let mut ring = self.ring.lock();
        let already = ring.lost > 0;
        let noted = if self.callback.is_some() {
            self.list(&mut ring, change, gone)
        } else {
            self.keep(&mut ring, change, gone)
        };
        if noted.is_none() {
            ring.lost += 1;
            ring.last_lost = change.sequence;
            if !already {
                gone.log(Level::Warning, format_args!("watcher: out of memory; changes are lost"));
            }
        }
    }

    fn keep(&self, ring: &mut Ring, change: &Change, gone: &mut DueList) -> Option<()> {
        let copy = change.copied()?;
        if ring.changes.len() >= self.capacity {
            let lost = ring.changes.pop_front().map_or(0, |oldest| oldest.lost + 1);
            // Where one is kept, what was lost lies before it, since the oldest goes first.
            let next = match ring.changes.front_mut() {
                Some(next) => &mut next.lost,
                None => &mut ring.lost,
            };
            *next += lost;
            if lost == 1 {
                gone.log(
                    Level::Warning,
                    format_args!("watcher: {} changes wait to be polled and the oldest are lost", self.capacity),
                );
            }
        }
        ring.changes.push_back(Kept { change: copy, lost: std::mem::take(&mut ring.lost) });
        Some(())
    }

    fn list(self: &Arc<Self>, ring: &mut Ring, change: &Change, gone: &mut DueList) -> Option<()> {
        if ring.lost > 0 {
            gone.tell(Due::change(self.clone(), self.lost(ring.lost, ring.last_lost))?);
            ring.lost = 0;
        }
        gone.tell(Due::change(self.clone(), change.copied()?)?);
        Some(())
    }

    /// Begins a call of the callback; `None` where it must not be called any more.
    pub(super) fn begin(&self) -> Option<(Callback, UserData)> {
        let callback = self.callback?;
        let mut life = self.life.lock();
        if life.freed {
            return None;
        }
        life.running += 1;
        Some((callback, self.user_data))
    }

    /// Ends a call that was begun; gives the destructor where it is due with that.
    pub(super) fn end(&self) -> Option<Box<Due>> {
        let mut life = self.life.lock();
        life.running -= 1;
        if life.freed && life.running == 0 { life.destroy.take() } else { None }
    }

    /// Whom a call that was begun is for.
    pub(super) fn called(&self) -> Option<(Callback, UserData)> {
        self.callback.map(|callback| (callback, self.user_data))
    }
}

impl Locked {
    /// Whether anyone watches: all that a change costs where nobody does.
    #[inline(always)]
    pub fn is_watched(&self) -> bool {
        !self.watchers.is_empty()
    }

    /// A change of a model, as it is now; `None` where nobody watches.
    #[inline(always)]
    pub fn about_model(&self, kind: Kind, model: u32) -> Option<Change> {
        if self.is_watched() { Some(self.describe_model(kind, model)) } else { None }
    }

    #[cold]
    fn describe_model(&self, kind: Kind, model: u32) -> Change {
        let record = &self.models[model as usize];
        let owner = record.owner();
        let name = self.model_name(model).ok();
        Change {
            owner: if owner == NONE { 0 } else { self.registry.owner_handle(owner, self.owners[owner as usize].uses) },
            model: self.model_handle(model),
            name: name
                .and_then(|name| if name.len() > MAX_TOLD { fallible::beginning(&name, MAX_TOLD) } else { Some(name) }),
            tenant: match self.partitions.get(self.partition_of(model)) {
                Some(partition) => self.partitions.label(partition.label).ok(),
                None => Some(String::new()),
            },
            ..Change::new(kind)
        }
    }

    /// Tells everyone who watches.
    #[inline(always)]
    pub fn tell(&mut self, change: Option<Change>, gone: &mut DueList) {
        if let Some(change) = change {
            self.tell_all(change, gone);
        }
    }

    #[cold]
    fn tell_all(&mut self, mut change: Change, gone: &mut DueList) {
        self.changes += 1;
        change.sequence = self.changes;
        change.at_ms = clock::wall_ms();
        change.registry = self.registry.handle();
        for watcher in &self.watchers {
            watcher.note(&change, gone);
        }
    }
}
