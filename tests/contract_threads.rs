//! Every function from any thread at any time, also while another thread releases or destroys what it is about.

mod support_c_api;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use support_c_api::*;

const THREADS: usize = 8;

/// What came out of a call that may or may not have succeeded.
fn done<T>(_: T) {}

/// Waits a little for another thread: so often that it goes on at once on a core of its own, and after that so that it can go on here,
/// where there is one core for both.
fn wait(waited: &mut u32) {
    *waited += 1;
    if *waited < 1000 { std::hint::spin_loop() } else { std::thread::yield_now() }
}

/// Runs `work` in eight threads that begin together; gives how many said true.
fn together(work: impl Fn(usize) -> bool + Sync) -> usize {
    let (barrier, work) = (Barrier::new(THREADS), &work);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|at| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    work(at)
                })
            })
            .collect();
        threads.into_iter().map(|thread| usize::from(thread.join().expect("the thread ends well"))).sum()
    })
}

/// True where the call succeeded; fails unless the handle was stale otherwise.
fn won(result: Result<()>) -> bool {
    result.map_or_else(
        |failure| {
            assert_eq!(failure.code, STALE_HANDLE, "{}", failure.message);
            false
        },
        |()| true,
    )
}

#[test]
fn of_eight_threads_that_let_one_thing_go_exactly_one_succeeds() {
    for _ in 0..300 {
        let registry = Registry::new();
        let (app, other) = (registry.app(), registry.app());
        let witnesses = [Witness::new(), Witness::new(), Witness::new()];
        let model = Model::of("User", app).watched(witnesses[0]).add(&registry);
        Model::of("Order", other).watched(witnesses[1]).add(&registry);
        let snapshot = hold_models(app, ANY, false).expect("a snapshot");
        let schema = schema(r#"{"name": "One"}"#);
        let held = Model::new("Held").watched(witnesses[2]).add(&registry);
        hold(held).expect("hold");
        unregister(held).expect("unregister");
        assert_eq!(together(|_| won(unregister(model))), 1);
        assert_eq!(together(|_| won(free_snapshot(snapshot))), 1);
        assert_eq!(together(|_| won(free_schema(schema))), 1);
        assert_eq!(together(|_| won(unhold(held))), 1);
        assert_eq!(together(|_| won(release(other))), 1);
        assert_eq!(together(|_| won(destroy(registry.0))), 1);
        assert_eq!(witnesses.map(Witness::runs), [1, 1, 1]);
    }
}

#[test]
fn destructors_run_once_when_threads_replace_and_clear_and_hold() {
    let registry = Registry::new();
    let (source, app) = (registry.data_source("mysql"), registry.app());
    let witnesses: Vec<Vec<&'static Witness>> =
        (0..THREADS).map(|_| (0..400).map(|_| Witness::new()).collect()).collect();
    together(|thread| {
        let mut random = Random::new(thread as u64);
        for witness in &witnesses[thread] {
            let name = ["User", "Order", "Product"][random.below(3)];
            let (data_source, app) = [(source, 0), (source, app), (0, app), (0, 0)][random.below(4)];
            let model = Model { data_source, app, ..Model::new(name) }.watched(witness).register(registry.0);
            let model = model.expect("a model");
            if hold(model).is_ok() {
                assert_eq!(model_user_data(model), Ok(witness.pointer().addr()), "what is held is this model");
                assert_eq!(witness.runs(), 0, "what is held is not destroyed");
                assert_eq!(model_name(model).as_deref(), Ok(name));
                unhold(model).expect("unhold");
            }
            match random.below(12) {
                0 => registry.clear(),
                1 => done(drop_tenant(registry.0, "ds_mysql_33511a21", source).expect("drop")),
                2 => done(drop_idle(registry.0, 0).expect("drop")),
                3 => registry.reclaim(),
                4 => done(unregister(model)),
                5 => done(move_to(model, 0, 0, "north")),
                6 | 7 => {
                    let snapshot = hold_models(source, ANY, true).expect("a snapshot");
                    let models = snapshot_models(snapshot).expect("a list").0;
                    for position in 0..models.len() {
                        let pointer = snapshot_user_data(snapshot, position).expect("a pointer");
                        // SAFETY: witnesses live as long as the process; the snapshot holds this one's model.
                        let held = unsafe { &*std::ptr::with_exposed_provenance::<Witness>(pointer) };
                        assert_eq!(held.runs(), 0, "what a snapshot holds is not destroyed");
                    }
                    free_snapshot(snapshot).expect("free");
                }
                _ => {}
            }
        }
        true
    });
    drop(registry);
    assert!(witnesses.iter().flatten().all(|witness| witness.runs() == 1), "each exactly once");
}

/// A destroyed registry's calls fail as stale, and in no other way.
fn fine<T>(result: Result<T>) -> bool {
    match result {
        Ok(_) => true,
        Err(failure) => {
            assert!([STALE_HANDLE, INVALID_ARGUMENT].contains(&failure.code), "{} {}", failure.code, failure.message);
            false
        }
    }
}

#[test]
fn a_registry_is_destroyed_while_others_are_inside_calls() {
    let witnesses = AtomicUsize::new(0);
    for round in 0..150 {
        let registry = Registry::new();
        let (source, app) = (registry.data_source("mysql"), registry.app());
        let (began, owners) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let [mine, of_owners]: [Vec<Vec<&'static Witness>>; 2] =
            [(); 2].map(|()| (0..THREADS).map(|_| (0..40).map(|_| Witness::new()).collect()).collect());
        together(|thread| {
            if thread == 0 {
                let mut waited = 0;
                while began.load(Ordering::Relaxed) < THREADS / 2 {
                    wait(&mut waited);
                }
                return fine(destroy(registry.0));
            }
            began.fetch_add(1, Ordering::Relaxed);
            let mut random = Random::new((round * THREADS + thread) as u64);
            for (witness, of_owner) in mine[thread].iter().zip(&of_owners[thread]) {
                let name = ["User", "Order", "a name that is longer than a slot has room for"][random.below(3)];
                let model = Model { app, ..Model::on(name, source) }.watched(witness).register(registry.0);
                let model = model.unwrap_or(0);
                match random.below(10) {
                    0 => done(fine(models_of(app))),
                    1 => done(fine(names_of(app))),
                    2 => done(fine(models_on(source))),
                    3 => {
                        if let Ok(snapshot) = hold_models(app, ANY, false) {
                            assert_eq!(
                                snapshot_names(snapshot).len(),
                                snapshot_models(snapshot).expect("list").0.len()
                            );
                            free_snapshot(snapshot).expect("a held snapshot outlives the registry");
                        }
                    }
                    4 => done(fine(get(app, ANY, name))),
                    5 => done(fine(find(registry.0, name))),
                    6 if hold(model).is_ok() => {
                        assert_eq!(model_name(model).as_deref(), Ok(name), "a held model outlives the registry");
                        unhold(model).expect("unhold");
                    }
                    7 => done(fine(call!(mreg_registry_clear(registry.0)))),
                    8 => done(fine(invalidate(app))),
                    _ => {
                        owners.fetch_add(1, Ordering::Relaxed);
                        fine(Owner { witness: Some(of_owner), ..Owner::app() }.create(registry.0));
                    }
                }
                witnesses.fetch_add(1, Ordering::Relaxed);
            }
            true
        });
        for owner in [source, app] {
            assert!(!owner_is_valid(owner));
        }
        assert!(mine[1..].iter().flatten().all(|witness| witness.runs() == 1), "each exactly once");
        let runs: Vec<usize> = of_owners.iter().flatten().map(|witness| witness.runs()).collect();
        assert!(runs.iter().all(|runs| *runs <= 1), "each once at most");
        assert_eq!(runs.iter().sum::<usize>(), owners.into_inner(), "no owner is made in a registry that is gone");
    }
    assert!(witnesses.load(Ordering::Relaxed) > 0);
}

#[test]
fn an_owner_is_released_while_others_register_and_ask() {
    for _ in 0..200 {
        let registry = Registry::new();
        let (source, app) = (registry.data_source("mysql"), registry.app());
        together(|thread| {
            for number in 0..30 {
                let name = format!("Model{thread}.{number}");
                match thread {
                    0 if number == 15 => release(app).expect("release"),
                    1 if number == 20 => release(source).expect("release"),
                    0 | 1 => {}
                    2..=4 => done(fine(Model { app, ..Model::on(&name, source) }.register(registry.0))),
                    _ => {
                        fine(models_of(app));
                        fine(names_of(app));
                        fine(models_on(source));
                        fine(hold_models(source, ANY, true).and_then(free_snapshot));
                    }
                }
            }
            true
        });
        let stats = stats(registry.0);
        assert_eq!((stats.models, stats.owners), (0, 0), "nothing stays of what was registered too late");
    }
}

/// A writer keeps the list in a state that a reader can check: names carry the round, and all are of one round or the
/// list is a beginning of the next.
fn readers_against_a_writer(length: usize, rounds: u64) {
    let registry = Registry::new();
    let app = registry.app();
    let (finished, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let name = |round: u64, at: usize| format!("r{round:06}.{at} {}", "x".repeat(at % 3 * 12));
    let round_of = |name: &str| name[1..7].parse::<u64>().expect("a round");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=rounds {
                registry.clear();
                for at in 0..length {
                    Model::of(&name(round, at), app).add(&registry);
                }
                finished.store(round, Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
        });
        for reader in 0..3 {
            let (finished, done, name, round_of) = (&finished, &done, &name, &round_of);
            scope.spawn(move || {
                let mut asked = 0_u64;
                let mut last = 0;
                while !done.load(Ordering::SeqCst) || asked < 100 {
                    asked += 1;
                    let known = finished.load(Ordering::SeqCst);
                    let names = match reader {
                        0 => names_of(app).expect("names"),
                        1 => {
                            let snapshot = hold_models(app, ANY, false).expect("a snapshot");
                            let names = snapshot_names(snapshot);
                            free_snapshot(snapshot).expect("free");
                            names
                        }
                        _ => {
                            let models = models_of(app).expect("a list");
                            let names: Vec<_> = models.iter().map_while(|model| model_name(*model).ok()).collect();
                            // The writer may have cleared between the two questions.
                            names
                        }
                    };
                    let Some(first) = names.first() else { continue };
                    let round = round_of(first);
                    assert!(round >= known, "round {round} is older than {known}, which had finished");
                    assert!(round >= last, "round {round} after {last}");
                    last = round;
                    for (at, found) in names.iter().enumerate() {
                        assert_eq!(*found, name(round, at), "the list is of one round, in its order");
                    }
                    assert!(names.len() <= length);
                }
            });
        }
    });
    assert_eq!(names_of(app).expect("names").len(), length);
}

#[test]
fn no_reader_sees_a_torn_or_stale_short_list() {
    readers_against_a_writer(7, 4_000);
}

#[test]
fn no_reader_sees_a_torn_or_stale_long_list() {
    readers_against_a_writer(60, 600);
}

#[test]
fn a_name_that_is_there_all_the_time_is_always_found() {
    let registry = Registry::new();
    let (app, other) = (registry.app(), registry.app());
    let stays = Model::of("Stays for all the time", app).add(&registry);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..20_000_u32 {
                let owner = if number % 2 == 0 { app } else { other };
                let name = format!("Model {} {}", number % 37, "long ".repeat(number as usize % 5));
                let model = Model::of(&name, owner).add(&registry);
                if number % 3 != 0 {
                    unregister(model).expect("unregister");
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    assert_eq!(get(app, ANY, "Stays for all the time"), Ok(stays));
                    assert_eq!(has(other, ANY, "Stays for all the time"), Ok(false));
                    assert_eq!(get(app, ANY, "Never there"), Ok(0));
                    assert_eq!(models_of(app).expect("a list").first(), Some(&stays));
                }
            });
        }
    });
}

