"""The functions of the library, with the types of their arguments.

**Which calls let the interpreter's lock go.** Most take less time than letting it go and taking it back; they keep it
(``PyDLL``). That also means that no other Python thread can be inside of one when this thread forks. Calls that read
files, wait, or may take long are made without the lock (``CDLL``); a fork waits until no thread is inside of one
(:class:`_Gate`). The library itself never calls Python, so neither kind can block the other.
"""

from __future__ import annotations

import os
import time
from ctypes import c_bool, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from threading import get_ident
from typing import Any, Callable

from . import _find
from .errors import LibraryNotFoundError

Native = Callable[..., int]

#: How long a fork waits for calls of other threads, in seconds; one that takes longer is taken to be stuck.
FORK_PATIENCE = 5.0


class _Gate:
    """Lets a fork wait for the calls of other threads that run without the interpreter's lock.

    A child of a fork has no other threads. Where one of them was inside a call, a lock of the library could stay locked
    for ever in the child.
    """

    def __init__(self) -> None:
        # A call goes in and out by one step each, also where a signal or the collector comes between.
        # Where the exception of a signal's handler comes just before the step out, a call is left behind that nobody is
        # inside of: it does not hold up its own thread, and another one's fork only once.
        self.inside: dict[object, int] = {}
        self.forking: list[int] = []

    def enter(self, call: object) -> None:
        """Before a call; waits while another thread forks."""
        thread = get_ident()
        while True:
            self.inside[call] = thread
            if not self.forking or thread in self.forking:
                return
            self.inside.pop(call, None)
            time.sleep(0.0005)

    def before_fork(self) -> None:
        """Waits until nobody is inside."""
        thread = get_ident()
        self.forking.append(thread)
        limit = time.monotonic() + FORK_PATIENCE
        while True:
            others = [call for call, caller in list(self.inside.items()) if caller != thread]
            if not others:
                return
            if time.monotonic() >= limit:
                break
            time.sleep(0.0005)
        for call in others:
            self.inside.pop(call, None)

    def after_fork_in_parent(self) -> None:
        """Opens the gate again."""
        self.forking.remove(get_ident())

    def after_fork_in_child(self) -> None:
        """Opens the gate in the child, where nobody else is."""
        self.forking.clear()
        self.inside.clear()


gate = _Gate()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=gate.before_fork,
        after_in_parent=gate.after_fork_in_parent,
        after_in_child=gate.after_fork_in_child,
    )

_quick, _long, PATH, LIBRARY_VERSION = _find.load()
_missing: list[str] = []
#: The functions that are bound, with the types of their arguments.
BOUND: dict[str, tuple[Any, ...]] = {}

U32, U64, I32, SIZE, TEXT, PTR = c_uint32, c_uint64, c_int32, c_size_t, c_char_p, c_void_p


def _bind(library: Any, name: str, result: Any, arguments: tuple[Any, ...]) -> Any:
    try:
        function = library[name]
    except AttributeError:
        _missing.append(name)
        return None
    function.argtypes = arguments
    function.restype = result
    BOUND[name] = arguments
    return function


def _call(name: str, *arguments: Any) -> Native:
    """A function that gives a status and takes an error last."""
    function: Native = _bind(_quick, "mreg_" + name, c_int32, (*arguments, PTR))
    return function


def _slow(name: str, *arguments: Any) -> Native:
    """A function that gives a status and may take long: called without the interpreter's lock."""
    function = _bind(_long, "mreg_" + name, c_int32, (*arguments, PTR))
    enter, leave = gate.enter, gate.inside.pop

    def call(*values: Any) -> int:
        this = object()
        try:
            enter(this)
            status: int = function(*values)
            return status
        finally:
            leave(this, None)

    return call


version_string: Callable[[], bytes] = _bind(_quick, "mreg_version_string", TEXT, ())
status_name: Callable[[int], bytes] = _bind(_quick, "mreg_status_name", TEXT, (I32,))
status_text: Callable[[int], bytes] = _bind(_quick, "mreg_status_text", TEXT, (I32,))

