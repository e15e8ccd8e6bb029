//! Many questions in one call: what single calls would answer, whatever the other questions are.

mod support_c_api;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use modelreg::capi::{mreg_stamp, mreg_text};
use support_c_api::*;

/// A list that does not lie in its owner's own place.
const LONG: usize = if cfg!(miri) { 20 } else { 1000 };
/// How many owners are asked about in one call: more than are on their way together, where there is time for it.
const ASKED: usize = if cfg!(miri) { 19 } else { 71 };

/// By how many the numbers of owners differ that are asked about.
const STEP: usize = if cfg!(miri) { 7 } else { 1 };

/// Owners with 0, 1, 9, 10, 11, 12 and many models, in an order that is none, each more than once.
fn mixed(registry: &Registry) -> Vec<u64> {
    let owners: Vec<u64> = [0, 1, 9, 10, 11, 12, LONG].map(|count| owner_of(registry, count)).to_vec();
    (0..ASKED).map(|at| owners[at * 5 % owners.len()]).collect()
}

fn owner_of(registry: &Registry, models: usize) -> u64 {
    let owner = registry.app();
    for number in 0..models {
        Model::of(&name(number), owner).add(registry);
    }
    owner
}

/// Names of every length up to one that no place of its own would hold.
fn name(number: usize) -> String {
    format!("{}{number}", "N".repeat(1 + number % 40))
}

fn texts(names: &[String]) -> Vec<mreg_text> {
    names.iter().map(|name| text(name)).collect()
}

/// What a call for many has to say of these owners, by single calls.
#[track_caller]
fn check_lists(owners: &[u64], kind: u32) {
    let lists = models_many(owners, kind, owners.len() * LONG);
    let single: Vec<_> = owners.iter().map(|owner| stamped(*owner, kind, false)).collect();
    let expected: Vec<Vec<u64>> =
        single.iter().map(|answer| answer.as_ref().map_or_else(|_| Vec::new(), |(list, _)| list.clone())).collect();
    assert_eq!(lists.split(), expected, "one list after the other, in the order of the owners");
    for (at, answer) in single.into_iter().enumerate() {
        let nothing = Stamp { stamp: 0, owner_word: 0, registry_word: 0 };
        let (stamp, status) = answer.map_or_else(|failure| (nothing, failure.code), |(_, stamp)| (stamp, OK));
        assert_eq!((lists.stamps[at], lists.statuses[at]), (stamp, status), "owner {at}");
    }
}

#[track_caller]
fn check_found(owners: &[u64], kind: u32, names: &[String]) {
    let found = get_many(owners, kind, &texts(names)).expect("answers");
    let count = owners.len().max(names.len());
    assert_eq!(found.len(), count);
    for (at, found) in found.into_iter().enumerate() {
        let single = get(owners[at % owners.len()], kind, &names[at % names.len()]);
        let expected = single.map_or_else(|failure| (0, failure.code), |model| (model, OK));
        assert_eq!(found, expected, "question {at}");
    }
}

#[test]
fn many_lists_are_those_of_single_calls() {
    let registry = Registry::new();
    let owners = mixed(&registry);
    check_lists(&owners, ANY);
    // As many as fill no group of those that are on their way together, one, and several.
    for asked in (0..owners.len()).step_by(STEP) {
        check_lists(&owners[..asked], ANY);
    }
}

#[test]
fn lists_of_another_kind_are_empty_and_those_of_several_registries_stand_side_by_side() {
    let (registry, other) = (Registry::new(), Registry::new());
    let source = registry.data_source("mysql");
    Model::on("User", source).add(&registry);
    let owners = [source, owner_of(&registry, 2), owner_of(&other, 3), source, owner_of(&other, 11)];
    for kind in [ANY, DATA_SOURCE, APP, 4711] {
        check_lists(&owners, kind);
    }
    assert_eq!(models_many(&owners, ANY, 0).counts, [1, 2, 3, 1, 11]);
    assert_eq!(models_many(&owners, DATA_SOURCE, 0).counts, [1, 0, 0, 1, 0]);
}

