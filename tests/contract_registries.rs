//! Many registries: alive at once, and made and destroyed without an end.

mod support_c_api;

use support_c_api::*;

/// What one registry of many had.
struct Old {
    registry: u64,
    owner: u64,
    model: u64,
}

fn used() -> (Registry, Old) {
    let registry = Registry::new();
    let owner = registry.app();
    let model = Model::of("User", owner).add(&registry);
    let old = Old { registry: registry.0, owner, model };
    (registry, old)
}

fn is_stale(old: &Old) {
    assert_eq!(code(generation(old.registry)), STALE_HANDLE);
    assert_eq!(code(destroy(old.registry)), STALE_HANDLE);
    assert_eq!(code(models_of(old.owner)), STALE_HANDLE);
    assert_eq!(code(model_name(old.model)), STALE_HANDLE);
    assert!(!owner_is_valid(old.owner) && !model_is_valid(old.model));
}

#[test]
fn four_thousand_and_ninety_six_registries_alive_at_once_and_more_until_all_numbers_are_used() {
    let mut alive = Vec::new();
    for _ in 0..4096 {
        alive.push(used());
    }
    for (registry, old) in &alive {
        assert_eq!(models_of(old.owner), Ok(vec![old.model]));
        assert_eq!(stats(registry.0).models, 1);
    }
    let foreign = &alive[1].1;
    assert_eq!(code(Model::of("User", foreign.owner).register(alive[0].0.0)), FOREIGN_HANDLE);
    let full = loop {
        let mut registry = u64::MAX;
        match call!(mreg_registry_create(std::ptr::null(), &mut registry)) {
            Ok(()) => alive.push((Registry(registry), Old { registry, owner: 0, model: 0 })),
            Err(failure) => {
                assert_eq!(registry, 0);
                break failure;
            }
        }
    };
    assert_eq!(full.code, FULL);
    assert!(alive.len() <= 8191, "{}", alive.len());
    let (registry, old) = alive.swap_remove(7);
    drop(registry);
    is_stale(&old);
    let again = Registry::new();
    assert_ne!(again.0, old.registry);
    is_stale(&old);
    let mut gone = Vec::new();
    for (registry, old) in alive {
        drop(registry);
        if old.owner != 0 {
            gone.push(old);
        }
    }
    gone.iter().for_each(is_stale);
    endless(gone);
}

/// No limit to registries made and destroyed: what one of them had is never another's.
fn endless(mut gone: Vec<Old>) {
    for round in 0..10_000 {
        let (registry, old) = used();
        assert_eq!(models_of(old.owner), Ok(vec![old.model]));
        let stats = stats(registry.0);
        assert_eq!((stats.models, stats.owners, stats.registered_total, stats.generation), (1, 1, 1, 1));
        let sample = &gone[round % gone.len()];
        assert!(sample.registry != old.registry && sample.owner != old.owner && sample.model != old.model);
        is_stale(sample);
        drop(registry);
        is_stale(&old);
        if round % 50 == 0 {
            gone.push(old);
        }
    }
    gone.iter().for_each(is_stale);
}
