//! What the host is called for when a change is complete: changes and messages that it is told, destructors that are
//! due.
//!
//! A change only notes them, while it holds the registry's lock; they run after the change is complete, with no lock
//! held, on the thread that made it, before its call returns. Each is taken off the list before it is called, so that
//! it runs once whatever it does: call the library, throw, `longjmp` or end its thread. What a jump out of a call
//! leaves on the list runs at the thread's next call of this kind, or when the thread destroys the registry; what a
//! thread leaves when it ends, at anybody's next call. No thread runs what another one that is alive has let go.
//!
//! What is told comes before what is destroyed, the oldest first, also in calls that nest: a thread is told of its
//! changes in the order in which it made them.
//!
//! In a registry with a release queue, `user_data` without a destructor goes into the queue at the moment at which the
//! destructor would have been listed.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::change::{Change, Told};
use super::fallible;
use super::lock::{Guard, Rank, Ranked};
use super::log::{self, Level, MAX_MESSAGE, Message};
use super::release::{Kind, ReleaseQueue, Released};
use super::thread_end;
use super::watcher::{self, Watcher};

/// A destructor of the host's for its `user_data`.
///
/// It may throw a C++ exception, which passes through the library's call to the host.
pub type Destructor = unsafe extern "C-unwind" fn(user_data: *mut c_void);

/// The host's pointer. The library only keeps it and gives it back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserData(pub *mut c_void);

// SAFETY: the library never follows the pointer; that the host may use it from any thread is the host's to see to, and
// the header says so where the pointer is handed in.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

/// What becomes of `user_data` that is due.
#[derive(Debug)]
enum Way {
    /// The destructor is called with it.
    Destroy(Destructor),
    /// It goes into a release queue, with the handle of the model or owner that it was handed in with.
    Queue { queue: Arc<ReleaseQueue>, kind: Kind, handle: u64 },
    /// It is in a release queue, which it does not keep alive.
    Queued { kind: Kind, handle: u64 },
    /// No `user_data` of a model: a watcher's callback is told of a change.
    Change { watcher: Arc<Watcher>, change: Box<Change> },
    /// No `user_data` of a model: the log gets a message.
    Log { level: Level, message: Box<str> },
}

/// What is kept beside a model or an owner whose `user_data` has a destructor or goes into a release queue: made when
/// it is handed in, so that letting go never needs memory. What the host is told is listed in the same way.
#[derive(Debug)]
pub struct Due {
    way: Way,
    user_data: UserData,
    next: Option<Box<Due>>,
    /// Of the first one of a batch: the batch, and the first one of the batch that was listed before. Of one that the
    /// host is being called for: the thread, and in the place of the number the frame of the call.
    batch: Batch,
    older: Option<Box<Due>>,
}

impl Due {
    fn going(way: Way, user_data: UserData) -> Due {
        Due { way, user_data, next: None, batch: Batch::default(), older: None }
    }

    /// A destructor with its argument; `None` where there is no memory.
    pub fn new(destroy: Destructor, user_data: UserData) -> Option<Box<Due>> {
        fallible::boxed(Due::going(Way::Destroy(destroy), user_data))
    }

    /// What goes into a queue when it is due.
    pub fn queued(queue: Arc<ReleaseQueue>, kind: Kind, user_data: UserData) -> Box<Due> {
        Box::new(Due::going(Way::Queue { queue, kind, handle: 0 }, user_data))
    }

    /// A change that a watcher's callback is to be told of; `None` where there is no memory.
    pub(super) fn change(watcher: Arc<Watcher>, change: Change) -> Option<Box<Due>> {
        let change = fallible::boxed(change)?;
        fallible::boxed(Due::going(Way::Change { watcher, change }, UserData(std::ptr::null_mut())))
    }

    /// Whether it goes into a queue when it is due.
    pub fn is_queued(&self) -> bool {
        matches!(self.way, Way::Queue { .. })
    }

    /// Notes the handle of what was registered with it.
    pub fn name(&mut self, registered: u64) {
        if let Way::Queue { handle, .. } = &mut self.way {
            *handle = registered;
        }
    }

    /// What the host gets out of a queue.
    pub(super) fn released(&self) -> Option<Released> {
        match self.way {
            Way::Queued { kind, handle } => Some(Released { kind, handle, user_data: self.user_data }),
            _ => None,
        }
    }

    /// Puts it into its queue.
    fn put(mut self: Box<Self>) {
        if let Way::Queue { kind, handle, .. } = self.way
            && let Way::Queue { queue, .. } = std::mem::replace(&mut self.way, Way::Queued { kind, handle })
        {
            queue.put(self);
        }
    }
}

/// Records in a row, the last one first.
#[derive(Default, Debug)]
pub(super) struct Chain {
    head: Option<Box<Due>>,
}

