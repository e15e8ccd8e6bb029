//! Registering what the loader read: under one lock, so that nobody sees a part of it.

use crate::error::{Error, Result, Status};
use crate::loader::{self, DataSourcePlan, ModelPlan, Plan};
use crate::schema::shown;

use super::change::Kind;
use super::due::{DueList, UserData};
use super::handle::{self, Tag};
use super::model::NewModel;
use super::names::MAX_NAME;
use super::owner::{APP, DATA_SOURCE, NewOwner, check_text, index_of};
use super::partition::{Connector, DataSourceConfig};
use super::registry::Locked;

/// The handles of what was registered.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The application's owner; 0 where it was left out.
    pub app: u64,
    /// The data sources' owners, in the order of the plan.
    pub data_sources: Vec<u64>,
}

impl From<&loader::DataSourceConfig> for DataSourceConfig {
    fn from(config: &loader::DataSourceConfig) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        DataSourceConfig {
            connector: match &config.connector {
                loader::Connector::None => Connector::None,
                loader::Connector::Unnamed => Connector::Unnamed,
                loader::Connector::Named(name) => Connector::Named(name.clone()),
            },
            host: text(&config.host),
            port: text(&config.port),
            database: text(&config.database),
            url: text(&config.url),
        }
    }
}

/// What applying a plan did so far, for taking it back.
#[derive(Default)]
struct Done {
    loaded: Loaded,
    models: Vec<u64>,
    registered_total: u64,
    owners_made: u64,
}

impl Locked {
    /// Registers an application's data sources, the application unless it is left out, and its models: all of it, or
    /// nothing is changed.
    ///
    /// New owners replace nothing, so what they are given can be taken back. A model without an owner can replace one that
    /// is there already, so those come last, when there is nothing left that could fail.
    pub fn apply(&mut self, plan: &Plan, app: Option<&str>, tenant: &str, gone: &mut DueList) -> Result<Loaded> {
        self.check(plan, app, tenant)?;
        let (registered_total, owners_made) = (self.registered_total, self.owners_made);
        let mut done = Done { loaded: Loaded::default(), models: Vec::new(), registered_total, owners_made };
        let mut held = Vec::new();
        // Nobody has the owners yet, so it is those who search that could see a part of it.
        let change = self.change();
        // Who watches is told nothing of what is taken back.
        let mut watchers = std::mem::take(&mut self.watchers);
        let result = self
            .add_owned(plan, app, tenant, &mut done, gone)
            .and_then(|()| self.make_room(plan, app, tenant, &mut held, gone))
            .and_then(|()| {
                self.watchers = std::mem::take(&mut watchers);
                self.tell_registered(&done.models, gone);
                self.add_models(plan, app, tenant, false, &mut done, gone)
            });
        let registry = self.registry;
        for atom in held {
            registry.names.release(&mut self.names, atom);
        }
        if result.is_err() {
            self.take_back(&mut done, gone);
        }
        self.thaw(change);
        if let Err(error) = result {
            self.watchers.append(&mut watchers);
            return Err(error);
        }
        Ok(done.loaded)
    }

    /// Tells that these models were registered.
    fn tell_registered(&mut self, models: &[u64], gone: &mut DueList) {
        for model in models.iter().map(|model| index_of(*model)) {
            if self.is_watched() && self.is_registered(model) {
                let change = self.about_model(Kind::Registered, model);
                self.tell(change, gone);
            }
        }
    }

    /// Refuses what can be known to fail.
    fn check(&self, plan: &Plan, app: Option<&str>, tenant: &str) -> Result<()> {
        if let Some(name) = app {
            check_text("app name", name, MAX_NAME)?;
        }
        for source in &plan.data_sources {
            let named = |error: Error| about(&of_source(source), &error);
            check_text("name", &source.key, MAX_NAME).map_err(named)?;
            DataSourceConfig::from(&source.config).fields().check().map_err(named)?;
        }
        let mut added = 0;
        for model in &plan.models {
            let named = |error: Error| about(&of_model(model), &error);
            check_text("name", &model.name, MAX_NAME).map_err(named)?;
            if model.name.is_empty() {
                return Err(named(Error::new(Status::ERROR_INVALID_NAME, "name", "the name is empty")));
            }
            added += u64::from(!self.replaces(model, app, tenant)?);
        }
        self.check_tenant(plan, app, tenant)?;
        let owners = plan.data_sources.len() as u64 + u64::from(app.is_some());
        if u64::from(self.live_owners) + owners > u64::from(self.options.max_owners) {
            return Err(self.full("owners", self.options.max_owners));
        }
        if u64::from(self.live_models) + added > u64::from(self.options.max_models) {
            return Err(self.full("models", self.options.max_models));
        }
        Ok(())
    }

