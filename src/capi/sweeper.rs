//! The sweeper.

use std::mem::size_of;

use crate::core::registry::resolve_locked;
use crate::core::sweeper::{self, Record, Settings};

use super::args::{self, Growable};
use super::{guard, guard_due, mreg_error, mreg_registry, mreg_status, run_due, run_swept};

/// How often the sweeper sweeps, and what. Begin with `MREG_SWEEPER_OPTIONS_INIT` or `mreg_sweeper_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_sweeper_options {
    /// `sizeof(mreg_sweeper_options)`, set by the caller.
    pub struct_size: usize,
    /// Milliseconds from one sweep to the next, by the system's clock: 300,000 (5 minutes) unless set. Not 0.
    pub interval_ms: u64,
    /// A tenant in which no model was put or found for so many milliseconds or longer is dropped: 1,800,000 (30
    /// minutes) unless set. 0 drops all.
    pub max_idle_ms: u64,
}

// SAFETY: `repr(C)`, the size first, integers for which any bytes are a value.
unsafe impl Growable for mreg_sweeper_options {
    const FIRST_SIZE: usize = size_of::<mreg_sweeper_options>();
    const DEFAULT: Self = mreg_sweeper_options {
        struct_size: size_of::<mreg_sweeper_options>(),
        interval_ms: Settings::DEFAULT.interval_ms,
        max_idle_ms: Settings::DEFAULT.max_idle_ms,
    };
}

/// What is known of a registry's sweeper. Begin with `MREG_SWEEPER_INFO_INIT` or `mreg_sweeper_info_init`.
///
/// The counts begin with the registry; a clear, a stop and a start leave them as they are.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_sweeper_info {
    /// `sizeof(mreg_sweeper_info)`, set by the caller.
    pub struct_size: usize,
    /// Milliseconds from one sweep to the next, as the last start set them; also while it is stopped.
    pub interval_ms: u64,
    /// For how long a tenant has to be idle to be dropped, as the last start set it; also while it is stopped.
    pub max_idle_ms: u64,
    /// 1 between start and stop, else 0.
    pub running: u32,
    /// 0.
    pub reserved: u32,
    /// Sweeps so far, those by `mreg_sweeper_run` included.
    pub sweeps: u64,
    /// Tenants that they dropped.
    pub dropped: u64,
    /// When the last sweep was: milliseconds since the first of January 1970, UTC; 0 for never.
    pub last_sweep_at_ms: i64,
}

// SAFETY: `repr(C)`, the size first, integers for which any bytes are a value.
unsafe impl Growable for mreg_sweeper_info {
    const FIRST_SIZE: usize = size_of::<mreg_sweeper_info>();
    const DEFAULT: Self = mreg_sweeper_info {
        struct_size: size_of::<mreg_sweeper_info>(),
        interval_ms: 0,
        max_idle_ms: 0,
        running: 0,
        reserved: 0,
        sweeps: 0,
        dropped: 0,
        last_sweep_at_ms: 0,
    };
}

impl From<(Record, bool)> for mreg_sweeper_info {
    fn from((record, running): (Record, bool)) -> Self {
        mreg_sweeper_info {
            struct_size: size_of::<mreg_sweeper_info>(),
            interval_ms: record.settings.interval_ms,
            max_idle_ms: record.settings.max_idle_ms,
            running: u32::from(running),
            reserved: 0,
            sweeps: record.sweeps,
            dropped: record.dropped,
            last_sweep_at_ms: record.last_sweep_at_ms,
        }
    }
}

/// Makes sweeper options ready for use: the same bytes as `MREG_SWEEPER_OPTIONS_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `options` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_sweeper_options_init(options: *mut mreg_sweeper_options) {
    // SAFETY: as the caller promises.
    unsafe { super::init(options) }
}

/// Makes sweeper information ready for use: the same bytes as `MREG_SWEEPER_INFO_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `info` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_sweeper_info_init(info: *mut mreg_sweeper_info) {
    // SAFETY: as the caller promises.
    unsafe { super::init(info) }
}

/// Starts the registry's sweeper: from one interval from now on it drops, once an interval, the tenants but `global`
/// that are idle, as `mreg_tenant_drop_idle` does.
///
/// `options` may be NULL for the defaults. Where the sweeper runs already, it takes the new settings and its interval
/// begins anew.
///
/// One thread of the library's serves all registries of the process. It is made by the first start, and ends when no
/// registry has a sweeper that runs. Its name is `modelreg-sweep`, it blocks every signal, and its stack has 1 MiB. It
/// never keeps a process from ending.
///
/// The destructors of what it drops run on that thread, one after the other, with no lock held. They may call any
/// function of the library, this one and `mreg_sweeper_stop` included. They must not end the thread, nor leave with an
/// exception or `longjmp`: nobody is there to catch it, and it ends the process. While one of them runs, no registry is
/// swept. A host whose destructors cannot run on such a thread calls `mreg_sweeper_run` from a timer of its own.
///
/// After `fork()` no sweeper runs in the child, until it is started there.
///
/// Errors: `MREG_ERROR_NO_THREAD` where the system gives no thread, and then nothing is changed;
/// `MREG_ERROR_INVALID_ARGUMENT` for an interval of 0, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
/// `MREG_ERROR_OUT_OF_MEMORY`; for the registry as `mreg_registry_clear`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_sweeper_start(
    registry: mreg_registry,
    options: *const mreg_sweeper_options,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let options = unsafe { args::read_struct(options, "options") }?;
        let settings = Settings { interval_ms: options.interval_ms, max_idle_ms: options.max_idle_ms };
        sweeper::start(registry, settings, run_swept)
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Stops the registry's sweeper; its settings and counts stay. One that does not run is no error.
///
/// When it returns, the sweeper's thread is not at this registry any more: it waits for the destructor that runs there,
/// so do not hold what that destructor waits for. Called on the sweeper's own thread, by a destructor, it does not
/// wait. Call it before what destructors need goes, at the end of a process for instance.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_sweeper_stop(registry: mreg_registry, error: *mut mreg_error) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard(error, || sweeper::stop(registry)) }
}

/// Sweeps once, now and on the calling thread, with the settings of the last start, or the defaults; whether the
/// sweeper runs does not matter.
///
/// `*dropped` is how many tenants went; it may be NULL. Runs destructors.
///
/// Errors: as `mreg_registry_clear`, `MREG_ERROR_UNALIGNED_POINTER`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_sweeper_run(
    registry: mreg_registry,
    dropped: *mut u64,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            let out = args::optional_out(dropped, 0, "dropped")?;
            let mut locked = resolve_locked(registry)?;
            *of = locked.registry.handle();
            let tenants = locked.sweep(gone);
            if let Some(out) = out {
                out.put(tenants);
            }
            Ok(())
        })
    };
    run_due(batch, 0);
    status
}

/// The registry's sweeper: settings, whether it runs, and what it did. `info->struct_size` is set by the caller.
///
/// Errors: as `mreg_registry_get_stats`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_sweeper_get_info(
    registry: mreg_registry,
    info: *mut mreg_sweeper_info,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out_struct(info, "info") }?;
        out.put(sweeper::info(registry)?.into());
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}
