"""Rejections that marketing disputes: the queue, one dispute with the facts of both sides, the weekly sheet,
and what outcomes owe.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.errors import DomainError, NotFound, PermissionDenied, ValidationFailed
from feedback.models import Disposition, Dispute
from feedback.settings import settings
from handoff import disputes, follow_ups, sheets
from handoff.dispute_forms import DecisionForm, DisputeForm, ReopenForm
from handoff.dispute_reads import (
    DECIDERS,
    DISPUTERS,
    READERS,
    disputable,
    evidence_of,
    get_dispute,
    open_count,
    rejections,
    visible_disputes,
    why_not_decide,
)
from handoff.services import Actor
from handoff.views import base
from handoff.views.base import go, lead_of, way_on
from handoff.views.dialogs import answer, dialog, posted
from tenants.auth import member_required
from tenants.models import Role
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of

_reader = member_required(*READERS)
_disputer = member_required(Role.MARKETING)
_decider = member_required(Role.MARKETING, Role.MANAGER)
SHOWN: Final = ("open", "decided", "rejections")
_NAMED: Final = {"decided": "Decided", "rejections": "To be disputed"}


@never_cache
@require_GET
@_reader
def queue(request: TenantRequest) -> HttpResponse:
    """GET /disputes?show=: disputes that wait, those that were decided, rejections that may be disputed."""
    member, now = request.member, base.reading_clock()
    show = request.GET.get("show", "open")
    if show not in SHOWN:
        raise ValidationFailed.at("/show", f"Use one of: {', '.join(SHOWN)}.", "invalid_choice")
    cursor = request.GET.get("cursor", "")
    rows: list[dict[str, Any]]
    if show == "rejections":
        found = page_of(disputable(member, now=now), cursor=cursor, order=("-at", "-id"))
        rows = [{"disposition": each, "lead": each.handoff.lead} for each in found.rows]
        following = found.next
    else:
        seen = visible_disputes(member)
        is_open = show == "open"
        seen = seen.filter(state=Dispute.State.OPEN) if is_open else seen.exclude(state=Dispute.State.OPEN)
        order = ("opened_at", "id") if is_open else ("-opened_at", "-id")
        listed = page_of(seen, cursor=cursor, order=order)
        rows = [_row(each, request) for each in listed.rows]
        following = listed.next
    context = {
        "show": show,
        "rows": rows,
        "following": next_url(request, following),
        "waiting": open_count(member),
        "owed": follow_ups.owed_count(member),
        "days": settings().dispute_days,
        "may_dispute": member.role in DISPUTERS,
        "here": request.get_full_path(),
        "now": now,
        "crumbs": _crumbs(_NAMED.get(show, "")),
    }
    return render(request, "handoff/disputes.html", context)


def _crumbs(here: str = "") -> list[dict[str, str]]:
    """Where one is: on the open disputes, unless named."""
    place = {"label": "Disputes", "url": reverse("handoff:disputes")}
    return [{"label": "Contract"}, place, *([{"label": here}] if here else [])]


def _row(dispute: Dispute, request: TenantRequest) -> dict[str, Any]:
    return {
        "dispute": dispute,
        "disposition": dispute.disposition,
        "lead": dispute.handoff.lead,
        "state": Dispute.State(dispute.state).label,
    }


# --- Open ---


@never_cache
@require_http_methods(["GET", "POST"])
@_disputer
def open_one(request: TenantRequest, lead_id: UUID) -> HttpResponse:
    """GET, POST /leads/<id>/dispute: object to the lead's last rejection."""
    found = lead_of(request, lead_id)
    form = DisputeForm(posted(request))
    rejected = rejections(request.member).filter(handoff__lead=found).order_by("-at").first()

    def show(status: int = 200) -> HttpResponse:
        title = f"Dispute the rejection of {found.full_name}?"
        days = settings().dispute_days
        return dialog(
            request,
            found,
            form,
            part="_dispute.html",
            title=title,
            status=status,
            rejected=rejected,
            days=days,
        )

    def act() -> HttpResponse:
        disputes.open_dispute(
            lead_id=found.id,
            argument=form.cleaned_data["argument"],
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )
        messages.success(request, "Disputed. The rep and their manager hear of it, and you of the outcome.")
        return go(request, way_on(request, reverse("handoff:lead", args=[found.id])))

    return show() if request.method == "GET" else answer(request, form, act, show)


