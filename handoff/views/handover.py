"""What hands a lead over and who chooses its owner; what is owed at each stage and when a status is stale."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from core.errors import DomainError
from handoff.handover_form import HandoverForm, UpkeepForm
from handoff.selectors import unrouted_count
from leads import owed, settings, sql_bar, triggers
from routing.facts import load_setup
from routing.settings import set_enabled
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest


def _crumbs(here: str) -> list[dict[str, str]]:
    return [
        {"label": "Set up", "url": ""},
        {"label": "Qualification", "url": reverse("leads:criteria")},
        {"label": here, "url": ""},
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.MARKETING, Role.MANAGER)
def handover(request: TenantRequest) -> HttpResponse:
    """GET, POST /qualification/handover. Marketing and managers read it; an admin changes it."""
    if request.method == "POST" and request.member.role != Role.ADMIN:
        return render(request, "403.html", status=403)
    routes = load_setup().enabled
    form = HandoverForm(
        request.POST or None, initial=HandoverForm.values_of(owed.settings_row(), routes=routes)
    )
    status = status_of(form)
    if form.is_bound and form.is_valid():
        refused = _save_handover(request, form)
        if refused is None:
            messages.success(request, "Saved. It counts from each lead's next arrival on.")
            return redirect("handoff:handover")
        take_errors(form, refused)
        status = status_of_refusal(refused)
    in_force = triggers.triggers_in_force()
    context = {
        "form": form,
        "said": triggers.waits_for(in_force),
        "plain": in_force.is_plain,
        "routes": routes,
        "unowned": 0 if routes else unrouted_count(),
        "may_edit": request.member.role == Role.ADMIN,
        "crumbs": _crumbs("Handover"),
    }
    return render(request, "handoff/handover.html", context, status=status)


def _save_handover(request: TenantRequest, form: HandoverForm) -> DomainError | None:
    """Both choices or neither; what refuses them."""
    actor = member_actor(request.member)
    try:
        with transaction.atomic():
            settings.change_triggers(**form.wishes(), actor=actor, now=database_clock())
            set_enabled(enabled=form.cleaned_data["routes"] == "yes", actor=actor, clock=database_clock)
    except DomainError as refused:
        return refused
    return None


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.MARKETING, Role.MANAGER)
def upkeep(request: TenantRequest) -> HttpResponse:
    """GET, POST /qualification/stages. As `handover`."""
    if request.method == "POST" and request.member.role != Role.ADMIN:
        return render(request, "403.html", status=403)
    now = database_clock()
    bar = sql_bar.bar_in_force(now)
    row = owed.settings_row()
    form = UpkeepForm(request.POST or None, row=row, bar=bar)
    status = status_of(form)
    if form.is_bound and form.is_valid():
        try:
            settings.change_upkeep(
                owed_fields=form.owed_fields(),
                stale_days=form.stale_days(),
                actor=member_actor(request.member),
                now=now,
            )
        except DomainError as refused:
            _take(form, refused)
            status = status_of_refusal(refused)
        else:
            messages.success(request, "Saved. It counts for the next step of each lead.")
            return redirect("handoff:upkeep")
    context = {
        "form": form,
        "asked": _asked(row.owed, bar),
        "stale": [
            (stage.label, row.stale_days[str(stage)])
            for stage in owed.STANDING
            if str(stage) in row.stale_days
        ],
        "may_edit": request.member.role == Role.ADMIN,
        "crumbs": _crumbs("Stages"),
    }
    return render(request, "handoff/upkeep.html", context, status=status)


def _take(form: UpkeepForm, refused: DomainError) -> None:
    """Put each error at the stage that it is about."""
    for each in refused.field_errors:
        group, _, rest = each.path.strip("/").partition("/")
        stage = rest.partition("/")[0]
        kind = "stale" if group == "stale_days" else "own" if each.code == "bad_name" else "owed"
        name = f"{kind}_{stage}"
        form.add_error(name if name in form.fields else None, each.message)


def _asked(chosen: dict[str, Any], bar: sql_bar.Bar) -> list[tuple[str, str]]:
    """What is owed, in words: (stage, fields)."""
    return [
        (str(stage.label), ", ".join(owed.owed_label(name, bar) for name in chosen[str(stage)]))
        for stage in owed.ASKING
        if chosen.get(str(stage))
    ]
