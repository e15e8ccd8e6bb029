//! Registering: names, places in lists, owners, moving; long lists and long names.

mod support_c_api;

use std::collections::BTreeMap;

use support_c_api::*;

#[test]
fn a_model_needs_a_name_that_is_not_empty() {
    let registry = Registry::new();
    assert_eq!(code(Model::new("").register(registry.0)), INVALID_NAME);
    let mut options = made(capi::mreg_model_options_init);
    options.name.data = std::ptr::null();
    let mut model = u64::MAX;
    assert_eq!(code(call!(mreg_model_register(registry.0, &options, &mut model))), INVALID_NAME, "(NULL, 0) is empty");
    assert_eq!(model, 0);
    assert_eq!(stats(registry.0).registered_total, 0);
}

#[test]
fn a_registered_name_makes_a_new_model_in_the_place_of_the_old_one() {
    let registry = Registry::new();
    let source = registry.data_source("mysql");
    let app = registry.app();
    for (data_source, app, owner) in [(source, 0, source), (0, app, app)] {
        let witness = Witness::new();
        let model = |name| Model { data_source, app, ..Model::new(name) };
        let first = model("First").add(&registry);
        let old = model("Second").watched(witness).add(&registry);
        let third = model("Third").add(&registry);
        let new = model("Second").watched(Witness::new()).add(&registry);
        assert_ne!(old, new, "a new handle");
        assert_eq!(code(model_name(old)), STALE_HANDLE);
        assert_eq!(witness.runs(), 1, "the old destructor was due");
        assert_eq!(models_of(owner), Ok(vec![first, new, third]));
        assert_eq!(names_of(owner).expect("names"), ["First", "Second", "Third"]);
        assert_eq!(get(owner, ANY, "Second"), Ok(new));
    }
}

