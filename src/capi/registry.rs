//! Registries.

use crate::core::handle::MAX_SLOTS;
use crate::core::partition::MAX_LABEL;
use crate::core::quick;
use crate::core::registry::{self, Options, resolve_locked};
use crate::core::release;
use crate::core::short;
use crate::core::tenant::{Memory, Stats};
use crate::error::{Error, Result, Status};
use std::ffi::c_char;
use std::mem::size_of;

use super::args::{self, Growable};
use super::{
    Uncancellable, guard, guard_due, mreg_error, mreg_model, mreg_queue, mreg_snapshot, mreg_status, mreg_text,
    run_due, search,
};

/// A registry: one container of owners, models and tenants.
pub type mreg_registry = u64;

/// The settings of a new registry. Begin with `MREG_REGISTRY_OPTIONS_INIT` or `mreg_registry_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_registry_options {
    /// `sizeof(mreg_registry_options)`, set by the caller.
    pub struct_size: usize,
    /// The most models that may be registered at once; 0 for as many as there can be (33,554,432).
    pub max_models: u32,
    /// The most owners that may be registered at once; 0 for as many as there can be (33,554,432).
    pub max_owners: u32,
    /// Tenant codes that stand for `global`; may be NULL where there is none. Read during the call only.
    pub reserved_tenants: *const mreg_text,
    /// How many reserved codes there are; at most 1,024.
    pub reserved_tenant_count: usize,
    /// Where `user_data` goes that is due and has no destructor, or `MREG_NULL`: it is then the host's affair when it may be
    /// let go. The queue stays the caller's; several registries may have the same.
    pub release_queue: mreg_queue,
}

// SAFETY: `repr(C)`, the size first, integers and pointers for which any bytes are a value.
unsafe impl Growable for mreg_registry_options {
    const FIRST_SIZE: usize = size_of::<mreg_registry_options>();
    const DEFAULT: Self = mreg_registry_options {
        struct_size: size_of::<mreg_registry_options>(),
        max_models: 0,
        max_owners: 0,
        reserved_tenants: std::ptr::null(),
        reserved_tenant_count: 0,
        release_queue: 0,
    };
}

/// What a registry counts. Begin with `MREG_REGISTRY_STATS_INIT` or `mreg_registry_stats_init`.
///
/// The registry's counts begin anew at each clear; those of the cache go on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_registry_stats {
    /// `sizeof(mreg_registry_stats)`, set by the caller.
    pub struct_size: usize,
    /// Registrations, also those that replaced or moved a model.
    pub registered_total: u64,
    /// Models that were found by their structure.
    pub reused_total: u64,
    /// Distinct structures in each partition, summed over all partitions. All models without properties count as one.
    pub unique_structures: u64,
    /// Partitions, without `global`.
    pub tenants: u64,
    /// Models registered now.
    pub models: u64,
    /// Owners registered now.
    pub owners: u64,
    /// The generation: 1, and one more for each clear.
    pub generation: u64,
    /// Bytes of what is registered or held now; 0 when everything was let go and reclaimed. By kind: `mreg_registry_get_memory`.
    pub bytes_in_use: u64,
    /// Bytes of slots that were used once: they are reused, and never returned.
    pub bytes_reserved: u64,
    /// Lists that were answered from the cache.
    pub cache_hits: u64,
    /// Lists that had to be built.
    pub cache_misses: u64,
    /// Built lists that a change made out of date.
    pub cache_invalidations: u64,
    /// Hits by hits and misses together, from 0 to 1; 0 before the first question.
    pub cache_hit_rate: f64,
}

// SAFETY: `repr(C)`, the size first, integers for which any bytes are a value.
unsafe impl Growable for mreg_registry_stats {
    const FIRST_SIZE: usize = size_of::<mreg_registry_stats>();
    const DEFAULT: Self = mreg_registry_stats {
        struct_size: size_of::<mreg_registry_stats>(),
        registered_total: 0,
        reused_total: 0,
        unique_structures: 0,
        tenants: 0,
        models: 0,
        owners: 0,
        generation: 0,
        bytes_in_use: 0,
        bytes_reserved: 0,
        cache_hits: 0,
        cache_misses: 0,
        cache_invalidations: 0,
        cache_hit_rate: 0.0,
    };
}

