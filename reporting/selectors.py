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

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    Count,
    DateField,
    F,
    Q,
    QuerySet,
    SmallIntegerField,
    UUIDField,
    Value,
    When,
)
from django.db.models.functions import Cast, TruncDate, TruncMonth, TruncWeek
from django.db.models.lookups import Exact

from handoff.selectors import SEES_ALL
from leads.models import Assignment, Handoff
from reporting import measures
from reporting.measures import ANSWERED, NEVER, RANGES, TARGETS, Rate, Verdict, is_verdict
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


@dataclass(frozen=True, slots=True)
class Course:
    """First-touch rates by day, or by week over long periods, in per cent; None where nothing counted. base:
    how many counted of all. of_group: by a group's key."""

    labels: list[date]
    whole: list[float | None]
    base: list[int]
    of_group: Mapping[UUID | str | None, list[float | None]]


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to a question. before: the first-touch and decision rates of the period right before.
    groups: the lowest first-touch rate first, those without a rate last."""

    whole: Totals
    before: Mapping[str, Rate]
    groups: list[Group]
    course: Course


_NO_TIMES: Final[list[int | None]] = [None, None, None, None]

# The period's clocks and those of the period before are fetched once; everything is counted from that. The
# memory is for sorting one period, in this transaction only.
_REPORT: Final = """
set local work_mem = '32MB';
with f as materialized ({facts})
select 'cube', key::text, step::text, what, stands, count(*), null::int[] from f where present
    group by key, step, what, stands
union all
select 'kind', place::text, concat_ws(' ', present, answered, closed), what, stands, count(*), null
    from f group by present, what, stands, place, answered, closed
union all
select 'group', key::text, null, what, null, count(seconds),
    percentile_disc(array[0.5, 0.9]) within group (order by seconds)
    from f where present group by key, what
union all
select 'whole', present::text, null, what, null, count(seconds),
    percentile_disc(array[0.5, 0.75, 0.9, 0.95]) within group (order by seconds)
    from f group by present, what
