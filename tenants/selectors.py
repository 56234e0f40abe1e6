"""Reads of people, teams and keys. Every object is got through one getter, which is 404 for "not yours"
too."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from core.errors import NotFound
from tenants.models import Leave, Member, RepProfile, Tenant


def get_member(*, tenant: Tenant, member_id: UUID) -> Member:
    """An active or former member of this organisation. Raises NotFound."""
    member: Member | None = Member.objects.select_related("team").filter(id=member_id).first()
    if member is None:
        raise NotFound("There is no such person.")
    return member


def time_zone_of(*, member: Member, tenant: Tenant) -> str:
    """The zone in which this person reads times: their own profile's, else the organisation's."""
    own: str | None = RepProfile.objects.filter(member=member).values_list("time_zone", flat=True).first()
    return own or tenant.time_zone


def absences(*, member_ids: list[UUID], after: datetime) -> dict[UUID, list[tuple[datetime, datetime]]]:
    """Leave of each member that has not ended by `after`, by start."""
    found: dict[UUID, list[tuple[datetime, datetime]]] = {member_id: [] for member_id in member_ids}
    rows = Leave.objects.filter(member_id__in=member_ids, ends_at__gt=after).order_by("starts_at")
    for member_id, starts_at, ends_at in rows.values_list("member_id", "starts_at", "ends_at"):
        found[member_id].append((starts_at, ends_at))
    return found
