"""Working days as people count them: dates on which a calendar is open at all."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.businesstime import WorkCalendar


@dataclass(frozen=True, slots=True)
class Workdays:
    """The working days of a stretch of time that ends today, in order; `today` is the local date of `now`."""

    zone: ZoneInfo
    now: datetime
    dates: tuple[date, ...]

    @classmethod
    def until(cls, calendar: WorkCalendar | None, now: datetime, *, zone: str, days: int) -> Workdays:
        """With at least `days` working days before today, unless the calendar has not so many in four years.

        calendar: None is open on every day, of `zone`.
        """
        local = ZoneInfo(calendar.tz if calendar else zone)
        today = now.astimezone(local).date()
        reach = days * 2 + 30
        while True:
            first = today - timedelta(days=reach)
            found = _open_dates(calendar, first, today, local)
            if len(found) > days or reach > 1_500:
                return cls(local, now, tuple(found))
            reach *= 2

    def before(self, days: int) -> datetime:
        """The moment as many working days ago: a sign of work before it is older than that many.

        On a working day the same local time of day; on another one the end of the last working day is now.
        """
        local = self.now.astimezone(self.zone)
        place = bisect_right(self.dates, local.date()) - 1  # the last working day up to today
        if place < days:
            return datetime.min.replace(tzinfo=UTC) if place < 0 else self._at(self.dates[0], time())
        clock = local.timetz().replace(tzinfo=None) if self.dates[place] == local.date() else time.max
        return self._at(self.dates[place - days], clock)

    def _at(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def since(self, at: datetime) -> int:
        """How many working days have begun since the day of `at`, today included."""
        day = at.astimezone(self.zone).date()
        today = self.now.astimezone(self.zone).date()
        return max(0, bisect_right(self.dates, today) - bisect_right(self.dates, day))


def _open_dates(calendar: WorkCalendar | None, first: date, last: date, zone: ZoneInfo) -> list[date]:
    if calendar is None:
        return [first + timedelta(days=each) for each in range((last - first).days + 1)]
    since = datetime.combine(first, time(), zone)
    until = datetime.combine(last + timedelta(days=1), time(), zone)
    found: set[date] = set()
    for start, end in calendar.spans(since.astimezone(UTC), until.astimezone(UTC)):
        day = start.astimezone(zone).date()
        final = (end - timedelta(microseconds=1)).astimezone(zone).date()
        while day <= final:
            found.add(day)
            day += timedelta(days=1)
    return sorted(found)
