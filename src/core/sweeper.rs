//! The sweeper: one thread of the process that drops, for each registry whose sweeper was started, the partitions that
//! were idle too long.
//!
//! The thread is made with the first start and ends when no registry wants it any more. It waits by the system's clock
//! until the next sweep is due; what is idle is decided by the registry's clock, which tests can set. It keeps a
//! registry's handle and not its number, so it never sweeps a later registry of that number.
//!
//! A fork leaves the thread behind. Handlers of `pthread_atfork` take both locks of this file before it, so none of the
//! locks that the thread takes is taken by it in the child: it takes them only while it holds the gate. In the child no
//! sweeper runs until one is started there.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::error::{Error, Result, Status};

use super::clock::{self, Instant};
use super::due::{self, DueList};
use super::lock::{Condvar, ForkGuard, ForkRanked, Rank};
use super::registry::{Locked, resolve, resolve_locked};
use super::spawn;
use super::thread_end::{self, this_thread};

/// The name of the thread; a system lets names have 15 bytes.
pub const THREAD_NAME: &CStr = c"modelreg-sweep";

/// The size of its stack, on which destructors of the host's run.
pub const STACK_BYTES: usize = 1 << 20;

/// Records that a clear left behind and that a sweep looks at, beside those that every drop looks at.
const RECLAIM_STEPS: u32 = 4096;

/// How often, and what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Milliseconds from one sweep to the next; not 0.
    pub interval_ms: u64,
    /// A partition that was idle for so many milliseconds is dropped; 0 drops all.
    pub max_idle_ms: u64,
}

impl Settings {
    /// Every 5 minutes what was idle for 30.
    pub const DEFAULT: Settings = Settings { interval_ms: 5 * 60 * 1000, max_idle_ms: 30 * 60 * 1000 };
}

impl Default for Settings {
    fn default() -> Self {
        Settings::DEFAULT
    }
}

/// What a registry keeps of its sweeper.
#[derive(Clone, Copy, Default, Debug)]
pub struct Record {
    /// As the last start set them.
    pub settings: Settings,
    /// Sweeps so far, forced ones included.
    pub sweeps: u64,
    /// Partitions that they dropped.
    pub dropped: u64,
    /// When the last one was, in milliseconds since 1970; 0 for never.
    pub last_sweep_at_ms: i64,
}

/// Runs the destructors of a batch: code of the host's, so with no lock held. An exception that leaves a function of
/// this kind ends the process.
pub type Run = extern "C" fn(batch: u64);

struct Entry {
    registry: u64,
    interval: Duration,
    /// When it is swept next; `None` where the clock does not reach so far.
    next: Option<Instant>,
}

/// The registry that the thread is at.
struct Work {
    registry: u64,
    number: u64,
}

struct Sweeper {
    entries: Vec<Entry>,
    /// Which of the threads that were made serves now; 0 for none.
    thread: u64,
    threads_made: u64,
    /// The name that the system has for it.
    thread_name: u64,
    work: Option<Work>,
    works: u64,
}

super::shared! {
    static SWEEPER: ForkRanked<Sweeper> = ForkRanked::new(
        Rank::Sweeper,
        Sweeper { entries: Vec::new(), thread: 0, threads_made: 0, thread_name: 0, work: None, works: 0 },
    );

    /// Notified when there is another time to wait for, or nothing.
    static CHANGED: Condvar = Condvar::new();

    /// Notified when the thread has finished a registry.
    static FINISHED: Condvar = Condvar::new();

    static GATE: ForkRanked<()> = ForkRanked::new(Rank::Gate, ());
}

/// What the sweeper's thread holds while it takes other locks.
pub fn gate() -> impl Sized {
    GATE.lock()
}

fn next_after(interval: Duration) -> Option<Instant> {
    Instant::now().checked_add(interval)
}

