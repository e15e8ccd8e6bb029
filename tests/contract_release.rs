//! Release queues: `user_data` that is due, for hosts that take no callbacks.

mod support_c_api;

use std::collections::BTreeSet;

use support_c_api::capi::mreg_registry_options;
use support_c_api::queues::*;
use support_c_api::*;

const MODEL: u32 = capi::MREG_DUE_MODEL;
const OWNER: u32 = capi::MREG_DUE_OWNER;

/// An owner that comes with a number.
fn owner(registry: u64, kind: u32, number: usize) -> Result<u64> {
    let connector = if kind == DATA_SOURCE { "mysql" } else { "" };
    Owner { kind, connector, user_data: number, ..Owner::default() }.create(registry)
}

fn numbered(model: Model<'_>, number: usize) -> Model<'_> {
    Model { user_data: number, ..model }
}

#[test]
fn every_way_to_let_go_puts_it_into_the_queue_before_the_call_returns() {
    type Way = fn(&Registry, u64, u64, u64);
    let ways: [(&str, Way, &[usize]); 8] = [
        ("unregister", |_, _, _, model| unregister(model).expect("unregister"), &[1]),
        (
            "replace",
            |registry, app, source, _| {
                Model { data_source: source, ..Model::of("One", app) }.add(registry);
            },
            &[1],
        ),
        (
            "move",
            |registry, app, source, _| {
                let other = Model::new("One").add(registry);
                move_to(other, source, app, "").expect("move");
            },
            &[1],
        ),
        ("release", |_, app, _, _| release(app).expect("release"), &[1, 2, 3, 10]),
        ("release of the data source", |_, _, source, _| release(source).expect("release"), &[1, 2, 3, 11]),
        ("clear", |registry, _, _, _| registry.clear(), &[1, 2, 3]),
        (
            "drop",
            |registry, _, _, model| {
                let tenant = model_tenant(model).expect("a tenant");
                drop_tenant(registry.0, &tenant, 0).expect("drop");
            },
            &[1, 2, 3],
        ),
        (
            "sweep",
            |registry, _, _, _| {
                drop_idle(registry.0, 0).expect("drop");
            },
            &[1, 2, 3],
        ),
    ];
    for (what, way, expected) in ways {
        let queue = Queue::new();
        let registry = queue.registry();
        let app = owner(registry.0, APP, 10).expect("an app");
        let source = owner(registry.0, DATA_SOURCE, 11).expect("a data source");
        let [model, ..] = [("One", 1), ("Two", 2), ("Three", 3)].map(|(name, number)| {
            numbered(Model { data_source: source, ..Model::of(name, app) }, number).add(&registry)
        });
        assert_eq!(queue.poll(), Ok(None), "{what}: nothing is due yet");
        way(&registry, app, source, model);
        let due = queue.take_all();
        assert_eq!(due[0].1, model, "{what}: the handle that it had");
        for (kind, handle, number) in &due {
            assert_eq!(*kind, if *number >= 10 { OWNER } else { MODEL }, "{what}");
            assert!(*kind != OWNER || [app, source].contains(handle), "{what}");
        }
        let numbers: Vec<usize> = due.iter().map(|(_, _, number)| *number).collect();
        assert_eq!(numbers, expected, "{what}: in the order in which it was let go");
        destroy(registry.0).expect("destroy");
        let mut all: Vec<usize> = numbers.into_iter().chain(queue.numbers()).collect();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 10, 11], "{what}: each once");
    }
}

#[test]
fn what_has_a_destructor_or_no_user_data_does_not_go_through_the_queue() {
    let queue = Queue::new();
    let registry = queue.registry();
    let witness = Witness::new();
    let with = Model::new("With").watched(witness).add(&registry);
    let without = Model::new("Without").add(&registry);
    unregister(with).expect("unregister");
    unregister(without).expect("unregister");
    assert_eq!(code(Model::new("").watched(witness).register(registry.0)), INVALID_NAME);
    release(registry.app()).expect("release");
    assert_eq!((witness.runs(), queue.poll()), (2, Ok(None)));
}

#[test]
fn without_a_queue_nothing_is_kept() {
    let registry = Registry::new();
    let model = numbered(Model::new("One"), 1).add(&registry);
    assert_eq!(model_user_data(model), Ok(1));
    unregister(model).expect("unregister");
}

#[test]
fn what_is_held_is_due_when_it_is_let_go_also_after_the_registry() {
    let queue = Queue::new();
    let registry = queue.registry();
    let app = registry.app();
    let model = numbered(Model::of("One", app), 1).add(&registry);
    numbered(Model::of("Two", app), 2).add(&registry);
    hold(model).expect("hold");
    let snapshot = hold_models(app, ANY, false).expect("a snapshot");
    destroy(registry.0).expect("destroy");
    assert_eq!(queue.poll(), Ok(None));
    free_snapshot(snapshot).expect("free");
    assert_eq!(queue.numbers(), [2]);
    unhold(model).expect("unhold");
    assert_eq!(queue.take_all(), [(MODEL, model, 1)]);
}

