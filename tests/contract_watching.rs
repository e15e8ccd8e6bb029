//! Watchers: what happens in a registry, polled and called.

mod support_c_api;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{SystemTime, UNIX_EPOCH};

use support_c_api::watching::*;
use support_c_api::*;

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("a moment")
}

#[test]
fn each_change_of_a_model_is_told_with_all_that_there_is_to_say() {
    let before = now_ms();
    let registry = Registry::new();
    let watch = Watch::new(registry.0, 0);
    let app = Owner { name: "shop", ..Owner::app() }.create(registry.0).expect("an app");
    let source = registry.data_source("mysql");
    assert_eq!(watch.poll(), Ok(None), "owners that come are no change of what they have");
    let first = Model::of("User", app).add(&registry);
    let second = Model::of("User", app).add(&registry);
    move_to(second, source, 0, "").expect("move");
    let third = Model::tenant("User", "acme").add(&registry);
    move_to(third, source, 0, "").expect("move");
    unregister(third).expect("unregister");
    let after = now_ms();
    let (of_app, of_source) = (owner_tenant(app).expect("a label"), owner_tenant(source).expect("a label"));
    let expected = [
        (REGISTERED, app, first, 0, of_app.as_str()),
        (REPLACED, app, second, first, &of_app),
        (MOVED, source, second, 0, &of_source),
        (REGISTERED, 0, third, 0, "acme"),
        (MOVED, source, third, second, &of_source),
        (REMOVED, source, third, 0, &of_source),
    ];
    let told = watch.take_all();
    assert_eq!(told.len(), expected.len());
    for (at, (change, (kind, owner, model, replaced, tenant))) in told.iter().zip(expected).enumerate() {
        assert!((before..=after).contains(&change.at_ms), "{change:?}");
        let made = Change {
            kind,
            sequence: at as u64 + 1,
            at_ms: change.at_ms,
            registry: registry.0,
            owner,
            model,
            replaced,
            count: 0,
            name: "User".to_owned(),
            tenant: tenant.to_owned(),
        };
        assert_eq!(*change, made);
    }
}

#[test]
fn a_released_owner_tells_of_its_models_then_of_its_tenant_then_of_itself() {
    let registry = Registry::new();
    let sources = [0, 1].map(|at| {
        let name = ["one", "other"][at];
        Owner { name, connector: "mysql", ..Owner::data_source() }.create(registry.0).expect("a data source")
    });
    for (source, name) in [(sources[0], "A"), (sources[0], "B"), (sources[1], "A"), (sources[1], "C")] {
        Model::on(name, source).add(&registry);
    }
    let watch = Watch::new(registry.0, 0);
    release(sources[0]).expect("release");
    assert_eq!(watch.take_brief(), briefs(&[(REMOVED, "A"), (REMOVED, "B"), (OWNER_RELEASED, "one")]));
    release(sources[1]).expect("release");
    let told = watch.take_all();
    let (dropped, released) = (&told[2], &told[3]);
    assert_eq!((dropped.kind, dropped.count, dropped.tenant.as_str()), (TENANT_DROPPED, 2, "ds_mysql_33511a21"));
    assert_eq!((released.kind, released.owner, released.name.as_str()), (OWNER_RELEASED, sources[1], "other"));
    assert_eq!(released.tenant, "ds_mysql_33511a21");
    let kinds: Vec<u32> = told.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [REMOVED, REMOVED, TENANT_DROPPED, OWNER_RELEASED]);
    // One without models has no partition that could go.
    let app = registry.app();
    release(app).expect("release");
    let told = watch.take_all();
    assert_eq!((told.len(), told[0].kind, told[0].owner), (1, OWNER_RELEASED, app));
}

