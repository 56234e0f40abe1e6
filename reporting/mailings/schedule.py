"""When a weekly mail is due, and of which week it tells."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: Written later than this after its hour, a mail says so.
LATE = timedelta(hours=1)


def last_due(now: datetime, *, zone: ZoneInfo, weekday: int, at: time) -> datetime:
    """The latest instant until `now` at which it was that weekday and hour in the zone. UTC.

    weekday: 0 is Monday. An hour that the clocks skip is told after it; one that comes twice, the first time.
    """
    today = now.astimezone(zone).date()
    day = today - timedelta(days=(today.weekday() - weekday) % 7)
    due = datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
    if due > now:
        due = datetime.combine(day - timedelta(days=7), at, tzinfo=zone).astimezone(UTC)
    return due


def week_told(due: datetime, *, zone: ZoneInfo) -> date:
    """The Monday of the last week that was over at that instant."""
    day = due.astimezone(zone).date()
    return day - timedelta(days=day.weekday() + 7)


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def next_time(
    after: datetime, *, zone: ZoneInfo, frequency: str, weekday: int, day: int, at: time
) -> datetime:
    """The first instant after `after` at that hour in the zone: of any day, of that weekday, or of that day
    of a month. UTC. frequency: "daily", "weekly" or "monthly"."""
    today = after.astimezone(zone).date()
    for step in range(63):
        each = today + timedelta(days=step)
        if (frequency == "weekly" and each.weekday() != weekday) or (
            frequency == "monthly" and each.day != day
        ):
            continue
        found = datetime.combine(each, at, tzinfo=zone).astimezone(UTC)
        if found > after:
            return found
    raise ValueError("No month has this day.")
