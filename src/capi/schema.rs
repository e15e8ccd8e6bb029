//! Schemas.

use std::ffi::c_char;
use std::mem::size_of;
use std::sync::Arc;

use crate::core::handle::Tag;
use crate::core::table::{HandleTable, Number};
use crate::error::{Error, Result, Status};
use crate::schema::{Json, ParseOptions, PropertyRef, Schema, StructureKind, builtin, json, type_text};

use super::args::{self, Growable};
use super::{Uncancellable, guard, guard_text, mreg_error, mreg_status, mreg_text};

/// A parsed schema. It never changes, belongs to no registry, and may be used by many models.
pub type mreg_schema = u64;

/// No nested object and no array.
pub const MREG_STRUCTURE_SIMPLE: u32 = 0;
/// Some nested object or array.
pub const MREG_STRUCTURE_COMPLEX: u32 = 1;
/// An array.
pub const MREG_STRUCTURE_ARRAY: u32 = 2;
/// Not an object.
pub const MREG_STRUCTURE_INVALID: u32 = 3;

/// The property is inherited from a base.
pub const MREG_PROPERTY_INHERITED: u32 = 1;
/// The property is an id, or part of one.
pub const MREG_PROPERTY_ID: u32 = 2;
/// The property is required.
pub const MREG_PROPERTY_REQUIRED: u32 = 4;

static SCHEMAS: HandleTable<Schema> = HandleTable::new(Tag::Schema);

/// The schema of a handle.
pub(crate) fn get(handle: mreg_schema) -> Result<Arc<Schema>> {
    SCHEMAS.get(handle)
}

/// The number of a schema's structure, without a lock.
#[inline(always)]
pub(crate) fn structure_number(handle: mreg_schema) -> Result<Number> {
    SCHEMAS.number(handle)
}

/// Whether the schema has had that structure until now.
#[inline(always)]
pub(crate) fn still(handle: mreg_schema, read: Number) -> Result<()> {
    if SCHEMAS.still(read) { Ok(()) } else { SCHEMAS.get(handle).map(drop) }
}

/// A new handle of a schema.
pub(crate) fn insert(schema: Arc<Schema>) -> Result<mreg_schema> {
    let structure = schema.structure_number()?;
    SCHEMAS.insert_with(schema, Some(u64::from(structure))).map_err(|(status, _)| status.into())
}

/// Frees a handle.
pub(crate) fn remove(handle: mreg_schema) -> Result<()> {
    SCHEMAS.remove(handle).map(drop)
}

/// Checks that settings are a JSON object; gives what they say of strictness, if anything.
pub(crate) fn strict_in(settings: &str) -> Result<Option<bool>> {
    let named = |error: Error| {
        let detail = error.detail().cloned().unwrap_or_default();
        Error::new(error.status(), "settings", format!("settings: {}", error.message())).at(
            detail.offset,
            detail.line,
            detail.column,
        )
    };
    match json::parse(settings.as_bytes()).map_err(named)? {
        Json::Object(settings) => Ok(settings.get("strict").map(|strict| *strict == Json::Bool(true))),
        other => Err(Error::new(
            Status::ERROR_JSON,
            "settings",
            format!("settings: expected a JSON object, found {}", other.kind()),
        )
        .at(0, 1, 1)),
    }
}

/// How a definition is parsed. Begin with `MREG_SCHEMA_OPTIONS_INIT` or `mreg_schema_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_schema_options {
    /// `sizeof(mreg_schema_options)`, set by the caller.
    pub struct_size: usize,
    /// The name of a model whose definition has none.
    pub default_name: mreg_text,
    /// Schemas among which the base is looked for by its name, before LoopBack's built-in models; may be NULL.
    pub bases: *const mreg_schema,
    /// How many of them there are.
    pub base_count: usize,
}

// SAFETY: `repr(C)`, the size first, integers and pointers for which any bytes are a value.
unsafe impl Growable for mreg_schema_options {
    const FIRST_SIZE: usize = size_of::<mreg_schema_options>();
    const DEFAULT: Self = mreg_schema_options {
        struct_size: size_of::<mreg_schema_options>(),
        default_name: mreg_text::EMPTY,
        bases: std::ptr::null(),
        base_count: 0,
    };
}