# --- One dispute ---


@never_cache
@require_http_methods(["GET", "POST"])
@_reader
def one(request: TenantRequest, dispute_id: UUID) -> HttpResponse:
    """GET /disputes/<id>: both sides; POST decides."""
    dispute = get_dispute(request.member, dispute_id)

    def decide(form: forms.Form) -> Dispute:
        return disputes.decide(
            dispute_id=dispute.id,
            **form.cleaned_data,
            week=sheets.week_on_sheet(dispute.disposition_id),
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )

    return _decision_page(request, dispute.disposition, dispute, decide, item=None)


@never_cache
@require_http_methods(["GET", "POST"])
@_reader
def item(request: TenantRequest, sheet_item_id: UUID) -> HttpResponse:
    """GET /disputes/items/<id>: a rejection of the weekly sheet that nobody disputed; POST decides."""
    line = sheets.get_line(sheet_item_id)
    if not rejections(request.member).filter(id=line.disposition.id).exists():
        raise NotFound("There is no such rejection on a sheet.")
    if line.dispute is not None:
        return redirect("handoff:dispute", line.dispute.id)

    def decide(form: forms.Form) -> Dispute:
        return disputes.audit(
            disposition_id=line.disposition.id,
            **form.cleaned_data,
            week=line.item.sheet.week,
            actor=Actor.person(request.member),
            clock=base.deciding_clock,
        )

    return _decision_page(request, line.disposition, None, decide, item=line)


def _decision_page(
    request: TenantRequest,
    disposition: Disposition,
    dispute: Dispute | None,
    decide: Callable[[forms.Form], Dispute],
    *,
    item: sheets.Line | None,
) -> HttpResponse:
    member, now = request.member, base.reading_clock()
    form = DecisionForm(posted(request))
    why_not = why_not_decide(
        rejecter_id=disposition.by_id, opener_id=dispute.opener_id if dispute else None, member=member
    )
    status = 200
    if request.method == "POST":
        if member.role not in DECIDERS:
            raise PermissionDenied(why_not)
        status = status_of(form)
        if form.is_valid():
            try:
                done = decide(form)
            except NotFound:
                raise
            except DomainError as error:
                take_errors(form, error)
                status = status_of_refusal(error)
            else:
                messages.success(request, f"{Dispute.State(done.state).label}. Both sides hear of it.")
                way = "handoff:dispute_sheet" if done.week else "handoff:disputes"
                return redirect(way)
    lead = disposition.handoff.lead
    context = {
        "dispute": dispute,
        "item": item,
        "lead": lead,
        "evidence": evidence_of([disposition])[disposition.id],
        "form": form,
        "why_not": why_not,
        "is_open": dispute is None or dispute.state == Dispute.State.OPEN,
        "state": Dispute.State(dispute.state).label if dispute else "",
        "owes": list(follow_ups.follow_ups().filter(dispute=dispute)) if dispute else [],
        "reopen": ReopenForm() if _may_reopen(dispute, member.role) else None,
        "crumbs": _crumbs(lead.full_name),
        "now": now,
    }
    return render(request, "handoff/dispute.html", context, status=status)


def _may_reopen(dispute: Dispute | None, role: str) -> bool:
    if dispute is None or dispute.state == Dispute.State.OPEN or role != Role.ADMIN:
        return False
    return dispute.fresh_handoff is None or dispute.fresh_handoff.accepted_at is None


