//! Any handle at any place: null, stale, of another type or registry, with some bits changed, or any bits at all.

use super::*;
use crate::call;
use crate::support_c_api::table::tag_of;
use modelreg::capi::{mreg_change, mreg_due, mreg_load_info, mreg_registry_stats, mreg_sweeper_info};

const REGISTRY: u64 = 1;
const OWNER: u64 = 2;
const MODEL: u64 = 3;
const SCHEMA: u64 = 4;
const SNAPSHOT: u64 = 5;
const LOAD_REPORT: u64 = 6;
const WATCHER: u64 = 7 | 1 << 3;
const QUEUE: u64 = 7 | 2 << 3;
const BUILDER: u64 = 7 | 3 << 3;

/// What a handle that is taken for another type, or for a thing that is gone, is called with.
type Attempt = (u64, bool, fn(u64) -> Result<()>);

/// Functions with the type of their handle, and whether null is nothing to do for them.
const ATTEMPTS: [Attempt; 50] = [
    (REGISTRY, true, destroy),
    (REGISTRY, false, |handle| call!(mreg_registry_clear(handle))),
    (REGISTRY, false, |handle| call!(mreg_registry_reclaim(handle))),
    (REGISTRY, false, |handle| generation(handle).map(drop)),
    (REGISTRY, false, |handle| all_models(handle).map(drop)),
    (REGISTRY, false, |handle| hold_all(handle).map(drop)),
    (REGISTRY, false, |handle| find(handle, "User").map(drop)),
    (REGISTRY, false, |handle| tenant(handle, "north").map(drop)),
    (REGISTRY, false, |handle| models_in(handle, "north").map(drop)),
    (REGISTRY, false, |handle| drop_tenant(handle, "global", 0).map(drop)),
    (REGISTRY, false, |handle| drop_idle(handle, 0).map(drop)),
    (REGISTRY, false, |handle| sweep(handle).map(drop)),
    (REGISTRY, false, |handle| call!(mreg_registry_set_clock(handle, 7))),
    (REGISTRY, false, |handle| Owner::app().create(handle).map(drop)),
    (REGISTRY, false, |handle| Model::new("User").register(handle).map(drop)),
    (REGISTRY, false, |handle| {
        let mut stats = made::<mreg_registry_stats>(capi::mreg_registry_stats_init);
        call!(mreg_registry_get_stats(handle, &mut stats))
    }),
    (REGISTRY, false, |handle| {
        let mut info = made::<mreg_sweeper_info>(capi::mreg_sweeper_info_init);
        call!(mreg_sweeper_get_info(handle, &mut info))
    }),
    (OWNER, true, release),
    (OWNER, false, |handle| owner_kind(handle).map(drop)),
    (OWNER, false, |handle| owner_name(handle).map(drop)),
    (OWNER, false, touch_owner),
    (OWNER, false, invalidate),
    (OWNER, false, |handle| models_of(handle).map(drop)),
    (OWNER, false, |handle| models_on(handle).map(drop)),
    (OWNER, false, |handle| names_of(handle).map(drop)),
    (OWNER, false, |handle| get(handle, ANY, "User").map(drop)),
    (OWNER, false, |handle| has(handle, ANY, "User").map(drop)),
    (OWNER, false, |handle| hold_models(handle, ANY, true).map(drop)),
    (MODEL, true, unregister),
    (MODEL, false, hold),
    (MODEL, true, unhold),
    (MODEL, false, |handle| move_to(handle, 0, 0, "north")),
    (MODEL, false, |handle| model_name(handle).map(drop)),
    (MODEL, false, |handle| model_schema(handle).map(drop)),
    (MODEL, false, |handle| model_owners(handle).map(drop)),
    (MODEL, false, |handle| model_registered_at(handle).map(drop)),
    (SNAPSHOT, true, free_snapshot),
    (SNAPSHOT, false, |handle| snapshot_models(handle).map(drop)),
    (SNAPSHOT, false, |handle| snapshot_user_data(handle, 0).map(drop)),
    (SCHEMA, true, free_schema),
    (SCHEMA, false, |handle| call!(mreg_schema_same_structure(handle, handle, &mut false))),
    (LOAD_REPORT, false, |handle| {
        let mut info = made::<mreg_load_info>(capi::mreg_load_info_init);
        call!(mreg_load_report_get_info(handle, &mut info))
    }),
    (REGISTRY, false, |handle| call!(mreg_watcher_create(handle, std::ptr::null(), &mut 0))),
    (WATCHER, true, |handle| call!(mreg_watcher_free(handle))),
    (WATCHER, false, |handle| {
        let mut change = made::<mreg_change>(capi::mreg_change_init);
        call!(mreg_watcher_poll(handle, &mut change, &mut false))
    }),
    (QUEUE, true, |handle| call!(mreg_queue_free(handle))),
    (QUEUE, false, |handle| {
        let mut due = made::<mreg_due>(capi::mreg_due_init);
        call!(mreg_queue_poll(handle, &mut due, &mut false))
    }),
    (BUILDER, true, |handle| call!(mreg_builder_free(handle))),
    (BUILDER, false, |handle| call!(mreg_builder_close(handle))),
    (BUILDER, false, |handle| call!(mreg_builder_finish(handle, &mut 0))),
];

