//! Models.

use std::ffi::{c_char, c_void};
use std::mem::size_of;

use crate::core::current;
use crate::core::due::{Due, DueList, UserData};
use crate::core::model::{self, NewModel};
use crate::core::names::MAX_NAME;
use crate::core::owner::is_plain;
use crate::core::quick::{self, PlainModel};
use crate::core::registry::{Locked, resolve_locked_for};
use crate::core::release::Kind;
use crate::core::state::NONE;
use crate::error::{Error, Result, Status};

use super::args::{self, Growable, Out};
use super::owner::handle_of;
use super::{
    due_for, guard, guard_due, guard_text, mreg_destructor, mreg_error, mreg_owner, mreg_registry, mreg_schema,
    mreg_status, mreg_text, run_due, schema,
};

/// A registered model.
pub type mreg_model = u64;

/// The model is strict whatever its settings say: a builder of the host's is.
pub const MREG_MODEL_STRICT: u32 = 1;

/// What a new model is to be. Begin with `MREG_MODEL_OPTIONS_INIT` or `mreg_model_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_model_options {
    /// `sizeof(mreg_model_options)`, set by the caller.
    pub struct_size: usize,
    /// The name; not empty, at most 4,096 bytes, without control characters.
    pub name: mreg_text,
    /// The data source, or `MREG_NULL`. The model lives in its partition.
    pub data_source: mreg_owner,
    /// The app, or the owner of a host's kind, or `MREG_NULL`. Where there is one, it owns the model.
    pub app: mreg_owner,
    /// The tenant's code, at most 255 bytes; ignored beside an owner. Empty: the thread's current tenant (see
    /// `mreg_tenant_set_current`), else `global`. A reserved code: `global`. The label of an owner's partition is
    /// refused.
    pub tenant: mreg_text,
    /// The schema, or `MREG_NULL`. The registry keeps its own reference; the handle stays the caller's.
    pub schema: mreg_schema,
    /// The settings: the text of a JSON object, or empty for none.
    pub settings: mreg_text,
    /// The host's pointer, which the library keeps and gives back.
    pub user_data: *mut c_void,
    /// Called with `user_data` once, when nothing holds the model any more, or when the call fails; may be NULL. Without it,
    /// `user_data` goes into the registry's release queue instead, if the registry has one.
    pub destroy: mreg_destructor,
    /// 0 or `MREG_MODEL_STRICT`.
    pub flags: u32,
    /// Bits of the host's own, by which `mreg_registry_find_structure` can pass the model over.
    pub marks: u32,
}

// SAFETY: `repr(C)`, the size first; integers, pointers and an optional function pointer, for which bytes that the
// caller set are a value.
unsafe impl Growable for mreg_model_options {
    const FIRST_SIZE: usize = size_of::<mreg_model_options>();
    const DEFAULT: Self = mreg_model_options {
        struct_size: size_of::<mreg_model_options>(),
        name: mreg_text::EMPTY,
        data_source: 0,
        app: 0,
        tenant: mreg_text::EMPTY,
        schema: 0,
        settings: mreg_text::EMPTY,
        user_data: std::ptr::null_mut(),
        destroy: None,
        flags: 0,
        marks: 0,
    };
}

/// Makes model options ready for use: the same bytes as `MREG_MODEL_OPTIONS_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `options` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_model_options_init(options: *mut mreg_model_options) {
    // SAFETY: as the caller promises.
    unsafe { super::init(options) }
}

