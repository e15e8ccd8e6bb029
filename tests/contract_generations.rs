//! A slot whose generations are used up is retired: nothing stale is ever accepted.
//!
//! Runs with the cargo feature `small-generations`, which leaves three bits: seven uses of each slot.

#![cfg(feature = "small-generations")]

mod support_c_api;

use std::collections::HashSet;

use support_c_api::*;

/// The slot in a handle.
fn slot(handle: u64) -> u64 {
    handle >> 22 & 0x1FF_FFFF
}

#[test]
fn no_handle_is_given_out_twice_and_none_is_accepted_again() {
    let registry = Registry::new();
    let one = schema(r#"{"name": "One"}"#);
    let keep = registry.app();
    let mut given: [HashSet<u64>; 4] = Default::default();
    let check = |given: &[HashSet<u64>; 4]| {
        for owner in &given[0] {
            assert!(!owner_is_valid(*owner));
            assert_eq!(code(models_of(*owner)), STALE_HANDLE);
        }
        for model in &given[1] {
            assert!(!model_is_valid(*model));
            assert_eq!(code(model_name(*model)), STALE_HANDLE);
            assert_eq!(code(unregister(*model)), STALE_HANDLE);
        }
        for snapshot in &given[2] {
            assert_eq!(code(snapshot_models(*snapshot)), STALE_HANDLE);
        }
        for schema in &given[3] {
            assert_eq!(code(free_schema(*schema)), STALE_HANDLE);
        }
    };
    for round in 0..300 {
        let owner = registry.app();
        let model = Model { schema: one, ..Model::of("User", owner) }.add(&registry);
        let kept = Model::of("User", keep).add(&registry);
        let snapshot = hold_models(owner, ANY, false).expect("a snapshot");
        let schema = model_schema(model).expect("a schema");
        for (handle, given) in [owner, model, snapshot, schema].into_iter().zip(&mut given) {
            assert!(given.insert(handle), "{handle:#x} was given out before");
        }
        free_snapshot(snapshot).expect("free");
        free_schema(schema).expect("free");
        match round % 4 {
            0 => registry.clear(),
            1 => unregister(model).expect("unregister"),
            _ => {}
        }
        release(owner).expect("release");
        if model_is_valid(kept) && round % 3 == 0 {
            unregister(kept).expect("unregister");
        }
        if round % 30 == 0 {
            check(&given);
        }
    }
    check(&given);
    for given in &given {
        let slots: HashSet<u64> = given.iter().map(|handle| slot(*handle)).collect();
        let most = slots.iter().map(|at| given.iter().filter(|handle| slot(**handle) == *at).count()).max();
        assert!(most.is_some_and(|most| (4..=7).contains(&most)), "a slot has seven uses, and not one more: {most:?}");
        assert!(slots.len() >= given.len() / 7);
    }
    free_schema(one).expect("free");
}

#[test]
fn registries_that_take_turns_accept_nothing_of_one_another() {
    let mut gone: Vec<[u64; 3]> = Vec::new();
    for _ in 0..400 {
        let registry = Registry::new();
        let owner = registry.app();
        let model = Model::of("User", owner).add(&registry);
        assert!(!gone.contains(&[registry.0, owner, model]));
        assert!(gone.iter().all(|old| old[0] != registry.0 && old[1] != owner && old[2] != model));
        for [old_registry, old_owner, old_model] in &gone {
            assert_eq!(code(generation(*old_registry)), STALE_HANDLE);
            assert_eq!(code(models_of(*old_owner)), STALE_HANDLE);
            assert_eq!(code(release(*old_owner)), STALE_HANDLE);
            assert_eq!(code(model_name(*old_model)), STALE_HANDLE);
        }
        gone.push([registry.0, owner, model]);
    }
}

#[test]
fn a_held_model_keeps_its_slot_until_it_goes() {
    let registry = Registry::new();
    let app = registry.app();
    let witness = Witness::new();
    let held = Model::of("Held", app).watched(witness).add(&registry);
    hold(held).expect("hold");
    unregister(held).expect("unregister");
    for _ in 0..100 {
        let model = Model::of("User", app).add(&registry);
        assert_ne!(slot(model), slot(held));
        unregister(model).expect("unregister");
        assert_eq!(model_name(held).as_deref(), Ok("Held"));
    }
    unhold(held).expect("unhold");
    assert_eq!(witness.runs(), 1);
    assert_eq!(code(model_name(held)), STALE_HANDLE);
}

#[test]
fn a_generation_that_was_never_given_out_tells_forged_handles() {
    let registry = Registry::new();
    let app = registry.app();
    let mut given = HashSet::new();
    for _ in 0..7 {
        let model = Model::of("User", app).add(&registry);
        given.insert(model);
        unregister(model).expect("unregister");
    }
    let first = *given.iter().next().expect("a model");
    let statuses: Vec<i32> = (0..8).map(|generation| code(model_name(first & !7 | generation))).collect();
    assert_eq!(statuses.iter().filter(|status| **status == STALE_HANDLE).count(), 7);
    assert_eq!(statuses.iter().filter(|status| **status == FORGED_HANDLE).count(), 1);
}

#[test]
fn of_models_that_take_one_place_after_the_other_none_has_a_handle_that_one_before_had() {
    let registry = Registry::new();
    let app = registry.app();
    let mut before = HashSet::new();
    for _ in 0..100 {
        let model = Model::of("User", app).add(&registry);
        assert!(before.iter().all(|handle| !model_is_valid(*handle)));
        assert!(model_is_valid(model) && before.insert(model));
    }
}
