"""Arm, meet, cancel and move timers. All take lists and write with one statement a table: one handoff is a
list of one.

The caller holds the lock of every handoff whose timers it changes (handoffs before timers, everywhere), and
has read `now` after that. Times of events (`at`) decide whether a target was met; `now` only says when we
heard of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from django.db import connection
from django.db.models import Q

from core.rules import Facts
from leads.models import Assignment, Handoff
from sla import ladder, tiers
from sla.models import EngineCycle, Target, Timer, TimerEvent
from sla.policies import load_policy, plan_of, policy_in_force
from sla.rows import AnyTimer, TimerRow, insert_timers, read_timers, update_timers
from sla.tiers import Policy, Tier
from sla.timers import Schedule, schedule, schedule_of_rest, seconds_between, warn_at
from tenants.bulk import insert_rows, update_rows
from tenants.calendars import house_calendar_version, load_calendar, member_calendar_versions
from tenants.context import current_tenant_id
from tenants.models import Tenant

_OPEN: Final = (Timer.State.RUNNING, Timer.State.PAUSED)
_COMPANY, _OWNER = Timer.Clock.COMPANY, Timer.Clock.OWNER
_PROGRESS: Final = ["next_step", "next_at"]
_CLOSING: Final = [
    "state",
    "met_at",
    "breached_at",
    "closed_at",
    "close_reason",
    "business_seconds",
    "wall_seconds",
    "repaired_at",
    *_PROGRESS,
]


# --- Which tier ---


@dataclass(frozen=True, slots=True)
class TierMatch:
    """The tier that applies to a lead, and the version of the policy that says so."""

    policy_version_id: UUID
    tier: Tier

    @property
    def responses(self) -> frozenset[str]:
        """Kinds of touch that count as a response under this policy."""
        return load_policy(self.policy_version_id).responses


def match_tier(facts: Facts) -> TierMatch:
    """The tier of a lead under the policy in force. Raises Conflict where none is published."""
    return match_tiers([facts])[0]


def match_tiers(many: Sequence[Facts]) -> list[TierMatch]:
    """The tier of each lead, in order; one query for all."""
    version_id, policy = policy_in_force()
    return [TierMatch(version_id, tiers.match_tier(policy, facts)) for facts in many]


def counts_as_response(policy_version_id: UUID | None, kind: str) -> bool:
    """Whether a touch of this kind answers a handoff, under the policy version that the handoff started with.

    Without a policy nothing is owed, and nothing counts.
    """
    return policy_version_id is not None and kind in load_policy(policy_version_id).responses


# --- Arming ---


def arm_company(handoffs: Sequence[Handoff]) -> list[TimerRow]:
    """Start the company clocks of newly opened handoffs, at their MQL, on the organisation's calendar.

    Each handoff has its policy version and tier. Call it before or after routing: an unowned handoff's clock
    carries the ladder until `company_yields_ladder`.
    """
    calendar_version_id = house_calendar_version()
    promises = _Promises()
    armed = []
    for handoff, policy, tier in _with_tier(handoffs):
        for spec in tier.targets:
            version_id = None if spec.wall else calendar_version_id
            carries = handoff.owner_id is None
            promise = promises.of(policy, spec, handoff.started_at, version_id, carries=carries)
            timer = _armed(handoff, promise, spec.target, version_id)
            armed.append(timer)
    insert_timers(armed)
    return armed


def arm_owner(
    assignments: Sequence[Assignment],
    *,
    handoffs: Mapping[UUID, Handoff],
    calendars: Mapping[UUID, UUID | None] | None = None,
) -> list[TimerRow]:
    """Start the owner clocks of new assignments: each target of the tier that is not answered yet.

    handoffs:  by id. calendars: calendar version of each member where the caller knows them; else they are
    read. The former owner's clocks must have been cancelled before (`cancel(..., clock="owner")`).
    """
    if not assignments:
        return []
    if calendars is None:
        members = {assignment.member_id for assignment in assignments}
        calendars = member_calendar_versions(tenant=_tenant(), member_ids=members)
    by_handoff = {assignment.handoff_id: assignment for assignment in assignments}
    used = _time_used_before(assignments, handoffs)
    promises = _Promises()
    armed = []
    for handoff, policy, tier in _with_tier([handoffs[handoff_id] for handoff_id in by_handoff]):
        assignment = by_handoff[handoff.id]
        for spec in tier.targets:
            if _answered(handoff, spec.target):
                continue
            version_id = None if spec.wall else calendars[assignment.member_id]
            promise = promises.of(policy, spec, assignment.started_at, version_id, carries=True)
            plan = promise.plan
            spent = used.get((handoff.id, spec.target), 0) if used else 0
            if 0 < spent < plan.duration_seconds:
                plan = schedule_of_rest(plan.started_at, plan.duration_seconds - spent, plan.calendar)
                promise = _promise(policy, plan, carries=True)
            timer = _armed(handoff, promise, spec.target, version_id, assignment=assignment)
            armed.append(timer)
    insert_timers(armed)
    return armed


def _time_used_before(
    assignments: Sequence[Assignment], handoffs: Mapping[UUID, Handoff]
) -> dict[tuple[UUID, str], int]:
    """Seconds that earlier owners used of each target, where the policy lets the clock go on at a move.

    Only clocks that were cancelled count: of a broken promise nothing is left to go on with, so it starts
    afresh.
    """
    going_on = []
    for assignment in assignments:
        version_id = handoffs[assignment.handoff_id].policy_version_id
        if assignment.hop and version_id and load_policy(version_id).on_reassign == "continue":
            going_on.append(assignment.handoff_id)
    if not going_on:
        return {}
    used: dict[tuple[UUID, str], int] = {}
    earlier = Timer.objects.filter(handoff_id__in=going_on, clock=_OWNER).order_by("id")
    for handoff_id, target, state, seconds in earlier.values_list(
        "handoff_id", "target", "state", "business_seconds"
    ):
        if state == Timer.State.CANCELLED:
            used[handoff_id, target] = used.get((handoff_id, target), 0) + (seconds or 0)
        else:
            used[handoff_id, target] = 0
    return used


def _with_tier(handoffs: Iterable[Handoff]) -> Iterable[tuple[Handoff, Policy, Tier]]:
    for handoff in handoffs:
        if handoff.policy_version_id is None:
            continue
        policy = load_policy(handoff.policy_version_id)
        tier = policy.tier(handoff.tier)
        if tier is not None:
            yield handoff, policy, tier


def _answered(handoff: Handoff, target: str) -> bool:
    if target == Target.FIRST_TOUCH:
        return handoff.first_touch_at is not None
    return handoff.accepted_at is not None


@dataclass(frozen=True, slots=True)
class _Promise:
    """A schedule with all that follows from it for a new clock."""

    plan: Schedule
    warn_at: datetime
    next_step: int
    next_at: datetime | None


def _promise(policy: Policy, plan: Schedule, *, carries: bool) -> _Promise:
    return _Promise(plan, warn_at(plan, policy), *ladder.first_look(policy, plan, carries=carries))


class _Promises:
    """The promises of one call: clocks of one target that start together on one calendar share theirs."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, datetime, UUID | None, bool], _Promise] = {}

    def of(
        self,
        policy: Policy,
        spec: tiers.TargetSpec,
        start: datetime,
        calendar_version_id: UUID | None,
        *,
        carries: bool,
    ) -> _Promise:
        """The promise of a target that starts at `start`. Policies outlive the call, so identity will do."""
        key = (id(policy), id(spec), start, calendar_version_id, carries)
        found = self._known.get(key)
        if found is None:
            plan = schedule(spec, start, load_calendar(calendar_version_id))
            found = self._known[key] = _promise(policy, plan, carries=carries)
        return found


