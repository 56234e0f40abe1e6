"""Leads that wait in a pool where the first to come is served, for those who may claim them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, IntegerField, OuterRef, QuerySet, Subquery

from handoff.selectors.held import held_by
from handoff.selectors.rows import SHOWN, Row, open_handoffs, rows_of
from leads.models import Assignment, Handoff
from routing.decide import WAITS_FOR_CLAIM, Strategy
from routing.models import Decision, PoolSeat
from sla.models import Timer
from tenants.models import Member


@dataclass(frozen=True, slots=True)
class Beside:
    """What a person may do beside their own leads. claimable: how many they may claim; None where none waits
    and no pool of theirs asks. has_held: meetings are to be answered."""

    claimable: int | None
    has_held: bool


def beside_own(member: Member, *, now: datetime) -> Beside:
    """One query."""
    seats = PoolSeat.objects.filter(member=member, pool__strategy=Strategy.CLAIM, pool__is_active=True)
    waiting = _Number(_waiting(member.id).values("id"))
    held = Exists(held_by(member, now=now).order_by())
    sits, number, has_held = (
        Member.objects.filter(id=member.id).values_list(Exists(seats), waiting, held).get()
    )
    return Beside(number or (0 if sits else None), has_held)


class _Number(Subquery):
    """How many rows a query has."""

    template = "(select count(*) from (%(subquery)s) counted)"
    output_field = IntegerField()


def to_claim(*, member: Member, now: datetime) -> list[Row]:
    """What the person may claim, the most pressing first by the company's clock; two queries."""
    waiting = _waiting(member.id).select_related("lead", "lead__account").order_by("started_at")
    return rows_of(list(waiting[:SHOWN]), now=now, clock=Timer.Clock.COMPANY)


def may_claim(*, handoff_id: UUID, member_id: UUID) -> bool:
    """Whether the pool that the lead waits in has a seat for this person."""
    return bool(_waiting(member_id).filter(id=handoff_id).exists())


def _waiting(member_id: UUID) -> QuerySet[Handoff]:
    """Leads whose last decision put them up in a pool of this person. Few wait at a time."""
    last = Decision.objects.filter(handoff=OuterRef("id")).order_by("-at", "-id").values("pool_id")[:1]
    pools = PoolSeat.objects.filter(member_id=member_id).values("pool_id")
    unowned = open_handoffs().filter(owner__isnull=True, unrouted_reason=WAITS_FOR_CLAIM)
    # Whoever had it is not offered it again.
    had = Assignment.objects.filter(handoff=OuterRef("id"), member_id=member_id)
    return unowned.exclude(Exists(had)).annotate(waits_in=Subquery(last)).filter(waits_in__in=pools)