impl From<Stats> for mreg_registry_stats {
    fn from(stats: Stats) -> Self {
        mreg_registry_stats {
            struct_size: size_of::<mreg_registry_stats>(),
            registered_total: stats.registered_total,
            reused_total: stats.reused_total,
            unique_structures: stats.unique_structures,
            tenants: stats.tenants,
            models: stats.models,
            owners: stats.owners,
            generation: stats.generation,
            bytes_in_use: stats.bytes_in_use,
            bytes_reserved: stats.bytes_reserved,
            cache_hits: stats.cache_hits,
            cache_misses: stats.cache_misses,
            cache_invalidations: stats.cache_invalidations,
            cache_hit_rate: stats.cache_hits as f64 / (stats.cache_hits + stats.cache_misses).max(1) as f64,
        }
    }
}

/// What a registry's memory is used for, in bytes. Begin with `MREG_MEMORY_INIT` or `mreg_memory_init`.
///
/// It is counted from the sizes of what is registered or held, not asked of the allocator, which rounds sizes up and keeps
/// room in its tables. A schema or a name that several models share counts once in each registry.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_memory {
    /// `sizeof(mreg_memory)`, set by the caller.
    pub struct_size: usize,
    /// All of the following but `reserved`.
    pub in_use: u64,
    /// Slots that were used once, with names of kinds: they are reused, and never returned.
    pub reserved: u64,
    /// Records of models that are registered or held.
    pub models: u64,
    /// The indices by name and by structure.
    pub indices: u64,
    /// Records of owners.
    pub owners: u64,
    /// Lists of owners' models.
    pub lists: u64,
    /// Names of models.
    pub names: u64,
    /// Schemas that models use.
    pub schemas: u64,
    /// Held snapshots.
    pub snapshots: u64,
    /// Partitions, and configurations of data sources.
    pub tenants: u64,
    /// Names of owners, labels, and settings of models.
    pub texts: u64,
}

// SAFETY: `repr(C)`, the size first, integers for which any bytes are a value.
unsafe impl Growable for mreg_memory {
    const FIRST_SIZE: usize = size_of::<mreg_memory>();
    const DEFAULT: Self = mreg_memory {
        struct_size: size_of::<mreg_memory>(),
        in_use: 0,
        reserved: 0,
        models: 0,
        indices: 0,
        owners: 0,
        lists: 0,
        names: 0,
        schemas: 0,
        snapshots: 0,
        tenants: 0,
        texts: 0,
    };
}

impl From<Memory> for mreg_memory {
    fn from(memory: Memory) -> Self {
        mreg_memory {
            struct_size: size_of::<mreg_memory>(),
            in_use: memory.in_use(),
            reserved: memory.reserved,
            models: memory.models,
            indices: memory.indices,
            owners: memory.owners,
            lists: memory.lists,
            names: memory.names,
            schemas: memory.schemas,
            snapshots: memory.snapshots,
            tenants: memory.tenants,
            texts: memory.texts,
        }
    }
}

/// Makes memory information ready for use: the same bytes as `MREG_MEMORY_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `memory` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_memory_init(memory: *mut mreg_memory) {
    // SAFETY: as the caller promises.
    unsafe { super::init(memory) }
}

/// Makes registry options ready for use: the same bytes as `MREG_REGISTRY_OPTIONS_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `options` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_options_init(options: *mut mreg_registry_options) {
    // SAFETY: as the caller promises.
    unsafe { super::init(options) }
}

/// Makes registry statistics ready for use: the same bytes as `MREG_REGISTRY_STATS_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `stats` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_stats_init(stats: *mut mreg_registry_stats) {
    // SAFETY: as the caller promises.
    unsafe { super::init(stats) }
}

