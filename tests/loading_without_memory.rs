//! Loading an application when memory gives out half-way.

mod support_c_api;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

use support_c_api::watching::{REGISTERED, REPLACED, Watch, briefs};
use support_c_api::*;

/// Refuses what is large, while it is told to.
struct Stingy;

static REFUSES: AtomicBool = AtomicBool::new(false);
/// What 8,192 records of models take more than, and 4,096 of them less.
const LARGE: usize = 384 << 10;

// SAFETY: the system's allocator, which may refuse whatever it likes.
unsafe impl GlobalAlloc for Stingy {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LARGE && REFUSES.load(Ordering::SeqCst) {
            return std::ptr::null_mut();
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size >= LARGE && REFUSES.load(Ordering::SeqCst) {
            return std::ptr::null_mut();
        }
        // SAFETY: as the caller promises.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Stingy = Stingy;

#[test]
fn what_was_replaced_is_not_lost() {
    let dir = std::env::temp_dir().join(format!("modelreg-memory-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("models")).expect("a directory");
    for file in ["keep", "new", "newer"] {
        std::fs::write(dir.join(format!("models/{file}.json")), "{}").expect("a file");
    }
    let registry = Registry::new();
    let keep = Model::new("Keep").add(&registry);
    // There is room for one record more. The one that the new `Keep` would set free is the second of the three that are
    // needed; the third is too much.
    for number in 2..4096 {
        Model::new(&format!("Other{number}")).add(&registry);
    }
    let watch = Watch::new(registry.0, 0);
    let before = stats(registry.0);
    let (path, mut report) = (dir.to_str().expect("a path is UTF-8"), u64::MAX);
    let mut load =
        || call!(mreg_application_load(registry.0, path.as_ptr().cast(), path.len(), std::ptr::null(), &mut report));
    REFUSES.store(true, Ordering::SeqCst);
    let result = load();
    REFUSES.store(false, Ordering::SeqCst);
    assert_eq!(code(result), 21, "out of memory");
    assert_eq!(find(registry.0, "Keep"), Ok(keep));
    assert_eq!(find(registry.0, "New"), Ok(0));
    let after = stats(registry.0);
    assert_eq!(
        (after.models, after.owners, after.registered_total, after.tenants, after.bytes_in_use),
        (before.models, before.owners, before.registered_total, before.tenants, before.bytes_in_use)
    );
    assert_eq!(watch.poll(), Ok(None), "nobody is told of what was taken back");
    load().expect("a load, now that there is memory");
    assert_eq!(watch.take_brief(), briefs(&[(REPLACED, "Keep"), (REGISTERED, "New"), (REGISTERED, "Newer")]));
    assert!(!model_is_valid(keep));
    assert_eq!(stats(registry.0).models, before.models + 2);
    std::fs::remove_dir_all(&dir).expect("the directory goes");
}
