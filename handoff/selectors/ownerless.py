"""Leads that nobody owns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from handoff import words
from handoff.clocks import Reading
from handoff.nurture import NURTURED
from handoff.selectors.rows import SHOWN, open_handoffs, rows_of
from leads.models import Assignment, Handoff
from routing.replays import NO_RULE
from sla.models import Timer


@dataclass(frozen=True, slots=True)
class Waiting:
    """A lead that nobody owns: why, since when, and how its company clock stands."""

    handoff: Handoff
    reason: str
    no_rule: bool  # a row for everyone else would take it
    since: datetime
    reading: Reading | None
    at: datetime  # the moment of reading

    @property
    def waited(self) -> float:
        """Wall seconds without an owner."""
        return (self.at - self.since).total_seconds()


def unrouted(*, now: datetime) -> list[Waiting]:
    """Leads without an owner, the one that waits longest first; three queries."""
    handoffs = list(ownerless().select_related("lead", "lead__account").order_by("started_at")[:SHOWN])
    rows = {row.handoff.id: row for row in rows_of(handoffs, now=now, clock=Timer.Clock.COMPANY)}
    spans = Assignment.objects.filter(handoff_id__in=list(rows), ended_at__isnull=False)
    ended: dict[UUID, datetime] = dict(spans.order_by("ended_at").values_list("handoff_id", "ended_at"))
    return [
        Waiting(
            handoff=handoff,
            reason=words.unowned_reason(handoff.unrouted_reason),
            no_rule=handoff.unrouted_reason == NO_RULE,
            since=ended.get(handoff.id, handoff.started_at),
            reading=rows[handoff.id].reading,
            at=now,
        )
        for handoff in handoffs
    ]


def waiting_handoffs() -> QuerySet[Handoff]:
    """Open handoffs that nobody owns, whichever; unordered."""
    return ownerless()


def unrouted_count() -> int:
    """How many open leads nobody owns; one query."""
    count: int = ownerless().count()
    return count


def ownerless() -> QuerySet[Handoff]:
    """Of what a nurture sequence answers nobody need be found."""
    return open_handoffs().filter(owner__isnull=True).exclude(unrouted_reason=NURTURED)
