//! The log: who listens is set for the whole process, so the tests take turns.

mod support_c_api;

use std::ffi::{c_char, c_void};
use std::sync::{Mutex, MutexGuard};

use support_c_api::*;

const OFF: u32 = capi::MREG_LOG_OFF;
const ERROR: u32 = capi::MREG_LOG_ERROR;
const WARNING: u32 = capi::MREG_LOG_WARNING;
const INFO: u32 = capi::MREG_LOG_INFO;
const DEBUG: u32 = capi::MREG_LOG_DEBUG;

type Lines = Mutex<Vec<(u32, String)>>;

static LINES: Lines = Mutex::new(Vec::new());
static TURN: Mutex<()> = Mutex::new(());

unsafe extern "C-unwind" fn line(user_data: *mut c_void, level: u32, message: *const c_char, length: usize) {
    // SAFETY: the tests hand in the address of what lives as long as the process.
    let lines = unsafe { &*user_data.cast::<Lines>() };
    // SAFETY: the library gives a text of that length with a NUL after it.
    let bytes = unsafe { std::slice::from_raw_parts(message.cast::<u8>(), length + 1) };
    assert_eq!(bytes.last(), Some(&0));
    let text = std::str::from_utf8(&bytes[..length]).expect("UTF-8");
    assert!(!text.contains(['\0', '\n']), "{text:?}");
    lines.lock().expect("no panic").push((level, text.to_owned()));
}

fn listen(level: u32) -> Result<()> {
    call!(mreg_log_set(level, Some(line), std::ptr::from_ref(&LINES).cast_mut().cast()))
}