/// What is known of a schema. Begin with `MREG_SCHEMA_INFO_INIT` or `mreg_schema_info_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_schema_info {
    /// `sizeof(mreg_schema_info)`, set by the caller.
    pub struct_size: usize,
    /// All properties, own and inherited ones: those that `mreg_schema_property_name` and its like count by.
    pub properties: u64,
    /// Own properties.
    pub own: u64,
    /// Inherited properties.
    pub inherited: u64,
    /// Members of the definition's own `properties`, equal names once: own ones, those that are `false` or `null`, and where a
    /// loaded file had such, those of an impossible type.
    pub declared: u64,
    /// Members that are `false` or `null`: they hide the inherited property of their name, if there is one.
    pub hidden: u64,
    /// Properties inside anonymous types of own properties, at every level.
    pub nested: u64,
    /// One of the `MREG_STRUCTURE_` numbers; a schema is `MREG_STRUCTURE_SIMPLE` or `MREG_STRUCTURE_COMPLEX`.
    pub structure_kind: u32,
    /// 0 for flat properties, one more for each nesting.
    pub structure_depth: u32,
    /// 1 where the setting `strict`, own or inherited, is exactly `true`, else 0.
    pub strict: u32,
    /// 1 where an id is injected into a model that declares none, else 0.
    pub id_injection: u32,
    /// 1 where the model has a structure to be found by, else 0 (no properties).
    pub has_structure: u32,
    /// 0.
    pub reserved: u32,
    /// 128 bits of the SHA-256 of the structure: names, types and options of all properties in canonical form.
    pub fingerprint: [u8; 16],
}

// SAFETY: `repr(C)`, the size first, integers for which any bytes are a value.
unsafe impl Growable for mreg_schema_info {
    const FIRST_SIZE: usize = size_of::<mreg_schema_info>();
    const DEFAULT: Self = mreg_schema_info {
        struct_size: size_of::<mreg_schema_info>(),
        properties: 0,
        own: 0,
        inherited: 0,
        declared: 0,
        hidden: 0,
        nested: 0,
        structure_kind: 0,
        structure_depth: 0,
        strict: 0,
        id_injection: 0,
        has_structure: 0,
        reserved: 0,
        fingerprint: [0; 16],
    };
}

/// Makes schema options ready for use: the same bytes as `MREG_SCHEMA_OPTIONS_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `options` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_options_init(options: *mut mreg_schema_options) {
    // SAFETY: as the caller promises.
    unsafe { super::init(options) }
}

/// Makes schema information ready for use: the same bytes as `MREG_SCHEMA_INFO_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `info` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_info_init(info: *mut mreg_schema_info) {
    // SAFETY: as the caller promises.
    unsafe { super::init(info) }
}

