"""What every ending of a clock writes: its state, the time used, and a breach that no sweep has seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sla.gaps import PAUSE, read_gaps, with_gap
from sla.models import Timer, TimerEvent
from sla.policies import load_policy, replan
from sla.rows import AnyTimer
from sla.tiers import BREACH
from sla.timers import seconds_between, seconds_in_gaps
from tenants.bulk import insert_rows
from tenants.calendars import load_calendar

#: States of a clock that still runs towards its deadline.
OPEN: Final = (Timer.State.RUNNING, Timer.State.PAUSED)
#: The columns that `close` sets.
CLOSING: Final = [
    "state",
    "met_at",
    "breached_at",
    "closed_at",
    "close_reason",
    "business_seconds",
    "wall_seconds",
    "repaired_at",
    "due_at",
    "gaps",
    "paused_at",
    "paused_seconds",
    "next_step",
    "next_at",
]


def close(
    timer: AnyTimer, state: str, at: datetime, *, reason: str = "", met_at: datetime | None = None
) -> None:
    """End a timer at `at`, with the time that it used until then. One that stood has had its pause: its
    deadline is as much later.
    """
    timer.state = state
    timer.met_at = met_at
    timer.closed_at = at
    timer.close_reason = reason
    timer.next_at = None
    stood, calendar = timer.paused_at, load_calendar(timer.calendar_version_id)
    if stood is not None:
        timer.gaps, timer.paused_at = with_gap(timer.gaps, stood, at), None
    gaps = read_gaps(timer.gaps)
    if stood is not None:
        timer.due_at = replan(timer, gaps, calendar=calendar).due_at
    timer.business_seconds = seconds_between(calendar, timer.started_at, at, gaps)
    timer.paused_seconds = seconds_in_gaps(calendar, timer.started_at, at, gaps, PAUSE) if gaps else 0
    timer.wall_seconds = seconds_between(None, timer.started_at, at)


def record_silent_breaches(timers: Sequence[AnyTimer], *, now: datetime) -> None:
    """Write the breach of timers that were answered late, or closed, before any sweep saw their deadline
    pass.
    """
    insert_rows(
        [
            TimerEvent(
                timer_id=timer.id,
                handoff_id=timer.handoff_id,
                generation=timer.generation,
                step=load_policy(timer.policy_version_id).breach,
                percent=BREACH,
                actions=[],
                due_at=timer.due_at,
                fired_at=now,
                lateness_ms=max(0, int((now - timer.due_at).total_seconds() * 1000)),
            )
            for timer in timers
        ],
        conflict="on conflict (tenant_id, timer_id, generation, step) do nothing",
    )
