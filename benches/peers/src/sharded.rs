//! dashmap: the two maps, each in shards with locks of their own.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use foldhash::fast::RandomState;

use crate::two::{List, OwnerName, OwnerNameRef};
use crate::{Peer, copy};

/// What both kinds of keys have: dashmap compares what can be borrowed as the same.
trait Key {
    fn parts(&self) -> (u64, &str);
}

impl Key for OwnerName {
    fn parts(&self) -> (u64, &str) {
        (self.0, &self.1)
    }
}

impl Key for OwnerNameRef<'_> {
    fn parts(&self) -> (u64, &str) {
        (self.0, self.1)
    }
}

impl Hash for dyn Key + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for dyn Key + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn Key + '_ {}

impl<'a> Borrow<dyn Key + 'a> for OwnerName {
    fn borrow(&self) -> &(dyn Key + 'a) {
        self
    }
}

/// Both maps.
#[derive(Default)]
pub struct Sharded {
    lists: DashMap<u64, List, RandomState>,
    index: DashMap<OwnerName, u64, RandomState>,
    last: AtomicU64,
}

impl Peer for Sharded {
    #[inline]
    fn register(&self, owner: u64, name: &str, _: u32) -> u64 {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let key = OwnerName(owner, name.into());
        let mut list = self.lists.entry(owner).or_default();
        let replaced = self.index.insert(key.clone(), id);
        list.put(replaced, id, key.1);
        id
    }

    #[inline]
    fn unregister(&self, owner: u64, name: &str, id: u64) {
        if let Some(mut list) = self.lists.get_mut(&owner) {
            list.take(id);
            self.index.remove(&OwnerNameRef(owner, name) as &dyn Key);
        }
    }

    #[inline]
    fn release(&self, owner: u64) {
        for name in self.lists.remove(&owner).into_iter().flat_map(|(_, list)| list.names) {
            self.index.remove(&OwnerNameRef(owner, &name) as &dyn Key);
        }
    }

    fn clear(&self) {
        self.lists.clear();
        self.index.clear();
    }

    #[inline]
    fn list(&self, owner: u64, room: &mut [u64]) -> usize {
        self.lists.get(&owner).map_or(0, |list| copy(&list.ids, room))
    }

    #[inline]
    fn get(&self, owner: u64, name: &str) -> u64 {
        self.index.get(&OwnerNameRef(owner, name) as &dyn Key).map_or(0, |id| *id)
    }
}
