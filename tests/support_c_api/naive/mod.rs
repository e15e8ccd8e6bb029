//! The contract in its plainest form: vectors, searched from end to end. What the library does is compared with it.

mod building;

pub use building::Builder;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::watching::*;
use super::{APP, DATA_SOURCE, Witness};

/// A model that was registered once.
pub struct Model {
    pub handle: u64,
    pub name: String,
    pub registry: usize,
    pub data_source: Option<usize>,
    pub app: Option<usize>,
    pub partition: String,
    pub structure: Option<usize>,
    pub settings: String,
    pub strict: bool,
    pub marks: u32,
    pub witness: &'static Witness,
    pub has_destructor: bool,
    pub registered: bool,
    pub holds: usize,
    pub snapshots: usize,
}

impl Model {
    pub fn owner(&self) -> Option<usize> {
        self.app.or(self.data_source)
    }

    /// Whether its handle still reads it.
    pub fn readable(&self) -> bool {
        self.registered || self.holds > 0
    }

    /// How often its destructor has to have run.
    pub fn runs(&self) -> usize {
        usize::from(self.has_destructor && !self.registered && self.holds == 0 && self.snapshots == 0)
    }
}

/// An owner that was registered once.
pub struct Owner {
    pub handle: u64,
    pub registry: usize,
    pub kind: u32,
    pub label: String,
    pub witness: &'static Witness,
    pub live: bool,
    /// What it owns, and what is on it.
    pub lists: [Vec<usize>; 2],
    /// Something happened that could alter its lists.
    pub changed: bool,
    /// Its snapshots so far: what each stamp stood for. The empty answer of an app that is asked what is on it has the
    /// stamp of what it owns, so that is kept apart.
    pub stamps: BTreeMap<(bool, u64), Vec<u64>>,
    /// The last answers: stamp, owner's word, registry's word.
    pub last: [Option<(u64, u64, u64)>; 2],
}

/// A partition that is there.
pub struct Partition {
    pub label: String,
    pub is_data_source: bool,
    pub members: BTreeSet<usize>,
    pub models: Vec<usize>,
}

/// A registry that was made once.
pub struct Registry {
    pub handle: u64,
    pub live: bool,
    pub max_models: usize,
    pub generation: u64,
    pub registered_total: u64,
    pub reused_total: u64,
    /// Whether anybody is told of its changes, and how many there were while somebody was.
    pub watched: bool,
    pub sequence: u64,
    /// `global` first, the others in the order they came to be.
    pub partitions: Vec<Partition>,
}

/// A snapshot that is held or was held.
pub struct Snapshot {
    pub handle: u64,
    pub live: bool,
    pub models: Vec<usize>,
}

/// A watcher that is polled or was polled.
pub struct Watcher {
    pub handle: u64,
    pub registry: usize,
    pub live: bool,
    pub capacity: usize,
    pub kept: VecDeque<Change>,
    /// How many there was no room for, with the number of the last: the oldest went.
    pub lost: u64,
    pub last_lost: u64,
}

impl Watcher {
    pub fn keep(&mut self, change: &Change) {
        self.kept.push_back(change.clone());
        if self.kept.len() > self.capacity {
            self.lost += 1;
            self.last_lost = self.kept.pop_front().map_or(0, |oldest| oldest.sequence);
        }
    }

    /// The next that it has to give.
    pub fn poll(&mut self, registry: u64) -> Option<Change> {
        match std::mem::take(&mut self.lost) {
            0 => self.kept.pop_front(),
            count => Some(Change { kind: LOST, sequence: self.last_lost, registry, count, ..Change::default() }),
        }
    }
}

/// All that there ever was.
#[derive(Default)]
pub struct World {
    pub registries: Vec<Registry>,
    pub owners: Vec<Owner>,
    pub models: Vec<Model>,
    pub snapshots: Vec<Snapshot>,
    pub watchers: Vec<Watcher>,
    pub builders: Vec<Builder>,
    /// What is still to be told; models that go with one owner or tenant go in any order.
    pub changes: Vec<Change>,
}

/// The name of every owner.
pub const OWNER_NAME: &str = "owner";

/// The one tenant code that every registry of the test reserves.
pub const RESERVED: &str = "trap";

