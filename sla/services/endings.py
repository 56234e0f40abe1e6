"""Clocks end without an answer, and run again where that is undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from django.db.models import Q

from leads.models import Handoff
from sla.models import Timer, TimerEvent
from sla.policies import load_policy, plan_of
from sla.rows import TimerRow, read_timers, update_timers
from sla.services.closing import CLOSING, OPEN, close, record_silent_breaches

_COMPANY: Final = Timer.Clock.COMPANY
_OWNER: Final = Timer.Clock.OWNER
#: The columns that ending a clock without an answer changes.
_ENDING: Final = [
    "state",
    "breached_at",
    "closed_at",
    "close_reason",
    "business_seconds",
    "wall_seconds",
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
    if held:
        ending = [held.get(timer.id, timer) for timer in ending]
    missed = []
    for timer in ending:
        if timer.state not in OPEN:
            close(timer, timer.state, now, reason=reason)
        elif timer.due_at < now:
            timer.breached_at = timer.due_at
            timer.next_step = load_policy(timer.policy_version_id).breach + 1
            close(timer, Timer.State.BREACHED, now, reason=reason)
            missed.append(timer)
        else:
            close(timer, Timer.State.CANCELLED, now, reason=reason)
    update_timers(ending, _ENDING)
    record_silent_breaches(missed, now=now)
    return len(ending)


def settle_history(handoff_ids: Collection[UUID], *, now: datetime) -> int:
    """Mark imported targets whose deadline passed unanswered as broken: measured, told to nobody, no
    event.
    """
    late = list(
        Timer.objects.filter(
            handoff_id__in=handoff_ids, handoff__is_history=True, state=Timer.State.RUNNING, due_at__lt=now
        ).order_by("id")
    )
    for timer in late:
        timer.state, timer.breached_at, timer.next_at = Timer.State.BREACHED, timer.due_at, None
    update_timers(late, ["state", "breached_at", "next_at"])
    return len(late)


def reopen(handoff_ids: Collection[UUID], target: str, *, now: datetime) -> int:
    """Let a target run again whose answer, or whose closing, was undone: the company's clock and the owner's.

    Deadlines stay where they were: what passed meanwhile fires at the next sweep after `now`. The rows of
    handoffs and assignments must be as they are after the undoing. Returns how many timers run again.
    """
    by_id = {handoff.id: handoff for handoff in Handoff.objects.filter(id__in=handoff_ids).defer("verdict")}
    current = Q(clock=_COMPANY) | Q(clock=_OWNER, assignment__ended_at__isnull=True)
    found = Timer.objects.filter(
        current, handoff_id__in=by_id, target=target, closed_at__isnull=False, closed_at__lte=now
    ).order_by("id")
    timers = list(found)
    for timer in timers:
        handoff = by_id[timer.handoff_id]
        if timer.repaired_at is not None:
            timer.breached_at = timer.due_at  # the answer that mended it is gone, so it is broken again
        timer.state = Timer.State.BREACHED if timer.breached_at else Timer.State.RUNNING
        timer.met_at = timer.closed_at = timer.repaired_at = None
        timer.close_reason = ""
        timer.business_seconds = timer.wall_seconds = None
        carries = timer.clock == _OWNER or handoff.owner_id is None
        timer.next_at = None if handoff.is_history else _resume_at(timer, carries=carries)
    update_timers(timers, CLOSING)
    TimerEvent.objects.filter(timer_id__in=[timer.id for timer in timers]).update(repaired_at=None)
    return len(timers)


def _resume_at(timer: Timer, *, carries: bool) -> datetime | None:
    """When the timer's next step falls, from where its ladder stands."""
    policy = load_policy(timer.policy_version_id)
    last = len(policy.ladder) - 1 if carries else policy.breach
    if timer.next_step > last:
        return None
    return plan_of(timer).at_percent(policy.ladder[timer.next_step].at)
