//! Dropping a tenant of many models, which goes at once, with others beside it; what it leaves behind is taken back later.

mod support_c_api;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use support_c_api::watching::*;
use support_c_api::*;

/// More models than are gone through one by one.
const MANY: usize = 150;
/// The label of a data source that says nothing but that it is of MySQL.
const MYSQL: &str = "ds_mysql_33511a21";

fn name(number: usize) -> String {
    format!("Model{number}")
}

fn fill(registry: &Registry, data_source: u64, app: u64, tenant: &str) -> Vec<u64> {
    let one = |number| Model { data_source, app, tenant, ..Model::new(&name(number)) }.add(registry);
    (0..MANY).map(one).collect()
}

fn list_and_stamp(owner: u64) -> (Vec<u64>, Stamp) {
    stamped(owner, ANY, false).expect("a list")
}

fn is_gone(model: u64) -> bool {
    !model_is_valid(model) && code(model_name(model)) == STALE_HANDLE && code(unregister(model)) == STALE_HANDLE
}

/// A large tenant of two data sources and two apps, with as many models beside it.
struct Scene {
    registry: Registry,
    /// The data sources of the tenant.
    sources: [u64; 2],
    /// The first has models there, elsewhere and of its own; the second only there.
    apps: [u64; 2],
    /// A data source of another tenant, and an owner that has nothing.
    beside: u64,
    idle: u64,
    /// The models of the tenant, and those that are in none of its lists.
    inside: Vec<u64>,
    outside: Vec<u64>,
    /// What the first app has outside.
    kept: Vec<u64>,
}

impl Scene {
    fn new() -> Scene {
        let registry = Registry::new();
        let sources = [registry.data_source("mysql"), registry.data_source("mysql")];
        let apps = [registry.app(), registry.app()];
        let (beside, idle) = (registry.data_source("memory"), registry.data_source("mysql"));
        let mut scene = Scene { registry, sources, apps, beside, idle, inside: vec![], outside: vec![], kept: vec![] };
        scene.fill();
        scene.outside = fill(&scene.registry, beside, 0, "");
        scene.outside.extend(fill(&scene.registry, 0, 0, "north"));
        for number in 0..MANY {
            let elsewhere = [beside, 0][number % 2];
            let put =
                |name: &str, data_source| Model { data_source, app: apps[0], ..Model::new(name) }.add(&scene.registry);
            scene.kept.push(put(&format!("Kept{number}"), elsewhere));
            scene.inside.push(put(&format!("Lost{number}"), sources[0]));
        }
        scene
    }

    fn fill(&mut self) {
        let registry = &self.registry;
        let lists = [fill(registry, self.sources[0], 0, ""), fill(registry, self.sources[1], 0, "")];
        self.inside.extend(lists.concat());
        self.inside.extend(fill(registry, self.sources[1], self.apps[1], ""));
    }

    fn drop_tenant(&self) {
        let names: BTreeSet<String> = self.inside.iter().map(|model| model_name(*model).expect("a name")).collect();
        assert_eq!(drop_tenant(self.registry.0, MYSQL, 0), Ok(names.len() as u64), "the names that it had");
    }
}

#[test]
fn it_is_gone_for_every_question() {
    let Scene { registry, sources, apps, inside, kept, .. } = &{
        let scene = Scene::new();
        for owner in scene.sources.into_iter().chain(scene.apps) {
            list_and_stamp(owner);
            models_on(owner).expect("a list");
        }
        scene.drop_tenant();
        scene
    };
    assert!(inside.iter().all(|model| is_gone(*model)));
    for source in sources {
        assert_eq!(models_of(*source), Ok(vec![]));
        assert_eq!(models_on(*source), Ok(vec![]));
        assert_eq!(names_of(*source), Ok(vec![]));
        assert_eq!(has(*source, DATA_SOURCE, "Model3"), Ok(false));
    }
    assert_eq!(models_of(apps[0]), Ok(kept.clone()), "those elsewhere, in their order");
    assert_eq!((get(apps[0], ANY, "Lost3"), get(apps[0], APP, "Kept3")), (Ok(0), Ok(kept[3])));
    assert_eq!((get(apps[1], ANY, "Model3"), models_of(apps[1])), (Ok(0), Ok(vec![])));
    assert_eq!(tenant(registry.0, MYSQL), Ok(None));
    assert_eq!(models_in(registry.0, MYSQL), models_in(registry.0, "nobody"));
    assert_eq!(find_in(registry.0, MYSQL, "Model3"), Ok(0));
    assert_eq!(find(registry.0, "Lost3"), Ok(0));
    assert_eq!(drop_tenant(registry.0, MYSQL, 0), Ok(0), "it was dropped");
}

