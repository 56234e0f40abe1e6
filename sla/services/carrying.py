"""Which clock carries the ladder: the owner's, or the company's while nobody owns the lead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from leads.models import Handoff
from sla import ladder
from sla.models import Timer
from sla.policies import load_policy, plan_of
from sla.rows import update_timers

_COMPANY: Final = Timer.Clock.COMPANY
#: Where a ladder stands.
_PROGRESS: Final = ["next_step", "next_at"]


def company_takes_ladder(handoffs: Sequence[Handoff], *, now: datetime) -> None:
    """Nobody owns these handoffs any more: their company clocks carry the ladder on from here."""
    timers = _company_clocks(handoffs)
    for timer in timers:
        policy = load_policy(timer.policy_version_id)
        breached = timer.state == Timer.State.BREACHED
        timer.next_step, timer.next_at = ladder.take_over(policy, plan_of(timer), breached=breached, now=now)
    update_timers(timers, _PROGRESS)


def company_yields_ladder(handoffs: Sequence[Handoff]) -> None:
    """These handoffs have an owner now, whose clocks carry the ladder: the company's only record their
    breach.
    """
    timers = _company_clocks(handoffs)
    for timer in timers:
        if timer.state == Timer.State.BREACHED:
            timer.next_at = None
        else:
            timer.next_step, timer.next_at = load_policy(timer.policy_version_id).breach, timer.due_at
    update_timers(timers, _PROGRESS)


def _company_clocks(handoffs: Sequence[Handoff]) -> list[Timer]:
    acting = [handoff.id for handoff in handoffs if not handoff.is_history]
    if not acting:
        return []
    return list(
        Timer.objects.filter(
            handoff_id__in=acting,
            clock=_COMPANY,
            state__in=(Timer.State.RUNNING, Timer.State.BREACHED),
            closed_at__isnull=True,
        ).order_by("id")
    )
