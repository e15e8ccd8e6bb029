//! What counts as use of a tenant, what is dropped when it was idle, by whom, and the thread's current tenant.

mod support_c_api;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use support_c_api::*;

const SYSTEM: u64 = capi::MREG_CLOCK_SYSTEM;
const HALF_AN_HOUR: u64 = 30 * 60 * 1000;

/// A registry whose clock stands at a number.
fn registry_at(milliseconds: u64) -> Registry {
    let registry = Registry::new();
    set_clock(registry.0, milliseconds);
    registry
}

#[track_caller]
fn idle(registry: &Registry, code: &str) -> u64 {
    tenant(registry.0, code).expect("an answer").expect("a tenant").idle
}

#[test]
fn idle_time_is_measured_by_the_registry_s_clock() {
    let (registry, other) = (registry_at(1000), registry_at(1000));
    Model::tenant("User", "north").add(&registry);
    Model::tenant("User", "north").add(&other);
    set_clock(registry.0, 61_000);
    assert_eq!((idle(&registry, "north"), idle(&other, "north")), (60_000, 0), "each has its own");
    registry.clear();
    assert_eq!(idle(&registry, "global"), 0, "what a clear makes anew is not idle");
    set_clock(registry.0, 71_000);
    assert_eq!(idle(&registry, "global"), 10_000, "the clock stays set over a clear");
}

#[test]
fn a_tenant_is_dropped_when_it_was_idle_for_so_long_or_longer() {
    let registry = registry_at(0);
    for (code, at) in [("first", 0), ("second", 1), ("third", 2)] {
        set_clock(registry.0, at);
        Model::tenant("User", code).add(&registry);
    }
    set_clock(registry.0, HALF_AN_HOUR - 1);
    assert_eq!(drop_idle(registry.0, HALF_AN_HOUR), Ok(0));
    set_clock(registry.0, HALF_AN_HOUR + 1);
    assert_eq!(drop_idle(registry.0, HALF_AN_HOUR), Ok(2));
    assert_eq!(tenant_codes(registry.0), ["third"]);
    assert_eq!(drop_idle(registry.0, 0), Ok(1), "0: all of them");
}

#[test]
fn global_is_never_idle_enough() {
    let registry = registry_at(0);
    let model = Model::new("User").add(&registry);
    set_clock(registry.0, u64::MAX - 1);
    assert_eq!((drop_idle(registry.0, 0), sweep(registry.0)), (Ok(0), Ok(0)));
    assert!(model_is_valid(model));
    assert_eq!(idle(&registry, "global"), u64::MAX - 1);
}

/// A scene of three partitions; `use_it` says whether what it does counts as use of the one with this label.
fn is_use(label: &str, use_it: impl Fn(&Scene)) -> bool {
    let scene = Scene::new();
    set_clock(scene.registry.0, 60_000);
    use_it(&scene);
    let idle = idle(&scene.registry, label);
    assert!(idle == 0 || idle == 60_000, "{idle}");
    idle == 0
}

struct Scene {
    registry: Registry,
    source: u64,
    app: u64,
    /// Of the structure that the tenant's model has, and no other.
    schema: u64,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = free_schema(self.schema);
    }
}

const SOURCE: &str = "ds_mysql_33511a21";