#[test]
fn what_is_beside_it_is_as_it_was() {
    let scene = Scene::new();
    let registry = scene.registry.0;
    let survivors = [scene.beside, scene.idle];
    let ask = || survivors.map(|owner| (list_and_stamp(owner), stamped(owner, ANY, true).expect("a list")));
    ask();
    let built = stats(registry);
    let before = ask();
    let words = survivors.map(|owner| Words::of(owner).read());
    let counted = stats(registry);
    scene.drop_tenant();
    for (at, (owner, now)) in survivors.into_iter().zip(ask()).enumerate() {
        let (own, on) = &before[at];
        assert_eq!((&now.0.0, now.0.1.stamp), (&own.0, own.1.stamp), "the same list with the same stamp");
        assert_eq!((&now.1.0, now.1.1.stamp), (&on.0, on.1.stamp));
        let (owner_word, registry_word) = Words::of(owner).read();
        assert_eq!(owner_word, words[at].0, "the owner's word");
        assert_ne!(registry_word, words[at].1, "the registry's word");
        assert_eq!((now.0.1.owner_word, now.0.1.registry_word), (owner_word, registry_word));
    }
    assert!(scene.outside.iter().chain(&scene.kept).all(|model| model_is_valid(*model)));
    assert!(scene.outside.iter().all(|model| model_is_valid(*model)), "asked again");
    for number in [0, MANY - 1] {
        // The dropped tenant came to be before the others, and had the name first.
        assert_eq!(find(registry, &name(number)), Ok(scene.outside[number]));
        assert_eq!(find(registry, &name(number)), Ok(scene.outside[number]), "asked again");
        assert_eq!(find_in(registry, "north", &name(number)), Ok(scene.outside[MANY + number]));
        assert_eq!(get(scene.beside, ANY, &name(number)), Ok(scene.outside[number]));
    }
    assert_eq!(all_models(registry).expect("all").len(), scene.outside.len() + scene.kept.len());
    let now = stats(registry);
    assert_eq!(now.models, (scene.outside.len() + scene.kept.len()) as u64);
    assert_eq!((now.tenants, now.owners), (counted.tenants - 1, counted.owners));
    assert_eq!((now.registered_total, now.generation), (counted.registered_total, counted.generation));
    assert_eq!(now.cache_misses, built.cache_misses, "the cache has the answers");
    assert_eq!(now.cache_hits - counted.cache_hits, counted.cache_hits - built.cache_hits, "and counts them as ever");
}

#[test]
fn what_outlived_it_is_found_by_name_before_its_owner_s_list_is_asked() {
    let scene = Scene::new();
    scene.drop_tenant();
    assert_eq!(get(scene.beside, ANY, "Model3"), Ok(scene.outside[3]));
    assert_eq!(has(scene.apps[0], APP, "Kept3"), Ok(true));
}

#[test]
fn lists_that_lost_models_are_counted_as_useless_once_each() {
    let scene = Scene::new();
    for owner in scene.sources.into_iter().chain(scene.apps).chain([scene.beside, scene.idle]) {
        list_and_stamp(owner);
    }
    let before = stats(scene.registry.0).cache_invalidations;
    scene.drop_tenant();
    let invalidations = || stats(scene.registry.0).cache_invalidations - before;
    assert_eq!(invalidations(), 4, "the data sources' and the apps'");
    for owner in scene.sources.into_iter().chain(scene.apps) {
        list_and_stamp(owner);
    }
    assert_eq!(invalidations(), 4);
    scene.registry.clear();
    assert_eq!(invalidations(), 10, "two data sources and two apps again, and those beside");
}

