//! From a draft and its base to a schema.

use super::alloc::{exact, exhausted, with_capacity};
use super::json::Text;
use super::structure::{Structure, sorted_by};
use super::{Counts, Draft, Property, SCHEMAS, Schema, shown};
use crate::error::{Error, Result, Status};
use std::collections::HashMap;
use std::sync::Arc;

/// How many bases may follow one another; keeps every walk along them, and letting go of them, bounded.
pub const MAX_BASE_DEPTH: u32 = 128;

/// Where a property of a model is declared: how many bases up, and its place there. Properties are never copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) level: u32,
    pub(super) index: u32,
}

impl Draft {
    /// Makes the schema, with what it inherits from `base`.
    ///
    /// # Errors
    ///
    /// `ERROR_TOO_DEEP` with more than [`MAX_BASE_DEPTH`] bases in a row, `ERROR_OUT_OF_MEMORY`.
    pub fn build(self, base: Option<Arc<Schema>>) -> Result<Arc<Schema>> {
        if let Some(base) = &base {
            self.accepts(base)?;
        }
        let merged = match &base {
            Some(base) => merge(&self, &base.merged, |slot| &base.at_slot(slot).property().name)?,
            None => merge(&self, &[], |_| "")?,
        };
        let counts = Counts {
            own_declared: self.own_declared,
            own: self.own.len(),
            inherited: merged.iter().filter(|slot| slot.level > 0).count(),
            hidden: self.hidden.len(),
            nested: self.own.iter().map(|property| property.ty.nested()).sum(),
        };
        let inherited = base.as_deref();
        let at = |slot: Slot| match (slot.level, &base) {
            (0, _) | (_, None) => &self.own[slot.index as usize],
            (level, Some(base)) => base.at_slot(Slot { level: level - 1, ..slot }).property(),
        };
        let sorted = sorted_by(merged.len(), |place| at(merged[place]).name.bytes())?;
        let structure = Structure::of(merged.len(), sorted.iter().map(|&place| at(merged[place as usize])))?;
        let depth = merged.iter().map(|&slot| at(slot).ty.depth()).max().unwrap_or(0);
        let mut schema = Schema {
            strict: self.strict.unwrap_or_else(|| inherited.is_some_and(|base| base.strict)),
            id_injection: self.id_injection.unwrap_or_else(|| inherited.is_none_or(|base| base.id_injection)),
            name: self.name,
            base_name: self.base,
            base_depth: inherited.map_or(0, |base| base.base_depth + 1),
            settings: self.settings,
            anonymous: self.anonymous,
            own: self.own,
            hidden: self.hidden,
            merged,
            sorted,
            structure,
            counts,
            depth,
            heap_bytes: 0,
            hash: 0,
            base,
        };
        schema.heap_bytes = heap_bytes(&schema);
        let base = schema.base.as_ref().map(|base| Arc::as_ptr(base).addr());
        let text = (&schema.name, &schema.base_name, &schema.settings);
        let structure = Arc::as_ptr(&schema.structure).addr();
        // Keyed: hosts choose what is in a schema.
        schema.hash = crate::core::names::KEYS.hash_one((text, structure, schema.own.len(), base));
        SCHEMAS.intern(schema)
    }

    /// Whether the model may be based on `base`.
    ///
    /// # Errors
    ///
    /// `ERROR_TOO_DEEP` with more than [`MAX_BASE_DEPTH`] bases in a row.
    pub fn accepts(&self, base: &Schema) -> Result<()> {
        if base.base_depth < MAX_BASE_DEPTH {
            return Ok(());
        }
        let name = shown(self.name());
        let message =
            format!("model \"{name}\": more than {MAX_BASE_DEPTH} bases follow one another; shorten the chain");
        Err(self.base_place().mark(Error::new(Status::ERROR_TOO_DEEP, name, message)))
    }
}

fn merge<'b>(draft: &Draft, inherited: &[Slot], name_of: impl Fn(Slot) -> &'b str) -> Result<Box<[Slot]>> {
    let own = |index: usize| Slot { level: 0, index: u32::try_from(index).unwrap_or(u32::MAX) };
    let mut merged = with_capacity(inherited.len() + draft.own.len())?;
    if inherited.is_empty() {
        merged.extend((0..draft.own.len()).map(own));
        return exact(merged);
    }
    let mut replaced: HashMap<&str, Option<usize>, ahash::RandomState> = HashMap::default();
    replaced.try_reserve(draft.own.len() + draft.hidden.len()).map_err(exhausted)?;
    replaced.extend(draft.own.iter().enumerate().map(|(index, property)| (&*property.name, Some(index))));
    replaced.extend(draft.hidden.iter().map(|name| (&**name, None)));
    let mut placed: Vec<bool> = with_capacity(draft.own.len())?;
    placed.resize(draft.own.len(), false);
    for &slot in inherited {
        match replaced.get(name_of(slot)) {
            None => merged.push(Slot { level: slot.level + 1, index: slot.index }),
            Some(Some(index)) => {
                placed[*index] = true;
                merged.push(own(*index));
            }
            Some(None) => {}
        }
    }
    merged.extend((0..draft.own.len()).filter(|index| !placed[*index]).map(own));
    exact(merged)
}

/// What the schema's own allocations take: the counted box with its two counters, and every list and text in it.
fn heap_bytes(schema: &Schema) -> usize {
    let hidden: usize = schema.hidden.iter().map(|name| name.len()).sum();
    size_of::<Schema>()
        + 2 * size_of::<usize>()
        + schema.name.heap_bytes()
        + schema.base_name.as_ref().map_or(0, Text::heap_bytes)
        + schema.settings.heap_bytes()
        + size_of_val(&*schema.own)
        + schema.own.iter().map(Property::heap_bytes).sum::<usize>()
        + size_of_val(&*schema.hidden)
        + hidden
        + size_of_val(&*schema.merged)
        + size_of_val(&*schema.sorted)
        + schema.structure.heap_bytes()
}
