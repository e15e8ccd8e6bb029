//! The partitions, but for the first one, that have a key: which of them is the next when the first one goes.

use std::collections::{HashMap, hash_map};

use crate::error::Status;

use super::{AT_HAND, spread};

/// The most partitions that can come to be in a registry.
pub(crate) const MAX_SEQUENCE: u64 = 1 << (6 * LEVELS);
/// Levels of the tree; the highest has one word for each key.
pub(super) const LEVELS: u32 = 6;

/// The partitions, but for the first one, that have a key: a tree with 64 branches at each fork, whose words stand in a hash
/// table. On the lowest level each bit is a sequence number, above it each is a word below that is not 0.
pub(super) struct Others {
    pub(super) words: TreeWords,
    /// The places of words of the lowest level to which a bit was added last: partitions come to be one after the other, so that the next
    /// bit of a key most likely goes to the same word. After the second one the word is kept beside it.
    pub(super) recent: [(u64, u64); AT_HAND],
    /// Which words are kept there, as bits; the table then says what they said before.
    pub(super) kept: u64,
}

/// The words of a tree by [`Others::place`].
pub(super) type TreeWords = HashMap<u64, u64, ahash::RandomState>;

/// No tree.
pub(super) fn no_words() -> TreeWords {
    HashMap::with_hasher(super::super::names::KEYS.clone())
}

/// What a tree takes, in bytes.
pub(super) fn bytes_of(words: &TreeWords) -> usize {
    words.len() * size_of::<(u64, u64)>()
}

impl Default for Others {
    fn default() -> Self {
        Others { words: no_words(), recent: [(0, 0); AT_HAND], kept: 0 }
    }
}

impl Others {
    /// Makes room for so many more keys in partitions.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`.
    pub(super) fn reserve(&mut self, more: usize) -> Result<(), Status> {
        let words = more.checked_mul(LEVELS as usize).ok_or(Status::ERROR_OUT_OF_MEMORY)?;
        self.words.try_reserve(words).map_err(|_| Status::ERROR_OUT_OF_MEMORY)
    }

    /// Whether there is room for so many more keys in partitions: each takes a word of each level at most.
    #[inline(always)]
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.words.capacity() - self.words.len() >= more * LEVELS as usize
    }

    /// Adds a partition that has a key, by its sequence number.
    #[inline(always)]
    pub(super) fn insert(&mut self, key: u32, sequence: u64) {
        let place = Self::place(key, sequence >> 6, 0);
        let at = Self::recent_at(place);
        if self.kept >> at & 1 != 0 && self.recent[at].0 == place {
            self.recent[at].1 |= 1 << (sequence & 63);
        } else {
            self.insert_elsewhere(key, sequence);
        }
    }

    #[inline(never)]
    fn insert_elsewhere(&mut self, key: u32, sequence: u64) {
        let place = Self::place(key, sequence >> 6, 0);
        let at = Self::recent_at(place);
        self.write_back(at);
        let again = std::mem::replace(&mut self.recent[at].0, place) == place;
        let Some(word) = self.words.get_mut(&place) else { return self.insert_word(key, sequence) };
        *word |= 1 << (sequence & 63);
        // Not the first time, as those of a key that is added here and there would come and go each time.
        if again {
            self.recent[at].1 = *word;
            self.kept |= 1 << at;
        }
    }

    /// Adds a bit to a word that is not there, and its word to the one above.
    #[cold]
    fn insert_word(&mut self, key: u32, sequence: u64) {
        let mut below = sequence;
        for level in 0..LEVELS {
            let word = self.words.entry(Self::place(key, below >> 6, level)).or_default();
            let known = *word != 0;
            *word |= 1 << (below & 63);
            if known {
                break;
            }
            below >>= 6;
        }
    }

    /// Puts a word that is kept here back to its place.
    fn write_back(&mut self, at: usize) {
        if self.kept >> at & 1 != 0 {
            self.kept &= !(1 << at);
            let (place, word) = self.recent[at];
            // It is there as long as it is kept here; and what lets go must not need memory.
            if let Some(there) = self.words.get_mut(&place) {
                *there = word;
            }
        }
    }

    /// Where the word of a place would be kept.
    #[inline(always)]
    pub(super) fn recent_at(place: u64) -> usize {
        // Of each key there are few words at a time.
        (spread(place >> 32) + (place << 4)) as usize % AT_HAND
    }

    /// Forgets every key; gives what is left of them.
    pub(super) fn clear(&mut self) -> TreeWords {
        self.kept = 0;
        std::mem::replace(&mut self.words, no_words())
    }

    /// Takes out a partition of a key.
    pub(super) fn remove(&mut self, key: u32, sequence: u64) {
        self.write_back(Self::recent_at(Self::place(key, sequence >> 6, 0)));
        let mut below = sequence;
        for level in 0..LEVELS {
            let place = Self::place(key, below >> 6, level);
            let hash_map::Entry::Occupied(mut entry) = self.words.entry(place) else { break };
            *entry.get_mut() &= !(1 << (below & 63));
            if *entry.get() != 0 {
                break;
            }
            entry.remove();
            below >>= 6;
        }
    }

    /// Where the word of this number on its level stands. Each level has a 64th of the numbers that the one below has, and a bit
    /// above them by which it is told from the others.
    #[inline(always)]
    fn place(key: u32, number: u64, level: u32) -> u64 {
        u64::from(key) << 32 | 1 << (6 * (LEVELS - 1 - level)) | number
    }

    /// The lowest sequence number of a key that is not lower than this one.
    pub(super) fn next(&self, key: u32, sequence: u64) -> Option<u64> {
        let (mut level, mut from) = (0, sequence);
        // Up to the first word that has a higher bit, and down again by the lowest bits.
        loop {
            if level == LEVELS || from >> (6 * (LEVELS - level)) != 0 {
                return None;
            }
            let word = self.word(key, from >> 6, level) & u64::MAX << (from & 63);
            if word != 0 {
                from = (from >> 6) << 6 | u64::from(word.trailing_zeros());
                break;
            }
            (level, from) = (level + 1, (from >> 6) + 1);
        }
        while level > 0 {
            level -= 1;
            from = from << 6 | u64::from(self.word(key, from, level).trailing_zeros());
        }
        Some(from)
    }

    fn word(&self, key: u32, number: u64, level: u32) -> u64 {
        let place = Self::place(key, number, level);
        let at = Self::recent_at(place);
        if self.kept >> at & 1 != 0 && self.recent[at].0 == place {
            return self.recent[at].1;
        }
        self.words.get(&place).copied().unwrap_or(0)
    }

    /// The sequence numbers of a key, the lowest first.
    pub(super) fn all(&self, key: u32) -> impl Iterator<Item = u64> + '_ {
        std::iter::successors(self.next(key, 0), move |sequence| self.next(key, sequence + 1))
    }
}
