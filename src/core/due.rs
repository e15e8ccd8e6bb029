//! Destructors of the host's that are due.
//!
//! A change only notes the destructors that it makes due, while it holds the registry's lock; they run after the change
//! is complete, with no lock held, on the thread that made it, before its call returns. A destructor is taken off the
//! list before it is called, so that it runs once whatever it does: call the library, throw, `longjmp` or end its
//! thread. What such a jump leaves on the list runs at the thread's next call of this kind, or when the registry is
//! destroyed.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::lock::{Rank, Ranked};

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
}

impl Due {
    /// A destructor with its argument.
    pub fn new(destroy: Destructor, user_data: UserData) -> Box<Due> {
        Box::new(Due { destroy, user_data, next: None })
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

struct Batch {
    thread: u64,
    registry: u32,
    number: u64,
    list: DueList,
}

struct Running {
    thread: u64,
    /// An address on the stack of the call: calls further in have lower ones.
    frame: usize,
}

struct Queue {
    batches: VecDeque<Batch>,
    running: Vec<Running>,
    number: u64,
}

static QUEUE: Ranked<Queue> =
    Ranked::new(Rank::Due, Queue { batches: VecDeque::new(), running: Vec::new(), number: 0 });

/// How many batches there are, so that a change that made nothing due need not take the list's lock. A thread sees at least
/// the batches of its own.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// How deep a destructor that calls the library may nest and still run what the calls around it have not run yet. Past
/// it a call runs its own only: the stack stays bounded however many destructors are due.
const NESTING: usize = 16;

/// Names the calling thread; also while its thread-locals are being destroyed.
fn this_thread() -> u64 {
    #[cfg(unix)]
    // SAFETY: `pthread_self` has no preconditions.
    return unsafe { libc::pthread_self() } as u64;
    #[cfg(not(unix))]
    return 0;
}

/// Lists what a change made due, in the order in which it let go. To be followed by [`take`] until it gives none.
pub fn append(registry: u32, list: DueList) {
    if list.is_empty() {
        return;
    }
    let list = list.reversed();
    let mut queue = QUEUE.lock();
    queue.number += 1;
    WAITING.fetch_add(1, Ordering::Release);
    let number = queue.number;
    queue.batches.push_back(Batch { thread: this_thread(), registry, number, list });
}

/// Which destructors a call may run.
#[derive(Clone, Copy)]
pub struct Turn {
    thread: u64,
    frame: usize,
    own_from: Option<u64>,
    registry: Option<u32>,
}

/// Begins to run destructors in a call whose stack frame is at `frame`; `registry` is the one that the call destroyed.
pub fn begin(frame: usize, registry: Option<u32>) -> Option<Turn> {
    if WAITING.load(Ordering::Acquire) == 0 {
        return None;
    }
    let mut queue = QUEUE.lock();
    let thread = this_thread();
    // A call of this thread whose frame is not above ours has ended, if not by returning.
    queue.running.retain(|running| running.thread != thread || running.frame > frame);
    let depth = queue.running.iter().filter(|running| running.thread == thread).count();
    let own_from = (depth >= NESTING)
        .then(|| queue.batches.iter().filter(|batch| batch.thread == thread).map(|batch| batch.number).max())
        .flatten();
    queue.running.push(Running { thread, frame });
    Some(Turn { thread, frame, own_from, registry })
}

/// Takes the next destructor off the list; `None` ends the turn.
pub fn take(turn: Turn) -> Option<(Destructor, UserData)> {
    let mut queue = QUEUE.lock();
    let mine = |batch: &Batch| {
        let of_thread = batch.thread == turn.thread && turn.own_from.is_none_or(|from| batch.number >= from);
        of_thread || turn.registry == Some(batch.registry)
    };
    // The newest first: what this call let go runs before what an outer one has left.
    if let Some(at) = queue.batches.iter().rposition(mine) {
        let due = queue.batches[at].list.pop();
        if queue.batches[at].list.is_empty() {
            queue.batches.remove(at);
            WAITING.fetch_sub(1, Ordering::Release);
        }
        if let Some(due) = due {
            return Some((due.destroy, due.user_data));
        }
    }
    if let Some(at) =
        queue.running.iter().rposition(|running| running.thread == turn.thread && running.frame == turn.frame)
    {
        queue.running.remove(at);
    }
    None
}

impl Extend<Box<Due>> for DueList {
    fn extend<I: IntoIterator<Item = Box<Due>>>(&mut self, more: I) {
        more.into_iter().for_each(|due| self.push(due));
    }
}
