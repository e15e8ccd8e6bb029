"""The structs of ``modelreg.h``, as ctypes sees them.

Every pointer is declared as an address: a number costs less to hand over than an object, and what it points to is kept
alive by the caller (see ``_call.py``).
"""

from __future__ import annotations

from ctypes import (
    Structure,
    c_char,
    c_double,
    c_char_p,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
    sizeof,
)


class Growable(Structure):
    """A struct that begins with its own size."""

    struct_size: int

    def __init__(self) -> None:
        self.struct_size = sizeof(self)


class Text(Structure):
    """``mreg_text``"""

    _fields_ = [("data", c_char_p), ("length", c_size_t)]

    def set(self, data: bytes) -> None:
        """Points at the bytes of a text, which ctypes keeps alive as long as this struct."""
        self.data = data
        self.length = len(data)


class Stamp(Structure):
    """``mreg_stamp``"""

    _fields_ = [("stamp", c_uint64), ("owner_word", c_uint64), ("registry_word", c_uint64)]


class Error(Growable):
    """``mreg_error``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("code", c_int32),
        ("line", c_uint32),
        ("offset", c_uint64),
        ("column", c_uint32),
        ("reserved", c_uint32),
        ("message", c_char * 512),
        ("name", c_char * 256),
    ]


class RegistryOptions(Growable):
    """``mreg_registry_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("max_models", c_uint32),
        ("max_owners", c_uint32),
        ("reserved_tenants", c_void_p),
        ("reserved_tenant_count", c_size_t),
        ("release_queue", c_uint64),
    ]


class RegistryStats(Growable):
    """``mreg_registry_stats``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("registered_total", c_uint64),
        ("reused_total", c_uint64),
        ("unique_structures", c_uint64),
        ("tenants", c_uint64),
        ("models", c_uint64),
        ("owners", c_uint64),
        ("generation", c_uint64),
        ("bytes_in_use", c_uint64),
        ("bytes_reserved", c_uint64),
        ("cache_hits", c_uint64),
        ("cache_misses", c_uint64),
        ("cache_invalidations", c_uint64),
        ("cache_hit_rate", c_double),
    ]


class Memory(Growable):
    """``mreg_memory``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("in_use", c_uint64),
        ("reserved", c_uint64),
        ("models", c_uint64),
        ("indices", c_uint64),
        ("owners", c_uint64),
        ("lists", c_uint64),
        ("names", c_uint64),
        ("schemas", c_uint64),
        ("snapshots", c_uint64),
        ("tenants", c_uint64),
        ("texts", c_uint64),
    ]


class OwnerOptions(Growable):
    """``mreg_owner_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_uint32),
        ("flags", c_uint32),
        ("name", Text),
        ("connector", Text),
        ("host", Text),
        ("port", Text),
        ("database", Text),
        ("url", Text),
        ("user_data", c_void_p),
        ("destroy", c_void_p),
    ]


class ModelOptions(Growable):
    """``mreg_model_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("name", Text),
        ("data_source", c_uint64),
        ("app", c_uint64),
        ("tenant", Text),
        ("schema", c_uint64),
        ("settings", Text),
        ("user_data", c_void_p),
        ("destroy", c_void_p),
        ("flags", c_uint32),
        ("marks", c_uint32),
    ]


class FindOptions(Growable):
    """``mreg_find_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("schema", c_uint64),
        ("tenant", Text),
        ("flags", c_uint32),
        ("pass_over", c_uint32),
        ("pass_over_outside_global", c_uint32),
        ("reserved", c_uint32),
    ]


class TenantInfo(Growable):
    """``mreg_tenant_info``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("exists", c_uint32),
        ("is_data_source", c_uint32),
        ("number", c_uint64),
        ("models", c_uint64),
        ("names", c_uint64),
        ("structures", c_uint64),
        ("owners", c_uint64),
        ("created_at_ms", c_int64),
        ("last_used_at_ms", c_int64),
        ("idle_ms", c_uint64),
        ("code", c_char * 256),
    ]


