"""Models, held models, and snapshots."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Iterator, Optional, Sequence, Union, overload

from . import _native as native
from ._call import (
    Unpicklable,
    decode_json,
    do,
    failed,
    give,
    handle_of,
    handles_of,
    pointer_of,
    take,
    text_of,
    time_of,
)
from ._keep import Keeper
from ._native import Native
from .schema import Schema
from .tenants import tenant_for_call

if TYPE_CHECKING:
    from .owners import App, DataSource, Owner
    from .registry import Registry


class Model(Unpicklable):
    """A model of a registry, by its handle. It holds nothing.

    Once the model has left the registry (unregistered, replaced, cleared, its owner released, its tenant dropped), the
    handle is stale for ever, and questions raise :class:`~modelreg.errors.StaleHandleError`. Two objects for one model
    are equal and have the same hash.
    """

    __slots__ = ("_registry", "_handle", "_name", "__weakref__")

    def __init__(self) -> None:
        raise TypeError("models come from Registry.register and from questions to a registry or owner")

    @staticmethod
    def _wrap(registry: Registry, handle: int, name: Optional[str] = None) -> Model:
        model = _new(Model)
        model._registry = registry
        model._handle = handle
        model._name = name
        return model

    _registry: Registry
    _handle: int
    _name: Optional[str]

    @property
    def handle(self) -> int:
        """The library's handle."""
        return self._handle

    @property
    def registry(self) -> Registry:
        """The registry that it came from."""
        return self._registry

    @property
    def is_valid(self) -> bool:
        """Whether it is registered now."""
        return native.model_is_valid(self._handle)

    @property
    def name(self) -> str:
        """Its name, which never changes; where it is known here, also of a model that is gone."""
        name = self._name
        if name is None:
            name = self._name = text_of(native.model_name, self._handle)
        return name

    @property
    def settings(self) -> dict[str, Any]:
        """The settings it was registered with; where there were none, those of its schema."""
        return decode_json(text_of(native.model_settings, self._handle))

    @property
    def schema(self) -> Optional[Schema]:
        """Its schema, if it has one."""
        handle = handle_of(native.model_schema, self._handle)
        return Schema._wrap(handle) if handle else None

    @property
    def user_data(self) -> Any:
        """The object that it was registered with; ``None`` where there was none."""
        return self._registry._keeper.thing(pointer_of(native.model_user_data, self._handle))

    @property
    def registered_at(self) -> datetime:
        """When it was registered or last moved."""
        return time_of(native.model_registered_at, self._handle)

    def _owners(self) -> tuple[int, int, int]:
        scratch = take()
        if native.model_owners(self._handle, scratch.p_handle, scratch.p_handle2, scratch.p_handle3, scratch.p_error):
            raise failed(scratch)
        owners = scratch.handle, scratch.handle2, scratch.handle3
        give(scratch)
        return owners

    @property
    def owner(self) -> Optional[Owner]:
        """The owner whose list has it: the app where there is one, else the data source."""
        return self._registry._owner(self._owners()[0])

    @property
    def data_source(self) -> Optional[DataSource]:
        """Its data source."""
        return self._registry._owner(self._owners()[1])  # type: ignore[return-value]

    @property
    def app(self) -> Union[App, Owner, None]:
        """Its app, or the owner of a host's kind in its place."""
        return self._registry._owner(self._owners()[2])

    @property
    def tenant(self) -> str:
        """The label of the partition that it lives in: ``global``, a tenant's code, ``ds_...`` or ``app_...``."""
        return text_of(native.model_tenant, self._handle)

    def unregister(self) -> None:
        """Takes it out of the registry."""
        do(native.model_unregister, self._handle)
        self._registry._keeper.drain()

    def move(
        self,
        *,
        data_source: Optional[Owner] = None,
        app: Optional[Owner] = None,
        tenant: Optional[str] = None,
    ) -> None:
        """Gives it other owners: the same handle and ``user_data``, at the end of the new owner's list.

        A model of its name that the new owner has is replaced. Without owners it moves to the tenant, by default to the
        current one. It counts as a registration.
        """
        from .owners import owner_handle

        code = tenant_for_call(tenant)
        do(
            native.model_move,
            self._handle,
            owner_handle(data_source, "data_source"),
            owner_handle(app, "app"),
            code,
            len(code),
        )
        self._registry._keeper.drain()

    def hold(self) -> HeldModel:
        """Holds it: until the hold is released its attributes can be read, whatever happens to the registry."""
        return HeldModel(self)

    def __eq__(self, other: object) -> bool:
        return self._handle == other._handle if isinstance(other, Model) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._handle)

    def __repr__(self) -> str:
        name = "" if self._name is None else f" {self._name!r}"
        return f"<modelreg.Model{name} {self._handle:#x}{'' if self.is_valid else ', stale'}>"