#[test]
fn a_dropped_tenant_is_told_with_its_names() {
    let registry = Registry::new();
    for (name, tenant) in [("A", "acme"), ("B", "acme"), ("A", ""), ("A", "other"), ("B", "third")] {
        Model::tenant(name, tenant).add(&registry);
    }
    let watch = Watch::new(registry.0, 0);
    assert_eq!(drop_tenant(registry.0, "acme", 0), Ok(2));
    assert_eq!(drop_tenant(registry.0, "unknown", 0), Ok(0));
    assert_eq!(drop_tenant(registry.0, "global", 0), Ok(1));
    assert_eq!(drop_tenant(registry.0, "global", 0), Ok(0));
    let told = watch.take_all();
    let counts: Vec<_> = told.iter().filter(|change| change.kind == TENANT_DROPPED).collect();
    assert_eq!(
        counts.iter().map(|one| (one.tenant.as_str(), one.count)).collect::<Vec<_>>(),
        [("acme", 2), ("global", 1)]
    );
    assert_eq!(
        told.iter().map(|one| one.kind).collect::<Vec<_>>(),
        [REMOVED, REMOVED, TENANT_DROPPED, REMOVED, TENANT_DROPPED]
    );
    assert_eq!(drop_idle(registry.0, 0), Ok(2));
    assert_eq!(
        watch.take_brief(),
        briefs(&[(REMOVED, "A"), (TENANT_DROPPED, "other"), (REMOVED, "B"), (TENANT_DROPPED, "third")])
    );
    // An owner leaves; the last one takes the tenant along.
    let sources = [registry.data_source("mysql"), registry.data_source("mysql")];
    let models = sources.map(|source| Model::on("User", source).add(&registry));
    let label = owner_tenant(sources[0]).expect("a label");
    watch.take_all();
    assert_eq!(drop_tenant(registry.0, &label, sources[0]), Ok(0));
    let told = watch.take_all();
    assert_eq!((told.len(), told[0].kind, told[0].model), (1, REMOVED, models[0]));
    assert_eq!(drop_tenant(registry.0, &label, sources[1]), Ok(1));
    let told = watch.take_all();
    assert_eq!((told.len(), told[0].kind, told[0].model), (2, REMOVED, models[1]));
    assert_eq!((told[1].kind, told[1].count, &told[1].tenant), (TENANT_DROPPED, 1, &label));
}

#[test]
fn clear_and_destroy_are_one_change_each_and_the_watcher_outlives_the_registry() {
    let registry = Registry::new();
    let app = registry.app();
    let watch = Watch::new(registry.0, 0);
    for name in ["A", "B", "C"] {
        Model::of(name, app).add(&registry);
    }
    registry.clear();
    Model::of("D", app).add(&registry);
    registry.reclaim();
    destroy(registry.0).expect("destroy");
    // A registry that gets the number is none of the watcher's.
    let other = Registry::new();
    Model::new("E").add(&other);
    let told = watch.take_all();
    let kinds: Vec<(u32, u64)> = told.iter().map(|change| (change.kind, change.count)).collect();
    assert_eq!(
        kinds,
        [(REGISTERED, 0), (REGISTERED, 0), (REGISTERED, 0), (CLEARED, 3), (REGISTERED, 0), (DESTROYED, 1)]
    );
    assert!(told.iter().all(|change| change.registry == registry.0));
    assert_eq!((watch.poll(), free_watcher(watch.0)), (Ok(None), Ok(())));
    assert_eq!((code(watch.poll()), code(free_watcher(watch.0))), (STALE_HANDLE, STALE_HANDLE));
    assert_eq!(free_watcher(0), Ok(()));
}

#[test]
fn a_load_is_told_model_by_model() {
    let registry = Registry::new();
    let watch = Watch::new(registry.0, 0);
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/sample-app");
    let mut report = 0;
    call!(mreg_application_load(registry.0, directory.as_ptr().cast(), directory.len(), std::ptr::null(), &mut report))
        .expect("a report");
    let told = watch.take_all();
    assert!(told.len() > 5 && told.iter().all(|change| change.kind == REGISTERED), "{told:?}");
    let all = registered(registry.0);
    let mut models: Vec<u64> = told.iter().map(|change| change.model).collect();
    models.sort_unstable();
    assert_eq!(models, all);
    call!(mreg_load_report_free(report)).expect("free");
}

