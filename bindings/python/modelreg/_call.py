"""How calls are made: room for errors and results, and texts and lists of any length.

A call needs an error struct and places for its results. They come from a pool. Taking one from a list and giving it
back is a step each that nothing can come between, so threads, signal handlers and finalizers that call the library in
the middle of another call never share one.
"""

from __future__ import annotations

import json
from ctypes import (
    Structure,
    addressof,
    c_bool,
    c_char,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
    create_string_buffer,
    sizeof,
)
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Optional, Union

from ._native import Native
from ._structs import Due, Error
from .errors import BY_CODE, ModelregError

#: Bytes and handles that fit without asking twice.
TEXT_ROOM = 2048
HANDLE_ROOM = 64


class Scratch(Structure):
    """Room for what one call needs beside its arguments. The addresses of its fields are found once."""

    _fields_ = [
        ("error", Error),
        # An ``mreg_due``, field by field: reading a nested struct makes an object each time.
        ("due_size", c_size_t),
        ("due_kind", c_uint32),
        ("due_reserved", c_uint32),
        ("due_handle", c_uint64),
        ("due_user_data", c_void_p),
        # Two of ``mreg_stamp``, likewise.
        ("stamp", c_uint64),
        ("stamp_owner", c_uint64),
        ("stamp_registry", c_uint64),
        ("stamp2", c_uint64),
        ("stamp2_owner", c_uint64),
        ("stamp2_registry", c_uint64),
        ("handle", c_uint64),
        ("handle2", c_uint64),
        ("handle3", c_uint64),
        ("length", c_size_t),
        ("count", c_size_t),
        ("signed", c_int64),
        ("pointer", c_void_p),
        ("pointer2", c_void_p),
        ("number", c_uint32),
        ("number2", c_uint32),
        ("flag", c_bool),
        ("handles", c_uint64 * HANDLE_ROOM),
        ("text", c_char * TEXT_ROOM),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.error.struct_size = sizeof(Error)
        self.due_size = sizeof(Due)
        base = addressof(self)
        self.p_error = base
        self.p_due = base + Scratch.due_size.offset  # type: ignore[attr-defined, misc]
        self.p_stamp = base + Scratch.stamp.offset
        self.p_stamp2 = base + Scratch.stamp2.offset
        self.p_handle = base + Scratch.handle.offset
        self.p_handle2 = base + Scratch.handle2.offset
        self.p_handle3 = base + Scratch.handle3.offset
        self.p_length = base + Scratch.length.offset
        self.p_count = base + Scratch.count.offset
        self.p_signed = base + Scratch.signed.offset
        self.p_pointer = base + Scratch.pointer.offset
        self.p_pointer2 = base + Scratch.pointer2.offset
        self.p_number = base + Scratch.number.offset
        self.p_number2 = base + Scratch.number2.offset
        self.p_flag = base + Scratch.flag.offset
        self.p_handles = base + Scratch.handles.offset
        self.p_text = base + Scratch.text.offset
        # The bytes of the text, zeros included.
        self.text_bytes = memoryview(self).cast("B")[Scratch.text.offset :]


_pool: list[Scratch] = []
#: Gives a scratch back.
give: Callable[[Scratch], None] = _pool.append


def take(_pop: Callable[[], Scratch] = _pool.pop) -> Scratch:
    """A scratch that nobody else has. One that is never given back is only garbage."""
    try:
        return _pop()
    except IndexError:
        return Scratch()


def failed(scratch: Scratch) -> ModelregError:
    """The exception for the error in a scratch, which goes back to the pool."""
    error = scratch.error
    code = error.code
    exception = BY_CODE.get(code, ModelregError)(
        error.message.decode("utf-8", "replace"),
        code=code,
        name=error.name.decode("utf-8", "replace"),
        offset=error.offset,
        line=error.line,
        column=error.column,
    )
    give(scratch)
    return exception


def do(function: Native, *arguments: Any) -> None:
    """A call without a result."""
    scratch = take()
    if function(*arguments, scratch.p_error):
        raise failed(scratch)
    give(scratch)


def handle_of(function: Native, *arguments: Any) -> int:
    """A call whose result is a handle, or another 64-bit number."""
    scratch = take()
    if function(*arguments, scratch.p_handle, scratch.p_error):
        raise failed(scratch)
    handle: int = scratch.handle
    give(scratch)
    return handle


def flag_of(function: Native, *arguments: Any) -> bool:
    """A call whose result is a truth value."""
    scratch = take()
    if function(*arguments, scratch.p_flag, scratch.p_error):
        raise failed(scratch)
    flag: bool = scratch.flag
    give(scratch)
    return flag


def number_of(function: Native, *arguments: Any) -> int:
    """A call whose result is a 32-bit number."""
    scratch = take()
    if function(*arguments, scratch.p_number, scratch.p_error):
        raise failed(scratch)
    number: int = scratch.number
    give(scratch)
    return number


def time_of(function: Native, *arguments: Any) -> datetime:
    """A call whose result is a time in milliseconds."""
    scratch = take()
    if function(*arguments, scratch.p_signed, scratch.p_error):
        raise failed(scratch)
    milliseconds: int = scratch.signed
    give(scratch)
    return at(milliseconds)


def pointer_of(function: Native, *arguments: Any) -> Optional[int]:
    """A call whose result is a pointer; ``None`` for NULL."""
    scratch = take()
    if function(*arguments, scratch.p_pointer, scratch.p_error):
        raise failed(scratch)
    pointer: Optional[int] = scratch.pointer
    give(scratch)
    return pointer


def text_of(function: Native, *arguments: Any) -> str:
    """A call whose result is a text of any length."""
    scratch = take()
    if function(*arguments, scratch.p_text, TEXT_ROOM, scratch.p_length, scratch.p_error):
        raise failed(scratch)
    length: int = scratch.length
    if length < TEXT_ROOM:
        raw: bytes = scratch.text
    else:
        # It may have grown in between.
        room = 0
        while length >= room:
            room = length + 1
            buffer = create_string_buffer(room)
            if function(*arguments, addressof(buffer), room, scratch.p_length, scratch.p_error):
                raise failed(scratch)
            length = scratch.length
        raw = buffer.raw[:length]
    give(scratch)
    return raw.decode("utf-8")


def handles_of(function: Native, *arguments: Any, more: int = 0) -> list[int]:
    """A call whose result is a list of handles of any length; ``more`` pointers, not wanted here, follow the count."""
    scratch = take()
    rest = (None,) * more
    if function(*arguments, scratch.p_handles, HANDLE_ROOM, scratch.p_count, *rest, scratch.p_error):
        raise failed(scratch)
    count: int = scratch.count
    if count <= HANDLE_ROOM:
        handles: list[int] = scratch.handles[:count]
    else:
        room = 0
        while count > room:
            room = count + 16
            array = (c_uint64 * room)()
            if function(*arguments, addressof(array), room, scratch.p_count, *rest, scratch.p_error):
                raise failed(scratch)
            count = scratch.count
        handles = array[:count]
    give(scratch)
    return handles


def encode(text: str, what: str = "name") -> bytes:
    """The bytes of a text. A lone surrogate goes through, so that the library says where it is."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}")
    return text.encode("utf-8", "surrogatepass")


def encode_json(value: Any) -> bytes:
    """JSON for the library: of a text as it is, of anything else by :mod:`json`."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def decode_json(text: str) -> dict[str, Any]:
    """What a JSON object of the library says; nothing for an empty text."""
    value: dict[str, Any] = json.loads(text) if text else {}
    return value


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def at(milliseconds: int) -> datetime:
    """A time of the library's, in UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds_of(duration: Union[float, timedelta], what: str) -> int:
    """A duration in seconds, or a ``timedelta``, in whole milliseconds, rounded up: nothing idles less than asked."""
    if isinstance(duration, timedelta):
        duration = duration.total_seconds()
    if isinstance(duration, bool) or not isinstance(duration, (int, float)):
        raise TypeError(f"{what} must be a number of seconds or a timedelta, not {type(duration).__name__}")
    if duration == float("inf"):
        return (1 << 64) - 1
    if not duration >= 0:
        raise ValueError(f"{what} must not be negative")
    return min(int(-(-duration * 1000 // 1)), (1 << 64) - 1)


class Unpicklable:
    """What stands for something inside this process cannot be pickled or copied."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"cannot pickle {type(self).__name__!r}: it stands for something inside this process")

    def __copy__(self) -> Any:
        raise TypeError(f"cannot copy {type(self).__name__!r}: it stands for something inside this process")

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError(f"cannot copy {type(self).__name__!r}: it stands for something inside this process")
