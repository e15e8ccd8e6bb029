//! Asking: lists, names, kinds, stamps, freshness words, and who holds a model.

mod support_c_api;

use support_c_api::*;

#[test]
fn models_names_has_and_get_of_an_owner() {
    let registry = Registry::new();
    let owners = [registry.data_source("mysql"), registry.app()];
    for owner in owners {
        let of = |name| match owner_kind(owner) {
            Ok(APP) => Model::of(name, owner),
            _ => Model::on(name, owner),
        };
        let models = ["User", "Order", "Äpfel"].map(|name| of(name).add(&registry));
        assert_eq!(models_of(owner), Ok(models.to_vec()));
        assert_eq!(names_of(owner).expect("names"), ["User", "Order", "Äpfel"]);
        for (name, model) in ["User", "Order", "Äpfel"].into_iter().zip(models) {
            assert_eq!((has(owner, ANY, name), get(owner, ANY, name)), (Ok(true), Ok(model)));
        }
        for absent in ["user", "Use", "UserX", "Apfel", "", "Product"] {
            assert_eq!((has(owner, ANY, absent), get(owner, ANY, absent)), (Ok(false), Ok(0)), "{absent:?}");
        }
    }
}

#[test]
fn asking_as_another_kind_finds_nothing() {
    let registry = Registry::new();
    let desk = registry.kind("desk").expect("a kind");
    let chair = registry.kind("chair").expect("a kind");
    let source = registry.data_source("mysql");
    let app = registry.app();
    let own = Owner { kind: desk, ..Owner::default() }.create(registry.0).expect("an owner");
    Model::on("User", source).add(&registry);
    Model::of("User", app).add(&registry);
    Model::of("User", own).add(&registry);
    for (owner, kind) in [(source, DATA_SOURCE), (app, APP), (own, desk)] {
        for asked in [ANY, DATA_SOURCE, APP, desk, chair] {
            let found = usize::from(asked == ANY || asked == kind);
            assert_eq!(stamped(owner, asked, false).expect("a list").0.len(), found, "{kind} as {asked}");
            assert_eq!(stamped_names(owner, asked).expect("names").0.len(), found);
            assert_eq!(has(owner, asked, "User"), Ok(found == 1));
            assert_eq!(get(owner, asked, "User").expect("an answer") != 0, found == 1);
            let on = usize::from(owner == source && found == 1);
            assert_eq!(stamped(owner, asked, true).expect("a list").0.len(), on);
            for (snapshot, expected) in
                [(hold_models(owner, asked, false), found), (hold_models(owner, asked, true), on)]
            {
                let snapshot = snapshot.expect("a snapshot");
                assert_eq!(snapshot_models(snapshot).expect("a list").0.len(), expected);
                free_snapshot(snapshot).expect("free");
            }
        }
    }
}

#[test]
fn an_owner_that_is_gone_is_told_apart_from_one_that_owns_nothing() {
    let registry = Registry::new();
    let (empty, gone) = (registry.app(), registry.app());
    release(gone).expect("release");
    assert_eq!(models_of(empty), Ok(vec![]));
    assert_eq!(names_of(empty), Ok(vec![]));
    assert_eq!((has(empty, ANY, "User"), get(empty, ANY, "User")), (Ok(false), Ok(0)));
    // Of a name that some model has, and of one that none has.
    Model::new("User").add(&registry);
    for (owner, expected) in
        [(0, NULL_HANDLE), (gone, STALE_HANDLE), (registry.0, WRONG_HANDLE_TYPE), (u64::MAX, FORGED_HANDLE)]
    {
        assert_eq!(code(models_of(owner)), expected);
        assert_eq!(code(models_on(owner)), expected);
        assert_eq!(code(names_of(owner)), expected);
        assert_eq!(code(hold_models(owner, ANY, false)), expected);
        assert_eq!(code(hold_models(owner, ANY, true)), expected);
        for name in ["User", "Nobody", ""] {
            assert_eq!(code(has(owner, ANY, name)), expected);
            assert_eq!(code(get(owner, APP, name)), expected);
        }
    }
}