/// Starts a registry's sweeper, or gives it new settings; the first sweep is one interval from now.
///
/// # Errors As [`resolve`], and `ERROR_POISONED`; `ERROR_INVALID_ARGUMENT` for an interval of 0; `ERROR_NO_THREAD`,
/// `ERROR_OUT_OF_MEMORY`, and then nothing is changed.
pub fn start(value: u64, settings: Settings, run: Run) -> Result<()> {
    resolve(value)?;
    if settings.interval_ms == 0 {
        return Err(Error::new(
            Status::ERROR_INVALID_ARGUMENT,
            "interval_ms",
            "interval_ms: 0 is no interval (sweep at once with mreg_sweeper_run)",
        ));
    }
    fork::watch()?;
    let mut sweeper = SWEEPER.lock();
    sweeper.entries.try_reserve(1).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
    if sweeper.thread == 0 {
        let number = sweeper.threads_made + 1;
        spawn::make_thread(number, run)?;
        (sweeper.thread, sweeper.threads_made) = (number, number);
    }
    // Under the registry's lock, so that who destroys the registry finds the entry. Where it fails, a thread that was
    // made for nothing finds that it has nothing to do, and ends.
    let mut locked = resolve_locked(value)?;
    locked.sweeper.settings = settings;
    let interval = Duration::from_millis(settings.interval_ms);
    let entry = Entry { registry: value, interval, next: next_after(interval) };
    match sweeper.entries.iter_mut().find(|known| known.registry == value) {
        Some(known) => *known = entry,
        None => sweeper.entries.push(entry),
    }
    CHANGED.notify_one();
    Ok(())
}

/// Stops a registry's sweeper, if it runs. Afterwards the sweeper's thread is not at that registry, unless this is
/// called on that thread.
///
/// # Errors
/// As [`resolve`].
pub fn stop(value: u64) -> Result<()> {
    resolve(value)?;
    let mut sweeper = remove(value);
    let working_on =
        |sweeper: &Sweeper| sweeper.work.as_ref().filter(|work| work.registry == value).map(|work| work.number);
    let Some(number) = working_on(&sweeper) else { return Ok(()) };
    if sweeper.thread_name == this_thread() {
        return Ok(());
    }
    // Another thread may start it again meanwhile: that is not waited for.
    while working_on(&sweeper) == Some(number) {
        sweeper = sweeper.wait(&FINISHED, None);
    }
    Ok(())
}

/// As [`stop`] for a registry that was destroyed; waits for nothing.
pub fn forget(value: u64) {
    remove(value);
}

fn remove(value: u64) -> ForkGuard<'static, Sweeper> {
    let mut sweeper = SWEEPER.lock();
    let before = sweeper.entries.len();
    sweeper.entries.retain(|entry| entry.registry != value);
    if sweeper.entries.len() < before {
        CHANGED.notify_one();
    }
    if sweeper.entries.is_empty() {
        sweeper.entries = Vec::new();
    }
    sweeper
}

/// What a registry keeps of its sweeper, and whether that runs.
///
/// # Errors
/// As [`resolve`], and `ERROR_POISONED`.
pub fn info(value: u64) -> Result<(Record, bool)> {
    let sweeper = SWEEPER.lock();
    let running = sweeper.entries.iter().any(|entry| entry.registry == value);
    drop(sweeper);
    Ok((resolve_locked(value)?.sweeper, running))
}

impl Locked {
    /// One sweep, with the registry's settings. Gives how many partitions it dropped.
    pub(crate) fn sweep(&mut self, gone: &mut DueList) -> u64 {
        let dropped = self.drop_idle(self.sweeper.settings.max_idle_ms, gone);
        self.reclaim(RECLAIM_STEPS, gone);
        let record = &mut self.sweeper;
        record.sweeps = record.sweeps.saturating_add(1);
        record.dropped = record.dropped.saturating_add(dropped);
        record.last_sweep_at_ms = clock::wall_ms();
        dropped
    }
}

