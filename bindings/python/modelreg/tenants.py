"""The current tenant, and what is known of tenants."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Iterator, Optional

from . import _native as native
from ._call import at, do, encode, text_of
from ._structs import TenantInfo as NativeTenantInfo

#: The code of the partition of models that have no other.
GLOBAL = "global"

# Unset: whatever the library says for the thread. "": no tenant.
_current: ContextVar[Optional[str]] = ContextVar("modelreg.tenant", default=None)


@contextmanager
def tenant(code: Optional[str]) -> Iterator[None]:
    """Makes a tenant the current one for a block: ``with modelreg.tenant("acme"): ...``.

    Registering, moving, loading and finding by structure use it where the call names no tenant. ``None`` and ``""``
    mean no tenant. It holds for the thread, and within it for the task of :mod:`asyncio` (it is a context variable), so
    tasks that take turns never see one another's tenant.
    """
    if code is not None:
        encode(code, "code")
    token = _current.set(code or "")
    try:
        yield
    finally:
        _current.reset(token)


def current_tenant() -> str:
    """The code of the current tenant; ``""`` where there is none.

    That of the innermost :func:`tenant` block, else the one that was set for the thread by :func:`set_thread_tenant` or
    by other code that uses the library.
    """
    code = _current.get()
    return text_of(native.tenant_current) if code is None else code


def set_thread_tenant(code: Optional[str]) -> None:
    """Sets the library's own current tenant of the calling thread, which other languages in it see too.

    A :func:`tenant` block goes before it. ``None`` and ``""`` mean no tenant.
    """
    raw = encode(code or "", "code")
    do(native.tenant_set_current, raw, len(raw))


def tenant_for_call(code: Optional[str]) -> bytes:
    """What a call is given that registers: empty lets the library take the thread's, and ``global`` says none."""
    if code is None:
        code = _current.get()
        if code is None:
            return b""
    return encode(code or GLOBAL, "tenant")


def tenant_for_search(code: Optional[str]) -> bytes:
    """What a search is given: empty means that there is no tenant."""
    return encode(current_tenant() if code is None else code, "tenant")


@dataclass(frozen=True)
class TenantInfo:
    """What is known of a tenant, that is, of a partition."""

    #: Its code or label: a tenant's code, ``global``, ``ds_...`` or ``app_...``.
    code: str
    #: Whether it is a partition of data sources.
    is_data_source: bool
    #: Its number: tenants have larger ones in the order they came to be; ``global`` has 0.
    number: int
    #: Models in it.
    models: int
    #: Distinct names among them.
    names: int
    #: Distinct structures among them.
    structures: int
    #: Owners that count in it.
    owners: int
    #: When it came to be.
    created_at: datetime
    #: When a model was last put or found in it.
    last_used_at: datetime
    #: How long that is ago, by a clock that does not jump.
    idle: timedelta

    @staticmethod
    def _of(info: NativeTenantInfo) -> TenantInfo:
        return TenantInfo(
            code=info.code.decode("utf-8", "replace"),
            is_data_source=bool(info.is_data_source),
            number=info.number,
            models=info.models,
            names=info.names,
            structures=info.structures,
            owners=info.owners,
            created_at=at(info.created_at_ms),
            last_used_at=at(info.last_used_at_ms),
            idle=timedelta(milliseconds=info.idle_ms),
        )
