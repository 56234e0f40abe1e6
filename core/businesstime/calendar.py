"""`WorkCalendar`: when business time passes, and what instant it leads to."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from zoneinfo import ZoneInfo

from core.businesstime.hours import DAY, MINUTE, SECOND, WEEKDAYS, Hours, Intervals, read_hours
from core.businesstime.table import EPOCH, FIRST_YEAR, LAST_YEAR, Table, build_table, year_of

_FIRST = (datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
_LAST = (datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)

# What the first table covers around the first instant asked about: most questions look a few weeks around it.
_LOOK_BACK, _LOOK_AHEAD = 60 * DAY, 120 * DAY


class CalendarClosedError(ValueError):
    """The calendar has no (more) open time, so there is no such deadline."""


class WorkCalendar:
    """Working hours in one time zone. Immutable, hashable, comparable, safe to share between threads.

    tz:       IANA name.
    weekly:   `{"mon": [("09:00", "17:00")], ...}` in local time; a day left out is closed. "24:00" ends a
              day. An interval that ends before it begins is an overnight shift: its part after midnight
              counts as hours of the next day, and is closed when that day is a holiday.
    holidays: dates without hours.
    extra:    `{date: [intervals]}`, the hours of single dates, instead of the weekly ones and of a holiday.
              Here an interval may not pass midnight.

    Hours are half-open: at 17:00 sharp a day that ends at 17:00 is closed. Local minutes that the clock skips
    count nothing, those it shows twice count twice. A business day is a local date with any open time.

    Arguments called start, end, at, since, until are aware datetimes of any zone; every instant returned is
    in UTC and exact to the microsecond. All questions raise ValueError for a naive datetime, a negative
    amount, or an instant outside the years 1970 to 2199. The constructor raises CalendarInputError for hours
    it cannot read.

    The first question builds a table of a year or two; later ones bisect it, whatever the duration.
    """

    __slots__ = ("_hours", "_lock", "_table")

    _hours: Hours
    _table: Table | None
    _lock: Lock

    def __init__(
        self,
        tz: str | ZoneInfo,
        weekly: Mapping[str, Intervals],
        holidays: Iterable[date] = (),
        extra: Mapping[date, Intervals] | None = None,
    ) -> None:
        self._take(read_hours(tz, weekly, holidays, extra or {}))

    @classmethod
    def always(cls, tz: str | ZoneInfo = "UTC") -> "WorkCalendar":
        """Open round the clock, every day. The zone only matters to `add_days` and `end_of_day`."""
        return cls(tz, {day: [("00:00", "24:00")] for day in WEEKDAYS})

    @property
    def tz(self) -> str:
        """The IANA name of the calendar's zone."""
        return self._hours.zone

    def add(self, start: datetime, minutes: float) -> datetime:
        """The earliest instant at which `minutes` of business time have passed since `start`.

        A duration that ends exactly at closing time ends there, not at the next opening; 0 gives `start`
        back. Raises CalendarClosedError if the calendar does not have that much open time left.
        """
        return self._add(start, _length(minutes, MINUTE))

    def add_seconds(self, start: datetime, seconds: float) -> datetime:
        """`add`, in seconds."""
        return self._add(start, _length(seconds, SECOND))

    def elapsed(self, start: datetime, end: datetime) -> float:
        """Minutes of business time from `start` to `end`; 0.0 if `end` is not after `start`."""
        return self._elapsed(start, end) / MINUTE

    def elapsed_seconds(self, start: datetime, end: datetime) -> float:
        """`elapsed`, in seconds. Counted in whole microseconds and rounded only to become a float."""
        return self._elapsed(start, end) / SECOND

    def is_open(self, at: datetime) -> bool:
        """Whether business time passes at this instant: True at an opening, False at a closing."""
        instant = _instant(at, "at")
        opening = self._covering(instant).opening(instant)
        return opening is not None and opening[1] == instant

    def next_open(self, at: datetime) -> datetime:
        """`at` itself if the calendar is open then, else the next opening. Raises CalendarClosedError."""
        instant = _instant(at, "at")
        table = self._covering(instant)
        while (opening := table.opening(instant)) is None:
            table = self._grown(table)
        return _moment(opening[1])

    def spans(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """The open spans between two instants, in order, cut to them; spans that touch are joined."""
        first, last = _instant(since, "since"), _instant(until, "until")
        if last <= first:
            return []
        table = self._covering(first, last)
        joined: list[list[int]] = []
        opening = table.opening(first)
        for i in range(opening[0] if opening else len(table.starts), len(table.starts)):
            start, end = max(table.starts[i], first), min(table.ends[i], last)
            if start >= last:
                break
            if joined and joined[-1][1] == start:
                joined[-1][1] = end
            else:
                joined.append([start, end])
        return [(_moment(start), _moment(end)) for start, end in joined]

    def add_days(self, start: datetime, days: int) -> datetime:
        """`days` business days later at the same local time of day.

        A start outside hours first moves to the next opening, so 0 days is `next_open`. Where the day arrived
        at is closed at that time (a lunch break, a late opening, a minute that the clock skips), it is the
        next opening of that day; after the last closing it is that closing. A time that is itself a closing
        time stays, as in `add`. A time of day that comes twice is taken the first time.
        Raises CalendarClosedError if there are not so many business days left.
        """
        table, piece, instant, day = self._arrival(start, days)
        if days == 0:
            return _moment(instant)
        return _moment(table.place(day, instant + table.shifts[piece]))

    def end_of_day(self, start: datetime, days: int) -> datetime:
        """The last closing time of the `days`-th business day after that of `start`.

        Day 0 is the local date of the next opening (of `start` itself if open). A day that is open until
        midnight closes at midnight here, even if the next one opens at 00:00. Raises CalendarClosedError as
        `add_days` does.
        """
        table, _, _, day = self._arrival(start, days)
        return _moment(table.ends[table.days[day][-1]])

    def __eq__(self, other: object) -> bool:
        return self._hours == other._hours if isinstance(other, WorkCalendar) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._hours)

    def __repr__(self) -> str:
        return f"<WorkCalendar {self.tz}, {len(self._hours.special)} special days>"

    def __reduce__(self) -> tuple[object, ...]:
        # The lock cannot be copied and the table need not be.
        return _restore, (self._hours,)

    def _take(self, hours: Hours) -> None:
        self._hours, self._table, self._lock = hours, None, Lock()

    def _add(self, start: datetime, length: int) -> datetime:
        instant = _instant(start, "start")
        table = self._covering(instant)
        if length == 0:
            return _moment(instant)
        if length > _LAST - instant:
            raise self._closed()
        while (found := table.when_worked(table.worked_before(instant) + length)) is None:
            table = self._grown(table)
        return _moment(found)

    def _elapsed(self, start: datetime, end: datetime) -> int:
        # Compared as instants: two datetimes of one zone compare by wall clock, which a fold repeats.
        first, last = _instant(start, "start"), _instant(end, "end")
        if last <= first:
            return 0
        table = self._covering(first, last)
        return table.worked_before(last) - table.worked_before(first)

    def _arrival(self, start: datetime, days: int) -> tuple[Table, int, int, int]:
        """The table, the piece and instant of the first open time from `start` on, the day `days` later."""
        if not isinstance(days, int) or days < 0:
            raise ValueError(f"days must be a whole number that is not negative, not {days!r}.")
        instant = _instant(start, "start")
        table = self._covering(instant)
        if days > (_LAST - instant) // DAY:
            raise self._closed()
        while True:
            opening = table.opening(instant)
            if opening is not None:
                piece, opened = opening
                day = table.day_of[piece] + days
                if day < len(table.days):
                    return table, piece, opened, day
            table = self._grown(table)

    def _covering(self, first: int, last: int | None = None) -> Table:
        """A table that can be trusted from `first` to `last` (or at `first`, if there is no `last`)."""
        table = self._table
        if last is None:
            last = first
        if table is None or first < table.since or last > table.until:
            return self._widened(first, last)
        return table

    def _widened(self, first: int, last: int) -> Table:
        if not _FIRST <= first <= last <= _LAST:
            raise ValueError(f"Calendars know the years {FIRST_YEAR} to {LAST_YEAR} only.")
        with self._lock:
            first_year, last_year = year_of(first - _LOOK_BACK), year_of(last + _LOOK_AHEAD)
            if self._table is not None:
                first_year = min(first_year, self._table.first_year)
                last_year = max(last_year, self._table.last_year)
                if (first_year, last_year) == (self._table.first_year, self._table.last_year):
                    return self._table  # another thread was quicker
            return self._rebuilt(first_year, last_year)

    def _grown(self, table: Table) -> Table:
        """A table that reaches further into the future, twice as long so that growing stays cheap."""
        if not self._hours.ever_open or table.last_year > LAST_YEAR:
            raise self._closed()
        with self._lock:
            newest = self._table or table
            if newest.last_year > table.last_year:
                return newest  # another thread was quicker
            length = newest.last_year - newest.first_year + 1
            return self._rebuilt(newest.first_year, newest.last_year + length)

    def _rebuilt(self, first_year: int, last_year: int) -> Table:
        # One year past the range answered, so that its edges can be trusted too.
        first_year, last_year = max(first_year, FIRST_YEAR - 1), min(last_year, LAST_YEAR + 1)
        self._table = build_table(self._hours, first_year, last_year)
        return self._table

    def _closed(self) -> CalendarClosedError:
        if not self._hours.ever_open:
            return CalendarClosedError("This calendar is never open: it has no working hours at all.")
        return CalendarClosedError(f"This calendar does not have so much open time before {LAST_YEAR + 1}.")


def _restore(hours: Hours) -> WorkCalendar:
    calendar = WorkCalendar.__new__(WorkCalendar)
    calendar._take(hours)
    return calendar


def _instant(at: datetime, name: str) -> int:
    """Microseconds since the epoch."""
    try:
        since = at - EPOCH
        return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds
    except (TypeError, AttributeError):
        raise ValueError(f"{name} must be a datetime with a time zone, not {at!r}.") from None


def _moment(instant: int) -> datetime:
    return EPOCH + timedelta(0, 0, instant)


def _length(amount: float, unit: int) -> int:
    """`amount` units in whole microseconds, rounded to the nearest."""
    try:
        length = round(amount * unit)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"A duration must be a finite number, not {amount!r}.") from None
    if length < 0:
        raise ValueError(f"A duration cannot be negative: {amount!r}.")
    return length
