//! A destructor that is watched: how often it ran, and on which thread.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

type Action = Box<dyn Fn() + Send + Sync>;

/// The `user_data` of a model or an owner; lives as long as the process, so that a destructor that runs twice is
/// counted and not a crash.
pub struct Witness {
    runs: AtomicUsize,
    thread: Mutex<Option<ThreadId>>,
    action: Option<Action>,
}

impl Witness {
    pub fn new() -> &'static Witness {
        Box::leak(Box::new(Witness { runs: AtomicUsize::new(0), thread: Mutex::new(None), action: None }))
    }

    /// One whose destructor does something.
    pub fn that(action: impl Fn() + Send + Sync + 'static) -> &'static Witness {
        let action: Action = Box::new(action);
        Box::leak(Box::new(Witness { runs: AtomicUsize::new(0), thread: Mutex::new(None), action: Some(action) }))
    }

    /// How often the destructor ran.
    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// The thread that it last ran on.
    pub fn thread(&self) -> Option<ThreadId> {
        *self.thread.lock().expect("no destructor panics")
    }

    /// Counts what came through a release queue as a run.
    pub fn count(&self) {
        self.runs.fetch_add(1, Ordering::SeqCst);
    }

    /// Forgets that it ran, for one that is used again.
    pub fn reset(&self) {
        self.runs.store(0, Ordering::SeqCst);
    }

    pub fn pointer(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

/// The destructor of every [`Witness`].
///
/// # Safety
/// `user_data` is a witness's pointer.
pub unsafe extern "C-unwind" fn witnessed(user_data: *mut c_void) {
    // SAFETY: witnesses live as long as the process, and are only shared.
    let witness = unsafe { &*user_data.cast::<Witness>() };
    witness.runs.fetch_add(1, Ordering::SeqCst);
    *witness.thread.lock().expect("no destructor panics") = Some(std::thread::current().id());
    if let Some(action) = &witness.action {
        action();
    }
}

/// Fails the process when a destructor waits for a lock of the library.
pub fn with_an_alarm(work: impl FnOnce()) {
    let done = Arc::new(AtomicBool::new(false));
    let seen = done.clone();
    let watch = std::thread::spawn(move || {
        for _ in 0..600 {
            std::thread::sleep(std::time::Duration::from_millis(100));
            if seen.load(Ordering::SeqCst) {
                return;
            }
        }
        eprintln!("a call of the host hangs");
        std::process::abort();
    });
    work();
    done.store(true, Ordering::SeqCst);
    watch.join().expect("the watch ends");
}
