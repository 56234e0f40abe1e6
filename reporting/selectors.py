"""Reads of the facts. A report is asked for by one `Question`; everything shown about it is filtered alike.

Runs within the tenant's scope. The number of queries does not depend on the number of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import BooleanField, Case, Count, F, Q, QuerySet, UUIDField, Value, When
from django.db.models.functions import TruncDate, TruncMonth, TruncWeek

from handoff.selectors import SEES_ALL
from leads.models import Assignment, Handoff
from reporting import measures
from reporting.measures import ANSWERED, NEVER, RANGES, TARGETS, Percentile, Rate, Verdict, is_verdict
from reporting.models import TargetFact
from sla.models import TimerEvent
from tenants.models import Member, Role, Team

#: What a report may be split by: the column of the facts, and the word for a table's head.
SPLITS: Final[Mapping[str, tuple[str, str]]] = {
    "rep": ("member_id", "Rep"),
    "team": ("team_id", "Team"),
    "source": ("source", "Source"),
    "campaign": ("campaign", "Campaign"),
    "tier": ("tier", "Tier"),
}
CLOCKS: Final = ("company", "owner")
#: Longer periods are drawn by week.
MOST_DAYS_DRAWN: Final = 92


@dataclass(frozen=True, slots=True)
class Question:
    """Which clocks a report is about.

    first, last: days in the organisation's zone, both included. seen_by: the reader, where they may see
    only their own clocks; with `leads_teams` also those of the teams that they lead, stand in for, or are in.
    The rest are chosen filters; None is all, "" is a value (no source given).
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


def _in_sight(question: Question, team: str, member: str) -> Q:
    """What the reader may see, over the columns of a team and of a member."""
    reader = question.seen_by
    if reader is None:
        return Q()
    own = Q(**{member: reader.id})
    if not question.leads_teams:
        return own
    led = Team.objects.filter(Q(manager=reader) | Q(backup=reader)).values("id")
    return own | Q(**{f"{team}__in": led}) | (Q(**{team: reader.team_id}) if reader.team_id else Q(pk__in=[]))


def facts(question: Question) -> QuerySet[TargetFact]:
    """Every clock that the question is about."""
    found: QuerySet[TargetFact] = TargetFact.objects.filter(
        clock=question.clock,
        target__in=list(TARGETS),
        started_at__gte=question.start,
        started_at__lt=question.end,
    )
    found = found.filter(_in_sight(question, "team_id", "member_id"))
    chosen = {
        "team_id": question.team,
        "member_id": question.member,
        "source": question.source,
        "campaign": question.campaign,
        "tier": question.tier,
    }
    found = found.filter(**{name: value for name, value in chosen.items() if value is not None})
    return found.filter(**{f"{column}__isnull": True for column in question.without})


