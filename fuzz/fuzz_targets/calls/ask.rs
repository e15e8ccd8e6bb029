//! What asks: each answer is compared with the model of the contract.

use super::*;
use std::collections::BTreeSet;

impl Run<'_> {
    /// A list that had to be built counts as use of the partitions that its models live in; one from the cache does not.
    /// An owner may have one list for both questions, and build it also for a question that finds nothing.
    pub fn list_used(&mut self, owner: usize) {
        let registry = self.world.owners[owner].registry;
        for model in self.world.owners[owner].lists.concat() {
            let label = self.world.models[model].partition.clone();
            self.used(registry, &label, false);
        }
    }

    pub fn ask_some_owner(&mut self) {
        if self.world.owners.is_empty() {
            return;
        }
        let at = self.bytes.below(self.world.owners.len());
        let choice = self.bytes.byte();
        self.list_used(at);
        let known = &self.world.owners[at];
        if !known.live {
            assert_eq!(code(stamped(known.handle, ANY, choice & 1 != 0)), STALE_HANDLE);
            assert_eq!(code(names_of(known.handle)), STALE_HANDLE);
            return;
        }
        match choice & 7 {
            0..=3 => self.check_list(at, usize::from(choice & 1)),
            4 | 5 => self.check_names(at),
            6 => {
                let name = NAMES[usize::from(choice >> 3) % NAMES.len()];
                self.check_name(at, name);
            }
            _ => {
                assert_eq!(owner_kind(known.handle), Ok(known.kind));
                assert_eq!(owner_name(known.handle).as_deref(), Ok(naive::OWNER_NAME));
                assert_eq!(owner_tenant(known.handle).as_ref(), Ok(&known.label));
                let other = known.other_kind();
                assert_eq!(stamped(known.handle, other, false).map(|(list, _)| list), Ok(vec![]));
                assert_eq!(stamped_names(known.handle, other).map(|(names, _)| names.len()), Ok(0));
            }
        }
    }

    /// Both freshness words as they were: the same answer. Nothing changed: the same stamp. Anything did: another one
    /// exactly where the list is another.
    pub fn check_list(&mut self, at: usize, which: usize) {
        let on = which == 1;
        self.list_used(at);
        let expected = self.world.handles(&self.world.owners[at].lists[which]);
        let owner = &mut self.world.owners[at];
        let words = Words::of(owner.handle).read();
        let (list, stamp) = stamped(owner.handle, owner.kind, on).expect("a list");
        assert_eq!(list, expected, "list {which} of {}", owner.label);
        assert_eq!(Words::of(owner.handle).read(), (stamp.owner_word, stamp.registry_word), "the words of {which}");
        if let Some((last, owner_word, registry_word)) = owner.last[which] {
            assert!(
                (owner_word, registry_word) != words || last == stamp.stamp,
                "both words as before, another answer"
            );
        }
        let apart = on && owner.kind != DATA_SOURCE;
        let known = owner.stamps.entry((apart, stamp.stamp)).or_insert_with(|| expected.clone());
        assert_eq!(*known, expected, "a stamp stands for one list");
        owner.last[which] = Some((stamp.stamp, stamp.owner_word, stamp.registry_word));
        assert_eq!((list, stamp), stamped(owner.handle, ANY, on).expect("a list"), "asked again");
    }

    fn check_names(&mut self, at: usize) {
        self.list_used(at);
        let owner = &self.world.owners[at];
        let names: Vec<&str> = owner.lists[0].iter().map(|model| &*self.world.models[*model].name).collect();
        let (found, stamp) = stamped_names(owner.handle, ANY).expect("names");
        assert_eq!(found, names);
        assert_eq!(stamp.stamp, stamp_of(owner.handle), "names have the stamp of the list");
    }

    fn check_name(&self, at: usize, name: &str) {
        let owner = &self.world.owners[at];
        let models = owner.lists[0].iter().map(|model| &self.world.models[*model]);
        let expected = models.into_iter().find(|model| model.name == name).map_or(0, |model| model.handle);
        assert_eq!(get(owner.handle, ANY, name), Ok(expected), "get {name}");
        assert_eq!(get(owner.handle, owner.kind, name), Ok(expected), "get {name}");
        assert_eq!(has(owner.handle, owner.kind, name), Ok(expected != 0));
        assert_eq!(get(owner.handle, owner.other_kind(), name), Ok(0));
        assert_eq!(has(owner.handle, owner.other_kind(), name), Ok(false));
    }

    pub fn ask_by_name(&mut self, registry: usize) {
        let choice = self.bytes.byte();
        let name = NAMES[usize::from(choice) % NAMES.len()];
        let handle = self.world.registries[registry].handle;
        if choice & 64 == 0 {
            let expected = self.world.find(registry, name);
            assert_eq!(find(handle, name), Ok(self.handle_or_null(expected)), "find {name}");
            self.found(registry, expected);
            return;
        }
        let tenant = self.some_code(registry);
        let label = if tenant.is_empty() || tenant == RESERVED { "global" } else { &*tenant };
        let expected = self.world.partition(registry, label).and_then(|partition| self.world.find_in(partition, name));
        assert_eq!(find_in(handle, &tenant, name), Ok(self.handle_or_null(expected)), "find {name} in {tenant:?}");
        self.found(registry, expected);
        let expected =
            self.world.partition(registry, label).map_or(Vec::new(), |found| self.world.handles(&found.models));
        assert_eq!(models_in(handle, &tenant), Ok(expected), "models in {tenant:?}");
        self.used_perhaps(registry, label.to_owned());
    }

    fn handle_or_null(&self, model: Option<usize>) -> u64 {
        model.map_or(0, |model| self.world.models[model].handle)
    }

    fn found(&mut self, registry: usize, model: Option<usize>) {
        if let Some(model) = model {
            let label = self.world.models[model].partition.clone();
            self.used(registry, &label, true);
        }
    }

    fn used_perhaps(&mut self, registry: usize, label: String) {
        if self.world.partition(registry, &label).is_some() {
            self.used(registry, &label, false);
        }
    }

    pub fn ask_by_structure(&mut self, registry: usize) {
        let choice = self.bytes.byte();
        let search = naive::Search {
            structure: usize::from(choice) % 3,
            tenant: TENANTS[usize::from(self.bytes.byte()) % TENANTS.len()].to_owned(),
            strict: choice & 8 != 0,
            pass_over: u32::from(choice >> 4 & 3),
            outside: u32::from(choice >> 6),
        };
        let asked = Search {
            schema: SCHEMAS[search.structure],
            tenant: &search.tenant,
            strict: search.strict,
            pass_over: search.pass_over,
            outside: search.outside,
        };
        let handle = self.world.registries[registry].handle;
        let found = find_structure(handle, asked);
        // Where none is named, the thread's current tenant.
        let tenant = if search.tenant.is_empty() { self.current.to_owned() } else { search.tenant.clone() };
        let search = naive::Search { tenant, ..search };
        // A schema without properties finds nothing.
        let expected = if search.structure < 2 { self.world.find_structure(registry, &search) } else { None };
        assert_eq!(found, Ok(self.handle_or_null(expected)), "structure {} in {:?}", search.structure, search.tenant);
        self.world.registries[registry].reused_total += u64::from(expected.is_some());
        self.found(registry, expected);
    }

    pub fn ask_registry(&mut self, registry: usize) {
        let world = &self.world;
        let known = &world.registries[registry];
        let stats = stats(known.handle);
        let mut structures = 0;
        for partition in &known.partitions {
            let distinct: BTreeSet<Option<usize>> =
                partition.models.iter().map(|model| world.models[*model].structure).collect();
            let names: BTreeSet<&str> = partition.models.iter().map(|model| &*world.models[*model].name).collect();
            structures += distinct.len() as u64;
            let info = tenant(known.handle, &partition.label).expect("an answer").expect("the tenant is there");
            assert_eq!((&info.code, info.is_data_source), (&partition.label, partition.is_data_source));
            assert_eq!(
                [info.models, info.names, info.structures, info.owners],
                [partition.models.len(), names.len(), distinct.len(), partition.members.len()]
                    .map(|count| count as u64),
                "models, names, structures and owners of {}",
                partition.label
            );
        }
        assert_eq!(
            [stats.models, stats.owners, stats.tenants, stats.registered_total, stats.generation, stats.reused_total],
            [
                world.live_models(registry) as u64,
                world.live_owners(registry) as u64,
                known.partitions.len() as u64 - 1,
                known.registered_total,
                known.generation,
                known.reused_total
            ],
            "models, owners, tenants, registered_total, generation, reused_total"
        );
        assert_eq!(stats.unique_structures, structures);
        let labels: Vec<&str> = known.partitions.iter().skip(1).map(|partition| &*partition.label).collect();
        assert_eq!(tenant_codes(known.handle), labels, "tenants in the order they came to be");
        assert_eq!(all_models(known.handle), Ok(world.handles(&world.all_models(registry))), "all models");
        let memory = memory(known.handle);
        assert_eq!((memory.in_use, memory.reserved), (stats.bytes_in_use, stats.bytes_reserved));
        let parts = [memory.models, memory.indices, memory.owners, memory.lists, memory.names, memory.schemas];
        let parts: u64 = parts.into_iter().chain([memory.snapshots, memory.tenants, memory.texts]).sum();
        assert_eq!(parts, memory.in_use, "the parts make the whole");
        let used: Vec<String> = labels.into_iter().map(str::to_owned).collect();
        for label in used {
            self.used_perhaps(registry, label);
        }
    }

    pub fn ask_some_model(&mut self) {
        if self.world.models.is_empty() {
            return;
        }
        let at = self.bytes.below(self.world.models.len());
        self.check_model(at);
        let model = &self.world.models[at];
        if self.schemas.len() < 16 && model.readable() {
            let schema = model_schema(model.handle).expect("a schema");
            assert_eq!(schema != 0, SCHEMAS.iter().any(|known| schema != 0 && same_structure(schema, *known)));
            if schema != 0 {
                self.give(schema);
                self.schemas.push((schema, true));
            }
        } else if let Some((schema, live)) = self.schemas.last_mut() {
            let result = free_schema(*schema);
            assert!(if *live { result.is_ok() } else { code(result) == STALE_HANDLE });
            *live = false;
        }
    }

    fn check_model(&self, at: usize) {
        let model = &self.world.models[at];
        assert_eq!(model_is_valid(model.handle), model.registered, "{}", model.name);
        if model.readable() {
            assert_eq!(model_name(model.handle).as_ref(), Ok(&model.name));
            assert_eq!(model_user_data(model.handle), Ok(model.witness.pointer().addr()));
            if !model.settings.is_empty() {
                assert_eq!(model_settings(model.handle).as_ref(), Ok(&model.settings));
            }
        } else {
            assert_eq!(code(model_name(model.handle)), STALE_HANDLE);
            assert_eq!(code(model_schema(model.handle)), STALE_HANDLE);
        }
        if model.registered {
            let owners = [model.owner(), model.data_source, model.app].map(|owner| handle_of(&self.world, owner));
            assert_eq!(model_owners(model.handle), Ok(owners));
            assert_eq!(model_tenant(model.handle).as_ref(), Ok(&model.partition));
        } else {
            assert_eq!(code(model_owners(model.handle)), STALE_HANDLE);
            assert_eq!(code(model_tenant(model.handle)), STALE_HANDLE);
        }
    }

    pub fn ask_some_snapshot(&mut self) {
        if !self.world.snapshots.is_empty() {
            let at = self.bytes.below(self.world.snapshots.len());
            self.check_snapshot(at);
        }
    }

    fn check_snapshot(&self, at: usize) {
        let snapshot = &self.world.snapshots[at];
        if !snapshot.live {
            assert_eq!(code(snapshot_models(snapshot.handle)), STALE_HANDLE);
            assert_eq!(code(snapshot_name(snapshot.handle, 0)), STALE_HANDLE);
            return;
        }
        let (models, _) = snapshot_models(snapshot.handle).expect("a held snapshot");
        assert_eq!(models, self.world.handles(&snapshot.models), "a held snapshot stays as it was");
        for (position, model) in snapshot.models.iter().enumerate() {
            let model = &self.world.models[*model];
            assert_eq!(snapshot_name(snapshot.handle, position).as_ref(), Ok(&model.name));
            assert_eq!(snapshot_user_data(snapshot.handle, position), Ok(model.witness.pointer().addr()));
        }
        assert_eq!(code(snapshot_name(snapshot.handle, models.len())), INVALID_ARGUMENT);
    }

    /// Each destructor ran once where it is due, and never before.
    pub fn check_destructors(&mut self) {
        self.take_due();
        for model in &self.world.models {
            assert_eq!(model.witness.runs(), model.runs(), "destructor of {}", model.name);
        }
        for owner in &self.world.owners {
            assert_eq!(owner.witness.runs(), usize::from(!owner.live), "destructor of {}", owner.label);
        }
    }

    /// Everything that can be asked.
    pub fn check_all(&mut self) {
        for registry in self.live_registries() {
            self.ask_registry(registry);
            let handle = self.world.registries[registry].handle;
            for name in NAMES {
                let expected = self.world.find(registry, name);
                assert_eq!(find(handle, name), Ok(self.handle_or_null(expected)), "find {name}");
            }
        }
        for owner in 0..self.world.owners.len() {
            assert_eq!(owner_is_valid(self.world.owners[owner].handle), self.world.owners[owner].live);
            if self.world.owners[owner].live {
                self.check_list(owner, 0);
                self.check_list(owner, 1);
                self.check_names(owner);
                for name in NAMES {
                    self.check_name(owner, name);
                }
            }
        }
        for model in 0..self.world.models.len() {
            self.check_model(model);
        }
        for snapshot in 0..self.world.snapshots.len() {
            self.check_snapshot(snapshot);
        }
    }
}
