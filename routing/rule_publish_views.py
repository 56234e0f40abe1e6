"""Putting a version of the rules in force: what that would do, then at once, from a later moment on, or by
asking a second admin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from routing import overview
from routing.models import RuleSetVersion
from routing.replays import last_replay, unmatched_words
from routing.rule_drafts import get_version
from routing.rule_review import review
from routing.rule_views import crumbs
from routing.rules_check import check_publishable, check_usable, pool_states
from routing.territory_views import told_cover
from tenants import versions
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Publication, Role
from tenants.publication_views import standing
from tenants.publish_form import PublishForm
from tenants.refusals import status_of, status_of_refusal
from tenants.requests import TenantRequest
from tenants.version_pages import REUSABLE, publish_again, publish_draft, published_words, try_publishing


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def check(request: TenantRequest) -> HttpResponse:
    """GET /routing/draft/check: what publishing would do. POST {revision, against, when, effective_at,
    beside}: do so, or ask for the approval of it where a second admin must approve.
    """
    found = versions.open_draft(RuleSetVersion)
    if found is None:
        messages.info(request, "There is no draft. Begin one here.")
        return redirect("routing:rules")
    draft = found

    def publish(form: PublishForm) -> RuleSetVersion | Publication:
        return publish_draft(draft, form, request, validate=check_publishable)

    context = {"draft": found, "number": found.number, "title": "Review and publish"}
    return _answer(request, found, publish, context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def use_again(request: TenantRequest, rule_set_version_id: UUID) -> HttpResponse:
    """GET /routing/versions/<id>/use: what going back to a version would do. POST as on the check: do it."""
    old = get_version(rule_set_version_id)

    def publish(form: PublishForm) -> RuleSetVersion | Publication:
        return publish_again(old, form, request, validate=check_usable)

    if old.state not in REUSABLE and request.method != "POST":
        messages.info(request, f"Version {old.number} is not one of earlier.")
        return redirect("routing:rules_versions")
    newest = versions.of_line(RuleSetVersion, None).order_by("-number").values_list("number", flat=True)
    context = {
        "old": old,
        "number": (newest.first() or 0) + 1,
        "title": f"Use version {old.number} again",
    }
    return _answer(request, old, publish, context)


def _answer(
    request: TenantRequest,
    version: RuleSetVersion,
    publish: Callable[[PublishForm], RuleSetVersion | Publication],
    context: dict[str, Any],
) -> HttpResponse:
    """Do what the form says and go on, or show the check, with what was refused."""
    form = PublishForm(request.POST or None, zone=request.tenant.time_zone)
    made, refused = try_publishing(form, publish)
    if made is not None:
        messages.success(request, published_words(made, request.tenant))
        return redirect("routing:rules")
    if refused is not None:
        version.refresh_from_db()
    now = database_clock()
    current = versions.version_in_force(RuleSetVersion, now)
    pools = pool_states()
    replay = last_replay(context.get("draft"))
    unmatched = unmatched_words(version.content, replay, now=now) if "draft" in context else ""
    context |= {
        "form": form,
        "cover": told_cover(version.content, pools),
        "refused": refused.message if refused else "",
        "current": current,
        "review": review(version, current=current, pools=pools, again="old" in context, unmatched=unmatched),
        "replay": replay,
        "days": overview.COUNTED_DAYS,
        "standing": standing(RuleSetVersion, request, draft=context.get("draft")),
        "crumbs": crumbs(context["title"]),
    }
    status = status_of_refusal(refused) if refused else status_of(form)
    return render(request, "routing/check.html", context, status=status)
