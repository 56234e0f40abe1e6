"""Writes that nobody waits for, sent with the next statement: one round trip for many.

Taking a lead writes a dozen small rows; each on its own way to the database would cost more than the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection

from tenants.arrays import with_arrays


class _Waiting:
    """Statements that wait, and their parameters in one row."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.parameters: list[Any] = []

    def add(self, sql: str, parameters: Sequence[Any]) -> None:
        self.statements.append(sql)
        self.parameters += parameters

    def take(self) -> tuple[str, list[Any]]:
        """All of them as one text with its parameters; none waits any more."""
        taken = ";\n".join(self.statements), self.parameters
        self.statements, self.parameters = [], []
        return taken


_waiting: ContextVar[_Waiting | None] = ContextVar("slaportal_waiting_writes", default=None)


def write(sql: str, parameters: Sequence[Any]) -> int | None:
    """Carry out a write whose result nobody waits for; how many rows it touched.

    A list among the parameters is an array, whose type the statement names: `%s::uuid[]`.
    Inside `travelling_together` it goes with the next statement instead, and None comes back. Where it
    fails, that statement does.
    """
    waiting = _waiting.get()
    flat = with_arrays(parameters)
    if waiting is not None:
        waiting.add(sql, flat)
        return None
    with connection.cursor() as cursor:
        cursor.execute(sql, flat)
        return int(cursor.rowcount)


@contextmanager
def travelling_together() -> Iterator[None]:
    """Inside the block writes wait (`write`, and what tenants.bulk writes without giving anything back) and
    share the next statement's way to the database, in their order: one round trip for many. Any other
    statement carries what waits, so a read sees all writes before it. What still waits at the end is sent
    then. Open it inside the transaction, which must be rolled back where the block raises.
    """
    if _waiting.get() is not None:
        yield
        return
    token = _waiting.set(_Waiting())
    try:
        with connection.execute_wrapper(_carry):
            yield
        _send_waiting()
    finally:
        _waiting.reset(token)


def _carry(
    execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Send what waits in front of a statement."""
    waiting = _waiting.get()
    if waiting is None or not waiting.statements:
        return execute(sql, parameters, many, context)
    before, given = waiting.take()
    if sql.startswith("ROLLBACK"):
        return execute(sql, parameters, many, context)  # it would undo them
    if many or isinstance(parameters, Mapping):
        execute(before, given, False, context)
        return execute(sql, parameters, many, context)
    if parameters is None and given:  # now a percent sign in it would mean something
        sql, parameters = sql.replace("%", "%%"), ()
    together = [*given, *parameters] if parameters is not None else None
    return execute(f"{before};\n{sql}", together, False, context)


def _send_waiting() -> None:
    waiting = _waiting.get()
    if waiting is not None and waiting.statements:
        with connection.cursor() as cursor:
            cursor.execute(*waiting.take())
