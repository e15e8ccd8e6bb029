//! Letting go: clear, tenants, release; destructors, once each; memory.

mod support_c_api;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use support_c_api::*;

#[test]
fn the_scene_of_the_contract() {
    let registry = Registry::new();
    let source = registry.data_source("memory");
    let user = Model::on("User", source).add(&registry);
    let (before, first) = stamped(source, ANY, false).expect("a list");
    assert_eq!(before, [user]);
    registry.clear();
    let (after, second) = stamped(source, ANY, false).expect("a list");
    assert!(after.is_empty());
    assert_ne!(first.stamp, second.stamp, "same snapshot? no");
    let product = Model::on("Product", source).add(&registry);
    let third = stamped(source, ANY, false).expect("a list");
    assert_eq!(third.0, [product]);
    assert_eq!(stamped(source, ANY, false), Ok(third), "twice: the same snapshot both times");
}

#[test]
fn after_clear_nothing_is_registered_and_all_counts_are_zero() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let one = schema(r#"{"name": "One", "base": "Model", "properties": {"a": "string"}}"#);
    let models = [
        Model { schema: one, ..Model::on("User", source) }.add(&registry),
        Model { app, ..Model::on("Order", source) }.add(&registry),
        Model::of("Product", app).add(&registry),
        Model::tenant("User", "north").add(&registry),
        Model { schema: one, ..Model::new("User") }.add(&registry),
    ];
    registry.clear();
    for model in models {
        assert!(!model_is_valid(model));
        assert_eq!(code(model_name(model)), STALE_HANDLE);
        assert_eq!(code(unregister(model)), STALE_HANDLE);
        assert_eq!(code(move_to(model, source, 0, "")), STALE_HANDLE);
    }
    for owner in [source, app] {
        assert!(owner_is_valid(owner), "owners stay registered");
        assert_eq!(models_of(owner), Ok(vec![]));
        assert_eq!(models_on(owner), Ok(vec![]));
        assert_eq!(names_of(owner), Ok(vec![]));
        assert_eq!(has(owner, ANY, "User"), Ok(false));
        assert_eq!(get(owner, ANY, "Order"), Ok(0));
    }
    assert_eq!(find(registry.0, "User"), Ok(0));
    assert_eq!(find_in(registry.0, "north", "User"), Ok(0));
    assert_eq!(all_models(registry.0), Ok(vec![]));
    assert_eq!(models_in(registry.0, "global"), Ok(vec![]));
    assert_eq!(tenant_codes(registry.0), Vec::<String>::new(), "no tenant exists");
    assert_eq!(tenant(registry.0, "north"), Ok(None));
    let stats = stats(registry.0);
    assert_eq!((stats.registered_total, stats.reused_total, stats.unique_structures), (0, 0, 0));
    assert_eq!((stats.tenants, stats.models, stats.owners, stats.generation), (0, 0, 2, 2));
    let again = Model { app, ..Model::on("User", source) }.add(&registry);
    assert_eq!(models_of(app), Ok(vec![again]), "registering again works");
    assert_eq!(models_on(source), Ok(vec![again]));
    assert_eq!(models_of(source), Ok(vec![]));
    free_schema(one).expect("free");
}

#[test]
fn the_first_question_after_clear_is_never_answered_with_what_was_before() {
    // Each with its own kind of question as the first one.
    let questions: [fn(u64) -> usize; 7] = [
        |owner| models_of(owner).expect("a list").len(),
        |owner| models_on(owner).expect("a list").len(),
        |owner| names_of(owner).expect("names").len(),
        |owner| usize::from(has(owner, ANY, "User").expect("an answer")),
        |owner| usize::from(get(owner, ANY, "User").expect("an answer") != 0),
        |owner| snapshot_models(hold_models(owner, ANY, false).expect("a snapshot")).expect("a list").0.len(),
        |owner| snapshot_models(hold_models(owner, ANY, true).expect("a snapshot")).expect("a list").0.len(),
    ];
    for (at, ask) in questions.into_iter().enumerate() {
        for parted in [false, true] {
            for letting_go in 0..4 {
                let registry = Registry::new();
                let (source, app) = (registry.data_source("mysql"), registry.app());
                Model::on("User", source).add(&registry);
                if parted {
                    Model { app, ..Model::on("User", source) }.add(&registry);
                }
                for ask in questions {
                    assert!(ask(source) > 0);
                }
                match letting_go {
                    0 => registry.clear(),
                    1 => assert_eq!(drop_tenant(registry.0, "ds_mysql_33511a21", 0), Ok(1)),
                    2 => assert_eq!(drop_tenant(registry.0, "ds_mysql_33511a21", source), Ok(1)),
                    _ => assert_eq!(drop_idle(registry.0, 0), Ok(1)),
                }
                assert_eq!(ask(source), 0, "question {at} after {letting_go}");
            }
        }
    }
}

