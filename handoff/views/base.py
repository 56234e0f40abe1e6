"""What every page of the people who work and watch leads shares."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.encoding import iri_to_uri

from handoff import selectors
from handoff.lead_page import LeadPage, lead_page
from leads.models import Lead
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest
from tenants.ways import asked_way

reader = member_required()
worker = member_required(Role.REP, Role.MANAGER)
watcher = member_required(Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)
overseer = member_required(Role.MANAGER)


def reading_clock() -> datetime:
    """The moment at which a page is read."""
    return timezone.now()


#: The moment of what is decided under a lock; services ask for it there.
deciding_clock = database_clock


def lead_of(request: TenantRequest, lead_id: UUID) -> Lead:
    return selectors.get_lead(tenant=request.tenant, member=request.member, lead_id=lead_id)


def way_on(request: TenantRequest, fallback: str) -> str:
    """Where to go after an act: the page it was done from, if it is one of ours."""
    return asked_way(request) or fallback


def go(request: TenantRequest, url: str) -> HttpResponse:
    """Leave for another page: by a header where htmx asked, since it would swap a redirect's page into the
    dialog."""
    if request.htmx:
        return HttpResponse(headers={"HX-Redirect": iri_to_uri(url)})
    return HttpResponseRedirect(url)


def is_part(request: TenantRequest, element: str) -> bool:
    """Whether only this element is asked for, to be renewed in place."""
    return bool(request.htmx) and request.htmx.target == element


def chosen_page(request: TenantRequest, lead_id: UUID | None, now: datetime) -> LeadPage | None:
    """What the page shows of this lead, as far as this member may see it."""
    if lead_id is None:
        return None
    lead = lead_of(request, lead_id)
    return lead_page(
        lead=lead,
        tenant=request.tenant,
        member=request.member,
        now=now,
        sla_only=request.GET.get("show") == "sla",
        older=request.GET.get("older", ""),
    )
