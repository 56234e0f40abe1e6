"""Joining an organisation: an admin asks, and nobody is in before they said yes themselves.

Whoever is asked is a Member from then on, inactive: they own no leads, are told nothing and cannot enter.
What the admin sees is the same whether the e-mail has a login or not, so that it tells nobody which logins
there are. The link holds a secret of which the hash alone is kept; it serves once, and for a week.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string

from core.errors import Conflict, NotFound, ValidationFailed
from core.signing import hash_secret
from tenants.audit import member_actor, record_change
from tenants.auth import memberships_of
from tenants.context import current_tenant_id, tenant_scope
from tenants.models import Member, Role, Team, Tenant, User
from tenants.services import let_take_leads

LINK_LASTS: Final = timedelta(days=7)
_SECRET_LENGTH: Final = 40  # of 62 letters
_TENANT_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a link opens: who is asked, by whom, to be what."""

    tenant_id: UUID
    tenant_name: str
    member_id: UUID
    email: str
    role: Role
    user: User


@transaction.atomic
def invite_member(
    *, tenant: Tenant, name: str, email: str, role: Role, team: Team | None, actor: str, now: datetime
) -> tuple[Member, str]:
    """Ask somebody to join the organisation in scope; gives back the key of their link, kept nowhere else.

    Raises ValidationFailed at /email where somebody here has it already.
    """
    address = email.strip().lower()
    secret = get_random_string(_SECRET_LENGTH)
    try:
        with transaction.atomic():
            member: Member = Member.objects.create(
                tenant=tenant,
                user=_login_of(address, name),
                name=name,
                email=address,
                role=role,
                team=team,
                is_active=False,
                invited_at=now,
                invitation_hash=hash_secret(secret),
            )
    except IntegrityError as error:
        raise ValidationFailed.at("/email", "Somebody here has this e-mail already.", "taken") from error
    _record(member, "invited", actor, now, after={"role": role})
    return member, f"{tenant.id.hex}{secret}"


def _login_of(address: str, name: str) -> User:
    """The login of this e-mail; one that nobody can use yet where there is none."""
    found = User.objects.filter(email=address).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return User.objects.create_user(email=address, name=name)
    except IntegrityError:  # somebody else asked the same person at this moment
        return User.objects.get(email=address)


def _record(
    member: Member, action: str, actor: str, now: datetime, after: dict[str, str] | None = None
) -> None:
    record_change(actor=actor, action=action, object_type="member", object_id=member.id, after=after, now=now)


def _locked(member_id: UUID) -> Member:
    member: Member = Member.objects.select_for_update().get(id=member_id)
    if member.invited_at is None:
        raise Conflict(f"{member.name} has joined already.")
    return member


@transaction.atomic
def renew_invitation(*, member: Member, actor: str, now: datetime) -> str:
    """Ask again: a new link, and the one before it opens nothing any more. Raises Conflict for who has
    joined."""
    locked = _locked(member.id)
    secret = get_random_string(_SECRET_LENGTH)
    locked.invited_at, locked.invitation_hash = now, hash_secret(secret)
    locked.save(update_fields=["invited_at", "invitation_hash"])
    _record(locked, "invited", actor, now, after={"role": locked.role})
    return f"{current_tenant_id().hex}{secret}"


@transaction.atomic
def withdraw_invitation(*, member: Member, actor: str, now: datetime) -> None:
    """Ask no longer. Raises Conflict for who has joined."""
    locked = _locked(member.id)
    locked.invitation_hash = None
    locked.save(update_fields=["invitation_hash"])
    _record(locked, "withdrawn", actor, now)


def find_invitation(key: str, *, now: datetime) -> Invitation | None:
    """What this link's key opens; None for one that is not ours, was used, withdrawn or is too old."""
    if len(key) != _TENANT_LENGTH + _SECRET_LENGTH or not (key.isascii() and key.isalnum()):
        return None
    try:
        tenant_id = UUID(key[:_TENANT_LENGTH])
    except ValueError:
        return None
    with tenant_scope(tenant_id):
        tenant = Tenant.objects.filter(id=tenant_id, is_active=True).first()
        asked: Member | None = (
            Member.objects.select_related("user")
            .filter(invitation_hash=hash_secret(key[_TENANT_LENGTH:]), invited_at__gt=now - LINK_LASTS)
            .first()
        )
        if tenant is None or asked is None:
            return None
        return Invitation(tenant_id, tenant.name, asked.id, asked.email, Role(asked.role), asked.user)


def join_as_new(*, invitation: Invitation, password: str, now: datetime) -> User:
    """Say yes as a new person, with a first password.

    Raises ValidationFailed where the login is in use: an organisation must not get at what somebody has
    elsewhere by asking its owner, since it sees the link.
    """
    with tenant_scope(invitation.tenant_id):
        user: User = User.objects.select_for_update().get(pk=invitation.user.pk)
        if user.has_usable_password() or user.last_login is not None or memberships_of(user.pk):
            raise ValidationFailed.at("", "This e-mail has a login already: sign in with it.", "taken")
        accept_invitation(tenant_id=invitation.tenant_id, user=user, now=now)
        user.set_password(password)
        user.last_tenant_id = invitation.tenant_id
        user.save(update_fields=["password", "last_tenant_id"])
    return user


def accept_invitation(*, tenant_id: UUID, user: User, now: datetime) -> Member:
    """Say yes, as the person who is asked. Raises NotFound where there is nothing to answer."""

    def join(member: Member) -> None:
        member.invited_at, member.is_active = None, True
        let_take_leads(member)

    return _answer(tenant_id, user, "accepted", now, join)


def decline_invitation(*, tenant_id: UUID, user: User, now: datetime) -> Member:
    """Say no, as the person who is asked. Raises NotFound where there is nothing to answer."""
    return _answer(tenant_id, user, "declined", now, lambda member: None)


def _answer(
    tenant_id: UUID, user: User, action: str, now: datetime, change: Callable[[Member], None]
) -> Member:
    with tenant_scope(tenant_id):
        asked = Member.objects.select_for_update().filter(
            user=user, invited_at__isnull=False, invitation_hash__isnull=False
        )
        member: Member | None = asked.first()
        if member is None:
            raise NotFound("There is no such invitation.")
        member.invitation_hash = None
        change(member)
        member.save(update_fields=["invited_at", "invitation_hash", "is_active"])
        _record(member, action, member_actor(member), now)
    return member


def remember_tenant(user: User, tenant_id: UUID) -> None:
    """The organisation in which this person's next sign-in begins."""
    if user.last_tenant_id != tenant_id:
        User.objects.filter(pk=user.pk).update(last_tenant_id=tenant_id)
        user.last_tenant_id = tenant_id
