//! The cache's hits, counted without a write that readers share.
//!
//! Every thread has a line of its own for the registry it last asked, and counts with a plain load and store. A line is
//! lent on first use and returned when the thread ends or asks another registry; its count stays. Where thread-locals
//! are gone, in the destructors of an ending thread, one shared line is counted on with an atomic addition.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::lock::{Rank, Ranked};

#[repr(align(64))]
struct Line {
    hits: AtomicU64,
}

/// One registry's lines.
pub struct Counters {
    lines: Ranked<Lines>,
    shared: AtomicU64,
}

struct Lines {
    all: Vec<&'static Line>,
    free: Vec<&'static Line>,
}

struct Lent {
    line: Cell<Option<(&'static Counters, &'static Line)>>,
}

impl Lent {
    fn give_back(&self) {
        if let Some((counters, line)) = self.line.take() {
            counters.lines.lock().free.push(line);
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.give_back();
    }
}

thread_local! {
    static LENT: Lent = const { Lent { line: Cell::new(None) } };
}

impl Counters {
    /// No lines yet.
    pub const fn new() -> Self {
        Counters {
            lines: Ranked::new(Rank::Counters, Lines { all: Vec::new(), free: Vec::new() }),
            shared: AtomicU64::new(0),
        }
    }

    /// Counts one hit.
    #[inline]
    pub fn hit(&'static self) {
        let counted = LENT.try_with(|lent| {
            let line = match lent.line.get() {
                Some((counters, line)) if std::ptr::eq(counters, self) => line,
                _ => self.lend(lent),
            };
            line.hits.store(line.hits.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        });
        if counted.is_err() {
            self.shared.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[cold]
    fn lend(&'static self, lent: &Lent) -> &'static Line {
        lent.give_back();
        let mut lines = self.lines.lock();
        let line = lines.free.pop().unwrap_or_else(|| {
            let line: &'static Line = Box::leak(Box::new(Line { hits: AtomicU64::new(0) }));
            lines.all.push(line);
            // As many can be returned as were lent, without memory.
            let missing = lines.all.len() - lines.free.len();
            lines.free.reserve(missing);
            line
        });
        drop(lines);
        lent.line.set(Some((self, line)));
        line
    }

    /// All hits counted so far.
    pub fn hits(&self) -> u64 {
        let lines = self.lines.lock();
        lines.all.iter().map(|line| line.hits.load(Ordering::Relaxed)).sum::<u64>()
            + self.shared.load(Ordering::Relaxed)
    }
}
