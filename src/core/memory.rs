//! Memory whose addresses stay readable as long as the process lives.
//!
//! The read path follows addresses without any lock or guard, and finds out afterwards, by a version, whether what it
//! read was of one moment. That is sound because every address it can come by is one of this file's: taken from the
//! system once, never given back as an address, and holding nothing but atomics, for which every bit pattern is a
//! value. What can be given back is the memory behind the addresses ([`Table::discard`]): it then reads as zeros.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::marker::PhantomData;
use std::mem::{MaybeUninit, align_of, size_of};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

use parking_lot::Mutex;

use crate::error::Status;

use super::handle::MAX_SLOTS;

/// Marks types that are made of atomics alone, so that all-zero bytes and any torn mix of earlier values are a value.
///
/// # Safety
/// Every field must be an atomic integer, directly or in arrays; the type has no destructor.
pub unsafe trait Atomics: Sync + 'static {}

// SAFETY: an atomic integer.
unsafe impl Atomics for AtomicU64 {}

const FIRST_CHUNK_BITS: u32 = 6;
const CHUNKS: usize = (MAX_SLOTS.trailing_zeros() - FIRST_CHUNK_BITS) as usize + 1;

/// A table that grows by chunks, each twice as large as the one before; an entry never moves.
pub struct Table<T> {
    /// For each chunk where the entry with the position 0 would lie, were it in that chunk; null for no chunk. An entry's
    /// position is its index and as many as the first chunk has, so that the highest bit of it tells the chunk.
    chunks: [AtomicPtr<T>; CHUNKS],
}

impl<T: Atomics> Table<T> {
    /// An empty table; no memory is taken.
    pub const fn new() -> Self {
        Table { chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS] }
    }

    #[inline(always)]
    fn place(index: u32) -> (usize, usize) {
        let position = index as usize + (1 << FIRST_CHUNK_BITS);
        (highest_bit(position) - FIRST_CHUNK_BITS as usize, position)
    }

    /// How many entries a chunk has, which is also the position of its first one.
    fn entries(chunk: usize) -> usize {
        1 << (chunk + FIRST_CHUNK_BITS as usize)
    }

    /// The entry, if its chunk was ever made.
    #[inline(always)]
    pub fn get(&self, index: u32) -> Option<&'static T> {
        let (chunk, position) = Self::place(index);
        let base = self.chunks.get(chunk)?.load(Ordering::Acquire);
        if base.is_null() {
            return None;
        }
        // SAFETY: the pointer was published by `reserve` after the chunk's memory was zeroed, as many entries before it as the
        // chunk has. By `place` the position is at least that many and less than twice as many, so the sum points into the
        // chunk; the memory is never unmapped, and all-zero bytes are a T by the contract of `Atomics`.
        Some(unsafe { &*base.wrapping_add(position) })
    }

    /// Makes the chunk of `index`, if it is not there; the caller keeps others from doing so at the same time.
    ///
    /// # Errors
    /// `ERROR_FULL` past the last chunk, `ERROR_OUT_OF_MEMORY`.
    pub fn reserve(&self, index: u32) -> Result<&'static T, Status> {
        let (chunk, _) = Self::place(index);
        let slot = self.chunks.get(chunk).ok_or(Status::ERROR_FULL)?;
        if slot.load(Ordering::Acquire).is_null() {
            let entries = Self::entries(chunk);
            let memory = take(entries * size_of::<T>(), align_of::<T>().max(64)).ok_or(Status::ERROR_OUT_OF_MEMORY)?;
            let base = memory.cast::<T>().wrapping_sub(entries);
            // No system gives out memory so low that this is null; were it so, the memory would be of no use.
            if base.is_null() {
                return Err(Status::ERROR_OUT_OF_MEMORY);
            }
            slot.store(base, Ordering::Release);
        }
        self.get(index).ok_or(Status::ERROR_FULL)
    }

    /// Gives the memory behind the first `used` entries back to the system: they read as zeros from then on.
    ///
    /// Readers may be reading them; they see the old bits or zeros. Gives how many of the first entries are still as they
    /// were: the system takes back no less than a page.
    pub fn discard(&self, used: u32) -> u32 {
        let mut kept = 0;
        for chunk in 0..CHUNKS {
            let entries = Self::entries(chunk);
            let begin = entries - (1 << FIRST_CHUNK_BITS);
            let base = self.chunks[chunk].load(Ordering::Acquire);
            if begin >= used as usize {
                break;
            }
            if base.is_null() {
                continue;
            }
            if !give_back(base.wrapping_add(entries).cast(), entries * size_of::<T>()) {
                kept = (begin + entries).min(used as usize) as u32;
            }
        }
        kept
    }
}

