//! Many questions in one call.
//!
//! Where there are more owners than the caches have room for, a question waits for memory most of its time: for the
//! owner's list, and a look-up for the name's place, its atom and its bytes as well, one after the other. Here each question
//! takes a few steps, and each step is eight questions behind the one before it: while one question is answered, the memory
//! of the next ones is on its way, and what a step reads has arrived when it comes to it. What the steps before the answer
//! read is a hint, which nobody relies on; the answer is that of a single call.

use std::mem::MaybeUninit;

use crate::error::{Result, Status};

use super::list::{List, Stamp, Which};
pub use super::memory::prefetch;
use super::names::{Names, Wanted};
use super::owner::locate;
use super::query;
use super::quick;
use super::registry::Registry;

/// How many questions lie between two steps. With more, more lines would be asked for at once than a core can wait for, with
/// fewer they would not be there in time.
const AHEAD: usize = 8;
/// For how many questions is noted what their first steps found: as many as are on their way, and a power of two.
const FLYING: usize = 4 * AHEAD;

/// Where an owner's handle leads to, whether it is valid or not.
#[inline(always)]
fn place_of(owner: u64) -> Option<(&'static Registry, &'static List)> {
    let (registry, parts) = locate(owner).ok()?;
    Some((registry, registry.lists.get(parts.index)?))
}

/// The question that is on a step, where one after the other takes the first step at these times.
#[inline(always)]
fn on_step(step: usize, time: usize, count: usize) -> Option<usize> {
    time.checked_sub(step * AHEAD).filter(|position| *position < count)
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
    let mut flying = [None::<&List>; FLYING];
    let long = |list: Option<&'static List>| list.filter(|list| list.is_long());
    let mut total: usize = 0;
    for time in 0..count + ANSWER * AHEAD {
        if let Some(position) = on_step(0, time, count) {
            let own = place_of(owners[position]).map(|(_, own)| own);
            own.inspect(|own| own.prefetch());
            flying[position % FLYING] = own;
        }
        if let Some(position) = on_step(1, time, count) {
            long(flying[position % FLYING]).inspect(|own| own.prefetch_atoms());
        }
        if let Some(position) = on_step(2, time, count) {
            long(flying[position % FLYING]).inspect(|own| own.prefetch_long_ids());
        }
        if let Some(position) = on_step(ANSWER, time, count) {
            let owner = owners[position];
            let room = out.get_mut(total..).unwrap_or_default();
            let (answer, stamp) = match quick::list::<true>(owner, kind, room) {
                Some((copied, stamp)) => (Ok(copied), stamp),
                None => list_alone(owner, kind, room),
            };
            total = total.saturating_add(answer.unwrap_or(0));
            each(position, answer, stamp);
        }
    }
    total
}

#[inline(never)]
fn list_alone(owner: u64, kind: u32, room: &mut [MaybeUninit<u64>]) -> (std::result::Result<usize, Status>, Stamp) {
    let mut stamp = Stamp::default();
    let answer = query::list(owner, kind, Which::Owned, room, &mut stamp);
    (answer.map_err(|error| error.status()), stamp)
}

/// What is noted of a look-up on its way that needs more than its owner's short list and one of few names.
#[derive(Clone, Copy, Default)]
struct Far<'a> {
    names: Option<&'static Names>,
    /// The name, hashed once for all steps.
    wanted: Option<Wanted<'a>>,
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
    let mut flying = [None::<&List>; FLYING];
    let (mut any_far, mut far) = (false, [Far::default(); FLYING]);
    let far_of = |registry: &'static Registry, position| Far {
        names: Some(&registry.names),
        wanted: name(position).ok().map(Wanted::new),
        likely: 0,
    };
    for time in 0..count + ANSWER * AHEAD {
        if time < count {
            soon(time);
        }
        if let Some(position) = on_step(1, time, count) {
            let place = place_of(owner(position));
            flying[position % FLYING] = place.map(|(_, own)| own);
            if let Some((registry, own)) = place {
                own.prefetch();
                own.prefetch_atoms();
                if registry.names.are_many() {
                    any_far = true;
                    let question = far_of(registry, position);
                    question.wanted.inspect(|wanted| registry.names.prefetch_place(wanted.hash()));
                    far[position % FLYING] = question;
                }
            }
        }
        if let Some(position) = on_step(2, time, count)
            && let Some(own) = flying[position % FLYING]
            && (any_far || own.is_long())
        {
            any_far = true;
            let question = &mut far[position % FLYING];
            if question.names.is_none()
                && own.is_long()
                && let Some((registry, _)) = place_of(owner(position))
            {
                *question = far_of(registry, position);
            }
            if let Far { names: Some(names), wanted: Some(wanted), .. } = *question
                && let Some(atom) = names.likely(wanted.hash())
            {
                question.likely = atom;
                names.prefetch_atom(atom);
                if own.is_long() {
                    own.prefetch_long_place(atom);
                }
            }
        }
        if any_far
            && let Some(position) = on_step(3, time, count)
            && let Far { names: Some(names), likely: atom @ 1.., .. } = far[position % FLYING]
        {
            names.prefetch_long(atom);
            if let Some(own) = flying[position % FLYING].filter(|own| own.is_long()) {
                own.prefetch_long_entry(atom);
            }
        }
        if let Some(position) = on_step(ANSWER, time, count) {
            let owner = owner(position);
            let known = if any_far { std::mem::take(&mut far[position % FLYING]).wanted } else { None };
            match known.map_or_else(|| name(position).map(Wanted::new), Ok) {
                Ok(wanted) => {
                    let answer = quick::get(owner, kind, wanted);
                    each(position, answer.map_or_else(|| get_alone(owner, kind, wanted.name()), Ok), wanted.name());
                }
                Err(error) => each(position, Err(error.status()), &[]),
            }
        }
    }
}

#[cold]
#[inline(never)]
fn get_alone(owner: u64, kind: u32, name: &[u8]) -> std::result::Result<u64, Status> {
    query::get(owner, kind, name).map_err(|error| error.status())
}
