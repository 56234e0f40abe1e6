"""A calendar in words: its week, and what one version changes against another. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any, Final

DAYS: Final = {
    "mon": "Mon",
    "tue": "Tue",
    "wed": "Wed",
    "thu": "Thu",
    "fri": "Fri",
    "sat": "Sat",
    "sun": "Sun",
}
#: Changes of single dates that are told one by one; more are counted.
TOLD_DATES: Final = 12


def hours_words(intervals: Sequence[Sequence[str]]) -> str:
    """Such as "09:00-12:30, 13:30-18:00"; "Closed" for none."""
    return ", ".join(f"{start}-{end}" for start, end in intervals) or "Closed"


def week_words(weekly: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """Such as "Mon to Fri 09:00-17:30; Sat 10:00-14:00". Days without hours are left out."""
    said = []
    for hours, days in groupby(DAYS, key=lambda day: hours_words(weekly.get(day, ()))):
        names = [DAYS[day] for day in days]
        if hours != "Closed":
            said.append(f"{names[0]}{f' to {names[-1]}' if len(names) > 1 else ''} {hours}")
    return "; ".join(said) or "Never open"


def day_words(day: str, *, year: bool = True) -> str:
    """Such as "Thu 24 Dec 2026", for an ISO date; without its year where that is plain."""
    found = date.fromisoformat(day)
    return f"{found:%a} {found.day} {found:{'%b %Y' if year else '%b'}}"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What is different, a sentence each; empty where the two keep the same hours."""
    said = []
    if before["tz"] != after["tz"]:
        said.append(f"Time zone: {before['tz']}, now {after['tz']}.")
    for day, name in DAYS.items():
        old, new = (hours_words(spec["weekly"].get(day, ())) for spec in (before, after))
        if old != new:
            said.append(f"{name}: {old}, now {new}.")
    old, new = (_holidays_words(spec) for spec in (before, after))
    if old != new:
        said.append(f"Public holidays: {old}, now {new}.")
    return said + _date_changes(before, after)


def _holidays_words(spec: Mapping[str, Any]) -> str:
    return " ".join(part for part in (spec.get("country"), spec.get("subdivision")) if part) or "none"


def _date_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    said = []
    old, new = before.get("closed", {}), after.get("closed", {})
    said += [f"{day_words(day)} is closed: {new[day]}." for day in sorted(new.keys() - old.keys())]
    said += [f"{day_words(day)} is no longer closed ({old[day]})." for day in sorted(old.keys() - new.keys())]
    worked, works = set(before.get("holidays_off", ())), set(after.get("holidays_off", ()))
    names = {**before.get("holidays", {}), **after.get("holidays", {})}
    said += [f"{day_words(day)} is a working day ({names.get(day, '')})." for day in sorted(works - worked)]
    said += [f"{day_words(day)} is a day off again ({names.get(day, '')})." for day in sorted(worked - works)]
    hours, now = before.get("extra", {}), after.get("extra", {})
    for day in sorted(hours.keys() | now.keys()):
        if hours.get(day) != now.get(day):
            said.append(
                f"{day_words(day)}: {hours_words(now[day])}."
                if day in now
                else f"{day_words(day)} has its usual hours again."
            )
    if len(said) > TOLD_DATES:
        said[TOLD_DATES:] = [f"And {len(said) - TOLD_DATES} more single days."]
    return said