/// The number of the highest bit of a number that is not 0.
#[inline(always)]
fn highest_bit(number: usize) -> usize {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        let mut highest = number;
        // In one register: the instruction waits for what was in the one that it writes, which can be what the question before waits for.
        // SAFETY: computes a number from another one, and touches nothing else.
        unsafe { std::arch::asm!("bsr {0}, {0}", inout(reg) highest, options(pure, nomem, nostack)) };
        highest
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    {
        number.ilog2() as usize
    }
}

/// Takes zeroed memory from the system for the life of the process.
fn take(bytes: usize, align: usize) -> Option<*mut u8> {
    #[cfg(all(unix, not(miri)))]
    if bytes >= MAP_FROM {
        // SAFETY: an anonymous private mapping at an address of the system's choice; no memory of ours is touched.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | NO_RESERVE,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return None;
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if bytes >= HUGE {
            // SAFETY: advice about the mapping that was just made; where the system does not take it, the pages are small ones.
            unsafe { libc::madvise(address, bytes, libc::MADV_HUGEPAGE) };
        }
        return Some(address.cast());
    }
    let layout = Layout::from_size_align(bytes, align).ok()?;
    // SAFETY: the layout's size is not zero, as no table has entries of no size.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        return None;
    }
    let mut kept = KEPT.lock();
    if kept.try_reserve(1).is_err() {
        // SAFETY: it was taken a moment ago, with this layout, and nobody knows of it.
        unsafe { dealloc(memory, layout) };
        return None;
    }
    kept.push(memory.addr());
    Some(memory)
}

/// Where the memory begins that was taken from the allocator. Leak checkers look for that, and tables keep another address.
static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// From this size on a mapping is to have large pages: with 100,000 owners most questions would have to look up where a small page
/// lies as well.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
const HUGE: usize = 2 << 20;

/// From this size on memory is mapped, so that its pages can be given back.
#[cfg(all(unix, not(miri)))]
const MAP_FROM: usize = 4 << 10;
#[cfg(all(unix, not(miri), any(target_os = "linux", target_os = "android")))]
const NO_RESERVE: libc::c_int = libc::MAP_NORESERVE;
#[cfg(all(unix, not(miri), not(any(target_os = "linux", target_os = "android"))))]
const NO_RESERVE: libc::c_int = 0;

/// Gives the pages of memory that [`take`] mapped back to the system; smaller memory is kept as it is. Gives whether it did.
#[allow(unused_variables)]
fn give_back(memory: *mut u8, bytes: usize) -> bool {
    // Only Linux promises zeros afterwards; elsewhere the pages stay.
    #[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
    if bytes >= MAP_FROM {
        // SAFETY: `memory` and `bytes` are whole blocks of a mapping of `take`; the mapping stays, its pages read as zeros.
        return unsafe { libc::madvise(memory.cast(), bytes, libc::MADV_DONTNEED) } == 0;
    }
    false
}

/// A run of words, a power of two of them, whose address is kept in one word of its own.
///
/// Copies of it may outlive the run's return to [`free`]; reading through such a copy gives words of whoever has the run
/// now, never anything that is not a word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Words {
    // The address is a multiple of 64; the low six bits are the binary logarithm of the number of words. 0: no run.
    packed: u64,
    marker: PhantomData<&'static [AtomicU64]>,
}

