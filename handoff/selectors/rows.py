"""A handoff in a list, with the most pressing of its clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from handoff import clocks
from handoff.clocks import Reading
from leads.models import Handoff
from sla.models import Timer
from sla.status import Status

#: Rows that a list draws at most; the counts are always whole.
SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A handoff in a list, with the most pressing of its open clocks (None: nothing is owed)."""

    handoff: Handoff
    reading: Reading | None
    at: datetime  # the moment of reading
    touches: int = 0

    @property
    def status(self) -> Status | None:
        return self.reading.status if self.reading else None

    @property
    def due(self) -> str:
        """ "first touch 14:15", in the reader's zone."""
        return clocks.due_line(self.reading, now=self.at) if self.reading else ""

    @property
    def order(self) -> tuple[int, datetime]:
        return self.reading.order if self.reading else (len(clocks.URGENCY), self.handoff.started_at)


def rows_of(handoffs: Sequence[Handoff], *, now: datetime, clock: str = Timer.Clock.OWNER) -> list[Row]:
    """Handoffs with their open clocks, the most pressing first. One query."""
    timers: dict[UUID, list[Timer]] = {}
    ids = [handoff.id for handoff in handoffs]
    open_timers = Timer.objects.filter(handoff_id__in=ids, clock=clock, closed_at__isnull=True)
    for timer in open_timers:
        timers.setdefault(timer.handoff_id, []).append(timer)
    rows = [Row(each, clocks.most_urgent(timers.get(each.id, ()), now=now), now) for each in handoffs]
    return sorted(rows, key=lambda row: row.order)


def open_handoffs() -> QuerySet[Handoff]:
    return Handoff.objects.filter(state=Handoff.State.OPEN, is_history=False)
