"""KPIs: what marketing and sales answer for, each with its owner, its target and its course."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from reporting.commitments.params import month_from, present_month
from reporting.commitments.targets import months_from
from reporting.kpis import words
from reporting.kpis.catalog import CATALOG, Section
from reporting.kpis.cost_import import may_import
from reporting.kpis.costs import Spent
from reporting.kpis.links import campaign_links, links_of, source_links, won_link
from reporting.kpis.numbers import Reading, cycle_of
from reporting.kpis.services import may_set
from reporting.kpis.sheet import MOST_SOURCES, Line, Point, Sheet, SourceLine, sheet_of
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest
from web.table_files import table_file
from web.templatetags.sp import DASH

READERS: Final = (Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)
#: Sections in the order of the page, and what they are called.
SECTIONS: Final = {
    Section.SHARED: "Shared",
    Section.MARKETING: "Marketing's",
    Section.SALES: "Sales'",
}


def _sheet(request: TenantRequest, now: datetime) -> Sheet:
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    month = month_from(query, tenant=request.tenant, now=now)
    return sheet_of(tenant=request.tenant, month=month, now=now)


@require_safe
@member_required(*READERS)
def kpis(request: TenantRequest) -> HttpResponse:
    """GET /kpis?month=2026-11: the shared ones, marketing's and sales'."""
    now = database_clock()
    sheet = _sheet(request, now)
    query = f"?month={sheet.month:%Y-%m}"
    role = request.member.role
    context = {
        "crumbs": [{"label": "Contract"}, {"label": "KPIs"}],
        "sheet": sheet,
        "month_name": f"{sheet.month:%B %Y}",
        "summary": _summary(sheet),
        "as_of": sheet.as_of if sheet.as_of < now else None,
        "months": _months(sheet.month, present_month(request.tenant, now)),
        "sections": [
            {
                "key": section.value,
                "name": name,
                "lines": [_line(line, sheet) for line in sheet.lines if line.kind.section == section],
            }
            for section, name in SECTIONS.items()
        ],
        "unowned": sum(line.owner.member_id is None or line.owner.has_left for line in sheet.lines),
        "sources": [_source(each, sheet) for each in sheet.sources],
        "more_sources": max(sheet.number - len(sheet.sources), 0),
        "campaigns": [_campaign(name, spent, sheet) for name, spent in sheet.campaigns],
        "more_campaigns": max(sheet.campaigns_number - len(sheet.campaigns), 0),
        "campaigns_url": reverse("reporting:kpi_campaigns_csv") + query,
        "most_sources": MOST_SOURCES,
        "cost_months": months_text(sheet.cost_months),
        "csv_url": reverse("reporting:kpis_csv") + query,
        "sources_url": reverse("reporting:kpi_sources_csv") + query,
        "may_set": may_set(role),
        "may_import": may_import(role),
        "is_manager": role == Role.MANAGER,
    }
    return render(request, "reporting/kpis.html", context)


def _summary(sheet: Sheet) -> str:
    if sheet.is_future:
        return "Not begun. What is to be reached in it so far."
    return "It still runs." if sheet.runs else "Over: told as it stood when it ended."


def _months(month: date, present: date) -> list[tuple[str, str, bool]]:
    """The months to choose from: those of the year before, and the one shown."""
    known = {months_from(present, -place) for place in range(-1, 13)} | {month}
    return [(f"{each:%Y-%m}", f"{each:%B %Y}", each == month) for each in sorted(known, reverse=True)]


def months_text(months: list[date]) -> str:
    """ "August to October 2026"."""
    if not months:
        return ""
    first, last = months[0], months[-1]
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first:%B}{year} to {last:%B %Y}"


def _line(line: Line, sheet: Sheet) -> dict[str, Any]:
    kind, reading, term, currency = line.kind, line.reading, line.term, sheet.currency
    links = links_of(line, sheet.span)
    target = term.target
    return {
        "line": line,
        "kind": kind,
        "url": reverse("reporting:kpi", args=[kind.key]),
        "links": links,
        "value": words.number(kind, reading.value, currency),
        "p90": "" if reading.p90 is None else words.number(kind, reading.p90, currency),
        "base_words": base_words(line, reading, currency),
        "left_out": [
            {"number": each.number, "why": each.why, "url": links.left_out.get(each.link, "")}
            for each in reading.left_out
        ],
        "aside": [f"{words.money(amount, currency)} {text}" for amount, text in reading.aside],
        "target": "None set" if target is None else words.number(kind, target, currency),
        "target_note": _target_note(line),
        "due": "" if line.due is None else words.number(kind, line.due.quantize(Decimal("0.1")), currency),
        "upcoming": [
            f"{words.number(kind, each.target, currency) if each.target else 'none'} from"
            f" {each.valid_from:%B %Y}"
            for each in sheet.targets.upcoming(kind, sheet.month)
        ],
        "points": [_point(line, point, currency) for point in line.points],
        **_spark(line, currency),
    }


def base_words(line: Line, reading: Reading, currency: str) -> str:
    """What a number is of, after its count where it has one."""
    base = f"{reading.base:,}"
    match line.kind.key:
        case "mql_to_sql":
            return "MQLs"
        case "lead_to_opportunity" | "engagement":
            return "leads"
        case "close_rate":
            return "closed opportunities"
        case "cycle_length" | "velocity":
            return f"of {base} won lead{'' if reading.base == 1 else 's'}"
        case "deal_size":
            return f"of {base} won opportunit{'y' if reading.base == 1 else 'ies'}"
        case "marketing_pipeline":
            opened = f"{base} opportunit{'y' if reading.base == 1 else 'ies'}"
            if reading.cost and reading.value is not None:
                share = 100 * Decimal(reading.value) / reading.cost
                return f"{opened}; {share:.0f}% of the {words.money(reading.cost, currency)} opened in all"
            return opened
        case "cost_per_mql" | "cost_per_sql":
            what = f"{line.kind.key[-3:].upper()}{'' if reading.base == 1 else 's'}"
            return f"{words.money(reading.cost or 0, currency)} for {base} {what}"
    return ""


def _target_note(line: Line) -> str:
    term = line.term
    if term.valid_from is None:
        return "default" if term.target is not None else ""
    return f"Since {term.valid_from:%B %Y}"


def _point(line: Line, point: Point, currency: str) -> dict[str, Any]:
    reading, target = point.reading, point.term.target
    of = ""
    if reading.count is not None and reading.base:
        of = f"{reading.count:,} of {reading.base:,}"
    elif reading.base and reading.value is not None and line.kind.key != "mql_volume":
        of = f"of {reading.base:,}"
    return {
        "label": f"{point.span.month:%b %Y}",
        "value": words.number(line.kind, reading.value, currency),
        "p90": words.number(line.kind, reading.p90, currency),
        "of": of,
        "why": reading.why,
        "target": DASH if target is None else words.number(line.kind, target, currency),
        "status": point.status,
    }


def _spark(line: Line, currency: str) -> dict[str, Any]:
    """The course as shares of its highest end, so that the target can be drawn with it."""
    values = [None if point.reading.value is None else float(point.reading.value) for point in line.points]
    present = [value for value in values if value is not None]
    if not present:
        return {"spark": [], "spark_label": "", "spark_target": None}
    target = None if line.term.target is None else float(line.term.target)
    top = max(*present, target or 0) or 1.0
    first, last = (words.number(line.kind, end, currency) for end in (present[0], present[-1]))
    return {
        "spark": [None if value is None else 100 * value / top for value in values],
        "spark_label": f"{len(values)} months: {first} to {last}",
        "spark_target": None if target is None else 100 * target / top,
    }


def _source(each: SourceLine, sheet: Sheet) -> dict[str, Any]:
    currency = sheet.currency
    cycle = cycle_of(each.wins)
    kind = CATALOG["cycle_length"]
    links = source_links(each.source, sheet.cost_months)
    return {
        **_spent(each.spent, sheet, links),
        "name": each.source or "No source given",
        "cycle": words.number(kind, cycle.value, currency) if cycle.base else "",
        "cycle_p90": words.number(kind, cycle.p90, currency) if cycle.base else "",
        "cycle_base": cycle.base,
        "won": each.wins.won,
        "won_url": won_link(each.source, sheet.span) if sheet.span and each.wins.won else "",
    }


def _campaign(name: str, spent: Spent, sheet: Sheet) -> dict[str, Any]:
    return {**_spent(spent, sheet, campaign_links(name, sheet.cost_months)), "name": name}


def _spent(spent: Spent, sheet: Sheet, links: Mapping[str, str]) -> dict[str, Any]:
    currency, months = sheet.currency, len(sheet.cost_months)
    return {
        "mqls": spent.all_mqls,
        "mqls_url": links["mqls"],
        "sqls_url": links["sqls"],
        "cost": words.exact_money(spent.cost + spent.nothing, currency) if spent.known else "",
        "months_known": f"{spent.months_known} of {months} months",
        "is_partly_known": spent.months_known < months,
        "per_mql": "" if spent.per_mql is None else words.exact_money(spent.per_mql, currency),
        "why_no_mql": spent.why_no_mql_cost,
        "per_sql": "" if spent.per_sql is None else words.exact_money(spent.per_sql, currency),
        "why_no_sql": spent.why_no_sql_cost,
        "spent": spent,
    }


# --- As files -----------------------------------------------------------------------------------------------

HEAD: Final = (
    "Month",
    "Section",
    "KPI",
    "Owner",
    "Target",
    "Target holds from",
    "Value",
    "Unit",
    "Count",
    "Base",
    "90th percentile",
    "Money",
    "Left out",
    "Left out, why",
    "Standing",
    "Remark",
)


@require_safe
@member_required(*READERS)
def kpis_file(request: TenantRequest) -> HttpResponse:
    """GET /kpis.csv, .xlsx: the KPIs of the month, and of the months before it."""
    sheet = _sheet(request, database_clock())
    return table_file(request, f"kpis-{sheet.month:%Y-%m}", HEAD, _rows(sheet))


def _rows(sheet: Sheet) -> Iterable[list[Any]]:
    for line in sheet.lines:
        yield _cells(line, f"{sheet.month:%Y-%m}", line.reading, line.term.target, line.status, sheet)
        for point in reversed(line.points[:-1]):
            month = f"{point.span.month:%Y-%m}"
            yield _cells(line, month, point.reading, point.term.target, point.status, sheet, point)


def _cells(
    line: Line,
    month: str,
    reading: Reading,
    target: Decimal | None,
    status: str | None,
    sheet: Sheet,
    point: Point | None = None,
) -> list[Any]:
    unit = sheet.currency if line.kind.unit == "money" else line.kind.unit.value
    term = line.term if point is None else point.term
    return [
        month,
        SECTIONS[line.kind.section],
        line.kind.label,
        line.owner.name if point is None else None,
        target,
        term.valid_from,
        reading.value,
        unit,
        reading.count,
        reading.base,
        reading.p90,
        reading.cost,
        sum(each.number for each in reading.left_out),
        "; ".join(f"{each.number} {each.why}" for each in reading.left_out),
        status,
        reading.why,
    ]


SOURCES_HEAD: Final = (
    "Source",
    "MQLs",
    "MQLs with a known cost",
    "MQLs without",
    "Months with a cost",
    "Cost",
    "Spent where no MQL came",
    "Cost per MQL",
    "SQLs",
    "Cost per SQL",
    "Remark",
    "Won",
    "Cycle, days (median)",
    "Cycle, days (90%)",
    "Cycle, of",
)


def _spent_cells(spent: Spent) -> list[Any]:
    return [
        spent.all_mqls,
        spent.mqls,
        spent.no_cost,
        spent.months_known,
        spent.cost + spent.nothing if spent.known else None,
        spent.nothing if spent.known else None,
        spent.per_mql,
        spent.sqls,
        spent.per_sql,
        spent.why_no_mql_cost or spent.why_no_sql_cost,
    ]


@require_safe
@member_required(*READERS)
def sources_file(request: TenantRequest) -> HttpResponse:
    """GET /kpis/sources.csv, .xlsx: what each source cost and how long its won leads took."""
    sheet = _sheet(request, database_clock())
    lines = []
    for each in sheet.sources:
        cycle = cycle_of(each.wins)
        lines.append(
            [
                each.source,
                *_spent_cells(each.spent),
                each.wins.won,
                cycle.value,
                cycle.p90,
                cycle.base,
            ]
        )
    return table_file(request, f"kpis-by-source-{sheet.month:%Y-%m}", SOURCES_HEAD, lines)


@require_safe
@member_required(*READERS)
def campaigns_file(request: TenantRequest) -> HttpResponse:
    """GET /kpis/campaigns.csv, .xlsx: what each campaign with a cost cost, and what it brought."""
    sheet = _sheet(request, database_clock())
    head = ["Campaign", *SOURCES_HEAD[1 : 1 + len(_spent_cells(Spent()))]]
    lines = [[name, *_spent_cells(spent)] for name, spent in sheet.campaigns]
    return table_file(request, f"kpis-by-campaign-{sheet.month:%Y-%m}", head, lines)
