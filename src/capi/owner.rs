//! Owners, and the questions about what they have.

use std::ffi::{c_char, c_void};
use std::mem::size_of;

use crate::core::due::{Due, UserData};
use crate::core::list::{ANY_KIND, Stamp, Which};
use crate::core::owner::{self, APP, DATA_SOURCE, FIRST_HOST_KIND, NewOwner, check_text};
use crate::core::partition::{Connector, DataSourceConfig, MAX_CONNECTOR, MAX_FIELD, MAX_URL};
use crate::core::query;
use crate::core::quick;
use crate::core::registry::{Locked, resolve_locked, resolve_locked_for};
use crate::core::release::Kind;
use crate::core::short;
use crate::error::{Error, Result, Status};

use super::args::{self, Growable, Out};
use super::{
    due_for, guard, guard_due, guard_text, mreg_destructor, mreg_error, mreg_model, mreg_registry, mreg_snapshot,
    mreg_status, mreg_text, run_due,
};

/// An owner of models: a data source, an app, or of a kind that the host registered.
pub type mreg_owner = u64;

/// A freshness word. The library changes it while the host reads it, so read it atomically with acquire order:
/// `__atomic_load_n(word, __ATOMIC_ACQUIRE)`, or as an aligned `volatile` on x86-64 and arm64.
pub type mreg_freshness_word = u64;

/// Asks for an owner of any kind.
pub const MREG_KIND_ANY: u32 = 0;
/// A data source.
pub const MREG_KIND_DATA_SOURCE: u32 = 1;
/// An app.
pub const MREG_KIND_APP: u32 = 2;
/// The first kind that `mreg_owner_kind_register` gives.
pub const MREG_KIND_HOST_FIRST: u32 = 1000;

// cbindgen copies literals only.
const _: () = assert!(
    MREG_KIND_ANY == ANY_KIND
        && MREG_KIND_DATA_SOURCE == DATA_SOURCE
        && MREG_KIND_APP == APP
        && MREG_KIND_HOST_FIRST == FIRST_HOST_KIND
);

/// The data source has a connector without a name: its partition is `ds_unknown_...`, and not `ds_none_...`.
pub const MREG_OWNER_UNNAMED_CONNECTOR: u32 = 1;

/// Which answer a list is: never grows, so it has no `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct mreg_stamp {
    /// The number of the snapshot that the list was copied from: no other snapshot of that owner ever has it. 0 for the
    /// empty answer to a question that asks for another kind than the owner's.
    pub stamp: u64,
    /// The owner's freshness word for which the list is the answer.
    pub owner_word: u64,
    /// The registry's freshness word for which the list is the answer.
    pub registry_word: u64,
}

impl From<Stamp> for mreg_stamp {
    fn from(stamp: Stamp) -> Self {
        mreg_stamp { stamp: stamp.stamp, owner_word: stamp.owner, registry_word: stamp.registry }
    }
}

pub(crate) const NO_STAMP: mreg_stamp = mreg_stamp { stamp: 0, owner_word: 0, registry_word: 0 };

/// What a new owner is to be. Begin with `MREG_OWNER_OPTIONS_INIT` or `mreg_owner_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mreg_owner_options {
    /// `sizeof(mreg_owner_options)`, set by the caller.
    pub struct_size: usize,
    /// `MREG_KIND_DATA_SOURCE`, `MREG_KIND_APP`, or a number of `mreg_owner_kind_register`.
    pub kind: u32,
    /// 0 or `MREG_OWNER_UNNAMED_CONNECTOR`.
    pub flags: u32,
    /// A name for people; may be empty, and need not be unique. At most 4,096 bytes.
    pub name: mreg_text,
    /// Data source: the connector's name; empty for no connector. At most 215 bytes.
    pub connector: mreg_text,
    /// Data source: the host; empty for `localhost`. At most 1,024 bytes, as the next two.
    pub host: mreg_text,
    /// Data source: the port, as text; may be empty.
    pub port: mreg_text,
    /// Data source: the database; where it is empty, the last path segment of `url`, else `default`.
    pub database: mreg_text,
    /// Data source: the URL; only used for the database. At most 8,192 bytes.
    pub url: mreg_text,
    /// The host's pointer, which the library keeps and gives back.
    pub user_data: *mut c_void,
    /// Called with `user_data` when the owner is released, its registry is destroyed, or the call fails; may be NULL. Without
    /// it, `user_data` goes into the registry's release queue instead, if the registry has one.
    pub destroy: mreg_destructor,
}

