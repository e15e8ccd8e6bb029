//! What the host is told: changes by watchers, and `user_data` that is due by a release queue.

use std::collections::VecDeque;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::*;
use crate::support_c_api::queues::Queue;
use crate::support_c_api::watching::*;
use modelreg::capi::{MREG_DUE_MODEL, MREG_DUE_OWNER};

/// What the callbacks were told since it was last compared.
static TOLD: Mutex<Vec<Change>> = Mutex::new(Vec::new());

/// Who is called, one for each registry of an input: no step makes two. They are used again for each input, so that no memory is lost.
static LISTENERS: LazyLock<Vec<&'static Listener>> =
    LazyLock::new(|| (0..128).map(|_| Listener::that(|change| told().push(change.clone()))).collect());

fn told() -> std::sync::MutexGuard<'static, Vec<Change>> {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What can be compared: without the time, and with models that went together in one order.
fn comparable(changes: &[Change]) -> Vec<Change> {
    let mut changes = changes.to_vec();
    for change in &mut changes {
        (change.at_ms, change.sequence) = (0, 0);
    }
    for together in changes.chunk_by_mut(|one, next| one.kind == REMOVED && next.kind == REMOVED) {
        together.sort_by_key(|change| change.model);
    }
    changes
}

impl Run<'_> {
    /// Each change was told once, with the next number; what polled watchers keep is what was told.
    pub fn check_told(&mut self) {
        let (told, expected) = (std::mem::take(&mut *told()), std::mem::take(&mut self.world.changes));
        assert_eq!(comparable(&told), comparable(&expected), "changes");
        let numbers = |changes: &[Change]| -> Vec<u64> { changes.iter().map(|change| change.sequence).collect() };
        assert_eq!(numbers(&told), numbers(&expected));
        for change in &told {
            for watcher in &mut self.world.watchers {
                if watcher.live && self.world.registries[watcher.registry].handle == change.registry {
                    watcher.keep(change);
                }
            }
        }
    }

    pub fn watch_some(&mut self, registry: usize) {
        let choice = self.bytes.byte();
        let count = self.world.watchers.len();
        let chosen = usize::from(choice >> 3) % count.max(1);
        match choice & 7 {
            0 | 1 => self.call_or_not(registry),
            // What is kept is compared with what a callback was told.
            2 | 3 if self.tellers[registry] != 0 && count < 8 => {
                let capacity = usize::from(choice >> 3 & 3);
                let watch = Watch::new(self.world.registries[registry].handle, capacity);
                self.give(watch.0);
                self.world.watchers.push(naive::Watcher {
                    handle: watch.0,
                    registry,
                    live: true,
                    capacity: if capacity == 0 { 1024 } else { capacity },
                    kept: VecDeque::new(),
                    lost: 0,
                    last_lost: 0,
                });
                std::mem::forget(watch);
            }
            4 if count > 0 => self.free_watcher(chosen),
            5.. if count > 0 => {
                for _ in 0..=self.bytes.byte() & 3 {
                    self.poll(chosen);
                }
            }
            _ => {}
        }
    }

    /// Begins to be called, or ends it where no other watcher has to be compared with that.
    fn call_or_not(&mut self, registry: usize) {
        let teller = self.tellers[registry];
        if teller == 0 {
            LISTENERS[registry].reset();
            self.tellers[registry] = LISTENERS[registry].watch(self.world.registries[registry].handle);
            self.give(self.tellers[registry]);
            self.world.registries[registry].watched = true;
        } else if !self.world.watchers.iter().any(|watcher| watcher.live && watcher.registry == registry) {
            self.end_calls(registry);
        }
    }

    fn end_calls(&mut self, registry: usize) {
        let teller = std::mem::take(&mut self.tellers[registry]);
        assert_eq!(code(poll(teller)), INVALID_ARGUMENT);
        assert_eq!(LISTENERS[registry].destroyed(), 0);
        free_watcher(teller).expect("a watcher is freed");
        assert_eq!(LISTENERS[registry].destroyed(), 1);
        assert_eq!((code(free_watcher(teller)), code(poll(teller))), (STALE_HANDLE, STALE_HANDLE));
        self.world.registries[registry].watched = false;
    }

    fn free_watcher(&mut self, at: usize) {
        let watcher = &mut self.world.watchers[at];
        let result = free_watcher(watcher.handle);
        assert_eq!(result.map_err(|failure| failure.code), if watcher.live { Ok(()) } else { Err(STALE_HANDLE) });
        watcher.live = false;
    }

    fn poll(&mut self, at: usize) -> bool {
        let watcher = &mut self.world.watchers[at];
        let result = poll(watcher.handle);
        if !watcher.live {
            assert_eq!(code(result), STALE_HANDLE);
            return false;
        }
        let mut found = result.expect("a watcher");
        if let Some(lost) = found.as_mut().filter(|change| change.kind == LOST) {
            assert!(lost.at_ms > 0);
            lost.at_ms = 0;
        }
        let expected = watcher.poll(self.world.registries[watcher.registry].handle);
        assert_eq!(found, expected, "a watcher for {}", watcher.capacity);
        found.is_some()
    }

    /// Counts what came out of the release queue as what ran.
    pub fn take_due(&mut self) {
        if self.queue == 0 {
            return;
        }
        let queue = std::mem::ManuallyDrop::new(Queue(self.queue));
        for (kind, handle, number) in queue.take_all() {
            let witness = WITNESSES.iter().find(|witness| witness.pointer().addr() == number).expect("a witness");
            let is_it = |other: &&'static Witness| std::ptr::eq(*other, *witness);
            let model = self.world.models.iter().find(|model| is_it(&model.witness)).map(|model| model.handle);
            let owner = self.world.owners.iter().find(|owner| is_it(&owner.witness)).map(|owner| owner.handle);
            let expected = match (model, owner) {
                (_, Some(owner)) => (MREG_DUE_OWNER, owner),
                // A model that was not registered.
                (model, None) => (MREG_DUE_MODEL, model.unwrap_or(0)),
            };
            assert_eq!((kind, handle), expected);
            witness.count();
        }
    }

    /// What is watched and what is due outlive the registries.
    pub fn end_told(&mut self) {
        self.check_told();
        for at in 0..self.world.watchers.len() {
            while self.poll(at) {}
            self.free_watcher(at);
            self.free_watcher(at);
        }
        for registry in 0..self.tellers.len() {
            if self.tellers[registry] != 0 {
                self.end_calls(registry);
            }
        }
        if self.queue != 0 {
            let queue = std::mem::ManuallyDrop::new(Queue(std::mem::take(&mut self.queue)));
            assert_eq!(queue.poll(), Ok(None));
            queue.free().expect("a queue is freed");
            assert_eq!((code(queue.poll()), code(queue.free())), (STALE_HANDLE, STALE_HANDLE));
        }
    }
}

fn poll(watcher: u64) -> Result<Option<Change>> {
    std::mem::ManuallyDrop::new(Watch(watcher)).poll()
}