#[test]
fn a_new_model_has_nothing_of_the_one_whose_place_it_takes() {
    let registry = Registry::new();
    let app = registry.app();
    let witness = Witness::new();
    let old = Model { settings: r#"{"a": 1}"#, marks: 3, user_data: 7, ..Model::of("User", app) };
    old.watched(witness).add(&registry);
    let new = Model::of("User", app).add(&registry);
    assert_eq!(witness.runs(), 1, "the old destructor was due");
    assert_eq!((model_settings(new).as_deref(), model_user_data(new)), (Ok(""), Ok(0)));
    unregister(new).expect("unregister");
    assert_eq!(witness.runs(), 1);
}

#[test]
fn a_model_that_takes_a_place_is_the_newest_of_its_structure_and_has_its_own_marks_and_schema() {
    let registry = Registry::new();
    let app = registry.app();
    let text = |more: &str| format!(r#"{{"name": "One"{more}, "properties": {{"a": "string"}}}}"#);
    let [one, alike] = ["", r#", "plural": "Ones""#].map(|more| schema(&text(more)));
    assert!(same_structure(one, alike));
    let add = |name, schema, marks| Model { schema, marks, ..Model::of(name, app) }.add(&registry);
    let newest = |pass_over| find_structure(registry.0, Search { schema: one, pass_over, ..Search::default() });
    let first = add("First", one, 0);
    let second = add("Second", one, 0);
    assert_eq!(newest(0), Ok(second));
    let first_again = add("First", one, 0);
    assert_ne!(first, first_again);
    assert_eq!(newest(0), Ok(first_again));
    // The newest of its name and of its structure.
    let marked = add("First", one, 1);
    assert_eq!((newest(0), newest(1)), (Ok(marked), Ok(second)));
    // Both schemas are used by others as well, and by as many models as have them.
    add("Third", alike, 0);
    for schema in [alike, one, alike, one] {
        add("Other", schema, 0);
    }
    [one, alike].into_iter().for_each(|schema| free_schema(schema).expect("free"));
    release(app).expect("release");
    registry.reclaim();
    assert_eq!(stats(registry.0).bytes_in_use, 0);
}

#[test]
fn the_old_destructor_is_due_also_where_user_data_is_the_same_pointer() {
    let registry = Registry::new();
    let (app, witness) = (registry.app(), Witness::new());
    Model::of("User", app).watched(witness).add(&registry);
    let second = Model::of("User", app).watched(witness).add(&registry);
    assert_eq!(witness.runs(), 1);
    unregister(second).expect("unregister");
    assert_eq!(witness.runs(), 2);
}

#[test]
fn a_name_without_an_owner_is_unique_in_its_partition() {
    let registry = Registry::new();
    let north = Model::tenant("User", "north").add(&registry);
    let south = Model::tenant("User", "south").add(&registry);
    let global = Model::new("User").add(&registry);
    let owned = Model::of("User", registry.app()).add(&registry);
    let again = Model::tenant("User", "north").add(&registry);
    assert!(!model_is_valid(north));
    for model in [south, global, owned, again] {
        assert!(model_is_valid(model));
    }
    assert_eq!(models_in(registry.0, "north"), Ok(vec![again]));
}

#[test]
fn two_data_sources_of_equal_configuration_may_each_own_a_model_of_one_name() {
    let registry = Registry::new();
    let owners = [registry.data_source("mysql"), registry.data_source("mysql")];
    let models = owners.map(|owner| Model::on("User", owner).add(&registry));
    assert_eq!(owners.map(models_of), models.map(|model| Ok(vec![model])));
    let again = Model::on("User", owners[0]).add(&registry);
    assert_eq!(models_of(owners[0]), Ok(vec![again]));
    assert_eq!(models_of(owners[1]), Ok(vec![models[1]]), "the other one's is not replaced");
}

#[test]
fn a_stale_or_foreign_owner_is_refused_whatever_owner_has_its_place() {
    let (registry, other) = (Registry::new(), Registry::new());
    Model::new("User").add(&registry);
    let make: [fn(&Registry) -> u64; 2] = [|registry| registry.data_source("mysql"), |registry| registry.app()];
    for (make, of_source) in make.into_iter().zip([true, false]) {
        let model = |owner| match of_source {
            true => Model { data_source: owner, ..Model::new("User") },
            false => Model::of("User", owner),
        };
        let foreign = make(&other);
        let witness = make(&registry);
        // Another registry may have used the generations of a place up.
        let in_its_place = || {
            let stale = make(&registry);
            release(stale).expect("release");
            let next = make(&registry);
            (stale >> 22 == next >> 22).then_some((stale, next))
        };
        let (stale, next) = (0..1_000).find_map(|_| in_its_place()).expect("a place that is used twice");
        assert_eq!(code(model(stale).register(registry.0)), STALE_HANDLE);
        assert_eq!(code(model(foreign).register(registry.0)), FOREIGN_HANDLE);
        for owner in [next, witness, foreign] {
            assert_eq!(models_of(owner), Ok(Vec::new()));
        }
        let registered = model(next).add(&registry);
        assert_eq!(models_of(next), Ok(vec![registered]));
    }
}

#[test]
fn registration_order_is_the_order_of_every_list() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let (mut own, mut on, mut of_app) = (Vec::new(), Vec::new(), Vec::new());
    // Neither the alphabet's order nor its reverse.
    for (at, name) in ["M", "C", "X", "A", "Q", "B", "Z", "L", "D", "Y", "K", "N", "E"].into_iter().enumerate() {
        let model = Model { app: if at % 3 == 0 { app } else { 0 }, ..Model::on(name, source) }.add(&registry);
        on.push(model);
        if at % 3 == 0 { of_app.push(model) } else { own.push(model) }
    }
    assert_eq!(models_of(source), Ok(own));
    assert_eq!(models_on(source), Ok(on.clone()));
    assert_eq!(models_of(app), Ok(of_app));
    assert_eq!(models_in(registry.0, "ds_mysql_33511a21"), Ok(on.clone()));
    assert_eq!(all_models(registry.0), Ok(on));
}

#[test]
fn a_moved_model_replaces_the_one_of_its_name_in_a_long_list() {
    let registry = Registry::new();
    let (from, to) = (registry.data_source("mysql"), registry.data_source("mysql"));
    let named = |owner, at: usize| Model::on(&format!("Name{at}"), owner).add(&registry);
    // What stood before them leaves gaps in the index over the names, and those that come are put into them: of two of one name
    // the later one may be the one that is found first.
    let before: Vec<u64> = (0..24).map(|at| Model::on(&format!("Before{at}"), to).add(&registry)).collect();
    // Names are numbered in the order they come: two that are 187 apart begin at one place of an index for 64.
    let between: Vec<u64> =
        (before.len()..187).map(|at| Model::on(&format!("Between{at}"), from).add(&registry)).collect();
    let there: Vec<u64> = (0..20).map(|at| named(to, at)).collect();
    let coming: Vec<u64> = (0..20).map(|at| named(from, at)).collect();
    before.into_iter().for_each(|model| unregister(model).expect("unregister"));
    coming.iter().for_each(|model| move_to(*model, to, 0, "").expect("move"));
    assert!(!there.into_iter().any(model_is_valid));
    assert_eq!(models_of(to).as_ref(), Ok(&coming));
    for (at, model) in coming.into_iter().enumerate() {
        assert_eq!(get(to, ANY, &format!("Name{at}")), Ok(model));
    }
    assert_eq!(models_of(from), Ok(between));
}

#[test]
fn a_long_list_of_models_on_a_data_source_loses_each_of_them_alone() {
    let registry = Registry::new();
    let (source, first, second) = (registry.data_source("mysql"), registry.app(), registry.app());
    let add = |at: usize, app| Model { app, ..Model::on(&format!("Name{at}"), source) }.add(&registry);
    // The list was long before there were models of apps, and each name is there three times.
    let mut on: Vec<u64> = (0..15).map(|at| add(at, 0)).collect();
    on.extend((0..15).map(|at| add(at, first)));
    on.extend((0..15).map(|at| add(at, second)));
    let places = [44, 32, 17, 14, 2];
    for at in places {
        let taken = add(at % 15, [0, first, second][at / 15]);
        assert!(!model_is_valid(std::mem::replace(&mut on[at], taken)));
    }
    assert_eq!(models_on(source).as_ref(), Ok(&on));
    // Those that took another's place go from that place.
    places.into_iter().for_each(|at| unregister(on.remove(at)).expect("unregister"));
    assert_eq!(models_on(source).as_ref(), Ok(&on));
    while !on.is_empty() {
        unregister(on.remove(on.len() * 7 % 11 % on.len())).expect("unregister");
        assert_eq!(models_on(source).as_ref(), Ok(&on), "{} are left", on.len());
    }
}

#[test]
fn with_an_app_beside_the_data_source_the_app_owns_the_model() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let model = Model { app, ..Model::on("User", source) }.add(&registry);
    assert_eq!(model_owners(model), Ok([app, source, app]));
    assert_eq!(models_of(app), Ok(vec![model]));
    assert_eq!(models_of(source), Ok(vec![]), "the data source's list no longer has it");
    assert_eq!(has(source, ANY, "User"), Ok(false));
    assert_eq!(get(source, ANY, "User"), Ok(0));
    assert_eq!(models_on(source), Ok(vec![model]));
    assert_eq!(model_tenant(model).as_deref(), Ok("ds_mysql_33511a21"), "it keeps living there");
    assert_eq!(models_on(app), Ok(vec![]), "an app has no model on it");
    let own = Model::on("User", source).add(&registry);
    assert_eq!(models_of(source), Ok(vec![own]));
    assert_eq!(models_on(source), Ok(vec![model, own]), "one name twice, of two owners");
    assert_eq!(models_of(app), Ok(vec![model]));
}

#[test]
fn a_replacing_model_of_an_app_may_be_on_another_data_source() {
    let registry = Registry::new();
    let (mysql, memory, app) = (registry.data_source("mysql"), registry.data_source("memory"), registry.app());
    let first = Model { app, ..Model::on("First", mysql) }.add(&registry);
    let user = Model { app, ..Model::on("User", mysql) }.add(&registry);
    let last = Model { app, ..Model::on("Last", mysql) }.add(&registry);
    assert_eq!(models_on(mysql), Ok(vec![first, user, last]));
    let moved = Model { app, ..Model::on("User", memory) }.add(&registry);
    assert_eq!(models_of(app), Ok(vec![first, moved, last]), "in the old one's place");
    assert_eq!(models_on(mysql), Ok(vec![first, last]));
    assert_eq!(models_on(memory), Ok(vec![moved]));
    let back = Model { app, ..Model::on("Last", mysql) }.add(&registry);
    assert_eq!(models_on(mysql), Ok(vec![first, back]), "on the same data source in the old one's place");
}

#[test]
fn models_on_is_cached_as_the_others_are() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    Model { app, ..Model::on("User", source) }.add(&registry);
    let first = stamped(source, ANY, true).expect("a list");
    let before = stats(registry.0);
    assert_eq!(stamped(source, ANY, true), Ok(first.clone()));
    let after = stats(registry.0);
    assert_eq!((after.cache_hits - before.cache_hits, after.cache_misses - before.cache_misses), (1, 0));
    Model { app, ..Model::on("Order", source) }.add(&registry);
    let second = stamped(source, ANY, true).expect("a list");
    assert_ne!(first.1.stamp, second.1.stamp);
    assert_eq!(second.0.len(), 2);
}

