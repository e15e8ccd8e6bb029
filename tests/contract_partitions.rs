//! The words of the contract, and which partition a model lives in.

mod support_c_api;

use std::collections::HashSet;

use support_c_api::*;

fn data_source<'a>(connector: &'a str, host: &'a str, port: &'a str, database: &'a str) -> Owner<'a> {
    Owner { connector, host, port, database, ..Owner::data_source() }
}

fn label(registry: &Registry, owner: &Owner<'_>) -> String {
    let owner = owner.create(registry.0).expect("an owner");
    let label = owner_tenant(owner).expect("a label");
    release(owner).expect("release");
    label
}

#[test]
fn a_data_source_s_label_is_the_md5_of_its_four_fields() {
    let registry = Registry::new();
    // printf 'mysql:localhost::default' | md5sum | cut -c1-8
    let known = [
        (data_source("mysql", "", "", ""), "ds_mysql_33511a21"),
        (data_source("mysql", "localhost", "", "default"), "ds_mysql_33511a21"),
        (data_source("memory", "", "", ""), "ds_memory_ab035ada"),
        (data_source("mongodb", "db.example.com", "27017", "shop"), "ds_mongodb_63376ff4"),
        (data_source("postgresql", "::1", "5432", "Käse"), "ds_postgresql_ad9000b0"),
        (data_source("mysql", "10.0.0.1", "3306", "a:b"), "ds_mysql_3d89591e"),
        (data_source("", "", "", ""), "ds_none_4af5725e"),
        (Owner { flags: 1, ..data_source("", "", "", "") }, "ds_unknown_ba13e595"),
    ];
    for (owner, expected) in known {
        assert_eq!(label(&registry, &owner), expected);
    }
}

#[test]
fn the_database_defaults_to_the_last_path_segment_of_the_url_without_its_query() {
    let registry = Registry::new();
    for (url, database, expected) in [
        ("mongodb://localhost/shop", "", "ds_mongodb_108a9144"),
        ("mongodb://user:secret@elsewhere:27017/shop?retryWrites=true", "", "ds_mongodb_108a9144"),
        ("mongodb://localhost/a/shop", "", "ds_mongodb_108a9144"),
        ("mongodb://localhost/shop?authSource=a/b", "", "ds_mongodb_108a9144"),
        ("mongodb://localhost/shop", "orders", "ds_mongodb_ab6cfbac"),
    ] {
        let owner = Owner { url, database, ..data_source("mongodb", "", "", "") };
        assert_eq!(label(&registry, &owner), expected, "{url} {database}");
    }
    let none = label(&registry, &data_source("mongodb", "", "", ""));
    for url in ["", "mongodb://localhost", "mongodb://localhost:27017", "mongodb://localhost/"] {
        assert_eq!(label(&registry, &Owner { url, ..data_source("mongodb", "", "", "") }), none, "{url}");
    }
}

#[test]
fn a_model_with_a_data_source_lives_in_its_partition_also_where_an_app_owns_it() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let alone = Model::on("User", source).add(&registry);
    let both = Model { app, tenant: "north", ..Model::on("Invoice", source) }.add(&registry);
    assert_eq!(model_tenant(alone).as_deref(), Ok("ds_mysql_33511a21"));
    assert_eq!(model_tenant(both).as_deref(), Ok("ds_mysql_33511a21"));
    for odd in ["two\nlines", "ä".repeat(200).as_str(), "ds_mysql_33511a21"] {
        Model { app, tenant: odd, ..Model::on("Order", source) }.add(&registry);
    }
    assert_eq!(tenant_codes(registry.0), ["ds_mysql_33511a21"], "a tenant named beside an owner is ignored");
    let info = tenant(registry.0, "ds_mysql_33511a21").expect("an answer").expect("a tenant");
    assert!(info.is_data_source);
    assert_eq!(info.owners, 1, "the app does not count in it");
}

#[test]
fn a_model_with_an_app_lives_in_the_app_s_partition() {
    let registry = Registry::new();
    let apps = [registry.app(), registry.app()];
    let models = apps.map(|app| Model { tenant: "north", ..Model::of("User", app) }.add(&registry));
    let labels = models.map(|model| model_tenant(model).expect("a label"));
    for (label, app) in labels.iter().zip(apps) {
        let id = label.strip_prefix("app_").expect("app_<id>");
        assert!(id.parse::<u64>().is_ok(), "{label}");
        assert_eq!(owner_tenant(app).as_ref(), Ok(label));
        assert!(!tenant(registry.0, label).expect("an answer").expect("a tenant").is_data_source);
    }
    assert_ne!(labels[0], labels[1], "the id is unique for each");
    assert_eq!(tenant_codes(registry.0), labels);
}

