"""A lead that came outside of working hours: when it came, when business opened, and how long it waited by
either clock. Business time alone would hide a weekend from whoever reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.businesstime import CalendarClosedError
from leads.models import Handoff
from sla.gaps import read_gaps
from sla.models import Timer
from sla.targets import Target
from sla.timers import seconds_between
from tenants.calendars import load_calendar
from web.templatetags.sp import due_text, late_text


@dataclass(frozen=True, slots=True)
class AfterHours:
    """came_at lies in closed hours, opened_at is the first hour of business after it.

    wall_seconds, business_seconds: until somebody got in touch, or now. is_over: they did, or it is closed.
    """

    came_at: datetime
    opened_at: datetime
    wall_seconds: int
    business_seconds: int
    is_over: bool


def after_hours(handoff: Handoff, timers: Iterable[Timer], *, now: datetime) -> AfterHours | None:
    """None for a lead that came in working hours, or whose first touch nothing times. No query."""
    timed = [timer for timer in timers if timer.target == Target.FIRST_TOUCH]
    timer = min(timed, key=lambda each: (each.clock != Timer.Clock.COMPANY, each.started_at), default=None)
    calendar = load_calendar(timer.calendar_version_id) if timer else None
    if timer is None or calendar is None:
        return None
    came_at = handoff.started_at
    try:
        opened_at = calendar.next_open(came_at)
    except CalendarClosedError:
        return None
    if opened_at <= came_at:
        return None
    ended = handoff.first_touch_at or handoff.closed_at
    until = max(came_at, ended or now)
    business = seconds_between(calendar, came_at, until, read_gaps(timer.gaps))
    wall = int((until - came_at).total_seconds())
    return AfterHours(came_at, opened_at, wall, business, ended is not None)


def in_words(found: AfterHours | None, *, now: datetime) -> str:
    """ "Arrived Fri 13 Nov, 18:02, first hour of business Mon 09:00. It has waited 2d 15h by the clock on the
    wall, 38 min of business." """
    if found is None:
        return ""
    came, opened = due_text(found.came_at, now), due_text(found.opened_at, now)
    waited = "Somebody got to it after" if found.is_over else "It has waited"
    return (
        f"Arrived {came}, first hour of business {opened}. {waited} {late_text(found.wall_seconds)} by the "
        f"clock on the wall, {late_text(found.business_seconds) if found.business_seconds else 'none'} of "
        "business."
    )


def short_words(handoff: Handoff, timer: Timer | None, *, now: datetime) -> str:
    """For a row of a list: "arrived Sat 14 Nov, 10:12, opens Mon 09:00"; "" once business has opened."""
    calendar = load_calendar(timer.calendar_version_id) if timer else None
    if calendar is None:
        return ""
    try:
        opened_at = calendar.next_open(handoff.started_at)
    except CalendarClosedError:
        return ""
    if opened_at <= handoff.started_at or opened_at <= now:
        return ""
    return f"arrived {due_text(handoff.started_at, now)}, first hour of business {due_text(opened_at, now)}"
