"""Clocks end without an answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from django.db.models import Q

from sla.models import Timer
from sla.policies import load_policy
from sla.rows import TimerRow, read_timers, update_timers
from sla.services.closing import OPEN, close, record_silent_breaches
from sla.services.pausing import end_those_over

#: The columns that ending a clock without an answer changes.
_ENDING: Final = [
    "state",
    "breached_at",
    "closed_at",
    "close_reason",
    "business_seconds",
    "wall_seconds",
    "due_at",
    "gaps",
    "paused_at",
    "paused_seconds",
    "next_step",
    "next_at",
    "attempts",
]


def cancel(
    handoff_ids: Collection[UUID],
    *,
    reason: str,
    now: datetime,
    clock: Literal["company", "owner"] | None = None,
    targets: Collection[str] | None = None,
    held: Mapping[UUID, TimerRow] | None = None,
) -> int:
    """End what still runs of these handoffs; returns how many timers that were.

    A deadline that has passed unswept is recorded as broken, not forgiven. A broken one climbs no further.
    reason: at most 20 characters ("closed", "moved"). held: timers by id that the caller has changed and not
    written yet; those that end here are written here, and have `closed_at` then.
    """
    if not handoff_ids:
        return 0
    alive = Q(state__in=OPEN) | Q(
        state__in=(Timer.State.BREACHED, Timer.State.FAILED), closed_at__isnull=True
    )
    timers = Timer.objects.filter(alive, handoff_id__among=set(handoff_ids)).order_by("id")
    if clock:
        timers = timers.filter(clock=clock)
    if targets is not None:
        timers = timers.filter(target__in=targets)
    ending = read_timers(timers)
    standing = {timer.handoff_id for timer in ending if timer.state == Timer.State.PAUSED}
    if standing and end_those_over(standing, now=now):
        ending = read_timers(timers.all())
    if held:
        ending = [held.get(timer.id, timer) for timer in ending]
    missed = []
    for timer in ending:
        if timer.state not in OPEN:
            close(timer, timer.state, now, reason=reason)
        elif timer.state == Timer.State.RUNNING and timer.due_at < now:
            timer.breached_at = timer.due_at
            timer.next_step = load_policy(timer.policy_version_id).breach + 1
            close(timer, Timer.State.BREACHED, now, reason=reason)
            missed.append(timer)
        else:
            close(timer, Timer.State.CANCELLED, now, reason=reason)
    update_timers(ending, _ENDING)
    record_silent_breaches(missed, now=now)
    return len(ending)
