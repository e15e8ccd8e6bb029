//! Dropping a tenant of many models: at once for every reader, and its memory in steps.
//!
//! A drop begins a new epoch, as a clear does. No list and no model is of it, so nobody finds one without a look at its
//! partition; what outlived the drop is brought to the new epoch by whoever asks for it first, and is found as ever from
//! then on. What did not stays where it is, in lists, in the indices and in its partition's row, until later changes
//! take it out in steps.

use std::sync::Weak;
use std::sync::atomic::Ordering;

use super::due::DueList;
use super::fallible::boxed;
use super::handle::{self, Parts};
use super::index::{By, IndexCounts, Newest};
use super::list::RETRIES;
use super::memory;
use super::model::{NO_STRUCTURE, Place, locate, untold};
use super::partition::{Apps, DROPPED, GLOBAL_INDEX, Partition, Partitions};
use super::registry::{Locked, Registry, is_of};
use super::state::{Home, NONE, State};

/// The most models that a dropped tenant may have to be gone through one by one: with so few that takes no longer than it
/// would take others to find that they outlived it. Where generations are few, so that slots can be used up in a test, it
/// is one, so that the same tests try both ways.
const FEW: u32 = if cfg!(feature = "small-generations") { 1 } else { 64 };

impl Registry {
    /// The word of a model that somebody came upon under a version and that is not of this epoch, brought to it; 0 where the
    /// model has gone, and `None` where something has changed since.
    #[cold]
    pub(crate) fn outlived(&self, version: u64, model: u32) -> Option<u64> {
        let (slot, key) = (self.models.get(model)?, self.keys.get(model)?);
        let word = slot.load(Ordering::Acquire);
        let now = self.brought(word);
        let there = word != 0 && !self.is_cleared(word) && self.places.is_there(key.partition.load(Ordering::Relaxed));
        if !self.changes.unchanged(version) {
            return None;
        }
        if !there {
            return Some(0);
        }
        // What was seen may have passed already. Where the model went by itself the word is another one, and where its tenant
        // was dropped, or all was cleared, the epoch is.
        let _ = slot.compare_exchange(word, now, Ordering::Relaxed, Ordering::Relaxed);
        Some(now)
    }
}

impl Partitions {
    /// As [`Partitions::by_sequence`], also where it was dropped and still has entries in the indices.
    pub fn holding(&self, sequence: u64) -> Option<u32> {
        if sequence == 0 {
            return Some(GLOBAL_INDEX);
        }
        self.order_of(sequence).map(|at| self.order[at].1).filter(|index| *index != NONE).map(|index| index & !DROPPED)
    }

    /// Whether there is memory to remember one more by that is dropped with its models still to be taken back.
    pub fn can_retire(&mut self) -> bool {
        self.dropped.try_reserve(1).is_ok()
    }

    /// Takes a partition away, with its models still to be taken back; gives the apps that have some of them.
    pub fn retire(&mut self, index: u32) -> Vec<u32> {
        let Some(partition) = self.get_mut(index) else { return Vec::new() };
        let (label, sequence, structures) = (partition.label, partition.sequence, partition.structures);
        let apps = partition.apps.take().map_or_else(Vec::new, |apps| apps.0);
        self.hide(index, label);
        self.structures -= structures as usize;
        if let Some(at) = self.order_of(sequence) {
            self.order[at].1 |= DROPPED;
            self.gone_of_order += 1;
        }
        self.dropped.push(index);
        apps
    }

    /// Whether a dropped partition has models that are still to be taken back.
    pub fn has_dropped(&self) -> bool {
        !self.dropped.is_empty()
    }

    /// The partition that was dropped last with its models still to be taken back.
    pub fn dropped(&mut self) -> Option<&mut Partition> {
        self.slots.get_mut(*self.dropped.last()? as usize)?.as_mut()
    }

    /// Ends the partition that was dropped last, which has no models any more.
    pub fn end_dropped(&mut self) {
        let Some(partition) = self.dropped() else { return };
        let (label, sequence) = (partition.label, partition.sequence);
        let Some(index) = self.dropped.pop() else { return };
        if let Some(at) = self.order_of(sequence) {
            self.order[at].1 = NONE;
        }
        self.tidy_order();
        self.take_out(index, label);
    }

