"""The registry."""

from __future__ import annotations

import os
from ctypes import addressof, create_string_buffer
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Iterable, Iterator, Optional, Union
from weakref import WeakValueDictionary

from . import _native as native
from . import application
from ._call import (
    TEXT_ROOM,
    Unpicklable,
    do,
    encode,
    encode_json,
    failed,
    give,
    handle_of,
    handles_of,
    milliseconds_of,
    number_of,
    take,
)
from ._keep import Keeper, releaser
from ._native import Native
from ._structs import FindOptions, ModelOptions, OwnerOptions, RegistryOptions, Text
from ._structs import Memory as NativeMemory
from ._structs import RegistryStats as NativeStats
from ._structs import TenantInfo as NativeTenantInfo
from .application import LoadReport
from .changes import Watcher
from .errors import ModelregError, StaleHandleError
from .models import Model, Snapshot
from .owners import KIND_APP, KIND_DATA_SOURCE, App, DataSource, Owner, kind_of, owner_handle
from .schema import Definition, Schema
from .sweeper import Sweeper
from .tenants import TenantInfo, tenant_for_call, tenant_for_search

_UNNAMED_CONNECTOR = 1
_MODEL_STRICT = 1
_FIND_STRICT = 1
_CLOCK_SYSTEM = (1 << 64) - 1

# The objects for registries that are alive. Handles never come back.
_registries: WeakValueDictionary[int, Registry] = WeakValueDictionary()


@dataclass(frozen=True)
class RegistryStats:
    """What a registry counts. The registry's counts begin anew at each clear; those of the cache go on."""

    #: Registrations, also those that replaced or moved a model.
    registered_total: int
    #: Models that were found by their structure.
    reused_total: int
    #: Distinct structures in each partition, summed over all partitions.
    unique_structures: int
    #: Partitions, without ``global``.
    tenants: int
    #: Models registered now.
    models: int
    #: Owners registered now.
    owners: int
    #: The generation: 1, and one more for each clear.
    generation: int
    #: Bytes of what is registered or held now.
    bytes_in_use: int
    #: Bytes of slots that were used once: they are reused, and never returned.
    bytes_reserved: int
    #: Lists that were answered from the library's cache; answers through the freshness words are not counted.
    cache_hits: int
    #: Lists that had to be built.
    cache_misses: int
    #: Built lists that a change made out of date.
    cache_invalidations: int
    #: Hits among hits and misses, from 0 to 1; 0 before the first question.
    cache_hit_rate: float


@dataclass(frozen=True)
class Memory:
    """What memory is used for, in bytes."""

    #: Of what is registered or held now, all kinds together: 0 after everything was let go and reclaimed.
    in_use: int
    #: Of slots that were used once: reused, and never returned.
    reserved: int
    #: Of models.
    models: int
    #: Of the indices by name and by structure.
    indices: int
    #: Of owners.
    owners: int
    #: Of lists.
    lists: int
    #: Of names.
    names: int
    #: Of schemas.
    schemas: int
    #: Of snapshots.
    snapshots: int
    #: Of tenants.
    tenants: int
    #: Of settings and other texts.
    texts: int


