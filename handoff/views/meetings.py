"""Meetings that SDRs book for AEs: the lists, booking one, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.errors import ValidationFailed
from feedback.models import Meeting, Reason
from handoff import meetings
from handoff.meeting_forms import (
    AcceptMeetingForm,
    BookForm,
    CancelForm,
    DisqualifyMeetingForm,
    NoShowForm,
    RescheduleForm,
)
from handoff.meeting_reads import SHOWN, get_meeting, shown, to_answer_count, visible_meetings
from handoff.selectors.people import receivers
from handoff.services import Actor
from handoff.views import base
from handoff.views.base import go, lead_of, reader, way_on, worker
from handoff.views.dialogs import answer, dialog, posted
from leads.bars import MEETING_BAR
from leads.models import Lead
from tenants.models import Role
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of


@never_cache
@require_GET
@reader
def listed(request: TenantRequest) -> HttpResponse:
    """GET /meetings?show=: those to come, those to be answered, those that are done."""
    member, now = request.member, base.reading_clock()
    show = request.GET.get("show", "upcoming")
    if show not in SHOWN:
        raise ValidationFailed.at("/show", f"Use one of: {', '.join(SHOWN)}.", "invalid_choice")
    found, order = shown(visible_meetings(member), show, now=now)
    page = page_of(found, cursor=request.GET.get("cursor", ""), order=order)
    actor = Actor.person(member)
    context = {
        "show": show,
        "tabs": SHOWN.items(),
        "rows": [_row(each, actor, show, now) for each in page.rows],
        "following": next_url(request, page.next),
        "waiting": to_answer_count(member, now=now),
        "reads_bar": member.role in (Role.ADMIN, Role.MARKETING, Role.MANAGER),
        "may_book": actor.oversees or member.role == "rep",
        "here": request.get_full_path(),
        "now": now,
    }
    return render(request, "handoff/meetings.html", context)


def _row(meeting: Meeting, actor: Actor, show: str, now: datetime) -> dict[str, Any]:
    owner_id = meeting.handoff.owner_id
    met = sum(bool(row["met"]) for row in meeting.checks)
    return {
        "meeting": meeting,
        "lead": meeting.lead,
        "met": f"{met} of {len(meeting.checks)} criteria met",
        "has_begun": meeting.starts_at <= now,
        "answers": show != "done" and meetings.answers_for(meeting, owner_id, actor),
        "takes_part": show != "done" and meetings.takes_part(meeting, owner_id, actor),
    }


# --- Book ---


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def book(request: TenantRequest, lead_id: UUID | None = None) -> HttpResponse:
    """GET, POST /leads/<id>/meeting, and /meetings/new for a lead by its e-mail."""
    found = lead_of(request, lead_id) if lead_id is not None else None
    people = receivers(now=base.reading_clock())
    initial = {"attendee_title": found.title} if found else {}
    questions = MEETING_BAR.in_force(base.reading_clock()).questions
    form = BookForm(
        posted(request), people=people, by_email=found is None, questions=questions, initial=initial
    )

    def show(status: int = 200) -> HttpResponse:
        title = f"Book a meeting with {found.full_name}" if found else "Book a meeting"
        return _dialog(request, found or Lead(), form, "_meeting_book.html", title, status)

    def act() -> HttpResponse:
        lead = found or _by_email(form.cleaned_data["email"])
        made = meetings.book_meeting(
            lead_id=lead.id,
            said=form.booking(),
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
        when = f"{timezone.localtime(made.starts_at):%d %b, %H:%M}"
        messages.success(request, f"Booked for {made.ae.name}, {when}.")
        return go(request, way_on(request, reverse("handoff:meetings")))

    return show() if request.method == "GET" else answer(request, form, act, show)


def _by_email(email: str) -> Lead:
    found: Lead | None = Lead.objects.filter(email=email.strip().lower()).first()
    if found is None:
        raise ValidationFailed.at("/email", "There is no lead with this e-mail: add it first.", "not_found")
    return found


# --- What became of it ---


def _dialog(
    request: TenantRequest,
    lead: Lead,
    form: forms.Form,
    part: str,
    title: str,
    status: int,
    **extra: Any,
) -> HttpResponse:
    back = way_on(request, reverse("handoff:meetings"))
    crumbs = [{"label": "Meetings", "url": reverse("handoff:meetings")}, {"label": title}]
    return dialog(
        request, lead, form, part=part, title=title, status=status, back=back, crumbs=crumbs, **extra
    )


def _outcome(
    request: TenantRequest,
    meeting: Meeting,
    form: Any,
    *,
    title: str,
    button: str,
    act: Callable[..., Meeting],
    said: Callable[[], dict[str, Any]],
    done: str,
    undo: bool = True,
) -> HttpResponse:
    def show(status: int = 200) -> HttpResponse:
        return _dialog(
            request,
            meeting.lead,
            form,
            "_meeting_outcome.html",
            title,
            status,
            button=button,
            has_reasons=isinstance(form, DisqualifyMeetingForm),
        )

    def carry_out() -> HttpResponse:
        act(
            meeting_id=meeting.id,
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
            **said(),
        )
        tags = f"undo={reverse('handoff:undo_meeting', args=[meeting.id])}" if undo else ""
        messages.success(request, done, extra_tags=tags)
        return go(request, way_on(request, reverse("handoff:meetings")))

    return show() if request.method == "GET" else answer(request, form, carry_out, show)


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def accept(request: TenantRequest, meeting_id: UUID) -> HttpResponse:
    """GET, POST /meetings/<id>/accept: the lead is a SAL; SQL is reported on its page, by the criteria."""
    found = get_meeting(request.member, meeting_id)
    form = AcceptMeetingForm(posted(request))
    return _outcome(
        request,
        found,
        form,
        title=f"Accept {found.lead.full_name}?",
        button="Accept",
        act=meetings.accept_meeting,
        said=lambda: {"note": form.cleaned_data["note"]},
        done=f"{found.lead.full_name} is accepted.",
    )


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def no_show(request: TenantRequest, meeting_id: UUID) -> HttpResponse:
    """GET, POST /meetings/<id>/no-show: it was not held."""
    found = get_meeting(request.member, meeting_id)
    form = NoShowForm(posted(request))
    return _outcome(
        request,
        found,
        form,
        title=f"No meeting with {found.lead.full_name}",
        button="Say so",
        act=meetings.no_show,
        said=lambda: {**form.cleaned_data, "zone": request.tenant.time_zone},
        done="Noted as a no-show.",
    )


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def disqualify(request: TenantRequest, meeting_id: UUID) -> HttpResponse:
    """GET, POST /meetings/<id>/disqualify: nothing for us, with a reason."""
    found = get_meeting(request.member, meeting_id)
    reasons = list(
        Reason.objects.filter(kind=Reason.Kind.DISQUALIFIED, is_active=True).order_by("position", "label")
    )
    form = DisqualifyMeetingForm(posted(request), reasons=reasons)
    return _outcome(
        request,
        found,
        form,
        title=f"Disqualify {found.lead.full_name}?",
        button="Disqualify",
        act=meetings.disqualify_meeting,
        said=lambda: {name: form.cleaned_data[name] for name in ("reason", "note")},
        done=f"{found.lead.full_name} is disqualified.",
    )


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def cancel(request: TenantRequest, meeting_id: UUID) -> HttpResponse:
    """GET, POST /meetings/<id>/cancel: it will not be held."""
    found = get_meeting(request.member, meeting_id)
    form = CancelForm(posted(request))
    return _outcome(
        request,
        found,
        form,
        title=f"Cancel the meeting with {found.lead.full_name}?",
        button="Cancel the meeting",
        act=meetings.cancel_meeting,
        said=lambda: {**form.cleaned_data, "zone": request.tenant.time_zone},
        done="The meeting is cancelled.",
    )


@never_cache
@require_http_methods(["GET", "POST"])
@worker
def reschedule(request: TenantRequest, meeting_id: UUID) -> HttpResponse:
    """GET, POST /meetings/<id>/reschedule: another day."""
    found = get_meeting(request.member, meeting_id)
    length = int((found.ends_at - found.starts_at).total_seconds() // 60)
    people = receivers(now=base.reading_clock())
    form = RescheduleForm(posted(request), people=people, initial={"minutes": length, "ae": str(found.ae_id)})

    def said() -> dict[str, Any]:
        values = form.cleaned_data
        return {
            "starts_at": values["at"],
            "minutes": values["minutes"],
            "ae_id": form.ae_id,
            "anyway": values["anyway"],
            "note": values["note"],
        }

    return _outcome(
        request,
        found,
        form,
        title=f"Another day for {found.lead.full_name}",
        button="Reschedule",
        act=meetings.reschedule_meeting,
        said=said,
        done="The meeting is on another day.",
        undo=False,
    )


@require_POST
@worker
def undo(request: TenantRequest, meeting_id: UUID) -> HttpResponse:
    """POST /meetings/<id>/undo: take the outcome back."""
    found = get_meeting(request.member, meeting_id)
    meetings.undo_outcome(meeting_id=found.id, actor=Actor.person(request.member), clock=base.deciding_clock)
    messages.success(request, "Taken back: the meeting is to be answered.")
    return go(request, way_on(request, reverse("handoff:meetings")))