#[test]
fn unchanged_words_mean_an_unchanged_answer_while_others_write() {
    let registry = Registry::new();
    let app = registry.app();
    let (words, done, counter) = (Words::of(app), AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..10_000_u64 {
                if number % 50 == 49 {
                    registry.clear();
                }
                // What is announced before is at least as old as what the list has.
                let model = Model { user_data: number as usize + 1, ..Model::of("User", app) }.add(&registry);
                assert!(model_is_valid(model));
                counter.store(number + 1, Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
        });
        for _ in 0..3 {
            scope.spawn(|| {
                let mut cached = stamped(app, ANY, false).expect("a list");
                let mut newest = 0;
                while !done.load(Ordering::SeqCst) {
                    let finished = counter.load(Ordering::SeqCst);
                    if words.read() != (cached.1.owner_word, cached.1.registry_word) {
                        cached = stamped(app, ANY, false).expect("a list");
                        newest = 0;
                        if let Some(model) = cached.0.first()
                            && hold(*model).is_ok()
                        {
                            newest = model_user_data(*model).expect("a number") as u64;
                            unhold(*model).expect("unhold");
                            assert!(newest >= finished, "{newest} is older than {finished}, which had finished");
                        }
                    } else if newest != 0 {
                        assert!(newest >= finished, "the words are as they were, and {finished} had finished");
                    }
                }
            });
        }
    });
}