impl Chain {
    pub const EMPTY: Chain = Chain { head: None };

    /// Adds one.
    pub fn push(&mut self, mut due: Box<Due>) {
        due.next = self.head.take();
        self.head = Some(due);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Takes the first one out.
    pub fn pop(&mut self) -> Option<Box<Due>> {
        let mut first = self.head.take()?;
        self.head = first.next.take();
        Some(first)
    }

    /// The same the other way round.
    pub fn reversed(mut self) -> Chain {
        let mut other = Chain::EMPTY;
        while let Some(due) = self.pop() {
            other.push(due);
        }
        other
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // One by one: a chain of boxes that drops itself needs stack for each.
        while self.pop().is_some() {}
    }
}

/// What one change made due, and what the host is told of it.
#[derive(Default, Debug)]
pub struct DueList {
    due: Chain,
    told: Chain,
    unrecorded: Option<(Destructor, UserData)>,
}

impl DueList {
    /// Adds what is due.
    pub fn push(&mut self, due: Box<Due>) {
        self.due.push(due);
    }

    /// Adds the destructor of what the call was handed where there is no memory to record it. One at most: the call fails
    /// before it does anything else.
    pub fn push_unrecorded(&mut self, destroy: Destructor, user_data: UserData) {
        self.unrecorded = Some((destroy, user_data));
    }

    /// Takes out what [`DueList::push_unrecorded`] added.
    pub fn take_unrecorded(&mut self) -> Option<(Destructor, UserData)> {
        self.unrecorded.take()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.due.is_empty() && self.told.is_empty() && self.unrecorded.is_none()
    }

    /// Adds what the host is told.
    pub(super) fn tell(&mut self, told: Box<Due>) {
        self.told.push(told);
    }

    /// Adds a message for the log, where somebody listens and there is memory.
    #[inline]
    pub fn log(&mut self, level: Level, message: std::fmt::Arguments<'_>) {
        if log::wants(level) {
            self.log_it(level, message);
        }
    }

    #[cold]
    fn log_it(&mut self, level: Level, message: std::fmt::Arguments<'_>) {
        let mut text = fallible::Text::default();
        if std::fmt::Write::write_fmt(&mut text, message).is_ok()
            && let Some(message) = fallible::beginning(&text.0, MAX_MESSAGE)
            && let Some(told) = fallible::boxed(Due::going(
                Way::Log { level, message: message.into_boxed_str() },
                UserData(std::ptr::null_mut()),
            ))
        {
            self.told.push(told);
        }
    }
}

/// What one call let go. It is kept in the first of its destructors, so that listing it needs no memory.
#[derive(Clone, Copy, Debug, Default)]
struct Batch {
    /// The thread that let go, or [`NO_THREAD`] where that has ended: then whoever comes next runs the rest.
    thread: u64,
    /// The handle of the registry; unlike its number, no later registry has the same.
    registry: u64,
    number: u64,
}

const NO_THREAD: u64 = 0;

/// A call that is running its batch.
struct Running {
    thread: u64,
    /// An address on the stack of the call: calls further in have lower ones.
    frame: usize,
}

/// Batches of several calls.
struct Batches {
    /// The first one of the newest batch.
    newest: Option<Box<Due>>,
}

impl Batches {
    /// Adds what was let go or told in a call, the first one first.
    fn add(&mut self, mut chain: Chain, batch: Batch) {
        let Some(mut first) = chain.head.take() else { return };
        WAITING.fetch_add(1, Ordering::Release);
        first.batch = batch;
        first.older = self.newest.take();
        self.newest = Some(first);
    }

    fn batches(&self) -> impl Iterator<Item = &Batch> {
        std::iter::successors(self.newest.as_deref(), |first| first.older.as_deref()).map(|first| &first.batch)
    }

    /// Takes the first one out of the batch at a position, counted from the newest.
    fn take(&mut self, position: usize) -> Option<Box<Due>> {
        let mut at = &mut self.newest;
        for _ in 0..position {
            at = &mut at.as_mut()?.older;
        }
        let mut due = at.take()?;
        *at = match due.next.take() {
            Some(mut next) => {
                (next.batch, next.older) = (due.batch, due.older.take());
                Some(next)
            }
            None => {
                WAITING.fetch_sub(1, Ordering::Release);
                due.older.take()
            }
        };
        Some(due)
    }