#[test]
fn a_data_source_handed_in_as_an_app_is_refused_and_the_reverse() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let witness = Witness::new();
    assert_eq!(code(Model::of("User", source).watched(witness).register(registry.0)), INVALID_ARGUMENT);
    assert_eq!(code(Model::on("User", app).watched(witness).register(registry.0)), INVALID_ARGUMENT);
    assert_eq!(witness.runs(), 2);
    let model = Model::new("User").add(&registry);
    assert_eq!(code(move_to(model, app, 0, "")), INVALID_ARGUMENT);
    assert_eq!(code(move_to(model, 0, source, "")), INVALID_ARGUMENT);
    assert_eq!(model_owners(model), Ok([0, 0, 0]));
    assert_eq!(stats(registry.0).registered_total, 1);
}

#[test]
fn move_gives_a_model_other_owners() {
    let registry = Registry::new();
    let (mysql, memory, app) = (registry.data_source("mysql"), registry.data_source("memory"), registry.app());
    let witness = Witness::new();
    let other = Model::on("Other", memory).add(&registry);
    let model = Model::on("User", mysql).watched(witness).add(&registry);
    let (mysql_label, memory_label) = (owner_tenant(mysql).expect("label"), owner_tenant(memory).expect("label"));
    for (data_source, to_app, tenant_code, owner, label) in [
        (memory, 0, "", memory, memory_label.clone()),
        (0, app, "", app, owner_tenant(app).expect("a label")),
        (mysql, app, "", app, mysql_label),
        (0, 0, "north", 0, "north".to_owned()),
        (0, 0, "", 0, "global".to_owned()),
        (memory, 0, "", memory, memory_label),
    ] {
        let before = stats(registry.0).registered_total;
        move_to(model, data_source, to_app, tenant_code).expect("move");
        assert_eq!(model_owners(model), Ok([owner, data_source, to_app]), "same handle, other owners");
        assert_eq!(model_tenant(model).as_ref(), Ok(&label));
        assert_eq!(model_user_data(model), Ok(witness.pointer().addr()), "same user_data");
        assert_eq!(stats(registry.0).registered_total, before + 1, "it counts as a registration");
        assert_eq!(find_in(registry.0, &label, "User"), Ok(model));
    }
    assert_eq!(models_of(memory), Ok(vec![other, model]), "at the end of the new owner's list");
    assert_eq!(models_of(mysql), Ok(vec![]));
    assert_eq!(models_of(app), Ok(vec![]));
    assert_eq!(witness.runs(), 0);
}

