"""Finds the shared library, and says clearly why where it cannot."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Iterator

from .errors import LibraryNotFoundError

#: The version of the library that this package was written for. While the major version is 0, every minor version has
#: an ABI of its own.
VERSION = (0, 1)

if sys.platform == "darwin":
    FILE_NAME, SONAME = "libmodelreg.dylib", "libmodelreg.dylib"
elif sys.platform == "win32":
    FILE_NAME, SONAME = "modelreg.dll", "modelreg.dll"
else:
    FILE_NAME, SONAME = "libmodelreg.so", "libmodelreg.so.%d.%d" % VERSION


def candidates() -> Iterator[tuple[str, str]]:
    """Where the library may be, in the order of trying, each with a word on why there.

    ``MODELREG_LIBRARY`` is tried alone where it is set: who names a library wants no other.
    """
    named = os.environ.get("MODELREG_LIBRARY")
    if named:
        yield named, "named by MODELREG_LIBRARY"
        return
    here = Path(__file__).resolve().parent
    yield str(here / FILE_NAME), "inside the package"
    yield SONAME, "by the system's loader"
    if (here.parents[2] / "Cargo.toml").is_file():
        yield str(here.parents[2] / "target" / "release" / FILE_NAME), "built in this checkout"


def version_of(library: ctypes.CDLL) -> tuple[int, int, int]:
    """The version of a library that was loaded."""
    function = library.mreg_version
    function.argtypes, function.restype = [], ctypes.c_uint32
    number = int(function())
    return number >> 16, (number >> 8) & 0xFF, number & 0xFF


def fits(version: tuple[int, int, int]) -> bool:
    """Whether a library of this version has the ABI that this package was written for."""
    return version[:2] == VERSION if VERSION[0] == 0 else version[0] == VERSION[0] and version[1:2] >= VERSION[1:]


def load() -> tuple[ctypes.PyDLL, ctypes.CDLL, str, tuple[int, int, int]]:
    """Loads the library twice over: for calls that keep the interpreter's lock, and for those that let it go."""
    tried = []
    for path, why in candidates():
        # A name without a slash is for the loader to find; a path that is not there is said in fewer words.
        if os.sep in path and not os.path.exists(path):
            tried.append(f"{path} ({why}): there is no such file")
            continue
        try:
            library = ctypes.CDLL(path)
            version = version_of(library)
        except (OSError, AttributeError) as problem:
            tried.append(f"{path} ({why}): {problem}")
            continue
        if not fits(version):
            tried.append(
                f"{path} ({why}): it has the version {version[0]}.{version[1]}.{version[2]}, "
                f"and this package needs {VERSION[0]}.{VERSION[1]}"
            )
            continue
        return ctypes.PyDLL(path), library, path, version
    raise LibraryNotFoundError(
        "modelreg finds no shared library that fits. Tried:\n  "
        + "\n  ".join(tried)
        + "\nBuild it with `cargo build --release`, or name it in the environment variable MODELREG_LIBRARY."
    )