    /// Leaves to others what a thread that ends has not run.
    fn leave(&mut self, thread: u64) {
        let mut at = &mut self.newest;
        while let Some(first) = at {
            if first.batch.thread == thread {
                first.batch.thread = NO_THREAD;
            }
            at = &mut first.older;
        }
    }
}

struct Queue {
    told: Batches,
    due: Batches,
    running: Vec<Running>,
    /// What the host is being told now: kept until the call of its function has ended, by returning or by a jump.
    calling: Chain,
    number: u64,
}

static QUEUE: Ranked<Queue> = Ranked::new(
    Rank::Due,
    Queue {
        told: Batches { newest: None },
        due: Batches { newest: None },
        running: Vec::new(),
        calling: Chain::EMPTY,
        number: 0,
    },
);

/// How many batches there are, and calls of functions that are told, so that a change that made nothing due need not
/// take the list's lock. A thread sees at least those of its own.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// How deep calls may nest in destructors of one another and still run what the calls around them have not run yet.
/// Past it a call runs its own only: the stack stays bounded however many destructors are due.
const NESTING: usize = 16;

/// A thread that a fork left behind, until somebody who has the list's lock hears of it; else [`NO_THREAD`].
static LEFT_BEHIND: AtomicU64 = AtomicU64::new(NO_THREAD);

/// Names the calling thread; also while its thread-locals are being destroyed.
pub fn this_thread() -> u64 {
    #[cfg(unix)]
    // SAFETY: `pthread_self` has no preconditions.
    return unsafe { libc::pthread_self() } as u64;
    #[cfg(not(unix))]
    return 1;
}

impl Queue {
    /// Ends the calls of functions that are told for which `ended` holds. A watcher that was freed meanwhile goes with
    /// the last one: its destructor is due on `thread`.
    fn end_calls(&mut self, thread: u64, ended: impl Fn(&Batch) -> bool) {
        let mut calls = std::mem::take(&mut self.calling);
        while let Some(call) = calls.pop() {
            if !ended(&call.batch) {
                self.calling.push(call);
                continue;
            }
            WAITING.fetch_sub(1, Ordering::Release);
            if let Way::Change { watcher, .. } = &call.way
                && let Some(destroy) = watcher.end()
            {
                self.number += 1;
                let batch = Batch { thread, registry: 0, number: self.number };
                self.due.add(Chain { head: Some(destroy) }, batch);
            }
        }
    }
}

/// Leaves to others what the calling thread, which ends, has not run: it may have ended in a destructor.
pub fn thread_ended() {
    leave_to_others(&mut QUEUE.lock(), this_thread());
}

/// In the child of a fork: this thread is not there any more. Takes no lock, since a child that is only to run another
/// program may find any of them taken.
pub fn thread_left_behind(thread: u64) {
    LEFT_BEHIND.store(thread, Ordering::Relaxed);
}

/// The list, with what a thread had not run when a fork left it behind given to whoever comes next.
fn queue() -> Guard<'static, Queue> {
    let mut queue = QUEUE.lock();
    if LEFT_BEHIND.load(Ordering::Relaxed) != NO_THREAD {
        leave_to_others(&mut queue, LEFT_BEHIND.swap(NO_THREAD, Ordering::Relaxed));
    }
    queue
}

fn leave_to_others(queue: &mut Queue, thread: u64) {
    queue.running.retain(|running| running.thread != thread);
    queue.end_calls(NO_THREAD, |call| call.thread == thread);
    queue.told.leave(thread);
    queue.due.leave(thread);
}

/// Lists what a change made due and what is told of it, in its order, and puts into its queue what goes into one.
/// Gives the number of the batch, 0 for nothing; to be followed by [`begin`] in the same call.
pub fn append(registry: u64, mut list: DueList) -> u64 {
    let (mut due, mut queued) = (Chain::EMPTY, Chain::EMPTY);
    while let Some(one) = list.due.pop() {
        if one.is_queued() { &mut queued } else { &mut due }.push(one);
    }
    while let Some(one) = queued.pop() {
        one.put();
    }
    let told = std::mem::take(&mut list.told).reversed();
    if due.is_empty() && told.is_empty() {
        return 0;
    }
    // Where that cannot be, a batch that is left waits for the thread that gets the same name.
    thread_end::watch();
    let mut queue = queue();
    queue.number += 1;
    let batch = Batch { thread: this_thread(), registry, number: queue.number };
    queue.told.add(told, batch);
    queue.due.add(due, batch);
    batch.number
}

/// What a call may run.
#[derive(Clone, Copy)]
pub struct Turn {
    thread: u64,
    frame: usize,
    number: u64,
    destroyed: u64,
    /// It is nested so deep that it runs its own batch alone.
    own_only: bool,
}

impl Turn {
    fn may_run(&self, batch: &Batch) -> bool {
        let left = batch.thread == self.thread || batch.thread == NO_THREAD;
        batch.number == self.number || (left && (!self.own_only || batch.registry == self.destroyed))
    }

    fn is_of(&self, call: &Batch) -> bool {
        call.thread == self.thread && call.number == self.frame as u64
    }

    /// The same for the batch of the call alone, whoever has left something.
    pub fn of_its_own(self) -> Turn {
        Turn { own_only: true, ..self }
    }
}