/// Parses a LoopBack model definition: strict JSON, UTF-8, at most 64 MiB, nested at most 64 types and at most 127 arrays
/// and objects of JSON deep.
///
/// Of equal keys the last counts. `base`, `options` and `properties` that are `null`, `false`, 0 or `""` are not there.
///
/// The base is looked for in `options->bases`, then among LoopBack's built-in models; a definition without a base has
/// `PersistedModel`. `options` may be NULL. `*schema` is the caller's to free with `mreg_schema_free`.
///
/// Errors: `MREG_ERROR_JSON` and `MREG_ERROR_SCHEMA` with line, column and the property's name, `MREG_ERROR_TOO_DEEP`,
/// `MREG_ERROR_UNKNOWN_BASE`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_INVALID_NAME`, `MREG_ERROR_NULL_POINTER`,
/// `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_OUT_OF_MEMORY`,
/// `MREG_ERROR_FULL`; for the bases the errors of a handle. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `json` to `json_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_parse(
    json: *const c_char,
    json_length: usize,
    options: *const mreg_schema_options,
    schema: *mut mreg_schema,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(schema, 0, "schema") }?;
        let _cancelled_later = Uncancellable::begin();
        // SAFETY: as the caller promises.
        let json = unsafe { args::bytes(json, json_length, "json") }?;
        // SAFETY: as the caller promises.
        let options = unsafe { args::read_struct(options, "options") }?;
        // SAFETY: as the caller promises.
        let default_name = unsafe { args::text_in(options.default_name, "default_name") }?;
        // SAFETY: as the caller promises.
        let bases = unsafe { args::array(options.bases, options.base_count, "bases") }?;
        let mut known = Vec::new();
        known.try_reserve_exact(bases.len()).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        for base in bases {
            known.push(get(*base)?);
        }
        let resolve_base = |name: &str| known.iter().find(|base| base.name() == name).cloned();
        let parsed = Schema::parse(
            json,
            &ParseOptions {
                default_name: (!default_name.is_empty()).then_some(default_name),
                resolve_base: &resolve_base,
            },
        )?;
        out.put(insert(parsed)?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// A handle of the schema of one of LoopBack's built-in models, such as `User`; `MREG_NULL` for any other name, which is
/// no error. `*schema` is the caller's to free with `mreg_schema_free`.
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`,
/// `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `name` to `name_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_builtin(
    name: *const c_char,
    name_length: usize,
    schema: *mut mreg_schema,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(schema, 0, "schema") }?;
        // SAFETY: as the caller promises.
        let name = unsafe { args::text(name, name_length, "name") }?;
        if let Some(found) = builtin::find(name)? {
            out.put(insert(found)?);
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Frees a schema's handle. Models keep their own reference. `MREG_NULL` does nothing and succeeds.
///
/// Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
/// `MREG_ERROR_STALE_HANDLE` where it was freed before. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_free(schema: mreg_schema, error: *mut mreg_error) -> mreg_status {
    let work = || {
        if schema != 0 { remove(schema) } else { Ok(()) }
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// What is known of a schema. `info->struct_size` is set by the caller.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`,
/// `MREG_ERROR_STRUCT_SIZE`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_get_info(
    schema: mreg_schema,
    info: *mut mreg_schema_info,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out_struct(info, "info") }?;
        let schema = get(schema)?;
        let counts = schema.counts();
        out.put(mreg_schema_info {
            properties: schema.properties().len() as u64,
            own: counts.own as u64,
            inherited: counts.inherited as u64,
            declared: counts.own_declared as u64,
            hidden: counts.hidden as u64,
            nested: counts.nested as u64,
            structure_kind: kind_number(schema.structure_kind()),
            structure_depth: schema.structure_depth(),
            strict: u32::from(schema.strict()),
            id_injection: u32::from(schema.id_injection()),
            has_structure: u32::from(schema.has_structure()),
            fingerprint: schema.fingerprint(),
            ..mreg_schema_info::DEFAULT
        });
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The name of the model that a schema defines. Text as by `mreg_owner_name`.
///
/// Errors: as `mreg_schema_get_info`, but for the struct's, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread.
/// Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `buffer` to room for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_name(
    schema: mreg_schema,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, || args::owned(get(schema)?.name())) }
}

/// The name of a schema's base; empty for the root. Text as by `mreg_owner_name`.
///
/// Errors: as `mreg_schema_name`. Any thread. Since 0.1.0.
///
/// # Safety
/// As `mreg_schema_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_base(
    schema: mreg_schema,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, || args::owned(get(schema)?.base_name().unwrap_or_default())) }
}

/// A schema's own settings as a JSON object: every member of the definition but `name`, `base`, `properties` and
/// `options`, with the options merged in. Text as by `mreg_owner_name`.
///
/// Errors: as `mreg_schema_name`. Any thread. Since 0.1.0.
///
/// # Safety
/// As `mreg_schema_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_settings(
    schema: mreg_schema,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, || args::owned(get(schema)?.settings())) }
}

/// A schema as a LoopBack model definition, which parses back to an equal schema. Text as by `mreg_owner_name`.
///
/// Errors: as `mreg_schema_name`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// As `mreg_schema_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_to_json(
    schema: mreg_schema,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, || get(schema)?.to_json()) }
}

fn kind_number(kind: StructureKind) -> u32 {
    match kind {
        StructureKind::Simple => MREG_STRUCTURE_SIMPLE,
        StructureKind::Complex => MREG_STRUCTURE_COMPLEX,
        StructureKind::Array => MREG_STRUCTURE_ARRAY,
        StructureKind::Invalid => MREG_STRUCTURE_INVALID,
    }
}