/// What is searched for by structure.
pub struct Search {
    pub structure: usize,
    pub tenant: String,
    pub strict: bool,
    pub pass_over: u32,
    pub outside: u32,
}

/// What a new model is to be.
pub struct New {
    pub name: String,
    pub data_source: Option<usize>,
    pub app: Option<usize>,
    pub tenant: String,
}

impl World {
    pub fn add_registry(&mut self, handle: u64, max_models: usize) {
        self.registries.push(Registry {
            handle,
            live: true,
            max_models,
            generation: 1,
            registered_total: 0,
            reused_total: 0,
            watched: false,
            sequence: 0,
            partitions: vec![Partition::new("global", false)],
        });
    }

    fn tell(&mut self, registry: usize, change: Change) {
        let known = &mut self.registries[registry];
        if known.watched {
            known.sequence += 1;
            self.changes.push(Change { registry: known.handle, sequence: known.sequence, ..change });
        }
    }

    fn tell_model(&mut self, kind: u32, model: usize, replaced: Option<usize>) {
        let known = &self.models[model];
        let change = Change {
            kind,
            owner: known.owner().map_or(0, |owner| self.owners[owner].handle),
            model: known.handle,
            replaced: replaced.map_or(0, |old| self.models[old].handle),
            name: known.name.clone(),
            tenant: known.partition.clone(),
            ..Change::default()
        };
        self.tell(known.registry, change);
    }

    pub fn live_models(&self, registry: usize) -> usize {
        self.models.iter().filter(|model| model.registered && model.registry == registry).count()
    }

    pub fn live_owners(&self, registry: usize) -> usize {
        self.owners.iter().filter(|owner| owner.live && owner.registry == registry).count()
    }

    fn label_for(&self, new: &New) -> String {
        match new.data_source.or(new.app) {
            Some(owner) => self.owners[owner].label.clone(),
            None if new.tenant.is_empty() || new.tenant == RESERVED => "global".to_owned(),
            None => new.tenant.clone(),
        }
    }

    /// The model that a new one replaces.
    pub fn replaced(&self, registry: usize, new: &New) -> Option<usize> {
        let label = self.label_for(new);
        match new.app.or(new.data_source) {
            Some(owner) => {
                self.owners[owner].lists[0].iter().copied().find(|model| self.models[*model].name == new.name)
            }
            None => self
                .partition(registry, &label)?
                .models
                .iter()
                .copied()
                .find(|model| self.models[*model].owner().is_none() && self.models[*model].name == new.name),
        }
    }

    pub fn partition(&self, registry: usize, label: &str) -> Option<&Partition> {
        self.registries[registry].partitions.iter().find(|partition| partition.label == label)
    }

    fn enter(&mut self, registry: usize, new: &New) -> String {
        let label = self.label_for(new);
        let partitions = &mut self.registries[registry].partitions;
        if !partitions.iter().any(|partition| partition.label == label) {
            partitions.push(Partition::new(&label, new.data_source.is_some()));
        }
        if let Some(owner) = new.data_source.or(new.app) {
            let entered = partitions.iter_mut().find(|partition| partition.label == label);
            entered.expect("it was made").members.insert(owner);
        }
        label
    }

    /// Registers a model; where the owner has one of the name, in its place.
    pub fn register(&mut self, registry: usize, new: &New, mut model: Model) {
        let replaced = self.replaced(registry, new);
        let partition = self.enter(registry, new);
        let index = self.models.len();
        (model.data_source, model.app, model.partition) = (new.data_source, new.app, partition);
        self.models.push(model);
        self.place(index, replaced, true);
        self.tell_model(if replaced.is_some() { REPLACED } else { REGISTERED }, index, replaced);
    }

    /// Gives a model other owners.
    pub fn move_model(&mut self, model: usize, new: &New) {
        let registry = self.models[model].registry;
        let replaced = self.replaced(registry, new).filter(|other| *other != model);
        self.take_out(model);
        let partition = self.enter(registry, new);
        let moved = &mut self.models[model];
        (moved.data_source, moved.app, moved.partition) = (new.data_source, new.app, partition);
        self.place(model, replaced, false);
        self.tell_model(MOVED, model, replaced);
    }

