//! Watchers.

use std::ffi::{c_char, c_void};
use std::mem::{offset_of, size_of};

use crate::core::change::{Kind, MAX_TOLD, Told};
use crate::core::due::{DueList, UserData};
use crate::core::watcher::{self, Callback, NewWatcher};
use crate::error::Result;

use super::args::{self, Growable, Out};
use super::{
    destructor, guard, guard_due, mreg_destructor, mreg_error, mreg_model, mreg_owner, mreg_registry, mreg_status,
    run_due,
};

/// Someone who is told of what happens in a registry.
pub type mreg_watcher = u64;

/// A model was registered: `model`, `owner`, `name`, `tenant`.
pub const MREG_CHANGE_REGISTERED: u32 = 1;
/// A model was registered in the place of another: as above, and `replaced`, which is no longer registered.
pub const MREG_CHANGE_REPLACED: u32 = 2;
/// A model was given other owners: as above; `replaced` where it took the place of one, else `MREG_NULL`.
pub const MREG_CHANGE_MOVED: u32 = 3;
/// A model went, by itself or with its owner or its tenant: `model`, `owner`, `name` and `tenant` as they were. Not for
/// a model that was replaced, and not for those of a clear or of a registry that was destroyed.
pub const MREG_CHANGE_REMOVED: u32 = 4;
/// A tenant went, or `global` was emptied by `mreg_tenant_drop`: `tenant`, and in `count` how many names went with it.
/// It comes after its models' `MREG_CHANGE_REMOVED`.
pub const MREG_CHANGE_TENANT_DROPPED: u32 = 5;
/// The registry was cleared: `count` models went.
pub const MREG_CHANGE_CLEARED: u32 = 6;
/// An owner was released: `owner`, `name`, `tenant`. It comes after its models and, where that went with it, its
/// tenant.
pub const MREG_CHANGE_OWNER_RELEASED: u32 = 7;
/// The registry was destroyed: `count` models went. It is the last change.
pub const MREG_CHANGE_DESTROYED: u32 = 8;
/// `count` changes could not be kept, up to the one with this `sequence`: ask the registry for what is there.
pub const MREG_CHANGE_LOST: u32 = 9;

// cbindgen copies literals only.
const _: () = assert!(
    MREG_CHANGE_REGISTERED == Kind::Registered as u32
        && MREG_CHANGE_REPLACED == Kind::Replaced as u32
        && MREG_CHANGE_MOVED == Kind::Moved as u32
        && MREG_CHANGE_REMOVED == Kind::Removed as u32
        && MREG_CHANGE_TENANT_DROPPED == Kind::TenantDropped as u32
        && MREG_CHANGE_CLEARED == Kind::Cleared as u32
        && MREG_CHANGE_OWNER_RELEASED == Kind::OwnerReleased as u32
        && MREG_CHANGE_DESTROYED == Kind::Destroyed as u32
        && MREG_CHANGE_LOST == Kind::Lost as u32
        && MAX_TOLD == 255
);

/// One thing that happened in a registry. Begin with `MREG_CHANGE_INIT` or `mreg_change_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_change {
    /// `sizeof(mreg_change)`, set by the caller; in a callback by the library.
    pub struct_size: usize,
    /// One of the `MREG_CHANGE_` numbers.
    pub kind: u32,
    /// 0.
    pub reserved: u32,
    /// Its number: while a registry has a watcher, each of its changes gets the next one.
    pub sequence: u64,
    /// When it happened: milliseconds since the first of January 1970, UTC. Of lost changes: when that is told.
    pub at_ms: i64,
    /// The registry.
    pub registry: mreg_registry,
    /// The owner that has the model, or that went; `MREG_NULL` for none.
    pub owner: mreg_owner,
    /// The model; `MREG_NULL` for none. The handle holds nothing: the model may be gone by now.
    pub model: mreg_model,
    /// The model whose place it took, stale by now; `MREG_NULL` for none.
    pub replaced: mreg_model,
    /// How many, for the kinds that say so.
    pub count: u64,
    /// The name of the model or the owner: UTF-8, NUL-terminated, cut at a character's boundary.
    pub name: [c_char; 256],
    /// The label of the partition: a tenant's code, `global`, `ds_...` or `app_...`. UTF-8, NUL-terminated.
    pub tenant: [c_char; 256],
}

// SAFETY: `repr(C)`, the size first, integers for which any bytes are a value.
unsafe impl Growable for mreg_change {
    const FIRST_SIZE: usize = offset_of!(mreg_change, tenant) + 256;
    const DEFAULT: Self = mreg_change {
        struct_size: size_of::<mreg_change>(),
        kind: 0,
        reserved: 0,
        sequence: 0,
        at_ms: 0,
        registry: 0,
        owner: 0,
        model: 0,
        replaced: 0,
        count: 0,
        name: [0; 256],
        tenant: [0; 256],
    };
}

impl From<&Told> for mreg_change {
    fn from(told: &Told) -> Self {
        mreg_change {
            struct_size: size_of::<mreg_change>(),
            kind: told.kind as u32,
            reserved: 0,
            sequence: told.sequence,
            at_ms: told.at_ms,
            registry: told.registry,
            owner: told.owner,
            model: told.model,
            replaced: told.replaced,
            count: told.count,
            name: told.name.map(|byte| byte as c_char),
            tenant: told.tenant.map(|byte| byte as c_char),
        }
    }
}

