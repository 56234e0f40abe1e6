"""What is known of a lead is put right."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from handoff import corrections, selectors
from handoff.correction_form import CorrectionForm
from handoff.lead_page import needs_text
from handoff.readiness import hold_of
from handoff.views import base
from handoff.views.base import TenantRequest, go, lead_of, reader, way_on
from handoff.views.dialogs import answer, dialog, posted
from leads.models import Handoff, Lead
from tenants.audit import member_actor


@never_cache
@require_http_methods(["GET", "POST"])
@reader
def correct(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """The lead's data in a form. Saved, the lead is judged again, and handed over if nothing lacks."""
    found = lead_of(request, lead_id)
    if not corrections.may_correct(found, request.member):
        return render(request, "403.html", status=403)
    form = CorrectionForm(posted(request), lead=found, role=request.member.role)

    def show(status: int = 200) -> HttpResponse:
        title = f"Edit {found.full_name}"
        crumbs = [
            {"label": "Leads", "url": reverse("handoff:leads")},
            {"label": found.full_name, "url": reverse("handoff:lead", args=[found.id])},
            {"label": title},
        ]
        more = {"needs": needs_text(found.needs), "crumbs": crumbs}
        return dialog(request, found, form, part="_correct.html", title=title, status=status, **more)

    def act() -> HttpResponse:
        handoff = corrections.correct(
            lead=found,
            correction=form.correction(),
            actor=member_actor(request.member),
            clock=base.deciding_clock,
            role=request.member.role,
        )
        _tell(request, found.id, handoff)
        return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))

    return show() if request.method == "GET" else answer(request, form, act, show)


def _tell(request: TenantRequest, lead_id: UUID, handoff: Handoff | None) -> None:
    """Say what became of the lead."""
    lead = Lead.objects.get(id=lead_id)
    if handoff is None:
        lacks = f" Still missing for the handoff: {needs_text(lead.needs)}." if lead.needs else ""
        hold = hold_of(lead)
        if hold is not None:
            lacks += " It is held for enrichment, and handed over in a while as it is."
        messages.success(request, f"{lead.full_name} is saved.{lacks}")
    elif handoff.owner_id is None:
        messages.warning(
            request, f"{lead.full_name} is complete and handed over, and nobody is free to take it."
        )
    else:
        name = selectors.names_of([handoff.owner_id]).get(str(handoff.owner_id), "sales")
        messages.success(request, f"{lead.full_name} is complete and handed over to {name}.")
