//! What comes in through pointers, checked before it is used.

use std::ffi::{CStr, c_char};
use std::mem::{MaybeUninit, size_of};

use crate::core::short;
use crate::error::{Error, Result, Status};

use super::{MREG_NUL_TERMINATED, mreg_text};

/// The longest text that any function takes: 64 MiB.
pub(crate) const MAX_TEXT: usize = 64 << 20;

#[cold]
fn null(name: &str) -> Error {
    Error::new(Status::ERROR_NULL_POINTER, name, format!("{name}: the pointer is NULL"))
}

#[cold]
fn null_result(name: &str) -> Error {
    let message = format!("{name}: the pointer for the result is NULL (pass the address of a variable)");
    Error::new(Status::ERROR_NULL_POINTER, name, message)
}

#[cold]
fn unaligned(name: &str) -> Error {
    Error::new(Status::ERROR_UNALIGNED_POINTER, name, format!("{name}: the pointer is not aligned for its type"))
}

/// Where a result goes.
pub(crate) struct Out<T>(*mut T);

impl<T: Copy> Out<T> {
    /// Stores the result.
    #[inline(always)]
    pub fn put(&self, value: T) {
        // SAFETY: `out` checked the pointer and was promised the memory behind it for the whole call.
        unsafe { self.0.write(value) };
    }
}

/// Checks an out-pointer, and stores the value that it has when the call fails.
///
/// # Safety
/// A pointer that is neither NULL nor unaligned points to memory for a `T` that nobody else uses during the call.
#[inline(always)]
pub(crate) unsafe fn out<T: Copy>(pointer: *mut T, nothing: T, name: &str) -> Result<Out<T>> {
    if pointer.is_null() {
        return Err(null_result(name));
    }
    if !pointer.is_aligned() {
        return Err(unaligned(name));
    }
    let out = Out(pointer);
    out.put(nothing);
    Ok(out)
}

/// As [`out`], where NULL says that the result is not wanted.
///
/// # Safety
/// As [`out`].
#[inline(always)]
pub(crate) unsafe fn optional_out<T: Copy>(pointer: *mut T, nothing: T, name: &str) -> Result<Option<Out<T>>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller promises.
    unsafe { out(pointer, nothing, name) }.map(Some)
}

/// The caller's array for results; `(NULL, 0)` is the empty one.
///
/// # Safety
/// A pointer that is neither NULL nor unaligned points to memory for `capacity` values that nobody else uses.
#[inline(always)]
pub(crate) unsafe fn buffer<'a, T>(pointer: *mut T, capacity: usize, name: &str) -> Result<&'a mut [MaybeUninit<T>]> {
    if capacity == 0 {
        return Ok(&mut []);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    if !pointer.is_aligned() {
        return Err(unaligned(name));
    }
    if capacity > isize::MAX as usize / size_of::<T>() {
        return Err(too_long(name, capacity, isize::MAX as usize / size_of::<T>()));
    }
    // SAFETY: not null, aligned, not larger than an object can be, and promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer.cast(), capacity) })
}

/// The caller's array of arguments; `(NULL, 0)` is the empty one.
///
/// # Safety
/// A pointer that is neither NULL nor unaligned points to `count` values that do not change during the call.
pub(crate) unsafe fn array<'a, T>(pointer: *const T, count: usize, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    if !pointer.is_aligned() {
        return Err(unaligned(name));
    }
    if count > isize::MAX as usize / size_of::<T>() {
        return Err(too_long(name, count, isize::MAX as usize / size_of::<T>()));
    }
    // SAFETY: not null, aligned, not larger than an object can be, and promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// The error for flags of which some stand for nothing.
#[cold]
pub(crate) fn unknown_flags(flags: u32) -> Error {
    let message = format!("flags: {flags:#x} has bits that stand for nothing");
    Error::new(Status::ERROR_INVALID_ARGUMENT, "flags", message)
}

/// Checks a field that stands for nothing yet, so that a later version can give it a meaning.
pub(crate) fn unused(reserved: u32, init: &str) -> Result<()> {
    if reserved == 0 {
        return Ok(());
    }
    let message = format!("reserved: {reserved} is not 0 (begin with {init})");
    Err(Error::new(Status::ERROR_INVALID_ARGUMENT, "reserved", message))
}