def _armed(
    handoff: Handoff,
    promise: _Promise,
    target: str,
    calendar_version_id: UUID | None,
    *,
    assignment: Assignment | None = None,
) -> TimerRow:
    plan = promise.plan
    assert handoff.policy_version_id is not None  # it has a tier, so it has a policy
    return TimerRow(
        handoff_id=handoff.id,
        assignment_id=assignment.id if assignment else None,
        member_id=assignment.member_id if assignment else None,
        target=target,
        clock=_OWNER if assignment else _COMPANY,
        policy_version_id=handoff.policy_version_id,
        tier=handoff.tier,
        calendar_version_id=calendar_version_id,
        started_at=plan.started_at,
        duration_seconds=plan.duration_seconds,
        warn_at=promise.warn_at,
        due_at=plan.due_at,
        next_step=promise.next_step,
        next_at=None if handoff.is_history else promise.next_at,
    )


def _tenant() -> Tenant:
    return Tenant.objects.get(id=current_tenant_id())


@dataclass(frozen=True, slots=True)
class StricterTier:
    """A lead came back with more intent: the tier it would have now, from the engagement at `at`."""

    handoff: Handoff
    match: TierMatch
    at: datetime


def rearm_stricter(items: Sequence[StricterTier]) -> list[Handoff]:
    """Move open targets to earlier deadlines where the new tier asks for them; never to later ones.

    The tier changes only if its first touch falls due before the running one; then every open target of the
    handoff whose new deadline is earlier runs again from `at` as its next generation, with the same owner.
    Returns the handoffs that changed; tier, tier_name and policy version are written to them.
    """
    by_handoff = {item.handoff.id: item for item in items}
    running: dict[UUID, list[Timer]] = {}
    for timer in Timer.objects.filter(handoff_id__in=by_handoff, state=Timer.State.RUNNING).order_by("id"):
        running.setdefault(timer.handoff_id, []).append(timer)
    changed: list[Handoff] = []
    rearmed: list[Timer] = []
    for handoff_id, timers in running.items():
        item = by_handoff[handoff_id]
        moved = [timer for timer in timers if _rearm(timer, item)]
        if any(timer.target == Target.FIRST_TOUCH for timer in moved):
            handoff = item.handoff
            handoff.tier, handoff.tier_name = item.match.tier.slug, item.match.tier.name
            handoff.policy_version_id = item.match.policy_version_id
            changed.append(handoff)
            rearmed += moved
    fields = [
        "generation",
        "policy_version_id",
        "tier",
        "started_at",
        "duration_seconds",
        "warn_at",
        "due_at",
        "attempts",
    ]
    update_timers(rearmed, [*fields, *_PROGRESS])
    update_rows(changed, ["tier", "tier_name", "policy_version_id"])
    return changed


