"""A clock that failed again and again is given another chance by a person who has mended the cause."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from core.errors import Conflict, NotFound
from leads.models import Handoff
from sla.models import Finding, Timer
from sla.rows import read_timers, update_timers
from tenants.audit import record_change
from tenants.clock import Clock

_OPEN: Final = (Timer.State.RUNNING, Timer.State.PAUSED)


def retry_timer(*, timer_id: UUID, actor: str, clock: Clock) -> None:
    """Have the next sweep look at a failed timer again, as if it had never raised. Audited.

    Raises NotFound, and Conflict where it has not failed, is closed, or has a successor that runs.
    """
    handoff_id = Timer.objects.filter(id=timer_id).values_list("handoff_id", flat=True).first()
    if handoff_id is None:
        raise NotFound("There is no such clock.")
    Handoff.objects.select_for_update(no_key=True, of=("self",)).values_list("id").get(id=handoff_id)
    (timer,) = read_timers(Timer.objects.filter(id=timer_id).select_for_update(no_key=True))
    if timer.state != Timer.State.FAILED or timer.closed_at is not None:
        raise Conflict("This clock does not wait for anybody: it runs, or has ended.")
    twins = Timer.objects.filter(
        handoff_id=handoff_id, target=timer.target, clock=timer.clock, state__in=_OPEN
    )
    if twins.exists():
        raise Conflict("A newer clock runs for this target already.")
    now, error = clock(), timer.last_error
    # What was broken before it failed stays broken: only its further steps are tried.
    timer.state = Timer.State.RUNNING if timer.breached_at is None else Timer.State.BREACHED
    timer.attempts, timer.next_at, timer.last_error = 0, now, ""
    update_timers([timer], ["state", "attempts", "next_at", "last_error"])
    Finding.objects.filter(kind="timer_failed", subject=f"timer:{timer_id}", cleared_at__isnull=True).update(
        cleared_at=now
    )
    record_change(
        actor=actor,
        action="tried_again",
        object_type="timer",
        object_id=timer_id,
        before={"state": "failed", "error": error},
        after={"state": str(timer.state)},
        now=now,
    )
