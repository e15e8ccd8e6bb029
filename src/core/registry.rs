//! Registries: what lives as long as the process, and how a handle finds it.
//!
//! A registry's number, its tables and its lock are made once and never freed; destroying a registry empties it and lets
//! the next one have its number, whose slots go on counting generations. So a call that comes too late, with a handle of
//! a destroyed registry, reads memory that is there and finds that its generation has passed.

use std::sync::Arc;

use once_cell::sync::{Lazy, OnceCell};

use crate::error::{Error, Result, Status};

use super::atomics::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use super::counters::Counters;
use super::due::{Due, DueList};
use super::handle::{self, MAX_REGISTRIES, MAX_SLOTS, Parts, Tag};
use super::index::{By, Changes, Index, ModelKey};
use super::list::{List, live_identity};
use super::lock::{Guard, Rank, Ranked};
use super::memory::{Atomics, Table};
use super::names::Names;
use super::places::Places;
use super::release::ReleaseQueue;
use super::state::State;

/// What stays of an owner: 16 bytes.
#[cfg_attr(loom, derive(Default))]
#[repr(C, align(16))]
pub(crate) struct OwnerSlot {
    /// The identity of the owner that has the slot now, 0 if none has.
    pub identity: AtomicU64,
    /// The owner's freshness word. It goes on through every owner of the slot and never repeats a value.
    pub freshness: AtomicU64,
}

// SAFETY: every field is an atomic integer.
unsafe impl Atomics for OwnerSlot {}

impl OwnerSlot {
    /// Whether the slot is of the owner with this generation, which is registered.
    #[inline(always)]
    pub fn is_of(&self, generation: u32) -> bool {
        self.identity.load(Ordering::Acquire) as u32 == live_identity(generation)
    }

    /// Raises the freshness word, of the owner whose list this is; gives its new value.
    #[inline(always)]
    pub fn refresh(&self, list: &List) -> u64 {
        // No stamp comes back, nor those that clears gave without raising the word.
        let value = self.freshness.load(Ordering::Relaxed).max(list.last_stamp()) + 1;
        self.freshness.store(value, Ordering::Release);
        value
    }
}

/// The limits and settings of a registry.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most models that may be registered at once.
    pub max_models: u32,
    /// The most owners that may be registered at once.
    pub max_owners: u32,
    /// Tenant codes that stand for `global`.
    pub reserved_tenants: Vec<String>,
    /// Where `user_data` without a destructor goes when it is due.
    pub release_queue: Option<Arc<ReleaseQueue>>,
}

impl Default for Options {
    fn default() -> Self {
        Options { max_models: MAX_SLOTS, max_owners: MAX_SLOTS, reserved_tenants: Vec::new(), release_queue: None }
    }
}

/// One container of owners, models and tenants.
#[repr(C)]
pub struct Registry {
    /// The registry's freshness word: raised by what changes many owners at once.
    pub(crate) word: AtomicU64,
    /// Raised by clear and destroy: a list that was built under an earlier value is empty, a model registered under one is
    /// stale. Raised as well where a tenant of many models is dropped: what is of an earlier value has to be looked at then.
    pub(crate) epoch: AtomicU64,
    /// How often the number was used, as it stands in the registry's handle; `GONE` while no registry has it.
    generation: AtomicU64,
    /// What the generation was before the number was first used.
    before_first: u64,
    /// The epoch that the last clear began.
    pub(crate) cleared: AtomicU64,
    pub(crate) owners: Table<OwnerSlot>,
    pub(crate) lists: Table<List>,
    /// The lists of models on a data source, where they differ from what it owns.
    pub(crate) lists_on: Table<List>,
    pub(crate) models: Table<AtomicU64>,
    pub(crate) keys: Table<ModelKey>,
    pub(crate) names: Names,
    pub(crate) by_name: Index,
    pub(crate) by_structure: Index,
    pub(crate) places: Places,
    /// Apart from what readers of lists look at: every registration writes it.
    pub(crate) changes: Line<Changes>,
    pub(crate) counters: Counters,
    pub(crate) number: u32,
    /// Whether the registry has a release queue: asked by every call that hands in `user_data` without a destructor.
    has_release_queue: AtomicBool,
    state: Ranked<State>,
}