    fn place(&mut self, model: usize, replaced: Option<usize>, in_place: bool) {
        let (owner, source) = (self.models[model].owner(), self.models[model].data_source);
        for (which, at) in [owner, source].into_iter().enumerate() {
            let Some(at) = at else { continue };
            let list = &mut self.owners[at].lists[which];
            match replaced.and_then(|old| list.iter().position(|other| *other == old)) {
                Some(position) if in_place => list[position] = model,
                _ => list.push(model),
            }
            self.owners[at].changed = true;
        }
        if let Some(old) = replaced {
            self.forget(old);
        }
        let registry = self.models[model].registry;
        let label = self.models[model].partition.clone();
        let registry = &mut self.registries[registry];
        registry.registered_total += 1;
        let partition = registry.partitions.iter_mut().find(|partition| partition.label == label);
        partition.expect("it was entered").models.push(model);
        self.models[model].registered = true;
    }

    fn take_out(&mut self, model: usize) {
        let (owner, source, registry) =
            (self.models[model].owner(), self.models[model].data_source, self.models[model].registry);
        for owner in [owner, source].into_iter().flatten() {
            self.owners[owner].changed = true;
            for list in &mut self.owners[owner].lists {
                list.retain(|other| *other != model);
            }
        }
        for partition in &mut self.registries[registry].partitions {
            partition.models.retain(|other| *other != model);
        }
    }

    fn forget(&mut self, model: usize) {
        self.take_out(model);
        self.models[model].registered = false;
    }

    pub fn drop_model(&mut self, model: usize) {
        self.forget(model);
        self.tell_model(REMOVED, model, None);
    }

    fn names_in(&self, registry: usize, label: &str) -> u64 {
        let models = self.partition(registry, label).map_or(&[][..], |partition| &partition.models);
        let names: BTreeSet<&str> = models.iter().map(|model| self.models[*model].name.as_str()).collect();
        names.len() as u64
    }

    /// Drops a partition, of whose names some may have gone already.
    fn drop_partition(&mut self, registry: usize, label: &str, names: u64) {
        let Some(partition) = self.partition(registry, label) else { return };
        for model in partition.models.clone() {
            self.drop_model(model);
        }
        self.registries[registry]
            .partitions
            .retain(|partition| partition.label == "global" || partition.label != label);
        if label != "global" || names > 0 {
            let change = Change { kind: TENANT_DROPPED, count: names, tenant: label.to_owned(), ..Change::default() };
            self.tell(registry, change);
        }
    }

    fn models_about(&self, owner: usize) -> Vec<usize> {
        let about = |model: &Model| model.data_source == Some(owner) || model.app == Some(owner);
        (0..self.models.len()).filter(|at| self.models[*at].registered && about(&self.models[*at])).collect()
    }

    pub fn release(&mut self, owner: usize) {
        let registry = self.owners[owner].registry;
        let names = self.names_in(registry, &self.owners[owner].label);
        for model in self.models_about(owner) {
            self.drop_model(model);
        }
        let label = self.owners[owner].label.clone();
        let partition = self.registries[registry].partitions.iter_mut().find(|partition| partition.label == label);
        if partition.is_some_and(|partition| partition.members.remove(&owner) && partition.members.is_empty()) {
            self.drop_partition(registry, &label, names);
        }
        self.owners[owner].live = false;
        let (handle, name) = (self.owners[owner].handle, OWNER_NAME.to_owned());
        self.tell(registry, Change { kind: OWNER_RELEASED, owner: handle, name, tenant: label, ..Change::default() });
    }

    pub fn drop_tenant(&mut self, registry: usize, code: &str, owner: Option<usize>) -> u64 {
        if code.is_empty() || code == RESERVED {
            return 0;
        }
        let names = self.names_in(registry, code);
        let Some(owner) = owner else {
            self.drop_partition(registry, code, names);
            return names;
        };
        let Some(partition) = self.partition(registry, code) else { return 0 };
        if !partition.members.contains(&owner) {
            return 0;
        }
        for model in self.models_about(owner) {
            if self.models[model].partition == code {
                self.drop_model(model);
            }
        }
        let partition = self.registries[registry].partitions.iter_mut().find(|partition| partition.label == code);
        let partition = partition.expect("it is there");
        partition.members.remove(&owner);
        if !partition.members.is_empty() {
            return 0;
        }
        self.drop_partition(registry, code, names);
        names
    }