/// What kind of structure a JSON text is when it is taken for properties as it stands, and how deep it nests.
///
/// `*kind` is one of the `MREG_STRUCTURE_` numbers: `MREG_STRUCTURE_ARRAY` for an array, `MREG_STRUCTURE_INVALID` for what is
/// neither an array nor an object. `*depth` is 0 for a flat object and one more for each nesting. Every object counts, also
/// `{"type": "string"}`: `mreg_schema_get_info` says the same of types instead.
///
/// Errors: `MREG_ERROR_JSON` with line and column, `MREG_ERROR_TOO_DEEP`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_TOO_LONG`,
/// `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `json` to `json_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_classify(
    json: *const c_char,
    json_length: usize,
    kind: *mut u32,
    depth: *mut u32,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out_kind = unsafe { args::out(kind, 0, "kind") };
        // SAFETY: as the caller promises.
        let out_depth = unsafe { args::out(depth, 0, "depth") };
        let (out_kind, out_depth) = (out_kind?, out_depth?);
        // SAFETY: as the caller promises.
        let json = json::parse(unsafe { args::bytes(json, json_length, "json") }?)?;
        out_kind.put(kind_number(StructureKind::of(&json)));
        out_depth.put(StructureKind::depth_of(&json));
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Whether two schemas have the same structure, by comparing them and not by their fingerprints alone.
///
/// Errors: as `mreg_schema_get_info`, but for the struct's. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_same_structure(
    schema: mreg_schema,
    other: mreg_schema,
    same: *mut bool,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(same, false, "same") }?;
        out.put(get(schema)?.same_structure(&*get(other)?));
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

fn property<R>(schema: mreg_schema, position: usize, read: impl FnOnce(PropertyRef<'_>) -> Result<R>) -> Result<R> {
    let schema = get(schema)?;
    let Some(property) = schema.property_at(position) else {
        return Err(Error::new(
            Status::ERROR_INVALID_ARGUMENT,
            "position",
            format!("position {position}: model \"{}\" has {} properties", schema.name(), schema.properties().len()),
        ));
    };
    read(property)
}

/// What kind of property is at a position: inherited ones come first, in the order of the base, then own ones in the order
/// of the definition. `*flags` has bits of `MREG_PROPERTY_INHERITED`, `MREG_PROPERTY_ID`, `MREG_PROPERTY_REQUIRED`.
///
/// Errors: as `mreg_schema_get_info`, but for the struct's; `MREG_ERROR_INVALID_ARGUMENT` for a position past the end.
/// Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_property_flags(
    schema: mreg_schema,
    position: usize,
    flags: *mut u32,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(flags, 0, "flags") }?;
        out.put(property(schema, position, |property| {
            Ok((if property.inherited() { MREG_PROPERTY_INHERITED } else { 0 })
                | (if property.id { MREG_PROPERTY_ID } else { 0 })
                | (if property.required { MREG_PROPERTY_REQUIRED } else { 0 }))
        })?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The name of the property at a position. Text as by `mreg_owner_name`.
///
/// Errors: as `mreg_schema_property_flags`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread. Since 0.1.0.
///
/// # Safety
/// As `mreg_schema_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_property_name(
    schema: mreg_schema,
    position: usize,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let name = || property(schema, position, |property| args::owned(&property.name));
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, name) }
}

/// The type of the property at a position in short form: `string`, `Order`, `[string]`, `{street: string, zip: string}`.
/// Text as by `mreg_owner_name`.
///
/// Errors: as `mreg_schema_property_name`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// As `mreg_schema_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_property_type(
    schema: mreg_schema,
    position: usize,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let text = || property(schema, position, |property| type_text(&property.ty));
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, text) }
}

/// The attributes of the property at a position, as a JSON object: everything beside `type`. Text as by
/// `mreg_owner_name`.
///
/// Errors: as `mreg_schema_property_name`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// As `mreg_schema_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_schema_property_attributes(
    schema: mreg_schema,
    position: usize,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let attributes = || property(schema, position, |property| property.attributes.to_text());
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, attributes) }
}
