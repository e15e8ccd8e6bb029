"""Keeps ``user_data`` alive exactly as long as the library holds it.

The library gets a number instead of an object, and the registry has a release queue: the library puts the number in
when nothing holds the model or owner any more. Every call that can let something go looks into the queue before it
returns. So no code of Python ever runs on a thread of the library's, or while the interpreter is ending, and a number
that is read too late finds nothing instead of something that is gone. Numbers never come back.

The objects belong to a :class:`Keeper`, which belongs to the registry, its snapshots and its held models. Python's
collector sees through all of them: an object that refers to the registry that keeps it is garbage together with that
registry.
"""

from __future__ import annotations

import atexit
import itertools
import os
import threading
import weakref
from typing import Any, Callable, Optional

from . import _native as native
from ._call import give, handle_of, take
from ._native import Native
from .errors import ModelregError, StaleHandleError

_next_number: Callable[[], int] = itertools.count(1).__next__


class Keeper:
    """The objects that one registry holds, by the numbers that the library has for them."""

    __slots__ = ("queue", "alive", "swept", "__weakref__")

    def __init__(self, with_queue: bool) -> None:
        #: The release queue; 0 for a registry that was made by somebody else.
        self.queue = 0
        self.alive: dict[int, Any] = {}
        #: Whether a thread of the library's may let something go.
        self.swept = False
        if with_queue:
            self.queue = handle_of(native.queue_create)

    def number(self, thing: Any) -> Optional[int]:
        """The number for an object that is to be kept; ``None`` stands for itself."""
        if thing is None:
            return None
        if not self.queue:
            raise ModelregError(
                "this registry was not made by modelreg.Registry(), so it cannot say when user_data is due: "
                "keep the object yourself, or use a registry of your own"
            )
        return _next_number()

    def refused(self, number: int) -> None:
        """After a call that failed: the library has put the number into the queue, unless it never came so far."""
        self.drain()
        self.alive.pop(number, None)

    def thing(self, number: Optional[int]) -> Any:
        """The object for a number."""
        if number is None:
            return None
        try:
            return self.alive[number]
        except KeyError:
            pass
        raise StaleHandleError("its user_data is gone, or belongs to another host than Python") from None

    def drain(self, _poll: Native = native.queue_poll, _take: Any = take, _give: Any = give) -> None:
        """Lets go of what is due."""
        alive = self.alive
        if not alive:
            return
        scratch = _take()
        queue, due, flag, error = self.queue, scratch.p_due, scratch.p_flag, scratch.p_error
        # (The loop's jump back is in no `try` that is around the loop in Python 3.13, so this one is inside.)
        while True:
            try:
                if _poll(queue, due, flag, error) or not scratch.flag:
                    break
                # The last reference may go here, and run anything, also a call that drains.
                alive.pop(scratch.due_user_data, None)
            except BaseException:
                # A signal came between: what was taken out of the queue must not be forgotten. A number that was seen
                # to already, or that is of an earlier use of this scratch, finds nothing.
                alive.pop(scratch.due_user_data, None)
                raise
        _give(scratch)

    def __del__(self, _free: Native = native.queue_free) -> None:
        queue = getattr(self, "queue", 0)
        if queue:
            _free(queue, None)


class Releaser:
    """A thread that looks into the queues of registries whose sweepers run.

    A sweeper's thread is the library's and cannot run Python. While none runs there is no such thread here. It looks
    every tenth of the shortest interval, at most every tenth of a second and at least every 5 milliseconds.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        # One that the same thread may take again: a finalizer may come between.
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._keepers: weakref.WeakKeyDictionary[Keeper, float] = weakref.WeakKeyDictionary()

    def add(self, keeper: Keeper, interval: float) -> None:
        """Looks into this queue from now on."""
        keeper.swept = True
        if not keeper.queue:
            return
        with self._lock:
            self._keepers[keeper] = min(max(interval / 10, 0.005), 0.1)
            if self._thread is None:
                self._stop.clear()
                thread = threading.Thread(target=self._run, args=(self._stop,), name="modelreg-release", daemon=True)
                thread.start()
                self._thread = thread

    def remove(self, keeper: Keeper) -> None:
        """Looks into this queue no more."""
        with self._lock:
            self._keepers.pop(keeper, None)
            keeper.swept = False

    def _run(self, stop: threading.Event) -> None:
        while True:
            with self._lock:
                if self._thread is not threading.current_thread() and self._thread is not None:
                    return
                keepers = list(self._keepers.items())
                if not keepers:
                    self._thread = None
                    return
            period = min(period for _, period in keepers)
            for keeper, _ in keepers:
                keeper.drain()
            # Nothing is kept while the thread sleeps.
            del keepers, keeper
            if stop.wait(period):
                return

    def stop(self) -> None:
        """Ends the thread, when the interpreter ends."""
        thread = self._thread
        self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def after_fork(self) -> None:
        """A child of a fork has no such thread, and nobody who could give back a lock."""
        for keeper in list(self._keepers):
            keeper.swept = False
        self._reset()


releaser = Releaser()
atexit.register(releaser.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=releaser.after_fork)
