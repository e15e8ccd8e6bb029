//! Answers at once, where nothing is in the way: an owner's list, a model by its name or its structure; and registering
//! one more model of an owner that has a few.
//!
//! This is what hosts do most. Each is done here without a call, a branch or a copy more than it needs; where anything is
//! unusual there is no answer, and whoever asked goes to [`super::query`] or to [`super::model`], which says what it is.

use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;

use super::due::{DueList, UserData};
use super::handle::{self, MAX_USES, Parts};
use super::list::{INLINE, List, Miss, Stamp, Which};
use super::memory;
use super::model::{Home, Place};
use super::names::{Found, Name};
use super::owner::{index_of, locate};
use super::partition::{GLOBAL, GLOBAL_INDEX};
use super::query::StructureSearch;
use super::registry::{Locked, Registry};
use super::state::{NONE, OwnerRecord};

/// Copies the handles of an owner's models; gives how many there are, and the stamp where that is wanted.
#[inline(always)]
pub fn list<const STAMPED: bool>(owner: u64, kind: u32, out: &mut [MaybeUninit<u64>]) -> Option<(usize, Stamp)> {
    let (registry, parts) = locate(owner).ok()?;
    let words = (&registry.epoch, &registry.word);
    let list = registry.lists.get(parts.index)?;
    let (answer, stamp) = list.copy_at_once::<STAMPED, false>(parts.generation, kind, words, out)?;
    Some((registry.count((list, answer)), stamp))
}

/// As [`list`], of a list that was asked since it was changed, on a thread that has counted before: without a call.
#[inline(always)]
pub fn list_asked(owner: u64, kind: u32, out: &mut [MaybeUninit<u64>]) -> Option<usize> {
    let (registry, parts) = locate(owner).ok()?;
    let list = registry.lists.get(parts.index)?;
    let line = registry.counters.line_at_once()?;
    let words = (&registry.epoch, &registry.word);
    let (answer, _) = list.copy_at_once::<false, true>(parts.generation, kind, words, out)?;
    line.hit();
    Some(answer.count)
}

/// The stamp of an owner's list that a clear has emptied, where somebody has the lock, who may be the one who clears: whoever asks all
/// the while sees the clear before the code for it is in any cache.
#[inline(always)]
pub fn emptied(owner: u64, kind: u32) -> Option<Stamp> {
    let (registry, parts) = locate(owner).ok()?;
    let list = registry.lists.get(parts.index)?;
    let mut stamp = Stamp::default();
    let miss = list.copy(&registry.ask(parts, kind), Which::Owned, &mut [], &mut stamp).err()?;
    if miss != Miss::Emptied || !registry.is_locked() {
        return None;
    }
    registry.counters.hit();
    Some(stamp)
}

/// The handle of the owner's model of this name, which may be hashed already; 0 where it has none.
#[inline(always)]
pub fn get<'a>(owner: u64, kind: u32, name: impl Name<'a>) -> Option<u64> {
    let (registry, parts) = locate(owner).ok()?;
    let Some(found) = registry.names.find_at_once(name)? else { return get_nothing(registry, parts) };
    get_found(registry, parts, kind, found)
}

/// As [`get`], of a short name in a short list: without a call.
#[inline(always)]
pub fn get_short(owner: u64, kind: u32, name: &[u8]) -> Option<u64> {
    let (registry, parts) = locate(owner).ok()?;
    let Some(found) = registry.names.find_short(name)? else { return get_nothing(registry, parts) };
    let list = registry.lists.get(parts.index)?;
    let model = list.find_at_once::<true>(parts.generation, kind, &registry.epoch, found.atom)?;
    found.still().then_some(model)
}

/// As [`get`], of a name that was found before, if that is still there.
#[inline(always)]
pub fn get_found(registry: &Registry, parts: Parts, kind: u32, found: Found) -> Option<u64> {
    let list = registry.lists.get(parts.index)?;
    let model = list.find_at_once::<false>(parts.generation, kind, &registry.epoch, found.atom)?;
    found.still().then_some(model)
}

/// As [`get`], of a name that no model has.
#[inline(always)]
pub fn get_nothing(registry: &Registry, parts: Parts) -> Option<u64> {
    // Not in its list, which is much farther away than where all owners stand side by side.
    registry.owners.get(parts.index)?.is_of(parts.generation).then_some(0)
}

/// The model of this name in a registry, or in the tenant with this code; there is no answer where there is no model.
#[inline(always)]
pub fn find_model(handle: u64, tenant: Option<&[u8]>, name: &[u8]) -> Option<u64> {
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

/// As [`find_model`], of a short name in all of a registry, whose partition was used in this tick: without a call.
#[inline(always)]
pub fn find_short(handle: u64, name: &[u8]) -> Option<u64> {
    let registry = super::registry::find(handle).ok()?;
    let version = registry.changes.read()?;
    let atom = registry.names.find_short(name)??.atom;
    let known = registry.by_name.first_at_once(&registry.keys, atom)?;
    registry.found_at_once(handle, version, known)
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
        let tenant = registry.places.code_at_once(ask.tenant.as_bytes())?;
        index.newest_in(keys, key, GLOBAL_INDEX, tenant)?
    };
    if !ask.fits(model.1) {
        return None;
    }
    registry.found(handle, version, model)
}