/// A test's turn; nobody listens when it ends.
struct Turn(#[allow(dead_code)] MutexGuard<'static, ()>);

impl Turn {
    fn begin() -> Turn {
        let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        take();
        Turn(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        call!(mreg_log_set(OFF, None, std::ptr::null_mut())).expect("off");
    }
}

fn take() -> Vec<(u32, String)> {
    std::mem::take(&mut LINES.lock().expect("no panic"))
}

/// Does a bit of everything.
fn everything() {
    let registry = Registry::new();
    let app = Owner { name: "shop", ..Owner::app() }.create(registry.0).expect("an app");
    Model::of("User", app).add(&registry);
    Model::tenant("Item", "acme").add(&registry);
    drop_idle(registry.0, 0).expect("drop");
    Model::tenant("Item", "acme").add(&registry);
    registry.clear();
    release(app).expect("release");
    destroy(registry.0).expect("destroy");
}

fn lines(expected: &[(u32, &str)]) -> Vec<(u32, String)> {
    expected.iter().map(|(level, text)| (*level, (*text).to_owned())).collect()
}

#[test]
fn what_happens_is_told_up_to_the_level() {
    let _turn = Turn::begin();
    let all = [
        (DEBUG, "tenant \"app_1\" came to be"),
        (DEBUG, "tenant \"acme\" came to be"),
        (DEBUG, "tenant \"app_1\" was dropped: 1 name went"),
        (DEBUG, "tenant \"acme\" was dropped: 1 name went"),
        (INFO, "swept: 2 idle tenants went"),
        (DEBUG, "tenant \"acme\" came to be"),
        (INFO, "cleared: 1 model went"),
        (DEBUG, "owner \"shop\" of tenant \"app_1\" was released"),
        (INFO, "destroyed: 0 models went"),
    ];
    for level in [OFF, ERROR, WARNING, INFO, DEBUG] {
        listen(level).expect("a level");
        everything();
        let expected: Vec<_> = all.into_iter().filter(|(of, _)| *of <= level).collect();
        assert_eq!(take(), lines(&expected), "level {level}");
    }
    call!(mreg_log_set(DEBUG, None, std::ptr::null_mut())).expect("nobody");
    everything();
    assert_eq!(take(), []);
    assert_eq!(code(listen(5)), INVALID_ARGUMENT);
}

#[test]
fn problems_of_a_load_are_warnings_and_the_load_is_told() {
    let _turn = Turn::begin();
    let registry = Registry::new();
    let scratch = std::env::temp_dir().join(format!("modelreg-log-{}", std::process::id()));
    std::fs::create_dir_all(scratch.join("models")).expect("a directory");
    std::fs::write(scratch.join("datasources.json"), r#"{"db": {"connector": "memory"}}"#).expect("a file");
    std::fs::write(scratch.join("models/one.json"), r#"{"name": "One"}"#).expect("a file");
    std::fs::write(scratch.join("models/two.json"), "{\n  \"name\": }").expect("a file");
    let directory = scratch.to_str().expect("UTF-8");
    listen(INFO).expect("a level");
    let mut report = 0;
    let (start, length) = (directory.as_ptr().cast(), directory.len());
    call!(mreg_application_load(registry.0, start, length, std::ptr::null(), &mut report)).expect("a report");
    let told = take();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].0, WARNING);
    assert!(told[0].1.starts_with(&format!("{directory}/models/two.json:2:11: ")), "{told:?}");
    assert_eq!(told[1], (INFO, format!("{directory}: loaded 1 model and 1 data source")));
    call!(mreg_load_report_free(report)).expect("free");
    std::fs::remove_dir_all(&scratch).expect("a directory");
}

#[test]
fn a_queue_that_loses_changes_warns_once_for_each_gap() {
    let _turn = Turn::begin();
    let registry = Registry::new();
    let watch = watching::Watch::new(registry.0, 2);
    listen(WARNING).expect("a level");
    for _ in 0..2 {
        for _ in 0..5 {
            Model::new("User").add(&registry);
        }
        assert_eq!(take(), lines(&[(WARNING, "watcher: 2 changes wait to be polled and the oldest are lost")]));
        watch.take_all();
    }
}

#[test]
fn a_message_is_told_on_the_thread_before_the_call_returns_and_may_call_everything() {
    let _turn = Turn::begin();
    unsafe extern "C-unwind" fn calls(_: *mut c_void, level: u32, _: *const c_char, _: usize) {
        let before = std::mem::take(&mut *LINES.lock().expect("no panic"));
        if level == INFO && before.is_empty() {
            LINES.lock().expect("no panic").push((level, format!("{:?}", std::thread::current().id())));
            everything();
        } else {
            LINES.lock().expect("no panic").extend(before);
        }
    }
    let registry = Registry::new();
    call!(mreg_log_set(INFO, Some(calls), std::ptr::null_mut())).expect("a level");
    registry.clear();
    assert_eq!(take(), [(INFO, format!("{:?}", std::thread::current().id()))]);
}

#[test]
fn a_long_message_is_cut() {
    let _turn = Turn::begin();
    let registry = Registry::new();
    let owner = Owner { name: &"é".repeat(2000), ..Owner::app() }.create(registry.0).expect("an app");
    listen(DEBUG).expect("a level");
    release(owner).expect("release");
    let told = take();
    assert_eq!((told.len(), told[0].1.len()), (1, 1023), "7 bytes before the name, of two bytes each");
}

#[cfg(feature = "test-hooks")]
#[test]
fn an_internal_error_is_told_by_the_next_call_that_calls_the_host() {
    let _turn = Turn::begin();
    listen(ERROR).expect("a level");
    unsafe extern "C" {
        // Only in the build for tests, and in no header.
        fn mreg_test_panic(error: *mut capi::mreg_error) -> i32;
    }
    let mut error = fresh_error();
    // SAFETY: the error is a struct of ours.
    let status = unsafe { mreg_test_panic(&mut error) };
    assert_ne!(status, OK);
    assert_eq!(take(), []);
    Registry::new().clear();
    let told = take();
    assert_eq!((told.len(), told[0].0), (1, ERROR));
    assert!(told[0].1.contains("internal error"), "{told:?}");
}
