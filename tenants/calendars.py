"""Hours, holidays and leave as `WorkCalendar`s: which calendar applies to whom, and its compiled form.

A rep's own calendar goes before the team's, the team's before the tenant's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import holidays as public_holidays
from django.db import connection, transaction
from django.db.models import Subquery
from django.db.models.functions import Coalesce

from core.businesstime import WorkCalendar
from core.errors import ValidationFailed
from tenants.config import configured
from tenants.context import current_tenant_id
from tenants.models import Calendar, CalendarVersion, Member, Tenant

# Years around the writing of a version for which public holidays are resolved into it.
HOLIDAY_YEARS_BACK, HOLIDAY_YEARS_AHEAD = 10, 15

OFFICE_WEEK: dict[str, list[list[str]]] = {
    day: [["09:00", "17:30"]] for day in ("mon", "tue", "wed", "thu", "fri")
}
ALWAYS_WEEK: dict[str, list[list[str]]] = {
    day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
}


def resolve_holidays(*, country: str, subdivision: str, around: int) -> dict[str, str]:
    """Public holidays as {"2026-12-25": "Christmas Day", ...} for the years around `around`; empty for no
    country."""
    if not country:
        return {}
    years = range(around - HOLIDAY_YEARS_BACK, around + HOLIDAY_YEARS_AHEAD)
    try:
        found = public_holidays.country_holidays(country, subdiv=subdivision or None, years=years)
    except NotImplementedError as error:
        raise ValidationFailed(
            f"There is no public holiday calendar for {country} {subdivision}.".strip()
        ) from error
    return {day.isoformat(): name for day, name in sorted(found.items())}


def make_spec(
    *,
    tz: str,
    weekly: Mapping[str, Sequence[Sequence[str]]],
    year: int,
    country: str = "",
    subdivision: str = "",
    extra: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> dict[str, Any]:
    """The stored form of a calendar version. Raises ValidationFailed where the hours make no calendar."""
    spec = {
        "tz": tz,
        "weekly": {day: [list(interval) for interval in intervals] for day, intervals in weekly.items()},
        "country": country,
        "subdivision": subdivision,
        "holidays": resolve_holidays(country=country, subdivision=subdivision, around=year),
        "extra": {
            day: [list(interval) for interval in intervals] for day, intervals in (extra or {}).items()
        },
    }
    try:
        compile_spec(spec)
    except ValueError as error:
        raise ValidationFailed(str(error)) from error
    return spec


def compile_spec(spec: Mapping[str, Any]) -> WorkCalendar:
    """The working calendar that a stored spec describes. Raises ValueError for hours that make no sense."""
    return WorkCalendar(
        spec["tz"],
        {day: [(start, end) for start, end in intervals] for day, intervals in spec["weekly"].items()},
        holidays=[date.fromisoformat(day) for day in spec.get("holidays", {})],
        extra={
            date.fromisoformat(day): [(start, end) for start, end in intervals]
            for day, intervals in spec.get("extra", {}).items()
        },
    )


@lru_cache(maxsize=2048)
def _compiled(tenant_id: UUID, version_id: UUID) -> WorkCalendar:
    return compile_spec(CalendarVersion.objects.get(id=version_id).spec)


def load_calendar(version_id: UUID | None) -> WorkCalendar | None:
    """The compiled calendar of a version of the tenant in force; None for None, the wall clock.

    Versions never change, so what was compiled once is kept by the process.
    """
    if version_id is None:
        return None
    return _compiled(current_tenant_id(), version_id)


@transaction.atomic
def write_calendar(
    *, tenant: Tenant, name: str, spec: Mapping[str, Any], actor: str, now: datetime
) -> CalendarVersion:
    """Write the next version of the calendar `name` (made if there is none) and make it the current one.

    Running timers keep the version that armed them.
    """
    calendar, _ = Calendar.objects.get_or_create(tenant=tenant, name=name)
    calendar = Calendar.objects.select_for_update().get(id=calendar.id)
    last = CalendarVersion.objects.filter(calendar=calendar).order_by("-number").first()
    version = CalendarVersion.objects.create(
        tenant=tenant,
        calendar=calendar,
        number=last.number + 1 if last else 1,
        spec=dict(spec),
        created_at=now,
        created_by=actor,
    )
    calendar.current_version_id = version.id
    calendar.save(update_fields=["current_version_id"])
    return version


_HOUSE_VERSION = """
select calendar.current_version_id from tenants_tenant house
join tenants_calendar calendar on calendar.tenant_id = house.id and calendar.id = house.calendar_id
where house.id = %s
"""


@configured
def house_calendar_version() -> UUID | None:
    """The version in force of the calendar of the tenant in scope; None means wall clock. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_HOUSE_VERSION, [str(current_tenant_id())])
        row = cursor.fetchone()
    return row[0] if row else None


def member_calendar_versions(*, tenant: Tenant, member_ids: Iterable[UUID]) -> dict[UUID, UUID | None]:
    """The version in force for each member: their own calendar, else their team's, else the tenant's. One
    query, as every page and every assignment asks."""
    wanted = list(member_ids)
    fallback = Calendar.objects.filter(id=tenant.calendar_id).values("current_version_id")[:1]
    rows = Member.objects.filter(id__in=wanted).values_list(
        "id",
        Coalesce(
            "profiles__calendar__current_version_id",
            "team__calendar__current_version_id",
            Subquery(fallback),
        ),
    )
    found: dict[UUID, UUID | None] = dict.fromkeys(wanted)
    found.update(rows)
    return found