/// Registers a model.
///
/// With an app (or an owner of a host's kind) that one owns it; else the data source does; else nobody. Where the owner
/// already has a model of that name, the new one takes its place in the list: the old handle is stale, and the old
/// destructor due, also where `user_data` is the same pointer. Names of models without an owner are unique in their
/// partition.
///
/// A model is strict where its `strict` is exactly `true`, in its settings, else in its schema, or where the flag says so.
///
/// Where the call fails, nothing is changed, and `options->destroy` is called with `options->user_data` before it returns,
/// unless `options` could not be read (`MREG_ERROR_UNALIGNED_POINTER` or `MREG_ERROR_STRUCT_SIZE`). Runs destructors. Without
/// a destructor, `user_data` is put into the registry's release queue at the same moment, if there is one.
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
/// `MREG_ERROR_INVALID_NAME`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_JSON` for settings that are no
/// JSON object, `MREG_ERROR_TOO_DEEP` for settings that nest more than 127 arrays and objects, `MREG_ERROR_INVALID_ARGUMENT` for an unknown flag and for a data source handed in as an app or the reverse,
/// `MREG_ERROR_FULL`,
/// `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_POISONED`; for the registry, the owners and the schema
/// `MREG_ERROR_NULL_HANDLE` (registry only), `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE` also for an
/// owner of another registry, `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_model_register(
    registry: mreg_registry,
    options: *const mreg_model_options,
    model: *mut mreg_model,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            let out = args::out(model, 0, "model");
            if let (Ok(out), Some(registered)) = (&out, register_plain(registry, options, gone)) {
                *of = registry;
                out.put(registered);
                return Ok(());
            }
            let options = if options.is_null() {
                return Err(Error::new(Status::ERROR_NULL_POINTER, "options", "options: the pointer is NULL"));
            } else {
                args::read_struct(options, "options")?
            };
            let mut due = due_for(registry, Kind::Model, options.user_data, options.destroy, gone)?;
            let result = register(registry, &options, out, &mut due, gone, of);
            gone.extend(due);
            result
        })
    };
    run_due(batch, 0);
    status
}

/// Registers a model where it and all about it is as usual: see [`quick::register`]. Where it is not, nothing is changed.
///
/// # Safety
/// As [`mreg_model_register`].
#[inline(always)]
unsafe fn register_plain(
    registry: mreg_registry,
    options: *const mreg_model_options,
    gone: &mut DueList,
) -> Option<mreg_model> {
    // SAFETY: as the caller promises.
    let options = unsafe { args::whole_struct(options) }?;
    let plain = options.settings.length == 0
        && options.tenant.length == 0
        && options.flags == 0
        && options.destroy.is_none()
        && (options.data_source == 0) != (options.app == 0);
    // SAFETY: as the caller promises.
    let name = unsafe { args::bytes(options.name.data, options.name.length, "name") }.ok()?;
    if !plain || name.is_empty() || name.len() > MAX_NAME || !is_plain(name) {
        return None;
    }
    if options.schema != 0 {
        schema::structure_number(options.schema).ok()?;
    }
    let new = PlainModel {
        name,
        data_source: options.data_source,
        app: options.app,
        schema: options.schema,
        marks: options.marks,
        user_data: UserData(options.user_data),
    };
    quick::register(registry, &new, gone)
}

/// # Safety
/// As [`mreg_model_register`].
#[inline(never)]
unsafe fn register(
    registry: mreg_registry,
    options: &mreg_model_options,
    out: Result<Out<mreg_model>>,
    due: &mut Option<Box<Due>>,
    gone: &mut DueList,
    of: &mut u64,
) -> Result<()> {
    let out = out?;
    // SAFETY: as the caller promises.
    let text = |value, name| unsafe { args::text_in(value, name) };
    let settings = text(options.settings, "settings")?;
    let strict = if settings.is_empty() { None } else { schema::strict_in(settings)? };
    if options.schema != 0 {
        schema::structure_number(options.schema)?;
    }
    if options.flags & !MREG_MODEL_STRICT != 0 {
        return Err(args::unknown_flags(options.flags));
    }
    let (name, tenant) = (text(options.name, "name")?, text(options.tenant, "tenant")?);
    let settings = (!settings.is_empty()).then(|| args::owned(settings)).transpose()?.map(String::into_boxed_str);
    let mut current = None;
    let tenant = current::named_or_current(tenant, &mut current);
    let mut locked = resolve_locked_for(registry, due)?;
    *of = locked.registry.handle();
    let schema = use_schema(&mut locked, options.schema)?;
    let of_schema = |locked: &Locked| locked.schemas.get(schema).is_some_and(|schema| schema.strict());
    let new = NewModel {
        name,
        data_source: options.data_source,
        app: options.app,
        tenant,
        strict: options.flags & MREG_MODEL_STRICT != 0 || strict.unwrap_or_else(|| of_schema(&locked)),
        marks: options.marks,
        schema,
        settings,
        user_data: UserData(options.user_data),
    };
    out.put(locked.register(new, due, gone)?);
    Ok(())
}

