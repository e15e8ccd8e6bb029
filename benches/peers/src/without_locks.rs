//! papaya: two maps without locks; a change of a list copies that list.

use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use papaya::HashMap;

use crate::two::{List, OwnerName, OwnerNameRef};
use crate::{Peer, copy};

/// Both maps.
#[derive(Default)]
pub struct WithoutLocks {
    lists: HashMap<u64, List, RandomState>,
    index: HashMap<OwnerName, u64, RandomState>,
    last: AtomicU64,
}

impl Peer for WithoutLocks {
    #[inline]
    fn register(&self, owner: u64, name: &str, _: u32) -> u64 {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let key = OwnerName(owner, name.into());
        let (lists, index) = (self.lists.pin(), self.index.pin());
        let replaced = index.insert(key.clone(), id).copied();
        let changed = |list: Option<&List>| {
            let mut list = list.cloned().unwrap_or_default();
            list.put(replaced, id, key.1.clone());
            list
        };
        lists.update_or_insert_with(owner, |list| changed(Some(list)), || changed(None));
        id
    }

    #[inline]
    fn unregister(&self, owner: u64, name: &str, id: u64) {
        self.index.pin().remove(&OwnerNameRef(owner, name));
        self.lists.pin().update(owner, |list| {
            let mut list = list.clone();
            list.take(id);
            list
        });
    }

    #[inline]
    fn release(&self, owner: u64) {
        let (lists, index) = (self.lists.pin(), self.index.pin());
        for name in lists.remove(&owner).into_iter().flat_map(|list| &list.names) {
            index.remove(&OwnerNameRef(owner, name));
        }
    }

    fn clear(&self) {
        self.lists.pin().clear();
        self.index.pin().clear();
    }

    #[inline]
    fn list(&self, owner: u64, room: &mut [u64]) -> usize {
        self.lists.pin().get(&owner).map_or(0, |list| copy(&list.ids, room))
    }

    #[inline]
    fn get(&self, owner: u64, name: &str) -> u64 {
        self.index.pin().get(&OwnerNameRef(owner, name)).copied().unwrap_or(0)
    }
}
