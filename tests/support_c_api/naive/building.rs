//! A schema that is being built: the text of the definition that has the same properties.

use super::super::{INVALID_ARGUMENT, STALE_HANDLE};

const SCHEMA: i32 = 31;

/// A type that is not closed yet.
struct Open {
    is_array: bool,
    members: usize,
    end: &'static str,
}

/// A builder that was made once.
pub struct Builder {
    pub handle: u64,
    pub live: bool,
    /// What it is based on: a number of the caller's with the name.
    pub base: Option<(usize, &'static str)>,
    /// The members of its settings, as JSON has them.
    pub settings: &'static str,
    properties: String,
    open: Vec<Open>,
}

impl Builder {
    pub fn new(handle: u64) -> Builder {
        let own = Open { is_array: false, members: 0, end: "" };
        Builder { handle, live: true, base: None, settings: "", properties: String::new(), open: vec![own] }
    }

    /// Whether the type that is open is an array.
    pub fn in_array(&self) -> bool {
        self.open.last().is_some_and(|open| open.is_array)
    }

    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Notes a property or an element, as far as there may be one.
    fn put(&mut self, name: &str, attributes: &str, value: &str) -> Result<(), i32> {
        let Some(open) = self.open.last_mut() else { return Err(STALE_HANDLE) };
        let refused = if open.is_array {
            open.members > 0 || !(name.is_empty() && attributes.is_empty())
        } else {
            name.contains('.')
        };
        if !self.live || refused {
            return Err(if self.live { SCHEMA } else { STALE_HANDLE });
        }
        if open.members > 0 {
            self.properties.push(',');
        }
        open.members += 1;
        if !open.is_array {
            self.properties += &format!("\"{name}\":");
        }
        self.properties += value;
        Ok(())
    }

    /// A property of a type with a name; `attributes` are members, as JSON has them.
    pub fn add(&mut self, name: &str, ty: &str, attributes: &str) -> Result<(), i32> {
        if self.live && ty.is_empty() {
            return Err(SCHEMA);
        }
        let more = if attributes.is_empty() { String::new() } else { format!(",{attributes}") };
        let value = if self.in_array() { format!("\"{ty}\"") } else { format!("{{\"type\":\"{ty}\"{more}}}") };
        self.put(name, attributes, &value)
    }

    /// Opens an array or an anonymous model.
    pub fn open(&mut self, name: &str, attributes: &str, is_array: bool) -> Result<(), i32> {
        let (start, end) = if is_array { ("[", ["]", "]}"]) } else { ("{", ["}", "}}"]) };
        let more = if attributes.is_empty() { String::new() } else { format!("{attributes},") };
        let (value, end) = match self.in_array() {
            true => (start.to_owned(), end[0]),
            false => (format!("{{{more}\"type\":{start}"), end[1]),
        };
        self.put(name, attributes, &value)?;
        self.open.push(Open { is_array, members: 0, end });
        Ok(())
    }

    pub fn hide(&mut self, name: &str) -> Result<(), i32> {
        if self.live && self.in_array() {
            return Err(SCHEMA);
        }
        self.put(name, "", "false")
    }

    pub fn close(&mut self) -> Result<(), i32> {
        if !self.live || self.open.len() == 1 {
            return Err(if self.live { INVALID_ARGUMENT } else { STALE_HANDLE });
        }
        self.properties += self.open.pop().map_or("", |open| open.end);
        Ok(())
    }

    /// What does not depend on what is open.
    pub fn set(&mut self, change: impl FnOnce(&mut Builder)) -> Result<(), i32> {
        if !self.live {
            return Err(STALE_HANDLE);
        }
        change(self);
        Ok(())
    }

    pub fn free(&mut self) -> Result<(), i32> {
        self.set(|builder| builder.live = false)
    }

    pub fn finish(&mut self) -> Result<(), i32> {
        if !self.live || self.open.len() > 1 {
            return Err(if self.live { INVALID_ARGUMENT } else { STALE_HANDLE });
        }
        self.live = false;
        Ok(())
    }

    /// The definition of a model of this name.
    pub fn definition(&self, name: &str) -> String {
        let base = self.base.map_or(String::new(), |(_, base)| format!(",\"base\":\"{base}\""));
        let settings = if self.settings.is_empty() { String::new() } else { format!(",{}", self.settings) };
        format!("{{\"name\":\"{name}\"{base}{settings},\"properties\":{{{}}}}}", self.properties)
    }
}
