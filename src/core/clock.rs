//! The clocks: wall time for what people read, monotonic time for how long something was idle.

#[cfg(all(unix, not(miri)))]
use std::sync::atomic::{AtomicU64, Ordering};
/// What the sweeper waits by.
pub use std::time::Instant;

#[cfg(all(unix, not(miri)))]
use parking_lot::Mutex;

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
    let (seconds, nanoseconds) = read(clock);
    seconds.saturating_mul(1000).saturating_add(nanoseconds / NS_OF_MS)
}

/// Seconds, and nanoseconds of the second that has begun.
#[cfg(all(unix, not(miri)))]
#[inline]
fn read(clock: libc::clockid_t) -> (u64, u64) {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the struct is ours; the coarse clocks are there since Linux 2.6.32, the others in every POSIX.
    unsafe { libc::clock_gettime(clock, &mut time) };
    (time.tv_sec.max(0) as u64, time.tv_nsec as u64)
}

const NS_OF_MS: u64 = 1_000_000;

/// [`wall_ms`] for who asks often: the clock is read once in a millisecond, and the processor's counter, which takes less than
/// half as long to read, tells when that ends. Where the clock is set by hand, that is seen a millisecond later.
#[derive(Default)]
pub struct Wall {
    ms: i64,
    /// What the counter said when the clock was read, and how many ticks the millisecond goes on from there at the least.
    read_at: u64,
    lasts: u64,
}

impl Wall {
    /// Milliseconds since the first of January 1970, UTC; 0 before it.
    #[inline(always)]
    pub fn ms(&mut self) -> i64 {
        let now = counter::ticks();
        // A core whose counter is behind gives a number that is far too high.
        if now.wrapping_sub(self.read_at) < self.lasts { self.ms } else { self.read(now) }
    }

    #[cold]
    #[cfg(all(unix, not(miri)))]
    fn read(&mut self, ticks: u64) -> i64 {
        let (seconds, nanoseconds) = read(libc::CLOCK_REALTIME);
        self.ms = seconds.saturating_mul(1000).saturating_add(nanoseconds / NS_OF_MS).cast_signed();
        (self.read_at, self.lasts) = (ticks, (NS_OF_MS - nanoseconds % NS_OF_MS) * rate() / 1000);
        self.ms
    }

    #[cold]
    #[cfg(not(all(unix, not(miri))))]
    fn read(&mut self, _ticks: u64) -> i64 {
        wall_ms()
    }
}

/// How many ticks the processor's counter makes in a microsecond at the least; 0 while that is unknown.
#[cfg(all(unix, not(miri)))]
fn rate() -> u64 {
    static KNOWN: AtomicU64 = AtomicU64::new(0);
    /// Since when it is being measured: what the counter said, and nanoseconds.
    static SINCE: Mutex<Option<(u64, u64)>> = Mutex::new(None);
    const SHORTEST: u64 = NS_OF_MS;
    const LONGEST: u64 = 1000 * NS_OF_MS;

    let known = KNOWN.load(Ordering::Relaxed);
    if known != 0 || !counter::is_even() {
        return known;
    }
    let Some(mut since) = SINCE.try_lock() else { return 0 };
    // Whatever comes between two readings of the two clocks makes it less: it begins after the clock, and ends before it.
    let before = counter::ticks();
    let (seconds, nanoseconds) = read(libc::CLOCK_MONOTONIC);
    let now = seconds.saturating_mul(1000 * NS_OF_MS).saturating_add(nanoseconds);
    let (ticks, passed) =
        since.map_or((0, u64::MAX), |(begun, at)| (before.saturating_sub(begun), now.saturating_sub(at)));
    if passed > LONGEST {
        *since = Some((counter::ticks(), now));
    } else if passed >= SHORTEST {
        let rate = ticks * 1000 / passed;
        // The system makes its clocks go up to 0.05 % faster or slower, to set them right.
        KNOWN.store(rate - rate / 256, Ordering::Relaxed);
    }
    0
}

/// The processor's counter of time.
#[cfg(all(unix, target_arch = "x86_64", not(miri)))]
mod counter {
    use std::arch::x86_64::{__cpuid, _rdtsc};

    use once_cell::sync::Lazy;

    #[inline(always)]
    pub fn ticks() -> u64 {
        // SAFETY: the instruction is there on every x86-64, and touches nothing; where a process is kept from it, the system's
        // clocks, which are read by it, cannot be read either.
        unsafe { _rdtsc() }
    }

    /// Whether it goes on at one speed, whatever the processor does: "invariant TSC" in AMD's and Intel's manuals.
    pub fn is_even() -> bool {
        static EVEN: Lazy<bool> =
            Lazy::new(|| __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & 1 << 8 != 0);
        *EVEN
    }
}

#[cfg(not(all(unix, target_arch = "x86_64", not(miri))))]
mod counter {
    #[inline(always)]
    pub fn ticks() -> u64 {
        0
    }

    #[cfg(not(miri))]
    pub fn is_even() -> bool {
        false
    }
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

#[cfg(all(test, unix, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn the_clock_that_is_read_once_in_a_millisecond_says_what_the_exact_one_says() {
        let mut wall = Wall::default();
        let begun = wall_ms();
        let mut saved = 0u64;
        while wall_ms() < begun + 200 {
            let before = wall_ms();
            let reads = wall.read_at;
            let told = wall.ms();
            saved += u64::from(wall.read_at == reads);
            assert!((before..=wall_ms()).contains(&told), "{told} is not from {before} on");
        }
        assert!(rate() == 0 || saved > 0, "the clock is read each time");
    }
}
