"""Timers as plain rows, for the paths that handle thousands at once.

A Timer instance costs more to make than everything that the sweep decides about it. `TimerRow` has the
same names and no machinery; the functions that change timers take either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from uuid_utils.compat import uuid7

from sla.models import Timer
from tenants.bulk import write
from tenants.context import current_tenant_id


@dataclass(slots=True)
class TimerRow:
    """One timer; see sla.models.Timer for what each column means."""

    handoff_id: UUID
    assignment_id: UUID | None
    member_id: UUID | None
    target: str
    clock: str
    policy_version_id: UUID
    tier: str
    calendar_version_id: UUID | None
    started_at: datetime
    duration_seconds: int
    warn_at: datetime | None
    due_at: datetime
    next_step: int
    next_at: datetime | None
    generation: int = 1
    state: str = "running"
    met_at: datetime | None = None
    breached_at: datetime | None = None
    closed_at: datetime | None = None
    close_reason: str = ""
    business_seconds: int | None = None
    wall_seconds: int | None = None
    repaired_at: datetime | None = None
    attempts: int = 0
    last_error: str = ""
    id: UUID = field(default_factory=uuid7)


AnyTimer: TypeAlias = Timer | TimerRow

_NAMES = tuple(each.name for each in fields(TimerRow))


def read_timers(timers: QuerySet[Timer]) -> list[TimerRow]:
    """The rows of a query, in its order and with its locks."""
    return [TimerRow(*values) for values in timers.values_list(*_NAMES)]


@cache
def _types() -> dict[str, str]:
    """The array's element type of each column."""
    found = {}
    for each in Timer._meta.local_concrete_fields:
        kind = (each.db_type(connection) or "text").split("(")[0]
        found[each.attname] = "text" if kind == "varchar" else kind
    return found


def _columns(rows: Sequence[AnyTimer], names: Sequence[str]) -> list[list[Any]]:
    """The values of each column; ids as text, which the driver passes on without a second look."""
    columns = []
    for name in names:
        values = [getattr(row, name) for row in rows]
        if _types()[name] == "uuid":
            values = [None if value is None else str(value) for value in values]
        columns.append(values)
    return columns


@cache
def _insert_sql() -> str:
    names = ", ".join(_NAMES)
    arrays = ", ".join(f"%s::{_types()[name]}[]" for name in _NAMES)
    # Names come from our own model, never from a request.
    return (
        f"insert into sla_timer (tenant_id, {names}) "  # noqa: S608
        f"select %s::uuid, {names} from unnest({arrays}) as rows({names})"
    )


def insert_timers(rows: Sequence[TimerRow]) -> None:
    """Insert new timers of the tenant in force in one statement."""
    if rows:
        write(_insert_sql(), [str(current_tenant_id()), *_columns(rows, _NAMES)])


@cache
def _update_sql(names: tuple[str, ...]) -> str:
    sets = ", ".join(f"{name} = rows.{name}" for name in names)
    arrays = ", ".join(f"%s::{_types()[name]}[]" for name in names)
    # Names come from our own model, never from a request.
    return (
        f"update sla_timer as timer set {sets} "  # noqa: S608
        f"from unnest(%s::uuid[], {arrays}) as rows(id, {', '.join(names)}) "
        "where timer.tenant_id = %s::uuid and timer.id = rows.id"
    )


def update_timers(rows: Sequence[AnyTimer], names: Sequence[str]) -> None:
    """Write these columns of each timer in one statement. The caller holds the locks of their handoffs."""
    if rows:
        parameters = _columns(rows, ("id", *names))
        write(_update_sql(tuple(names)), [*parameters, str(current_tenant_id())])
