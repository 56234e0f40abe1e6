"""The spans of time that a rebuild takes one after the other, so that each step stays small and can say how
far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Max, Min

from leads.models import Handoff

#: Before statements that build the facts of a whole organisation. A planner expects no rows of one that its
#: statistics do not know yet, and would compare each of its rows with each.
WHOLE: Final = "set local enable_nestloop = off; set local jit = off"
#: Handoffs that one step takes: those of so many days.
_STEP: Final = timedelta(weeks=4)
#: Facts that one step counts, about, and the most weeks: what is grouped stays within its memory.
_AT_ONCE: Final = 50_000
_MOST_WEEKS: Final = 8
#: Is told the day so far, and the last day.
Progress = Callable[[date, date], None]


def spans(*, zone: str, progress: Progress | None = None) -> Iterator[tuple[datetime, datetime]]:
    """Spans that together hold the starts of all handoffs: first instant, and the first no longer in it.
    progress: is told (day so far, last day) after each."""
    ends = Handoff.objects.aggregate(first=Min("started_at"), last=Max("started_at"))
    start, last, tz = ends["first"], ends["last"], ZoneInfo(zone)
    while start is not None:
        end = start + _STEP
        yield start, end
        if progress is not None:
            progress(min(end, last).astimezone(tz).date(), last.astimezone(tz).date())
        # Not the next span, but the next that holds any: one wrong date may lie centuries before all others.
        start = Handoff.objects.filter(started_at__gte=end).aggregate(first=Min("started_at"))["first"]


def weeks(
    first: datetime, last: datetime, *, count: int, zone: str, progress: Progress | None
) -> Iterator[tuple[datetime, datetime]]:
    """The whole weeks from `first` to `last`, in which about `count` facts lie, as many together as one step
    may count: the first instant of a Monday, and that of the Monday after the last. progress: is told (day so
    far, last day) when a step is done."""
    tz = ZoneInfo(zone)
    first_day, last_day = (instant.astimezone(tz).date() for instant in (first, last))
    monday = first_day - timedelta(days=first_day.weekday())
    number = 1 + (last_day - monday).days // 7
    step = timedelta(weeks=max(1, min(_MOST_WEEKS, number * _AT_ONCE // max(1, count))))
    while monday <= last_day:
        start, end = (datetime.combine(day, time(), tzinfo=tz) for day in (monday, monday + step))
        yield start, end
        monday += step
        if progress is not None:
            progress(min(monday - timedelta(days=1), last_day), last_day)
