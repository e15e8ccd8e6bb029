//! The places of a model: in its owners' lists, in its partition, and in the indices by name and by structure.

use std::sync::atomic::Ordering;

use super::due::DueList;
use super::index::{ModelKey, Newest, Wanted};
use super::list::List;
use super::model::{NO_STRUCTURE, Place};
use super::registry::{Locked, Registry};
use super::state::{Link, NONE, State};

/// What is under way on lists and on what searches look at, until [`Locked::thaw`].
#[must_use]
pub(crate) struct Frozen {
    owners: Vec<u32>,
    changes: bool,
}

impl Registry {
    /// How a model's entries by name and by structure in a partition are looked for.
    #[inline(always)]
    pub(super) fn wanted(&self, name: u32, structure: u32, partition: u32) -> (Wanted, Wanted) {
        (self.by_name.wanted(name, partition), self.by_structure.wanted(structure, partition))
    }
}

impl Locked {
    /// Puts a model into its lists, its partition and the index by name; the one that it replaces goes.
    pub fn link(&mut self, model: u32, place: Place, replaced: Option<u32>, in_place: bool, gone: &mut DueList) {
        let id = self.model_handle(model);
        let atom = self.name_of(model);
        let owner = place.owner();
        // A model takes the place of the one it replaces; a moved one goes to the end.
        let old = replaced.filter(|_| in_place && owner != NONE);
        let taken = old.and_then(|old| self.list_of(owner)?.place_of(self.model_handle(old), atom));
        let mut taken_on = None;

        if owner != NONE {
            let freshness = self.refresh(owner);
            if let Some(list) = self.list_of(owner) {
                let was_asked = match taken {
                    Some(position) => list.replace(position, id, freshness),
                    None => list.push(id, atom, freshness),
                };
                self.count_invalidation(was_asked);
            }
        }
        if place.data_source != NONE
            && let Some(list) = self.list_on(place.data_source)
        {
            let there = old.filter(|old| self.models[*old as usize].data_source == place.data_source);
            taken_on = there.and_then(|old| self.place_on(list, old));
            let freshness = self.refresh(place.data_source);
            self.key(model).position_on.store(taken_on.unwrap_or(list.used()) as u32, Ordering::Relaxed);
            let was_asked = match taken_on {
                Some(position) => list.replace(position, id, freshness),
                None => list.push(id, atom, freshness),
            };
            self.count_invalidation(was_asked);
            self.note_freshness(place.data_source);
        }
        if let Some(old) = replaced {
            self.unlink(old, Some((taken.is_some(), taken_on.is_some())));
            self.forget_model(old, gone);
        }
        let key = self.key(model);
        let structure = key.structure.load(Ordering::Relaxed);
        self.settle_in(place);
        let wanted = self.registry.wanted(atom, structure, place.partition);
        let due = self.is_due(model);
        self.link_partition(model, key, structure, place, wanted, due);
    }

    /// Puts a model into its partition and the indices, as registered now.
    #[inline(always)]
    pub(super) fn link_partition(
        &mut self,
        model: u32,
        key: &ModelKey,
        structure: u32,
        place: Place,
        (by_this_name, by_this_structure): (Wanted, Wanted),
        due: bool,
    ) {
        let (registry, partition) = (self.registry, place.partition);
        key.partition.store(partition, Ordering::Relaxed);
        self.registered_total += 1;
        let State { partitions, by_name, by_structure, models, .. } = &mut *self.state;
        let registered_at = partitions.clock.ms();
        let used_at = partitions.idle_clock(registered_at);
        let Some(sequence) = partitions.in_use(partition).map(|home| home.sequence) else { return };
        let sequence_of = |partition| partitions.sequence(partition);
        let keys = &registry.keys;
        let older = registry.by_name.put(by_name, keys, model, by_this_name, sequence, sequence_of).unwrap_or(NONE);
        let mut alike = NONE;
        let mut other_strictness = false;
        if structure != NO_STRUCTURE {
            let index = &registry.by_structure;
            let known = index.put(by_structure, keys, model, by_this_structure, sequence, sequence_of);
            alike = known.unwrap_or(NONE);
            if known.is_none() && by_structure.may_have_alike(structure ^ 1) {
                other_strictness = index.newest(keys, structure ^ 1, partition).is_some();
            }
        }
        let Some(home) = partitions.in_use(partition) else { return };
        let last = std::mem::replace(&mut home.last, model);
        if home.first == NONE {
            home.first = model;
        }
        home.touch(used_at, registered_at);
        home.models += 1;
        home.due += u32::from(due);
        home.names += u32::from(older == NONE);
        let new_structure = if structure == NO_STRUCTURE {
            home.plain += 1;
            home.plain == 1
        } else {
            alike == NONE && !other_strictness
        };
        home.structures += u32::from(new_structure);
        partitions.structures += usize::from(new_structure);
        for (before, next) in [(last, Link::Next), (older, Link::Newer), (alike, Link::NewerAlike)] {
            if let Some(record) = models.get_mut(before as usize) {
                *record.link(next) = model;
            }
        }
        let record = &mut models[model as usize];
        (record.data_source, record.app) = (place.data_source, place.app);
        record.registered_at = registered_at;
        (record.previous, record.next) = (last, NONE);
        (record.older, record.newer) = (older, NONE);
        (record.older_alike, record.newer_alike) = (alike, NONE);
    }

