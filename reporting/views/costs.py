"""What sources cost by month: the list, bringing in a file, correcting and removing."""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import NotFound, ValidationFailed
from reporting.commitments.params import month_from
from reporting.kpis import words
from reporting.kpis.cost_import import import_costs, may_import, remove_cost, remove_month, set_cost
from reporting.kpis.cost_plan import STATUS_WORDS, THERE, WRONG, CostPlan, Line, plan_costs
from reporting.kpis.cost_reads import costs_of, months_of_costs
from reporting.kpis.forms import CostFileForm, CostForm
from reporting.kpis.models import SourceCost
from reporting.views.kpis import READERS
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.refusals import REFUSED, status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest
from web.table_files import table_file

#: Rows of a file that are shown before it is brought in; the wrong ones first.
SHOWN: Final = 200
HEAD: Final = ("month", "source", "campaign", "amount", "currency")


def _asked(request: TenantRequest) -> date | None:
    """The month that an address asks for; None where it asks for none."""
    text = request.GET.get("month", "")
    return month_from({"month": text}, tenant=request.tenant, now=database_clock()) if text else None


@require_safe
@member_required(*READERS)
def costs(request: TenantRequest) -> HttpResponse:
    """GET /kpis/costs?month=2026-10: what each source cost; the latest month that has a cost without it."""
    return _page(request, _asked(request))


def _page(
    request: TenantRequest, month: date | None, *, form: CostForm | None = None, status: int = 200
) -> HttpResponse:
    currency = request.tenant.currency
    months = months_of_costs(currency)
    shown = month or (months[0].month if months else None)
    rows = costs_of(shown) if shown else []
    people = names_of_actors(row.set_by for row in rows)
    may = may_import(request.member.role)
    if may and form is None:
        form = CostForm(initial=_initial(shown, rows, request.GET.get("correct", "")))
    context = {
        "crumbs": _crumbs(),
        "currency": currency,
        "months": [
            {
                "month": each,
                "name": f"{each.month:%B %Y}",
                "amount": words.exact_money(each.amount, currency),
                "url": f"{reverse('reporting:costs')}?month={each.month:%Y-%m}",
                "current": each.month == shown,
            }
            for each in months
        ],
        "month": shown,
        "month_name": f"{shown:%B %Y}" if shown else "",
        "month_text": f"{shown:%Y-%m}" if shown else "",
        "rows": [{"row": row, "by": people[row.set_by], "counts": row.currency == currency} for row in rows],
        "form": form,
        "may_import": may,
        "csv_url": reverse("reporting:costs_csv"),
    }
    return render(request, "reporting/costs.html", context, status=status)


def _initial(month: date | None, rows: list[SourceCost], correct: str) -> dict[str, str]:
    """What the form begins with: the cost that is to be corrected, or a new one of the month."""
    found = next((row for row in rows if str(row.id) == correct), None)
    if found is None:
        return {"month": f"{month:%Y-%m}"} if month else {}
    return {
        "month": f"{found.month:%Y-%m}",
        "source": found.source,
        "campaign": found.campaign,
        "amount": f"{found.amount:.2f}",
    }


def _crumbs(*more: dict[str, str]) -> list[dict[str, str]]:
    own: dict[str, str] = {"label": "Costs"}
    if more:
        own["url"] = reverse("reporting:costs")
    return [{"label": "Contract"}, {"label": "KPIs", "url": reverse("reporting:kpis")}, own, *more]


@require_safe
@member_required(*READERS)
def costs_file(request: TenantRequest) -> HttpResponse:
    """GET /kpis/costs.csv, .xlsx: all costs, or those of a month, as an import reads them."""
    month = _asked(request)
    lines = [
        [f"{row.month:%Y-%m}", row.source, row.campaign, row.amount, row.currency] for row in costs_of(month)
    ]
    return table_file(request, f"costs-{month:%Y-%m}" if month else "costs", HEAD, lines)