#[test]
fn an_app_s_id_is_not_given_again_after_its_release() {
    let registry = Registry::new();
    let mut labels = HashSet::new();
    for _ in 0..100 {
        let app = registry.app();
        assert!(labels.insert(owner_tenant(app).expect("a label")));
        release(app).expect("release");
    }
}

#[test]
fn an_owner_of_a_host_s_kind_acts_as_an_app_does() {
    let registry = Registry::new();
    let kind = registry.kind("desk").expect("a kind");
    assert!(kind >= 1000, "numbers from 1000 up");
    assert_eq!(registry.kind("desk"), Ok(kind), "the same name gives the same number");
    assert_ne!(registry.kind("chair"), Ok(kind));
    let source = registry.data_source("mysql");
    let owner = Owner { kind, ..Owner::default() }.create(registry.0).expect("an owner");
    assert_eq!(owner_kind(owner), Ok(kind));
    let alone = Model::of("User", owner).add(&registry);
    let label = model_tenant(alone).expect("a label");
    assert!(label.strip_prefix("desk_").is_some_and(|id| id.parse::<u64>().is_ok()), "{label}");
    let both = Model { app: owner, ..Model::on("Order", source) }.add(&registry);
    assert_eq!(models_of(owner), Ok(vec![alone, both]));
    assert_eq!(models_of(source), Ok(vec![]));
    assert_eq!(models_on(source), Ok(vec![both]));
    assert_eq!(stamped(owner, kind, false).map(|(list, _)| list), Ok(vec![alone, both]));
    assert_eq!(stamped(owner, APP, false).map(|(list, _)| list), Ok(vec![]));
    release(owner).expect("release");
    assert_eq!(models_on(source), Ok(vec![]), "its models go wherever they live");
}

#[test]
fn the_library_s_own_names_are_refused_as_kinds() {
    let registry = Registry::new();
    for name in ["ds", "app", "global", ""] {
        assert_eq!(code(registry.kind(name)), INVALID_NAME, "{name:?}");
    }
    for kind in [0, 3, 999, 1000, 1001, u32::MAX] {
        assert_eq!(code(Owner { kind, ..Owner::default() }.create(registry.0)), INVALID_ARGUMENT, "{kind}");
    }
    let kind = registry.kind("App").expect("another name is a kind");
    assert_eq!(kind, 1000);
    let other = Registry::new();
    assert_eq!(code(Owner { kind, ..Owner::default() }.create(other.0)), INVALID_ARGUMENT, "kinds are of one registry");
}

#[test]
fn a_model_without_an_owner_lives_in_the_tenant_that_the_caller_named_else_in_global() {
    let registry = Registry::with(Limits { reserved: &["trap", "snare"], ..Limits::default() });
    for (code, expected) in
        [("north", "north"), ("", "global"), ("trap", "global"), ("snare", "global"), ("global", "global")]
    {
        let model = Model::tenant("User", code).add(&registry);
        assert_eq!(model_tenant(model).as_deref(), Ok(expected), "{code:?}");
        assert_eq!(model_owners(model), Ok([0, 0, 0]));
    }
    assert_eq!(tenant_codes(registry.0), ["north"]);
    let without = Registry::new();
    let model = Model::tenant("User", "trap").add(&without);
    assert_eq!(model_tenant(model).as_deref(), Ok("trap"), "a code is reserved only where the host says so");
    assert_eq!(tenant_codes(without.0), ["trap"]);
}

#[test]
fn equal_configurations_share_one_partition() {
    let registry = Registry::new();
    let owners = [
        data_source("mysql", "", "", "").create(registry.0).expect("an owner"),
        data_source("mysql", "localhost", "", "default").create(registry.0).expect("an owner"),
    ];
    let models = owners.map(|owner| Model::on("User", owner).add(&registry));
    assert_eq!(tenant_codes(registry.0), ["ds_mysql_33511a21"]);
    let info = tenant(registry.0, "ds_mysql_33511a21").expect("an answer").expect("a tenant");
    assert_eq!((info.models, info.names, info.owners), (2, 1, 2));
    // Better than the original: names are unique within an owner, never across owners.
    for (owner, model) in owners.into_iter().zip(models) {
        assert_eq!(models_of(owner), Ok(vec![model]));
        assert!(model_is_valid(model));
    }
}

