"""Schemas: parsed model definitions, and schemas that are built property by property."""

from __future__ import annotations

from ctypes import addressof, c_uint64
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Any, Iterable, Mapping, Optional, Union

from . import _native as native
from ._call import (
    Unpicklable,
    decode_json,
    do,
    encode,
    encode_json,
    failed,
    flag_of,
    give,
    handle_of,
    number_of,
    take,
    text_of,
)
from ._native import Native
from ._structs import SchemaInfo as NativeSchemaInfo
from ._structs import SchemaOptions

#: What a definition may be given as: the text of a JSON object, or what :mod:`json` makes one of.
Definition = Union[str, bytes, Mapping[str, Any]]

# A text of this many bytes takes so long to parse that other threads should run meanwhile.
_LONG = 32 * 1024


class StructureKind(IntEnum):
    """What a structure is."""

    #: No nested object and no array.
    SIMPLE = 0
    #: Some nested object or array.
    COMPLEX = 1
    #: An array.
    ARRAY = 2
    #: Not an object.
    INVALID = 3


@dataclass(frozen=True)
class Property:
    """A property of a schema."""

    #: The name.
    name: str
    #: The type in short form: ``string``, ``Order``, ``[string]``, ``{street: string, zip: string}``.
    type: str
    #: Everything beside the type.
    attributes: Mapping[str, Any]
    #: Whether it is inherited from a base.
    inherited: bool
    #: Whether it is an id, or part of one.
    id: bool
    #: Whether it is required.
    required: bool


@dataclass(frozen=True)
class SchemaInfo:
    """What is known of a schema."""

    #: All properties, own and inherited ones.
    properties: int
    #: Own properties.
    own: int
    #: Inherited properties.
    inherited: int
    #: Members of the definition's own ``properties``, equal names once.
    declared: int
    #: Members that are ``false`` or ``null``, which hide an inherited property.
    hidden: int
    #: Properties inside anonymous types of own properties, at every level.
    nested: int
    #: What the structure is.
    structure_kind: StructureKind
    #: 0 for flat properties, one more for each nesting.
    structure_depth: int
    #: Whether the setting ``strict``, own or inherited, is exactly ``true``.
    strict: bool
    #: Whether an id is injected into a model that declares none.
    id_injection: bool
    #: Whether the model has a structure to be found by.
    has_structure: bool
    #: 128 bits of a hash of the structure.
    fingerprint: bytes


class Schema(Unpicklable):
    """A parsed schema. It never changes, belongs to no registry, and may be used by many models.

    Its handle is given back when the object is closed, left as a context manager, or collected.
    """

    __slots__ = ("_handle", "__weakref__")

    _handle: int

    def __init__(self, definition: Definition, *, default_name: str = "", bases: Iterable[Schema] = ()) -> None:
        """Parses a LoopBack model definition.

        :param definition: the text of a JSON object, or what :mod:`json` makes one of.
        :param default_name: the name of a model whose definition has none.
        :param bases: schemas among which the base is looked for by its name, before LoopBack's built-in models.
        :raises JsonError, SchemaError: with line, column and the property's name.
        :raises UnknownBaseError, TooDeepError, InvalidNameError: see their descriptions.
        """
        self._handle = 0
        if not isinstance(definition, (str, bytes, Mapping)):
            raise TypeError(f"a definition must be a str, bytes or a mapping, not {type(definition).__name__}")
        text = encode_json(dict(definition) if isinstance(definition, Mapping) else definition)
        options = SchemaOptions()
        options.default_name.set(encode(default_name, "default_name"))
        handles = [_handle_of(base) for base in bases]
        array = (c_uint64 * len(handles))(*handles)
        if handles:
            options.bases = addressof(array)
            options.base_count = len(handles)
        parse = native.schema_parse if len(text) < _LONG else native.schema_parse_long
        self._handle = handle_of(parse, text, len(text), addressof(options))

    @classmethod
    def _wrap(cls, handle: int) -> Schema:
        schema = cls.__new__(cls)
        schema._handle = handle
        return schema

    @classmethod
    def builtin(cls, name: str) -> Optional[Schema]:
        """The schema of one of LoopBack's built-in models, such as ``User``; ``None`` for any other name."""
        raw = encode(name)
        handle = handle_of(native.schema_builtin, raw, len(raw))
        return cls._wrap(handle) if handle else None

    @property
    def handle(self) -> int:
        """The library's handle; 0 when it was closed."""
        return self._handle

    @property
    def name(self) -> str:
        """The name of the model that it defines."""
        return text_of(native.schema_name, self._handle)

    @property
    def base(self) -> str:
        """The name of its base; empty for the root."""
        return text_of(native.schema_base, self._handle)

    @property
    def settings(self) -> dict[str, Any]:
        """Its own settings: every member of the definition but name, base, properties and options, and the options."""
        return decode_json(text_of(native.schema_settings, self._handle))

    @property
    def info(self) -> SchemaInfo:
        """What is known of it."""
        info = NativeSchemaInfo()
        do(native.schema_get_info, self._handle, addressof(info))
        return SchemaInfo(
            properties=info.properties,
            own=info.own,
            inherited=info.inherited,
            declared=info.declared,
            hidden=info.hidden,
            nested=info.nested,
            structure_kind=StructureKind(info.structure_kind),
            structure_depth=info.structure_depth,
            strict=bool(info.strict),
            id_injection=bool(info.id_injection),
            has_structure=bool(info.has_structure),
            fingerprint=bytes(info.fingerprint),
        )

    @property
    def fingerprint(self) -> bytes:
        """128 bits of a hash of the structure: equal for equal structures."""
        return self.info.fingerprint

    @property
    def properties(self) -> tuple[Property, ...]:
        """Its properties: inherited ones in the order of the base, then own ones in the order of the definition."""
        handle = self._handle
        found = []
        for position in range(self.info.properties):
            flags = number_of(native.schema_property_flags, handle, position)
            found.append(
                Property(
                    name=text_of(native.schema_property_name, handle, position),
                    type=text_of(native.schema_property_type, handle, position),
                    attributes=decode_json(text_of(native.schema_property_attributes, handle, position)),
                    inherited=bool(flags & 1),
                    id=bool(flags & 2),
                    required=bool(flags & 4),
                )
            )
        return tuple(found)

    def to_json(self) -> str:
        """It as a LoopBack model definition, which parses back to an equal schema."""
        return text_of(native.schema_to_json, self._handle)

    def same_structure(self, other: Schema) -> bool:
        """Whether two schemas have the same structure, by comparing them and not by their fingerprints alone."""
        return flag_of(native.schema_same_structure, self._handle, _handle_of(other))

    def close(self) -> None:
        """Gives its handle back; models keep their own reference. Closing twice does nothing."""
        handle, self._handle = self._handle, 0
        do(native.schema_free, handle)

    def __enter__(self) -> Schema:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def __del__(self, _free: Native = native.schema_free) -> None:
        handle = getattr(self, "_handle", 0)
        if handle:
            _free(handle, None)

    def __repr__(self) -> str:
        return f"<modelreg.Schema {self.name!r}>" if self._handle else "<modelreg.Schema, closed>"