@require_POST
@member_required(Role.MARKETING)
def set_one(request: TenantRequest) -> HttpResponse:
    """POST /kpis/costs/set: one cost, new or corrected."""
    form = CostForm(request.POST)
    if not form.is_valid():
        return _page(request, None, form=form, status=REFUSED)
    cells = {**form.cleaned_data, "currency": request.tenant.currency}
    actor = member_actor(request.member)
    try:
        line = set_cost(tenant=request.tenant, cells=cells, actor=actor, now=database_clock())
    except ValidationFailed as error:
        take_errors(form, error)
        return _page(request, None, form=form, status=REFUSED)
    said = " ".join(line.notes)
    if line.status == THERE:
        messages.info(request, f"That is so already: nothing changed. {said}".strip())
    else:
        messages.success(request, f"Saved. {said}".strip())
    return _to(line.said.month if line.said else None)


def _to(month: date | None) -> HttpResponse:
    address = reverse("reporting:costs")
    return redirect(f"{address}?month={month:%Y-%m}" if month else address)


@require_POST
@member_required(Role.MARKETING)
def remove_all(request: TenantRequest, month: str) -> HttpResponse:
    """POST /kpis/costs/2026-10/remove: all costs of a month."""
    first = month_of_path(month, request)
    number = remove_month(month=first, actor=member_actor(request.member), now=database_clock())
    messages.success(request, f"{number:,} cost{'' if number == 1 else 's'} of {first:%B %Y} removed.")
    return redirect("reporting:costs")


def month_of_path(text: str, request: TenantRequest) -> date:
    """The month of an address. Raises NotFound."""
    try:
        return month_from({"month": text or "-"}, tenant=request.tenant, now=database_clock())
    except ValidationFailed as error:
        raise NotFound("There is no such month.") from error


@require_POST
@member_required(Role.MARKETING)
def remove_one(request: TenantRequest, source_cost_id: UUID) -> HttpResponse:
    """POST /kpis/costs/<id>/remove: one cost."""
    row: SourceCost = remove_cost(
        cost_id=source_cost_id, actor=member_actor(request.member), now=database_clock()
    )
    messages.success(request, f"The cost of {row.source} in {row.month:%B %Y} is removed.")
    return _to(row.month)


# --- A file -------------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.MARKETING)
def bring(request: TenantRequest) -> HttpResponse:
    """GET, POST /kpis/costs/import: what a file brings, row by row; then it is brought in."""
    form = CostFileForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    plan: CostPlan | None = None
    status = status_of(form)
    if request.method == "POST" and form.is_valid():
        now = database_clock()
        if request.POST.get("do") == "apply":
            try:
                done = import_costs(
                    tenant=request.tenant,
                    table=form.table,
                    leave_out_wrong=form.cleaned_data["leave_out_wrong"],
                    actor=member_actor(request.member),
                    now=now,
                )
            except ValidationFailed as refusal:
                form.add_error(None, refusal.message)
                status = status_of_refusal(refusal)
            else:
                messages.success(request, _done(done))
                return redirect("reporting:costs")
        plan = plan_costs(tenant=request.tenant, table=form.table, now=now)
    lines = (
        sorted(plan.lines, key=lambda line: (line.status != WRONG, not line.notes, line.line)) if plan else []
    )
    context: dict[str, Any] = {
        "form": form,
        "plan": plan,
        "counts": plan.counts if plan else {},
        "lines": [_line(line) for line in lines[:SHOWN]],
        "hidden": max(0, len(lines) - SHOWN),
        "file_text": form.read if plan else "",
        "currency": request.tenant.currency,
        "another_url": reverse("reporting:cost_import"),
        "cancel_url": reverse("reporting:costs"),
        "crumbs": _crumbs({"label": "Import"}),
    }
    return render(request, "reporting/cost_import.html", context, status=status)


def _line(line: Line) -> dict[str, Any]:
    return {
        "line": line,
        "words": STATUS_WORDS[line.status] + ("" if line.before is None else f" {line.before:.2f}"),
        "errors": list(line.errors.values()),
        **line.shown,
    }


def _done(plan: CostPlan) -> str:
    counts = plan.counts
    said = [f"{counts['new']:,} new", f"{counts['replaces']:,} replaced"]
    said += [f"{counts['there']:,} there already"] if counts["there"] else []
    said += [f"{counts['wrong']:,} left out"] if counts["wrong"] else []
    return f"{', '.join(said)}."
