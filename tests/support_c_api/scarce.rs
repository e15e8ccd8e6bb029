//! An allocator that refuses memory to one thread, and a child process for each request that is refused: what cannot be
//! had in any other way may end that process.
//!
//! A test that uses it makes [`Scarce`] its global allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// The system's allocator, but for one request of the calling thread, or all from one on.
pub struct Scarce;

/// Which requests are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refuses {
    /// One, and none after it.
    One,
    /// One, and all after it.
    AllFrom,
}

thread_local! {
    /// How many requests are granted before one is refused; `usize::MAX`: all.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    static ALL: Cell<bool> = const { Cell::new(false) };
    static REFUSED: Cell<usize> = const { Cell::new(0) };
}

/// The bytes of the last request that was refused, in memory that parent and child share.
static LAST_SIZE: AtomicPtr<AtomicUsize> = AtomicPtr::new(std::ptr::null_mut());

/// Whether this request of the calling thread is refused.
pub fn refuses(size: usize) -> bool {
    match LEFT.get() {
        usize::MAX => return false,
        0 => {}
        left => {
            LEFT.set(left - 1);
            return false;
        }
    }
    if REFUSED.get() > 0 && !ALL.get() {
        return false;
    }
    REFUSED.set(REFUSED.get() + 1);
    let last = LAST_SIZE.load(Ordering::Relaxed);
    if !last.is_null() {
        // SAFETY: the shared memory is never unmapped.
        unsafe { &*last }.store(size, Ordering::Relaxed);
    }
    true
}

// SAFETY: the system's allocator, which may refuse whatever it likes.
unsafe impl GlobalAlloc for Scarce {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        if refuses(layout.size()) { std::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        if refuses(layout.size()) { std::ptr::null_mut() } else { unsafe { System.alloc_zeroed(layout) } }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        if refuses(size) { std::ptr::null_mut() } else { unsafe { System.realloc(memory, layout, size) } }
    }
}

/// Calls with memory for so many requests; gives its answer, and how many requests were refused.
pub fn with_memory_for<T>(requests: usize, refuses: Refuses, call: impl FnOnce() -> T) -> (T, usize) {
    REFUSED.set(0);
    ALL.set(refuses == Refuses::AllFrom);
    LEFT.set(requests);
    let answer = call();
    LEFT.set(usize::MAX);
    (answer, REFUSED.get())
}

/// Gives the thread all the memory that it wants; gives back what it had, for [`limit_again`].
pub fn without_limit() -> usize {
    LEFT.replace(usize::MAX)
}

/// The opposite of [`without_limit`].
pub fn limit_again(left: usize) {
    LEFT.set(left);
}

/// How a child ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// With this number and text.
    Said(u8, String),
    /// It gave up because of a request of so many bytes.
    Aborted(usize),
    /// Otherwise.
    Died(i32),
}

const TEXT: usize = 64 << 10;

/// Runs `work` in a child process that has all that this process has, with this thread alone; gives what it said.
///
/// No other thread may be inside of the library at that moment.
pub fn in_a_child(work: impl FnOnce() -> (u8, String)) -> End {
    if LAST_SIZE.load(Ordering::Relaxed).is_null() {
        let (readable, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the system's choice.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), TEXT + 64, readable, shared, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED);
        LAST_SIZE.store(memory.cast(), Ordering::Relaxed);
    }
    let shared = LAST_SIZE.load(Ordering::Relaxed);
    // SAFETY: the mapping is zeroed, large enough and never unmapped; the child writes the text before the parent, which waits
    // for its end, reads it.
    let (last, text) = unsafe { (&*shared, shared.cast::<u8>().add(64)) };
    last.store(0, Ordering::Relaxed);
    // SAFETY: the child uses what this thread has, and ends without going back.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no process can be made");
    if child == 0 {
        // SAFETY: ends the child where it hangs; what it writes of an abort is not of interest.
        unsafe {
            libc::alarm(60);
            if std::env::var_os("MODELREG_ABORTS").is_none() {
                let nothing = libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY);
                libc::dup2(nothing, 2);
            }
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &none);
            libc::signal(libc::SIGABRT, aborted as *const () as libc::sighandler_t);
        }
        let (number, said) = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
            Ok(said) => said,
            Err(panic) => {
                limit_again(usize::MAX);
                let text = panic.downcast_ref::<String>().cloned();
                (101, text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
            }
        };
        let said = &said.as_bytes()[..said.len().min(TEXT - 1)];
        // SAFETY: the text fits, with its NUL; the process ends here.
        unsafe {
            std::ptr::copy_nonoverlapping(said.as_ptr(), text, said.len());
            text.add(said.len()).write(0);
            libc::_exit(number.into());
        }
    }
    let mut status = 0;
    // SAFETY: waits for a child of this process.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) != ABORTED {
        // SAFETY: the child put a text with a NUL there.
        let said = unsafe { std::ffi::CStr::from_ptr(text.cast()) };
        return End::Said(libc::WEXITSTATUS(status) as u8, said.to_string_lossy().into_owned());
    }
    match libc::WIFEXITED(status) {
        true => End::Aborted(last.load(Ordering::Relaxed)),
        false => End::Died(status),
    }
}

const ABORTED: i32 = 102;

/// Where an abort comes from is worth knowing.
extern "C" fn aborted(_: i32) {
    limit_again(usize::MAX);
    #[cfg(target_env = "gnu")]
    if std::env::var_os("MODELREG_ABORTS").is_some() {
        let mut frames = [std::ptr::null_mut(); 64];
        // SAFETY: the array has room for so many; file 2 is open.
        unsafe { libc::backtrace_symbols_fd(frames.as_ptr(), libc::backtrace(frames.as_mut_ptr(), 64), 2) };
    }
    // SAFETY: ends the process.
    unsafe { libc::_exit(ABORTED) };
}

/// A callback of the host's, which has memory whatever the call around it has.
pub fn as_the_host(work: impl FnOnce(*mut c_void), user_data: *mut c_void) {
    let left = without_limit();
    work(user_data);
    limit_again(left);
}