/// The number that a schema has in a registry, where one more model uses it from now on. One that models of the registry use
/// already is found without the lock of the schemas' handles.
fn use_schema(locked: &mut Locked, handle: mreg_schema) -> Result<u32> {
    if handle == 0 {
        return Ok(NONE);
    }
    match locked.schemas.known(handle) {
        Some(number) => {
            locked.schemas.use_again(number);
            Ok(number)
        }
        None => locked.schemas.use_one(schema::get(handle)?, handle),
    }
}

/// Takes a model out of the registry: its handle is stale, unless the model is held by
/// `mreg_model_hold`. `MREG_NULL` does nothing and
/// succeeds. Of several threads that unregister one model exactly one succeeds. Runs destructors.
///
/// Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
/// `MREG_ERROR_STALE_HANDLE` also for a model that is only held, `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_model_unregister(model: mreg_model, error: *mut mreg_error) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            if model == 0 {
                return Ok(());
            }
            let (registry, parts) = model::find(model)?;
            *of = registry.handle();
            let mut locked = registry.lock()?;
            let index = locked.model_index(parts)?;
            locked.unregister(index, gone);
            Ok(())
        })
    };
    run_due(batch, 0);
    status
}

/// Gives a registered model other owners: same handle, same `user_data`, at the end of the new owner's list. A model of
/// its name that the new owner has is replaced. Counts as a registration.
///
/// `data_source`, `app` and `tenant` as in `mreg_model_options`: without any, the model moves to the thread's current
/// tenant, else to `global`. Where the call fails, nothing is changed. Runs destructors.
///
/// Errors: `MREG_ERROR_NULL_HANDLE` (model only), `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_INVALID_ARGUMENT` for a data source handed in as an
/// app or the reverse, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`,
/// `MREG_ERROR_INVALID_NAME`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `tenant` to `tenant_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_model_move(
    model: mreg_model,
    data_source: mreg_owner,
    app: mreg_owner,
    tenant: *const c_char,
    tenant_length: usize,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            let mut current = None;
            let tenant = current::named_or_current(args::text(tenant, tenant_length, "tenant")?, &mut current);
            let (registry, parts) = model::find(model)?;
            *of = registry.handle();
            registry.lock()?.move_model(parts, data_source, app, tenant, gone)
        })
    };
    run_due(batch, 0);
    status
}

/// Holds a model: until `mreg_model_unhold` its `user_data` may be used and its attributes read, whoever unregisters,
/// clears or destroys meanwhile. A hold outlives the registry. Each hold is taken back once.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_FULL`, `MREG_ERROR_POISONED`. Any thread. Since
/// 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_model_hold(model: mreg_model, error: *mut mreg_error) -> mreg_status {
    let work = || {
        let (registry, parts) = model::find(model)?;
        registry.lock()?.hold(parts)
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Takes back one hold. With the last one, a model that is no longer registered goes. `MREG_NULL` does nothing and
/// succeeds. Runs destructors.
///
/// Errors: as `mreg_model_hold`, but for the null handle's; `MREG_ERROR_INVALID_ARGUMENT` for a registered model that is
/// not held. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_model_unhold(model: mreg_model, error: *mut mreg_error) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            if model == 0 {
                return Ok(());
            }
            let (registry, parts) = model::find(model)?;
            *of = registry.handle();
            registry.lock()?.unhold(parts, gone)
        })
    };
    run_due(batch, 0);
    status
}

/// Whether the handle is of a model that is registered now; false for one that is only held. No lock; any bits may be
/// asked about.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mreg_model_is_valid(model: mreg_model) -> bool {
    model::is_valid(model)
}

/// Reads a model that is registered, or held by `mreg_model_hold`.
fn reading<R>(model: mreg_model, read: impl FnOnce(&Locked, u32) -> Result<R>) -> Result<R> {
    let (registry, parts) = model::find(model)?;
    let locked = registry.lock()?;
    let index = locked.readable_model(parts)?;
    read(&locked, index)
}

/// Reads a model that is registered.
fn reading_registered<R>(model: mreg_model, read: impl FnOnce(&Locked, u32) -> Result<R>) -> Result<R> {
    let (registry, parts) = model::find(model)?;
    let locked = registry.lock()?;
    let index = locked.model_index(parts)?;
    read(&locked, index)
}

