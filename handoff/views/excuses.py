"""A broken clock is to be excused: asked on the lead's page, decided from a list."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.errors import NotFound
from handoff import excuses
from handoff.forms import ExcuseAnswerForm, ExcuseForm
from handoff.selectors import teams_of
from handoff.services import Actor
from handoff.views import base
from handoff.views.base import go, lead_of, way_on, worker
from handoff.views.dialogs import answer, dialog, posted
from sla import targets
from sla.models import Excuse, Timer
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def ask(request: TenantRequest, timer_id: UUID) -> HttpResponse:
    """Ask that a broken clock be excused."""
    timer = Timer.objects.select_related("handoff").filter(id=timer_id).first()
    if timer is None:
        raise NotFound("There is no such lead.")
    found = lead_of(request, timer.handoff.lead_id)
    form = ExcuseForm(posted(request))

    def show(status: int = 200) -> HttpResponse:
        what = f"{targets.label(timer.target)} of {found.full_name}."
        title, button = "Ask to excuse", "Ask to excuse"
        return dialog(
            request, found, form, part="_excuse.html", title=title, status=status, what=what, button=button
        )

    def act() -> HttpResponse:
        excuses.ask(
            timer_id=timer.id,
            kind=form.cleaned_data["kind"],
            note=form.cleaned_data["note"],
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
        messages.success(request, "Asked. You hear what is decided.")
        return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))

    return show() if request.method == "GET" else answer(request, form, act, show)


@never_cache
@require_GET
@worker
def excuses_list(request: TenantRequest) -> HttpResponse:
    """The excuses that this member may read, those that wait for an answer first."""
    seen = excuses.visible_excuses(request.member)
    waiting = list(seen.filter(state=Excuse.State.ASKED).order_by("asked_at", "id")[:100])
    decided = seen.exclude(state=Excuse.State.ASKED)
    page = page_of(decided, cursor=request.GET.get("cursor", ""), order=("-asked_at", "-id"))
    actor, teams = Actor.person(request.member), teams_of(request.member)
    shown = [*waiting, *page.rows] if not request.GET.get("cursor") else page.rows
    rows = [
        {
            "excuse": each,
            "lead": each.timer.handoff.lead,
            "target": targets.label(each.timer.target),
            "why_not": each.state == Excuse.State.ASKED and excuses.why_not_decide(each, actor, teams),
            "may_withdraw": each.asker_id == request.member.id,
        }
        for each in shown
    ]
    context = {
        "rows": rows,
        "waiting": len(waiting),
        "here": reverse("handoff:excuses"),
        "following": next_url(request, page.next),
        "now": base.reading_clock(),
    }
    return render(request, "handoff/excuses.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def approve(request: TenantRequest, excuse_id: UUID) -> HttpResponse:
    """Leave the clock out of the second rate."""
    return _decide(request, excuse_id, approving=True)


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def refuse(request: TenantRequest, excuse_id: UUID) -> HttpResponse:
    """Say no to an excuse."""
    return _decide(request, excuse_id, approving=False)


def _seen(request: TenantRequest, excuse_id: UUID) -> Excuse:
    found: Excuse | None = excuses.visible_excuses(request.member).filter(id=excuse_id).first()
    if found is None:
        raise NotFound("There is no such excuse.")
    return found


def _decide(request: TenantRequest, excuse_id: UUID, *, approving: bool) -> HttpResponse:
    excuse = _seen(request, excuse_id)
    lead = excuse.timer.handoff.lead
    form = ExcuseAnswerForm(posted(request))
    word = "Approve" if approving else "Refuse"

    def show(status: int = 200) -> HttpResponse:
        return dialog(
            request,
            lead,
            form,
            part="_excuse.html",
            title=f"{word} the excuse?",
            status=status,
            what=f"{targets.label(excuse.timer.target)} of {lead.full_name}.",
            excuse=excuse,
            button=word,
        )

    def act() -> HttpResponse:
        decide = excuses.approve if approving else excuses.refuse
        decide(
            excuse_id=excuse.id,
            note=form.cleaned_data["note"],
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
        messages.success(request, "Excused." if approving else "Refused.")
        return go(request, way_on(request, reverse("handoff:excuses")))

    return show() if request.method == "GET" else answer(request, form, act, show)


@require_POST
@worker
def withdraw(request: TenantRequest, excuse_id: UUID) -> HttpResponse:
    """Take one's own question back."""
    excuse = _seen(request, excuse_id)
    excuses.withdraw(excuse_id=excuse.id, actor=Actor.person(request.member), clock=base.deciding_clock)
    messages.success(request, "Withdrawn.")
    return go(request, way_on(request, reverse("handoff:excuses")))
