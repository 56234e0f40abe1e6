"""A lead goes to somebody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import Conflict, DomainError
from handoff import selectors, services
from handoff.forms import MoveForm
from handoff.services import Actor
from handoff.views import base
from handoff.views.base import go, lead_of, overseer, worker
from handoff.views.dialogs import after, answer, dialog, posted
from routing.replays import NO_RULE
from tenants.requests import TenantRequest


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def hand_over(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """The owner gives the lead on."""
    return _move(request, lead_id, services.hand_over, verb="Hand over")


@never_cache
@require_http_methods(["GET", "POST"])
@overseer
def reassign(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """A manager gives the lead to somebody, also one that nobody owns."""
    return _move(request, lead_id, services.reassign_lead, verb="Reassign", verb_if_unowned="Assign")


def _move(
    request: TenantRequest,
    lead_id: UUID,
    service: Callable[..., Any],
    *,
    verb: str,
    verb_if_unowned: str = "",
) -> HttpResponse:
    found = lead_of(request, lead_id)
    now = base.reading_clock()
    people = selectors.receivers(now=now, exclude=found.owner_id)
    waiting = selectors.waiting_handoffs().filter(lead_id=found.id).first()
    unowned = waiting is not None
    form = MoveForm(
        posted(request),
        people=people,
        by_rules=waiting is None or waiting.unrouted_reason != NO_RULE,
    )
    verb = verb_if_unowned if unowned and verb_if_unowned else verb
    more: dict[str, Any] = {"verb": verb, "unowned": unowned, "now": now}
    if unowned:
        more["crumbs"] = [
            {"label": "Without an owner", "url": reverse("handoff:unrouted")},
            {"label": found.full_name, "url": reverse("handoff:lead", args=[found.id])},
            {"label": verb},
        ]

    def show(status: int = 200) -> HttpResponse:
        return dialog(
            request,
            found,
            form,
            part="_move.html",
            title=f"{verb} {found.full_name}",
            status=status,
            **more,
        )

    def act() -> HttpResponse:
        result = service(
            lead_id=found.id,
            why=form.cleaned_data["why"],
            to=form.receiver,
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
        if result.outcome in ("stays", "unrouted"):
            messages.warning(request, f"Nobody else can take {found.full_name} now, so it stays where it is.")
        else:
            name = selectors.names_of([result.new_member_id]).get(str(result.new_member_id), "somebody else")
            messages.success(request, f"{found.full_name} goes to {name}.")
        return go(request, after(request))

    return show() if request.method == "GET" else answer(request, form, act, show)


@require_POST
@worker
def claim(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Take a lead of a pool where the first to come is served; it opens for whoever has it."""
    try:
        services.claim_lead(lead_id=lead_id, actor=Actor.person(request.member), clock=base.deciding_clock)
    except Conflict as refusal:  # somebody was quicker, or this person is full: the list says what is left
        messages.warning(request, refusal.message)
        return go(request, f"{reverse('handoff:inbox')}?tab=claim")
    messages.success(request, "It is yours. Its clock has started.")
    return go(request, reverse("handoff:lead", args=[lead_id]))


@require_POST
@overseer
def retry(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Ask the routing rules once more about a lead that nobody owns."""
    found = lead_of(request, lead_id)
    try:
        result = services.try_again(
            lead_id=found.id, actor=Actor.person(request.member), clock=base.deciding_clock
        )
    except DomainError as refusal:
        messages.warning(request, refusal.message)
        return go(request, reverse("handoff:unrouted"))
    if result.new_member_id is None:
        messages.warning(request, f"Still nobody can take {found.full_name}.")
    else:
        name = selectors.names_of([result.new_member_id]).get(str(result.new_member_id), "somebody")
        messages.success(request, f"{found.full_name} goes to {name}.")
    return go(request, reverse("handoff:unrouted"))
