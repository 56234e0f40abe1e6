"""What would have happened while teams were in shadow mode."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from handoff import would_have
from handoff.views import base
from handoff.views.base import overseer
from tenants.models import Role
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of

_PERIODS = {7: "Last 7 days", 30: "Last 30 days", 90: "Last 90 days"}


@never_cache
@require_GET
@overseer
def shadow(request: TenantRequest) -> HttpResponse:
    """Counts and events by team; a manager sees the teams that they watch, an admin everything."""
    tenant, now = request.tenant, base.reading_clock()
    asked = would_have.ask(request.GET.dict(), tenant=tenant, member=request.member, now=now)
    lines = would_have.lines(asked, tenant=tenant)
    cursor = request.GET.get("cursor", "")
    page = page_of(would_have.listed(asked), cursor=cursor, order=would_have.ORDER)
    context = {
        "asked": asked,
        "lines": lines,
        "kpis": _kpis(lines, days=asked.days),
        "told": [(line, told) for line in lines for told in line.told],
        "held": would_have.tell(page.rows),
        "periods": _periods(asked.days),
        "newest": _without_cursor(request) if cursor else "",
        "following": next_url(request, page.next),
        "all_teams": f"{reverse('handoff:shadow')}?{urlencode({'days': asked.days})}",
        "may_switch": request.member.role == Role.ADMIN,
        "now": now,
    }
    return render(request, "handoff/shadow.html", context)


def _periods(days: int) -> list[tuple[int, str, bool]]:
    known = {days: f"Last {days} days", **_PERIODS}
    return [(value, text, value == days) for value, text in sorted(known.items())]


def _without_cursor(request: TenantRequest) -> str:
    query = request.GET.copy()
    query.pop("cursor", None)
    return f"?{query.urlencode()}"


def _kpis(lines: list[would_have.Line], *, days: int) -> list[dict[str, Any]]:
    shadowed = sum(line.in_shadow for line in lines)
    in_shadow = "nothing is in shadow now" if not shadowed else f"{shadowed} in shadow now"
    return [
        {"label": "Warnings", "value": sum(line.warned for line in lines), "target": "before the deadline"},
        {"label": "Escalations", "value": sum(line.escalated for line in lines), "target": "after it"},
        {"label": "Leads moved", "value": sum(line.moved for line in lines), "target": "each counted once"},
        {"label": "Messages", "value": sum(line.messages for line in lines), "target": in_shadow},
    ]
