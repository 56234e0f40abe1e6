"""The pages of the next version of the criteria: its draft as trees, what it would change, its publication;
and the versions so far, and going back to one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.errors import Conflict, StaleVersion, ValidationFailed
from leads import selectors
from leads.criteria import check_draft, check_publishable, draft_errors, publishing_errors
from leads.criteria_drafts import begin_draft
from leads.criteria_form import CriteriaDraft, draft_of, read_draft
from leads.criteria_preview import MOST, USUAL, CriteriaPreview, preview_criteria
from leads.criteria_words import changes, doubtful, place, sentences, without_changes
from leads.list_names import ListNames, naming
from leads.models import CriteriaVersion
from leads.plain import plain_form_of
from leads.requirements import required_labels
from tenants import discarding, versions
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Publication, Role
from tenants.publication_views import standing
from tenants.publish_form import PublishForm
from tenants.refusals import REFUSED, status_of, status_of_refusal
from tenants.requests import TenantRequest
from tenants.version_pages import (
    REUSABLE,
    history_rows,
    publish_again,
    publish_draft,
    published_words,
    test_lead_of,
    try_publishing,
)

_LASTS: Final = (USUAL, 5_000, MOST)


def crumbs(here: str) -> list[dict[str, str]]:
    """The way to a page about the criteria."""
    return [
        {"label": "Set up", "url": ""},
        {"label": "Qualification", "url": "/qualification"},
        {"label": here, "url": ""},
    ]


def _by(request: TenantRequest) -> dict[str, Any]:
    return {"actor": member_actor(request.member), "now": database_clock()}


def _no_draft(request: TenantRequest) -> HttpResponse:
    messages.info(request, "There is no draft. Begin one here.")
    return redirect("leads:criteria")


def count_of(content: Mapping[str, Any], last: int = USUAL) -> CriteriaPreview | None:
    """What a content would make of the last leads; None where it is not valid yet."""
    try:
        return preview_criteria(content, last=last, now=database_clock())
    except ValidationFailed:
        return None


# --- A draft ---


@require_POST
@member_required(Role.ADMIN)
def start(request: TenantRequest) -> HttpResponse:
    """POST /qualification/draft/start: begin the next version, or go on with the one that is begun."""
    try:
        begin_draft(**_by(request))
    except Conflict as refusal:
        messages.info(request, refusal.message)
    return redirect("leads:criteria_draft")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def draft(request: TenantRequest) -> HttpResponse:
    """GET /qualification/draft: the editor. POST {..., act | do}: "save", "check" (save, then look at what it
    changes), or a button of the editors, which saves nothing.
    """
    found = versions.open_draft(CriteriaVersion)
    if found is None:
        return _no_draft(request)
    if request.method != "POST":
        return _show_draft(
            request, found, draft_of(found.content, found.revision), count=count_of(found.content)
        )
    said = read_draft(request.POST)
    if said.acted:
        return _show_draft(request, found, said)
    if said.problems:
        return _show_draft(request, found, said, status=REFUSED)
    try:
        revision = said.form.cleaned_data["revision"]
        versions.save_draft(found, content=said.content, expected_revision=revision, **_by(request))
    except StaleVersion as stale:
        return _show_stale(request, found, stale)
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return redirect("leads:criteria")
    if request.POST.get("do") == "check":
        return redirect("leads:criteria_check")
    messages.success(request, "The draft is saved. Nothing is in force before it is published.")
    return redirect("leads:criteria_draft")


def _show_draft(
    request: TenantRequest,
    found: CriteriaVersion,
    said: CriteriaDraft,
    *,
    count: CriteriaPreview | None = None,
    stale: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    by = found.saved_by or found.created_by
    context = {
        "draft": found,
        "said": said,
        "saved_by": names_of_actors([by])[by],
        "saved_at": found.saved_at or found.created_at,
        "count": count,
        "stale": stale,
        "standing": standing(CriteriaVersion, request, draft=found),
        "crumbs": crumbs(f"Draft of version {found.number}"),
    }
    return render(request, "leads/criteria_draft.html", context, status=status)


def _show_stale(request: TenantRequest, found: CriteriaVersion, stale: StaleVersion) -> HttpResponse:
    """Say what came between; the next save starts from what they have just read."""
    found.refresh_from_db()
    before = without_changes(found.content, stale.data["changes"])
    again: QueryDict = request.POST.copy()
    again["revision"] = str(stale.data["revision"])
    shown = {"text": stale.message, "changes": naming(changes)(before, found.content)}
    return _show_draft(request, found, read_draft(again), stale=shown, status=409)


@require_POST
@member_required(Role.ADMIN)
def discard(request: TenantRequest) -> HttpResponse:
    """POST /qualification/draft/discard: asks, with what would be lost. With {sure, revision}: it is gone."""
    return discarding.discard(
        request,
        versions.open_draft(CriteriaVersion),
        changes=naming(changes),
        what="the criteria",
        draft_url=reverse("leads:criteria_draft"),
        done_url=reverse("leads:criteria"),
        crumbs=crumbs("Discard the draft"),
    )


@require_GET
@member_required(Role.ADMIN)
def changed_leads(request: TenantRequest, criteria_version_id: UUID | None = None) -> HttpResponse:
    """GET /qualification/draft/leads?last=<number>: leads that the draft would judge otherwise than what is
    in force, and why. /qualification/versions/<id>/leads: those that this version would.
    """
    old = selectors.get_criteria_version(criteria_version_id) if criteria_version_id else None
    found = old or versions.open_draft(CriteriaVersion)
    if found is None:
        return _no_draft(request)
    asked = request.GET.get("last", "")
    last = int(asked) if asked in {str(each) for each in _LASTS} else USUAL
    context = {
        "draft": found,
        "old": old,
        "count": count_of(found.content, last),
        "last": last,
        "lasts": _LASTS,
        "crumbs": crumbs("Leads that change"),
    }
    return render(request, "leads/criteria_leads.html", context)


# --- Publication ---


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def check(request: TenantRequest) -> HttpResponse:
    """GET /qualification/draft/check: what publishing would do. POST {revision, against, when, effective_at,
    beside}: do so, or ask for the approval of it where a second admin must approve.
    """
    found = versions.open_draft(CriteriaVersion)
    if found is None:
        return _no_draft(request)
    draft_ = found

    def publish(form: PublishForm) -> CriteriaVersion | Publication:
        return publish_draft(draft_, form, request, validate=check_draft)

    context = {"draft": found, "number": found.number, "title": "Check and publish"}
    return _answer(request, found, publish, context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def use_again(request: TenantRequest, criteria_version_id: UUID) -> HttpResponse:
    """GET /qualification/versions/<id>/use: what going back to a version would do. POST as on the check: do
    it.
    """
    old = selectors.get_criteria_version(criteria_version_id)
    if old.state not in REUSABLE and request.method != "POST":
        messages.info(request, f"Version {old.number} is not one of earlier.")
        return redirect("leads:criteria_versions")

    def publish(form: PublishForm) -> CriteriaVersion | Publication:
        return publish_again(old, form, request, validate=check_publishable)

    newest = CriteriaVersion.objects.order_by("-number").values_list("number", flat=True).first() or 0
    context = {"old": old, "number": newest + 1, "title": f"Use version {old.number} again"}
    return _answer(request, old, publish, context)


def _answer(
    request: TenantRequest,
    version: CriteriaVersion,
    publish: Callable[[PublishForm], CriteriaVersion | Publication],
    context: dict[str, Any],
) -> HttpResponse:
    """Do what the form says and go on, or show the check, with what was refused."""
    form = PublishForm(request.POST or None, zone=request.tenant.time_zone)
    made, refused = try_publishing(form, publish)
    if made is not None:
        messages.success(request, published_words(made, request.tenant))
        return redirect("leads:criteria")
    if refused is not None:
        version.refresh_from_db()
    current = versions.version_in_force(CriteriaVersion, database_clock())
    errors = draft_errors(version.content) if "draft" in context else publishing_errors(version.content)
    guarded = versions.gate_errors(version) if "draft" in context and not errors else []
    context |= {
        "form": form,
        "refused": refused.message if refused else "",
        "current": current,
        "problems": [{"text": f"{place(each.path, version.content)}: {each.message}"} for each in errors]
        or [{"text": each.message, "test_lead": test_lead_of(each)} for each in guarded],
        "changes": naming(changes)(current.content, version.content) if current else [],
        "warnings": doubtful(version.content),
        "plain": plain_form_of(version.content) is not None,
        "parts": [*sentences(ListNames().in_rules(version.content)), *_required(version.content)],
        "count": None if errors else count_of(version.content),
        "standing": standing(CriteriaVersion, request, draft=context.get("draft")),
        "crumbs": crumbs(context["title"]),
    }
    status = status_of_refusal(refused) if refused else status_of(form)
    return render(request, "leads/criteria_check.html", context, status=status)


def _required(content: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """What every lead must have, as one more part in words."""
    listed = content.get("required")
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    return [("Must be known", required_labels(names))] if names else []


# --- Versions ---


@require_GET
@member_required(Role.MARKETING, Role.MANAGER)
def history(request: TenantRequest) -> HttpResponse:
    """GET /qualification/versions?before=<number>: who put what in force and when, in words."""
    context = {
        **history_rows(CriteriaVersion, request, naming(changes)),
        "may_change": request.member.role == Role.ADMIN,
        "crumbs": crumbs("Versions"),
    }
    return render(request, "leads/criteria_versions.html", context)