#[test]
fn a_list_that_lost_models_comes_back_with_another_stamp() {
    let scene = Scene::new();
    let owners: Vec<u64> = scene.sources.into_iter().chain(scene.apps).collect();
    let before: Vec<Stamp> = owners.iter().map(|owner| list_and_stamp(*owner).1).collect();
    scene.drop_tenant();
    for (owner, before) in owners.into_iter().zip(before) {
        let (list, stamp) = list_and_stamp(owner);
        assert_ne!(stamp.stamp, before.stamp);
        assert_ne!((stamp.owner_word, stamp.registry_word), (before.owner_word, before.registry_word));
        assert_eq!((list, stamp), list_and_stamp(owner), "and stays");
    }
}

#[test]
fn it_comes_to_be_again_before_it_was_taken_back() {
    let mut scene = Scene::new();
    for _ in 0..5 {
        scene.drop_tenant();
        let old = std::mem::take(&mut scene.inside);
        scene.fill();
        assert!(old.iter().all(|model| is_gone(*model)));
        assert_eq!(models_of(scene.sources[0]).as_deref(), Ok(&scene.inside[..MANY]));
        assert_eq!(models_of(scene.apps[1]).as_deref(), Ok(&scene.inside[2 * MANY..]));
        assert_eq!(models_on(scene.sources[1]).as_deref(), Ok(&scene.inside[MANY..]));
        let info = tenant(scene.registry.0, MYSQL).expect("an answer").expect("the tenant");
        assert_eq!((info.models, info.names, info.owners), (3 * MANY as u64, MANY as u64, 2));
        assert_eq!(find_in(scene.registry.0, MYSQL, "Model3"), Ok(scene.inside[2 * MANY + 3]), "the newest");
        assert_eq!(find(scene.registry.0, "Model3"), Ok(scene.outside[3]), "it came to be after the others");
    }
}