_new = object.__new__


class HeldModel(Unpicklable):
    """A hold of a model: a context manager, released at the end of the block, by :meth:`release`, or when collected.

    Each hold is one of the library's, so a model that is held twice stays held until both are released.
    """

    __slots__ = ("_model", "_held", "__weakref__")

    def __init__(self, model: Model) -> None:
        """Holds a model that is registered or held."""
        # Taking the last item of a list is one step: of two threads that release, one does.
        self._held: list[None] = []
        self._model = model
        do(native.model_hold, model._handle)
        self._held.append(None)

    def _handle(self) -> int:
        if not self._held:
            raise ValueError("the hold was released")
        return self._model._handle

    @property
    def model(self) -> Model:
        """The model."""
        return self._model

    @property
    def name(self) -> str:
        """Its name."""
        self._handle()
        return self._model.name

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings, as :attr:`Model.settings`."""
        return decode_json(text_of(native.model_settings, self._handle()))

    @property
    def schema(self) -> Optional[Schema]:
        """Its schema, if it has one."""
        handle = handle_of(native.model_schema, self._handle())
        return Schema._wrap(handle) if handle else None

    @property
    def user_data(self) -> Any:
        """The object that it was registered with."""
        return self._model._registry._keeper.thing(pointer_of(native.model_user_data, self._handle()))

    @property
    def registered_at(self) -> datetime:
        """When it was registered or last moved."""
        return time_of(native.model_registered_at, self._handle())

    def release(self, _unhold: Native = native.model_unhold) -> None:
        """Takes the hold back. Releasing twice does nothing."""
        try:
            self._held.pop()
        except IndexError:
            return
        _unhold(self._model._handle, None)
        self._model._registry._keeper.drain()

    def __enter__(self) -> HeldModel:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.release()

    def __del__(self) -> None:
        if getattr(self, "_held", None):
            self.release()

    def __repr__(self) -> str:
        return f"<modelreg.HeldModel of {self._model!r}{'' if self._held else ', released'}>"


class SnapshotModel(Unpicklable):
    """A model as a snapshot holds it: it is read by its position, so it stays readable when its handle is stale."""

    __slots__ = ("_snapshot", "_position")

    def __init__(self, snapshot: Snapshot, position: int) -> None:
        self._snapshot = snapshot
        self._position = position

    @property
    def position(self) -> int:
        """Its place in the snapshot."""
        return self._position

    @property
    def model(self) -> Model:
        """The model by its handle, which may be stale."""
        snapshot = self._snapshot
        return Model._wrap(snapshot._registry, snapshot.handles[self._position], self.name)

    @property
    def name(self) -> str:
        """Its name."""
        return text_of(native.snapshot_name, self._snapshot._handle, self._position)

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings, as :attr:`Model.settings`."""
        return decode_json(text_of(native.snapshot_settings, self._snapshot._handle, self._position))

    @property
    def schema(self) -> Optional[Schema]:
        """Its schema, if it has one."""
        handle = handle_of(native.snapshot_schema, self._snapshot._handle, self._position)
        return Schema._wrap(handle) if handle else None

    @property
    def user_data(self) -> Any:
        """The object that it was registered with."""
        snapshot = self._snapshot
        return snapshot._keeper.thing(pointer_of(native.snapshot_user_data, snapshot._handle, self._position))

    @property
    def registered_at(self) -> datetime:
        """When it was registered."""
        return time_of(native.snapshot_registered_at, self._snapshot._handle, self._position)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SnapshotModel):
            return NotImplemented
        return self._snapshot is other._snapshot and self._position == other._position

    def __hash__(self) -> int:
        return hash((id(self._snapshot), self._position))

    def __repr__(self) -> str:
        return f"<modelreg.SnapshotModel {self._position} of {self._snapshot!r}>"