impl Scene {
    fn new() -> Scene {
        let registry = registry_at(0);
        let (source, app) = (registry.data_source("mysql"), registry.app());
        let schema = schema(r#"{"name": "One", "base": "Model", "properties": {"a": "string"}}"#);
        Model::on("OnSource", source).add(&registry);
        Model { app, ..Model::on("OfBoth", source) }.add(&registry);
        Model::of("OfApp", app).add(&registry);
        Model { schema, ..Model::tenant("User", "north") }.add(&registry);
        for owner in [source, app] {
            models_of(owner).expect("a list");
            models_on(owner).expect("a list");
        }
        Scene { registry, source, app, schema }
    }
}

#[test]
fn registering_and_finding_count_as_use_of_the_partition_of_the_model() {
    assert!(is_use("north", |scene| done(Model::tenant("Order", "north").add(&scene.registry))));
    assert!(is_use("north", |scene| done(find(scene.registry.0, "User"))));
    assert!(is_use("north", |scene| done(find_in(scene.registry.0, "north", "User"))));
    assert!(is_use(SOURCE, |scene| done(Model::on("Order", scene.source).add(&scene.registry))));
    assert!(is_use("app_1", |scene| done(Model::of("Order", scene.app).add(&scene.registry))));
    assert!(!is_use(SOURCE, |scene| done(find(scene.registry.0, "User"))), "found elsewhere");
    assert!(!is_use("north", |scene| done(find_in(scene.registry.0, "north", "Order"))), "not found");
    assert!(!is_use("north", |scene| done(find_in(scene.registry.0, "north", "Nobody"))), "not found");
    let moved = |scene: &Scene| {
        let model = find(scene.registry.0, "OfApp").expect("a model");
        move_to(model, 0, 0, "north").expect("move");
    };
    assert!(is_use("north", moved), "a move is a registration");
}

#[test]
fn finding_by_structure_counts_as_use_of_the_partition_of_the_model() {
    let search = |scene: &Scene, tenant: &str, strict: bool| {
        let search = Search { schema: scene.schema, tenant, strict, ..Search::default() };
        find_structure(scene.registry.0, search).expect("an answer")
    };
    assert!(is_use("north", |scene| assert_ne!(search(scene, "", false), 0)));
    assert!(is_use("north", |scene| assert_ne!(search(scene, "north", false), 0)));
    assert!(!is_use(SOURCE, |scene| assert_ne!(search(scene, "", false), 0)), "found elsewhere");
    assert!(!is_use("north", |scene| assert_eq!(search(scene, "", true), 0)), "passed over");
    assert!(!is_use("north", |scene| assert_eq!(search(scene, "south", false), 0)), "not found");
    // `global` comes first, also for a tenant that has one.
    let scene = Scene::new();
    let global = Model { schema: scene.schema, ..Model::new("User") }.add(&scene.registry);
    set_clock(scene.registry.0, 60_000);
    assert_eq!(search(&scene, "north", false), global);
    assert_eq!((idle(&scene.registry, "global"), idle(&scene.registry, "north")), (0, 60_000));
}

#[test]
fn listing_counts_when_the_list_has_to_be_built() {
    let hold = |owner, on| free_snapshot(hold_models(owner, ANY, on).expect("a snapshot")).expect("free");
    let questions: [(&str, &dyn Fn(u64)); 5] = [
        ("models_of", &|owner| done(models_of(owner).expect("a list"))),
        ("models_on", &|owner| done(models_on(owner).expect("a list"))),
        ("names_of", &|owner| done(names_of(owner).expect("names"))),
        ("hold_models", &|owner| hold(owner, false)),
        ("hold_models_on", &|owner| hold(owner, true)),
    ];
    for (what, ask) in questions {
        let build = |owner: u64| {
            invalidate(owner).expect("invalidate");
            ask(owner);
        };
        assert!(!is_use(SOURCE, |scene| ask(scene.source)), "{what}: from the cache");
        assert!(!is_use("app_1", |scene| ask(scene.app)), "{what}: from the cache");
        assert!(is_use(SOURCE, |scene| build(scene.source)), "{what}");
        // No model is on an app, and nothing is built to say so.
        let is_built = !what.ends_with("_on");
        assert_eq!(is_use("app_1", |scene| build(scene.app)), is_built, "{what}");
        assert_eq!(is_use(SOURCE, |scene| build(scene.app)), is_built, "{what}: one of the app's models lives there");
        assert!(!is_use("north", |scene| build(scene.app)), "{what}");
    }
}

#[test]
fn listing_counts_also_where_the_list_is_long() {
    for (of_app, used) in [(false, [SOURCE].as_slice()), (true, &["app_1", SOURCE])] {
        let scene = Scene::new();
        for at in 0..20 {
            Model::on(&format!("OnSource{at}"), scene.source).add(&scene.registry);
            let app = if at == 19 { 0 } else { scene.source };
            Model { app: scene.app, ..Model::on(&format!("OfApp{at}"), app) }.add(&scene.registry);
        }
        let owner = if of_app { scene.app } else { scene.source };
        let list = models_of(owner).expect("a list");
        set_clock(scene.registry.0, 60_000);
        assert_eq!(models_of(owner), Ok(list.clone()));
        used.iter().for_each(|label| assert_eq!(idle(&scene.registry, label), 60_000, "{label}: from the cache"));
        invalidate(owner).expect("invalidate");
        assert_eq!(models_of(owner), Ok(list));
        used.iter().for_each(|label| assert_eq!(idle(&scene.registry, label), 0, "{label}"));
    }
}

#[test]
fn listing_is_no_use_of_where_a_model_lived_that_was_taken_out_of_the_list() {
    let registry = registry_at(0);
    let (source, app) = (registry.data_source("mysql"), registry.app());
    Model::on("OnSource", source).add(&registry);
    Model::of("OfApp", app).add(&registry);
    let last = Model { app, ..Model::on("OfBoth", source) }.add(&registry);
    models_of(app).expect("a list");
    set_clock(registry.0, 60_000);
    unregister(last).expect("unregister");
    models_of(app).expect("a list");
    assert_eq!((idle(&registry, "app_1"), idle(&registry, SOURCE)), (0, 60_000));
}

#[test]
fn a_question_that_an_owner_of_this_kind_cannot_answer_builds_nothing_and_is_no_use() {
    let ask = |owner: u64, kind: u32, on: bool| {
        invalidate(owner).expect("invalidate");
        assert!(stamped(owner, kind, on).expect("a list").0.is_empty());
        free_snapshot(hold_models(owner, kind, on).expect("a snapshot")).expect("free");
    };
    assert!(!is_use(SOURCE, |scene| ask(scene.source, capi::MREG_KIND_APP, false)));
    assert!(!is_use("app_1", |scene| ask(scene.app, capi::MREG_KIND_DATA_SOURCE, false)));
    assert!(!is_use("app_1", |scene| ask(scene.app, ANY, true)), "an app has no model on it");
}

#[test]
fn listing_a_tenant_counts_and_listing_all_of_them_does_not() {
    assert!(is_use("north", |scene| done(models_in(scene.registry.0, "north").expect("a list"))));
    assert!(!is_use(SOURCE, |scene| done(models_in(scene.registry.0, "north").expect("a list"))), "another one");
    assert!(!is_use("north", |scene| done(all_models(scene.registry.0).expect("a list"))));
}

#[test]
fn what_is_known_of_a_tenant_and_an_owner_is_no_use() {
    assert!(!is_use("north", |scene| done(tenant(scene.registry.0, "north"))));
    assert!(!is_use("north", |scene| done(tenants(scene.registry.0))));
    assert!(!is_use("north", |scene| done(drop_idle(scene.registry.0, u64::MAX))));
    assert!(!is_use(SOURCE, |scene| done((has(scene.source, ANY, "OnSource"), owner_tenant(scene.source)))));
}

fn done<T>(_: T) {}

#[test]
fn touching_a_tenant_counts_as_use() {
    assert!(is_use("north", |scene| touch_tenant(scene.registry.0, "north").expect("touch")));
    assert!(is_use(SOURCE, |scene| touch_tenant(scene.registry.0, SOURCE).expect("touch")), "by its label");
    assert!(is_use("global", |scene| touch_tenant(scene.registry.0, "").expect("touch")), "empty: global");
    assert!(!is_use("north", |scene| touch_tenant(scene.registry.0, "south").expect("touch")));
}

#[test]
fn touching_what_is_not_there_does_nothing() {
    let registry = Registry::with(Limits { reserved: &["trap"], ..Limits::default() });
    assert_eq!(touch_tenant(registry.0, "nobody"), Ok(()));
    assert_eq!(touch_tenant(registry.0, "trap"), Ok(()));
    assert_eq!(tenant_codes(registry.0), Vec::<String>::new(), "it makes no tenant");
    assert_eq!(code(touch_tenant(registry.0, "a\nb")), INVALID_NAME);
    assert_eq!(code(touch_tenant(registry.0, &"a".repeat(256))), TOO_LONG);
    let app = registry.app();
    assert_eq!(touch_owner(app), Ok(()), "its partition is not there yet");
    assert_eq!(tenant_codes(registry.0), Vec::<String>::new());
    release(app).expect("release");
    assert_eq!(code(touch_owner(app)), STALE_HANDLE);
}

#[test]
fn touching_an_owner_counts_as_listing_it_anew() {
    assert!(is_use(SOURCE, |scene| touch_owner(scene.source).expect("touch")));
    assert!(is_use("app_1", |scene| touch_owner(scene.app).expect("touch")));
    assert!(is_use(SOURCE, |scene| touch_owner(scene.app).expect("touch")), "one of its models lives there");
    assert!(!is_use("north", |scene| touch_owner(scene.app).expect("touch")));
    assert!(!is_use("app_1", |scene| touch_owner(scene.source).expect("touch")));
    // The list stays what it was.
    let scene = Scene::new();
    let before = stamped(scene.app, ANY, false).expect("a list");
    touch_owner(scene.app).expect("touch");
    assert_eq!(stamped(scene.app, ANY, false), Ok(before));
    // After a clear there is nothing that it lives in, and what takes the place of what was there is not meant.
    scene.registry.clear();
    Model::tenant("Another", "south").add(&scene.registry);
    set_clock(scene.registry.0, 60_000);
    touch_owner(scene.app).expect("touch");
    assert_eq!(idle(&scene.registry, "south"), 60_000);
}

#[test]
fn a_host_that_touches_keeps_what_it_reads_from_the_cache() {
    let scene = Scene::new();
    for minute in 1..=60 {
        set_clock(scene.registry.0, minute * 60_000);
        touch_owner(scene.source).expect("touch");
        touch_tenant(scene.registry.0, "north").expect("touch");
        drop_idle(scene.registry.0, HALF_AN_HOUR).expect("drop");
    }
    assert_eq!(tenant_codes(scene.registry.0), [SOURCE, "north"], "the app's own was not touched");
}

#[test]
fn a_clock_that_jumps_does_no_harm() {
    let registry = registry_at(u64::MAX / 2);
    Model::tenant("User", "north").add(&registry);
    // Back: nothing is idle, and not for longer than the clock says from now on.
    set_clock(registry.0, 1000);
    assert_eq!((idle(&registry, "north"), drop_idle(registry.0, 1)), (0, Ok(0)));
    set_clock(registry.0, 1000 + HALF_AN_HOUR);
    assert_eq!(idle(&registry, "north"), HALF_AN_HOUR);
    // Forth to the end, and back to the system's.
    set_clock(registry.0, u64::MAX - 1);
    assert_eq!(idle(&registry, "north"), u64::MAX - 1001);
    find_in(registry.0, "north", "User").expect("an answer");
    Model::tenant("Order", "north").add(&registry);
    set_clock(registry.0, 0);
    assert_eq!((idle(&registry, "north"), drop_idle(registry.0, 1)), (0, Ok(0)));
    set_clock(registry.0, SYSTEM);
    assert_eq!(drop_idle(registry.0, u64::MAX), Ok(0));
    assert_eq!(drop_idle(registry.0, 0), Ok(1));
}

#[test]
fn a_new_registry_has_the_system_s_clock() {
    let registry = registry_at(u64::MAX / 2);
    destroy(registry.0).expect("destroy");
    // It may have the number of the one before.
    let registry = Registry::new();
    Model::tenant("User", "north").add(&registry);
    wait_until("time passes", || idle(&registry, "north") > 0);
    find(registry.0, "User").expect("an answer");
    assert!(idle(&registry, "north") < 60_000);
}

#[test]
fn the_defaults_are_five_minutes_and_half_an_hour() {
    let registry = Registry::new();
    let info = sweeper(registry.0).expect("known before it was ever started");
    assert_eq!((info.interval_ms, info.max_idle_ms, info.running), (300_000, HALF_AN_HOUR, 0));
    assert_eq!((info.sweeps, info.dropped, info.last_sweep_at_ms), (0, 0, 0));
    start_sweeper_by_default(registry.0).expect("start");
    let info = sweeper(registry.0).expect("known");
    assert_eq!((info.interval_ms, info.max_idle_ms, info.running), (300_000, HALF_AN_HOUR, 1));
}

#[test]
fn a_forced_run_sweeps_on_the_calling_thread_with_the_settings() {
    let registry = registry_at(0);
    let witness = Witness::new();
    Model::tenant("User", "north").watched(witness).add(&registry);
    set_clock(registry.0, HALF_AN_HOUR - 1);
    assert_eq!(sweep(registry.0), Ok(0));
    set_clock(registry.0, HALF_AN_HOUR);
    assert_eq!(sweep(registry.0), Ok(1));
    assert_eq!((witness.runs(), witness.thread()), (1, Some(std::thread::current().id())));
    // With those of the last start, also after the stop.
    Model::tenant("User", "south").add(&registry);
    start_sweeper(registry.0, 3_600_000, 10).expect("start");
    stop_sweeper(registry.0).expect("stop");
    set_clock(registry.0, HALF_AN_HOUR + 10);
    assert_eq!(sweep(registry.0), Ok(1));
    let info = sweeper(registry.0).expect("known");
    assert_eq!((info.sweeps, info.dropped, info.running), (3, 2, 0), "forced runs count");
    assert!(info.last_sweep_at_ms > 1_600_000_000_000, "{}", info.last_sweep_at_ms);
    registry.clear();
    let after = sweeper(registry.0).expect("known");
    assert_eq!((after.sweeps, after.dropped, after.max_idle_ms), (3, 2, 10), "a clear leaves them");
    call!(mreg_sweeper_run(registry.0, std::ptr::null_mut())).expect("the number may be of no interest");
}

#[test]
fn the_sweeper_drops_what_is_idle_on_a_thread_of_its_own() {
    let registry = registry_at(0);
    let witnesses = [Witness::new(), Witness::new()];
    Model::tenant("User", "north").watched(witnesses[0]).add(&registry);
    Model::new("User").watched(witnesses[1]).add(&registry);
    start_sweeper(registry.0, 1, 1000).expect("start");
    wait_until("it sweeps", || sweeper(registry.0).expect("known").sweeps >= 3);
    assert_eq!(witnesses.map(Witness::runs), [0, 0], "nothing is idle");
    set_clock(registry.0, 1000);
    wait_until("the destructor has run", || witnesses[0].runs() > 0);
    assert_ne!(witnesses[0].thread(), Some(std::thread::current().id()));
    stop_sweeper(registry.0).expect("stop");
    let info = sweeper(registry.0).expect("known");
    assert_eq!((info.running, info.dropped), (0, 1));
    assert!(info.sweeps >= 4 && info.last_sweep_at_ms > 1_600_000_000_000);
    assert_eq!(tenant_codes(registry.0), Vec::<String>::new());
    assert_eq!(witnesses.map(Witness::runs), [1, 0], "global stays");
}

#[test]
fn a_start_while_it_runs_takes_the_new_settings() {
    let registry = registry_at(0);
    Model::tenant("User", "north").add(&registry);
    start_sweeper(registry.0, 3_600_000, HALF_AN_HOUR).expect("start");
    start_sweeper(registry.0, 1, 0).expect("start");
    wait_until("the tenant goes", || tenant_codes(registry.0).is_empty());
    start_sweeper(registry.0, u64::MAX, u64::MAX).expect("an interval that never ends");
    let info = sweeper(registry.0).expect("known");
    assert_eq!((info.interval_ms, info.max_idle_ms, info.running), (u64::MAX, u64::MAX, 1));
    stop_sweeper(registry.0).expect("stop");
    let info = sweeper(registry.0).expect("known");
    assert_eq!(
        (info.interval_ms, info.max_idle_ms, info.running),
        (u64::MAX, u64::MAX, 0),
        "readable while it is stopped"
    );
    assert_eq!(stop_sweeper(registry.0), Ok(()), "one that does not run is no error");
}

#[test]
fn settings_that_cannot_be_change_nothing() {
    let registry = Registry::new();
    assert_eq!(code(start_sweeper(registry.0, 0, 0)), INVALID_ARGUMENT);
    assert!(!is_running(registry.0));
    start_sweeper(registry.0, 3_600_000, 7).expect("start");
    let failure = start_sweeper(registry.0, 0, 0).expect_err("0 is no interval");
    assert_eq!((failure.code, failure.name.as_str()), (INVALID_ARGUMENT, "interval_ms"));
    let info = sweeper(registry.0).expect("known");
    assert_eq!((info.interval_ms, info.max_idle_ms, info.running), (3_600_000, 7, 1));
}

#[test]
fn each_registry_has_a_sweeper_of_its_own() {
    let registries: Vec<Registry> = (0..20).map(|_| registry_at(0)).collect();
    for (at, registry) in registries.iter().enumerate() {
        Model::tenant("User", "north").add(registry);
        if at % 2 == 0 {
            start_sweeper(registry.0, 1, 1).expect("start");
        }
        set_clock(registry.0, 1);
    }
    for (at, registry) in registries.iter().enumerate().filter(|(at, _)| at % 2 == 0) {
        wait_until("the tenant goes", || tenant_codes(registry.0).is_empty());
        assert!(is_running(registry.0), "{at}");
    }
    for registry in registries.iter().skip(1).step_by(2) {
        assert_eq!(tenant_codes(registry.0), ["north"], "it was not started");
        assert_eq!(sweeper(registry.0).expect("known").sweeps, 0);
    }
}

#[test]
fn a_destroyed_registry_is_not_swept_and_the_next_one_of_its_number_neither() {
    for _ in 0..50 {
        let registry = registry_at(0);
        start_sweeper(registry.0, 1, 0).expect("start");
        destroy(registry.0).expect("destroy");
        for stale in [start_sweeper(registry.0, 1, 0), stop_sweeper(registry.0), sweep(registry.0).map(done)] {
            assert_eq!(code(stale), STALE_HANDLE);
        }
        assert_eq!(code(sweeper(registry.0).map(|info| info.running)), STALE_HANDLE);
        // One without a sweeper; in a process of its own it would have the same number.
        let next = registry_at(0);
        Model::tenant("User", "north").add(&next);
        assert!(!is_running(next.0));
        std::thread::yield_now();
        assert_eq!(tenant_codes(next.0), ["north"]);
    }
}

/// A destructor on the sweeper's thread that stays in it until it is let out.
struct Gate {
    inside: AtomicBool,
    open: AtomicBool,
}

fn gate() -> (Arc<Gate>, &'static Witness) {
    let gate = Arc::new(Gate { inside: AtomicBool::new(false), open: AtomicBool::new(false) });
    let of_witness = gate.clone();
    let witness = Witness::that(move || {
        of_witness.inside.store(true, Ordering::SeqCst);
        wait_until("it is let out", || of_witness.open.load(Ordering::SeqCst));
    });
    (gate, witness)
}

#[test]
fn stop_waits_for_the_destructor_and_others_go_on() {
    let (registry, other) = (registry_at(0), registry_at(0));
    let (gate, witness) = gate();
    Model::tenant("User", "north").watched(witness).add(&registry);
    start_sweeper(registry.0, 1, 0).expect("start");
    wait_until("the destructor runs", || gate.inside.load(Ordering::SeqCst));
    // Everybody else goes on: callers of this registry, and a stop of another one's sweeper.
    Model::tenant("User", "south").add(&registry);
    start_sweeper(other.0, 3_600_000, 0).expect("start");
    assert_eq!(stop_sweeper(other.0), Ok(()));
    assert!(is_running(registry.0));
    let stopped = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            stop_sweeper(registry.0).expect("stop");
            stopped.store(true, Ordering::SeqCst);
        });
        wait_until("the stop has begun", || !is_running(registry.0));
        assert!(!stopped.load(Ordering::SeqCst), "it waits");
        gate.open.store(true, Ordering::SeqCst);
    });
    assert_eq!((stopped.into_inner(), witness.runs()), (true, 1));
}