/// A cache line of its own.
#[repr(align(64))]
pub(crate) struct Line<T>(pub T);

impl<T> std::ops::Deref for Line<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

const GONE: u64 = 1 << 63;

super::shared! {
    static REGISTRIES: [AtomicPtr<Registry>; MAX_REGISTRIES + 1] =
        [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_REGISTRIES + 1];

    static NUMBERS: Ranked<Option<Numbers>> = Ranked::new(Rank::Registries, None);
}

struct Numbers {
    /// Where this copy of the library starts to number; random, so that two copies differ.
    first: u32,
    made: u32,
    free: Vec<u32>,
}

/// The registry with this number, alive or not.
#[inline(always)]
pub(crate) fn by_number(number: u32) -> Option<&'static Registry> {
    let registry = REGISTRIES.get(number as usize)?.load(Ordering::Acquire);
    // SAFETY: the pointer is null or comes from `Box::leak` in `create` and is never freed.
    unsafe { registry.as_ref() }
}

/// A registry's state, locked: two words, which are handed on in registers.
pub(crate) struct Locked {
    pub registry: &'static Registry,
    pub state: Guard<'static, State>,
}

impl Locked {
    #[inline(always)]
    fn new(registry: &'static Registry, mut state: Guard<'static, State>) -> Self {
        state.unwinding = std::thread::panicking();
        Locked { registry, state }
    }
}

impl Drop for Locked {
    #[inline(always)]
    fn drop(&mut self) {
        // A panic between two steps of a change leaves the state in doubt; what the lock-free readers see is whole.
        if std::thread::panicking() && !self.state.unwinding {
            self.state.poisoned = true;
        }
    }
}

impl std::ops::Deref for Locked {
    type Target = State;
    fn deref(&self) -> &State {
        &self.state
    }
}

impl std::ops::DerefMut for Locked {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Registry {
    /// Takes the registry's lock.
    ///
    /// # Errors
    /// `ERROR_POISONED`.
    #[inline(always)]
    pub(crate) fn lock(&'static self) -> Result<Locked> {
        let state = self.state.lock();
        if state.poisoned {
            return Err(Status::ERROR_POISONED.into());
        }
        Ok(Locked::new(self, state))
    }

    /// As [`Registry::lock`], where nobody has it.
    pub(crate) fn try_lock(&'static self) -> Option<Locked> {
        let state = self.state.try_lock().filter(|state| !state.poisoned)?;
        Some(Locked::new(self, state))
    }

    /// Whether anybody has the registry's lock.
    #[inline(always)]
    pub(crate) fn is_locked(&self) -> bool {
        self.state.is_locked()
    }

    /// Takes the registry's lock, also where the registry is poisoned.
    pub(crate) fn lock_in_doubt(&'static self) -> Locked {
        Locked::new(self, self.state.lock())
    }

    /// The handle under which the registry is known now.
    pub fn handle(&self) -> u64 {
        handle::encode_registry(self.number, self.generation.load(Ordering::Acquire))
    }

    /// Whether the registry is known under this handle now, which has its number.
    #[inline(always)]
    pub(crate) fn still_has(&self, handle: u64) -> bool {
        self.generation.load(Ordering::Acquire) == handle::registry_generation(handle)
    }

    /// Begins a new epoch: all that was built before is empty, all models from before are stale.
    pub(crate) fn forget(&self) {
        self.epoch.store(self.epoch.load(Ordering::Relaxed) + 1, Ordering::Release);
        // After the epoch: who knows that all was cleared must find nothing of before.
        self.cleared.store(self.epoch.load(Ordering::Relaxed), Ordering::Release);
        self.raise_word();
    }

