"""Make and change organisations, people, teams and keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from uuid_utils.compat import uuid7

from core.signing import generate_api_key, hash_secret
from tenants.audit import record_change
from tenants.auth import SCOPES
from tenants.context import tenant_scope
from tenants.models import ApiKey, Leave, Member, RepProfile, Role, Team, Tenant, User


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
) -> Member:
    """Add a person to the organisation in scope; the login is made if the e-mail has none yet."""
    address = email.strip().lower()
    user = User.objects.filter(email=address).first()
    if user is None:
        user = User.objects.create_user(email=address, name=name, password=password)
    return Member.objects.create(tenant=tenant, user=user, name=name, email=address, role=role, team=team)


@transaction.atomic
def set_rep_profile(*, member: Member, **fields: Any) -> RepProfile:
    """Write a rep's hours, caps and weight; missing ones keep what they are."""
    profile, _ = RepProfile.objects.update_or_create(member=member, defaults=fields)
    return profile


def add_leave(*, member: Member, starts_at: datetime, ends_at: datetime, reason: str = "") -> Leave:
    """Time off, half-open. Raises IntegrityError where it does not end after it starts."""
    return Leave.objects.create(member=member, starts_at=starts_at, ends_at=ends_at, reason=reason)


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