/// A model's name, of a model that is registered, or held by `mreg_model_hold`. Text as by `mreg_owner_name`.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`, `MREG_ERROR_NULL_POINTER`,
/// `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `buffer` to room for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_model_name(
    model: mreg_model,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let name = || reading(model, |locked, model| locked.model_name(model));
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, name) }
}

/// The settings that a model was registered with, a JSON object; where there were none, those of its schema; empty without
/// either. Of a model that is registered, or held by `mreg_model_hold`. Text as by `mreg_owner_name`.
///
/// Errors: as `mreg_model_name`. Any thread. Since 0.1.0.
///
/// # Safety
/// As `mreg_model_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_model_settings(
    model: mreg_model,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let settings = || reading(model, |locked, model| args::owned(locked.settings_of(model)));
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, settings) }
}

/// A new handle of a model's schema, `MREG_NULL` where it has none; of a model that is registered, or held by `mreg_model_hold`.
///
/// `*schema` is the caller's to free with `mreg_schema_free`.
///
/// Errors: as `mreg_model_name`, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_model_schema(
    model: mreg_model,
    schema: *mut mreg_schema,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(schema, 0, "schema") }?;
        let found = reading(model, |locked, model| Ok(locked.schema_of(model).cloned()))?;
        if let Some(found) = found {
            out.put(schema::insert(found)?);
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The pointer that a model was registered with. It may be used only while the caller holds the model: by
/// `mreg_model_hold`, or by a held snapshot that contains it. Of a model that is registered, or held by `mreg_model_hold`; from
/// a snapshot it is read by position.
///
/// Errors: as `mreg_model_name`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_model_user_data(
    model: mreg_model,
    user_data: *mut *mut c_void,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(user_data, std::ptr::null_mut(), "user_data") }?;
        out.put(reading(model, |locked, model| Ok(locked.record(model).user_data.0))?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// When a model was registered or last moved: milliseconds since the first of January 1970, UTC. Of a model that is
/// registered or held.
///
/// Errors: as `mreg_model_name`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_model_registered_at(
    model: mreg_model,
    milliseconds: *mut i64,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(milliseconds, 0, "milliseconds") }?;
        out.put(reading(model, |locked, model| Ok(locked.record(model).registered_at))?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The owners of a registered model, each `MREG_NULL` where it has none. `owner` is the one whose list has the model: the
/// app where there is one, else the data source. Each pointer may be NULL.
///
/// Errors: as `mreg_model_name`; a model that is only held is stale here. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_model_owners(
    model: mreg_model,
    owner: *mut mreg_owner,
    data_source: *mut mreg_owner,
    app: *mut mreg_owner,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out_owner = unsafe { args::optional_out(owner, 0, "owner") };
        // SAFETY: as the caller promises.
        let out_data_source = unsafe { args::optional_out(data_source, 0, "data_source") };
        // SAFETY: as the caller promises.
        let out_app = unsafe { args::optional_out(app, 0, "app") };
        let (out_owner, out_data_source, out_app) = (out_owner?, out_data_source?, out_app?);
        let handles = reading_registered(model, |locked, model| {
            let record = locked.record(model);
            Ok([record.owner(), record.data_source, record.app].map(|index| handle_of(locked, index)))
        })?;
        for (out, handle) in [out_owner, out_data_source, out_app].into_iter().zip(handles) {
            if let Some(out) = out {
                out.put(handle);
            }
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The label of the partition that a registered model lives in: `global`, a tenant's code, `ds_...` or `app_...`. Text as
/// by `mreg_owner_name`.
///
/// Errors: as `mreg_model_name`; a model that is only held is stale here. Any thread. Since 0.1.0.
///
/// # Safety
/// As `mreg_model_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_model_tenant(
    model: mreg_model,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let label = || {
        reading_registered(model, |locked, model| {
            let partition = locked.partitions.get(locked.partition_of(model)).ok_or(Status::ERROR_INTERNAL)?;
            locked.partitions.label(partition.label)
        })
    };
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, label) }
}

/// The registry of a registered model.
///
/// Errors: as `mreg_model_name`; a model that is only held is stale here. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_model_registry(
    model: mreg_model,
    registry: *mut mreg_registry,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(registry, 0, "registry") }?;
        out.put(reading_registered(model, |locked, _| Ok(locked.registry.handle()))?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}
