//! The lock-free reads against every kind of change, small enough for Miri and for ThreadSanitizer: they look for what no
//! assertion sees, undefined behaviour and data races. What is read is checked all the same.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use modelreg::capi::*;

const ROUNDS: usize = if cfg!(miri) { 8 } else { 3000 };
const READERS: usize = if cfg!(miri) { 1 } else { 3 };

fn text(text: &str) -> mreg_text {
    mreg_text { data: text.as_ptr().cast(), length: text.len() }
}

fn registry() -> mreg_registry {
    let mut registry = 0;
    // SAFETY: no options, and a place for the result.
    assert_eq!(unsafe { mreg_registry_create(null(), &mut registry, null_mut()) }, 0);
    registry
}

fn owner(registry: mreg_registry, kind: u32) -> mreg_owner {
    let mut options = std::mem::MaybeUninit::uninit();
    let mut owner = 0;
    // SAFETY: `init` fills the options; the rest are places for results.
    unsafe {
        mreg_owner_options_init(options.as_mut_ptr());
        let mut options = options.assume_init();
        options.kind = kind;
        assert_eq!(mreg_owner_create(registry, &options, &mut owner, null_mut()), 0);
    }
    owner
}

static DESTROYED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C-unwind" fn destroy(user_data: *mut c_void) {
    // SAFETY: every model of this test has a box of its own as user data.
    drop(unsafe { Box::from_raw(user_data.cast::<u64>()) });
    DESTROYED.fetch_add(1, Ordering::Relaxed);
}

fn register(
    registry: mreg_registry,
    name: &str,
    data_source: mreg_owner,
    app: mreg_owner,
    value: u64,
) -> (i32, mreg_model) {
    register_as(registry, name, |options| {
        options.data_source = data_source;
        options.app = app;
        options.user_data = Box::into_raw(Box::new(value)).cast();
        options.destroy = Some(destroy);
    })
}

fn register_as(registry: mreg_registry, name: &str, say: impl FnOnce(&mut mreg_model_options)) -> (i32, mreg_model) {
    let mut options = std::mem::MaybeUninit::uninit();
    let mut model = 0;
    // SAFETY: `init` fills the options; texts live longer than the call.
    let status = unsafe {
        mreg_model_options_init(options.as_mut_ptr());
        let mut options = options.assume_init();
        options.name = text(name);
        say(&mut options);
        mreg_model_register(registry, &options, &mut model, null_mut())
    };
    (status, model)
}

/// Everything a reader can ask without the lock, and what it can ask with it.
fn read_all(owner: mreg_owner, known: mreg_model) {
    let mut models = [0; 40];
    let (mut count, mut model, mut has) = (0, 0, false);
    let mut names = [0 as c_char; 2000];
    let mut length = 0;
    // SAFETY: the arrays have the room that is said, the rest are places for results.
    unsafe {
        mreg_owner_is_valid(owner);
        mreg_model_is_valid(known);
        let status = mreg_owner_models(owner, 0, models.as_mut_ptr(), models.len(), &mut count, null_mut(), null_mut());
        if status == 0 {
            assert!(models[..count].iter().all(|model| *model != 0), "a list has no gaps");
        }
        mreg_owner_models_on(owner, 0, models.as_mut_ptr(), models.len(), &mut count, null_mut(), null_mut());
        mreg_owner_get(owner, 0, c"Short".as_ptr(), 5, &mut model, null_mut());
        mreg_owner_has(owner, 0, c"Another much longer name, 7".as_ptr(), 27, &mut has, null_mut());
        read_many(owner);
        let status = mreg_owner_names(
            owner,
            0,
            names.as_mut_ptr(),
            names.len(),
            &mut length,
            &mut count,
            null_mut(),
            null_mut(),
        );
        if status == 0 && count > 0 {
            let first = CStr::from_ptr(names.as_ptr()).to_str().expect("a name is UTF-8");
            assert!(first == "Short" || first.starts_with("Another much longer name"), "{first}");
        }
        let mut snapshot = 0;
        if mreg_owner_hold_models(owner, 0, &mut snapshot, null_mut()) == 0 {
            let mut user_data = null_mut();
            if mreg_snapshot_user_data(snapshot, 0, &mut user_data, null_mut()) == 0 {
                assert!(*user_data.cast::<u64>() >= 7, "what a snapshot holds is there");
            }
            assert_eq!(mreg_snapshot_free(snapshot, null_mut()), 0);
        }
        if mreg_model_hold(known, null_mut()) == 0 {
            let mut user_data = null_mut();
            assert_eq!(mreg_model_user_data(known, &mut user_data, null_mut()), 0);
            assert!(*user_data.cast::<u64>() >= 7, "what is held is there");
            assert_eq!(mreg_model_unhold(known, null_mut()), 0);
        }
    }
}

/// The same in calls with many questions: what is asked of memory in advance follows addresses as the answers do.
///
/// # Safety
/// Any owner may be asked about.
unsafe fn read_many(owner: mreg_owner) {
    const ASKED: usize = if cfg!(miri) { 2 } else { 10 };
    let owners = [owner; ASKED];
    let (mut models, mut counts, mut count) = ([0; 20 * ASKED], [0; ASKED], 0);
    let names = [text("Short"), text("Another much longer name, 7")];
    let mut found = [0; ASKED];
    // SAFETY: the arrays have the room that is said, the rest are places for results.
    unsafe {
        let (room, capacity, each) = (models.as_mut_ptr(), models.len(), counts.as_mut_ptr());
        let (stamps, statuses, error) = (null_mut(), null_mut(), null_mut());
        mreg_owner_models_many(owners.as_ptr(), ASKED, 0, room, capacity, each, stamps, statuses, &mut count, error);
        assert!(models[..count.min(capacity)].iter().all(|model| *model != 0), "lists have no gaps");
        for name in &names {
            mreg_owner_get_many(owners.as_ptr(), ASKED, 0, name, 1, found.as_mut_ptr(), statuses, error);
        }
    }
}

