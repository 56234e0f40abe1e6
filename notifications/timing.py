"""When a person is written to: not at midnight, unless a clock runs at that moment.

A mail waits for its reader's working day. At once go the messages about clocks ("timer."), which fire in the
hours of the clock they speak of, and those about a lead of which a clock is running now: by the wall clock,
on 24x7 hours, or in the hours of whoever owns it. What is sent on a schedule ("digest.") has an hour of its
own: it leaves then, and shares no mail with anything else. The bell in the app and webhooks never wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from core.businesstime import CalendarClosedError, WorkCalendar

#: How the kinds begin that are sent on a schedule.
SCHEDULED: Final = ("digest.", "report.")

#: Of these subjects ("handoff:<id>"), those with a clock that is running at that moment.
Clocks = Callable[[Collection[str], datetime], set[str]]
_clocks: list[Clocks] = []


def register_clocks(clocks: Clocks) -> None:
    """Let a layer above say which clocks run. Called once, from an AppConfig.ready; must be set-based."""
    _clocks[:] = [clocks]


def running_clocks(subjects: Collection[str], now: datetime) -> set[str]:
    """Those subjects of which a clock runs now. In the tenant's scope."""
    return _clocks[0](subjects, now) if _clocks and subjects else set()


def may_wait(kind: str) -> bool:
    """Whether messages of this kind may wait for the reader's working day."""
    return not kind.startswith("timer.") and not is_scheduled(kind)


def is_scheduled(kind: str) -> bool:
    """Whether messages of this kind have an hour of their own; a mail holds one of them and nothing else."""
    return kind.startswith(SCHEDULED)


def send_at(kind: str, *, hours: WorkCalendar | None, clock_runs: bool, now: datetime) -> datetime:
    """When a mail of this kind may leave. hours: the reader's; None where nobody named any."""
    if hours is None or clock_runs or not may_wait(kind):
        return now
    try:
        return hours.next_open(now)
    except CalendarClosedError:  # never open again: waiting for it would be silence
        return now
