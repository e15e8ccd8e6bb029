"""The sweeper: drops tenants that nobody uses, on a thread of the library's."""

from __future__ import annotations

from ctypes import addressof
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Optional, Union

from . import _native as native
from ._call import Unpicklable, at, do, handle_of, milliseconds_of
from ._keep import releaser
from ._structs import SweeperInfo as NativeSweeperInfo
from ._structs import SweeperOptions
from .errors import StaleHandleError

if TYPE_CHECKING:
    from .registry import Registry


@dataclass(frozen=True)
class SweeperInfo:
    """What is known of a sweeper."""

    #: How often it sweeps.
    interval: timedelta
    #: How long a tenant has to be idle to be dropped.
    max_idle: timedelta
    #: Whether its thread runs.
    running: bool
    #: How often it swept, forced sweeps included.
    sweeps: int
    #: How many tenants it dropped.
    dropped: int
    #: When it last swept; ``None`` where it never did.
    last_sweep_at: Optional[datetime]


class Sweeper(Unpicklable):
    """A registry's sweeper: :attr:`Registry.sweeper`.

    Every interval it drops the tenants, but for ``global``, in which no model was put or found for long enough. It runs
    on a thread of the library's. What it drops of ``user_data`` is released by a thread of this package's within a
    tenth of the interval (at most a tenth of a second, at least 5 milliseconds), or by the next call that can let
    something go.

    ``with registry.sweeper.start(interval=60): ...`` stops it at the end of the block.
    """

    __slots__ = ("_registry",)

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def start(self, interval: Union[float, timedelta] = 300.0, max_idle: Union[float, timedelta] = 1800.0) -> Sweeper:
        """Starts it, or gives it new settings where it runs; in seconds, or as ``timedelta``.

        :raises NoThreadError: where no thread could be made.
        """
        options = SweeperOptions()
        options.interval_ms = milliseconds_of(interval, "interval")
        options.max_idle_ms = milliseconds_of(max_idle, "max_idle")
        keeper = self._registry._keeper
        was_swept = keeper.swept
        releaser.add(keeper, options.interval_ms / 1000)
        try:
            do(native.sweeper_start, self._registry._handle, addressof(options))
        except BaseException:
            if not was_swept:
                releaser.remove(keeper)
            raise
        return self

    def stop(self) -> None:
        """Stops it. When this returns, nothing of this registry runs on its thread any more. Stopping twice is fine."""
        keeper = self._registry._keeper
        try:
            do(native.sweeper_stop, self._registry._handle)
        finally:
            keeper.drain()
            releaser.remove(keeper)

    def run(self) -> int:
        """Sweeps now, on the calling thread, with the settings' ``max_idle``; how many tenants were dropped."""
        dropped = handle_of(native.sweeper_run, self._registry._handle)
        self._registry._keeper.drain()
        return dropped

    @property
    def info(self) -> SweeperInfo:
        """What is known of it."""
        info = NativeSweeperInfo()
        do(native.sweeper_get_info, self._registry._handle, addressof(info))
        return SweeperInfo(
            interval=_duration(info.interval_ms),
            max_idle=_duration(info.max_idle_ms),
            running=bool(info.running),
            sweeps=info.sweeps,
            dropped=info.dropped,
            last_sweep_at=at(info.last_sweep_at_ms) if info.sweeps else None,
        )

    @property
    def running(self) -> bool:
        """Whether its thread runs."""
        return self.info.running

    def __enter__(self) -> Sweeper:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            self.stop()
        except StaleHandleError:
            # The registry was closed in the block, and its sweeper with it.
            pass


def _duration(milliseconds: int) -> timedelta:
    try:
        return timedelta(milliseconds=milliseconds)
    except OverflowError:
        return timedelta.max