const ORDER_BITS: u64 = 63;

impl Words {
    /// No run at all.
    pub const NONE: Words = Words { packed: 0, marker: PhantomData };

    /// The run as one word, to be kept in an atomic.
    pub fn to_word(self) -> u64 {
        self.packed
    }

    /// The run that [`Words::to_word`] made this word from.
    ///
    /// # Safety
    /// The word must come from `to_word` in this process, whole.
    #[inline]
    pub unsafe fn from_word(packed: u64) -> Words {
        Words { packed, marker: PhantomData }
    }

    /// The words of the run; none for [`Words::NONE`].
    #[inline(always)]
    pub fn as_slice(self) -> &'static [AtomicU64] {
        if self.packed == 0 {
            return &[];
        }
        let first = ptr::with_exposed_provenance::<AtomicU64>((self.packed & !ORDER_BITS) as usize);
        // SAFETY: a packed word that is not 0 was made by `allocate`, whose run at this address has this many zeroed
        // words, is never unmapped, and holds nothing but atomics.
        unsafe { std::slice::from_raw_parts(first, 1 << (self.packed & ORDER_BITS)) }
    }

    /// The word that stands as far into the run as the number is on the way from 0 to its end; `None` for [`Words::NONE`].
    #[inline(always)]
    pub fn at_part(self, number: u64) -> Option<&'static AtomicU64> {
        if self.packed == 0 {
            return None;
        }
        let first = ptr::with_exposed_provenance::<AtomicU64>((self.packed & !ORDER_BITS) as usize);
        // So that this shifts by less than all bits.
        const { assert!(SMALLEST_ORDER > 0, "no run has one word alone") };
        let at = number.wrapping_shr(0u64.wrapping_sub(self.packed) as u32);
        // SAFETY: as in `as_slice`. The shift leaves as many bits of the number as the order says, so `at` is one of the places.
        Some(unsafe { &*first.wrapping_add(at as usize) })
    }

    /// How many words the run has.
    pub fn len(self) -> usize {
        self.as_slice().len()
    }

    /// Whether this is no run.
    pub fn is_empty(self) -> bool {
        self.packed == 0
    }

    /// The bytes of the run.
    pub fn bytes(self) -> usize {
        self.len() * size_of::<AtomicU64>()
    }
}

const SMALLEST_ORDER: u32 = 3;
const ORDERS: usize = 32;
/// Runs of fewer bytes are cut from blocks of this size; larger ones are mapped one by one.
const BLOCK_BYTES: usize = 64 << 10;

struct FreeRuns {
    orders: [Vec<Words>; ORDERS],
}

static FREE: Mutex<FreeRuns> = Mutex::new(FreeRuns { orders: [const { Vec::new() }; ORDERS] });
static FREE_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Takes a run of at least `words` words, all of them 0.
///
/// # Errors
/// `ERROR_OUT_OF_MEMORY`, also where the run would be larger than any table needs.
pub fn allocate(words: usize) -> Result<Words, Status> {
    allocate_some(words, usize::MAX)
}

/// As [`allocate`], where only the first `used` words are to be 0, and no others will be looked at.
pub fn allocate_some(words: usize, used: usize) -> Result<Words, Status> {
    let order = words.max(1 << SMALLEST_ORDER).checked_next_power_of_two().ok_or(Status::ERROR_OUT_OF_MEMORY)?.ilog2();
    if order as usize >= ORDERS {
        return Err(Status::ERROR_OUT_OF_MEMORY);
    }
    let mut free = FREE.lock();
    let run = match free.orders[order as usize].pop() {
        Some(run) => {
            FREE_BYTES.fetch_sub(run.bytes(), Ordering::Relaxed);
            run
        }
        None => {
            let run = cut(&mut free, order)?;
            // Fresh from the system, a large one is zero already.
            if run.bytes() >= BLOCK_BYTES {
                return Ok(run);
            }
            run
        }
    };
    drop(free);
    // Whoever still reads the run for its last owner, and sees one of the stores below, sees with it that the owner's
    // version has changed.
    fence(Ordering::Release);
    let all = run.as_slice();
    for word in &all[..used.min(all.len())] {
        word.store(0, Ordering::Relaxed);
    }
    Ok(run)
}

