//! Registering what the loader read: under one lock, so that nobody sees a part of it.

use crate::error::{Error, Result, Status};
use crate::loader::{self, Plan};

use super::due::{DueList, UserData};
use super::handle::{self, Tag};
use super::model::NewModel;
use super::owner::{APP, DATA_SOURCE, NewOwner};
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

impl Locked {
    /// Registers an application's data sources, the application unless it is left out, and its models.
    pub fn apply(&mut self, plan: &Plan, app: Option<&str>, tenant: &str, gone: &mut DueList) -> Result<Loaded> {
        // What can be known to fail is refused before anything is changed.
        self.tenant_code(tenant)?;
        let owners = plan.data_sources.len() as u64 + u64::from(app.is_some());
        if u64::from(self.live_owners) + owners > u64::from(self.options.max_owners) {
            return Err(self.full("owners", self.options.max_owners));
        }
        if u64::from(self.live_models) + plan.models.len() as u64 > u64::from(self.options.max_models) {
            return Err(self.full("models", self.options.max_models));
        }
        let mut loaded = Loaded::default();
        let mut models = Vec::new();
        let result = self.apply_all(plan, app, tenant, &mut loaded, &mut models, gone);
        if let Err(error) = result {
            self.take_back(&loaded, models, gone);
            return Err(error);
        }
        Ok(loaded)
    }

    fn apply_all(
        &mut self,
        plan: &Plan,
        app: Option<&str>,
        tenant: &str,
        loaded: &mut Loaded,
        models: &mut Vec<u64>,
        gone: &mut DueList,
    ) -> Result<()> {
        for source in &plan.data_sources {
            let owner = self
                .add_plain_owner(DATA_SOURCE, &source.key, (&source.config).into())
                .map_err(|error| about(&format!("data source \"{}\"", source.key), &error))?;
            loaded.data_sources.push(owner);
        }
        if let Some(name) = app {
            loaded.app = self.add_plain_owner(APP, name, DataSourceConfig::default())?;
        }
        for model in &plan.models {
            let new = NewModel {
                name: &model.name,
                data_source: model.data_source.map_or(0, |at| loaded.data_sources[at]),
                app: if model.in_app { loaded.app } else { 0 },
                tenant,
                schema: Some(model.schema.clone()),
                settings: None,
                strict: model.schema.strict(),
                marks: 0,
                user_data: UserData(std::ptr::null_mut()),
            };
            let registered = self
                .register(new, &mut None, gone)
                .map_err(|error| about(&format!("{}: model \"{}\"", model.file, model.name), &error))?;
            models.push(registered);
        }
        Ok(())
    }

    fn add_plain_owner(&mut self, kind: u32, name: &str, config: DataSourceConfig) -> Result<u64> {
        self.add_owner(NewOwner { kind, name, config, user_data: UserData(std::ptr::null_mut()) }, &mut None)
    }

    fn take_back(&mut self, loaded: &Loaded, models: Vec<u64>, gone: &mut DueList) {
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
    }
}

fn about(what: &str, error: &Error) -> Error {
    let status: Status = error.status();
    Error::new(status, what, format!("{what}: {}", error.message()))
}