registry_create = _call("registry_create", PTR, PTR)
registry_default = _call("registry_default", PTR)
registry_destroy = _slow("registry_destroy", U64)
registry_clear = _slow("registry_clear", U64)
registry_reclaim = _slow("registry_reclaim", U64)
registry_generation = _call("registry_generation", U64, PTR)
registry_get_stats = _call("registry_get_stats", U64, PTR)
registry_get_memory = _call("registry_get_memory", U64, PTR)
registry_models = _call("registry_models", U64, PTR, SIZE, PTR)
registry_hold_models = _call("registry_hold_models", U64, PTR)
registry_find_model = _call("registry_find_model", U64, TEXT, SIZE, PTR)
registry_find_structure = _call("registry_find_structure", U64, PTR, PTR)
registry_leak_report = _call("registry_leak_report", U64, PTR, SIZE, PTR, PTR)
registry_set_clock = _call("registry_set_clock", U64, U64)

owner_kind_register = _call("owner_kind_register", U64, TEXT, SIZE, PTR)
owner_create = _call("owner_create", U64, PTR, PTR)
owner_release = _slow("owner_release", U64)
owner_is_valid: Callable[[int], bool] = _bind(_quick, "mreg_owner_is_valid", c_bool, (U64,))
owner_kind = _call("owner_kind", U64, PTR)
owner_name = _call("owner_name", U64, PTR, SIZE, PTR)
owner_tenant = _call("owner_tenant", U64, PTR, SIZE, PTR)
owner_user_data = _call("owner_user_data", U64, PTR)
owner_freshness_words = _call("owner_freshness_words", U64, PTR, PTR)
owner_invalidate = _call("owner_invalidate", U64)
owner_touch = _call("owner_touch", U64)
owner_models = _call("owner_models", U64, U32, PTR, SIZE, PTR, PTR)
owner_models_on = _call("owner_models_on", U64, U32, PTR, SIZE, PTR, PTR)
owner_names = _call("owner_names", U64, U32, PTR, SIZE, PTR, PTR, PTR)
owner_hold_models = _call("owner_hold_models", U64, U32, PTR)
owner_hold_models_on = _call("owner_hold_models_on", U64, U32, PTR)

model_register = _call("model_register", U64, PTR, PTR)
model_unregister = _call("model_unregister", U64)
model_move = _call("model_move", U64, U64, U64, TEXT, SIZE)
model_hold = _call("model_hold", U64)
model_unhold = _call("model_unhold", U64)
model_is_valid: Callable[[int], bool] = _bind(_quick, "mreg_model_is_valid", c_bool, (U64,))
model_name = _call("model_name", U64, PTR, SIZE, PTR)
model_settings = _call("model_settings", U64, PTR, SIZE, PTR)
model_schema = _call("model_schema", U64, PTR)
model_user_data = _call("model_user_data", U64, PTR)
model_registered_at = _call("model_registered_at", U64, PTR)
model_owners = _call("model_owners", U64, PTR, PTR, PTR)
model_tenant = _call("model_tenant", U64, PTR, SIZE, PTR)

snapshot_free = _call("snapshot_free", U64)
snapshot_models = _call("snapshot_models", U64, PTR, SIZE, PTR, PTR)
snapshot_name = _call("snapshot_name", U64, SIZE, PTR, SIZE, PTR)
snapshot_settings = _call("snapshot_settings", U64, SIZE, PTR, SIZE, PTR)
snapshot_schema = _call("snapshot_schema", U64, SIZE, PTR)
snapshot_registered_at = _call("snapshot_registered_at", U64, SIZE, PTR)
snapshot_user_data = _call("snapshot_user_data", U64, SIZE, PTR)

