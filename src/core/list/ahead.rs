//! What many questions in one call ask the memory for before they are answered. What these read is a hint alone: a list
//! that is being changed costs a wait, and never a wrong answer.

use super::{INLINE, LONG, List, half, memory, probe};

/// So many lines of a long list are asked for: then the machine's own prefetching has caught up.
const FIRST_LINES: usize = 4;

impl List {
    /// Asks for the lines of a list's block that a copy of it touches.
    #[inline(always)]
    pub fn prefetch(&self) {
        memory::prefetch(&raw const self.version);
        memory::prefetch(&raw const self.ids[INLINE - 1]);
    }

    /// As [`List::prefetch`], for a change.
    #[inline(always)]
    pub fn prefetch_to_write(&self) {
        memory::prefetch_to_write(&raw const self.version);
        memory::prefetch_to_write(&raw const self.ids[INLINE - 1]);
    }

    /// Asks for the line of the block that has the names, and that says where longer lists lie.
    #[inline(always)]
    pub fn prefetch_atoms(&self) {
        memory::prefetch(&raw const self.atoms);
    }

    /// Whether the entries lie outside of the block.
    #[inline(always)]
    pub fn is_long(&self) -> bool {
        self.shape() & LONG != 0
    }

    /// Asks for the first lines of a long list; the machine sees by itself that the next ones follow.
    #[inline(always)]
    pub fn prefetch_long_ids(&self) {
        for line in self.run(&self.long_ids).as_slice().chunks(memory::LINE_WORDS).take(FIRST_LINES) {
            memory::prefetch(line.as_ptr());
        }
    }

    /// Asks for the place where a long list's index would have this name.
    #[inline(always)]
    pub fn prefetch_long_place(&self, atom: u32) {
        let index = self.run(&self.long_index).as_slice();
        if let Some(word) = probe(index, atom).next().and_then(|place| index.get(place / 2)) {
            memory::prefetch(word);
        }
    }

    /// Asks for the entry of a long list that its index has at the first place for this name.
    #[inline(always)]
    pub fn prefetch_long_entry(&self, atom: u32) {
        let index = self.run(&self.long_index).as_slice();
        let Some(entry) = probe(index, atom).next().map(|place| half(index, place)) else { return };
        let position = (entry as usize).wrapping_sub(1);
        if let Some(word) = self.run(&self.long_atoms).as_slice().get(position / 2) {
            memory::prefetch(word);
        }
        if let Some(id) = self.run(&self.long_ids).as_slice().get(position) {
            memory::prefetch(id);
        }
    }
}