/// Called with each change of a registry.
///
/// It is called on the thread that made the change, before that call returns, when the whole change is complete and
/// visible to everyone, with no lock of the library held, and before the destructors that the call made due. A thread
/// is told of its changes in the order in which it made them; of those of several threads `sequence` says the order,
/// and they may be told at the same time, each by its own thread. `change` may be read until the callback returns. It
/// may call any function of the library, also to free its own watcher or to destroy the registry; what it changes is
/// told before its own call returns. It may throw a C++ exception, which passes through the call; leaving it with
/// `longjmp` is forbidden, and survived, as in a destructor.
pub type mreg_change_callback = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void, change: *const mreg_change)>;

/// How a watcher is told. Begin with `MREG_WATCHER_OPTIONS_INIT` or `mreg_watcher_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_watcher_options {
    /// `sizeof(mreg_watcher_options)`, set by the caller.
    pub struct_size: usize,
    /// Without a callback: how many changes are kept until they are polled; 0 for 1,024, at most 1,048,576.
    pub capacity: usize,
    /// Called with each change; NULL for a watcher that is polled.
    pub callback: mreg_change_callback,
    /// The host's pointer, which the callback and `destroy` get.
    pub user_data: *mut c_void,
    /// Called with `user_data` once, when the watcher is freed and no callback of it is running, or when the call
    /// fails; may be NULL.
    pub destroy: mreg_destructor,
}

// SAFETY: `repr(C)`, the size first; integers, pointers and optional function pointers, for which bytes that the
// caller set are a value.
unsafe impl Growable for mreg_watcher_options {
    const FIRST_SIZE: usize = size_of::<mreg_watcher_options>();
    const DEFAULT: Self = mreg_watcher_options {
        struct_size: size_of::<mreg_watcher_options>(),
        capacity: 0,
        callback: None,
        user_data: std::ptr::null_mut(),
        destroy: None,
    };
}

/// Makes a change ready for use: the same bytes as `MREG_CHANGE_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `change` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_change_init(change: *mut mreg_change) {
    // SAFETY: as the caller promises.
    unsafe { super::init(change) }
}

/// Makes watcher options ready for use: the same bytes as `MREG_WATCHER_OPTIONS_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `options` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_watcher_options_init(options: *mut mreg_watcher_options) {
    // SAFETY: as the caller promises.
    unsafe { super::init(options) }
}

/// Begins to watch a registry.
///
/// With a callback, that is called with each change, and nothing is lost but for want of memory. Without one, changes
/// are kept to be polled; where there is no room for another, the oldest goes, and in the place of those that went
/// comes one `MREG_CHANGE_LOST` with their number. A registry may have several watchers; each is told of everything. A
/// load is told as a registration for each of its models, when all of it has been done.
///
/// `options` may be NULL for a watcher that is polled. `*watcher` is the caller's to free with `mreg_watcher_free`; it
/// outlives the registry, and can be polled to the end. What it keeps is not in the registry's `bytes_in_use`.
///
/// Where the call fails, `options->destroy` is called with `options->user_data` before it returns, unless `options`
/// could not be read (`MREG_ERROR_UNALIGNED_POINTER` or `MREG_ERROR_STRUCT_SIZE`).
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
/// `MREG_ERROR_INVALID_ARGUMENT` for a capacity past the limit, `MREG_ERROR_NULL_HANDLE`,
/// `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`,
/// `MREG_ERROR_POISONED`, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_watcher_create(
    registry: mreg_registry,
    options: *const mreg_watcher_options,
    watcher: *mut mreg_watcher,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, _| {
            let out = args::out(watcher, 0, "watcher");
            let options = args::read_struct(options, "options")?;
            create(registry, &options, out, gone)
        })
    };
    run_due(batch, 0);
    status
}

fn create(
    registry: mreg_registry,
    options: &mreg_watcher_options,
    out: Result<Out<mreg_watcher>>,
    gone: &mut DueList,
) -> Result<()> {
    let user_data = UserData(options.user_data);
    let mut destroy = options.destroy.map(|destroy| destructor(destroy, user_data, gone)).transpose()?;
    let made = out.and_then(|out| {
        let callback = options.callback.map(|callback| {
            // SAFETY: both take two pointers, and `tell_change` calls it with the address of an `mreg_change`.
            unsafe {
                std::mem::transmute::<unsafe extern "C-unwind" fn(*mut c_void, *const mreg_change), Callback>(callback)
            }
        });
        let new = NewWatcher { capacity: options.capacity, callback, user_data };
        out.put(watcher::create(registry, new, &mut destroy)?);
        Ok(())
    });
    gone.extend(destroy);
    made
}

/// Takes the oldest change that a watcher keeps. `*found` is false, and `change` empty, where there is none.
///
/// `change->struct_size` is set by the caller. Several threads may poll one watcher: each change goes to one of them.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_INVALID_ARGUMENT` for a watcher with a callback,
/// `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`; nothing is taken out. Any
/// thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_watcher_poll(
    watcher: mreg_watcher,
    change: *mut mreg_change,
    found: *mut bool,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out_struct(change, "change") };
        // SAFETY: as the caller promises.
        let out_found = unsafe { args::out(found, false, "found") };
        let (out, out_found) = (out?, out_found?);
        if let Some(told) = watcher::poll(watcher)? {
            out.put(mreg_change::from(&told));
            out_found.put(true);
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Frees a watcher: no callback of it begins any more, also not for changes that were made before; one that another
/// thread is inside of goes on. `MREG_NULL` does nothing and succeeds.
///
/// `options->destroy` is called before it returns, or where a callback of it is running, before the call returns that
/// runs the last one. Runs destructors.
///
/// Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
/// `MREG_ERROR_STALE_HANDLE` where it was freed before. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_watcher_free(watcher: mreg_watcher, error: *mut mreg_error) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) =
        unsafe { guard_due(error, |gone, _| if watcher == 0 { Ok(()) } else { watcher::free(watcher, gone) }) };
    run_due(batch, 0);
    status
}
