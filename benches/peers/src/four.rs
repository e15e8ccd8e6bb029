//! hashbrown behind parking_lot's RwLock with as many indices as this library keeps, over interned names: the lists of
//! owners, by owner and name, by name, by structure.

use hashbrown::HashMap;
use parking_lot::RwLock;

use crate::{Finds, Peer, copy};

/// A model, with where it stands in the indices that have many models under one key.
#[derive(Default)]
struct Record {
    owner: u64,
    /// Raised where the place is used again: in the high half of an id.
    generation: u32,
    alive: bool,
    atom: u32,
    structure: u32,
    by_name: u32,
    by_structure: u32,
}

#[derive(Default)]
struct Indices {
    atoms: HashMap<Box<str>, u32>,
    records: Vec<Record>,
    free: Vec<u32>,
    lists: HashMap<u64, Vec<u64>>,
    index: HashMap<(u64, u32), u64>,
    /// By atom: models of that name, the newest last.
    by_name: Vec<Vec<u64>>,
    by_structure: HashMap<u32, Vec<u64>>,
}

fn place(id: u64) -> usize {
    (id & u64::from(u32::MAX)) as usize - 1
}

impl Indices {
    fn atom(&mut self, name: &str) -> u32 {
        if let Some(&atom) = self.atoms.get(name) {
            return atom;
        }
        let atom = self.by_name.len() as u32;
        self.atoms.insert(name.into(), atom);
        self.by_name.push(Vec::new());
        atom
    }

    fn record(&mut self, owner: u64, atom: u32, structure: u32) -> u64 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.records.push(Record::default());
            self.records.len() as u32 - 1
        });
        let record = &mut self.records[at as usize];
        let generation = record.generation + 1;
        *record = Record { owner, generation, alive: true, atom, structure, by_name: 0, by_structure: 0 };
        u64::from(generation & 0x7fff_ffff) << 32 | u64::from(at + 1)
    }

    fn register(&mut self, owner: u64, name: &str, structure: u32) -> u64 {
        let atom = self.atom(name);
        let id = self.record(owner, atom, structure);
        let replaced = self.index.insert((owner, atom), id);
        let list = self.lists.entry(owner).or_default();
        match replaced.and_then(|old| list.iter().position(|&known| known == old)) {
            Some(position) => list[position] = id,
            None => list.push(id),
        }
        if let Some(old) = replaced {
            self.forget(old);
        }
        let named = &mut self.by_name[atom as usize];
        let alike = self.by_structure.entry(structure).or_default();
        let record = &mut self.records[place(id)];
        (record.by_name, record.by_structure) = (named.len() as u32, alike.len() as u32);
        named.push(id);
        alike.push(id);
        id
    }

    /// Takes a model out of the indices by name and by structure, and gives its place back.
    fn forget(&mut self, id: u64) {
        let record = &mut self.records[place(id)];
        record.alive = false;
        let (atom, structure, at_name, at_structure) =
            (record.atom, record.structure, record.by_name as usize, record.by_structure as usize);
        self.free.push(place(id) as u32);
        let named = &mut self.by_name[atom as usize];
        named.swap_remove(at_name);
        if let Some(&moved) = named.get(at_name) {
            self.records[place(moved)].by_name = at_name as u32;
        }
        let Some(alike) = self.by_structure.get_mut(&structure) else { return };
        alike.swap_remove(at_structure);
        if let Some(&moved) = alike.get(at_structure) {
            self.records[place(moved)].by_structure = at_structure as u32;
        }
    }

    fn unregister(&mut self, id: u64) {
        let (owner, atom) = (self.records[place(id)].owner, self.records[place(id)].atom);
        self.index.remove(&(owner, atom));
        if let Some(list) = self.lists.get_mut(&owner)
            && let Some(position) = list.iter().position(|&known| known == id)
        {
            list.remove(position);
        }
        self.forget(id);
    }

    fn release(&mut self, owner: u64) {
        for id in self.lists.remove(&owner).unwrap_or_default() {
            let atom = self.records[place(id)].atom;
            self.index.remove(&(owner, atom));
            self.forget(id);
        }
    }

    fn clear(&mut self) {
        for (at, record) in self.records.iter_mut().enumerate().filter(|(_, record)| record.alive) {
            record.alive = false;
            self.free.push(at as u32);
        }
        self.lists.clear();
        self.index.clear();
        self.by_name.iter_mut().for_each(Vec::clear);
        self.by_structure.clear();
    }
}

/// All indices behind one lock.
#[derive(Default)]
pub struct Four(RwLock<Indices>);

impl Peer for Four {
    #[inline]
    fn register(&self, owner: u64, name: &str, structure: u32) -> u64 {
        self.0.write().register(owner, name, structure)
    }

    #[inline]
    fn unregister(&self, _: u64, _: &str, id: u64) {
        self.0.write().unregister(id);
    }

    #[inline]
    fn release(&self, owner: u64) {
        self.0.write().release(owner);
    }

    fn clear(&self) {
        self.0.write().clear();
    }

    #[inline]
    fn list(&self, owner: u64, room: &mut [u64]) -> usize {
        self.0.read().lists.get(&owner).map_or(0, |list| copy(list, room))
    }

    #[inline]
    fn get(&self, owner: u64, name: &str) -> u64 {
        let indices = self.0.read();
        let Some(&atom) = indices.atoms.get(name) else { return 0 };
        indices.index.get(&(owner, atom)).copied().unwrap_or(0)
    }
}

impl Finds for Four {
    #[inline]
    fn valid(&self, id: u64) -> bool {
        let indices = self.0.read();
        indices.records.get(place(id)).is_some_and(|record| record.alive && u64::from(record.generation) == id >> 32)
    }

    #[inline]
    fn find_name(&self, name: &str) -> u64 {
        let indices = self.0.read();
        let Some(&atom) = indices.atoms.get(name) else { return 0 };
        indices.by_name[atom as usize].last().copied().unwrap_or(0)
    }

    #[inline]
    fn find_structure(&self, structure: u32) -> u64 {
        self.0.read().by_structure.get(&structure).and_then(|alike| alike.last()).copied().unwrap_or(0)
    }
}