/// What a model is to be that has one owner, and no settings, no destructor and nothing else of its own.
pub struct PlainModel<'a> {
    /// The name; plain text, and not empty.
    pub name: &'a [u8],
    /// The handle of the data source, or 0.
    pub data_source: u64,
    /// The handle of the app, or of an owner of a host's kind, or 0. One of the two is not.
    pub app: u64,
    /// The handle of its schema, which is one, or 0.
    pub schema: u64,
    /// Bits of the host's own, by which a search passes the model over.
    pub marks: u32,
    /// The host's pointer.
    pub user_data: UserData,
}

/// How many registrations there are for each time that what was left behind is taken back.
const RECLAIMING: u32 = 8;

/// The records of no more models lie in the second cache: 512 KiB.
const NEAR: usize = 1 << 13;

/// Registers a model of a name and a schema that other models have, where its owner has a short list, and nobody is told of it.
#[inline(never)]
pub fn register(handle: u64, new: &PlainModel<'_>, gone: &mut DueList) -> Option<u64> {
    let registry = super::registry::find(handle).ok()?;
    let of_source = new.app == 0;
    let (of, Parts { index: owner, generation, .. }) =
        locate(if of_source { new.data_source } else { new.app }).ok()?;
    let (list, slot) = (registry.lists.get(owner)?, registry.owners.get(owner)?);
    list.prefetch_to_write();
    list.prefetch_atoms();
    memory::prefetch(slot);
    let found = registry.names.find_at_once(new.name)??;
    let mut locked = registry.lock().ok()?;
    super::registry::find(handle).ok()?;
    memory::prefetch(&raw const locked.owners.get(owner as usize)?.counted_in);
    // Now and then more, as looking what there is takes as long as taking back some of it.
    if locked.registered_total.is_multiple_of(u64::from(RECLAIMING)) {
        locked.reclaim(2 * RECLAIMING, gone);
    }
    let atom = found.atom;
    if !found.still() || !std::ptr::eq(of, registry) || !list.is_of(generation) {
        return None;
    }
    if !list.is_valid(registry.epoch.load(Ordering::Relaxed)) {
        locked.renew(owner);
    }
    let usual = list.is_short(of_source)
        && !locked.is_watched()
        && (new.user_data.0.is_null() || locked.options.release_queue.is_none());
    if !usual {
        return None;
    }
    // What is about to be touched of a small registry is at hand, and to ask for it would take as long as to wait for it.
    let far = locked.models.len() > NEAR;
    // Most likely the last one of the partition as well, which is found three lines further on.
    if far && let Some(last) = list.used().checked_sub(1) {
        locked.prefetch_record(index_of(list.id_at(last)));
    }
    let schema = if new.schema == 0 { NONE } else { locked.schemas.known(new.schema)? };
    let structure = locked.schemas.key(schema);
    if let Some(position) = list.position(atom) {
        return replace(locked, list, owner, position, (schema, structure), new);
    }
    let used = list.used();
    if used == INLINE || locked.live_models >= locked.options.max_models {
        return None;
    }
    locked.reserve_indices(1).ok()?;
    let OwnerRecord { partition, counted_in, .. } = *locked.owners.get(owner as usize)?;
    if far && let Some(slot) = locked.partitions.slots.get(partition as usize) {
        memory::prefetch_all(slot);
    }
    let mut wanted = registry.wanted(atom, structure, partition);
    if far {
        registry.by_name.prefetch_to_put(&locked.by_name, wanted.0);
        registry.by_structure.prefetch_to_put(&locked.by_structure, wanted.1);
    }
    let (data_source, app) = if of_source { (owner, NONE) } else { (NONE, owner) };
    // Most often the owner counts in its partition already.
    let (home, counts) = match locked.partitions.get(partition).filter(|home| home.sequence == counted_in) {
        Some(home) => {
            if far && let Some(last) = locked.models.get(home.last as usize) {
                memory::prefetch(last);
            }
            (Home::There(partition), true)
        }
        None => {
            let known = locked.home(data_source, app, GLOBAL);
            (locked.prepare_home(known, data_source, app, GLOBAL).ok()?, false)
        }
    };
    // Held before a record is taken: that may let go what a clear left behind, and with it the last use of the atom.
    registry.names.hold(&mut locked.names, atom);
    locked.schemas.use_again(schema);
    let Ok(model) = locked.take_record(gone) else {
        registry.names.release(&mut locked.names, atom);
        locked.schemas.remove(schema);
        locked.unprepare(home);
        return None;
    };

    // Nothing fails from here on. One list is one change by itself.
    let begun = registry.changes.begin();
    let place = if counts { Place { data_source, app, partition } } else { locked.enter(data_source, app, home) };
    if place.partition != partition {
        wanted = registry.wanted(atom, structure, place.partition);
    }
    let key = locked.key(model);
    let id = locked.fill(model, key, (atom, structure), schema, new.marks, new.user_data);
    let freshness = slot.refresh(list);
    let was_asked = list.push_short(used, id, atom, freshness);
    locked.count_invalidation(was_asked);
    locked.link_partition(model, key, structure, place, wanted, false);
    if begun {
        registry.changes.end();
    }
    if matches!(home, Home::Prepared(_)) {
        locked.log_new_tenant(model, gone);
    }
    Some(id)
}

