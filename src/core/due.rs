//! Destructors of the host's that are due.
//!
//! A change only notes the destructors that it makes due, while it holds the registry's lock; they run after the change
//! is complete, with no lock held, on the thread that made it, before its call returns. A destructor is taken off the
//! list before it is called, so that it runs once whatever it does: call the library, throw, `longjmp` or end its
//! thread. What a jump out of a call leaves on the list runs at the thread's next call of this kind, or when the thread
//! destroys the registry; what a thread leaves when it ends, at anybody's next call. No thread runs what another one that is
//! alive has let go.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::lock::{Guard, Rank, Ranked};
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

/// What is kept beside a model or an owner that has a destructor: made when the destructor is handed in, so that
/// letting go never needs memory.
#[derive(Debug)]
pub struct Due {
    /// The destructor.
    pub destroy: Destructor,
    /// Its argument.
    pub user_data: UserData,
    next: Option<Box<Due>>,
    /// Of the first one of a batch: the batch, and the first one of the batch that was listed before.
    batch: Batch,
    older: Option<Box<Due>>,
}

impl Due {
    /// A destructor with its argument.
    pub fn new(destroy: Destructor, user_data: UserData) -> Box<Due> {
        Box::new(Due { destroy, user_data, next: None, batch: Batch::default(), older: None })
    }
}

/// Destructors that one change made due, the last one first.
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

    fn pop(&mut self) -> Option<Box<Due>> {
        let mut first = self.head.take()?;
        self.head = first.next.take();
        Some(first)
    }

    fn reversed(mut self) -> DueList {
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
    let mut at = &mut queue.newest;
    while let Some(first) = at {
        if first.batch.thread == thread {
            first.batch.thread = NO_THREAD;
        }
        at = &mut first.older;
    }
}

/// Lists what a change made due, in the order in which it let go. Gives the number of the batch, 0 for nothing; to be
/// followed by [`begin`] in the same call.
pub fn append(registry: u64, list: DueList) -> u64 {
    let mut list = list.reversed();
    let Some(mut first) = list.head.take() else { return 0 };
    // Where that cannot be, a batch that is left waits for the thread that gets the same name.
    thread_end::watch();
    let mut queue = queue();
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

impl Turn {
    /// The same for the batch of the call alone, whoever has left something.
    pub fn of_its_own(self) -> Turn {
        Turn { own_only: true, ..self }
    }
}

/// Begins to run destructors in a call whose stack frame is at `frame`: those of its own batch `number`, those that other
/// calls of this thread have not run yet, and those of threads that ended; `destroyed` is the registry that the call
/// destroyed, or 0.
pub fn begin(frame: usize, number: u64, destroyed: u64) -> Option<Turn> {
    if WAITING.load(Ordering::Acquire) == 0 {
        return None;
    }
    let mut queue = queue();
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
    let mut queue = queue();
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
    if let Some(mut due) = at.take() {
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
        return Some((due.destroy, due.user_data));
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
