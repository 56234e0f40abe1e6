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
    F,
    Q,
    QuerySet,
    SmallIntegerField,
    UUIDField,
    Value,
    When,
)
from django.db.models.functions import TruncDate, TruncMonth
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

# The period's clocks and those of the period before are read once, and both countings come from one pass.
# Clocks of the period before have neither key nor step, for they are told as a whole only. The memory is for
# sorting one report, in this transaction only, and compiling such a query takes longer than running it.
_REPORT: Final = """
set local work_mem = '32MB';
set local jit = off;
with clock as materialized (
    select present, what, stands, place, closed, seconds, case when present then key end as key,
        case when present then (day - %s) / %s end as step
    from ({facts}) as clocks
), counted as materialized (
    select present, key, step, what, stands, place, closed, grouping(step, place) as part, count(*) as n
    from clock
    group by grouping sets ((present, key, step, what, stands), (present, what, stands, place, closed))
)
select 'group', key::text, present, what, stands, null::int, null::bool, sum(n)::int, null::int[], null::int[]
    from counted where part = 1 and present group by key, present, what, stands
union all
select 'course', key::text, present, what, stands, null, null, sum(n)::int, array_agg(step), array_agg(n::int)
    from counted where part = 1 and present and what = %s and stands in (%s, %s)
    group by key, present, what, stands
union all
select 'whole', null, present, what, stands, place, closed, n::int, null, null from counted where part = 2
union all
select 'group times', key::text, true, what, null, null, null, count(*)::int,
    percentile_disc(array[0.5, 0.9]) within group (order by seconds), null
    from clock where present and seconds is not null group by key, what
union all
select 'whole times', null, present, what, null, null, null, count(*)::int,
    percentile_disc(array[0.5, 0.75, 0.9, 0.95]) within group (order by seconds), null
    from clock where seconds is not null group by present, what
"""


_Key = UUID | str | None
_Times = tuple[int, list[int | None]]


@dataclass(slots=True)
class _Counted:
    """What the database counted. groups: by key and target, clocks by verdict. courses: by key and verdict,
    first touches by the place of their day or week. whole: (present, target, verdict, place of the response
    time, closed). times: by ("group", key, target) or ("whole", present, target), how many were answered, and
    within which seconds which share."""

    groups: dict[_Key, dict[str, dict[str, int]]]
    courses: dict[_Key, dict[str, dict[int, int]]]
    whole: Counter[tuple[bool, str, str, int, bool]]
    times: dict[tuple[str, Any, str], _Times]

    def taken(self, part: str, key: Any, target: str) -> _Times:
        return self.times.get((part, key, target), (0, _NO_TIMES))


def report(question: Question, by: str, *, now: datetime, names: Names) -> Report:
    """All numbers of a question, split by `by`; one query."""
    counted = _Counted({}, {}, Counter(), {})
    targets, verdicts = list(TARGETS), [verdict.value for verdict in Verdict]
    keys: dict[str | None, _Key] = {}  # one object a key, however many rows name it
    for part, text, present, what, stand, place, closed, count, numbers, counts in _rows(question, by, now):
        target, verdict = targets[what], "" if stand is None else verdicts[stand]
        if text not in keys:
            keys[text] = _key(by, text)
        key = keys[text]
        if part == "group":
            counted.groups.setdefault(key, {name: {} for name in TARGETS})[target][verdict] = count
        elif part == "course":
            counted.courses.setdefault(key, {})[verdict] = dict(zip(numbers, counts, strict=True))
        elif part == "whole":
            counted.whole[present, target, verdict, place, closed] = count
        elif part == "group times":
            counted.times["group", key, target] = count, numbers
        else:
            counted.times["whole", present, target] = count, numbers
    return Report(
        whole=_totals(counted),
        before={target: _rate_of_whole(target, counted, present=False) for target in TARGETS},
        groups=_groups(by, counted, names),
        course=_course(question, counted.courses),
    )


def _rows(question: Question, by: str, now: datetime) -> list[tuple[Any, ...]]:
    known = [verdict.value for verdict in Verdict]
    sub = (
        facts(replace(question, first=question.before.first))
        .annotate(
            key=F(SPLITS[by][0]),
            day=TruncDate("started_at", tzinfo=question.zone),
            what=_place_of(F("target"), list(TARGETS)),
            stands=_place_of(measures.verdict_at(now), known),
            seconds=Case(When(ANSWERED, then=F("business_seconds"))),
            place=Case(
                When(met_at__isnull=True, then=Value(len(RANGES))), default=measures.range_of_response()
            ),
            present=_is(Q(started_at__gte=question.start)),
            closed=_is(Q(closed_at__isnull=False)),
        )
        .order_by()
        .values("key", "day", "what", "stands", "seconds", "place", "present", "closed")
    )
    try:
        sql, values = sub.query.sql_with_params()
    except EmptyResultSet:
        return []
    first_step = _steps(question)[0]
    drawn = (list(TARGETS).index("first_touch"), known.index(Verdict.KEPT), known.index(Verdict.BROKEN))
    with connection.cursor() as cursor:
        cursor.execute(_REPORT.format(facts=sql), [first_step, 7 if question.by_week else 1, *values, *drawn])
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
    for (of_present, of_target, stand, _, _), count in counted.whole.items():
        if of_target == target and of_present == present:
            stands[stand] += count
    return _rate(stands, counted.taken("whole", present, target), 2)


def _totals(counted: _Counted) -> Totals:
    ranges: list[list[int]] = [[0, 0] for _ in range(len(RANGES) + 1)]  # the last is "never"
    unanswered = 0
    for (present, target, stand, place, closed), count in counted.whole.items():
        if not present or stand not in ("met", "missed"):
            continue
        if stand == "missed" and not closed:
            unanswered += count
        if target == "first_touch":
            ranges[place][stand == "missed"] += count
    bars = [(label, ranges[place][0], ranges[place][1]) for place, (_, label) in enumerate(RANGES)]
    _, shares = counted.taken("whole", True, "first_touch")
    return Totals(
        rates={target: _rate_of_whole(target, counted, present=True) for target in TARGETS},
        responses=dict(zip((50, 75, 90, 95), shares, strict=True)),
        ranges=[*bars, (NEVER, 0, sum(ranges[-1]))],
        unanswered=unanswered,
    )


def _groups(by: str, counted: _Counted, names: Names) -> list[Group]:
    found = []
    for key, of_target in counted.groups.items():
        rates = {
            target: _rate(of_target[target], counted.taken("group", key, target), 1) for target in TARGETS
        }
        name, note = names.of(by, key)
        found.append(Group(key, name, rates, note))
    return sorted(found, key=_worst_first)


def _worst_first(group: Group) -> tuple[bool, float, int, str]:
    percent = group.first_touch.percent
    return percent is None, percent or 0.0, -group.first_touch.all, group.name.casefold()


def _course(question: Question, courses: Mapping[_Key, Mapping[str, Mapping[int, int]]]) -> Course:
    labels = _steps(question)
    places = range(len(labels))
    all_kept, all_base = [0] * len(labels), [0] * len(labels)
    of_group = {}
    for key, stands in courses.items():
        kept, broken = stands.get("met", {}), stands.get("missed", {})
        base = [kept.get(place, 0) + broken.get(place, 0) for place in places]
        of_group[key] = _percents([kept.get(place, 0) for place in places], base)
        for place in places:
            all_kept[place] += kept.get(place, 0)
            all_base[place] += base[place]
    return Course(labels=labels, whole=_percents(all_kept, all_base), base=all_base, of_group=of_group)


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
