//! Every function that can ask for memory, with each of its requests refused in turn: it says so and has changed nothing,
//! or it can do without. What was handed in is destroyed as in every failing call, and the same call succeeds afterwards.
//!
//! Each refusal happens in a process of its own, which may end where docs/abi.md says so: for a piece of a size that no host
//! chooses.

mod support_c_api;

use std::ffi::c_void;

use support_c_api::arguments::{Arguments, DIRECTORY, Fixture, functions};
use support_c_api::scarce::{self, End, Refuses, Scarce, in_a_child, with_memory_for};
use support_c_api::state::state_of;
use support_c_api::*;

#[global_allocator]
static ALLOCATOR: Scarce = Scarce;

/// In the place of the system's: memory that is mapped is refused as well.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap(
    address: *mut c_void,
    length: usize,
    protection: i32,
    flags: i32,
    file: i32,
    offset: i64,
) -> *mut c_void {
    // SAFETY: the place of the calling thread's error number; the call is the caller's.
    unsafe {
        if scarce::refuses(length) {
            *libc::__errno_location() = libc::ENOMEM;
            return libc::MAP_FAILED;
        }
        std::ptr::with_exposed_provenance_mut(libc::syscall(
            libc::SYS_mmap,
            address,
            length,
            protection,
            flags,
            file,
            offset,
        ) as usize)
    }
}

const OUT_OF_MEMORY: i32 = 21;

/// The largest piece that may end the process: what grows with what the host hands in is larger in these scenes.
const SMALL: usize = 8 << 10;

/// One call, and what it is about.
struct Case {
    what: String,
    /// Of which the state is compared.
    registry: u64,
    owners: Vec<u64>,
    models: Vec<u64>,
    /// The call; it asks for no memory itself.
    call: Box<dyn FnMut(&mut capi::mreg_error) -> i32>,
    /// Whether the registry is empty without these owners: nobody holds anything.
    is_all: bool,
    /// Whose `user_data` the call is handed, with a destructor.
    handed: Option<&'static Witness>,
    /// Whose destructors the call makes due. Such a call needs no memory to succeed.
    due: Vec<&'static Witness>,
    /// Keeps what the call uses.
    _kept: Box<dyn std::any::Any>,
}

impl Case {
    fn new(what: &str, registry: u64, call: impl FnMut(&mut capi::mreg_error) -> i32 + 'static) -> Case {
        Case {
            what: what.to_owned(),
            registry,
            owners: Vec::new(),
            models: Vec::new(),
            is_all: false,
            call: Box::new(call),
            handed: None,
            due: Vec::new(),
            _kept: Box::new(()),
        }
    }

    fn state(&self) -> String {
        state_of(self.registry, &self.owners, &self.models)
    }

    /// Calls with memory for so many requests, in a process that is used for nothing else.
    fn try_with(&mut self, requests: usize, refuses: Refuses) -> (u8, String) {
        // Asking may build lists, which are then there.
        self.state();
        let before = self.state();
        let mut error = fresh_error();
        let call = &mut self.call;
        let (status, refused) = with_memory_for(requests, refuses, || call(&mut error));
        let _ = outcome(status, &error);
        if refused == 0 {
            return (ENOUGH, format!("{status}"));
        }
        let destroyed = self.handed.map_or(0, Witness::runs);
        if status == OK {
            assert_eq!(destroyed, 0, "what was registered is not destroyed");
            assert!(self.due.iter().all(|witness| witness.runs() == 1), "each destructor ran once");
            return (WITHOUT, String::new());
        }
        assert_eq!(status, OUT_OF_MEMORY, "{}", text_of(&error.message));
        assert!(self.due.is_empty(), "letting go needs no memory");
        assert_eq!(destroyed, usize::from(self.handed.is_some()), "what was handed in is destroyed");
        let after = self.state();
        let differs = before.lines().zip(after.lines()).find(|(before, after)| before != after);
        if before != after {
            panic!("nothing was changed: {differs:?}");
        }
        if self.is_all && refuses == Refuses::AllFrom {
            self.owners.iter().for_each(|owner| release(*owner).expect("release"));
            call!(mreg_registry_clear(self.registry)).expect("clear");
            call!(mreg_registry_reclaim(self.registry)).expect("reclaim");
            assert_eq!(stats(self.registry).bytes_in_use, 0, "nothing is lost");
            return (REFUSED, String::new());
        }
        let mut error = fresh_error();
        let status = (self.call)(&mut error);
        let _ = outcome(status, &error);
        assert_eq!(status, OK, "the call again: {}", text_of(&error.message));
        assert_eq!(self.handed.map_or(0, Witness::runs), destroyed, "what is registered is not destroyed");
        (REFUSED, String::new())
    }
}