#[test]
fn with_too_little_room_the_numbers_are_right_and_nothing_is_written_past_it() {
    let registry = Registry::new();
    let owners = mixed(&registry);
    let all = models_many(&owners, ANY, owners.len() * LONG);
    let first_long = all.counts.iter().position(|count| *count == LONG).expect("there is a long list");
    let before: usize = all.counts[..first_long].iter().sum();
    let ends = [0, 1, before, before + LONG / 2, before + LONG, all.count];
    for capacity in ends.iter().flat_map(|end| [end.saturating_sub(1), *end, end + 1]) {
        let some = models_many(&owners, ANY, capacity);
        assert_eq!(some.models, all.models[..capacity.min(all.count)], "as many handles as there is room for");
        assert_eq!((&some.counts, some.count), (&all.counts, all.count));
        assert_eq!((&some.stamps, &some.statuses), (&all.stamps, &all.statuses));
    }
    // Asks for the numbers alone.
    let (mut counts, mut count) = (vec![usize::MAX; owners.len()], 0);
    let (asked, each, null) = (owners.len(), counts.as_mut_ptr(), std::ptr::null_mut());
    let (stamps, statuses) = (std::ptr::null_mut::<mreg_stamp>(), std::ptr::null_mut());
    call!(mreg_owner_models_many(owners.as_ptr(), asked, ANY, null, 0, each, stamps, statuses, &mut count))
        .expect("numbers");
    assert_eq!((counts, count), (all.counts, all.count));
}

/// Handles that are no owner's, with their statuses.
fn wrong(registry: &Registry) -> [(u64, i32); 6] {
    let gone = owner_of(registry, 3);
    release(gone).expect("release");
    let destroyed = Registry::new();
    let late = owner_of(&destroyed, 3);
    drop(destroyed);
    let good = registry.app();
    // A number that no registry here has.
    let foreign = good & !(0x1FFF << 47) | (((good >> 47 & 0x1FFF) + 4000) % 8191 + 1) << 47;
    [
        (0, NULL_HANDLE),
        (gone, STALE_HANDLE),
        (late, STALE_HANDLE),
        (registry.0, WRONG_HANDLE_TYPE),
        (u64::MAX, FORGED_HANDLE),
        (foreign, FOREIGN_HANDLE),
    ]
}

#[test]
fn a_wrong_handle_spoils_no_other_answer() {
    let registry = Registry::new();
    let mut owners = mixed(&registry);
    for (at, (handle, status)) in wrong(&registry).into_iter().enumerate() {
        assert_eq!(code(models_of(handle)), status);
        owners.insert(1 + at * 4, handle);
        owners.push(handle);
    }
    check_lists(&owners, ANY);
    let names: Vec<String> = (0..owners.len()).map(|at| name(at % 12)).collect();
    check_found(&owners, ANY, &names);
    check_found(&owners, APP, &[name(0)]);
    // Who does not want the statuses gets the same numbers.
    let lists = models_many(&owners, ANY, 0);
    let (mut counts, mut count) = (vec![usize::MAX; owners.len()], 0);
    let (asked, each, null) = (owners.len(), counts.as_mut_ptr(), std::ptr::null_mut());
    let (stamps, statuses) = (std::ptr::null_mut::<mreg_stamp>(), std::ptr::null_mut());
    call!(mreg_owner_models_many(owners.as_ptr(), asked, ANY, null, 0, each, stamps, statuses, &mut count))
        .expect("numbers");
    assert_eq!((counts, count), (lists.counts, lists.count));
    let mut models = vec![u64::MAX; asked];
    let texts = texts(&names);
    call!(mreg_owner_get_many(owners.as_ptr(), asked, ANY, texts.as_ptr(), asked, models.as_mut_ptr(), statuses))
        .expect("answers");
    let found = get_many(&owners, ANY, &texts).expect("answers");
    assert!(models.into_iter().eq(found.into_iter().map(|(model, _)| model)));
}

#[test]
fn lists_that_have_to_be_built_are_built_and_counted_as_by_single_calls() {
    let registry = Registry::new();
    let owners: Vec<u64> = (0..20).map(|at| owner_of(&registry, at)).collect();
    let before = stats(registry.0);
    let first = models_many(&owners, ANY, 1000);
    let built = stats(registry.0);
    assert_eq!((built.cache_misses - before.cache_misses, built.cache_hits - before.cache_hits), (20, 0));
    assert_eq!(first, models_many(&owners, ANY, 1000), "the same lists, under the same stamps");
    let again = stats(registry.0);
    assert_eq!((again.cache_misses - built.cache_misses, again.cache_hits - built.cache_hits), (0, 20));
    // One in the middle was changed: only that one has a new stamp.
    invalidate(owners[9]).expect("invalidate");
    let last = Model::of("Last", owners[12]).add(&registry);
    unregister(first.split()[15][7]).expect("unregister");
    let now = models_many(&owners, ANY, 1000);
    for at in 0..owners.len() {
        let changed = [9, 12, 15].contains(&at);
        assert_eq!(now.stamps[at].stamp != first.stamps[at].stamp, changed, "owner {at}");
    }
    assert_eq!(now.split()[12].last(), Some(&last));
    assert_eq!(now.counts[15], 14);
    check_lists(&owners, ANY);
    registry.clear();
    assert_eq!(models_many(&owners, ANY, 1000).counts, [0; 20], "nothing of before a clear");
    check_lists(&owners, ANY);
}

