"""What changed since the organisation began here, against imported history."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from reporting.outcomes.since_start import FOLLOW, MONTH_DAYS, Span, since_start, since_start_lately
from reporting.views.pipeline import READERS
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.requests import TenantRequest
from web.table_files import table_file


@require_safe
@member_required(*READERS)
def outcomes(request: TenantRequest) -> HttpResponse:
    """GET /outcomes: the first four weeks, and months two to six, against what was before."""
    tenant, now = request.tenant, database_clock()
    kept = since_start_lately(zone=ZoneInfo(tenant.time_zone), currency=tenant.currency, now=now)
    found = kept.value
    before = [(found.before, "")] if found.before else []
    context = {
        "crumbs": [
            {"label": "Contract"},
            {"label": "Commitments", "url": reverse("reporting:commitments")},
            {"label": "Since the start"},
        ],
        "found": found,
        "as_of": kept.before(now),
        "weeks": [*before, *((each, _leads_of(each, 7)) for each in found.weeks)],
        "months": [*before, *((each, _leads_of(each, MONTH_DAYS)) for each in found.months)],
        "currency": request.tenant.currency,
        "follow": FOLLOW,
        "month_days": MONTH_DAYS,
        "csv_url": reverse("reporting:outcomes_csv"),
    }
    return render(request, "reporting/outcomes.html", context)


def _leads_of(each: Span, days: int) -> str:
    """The way to the MQLs of a stretch of so many days; none where it has none."""
    if each.first is None or not each.mqls:
        return ""
    said = {"from": each.first, "to": each.first + timedelta(days=days - 1), "stage": "feedback_mqls"}
    return f"{reverse('reporting:funnel_leads')}?{urlencode(said)}"


@require_safe
@member_required(*READERS)
def outcomes_file(request: TenantRequest) -> HttpResponse:
    """GET /outcomes.csv, .xlsx: the same as a file."""
    found = since_start(zone=ZoneInfo(request.tenant.time_zone), now=database_clock())
    head = ["Span", "From", "MQLs", "Targets met", "Targets judged", "Response of", "Response median seconds"]
    head += ["Feedback", "Followed", "SQL", "Opportunity", f"Amount {request.tenant.currency}", "With amount"]
    head += ["Won", "Closed", "Cycle median seconds"]
    every = [*([found.before] if found.before else []), *found.weeks, *found.months]
    lines = [_line(each) for each in every]
    return table_file(request, "since-the-start", head, lines)


def _line(each: Span) -> list[object]:
    return [
        each.name.capitalize(),
        each.first,
        each.mqls,
        each.in_time.count,
        each.in_time.base,
        each.response.count,
        each.response.median,
        each.feedback.count,
        each.to_sql.base,
        each.to_sql.count,
        each.to_opportunity.count,
        each.amount if each.with_amount else None,
        each.with_amount,
        each.wins.count,
        each.wins.base,
        each.cycle.median,
    ]