#[test]
fn opening_and_closing_a_configuration_a_thousand_times_makes_one_partition() {
    let registry = Registry::new();
    let stays = registry.data_source("mysql");
    Model::on("Stays", stays).add(&registry);
    for round in 0..1000 {
        let owner = registry.data_source("mysql");
        let model = Model::on("User", owner).add(&registry);
        assert_eq!(model_tenant(model).as_deref(), Ok("ds_mysql_33511a21"), "round {round}");
        assert_eq!(stats(registry.0).tenants, 1);
        release(owner).expect("release");
    }
    release(stays).expect("release");
    for _ in 0..1000 {
        let owner = registry.data_source("mysql");
        Model::on("User", owner).add(&registry);
        assert_eq!(tenant_codes(registry.0), ["ds_mysql_33511a21"]);
        release(owner).expect("release");
        assert_eq!(stats(registry.0).tenants, 0);
    }
}

#[test]
fn configurations_are_compared_by_their_fields_and_not_by_their_label() {
    let registry = Registry::new();
    // The texts that are hashed are equal: mysql:a:b:c:d.
    let one = data_source("mysql", "a", "b:c", "d");
    let other = data_source("mysql", "a:b", "c", "d");
    let owners = [&one, &other, &one, &other].map(|owner| owner.create(registry.0).expect("an owner"));
    let labels = owners.map(|owner| owner_tenant(owner).expect("a label"));
    assert_eq!(labels, ["ds_mysql_8d69464b", "ds_mysql_8d69464b_2", "ds_mysql_8d69464b", "ds_mysql_8d69464b_2"]);
    let models = owners.map(|owner| Model::on("User", owner).add(&registry));
    assert_eq!(models.map(|model| model_tenant(model).expect("a label")), labels);
    assert_eq!(stats(registry.0).tenants, 2);
    release(owners[0]).expect("release");
    release(owners[2]).expect("release");
    assert_eq!(models_in(registry.0, "ds_mysql_8d69464b"), Ok(vec![]));
    assert_eq!(models_in(registry.0, "ds_mysql_8d69464b_2"), Ok(vec![models[1], models[3]]));
    assert_eq!(owner_tenant(owners[1]).as_deref(), Ok("ds_mysql_8d69464b_2"), "a label stays what it is");
    let third = data_source("mysql", "a", "b", "c:d").create(registry.0).expect("an owner");
    let first = one.create(registry.0).expect("an owner");
    assert_eq!(owner_tenant(third).as_deref(), Ok("ds_mysql_8d69464b"), "the label was free again");
    assert_eq!(owner_tenant(first).as_deref(), Ok("ds_mysql_8d69464b_3"));
}

#[test]
fn a_hundred_thousand_configurations_are_told_apart() {
    let registry = Registry::new();
    let (mut labels, mut numbered) = (HashSet::new(), Vec::new());
    let mut owners = Vec::new();
    for number in 0..112_000 {
        let host = format!("host{number}");
        let owner = data_source("memory", &host, "", "").create(registry.0).expect("an owner");
        let label = owner_tenant(owner).expect("a label");
        if label.ends_with("_2") {
            numbered.push((number, label.clone()));
        }
        assert!(labels.insert(label), "two configurations have one label");
        owners.push(owner);
    }
    // Found with md5sum over memory:host<n>::default: 66549 and 82668, 5316 and 110365 begin with the same digits.
    let expected = [(82_668, "ds_memory_1e7292cb_2"), (110_365, "ds_memory_ba2352d2_2")];
    assert_eq!(numbered, expected.map(|(number, label)| (number, label.to_owned())));
    for (first, second) in [(66_549, 82_668), (5_316, 110_365)] {
        let models = [first, second].map(|at: usize| Model::on("User", owners[at]).add(&registry));
        let labels = [first, second].map(|at: usize| owner_tenant(owners[at]).expect("a label"));
        assert_eq!(labels[1], format!("{}_2", labels[0]));
        for (model, label) in models.into_iter().zip(&labels) {
            assert_eq!(find_in(registry.0, label, "User"), Ok(model));
        }
        let (host, again) = (format!("host{second}"), format!("host{first}"));
        assert_eq!(label(&registry, &data_source("memory", &host, "", "")), labels[1], "found again, not made anew");
        assert_eq!(label(&registry, &data_source("memory", &again, "", "")), labels[0]);
    }
}