# --- Numbers ---


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole of a question. responses: seconds within which 50, 75, 90 and 95 % were first touched.
    ranges: (label, in time, late) of first touches. unanswered: broken ones that can still be answered.
    """

    rates: Mapping[str, Rate]
    responses: Mapping[int, int | None]
    ranges: list[tuple[str, int, int]]
    unanswered: int


_NOTHING: Final = Totals({target: Rate() for target in TARGETS}, dict.fromkeys((50, 75, 90, 95)), [], 0)


def totals(question: Question, *, now: datetime) -> tuple[Totals, Totals]:
    """The question's numbers, and those of the period before; one query."""
    both = replace(question, first=question.before.first)
    touch = Q(target="first_touch")
    aggregates: dict[str, Any] = {}
    for target in TARGETS:
        aggregates |= measures.rate_aggregates(target, now)
    for share in (75, 95):
        aggregates[f"p{share}"] = Percentile("business_seconds", share=share / 100, filter=touch & ANSWERED)
    low = 0
    for place, (high, _) in enumerate(RANGES):
        within = Q(business_seconds__gte=low) & (Q(business_seconds__lt=high) if high else Q())
        aggregates[f"ok_{place}"] = Count("id", filter=touch & ANSWERED & within & Q(verdict="met"))
        aggregates[f"late_{place}"] = Count("id", filter=touch & ANSWERED & within & ~Q(verdict="met"))
        low = high or 0
    broken = is_verdict(Verdict.BROKEN, now)
    aggregates["never"] = Count("id", filter=touch & broken & Q(met_at__isnull=True))
    aggregates["unanswered"] = Count("id", filter=broken & Q(closed_at__isnull=True))
    present = Case(
        When(started_at__gte=question.start, then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )
    rows = facts(both).annotate(present=present).values("present").order_by().annotate(**aggregates)
    found = {row["present"]: _totals_from(row) for row in rows}
    return found.get(True, _NOTHING), found.get(False, _NOTHING)


def _totals_from(row: Mapping[str, Any]) -> Totals:
    rates = {target: measures.rate_from(row, target) for target in TARGETS}
    ranges = [(label, row[f"ok_{place}"], row[f"late_{place}"]) for place, (_, label) in enumerate(RANGES)]
    touch = rates["first_touch"]
    return Totals(
        rates=rates,
        responses={50: touch.median, 75: row["p75"], 90: touch.p90, 95: row["p95"]},
        ranges=[*ranges, (NEVER, 0, row["never"])],
        unanswered=row["unanswered"],
    )


@dataclass(frozen=True, slots=True)
class Group:
    """One row of a split. key: a member's or team's id, a source, a campaign, a tier's slug; None: nobody."""

    key: UUID | str | None
    name: str
    rates: Mapping[str, Rate]
    note: str = ""

    @property
    def first_touch(self) -> Rate:
        return self.rates["first_touch"]

    @property
    def decision(self) -> Rate:
        return self.rates["decision"]


def groups(question: Question, by: str, *, now: datetime, names: Names) -> list[Group]:
    """The numbers of each group, the lowest first-touch rate first, those without a rate last; one query."""
    column = SPLITS[by][0]
    aggregates: dict[str, Any] = {}
    for target in TARGETS:
        aggregates |= measures.rate_aggregates(target, now)
    rows = facts(question).values(column).order_by().annotate(**aggregates)
    found = []
    for row in rows:
        rates = {target: measures.rate_from(row, target) for target in TARGETS}
        name, note = names.of(by, row[column])
        found.append(Group(row[column], name, rates, note))
    return sorted(found, key=_worst_first)


def _worst_first(group: Group) -> tuple[bool, float, int, str]:
    percent = group.first_touch.percent
    return percent is None, percent or 0.0, -group.first_touch.all, group.name.casefold()


@dataclass(frozen=True, slots=True)
class Course:
    """First-touch rates over time, in per cent, None where nothing counted: of all, and of each group."""

    labels: list[date]
    whole: list[float | None]
    base: list[int]
    of_group: Mapping[UUID | str | None, list[float | None]]


def course(question: Question, by: str, *, now: datetime) -> Course:
    """How the rate went by day, or by week over long periods; one query."""
    column = SPLITS[by][0]
    step: Any = (
        TruncWeek("started_at", tzinfo=question.zone)
        if question.by_week
        else TruncDate("started_at", tzinfo=question.zone)
    )
    rows = (
        facts(question)
        .filter(target="first_touch")
        .annotate(step=step)
        .values_list(column, "step")
        .order_by()
        .annotate(
            kept=Count("id", filter=is_verdict(Verdict.KEPT, now)),
            broken=Count("id", filter=is_verdict(Verdict.BROKEN, now)),
        )
    )
    labels = _steps(question)
    places = {day: place for place, day in enumerate(labels)}
    kept: dict[Any, list[int]] = {}
    base: dict[Any, list[int]] = {}
    all_kept, all_base = [0] * len(labels), [0] * len(labels)
    for key, at, ok, late in rows:
        place = places[at.date() if isinstance(at, datetime) else at]
        kept.setdefault(key, [0] * len(labels))[place] += ok
        base.setdefault(key, [0] * len(labels))[place] += ok + late
        all_kept[place] += ok
        all_base[place] += ok + late
    return Course(
        labels=labels,
        whole=_percents(all_kept, all_base),
        base=all_base,
        of_group={key: _percents(kept[key], base[key]) for key in kept},
    )


def _steps(question: Question) -> list[date]:
    if not question.by_week:
        return [question.first + timedelta(days=day) for day in range(question.days)]
    monday = question.first - timedelta(days=question.first.weekday())
    weeks = (question.last - monday).days // 7 + 1
    return [monday + timedelta(weeks=week) for week in range(weeks)]


def _percents(kept: Iterable[int], base: Iterable[int]) -> list[float | None]:
    return [round(100 * ok / all_, 1) if all_ else None for ok, all_ in zip(kept, base, strict=True)]


# --- Names ---


@dataclass(frozen=True, slots=True)
class Names:
    """Names of members (with their team's) and teams."""

    members: Mapping[UUID, tuple[str, UUID | None, bool]]
    teams: Mapping[UUID, str]
    tiers: Mapping[str, str]

    def of(self, by: str, key: Any) -> tuple[str, str]:
        """(name, small print) of a group."""
        if by == "rep":
            if key is None:
                return "Nobody yet", "never had an owner"
            name, team, active = self.members.get(key, ("Somebody unknown", None, False))
            return name, ("left" if not active else self.teams.get(team, "") if team else "")
        if by == "team":
            return (self.teams.get(key, "A former team"), "") if key else ("No team", "")
        if by == "tier":
            return self.tiers.get(key) or humanise(key), ""
        return key or f"No {by} given", ""


def humanise(slug: str) -> str:
    """A slug as words: "demo_request" is "Demo request"."""
    return slug.replace("_", " ").replace("-", " ").capitalize() or "No tier"


def load_names(tiers: Mapping[str, str] | None = None) -> Names:
    """Names of everybody, those who left too, and of every team that has somebody; one query."""
    members: dict[UUID, tuple[str, UUID | None, bool]] = {}
    teams: dict[UUID, str] = {}
    people = Member.objects.order_by("team__name", "id")
    for row in people.values_list("id", "name", "is_active", "team_id", "team__name"):
        member_id, name, active, team_id, team_name = row
        members[member_id] = (name, team_id, active)
        if team_id is not None:
            teams[team_id] = team_name
    return Names(members, teams, tiers or {})


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters offer: values that occur in the period, whatever else is chosen."""

    sources: list[str]
    tiers: dict[str, str]
    teams: set[UUID]


def choices(question: Question) -> Choices:
    """Sources, tiers (slug: name) and teams that the period has; one query."""
    plain = replace(question, team=None, member=None, source=None, campaign=None, tier=None, without=())
    rows = facts(plain).order_by().values_list("source", "tier", "tier_name", "team_id").distinct()
    sources: set[str] = set()
    tiers: dict[str, str] = {}
    teams: set[UUID] = set()
    for source, tier, tier_name, team_id in rows:
        sources.add(source)
        tiers[tier] = tier_name or tiers.get(tier, "") or humanise(tier)
        if team_id is not None:
            teams.add(team_id)
    return Choices(
        sorted(sources, key=str.casefold), dict(sorted(tiers.items(), key=lambda each: each[1])), teams
    )


# --- The leads behind the numbers ---


def clocks_behind(
    question: Question,
    *,
    now: datetime,
    target: str | None = None,
    verdict: Verdict | None = None,
    answered: bool = False,
    unanswered: bool = False,
) -> QuerySet[TargetFact]:
    """The clocks that one number counts, with their leads: exactly those, so that lists and numbers agree.

    answered: those with a response time. unanswered: those that somebody can still answer.
    """
    found = facts(question).select_related("handoff__lead")
    if target is not None:
        found = found.filter(target=target)
    if verdict is not None:
        found = found.filter(is_verdict(verdict, now))
    if answered:
        found = found.filter(ANSWERED)
    if unanswered:
        found = found.filter(closed_at__isnull=True)
    return found


def stories(rows: Iterable[TargetFact], *, names: Names) -> dict[UUID, list[tuple[str, datetime | None]]]:
    """What happened to each of these clocks, by fact: (words, when) in order; one query for any number.

    Warnings and moves come from the record; an answer and an end from the clock itself.
    """
    wanted = list(rows)
    timers, handoffs = [row.id for row in wanted], {row.handoff_id for row in wanted}
    warnings = TimerEvent.objects.filter(handoff_id__in=handoffs, timer_id__in=timers, percent__lt=100)
    later_owners = Assignment.objects.filter(handoff_id__in=handoffs, hop__gt=0)
    nobody = Value(None, output_field=UUIDField())
    record = warnings.values_list("timer_id", "fired_at", nobody).union(
        later_owners.values_list("handoff_id", "started_at", "member_id"), all=True
    )
    warned: dict[UUID, datetime] = {}
    moves: dict[UUID, list[tuple[datetime, str]]] = {}
    for key, at, member_id in record:
        if member_id is None:
            warned[key] = max(at, warned.get(key, at))
        else:
            moves.setdefault(key, []).append((at, names.of("rep", member_id)[0]))
    told: dict[UUID, list[tuple[str, datetime | None]]] = {}
    for row in wanted:
        story: list[tuple[str, datetime | None]] = []
        if row.id in warned:
            story.append(("Warned", warned[row.id]))
        story += [(f"Moved to {name}", at) for at, name in moves.get(row.handoff_id, ())]
        if row.met_at is not None:
            story.append(("Answered", row.met_at))
        elif row.closed_at is not None and row.verdict != "cancelled":
            story.append(("Ended unanswered", row.closed_at))
        elif row.verdict == "cancelled":
            story.append(("Called off", row.closed_at))
        told[row.id] = sorted(story, key=lambda each: each[1] or row.due_at)
    return told


# --- Volume: leads by source, month and owner, history included ---


@dataclass(frozen=True, slots=True)
class Volume:
    """One row: how many became MQL, and how many were won, in the period."""

    key: UUID | str | date | None
    name: str
    mqls: int
    won: int


def volume(question: Question, by: str, *, names: Names) -> list[Volume]:
    """MQLs that started and deals that were won in the period, by "source", "month" or "owner"; two queries.

    A deal counts in the period in which it was won, whenever its lead came. Imported history counts,
    drills do not.
    """
    started = _handoffs(question).filter(started_at__gte=question.start, started_at__lt=question.end)
    won = _handoffs(question).filter(
        outcome=Handoff.Outcome.WON, closed_at__gte=question.start, closed_at__lt=question.end
    )
    mqls, deals = (
        Counter(_count_by(started, by, "started_at", question)),
        Counter(_count_by(won, by, "closed_at", question)),
    )
    rows = [Volume(key, _volume_name(by, key, names), mqls[key], deals[key]) for key in {*mqls, *deals}]
    if by == "month":
        return sorted(rows, key=lambda row: str(row.key))
    return sorted(rows, key=lambda row: (-row.mqls, -row.won, row.name.casefold()))


def _handoffs(question: Question) -> QuerySet[Handoff]:
    found: QuerySet[Handoff] = Handoff.objects.filter(is_test=False)
    found = found.filter(_in_sight(question, "owner__team_id", "owner_id"))
    if question.source is not None:
        found = found.filter(source=question.source)
    if question.member is not None:
        found = found.filter(owner_id=question.member)
    return found.filter(owner__isnull=True) if "member_id" in question.without else found


def _count_by(found: QuerySet[Handoff], by: str, at: str, question: Question) -> dict[Any, int]:
    columns: dict[str, Any] = {
        "source": F("source"),
        "owner": F("owner_id"),
        "month": TruncMonth(at, tzinfo=question.zone),
    }
    rows = found.annotate(key=columns[by]).values_list("key").order_by().annotate(Count("id"))
    return {at.date() if isinstance(at, datetime) else at: count for at, count in rows}


def _volume_name(by: str, key: Any, names: Names) -> str:
    if by == "month":
        return f"{key:%B %Y}"
    return names.of("rep" if by == "owner" else "source", key)[0]


def leads_behind(question: Question, *, won: bool) -> QuerySet[Handoff]:
    """The handoffs that a number of `volume` counts, with their leads."""
    at = "closed_at" if won else "started_at"
    found = _handoffs(question).filter(**{f"{at}__gte": question.start, f"{at}__lt": question.end})
    return (found.filter(outcome=Handoff.Outcome.WON) if won else found).select_related("lead", "owner")