#[test]
fn a_tenant_is_dropped_and_its_names_are_counted() {
    let registry = Registry::with(Limits { reserved: &["trap"], ..Limits::default() });
    let (source, other, app) = (registry.data_source("mysql"), registry.data_source("mysql"), registry.app());
    for name in ["User", "Order"] {
        Model::tenant(name, "north").add(&registry);
        Model::new(name).add(&registry);
        Model::on(name, source).add(&registry);
        Model::on(name, other).add(&registry);
    }
    let survivor = Model::of("User", app).add(&registry);
    for (code, expected) in [("", 0), ("trap", 0), ("nobody", 0), ("North", 0), ("north", 2), ("north", 0)] {
        assert_eq!(drop_tenant(registry.0, code, 0), Ok(expected), "{code:?}");
    }
    assert_eq!(drop_tenant(registry.0, "ds_mysql_33511a21", 0), Ok(2), "names, not models");
    assert_eq!(models_of(source), Ok(vec![]), "the cached list is invalidated");
    assert_eq!(models_of(other), Ok(vec![]));
    assert!(owner_is_valid(source) && owner_is_valid(other));
    assert_eq!(drop_tenant(registry.0, "global", 0), Ok(2), "global is emptied and counted too");
    assert_eq!(drop_tenant(registry.0, "global", 0), Ok(0));
    assert!(tenant(registry.0, "global").expect("an answer").is_some(), "and stays");
    assert_eq!(all_models(registry.0), Ok(vec![survivor]));
    assert_eq!(stats(registry.0).models, 1);
    let again = Model::on("User", source).add(&registry);
    assert_eq!(models_of(source), Ok(vec![again]));
}

#[test]
fn global_itself_is_no_reserved_code() {
    let registry = Registry::with(Limits { reserved: &["global", "trap"], ..Limits::default() });
    let models = [
        Model::new("User"),
        Model::tenant("Order", "global"),
        Model::tenant("Product", "trap"),
        Model::tenant("User", "north"),
    ]
    .map(|model| model.add(&registry));
    assert_eq!(models_in(registry.0, "global"), Ok(models[..3].to_vec()));
    assert_eq!(drop_tenant(registry.0, "trap", 0), Ok(0), "a reserved code");
    assert_eq!(drop_tenant(registry.0, "global", 0), Ok(3), "emptied and counted all the same");
    assert_eq!(models.map(model_is_valid), [false, false, false, true]);
}

#[test]
fn an_owner_leaves_a_tenant_which_goes_only_with_the_last() {
    let registry = Registry::new();
    let owners = [registry.data_source("mysql"), registry.data_source("mysql")];
    let (app, stranger) = (registry.app(), registry.data_source("memory"));
    let label = "ds_mysql_33511a21";
    let models = owners.map(|owner| Model::on("User", owner).add(&registry));
    let of_app = Model { app, ..Model::on("Order", owners[0]) }.add(&registry);
    let in_app = Model::of("Product", app).add(&registry);
    assert_eq!(drop_tenant(registry.0, label, stranger), Ok(0), "one that does not count in it");
    assert_eq!(drop_tenant(registry.0, label, app), Ok(0));
    assert_eq!(stats(registry.0).models, 4);
    assert_eq!(drop_tenant(registry.0, label, owners[0]), Ok(0), "others remain");
    assert!(!model_is_valid(models[0]) && !model_is_valid(of_app));
    assert_eq!(models_of(owners[0]), Ok(vec![]));
    assert_eq!(models_of(owners[1]), Ok(vec![models[1]]));
    assert_eq!(models_of(app), Ok(vec![in_app]));
    assert_eq!(drop_tenant(registry.0, label, owners[0]), Ok(0), "it has left");
    assert!(model_is_valid(models[1]));
    assert_eq!(drop_tenant(registry.0, label, owners[1]), Ok(1), "the last");
    assert_eq!(tenant(registry.0, label), Ok(None));
    assert!(owners.into_iter().all(owner_is_valid));
    let of_app = owner_tenant(app).expect("a label");
    assert_eq!(drop_tenant(registry.0, &of_app, app), Ok(1));
    assert_eq!(models_of(app), Ok(vec![]));
}