// SAFETY: `repr(C)`, the size first; integers, pointers and an optional function pointer, for which bytes that the
// caller set are a value.
unsafe impl Growable for mreg_owner_options {
    const FIRST_SIZE: usize = size_of::<mreg_owner_options>();
    const DEFAULT: Self = mreg_owner_options {
        struct_size: size_of::<mreg_owner_options>(),
        kind: 0,
        flags: 0,
        name: mreg_text::EMPTY,
        connector: mreg_text::EMPTY,
        host: mreg_text::EMPTY,
        port: mreg_text::EMPTY,
        database: mreg_text::EMPTY,
        url: mreg_text::EMPTY,
        user_data: std::ptr::null_mut(),
        destroy: None,
    };
}

/// Makes owner options ready for use: the same bytes as `MREG_OWNER_OPTIONS_INIT`.
///
/// NULL does nothing. Any thread. Since 0.1.0.
///
/// # Safety
/// `options` is NULL or points to memory for the struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_options_init(options: *mut mreg_owner_options) {
    // SAFETY: as the caller promises.
    unsafe { super::init(options) }
}

/// Registers a kind of owner of the host's own, which acts as an app does; its owners' partitions are `<name>_<id>`.
///
/// `*kind` is 1000 or more. The same name gives the same number again. At most 1,000 kinds in a registry.
///
/// Errors: `MREG_ERROR_INVALID_NAME` for an empty name, a control character, and the library's own `ds`, `app` and
/// `global`; `MREG_ERROR_TOO_LONG` past 231 bytes; `MREG_ERROR_INVALID_UTF8`; `MREG_ERROR_FULL`;
/// `MREG_ERROR_NULL_POINTER`; `MREG_ERROR_UNALIGNED_POINTER`; `MREG_ERROR_NULL_HANDLE`;
/// `MREG_ERROR_WRONG_HANDLE_TYPE`; `MREG_ERROR_FOREIGN_HANDLE`; `MREG_ERROR_FORGED_HANDLE`;
/// `MREG_ERROR_STALE_HANDLE`; `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `name` to `name_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_kind_register(
    registry: mreg_registry,
    name: *const c_char,
    name_length: usize,
    kind: *mut u32,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(kind, 0, "kind") }?;
        // SAFETY: as the caller promises.
        let name = unsafe { args::text(name, name_length, "name") }?;
        out.put(resolve_locked(registry)?.register_kind(name)?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Registers an owner. Its handle is valid until `mreg_owner_release`, or until the registry is destroyed.
///
/// Where the call fails, `options->destroy` is called with `options->user_data` before it returns, unless `options` could
/// not be read (`MREG_ERROR_UNALIGNED_POINTER` or `MREG_ERROR_STRUCT_SIZE`). Without a destructor, `user_data` is put into the
/// registry's release queue at the same moment, if there is one.
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_STRUCT_SIZE`,
/// `MREG_ERROR_INVALID_ARGUMENT` for an unknown kind or flag, `MREG_ERROR_INVALID_UTF8`, `MREG_ERROR_INVALID_NAME` for a
/// control character, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_NULL_HANDLE`,
/// `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`,
/// `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_owner_create(
    registry: mreg_registry,
    options: *const mreg_owner_options,
    owner: *mut mreg_owner,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            let out = args::out(owner, 0, "owner");
            let options = if options.is_null() {
                return Err(Error::new(Status::ERROR_NULL_POINTER, "options", "options: the pointer is NULL"));
            } else {
                args::read_struct(options, "options")?
            };
            let mut due = due_for(registry, Kind::Owner, options.user_data, options.destroy, gone)?;
            let result = create(registry, &options, out, &mut due, of);
            gone.extend(due);
            result
        })
    };
    run_due(batch, 0);
    status
}

