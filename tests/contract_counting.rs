//! Counting: what the registry, its cache and its tenants say of themselves.

mod support_c_api;

use support_c_api::*;

#[test]
fn a_new_registry_has_counted_nothing() {
    for _ in 0..50 {
        let registry = Registry::new();
        let stats = stats(registry.0);
        assert_eq!((stats.registered_total, stats.reused_total, stats.unique_structures), (0, 0, 0));
        assert_eq!((stats.tenants, stats.models, stats.owners, stats.generation), (0, 0, 0, 1));
        assert_eq!((stats.cache_hits, stats.cache_misses, stats.cache_invalidations), (0, 0, 0));
        assert_eq!(stats.bytes_in_use, 0);
        // The next registry may have the number of this one, and begins with nothing.
        let app = registry.app();
        Model::of("User", app).add(&registry);
        models_of(app).expect("a list");
        models_of(app).expect("a list");
        invalidate(app).expect("invalidate");
        registry.clear();
    }
}

#[test]
fn models_owners_and_tenants_of_now() {
    let registry = Registry::new();
    let count = || {
        let stats = stats(registry.0);
        (stats.models, stats.owners, stats.tenants)
    };
    let (source, app) = (registry.data_source("mysql"), registry.app());
    assert_eq!(count(), (0, 2, 0), "an owner without a model has no tenant");
    Model::new("User").add(&registry);
    assert_eq!(count(), (1, 2, 0), "global does not count");
    let user = Model::on("User", source).add(&registry);
    Model { app, ..Model::on("Order", source) }.add(&registry);
    assert_eq!(count(), (3, 2, 1));
    Model::tenant("User", "north").add(&registry);
    assert_eq!(count(), (4, 2, 2));
    unregister(user).expect("unregister");
    assert_eq!(count(), (3, 2, 2));
    release(app).expect("release");
    assert_eq!(count(), (2, 1, 2));
    release(source).expect("release");
    assert_eq!(count(), (2, 0, 1));
    registry.clear();
    assert_eq!(count(), (0, 0, 0));
}

#[test]
fn registrations_are_counted_each_time_and_begin_anew_at_clear() {
    let registry = Registry::new();
    let app = registry.app();
    let total = || stats(registry.0).registered_total;
    let first = Model::of("User", app).add(&registry);
    Model::of("User", app).add(&registry);
    Model::of("Order", app).add(&registry);
    assert_eq!(total(), 3, "also when it replaces");
    assert_eq!(code(unregister(first)), STALE_HANDLE);
    assert_eq!(code(Model::of("", app).register(registry.0)), INVALID_NAME);
    let user = get(app, ANY, "User").expect("a model");
    unregister(user).expect("unregister");
    assert_eq!(total(), 3, "nothing takes it back");
    let order = get(app, ANY, "Order").expect("a model");
    move_to(order, 0, 0, "").expect("move");
    assert_eq!(total(), 4);
    registry.clear();
    assert_eq!(total(), 0);
    Model::of("User", app).add(&registry);
    assert_eq!(total(), 1);
}

#[test]
fn the_generation_is_raised_by_each_clear_alone() {
    let registry = Registry::new();
    let app = registry.app();
    for expected in 2..20 {
        Model::of("User", app).add(&registry);
        drop_tenant(registry.0, "global", 0).expect("drop");
        drop_idle(registry.0, 0).expect("drop");
        registry.reclaim();
        assert_eq!(generation(registry.0), Ok(expected - 1));
        registry.clear();
        assert_eq!(generation(registry.0), Ok(expected));
        assert_eq!(stats(registry.0).generation, expected);
    }
}

