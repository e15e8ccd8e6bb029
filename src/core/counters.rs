//! The cache's hits and misses, counted without a write that readers share.
//!
//! Every thread has a line of its own for the registry it last asked, and counts with a plain load and store. A line is
//! lent on first use and returned when the thread ends or asks another registry; its count stays. Where the end of the
//! thread cannot be heard of, one shared line is counted on with an atomic addition.
//!
//! Which line that is stands in a thread-local, which takes a call of `__tls_get_addr` in a shared library: a third of what it
//! takes to copy a list. So it is looked up under the thread's address first, which the machine has in a register.

use std::cell::Cell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use super::lock::{Rank, Ranked};
use super::thread_end;

/// What a thread has counted.
#[repr(align(64))]
#[derive(Default)]
pub struct Line {
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

    /// Counts one hit.
    #[inline(always)]
    pub fn hit(&self) {
        self.count(What::Hit);
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
    threads: [Place; PLACES],
}

/// As many threads as are likely to ask one registry at once; those that find their place taken use the thread-local.
const PLACES: usize = 16;

/// Which line a thread was lent. Only the thread that has the place changes it.
#[repr(align(16))]
struct Place {
    /// The thread's address; 0 while nobody has the place.
    thread: AtomicUsize,
    line: AtomicPtr<Line>,
}

/// A number that no other living thread has; `None` where that takes a call.
#[inline(always)]
fn this_thread() -> Option<usize> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
    {
        let thread: usize;
        // SAFETY: the first word of a thread's own memory is its address, by the ABI of thread-locals on this machine (Drepper,
        // "ELF Handling For Thread-Local Storage", 3.4.6); it is read and nothing else.
        unsafe {
            std::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) thread, options(pure, readonly, nostack, preserves_flags))
        };
        Some(thread)
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
    None
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
        if let Some(thread) = this_thread() {
            let place = counters.place(thread);
            if place.thread.load(Ordering::Relaxed) == thread {
                place.thread.store(0, Ordering::Release);
            }
        }
        counters.lines.lock().free.push(line);
    }
}

impl Counters {
    /// No lines yet.
    pub const fn new() -> Self {
        Counters {
            lines: Ranked::new(Rank::Counters, Lines { all: Vec::new(), free: Vec::new() }),
            shared: Line { hits: AtomicU64::new(0), misses: AtomicU64::new(0), reused: AtomicU64::new(0) },
            threads: [const { Place { thread: AtomicUsize::new(0), line: AtomicPtr::new(null_mut()) } }; PLACES],
        }
    }

    #[inline(always)]
    fn place(&self, thread: usize) -> &Place {
        // Fibonacci hashing (Knuth, TAOCP 3, 6.4): threads lie at equal distances.
        let product = (thread as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &self.threads[(product >> (64 - PLACES.trailing_zeros())) as usize]
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
        match self.line_at_once() {
            Some(line) => line.count(what),
            None => self.count_apart(what),
        }
    }

    /// The calling thread's line, where it is found without a call.
    #[inline(always)]
    pub fn line_at_once(&'static self) -> Option<&'static Line> {
        let thread = this_thread()?;
        let place = self.place(thread);
        let (whose, line) = (place.thread.load(Ordering::Relaxed), place.line.load(Ordering::Relaxed));
        // SAFETY: in a place that a thread has stands the line that it was lent, which is never freed.
        (whose == thread).then(|| unsafe { &*line })
    }

    #[cold]
    fn count_apart(&'static self, what: What) {
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
        self.take_place(line);
        line.count(what);
    }

    /// Notes a line that the calling thread was lent where it is found without the thread-local, if nobody has the place.
    fn take_place(&'static self, line: &'static Line) {
        let Some(thread) = this_thread() else { return };
        let place = self.place(thread);
        if place.thread.compare_exchange(0, thread, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            // Nobody else looks at it from now on.
            place.line.store(std::ptr::from_ref(line).cast_mut(), Ordering::Relaxed);
        }
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