fn cut(free: &mut FreeRuns, order: u32) -> Result<Words, Status> {
    let bytes = size_of::<AtomicU64>() << order;
    let block = bytes.max(BLOCK_BYTES);
    free.orders[order as usize].try_reserve(block / bytes).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
    let memory = take(block, 64).ok_or(Status::ERROR_OUT_OF_MEMORY)?;
    let address = memory.expose_provenance() as u64;
    let run = |at: usize| Words { packed: (address + at as u64) | u64::from(order), marker: PhantomData };
    for at in (bytes..block).step_by(bytes) {
        free.orders[order as usize].push(run(at));
        FREE_BYTES.fetch_add(bytes, Ordering::Relaxed);
    }
    Ok(run(0))
}

/// Returns a run for reuse; the pages of a large one go back to the system.
pub fn free(run: Words) {
    give_back_part(run, 0, run.len());
    free_given_back(run);
}

/// Gives back to the system, of a large run that is about to be returned, the blocks that begin in a range of its words.
pub fn give_back_part(run: Words, from: usize, to: usize) {
    if run.bytes() < BLOCK_BYTES {
        return;
    }
    let first: *mut u8 = ptr::from_ref(&run.as_slice()[0]).cast_mut().cast();
    let blocks = |word: usize| (word * size_of::<AtomicU64>()).div_ceil(BLOCK_BYTES);
    let (from, to) = (blocks(from), blocks(to).min(run.bytes() / BLOCK_BYTES));
    if from < to {
        give_back(first.wrapping_add(from * BLOCK_BYTES), (to - from) * BLOCK_BYTES);
    }
}

/// Returns a run whose pages have gone back for reuse.
pub fn free_given_back(run: Words) {
    if run.is_empty() {
        return;
    }
    let mut free = FREE.lock();
    let order = run.len().ilog2() as usize;
    // A run that cannot be listed for want of memory is lost to reuse, and to nothing else.
    if free.orders[order].try_reserve(1).is_ok() {
        free.orders[order].push(run);
        FREE_BYTES.fetch_add(run.bytes(), Ordering::Relaxed);
    }
}

/// Copies as many words as both have room for, while others may be changing them: each word is one that it was at some moment.
///
/// That is what relaxed loads one after the other do, which the compiler never joins. The machine reads two at once, and none of
/// them torn.
#[inline(always)]
pub fn copy(from: &[AtomicU64], to: &mut [MaybeUninit<u64>]) {
    let whole = copy_lines(from, to);
    copy_few(from.get(whole..).unwrap_or_default(), to.get_mut(whole..).unwrap_or_default());
}

/// As [`copy`], one by one: for the few that are too few to do otherwise.
#[inline(always)]
pub fn copy_few(from: &[AtomicU64], to: &mut [MaybeUninit<u64>]) {
    for (to, from) in to.iter_mut().zip(from) {
        to.write(from.load(Ordering::Relaxed));
    }
}

/// As [`copy`], for as many as there are most often.
#[inline(always)]
pub fn copy_ten(from: &[AtomicU64; 10], to: &mut [MaybeUninit<u64>; 10]) {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
    // SAFETY: reads the ten words of `from` and writes those of `to`. A load of 16 bytes is, for each of its two aligned words,
    // what a load of that word is on this machine: a relaxed atomic load.
    unsafe {
        std::arch::asm!(
            "movdqu {a}, xmmword ptr [{from}]",
            "movdqu {b}, xmmword ptr [{from} + 16]",
            "movdqu {c}, xmmword ptr [{from} + 32]",
            "movdqu {d}, xmmword ptr [{from} + 48]",
            "movdqu {e}, xmmword ptr [{from} + 64]",
            "movdqu xmmword ptr [{to}], {a}",
            "movdqu xmmword ptr [{to} + 16], {b}",
            "movdqu xmmword ptr [{to} + 32], {c}",
            "movdqu xmmword ptr [{to} + 48], {d}",
            "movdqu xmmword ptr [{to} + 64], {e}",
            from = in(reg) from.as_ptr(),
            to = in(reg) to.as_mut_ptr(),
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            e = out(xmm_reg) _,
            options(nostack, preserves_flags),
        );
    }
    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
    copy_few(from, to);
}

