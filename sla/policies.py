"""Policies and calendars by version, parsed once a process: versions never change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist

from core.businesstime import Gap, WorkCalendar
from core.errors import Conflict, NotFound, ValidationFailed
from leads.criteria import SCHEMA
from sla.gaps import PAUSE, read_gaps
from sla.models import PolicyVersion
from sla.rows import AnyTimer
from sla.tiers import Policy, TargetSpec, parse_policy
from sla.timers import Schedule, add_seconds, schedule
from sla.units import active_units
from tenants.calendars import load_calendar
from tenants.clock import Clock, database_clock
from tenants.context import current_tenant_id
from tenants.versions import version_in_force


@lru_cache(maxsize=1024)
def _parsed(tenant_id: UUID, version_id: UUID) -> Policy:
    return parse_policy(PolicyVersion.objects.get(id=version_id).content, SCHEMA)


def load_policy(version_id: UUID) -> Policy:
    """The parsed policy of a version of the tenant in force. Raises ValidationFailed for one that makes no
    sense.
    """
    return _parsed(current_tenant_id(), version_id)


def policy_in_force(at: datetime, unit_id: UUID | None = None) -> tuple[UUID, Policy]:
    """Id and policy of the version in force at an instant: of a business unit, or of the main policy. Raises
    Conflict before the first publication.
    """
    version = version_in_force(PolicyVersion, at, unit_id)
    if version is None:
        raise Conflict("No SLA policy is published yet.")
    return version.id, load_policy(version.id)


def tiers_in_force(clock: Clock = database_clock) -> list[tuple[str, str]]:
    """(slug, name) of every tier of the policies in force: of the main one, then of each active unit's."""
    found = []
    now = clock()
    for unit_id in (None, *(unit.id for unit in active_units())):
        version = version_in_force(PolicyVersion, now, unit_id)
        if version is not None:
            found += [(tier.slug, tier.name) for tier in load_policy(version.id).tiers]
    return found


@lru_cache(maxsize=1024)
def _unit_of(tenant_id: UUID, version_id: UUID) -> UUID | None:
    found: UUID | None = PolicyVersion.objects.values_list("unit_id", flat=True).get(id=version_id)
    return found


def unit_of(version_id: UUID) -> UUID | None:
    """The business unit whose policy a version is of; None for the main policy."""
    return _unit_of(current_tenant_id(), version_id)


def plan_of(timer: AnyTimer) -> Schedule:
    """The running promise that a timer stands for, on the calendar version it was armed with."""
    calendar = load_calendar(timer.calendar_version_id)
    return Schedule(
        timer.started_at, timer.due_at, timer.duration_seconds, calendar, gaps=read_gaps(timer.gaps)
    )


def replan(timer: AnyTimer, gaps: Sequence[Gap], *, calendar: WorkCalendar | None) -> Schedule:
    """The timer's promise counted anew from its start with these gaps and hours: days as days, everything
    else second by second.
    """
    tier = load_policy(timer.policy_version_id).tier(timer.tier)
    spec = tier.spec(timer.target) if tier else None
    if spec is not None and is_whole(timer, spec):
        return schedule(spec, timer.started_at, calendar, gaps)
    due_at = add_seconds(calendar, timer.started_at, timer.duration_seconds, gaps)
    return Schedule(timer.started_at, due_at, timer.duration_seconds, calendar, gaps)


def is_whole(timer: AnyTimer, spec: TargetSpec) -> bool:
    """Whether the timer has all the time of its target, and not what an earlier owner left of it."""
    calendar = load_calendar(timer.calendar_version_id)
    return schedule(spec, timer.started_at, calendar).duration_seconds == timer.duration_seconds


def due_without_pauses(timer: AnyTimer) -> datetime | None:
    """When the timer would have been due, had none of its pauses stopped it; None for one never paused.

    A pause only ever lengthens a deadline, so this is never after `due_at`.
    """
    gaps = read_gaps(timer.gaps)
    if timer.paused_at is None and not any(gap.kind == PAUSE for gap in gaps):
        return None
    others = [gap for gap in gaps if gap.kind != PAUSE]
    plan = replan(timer, others, calendar=load_calendar(timer.calendar_version_id))
    return min(timer.due_at, plan.due_at)


def find_policy(version_id: UUID) -> Policy | None:
    """As `load_policy`; None where the version is gone or makes no sense, for readers that must not fail."""
    try:
        return load_policy(version_id)
    except (ObjectDoesNotExist, ValidationFailed):
        return None


def policy_of(version: PolicyVersion) -> Policy | None:
    """The parsed policy of a version that is at hand; None where it makes no sense."""
    try:
        return parse_policy(version.content, SCHEMA)
    except ValidationFailed:
        return None


def get_version(version_id: UUID) -> PolicyVersion:
    """A version of this organisation's policy. Raises NotFound."""
    found: PolicyVersion | None = PolicyVersion.objects.filter(id=version_id).first()
    if found is None:
        raise NotFound("There is no such version.")
    return found
