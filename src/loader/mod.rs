//! Reading the directory of a LoopBack application into a [`Plan`]: what would have to be registered.
//!
//! Nothing is registered here. What is wrong with a file becomes a [`Problem`] and the rest is read all the same.

mod config;
mod files;
mod models;

use crate::error::{Error, Result, Status};
use crate::schema::Schema;
use std::path::Path;
use std::sync::Arc;

/// What [`read_application`] may be told.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The environment whose variants of the configuration files are merged over the others; an empty one is none.
    pub environment: Option<String>,
}

/// The connector of a data source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Connector {
    /// There is none.
    #[default]
    None,
    /// There is one, but not by name.
    Unnamed,
    /// The one of this name.
    Named(String),
}

/// The settings of a data source that tell one database from another. Numbers are given as JavaScript prints them;
/// what is false to JavaScript (an empty text, 0, `false`, `null`) is not there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DataSourceConfig {
    /// `connector`
    pub connector: Connector,
    /// `host`
    pub host: Option<String>,
    /// `port`
    pub port: Option<String>,
    /// `database`
    pub database: Option<String>,
    /// `url`
    pub url: Option<String>,
}

/// A data source of the application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataSourcePlan {
    /// The name under which the configuration has it.
    pub key: String,
    /// Its settings.
    pub config: DataSourceConfig,
}

/// A model of the application.
#[derive(Clone, Debug)]
pub struct ModelPlan {
    /// The model's name.
    pub name: String,
    /// Its definition, merged with what it inherits.
    pub schema: Arc<Schema>,
    /// The file that defines it, relative to the directory.
    pub file: String,
    /// Its data source, as a place in [`Plan::data_sources`].
    pub data_source: Option<usize>,
    /// Whether the application's configuration lists it.
    pub in_app: bool,
}

/// Something that is wrong with a file.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The file, relative to the directory.
    pub file: String,
    /// What is wrong, and where in the file.
    pub error: Error,
}

/// What an application's directory holds.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The data sources in the order of the configuration.
    pub data_sources: Vec<DataSourcePlan>,
    /// The models in the order of their file names.
    pub models: Vec<ModelPlan>,
    /// What is wrong: first with the configuration, then with the models in the order of their file names.
    pub problems: Vec<Problem>,
    /// How many there are.
    pub counts: PlanCounts,
}

/// The sizes of a [`Plan`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PlanCounts {
    /// Files in `models` that define a model.
    pub models: usize,
    /// Members of their `properties`: equal keys once, hiding and refused ones included.
    pub properties: usize,
    /// Problems.
    pub problems: usize,
}

/// Reads the application in `dir`: `datasources.json`, `model-config.json`, both with their variants, and the model
/// definitions in `models`.
///
/// # Errors
///
/// `ERROR_INVALID_ARGUMENT` for an environment that is no part of a file name, `ERROR_IO` where `dir` is no directory
/// that can be read, `ERROR_NOTHING_TO_LOAD` where it has neither a data source nor a model, `ERROR_OUT_OF_MEMORY`.
pub fn read_application(dir: &Path, options: &LoadOptions) -> Result<Plan> {
    let environment = environment(options)?;
    let metadata = std::fs::metadata(dir).map_err(|error| {
        let message = format!("the directory {} cannot be read: {error}; check the path", dir.display());
        Error::new(Status::ERROR_IO, dir.to_string_lossy(), message)
    })?;
    if !metadata.is_dir() {
        let message = format!("{} is not a directory; give the directory that holds the application", dir.display());
        return Err(Error::new(Status::ERROR_IO, dir.to_string_lossy(), message));
    }

    let mut problems = Problems::default();
    let data_sources = files::configuration(dir, "datasources", environment, &mut problems)?;
    let model_config = files::configuration(dir, "model-config", environment, &mut problems)?;
    let found_any = data_sources.found || model_config.found;
    let data_sources = config::data_sources(data_sources, &mut problems)?;
    let assignments = config::assignments(&model_config, &data_sources, &mut problems)?;
    let Some(mut models) = models::read(dir, &mut problems)? else {
        return finish(dir, found_any, data_sources, Vec::new(), problems);
    };
    for model in &mut models {
        if let Some(data_source) = assignments.get(&*model.name) {
            model.in_app = true;
            model.data_source = *data_source;
        }
    }
    finish(dir, true, data_sources, models, problems)
}

fn finish(
    dir: &Path,
    found_any: bool,
    data_sources: Vec<DataSourcePlan>,
    models: Vec<ModelPlan>,
    problems: Problems,
) -> Result<Plan> {
    let problems = problems.0;
    if data_sources.is_empty() && models.is_empty() {
        let reason = match problems.first() {
            Some(first) => format!("{} problems, the first of them: {}", problems.len(), first.error.message()),
            None if found_any => "it defines no data source and no model".to_owned(),
            None => "it has no datasources.json, no model-config.json and no directory models".to_owned(),
        };
        let message = format!("nothing could be loaded from {}: {reason}", dir.display());
        return Err(Error::new(Status::ERROR_NOTHING_TO_LOAD, dir.to_string_lossy(), message));
    }
    let counts = PlanCounts {
        models: models.len(),
        properties: models.iter().map(|model| model.schema.counts().own_declared).sum(),
        problems: problems.len(),
    };
    Ok(Plan { data_sources, models, problems, counts })
}

fn environment(options: &LoadOptions) -> Result<Option<&str>> {
    let Some(name) = options.environment.as_deref().filter(|name| !name.is_empty()) else { return Ok(None) };
    if name.contains(|c: char| c.is_control() || c == '/' || c == '\\') {
        let message = format!("the environment {name:?} is no part of a file name; give a plain name such as \"test\"");
        return Err(Error::new(Status::ERROR_INVALID_ARGUMENT, "environment", message));
    }
    // Read in any case, and twice over itself it would only report its problems twice.
    Ok(Some(name).filter(|name| *name != "local"))
}

/// The problems so far.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    /// Notes what is wrong with a file, under the file's name. A lack of memory is no problem of the file but ends
    /// the reading.
    fn note(&mut self, file: &str, error: Error) -> Result<()> {
        if error.status() == Status::ERROR_OUT_OF_MEMORY {
            return Err(error);
        }
        let detail = error.detail().cloned().unwrap_or_default();
        let name = if detail.name.is_empty() { file.to_owned() } else { detail.name };
        let named = Error::new(error.status(), name, error.message()).at(detail.offset, detail.line, detail.column);
        crate::schema::alloc::push(&mut self.0, Problem { file: file.to_owned(), error: named })
    }
}
