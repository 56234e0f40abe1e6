"""What pages show and answer about publications: a second person's yes or no, taking back, calling off, the
setting.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from core.errors import Conflict, DomainError, PermissionDenied, ValidationFailed
from tenants import versions
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Publication, Role, Tenant, VersionedModel
from tenants.requests import TenantRequest

_REFUSALS: Final = (Conflict, PermissionDenied, ValidationFailed)
_ENDED: Final = (Publication.State.REFUSED, Publication.State.WITHDRAWN)


def standing(
    model: type[VersionedModel],
    request: TenantRequest,
    *,
    draft: VersionedModel | None = None,
    line: UUID | None = None,
) -> dict[str, Any]:
    """What the pages of a line of a kind show about approval and about a version to come, for
    tenants/_publication.html and tenants/_second_approval.html. One query where nothing waits.

    kind; needed: a second person must approve. switching_off: {by, at, may_confirm} where one admin wants
    that no more, else None. waiting: the request that waits; ended: what became of the
    last one of the draft given, where it was refused or withdrawn; to_come: a scheduled or held version's
    order. Each with `version`, who asked and decided by name, and what the reader may do with it.
    """
    kind, member = versions.kind_of(model), request.member
    found: dict[str, Any] = {
        "kind": kind,
        "needed": kind.slug in request.tenant.second_approval,
        "may_change": member.role == Role.ADMIN,
        "switching_off": _switching_off(kind, request),
        "waiting": None,
        "ended": None,
        "to_come": None,
    }
    for order in versions.standing_orders(model, line):
        version = model.objects.filter(id=order.version_id).first()
        place = "waiting" if order.state == Publication.State.ASKED else "to_come"
        found[place] = _shown(order, version, request)
    if draft is not None and found["waiting"] is None:
        last = versions.last_order(draft)
        if last is not None and last.state in _ENDED:
            found["ended"] = _shown(last, draft, request)
    return found


def _switching_off(kind: versions.Kind, request: TenantRequest) -> dict[str, Any] | None:
    asked = request.tenant.switching_off.get(kind.slug)
    if asked is None:
        return None
    by = names_of_actors([asked["by"]])[asked["by"]]
    return {
        "by": by[:1].upper() + by[1:],
        "at": datetime.fromisoformat(asked["at"]),
        "may_confirm": versions.may_confirm_off(asked["by"], request.member),
    }


def _shown(order: Publication, version: VersionedModel | None, request: TenantRequest) -> dict[str, Any]:
    member = request.member
    names = names_of_actors(actor for actor in (order.asked_by, order.decided_by) if actor)
    is_waiting = order.state == Publication.State.ASKED
    by = names[order.asked_by]
    return {
        "order": order,
        "version": version,
        "by": by[:1].upper() + by[1:],
        "decided_by": names.get(order.decided_by, ""),
        "why_not": versions.why_not_decide(order, version, member) if is_waiting and version else "",
        "may_withdraw": is_waiting and order.asked_by == member_actor(member),
        "effective_at": house_time(order.effective_at, request.tenant) if order.effective_at else "",
    }


def house_time(moment: datetime, tenant: Tenant) -> str:
    """An instant in the organisation's zone: "1 Dec 2026, 09:00 CET"."""
    local = timezone.localtime(moment, timezone=ZoneInfo(tenant.time_zone))
    return f"{local.day} {local:%b %Y, %H:%M} {local.tzname()}"


def _done(request: TenantRequest, order: Publication, text: str) -> HttpResponse:
    messages.success(request, text)
    return redirect(reverse(versions.get_kind(order.kind).page) + versions.query_of(order))


def _refused(request: TenantRequest, order: Publication, refusal: DomainError) -> HttpResponse:
    messages.error(request, refusal.message)
    kind = versions.get_kind(order.kind)
    page = kind.check if versions.open_draft(kind.model, order.line) else kind.page
    return redirect(reverse(page) + versions.query_of(order))


@require_POST
@member_required(Role.ADMIN)
def approve(request: TenantRequest, publication_id: UUID) -> HttpResponse:
    """POST /publications/<id>/approve {note, against}."""
    order = versions.get_order(publication_id)
    against = request.POST.get("against", "")
    try:
        version = versions.approve(
            order_id=order.id,
            member=request.member,
            actor=member_actor(request.member),
            note=request.POST.get("note", ""),
            now=database_clock(),
            against=int(against) if against.isascii() and against.isdigit() and len(against) < 10 else None,
        )
    except _REFUSALS as refusal:
        return _refused(request, order, refusal)
    if version.published_at is None and version.effective_at is not None:
        moment = house_time(version.effective_at, request.tenant)
        return _done(request, order, f"Approved. Version {version.number} comes into force on {moment}.")
    return _done(request, order, f"Approved. Version {version.number} is in force.")


@require_POST
@member_required(Role.ADMIN)
def refuse(request: TenantRequest, publication_id: UUID) -> HttpResponse:
    """POST /publications/<id>/refuse {note}."""
    order = versions.get_order(publication_id)
    try:
        versions.refuse(
            order_id=order.id,
            member=request.member,
            actor=member_actor(request.member),
            note=request.POST.get("note", ""),
            now=database_clock(),
        )
    except _REFUSALS as refusal:
        return _refused(request, order, refusal)
    return _done(request, order, "Refused. The draft stays as it is, and whoever asked is told.")


@require_POST
@member_required(Role.ADMIN)
def withdraw(request: TenantRequest, publication_id: UUID) -> HttpResponse:
    """POST /publications/<id>/withdraw."""
    order = versions.get_order(publication_id)
    try:
        versions.withdraw(order_id=order.id, actor=member_actor(request.member), now=database_clock())
    except _REFUSALS as refusal:
        return _refused(request, order, refusal)
    return _done(request, order, "The request is withdrawn.")


@require_POST
@member_required(Role.ADMIN)
def cancel(request: TenantRequest, publication_id: UUID) -> HttpResponse:
    """POST /publications/<id>/cancel."""
    order = versions.get_order(publication_id)
    try:
        version = versions.cancel(order_id=order.id, actor=member_actor(request.member), now=database_clock())
    except _REFUSALS as refusal:
        return _refused(request, order, refusal)
    what = "It is the draft again." if version.state == "draft" else "It is kept among the versions."
    return _done(request, order, f"Version {version.number} is cancelled. {what}")


@require_POST
@member_required(Role.ADMIN)
def second_approval(request: TenantRequest) -> HttpResponse:
    """POST /second-approval {kind, on}: on is "yes" or "no". "no" asks for it where there is another admin,
    and confirms it where another admin has asked.
    """
    kind = versions.get_kind(request.POST.get("kind", ""))
    on = request.POST.get("on") == "yes"
    try:
        done = versions.set_second_approval(
            kind=kind.slug, on=on, actor=member_actor(request.member), now=database_clock()
        )
    except Conflict as refusal:
        messages.error(request, refusal.message)
    else:
        after = "needs a second admin's approval" if on else "is published without a second approval"
        said = f"From now on each version of the {kind.title} {after}."
        messages.success(request, said if done else "Another admin must confirm that it is turned off.")
    return redirect(kind.page)
