"""Loading a LoopBack application."""

from __future__ import annotations

import os
from ctypes import addressof
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Mapping, Optional, Union

from . import _native as native
from ._call import do, encode, failed, give, handle_of, take
from ._structs import LoadInfo, LoadOptions
from ._structs import Problem as NativeProblem
from .errors import BY_CODE, LoadRefusedError, ModelregError, StaleHandleError
from .tenants import tenant_for_call

if TYPE_CHECKING:
    from .owners import DataSource, Owner
    from .registry import Registry

_ALL_OR_NOTHING = 1
_WITHOUT_APP = 2


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a file."""

    #: What kind of problem: one of the status numbers.
    code: int
    #: What is wrong and what to do.
    message: str
    #: The name of the offending thing.
    name: str
    #: The file, relative to the directory.
    file: str
    #: Line in the file, from 1; 0 where the problem has no place.
    line: int
    #: Column in the file in bytes, from 1; 0 where the problem has no place.
    column: int
    #: Byte offset in the file.
    offset: int

    @property
    def error(self) -> type[ModelregError]:
        """The class of exception that stands for this kind of problem."""
        return BY_CODE.get(self.code, ModelregError)

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        return f"{self.file}{place}: {self.message}"


@dataclass(frozen=True)
class LoadReport:
    """What was loaded, and what was wrong with the files. A context manager that releases the owners it made."""

    #: Whether the registry was changed.
    loaded: bool
    #: The application's owner, where one was registered.
    app: Optional[Owner]
    #: The data sources by name, in the order of the configuration; empty where nothing was loaded.
    data_sources: Mapping[str, DataSource]
    #: How many data sources the configuration has.
    data_source_count: int
    #: How many files define a model.
    model_count: int
    #: How many properties their definitions have.
    property_count: int
    #: The problems that were found.
    problems: tuple[Problem, ...]

    def release(self) -> None:
        """Releases the owners that loading made, each of which takes its models along."""
        for owner in (*([self.app] if self.app is not None else []), *self.data_sources.values()):
            try:
                owner.release()
            except StaleHandleError:
                continue

    def __enter__(self) -> LoadReport:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.release()


def load(
    registry: Registry,
    directory: Union[str, os.PathLike[str]],
    environment: str,
    all_or_nothing: bool,
    app: Union[bool, str],
    tenant: Optional[str],
) -> LoadReport:
    """See :meth:`Registry.load`."""
    path = encode(os.fspath(directory), "directory")
    options = LoadOptions()
    if not isinstance(app, (bool, str)):
        raise TypeError(f"app must be True, False or a name, not {type(app).__name__}")
    options.flags = (_ALL_OR_NOTHING if all_or_nothing else 0) | (_WITHOUT_APP if app is False else 0)
    options.environment.set(encode(environment, "environment"))
    options.app_name.set(encode(app if isinstance(app, str) else "", "app"))
    options.tenant.set(tenant_for_call(tenant))
    scratch = take()
    status = native.application_load(
        registry._handle, path, len(path), addressof(options), scratch.p_handle, scratch.p_error
    )
    handle: int = scratch.handle
    registry._keeper.drain()
    if not status:
        give(scratch)
        return _read(registry, handle)
    error = failed(scratch)
    try:
        if handle and isinstance(error, LoadRefusedError):
            error.report = _read(registry, handle)
        raise error
    finally:
        # Else it would be in a cycle with this frame.
        del error


def _read(registry: Registry, handle: int) -> LoadReport:
    """Reads a report and frees it."""
    try:
        info = LoadInfo()
        do(native.load_report_get_info, handle, addressof(info))
        sources: dict[str, DataSource] = {}
        for position in range(info.data_sources):
            owner = registry._owner(handle_of(native.load_report_data_source, handle, position))
            if owner is not None:
                sources[owner.name] = owner  # type: ignore[assignment]
        problems = []
        for position in range(info.problems):
            problem = NativeProblem()
            do(native.load_report_problem, handle, position, addressof(problem))
            problems.append(
                Problem(
                    code=problem.code,
                    message=problem.message.decode("utf-8", "replace"),
                    name=problem.name.decode("utf-8", "replace"),
                    file=problem.file.decode("utf-8", "replace"),
                    line=problem.line,
                    column=problem.column,
                    offset=problem.offset,
                )
            )
        return LoadReport(
            loaded=bool(info.loaded),
            app=registry._owner(info.app),
            data_sources=sources,
            data_source_count=info.data_sources,
            model_count=info.models,
            property_count=info.properties,
            problems=tuple(problems),
        )
    finally:
        do(native.load_report_free, handle)
