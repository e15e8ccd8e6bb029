//! Changes that there is no memory to tell of: the change itself goes on, and counts as lost.

mod support_c_api;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::{Arc, Mutex};

use support_c_api::watching::*;
use support_c_api::*;

/// Refuses memory to this thread, from the n-th time on that it asks.
struct Stingy;

thread_local! {
    /// How often it may still ask, and how often it was refused.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    static REFUSED: Cell<usize> = const { Cell::new(0) };
}

fn refuses() -> bool {
    match LEFT.get() {
        usize::MAX => false,
        0 => {
            REFUSED.set(REFUSED.get() + 1);
            true
        }
        left => {
            LEFT.set(left - 1);
            false
        }
    }
}

// SAFETY: the system's allocator, which may refuse whatever it likes.
unsafe impl GlobalAlloc for Stingy {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        if refuses() { std::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        if refuses() { std::ptr::null_mut() } else { unsafe { System.realloc(memory, layout, size) } }
    }
}

#[global_allocator]
static ALLOCATOR: Stingy = Stingy;

/// Calls with memory for so many requests; gives how many were refused.
fn with_memory_for(requests: usize, call: impl FnOnce()) -> usize {
    REFUSED.set(0);
    LEFT.set(requests);
    call();
    LEFT.set(usize::MAX);
    REFUSED.get()
}

/// Registers and unregisters with ever more memory, until there is enough; gives how often there was not. Between two
/// such rounds `between` is called, with the number of changes that were made.
fn rounds(registry: &Registry, mut between: impl FnMut(u64)) -> usize {
    let app = registry.app();
    // What is asked for once is there.
    unregister(Model::of("User", app).add(registry)).expect("unregister");
    between(2);
    for requests in 0..99 {
        let model = Model::of("User", app).add(registry);
        let mut status = 77;
        let refused = with_memory_for(requests, || {
            // SAFETY: no error is wanted.
            status = unsafe { capi::mreg_model_unregister(model, std::ptr::null_mut()) };
        });
        assert_eq!(status, OK, "the change itself needs no memory");
        assert!(!model_is_valid(model));
        assert_eq!(models_of(app), Ok(vec![]));
        between(2);
        if refused == 0 {
            return requests;
        }
    }
    panic!("it asks for ever");
}

#[test]
fn a_polled_change_is_lost_and_the_next_one_says_so() {
    let registry = Registry::new();
    let watch = Watch::new(registry.0, 0);
    let (mut sequence, mut lost) = (0, 0);
    let refusals = rounds(&registry, |changes| {
        let told = watch.take_all();
        for change in &told {
            let stands_for = if change.kind == LOST { change.count } else { 1 };
            lost += if change.kind == LOST { change.count } else { 0 };
            sequence += stands_for;
            assert_eq!(change.sequence, sequence, "{change:?}");
        }
        assert!(told.iter().map(|change| if change.kind == LOST { change.count } else { 1 }).sum::<u64>() == changes);
    });
    // One of the requests is the list of what a change keeps readers away from, which it can do without.
    assert!(refusals >= 2 && lost >= 1 && lost <= refusals as u64, "{refusals}, {lost}");
}

#[test]
fn a_callback_is_told_of_what_was_lost_before_the_next_change() {
    let registry = Registry::new();
    let told = Arc::new(Mutex::new(Vec::<(u32, u64, u64)>::with_capacity(4096)));
    let keep = told.clone();
    let listener = Listener::that(move |change| {
        keep.lock().expect("no panic").push((change.kind, change.sequence, change.count));
    });
    // What the callback itself asks for is the host's affair: it has memory.
    let watcher = without_limits(listener, registry.0);
    let refusals = rounds(&registry, |_| ());
    Model::new("Last").add(&registry);
    let told = told.lock().expect("no panic");
    let (mut sequence, mut lost) = (0, 0);
    for (kind, number, count) in told.iter() {
        sequence += if *kind == LOST { *count } else { 1 };
        lost += count;
        assert_eq!(*number, sequence, "{told:?}");
    }
    assert!(refusals >= 3 && lost >= 2 && lost <= refusals as u64, "{refusals}, {lost}");
    free_watcher(watcher).expect("free");
    assert_eq!(listener.destroyed(), 1);
}

/// A watcher whose callback has all the memory that it wants.
fn without_limits(listener: &'static Listener, registry: u64) -> u64 {
    let mut options = listener.options();
    options.callback = Some(with_memory);
    let mut watcher = 0;
    call!(mreg_watcher_create(registry, &options, &mut watcher)).expect("a watcher");
    watcher
}

unsafe extern "C-unwind" fn with_memory(user_data: *mut c_void, change: *const capi::mreg_change) {
    let left = LEFT.replace(usize::MAX);
    // SAFETY: the user data is a listener's, and the change the library's.
    unsafe { told(user_data, change) };
    LEFT.set(left);
}