    /// Lists an app that has models in a partition; gives its place, `NONE` where there is no memory for it.
    pub fn list_app(&mut self, index: u32, app: u32) -> u32 {
        let Some(partition) = self.get_mut(index) else { return NONE };
        if partition.apps.is_none() {
            partition.apps = boxed(Apps::default());
        }
        if let Some(Apps(apps)) = partition.apps.as_deref_mut()
            && apps.try_reserve(1).is_ok()
        {
            apps.push(app);
            return apps.len() as u32 - 1;
        }
        partition.unlisted = true;
        NONE
    }

    /// Takes an app off that list; gives the one that has its place now.
    pub fn unlist_app(&mut self, index: u32, place: u32) -> Option<u32> {
        let Apps(apps) = self.get_mut(index)?.apps.as_deref_mut()?;
        if place as usize >= apps.len() {
            return None;
        }
        apps.swap_remove(place as usize);
        apps.get(place as usize).copied()
    }
}

/// Whether the handle is of a registered model, where its slot has a word of an earlier epoch.
#[cold]
#[inline(never)]
pub(super) fn has_outlived(value: u64) -> bool {
    let Ok((registry, parts)) = locate(value) else { return false };
    for _ in 0..RETRIES {
        if let Some(version) = registry.changes.read()
            && let Some(word) = registry.outlived(version, parts.index)
        {
            return is_of(word, parts.generation);
        }
        std::hint::spin_loop();
    }
    registry.lock_in_doubt().is_model(parts)
}

impl Locked {
    /// Whether the handle is of a registered model.
    pub fn is_model(&self, parts: Parts) -> bool {
        handle::generation(self.key(parts.index).uses.load(Ordering::Relaxed)) == parts.generation
            && self.is_registered(parts.index)
    }

    /// Lets a partition with all that is in it go at once, and leaves its models behind; gives whether it did. It does not
    /// where there are few, where a destructor has to run, and where somebody is told of each.
    pub(super) fn retire(&mut self, index: u32) -> bool {
        let possible = index != GLOBAL_INDEX && !self.is_watched() && self.partitions.can_retire();
        let Some(partition) = self.partitions.get(index).filter(|_| possible) else { return false };
        let models = partition.models;
        if models <= FEW || partition.due > 0 || partition.unlisted {
            return false;
        }
        // A partition that is no data source's has the models of one app, or of none.
        let alone = if partition.data_source { NONE } else { self.record(partition.first).app };
        let registry = self.registry;
        let begun = registry.changes.begin();
        // From here on everybody has to look whether the partition is there.
        registry.doubt();
        let apps = self.partitions.retire(index);
        if begun {
            registry.changes.end();
        }
        self.live_models -= models;
        self.dropped += models;
        self.unsettled = true;
        for app in apps.into_iter().chain((alone != NONE).then_some(alone)) {
            self.lose_some(app, index);
        }
        true
    }

    /// Notes that models of an app went with a partition: its list is looked through when it is asked for.
    fn lose_some(&mut self, app: u32, partition: u32) {
        let record = &mut self.owners[app as usize];
        record.has_dropped = true;
        if let Some(homes) = &mut record.homes {
            homes.0.remove(&partition);
        }
        let freshness = self.refresh(app);
        if let Some(list) = self.list_of(app) {
            self.count_invalidation(list.invalidate(freshness));
        }
    }

    /// Brings an owner's lists to this epoch, in which a tenant was dropped since they were last looked at: without the models
    /// that went with it.
    pub(super) fn outlive(&mut self, owner: u32) {
        let epoch = self.registry.epoch.load(Ordering::Relaxed);
        let record = &self.owners[owner as usize];
        let counted = self.partitions.get(record.partition).filter(|known| known.sequence == record.counted_in);
        let gone = record.counted_in != 0 && counted.is_none();
        // An owner's models live where it counts, but for those of an app that have a data source.
        let left = counted.is_some() || record.homes.as_ref().is_some_and(|homes| !homes.0.is_empty());
        let all = (record.has_dropped || gone) && !left;
        if record.has_dropped
            && left
            && let Some(list) = self.list_of(owner)
        {
            let keep = |id: u64| handle::decode(id, handle::Tag::Model).is_ok_and(|parts| self.is_model(parts));
            list.take_over_some(epoch, keep, untold);
        } else {
            for list in [self.list_of(owner), self.list_on(owner)].into_iter().flatten() {
                // An empty one was not changed.
                if !all || list.used() == 0 {
                    list.take_over(epoch);
                    continue;
                }
                let (was_asked, freed) = list.take_over_emptied(epoch, self.refresh(owner));
                self.count_invalidation(was_asked);
                self.run_bytes -= freed;
            }
            if all {
                self.note_freshness(owner);
            }
        }
        let record = &mut self.owners[owner as usize];
        record.has_dropped = false;
        if gone {
            record.counted_in = 0;
            record.snapshots = [Weak::new(), Weak::new()];
        }
    }

