//! What happens in a registry, as a watcher is told of it.

use super::fallible;

/// The longest name and the longest label in a change, in bytes.
pub const MAX_TOLD: usize = 255;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// A model was registered.
    Registered = 1,
    /// A model was registered in the place of another one.
    Replaced = 2,
    /// A model was given other owners.
    Moved = 3,
    /// A model went by itself, or with its owner or its tenant.
    Removed = 4,
    /// A tenant went.
    TenantDropped = 5,
    /// Every model went.
    Cleared = 6,
    /// An owner went.
    OwnerReleased = 7,
    /// The registry went.
    Destroyed = 8,
    /// Changes could not be kept.
    Lost = 9,
}

/// One thing that happened.
#[derive(Debug)]
pub struct Change {
    /// What it is.
    pub kind: Kind,
    /// Its number among the changes of the registry.
    pub sequence: u64,
    /// When it happened, milliseconds since 1970.
    pub at_ms: i64,
    /// The registry's handle.
    pub registry: u64,
    /// The handle of the model's owner, or of the owner that went; 0 for none.
    pub owner: u64,
    /// The model's handle; 0 for none.
    pub model: u64,
    /// The handle of the model that it replaced; 0 for none.
    pub replaced: u64,
    /// How many, where that is what is told.
    pub count: u64,
    /// The beginning of the name; `None` where there was no memory for it.
    pub name: Option<String>,
    /// The label of the partition; `None` where there was no memory for it.
    pub tenant: Option<String>,
}

impl Change {
    /// A change that says nothing but what kind it is.
    pub fn new(kind: Kind) -> Change {
        Change {
            kind,
            sequence: 0,
            at_ms: 0,
            registry: 0,
            owner: 0,
            model: 0,
            replaced: 0,
            count: 0,
            name: Some(String::new()),
            tenant: Some(String::new()),
        }
    }

    /// The same again; `None` where there is no memory, now or when it was made.
    pub fn copied(&self) -> Option<Change> {
        let name = Some(fallible::beginning(self.name.as_deref()?, MAX_TOLD)?);
        let tenant = Some(fallible::beginning(self.tenant.as_deref()?, MAX_TOLD)?);
        Some(Change { name, tenant, ..*self })
    }
}

/// A change as it is handed to the host: plain memory, nothing to drop.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// As in [`Change`], as the next seven.
    pub kind: Kind,
    /// See [`Change::sequence`].
    pub sequence: u64,
    /// See [`Change::at_ms`].
    pub at_ms: i64,
    /// See [`Change::registry`].
    pub registry: u64,
    /// See [`Change::owner`].
    pub owner: u64,
    /// See [`Change::model`].
    pub model: u64,
    /// See [`Change::replaced`].
    pub replaced: u64,
    /// See [`Change::count`].
    pub count: u64,
    /// The beginning of the name, with NULs after it.
    pub name: [u8; MAX_TOLD + 1],
    /// The label of the partition, with NULs after it.
    pub tenant: [u8; MAX_TOLD + 1],
}

impl From<&Change> for Told {
    fn from(change: &Change) -> Self {
        let mut told = Told {
            kind: change.kind,
            sequence: change.sequence,
            at_ms: change.at_ms,
            registry: change.registry,
            owner: change.owner,
            model: change.model,
            replaced: change.replaced,
            count: change.count,
            name: [0; MAX_TOLD + 1],
            tenant: [0; MAX_TOLD + 1],
        };
        fill(&mut told.name, change.name.as_deref().unwrap_or_default());
        fill(&mut told.tenant, change.tenant.as_deref().unwrap_or_default());
        told
    }
}

/// Copies a text, cut at a character's boundary so that a NUL is left after it.
pub(super) fn fill(field: &mut [u8], text: &str) -> usize {
    let end = text.floor_char_boundary(text.len().min(field.len() - 1));
    field[..end].copy_from_slice(&text.as_bytes()[..end]);
    end
}
