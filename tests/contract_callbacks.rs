//! Every function of the header, called from every kind of callback: none of them waits for a lock that the call around it
//! holds, and each answers as it does elsewhere.

mod support_c_api;

use std::ffi::{c_char, c_void};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use support_c_api::arguments::{Arguments, Fixture, finds_nothing, functions};
use support_c_api::table::{Call, Declared};
use support_c_api::*;

/// What a callback does the first time that it is called, and not when its own calls call it again.
struct Inside {
    function: Declared,
    call: Call,
    arguments: Arguments,
    fixture: Fixture,
    calls: AtomicUsize,
    status: Mutex<Option<i32>>,
}

impl Inside {
    fn new(function: &Declared, call: Call) -> &'static Inside {
        let fixture = Fixture::new();
        let arguments = Arguments::good(&fixture, function);
        let (calls, status) = (AtomicUsize::new(0), Mutex::new(None));
        Box::leak(Box::new(Inside { function: function.clone(), call, arguments, fixture, calls, status }))
    }

    fn happens(&self) {
        if self.calls.fetch_add(1, Ordering::SeqCst) > 0 {
            return;
        }
        let mut error = fresh_error();
        let status = (self.call)(&self.arguments.values, &mut error);
        let _ = outcome(status, &error);
        *self.status.lock().expect("no callback panics") = Some(status);
    }

    /// Checks what the callback's call answered, and lets the fixture go.
    fn ends(&self, callback: &str) {
        let status = self.status.lock().expect("no callback panics").take();
        let status = status.unwrap_or_else(|| panic!("{}: the {callback} was not called", self.function.name));
        let taken = status == OK || finds_nothing(&self.function, status);
        assert!(taken, "{} in a {callback}: {status}", self.function.name);
        set_current_tenant("").expect("no current tenant");
        if self.function.name == "mreg_registry_create" {
            destroy(self.arguments.memory[1][0]).expect("destroy");
        }
        for handle in [self.fixture.watcher, self.fixture.registry.0] {
            let _ = call!(mreg_watcher_free(handle));
            let _ = destroy(handle);
        }
    }

    fn pointer(&'static self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

/// # Safety
/// `user_data` is an [`Inside`]'s pointer.
unsafe fn inside(user_data: *mut c_void) {
    // SAFETY: they live as long as the process, and are only shared.
    unsafe { &*user_data.cast::<Inside>() }.happens();
}

unsafe extern "C-unwind" fn in_destructor(user_data: *mut c_void) {
    // SAFETY: as it was handed in.
    unsafe { inside(user_data) };
}

unsafe extern "C-unwind" fn in_watcher(user_data: *mut c_void, _: *const capi::mreg_change) {
    // SAFETY: as it was handed in.
    unsafe { inside(user_data) };
}

unsafe extern "C-unwind" fn in_log(user_data: *mut c_void, _: u32, _: *const c_char, _: usize) {
    // SAFETY: as it was handed in.
    unsafe { inside(user_data) };
}

/// The log is the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn with_each_function(callback: &str, call_back: impl Fn(&'static Inside)) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    with_an_alarm(|| {
        for (function, call) in functions() {
            let inside = Inside::new(&function, call);
            call_back(inside);
            inside.ends(callback);
        }
    });
}

/// Registers a model in the fixture's registry, with the destructor.
fn register_with(inside: &'static Inside, app: u64) -> u64 {
    let mut options = made(capi::mreg_model_options_init);
    (options.name, options.app) = (text("Calls"), app);
    options.user_data = inside.pointer();
    options.destroy = Some(in_destructor);
    let mut model = 0;
    call!(mreg_model_register(inside.fixture.registry.0, &options, &mut model)).expect("a model");
    model
}

/// Makes a callback happen.
type Way = fn(&'static Inside);

#[test]
fn every_function_in_a_models_destructor() {
    let ways: [(&str, Way); 5] = [
        ("destructor of unregister", |inside| {
            unregister(register_with(inside, inside.fixture.owner)).expect("unregister");
        }),
        ("destructor of a replacing register", |inside| {
            register_with(inside, 0);
            Model::new("Calls").add(&inside.fixture.registry);
        }),
        ("destructor of a release", |inside| {
            let app = inside.fixture.registry.app();
            register_with(inside, app);
            release(app).expect("release");
        }),
        ("destructor of a tenant's drop", |inside| {
            register_with(inside, 0);
            drop_tenant(inside.fixture.registry.0, "global", 0).expect("drop");
        }),
        ("destructor of a failing register", |inside| {
            let mut options = made(capi::mreg_model_options_init);
            options.user_data = inside.pointer();
            options.destroy = Some(in_destructor);
            let mut model = 0;
            let failed = call!(mreg_model_register(inside.fixture.registry.0, &options, &mut model));
            assert_eq!(code(failed), INVALID_NAME);
        }),
    ];
    for (callback, call_back) in ways {
        with_each_function(callback, call_back);
    }
}

#[test]
fn every_function_in_an_owners_destructor() {
    with_each_function("destructor of an owner", |inside| {
        let mut options = made(capi::mreg_owner_options_init);
        (options.kind, options.user_data) = (APP, inside.pointer());
        options.destroy = Some(in_destructor);
        let mut owner = 0;
        call!(mreg_owner_create(inside.fixture.registry.0, &options, &mut owner)).expect("an owner");
        release(owner).expect("release");
    });
}

#[test]
fn every_function_in_a_watchers_callback_and_its_destructor() {
    let watch = |inside: &'static Inside, calls: bool| {
        let mut options = made(capi::mreg_watcher_options_init);
        options.user_data = inside.pointer();
        if calls {
            options.callback = Some(in_watcher);
        } else {
            options.destroy = Some(in_destructor);
        }
        let mut watcher = 0;
        call!(mreg_watcher_create(inside.fixture.registry.0, &options, &mut watcher)).expect("a watcher");
        watcher
    };
    with_each_function("watcher's callback", |inside| {
        let watcher = watch(inside, true);
        Model::new("Told").add(&inside.fixture.registry);
        call!(mreg_watcher_free(watcher)).expect("free");
    });
    with_each_function("watcher's destructor", |inside| {
        let watcher = watch(inside, false);
        call!(mreg_watcher_free(watcher)).expect("free");
    });
}

#[test]
fn every_function_in_the_logs_callback() {
    with_each_function("log's callback", |inside| {
        // A registry of its own, so that the one which the functions are about has not been cleared.
        let registry = Registry::new();
        call!(mreg_log_set(capi::MREG_LOG_DEBUG, Some(in_log), inside.pointer())).expect("the log");
        registry.clear();
        call!(mreg_log_set(capi::MREG_LOG_OFF, None, std::ptr::null_mut())).expect("no log");
    });
}