    /// Begins a new epoch, in which nothing of an earlier one is taken for what it was without a look at its partition.
    pub(crate) fn doubt(&self) {
        self.epoch.store(self.epoch.load(Ordering::Relaxed) + 1, Ordering::Release);
        self.raise_word();
    }

    /// Lets every host ask again, whichever owner it asked about.
    pub(crate) fn raise_word(&self) {
        self.word.store(self.word.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// Whether the word of a model's slot is of before the last clear.
    pub(crate) fn is_cleared(&self, word: u64) -> bool {
        let (epoch, cleared) = (self.epoch.load(Ordering::Relaxed), self.cleared.load(Ordering::Relaxed));
        epoch.wrapping_sub(word >> EPOCH_SHIFT) & EPOCH_BITS > epoch.saturating_sub(cleared)
    }

    /// The word of a model's slot, brought to this epoch.
    pub(crate) fn brought(&self, word: u64) -> u64 {
        word & !(EPOCH_BITS << EPOCH_SHIFT) | self.epoch.load(Ordering::Relaxed) << EPOCH_SHIFT
    }

    /// The index by name, or by structure.
    pub(crate) fn index(&self, by: By) -> &Index {
        match by {
            By::Name => &self.by_name,
            By::Structure => &self.by_structure,
        }
    }

    /// What the slot of a model registered now holds.
    pub(crate) fn model_word(&self, generation: u32) -> u64 {
        model_word(generation, self.epoch.load(Ordering::Relaxed))
    }

    /// The handle of a model.
    #[inline(always)]
    pub(crate) fn model_handle(&self, index: u32, uses: u32) -> u64 {
        handle::encode(Tag::Model, Parts { registry: self.number, index, generation: handle::generation(uses) })
    }

    /// The handle of an owner.
    pub(crate) fn owner_handle(&self, index: u32, uses: u32) -> u64 {
        handle::encode(Tag::Owner, Parts { registry: self.number, index, generation: handle::generation(uses) })
    }
}

/// Where the epoch stands in the word of a model's slot, and as many of its bits as there is room for.
const EPOCH_SHIFT: u32 = 24;
const EPOCH_BITS: u64 = u64::MAX >> EPOCH_SHIFT;
/// Set in the word of every registered model.
const REGISTERED: u64 = 1 << 23;

/// The word of a registered model's slot: its generation, a mark, and the epoch that it was registered under, or that it
/// was brought to since.
#[inline(always)]
pub(crate) fn model_word(generation: u32, epoch: u64) -> u64 {
    u64::from(generation) | REGISTERED | epoch << EPOCH_SHIFT
}

/// Whether the word of a model's slot is of this generation, whatever the epoch.
#[inline(always)]
pub(crate) fn is_of(word: u64, generation: u32) -> bool {
    word & !(EPOCH_BITS << EPOCH_SHIFT) == u64::from(generation) | REGISTERED
}

/// Makes a registry and gives its handle.
///
/// # Errors
/// `ERROR_FULL` when 8,191 registries are alive, `ERROR_OUT_OF_MEMORY`.
pub fn create(options: Options) -> Result<u64> {
    super::names::draw_key();
    super::memory::know_processor();
    Lazy::force(&handle::GENERATION_BASE);
    let mut numbers = NUMBERS.lock();
    let numbers = numbers.get_or_insert_with(|| Numbers {
        first: (handle::random_word() % MAX_REGISTRIES as u64) as u32,
        made: 0,
        free: Vec::new(),
    });
    // What a destroyed registry still has held by the host counts for the registry that has its number, so one that has
    // nothing left is preferred.
    let clean = numbers
        .free
        .iter()
        .position(|number| by_number(*number).is_some_and(|registry| registry.state.lock().is_clean()));
    let registry = match clean {
        Some(at) => numbers.free.swap_remove(at),
        None if (numbers.made as usize) < MAX_REGISTRIES => new_number(numbers)?,
        None => numbers.free.pop().ok_or_else(|| {
            Error::new(
                Status::ERROR_FULL,
                "registry",
                format!("{MAX_REGISTRIES} registries are alive, which is the limit; destroy one first"),
            )
        })?,
    };
    let registry = by_number(registry).ok_or(Status::ERROR_INTERNAL)?;
    let mut state = registry.state.lock();
    registry.has_release_queue.store(options.release_queue.is_some(), Ordering::Relaxed);
    let opened = state.open(options, &registry.places);
    state.hits_before = registry.counters.hits();
    state.misses_before = registry.counters.misses();
    state.reused_before = registry.counters.reused();
    drop(state);
    if let Err(error) = opened {
        numbers.free.push(registry.number);
        return Err(error);
    }
    let generation = registry.generation.load(Ordering::Relaxed);
    registry.generation.store((generation & !GONE) + 1, Ordering::Release);
    Ok(registry.handle())
}

fn new_number(numbers: &mut Numbers) -> Result<u32> {
    // `destroy` must not fail, so there is room for every number on the list of free ones.
    numbers.free.try_reserve(numbers.made as usize + 1).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
    let number = (numbers.first + numbers.made) % MAX_REGISTRIES as u32 + 1;
    // Random, so that two copies of the library differ, and far from the end of the bits that a handle has for it.
    let before_first = handle::random_word() >> 20;
    let registry = Box::new(Registry {
        word: AtomicU64::new(1),
        epoch: AtomicU64::new(1),
        generation: AtomicU64::new(GONE | before_first),
        before_first,
        cleared: AtomicU64::new(1),
        owners: Table::new(),
        lists: Table::new(),
        lists_on: Table::new(),
        models: Table::new(),
        keys: Table::new(),
        names: Names::new(),
        by_name: Index::new(By::Name),
        by_structure: Index::new(By::Structure),
        places: Places::new(),
        changes: Line(Changes::default()),
        counters: Counters::new(),
        number,
        has_release_queue: AtomicBool::new(false),
        state: Ranked::new(Rank::State, State::default()),
    });
    REGISTRIES[number as usize].store(Box::leak(registry), Ordering::Release);
    numbers.made += 1;
    Ok(number)
}

static DEFAULT: OnceCell<u64> = OnceCell::new();

/// The handle of the process-wide registry, made on first use.
///
/// # Errors
/// As [`create`].
pub fn default_registry() -> Result<u64> {
    DEFAULT.get_or_try_init(|| create(Options::default())).copied()
}

/// The registry of a registry's handle.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle.
#[inline(always)]
pub fn resolve(value: u64) -> Result<&'static Registry> {
    find(value).map_err(|status| handle::error(Tag::Registry, value, status))
}

#[inline(always)]
pub(super) fn find(value: u64) -> std::result::Result<&'static Registry, Status> {
    let (number, generation) = handle::decode_registry(value)?;
    let registry = by_number(number).ok_or(Status::ERROR_FOREIGN_HANDLE)?;
    let current = registry.generation.load(Ordering::Acquire);
    if current == generation {
        return Ok(registry);
    }
    let given_out = registry.before_first + 1..=current & !GONE;
    Err(if given_out.contains(&generation) { Status::ERROR_STALE_HANDLE } else { Status::ERROR_FORGED_HANDLE })
}

/// Takes the lock of the registry of a registry's handle, which then cannot be destroyed meanwhile.
///
/// # Errors
/// As [`resolve`], and `ERROR_POISONED`.
#[inline(always)]
pub(crate) fn resolve_locked(value: u64) -> Result<Locked> {
    let registry = resolve(value)?;
    let locked = registry.lock()?;
    resolve(value)?;
    Ok(locked)
}

/// As [`resolve_locked`], for a call that was handed `user_data`: where the registry's handle is refused, there is no queue
/// to put it into, and it stays the caller's.
#[inline(always)]
pub(crate) fn resolve_locked_for(value: u64, due: &mut Option<Box<Due>>) -> Result<Locked> {
    resolve_locked(value).inspect_err(|error| {
        if error.status() != Status::ERROR_POISONED {
            due.take_if(|due| due.is_queued());
        }
    })
}

/// The release queue of the registry of a registry's handle, where it has one.
///
/// # Errors
/// As [`resolve`].
pub fn release_queue(value: u64) -> Result<Option<Arc<ReleaseQueue>>> {
    let registry = resolve(value)?;
    if !registry.has_release_queue.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let locked = registry.lock_in_doubt();
    resolve(value)?;
    Ok(locked.options.release_queue.clone())
}

/// Destroys a registry: its owners and models are gone, and its handle is stale. Gives the destructors that are due.
///
/// # Errors
/// The status of a null, wrong, foreign, forged or stale handle; `ERROR_INVALID_ARGUMENT` for the default registry.
pub fn destroy(value: u64) -> Result<DueList> {
    if DEFAULT.get() == Some(&value) {
        return Err(Error::new(
            Status::ERROR_INVALID_ARGUMENT,
            "registry",
            "the default registry lives as long as the process and cannot be destroyed; clear it instead",
        ));
    }
    let registry = resolve(value)?;
    let mut state = registry.state.lock();
    let (_, generation) = handle::decode_registry(value)?;
    if registry.generation.compare_exchange(generation, generation | GONE, Ordering::AcqRel, Ordering::Acquire).is_err()
    {
        return Err(handle::error(Tag::Registry, value, Status::ERROR_STALE_HANDLE));
    }
    state.poisoned = false;
    let mut locked = Locked::new(registry, state);
    let due = locked.close();
    drop(locked);
    super::sweeper::forget(value);
    if let Some(numbers) = NUMBERS.lock().as_mut() {
        numbers.free.push(registry.number);
    }
    Ok(due)
}

/// The error for the handle of an owner or a model that does not fit its slot, which was used so often.
#[cold]
pub(crate) fn misfit(tag: Tag, parts: Parts, uses: Option<u32>) -> Error {
    let status = uses.map_or(Status::ERROR_FORGED_HANDLE, |uses| handle::classify(parts.generation, uses));
    handle::error(tag, handle::encode(tag, parts), status)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::due::UserData;
    use super::super::owner::{APP, NewOwner};
    use super::super::partition::DataSourceConfig;
    use super::*;

    #[test]
    fn a_change_that_a_panic_left_begun_ends_with_the_registry() {
        let value = create(Options::default()).expect("a registry");
        let registry = resolve(value).expect("the registry");
        let new = NewOwner {
            kind: APP,
            name: "app",
            config: DataSourceConfig::default(),
            user_data: UserData(std::ptr::null_mut()),
        };
        let owner = registry.lock().expect("the lock").add_owner(new, &mut None).expect("an owner");
        let owner = handle::decode(owner, Tag::Owner).expect("a handle").index;
        let list = registry.lists.get(owner).expect("its list");
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let locked = registry.lock().expect("the lock");
            let _frozen = locked.freeze(std::iter::empty(), &[owner]);
            std::panic::resume_unwind(Box::new("in the middle of a change"));
        }));
        assert!(unwound.is_err() && registry.lock().is_err(), "the registry is in doubt");
        assert!(registry.changes.read().is_none() && list.version() & 1 == 1);
        destroy(value).expect("destroyed");
        // Nobody is changing anything now, whoever has the number.
        let _state = registry.state.lock();
        assert!(registry.changes.read().is_some(), "the next registry can be searched without the lock");
        assert_eq!(list.version() & 1, 0, "the next owner's list can be read");
    }
}
