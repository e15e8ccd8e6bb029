//! Reading the directory of a LoopBack application into a [`Plan`]: what would have to be registered.
//!
//! Nothing is registered here. What is wrong with a file becomes a [`Problem`] and the rest is read all the same.

mod config;
mod files;
mod models;

use crate::core::names::MAX_NAME;
use crate::core::owner::check_text;
use crate::error::{Error, Result, Status};
use crate::schema::Schema;
use crate::schema::alloc::{exhausted, push};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// What [`read_application`] may be told.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The environment whose variants of the configuration files are merged over the others; an empty one is none.
    pub environment: Option<String>,
    /// Whether the application is to be called after its directory.
    pub name_app: bool,
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

/// The name of an application whose directory has none that can be used.
const APP_NAME: &str = "app";

/// What an application's directory holds.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The name of the application after its directory, where that was asked for.
    pub app_name: Option<String>,
    /// The data sources in the order of the configuration.
    pub data_sources: Vec<DataSourcePlan>,
    /// The models in the order of their file names.
    pub models: Vec<ModelPlan>,
    /// What is wrong: first with the configuration, then with the models in the order of their file names.
    pub problems: Vec<Problem>,
    /// How many there are.
    pub counts: PlanCounts,
    /// `ERROR_NOTHING_TO_LOAD`, where there is neither a data source nor a model.
    pub nothing: Option<Error>,
}

/// The sizes of a [`Plan`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PlanCounts {
    /// Files in `models` that define a model, also one that an earlier file defines.
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
/// that can be read, `ERROR_OUT_OF_MEMORY`. A directory with nothing to load is none: see [`Plan::nothing`].
pub fn read_application(dir: &Path, options: &LoadOptions) -> Result<Plan> {
    let environment = environment(options)?;
    let metadata = std::fs::metadata(dir).map_err(|error| {
        if error.kind() == std::io::ErrorKind::OutOfMemory {
            return Status::ERROR_OUT_OF_MEMORY.into();
        }
        let message = format!("the directory {} cannot be read: {error}; check the path", dir.display());
        Error::new(Status::ERROR_IO, dir.to_string_lossy(), message)
    })?;
    if !metadata.is_dir() {
        let message = format!("{} is not a directory; give the directory that holds the application", dir.display());
        return Err(Error::new(Status::ERROR_IO, dir.to_string_lossy(), message));
    }

    let mut problems = Problems::default();
    let sources = files::configuration(dir, "datasources", environment, &mut problems)?;
    let model_config = files::configuration(dir, "model-config", environment, &mut problems)?;
    let data_sources = config::data_sources(&sources, &mut problems)?;
    // What is wrong with the models is told last, but what is wrong with their configuration is known when they are.
    let mut of_models = Problems::default();
    let mut counts = PlanCounts::default();
    let models = models::read(dir, &mut counts, &mut of_models)?;
    let found_any = sources.found || model_config.found || models.is_some();
    let mut models = models.unwrap_or_default();

    let mut defined: HashSet<&str> = HashSet::new();
    defined.try_reserve(models.len()).map_err(exhausted)?;
    defined.extend(models.iter().map(|model| &*model.name));
    let assignments = config::assignments(&model_config, &sources, &data_sources, &defined, &mut problems)?;
    for model in &mut models {
        if let Some(data_source) = assignments.get(&*model.name) {
            model.in_app = true;
            model.data_source = *data_source;
        }
    }

    let mut all = Problems::default();
    let has_any = !data_sources.is_empty() || !models.is_empty();
    let app_name = options.name_app.then(|| directory_name(dir));
    let app_name = app_name.map(|name| if has_any { all.usable(name) } else { Ok(name) }).transpose()?;
    all.append(problems)?;
    all.append(of_models)?;
    let problems = all.0;
    counts.problems = problems.len();
    let nothing = (!has_any).then(|| nothing(dir, found_any, &problems));
    Ok(Plan { app_name, data_sources, models, problems, counts, nothing })
}

fn nothing(dir: &Path, found_any: bool, problems: &[Problem]) -> Error {
    let dir = dir.to_string_lossy();
    let (name, reason) = match problems {
        [only] => (&*only.file, format!("1 problem found, in {}: {}", only.file, only.error)),
        [first, ..] => {
            let (count, file) = (problems.len(), &first.file);
            (&**file, format!("{count} problems found; the first is in {file}: {}", first.error))
        }
        [] if found_any => (&*dir, "it defines no data source and no model".to_owned()),
        [] => (&*dir, "it has no datasources.json, no model-config.json and no directory models".to_owned()),
    };
    let message = format!("nothing could be loaded from {dir}: {reason}");
    Error::new(Status::ERROR_NOTHING_TO_LOAD, name, message)
}

/// The name of a directory, also of one that is given without it (`.`, `x/..`).
fn directory_name(dir: &Path) -> String {
    let real = if dir.file_name().is_none() { dir.canonicalize().ok() } else { None };
    let name = real.as_deref().unwrap_or(dir).file_name();
    name.map_or_else(|| APP_NAME.to_owned(), |name| name.to_string_lossy().into_owned())
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
        push(&mut self.0, Problem { file: file.to_owned(), error: named })
    }

    /// The name of the directory, or another one where it is none for an owner.
    fn usable(&mut self, name: String) -> Result<String> {
        let Err(error) = check_text("the directory's name", &name, MAX_NAME) else { return Ok(name) };
        let message = format!("{}; the application is called \"{APP_NAME}\", give it another name", error.message());
        self.note(".", Error::new(error.status(), ".", message))?;
        Ok(APP_NAME.to_owned())
    }

    fn append(&mut self, more: Problems) -> Result<()> {
        self.0.try_reserve(more.0.len()).map_err(exhausted)?;
        self.0.extend(more.0);
        Ok(())
    }
}