#[test]
fn destroy_does_not_wait_for_the_destructor() {
    let registry = registry_at(0);
    let (gate, witness) = gate();
    Model::tenant("User", "north").watched(witness).add(&registry);
    start_sweeper(registry.0, 1, 0).expect("start");
    wait_until("the destructor runs", || gate.inside.load(Ordering::SeqCst));
    destroy(registry.0).expect("destroy");
    assert!(!gate.open.load(Ordering::SeqCst));
    gate.open.store(true, Ordering::SeqCst);
    // Another registry finds the thread at work again.
    let other = registry_at(0);
    Model::tenant("User", "north").add(&other);
    start_sweeper(other.0, 1, 0).expect("start");
    wait_until("the tenant goes", || tenant_codes(other.0).is_empty());
    assert_eq!(witness.runs(), 1);
}

#[test]
fn a_destructor_on_the_sweeper_s_thread_may_call_everything() {
    let registry = registry_at(0);
    let handle = registry.0;
    let nested = Witness::new();
    let (finished, of_witness) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (finished_too, stops) = (finished.clone(), of_witness.clone());
    let witness = Witness::that(move || {
        Model::tenant("User", "south").watched(nested).register(handle).expect("a model");
        assert_eq!(drop_tenant(handle, "south", 0), Ok(1));
        assert_eq!(nested.runs(), 1, "what a destructor lets go is destroyed before its call returns");
        start_sweeper(handle, 1, 0).expect("start");
        stop_sweeper(handle).expect("it does not wait for itself");
        stops.fetch_add(1, Ordering::SeqCst);
        destroy(handle).expect("destroy");
        finished_too.store(true, Ordering::SeqCst);
    });
    Model::tenant("User", "north").watched(witness).add(&registry);
    start_sweeper(registry.0, 1, 0).expect("start");
    wait_until("the destructor has run", || finished.load(Ordering::SeqCst));
    assert_eq!((witness.runs(), nested.runs(), of_witness.load(Ordering::SeqCst)), (1, 1, 1));
    assert_eq!(nested.thread(), witness.thread());
}

