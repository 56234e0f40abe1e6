"""Reads of timers, and of whom their steps tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, F, Func, Q, Value

from sla.gaps import LEAVE
from sla.ladder import Chain
from sla.models import EngineCycle, Finding, Timer
from sla.status import Status, status_of
from tenants.calendars import load_calendar
from tenants.config import configured
from tenants.models import Member
from tenants.selectors import active_tenants as active_tenants


def chains_of(member_ids: Iterable[UUID], *, fallback_id: UUID | None = None) -> Mapping[UUID | None, Chain]:
    """Whom the timers of these owners tell, by owner; under None for a lead that nobody owns.

    Managers and directors who left are passed over: the named fallback person stands in. One query.
    """
    chains: dict[UUID | None, Chain] = {None: Chain(None, None, None, fallback_id)}
    for row in _leaders(frozenset(member_ids)):
        member_id, is_active, manager_id, manages, director_id, directs, backup_id, backs_up = row
        chains[member_id] = Chain(
            owner=member_id if is_active else None,
            manager=manager_id if manages else None,
            director=director_id if directs else None,
            fallback=fallback_id,
            backup=backup_id if backs_up else None,
        )
    return chains


@configured
def active_among(member_ids: frozenset[UUID]) -> frozenset[UUID]:
    """Those of these members who are active."""
    return frozenset(Member.objects.filter(id__among=member_ids, is_active=True).values_list("id", flat=True))


@configured
def _leaders(member_ids: frozenset[UUID]) -> list[tuple[Any, ...]]:
    """(member, active, manager, active, director, active, backup, active) of each."""
    return list(
        Member.objects.filter(id__among=member_ids).values_list(
            "id",
            "is_active",
            "team__manager_id",
            "team__manager__is_active",
            "team__director_id",
            "team__director__is_active",
            "team__backup_id",
            "team__backup__is_active",
        )
    )


def status_now(timer: Timer, *, now: datetime) -> Status:
    """The timer's status on its own calendar."""
    return status_of(timer, now=now, calendar=load_calendar(timer.calendar_version_id))


def on_leave_in_sql(*, now: datetime) -> Func:
    """For the database: whether an owner's clock stands at `now` because its owner is on leave, which
    `status_of` counts as closed hours. The texts of gaps sort as their times (`sla.gaps.write_gaps`).
    """
    # Strict: a lax path would look for the members inside each gap's own parts.
    at = now.astimezone(UTC).isoformat()
    path = f'strict $[*] ? (@[2] == "{LEAVE}" && @[0] <= "{at}" && @[1] > "{at}")'
    return Func(
        F("gaps"),
        Value(path),
        template="jsonb_path_exists(%(expressions)s::jsonpath)",
        output_field=BooleanField(),
    )


def possible(status: Status, *, now: datetime) -> Q:
    """A filter that lets every timer of this status through, and few others; `status_now` has the last word.

    Closed hours are a matter of calendars, which the database does not know.
    """
    given_up = Q(state=Timer.State.FAILED)
    running = (Q(state=Timer.State.RUNNING) | given_up & Q(closed_at__isnull=True)) & Q(met_at__isnull=True)
    if status == Status.MET:
        return Q(state=Timer.State.MET)
    if status == Status.CANCELLED:
        return Q(state=Timer.State.CANCELLED) | given_up & Q(closed_at__lte=F("due_at"), met_at__isnull=True)
    if status == Status.PAUSED:
        return Q(state=Timer.State.PAUSED, met_at__isnull=True)
    if status == Status.MISSED:
        return (
            Q(met_at__isnull=False) & ~Q(state__in=(Timer.State.MET, Timer.State.CANCELLED))
            | Q(state=Timer.State.BREACHED, closed_at__isnull=False)
            | given_up & Q(closed_at__gt=F("due_at"))
        )
    if status == Status.OVERDUE:
        broken = Q(state=Timer.State.BREACHED, closed_at__isnull=True, met_at__isnull=True)
        return broken | running & Q(due_at__lt=now)
    return running & Q(due_at__gte=now)


def overdue_handoffs(handoff_ids: Iterable[UUID], *, now: datetime) -> set[UUID]:
    """Those of these handoffs with a broken promise that is still unanswered, swept or not."""
    open_ones = Timer.objects.filter(possible(Status.OVERDUE, now=now), handoff_id__in=list(handoff_ids))
    return set(open_ones.values_list("handoff_id", flat=True))


def open_findings() -> list[Finding]:
    """What the auditor found wrong in this organisation and is not put right yet."""
    return list(Finding.objects.filter(cleared_at__isnull=True).order_by("found_at", "id"))


def tenants_with_due_timers(now: datetime) -> list[UUID]:
    """Organisations whose timers the sweep must look at; answered by the resolver, before any tenant is
    set.
    """
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from tenants_with_due_timers(%s)", [now])
        return [row[0] for row in cursor.fetchall()]


def cycles() -> dict[str, EngineCycle]:
    """The last pulse of each tick, by its name."""
    return {cycle.tick: cycle for cycle in EngineCycle.objects.all()}
