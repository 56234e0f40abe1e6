"""Which tenant this piece of work belongs to: set once at the edge, checked by every query and by the
database.

`tenant_scope` is the only door. It opens a transaction, tells PostgreSQL the tenant for that transaction
alone (so a transaction pooler can never hand it to somebody else), and tells the managers. Work without a
scope raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from django.db import connection, transaction

_current: ContextVar[UUID | None] = ContextVar("slaportal_tenant", default=None)


class TenantNotSetError(RuntimeError):
    """A tenant's rows were asked for outside any tenant's scope. A bug at the edge, never the user's
    fault."""


class TenantMixError(RuntimeError):
    """One transaction was about to touch two tenants."""


def current_tenant_id() -> UUID:
    """The tenant in force. Raises TenantNotSetError when there is none."""
    tenant_id = _current.get()
    if tenant_id is None:
        raise TenantNotSetError("No tenant is set: wrap the work in tenants.context.tenant_scope(tenant_id).")
    return tenant_id


def tenant_id_or_none() -> UUID | None:
    return _current.get()


def _tell_database(tenant_id: UUID | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select set_config('app.tenant_id', %s, true)", [str(tenant_id) if tenant_id else ""])


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[None]:
    """Run the block as one transaction of one tenant; it commits when the block ends, rolls back when it
    raises.

    Nested scopes of the same tenant are savepoints. A nested scope of another tenant raises TenantMixError,
    unless the outer one has ended: one transaction belongs to one tenant.
    """
    outer = _current.get()
    if outer is not None and outer != tenant_id:
        raise TenantMixError("This transaction belongs to another tenant.")
    # Inside somebody's longer transaction (a test's) the setting would outlive the block: it is taken back
    # then. Our own transaction ends with the block, and the setting with it, at no cost.
    borrowed = outer is None and connection.in_atomic_block
    token = _current.set(tenant_id)
    try:
        with transaction.atomic():
            if outer is None:
                _tell_database(tenant_id)
            yield
            if borrowed and not connection.needs_rollback:
                _tell_database(None)
    finally:
        _current.reset(token)
        if borrowed and connection.in_atomic_block and not connection.needs_rollback:
            _tell_database(None)
