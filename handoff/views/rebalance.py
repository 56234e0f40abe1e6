"""Whose untouched leads could go on: suggestions, what would become of them, and a click that moves them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import DomainError
from handoff import bulk, rebalance
from handoff.services import Actor
from handoff.views import base
from handoff.views.base import overseer
from handoff.views.bulk import summary, told
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.models import Role
from tenants.numbers import IntegerField
from tenants.requests import TenantRequest

_WHY: Final = {
    "away": "who is away",
    "over_cap": "who is over the cap",
    "above_team": "who has more than the team",
}


_RANGE: Final = dict.fromkeys(
    ("min_value", "max_value"),
    f"Between {rebalance.LEAST_ABOVE} and {rebalance.MOST_ABOVE:,} per cent, or empty for never.",
)


class AboveForm(forms.Form):
    """How far above their team somebody may be."""

    above_team = IntegerField(
        label="Per cent above the team's mean that are too many",
        required=False,
        min_value=rebalance.LEAST_ABOVE,
        max_value=rebalance.MOST_ABOVE,
        help_text=f"From {rebalance.LEAST_ABOVE} to {rebalance.MOST_ABOVE:,}; weight 2 bears twice the mean."
        " Empty: only absence and caps count.",
        error_messages=_RANGE,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@overseer
def suggestions(request: TenantRequest) -> HttpResponse:
    """GET /rebalance?person=<id>&how=rules|claim: who has too much, and what would become of one's leads.
    POST {person, how, lead...}: move these, or put them up to be claimed.
    """
    now = base.reading_clock()
    found = rebalance.suggestions(member=request.member, now=now)
    asked = (request.POST if request.method == "POST" else request.GET).get("person", "")
    how = (request.POST if request.method == "POST" else request.GET).get("how", "rules")
    chosen = next((each for each in found if str(each.person.member.id) == asked), None)
    if request.method == "POST":
        return _move(request, found, chosen, how)
    opened = _opened(request, found, chosen, how, now) if chosen else {}
    return _page(request, found, AboveForm(initial={"above_team": rebalance.above_team()}), opened, now)


def _wish(found: Sequence[rebalance.Suggestion], chosen: rebalance.Suggestion, how: str) -> bulk.Wish:
    """Away from the one who is chosen, and to nobody else who has too much."""
    name = chosen.person.member.name
    return bulk.Wish(
        why=f"Moved from {name}, {_WHY[chosen.why[0]]}.",
        offer=how == "claim",
        untouched_only=True,
        spare=[each.person.member.id for each in found],
    )


def _opened(
    request: TenantRequest,
    found: Sequence[rebalance.Suggestion],
    chosen: rebalance.Suggestion,
    how: str,
    now: Any,
) -> dict[str, Any]:
    """What would become of somebody's leads, as things stand; nothing is written."""
    lines = bulk.preview(
        lead_ids=[handoff.lead_id for handoff in chosen.leads],
        wish=_wish(found, chosen, how),
        actor=Actor.person(request.member),
        clock=base.deciding_clock,
    )
    return {"chosen": chosen, "how": how, "lines": told(lines), "summary": summary(lines)}


def _move(
    request: TenantRequest,
    found: Sequence[rebalance.Suggestion],
    chosen: rebalance.Suggestion | None,
    how: str,
) -> HttpResponse:
    if chosen is None:
        messages.info(request, "Nothing of theirs is left to move: somebody was quicker, or it was answered.")
        return redirect("handoff:rebalance")
    shown = _ids(request.POST.getlist("lead"))
    ids = [handoff.lead_id for handoff in chosen.leads if not shown or handoff.lead_id in shown]
    if not ids:
        messages.info(request, "These leads were answered or moved meanwhile.")
        return redirect("handoff:rebalance")
    try:
        lines = bulk.move_leads(
            lead_ids=ids,
            wish=_wish(found, chosen, how),
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("handoff:rebalance")
    messages.success(request, f"{chosen.person.member.name}: {summary(lines)}")
    return redirect("handoff:rebalance")


def _ids(texts: list[str]) -> set[UUID]:
    found = set()
    for text in texts[: bulk.MOST_LEADS]:
        try:
            found.add(UUID(text))
        except ValueError:
            continue
    return found


@require_POST
@member_required(Role.ADMIN)
def change_above(request: TenantRequest) -> HttpResponse:
    """POST /rebalance/setting {above_team}."""
    form = AboveForm(request.POST)
    if not form.is_valid():
        now = base.reading_clock()
        found = rebalance.suggestions(member=request.member, now=now)
        return _page(request, found, form, {}, now, status=422)
    rebalance.change_above_team(
        above=form.cleaned_data["above_team"], actor=member_actor(request.member), clock=base.deciding_clock
    )
    messages.success(request, "Saved.")
    return redirect("handoff:rebalance")


def _page(
    request: TenantRequest,
    found: list[rebalance.Suggestion],
    form: AboveForm,
    opened: dict[str, Any],
    now: Any,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "found": found,
        "above": rebalance.above_team(),
        "form": form if request.member.role == Role.ADMIN else None,
        "now": now,
        "crumbs": [
            {"label": "Live board", "url": reverse("handoff:board")},
            {"label": "Rebalance", "url": ""},
        ],
        **opened,
    }
    return render(request, "handoff/rebalance.html", context, status=status)