    /// Puts a model to the end of its partition, as registered now.
    #[inline(always)]
    pub(super) fn put_last(&mut self, model: u32, partition: u32) {
        self.registered_total += 1;
        let State { partitions, models, .. } = &mut *self.state;
        let registered_at = partitions.clock.ms();
        let used_at = partitions.idle_clock(registered_at);
        let record = &mut models[model as usize];
        record.registered_at = registered_at;
        let (previous, next) = (record.previous, record.next);
        let Some(home) = partitions.in_use(partition) else { return };
        home.touch(used_at, registered_at);
        if next == NONE {
            return;
        }
        (record.previous, record.next) = (home.last, NONE);
        models[next as usize].previous = previous;
        match models.get_mut(previous as usize) {
            Some(before) => before.next = next,
            None => home.first = next,
        }
        models[home.last as usize].next = model;
        home.last = model;
    }

    /// Takes a model out of its lists, its partition and the index by name. `kept` says which of its two places in
    /// lists another model has already.
    pub fn unlink(&mut self, model: u32, kept: Option<(bool, bool)>) {
        let (kept_own, kept_on) = kept.unwrap_or_default();
        let record = &self.models[model as usize];
        let (owner, source, app) = (record.owner(), record.data_source, record.app);
        let partition = self.partition_of(model);
        self.move_out(Place { data_source: source, app, partition });
        if owner != NONE
            && !kept_own
            && let Some(list) = self.list_of(owner)
        {
            self.remove_from(list, owner, list.place_of(self.model_handle(model), self.name_of(model)));
        }
        if source != NONE
            && !kept_on
            && let Some(on) = self.list_on(source)
        {
            self.remove_from(on, source, self.place_on(on, model));
        }
        self.unlink_partition(model);
    }

    /// Takes the model at a place out of a list of an owner's.
    fn remove_from(&mut self, list: &List, owner: u32, place: Option<usize>) {
        let Some(position) = place else { return };
        let freshness = self.refresh(owner);
        self.count_invalidation(list.remove(position, freshness));
        if self.owners[owner as usize].lists_differ {
            self.note_freshness(owner);
        }
    }

    /// Where a model stands in a list of models on a data source, which may have several of one name.
    fn place_on(&self, list: &List, model: u32) -> Option<usize> {
        list.place_noted(self.model_handle(model), self.key(model).position_on.load(Ordering::Relaxed))
    }

    fn unlink_partition(&mut self, model: u32) {
        let (registry, key) = (self.registry, self.key(model));
        let (atom, structure) = (key.name.load(Ordering::Relaxed), key.structure.load(Ordering::Relaxed));
        let index = key.partition.load(Ordering::Relaxed);
        let due = self.is_due(model);
        let State { partitions, by_name, by_structure, models, .. } = &mut *self.state;
        let sequence = partitions.sequence(index);
        let record = &models[model as usize];
        let (previous, next) = (record.previous, record.next);
        let (older, newer) = (record.older, record.newer);
        let (older_alike, newer_alike) = (record.older_alike, record.newer_alike);
        let known = |model: u32| (model != NONE).then_some(model);
        let partition_of = |sequence| partitions.holding(sequence);
        if newer == NONE {
            let name = Newest { key: atom, partition: index, model };
            registry.by_name.take(by_name, &registry.keys, name, known(older), sequence, partition_of);
        }
        let mut last_alike = false;
        if structure != NO_STRUCTURE && newer_alike == NONE {
            let (alike, keys) = (&registry.by_structure, &registry.keys);
            let newest = Newest { key: structure, partition: index, model };
            alike.take(by_structure, keys, newest, known(older_alike), sequence, partition_of);
            last_alike = older_alike == NONE && alike.newest(keys, structure ^ 1, index).is_none();
        }
        let links = [
            (previous, Link::Next, next),
            (next, Link::Previous, previous),
            (older, Link::Newer, newer),
            (newer, Link::Older, older),
            (older_alike, Link::NewerAlike, newer_alike),
            (newer_alike, Link::OlderAlike, older_alike),
        ];
        for (at, link, value) in links {
            if let Some(record) = models.get_mut(at as usize) {
                *record.link(link) = value;
            }
        }
        let Some(partition) = partitions.get_mut(index) else { return };
        partition.models -= 1;
        partition.due -= u32::from(due);
        partition.names -= u32::from(older == NONE && newer == NONE);
        if partition.first == model {
            partition.first = next;
        }
        if partition.last == model {
            partition.last = previous;
        }
        if structure == NO_STRUCTURE {
            partition.plain -= 1;
            last_alike = partition.plain == 0;
        }
        partition.structures -= u32::from(last_alike);
        partitions.structures -= usize::from(last_alike);
    }

    /// Begins a change of what searches look at, until [`Locked::thaw`].
    pub fn change(&self) -> Frozen {
        Frozen { owners: Vec::new(), changes: self.registry.changes.begin() }
    }

    /// Keeps readers away from the lists of these owners, from those that these models are in, and from what searches look at,
    /// until [`Locked::thaw`]: what is changed meanwhile is one change to them.
    pub fn freeze(&self, models: impl Iterator<Item = u32>, owners: &[u32]) -> Frozen {
        let Frozen { owners: mut frozen, changes } = self.change();
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
        Frozen { owners: frozen, changes }
    }

    /// Lets readers in again.
    pub fn thaw(&self, frozen: Frozen) {
        if frozen.changes {
            self.registry.changes.end();
        }
        for owner in frozen.owners {
            for list in [self.registry.lists.get(owner), self.registry.lists_on.get(owner)].into_iter().flatten() {
                list.thaw();
            }
        }
    }
}