#[test]
fn many_names_are_found_as_by_single_calls() {
    let (registry, other) = (Registry::new(), Registry::new());
    let mut owners = mixed(&registry);
    owners.extend(mixed(&other));
    let names: Vec<String> = (0..owners.len()).map(|at| name(at * 7 % 13)).collect();
    for asked in (0..owners.len()).step_by(STEP) {
        check_found(&owners[..asked], ANY, &names[..asked]);
    }
    for kind in [APP, DATA_SOURCE] {
        check_found(&owners, kind, &names);
    }
    // One owner, or one name, for all: also for more than are on their way together.
    let all: Vec<String> = (0..LONG + 20).map(name).collect();
    for owner in &owners[..7] {
        check_found(&[*owner], ANY, &all);
    }
    for number in [0, 8, 11, LONG - 1, LONG] {
        check_found(&owners, ANY, &[name(number)]);
    }
    check_found(&owners[..1], ANY, &[name(0)]);
    let before = stats(registry.0);
    check_found(&owners, ANY, &names);
    let after = stats(registry.0);
    assert_eq!((before.cache_hits, before.cache_misses), (after.cache_hits, after.cache_misses), "counted as no list");
    // Before a list is built, and after what it held is gone.
    let owner = owner_of(&registry, 12);
    check_found(&[owner], ANY, &all);
    registry.clear();
    check_found(&owners, ANY, &names);
    assert!(get_many(&owners[..7], ANY, &[text(&name(0))]).expect("answers").iter().all(|answer| *answer == (0, OK)));
    let model = Model::of(&name(3), owner).add(&registry);
    assert_eq!(get_many(&[owner], ANY, &texts(&all[2..5])), Ok(vec![(0, OK), (model, OK), (0, OK)]));
}

#[test]
fn names_at_one_address_are_told_apart_by_their_length_and_by_the_registry() {
    let registries = [Registry::new(), Registry::new()];
    // In the other order, so that the same name has another number.
    let orders = [[1, 2, 3], [3, 1, 2]];
    let whole = "NNNN";
    let owners: Vec<u64> = (0..ASKED)
        .map(|at| {
            let (registry, order) = (&registries[at % 2], orders[at % 2]);
            let owner = registry.app();
            for length in order {
                Model::of(&whole[..length], owner).add(registry);
            }
            owner
        })
        .collect();
    for step in 1..5 {
        let lengths: Vec<usize> = (0..ASKED).map(|at| 1 + at / 2 * step % 4).collect();
        let names: Vec<mreg_text> = lengths.iter().map(|length| text(&whole[..*length])).collect();
        let expected = owners.iter().zip(&lengths).map(|(owner, length)| get(*owner, ANY, &whole[..*length]));
        let expected: Vec<(u64, i32)> = expected.map(|model| (model.expect("an answer"), OK)).collect();
        assert_eq!(get_many(&owners, ANY, &names), Ok(expected));
    }
}

/// So many names that they do not lie in the nearest caches: what is asked about them takes more steps.
#[test]
fn questions_about_few_names_and_about_many_spoil_each_other_no_answer() {
    const OWNERS: usize = if cfg!(miri) { 2 } else { 500 };
    let (few, many) = (Registry::new(), Registry::new());
    let small = owner_of(&few, 5);
    let large: Vec<u64> = (0..OWNERS).map(|_| many.app()).collect();
    let name_in = |at: usize, number: usize| format!("Model {number} of owner {at}");
    for (at, owner) in large.iter().enumerate() {
        for number in 0..10 {
            Model::of(&name_in(at, number), *owner).add(&many);
        }
    }
    for first in (0..=ASKED).step_by(STEP) {
        let of = |at: usize| {
            if at < first { (small, name(at % 6)) } else { (large[at % OWNERS], name_in(at % OWNERS, at % 11)) }
        };
        let (owners, names): (Vec<u64>, Vec<String>) = (0..ASKED).map(of).unzip();
        check_found(&owners, ANY, &names);
    }
}