class SchemaBuilder(Unpicklable):
    """A schema that is being built, property by property.

    >>> import modelreg
    >>> builder = modelreg.SchemaBuilder("Order")
    >>> schema = builder.add("id", "number", {"id": True}).open_object("to").add("zip", "string").close().finish()
    >>> [f"{p.name}: {p.type}" for p in schema.properties]
    ['id: number', 'to: {zip: string}']
    """

    __slots__ = ("_handle", "__weakref__")

    def __init__(self, name: str) -> None:
        """Begins a schema of this name."""
        self._handle = 0
        raw = encode(name)
        self._handle = handle_of(native.builder_create, raw, len(raw))

    def base(self, base: Schema) -> SchemaBuilder:
        """Sets the base; without one it is as in a definition without a base."""
        do(native.builder_set_base, self._handle, _handle_of(base))
        return self

    def settings(self, settings: Definition) -> SchemaBuilder:
        """Sets the settings: the text of a JSON object, or what :mod:`json` makes one of."""
        raw = encode_json(settings)
        do(native.builder_set_settings, self._handle, raw, len(raw))
        return self

    def add(self, name: str, type: str, attributes: Optional[Definition] = None) -> SchemaBuilder:
        """Adds a property of a named type, with its attributes (``required``, ``id``, ``default`` and so on)."""
        raw_name, raw_type, raw = encode(name), encode(type, "type"), self._attributes(attributes)
        do(native.builder_add, self._handle, raw_name, len(raw_name), raw_type, len(raw_type), raw, len(raw))
        return self

    def hide(self, name: str) -> SchemaBuilder:
        """Hides the inherited property of this name, as ``false`` does in a definition."""
        raw = encode(name)
        do(native.builder_hide, self._handle, raw, len(raw))
        return self

    def open_object(self, name: str = "", attributes: Optional[Definition] = None) -> SchemaBuilder:
        """Begins a property whose type is an object; what is added next is inside, until :meth:`close`."""
        raw_name, raw = encode(name), self._attributes(attributes)
        do(native.builder_open_object, self._handle, raw_name, len(raw_name), raw, len(raw))
        return self

    def open_array(self, name: str = "", attributes: Optional[Definition] = None) -> SchemaBuilder:
        """Begins a property whose type is an array; what is added next is its element, until :meth:`close`."""
        raw_name, raw = encode(name), self._attributes(attributes)
        do(native.builder_open_array, self._handle, raw_name, len(raw_name), raw, len(raw))
        return self

    def close(self) -> SchemaBuilder:
        """Ends the innermost object or array."""
        do(native.builder_close, self._handle)
        return self

    def finish(self) -> Schema:
        """The schema. The builder is used up when it succeeds."""
        scratch = take()
        if native.builder_finish(self._handle, scratch.p_handle, scratch.p_error):
            raise failed(scratch)
        handle: int = scratch.handle
        give(scratch)
        self._handle = 0
        return Schema._wrap(handle)

    @staticmethod
    def _attributes(attributes: Optional[Definition]) -> bytes:
        return b"" if attributes is None else encode_json(attributes)

    def __del__(self, _free: Native = native.builder_free) -> None:
        handle = getattr(self, "_handle", 0)
        if handle:
            _free(handle, None)


def classify_structure(value: Any) -> tuple[StructureKind, int]:
    """What kind of structure JSON is when it is taken for properties as it stands, and how deep it nests.

    Of the text of JSON (``str`` or ``bytes``), or of what :mod:`json` makes one of. Depth is 0 for a flat object, and
    one more for each nesting. Every object counts, also ``{"type": "string"}``.
    """
    text = encode_json(value)
    scratch = take()
    if native.schema_classify(text, len(text), scratch.p_number, scratch.p_number2, scratch.p_error):
        raise failed(scratch)
    kind, depth = StructureKind(scratch.number), scratch.number2
    give(scratch)
    return kind, depth


def _handle_of(schema: Schema) -> int:
    """The handle of a schema that was handed in."""
    if not isinstance(schema, Schema):
        raise TypeError(f"a schema must be a Schema, not {type(schema).__name__}")
    return schema._handle
