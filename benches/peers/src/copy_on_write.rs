//! arc-swap: readers take what is there, and a change copies everything.

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::Peer;
use crate::two::Maps;

/// The maps that readers see.
#[derive(Default)]
pub struct CopyOnWrite {
    maps: ArcSwap<Maps>,
    writer: Mutex<()>,
}

impl CopyOnWrite {
    fn change<R>(&self, change: impl FnOnce(&mut Maps) -> R) -> R {
        let _alone = self.writer.lock();
        let mut maps = Maps::clone(&self.maps.load());
        let result = change(&mut maps);
        self.maps.store(maps.into());
        result
    }
}

impl Peer for CopyOnWrite {
    fn register(&self, owner: u64, name: &str, _: u32) -> u64 {
        self.change(|maps| maps.register(owner, name))
    }

    fn fill(&self, models: &mut dyn Iterator<Item = (u64, &str, u32)>, ids: &mut [u64]) {
        self.change(|maps| {
            for ((owner, name, _), id) in models.zip(ids) {
                *id = maps.register(owner, name);
            }
        });
    }

    fn unregister(&self, owner: u64, name: &str, _: u64) {
        self.change(|maps| maps.unregister(owner, name));
    }

    fn release(&self, owner: u64) {
        self.change(|maps| maps.release(owner));
    }

    fn clear(&self) {
        let _alone = self.writer.lock();
        let last = self.maps.load().last;
        self.maps.store(Maps { last, ..Maps::default() }.into());
    }

    #[inline]
    fn list(&self, owner: u64, room: &mut [u64]) -> usize {
        self.maps.load().list(owner, room)
    }

    #[inline]
    fn get(&self, owner: u64, name: &str) -> u64 {
        self.maps.load().get(owner, name)
    }
}
