"""Which calendar applies to whom, and its compiled form.

A rep's own calendar goes before the team's, the team's before the tenant's.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from uuid import UUID

from django.db import connection
from django.db.models import Subquery
from django.db.models.functions import Coalesce

from core.businesstime import WorkCalendar
from tenants.calendars.spec import compile_spec
from tenants.config import configured
from tenants.context import current_tenant_id
from tenants.models import Calendar, CalendarVersion, Member, Tenant


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
