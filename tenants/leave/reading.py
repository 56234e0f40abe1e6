"""Reads of leave. One getter, which is 404 for what somebody may not see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from core.businesstime import WorkCalendar
from core.errors import NotFound
from tenants import selectors
from tenants.calendars import load_calendar, member_calendar_versions
from tenants.leave.days import leave_words, until_words
from tenants.models import Leave, Member, Tenant

#: Past leave that a page shows.
SHOWN_BACK: Final = timedelta(days=400)


def get_leave(*, tenant: Tenant, by: Member, leave_id: UUID) -> Leave:
    """Leave that `by` may change: their own, or that of somebody they manage. Raises NotFound."""
    leave = selectors.get_leave(tenant=tenant, leave_id=leave_id)
    if leave.member_id == by.id:
        return leave
    try:
        selectors.get_manageable_member(tenant=tenant, by=by, member_id=leave.member_id)
    except NotFound:
        raise NotFound("There is no such leave.") from None
    return leave


@dataclass(frozen=True, slots=True)
class Hours:
    """Where and when somebody works: what days and halves of days mean to them. calendar: None is always."""

    zone: ZoneInfo
    calendar: WorkCalendar | None


def hours_of(*, member: Member, tenant: Tenant) -> Hours:
    """The zone in which a person reads times, and the hours in force for them. Two queries."""
    versions = member_calendar_versions(tenant=tenant, member_ids=[member.id])
    zone = ZoneInfo(selectors.time_zone_of(member=member, tenant=tenant))
    return Hours(zone, load_calendar(versions[member.id]))


@dataclass(frozen=True, slots=True)
class LeaveRow:
    """Leave as a page tells it. state: "over", "now" or "ahead"."""

    leave: Leave
    words: str
    until: str
    state: str

    @property
    def may_change(self) -> bool:
        return self.state != "over"


def leave_row(leave: Leave, *, zone: ZoneInfo, now: datetime) -> LeaveRow:
    """The row of one leave."""
    state = "over" if leave.ends_at <= now else "now" if leave.starts_at <= now else "ahead"
    words = leave_words(leave.starts_at, leave.ends_at, zone)
    return LeaveRow(leave, words, until_words(leave.ends_at, zone), state)


def leave_rows(*, member: Member, zone: ZoneInfo, now: datetime) -> tuple[list[LeaveRow], list[LeaveRow]]:
    """(what is not over, by its beginning; what is, the latest first) of a person. One query."""
    found = Leave.objects.filter(member=member, ends_at__gt=now - SHOWN_BACK).order_by("starts_at", "id")
    rows = [leave_row(leave, zone=zone, now=now) for leave in found]
    return (
        [row for row in rows if row.state != "over"],
        [row for row in reversed(rows) if row.state == "over"],
    )
