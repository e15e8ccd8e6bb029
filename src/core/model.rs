//! Models: registering, replacing, moving, holding and letting go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result, Status};
use crate::schema::Schema;

use super::change::{Change, Kind};
use super::clock;
use super::due::{Due, DueList, UserData};
use super::handle::{self, MAX_SLOTS, MAX_USES, Parts, Tag};
use super::list::List;
use super::log::Level;
use super::names::MAX_NAME;
use super::owner::{DATA_SOURCE, check_text};
use super::partition::{GLOBAL, MAX_LABEL};
use super::registry::{self, Locked, Registry, misfit, model_word};
use super::state::{ModelRecord, NONE, State};

/// Bits of a partition's sequence number in a key of the index by name.
const SEQUENCE_BITS: u32 = 39;

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
    /// The schema, if it has one.
    pub schema: Option<Arc<Schema>>,
    /// The settings: a JSON object.
    pub settings: Option<Box<str>>,
    /// Whether it is strict.
    pub strict: bool,
    /// Bits of the host's own, by which a search passes the model over.
    pub marks: u32,
    /// The host's pointer.
    pub user_data: UserData,
}

/// Where a model is to live.
#[derive(Clone, Copy)]
struct Place {
    data_source: u32,
    app: u32,
    partition: u32,
}

impl Place {
    fn owner(self) -> u32 {
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
    registry.models.get(parts.index).is_some_and(|slot| {
        slot.load(Ordering::Acquire) == model_word(parts.generation, registry.epoch.load(Ordering::Acquire))
    })
}

/// Tells the models whose entries moved in a list their new positions; `apart` for a list of models on a data source.
fn moves(models: &mut [ModelRecord], apart: bool) -> impl FnMut(u64, usize) + '_ {
    move |id, position| {
        let record = &mut models[super::owner::index_of(id) as usize];
        *(if apart { &mut record.position_on } else { &mut record.position }) = position as u32;
    }
}

/// Stands for the structure of a model that has none.
const NO_STRUCTURE: usize = 0;

/// What stands for a schema's structure: while any schema has it, no other structure is at its address.
pub(crate) fn structure_address(schema: &Schema) -> usize {
    if schema.has_structure() { Arc::as_ptr(schema.structure()).addr() } else { NO_STRUCTURE }
}

fn by_name_key(atom: u32, sequence: u64) -> u64 {
    u64::from(atom) << SEQUENCE_BITS | sequence
}

