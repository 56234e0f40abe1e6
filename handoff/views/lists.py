"""Lists of leads: without an owner, without data, all of them, and those that a search finds."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from handoff import bulk, needs, selectors
from handoff.badges import remember
from handoff.readiness import held_now
from handoff.views import base
from handoff.views.base import is_part, reader, watcher
from handoff.views.bulk import by_owner, filtered
from leads.lifecycle import Stage
from routing.overview import possible_owners
from tenants.models import Role
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of


@never_cache
@require_GET
@watcher
def unrouted(request: TenantRequest) -> HttpResponse:
    """Leads that nobody owns, why, and since when."""
    now = base.reading_clock()
    total = selectors.unrouted_count()
    remember(request, unrouted=total)
    context = {
        "waiting": selectors.unrouted(now=now),
        "total": total,
        "may_move": request.member.role in (Role.MANAGER, Role.ADMIN),
        "may_route": request.member.role == Role.ADMIN,
        "here": reverse("handoff:unrouted"),
        "now": now,
    }
    part = is_part(request, "unrouted")
    return render(request, "handoff/_unrouted.html" if part else "handoff/unrouted.html", context)


@never_cache
@require_GET
@watcher
def needs_data(request: TenantRequest) -> HttpResponse:
    """Leads that qualify and lack something that a handoff requires."""
    page = page_of(needs.leads_waiting(), cursor=request.GET.get("cursor", ""))
    rows = needs.waiting_of(page.rows, request.member)
    number, total = needs.counted() if rows else (0, "")
    context = {
        "rows": rows,
        "often": needs.often(rows),
        "total": total,
        "total_is_one": number == 1,
        "menders": needs.menders() if rows else "",
        "held": held_now(limit=selectors.SHOWN),
        "following": next_url(request, page.next),
        "here": reverse("handoff:needs_data"),
        "now": base.reading_clock(),
    }
    return render(request, "handoff/needs_data.html", context)


@never_cache
@require_GET
@reader
def leads(request: TenantRequest) -> HttpResponse:
    """Every lead that the member may open, the latest change first, by stage, source and owner where asked.
    Whoever oversees people chooses some of them, or all of the filter, and moves them together."""
    stage, source = request.GET.get("stage", ""), request.GET.get("source", "")[:80]
    owner = request.GET.get("owner", "")[:40]
    may_move = request.member.role in (Role.MANAGER, Role.ADMIN)
    found = selectors.visible_leads(request.member).select_related("account", "owner")
    if stage in Stage.values:
        found = found.filter(stage=stage)
    if source:
        found = found.filter(source=source)
    if owner:
        found = by_owner(found, owner)
    page = page_of(found, cursor=request.GET.get("cursor", ""))
    context = {
        "found": page.rows,
        "following": next_url(request, page.next),
        "stages": Stage.choices,
        "stage": stage,
        "source": source,
        "owner": owner,
        "owners": [(str(key), name) for key, name in possible_owners()] if may_move else [],
        "may_move": may_move,
        "movable": filtered(request, request.GET)[: bulk.MOST_LEADS + 1].count() if may_move else 0,
        "most": bulk.MOST_LEADS,
        "now": base.reading_clock(),
    }
    return render(request, "handoff/leads.html", context)


@never_cache
@require_GET
@reader
def search(request: TenantRequest) -> HttpResponse:
    """Leads by e-mail, name, company or outside id."""
    text = request.GET.get("q", "").strip()[:200]
    found = selectors.search(member=request.member, text=text)
    return render(request, "handoff/search.html", {"text": text, "found": found, "now": base.reading_clock()})
