//! Held snapshots.

use std::ffi::{c_char, c_void};

use crate::core::registry::Locked;
use crate::core::snapshot;
use crate::error::Result;

use super::args;
use super::owner::NO_STAMP;
use super::{
    guard, guard_due, guard_text, mreg_error, mreg_model, mreg_schema, mreg_stamp, mreg_status, run_due, schema,
};

/// A held snapshot: models at one moment, each of them held.
pub type mreg_snapshot = u64;

/// Frees a held snapshot: its models are held by it no more. `MREG_NULL` does nothing and succeeds. Runs destructors.
///
/// Errors: `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`, `MREG_ERROR_FORGED_HANDLE`,
/// `MREG_ERROR_STALE_HANDLE` where it was freed before, `MREG_ERROR_POISONED`. Any thread. Since 0.1.0.
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mreg_snapshot_free(snapshot: mreg_snapshot, error: *mut mreg_error) -> mreg_status {
    // SAFETY: as the caller promises.
    let (status, batch) = unsafe {
        guard_due(error, |gone, of| {
            if snapshot != 0 {
                (*of, *gone) = snapshot::free(snapshot)?;
            }
            Ok(())
        })
    };
    run_due(batch, 0);
    status
}

/// Copies the handles of the models in a snapshot, in its order.
///
/// As many as `capacity` has room for; `*count` is how many there are. `(NULL, 0)` asks for the number. `stamp`, which may
/// be NULL, is filled as by `mreg_owner_models`; the stamp of a snapshot of all models is 0. A handle of a model that is
/// no longer registered is stale: read such a model by its position. The handles hold nothing: the models are held by the
/// snapshot, until it is freed.
///
/// Errors: `MREG_ERROR_NULL_HANDLE`, `MREG_ERROR_WRONG_HANDLE_TYPE`, `MREG_ERROR_FOREIGN_HANDLE`,
/// `MREG_ERROR_FORGED_HANDLE`, `MREG_ERROR_STALE_HANDLE`, `MREG_ERROR_POISONED`, `MREG_ERROR_NULL_POINTER`,
/// `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG` for an absurd `capacity`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `models` to room for `capacity` handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_snapshot_models(
    snapshot: mreg_snapshot,
    models: *mut mreg_model,
    capacity: usize,
    count: *mut usize,
    stamp: *mut mreg_stamp,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(count, 0, "count") };
        // SAFETY: as the caller promises.
        let out_stamp = unsafe { args::optional_out(stamp, NO_STAMP, "stamp") };
        let (out, out_stamp) = (out?, out_stamp?);
        // SAFETY: as the caller promises.
        let room = unsafe { args::buffer(models, capacity, "models") }?;
        let (length, answer) = snapshot::models(snapshot, room)?;
        out.put(length);
        if let Some(out) = out_stamp {
            out.put(answer.into());
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// Reads the model at a position of a snapshot, which the snapshot holds.
fn reading<R>(snapshot: mreg_snapshot, position: usize, read: impl FnOnce(&Locked, u32) -> Result<R>) -> Result<R> {
    let held = snapshot::get(snapshot)?;
    let model = held.model(position)?;
    read(&held.locked, model)
}

/// The name of the model at a position of a snapshot. Text as by `mreg_owner_name`.
///
/// Errors: as `mreg_snapshot_models`, `MREG_ERROR_INVALID_ARGUMENT` for a position past the end. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say; `buffer` to room for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_snapshot_name(
    snapshot: mreg_snapshot,
    position: usize,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let name = || reading(snapshot, position, |locked, model| locked.model_name(model));
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, name) }
}

/// The settings of the model at a position of a snapshot, as by `mreg_model_settings`. Text as by `mreg_owner_name`.
///
/// Errors: as `mreg_snapshot_name`. Any thread. Since 0.1.0.
///
/// # Safety
/// As `mreg_snapshot_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_snapshot_settings(
    snapshot: mreg_snapshot,
    position: usize,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let settings = || reading(snapshot, position, |locked, model| args::owned(locked.settings_of(model)));
    // SAFETY: as the caller promises.
    unsafe { guard_text(error, buffer, capacity, length, settings) }
}

/// A new handle of the schema of the model at a position of a snapshot; `MREG_NULL` where it has none.
///
/// `*schema` is the caller's to free with `mreg_schema_free`.
///
/// Errors: as `mreg_snapshot_name`, `MREG_ERROR_FULL`, `MREG_ERROR_OUT_OF_MEMORY`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_snapshot_schema(
    snapshot: mreg_snapshot,
    position: usize,
    schema: *mut mreg_schema,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(schema, 0, "schema") }?;
        let found = reading(snapshot, position, |locked, model| Ok(locked.schema_of(model).cloned()))?;
        if let Some(found) = found {
            out.put(schema::insert(found)?);
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// When the model at a position of a snapshot had been registered or last moved, when the snapshot was taken: milliseconds since the
/// first of January 1970, UTC.
///
/// Errors: as `mreg_snapshot_name`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_snapshot_registered_at(
    snapshot: mreg_snapshot,
    position: usize,
    milliseconds: *mut i64,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(milliseconds, 0, "milliseconds") }?;
        out.put(snapshot::get(snapshot)?.registered_at(position)?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// The pointer that the model at a position of a snapshot was registered with; it may be used until the snapshot is freed.
///
/// Errors: as `mreg_snapshot_name`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_snapshot_user_data(
    snapshot: mreg_snapshot,
    position: usize,
    user_data: *mut *mut c_void,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(user_data, std::ptr::null_mut(), "user_data") }?;
        out.put(reading(snapshot, position, |locked, model| Ok(locked.record(model).user_data.0))?);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}