/// # Safety
/// As [`mreg_owner_create`].
unsafe fn create(
    registry: mreg_registry,
    options: &mreg_owner_options,
    out: Result<Out<mreg_owner>>,
    due: &mut Option<Box<Due>>,
    of: &mut u64,
) -> Result<()> {
    let out = out?;
    // SAFETY: as the caller promises.
    let text = |value, name| unsafe { args::text_in(value, name) };
    if options.flags & !MREG_OWNER_UNNAMED_CONNECTOR != 0 {
        return Err(Error::new(
            Status::ERROR_INVALID_ARGUMENT,
            "flags",
            format!("flags: {:#x} has bits that stand for nothing", options.flags),
        ));
    }
    let name = text(options.name, "name")?;
    let setting = |value, name, limit| {
        let setting = text(value, name)?;
        check_text(name, setting, limit)?;
        args::owned(setting)
    };
    let connector = setting(options.connector, "connector", MAX_CONNECTOR)?;
    let config = DataSourceConfig {
        connector: match connector.as_str() {
            "" if options.flags & MREG_OWNER_UNNAMED_CONNECTOR != 0 => Connector::Unnamed,
            "" => Connector::None,
            _ => Connector::Named(connector),
        },
        host: setting(options.host, "host", MAX_FIELD)?,
        port: setting(options.port, "port", MAX_FIELD)?,
        database: setting(options.database, "database", MAX_FIELD)?,
        url: setting(options.url, "url", MAX_URL)?,
    };
    let new = NewOwner { kind: options.kind, name, config, user_data: UserData(options.user_data) };
    let mut locked = resolve_locked_for(registry, due)?;
    *of = locked.registry.handle();
    out.put(locked.add_owner(new, due)?);
    Ok(())
}

/// Releases an owner: its models go, and with the last owner of its configuration their partition; its handle is stale.
///
/// A data source takes every model on it along, also those that an app owns. `MREG_NULL` does nothing and succeeds. Of
/// several threads that release one owner exactly one succeeds. Runs destructors.
///
/// Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
/// `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_owner_release(owner: mreg_owner, error: *mut mreg_error) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            if owner == 0 {
                return Ok(());
            }
            let (registry, parts) = owner::find(owner)?;
            *of = registry.handle();
            registry.lock()?.release_owner(parts, gone)
        })
    };
    run_due(batch, 0);
    status
}

/// Whether the handle is of a registered owner. No lock; any bits may be asked about.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mreg_owner_is_valid(owner: mreg_owner) -> bool {
    owner::is_valid(owner)
}

/// An owner's kind. No lock.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`, `MREG_ERROR_NULL_POINTER`,
/// `MREG_ERROR_UNALIGNED_POINTER`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_kind(owner: mreg_owner, kind: *mut u32, error: *mut mreg_error) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(kind, 0, "kind") }?;
        out.put(owner::kind(owner)?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The registry and the index of an owner, locked.
fn locked_owner(owner: mreg_owner) -> Result<(Locked, usize)> {
    let (registry, parts) = owner::find(owner)?;
    let locked = registry.lock()?;
    let index = locked.owner_index(parts)?;
    Ok((locked, index as usize))
}

/// The name that an owner was registered with, as text.
///
/// Written as `snprintf` does: at most `capacity` bytes with the NUL, cut at a character's boundary; `*length`, which may
/// be NULL, is the length of the whole text without the NUL. `(NULL, 0)` asks for it.
///
/// Errors: as `mreg_owner_kind`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `buffer` to room for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_name(
    owner: mreg_owner,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let name = || locked_owner(owner).map(|(locked, index)| locked.owners[index].name.clone());
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, name) }
}