#[test]
fn models_by_structure_are_found_in_the_partitions_that_are_left() {
    let registry = Registry::new();
    let schema = schema(r#"{"name": "One", "base": "Model", "properties": {"a": "string"}}"#);
    let put = |tenant: &str| {
        let one = |number| Model { tenant, schema, ..Model::new(&name(number)) }.add(&registry);
        (0..MANY).map(one).collect::<Vec<u64>>()[MANY - 1]
    };
    let newest = ["first", "second", "third"].map(put);
    let search = |tenant| find_structure(registry.0, Search { schema, tenant, ..Search::default() });
    assert_eq!(search(""), Ok(newest[0]));
    for (at, tenant) in ["first", "second", "third"].into_iter().enumerate() {
        assert_eq!(drop_tenant(registry.0, tenant, 0), Ok(MANY as u64));
        let next = newest.get(at + 1).copied().unwrap_or(0);
        assert_eq!((search(""), search("")), (Ok(next), Ok(next)));
        assert_eq!(search(tenant), Ok(0));
        assert_eq!(search("third"), Ok(if next == 0 { 0 } else { newest[2] }));
        assert_eq!(stats(registry.0).unique_structures, 2 - at as u64);
    }
    free_schema(schema).expect("free");
}

#[test]
fn a_model_in_global_comes_before_what_a_drop_left_behind() {
    let registry = Registry::new();
    let schema = schema(r#"{"name": "One", "base": "Model", "properties": {"a": "string"}}"#);
    let put = |name: &str, tenant: &str| Model { tenant, schema, ..Model::new(name) }.add(&registry);
    let search = |tenant| find_structure(registry.0, Search { schema, tenant, ..Search::default() });
    for number in 0..MANY {
        put(&name(number), "north");
    }
    let south = put("User", "south");
    Model::tenant("Other", "west").add(&registry);
    assert_eq!(drop_tenant(registry.0, "north", 0), Ok(MANY as u64));
    let common = put("User", "");
    for tenant in ["south", "west", "north", ""] {
        assert_eq!((search(tenant), search(tenant)), (Ok(common), Ok(common)), "{tenant}");
    }
    assert_eq!((find(registry.0, "User"), find_in(registry.0, "south", "User")), (Ok(common), Ok(south)));
    unregister(common).expect("unregister");
    assert_eq!((search("south"), search("west"), search("")), (Ok(south), Ok(0), Ok(south)));
    free_schema(schema).expect("free");
}

#[test]
fn a_tenant_that_came_later_is_dropped_before_an_earlier_one() {
    let registry = Registry::new();
    let tenants = ["first", "second", "third", "fourth"];
    let models = tenants.map(|tenant| fill(&registry, 0, 0, tenant));
    for (dropped, found) in [(1, 0), (0, 2), (3, 2)] {
        assert_eq!(drop_tenant(registry.0, tenants[dropped], 0), Ok(MANY as u64));
        assert!((0..MANY).all(|at| find(registry.0, &name(at)) == Ok(models[found][at])));
    }
    let again = fill(&registry, 0, 0, "first");
    assert_eq!(drop_tenant(registry.0, "third", 0), Ok(MANY as u64));
    assert!((0..MANY).all(|at| find(registry.0, &name(at)) == Ok(again[at])));
    assert_eq!(tenant_codes(registry.0), ["first"]);
}

#[test]
fn what_is_held_stays_readable_and_what_moved_away_stays() {
    let scene = Scene::new();
    let held = hold_models(scene.sources[0], ANY, false).expect("a snapshot");
    let (moved, single) = (scene.inside[1], scene.inside[2]);
    hold(single).expect("hold");
    move_to(moved, scene.beside, 0, "").expect("move");
    let models = models_of(scene.sources[0]).expect("a list");
    let names: BTreeSet<String> = scene.inside.iter().map(|model| model_name(*model).expect("a name")).collect();
    assert_eq!(drop_tenant(scene.registry.0, MYSQL, 0), Ok(names.len() as u64), "it had another of the name");
    scene.registry.reclaim();
    let (kept, _) = snapshot_models(held).expect("a snapshot");
    assert_eq!(kept.len(), models.len() + 1, "as it was when it was held");
    assert_eq!(snapshot_name(held, 5), Ok(name(5)));
    assert_eq!((model_name(single), model_is_valid(single)), (Ok(name(2)), false));
    assert!(model_is_valid(moved));
    assert_eq!(models_of(scene.beside).expect("a list").last(), Some(&moved));
    assert_eq!(models_of(scene.sources[0]), Ok(vec![]));
    unhold(single).expect("unhold");
    free_snapshot(held).expect("free");
    assert!(is_gone(single));
}

type Ending = (&'static str, fn(&Scene));

#[test]
fn nothing_is_left_whatever_comes_before_it_is_taken_back() {
    let endings: [Ending; 5] = [
        ("nothing", |_| ()),
        ("clear", |scene| scene.registry.clear()),
        ("drop of the others", |scene| {
            assert_eq!(drop_idle(scene.registry.0, 0), Ok(3));
        }),
        ("release", |scene| {
            let owners = scene.sources.into_iter().chain(scene.apps).chain([scene.beside, scene.idle]);
            owners.for_each(|owner| release(owner).expect("release"));
        }),
        ("registrations and a clear", |scene| {
            fill(&scene.registry, scene.sources[0], scene.apps[1], "");
            scene.registry.clear();
            fill(&scene.registry, scene.sources[1], scene.apps[0], "");
        }),
    ];
    for (what, end) in endings {
        let scene = Scene::new();
        scene.drop_tenant();
        end(&scene);
        for owner in scene.sources.into_iter().chain(scene.apps).chain([scene.beside, scene.idle]) {
            // Some were released.
            let _ = release(owner);
        }
        drop_idle(scene.registry.0, 0).expect("drop idle");
        scene.registry.reclaim();
        let left = stats(scene.registry.0);
        assert_eq!((left.models, left.tenants, left.bytes_in_use), (0, 0, 0), "{what}");
    }
}

#[test]
fn what_a_clear_left_behind_is_told_from_what_a_drop_did() {
    let registry = Registry::new();
    for number in 0..1_000 {
        Model::tenant("User", &format!("tenant{number}")).add(&registry);
    }
    // The place of this one is free, amid those that the clear leaves.
    assert_eq!(drop_tenant(registry.0, "tenant500", 0), Ok(1));
    registry.clear();
    // A registration takes some of those back, for the next tenants; a move does not.
    let model = Model::tenant("Moved", "west").add(&registry);
    for tenant in ["east", "north"] {
        move_to(model, 0, 0, tenant).expect("move");
    }
    fill(&registry, 0, 0, "north");
    assert_eq!(drop_tenant(registry.0, "north", 0), Ok(MANY as u64 + 1));
    assert_eq!(drop_idle(registry.0, 0), Ok(2));
    registry.reclaim();
    assert_eq!(stats(registry.0).bytes_in_use, 0);
}

#[test]
fn apps_that_had_models_there_before_lose_nothing() {
    let registry = Registry::new();
    let (source, beside) = (registry.data_source("mysql"), registry.data_source("memory"));
    fill(&registry, source, 0, "");
    let apps = [0; 4].map(|_| registry.app());
    let put = |app, data_source, name| Model { app, data_source, ..Model::new(name) }.add(&registry);
    let kept = apps.map(|app| put(app, beside, "Kept"));
    let inside = apps.map(|app| put(app, source, "Lost"));
    // The first leaves, then the one that had come last.
    unregister(inside[0]).expect("unregister");
    move_to(inside[3], beside, apps[3], "").expect("move");
    let before = apps.map(|app| list_and_stamp(app).1.stamp);
    assert_eq!(drop_tenant(registry.0, MYSQL, 0), Ok(MANY as u64 + 1));
    let now = apps.map(list_and_stamp);
    for (at, (list, stamp)) in now.into_iter().enumerate() {
        let stayed = at == 0 || at == 3;
        assert_eq!(stamp.stamp == before[at], stayed, "the list of app {at}");
        assert_eq!(list, if at == 3 { vec![kept[3], inside[3]] } else { vec![kept[at]] });
    }
}

#[test]
fn a_registry_that_is_destroyed_before_leaves_nothing_to_the_next_one() {
    for _ in 0..3 {
        let scene = Scene::new();
        assert_eq!(stats(scene.registry.0).models, (scene.inside.len() + scene.outside.len() + MANY) as u64);
        scene.drop_tenant();
        let (inside, outside) = (scene.inside[0], scene.outside[0]);
        destroy(scene.registry.0).expect("destroy");
        std::mem::forget(scene.registry);
        assert!(!model_is_valid(inside) && !model_is_valid(outside));
        let next = Registry::new();
        assert_eq!((stats(next.0).bytes_in_use, stats(next.0).generation), (0, 1));
    }
}

#[test]
fn rounds_of_drops_take_no_more_memory() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let mut reserved = Vec::new();
    for round in 0..8 {
        for tenant in ["north", "south"] {
            fill(&registry, 0, 0, tenant);
        }
        fill(&registry, source, app, "");
        assert_eq!(drop_idle(registry.0, 0), Ok(3));
        if round % 2 == 1 {
            registry.reclaim();
            reserved.push(stats(registry.0).bytes_reserved);
        }
    }
    // With three bits of generation slots are retired, and new ones take their place.
    let retires = cfg!(feature = "small-generations");
    assert!(retires || reserved[1..].iter().all(|bytes| *bytes == reserved[1]), "{reserved:?}");
    for owner in [source, app] {
        release(owner).expect("release");
    }
    registry.reclaim();
    assert_eq!(stats(registry.0).bytes_in_use, 0);
}

#[test]
fn destructors_run_once_each_before_the_call_returns() {
    let registry = Registry::new();
    let source = registry.data_source("mysql");
    let witnesses: Vec<&Witness> = (0..MANY).map(|_| Witness::new()).collect();
    fill(&registry, source, 0, "");
    for (number, witness) in witnesses.iter().enumerate() {
        Model::on(&format!("Watched{number}"), source).watched(witness).add(&registry);
    }
    assert_eq!(drop_tenant(registry.0, MYSQL, 0), Ok(2 * MANY as u64));
    assert!(witnesses.iter().all(|witness| witness.runs() == 1));
    // One elsewhere does not wait for them.
    let elsewhere = Witness::new();
    Model::tenant("Elsewhere", "north").watched(elsewhere).add(&registry);
    let models = fill(&registry, source, 0, "");
    assert_eq!(drop_tenant(registry.0, MYSQL, 0), Ok(MANY as u64));
    assert!(models.iter().all(|model| is_gone(*model)));
    assert_eq!(elsewhere.runs(), 0);
    assert_eq!(drop_tenant(registry.0, "north", 0), Ok(1));
    assert_eq!(elsewhere.runs(), 1);
}

#[test]
fn a_destructor_that_came_or_went_with_a_move_is_not_forgotten() {
    let registry = Registry::new();
    let witness = Witness::new();
    let (north, south) = (fill(&registry, 0, 0, "north"), fill(&registry, 0, 0, "south"));
    let moved = Model::tenant("Moved", "north").watched(witness).add(&registry);
    move_to(moved, 0, 0, "south").expect("move");
    assert_eq!(drop_tenant(registry.0, "north", 0), Ok(MANY as u64));
    assert!(north.iter().all(|model| is_gone(*model)) && model_is_valid(moved));
    assert_eq!(witness.runs(), 0);
    assert_eq!(drop_tenant(registry.0, "south", 0), Ok(MANY as u64 + 1));
    assert!(south.iter().all(|model| is_gone(*model)));
    assert_eq!(witness.runs(), 1);
}

#[test]
fn who_watches_is_told_of_each_model() {
    let registry = Registry::new();
    let models = fill(&registry, 0, 0, "north");
    let watch = Watch::new(registry.0, 0);
    assert_eq!(drop_tenant(registry.0, "north", 0), Ok(MANY as u64));
    let told = watch.take_all();
    let removed: Vec<u64> = told.iter().filter(|change| change.kind == REMOVED).map(|change| change.model).collect();
    assert_eq!(removed, models);
    let last = told.last().expect("a change");
    assert_eq!((last.kind, last.count, last.tenant.as_str()), (TENANT_DROPPED, MANY as u64, "north"));
}

#[test]
fn an_owner_that_is_the_last_of_its_tenant_takes_it_along() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let models = [fill(&registry, source, 0, ""), fill(&registry, source, app, ""), fill(&registry, 0, app, "")];
    assert_eq!(models_of(app).expect("a list").len(), MANY, "a model of an app replaces one of its name");
    assert_eq!(drop_tenant(registry.0, MYSQL, source), Ok(MANY as u64));
    assert!(models[..2].concat().iter().all(|model| is_gone(*model)));
    assert_eq!(models_of(app), Ok(models[2].clone()));
    assert_eq!(owner_tenant(app).map(|label| drop_tenant(registry.0, &label, app)), Ok(Ok(MANY as u64)));
    assert_eq!(models_of(app), Ok(vec![]));
    assert!(owner_is_valid(source) && owner_is_valid(app));
}

#[test]
fn an_idle_one_is_swept() {
    let scene = Scene::new();
    set_clock(scene.registry.0, 1_000);
    touch_tenant(scene.registry.0, "north").expect("touch");
    assert_eq!(drop_idle(scene.registry.0, 0), Ok(4));
    let gone = scene.inside.iter().chain(&scene.outside).chain(&scene.kept);
    assert!(gone.copied().all(is_gone));
    assert_eq!(stats(scene.registry.0).models, 0);
    assert!(scene.apps.iter().all(|app| models_of(*app) == Ok(vec![])));
}

#[test]
fn no_reader_sees_a_part_of_it_gone() {
    for _ in 0..20 {
        let scene = Scene::new();
        let (begun, stop) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|threads| {
            for backwards in [false, true] {
                let (scene, begun, stop) = (&scene, &begun, &stop);
                threads.spawn(move || {
                    let ask: [&dyn Fn() -> bool; 5] = [
                        &|| models_of(scene.sources[0]) == Ok(vec![]),
                        &|| get(scene.apps[1], ANY, "Model3") == Ok(0),
                        &|| !model_is_valid(scene.inside[7]),
                        &|| find(scene.registry.0, "Lost5") == Ok(0),
                        &|| tenant(scene.registry.0, MYSQL) == Ok(None),
                    ];
                    while !stop.load(Ordering::Acquire) {
                        let order = |at: usize| if backwards { ask.len() - 1 - at } else { at };
                        let gone: Vec<bool> = (0..ask.len()).map(|at| ask[order(at)]()).collect();
                        assert!(gone.is_sorted(), "what was asked later was still there: {gone:?}");
                        assert!(
                            model_is_valid(scene.outside[3]) && find(scene.registry.0, "Kept1") == Ok(scene.kept[1])
                        );
                        begun.store(true, Ordering::Release);
                    }
                });
            }
            while !begun.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            assert_ne!(drop_tenant(scene.registry.0, MYSQL, 0), Ok(0));
            scene.registry.reclaim();
            stop.store(true, Ordering::Release);
        });
    }
}
