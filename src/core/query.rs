//! Questions: about an owner's list, and for a model of a name or a structure; without a lock while nothing changes.

use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;

use crate::error::{Error, Status};

use super::handle::{self, Parts, Tag};
use super::index::{By, Known, ModelKey};
use super::list::{ANY_KIND, Answer, Ask, List, Miss, RETRIES, Stamp, Which};
use super::model::{check_code, structure_key};
use super::names::Lookup;
use super::owner::{find, gone};
use super::partition::GLOBAL_INDEX;
use super::places::Code;
use super::registry::{Locked, Registry, resolve_locked};
use super::state::NONE;

/// A list as it was asked, and what it answered.
type Asked<'a> = (&'a List, Answer);

/// Asks an owner's list, or where the models on a data source are listed apart, that list.
#[inline(always)]
fn attempt(
    registry: &'static Registry,
    parts: Parts,
    which: Which,
    ask: &mut dyn FnMut(&List, Which) -> Result<Answer, Miss>,
) -> Result<Asked<'static>, Miss> {
    let own = registry.lists.get(parts.index).ok_or(Miss::Gone)?;
    match ask(own, which) {
        Err(Miss::Parted) => match registry.lists_on.get(parts.index).map(|on| (on, ask(on, Which::Owned))) {
            // The lists were joined since the first one was looked at, or are being parted.
            None | Some((_, Err(Miss::Gone))) => Err(Miss::Unbuilt),
            Some((on, answer)) => answer.map(|answer| (on, answer)),
        },
        answer => answer.map(|answer| (own, answer)),
    }
}

impl Registry {
    /// What a question says about one of its owners, asked as this kind.
    #[inline(always)]
    pub(super) fn ask(&self, parts: Parts, kind: u32) -> Ask<'_> {
        Ask {
            generation: parts.generation,
            kind,
            epoch: &self.epoch,
            cleared: &self.cleared,
            registry_word: &self.word,
        }
    }

    /// Counts an answer that was given without the lock. The first since the list was changed is a use of the partitions that
    /// its models live in.
    #[inline(always)]
    pub(super) fn count(&'static self, (list, answer): Asked<'_>) -> usize {
        let first = answer.unasked.is_some_and(|unasked| list.is_first(unasked, |model| self.note_use(model)));
        if first {
            self.counters.miss()
        } else {
            self.counters.hit()
        }
        answer.count
    }

    fn note_use(&self, model: u64) {
        if let Some(key) = self.keys.get(super::owner::index_of(model)) {
            self.places.note(key.partition.load(Ordering::Relaxed));
        }
    }
}

