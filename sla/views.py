"""The SLA page: the policy in force in sentences, how many leads each tier got, and the versions so far."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from leads.models import Handoff
from sla import words
from sla.models import PolicyVersion
from sla.policies import find_policy
from sla.tiers import Policy
from tenants.audit import names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import VersionState

COUNTED_DAYS = 30
MOST_VERSIONS = 50


@member_required()
@require_safe
def policy(request: HttpRequest) -> HttpResponse:
    """GET /policy. Everybody reads it: the promise is worth what those who keep it know of it."""
    history = list(PolicyVersion.objects.defer("content").order_by("-number")[:MOST_VERSIONS])
    current = (
        PolicyVersion.objects.filter(state=VersionState.PUBLISHED)
        .defer("content")
        .order_by("-number")
        .first()
    )
    found = find_policy(current.id) if current else None
    actors = names_of_actors(version.published_by or version.created_by for version in history)
    context: dict[str, Any] = {
        "current": current,
        "policy": _in_words(found, now=database_clock()) if found else None,
        "days": COUNTED_DAYS,
        "history": [
            {"version": version, "by": actors[version.published_by or version.created_by]}
            for version in history
        ],
        "crumbs": [{"label": "Set up", "url": ""}, {"label": "SLA tiers", "url": ""}],
    }
    return render(request, "sla/policy.html", context)


def _in_words(found: Policy, *, now: datetime) -> dict[str, Any]:
    """The policy as the template reads it: tiers, ladder, what counts as a response."""
    counts = leads_by_tier(now=now)
    tiers = [
        {
            "name": tier.name,
            "promise": words.tier_words(tier),
            "condition": words.condition_words(tier),
            "leads": counts.pop(tier.slug, 0),
        }
        for tier in found.tiers
    ]
    return {
        "tiers": tiers,
        "elsewhere": sum(counts.values()),
        "ladder": [{"at": step.at, "sentence": words.step_words(step)} for step in found.ladder],
        "responses": words.responses_words(found.responses),
        "restarts": found.on_reassign == "restart",
    }


def leads_by_tier(*, now: datetime) -> dict[str, int]:
    """How many leads became MQL in the last 30 days, by the slug of their tier; imported history left out."""
    lately = Handoff.objects.filter(started_at__gte=now - timedelta(days=COUNTED_DAYS), is_history=False)
    return dict(lately.values_list("tier").annotate(number=Count("lead", distinct=True)).order_by("tier"))
