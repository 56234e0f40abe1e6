"""Days and halves of days as instants, and leave in words. Pure.

Half a day is half of that day's working time: whoever works from 9:00 to 12:00 and from 13:00 to 18:00 has a
morning until 13:00 and an afternoon from there. Where the middle falls into a break, the morning ends with
the break's beginning and the afternoon begins with its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from core.businesstime import WorkCalendar
from core.errors import ValidationFailed

#: The hint shows the halves of the next working day, if there is one within so many days.
_DAYS_AHEAD: Final = 60
# Calendars are not asked beyond it, and the last days that there are have no day after them.
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2100


class Part(StrEnum):
    """Which part of a day leave takes."""

    DAY = "day"
    MORNING = "morning"
    AFTERNOON = "afternoon"
    TIME = "time"  # from, or until, a time of day


@dataclass(frozen=True, slots=True)
class Days:
    """Leave as people say it. The last day is included; its part is for leave of several days."""

    first: date
    last: date
    first_part: Part = Part.DAY
    last_part: Part = Part.DAY
    first_time: time | None = None
    last_time: time | None = None


def bounds_of(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """[start, end) of a local date, in UTC: 23, 24 or 25 hours."""
    start, end = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
    return start.astimezone(UTC), end.astimezone(UTC)


def halves_of(
    day: date, zone: ZoneInfo, calendar: WorkCalendar | None
) -> tuple[tuple[datetime, datetime], tuple[datetime, datetime]] | None:
    """(morning, afternoon) of a local date as [start, end) in UTC; None where nobody works that day.

    calendar: the hours; None for the whole day. Each half has the same working time, but for the seconds by
    which the middle is moved to a whole minute.
    """
    start, end = bounds_of(day, zone)
    spans = (calendar or WorkCalendar.always(zone)).spans(start, end)
    if not spans:
        return None
    left = sum((until - since for since, until in spans), timedelta()) / 2
    for number, (since, until) in enumerate(spans):
        if left < until - since:
            middle = (since + left).replace(second=0, microsecond=0)
            if middle <= since:  # hours of a minute
                middle = since + left
            return (spans[0][0], middle), (middle, spans[-1][1])
        left -= until - since
        if not left:  # the middle is a break
            return (spans[0][0], until), (spans[number + 1][0], spans[-1][1])
    raise AssertionError("the middle of the hours is within them")


def span_of(said: Days, *, zone: ZoneInfo, calendar: WorkCalendar | None) -> tuple[datetime, datetime]:
    """[start, end) in UTC of leave as people say it.

    Raises ValidationFailed with a path of /first_day, /first_part, /first_time, /last_day, /last_part or
    /last_time.
    """
    for path, day in (("/first_day", said.first), ("/last_day", said.last)):
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValidationFailed.at(path, f"A day of the years {FIRST_YEAR} to {LAST_YEAR}.", "range")
    if said.last < said.first:
        raise ValidationFailed.at("/last_day", "The last day is the first or a later one.", "reversed")
    single = said.first == said.last
    if said.first_part == Part.MORNING and not single:
        raise ValidationFailed.at(
            "/first_part",
            "Leave of several days begins with a whole day, an afternoon or a time. For a morning alone give"
            " one day.",
            "part",
        )
    if said.last_part == Part.AFTERNOON:
        raise ValidationFailed.at("/last_part", "Leave ends with a whole day, a morning or a time.", "part")
    start = _begin(said, zone, calendar)
    end = _end(said, zone, calendar)
    if single and said.first_part == Part.MORNING:
        end = min(end, _half(said.first, zone, calendar, "/first_part")[0][1])
    elif single and said.first_part == Part.AFTERNOON and said.last_part == Part.DAY:
        end = _half(said.first, zone, calendar, "/first_part")[1][1]
    if end <= start:
        place = "/last_time" if said.last_part == Part.TIME else "/last_part"
        raise ValidationFailed.at(place, "Leave ends after it starts.", "reversed")
    return start, end


def _begin(said: Days, zone: ZoneInfo, calendar: WorkCalendar | None) -> datetime:
    match said.first_part:
        case Part.MORNING:
            return _half(said.first, zone, calendar, "/first_part")[0][0]
        case Part.AFTERNOON:
            return _half(said.first, zone, calendar, "/first_part")[1][0]
        case Part.TIME:
            if said.first_time is None:
                raise ValidationFailed.at("/first_time", "From when?", "required")
            return datetime.combine(said.first, said.first_time, zone).astimezone(UTC)
    if said.first == said.last and said.last_part == Part.MORNING:
        return _half(said.first, zone, calendar, "/last_part")[0][0]
    return bounds_of(said.first, zone)[0]


def _end(said: Days, zone: ZoneInfo, calendar: WorkCalendar | None) -> datetime:
    match said.last_part:
        case Part.MORNING:
            return _half(said.last, zone, calendar, "/last_part")[0][1]
        case Part.TIME:
            if said.last_time is None:
                raise ValidationFailed.at("/last_time", "Until when?", "required")
            # Of a time that the clock shows twice that day, leave lasts until the second.
            return datetime.combine(said.last, said.last_time.replace(fold=1), zone).astimezone(UTC)
    return bounds_of(said.last, zone)[1]


def _half(
    day: date, zone: ZoneInfo, calendar: WorkCalendar | None, path: str
) -> tuple[tuple[datetime, datetime], tuple[datetime, datetime]]:
    found = halves_of(day, zone, calendar)
    if found is None:
        raise ValidationFailed.at(
            path,
            f"{_day(day)} has no working hours to take half of. Choose the whole day or a time.",
            "closed",
        )
    return found


def said_of(start: datetime, end: datetime, *, zone: ZoneInfo, calendar: WorkCalendar | None) -> Days:
    """Leave as people would say it: `span_of` gives the same instants back, to the minute."""
    start, end = start.astimezone(zone), end.astimezone(zone)
    first, last = start.date(), end.date()
    if end.time() == time() and end > start:
        last -= timedelta(days=1)
    whole = Days(first, max(first, last))
    candidates = [
        whole,
        *(
            Days(first, whole.last, first_part, last_part)
            for first_part, last_part in (
                (Part.MORNING, Part.DAY),
                (Part.AFTERNOON, Part.DAY),
                (Part.DAY, Part.MORNING),
                (Part.AFTERNOON, Part.MORNING),
            )
        ),
    ]
    for said in candidates:
        try:
            if span_of(said, zone=zone, calendar=calendar) == (start, end):
                return said
        except ValidationFailed:
            continue
    whole_start = bounds_of(first, zone)[0] == start
    whole_end = bounds_of(whole.last, zone)[1] == end
    return Days(
        first,
        whole.last if whole_end else end.date(),
        Part.DAY if whole_start else Part.TIME,
        Part.DAY if whole_end else Part.TIME,
        None if whole_start else start.time().replace(second=0, microsecond=0, fold=0),
        None if whole_end else end.time().replace(second=0, microsecond=0, fold=0),
    )


def leave_words(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Such as "Tue 1 to Fri 4 Dec 2026", "Tue 1 Dec 2026, 09:00 to 13:15"; the last day is included."""
    start, end = start.astimezone(zone), end.astimezone(zone)
    whole = start.time() == time() and end.time() == time()
    if whole:
        last = end.date() - timedelta(days=1)
        return _day(start.date()) if last <= start.date() else f"{_from(start.date(), last)} to {_day(last)}"
    last, until = _closing(end)
    if start.date() == last:
        return f"{_day(last)}, {start:%H:%M} to {until}"
    return f"{_from(start.date(), last)}, {start:%H:%M} to {_day(last)}, {until}"


