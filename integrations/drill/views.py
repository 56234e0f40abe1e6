"""The pages of drills: begin one and see what it found; what they drill with, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import Conflict, DomainError, NotFound, ValidationFailed
from integrations.drill import services
from integrations.drill.cards import Result, from_json
from integrations.drill.forms import DrillLeadFormSet, DrillPlanForm
from integrations.drill.kinds import known_kinds
from integrations.drill.plan import change_plan, plan_of
from integrations.models import Drill
from tenants.audit import SYSTEM, member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.refusals import REFUSED
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of

SHOWN: Final = 20
_ICONS: Final = {
    Result.OK: "circle-check-filled",
    Result.FAILED: "alert-octagon-filled",
    Result.LEFT_OUT: "minus",
    Result.WAITING: "clock",
}
_WORDS: Final = {
    Result.OK: "Works",
    Result.FAILED: "Failed",
    Result.LEFT_OUT: "Left out",
    Result.WAITING: "Waiting",
}
_LATE: Final = ("warned", "breached", "escalated", "moved")


def _crumbs(here: str = "") -> list[dict[str, str]]:
    above = [{"label": "Set up", "url": ""}, {"label": "Drill", "url": "/drill" if here else ""}]
    return [*above, {"label": here, "url": ""}] if here else above


@member_required(Role.MANAGER, Role.MARKETING)
@require_safe
def drills(request: TenantRequest) -> HttpResponse:
    """GET /drill?cursor=: what drills found, the latest first."""
    try:
        page = page_of(
            Drill.objects.all(),
            cursor=request.GET.get("cursor", ""),
            size=SHOWN,
            order=("-asked_at", "-id"),
        )
    except ValidationFailed as error:
        raise Http404(error.message) from error
    names = names_of_actors([drill.actor for drill in page.rows])
    plan = plan_of(database_clock())
    context = {
        "rows": [_row(drill, _by(drill, names)) for drill in page.rows],
        "running": next((drill for drill in page.rows if drill.state in ("asked", "running")), None),
        "plan": plan,
        "weekday": plan.next_at,
        "may_start": request.member.role == Role.ADMIN,
        "next": next_url(request, page.next),
        "crumbs": _crumbs(),
    }
    return render(request, "integrations/drills.html", context)


def _by(drill: Drill, names: Mapping[str, str]) -> str:
    """Who began it. The set-up begins none but those of the plan."""
    return "the weekly plan" if drill.actor == SYSTEM else names[drill.actor]


def _row(drill: Drill, by: str) -> dict[str, Any]:
    lines = [line for card in drill.cards for line in from_json(card["lines"])]
    counted = {result: sum(line.result is result for line in lines) for result in Result}
    return {
        "drill": drill,
        "by": by,
        "works": counted[Result.OK],
        "failed": counted[Result.FAILED],
        "left_out": counted[Result.LEFT_OUT],
    }


@member_required(Role.ADMIN)
@require_POST
def start(request: TenantRequest) -> HttpResponse:
    """POST /drill/start: begin one with the organisation's set of leads."""
    try:
        drill = services.start_drill(actor=member_actor(request.member), now=database_clock())
    except (Conflict, ValidationFailed) as refusal:
        messages.error(request, refusal.message)
        return redirect("integrations:drills")
    return redirect("integrations:drill", drill.id)


@member_required(Role.MANAGER, Role.MARKETING)
@require_safe
def one(request: TenantRequest, drill_id: UUID) -> HttpResponse:
    """GET /drill/<id>: the card, lead by lead. It is filled in while the drill runs."""
    try:
        drill = services.get_drill(drill_id)
    except NotFound as error:
        raise Http404(error.message) from error
    cards = [
        {"name": card["name"], "lead": card["lead"], "lines": [_line(each) for each in card["lines"]]}
        for card in drill.cards
    ]
    context = {
        "drill": drill,
        "row": _row(drill, _by(drill, names_of_actors([drill.actor]))),
        "cards": cards,
        "is_running": drill.state in ("asked", "running"),
        "may_stop": request.member.role == Role.ADMIN,
        "crumbs": _crumbs("What it found"),
    }
    return render(request, "integrations/drill.html", context)


def _line(row: dict[str, Any]) -> dict[str, Any]:
    (line,) = from_json([row])
    took = ""
    if line.ms is not None:
        took = f"{line.ms / 1000:.1f} s late" if line.step in _LATE else f"{line.ms / 1000:.1f} s"
    return {
        "label": line.label,
        "result": str(line.result),
        "word": _WORDS[line.result],
        "icon": _ICONS[line.result],
        "text": line.text,
        "took": took,
    }


@member_required(Role.ADMIN)
@require_POST
def stop(request: TenantRequest, drill_id: UUID) -> HttpResponse:
    """POST /drill/<id>/stop: end it early; its leads are closed."""
    try:
        services.stop_drill(drill_id=drill_id, actor=member_actor(request.member), clock=database_clock)
    except NotFound as error:
        raise Http404(error.message) from error
    except Conflict as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The drill is stopped. Its leads are closed.")
    return redirect("integrations:drill", drill_id)


@member_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: TenantRequest) -> HttpResponse:
    """GET, POST /drill/plan: which leads, how long, and when."""
    found = plan_of(database_clock())
    form = DrillPlanForm(request.POST or None, initial=_values(found))
    leads = DrillLeadFormSet(
        request.POST or None, initial=found.leads, prefix="leads", form_kwargs={"kinds": known_kinds()}
    )
    status = 200
    if request.method == "POST":
        if form.is_valid() and leads.is_valid() and _save(request, form, leads):
            messages.success(request, "The plan is saved.")
            return redirect("integrations:drills")
        status = REFUSED
    context = {
        "form": form,
        "leads": leads,
        "zone": request.tenant.time_zone,
        "crumbs": _crumbs("Plan"),
    }
    return render(request, "integrations/drill_plan.html", context, status=status)


def _values(plan: Any) -> dict[str, Any]:
    at = time(plan.minute // 60, plan.minute % 60)
    weekday = "" if plan.weekday is None else plan.weekday
    return {"seconds": plan.seconds, "weekday": weekday, "at": at}


def _save(request: TenantRequest, form: DrillPlanForm, leads: Any) -> bool:
    """Write it; False where that is refused, and the form says why."""
    try:
        change_plan(
            tenant=request.tenant,
            leads=leads.said(),
            seconds=form.cleaned_data["seconds"],
            weekday=form.cleaned_data["weekday"],
            minute=form.minute,
            actor=member_actor(request.member),
            now=database_clock(),
        )
    except DomainError as refusal:
        form.add_error(None, refusal.message)
        return False
    return True
