//! Tenants.

use crate::core::current;
use std::ffi::c_char;
use std::mem::size_of;

use crate::core::registry::resolve_locked;
use crate::core::tenant::TenantInfo;

use super::args::{self, Growable};
use super::{
    guard, guard_due, guard_text, mreg_error, mreg_model, mreg_owner, mreg_registry, mreg_status, run_due, search,
};

/// What is known of a tenant, that is, of a partition. Begin with `MREG_TENANT_INFO_INIT` or `mreg_tenant_info_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_tenant_info {
    /// `sizeof(mreg_tenant_info)`, set by the caller.
    pub struct_size: usize,
    /// 1 for a tenant that is there, else 0 and so is all else.
    pub exists: u32,
    /// 1 for a partition of data sources, else 0.
    pub is_data_source: u32,
    /// Its number: tenants have larger ones in the order they came to be. `global` has 0.
    pub number: u64,
    /// Models in it.
    pub models: u64,
    /// Distinct names among them.
    pub names: u64,
    /// Distinct structures among them; all models without properties count as one.
    pub structures: u64,
    /// Owners that count in it.
    pub owners: u64,
    /// When it came to be: milliseconds since the first of January 1970, UTC.
    pub created_at_ms: i64,
    /// When a model was last put or found in it: milliseconds since the first of January 1970, UTC.
    pub last_used_at_ms: i64,
    /// How long that is ago, in milliseconds, by a clock that does not jump.
    pub idle_ms: u64,
    /// Its code or label: UTF-8, NUL-terminated.
    pub code: [c_char; 256],
}

// SAFETY: `repr(C)`, the size first, integers for which any bytes are a value.
unsafe impl Growable for mreg_tenant_info {
    const FIRST_SIZE: usize = size_of::<mreg_tenant_info>();
    const DEFAULT: Self = mreg_tenant_info {
        struct_size: size_of::<mreg_tenant_info>(),
        exists: 0,
        is_data_source: 0,
        number: 0,
        models: 0,
        names: 0,
        structures: 0,
        owners: 0,
        created_at_ms: 0,
        last_used_at_ms: 0,
        idle_ms: 0,
        code: [0; 256],
    };
}

impl From<TenantInfo> for mreg_tenant_info {
    fn from(info: TenantInfo) -> Self {
        let mut code = [0; 256];
        super::error::fill(&mut code, &info.code);
        mreg_tenant_info {
            struct_size: size_of::<mreg_tenant_info>(),
            exists: 1,
            is_data_source: u32::from(info.data_source),
            number: info.number,
            models: info.models,
            names: info.names,
            structures: info.structures,
            owners: info.owners,
            created_at_ms: info.created_at_ms,
            last_used_at_ms: info.last_used_at_ms,
            idle_ms: info.idle_ms,
            code,
        }
    }
}

/// Makes tenant information ready for use: the same bytes as `MREG_TENANT_INFO_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `info` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_tenant_info_init(info: *mut mreg_tenant_info) {
    // SAFETY: as the caller promises.
    unsafe { super::init(info) }
}

