//! Building a schema property by property.

use std::ffi::c_char;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::core::handle::Tag;
use crate::core::table::HandleTable;
use crate::error::Result;
use crate::schema::Builder;

use super::{Uncancellable, args, guard, mreg_error, mreg_schema, mreg_status, schema};

/// A schema that is being built.
pub type mreg_builder = u64;

// The lock of a builder is taken when no other one is held.
static BUILDERS: HandleTable<Mutex<Builder>> = HandleTable::new(Tag::SchemaBuilder);

/// Makes a schema builder for a model of this name: a schema without properties, based on `PersistedModel`.
///
/// `*builder` is the caller's, until `mreg_builder_finish` succeeds or `mreg_builder_free` frees it. The limits of what is built
/// are those of `mreg_schema_parse`, and so is the meaning of a name that is added twice: the last one counts.
///
/// Errors: `MREG_ERROR_INVALID_NAME` for an empty name and for a control character, `MREG_ERROR_INVALID_UTF8`,
/// `MREG_ERROR_TOO_LONG`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_FULL`,
/// `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `name` to `name_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_builder_create(
    name: *const c_char,
    name_length: usize,
    builder: *mut mreg_builder,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(builder, 0, "builder") }?;
        // SAFETY: as the caller promises.
        let name = unsafe { args::text(name, name_length, "name") }?;
        let made = Arc::new(Mutex::new(Builder::new(name)?));
        out.put(BUILDERS.insert(made).map_err(|(status, _)| status)?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Changes the builder of a handle.
///
/// # Safety
/// As [`guard`].
unsafe fn guard_change(
    builder: mreg_builder,
    error: *mut mreg_error,
    change: impl FnOnce(&mut Builder) -> Result<()>,
) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard(error, || change(&mut BUILDERS.get(builder)?.lock())) }
}

/// Bases the schema on another one, whose properties it inherits. The handle of the base stays the caller's.
///
/// Errors: for both handles `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_builder_set_base(
    builder: mreg_builder,
    base: mreg_schema,
    error: *mut mreg_error,
) -> mreg_status {
    let set = |builder: &mut Builder| {
        builder.set_base(schema::get(base)?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard_change(builder, error, set) }
}

/// Gives the schema settings: a JSON object with any members but `name`, `base`, `properties` and `options`. It takes the place
/// of earlier settings.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_JSON`, `MREG_ERROR_SCHEMA`, `MREG_ERROR_TOO_DEEP`,
/// `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread.
/// Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `settings` to `settings_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_builder_set_settings(
    builder: mreg_builder,
    settings: *const c_char,
    settings_length: usize,
    error: *mut mreg_error,
) -> mreg_status {
    let set = |builder: &mut Builder| {
        // SAFETY: as the caller promises.
        builder.set_settings(unsafe { args::text(settings, settings_length, "settings") }?)
    };
    // SAFETY: as the caller promises.
    unsafe { guard_change(builder, error, set) }
}

/// Adds a property whose type has a name: a built-in type in any case, such as `string`, or a model, which need not be defined.
///
/// `attributes` is a JSON object with any members but `type`, such as `{"required": true}`; it may be empty. While an array is
/// open (`mreg_builder_open_array`) it adds the element of the array, which has neither name nor attributes.
///
/// Errors: as `mreg_builder_set_settings`; `MREG_ERROR_SCHEMA` for a name with a `.`, an empty type, and a second element.
/// Nothing is changed. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; texts to as many bytes as their lengths say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_builder_add(
    builder: mreg_builder,
    name: *const c_char,
    name_length: usize,
    type_name: *const c_char,
    type_name_length: usize,
    attributes: *const c_char,
    attributes_length: usize,
    error: *mut mreg_error,
) -> mreg_status {
    let add = |builder: &mut Builder| {
        // SAFETY: as the caller promises.
        let (name, ty, attributes) = unsafe {
            (
                args::text(name, name_length, "name")?,
                args::text(type_name, type_name_length, "type_name")?,
                args::text(attributes, attributes_length, "attributes")?,
            )
        };
        builder.add(name, ty, attributes)
    };
    // SAFETY: as the caller promises.
    unsafe { guard_change(builder, error, add) }
}

