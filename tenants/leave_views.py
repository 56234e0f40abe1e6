"""Pages about leave: one's own, and that of the people one manages."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import Conflict, ValidationFailed
from tenants import selectors
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.leave import files, services
from tenants.leave.days import halves_hint, leave_words
from tenants.leave.reading import Hours, get_leave, hours_of, leave_row, leave_rows
from tenants.leave_forms import LeaveFileForm, LeaveForm
from tenants.models import Leave, Member, Role
from tenants.refusals import status_of, status_of_refusal, take_errors
from tenants.requests import TenantRequest

#: Lines of a preview that a page shows of each kind.
MOST_SHOWN = 100


def leave_context(
    request: TenantRequest, member: Member, *, now: datetime, form: LeaveForm | None = None
) -> dict[str, Any]:
    """What the parts of a page about somebody's leave need: `leave_form`, `ahead`, `past`, `zone`, `halves`,
    and where the form and the import lead."""
    hours = hours_of(member=member, tenant=request.tenant)
    ahead, past = leave_rows(member=member, zone=hours.zone, now=now)
    own = member.id == request.member.id
    return {
        "leave_form": form or LeaveForm(hours=hours),
        "ahead": ahead,
        "past": past,
        "zone": hours.zone.key,
        "halves": halves_hint(now, zone=hours.zone, calendar=hours.calendar),
        "leave_url": reverse("tenants:leave") if own else reverse("tenants:add_leave", args=[member.id]),
        "import_url": reverse("tenants:import_leave")
        if own
        else reverse("tenants:import_leave_of", args=[member.id]),
    }


def _home_of(request: TenantRequest, member_id: UUID) -> HttpResponse:
    """Back to where this person's leave is shown to whoever asks."""
    if member_id == request.member.id:
        return redirect("tenants:leave")
    return redirect("tenants:member", member_id)


def _crumbs(request: TenantRequest, member: Member, page: str = "") -> list[dict[str, str]]:
    if member.id == request.member.id:
        above = [{"label": "Out of office", "url": reverse("tenants:leave")}]
    else:
        above = [
            {"label": "People", "url": reverse("tenants:people")},
            {"label": member.name, "url": reverse("tenants:member", args=[member.id])},
        ]
    return [*above, {"label": page, "url": ""}] if page else above


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def own_leave(request: TenantRequest) -> HttpResponse:
    """GET, POST /leave: one's own leave; a new one."""
    form = LeaveForm(request.POST or None, hours=hours_of(member=request.member, tenant=request.tenant))
    now = database_clock()
    if request.method == "POST" and take_leave(request, request.member, form, now=now):
        return redirect("tenants:leave")
    context = leave_context(request, request.member, now=now, form=form)
    context["crumbs"] = _crumbs(request, request.member)
    return render(request, "tenants/leave.html", context, status=status_of(form))


def take_leave(request: TenantRequest, member: Member, form: LeaveForm, *, now: datetime) -> bool:
    """Write the leave that a form says; False where the form is to be shown again."""
    if not form.is_valid():
        return False
    try:
        leave = services.schedule_leave(
            member=member,
            starts_at=form.starts_at,
            ends_at=form.ends_at,
            reason=form.cleaned_data["reason"],
            actor=member_actor(request.member),
            now=now,
        )
    except ValidationFailed as refusal:
        form.refuse(refusal)
        return False
    words = _words(request, leave)
    messages.success(request, f"Leave added: {words}. New leads go to others meanwhile.")
    return True


def _words(request: TenantRequest, leave: Leave) -> str:
    zone = hours_of(member=leave.member, tenant=request.tenant).zone
    return leave_words(leave.starts_at, leave.ends_at, zone)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def change(request: TenantRequest, leave_id: UUID) -> HttpResponse:
    """GET, POST /leave/<id>: change leave that is not over; of one that has begun, its end."""
    leave = get_leave(tenant=request.tenant, by=request.member, leave_id=leave_id)
    hours, now = hours_of(member=leave.member, tenant=request.tenant), database_clock()
    row = leave_row(leave, zone=hours.zone, now=now)
    begun = row.state != "ahead"
    form = LeaveForm(
        request.POST or None,
        hours=hours,
        begun=leave if begun else None,
        initial=LeaveForm.present(leave, hours=hours, begun=begun),
    )
    status = 0
    if request.method == "POST" and form.is_valid():
        try:
            changed = services.change_leave(
                leave=leave,
                starts_at=form.starts_at,
                ends_at=form.ends_at,
                reason=form.cleaned_data["reason"],
                actor=member_actor(request.member),
                now=now,
            )
        except (ValidationFailed, Conflict) as refusal:
            form.refuse(refusal)
            status = status_of_refusal(refusal)
        else:
            words = leave_words(changed.starts_at, changed.ends_at, hours.zone)
            messages.success(request, f"Leave changed: {words}.")
            return _home_of(request, leave.member_id)
    context = {
        "form": form,
        "row": row,
        "person": leave.member,
        "own": leave.member_id == request.member.id,
        "zone": hours.zone.key,
        "halves": halves_hint(now, zone=hours.zone, calendar=hours.calendar),
        "crumbs": _crumbs(request, leave.member, "Change leave"),
    }
    return render(request, "tenants/leave_change.html", context, status=status or status_of(form))


