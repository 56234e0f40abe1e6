"""Make and change organisations, people, teams and keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, models, transaction
from uuid_utils.compat import uuid7

from core.errors import Conflict, ValidationFailed
from core.signing import generate_api_key, hash_secret
from tenants.audit import record_change
from tenants.auth import SCOPES
from tenants.context import tenant_scope
from tenants.models import ApiKey, Calendar, Leave, Member, Mode, RepProfile, Role, Team, Tenant, User


def create_tenant(*, name: str, slug: str, time_zone: str = "UTC", tenant_id: UUID | None = None) -> Tenant:
    """Make an organisation. Its own row is written inside its own scope, as row security asks."""
    chosen = tenant_id or uuid7()
    with tenant_scope(chosen):
        return Tenant.objects.create(id=chosen, name=name, slug=slug, time_zone=time_zone)


@transaction.atomic
def add_member(
    *,
    tenant: Tenant,
    name: str,
    email: str,
    role: Role,
    team: Team | None = None,
    password: str | None = None,
    actor: str = "system",
    now: datetime | None = None,
) -> Member:
    """Add a person to the organisation in scope; the login is made if the e-mail has none yet.

    For who sets the whole installation up: an admin of one organisation asks people to join instead
    (`tenants.invitations`). A login that exists keeps its password. With `now` the audit gets an
    entry (set-up and tests leave it out).
    """
    address = email.strip().lower()
    user = User.objects.filter(email=address).first()
    if user is None:
        user = User.objects.create_user(email=address, name=name, password=password)
    member: Member = Member.objects.create(
        tenant=tenant, user=user, name=name, email=address, role=role, team=team
    )
    if now is not None:
        record_change(
            actor=actor,
            action="added",
            object_type="member",
            object_id=member.id,
            after={"role": role},
            now=now,
        )
    return member


@transaction.atomic
def set_rep_profile(*, member: Member, **fields: Any) -> RepProfile:
    """Write a rep's hours, caps and weight; missing ones keep what they are."""
    profile: RepProfile = RepProfile.objects.update_or_create(member=member, defaults=fields)[0]
    return profile


def let_take_leads(member: Member) -> None:
    """Whoever is a rep can be given a seat and leads: hours are those of the team, without caps, until
    somebody says otherwise."""
    if member.role == Role.REP:
        RepProfile.objects.get_or_create(member=member, defaults={"time_zone": member.tenant.time_zone})


def add_leave(*, member: Member, starts_at: datetime, ends_at: datetime, reason: str = "") -> Leave:
    """Time off, half-open, written as it is; for set-ups. `tenants.leave.services` checks and audits it.
    Raises IntegrityError where it does not end after it starts."""
    leave: Leave = Leave.objects.create(member=member, starts_at=starts_at, ends_at=ends_at, reason=reason)
    return leave


# Called with a member who is about to be switched off; each raises Conflict to say what must be moved first.
# Apps above, which know of open leads and of the fallback person, register theirs when they start.
departure_guards: list[Callable[[Member], None]] = []
# Called with them before they are locked, for what must be locked earlier.
departure_locks: list[Callable[[Member], None]] = []

# What the audit says of each, by the names of the columns.
_MEMBER_FIELDS = ("name", "role", "team_id", "is_active")
_PROFILE_FIELDS = (
    "time_zone",
    "calendar_id",
    "weight",
    "cap_open",
    "cap_per_day",
    "cap_per_week",
    "cap_deals",
    "on_rotation",
)
_TEAM_FIELDS = ("name", "manager_id", "director_id", "backup_id", "calendar_id")


def _audited(row: models.Model, fields: Sequence[str]) -> dict[str, Any]:
    """These columns of a row for the audit; what points to another row is called as in the form, without
    "_id"."""
    values = {name.removesuffix("_id"): getattr(row, name) for name in fields}
    return {name: str(value) if isinstance(value, UUID) else value for name, value in values.items()}


@transaction.atomic
def change_member(
    *, member: Member, name: str, role: Role, team: Team | None, is_active: bool, actor: str, now: datetime
) -> Member:
    """Change who a person is here. Raises Conflict for the last admin, for one who still carries work, and
    where somebody who was asked to join is switched on before they said yes."""
    if not is_active:
        for lock in departure_locks:
            lock(member)
    locked: Member = Member.objects.select_for_update().get(id=member.id)
    if locked.invited_at is not None and is_active:
        raise Conflict(f"{locked.name} has not accepted the invitation yet: nobody else can do that.")
    before = _audited(locked, _MEMBER_FIELDS)
    if locked.role == Role.ADMIN and locked.is_active and (role != Role.ADMIN or not is_active):
        _refuse_last_admin(locked)
    if locked.is_active and not is_active:
        for guard in departure_guards:
            guard(locked)
    locked.name, locked.role, locked.team, locked.is_active = name, role, team, is_active
    locked.save(update_fields=["name", "role", "team", "is_active"])
    if is_active:
        let_take_leads(locked)
    record_change(
        actor=actor,
        action="changed",
        object_type="member",
        object_id=locked.id,
        before=before,
        after=_audited(locked, _MEMBER_FIELDS),
        now=now,
    )
    return locked


