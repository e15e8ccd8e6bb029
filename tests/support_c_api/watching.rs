//! Watchers, polled and called.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::capi::{self, mreg_change, mreg_watcher_options};
use super::{Result, made, text_of};
use crate::call;

pub use super::capi::{
    MREG_CHANGE_CLEARED as CLEARED, MREG_CHANGE_DESTROYED as DESTROYED, MREG_CHANGE_LOST as LOST,
    MREG_CHANGE_MOVED as MOVED, MREG_CHANGE_OWNER_RELEASED as OWNER_RELEASED, MREG_CHANGE_REGISTERED as REGISTERED,
    MREG_CHANGE_REMOVED as REMOVED, MREG_CHANGE_REPLACED as REPLACED, MREG_CHANGE_TENANT_DROPPED as TENANT_DROPPED,
};

/// A change as a test looks at it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Change {
    pub kind: u32,
    pub sequence: u64,
    pub at_ms: i64,
    pub registry: u64,
    pub owner: u64,
    pub model: u64,
    pub replaced: u64,
    pub count: u64,
    pub name: String,
    pub tenant: String,
}

impl From<&mreg_change> for Change {
    fn from(change: &mreg_change) -> Self {
        assert_eq!((change.struct_size, change.reserved), (size_of::<mreg_change>(), 0));
        Change {
            kind: change.kind,
            sequence: change.sequence,
            at_ms: change.at_ms,
            registry: change.registry,
            owner: change.owner,
            model: change.model,
            replaced: change.replaced,
            count: change.count,
            name: text_of(&change.name),
            tenant: text_of(&change.tenant),
        }
    }
}

/// A watcher that is freed at the end of the test, if the test has not done so.
pub struct Watch(pub u64);

impl Watch {
    /// One that is polled.
    pub fn new(registry: u64, capacity: usize) -> Watch {
        let mut options = made::<mreg_watcher_options>(capi::mreg_watcher_options_init);
        options.capacity = capacity;
        let mut watcher = 0;
        call!(mreg_watcher_create(registry, &options, &mut watcher)).expect("a watcher");
        Watch(watcher)
    }

    pub fn poll(&self) -> Result<Option<Change>> {
        let mut change = made::<mreg_change>(capi::mreg_change_init);
        let mut found = true;
        call!(mreg_watcher_poll(self.0, &mut change, &mut found))?;
        Ok(found.then(|| Change::from(&change)))
    }

    #[track_caller]
    pub fn take_all(&self) -> Vec<Change> {
        std::iter::from_fn(|| self.poll().expect("a watcher")).collect()
    }

    /// The kinds, with what each is about: the name of a model or an owner, else the tenant.
    #[track_caller]
    pub fn take_brief(&self) -> Vec<(u32, String)> {
        self.take_all().into_iter().map(brief).collect()
    }
}

pub fn brief(change: Change) -> (u32, String) {
    (change.kind, if change.name.is_empty() { change.tenant } else { change.name })
}

/// Kinds and names, to compare with.
pub fn briefs(expected: &[(u32, &str)]) -> Vec<(u32, String)> {
    expected.iter().map(|(kind, about)| (*kind, (*about).to_owned())).collect()
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = free_watcher(self.0);
    }
}

pub fn free_watcher(watcher: u64) -> Result<()> {
    call!(mreg_watcher_free(watcher))
}

type Action = Box<dyn Fn(&Change) + Send + Sync>;

/// The `user_data` of a watcher that is called; lives as long as the process.
pub struct Listener {
    action: Action,
    destroyed: AtomicUsize,
    running: AtomicUsize,
}

impl Listener {
    pub fn that(action: impl Fn(&Change) + Send + Sync + 'static) -> &'static Listener {
        Box::leak(Box::new(Listener {
            action: Box::new(action),
            destroyed: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
        }))
    }

    /// How often its destructor ran.
    pub fn destroyed(&self) -> usize {
        self.destroyed.load(Ordering::SeqCst)
    }

    /// Forgets that its destructor ran, for one that is used again.
    pub fn reset(&self) {
        self.destroyed.store(0, Ordering::SeqCst);
    }

    pub fn options(&'static self) -> mreg_watcher_options {
        let mut options = made::<mreg_watcher_options>(capi::mreg_watcher_options_init);
        options.user_data = std::ptr::from_ref(self).cast_mut().cast();
        options.callback = Some(told);
        options.destroy = Some(destroyed);
        options
    }

    /// A watcher that calls it.
    pub fn watch(&'static self, registry: u64) -> u64 {
        let mut watcher = 0;
        call!(mreg_watcher_create(registry, &self.options(), &mut watcher)).expect("a watcher");
        watcher
    }
}

/// The callback of every [`Listener`].
///
/// # Safety
/// `user_data` is a listener's, and `change` a change that may be read.
pub unsafe extern "C-unwind" fn told(user_data: *mut c_void, change: *const mreg_change) {
    // SAFETY: listeners live as long as the process; the library gives a change that may be read now.
    let (listener, change) = unsafe { (&*user_data.cast::<Listener>(), Change::from(&*change)) };
    assert_eq!(listener.destroyed(), 0, "nobody is told after the destructor ran");
    listener.running.fetch_add(1, Ordering::SeqCst);
    (listener.action)(&change);
    listener.running.fetch_sub(1, Ordering::SeqCst);
}

unsafe extern "C-unwind" fn destroyed(user_data: *mut c_void) {
    // SAFETY: as above.
    let listener = unsafe { &*user_data.cast::<Listener>() };
    assert_eq!(listener.running.load(Ordering::SeqCst), 0, "no callback is running");
    listener.destroyed.fetch_add(1, Ordering::SeqCst);
}