#[test]
fn asking_again_while_nothing_changed_gives_the_same_snapshot() {
    let registry = Registry::new();
    let (source, app, other) = (registry.data_source("mysql"), registry.app(), registry.app());
    Model::on("User", source).add(&registry);
    let model = Model { app, ..Model::on("Order", source) }.add(&registry);
    for owner in [source, app] {
        // To build a list may change the owner's word, so both are built first.
        let _ = [stamped(owner, ANY, false), stamped(owner, ANY, true)];
        let first = [stamped(owner, ANY, false), stamped(owner, ANY, true)];
        let names = stamped_names(owner, ANY);
        let held = hold_models(owner, ANY, false).expect("a snapshot");
        // What changes nothing about these owners.
        Model::of("Elsewhere", other).add(&registry);
        Model::new("Nobody's").add(&registry);
        hold(model).expect("hold");
        unhold(model).expect("unhold");
        registry.reclaim();
        stats(registry.0);
        let late = registry.app();
        release(late).expect("release");
        assert_eq!(first, [stamped(owner, ANY, false), stamped(owner, ANY, true)]);
        assert_eq!(names, stamped_names(owner, ANY));
        assert_eq!(names.expect("names").1, first[0].as_ref().expect("a list").1, "the names' is the list's");
        let again = hold_models(owner, ANY, false).expect("a snapshot");
        assert_eq!(snapshot_models(held), snapshot_models(again));
        assert_eq!(snapshot_models(held), first[0]);
        free_snapshot(held).expect("free");
        assert_eq!(snapshot_models(again), first[0], "the other handle goes on");
        free_snapshot(again).expect("free");
    }
}

/// Says nothing of what a change gave, as long as it succeeded.
fn done<T: std::fmt::Debug>(result: Result<T>) -> u64 {
    result.expect("the change");
    0
}