#[test]
fn one_long_list_among_short_ones_spoils_no_answer() {
    let registry = Registry::new();
    let (few, many) = (owner_of(&registry, 5), owner_of(&registry, 11));
    let names: Vec<String> = (0..ASKED).map(|at| name(at % 12)).collect();
    for at in (0..ASKED).step_by(STEP) {
        let mut owners = vec![few; ASKED];
        owners[at] = many;
        check_lists(&owners, ANY);
        check_found(&owners, ANY, &names);
    }
}

#[test]
fn a_name_that_cannot_be_one_spoils_no_other_answer() {
    let registry = Registry::new();
    let owner = registry.app();
    let model = Model::of("User", owner).add(&registry);
    let user = text("User");
    let null = mreg_text { data: std::ptr::null(), length: 3 };
    let long = mreg_text { length: (64 << 20) + 1, ..user };
    let broken = mreg_text { data: b"Us\xFFr".as_ptr().cast(), length: 4 };
    let empty = mreg_text { data: std::ptr::null(), length: 0 };
    let ended = mreg_text { data: c"User".as_ptr(), length: usize::MAX };
    let names = [user, null, user, long, broken, empty, ended, text("Use"), user];
    let (found, nothing) = ((model, OK), |status| (0, status));
    let expected = [
        found,
        nothing(NULL_POINTER),
        found,
        nothing(TOO_LONG),
        nothing(INVALID_UTF8),
        nothing(OK),
        found,
        nothing(OK),
        found,
    ];
    assert_eq!(get_many(&[owner], ANY, &names), Ok(expected.to_vec()));
    assert_eq!(get_many(&[owner; 3], ANY, &[broken]), Ok(vec![nothing(INVALID_UTF8); 3]));
    // What is wrong with the owner is not hidden by the name, where the name can be read.
    assert_eq!(get_many(&[0, owner], ANY, &[broken, user]), Ok(vec![nothing(NULL_HANDLE), found]));
}

#[test]
fn as_many_names_as_owners_or_one_of_either() {
    let registry = Registry::new();
    let owner = registry.app();
    let user = text("User");
    for (owners, names) in [(2, 3), (3, 2), (0, 2), (2, 0)] {
        let failure = get_many(&vec![owner; owners], ANY, &vec![user; names]).expect_err("the numbers do not fit");
        assert_eq!((failure.code, failure.name.as_str()), (INVALID_ARGUMENT, "name_count"), "{owners} and {names}");
    }
    for (owners, names, asked) in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 1), (1, 3, 3), (3, 1, 3), (3, 3, 3)] {
        let answers = get_many(&vec![owner; owners], ANY, &vec![user; names]).expect("the numbers fit");
        assert_eq!(answers.len(), asked, "{owners} and {names}");
    }
}

#[test]
fn a_call_that_fails_writes_nothing_but_its_number() {
    let registry = Registry::new();
    let owners = [owner_of(&registry, 2); 2];
    let (mut models, mut counts, mut statuses, mut count) = ([7; 4], [7; 2], [7; 2], 7);
    let absurd = usize::MAX / 4;
    let (room, each, status) = (models.as_mut_ptr(), counts.as_mut_ptr(), statuses.as_mut_ptr());
    let no_stamps = std::ptr::null_mut::<mreg_stamp>();
    let odd = status.cast::<u8>().wrapping_add(1).cast();
    let failures = [
        call!(mreg_owner_models_many(owners.as_ptr(), absurd, ANY, room, 4, each, no_stamps, status, &mut count)),
        call!(mreg_owner_models_many(owners.as_ptr(), 2, ANY, room, absurd, each, no_stamps, status, &mut count)),
        call!(mreg_owner_models_many(owners.as_ptr(), 2, ANY, room, 4, each, no_stamps, odd, &mut count)),
        call!(mreg_owner_get_many(owners.as_ptr(), absurd, ANY, &text("User"), 1, room, status)),
        call!(mreg_owner_get_many(owners.as_ptr(), 2, ANY, &text("User"), 1, room, odd)),
    ];
    assert_eq!(failures.map(code), [TOO_LONG, TOO_LONG, UNALIGNED_POINTER, TOO_LONG, UNALIGNED_POINTER]);
    assert_eq!((models, counts, statuses, count), ([7; 4], [7; 2], [7; 2], 0));
}

