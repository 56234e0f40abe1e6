"""The status of a timer: one function of facts and `now`, used by page, filter, API and report. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.businesstime import WorkCalendar
from sla.gaps import LEAVE, gap_at


class Status(StrEnum):
    ON_TIME = "on_time"
    AT_RISK = "at_risk"  # past the warn mark, not yet due
    OVERDUE = "overdue"  # past due and still open
    PAUSED = "paused"
    CLOSED_HOURS = "closed_hours"  # outside hours, or its owner is on leave: the clock stands
    MET = "met"
    MISSED = "missed"  # answered late, or closed without an answer in time
    CANCELLED = "cancelled"


#: Those that somebody can still do something about.
OPEN_STATUSES = frozenset(
    {Status.ON_TIME, Status.AT_RISK, Status.OVERDUE, Status.PAUSED, Status.CLOSED_HOURS}
)


class TimerFacts(Protocol):
    """What the status is read from; `sla.models.Timer` is one."""

    @property
    def state(self) -> str: ...
    @property
    def warn_at(self) -> datetime | None: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def met_at(self) -> datetime | None: ...
    @property
    def closed_at(self) -> datetime | None: ...
    @property
    def gaps(self) -> Sequence[Sequence[str]]: ...


def status_of(timer: TimerFacts, *, now: datetime, calendar: WorkCalendar | None) -> Status:
    """How the timer stands at `now`, whether or not the sweep has been there yet.

    calendar: the timer's own (`tenants.calendars.load_calendar(timer.calendar_version_id)`); None is the wall
    clock.
    """
    if timer.state == "met":
        return Status.MET
    if timer.state == "cancelled":
        return Status.CANCELLED
    if timer.met_at is not None or (timer.state == "breached" and timer.closed_at is not None):
        return Status.MISSED
    if timer.state == "failed" and timer.closed_at is not None:
        # The sweep had given up on it, so nobody noted whether its end came before its deadline.
        return Status.MISSED if timer.due_at < timer.closed_at else Status.CANCELLED
    if timer.state == "paused":
        return Status.PAUSED
    if timer.state == "breached" or now > timer.due_at:
        return Status.OVERDUE
    if (calendar is not None and not calendar.is_open(now)) or gap_at(timer.gaps, now, kind=LEAVE):
        return Status.CLOSED_HOURS
    if timer.warn_at is not None and now >= timer.warn_at:
        return Status.AT_RISK
    return Status.ON_TIME
