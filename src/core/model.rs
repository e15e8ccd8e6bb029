//! Models: registering, replacing, moving, holding and letting go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::error::{Error, Result, Status};
use crate::schema::Schema;

use super::change::{Change, Kind};
use super::dropping;
use super::due::{Due, DueList, UserData};
use super::fallible;
use super::handle::{self, MAX_SLOTS, MAX_USES, Parts, Tag};
use super::index::ModelKey;
use super::log::{self, Level};
use super::memory::{self, Table};
use super::names::MAX_NAME;
use super::owner::{DATA_SOURCE, check_text};
use super::partition::{GLOBAL, MAX_LABEL, Partition};
use super::registry::{self, Locked, Registry, is_of, misfit, model_word};
use super::state::{Homes, ModelRecord, NONE, State};

/// By name and by structure.
const INDICES: usize = 2;

/// What a new model is to be.
pub struct NewModel<'a> {
    /// The name; not empty.
    pub name: &'a str,
    /// The data source's handle, or 0.
    pub data_source: u64,
    /// The handle of the app, or of an owner of a host's kind, or 0.
    pub app: u64,
    /// The current tenant's code; empty for none.
    pub tenant: &'a str,
    /// The number of its schema in the registry, where this model is counted already; `NONE` for none.
    pub schema: u32,
    /// The settings: a JSON object.
    pub settings: Option<Box<str>>,
    /// Whether it is strict.
    pub strict: bool,
    /// Bits of the host's own, by which a search passes the model over.
    pub marks: u32,
    /// The host's pointer.
    pub user_data: UserData,
}

/// The partition in which a model is to live: it is there, or its label is and it can be made.
#[derive(Clone, Copy)]
pub(crate) enum Home {
    There(u32),
    Prepared(u32),
}

/// Where a model is to live.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub data_source: u32,
    pub app: u32,
    pub partition: u32,
}

impl Place {
    pub fn owner(self) -> u32 {
        if self.app != NONE { self.app } else { self.data_source }
    }
}

/// Finds the registry and the slot of a model's handle without any lock.
#[inline(always)]
pub(crate) fn locate(value: u64) -> std::result::Result<(&'static Registry, Parts), Status> {
    let parts = handle::decode(value, Tag::Model)?;
    match registry::by_number(parts.registry) {
        Some(registry) => Ok((registry, parts)),
        None => Err(Status::ERROR_FOREIGN_HANDLE),
    }
}

/// As [`locate`], with an error that says what is wrong with the handle.
pub(crate) fn find(value: u64) -> Result<(&'static Registry, Parts)> {
    locate(value).map_err(|status| handle::error(Tag::Model, value, status))
}

/// Whether the handle is of a registered model.
#[inline(always)]
pub fn is_valid(value: u64) -> bool {
    let Ok((registry, parts)) = locate(value) else { return false };
    let Some(slot) = registry.models.get(parts.index) else { return false };
    let word = slot.load(Ordering::Acquire);
    if word == model_word(parts.generation, registry.epoch.load(Ordering::Acquire)) {
        return true;
    }
    is_of(word, parts.generation) && dropping::has_outlived(value)
}

/// Tells the models whose entries moved in a list of those on a data source their new positions.
fn moves_on(keys: &Table<ModelKey>) -> impl FnMut(u64, usize) + '_ {
    |id, position| {
        if let Some(key) = keys.get(super::owner::index_of(id)) {
            key.position_on.store(position as u32, Ordering::Relaxed);
        }
    }
}

/// An owner's own list has each name once, so its models are found there by their names.
pub(super) fn untold(_: u64, _: usize) {}

/// Checks a tenant's code.
#[inline(always)]
pub(super) fn check_code(code: &str) -> Result<()> {
    if code.is_empty() { Ok(()) } else { check_text("tenant code", code, MAX_LABEL) }
}

/// Stands for the structure of a model that has none.
pub(super) const NO_STRUCTURE: u32 = 0;

/// What a model with this structure is found by.
#[inline(always)]
pub(crate) fn structure_key(structure: u32, strict: bool) -> u32 {
    if structure == NO_STRUCTURE { NO_STRUCTURE } else { structure << 1 | u32::from(strict) }
}

