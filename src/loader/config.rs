//! What the configuration files say: the data sources, and which model is on which.

use super::files::Configuration;
use super::{Connector, DataSourceConfig, DataSourcePlan, Problems};
use crate::core::names::MAX_NAME;
use crate::core::owner::check_text;
use crate::core::partition::{self, MAX_CONNECTOR, MAX_FIELD, MAX_URL};
use crate::error::{Error, Result, Status};
use crate::schema::alloc::{append, exhausted, push};
use crate::schema::{Json, Object, plain_text, shown};
use std::collections::{HashMap, HashSet};

/// The data sources in the order of the configuration. One with a name or a setting that no owner can have is left out:
/// with another one in its place it would share the models of another database.
pub(super) fn data_sources(configuration: &Configuration, problems: &mut Problems) -> Result<Vec<DataSourcePlan>> {
    let mut list = Vec::new();
    for member in configuration.object.members() {
        let name = shown(&member.key);
        let (at, error) = match member.value.as_object() {
            None => {
                let message =
                    format!("the data source \"{name}\" is {}; its settings must be an object", member.value.kind());
                (member, Error::new(Status::ERROR_SCHEMA, name, message))
            }
            Some(settings) => {
                let config = settings_of(settings)?;
                let refused = match check_text("its name", &member.key, MAX_NAME) {
                    Err(error) => Some((None, error)),
                    Ok(()) => impossible(&config).map(|(key, error)| (settings.member(key), error)),
                };
                let Some((setting, error)) = refused else {
                    push(&mut list, DataSourcePlan { key: copy(&member.key)?, config })?;
                    continue;
                };
                let message = format!("the data source {name:?} is left out: {}; correct it", error.message());
                (setting.unwrap_or(member), Error::new(error.status(), name, message))
            }
        };
        let (file, place) = configuration.place(at.source, at.offset);
        problems.note(file, place.mark(error))?;
    }
    Ok(list)
}

/// The first setting that an owner cannot have, and why.
fn impossible(config: &DataSourceConfig) -> Option<(&'static str, Error)> {
    let DataSourceConfig { connector, host, port, database, url } = config;
    let connector = if let Connector::Named(name) = connector { Some(name) } else { None };
    let mut settings = vec![
        ("connector", connector, MAX_CONNECTOR),
        ("host", host.as_ref(), MAX_FIELD),
        ("port", port.as_ref(), MAX_FIELD),
        ("database", database.as_ref(), MAX_FIELD),
    ];
    // A URL says nothing but the database, where that is absent.
    let url = url.as_ref().filter(|_| database.is_none());
    let from_url;
    if let Some(url) = url {
        if url.len() > MAX_URL {
            settings.push(("url", Some(url), MAX_URL));
        } else {
            let config = partition::DataSourceConfig { url: url.clone(), ..partition::DataSourceConfig::default() };
            from_url = config.fields().all()[3].to_owned();
            settings.push(("url", Some(&from_url), MAX_FIELD));
        }
    }
    settings.into_iter().find_map(|(key, text, limit)| {
        let what = if key == "url" && limit == MAX_FIELD { "the database in its url" } else { key };
        Some((key, check_text(what, text?, limit).err()?))
    })
}

fn settings_of(settings: &Object<'_>) -> Result<DataSourceConfig> {
    let connector = match settings.get("connector") {
        Some(Json::String(name)) if !name.is_empty() => Connector::Named(copy(name)?),
        Some(value) if value.is_truthy() => Connector::Unnamed,
        _ => Connector::None,
    };
    let text = |key| settings.get(key).filter(|value| value.is_truthy()).map(javascript_text).transpose();
    Ok(DataSourceConfig {
        connector,
        host: text("host")?,
        port: text("port")?,
        database: text("database")?,
        url: text("url")?,
    })
}

/// The text that JavaScript makes of a value, so that a partition has the name that the original gives it.
fn javascript_text(value: &Json<'_>) -> Result<String> {
    match value {
        Json::Null => Ok("null".to_owned()),
        Json::Bool(value) => Ok(value.to_string()),
        Json::Number(lexeme) => Ok(plain_text(lexeme)),
        Json::String(text) => copy(text),
        Json::Object(_) => Ok("[object Object]".to_owned()),
        Json::Array(items) => {
            let mut text = String::new();
            for (index, item) in items.iter().enumerate() {
                append(&mut text, if index == 0 { "" } else { "," })?;
                if !matches!(item, Json::Null) {
                    append(&mut text, &javascript_text(item)?)?;
                }
            }
            Ok(text)
        }
    }
}

fn copy(text: &str) -> Result<String> {
    let mut copy = String::new();
    append(&mut copy, text)?;
    Ok(copy)
}

/// The models that the configuration lists, each with the place of its data source. An entry that is no object lists
/// nothing; that is a problem where a file defines the model, and else some other thing that stands beside them.
pub(super) fn assignments<'c>(
    configuration: &'c Configuration,
    sources: &Configuration,
    data_sources: &[DataSourcePlan],
    defined: &HashSet<&str>,
    problems: &mut Problems,
) -> Result<HashMap<&'c str, Option<usize>>> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    known.try_reserve(data_sources.len()).map_err(exhausted)?;
    known.extend(data_sources.iter().enumerate().map(|(place, source)| (&*source.key, place)));

    let mut assignments = HashMap::new();
    assignments.try_reserve(configuration.object.members().len()).map_err(exhausted)?;
    for member in configuration.object.members().iter().filter(|member| &*member.key != "_meta") {
        let Some(entry) = member.value.as_object() else {
            if member.value.is_truthy() && defined.contains(&*member.key) {
                let (file, place) = configuration.place(member.source, member.offset);
                problems.note(file, place.mark(no_entry(&member.key, &member.value)))?;
            }
            continue;
        };
        let mut data_source = None;
        if let Some(named) = entry.member("dataSource").filter(|named| named.value.is_truthy()) {
            data_source = named.value.as_str().and_then(|name| known.get(name).copied());
            if data_source.is_none() {
                let (file, place) = configuration.place(named.source, named.offset);
                let left_out = named.value.as_str().is_some_and(|name| sources.object.get(name).is_some());
                problems.note(file, place.mark(unknown(&member.key, &named.value, left_out)))?;
            }
        }
        assignments.insert(&*member.key, data_source);
    }
    Ok(assignments)
}

fn no_entry(model: &str, entry: &Json<'_>) -> Error {
    let model = shown(model);
    let message = format!(
        "model \"{model}\": its entry is {}, which lists nothing; it must be an object such as {{\"dataSource\": \"db\"}}",
        entry.kind()
    );
    Error::new(Status::ERROR_SCHEMA, model, message)
}

fn unknown(model: &str, data_source: &Json<'_>, left_out: bool) -> Error {
    let model = shown(model);
    match data_source.as_str() {
        Some(name) if left_out => {
            let name = shown(name);
            let message = format!(
                "model \"{model}\": the data source \"{name}\" was left out for what is wrong with it; correct that"
            );
            Error::new(Status::ERROR_UNKNOWN_DATA_SOURCE, name, message)
        }
        Some(name) => {
            let name = shown(name);
            let message = format!(
                "model \"{model}\": the data source \"{name}\" is not configured; add it to datasources.json, or \
                 correct \"dataSource\""
            );
            Error::new(Status::ERROR_UNKNOWN_DATA_SOURCE, name, message)
        }
        None => {
            let message =
                format!("model \"{model}\": \"dataSource\" is {}; it must be a name or null", data_source.kind());
            Error::new(Status::ERROR_UNKNOWN_DATA_SOURCE, model, message)
        }
    }
}
