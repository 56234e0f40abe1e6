"""What a page's request carries besides Django's own: who is asking, for which organisation."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from tenants.auth import Membership
    from tenants.models import Member, Tenant


class TenantRequest(HttpRequest):
    """The request of a view behind `tenants.auth.member_required`: tenant and member are there.

    Only an annotation: TenantMiddleware sets these on Django's own request. Views that people without an
    organisation reach take HttpRequest, and look before they use them.
    """

    tenant: Tenant
    member: Member
    memberships: list[Membership]
    invitations: list[Membership]
    roll_back: bool
    htmx: HtmxDetails
    #: Of a request that a program makes for somebody: the moment that it is made at.
    moment: datetime


def moment_given(request: HttpRequest) -> datetime | None:
    """The moment that whoever made the request gave it; None of one that came in, which is made now."""
    return getattr(request, "moment", None)