/// The models of the registry, `global` included, in the order of their handles.
fn registered(registry: u64) -> Vec<u64> {
    let mut all = all_models(registry).expect("models");
    all.extend(models_in(registry, "").expect("models"));
    all.sort_unstable();
    all
}

#[test]
fn what_fails_and_what_only_asks_is_not_told() {
    let registry = Registry::new();
    let app = registry.app();
    let model = Model::of("User", app).add(&registry);
    let watch = Watch::new(registry.0, 0);
    assert_eq!(code(Model::of("", app).register(registry.0)), INVALID_NAME);
    assert_eq!(code(move_to(model, app, 0, "")), INVALID_ARGUMENT);
    assert_eq!(code(release(model)), WRONG_HANDLE_TYPE);
    invalidate(app).expect("invalidate");
    hold(model).expect("hold");
    unhold(model).expect("unhold");
    free_snapshot(hold_models(app, ANY, false).expect("a snapshot")).expect("free");
    assert_eq!(models_of(app), Ok(vec![model]));
    registry.reclaim();
    assert_eq!(watch.poll(), Ok(None));
}

#[test]
fn a_full_queue_loses_the_oldest_and_says_how_many() {
    for capacity in [1, 2, 3, 7] {
        let registry = Registry::new();
        let watch = Watch::new(registry.0, capacity);
        let mut sequence = 0;
        for (made, take) in [(capacity, capacity), (10, 2), (10, 100), (1, 100), (0, 100), (2 * capacity, 1), (9, 100)]
        {
            for _ in 0..made {
                Model::new("User").add(&registry);
            }
            // Whatever is lost, the numbers go on: a LOST stands for those before it.
            for change in std::iter::from_fn(|| watch.poll().expect("a watcher")).take(take) {
                sequence += if change.kind == LOST { change.count } else { 1 };
                assert_eq!(change.sequence, sequence, "capacity {capacity}: {change:?}");
                if change.kind == LOST {
                    assert_eq!((change.registry, change.model, change.name.as_str()), (registry.0, 0, ""));
                    assert!(change.count > 0);
                }
            }
        }
        assert_eq!(sequence, stats(registry.0).registered_total, "every change is told or counted");
        // Once for each gap.
        for _ in 0..capacity + 5 {
            Model::new("User").add(&registry);
        }
        let kinds: Vec<u32> = watch.take_all().iter().map(|change| change.kind).collect();
        assert_eq!(kinds[0], LOST);
        assert_eq!(kinds.len(), capacity + 1);
        assert!(kinds[1..].iter().all(|kind| *kind == REPLACED));
    }
}

#[test]
fn the_capacity_is_1024_and_at_most_a_million() {
    let registry = Registry::new();
    let watch = Watch::new(registry.0, 0);
    for _ in 0..1025 {
        Model::new("User").add(&registry);
    }
    let told = watch.take_all();
    assert_eq!((told.len(), told[0].kind, told[0].count), (1025, LOST, 1));
    drop(Watch::new(registry.0, 1 << 20));
    let mut options = made(capi::mreg_watcher_options_init);
    options.capacity = (1 << 20) + 1;
    let mut watcher = 77;
    assert_eq!(code(call!(mreg_watcher_create(registry.0, &options, &mut watcher))), INVALID_ARGUMENT);
    assert_eq!(watcher, 0);
}

#[test]
fn a_long_name_is_cut_between_characters_and_memory_is_the_hosts() {
    let registry = Registry::new();
    let watch = Watch::new(registry.0, 0);
    let name = format!("{}é", "a".repeat(254));
    unregister(Model::new(&name).add(&registry)).expect("unregister");
    unregister(Model::new(&"b".repeat(4096)).add(&registry)).expect("unregister");
    registry.reclaim();
    assert_eq!(stats(registry.0).bytes_in_use, 0, "what a watcher keeps is the host's");
    let names: Vec<String> = watch.take_all().into_iter().map(|change| change.name).collect();
    assert_eq!(names, ["a".repeat(254), "a".repeat(254), "b".repeat(255), "b".repeat(255)]);
}

