"""Data quality: how complete the leads of each source are, and which sources became worse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from leads.completeness import MOST_LEADS, SPOILING, SourceData, by_source, together
from leads.quality import COMPLETE
from leads.source_alarms import alarm_words, latest_alarms
from reporting import params
from reporting.views.asked import lies_ahead, period_text, periods_of
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest
from web.table_files import table_file


def _query(request: TenantRequest) -> dict[str, str]:
    return {name: value for name, value in request.GET.items() if isinstance(value, str)}


@require_safe
@member_required(Role.MANAGER, Role.MARKETING)
def data_quality(request: TenantRequest) -> HttpResponse:
    """GET /data-quality: by source, how many leads have each field, and a value that can be true."""
    query = _query(request)
    now = database_clock()
    days = params.days_asked(query, tenant=request.tenant, now=now)
    found = by_source(days.since, days.until)
    chosen = params.period_name(query)
    periods = periods_of(query, days)
    kept = {name: query[name] for name in ("period", "from", "to") if query.get(name)}
    everything = together(found)
    context = {
        "crumbs": [{"label": "Insight"}, {"label": "Data quality"}],
        "period": period_text(days),
        "ahead": lies_ahead(days.first, zone=days.zone, now=now),
        "periods": periods,
        "hidden": [] if chosen else [(name, kept[name]) for name in ("from", "to") if name in kept],
        "csv_url": reverse("reporting:data_quality_csv") + (f"?{urlencode(kept)}" if kept else ""),
        "fields": list(COMPLETE.values()),
        "rows": [_row(each) for each in found],
        "total": _row(everything) if len(found) > 1 else None,
        "is_cut": everything.leads >= MOST_LEADS,
        "most": MOST_LEADS,
        "alarms": [{"alarm": alarm, **alarm_words(alarm)} for alarm in latest_alarms()],
    }
    return render(request, "reporting/data_quality.html", context)


def _row(each: SourceData) -> dict[str, Any]:
    return {
        "source": each.source,
        "leads": each.leads,
        "share": f"{100 * each.share:.0f}",
        "cells": [_cell(each, name) for name in COMPLETE],
    }


def _cell(each: SourceData, name: str) -> dict[str, Any]:
    good = each.good(name)
    return {
        "percent": f"{100 * good / each.leads:.0f}" if each.leads else "0",
        "good": good,
        "wrong": each.known[name] - good,
    }


@require_safe
@member_required(Role.MANAGER, Role.MARKETING)
def data_quality_file(request: TenantRequest) -> HttpResponse:
    """GET /data-quality.csv, .xlsx: the same as a file."""
    days = params.days_asked(_query(request), tenant=request.tenant, now=database_clock())
    head = ["Source", "Leads", "Complete"]
    for name, label in COMPLETE.items():
        head += [label, f"{label}, wrong"] if name in SPOILING else [label]
    return table_file(
        request, f"data-quality-{days.first}-to-{days.last}", head, _lines(by_source(days.since, days.until))
    )


def _lines(found: Sequence[SourceData]) -> Iterator[list[Any]]:
    for each in found:
        line: list[Any] = [each.source, each.leads, round(each.share, 4)]
        for name in COMPLETE:
            line += [each.good(name)]
            line += [each.known[name] - each.good(name)] if name in SPOILING else []
        yield line
