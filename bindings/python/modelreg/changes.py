"""What happened: changes of a registry, in the order they were made."""

from __future__ import annotations

from ctypes import addressof
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from types import TracebackType
from typing import TYPE_CHECKING, Iterator, Optional

from . import _native as native
from ._call import Unpicklable, at, failed, give, handle_of, take
from ._native import Native
from ._structs import Change as NativeChange
from ._structs import WatcherOptions
from .models import Model

if TYPE_CHECKING:
    from .owners import Owner
    from .registry import Registry


class ChangeKind(IntEnum):
    """What kind of change it was."""

    #: A model was registered.
    REGISTERED = 1
    #: A model was registered in the place of another one.
    REPLACED = 2
    #: A model was given other owners.
    MOVED = 3
    #: A model went: it was unregistered, or went with its owner or tenant.
    REMOVED = 4
    #: A tenant was dropped.
    TENANT_DROPPED = 5
    #: The registry was cleared; ``count`` models went.
    CLEARED = 6
    #: An owner was released.
    OWNER_RELEASED = 7
    #: The registry was closed.
    DESTROYED = 8
    #: ``count`` changes found no room in the watcher's queue.
    LOST = 9


@dataclass(frozen=True)
class Change:
    """One change. Its owner and models may be gone by now."""

    #: What kind of change.
    kind: ChangeKind
    #: Its number; they grow.
    sequence: int
    #: When it was made.
    at: datetime
    #: The owner, where there is one.
    owner: Optional[Owner]
    #: The model, where there is one.
    model: Optional[Model]
    #: The model that was replaced.
    replaced: Optional[Model]
    #: How many models, names or changes, where the kind says so.
    count: int
    #: The name of the model or owner, cut at 255 bytes.
    name: str
    #: The code or label of the tenant.
    tenant: str


class Watcher(Unpicklable):
    """Follows the changes of a registry: made by :meth:`Registry.watch`.

    The library puts each change into a bounded queue; what finds no room is counted, and told as one change of the kind
    ``LOST``. Iterating takes the changes that are there, oldest first, and ends; it can be iterated again later. A
    watcher outlives its registry: what is left in it can be read to the end.

    (Callbacks are not offered: they would run on whatever thread makes a change, the sweeper's included, and Python
    must not run there while the interpreter ends.)
    """

    __slots__ = ("_registry", "_handle", "__weakref__")

    def __init__(self, registry: Registry, capacity: int = 0) -> None:
        """Begins to follow.

        :param capacity: how many changes the queue has room for; 0 for 1024.
        """
        self._handle = 0
        self._registry = registry
        options = WatcherOptions()
        if not 0 <= capacity <= 1 << 20:
            raise ValueError("capacity must be from 0 to 1048576")
        options.capacity = capacity
        self._handle = handle_of(native.watcher_create, registry._handle, addressof(options))

    @property
    def handle(self) -> int:
        """The library's handle; 0 when it was closed."""
        return self._handle

    def poll(self) -> Optional[Change]:
        """The oldest change that was not taken yet, or ``None``."""
        registry = self._registry
        registry._keeper.drain()
        change = NativeChange()
        scratch = take()
        if native.watcher_poll(self._handle, addressof(change), scratch.p_flag, scratch.p_error):
            raise failed(scratch)
        found: bool = scratch.flag
        give(scratch)
        if not found:
            return None
        name = change.name.decode("utf-8", "replace")
        kind = ChangeKind(change.kind)
        of_owner = kind == ChangeKind.OWNER_RELEASED
        return Change(
            kind=kind,
            sequence=change.sequence,
            at=at(change.at_ms),
            owner=registry._owner_of_change(change.owner, name if of_owner else None),
            model=Model._wrap(registry, change.model, None if of_owner else name) if change.model else None,
            replaced=Model._wrap(registry, change.replaced, name) if change.replaced else None,
            count=change.count,
            name=name,
            tenant=change.tenant.decode("utf-8", "replace"),
        )

    def __iter__(self) -> Iterator[Change]:
        while True:
            change = self.poll()
            if change is None:
                return
            yield change

    def close(self, _free: Native = native.watcher_free) -> None:
        """Follows no more. Closing twice does nothing."""
        handle, self._handle = self._handle, 0
        if handle:
            _free(handle, None)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", 0):
            self.close()