#[test]
fn a_partition_comes_to_be_with_the_first_model_put_into_it() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    assert_eq!(tenant_codes(registry.0), Vec::<String>::new());
    let label = owner_tenant(app).expect("a label, also before there is a model in it");
    assert_eq!(tenant(registry.0, &label), Ok(None));
    Model::tenant("User", "north").add(&registry);
    Model::of("User", app).add(&registry);
    Model::on("User", source).add(&registry);
    assert_eq!(tenant_codes(registry.0), ["north", &label, "ds_mysql_33511a21"], "in the order they came to be");
}

#[test]
fn global_is_there_from_the_start() {
    let registry = Registry::new();
    let info = tenant(registry.0, "global").expect("an answer").expect("global");
    assert_eq!((info.number, info.models, info.owners, info.is_data_source), (0, 0, 0, false));
    assert_eq!(tenant(registry.0, "").expect("an answer").map(|info| info.code).as_deref(), Some("global"));
    assert_eq!(tenant(registry.0, "nobody"), Ok(None));
}

#[test]
fn a_data_source_counts_from_its_first_model_until_it_leaves() {
    let registry = Registry::new();
    let owners = [(); 3].map(|()| registry.data_source("mysql"));
    let count = || tenant(registry.0, "ds_mysql_33511a21").expect("an answer").map_or(0, |info| info.owners);
    let first = Model::on("User", owners[0]).add(&registry);
    assert_eq!(count(), 1, "the others have no model in it");
    Model::on("User", owners[1]).add(&registry);
    assert_eq!(count(), 2);
    unregister(first).expect("unregister");
    assert_eq!(count(), 2, "it counts on without a model");
    let moved = Model::on("Order", owners[0]).add(&registry);
    move_to(moved, 0, 0, "").expect("move");
    assert_eq!(count(), 2, "also when its models have moved away");
    drop_tenant(registry.0, "ds_mysql_33511a21", owners[0]).expect("it leaves");
    assert_eq!(count(), 1);
    release(owners[2]).expect("one that does not count is released");
    assert_eq!(count(), 1);
    release(owners[1]).expect("the last that counts is released");
    assert_eq!(tenant(registry.0, "ds_mysql_33511a21"), Ok(None), "though another of the configuration is there");
    Model::on("User", owners[0]).add(&registry);
    assert_eq!(count(), 1, "it counts anew");
}

#[test]
fn after_clear_a_data_source_counts_again_only_when_it_registers() {
    let registry = Registry::new();
    let owners = [registry.data_source("mysql"), registry.data_source("mysql")];
    for owner in owners {
        Model::on("User", owner).add(&registry);
    }
    registry.clear();
    let kept = Model::on("User", owners[0]).add(&registry);
    let info = tenant(registry.0, "ds_mysql_33511a21").expect("an answer").expect("a tenant");
    assert_eq!(info.owners, 1);
    release(owners[1]).expect("release");
    assert!(model_is_valid(kept), "one that does not count takes nothing along");
    release(owners[0]).expect("release");
    assert_eq!(stats(registry.0).tenants, 0);
}

#[test]
fn with_the_last_data_source_the_partition_and_all_that_is_in_it_go() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let own = Model::on("User", source).add(&registry);
    let shared = Model { app, ..Model::on("Order", source) }.add(&registry);
    let elsewhere = Model::of("Product", app).add(&registry);
    assert_eq!(models_in(registry.0, "ds_mysql_33511a21"), Ok(vec![own, shared]));
    release(source).expect("release");
    for model in [own, shared] {
        assert_eq!(code(model_name(model)), STALE_HANDLE);
    }
    assert_eq!(models_of(app), Ok(vec![elsewhere]));
    assert_eq!(tenant(registry.0, "ds_mysql_33511a21"), Ok(None));
}

#[test]
fn a_tenant_whose_code_is_the_label_of_an_owners_partition_is_refused() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let model = Model::of("User", app).add(&registry);
    for label in ["ds_mysql_33511a21", "app_1"] {
        let refused = Model::tenant("Guest", label).register(registry.0).expect_err("the label is an owner's");
        assert_eq!(refused.code, INVALID_NAME, "{}", refused.message);
        assert!(refused.message.contains(label), "{}", refused.message);
    }
    assert_eq!(stats(registry.0).models, 1, "nothing was changed");
    // Once the owner is gone the code is anybody's; and a tenant that has it keeps it.
    release(source).expect("release");
    let tenant = Model::tenant("Guest", "ds_mysql_33511a21").add(&registry);
    let again = registry.data_source("mysql");
    Model::on("User", again).add(&registry);
    assert_eq!(models_in(registry.0, "ds_mysql_33511a21"), Ok(vec![tenant]));
    assert_eq!(models_of(app), Ok(vec![model]));
}