class Snapshot(Sequence[SnapshotModel], Unpicklable):
    """Models at one moment, in order, each of them held: readable whatever happens to the owner and the registry.

    Freed at the end of a ``with`` block, by :meth:`free`, or when collected.
    """

    __slots__ = ("_registry", "_keeper", "_handle", "_handles", "_stamp", "__weakref__")

    _registry: Registry
    _keeper: Keeper
    _handle: int
    _handles: tuple[int, ...]
    _stamp: int

    def __init__(self) -> None:
        raise TypeError("snapshots come from Owner.hold_models, Owner.hold_models_on and Registry.hold_models")

    @staticmethod
    def _wrap(registry: Registry, handle: int) -> Snapshot:
        snapshot = Snapshot.__new__(Snapshot)
        snapshot._registry = registry
        snapshot._keeper = registry._keeper
        snapshot._handle = handle
        snapshot._handles = tuple(handles_of(native.snapshot_models, handle, more=1))
        scratch = take()
        if native.snapshot_models(handle, None, 0, scratch.p_count, scratch.p_stamp, scratch.p_error):
            raise failed(scratch)
        snapshot._stamp = scratch.stamp
        give(scratch)
        return snapshot

    @property
    def handle(self) -> int:
        """The library's handle; 0 when it was freed."""
        return self._handle

    @property
    def handles(self) -> tuple[int, ...]:
        """The handles of its models; those of models that are no longer registered are stale."""
        return self._handles

    @property
    def stamp(self) -> int:
        """A number that no other snapshot of that owner ever has; 0 for a snapshot of all models."""
        return self._stamp

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its models."""
        return tuple(text_of(native.snapshot_name, self._handle, position) for position in range(len(self._handles)))

    @property
    def models(self) -> tuple[Model, ...]:
        """Its models by their handles, which may be stale."""
        return tuple(Model._wrap(self._registry, handle, name) for handle, name in zip(self._handles, self.names))

    def __len__(self) -> int:
        return len(self._handles)

    @overload
    def __getitem__(self, position: int) -> SnapshotModel: ...

    @overload
    def __getitem__(self, position: slice) -> Sequence[SnapshotModel]: ...

    def __getitem__(self, position: Union[int, slice]) -> Union[SnapshotModel, Sequence[SnapshotModel]]:
        found = range(len(self._handles))[position]
        if isinstance(found, range):
            return [SnapshotModel(self, each) for each in found]
        return SnapshotModel(self, found)

    def __iter__(self) -> Iterator[SnapshotModel]:
        return (SnapshotModel(self, position) for position in range(len(self._handles)))

    def free(self, _free: Native = native.snapshot_free) -> None:
        """Gives it back: its models are held by it no more. Freeing twice does nothing."""
        handle, self._handle = self._handle, 0
        if handle:
            _free(handle, None)
            self._keeper.drain()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.free()

    def __del__(self) -> None:
        if getattr(self, "_handle", 0):
            self.free()

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<modelreg.Snapshot of {len(self._handles)} models{'' if self._handle else ', freed'}>"