/// The position of a number among the first `used` of ten, which others may be changing. All ten are compared at once:
/// where one stands is by chance, and a loop to it would end with a branch that nobody can foretell.
#[inline(always)]
pub fn position_of_ten(among: &[AtomicU32; 10], used: usize, wanted: u32) -> Option<usize> {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
    let equal = {
        let mut equal = wanted;
        // SAFETY: reads the ten numbers of `among`. A load of 16 or 8 bytes is, for each of its aligned numbers, what a load of that
        // number is on this machine: a relaxed atomic load.
        unsafe {
            std::arch::asm!(
                "movd {w}, {equal:e}",
                "pshufd {w}, {w}, 0",
                "movdqu {a}, xmmword ptr [{among}]",
                "movdqu {b}, xmmword ptr [{among} + 16]",
                "movq {c}, qword ptr [{among} + 32]",
                "pcmpeqd {a}, {w}",
                "pcmpeqd {b}, {w}",
                "pcmpeqd {c}, {w}",
                "packssdw {a}, {b}",
                "packssdw {c}, {c}",
                "packsswb {a}, {c}",
                "pmovmskb {equal:e}, {a}",
                among = in(reg) among.as_ptr(),
                equal = inout(reg) equal,
                w = out(xmm_reg) _,
                a = out(xmm_reg) _,
                b = out(xmm_reg) _,
                c = out(xmm_reg) _,
                options(nostack, preserves_flags, readonly),
            );
        }
        equal
    };
    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
    let equal =
        (0..).zip(among).fold(0_u32, |equal, (at, one)| equal | u32::from(one.load(Ordering::Relaxed) == wanted) << at);
    let equal = equal & ((1 << used.min(among.len())) - 1);
    (equal != 0).then_some(equal.trailing_zeros() as usize)
}

/// How many words a cache line has.
pub const LINE_WORDS: usize = 8;

/// Which words of a line have this upper half, a bit for each, while others may be changing them. All are compared at once, as in
/// [`position_of_ten`].
#[inline(always)]
pub fn alike_in_line(line: &[AtomicU64; LINE_WORDS], upper: u32) -> u32 {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
    {
        let mut alike = upper;
        // SAFETY: reads the eight words of `line`, with loads as in `copy_ten`.
        unsafe {
            std::arch::asm!(
                "movd {w}, {alike:e}",
                "pshufd {w}, {w}, 0",
                "movdqu {a}, xmmword ptr [{line}]",
                "movdqu {b}, xmmword ptr [{line} + 16]",
                "shufps {a}, {b}, 0xDD",
                "movdqu {b}, xmmword ptr [{line} + 32]",
                "movdqu {c}, xmmword ptr [{line} + 48]",
                "shufps {b}, {c}, 0xDD",
                "pcmpeqd {a}, {w}",
                "pcmpeqd {b}, {w}",
                "packssdw {a}, {b}",
                "packsswb {a}, {a}",
                "pmovmskb {alike:e}, {a}",
                line = in(reg) line.as_ptr(),
                alike = inout(reg) alike,
                w = out(xmm_reg) _,
                a = out(xmm_reg) _,
                b = out(xmm_reg) _,
                c = out(xmm_reg) _,
                options(nostack, preserves_flags, readonly),
            );
        }
        alike & ((1 << LINE_WORDS) - 1)
    }
    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
    (0..)
        .zip(line)
        .fold(0, |alike, (at, word)| alike | u32::from((word.load(Ordering::Relaxed) >> 32) as u32 == upper) << at)
}

