//! Letting many go at once: clear, tenants, the end of a registry.

use crate::error::Result;

use super::change::{Change, Kind};
use super::due::{Due, DueList};
use super::fallible::Many;
use super::handle::Parts;
use super::index::{MOST_ROOMY, ModelKey};
use super::log::{self, Level};
use super::partition::{GLOBAL, GLOBAL_INDEX};
use super::registry::Locked;
use super::state::NONE;

/// How many places of an index a clear takes back itself, those of two roomy tables, which have no pages of their own: more than later
/// changes take back in a round of few models.
const SMALL: usize = 2 * MOST_ROOMY;

/// What is known of a tenant.
#[derive(Clone, Debug, Default)]
pub struct TenantInfo {
    /// Its number: tenants in the order they came to be. `global` has 0.
    pub number: u64,
    /// Its code, or the label of the partition.
    pub code: String,
    /// Models in it.
    pub models: u64,
    /// Distinct names among them.
    pub names: u64,
    /// Distinct structures among them.
    pub structures: u64,
    /// Owners that count in it.
    pub owners: u64,
    /// When it came to be, milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last used, milliseconds since 1970.
    pub last_used_at_ms: i64,
    /// How long it has been idle, in milliseconds.
    pub idle_ms: u64,
    /// Whether it is the partition of data sources.
    pub data_source: bool,
}

impl Locked {
    /// Forgets every model and every tenant, at once and for every reader. Owners stay.
    pub fn clear(&mut self, gone: &mut DueList) {
        let models = u64::from(self.live_models);
        self.empty(gone);
        gone.log(Level::Info, format_args!("cleared: {} went", Many(models, "model")));
        if self.is_watched() {
            self.tell(Some(Change { count: models, ..Change::new(Kind::Cleared) }), gone);
        }
    }

    fn empty(&mut self, gone: &mut DueList) {
        let registry = self.registry;
        let begun = registry.changes.begin();
        // From here on every list is empty to every reader, and every model's handle stale.
        registry.forget();
        let old = [registry.by_name.clear(&mut self.by_name), registry.by_structure.clear(&mut self.by_structure)];
        self.partitions.clear();
        if begun {
            registry.changes.end();
        }
        for mut old in old {
            // Small ones go at once, so that rounds of few models leave nothing to be collected; and all where there is no memory
            // to remember it by.
            if old.places() > SMALL && self.old_indices.try_reserve(1).is_ok() {
                self.old_indices.push(old);
            } else {
                let mut all = usize::MAX;
                old.reclaim(&mut all);
            }
        }
        self.left_behind += self.live_models + std::mem::take(&mut self.dropped);
        self.unsettled = false;
        self.generation += 1;
        self.cursor = 0;
        self.live_models = 0;
        // Each list that was asked first and has not been changed since is invalid now.
        self.invalidations = self.misses();
        self.registered_total = 0;
        self.reused_before = registry.counters.reused();
        // Destructors run before the caller returns. Without any, later changes take the memory back in steps.
        if std::mem::take(&mut self.with_destructor) > 0 {
            self.reclaim(u32::MAX, gone);
        }
    }

    /// Takes back all that was let go: what a clear left behind, and what lists and tables have room for without need.
    pub fn reclaim_all(&mut self, gone: &mut DueList) {
        while !self.old_indices.is_empty() {
            self.reclaim(u32::MAX, gone);
        }
        self.reclaim(u32::MAX, gone);
        for owner in 0..self.owners.len() as u32 {
            if self.owners[owner as usize].live {
                self.renew(owner);
            }
        }
        if self.live_owners == 0 {
            let used = self.owners.len() as u32;
            let lists = (0..used).flat_map(|owner| [self.registry.lists.get(owner), self.registry.lists_on.get(owner)]);
            let highest = lists.flatten().map(|list| list.version()).max().unwrap_or(0);
            self.version_floor = self.version_floor.max(highest.next_multiple_of(2));
            self.registry.lists.discard(used);
            self.registry.lists_on.discard(used);
        }
        self.give_back_records();
        self.partitions.shrink();
        let registry = self.registry;
        registry.names.discard(&mut self.names);
        registry.by_name.shrink(&mut self.by_name, &registry.changes);
        registry.by_structure.shrink(&mut self.by_structure, &registry.changes);
        self.old_indices.shrink_to_fit();
        self.schemas.shrink();
        self.shrink_extras();
    }

