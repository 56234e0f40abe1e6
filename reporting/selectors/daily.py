"""Counts by day: what is put together by month, by week and over rolling days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate

from reporting.definitions import COUNTS
from reporting.measures import Rate, Verdict, has_passed, verdict_at
from reporting.selectors.handoff_cells import HandoffGround, rows_of
from reporting.selectors.questions import Question, facts
from reporting.selectors.rolled import Ground, cube_for, day_cells

#: Counts of handoffs by day of MQL, by the names of definitions.COUNTS.
DailyCounts = dict[date, Counter[str]]
#: Clocks by target and by the day on which they started: by verdict.
DailyClocks = dict[str, dict[date, Counter[str]]]

_DAILY: Final = "set local jit = off; select day, {sums} from ({rows}) as cell group by day"


def daily_counts(
    question: Question, ground: HandoffGround | None, names: Collection[str] = tuple(COUNTS)
) -> DailyCounts:
    """Handoffs of each day that has any, by these names of COUNTS. One query."""
    rows = rows_of(question, None, ground, by_day=True)
    if rows is None:
        return {}
    sums = ", ".join(f"sum({name})::bigint" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(_DAILY.format(sums=sums, rows=rows.sql), rows.params)
        return {day: Counter(dict(zip(names, numbers, strict=True))) for day, *numbers in cursor.fetchall()}


def daily_amounts(question: Question, ground: HandoffGround | None) -> dict[date, Decimal]:
    """The amounts of their opportunities, by day of MQL, in the organisation's currency. One query."""
    rows = rows_of(question, None, ground, by_day=True)
    if rows is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_DAILY.format(sums="sum(amount)", rows=rows.sql), rows.params)
        return dict(cursor.fetchall())


def daily_clocks(
    question: Question, targets: Collection[str], *, now: datetime, ground: Ground | None
) -> DailyClocks:
    """Clocks of these targets by the day on which they started. Two queries at most."""
    found: DailyClocks = {target: {} for target in targets}

    def day_of(target: str, day: date) -> Counter[str]:
        return found[target].setdefault(day, Counter())

    own = facts(question).filter(target__in=targets)
    day = TruncDate("started_at", tzinfo=question.zone)
    cube = cube_for(question, None, ground)
    if cube is None:
        counted = own.annotate(day=day, stands=verdict_at(now)).order_by()
        for each in counted.values("target", "day", "stands").annotate(n=Count("id")):
            counts = day_of(each["target"], each["day"])
            counts[each["stands"]] += each["n"]
        return found
    sums = {"met": Sum("kept"), "missed": Sum("broken"), "open": Sum("running")}
    sums["cancelled"] = Sum("called_off")
    cells = day_cells(question, cube).filter(target__in=targets).order_by()
    rows: Any = cells.values("target", "day").annotate(**sums)
    for row in rows:
        counts = day_of(row["target"], row["day"])
        counts.update({verdict.value: row[verdict.value] for verdict in Verdict})
    # Deadlines that passed and that the engine has not noted: cells count them as running.
    passed = own.filter(has_passed(now)).annotate(started_on=day)
    for target, started_on in passed.values_list("target", "started_on"):
        counts = day_of(target, started_on)
        counts[Verdict.BROKEN.value] += 1
        counts[Verdict.RUNNING.value] -= 1
    return found


def rate_of_clocks(counts: Counter[str]) -> Rate:
    """The same as a rate, without response times."""
    return Rate(
        kept=counts[Verdict.KEPT],
        broken=counts[Verdict.BROKEN],
        running=counts[Verdict.RUNNING],
        called_off=counts[Verdict.CALLED_OFF],
    )