    pub fn drop_idle(&mut self, registry: usize) -> u64 {
        let labels: Vec<String> =
            self.registries[registry].partitions.iter().skip(1).map(|partition| partition.label.clone()).collect();
        for label in &labels {
            self.drop_partition(registry, label, self.names_in(registry, label));
        }
        labels.len() as u64
    }

    pub fn clear(&mut self, registry: usize) {
        let count = self.live_models(registry) as u64;
        self.empty(registry);
        self.tell(registry, Change { kind: CLEARED, count, ..Change::default() });
    }

    fn empty(&mut self, registry: usize) {
        for owner in self.owners.iter_mut().filter(|owner| owner.registry == registry) {
            owner.changed = true;
        }
        for model in 0..self.models.len() {
            if self.models[model].registered && self.models[model].registry == registry {
                self.forget(model);
            }
        }
        let registry = &mut self.registries[registry];
        registry.partitions = vec![Partition::new("global", false)];
        registry.registered_total = 0;
        registry.reused_total = 0;
        registry.generation += 1;
    }

    pub fn destroy(&mut self, registry: usize) {
        let count = self.live_models(registry) as u64;
        self.empty(registry);
        self.tell(registry, Change { kind: DESTROYED, count, ..Change::default() });
        self.registries[registry].live = false;
        self.registries[registry].watched = false;
        for owner in self.owners.iter_mut().filter(|owner| owner.registry == registry) {
            owner.live = false;
        }
    }

    /// The models of a registry outside `global`, by partition.
    pub fn all_models(&self, registry: usize) -> Vec<usize> {
        let outside = self.registries[registry].partitions.iter().skip(1);
        outside.flat_map(|partition| partition.models.iter().copied()).collect()
    }

    pub fn find_in(&self, partition: &Partition, name: &str) -> Option<usize> {
        partition.models.iter().copied().rev().find(|model| self.models[*model].name == name)
    }

    pub fn find(&self, registry: usize, name: &str) -> Option<usize> {
        self.registries[registry].partitions.iter().find_map(|partition| self.find_in(partition, name))
    }

    /// The first model of a structure: in `global`, then in the tenant, or without one in every partition.
    pub fn find_structure(&self, registry: usize, ask: &Search) -> Option<usize> {
        let partitions = &self.registries[registry].partitions;
        let fits = |model: &usize| {
            let model = &self.models[*model];
            let passed = if model.partition == "global" { ask.pass_over } else { ask.pass_over | ask.outside };
            model.structure == Some(ask.structure) && model.strict == ask.strict && model.marks & passed == 0
        };
        let searched = |at: usize, label: &str| {
            at == 0 || ask.tenant.is_empty() || (ask.tenant != RESERVED && label == ask.tenant)
        };
        let mut searched = partitions.iter().enumerate().filter(|(at, partition)| searched(*at, &partition.label));
        searched.find_map(|(_, partition)| partition.models.iter().copied().rev().find(fits))
    }

    pub fn handles(&self, models: &[usize]) -> Vec<u64> {
        models.iter().map(|model| self.models[*model].handle).collect()
    }

    /// The indices of the live owners of a registry that are, or are not, data sources.
    pub fn owners_of(&self, registry: usize, data_sources: bool) -> Vec<usize> {
        let fits =
            |owner: &Owner| owner.live && owner.registry == registry && (owner.kind == DATA_SOURCE) == data_sources;
        (0..self.owners.len()).filter(|at| fits(&self.owners[*at])).collect()
    }
}

impl Partition {
    fn new(label: &str, is_data_source: bool) -> Partition {
        Partition { label: label.to_owned(), is_data_source, members: BTreeSet::new(), models: Vec::new() }
    }
}

impl Owner {
    pub fn new(handle: u64, registry: usize, kind: u32, label: String, witness: &'static Witness) -> Owner {
        Owner {
            handle,
            registry,
            kind,
            label,
            witness,
            live: true,
            lists: Default::default(),
            changed: true,
            stamps: BTreeMap::new(),
            last: [None; 2],
        }
    }

    /// A kind that it is not.
    pub fn other_kind(&self) -> u32 {
        if self.kind == APP { DATA_SOURCE } else { APP }
    }
}
