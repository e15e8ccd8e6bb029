//! Questions that are answered from an owner's list, without a lock while nothing changed.

use std::mem::MaybeUninit;

use crate::error::{Error, Status};
use crate::schema::Schema;

use super::handle::Parts;
use super::list::{ANY_KIND, Ask, List, Miss, RETRIES, Stamp, Which};
use super::model::structure_address;
use super::names::Lookup;
use super::owner::{find, gone};
use super::partition::GLOBAL_INDEX;
use super::registry::{Locked, Registry};
use super::state::NONE;

/// Asks an owner's list, or where the models on a data source are listed apart, that list.
#[inline(always)]
fn attempt(
    registry: &'static Registry,
    parts: Parts,
    which: Which,
    ask: &mut dyn FnMut(&List, Which) -> Result<usize, Miss>,
) -> Result<usize, Miss> {
    let own = registry.lists.get(parts.index).ok_or(Miss::Gone)?;
    match ask(own, which) {
        Err(Miss::Parted) => match registry.lists_on.get(parts.index).map(|on| ask(on, Which::Owned)) {
            // The lists were joined since the first one was looked at, or are being parted.
            None | Some(Err(Miss::Gone)) => Err(Miss::Unbuilt),
            Some(answer) => answer,
        },
        answer => answer,
    }
}

/// Asks again until no writer is in the way, and at last under the lock; builds the list where that has to be done.
#[cold]
fn settle(
    registry: &'static Registry,
    parts: Parts,
    which: Which,
    first: Miss,
    ask: &mut dyn FnMut(&List, Which) -> Result<usize, Miss>,
) -> crate::error::Result<usize> {
    let mut miss = first;
    for _ in 0..RETRIES {
        match miss {
            Miss::Gone => return Err(gone(registry, parts)),
            Miss::Unbuilt => break,
            Miss::Parted | Miss::Contended => std::hint::spin_loop(),
        }
        match attempt(registry, parts, which, ask) {
            Ok(count) => {
                registry.counters.hit();
                return Ok(count);
            }
            Err(again) => miss = again,
        }
    }
    let mut locked = registry.lock()?;
    let index = locked.owner_index(parts)?;
    locked.build(index, which == Which::On);
    attempt(registry, parts, which, ask)
        .map_err(|_| Error::new(Status::ERROR_INTERNAL, "list", "a list that was just built could not be read"))
}

/// Copies the handles of an owner's models, as many as `out` has room for. Gives how many there are.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle; `ERROR_POISONED`.
#[inline(always)]
pub fn list(
    owner: u64,
    kind: u32,
    which: Which,
    out: &mut [MaybeUninit<u64>],
    stamp: &mut Stamp,
) -> crate::error::Result<usize> {
    let (registry, parts) = find(owner)?;
    let ask = Ask { generation: parts.generation, kind, registry_word: &registry.word };
    let own = registry.lists.get(parts.index);
    match own.map_or(Err(Miss::Gone), |own| own.copy(&ask, which, out, stamp)) {
        Ok(count) => {
            registry.counters.hit();
            Ok(count)
        }
        Err(miss) => settle(registry, parts, which, miss, &mut |list, which| list.copy(&ask, which, out, stamp)),
    }
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
    stamp: &mut Stamp,
    mut each: impl FnMut(usize, &mut dyn FnMut(&mut dyn FnMut(&[u8]))),
) -> crate::error::Result<usize> {
    let (registry, parts) = find(owner)?;
    let ask = Ask { generation: parts.generation, kind, registry_word: &registry.word };
    let mut hand = |position: usize, atom: u32| {
        each(position, &mut |piece: &mut dyn FnMut(&[u8])| registry.names.bytes(atom, piece));
    };
    let mut read = |list: &List, which: Which| list.atoms(&ask, which, stamp, &mut hand);
    match attempt(registry, parts, which, &mut read) {
        Ok(count) => {
            registry.counters.hit();
            Ok(count)
        }
        Err(miss) => settle(registry, parts, which, miss, &mut read),
    }
}

