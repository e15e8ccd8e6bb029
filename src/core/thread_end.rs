//! Names threads, and hears of the end of one.
//!
//! By a POSIX key and not by a thread-local with a destructor: one of those that is first used while another key's destructor
//! runs, as a host may do, is never destroyed. A key that is set then gets its turn in the next round.

use std::cell::Cell;
#[cfg(unix)]
use std::ffi::c_void;

#[cfg(unix)]
use once_cell::sync::Lazy;

/// Names the calling thread; also while its thread-locals are being destroyed.
pub fn this_thread() -> u64 {
    #[cfg(unix)]
    // SAFETY: `pthread_self` has no preconditions.
    return unsafe { libc::pthread_self() } as u64;
    #[cfg(not(unix))]
    return 1;
}

thread_local! {
    // Has no destructor, so it can be read and set as long as the thread lives.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Has [`super::counters::give_back`] and [`super::due::thread_ended`] called when the calling thread ends. Gives whether that
/// could be arranged.
#[inline]
pub fn watch() -> bool {
    WATCHED.get() || arrange()
}

/// Does now what is to be done when the calling thread ends, which it is about to.
pub fn end_now() {
    if WATCHED.replace(false) {
        forget_key();
        super::counters::give_back();
        super::due::thread_ended();
    }
}

#[cfg(unix)]
fn forget_key() {
    if let Some(key) = *KEY {
        // SAFETY: the key was made and is never deleted.
        unsafe { libc::pthread_setspecific(key, std::ptr::null()) };
    }
}

#[cfg(not(unix))]
fn forget_key() {}

#[cfg(unix)]
static KEY: Lazy<Option<libc::pthread_key_t>> = Lazy::new(|| {
    let mut key = 0;
    // SAFETY: `key` is a place for the key, and `ended` lives as long as the process.
    (unsafe { libc::pthread_key_create(&mut key, Some(ended)) } == 0).then_some(key)
});

#[cfg(unix)]
#[cold]
fn arrange() -> bool {
    let Some(key) = *KEY else { return false };
    // The destructor is called for a value that is not null; nobody follows it.
    let value = std::ptr::without_provenance::<c_void>(1);
    // SAFETY: the key was made and is never deleted.
    let arranged = unsafe { libc::pthread_setspecific(key, value) } == 0;
    WATCHED.set(arranged);
    arranged
}

#[cfg(unix)]
extern "C" fn ended(_: *mut c_void) {
    // A call in a later round arranges for another one.
    WATCHED.set(false);
    super::counters::give_back();
    super::due::thread_ended();
}

#[cfg(not(unix))]
#[cold]
fn arrange() -> bool {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            super::counters::give_back();
            super::due::thread_ended();
        }
    }
    thread_local! {
        static END: End = const { End };
    }
    let arranged = END.try_with(|_| ()).is_ok();
    WATCHED.set(arranged);
    arranged
}