/// The label of the partition that an owner's models live in, such as `ds_mysql_1a2b3c4d` or `app_1`; also before there
/// is a model in it. Text as by `mreg_owner_name`.
///
/// Errors: as `mreg_owner_name`. Any thread. Since 0.1.0.
///
/// # Safety
/// As `mreg_owner_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_tenant(
    owner: mreg_owner,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let label = || locked_owner(owner).and_then(|(locked, index)| locked.partitions.label(locked.owners[index].label));
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, label) }
}

/// The pointer that an owner was registered with. It may be used while nobody releases the owner, which the host has to see
/// to: unlike a model, an owner cannot be held.
///
/// Errors: as `mreg_owner_kind`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_user_data(
    owner: mreg_owner,
    user_data: *mut *mut c_void,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(user_data, std::ptr::null_mut(), "user_data") }?;
        let (locked, index) = locked_owner(owner)?;
        out.put(locked.owners[index].user_data.0);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The registry of an owner.
///
/// Errors: as `mreg_owner_kind`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_registry(
    owner: mreg_owner,
    registry: *mut mreg_registry,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(registry, 0, "registry") }?;
        let (locked, _) = locked_owner(owner)?;
        out.put(locked.registry.handle());
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The addresses of the owner's and of its registry's freshness words, which may be read without a call as long as the
/// process lives, also after the owner is released.
///
/// While both words equal those that a list came back with, that list is the answer. A word may change without the answer
/// changing, as when another of the owner's lists changed; then the list comes back with the same stamp.
///
/// Errors: as `mreg_owner_kind`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_freshness_words(
    owner: mreg_owner,
    owner_word: *mut *const mreg_freshness_word,
    registry_word: *mut *const mreg_freshness_word,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(owner_word, std::ptr::null(), "owner_word") };
        // SAFETY: as the caller promises.
        let out_registry = unsafe { args::out(registry_word, std::ptr::null(), "registry_word") };
        let (out, out_registry) = (out?, out_registry?);
        let (of_owner, of_registry) = owner::freshness_words(owner)?;
        out.put(of_owner.as_ptr().cast_const());
        out_registry.put(of_registry.as_ptr().cast_const());
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}
/// Counts as use of the partitions that the owner's models live in, as building its list anew would, and of the owner's
/// own, if it is there: none of them is idle.
///
/// For hosts that live on freshness words, or on answers from the cache: lists that need not be built, `mreg_owner_get` and
/// `mreg_owner_has`. Those count as no use.
///
/// Errors: as `mreg_owner_release`, `MREG_ERROR_NULL_HANDLE`. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_touch(owner: mreg_owner, error: *mut mreg_error) -> mreg_status {
    let work = || {
        let (registry, parts) = owner::find(owner)?;
        registry.lock()?.touch_owner(parts)
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Marks one owner's cached lists as out of date: the next question builds a new snapshot, with a new stamp.
///
/// Errors: as `mreg_owner_kind`, but for the pointers'. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_invalidate(owner: mreg_owner, error: *mut mreg_error) -> mreg_status {
    let work = || {
        let (registry, parts) = owner::find(owner)?;
        registry.lock()?.invalidate(parts)
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Checks what the list calls have in common.
///
/// # Safety
/// As [`mreg_owner_models`].
#[inline(always)]
unsafe fn list(
    owner: mreg_owner,
    kind: u32,
    which: Which,
    (models, capacity): (*mut mreg_model, usize),
    count: *mut usize,
    stamp: *mut mreg_stamp,
) -> Result<()> {
    // SAFETY: as the caller promises.
    let out = unsafe { args::out(count, 0, "count") };
    // SAFETY: as the caller promises.
    let out_stamp = unsafe { args::optional_out(stamp, NO_STAMP, "stamp") };
    // SAFETY: as the caller promises.
    let room = unsafe { args::buffer(models, capacity, "models") }?;
    let (out, out_stamp) = (out?, out_stamp?);
    let mut answer = Stamp::default();
    out.put(query::list(owner, kind, which, room, &mut answer)?);
    put_stamp(out_stamp, answer);
    Ok(())
}

/// The answer of [`list`] for the models that an owner has, at once; false where there is none and `list` has to tell.
///
/// # Safety
/// As [`list`].
#[inline(always)]
unsafe fn list_at_once(
    owner: mreg_owner,
    kind: u32,
    (models, capacity): (*mut mreg_model, usize),
    count: *mut usize,
    stamp: *mut mreg_stamp,
) -> bool {
    let room_is_good = !models.is_null() && models.is_aligned() && capacity <= MOST_ROOM;
    if count.is_null() || !count.is_aligned() || !room_is_good || !stamp.is_aligned() {
        return false;
    }
    // SAFETY: not null, aligned, not larger than an object can be, and promised by the caller.
    let room = unsafe { std::slice::from_raw_parts_mut(models.cast(), capacity) };
    if stamp.is_null() {
        if let Some((used, _)) = quick::list::<false>(owner, kind, room) {
            // SAFETY: neither null nor unaligned, and promised by the caller.
            unsafe { count.write(used) };
            return true;
        }
    } else if let Some((used, answer)) = quick::list::<true>(owner, kind, room) {
        // SAFETY: as above.
        unsafe { count.write(used) };
        // SAFETY: as above.
        unsafe { stamp.write(answer.into()) };
        return true;
    }
    let Some(answer) = quick::emptied(owner, kind) else { return false };
    // SAFETY: as above.
    unsafe { count.write(0) };
    if !stamp.is_null() {
        // SAFETY: as above.
        unsafe { stamp.write(answer.into()) };
    }
    true
}

#[inline(always)]
fn put_stamp(out: Option<Out<mreg_stamp>>, stamp: Stamp) {
    if let Some(out) = out {
        out.put(stamp.into());
    }
}

/// Copies the handles of the models that an owner has, in the order of registration.
///
/// As many as `capacity` has room for; `*count` is how many there are. `(NULL, 0)` asks for the number. Asked as another
/// `kind` than it is, an owner has none; `MREG_KIND_ANY` asks as any. `stamp` may be NULL. Answered from the cache without
/// a lock while nothing changed.
///
/// The handles hold nothing: a model may be gone when its handle is used, and its `user_data` may not be used before
/// `mreg_model_hold` succeeded. `mreg_owner_hold_models` gives a list that holds its models.
///
/// Errors: as `mreg_owner_kind`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `models` to room for `capacity` handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_models(
    owner: mreg_owner,
    kind: u32,
    models: *mut mreg_model,
    capacity: usize,
    count: *mut usize,
    stamp: *mut mreg_stamp,
    error: *mut mreg_error,
) -> mreg_status {
    let aligned = (models.addr() | count.addr()).is_multiple_of(align_of::<mreg_model>());
    if aligned && stamp.is_null() && !count.is_null() && !models.is_null() && capacity <= MOST_ROOM {
        // SAFETY: not null, aligned, not larger than an object can be, and promised by the caller.
        let room = unsafe { std::slice::from_raw_parts_mut(models.cast(), capacity) };
        if let Some(used) = quick::list_asked(owner, kind, room) {
            // SAFETY: neither null nor unaligned, and promised by the caller.
            unsafe { count.write(used) };
            return Status::OK as mreg_status;
        }
    }
    // SAFETY: as the caller promises.
    unsafe { models_apart(owner, kind, models, capacity, count, stamp, error) }
}

/// The rest of [`mreg_owner_models`], which has the same arguments in the same places: it is gone on to and not called, so that the first
/// part keeps nothing.
///
/// # Safety
/// As [`mreg_owner_models`].
#[inline(never)]
unsafe extern "C" fn models_apart(
    owner: mreg_owner,
    kind: u32,
    models: *mut mreg_model,
    capacity: usize,
    count: *mut usize,
    stamp: *mut mreg_stamp,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        if unsafe { list_at_once(owner, kind, (models, capacity), count, stamp) } {
            return Ok(());
        }
        // SAFETY: as the caller promises.
        unsafe { list(owner, kind, Which::Owned, (models, capacity), count, stamp) }
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// No object is larger, so that no array has more.
const MOST_ROOM: usize = isize::MAX as usize / size_of::<mreg_model>();

/// Copies the handles of the models whose data source the owner is, also of those that an app owns, in the order of
/// registration. Otherwise as `mreg_owner_models`; an app has no model on it.
///
/// The handles hold nothing.
///
/// Errors: as `mreg_owner_models`. Any thread. Since 0.1.0.
///
/// # Safety
/// As `mreg_owner_models`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_models_on(
    owner: mreg_owner,
    kind: u32,
    models: *mut mreg_model,
    capacity: usize,
    count: *mut usize,
    stamp: *mut mreg_stamp,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard(error, || list(owner, on_kind(owner, kind), Which::On, (models, capacity), count, stamp)) }
}