impl Locked {
    pub(super) fn slot(&self, model: u32) -> Option<&'static AtomicU64> {
        self.registry.models.get(model)
    }

    /// What searches look at of a model that was registered once.
    pub fn key(&self, model: u32) -> &'static ModelKey {
        static NONE_OF_ALL: ModelKey = ModelKey {
            name: AtomicU32::new(0),
            structure: AtomicU32::new(0),
            partition: AtomicU32::new(NONE),
            marks: AtomicU32::new(0),
            uses: AtomicU32::new(0),
            position_on: AtomicU32::new(NONE),
        };
        self.registry.keys.get(model).unwrap_or(&NONE_OF_ALL)
    }

    /// The atom of a model's name.
    pub fn name_of(&self, model: u32) -> u32 {
        self.key(model).name.load(Ordering::Relaxed)
    }

    /// The index of the partition that a model lives in.
    pub fn partition_of(&self, model: u32) -> u32 {
        self.key(model).partition.load(Ordering::Relaxed)
    }

    fn uses_of(&self, model: u32) -> u32 {
        self.key(model).uses.load(Ordering::Relaxed)
    }

    /// How often the slot of a model was used; `None` for one that never was there.
    fn model_uses(&self, model: u32) -> Option<u32> {
        (model < self.model_slots).then(|| self.uses_of(model))
    }

    /// Whether the record is of a model that is registered now.
    pub fn is_registered(&self, model: u32) -> bool {
        let Some(record) = self.models.get(model as usize) else { return false };
        let word = self.slot(model).map_or(0, |slot| slot.load(Ordering::Relaxed));
        // One of an earlier epoch may have outlived what began this one.
        record.holders() > 0
            && is_of(word, handle::generation(self.uses_of(model)))
            && !self.registry.is_cleared(word)
            && self.registry.places.is_there(self.partition_of(model))
    }

    /// Whether a destructor or a release queue waits for a model.
    #[inline(always)]
    pub fn is_due(&self, model: u32) -> bool {
        self.extra(model).is_some_and(|extra| extra.due.is_some())
    }

    /// The index of the registered model with this handle.
    pub fn model_index(&self, parts: Parts) -> Result<u32> {
        let known = self.model_uses(parts.index);
        if known.map(handle::generation) == Some(parts.generation) && self.is_registered(parts.index) {
            return Ok(parts.index);
        }
        Err(misfit(Tag::Model, parts, known))
    }

    /// The index of the model with this handle, which is registered or held by the host.
    pub fn readable_model(&self, parts: Parts) -> Result<u32> {
        let is_held = self.extra(parts.index).is_some_and(|extra| extra.holds > 0);
        if is_held && handle::generation(self.uses_of(parts.index)) == parts.generation {
            return Ok(parts.index);
        }
        self.model_index(parts)
    }

    /// What the registry knows of a model.
    pub fn record(&self, model: u32) -> &ModelRecord {
        &self.models[model as usize]
    }

    /// A model's name.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`.
    pub fn model_name(&self, model: u32) -> Result<String> {
        self.registry.names.text(self.name_of(model))
    }

    /// The handle of the model with this index.
    pub fn model_handle(&self, model: u32) -> u64 {
        self.registry.model_handle(model, self.uses_of(model))
    }

    /// The newest model of a name in a partition.
    pub fn newest(&self, atom: u32, partition: u32) -> Option<u32> {
        self.registry.by_name.newest(&self.registry.keys, atom, partition).map(|(model, _)| model)
    }

    /// Registers a model, in the place of one of that name where its owner has one; takes `due` when it succeeds.
    pub fn register(&mut self, new: NewModel<'_>, due: &mut Option<Box<Due>>, gone: &mut DueList) -> Result<u64> {
        let schema = new.schema;
        // Where it fails there is no model that uses the schema.
        self.register_counted(new, due, gone).inspect_err(|_| self.schemas.remove(schema))
    }

    #[inline(always)]
    fn register_counted(&mut self, new: NewModel<'_>, due: &mut Option<Box<Due>>, gone: &mut DueList) -> Result<u64> {
        if new.name.is_empty() {
            return Err(Error::new(
                Status::ERROR_INVALID_NAME,
                "model",
                "model: the name is empty (a model needs one)",
            ));
        }
        self.prefetch_owner(new.data_source);
        self.prefetch_owner(new.app);
        check_text("model name", new.name, MAX_NAME)?;
        let (data_source, app) = self.owners_for(new.data_source, new.app)?;
        let tenant = self.tenant_to_put_in(new.tenant, data_source, app)?;
        self.reclaim(2, gone);
        for owner in [data_source, app] {
            if owner != NONE {
                self.renew(owner);
            }
        }
        let registry = self.registry;
        let known = registry.names.known(new.name.as_bytes());
        let home = self.home(data_source, app, tenant);
        let structure = self.schemas.structure(new.schema);
        if let Some(partition) = home {
            // What is looked at last is on its way while the rest is done.
            registry.by_name.prefetch(known.unwrap_or_default(), partition);
            registry.by_structure.prefetch(structure_key(structure, new.strict), partition);
            if let Some(last) = self.partitions.get(partition).and_then(|home| self.models.get(home.last as usize)) {
                memory::prefetch(last);
            }
        }
        let replaced = known.and_then(|atom| self.same_name(data_source, app, home, atom, NONE));
        if let Some(old) = replaced {
            self.prefetch_model(old);
        }
        if replaced.is_none() && self.live_models >= self.options.max_models {
            return Err(self.full("models", self.options.max_models));
        }
        self.reserve_lists(data_source, app, replaced)?;
        self.reserve_indices(1)?;
        self.reserve_extra()?;
        let home = self.prepare_home(home, data_source, app, tenant)?;
        let (model, atom) = match self.take_named_record(new.name, known, gone) {
            Ok(taken) => taken,
            Err(error) => {
                self.unprepare(home);
                return Err(error);
            }
        };

        // Nothing fails from here on.
        if let Some(old) = replaced {
            self.prefetch_neighbours(old);
        }
        // One list is one change by itself.
        let owner = if app != NONE { app } else { data_source };
        let alone = |model: u32| self.record(model).data_source == data_source;
        let one = (app == NONE || data_source == NONE)
            && (owner == NONE || self.list_on(owner).is_none())
            && replaced.is_none_or(alone);
        let frozen = if one { self.change() } else { self.freeze(replaced.into_iter(), &[data_source, app]) };
        // But where a model goes: who sees the new one in its place has to see that it is stale.
        let list = if one && owner != NONE && replaced.is_some() { self.list_of(owner) } else { None };
        let list = list.filter(|list| list.freeze());
        let place = self.enter(data_source, app, home);
        let key = self.key(model);
        let known_by = (atom, structure_key(structure, new.strict));
        let id = self.fill(model, key, known_by, new.schema, new.marks, new.user_data);
        if new.settings.is_some() || due.is_some() {
            self.add_extra(model, new.settings, due.take(), id);
        }
        self.link(model, place, replaced, true, gone);
        self.thaw(frozen);
        if let Some(list) = list {
            list.thaw();
        }
        if matches!(home, Home::Prepared(_)) {
            self.log_new_tenant(model, gone);
        }
        if self.is_watched() {
            let kind = if replaced.is_some() { Kind::Replaced } else { Kind::Registered };
            self.tell_put(kind, model, replaced, gone);
        }
        Ok(id)
    }

    /// Makes a free record one of a registered model, that is in no list and no index yet. Gives its handle.
    #[inline(always)]
    pub(super) fn fill(
        &mut self,
        model: u32,
        key: &ModelKey,
        (atom, structure): (u32, u32),
        schema: u32,
        marks: u32,
        user_data: UserData,
    ) -> u64 {
        let uses = key.uses.load(Ordering::Relaxed) + 1;
        let record = &mut self.models[model as usize];
        record.hold();
        (record.schema, record.user_data) = (schema, user_data);
        self.used_records += 1;
        self.live_models += 1;
        key.uses.store(uses, Ordering::Relaxed);
        key.name.store(atom, Ordering::Relaxed);
        key.structure.store(structure, Ordering::Relaxed);
        key.marks.store(marks, Ordering::Relaxed);
        if let Some(slot) = self.slot(model) {
            slot.store(self.registry.model_word(handle::generation(uses)), Ordering::Release);
        }
        self.registry.model_handle(model, uses)
    }

    /// Asks the memory for what is kept of an owner, whose handle has not been checked.
    #[inline(always)]
    fn prefetch_owner(&self, owner: u64) {
        let Ok(Parts { index, .. }) = handle::decode(owner, Tag::Owner) else { return };
        if let (Some(record), Some(list)) = (self.owners.get(index as usize), self.registry.lists.get(index)) {
            memory::prefetch_all(record);
            list.prefetch();
            list.prefetch_atoms();
        }
    }

    /// Asks the memory for a model's record, if it has one.
    #[inline(always)]
    pub(super) fn prefetch_record(&self, model: u32) {
        if let Some(record) = self.models.get(model as usize) {
            memory::prefetch(record);
        }
    }

    /// Asks the memory for what is kept of a model.
    #[inline(always)]
    pub(super) fn prefetch_model(&self, model: u32) {
        if let Some(record) = self.models.get(model as usize) {
            memory::prefetch(record);
            memory::prefetch(self.key(model));
            self.slot(model).inspect(|slot| memory::prefetch(*slot));
        }
    }

    /// Asks the memory for what changes when a model goes.
    #[inline(always)]
    pub(super) fn prefetch_places(&self, model: u32) {
        let (registry, key) = (self.registry, self.key(model));
        let partition = key.partition.load(Ordering::Relaxed);
        registry.by_name.prefetch(key.name.load(Ordering::Relaxed), partition);
        registry.by_structure.prefetch(key.structure.load(Ordering::Relaxed), partition);
        self.prefetch_neighbours(model);
    }

    /// Asks the memory for the models that stand beside one in its rows.
    #[inline(always)]
    pub(super) fn prefetch_neighbours(&self, model: u32) {
        let ModelRecord { previous, next, older, newer, older_alike, newer_alike, .. } = self.models[model as usize];
        [previous, next, older, newer, older_alike, newer_alike]
            .into_iter()
            .for_each(|model| self.prefetch_record(model));
    }

    /// Gives a registered model other owners: same handle, at the end of the new owner's list.
    pub fn move_model(
        &mut self,
        parts: Parts,
        data_source: u64,
        app: u64,
        tenant: &str,
        gone: &mut DueList,
    ) -> Result<()> {
        let model = self.model_index(parts)?;
        let (data_source, app) = self.owners_for(data_source, app)?;
        let tenant = self.tenant_to_put_in(tenant, data_source, app)?;
        for owner in [data_source, app] {
            if owner != NONE {
                self.renew(owner);
            }
        }
        let atom = self.name_of(model);
        let home = self.home(data_source, app, tenant);
        let replaced = self.same_name(data_source, app, home, atom, model);
        // A moved model goes to the end, also where it replaces one.
        self.reserve_lists(data_source, app, None)?;
        self.reserve_indices(1)?;
        let home = self.prepare_home(home, data_source, app, tenant)?;
        let frozen = self.freeze([Some(model), replaced].into_iter().flatten(), &[data_source, app]);
        self.unlink(model, None);
        let place = self.enter(data_source, app, home);
        self.link(model, place, replaced, false, gone);
        self.thaw(frozen);
        if matches!(home, Home::Prepared(_)) {
            self.log_new_tenant(model, gone);
        }
        if self.is_watched() {
            self.tell_put(Kind::Moved, model, replaced, gone);
        }
        Ok(())
    }

    /// Tells that a model was put where it is, in the place of one that has gone.
    fn tell_put(&mut self, kind: Kind, model: u32, replaced: Option<u32>, gone: &mut DueList) {
        // The record of the one that went still has the number of its handle: it is used again at the earliest by the next.
        let replaced = replaced.map_or(0, |old| self.model_handle(old));
        let change = self.about_model(kind, model).map(|change| Change { replaced, ..change });
        self.tell(change, gone);
    }

    pub(super) fn log_new_tenant(&self, model: u32, gone: &mut DueList) {
        if log::wants(Level::Debug)
            && let Some(partition) = self.partitions.get(self.partition_of(model))
        {
            let label = self.partitions.shown(partition.label);
            gone.log(Level::Debug, format_args!("tenant \"{label}\" came to be"));
        }
    }

    fn owners_for(&self, data_source: u64, app: u64) -> Result<(u32, u32)> {
        let named = |what: &str, error: Error| Error::new(error.status(), what, format!("{what}: {}", error.message()));
        let data_source = self.optional_owner(data_source).map_err(|error| named("data_source", error))?;
        let app = self.optional_owner(app).map_err(|error| named("app", error))?;
        let wrong = |what: &str, reason: &str| {
            Err(Error::new(Status::ERROR_INVALID_ARGUMENT, what, format!("{what}: {reason}")))
        };
        if data_source != NONE && self.owners[data_source as usize].kind != DATA_SOURCE {
            return wrong("data_source", "the owner is no data source (hand it in as app)");
        }
        if app != NONE && self.owners[app as usize].kind == DATA_SOURCE {
            return wrong("app", "the owner is a data source (hand it in as data_source)");
        }
        Ok((data_source, app))
    }

    /// The tenant that a model with these owners is put into: one of its own only where it has none. A code that is the label
    /// of an owner's partition is refused: it would let whoever names tenants into it.
    fn tenant_to_put_in<'a>(&self, code: &'a str, data_source: u32, app: u32) -> Result<&'a str> {
        // Beside an owner it is ignored, whatever it is.
        if data_source != NONE || app != NONE {
            return Ok(GLOBAL);
        }
        let tenant = self.tenant_code(code)?;
        if self.partitions.is_of_owner(tenant) {
            return Err(Error::new(
                Status::ERROR_INVALID_NAME,
                "tenant",
                format!("tenant \"{tenant}\": the code is the label of an owner's partition (name that owner instead)"),
            ));
        }
        Ok(tenant)
    }

    /// The code under which a tenant's models live: `global` for none, an empty and a reserved one.
    pub fn tenant_code<'a>(&self, code: &'a str) -> Result<&'a str> {
        check_code(code)?;
        let reserved = code.is_empty() || self.options.reserved_tenants.iter().any(|reserved| reserved == code);
        Ok(if reserved { GLOBAL } else { code })
    }

    /// The partition in which models with these owners live, if it is there.
    pub(super) fn home(&self, data_source: u32, app: u32, tenant: &str) -> Option<u32> {
        let owner = if data_source != NONE { data_source } else { app };
        if owner == NONE {
            return self.partitions.find(tenant);
        }
        let record = &self.owners[owner as usize];
        let counted = self.partitions.get(record.partition).filter(|known| known.sequence == record.counted_in);
        if counted.is_some() { Some(record.partition) } else { self.partitions.find_atom(record.label) }
    }

    /// Makes sure that the partition can be made where it is not there.
    pub(super) fn prepare_home(&mut self, home: Option<u32>, data_source: u32, app: u32, tenant: &str) -> Result<Home> {
        let owner = if data_source != NONE { data_source } else { app };
        match (home, owner) {
            (Some(partition), _) => Ok(Home::There(partition)),
            (None, NONE) => self.partitions.prepare_code(tenant).map(Home::Prepared),
            (None, owner) => {
                let label = self.owners[owner as usize].label;
                self.partitions.prepare(label).map(|()| Home::Prepared(label))
            }
        }
    }

    pub(super) fn unprepare(&mut self, home: Home) {
        if let Home::Prepared(label) = home {
            self.partitions.unprepare(label);
        }
    }

    /// Makes sure that so many models more can be found.
    #[inline(always)]
    pub fn reserve_indices(&mut self, more: usize) -> Result<()> {
        if self.by_name.has_room(more) && self.by_structure.has_room(more) {
            Ok(())
        } else {
            self.make_room_in_indices(more)
        }
    }

    #[cold]
    fn make_room_in_indices(&mut self, more: usize) -> Result<()> {
        let Registry { by_name, by_structure, changes, .. } = self.registry;
        // What a clear leaves behind goes in here, and it should not have to wait for memory.
        self.old_indices.try_reserve(INDICES).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        by_name.reserve(&mut self.by_name, changes, more)?;
        Ok(by_structure.reserve(&mut self.by_structure, changes, more)?)
    }

    /// The model that one of this name with these owners replaces.
    fn same_name(&self, data_source: u32, app: u32, partition: Option<u32>, atom: u32, but: u32) -> Option<u32> {
        let owner = if app != NONE { app } else { data_source };
        let found = if owner == NONE {
            // Where one model has no owner, none has.
            self.newest(atom, partition?)
        } else {
            let list = self.list_of(owner)?;
            list.position(atom).map(|at| super::owner::index_of(list.id_at(at)))
        };
        found.filter(|model| *model != but)
    }

    /// Makes room in the lists that a model with these owners will be in, but where it takes the place of `replaced`.
    fn reserve_lists(&mut self, data_source: u32, app: u32, replaced: Option<u32>) -> Result<()> {
        let owner = if app != NONE { app } else { data_source };
        if owner == NONE {
            return Ok(());
        }
        if replaced.is_none()
            && let Some(list) = self.list_of(owner)
        {
            list.tidy(untold);
            self.run_bytes += list.reserve(untold)?;
        }
        if app != NONE && data_source != NONE {
            self.part_lists(data_source)?;
            let homes = &mut self.owners[app as usize].homes;
            let homes = match homes {
                Some(homes) => homes,
                None => homes.insert(fallible::boxed(Homes::default()).ok_or(Status::ERROR_OUT_OF_MEMORY)?),
            };
            homes.0.try_reserve(1).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        }
        let in_place = replaced.is_some_and(|old| self.models[old as usize].data_source == data_source);
        if data_source != NONE
            && !in_place
            && let Some(list) = self.list_on(data_source)
        {
            list.tidy(moves_on(&self.registry.keys));
            self.run_bytes += list.reserve(moves_on(&self.registry.keys))?;
        }
        Ok(())
    }

    /// Begins to list the models on a data source apart from those that it owns.
    fn part_lists(&mut self, data_source: u32) -> Result<()> {
        if self.owners[data_source as usize].lists_differ {
            return Ok(());
        }
        let Some(own) = self.list_of(data_source) else { return Ok(()) };
        let on = self.registry.lists_on.reserve(data_source)?;
        let record = &self.owners[data_source as usize];
        let (generation, kind) = (handle::generation(record.uses), record.kind);
        let freshness = own.stamp(0).owner;
        on.open(generation, kind, self.registry.epoch.load(Ordering::Relaxed), freshness, self.version_floor);
        for at in 0..own.used() {
            let id = own.id_at(at);
            if id == 0 {
                continue;
            }
            match on.reserve(moves_on(&self.registry.keys)) {
                Ok(grown) => self.run_bytes += grown,
                Err(status) => {
                    self.run_bytes -= on.close();
                    return Err(status.into());
                }
            }
            let model = super::owner::index_of(id);
            self.key(model).position_on.store(on.used() as u32, Ordering::Relaxed);
            on.push(id, self.name_of(model), freshness);
        }
        own.part();
        self.owners[data_source as usize].lists_differ = true;
        self.parted_owners += 1;
        Ok(())
    }

    /// Puts the owners into the partition in which their models live; it is made if it is not there.
    #[inline(always)]
    pub(super) fn enter(&mut self, data_source: u32, app: u32, home: Home) -> Place {
        let counts = if data_source != NONE { data_source } else { app };
        let State { owners, partitions, .. } = &mut *self.state;
        let partition = match home {
            Home::There(partition) => partition,
            Home::Prepared(label) => partitions.make(label, data_source != NONE),
        };
        if let Some(owner) = owners.get_mut(counts as usize)
            && let Some(entered) = partitions.get_mut(partition)
            && owner.counted_in != entered.sequence
        {
            entered.data_source |= data_source != NONE;
            entered.members += 1;
            (owner.partition, owner.counted_in) = (partition, entered.sequence);
        }
        Place { data_source, app, partition }
    }

    pub(super) fn take_record(&mut self, gone: &mut DueList) -> Result<u32> {
        while self.free_model == NONE
            && (self.dropped > 0 || (self.left_behind > 0 && (self.cursor as usize) < self.models.len()))
        {
            self.reclaim(1, gone);
        }
        if self.free_model != NONE {
            let model = self.free_model;
            self.free_model = self.models[model as usize].next;
            // Free ones lie anywhere; the next one has time to come until the next model.
            self.prefetch_model(self.free_model);
            return Ok(model);
        }
        loop {
            let model = self.models.len() as u32;
            if model >= MAX_SLOTS {
                return Err(self.full("models", MAX_SLOTS));
            }
            self.registry.models.reserve(model)?;
            self.registry.keys.reserve(model)?;
            self.models.try_reserve(1).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
            self.models.push(ModelRecord::free());
            self.model_slots = self.model_slots.max(model + 1);
            if self.uses_of(model) < MAX_USES {
                return Ok(model);
            }
        }
    }

    /// A free record, and the atom of the name that its model is to have.
    fn take_named_record(&mut self, name: &str, known: Option<u32>, gone: &mut DueList) -> Result<(u32, u32)> {
        let names = &self.registry.names;
        // Held before a record is taken: that may let go what a clear left behind, and with it the last use of the atom.
        let atom = names.intern_known(&mut self.names, name.as_bytes(), known)?;
        match self.take_record(gone) {
            Ok(model) => Ok((model, atom)),
            Err(error) => {
                names.release(&mut self.names, atom);
                Err(error)
            }
        }
    }

    pub(super) fn list_free(&mut self, model: u32) {
        // A slot whose generations are used up is retired: it is never listed as free again.
        if self.uses_of(model) < MAX_USES {
            self.models[model as usize].next = self.free_model;
            self.free_model = model;
        }
    }

    /// Takes a registered model out of the registry, at once for those who read lists.
    pub fn unregister(&mut self, model: u32, gone: &mut DueList) {
        let frozen = self.freeze(std::iter::once(model), &[]);
        self.drop_model(model, gone);
        self.thaw(frozen);
    }

    /// Takes a registered model out of the registry, as a part of a change.
    pub fn drop_model(&mut self, model: u32, gone: &mut DueList) {
        let change = self.about_model(Kind::Removed, model);
        self.unlink(model, None);
        self.forget_model(model, gone);
        self.tell(change, gone);
    }

    /// Makes the handle of an unlinked model stale and lets it go.
    pub fn forget_model(&mut self, model: u32, gone: &mut DueList) {
        if let Some(slot) = self.slot(model) {
            slot.store(0, Ordering::Release);
        }
        self.live_models -= 1;
        if self.is_due(model) {
            self.with_destructor -= 1;
        }
        self.let_go(model, gone);
    }

    /// Takes back one reference to a record; with the last one the record is free and its destructor is due.
    pub fn let_go(&mut self, model: u32, gone: &mut DueList) {
        let record = &mut self.models[model as usize];
        if !record.let_go() {
            return;
        }
        let schema = std::mem::replace(&mut record.schema, NONE);
        record.user_data = UserData(std::ptr::null_mut());
        (record.data_source, record.app) = (NONE, NONE);
        if record.has_extra() {
            let extra = self.take_extra(model);
            gone.extend(extra.due);
            self.text_bytes -= extra.settings.map_or(0, |settings| settings.len());
        }
        self.schemas.remove(schema);
        let (registry, atom) = (self.registry, self.name_of(model));
        registry.names.release(&mut self.names, atom);
        self.used_records -= 1;
        self.list_free(model);
    }

    #[cold]
    fn add_extra(&mut self, model: u32, settings: Option<Box<str>>, mut due: Option<Box<Due>>, handle: u64) {
        self.text_bytes += settings.as_ref().map_or(0, |settings| settings.len());
        if let Some(due) = &mut due {
            due.name(handle);
            self.with_destructor += 1;
        }
        self.change_extra(model, |extra| (extra.settings, extra.due) = (settings, due));
    }

    /// The schema that a model was registered with.
    pub fn schema_of(&self, model: u32) -> Option<&Arc<Schema>> {
        self.schemas.get(self.record(model).schema)
    }

    /// A model's settings: its own, else those of its schema, else none.
    pub fn settings_of(&self, model: u32) -> &str {
        let own = self.extra(model).and_then(|extra| extra.settings.as_deref());
        own.unwrap_or_else(|| self.schema_of(model).map_or("", |schema| schema.settings()))
    }

    /// Holds a model: its `user_data` stays until [`Locked::unhold`].
    pub fn hold(&mut self, parts: Parts) -> Result<()> {
        let model = self.readable_model(parts)?;
        let holds = self.extra(model).map_or(0, |extra| extra.holds);
        if holds == u32::MAX {
            return Err(Error::new(
                Status::ERROR_FULL,
                "holds",
                "model: it is held 4294967295 times, which is the limit",
            ));
        }
        self.reserve_extra()?;
        if holds == 0 {
            self.models[model as usize].hold();
        }
        self.change_extra(model, |extra| extra.holds += 1);
        Ok(())
    }

    /// Takes back one hold.
    pub fn unhold(&mut self, parts: Parts, gone: &mut DueList) -> Result<()> {
        let model = self.readable_model(parts)?;
        let holds = self.extra(model).map_or(0, |extra| extra.holds);
        if holds == 0 {
            return Err(Error::new(
                Status::ERROR_INVALID_ARGUMENT,
                "model",
                "model: it is not held (each mreg_model_hold is taken back once)",
            ));
        }
        self.change_extra(model, |extra| extra.holds -= 1);
        if holds == 1 {
            self.let_go(model, gone);
        }
        Ok(())
    }

    /// Takes back what a clear, or tenants that were dropped, left behind: looks at `steps` records of models and of partitions and frees those, and as many
    /// entries of the indices.
    #[inline]
    pub fn reclaim(&mut self, steps: u32, gone: &mut DueList) {
        let is_left = self.left_behind > 0 || !self.old_indices.is_empty();
        if is_left || self.partitions.is_left_behind() || self.partitions.has_dropped() {
            self.reclaim_some(steps, gone);
        }
    }

    #[cold]
    fn reclaim_some(&mut self, steps: u32, gone: &mut DueList) {
        self.partitions.reclaim(steps);
        let mut entries = (steps as usize).saturating_mul(4);
        while let Some(old) = self.old_indices.last_mut()
            && old.reclaim(&mut entries)
        {
            self.old_indices.pop();
        }
        let mut steps = steps;
        self.reclaim_dropped(&mut steps, gone);
        while steps > 0 && self.left_behind > 0 && (self.cursor as usize) < self.models.len() {
            let model = self.cursor;
            self.cursor += 1;
            steps -= 1;
            let Some(slot) = self.slot(model) else { continue };
            let word = slot.load(Ordering::Relaxed);
            if word != 0 && self.registry.is_cleared(word) {
                slot.store(0, Ordering::Release);
                self.left_behind -= 1;
                self.let_go(model, gone);
            }
        }
    }

    /// Makes sure that a list of an owner's can be answered, and notes that it was asked.
    pub fn build(&mut self, owner: u32, on: bool) {
        self.renew(owner);
        let (own, apart) = (self.list_of(owner), self.list_on(owner).filter(|_| on));
        let built = match (apart, own) {
            (Some(list), _) => list.build(moves_on(&self.registry.keys)),
            (None, Some(list)) => list.build(untold),
            (None, None) => return,
        };
        if !built {
            self.locked_hits += 1;
            return;
        }
        self.misses += 1;
        if apart.or(own).is_some_and(|list| list.used() > 0) {
            self.note_use(owner);
        }
    }

    /// A list that had to be built is a use of every partition that its models live in: the owner's own, and for an app those of
    /// data sources.
    fn note_use(&mut self, owner: u32) {
        let State { owners, partitions, .. } = &mut *self.state;
        let record = &owners[owner as usize];
        let lives_here = |partition: &Partition| partition.sequence == record.counted_in && partition.models > 0;
        if partitions.get(record.partition).is_some_and(lives_here) {
            partitions.touch(record.partition);
        }
        for partition in record.homes.iter().flat_map(|homes| homes.0.keys()) {
            partitions.touch(*partition);
        }
    }
}
