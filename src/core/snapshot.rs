//! Held snapshots: an owner's models at one moment, kept until the host lets them go.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result, Status};
use crate::schema::alloc::{boxed_str, exhausted};

use super::clock;
use super::due::DueList;
use super::handle::Tag;
use super::list::{Stamp, Which};
use super::owner::index_of;
use super::registry::{Locked, Registry};
use super::state::NONE;
use super::table::HandleTable;

/// A list of models that holds each of them.
pub(crate) struct Snapshot {
    registry: &'static Registry,
    stamp: Stamp,
    models: Box<[u64]>,
    /// When each of them was registered or last moved: it may be moved again while it is held.
    registered_at: Box<[i64]>,
    /// The name of the owner whose models they are; `None` for those of a registry.
    owner: Option<Box<str>>,
    made_at: i64,
    /// Handles of it; changed only under the registry's lock. At 0 its models are held no more.
    handles: AtomicU32,
}

static SNAPSHOTS: HandleTable<Snapshot> = HandleTable::new(Tag::Snapshot);

/// A snapshot of a handle, with the lock of the registry whose slots its models are in.
pub(crate) struct Held {
    pub locked: Locked,
    pub snapshot: Arc<Snapshot>,
}

impl Held {
    /// The index of the model at a position.
    ///
    /// # Errors
    /// `ERROR_INVALID_ARGUMENT` past the end.
    pub fn model(&self, position: usize) -> Result<u32> {
        self.at(&self.snapshot.models, position).map(|id| index_of(*id))
    }

    /// When the model at a position had been registered.
    ///
    /// # Errors
    /// As [`Held::model`].
    pub fn registered_at(&self, position: usize) -> Result<i64> {
        self.at(&self.snapshot.registered_at, position).copied()
    }

    fn at<'s, T>(&'s self, list: &'s [T], position: usize) -> Result<&'s T> {
        list.get(position).ok_or_else(|| {
            Error::new(
                Status::ERROR_INVALID_ARGUMENT,
                "position",
                format!("position {position}: the snapshot has {} models", list.len()),
            )
        })
    }
}

/// The snapshot of a handle.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle; `ERROR_POISONED`.
pub(crate) fn get(handle: u64) -> Result<Held> {
    let snapshot = SNAPSHOTS.get(handle)?;
    let locked = snapshot.registry.lock()?;
    if snapshot.handles.load(Ordering::Relaxed) == 0 {
        return Err(Status::ERROR_STALE_HANDLE.into());
    }
    Ok(Held { locked, snapshot })
}

/// The handles of the models in a snapshot, and its stamp.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle.
pub fn models(handle: u64, out: &mut [MaybeUninit<u64>]) -> Result<(usize, Stamp)> {
    let snapshot = SNAPSHOTS.get(handle)?;
    for (to, from) in out.iter_mut().zip(&snapshot.models) {
        to.write(*from);
    }
    Ok((snapshot.models.len(), snapshot.stamp))
}

/// Lets a snapshot go. Gives the handle of its registry and the destructors that are due.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle.
pub fn free(handle: u64) -> Result<(u64, DueList)> {
    let snapshot = SNAPSHOTS.get(handle)?;
    let mut gone = DueList::default();
    // What the host lets go it lets go, also of a registry that is in doubt.
    let mut locked = snapshot.registry.lock_in_doubt();
    SNAPSHOTS.remove(handle)?;
    if snapshot.handles.fetch_sub(1, Ordering::Relaxed) == 1 {
        locked.snapshot_bytes -= snapshot.bytes();
        for id in &snapshot.models {
            locked.let_go(index_of(*id), &mut gone);
        }
    }
    Ok((snapshot.registry.handle(), gone))
}

/// Calls `each` with every handle of a snapshot of this registry, and how many models that has.
pub(crate) fn each_of(registry: &Registry, mut each: impl FnMut(u64, &Snapshot)) {
    SNAPSHOTS.each(|handle, snapshot| {
        if std::ptr::eq(snapshot.registry, registry) {
            each(handle, snapshot);
        }
    });
}

impl Snapshot {
    /// How many models it holds.
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// The name of the owner whose models it holds; `None` for those of a registry.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// When it was first held: milliseconds since 1970.
    pub fn made_at(&self) -> i64 {
        self.made_at
    }

    fn bytes(&self) -> usize {
        size_of::<Snapshot>()
            + size_of_val(&*self.models)
            + size_of_val(&*self.registered_at)
            + self.owner.as_ref().map_or(0, |name| name.len())
    }
}

impl Locked {
    /// Holds a list of an owner's: the same snapshot as before while nothing changed.
    pub fn hold_list(&mut self, owner: u32, kind: u32, which: Which) -> Result<u64> {
        let known = self.owners[owner as usize].kind;
        let finds = kind == super::list::ANY_KIND || kind == known;
        if finds {
            self.build(owner, which == Which::On);
        }
        let parted = which == Which::On && self.owners[owner as usize].lists_differ;
        let list = if parted { self.list_on(owner) } else { self.list_of(owner) }.ok_or(Status::ERROR_INTERNAL)?;
        let stamp = list.stamp(self.registry.word.load(Ordering::Relaxed));
        if !finds {
            let snapshot = self.snapshot_of(Vec::new(), Stamp { stamp: 0, ..stamp }, owner)?;
            return self.hand_out(snapshot);
        }
        let cached = self.owners[owner as usize].snapshots[usize::from(parted)].upgrade();
        if let Some(cached) = cached
            && cached.stamp == stamp
            && cached.handles.load(Ordering::Relaxed) > 0
        {
            return self.hand_out(cached);
        }
        let mut models = Vec::new();
        models.try_reserve_exact(list.used()).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        models.extend((0..list.used()).map(|at| list.id_at(at)));
        let snapshot = self.snapshot_of(models, stamp, owner)?;
        self.owners[owner as usize].snapshots[usize::from(parted)] = Arc::downgrade(&snapshot);
        self.hand_out(snapshot)
    }

    /// Holds these models, which are registered.
    pub fn hold_models(&mut self, models: Vec<u64>) -> Result<u64> {
        let snapshot = self.snapshot_of(models, Stamp::default(), NONE)?;
        self.hand_out(snapshot)
    }

    /// A snapshot of these models, of an owner's or, where that is `NONE`, of the registry's.
    fn snapshot_of(&self, models: Vec<u64>, stamp: Stamp, owner: u32) -> Result<Arc<Snapshot>> {
        let mut registered_at = Vec::new();
        registered_at.try_reserve_exact(models.len()).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        registered_at.extend(models.iter().map(|id| self.models[index_of(*id) as usize].registered_at));
        let owner = self.owners.get(owner as usize).map(|owner| boxed_str(&owner.name)).transpose();
        Ok(Arc::new(Snapshot {
            registry: self.registry,
            stamp,
            models: models.into_boxed_slice(),
            registered_at: registered_at.into_boxed_slice(),
            owner: owner.map_err(exhausted)?,
            made_at: clock::wall_ms(),
            handles: AtomicU32::new(0),
        }))
    }

    fn hand_out(&mut self, snapshot: Arc<Snapshot>) -> Result<u64> {
        let handle = SNAPSHOTS.insert(snapshot.clone()).map_err(|(status, _)| status)?;
        if snapshot.handles.fetch_add(1, Ordering::Relaxed) == 0 {
            self.snapshot_bytes += snapshot.bytes();
            for id in &snapshot.models {
                self.models[index_of(*id) as usize].hold();
            }
        }
        Ok(handle)
    }
}
