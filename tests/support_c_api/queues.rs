//! Release queues, polled.

use super::capi::{self, mreg_due};
use super::{Limits, Registry, Result, made};
use crate::call;

/// A queue that is freed at the end of the test, if the test has not done so.
pub struct Queue(pub u64);

impl Queue {
    pub fn new() -> Queue {
        let mut queue = 0;
        call!(mreg_queue_create(&mut queue)).expect("a queue");
        assert_ne!(queue, 0);
        Queue(queue)
    }

    /// The oldest: its kind, its handle, and the number that was its `user_data`.
    pub fn poll(&self) -> Result<Option<(u32, u64, usize)>> {
        let mut due = made::<mreg_due>(capi::mreg_due_init);
        let mut found = true;
        call!(mreg_queue_poll(self.0, &mut due, &mut found))?;
        Ok(found.then_some((due.kind, due.handle, due.user_data.addr())))
    }

    #[track_caller]
    pub fn take_all(&self) -> Vec<(u32, u64, usize)> {
        std::iter::from_fn(|| self.poll().expect("a queue")).collect()
    }

    /// The numbers of all that is in it.
    #[track_caller]
    pub fn numbers(&self) -> Vec<usize> {
        self.take_all().into_iter().map(|(_, _, number)| number).collect()
    }

    /// A registry that has it.
    pub fn registry(&self) -> Registry {
        Registry::with(Limits { queue: self.0, ..Limits::default() })
    }

    pub fn free(&self) -> Result<()> {
        call!(mreg_queue_free(self.0))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let _ = self.free();
    }
}