def _rearm(timer: Timer, item: StricterTier) -> bool:
    """Give the timer its earlier deadline; False, and nothing changed, where the new one is not earlier."""
    spec = item.match.tier.spec(timer.target)
    if spec is None:
        return False
    plan = schedule(spec, item.at, load_calendar(timer.calendar_version_id))
    if plan.due_at >= timer.due_at:
        return False
    policy = load_policy(item.match.policy_version_id)
    carries = timer.clock == _OWNER or item.handoff.owner_id is None
    timer.generation += 1
    timer.policy_version_id, timer.tier = item.match.policy_version_id, item.match.tier.slug
    timer.started_at, timer.duration_seconds = plan.started_at, plan.duration_seconds
    timer.warn_at, timer.due_at = warn_at(plan, policy), plan.due_at
    timer.attempts = 0
    timer.next_step, timer.next_at = ladder.first_look(policy, plan, carries=carries)
    return True


# --- Answers ---


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
    by_key = {(answer.handoff_id, answer.target): answer for answer in answers}
    handoff_ids = {answer.handoff_id for answer in answers}
    timers = Timer.objects.filter(handoff_id__in=handoff_ids, target__in={a.target for a in answers})
    outcomes: list[Met] = []
    changed: list[Timer] = []
    missed: list[Timer] = []  # breached without any sweep having seen it
    repaired: list[UUID] = []
    for timer in timers.order_by("id"):
        answer = by_key.get((timer.handoff_id, timer.target))
        if answer is None:
            continue
        was_running = timer.state in _OPEN
        outcome = _judge(timer, answer.at, now)
        if outcome is None:
            continue
        changed.append(timer)
        outcomes.append(Met(timer.id, timer.handoff_id, timer.clock, outcome))
        if outcome == "repaired":
            repaired.append(timer.id)
        elif outcome == "late" and was_running:
            missed.append(timer)
    update_timers(changed, _CLOSING)
    record_silent_breaches(missed, now=now)
    if repaired:
        TimerEvent.objects.filter(timer_id__in=repaired, percent__gte=tiers.BREACH).update(repaired_at=now)
    return outcomes


def _judge(
    timer: Timer, at: datetime, now: datetime
) -> Literal["met", "late", "repaired", "answered"] | None:
    """Apply one answer to one timer in place; None where it changes nothing."""
    in_span = _in_span(timer, at)
    if timer.state in (Timer.State.MET, Timer.State.CANCELLED):
        if not in_span or at > timer.due_at or (timer.met_at is not None and timer.met_at <= at):
            return None
        _close(timer, Timer.State.MET, at, met_at=at)
        return "met"
    if timer.met_at is not None and timer.met_at <= at:
        return None  # answered late before this
    if not in_span:
        if timer.state not in _OPEN:
            return None
        _close(timer, Timer.State.CANCELLED, now, reason="answered")
        return "answered"
    if at <= timer.due_at:
        was_broken = timer.breached_at is not None
        timer.breached_at = None
        timer.repaired_at = now if was_broken else None
        _close(timer, Timer.State.MET, at, met_at=at)
        return "repaired" if was_broken else "met"
    timer.breached_at = timer.due_at
    if timer.state in _OPEN:
        timer.next_step = load_policy(timer.policy_version_id).breach + 1
    _close(timer, Timer.State.BREACHED, at, met_at=at)
    return "late"