#[test]
fn registries_are_made_and_destroyed_by_many_threads() {
    together(|thread| {
        for round in 0..300 {
            let registry = Registry::new();
            let app = registry.app();
            let name = format!("Model{thread}.{round}");
            let model = Model::of(&name, app).add(&registry);
            assert_eq!(find(registry.0, &name), Ok(model));
            assert_eq!(names_of(app), Ok(vec![name]));
            destroy(registry.0).expect("destroy");
            assert_eq!(code(model_name(model)), STALE_HANDLE);
            std::mem::forget(registry);
        }
        true
    });
}

#[test]
fn a_thread_that_ends_between_two_calls_leaves_no_lock() {
    let registry = Registry::new();
    let app = registry.app();
    for round in 0..200 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                Model::of(&format!("Model{round}"), app).add(&registry);
                models_of(app).expect("a list");
                let snapshot = hold_models(app, ANY, false).expect("a snapshot");
                // Freed by another thread than the one that took it.
                std::thread::spawn(move || free_snapshot(snapshot)).join().expect("a thread").expect("free");
            });
        });
        assert_eq!(models_of(app).expect("a list").len(), round + 1);
    }
}

fn ignore<T>(_: T) {}

/// What a writer does to models of one name and one structure in `global` and in two tenants, in rounds.
fn searches_against_a_writer(rounds: u32) {
    let registry = Registry::new();
    let own = schema(r#"{"name": "Own", "base": "Model", "properties": {"a": "string"}}"#);
    let common = schema(r#"{"name": "Common", "base": "Model", "properties": {"b": ["number"]}}"#);
    let stays = Model { schema: own, ..Model::tenant("Stays", "south") }.add(&registry);
    let search = |schema: u64, tenant: &str| {
        find_structure(registry.0, Search { schema, tenant, ..Search::default() }).expect("an answer")
    };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..rounds {
                // As many other names that the tables grow and shrink meanwhile.
                let name = format!("Another {}", round % 97);
                let other = Model { schema: common, ..Model::tenant(&name, "north") }.add(&registry);
                let [north, west] = ["north", "west"]
                    .map(|tenant| Model { schema: common, ..Model::tenant("Common", tenant) }.add(&registry));
                match round % 5 {
                    0 => ignore(unregister(other)),
                    1 => ignore(drop_tenant(registry.0, "north", 0)),
                    2 => ignore((unregister(north), unregister(west))),
                    3 => move_to(west, 0, 0, "east").expect("move"),
                    _ => ignore((drop_tenant(registry.0, "west", 0), drop_tenant(registry.0, "east", 0))),
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    assert_eq!(find(registry.0, "Stays"), Ok(stays));
                    assert_eq!(find_in(registry.0, "south", "Stays"), Ok(stays));
                    assert_eq!(find_in(registry.0, "north", "Stays"), Ok(0));
                    assert_eq!(find(registry.0, "Never there"), Ok(0));
                    assert_eq!((search(own, ""), search(own, "south")), (stays, stays));
                    assert_eq!(search(own, "north"), 0, "tenants never share");
                    assert_eq!(search(common, "south"), 0);
                    // What is found is what was asked for, whatever became of it meanwhile.
                    for found in [find(registry.0, "Common"), find_in(registry.0, "west", "Common")] {
                        if let Ok(found) = found
                            && found != 0
                            && let Ok(name) = model_name(found)
                        {
                            assert_eq!(name, "Common");
                        }
                    }
                    let found = search(common, "");
                    if let Ok(tenant) = model_tenant(found) {
                        assert!(["north", "west", "east"].contains(&&*tenant), "{tenant}");
                    }
                }
            });
        }
    });
    for schema in [own, common] {
        free_schema(schema).expect("free");
    }
}

