"""What a rep has to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Count, QuerySet

from feedback.models import Meeting
from handoff import clocks
from handoff.clocks import Reading
from handoff.selectors.claims import beside_own, to_claim
from handoff.selectors.held import read_held
from handoff.selectors.rows import SHOWN, Row, open_handoffs
from leads.models import Handoff, Touch
from sla.models import Timer
from sla.status import Status
from tenants.models import Member

TABS: Final = ("decide", "claim", "working", "paused", "done")
#: A rep's undecided leads are read whole up to here.
MOST_OPEN: Final = 1_000


@dataclass(frozen=True, slots=True)
class Inbox:
    """One tab of a rep's inbox. rows: the first SHOWN of `total`. counts: of the tabs that are counted;
    "claim" only for who sits in a pool where leads are claimed. held: meetings to be answered, in the tab of
    what is to be decided."""

    tab: str
    rows: list[Row]
    total: int
    counts: dict[str, int]
    held: list[Meeting] = field(default_factory=list)

    def group(self, *statuses: Status | None) -> list[Row]:
        return [row for row in self.rows if row.status in statuses]


def inbox(*, member: Member, tab: str, now: datetime) -> Inbox:
    """What a rep has to do, the most pressing first: to decide, to claim, being worked, paused, or done.

    Four queries whatever the length, one more for working and for done, and for meetings to answer: who is
    there, whether they claim leads or have such meetings, how their clocks stand, and the rows that are
    shown.
    """
    own = open_handoffs().filter(owner=member).order_by("started_at")
    accepted = dict(own.values_list("id", "accepted_at")[:MOST_OPEN])
    undecided = [key for key, at in accepted.items() if at is None]
    working = [key for key, at in accepted.items() if at is not None]
    readings = _readings(working if tab == "working" else undecided, now=now)
    paused = [key for key in undecided if (each := readings.get(key)) and each.status is Status.PAUSED]
    counts = {"decide": len(undecided), "working": len(working)}
    if tab in ("decide", "paused"):
        counts["paused"] = len(paused)
    beside = beside_own(member, now=now)
    if beside.claimable is not None:
        counts["claim"] = beside.claimable
    if tab == "claim":
        return Inbox(tab, to_claim(member=member, now=now), beside.claimable or 0, counts)
    chosen = {"decide": undecided, "working": working, "paused": paused}.get(tab, [])
    rows = _done(member, now=now) if tab == "done" else _shown(chosen, readings, now=now)
    if tab == "working":
        made = attempts([row.handoff.id for row in rows])
        rows = [replace(row, touches=made.get(row.handoff.id, 0)) for row in rows]
    held = read_held(member, now=now) if tab == "decide" and beside.has_held else []
    return Inbox(tab, rows, len(rows) if tab == "done" else len(chosen), counts, held)


def _readings(handoff_ids: Collection[UUID], *, now: datetime) -> dict[UUID, Reading]:
    """The most pressing open owner's clock of each handoff that has one; one query."""
    timers: dict[UUID, list[Timer]] = {}
    for timer in Timer.objects.filter(
        handoff_id__in=handoff_ids, clock=Timer.Clock.OWNER, closed_at__isnull=True
    ):
        timers.setdefault(timer.handoff_id, []).append(timer)
    found = {key: clocks.most_urgent(each, now=now) for key, each in timers.items()}
    return {key: reading for key, reading in found.items() if reading is not None}


def _shown(handoff_ids: Collection[UUID], readings: Mapping[UUID, Reading], *, now: datetime) -> list[Row]:
    """The rows of the most pressing handoffs; those that nothing is owed on come last. One query."""
    calm = (len(clocks.URGENCY), now)
    first = sorted(handoff_ids, key=lambda key: readings[key].order if key in readings else calm)[:SHOWN]
    handoffs = Handoff.objects.filter(id__in=first).select_related("lead", "lead__account")
    rows = [Row(handoff, readings.get(handoff.id), now) for handoff in handoffs]
    return sorted(rows, key=lambda row: row.order)


def attempts(handoff_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many touches people made on each handoff."""
    made = Touch.objects.filter(handoff_id__in=handoff_ids, undone_at__isnull=True, automatic=False)
    return dict(made.values_list("handoff_id").annotate(Count("id")))


def _done(member: Member, *, now: datetime) -> list[Row]:
    """The last handoffs that ended in this member's hands, with what became of the first touch."""
    ended = Handoff.objects.filter(owner=member, state=Handoff.State.CLOSED, is_history=False)
    handoffs = list(ended.select_related("lead", "lead__account").order_by("-closed_at")[:SHOWN])
    judged = Timer.objects.filter(
        handoff_id__in=[each.id for each in handoffs], clock=Timer.Clock.OWNER, member=member
    )
    last: dict[UUID, Reading] = {}
    for timer in judged.order_by(
        "target", "started_at"
    ):  # "first_touch" after "decision": it has the last word
        reading = clocks.read(timer, now=now)
        if reading.status is not Status.CANCELLED:
            last[timer.handoff_id] = reading
    return [Row(handoff, last.get(handoff.id), now) for handoff in handoffs]


def undecided(member: Member) -> QuerySet[Handoff]:
    """The leads that wait for this member's decision."""
    return open_handoffs().filter(owner=member, accepted_at__isnull=True)