#[test]
fn a_moved_model_replaces_one_of_its_name_and_goes_to_the_end() {
    let registry = Registry::new();
    let (from, to) = (registry.app(), registry.app());
    let witness = Witness::new();
    let replaced = Model::of("User", to).watched(witness).add(&registry);
    let order = Model::of("Order", to).add(&registry);
    let model = Model::of("User", from).add(&registry);
    move_to(model, 0, to, "").expect("move");
    assert_eq!(models_of(to), Ok(vec![order, model]));
    assert_eq!(models_of(from), Ok(vec![]));
    assert!(!model_is_valid(replaced));
    assert_eq!(witness.runs(), 1);
    move_to(order, 0, to, "").expect("a model moves to where it is");
    assert_eq!(models_of(to), Ok(vec![model, order]), "at the end");
    assert_eq!(stats(registry.0).models, 2);
    let north = Model::tenant("User", "north").add(&registry);
    move_to(model, 0, 0, "north").expect("move");
    assert!(!model_is_valid(north), "also where nobody owns it");
    assert_eq!(models_in(registry.0, "north"), Ok(vec![model]));
}

#[test]
fn a_move_is_a_registration_also_in_time() {
    let registry = Registry::new();
    let apps = [registry.app(), registry.app()];
    let model = Model::of("User", apps[0]).add(&registry);
    let registered_at = || model_registered_at(model).expect("a time");
    let first = registered_at();
    for app in [apps[1], apps[0], 0, apps[0]] {
        let before = registered_at();
        move_to(model, 0, app, "").expect("move");
        assert!(registered_at() >= before, "it does not go back");
    }
    wait_until("a moved model was registered later", || {
        move_to(model, 0, apps[1], "").expect("move");
        registered_at() > first
    });
}

