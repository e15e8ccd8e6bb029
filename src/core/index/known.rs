//! Of which partition the first entry of a key is, for the keys that models were put in of last: the writer's, so that it need not look.

use super::{AT_HAND, spread};

/// The sequence numbers of the first partitions that have a key.
pub(super) struct KnownFirsts {
    firsts: [(u32, u64); AT_HAND],
    /// Which of them hold, as bits.
    kept: u64,
}

impl Default for KnownFirsts {
    fn default() -> Self {
        KnownFirsts { firsts: [(0, 0); AT_HAND], kept: 0 }
    }
}

impl KnownFirsts {
    #[inline(always)]
    fn at(key: u32) -> usize {
        spread(key.into()) as usize % AT_HAND
    }

    /// The first partition of a key, if it is known.
    #[inline(always)]
    pub(super) fn of(&self, key: u32) -> Option<u64> {
        let at = KnownFirsts::at(key);
        let (known, sequence) = self.firsts[at];
        (known == key && self.kept >> at & 1 != 0).then_some(sequence)
    }

    /// Keeps which partition is the first of a key.
    pub(super) fn keep(&mut self, key: u32, sequence: u64) {
        let at = KnownFirsts::at(key);
        self.firsts[at] = (key, sequence);
        self.kept |= 1 << at;
    }

    /// Forgets which partition is the first of a key.
    pub(super) fn forget(&mut self, key: u32) {
        self.kept &= !(1 << KnownFirsts::at(key));
    }

    /// Forgets them all.
    pub(super) fn clear(&mut self) {
        self.kept = 0;
    }
}
