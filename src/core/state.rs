//! What a registry's lock guards.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Weak;

use crate::error::{Result, Status};

use super::due::{Due, UserData};
use super::index::{IndexCounts, OldIndex};
use super::names::{KEYS, NameCounts};
use super::partition::{NO_LABEL, Partitions};
use super::places::Places;
use super::registry::Options;
use super::schemas::Schemas;
use super::snapshot::Snapshot;
use super::sweeper::Record;
use super::watcher::Watcher;

/// Stands for no index.
pub(crate) const NONE: u32 = u32::MAX;

/// A model, as the registry knows it; what searches look at is in its [`super::index::ModelKey`].
pub(crate) struct ModelRecord {
    /// Twice how many hold the model, and one where there is an [`Extra`] of it. Holders are the registry (1), each held
    /// snapshot, and the host's holds together (1); while the record is free there is none.
    held: u32,
    /// Index of the data source, or `NONE`.
    pub data_source: u32,
    /// Index of the app, or of the owner of a host's kind, or `NONE`.
    pub app: u32,
    /// The models of the same name in the same partition, registered before and after this one.
    pub older: u32,
    pub newer: u32,
    /// The models of the same structure and strictness in the same partition, registered before and after this one.
    pub older_alike: u32,
    pub newer_alike: u32,
    /// The models of the same partition, registered before and after this one. While the record is free, `next` is the
    /// next free one.
    pub previous: u32,
    pub next: u32,
    pub registered_at: i64,
    pub user_data: UserData,
    /// The number of the schema, or `NONE`.
    pub schema: u32,
}

// 64 with its slot, and 24 of what searches look at: what a model costs but for its entries in the indices.
const _: () = assert!(size_of::<ModelRecord>() == 56);

/// One holder, in [`ModelRecord::held`].
const HOLDER: u32 = 2;
const EXTRA: u32 = 1;

/// What few models have.
#[derive(Default)]
pub(crate) struct Extra {
    /// Settings of its own.
    pub settings: Option<Box<str>>,
    /// What is to be done with `user_data` when it is due.
    pub due: Option<Box<Due>>,
    /// Holds of the host's own.
    pub holds: u32,
}

impl Extra {
    fn is_nothing(&self) -> bool {
        self.settings.is_none() && self.due.is_none() && self.holds == 0
    }
}

/// The rows that models stand in.
#[derive(Clone, Copy)]
pub(crate) enum Link {
    Older,
    Newer,
    OlderAlike,
    NewerAlike,
    Previous,
    Next,
}

impl ModelRecord {
    pub fn free() -> Self {
        ModelRecord {
            held: 0,
            data_source: NONE,
            app: NONE,
            older: NONE,
            newer: NONE,
            older_alike: NONE,
            newer_alike: NONE,
            previous: NONE,
            next: NONE,
            registered_at: 0,
            user_data: UserData(std::ptr::null_mut()),
            schema: NONE,
        }
    }

    /// How many hold the model.
    pub fn holders(&self) -> u32 {
        self.held / HOLDER
    }

    /// Whether the registry alone holds it, and there is no [`Extra`] of it.
    #[inline(always)]
    pub fn is_held_once(&self) -> bool {
        self.held == HOLDER
    }

    /// One more holds it.
    #[inline(always)]
    pub fn hold(&mut self) {
        self.held += HOLDER;
    }

    /// One less holds it; gives whether that was the last one.
    #[inline(always)]
    pub fn let_go(&mut self) -> bool {
        self.held -= HOLDER;
        self.held < HOLDER
    }

    /// Whether there is an [`Extra`] of it.
    #[inline(always)]
    pub fn has_extra(&self) -> bool {
        self.held & EXTRA != 0
    }

    fn note_extra(&mut self, has: bool) {
        self.held = self.held & !EXTRA | u32::from(has);
    }

    /// The index of the model that stands next to it in some row.
    pub fn link(&mut self, link: Link) -> &mut u32 {
        match link {
            Link::Older => &mut self.older,
            Link::Newer => &mut self.newer,
            Link::OlderAlike => &mut self.older_alike,
            Link::NewerAlike => &mut self.newer_alike,
            Link::Previous => &mut self.previous,
            Link::Next => &mut self.next,
        }
    }

    /// The index of the one that owns the model: the app where there is one, else the data source, else `NONE`.
    pub fn owner(&self) -> u32 {
        if self.app != NONE { self.app } else { self.data_source }
    }
}

/// Partitions, and what models live in each.
pub(crate) struct Homes(pub HashMap<u32, Home, ahash::RandomState>);

/// A partition as the home of an app's models.
pub(crate) struct Home {
    /// How many live there.
    pub models: u32,
    /// The app's place in [`super::partition::Partition::apps`]; `NONE` where there was no memory for it.
    pub place: u32,
}