    /// Brings the lists of all owners to this epoch, so that what is counted of them is true.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.unsettled) {
            for owner in 0..self.owners.len() as u32 {
                if self.owners[owner as usize].live {
                    self.renew(owner);
                }
            }
        }
    }

    /// The newest model of a key in the first partition that has one. Entries of dropped partitions that stand in the way are
    /// taken out.
    pub(super) fn first(&mut self, by: By, key: u32) -> Option<u32> {
        let registry = self.registry;
        loop {
            let (model, known) = registry.index(by).first(&registry.keys, key)?;
            if registry.places.is_there(known.partition.load(Ordering::Relaxed)) {
                return Some(model);
            }
            self.take_entry(by, model);
        }
    }

    /// Takes the entry of a model out of an index, whose partition was dropped and which is the newest of its key there.
    fn take_entry(&mut self, by: By, model: u32) {
        let (registry, key) = (self.registry, self.key(model));
        let partition = key.partition.load(Ordering::Relaxed);
        let State { partitions, by_name, by_structure, .. } = &mut *self.state;
        let (counts, of): (&mut IndexCounts, _) = match by {
            By::Name => (by_name, &key.name),
            By::Structure => (by_structure, &key.structure),
        };
        let newest = Newest { key: of.load(Ordering::Relaxed), partition, model };
        let sequence = partitions.sequence(partition);
        let begun = registry.changes.begin();
        registry
            .index(by)
            .take(counts, &registry.keys, newest, None, sequence, |sequence| partitions.holding(sequence));
        if begun {
            registry.changes.end();
        }
    }

    /// Takes back what dropped tenants left behind, so many models at most.
    pub(super) fn reclaim_dropped(&mut self, steps: &mut u32, gone: &mut DueList) {
        while *steps > 0 {
            let State { partitions, models, .. } = &mut *self.state;
            let Some(partition) = partitions.dropped() else { return };
            *steps -= 1;
            let model = partition.first;
            let Some(record) = models.get(model as usize) else {
                partitions.end_dropped();
                continue;
            };
            partition.first = record.next;
            if let Some(next) = models.get(record.next as usize) {
                memory::prefetch(next);
            }
            let (newest, newest_alike) = (record.newer == NONE, record.newer_alike == NONE);
            self.dropped -= 1;
            if newest {
                self.take_entry(By::Name, model);
            }
            if newest_alike && self.key(model).structure.load(Ordering::Relaxed) != NO_STRUCTURE {
                self.take_entry(By::Structure, model);
            }
            if let Some(slot) = self.slot(model) {
                slot.store(0, Ordering::Release);
            }
            self.let_go(model, gone);
        }
    }

    /// Counts a model of an app that lives in the partition of a data source.
    pub(super) fn settle_in(&mut self, place: Place) {
        if place.data_source == NONE || place.app == NONE {
            return;
        }
        let State { owners, partitions, .. } = &mut *self.state;
        let Some(homes) = owners[place.app as usize].homes.as_deref_mut() else { return };
        let listed = || Home { models: 0, place: partitions.list_app(place.partition, place.app) };
        homes.0.entry(place.partition).or_insert_with(listed).models += 1;
    }

    /// Counts that a model of an app no longer lives in the partition of a data source.
    pub(super) fn move_out(&mut self, place: Place) {
        if place.data_source == NONE || place.app == NONE {
            return;
        }
        let State { owners, partitions, .. } = &mut *self.state;
        let Some(homes) = owners[place.app as usize].homes.as_deref_mut() else { return };
        let Some(home) = homes.0.get_mut(&place.partition) else { return };
        home.models -= 1;
        if home.models > 0 {
            return;
        }
        let free = home.place;
        homes.0.remove(&place.partition);
        // The last app of the partition's has the place now.
        let moved = partitions.unlist_app(place.partition, free);
        if let Some(moved) = moved
            && let Some(homes) = owners[moved as usize].homes.as_deref_mut()
            && let Some(home) = homes.0.get_mut(&place.partition)
        {
            home.place = free;
        }
    }
}
