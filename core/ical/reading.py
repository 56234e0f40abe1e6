"""Reads a calendar file: single events as they stand, repeating ones as often as they come in a window."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from icalendar import Calendar
from icalendar.error import BrokenCalendarProperty
from recurring_ical_events import of

from core.ical.feed import Feed, Happening, IcalError, Skipped
from core.ical.lines import decoded, lines_of_events

MOST_BYTES: Final = 1_000_000
MOST_EVENTS: Final = 5_000
MOST_OCCURRENCES: Final = 2_000  # of all repeating events together, in the window
LONGEST: Final = timedelta(days=400)
#: A series that began earlier is expanded from so far back at most.
OLDEST: Final = timedelta(days=365 * 50)
_FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_BY_CLOCK: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
_LONGEST_UID: Final = 140
_SUMMARY: Final = 120

# A VEVENT of the library, whose types say of each property that it may be any other.
Event: TypeAlias = Any


class _Unfit(Exception):
    """An event that cannot be taken; the message says why."""


class _Entry(NamedTuple):
    """One VEVENT. uid: as it is kept. rid: of the occurrence that it replaces, "" for none."""

    event: Event
    line: int
    uid: str
    rid: str

    @property
    def repeats(self) -> bool:
        return any(name in self.event for name in ("RRULE", "RDATE"))


def read_feed(
    data: bytes,
    *,
    zone: str,
    first: datetime,
    last: datetime,
    keep_free: bool = False,
    at_line: Callable[[int], None] = lambda line: None,
) -> Feed:
    """What of the file happens in [first, last).

    zone:      IANA name; times without a zone, and whole days, are its.
    keep_free: also what is shown as free (TRANSP:TRANSPARENT), as holidays often are.
    at_line:   called with the line of the events whose repetitions are worked out next.
    Raises IcalError where the file as a whole cannot be taken; single events that cannot are in `skipped`.
    """
    if len(data) > MOST_BYTES:
        raise IcalError("The file is larger than 1 MB. Export a shorter period.")
    text = decoded(data)
    feed, reading = Feed(), _Reading(ZoneInfo(zone), first, last, keep_free)
    entries = list(_entries(text, feed))
    budget = MOST_OCCURRENCES
    for _, group in groupby(sorted(entries, key=attrgetter("uid")), key=attrgetter("uid")):
        same = sorted(group, key=attrgetter("line"))
        if not any(entry.repeats or entry.rid for entry in same):
            reading.take_single(feed, same)
            continue
        at_line(same[0].line)
        budget -= reading.take_series(feed, same)
        if budget < 0:
            raise IcalError(
                f"With this event there are more than {MOST_OCCURRENCES:,} repetitions in the time to come."
                " Export a shorter period, or a calendar of days off alone.",
                same[0].line,
            )
    feed.happenings.sort(key=lambda each: (each.span(reading.zone), each.key))
    feed.skipped.sort(key=attrgetter("line"))
    return feed


def _entries(text: str, feed: Feed) -> Iterable[_Entry]:
    """The events that can be read; the others go to `feed.skipped`."""
    lines = lines_of_events(text, most=MOST_EVENTS)
    try:
        calendars = Calendar.from_ical(text, multiple=True)
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise IcalError(f"The file cannot be read: {str(error)[:120]}") from error
    events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    if len(events) != len(lines):
        raise IcalError("The file cannot be read: it has parts where none may be. Export it again.")
    for event, line in zip(events, lines, strict=True):
        try:
            _check(event)
            yield _Entry(event, line, _uid(event), _rid(event))
        except _Unfit as why:
            feed.skipped.append(Skipped(summary_of(event), str(why), line, _plain_uid(event)))
        except (BrokenCalendarProperty, AttributeError, ValueError, OverflowError):
            why_not = "It cannot be read."
            feed.skipped.append(Skipped(summary_of(event), why_not, line, _plain_uid(event)))


def _check(event: Event) -> None:
    """Raises _Unfit for what is known to be wrong before anything is worked out."""
    if event.errors:
        name, message = event.errors[0]
        place = f"{name}: " if name else ""
        raise _Unfit(f"It cannot be read: {place}{str(message)[:100]}.")
    if "DTSTART" not in event:
        raise _Unfit("It has no beginning (DTSTART).")
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        each = event.get(name)
        if isinstance(each, list):
            raise _Unfit(f"It has {name} twice.")
        zone = each.params.get("TZID") if each is not None else None
        if zone and isinstance(each.dt, datetime) and each.dt.tzinfo is None:
            raise _Unfit(f"There is no time zone {str(zone)[:60]}.")
    for name in ("RRULE", "EXRULE"):
        rules = event.get(name)
        for rule in rules if isinstance(rules, list) else [rules] if rules is not None else []:
            _check_rule(rule)


def _check_rule(rule: Any) -> None:
    """Refuse rules that no day off has, some of which never end."""
    frequency = str(next(iter(rule.get("FREQ", ())), ""))
    if frequency not in _FREQUENCIES:
        raise _Unfit("It repeats more often than by the day.")
    if any(len(rule.get(name, ())) > 1 for name in _BY_CLOCK):
        raise _Unfit("It repeats several times a day.")
    if any(step < 1 for step in rule.get("INTERVAL", ())):
        raise _Unfit("It repeats every 0 days.")


def _uid(event: Event) -> str:
    """What the event is known by: its UID if that can be kept, else a digest; also where it has none."""
    return _plain_uid(event) or _digest(f"{event['DTSTART'].to_ical()!r} {event.get('SUMMARY', '')}")


def _plain_uid(event: Event) -> str:
    """The event's UID as it is kept; "" where it has none."""
    uid = str(event.get("UID", "")).strip()
    fits = uid.isprintable() and len(uid) <= _LONGEST_UID and "#" not in uid
    return uid if fits else _digest(uid)


