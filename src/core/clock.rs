//! The clocks: wall time for what people read, monotonic time for how long something was idle.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use once_cell::sync::Lazy;

/// Milliseconds since the first of January 1970, UTC; 0 before it.
pub fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis().min(i64::MAX as u128) as i64)
}

/// Milliseconds since the library's first use; never goes back.
pub fn monotonic_ms() -> u64 {
    static START: Lazy<Instant> = Lazy::new(Instant::now);
    START.elapsed().as_millis() as u64
}

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub wall_ms: i64,
    /// Milliseconds on the monotonic clock.
    pub monotonic_ms: u64,
}

impl Moment {
    /// Now.
    pub fn now() -> Moment {
        Moment { wall_ms: wall_ms(), monotonic_ms: monotonic_ms() }
    }
}
