"""When a saved test lead comes: a moment of the week where the organisation is, so that how it fares does not
depend on the hour at which somebody asks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from core.businesstime.hours import WEEKDAYS
from core.errors import FieldError

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class Comes(NamedTuple):
    """day: of WEEKDAYS. at: "HH:MM", where the organisation is."""

    day: str = "tue"
    at: str = "10:00"

    @property
    def words(self) -> str:
        """ "Tue 10:00"."""
        return f"{self.day.capitalize()} {self.at}"

    def errors(self) -> list[FieldError]:
        """What is wrong with it, at /comes_on and /comes_at."""
        found = []
        if self.day not in WEEKDAYS:
            found.append(FieldError("/comes_on", f"Use one of: {', '.join(WEEKDAYS)}.", "invalid_choice"))
        if not _TIME.fullmatch(self.at):
            found.append(FieldError("/comes_at", "A time like 10:00 is wanted.", "invalid"))
        return found

    def after(self, now: datetime, zone: str) -> datetime:
        """The first such moment at or after `now`, UTC."""
        local = now.astimezone(ZoneInfo(zone))
        ahead = (WEEKDAYS.index(self.day) - local.weekday()) % 7
        for days in (ahead, ahead + 7):
            day = local.date() + timedelta(days=days)
            found = datetime.combine(day, time.fromisoformat(self.at), ZoneInfo(zone)).astimezone(UTC)
            if found >= now:
                return found
        return found


def comes_of(case: Any) -> Comes:
    """When a stored test lead comes."""
    return Comes(case.comes_on, case.comes_at)