#[test]
fn move_takes_a_model_between_the_lists_of_what_is_on_a_data_source() {
    let registry = Registry::new();
    let (mysql, memory, app) = (registry.data_source("mysql"), registry.data_source("memory"), registry.app());
    let model = Model::on("User", mysql).add(&registry);
    let other = Model::on("Other", mysql).add(&registry);
    assert_eq!((models_of(mysql), models_on(mysql)), (Ok(vec![model, other]), Ok(vec![model, other])));
    move_to(model, mysql, app, "").expect("move");
    assert_eq!((models_of(mysql), models_on(mysql)), (Ok(vec![other]), Ok(vec![other, model])));
    move_to(model, mysql, 0, "").expect("move");
    assert_eq!((models_of(mysql), models_on(mysql)), (Ok(vec![other, model]), Ok(vec![other, model])));
    move_to(model, memory, app, "").expect("move");
    assert_eq!((models_of(mysql), models_on(mysql)), (Ok(vec![other]), Ok(vec![other])));
    assert_eq!((models_of(memory), models_on(memory)), (Ok(vec![]), Ok(vec![model])));
}

#[test]
fn a_registration_counts_also_when_it_replaces() {
    let registry = Registry::new();
    let app = registry.app();
    for round in 1..=5 {
        Model::of("User", app).add(&registry);
        let stats = stats(registry.0);
        assert_eq!((stats.registered_total, stats.models), (round, 1));
    }
}

#[test]
fn a_failing_registration_changes_nothing_and_destroys_what_it_was_handed() {
    let registry = Registry::with(Limits { models: 2, ..Limits::default() });
    let (source, app, foreign) = (registry.data_source("mysql"), registry.app(), Registry::new());
    let other = foreign.app();
    let gone = registry.app();
    release(gone).expect("release");
    let kept = [Model::on("User", source).add(&registry), Model::of("Order", app).add(&registry)];
    let long = "n".repeat(4097);
    let code_too_long = "t".repeat(256);
    let bad = [
        (Model::new(""), INVALID_NAME),
        (Model::new(&long), TOO_LONG),
        (Model::new("bad\u{7}"), INVALID_NAME),
        (Model::tenant("Third", &code_too_long), TOO_LONG),
        (Model::tenant("Third", "bad\n"), INVALID_NAME),
        (Model { settings: "{", ..Model::new("Third") }, JSON),
        (Model { settings: "[]", ..Model::new("Third") }, JSON),
        (Model { schema: 77, ..Model::new("Third") }, FORGED_HANDLE),
        (Model::of("Third", other), FOREIGN_HANDLE),
        (Model::on("Third", kept[0]), WRONG_HANDLE_TYPE),
        (Model::of("Third", gone), STALE_HANDLE),
        (Model::of("Third", app), FULL),
        (Model { app, ..Model::on("Third", source) }, FULL),
        (Model::tenant("Third", "north"), FULL),
    ];
    let label = owner_tenant(app).expect("a label");
    let (of_source, of_app) = (stamped(source, ANY, false), stamped(app, ANY, false));
    let on_source = stamped(source, ANY, true);
    let before = stats(registry.0);
    for (model, expected) in bad {
        let witness = Witness::new();
        assert_eq!(code(model.clone().watched(witness).register(registry.0)), expected, "{:.20}", model.name);
        assert_eq!(witness.runs(), 1);
        assert_eq!(witness.thread(), Some(std::thread::current().id()));
        assert_eq!(stamped(source, ANY, false), of_source, "the very same answers as before");
        assert_eq!(stamped(app, ANY, false), of_app);
        assert_eq!(stamped(source, ANY, true), on_source);
        assert_eq!(tenant_codes(registry.0), ["ds_mysql_33511a21", &*label]);
        let after = stats(registry.0);
        assert_eq!(
            (after.registered_total, after.models, after.owners, after.tenants, after.cache_misses),
            (before.registered_total, before.models, before.owners, before.tenants, before.cache_misses)
        );
    }
    assert_eq!(names_of(app).expect("names"), ["Order"]);
    Model::of("Order", app).add(&registry);
    assert_eq!(stats(registry.0).models, 2, "replacing needs no room");
}