@never_cache
@require_POST
@member_required(Role.ADMIN)
def reopen(request: TenantRequest, dispute_id: UUID) -> HttpResponse:
    """POST /disputes/<id>/reopen: take an outcome back, with a reason."""
    dispute = get_dispute(request.member, dispute_id)
    disputes.reopen(
        dispute_id=dispute.id,
        why=request.POST.get("why", ""),
        actor=Actor.person(request.member),
        clock=base.deciding_clock,
    )
    messages.success(request, "Open again. The outcome of before is taken back.")
    return redirect("handoff:dispute", dispute.id)


# --- The weekly sheet ---


@never_cache
@require_GET
@_reader
def sheet(request: TenantRequest) -> HttpResponse:
    """GET /disputes/sheet?week=: the rejections of a week, side by side."""
    now, zone = base.reading_clock(), request.tenant.time_zone
    this_week = sheets.week_of(now, zone)
    week = _week(request.GET.get("week", "")) or this_week
    found = sheets.find_sheet(week)
    every = list(sheets.lines_of(found)) if found else []
    seen = rejections(request.member).filter(id__in=[line.disposition.id for line in every])
    visible = set(seen.values_list("id", flat=True)) if every else set()
    lines = [line for line in every if line.disposition.id in visible]
    evidence = evidence_of([line.disposition for line in lines])
    context = {
        "sheet": found,
        "week": week,
        "this_week": this_week,
        "sheets": sheets.sheets(),
        "lines": [{"line": line, "evidence": evidence[line.disposition.id]} for line in lines],
        "done": sum(not line.waits for line in lines),
        "hidden": len(every) - len(lines),
        "preview": sheets.preview(now=now) if found is None and week == this_week else [],
        "size": settings().sheet_size,
        "may_open": request.member.role in DECIDERS,
        "now": now,
        "crumbs": _crumbs("Weekly sheet"),
    }
    return render(request, "handoff/dispute_sheet.html", context)


def _week(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValidationFailed.at("/week", "A week is named by its Monday: 2026-11-16.", "invalid") from None


@never_cache
@require_POST
@_decider
def open_sheet(request: TenantRequest) -> HttpResponse:
    """POST /disputes/sheet/open: freeze this week's choice."""
    actor = Actor.person(request.member).key
    sheets.open_sheet(actor=actor, now=base.deciding_clock(), zone=request.tenant.time_zone)
    return redirect("handoff:dispute_sheet")


# --- What outcomes owe ---


@never_cache
@require_GET
@_reader
def follow_up_list(request: TenantRequest) -> HttpResponse:
    """GET /disputes/follow-ups: versions that outcomes owe, and those that answered."""
    answered = follow_ups.follow_ups(member=request.member).filter(answered_at__isnull=False)
    page = page_of(answered, cursor=request.GET.get("cursor", ""), order=("-opened_at", "-id"))
    context = {
        "owed": follow_ups.owed(member=request.member),
        "answered": page.rows,
        "following": next_url(request, page.next),
        "may_answer": request.member.role in (Role.ADMIN, Role.MARKETING),
        "now": base.reading_clock(),
        "crumbs": _crumbs("Follow-ups"),
    }
    return render(request, "handoff/follow_ups.html", context)


@never_cache
@require_POST
@_disputer
def answer_follow_up(request: TenantRequest, follow_up_id: UUID) -> HttpResponse:
    """POST /disputes/follow-ups/<id>/answer: the version of this number answers it."""
    said = request.POST.get("version", "")
    found = follow_ups.get_follow_up(follow_up_id)
    if not said.isdigit() or len(said) > 9:
        raise ValidationFailed.at("/version", "Choose a version.", "required")
    done = follow_ups.answer(
        follow_up_id=found.id,
        version=int(said),
        actor=Actor.person(request.member).key,
        now=base.deciding_clock(),
    )
    messages.success(request, f"Answered by version {done.version_number}.")
    return redirect(way_on(request, reverse("handoff:dispute_follow_ups")))