/// Whether the processor has AVX; false before [`know_processor`].
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
static AVX: AtomicBool = AtomicBool::new(false);

/// Finds out what copies can use: before the first one, which must not call anything to ask.
pub fn know_processor() {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
    AVX.store(std::arch::is_x86_feature_detected!("avx"), Ordering::Relaxed);
}

/// Copies the whole lines' worth of as many words as both have room for; gives how many words that were.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
#[inline(always)]
fn copy_lines(from: &[AtomicU64], to: &mut [MaybeUninit<u64>]) -> usize {
    let whole = from.len().min(to.len()) / LINE_WORDS * LINE_WORDS;
    let (Some(from), Some(to)) = (from.get(..whole), to.get_mut(..whole)) else { return 0 };
    // Half the instructions, so that the machine sees twice as far ahead: 0.6 of the time where what is copied is in no near cache.
    if whole > 0 && AVX.load(Ordering::Relaxed) {
        // SAFETY: the processor has AVX, and there are as many words in both, at least a line of them.
        unsafe { copy_by_halves(from, to) };
    } else if whole > 0 {
        // SAFETY: as above.
        unsafe { copy_by_quarters(from, to) };
    }
    whole
}

/// Copies half a line at a time.
///
/// # Safety
/// The processor has AVX. Both have the same number of words, whole lines, and not none.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
#[inline(always)]
unsafe fn copy_by_halves(from: &[AtomicU64], to: &mut [MaybeUninit<u64>]) {
    // From the end, so that one number counts up to 0 for both.
    let mut at = -(size_of_val(from) as isize);
    // SAFETY: reads the words of `from` and writes those of `to`. A load of 32 bytes is to its aligned words what one of 16 is in
    // `copy_ten`. Nobody keeps anything in the upper halves of the registers over a call (System V ABI, 3.2.1), and code for any
    // x86-64, as this is, does not use them.
    unsafe {
        std::arch::asm!(
            "2:",
            "vmovdqu ymm0, ymmword ptr [{from} + {at}]",
            "vmovdqu ymm1, ymmword ptr [{from} + {at} + 32]",
            "vmovdqu ymmword ptr [{to} + {at}], ymm0",
            "vmovdqu ymmword ptr [{to} + {at} + 32], ymm1",
            "add {at}, 64",
            "jne 2b",
            "vzeroupper",
            from = in(reg) from.as_ptr_range().end,
            to = in(reg) to.as_mut_ptr_range().end,
            at = inout(reg) at,
            out("xmm0") _,
            out("xmm1") _,
            options(nostack),
        );
    }
    debug_assert_eq!(at, 0);
}

/// Copies a quarter of a line at a time.
///
/// # Safety
/// Both have the same number of words, whole lines, and not none.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
#[inline(always)]
unsafe fn copy_by_quarters(from: &[AtomicU64], to: &mut [MaybeUninit<u64>]) {
    let mut at = -(size_of_val(from) as isize);
    // SAFETY: as in `copy_by_halves`, with loads as in `copy_ten`.
    unsafe {
        std::arch::asm!(
            "2:",
            "movdqu {a}, xmmword ptr [{from} + {at}]",
            "movdqu {b}, xmmword ptr [{from} + {at} + 16]",
            "movdqu {c}, xmmword ptr [{from} + {at} + 32]",
            "movdqu {d}, xmmword ptr [{from} + {at} + 48]",
            "movdqu xmmword ptr [{to} + {at}], {a}",
            "movdqu xmmword ptr [{to} + {at} + 16], {b}",
            "movdqu xmmword ptr [{to} + {at} + 32], {c}",
            "movdqu xmmword ptr [{to} + {at} + 48], {d}",
            "add {at}, 64",
            "jne 2b",
            from = in(reg) from.as_ptr_range().end,
            to = in(reg) to.as_mut_ptr_range().end,
            at = inout(reg) at,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            options(nostack),
        );
    }
    debug_assert_eq!(at, 0);
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
#[inline(always)]
fn copy_lines(_: &[AtomicU64], _: &mut [MaybeUninit<u64>]) -> usize {
    0
}

/// Asks for all lines of a value.
#[inline(always)]
pub fn prefetch_all<T>(value: &T) {
    for at in (0..size_of::<T>()).step_by(64) {
        prefetch(ptr::from_ref(value).cast::<u8>().wrapping_add(at));
    }
}

/// Asks for the cache line that an address lies in, so that it is on its way when it is read; any address will do.
///
/// Nothing is asked for where the compiler has no stable way to say it, nor under Miri, which has no cache.
#[inline(always)]
#[allow(unused_variables)]
pub fn prefetch<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse", not(miri)))]
    // SAFETY: a hint, which reads nothing that the program could see and never faults, whatever the address; the
    // instruction is there wherever SSE is.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
}

