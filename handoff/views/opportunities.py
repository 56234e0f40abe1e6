"""Deals of a lead: add one, change one, say how it ended."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from handoff import services
from handoff.opportunity_form import OpportunityForm
from handoff.services import Actor
from handoff.views import base
from handoff.views.base import go, lead_of, way_on, worker
from handoff.views.dialogs import answer, dialog, posted
from leads.opportunities import get_opportunity
from tenants.requests import TenantRequest


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def opportunity(request: TenantRequest, lead_id: UUID, opportunity_id: UUID | None = None) -> HttpResponse:
    """GET, POST /leads/<id>/opportunities/new and /<id>: what is known of a deal, and how it ended."""
    found = lead_of(request, lead_id)
    present = None
    if opportunity_id is not None:
        present = get_opportunity(lead_id=found.id, opportunity_id=opportunity_id)
    initial = OpportunityForm.shown(present) if present else {"currency": request.tenant.currency}
    if not present and request.GET.get("outcome") in ("won", "lost"):
        initial["outcome"] = request.GET["outcome"]
    form = OpportunityForm(posted(request), initial=initial)

    def show(status: int = 200) -> HttpResponse:
        title = "Change the opportunity" if present else f"New opportunity of {found.full_name}"
        return dialog(
            request, found, form, part="_opportunity.html", title=title, status=status, present=present
        )

    def act() -> HttpResponse:
        services.save_opportunity(
            tenant=request.tenant,
            lead_id=found.id,
            said=form.said(),
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
            opportunity_id=present.id if present else None,
        )
        messages.success(request, "The opportunity is saved.")
        return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))

    return show() if request.method == "GET" else answer(request, form, act, show)
