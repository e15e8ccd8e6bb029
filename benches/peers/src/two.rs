//! hashbrown behind parking_lot's RwLock: the lists of owners, and an index by owner and name.

use std::sync::Arc;

use hashbrown::{Equivalent, HashMap};
use parking_lot::RwLock;

use crate::{Peer, copy};

/// The key of the index by owner and name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OwnerName(pub u64, pub Arc<str>);

/// The same, without a name of one's own.
#[derive(PartialEq, Eq, Hash)]
pub struct OwnerNameRef<'a>(pub u64, pub &'a str);

impl Equivalent<OwnerName> for OwnerNameRef<'_> {
    fn equivalent(&self, key: &OwnerName) -> bool {
        self.0 == key.0 && self.1 == &*key.1
    }
}

/// The models of an owner in the order of registration.
#[derive(Clone, Default)]
pub struct List {
    pub ids: Vec<u64>,
    pub names: Vec<Arc<str>>,
}

impl List {
    pub fn put(&mut self, replaced: Option<u64>, id: u64, name: Arc<str>) {
        match replaced.and_then(|old| self.ids.iter().position(|&known| known == old)) {
            Some(position) => self.ids[position] = id,
            None => {
                self.ids.push(id);
                self.names.push(name);
            }
        }
    }

    pub fn take(&mut self, id: u64) {
        if let Some(position) = self.ids.iter().position(|&known| known == id) {
            self.ids.remove(position);
            self.names.remove(position);
        }
    }
}

/// Both maps, and the last id that was given.
#[derive(Clone, Default)]
pub struct Maps {
    pub lists: HashMap<u64, List>,
    pub index: HashMap<OwnerName, u64>,
    pub last: u64,
}

impl Maps {
    pub fn register(&mut self, owner: u64, name: &str) -> u64 {
        self.last += 1;
        let id = self.last;
        let name: Arc<str> = name.into();
        let replaced = self.index.insert(OwnerName(owner, name.clone()), id);
        self.lists.entry(owner).or_default().put(replaced, id, name);
        id
    }

    pub fn unregister(&mut self, owner: u64, name: &str) {
        if let Some(id) = self.index.remove(&OwnerNameRef(owner, name))
            && let Some(list) = self.lists.get_mut(&owner)
        {
            list.take(id);
        }
    }

    pub fn release(&mut self, owner: u64) {
        for name in self.lists.remove(&owner).into_iter().flat_map(|list| list.names) {
            self.index.remove(&OwnerNameRef(owner, &name));
        }
    }

    #[inline]
    pub fn list(&self, owner: u64, room: &mut [u64]) -> usize {
        self.lists.get(&owner).map_or(0, |list| copy(&list.ids, room))
    }

    #[inline]
    pub fn get(&self, owner: u64, name: &str) -> u64 {
        self.index.get(&OwnerNameRef(owner, name)).copied().unwrap_or(0)
    }
}

/// Both maps behind one lock.
#[derive(Default)]
pub struct Two(RwLock<Maps>);

impl Peer for Two {
    #[inline]
    fn register(&self, owner: u64, name: &str, _: u32) -> u64 {
        self.0.write().register(owner, name)
    }

    #[inline]
    fn unregister(&self, owner: u64, name: &str, _: u64) {
        self.0.write().unregister(owner, name);
    }

    #[inline]
    fn release(&self, owner: u64) {
        self.0.write().release(owner);
    }

    fn clear(&self) {
        let mut maps = self.0.write();
        maps.lists.clear();
        maps.index.clear();
    }

    #[inline]
    fn list(&self, owner: u64, room: &mut [u64]) -> usize {
        self.0.read().list(owner, room)
    }

    #[inline]
    fn get(&self, owner: u64, name: &str) -> u64 {
        self.0.read().get(owner, name)
    }
}
