"""What the tests share."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import unittest
import weakref
from pathlib import Path
from typing import Any, Callable, Dict

import modelreg

#: The checkout that the tests lie in.
ROOT = Path(__file__).resolve().parents[3]
SAMPLE_APP = ROOT / "examples" / "sample-app"

USER: Dict[str, Any] = {"name": "User", "properties": {"email": {"type": "string", "required": True}, "age": "number"}}


class Thing:
    """An object that can be watched, and that notes the thread that dropped it."""

    def __init__(self, note: Callable[[], object] | None = None) -> None:
        self.note = note

    def __del__(self) -> None:
        if self.note is not None:
            self.note()


def thing() -> tuple[Thing, weakref.ref[Thing]]:
    """A new object and a weak reference to it."""
    made = Thing()
    return made, weakref.ref(made)


class Case(unittest.TestCase):
    """A test with a registry that is closed at its end, and leaves nothing behind."""

    def setUp(self) -> None:
        self.registry = modelreg.Registry(reserved_tenants=["trap"])
        self.addCleanup(self.registry.close)

    def db(self, name: str = "db", **settings: Any) -> modelreg.DataSource:
        """A data source of the registry."""
        return self.registry.data_source(name, **{"connector": "mysql", "database": name, **settings})

    def stale(self, function: Callable[[], Any]) -> None:
        """Fails unless the call says that the handle is stale."""
        with self.assertRaises(modelreg.StaleHandleError):
            function()


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Waits until something is so; whether it came to be."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.002)
    return True


def together(*functions: Callable[[], None], seconds: float = 60.0) -> None:
    """Runs functions in a thread each, from one moment on; raises what the first of them raised."""
    start = threading.Barrier(len(functions))
    raised: list[BaseException] = []

    def run(function: Callable[[], None]) -> None:
        try:
            start.wait()
            function()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    limit = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, limit - time.monotonic()))
        if thread.is_alive():
            raise AssertionError("a thread hangs")
    if raised:
        raise raised[0]


def python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in an interpreter of its own that finds this same package and library."""
    path = os.pathsep.join([str(Path(modelreg.__file__).parents[1]), str(Path(__file__).parent)])
    library = modelreg.library_path()
    base = {**os.environ, "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1", "MODELREG_LIBRARY": library}
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", program],
        env={**base, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=str(Path(__file__).parent),
    )


def collect() -> bool:
    """Runs the collector until it finds nothing more."""
    while gc.collect():
        pass
    return True
