//! All that can be asked of a registry, as a text that can be compared with that of another moment.

use std::fmt::Write as _;

use super::*;

/// What a registry holds: its counts, its tenants with their models, and everything about each of these owners and models.
/// Counters of the cache and idle times are left out: asking moves them. So are bytes: room that a call made before it
/// failed stays.
pub fn state_of(registry: u64, owners: &[u64], models: &[u64]) -> String {
    let mut state = String::new();
    let now = stats(registry);
    let counts = (now.registered_total, now.reused_total, now.unique_structures, now.tenants);
    writeln!(state, "{counts:?} {:?}", (now.models, now.owners, now.generation)).expect("a text grows");
    for code in tenant_codes(registry) {
        let (tenant, models) = (tenant(registry, &code), models_in(registry, &code));
        let tenant = tenant.expect("a tenant").map(|tenant| (tenant.models, tenant.structures));
        writeln!(state, "{code} {tenant:?} {models:x?}").expect("a text grows");
    }
    writeln!(state, "{:x?}", all_models(registry)).expect("a text grows");
    for owner in owners {
        let texts = (owner_kind(*owner), owner_name(*owner), owner_tenant(*owner));
        writeln!(state, "{owner:x} {:x?} {:x?} {:?}", models_of(*owner), models_on(*owner), names_of(*owner))
            .expect("a text grows");
        writeln!(state, "{texts:?}").expect("a text grows");
    }
    for model in models {
        let texts = (model_name(*model), model_settings(*model), model_tenant(*model));
        let numbers = (model_user_data(*model), model_registered_at(*model), model_owners(*model));
        writeln!(state, "{model:x} {texts:?} {numbers:x?}").expect("a text grows");
        if let Ok(name) = texts.0 {
            writeln!(state, "{:x?}", find(registry, &name)).expect("a text grows");
        }
    }
    state
}
