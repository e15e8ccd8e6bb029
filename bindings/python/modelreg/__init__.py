"""A registry of models (named schemas), their owners and tenants, over the C library ``libmodelreg``.

>>> import modelreg
>>> with modelreg.Registry() as registry, registry.data_source("db", connector="mysql") as db:
...     user = db.register("User", {"name": "User", "properties": {"email": "string"}})
...     print(list(db.models), db.models["User"] == user)
...     registry.clear()
...     print(list(db.models), user.is_valid)
['User'] True
[] False

Begin with :class:`Registry`. Every object may be used from any thread. Failing calls raise subclasses of
:class:`ModelregError`, one for each status of the library (:mod:`modelreg.errors`).
"""

from __future__ import annotations

from . import _native, errors
from .application import LoadReport, Problem
from .changes import Change, ChangeKind, Watcher
from .errors import (
    DuplicateModelError,
    FileError,
    ForeignHandleError,
    ForgedHandleError,
    FullError,
    InternalError,
    InvalidArgumentError,
    InvalidNameError,
    InvalidUtf8Error,
    JsonError,
    LibraryNotFoundError,
    LoadRefusedError,
    ModelregError,
    NothingToLoadError,
    NoThreadError,
    NullHandleError,
    NullPointerError,
    OutOfMemoryError,
    PoisonedError,
    SchemaError,
    StaleHandleError,
    StructSizeError,
    TooDeepError,
    TooLongError,
    UnalignedPointerError,
    UnknownBaseError,
    UnknownDataSourceError,
    WrongHandleTypeError,
)
from .models import HeldModel, Model, Snapshot, SnapshotModel
from .owners import KIND_ANY, KIND_APP, KIND_DATA_SOURCE, App, DataSource, Models, Owner
from .registry import LeakReport, Memory, Registry, RegistryStats
from .schema import Property, Schema, SchemaBuilder, SchemaInfo, StructureKind, classify_structure
from .sweeper import Sweeper, SweeperInfo
from .tenants import GLOBAL, TenantInfo, current_tenant, set_thread_tenant, tenant

#: The version of this package.
__version__ = "0.1.0"


def library_version() -> str:
    """The version of the shared library that runs."""
    return _native.version_string().decode("ascii")


def library_path() -> str:
    """The file or name that the shared library was loaded by."""
    return _native.PATH


__all__ = [
    "GLOBAL",
    "KIND_ANY",
    "KIND_APP",
    "KIND_DATA_SOURCE",
    "App",
    "Change",
    "ChangeKind",
    "DataSource",
    "DuplicateModelError",
    "FileError",
    "ForeignHandleError",
    "ForgedHandleError",
    "FullError",
    "HeldModel",
    "InternalError",
    "InvalidArgumentError",
    "InvalidNameError",
    "InvalidUtf8Error",
    "JsonError",
    "LeakReport",
    "LibraryNotFoundError",
    "LoadRefusedError",
    "LoadReport",
    "Memory",
    "Model",
    "ModelregError",
    "Models",
    "NoThreadError",
    "NothingToLoadError",
    "NullHandleError",
    "NullPointerError",
    "OutOfMemoryError",
    "Owner",
    "PoisonedError",
    "Problem",
    "Property",
    "Registry",
    "RegistryStats",
    "Schema",
    "SchemaBuilder",
    "SchemaError",
    "SchemaInfo",
    "Snapshot",
    "SnapshotModel",
    "StaleHandleError",
    "StructSizeError",
    "StructureKind",
    "Sweeper",
    "SweeperInfo",
    "TenantInfo",
    "TooDeepError",
    "TooLongError",
    "UnalignedPointerError",
    "UnknownBaseError",
    "UnknownDataSourceError",
    "Watcher",
    "WrongHandleTypeError",
    "classify_structure",
    "current_tenant",
    "errors",
    "library_path",
    "library_version",
    "set_thread_tenant",
    "tenant",
]
