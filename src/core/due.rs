//! Destructors of the host's that are due.
//!
//! A change only notes the destructors that it makes due, while it holds the registry's lock; they run after the change
//! is complete, with no lock held, on the thread that made it, before its call returns. A destructor is taken off the
//! list before it is called, so that it runs once whatever it does: call the library, throw, `longjmp` or end its
//! thread. What a jump out of a call leaves on the list runs at the thread's next call of this kind, or when the thread
//! destroys the registry; what a thread leaves when it ends, at anybody's next call. No thread runs what another one that is
//! alive has let go.
//!
//! In a registry with a release queue, `user_data` without a destructor goes into the queue at the moment at which the
//! destructor would have been listed.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::lock::{Rank, Ranked};
use super::release::{Kind, ReleaseQueue, Released};
use super::thread_end;

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
}

/// What is kept beside a model or an owner whose `user_data` has a destructor or goes into a release queue: made when it is
/// handed in, so that letting go never needs memory.
#[derive(Debug)]
pub struct Due {
    way: Way,
    user_data: UserData,
    next: Option<Box<Due>>,
    /// Of the first one of a batch: the batch, and the first one of the batch that was listed before.
    batch: Batch,
    older: Option<Box<Due>>,
}

impl Due {
    fn going(way: Way, user_data: UserData) -> Box<Due> {
        Box::new(Due { way, user_data, next: None, batch: Batch::default(), older: None })
    }

    /// A destructor with its argument.
    pub fn new(destroy: Destructor, user_data: UserData) -> Box<Due> {
        Due::going(Way::Destroy(destroy), user_data)
    }

    /// What goes into a queue when it is due.
    pub fn queued(queue: Arc<ReleaseQueue>, kind: Kind, user_data: UserData) -> Box<Due> {
        Due::going(Way::Queue { queue, kind, handle: 0 }, user_data)
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

/// What one change made due, the last one first.
#[derive(Default, Debug)]
pub struct DueList {
    head: Option<Box<Due>>,
}

impl DueList {
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
    pub(super) fn pop(&mut self) -> Option<Box<Due>> {
        let mut first = self.head.take()?;
        self.head = first.next.take();
        Some(first)
    }

    /// The same the other way round.
    pub(super) fn reversed(mut self) -> DueList {
        let mut other = DueList::default();
        while let Some(due) = self.pop() {
            other.push(due);
        }
        other
    }
}

impl Drop for DueList {
    fn drop(&mut self) {
        // One by one: a chain of boxes that drops itself needs stack for each.
        while self.pop().is_some() {}
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

struct Queue {
    /// The first destructor of the newest batch.
    newest: Option<Box<Due>>,
    running: Vec<Running>,
    number: u64,
}

static QUEUE: Ranked<Queue> = Ranked::new(Rank::Due, Queue { newest: None, running: Vec::new(), number: 0 });

/// How many batches there are, so that a change that made nothing due need not take the list's lock. A thread sees at least
/// the batches of its own.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// How deep calls may nest in destructors of one another and still run what the calls around them have not run yet. Past it
/// a call runs its own only: the stack stays bounded however many destructors are due.
const NESTING: usize = 16;

/// Names the calling thread; also while its thread-locals are being destroyed.
fn this_thread() -> u64 {
    #[cfg(unix)]
    // SAFETY: `pthread_self` has no preconditions.
    return unsafe { libc::pthread_self() } as u64;
    #[cfg(not(unix))]
    return 1;
}

/// Leaves to others what the calling thread, which ends, has not run: it may have ended in a destructor.
pub fn thread_ended() {
    let thread = this_thread();
    let mut queue = QUEUE.lock();
    queue.running.retain(|running| running.thread != thread);
    let mut at = &mut queue.newest;
    while let Some(first) = at {
        if first.batch.thread == thread {
            first.batch.thread = NO_THREAD;
        }
        at = &mut first.older;
    }
}

/// Lists the destructors that a change made due, in the order in which it let go, and puts into its queue what goes into one.
/// Gives the number of the batch, 0 for nothing; to be followed by [`begin`] in the same call.
pub fn append(registry: u64, mut list: DueList) -> u64 {
    let (mut destructors, mut queued) = (DueList::default(), DueList::default());
    while let Some(due) = list.pop() {
        if due.is_queued() { &mut queued } else { &mut destructors }.push(due);
    }
    while let Some(due) = queued.pop() {
        due.put();
    }
    let Some(mut first) = destructors.head.take() else { return 0 };
    // Where that cannot be, a batch that is left waits for the thread that gets the same name.
    thread_end::watch();
    let mut queue = QUEUE.lock();
    queue.number += 1;
    WAITING.fetch_add(1, Ordering::Release);
    first.batch = Batch { thread: this_thread(), registry, number: queue.number };
    first.older = queue.newest.take();
    queue.newest = Some(first);
    queue.number
}

/// Which destructors a call may run.
#[derive(Clone, Copy)]
pub struct Turn {
    thread: u64,
    frame: usize,
    number: u64,
    destroyed: u64,
    /// It is nested so deep that it runs its own batch alone.
    own_only: bool,
}

/// Begins to run destructors in a call whose stack frame is at `frame`: those of its own batch `number`, those that other
/// calls of this thread have not run yet, and those of threads that ended; `destroyed` is the registry that the call
/// destroyed, or 0.
pub fn begin(frame: usize, number: u64, destroyed: u64) -> Option<Turn> {
    if WAITING.load(Ordering::Acquire) == 0 {
        return None;
    }
    let mut queue = QUEUE.lock();
    let thread = this_thread();
    // A call of this thread whose frame is not above ours has ended, if not by returning.
    queue.running.retain(|running| running.thread != thread || running.frame > frame);
    let own_only = queue.running.iter().filter(|running| running.thread == thread).count() >= NESTING;
    // Without memory to remember the call by, those nested in it may nest deeper.
    if queue.running.try_reserve(1).is_ok() {
        queue.running.push(Running { thread, frame });
    }
    Some(Turn { thread, frame, number, destroyed, own_only })
}

/// Takes the next destructor off the list; `None` ends the turn.
pub fn take(turn: Turn) -> Option<(Destructor, UserData)> {
    let mut queue = QUEUE.lock();
    let Queue { newest, running, .. } = &mut *queue;
    let may_run = |batch: &Batch| {
        let left = batch.thread == turn.thread || batch.thread == NO_THREAD;
        batch.number == turn.number || (left && (!turn.own_only || batch.registry == turn.destroyed))
    };
    // The newest first: what this call let go runs before what others have left.
    let mut at = newest;
    while at.as_ref().is_some_and(|first| !may_run(&first.batch)) {
        match at {
            Some(first) => at = &mut first.older,
            None => break,
        }
    }
    if let Some(mut due) = at.take()
        && let Way::Destroy(destroy) = due.way
    {
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
        return Some((destroy, due.user_data));
    }
    if let Some(at) = running.iter().rposition(|call| call.thread == turn.thread && call.frame == turn.frame) {
        running.remove(at);
    }
    None
}

impl Extend<Box<Due>> for DueList {
    fn extend<I: IntoIterator<Item = Box<Due>>>(&mut self, more: I) {
        more.into_iter().for_each(|due| self.push(due));
    }
}