#[test]
fn several_watchers_are_told_of_everything_from_when_they_begin() {
    let registry = Registry::new();
    Model::new("Before").add(&registry);
    let first = Watch::new(registry.0, 0);
    Model::new("A").add(&registry);
    let second = Watch::new(registry.0, 0);
    Model::new("B").add(&registry);
    free_watcher(first.0).expect("free");
    Model::new("C").add(&registry);
    let told: Vec<(u64, String)> = second.take_all().into_iter().map(|one| (one.sequence, one.name)).collect();
    assert_eq!(told, [(2, "B".to_owned()), (3, "C".to_owned())]);
}

/// A listener that keeps what it is told, and the registry that it watches.
fn recorded() -> (Registry, Arc<Mutex<Vec<Change>>>, u64) {
    let registry = Registry::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let keep = told.clone();
    let listener = Listener::that(move |change| keep.lock().expect("no panic").push(change.clone()));
    let watcher = listener.watch(registry.0);
    (registry, told, watcher)
}

#[test]
fn a_callback_is_told_what_a_queue_keeps() {
    let (registry, told, watcher) = recorded();
    let watch = Watch::new(registry.0, 0);
    let app = registry.app();
    for name in ["A", "B", "A"] {
        Model::of(name, app).add(&registry);
    }
    release(app).expect("release");
    registry.clear();
    destroy(registry.0).expect("destroy");
    let told = told.lock().expect("no panic").clone();
    assert_eq!(told, watch.take_all());
    assert_eq!(told.last().map(|change| change.kind), Some(DESTROYED));
    assert_eq!(code(Watch(watcher).poll()), INVALID_ARGUMENT);
}

#[test]
fn a_callback_runs_on_the_thread_before_the_call_returns_and_before_destructors() {
    let registry = Registry::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let witness = {
        let order = order.clone();
        Witness::that(move || order.lock().expect("no panic").push("destroyed".to_owned()))
    };
    let app = registry.app();
    let here = std::thread::current().id();
    let listener = {
        let order = order.clone();
        Listener::that(move |change| {
            assert_eq!(std::thread::current().id(), here);
            // The whole change is visible: the list, the handle, the tenant.
            let left = models_of(app).map(|models| models.len());
            let valid = model_is_valid(change.model);
            order.lock().expect("no panic").push(format!("{} {left:?} {valid}", change.kind));
        })
    };
    let watcher = listener.watch(registry.0);
    for name in ["A", "B"] {
        Model::of(name, app).watched(witness).add(&registry);
    }
    assert_eq!(*order.lock().expect("no panic"), ["1 Ok(1) true", "1 Ok(2) true"]);
    order.lock().expect("no panic").clear();
    assert_eq!(drop_tenant(registry.0, &owner_tenant(app).expect("a label"), app), Ok(2));
    assert_eq!(
        *order.lock().expect("no panic"),
        ["4 Ok(0) false", "4 Ok(0) false", "5 Ok(0) false", "destroyed", "destroyed"]
    );
    free_watcher(watcher).expect("free");
    assert_eq!(listener.destroyed(), 1);
}