impl Locked {
    fn slot(&self, model: u32) -> Option<&'static AtomicU64> {
        self.registry.models.get(model)
    }

    /// Whether the record is of a model that is registered now.
    pub fn is_registered(&self, model: u32) -> bool {
        let Some(record) = self.models.get(model as usize) else { return false };
        let word = self.registry.model_word(handle::generation(record.uses));
        record.references > 0 && self.slot(model).is_some_and(|slot| slot.load(Ordering::Relaxed) == word)
    }

    /// The index of the registered model with this handle.
    pub fn model_index(&self, parts: Parts) -> Result<u32> {
        let record = self.models.get(parts.index as usize);
        match record {
            Some(record) if handle::generation(record.uses) == parts.generation && self.is_registered(parts.index) => {
                Ok(parts.index)
            }
            _ => Err(misfit(Tag::Model, parts, self.model_uses(parts.index))),
        }
    }

    /// The index of the model with this handle, which is registered or held by the host.
    pub fn readable_model(&self, parts: Parts) -> Result<u32> {
        match self.models.get(parts.index as usize) {
            Some(record) if record.holds > 0 && handle::generation(record.uses) == parts.generation => Ok(parts.index),
            _ => self.model_index(parts),
        }
    }

    /// The handle of the model with this index.
    pub fn model_handle(&self, model: u32) -> u64 {
        self.registry.model_handle(model, self.models[model as usize].uses)
    }

    /// The newest model of a name in a partition.
    pub fn newest(&self, atom: u32, partition: u32) -> Option<u32> {
        let sequence = self.partitions.get(partition)?.sequence;
        self.by_name.get(&by_name_key(atom, sequence)).copied()
    }

    /// The newest model of a name in the first partition that has one.
    pub fn first_of_name(&self, atom: u32) -> Option<u32> {
        let all = by_name_key(atom, 0)..=by_name_key(atom, (1 << SEQUENCE_BITS) - 1);
        self.by_name.range(all).next().map(|(_, model)| *model)
    }

    /// Registers a model, in the place of one of that name where its owner has one; takes `due` when it succeeds.
    pub fn register(&mut self, new: NewModel<'_>, due: &mut Option<Box<Due>>, gone: &mut DueList) -> Result<u64> {
        if new.name.is_empty() {
            return Err(Error::new(
                Status::ERROR_INVALID_NAME,
                "model",
                "model: the name is empty (a model needs one)",
            ));
        }
        check_text("model name", new.name, MAX_NAME)?;
        let (data_source, app) = self.owners_for(new.data_source, new.app)?;
        let tenant = self.tenant_to_put_in(new.tenant, data_source, app)?;
        self.reclaim(2, gone);
        for owner in [data_source, app] {
            if owner != NONE {
                self.renew(owner);
            }
        }
        let known = self.registry.names.known(new.name.as_bytes());
        let home = self.home(data_source, app, &tenant);
        let replaced = known.and_then(|atom| self.same_name(data_source, app, home, atom, NONE));
        if replaced.is_none() && self.live_models >= self.options.max_models {
            return Err(self.full("models", self.options.max_models));
        }
        self.reserve_lists(data_source, app, replaced)?;
        let model = self.take_record(gone)?;
        let registry = self.registry;
        let atom = match registry.names.intern(&mut self.names, new.name.as_bytes()) {
            Ok(atom) => atom,
            Err(status) => {
                self.list_free(model);
                return Err(status.into());
            }
        };

        // Nothing fails from here on.
        let place = self.enter(data_source, app, home, &tenant);
        self.text_bytes += new.settings.as_ref().map_or(0, |settings| settings.len());
        if let Some(schema) = &new.schema {
            self.count_schema(schema);
        }
        let record = &mut self.models[model as usize];
        record.uses += 1;
        record.references = 1;
        record.holds = 0;
        record.name = atom;
        (record.strict, record.marks) = (new.strict, new.marks);
        record.schema = new.schema;
        record.settings = new.settings;
        record.user_data = new.user_data;
        record.due = due.take();
        let (uses, generation) = (record.uses, handle::generation(record.uses));
        if let Some(due) = &mut record.due {
            due.name(registry.model_handle(model, uses));
            self.with_destructor += 1;
        }
        self.used_records += 1;
        self.live_models += 1;
        if let Some(slot) = self.slot(model) {
            slot.store(self.registry.model_word(generation), Ordering::Release);
        }
        // One list is one change by itself.
        let one = app == NONE && (data_source == NONE || self.list_on(data_source).is_none());
        let frozen = if one { Vec::new() } else { self.freeze(replaced.into_iter(), &[data_source, app]) };
        self.link(model, place, replaced, true, gone);
        self.thaw(frozen);
        if home.is_none() {
            self.log_new_tenant(model, gone);
        }
        if self.is_watched() {
            let kind = if replaced.is_some() { Kind::Replaced } else { Kind::Registered };
            self.tell_put(kind, model, replaced, gone);
        }
        Ok(self.model_handle(model))
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
        let atom = self.models[model as usize].name;
        let home = self.home(data_source, app, &tenant);
        let replaced = self.same_name(data_source, app, home, atom, model);
        // A moved model goes to the end, also where it replaces one.
        self.reserve_lists(data_source, app, None)?;
        let frozen = self.freeze([Some(model), replaced].into_iter().flatten(), &[data_source, app]);
        self.unlink(model, None);
        let place = self.enter(data_source, app, home, &tenant);
        self.link(model, place, replaced, false, gone);
        self.thaw(frozen);
        if home.is_none() {
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

    fn log_new_tenant(&self, model: u32, gone: &mut DueList) {
        if let Some(partition) = self.partitions.get(self.models[model as usize].partition) {
            gone.log(Level::Debug, format_args!("tenant \"{}\" came to be", partition.label));
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
    fn tenant_to_put_in(&self, code: &str, data_source: u32, app: u32) -> Result<String> {
        // Beside an owner it is ignored, whatever it is.
        if data_source != NONE || app != NONE {
            return Ok(GLOBAL.to_owned());
        }
        let tenant = self.tenant_code(code)?;
        if self.partitions.is_reserved(tenant) {
            return Err(Error::new(
                Status::ERROR_INVALID_NAME,
                "tenant",
                format!("tenant \"{tenant}\": the code is the label of an owner's partition (name that owner instead)"),
            ));
        }
        Ok(tenant.to_owned())
    }

    /// The code under which a tenant's models live: `global` for none, an empty and a reserved one.
    pub fn tenant_code<'a>(&self, code: &'a str) -> Result<&'a str> {
        check_text("tenant code", code, MAX_LABEL)?;
        let reserved = code.is_empty() || self.options.reserved_tenants.iter().any(|reserved| reserved == code);
        Ok(if reserved { GLOBAL } else { code })
    }

    /// The partition in which models with these owners live, if it is there.
    fn home(&self, data_source: u32, app: u32, tenant: &str) -> Option<u32> {
        let owner = if data_source != NONE { data_source } else { app };
        if owner == NONE {
            return self.partitions.find(tenant);
        }
        let record = &self.owners[owner as usize];
        let counted = self.partitions.get(record.partition).filter(|known| known.sequence == record.counted_in);
        if counted.is_some() { Some(record.partition) } else { self.partitions.find(&record.label) }
    }

    /// The model that one of this name with these owners replaces.
    fn same_name(&self, data_source: u32, app: u32, partition: Option<u32>, atom: u32, but: u32) -> Option<u32> {
        let owner = if app != NONE { app } else { data_source };
        let found = if owner == NONE {
            self.ownerless.get(&(partition?, atom)).copied()
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
            return Ok(self.ownerless.try_reserve(1).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?);
        }
        if replaced.is_none()
            && let Some(list) = self.list_of(owner)
        {
            list.tidy(moves(&mut self.state.models, false));
            self.run_bytes += list.reserve()?;
        }
        if app != NONE && data_source != NONE {
            self.part_lists(data_source)?;
        }
        let in_place = replaced.is_some_and(|old| self.models[old as usize].data_source == data_source);
        if data_source != NONE
            && !in_place
            && let Some(list) = self.list_on(data_source)
        {
            list.tidy(moves(&mut self.state.models, true));
            self.run_bytes += list.reserve()?;
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
        let word = self.registry.word.load(Ordering::Relaxed);
        let freshness = own.stamp(word).owner;
        on.open(generation, kind, freshness, self.version_floor);
        on.reset(word);
        for at in 0..own.used() {
            let id = own.id_at(at);
            if id == 0 {
                continue;
            }
            match on.reserve() {
                Ok(grown) => self.run_bytes += grown,
                Err(status) => {
                    self.run_bytes -= on.close();
                    return Err(status.into());
                }
            }
            let model = super::owner::index_of(id);
            let position = on.push(id, self.models[model as usize].name, freshness);
            self.models[model as usize].position_on = position as u32;
        }
        own.part();
        self.owners[data_source as usize].lists_differ = true;
        self.parted_owners += 1;
        Ok(())
    }

    /// Puts the owners into the partition in which their models live; it is made if it is not there.
    fn enter(&mut self, data_source: u32, app: u32, home: Option<u32>, tenant: &str) -> Place {
        let counts = if data_source != NONE { data_source } else { app };
        let State { owners, partitions, .. } = &mut *self.state;
        let label = || owners.get(counts as usize).map_or_else(|| tenant.into(), |owner| owner.label.clone());
        let partition = home.unwrap_or_else(|| partitions.make(label(), data_source != NONE));
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
        while self.free_model == NONE && self.left_behind > 0 && (self.cursor as usize) < self.models.len() {
            self.reclaim(1, gone);
        }
        if self.free_model != NONE {
            let model = self.free_model;
            self.free_model = self.models[model as usize].next;
            return Ok(model);
        }
        loop {
            let model = self.models.len() as u32;
            if model >= MAX_SLOTS {
                return Err(self.full("models", MAX_SLOTS));
            }
            self.registry.models.reserve(model)?;
            self.models.try_reserve(1).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
            let uses = self.model_uses(model).unwrap_or(0);
            self.models.push(ModelRecord { uses, ..ModelRecord::free() });
            if uses < MAX_USES {
                return Ok(model);
            }
        }
    }

    pub(super) fn list_free(&mut self, model: u32) {
        // A slot whose generations are used up is retired: it is never listed as free again.
        let next = self.free_model;
        let record = &mut self.models[model as usize];
        if record.uses < MAX_USES {
            record.next = next;
            self.free_model = model;
        }
    }

    /// Puts a model into its lists, its partition and the index by name; the one that it replaces goes.
    fn link(&mut self, model: u32, place: Place, replaced: Option<u32>, in_place: bool, gone: &mut DueList) {
        let id = self.model_handle(model);
        let atom = self.models[model as usize].name;
        let owner = place.owner();
        let old = replaced.map(|old| {
            let record = &self.models[old as usize];
            (old, record.position as usize, record.data_source, record.position_on as usize)
        });
        // A model takes the place of the one it replaces; a moved one goes to the end.
        let taken = old.filter(|_| in_place && owner != NONE);
        let taken_on = taken.filter(|(_, _, source, _)| *source == place.data_source && place.data_source != NONE);

        if owner != NONE {
            let freshness = self.refresh(owner);
            if let Some(list) = self.list_of(owner) {
                self.count_invalidation(list);
                let position = match taken {
                    Some((_, position, ..)) => {
                        list.replace(position, id, freshness);
                        position
                    }
                    None => list.push(id, atom, freshness),
                };
                self.models[model as usize].position = position as u32;
            }
        }
        if place.data_source != NONE
            && let Some(list) = self.list_on(place.data_source)
        {
            let freshness = if place.data_source == owner {
                self.list_of(owner).map_or(0, |own| own.stamp(0).owner)
            } else {
                self.refresh(place.data_source)
            };
            self.count_invalidation(list);
            let position = match taken_on {
                Some((_, _, _, position)) => {
                    list.replace(position, id, freshness);
                    position
                }
                None => list.push(id, atom, freshness),
            };
            self.models[model as usize].position_on = position as u32;
            if place.data_source != owner
                && let Some(own) = self.list_of(place.data_source)
            {
                own.note_freshness(freshness);
            }
        }
        if let Some((old, ..)) = old {
            self.unlink(old, Some((taken.is_some(), taken_on.is_some())));
            self.forget_model(old, gone);
        }
        let record = &mut self.models[model as usize];
        record.data_source = place.data_source;
        record.app = place.app;
        record.partition = place.partition;
        record.registered_at = clock::wall_ms();
        self.link_partition(model, atom, place);
        self.registered_total += 1;
    }

    fn link_partition(&mut self, model: u32, atom: u32, place: Place) {
        let structure = self.structure_of(model);
        let state: &mut State = &mut self.state;
        let Some(partition) = state.partitions.get_mut(place.partition) else { return };
        let last = std::mem::replace(&mut partition.last, model);
        if partition.first == NONE {
            partition.first = model;
        }
        partition.models += 1;
        *partition.structures.entry(structure).or_default() += 1;
        if structure != NO_STRUCTURE {
            let strict = state.models[model as usize].strict;
            let alike = state.by_structure.insert((structure, strict, partition.sequence), model).unwrap_or(NONE);
            if alike != NONE {
                state.models[alike as usize].newer_alike = model;
            }
            let record = &mut state.models[model as usize];
            (record.older_alike, record.newer_alike) = (alike, NONE);
        }
        let key = by_name_key(atom, partition.sequence);
        let older = state.by_name.insert(key, model).unwrap_or(NONE);
        if older == NONE {
            partition.names += 1;
        } else {
            state.models[older as usize].newer = model;
        }
        if last != NONE {
            state.models[last as usize].next = model;
        }
        let record = &mut state.models[model as usize];
        (record.previous, record.next) = (last, NONE);
        (record.older, record.newer) = (older, NONE);
        if place.owner() == NONE {
            state.ownerless.insert((place.partition, atom), model);
        }
        let registered_at = self.models[model as usize].registered_at;
        self.partitions.touch_at(place.partition, registered_at);
    }

    /// What stands for the model's structure.
    fn structure_of(&self, model: u32) -> usize {
        self.models[model as usize].schema.as_deref().map_or(NO_STRUCTURE, structure_address)
    }

    /// Takes a model out of its lists, its partition and the index by name. `kept` says which of its two places in
    /// lists another model has already.
    fn unlink(&mut self, model: u32, kept: Option<(bool, bool)>) {
        let (kept_own, kept_on) = kept.unwrap_or_default();
        let record = &self.models[model as usize];
        let (atom, owner, source) = (record.name, record.owner(), record.data_source);
        let (position, position_on) = (record.position as usize, record.position_on as usize);
        if owner != NONE && !kept_own {
            let freshness = self.refresh(owner);
            if let Some(list) = self.list_of(owner) {
                self.count_invalidation(list);
                list.remove(position, freshness);
            }
            if let Some(on) = self.list_on(owner) {
                on.note_freshness(freshness);
            }
        }
        if source != NONE
            && !kept_on
            && let Some(on) = self.list_on(source)
        {
            let freshness = self.refresh(source);
            self.count_invalidation(on);
            on.remove(position_on, freshness);
            if let Some(own) = self.list_of(source) {
                own.note_freshness(freshness);
            }
        }
        self.unlink_partition(model, atom);
    }

    fn unlink_partition(&mut self, model: u32, atom: u32) {
        let structure = self.structure_of(model);
        let state: &mut State = &mut self.state;
        let record = &state.models[model as usize];
        let (index, previous, next, older, newer) =
            (record.partition, record.previous, record.next, record.older, record.newer);
        let ownerless = record.owner() == NONE;
        let Some(partition) = state.partitions.get_mut(index) else { return };
        partition.models -= 1;
        if let Some(count) = partition.structures.get_mut(&structure) {
            *count -= 1;
            if *count == 0 {
                partition.structures.remove(&structure);
            }
        }
        if partition.first == model {
            partition.first = next;
        }
        if partition.last == model {
            partition.last = previous;
        }
        if structure != NO_STRUCTURE {
            let record = &state.models[model as usize];
            let key = (structure, record.strict, partition.sequence);
            let (older, newer) = (record.older_alike, record.newer_alike);
            match (older, newer) {
                (NONE, NONE) => drop(state.by_structure.remove(&key)),
                (_, NONE) => drop(state.by_structure.insert(key, older)),
                _ => state.models[newer as usize].older_alike = older,
            }
            if older != NONE {
                state.models[older as usize].newer_alike = newer;
            }
        }
        let key = by_name_key(atom, partition.sequence);
        if newer == NONE {
            if older == NONE {
                state.by_name.remove(&key);
                partition.names -= 1;
            } else {
                state.by_name.insert(key, older);
            }
        }
        let models = &mut state.models;
        for (at, value) in [(newer, older)] {
            if at != NONE {
                models[at as usize].older = value;
            }
        }
        if older != NONE {
            models[older as usize].newer = newer;
        }
        if previous != NONE {
            models[previous as usize].next = next;
        }
        if next != NONE {
            models[next as usize].previous = previous;
        }
        // The place may be another model's by now.
        if ownerless && state.ownerless.get(&(index, atom)) == Some(&model) {
            state.ownerless.remove(&(index, atom));
        }
    }

    /// Keeps readers away from the lists of these owners, and from those that these models are in, until [`Locked::thaw`]:
    /// what is changed meanwhile is one change to them.
    pub fn freeze(&self, models: impl Iterator<Item = u32>, owners: &[u32]) -> Vec<u32> {
        let mut frozen = Vec::new();
        let of_models = models.flat_map(|model| {
            let record = &self.models[model as usize];
            [record.data_source, record.app]
        });
        for owner in of_models.chain(owners.iter().copied()).filter(|owner| *owner != NONE) {
            // Without memory to remember it by, the change is seen step by step.
            if frozen.try_reserve(1).is_err() {
                break;
            }
            let lists = [self.list_of(owner), self.list_on(owner)];
            // Both have to be frozen, so no short cut.
            if lists.into_iter().flatten().filter(|list| list.freeze()).count() > 0 {
                frozen.push(owner);
            }
        }
        frozen
    }

    /// Lets readers in again.
    pub fn thaw(&self, frozen: Vec<u32>) {
        for owner in frozen {
            for list in [self.registry.lists.get(owner), self.registry.lists_on.get(owner)].into_iter().flatten() {
                list.thaw();
            }
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
        if self.models[model as usize].due.is_some() {
            self.with_destructor -= 1;
        }
        self.let_go(model, gone);
    }

    /// Takes back one reference to a record; with the last one the record is free and its destructor is due.
    pub fn let_go(&mut self, model: u32, gone: &mut DueList) {
        let record = &mut self.models[model as usize];
        record.references -= 1;
        if record.references > 0 {
            return;
        }
        let atom = record.name;
        let (schema, settings) = (record.schema.take(), record.settings.take());
        record.user_data = UserData(std::ptr::null_mut());
        (record.partition, record.data_source, record.app) = (NONE, NONE, NONE);
        gone.extend(record.due.take());
        if let Some(schema) = schema {
            self.uncount_schema(&schema);
        }
        self.text_bytes -= settings.map_or(0, |settings| settings.len());
        let registry = self.registry;
        registry.names.release(&mut self.names, atom);
        self.used_records -= 1;
        self.list_free(model);
    }

    fn count_schema(&mut self, schema: &Arc<Schema>) {
        let uses = self.state.schemas.entry(Arc::as_ptr(schema).addr()).or_default();
        *uses += 1;
        if *uses == 1 {
            self.state.schema_bytes += schema.heap_bytes();
        }
    }

    fn uncount_schema(&mut self, schema: &Arc<Schema>) {
        let key = Arc::as_ptr(schema).addr();
        let Some(uses) = self.state.schemas.get_mut(&key) else { return };
        *uses -= 1;
        if *uses == 0 {
            self.state.schemas.remove(&key);
            self.state.schema_bytes -= schema.heap_bytes();
        }
    }

    /// Holds a model: its `user_data` stays until [`Locked::unhold`].
    pub fn hold(&mut self, parts: Parts) -> Result<()> {
        let model = self.readable_model(parts)?;
        let record = &mut self.models[model as usize];
        if record.holds == u32::MAX {
            return Err(Error::new(
                Status::ERROR_FULL,
                "holds",
                "model: it is held 4294967295 times, which is the limit",
            ));
        }
        if record.holds == 0 {
            record.references += 1;
        }
        record.holds += 1;
        Ok(())
    }

    /// Takes back one hold.
    pub fn unhold(&mut self, parts: Parts, gone: &mut DueList) -> Result<()> {
        let model = self.readable_model(parts)?;
        let record = &mut self.models[model as usize];
        if record.holds == 0 {
            return Err(Error::new(
                Status::ERROR_INVALID_ARGUMENT,
                "model",
                "model: it is not held (each mreg_model_hold is taken back once)",
            ));
        }
        record.holds -= 1;
        if record.holds == 0 {
            self.let_go(model, gone);
        }
        Ok(())
    }

    /// Takes back what a clear left behind: looks at `steps` records and frees those.
    pub fn reclaim(&mut self, steps: u32, gone: &mut DueList) {
        let epoch = self.registry.epoch.load(Ordering::Relaxed);
        let mut steps = steps;
        while steps > 0 && self.left_behind > 0 && (self.cursor as usize) < self.models.len() {
            let model = self.cursor;
            self.cursor += 1;
            steps -= 1;
            let Some(slot) = self.slot(model) else { continue };
            let word = slot.load(Ordering::Relaxed);
            if word != 0 && word >> 24 != epoch & (u64::MAX >> 24) {
                slot.store(0, Ordering::Release);
                self.left_behind -= 1;
                self.let_go(model, gone);
            }
        }
    }

    /// The lists that an owner's models are in, for those who build them.
    pub fn build(&mut self, owner: u32, on: bool) {
        self.renew(owner);
        let word = self.registry.word.load(Ordering::Relaxed);
        let lists: [Option<&'static List>; 2] = [self.list_of(owner), self.list_on(owner)];
        let list = if on { lists[1].or(lists[0]) } else { lists[0] };
        let Some(list) = list else { return };
        if list.is_built(word) {
            self.locked_hits += 1;
            return;
        }
        let freshness = self.refresh(owner);
        let apart = lists[1].is_some_and(|other| std::ptr::eq(other, list));
        list.build(word, freshness, moves(&mut self.state.models, apart));
        for other in lists.into_iter().flatten().filter(|other| !std::ptr::eq(*other, list)) {
            other.note_freshness(freshness);
        }
        self.misses += 1;
        self.built_lists += 1;
        self.note_use(list);
    }

    /// A list that had to be built is a use of every partition that its models live in.
    fn note_use(&mut self, list: &List) {
        let mut last = NONE;
        for at in 0..list.used() {
            let partition = self.state.models[super::owner::index_of(list.id_at(at)) as usize].partition;
            if partition != last {
                self.state.partitions.touch(partition);
                last = partition;
            }
        }
    }
}
