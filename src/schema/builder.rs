//! A schema made property by property.
//!
//! What is added is written down as the model definition that it stands for, and read as one at the end: so a schema that
//! was built and one that was parsed are the same, and keep to the same limits.

use std::sync::Arc;

use super::alloc::{append, push};
use super::json::{self, MAX_JSON_LENGTH};
use super::text::{separate, write_json, write_key, write_members, write_str};
use super::{Draft, MAX_TYPE_DEPTH, ParseOptions, Schema, draft, shown};
use crate::error::{Error, Result, Status};

/// What comes before the type of a property that has attributes.
const WITH_ATTRIBUTES: &str = "{\"type\":";

/// A type that was opened and not closed yet.
struct Open {
    is_array: bool,
    members: usize,
    /// Whether a member is called `type`: by itself the object would be taken for a property with attributes.
    has_type: bool,
    /// Where it begins in the text.
    start: usize,
    /// What comes after it; nothing where it stands by itself.
    end: String,
}

/// A schema that is being built.
pub struct Builder {
    name: String,
    base: Option<Arc<Schema>>,
    settings: String,
    properties: String,
    members: usize,
    open: Vec<Open>,
}

impl Builder {
    /// A schema of a model of this name, without properties.
    ///
    /// # Errors
    ///
    /// `ERROR_INVALID_NAME`, `ERROR_OUT_OF_MEMORY`
    pub fn new(name: &str) -> Result<Builder> {
        if name.is_empty() {
            let message = "a model has no name; give the schema one";
            return Err(Error::new(Status::ERROR_INVALID_NAME, "name", message));
        }
        if let Some(at) = name.find(char::is_control) {
            let message = format!("the model name {:?} holds a control character at byte {at}", shown(name));
            return Err(Error::new(Status::ERROR_INVALID_NAME, shown(name), message).at(at as u64, 0, 0));
        }
        let mut owned = String::new();
        append(&mut owned, name)?;
        Ok(Builder {
            name: owned,
            base: None,
            settings: String::new(),
            properties: String::new(),
            members: 0,
            open: Vec::new(),
        })
    }

    fn error(&self, property: &str, status: Status, reason: &str) -> Error {
        let message = format!("model \"{}\": property \"{}\": {reason}", shown(&self.name), shown(property));
        Error::new(status, shown(property), message)
    }

    /// Bases the schema on another one.
    pub fn set_base(&mut self, base: Arc<Schema>) {
        self.base = Some(base);
    }

    /// Gives the schema settings: a JSON object, which takes the place of earlier ones.
    ///
    /// # Errors
    ///
    /// Those of [`json::parse`]; `ERROR_SCHEMA` for what is no object, or has a member that is no setting.
    pub fn set_settings(&mut self, settings: &str) -> Result<()> {
        let json = json::parse(settings.as_bytes())?;
        let Some(object) = json.as_object() else {
            let message = format!("the settings are {}; they must be a JSON object", json.kind());
            return Err(Error::new(Status::ERROR_SCHEMA, "settings", message));
        };
        if let Some(odd) = object.members().iter().find(|member| draft::is_reserved(&member.key)) {
            let message = format!("the settings have a member \"{}\", which is no setting; leave it out", &*odd.key);
            return Err(Error::new(Status::ERROR_SCHEMA, shown(&odd.key), message));
        }
        let mut text = String::new();
        write_members(&mut text, object, 1)?;
        self.settings = text;
        Ok(())
    }

    /// Adds a property of a type that has a name, or the element of an open array.
    ///
    /// # Errors
    ///
    /// `ERROR_SCHEMA`, `ERROR_TOO_LONG`, `ERROR_OUT_OF_MEMORY`, those of [`json::parse`]; nothing is changed.
    pub fn add(&mut self, name: &str, ty: &str, attributes: &str) -> Result<()> {
        if ty.is_empty() {
            return Err(self.error(name, Status::ERROR_SCHEMA, "the type has no name (\"string\", \"Order\", ...)"));
        }
        let mut text = String::new();
        let end = self.begin(&mut text, name, attributes)?;
        write_str(&mut text, ty)?;
        append(&mut text, &end)?;
        self.commit(name, &text)
    }

    /// Hides the inherited property of this name, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Builder::add`].
    pub fn hide(&mut self, name: &str) -> Result<()> {
        if self.open.last().is_some_and(|open| open.is_array) {
            return Err(self.error(name, Status::ERROR_SCHEMA, "an array has nothing to hide (close it first)"));
        }
        let mut text = String::new();
        self.begin(&mut text, name, "")?;
        append(&mut text, "false")?;
        self.commit(name, &text)
    }

    /// Opens a property whose type is an anonymous model, or one as the element of an open array: what is added until it is
    /// closed are its properties.
    ///
    /// # Errors
    ///
    /// As [`Builder::add`], and `ERROR_TOO_DEEP`.
    pub fn open_object(&mut self, name: &str, attributes: &str) -> Result<()> {
        self.open(name, attributes, false)
    }

    /// Opens a property whose type is an array, or one as the element of an open array: what is added next is its element; closed
    /// without one it is an array of anything.
    ///
    /// # Errors
    ///
    /// As [`Builder::open_object`].
    pub fn open_array(&mut self, name: &str, attributes: &str) -> Result<()> {
        self.open(name, attributes, true)
    }