/// What is known of the tenant with this code, or of the partition with this label (`global`, `ds_mysql_1a2b3c4d`,
/// `app_1`).
///
/// `info->exists` is 0 where there is none; that is no error. An empty or a reserved code means `global`.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`, `MREG_ERROR_NULL_POINTER`,
/// `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`,
/// `MREG_ERROR_INVALID_NAME`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `code` to `code_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_tenant_get_info(
    registry: mreg_registry,
    code: *const c_char,
    code_length: usize,
    info: *mut mreg_tenant_info,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out_struct(info, "info") }?;
        // SAFETY: as the caller promises.
        let code = unsafe { args::text(code, code_length, "code") }?;
        let locked = resolve_locked(registry)?;
        let code = locked.tenant_code(code)?;
        if let Some(index) = locked.partitions.find(code)
            && let Some(info) = locked.tenant_info(index)?
        {
            out.put(info.into());
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// What is known of the first tenant whose number is larger than `number`: begin with 0, which leaves `global` out, and
/// go on with `info->number`, until `info->exists` is 0.
///
/// Tenants that come to be or go in between are in the enumeration or not; no other is left out or comes twice.
///
/// Errors: as `mreg_registry_get_stats`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_tenant_next(
    registry: mreg_registry,
    number: u64,
    info: *mut mreg_tenant_info,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out_struct(info, "info") }?;
        let locked = resolve_locked(registry)?;
        let next = number.checked_add(1).and_then(|from| locked.partitions.since(from).next());
        if let Some(index) = next
            && let Some(info) = locked.tenant_info(index)?
        {
            out.put(info.into());
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The newest model of a name in one tenant alone. `*model` is `MREG_NULL` where there is none; that is no error.
///
/// An empty or a reserved code means `global`. The handle holds nothing: the model may be gone when it is used.
///
/// Errors: as `mreg_tenant_get_info`, but for the struct's. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `code` to `code_length` bytes, `name` to `name_length`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_tenant_find_model(
    registry: mreg_registry,
    code: *const c_char,
    code_length: usize,
    name: *const c_char,
    name_length: usize,
    model: *mut mreg_model,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(model, 0, "model") }?;
        // SAFETY: as the caller promises.
        let code = unsafe { args::bytes(code, code_length, "code") }?;
        // SAFETY: as the caller promises.
        let name = unsafe { args::bytes(name, name_length, "name") }?;
        out.put(search::find_model(registry, Some(code), name)?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Copies the handles of a tenant's models in the order of registration.
///
/// As many as `capacity` has room for; `*count` is how many there are. `(NULL, 0)` asks for the number. An empty or a
/// reserved code means `global`. The list is made for each call, which counts as use of the tenant. The handles hold nothing:
/// a model may be gone when its handle is used.
///
/// Errors: as `mreg_tenant_find_model`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `code` to `code_length` bytes, `models` to room for
/// `capacity` handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_tenant_models(
    registry: mreg_registry,
    code: *const c_char,
    code_length: usize,
    models: *mut mreg_model,
    capacity: usize,
    count: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(count, 0, "count") }?;
        // SAFETY: as the caller promises.
        let room = unsafe { args::buffer(models, capacity, "models") }?;
        // SAFETY: as the caller promises.
        let code = unsafe { args::text(code, code_length, "code") }?;
        let mut locked = resolve_locked(registry)?;
        let partition = locked.partitions.find(locked.tenant_code(code)?);
        if let Some(partition) = partition {
            locked.partitions.touch(partition);
        }
        let all = locked.models_in(partition.into_iter())?;
        for (to, from) in room.iter_mut().zip(&all) {
            to.write(*from);
        }
        out.put(all.len());
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Counts as use of a tenant: it is not idle. An unknown code does nothing, and is no error.
///
/// `code` may be any partition's label; an empty or a reserved code means `global`. For hosts that live on freshness
/// words or on lists from the cache, which count as no use.
///
/// Errors: as `mreg_tenant_get_info`, but for the struct's. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `code` to `code_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_tenant_touch(
    registry: mreg_registry,
    code: *const c_char,
    code_length: usize,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let code = unsafe { args::text(code, code_length, "code") }?;
        resolve_locked(registry)?.touch_tenant(code)
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Sets the calling thread's current tenant, for every registry; an empty code: none, as a thread begins.
///
/// Calls that register models and name no tenant use it: `mreg_model_register`, `mreg_model_move` and
/// `mreg_application_load`. A code that the registry reserves means `global` there, as where it is named. The code
/// `global`, named in the call, puts a model into `global` whatever the current tenant is. So does
/// `mreg_registry_find_structure`, which searches in it; no other call that asks looks at it.
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_INVALID_NAME`; the
/// current tenant stays what it was. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `code` to `code_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_tenant_set_current(
    code: *const c_char,
    code_length: usize,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        current::set(unsafe { args::text(code, code_length, "code") }?)
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The calling thread's current tenant; empty for none. Text as by `mreg_owner_name`.
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`.
/// Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `buffer` to room for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_tenant_current(
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, || Ok(current::get())) }
}

/// Drops a tenant with all that is in it; with an owner given, takes only that owner out of it, with its models in it, and
/// drops the tenant when that owner was the last that counted in it.
///
/// `code` may be any partition's label. `*dropped` is how many distinct names went with the tenant: 0 while other owners
/// remain, for an owner that does not count in it, and for an unknown code and, unlike in the calls
/// above, an empty or a reserved one. `global` is emptied, and
/// its names counted. `dropped` may be NULL. The owner stays registered. Runs destructors.
///
/// Errors: as `mreg_tenant_find_model`; for `owner` also those of a wrong, foreign, forged or stale handle. Any thread.
/// Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `code` to `code_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_tenant_drop(
    registry: mreg_registry,
    code: *const c_char,
    code_length: usize,
    owner: mreg_owner,
    dropped: *mut u64,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            let out = args::optional_out(dropped, 0, "dropped")?;
            let code = args::text(code, code_length, "code")?;
            let mut locked = resolve_locked(registry)?;
            *of = locked.registry.handle();
            let names = locked.drop_tenant(code, owner, gone)?;
            if let Some(out) = out {
                out.put(names);
            }
            Ok(())
        })
    };
    run_due(batch, 0);
    status
}

/// Drops every tenant but `global` in which no model was put or found for `max_idle_ms` milliseconds or longer; 0 drops
/// them all.
///
/// `*dropped` is how many tenants went; it may be NULL. Owners stay registered. Runs destructors.
///
/// Errors: as `mreg_registry_clear`, `MREG_ERROR_UNALIGNED_POINTER`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_tenant_drop_idle(
    registry: mreg_registry,
    max_idle_ms: u64,
    dropped: *mut u64,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            let out = args::optional_out(dropped, 0, "dropped")?;
            let mut locked = resolve_locked(registry)?;
            *of = locked.registry.handle();
            let tenants = locked.drop_idle(max_idle_ms, gone);
            if let Some(out) = out {
                out.put(tenants);
            }
            Ok(())
        })
    };
    run_due(batch, 0);
    status
}
