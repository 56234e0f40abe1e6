"""Company days from a calendar file: they go into the edit of a calendar, and are saved with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from core.errors import ValidationFailed
from core.ical import IcalError, read_bounded
from tenants.calendars.spec import LONGEST_NAME
from tenants.calendars.words import day_words

#: How far ahead company days are read: to the end of next year from early summer on.
AHEAD: Final = timedelta(days=550)
_UNNAMED: Final = "Closed"


@dataclass(slots=True)
class CompanyDays:
    """closed: the company days with those of the file, by date. The rest says what became of its events."""

    closed: dict[str, str]
    added: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)
    over: int = 0
    later: int = 0

    @property
    def words(self) -> str:
        """What it brought, for a person."""
        said = [f"{len(self.added)} added", f"{len(self.renamed)} renamed"]
        if self.removed:
            said.append(f"{len(self.removed)} cancelled")
        if self.skipped:
            said.append(f"{len(self.skipped)} skipped")
        return f"{', '.join(said)}. Nothing is saved yet."


def add_company_days(data: bytes, closed: Mapping[str, str], *, zone: str, now: datetime) -> CompanyDays:
    """The company days `closed` (ISO date -> name) with the whole days of a calendar file from today on.

    Events shown as free count too, as holidays mostly are. Raises ValidationFailed at /file.
    """
    try:
        local = now.astimezone(ZoneInfo(zone))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        feed = read_bounded(data, zone=zone, first=midnight, last=now + AHEAD, keep_free=True)
    except IcalError as error:
        raise ValidationFailed.at("/file", str(error), "calendar_file", line=error.line) from error
    found = CompanyDays(dict(closed), over=feed.over, later=feed.later)
    found.skipped = [
        (each.line, f"{each.summary or each.uid or 'An event'}: {each.why}") for each in feed.skipped
    ]
    today = midnight.date()
    for each in feed.happenings:
        if not each.all_day:
            why = "It has times. Write special hours by hand."
            found.skipped.append((each.line, f"{each.summary or 'An event'}: {why}"))
            continue
        name = each.summary[:LONGEST_NAME] or _UNNAMED
        for day in each.days():
            key = day.isoformat()
            if day < today or found.closed.get(key) == name:
                continue
            (found.renamed if key in found.closed else found.added).append(f"{day_words(key)}: {name}")
            found.closed[key] = name
    for each in feed.cancelled:
        for day in each.days() if each.all_day else ():
            key = day.isoformat()
            if day >= today and found.closed.get(key) == (each.summary[:LONGEST_NAME] or _UNNAMED):
                found.removed.append(f"{day_words(key)}: {found.closed.pop(key)}")
    found.closed = dict(sorted(found.closed.items()))
    found.skipped = sorted(set(found.skipped))  # of a repeating event once
    return found