/// The kind to ask for where only a data source can answer.
fn on_kind(owner: mreg_owner, kind: u32) -> u32 {
    if kind != ANY_KIND {
        // A kind that no owner has finds nothing, which is the answer for all but data sources.
        return if kind == DATA_SOURCE { kind } else { u32::MAX };
    }
    match owner::kind(owner) {
        Ok(DATA_SOURCE) | Err(_) => ANY_KIND,
        Ok(_) => u32::MAX,
    }
}

/// Copies the names of the models that an owner has, in the order of registration: each UTF-8 with a NUL after it, one
/// after the other.
///
/// Only whole names are copied, as many as `capacity` bytes have room for; `*length`, which may be NULL, is how many bytes
/// all of them need; `*count` is how many names there are. `(NULL, 0)` asks for both. `kind` and `stamp` as in
/// `mreg_owner_models`. Answered from the cache without a lock while nothing changed.
///
/// Errors: as `mreg_owner_models`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `buffer` to room for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_names(
    owner: mreg_owner,
    kind: u32,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    count: *mut usize,
    stamp: *mut mreg_stamp,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(count, 0, "count") };
        // SAFETY: as the caller promises.
        let out_length = unsafe { args::optional_out(length, 0, "length") };
        // SAFETY: as the caller promises.
        let out_stamp = unsafe { args::optional_out(stamp, NO_STAMP, "stamp") };
        let (out, out_length, out_stamp) = (out?, out_length?, out_stamp?);
        // SAFETY: as the caller promises.
        let room = unsafe { args::buffer(buffer, capacity, "buffer") }?;
        if let Some(first) = room.first_mut() {
            first.write(0);
        }
        let (mut written, mut answer) = (0, Stamp::default());
        let names = query::names(owner, kind, Which::Owned, &mut answer, |position, pieces| {
            if position == 0 {
                written = 0;
            }
            let mut put = |bytes: &[u8]| {
                for byte in bytes {
                    if let Some(to) = room.get_mut(written) {
                        to.write(*byte as c_char);
                    }
                    written += 1;
                }
            };
            pieces(&mut put);
            put(b"\0");
        })?;
        let all = if names == 0 { 0 } else { written };
        blank_cut_name(room, all);
        out.put(names);
        if let Some(out) = out_length {
            out.put(all);
        }
        put_stamp(out_stamp, answer);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Where not all names had room, replaces what was copied of the one that was cut by NULs.
