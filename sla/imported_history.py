"""What imported history says of the first touch, for an organisation whose own clocks are too few to say it.

An import has no clocks and no tiers: what is known is when a lead became an MQL and when it was first
touched. That is measured on today's working hours, of all imported leads together, and says so. Days without
a time are left out, as minutes cannot be read from them; so is what was touched before it became an MQL, and
what nobody knows the end of. A file without any first touch says nothing: silence is not zero.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Max

from core.businesstime import WorkCalendar
from leads.models import Handoff
from sla.proposals import Clocks, Rung

#: Days of the import's end that are looked at, and how many of its leads, the youngest first.
DAYS: Final = 90
MOST: Final = 10_000
_MIDNIGHT: Final = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Past:
    """One imported lead. answered, ended: seconds after which it was touched, or closed untouched; waited: it
    was known to be open for so long. Of these one is set, or none where nobody can know."""

    answered: float | None = None
    ended: float | None = None
    waited: float | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """The first touches of imported history against a ladder. unknown: leads left out, as their times are not
    known."""

    clocks: Clocks
    first: date
    last: date
    leads: int
    unknown: int


def clocks_of(past: Iterable[Past], ladder: Sequence[Rung]) -> tuple[Clocks, int]:
    """What was imported, counted by the values of a ladder, and how many are left out. Pure."""
    ends = [rung.seconds for rung in ladder]
    answered, ended, running = Counter[int](), Counter[int](), Counter[int]()
    unknown = 0
    for each in past:
        if each.answered is not None:
            answered[bisect_left(ends, each.answered)] += 1
        elif each.ended is not None:
            ended[bisect_left(ends, each.ended)] += 1
        elif each.waited is not None:
            running[bisect_left(ends, each.waited)] += 1
        else:
            unknown += 1

    def placed(found: Counter[int]) -> tuple[int, ...]:
        return tuple(found[place] for place in range(len(ends) + 1))

    return Clocks(placed(answered), placed(ended), placed(running)), unknown


def imported(ladder: Sequence[Rung], *, house: WorkCalendar | None, zone: ZoneInfo) -> Imported | None:
    """The last 90 days of what was imported; None without any, or where no first touch was. Two queries."""
    history = Handoff.objects.filter(is_history=True, is_test=False)
    until = history.aggregate(last=Max("started_at"))["last"]
    if until is None:
        return None
    lately = history.filter(started_at__gt=until - timedelta(days=DAYS)).order_by("-started_at", "-id")
    columns = (
        "started_at",
        "first_touch_at",
        "closed_at",
        "outcome",
        "imported__days_only",
        "imported__known_until",
    )
    rows = list(lately.values_list(*columns)[:MOST])
    if not any(row[1] for row in rows):
        return None
    past = [
        _past(row[0], row[1], row[2] if row[3] else None, row[4], row[5], house=house, zone=zone)
        for row in rows
    ]
    clocks, unknown = clocks_of(past, ladder)
    days = [row[0].astimezone(zone).date() for row in rows]
    return Imported(clocks, min(days), max(days), len(rows), unknown)


def _past(
    started: datetime,
    touched: datetime | None,
    closed: datetime | None,
    days_only: list[str] | None,
    known_until: datetime | None,
    *,
    house: WorkCalendar | None,
    zone: ZoneInfo,
) -> Past:
    def is_day(moment: datetime, name: str) -> bool:
        """Whether it has no time; files imported before that was noted are read by their look."""
        if days_only is not None:
            return name in days_only
        local = moment.astimezone(zone)
        return (local.hour, local.minute, local.second) == _MIDNIGHT

    def since(moment: datetime) -> float:
        return house.elapsed_seconds(started, moment) if house else (moment - started).total_seconds()

    if is_day(started, "started_at"):
        return Past()
    if touched is not None:
        known = touched >= started and not is_day(touched, "first_touch_at")
        return Past(answered=since(touched)) if known else Past()
    if closed is not None and closed >= started:
        return Past(ended=since(closed))
    return Past(waited=since(known_until)) if known_until and known_until > started else Past()