    /// Whether a model of the plan takes the place of one that is registered: only one without an owner does, as the owners
    /// are new.
    fn replaces(&self, model: &ModelPlan, app: Option<&str>, tenant: &str) -> Result<bool> {
        let partition = self.partitions.find(self.tenant_code(tenant)?);
        let key = partition.zip(self.registry.names.known(model.name.as_bytes()));
        Ok(!is_owned(model, app) && key.is_some_and(|(partition, atom)| self.newest(atom, partition).is_some()))
    }

    /// Refuses a tenant that is the label of an owner's partition, where a model would be put into it.
    fn check_tenant(&self, plan: &Plan, app: Option<&str>, tenant: &str) -> Result<()> {
        let code = self.tenant_code(tenant)?;
        if !self.partitions.is_of_owner(code) || plan.models.iter().all(|model| is_owned(model, app)) {
            return Ok(());
        }
        Err(Error::new(
            Status::ERROR_INVALID_NAME,
            "tenant",
            format!("tenant \"{code}\": the code is the label of an owner's partition (choose another)"),
        ))
    }

    /// Registers the owners, and the models that they have.
    fn add_owned(
        &mut self,
        plan: &Plan,
        app: Option<&str>,
        tenant: &str,
        done: &mut Done,
        gone: &mut DueList,
    ) -> Result<()> {
        done.models.try_reserve_exact(plan.models.len()).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        done.loaded.data_sources.try_reserve_exact(plan.data_sources.len()).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        for source in &plan.data_sources {
            let owner = self
                .add_plain_owner(DATA_SOURCE, &source.key, (&source.config).into())
                .map_err(|error| about(&of_source(source), &error))?;
            done.loaded.data_sources.push(owner);
        }
        if let Some(name) = app {
            done.loaded.app = self.add_plain_owner(APP, name, DataSourceConfig::default())?;
        }
        self.add_models(plan, app, tenant, true, done, gone)
    }

    fn add_plain_owner(&mut self, kind: u32, name: &str, config: DataSourceConfig) -> Result<u64> {
        self.add_owner(NewOwner { kind, name, config, user_data: UserData(std::ptr::null_mut()) }, &mut None)
    }

    /// Makes sure that the models without an owner can be registered: their names are held, and there is memory for their
    /// records and for their entries among the models without an owner.
    fn make_room(
        &mut self,
        plan: &Plan,
        app: Option<&str>,
        tenant: &str,
        held: &mut Vec<u32>,
        gone: &mut DueList,
    ) -> Result<()> {
        // The owners' labels are taken only now.
        self.check_tenant(plan, app, tenant)?;
        let count = plan.models.iter().filter(|model| !is_owned(model, app)).count();
        held.try_reserve_exact(count).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        for model in plan.models.iter().filter(|model| !is_owned(model, app)) {
            let registry = self.registry;
            held.push(registry.names.intern(&mut self.names, model.name.as_bytes())?);
        }
        self.reserve_indices(count)?;
        self.make_records(count, gone)
    }

    /// Makes records for as many models as are about to be registered, and lists them as free.
    fn make_records(&mut self, count: usize, gone: &mut DueList) -> Result<()> {
        let mut made = Vec::new();
        made.try_reserve_exact(count).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        let mut result = Ok(());
        while made.len() < count && result.is_ok() {
            result = self.take_record(gone).map(|model| made.push(model));
        }
        // The last one taken is the first to be listed again, so that they are used in the order in which they would be.
        for model in made.into_iter().rev() {
            self.list_free(model);
        }
        result
    }

