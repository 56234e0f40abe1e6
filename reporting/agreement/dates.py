"""Days on which an agreement is looked at again. Pure."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime
from zoneinfo import ZoneInfo

MONTHS_OF_QUARTER = 3


def quarter_after(day: date) -> date:
    """The same day three months later, or the last of that month: 30 Nov is followed by 28 Feb."""
    months = day.year * 12 + day.month - 1 + MONTHS_OF_QUARTER
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def next_monthly(today: date, day: int) -> date:
    """The next day of this number, 1 to 28, today or later."""
    if today.day <= day:
        return today.replace(day=day)
    year, month = (today.year + 1, 1) if today.month == 12 else (today.year, today.month + 1)
    return date(year, month, day)


def day_words(day: date) -> str:
    """ "5 Dec 2026"."""
    return f"{day.day} {day:%b %Y}"


def ordinal(number: int) -> str:
    """ "5th", "21st"."""
    last = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{last}"


def moment_words(moment: datetime, zone: ZoneInfo) -> str:
    """ "5 Dec 2026, 14:20 CET"."""
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"
