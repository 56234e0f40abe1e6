"""Business time with interruptions: a clock that stands still while it is paused or its person is away.

A gap takes its working hours out of the clock and nothing else: a pause from Friday 16:00 to Monday 10:00
costs a calendar of 9 to 17 two hours, however long the weekend was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from core.businesstime.calendar import WorkCalendar


class Gap(NamedTuple):
    """[start, end) in which a clock stands still; aware instants. kind says why ("pause", "leave")."""

    start: datetime
    end: datetime
    kind: str


def tidy(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The gaps in order and disjoint; empty ones are dropped. Where two overlap, the earlier keeps its kind
    and the later begins at its end.
    """
    tidied: list[Gap] = []
    for gap in sorted(gaps):
        start = max(gap.start, tidied[-1].end) if tidied else gap.start
        if start >= gap.end:
            continue
        if tidied and tidied[-1].end == start and tidied[-1].kind == gap.kind:
            tidied[-1] = Gap(tidied[-1].start, gap.end, gap.kind)
        else:
            tidied.append(Gap(start, gap.end, gap.kind))
    return tuple(tidied)


def elapsed_outside(calendar: WorkCalendar, start: datetime, end: datetime, gaps: Sequence[Gap]) -> float:
    """Seconds of business time from `start` to `end` outside the gaps; 0.0 if `end` is not after `start`.

    gaps: as `tidy` leaves them, here and below.
    """
    return calendar.elapsed_seconds(start, end) - elapsed_inside(calendar, start, end, gaps)


def elapsed_inside(
    calendar: WorkCalendar, start: datetime, end: datetime, gaps: Sequence[Gap], *, kind: str | None = None
) -> float:
    """Seconds of business time from `start` to `end` that fell into gaps, of one kind or of any."""
    return sum(
        calendar.elapsed_seconds(max(gap.start, start), min(gap.end, end))
        for gap in gaps
        if kind is None or gap.kind == kind
    )


def add_outside(calendar: WorkCalendar, start: datetime, seconds: float, gaps: Sequence[Gap]) -> datetime:
    """The earliest instant (UTC) at which `seconds` of business time have passed since `start` outside the
    gaps.

    As `WorkCalendar.add_seconds`: 0 gives `start` back, and a duration that ends exactly where a gap begins
    ends there. Raises CalendarClosedError if there is not that much open time left.
    """
    at, left = start, seconds
    if not left:
        return calendar.add_seconds(at, 0)
    for gap in gaps:
        if gap.end <= at:
            continue
        if at < gap.start:
            due = calendar.add_seconds(at, left)
            if due <= gap.start:
                return due
            left -= calendar.elapsed_seconds(at, gap.start)
        at = gap.end
    return calendar.add_seconds(at, left)


def spans_outside(
    calendar: WorkCalendar, since: datetime, until: datetime, gaps: Sequence[Gap]
) -> list[tuple[datetime, datetime]]:
    """The open spans between two instants with the gaps cut out, in order (UTC)."""
    spans: list[tuple[datetime, datetime]] = []
    for start, end in calendar.spans(since, until):
        at = start
        for gap in gaps:
            if gap.end <= at or gap.start >= end:
                continue
            if at < gap.start:
                spans.append((at, gap.start))
            at = gap.end
        if at < end:
            spans.append((at, end))
    return spans