/// Makes a registry.
///
/// `options` may be NULL for the defaults. `*registry` is the caller's to destroy with `mreg_registry_destroy`.
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
/// `MREG_ERROR_INVALID_ARGUMENT` for more than 1,024 reserved codes, `MREG_ERROR_INVALID_UTF8`,
/// `MREG_ERROR_TOO_LONG` and `MREG_ERROR_INVALID_NAME` for a reserved code, `MREG_ERROR_FULL` while 8,191 registries are
/// alive, `MREG_ERROR_OUT_OF_MEMORY`; for the release queue `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_create(
    options: *const mreg_registry_options,
    registry: *mut mreg_registry,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(registry, 0, "registry") }?;
        let _cancelled_later = Uncancellable::begin();
        // SAFETY: as the caller promises.
        let options = unsafe { read_options(options) }?;
        out.put(registry::create(options)?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// # Safety
/// As [`mreg_registry_create`].
unsafe fn read_options(options: *const mreg_registry_options) -> Result<Options> {
    // SAFETY: as the caller promises.
    let options = unsafe { args::read_struct(options, "options") }?;
    let most = |value: u32| if value == 0 { MAX_SLOTS } else { value.min(MAX_SLOTS) };
    let count = options.reserved_tenant_count;
    if count > 1024 {
        return Err(Error::new(
            Status::ERROR_INVALID_ARGUMENT,
            "reserved_tenant_count",
            format!("reserved_tenant_count: {count} reserved codes are too many (the limit is 1024)"),
        ));
    }
    // SAFETY: as the caller promises.
    let codes = unsafe { args::array(options.reserved_tenants, count, "reserved_tenants") }?;
    let mut reserved_tenants = Vec::new();
    reserved_tenants.try_reserve_exact(count).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
    for code in codes {
        // SAFETY: as the caller promises.
        let code = unsafe { args::text_in(*code, "reserved_tenants") }?;
        crate::core::owner::check_text("reserved tenant code", code, MAX_LABEL)?;
        reserved_tenants.push(args::owned(code)?);
    }
    Ok(Options {
        max_models: most(options.max_models),
        max_owners: most(options.max_owners),
        reserved_tenants,
        release_queue: release::optional(options.release_queue)?,
    })
}

/// The process-wide registry, made on first use.
///
/// It lives as long as the process: it can be cleared and not destroyed.
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`. Any
/// thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_default(registry: *mut mreg_registry, error: *mut mreg_error) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(registry, 0, "registry") }?;
        let _cancelled_later = Uncancellable::begin();
        out.put(registry::default_registry()?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Destroys a registry: all of its handles are stale from then on.
///
/// Other threads may be inside calls on it: each finishes, or finds it gone; nothing waits. Held snapshots and held models
/// outlive it. Its sweeper is stopped; a destructor that runs on the sweeper's thread at the moment is not waited for.
/// `MREG_NULL` does nothing and succeeds. Runs destructors.
///
/// Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
/// `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_INVALID_ARGUMENT` for the default registry. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_registry_destroy(registry: mreg_registry, error: *mut mreg_error) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            if registry != 0 {
                *gone = registry::destroy(registry)?;
                *of = registry;
            }
            Ok(())
        })
    };
    run_due(batch, registry);
    status
}

/// Forgets every model and every tenant at once: from the moment it begins, no reader sees any of them.
///
/// Owners stay registered; the next question about one answers an empty list. Model handles from before are stale, and
/// the registry's counts are zero. Runs destructors.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_registry_clear(registry: mreg_registry, error: *mut mreg_error) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            let mut locked = resolve_locked(registry)?;
            *of = locked.registry.handle();
            locked.clear(gone);
            Ok(())
        })
    };
    run_due(batch, 0);
    status
}

/// Takes back at once the memory of what was let go, which later changes otherwise take back in steps. Runs destructors
/// that were still due.
///
/// Errors: as `mreg_registry_clear`. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_registry_reclaim(registry: mreg_registry, error: *mut mreg_error) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            let mut locked = resolve_locked(registry)?;
            *of = locked.registry.handle();
            locked.reclaim_all(gone);
            Ok(())
        })
    };
    run_due(batch, 0);
    status
}

/// The registry's generation: 1 for a new one, and one more for each clear.
///
/// Errors: as `mreg_registry_clear`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_generation(
    registry: mreg_registry,
    generation: *mut u64,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(generation, 0, "generation") }?;
        out.put(resolve_locked(registry)?.generation);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// What the registry counts. `stats->struct_size` is set by the caller.
///
/// Errors: as `mreg_registry_clear`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`,
/// `MREG_ERROR_STRUCT_SIZE`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_get_stats(
    registry: mreg_registry,
    stats: *mut mreg_registry_stats,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out_struct(stats, "stats") }?;
        out.put(resolve_locked(registry)?.stats().into());
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// What the registry's memory is used for. `memory->struct_size` is set by the caller.
///
/// Errors: as `mreg_registry_get_stats`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_get_memory(
    registry: mreg_registry,
    memory: *mut mreg_memory,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out_struct(memory, "memory") }?;
        out.put(resolve_locked(registry)?.memory().into());
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Given to `mreg_registry_set_clock` for the system's clock.
pub const MREG_CLOCK_SYSTEM: u64 = u64::MAX;

