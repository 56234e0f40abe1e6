"""What a report counts, from the facts themselves: any question, at the cost of every clock it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, Case, Count, F, Q, QuerySet, SmallIntegerField, Value, When
from django.db.models.functions import TruncDate
from django.db.models.lookups import Exact

from reporting import measures
from reporting.measures import ANSWERED, RANGES, Verdict
from reporting.models import TargetFact
from reporting.reading import FOR_REPORTS
from reporting.selectors.questions import SPLITS, Question, facts

Key = UUID | str | None
#: Within how many seconds so many per cent answered; None where nobody did.
Shares = Mapping[int, int | None]
#: Shares of the whole, and of a group.
OF_WHOLE: Final = (50, 75, 90, 95)
OF_GROUP: Final = (50, 90)
NO_SHARES: Final[Shares] = dict.fromkeys(OF_WHOLE)


@dataclass(slots=True)
class Counted:
    """Clocks counted. Verdicts are the words of `Verdict`.

    groups: by key and target, clocks by verdict. courses: by key and verdict, clocks of the leading target
    by the place of their day or week. whole: by (present, target), clocks by verdict. unanswered: broken ones
    of the present that can still be answered. bars: of the leading target by the place of their response
    time, kept and broken; the last was never answered. group_times, whole_times: by (key, target) and by
    (present, target), how many answered and how quickly.
    """

    groups: dict[Key, dict[str, Counter[str]]] = field(default_factory=dict)
    courses: dict[Key, dict[str, Counter[int]]] = field(default_factory=dict)
    whole: dict[tuple[bool, str], Counter[str]] = field(default_factory=dict)
    unanswered: int = 0
    bars: list[list[int]] = field(default_factory=lambda: [[0, 0] for _ in range(len(RANGES) + 1)])
    group_times: dict[tuple[Key, str], tuple[int, Shares]] = field(default_factory=dict)
    whole_times: dict[tuple[bool, str], tuple[int, Shares]] = field(default_factory=dict)

    excused: Counter[tuple[Key, str]] = field(default_factory=Counter)  # of the broken, by key and target

    def add_to_group(self, key: Key, target: str, verdicts: Mapping[str, int]) -> None:
        self.groups.setdefault(key, {}).setdefault(target, Counter()).update(verdicts)

    def add_to_whole(self, present: bool, target: str, verdicts: Mapping[str, int]) -> None:
        self.whole.setdefault((present, target), Counter()).update(verdicts)


# The period's clocks and those of the period before are read once, and both countings come from one pass.
# Clocks of the period before have neither key nor step, for they are told as a whole only.
_REPORT: Final = """
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


def count_facts(question: Question, by: str, *, now: datetime, first_step: date) -> Counted:
    """Everything a report says of the question, and of the period before, exactly; two queries.

    first_step: the first day or Monday that the course is drawn by.
    """
    counted = Counted()
    counted.excused.update({(key, what): n for key, what, n in excused_facts(question, by, now=now)})
    targets, verdicts = question.targets, [verdict.value for verdict in Verdict]
    keys: dict[str | None, Key] = {}  # one object a key, however many rows name it
    for part, text, present, what, stand, place, closed, count, numbers, counts in _rows(
        question, by, now, first_step
    ):
        target, verdict = targets[what], "" if stand is None else verdicts[stand]
        if text not in keys:
            keys[text] = key_of(by, text)
        key = keys[text]
        if part == "group":
            counted.add_to_group(key, target, {verdict: count})
        elif part == "course":
            counted.courses.setdefault(key, {})[verdict] = Counter(dict(zip(numbers, counts, strict=True)))
        elif part == "whole":
            counted.add_to_whole(present, target, {verdict: count})
            if present and verdict in (Verdict.KEPT, Verdict.BROKEN):
                is_broken = verdict == Verdict.BROKEN
                counted.unanswered += count if is_broken and not closed else 0
                if target == question.lead_target and (is_broken or place < len(RANGES)):
                    counted.bars[place][is_broken] += count
        elif part == "group times":
            counted.group_times[key, target] = count, dict(zip(OF_GROUP, numbers, strict=True))
        else:
            counted.whole_times[present, target] = count, dict(zip(OF_WHOLE, numbers, strict=True))
    return counted


def _rows(question: Question, by: str, now: datetime, first_step: date) -> list[tuple[Any, ...]]:
    known, targets = [verdict.value for verdict in Verdict], question.targets
    ignoring = question.ignore_pauses
    in_range = measures.range_of_response(ignore_pauses=ignoring)
    sub = (
        facts(replace(question, first=question.before.first))
        .annotate(
            key=F(SPLITS[by][0]),
            day=TruncDate("started_at", tzinfo=question.zone),
            what=_place_of(F("target"), targets),
            stands=_place_of(measures.verdict_at(now, ignore_pauses=ignoring), known),
            seconds=Case(When(ANSWERED, then=measures.seconds_needed(ignore_pauses=ignoring))),
            # Without a working time: never answered, or recorded elsewhere (then late ones are told so).
            place=Case(When(ANSWERED, then=in_range), default=Value(len(RANGES))),
            present=is_true(Q(started_at__gte=question.start)),
            closed=is_true(Q(closed_at__isnull=False)),
        )
        .order_by()
        .values("key", "day", "what", "stands", "seconds", "place", "present", "closed")
    )
    try:
        sql, values = sub.query.sql_with_params()
    except EmptyResultSet:
        return []
    drawn = (targets.index(question.lead_target), known.index(Verdict.KEPT), known.index(Verdict.BROKEN))
    with connection.cursor() as cursor:
        cursor.execute(
            FOR_REPORTS + _REPORT.format(facts=sql), [first_step, question.step_days, *values, *drawn]
        )
        return list(cursor.fetchall())


def excused_facts(question: Question, by: str, *, now: datetime) -> QuerySet[TargetFact, Any]:
    """(key, target, number) of the period's broken clocks whose excuse was approved; on their own index."""
    broken = measures.is_verdict(Verdict.BROKEN, now, ignore_pauses=question.ignore_pauses)
    found = facts(question).filter(broken, excused=True)
    return found.order_by().values_list(SPLITS[by][0], "target").annotate(Count("id"))


def key_of(by: str, text: str | None) -> Key:
    """A group's key as the database writes it."""
    return UUID(text) if text is not None and by in ("rep", "team") else text


def _place_of(value: Any, known: list[str]) -> Case:
    """The place of a text in a list: numbers are grouped and sorted several times quicker than text."""
    places = [When(Exact(value, Value(text)), then=Value(place)) for place, text in enumerate(known)]
    return Case(*places, output_field=SmallIntegerField())


def is_true(condition: Q) -> Case:
    """A condition as a column of true and false."""
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())