#[test]
fn a_callback_may_call_everything_and_is_told_in_order_of_what_it_does() {
    let registry = Registry::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let depth = Arc::new(AtomicUsize::new(0));
    let number = registry.0;
    let listener = {
        let told = told.clone();
        Listener::that(move |change| {
            told.lock().expect("no panic").push((change.sequence, change.kind));
            if change.kind == REMOVED && depth.fetch_add(1, Ordering::SeqCst) == 0 {
                let before = told.lock().expect("no panic").len();
                // Two more removed and the tenant gone are still to be told: they are before this.
                let app = Owner::app().create(number).expect("an app");
                let model = Model::of("Again", app).register(number).expect("a model");
                assert_eq!(told.lock().expect("no panic").len(), before + 4);
                assert_eq!(stats(number).models, 1);
                hold(model).expect("hold");
                release(app).expect("release");
                unhold(model).expect("unhold");
                let watch = Watch::new(number, 0);
                assert_eq!(watch.poll(), Ok(None));
                call!(mreg_registry_reclaim(number)).expect("reclaim");
            }
        })
    };
    for name in ["A", "B", "C"] {
        Model::tenant(name, "acme").add(&registry);
    }
    let watcher = listener.watch(registry.0);
    assert_eq!(drop_tenant(registry.0, "acme", 0), Ok(3));
    let told = told.lock().expect("no panic").clone();
    let kinds = [REMOVED, REMOVED, REMOVED, TENANT_DROPPED, REGISTERED, REMOVED, TENANT_DROPPED, OWNER_RELEASED];
    assert_eq!(told, (1..).zip(kinds).collect::<Vec<_>>());
    free_watcher(watcher).expect("free");
}

#[test]
fn a_callback_may_free_its_watcher_and_is_not_called_again() {
    let registry = Registry::new();
    for name in ["A", "B", "C"] {
        Model::tenant(name, "acme").add(&registry);
    }
    let (own, calls) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
    let listener = {
        let (own, calls) = (own.clone(), calls.clone());
        Listener::that(move |_| {
            calls.fetch_add(1, Ordering::SeqCst);
            assert_eq!(free_watcher(own.load(Ordering::SeqCst)), Ok(()));
        })
    };
    own.store(listener.watch(registry.0), Ordering::SeqCst);
    assert_eq!(drop_tenant(registry.0, "acme", 0), Ok(3));
    assert_eq!((calls.load(Ordering::SeqCst), listener.destroyed()), (1, 1));
    Model::new("D").add(&registry);
    assert_eq!((calls.load(Ordering::SeqCst), listener.destroyed()), (1, 1));
}

#[test]
fn a_callback_may_destroy_the_registry() {
    let registry = Registry::new();
    let number = registry.0;
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let kinds = kinds.clone();
        Listener::that(move |change| {
            kinds.lock().expect("no panic").push(change.kind);
            if change.kind == REGISTERED {
                assert_eq!(destroy(number), Ok(()));
            }
        })
    };
    let witness = Witness::new();
    let watcher = listener.watch(registry.0);
    let model = Model::new("A").watched(witness).add(&registry);
    assert_eq!(*kinds.lock().expect("no panic"), [REGISTERED, DESTROYED]);
    assert_eq!((witness.runs(), model_is_valid(model)), (1, false));
    assert_eq!(free_watcher(watcher), Ok(()));
    assert_eq!(listener.destroyed(), 1);
}

#[test]
fn a_watcher_that_is_freed_while_another_thread_is_in_its_callback_goes_with_the_last_one() {
    let registry = Registry::new();
    let ((entered, wait_entered), (leave, wait_leave)) = (mpsc::channel(), mpsc::channel::<()>());
    let (entered, wait_leave) = (Mutex::new(entered), Mutex::new(wait_leave));
    let listener = Listener::that(move |change| {
        if change.name == "Slow" {
            entered.lock().expect("no panic").send(()).expect("the test waits");
            let _ = wait_leave.lock().expect("no panic").recv();
        }
    });
    let watcher = listener.watch(registry.0);
    std::thread::scope(|scope| {
        let number = registry.0;
        let slow = scope.spawn(move || Model::new("Slow").register(number));
        wait_entered.recv().expect("the callback runs");
        // A callback that takes its time holds nobody up.
        let app = registry.app();
        let model = Model::of("Fast", app).add(&registry);
        assert_eq!(models_of(app), Ok(vec![model]));
        registry.clear();
        assert_eq!(free_watcher(watcher), Ok(()));
        assert_eq!(listener.destroyed(), 0, "a callback is running");
        Model::of("Later", app).add(&registry);
        assert_eq!(destroy(registry.0), Ok(()));
        leave.send(()).expect("the callback waits");
        slow.join().expect("a thread").expect("a model");
    });
    assert_eq!(listener.destroyed(), 1);
}

