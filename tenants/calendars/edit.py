"""Writing calendars: every change is a new version, and running clocks keep the one that they began with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from core.errors import Conflict, StaleVersion, ValidationFailed
from tenants.audit import record_change
from tenants.calendars.spec import Spec
from tenants.calendars.words import changes
from tenants.models import Calendar, CalendarVersion, RepProfile, Team, Tenant


@transaction.atomic
def write_calendar(
    *, tenant: Tenant, name: str, spec: Mapping[str, Any], actor: str, now: datetime
) -> CalendarVersion:
    """Write the next version of the calendar `name` (made if there is none) and make it the current one."""
    calendar, _ = Calendar.objects.get_or_create(tenant=tenant, name=name)
    return _write(Calendar.objects.select_for_update().get(id=calendar.id), spec, actor, now)


@transaction.atomic
def create_calendar(*, tenant: Tenant, name: str, spec: Spec, actor: str, now: datetime) -> CalendarVersion:
    """A new calendar with its first version. Raises ValidationFailed at /name where the name is taken."""
    if Calendar.objects.filter(name=name).exists():
        raise ValidationFailed.at("/name", f"There is a calendar {name} already.", "taken")
    version = _write(Calendar.objects.create(tenant=tenant, name=name), spec, actor, now)
    record_change(
        actor=actor,
        action="created",
        object_type="calendar",
        object_id=version.calendar_id,
        after={"name": name, "version": 1},
        now=now,
    )
    return version


@transaction.atomic
def change_calendar(
    *, calendar: Calendar, spec: Spec, expected: int, actor: str, now: datetime, name: str = ""
) -> CalendarVersion:
    """Write the next version and make it current; running clocks stay where they are.

    expected: the number of the version that the editor started from. Raises StaleVersion, with what changed
    meanwhile, where another has been written since; ValidationFailed at /name where the new name is taken.
    """
    locked = Calendar.objects.select_for_update().get(id=calendar.id)
    before = CalendarVersion.objects.get(id=locked.current_version_id)
    if before.number != expected:
        started_from = CalendarVersion.objects.filter(calendar=locked, number=expected).first()
        raise StaleVersion(
            f"Version {before.number} was saved while you were editing. See what changed, then save yours.",
            number=before.number,
            changes=changes(started_from.spec, before.spec) if started_from else [],
        )
    if name and name != locked.name:
        if Calendar.objects.filter(name=name).exclude(id=locked.id).exists():
            raise ValidationFailed.at("/name", f"There is a calendar {name} already.", "taken")
        locked.name = name
        locked.save(update_fields=["name"])
    version = _write(locked, spec, actor, now)
    record_change(
        actor=actor,
        action="changed",
        object_type="calendar",
        object_id=locked.id,
        before={"version": before.number},
        after={"version": version.number, "changes": changes(before.spec, spec)},
        now=now,
    )
    return version


@transaction.atomic
def delete_calendar(*, calendar: Calendar, actor: str, now: datetime) -> None:
    """Remove a calendar that nobody uses. Raises Conflict where somebody does, or where a clock began with
    it: such a calendar stays, since it explains a deadline.
    """
    used = users_of(calendar)
    if used:
        raise Conflict(f"{calendar.name} is used by {', '.join(used)}.")
    try:
        with transaction.atomic():
            Calendar.objects.filter(id=calendar.id).update(current_version_id=None)
            CalendarVersion.objects.filter(calendar=calendar).delete()
            Calendar.objects.filter(id=calendar.id).delete()
            connection.check_constraints()  # the keys of clocks are deferred: they must refuse here
    except IntegrityError as refusal:
        raise Conflict(
            f"Clocks have run on {calendar.name}: it stays, to explain their deadlines."
        ) from refusal
    record_change(
        actor=actor,
        action="deleted",
        object_type="calendar",
        object_id=calendar.id,
        before={"name": calendar.name},
        now=now,
    )


def users_of(calendar: Calendar) -> list[str]:
    """Whose hours these are, in words: the organisation, teams, people with hours of their own."""
    used = ["the organisation"] if Tenant.objects.filter(calendar_id=calendar.id).exists() else []
    used += Team.objects.filter(calendar=calendar).order_by("name").values_list("name", flat=True)
    people = RepProfile.objects.filter(calendar=calendar).count()
    if people:
        used.append(f"{people} {'person' if people == 1 else 'people'}")
    return used


def _write(calendar: Calendar, spec: Spec, actor: str, now: datetime) -> CalendarVersion:
    last = CalendarVersion.objects.filter(calendar=calendar).order_by("-number").first()
    version = CalendarVersion.objects.create(
        tenant_id=calendar.tenant_id,
        calendar=calendar,
        number=last.number + 1 if last else 1,
        spec=dict(spec),
        created_at=now,
        created_by=actor,
    )
    calendar.current_version_id = version.id
    calendar.save(update_fields=["current_version_id"])
    return version
