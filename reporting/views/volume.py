"""Volume: how many leads were handed over and how many were won."""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from leads.models import Handoff
from reporting import params, selectors
from reporting.lately import count_lately
from reporting.views.asked import Asked, address, file_name, period_text, periods_of
from reporting.views.clocks import MOST_LINES, PAGE_SIZE
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of
from web.table_files import CHUNK, cut_at, table_file

_VOLUME_BY: Final = {"source": "Source", "month": "Month", "owner": "Owner"}


def _volume_question(request: TenantRequest) -> tuple[Asked, str]:
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    if not any(query.get(name) for name in ("period", "from", "to")):
        query["period"] = "365d"
    if query.get("owner"):
        query["rep"] = query["owner"]
    now = database_clock()
    question = params.question_for_page(query, tenant=request.tenant, member=request.member, now=now)
    own = request.member.role == Role.REP
    query.pop("rep", None)
    by = params.choice(query, "by", tuple(_VOLUME_BY), "source")
    query.pop("by", None)
    return Asked(query, question, by, now, own), by


def _volume_link(asked: Asked, view: str, **changes: str | None) -> str:
    link = asked.link(view, **changes)
    owner = asked.query.get("owner")
    if owner and "owner" not in changes:
        link += f"{'&' if '?' in link else '?'}{urlencode({'owner': owner})}"
    return link


@require_safe
@member_required()
def volume(request: TenantRequest) -> HttpResponse:
    """GET /volume: how many leads were handed over and how many were won, by source, month and owner."""
    asked, by = _volume_question(request)
    names = selectors.load_names()
    kept = selectors.volume_lately(asked.question, by, names=names, now=asked.now)
    rows = kept.value
    most = max((row.mqls for row in rows), default=0)
    chosen = params.period_name(asked.query)
    periods = periods_of(asked.query, asked.question)
    context = {
        "asked": asked,
        "crumbs": [{"label": "Insight"}, {"label": "Volume"}],
        "period": period_text(asked.question),
        "ahead": asked.ahead,
        "as_of": kept.before(asked.now),
        "periods": periods,
        "hidden": [
            (name, asked.query[name])
            for name in ("source", "owner", *(() if chosen else ("from", "to")))
            if asked.query.get(name)
        ]
        + [("by", by)],
        "tabs": [
            {"label": f"By {each}", "url": _volume_link(asked, "volume", by=each), "current": each == by}
            for each in _VOLUME_BY
        ],
        "head": _VOLUME_BY[by],
        "rows": [_volume_row(asked, by, row, most) for row in rows],
        "mqls": sum(row.mqls for row in rows),
        "won": sum(row.won for row in rows),
        "csv_url": _volume_link(asked, "volume_csv", by=by),
    }
    return render(request, "reporting/volume.html", context)


def _volume_row(asked: Asked, by: str, row: selectors.Volume, most: int) -> dict[str, Any]:
    if by == "month" and isinstance(row.key, date):
        after = date(row.key.year + row.key.month // 12, row.key.month % 12 + 1, 1)
        first, last = (
            max(row.key, asked.question.first),
            min(date.fromordinal(after.toordinal() - 1), asked.question.last),
        )
        changes: dict[str, str | None] = {"period": None, "from": first.isoformat(), "to": last.isoformat()}
    else:
        changes = {by: params.NONE if row.key in (None, "") else str(row.key)}
    return {
        "name": row.name,
        "mqls": row.mqls,
        "won": row.won,
        "share": row.mqls / most * 100 if most else 0,
        "mqls_url": _volume_link(asked, "volume_leads", **changes),
        "won_url": _volume_link(asked, "volume_leads", won="1", **changes),
    }


@require_safe
@member_required()
def volume_file(request: TenantRequest) -> HttpResponse:
    """GET /volume.csv, .xlsx: the table of the page."""
    asked, by = _volume_question(request)
    rows = selectors.volume(asked.question, by, names=selectors.load_names())
    lines = [[row.name, row.mqls, row.won] for row in rows]
    return table_file(request, file_name(asked, f"volume-by-{by}"), [_VOLUME_BY[by], "MQLs", "Won"], lines)


def _leads_asked(request: TenantRequest) -> tuple[Asked, bool, QuerySet[Handoff]]:
    """What an address asks, whether of won leads, and the handoffs."""
    asked, _ = _volume_question(request)
    won = params.choice(asked.query, "won", ("", "1"), "") == "1"
    return asked, won, selectors.leads_behind(asked.question, won=won)


def _order(won: bool) -> tuple[str, str]:
    return ("-closed_at", "-id") if won else ("-started_at", "-id")


@require_safe
@member_required()
def volume_leads(request: TenantRequest) -> HttpResponse:
    """GET /volume/leads: the leads behind a number of the volume page."""
    asked, won, found = _leads_asked(request)
    question = asked.question
    count = count_lately("volume", (question, won), found, now=asked.now, seen_by=question.seen_by)
    page = page_of(found, cursor=asked.query.get("cursor", ""), size=PAGE_SIZE, order=_order(won))
    names = selectors.load_names()
    context = {
        "title": "Won leads" if won else "MQLs",
        "crumbs": [{"label": "Volume", "url": address({}, "volume")}, {"label": "Leads"}],
        "count": count.value,
        "as_of": count.before(asked.now),
        "period": period_text(question),
        "chosen": [each for each in _chosen_volume(asked, names) if each],
        "rows": page.rows,
        "csv_url": _volume_link(asked, "volume_leads_csv", won="1" if won else None),
        "next_url": next_url(request, page.next),
    }
    return render(request, "reporting/volume_leads.html", context)


@require_safe
@member_required()
def volume_leads_file(request: TenantRequest) -> HttpResponse:
    """GET /volume/leads.csv, .xlsx: the same as a file."""
    asked, won, found = _leads_asked(request)
    head = ["Lead", "Company", "MQL", "Outcome", "Closed", "Source", "Owner", "Imported"]
    rows = found.order_by(*_order(won))[: MOST_LINES + 1].iterator(chunk_size=CHUNK)
    lines = cut_at((_line(row, asked.question.zone) for row in rows), MOST_LINES)
    return table_file(request, file_name(asked, "won-leads" if won else "mqls"), head, lines)


def _line(row: Handoff, zone: ZoneInfo) -> list[Any]:
    started, closed = (
        at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if at else "" for at in (row.started_at, row.closed_at)
    )
    owner = row.owner.name if row.owner else ""
    imported = "yes" if row.is_history else ""
    lead = row.lead
    return [
        lead.full_name,
        lead.company_name,
        started,
        row.get_outcome_display(),
        closed,
        row.source,
        owner,
        imported,
    ]


def _chosen_volume(asked: Asked, names: selectors.Names) -> list[str]:
    question, found = asked.question, []
    if question.source is not None:
        found.append(f"Source: {question.source or 'none given'}")
    if asked.query.get("owner"):
        found.append(f"Owner: {names.of('rep', question.member)[0]}")
    return found
