"""The numbers of a report: by target, by group and over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, Case, F, Q, SmallIntegerField, Value, When
from django.db.models.functions import TruncDate
from django.db.models.lookups import Exact

from reporting import measures
from reporting.measures import ANSWERED, NEVER, RANGES, TARGETS, Rate, Verdict
from reporting.selectors.names import Names
from reporting.selectors.questions import SPLITS, Question, facts


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
    first_step = steps_of(question)[0]
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
    labels = steps_of(question)
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


def steps_of(question: Question) -> list[date]:
    if not question.by_week:
        return [question.first + timedelta(days=day) for day in range(question.days)]
    monday = question.first - timedelta(days=question.first.weekday())
    weeks = (question.last - monday).days // 7 + 1
    return [monday + timedelta(weeks=week) for week in range(weeks)]


def _percents(kept: Iterable[int], base: Iterable[int]) -> list[float | None]:
    return [round(100 * ok / all_, 1) if all_ else None for ok, all_ in zip(kept, base, strict=True)]
