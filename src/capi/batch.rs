//! Many questions about owners in one call.

use std::mem::MaybeUninit;

use crate::core::batch;
use crate::core::list::Stamp;
use crate::error::{Error, Result, Status};

use super::args;
use super::owner::{NO_STAMP, mreg_owner, mreg_stamp};
use super::{guard, mreg_error, mreg_model, mreg_status, mreg_text};

/// An array of the caller's with a place for each answer; none where NULL says that it is not wanted.
///
/// # Safety
/// As `args::buffer`.
unsafe fn optional_array<'a, T>(pointer: *mut T, count: usize, name: &str) -> Result<&'a mut [MaybeUninit<T>]> {
    let wanted = if pointer.is_null() { 0 } else { count };
    // SAFETY: as the caller promises.
    unsafe { args::buffer(pointer, wanted, name) }
}

/// Stores an answer at its place, if there is one.
#[inline(always)]
fn put<T>(array: &mut [MaybeUninit<T>], position: usize, value: T) {
    if let Some(place) = array.get_mut(position) {
        place.write(value);
    }
}

fn status_of<T>(answer: std::result::Result<T, Status>) -> mreg_status {
    answer.map_or_else(|status| status as mreg_status, |_| Status::OK as mreg_status)
}

/// Copies the handles of the models that each of many owners has, the list of the first owner before that of the second
/// and so on, each in the order of registration.
///
/// It answers as one `mreg_owner_models` for each owner would. Where there are more owners than the machine's caches have
/// room for it takes less time, often half: while one list is copied, the next ones are on their way from memory. What
/// lies in the nearest cache single calls copy as fast, or a little faster.
///
/// `counts` has room for `owner_count` numbers: `counts[i]` is how many models `owners[i]` has. `*count` is how many there
/// are in all, the sum of them. As many handles as `capacity` has room for are copied, so the last list that is copied may
/// be cut; `counts` and `*count` are right in any case, and `(NULL, 0)` asks for them alone. `kind` as in
/// `mreg_owner_models`, for all of them. An owner may be asked for more than once.
///
/// `stamps` and `statuses` may be NULL, or have room for `owner_count` each: `stamps[i]` is the stamp of the list of
/// `owners[i]`, and `statuses[i]` the status that `mreg_owner_models` would give for it. An owner that is not valid
/// changes nothing for the others, and does not make the call fail: it has a count of 0, a stamp of zeros, and its status.
///
/// Each list is as it was at one moment, which is not the same moment for all: who needs that compares the stamps with the
/// freshness words. The owners may be of several registries. The arrays for results must not overlap, nor `owners`.
///
/// The handles hold nothing, as those of `mreg_owner_models`.
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG` for an absurd `owner_count` or
/// `capacity`; nothing is written then but 0 to `*count`. Any thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say: `owners` to `owner_count` handles, `models` to room for
/// `capacity` handles, the others to room for `owner_count` results.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_models_many(
    owners: *const mreg_owner,
    owner_count: usize,
    kind: u32,
    models: *mut mreg_model,
    capacity: usize,
    counts: *mut usize,
    stamps: *mut mreg_stamp,
    statuses: *mut mreg_status,
    count: *mut usize,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let out = unsafe { args::out(count, 0, "count") }?;
        // SAFETY: as the caller promises.
        let owners = unsafe { args::array(owners, owner_count, "owners") }?;
        // SAFETY: as the caller promises.
        let room = unsafe { args::buffer(models, capacity, "models") }?;
        // SAFETY: as the caller promises.
        let counts = unsafe { args::buffer(counts, owner_count, "counts") }?;
        // SAFETY: as the caller promises.
        let stamps = unsafe { optional_array(stamps, owner_count, "stamps") }?;
        // SAFETY: as the caller promises.
        let statuses = unsafe { optional_array(statuses, owner_count, "statuses") }?;
        let stamped = !stamps.is_empty();
        let each = |position, answer: std::result::Result<usize, Status>, stamp: Stamp| {
            put(counts, position, answer.unwrap_or(0));
            put(stamps, position, if answer.is_ok() { stamp.into() } else { NO_STAMP });
            put(statuses, position, status_of(answer));
        };
        let total = if stamped {
            batch::lists::<true>(owners, kind, room, each)
        } else {
            batch::lists::<false>(owners, kind, room, each)
        };
        out.put(total);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}

/// How many questions there are: for each owner one name, or one owner or one name for all.
fn questions(owners: usize, names: usize) -> Result<usize> {
    match (owners, names) {
        (1, count) | (count, 1) => Ok(count),
        _ if owners == names => Ok(owners),
        _ => {
            let message = format!(
                "name_count: {names} names for {owners} owners (as many of both, or one owner or one name for all)"
            );
            Err(Error::new(Status::ERROR_INVALID_ARGUMENT, "name_count", message))
        }
    }
}

/// The models of many names that owners have: `models[i]` is the model of the name `names[i]` that `owners[i]` has,
/// `MREG_NULL` where it has none, which is no error.
///
/// It answers as one `mreg_owner_get` for each would, in less time, often half of it where there are more owners than the
/// machine's caches have room for: while one is answered, what the next ones need is on its way from memory. A name that is
/// asked for many times is found soonest where each text of it has the same `data`.
///
/// `owner_count` and `name_count` are equal; or one of them is 1, and that owner is asked for every name, or every owner
/// for that name. `models` has room for the larger number of them (for none, where the other one is 0). `kind` as in
/// `mreg_owner_models`, for all of them.
///
/// `statuses` may be NULL, or have as much room as `models`: `statuses[i]` is the status that `mreg_owner_get` would give.
/// An owner that is not valid and a name that cannot be one change nothing for the others, and do not make the call fail:
/// they have `MREG_NULL`, and their status.
///
/// Each answer is of a moment of its own. The owners may be of several registries. The arrays for results must not
/// overlap, nor `owners` and `names`.
///
/// The handles hold nothing: a model may be gone when its handle is used.
///
/// Errors: `MREG_ERROR_NULL_POINTER`, `MREG_ERROR_UNALIGNED_POINTER`, `MREG_ERROR_TOO_LONG` for an absurd `owner_count` or
/// `name_count`, `MREG_ERROR_INVALID_ARGUMENT` where neither number is 1 and they differ; nothing is written then. Any
/// thread. Since 0.1.0.
///
/// # Safety
/// Pointers that are not NULL point to what their types say: `owners` to `owner_count` handles, `names` to `name_count`
/// texts, the others to room for as many results as there are questions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_owner_get_many(
    owners: *const mreg_owner,
    owner_count: usize,
    kind: u32,
    names: *const mreg_text,
    name_count: usize,
    models: *mut mreg_model,
    statuses: *mut mreg_status,
    error: *mut mreg_error,
) -> mreg_status {
    let work = || {
        // SAFETY: as the caller promises.
        let owners = unsafe { args::array(owners, owner_count, "owners") }?;
        // SAFETY: as the caller promises.
        let names = unsafe { args::array(names, name_count, "names") }?;
        let count = questions(owner_count, name_count)?;
        // SAFETY: as the caller promises.
        let models = unsafe { args::buffer(models, count, "models") }?;
        // SAFETY: as the caller promises.
        let statuses = unsafe { optional_array(statuses, count, "statuses") }?;
        let owner = |position: usize| if let [only] = owners { *only } else { owners[position] };
        let text = |position: usize| if let [only] = names { *only } else { names[position] };
        let soon = |position: usize| batch::prefetch(text(position).data);
        let name = |position: usize| {
            let text = text(position);
            // SAFETY: as the caller promises.
            unsafe { args::bytes(text.data, text.length, "name") }
        };
        batch::look_up(count, kind, owner, soon, name, |position, answer, name| {
            // No model has a name that is not UTF-8, so that is looked at only where there is none.
            let answer = match answer {
                Ok(0) if std::str::from_utf8(name).is_err() => Err(Status::ERROR_INVALID_UTF8),
                answer => answer,
            };
            put(models, position, answer.unwrap_or(0));
            put(statuses, position, status_of(answer));
        });
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}