#[cold]
fn too_long(name: &str, length: usize, limit: usize) -> Error {
    Error::new(Status::ERROR_TOO_LONG, name, format!("{name}: length {length} is too long (the limit is {limit})"))
}

/// The bytes of a text of the caller's.
///
/// # Safety
/// A pointer that is not NULL points to `length` bytes, or to a NUL-terminated string where `length` says so, that do not
/// change during the call.
#[inline(always)]
pub(crate) unsafe fn bytes<'a>(pointer: *const c_char, length: usize, name: &str) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    if length == MREG_NUL_TERMINATED {
        // SAFETY: the caller says that the string ends with a NUL.
        return Ok(unsafe { CStr::from_ptr(pointer) }.to_bytes());
    }
    if length > MAX_TEXT {
        return Err(too_long(name, length, MAX_TEXT));
    }
    // SAFETY: not null, bytes are always aligned, not larger than an object can be, and promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts(pointer.cast(), length) })
}

/// A text of the caller's.
///
/// # Safety
/// As [`bytes`].
#[inline(always)]
pub(crate) unsafe fn text<'a>(pointer: *const c_char, length: usize, name: &str) -> Result<&'a str> {
    if length == 0 {
        return Ok("");
    }
    // SAFETY: as the caller promises.
    check_utf8(unsafe { bytes(pointer, length, name) }?, name)
}

/// Whether a text is ASCII.
#[inline(always)]
pub(crate) fn is_ascii(bytes: &[u8]) -> bool {
    match short::pack(bytes) {
        Some([first, second]) => (first | second) & (u64::MAX / 0xFF * 0x80) == 0,
        None => bytes.is_ascii(),
    }
}

/// The bytes as text.
#[inline(always)]
pub(crate) fn check_utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str> {
    if is_ascii(bytes) {
        // SAFETY: ASCII is UTF-8. The general check takes several times as long for a short name.
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    check_any_utf8(bytes, name)
}

#[inline(never)]
fn check_any_utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        Error::new(Status::ERROR_INVALID_UTF8, name, format!("{name}: not valid UTF-8 at byte {offset}")).at(
            offset as u64,
            0,
            0,
        )
    })
}

/// A text of the caller's in a struct.
///
/// # Safety
/// As [`bytes`].
#[inline(always)]
pub(crate) unsafe fn text_in<'a>(value: mreg_text, name: &str) -> Result<&'a str> {
    // SAFETY: as the caller promises.
    unsafe { text(value.data, value.length, name) }
}

/// Writes the text that `text` gives into the caller's buffer as `snprintf` does: as much as there is room for, cut at a
/// character's boundary, with a NUL; the whole length goes to `length`.
///
/// # Safety
/// As [`buffer`] and [`optional_out`].
pub(crate) unsafe fn put_text<T: AsRef<str>>(
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    text: impl FnOnce() -> Result<T>,
) -> Result<()> {
    // SAFETY: as the caller promises.
    let length = unsafe { optional_out(length, 0, "length") }?;
    // SAFETY: as the caller promises.
    let room = unsafe { self::buffer(buffer, capacity, "buffer") }?;
    if let Some(first) = room.first_mut() {
        first.write(0);
    }
    let text = text()?;
    let text = text.as_ref();
    if let Some(last) = room.len().checked_sub(1) {
        let end = text.floor_char_boundary(last.min(text.len()));
        for (to, from) in room.iter_mut().zip(text.as_bytes()[..end].iter().chain([&0])) {
            to.write(*from as c_char);
        }
    }
    if let Some(length) = length {
        length.put(text.len());
    }
    Ok(())
}

/// A copy of a text whose size the host chose.
///
/// # Errors
/// `ERROR_OUT_OF_MEMORY`.
pub(crate) fn owned(text: &str) -> Result<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
    copy.push_str(text);
    Ok(copy)
}

/// A struct that can grow: its first field is its size, set by the caller.
///
/// # Safety
/// The type is `repr(C)`, its first field is `struct_size: usize`, and any bytes of an earlier or later version are a
/// value of it.
pub(crate) unsafe trait Growable: Copy {
    /// The size of its first version.
    const FIRST_SIZE: usize;
    /// Its value where the caller says nothing.
    const DEFAULT: Self;
}

const LARGEST_STRUCT: usize = 64 << 10;