def _closing(end: datetime) -> tuple[date, str]:
    """(date, time) of a local end: midnight is 24:00 of the day that it ends."""
    if end.time() == time():
        return end.date() - timedelta(days=1), "24:00"
    return end.date(), f"{end:%H:%M}"


def until_words(end: datetime, zone: ZoneInfo) -> str:
    """Until when somebody is away: the last whole day, or the time on the day of the return."""
    end = end.astimezone(zone)
    if end.time() == time():
        last = end.date() - timedelta(days=1)
        return f"{last:%a} {last.day} {last:%b}"
    return f"{end:%a} {end.day} {end:%b}, {end:%H:%M}"


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"


def _from(first: date, last: date) -> str:
    """The first of two days, without what both have."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first:%a} {first.day}"
    return f"{first:%a} {first.day} {first:%b}" if first.year == last.year else _day(first)


def _days_from(day: date) -> Iterator[date]:
    return (day + timedelta(days=number) for number in range(_DAYS_AHEAD))


def halves_hint(now: datetime, *, zone: ZoneInfo, calendar: WorkCalendar | None) -> str:
    """What half a day is, by the hours of the next working day."""
    days = _days_from(now.astimezone(zone).date() + timedelta(days=1))
    halves = next(filter(None, (halves_of(day, zone, calendar) for day in days)), None)
    if halves is None:
        return "Half a day is half of its working hours."
    (since, middle), (again, until) = (tuple(each.astimezone(zone) for each in half) for half in halves)
    return (
        f"Half a day is half of its working hours: on {since:%a} {since.day} {since:%b}"
        f" {since:%H:%M} to {middle:%H:%M} and {again:%H:%M} to {_closing(until)[1]}."
    )