/// By how many bytes the frames of two calls from one frame of the host may differ: by what the two C functions have of
/// their own. A call that nests is further in by more than that: its own frame, that of the call that called the host, and the
/// host's between them.
const SIBLINGS: usize = 128;

/// Whether anything is due, in any thread.
#[inline(always)]
pub fn is_waiting() -> bool {
    WAITING.load(Ordering::Acquire) != 0
}

/// Begins to run what is due in a call whose stack frame is at `frame`: its own batch `number`, those that other
/// calls of this thread have not run yet, and those of threads that ended; `destroyed` is the registry that the call
/// destroyed, or 0.
pub fn begin(frame: usize, number: u64, destroyed: u64) -> Option<Turn> {
    if !is_waiting() {
        return None;
    }
    // It may run what another thread has left.
    thread_end::watch();
    let mut queue = queue();
    let thread = this_thread();
    // A call of this thread whose frame is not above ours has ended, if not by returning.
    let above = frame.saturating_add(SIBLINGS);
    queue.running.retain(|running| running.thread != thread || running.frame > above);
    queue.end_calls(thread, |call| call.thread == thread && call.number <= above as u64);
    let own_only = queue.running.iter().filter(|running| running.thread == thread).count() >= NESTING;
    // Without memory to remember the call by, those nested in it may nest deeper.
    if queue.running.try_reserve(1).is_ok() {
        queue.running.push(Running { thread, frame });
    }
    Some(Turn { thread, frame, number, destroyed, own_only })
}

/// What a call has to do next.
#[derive(Clone, Copy)]
pub enum Step {
    /// Calls a destructor.
    Destroy(Destructor, UserData),
    /// Calls a watcher's callback with what [`change`] gives.
    Change,
    /// Calls the log's callback with what [`message`] gives.
    Log,
}

/// Takes the next one off the list; `None` ends the turn.
pub fn take(turn: Turn) -> Option<Step> {
    let mut queue = queue();
    queue.end_calls(turn.thread, |call| turn.is_of(call));
    // The oldest first: whoever follows the changes gets them in their order.
    while let Some(at) = last_position(queue.told.batches(), |batch| turn.may_run(batch)) {
        let Some(mut told) = queue.told.take(at) else { break };
        let step = match &told.way {
            Way::Change { watcher, .. } => watcher.begin().map(|_| Step::Change),
            Way::Log { level, .. } => log::listener(*level).map(|_| Step::Log),
            _ => None,
        };
        if step.is_some() {
            told.batch = Batch { thread: turn.thread, registry: 0, number: turn.frame as u64 };
            WAITING.fetch_add(1, Ordering::Release);
            queue.calling.push(told);
            return step;
        }
    }
    // The newest first: what this call let go runs before what others have left.
    let newest = queue.due.batches().position(|batch| turn.may_run(batch));
    if let Some(due) = newest.and_then(|at| queue.due.take(at))
        && let Way::Destroy(destroy) = due.way
    {
        return Some(Step::Destroy(destroy, due.user_data));
    }
    let running = &mut queue.running;
    if let Some(at) = running.iter().rposition(|call| call.thread == turn.thread && call.frame == turn.frame) {
        running.remove(at);
    }
    None
}

fn last_position<'a>(batches: impl Iterator<Item = &'a Batch>, found: impl Fn(&Batch) -> bool) -> Option<usize> {
    batches.enumerate().filter(|(_, batch)| found(batch)).last().map(|(at, _)| at)
}

/// What the host is being told in a turn.
fn told<T>(turn: Turn, read: impl FnOnce(&Way) -> Option<T>) -> Option<T> {
    let queue = queue();
    let mut calls = std::iter::successors(queue.calling.head.as_deref(), |call| call.next.as_deref());
    calls.find(|call| turn.is_of(&call.batch)).and_then(|call| read(&call.way))
}

/// The callback for [`Step::Change`], and the change.
pub fn change(turn: Turn) -> Option<(watcher::Callback, UserData, Told)> {
    told(turn, |way| match way {
        Way::Change { watcher, change } => {
            let (callback, user_data) = watcher.called()?;
            Some((callback, user_data, Told::from(&**change)))
        }
        _ => None,
    })
}

/// The callback for [`Step::Log`], and the message.
pub fn message(turn: Turn) -> Option<(log::Callback, UserData, Message)> {
    told(turn, |way| match way {
        Way::Log { level, message } => {
            let (callback, user_data) = log::listener(*level)?;
            Some((callback, user_data, Message::new(*level, message)))
        }
        _ => None,
    })
}

impl Extend<Box<Due>> for DueList {
    fn extend<I: IntoIterator<Item = Box<Due>>>(&mut self, more: I) {
        more.into_iter().for_each(|due| self.push(due));
    }
}
