"""Timers as plain rows, for the paths that handle thousands at once.

A Timer instance costs more to make than everything that the sweep decides about it. `TimerRow` has the
same names and no machinery; the functions that change timers take either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from typing import TypeAlias
from uuid import UUID

from django.db.models import QuerySet
from uuid_utils.compat import uuid7

from sla.models import Timer
from tenants.bulk import insert_values, update_rows


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
    first_step: int = 0
    gaps: list[list[str]] = field(default_factory=list)
    paused_at: datetime | None = None
    paused_seconds: int | None = None
    id: UUID = field(default_factory=uuid7)


AnyTimer: TypeAlias = Timer | TimerRow

_NAMES = tuple(each.name for each in fields(TimerRow))
#: What a timer that nothing has happened to has: the others stay empty.
_NEW_NAMES = tuple(
    name
    for name in _NAMES
    if name not in ("met_at", "breached_at", "closed_at", "business_seconds", "wall_seconds", "repaired_at")
)
_new_values = attrgetter(*_NEW_NAMES)


def read_timers(timers: QuerySet[Timer]) -> list[TimerRow]:
    """The rows of a query, in its order and with its locks."""
    return [TimerRow(*values) for values in timers.values_list(*_NAMES)]


def insert_timers(rows: Sequence[TimerRow]) -> None:
    """Insert new timers of the tenant in force in one statement."""
    insert_values(Timer, _NEW_NAMES, [_new_values(row) for row in rows])


def update_timers(rows: Sequence[AnyTimer], names: Sequence[str]) -> None:
    """Write these columns of each timer in one statement. The caller holds the locks of their handoffs."""
    update_rows(rows, names, model=Timer)