    /// Ends the registry: releases its owners and forgets its models.
    pub fn close(&mut self) -> DueList {
        let mut gone = DueList::default();
        self.alive = false;
        // Who watches is told that all of it went, and not of each.
        let (watchers, models) = (std::mem::take(&mut self.watchers), u64::from(self.live_models));
        self.empty(&mut gone);
        for owner in 0..self.owners.len() as u32 {
            let record = &self.owners[owner as usize];
            if record.live {
                let parts = Parts {
                    registry: self.registry.number,
                    index: owner,
                    generation: super::handle::generation(record.uses),
                };
                // The owner is live and of this registry, so there is nothing that could be refused.
                let _ = self.release_owner(parts, &mut gone);
            }
        }
        // A panic may have left a change begun, which the next registry of this number could never end.
        for owner in 0..self.owners.len() as u32 {
            let lists = [self.registry.lists.get(owner), self.registry.lists_on.get(owner)];
            lists.into_iter().flatten().for_each(|list| list.thaw());
        }
        self.registry.changes.end();
        self.reclaim_all(&mut gone);
        self.kinds = Vec::new();
        self.partitions.close();
        self.options.release_queue = None;
        gone.log(Level::Info, format_args!("destroyed: {} went", Many(models, "model")));
        if !watchers.is_empty() {
            self.watchers = watchers;
            self.tell(Some(Change { count: models, ..Change::new(Kind::Destroyed) }), &mut gone);
            self.watchers = Vec::new();
        }
        gone
    }

    /// How many names the partition that an owner counts in has.
    pub fn names_beside(&self, owner: u32) -> u64 {
        let index = self.partitions.by_sequence(self.owners[owner as usize].counted_in);
        index.and_then(|index| self.partitions.get(index)).map_or(0, |partition| u64::from(partition.names))
    }

    /// Takes an owner out of the partition that it counts in, which had so many names before its models went; with the last one
    /// the partition goes.
    pub fn leave_partition(&mut self, owner: u32, names: u64, gone: &mut DueList) {
        let sequence = std::mem::take(&mut self.owners[owner as usize].counted_in);
        if sequence == 0 {
            return;
        }
        let Some(index) = self.partitions.by_sequence(sequence) else { return };
        let Some(partition) = self.partitions.get_mut(index) else { return };
        partition.members -= 1;
        if partition.members == 0 {
            self.drop_partition(index, names, gone);
        }
    }

    /// Drops a partition with all that is in it, and that held so many names; `global` is emptied and stays.
    fn drop_partition(&mut self, index: u32, names: u64, gone: &mut DueList) {
        let Some(partition) = self.partitions.get(index) else { return };
        let label = partition.label;
        let told = log::wants(Level::Debug) || self.is_watched();
        let label = if told { self.partitions.label(label).ok() } else { None };
        if !self.retire(index) {
            self.drop_one_by_one(index, names, gone);
        }
        if index == GLOBAL_INDEX && names == 0 {
            return;
        }
        let shown = label.as_deref().unwrap_or_default();
        gone.log(Level::Debug, format_args!("tenant \"{shown}\" was dropped: {} went", Many(names, "name")));
        if self.is_watched() {
            let change = Change { count: names, tenant: label, ..Change::new(Kind::TenantDropped) };
            self.tell(Some(change), gone);
        }
    }

    fn drop_one_by_one(&mut self, index: u32, names: u64, gone: &mut DueList) {
        let mut model = self.partitions.get(index).map_or(NONE, |partition| partition.first);
        let frozen = self.freeze(self.models_from(model), &[]);
        while model != NONE {
            let next = self.models[model as usize].next;
            self.drop_model(model, gone);
            model = next;
        }
        if index != GLOBAL_INDEX {
            self.partitions.remove(index);
        }
        if index != GLOBAL_INDEX || names > 0 {
            self.registry.raise_word();
        }
        self.thaw(frozen);
    }

