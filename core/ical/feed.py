"""What is found in a calendar file, as plain values that travel between processes as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo


class IcalError(ValueError):
    """The file as a whole cannot be taken. line: where, counted from 1; 0 where it is no single line."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message, line)
        self.message, self.line = message, line

    def __str__(self) -> str:
        return f"Line {self.line}: {self.message}" if self.line else self.message


@dataclass(frozen=True, slots=True)
class Happening:
    """One occurrence of an event.

    key:    tells it from every other of its calendar, and stays the same in the next export.
    start, end: [start, end): both dates for whole days, else both UTC.
    line:   of the event's BEGIN.
    """

    key: str
    summary: str
    start: date
    end: date
    line: int

    @property
    def all_day(self) -> bool:
        return not isinstance(self.start, datetime)

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """[start, end) in UTC; whole days are those of `zone`."""
        start, end = (
            each if isinstance(each, datetime) else datetime.combine(each, time(), zone)
            for each in (self.start, self.end)
        )
        return start.astimezone(UTC), end.astimezone(UTC)

    def days(self) -> list[date]:
        """The dates of an event of whole days."""
        first, after = self.start, self.end
        return [first + timedelta(days=number) for number in range((after - first).days)]


@dataclass(frozen=True, slots=True)
class Skipped:
    """An event that was left out, and why, in a sentence. uid: what it is known by, where it may be meant but
    could not be read; "" where it is known not to count."""

    summary: str
    why: str
    line: int
    uid: str = ""


@dataclass(slots=True)
class Feed:
    """happenings: by start. gone: keys of cancelled ones; one that ends with "#" stands for every key that
    begins with it. cancelled: when those would have been of which the file says so. over, later: how many
    events end before the window or begin after it."""

    happenings: list[Happening] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    cancelled: list[Happening] = field(default_factory=list)
    over: int = 0
    later: int = 0

    def is_gone(self, key: str) -> bool:
        """Whether the file says that what has this key was cancelled."""
        return key in self.gone or any(key.startswith(each) for each in self.gone if each.endswith("#"))


def to_json(feed: Feed) -> dict[str, Any]:
    """The feed as JSON-safe values."""
    said = asdict(feed)
    for each in (*said["happenings"], *said["cancelled"]):
        each["start"], each["end"] = each["start"].isoformat(), each["end"].isoformat()
    return said


def from_json(said: dict[str, Any]) -> Feed:
    """The feed that `to_json` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    happenings, cancelled = (
        [_happening(each) for each in said[name]] for name in ("happenings", "cancelled")
    )
    skipped = [Skipped(**each) for each in said["skipped"]]
    return Feed(happenings, skipped, list(said["gone"]), cancelled, said["over"], said["later"])


def _happening(said: dict[str, Any]) -> Happening:
    return Happening(said["key"], said["summary"], _moment(said["start"]), _moment(said["end"]), said["line"])


def _moment(text: str) -> date:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
