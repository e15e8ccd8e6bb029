//! Exports for the tests alone: only in a build with the feature `test-hooks`.

use super::{guard, mreg_error, mreg_registry, mreg_status};
use crate::core::registry::resolve_locked;

/// Panics inside the guard.
///
/// cbindgen:ignore
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_test_panic(error: *mut mreg_error) -> mreg_status {
    // SAFETY: as the caller promises.
    unsafe { guard(error, || panic!("a panic on purpose")) }
}

/// Panics while it holds a registry's lock.
///
/// cbindgen:ignore
///
/// # Safety
/// `error` is NULL or points to an `mreg_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mreg_test_panic_locked(registry: mreg_registry, error: *mut mreg_error) -> mreg_status {
    let work = || {
        let _locked = resolve_locked(registry)?;
        panic!("a panic on purpose under the lock")
    };
    // SAFETY: as the caller promises.
    unsafe { guard(error, work) }
}