/// Reads a struct of the caller's, of this, an earlier or a later version. NULL gives the default.
///
/// # Safety
/// A pointer that is neither NULL nor unaligned points to a struct of the size that its first field says.
pub(crate) unsafe fn read_struct<T: Growable>(pointer: *const T, name: &str) -> Result<T> {
    if pointer.is_null() {
        return Ok(T::DEFAULT);
    }
    if !pointer.is_aligned() {
        return Err(unaligned(name));
    }
    // SAFETY: the first field is there in every version.
    let theirs = unsafe { pointer.cast::<usize>().read() };
    let ours = size_of::<T>();
    if theirs == ours {
        // SAFETY: it has the size of the whole struct, of which any bytes are a value.
        return Ok(unsafe { pointer.read() });
    }
    if theirs < T::FIRST_SIZE || theirs > LARGEST_STRUCT {
        return Err(too_small::<T>(name, theirs));
    }
    if theirs > ours {
        // SAFETY: the caller's struct has `theirs` bytes.
        let extra = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>().add(ours), theirs - ours) };
        if extra.iter().any(|byte| *byte != 0) {
            return Err(struct_size(name, theirs, "it sets fields that this version of the library does not know"));
        }
    }
    let mut value = T::DEFAULT;
    // SAFETY: both structs have at least this many bytes, and any bytes are a value of T.
    unsafe {
        std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), std::ptr::from_mut(&mut value).cast(), theirs.min(ours));
    }
    Ok(value)
}

/// A struct of the caller's where it is there, whole and of this version.
///
/// # Safety
/// As [`read_struct`], and the struct does not change during the call.
#[inline(always)]
pub(crate) unsafe fn whole_struct<'a, T: Growable>(pointer: *const T) -> Option<&'a T> {
    if pointer.is_null() || !pointer.is_aligned() {
        return None;
    }
    // SAFETY: the first field is there in every version.
    if unsafe { pointer.cast::<usize>().read() } != size_of::<T>() {
        return None;
    }
    // SAFETY: it has the size of the whole struct, of which any bytes are a value.
    Some(unsafe { &*pointer })
}

/// Checks a struct that is to be filled for the caller, and zeroes all but its size. Gives its size.
///
/// # Safety
/// A pointer that is neither NULL nor unaligned points to memory of the size that its first field says, that nobody else
/// uses during the call.
pub(crate) unsafe fn out_struct<T: Growable>(pointer: *mut T, name: &str) -> Result<OutStruct<T>> {
    if pointer.is_null() {
        return Err(null(name));
    }
    if !pointer.is_aligned() {
        return Err(unaligned(name));
    }
    // SAFETY: the first field is there in every version.
    let theirs = unsafe { pointer.cast::<usize>().read() };
    if theirs < T::FIRST_SIZE || theirs > LARGEST_STRUCT {
        return Err(too_small::<T>(name, theirs));
    }
    // SAFETY: the caller's struct has `theirs` bytes.
    unsafe { pointer.cast::<u8>().add(size_of::<usize>()).write_bytes(0, theirs - size_of::<usize>()) };
    Ok(OutStruct { pointer, theirs })
}

/// Where a struct that can grow goes.
pub(crate) struct OutStruct<T> {
    pointer: *mut T,
    theirs: usize,
}

impl<T: Growable> OutStruct<T> {
    /// Stores the smaller of both versions.
    pub fn put(&self, mut value: T) {
        let from = std::ptr::from_mut(&mut value);
        // SAFETY: the first field of every version is its size.
        unsafe { from.cast::<usize>().write(self.theirs) };
        // SAFETY: both structs have at least this many bytes, by `out_struct`.
        unsafe {
            std::ptr::copy_nonoverlapping(
                from.cast::<u8>(),
                self.pointer.cast::<u8>(),
                self.theirs.min(size_of::<T>()),
            );
        }
    }
}

#[cold]
fn too_small<T: Growable>(name: &str, theirs: usize) -> Error {
    let reason = format!("expected {} to {LARGEST_STRUCT}; begin with the struct's _INIT macro", T::FIRST_SIZE);
    struct_size(name, theirs, &reason)
}

#[cold]
fn struct_size(name: &str, theirs: usize, reason: &str) -> Error {
    Error::new(Status::ERROR_STRUCT_SIZE, name, format!("{name}: struct_size {theirs} does not fit ({reason})"))
}
