"""What somebody wrote as working hours, checked and brought into one comparable form.

Times of day are integer microseconds after local midnight, dates are proleptic ordinals (`date.toordinal`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE

Interval = tuple[int, int]
"""Half-open, in microseconds after local midnight: 0 <= start < end <= DAY."""
ClockTime = str | time
"""`"09:00"`, `"09:00:30"`, `"24:00"` (as an end only) or `datetime.time`."""
Intervals = Sequence[Sequence[ClockTime]]
"""Pairs of opening and closing time; lists as they come out of JSON are as good as tuples."""


class CalendarInputError(ValueError):
    """Hours that cannot be read. `place` says where, e.g. `weekly.mon[1]` or `extra.2026-12-24`."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place


@dataclass(frozen=True, slots=True)
class Hours:
    """Working hours of one calendar. Two calendars with equal hours answer every question alike."""

    zone: str
    weekly: tuple[tuple[Interval, ...], ...]  # seven, Monday first; sorted, apart from one another
    special: tuple[tuple[int, tuple[Interval, ...]], ...]  # (date ordinal, its hours); a holiday has none

    @property
    def ever_open(self) -> bool:
        """False if there is no interval at all, on any day."""
        return any(self.weekly) or any(intervals for _, intervals in self.special)


def read_hours(
    tz: str | ZoneInfo,
    weekly: Mapping[str, Intervals],
    holidays: Iterable[date],
    extra: Mapping[date, Intervals],
) -> Hours:
    """Check and normalise; raises CalendarInputError with the place of the first fault."""
    special: dict[int, tuple[Interval, ...]] = {}
    for day in holidays:
        special[_ordinal(day, "holidays")] = ()
    for day, intervals in extra.items():
        place = f"extra.{day}"
        special[_ordinal(day, "extra")] = _apart(_read_special_day(intervals, place), place)
    return Hours(_zone_key(tz), _read_week(weekly), tuple(sorted(special.items())))


def _zone_key(tz: str | ZoneInfo) -> str:
    try:
        key = tz if isinstance(tz, str) else tz.key
        ZoneInfo(key)
    except (AttributeError, TypeError, KeyError, ValueError, OSError):
        # A directory name ("America") is an OSError, a path outside the database a ValueError.
        raise CalendarInputError("tz", f"{tz!r} is not an IANA time zone such as 'Europe/Berlin'.") from None
    return str(key)


def _ordinal(day: date, place: str) -> int:
    # A datetime is a date to isinstance, but whose midnight it means would be a guess.
    if not isinstance(day, date) or isinstance(day, datetime):
        raise CalendarInputError(place, f"{day!r} is not a date.")
    return day.toordinal()


def _read_week(weekly: Mapping[str, Intervals]) -> tuple[tuple[Interval, ...], ...]:
    """Hours per weekday; what runs past midnight becomes the first hours of the next day."""
    week: list[list[Interval]] = [[] for _ in WEEKDAYS]
    for name, intervals in weekly.items():
        if name not in WEEKDAYS:
            raise CalendarInputError(f"weekly.{name}", f"unknown day; use {', '.join(WEEKDAYS)}.")
        index = WEEKDAYS.index(name)
        for place, opening, closing in _read_pairs(intervals, f"weekly.{name}"):
            if closing == opening:
                raise CalendarInputError(place, "opens and closes at once; a whole day is 00:00 to 24:00.")
            if closing > opening:
                week[index].append((opening, closing))
                continue
            week[index].append((opening, DAY))
            if closing:
                week[(index + 1) % 7].append((0, closing))
    return tuple(_apart(day, f"weekly.{name}") for name, day in zip(WEEKDAYS, week, strict=True))


def _read_special_day(intervals: Intervals, place: str) -> list[Interval]:
    day = []
    for where, opening, closing in _read_pairs(intervals, place):
        # The next date has hours of its own, which a special day must not touch: no overnight shift here.
        if closing <= opening:
            raise CalendarInputError(
                where, "ends before it begins; a shift past midnight is written as two dates."
            )
        day.append((opening, closing))
    return day


def _read_pairs(intervals: Intervals, place: str) -> Iterable[tuple[str, int, int]]:
    if isinstance(intervals, str) or not isinstance(intervals, Sequence):
        raise CalendarInputError(place, f"{intervals!r} is not a list of intervals.")
    for number, pair in enumerate(intervals):
        where = f"{place}[{number}]"
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise CalendarInputError(where, f"{pair!r} is not a pair of opening and closing time.")
        opening, closing = (_read_time(value, where) for value in pair)
        if opening == DAY:
            raise CalendarInputError(where, "24:00 can only end an interval.")
        yield where, opening, closing


def _read_time(value: ClockTime, place: str) -> int:
    """Microseconds after midnight."""
    if isinstance(value, str) and value in ("24:00", "24:00:00"):
        return DAY
    try:
        clock = _parse_clock(value) if isinstance(value, str) else value
        if clock.tzinfo is not None:
            raise ValueError
        seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
        return seconds * SECOND + clock.microsecond
    except (AttributeError, ValueError):
        raise CalendarInputError(
            place, f"{value!r} is not a local time of day from 00:00 to 24:00."
        ) from None


def _parse_clock(text: str) -> time:
    # time.fromisoformat would also take "09", "0900" and an offset: more forms than a stored calendar needs.
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(len(p) == 2 and p.isascii() and p.isdigit() for p in parts):
        raise ValueError
    hour, minute, second = (int(part) for part in (*parts, "00")[:3])
    return time(hour, minute, second)


def _apart(intervals: list[Interval], place: str) -> tuple[Interval, ...]:
    """Sorted, with touching intervals joined; raises CalendarInputError where two overlap."""
    joined: list[Interval] = []
    for opening, closing in sorted(intervals):
        if joined and opening < joined[-1][1]:
            raise CalendarInputError(place, f"{_clock(*joined[-1])} and {_clock(opening, closing)} overlap.")
        if joined and opening == joined[-1][1]:
            opening = joined.pop()[0]
        joined.append((opening, closing))
    return tuple(joined)


def _clock(opening: int, closing: int) -> str:
    return "-".join(f"{at // (60 * MINUTE):02}:{at // MINUTE % 60:02}" for at in (opening, closing))
