"""The pages that write a draft of the policy: from a preset, and from the own history. For admins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import Conflict, StaleVersion
from sla import presets, words
from sla.models import PolicyVersion
from sla.own_history import OwnHistory, own_history, said, way
from sla.policy_changes import changes
from sla.policy_drafts import base_content, with_proposals, write_draft
from sla.policy_review import names_in
from sla.preset_forms import DaysForm, PresetForm
from sla.publish_views import crumbs
from sla.tiers import read_duration
from sla.units import has_units
from tenants import versions
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def from_preset(request: TenantRequest) -> HttpResponse:
    """GET /policy/presets: the tiers to choose from. POST {speed_<tier>, cadence, days, revision, seen, do}:
    "history" shows beside each tier what the own history says; "start" writes the draft as chosen, "own" with
    what the own history proposes in it. An open draft is replaced only once what that replaces was shown.
    """
    draft = versions.open_draft(PolicyVersion)
    revision = draft.revision if draft else None
    form = PresetForm(request.POST or None, revision=revision, base=base_content())
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        answer = _chosen(request, form, draft, context)
        if answer is not None:
            return answer
        draft = versions.open_draft(PolicyVersion)
    context |= {
        "draft": draft,
        "saved_by": _saved_by(draft),
        "decision": presets.DECISION,
        "outbound": presets.OUTBOUND_DECISION,
        "aim_days": presets.DAYS_TO_AIM,
        "aim": request.tenant.target_percent,
        "rows": _tier_rows(form, context.get("history")),
        "units": has_units(),
        "crumbs": crumbs("Start from a preset"),
    }
    return render(request, "sla/presets.html", context)


def _chosen(
    request: TenantRequest, form: PresetForm, draft: PolicyVersion | None, context: dict[str, Any]
) -> HttpResponse | None:
    """Do what the button says; None where the page is to be shown again."""
    do, base = request.POST.get("do", ""), base_content()
    content = presets.content_of(form.picked, base)
    if do in ("history", "own"):
        context["history"] = _history_of(request, content, days=form.said)
    if do not in ("start", "own"):
        return None
    own = do == "own"
    if own:
        content = with_proposals(content, context["history"])
    shown = form.cleaned_data["seen"] == _fingerprint(content)
    revision = form.cleaned_data["revision"]
    if draft is not None and not shown:
        _show_replaced(form, draft, content, own=own, context=context)
        return None
    try:
        write_draft(content, revision=revision, actor=member_actor(request.member), now=database_clock())
    except (StaleVersion, Conflict) as refusal:
        context["refused"] = refusal.message
        newer = versions.open_draft(PolicyVersion)
        if newer is None:
            _put(form, revision="", seen="")
        else:
            _show_replaced(form, newer, content, own=own, context=context)
        return None
    messages.success(request, "The draft is written. Nothing of it is in force before it is published.")
    return redirect("sla:policy_draft")


def _show_replaced(
    form: PresetForm, draft: PolicyVersion, content: dict[str, Any], *, own: bool, context: dict[str, Any]
) -> None:
    """Say what of the open draft would be gone; the next press of the same button, unchanged, does it."""
    context["replaced"] = changes(draft.content, content, names_in(draft.content))
    context["looked"] = "own" if own else "start"
    _put(form, revision=str(draft.revision), seen=_fingerprint(content))


def _fingerprint(content: Mapping[str, Any]) -> str:
    """What tells a content from another: only what was shown is written."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _put(form: PresetForm, **values: str) -> None:
    again = form.data.copy()  # type: ignore[attr-defined]
    for name, value in values.items():
        again[name] = value
    form.data = again


def _saved_by(draft: PolicyVersion | None) -> str:
    if draft is None:
        return ""
    by = draft.saved_by or draft.created_by
    return names_of_actors([by])[by]


def _history_of(request: TenantRequest, content: Mapping[str, Any], *, days: int) -> OwnHistory:
    percent = request.tenant.target_percent
    return own_history(content, percent=percent, now=database_clock(), days=days)


def _tier_rows(form: PresetForm, history: OwnHistory | None) -> list[dict[str, Any]]:
    """Each tier of the form, with what the own history says of its promises."""
    return [{**row, "own": _own(history, row["tier"].slug)} for row in form.tiers]


def _own(history: OwnHistory | None, slug: str) -> list[dict[str, Any]]:
    if history is None:
        return []
    return [
        {
            "target": each.label,
            "present": words.duration_words(read_duration(each.present), wall=each.wall),
            "proposed": each.length(each.found) if each.found else "",
            "same": each.found == each.present,
            "said": said(each, history),
            "way": way(each),
        }
        for each in history.of(slug)
    ]


@require_POST
@member_required(Role.ADMIN)
def add_outbound(request: TenantRequest) -> HttpResponse:
    """POST /policy/outbound: put the tier of outbound meetings into the draft, or begin one with it."""
    draft = versions.open_draft(PolicyVersion)
    try:
        write_draft(
            presets.with_outbound_tier(base_content()),
            revision=draft.revision if draft else None,
            actor=member_actor(request.member),
            now=database_clock(),
        )
    except (StaleVersion, Conflict) as refusal:
        messages.error(request, refusal.message)
    else:
        text = "Outbound meetings have a tier in the draft. Nothing of it is in force before it is published."
        messages.success(request, text)
    return redirect("sla:policy_draft")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def from_history(request: TenantRequest) -> HttpResponse:
    """GET /policy/proposal?days=90: what each promise of the draft, or else of the version in force, could be
    today. POST {days, revision}: put that into the draft, or begin one with it.
    """
    form = DaysForm(request.POST if request.method == "POST" else request.GET or None)
    is_sound = not form.is_bound or form.is_valid()
    days = form.said if form.is_bound and is_sound else DaysForm.base_fields["days"].initial
    base = base_content()
    draft = versions.open_draft(PolicyVersion)
    history = _history_of(request, base, days=days)
    refused = ""
    if request.method == "POST" and is_sound:
        text = request.POST.get("revision", "")
        revision = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
        try:
            write_draft(
                with_proposals(base, history),
                revision=revision,
                actor=member_actor(request.member),
                now=database_clock(),
            )
        except Conflict as refusal:
            refused = refusal.message
        else:
            messages.success(request, "The proposals are in the draft. Nothing of it is in force yet.")
            return redirect("sla:policy_draft")
    tiers = {each.tier: each.tier_name for each in history.proposals}
    context = {
        "form": form,
        "draft": draft,
        "days": days,
        "history": history,
        "tiers": [{"name": name, "own": _own(history, slug)} for slug, name in tiers.items()],
        "to_change": sum(bool(each.found) and each.found != each.present for each in history.proposals),
        "refused": refused,
        "units": has_units(),
        "crumbs": crumbs("From our own history"),
    }
    return render(request, "sla/proposal.html", context)