/// Hides the inherited property of this name, if there is one.
///
/// Errors: as `mreg_builder_add`. Nothing is changed. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `name` to `name_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_builder_hide(
    builder: mreg_builder,
    name: *const c_char,
    name_length: usize,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    let hide = |builder: &mut Builder| builder.hide(unsafe { args::text(name, name_length, "name") }?);
    // SAFETY: as the caller promises.
    unsafe { guard_change(builder, error, hide) }
}

/// Opens a property whose type is an anonymous model: what is added until `mreg_builder_close` are its properties.
///
/// `attributes` are the property's, as in `mreg_builder_add`. While an array is open, the anonymous model is its element, without
/// name and attributes.
///
/// Errors: as `mreg_builder_add`, `MREG_ERROR_TOO_DEEP` past 64 types in one another. Nothing is changed. Any thread. Since
/// 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; texts to as many bytes as their lengths say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_builder_open_object(
    builder: mreg_builder,
    name: *const c_char,
    name_length: usize,
    attributes: *const c_char,
    attributes_length: usize,
    error: *mut mreg_error,
) -> mreg_status {
    let open = |builder: &mut Builder| {
        // SAFETY: as the caller promises.
        let (name, attributes) = unsafe {
            (args::text(name, name_length, "name")?, args::text(attributes, attributes_length, "attributes")?)
        };
        builder.open_object(name, attributes)
    };
    // SAFETY: as the caller promises.
    unsafe { guard_change(builder, error, open) }
}

/// Opens a property whose type is an array: the one type that is added, or opened and closed, until `mreg_builder_close` is that
/// of its elements. Closed without one it is an array of anything.
///
/// Otherwise as `mreg_builder_open_object`.
///
/// Errors: as `mreg_builder_open_object`. Nothing is changed. Any thread. Since 0.1.0.
///
/// # Safety
/// As [`mreg_builder_open_object`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_builder_open_array(
    builder: mreg_builder,
    name: *const c_char,
    name_length: usize,
    attributes: *const c_char,
    attributes_length: usize,
    error: *mut mreg_error,
) -> mreg_status {
    let open = |builder: &mut Builder| {
        // SAFETY: as the caller promises.
        let (name, attributes) = unsafe {
            (args::text(name, name_length, "name")?, args::text(attributes, attributes_length, "attributes")?)
        };
        builder.open_array(name, attributes)
    };
    // SAFETY: as the caller promises.
    unsafe { guard_change(builder, error, open) }
}

/// Closes the type that was opened last.
///
/// Errors: as `mreg_builder_set_base`, `MREG_ERROR_INVALID_ARGUMENT` where no type is open, `MREG_ERROR_OUT_OF_MEMORY`. Any
/// thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_builder_close(builder: mreg_builder, error: *mut mreg_error) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard_change(builder, error, Builder::close) }
}

/// Makes the schema, and frees the builder. Where it fails, the builder is as it was.
///
/// `*schema` is the caller's to free with `mreg_schema_free`.
///
/// Errors: as `mreg_builder_close`, there for types that are still open; `MREG_ERROR_TOO_DEEP`, `MREG_ERROR_FULL`,
/// `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_builder_finish(
    builder: mreg_builder,
    schema: *mut mreg_schema,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(schema, 0, "schema") }?;
        let _cancelled_later = Uncancellable::begin();
        let handle = schema::insert(BUILDERS.get(builder)?.lock().finish()?)?;
        // Of several threads that finish one builder exactly one succeeds.
        if let Err(error) = BUILDERS.remove(builder) {
            schema::remove(handle)?;
            return Err(error);
        }
        out.put(handle);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Frees a builder without making its schema. `MREG_NULL` does nothing and succeeds.
///
/// Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
/// `MREG_ERROR_STALE_HANDLE` where it was freed or finished before. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_builder_free(builder: mreg_builder, error: *mut mreg_error) -> mreg_status {
    let work = || if builder == 0 { Ok(()) } else { BUILDERS.remove(builder).map(drop) };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}