#[test]
fn what_is_there_all_the_time_is_found_by_name_and_by_structure_while_others_come_and_go() {
    searches_against_a_writer(if cfg!(miri) { 40 } else { 20_000 });
}

#[test]
fn who_sees_the_model_that_took_a_place_sees_that_the_one_before_is_stale() {
    let registry = Registry::new();
    let source = registry.data_source("memory");
    let done = AtomicBool::new(false);
    Model::on("User", source).add(&registry);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (0..50_000).for_each(|_| ignore(Model::on("User", source).add(&registry)));
            done.store(true, Ordering::SeqCst);
        });
        let mut before = get(source, ANY, "User").expect("an answer");
        while !done.load(Ordering::SeqCst) {
            let user = get(source, ANY, "User").expect("an answer");
            assert!(user == before || !model_is_valid(before), "the model has been replaced");
            before = user;
        }
    });
}

#[test]
fn who_sees_that_an_owner_is_gone_finds_none_of_its_models() {
    let registry = Registry::new();
    let rounds: Vec<[AtomicU64; 2]> = (0..20_000).map(|_| [const { AtomicU64::new(0) }; 2]).collect();
    let begun = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (number, [owner, model]) in rounds.iter().enumerate() {
                let app = registry.app();
                model.store(Model::of("User", app).add(&registry), Ordering::SeqCst);
                owner.store(app, Ordering::SeqCst);
                begun.store(number, Ordering::SeqCst);
                release(app).expect("release");
            }
            begun.store(rounds.len(), Ordering::SeqCst);
        });
        while let Some([owner, model]) = rounds.get(begun.load(Ordering::SeqCst)) {
            let owner = owner.load(Ordering::SeqCst);
            if owner != 0 && !owner_is_valid(owner) {
                assert_ne!(find(registry.0, "User"), Ok(model.load(Ordering::SeqCst)), "its owner has gone");
            }
        }
    });
}