/// As [`prefetch`], for a line that is about to be written: it is taken from the other cores at once, which would otherwise be asked
/// twice where one of them reads it.
#[inline(always)]
#[allow(unused_variables)]
pub fn prefetch_to_write<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint, as in `prefetch`; processors of this kind that do not know it take it for one that does nothing.
    unsafe {
        std::arch::asm!("prefetchw byte ptr [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies of every length, each in a room that is a word too large at either end.
    fn check(copy: impl Fn(&[AtomicU64], &mut [MaybeUninit<u64>]), lengths: impl Iterator<Item = usize>) {
        for length in lengths {
            let from: Vec<AtomicU64> = (1..=length as u64).map(AtomicU64::new).collect();
            let mut to = vec![MaybeUninit::new(0); length + 2];
            copy(&from, &mut to[1..=length]);
            // SAFETY: all of it was written when it was made.
            let copied: Vec<u64> = to.iter().map(|word| unsafe { word.assume_init() }).collect();
            let expected: Vec<u64> = std::iter::once(0).chain(1..=length as u64).chain([0]).collect();
            assert_eq!(copied, expected);
        }
    }

    #[test]
    fn copies_are_whole_and_go_no_further() {
        check(copy, 0..if cfg!(miri) { 10 } else { 300 });
    }

    /// Whichever of the two this machine takes by itself.
    #[test]
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
    fn lines_are_copied_by_halves_and_by_quarters() {
        let lines = || (1..40).map(|lines| lines * LINE_WORDS);
        // SAFETY: whole lines, and not none.
        check(|from, to| unsafe { copy_by_quarters(from, to) }, lines());
        if std::arch::is_x86_feature_detected!("avx") {
            // SAFETY: the processor has AVX, and as above.
            check(|from, to| unsafe { copy_by_halves(from, to) }, lines());
        }
    }

    #[test]
    fn a_word_is_told_by_how_far_into_its_run_it_is() {
        assert!(Words::NONE.at_part(7).is_none());
        for words in [8, 64, 1024] {
            let run = allocate(words).expect("there is memory");
            let step = u64::MAX / words as u64 + 1;
            for (at, word) in (0..).zip(run.as_slice()) {
                for number in [at * step, at * step + (step - 1)] {
                    assert!(run.at_part(number).is_some_and(|found| ptr::eq(found, word)), "{at} of {words}");
                }
            }
            free(run);
        }
    }

    #[test]
    fn the_highest_bit_of_a_number_is_told() {
        for bit in 0..usize::BITS as usize {
            assert_eq!([highest_bit(1 << bit), highest_bit(usize::MAX >> (usize::BITS as usize - 1 - bit))], [bit; 2]);
        }
    }

    #[test]
    fn the_words_of_a_line_that_are_alike_are_told_by_their_upper_halves() {
        for places in (0..1_u32 << LINE_WORDS).step_by(if cfg!(miri) { 23 } else { 1 }) {
            let word = |at: usize| if places & 1 << at == 0 { 8 << 32 | 7 } else { 7 << 32 | at as u64 };
            let line: [AtomicU64; LINE_WORDS] = std::array::from_fn(|at| AtomicU64::new(word(at)));
            assert_eq!(alike_in_line(&line, 7), places);
        }
    }
}
