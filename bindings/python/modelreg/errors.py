"""What a failing call raises: one class for each status of the library, all of them under :class:`ModelregError`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from .application import LoadReport

__all__ = [
    "DuplicateModelError",
    "FileError",
    "ForeignHandleError",
    "ForgedHandleError",
    "FullError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidNameError",
    "InvalidUtf8Error",
    "JsonError",
    "LibraryNotFoundError",
    "LoadRefusedError",
    "ModelregError",
    "NoThreadError",
    "NothingToLoadError",
    "NullHandleError",
    "NullPointerError",
    "OutOfMemoryError",
    "PoisonedError",
    "SchemaError",
    "StaleHandleError",
    "StructSizeError",
    "TooDeepError",
    "TooLongError",
    "UnalignedPointerError",
    "UnknownBaseError",
    "UnknownDataSourceError",
    "WrongHandleTypeError",
]


class LibraryNotFoundError(ImportError):
    """There is no shared library of modelreg, or none that fits this package.

    Raised while the package is imported; the message lists every place that was looked at, and why it would not do.
    """


class ModelregError(Exception):
    """A call of the library failed; it has changed nothing.

    Each status has a class of its own below this one.
    """

    #: The status that the class stands for; 0 for the base class.
    CODE: int = 0
    #: The name of that status in C.
    STATUS: str = ""

    #: What is wrong, with what, and what to do.
    message: str
    #: The status number.
    code: int
    #: The name of the offending thing: a model, a property, a parameter, a file; empty where there is none.
    name: str
    #: Byte offset in the input; 0 where there is none.
    offset: int
    #: Line in the input, from 1; 0 where there is none.
    line: int
    #: Column in the input in bytes, from 1; 0 where there is none.
    column: int

    def __init__(
        self,
        message: str = "",
        *,
        code: Optional[int] = None,
        name: str = "",
        offset: int = 0,
        line: int = 0,
        column: int = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = type(self).CODE if code is None else code
        self.name = name
        self.offset = offset
        self.line = line
        self.column = column

    @property
    def status(self) -> str:
        """The name of the status in C, such as ``MREG_ERROR_STALE_HANDLE``."""
        return type(self).STATUS or "MREG_UNKNOWN_STATUS"

    def __str__(self) -> str:
        place = f" (line {self.line}, column {self.column})" if self.line else ""
        return f"{self.message}{place}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.code, self.name, self.offset, self.line, self.column)


def _rebuild(
    kind: type[ModelregError], message: str, code: int, name: str, offset: int, line: int, column: int
) -> ModelregError:
    return kind(message, code=code, name=name, offset=offset, line=line, column=column)


class NullPointerError(ModelregError):
    """A pointer that must not be NULL is NULL."""

    CODE = 1
    STATUS = "MREG_ERROR_NULL_POINTER"


class UnalignedPointerError(ModelregError):
    """A pointer is not aligned for its type."""

    CODE = 2
    STATUS = "MREG_ERROR_UNALIGNED_POINTER"


class InvalidArgumentError(ModelregError, ValueError):
    """An argument that the call cannot take."""

    CODE = 3
    STATUS = "MREG_ERROR_INVALID_ARGUMENT"


class StructSizeError(ModelregError):
    """A struct is of a size that the library does not know."""

    CODE = 4
    STATUS = "MREG_ERROR_STRUCT_SIZE"


class InvalidUtf8Error(ModelregError, ValueError):
    """A text is not UTF-8; ``offset`` says where."""

    CODE = 5
    STATUS = "MREG_ERROR_INVALID_UTF8"


class InvalidNameError(ModelregError, ValueError):
    """A name is empty, or holds a NUL or another control character."""

    CODE = 6
    STATUS = "MREG_ERROR_INVALID_NAME"


class TooLongError(ModelregError, ValueError):
    """A text or an array is longer than its limit."""

    CODE = 7
    STATUS = "MREG_ERROR_TOO_LONG"


class NullHandleError(ModelregError):
    """The handle is null."""

    CODE = 10
    STATUS = "MREG_ERROR_NULL_HANDLE"


class WrongHandleTypeError(ModelregError):
    """The handle is of another type than the function takes."""

    CODE = 11
    STATUS = "MREG_ERROR_WRONG_HANDLE_TYPE"


class ForeignHandleError(ModelregError):
    """The handle belongs to another registry, or to another copy of the library."""

    CODE = 12
    STATUS = "MREG_ERROR_FOREIGN_HANDLE"


class ForgedHandleError(ModelregError):
    """No handle with these bits was ever given out."""

    CODE = 13
    STATUS = "MREG_ERROR_FORGED_HANDLE"


class StaleHandleError(ModelregError, LookupError):
    """What the handle stood for is gone: released, unregistered, replaced, cleared, freed or destroyed."""

    CODE = 14
    STATUS = "MREG_ERROR_STALE_HANDLE"


class FullError(ModelregError):
    """A limit of the registry or of the process is reached."""

    CODE = 20
    STATUS = "MREG_ERROR_FULL"


class OutOfMemoryError(ModelregError, MemoryError):
    """Memory could not be had; nothing was changed."""

    CODE = 21
    STATUS = "MREG_ERROR_OUT_OF_MEMORY"


class PoisonedError(ModelregError):
    """An earlier internal error left the registry in doubt; it can only be closed."""

    CODE = 22
    STATUS = "MREG_ERROR_POISONED"


class InternalError(ModelregError):
    """An internal error of the library; please report it."""

    CODE = 23
    STATUS = "MREG_ERROR_INTERNAL"


class NoThreadError(ModelregError):
    """No thread could be made."""

    CODE = 24
    STATUS = "MREG_ERROR_NO_THREAD"


class JsonError(ModelregError, ValueError):
    """A text is not JSON; ``line`` and ``column`` say where."""

    CODE = 30
    STATUS = "MREG_ERROR_JSON"


class SchemaError(ModelregError, ValueError):
    """JSON that is not a model definition, or a property of an impossible type."""

    CODE = 31
    STATUS = "MREG_ERROR_SCHEMA"


class TooDeepError(ModelregError, ValueError):
    """A schema nests deeper than the limit."""

    CODE = 32
    STATUS = "MREG_ERROR_TOO_DEEP"


class UnknownBaseError(ModelregError, LookupError):
    """The base of a model is defined nowhere."""

    CODE = 33
    STATUS = "MREG_ERROR_UNKNOWN_BASE"


class UnknownDataSourceError(ModelregError, LookupError):
    """A model configuration names a data source that is not configured."""

    CODE = 34
    STATUS = "MREG_ERROR_UNKNOWN_DATA_SOURCE"


class DuplicateModelError(ModelregError, ValueError):
    """Two files define a model of the same name."""

    CODE = 35
    STATUS = "MREG_ERROR_DUPLICATE_MODEL"


class FileError(ModelregError):
    """A file or directory could not be read."""

    CODE = 40
    STATUS = "MREG_ERROR_IO"


class NothingToLoadError(ModelregError):
    """The directory holds nothing that could be loaded."""

    CODE = 41
    STATUS = "MREG_ERROR_NOTHING_TO_LOAD"


class LoadRefusedError(ModelregError):
    """Problems were reported and the caller asked for all or nothing; nothing was changed."""

    #: Why: the problems that were found.
    report: Optional[LoadReport] = None

    CODE = 42
    STATUS = "MREG_ERROR_LOAD_REFUSED"


#: The class of each status.
BY_CODE: dict[int, type[ModelregError]] = {
    kind.CODE: kind
    for kind in (
        NullPointerError,
        UnalignedPointerError,
        InvalidArgumentError,
        StructSizeError,
        InvalidUtf8Error,
        InvalidNameError,
        TooLongError,
        NullHandleError,
        WrongHandleTypeError,
        ForeignHandleError,
        ForgedHandleError,
        StaleHandleError,
        FullError,
        OutOfMemoryError,
        PoisonedError,
        InternalError,
        NoThreadError,
        JsonError,
        SchemaError,
        TooDeepError,
        UnknownBaseError,
        UnknownDataSourceError,
        DuplicateModelError,
        FileError,
        NothingToLoadError,
        LoadRefusedError,
    )
}
