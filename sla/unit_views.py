"""The pages about business units, whose leads run by policies of their own. For admins."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import Conflict, DomainError, ValidationFailed
from sla import units
from sla.models import PolicyVersion
from sla.publish_views import crumbs
from sla.unit_forms import UnitForm
from sla.unit_pages import address
from tenants import versions
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role, VersionState
from tenants.refusals import status_of, status_of_refusal
from tenants.requests import TenantRequest


def _by(request: TenantRequest) -> dict[str, Any]:
    return {"actor": member_actor(request.member), "now": database_clock()}


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def unit_list(request: TenantRequest) -> HttpResponse:
    """GET /policy/units: every unit in the order in which they are tried. POST {name, field, values, rule,
    slug}: a new one.
    """
    form = UnitForm(request.POST or None)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                made = units.create_unit(
                    name=form.cleaned_data["name"],
                    slug=form.cleaned_data["slug"],
                    when=form.when,
                    **_by(request),
                )
            except (ValidationFailed, Conflict) as refusal:
                form.take(refusal)
                status = status_of_refusal(refusal)
            else:
                messages.success(
                    request,
                    f"{made.name} is there. Until you publish a policy for it, its leads run by the one for"
                    " everybody else.",
                )
                _tell_doubts(request, form)
                return redirect(address("sla:policy", made))
        status = status if status != 200 else status_of(form)
    listed = units.all_units()
    standing = PolicyVersion.objects.filter(unit_id__isnull=False)
    numbers = dict(standing.filter(state=VersionState.PUBLISHED).values_list("unit_id", "number"))
    drafts = set(standing.filter(state=VersionState.DRAFT).values_list("unit_id", flat=True))
    scheduled = {each.unit_id: each for each in standing.filter(state=VersionState.SCHEDULED)}
    context = {
        "form": form,
        "rows": [
            {
                "unit": unit,
                "rule": units.rule_words(unit),
                "number": numbers.get(unit.id),
                "draft": unit.id in drafts,
                "scheduled": scheduled.get(unit.id),
                "url": address("sla:policy", unit),
                "first": index == 0,
                "last": index == len(listed) - 1,
            }
            for index, unit in enumerate(listed)
        ],
        "may_add": len(listed) < units.MOST_UNITS,
        "most": units.MOST_UNITS,
        "crumbs": crumbs("Business units"),
    }
    return render(request, "sla/units.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def edit_unit(request: TenantRequest, business_unit_id: UUID) -> HttpResponse:
    """GET /policy/units/<id>: its name and rule. POST {name, field, values, rule}: change them."""
    unit = units.get_unit(business_unit_id)
    form = UnitForm(request.POST or None, unit=unit)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                units.change_unit(
                    unit.id,
                    changes={"name": form.cleaned_data["name"], "when": form.when},
                    **_by(request),
                )
            except ValidationFailed as refusal:
                form.take(refusal)
            else:
                messages.success(
                    request, "Saved. New leads follow it; open ones keep the policy they run by."
                )
                _tell_doubts(request, form)
                return redirect("sla:units")
        status = status_of(form)
    context = {
        "form": form,
        "unit": unit,
        "rule": units.rule_words(unit),
        "has_versions": versions.of_line(PolicyVersion, unit.id).exists(),
        "crumbs": [
            *crumbs("Business units")[:-1],
            {"label": "Business units", "url": "/policy/units"},
            {"label": unit.name, "url": ""},
        ],
    }
    return render(request, "sla/unit.html", context, status=status)


@require_POST
@member_required(Role.ADMIN)
def act_on_unit(request: TenantRequest, business_unit_id: UUID) -> HttpResponse:
    """POST /policy/units/<id>/act {do}: "up" and "down" change when it is tried, "off" and "on" whether it
    is, "remove" takes it away where it never had a policy.
    """
    unit, do = units.get_unit(business_unit_id), request.POST.get("do", "")
    try:
        if do == "remove":
            units.remove_unit(unit.id, **_by(request))
            messages.success(request, f"{unit.name} is gone.")
        elif do in ("on", "off"):
            units.change_unit(unit.id, changes={"is_active": do == "on"}, **_by(request))
            what = (
                "on: new leads that fit it run by its policy."
                if do == "on"
                else "off: new leads run by the next policy that fits. Running clocks keep theirs."
            )
            messages.success(request, f"{unit.name} is switched {what}")
        elif do in ("up", "down"):
            place = [each.id for each in units.all_units()].index(unit.id) + 1
            units.change_unit(
                unit.id, changes={"position": place + (-1 if do == "up" else 1)}, **_by(request)
            )
    except (Conflict, ValidationFailed) as refusal:
        _say(request, refusal)
    return redirect("sla:units")


def _say(request: TenantRequest, refusal: DomainError) -> None:
    messages.error(request, refusal.message)


def _tell_doubts(request: TenantRequest, form: UnitForm) -> None:
    for doubt in form.doubts:
        messages.warning(request, doubt)