#[test]
fn a_wrong_owner_drops_nothing() {
    let (registry, foreign) = (Registry::new(), Registry::new());
    let (other, gone) = (foreign.app(), registry.app());
    release(gone).expect("release");
    let model = Model::tenant("User", "north").add(&registry);
    for (owner, expected) in
        [(other, FOREIGN_HANDLE), (gone, STALE_HANDLE), (model, WRONG_HANDLE_TYPE), (u64::MAX, FORGED_HANDLE)]
    {
        assert_eq!(code(drop_tenant(registry.0, "north", owner)), expected);
        assert!(model_is_valid(model));
    }
}

#[test]
fn idle_tenants_are_dropped_and_global_stays() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let global = Model::new("User").add(&registry);
    Model::tenant("User", "north").add(&registry);
    Model::on("User", source).add(&registry);
    Model::of("User", app).add(&registry);
    assert_eq!(drop_idle(registry.0, 30 * 60 * 1000), Ok(0), "nothing is idle for half an hour");
    assert_eq!(drop_idle(registry.0, u64::MAX), Ok(0));
    assert_eq!(stats(registry.0).tenants, 3);
    assert_eq!(drop_idle(registry.0, 0), Ok(3), "0: all of them");
    assert_eq!(tenant_codes(registry.0), Vec::<String>::new());
    assert_eq!((models_of(source), models_of(app)), (Ok(vec![]), Ok(vec![])));
    assert!(model_is_valid(global) && owner_is_valid(source) && owner_is_valid(app));
    assert_eq!(drop_idle(registry.0, 0), Ok(0));
}

#[test]
fn release_makes_the_handle_stale_and_takes_the_models() {
    let registry = Registry::new();
    let witness = Witness::new();
    let app = Owner { witness: Some(witness), name: "shop", ..Owner::app() }.create(registry.0).expect("an app");
    assert_eq!(owner_name(app).as_deref(), Ok("shop"));
    let model = Model::of("User", app).add(&registry);
    release(app).expect("release");
    assert_eq!(witness.runs(), 1, "the owner's destructor");
    assert!(!owner_is_valid(app) && !model_is_valid(model));
    assert_eq!(code(release(app)), STALE_HANDLE);
    assert_eq!(code(models_of(app)), STALE_HANDLE);
    assert_eq!(code(Model::of("User", app).register(registry.0)), STALE_HANDLE);
    assert_eq!(release(0), Ok(()), "nothing is released");
    let next = registry.app();
    assert_ne!(next, app);
    assert_eq!(models_of(next), Ok(vec![]), "the next owner of the slot has nothing of it");
    assert_eq!(code(models_of(app)), STALE_HANDLE);
}

