"""Putting a version of the policy in force: what that would do, then at once, from a later moment on, or by
asking a second admin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from sla import moving
from sla.models import BusinessUnit, PolicyVersion
from sla.policies import get_version
from sla.policy_review import check_publishable, review
from sla.presenting import move_rows
from sla.publish_form import PolicyPublishForm
from sla.unit_pages import address, asked_unit, line_of, unit_context
from tenants import versions
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Publication, Role, VersionState
from tenants.publication_views import standing
from tenants.publish_form import PublishForm
from tenants.refusals import status_of, status_of_refusal
from tenants.requests import TenantRequest
from tenants.version_pages import REUSABLE, publish_again, publish_draft, published_words, try_publishing


def crumbs(here: str = "", unit: BusinessUnit | None = None) -> list[dict[str, str]]:
    """The way to a page about the policy, of a business unit or the main one."""
    way = address("sla:policy", unit) if here else ""
    above = [{"label": "Set up", "url": ""}, {"label": "SLA tiers", "url": way}]
    return [*above, {"label": here, "url": ""}] if here else above


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def check(request: TenantRequest) -> HttpResponse:
    """GET /policy/draft/check?unit=<slug>: what publishing would do. POST {revision, against, move, when,
    effective_at, beside}: do so, or ask for the approval of it where a second admin must approve.
    """
    unit = asked_unit(request)
    found = versions.open_draft(PolicyVersion, line_of(unit))
    if found is None:
        messages.info(request, "There is no draft. Begin one here.")
        return redirect(address("sla:policy", unit))
    draft = found

    def publish(form: PublishForm) -> PolicyVersion | Publication:
        return publish_draft(draft, form, request, validate=check_publishable)

    context = {"draft": found, "number": found.number, "title": "Check and publish"}
    return _answer(request, found, publish, context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def use_again(request: TenantRequest, policy_version_id: UUID) -> HttpResponse:
    """GET /policy/versions/<id>/use: what going back to a version would do. POST as on the check: do it."""
    old = get_version(policy_version_id)

    def publish(form: PublishForm) -> PolicyVersion | Publication:
        return publish_again(old, form, request, validate=check_publishable)

    if old.state not in REUSABLE and request.method != "POST":
        messages.info(request, f"Version {old.number} is not one of earlier.")
        return redirect(address("sla:policy_versions", old.unit))
    numbers = versions.of_line(PolicyVersion, old.line).order_by("-number").values_list("number", flat=True)
    newest = numbers.first() or 0
    context = {"old": old, "number": newest + 1, "title": f"Use version {old.number} again"}
    return _answer(request, old, publish, context)


def _answer(
    request: TenantRequest,
    version: PolicyVersion,
    publish: Callable[[PublishForm], PolicyVersion | Publication],
    context: dict[str, Any],
) -> HttpResponse:
    """Do what the form says and go on, or show the check, with what was refused."""
    form = PolicyPublishForm(request.POST or None, zone=request.tenant.time_zone)
    made, refused = try_publishing(form, publish)
    if made is not None:
        return _published(request, made)
    if refused is not None:
        version.refresh_from_db()
    current = versions.version_in_force(PolicyVersion, database_clock(), version.line)
    looked = review(version, current=current, tenant=request.tenant, now=database_clock())
    context |= {
        "form": form,
        "refused": refused.message if refused else "",
        "current": current,
        "review": looked,
        "preview": looked.preview,
        "rows": move_rows(looked.preview) if looked.preview else [],
        "standing": standing(PolicyVersion, request, draft=context.get("draft"), line=version.line),
        "crumbs": crumbs(context["title"], version.unit),
        **unit_context(version.unit, "sla:policy"),
    }
    status = status_of_refusal(refused) if refused else status_of(form)
    return render(request, "sla/policy_check.html", context, status=status)


def _published(request: TenantRequest, made: PolicyVersion | Publication) -> HttpResponse:
    """Say what is in force now, will be, or waits for somebody; and what becomes of running clocks."""
    text = published_words(made, request.tenant)
    if isinstance(made, Publication):
        messages.success(request, text)
        return redirect(reverse("sla:policy") + versions.query_of(made))
    if made.state != VersionState.SCHEDULED:
        order = moving.ordered_for(made)
        if order is not None:
            text += f" {order.expected} running clocks are being moved to it."
        else:
            text += " Running clocks keep their deadlines."
    messages.success(request, text)
    return redirect(reverse("sla:policy") + made.line_query)
