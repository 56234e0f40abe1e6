"""Who may come in: people by e-mail and password, programs by API key. The tenant follows from either.

A key reads `slp_<prefix>_<secret>`. The prefix finds it, through a function of the resolver role since no
tenant is known yet; the secret is compared by hash, in constant time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.signing import parse_api_key, verify_secret
from tenants.context import tenant_scope
from tenants.models import Role, User
from tenants.ways import way_after_login

SCOPES: dict[str, str] = {
    "leads:read": "Read leads, timelines, timers and decisions",
    "leads:write": "Post leads, engagements and touches, and answer for a rep",
    "routing:simulate": "Ask who would get a lead",
    "reports:read": "Read reports",
    "config:read": "Read how the organisation is set up: calendars, leave and the SLA policy",
    "config:write": "Change how the organisation is set up",
}


class EmailBackend(BaseBackend):
    """Log in by e-mail and password; the e-mail's case does not matter."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        email = (kwargs.get("email") or username or "").strip().lower()
        if not email or password is None:
            return None
        user = User.objects.filter(email=email).first()
        if user is None:
            make_password(password)  # as slow as a real check: an answer's time must not tell who exists
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: UUID) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True).first()


@dataclass(frozen=True, slots=True)
class Membership:
    """One organisation that a logged-in person may enter, or is asked to join."""

    tenant_id: UUID
    tenant_name: str
    member_id: UUID
    role: Role


def memberships_of(user_id: UUID) -> list[Membership]:
    """The active memberships of a user in active tenants, by tenant name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select tenant_id, tenant_name, member_id, role from resolve_memberships(%s)", [user_id]
        )
        return [Membership(row[0], row[1], row[2], Role(row[3])) for row in cursor.fetchall()]


def standing_of(user_id: UUID) -> tuple[list[Membership], list[Membership]]:
    """(memberships, invitations that wait for an answer) of a user, each by tenant name; one round trip."""
    columns = "tenant_id, tenant_name, member_id, role"
    with connection.cursor() as cursor:
        cursor.execute(
            f"select {columns}, false from resolve_memberships(%s)"  # noqa: S608  (names of our own)
            f" union all select {columns}, true from resolve_invitations(%s) order by 5, 2, 3",
            [user_id, user_id],
        )
        rows = cursor.fetchall()
    found = [(Membership(row[0], row[1], row[2], Role(row[3])), row[4]) for row in rows]
    return [one for one, asked in found if not asked], [one for one, asked in found if asked]


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """The caller of the API: a key of one tenant. `actor` is how it is named in records."""

    id: UUID
    tenant_id: UUID
    name: str
    scopes: frozenset[str]

    is_authenticated = True

    @property
    def actor(self) -> str:
        return f"key:{self.id}"


def identify_key(text: str, *, now: datetime | None = None) -> KeyIdentity | None:
    """The identity behind a key's text; None for a malformed, unknown, expired or revoked one.

    now: when the key is shown; the database's time, read in the same round trip, unless given.
    """
    parsed = parse_api_key(text)
    if parsed is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, tenant_id, name, scopes::text, secret_hash, expires_at, revoked_at, last_used_at,"
            " coalesce(%s, clock_timestamp()) from resolve_api_key(%s)",
            [now, parsed.prefix],
        )
        rows = cursor.fetchall()
    for key_id, tenant_id, name, scopes, secret_hash, expires_at, revoked_at, last_used_at, at in rows:
        if not verify_secret(parsed.secret, secret_hash):
            continue
        if revoked_at is not None or (expires_at is not None and expires_at <= at):
            return None
        _note_use(key_id, tenant_id, last_used_at, at)
        return KeyIdentity(key_id, tenant_id, name, frozenset(json.loads(scopes)))
    return None


def _note_use(key_id: UUID, tenant_id: UUID, last_used_at: datetime | None, now: datetime) -> None:
    """Write last_used at most once a minute, in a transaction of its own: the hot path must not wait for
    it."""
    if last_used_at is not None and now - last_used_at < timedelta(minutes=1):
        return
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "update tenants_apikey set last_used_at = %s where tenant_id = %s and id ="
            " (select id from tenants_apikey where tenant_id = %s and id = %s for update skip locked)",
            [now, tenant_id, tenant_id, key_id],
        )


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer slp_...`. Views of the API run inside the key's tenant: see
    web.api.TenantAPIView."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[KeyIdentity, None] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            return None
        identity = identify_key(text.strip())
        if identity is None:
            raise exceptions.AuthenticationFailed("This API key is not known, has expired or was revoked.")
        return identity, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="slaportal"'


class HasScope(BasePermission):
    """The key must carry the scope that the view names for the method: `scopes = {"GET": "leads:read",
    ...}`."""

    message = "This key lacks the scope that the call needs."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, KeyIdentity):
            raise exceptions.NotAuthenticated("Send an API key: Authorization: Bearer slp_...")
        needed = view.scopes.get("GET" if request.method == "HEAD" else request.method)
        if needed is None:
            return False
        if needed not in request.user.scopes:
            self.message = f"This key lacks the scope {needed}."
            return False
        return True


def member_required(*roles: Role) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """View decorator: a logged-in member of a tenant, with one of `roles` where any are named; an admin
    always may."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                from urllib.parse import urlencode

                return HttpResponseRedirect(
                    f"{resolve_url('tenants:login')}?{urlencode({'next': way_after_login(request)})}"
                )
            if request.member is None and request.invitations:
                return HttpResponseRedirect(resolve_url("tenants:invitations"))
            if request.member is None:
                raise PermissionDenied("You are not a member of any organisation.")
            if roles and request.member.role not in (*roles, Role.ADMIN):
                raise PermissionDenied("Your role may not do this.")
            return view(request, *args, **kwargs)

        guarded.member_required_roles = roles  # type: ignore[attr-defined]
        return guarded

    return decorate