/// Asks again until no writer is in the way, and at last under the lock; builds the list where that has to be done.
#[cold]
fn settle(
    registry: &'static Registry,
    parts: Parts,
    which: Which,
    first: Miss,
    ask: &mut dyn FnMut(&List, Which) -> Result<Answer, Miss>,
) -> crate::error::Result<usize> {
    let mut miss = first;
    for _ in 0..RETRIES {
        match miss {
            Miss::Gone => return Err(gone(registry, parts)),
            Miss::Unbuilt | Miss::Emptied => break,
            Miss::Parted | Miss::Contended => std::hint::spin_loop(),
        }
        match attempt(registry, parts, which, ask) {
            Ok(asked) => return Ok(registry.count(asked)),
            Err(again) => miss = again,
        }
    }
    let mut locked = match (miss, registry.try_lock()) {
        (_, Some(locked)) => locked,
        // That it is empty is known, and need not wait for whoever has the lock; it may be the one who clears.
        (Miss::Emptied, None) => {
            registry.counters.hit();
            return Ok(0);
        }
        _ => registry.lock()?,
    };
    let index = locked.owner_index(parts)?;
    locked.build(index, which == Which::On);
    attempt(registry, parts, which, ask)
        .map(|(_, answer)| answer.count)
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
    let ask = registry.ask(parts, kind);
    let own = registry.lists.get(parts.index);
    let first = match own {
        Some(own) => own.copy(&ask, which, out, stamp).map(|answer| (own, answer)),
        None => Err(Miss::Gone),
    };
    match first {
        Ok(asked) => Ok(registry.count(asked)),
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
    let ask = registry.ask(parts, kind);
    let mut hand = |position: usize, atom: u32| {
        each(position, &mut |piece: &mut dyn FnMut(&[u8])| registry.names.bytes(atom, piece));
    };
    let mut read = |list: &List, which: Which| list.atoms(&ask, which, stamp, &mut hand);
    match attempt(registry, parts, which, &mut read) {
        Ok(asked) => Ok(registry.count(asked)),
        Err(miss) => settle(registry, parts, which, miss, &mut read),
    }
}

/// The handle of the owner's model of this name; 0 where it has none.
///
/// # Errors
/// As [`list`].
#[cold]
pub fn get(owner: u64, kind: u32, name: &[u8]) -> crate::error::Result<u64> {
    let (registry, parts) = find(owner)?;
    let own = registry.lists.get(parts.index).ok_or_else(|| gone(registry, parts))?;
    let ask = registry.ask(parts, kind);
    for _ in 0..RETRIES {
        let answer = match registry.names.find(name) {
            // The atom has to have stood for this name all the while, else the entry is of another one.
            Lookup::Known(found) => match own.find(&ask, found.atom) {
                Ok(_) if !found.still() => Err(Miss::Contended),
                answer => answer,
            },
            Lookup::Unknown => own.kind(parts.generation).map(|_| None),
            Lookup::Contended => Err(Miss::Contended),
        };
        match answer {
            Ok(id) => return Ok(id.unwrap_or(0)),
            Err(Miss::Gone) => return Err(gone(registry, parts)),
            Err(Miss::Unbuilt) => break,
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
#[derive(Clone, Copy)]
pub struct StructureSearch<'a> {
    /// The number of the structure; 0 for none.
    pub structure: u32,
    /// The current tenant's code; empty for none.
    pub tenant: &'a str,
    /// Whether the asker is strict: models that are not as strict are passed over.
    pub strict: bool,
    /// Models with any of these marks are passed over.
    pub pass_over: u32,
    /// Those with any of these as well, outside of `global`.
    pub pass_over_outside_global: u32,
}

impl StructureSearch<'_> {
    /// What a model of the structure is found by; `None` for no structure.
    #[inline(always)]
    pub(super) fn key(&self) -> Option<u32> {
        (self.structure != 0).then(|| structure_key(self.structure, self.strict))
    }

    #[inline(always)]
    pub(super) fn fits(&self, model: &ModelKey) -> bool {
        let outside = model.partition.load(Ordering::Relaxed) != GLOBAL_INDEX;
        let pass_over = self.pass_over | if outside { self.pass_over_outside_global } else { 0 };
        model.marks.load(Ordering::Relaxed) & pass_over == 0
    }
}

/// What a search without the lock has found.
enum Search<'a> {
    /// A model.
    Model(Known<'a>),
    /// No model.
    Nothing,
    /// A writer was in the way.
    Contended,
    /// It takes the lock to tell.
    Locked,
}

impl<'a> From<Option<Known<'a>>> for Search<'a> {
    #[inline(always)]
    fn from(model: Option<Known<'a>>) -> Search<'a> {
        model.map_or(Search::Nothing, Search::Model)
    }
}

impl Registry {
    /// The handle of a model that was found under a version, if nothing has changed since and its partition is there. It is a
    /// use of its partition.
    #[inline(always)]
    pub(super) fn found(&'static self, handle: u64, version: u64, (model, key): Known<'_>) -> Option<u64> {
        let (partition, uses) = (key.partition.load(Ordering::Relaxed), key.uses.load(Ordering::Relaxed));
        let there = self.places.there(partition)?;
        if !self.changes.unchanged(version) || !self.still_has(handle) {
            return None;
        }
        self.places.note_there(there);
        Some(self.model_handle(model, uses))
    }

    /// As [`Registry::found`], where the use of the partition is noted already in this tick.
    #[inline(always)]
    pub(super) fn found_at_once(&'static self, handle: u64, version: u64, (model, key): Known<'_>) -> Option<u64> {
        let (partition, uses) = (key.partition.load(Ordering::Relaxed), key.uses.load(Ordering::Relaxed));
        let there = self.places.there(partition)?;
        let generation = handle::generation_at_once(uses)?;
        let usual = self.places.is_noted(there) && self.changes.unchanged(version) && self.still_has(handle);
        let parts = Parts { registry: self.number, index: model, generation };
        usual.then(|| handle::encode(Tag::Model, parts))
    }

    /// Whether the partition is there that a model lives in.
    #[inline(always)]
    fn is_there(&self, (_, key): Known<'_>) -> bool {
        self.places.is_there(key.partition.load(Ordering::Relaxed))
    }

    /// Searches without the lock; gives the model's handle, 0 where there is none, and `None` where it takes the lock.
    ///
    /// # Errors
    /// The status of a stale handle, where the registry has gone meanwhile.
    #[inline(always)]
    fn search<'a>(
        &'static self,
        handle: u64,
        mut attempt: impl FnMut() -> Search<'a>,
    ) -> crate::error::Result<Option<u64>> {
        for _ in 0..RETRIES {
            let Some(version) = self.changes.read() else {
                std::hint::spin_loop();
                continue;
            };
            let found = match attempt() {
                Search::Locked => return Ok(None),
                Search::Contended => {
                    std::hint::spin_loop();
                    continue;
                }
                Search::Model(model) => Some(model),
                Search::Nothing => None,
            };
            let answer = match found {
                // It went with its tenant, and is in the way of others.
                Some(model) if !self.is_there(model) => return Ok(None),
                Some(model) => self.found(handle, version, model),
                None => self.changes.unchanged(version).then_some(0),
            };
            if !self.still_has(handle) {
                super::registry::resolve(handle)?;
            }
            if answer.is_some() {
                return Ok(answer);
            }
            std::hint::spin_loop();
        }
        Ok(None)
    }
}

/// The model of this name: in `global`, else in the first partition that has one; or in one tenant alone. 0 where there is none.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle; `ERROR_TOO_LONG` and `ERROR_INVALID_NAME` for the
/// tenant's code; `ERROR_POISONED`.
#[inline(never)]
pub fn find_model(registry: u64, tenant: Option<&str>, name: &[u8]) -> crate::error::Result<u64> {
    let handle = registry;
    let registry = super::registry::resolve(handle)?;
    if let Some(code) = tenant {
        check_code(code)?;
    }
    let found = registry.search(handle, || {
        let atom = match registry.names.find(name) {
            Lookup::Known(found) => found,
            Lookup::Unknown => return Search::Nothing,
            Lookup::Contended => return Search::Contended,
        };
        let index = &registry.by_name;
        let model = match tenant.map(|code| registry.places.code(code)) {
            None => index.first(&registry.keys, atom.atom),
            Some(Code::Partition(partition)) => index.newest(&registry.keys, atom.atom, partition),
            Some(Code::Unknown) => None,
            Some(Code::Contended) => return Search::Contended,
        };
        // The atom has to have stood for this name all the while.
        if atom.still() { model.into() } else { Search::Contended }
    })?;
    match found {
        Some(model) => Ok(model),
        None => resolve_locked(handle)?.find_model(tenant, name),
    }
}

/// The newest model of a structure: in `global`, else in the current tenant, or where there is none in the first partition
/// that has one. 0 where there is none. `still` tells whether the structure's number stood for it all the while.
///
/// # Errors
/// As [`find_model`].
#[inline(never)]
pub fn find_structure(
    registry: u64,
    ask: &StructureSearch<'_>,
    still: impl Fn() -> crate::error::Result<()>,
) -> crate::error::Result<u64> {
    let handle = registry;
    let registry = super::registry::resolve(handle)?;
    check_code(ask.tenant)?;
    let Some(key) = ask.key() else { return Ok(0) };
    let (index, keys) = (&registry.by_structure, &registry.keys);
    let found = registry.search(handle, || {
        let fits = |(_, key): Known<'_>| ask.fits(key);
        if ask.tenant.is_empty() {
            return match index.first(keys, key) {
                Some(model) if !fits(model) => Search::Locked,
                found => found.into(),
            };
        }
        let tenant = match registry.places.code(ask.tenant) {
            Code::Partition(partition) => partition,
            Code::Unknown => GLOBAL_INDEX,
            Code::Contended => return Search::Contended,
        };
        match index.newest(keys, key, GLOBAL_INDEX) {
            Some(model) if !fits(model) => return Search::Locked,
            Some(model) => return Search::Model(model),
            None => {}
        }
        match index.newest(keys, key, tenant) {
            Some(model) if !fits(model) => Search::Locked,
            found => found.into(),
        }
    })?;
    let model = match found {
        Some(model) => model,
        None => resolve_locked(handle)?.find_structure(ask)?,
    };
    still()?;
    if model != 0 {
        registry.counters.reuse();
    }
    Ok(model)
}

/// Counts a model that was found by its structure.
#[inline(always)]
pub fn count_reuse(registry: u64) {
    if let Ok(registry) = super::registry::find(registry) {
        registry.counters.reuse();
    }
}

impl Locked {
    /// As [`find_structure`], under the lock.
    fn find_structure(&mut self, ask: &StructureSearch<'_>) -> crate::error::Result<u64> {
        let tenant = self.tenant_code(ask.tenant)?;
        let key = structure_key(ask.structure, ask.strict);
        if ask.tenant.is_empty() && self.first(By::Structure, key).is_none() {
            return Ok(0);
        }
        let (index, keys) = (&self.registry.by_structure, &self.registry.keys);
        let older = |model: &u32| Some(self.models[*model as usize].older_alike).filter(|older| *older != NONE);
        let fits = |model: &u32| ask.fits(self.key(*model));
        let first_in = |newest: u32| std::iter::successors(Some(newest), older).find(fits);
        let found = if ask.tenant.is_empty() {
            let partition_of = |sequence| self.partitions.by_sequence(sequence);
            index.all(&self.by_structure, keys, key, partition_of).find_map(first_in)
        } else {
            // `global` is the first of all partitions.
            let partitions = [Some(GLOBAL_INDEX), self.partitions.find(tenant)];
            let newest = |at| index.newest(keys, key, at).map(|(model, _)| model);
            partitions.into_iter().flatten().filter_map(newest).find_map(first_in)
        };
        Ok(self.found(found))
    }

    /// As [`find_model`], under the lock.
    pub(super) fn find_model(&mut self, tenant: Option<&str>, name: &[u8]) -> crate::error::Result<u64> {
        let code = tenant.map(|code| self.tenant_code(code)).transpose()?;
        let Some(atom) = self.registry.names.known(name) else { return Ok(0) };
        let model = match code {
            None => self.first(By::Name, atom),
            Some(code) => self.partitions.find(code).and_then(|partition| self.newest(atom, partition)),
        };
        Ok(self.found(model))
    }

    /// The handle of a model that was found, which is a use of its partition.
    fn found(&mut self, model: Option<u32>) -> u64 {
        let Some(model) = model else { return 0 };
        let partition = self.partition_of(model);
        self.partitions.touch(partition);
        self.model_handle(model)
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
