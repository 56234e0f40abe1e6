"""All leads of a person go to others; somebody leaves for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from core.errors import DomainError, NotFound
from handoff import leaving
from handoff.forms import DepartForm, HandOnForm
from handoff.leaving import Moved, Standing
from handoff.services import Actor
from handoff.views import base
from handoff.views.base import overseer
from handoff.views.bulk import summary, told
from handoff.words import listed
from routing.overview import possible_owners
from tenants import selectors
from tenants.auth import member_required
from tenants.models import Member, Role
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest

_SHOWN: Final = 100  # leads that a preview lists one by one


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@overseer
def hand_leads_on(request: TenantRequest, member_id: UUID) -> HttpResponse:
    """GET /people/<id>/leads: how many there are. POST {to, undecided_only, why}: move them all; with {do:
    "show"} only say who would get them."""
    found = _person(request, member_id)
    form = HandOnForm(request.POST or None, people=_others(found))

    def act() -> Moved:
        return leaving.hand_leads_on(
            member_id=found.id,
            why=form.cleaned_data["why"],
            to=form.chosen("to"),
            undecided_only=form.cleaned_data["undecided_only"],
            **_by(request),
        )

    return _page(
        request, found, form, act, title=f"Leads of {found.name}", template="handoff/hand_leads_on.html"
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def departure(request: TenantRequest, member_id: UUID) -> HttpResponse:
    """GET /people/<id>/departure: what somebody holds. POST {to, successor, why}: pass it on, switch them
    off; with {do: "show"} only say who would get their leads."""
    found = _person(request, member_id)
    form = DepartForm(request.POST or None, people=_others(found))

    def act() -> Moved:
        return leaving.depart(
            member_id=found.id,
            why=form.cleaned_data["why"],
            leads_to=form.chosen("to"),
            successor=form.chosen("successor"),
            **_by(request),
        )

    return _page(
        request,
        found,
        form,
        act,
        title=f"{found.name} leaves",
        template="handoff/departure.html",
        places=lambda: _places(found, form.chosen("successor")),
    )


def _places(found: Member, successor: UUID | None) -> tuple[str, bool]:
    """What would become of their places in teams ("" where they have none), and whether one would be empty:
    "Nobody would be the backup of Berlin." """
    heir = Member.objects.filter(id=successor).first() if successor else None
    empty = leaving.left_empty(found, heir)
    if empty:
        said = [f"Nobody would be the {listed(places)} of {team}." for team, places in empty.items()]
        return " ".join(said), True
    teams = leaving.standing(found).teams
    return (f"{heir.name} would take their place in {listed(list(teams))}." if heir and teams else ""), False


def _by(request: TenantRequest) -> dict[str, Any]:
    return {"actor": Actor.person(request.member), "clock": base.deciding_clock}


def _person(request: TenantRequest, member_id: UUID) -> Member:
    found = selectors.get_manageable_member(tenant=request.tenant, by=request.member, member_id=member_id)
    if not found.is_active:
        raise NotFound(f"{found.name} is not active.")
    return found


def _others(found: Member) -> list[tuple[UUID, str]]:
    return [(key, name) for key, name in possible_owners() if key != found.id]


def _page(
    request: TenantRequest,
    found: Member,
    form: HandOnForm,
    act: Callable[[], Moved],
    *,
    title: str,
    template: str,
    places: Callable[[], tuple[str, bool]] = lambda: ("", False),
) -> HttpResponse:
    shows = request.POST.get("do") == "show"
    if shows:
        form.fields["why"].required = False
    status = status_of(form)
    shown: dict[str, Any] = {}
    is_valid = form.is_valid()
    form.fields["why"].required = True  # to look asked for none; to do it does
    if is_valid and shows:
        shown = _shown(request, found, form)
        if form.is_valid():
            shown["places"], shown["is_empty"] = places()
    elif is_valid:
        try:
            moved = act()
        except DomainError as refusal:
            take_errors(form, refusal)
            status = status_of_refusal(refusal)
        else:
            messages.success(request, _said(found, moved))
            return redirect("tenants:member", found.id)
    held: Standing = leaving.standing(found)
    context = {
        "person": found,
        "held": held,
        "form": form,
        "title": title,
        **shown,
        "crumbs": [
            {"label": "Set up", "url": ""},
            {"label": "People", "url": reverse("tenants:people")},
            {"label": found.name, "url": reverse("tenants:member", args=[found.id])},
            {"label": title, "url": ""},
        ],
    }
    return render(request, template, context, status=status)


def _shown(request: TenantRequest, found: Member, form: HandOnForm) -> dict[str, Any]:
    """Who would get each lead as things stand, for the page; what is refused stands in the form."""
    try:
        lines = leaving.preview(
            member_id=found.id,
            to=form.chosen("to"),
            undecided_only=form.cleaned_data.get("undecided_only", False),
            **_by(request),
        )
    except DomainError as refusal:
        take_errors(form, refusal)
        return {}
    first = lines[:_SHOWN]
    return {"summary": summary(lines), "lines": told(first), "more": len(lines) - len(first)}


def _said(found: Member, moved: Moved) -> str:
    """ "12 leads of Ann went on: 7 to Bo, 5 to Cy. 1 waits without an owner." """
    if not moved.count and not moved.waiting:
        said = f"{found.name} had no lead to move."
    else:
        leads = "1 lead" if moved.count == 1 else f"{moved.count} leads"
        to = ", ".join(f"{number} to {name}" for name, number in moved.to.items())
        said = f"{leads} of {found.name} went on{': ' + to if to else ''}."
    if moved.waiting:
        said += f" {moved.waiting} wait without an owner."
    if moved.without_backup:
        said += f" Nobody is the backup of {listed(list(moved.without_backup))} now."
    return said
