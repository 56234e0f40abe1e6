"""At which hours of the week the clocks started that were answered late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, F, IntegerField, Sum, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from reporting import measures
from reporting.measures import Verdict, has_passed
from reporting.selectors.questions import Question, facts, hour_of_week
from reporting.selectors.rolled import Ground, cube_for, day_cells

HOURS: Final = 24 * 7
#: Clocks below which an hour, or what is said of some, means nothing.
LEAST: Final = 5


@dataclass(frozen=True, slots=True)
class Hour:
    """The clocks of the leading target that started in one hour of the week, over a whole period."""

    broken: int
    base: int

    @property
    def percent(self) -> float | None:
        return 100 * self.broken / self.base if self.base else None


def by_hour(question: Question, *, now: datetime, ground: Ground | None = None) -> list[Hour]:
    """168 hours from Monday's midnight on, in the organisation's zone. One query."""
    cube = cube_for(question, "hour", ground)
    found = _of_facts(question, now) if cube is None else _of_cells(question, cube, now)
    broken, base = Counter[int](), Counter[int]()
    for hour, late, kept in found:
        broken[hour] += late
        base[hour] += late + kept
    return [Hour(broken[hour], base[hour]) for hour in range(HOURS)]


def _of_facts(question: Question, now: datetime) -> Iterable[tuple[int, int, int]]:
    late = measures.is_verdict(Verdict.BROKEN, now, ignore_pauses=question.ignore_pauses)
    kept = measures.is_verdict(Verdict.KEPT, now, ignore_pauses=question.ignore_pauses)
    judged = facts(question).filter(late | kept, target=question.lead_target).order_by()
    by_hour = judged.annotate(hour=hour_of_week(question.zone)).values("hour")
    counted = by_hour.annotate(late=Count("id", filter=late), kept=Count("id", filter=kept))
    return counted.values_list("hour", "late", "kept")


def _of_cells(question: Question, cube: str, now: datetime) -> Iterable[tuple[int, int, int]]:
    """Those of the cells, and of each deadline that passed unnoted, which cells count as running."""
    late: Combinable = F("broken")
    kept: Combinable = F("kept")
    if question.ignore_pauses:
        late = late + F("kept_by_pause") + F("called_off_by_pause")
        kept = kept - F("kept_by_pause")
    counted = (
        day_cells(question, cube)
        .filter(target=question.lead_target)
        .order_by()
        .values(hour=Cast("value", IntegerField()))
        .annotate(late=Sum(late), kept=Sum(kept))
    )
    passed = has_passed(now, ignore_pauses=question.ignore_pauses)
    unnoted = facts(question).filter(passed, target=question.lead_target).order_by()
    return counted.values_list("hour", "late", "kept").union(
        unnoted.values_list(Cast(hour_of_week(question.zone), IntegerField()), Value(1), Value(0)), all=True
    )
