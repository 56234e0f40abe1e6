"""Leave stands in the clocks of whoever takes it: an owner's working time does not run while they are away.

The company's clocks take no notice: what was promised to the lead does not depend on whose turn it was. Nor
does a wall clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sla import ladder
from sla.gaps import read_gaps, with_leave, without_leave_to_come
from sla.models import Timer
from sla.policies import load_policy, replan
from sla.rows import TimerRow, read_timers, update_timers
from sla.services.closing import OPEN
from sla.timers import warn_at
from tenants.calendars import load_calendar

#: Of a person: [start, end) of every leave, by start.
Spans = Sequence[tuple[datetime, datetime]]
_REPLANNED: Final = ["gaps", "due_at", "warn_at", "generation", "first_step", "next_step", "next_at"]


def follow_leave(handoff_ids: Collection[UUID], leave: Mapping[UUID, Spans], *, now: datetime) -> list[UUID]:
    """Plan the owners' clocks of these handoffs by their owners' leave as it is now; those that changed.

    leave: by member; nobody named here is away. What is over of earlier leave stays in a clock, and what has
    begun counts from `now` on: leave is no way to mend what has happened. A deadline that has passed stays.
    """
    changed = []
    for timer in _running(handoff_ids, now):
        assert timer.member_id is not None
        gaps = with_leave(timer.gaps, leave.get(timer.member_id, ()), now=now)
        if gaps != timer.gaps:
            timer.gaps = gaps
            _plan_anew(timer)
            changed.append(timer)
    update_timers(changed, _REPLANNED)
    return [timer.id for timer in changed]


def would_break(
    timers: Iterable[TimerRow], back: Mapping[UUID, datetime], *, now: datetime
) -> list[TimerRow]:
    """Those of these owners' clocks that would run out before their owners are back, if leave counted for
    nothing from now on. back: by member.
    """
    found = []
    for timer in timers:
        if timer.member_id is None or timer.member_id not in back:
            continue
        if timer.due_at < now:
            continue
        gaps = without_leave_to_come(read_gaps(timer.gaps), now=now)
        plan = replan(timer, gaps, calendar=load_calendar(timer.calendar_version_id))
        if plan.due_at < back[timer.member_id]:
            found.append(timer)
    return found


def _running(handoff_ids: Collection[UUID], now: datetime) -> list[TimerRow]:
    """Clocks that leave can still stop, in a fixed order."""
    timers = Timer.objects.filter(
        handoff_id__in=list(handoff_ids),
        clock=Timer.Clock.OWNER,
        state__in=OPEN,
        calendar_version__isnull=False,
    ).exclude(state=Timer.State.RUNNING, due_at__lt=now)
    return read_timers(timers.order_by("id"))


def _plan_anew(timer: TimerRow) -> None:
    """The timer's deadline by its gaps, as its next generation; what it has climbed stays climbed."""
    policy = load_policy(timer.policy_version_id)
    plan = replan(timer, read_gaps(timer.gaps), calendar=load_calendar(timer.calendar_version_id))
    timer.due_at, timer.warn_at = plan.due_at, warn_at(plan, policy)
    timer.generation += 1
    timer.first_step = timer.next_step
    if timer.state == Timer.State.RUNNING and timer.next_at is not None:
        timer.next_at = ladder.next_look(policy, plan, next_step=timer.next_step, carries=True)