/// For tests: lets the clock that this registry measures idle time by stand at a number of milliseconds, until it is
/// set anew. `MREG_CLOCK_SYSTEM` goes back to the system's monotonic clock, which every registry begins with.
///
/// What was used later than the clock says now counts as used now, so a clock that is put back keeps no tenant for
/// longer. Times since 1970 are by the system's clock ever, and so is the interval of the sweeper.
///
/// Errors: as `mreg_registry_clear`. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_set_clock(
    registry: mreg_registry,
    milliseconds: u64,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        let clock = (milliseconds != MREG_CLOCK_SYSTEM).then_some(milliseconds);
        resolve_locked(registry)?.partitions.set_clock(clock);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Copies the handles of all models but those in `global` (for which there is `mreg_tenant_models`), by partition in the order the partitions came to be, in each in the
/// order of registration.
///
/// As many as `capacity` has room for; `*count` is how many there are. `(NULL, 0)` asks for the number. The handles hold
/// nothing: a model may be gone when its handle is used.
///
/// Errors: as `mreg_registry_clear`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG`,
/// `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `models` to room for `capacity` handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_models(
    registry: mreg_registry,
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
        let locked = resolve_locked(registry)?;
        let all = locked.models_in(locked.partitions.since(1))?;
        for (to, from) in room.iter_mut().zip(&all) {
            to.write(*from);
        }
        out.put(all.len());
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Holds all models outside `global` as a snapshot, in the order of `mreg_registry_models`.
///
/// `*snapshot` is the caller's to free with `mreg_snapshot_free`; until then each of the models is held. Its stamp is 0.
///
/// Errors: as `mreg_registry_generation`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_FULL`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_hold_models(
    registry: mreg_registry,
    snapshot: *mut mreg_snapshot,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(snapshot, 0, "snapshot") }?;
        let mut locked = resolve_locked(registry)?;
        let all = locked.models_in(locked.partitions.since(1))?;
        out.put(locked.hold_models(all)?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The newest model of a name: in `global`, else in the first partition that has one, in the order the partitions came to
/// be. `*model` is `MREG_NULL` where there is none; that is no error.
///
/// The handle holds nothing: the model may be gone when it is used.
///
/// Errors: as `mreg_registry_clear`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`,
/// `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `name` to `name_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_find_model(
    registry: mreg_registry,
    name: *const c_char,
    name_length: usize,
    model: *mut mreg_model,
    error: *mut mreg_error,
) -> mreg_status {
    if !model.is_null() && model.is_aligned() && !name.is_null() && name_length <= short::MOST {
        // SAFETY: not null, bytes are always aligned, and promised by the caller.
        let bytes = unsafe { std::slice::from_raw_parts(name.cast(), name_length) };
        if let Some(found) = quick::find_short(registry, bytes) {
            // SAFETY: neither null nor unaligned, and promised by the caller.
            unsafe { model.write(found) };
            return Status::OK as mreg_status;
        }
    }
    // SAFETY: as the caller promises.
    unsafe { find_apart(registry, name, name_length, model, error) }
}

/// The rest of [`mreg_registry_find_model`], which has the same arguments in the same places: it is gone on to and not called, so that the
/// first part keeps nothing.
///
/// # Safety
/// As [`mreg_registry_find_model`].
#[inline(never)]
unsafe extern "C" fn find_apart(
    registry: mreg_registry,
    name: *const c_char,
    name_length: usize,
    model: *mut mreg_model,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(model, 0, "model") }?;
        // SAFETY: as the caller promises.
        let name = unsafe { args::bytes(name, name_length, "name") }?;
        out.put(search::find_model(registry, None, name)?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// What is still alive in a registry, for the last line of a test: one line for each owner, each model that is
/// registered or held, and each handle of a held snapshot. Each ends with the handle and a line feed. Text as by
/// `mreg_owner_name`: empty where nothing is.
///
/// A line says what it is, its name, its tenant and its owner, for models how they are held, since when (registered, last
/// moved, or first held; ISO 8601, UTC), and the handle in hexadecimal. The text is for people: its words may change. `*count`
/// is the number of lines; `count` may be NULL. What was held of a registry that was destroyed can only be seen in its
/// leak report before that: call `mreg_registry_clear` and release the owners first, and what is left is held.
///
/// Errors: as `mreg_registry_clear`, `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG`
/// for an absurd `capacity`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `buffer` to room for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_registry_leak_report(
    registry: mreg_registry,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    count: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::optional_out(count, 0, "count") };
        let report = || {
            let out = out?;
            let (text, lines) = resolve_locked(registry)?.leak_report()?;
            if let Some(out) = out {
                out.put(lines);
            }
            Ok(text)
        };
        // SAFETY: as the caller promises.
        unsafe { args::put_text(buffer, capacity, length, report) }
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}