    /// Registers the models that have an owner, or those that have none.
    fn add_models(
        &mut self,
        plan: &Plan,
        app: Option<&str>,
        tenant: &str,
        owned: bool,
        done: &mut Done,
        gone: &mut DueList,
    ) -> Result<()> {
        for model in plan.models.iter().filter(|model| is_owned(model, app) == owned) {
            let schema = self.schemas.use_one(model.schema.clone(), 0);
            let new = |schema: u32| NewModel {
                name: &model.name,
                data_source: model.data_source.map_or(0, |at| done.loaded.data_sources[at]),
                app: if model.in_app { done.loaded.app } else { 0 },
                tenant,
                schema,
                settings: None,
                strict: model.schema.strict(),
                marks: 0,
                user_data: UserData(std::ptr::null_mut()),
            };
            let registered = schema.and_then(|schema| self.register(new(schema), &mut None, gone));
            let registered = registered.map_err(|error| about(&of_model(model), &error))?;
            done.models.push(registered);
        }
        Ok(())
    }

    /// Takes back what was added.
    fn take_back(&mut self, done: &mut Done, gone: &mut DueList) {
        let Done { loaded, models, registered_total, owners_made } = std::mem::take(done);
        for model in models {
            if let Ok(parts) = handle::decode(model, Tag::Model)
                && let Ok(index) = self.model_index(parts)
            {
                self.drop_model(index, gone);
            }
        }
        for owner in loaded.data_sources.iter().chain([&loaded.app]).filter(|owner| **owner != 0) {
            if let Ok(parts) = handle::decode(*owner, Tag::Owner) {
                // It was registered a moment ago under the same lock, so there is nothing that could be refused.
                let _ = self.release_owner(parts, gone);
            }
        }
        (self.registered_total, self.owners_made) = (registered_total, owners_made);
    }
}

/// Whether an owner will have the model.
fn is_owned(model: &ModelPlan, app: Option<&str>) -> bool {
    model.data_source.is_some() || (model.in_app && app.is_some())
}

fn of_source(source: &DataSourcePlan) -> String {
    format!("data source \"{}\"", shown(&source.key))
}

fn of_model(model: &ModelPlan) -> String {
    format!("{}: model \"{}\"", model.file, shown(&model.name))
}

fn about(what: &str, error: &Error) -> Error {
    let status: Status = error.status();
    Error::new(status, what, format!("{what}: {}", error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::registry::{self, Options, resolve_locked};
    use crate::schema::builtin;

    fn model(name: &str) -> ModelPlan {
        let schema = builtin::get("Model").expect("a schema");
        ModelPlan { name: name.to_owned(), schema, file: "models/x.json".to_owned(), data_source: None, in_app: false }
    }

    fn source(host: &str) -> DataSourcePlan {
        let config = loader::DataSourceConfig { host: Some(host.to_owned()), ..Default::default() };
        DataSourcePlan { key: "db".to_owned(), config }
    }

    /// Whatever the loader lets through: a plan that cannot be applied whole is not applied in part.
    #[test]
    fn a_plan_that_fails_changes_nothing() {
        let owned = || ModelPlan { data_source: Some(0), ..model("Owned") };
        let long = "n".repeat(5000);
        let plan = |data_sources: Vec<DataSourcePlan>, models: Vec<ModelPlan>| Plan {
            data_sources,
            models,
            ..Plan::default()
        };
        let plans = [
            plan(vec![source("a")], vec![model("Keep"), owned(), model(&long)]),
            plan(vec![source("a")], vec![model("Keep"), owned(), model("")]),
            plan(vec![source("a")], vec![model("Keep"), owned(), model("a\nb")]),
            plan(vec![source("a"), source("a\nb")], vec![model("Keep"), owned()]),
            plan(vec![source("a"), source(&long)], vec![model("Keep"), owned()]),
        ];
        let registry = registry::create(Options::default()).expect("a registry");
        let mut gone = DueList::default();
        let mut locked = resolve_locked(registry).expect("the lock");
        let only = plan(vec![], vec![model("Keep")]);
        locked.apply(&only, None, "", &mut gone).expect("a plan");
        let keep = locked.find_model(None, b"Keep").expect("a model");
        let before = locked.stats();
        for plan in &plans {
            locked.apply(plan, Some("app"), "", &mut gone).expect_err("a plan that fails");
            assert_eq!(locked.find_model(None, b"Keep").expect("a model"), keep);
            assert_eq!(locked.stats(), before);
        }
        drop(locked);
        registry::destroy(registry).expect("destroyed");
        assert!(gone.is_empty());
    }
}