impl Default for Homes {
    fn default() -> Self {
        Homes(HashMap::with_hasher(KEYS.clone()))
    }
}

/// An owner, as the registry knows it.
#[repr(C)]
pub(crate) struct OwnerRecord {
    /// The sequence number of the partition in which it counts; 0 for none.
    pub counted_in: u64,
    /// The partition in which it counts, if that has this sequence number.
    pub partition: u32,
    pub uses: u32,
    pub live: bool,
    pub kind: u32,
    pub name: Box<str>,
    pub registered_at: i64,
    /// The data source's configuration, or `NONE`.
    pub configuration: u32,
    /// The atom of the label of the partition of its own.
    pub label: u32,
    /// Whether the models on the data source are listed apart from those that it owns.
    pub lists_differ: bool,
    /// Where else than in its own partition models of an app live, and how many: those with a data source.
    pub homes: Option<Box<Homes>>,
    /// Whether an app's list has models that went with their tenant.
    pub has_dropped: bool,
    pub user_data: UserData,
    pub due: Option<Box<Due>>,
    /// The snapshots that are held of what it owns and of what is on it.
    pub snapshots: [Weak<Snapshot>; 2],
    /// While the record is free: the next free one.
    pub next: u32,
}

impl OwnerRecord {
    pub fn free(uses: u32) -> Self {
        OwnerRecord {
            uses,
            live: false,
            kind: 0,
            name: "".into(),
            registered_at: 0,
            configuration: NONE,
            label: NO_LABEL,
            partition: NONE,
            counted_in: 0,
            lists_differ: false,
            homes: None,
            has_dropped: false,
            user_data: UserData(std::ptr::null_mut()),
            due: None,
            snapshots: [Weak::new(), Weak::new()],
            next: NONE,
        }
    }
}

/// All that a registry's lock guards.
pub(crate) struct State {
    pub poisoned: bool,
    /// The thread that has the lock was unwinding already when it took it: that panic is none of ours.
    pub unwinding: bool,
    pub alive: bool,
    pub options: Options,
    /// How often the registry was cleared, and one.
    pub generation: u64,
    pub kinds: Vec<Box<str>>,
    pub owners: Vec<OwnerRecord>,
    pub free_owner: u32,
    pub live_owners: u32,
    /// Data sources on which models are listed apart from those that they own.
    pub parted_owners: u32,
    pub owners_made: u64,
    /// How often each slot of an owner was used, where the records were given back.
    pub past_owners: Vec<u32>,
    /// How many slots of models were ever used.
    pub model_slots: u32,
    pub models: Vec<ModelRecord>,
    pub free_model: u32,
    /// Models that are registered.
    pub live_models: u32,
    /// Registered models whose `user_data` has a destructor or goes into a release queue.
    pub with_destructor: u32,
    /// Records in use: registered models, held ones, and what was left behind.
    pub used_records: u32,
    /// Records that a clear left behind, and where to look for the next one.
    pub left_behind: u32,
    pub cursor: u32,
    /// Records of models that went with their tenant, which are still to be taken back.
    pub dropped: u32,
    /// Whether lists of data sources may still have models that went with their tenant.
    pub unsettled: bool,
    pub names: NameCounts,
    pub partitions: Partitions,
    pub by_name: IndexCounts,
    pub by_structure: IndexCounts,
    /// What clears left of the indices.
    pub old_indices: Vec<OldIndex>,
    pub schemas: Schemas,
    /// What few models have, by their indices.
    extras: HashMap<u32, Extra, ahash::RandomState>,
    pub text_bytes: usize,
    pub run_bytes: usize,
    pub snapshot_bytes: usize,
    /// The highest version of a list whose memory was given back; even.
    pub version_floor: u64,
    pub registered_total: u64,
    /// What the counter of models found by structure, which goes on, said when the registry was made or cleared.
    pub reused_before: u64,
    /// Lists that were asked first, or built, under the lock.
    pub misses: u64,
    /// Answers from the cache that were given under the lock.
    pub locked_hits: u64,
    pub invalidations: u64,
    /// What the counters of the cache, which go on, said when this registry was made.
    pub hits_before: u64,
    pub misses_before: u64,
    /// Who is told of what happens here, and how many changes they were told of.
    pub watchers: Vec<Arc<Watcher>>,
    pub changes: u64,
    pub sweeper: Record,
}

