"""What managers watch now: people, and the handoffs that press."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from handoff import clocks
from handoff.selectors.access import watched
from handoff.selectors.ownerless import unrouted_count
from handoff.selectors.people import Person, people_watched
from handoff.selectors.rows import Row, open_handoffs
from leads.models import Handoff
from sla.models import Timer
from sla.status import OPEN_STATUSES, Status
from tenants.models import Member

#: Handoffs that a page of the board draws at most of each status that presses: more than anybody can act on
#: at once. The rest is a page further.
PRESSING: Final = 25
_PRESSES: Final = (Status.OVERDUE, Status.AT_RISK)


@dataclass(frozen=True, slots=True)
class Pressing:
    """A page of the handoffs of one status, the earliest due first. total: of that status, on every page."""

    status: Status
    rows: list[Row]
    total: int
    page: int

    @property
    def before(self) -> int:
        """How many stand on earlier pages."""
        return (self.page - 1) * PRESSING

    @property
    def last_page(self) -> int:
        return max(1, -(-self.total // PRESSING))

    @property
    def after(self) -> int:
        """How many stand on later pages."""
        return max(0, self.total - self.before - len(self.rows))


@dataclass(frozen=True, slots=True)
class Board:
    """What a manager watches now: people, and the handoffs that press. counts: handoffs, by status."""

    people: list[Person]
    pressing: list[Pressing]
    counts: Counter[Status]
    unrouted: int


# Lateral, so that the clocks of the open handoffs are looked up one handoff at a time: the planner would
# rather read every clock there ever was. {handoffs}, {timers}: querysets, the timers those of _OWNED.
_OWNED: Final = "owned.id"
_VERSIONS: Final = """
with owned as materialized ({handoffs})
select distinct clock.calendar_version_id from owned cross join lateral ({timers} offset 0) clock
"""

# Of each handoff's open clocks the most pressing one speaks; the rows are then counted by person and status,
# and those that are shown are named.
_STANDING: Final = """
with owned as materialized ({handoffs}),
placed as (
    select clock.*, row_number() over (partition by urgency order by due_at, clock.id) as place
    from owned cross join lateral ({timers}) clock
)
select member_id, urgency, count(*), min(due_at),
    array_agg(id) filter (where place > %s and place <= %s and urgency <= %s)
from placed group by member_id, urgency
"""


@dataclass(frozen=True, slots=True)
class _Standing:
    """How many handoffs of one person have one status. timer_ids: of those on the page asked for."""

    member_id: UUID | None
    status: Status
    count: int
    first_due: datetime
    timer_ids: list[UUID]


def board(*, member: Member, now: datetime, only: Status | None = None, page: int = 1) -> Board:
    """The open clocks of the member's teams by person, and what is overdue or at risk; nine queries.

    only, page: of the handoffs that press those of one status alone, and which PRESSING of them.
    """
    teams = watched(member)
    standing = _standing(member, teams=teams, now=now, first=(page - 1) * PRESSING)
    people = {person.member.id: person for person in people_watched(member, teams=teams, now=now)}
    counts: Counter[Status] = Counter()
    for each in standing:
        counts[each.status] += each.count
        person = people.get(each.member_id) if each.member_id else None
        if person is not None:
            person.counts[each.status] += each.count
            # A paused clock's deadline moves with every hour of the pause: it may lie behind and is not due.
            if each.status not in (Status.OVERDUE, Status.PAUSED):
                person.next_due = min(filter(None, (person.next_due, each.first_due)))
    wanted = [only] if only else list(_PRESSES)
    shown = [key for each in standing if each.status in wanted for key in each.timer_ids]
    rows = _pressing_rows(shown, now=now)
    return Board(
        people=sorted(
            people.values(),
            key=lambda each: (-each.overdue, -each.at_risk, -each.open_leads, each.member.name),
        ),
        pressing=[
            Pressing(status, [row for row in rows if row.status is status], counts[status], page)
            for status in wanted
        ],
        counts=counts,
        unrouted=unrouted_count(),
    )


def _standing(member: Member, *, teams: list[UUID] | None, now: datetime, first: int) -> list[_Standing]:
    """How the handoffs stand that the member watches, counted; two queries, and no timer is read.

    first: how many pressing handoffs of each status stand on earlier pages.
    """
    owned = open_handoffs().filter(owner__isnull=False)
    if teams is not None:
        owned = owned.filter(Q(owner__team_id__in=teams) | Q(owner=member))
    timers = Timer.objects.filter(
        handoff_id=RawSQL(_OWNED, ()), clock=Timer.Clock.OWNER, closed_at__isnull=True
    )
    versions = _run(_VERSIONS, owned, timers.values("calendar_version_id"))
    closed = clocks.closed_now([version_id for (version_id,) in versions], now=now)
    speaker = (
        timers.annotate(urgency=clocks.urgency_in_sql(now=now, closed=closed))
        .filter(urgency__lte=max(clocks.URGENCY[status] for status in OPEN_STATUSES))
        .order_by("urgency", "due_at")
        .values("id", "member_id", "due_at", "urgency")[:1]
    )
    least_pressing = max(clocks.URGENCY[status] for status in _PRESSES)
    found = _run(_STANDING, owned, speaker, first, first + PRESSING, least_pressing)
    by_urgency = {urgency: status for status, urgency in clocks.URGENCY.items()}
    return [
        _Standing(member_id, by_urgency[urgency], count, first_due, timer_ids or [])
        for member_id, urgency, count, first_due, timer_ids in found
    ]


def _run(
    statement: str, handoffs: QuerySet[Handoff], timers: QuerySet[Timer, Any], *parameters: int
) -> list[tuple[Any, ...]]:
    """The rows of a statement over these handoffs, and for each of them these timers."""
    owned, owned_parameters = handoffs.order_by().values("id").query.sql_with_params()
    clock, clock_parameters = timers.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(handoffs=owned, timers=clock),
            [*owned_parameters, *clock_parameters, *parameters],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _pressing_rows(timer_ids: Sequence[UUID], *, now: datetime) -> list[Row]:
    """The handoffs that these timers speak for, the most pressing first. One query."""
    timers = Timer.objects.filter(id__in=timer_ids).select_related("handoff__lead__account", "handoff__owner")
    rows = [Row(timer.handoff, clocks.read(timer, now=now), now) for timer in timers]
    return sorted(rows, key=lambda row: row.order)
