//! Registries, owners and models, made and let go.

use std::ffi::c_void;

use modelreg::capi::{mreg_destructor, mreg_model_options, mreg_owner_options, mreg_registry_options};

use super::witness::witnessed;
use super::{APP, DATA_SOURCE, Result, Witness, made, text};
use crate::call;

/// A registry that is destroyed at the end of the test, if the test has not done so.
pub struct Registry(pub u64);

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = destroy(self.0);
    }
}

/// Limits and reserved codes of a new registry.
#[derive(Default)]
pub struct Limits<'a> {
    pub models: u32,
    pub owners: u32,
    pub reserved: &'a [&'a str],
    /// The release queue.
    pub queue: u64,
}

impl Registry {
    pub fn new() -> Registry {
        let mut registry = 0;
        call!(mreg_registry_create(std::ptr::null(), &mut registry)).expect("a registry");
        assert_ne!(registry, 0);
        Registry(registry)
    }

    pub fn with(limits: Limits<'_>) -> Registry {
        let reserved: Vec<_> = limits.reserved.iter().map(|code| text(code)).collect();
        let mut options = made::<mreg_registry_options>(super::capi::mreg_registry_options_init);
        (options.max_models, options.max_owners) = (limits.models, limits.owners);
        options.release_queue = limits.queue;
        (options.reserved_tenants, options.reserved_tenant_count) = (reserved.as_ptr(), reserved.len());
        let mut registry = 0;
        call!(mreg_registry_create(&options, &mut registry)).expect("a registry");
        Registry(registry)
    }

    /// A data source of this connector, with all else left to the defaults.
    pub fn data_source(&self, connector: &str) -> u64 {
        Owner { connector, ..Owner::data_source() }.create(self.0).expect("a data source")
    }

    pub fn app(&self) -> u64 {
        Owner::app().create(self.0).expect("an app")
    }

    /// Registers a kind of the host's.
    pub fn kind(&self, name: &str) -> Result<u32> {
        let mut kind = 0;
        call!(mreg_owner_kind_register(self.0, name.as_ptr().cast(), name.len(), &mut kind)).map(|()| kind)
    }

    pub fn clear(&self) {
        call!(mreg_registry_clear(self.0)).expect("clear");
    }

    pub fn reclaim(&self) {
        call!(mreg_registry_reclaim(self.0)).expect("reclaim");
    }
}

pub fn destroy(registry: u64) -> Result<()> {
    call!(mreg_registry_destroy(registry))
}

/// What a new owner is to be.
#[derive(Clone, Default)]
pub struct Owner<'a> {
    pub kind: u32,
    pub flags: u32,
    pub name: &'a str,
    pub connector: &'a str,
    pub host: &'a str,
    pub port: &'a str,
    pub database: &'a str,
    pub url: &'a str,
    pub user_data: usize,
    pub witness: Option<&'static Witness>,
}

impl Owner<'_> {
    pub fn data_source() -> Self {
        Owner { kind: DATA_SOURCE, ..Owner::default() }
    }

    pub fn app() -> Self {
        Owner { kind: APP, ..Owner::default() }
    }

    pub fn create(&self, registry: u64) -> Result<u64> {
        let mut options = made::<mreg_owner_options>(super::capi::mreg_owner_options_init);
        (options.kind, options.flags) = (self.kind, self.flags);
        options.name = text(self.name);
        options.connector = text(self.connector);
        options.host = text(self.host);
        options.port = text(self.port);
        options.database = text(self.database);
        options.url = text(self.url);
        (options.user_data, options.destroy) = watched(self.witness, self.user_data);
        let mut owner = u64::MAX;
        let result = call!(mreg_owner_create(registry, &options, &mut owner));
        assert_eq!(result.is_err(), owner == 0, "the owner is null exactly when the call failed");
        result.map(|()| owner)
    }
}

