"""Writes that nobody waits for, sent with the next statement: one round trip for many.

Taking a lead writes a dozen small rows; each on its own way to the database would cost more than the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection

from tenants.arrays import with_arrays

_pending: ContextVar[list[str] | None] = ContextVar("slaportal_pending_writes", default=None)


def write(sql: str, parameters: Sequence[Any]) -> int | None:
    """Carry out a write whose result nobody waits for; how many rows it touched.

    A list among the parameters is an array, whose type the statement names: `%s::uuid[]`.
    Inside `travelling_together` it goes with the next statement instead, and None comes back. Where it
    fails, that statement does.
    """
    pending = _pending.get()
    flat = with_arrays(parameters)
    with connection.cursor() as cursor:
        if pending is not None:
            pending.append(cursor.cursor.mogrify(sql, flat).decode())
            return None
        cursor.execute(sql, flat)
        return int(cursor.rowcount)


@contextmanager
def travelling_together() -> Iterator[None]:
    """Inside the block writes wait (`write`, and what tenants.bulk writes without giving anything back) and
    share the next statement's way to the database, in their order: one round trip for many. Any other
    statement carries what waits, so a read sees all writes before it. What still waits at the end is sent
    then. Open it inside the transaction, which must be rolled back where the block raises.
    """
    if _pending.get() is not None:
        yield
        return
    token = _pending.set([])
    try:
        with connection.execute_wrapper(_carry):
            yield
        _send_waiting()
    finally:
        _pending.reset(token)


def _carry(
    execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Send what waits in front of a statement."""
    pending = _pending.get()
    if not pending:
        return execute(sql, parameters, many, context)
    if sql.startswith("ROLLBACK"):
        pending.clear()  # it would undo them
        return execute(sql, parameters, many, context)
    waiting = ";\n".join(pending)
    pending.clear()
    if many:
        execute(waiting, None, False, context)
        return execute(sql, parameters, True, context)
    if parameters:
        waiting = waiting.replace("%", "%%")
    return execute(f"{waiting};\n{sql}", parameters, False, context)


def _send_waiting() -> None:
    pending = _pending.get()
    if pending:
        waiting = ";\n".join(pending)
        pending.clear()
        with connection.cursor() as cursor:
            cursor.execute(waiting)
