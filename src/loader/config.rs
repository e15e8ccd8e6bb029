//! What the configuration files say: the data sources, and which model is on which.

use super::files::Configuration;
use super::{Connector, DataSourceConfig, DataSourcePlan, Problems};
use crate::error::{Error, Result, Status};
use crate::schema::alloc::{append, exhausted, push};
use crate::schema::{Json, Object, plain_text, shown};
use std::collections::HashMap;

/// The data sources in the order of the configuration.
pub(super) fn data_sources(configuration: Configuration, problems: &mut Problems) -> Result<Vec<DataSourcePlan>> {
    let mut list = Vec::new();
    for member in configuration.object.members() {
        let Some(settings) = member.value.as_object() else {
            let (file, place) = configuration.place(member.source, member.offset);
            let name = shown(&member.key);
            let message =
                format!("the data source \"{name}\" is {}; its settings must be an object", member.value.kind());
            problems.note(file, place.mark(Error::new(Status::ERROR_SCHEMA, name, message)))?;
            continue;
        };
        push(&mut list, DataSourcePlan { key: copy(&member.key)?, config: settings_of(settings)? })?;
    }
    Ok(list)
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

/// The models that the configuration lists, each with the place of its data source.
pub(super) fn assignments<'c>(
    configuration: &'c Configuration,
    data_sources: &[DataSourcePlan],
    problems: &mut Problems,
) -> Result<HashMap<&'c str, Option<usize>>> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    known.try_reserve(data_sources.len()).map_err(exhausted)?;
    known.extend(data_sources.iter().enumerate().map(|(place, source)| (&*source.key, place)));

    let mut assignments = HashMap::new();
    assignments.try_reserve(configuration.object.members().len()).map_err(exhausted)?;
    for member in configuration.object.members().iter().filter(|member| &*member.key != "_meta") {
        let Some(entry) = member.value.as_object() else { continue };
        let mut data_source = None;
        if let Some(named) = entry.member("dataSource").filter(|named| named.value.is_truthy()) {
            data_source = named.value.as_str().and_then(|name| known.get(name).copied());
            if data_source.is_none() {
                let (file, place) = configuration.place(named.source, named.offset);
                problems.note(file, place.mark(unknown(&member.key, &named.value)))?;
            }
        }
        assignments.insert(&*member.key, data_source);
    }
    Ok(assignments)
}

fn unknown(model: &str, data_source: &Json<'_>) -> Error {
    let model = shown(model);
    match data_source.as_str() {
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
