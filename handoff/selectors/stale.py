"""Open leads with a stale status: nobody touched them, moved them on or paused them for as many working days
as the organisation allows at their stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from handoff.selectors.access import watched
from handoff.selectors.rows import open_handoffs
from handoff.workdays import Workdays
from leads.lifecycle import Stage
from leads.models import Handoff
from leads.owed import STANDING, settings_row
from sla.models import Pause
from tenants.calendars import load_calendar
from tenants.calendars.which import house_calendar_version
from tenants.models import Member, Role, Team, Tenant

#: What an open handoff's columns say of its stage. The row itself is asked, so that one index answers.
_AT: Mapping[Stage, Q] = {
    Stage.MQL: Q(accepted_at__isnull=True, sql_at__isnull=True, opportunity_at__isnull=True),
    Stage.SAL: Q(accepted_at__isnull=False, sql_at__isnull=True, opportunity_at__isnull=True),
    Stage.SQL: Q(sql_at__isnull=False, opportunity_at__isnull=True),
    Stage.OPPORTUNITY: Q(opportunity_at__isnull=False),
}


#: Working days that are counted at most; whoever waits longer is shown with so many.
_COUNTED: Final = 500


@dataclass(frozen=True, slots=True)
class Stale:
    """What counts as stale at a moment. after: working days by stage; without any nothing is stale."""

    after: Mapping[Stage, int]
    days: Workdays

    @property
    def is_on(self) -> bool:
        return bool(self.after)


@dataclass(frozen=True, slots=True)
class StaleRow:
    """A lead with a stale status. idle: working days without a sign of work."""

    handoff: Handoff
    stage: Stage
    idle: int
    allowed: int


@dataclass(frozen=True, slots=True)
class StaleCount:
    """How many stale leads somebody has, and since when the oldest."""

    member_id: UUID
    name: str
    team: str
    count: int
    oldest: datetime


def stale_rule(*, tenant: Tenant, now: datetime) -> Stale:
    """What counts as stale here now. Two queries."""
    chosen = settings_row().stale_days
    after = {stage: int(chosen[str(stage)]) for stage in STANDING if chosen.get(str(stage))}
    calendar = load_calendar(house_calendar_version()) if after else None
    days = Workdays.until(calendar, now, zone=tenant.time_zone, days=_COUNTED if after else 0)
    return Stale(after, days)


@dataclass(frozen=True, slots=True)
class Watch:
    """Whose leads somebody may list. people: their ids, None for everybody's. teams: by which to filter, of
    those that have more than their own leads to see."""

    people: frozenset[UUID] | None = None
    teams: tuple[Team, ...] = ()

    def in_team(self, team_id: UUID) -> frozenset[UUID]:
        """Those of them who are in a team. One query."""
        theirs = frozenset(Member.objects.filter(team_id=team_id).values_list("id", flat=True))
        return theirs if self.people is None else theirs & self.people


def watch_of(member: Member) -> Watch:
    """What a member watches. Four queries at most."""
    if member.role == Role.REP:
        return Watch(frozenset({member.id}))
    teams = watched(member)
    if teams is None:
        return Watch(None, tuple(Team.objects.order_by("name", "id")))
    # By the people's ids, so that each is a range of the index of owners.
    people = Member.objects.filter(team_id__in=teams).values_list("id", flat=True)
    named = Team.objects.filter(id__in=teams).order_by("name", "id")
    return Watch(frozenset({*people, member.id}), tuple(named))


def stale_handoffs(
    rule: Stale,
    *,
    people: frozenset[UUID] | None,
    stage: Stage | None = None,
    owner_id: UUID | None = None,
) -> QuerySet[Handoff]:
    """The open handoffs that are stale, those of these people (None: everybody's); in no order. Test leads
    are left out, and so is what waits for its lead by a pause."""
    asked = {each: days for each, days in rule.after.items() if stage in (None, each)}
    if not asked:
        return Handoff.objects.none()
    limits = {each: rule.days.before(days) for each, days in asked.items()}
    old = Q()
    for each, limit in limits.items():
        old |= _AT[each] & Q(worked_at__lt=limit)
    found = open_handoffs().filter(
        Q(worked_at__lt=max(limits.values())) & old, is_test=False, owner__isnull=False
    )
    if people is not None:
        found = found.filter(owner_id__in=people)
    if owner_id is not None:
        found = found.filter(owner_id=owner_id)
    return found.exclude(Exists(Pause.objects.filter(handoff_id=OuterRef("pk"), ended_at__isnull=True)))


def stale_counts(found: QuerySet[Handoff]) -> list[StaleCount]:
    """How many of these each owner has, the most first. One query."""
    rows = found.order_by().values("owner_id", "owner__name", "owner__team__name")
    counted = rows.annotate(count=Count("id"), oldest=Min("worked_at"))
    return sorted(
        (
            StaleCount(
                row["owner_id"],
                row["owner__name"],
                row["owner__team__name"] or "",
                row["count"],
                row["oldest"],
            )
            for row in counted
        ),
        key=lambda each: (-each.count, each.name),
    )


def stale_rows(rule: Stale, handoffs: Iterable[Handoff]) -> list[StaleRow]:
    """These handoffs with what their list says of them."""
    return [_row(rule, handoff) for handoff in handoffs]


def _row(rule: Stale, handoff: Handoff) -> StaleRow:
    stage = stage_of(handoff)
    assert handoff.worked_at is not None  # it was asked for
    return StaleRow(handoff, stage, rule.days.since(handoff.worked_at), rule.after.get(stage, 0))


def stage_of(handoff: Handoff) -> Stage:
    """The stage that an open handoff's columns tell."""
    reached: Sequence[tuple[datetime | None, Stage]] = (
        (handoff.opportunity_at, Stage.OPPORTUNITY),
        (handoff.sql_at, Stage.SQL),
        (handoff.accepted_at, Stage.SAL),
    )
    return next((stage for at, stage in reached if at is not None), Stage.MQL)
