//! The log: sentences for people, made only where somebody listens.
//!
//! Like what watchers are told, a message is listed while the change is made and handed to the host after it, with no
//! lock held.

use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Status};

use super::change::fill;
use super::due::{self, DueList, UserData};
use super::lock::{Rank, Ranked};

/// How much a message matters; larger numbers matter less.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub enum Level {
    /// Internal errors of the library.
    Error = 1,
    /// Problems of loaded files, and changes that were lost.
    Warning = 2,
    /// Cleared, destroyed, loaded, swept.
    Info = 3,
    /// Tenants that came and went, owners that were released.
    Debug = 4,
}

/// The last level.
pub const MAX_LEVEL: u32 = Level::Debug as u32;

/// A function of the host's that gets the messages.
///
/// It may throw a C++ exception, which passes through the library's call to the host.
pub type Callback =
    unsafe extern "C-unwind" fn(user_data: *mut c_void, level: u32, message: *const c_char, length: usize);

/// The longest message, in bytes.
pub const MAX_MESSAGE: usize = 1023;

/// A message as it is handed to the host: plain memory, nothing to drop.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// How much it matters.
    pub level: Level,
    /// Its length in bytes.
    pub length: usize,
    /// The text, with NULs after it.
    pub text: [u8; MAX_MESSAGE + 1],
}

impl Message {
    pub(super) fn new(level: Level, text: &str) -> Message {
        let mut message = Message { level, length: 0, text: [0; MAX_MESSAGE + 1] };
        message.length = fill(&mut message.text, text);
        message
    }
}

static LISTENER: Ranked<Option<(Callback, UserData)>> = Ranked::new(Rank::Log, None);

/// Messages above this level are not made; 0 while nobody listens.
static MOST: AtomicU32 = AtomicU32::new(0);

/// Sets who gets the messages up to a level; 0 for nobody.
///
/// # Errors
/// `ERROR_INVALID_ARGUMENT` for a level past [`MAX_LEVEL`].
pub fn set(max_level: u32, callback: Option<Callback>, user_data: UserData) -> Result<(), Error> {
    if max_level > MAX_LEVEL {
        return Err(Error::new(
            Status::ERROR_INVALID_ARGUMENT,
            "max_level",
            format!("max_level {max_level}: no such level (0 off, 1 errors, 2 warnings, 3 information, 4 debugging)"),
        ));
    }
    let mut listener = LISTENER.lock();
    *listener = callback.filter(|_| max_level > 0).map(|callback| (callback, user_data));
    MOST.store(if listener.is_some() { max_level } else { 0 }, Ordering::Relaxed);
    Ok(())
}

/// Whether somebody listens to messages of this level.
#[inline(always)]
pub fn wants(level: Level) -> bool {
    MOST.load(Ordering::Relaxed) >= level as u32
}

/// Who gets messages of this level now.
pub(super) fn listener(level: Level) -> Option<(Callback, UserData)> {
    let listener = LISTENER.lock();
    listener.filter(|_| wants(level))
}

/// Lists an internal error of a call that runs no host code: it is told by the thread's next call that does.
#[cold]
pub fn internal_error(message: &str) {
    let mut list = DueList::default();
    list.log(Level::Error, format_args!("{message}"));
    due::append(0, list);
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C-unwind" fn listens(_: *mut c_void, _: u32, _: *const c_char, _: usize) {}

    /// What a call of this thread that ends now would hand to the host.
    fn told() -> Option<(UserData, Message)> {
        let here = 0;
        let turn = due::begin(std::ptr::from_ref(&here).addr(), 0, 0)?;
        let message = match due::take(turn) {
            Some(due::Step::Log) => due::message(turn).map(|(_, user_data, message)| (user_data, message)),
            _ => None,
        };
        assert!(due::take(turn).is_none(), "there is one message at most");
        message
    }

    #[test]
    fn an_internal_error_is_told_by_the_next_call_of_its_thread_if_somebody_listens() {
        let mine = UserData(std::ptr::without_provenance_mut(4711));
        internal_error("before anybody listened");
        set(Level::Error as u32, Some(listens), mine).expect("a level");
        assert!(told().is_none());
        internal_error("é is wrong");
        assert!(std::thread::spawn(told).join().expect("a thread").is_none(), "it is told where it happened");
        let (user_data, message) = told().expect("a message");
        assert_eq!((user_data, message.level), (mine, Level::Error));
        assert_eq!(&message.text[..=message.length], "é is wrong\0".as_bytes());

        internal_error("nobody listens any more when it is to be told");
        set(0, None, mine).expect("a level");
        assert!(told().is_none());
    }
}