"""


@dataclass(slots=True)
class _Counted:
    """What the database counted. cube: (key, step, target, verdict). kinds: (place, (present, answered,
    closed), target, verdict). times: ("group", key, target) or ("whole", present, target) to how many were
    answered, and within which seconds which share."""

    cube: Counter[tuple[Any, str, str, str]]
    kinds: Counter[tuple[str, tuple[str, ...], str, str]]
    times: dict[tuple[str, Any, str], tuple[int, list[int | None]]]

    def taken(self, part: str, key: Any, target: str) -> tuple[int, list[int | None]]:
        count, shares = self.times.get((part, key, target), (0, None))
        return count, shares or _NO_TIMES


def report(question: Question, by: str, *, now: datetime, names: Names) -> Report:
    """All numbers of a question, split by `by`; one query."""
    counted = _Counted(Counter(), Counter(), {})
    targets, verdicts = list(TARGETS), [verdict.value for verdict in Verdict]
    keys: dict[str | None, UUID | str | None] = {}  # one object a key, however many rows name it
    for part, a, b, what, stand, count, shares in _rows(question, by, now):
        target, stands = targets[what], "" if stand is None else verdicts[stand]
        if part == "cube":
            if a not in keys:
                keys[a] = _key(by, a)
            counted.cube[keys[a], b, target, stands] = count
        elif part == "kind":
            counted.kinds[a, tuple(b.split()), target, stands] = count
        else:
            counted.times[part, _key(by, a) if part == "group" else a == "true", target] = count, shares
    return Report(
        whole=_totals(counted),
        before={target: _rate_of_whole(target, counted, present=False) for target in TARGETS},
        groups=_groups(by, counted, names),
        course=_course(question, counted.cube),
    )


def _rows(question: Question, by: str, now: datetime) -> list[tuple[Any, ...]]:
    truncate: Any = TruncWeek if question.by_week else TruncDate
    sub = (
        facts(replace(question, first=question.before.first))
        .annotate(
            key=F(SPLITS[by][0]),
            step=Cast(truncate("started_at", tzinfo=question.zone), DateField()),
            what=_place_of(F("target"), list(TARGETS)),
            stands=_place_of(measures.verdict_at(now), [verdict.value for verdict in Verdict]),
            seconds=Case(When(ANSWERED, then=F("business_seconds"))),
            place=measures.range_of_response(),
            present=_is(Q(started_at__gte=question.start)),
            answered=_is(Q(met_at__isnull=False)),
            closed=_is(Q(closed_at__isnull=False)),
        )
        .order_by()
        .values("key", "step", "what", "stands", "seconds", "place", "present", "answered", "closed")
    )
    try:
        sql, values = sub.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_REPORT.format(facts=sql), values)
        return list(cursor.fetchall())


def _place_of(value: Any, known: list[str]) -> Case:
    """The place of a text in a list: numbers are grouped and sorted several times quicker than text."""
    places = [When(Exact(value, Value(text)), then=Value(place)) for place, text in enumerate(known)]
    return Case(*places, output_field=SmallIntegerField())


def _is(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())


def _key(by: str, text: str | None) -> UUID | str | None:
    return UUID(text) if text is not None and by in ("rep", "team") else text


def _rate(stands: Mapping[str, int], taken: tuple[int, list[int | None]], p90_at: int) -> Rate:
    return Rate(
        kept=stands.get("met", 0),
        broken=stands.get("missed", 0),
        running=stands.get("open", 0),
        called_off=stands.get("cancelled", 0),
        answered=taken[0],
        median=taken[1][0],
        p90=taken[1][p90_at],
    )


def _rate_of_whole(target: str, counted: _Counted, *, present: bool) -> Rate:
    stands: Counter[str] = Counter()
    for (_, flags, of, stand), count in counted.kinds.items():
        if of == target and (flags[0] == "t") == present:
            stands[stand] += count
    return _rate(stands, counted.taken("whole", present, target), 2)


def _totals(counted: _Counted) -> Totals:
    ranges: list[list[int]] = [[0, 0] for _ in RANGES]
    never = unanswered = 0
    for (place, (present, answered, closed), target, stand), count in counted.kinds.items():
        if present != "t" or stand not in ("met", "missed"):
            continue
        if stand == "missed" and closed == "f":
            unanswered += count
        if target != "first_touch":
            continue
        if answered == "t":
            ranges[int(place)][stand == "missed"] += count
        else:
            never += count
    bars = [(label, ranges[place][0], ranges[place][1]) for place, (_, label) in enumerate(RANGES)]
    _, shares = counted.taken("whole", True, "first_touch")
    return Totals(
        rates={target: _rate_of_whole(target, counted, present=True) for target in TARGETS},
        responses=dict(zip((50, 75, 90, 95), shares, strict=True)),
        ranges=[*bars, (NEVER, 0, never)],
        unanswered=unanswered,
    )


def _groups(by: str, counted: _Counted, names: Names) -> list[Group]:
    stands: dict[Any, dict[str, Counter[str]]] = {}
    for (key, _, target, stand), count in counted.cube.items():
        of_key = stands.get(key)
        if of_key is None:
            of_key = stands[key] = {name: Counter() for name in TARGETS}
        of_key[target][stand] += count
    found = []
    for key, of_target in stands.items():
        rates = {
            target: _rate(of_target[target], counted.taken("group", key, target), 1) for target in TARGETS
        }
        name, note = names.of(by, key)
        found.append(Group(key, name, rates, note))
    return sorted(found, key=_worst_first)


def _worst_first(group: Group) -> tuple[bool, float, int, str]:
    percent = group.first_touch.percent
    return percent is None, percent or 0.0, -group.first_touch.all, group.name.casefold()


def _course(question: Question, cube: Mapping[Any, int]) -> Course:
    labels = _steps(question)
    places = {day.isoformat(): place for place, day in enumerate(labels)}
    kept: dict[Any, list[int]] = {}
    base: dict[Any, list[int]] = {}
    all_kept, all_base = [0] * len(labels), [0] * len(labels)
    for (key, step, target, stand), count in cube.items():
        if target != "first_touch" or stand not in ("met", "missed"):
            continue
        place, ok = places[step], count if stand == "met" else 0
        if key not in base:
            kept[key], base[key] = [0] * len(labels), [0] * len(labels)
        kept[key][place] += ok
        base[key][place] += count
        all_kept[place] += ok
        all_base[place] += count
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
    """The clocks that one number counts: exactly those, so that lists and numbers agree.

    answered: those with a response time. unanswered: those that somebody can still answer.
    """
    found = facts(question)
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