@dataclass(frozen=True)
class LeakReport:
    """What is still alive in a registry. False where nothing is."""

    #: How many things.
    count: int
    #: The library's report: a line for each owner, each registered or held model, each held snapshot.
    text: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of the report."""
        return tuple(self.text.splitlines())

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        return self.text


class Registry(Unpicklable):
    """One container of owners, models and tenants.

    ``with Registry() as registry: ...`` closes it at the end of the block; else it is closed by :meth:`close`, or when
    it is collected, which no owner, model, snapshot or watcher of it allows while it is alive. Every method may be
    called from any thread.

    ``user_data`` of owners and models is any object. It is kept alive as long as the library holds the owner or model,
    and let go of before the call returns that made it due.
    """

    _handle: int = 0
    _owned: bool = False

    def __init__(
        self,
        *,
        max_models: int = 0,
        max_owners: int = 0,
        reserved_tenants: Iterable[str] = (),
    ) -> None:
        """Makes a registry.

        :param max_models: the most models that may be registered at once; 0 for as many as there can be.
        :param max_owners: the same of owners.
        :param reserved_tenants: codes that stand for ``global``.
        """
        if isinstance(reserved_tenants, str):
            raise TypeError("reserved_tenants must be an iterable of codes, not one str")
        codes = list(reserved_tenants)
        options = RegistryOptions()
        options.max_models = _u32(max_models, "max_models")
        options.max_owners = _u32(max_owners, "max_owners")
        texts = (Text * len(codes))()
        for text, code in zip(texts, codes):
            text.set(encode(code, "reserved tenant"))
        if codes:
            options.reserved_tenants = addressof(texts)
            options.reserved_tenant_count = len(codes)
        keeper = Keeper(with_queue=True)
        options.release_queue = keeper.queue
        self._begin(handle_of(native.registry_create, addressof(options)), keeper)
        self._owned = True

    def _begin(self, handle: int, keeper: Keeper) -> None:
        self._handle = handle
        self._keeper = keeper
        _registries[handle] = self
        # One object for an owner while there is one, so that its cached lists are of use to everyone.
        self._owners: WeakValueDictionary[int, Owner] = WeakValueDictionary()

    @classmethod
    def default(cls) -> Registry:
        """The process-wide registry, made on first use, which other languages in the process share.

        It can be cleared and not closed. As its creator is not this package it cannot say when something is due: its
        owners and models take no ``user_data`` from Python.
        """
        return cls.from_handle(handle_of(native.registry_default))

    @classmethod
    def from_handle(cls, handle: int) -> Registry:
        """A registry by its handle.

        One that this package made is the same object. One that somebody else made is not closed by this object's end,
        and like :meth:`default` takes no ``user_data`` from Python.
        """
        # A wrong handle is said here and not later.
        handle_of(native.registry_generation, handle)
        known = _registries.get(handle)
        if known is not None:
            return known
        registry = cls.__new__(cls)
        registry._begin(handle, Keeper(with_queue=False))
        return registry

    # ---- its own life

    @property
    def handle(self) -> int:
        """The library's handle, for other code in the process that uses the library."""
        return self._handle

    def close(self) -> None:
        """Closes it: all of its handles are stale. Held snapshots and held models outlive it. Closing twice is fine."""
        try:
            do(native.registry_destroy, self._handle)
        except StaleHandleError:
            pass
        self._owned = False
        self._keeper.drain()
        releaser.remove(self._keeper)

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._owned:
            self.close()

    def __del__(self, _destroy: Native = native.registry_destroy) -> None:
        if self._owned:
            self._owned = False
            _destroy(self._handle, None)
            self._keeper.drain()

    @property
    def is_valid(self) -> bool:
        """Whether it is not closed."""
        try:
            return self.generation > 0
        except ModelregError:
            return False

    def clear(self) -> None:
        """Forgets every model and every tenant at once. Owners stay registered and usable."""
        do(native.registry_clear, self._handle)
        self._keeper.drain()

    def reclaim(self) -> None:
        """Takes back at once the memory of what was let go, which later changes otherwise take back in steps."""
        do(native.registry_reclaim, self._handle)
        self._keeper.drain()

    def set_clock(self, milliseconds: Optional[int]) -> None:
        """For tests: its monotonic clock stands at this number until it is set anew; ``None`` lets it go on."""
        do(native.registry_set_clock, self._handle, _CLOCK_SYSTEM if milliseconds is None else milliseconds)

    # ---- owners

    def data_source(
        self,
        name: str = "",
        *,
        connector: Optional[str] = None,
        host: str = "",
        port: Union[str, int] = "",
        database: str = "",
        url: str = "",
        user_data: Any = None,
    ) -> DataSource:
        """Registers a data source; those of equal connector, host, port and database share one partition.

        :param name: for people; may be empty, and need not be unique.
        :param connector: ``None`` for no connector, ``""`` for one without a name.
        :param host: empty for ``localhost``.
        :param port: may be empty.
        :param database: where it is empty, the last path segment of ``url``, else ``default``.
        :param url: only used for the database.
        :param user_data: any object.
        """
        options = OwnerOptions()
        options.kind = KIND_DATA_SOURCE
        if connector == "":
            options.flags = _UNNAMED_CONNECTOR
        elif connector is not None:
            options.connector.set(encode(connector, "connector"))
        if host:
            options.host.set(encode(host, "host"))
        if port != "":
            options.port.set(str(port).encode("utf-8", "surrogatepass"))
        if database:
            options.database.set(encode(database, "database"))
        if url:
            options.url.set(encode(url, "url"))
        return self._create(options, name, user_data)  # type: ignore[return-value]

    def app(self, name: str = "", *, user_data: Any = None) -> App:
        """Registers an app."""
        options = OwnerOptions()
        options.kind = KIND_APP
        return self._create(options, name, user_data)  # type: ignore[return-value]

    def owner(self, kind: Union[int, str], name: str = "", *, user_data: Any = None) -> Owner:
        """Registers an owner of a kind of the host's own, by the kind's name or number; it acts as an app does."""
        options = OwnerOptions()
        options.kind = _u32(self.kind(kind) if isinstance(kind, str) else kind, "kind")
        return self._create(options, name, user_data)

    def kind(self, name: str) -> int:
        """The number of a kind of the host's own, 1000 or more; the first call for a name registers it.

        :raises InvalidNameError: for the library's own ``ds``, ``app`` and ``global``.
        """
        raw = encode(name)
        return number_of(native.owner_kind_register, self._handle, raw, len(raw))

    def _create(self, options: OwnerOptions, name: str, user_data: Any) -> Owner:
        if name:
            options.name.set(encode(name))
        handle = self._hand_over(native.owner_create, options, user_data)
        owner = Owner._wrap(self, handle, options.kind, name)
        self._owners[handle] = owner
        return owner

    def _hand_over(self, function: Native, options: Union[OwnerOptions, ModelOptions], user_data: Any) -> int:
        """Makes an owner or a model that the library keeps an object for."""
        keeper = self._keeper
        number = keeper.number(user_data)
        scratch = take()
        # That it is not 0 says that the library has it, whatever came between: it is written by the call itself.
        scratch.handle = 0
        try:
            if number is not None:
                options.user_data = number
                keeper.alive[number] = user_data
            if function(self._handle, addressof(options), scratch.p_handle, scratch.p_error):
                # (An exception in a variable would make a cycle with this frame, and keep the object.)
                if number is not None:
                    keeper.refused(number)
                    number = None
                raise failed(scratch)
            handle: int = scratch.handle
        except BaseException:
            # A signal came before the call was made.
            if number is not None and not scratch.handle:
                keeper.refused(number)
            raise
        give(scratch)
        return handle

    def _owner(self, handle: int) -> Optional[Owner]:
        """The object for an owner's handle."""
        if not handle:
            return None
        owner = self._owners.get(handle)
        if owner is None:
            owner = self._owners.setdefault(handle, Owner._wrap(self, handle, kind_of(handle)))
        return owner

    def _owner_of_change(self, handle: int, name: Optional[str]) -> Optional[Owner]:
        """The same for an owner that may be gone, whose kind cannot be found out then."""
        try:
            return self._owner(handle)
        except ModelregError:
            return Owner._wrap(self, handle, 0, name)

    # ---- models

    def register(
        self,
        name: str,
        schema: Union[Schema, Definition, None] = None,
        *,
        data_source: Optional[Owner] = None,
        app: Optional[Owner] = None,
        tenant: Optional[str] = None,
        settings: Optional[Definition] = None,
        user_data: Any = None,
        strict: bool = False,
        marks: int = 0,
    ) -> Model:
        """Registers a model.

        With an app (or an owner of a host's kind) that one owns it; else the data source does; else nobody, and it
        lives in a tenant. Where the owner already has a model of that name, the new one takes its place in the list.

        :param name: not empty, without control characters.
        :param schema: a :class:`Schema`, or a definition to parse.
        :param data_source: where it lives.
        :param app: who owns it.
        :param tenant: the tenant's code; ``None`` for the current one, ``""`` for ``global``; ignored beside an owner.
        :param settings: the text of a JSON object, or what :mod:`json` makes one of.
        :param user_data: any object, alive as long as anything holds the model.
        :param strict: it is strict whatever its settings say.
        :param marks: bits of the host's own, by which :meth:`find_by_structure` can pass it over.
        """
        raw = encode(name)
        options = ModelOptions()
        options.name.set(raw)
        if data_source is not None:
            options.data_source = owner_handle(data_source, "data_source")
        if app is not None:
            options.app = owner_handle(app, "app")
        if data_source is None and app is None:
            options.tenant.set(tenant_for_call(tenant))
        if settings is not None:
            options.settings.set(encode_json(settings))
        if strict:
            options.flags = _MODEL_STRICT
        if marks:
            options.marks = _u32(marks, "marks")
        parsed: Optional[Schema] = None
        if schema is not None:
            if not isinstance(schema, Schema):
                schema = parsed = Schema(schema, default_name=name)
            options.schema = schema._handle
        handle = self._hand_over(native.model_register, options, user_data)
        if parsed is not None:
            parsed.close()
        self._keeper.drain()
        return Model._wrap(self, handle, name)

    def _model(self, handle: int, name: Optional[str] = None) -> Optional[Model]:
        if self._keeper.swept:
            self._keeper.drain()
        return Model._wrap(self, handle, name) if handle else None

    def find_by_name(self, name: str, tenant: Optional[str] = None) -> Optional[Model]:
        """The newest model of a name: in ``global``, else in the first tenant that has one; or in one tenant alone."""
        raw = encode(name)
        if tenant is None:
            return self._model(handle_of(native.registry_find_model, self._handle, raw, len(raw)), name)
        code = encode(tenant, "tenant")
        return self._model(handle_of(native.tenant_find_model, self._handle, code, len(code), raw, len(raw)), name)

    def find_by_structure(
        self,
        schema: Union[Schema, Definition],
        *,
        strict: bool = False,
        tenant: Optional[str] = None,
        pass_over: int = 0,
        pass_over_outside_global: int = 0,
    ) -> Optional[Model]:
        """The newest model whose properties have the same structure.

        With a tenant it looks in ``global``, then in that tenant's partition; without one in ``global``, then in all
        partitions in the order they came to be.

        :param schema: a :class:`Schema`, or a definition to parse.
        :param strict: whether the asker is strict: a model whose strictness differs is passed over.
        :param tenant: ``None`` for the current one, ``""`` for none.
        :param pass_over: a model with one of these marks is passed over.
        :param pass_over_outside_global: the same, but not in ``global``.
        """
        parsed: Optional[Schema] = None
        if not isinstance(schema, Schema):
            schema = parsed = Schema(schema, default_name="Anonymous")
        options = FindOptions()
        options.schema = schema._handle
        code = tenant_for_search(tenant)
        if code:
            options.tenant.set(code)
        options.flags = _FIND_STRICT if strict else 0
        options.pass_over = _u32(pass_over, "pass_over")
        options.pass_over_outside_global = _u32(pass_over_outside_global, "pass_over_outside_global")
        handle = handle_of(native.registry_find_structure, self._handle, addressof(options))
        if parsed is not None:
            parsed.close()
        return self._model(handle)

    def all_models(self) -> tuple[Model, ...]:
        """Every model outside ``global``, by partition in the order the partitions came to be."""
        return tuple(Model._wrap(self, handle) for handle in handles_of(native.registry_models, self._handle))

    def hold_models(self) -> Snapshot:
        """Holds every model outside ``global`` as a snapshot."""
        return Snapshot._wrap(self, handle_of(native.registry_hold_models, self._handle))

    # ---- tenants

    def tenant(self, code: str = "") -> Optional[TenantInfo]:
        """What is known of a tenant by its code, or of any partition by its label; ``None`` where there is none.

        Empty means ``global``.
        """
        raw = encode(code, "code")
        info = NativeTenantInfo()
        do(native.tenant_get_info, self._handle, raw, len(raw), addressof(info))
        return TenantInfo._of(info) if info.exists else None

    def tenants(self) -> Iterator[TenantInfo]:
        """Goes through all tenants but ``global``, in the order they came to be."""
        number = 0
        while True:
            info = NativeTenantInfo()
            do(native.tenant_next, self._handle, number, addressof(info))
            if not info.exists:
                return
            number = info.number
            yield TenantInfo._of(info)

    def tenant_models(self, code: str = "") -> tuple[Model, ...]:
        """A tenant's models in the order of registration; empty means ``global``."""
        raw = encode(code, "code")
        return tuple(
            Model._wrap(self, handle) for handle in handles_of(native.tenant_models, self._handle, raw, len(raw))
        )

    def drop_tenant(self, code: str, owner: Optional[Owner] = None) -> int:
        """Drops a tenant with all that is in it; how many distinct names went.

        With an owner, that owner leaves it with its models, and the tenant goes when it was the last (else 0). An
        unknown, empty or reserved code: 0. ``global`` is emptied.
        """
        raw = encode(code, "code")
        dropped = handle_of(native.tenant_drop, self._handle, raw, len(raw), owner_handle(owner, "owner"))
        self._keeper.drain()
        return dropped

    def drop_idle(self, max_idle: Union[float, timedelta] = 1800.0) -> int:
        """Drops every tenant but ``global`` that was idle for so many seconds or longer (0: all); how many went."""
        dropped = handle_of(native.tenant_drop_idle, self._handle, milliseconds_of(max_idle, "max_idle"))
        self._keeper.drain()
        return dropped

    def touch(self, code: str) -> None:
        """Counts as use of a tenant; does nothing where there is none."""
        raw = encode(code, "code")
        do(native.tenant_touch, self._handle, raw, len(raw))

    @property
    def sweeper(self) -> Sweeper:
        """Its sweeper, which drops idle tenants by itself once it is started."""
        return Sweeper(self)

    # ---- loading

    def load(
        self,
        directory: Union[str, os.PathLike[str]],
        *,
        environment: str = "",
        all_or_nothing: bool = False,
        app: Union[bool, str] = True,
        tenant: Optional[str] = None,
    ) -> LoadReport:
        """Loads a LoopBack application: the directory with ``datasources.json``, ``model-config.json`` and ``models``.

        :param directory: the directory.
        :param environment: its files ``<file>.<environment>.json`` are merged.
        :param all_or_nothing: change nothing where any problem is found.
        :param app: a name for the application's owner, ``True`` for the directory's, ``False`` for no such owner.
        :param tenant: for models that have neither a data source nor the app; as in :meth:`register`.
        :raises LoadRefusedError: with its report, where all or nothing was asked for and a problem was found.
        :raises FileError, NothingToLoadError: see their descriptions.
        """
        return application.load(self, directory, environment, all_or_nothing, app, tenant)

    # ---- what it knows of itself

    @property
    def generation(self) -> int:
        """1 for a new registry, and one more for each clear."""
        return handle_of(native.registry_generation, self._handle)

    def stats(self) -> RegistryStats:
        """What it counts."""
        stats = NativeStats()
        do(native.registry_get_stats, self._handle, addressof(stats))
        return RegistryStats(*(getattr(stats, name) for name in RegistryStats.__dataclass_fields__))

    def memory(self) -> Memory:
        """What memory is used for."""
        memory = NativeMemory()
        do(native.registry_get_memory, self._handle, addressof(memory))
        return Memory(*(getattr(memory, name) for name in Memory.__dataclass_fields__))

    def watch(self, capacity: int = 0) -> Watcher:
        """Follows its changes from now on; 0 for room for 1024 of them."""
        return Watcher(self, capacity)

    def leak_report(self) -> LeakReport:
        """What is still alive in it, for a test's last line."""
        room = TEXT_ROOM
        while True:
            text = create_string_buffer(room)
            scratch = take()
            if native.registry_leak_report(
                self._handle, addressof(text), room, scratch.p_length, scratch.p_count, scratch.p_error
            ):
                raise failed(scratch)
            length, count = scratch.length, scratch.count
            give(scratch)
            if length < room:
                return LeakReport(count, text.raw[:length].decode("utf-8"))
            room = length + 1024

    def __eq__(self, other: object) -> bool:
        return self._handle == other._handle if isinstance(other, Registry) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._handle)

    def __repr__(self) -> str:
        return f"<modelreg.Registry {self._handle:#x}{'' if self.is_valid else ', closed'}>"


def _u32(value: int, what: str) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{what} must be an int, not {type(value).__name__}")
    if not 0 <= value < 1 << 32:
        raise ValueError(f"{what} must be from 0 to 4294967295")
    return value
