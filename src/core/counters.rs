//! The cache's hits and misses, counted without a write that readers share.
//!
//! Every thread has a line of its own for the registry it last asked, and counts with a plain load and store. A line is
//! lent on first use and returned when the thread ends or asks another registry; its count stays. Where the end of the
//! thread cannot be heard of, one shared line is counted on with an atomic addition.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::lock::{Rank, Ranked};
use super::thread_end;

#[repr(align(64))]
#[derive(Default)]
struct Line {
    hits: AtomicU64,
    misses: AtomicU64,
    reused: AtomicU64,
}

/// What is counted.
#[derive(Clone, Copy)]
enum What {
    Hit,
    Missed,
    Reused,
}

impl Line {
    #[inline(always)]
    fn of(&self, what: What) -> &AtomicU64 {
        match what {
            What::Hit => &self.hits,
            What::Missed => &self.misses,
            What::Reused => &self.reused,
        }
    }

    /// Only the thread that the line is lent to counts, so a load and a store are enough.
    #[inline(always)]
    fn count(&self, what: What) {
        let count = self.of(what);
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

/// One registry's lines.
pub struct Counters {
    lines: Ranked<Lines>,
    shared: Line,
}

struct Lines {
    all: Vec<&'static Line>,
    free: Vec<&'static Line>,
}

type Lease = Option<(&'static Counters, &'static Line)>;

thread_local! {
    // Has no destructor, so that reading it needs no look at whether it was destroyed.
    static LENT: Cell<Lease> = const { Cell::new(None) };
}

/// Returns the calling thread's line; its count stays.
pub fn give_back() {
    if let Some((counters, line)) = LENT.take() {
        counters.lines.lock().free.push(line);
    }
}

impl Counters {
    /// No lines yet.
    pub const fn new() -> Self {
        Counters {
            lines: Ranked::new(Rank::Counters, Lines { all: Vec::new(), free: Vec::new() }),
            shared: Line { hits: AtomicU64::new(0), misses: AtomicU64::new(0), reused: AtomicU64::new(0) },
        }
    }

    /// Counts one hit.
    #[inline(always)]
    pub fn hit(&'static self) {
        self.count(What::Hit);
    }

    /// Counts one list that was asked first since it was changed.
    #[inline(always)]
    pub fn miss(&'static self) {
        self.count(What::Missed);
    }

    /// Counts one model that was found by its structure.
    #[inline(always)]
    pub fn reuse(&'static self) {
        self.count(What::Reused);
    }

    #[inline(always)]
    fn count(&'static self, what: What) {
        match LENT.get() {
            Some((counters, line)) if std::ptr::eq(counters, self) => line.count(what),
            _ => self.count_first(what),
        }
    }

    #[cold]
    fn count_first(&'static self, what: What) {
        give_back();
        // A line that is lent to a thread whose end is not heard of would never come back.
        if !thread_end::watch() {
            self.shared.of(what).fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut lines = self.lines.lock();
        let line = lines.free.pop().unwrap_or_else(|| {
            let line: &'static Line = Box::leak(Box::default());
            lines.all.push(line);
            // As many can be returned as were lent, without memory.
            let missing = lines.all.len() - lines.free.len();
            lines.free.reserve(missing);
            line
        });
        drop(lines);
        LENT.set(Some((self, line)));
        line.count(what);
    }

    /// All hits counted so far.
    pub fn hits(&self) -> u64 {
        self.sum(What::Hit)
    }

    /// All misses counted so far.
    pub fn misses(&self) -> u64 {
        self.sum(What::Missed)
    }

    /// All that was found by its structure so far.
    pub fn reused(&self) -> u64 {
        self.sum(What::Reused)
    }

    fn sum(&self, what: What) -> u64 {
        let lines = self.lines.lock();
        let all = lines.all.iter().copied().chain(std::iter::once(&self.shared));
        all.map(|line| line.of(what).load(Ordering::Relaxed)).sum()
    }
}