    fn open(&mut self, name: &str, attributes: &str, is_array: bool) -> Result<()> {
        if self.open.len() >= MAX_TYPE_DEPTH as usize {
            let reason =
                format!("its type nests deeper than {MAX_TYPE_DEPTH} levels; use a model of its own for a part");
            return Err(self.error(name, Status::ERROR_TOO_DEEP, &reason));
        }
        let mut text = String::new();
        let end = self.begin(&mut text, name, attributes)?;
        let start = self.properties.len() + text.len();
        append(&mut text, if is_array { "[" } else { "{" })?;
        self.open.try_reserve(1).map_err(super::alloc::exhausted)?;
        self.commit(name, &text)?;
        push(&mut self.open, Open { is_array, members: 0, has_type: false, start, end })
    }

    /// Closes the type that was opened last.
    ///
    /// # Errors
    ///
    /// `ERROR_INVALID_ARGUMENT` where none is open, `ERROR_OUT_OF_MEMORY`.
    pub fn close(&mut self) -> Result<()> {
        let Some(last) = self.open.last() else {
            let message = format!("model \"{}\": no type is open (each open is closed once)", shown(&self.name));
            return Err(Error::new(Status::ERROR_INVALID_ARGUMENT, "builder", message));
        };
        let more = WITH_ATTRIBUTES.len() + last.end.len() + 2;
        self.properties.try_reserve(more).map_err(super::alloc::exhausted)?;
        let Some(last) = self.open.pop() else { return Ok(()) };
        append(&mut self.properties, if last.is_array { "]" } else { "}" })?;
        if last.has_type && last.end.is_empty() {
            self.properties.insert_str(last.start, WITH_ATTRIBUTES);
            return append(&mut self.properties, "}");
        }
        append(&mut self.properties, &last.end)
    }

    /// Writes what comes before a type; gives what comes after it. A type without attributes stands by itself, which nests half
    /// as deep.
    fn begin(&self, text: &mut String, name: &str, attributes: &str) -> Result<String> {
        let (is_element, before) = self.open.last().map_or((false, self.members), |open| (open.is_array, open.members));
        let mut end = String::new();
        if is_element {
            if before > 0 {
                let reason = "the array has an element already (close it first)";
                return Err(self.error(name, Status::ERROR_SCHEMA, reason));
            }
            if !name.is_empty() || !attributes.is_empty() {
                let reason = "the element of an array has no name and no attributes (leave both empty)";
                return Err(self.error(name, Status::ERROR_SCHEMA, reason));
            }
            return Ok(end);
        }
        if name.contains('.') {
            return Err(self.error(name, Status::ERROR_SCHEMA, "a property name must not hold a \".\"; rename it"));
        }
        separate(text, before)?;
        write_key(text, name)?;
        if !attributes.is_empty() {
            let json = json::parse(attributes.as_bytes())?;
            let Some(object) = json.as_object() else {
                let reason = format!("the attributes are {}; they must be a JSON object", json.kind());
                return Err(self.error(name, Status::ERROR_SCHEMA, &reason));
            };
            append(text, WITH_ATTRIBUTES)?;
            for member in object.members() {
                if &*member.key == "type" {
                    let reason = "the attributes have a member \"type\"; leave it out";
                    return Err(self.error(name, Status::ERROR_SCHEMA, reason));
                }
                append(&mut end, ",")?;
                write_key(&mut end, &member.key)?;
                write_json(&mut end, &member.value)?;
            }
            append(&mut end, "}")?;
        }
        Ok(end)
    }

    fn commit(&mut self, name: &str, text: &str) -> Result<()> {
        let pending: usize = self.open.iter().map(|open| open.end.len() + WITH_ATTRIBUTES.len() + 2).sum();
        if self.properties.len() + pending + text.len() > MAX_JSON_LENGTH {
            let message = format!(
                "model \"{}\": the definition is longer than the limit of {MAX_JSON_LENGTH} bytes",
                shown(&self.name)
            );
            return Err(Error::new(Status::ERROR_TOO_LONG, shown(&self.name), message));
        }
        append(&mut self.properties, text)?;
        match self.open.last_mut() {
            Some(open) => {
                open.members += 1;
                open.has_type |= !open.is_array && name == "type";
            }
            None => self.members += 1,
        }
        Ok(())
    }

    /// The schema.
    ///
    /// # Errors
    ///
    /// `ERROR_INVALID_ARGUMENT` while a type is open; those of [`Schema::parse`].
    pub fn finish(&self) -> Result<Arc<Schema>> {
        if !self.open.is_empty() {
            let message =
                format!("model \"{}\": {} types are still open (close them)", shown(&self.name), self.open.len());
            return Err(Error::new(Status::ERROR_INVALID_ARGUMENT, "builder", message));
        }
        let mut text = String::new();
        append(&mut text, "{\"name\":")?;
        write_str(&mut text, &self.name)?;
        if let Some(base) = &self.base {
            append(&mut text, ",\"base\":")?;
            write_str(&mut text, base.name())?;
        }
        append(&mut text, &self.settings)?;
        append(&mut text, ",\"properties\":{")?;
        append(&mut text, &self.properties)?;
        append(&mut text, "}}")?;
        match &self.base {
            Some(base) => Draft::read(text.as_bytes(), None, false)?.build(Some(base.clone())),
            None => Schema::parse(text.as_bytes(), &ParseOptions { default_name: None, resolve_base: &|_| None }),
        }
    }
}
