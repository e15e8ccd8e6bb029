"""Owners, and their models as mappings that are cached by the freshness words."""

from __future__ import annotations

from collections.abc import ItemsView, KeysView, ValuesView
from ctypes import addressof, c_uint64, c_void_p, create_string_buffer, sizeof
from types import TracebackType
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Optional, TypeVar, Union

from . import _native as native
from ._call import (
    HANDLE_ROOM,
    TEXT_ROOM,
    Unpicklable,
    do,
    failed,
    give,
    handle_of,
    number_of,
    pointer_of,
    take,
    text_of,
)
from .errors import StaleHandleError
from .models import Model, Snapshot
from .schema import Definition, Schema

if TYPE_CHECKING:
    from .registry import Registry

#: Asks for an owner of any kind.
KIND_ANY = 0
#: A data source.
KIND_DATA_SOURCE = 1
#: An app.
KIND_APP = 2

# How often a list is asked for again because it changed between the question for the names and that for the handles.
_TRIES = 8
# On a machine of 32 bits a word is read in two halves, which may be of two values: there every question is a call.
_WORDS = sizeof(c_void_p) == 8


class _List:
    """An owner's models at one moment. What is made on demand goes into dicts, whose ``setdefault`` is one step: every
    answer is the same object, whichever thread asks."""

    __slots__ = ("owner_word", "registry_word", "stamp", "names", "handles", "found", "all")

    def __init__(
        self, owner_word: int, registry_word: int, stamp: int, names: tuple[str, ...], handles: dict[str, int]
    ) -> None:
        self.owner_word = owner_word
        self.registry_word = registry_word
        self.stamp = stamp
        self.names = names
        self.handles = handles
        self.found: dict[str, Model] = {}
        self.all: dict[int, tuple[Model, ...]] = {}