@require_POST
@member_required()
def remove(request: TenantRequest, leave_id: UUID) -> HttpResponse:
    """POST /leave/<id>/remove: withdraw it, or the rest of it."""
    leave = get_leave(tenant=request.tenant, by=request.member, leave_id=leave_id)
    try:
        rest = services.remove_leave(leave=leave, actor=member_actor(request.member), now=database_clock())
    except Conflict as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Leave ended now." if rest else "Leave removed.")
    return _home_of(request, leave.member_id)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def import_own(request: TenantRequest) -> HttpResponse:
    """GET, POST /leave/import: one's own leave from a calendar file."""
    return _import(request, request.member)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.MANAGER)
def import_of(request: TenantRequest, member_id: UUID) -> HttpResponse:
    """GET, POST /people/<id>/leave/import: the same for somebody one manages."""
    return _import(
        request,
        selectors.get_manageable_member(tenant=request.tenant, by=request.member, member_id=member_id),
    )


def _import(request: TenantRequest, member: Member) -> HttpResponse:
    """Show the form; with a file, what taking it over would do; with what was shown, do it."""
    hours, now = hours_of(member=member, tenant=request.tenant), database_clock()
    saving = request.method == "POST" and "sealed" in request.POST
    form = LeaveFileForm(
        request.POST if request.method == "POST" and not saving else None,
        request.FILES if request.method == "POST" and not saving else None,
    )
    context: dict[str, Any] = {
        "form": form,
        "person": member,
        "own": member.id == request.member.id,
        "zone": hours.zone.key,
        "crumbs": _crumbs(request, member, "From a calendar file"),
    }
    try:
        if saving:
            feed, remove_missing = files.unseal(request.POST["sealed"], member=member)
            plan = files.take_over(
                feed,
                member=member,
                zone=hours.zone,
                now=now,
                remove_missing=remove_missing,
                actor=member_actor(request.member),
            )
            messages.success(request, _told(plan))
            return _home_of(request, member.id)
        if form.is_valid():
            context.update(_shown(form, member, hours, now))
    except ValidationFailed as refusal:
        if saving:
            form = context["form"] = LeaveFileForm(request.POST, request.FILES)
            form.errors.clear()
        take_errors(form, refusal)
    return render(request, "tenants/leave_import.html", context, status=status_of(form))


def _shown(form: LeaveFileForm, member: Member, hours: Hours, now: datetime) -> dict[str, Any]:
    """The preview: what would be done, by kind, and what the page carries to the saving."""
    missing = form.cleaned_data["remove_missing"]
    feed = files.read_leave_file(form.data_read, zone=hours.zone, now=now)
    plan = files.preview(feed, member=member, zone=hours.zone, now=now, remove_missing=missing)
    kinds = (
        (files.Act.ADD, "Added"),
        (files.Act.CHANGE, "Changed"),
        (files.Act.REMOVE, "Withdrawn"),
        (files.Act.SKIP, "Skipped"),
    )
    return {
        "plan": plan,
        "told": ", ".join(f"{number} {kind}" for kind, number in plan.counts.items() if number),
        "same": len(plan.of(files.Act.SAME)),
        "groups": [
            {"label": label, "act": act.value, "steps": steps[:MOST_SHOWN], "more": len(steps[MOST_SHOWN:])}
            for act, label in kinds
            if (steps := plan.of(act))
        ],
        "sealed": files.seal(feed, member=member, remove_missing=missing),
    }


def _told(plan: files.Plan) -> str:
    counts = plan.counts
    return f"{counts['added']} added, {counts['changed']} changed, {counts['removed']} withdrawn."