class SweeperOptions(Growable):
    """``mreg_sweeper_options``"""

    _fields_ = [("struct_size", c_size_t), ("interval_ms", c_uint64), ("max_idle_ms", c_uint64)]


class SweeperInfo(Growable):
    """``mreg_sweeper_info``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("interval_ms", c_uint64),
        ("max_idle_ms", c_uint64),
        ("running", c_uint32),
        ("reserved", c_uint32),
        ("sweeps", c_uint64),
        ("dropped", c_uint64),
        ("last_sweep_at_ms", c_int64),
    ]


class Due(Growable):
    """``mreg_due``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_uint32),
        ("reserved", c_uint32),
        ("handle", c_uint64),
        ("user_data", c_void_p),
    ]


class Change(Growable):
    """``mreg_change``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_uint32),
        ("reserved", c_uint32),
        ("sequence", c_uint64),
        ("at_ms", c_int64),
        ("registry", c_uint64),
        ("owner", c_uint64),
        ("model", c_uint64),
        ("replaced", c_uint64),
        ("count", c_uint64),
        ("name", c_char * 256),
        ("tenant", c_char * 256),
    ]


class WatcherOptions(Growable):
    """``mreg_watcher_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("capacity", c_size_t),
        ("callback", c_void_p),
        ("user_data", c_void_p),
        ("destroy", c_void_p),
    ]


class SchemaOptions(Growable):
    """``mreg_schema_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("default_name", Text),
        ("bases", c_void_p),
        ("base_count", c_size_t),
    ]


class SchemaInfo(Growable):
    """``mreg_schema_info``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("properties", c_uint64),
        ("own", c_uint64),
        ("inherited", c_uint64),
        ("declared", c_uint64),
        ("hidden", c_uint64),
        ("nested", c_uint64),
        ("structure_kind", c_uint32),
        ("structure_depth", c_uint32),
        ("strict", c_uint32),
        ("id_injection", c_uint32),
        ("has_structure", c_uint32),
        ("reserved", c_uint32),
        ("fingerprint", c_uint8 * 16),
    ]


class LoadOptions(Growable):
    """``mreg_load_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("environment", Text),
        ("app_name", Text),
        ("tenant", Text),
    ]


class LoadInfo(Growable):
    """``mreg_load_info``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("loaded", c_uint32),
        ("reserved", c_uint32),
        ("app", c_uint64),
        ("data_sources", c_uint64),
        ("models", c_uint64),
        ("properties", c_uint64),
        ("problems", c_uint64),
    ]


class Problem(Growable):
    """``mreg_problem``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("code", c_int32),
        ("line", c_uint32),
        ("offset", c_uint64),
        ("column", c_uint32),
        ("reserved", c_uint32),
        ("message", c_char * 512),
        ("name", c_char * 256),
        ("file", c_char * 256),
    ]


#: What the library's ``_init`` functions fill, so that a test can compare sizes and bytes.
INITIALIZED: dict[str, type[Growable]] = {
    "mreg_error_init": Error,
    "mreg_registry_options_init": RegistryOptions,
    "mreg_registry_stats_init": RegistryStats,
    "mreg_memory_init": Memory,
    "mreg_owner_options_init": OwnerOptions,
    "mreg_model_options_init": ModelOptions,
    "mreg_find_options_init": FindOptions,
    "mreg_tenant_info_init": TenantInfo,
    "mreg_sweeper_options_init": SweeperOptions,
    "mreg_sweeper_info_init": SweeperInfo,
    "mreg_due_init": Due,
    "mreg_change_init": Change,
    "mreg_watcher_options_init": WatcherOptions,
    "mreg_schema_options_init": SchemaOptions,
    "mreg_schema_info_init": SchemaInfo,
    "mreg_load_options_init": LoadOptions,
    "mreg_load_info_init": LoadInfo,
    "mreg_problem_init": Problem,
}
