"""Clocks stand still for a reason that the policy allows, and go on by themselves in the end."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from core.errors import Conflict, ValidationFailed
from leads.models import Handoff
from sla import ladder
from sla.gaps import read_gaps, with_gap
from sla.models import Pause, Timer
from sla.policies import load_policy, replan
from sla.rows import TimerRow, read_timers, update_timers
from sla.tiers import PauseRule
from sla.timers import due_after, warn_at
from tenants.bulk import update_rows
from tenants.calendars import house_calendar_version, load_calendar

_RESUMED: Final = [
    "state",
    "gaps",
    "paused_at",
    "due_at",
    "warn_at",
    "generation",
    "first_step",
    "next_step",
    "next_at",
]


def pause_rules(handoff: Handoff, *, role: str | None) -> list[PauseRule]:
    """The reasons for which somebody of this role ("rep", "manager") may pause the handoff; None may all."""
    if handoff.policy_version_id is None:
        return []
    rules = load_policy(handoff.policy_version_id).pauses
    return [rule for rule in rules if role is None or role in rule.who]


def latest_end(rule: PauseRule, *, now: datetime) -> datetime:
    """Until when a pause of this reason that begins now may last, on the organisation's hours."""
    return due_after(rule.at_most, now, load_calendar(house_calendar_version()))


def pause(
    handoff: Handoff, rule: PauseRule, *, until: datetime | None, note: str, actor: str, now: datetime
) -> Pause:
    """Let every running clock of a handoff stand still, until `until` at the latest; None is as long as the
    rule allows.

    A clock whose deadline has passed runs on: a pause undoes no breach. Raises ValidationFailed at /until,
    Conflict where it is paused already or no clock is left to pause.
    """
    latest = latest_end(rule, now=now)
    ends = until or latest
    if ends <= now:
        raise ValidationFailed.at("/until", "Choose a time to come.", "past")
    if ends > latest:
        raise ValidationFailed.at(
            "/until",
            f"{rule.name} may last until {latest.day} {latest:%b %Y, %H:%M} UTC at most.",
            "too_long",
        )
    end_those_over([handoff.id], now=now)
    if Pause.objects.filter(handoff=handoff, ended_at__isnull=True).exists():
        raise Conflict("This lead is paused already.")
    made = _stand_still(handoff, rule.reason, rule.name, until=ends, note=note, actor=actor, now=now)
    if made is None:
        raise Conflict("No clock of this lead runs that could be paused.")
    return made


def hold(
    handoff: Handoff, *, reason: str, name: str, until: datetime, actor: str, now: datetime
) -> Pause | None:
    """Let the running clocks of a handoff stand still until something that has its time, which no policy
    needs to allow: a booked meeting. A pause that lasts ends before it. None where no clock runs.
    """
    resume([handoff.id], end_reason=Pause.EndReason.RESUMED, actor=actor, now=now)
    return _stand_still(handoff, reason, name, until=until, note="", actor=actor, now=now)


def _stand_still(
    handoff: Handoff, reason: str, name: str, *, until: datetime, note: str, actor: str, now: datetime
) -> Pause | None:
    running = read_timers(
        Timer.objects.filter(handoff=handoff, state=Timer.State.RUNNING, due_at__gte=now).order_by("id")
    )
    if not running:
        return None
    for timer in running:
        timer.state, timer.paused_at, timer.next_at = Timer.State.PAUSED, now, None
    update_timers(running, ["state", "paused_at", "next_at"])
    made = Pause(
        handoff=handoff,
        reason=reason,
        name=name,
        note=note,
        started_at=now,
        started_by=actor,
        until=until,
    )
    made.save(force_insert=True)
    return made


def resume(
    handoff_ids: Collection[UUID], *, end_reason: Pause.EndReason, actor: str, now: datetime
) -> list[Pause]:
    """Let the clocks of these handoffs go on; the pauses that ended. Handoffs without one are left alone.

    A pause whose time was up before `now` ended then, whoever notices it: its clocks run on from there.
    Deadlines move by the working time that the pause took, warnings and steps with them.
    """
    pauses = list(
        Pause.objects.filter(handoff_id__in=list(handoff_ids), ended_at__isnull=True).order_by("id")
    )
    if not pauses:
        return []
    for each in pauses:
        late = each.until <= now
        each.ended_at = each.until if late else now
        each.end_reason = Pause.EndReason.TIME_UP if late else end_reason
        each.ended_by = actor
    update_rows(pauses, ["ended_at", "end_reason", "ended_by"])
    ended = {each.handoff_id: each.ended_at for each in pauses}
    handoffs = Handoff.objects.filter(id__in=ended).defer("verdict").in_bulk()
    standing = read_timers(
        Timer.objects.filter(handoff_id__in=list(ended), state=Timer.State.PAUSED).order_by("id")
    )
    for timer in standing:
        at = ended[timer.handoff_id]
        if at is not None:
            _go_on(timer, handoffs[timer.handoff_id], at)
    update_timers(standing, _RESUMED)
    return pauses


def end_those_over(handoff_ids: Collection[UUID], *, now: datetime) -> list[Pause]:
    """End the pauses of these handoffs whose time is up by `now`, if the engine has not come to it yet.

    Whoever judges or ends a clock that stands calls this before: it may have run on, and out, meanwhile.
    """
    over = Pause.objects.filter(handoff_id__in=list(handoff_ids), ended_at__isnull=True, until__lte=now)
    ids = set(over.values_list("handoff_id", flat=True))
    return resume(ids, end_reason=Pause.EndReason.TIME_UP, actor="engine", now=now) if ids else []


def _go_on(timer: TimerRow, handoff: Handoff, at: datetime) -> None:
    """The timer runs again from `at`, as its next generation, with the steps that are left of its ladder."""
    policy = load_policy(timer.policy_version_id)
    if timer.paused_at is not None:
        timer.gaps = with_gap(timer.gaps, timer.paused_at, max(at, timer.paused_at))
    plan = replan(timer, read_gaps(timer.gaps), calendar=load_calendar(timer.calendar_version_id))
    timer.state, timer.paused_at = Timer.State.RUNNING, None
    timer.due_at, timer.warn_at = plan.due_at, warn_at(plan, policy)
    timer.generation += 1
    timer.first_step = timer.next_step
    carries = timer.clock == Timer.Clock.OWNER or handoff.owner_id is None
    timer.next_at = (
        None
        if handoff.is_history
        else ladder.next_look(policy, plan, next_step=timer.next_step, carries=carries)
    )


def end_with_handoff(handoff_ids: Collection[UUID], *, actor: str, now: datetime) -> None:
    """Close the pauses of handoffs that have ended; their clocks were ended before."""
    Pause.objects.filter(handoff_id__in=list(handoff_ids), ended_at__isnull=True).update(
        ended_at=now, end_reason=Pause.EndReason.CLOSED, ended_by=actor
    )