fn blank_cut_name(room: &mut [std::mem::MaybeUninit<c_char>], all: usize) {
    if all <= room.len() {
        return;
    }
    for byte in room.iter_mut().rev() {
        // SAFETY: all of the room was written, as the names need more than there is.
        if unsafe { byte.assume_init() } == 0 {
            break;
        }
        byte.write(0);
    }
}

/// The owner's model of this name. No model has a name that is not UTF-8, so that is looked at only where there is none.
#[inline(always)]
fn find(owner: mreg_owner, kind: u32, name: &[u8]) -> Result<mreg_model> {
    let found = match quick::get(owner, kind, name) {
        Some(found) => found,
        None => query::get(owner, kind, name)?,
    };
    if found == 0 {
        args::check_utf8(name, "name")?;
    }
    Ok(found)
}

/// Whether an owner has a model of this name. No lock while nobody changes that owner.
///
/// `kind` as in `mreg_owner_models`.
///
/// Errors: as `mreg_owner_kind`, `MREG_ERROR_TOO_LONG`, `MREG_ERROR_INVALID_UTF8`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `name` to `name_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_has(
    owner: mreg_owner,
    kind: u32,
    name: *const c_char,
    name_length: usize,
    has: *mut bool,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(has, false, "has") }?;
        // SAFETY: as the caller promises.
        let name = unsafe { args::bytes(name, name_length, "name") }?;
        out.put(find(owner, kind, name)? != 0);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The model of this name that an owner has; `*model` is `MREG_NULL` where it has none, which is no error. No lock while
