//! The schemas that a registry's models use: each once, with how many models use it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Result, Status};
use crate::schema::Schema;

use super::names::KEYS;
use super::state::NONE;

/// A registry's schemas, by numbers that its models keep.
pub(crate) struct Schemas {
    used: Vec<Used>,
    free: Vec<u32>,
    /// The number of the schema at an address.
    numbers: HashMap<usize, u32, ahash::RandomState>,
    heap_bytes: usize,
}

struct Used {
    schema: Option<Arc<Schema>>,
    models: u32,
}

impl Default for Schemas {
    fn default() -> Self {
        let numbers = HashMap::with_hasher(KEYS.clone());
        Schemas { used: Vec::new(), free: Vec::new(), numbers, heap_bytes: 0 }
    }
}

impl Schemas {
    /// Makes sure that one more can be used.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`.
    pub fn reserve(&mut self) -> Result<()> {
        let full = |_| Status::ERROR_OUT_OF_MEMORY;
        self.used.try_reserve(1).map_err(full)?;
        // As many can be listed as free as there are.
        self.free.try_reserve(self.used.len() + 1 - self.free.len()).map_err(full)?;
        self.numbers.try_reserve(1).map_err(full)?;
        Ok(())
    }

    /// One more model uses a schema, for which [`Schemas::reserve`] made room; gives its number.
    pub fn add(&mut self, schema: Arc<Schema>) -> u32 {
        let (used, free, heap_bytes) = (&mut self.used, &mut self.free, &mut self.heap_bytes);
        let number = *self.numbers.entry(Arc::as_ptr(&schema).addr()).or_insert_with(|| {
            *heap_bytes += schema.heap_bytes();
            free.pop().unwrap_or_else(|| {
                used.push(Used { schema: None, models: 0 });
                used.len() as u32 - 1
            })
        });
        let used = &mut self.used[number as usize];
        used.models += 1;
        used.schema.get_or_insert(schema);
        number
    }

    /// One model less uses a schema; with the last one it goes.
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
