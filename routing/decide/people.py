"""The people of a pool: how they take turns, when each can answer, and why somebody cannot have a lead."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from core.businesstime import CalendarClosedError, WorkCalendar


class Strategy(StrEnum):
    """How a pool chooses among those who can answer; docs/routing.md has the tie-break of each."""

    WEIGHTED = "weighted_round_robin"
    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"
    FASTEST = "fastest"
    CLAIM = "claim"


class OffHours(StrEnum):
    """What a pool does with a lead while nobody of it is at work, or everybody is full.

    ASSIGN: whoever opens first has it from now on. HOLD: it waits for the pool's next opening.
    OVERFLOW: another pool is asked; where that is not at work either, it waits for this pool's opening.
    """

    ASSIGN = "assign"
    HOLD = "hold"
    OVERFLOW = "overflow"


class Seat(NamedTuple):
    """A member's place in a pool. weight 2 takes two turns where weight 1 takes one; 0 takes none."""

    member_id: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool as it stands.

    counters:      turns taken, `turn_step` each, by member, above the pool's least.
    owner_first:   the owner of the lead's account is asked before anybody takes a turn.
    overflow:      slug of the pool that is asked with OffHours.OVERFLOW.
    absence_turns: how many turns somebody who cannot take part saves up at most.
    calendar:      hours in which this pool works, in place of its people's own (an on-call rota).
    """

    id: str
    seats: Sequence[Seat]
    counters: Mapping[str, int] = field(default_factory=dict)
    strategy: Strategy = Strategy.WEIGHTED
    owner_first: bool = False
    off_hours: OffHours = OffHours.ASSIGN
    overflow: str | None = None
    absence_turns: int = 1
    calendar: WorkCalendar | None = None


@dataclass(slots=True)
class Candidate:
    """A person as routing sees them now.

    calendar: their working hours; None is always open. absences: leave as [start, end), by start.
    weight:   of the person in every pool, multiplied with the seat's.
    leads_today and leads_this_week count their local day, and their local week from Monday. open_deals: leads
    that became opportunities and are not decided. Caps of None do not bind. owns_leads: has working hours
    and limits of their own, as everybody has who may be given leads.
    """

    member_id: str
    is_active: bool = True
    owns_leads: bool = True
    on_rotation: bool = True
    calendar: WorkCalendar | None = None
    absences: Sequence[tuple[datetime, datetime]] = ()
    open_leads: int = 0
    cap_open: int | None = None
    leads_today: int = 0
    cap_per_day: int | None = None
    last_assigned_at: datetime | None = None
    weight: int = 1
    leads_this_week: int = 0
    cap_per_week: int | None = None
    open_deals: int = 0
    cap_deals: int | None = None


class Openings:
    """First opening of calendars from one instant on. Reps share calendars, so each is asked once a batch."""

    __slots__ = ("_found", "now")

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._found: dict[int, datetime | None] = {}

    def of(self, candidate: Candidate, hours: WorkCalendar | None = None) -> datetime | None:
        """When the person next works, leave left out: `now` if they do now, None if never.

        hours: a pool's, in place of their own.
        """
        calendar = hours or candidate.calendar
        if calendar is None:
            opening: datetime | None = self.now
        else:
            key = id(calendar)
            if key not in self._found:
                self._found[key] = _next_open(calendar, self.now)
            opening = self._found[key]
        if not candidate.absences or opening is None:
            return opening
        return _after_leave(opening, candidate, calendar)


def _next_open(calendar: WorkCalendar, at: datetime) -> datetime | None:
    try:
        return calendar.next_open(at)
    except CalendarClosedError:
        return None


def _after_leave(opening: datetime, candidate: Candidate, hours: WorkCalendar | None) -> datetime | None:
    """The first opening outside any leave. Absences are in order of their start, so one pass is enough."""
    found: datetime | None = opening
    for start, end in candidate.absences:
        if found is not None and start <= found < end:
            found = end if hours is None else _next_open(hours, end)
    return found


def refusal(person: Candidate, weight: int, now: datetime, exclude: Collection[str]) -> str | None:
    """Why this person cannot have the lead whatever the hour; None if they can."""
    if not person.is_active:
        return "inactive"
    if not person.owns_leads:
        return "owns_no_leads"
    if exclude and person.member_id in exclude:
        return "earlier_owner"
    if not person.on_rotation:
        return "off_rotation"
    if weight <= 0:
        return "no_weight"
    if person.absences:
        for start, end in person.absences:
            if start <= now < end:
                return "on_leave"
    cap = person.cap_open
    if cap is not None and person.open_leads >= cap:
        return "at_cap"
    cap = person.cap_per_day
    if cap is not None and person.leads_today >= cap:
        return "at_day_cap"
    cap = person.cap_per_week
    if cap is not None and person.leads_this_week >= cap:
        return "at_week_cap"
    cap = person.cap_deals
    if cap is not None and person.open_deals >= cap:
        return "at_deal_cap"
    return None
