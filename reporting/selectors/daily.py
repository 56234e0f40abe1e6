"""Counts by day: what is put together by month, by week and over rolling days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db import connection
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate

from reporting.definitions import COUNTS
from reporting.measures import Rate, Verdict, has_passed, verdict_at
from reporting.reading import FOR_REPORTS
from reporting.selectors.handoff_cells import HandoffGround, rows_of
from reporting.selectors.questions import Question, facts
from reporting.selectors.rolled import Ground, cube_for, day_cells
from tenants.together import Ask, Asks, Row, a_day, answer, number, tuples_of

#: Counts of handoffs by day of MQL, by the names of definitions.COUNTS.
DailyCounts = dict[date, Counter[str]]
#: Clocks by target and by the day on which they started: by verdict.
DailyClocks = dict[str, dict[date, Counter[str]]]

_DAILY: Final = "select day, {sums} from ({rows}) as cell group by day"


def daily_counts(
    question: Question, ground: HandoffGround | None, names: Collection[str] = tuple(COUNTS)
) -> DailyCounts:
    """Handoffs of each day that has any, by these names of COUNTS. One query."""
    return answer(ask_counts(question, ground, names))


def ask_counts(
    question: Question, ground: HandoffGround | None, names: Collection[str] = tuple(COUNTS)
) -> Ask[DailyCounts]:
    """`daily_counts` as a question that may be asked with others."""

    def made(rows: Sequence[Row]) -> DailyCounts:
        return {day: Counter(dict(zip(names, numbers, strict=True))) for day, *numbers in rows}

    relation = rows_of(question, None, ground, by_day=True)
    if relation is None:
        return Ask(None, (), (), made)
    sums = ", ".join(f"sum({name})::bigint" for name in names)
    sql = _DAILY.format(sums=sums, rows=relation.sql)
    return Ask(sql, relation.params, (a_day, *(number for _ in names)), made)


def daily_amounts(question: Question, ground: HandoffGround | None) -> dict[date, Decimal]:
    """The amounts of their opportunities, by day of MQL, in the organisation's currency. One query."""
    rows = rows_of(question, None, ground, by_day=True)
    if rows is None:
        return {}
    with connection.cursor() as cursor:
        daily = _DAILY.format(sums="sum(amount)", rows=rows.sql)
        cursor.execute(FOR_REPORTS + daily, rows.params)
        return dict(cursor.fetchall())


def daily_clocks(
    question: Question, targets: Collection[str], *, now: datetime, ground: Ground | None
) -> DailyClocks:
    """Clocks of these targets by the day on which they started. One query."""
    return answer(ask_clocks(question, targets, now=now, ground=ground))


def ask_clocks(
    question: Question, targets: Collection[str], *, now: datetime, ground: Ground | None
) -> Asks[DailyClocks]:
    """`daily_clocks` as a question that may be asked with others."""

    def made(counted: Sequence[Row], passed: Sequence[Row] = ()) -> DailyClocks:
        found: DailyClocks = {target: {} for target in targets}
        for target, day, stands, number_of in counted:
            found[target].setdefault(day, Counter())[stands] += number_of
        for target, day in passed:
            counts = found[target].setdefault(day, Counter())
            counts[Verdict.BROKEN.value] += 1
            counts[Verdict.RUNNING.value] -= 1
        return found

    own = facts(question).filter(target__in=targets)
    day = TruncDate("started_at", tzinfo=question.zone)
    cube = cube_for(question, None, ground)
    if cube is None:
        counted = own.annotate(day=day, stands=verdict_at(now)).order_by()
        by_verdict = counted.values_list("target", "day", "stands").annotate(n=Count("id"))
        return Asks([tuples_of(by_verdict)], made)
    sums = {"met": Sum("kept"), "missed": Sum("broken"), "open": Sum("running")}
    sums["cancelled"] = Sum("called_off")
    cells = day_cells(question, cube).filter(target__in=targets).order_by()
    summed = cells.values_list("target", "day").annotate(**sums)
    # Deadlines that passed and that the engine has not noted: cells count them as running.
    passed = own.filter(has_passed(now)).annotate(started_on=day).order_by()
    return Asks(
        [
            tuples_of(summed).then(lambda rows: _by_verdict(rows, tuple(sums))),
            tuples_of(passed.values_list("target", "started_on")),
        ],
        made,
    )


def _by_verdict(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    return [
        (target, day, name, number_of)
        for target, day, *numbers in rows
        for name, number_of in zip(names, numbers, strict=True)
    ]


def rate_of_clocks(counts: Counter[str]) -> Rate:
    """The same as a rate, without response times."""
    return Rate(
        kept=counts[Verdict.KEPT],
        broken=counts[Verdict.BROKEN],
        running=counts[Verdict.RUNNING],
        called_off=counts[Verdict.CALLED_OFF],
    )