/// The witness with its destructor; where there is none, the number without one.
fn watched(witness: Option<&'static Witness>, number: usize) -> (*mut c_void, mreg_destructor) {
    match witness {
        Some(witness) => (witness.pointer(), Some(witnessed)),
        None => (std::ptr::without_provenance_mut(number), None),
    }
}

pub fn release(owner: u64) -> Result<()> {
    call!(mreg_owner_release(owner))
}

pub fn invalidate(owner: u64) -> Result<()> {
    call!(mreg_owner_invalidate(owner))
}

/// What a new model is to be.
#[derive(Clone, Default)]
pub struct Model<'a> {
    pub name: &'a str,
    pub data_source: u64,
    pub app: u64,
    pub tenant: &'a str,
    pub schema: u64,
    pub settings: &'a str,
    pub user_data: usize,
    pub witness: Option<&'static Witness>,
    pub flags: u32,
    pub marks: u32,
}

impl<'a> Model<'a> {
    pub fn new(name: &'a str) -> Self {
        Model { name, ..Model::default() }
    }

    pub fn on(name: &'a str, data_source: u64) -> Self {
        Model { name, data_source, ..Model::default() }
    }

    pub fn of(name: &'a str, app: u64) -> Self {
        Model { name, app, ..Model::default() }
    }

    pub fn tenant(name: &'a str, tenant: &'a str) -> Self {
        Model { name, tenant, ..Model::default() }
    }

    pub fn watched(self, witness: &'static Witness) -> Self {
        Model { witness: Some(witness), ..self }
    }

    pub fn register(&self, registry: u64) -> Result<u64> {
        let mut options = made::<mreg_model_options>(super::capi::mreg_model_options_init);
        options.name = text(self.name);
        options.data_source = self.data_source;
        options.app = self.app;
        options.tenant = text(self.tenant);
        options.schema = self.schema;
        options.settings = text(self.settings);
        (options.flags, options.marks) = (self.flags, self.marks);
        (options.user_data, options.destroy) = watched(self.witness, self.user_data);
        let mut model = u64::MAX;
        let result = call!(mreg_model_register(registry, &options, &mut model));
        assert_eq!(result.is_err(), model == 0, "the model is null exactly when the call failed");
        result.map(|()| model)
    }

    /// Registers a model that nothing speaks against.
    #[track_caller]
    pub fn add(&self, registry: &Registry) -> u64 {
        self.register(registry.0).expect("a model")
    }
}

pub fn unregister(model: u64) -> Result<()> {
    call!(mreg_model_unregister(model))
}

pub fn move_to(model: u64, data_source: u64, app: u64, tenant: &str) -> Result<()> {
    call!(mreg_model_move(model, data_source, app, tenant.as_ptr().cast(), tenant.len()))
}

pub fn hold(model: u64) -> Result<()> {
    call!(mreg_model_hold(model))
}

pub fn unhold(model: u64) -> Result<()> {
    call!(mreg_model_unhold(model))
}

pub fn free_snapshot(snapshot: u64) -> Result<()> {
    call!(mreg_snapshot_free(snapshot))
}

/// Drops a tenant, or takes an owner out of it; gives how many names went.
pub fn drop_tenant(registry: u64, code: &str, owner: u64) -> Result<u64> {
    let mut dropped = u64::MAX;
    call!(mreg_tenant_drop(registry, code.as_ptr().cast(), code.len(), owner, &mut dropped)).map(|()| dropped)
}

pub fn drop_idle(registry: u64, max_idle_ms: u64) -> Result<u64> {
    let mut dropped = u64::MAX;
    call!(mreg_tenant_drop_idle(registry, max_idle_ms, &mut dropped)).map(|()| dropped)
}

/// The schema of a definition, as a handle that the test keeps.
pub fn schema(json: &str) -> u64 {
    let mut schema = 0;
    call!(mreg_schema_parse(json.as_ptr().cast(), json.len(), std::ptr::null(), &mut schema)).expect("a schema");
    schema
}

pub fn free_schema(schema: u64) -> Result<()> {
    call!(mreg_schema_free(schema))
}