#[test]
fn readers_beside_every_kind_of_change() {
    let registry = registry();
    let (data_source, app) = (owner(registry, MREG_KIND_DATA_SOURCE), owner(registry, MREG_KIND_APP));
    let passing = AtomicU64::new(owner(registry, MREG_KIND_DATA_SOURCE));
    let known = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let (mut word, mut registry_word) = (null(), null());
    // SAFETY: places for results.
    assert_eq!(unsafe { mreg_owner_freshness_words(data_source, &mut word, &mut registry_word, null_mut()) }, 0);
    let mut made = 0;
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for owner in [data_source, app, passing.load(Ordering::Relaxed)] {
                        read_all(owner, known.load(Ordering::Relaxed));
                    }
                }
            });
        }
        for round in 0..ROUNDS {
            // Short lists and long ones, names in the atom and outside, the same and new ones.
            let names = if round % 3 == 0 { 14 } else { 4 };
            for number in 0..names {
                let name = if number == 0 { "Short".to_owned() } else { format!("Another much longer name, {number}") };
                let with_app = if number % 4 == 3 { app } else { 0 };
                let (status, model) = register(registry, &name, data_source, with_app, 7 + number);
                assert_eq!(status, 0);
                made += 1;
                known.store(model, Ordering::Relaxed);
            }
            let (status, model) = register(registry, "Short", passing.load(Ordering::Relaxed), 0, 8);
            assert_eq!(status, 0);
            made += 1;
            // SAFETY: handles only.
            unsafe {
                match round % 4 {
                    0 => assert_eq!(mreg_registry_clear(registry, null_mut()), 0),
                    1 => assert_eq!(mreg_model_unregister(model, null_mut()), 0),
                    2 => assert_eq!(mreg_model_move(model, data_source, app, null(), 0, null_mut()), 0),
                    _ => {
                        assert_eq!(mreg_owner_release(passing.load(Ordering::Relaxed), null_mut()), 0);
                        passing.store(owner(registry, MREG_KIND_DATA_SOURCE), Ordering::Relaxed);
                    }
                }
            }
            if round % 5 == 4 {
                // SAFETY: a handle only.
                assert_eq!(unsafe { mreg_registry_reclaim(registry, null_mut()) }, 0);
            }
        }
        // The registry goes while the readers are still asking.
        // SAFETY: a handle only.
        assert_eq!(unsafe { mreg_registry_destroy(registry, null_mut()) }, 0);
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(DESTROYED.load(Ordering::Relaxed), made, "every destructor ran once");
}

#[test]
fn readers_of_what_outlives_drops_of_a_tenant() {
    // More than are taken out one by one.
    const MANY: usize = 70;
    const DROPS: usize = if cfg!(miri) { 2 } else { 300 };
    let registry = registry();
    let app = owner(registry, MREG_KIND_APP);
    let (status, stays) = register_as(registry, "Short", |options| options.app = app);
    assert_eq!(status, 0);
    let (passes, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let (mut found, mut models, mut count) = (0, [0], 0);
                    // SAFETY: the array has the room that is said, the rest are places for results.
                    unsafe {
                        assert!(mreg_model_is_valid(stays));
                        mreg_model_is_valid(passes.load(Ordering::Relaxed));
                        mreg_owner_models(app, 0, models.as_mut_ptr(), 1, &mut count, null_mut(), null_mut());
                        assert_eq!((models, count), ([stays], 1));
                        mreg_owner_get(app, 0, c"Short".as_ptr(), 5, &mut found, null_mut());
                        assert_eq!(found, stays);
                        mreg_registry_find_model(registry, c"Short".as_ptr(), 5, &mut found, null_mut());
                    }
                    assert_ne!(found, 0, "there is always one of the name");
                }
            });
        }
        for round in 0..DROPS {
            for number in 0..MANY {
                let name = if number == 0 { "Short".to_owned() } else { format!("Another much longer name, {number}") };
                let (status, model) = register_as(registry, &name, |options| options.tenant = text("north"));
                assert_eq!(status, 0);
                passes.store(model, Ordering::Relaxed);
            }
            let mut dropped = 0;
            // SAFETY: a text that lives longer than the call, handles, and places for results.
            unsafe {
                assert_eq!(mreg_tenant_drop(registry, c"north".as_ptr(), 5, 0, &mut dropped, null_mut()), 0);
                assert!(!mreg_model_is_valid(passes.load(Ordering::Relaxed)));
                if round % 3 == 2 {
                    assert_eq!(mreg_registry_reclaim(registry, null_mut()), 0);
                }
            }
            assert_eq!(dropped, MANY as u64);
        }
        done.store(true, Ordering::Relaxed);
    });
    // SAFETY: a handle only.
    assert_eq!(unsafe { mreg_registry_destroy(registry, null_mut()) }, 0);
}
