"""What a rep does with a lead: accept, touch, reject, nurture, move on, answer the SQL criteria anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import Conflict, ValidationFailed
from feedback.models import Reason
from feedback.selectors import active_reasons
from handoff import selectors, services
from handoff.forms import NurtureForm, ProgressForm, RejectForm, TouchForm, minute_of
from handoff.services import ANSWERS, LATER_STAGES, Actor
from handoff.step_form import AcceptForm, AnswersForm, StageForm
from handoff.views import base
from handoff.views.base import go, lead_of, way_on, worker
from handoff.views.dialogs import after, answer, dialog, posted
from leads.lifecycle import Stage, can_move
from leads.models import Handoff, Lead
from leads.sql_bar import answers_of
from tenants.requests import TenantRequest


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def accept(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Take the lead, with ten seconds to take it back. Where something must be known by then that is not, a
    form asks for it."""
    found = lead_of(request, lead_id)
    step = services.step_to(found, None, Stage.SAL, now=base.reading_clock())
    form = AcceptForm(posted(request), step=step)

    def show(status: int = 200) -> HttpResponse:
        title = f"Accept {found.full_name}"
        return dialog(request, found, form, part="_accept.html", title=title, status=status)

    def act() -> HttpResponse:
        services.accept_lead(
            lead_id=found.id,
            fields=form.said_fields(),
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
        undo = reverse("handoff:undo_accept", args=[found.id])
        messages.success(request, f"{found.full_name} is accepted.", extra_tags=f"undo={undo}")
        return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))

    if request.method == "GET":
        return show()
    if step.fields and "asked" not in request.POST and not any(name in request.POST for name in form.fields):
        form = AcceptForm(None, step=step)  # the button of a lead: nobody saw yet what is to be filled in
        return show()
    # Without anything to fill in there is no form to show again: a refusal is the page's, as it was.
    return answer(request, form, act, show) if step.fields else act()


