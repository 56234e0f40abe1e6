"""Saved test leads on pages: kept, run against draft and live, and chosen to guard publications."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.countries import shown
from core.errors import Conflict, DomainError, StaleVersion, ValidationFailed
from handoff.simulation import cases
from handoff.simulation.comes import comes_of
from handoff.simulation.forms import CaseForm, GateForm
from handoff.views import base
from handoff.views.simulation import owner_choices
from routing.models import LeadCase, Pool
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.config import steady_config
from tenants.models import Role
from tenants.refusals import REFUSED, status_of_refusal, take_errors
from tenants.requests import TenantRequest

_CRUMBS = [
    {"label": "Set up"},
    {"label": "Routing", "url": "/routing"},
    {"label": "Simulate", "url": "/routing/simulate"},
]
_LIST = {"label": "Test leads", "url": "/routing/test-leads"}


@never_cache
@require_safe
@member_required(Role.ADMIN)
def listed(request: TenantRequest) -> HttpResponse:
    """GET /routing/test-leads: every test lead, with how it comes out by the draft and live."""
    return _page(request)


def _page(request: TenantRequest, *, gate: GateForm | None = None, status: int = 200) -> HttpResponse:
    with steady_config():
        return _read_page(request, gate, status)


def _read_page(request: TenantRequest, gate: GateForm | None, status: int) -> HttpResponse:
    now = base.reading_clock()
    found = cases.all_cases()
    read = cases.CaseReading(found, now) if found else None
    sides: list[dict[str, Any]] = []
    results: dict[str, dict[UUID, cases.CaseResult]] = {}
    for side in ("draft", "live"):
        contents = cases.side_of(side, now)
        if contents is None:
            continue
        try:
            ran = cases.run_cases(found, now=now, rules=contents.rules, criteria=contents.criteria, read=read)
            wrong = ""
        except DomainError as refusal:
            ran, wrong = [], refusal.message
        results[side] = {one.case.id: one for one in ran}
        failed = sum(not one.passed for one in ran)
        sides.append(
            {"side": side, "label": contents.label, "wrong": wrong, "failed": failed, "ran": len(ran)}
        )
    rows = [
        {"case": case, "results": [results[one["side"]].get(case.id) for one in sides], **_described(case)}
        for case in found
    ]
    gated = cases.gated_kinds()
    context = {
        "rows": rows,
        "sides": sides,
        "gated": gated,
        "gate": gate or GateForm(initial={"kinds": gated}),
        "most": cases.MOST_CASES,
        "crumbs": [*_CRUMBS, {"label": "Test leads"}],
    }
    return render(request, "handoff/test_leads.html", context, status=status)


def _described(case: LeadCase) -> dict[str, Any]:
    """What is known of a test lead in a line."""
    account = case.facts.get("account") or {}
    parts = [
        case.facts.get("title"),
        account.get("name") or case.facts.get("company_name"),
        f"{account['employees']:,} employees" if account.get("employees") is not None else None,
        shown(case.facts.get("country") or account.get("country") or ""),
        f"source {case.facts['source']}" if case.facts.get("source") else None,
    ]
    parts += [each["kind"].replace("_", " ") for each in case.facts.get("engagements") or ()]
    about = ", ".join(str(part) for part in parts if part) or "Nothing is known of it"
    return {"about": about, "comes": comes_of(case).words}


def _form(request: TenantRequest, data: Any = None, case: LeadCase | None = None) -> CaseForm:
    return CaseForm(
        data,
        owners=owner_choices(),
        tiers=cases.tier_choices(base.reading_clock()),
        pools=list(Pool.objects.order_by("name", "id").values_list("slug", "name")),
        facts=case.facts if case else None,
        name=case.name if case else "",
        comes=comes_of(case) if case else None,
        expects=case.expects if case else None,
        revision=case.revision if case else None,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def new(request: TenantRequest) -> HttpResponse:
    """GET, POST /routing/test-leads/new."""
    return _edit(request, None)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def edit(request: TenantRequest, lead_case_id: UUID) -> HttpResponse:
    """GET, POST /routing/test-leads/<id>."""
    return _edit(request, cases.get_case(lead_case_id))


def _edit(request: TenantRequest, case: LeadCase | None) -> HttpResponse:
    form = _form(request, request.POST if request.method == "POST" else None, case)
    refused, status = "", 200
    if request.method == "POST":
        status = REFUSED
        if form.is_valid():
            try:
                saved = cases.save_case(
                    name=form.cleaned_data["name"],
                    facts=form.typed_facts(),
                    expects=form.expects(),
                    actor=member_actor(request.member),
                    clock=base.deciding_clock,
                    comes=form.comes(),
                    case_id=case.id if case else None,
                    revision=form.cleaned_data["revision"] if case else None,
                )
            except ValidationFailed as refusal:
                _take(form, refusal)
            except (Conflict, StaleVersion) as refusal:
                refused, status = refusal.message, status_of_refusal(refusal)
            else:
                messages.success(request, f"“{saved.name}” is saved.")
                return redirect("handoff:test_leads")
    context = {
        "case": case,
        "form": form,
        "refused": refused,
        "title": case.name if case else "New test lead",
        "crumbs": [*_CRUMBS, _LIST, {"label": case.name if case else "New"}],
    }
    return render(request, "handoff/test_lead.html", context, status=status)


def _take(form: CaseForm, refusal: ValidationFailed) -> None:
    """Put what was refused beside its field."""
    names = {f"/expects/{name}": f"expect_{name}" for name in cases.EXPECTATIONS}
    names |= {"/expects": "expect_qualifies", "/facts/account/owner": "account_owner"}
    for error in refusal.field_errors:
        field = names.get(error.path, error.path.strip("/"))
        form.add_error(field if field in form.fields else None, error.message)


@require_POST
@member_required(Role.ADMIN)
def remove(request: TenantRequest, lead_case_id: UUID) -> HttpResponse:
    """POST /routing/test-leads/<id>/remove."""
    case = cases.get_case(lead_case_id)
    cases.remove_case(case.id, actor=member_actor(request.member), now=base.deciding_clock())
    messages.success(request, f"“{case.name}” is removed.")
    return redirect("handoff:test_leads")


@require_POST
@member_required(Role.ADMIN)
def set_gate(request: TenantRequest) -> HttpResponse:
    """POST /routing/test-leads/gate {kinds}."""
    form = GateForm(request.POST)
    if not form.is_valid():
        return _page(request, gate=form, status=REFUSED)
    try:
        cases.set_gate(
            form.cleaned_data["kinds"], actor=member_actor(request.member), now=base.deciding_clock()
        )
    except ValidationFailed as refusal:
        take_errors(form, refusal)
        return _page(request, gate=form, status=REFUSED)
    messages.success(request, "Saved.")
    return redirect("handoff:test_leads")
