//! The peers of the benchmark, each behind the table of functions of `driver.h`. Every loop is on this side of the call
//! and compiled for its peer, so that nothing of a peer is called through a pointer.

mod copy_on_write;
mod four;
mod sharded;
mod table;
mod two;
mod without_locks;

use table::{Implementation, implementation};

/// What keeps the models of owners.
pub trait Peer: Default + Sync {
    /// Registers a model, in the place of one of the same name where there is one; gives its id, which is not 0.
    fn register(&self, owner: u64, name: &str, structure: u32) -> u64;
    /// Registers many, where there is a faster way than one by one.
    fn fill(&self, models: &mut dyn Iterator<Item = (u64, &str, u32)>, ids: &mut [u64]) {
        for ((owner, name, structure), id) in models.zip(ids) {
            *id = self.register(owner, name, structure);
        }
    }
    /// Takes one model out.
    fn unregister(&self, owner: u64, name: &str, id: u64);
    /// Takes an owner out, with its models.
    fn release(&self, owner: u64);
    /// Forgets all models.
    fn clear(&self);
    /// Copies the ids of an owner's models, and gives their number.
    fn list(&self, owner: u64, room: &mut [u64]) -> usize;
    /// The model of this name; 0 for none.
    fn get(&self, owner: u64, name: &str) -> u64;
}

/// What those have that keep more indices.
pub trait Finds: Peer {
    fn valid(&self, id: u64) -> bool;
    fn find_name(&self, name: &str) -> u64;
    fn find_structure(&self, structure: u32) -> u64;
}

/// Copies as many ids as there is room for.
#[inline]
fn copy(ids: &[u64], room: &mut [u64]) -> usize {
    let count = ids.len().min(room.len());
    room[..count].copy_from_slice(&ids[..count]);
    ids.len()
}

static TWO: Implementation = implementation::<two::Two>(c"hashbrown + RwLock");
static FOUR: Implementation = implementation::<four::Four>(c"hashbrown + RwLock, 4 indices").finding::<four::Four>();
static SHARDED: Implementation = implementation::<sharded::Sharded>(c"dashmap");
static WITHOUT_LOCKS: Implementation = implementation::<without_locks::WithoutLocks>(c"papaya");
static COPY_ON_WRITE: Implementation =
    implementation::<copy_on_write::CopyOnWrite>(c"arc-swap").slow::<copy_on_write::CopyOnWrite>();

/// The implementations of this program, for the driver.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static implementations: [Option<&'static Implementation>; 6] =
    [Some(&TWO), Some(&FOUR), Some(&SHARDED), Some(&WITHOUT_LOCKS), Some(&COPY_ON_WRITE), None];
