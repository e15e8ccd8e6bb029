//! The clocks: wall time for what people read, monotonic time for how long something was idle.

/// What the sweeper waits by.
pub use std::time::Instant;

/// Milliseconds since the first of January 1970, UTC; 0 before it.
#[cfg(all(unix, not(miri)))]
pub fn wall_ms() -> i64 {
    read_ms(libc::CLOCK_REALTIME).cast_signed()
}

/// Milliseconds since the first of January 1970, UTC; 0 before it.
#[cfg(not(all(unix, not(miri))))]
pub fn wall_ms() -> i64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis().min(i64::MAX as u128) as i64)
}

/// Milliseconds on a clock that never goes back, as exact as the system's timer tick (1 to 10 ms): it is read at every use
/// of a partition, and costs a fifth of the exact clock.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
pub fn monotonic_ms() -> u64 {
    read_ms(libc::CLOCK_MONOTONIC_COARSE)
}

/// As [`wall_ms`], but as coarse as [`monotonic_ms`]: not later than now.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
pub fn coarse_wall_ms() -> i64 {
    read_ms(libc::CLOCK_REALTIME_COARSE).cast_signed()
}

#[cfg(all(unix, not(miri)))]
#[inline]
fn read_ms(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the struct is ours; the coarse clocks are there since Linux 2.6.32, the other one in every POSIX.
    unsafe { libc::clock_gettime(clock, &mut time) };
    (time.tv_sec.max(0) as u64).saturating_mul(1000).saturating_add(time.tv_nsec as u64 / 1_000_000)
}

/// As [`wall_ms`].
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri))))]
pub fn coarse_wall_ms() -> i64 {
    wall_ms()
}

/// Milliseconds on a clock that never goes back.
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri))))]
pub fn monotonic_ms() -> u64 {
    static START: once_cell::sync::Lazy<Instant> = once_cell::sync::Lazy::new(Instant::now);
    START.elapsed().as_millis() as u64
}
