//! The registry itself, without raw pointers of the host and without the C layer.

pub(crate) mod apply;
pub(crate) mod clock;
pub(crate) mod counters;
pub mod current;
pub mod due;
pub mod handle;
pub mod list;
pub(crate) mod lock;
pub(crate) mod memory;
pub mod model;
pub(crate) mod names;
pub mod owner;
pub mod partition;
pub mod query;
pub mod registry;
pub mod snapshot;
pub(crate) mod state;
pub mod sweeper;
pub(crate) mod table;
pub mod tenant;
pub(crate) mod thread_end;
