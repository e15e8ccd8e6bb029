//! Many questions in one call.
//!
//! Where there are more owners than the caches have room for, a question waits for memory most of its time: for the
//! owner's list, and a look-up for the name's place, its atom and its bytes as well, one after the other. Here questions
//! are asked in groups, and in steps: while one group is answered, the memory of the next ones is on its way, each group
//! one step behind the one after it, so that what a step reads has arrived when it comes to it. What the steps before the
//! answer read is a hint, which nobody relies on; the answer is that of a single call.

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::error::{Result, Status};

use super::handle::Parts;
use super::list::{List, Stamp, Which};
pub use super::memory::prefetch;
use super::names::Hashed;
use super::owner::locate;
use super::query;
use super::registry::Registry;

/// How many questions are on the same step. More would ask for more lines at once than a core can wait for, fewer would
/// not have them there in time.
const GROUP: usize = 8;
/// How many questions are on their way at most: as many groups as a look-up has steps, and a power of two.
const FLYING: usize = 8 * GROUP;

/// The questions that are on a step, where each is one group behind the one before.
#[inline(always)]
fn on_step(step: usize, time: usize, count: usize) -> Range<usize> {
    match time.checked_sub(step) {
        Some(group) => (group * GROUP).min(count)..((group + 1) * GROUP).min(count),
        None => 0..0,
    }
}

/// How many groups there are time for until `count` questions have taken the last of their steps.
fn times(count: usize, last: usize) -> Range<usize> {
    0..count.div_ceil(GROUP) + last
}

/// Where an owner's handle leads to, whether it is valid or not.
#[derive(Clone, Copy)]
struct Place {
    registry: &'static Registry,
    parts: Parts,
    own: &'static List,
}

impl Place {
    #[inline(always)]
    fn of(owner: u64) -> Option<Place> {
        let (registry, parts) = locate(owner).ok()?;
        Some(Place { registry, parts, own: registry.lists.get(parts.index)? })
    }
}

/// Copies the handles of the models of many owners, one list after the other, as many as `out` has room for. Hands to
/// `each`, for each owner in turn, how many it has, or why there is no answer. Gives how many there are in all.
pub fn lists(
    owners: &[u64],
    kind: u32,
    out: &mut [MaybeUninit<u64>],
    mut each: impl FnMut(usize, std::result::Result<usize, Status>, Stamp),
) -> usize {
    const ANSWER: usize = 3;
    let count = owners.len();
    let mut places = [None::<Place>; FLYING];
    let mut total: usize = 0;
    for time in times(count, ANSWER) {
        for position in on_step(0, time, count) {
            let place = Place::of(owners[position]);
            if let Some(Place { own, .. }) = place {
                own.prefetch();
            }
            places[position % FLYING] = place;
        }
        for position in on_step(1, time, count) {
            if let Some(Place { own, .. }) = places[position % FLYING]
                && own.is_long()
            {
                own.prefetch_atoms();
            }
        }
        for position in on_step(2, time, count) {
            if let Some(Place { own, .. }) = places[position % FLYING]
                && own.is_long()
            {
                own.prefetch_long_ids();
            }
        }
        for position in on_step(ANSWER, time, count) {
            let room = out.get_mut(total..).unwrap_or_default();
            let mut stamp = Stamp::default();
            let quick = places[position % FLYING].and_then(|place| {
                let answer =
                    place.own.copy(&place.registry.ask(place.parts, kind), Which::Owned, room, &mut stamp).ok()?;
                Some(place.registry.count((place.own, answer)))
            });
            let answer = match quick {
                Some(copied) => Ok(copied),
                None => list_alone(owners[position], kind, room, &mut stamp),
            };
            total = total.saturating_add(answer.unwrap_or(0));
            each(position, answer, stamp);
        }
    }
    total
}

#[cold]
#[inline(never)]
fn list_alone(
    owner: u64,
    kind: u32,
    room: &mut [MaybeUninit<u64>],
    stamp: &mut Stamp,
) -> std::result::Result<usize, Status> {
    query::list(owner, kind, Which::Owned, room, stamp).map_err(|error| error.status())
}

/// A look-up that is on its way.
#[derive(Clone, Copy)]
struct LookUp<'a> {
    place: Option<Place>,
    name: std::result::Result<&'a [u8], Status>,
    hashed: Hashed,
    /// The atom that the name has, by the first place that the index has for it; 0 where it says nothing.
    likely: u32,
}

/// Hands to `each`, for each question in turn, the handle of the owner's model of this name, 0 where it has none, or why
/// there is no answer; and the name. `owner` and `name` give those of a question, `soon` hears before whose name is next.
pub fn look_up<'a>(
    count: usize,
    kind: u32,
    owner: impl Fn(usize) -> u64,
    soon: impl Fn(usize),
    name: impl Fn(usize) -> Result<&'a [u8]>,
    mut each: impl FnMut(usize, std::result::Result<u64, Status>, &'a [u8]),
) {
    const ANSWER: usize = 4;
    let nothing = LookUp { place: None, name: Ok(&[]), hashed: Hashed::default(), likely: 0 };
    let mut flying = [nothing; FLYING];
    for time in times(count, ANSWER) {
        on_step(0, time, count).for_each(&soon);
        for position in on_step(1, time, count) {
            let name = name(position).map_err(|error| error.status());
            let hashed = Hashed::of(name.unwrap_or_default());
            let place = Place::of(owner(position));
            if let Some(Place { registry, own, .. }) = place {
                own.prefetch();
                own.prefetch_atoms();
                registry.names.prefetch_place(hashed);
            }
            flying[position % FLYING] = LookUp { place, name, hashed, likely: 0 };
        }
        for position in on_step(2, time, count) {
            let question = &mut flying[position % FLYING];
            if let Some(Place { registry, own, .. }) = question.place
                && let Some(atom) = registry.names.likely(question.hashed)
            {
                question.likely = atom;
                registry.names.prefetch_atom(atom);
                if own.is_long() {
                    own.prefetch_long_place(atom);
                }
            }
        }
        for position in on_step(3, time, count) {
            let question = &flying[position % FLYING];
            if let Some(Place { registry, own, .. }) = question.place
                && question.likely != 0
            {
                registry.names.prefetch_long(question.likely, question.name.unwrap_or_default());
                if own.is_long() {
                    own.prefetch_long_entry(question.likely);
                }
            }
        }
        for position in on_step(ANSWER, time, count) {
            let question = &flying[position % FLYING];
            let answer = question.name.and_then(|name| match find(question, kind, name) {
                Some(model) => Ok(model),
                None => get_alone(owner(position), kind, name),
            });
            each(position, answer, question.name.unwrap_or_default());
        }
    }
}

/// One try, as [`query::get`] makes them; `None` where that gives no answer.
#[inline(always)]
fn find(question: &LookUp<'_>, kind: u32, name: &[u8]) -> Option<u64> {
    let Place { registry, parts, own } = question.place?;
    let found = registry.names.find_hashed(question.hashed, name)?;
    let model = own.find_at_once(parts.generation, kind, &registry.epoch, found.atom)?;
    // The atom has to have stood for this name all the while, else the entry is of another one.
    found.still().then_some(model)
}

#[cold]
#[inline(never)]
fn get_alone(owner: u64, kind: u32, name: &[u8]) -> std::result::Result<u64, Status> {
    query::get(owner, kind, name).map_err(|error| error.status())
}