def _refuse_last_admin(member: Member) -> None:
    # Locking all admins makes two who remove each other at once take turns.
    admins = Member.objects.select_for_update().filter(role=Role.ADMIN, is_active=True).order_by("id")
    if all(admin.id == member.id for admin in admins):
        raise Conflict("The last admin must stay: make somebody else admin first.")


@transaction.atomic
def change_profile(*, member: Member, actor: str, now: datetime, **fields: Any) -> RepProfile:
    """Change a rep's hours, caps and weight, with an audit entry. Fields as those of RepProfile."""
    old: RepProfile | None = RepProfile.objects.filter(member=member).first()
    if old is not None and not old.on_rotation and fields.get("on_rotation"):
        fields["on_rotation_since"] = now  # what broke before is forgiven
    profile = set_rep_profile(member=member, **fields)
    record_change(
        actor=actor,
        action="changed" if old else "created",
        object_type="repprofile",
        object_id=member.id,
        before=_audited(old, _PROFILE_FIELDS) if old else None,
        after=_audited(profile, _PROFILE_FIELDS),
        now=now,
    )
    return profile


def set_time_zone(*, member: Member, time_zone: str, actor: str, now: datetime) -> None:
    """The zone in which a person reads times, with an audit entry: a rep's caps go by its days. Whoever has
    no hours of their own gets them off rotation."""
    fields: dict[str, Any] = {"time_zone": time_zone}
    if not RepProfile.objects.filter(member=member).exists():
        fields["on_rotation"] = False
    change_profile(member=member, actor=actor, now=now, **fields)


@transaction.atomic
def save_team(
    *,
    tenant: Tenant,
    team: Team | None,
    name: str,
    manager: Member | None,
    director: Member | None,
    backup: Member | None,
    calendar: Calendar | None,
    actor: str,
    now: datetime,
) -> Team:
    """Make a team, or change the one given. Raises ValidationFailed for a name that another team has, and
    for a manager who is their own backup: nobody stands in for themselves."""
    if backup is not None and manager is not None and backup.pk == manager.pk:
        message = (
            f"{manager.name} manages this team and cannot stand in for themselves. Choose somebody else."
        )
        raise ValidationFailed.at("/backup", message, "same")
    action = "changed" if team else "created"
    saved = team or Team(tenant=tenant)
    before = _audited(team, _TEAM_FIELDS) if team else None
    saved.name, saved.manager, saved.director, saved.backup = name, manager, director, backup
    saved.calendar = calendar
    taken = ValidationFailed.at("/name", "There is a team of that name already.", "taken")
    if Team.objects.filter(name=name).exclude(id=saved.id).exists():
        raise taken
    try:
        with transaction.atomic():
            # The mode is switched by `switch_mode` alone: what was read before must not be written back.
            saved.save(update_fields=_TEAM_FIELDS if team else None)
    except IntegrityError as error:  # somebody saved that name meanwhile
        raise taken from error
    record_change(
        actor=actor,
        action=action,
        object_type="team",
        object_id=saved.id,
        before=before,
        after=_audited(saved, _TEAM_FIELDS),
        now=now,
    )
    return saved


@transaction.atomic
def switch_mode(*, tenant: Tenant, team: Team | None, mode: Mode, actor: str, now: datetime) -> bool:
    """Switch a team live or to shadow, with an audit entry; False where it is so already.

    team: None switches the organisation itself: leads that nobody owns, and people without a team.
    """
    rows: models.QuerySet[Any] = Team.objects.all() if team else Tenant.objects.all()
    row = rows.select_for_update().get(id=team.id if team else tenant.id)
    before = row.mode
    if before == mode:
        return False
    row.mode, row.mode_since, row.mode_by = mode, now, actor
    row.save(update_fields=["mode", "mode_since", "mode_by"])
    record_change(
        actor=actor,
        action="mode_switched",
        object_type="team" if team else "tenant",
        object_id=row.id,
        before={"mode": str(before)},
        after={"mode": str(mode)},
        now=now,
    )
    return True


@transaction.atomic
def create_api_key(
    *,
    tenant: Tenant,
    name: str,
    scopes: list[str],
    now: datetime,
    created_by: Member | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and give back its full text, which is never shown again. Raises ValueError for an unknown
    scope."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise ValueError(f"Unknown scopes: {', '.join(unknown)}")
    prefix, text = generate_api_key()
    key = ApiKey.objects.create(
        tenant=tenant,
        name=name,
        prefix=prefix,
        secret_hash=hash_secret(text.rpartition("_")[2]),
        scopes=sorted(scopes),
        created_at=now,
        created_by=created_by,
        expires_at=expires_at,
    )
    record_change(
        actor=f"member:{created_by.id}" if created_by else "system",
        action="created",
        object_type="apikey",
        object_id=key.id,
        after={"name": name, "scopes": sorted(scopes)},
        now=now,
    )
    return key, text


@transaction.atomic
def revoke_api_key(*, key: ApiKey, actor: str, now: datetime) -> None:
    """Refuse the key from the next request on."""
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        record_change(actor=actor, action="revoked", object_type="apikey", object_id=key.id, now=now)
