"""Everything about one lead."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from handoff.deadlines import ledger_of
from handoff.decision_log import decisions_of
from handoff.lead_page import clock_panels
from handoff.selectors import last_handoff
from handoff.timeline import assignments_of
from handoff.views import base
from handoff.views.base import chosen_page, lead_of, reader
from sla.explain import explain_timers, timers_of
from tenants.requests import TenantRequest


@never_cache
@require_GET
@reader
def lead(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Everything about one lead, and what can be done with it."""
    now = base.reading_clock()
    page = chosen_page(request, lead_id, now)
    crumbs = [
        {"label": "Inbox", "url": reverse("handoff:inbox")},
        {"label": page.lead.full_name if page else ""},
    ]
    return render(
        request,
        "handoff/lead.html",
        {"page": page, "crumbs": crumbs, "here": request.get_full_path(), "now": now},
    )


@never_cache
@require_GET
@reader
def lead_clocks(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """The clocks of a lead, to be renewed in place."""
    now = base.reading_clock()
    found = lead_of(request, lead_id)
    handoff = last_handoff(found.id)
    assignments = assignments_of([handoff.id] if handoff else [])
    panels, _ = clock_panels(handoff, assignments, tenant=request.tenant, now=now)
    return render(request, "handoff/_clocks.html", {"clocks": panels, "lead": found, "now": now})


@never_cache
@require_GET
@reader
def decision(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Why this person and not another: every routing decision about the lead's present handoff."""
    now = base.reading_clock()
    found = lead_of(request, lead_id)
    handoff = last_handoff(found.id)
    crumbs = [
        {"label": "Inbox", "url": reverse("handoff:inbox")},
        {"label": found.full_name, "url": reverse("handoff:lead", args=[found.id])},
        {"label": "Why this person"},
    ]
    decisions = decisions_of(handoff.id) if handoff else []
    context = {"lead": found, "handoff": handoff, "decisions": decisions, "crumbs": crumbs, "now": now}
    return render(request, "handoff/decision.html", context)


@never_cache
@require_GET
@reader
def deadlines(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Why this lead is due when it is: every clock of its last handoff day by day, and who had the time."""
    now = base.reading_clock()
    found = lead_of(request, lead_id)
    handoff = last_handoff(found.id)
    crumbs = [
        {"label": "Inbox", "url": reverse("handoff:inbox")},
        {"label": found.full_name, "url": reverse("handoff:lead", args=[found.id])},
        {"label": "Why these deadlines"},
    ]
    timers = timers_of(handoff) if handoff else []
    context = {
        "lead": found,
        "handoff": handoff,
        "explained": explain_timers(timers, now=now),
        "ledger": ledger_of(handoff, timers, now=now) if handoff else None,
        "crumbs": crumbs,
        "now": now,
    }
    return render(request, "handoff/deadlines.html", context)
