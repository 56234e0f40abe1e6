"""The leads behind lead to opportunity."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from handoff.selectors.access import visible_leads
from leads.lifecycle import Stage
from reporting import params
from reporting.commitments.params import month_from
from reporting.kpis.came import LISTED, days_of, leads_that, span_of
from reporting.kpis.spans import Span
from reporting.lately import count_lately
from reporting.mailings.words import day_words
from reporting.views.clocks import MOST_LINES, PAGE_SIZE
from reporting.views.kpis import READERS
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of
from web.table_files import CHUNK, cut_at, table_file


def _asked(request: TenantRequest, now: datetime) -> tuple[dict[str, Any], QuerySet[Any], tuple[Span, str]]:
    """What is said of the list, its leads, and what was asked for."""
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    zone = ZoneInfo(request.tenant.time_zone)
    which = params.choice(query, "which", tuple(LISTED), "opened")
    span = span_of(month_from(query, tenant=request.tenant, now=now), zone=zone, now=now)
    found = leads_that(span, which, zone=zone)
    if request.member.role == Role.MANAGER:
        found = found.filter(id__in=visible_leads(request.member).values("id"))
    first, last = days_of(span, which)
    said = {
        "title": LISTED[which],
        "month": f"{span.month:%Y-%m}",
        "period": f"{day_words(first, year=first.year != last.year)} to {day_words(last, year=True)}",
        "is_part": request.member.role == Role.MANAGER,
    }
    return said, found, (span, which)


@require_safe
@member_required(*READERS)
def kpi_leads(request: TenantRequest) -> HttpResponse:
    """GET /kpis/leads?month=2026-11&which=opened: exactly the leads that the KPI counts, or leaves out."""
    now = database_clock()
    said, found, of = _asked(request, now)
    seen_by = request.member if said["is_part"] else None
    count = count_lately("kpis", (of, request.tenant.time_zone), found, now=now, seen_by=seen_by)
    cursor = request.GET.get("cursor", "")
    page = page_of(found, cursor=cursor, size=PAGE_SIZE, order=("-created_at", "-id"))
    context = {
        **said,
        "crumbs": [
            {"label": "Contract"},
            {"label": "KPIs", "url": f"{reverse('reporting:kpis')}?month={said['month']}"},
            {"label": "Leads"},
        ],
        "count": count.value,
        "as_of": count.before(now),
        "rows": [{"lead": lead, "stage": Stage(lead.stage).label} for lead in page.rows],
        "csv_url": f"{reverse('reporting:kpi_leads_csv')}?{request.GET.urlencode()}",
        "next_url": next_url(request, page.next),
    }
    return render(request, "reporting/kpi_leads.html", context)


@require_safe
@member_required(*READERS)
def kpi_leads_file(request: TenantRequest) -> HttpResponse:
    """GET /kpis/leads.csv, .xlsx: the same as a file."""
    said, found, _ = _asked(request, database_clock())
    head = ["Lead", "Company", "Came", "Opportunity", "Stage now", "Source"]
    rows = found.order_by("-created_at", "-id")[: MOST_LINES + 1].iterator(chunk_size=CHUNK)
    lines = cut_at(_lines(rows, ZoneInfo(request.tenant.time_zone)), MOST_LINES)
    return table_file(request, f"kpi-leads-{said['month']}", head, lines)


def _lines(rows: Iterator[Any], zone: ZoneInfo) -> Iterator[list[Any]]:
    for lead in rows:
        opened = lead.opened_at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if lead.opened_at else ""
        came = lead.created_at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        stage = Stage(lead.stage).label
        yield [lead.full_name, lead.company_name, came, opened, stage, lead.source]
