"""Reads of people, teams and keys. Every object is got through one getter, which is 404 for "not yours"
too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Case, Count, Exists, OuterRef, Q, Value, When

from core.errors import NotFound, ValidationFailed
from tenants.config import configured
from tenants.leave.days import leave_words, until_words
from tenants.models import (
    ApiKey,
    Calendar,
    CalendarVersion,
    Leave,
    Member,
    Mode,
    RepProfile,
    Role,
    Team,
    Tenant,
)


def active_tenants() -> list[UUID]:
    """Every organisation that is switched on, for work that goes round; by the resolver, before any tenant
    is set.
    """
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from resolve_active_tenants()")
        return [row[0] for row in cursor.fetchall()]


def get_member(*, tenant: Tenant, member_id: UUID) -> Member:
    """An active or former member of this organisation. Raises NotFound."""
    member: Member | None = Member.objects.select_related("team").filter(id=member_id).first()
    if member is None:
        raise NotFound("There is no such person.")
    return member


def person_document(member: Member | None) -> dict[str, str] | None:
    """A person as the API and webhooks name one; None for nobody."""
    return {"id": str(member.id), "name": member.name, "email": member.email} if member else None


def find_member(text: str, *, path: str, active: bool = True) -> Member:
    """Whom a program names by id or e-mail, whatever its case.

    active: False also finds somebody who has left. Raises ValidationFailed at `path`.
    """
    named = text.replace("\x00", "").strip()  # no text of the database can hold a NUL
    members = Member.objects.filter(is_active=True) if active else Member.objects.all()
    try:
        found: Member | None = members.filter(id=UUID(named)).first()
    except ValueError:
        found = members.filter(email=named.lower()).first()
    if found is None:
        who = "active member" if active else "member"
        raise ValidationFailed.at(path, f"There is no {who} with this id or e-mail.", "unknown_member")
    return found


def get_team(*, tenant: Tenant, team_id: UUID) -> Team:
    """A team of this organisation. Raises NotFound."""
    team: Team | None = Team.objects.filter(id=team_id).first()
    if team is None:
        raise NotFound("There is no such team.")
    return team


#: How long the pages remember that something was in shadow.
SHADOW_REMEMBERED: Final = timedelta(days=30)


def saw_shadow(*, now: datetime) -> Case:
    """Of a member, as an annotation: whether something that they oversee is in shadow, or was lately. For an
    admin that is every team and the organisation; for others the teams that they lead, stand in for or are
    in."""
    lately = Q(mode=Mode.SHADOW) | Q(mode_since__gt=now - SHADOW_REMEMBERED)
    house = Tenant.objects.filter(lately, id=OuterRef("tenant_id"))
    overseen = Q(manager=OuterRef("pk")) | Q(backup=OuterRef("pk")) | Q(pk=OuterRef("team_id"))
    teams = Team.objects.filter(lately)
    everything = Q(Exists(teams)) | Q(Exists(house))
    yes = Value(True)
    return Case(
        When(Q(role=Role.ADMIN) & everything, then=yes),
        When(Exists(teams.filter(overseen)), then=yes),
        default=Value(False),
    )


def get_leave(*, tenant: Tenant, leave_id: UUID) -> Leave:
    """A span of time off. Raises NotFound."""
    leave: Leave | None = Leave.objects.select_related("member").filter(id=leave_id).first()
    if leave is None:
        raise NotFound("There is no such leave.")
    return leave


def get_key(*, tenant: Tenant, key_id: UUID) -> ApiKey:
    """An API key of this organisation. Raises NotFound."""
    key: ApiKey | None = ApiKey.objects.filter(id=key_id).first()
    if key is None:
        raise NotFound("There is no such key.")
    return key


def active_members(*, tenant: Tenant) -> list[Member]:
    """Everybody who works in the organisation now, by name."""
    return list(Member.objects.filter(tenant=tenant, is_active=True).order_by("name", "id"))


def manageable_members(*, tenant: Tenant, by: Member) -> list[Member]:
    """Those whom `by` may manage, by team and name: everybody for an admin, a manager's own teams for a
    manager."""
    members = Member.objects.select_related("team").order_by("-is_active", "team__name", "name", "id")
    if by.role != Role.ADMIN:
        members = members.filter(team__manager=by)
    return list(members)


def get_manageable_member(*, tenant: Tenant, by: Member, member_id: UUID) -> Member:
    """One whom `by` may manage. Raises NotFound, for those of other teams too."""
    member = get_member(tenant=tenant, member_id=member_id)
    if by.role != Role.ADMIN and (member.team is None or member.team.manager_id != by.id):
        raise NotFound("There is no such person.")
    return member


@dataclass(frozen=True, slots=True)
class Person:
    """A member with what the people page shows: own hours and caps, leave that has not ended. away: the first
    of it in words, in the person's own zone; "" for none."""

    member: Member
    profile: RepProfile | None
    leave: list[Leave]
    away: str = ""


