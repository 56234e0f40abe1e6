"""A lead waits, and goes on."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from handoff import pauses, words
from handoff.forms import PauseForm
from handoff.selectors import last_handoff
from handoff.services import Actor
from handoff.views import base
from handoff.views.base import go, lead_of, way_on, worker
from handoff.views.dialogs import answer, dialog, posted
from tenants.requests import TenantRequest


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def pause(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Let the clocks of the lead stand still for a reason that the policy allows."""
    found = lead_of(request, lead_id)
    actor = Actor.person(request.member)
    handoff = last_handoff(found.id)
    rules = pauses.rules_for(handoff, actor) if handoff else []
    form = PauseForm(posted(request), rules=rules, now=base.reading_clock())

    def show(status: int = 200) -> HttpResponse:
        title = f"Pause {found.full_name}?"
        return dialog(request, found, form, part="_pause.html", title=title, status=status)

    def act() -> HttpResponse:
        made = pauses.pause_lead(
            lead_id=found.id,
            reason=form.cleaned_data["reason"],
            until=form.cleaned_data["until"],
            note=form.cleaned_data["note"],
            actor=actor,
            clock=base.deciding_clock,
        )
        messages.success(request, f"{found.full_name} is paused until {words.moment(made.until)}.")
        return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))

    return show() if request.method == "GET" else answer(request, form, act, show)


@require_POST
@worker
def resume(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Let the clocks of the lead go on."""
    found = lead_of(request, lead_id)
    pauses.resume_lead(lead_id=found.id, actor=Actor.person(request.member), clock=base.deciding_clock)
    messages.success(request, f"The clocks of {found.full_name} go on.")
    return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))