    /// Drops a tenant, or takes one owner out of it.
    pub fn drop_tenant(&mut self, code: &str, owner: u64, gone: &mut DueList) -> Result<u64> {
        let owner = self.optional_owner(owner)?;
        // Unlike where a model is put, an empty or a reserved code stands for nothing here.
        if code.is_empty() || (code != GLOBAL && self.tenant_code(code)? == GLOBAL) {
            return Ok(0);
        }
        let Some(index) = self.partitions.find(code) else { return Ok(0) };
        self.reclaim(64, gone);
        let (sequence, names) = match self.partitions.get(index) {
            Some(partition) => (partition.sequence, u64::from(partition.names)),
            None => return Ok(0),
        };
        if owner == NONE {
            self.drop_partition(index, names, gone);
            return Ok(names);
        }
        if self.owners[owner as usize].counted_in != sequence {
            return Ok(0);
        }
        self.renew(owner);
        let frozen = self.freeze(self.models_about(owner), &[owner]);
        self.drop_models_about(owner, Some(index), gone);
        self.thaw(frozen);
        self.leave_partition(owner, names, gone);
        Ok(if self.partitions.by_sequence(sequence).is_none() { names } else { 0 })
    }

    /// Drops every partition but `global` that was idle for so long. Gives how many.
    pub fn drop_idle(&mut self, max_idle_ms: u64, gone: &mut DueList) -> u64 {
        self.reclaim(64, gone);
        let (mut dropped, mut sequence) = (0, 1);
        loop {
            let Some(index) = self.partitions.since(sequence).next() else { break };
            let Some(partition) = self.partitions.get(index) else { break };
            sequence = partition.sequence + 1;
            let names = u64::from(partition.names);
            if self.partitions.last_used(index).idle_ms >= max_idle_ms {
                self.drop_partition(index, names, gone);
                dropped += 1;
            }
        }
        let now = self.partitions.now();
        self.partitions.advance(now);
        if dropped > 0 {
            gone.log(Level::Info, format_args!("swept: {} went", Many(dropped, "idle tenant")));
        }
        dropped
    }

    /// Counts as use of a tenant, if it is there.
    pub fn touch_tenant(&mut self, code: &str) -> Result<()> {
        if let Some(index) = self.partitions.find(self.tenant_code(code)?) {
            self.partitions.touch(index);
        }
        Ok(())
    }

    /// Counts as use of the partitions that a list of the owner's models, were it built now, would be: of its own, and
    /// of those in which its models live.
    pub fn touch_owner(&mut self, parts: Parts) -> Result<()> {
        let owner = self.owner_index(parts)?;
        self.renew(owner);
        let state = &mut *self.state;
        if let Some(own) = state.partitions.find_atom(state.owners[owner as usize].label) {
            state.partitions.touch(own);
        }
        let mut last = NONE;
        for model in self.models_about(owner) {
            let partition = self.partition_of(model);
            if partition != last {
                self.partitions.touch(partition);
                last = partition;
            }
        }
        Ok(())
    }

    /// The models of a partition, from one of them on.
    pub fn models_from(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let known = |model: u32| (model != NONE).then_some(model);
        std::iter::successors(known(first), move |model| known(self.models[*model as usize].next))
    }

    /// What is known of a partition.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`.
    pub fn tenant_info(&self, index: u32) -> Result<Option<TenantInfo>> {
        let Some(partition) = self.partitions.get(index) else { return Ok(None) };
        let used = self.partitions.last_used(index);
        Ok(Some(TenantInfo {
            number: partition.sequence,
            code: self.partitions.label(partition.label)?,
            models: u64::from(partition.models),
            names: u64::from(partition.names),
            structures: u64::from(partition.structures),
            owners: u64::from(partition.members),
            created_at_ms: partition.created_at,
            last_used_at_ms: used.at_ms,
            idle_ms: used.idle_ms,
            data_source: partition.data_source,
        }))
    }

