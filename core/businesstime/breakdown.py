"""How a deadline adds up: the business time between two instants, local day by local day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.businesstime.calendar import WorkCalendar
from core.businesstime.gaps import Gap, spans_outside

#: A sum over more days is no explanation any more. Two years.
MOST_DAYS = 732


@dataclass(frozen=True, slots=True)
class Day:
    """One local date of a breakdown.

    spans: when the clock ran that day, in order (UTC). open: when it would have run without gaps. gaps: what
    stopped it, cut to the day. seconds: of `spans`. clock_change: by how many seconds the zone's clocks went
    forward (3600 in spring) or back during the day.
    """

    day: date
    spans: tuple[tuple[datetime, datetime], ...]
    open: tuple[tuple[datetime, datetime], ...]
    gaps: tuple[Gap, ...]
    seconds: float
    clock_change: int


def breakdown(calendar: WorkCalendar, start: datetime, end: datetime, gaps: Sequence[Gap] = ()) -> list[Day]:
    """Every local date from `start` to `end` (both aware), closed ones included, with what it contributes.

    The seconds of all days sum up to the business time from `start` to `end` outside the gaps, exactly. A
    date that the zone skipped (Apia, 30 December 2011) is left out. Empty if `end` is before `start`. Raises
    ValueError for more than MOST_DAYS days.
    """
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    if last < first:
        return []
    zone = ZoneInfo(calendar.tz)
    opening = first.astimezone(zone).date()
    number = (last.astimezone(zone).date() - opening).days + 1
    if number > MOST_DAYS:
        raise ValueError(f"A breakdown covers {MOST_DAYS} days at most, not {number}.")
    ran = spans_outside(calendar, first, last, gaps)
    would_run = calendar.spans(first, last)
    days = []
    for offset in range(number):
        day = opening + timedelta(days=offset)
        midnight, next_midnight = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        if midnight == next_midnight:
            continue
        since, until = max(midnight, first), min(next_midnight, last)
        spans = _cut(ran, since, until)
        days.append(
            Day(
                day=day,
                spans=spans,
                open=_cut(would_run, since, until),
                gaps=tuple(
                    Gap(max(gap.start, since), min(gap.end, until), gap.kind)
                    for gap in gaps
                    if gap.start < until and gap.end > since
                ),
                seconds=sum((closing - opening_).total_seconds() for opening_, closing in spans),
                clock_change=_offset(next_midnight, zone) - _offset(midnight, zone),
            )
        )
    return days


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # A midnight that the clocks skip is the moment at which they skipped it; one that comes twice, the first.
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _offset(at: datetime, zone: ZoneInfo) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None  # a zone always knows
    return round(offset.total_seconds())


def _cut(
    spans: Sequence[tuple[datetime, datetime]], since: datetime, until: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    return tuple(
        (max(opening, since), min(closing, until))
        for opening, closing in spans
        if opening < until and closing > since
    )
