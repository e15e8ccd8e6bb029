//! Many questions in one call.
//!
//! Where there are more owners than the caches have room for, a question waits for memory most of its time: for the
//! owner's list, and a look-up for the name's place, its atom and its bytes as well, one after the other. Here memory is asked
//! for what later questions need before this one is answered, a step at a time, each step eight questions behind the one
//! before it: what a step reads has arrived when it comes to it. What the steps before the answer read is a hint, which nobody
//! relies on; the answer is that of a single call. Short lists, and names that are few, take one step, and what takes more is
//! done only once there is something of the kind: each step costs a third of what a call does.

use std::mem::MaybeUninit;
use std::ptr;

use crate::error::{Result, Status};

use super::list::{INLINE, List, Stamp, Which};
pub use super::memory::prefetch;
use super::names::{Found, Names, Wanted};
use super::owner::locate;
use super::query;
use super::quick;
use super::registry::Registry;

/// How many questions lie between two steps. With more, more lines would be asked for at once than a core can wait for, with
/// fewer they would not be there in time.
const AHEAD: usize = 8;
/// How many questions lie between the first step and the answer.
const LEAD: usize = 3 * AHEAD;
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
/// `each`, for each owner in turn, how many it has, or why there is no answer; and the list's stamp, if it is wanted. Gives how
/// many there are in all.
#[inline(always)]
pub fn lists<const STAMPED: bool>(
    owners: &[u64],
    kind: u32,
    out: &mut [MaybeUninit<u64>],
    mut each: impl FnMut(usize, std::result::Result<usize, Status>, Stamp),
) -> usize {
    let ask = |owner: &u64| {
        if let Some((_, list)) = place_of(*owner) {
            list.prefetch();
        }
    };
    owners.iter().take(LEAD).for_each(ask);
    let (mut total, mut any_long) = (0_usize, false);
    for (position, owner) in owners.iter().enumerate() {
        owners.get(position + LEAD).inspect(|owner| ask(owner));
        if any_long {
            ask_for_long(owners, position);
        }
        let room = out.get_mut(total..).unwrap_or_default();
        let (answer, stamp) = match quick::list::<STAMPED>(*owner, kind, room) {
            Some((copied, stamp)) => (Ok(copied), stamp),
            None => list_alone(*owner, kind, room),
        };
        let copied = answer.unwrap_or(0);
        any_long |= copied > INLINE;
        total = total.saturating_add(copied);
        each(position, answer, stamp);
    }
    total
}

/// Asks for the ids of long lists.
#[inline(never)]
fn ask_for_long(owners: &[u64], position: usize) {
    let long = |ahead| Some(place_of(*owners.get(position + ahead)?)?.1).filter(|list| list.is_long());
    long(2 * AHEAD).inspect(|list| list.prefetch_atoms());
    long(AHEAD).inspect(|list| list.prefetch_long_ids());
}

#[inline(never)]
fn list_alone(owner: u64, kind: u32, room: &mut [MaybeUninit<u64>]) -> (std::result::Result<usize, Status>, Stamp) {
    let mut stamp = Stamp::default();
    let answer = query::list(owner, kind, Which::Owned, room, &mut stamp);
    (answer.map_err(|error| error.status()), stamp)
}

/// Hands to `each`, for each question in turn, the handle of the owner's model of this name, 0 where it has none, or why
/// there is no answer; and the name. `owner` and `name` give those of a question, `soon` hears before whose name is next.
#[inline(always)]
pub fn look_up<'a>(
    count: usize,
    kind: u32,
    owner: impl Fn(usize) -> u64,
    soon: impl Fn(usize),
    name: impl Fn(usize) -> Result<&'a [u8]>,
    mut each: impl FnMut(usize, std::result::Result<u64, Status>, &'a [u8]),
) {
    let near = look_up_near(count, kind, &owner, &soon, &name, &mut each);
    if near < count {
        let (owner, soon, name) = (|at| owner(near + at), |at| soon(near + at), |at| name(near + at));
        look_up_far(count - near, kind, owner, soon, name, |at, answer, name| each(near + at, answer, name));
    }
}

/// Answers as long as the questions that are on their way are about short lists, and names are few. Gives how many.
#[inline(always)]
fn look_up_near<'a>(
    count: usize,
    kind: u32,
    owner: &impl Fn(usize) -> u64,
    soon: &impl Fn(usize),
    name: &impl Fn(usize) -> Result<&'a [u8]>,
    each: &mut impl FnMut(usize, std::result::Result<u64, Status>, &'a [u8]),
) -> usize {
    let mut flying = [None::<&List>; FLYING];
    let mut known = [None::<Known>; MOST_KNOWN];
    (0..count.min(LEAD + AHEAD)).for_each(soon);
    for time in 0..count + LEAD {
        if time < count
            && let Some((registry, list)) = place_of(owner(time))
        {
            list.prefetch();
            list.prefetch_atoms();
            if registry.names.are_many() {
                return time.saturating_sub(LEAD);
            }
            flying[time % FLYING] = Some(list);
        }
        let Some(position) = time.checked_sub(LEAD) else { continue };
        let (later, next) = (time + AHEAD, position + AHEAD);
        if later < count {
            soon(later);
        }
        if next < count && flying[next % FLYING].is_some_and(List::is_long) {
            return position;
        }
        let owner = owner(position);
        match name(position) {
            Ok(name) => {
                let answer = get_near(owner, kind, name, &mut known);
                each(position, answer.map_or_else(|| get_alone(owner, kind, name), Ok), name);
            }
            Err(error) => each(position, Err(error.status()), &[]),
        }
    }
    count
}

/// A name that was asked for in this call, known by its address: hosts have few names, and ask for each many times.
#[derive(Clone, Copy)]
struct Known {
    registry: *const Registry,
    name: *const [u8],
    found: Found,
}

/// How many names are known at most.
const MOST_KNOWN: usize = 32;

#[inline(always)]
fn get_near(owner: u64, kind: u32, name: &[u8], known: &mut [Option<Known>; MOST_KNOWN]) -> Option<u64> {
    let (registry, parts) = locate(owner).ok()?;
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4).
    let product = (name.as_ptr().addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let place = &mut known[(product >> (u64::BITS - MOST_KNOWN.trailing_zeros())) as usize];
    if let Some(one) = *place
        && ptr::eq(one.registry, registry)
        && ptr::eq(one.name, name)
    {
        return quick::get_found(registry, parts, kind, one.found);
    }
    let Some(found) = registry.names.find_at_once(name)? else { return quick::get_nothing(registry, parts) };
    *place = Some(Known { registry, name, found });
    quick::get_found(registry, parts, kind, found)
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

/// As [`look_up`], whatever the questions are about.
fn look_up_far<'a>(
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
                && let Some(atom) = names.likely(wanted)
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
