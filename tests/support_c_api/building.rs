//! Schemas, built property by property.

use std::ffi::c_char;

use super::{Result, read_text};
use crate::call;

/// Builds a schema as a C host does.
pub struct Builder(pub u64);

impl Builder {
    pub fn new(name: &str) -> Builder {
        let mut builder = 0;
        call!(mreg_builder_create(name.as_ptr().cast(), name.len(), &mut builder)).expect("a builder");
        Builder(builder)
    }

    pub fn add(&self, name: &str, ty: &str, attributes: &str) -> Result<()> {
        let text = |text: &str| (text.as_ptr().cast::<c_char>(), text.len());
        let ((name, name_length), (ty, ty_length), (more, more_length)) = (text(name), text(ty), text(attributes));
        call!(mreg_builder_add(self.0, name, name_length, ty, ty_length, more, more_length))
    }

    pub fn object(&self, name: &str, attributes: &str) -> Result<()> {
        let (start, length) = (attributes.as_ptr().cast(), attributes.len());
        call!(mreg_builder_open_object(self.0, name.as_ptr().cast(), name.len(), start, length))
    }

    pub fn array(&self, name: &str, attributes: &str) -> Result<()> {
        let (start, length) = (attributes.as_ptr().cast(), attributes.len());
        call!(mreg_builder_open_array(self.0, name.as_ptr().cast(), name.len(), start, length))
    }

    pub fn hide(&self, name: &str) -> Result<()> {
        call!(mreg_builder_hide(self.0, name.as_ptr().cast(), name.len()))
    }

    pub fn settings(&self, settings: &str) -> Result<()> {
        call!(mreg_builder_set_settings(self.0, settings.as_ptr().cast(), settings.len()))
    }

    pub fn base(&self, base: u64) -> Result<()> {
        call!(mreg_builder_set_base(self.0, base))
    }

    pub fn close(&self) -> Result<()> {
        call!(mreg_builder_close(self.0))
    }

    pub fn finish(&self) -> Result<u64> {
        let mut schema = u64::MAX;
        call!(mreg_builder_finish(self.0, &mut schema)).map(|()| schema)
    }

    pub fn free(&self) -> Result<()> {
        call!(mreg_builder_free(self.0))
    }
}

/// A schema as a definition.
pub fn json(schema: u64) -> String {
    read_text(|buffer, capacity, length| call!(mreg_schema_to_json(schema, buffer, capacity, length))).expect("JSON")
}