tenant_get_info = _call("tenant_get_info", U64, TEXT, SIZE, PTR)
tenant_next = _call("tenant_next", U64, U64, PTR)
tenant_find_model = _call("tenant_find_model", U64, TEXT, SIZE, TEXT, SIZE, PTR)
tenant_models = _call("tenant_models", U64, TEXT, SIZE, PTR, SIZE, PTR)
tenant_drop = _slow("tenant_drop", U64, TEXT, SIZE, U64, PTR)
tenant_drop_idle = _slow("tenant_drop_idle", U64, U64, PTR)
tenant_touch = _call("tenant_touch", U64, TEXT, SIZE)
tenant_set_current = _call("tenant_set_current", TEXT, SIZE)
tenant_current = _call("tenant_current", PTR, SIZE, PTR)

sweeper_start = _slow("sweeper_start", U64, PTR)
sweeper_stop = _slow("sweeper_stop", U64)
sweeper_run = _slow("sweeper_run", U64, PTR)
sweeper_get_info = _call("sweeper_get_info", U64, PTR)

schema_parse = _call("schema_parse", TEXT, SIZE, PTR, PTR)
schema_parse_long = _slow("schema_parse", TEXT, SIZE, PTR, PTR)
schema_classify = _call("schema_classify", TEXT, SIZE, PTR, PTR)
schema_builtin = _call("schema_builtin", TEXT, SIZE, PTR)
schema_free = _call("schema_free", U64)
schema_get_info = _call("schema_get_info", U64, PTR)
schema_name = _call("schema_name", U64, PTR, SIZE, PTR)
schema_base = _call("schema_base", U64, PTR, SIZE, PTR)
schema_settings = _call("schema_settings", U64, PTR, SIZE, PTR)
schema_to_json = _call("schema_to_json", U64, PTR, SIZE, PTR)
schema_same_structure = _call("schema_same_structure", U64, U64, PTR)
schema_property_flags = _call("schema_property_flags", U64, SIZE, PTR)
schema_property_name = _call("schema_property_name", U64, SIZE, PTR, SIZE, PTR)
schema_property_type = _call("schema_property_type", U64, SIZE, PTR, SIZE, PTR)
schema_property_attributes = _call("schema_property_attributes", U64, SIZE, PTR, SIZE, PTR)

builder_create = _call("builder_create", TEXT, SIZE, PTR)
builder_set_base = _call("builder_set_base", U64, U64)
builder_set_settings = _call("builder_set_settings", U64, TEXT, SIZE)
builder_add = _call("builder_add", U64, TEXT, SIZE, TEXT, SIZE, TEXT, SIZE)
builder_hide = _call("builder_hide", U64, TEXT, SIZE)
builder_open_object = _call("builder_open_object", U64, TEXT, SIZE, TEXT, SIZE)
builder_open_array = _call("builder_open_array", U64, TEXT, SIZE, TEXT, SIZE)
builder_close = _call("builder_close", U64)
builder_finish = _call("builder_finish", U64, PTR)
builder_free = _call("builder_free", U64)

application_load = _slow("application_load", U64, TEXT, SIZE, PTR, PTR)
load_report_free = _call("load_report_free", U64)
load_report_get_info = _call("load_report_get_info", U64, PTR)
load_report_data_source = _call("load_report_data_source", U64, SIZE, PTR)
load_report_problem = _call("load_report_problem", U64, SIZE, PTR)

watcher_create = _call("watcher_create", U64, PTR, PTR)
watcher_poll = _call("watcher_poll", U64, PTR, PTR)
watcher_free = _call("watcher_free", U64)
queue_create = _call("queue_create", PTR)
queue_poll = _call("queue_poll", U64, PTR, PTR)
queue_free = _call("queue_free", U64)

if len(_missing) > 5:
    _missing[5:] = [f"{len(_missing) - 5} more"]
if _missing:
    raise LibraryNotFoundError(
        f"{PATH}: it has the version {'.'.join(map(str, LIBRARY_VERSION))}, but lacks {', '.join(_missing)}; "
        "build it anew with `cargo build --release`, or name another one in MODELREG_LIBRARY"
    )


def initializer(name: str) -> Callable[[int], None]:
    """One of the library's ``_init`` functions, which take an address; for tests."""
    function: Callable[[int], None] = _bind(_quick, name, None, (PTR,))
    BOUND.pop(name, None)
    return function
