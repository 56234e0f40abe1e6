"""The time ledger of a handoff: who had each second of it. Pure.

Every second from MQL to the end of the handoff stands in exactly one entry: nobody owned it (unrouted), a
person had it (owner), it waited for the lead (paused), or whoever had it was off (closed hours; so is leave).
It is what the two clocks argue about: the company's clock counts them all but pauses and the organisation's
closed hours, an owner's clock only its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from core.businesstime import Gap, WorkCalendar


class Kind(StrEnum):
    """What a stretch of a handoff's time was."""

    UNROUTED = "unrouted"
    OWNER = "owner"
    PAUSED = "paused"
    CLOSED_HOURS = "closed_hours"


@dataclass(frozen=True, slots=True)
class Ownership:
    """One person's span of the handoff. end: None while it lasts. calendar: None works round the clock.

    leave: when the person was away meanwhile.
    """

    member_id: UUID
    start: datetime
    end: datetime | None
    calendar: WorkCalendar | None
    leave: Sequence[Gap] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """[start, end), UTC. member_id: whose it was; of closed hours and pauses too, where somebody had the
    lead then.
    """

    start: datetime
    end: datetime
    kind: Kind
    member_id: UUID | None

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Totals:
    """Seconds by kind, and those of `owner` by person; all of them together are the handoff's wall time."""

    unrouted: float
    owner: dict[UUID, float]
    paused: float
    closed_hours: float

    @property
    def wall(self) -> float:
        return self.unrouted + sum(self.owner.values()) + self.paused + self.closed_hours


def ledger(
    start: datetime,
    end: datetime,
    *,
    owners: Iterable[Ownership],
    pauses: Iterable[Gap] = (),
    house: WorkCalendar | None = None,
) -> list[Entry]:
    """The entries of [start, end), in order and without a hole; neighbours differ in kind or person.

    owners: as they followed each other, not overlapping. pauses: disjoint; a pause goes before everything
    else. house: the organisation's calendar, which says whether unrouted time was working time; None works
    round the clock. Empty if `end` is not after `start`.
    """
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    spans = sorted(owners, key=lambda span: span.start)
    stops = sorted(pauses)
    edges = {first, last}
    for each in spans:
        edges |= {each.start.astimezone(UTC), (each.end or last).astimezone(UTC)}
        edges |= {edge.astimezone(UTC) for gap in each.leave for edge in gap[:2]}
    for gap in stops:
        edges |= {gap.start.astimezone(UTC), gap.end.astimezone(UTC)}
    marks = sorted(edge for edge in edges if first <= edge <= last)
    entries: list[Entry] = []
    for since, until in pairwise(marks):
        span = next((each for each in spans if _within(since, each.start, each.end)), None)
        member_id = span.member_id if span else None
        if any(_within(since, gap.start, gap.end) for gap in stops):
            _note(entries, since, until, Kind.PAUSED, member_id)
            continue
        away = span is not None and any(_within(since, gap.start, gap.end) for gap in span.leave)
        calendar = span.calendar if span else house
        working = Kind.OWNER if span else Kind.UNROUTED
        at = since
        for opening, closing in [] if away else _open(calendar, since, until):
            _note(entries, at, opening, Kind.CLOSED_HOURS, member_id)
            _note(entries, opening, closing, working, member_id)
            at = closing
        _note(entries, at, until, Kind.CLOSED_HOURS, member_id)
    return entries


def totals(entries: Iterable[Entry]) -> Totals:
    """What the entries add up to."""
    by_kind: dict[Kind, float] = defaultdict(float)
    by_owner: dict[UUID, float] = defaultdict(float)
    for entry in entries:
        if entry.kind == Kind.OWNER and entry.member_id is not None:
            by_owner[entry.member_id] += entry.seconds
        else:
            by_kind[entry.kind] += entry.seconds
    return Totals(by_kind[Kind.UNROUTED], dict(by_owner), by_kind[Kind.PAUSED], by_kind[Kind.CLOSED_HOURS])


def _within(at: datetime, start: datetime, end: datetime | None) -> bool:
    return start <= at and (end is None or at < end)


def _open(calendar: WorkCalendar | None, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    return [(since, until)] if calendar is None else calendar.spans(since, until)


def _note(entries: list[Entry], start: datetime, end: datetime, kind: Kind, member_id: UUID | None) -> None:
    """Add a stretch that begins where the last one ended, or lengthen that one where it goes on."""
    if start >= end:
        return
    last = entries[-1] if entries else None
    if last and (last.kind, last.member_id) == (kind, member_id):
        entries[-1] = Entry(last.start, end, kind, member_id)
    else:
        entries.append(Entry(start, end, kind, member_id))
