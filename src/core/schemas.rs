//! The schemas that a registry's models use: each once, with how many models use it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Result, Status};
use crate::schema::Schema;

use super::handle::INDEX_SHIFT;
use super::model::{NO_STRUCTURE, structure_key};
use super::names::KEYS;
use super::state::NONE;

/// A registry's schemas, by numbers that its models keep.
pub(crate) struct Schemas {
    used: Vec<Used>,
    /// The numbers of schemas that models were registered with lately, by the handles that they were handed in with.
    recent: [u32; RECENT],
    free: Vec<u32>,
    /// The number of the schema at an address.
    numbers: HashMap<usize, u32, ahash::RandomState>,
    heap_bytes: usize,
}

const RECENT: usize = 16;

struct Used {
    schema: Option<Arc<Schema>>,
    models: u32,
    /// The number of its structure, which it keeps while it is used.
    structure: u32,
    /// The handle that it was handed in with last; 0 for none.
    handle: u64,
}

impl Default for Schemas {
    fn default() -> Self {
        let numbers = HashMap::with_hasher(KEYS.clone());
        Schemas { used: Vec::new(), recent: [NONE; RECENT], free: Vec::new(), numbers, heap_bytes: 0 }
    }
}

impl Schemas {
    /// The number of the schema of this handle, which is valid, if models use it already.
    #[inline(always)]
    pub fn known(&self, handle: u64) -> Option<u32> {
        let number = self.recent[Self::place(handle)];
        let used = self.used.get(number as usize)?;
        (used.handle == handle && used.models > 0).then_some(number)
    }

    /// One more model uses a schema that models use already, if it is one.
    #[inline(always)]
    pub fn use_again(&mut self, number: u32) {
        if let Some(used) = self.used.get_mut(number as usize) {
            used.models += 1;
        }
    }

    /// One more model uses a schema, that was handed in with this handle or, where that is 0, with none; gives its number.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`.
    pub fn use_one(&mut self, schema: Arc<Schema>, handle: u64) -> Result<u32> {
        let structure = schema.structure_number()?;
        self.reserve()?;
        let number = self.add(schema);
        let used = &mut self.used[number as usize];
        (used.structure, used.handle) = (structure, handle);
        self.recent[Self::place(handle)] = number;
        Ok(number)
    }

    fn place(handle: u64) -> usize {
        // Handles that are given out one after the other differ in the index of their slot.
        (handle >> INDEX_SHIFT) as usize % RECENT
    }

    /// The number of the structure of a schema; [`NO_STRUCTURE`] for `NONE`.
    pub fn structure(&self, number: u32) -> u32 {
        self.used.get(number as usize).map_or(NO_STRUCTURE, |used| used.structure)
    }

    /// What a model that is as strict as its schema is found by.
    #[inline(always)]
    pub fn key(&self, number: u32) -> u32 {
        let strict = || self.get(number).is_some_and(|schema| schema.strict());
        match self.structure(number) {
            NO_STRUCTURE => NO_STRUCTURE,
            structure => structure_key(structure, strict()),
        }
    }

    fn reserve(&mut self) -> Result<()> {
        let full = |_| Status::ERROR_OUT_OF_MEMORY;
        self.used.try_reserve(1).map_err(full)?;
        // As many can be listed as free as there are.
        self.free.try_reserve(self.used.len() + 1 - self.free.len()).map_err(full)?;
        self.numbers.try_reserve(1).map_err(full)?;
        Ok(())
    }

    fn add(&mut self, schema: Arc<Schema>) -> u32 {
        let (used, free, heap_bytes) = (&mut self.used, &mut self.free, &mut self.heap_bytes);
        let number = *self.numbers.entry(Arc::as_ptr(&schema).addr()).or_insert_with(|| {
            *heap_bytes += schema.heap_bytes();
            free.pop().unwrap_or_else(|| {
                used.push(Used { schema: None, models: 0, structure: NO_STRUCTURE, handle: 0 });
                used.len() as u32 - 1
            })
        });
        let used = &mut self.used[number as usize];
        used.models += 1;
        used.schema.get_or_insert(schema);
        number
    }

    /// One model less uses a schema, if it is one; with the last one it goes.
    pub fn remove(&mut self, number: u32) {
        let Some(used) = self.used.get_mut(number as usize) else { return };
        used.models -= 1;
        if used.models == 0
            && let Some(schema) = used.schema.take()
        {
            self.numbers.remove(&Arc::as_ptr(&schema).addr());
            self.heap_bytes -= schema.heap_bytes();
            self.free.push(number);
        }
    }

    /// The schema with this number; `None` for `NONE`.
    pub fn get(&self, number: u32) -> Option<&Arc<Schema>> {
        if number == NONE { None } else { self.used.get(number as usize)?.schema.as_ref() }
    }

    /// The bytes of the schemas.
    pub fn bytes(&self) -> usize {
        self.heap_bytes
    }

    /// Gives memory back that nothing needs now.
    pub fn shrink(&mut self) {
        if self.numbers.is_empty() {
            *self = Schemas::default();
        }
    }
}
