//! What changes something.

use super::*;
use crate::call;
use crate::support_c_api::naive::New;

fn kind_of_host(registry: u64) -> u32 {
    let (name, mut kind) = ("desk", 0);
    call!(mreg_owner_kind_register(registry, name.as_ptr().cast(), name.len(), &mut kind)).expect("a kind");
    kind
}

impl Run<'_> {
    /// With its destructor, or where there is a queue perhaps without.
    fn due_by(&self, witness: &'static Witness, by_queue: bool) -> (Option<&'static Witness>, usize) {
        if by_queue && self.queue != 0 { (None, witness.pointer().addr()) } else { (Some(witness), 0) }
    }

    pub fn make_owner(&mut self, registry: usize) {
        if self.world.owners.len() >= 24 {
            return;
        }
        let handle = self.world.registries[registry].handle;
        let choice = self.bytes.byte();
        let connector = CONNECTORS[usize::from(choice >> 4) % CONNECTORS.len()];
        let kind = match choice % 8 {
            0..=4 => DATA_SOURCE,
            5 | 6 => APP,
            _ => kind_of_host(handle),
        };
        let witness = self.witness();
        let (destroyed, user_data) = self.due_by(witness, choice & 8 != 0);
        let name = naive::OWNER_NAME;
        let owner = Owner { kind, connector, name, user_data, witness: destroyed, ..Owner::default() };
        let owner = owner.create(handle).expect("an owner");
        self.give(owner);
        let label = owner_tenant(owner).expect("a label");
        let mut same = self.world.owners.iter().filter(|other| other.registry == registry && other.label == label);
        assert!(same.all(|other| (other.kind, kind) == (DATA_SOURCE, DATA_SOURCE)), "only data sources share a label");
        self.world.owners.push(naive::Owner::new(owner, registry, kind, label, witness));
    }

    fn some_place(&mut self, registry: usize, name: &str) -> New {
        let (sources, apps) = (self.world.owners_of(registry, true), self.world.owners_of(registry, false));
        let choice = self.bytes.byte();
        let data_source = if choice & 3 != 0 { self.bytes.pick(&sources) } else { None };
        let app = if choice & 12 == 4 { self.bytes.pick(&apps) } else { None };
        let tenant = TENANTS[usize::from(choice >> 4) % TENANTS.len()].to_owned();
        New { name: name.to_owned(), data_source, app, tenant }
    }

    /// As the library takes it: where nothing is named, the thread's current tenant.
    fn effective(&self, new: &New) -> New {
        let tenant = if new.tenant.is_empty() { self.current.to_owned() } else { new.tenant.clone() };
        New { name: new.name.clone(), data_source: new.data_source, app: new.app, tenant }
    }

    pub fn register(&mut self, registry: usize) {
        if self.world.models.len() >= 64 {
            return;
        }
        let choice = self.bytes.byte();
        let name = NAMES[usize::from(choice) % NAMES.len()];
        let asked = self.some_place(registry, name);
        let new = self.effective(&asked);
        let (structure, strict, marks) = (usize::from(choice >> 6), choice & 32 != 0, u32::from(choice >> 3 & 3));
        let settings = if strict { r#"{"strict":true}"# } else { "" };
        let witness = self.witness();
        let (destroyed, user_data) = self.due_by(witness, asked.app.is_some() ^ (choice & 16 != 0));
        let known = &self.world.registries[registry];
        let full =
            self.world.live_models(registry) >= known.max_models && self.world.replaced(registry, &new).is_none();
        let result = Model {
            name,
            data_source: handle_of(&self.world, new.data_source),
            app: handle_of(&self.world, new.app),
            tenant: &asked.tenant,
            schema: SCHEMAS.get(structure).copied().unwrap_or(0),
            settings,
            user_data,
            witness: destroyed,
            marks,
            ..Model::default()
        }
        .register(known.handle);
        if full {
            assert_eq!(code(result), FULL);
            self.take_due();
            assert_eq!(witness.runs(), 1, "what a failing call was handed is destroyed");
            return;
        }
        let handle = result.expect("a model");
        self.give(handle);
        let model = naive::Model {
            handle,
            name: name.to_owned(),
            registry,
            data_source: None,
            app: None,
            partition: String::new(),
            structure: Some(structure).filter(|structure| *structure < 2),
            settings: settings.to_owned(),
            strict,
            marks,
            witness,
            has_destructor: true,
            registered: false,
            holds: 0,
            snapshots: 0,
        };
        self.world.register(registry, &new, model);
        self.model_used(self.world.models.len() - 1);
    }

    fn model_used(&mut self, model: usize) {
        let (registry, label) = (self.world.models[model].registry, self.world.models[model].partition.clone());
        self.used(registry, &label, true);
    }

    fn some_model(&mut self) -> Option<usize> {
        let count = self.world.models.len();
        if count == 0 { None } else { Some(self.bytes.below(count)) }
    }

    pub fn move_some(&mut self) {
        let Some(model) = self.some_model() else { return };
        let (registry, name) = (self.world.models[model].registry, self.world.models[model].name.clone());
        if !self.world.registries[registry].live {
            assert_eq!(code(move_to(self.world.models[model].handle, 0, 0, "north")), STALE_HANDLE);
            return;
        }
        let asked = self.some_place(registry, &name);
        let new = self.effective(&asked);
        let (source, app) = (handle_of(&self.world, new.data_source), handle_of(&self.world, new.app));
        let result = move_to(self.world.models[model].handle, source, app, &asked.tenant);
        if self.world.models[model].registered {
            result.expect("a registered model moves");
            self.world.move_model(model, &new);
            self.model_used(model);
        } else {
            assert_eq!(code(result), STALE_HANDLE);
        }
    }

    pub fn unregister_some(&mut self) {
        let Some(model) = self.some_model() else { return };
        let result = unregister(self.world.models[model].handle);
        if self.world.models[model].registered {
            result.expect("a registered model is unregistered");
            self.world.drop_model(model);
        } else {
            assert_eq!(code(result), STALE_HANDLE);
        }
    }

    pub fn hold_some(&mut self) {
        let Some(model) = self.some_model() else { return };
        let known = &mut self.world.models[model];
        let result = hold(known.handle);
        if known.readable() {
            result.expect("a hold");
            known.holds += 1;
        } else {
            assert_eq!(code(result), STALE_HANDLE);
        }
    }

    pub fn unhold_some(&mut self) {
        let Some(model) = self.some_model() else { return };
        let known = &mut self.world.models[model];
        let result = unhold(known.handle);
        if known.holds > 0 {
            result.expect("a hold is taken back");
            known.holds -= 1;
        } else {
            assert_eq!(code(result), if known.registered { INVALID_ARGUMENT } else { STALE_HANDLE });
        }
    }

    pub fn snapshot_some(&mut self, registry: usize) {
        if self.world.snapshots.len() >= 16 {
            return;
        }
        let choice = self.bytes.byte();
        let on = choice & 1 != 0;
        let owners = self.world.owners.len();
        let (handle, models) = if choice & 6 == 0 || owners == 0 {
            let handle = hold_all(self.world.registries[registry].handle).expect("a snapshot");
            (handle, self.world.all_models(registry))
        } else {
            let at = usize::from(choice >> 3) % owners;
            let owner = &self.world.owners[at];
            let result = hold_models(owner.handle, owner.kind, on);
            if !owner.live {
                assert_eq!(code(result), STALE_HANDLE);
                return;
            }
            let models = owner.lists[usize::from(on)].clone();
            self.list_used(at);
            (result.expect("a snapshot"), models)
        };
        self.give(handle);
        for model in &models {
            self.world.models[*model].snapshots += 1;
        }
        self.world.snapshots.push(naive::Snapshot { handle, live: true, models });
    }

    pub fn free_some(&mut self) {
        if self.world.snapshots.is_empty() {
            return;
        }
        let at = self.bytes.below(self.world.snapshots.len());
        let result = free_snapshot(self.world.snapshots[at].handle);
        if !self.world.snapshots[at].live {
            assert_eq!(code(result), STALE_HANDLE);
            return;
        }
        result.expect("a snapshot is freed");
        self.snapshot_is_free(at);
    }

    fn snapshot_is_free(&mut self, at: usize) {
        self.world.snapshots[at].live = false;
        for model in self.world.snapshots[at].models.clone() {
            self.world.models[model].snapshots -= 1;
        }
    }

    pub fn release_some(&mut self) {
        let owners = self.world.owners.len();
        if owners == 0 {
            return;
        }
        let owner = self.bytes.below(owners);
        let result = release(self.world.owners[owner].handle);
        if self.world.owners[owner].live {
            result.expect("an owner is released");
            self.world.release(owner);
        } else {
            assert_eq!(code(result), STALE_HANDLE);
        }
    }

    /// A tenant's code, a label, or one that nothing has.
    pub fn some_code(&mut self, registry: usize) -> String {
        let partitions = &self.world.registries[registry].partitions;
        let at = self.bytes.below(TENANTS.len() + partitions.len() + 1);
        match TENANTS.get(at) {
            Some(code) => (*code).to_owned(),
            None => partitions.get(at - TENANTS.len()).map_or_else(|| "nobody".to_owned(), |found| found.label.clone()),
        }
    }

    pub fn drop_some_tenant(&mut self, registry: usize) {
        let tenant = self.some_code(registry);
        let owners: Vec<usize> =
            (0..self.world.owners.len()).filter(|at| self.world.owners[*at].registry == registry).collect();
        let owner = if self.bytes.byte() & 1 != 0 { self.bytes.pick(&owners) } else { None };
        let handle = self.world.registries[registry].handle;
        let dropped = drop_tenant(handle, &tenant, handle_of(&self.world, owner));
        if owner.is_some_and(|owner| !self.world.owners[owner].live) {
            assert_eq!(code(dropped), STALE_HANDLE);
            return;
        }
        let expected = self.world.drop_tenant(registry, &tenant, owner);
        assert_eq!(dropped, Ok(expected), "drop of {tenant:?} for {owner:?}");
    }

    /// Lets time pass, and drops what was idle for so long.
    pub fn drop_idle(&mut self, registry: usize) {
        let choice = u64::from(self.bytes.byte());
        // Both small and large steps, and now and then one back.
        self.now = match choice & 3 {
            0 => self.now,
            1 => self.now + choice,
            2 => self.now + choice * 100,
            _ => self.now.saturating_sub(choice * 10),
        };
        for at in self.live_registries() {
            set_clock(self.world.registries[at].handle, self.now);
        }
        let now = self.now;
        for known in &mut self.uses {
            (known.since, known.until) = (known.since.min(now), known.until.min(now));
        }
        let max_idle = [0, 1, 1_000, 10_000][usize::from(self.bytes.byte() & 3)];
        let handle = self.world.registries[registry].handle;
        let labels: Vec<String> =
            self.world.registries[registry].partitions.iter().map(|partition| partition.label.clone()).collect();
        let mut idle = Vec::new();
        for label in labels {
            let found = tenant(handle, &label).expect("an answer").expect("the tenant is there").idle;
            let known = self.uses.iter().find(|known| known.registry == registry && known.label == label);
            // `global` is there before anything is used in it.
            if let Some(known) = known {
                let known = now - known.until..=now - known.since;
                assert!(known.contains(&found), "{label} is idle for {found} ms, and not for {known:?}");
            }
            if label != "global" && found >= max_idle {
                idle.push(label);
            }
        }
        let result = if choice & 64 != 0 && max_idle == 0 { drop_idle(handle, 0) } else { drop_idle(handle, max_idle) };
        assert_eq!(result, Ok(idle.len() as u64), "{idle:?} are idle for {max_idle} ms");
        for label in idle {
            self.world.drop_tenant(registry, &label, None);
        }
    }

    pub fn clear(&mut self, registry: usize) {
        let handle = self.world.registries[registry].handle;
        match self.bytes.byte() & 7 {
            0..=3 => {
                call!(mreg_registry_clear(handle)).expect("clear");
                self.world.clear(registry);
                self.uses.retain(|known| known.registry != registry);
            }
            4..=5 => call!(mreg_registry_reclaim(handle)).expect("reclaim"),
            6 => {
                destroy(handle).expect("destroy");
                self.world.destroy(registry);
            }
            _ if self.world.registries.len() < 6 => self.make_registry(0),
            _ => {}
        }
    }

    pub fn change_something_else(&mut self, registry: usize) {
        let handle = self.world.registries[registry].handle;
        let choice = self.bytes.byte();
        match choice & 3 {
            0 => {
                let tenant = self.some_code(registry);
                touch_tenant(handle, &tenant).expect("an unknown tenant is no error");
                let label = if tenant.is_empty() || tenant == RESERVED { "global" } else { &*tenant };
                if self.world.partition(registry, label).is_some() {
                    self.used(registry, label, true);
                }
            }
            1 => {
                // The defaults: what was idle for half an hour.
                let labels: Vec<String> = self.world.registries[registry]
                    .partitions
                    .iter()
                    .skip(1)
                    .map(|found| found.label.clone())
                    .collect();
                let is_idle = |label: &String| {
                    tenant(handle, label).expect("an answer").expect("the tenant is there").idle >= 1_800_000
                };
                let idle: Vec<String> = labels.into_iter().filter(is_idle).collect();
                assert_eq!(sweep(handle), Ok(idle.len() as u64));
                for label in idle {
                    self.world.drop_tenant(registry, &label, None);
                }
            }
            _ => {
                if self.world.owners.is_empty() {
                    return;
                }
                let at = self.bytes.below(self.world.owners.len());
                let owner = &mut self.world.owners[at];
                let touched = choice & 3 == 2;
                let result = if touched { touch_owner(owner.handle) } else { invalidate(owner.handle) };
                if !owner.live {
                    assert_eq!(code(result), STALE_HANDLE);
                    return;
                }
                result.expect("a live owner");
                if touched {
                    self.list_used(at);
                    let (registry, label) = (self.world.owners[at].registry, self.world.owners[at].label.clone());
                    if self.world.partition(registry, &label).is_some() {
                        self.used(registry, &label, true);
                    }
                } else {
                    owner.changed = true;
                }
            }
        }
    }

    pub fn set_current(&mut self) {
        self.current = TENANTS[self.bytes.below(TENANTS.len())];
        set_current_tenant(self.current).expect("a code");
        assert_eq!(current_tenant(), self.current);
    }

    /// Lets everything go; nothing may be left in use.
    pub fn let_all_go(&mut self) {
        for at in 0..self.world.snapshots.len() {
            if self.world.snapshots[at].live {
                free_snapshot(self.world.snapshots[at].handle).expect("a snapshot is freed");
                self.snapshot_is_free(at);
            }
        }
        for model in &mut self.world.models {
            for _ in 0..std::mem::take(&mut model.holds) {
                unhold(model.handle).expect("a hold is taken back");
            }
        }
        self.check_destructors();
        for registry in self.live_registries() {
            let handle = self.world.registries[registry].handle;
            for owner in 0..self.world.owners.len() {
                if self.world.owners[owner].live && self.world.owners[owner].registry == registry {
                    release(self.world.owners[owner].handle).expect("an owner is released");
                    self.world.release(owner);
                }
            }
            assert_eq!(drop_idle(handle, 0), Ok(self.world.drop_idle(registry)));
            assert_eq!(drop_tenant(handle, "global", 0), Ok(self.world.drop_tenant(registry, "global", None)));
            self.check_destructors();
            call!(mreg_registry_reclaim(handle)).expect("reclaim");
            let left = stats(handle);
            assert_eq!((left.models, left.owners, left.tenants, left.unique_structures), (0, 0, 0, 0));
            // The name of the host's own kind stays with the registry; the first has the number 1000.
            let desk = self.world.owners.iter().any(|owner| owner.registry == registry && owner.kind == 1000);
            let kept = if desk { "desk".len() as u64 } else { 0 };
            assert!(left.bytes_in_use <= kept, "{} bytes are in use when all is let go", left.bytes_in_use);
            destroy(handle).expect("destroy");
            self.world.destroy(registry);
            self.check_told();
        }
        self.end_builders();
        for (schema, live) in std::mem::take(&mut self.schemas) {
            let result = free_schema(schema);
            assert!(if live { result.is_ok() } else { code(result) == STALE_HANDLE });
        }
        self.check_destructors();
        self.end_told();
        for handle in self.given.iter().skip(SCHEMAS.len()) {
            assert!(!model_is_valid(*handle) && !owner_is_valid(*handle));
        }
    }
}