class Models(Mapping[str, Model], Unpicklable):
    """The models that an owner has, by name, in the order of registration: always as they are now.

    What was answered is kept beside the two freshness words that came with it. A question first reads both words, which
    the library changes in place, without calling it; while they are the same, the answer is the same object as before.

    (No barrier is needed. Each word is aligned and read by one load. What it guards was made by this process's Python
    and handed between threads by Python's own locks. A thread that learnt of a change from another thread, through any
    lock or queue, reads the changed word; one that did not cannot tell the answer of before from a question asked
    before.)

    Questions raise :class:`~modelreg.errors.StaleHandleError` when the owner was released.
    """

    __slots__ = ("_registry", "_owner", "_kind", "_on", "_cache", "_by_stamp", "_word", "_registry_word", "__weakref__")

    def __init__(self, owner: Owner, kind: int = KIND_ANY, on: bool = False) -> None:
        self._registry = owner._registry
        self._owner = owner._handle
        self._kind = kind
        self._on = on
        # Words that do not fit, so that the first question asks.
        self._word = self._registry_word = c_uint64(0)
        self._cache = _List(1, 1, 0, (), {})
        self._by_stamp: dict[int, _List] = {}

    def _now(self) -> _List:
        known = self._cache
        if self._word.value == known.owner_word and self._registry_word.value == known.registry_word:
            return known
        return self._ask()

    def _ask(self) -> _List:
        """Asks the library, and keeps the answer."""
        if self._registry._keeper.swept:
            self._registry._keeper.drain()
        if _WORDS and not self._word.value:
            scratch = take()
            if native.owner_freshness_words(self._owner, scratch.p_pointer, scratch.p_pointer2, scratch.p_error):
                raise failed(scratch)
            # They may be read as long as the process lives.
            self._registry_word = c_uint64.from_address(scratch.pointer2)
            self._word = c_uint64.from_address(scratch.pointer)
            give(scratch)
        answer = None if self._on else self._ask_twice()
        if answer is None:
            answer = self._ask_by_snapshot()
        # A word may change without the answer changing, and another thread may have been first: the same stamp is the
        # same answer, down to its objects.
        stamp = answer.stamp
        first = self._by_stamp.setdefault(stamp, answer)
        answer.names, answer.handles, answer.found, answer.all = first.names, first.handles, first.found, first.all
        if len(self._by_stamp) > 1:
            # Stamps grow. One that a slower thread still asks for may be left behind; it goes with the next.
            for old in [each for each in list(self._by_stamp) if each < stamp]:
                self._by_stamp.pop(old, None)
        self._cache = answer
        return answer

    def _ask_twice(self) -> Optional[_List]:
        """Names and handles by two questions, whose stamps say whether they are of one moment."""
        scratch = take()
        for _ in range(_TRIES):
            if native.owner_names(
                self._owner,
                self._kind,
                scratch.p_text,
                TEXT_ROOM,
                scratch.p_length,
                scratch.p_count,
                scratch.p_stamp,
                scratch.p_error,
            ) or native.owner_models(
                self._owner,
                self._kind,
                scratch.p_handles,
                HANDLE_ROOM,
                scratch.p_count,
                scratch.p_stamp2,
                scratch.p_error,
            ):
                raise failed(scratch)
            length, count = scratch.length, scratch.count
            if length <= TEXT_ROOM:
                raw = scratch.text_bytes[:length].tobytes()
            else:
                text = create_string_buffer(length)
                if native.owner_names(
                    self._owner,
                    self._kind,
                    addressof(text),
                    length,
                    scratch.p_length,
                    scratch.p_count,
                    scratch.p_stamp,
                    scratch.p_error,
                ):
                    raise failed(scratch)
                if scratch.length != length:
                    continue
                raw = text.raw
            if count <= HANDLE_ROOM:
                handles = scratch.handles[:count]
            else:
                array = (c_uint64 * count)()
                if native.owner_models(
                    self._owner,
                    self._kind,
                    addressof(array),
                    count,
                    scratch.p_count,
                    scratch.p_stamp2,
                    scratch.p_error,
                ):
                    raise failed(scratch)
                if scratch.count != count:
                    continue
                handles = array[:]
            stamp, owner_word, registry_word = scratch.stamp, scratch.stamp_owner, scratch.stamp_registry
            if (
                stamp == scratch.stamp2
                and owner_word == scratch.stamp2_owner
                and registry_word == scratch.stamp2_registry
            ):
                give(scratch)
                names = tuple(raw.decode("utf-8").split("\0")[:-1])
                return _List(owner_word, registry_word, stamp, names, dict(zip(names, handles)))
        give(scratch)
        return None

    def _ask_by_snapshot(self) -> _List:
        """A held snapshot is of one moment whatever happens meanwhile; it costs a call for each name."""
        function = native.owner_hold_models_on if self._on else native.owner_hold_models
        with Snapshot._wrap(self._registry, handle_of(function, self._owner, self._kind)) as snapshot:
            scratch = take()
            if native.snapshot_models(snapshot._handle, None, 0, scratch.p_count, scratch.p_stamp, scratch.p_error):
                raise failed(scratch)
            words = scratch.stamp_owner, scratch.stamp_registry, scratch.stamp
            give(scratch)
            names = snapshot.names
            handles = snapshot.handles
        # ``models_on`` may have two models of one name, one that the data source owns and one that an app does: the
        # mapping has the first, and as_tuple() all.
        answer = _List(*words, names, {})
        for name, handle in zip(names, handles):
            answer.handles.setdefault(name, handle)
        if len(answer.handles) != len(names):
            answer.all[0] = tuple(Model._wrap(self._registry, handle, name) for name, handle in zip(names, handles))
        return answer

    def __getitem__(self, name: str) -> Model:
        known = self._cache
        if self._word.value != known.owner_word or self._registry_word.value != known.registry_word:
            known = self._ask()
        model = known.found.get(name)
        if model is None:
            handle = known.handles[name]
            # Of two threads that make it, both get the one that was first.
            model = known.found.setdefault(name, Model._wrap(self._registry, handle, name))
        return model

    def __contains__(self, name: object) -> bool:
        known = self._cache
        if self._word.value != known.owner_word or self._registry_word.value != known.registry_word:
            known = self._ask()
        return name in known.handles

    def __iter__(self) -> Iterator[str]:
        return iter(self._now().handles)

    def __len__(self) -> int:
        known = self._cache
        if self._word.value != known.owner_word or self._registry_word.value != known.registry_word:
            known = self._ask()
        return len(known.handles)

    def keys(self) -> KeysView[str]:
        """The names; iterating goes through one list, whatever changes meanwhile."""
        return KeysView(self)

    def values(self) -> ValuesView[Model]:
        """The models; iterating goes through one list, whatever changes meanwhile."""
        return _Values(self)

    def items(self) -> ItemsView[str, Model]:
        """Names and models; iterating goes through one list, whatever changes meanwhile."""
        return _Items(self)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order of registration: the identical tuple while nothing changed."""
        known = self._cache
        if self._word.value != known.owner_word or self._registry_word.value != known.registry_word:
            known = self._ask()
        return known.names

    def as_tuple(self) -> tuple[Model, ...]:
        """The models in the order of registration: the identical tuple while nothing changed."""
        known = self._cache
        if self._word.value != known.owner_word or self._registry_word.value != known.registry_word:
            known = self._ask()
        models = known.all.get(0)
        if models is None:
            wrap, found = Model._wrap, known.found
            models = known.all.setdefault(
                0,
                tuple(
                    found.get(name) or found.setdefault(name, wrap(self._registry, handle, name))
                    for name, handle in known.handles.items()
                ),
            )
        return models

    @property
    def stamp(self) -> int:
        """The number of the snapshot that the answer is: no other snapshot of that owner ever has it."""
        return self._now().stamp

    def __repr__(self) -> str:
        try:
            return f"<modelreg.Models: {', '.join(map(repr, self.names))}>"
        except StaleHandleError:
            return "<modelreg.Models of an owner that is gone>"


class _Values(ValuesView[Model]):
    def __init__(self, models: Models) -> None:
        super().__init__(models)
        self._models = models

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.as_tuple())

    def __contains__(self, model: object) -> bool:
        return model in self._models.as_tuple()


class _Items(ItemsView[str, Model]):
    def __init__(self, models: Models) -> None:
        super().__init__(models)
        self._models = models

    def __iter__(self) -> Iterator[tuple[str, Model]]:
        known = self._models._now()
        wrap, registry, found = Model._wrap, self._models._registry, known.found
        for name, handle in known.handles.items():
            yield name, found.get(name) or found.setdefault(name, wrap(registry, handle, name))


_Own = TypeVar("_Own", bound="Owner")


class Owner(Unpicklable):
    """Something that owns models: a :class:`DataSource`, an :class:`App`, or of a kind of the host's own.

    A context manager that releases it. An owner is not released when the object is collected: others may have its
    handle. Two objects for one owner are equal and have the same hash; while one is alive a registry gives it again.
    """

    __slots__ = ("_registry", "_handle", "_kind", "_name", "_models", "_models_on", "_views", "__weakref__")

    _registry: Registry
    _handle: int
    _kind: int
    _name: Optional[str]
    _models: Optional[Models]
    _models_on: Optional[Models]
    # Where views are made once, whichever thread asks first: a dict's ``setdefault`` is one step.
    _views: dict[str, Models]

    def __init__(self) -> None:
        raise TypeError("owners come from Registry.data_source, Registry.app and Registry.owner")

    @staticmethod
    def _wrap(registry: Registry, handle: int, kind: int, name: Optional[str] = None) -> Owner:
        owner = object.__new__(_CLASSES.get(kind, Owner))
        owner._registry = registry
        owner._handle = handle
        owner._kind = kind
        owner._name = name
        owner._models = None
        owner._models_on = None
        owner._views = {}
        return owner

    @property
    def handle(self) -> int:
        """The library's handle."""
        return self._handle

    @property
    def registry(self) -> Registry:
        """Its registry."""
        return self._registry

    @property
    def kind(self) -> int:
        """:data:`KIND_DATA_SOURCE`, :data:`KIND_APP`, or a number of :meth:`Registry.kind`."""
        return self._kind

    @property
    def is_valid(self) -> bool:
        """Whether it is registered."""
        return native.owner_is_valid(self._handle)

    @property
    def name(self) -> str:
        """The name for people that it was registered with."""
        name = self._name
        if name is None:
            name = self._name = text_of(native.owner_name, self._handle)
        return name

    @property
    def tenant(self) -> str:
        """The label of the partition that its models live in, such as ``ds_mysql_1a2b3c4d`` or ``app_1``."""
        return text_of(native.owner_tenant, self._handle)

    @property
    def user_data(self) -> Any:
        """The object that it was registered with; ``None`` where there was none."""
        return self._registry._keeper.thing(pointer_of(native.owner_user_data, self._handle))

    @property
    def models(self) -> Models:
        """Its models by name."""
        models = self._models
        if models is None:
            models = self._models = self._views.setdefault("owned", Models(self))
        return models

    @property
    def models_on(self) -> Models:
        """The models whose data source it is, also those that an app owns; an app has none on it."""
        models = self._models_on
        if models is None:
            models = self._models_on = self._views.setdefault("on", Models(self, on=True))
        return models

    def models_as(self, kind: int) -> Models:
        """Its models, asked for as an owner of a kind: none where it is of another one."""
        return Models(self, kind)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its models in the order of registration: the identical tuple while nothing changed."""
        return self.models._now().names

    def hold_models(self) -> Snapshot:
        """Holds its models as a snapshot."""
        return Snapshot._wrap(self._registry, handle_of(native.owner_hold_models, self._handle, KIND_ANY))

    def hold_models_on(self) -> Snapshot:
        """Holds the models whose data source it is as a snapshot."""
        return Snapshot._wrap(self._registry, handle_of(native.owner_hold_models_on, self._handle, KIND_ANY))

    def register(
        self,
        name: str,
        schema: Union[Schema, Definition, None] = None,
        *,
        data_source: Optional[DataSource] = None,
        settings: Optional[Definition] = None,
        user_data: Any = None,
        strict: bool = False,
        marks: int = 0,
    ) -> Model:
        """Registers a model that it owns, see :meth:`Registry.register`; with a data source beside, it lives there."""
        return self._registry.register(
            name,
            schema,
            data_source=data_source,
            app=self,
            settings=settings,
            user_data=user_data,
            strict=strict,
            marks=marks,
        )

    def invalidate(self) -> None:
        """Marks its cached lists alone as out of date: the next question builds a new snapshot."""
        do(native.owner_invalidate, self._handle)

    def touch(self) -> None:
        """Counts as use of its partition, for hosts that live on cached answers, which do not."""
        do(native.owner_touch, self._handle)

    def release(self) -> None:
        """Releases it: its models go, and with the last owner of its configuration their partition."""
        do(native.owner_release, self._handle)
        self._registry._keeper.drain()

    def __enter__(self: _Own) -> _Own:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            self.release()
        except StaleHandleError:
            # Released in the block, or its registry closed.
            self._registry._keeper.drain()

    def __eq__(self, other: object) -> bool:
        return self._handle == other._handle if isinstance(other, Owner) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._handle)

    def __repr__(self) -> str:
        name = "" if self._name is None else f" {self._name!r}"
        return f"<modelreg.{type(self).__name__}{name} {self._handle:#x}{'' if self.is_valid else ', released'}>"


class DataSource(Owner):
    """A data source. Those of equal configuration share one partition."""

    __slots__ = ()

    def register(
        self,
        name: str,
        schema: Union[Schema, Definition, None] = None,
        *,
        data_source: Optional[DataSource] = None,
        app: Optional[Owner] = None,
        settings: Optional[Definition] = None,
        user_data: Any = None,
        strict: bool = False,
        marks: int = 0,
    ) -> Model:
        """Registers a model on it; see :meth:`Registry.register`. With an app beside, that one owns it."""
        if data_source is not None and data_source != self:
            raise ValueError("a model has at most one data source")
        return self._registry.register(
            name,
            schema,
            data_source=self,
            app=app,
            settings=settings,
            user_data=user_data,
            strict=strict,
            marks=marks,
        )


class App(Owner):
    """An app."""

    __slots__ = ()


_CLASSES: dict[int, type[Owner]] = {KIND_DATA_SOURCE: DataSource, KIND_APP: App}


def kind_of(handle: int) -> int:
    """The kind of an owner."""
    return number_of(native.owner_kind, handle)


def owner_handle(owner: Optional[Owner], what: str) -> int:
    """The handle of an owner that was handed in; 0 for ``None``."""
    if owner is None:
        return 0
    if not isinstance(owner, Owner):
        raise TypeError(f"{what} must be an owner, not {type(owner).__name__}")
    return owner._handle
