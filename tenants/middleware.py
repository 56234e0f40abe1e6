"""Who is asking, for which tenant: decided once per request, which then is one transaction of that tenant.

The transaction is rolled back when the view raised, even where the exception became a friendly response, so a
refused request never leaves half of its work behind.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tenants.auth import Membership, standing_of
from tenants.context import tenant_scope
from tenants.models import Member
from tenants.selectors import saw_shadow

SESSION_TENANT = "tenant_id"
# Answered outside of every organisation: whoever is asked to join one is in none, or in another; and what
# names its organisation by itself.
OUTSIDE = ("/invitation", "/drill/receiver/")
GetResponse = Callable[[HttpRequest], HttpResponse]


def chosen_membership(request: HttpRequest, memberships: list[Membership]) -> Membership | None:
    """The organisation of this session, else the one last worked in, else the first by name."""
    by_tenant = {membership.tenant_id: membership for membership in memberships}
    in_session = request.session.get(SESSION_TENANT)
    for wanted in (UUID(in_session) if in_session else None, request.user.last_tenant_id):  # type: ignore[union-attr]
        if wanted in by_tenant:
            return by_tenant[wanted]
    return memberships[0] if memberships else None


class TenantMiddleware:
    """Sets request.tenant, request.member, request.memberships and request.invitations for a logged-in
    person.

    API paths are left to tenants.auth.ApiKeyAuthentication: their tenant comes from the key, never from a
    session.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.tenant = None  # type: ignore[attr-defined]
        request.member = None  # type: ignore[attr-defined]
        request.memberships = []  # type: ignore[attr-defined]
        request.invitations = []  # type: ignore[attr-defined]
        if request.path.startswith("/api/v1/") or not request.user.is_authenticated:
            return self.get_response(request)
        memberships, invitations = standing_of(request.user.pk)
        chosen = chosen_membership(request, memberships)
        request.memberships = memberships  # type: ignore[attr-defined]
        request.invitations = invitations  # type: ignore[attr-defined]
        if chosen is None or request.path.startswith(OUTSIDE):
            return self.get_response(request)
        with tenant_scope(chosen.tenant_id):
            request.member = self._member(chosen.member_id)  # type: ignore[attr-defined]
            request.tenant = request.member.tenant  # type: ignore[attr-defined]
            timezone.activate(self._zone(request))
            try:
                response = self.get_response(request)
                # A lazily rendered or streamed answer would be read after the transaction: finish it inside.
                if hasattr(response, "render") and not getattr(response, "is_rendered", True):
                    response = response.render()
                if getattr(request, "roll_back", False) or response.status_code >= 500:
                    transaction.set_rollback(True)
                return response
            finally:
                timezone.deactivate()

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """The view raised: whatever answer is made of it, nothing that it wrote may stay."""
        if connection.in_atomic_block:
            request.roll_back = True  # type: ignore[attr-defined]

    @staticmethod
    def _member(member_id: UUID) -> Member:
        """The member with their organisation, their team and, as `own_zone`, their profile's time zone, and
        `saw_shadow`: one query a page."""
        found = Member.objects.select_related("tenant", "team").annotate(
            own_zone=F("profiles__time_zone"), saw_shadow=saw_shadow(now=timezone.now())
        )
        member: Member = found.get(id=member_id)
        return member

    @staticmethod
    def _zone(request: HttpRequest) -> str:
        """The reader's zone: their own profile's, else the tenant's."""
        return request.member.own_zone or request.tenant.time_zone  # type: ignore[attr-defined,no-any-return]
