"""Leads with a stale status, by whom they wait for."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from core.errors import ValidationFailed
from handoff.selectors.stale import stale_counts, stale_rows
from handoff.stale import NAMES, ORDER, Asked, asked_of
from handoff.views import base
from handoff.views.base import reader
from leads.owed import STANDING
from tenants.models import Role
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of


@never_cache
@require_GET
@reader
def stale(request: TenantRequest) -> HttpResponse:
    """GET /leads/stale?stage=&team=&owner=: a rep's own, a manager's teams', all for who reads all."""
    now = base.reading_clock()
    asked = _asked(request, now=now)
    everybody = stale_counts(asked.of_everybody())
    listed = asked.found().select_related("lead__account", "owner")
    page = page_of(listed, cursor=request.GET.get("cursor", ""), order=ORDER)
    is_rep = request.member.role == Role.REP
    csv = reverse("reporting:stale_csv")
    context = {
        "rule": asked.rule,
        "said": [(stage.label, days) for stage, days in asked.rule.after.items()],
        "rows": stale_rows(asked.rule, page.rows),
        "following": next_url(request, page.next),
        "counts": [_count(each, asked) for each in everybody],
        "total": sum(each.count for each in everybody),
        "stages": [(str(stage), stage.label, stage == asked.stage) for stage in STANDING],
        "teams": [(team.id, team.name, team.id == asked.team_id) for team in asked.watch.teams],
        "owner": next((each.name for each in everybody if each.member_id == asked.owner_id), ""),
        "kept": asked.kept,
        "csv": f"{csv}?{urlencode(asked.kept)}" if asked.kept else csv,
        "is_rep": is_rep,
        "may_edit": request.member.role == Role.ADMIN,
        "now": now,
        "crumbs": [
            {"label": "Leads", "url": reverse("handoff:leads")},
            {"label": "Stale leads", "url": ""},
        ],
    }
    return render(request, "handoff/stale.html", context)


def _asked(request: TenantRequest, *, now: Any) -> Asked:
    """What the address asks for; a filter that is none is left out, since the page shows what it filters
    by."""
    params = {name: request.GET.get(name, "") for name in NAMES}
    while True:
        try:
            return asked_of(params, tenant=request.tenant, member=request.member, now=now)
        except ValidationFailed as refused:
            params[refused.field_errors[0].path.strip("/")] = ""


def _count(each: Any, asked: Asked) -> dict[str, Any]:
    query = {**asked.kept, "owner": str(each.member_id)}
    return {"row": each, "url": f"?{urlencode(query)}", "chosen": each.member_id == asked.owner_id}