def people(*, members: Iterable[Member], now: datetime) -> list[Person]:
    """The members with their profiles and leave; three queries for any number."""
    listed = list(members)
    house = Tenant.objects.values_list("time_zone", flat=True).first() or "UTC"
    ids = [member.id for member in listed]
    profiles = {
        profile.member_id: profile
        for profile in RepProfile.objects.select_related("calendar").filter(member_id__in=ids)
    }
    leave: dict[UUID, list[Leave]] = {member_id: [] for member_id in ids}
    for one in Leave.objects.filter(member_id__in=ids, ends_at__gt=now).order_by("starts_at"):
        leave[one.member_id].append(one)
    found = []
    for member in listed:
        profile = profiles.get(member.id)
        zone = ZoneInfo(profile.time_zone if profile else house)
        away = _away_words(leave[member.id], zone, now) if leave[member.id] else ""
        found.append(Person(member, profile, leave[member.id], away))
    return found


def _away_words(leave: list[Leave], zone: ZoneInfo, now: datetime) -> str:
    first = leave[0]
    if first.starts_at > now:
        return leave_words(first.starts_at, first.ends_at, zone)
    back = _back_at([(each.starts_at, each.ends_at) for each in leave], now)
    return f"Until {until_words(back, zone)}" if back else ""


def _back_at(leave: list[tuple[datetime, datetime]], now: datetime) -> datetime | None:
    """When somebody with this leave, by start, is back: after what begins right at the end of other leave
    too. None where they are not away."""
    back = None
    for starts_at, ends_at in leave:
        if starts_at <= (back or now) and ends_at > now:
            back = max(back or ends_at, ends_at)
    return back


def away_until(*, member_ids: Iterable[UUID], now: datetime) -> dict[UUID, datetime]:
    """Who of these is on leave now, and when they are back. One query."""
    found = absences(member_ids=list(member_ids), after=now)
    backs = {member_id: _back_at(leave, now) for member_id, leave in found.items()}
    return {member_id: back for member_id, back in backs.items() if back is not None}


def calendars(*, tenant: Tenant) -> list[tuple[Calendar, CalendarVersion]]:
    """Each calendar with its version in force, the organisation's own first, then by name."""
    found = list(Calendar.objects.order_by("name"))
    versions = CalendarVersion.objects.in_bulk([calendar.current_version_id for calendar in found])
    pairs = [
        (calendar, versions[calendar.current_version_id])
        for calendar in found
        if calendar.current_version_id in versions
    ]
    return sorted(pairs, key=lambda pair: pair[0].id != tenant.calendar_id)


def get_calendar(*, tenant: Tenant, calendar_id: UUID) -> tuple[Calendar, CalendarVersion]:
    """A calendar of this organisation and its version in force. Raises NotFound."""
    calendar: Calendar | None = Calendar.objects.filter(id=calendar_id).first()
    version = (
        CalendarVersion.objects.filter(id=calendar.current_version_id).first()
        if calendar and calendar.current_version_id
        else None
    )
    if calendar is None or version is None:
        raise NotFound("There is no such calendar.")
    return calendar, version


def calendar_users(*, tenant: Tenant) -> dict[UUID, list[str]]:
    """Whose hours each calendar is, in words; calendars of nobody are left out."""
    users: dict[UUID, list[str]] = {}
    if tenant.calendar_id:
        users[tenant.calendar_id] = ["Organisation"]
    for calendar_id, name in (
        Team.objects.filter(calendar__isnull=False).order_by("name").values_list("calendar_id", "name")
    ):
        users.setdefault(calendar_id, []).append(name)
    people = RepProfile.objects.filter(calendar__isnull=False).values_list("calendar_id")
    for calendar_id, number in people.annotate(number=Count("id")):
        users.setdefault(calendar_id, []).append(f"{number} {'person' if number == 1 else 'people'}")
    return users


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


@configured
def leave_from(member_ids: frozenset[UUID], day: date) -> dict[UUID, list[tuple[datetime, datetime]]]:
    """Leave of those of these members who have any that ends on this UTC day or later, by start."""
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return {
        member_id: spans
        for member_id, spans in absences(member_ids=list(member_ids), after=since).items()
        if spans
    }