impl Run<'_> {
    /// Whether a thing of this handle is there, in any way that some function takes it.
    fn is_live(&self, handle: u64) -> bool {
        let world = &self.world;
        SCHEMAS.contains(&handle)
            || world.registries.iter().any(|known| known.live && known.handle == handle)
            || world.owners.iter().any(|known| known.live && known.handle == handle)
            || world.models.iter().any(|known| known.readable() && known.handle == handle)
            || world.snapshots.iter().any(|known| known.live && known.handle == handle)
            || world.watchers.iter().any(|known| known.live && known.handle == handle)
            || world.builders.iter().any(|known| known.live && known.handle == handle)
            || self.tellers.contains(&handle)
            || self.queue == handle
            || self.schemas.iter().any(|(schema, live)| *live && *schema == handle)
    }

    fn some_handle(&mut self) -> u64 {
        let choice = self.bytes.byte();
        let given = self.bytes.pick(&self.given).unwrap_or(0);
        match choice & 7 {
            0..=2 => given,
            3 => given ^ 1 << (self.bytes.byte() & 63),
            4 => given ^ 1 << (self.bytes.byte() & 63) ^ 1 << (self.bytes.byte() & 63),
            // The low half alone, as a binding with a wrong type leaves of it.
            5 => given & 0xFFFF_FFFF,
            6 => self.bytes.word(),
            _ => 0,
        }
    }

    /// A call that has to fail, with the status that is due, and to change nothing.
    pub fn wild(&mut self) {
        let handle = self.some_handle();
        if self.bytes.byte() & 3 == 0 {
            self.wild_owners(handle);
            return;
        }
        let (tag, null_is_fine, attempt) = ATTEMPTS[self.bytes.below(ATTEMPTS.len())];
        let known = self.given.contains(&handle);
        assert!(known || !model_is_valid(handle) && !owner_is_valid(handle));
        if handle == 0 {
            match attempt(0) {
                Ok(()) => assert!(null_is_fine),
                Err(failure) => assert!(!null_is_fine && failure.code == NULL_HANDLE),
            }
        } else if known && tag_of(handle) != tag {
            assert_eq!(code(attempt(handle)), WRONG_HANDLE_TYPE, "{handle:#x} for a handle of type {tag}");
        } else if known && !self.is_live(handle) {
            assert_eq!(code(attempt(handle)), STALE_HANDLE, "{handle:#x}");
        } else if !known {
            let code = code(attempt(handle));
            let kinds = [WRONG_HANDLE_TYPE, FOREIGN_HANDLE, FORGED_HANDLE, STALE_HANDLE];
            assert!(kinds.contains(&code), "{code} for {handle:#x}, which nobody was given");
        }
    }

    /// Handles as arguments beside the one that a call is about: none is taken that is not an owner of the registry.
    fn wild_owners(&mut self, handle: u64) {
        let live = self.live_registries();
        let registry = self.bytes.pick(&live).unwrap_or(0);
        let choice = self.bytes.byte();
        let fits = |owner: &naive::Owner| owner.handle == handle && owner.live && owner.registry == registry;
        if handle == 0 || self.world.owners.iter().any(fits) {
            return;
        }
        let about = self.world.registries[registry].handle;
        let result = match choice & 3 {
            0 => Model::on("User", handle).register(about).map(drop),
            1 => Model::of("User", handle).register(about).map(drop),
            2 => drop_tenant(about, "north", handle).map(drop),
            _ => {
                let registered = |model: &&naive::Model| model.registered && model.registry == registry;
                let Some(model) = self.world.models.iter().find(registered) else { return };
                let handle = if choice & 4 == 0 { (handle, 0) } else { (0, handle) };
                move_to(model.handle, handle.0, handle.1, "")
            }
        };
        let code = code(result);
        let kinds = [WRONG_HANDLE_TYPE, FOREIGN_HANDLE, FORGED_HANDLE, STALE_HANDLE];
        assert!(kinds.contains(&code), "{code} for {handle:#x}, which is no owner there");
    }
}