#[test]
fn destructors_run_once_beside_writers_that_start_and_stop() {
    let registry = registry_at(0);
    start_sweeper(registry.0, 1, 0).expect("start");
    let witnesses: Vec<Vec<&'static Witness>> = (0..4).map(|_| (0..300).map(|_| Witness::new()).collect()).collect();
    std::thread::scope(|scope| {
        for (thread, witnesses) in witnesses.iter().enumerate() {
            let registry = &registry;
            scope.spawn(move || {
                for (at, witness) in witnesses.iter().enumerate() {
                    Model::tenant("User", &format!("tenant{thread}")).watched(witness).add(registry);
                    match at % 50 {
                        10 => stop_sweeper(registry.0).expect("stop"),
                        11 => start_sweeper(registry.0, 1, 0).expect("start"),
                        20 => done(sweep(registry.0).expect("sweep")),
                        30 => registry.clear(),
                        _ => {}
                    }
                }
            });
        }
    });
    stop_sweeper(registry.0).expect("stop");
    sweep(registry.0).expect("sweep");
    let runs: Vec<usize> = witnesses.iter().flatten().map(|witness| witness.runs()).collect();
    assert_eq!(runs, vec![1; 1200]);
}

#[test]
fn the_thread_is_made_anew_after_the_last_stop() {
    for _ in 0..20 {
        let registry = registry_at(0);
        Model::tenant("User", "north").add(&registry);
        start_sweeper(registry.0, 1, 0).expect("start");
        wait_until("the tenant goes", || tenant_codes(registry.0).is_empty());
        stop_sweeper(registry.0).expect("stop");
    }
}

