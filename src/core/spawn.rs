//! What the sweeper asks of the system: a thread with every signal blocked, and to hear of forks.

#[cfg(unix)]
use std::ffi::c_void;
#[cfg(unix)]
use std::mem::MaybeUninit;
#[cfg(unix)]
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::error::{Error, Result, Status};

use super::sweeper::{Run, STACK_BYTES, THREAD_NAME, serve};

/// Makes a thread that serves under this number, with every signal blocked.
///
/// By hand and not by `std::thread`, whose memory for a thread would be left behind in the child of a fork.
#[cfg(unix)]
pub fn make_thread(number: u64, run: Run) -> Result<()> {
    let mut attributes = MaybeUninit::uninit();
    let mut thread = MaybeUninit::uninit();
    let argument = std::ptr::without_provenance_mut(number as usize);
    // There is one such function in the library.
    RUN.store(run as *mut (), Ordering::Release);
    let signals = Signals::block();
    // SAFETY: the attributes are made before they are set and used, and given back afterwards; the thread's function
    // takes any argument, and lives as long as the process, because the library stays loaded.
    let failed = unsafe {
        match libc::pthread_attr_init(attributes.as_mut_ptr()) {
            0 => {
                let attributes = attributes.as_mut_ptr();
                libc::pthread_attr_setstacksize(attributes, STACK_BYTES);
                libc::pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED);
                let failed = libc::pthread_create(thread.as_mut_ptr(), attributes, begin, argument);
                libc::pthread_attr_destroy(attributes);
                failed
            }
            failed => failed,
        }
    };
    drop(signals);
    if failed == 0 { Ok(()) } else { Err(no_thread(&std::io::Error::from_raw_os_error(failed))) }
}

/// What the thread runs: a [`Run`].
#[cfg(unix)]
static RUN: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

#[cfg(unix)]
extern "C" fn begin(argument: *mut c_void) -> *mut c_void {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: the name is short enough and ends with a NUL.
    unsafe {
        libc::pthread_setname_np(libc::pthread_self(), THREAD_NAME.as_ptr());
    }
    // SAFETY: `make_thread` stored a function of this type.
    let run = unsafe { std::mem::transmute::<*mut (), Run>(RUN.load(Ordering::Acquire)) };
    serve(argument.addr() as u64, run);
    std::ptr::null_mut()
}

#[cfg(not(unix))]
pub fn make_thread(number: u64, run: Run) -> Result<()> {
    let name = THREAD_NAME.to_string_lossy().into_owned();
    let made = std::thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(move || serve(number, run));
    made.map(drop).map_err(|error| no_thread(&error))
}

fn no_thread(error: &std::io::Error) -> Error {
    Error::new(
        Status::ERROR_NO_THREAD,
        "sweeper",
        format!("sweeper: no thread could be made: {error} (raise the limit, or call mreg_sweeper_run yourself)"),
    )
}

/// Blocks every signal for the calling thread, so that a thread made meanwhile never runs a handler of the host's.
struct Signals {
    #[cfg(all(unix, not(miri)))]
    before: libc::sigset_t,
}

impl Signals {
    #[cfg(all(unix, not(miri)))]
    fn block() -> Signals {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: both are places for a set; the first is filled before it is read. The call cannot fail with these
        // arguments, so the other one is filled as well.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::sigemptyset(before.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            Signals { before: before.assume_init() }
        }
    }

    #[cfg(not(all(unix, not(miri))))]
    fn block() -> Signals {
        Signals {}
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        #[cfg(all(unix, not(miri)))]
        // SAFETY: the set is the one that there was before.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut());
        }
    }
}

/// Has the functions called at every fork from now on: before it, and after it in the parent and in the child.
#[cfg(all(unix, not(miri)))]
pub fn at_fork(prepare: extern "C" fn(), in_parent: extern "C" fn(), in_child: extern "C" fn()) -> Result<()> {
    // SAFETY: the functions live as long as the process, because the library stays loaded.
    let failed = unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) } != 0;
    if failed { Err(Status::ERROR_OUT_OF_MEMORY.into()) } else { Ok(()) }
}