/// The handle of the owner's model of this name; 0 where it has none.
///
/// # Errors
/// As [`list`].
#[inline(always)]
pub fn get(owner: u64, kind: u32, name: &[u8]) -> crate::error::Result<u64> {
    let (registry, parts) = find(owner)?;
    let own = registry.lists.get(parts.index).ok_or_else(|| gone(registry, parts))?;
    let ask = Ask { generation: parts.generation, kind, registry_word: &registry.word };
    for _ in 0..RETRIES {
        let answer = match registry.names.find(name) {
            // The atom has to have stood for this name all the while, else the entry is of another one.
            Lookup::Known(found) => match own.find(&ask, found.atom) {
                Ok(_) if !registry.names.still(found) => Err(Miss::Contended),
                answer => answer,
            },
            Lookup::Unknown => own.kind(parts.generation).map(|_| None),
            Lookup::Contended => Err(Miss::Contended),
        };
        match answer {
            Ok(id) => return Ok(id.unwrap_or(0)),
            Err(Miss::Gone) => return Err(gone(registry, parts)),
            Err(_) => std::hint::spin_loop(),
        }
    }
    get_locked(registry, owner, kind, name)
}

#[cold]
fn get_locked(registry: &'static Registry, owner: u64, kind: u32, name: &[u8]) -> crate::error::Result<u64> {
    let (_, parts) = find(owner)?;
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

/// What a search by structure asks for.
pub struct StructureSearch<'a> {
    /// A schema of the structure.
    pub schema: &'a Schema,
    /// The current tenant's code; empty for none.
    pub tenant: &'a str,
    /// Whether the asker is strict: models that are not as strict are passed over.
    pub strict: bool,
    /// Models with any of these marks are passed over.
    pub pass_over: u32,
    /// Those with any of these as well, outside of `global`.
    pub pass_over_outside_global: u32,
}

impl Locked {
    /// The newest model of a structure: in `global`, else in the current tenant, or where there is none in the first partition
    /// that has one.
    pub fn find_structure(&mut self, ask: &StructureSearch<'_>) -> crate::error::Result<u64> {
        let tenant = self.tenant_code(ask.tenant)?;
        let structure = structure_address(ask.schema);
        if !ask.schema.has_structure() {
            return Ok(0);
        }
        let newest = |sequence| self.by_structure.get(&(structure, ask.strict, sequence)).copied();
        let fits = |model: u32| {
            let record = &self.models[model as usize];
            let outside = if record.partition == GLOBAL_INDEX { 0 } else { ask.pass_over_outside_global };
            record.marks & (ask.pass_over | outside) == 0
        };
        let older = |model: &u32| Some(self.models[*model as usize].older_alike).filter(|older| *older != NONE);
        let first_in = |newest: u32| std::iter::successors(Some(newest), older).find(|model| fits(*model));
        let found = if ask.tenant.is_empty() {
            let all = (structure, ask.strict, 0)..=(structure, ask.strict, u64::MAX);
            self.by_structure.range(all).find_map(|(_, newest)| first_in(*newest))
        } else {
            let of_tenant = self.partitions.find(tenant).and_then(|index| self.partitions.get(index));
            // `global` is the first of all partitions.
            let sequences = [Some(0), of_tenant.map(|partition| partition.sequence)];
            sequences.into_iter().flatten().filter_map(newest).find_map(first_in)
        };
        let Some(model) = found else { return Ok(0) };
        let partition = self.models[model as usize].partition;
        self.partitions.touch(partition);
        self.reused_total += 1;
        Ok(self.model_handle(model))
    }

    /// The model of this name: in `global`, else in the first partition that has one; or in one tenant alone.
    pub fn find_model(&mut self, tenant: Option<&str>, name: &[u8]) -> crate::error::Result<u64> {
        let code = tenant.map(|code| self.tenant_code(code)).transpose()?;
        let Some(atom) = self.registry.names.known(name) else { return Ok(0) };
        let model = match code {
            None => self.first_of_name(atom),
            Some(code) => self.partitions.find(code).and_then(|partition| self.newest(atom, partition)),
        };
        let Some(model) = model else { return Ok(0) };
        let partition = self.models[model as usize].partition;
        self.partitions.touch(partition);
        Ok(self.model_handle(model))
    }

    /// The handles of the models in partitions, in the order they were registered in each.
    pub fn models_in(&self, partitions: impl Iterator<Item = u32> + Clone) -> crate::error::Result<Vec<u64>> {
        let known = |index| self.partitions.get(index);
        let count = partitions.clone().filter_map(known).map(|partition| partition.models as usize).sum();
        let mut models = Vec::new();
        models.try_reserve_exact(count).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        for partition in partitions.filter_map(known) {
            models.extend(self.models_from(partition.first).map(|model| self.model_handle(model)));
        }
        Ok(models)
    }
}
