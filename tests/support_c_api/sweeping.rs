//! The sweeper, touch, the current tenant and the clock.

use std::time::{Duration, Instant};

use modelreg::capi::{mreg_sweeper_info, mreg_sweeper_options};

use super::{Result, made, read_text};
use crate::call;

pub fn start_sweeper(registry: u64, interval_ms: u64, max_idle_ms: u64) -> Result<()> {
    let mut options = made::<mreg_sweeper_options>(super::capi::mreg_sweeper_options_init);
    (options.interval_ms, options.max_idle_ms) = (interval_ms, max_idle_ms);
    call!(mreg_sweeper_start(registry, &options))
}

pub fn start_sweeper_by_default(registry: u64) -> Result<()> {
    call!(mreg_sweeper_start(registry, std::ptr::null()))
}

pub fn stop_sweeper(registry: u64) -> Result<()> {
    call!(mreg_sweeper_stop(registry))
}

/// A forced sweep; gives how many tenants went.
pub fn sweep(registry: u64) -> Result<u64> {
    let mut dropped = u64::MAX;
    let result = call!(mreg_sweeper_run(registry, &mut dropped));
    assert!(result.is_ok() || dropped == 0);
    result.map(|()| dropped)
}

pub fn sweeper(registry: u64) -> Result<mreg_sweeper_info> {
    let mut info = made::<mreg_sweeper_info>(super::capi::mreg_sweeper_info_init);
    call!(mreg_sweeper_get_info(registry, &mut info)).map(|()| info)
}

pub fn is_running(registry: u64) -> bool {
    sweeper(registry).expect("what is known of the sweeper").running == 1
}

pub fn touch_owner(owner: u64) -> Result<()> {
    call!(mreg_owner_touch(owner))
}

pub fn touch_tenant(registry: u64, code: &str) -> Result<()> {
    call!(mreg_tenant_touch(registry, code.as_ptr().cast(), code.len()))
}

pub fn set_current_tenant(code: &str) -> Result<()> {
    call!(mreg_tenant_set_current(code.as_ptr().cast(), code.len()))
}

pub fn current_tenant() -> String {
    read_text(|buffer, capacity, length| call!(mreg_tenant_current(buffer, capacity, length))).expect("a text")
}

/// Lets the clock of a registry stand.
#[track_caller]
pub fn set_clock(registry: u64, milliseconds: u64) {
    call!(mreg_registry_set_clock(registry, milliseconds)).expect("a clock");
}

/// Waits until something is so, which another thread brings about.
#[track_caller]
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
