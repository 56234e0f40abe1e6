"""What somebody did in a period, for a talk between two: no ranking, and what it is to be read with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from reporting import params, selectors
from reporting.definitions import Share
from reporting.outcomes import scorecards
from reporting.outcomes.scorecards import FOLLOW, HELD, READINGS, Held
from reporting.views.asked import period_text
from sla import targets
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.requests import TenantRequest
from web.templatetags.sp import minutes_text


@require_safe
@member_required()
def scorecard(request: TenantRequest, member_id: UUID) -> HttpResponse:
    """GET /reps/<id>/scorecard: for the rep, and whoever leads their team."""
    member = scorecards.subject_of(tenant=request.tenant, reader=request.member, member_id=member_id)
    query = {name: str(value) for name, value in request.GET.items() if name in ("period", "from", "to")}
    if not query:
        query = {"period": "90d"}
    now = database_clock()
    whole = params.question_for_api({**query, "clock": "owner"}, tenant=request.tenant, now=now)
    own = replace(whole, member=member.id)
    found = scorecards.scorecard(whole, member, now=now)
    clocks = selectors.report(own, "tier", now=now, names=selectors.load_names())
    times = selectors.response_times(own, now=now, ground=selectors.handoff_ground(own))
    chosen = params.period_name(query)
    context = {
        "member": member,
        "crumbs": [{"label": "Insight"}, {"label": "Scorecard"}],
        "period": period_text(whole),
        "periods": [(value, text, value == chosen) for value, text in params.PERIOD_NAMES.items()],
        "here": reverse("reporting:scorecard", args=[member.id]),
        "card": found,
        "follow": FOLLOW,
        "leads_url": f"{reverse('reporting:funnel_leads')}?{urlencode({**query, 'rep': str(member.id)})}",
        "clocks": [
            {"label": targets.label(target), "rate": rate}
            for target, rate in clocks.whole.rates.items()
            if rate.base or rate.left_out
        ],
        "attempts": times.attempts,
        "touch": times.durations["first_touch"],
        "touch_median": minutes_text(times.durations["first_touch"].median),
        "touch_p90": minutes_text(times.durations["first_touch"].p90),
        "contacted": times.whole.contacted,
        "held": [_row(each) for each in found.held],
        "mix": [
            {
                "name": each.name or "No source given",
                "own": Share(each.own, found.own_in_mix),
                "others": Share(each.others, found.others_in_mix),
            }
            for each in found.mix
        ],
    }
    return render(request, "reporting/scorecard.html", context)


def _row(each: Held) -> dict[str, Any]:
    return {
        "label": HELD[each.name],
        "own": Share(each.own.hits, each.own.base),
        "expected": each.expected,
        "expected_share": 100 * each.expected / each.of_mix.base if each.expected is not None else None,
        "of_mix": each.of_mix,
        "left_out": each.left_out,
        "words": READINGS[each.reading],
    }
