//! Of which partition the first entry of a key is, for the keys that models were put in of last: the writer's, so that it need not look.

/// As many as an application has models of different names; and as `kept` has bits.
const KNOWN: usize = 64;

/// The sequence numbers of the first partitions that have a key.
pub(super) struct KnownFirsts {
    firsts: [(u32, u64); KNOWN],
    /// Which of them hold, as bits.
    kept: u64,
}

impl Default for KnownFirsts {
    fn default() -> Self {
        KnownFirsts { firsts: [(0, 0); KNOWN], kept: 0 }
    }
}

impl KnownFirsts {
    #[inline(always)]
    fn at(key: u32) -> usize {
        // Keys are numbers that were given out one after the other, or twice those.
        ((key >> 1) + (key << 5)) as usize % KNOWN
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