def _digest(said: str) -> str:
    return f"sha256:{hashlib.sha256(said.encode(errors='replace')).hexdigest()}"


def _rid(event: Event) -> str:
    return _written(event["RECURRENCE-ID"].dt) if "RECURRENCE-ID" in event else ""


def _written(at: date) -> str:
    """A recurrence id as it is kept: the local date or minute, which does not move with the zone's rules."""
    return f"{at:%Y%m%dT%H%M%S}" if isinstance(at, datetime) else f"{at:%Y%m%d}"


def summary_of(event: Event) -> str:
    """The event's title on one line; nothing of one that is marked as private."""
    if str(event.get("CLASS", "")).upper() in ("PRIVATE", "CONFIDENTIAL"):
        return ""
    said = event.get("SUMMARY", "")
    text = "".join(
        char if char.isprintable() else " " for char in str(said[0] if isinstance(said, list) else said)
    )
    return re.sub(r"\s+", " ", text).strip()[:_SUMMARY]


class _Reading:
    """One reading of a file: the zone and the window."""

    def __init__(self, zone: ZoneInfo, first: datetime, last: datetime, keep_free: bool) -> None:
        self.zone, self.first, self.last = zone, first.astimezone(UTC), last.astimezone(UTC)
        self._keep_free = keep_free

    def take_single(self, feed: Feed, same: list[_Entry]) -> None:
        """An event that comes once. Of several with one UID the latest edition counts."""
        best = max(enumerate(same), key=lambda each: (_sequence(each[1].event), each[0]))[1]
        for entry in same:
            if entry is not best:
                why = f"The event of line {best.line} has the same UID and is newer."
                feed.skipped.append(Skipped(summary_of(entry.event), why, entry.line))
        self._take(feed, best.event, best.uid, best.line, _length(best.event))

    def take_series(self, feed: Feed, same: list[_Entry]) -> int:
        """A repeating event with its changed occurrences; how many occurrences the window has."""
        masters = [entry for entry in same if not entry.rid]
        newest = max(masters, key=lambda each: _sequence(each.event)) if masters else None
        if newest is not None and _is_cancelled(newest.event):
            feed.gone.append(f"{newest.uid}#")
            return 0
        usual, uid = newest or same[0], same[0].uid
        calendar = Calendar()
        for entry in same:
            if entry.repeats and entry.event["DTSTART"].dt.year < (self.first - OLDEST).year:
                why = f"It began more than {OLDEST.days // 365} years ago: give it a later beginning."
                feed.skipped.append(Skipped(summary_of(entry.event), why, entry.line, uid))
                return 0
            calendar.add_component(entry.event)
        try:
            # A day on either side: the library compares times without a zone as if they were UTC.
            day = timedelta(days=1)
            found = list(of(calendar).between(self.first - day, self.last + day))
        except Exception as error:  # of whatever kind: the library raises many on rules that make no sense
            why = f"Its repetition cannot be worked out: {str(error)[:80] or type(error).__name__}."
            feed.skipped.append(Skipped(summary_of(same[0].event), why, usual.line, uid))
            return 0
        entries = {entry.rid: entry for entry in same}
        # The library's occurrences have lost their DURATION, so it is asked of what they repeat.
        for event in found:
            rid = _written(event["RECURRENCE-ID"].dt)
            entry = entries.get(rid, usual)
            self._take(feed, event, f"{uid}#{rid}", entry.line, _length(entry.event))
        return len(found)

    def _take(self, feed: Feed, event: Event, key: str, line: int, length: timedelta | None) -> None:
        summary = summary_of(event)
        try:
            if _is_cancelled(event):
                feed.gone.append(key)
            start, end = self._ends(event, length)
            happening = Happening(key, summary, start, end, line)
            since, until = happening.span(self.zone)
        except (_Unfit, ValueError, OverflowError, BrokenCalendarProperty) as error:
            why = str(error) if isinstance(error, _Unfit) else "Its beginning or end cannot be read."
            if key not in feed.gone:
                feed.skipped.append(Skipped(summary, why, line, key))
        else:
            if _is_cancelled(event):
                feed.cancelled.append(happening)
            elif until <= self.first:
                feed.over += 1
            elif since >= self.last:
                feed.later += 1
            elif not self._keep_free and str(event.get("TRANSP", "")).upper() == "TRANSPARENT":
                feed.skipped.append(Skipped(summary, "It is shown as free.", line))
            elif until - since > LONGEST:
                feed.skipped.append(Skipped(summary, f"It lasts longer than {LONGEST.days} days.", line))
            else:
                feed.happenings.append(happening)

    def _ends(self, event: Event, length: timedelta | None) -> tuple[date, date]:
        """[start, end) as a Happening has it. length: its DURATION, where it has one. Raises _Unfit."""
        start, end = event.start, event.end
        if isinstance(start, datetime) != isinstance(end, datetime):
            raise _Unfit("It begins with a day and ends at a time, or the other way round.")
        if isinstance(start, datetime) and isinstance(end, datetime):
            if length is not None:  # whole days by the wall clock, the rest by the second: the library
                end = start + timedelta(days=length.days)  # adds both by the wall, also over a change of it
            start, end = _aware(start, self.zone), _aware(end, self.zone)
            end += timedelta(seconds=length.seconds) if length is not None else timedelta()
        if end < start:
            raise _Unfit("It ends before it begins.")
        if end == start:
            raise _Unfit("It takes no time.")
        return start, end


def _aware(at: date, zone: ZoneInfo) -> datetime:
    """A date's midnight, or a time, in UTC; without a zone of its own it is of `zone`."""
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day, tzinfo=zone)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _length(event: Event) -> timedelta | None:
    return event["DURATION"].dt if "DURATION" in event else None


def _sequence(event: Event) -> int:
    said = event.get("SEQUENCE", 0)
    return said if isinstance(said, int) else 0


def _is_cancelled(event: Event) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"