#[test]
fn distinct_structures_are_counted_in_each_partition() {
    let registry = Registry::new();
    let short = schema(r#"{"name": "Short", "base": "Model", "properties": {"a": "string"}}"#);
    let same = schema(r#"{"name": "Same", "base": "Model", "properties": {"a": {"type": "String"}}}"#);
    let other = schema(r#"{"name": "Other", "base": "Model", "properties": {"a": "number"}}"#);
    let none = schema(r#"{"name": "None", "base": "Model", "properties": {}}"#);
    assert!(same_structure(short, same) && !same_structure(short, other));
    let add = |name, tenant, schema| Model { schema, ..Model::tenant(name, tenant) }.add(&registry);
    let structures = |code| tenant(registry.0, code).expect("an answer").map_or(u64::MAX, |info| info.structures);
    let first = add("First", "north", short);
    add("Second", "north", same);
    assert_eq!(structures("north"), 1, "one structure");
    add("Third", "north", other);
    add("Fourth", "north", none);
    add("Fifth", "north", 0);
    assert_eq!(structures("north"), 3, "all without properties count as one");
    add("First", "south", short);
    add("First", "", short);
    assert_eq!((structures("south"), structures("global")), (1, 1));
    assert_eq!(stats(registry.0).unique_structures, 5, "all partitions, global too");
    unregister(first).expect("unregister");
    assert_eq!(structures("north"), 3, "the second has it still");
    add("Second", "north", other);
    assert_eq!(structures("north"), 2);
    let south = find_in(registry.0, "south", "First").expect("a model");
    move_to(south, 0, 0, "north").expect("move");
    assert_eq!((structures("south"), structures("north")), (0, 3));
    assert_eq!(stats(registry.0).unique_structures, 4);
    drop_tenant(registry.0, "north", 0).expect("drop");
    assert_eq!(stats(registry.0).unique_structures, 1);
    registry.clear();
    assert_eq!((stats(registry.0).unique_structures, structures("global")), (0, 0));
    for schema in [short, same, other, none] {
        free_schema(schema).expect("free");
    }
}

#[test]
fn hits_misses_and_invalidations_of_the_cache() {
    let registry = Registry::new();
    let (app, other) = (registry.app(), registry.app());
    let mut last = (0, 0, 0);
    let mut since = || {
        let stats = stats(registry.0);
        let now = (stats.cache_hits, stats.cache_misses, stats.cache_invalidations);
        let questions = stats.cache_hits + stats.cache_misses;
        assert!((stats.cache_hit_rate * questions as f64 - stats.cache_hits as f64).abs() < 1e-6, "the hit rate");
        let (hits, misses, invalidations) = last;
        last = now;
        (now.0 - hits, now.1 - misses, now.2 - invalidations)
    };
    let ask = || models_of(app).expect("a list");
    Model::of("User", app).add(&registry);
    assert_eq!(since(), (0, 0, 0));
    ask();
    assert_eq!(since(), (0, 1, 0), "the first question builds the list");
    for _ in 0..10 {
        ask();
    }
    names_of(app).expect("names");
    let held = hold_models(app, ANY, false).expect("a snapshot");
    assert_eq!(since(), (12, 0, 0), "later ones are answered from it");
    free_snapshot(held).expect("free");
    has(app, ANY, "User").expect("an answer");
    Words::of(app).read();
    assert_eq!(since(), (0, 0, 0), "the words are not counted");
    Model::of("Order", app).add(&registry);
    assert_eq!(since(), (0, 0, 1), "a change makes the built list out of date");
    Model::of("Product", app).add(&registry);
    assert_eq!(since(), (0, 0, 0), "once");
    ask();
    assert_eq!(since(), (0, 1, 0));
    Model::of("User", other).add(&registry);
    ask();
    assert_eq!(since(), (1, 0, 0), "another owner's change is none of this one's");
    invalidate(app).expect("invalidate");
    invalidate(app).expect("invalidate");
    assert_eq!(since(), (0, 0, 1));
    ask();
    models_of(other).expect("a list");
    assert_eq!(since(), (0, 2, 0));
    registry.clear();
    assert_eq!(since(), (0, 0, 2), "clear invalidates every built list, and the counts of the cache run on");
    ask();
    assert_eq!(since(), (0, 1, 0), "the first question finds nothing left");
    ask();
    assert_eq!(since(), (1, 0, 0));
    release(app).expect("release");
    assert_eq!(since(), (0, 0, 1));
    assert_eq!(code(models_of(app)), STALE_HANDLE);
    assert_eq!(since(), (0, 0, 0), "a question about nobody is not counted");
    release(other).expect("release");
    assert_eq!(since(), (0, 0, 0), "nobody asked again since clear, so no built list goes with its owner");
}

#[test]
fn whatever_is_registered_makes_a_list_out_of_date_that_was_asked() {
    let registry = Registry::new();
    let (app, other) = (registry.app(), registry.app());
    Model::of("Known", other).add(&registry);
    let invalidations = || stats(registry.0).cache_invalidations;
    // New to all, known of another owner, and both again in their own places.
    for (name, number) in ["New", "Known", "New", "Known"].into_iter().zip(1..) {
        let registered = models_of(app).expect("a list").len();
        Model::of(name, app).add(&registry);
        assert_eq!(invalidations(), number, "{name} beside {registered}");
        Model::of(name, app).add(&registry);
        assert_eq!(invalidations(), number, "{name} again, and nobody has asked");
    }
}

#[test]
fn the_first_question_about_a_long_list_that_lost_all_of_its_models_is_a_miss() {
    let registry = Registry::new();
    let source = registry.data_source("mysql");
    let models: Vec<u64> = (0..11).map(|number| Model::on(&format!("Model{number}"), source).add(&registry)).collect();
    models.into_iter().rev().for_each(|model| unregister(model).expect("unregister"));
    assert_eq!((models_of(source), models_of(source)), (Ok(vec![]), Ok(vec![])));
    let stats = stats(registry.0);
    assert_eq!((stats.cache_hits, stats.cache_misses), (1, 1));
}

#[test]
fn a_question_that_wants_no_stamp_is_answered_and_counted_as_any_other() {
    for length in (1..=40_usize).chain([100]) {
        let registry = Registry::new();
        let app = registry.app();
        let models: Vec<u64> =
            (0..length).map(|number| Model::of(&format!("Model{number}"), app).add(&registry)).collect();
        for capacity in [100, length, length.div_ceil(2)] {
            let (mut room, mut count) = (vec![0; capacity + 1], 0);
            call!(mreg_owner_models(app, ANY, room.as_mut_ptr(), capacity, &mut count, std::ptr::null_mut()))
                .expect("a list");
            let copied = length.min(capacity);
            assert_eq!((count, &room[..copied], room[copied]), (length, &models[..copied], 0), "room for {capacity}");
        }
        assert_eq!((stats(registry.0).cache_hits, stats(registry.0).cache_misses), (2, 1), "{length} models");
    }
}

#[test]
fn hits_of_every_thread_are_counted() {
    let registry = Registry::new();
    let app = registry.app();
    Model::of("User", app).add(&registry);
    models_of(app).expect("a list");
    let threads: Vec<_> = (0..24)
        .map(|_| {
            std::thread::spawn(move || {
                // Another registry in between, so that the thread changes over; and more threads than have a place of their own.
                let own = Registry::new();
                let other = own.app();
                for _ in 0..500 {
                    models_of(app).expect("a list");
                    models_of(other).expect("a list");
                }
                assert_eq!((stats(own.0).cache_hits, stats(own.0).cache_misses), (499, 1));
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("the thread ends well"));
    assert_eq!((stats(registry.0).cache_hits, stats(registry.0).cache_misses), (12_000, 1));
}

#[test]
fn what_is_known_of_a_tenant() {
    let registry = Registry::new();
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time");
        since.as_millis() as i64
    };
    let sources = [registry.data_source("mysql"), registry.data_source("mysql")];
    let before = now();
    for source in sources {
        for name in ["User", "Order"] {
            Model::on(name, source).add(&registry);
        }
    }
    Model::tenant("User", "north").add(&registry);
    let after = now();
    let info = tenant(registry.0, "ds_mysql_33511a21").expect("an answer").expect("a tenant");
    assert_eq!((info.code.as_str(), info.models, info.names, info.owners), ("ds_mysql_33511a21", 4, 2, 2));
    // A clock that is read coarsely may be a tick of the system behind.
    let tick = 20;
    for at in [info.created_at, info.last_used_at] {
        assert!((before - tick..=after).contains(&at), "{before} {at} {after}");
    }
    assert!(info.last_used_at >= info.created_at);
    assert!(i64::try_from(info.idle).is_ok_and(|idle| idle <= now() - before + 2 * tick));
    let north = tenant(registry.0, "north").expect("an answer").expect("a tenant");
    assert!(!north.is_data_source && info.is_data_source);
    assert_eq!(
        tenants(registry.0).iter().map(|tenant| tenant.code.as_str()).collect::<Vec<_>>(),
        ["ds_mysql_33511a21", "north"]
    );
    assert!(north.number > info.number, "larger numbers in the order they came to be");
}

#[test]
fn use_moves_when_a_tenant_was_last_used_and_never_when_it_was_created() {
    let registry = Registry::new();
    let schema = schema(r#"{"name": "One", "base": "Model", "properties": {"a": "string"}}"#);
    let add = || Model { schema, ..Model::tenant("User", "north") }.add(&registry);
    let north = || tenant(registry.0, "north").expect("an answer").expect("a tenant");
    add();
    let created_at = north().created_at;
    let uses: [(&str, &dyn Fn() -> u64); 5] = [
        ("register", &add),
        ("find", &|| find(registry.0, "User").expect("an answer")),
        ("find in the tenant", &|| find_in(registry.0, "north", "User").expect("an answer")),
        ("find by structure", &|| {
            find_structure(registry.0, Search { schema, ..Search::default() }).expect("an answer")
        }),
        ("touch", &|| {
            touch_tenant(registry.0, "north").expect("touch");
            1
        }),
    ];
    for (what, use_it) in uses {
        let before = north().last_used_at;
        wait_until(what, || {
            assert_ne!(use_it(), 0, "{what}");
            north().last_used_at > before
        });
        assert_eq!(north().created_at, created_at, "{what}");
    }
    free_schema(schema).expect("free");
}

#[test]
fn tenants_are_enumerated_while_they_come_and_go() {
    let registry = Registry::new();
    for number in 0..100 {
        Model::tenant("User", &format!("tenant{number}")).add(&registry);
    }
    let mut seen = Vec::new();
    let mut info = made(capi::mreg_tenant_info_init);
    loop {
        let after = info.number;
        call!(mreg_tenant_next(registry.0, after, &mut info)).expect("the next");
        if info.exists == 0 {
            break;
        }
        let number = seen.len();
        seen.push(info.number);
        if number % 3 == 0 {
            // The one that was just seen goes, and another one comes.
            let all = tenants(registry.0);
            let code = all.iter().find(|tenant| tenant.number == info.number).expect("it is there").code.clone();
            drop_tenant(registry.0, &code, 0).expect("drop");
            if number < 90 {
                Model::tenant("User", &format!("late{number}")).add(&registry);
            }
        }
    }
    assert!(seen.is_sorted() && seen.windows(2).all(|pair| pair[0] != pair[1]), "none comes twice");
    assert!(seen.len() >= 100, "none of those that stayed is left out");
}

#[test]
fn bytes_in_use_follow_what_is_registered_and_held() {
    let registry = Registry::new();
    let in_use = || stats(registry.0).bytes_in_use;
    let app = registry.app();
    let with_owner = in_use();
    assert!(with_owner > 0);
    let settings = format!(r#"{{"x": "{}"}}"#, "y".repeat(10_000));
    let model = Model { settings: &settings, ..Model::of("User", app) }.add(&registry);
    assert!(in_use() >= with_owner + 10_000);
    let before = in_use();
    let snapshot = hold_models(app, ANY, false).expect("a snapshot");
    assert!(in_use() > before, "a snapshot takes memory");
    unregister(model).expect("unregister");
    assert!(in_use() >= with_owner + 10_000, "what is held is in use");
    free_snapshot(snapshot).expect("free");
    assert!(in_use() < with_owner + 10_000);
    let one =
        schema(&format!(r#"{{"name": "One", "base": "Model", "properties": {{"a{}": "string"}}}}"#, "b".repeat(5_000)));
    let before = in_use();
    Model { schema: one, ..Model::of("User", app) }.add(&registry);
    let first = in_use() - before;
    assert!(first >= 5_000, "schemas count");
    let before = in_use();
    Model { schema: one, ..Model::of("Order", app) }.add(&registry);
    assert!(in_use() - before < 5_000, "once for all models that share one");
    free_schema(one).expect("free");
}

#[test]
fn an_owner_s_list_takes_more_memory_from_the_eleventh_model_on() {
    let registry = Registry::new();
    let app = registry.app();
    let lists = || memory(registry.0).lists;
    let empty = lists();
    let add = |number: u32| Model::of(&format!("Model{number}"), app).add(&registry);
    for number in 1..=10 {
        add(number);
        assert_eq!(lists(), empty, "{number} models");
    }
    for number in 1..=10 {
        unregister(get(app, ANY, &format!("Model{number}")).expect("a model")).expect("unregister");
        add(number + 10);
        assert_eq!(lists(), empty, "another one in the place of number {number}");
    }
    add(21);
    assert!(lists() > empty);
}

#[test]
fn the_room_of_a_long_list_is_used_again() {
    let registry = Registry::new();
    let app = registry.app();
    let lists = || memory(registry.0).lists;
    let add = |number: u32| Model::of(&format!("Model{number}"), app).add(&registry);
    let mut models: Vec<u64> = (0..11).map(add).collect();
    let eleven = lists();
    models.extend((11..16).map(add));
    assert_eq!(lists(), eleven, "there is room for sixteen");
    for number in 16..20 {
        unregister(models.pop().expect("the last")).expect("unregister");
        models.push(add(number));
        assert_eq!(lists(), eleven, "in the place of the last");
    }
    // A fourth of them goes, from the middle, and as many come; nobody asks meanwhile.
    for round in 1..10 {
        models.drain(4..8).for_each(|model| unregister(model).expect("unregister"));
        models.extend((0..4).map(|number| add(round * 20 + number)));
        assert_eq!(lists(), eleven, "round {round}");
    }
    assert_eq!(models_of(app).as_ref(), Ok(&models));
    // Where fewer went, another one is not worth a look at all that are left.
    models.drain(4..7).for_each(|model| unregister(model).expect("unregister"));
    models.push(add(1000));
    assert!(lists() > eleven);
    assert_eq!(models_of(app), Ok(models));
}
