"""The routing page: the rules in force in words, and the pools, whose seats an admin changes here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.errors import Conflict, ValidationFailed
from routing import overview, settings
from routing.forms import SeatForm, SettingsForm, WeightForm
from routing.models import RuleSetVersion
from routing.overview import PoolRow, SeatRow
from routing.replays import last_replay
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.publication_views import standing
from tenants.refusals import REFUSED, take_errors
from tenants.requests import TenantRequest
from tenants.versions import open_draft


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A form as it was sent, and whose it is: a pool's or a seat's id; None for the settings."""

    form: SeatForm | WeightForm | SettingsForm
    place: UUID | None = None


@member_required(Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)
@require_safe
def rules(request: TenantRequest) -> HttpResponse:
    """GET /routing. Managers, marketing and executives read it; an admin changes seats and the fallback."""
    return _page(request)


@require_POST
@member_required(Role.ADMIN)
def change_settings(request: TenantRequest) -> HttpResponse:
    """POST /routing/settings {fallback, max_hops}."""
    form = SettingsForm(request.POST, people=overview.possible_owners())
    if form.is_valid():
        try:
            settings.change_settings(
                fallback_id=form.fallback_id(),
                max_hops=form.cleaned_data["max_hops"],
                breaches_in_a_row=form.cleaned_data["breaches_in_a_row"],
                **_by(request),
            )
        except ValidationFailed as refusal:
            take_errors(form, refusal)
        else:
            messages.success(request, "Saved. It counts from the next lead on.")
            return redirect("routing:rules")
    return _page(request, refused=_Refusal(form), status=REFUSED)


@require_POST
@member_required(Role.ADMIN)
def add_seat(request: TenantRequest, pool_id: UUID) -> HttpResponse:
    """POST /routing/pools/<id>/seats {member, weight}."""
    overview.get_pool(pool_id=pool_id)
    form = SeatForm(request.POST, people=overview.possible_owners(), auto_id=f"id_{pool_id}_%s")
    if form.is_valid():
        try:
            seat = settings.add_seat(
                pool_id=pool_id,
                member_id=form.member_id(),
                weight=form.cleaned_data["weight"],
                **_by(request),
            )
        except ValidationFailed as refusal:
            take_errors(form, refusal)
        else:
            messages.success(request, f"{seat.member.name} takes part in the rotation now.")
            return redirect("routing:rules")
    return _page(request, refused=_Refusal(form, pool_id), status=REFUSED)


@require_POST
@member_required(Role.ADMIN)
def change_weight(request: TenantRequest, pool_seat_id: UUID) -> HttpResponse:
    """POST /routing/seats/<id>/weight {weight}."""
    seat = overview.get_seat(seat_id=pool_seat_id)
    form = WeightForm(request.POST, auto_id=f"id_{seat.id}_%s")
    if form.is_valid():
        settings.change_weight(seat_id=seat.id, weight=form.cleaned_data["weight"], **_by(request))
        messages.success(request, f"{seat.member.name} has weight {form.cleaned_data['weight']} now.")
        return redirect("routing:rules")
    return _page(request, refused=_Refusal(form, seat.id), status=REFUSED)


@require_POST
@member_required(Role.ADMIN)
def remove_seat(request: TenantRequest, pool_seat_id: UUID) -> HttpResponse:
    """POST /routing/seats/<id>/remove."""
    seat = overview.get_seat(seat_id=pool_seat_id)
    try:
        settings.remove_seat(seat_id=seat.id, **_by(request))
    except Conflict as refusal:
        return _page(request, why_not=refusal.message, status=409)
    messages.success(request, f"{seat.member.name} gets no more leads from {seat.pool.name}.")
    return redirect("routing:rules")


def _by(request: TenantRequest) -> dict[str, Any]:
    return {"actor": member_actor(request.member), "clock": database_clock}


def _page(
    request: TenantRequest, *, refused: _Refusal | None = None, why_not: str = "", status: int = 200
) -> HttpResponse:
    may_edit = request.member.role == Role.ADMIN
    pools = overview.pools_with_seats()
    in_force = overview.rules_in_force(pools, now=database_clock())
    setting = overview.settings_in_force()
    context: dict[str, Any] = {
        "rules": in_force,
        "setting": setting,
        "days": overview.COUNTED_DAYS,
        "may_edit": may_edit,
        "why_not": why_not,
        "crumbs": [{"label": "Set up", "url": ""}, {"label": "Routing", "url": ""}],
    }
    if in_force:
        by = in_force.version.published_by
        context["published_by"] = names_of_actors([by])[by]
    people = overview.possible_owners() if may_edit else []
    context["pools"] = [_pool_context(pool, people, refused, may_edit=may_edit) for pool in pools]
    if may_edit:
        context["draft"] = draft = open_draft(RuleSetVersion)
        context["standing"] = standing(RuleSetVersion, request, draft=draft)
        context["replay"] = last_replay(draft)
        present = {
            "fallback": setting.fallback_id,
            "max_hops": setting.max_hops,
            "breaches_in_a_row": setting.breaches_in_a_row,
        }
        sent = refused.form if refused and isinstance(refused.form, SettingsForm) else None
        context["settings_form"] = sent or SettingsForm(people=people, initial=present)
    return render(request, "routing/rules.html", context, status=status)


def _pool_context(
    pool: PoolRow, people: Sequence[tuple[UUID, str]], refused: _Refusal | None, *, may_edit: bool
) -> dict[str, Any]:
    """A pool for the template, with its forms for who may use them; what was refused stands in its place."""
    seats = [{"row": seat, "form": _weight_form(seat, refused) if may_edit else None} for seat in pool.seats]
    form = None
    if may_edit:
        seated = {seat.member_id for seat in pool.seats}
        free = [one for one in people if one[0] not in seated]
        sent = refused.form if refused and refused.place == pool.id else None
        form = sent or (SeatForm(people=free, auto_id=f"id_{pool.id}_%s") if free else None)
    return {"row": pool, "seats": seats, "form": form}


def _weight_form(seat: SeatRow, refused: _Refusal | None) -> Any:
    if refused and refused.place == seat.id:
        return refused.form
    return WeightForm(initial={"weight": seat.weight}, auto_id=f"id_{seat.id}_%s")
