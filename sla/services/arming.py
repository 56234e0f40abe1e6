"""Clocks begin: the company's when a handoff opens, an owner's with every assignment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Final
from uuid import UUID

from core.businesstime import Gap
from leads.lifecycle import Stage
from leads.models import Assignment, Handoff
from sla import ladder
from sla.drills import promises
from sla.gaps import leave_gaps, write_gaps
from sla.models import Pause, Timer
from sla.policies import load_policy
from sla.rows import TimerRow, insert_timers, update_timers
from sla.targets import COMPANY_ONLY, Target, answered_at, begins_at, begun_by
from sla.tiers import Duration, Policy, TargetSpec, Tier
from sla.timers import Schedule, schedule, schedule_of_rest, warn_at
from tenants.calendars import house_calendar_version, load_calendar, member_calendar_versions
from tenants.context import current_tenant_id
from tenants.models import Tenant
from tenants.selectors import leave_from

_COMPANY: Final = Timer.Clock.COMPANY
_OWNER: Final = Timer.Clock.OWNER
#: Promises of a quick answer: what a later owner may be given a time of their own for.
_WINDOWED: Final = frozenset({Target.FIRST_TOUCH, Target.DECISION})


def arm_company(
    handoffs: Sequence[Handoff],
    *,
    targets: Collection[str] | None = None,
    since: Mapping[UUID, datetime] | None = None,
) -> list[TimerRow]:
    """Start the company clocks of handoffs on the organisation's calendar: of each target of the tier that
    has begun and is not answered.

    Each handoff has its policy version and tier. targets: only these; without them the handoffs are new, or
    its tier promises people's answers only `since` a moment, by handoff: no clock starts before it. Call it
    before or after routing: an unowned handoff's clock carries the ladder until `company_yields_ladder`.
    """
    calendar_version_id = house_calendar_version()
    known = _Promises()
    armed = []
    for handoff, policy, tier in _with_tier(handoffs):
        for spec in promises(tier, handoff.drill_seconds):
            begins = begins_at(handoff, spec.target)
            unasked = targets is not None and spec.target not in targets
            if begins is None or unasked or answered_at(handoff, spec.target) is not None:
                continue
            version_id = None if spec.wall else calendar_version_id
            start = max(begins, since[handoff.id]) if since else begins
            carries = handoff.owner_id is None
            promise = known.of(policy, spec, start, version_id, carries=carries)
            timer = _armed(handoff, promise, spec.target, version_id)
            armed.append(timer)
    insert_timers(armed)
    return armed


def arm_owner(
    assignments: Sequence[Assignment],
    *,
    handoffs: Mapping[UUID, Handoff],
    calendars: Mapping[UUID, UUID | None] | None = None,
    targets: Collection[str] | None = None,
    since: Mapping[UUID, datetime] | None = None,
) -> list[TimerRow]:
    """Start the owner clocks of assignments: of each target of the tier that has begun and is not answered.

    Leave that is planned for its owner is left out of a clock, unless it is the wall clock.
    handoffs:  by id. calendars: calendar version of each member where the caller knows them; else they are
    read. targets: only these. since: as `arm_company`; what begins with this owner is promised in full,
    whoever had the lead before. The former owner's clocks must have been cancelled before
    (`cancel(..., clock="owner")`).
    """
    if not assignments:
        return []
    members = {assignment.member_id for assignment in assignments}
    if calendars is None:
        calendars = member_calendar_versions(tenant=_tenant(), member_ids=members)
    leave = leave_from(frozenset(members), _day(min(each.started_at for each in assignments)))
    by_handoff = {assignment.handoff_id: assignment for assignment in assignments}
    used = _time_used_before(assignments, handoffs)
    known = _Promises()
    armed = []
    for handoff, policy, tier in _with_tier([handoffs[handoff_id] for handoff_id in by_handoff]):
        assignment = by_handoff[handoff.id]
        for spec in promises(tier, handoff.drill_seconds):
            begins = begins_at(handoff, spec.target)
            unasked = spec.target in COMPANY_ONLY or (targets is not None and spec.target not in targets)
            if begins is None or unasked or answered_at(handoff, spec.target) is not None:
                continue
            start = max(begins, assignment.started_at)
            if since:
                start = max(start, since[handoff.id])
            version_id = None if spec.wall else calendars[assignment.member_id]
            away = leave.get(assignment.member_id)
            gaps = leave_gaps(away, since=start) if away and version_id is not None else ()
            promise = known.of(policy, spec, start, version_id, carries=True, gaps=gaps)
            if assignment.hop and not since and policy.window is not None and spec.target in _WINDOWED:
                window = _windowed(spec, policy.window)
                shorter = known.of(policy, window, start, version_id, carries=True, gaps=gaps)
                promise = min(promise, shorter, key=lambda each: each.plan.due_at)
            plan = promise.plan
            spent = used.get((handoff.id, spec.target), 0) if used else 0
            if 0 < spent < plan.duration_seconds:
                plan = schedule_of_rest(plan.started_at, plan.duration_seconds - spent, plan.calendar, gaps)
                promise = _promise(policy, plan, carries=True)
            timer = _armed(handoff, promise, spec.target, version_id, assignment=assignment)
            armed.append(timer)
    insert_timers(armed)
    return armed


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def arm_stage(handoff: Handoff, stage: Stage) -> None:
    """The lead has come to this stage: start the clocks of what its tier promises from here on.

    They stand where the handoff is paused now.
    """
    targets = begun_by(stage)
    armed = arm_company([handoff], targets=targets)
    current = Assignment.objects.filter(handoff_id=handoff.id, ended_at__isnull=True).first()
    if current is not None:
        armed += arm_owner([current], handoffs={handoff.id: handoff}, targets=targets)
    stand_where_paused(handoff, armed)


def stand_where_paused(handoff: Handoff, armed: Sequence[TimerRow]) -> None:
    """Clocks that were just started stand where the handoff waits, since it does or they began."""
    if not armed:
        return
    stopped = Pause.objects.filter(handoff_id=handoff.id, ended_at__isnull=True).first()
    if stopped is None:
        return
    for timer in armed:
        timer.state, timer.next_at = Timer.State.PAUSED, None
        timer.paused_at = max(stopped.started_at, timer.started_at)
    update_timers(armed, ["state", "paused_at", "next_at"])


@cache
def _windowed(spec: TargetSpec, window: Duration) -> TargetSpec:
    """The promise of a later owner. Kept, so that `_Promises` knows it again."""
    return replace(spec, duration=window)


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
        self._known: dict[tuple[int, int, datetime, UUID | None, bool, tuple[Gap, ...]], _Promise] = {}

    def of(
        self,
        policy: Policy,
        spec: TargetSpec,
        start: datetime,
        calendar_version_id: UUID | None,
        *,
        carries: bool,
        gaps: tuple[Gap, ...] = (),
    ) -> _Promise:
        """The promise of a target that starts at `start`. Policies outlive the call, so identity will do."""
        key = (id(policy), id(spec), start, calendar_version_id, carries, gaps)
        found = self._known.get(key)
        if found is None:
            plan = schedule(spec, start, load_calendar(calendar_version_id), gaps)
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
        gaps=write_gaps(plan.gaps) if plan.gaps else [],
    )


def _tenant() -> Tenant:
    return Tenant.objects.get(id=current_tenant_id())
