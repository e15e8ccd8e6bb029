"""Builds the package, and puts the shared library into it.

The library is the one that MODELREG_LIBRARY names, or the one that cargo builds where the Cargo project is found beside
this directory. Where there is neither, the package is built without, and then finds a library at run time, or says what
is missing. With MODELREG_LIBRARY empty (and set) none is put in.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
FILE_NAME = {"darwin": "libmodelreg.dylib", "win32": "modelreg.dll"}.get(sys.platform, "libmodelreg.so")


def is_ours(manifest: Path) -> bool:
    """Whether this is the library's Cargo project, and not another one that the package was unpacked in."""
    return manifest.is_file() and 'name = "modelreg"' in manifest.read_text(encoding="utf-8")


def built_by_cargo() -> Path:
    """Builds the library into a directory of its own, which tells cargo's other users nothing."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or PROJECT / "target").resolve()
    command = [os.environ.get("CARGO", "cargo"), "build", "--release", "--locked", "--lib", "--target-dir", str(target)]
    try:
        subprocess.run(command, cwd=PROJECT, check=True)
    except FileNotFoundError:
        sys.exit(
            "modelreg: there is no cargo, and MODELREG_LIBRARY names no library. Install a Rust toolchain, or set "
            "MODELREG_LIBRARY to the path of libmodelreg.so, or to nothing for one that looks for it at run time."
        )
    except subprocess.CalledProcessError as problem:
        sys.exit(f"modelreg: `{' '.join(command)}` ended with status {problem.returncode}")
    return target / "release" / FILE_NAME


def library() -> "Path | None":
    """The library to put into the package."""
    named = os.environ.get("MODELREG_LIBRARY")
    if named is not None:
        if named and not Path(named).is_file():
            sys.exit(f"modelreg: MODELREG_LIBRARY names {named}, which is no file")
        return Path(named) if named else None
    return built_by_cargo() if is_ours(PROJECT / "Cargo.toml") else None


class BuildWithLibrary(build_py):
    """Builds the modules, then copies the library beside them."""

    def run(self) -> None:
        super().run()
        # In an editable install the modules stay where they are, and so does the library that the checkout has.
        if getattr(self, "editable_mode", False):
            return
        found = library()
        # What an earlier build left would be taken along.
        (Path(self.build_lib) / "modelreg" / FILE_NAME).unlink(missing_ok=True)
        if found is None:
            print("modelreg: no library is put into the package; it will be looked for at run time", file=sys.stderr)
            return
        self.mkpath(str(Path(self.build_lib) / "modelreg"))
        shutil.copyfile(found, Path(self.build_lib) / "modelreg" / FILE_NAME)


class WithLibrary(Distribution):
    """A wheel with a library in it is of one platform."""

    def has_ext_modules(self) -> bool:
        return True


commands = {"build_py": BuildWithLibrary}
try:
    try:
        from setuptools.command.bdist_wheel import bdist_wheel
    except ImportError:
        from wheel.bdist_wheel import bdist_wheel
except ImportError:
    pass
else:

    class AnyPython(bdist_wheel):  # type: ignore[misc]
        """The library is of one platform, and fits every Python 3."""

        def get_tag(self) -> "tuple[str, str, str]":
            return "py3", "none", super().get_tag()[2]

    commands["bdist_wheel"] = AnyPython

setup(cmdclass=commands, distclass=WithLibrary)