/// nobody changes that owner.
///
/// `kind` as in `mreg_owner_models`. The handle holds nothing: the model may be gone when it is used.
///
/// Errors: as `mreg_owner_has`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `name` to `name_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_get(
    owner: mreg_owner,
    kind: u32,
    name: *const c_char,
    name_length: usize,
    model: *mut mreg_model,
    error: *mut mreg_error,
) -> mreg_status {
    if !model.is_null() && model.is_aligned() && !name.is_null() && name_length <= short::MOST {
        // SAFETY: not null, bytes are always aligned, and promised by the caller.
        let bytes = unsafe { std::slice::from_raw_parts(name.cast(), name_length) };
        // No model has a name that is not UTF-8, so that is looked at only where there is none.
        if let Some(found) = quick::get_short(owner, kind, bytes)
            && (found != 0 || args::is_ascii(bytes))
        {
            // SAFETY: neither null nor unaligned, and promised by the caller.
            unsafe { model.write(found) };
            return Status::OK as mreg_status;
        }
    }
    // SAFETY: as the caller promises.
    unsafe { get_apart(owner, kind, name, name_length, model, error) }
}

/// The rest of [`mreg_owner_get`], as [`models_apart`] is of [`mreg_owner_models`].
///
/// # Safety
/// As [`mreg_owner_get`].
#[inline(never)]
unsafe extern "C" fn get_apart(
    owner: mreg_owner,
    kind: u32,
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
        out.put(find(owner, kind, name)?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// # Safety
/// As [`mreg_owner_hold_models`].
unsafe fn hold(owner: mreg_owner, kind: u32, which: Which, snapshot: *mut mreg_snapshot) -> Result<()> {
    // SAFETY: as the caller promises.
    let out = unsafe { args::out(snapshot, 0, "snapshot") }?;
    let (mut locked, index) = locked_owner(owner)?;
    out.put(locked.hold_list(index as u32, kind, which)?);
    Ok(())
}

/// Holds the models that an owner has as a snapshot, in the order of registration. `kind` as in `mreg_owner_models`.
///
/// `*snapshot` is the caller's to free with `mreg_snapshot_free`; until then each of its models is held, and stays
/// readable by position whatever happens to the owner and the registry. While nothing changed, every such call gives a
/// handle of the same snapshot, with the same stamp.
///
/// Errors: as `mreg_owner_kind`, `MREG_ERROR_OUT_OF_MEMORY`, `MREG_ERROR_FULL`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_hold_models(
    owner: mreg_owner,
    kind: u32,
    snapshot: *mut mreg_snapshot,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard(error, || hold(owner, kind, Which::Owned, snapshot)) }
}

/// Holds the models whose data source the owner is as a snapshot. Otherwise as `mreg_owner_hold_models`.
///
/// Errors: as `mreg_owner_hold_models`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_hold_models_on(
    owner: mreg_owner,
    kind: u32,
    snapshot: *mut mreg_snapshot,
    error: *mut mreg_error,
) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard(error, || hold(owner, on_kind(owner, kind), Which::On, snapshot)) }
}

/// The handle of an owner of a locked registry; 0 for none.
pub(crate) fn handle_of(locked: &Locked, index: u32) -> mreg_owner {
    locked.owners.get(index as usize).map_or(0, |record| locked.registry.owner_handle(index, record.uses))
}