#[test]
fn what_a_clear_left_behind_is_taken_back_by_the_sweeper() {
    let registry = registry_at(0);
    for number in 0..2000 {
        Model::new(&format!("Model{number}")).add(&registry);
    }
    let (full, before) = (stats(registry.0).bytes_in_use, stats(registry.0).models);
    assert_eq!(before, 2000);
    registry.clear();
    let cleared = stats(registry.0).bytes_in_use;
    assert_eq!(sweep(registry.0), Ok(0));
    let swept = stats(registry.0).bytes_in_use;
    assert!(swept < cleared && swept < full / 10, "{full} {cleared} {swept}");
}

/// The current tenant of this thread is put back at the end, also of a test that fails.
struct Current;

impl Current {
    fn of(code: &str) -> Current {
        set_current_tenant(code).expect("a tenant");
        Current
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        set_current_tenant("").expect("no tenant");
    }
}

#[test]
fn a_call_that_names_no_tenant_uses_the_thread_s_current_one() {
    let registry = Registry::with(Limits { reserved: &["trap"], ..Limits::default() });
    assert_eq!(current_tenant(), "", "a thread begins without one");
    let model = Model::new("User").add(&registry);
    assert_eq!(model_tenant(model).as_deref(), Ok("global"));
    let _current = Current::of("north");
    assert_eq!(current_tenant(), "north");
    let label = |model: Model<'_>| model_tenant(model.add(&registry)).expect("a label");
    assert_eq!(label(Model::new("Order")), "north");
    assert_eq!(label(Model::tenant("Order", "south")), "south", "the one that it names");
    assert_eq!(label(Model::tenant("Order", "global")), "global", "named explicitly");
    assert_eq!(label(Model::tenant("Product", "trap")), "global", "a reserved code means global");
    let app = registry.app();
    assert!(label(Model::of("Order", app)).starts_with("app_"), "ignored beside an owner");
    move_to(model, 0, 0, "").expect("move");
    assert_eq!(model_tenant(model).as_deref(), Ok("north"));
    move_to(model, 0, 0, "global").expect("move");
    assert_eq!(model_tenant(model).as_deref(), Ok("global"));
    let _trap = Current::of("trap");
    assert_eq!(label(Model::new("Cup")), "global", "a reserved code as the current tenant");
    let _nobody = Current::of("");
    assert_eq!(label(Model::new("Plate")), "global");
    move_to(model, 0, 0, "").expect("move");
    assert_eq!(model_tenant(model).as_deref(), Ok("global"));
}

