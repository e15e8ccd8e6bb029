//! Answers at once, where nothing is in the way: an owner's short list that is built, a model by its name or its
//! structure.
//!
//! These are the questions that hosts ask most. Each is answered here without a call, a branch or a copy more than it needs;
//! where anything is unusual there is no answer, and whoever asked goes to [`super::query`], which says what it is.

use std::mem::MaybeUninit;

use super::list::Stamp;
use super::owner::locate;
use super::partition::GLOBAL_INDEX;
use super::query::StructureSearch;

/// Copies the handles of an owner's models; gives how many there are, and the stamp where that is wanted.
#[inline(always)]
pub fn list<const STAMPED: bool>(owner: u64, kind: u32, out: &mut [MaybeUninit<u64>]) -> Option<(usize, Stamp)> {
    let (registry, parts) = locate(owner).ok()?;
    let words = (&registry.epoch, &registry.word);
    let answer = registry.lists.get(parts.index)?.copy_short::<STAMPED>(parts.generation, kind, words, out)?;
    registry.counters.hit();
    Some(answer)
}

/// The handle of the owner's model of this name; 0 where it has none.
#[inline(always)]
pub fn get(owner: u64, kind: u32, name: &[u8]) -> Option<u64> {
    let (registry, parts) = locate(owner).ok()?;
    let list = registry.lists.get(parts.index)?;
    let Some(found) = registry.names.find_at_once(name)? else {
        return list.is_of(parts.generation).then_some(0);
    };
    let model = list.find_at_once(parts.generation, kind, &registry.epoch, found.atom)?;
    found.still().then_some(model)
}

/// The model of this name in a registry, or in one tenant; there is no answer where there is no model.
#[inline(always)]
pub fn find_model(handle: u64, tenant: Option<&str>, name: &[u8]) -> Option<u64> {
    let registry = super::registry::find(handle).ok()?;
    let version = registry.changes.read()?;
    // What is found was registered all the while, if nothing has changed, so the atom has stood for one name.
    let atom = registry.names.find_at_once(name)??.atom;
    let model = match tenant {
        None => registry.by_name.first(&registry.keys, atom)?,
        Some(code) => registry.by_name.newest(&registry.keys, atom, registry.places.code_at_once(code)?)?,
    };
    registry.found(handle, version, model)
}

/// The newest model of a structure that fits; there is no answer where there is no model, or where older ones have to be
/// looked at.
#[inline(always)]
pub fn find_structure(handle: u64, ask: &StructureSearch<'_>) -> Option<u64> {
    let registry = super::registry::find(handle).ok()?;
    let version = registry.changes.read()?;
    let (index, keys, key) = (&registry.by_structure, &registry.keys, ask.key()?);
    let model = if ask.tenant.is_empty() {
        index.first(keys, key)?
    } else {
        let tenant = registry.places.code_at_once(ask.tenant)?;
        index.newest_in(keys, key, GLOBAL_INDEX, tenant)?
    };
    if !ask.fits(keys.get(model)?) {
        return None;
    }
    registry.found(handle, version, model)
}