const ENOUGH: u8 = 0;
const WITHOUT: u8 = 1;
const REFUSED: u8 = 2;

/// What became of the refusals of one call.
#[derive(Default, Debug)]
struct Tally {
    said_so: usize,
    did_without: usize,
    aborted: Vec<usize>,
}

/// Refuses each request of the call in turn.
fn refuse(case: &mut Case) -> (Tally, Vec<String>) {
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    for refuses in [Refuses::One, Refuses::AllFrom] {
        let mut requests = 0;
        loop {
            match in_a_child(|| case.try_with(requests, refuses)) {
                End::Said(ENOUGH, _) => break,
                End::Said(WITHOUT, _) => tally.did_without += 1,
                End::Said(REFUSED, _) => tally.said_so += 1,
                End::Aborted(bytes) if bytes <= SMALL => tally.aborted.push(bytes),
                other => wrong.push(format!("{}: request {requests}, {refuses:?}: {other:?}", case.what)),
            }
            // Each of the first ones; where there are many, they are much alike.
            requests += 1 + requests / 10;
            assert!(requests < 1_000_000, "{} asks for ever", case.what);
        }
    }
    (tally, wrong)
}

/// One test at a time: a fork takes along only the thread that forks, and what the others are at would stay as it is.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Refuses what every case asks for; fails with all that is wrong.
fn refuse_all(cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for mut case in cases {
        let (tally, found) = refuse(&mut case);
        println!("{}: {tally:?}", case.what);
        wrong.extend(found);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_function_of_the_header() {
    let _alone = alone();
    let mut cases = Vec::new();
    for (function, call) in functions() {
        let fixture = Fixture::new();
        let arguments = Arguments::good(&fixture, &function);
        let values = arguments.values.clone();
        let ends = matches!(function.name.as_str(), "mreg_registry_destroy");
        let other = Registry::new();
        let registry = if ends { other.0 } else { fixture.registry.0 };
        let mut case = Case::new(&function.name, registry, move |error| call(&values, error));
        if !ends {
            (case.owners, case.models) = (vec![fixture.owner, fixture.source], vec![fixture.model]);
        }
        case._kept = Box::new((fixture, arguments, other));
        cases.push(case);
    }
    refuse_all(cases);
}

/// A registry with two owners of whom each has so many models, half of them in a tenant.
struct Scene {
    registry: Registry,
    app: u64,
    source: u64,
    models: Vec<u64>,
    witnesses: Vec<&'static Witness>,
}

impl Scene {
    fn with(count: usize) -> Scene {
        let registry = Registry::new();
        let (app, source) = (registry.app(), registry.data_source("mysql"));
        let (mut models, mut witnesses) = (Vec::new(), Vec::new());
        for number in 0..count {
            let witness = Witness::new();
            let name = format!("Model{number}");
            models.push(Model::of(&name, app).watched(witness).add(&registry));
            models.push(Model::on(&name, source).add(&registry));
            models.push(Model::tenant(&name, "north").add(&registry));
            witnesses.push(witness);
        }
        Scene { registry, app, source, models, witnesses }
    }

    /// A call about the scene, whose state is compared where the registry and both owners are there afterwards.
    fn case(self, what: &str, call: impl FnMut(&mut capi::mreg_error) -> i32 + 'static) -> Case {
        let mut case = Case::new(what, self.registry.0, call);
        (case.owners, case.models) = (vec![self.app, self.source], self.models.iter().take(30).copied().collect());
        case.is_all = stats(self.registry.0).owners == 2;
        case._kept = Box::new(self);
        case
    }

    /// A call that lets go of all that the app has.
    fn letting_go(self, what: &str, call: impl FnMut(&mut capi::mreg_error) -> i32 + 'static) -> Case {
        let witnesses = self.witnesses.clone();
        let mut case = self.case(what, call);
        case.due = witnesses;
        case
    }
}

fn leaked(text: String) -> &'static str {
    text.leak()
}

/// Registers in a scene, with what is long.
fn registering(count: usize, what: &str, model: impl Fn(&Scene) -> Model<'static>) -> Case {
    let scene = Scene::with(count);
    let witness = Witness::new();
    let model = model(&scene).watched(witness);
    let mut options = made(capi::mreg_model_options_init);
    (options.name, options.tenant, options.settings) = (text(model.name), text(model.tenant), text(model.settings));
    (options.data_source, options.app, options.schema) = (model.data_source, model.app, model.schema);
    options.user_data = witness.pointer();
    options.destroy = Some(destroyed);
    let (registry, mut handle) = (scene.registry.0, 0);
    // SAFETY: the options and what they point to live as long as the process.
    let call = move |error: &mut _| unsafe { capi::mreg_model_register(registry, &options, &mut handle, error) };
    let mut case = scene.case(&format!("{what} beside {count}"), call);
    case.handed = Some(witness);
    case
}

/// Registers the first model of an owner, of a name and a schema that another model has.
fn registering_what_others_have(count: usize, model: impl Fn(&Registry) -> Model<'static>) -> Case {
    let scene = Scene::with(count);
    let schema = schema(r#"{"name": "One", "properties": {"a": "string"}}"#);
    Model { schema, ..Model::of("Known", scene.app) }.add(&scene.registry);
    let model = model(&scene.registry);
    let mut options = made(capi::mreg_model_options_init);
    (options.name, options.schema) = (text("Known"), schema);
    (options.data_source, options.app) = (model.data_source, model.app);
    let (registry, mut handle) = (scene.registry.0, 0);
    // SAFETY: the options and what they point to live as long as the process.
    let call = move |error: &mut _| unsafe { capi::mreg_model_register(registry, &options, &mut handle, error) };
    let mut case = scene.case(&format!("what others have beside {count}"), call);
    case.owners.push(model.data_source | model.app);
    case.is_all = true;
    case
}

/// The destructor of a host that has memory.
unsafe extern "C-unwind" fn destroyed(user_data: *mut c_void) {
    // SAFETY: the user data is a witness's.
    scarce::as_the_host(|user_data| unsafe { witnessed(user_data) }, user_data);
}

#[test]
fn registering_and_moving() {
    let _alone = alone();
    let name = leaked("n".repeat(4096));
    let settings = leaked(format!(r#"{{"a": "{}"}}"#, "s".repeat(100_000)));
    let mut cases = Vec::new();
    for count in [0, 10, 64, 256] {
        cases.push(registering(count, "a model without an owner", |_| Model::new("Another")));
        cases.push(registering(count, "a model of an app", |scene| Model::of("Another", scene.app)));
        cases.push(registering(count, "a model on a data source of an app", |scene| Model {
            app: scene.app,
            ..Model::on("Another", scene.source)
        }));
        cases.push(registering(count, "a replacing model", |scene| Model::of("Model3", scene.app)));
    }
    // So many that there has to be room for one more record.
    for count in [1, 5, 21, 85] {
        cases.push(registering_what_others_have(count, |registry| Model::of("", registry.app())));
        cases.push(registering_what_others_have(count, |registry| Model {
            data_source: registry.data_source("postgresql"),
            ..Model::default()
        }));
    }
    for count in [0, 100] {
        cases.push(registering(count, "a long name in a new tenant", move |_| Model {
            tenant: leaked("t".repeat(255)),
            settings,
            ..Model::new(name)
        }));
        cases.push(registering(count, "a model with a schema", |scene| Model {
            schema: schema(r#"{"name": "One", "properties": {"a": "string", "b": {"type": "number"}}}"#),
            ..Model::of("Another", scene.app)
        }));
        for (what, to_source) in [("a move to the data source", true), ("a move to a tenant", false)] {
            let scene = Scene::with(count.max(1));
            let model = Model::of("Moves", scene.app).add(&scene.registry);
            let source = if to_source { scene.source } else { 0 };
            let tenant = if to_source { "" } else { "west" };
            cases.push(scene.case(what, move |error| {
                // SAFETY: the text lives as long as the process.
                unsafe { capi::mreg_model_move(model, source, 0, tenant.as_ptr().cast(), tenant.len(), error) }
            }));
        }
    }
    refuse_all(cases);
}

#[test]
fn owners_and_registries() {
    let _alone = alone();
    let long = leaked("l".repeat(1000));
    let mut cases = Vec::new();
    for count in [0, 63, 64] {
        for kind in [DATA_SOURCE, APP] {
            let scene = Scene::with(0);
            for number in 0..count {
                Owner { kind, connector: "memory", database: &format!("d{number}"), ..Owner::default() }
                    .create(scene.registry.0)
                    .expect("an owner");
            }
            let witness = Witness::new();
            let mut options = made(capi::mreg_owner_options_init);
            options.kind = kind;
            options.name = text(long);
            if kind == DATA_SOURCE {
                (options.connector, options.host, options.database) = (text("mysql"), text(long), text(long));
                options.url = text(leaked(format!("mysql://host/{}", "u".repeat(8000))));
            }
            options.user_data = witness.pointer();
            options.destroy = Some(destroyed);
            let (registry, mut owner) = (scene.registry.0, 0);
            // SAFETY: the options and what they point to live as long as the process.
            let call = move |error: &mut _| unsafe { capi::mreg_owner_create(registry, &options, &mut owner, error) };
            let mut case = scene.case(&format!("an owner of kind {kind} beside {count}"), call);
            case.handed = Some(witness);
            cases.push(case);
        }
    }
    let codes: &'static [capi::mreg_text] =
        (0..1000).map(|at| text(leaked(format!("code{at:0200}")))).collect::<Vec<_>>().leak();
    let mut options = made(capi::mreg_registry_options_init);
    (options.reserved_tenants, options.reserved_tenant_count) = (codes.as_ptr(), codes.len());
    let mut registry = 0;
    cases.push(Scene::with(1).case("a registry with reserved codes", move |error| {
        // SAFETY: the options and what they point to live as long as the process.
        unsafe { capi::mreg_registry_create(&options, &mut registry, error) }
    }));
    refuse_all(cases);
}

#[test]
fn asking_and_holding() {
    let _alone = alone();
    let mut cases = Vec::new();
    for count in [1, 100, 300] {
        let scene = Scene::with(count);
        let (app, mut snapshot) = (scene.app, 0);
        invalidate(app).expect("invalidate");
        cases.push(scene.case(&format!("holding {count} models"), move |error| {
            // SAFETY: the place for the result lives as long as the call.
            unsafe { capi::mreg_owner_hold_models(app, ANY, &mut snapshot, error) }
        }));
        let scene = Scene::with(count);
        let (registry, mut snapshot) = (scene.registry.0, 0);
        cases.push(scene.case(&format!("holding all of {count} models"), move |error| {
            // SAFETY: as above.
            unsafe { capi::mreg_registry_hold_models(registry, &mut snapshot, error) }
        }));
        let scene = Scene::with(count);
        let (app, mut models, mut number) = (scene.app, vec![0; count], 0);
        invalidate(app).expect("invalidate");
        cases.push(scene.case(&format!("listing {count} models"), move |error| {
            // SAFETY: the array has room for as many as it says.
            unsafe {
                let stamp = std::ptr::null_mut();
                capi::mreg_owner_models(app, ANY, models.as_mut_ptr(), models.len(), &mut number, stamp, error)
            }
        }));
        let scene = Scene::with(count);
        let (registry, mut buffer) = (scene.registry.0, vec![0; 1 << 20]);
        cases.push(scene.case(&format!("a leak report of {count} models"), move |error| {
            let nothing = std::ptr::null_mut();
            // SAFETY: the buffer has room for as much as it says.
            unsafe {
                capi::mreg_registry_leak_report(registry, buffer.as_mut_ptr(), buffer.len(), nothing, nothing, error)
            }
        }));
    }
    refuse_all(cases);
}

#[test]
fn letting_go() {
    let _alone = alone();
    let mut cases = Vec::new();
    for count in [1, 100, 300] {
        let scene = Scene::with(count);
        let registry = scene.registry.0;
        cases.push(scene.letting_go(&format!("clear of {count}"), move |error| {
            // SAFETY: no pointer but the error's.
            unsafe { capi::mreg_registry_clear(registry, error) }
        }));
        let scene = Scene::with(count);
        let app = scene.app;
        cases.push(scene.letting_go(&format!("release with {count}"), move |error| {
            // SAFETY: as above.
            unsafe { capi::mreg_owner_release(app, error) }
        }));
        let scene = Scene::with(count);
        let (gone, other) = (scene.registry.0, Registry::new());
        let mut case = scene.letting_go(&format!("destroy with {count}"), move |error| {
            // SAFETY: as above.
            unsafe { capi::mreg_registry_destroy(gone, error) }
        });
        (case.registry, case.owners, case.models) = (other.0, Vec::new(), Vec::new());
        case._kept = Box::new((case._kept, other));
        cases.push(case);
        let scene = Scene::with(count);
        let snapshot = hold_models(scene.app, ANY, false).expect("a snapshot");
        scene.registry.clear();
        cases.push(scene.letting_go(&format!("the end of a snapshot of {count}"), move |error| {
            // SAFETY: as above.
            unsafe { capi::mreg_snapshot_free(snapshot, error) }
        }));
        let mut scene = Scene::with(count);
        let model = scene.models[0];
        scene.witnesses.truncate(1);
        cases.push(scene.letting_go(&format!("unregister beside {count}"), move |error| {
            // SAFETY: as above.
            unsafe { capi::mreg_model_unregister(model, error) }
        }));
        let scene = Scene::with(count);
        let registry = scene.registry.0;
        let witnesses: Vec<_> = (0..count).map(|_| Witness::new()).collect();
        for (number, witness) in witnesses.iter().enumerate() {
            Model::tenant(leaked(format!("Model{number}")), "north").watched(witness).add(&scene.registry);
        }
        let mut case = scene.case(&format!("the drop of a tenant of {count}"), move |error| {
            let code = c"north".as_ptr();
            // SAFETY: the text has a NUL.
            unsafe { capi::mreg_tenant_drop(registry, code, usize::MAX, 0, std::ptr::null_mut(), error) }
        });
        case.due = witnesses;
        cases.push(case);
        let scene = Scene::with(count);
        let registry = scene.registry.0;
        cases.push(scene.letting_go(&format!("a sweep with {count}"), move |error| {
            // SAFETY: no result is wanted.
            unsafe { capi::mreg_tenant_drop_idle(registry, 0, std::ptr::null_mut(), error) }
        }));
    }
    refuse_all(cases);
}

#[test]
fn definitions() {
    let _alone = alone();
    let properties: Vec<String> = (0..1000)
        .map(|at| format!(r#""p{at}": {{"type": ["string"], "x": "\u00e9{}", "y": {at}.25e3}}"#, "v".repeat(50)))
        .collect();
    let json = leaked(format!(
        r#"{{"name": "Large", "base": "User", "properties": {{{}}}, "long": "{}"}}"#,
        properties.join(", "),
        "w".repeat(100_000)
    ));
    let nested = leaked(format!(
        r#"{{"name": "Nested", "properties": {{"a": {}"string"{}}}}}"#,
        r#"{"type": ["#.repeat(30),
        "]}".repeat(30)
    ));
    let mut cases = Vec::new();
    for (what, json) in [("a large definition", json), ("a nested definition", nested)] {
        let mut schema = 0;
        cases.push(Scene::with(1).case(what, move |error| {
            // SAFETY: the text lives as long as the process.
            unsafe { capi::mreg_schema_parse(json.as_ptr().cast(), json.len(), std::ptr::null(), &mut schema, error) }
        }));
    }
    let (schema, mut buffer) = (schema(json), vec![0; 1 << 20]);
    cases.push(Scene::with(1).case("a large definition as text", move |error| {
        // SAFETY: the buffer has room for as much as it says.
        unsafe {
            let length = std::ptr::null_mut();
            capi::mreg_schema_to_json(schema, buffer.as_mut_ptr(), buffer.len(), length, error)
        }
    }));
    refuse_all(cases);
}

#[test]
fn loading() {
    let _alone = alone();
    let mut cases = Vec::new();
    let problems = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/wrong-models");
    for directory in [DIRECTORY, problems] {
        let scene = Scene::with(1);
        let (registry, mut report) = (scene.registry.0, 0);
        cases.push(scene.case(&format!("a load of {directory}"), move |error| {
            // SAFETY: the text lives as long as the process.
            unsafe {
                let (start, options) = (directory.as_ptr().cast(), std::ptr::null());
                capi::mreg_application_load(registry, start, directory.len(), options, &mut report, error)
            }
        }));
    }
    refuse_all(cases);
}

/// A call that is handed `user_data` with its destructor.
type Handing<'a> = dyn FnMut() -> i32 + 'a;

#[test]
fn a_destructor_that_there_is_no_memory_to_record_runs_before_the_call_returns() {
    let _alone = alone();
    let registry = Registry::new();
    let mut model = made(capi::mreg_model_options_init);
    model.name = text("User");
    model.destroy = Some(destroyed);
    let mut owner = made(capi::mreg_owner_options_init);
    owner.kind = APP;
    owner.destroy = Some(destroyed);
    let mut watcher = made(capi::mreg_watcher_options_init);
    watcher.destroy = Some(destroyed);
    let (witness, error) = (Witness::new(), std::ptr::null_mut());
    (model.user_data, owner.user_data, watcher.user_data) = (witness.pointer(), witness.pointer(), witness.pointer());
    let mut handle = 77;
    let mut calls: [(&str, Box<Handing<'_>>); 3] = [
        // SAFETY: the options and the place for the handle live through the call; no error is wanted.
        ("register", Box::new(|| unsafe { capi::mreg_model_register(registry.0, &model, &mut handle, error) })),
        // SAFETY: as above.
        ("owner", Box::new(|| unsafe { capi::mreg_owner_create(registry.0, &owner, &mut 0, error) })),
        // SAFETY: as above.
        ("watcher", Box::new(|| unsafe { capi::mreg_watcher_create(registry.0, &watcher, &mut 0, error) })),
    ];
    for (at, (what, call)) in calls.iter_mut().enumerate() {
        let (status, refused) = with_memory_for(0, Refuses::One, call);
        assert_eq!((status, refused), (OUT_OF_MEMORY, 1), "{what}");
        assert_eq!(witness.runs(), at + 1, "{what}");
    }
    drop(calls);
    assert_eq!(handle, 0);
    assert_eq!((stats(registry.0).models, stats(registry.0).owners), (0, 0));
}