#[test]
fn what_a_failing_call_was_handed_goes_into_the_queue() {
    let queue = Queue::new();
    let registry = queue.registry();
    assert_eq!(code(numbered(Model::new(""), 1).register(registry.0)), INVALID_NAME);
    assert_eq!(code(owner(registry.0, 4711, 2)), INVALID_ARGUMENT);
    let stale = registry.app();
    release(stale).expect("release");
    assert_eq!(code(numbered(Model::of("One", stale), 3).register(registry.0)), STALE_HANDLE);
    let mut options = made(capi::mreg_model_options_init);
    options.user_data = std::ptr::without_provenance_mut(4);
    assert_eq!(code(call!(mreg_model_register(registry.0, &options, std::ptr::null_mut()))), NULL_POINTER);
    assert_eq!(queue.take_all(), [(MODEL, 0, 1), (OWNER, 0, 2), (MODEL, 0, 3), (MODEL, 0, 4)]);
}

#[test]
fn where_the_registry_is_refused_the_user_data_stays_the_callers() {
    let queue = Queue::new();
    let registry = queue.registry();
    let app = registry.app();
    destroy(registry.0).expect("destroy");
    for (handle, status) in [(registry.0, STALE_HANDLE), (0, NULL_HANDLE), (app, WRONG_HANDLE_TYPE)] {
        // The registry is looked at first: the name is refused as well.
        let failure = numbered(Model::new(""), 1).register(handle).expect_err("a wrong registry");
        assert_eq!((failure.code, failure.name.as_str()), (status, "registry"));
        let failure = owner(handle, 4711, 2).expect_err("a wrong registry");
        assert_eq!((failure.code, failure.name.as_str()), (status, "registry"));
    }
    // Options that cannot be read hand nothing in.
    let registry = queue.registry();
    let mut model = 0;
    let mut options = made(capi::mreg_model_options_init);
    (options.struct_size, options.user_data) = (3, std::ptr::without_provenance_mut(1));
    assert_eq!(code(call!(mreg_model_register(registry.0, &options, &mut model))), STRUCT_SIZE);
    assert_eq!(queue.poll(), Ok(None));
}

#[test]
fn a_queue_that_is_freed_drops_what_is_in_it_and_what_comes_later() {
    let queue = Queue::new();
    let registry = queue.registry();
    let model = numbered(Model::new("One"), 1).add(&registry);
    numbered(Model::new("One"), 2).add(&registry);
    queue.free().expect("free");
    assert_eq!(code(queue.poll()), STALE_HANDLE);
    assert_eq!(code(queue.free()), STALE_HANDLE);
    assert!(!model_is_valid(model));
    numbered(Model::new("Two"), 3).add(&registry);
    registry.clear();
    let mut options = made::<mreg_registry_options>(capi::mreg_registry_options_init);
    options.release_queue = queue.0;
    let mut other = 0;
    assert_eq!(code(call!(mreg_registry_create(&options, &mut other))), STALE_HANDLE);
    options.release_queue = registry.0;
    assert_eq!(code(call!(mreg_registry_create(&options, &mut other))), WRONG_HANDLE_TYPE);
}

#[test]
fn a_model_of_a_name_that_others_have_goes_into_the_queue_as_any_other_does() {
    let queue = Queue::new();
    let registry = queue.registry();
    let owners = [registry.app(), registry.app(), registry.data_source("mysql")];
    let add = |owner: u64, number| {
        let model = if owner == owners[2] {
            Model { data_source: owner, ..Model::new("One") }
        } else {
            Model::of("One", owner)
        };
        numbered(model, number).add(&registry)
    };
    let models: Vec<u64> = owners.iter().zip(1..).map(|(owner, number)| add(*owner, number)).collect();
    assert_eq!(queue.poll(), Ok(None));
    let replacing = add(owners[1], 4);
    assert_eq!(queue.take_all(), [(MODEL, models[1], 2)], "the old one, at once");
    unregister(models[2]).expect("unregister");
    unregister(replacing).expect("unregister");
    registry.clear();
    assert_eq!(queue.numbers(), [3, 4, 1]);
}

#[test]
fn several_registries_may_have_one_queue_and_it_costs_them_nothing() {
    let queue = Queue::new();
    let registries = [queue.registry(), queue.registry()];
    for (at, registry) in registries.iter().enumerate() {
        numbered(Model::new("One"), 1 + at).add(registry);
        numbered(Model::new("Two"), 11 + at).add(registry);
    }
    for registry in registries.iter().rev() {
        registry.clear();
        registry.reclaim();
        assert_eq!(stats(registry.0).bytes_in_use, 0, "what waits in a queue is the host's");
    }
    assert_eq!(queue.numbers(), [2, 12, 1, 11]);
}

#[test]
fn of_many_threads_each_gets_what_no_other_gets() {
    const THREADS: usize = 4;
    const EACH: usize = if cfg!(miri) { 20 } else { 2000 };
    let queue = Queue::new();
    let registry = queue.registry();
    let found: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (queue, registry) = (&queue, &registry);
                scope.spawn(move || {
                    let mut found = Vec::new();
                    for at in 0..EACH {
                        let number = 1 + thread * EACH + at;
                        unregister(numbered(Model::tenant("One", &thread.to_string()), number).add(registry))
                            .expect("unregister");
                        found.extend(queue.poll().expect("a queue").map(|(_, _, number)| number));
                    }
                    found
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    });
    let all: BTreeSet<usize> = found.iter().copied().chain(queue.numbers()).collect();
    assert_eq!(found.len(), THREADS * EACH, "there is one for each that looks");
    assert!(all.into_iter().eq(1..=THREADS * EACH));
}