    /// What the registry counts.
    pub fn stats(&mut self) -> Stats {
        self.settle();
        let memory = self.memory();
        let hits = self.registry.counters.hits().saturating_sub(self.hits_before) + self.locked_hits;
        Stats {
            registered_total: self.registered_total,
            reused_total: self.registry.counters.reused().saturating_sub(self.reused_before),
            unique_structures: self.partitions.structures as u64,
            tenants: self.partitions.count() as u64,
            models: u64::from(self.live_models),
            owners: u64::from(self.live_owners),
            generation: self.generation,
            bytes_in_use: memory.in_use(),
            bytes_reserved: memory.reserved,
            cache_hits: hits,
            cache_misses: self.misses(),
            cache_invalidations: self.invalidations,
        }
    }

    fn misses(&self) -> u64 {
        self.registry.counters.misses().saturating_sub(self.misses_before) + self.misses
    }

    /// What the registry's memory is used for.
    pub fn memory(&self) -> Memory {
        let owners = self.live_owners as usize;
        let (registry, partitions) = (self.registry, &self.partitions);
        let reserved = self.owners.len().max(self.past_owners.len()) * size_of::<super::registry::OwnerSlot>()
            + self.past_owners.len() * size_of::<u32>()
            + self.model_slots as usize * (size_of::<u64>() + size_of::<ModelKey>())
            + self.names.slots() * super::names::SLOT_BYTES
            + partitions.reserved_bytes()
            + self.kinds.iter().map(|kind| kind.len()).sum::<usize>();
        let bytes = |bytes: usize| bytes as u64;
        Memory {
            models: bytes(
                self.used_records as usize * size_of::<super::state::ModelRecord>()
                    + self.extra_bytes()
                    + self.with_destructor as usize * size_of::<Due>(),
            ),
            indices: bytes(
                registry.by_name.bytes(&self.by_name)
                    + registry.by_structure.bytes(&self.by_structure)
                    + self.old_indices.iter().map(|old| old.bytes()).sum::<usize>(),
            ),
            owners: bytes(owners * size_of::<super::state::OwnerRecord>()),
            lists: bytes((owners + self.parted_owners as usize) * size_of::<super::list::List>() + self.run_bytes),
            names: bytes(self.names.bytes() + partitions.label_bytes()),
            schemas: bytes(self.schemas.bytes()),
            snapshots: bytes(self.snapshot_bytes),
            tenants: bytes(partitions.bytes()),
            texts: bytes(self.text_bytes),
            reserved: bytes(reserved),
        }
    }
}

/// What a registry's memory is used for, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// Records of models that are registered or held.
    pub models: u64,
    /// The indices by name and by structure.
    pub indices: u64,
    /// Records of owners.
    pub owners: u64,
    /// Lists of owners' models.
    pub lists: u64,
    /// Interned names.
    pub names: u64,
    /// Schemas that models use.
    pub schemas: u64,
    /// Held snapshots.
    pub snapshots: u64,
    /// Partitions, and configurations of data sources.
    pub tenants: u64,
    /// Owners' names, labels, settings.
    pub texts: u64,
    /// Slots that were used once; they are reused and never returned.
    pub reserved: u64,
}

impl Memory {
    /// All but what is reserved.
    pub fn in_use(&self) -> u64 {
        let Memory { models, indices, owners, lists, names, schemas, snapshots, tenants, texts, .. } = self;
        models + indices + owners + lists + names + schemas + snapshots + tenants + texts
    }
}

/// What a registry counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Registrations since the registry was made or cleared, replacing ones included.
    pub registered_total: u64,
    /// Models that were found by their structure.
    pub reused_total: u64,
    /// Distinct structures, summed over the partitions.
    pub unique_structures: u64,
    /// Partitions without `global`.
    pub tenants: u64,
    /// Registered models.
    pub models: u64,
    /// Registered owners.
    pub owners: u64,
    /// 1, and one more for each clear.
    pub generation: u64,
    /// Bytes of what is registered or held.
    pub bytes_in_use: u64,
    /// Bytes of slots that were used once; they are reused and never returned.
    pub bytes_reserved: u64,
    /// Lists that were answered from the cache.
    pub cache_hits: u64,
    /// Lists that had to be built.
    pub cache_misses: u64,
    /// Built lists that a change made useless.
    pub cache_invalidations: u64,
}
