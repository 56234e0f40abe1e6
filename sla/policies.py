"""Policies and calendars by version, parsed once a process: versions never change."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist

from core.errors import Conflict, NotFound, ValidationFailed
from leads.criteria import SCHEMA
from sla.gaps import read_gaps
from sla.models import PolicyVersion
from sla.rows import AnyTimer
from sla.tiers import Policy, parse_policy
from sla.timers import Schedule
from tenants.calendars import load_calendar
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


def policy_in_force(at: datetime) -> tuple[UUID, Policy]:
    """Id and policy of the version in force at an instant. Raises Conflict before the first publication."""
    version = version_in_force(PolicyVersion, at)
    if version is None:
        raise Conflict("No SLA policy is published yet.")
    return version.id, load_policy(version.id)


def plan_of(timer: AnyTimer) -> Schedule:
    """The running promise that a timer stands for, on the calendar version it was armed with."""
    calendar = load_calendar(timer.calendar_version_id)
    return Schedule(
        timer.started_at, timer.due_at, timer.duration_seconds, calendar, gaps=read_gaps(timer.gaps)
    )


def find_policy(version_id: UUID) -> Policy | None:
    """As `load_policy`; None where the version is gone or makes no sense, for readers that must not fail."""
    try:
        return load_policy(version_id)
    except (ObjectDoesNotExist, ValidationFailed):
        return None


def get_version(version_id: UUID) -> PolicyVersion:
    """A version of this organisation's policy. Raises NotFound."""
    found: PolicyVersion | None = PolicyVersion.objects.filter(id=version_id).first()
    if found is None:
        raise NotFound("There is no such version.")
    return found