#[test]
fn loading_uses_the_current_tenant() {
    const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/bases");
    let load = |registry: &Registry, tenant: &str| {
        let mut options = made(capi::mreg_load_options_init);
        // Without an app, models that no data source is configured for have no owner.
        options.flags = capi::MREG_LOAD_WITHOUT_APP;
        options.tenant = text(tenant);
        let (start, length, mut report) = (DIRECTORY.as_ptr().cast(), DIRECTORY.len(), 0);
        call!(mreg_application_load(registry.0, start, length, &options, &mut report)).expect("a report");
        call!(mreg_load_report_free(report)).expect("free");
        tenant_codes(registry.0)
    };
    let _current = Current::of("north");
    assert_eq!(load(&Registry::new(), ""), ["north"]);
    assert_eq!(load(&Registry::new(), "south"), ["south"]);
    assert_eq!(load(&Registry::new(), "global"), Vec::<String>::new());
}

#[test]
fn the_current_tenant_is_the_thread_s_own() {
    let _current = Current::of("north");
    let of_other = std::thread::spawn(|| {
        let before = current_tenant();
        set_current_tenant("south").expect("a tenant");
        (before, current_tenant())
    });
    let of_other = of_other.join().expect("the thread ends well");
    assert_eq!((of_other.0.as_str(), of_other.1.as_str()), ("", "south"));
    assert_eq!(current_tenant(), "north");
}

