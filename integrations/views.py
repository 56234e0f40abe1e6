"""The intake log: every payload as it came, and what became of it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.errors import NotFound, ValidationFailed
from integrations import selectors
from integrations.models import IntakeEntry
from tenants.auth import member_required
from tenants.models import Role
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of

SHOWN = 50
MAX_SHOWN_PAYLOAD = 200_000
OUTCOMES: dict[str, str] = {
    "": "All",
    IntakeEntry.Outcome.CREATED.value: "New leads",
    IntakeEntry.Outcome.ENGAGED.value: "Known leads",
    IntakeEntry.Outcome.REFUSED.value: "Refused",
    IntakeEntry.Outcome.FAILED.value: "Failed",
    IntakeEntry.Outcome.RECEIVED.value: "No answer yet",
}

CHANNELS: dict[str, str] = {"api": "API", "bulk": "API, several at once"}


@member_required(Role.MARKETING)
@require_safe
def intake(request: TenantRequest) -> HttpResponse:
    """GET /intake?outcome=&cursor=: the log, the latest first."""
    outcome = request.GET.get("outcome", "")
    if outcome not in OUTCOMES:
        raise Http404("There is no such outcome.")
    try:
        page = page_of(
            selectors.entries(outcome=outcome),
            cursor=request.GET.get("cursor", ""),
            size=SHOWN,
            order=("-at", "-id"),
        )
    except ValidationFailed as error:
        raise Http404(error.message) from error
    names = selectors.senders(page.rows)
    context = {
        "rows": [
            {
                "entry": entry,
                "by": names.get(entry.actor, ""),
                "channel": CHANNELS.get(entry.channel, entry.channel),
                "outcome": OUTCOMES[entry.outcome],
                "what": what(entry),
            }
            for entry in page.rows
        ],
        "outcomes": [
            {"value": value, "label": label, "current": value == outcome} for value, label in OUTCOMES.items()
        ],
        "next": next_url(request, page.next),
        "crumbs": [{"label": "Set up", "url": ""}, {"label": "Intake log", "url": ""}],
    }
    return render(request, "integrations/intake.html", context)


@member_required(Role.MARKETING)
@require_safe
def intake_entry(request: TenantRequest, entry_id: UUID) -> HttpResponse:
    """GET /intake/<id>: one payload in full, and what became of it."""
    try:
        entry = selectors.get_entry(entry_id=entry_id)
    except NotFound as error:
        raise Http404(error.message) from error
    context = {
        "entry": entry,
        "by": selectors.senders([entry]).get(entry.actor, "a key that is gone"),
        "channel": CHANNELS.get(entry.channel, entry.channel),
        "outcome": OUTCOMES[entry.outcome],
        "what": what(entry),
        "problem": entry.detail.get("problem"),
        "refused": entry.detail.get("refused", []),
        "payload": readable(entry.payload),
        "cut": len(entry.payload) > MAX_SHOWN_PAYLOAD,
        "crumbs": [
            {"label": "Set up", "url": ""},
            {"label": "Intake log", "url": "/intake"},
            {"label": "Entry", "url": ""},
        ],
    }
    return render(request, "integrations/intake_entry.html", context)


def what(entry: IntakeEntry) -> str:
    """One line: what the sender was told."""
    detail: dict[str, Any] = entry.detail
    if "problem" in detail:
        return str(detail["problem"].get("detail", ""))
    if "rows" in detail:
        names = {"201": "new", "200": "known"}
        counts = sorted(detail["rows"].items())
        return ", ".join(f"{count} {names.get(status, 'refused')}" for status, count in counts)
    if detail.get("repeat"):
        return "A repeated call; it got the first answer again"
    return ""


def readable(payload: str) -> str:
    """The payload with indents where it is JSON, as it came where it is not; cut when very long."""
    if len(payload) > MAX_SHOWN_PAYLOAD:
        return payload[:MAX_SHOWN_PAYLOAD]
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return payload