#[test]
fn a_data_source_that_is_not_the_last_takes_every_model_on_it() {
    let registry = Registry::new();
    let (first, second, app) = (registry.data_source("mysql"), registry.data_source("mysql"), registry.app());
    let own = Model::on("User", first).add(&registry);
    let of_app = Model { app, ..Model::on("Order", first) }.add(&registry);
    let stays = Model::on("User", second).add(&registry);
    let stays_too = Model { app, ..Model::on("Product", second) }.add(&registry);
    release(first).expect("release");
    assert!(!model_is_valid(own) && !model_is_valid(of_app));
    assert_eq!(models_of(second), Ok(vec![stays]));
    assert_eq!(models_on(second), Ok(vec![stays, stays_too]));
    assert_eq!(models_of(app), Ok(vec![stays_too]));
    assert_eq!(models_in(registry.0, "ds_mysql_33511a21"), Ok(vec![stays, stays_too]));
}

#[test]
fn releasing_an_app_drops_its_models_wherever_they_live() {
    let registry = Registry::new();
    let (source, app, other) = (registry.data_source("mysql"), registry.app(), registry.app());
    let in_app = Model::of("User", app).add(&registry);
    let in_source = Model { app, ..Model::on("Order", source) }.add(&registry);
    let of_source = Model::on("Order", source).add(&registry);
    let of_other = Model { app: other, ..Model::on("Order", source) }.add(&registry);
    let label = owner_tenant(app).expect("a label");
    release(app).expect("release");
    assert!(!model_is_valid(in_app) && !model_is_valid(in_source));
    assert_eq!(models_on(source), Ok(vec![of_source, of_other]));
    assert_eq!(tenant(registry.0, &label), Ok(None));
}

#[test]
fn an_owner_that_is_released_takes_its_models_however_many_they_are() {
    let registry = Registry::new();
    for count in [10, 11, 40] {
        let (first, second) = (registry.data_source("mysql"), registry.data_source("mysql"));
        let app = registry.app();
        let stays = Model::on("Stays", second).add(&registry);
        let add = |number, app| Model { app, ..Model::on(&format!("Model{number}"), first) }.add(&registry);
        let of_app: Vec<u64> = (0..count).map(|number| add(number, app)).collect();
        release(app).expect("release");
        assert!(!of_app.into_iter().any(model_is_valid), "{count} of an app on a data source");
        let of_source: Vec<u64> = (0..count).map(|number| add(number, 0)).collect();
        release(first).expect("release");
        assert!(!of_source.into_iter().any(model_is_valid), "{count} of a data source that is not the last");
        assert_eq!(models_on(second), Ok(vec![stays]));
        assert_eq!(models_in(registry.0, "ds_mysql_33511a21"), Ok(vec![stays]));
        release(second).expect("release");
    }
}

#[test]
fn the_default_registry_is_one_and_cannot_be_destroyed() {
    let default = || {
        let mut registry = 0;
        call!(mreg_registry_default(&mut registry)).expect("the default registry");
        registry
    };
    let first = default();
    assert_eq!(first, default());
    let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(default)).collect();
    threads.into_iter().for_each(|thread| assert_eq!(thread.join().expect("a thread"), first));
    assert_eq!(code(destroy(first)), INVALID_ARGUMENT);
    let model = Model::new("User").register(first).expect("a model");
    assert_eq!(find(first, "User"), Ok(model));
    call!(mreg_registry_clear(first)).expect("it can be cleared");
    assert_eq!(find(first, "User"), Ok(0));
}

#[test]
fn registries_know_nothing_of_each_other() {
    let (one, other) = (Registry::new(), Registry::new());
    let model = Model::tenant("User", "north").add(&one);
    assert_eq!(find(other.0, "User"), Ok(0));
    assert_eq!(tenant_codes(other.0), Vec::<String>::new());
    other.clear();
    assert!(model_is_valid(model));
    assert_eq!((stats(one.0).generation, stats(other.0).generation), (1, 2));
}
