"""What a report is asked: one `Question`; everything shown about it is filtered alike.

Runs within the tenant's scope, as every read here. The number of queries does not depend on that of the
rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay

from handoff.selectors import SEES_ALL
from reporting.measures import ALWAYS_TOLD, TARGETS
from reporting.models import HandoffFact, TargetFact
from tenants.models import Member, Role, Team

#: What a report may be split by: the column of the facts, and the word for a table's head.
SPLITS: Final[Mapping[str, tuple[str, str]]] = {
    "rep": ("member_id", "Rep"),
    "team": ("team_id", "Team"),
    "source": ("source", "Source"),
    "campaign": ("campaign", "Campaign"),
    "tier": ("tier", "Tier"),
}
#: The same of handoffs.
HANDOFF_SPLITS: Final[Mapping[str, tuple[str, str]]] = {
    "source": ("source", "Source"),
    "campaign": ("campaign", "Campaign"),
    "channel": ("channel", "Channel"),
    "segment": ("segment", "Company size"),
    "rep": ("member_id", "Rep"),
    "team": ("team_id", "Team"),
    "tier": ("tier", "Tier"),
}

CLOCKS: Final = ("company", "owner")
#: Which handoffs a report is about: those that marketing hands over, meetings that SDRs book, or all.
INBOUND, OUTBOUND, BOTH = "inbound", "outbound", "both"
KINDS: Final[Mapping[str, str]] = {INBOUND: "Inbound", OUTBOUND: "Outbound", BOTH: "Inbound and outbound"}

#: Longer periods are drawn by week.
MOST_DAYS_DRAWN: Final = 92


@dataclass(frozen=True, slots=True)
class Question:
    """Which clocks a report is about.

    first, last: days in the organisation's zone, both included. seen_by: the reader, where they may see
    only their own clocks; with `leads_teams` also those of the teams that they lead, stand in for, or are in.
    The rest are chosen filters; None is all, "" is a value (no source given). ignore_pauses: clocks are
    judged by the deadline that they would have without their pauses.
    """

    zone: ZoneInfo
    first: date
    last: date
    clock: str = "company"
    seen_by: Member | None = None
    leads_teams: bool = False
    team: UUID | None = None
    member: UUID | None = None
    without: tuple[str, ...] = ()  # of "member_id", "team_id": only clocks that have none
    source: str | None = None
    campaign: str | None = None
    tier: str | None = None
    target: str | None = None
    hour: int | None = None  # since Monday's midnight, in which a clock started
    ignore_pauses: bool = False
    kind: str = INBOUND  # of KINDS: which handoffs
    channel: str | None = None  # this and the next are asked of handoffs, not of clocks
    segment: str | None = None

    @property
    def targets(self) -> list[str]:
        """The targets whose clocks it is about."""
        return list(TARGETS) if self.target is None else [self.target]

    @property
    def lead_target(self) -> str:
        """The target whose course is drawn and whose response times are spread out."""
        return self.target or ALWAYS_TOLD[0]

    @property
    def start(self) -> datetime:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first instant after the period."""
        return midnight(self.last + timedelta(days=1), self.zone)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Question:
        """The same question about as many days right before."""
        span = timedelta(days=self.days)
        return replace(self, first=self.first - span, last=self.last - span)

    @property
    def step_days(self) -> int:
        """Days that a point of the course stands for."""
        return 7 if self.by_week else 1

    @property
    def by_week(self) -> bool:
        return self.days > MOST_DAYS_DRAWN


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins in a zone."""
    return datetime.combine(day, time(), tzinfo=zone)


def sight_of(member: Member) -> dict[str, Any]:
    """What this reader's questions are limited to: a rep to themselves, a manager to their teams, others to
    nothing."""
    if member.role in SEES_ALL:
        return {}
    return {"seen_by": member, "leads_teams": member.role == Role.MANAGER}


def in_sight(question: Question, team: str, member: str) -> Q:
    """What the reader may see, over the columns of a team and of a member."""
    reader = question.seen_by
    if reader is None:
        return Q()
    own = Q(**{member: reader.id})
    return own | led_by(reader, team) if question.leads_teams else own


def led_by(reader: Member, team: str) -> Q:
    """The teams that somebody leads, stands in for, or is in, over the column of a team."""
    led = Team.objects.filter(Q(manager=reader) | Q(backup=reader)).values("id")
    return Q(**{f"{team}__in": led}) | (Q(**{team: reader.team_id}) if reader.team_id else Q(pk__in=[]))


def hour_of_week(zone: ZoneInfo) -> Combinable:
    """The hour in which a clock started, since Monday's midnight."""
    day = ExtractIsoWeekDay("started_at", tzinfo=zone)
    return (day - 1) * 24 + ExtractHour("started_at", tzinfo=zone)


def facts(question: Question) -> QuerySet[TargetFact]:
    """Every clock that the question is about."""
    found: QuerySet[TargetFact] = TargetFact.objects.filter(
        clock=question.clock,
        target__in=question.targets,
        started_at__gte=question.start,
        started_at__lt=question.end,
    )
    found = found.filter(of_kind(question), in_sight(question, "team_id", "member_id"))
    chosen = {
        "team_id": question.team,
        "member_id": question.member,
        "source": question.source,
        "campaign": question.campaign,
        "tier": question.tier,
    }
    found = found.filter(**{name: value for name, value in chosen.items() if value is not None})
    if question.hour is not None:
        found = found.annotate(hour_of_week=hour_of_week(question.zone)).filter(hour_of_week=question.hour)
    return found.filter(**{f"{column}__isnull": True for column in question.without})


def of_kind(question: Question) -> Q:
    """The kind of handoffs that it is about."""
    return Q() if question.kind == BOTH else Q(kind=question.kind)


def outbound_facts(question: Question) -> QuerySet[HandoffFact]:
    """The outbound handoffs that started in the period, as far as the reader sees, whatever else is asked."""
    found: QuerySet[HandoffFact] = HandoffFact.objects.filter(
        in_sight(question, "team_id", "member_id"),
        kind=OUTBOUND,
        started_at__gte=question.start,
        started_at__lt=question.end,
    )
    return found.order_by()


def handoff_facts(question: Question) -> QuerySet[HandoffFact]:
    """Every handoff that started in the period, as far as the question is about it."""
    found: QuerySet[HandoffFact] = HandoffFact.objects.filter(
        of_kind(question),
        in_sight(question, "team_id", "member_id"),
        started_at__gte=question.start,
        started_at__lt=question.end,
    )
    found = found.filter(**chosen_values(question))
    return found.filter(**{f"{column}__isnull": True for column in question.without})


def chosen_values(question: Question) -> dict[str, Any]:
    """What of a handoff's columns was chosen."""
    chosen = {
        "team_id": question.team,
        "member_id": question.member,
        "source": question.source,
        "campaign": question.campaign,
        "channel": question.channel,
        "segment": question.segment,
        "tier": question.tier,
    }
    return {name: value for name, value in chosen.items() if value is not None}