/// A writer that never pauses: under one stamp there is one list, whoever reads it and how.
#[test]
fn beside_a_writer_each_list_is_of_one_moment() {
    const CHANGES: usize = if cfg!(miri) { 30 } else { 20_000 };
    let registry = Registry::new();
    let (changed, steady) = (owner_of(&registry, 14), owner_of(&registry, 12));
    let owners = [steady, changed, changed, steady, changed, steady, changed, changed, steady];
    let unchanged = models_of(steady).expect("a list");
    let done = AtomicBool::new(false);
    let (written, read) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen: HashMap<u64, Vec<u64>> = HashMap::new();
            while !done.load(Ordering::Relaxed) {
                let lists = models_many(&owners, ANY, 1000);
                for (at, list) in lists.split().into_iter().enumerate() {
                    if owners[at] == steady {
                        assert_eq!(list, unchanged, "what nobody changes stays");
                    } else {
                        let known = seen.entry(lists.stamps[at].stamp).or_insert_with(|| list.clone());
                        assert_eq!(*known, list, "one list under one stamp");
                    }
                }
            }
            seen
        });
        let mut written: HashMap<u64, Vec<u64>> = HashMap::new();
        for change in 0..CHANGES {
            let model = Model::of(&name(change % 16), changed).add(&registry);
            if change % 16 > 13 {
                unregister(model).expect("unregister");
            }
            let (list, stamp) = stamped(changed, ANY, false).expect("a list");
            written.insert(stamp.stamp, list);
        }
        done.store(true, Ordering::Relaxed);
        (written, reader.join().expect("the reader ends well"))
    });
    let common = read.iter().filter(|(stamp, _)| written.contains_key(stamp)).count();
    assert!(common > 0 || cfg!(miri), "the reader read what the writer wrote");
    for (stamp, list) in read {
        assert!(list.len() >= 14 && !list.contains(&0), "{list:?}");
        assert!(written.get(&stamp).is_none_or(|known| *known == list), "one list under one stamp");
    }
}

#[test]
fn beside_a_writer_what_stays_is_found_and_what_is_found_was_there() {
    const CHANGES: usize = if cfg!(miri) { 30 } else { 20_000 };
    let registry = Registry::new();
    let owner = registry.app();
    let stays = Model::of("A name that stays where it is", owner).add(&registry);
    // The last two are never there together, so that one's number becomes the other's.
    let comes = ["A name that comes and goes away", "Another that comes then and goes"];
    let names = ["A name that stays where it is", "Replaced", comes[0], comes[1]].map(text);
    let names: Vec<mreg_text> = (0..ASKED).map(|at| names[at % 4]).collect();
    let first = Model::of("Replaced", owner).add(&registry);
    let done = AtomicBool::new(false);
    // Pointers are no numbers to a thread.
    let names = SharedTexts(names);
    let (mut made, found) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut found = HashSet::new();
            let names = &names;
            while !done.load(Ordering::Relaxed) {
                for (at, answer) in get_many(&[owner], ANY, &names.0).expect("answers").into_iter().enumerate() {
                    match at % 4 {
                        0 => assert_eq!(answer, (stays, OK)),
                        1 => assert_ne!(answer.0, 0, "one takes the other's place at once"),
                        _ => {}
                    }
                    found.insert((at % 4, answer.0));
                }
            }
            found
        });
        let mut made = HashSet::from([(0, stays), (1, first), (2, 0), (3, 0)]);
        for _ in 0..CHANGES {
            made.insert((1, Model::of("Replaced", owner).add(&registry)));
            for (at, name) in (2..).zip(comes) {
                let model = Model::of(name, owner).add(&registry);
                made.insert((at, model));
                unregister(model).expect("unregister");
            }
        }
        done.store(true, Ordering::Relaxed);
        (made, reader.join().expect("the reader ends well"))
    });
    made.retain(|answer| found.contains(answer));
    assert_eq!(made.len(), found.len(), "nothing is found that was not registered under that name");
}

struct SharedTexts(Vec<mreg_text>);
// SAFETY: the texts are constants, which any thread may read.
unsafe impl Sync for SharedTexts {}