#[test]
fn who_sees_a_model_among_its_owners_finds_it_by_name_and_by_structure() {
    let registry = Registry::new();
    let schema = schema(r#"{"name": "One", "properties": {"a": "string"}}"#);
    let (app, other) = (registry.app(), registry.app());
    // So that the name and the schema are known all the time.
    Model { schema, ..Model::of("User", other) }.add(&registry);
    let tenant = owner_tenant(app).expect("a label");
    let seen = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=if cfg!(miri) { 20 } else { 5_000 } {
                let model = Model { schema, ..Model::of("User", app) }.add(&registry);
                let mut waited = 0;
                while seen.load(Ordering::SeqCst) < round {
                    wait(&mut waited);
                }
                unregister(model).expect("unregister");
            }
            seen.store(usize::MAX, Ordering::SeqCst);
        });
        let (mut last, mut round, mut missed, mut waited) = (0, 0, 0, 0);
        while seen.load(Ordering::SeqCst) != usize::MAX {
            let model = get(app, ANY, "User").expect("an answer");
            if model == 0 || model == last {
                wait(&mut waited);
                continue;
            }
            waited = 0;
            let alike = find_structure(registry.0, Search { schema, tenant: &tenant, ..Search::default() });
            let named = find_in(registry.0, &tenant, "User");
            // It is there until the writer goes on.
            missed += usize::from((alike, named) != (Ok(model), Ok(model)));
            (last, round) = (model, round + 1);
            seen.store(round, Ordering::SeqCst);
        }
        assert_eq!(missed, 0);
    });
}
