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
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.errors import Conflict, DomainError, StaleVersion, ValidationFailed
from leads import selectors, services
from leads.criteria import check_content, check_publishable
from leads.criteria_form import CriteriaDraft, draft_of, read_draft
from leads.criteria_preview import MOST, USUAL, CriteriaPreview, preview_criteria
from leads.criteria_words import changes, sentences, without_changes
from leads.models import CriteriaVersion
from tenants import versions
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Publication, Role, VersionState
from tenants.publication_views import standing
from tenants.refusals import REFUSED, status_of_refusal
from tenants.requests import TenantRequest

PAGE: Final = 20
_REUSABLE: Final = (VersionState.RETIRED, VersionState.CANCELLED)
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
        services.begin_criteria_draft(**_by(request))
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
    shown = {"text": stale.message, "changes": changes(before, found.content)}
    return _show_draft(request, found, read_draft(again), stale=shown, status=409)


@require_POST
@member_required(Role.ADMIN)
def discard(request: TenantRequest) -> HttpResponse:
    """POST /qualification/draft/discard {revision}."""
    found = versions.open_draft(CriteriaVersion)
    if found is not None:
        revision = request.POST.get("revision", "")
        expected = int(revision) if revision.isascii() and revision.isdigit() and len(revision) < 10 else 0
        try:
            versions.discard_draft(found, expected_revision=expected, **_by(request))
        except Conflict as refusal:
            messages.error(request, refusal.message)
            return redirect("leads:criteria_draft")
        messages.success(request, f"The draft of version {found.number} is gone.")
    return redirect("leads:criteria")


@require_GET
@member_required(Role.ADMIN)
def changed_leads(request: TenantRequest) -> HttpResponse:
    """GET /qualification/draft/leads?last=<number>: leads that the draft would judge otherwise, and why."""
    found = versions.open_draft(CriteriaVersion)
    if found is None:
        return _no_draft(request)
    asked = request.GET.get("last", "")
    last = int(asked) if asked in {str(each) for each in _LASTS} else USUAL
    context = {
        "draft": found,
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
    """GET /qualification/draft/check: what publishing would do. POST {revision, against}: do so, or ask for
    the approval of it where a second admin must approve.
    """
    found = versions.open_draft(CriteriaVersion)
    if found is None:
        return _no_draft(request)
    draft_ = found

    def publish(revision: int, against: int) -> CriteriaVersion | Publication:
        wishes = {**_by(request), "against": against, "expected_revision": revision}
        if versions.needs_approval("criteria"):
            return versions.ask(draft_, asker=request.member, **wishes)
        return versions.publish(draft_, validate=check_publishable, **wishes)

    context = {"draft": found, "number": found.number, "title": "Check and publish"}
    return _answer(request, found, publish, context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def use_again(request: TenantRequest, criteria_version_id: UUID) -> HttpResponse:
    """GET /qualification/versions/<id>/use: what going back to a version would do. POST {against}: do it."""
    old = selectors.get_criteria_version(criteria_version_id)
    if old.state not in _REUSABLE and request.method != "POST":
        messages.info(request, f"Version {old.number} is not one of earlier.")
        return redirect("leads:criteria_versions")

    def publish(revision: int, against: int) -> CriteriaVersion | Publication:
        wishes = {**_by(request), "against": against}
        if versions.needs_approval("criteria"):
            return versions.ask_again(old, asker=request.member, **wishes)
        return versions.roll_back(old, validate=check_publishable, **wishes)

    newest = CriteriaVersion.objects.order_by("-number").values_list("number", flat=True).first() or 0
    context = {"old": old, "number": newest + 1, "title": f"Use version {old.number} again"}
    return _answer(request, old, publish, context)


def _answer(
    request: TenantRequest,
    version: CriteriaVersion,
    publish: Callable[[int, int], CriteriaVersion | Publication],
    context: dict[str, Any],
) -> HttpResponse:
    """Do what the form says and go on, or show the check, with what was refused."""
    refused: DomainError | None = None
    if request.method == "POST":
        try:
            made = publish(_number(request, "revision"), _number(request, "against"))
        except (Conflict, ValidationFailed) as refusal:
            refused = refusal
            version.refresh_from_db()
        else:
            return _published(request, made)
    current = versions.version_in_force(CriteriaVersion, database_clock())
    errors = check_content(version.content)
    guarded = [each.message for each in versions.gate_errors(version)] if "draft" in context else []
    context |= {
        "refused": refused.message if refused else "",
        "current": current,
        "problems": [f"{each.path or 'The criteria'}: {each.message}" for each in errors] or guarded,
        "changes": changes(current.content, version.content) if current else [],
        "parts": sentences(version.content),
        "count": None if errors else count_of(version.content),
        "standing": standing(CriteriaVersion, request, draft=context.get("draft")),
        "crumbs": crumbs(context["title"]),
    }
    status = status_of_refusal(refused) if refused else 200
    return render(request, "leads/criteria_check.html", context, status=status)


def _number(request: TenantRequest, name: str) -> int:
    """A number that a hidden field carries; 0 where it is none."""
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _published(request: TenantRequest, made: CriteriaVersion | Publication) -> HttpResponse:
    if isinstance(made, Publication):
        said = "The other admins are asked to approve it. Nothing is in force before."
    else:
        said = f"Version {made.number} is in force. Leads are judged by it from their next arrival on."
    messages.success(request, said)
    return redirect("leads:criteria")


# --- Versions ---


@require_GET
@member_required(Role.MARKETING, Role.MANAGER)
def history(request: TenantRequest) -> HttpResponse:
    """GET /qualification/versions?before=<number>: who put what in force and when, in words."""
    before = request.GET.get("before", "")
    listed = CriteriaVersion.objects.exclude(state=VersionState.DRAFT).order_by("-number")
    if before.isascii() and before.isdigit() and len(before) < 10:
        listed = listed.filter(number__lt=int(before))
    found = list(listed[: PAGE + 1])
    approvals = versions.approvals_of(each.id for each in found)
    actors = names_of_actors([*(each.published_by or each.created_by for each in found), *approvals.values()])
    older: list[CriteriaVersion | None] = [*found[1:], None]
    rows = [
        {
            "version": version,
            "by": actors[version.published_by or version.created_by],
            "approved_by": actors[approvals[version.id]] if version.id in approvals else "",
            "changes": changes(previous.content, version.content) if previous else [],
            "first": previous is None,
            "again": version.copy_of if previous and version.copy_of != previous.number else None,
        }
        for version, previous in zip(found, older, strict=True)
    ]
    context = {
        "rows": rows[:PAGE],
        "next": found[PAGE - 1].number if len(found) > PAGE else None,
        "may_change": request.member.role == Role.ADMIN,
        "crumbs": crumbs("Versions"),
    }
    return render(request, "leads/criteria_versions.html", context)