impl Default for State {
    fn default() -> Self {
        State {
            poisoned: false,
            unwinding: false,
            alive: false,
            options: Options::default(),
            generation: 1,
            kinds: Vec::new(),
            owners: Vec::new(),
            free_owner: NONE,
            live_owners: 0,
            parted_owners: 0,
            owners_made: 0,
            past_owners: Vec::new(),
            model_slots: 0,
            models: Vec::new(),
            free_model: NONE,
            live_models: 0,
            with_destructor: 0,
            used_records: 0,
            left_behind: 0,
            cursor: 0,
            dropped: 0,
            unsettled: false,
            names: NameCounts::default(),
            partitions: Partitions::none(),
            by_name: IndexCounts::default(),
            by_structure: IndexCounts::default(),
            old_indices: Vec::new(),
            schemas: Schemas::default(),
            extras: HashMap::with_hasher(KEYS.clone()),
            text_bytes: 0,
            run_bytes: 0,
            snapshot_bytes: 0,
            version_floor: 0,
            registered_total: 0,
            reused_before: 0,
            misses: 0,
            locked_hits: 0,
            invalidations: 0,
            hits_before: 0,
            misses_before: 0,
            watchers: Vec::new(),
            changes: 0,
            sweeper: Record::default(),
        }
    }
}

impl State {
    /// What few models have, of one.
    #[inline(always)]
    pub fn extra(&self, model: u32) -> Option<&Extra> {
        let has = self.models.get(model as usize).is_some_and(|record| record.has_extra());
        if has { self.extras.get(&model) } else { None }
    }

    /// Makes sure that one more model can have what few have.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`.
    pub fn reserve_extra(&mut self) -> Result<()> {
        self.extras.try_reserve(1).map_err(|_| Status::ERROR_OUT_OF_MEMORY.into())
    }

    /// Changes what few models have, of one; where it had nothing of that, [`State::reserve_extra`] made room.
    pub fn change_extra<T>(&mut self, model: u32, change: impl FnOnce(&mut Extra) -> T) -> T {
        let extra = self.extras.entry(model).or_default();
        let changed = change(extra);
        let has = !extra.is_nothing();
        if !has {
            self.extras.remove(&model);
        }
        self.models[model as usize].note_extra(has);
        changed
    }

    /// Takes out what few models have, of one.
    pub fn take_extra(&mut self, model: u32) -> Extra {
        let record = &mut self.models[model as usize];
        if record.has_extra() {
            record.note_extra(false);
            self.extras.remove(&model).unwrap_or_default()
        } else {
            Extra::default()
        }
    }

    /// What that takes, in bytes.
    pub fn extra_bytes(&self) -> usize {
        self.extras.len() * size_of::<(u32, Extra)>()
    }

    /// Gives memory back that nothing needs now.
    pub fn shrink_extras(&mut self) {
        self.extras.shrink_to_fit();
    }

    /// Whether nothing is left of the registries that had this number.
    pub fn is_clean(&self) -> bool {
        self.used_records == 0 && self.snapshot_bytes == 0
    }

    /// How often the slot of an owner was used; `None` for one that never was there.
    pub fn owner_uses(&self, index: u32) -> Option<u32> {
        let record = self.owners.get(index as usize).map(|record| record.uses);
        record.or_else(|| self.past_owners.get(index as usize).copied())
    }

    /// Gives the records of owners and of models back where none is in use; how often their slots were used stays.
    pub fn give_back_records(&mut self) {
        if self.used_records == 0 {
            self.models = Vec::new();
            (self.free_model, self.cursor, self.left_behind) = (NONE, 0, 0);
        }
        if self.live_owners == 0 && keep_uses(&mut self.past_owners, self.owners.iter().map(|record| record.uses)) {
            self.owners = Vec::new();
            self.free_owner = NONE;
        }
    }

    /// Begins a new registry.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`.
    pub fn open(&mut self, options: Options, places: &'static Places) -> Result<()> {
        self.alive = true;
        self.poisoned = false;
        self.options = options;
        self.generation = 1;
        self.owners_made = 0;
        self.changes = 0;
        self.kinds.clear();
        self.sweeper = Record::default();
        self.registered_total = 0;
        (self.misses, self.locked_hits, self.invalidations) = (0, 0, 0);
        // What a registry that was not made has reserved must not stay reserved for the next one of its number.
        self.partitions.open(places, &self.options.reserved_tenants).inspect_err(|_| {
            self.alive = false;
            self.partitions.close();
            self.options = Options::default();
        })
    }
}

/// Notes how often slots were used; gives whether there was memory to.
fn keep_uses(past: &mut Vec<u32>, uses: impl ExactSizeIterator<Item = u32>) -> bool {
    let missing = uses.len().saturating_sub(past.len());
    if past.try_reserve_exact(missing).is_err() {
        return false;
    }
    past.resize(past.len() + missing, 0);
    past.iter_mut().zip(uses).for_each(|(past, uses)| *past = uses);
    true
}