/// Every kind of change, each with its own registry: the answer afterwards is of then, under a stamp never seen.
#[test]
fn after_any_change_asking_gives_a_new_snapshot() {
    struct Scene {
        registry: Registry,
        source: u64,
        app: u64,
        model: u64,
        of_app: u64,
    }
    type Change = (&'static str, fn(&Scene) -> u64, [usize; 3]);
    // How many models the data source has, how many are on it, and how many the app has.
    let changes: [Change; 17] = [
        ("register", |s| Model::on("New", s.source).add(&s.registry), [2, 3, 1]),
        ("replace", |s| Model::on("User", s.source).add(&s.registry), [1, 2, 1]),
        ("register for both", |s| Model { app: s.app, ..Model::on("New", s.source) }.add(&s.registry), [1, 3, 2]),
        ("unregister", |s| done(unregister(s.model)), [0, 1, 1]),
        ("unregister the app's", |s| done(unregister(s.of_app)), [1, 1, 0]),
        ("move away", |s| done(move_to(s.model, 0, 0, "")), [0, 1, 1]),
        ("move to the app", |s| done(move_to(s.model, s.source, s.app, "")), [0, 2, 2]),
        ("move back", |s| done(move_to(s.of_app, s.source, 0, "")), [2, 2, 0]),
        ("clear", |s| done(call!(mreg_registry_clear(s.registry.0))), [0, 0, 0]),
        (
            "clear and register",
            |s| {
                s.registry.clear();
                Model { app: s.app, ..Model::on("New", s.source) }.add(&s.registry)
            },
            [0, 1, 1],
        ),
        ("drop the tenant", |s| drop_tenant(s.registry.0, "ds_mysql_33511a21", 0).expect("drop"), [0, 0, 0]),
        ("leave the tenant", |s| drop_tenant(s.registry.0, "ds_mysql_33511a21", s.source).expect("drop"), [0, 0, 0]),
        ("sweep", |s| drop_idle(s.registry.0, 0).expect("drop"), [0, 0, 0]),
        ("invalidate the data source", |s| done(invalidate(s.source)), [1, 2, 1]),
        ("invalidate the app", |s| done(invalidate(s.app)), [1, 2, 1]),
        ("release the app", |s| done(release(s.app)), [1, 1, usize::MAX]),
        ("release the data source", |s| done(release(s.source)), [usize::MAX, usize::MAX, 0]),
    ];
    for (what, change, expected) in changes {
        let registry = Registry::new();
        let (source, app) = (registry.data_source("mysql"), registry.app());
        let model = Model::on("User", source).add(&registry);
        let of_app = Model { app, ..Model::on("Order", source) }.add(&registry);
        let scene = Scene { registry, source, app, model, of_app };
        let asked = [(source, false), (source, true), (app, false)];
        let words = [Words::of(source), Words::of(app)];
        let _ = asked.map(|(owner, on)| stamped(owner, ANY, on));
        let before = asked.map(|(owner, on)| stamped(owner, ANY, on).expect("a list"));
        let held = asked.map(|(owner, on)| hold_models(owner, ANY, on).expect("a snapshot"));
        change(&scene);
        for (at, (owner, on)) in asked.into_iter().enumerate() {
            assert_eq!(snapshot_models(held[at]).as_ref(), Ok(&before[at]), "{what}: what is held stays");
            free_snapshot(held[at]).expect("free");
            let (old, old_stamp) = &before[at];
            let now = words[usize::from(owner == app)].read();
            let answer = stamped(owner, ANY, on);
            if expected[at] == usize::MAX {
                assert_eq!(code(answer), STALE_HANDLE, "{what}");
                assert_ne!(now, (old_stamp.owner_word, old_stamp.registry_word), "{what}: the words tell it");
                continue;
            }
            let (list, stamp) = answer.expect("a list");
            assert_eq!(list.len(), expected[at], "{what}: list {at}");
            if list != *old {
                assert_ne!(stamp.stamp, old_stamp.stamp, "{what}: another answer has another stamp");
                assert_ne!(now, (old_stamp.owner_word, old_stamp.registry_word), "{what}: the words tell it");
            }
            let invalidated =
                (what == "invalidate the data source" && at < 2) || (what == "invalidate the app" && at == 2);
            if invalidated || what.starts_with("clear") {
                assert_ne!(stamp.stamp, old_stamp.stamp, "{what}: a new snapshot");
            }
            assert!(list.iter().all(|model| model_is_valid(*model)), "{what}: nothing that is gone");
            assert_eq!(stamped(owner, ANY, on), Ok((list, stamp)), "{what}: the same when asked again");
        }
    }
}

#[test]
fn one_owner_s_cache_can_be_invalidated_alone() {
    let registry = Registry::new();
    let owners = [registry.app(), registry.app()];
    for owner in owners {
        Model::of("User", owner).add(&registry);
    }
    let before = owners.map(|owner| stamped(owner, ANY, false).expect("a list"));
    invalidate(owners[0]).expect("invalidate");
    let after = owners.map(|owner| stamped(owner, ANY, false).expect("a list"));
    assert_eq!(before[0].0, after[0].0, "the same models");
    assert_ne!(before[0].1.stamp, after[0].1.stamp);
    assert_eq!(before[1], after[1], "the other owner's answer is the same");
}

#[test]
fn both_words_unchanged_mean_that_the_answer_is_unchanged() {
    let registry = Registry::new();
    let app = registry.app();
    let words = Words::of(app);
    let mut seen = std::collections::HashSet::new();
    for round in 0..50 {
        let (list, stamp) = stamped(app, ANY, false).expect("a list");
        assert_eq!(words.read(), (stamp.owner_word, stamp.registry_word), "what a list comes back with");
        assert_eq!(stamped(app, ANY, false), Ok((list, stamp)));
        assert_eq!(words.read(), (stamp.owner_word, stamp.registry_word), "asking changes no word");
        assert!(seen.insert(words.read()), "no value is ever repeated");
        if round % 10 == 9 {
            registry.clear();
        } else {
            Model::of(&format!("Model{}", round % 4), app).add(&registry);
        }
        assert_ne!(words.read(), (stamp.owner_word, stamp.registry_word), "a change changes a word");
    }
}

#[test]
fn words_stay_readable_and_never_repeat_after_release_and_destruction() {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..200 {
        let registry = Registry::new();
        let app = registry.app();
        let words = Words::of(app);
        let registered = words.read();
        assert!(seen.insert((app, registered)));
        release(app).expect("release");
        let released = words.read();
        assert_ne!(registered.0, released.0, "the owner's word tells its release");
        let next = registry.app();
        assert_ne!(Words::of(next).read().0, registered.0, "the next owner goes on from there");
        let words = Words::of(next);
        let before = words.read();
        destroy(registry.0).expect("destroy");
        assert_ne!(words.read(), before, "the words tell the destruction");
    }
}

#[test]
fn what_changes_many_at_once_raises_the_registry_s_word_and_no_answer_that_it_is_not_about() {
    type Change<'a> = (&'a str, &'a dyn Fn(&Registry));
    let changes: [Change<'_>; 5] = [
        ("clear", &|registry| registry.clear()),
        ("a tenant is dropped", &|registry| drop_tenant(registry.0, "north", 0).map(drop).expect("dropped")),
        ("idle tenants are dropped", &|registry| drop_idle(registry.0, 0).map(drop).expect("dropped")),
        ("a sweep", &|registry| sweep(registry.0).map(drop).expect("swept")),
        ("global is emptied", &|registry| drop_tenant(registry.0, "global", 0).map(drop).expect("dropped")),
    ];
    for (what, change) in changes {
        let registry = Registry::new();
        set_clock(registry.0, 0);
        let app = registry.app();
        Model::tenant("User", "north").add(&registry);
        Model::new("User").add(&registry);
        set_clock(registry.0, u64::MAX / 2);
        Model::of("User", app).add(&registry);
        let (models, stamp) = stamped(app, ANY, false).expect("a list");
        let before = Words::of(app).read();
        change(&registry);
        assert_ne!(Words::of(app).read().1, before.1, "{what}");
        let (later, later_stamp) = stamped(app, ANY, false).expect("a list");
        if later == models {
            assert_eq!(later_stamp.stamp, stamp.stamp, "{what}: the same answer has the same stamp");
            assert_ne!(
                later_stamp.registry_word, stamp.registry_word,
                "{what}: and the words for which it is the answer"
            );
        }
    }
    // What finds nothing to drop raises nothing.
    let registry = Registry::new();
    let app = registry.app();
    let before = Words::of(app).read();
    assert_eq!((drop_tenant(registry.0, "nobody", 0), sweep(registry.0)), (Ok(0), Ok(0)));
    assert_eq!(Words::of(app).read(), before);
}

#[test]
fn a_failing_query_and_a_list_that_does_not_fit_change_no_word() {
    let registry = Registry::new();
    let app = registry.app();
    for name in ["A", "B", "C"] {
        Model::of(name, app).add(&registry);
    }
    let (list, stamp) = stamped(app, ANY, false).expect("a list");
    let before = Words::of(app).read();
    let (mut small, mut count) = ([u64::MAX; 4], 0);
    call!(mreg_owner_models(app, ANY, small.as_mut_ptr(), 2, &mut count, std::ptr::null_mut())).expect("a part");
    assert_eq!((count, &small), (3, &[list[0], list[1], u64::MAX, u64::MAX]));
    assert_eq!(code(call!(mreg_owner_models(app, ANY, std::ptr::null_mut(), 2, &mut count, std::ptr::null_mut()))), 1);
    assert_eq!(count, 0, "results are 0 when the call fails");
    assert_eq!(Words::of(app).read(), before);
    assert_eq!(stamped(app, ANY, false), Ok((list, stamp)));
}

#[test]
fn names_come_whole_and_as_many_as_there_is_room_for() {
    let registry = Registry::new();
    let app = registry.app();
    for name in ["ab", "cde", "f"] {
        Model::of(name, app).add(&registry);
    }
    for (capacity, expected) in
        [(0, ""), (2, ""), (3, "ab\0"), (6, "ab\0"), (7, "ab\0cde\0"), (8, "ab\0cde\0"), (9, "ab\0cde\0f\0")]
    {
        let mut buffer = [0x55_u8; 16];
        let (mut length, mut count) = (0, 0);
        let (start, no_stamp) = (buffer.as_mut_ptr().cast(), std::ptr::null_mut());
        call!(mreg_owner_names(app, ANY, start, capacity, &mut length, &mut count, no_stamp)).expect("names");
        assert_eq!((length, count), (9, 3), "how much there is");
        assert_eq!(&buffer[..expected.len()], expected.as_bytes(), "{capacity}");
        assert!(buffer[capacity..].iter().all(|byte| *byte == 0x55), "nothing past the end at {capacity}");
    }
}

#[test]
fn what_is_held_stays_readable_and_unchanged() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let one = schema(r#"{"name": "One", "base": "Model", "properties": {"a": "string"}}"#);
    let witnesses = [Witness::new(), Witness::new(), Witness::new()];
    let names = ["First", "Second", "Third"];
    for (name, witness) in names.into_iter().zip(witnesses) {
        Model { app, schema: one, settings: r#"{"n":1}"#, witness: Some(witness), ..Model::on(name, source) }
            .add(&registry);
    }
    let times: Vec<_> =
        models_of(app).expect("a list").into_iter().map(|model| model_registered_at(model).expect("a time")).collect();
    let snapshots = [
        hold_models(app, ANY, false).expect("a snapshot"),
        hold_models(source, ANY, true).expect("a snapshot"),
        hold_all(registry.0).expect("a snapshot"),
    ];
    let check = |what: &str| {
        for snapshot in snapshots {
            assert_eq!(snapshot_names(snapshot), names, "{what}");
            for (position, witness) in witnesses.into_iter().enumerate() {
                assert_eq!(snapshot_user_data(snapshot, position), Ok(witness.pointer().addr()), "{what}");
                assert_eq!(snapshot_settings(snapshot, position).as_deref(), Ok(r#"{"n":1}"#));
                assert_eq!(snapshot_registered_at(snapshot, position), Ok(times[position]));
                let schema = snapshot_schema(snapshot, position).expect("a schema");
                assert!(same_structure(schema, one));
                free_schema(schema).expect("free");
                assert_eq!(witness.runs(), 0, "{what}");
            }
            assert_eq!(code(snapshot_name(snapshot, 3)), INVALID_ARGUMENT, "a position past the end");
            assert_eq!(code(snapshot_user_data(snapshot, usize::MAX)), INVALID_ARGUMENT);
        }
    };
    check("registered");
    let model = get(app, ANY, "Second").expect("a model");
    // Until the clock has moved, so that a move shows.
    let third = get(app, ANY, "Third").expect("a model");
    while model_registered_at(third).expect("a time") == times[2] {
        move_to(third, 0, app, "").expect("move");
    }
    check("moved");
    move_to(third, source, app, "").expect("move");
    Model { app, ..Model::on("First", source) }.add(&registry);
    check("replaced");
    unregister(model).expect("unregister");
    check("unregistered");
    registry.clear();
    check("cleared");
    for name in names {
        Model { app, user_data: 1, ..Model::on(name, source) }.add(&registry);
    }
    check("registered anew");
    registry.reclaim();
    check("reclaimed");
    release(app).expect("release");
    release(source).expect("release");
    check("released");
    destroy(registry.0).expect("destroy");
    check("destroyed");
    let other = Registry::new();
    for name in names {
        Model::new(name).add(&other);
    }
    check("another registry, perhaps of the same number");
    for (at, snapshot) in snapshots.into_iter().enumerate() {
        assert!(witnesses.iter().all(|witness| witness.runs() == 0), "still held by {at}");
        free_snapshot(snapshot).expect("free");
        assert_eq!(code(free_snapshot(snapshot)), STALE_HANDLE);
    }
    assert!(witnesses.iter().all(|witness| witness.runs() == 1), "with the last one they go");
    free_schema(one).expect("free");
}

#[test]
fn a_model_is_held_by_an_explicit_hold() {
    let registry = Registry::new();
    let witness = Witness::new();
    let model = Model { settings: "{}", ..Model::tenant("User", "north") }.watched(witness).add(&registry);
    assert_eq!(code(unhold(model)), INVALID_ARGUMENT, "a registered model that is not held");
    hold(model).expect("hold");
    hold(model).expect("hold");
    unhold(model).expect("unhold");
    destroy(registry.0).expect("destroy");
    assert!(!model_is_valid(model), "only held");
    assert_eq!(model_name(model).as_deref(), Ok("User"));
    assert_eq!(model_settings(model).as_deref(), Ok("{}"));
    assert_eq!(model_user_data(model), Ok(witness.pointer().addr()));
    assert_eq!(code(model_owners(model)), STALE_HANDLE);
    assert_eq!(code(model_tenant(model)), STALE_HANDLE);
    assert_eq!(code(unregister(model)), STALE_HANDLE);
    assert_eq!(code(move_to(model, 0, 0, "")), STALE_HANDLE);
    assert_eq!(witness.runs(), 0);
    unhold(model).expect("unhold");
    assert_eq!(witness.runs(), 1);
    for result in [unhold(model), hold(model)] {
        assert_eq!(code(result), STALE_HANDLE);
    }
}

#[test]
fn holds_and_snapshots_add_up() {
    let registry = Registry::new();
    let app = registry.app();
    let witness = Witness::new();
    let model = Model::of("User", app).watched(witness).add(&registry);
    hold(model).expect("hold");
    let snapshots =
        [hold_models(app, ANY, false).expect("a snapshot"), hold_models(app, ANY, false).expect("a snapshot")];
    unregister(model).expect("unregister");
    free_snapshot(snapshots[0]).expect("free");
    unhold(model).expect("unhold");
    assert_eq!(code(model_name(model)), STALE_HANDLE, "a snapshot is read by position");
    assert_eq!(snapshot_name(snapshots[1], 0).as_deref(), Ok("User"));
    assert_eq!(witness.runs(), 0);
    free_snapshot(snapshots[1]).expect("free");
    assert_eq!(witness.runs(), 1);
}

#[test]
fn every_other_handle_of_a_destroyed_registry_is_stale() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let model = Model::on("User", source).add(&registry);
    destroy(registry.0).expect("destroy");
    for owner in [source, app] {
        assert!(!owner_is_valid(owner));
        assert_eq!(code(models_of(owner)), STALE_HANDLE);
        assert_eq!(code(owner_name(owner)), STALE_HANDLE);
    }
    assert!(!model_is_valid(model));
    assert_eq!(code(model_name(model)), STALE_HANDLE);
    assert_eq!(code(generation(registry.0)), STALE_HANDLE);
    assert_eq!(code(destroy(registry.0)), STALE_HANDLE);
}

#[test]
fn find_by_name_looks_in_global_first_then_by_the_order_of_partitions() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let north = Model::tenant("User", "north").add(&registry);
    let of_source = Model::on("User", source).add(&registry);
    let of_app = Model::of("User", app).add(&registry);
    assert_eq!(find(registry.0, "User"), Ok(north));
    let global = Model::new("User").add(&registry);
    assert_eq!(find(registry.0, "User"), Ok(global));
    unregister(global).expect("unregister");
    unregister(north).expect("unregister");
    assert_eq!(find(registry.0, "User"), Ok(of_source));
    let late = Model::tenant("User", "north").add(&registry);
    assert_eq!(find(registry.0, "User"), Ok(late), "its partition came first and is still there");
    drop_tenant(registry.0, "north", 0).expect("drop");
    let again = Model::tenant("User", "north").add(&registry);
    assert_eq!(find(registry.0, "User"), Ok(of_source), "a partition that comes to be anew is the last");
    unregister(of_source).expect("unregister");
    assert_eq!(find(registry.0, "User"), Ok(of_app));
    unregister(of_app).expect("unregister");
    assert_eq!(find(registry.0, "User"), Ok(again));
    assert_eq!(find(registry.0, "user"), Ok(0));
    assert_eq!(find(registry.0, ""), Ok(0));
}

#[test]
fn find_by_name_finds_the_most_recent_model_within_a_partition() {
    let registry = Registry::new();
    let owners = [(); 4].map(|()| registry.data_source("mysql"));
    let models = owners.map(|owner| Model::on("User", owner).add(&registry));
    let label = "ds_mysql_33511a21";
    assert_eq!((find(registry.0, "User"), find_in(registry.0, label, "User")), (Ok(models[3]), Ok(models[3])));
    move_to(models[1], owners[1], 0, "").expect("move");
    assert_eq!(find(registry.0, "User"), Ok(models[1]), "a move is a registration");
    unregister(models[3]).expect("unregister");
    assert_eq!(find(registry.0, "User"), Ok(models[1]));
    unregister(models[1]).expect("unregister");
    assert_eq!(find(registry.0, "User"), Ok(models[2]));
    let again = Model::on("User", owners[0]).add(&registry);
    assert_eq!(find(registry.0, "User"), Ok(again));
    unregister(again).expect("unregister");
    unregister(models[2]).expect("unregister");
    assert_eq!(find(registry.0, "User"), Ok(0));
}

#[test]
fn find_within_one_tenant_looks_nowhere_else() {
    let registry = Registry::with(Limits { reserved: &["trap"], ..Limits::default() });
    let global = Model::new("User").add(&registry);
    let north = Model::tenant("Order", "north").add(&registry);
    let find = |code, name| find_in(registry.0, code, name);
    assert_eq!(find("north", "User"), Ok(0));
    assert_eq!(find("north", "Order"), Ok(north));
    assert_eq!(find("global", "Order"), Ok(0));
    for code in ["", "trap", "global"] {
        assert_eq!(find(code, "User"), Ok(global), "{code:?}");
    }
    assert_eq!(find("nobody", "User"), Ok(0));
}

#[test]
fn all_models_is_every_model_outside_global() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    Model::new("Global").add(&registry);
    let north = Model::tenant("User", "north").add(&registry);
    let of_source = Model::on("User", source).add(&registry);
    let of_app = Model::of("User", app).add(&registry);
    let second = Model::tenant("Order", "north").add(&registry);
    assert_eq!(all_models(registry.0), Ok(vec![north, second, of_source, of_app]));
    let held = hold_all(registry.0).expect("a snapshot");
    assert_eq!(
        snapshot_models(held).map(|(list, stamp)| (list, stamp.stamp)),
        Ok((vec![north, second, of_source, of_app], 0))
    );
    free_snapshot(held).expect("free");
}

#[test]
fn of_all_models_tenant_registration_time_and_properties_can_be_read() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let schemas = ["a", "b", "c"]
        .map(|name| schema(&format!(r#"{{"name": "One", "base": "Model", "properties": {{"{name}": "string"}}}}"#)));
    let kinds = [Model::tenant("User", "north"), Model::on("User", source), Model::of("User", app)];
    for (kind, schema) in kinds.into_iter().zip(schemas) {
        let first = Model { schema, ..kind }.add(&registry);
        // The next one at a later time, so that each has its own.
        wait_until("time passes", || {
            let later = Model::new("Later").add(&registry);
            let [first, later] = [first, later].map(|model| model_registered_at(model).expect("a time"));
            later > first
        });
    }
    let app_label = owner_tenant(app).expect("a label");
    let all = all_models(registry.0).expect("a list");
    let labels: Vec<String> = all.iter().map(|model| model_tenant(*model).expect("a label")).collect();
    assert_eq!(labels, ["north", "ds_mysql_33511a21", &app_label]);
    let times: Vec<i64> = all.iter().map(|model| model_registered_at(*model).expect("a time")).collect();
    assert!(times[0] > 1_600_000_000_000 && times.is_sorted_by(|one, next| one < next), "{times:?}");
    let held = hold_all(registry.0).expect("a snapshot");
    for (position, model) in all.into_iter().enumerate() {
        assert_eq!(snapshot_registered_at(held, position), Ok(times[position]));
        let [own, of_snapshot] = [model_schema(model), snapshot_schema(held, position)].map(|it| it.expect("a schema"));
        for (at, schema) in schemas.into_iter().enumerate() {
            assert_eq!(same_structure(own, schema), at == position);
            assert_eq!(same_structure(of_snapshot, schema), at == position);
        }
        free_schema(own).expect("free");
        free_schema(of_snapshot).expect("free");
    }
    free_snapshot(held).expect("free");
    for schema in schemas {
        free_schema(schema).expect("free");
    }
}

#[test]
fn an_unchanged_list_is_held_without_a_second_copy() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    for name in ["First", "Second", "Third"] {
        Model { app, ..Model::on(name, source) }.add(&registry);
    }
    let bytes = || memory(registry.0).snapshots;
    for (what, owner, on) in [("models_of", app, false), ("models_on", source, true)] {
        let hold = || hold_models(owner, ANY, on).expect("a snapshot");
        assert_eq!(bytes(), 0);
        let first = hold();
        let one = bytes();
        assert!(one > 0, "{what}");
        let second = hold();
        assert_eq!(bytes(), one, "{what}: the same snapshot");
        free_snapshot(first).expect("free");
        assert_eq!(bytes(), one, "{what}: still held");
        Model { app, ..Model::on("Fourth", source) }.add(&registry);
        let changed = hold();
        assert!(bytes() > 2 * one, "{what}: a new one, which is longer");
        assert_eq!(snapshot_names(second), ["First", "Second", "Third"], "{what}");
        assert_eq!(snapshot_names(changed), ["First", "Second", "Third", "Fourth"], "{what}");
        let again = hold();
        for snapshot in [second, changed, again] {
            free_snapshot(snapshot).expect("free");
        }
        unregister(get(app, ANY, "Fourth").expect("a model")).expect("unregister");
    }
    assert_eq!(bytes(), 0, "with the last handle it goes");
}

#[test]
fn an_unaligned_pointer_is_refused_also_where_the_answer_is_at_hand() {
    let registry = Registry::new();
    let app = registry.app();
    let user = Model::of("User", app).add(&registry);
    let (mut models, mut count) = ([0_u64; 4], [0_usize; 2]);
    let (room, number, name) = (models.as_mut_ptr(), count.as_mut_ptr(), c"User".as_ptr());
    let code = |result: Result<()>| result.map_or_else(|error| error.code, |()| OK);
    let list = |room, number| code(call!(mreg_owner_models(app, ANY, room, 3, number, std::ptr::null_mut())));
    let get = |room| code(call!(mreg_owner_get(app, ANY, name, 4, room)));
    let find = |room| code(call!(mreg_registry_find_model(registry.0, name, 4, room)));
    // The second time there is nothing to note.
    for _ in 0..2 {
        assert_eq!([list(room, number), get(room), find(room)], [OK; 3]);
    }
    for by in [1, 2, 4] {
        let (room, number) = (room.wrapping_byte_add(by), number.wrapping_byte_add(by));
        let refused =
            [list(room, number.wrapping_byte_sub(by)), list(room.wrapping_byte_sub(by), number), get(room), find(room)];
        assert_eq!(refused, [UNALIGNED_POINTER; 4], "by {by}");
    }
    assert_eq!((models, count), ([user, 0, 0, 0], [0, 0]), "what is refused writes nothing but that there is nothing");
}