type Way = (&'static str, fn(&Registry, [u64; 3], u64));

/// Every way to let a model go: the name of the way, and what lets go.
fn ways() -> Vec<Way> {
    vec![
        ("unregister", |_, _, model| unregister(model).expect("unregister")),
        ("replace", |registry, [source, app, _], _| {
            Model { app, ..Model::on("User", source) }.add(registry);
        }),
        ("a model that moves to its place", |registry, [_, app, other], _| {
            let model = Model::of("User", other).add(registry);
            move_to(model, 0, app, "").expect("move");
        }),
        ("release of the app", |_, [_, app, _], _| release(app).expect("release")),
        ("release of the data source", |_, [source, ..], _| release(source).expect("release")),
        ("clear", |registry, _, _| registry.clear()),
        ("drop of the tenant", |registry, _, _| {
            assert_eq!(drop_tenant(registry.0, "ds_mysql_33511a21", 0), Ok(1));
        }),
        ("leaving the tenant", |registry, [source, ..], _| {
            assert_eq!(drop_tenant(registry.0, "ds_mysql_33511a21", source), Ok(1));
        }),
        ("sweep", |registry, _, _| assert_eq!(drop_idle(registry.0, 0), Ok(1))),
        ("destroy", |registry, _, _| destroy(registry.0).expect("destroy")),
    ]
}

type Step = fn(u64, u64);

fn scene(witness: &'static Witness) -> (Registry, [u64; 3], u64) {
    let registry = Registry::new();
    let owners = [registry.data_source("mysql"), registry.app(), registry.app()];
    let model = Model { app: owners[1], ..Model::on("User", owners[0]) }.watched(witness).add(&registry);
    (registry, owners, model)
}

#[test]
fn a_destructor_runs_once_on_the_thread_that_let_go_and_before_the_call_returns() {
    for (what, let_go) in ways() {
        let witness = Witness::new();
        let (registry, owners, model) = scene(witness);
        let thread = std::thread::spawn(move || {
            let_go(&registry, owners, model);
            assert_eq!(witness.runs(), 1, "{what}: before the call returns");
            registry
        });
        let on = thread.thread().id();
        let registry = thread.join().expect("the thread ends well");
        assert_eq!(witness.thread(), Some(on), "{what}");
        drop(registry);
        assert_eq!(witness.runs(), 1, "{what}: exactly once");
    }
}

#[test]
fn a_destructor_waits_for_the_last_that_holds_the_model() {
    for (what, let_go) in ways() {
        for last in ["hold", "snapshot"] {
            let witness = Witness::new();
            let (registry, owners, model) = scene(witness);
            hold(model).expect("hold");
            let snapshot = hold_models(owners[1], ANY, false).expect("a snapshot");
            let_go(&registry, owners, model);
            assert!(!model_is_valid(model), "{what}");
            drop(registry);
            assert_eq!(witness.runs(), 0, "{what}: held");
            let (first, second): (Step, Step) = if last == "hold" {
                (|_, snapshot| free_snapshot(snapshot).expect("free"), |model, _| unhold(model).expect("unhold"))
            } else {
                (|model, _| unhold(model).expect("unhold"), |_, snapshot| free_snapshot(snapshot).expect("free"))
            };
            first(model, snapshot);
            assert_eq!(witness.runs(), 0, "{what}: held by the {last}");
            let thread = std::thread::spawn(move || second(model, snapshot));
            let on = thread.thread().id();
            thread.join().expect("the thread ends well");
            assert_eq!((witness.runs(), witness.thread()), (1, Some(on)), "{what}: {last}");
        }
    }
}

#[test]
fn an_owner_s_destructor_runs_once_at_release_or_destruction_or_failure() {
    let witnesses = [Witness::new(), Witness::new(), Witness::new()];
    let registry = Registry::with(Limits { owners: 2, ..Limits::default() });
    let owner = |witness| Owner { witness: Some(witness), ..Owner::app() }.create(registry.0);
    let released = owner(witnesses[0]).expect("an owner");
    owner(witnesses[1]).expect("an owner");
    assert_eq!(code(owner(witnesses[2])), FULL);
    assert_eq!(witnesses.map(Witness::runs), [0, 0, 1]);
    registry.clear();
    assert_eq!(witnesses.map(Witness::runs), [0, 0, 1], "clear keeps owners");
    release(released).expect("release");
    assert_eq!(witnesses.map(Witness::runs), [1, 0, 1]);
    drop(registry);
    assert_eq!(witnesses.map(Witness::runs), [1, 1, 1]);
}

#[test]
fn in_a_destructor_the_change_is_visible_to_everyone() {
    for (what, let_go) in ways() {
        let seen = Arc::new(AtomicUsize::new(0));
        let handles = Arc::new(Mutex::new(([0_u64; 3], 0_u64, 0_u64)));
        let (noted, inside) = (seen.clone(), handles.clone());
        let witness = Witness::that(move || {
            let ([source, app, _], model, registry) = *inside.lock().expect("no panic");
            let check = move || {
                assert!(!model_is_valid(model), "{what}");
                assert!(code(model_name(model)) == STALE_HANDLE, "{what}");
                // The answer is an error, or a list without the model.
                for list in [models_of(app), models_on(source), all_models(registry)] {
                    assert!(list.is_err() || list.is_ok_and(|list| !list.contains(&model)), "{what}");
                }
                assert_ne!(find(registry, "User"), Ok(model), "{what}");
            };
            check();
            std::thread::spawn(check).join().expect("every other thread sees it too");
            noted.fetch_add(1, Ordering::SeqCst);
        });
        let (registry, owners, model) = scene(witness);
        *handles.lock().expect("no panic") = (owners, model, registry.0);
        models_of(owners[1]).expect("a list");
        models_on(owners[0]).expect("a list");
        let_go(&registry, owners, model);
        assert_eq!(seen.load(Ordering::SeqCst), 1, "{what}");
    }
}

/// Calls a function of every kind on this registry.
fn use_everything(registry: &Registry) {
    let (source, app) = (registry.data_source("memory"), registry.app());
    let witness = Witness::new();
    let model = Model { app, ..Model::on("Inner", source) }.watched(witness).add(registry);
    let again = Model { app, ..Model::on("Inner", source) }.watched(witness).add(registry);
    assert_eq!((witness.runs(), model_is_valid(model)), (1, false));
    assert_eq!(models_of(app), Ok(vec![again]));
    assert_eq!(models_on(source), Ok(vec![again]));
    assert_eq!(names_of(app).expect("names"), ["Inner"]);
    assert_eq!(get(app, ANY, "Inner"), Ok(again));
    hold(again).expect("hold");
    let snapshots = [hold_models(app, ANY, false).expect("a snapshot"), hold_all(registry.0).expect("a snapshot")];
    move_to(again, source, 0, "").expect("move");
    assert_eq!(model_owners(again), Ok([source, source, 0]));
    assert_eq!(find(registry.0, "Inner"), Ok(again));
    invalidate(source).expect("invalidate");
    unregister(again).expect("unregister");
    unhold(again).expect("unhold");
    assert_eq!(snapshot_names(snapshots[0]), ["Inner"]);
    for snapshot in snapshots {
        free_snapshot(snapshot).expect("free");
    }
    assert_eq!(witness.runs(), 2);
    Model::tenant("Inner", "inner").watched(witness).add(registry);
    assert_eq!(drop_tenant(registry.0, "inner", 0), Ok(1));
    assert_eq!(witness.runs(), 3);
    registry.reclaim();
    stats(registry.0);
    drop_idle(registry.0, u64::MAX).expect("drop idle");
    release(app).expect("release");
    release(source).expect("release");
    let parsed = schema(r#"{"name": "Parsed", "properties": {"a": "string"}}"#);
    free_schema(parsed).expect("free");
    let other = Registry::new();
    Model::new("Other").watched(witness).add(&other);
    other.clear();
    assert_eq!(witness.runs(), 4);
    Model::new("Other").watched(witness).add(&other);
    destroy(other.0).expect("destroy");
    assert_eq!(witness.runs(), 5);
}

#[test]
fn a_destructor_may_call_every_kind_of_function() {
    with_an_alarm(|| {
        for (what, let_go) in ways() {
            let handle = Arc::new(Mutex::new(0_u64));
            let inside = handle.clone();
            let witness = Witness::that(move || {
                let registry = Registry(*inside.lock().expect("no panic"));
                if generation(registry.0).is_ok() {
                    use_everything(&registry);
                }
                std::mem::forget(registry);
                // Another registry works also while this one is being destroyed.
                use_everything(&Registry::new());
            });
            let (registry, owners, model) = scene(witness);
            *handle.lock().expect("no panic") = registry.0;
            let_go(&registry, owners, model);
            assert_eq!(witness.runs(), 1, "{what}");
        }
    });
}

#[test]
fn a_destructor_may_clear_and_destroy_the_registry_that_runs_it() {
    with_an_alarm(|| {
        for (what, let_go) in ways() {
            let handle = Arc::new(Mutex::new(0_u64));
            let inside = handle.clone();
            let later = Witness::new();
            let witness = Witness::that(move || {
                let registry = *inside.lock().expect("no panic");
                let _ = call!(mreg_registry_clear(registry));
                let _ = destroy(registry);
            });
            let (registry, owners, model) = scene(witness);
            Model::tenant("Later", "north").watched(later).add(&registry);
            *handle.lock().expect("no panic") = registry.0;
            if what == "sweep" {
                assert_eq!(drop_idle(registry.0, 0), Ok(2));
            } else {
                let_go(&registry, owners, model);
            }
            assert_eq!((witness.runs(), later.runs()), (1, 1), "{what}");
            assert_eq!(code(generation(registry.0)), STALE_HANDLE, "{what}");
        }
    });
}

#[test]
fn destructors_that_let_one_another_go_form_no_deep_stack() {
    with_an_alarm(|| {
        let registry = Registry::new();
        let app = registry.app();
        let (count, rest) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        for number in 0..500 {
            let (counted, left) = (count.clone(), rest.clone());
            let witness = Witness::that(move || {
                counted.fetch_add(1, Ordering::SeqCst);
                let next = left.lock().expect("no panic").pop();
                if let Some(next) = next {
                    unregister(next).expect("unregister");
                }
            });
            let model = Model::of(&format!("Model{number}"), app).watched(witness).add(&registry);
            rest.lock().expect("no panic").push(model);
        }
        let first = rest.lock().expect("no panic").pop().expect("a model");
        unregister(first).expect("unregister");
        assert_eq!(count.load(Ordering::SeqCst), 500);
        assert_eq!(models_of(app), Ok(vec![]));
    });
}

#[test]
fn many_destructors_of_one_call_each_run_once() {
    let registry = Registry::new();
    let app = registry.app();
    let witnesses: Vec<_> = (0..20_000).map(|_| Witness::new()).collect();
    for (number, witness) in witnesses.iter().enumerate() {
        Model::of(&format!("Model{number}"), app).watched(witness).add(&registry);
    }
    registry.clear();
    assert!(witnesses.iter().all(|witness| witness.runs() == 1));
    drop(registry);
    assert!(witnesses.iter().all(|witness| witness.runs() == 1));
}

/// A round of everything that takes memory; lets all of it go again.
fn round(registry: &Registry, schema: u64, ask: bool) {
    let owners = [registry.data_source("mysql"), registry.app(), registry.data_source("memory")];
    let mut models = Vec::new();
    for number in 0..40 {
        let name = format!("{}{number}", "a long name of a model ".repeat(1 + number % 4));
        let [source, app, memory] = owners;
        let (data_source, app) = [(source, 0), (source, app), (0, app), (memory, 0), (0, 0)][number % 5];
        let tenant = ["north", "south", ""][number % 3];
        let model = Model { data_source, app, tenant, schema, settings: r#"{"a":[1,2,3]}"#, ..Model::new(&name) };
        models.push(model.add(registry));
        models.push(model.add(registry));
    }
    let mut snapshots = vec![hold_all(registry.0).expect("a snapshot")];
    for owner in owners {
        if ask {
            models_of(owner).expect("a list");
            models_on(owner).expect("a list");
        }
        snapshots.push(hold_models(owner, ANY, true).expect("a snapshot"));
    }
    for model in models.into_iter().filter(|model| model_is_valid(*model)).step_by(7) {
        hold(model).expect("hold");
        unregister(model).expect("unregister");
        unhold(model).expect("unhold");
    }
    registry.clear();
    for owner in owners {
        release(owner).expect("release");
    }
    for snapshot in snapshots {
        free_snapshot(snapshot).expect("free");
    }
}

#[test]
fn after_everything_was_let_go_nothing_is_in_use_and_what_is_reserved_stops_growing() {
    let registry = Registry::new();
    let one = schema(r#"{"name": "One", "base": "Model", "properties": {"a": "string", "b": {"c": ["number"]}}}"#);
    assert_eq!(stats(registry.0).bytes_in_use, 0, "a new registry");
    let mut reserved = Vec::new();
    for repeat in 0..12 {
        round(&registry, one, repeat % 2 == 0);
        registry.reclaim();
        let stats = stats(registry.0);
        assert_eq!(stats.bytes_in_use, 0, "round {repeat}");
        reserved.push(stats.bytes_reserved);
    }
    assert!(reserved[0] > 0, "slots that were used are reserved");
    // With three bits of generation slots are retired, and new ones take their place.
    let retires = cfg!(feature = "small-generations");
    assert!(retires || reserved[2..].iter().all(|bytes| *bytes == reserved[2]), "{reserved:?}");
    free_schema(one).expect("free");
}

#[test]
fn a_registry_that_is_used_without_an_end_takes_no_more_memory() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    Model::on("Stays", source).add(&registry);
    let mut in_use = Vec::new();
    for _ in 0..6 {
        for number in 0..20_000 {
            // Nobody asks, so no list is ever built.
            let name = ["Here", "There", "a name that is longer than sixteen bytes"][number % 3];
            let model = Model { app: if number % 2 == 0 { app } else { 0 }, ..Model::on(name, source) }.add(&registry);
            unregister(model).expect("unregister");
        }
        registry.reclaim();
        in_use.push(stats(registry.0).bytes_in_use);
    }
    assert!(in_use[1..].iter().all(|bytes| *bytes <= in_use[0]), "{in_use:?}");
}

#[test]
fn what_a_clear_leaves_behind_is_taken_back_by_later_changes() {
    let registry = Registry::new();
    let app = registry.app();
    for number in 0..1_000 {
        Model::of(&format!("Model{number}"), app).add(&registry);
    }
    let full = stats(registry.0).bytes_in_use;
    registry.clear();
    for _ in 0..1_000 {
        Model::of("One", app).add(&registry);
    }
    let changed = stats(registry.0).bytes_in_use;
    assert!(changed < full / 10, "{changed} of {full} bytes are still in use after a thousand changes");
    registry.clear();
    registry.reclaim();
    let reclaimed = stats(registry.0).bytes_in_use;
    assert!(reclaimed < full / 10, "at once by an explicit reclaim");
}

type Reclaiming = (&'static str, fn(&Registry));

/// What takes back a part of what a clear left behind.
const RECLAIMING: [Reclaiming; 4] = [
    ("register", |registry| assert_ne!(Model::new("One").add(registry), 0)),
    ("drop of a tenant", |registry| assert!(drop_tenant(registry.0, "global", 0).is_ok())),
    ("drop of idle tenants", |registry| assert_eq!(drop_idle(registry.0, u64::MAX), Ok(0))),
    ("sweep", |registry| assert_eq!(sweep(registry.0), Ok(0))),
];

/// A registry that was cleared of so many models without destructors, and the bytes that this left behind.
fn cleared(models: u32) -> (Registry, u64) {
    let registry = Registry::new();
    for number in 0..models {
        Model::new(&format!("Model{number}")).add(&registry);
    }
    registry.clear();
    let left_behind = stats(registry.0).bytes_in_use;
    (registry, left_behind)
}

#[test]
fn what_a_clear_leaves_behind_is_taken_back_in_bounded_steps() {
    let (registry, left_behind) = cleared(100_000);
    // It makes the tables that searches look into anew, which takes more than a step gives back.
    Model::new("First").add(&registry);
    for (what, step) in RECLAIMING {
        let before = stats(registry.0).bytes_in_use;
        let bytes_after_a_step = || {
            step(&registry);
            stats(registry.0).bytes_in_use
        };
        // One that comes upon slots whose generations were used up by other registries gives back little.
        let after = (0..10).map(|_| bytes_after_a_step()).find(|after| *after < before);
        let after = after.unwrap_or_else(|| panic!("{what}: {before} bytes before and after ten steps"));
        assert!(after > left_behind / 10 * 9, "{what}: {after} of {left_behind} bytes, which is no small step");
    }
}

#[test]
fn every_kind_of_step_takes_back_all_that_a_clear_left_behind_in_the_end() {
    for (what, step) in RECLAIMING {
        let (registry, left_behind) = cleared(1_000);
        for _ in 0..1_000 {
            step(&registry);
        }
        let after = stats(registry.0).bytes_in_use;
        assert!(after < left_behind / 100, "{after} of {left_behind} bytes are in use after a thousand times {what}");
    }
}

#[test]
fn what_outlives_its_registry_is_let_go_without_it() {
    let registry = Registry::new();
    let app = registry.app();
    let witnesses: Vec<_> = (0..50).map(|_| Witness::new()).collect();
    for (number, witness) in witnesses.iter().enumerate() {
        Model::of(&format!("Model{number}"), app).watched(witness).add(&registry);
    }
    let snapshot = hold_models(app, ANY, false).expect("a snapshot");
    destroy(registry.0).expect("destroy");
    free_snapshot(snapshot).expect("free");
    assert!(witnesses.iter().all(|witness| witness.runs() == 1));
    // Whichever registry comes next, it begins with nothing.
    for _ in 0..20 {
        assert_eq!(stats(Registry::new().0).bytes_in_use, 0);
    }
}

#[test]
fn a_host_that_unwinds_may_call_the_library() {
    /// Lets go while its thread unwinds.
    struct LetsGo(u64, u64);
    impl Drop for LetsGo {
        fn drop(&mut self) {
            unregister(self.1).expect("unregister");
            call!(mreg_registry_clear(self.0)).expect("clear");
        }
    }
    let registry = Registry::new();
    let model = Model::new("User").add(&registry);
    let ended = std::thread::spawn({
        let registry = registry.0;
        move || {
            let _lets_go = LetsGo(registry, model);
            std::panic::resume_unwind(Box::new("the host's own panic"));
        }
    });
    assert!(ended.join().is_err());
    assert_eq!(generation(registry.0), Ok(2));
    Model::new("User").add(&registry);
    use_everything(&registry);
}

#[test]
fn a_name_that_only_a_clear_left_behind_is_registered_again_where_records_before_it_are_held() {
    let registry = Registry::new();
    let held: Vec<u64> = (0..4).map(|number| Model::new(&format!("Held{number}")).add(&registry)).collect();
    Model::new("User").add(&registry);
    Model::new("Other").add(&registry);
    held.iter().for_each(|model| hold(*model).expect("hold"));
    registry.clear();
    // The records that are looked at first stay, so that of the old `User` is taken for the new one.
    let user = Model::new("User").add(&registry);
    assert_eq!(find(registry.0, "User"), Ok(user));
    let more: Vec<(String, u64)> = (0..8)
        .map(|number| format!("More{number}"))
        .map(|name| (name.clone(), Model::new(&name).add(&registry)))
        .collect();
    for (name, model) in &more {
        assert_eq!(find(registry.0, name), Ok(*model));
    }
    assert_eq!(find(registry.0, "User"), Ok(user));
    held.iter().for_each(|model| unhold(*model).expect("unhold"));
    registry.clear();
    registry.reclaim();
    assert_eq!(stats(registry.0).bytes_in_use, stats(Registry::new().0).bytes_in_use);
}

#[test]
fn rounds_that_end_with_a_clear_leave_no_more_behind_each_time() {
    let one = schema(r#"{"name": "One", "properties": {"a": "string"}}"#);
    for destructors in [false, true] {
        for models in [0, 1, 2, 40, 300] {
            let registry = Registry::new();
            let names: Vec<String> = (0..models).map(|number| format!("Model{number}")).collect();
            let round = || {
                for name in &names {
                    let model = Model { schema: one, ..Model::new(name) };
                    let model = if destructors { model.watched(Witness::new()) } else { model };
                    model.add(&registry);
                }
                registry.clear();
                stats(registry.0).bytes_in_use
            };
            let most = (0..8).map(|_| round()).max().expect("rounds");
            for _ in 0..50 {
                assert!(round() <= most, "{models} models, destructors: {destructors}");
            }
        }
    }
    free_schema(one).expect("free");
}