/// What the thread does that was made with this number.
pub(super) fn serve(number: u64, run: Run) {
    while let Some(registry) = next(number) {
        // Outside of the guard: what was let go before a panic of ours is due all the same.
        let mut gone = DueList::default();
        let gate = GATE.lock();
        let swept =
            catch_unwind(AssertUnwindSafe(|| resolve_locked(registry).map(|mut locked| locked.sweep(&mut gone))));
        let batch = catch_unwind(AssertUnwindSafe(|| due::append(registry, gone))).unwrap_or(0);
        drop(gate);
        if batch != 0 {
            run(batch);
        }
        // A registry that is gone, or in doubt, is not swept again.
        let again = matches!(swept, Ok(Ok(_)));
        finish(number, registry, again);
    }
    let _gate = GATE.lock();
    thread_end::end_now();
}

/// Waits until a registry is due; `None` where the thread is not needed any more.
fn next(number: u64) -> Option<u64> {
    let mut sweeper = SWEEPER.lock();
    loop {
        // In the child of a fork that a destructor made on this thread, it serves nobody.
        if sweeper.thread != number {
            return None;
        }
        sweeper.thread_name = this_thread();
        if sweeper.entries.is_empty() {
            (sweeper.thread, sweeper.thread_name) = (0, 0);
            return None;
        }
        let first = sweeper.entries.iter().filter_map(|entry| Some((entry.next?, entry.registry))).min();
        let now = Instant::now();
        match first {
            Some((at, registry)) if at <= now => {
                sweeper.works += 1;
                sweeper.work = Some(Work { registry, number: sweeper.works });
                return Some(registry);
            }
            Some((at, _)) => sweeper = sweeper.wait(&CHANGED, Some(at - now)),
            None => sweeper = sweeper.wait(&CHANGED, None),
        }
    }
}

fn finish(number: u64, registry: u64, again: bool) {
    let mut sweeper = if again { SWEEPER.lock() } else { remove(registry) };
    if sweeper.thread != number {
        return;
    }
    sweeper.work = None;
    if let Some(entry) = sweeper.entries.iter_mut().find(|entry| entry.registry == registry) {
        entry.next = next_after(entry.interval);
    }
    FINISHED.notify_all();
}

#[cfg(all(unix, not(miri)))]
mod fork {
    use std::cell::UnsafeCell;

    use once_cell::sync::OnceCell;

    use super::{ForkGuard, GATE, Result, SWEEPER, Sweeper, due, spawn, this_thread};

    type Guards = (ForkGuard<'static, ()>, ForkGuard<'static, Sweeper>);

    /// What the thread that forks holds meanwhile.
    struct Held(UnsafeCell<Option<Guards>>);

    // SAFETY: only the handlers use it, and each only while its thread holds both locks.
    unsafe impl Sync for Held {}

    static HELD: Held = Held(UnsafeCell::new(None));

    /// Has the handlers called at every fork from now on.
    pub fn watch() -> Result<()> {
        static WATCHED: OnceCell<()> = OnceCell::new();
        WATCHED.get_or_try_init(|| spawn::at_fork(prepare, in_parent, in_child)).copied()
    }

    extern "C" fn prepare() {
        let sweeper = SWEEPER.lock();
        let gate = GATE.lock();
        // SAFETY: this thread holds both locks.
        unsafe { *HELD.0.get() = Some((gate, sweeper)) };
    }

    fn take() -> Option<Guards> {
        // SAFETY: this thread took both locks in `prepare`, and holds them until it drops what it takes here.
        unsafe { (*HELD.0.get()).take() }
    }

    extern "C" fn in_parent() {
        drop(take());
    }

    extern "C" fn in_child() {
        let Some((gate, mut sweeper)) = take() else { return };
        let thread = std::mem::take(&mut sweeper.thread_name);
        // The thread that forks may be the sweeper's own, in a destructor: that one is here.
        if thread != 0 && thread != this_thread() {
            due::thread_left_behind(thread);
        }
        (sweeper.thread, sweeper.work) = (0, None);
        // Their memory is kept: another thread may have been inside the allocator.
        sweeper.entries.clear();
        drop((gate, sweeper));
    }
}

#[cfg(not(all(unix, not(miri))))]
mod fork {
    pub fn watch() -> super::Result<()> {
        Ok(())
    }
}