#[test]
fn a_failing_move_changes_nothing() {
    let (registry, foreign) = (Registry::new(), Registry::new());
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let (gone, other) = (registry.app(), foreign.app());
    release(gone).expect("release");
    let model = Model::on("User", source).add(&registry);
    let before = (stamped(source, ANY, false), stamped(source, ANY, true), model_registered_at(model));
    for (data_source, app, tenant, expected) in [
        (0, gone, "", STALE_HANDLE),
        (0, other, "", FOREIGN_HANDLE),
        (model, 0, "", WRONG_HANDLE_TYPE),
        (0, u64::MAX, "", FORGED_HANDLE),
        (0, source, "", INVALID_ARGUMENT),
        (app, 0, "", INVALID_ARGUMENT),
        (0, 0, "bad\u{1}", INVALID_NAME),
    ] {
        assert_eq!(code(move_to(model, data_source, app, tenant)), expected);
        assert_eq!((stamped(source, ANY, false), stamped(source, ANY, true), model_registered_at(model)), before);
        assert_eq!(model_owners(model), Ok([source, source, 0]));
        assert_eq!(stats(registry.0).registered_total, 1);
    }
}

#[test]
fn what_a_model_was_registered_with_comes_back() {
    let registry = Registry::new();
    let one = schema(r#"{"name": "One", "base": "Model", "properties": {"a": "string"}, "options": {"strict": true}}"#);
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_millis();
    let model = Model { schema: one, settings: r#"{"x": [1, 2]}"#, user_data: 4711, ..Model::new("User") };
    let model = model.add(&registry);
    let after = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_millis();
    assert_eq!(model_name(model).as_deref(), Ok("User"));
    assert_eq!(model_settings(model).as_deref(), Ok(r#"{"x": [1, 2]}"#));
    assert_eq!(model_user_data(model), Ok(4711));
    let at = model_registered_at(model).expect("a time") as u128;
    assert!((before..=after).contains(&at), "{before} {at} {after}");
    free_schema(one).expect("the registry keeps its own reference");
    let again = model_schema(model).expect("a schema");
    let expected = schema(r#"{"name": "Two", "base": "Model", "properties": {"a": "string"}}"#);
    assert!(same_structure(again, expected));
    let without = Model { schema: again, ..Model::new("Order") }.add(&registry);
    assert!(
        model_settings(without).is_ok_and(|settings| settings.contains("strict")),
        "its schema's where it has none"
    );
    let plain = Model::new("Product").add(&registry);
    assert_eq!((model_settings(plain).as_deref(), model_schema(plain)), (Ok(""), Ok(0)));
    let mut of = 0;
    call!(mreg_model_registry(plain, &mut of)).expect("a registry");
    assert_eq!(of, registry.0);
    free_schema(again).expect("free");
    free_schema(expected).expect("free");
}

#[test]
fn a_full_registry_says_so_and_changes_nothing() {
    let registry = Registry::with(Limits { models: 3, owners: 2, ..Limits::default() });
    let owners = [registry.app(), registry.data_source("mysql")];
    let witness = Witness::new();
    assert_eq!(code(Owner { witness: Some(witness), ..Owner::app() }.create(registry.0)), FULL);
    assert_eq!(witness.runs(), 1);
    assert_eq!(stats(registry.0).owners, 2);
    release(owners[0]).expect("release");
    let app = registry.app();
    let models = ["A", "B", "C"].map(|name| Model::of(name, app).add(&registry));
    assert_eq!(code(Model::of("D", app).register(registry.0)), FULL);
    assert_eq!(code(Model::tenant("D", "north").register(registry.0)), FULL);
    assert_eq!(tenant(registry.0, "north"), Ok(None));
    hold(models[0]).expect("hold");
    unregister(models[0]).expect("unregister");
    Model::of("D", app).add(&registry);
    unhold(models[0]).expect("unhold");
    assert_eq!(code(Model::of("E", app).register(registry.0)), FULL);
    registry.clear();
    for name in ["E", "F", "G"] {
        Model::of(name, app).add(&registry);
    }
    assert_eq!(code(Model::of("H", app).register(registry.0)), FULL);
}

#[test]
fn names_of_every_length_up_to_the_limit() {
    let registry = Registry::new();
    let app = registry.app();
    let mut expected = Vec::new();
    for length in [1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 63, 64, 65, 255, 256, 1023, 4095, 4096] {
        // Two names that differ in their last byte alone.
        for end in ["a", "b"] {
            let name = "x".repeat(length - 1) + end;
            let model = Model::of(&name, app).add(&registry);
            assert_eq!(model_name(model).as_ref(), Ok(&name));
            expected.push((name, model));
        }
    }
    let names: Vec<String> = expected.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names_of(app), Ok(names));
    for (name, model) in &expected {
        assert_eq!(get(app, ANY, name), Ok(*model));
        assert_eq!(find(registry.0, name), Ok(*model));
    }
    for absent in ["x".repeat(5), "x".repeat(4096), "x".repeat(4097), String::new()] {
        assert_eq!(get(app, ANY, &absent), Ok(0));
        assert_eq!(has(app, ANY, &absent), Ok(false));
    }
    assert_eq!(code(Model::of(&"x".repeat(4097), app).register(registry.0)), TOO_LONG);
}

/// Checks an owner's list against a vector, by position and by name.
fn same(app: u64, expected: &[(String, u64)], sample: usize) {
    let handles: Vec<u64> = expected.iter().map(|(_, model)| *model).collect();
    assert_eq!(models_of(app), Ok(handles));
    let names: Vec<String> = expected.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names_of(app), Ok(names));
    for (name, model) in expected.iter().step_by(sample) {
        assert_eq!(get(app, ANY, name), Ok(*model));
    }
}

fn long_list(length: usize, steps: usize, ask: usize) {
    let registry = Registry::new();
    let (app, other) = (registry.app(), registry.app());
    let mut random = Random::new(length as u64);
    let mut expected: Vec<(String, u64)> = Vec::new();
    let mut away: BTreeMap<String, u64> = BTreeMap::new();
    for number in 0..length {
        let name = format!("Model{number}");
        let model = Model::of(&name, app).add(&registry);
        expected.push((name, model));
    }
    same(app, &expected, 1);
    for step in 0..steps {
        let at = random.below(expected.len());
        match random.below(4) {
            0 => {
                let model = Model::of(&expected[at].0, app).add(&registry);
                expected[at].1 = model;
            }
            1 => {
                let (name, model) = expected.remove(at);
                unregister(model).expect("unregister");
                assert_eq!(has(app, ANY, &name), Ok(false));
                let name = format!("Again{step}");
                let model = Model::of(&name, app).add(&registry);
                expected.push((name, model));
            }
            2 if expected.len() > 2 => {
                let (name, model) = expected.remove(at);
                move_to(model, 0, other, "").expect("move");
                assert_eq!(get(app, ANY, &name), Ok(0));
                assert_eq!(get(other, ANY, &name), Ok(model));
                away.insert(name, model);
            }
            _ => {
                let back = away.keys().next().cloned();
                if let Some(name) = back
                    && let Some(model) = away.remove(&name)
                {
                    move_to(model, 0, app, "").expect("move");
                    expected.push((name, model));
                }
            }
        }
        if step % ask == 0 {
            same(app, &expected, 97);
        }
    }
    same(app, &expected, 1);
    let mut elsewhere = models_of(other).expect("a list");
    let mut known: Vec<u64> = away.into_values().collect();
    elsewhere.sort_unstable();
    known.sort_unstable();
    assert_eq!(elsewhere, known);
}

#[test]
fn eleven_models_in_random_order() {
    long_list(11, 2000, 1);
}

#[test]
fn a_hundred_models_in_random_order() {
    long_list(100, 2000, 7);
}

#[test]
fn ten_thousand_models_in_random_order() {
    long_list(10_000, 3000, 500);
}