def _in_span(timer: AnyTimer, at: datetime) -> bool:
    """Whether an answer at `at` was given on this clock's watch. A company clock always watches."""
    if timer.clock == _COMPANY:
        return True
    # A re-armed clock starts anew with the same owner, whose earlier answer counts too.
    began = timer.generation > 1 or timer.started_at <= at
    return began and (timer.closed_at is None or at <= timer.closed_at)


def _close(
    timer: AnyTimer, state: str, at: datetime, *, reason: str = "", met_at: datetime | None = None
) -> None:
    timer.state = state
    timer.met_at = met_at
    timer.closed_at = at
    timer.close_reason = reason
    timer.next_at = None
    timer.business_seconds = seconds_between(load_calendar(timer.calendar_version_id), timer.started_at, at)
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
                percent=tiers.BREACH,
                actions=[],
                due_at=timer.due_at,
                fired_at=now,
                lateness_ms=max(0, int((now - timer.due_at).total_seconds() * 1000)),
            )
            for timer in timers
        ],
        conflict="on conflict (tenant_id, timer_id, generation, step) do nothing",
    )


# --- Endings ---


def cancel(
    handoff_ids: Collection[UUID],
    *,
    reason: str,
    now: datetime,
    clock: Literal["company", "owner"] | None = None,
    targets: Collection[str] | None = None,
) -> int:
    """End what still runs of these handoffs; returns how many timers that were.

    A deadline that has passed unswept is recorded as broken, not forgiven. A broken one climbs no further.
    reason: at most 20 characters ("closed", "moved").
    """
    if not handoff_ids:
        return 0
    alive = Q(state__in=_OPEN) | Q(
        state__in=(Timer.State.BREACHED, Timer.State.FAILED), closed_at__isnull=True
    )
    timers = Timer.objects.filter(alive, handoff_id__in=handoff_ids).order_by("id")
    if clock:
        timers = timers.filter(clock=clock)
    if targets is not None:
        timers = timers.filter(target__in=targets)
    ending = read_timers(timers)
    missed = []
    for timer in ending:
        if timer.state not in _OPEN:
            _close(timer, timer.state, now, reason=reason)
        elif timer.due_at < now:
            timer.breached_at = timer.due_at
            timer.next_step = load_policy(timer.policy_version_id).breach + 1
            _close(timer, Timer.State.BREACHED, now, reason=reason)
            missed.append(timer)
        else:
            _close(timer, Timer.State.CANCELLED, now, reason=reason)
    update_timers(ending, _CLOSING)
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
    update_timers(timers, _CLOSING)
    TimerEvent.objects.filter(timer_id__in=[timer.id for timer in timers]).update(repaired_at=None)
    return len(timers)


def _resume_at(timer: Timer, *, carries: bool) -> datetime | None:
    """When the timer's next step falls, from where its ladder stands."""
    policy = load_policy(timer.policy_version_id)
    last = len(policy.ladder) - 1 if carries else policy.breach
    if timer.next_step > last:
        return None
    return plan_of(timer).at_percent(policy.ladder[timer.next_step].at)


# --- Who carries the ladder ---


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


# --- The engine's pulse ---


def record_cycle(tick: str, *, handled: int, now: datetime) -> None:
    """Note that a tick came to its end. Newer pulses win, so that two engines can share one row."""
    EngineCycle.objects.bulk_create(
        [EngineCycle(tick=tick, finished_at=now, handled=handled)],
        update_conflicts=True,
        unique_fields=["tick"],
        update_fields=["finished_at", "handled"],
    )


def record_lateness(tick: str, *, worst_ms: int, now: datetime) -> None:
    """Note how late the tick's worst firing was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into sla_enginecycle (tick, finished_at, handled, worst_lateness_ms)"
            " values (%s, %s, 0, %s)"
            " on conflict (tick) do update set worst_lateness_ms = excluded.worst_lateness_ms",
            [tick, now, worst_ms],
        )
