"""Giving a draft up: asked first, with what is lost, since others may have written it. Of every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from core.errors import Conflict
from tenants import versions
from tenants.audit import member_actor
from tenants.clock import database_clock
from tenants.models import VersionedModel
from tenants.requests import TenantRequest
from tenants.version_pages import number_of

Changes = Callable[[Mapping[str, Any], Mapping[str, Any]], Sequence[str]]


def discard(
    request: TenantRequest,
    found: VersionedModel | None,
    *,
    changes: Changes,
    what: str,
    draft_url: str,
    done_url: str,
    crumbs: Sequence[Mapping[str, str]],
) -> HttpResponse:
    """Answer POST {}: a page that asks, with what would be lost; and POST {sure, revision}: it is gone.

    found:   the open draft, None where there is none any more.
    changes: what turns one content into another, in sentences.
    what:    the draft is of: "the routing rules".
    """
    if found is None:
        return redirect(done_url)
    now = database_clock()
    if not request.POST.get("sure"):
        current = versions.version_in_force(type(found), now, found.line)
        context = {
            "draft": found,
            "what": what,
            "current": current,
            "lost": list(changes(current.content, found.content)) if current else [],
            "back": draft_url,
            "crumbs": crumbs,
        }
        return render(request, "tenants/discard.html", context)
    try:
        versions.discard_draft(
            found,
            actor=member_actor(request.member),
            now=now,
            expected_revision=number_of(request, "revision") or 0,
        )
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return redirect(draft_url)
    messages.success(request, f"The draft of version {found.number} is gone.")
    return redirect(done_url)
