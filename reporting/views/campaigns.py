"""Whether the campaigns that began lately deliver leads that sales can use."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from reporting.definitions import Share
from reporting.outcomes import campaigns as judged
from reporting.outcomes.campaigns import LABELS, Campaign, Verdict
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest
from web.table_files import table_file

#: Campaigns that the page lists; its file has all.
SHOWN: Final = 200
_LOOKS: Final = {
    Verdict.USABLE: "on_target",
    Verdict.NOT_USABLE: "off_target",
    Verdict.EARLY: "waiting",
}


@require_safe
@member_required(Role.MARKETING, Role.MANAGER, Role.EXECUTIVE)
def campaigns(request: TenantRequest) -> HttpResponse:
    """GET /campaigns: the campaigns of the last 14 days: usable, not usable, too early."""
    now = database_clock()
    kept = judged.new_campaigns_lately(now=now, most=SHOWN + 1)
    found = kept.value
    context = {
        "crumbs": [
            {"label": "Insight"},
            {"label": "Funnel & leaks", "url": reverse("reporting:funnel")},
            {"label": "New campaigns"},
        ],
        "rows": [_row(each) for each in found[:SHOWN]],
        "as_of": kept.before(now),
        "is_cut": len(found) > SHOWN,
        "days": judged.NEW.days,
        "usual_days": judged.USUAL.days,
        "least": judged.LEAST_ANSWERS,
        "margin": round(100 * judged.MARGIN),
        "csv_url": reverse("reporting:campaigns_csv"),
    }
    return render(request, "reporting/campaigns.html", context)


def _row(each: Campaign) -> dict[str, Any]:
    low, high = each.interval
    query = urlencode({"campaign": each.name, "period": "30d"})
    return {
        "campaign": each,
        "url": f"{reverse('reporting:funnel_leads')}?{query}",
        "label": LABELS[each.verdict],
        "look": _LOOKS[each.verdict],
        "accepted": Share(each.accepted.hits, each.accepted.base, each.undecided),
        "usual": Share(each.usual.hits, each.usual.base),
        "low": 100 * low,
        "high": 100 * high,
    }


@require_safe
@member_required(Role.MARKETING, Role.MANAGER, Role.EXECUTIVE)
def campaigns_file(request: TenantRequest) -> HttpResponse:
    """GET /campaigns.csv, .xlsx: the same as a file."""
    head = ["Campaign", "Began", "MQLs", "Answered", "Accepted", "Low %", "High %"]
    head += ["Usual answered", "Usual accepted", "Verdict"]
    lines = [
        [
            each.name,
            each.began_at.date(),
            each.mqls,
            each.accepted.base,
            each.accepted.hits,
            round(100 * each.interval.low, 1),
            round(100 * each.interval.high, 1),
            each.usual.base,
            each.usual.hits,
            LABELS[each.verdict],
        ]
        for each in judged.new_campaigns(now=database_clock())
    ]
    return table_file(request, "new-campaigns", head, lines)
