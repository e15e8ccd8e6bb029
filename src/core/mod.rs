//! The registry itself, without raw pointers of the host and without the C layer.

pub(crate) mod apply;
pub mod batch;
pub mod change;
pub(crate) mod clock;
pub(crate) mod counters;
pub mod current;
mod dropping;
pub mod due;
pub(crate) mod fallible;
pub mod handle;
pub(crate) mod index;
pub(crate) mod leaks;
mod link;
pub mod list;
pub(crate) mod lock;
pub mod log;
pub(crate) mod memory;
pub mod model;
pub(crate) mod names;
pub mod owner;
pub mod partition;
pub(crate) mod places;
pub mod query;
pub mod quick;
pub mod registry;
pub mod release;
pub(crate) mod schemas;
pub mod short;
pub mod snapshot;
mod spawn;
pub(crate) mod state;
pub mod sweeper;
pub(crate) mod table;
pub mod tenant;
pub(crate) mod thread_end;
pub mod watcher;

/// What the files are made of whose protocols are tested with a model checker: the tests put the checker's own in its place.
use std::sync::atomic as atomics;

/// A static of those files: the tests make it anew for every order that they try.
macro_rules! shared {
    ($($item:item)*) => { $($item)* };
}
use shared;
