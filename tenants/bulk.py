"""Many rows in one statement: `INSERT ... SELECT unnest(...)`.

One parameter a column whatever the number of rows, so the statement is parsed once and Python builds no long
SQL; several times quicker than Django's bulk_create, which the sweep and the bulk intake need. (COPY cannot
be used on tables with row security.) Rows are model instances; defaults were applied when they were made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models

from tenants.context import current_tenant_id

_pending: ContextVar[list[str] | None] = ContextVar("slaportal_pending_writes", default=None)


@cache
def _columns(model: type[models.Model]) -> tuple[tuple[str, str, str, bool], ...]:
    """(attribute, column, array type, is JSON) of each stored field."""
    columns = []
    for field in model._meta.local_concrete_fields:
        db_type = field.db_type(connection) or "text"
        db_type = db_type.split(" ")[0] if db_type.startswith("varchar") else db_type
        is_json = db_type == "jsonb"
        base = "text" if is_json or db_type.startswith("varchar") else db_type
        columns.append((field.attname, str(field.column), base, is_json))
    return tuple(columns)


@cache
def _insert_sql(model: type[models.Model], conflict: str, returning: bool) -> str:
    columns = _columns(model)
    names = ", ".join(f'"{column}"' for _, column, _, _ in columns)
    picked = ", ".join(
        f'"{column}"::jsonb' if is_json else f'"{column}"' for _, column, _, is_json in columns
    )
    arrays = ", ".join(f"%s::{base}[]" for _, _, base, _ in columns)
    tail = " returning id" if returning else ""
    # Names come from our own models, never from a request.
    return (
        f'insert into "{model._meta.db_table}" ({names}) '  # noqa: S608
        f"select {picked} from unnest({arrays}) as rows({names}) {conflict}{tail}"
    )


def insert_rows(rows: Sequence[models.Model], *, conflict: str = "", returning: bool = False) -> list[Any]:
    """Insert instances of one model in one statement.

    conflict:  an "on conflict ..." clause of ours, never a caller's text.
    returning: give back the ids that were really inserted (rows that met a conflict are not among them).
    Each row must belong to the tenant in force; the database refuses others.
    """
    if not rows:
        return []
    model = type(rows[0])
    tenant_id = current_tenant_id()
    arrays: list[list[Any]] = []
    for attribute, _, base, is_json in _columns(model):
        values = [getattr(row, attribute) for row in rows]
        if attribute == "tenant_id":
            values = [value or tenant_id for value in values]
        if is_json:
            values = [None if value is None else json.dumps(value, cls=DjangoJSONEncoder) for value in values]
        elif base == "uuid":
            values = [None if value is None else str(value) for value in values]
        arrays.append(values)
    for row in rows:
        row._state.adding = False  # a later save() is an update
    sql = _insert_sql(model, conflict, returning)
    if not returning:
        write(sql, arrays)
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql, arrays)
        return [row[0] for row in cursor.fetchall()]


@cache
def _values_sql(
    model: type[models.Model], names: tuple[str, ...]
) -> tuple[str, tuple[tuple[bool, bool], ...]]:
    """The statement of `insert_values`, and of each name whether it is JSON and whether it is a uuid."""
    known = {attribute: (column, base, is_json) for attribute, column, base, is_json in _columns(model)}
    chosen = [known[name] for name in names]
    listed = ", ".join(f'"{column}"' for column, _, _ in chosen)
    picked = ", ".join(f'"{column}"::jsonb' if is_json else f'"{column}"' for column, _, is_json in chosen)
    arrays = ", ".join(f"%s::{base}[]" for _, base, _ in chosen)
    # Names come from our own models, never from a request.
    sql = (
        f'insert into "{model._meta.db_table}" (tenant_id, {listed}) '  # noqa: S608
        f"select %s::uuid, {picked} from unnest({arrays}) as rows({listed})"
    )
    return sql, tuple((is_json, base == "uuid") for _, base, is_json in chosen)


def insert_values(model: type[models.Model], names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert plain tuples as rows of the tenant in force: `insert_rows` for where an instance would cost
    more than the row. names: the attributes in the tuples' order, "id" among them; columns left out need a
    database default.
    """
    if not rows:
        return
    sql, kinds = _values_sql(model, names)
    arrays: list[list[Any]] = []
    for values, (is_json, is_uuid) in zip(zip(*rows, strict=True), kinds, strict=True):
        if is_json:
            arrays.append(
                [None if each is None else json.dumps(each, cls=DjangoJSONEncoder) for each in values]
            )
        elif is_uuid:
            arrays.append([None if each is None else str(each) for each in values])
        else:
            arrays.append(list(values))
    write(sql, [str(current_tenant_id()), *arrays])


def write(sql: str, parameters: Sequence[Any]) -> int | None:
    """Carry out a write whose result nobody waits for; how many rows it touched.

    Inside `travelling_together` it goes with the next statement instead, and None comes back. Where it
    fails, that statement does.
    """
    pending = _pending.get()
    with connection.cursor() as cursor:
        if pending is not None:
            pending.append(cursor.cursor.mogrify(sql, parameters).decode())
            return None
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


@contextmanager
def travelling_together() -> Iterator[None]:
    """Inside the block writes (`write`, `insert_rows`) wait for the next statement and share its way to the
    database, in their order: one round trip for many. Any other statement carries what waits, so a read sees
    all writes before it. What still waits at the end is sent then. Open it inside the transaction, which
    must be rolled back where the block raises.
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
