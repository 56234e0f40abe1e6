"""The days of a month: which are business days, and how much of them has passed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.businesstime import WorkCalendar
from reporting.commitments.forecast import CLOSED
from reporting.commitments.targets import months_from
from reporting.selectors.questions import midnight


@dataclass(frozen=True, slots=True)
class Days:
    """Days from `first` to `last`, both included, in a zone. open_days: those with working hours.

    today: the day that it is, of which `today_passed` (0 to 1) has passed: of its working time, or of the
    whole day where it is closed.
    """

    first: date
    last: date
    open_days: frozenset[date]
    today: date
    today_passed: float

    def kind(self, day: date) -> int:
        """Of forecast.Day."""
        return day.weekday() if day in self.open_days else CLOSED

    def passed(self, day: date) -> float:
        """How much of a day has passed, 0 to 1."""
        if day == self.today:
            return self.today_passed
        return 1.0 if day < self.today else 0.0

    def business(self, first: date, last: date) -> tuple[float, int]:
        """(business days that have passed, business days in all) of some of these days."""
        days = [day for day in self.open_days if first <= day <= last]
        return sum(self.passed(day) for day in days), len(days)


def days_of(calendar: WorkCalendar | None, *, zone: ZoneInfo, first: date, last: date, now: datetime) -> Days:
    """The days from first to last as the organisation works; without a calendar it always does."""
    every = [first + timedelta(days=place) for place in range((last - first).days + 1)]
    today = now.astimezone(zone).date()
    start, end = midnight(today, zone), midnight(today + timedelta(days=1), zone)
    passed = (now - start) / (end - start)
    if calendar is None:
        return Days(first, last, frozenset(every), today, passed)
    spans = calendar.spans(midnight(first, zone), midnight(last + timedelta(days=1), zone))
    open_days: set[date] = set()
    for since, until in spans:
        day = since.astimezone(zone).date()
        while midnight(day, zone) < until:
            open_days.add(day)
            day += timedelta(days=1)
    if today in open_days:
        whole = calendar.elapsed_seconds(start, end)
        passed = calendar.elapsed_seconds(start, now) / whole if whole else passed
    return Days(first, last, frozenset(open_days), today, passed)


def last_of(month: date) -> date:
    """The last day of a month, given by its first."""
    return months_from(month, 1) - timedelta(days=1)


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())