#[test]
fn a_watcher_that_cannot_be_made_destroys_what_it_was_handed() {
    let registry = Registry::new();
    let listener = Listener::that(|_| ());
    let mut watcher = 77;
    assert_eq!(code(call!(mreg_watcher_create(0, &listener.options(), &mut watcher))), NULL_HANDLE);
    assert_eq!((listener.destroyed(), watcher), (1, 0));
    let listener = Listener::that(|_| ());
    assert_eq!(code(call!(mreg_watcher_create(registry.0, &listener.options(), std::ptr::null_mut()))), NULL_POINTER);
    assert_eq!(listener.destroyed(), 1);
    let listener = Listener::that(|_| ());
    let mut options = listener.options();
    options.struct_size = 8;
    assert_eq!(code(call!(mreg_watcher_create(registry.0, &options, &mut watcher))), STRUCT_SIZE);
    assert_eq!(listener.destroyed(), 0, "what cannot be read hands nothing in");
}

#[test]
fn a_polled_watcher_has_a_destructor_as_well() {
    let registry = Registry::new();
    let listener = Listener::that(|_| panic!("nobody calls it"));
    let mut options = listener.options();
    options.callback = None;
    let mut watcher = 0;
    call!(mreg_watcher_create(registry.0, &options, &mut watcher)).expect("a watcher");
    Model::new("A").add(&registry);
    destroy(registry.0).expect("destroy");
    assert_eq!(listener.destroyed(), 0);
    free_watcher(watcher).expect("free");
    assert_eq!(listener.destroyed(), 1);
}

