"""Targets are answered: every clock is judged by the time of the answer, not by when we heard of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from leads.models import Assignment
from sla.models import Timer, TimerEvent
from sla.policies import load_policy
from sla.rows import AnyTimer, update_timers
from sla.services.closing import CLOSING, OPEN, close, record_silent_breaches
from sla.services.pausing import end_those_over
from sla.tiers import BREACH

_COMPANY: Final = Timer.Clock.COMPANY


@dataclass(frozen=True, slots=True)
class Answer:
    """Something that meets a target: the response, or the decision, made at `at`."""

    handoff_id: UUID
    target: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Met:
    """What an answer did to one timer.

    met: in time. late: after the deadline, which stays broken. repaired: in time, but heard of after the
    breach was recorded. answered: somebody else's answer ended this owner's clock.
    """

    timer_id: UUID
    handoff_id: UUID
    clock: str
    outcome: Literal["met", "late", "repaired", "answered"]


def meet(handoff_ids: Collection[UUID], target: str, *, at: datetime, now: datetime) -> list[Met]:
    """Note that a target of these handoffs was answered at `at`. See `meet_all`."""
    return meet_all([Answer(handoff_id, target, at) for handoff_id in handoff_ids], now=now)


def meet_all(answers: Sequence[Answer], *, now: datetime) -> list[Met]:
    """Judge every clock of the answered targets by the time of the answer, whatever the sweep has done by
    now.

    At or before the deadline is in time, however late we hear of it: a recorded breach is then marked
    repaired. After it is late, even if no sweep had been there: the breach is recorded here, once. An owner's
    clock is judged by an answer within that owner's span; a later owner's clock simply ends. Calling it again
    with a later answer changes nothing, with an earlier one mends the record.
    """
    by_key = {(answer.handoff_id, answer.target): answer.at for answer in answers}
    handoff_ids = {answer.handoff_id for answer in answers}
    rows = Timer.objects.filter(handoff_id__in=handoff_ids, target__in={a.target for a in answers})
    timers = list(rows.order_by("id"))
    standing = {timer.handoff_id for timer in timers if timer.state == Timer.State.PAUSED}
    if standing and end_those_over(standing, now=now):
        timers = list(rows.order_by("id"))
    pairs = [
        (timer, by_key[timer.handoff_id, timer.target])
        for timer in timers
        if (timer.handoff_id, timer.target) in by_key
    ]
    return judge(pairs, began=began_at([timer for timer, _ in pairs]), now=now)


def began_at(timers: Sequence[Timer]) -> dict[UUID, datetime]:
    """When the owner of each re-armed clock got the lead, by assignment: a re-armed clock starts anew with
    the same owner, whose answer before that counts too.
    """
    rearmed = {timer.assignment_id for timer in timers if timer.assignment_id and timer.generation > 1}
    if not rearmed:
        return {}
    return dict(Assignment.objects.filter(id__in=rearmed).values_list("id", "started_at"))


def judge(
    pairs: Sequence[tuple[Timer, datetime]], *, began: Mapping[UUID, datetime], now: datetime
) -> list[Met]:
    """Judge each clock by one answer and write what comes of it, breaches that no sweep has seen included."""
    outcomes: list[Met] = []
    changed: list[Timer] = []
    missed: list[Timer] = []  # breached without any sweep having seen it
    repaired: list[UUID] = []
    for timer, at in pairs:
        was_running = timer.state in OPEN
        outcome = _judge(timer, at, now, began=began)
        if outcome is None:
            continue
        changed.append(timer)
        outcomes.append(Met(timer.id, timer.handoff_id, timer.clock, outcome))
        if outcome == "repaired":
            repaired.append(timer.id)
        elif outcome == "late" and was_running:
            missed.append(timer)
    update_timers(changed, CLOSING)
    record_silent_breaches(missed, now=now)
    if repaired:
        TimerEvent.objects.filter(timer_id__in=repaired, percent__gte=BREACH).update(repaired_at=now)
    return outcomes


def _judge(
    timer: Timer, at: datetime, now: datetime, *, began: Mapping[UUID, datetime]
) -> Literal["met", "late", "repaired", "answered"] | None:
    """Apply one answer to one timer in place; None where it changes nothing."""
    in_span = within_span(timer, at, began=began)
    if timer.state in (Timer.State.MET, Timer.State.CANCELLED):
        if not in_span or at > timer.due_at or (timer.met_at is not None and timer.met_at <= at):
            return None
        close(timer, Timer.State.MET, at, met_at=at)
        return "met"
    if timer.met_at is not None and timer.met_at <= at:
        return None  # answered late before this
    if not in_span:
        if timer.state in OPEN:
            close(timer, Timer.State.CANCELLED, now, reason="answered")
        elif timer.closed_at is None:  # it was broken and climbs no further
            close(timer, timer.state, now, reason="answered")
        else:
            return None
        return "answered"
    # A clock that stands cannot run out: its deadline moves with it.
    if at <= timer.due_at or timer.state == Timer.State.PAUSED:
        was_broken = timer.breached_at is not None
        timer.breached_at = None
        timer.repaired_at = now if was_broken else None
        close(timer, Timer.State.MET, at, met_at=at)
        return "repaired" if was_broken else "met"
    timer.breached_at = timer.due_at
    if timer.state in OPEN:
        timer.next_step = load_policy(timer.policy_version_id).breach + 1
    close(timer, Timer.State.BREACHED, at, met_at=at)
    return "late"


def within_span(timer: AnyTimer, at: datetime, *, began: Mapping[UUID, datetime]) -> bool:
    """Whether an answer at `at` was given on this clock's watch. A company clock always watches.

    began: as `began_at`.
    """
    if timer.clock == _COMPANY:
        return True
    start = began.get(timer.assignment_id, timer.started_at) if timer.assignment_id else timer.started_at
    return start <= at and (timer.closed_at is None or at <= timer.closed_at)
