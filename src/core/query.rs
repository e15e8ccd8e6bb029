//! Questions that are answered from an owner's list, without a lock while nothing changed.

use std::mem::MaybeUninit;

use crate::error::{Error, Result, Status};

use super::list::{ANY_KIND, Read, Stamp, Which};
use super::names::Lookup;
use super::owner::{gone, locate, read};
use super::registry::{Locked, Registry};

/// Copies the handles of an owner's models, as many as `out` has room for. Gives how many there are.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle; `ERROR_POISONED`.
#[inline]
pub fn list(owner: u64, kind: u32, which: Which, out: &mut [MaybeUninit<u64>]) -> Result<(usize, Stamp)> {
    let (registry, parts) = locate(owner)?;
    let attempt = || {
        let Some(own) = registry.lists.get(parts.index) else { return Read::Gone };
        match own.copy(parts.generation, kind, which, &registry.word, out) {
            Read::Parted => match registry.lists_on.get(parts.index) {
                Some(on) => match on.copy(parts.generation, kind, Which::Owned, &registry.word, out) {
                    // Joined again since the other list was looked at.
                    Read::Gone => Read::Unbuilt,
                    answer => answer,
                },
                None => Read::Unbuilt,
            },
            answer => answer,
        }
    };
    let (answer, cached) = read(registry, parts, attempt, |locked, index| {
        locked.build(index, which == Which::On);
        Ok(())
    })?;
    if cached {
        registry.counters.hit();
    }
    Ok(answer)
}

/// Hands the names of an owner's models to `each` in pieces, with their positions. Position 0 begins anew: what was
/// handed out before was not of one moment. Gives how many there are.
///
/// # Errors
/// As [`list`].
pub fn names(
    owner: u64,
    kind: u32,
    which: Which,
    mut each: impl FnMut(usize, &mut dyn FnMut(&mut dyn FnMut(&[u8]))),
) -> Result<(usize, Stamp)> {
    let (registry, parts) = locate(owner)?;
    let mut hand = |position: usize, atom: u32| {
        each(position, &mut |piece: &mut dyn FnMut(&[u8])| registry.names.bytes(atom, piece));
    };
    let attempt = || {
        let Some(own) = registry.lists.get(parts.index) else { return Read::Gone };
        match own.atoms(parts.generation, kind, which, &registry.word, &mut hand) {
            Read::Parted => match registry.lists_on.get(parts.index) {
                Some(on) => match on.atoms(parts.generation, kind, Which::Owned, &registry.word, &mut hand) {
                    Read::Gone => Read::Unbuilt,
                    answer => answer,
                },
                None => Read::Unbuilt,
            },
            answer => answer,
        }
    };
    let (answer, cached) = read(registry, parts, attempt, |locked, index| {
        locked.build(index, which == Which::On);
        Ok(())
    })?;
    if cached {
        registry.counters.hit();
    }
    Ok(answer)
}

/// The handle of the owner's model of this name; 0 where it has none.
///
/// # Errors
/// As [`list`].
#[inline]
pub fn get(owner: u64, kind: u32, name: &[u8]) -> Result<u64> {
    let (registry, parts) = locate(owner)?;
    let own = registry.lists.get(parts.index).ok_or_else(|| gone(registry, parts))?;
    let found = match registry.names.find(name) {
        Lookup::Known(found) => found,
        Lookup::Unknown => {
            return match own.kind(parts.generation) {
                Read::Done(_) | Read::Unbuilt | Read::Parted | Read::Contended => Ok(0),
                Read::Gone => Err(gone(registry, parts)),
            };
        }
        Lookup::Contended => return get_locked(registry, owner, kind, name),
    };
    match own.find(parts.generation, kind, &registry.word, found.atom) {
        // The atom has to have stood for this name all the while, else the entry is of another one.
        Read::Done(id) if registry.names.still(found) => Ok(id.unwrap_or(0)),
        Read::Gone => Err(gone(registry, parts)),
        _ => get_locked(registry, owner, kind, name),
    }
}

#[cold]
fn get_locked(registry: &'static Registry, owner: u64, kind: u32, name: &[u8]) -> Result<u64> {
    let (_, parts) = locate(owner)?;
    let mut locked = registry.lock()?;
    let index = locked.owner_index(parts)?;
    locked.renew(index);
    if kind != ANY_KIND && locked.owners[index as usize].kind != kind {
        return Ok(0);
    }
    let own = locked.list_of(index).ok_or(Status::ERROR_INTERNAL)?;
    let position = registry.names.known(name).and_then(|atom| own.position(atom));
    Ok(position.map_or(0, |position| own.id_at(position)))
}

impl Locked {
    /// The model of this name: in `global`, else in the first partition that has one; or in one tenant alone.
    pub fn find_model(&mut self, tenant: Option<&str>, name: &[u8]) -> Result<u64> {
        let Some(atom) = self.registry.names.known(name) else { return Ok(0) };
        let model = match tenant {
            None => self.first_of_name(atom),
            Some(code) => {
                let code = self.tenant_code(code)?;
                self.partitions.find(code).and_then(|partition| self.newest(atom, partition))
            }
        };
        let Some(model) = model else { return Ok(0) };
        let partition = self.models[model as usize].partition;
        self.partitions.touch(partition);
        Ok(self.model_handle(model))
    }

    /// The handles of the models in the partitions with these indices, in the order they were registered.
    pub fn models_in(&self, partitions: &[u32]) -> Result<Vec<u64>> {
        let counted = partitions.iter().filter_map(|index| self.partitions.get(*index));
        let count: usize = counted.map(|partition| partition.models as usize).sum();
        let mut models = Vec::new();
        models.try_reserve_exact(count).map_err(|_| Error::from(Status::ERROR_OUT_OF_MEMORY))?;
        for partition in partitions.iter().filter_map(|index| self.partitions.get(*index)) {
            let mut model = partition.first;
            while model != super::state::NONE {
                models.push(self.model_handle(model));
                model = self.models[model as usize].next;
            }
        }
        Ok(models)
    }
}