#[test]
fn each_thread_is_told_of_its_own_changes_in_their_order() {
    const THREADS: usize = 4;
    const EACH: usize = if cfg!(miri) { 10 } else { 500 };
    let registry = Registry::new();
    let told = Arc::new(Mutex::new(BTreeMap::<String, Vec<(u64, u64)>>::new()));
    let listener = {
        let told = told.clone();
        Listener::that(move |change| {
            let thread = format!("{:?}", std::thread::current().id());
            told.lock().expect("no panic").entry(thread).or_default().push((change.sequence, change.model));
        })
    };
    let watcher = listener.watch(registry.0);
    let watch = Watch::new(registry.0, 2 * THREADS * EACH);
    let made: Vec<(String, Vec<u64>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|at| {
                let registry = &registry;
                scope.spawn(move || {
                    let mut made = Vec::new();
                    for _ in 0..EACH {
                        let model = Model::tenant("User", &at.to_string()).add(registry);
                        unregister(model).expect("unregister");
                        made.extend([model, model]);
                    }
                    (format!("{:?}", std::thread::current().id()), made)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    });
    free_watcher(watcher).expect("free");
    let told = told.lock().expect("no panic");
    let mut sequences = BTreeSet::new();
    for (thread, made) in made {
        let told = &told[&thread];
        assert!(told.iter().map(|(_, model)| *model).eq(made), "{thread}");
        assert!(told.is_sorted_by_key(|(sequence, _)| *sequence), "{thread}");
        sequences.extend(told.iter().map(|(sequence, _)| *sequence));
    }
    assert!(sequences.into_iter().eq(1..=2 * (THREADS * EACH) as u64));
    assert!(watch.take_all().iter().map(|change| change.sequence).eq(1..=2 * (THREADS * EACH) as u64));
    assert_eq!(listener.destroyed(), 1);
}

#[test]
fn watchers_that_come_and_go_beside_changes_are_destroyed_once() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 300 };
    let registry = Registry::new();
    let (stop, mut listeners) = (AtomicBool::new(false), Vec::new());
    std::thread::scope(|scope| {
        for at in 0..2 {
            let (registry, stop) = (&registry, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    Model::tenant("User", ["a", "b"][at]).add(registry);
                    drop_tenant(registry.0, ["a", "b"][at], 0).expect("drop");
                }
            });
        }
        for _ in 0..ROUNDS {
            let listener = Listener::that(|_| std::thread::yield_now());
            let watcher = listener.watch(registry.0);
            std::thread::yield_now();
            free_watcher(watcher).expect("free");
            listeners.push(listener);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(listeners.iter().all(|listener: &&Listener| listener.destroyed() == 1));
    assert_eq!(stats(registry.0).models, 0);
}

/// Whoever follows the changes knows what is registered: after every step of a random run.
#[test]
fn the_changes_say_all_that_happens() {
    const STEPS: usize = if cfg!(miri) { 60 } else { 4000 };
    let registry = Registry::new();
    let watch = Watch::new(registry.0, 0);
    let mut random = Random::new(20_250_101);
    let names = ["A", "B", "C", "D"];
    let tenants = ["", "acme", "other"];
    let mut owners: Vec<u64> = Vec::new();
    let mut known: BTreeMap<u64, (String, String)> = BTreeMap::new();
    for step in 0..STEPS {
        let mut pick = |from: usize| random.below(from);
        let (name, tenant) = (names[pick(names.len())], tenants[pick(tenants.len())]);
        let all: Vec<u64> = known.keys().copied().collect();
        let some = |models: &[u64], at: usize| models.get(at % models.len().max(1)).copied();
        let owner = owners.get(pick(4)).copied().unwrap_or(0);
        let is_source = owner != 0 && owner_kind(owner) == Ok(DATA_SOURCE);
        let (data_source, app) = if is_source { (owner, 0) } else { (0, owner) };
        match pick(14) {
            0..=5 => {
                Model { data_source, app, tenant, ..Model::new(name) }.add(&registry);
            }
            6 | 7 => {
                if let Some(model) = some(&all, pick(99)) {
                    move_to(model, data_source, app, tenant).expect("move");
                }
            }
            8 => {
                if let Some(model) = some(&all, pick(99)) {
                    unregister(model).expect("unregister");
                }
            }
            9 if owners.len() < 4 => {
                let connector = ["mysql", "memory"][pick(2)];
                owners.push(if pick(2) == 0 { registry.app() } else { registry.data_source(connector) });
            }
            10 if owner != 0 => {
                release(owner).expect("release");
                owners.retain(|other| *other != owner);
            }
            11 => {
                drop_tenant(registry.0, tenant, 0).expect("drop");
            }
            12 if owner != 0 => {
                let label = owner_tenant(owner).expect("a label");
                drop_tenant(registry.0, &label, if pick(2) == 0 { owner } else { 0 }).expect("drop");
            }
            13 if pick(8) == 0 => registry.clear(),
            _ => {}
        }
        for change in watch.take_all() {
            let entry = (change.name, change.tenant);
            match change.kind {
                REGISTERED => assert_eq!(known.insert(change.model, entry), None, "step {step}"),
                REPLACED => {
                    assert!(known.remove(&change.replaced).is_some(), "step {step}");
                    assert_eq!(known.insert(change.model, entry), None, "step {step}");
                }
                MOVED => {
                    assert!(change.replaced == 0 || known.remove(&change.replaced).is_some(), "step {step}");
                    assert!(known.insert(change.model, entry).is_some(), "step {step}");
                }
                REMOVED => assert_eq!(known.remove(&change.model), Some(entry), "step {step}"),
                TENANT_DROPPED => assert!(known.values().all(|(_, tenant)| *tenant != entry.1), "step {step}"),
                CLEARED => {
                    assert_eq!(change.count, known.len() as u64, "step {step}");
                    known.clear();
                }
                OWNER_RELEASED => assert!(!owner_is_valid(change.owner), "step {step}"),
                kind => panic!("step {step}: kind {kind}"),
            }
        }
        assert!(known.keys().copied().eq(registered(registry.0)), "step {step}");
        for (model, (name, tenant)) in &known {
            assert_eq!((model_name(*model), model_tenant(*model)), (Ok(name.clone()), Ok(tenant.clone())));
        }
    }
}