#[test]
fn a_current_tenant_that_cannot_be_leaves_the_one_before() {
    let longest = "ä".repeat(127) + "x";
    let _current = Current::of(&longest);
    assert_eq!((current_tenant().len(), current_tenant() == longest), (255, true));
    assert_eq!(code(set_current_tenant(&"a".repeat(256))), TOO_LONG);
    let failure = set_current_tenant("no\u{7}rth").expect_err("a control character");
    assert_eq!((failure.code, failure.offset), (INVALID_NAME, 2));
    assert_eq!(code(call!(mreg_tenant_set_current(b"n\xFF".as_ptr().cast(), 2))), INVALID_UTF8);
    assert_eq!(code(call!(mreg_tenant_set_current(std::ptr::null(), 1))), NULL_POINTER);
    assert_eq!(current_tenant(), longest);
    // A shorter one leaves nothing of it.
    set_current_tenant("b").expect("a tenant");
    assert_eq!(current_tenant(), "b");
    call!(mreg_tenant_set_current(c"c".as_ptr(), usize::MAX)).expect("NUL-terminated");
    assert_eq!(current_tenant(), "c");
}

#[test]
fn asking_does_not_look_at_the_current_tenant() {
    let registry = Registry::new();
    let [south, global] = [Model::tenant("User", "south"), Model::new("User")].map(|model| model.add(&registry));
    let _current = Current::of("north");
    assert_eq!(find(registry.0, "User"), Ok(global));
    assert_eq!((find_in(registry.0, "", "User"), find_in(registry.0, "south", "User")), (Ok(global), Ok(south)));
    assert_eq!(models_in(registry.0, ""), Ok(vec![global]));
}

#[test]
fn the_label_of_an_owner_s_partition_is_refused_as_the_current_tenant_as_well() {
    let registry = Registry::new();
    let app = registry.app();
    let label = owner_tenant(app).expect("a label");
    let _current = Current::of(&label);
    assert_eq!(code(Model::new("User").register(registry.0)), INVALID_NAME);
    assert!(Model::of("User", app).register(registry.0).is_ok(), "ignored beside an owner");
}