/// Puts a model in the place of the owner's one of its name, where that has the same structure, nobody else holds it, and no
/// newer one of its name or structure is in the partition: into its slot, whose next generation it is.
#[inline(never)]
fn replace(
    mut locked: Locked,
    list: &List,
    owner: u32,
    position: usize,
    (schema, structure): (u32, u32),
    new: &PlainModel<'_>,
) -> Option<u64> {
    let registry = locked.registry;
    let model = index_of(list.id_at(position));
    locked.prefetch_model(model);
    // Most likely those that stand beside it in its partition, and the last one there, as well.
    for beside in [position.wrapping_sub(1), position + 1, list.used().wrapping_sub(1)] {
        locked.prefetch_record(index_of(list.id_at(beside)));
    }
    memory::prefetch_all(locked.partitions.slots.get(locked.owners[owner as usize].partition as usize)?);
    locked.prefetch_neighbours(model);
    let key = locked.key(model);
    let (uses, partition) = (key.uses.load(Ordering::Relaxed) + 1, key.partition.load(Ordering::Relaxed));
    let (data_source, app) = if new.app == 0 { (owner, NONE) } else { (NONE, owner) };
    let record = locked.models.get_mut(model as usize)?;
    let usual = record.is_held_once()
        && (record.data_source, record.app) == (data_source, app)
        && record.newer == NONE
        && record.newer_alike == NONE
        && key.structure.load(Ordering::Relaxed) == structure
        && uses <= MAX_USES;
    if !usual || !registry.places.is_there(partition) {
        return None;
    }
    let slot = registry.models.get(model)?;

    // Nothing fails from here on. Who sees the new one in the list has to see that the old one is stale.
    let begun = registry.changes.begin();
    let frozen = list.freeze();
    let old = std::mem::replace(&mut record.schema, schema);
    record.user_data = new.user_data;
    if old != schema {
        locked.schemas.use_again(schema);
        locked.schemas.remove(old);
    }
    key.uses.store(uses, Ordering::Relaxed);
    key.marks.store(new.marks, Ordering::Relaxed);
    slot.store(registry.model_word(handle::generation(uses)), Ordering::Release);
    let id = registry.model_handle(model, uses);
    let freshness = locked.refresh(owner);
    let was_asked = list.replace(position, id, freshness);
    locked.count_invalidation(was_asked);
    locked.put_last(model, partition);
    if frozen {
        list.thaw();
    }
    if begun {
        registry.changes.end();
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::super::list::ANY_KIND;
    use super::super::model::NewModel;
    use super::super::owner::{APP, NewOwner};
    use super::super::partition::DataSourceConfig;
    use super::super::query;
    use super::super::registry::{Options, create, destroy, resolve};
    use super::*;

    const NOTHING: UserData = UserData(std::ptr::null_mut());

    fn asked(owner: u64) -> (usize, Stamp) {
        let mut stamp = Stamp::default();
        let count = query::list(owner, ANY_KIND, Which::Owned, &mut [], &mut stamp).expect("an answer");
        (count, stamp)
    }

    #[test]
    fn that_a_clear_emptied_a_list_is_known_while_somebody_has_the_lock() {
        let value = create(Options::default()).expect("a registry");
        let registry = resolve(value).expect("the registry");
        let mut gone = DueList::default();
        let new = NewOwner { kind: APP, name: "app", config: DataSourceConfig::default(), user_data: NOTHING };
        let owner = registry.lock().expect("the lock").add_owner(new, &mut None).expect("an owner");
        let model = NewModel {
            name: "User",
            data_source: 0,
            app: owner,
            tenant: "",
            schema: NONE,
            settings: None,
            strict: false,
            marks: 0,
            user_data: NOTHING,
        };
        registry.lock().expect("the lock").register(model, &mut None, &mut gone).expect("a model");
        let before = asked(owner);
        assert_eq!(before.0, 1);
        let mut locked = registry.lock().expect("the lock");
        assert_eq!(emptied(owner, ANY_KIND), None, "it is not empty");
        locked.clear(&mut gone);
        // None of these could come by the lock.
        let stamp = emptied(owner, ANY_KIND).expect("it is empty");
        assert_eq!(asked(owner), (0, stamp));
        assert_ne!(stamp.stamp, before.1.stamp, "the stamp of an empty list");
        assert!(stamp.registry > before.1.registry, "the freshness word that the clear raised");
        assert_eq!(emptied(owner ^ 1, ANY_KIND), None, "of no owner");
        assert_eq!(emptied(owner, ANY_KIND + 1), None, "of another kind, which is no question about the list");
        drop(locked);
        assert_eq!(emptied(owner, ANY_KIND), None, "who can have the lock says that it was asked");
        assert_eq!(asked(owner), (0, stamp), "the same list, brought over");
        destroy(value).expect("destroyed");
    }
}