@require_POST
@worker
def undo_accept(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Take an acceptance back."""
    found = lead_of(request, lead_id)
    services.undo_accept(lead_id=found.id, actor=Actor.person(request.member), clock=base.deciding_clock)
    messages.success(request, f"{found.full_name} is undecided again.")
    return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))


@require_POST
@worker
def undo_touch(request: TenantRequest, lead_id: UUID, touch_id: UUID) -> HttpResponse:
    """Take a touch back, and the acceptance that was given with it."""
    found = lead_of(request, lead_id)
    actor = Actor.person(request.member)
    with transaction.atomic():
        if request.GET.get("accept"):
            services.undo_accept(lead_id=found.id, actor=actor, clock=base.deciding_clock)
        services.undo_touch(lead_id=found.id, touch_id=touch_id, actor=actor, clock=base.deciding_clock)
    messages.success(request, "The touch is taken back.")
    return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def reject(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Refuse the lead with a reason."""
    found = lead_of(request, lead_id)
    form = RejectForm(posted(request), reasons=active_reasons(Reason.Kind.REJECT))

    def show(status: int = 200) -> HttpResponse:
        title = f"Reject {found.full_name}?"
        return dialog(request, found, form, part="_reject.html", title=title, status=status)

    def act() -> HttpResponse:
        result = services.reject_lead(
            lead_id=found.id,
            reason=form.cleaned_data["reason"],
            note=form.cleaned_data["note"],
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
        if result.outcome == "rerouted":
            names = selectors.names_of([result.new_owner_id])
            owner = names.get(str(result.new_owner_id), "the next free person, who is being looked for")
            messages.success(request, f"{found.full_name} goes to {owner}.")
        else:
            text = f"{found.full_name} is rejected. Marketing sees your reason."
            messages.success(request, text, extra_tags=_undo(found))
        return go(request, after(request))

    return show() if request.method == "GET" else answer(request, form, act, show)


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def nurture(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Not now: back to marketing, with a day to look again."""
    found = lead_of(request, lead_id)
    form = NurtureForm(posted(request), reasons=active_reasons(Reason.Kind.NURTURE))

    def show(status: int = 200) -> HttpResponse:
        title = f"Send {found.full_name} to nurture?"
        return dialog(request, found, form, part="_nurture.html", title=title, status=status)

    def act() -> HttpResponse:
        services.nurture_lead(
            lead_id=found.id,
            reason=form.cleaned_data["reason"],
            until=form.cleaned_data["until"],
            note=form.cleaned_data["note"],
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
        messages.success(request, f"{found.full_name} goes back to marketing.", extra_tags=_undo(found))
        return go(request, after(request))

    return show() if request.method == "GET" else answer(request, form, act, show)


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def progress(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Contacted, progressing: marketing hears how it goes, and nothing ends."""
    found = lead_of(request, lead_id)
    form = ProgressForm(posted(request))

    def show(status: int = 200) -> HttpResponse:
        title = f"{found.full_name} is progressing"
        return dialog(request, found, form, part="_progress.html", title=title, status=status)

    def act() -> HttpResponse:
        services.report_progress(
            lead_id=found.id,
            note=form.cleaned_data["note"],
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
        messages.success(request, "Noted. Marketing sees it.", extra_tags=_undo(found))
        return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))

    return show() if request.method == "GET" else answer(request, form, act, show)


@require_POST
@worker
def undo_answer(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Take the last answer back, whichever it was."""
    found = lead_of(request, lead_id)
    services.undo_answer(lead_id=found.id, actor=Actor.person(request.member), clock=base.deciding_clock)
    messages.success(request, f"Taken back: {found.full_name} is as before.")
    return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))


def _undo(found: Lead) -> str:
    """The tag of a message that offers to take the last answer back."""
    return f"undo={reverse('handoff:undo_answer', args=[found.id])}"


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def touch(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Log an attempt to reach the lead, and accept it in the same step where that is still owed."""
    found = lead_of(request, lead_id)
    now = base.reading_clock()
    handoff = selectors.last_handoff(found.id)
    undecided = bool(
        handoff
        and handoff.state == Handoff.State.OPEN
        and handoff.owner_id == request.member.id
        and handoff.accepted_at is None
    )
    start = {"kind": "call", "at": timezone.localtime(minute_of(now))}
    form = TouchForm(posted(request), initial=start, may_accept=undecided)

    def show(status: int = 200) -> HttpResponse:
        title = f"Log a touch with {found.full_name}"
        return dialog(request, found, form, part="_touch.html", title=title, status=status)

    def act() -> HttpResponse:
        actor = Actor.person(request.member)
        logged = services.log_touch(
            lead_id=found.id,
            kind=form.cleaned_data["kind"],
            at=_made_at(form.cleaned_data["at"], handoff, now),
            outcome=form.cleaned_data["outcome"],
            note=form.cleaned_data["note"],
            actor=actor,
            clock=base.deciding_clock,
        )
        also = bool(form.cleaned_data.get("accept"))
        if also:
            _accept_too(found.id, actor)
        undo = reverse("handoff:undo_touch", args=[found.id, logged.id]) + ("?accept=1" if also else "")
        text = f"{logged.get_kind_display()} logged" + (f", {found.full_name} is accepted." if also else ".")
        messages.success(request, text, extra_tags=f"undo={undo}")
        return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))

    return show() if request.method == "GET" else answer(request, form, act, show)


def _accept_too(lead_id: UUID, actor: Actor) -> None:
    """Accept with a touch. The form of a touch has no place for what must be filled in before: it says so."""
    try:
        services.accept_lead(lead_id=lead_id, actor=actor, clock=base.deciding_clock)
    except ValidationFailed as refused:
        way_out = "Log the touch alone, then accept: you are asked for what is missing."
        raise ValidationFailed(f"{refused.message} {way_out}") from refused


def _made_at(said: datetime, handoff: Handoff | None, now: datetime) -> datetime | None:
    """A form knows minutes only: the present one means now, and the one in which the handoff began, its
    beginning."""
    if minute_of(said) == minute_of(now):
        return None
    if handoff is not None and minute_of(said) == minute_of(handoff.owned_since or handoff.started_at):
        return handoff.owned_since or handoff.started_at
    return said


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def stage(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Report how it went on after acceptance: SQL, opportunity, won, lost, disqualified. ?to= says which,
    and so what the form asks for."""
    found = lead_of(request, lead_id)
    stages = [each for each in LATER_STAGES if can_move(Stage(found.stage), each)]
    reload = f"{request.path}?{urlencode({'next': way_on(request, '')})}" if request.htmx else ""
    form = StageForm(
        posted(request),
        stages=stages,
        step=_step(request, found, stages),
        reload=reload,
        reasons=active_reasons(Reason.Kind.LOST, Reason.Kind.DISQUALIFIED),
        currency=request.tenant.currency,
    )

    def show(status: int = 200) -> HttpResponse:
        title = f"Move {found.full_name} on"
        return dialog(request, found, form, part="_stage.html", title=title, status=status)

    def act() -> HttpResponse:
        to = Stage(form.cleaned_data["to"])
        services.move_to_stage(
            lead_id=found.id,
            to=to,
            reason=form.said_reason(),
            why=form.cleaned_data["why"],
            answers=form.said_answers(),
            fields=form.said_fields(),
            opportunity=form.said_deal(),
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
        undo = _undo(found) if to in ANSWERS else ""
        messages.success(request, f"{found.full_name} is now: {to.label}.", extra_tags=undo)
        return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))

    return show() if request.method == "GET" else answer(request, form, act, show)


def _step(request: TenantRequest, found: Lead, stages: Sequence[Stage]) -> services.Step | None:
    """What the stage asks for that the form is about: the one that is chosen, else the first."""
    asked = request.POST.get("to", "") or request.GET.get("to", "")
    to = next((each for each in stages if each == asked), stages[0] if stages else None)
    if to is None:
        return None
    handoff = selectors.last_handoff(found.id)
    return services.step_to(found, handoff, to, now=base.reading_clock())


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def sql_answers(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """Answer the SQL criteria anew, of a lead that is an SQL: what was answered last counts."""
    found = lead_of(request, lead_id)
    if found.stage != Stage.SQL:
        raise Conflict("The SQL criteria are answered anew only of a lead that is an SQL.")
    handoff = selectors.last_handoff(found.id)
    step = services.step_to(found, handoff, Stage.SQL, now=base.reading_clock())
    last = answers_of(handoff.id) if handoff is not None else None
    form = AnswersForm(posted(request), step=step, last=last.answers if last else ())

    def show(status: int = 200) -> HttpResponse:
        title = f"SQL criteria of {found.full_name}"
        return dialog(request, found, form, part="_sql_answers.html", title=title, status=status)

    def act() -> HttpResponse:
        services.move_to_stage(
            lead_id=found.id,
            to=Stage.SQL,
            why="",
            answers=form.said_answers(),
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
        messages.success(request, "The answers are kept. What was said last counts.")
        return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))

    return show() if request.method == "GET" else answer(request, form, act, show)
