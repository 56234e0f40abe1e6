"""The pages of a bar (leads.bars): what is in force, the draft of the next, its publication, the versions.
The address says which bar it is; the SQL criteria unless it says another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.errors import Conflict, StaleVersion
from leads import sql_bar
from leads.bars import SQL_BAR, BarKind
from leads.criteria_views import crumbs
from leads.sql_bar_form import BarDraft, draft_of, read_draft
from tenants import discarding, versions
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Publication, Role, VersionedModel
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
    stale_words,
    try_publishing,
)


def _by(request: TenantRequest) -> dict[str, Any]:
    return {"actor": member_actor(request.member), "now": database_clock()}


def _no_draft(request: TenantRequest, kind: BarKind) -> HttpResponse:
    messages.info(request, "There is no draft. Begin one here.")
    return redirect(kind.page)


@require_GET
@member_required(Role.MARKETING, Role.MANAGER)
def bar(request: TenantRequest, kind: BarKind = SQL_BAR) -> HttpResponse:
    """GET <bar>: what is in force, in words."""
    may_edit = request.member.role == Role.ADMIN
    draft = versions.open_draft(kind.model) if may_edit else None
    current = versions.version_in_force(kind.model, database_clock())
    in_force = kind.in_force(database_clock())
    context = {
        "bar": in_force,
        "sentences": [(sql_bar.sentence(each), each.hint) for each in in_force.questions],
        "refuses": any(each.must for each in in_force.questions),
        "current": current,
        "draft": draft,
        "may_edit": may_edit,
        "standing": standing(kind.model, request, draft=draft),
        "kind": kind,
        "crumbs": crumbs(kind.title),
    }
    return render(request, "leads/sql_bar.html", context)


@require_POST
@member_required(Role.ADMIN)
def start(request: TenantRequest, kind: BarKind = SQL_BAR) -> HttpResponse:
    """POST <bar>/start: begin the next version, or go on with the one that is begun."""
    in_force = versions.version_in_force(kind.model, database_clock())
    try:
        versions.start_draft(kind.model, content=None if in_force else dict(kind.default), **_by(request))
    except Conflict as refusal:
        messages.info(request, refusal.message)
    return redirect(kind.draft)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def draft(request: TenantRequest, kind: BarKind = SQL_BAR) -> HttpResponse:
    """GET <bar>/draft: the questions as rows. POST {..., act | do}: "save", "check" (save, then
    look at what it changes), or a button of the rows, which saves nothing."""
    found = versions.open_draft(kind.model)
    if found is None:
        return _no_draft(request, kind)
    if request.method != "POST":
        return _show(request, kind, found, draft_of(found.content, found.revision))
    said = read_draft(request.POST)
    if said.acted:
        return _show(request, kind, found, said)
    if said.problems:
        return _show(request, kind, found, said, status=REFUSED)
    try:
        versions.save_draft(found, content=said.content, expected_revision=said.revision, **_by(request))
    except StaleVersion as stale:
        found.refresh_from_db()
        again: QueryDict = request.POST.copy()
        again["revision"] = str(stale.data["revision"])
        return _show(request, kind, found, read_draft(again), stale=stale_words(stale), status=409)
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return redirect(kind.page)
    if request.POST.get("do") == "check":
        return redirect(kind.check)
    messages.success(request, "The draft is saved. Nothing is in force before it is published.")
    return redirect(kind.draft)


def _show(
    request: TenantRequest,
    kind: BarKind,
    found: VersionedModel,
    said: BarDraft,
    *,
    stale: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    by = found.saved_by or found.created_by
    context = {
        "draft": found,
        "said": said,
        "saved_by": names_of_actors([by])[by],
        "saved_at": found.saved_at or found.created_at,
        "stale": stale,
        "most": sql_bar.MOST_QUESTIONS,
        "standing": standing(kind.model, request, draft=found),
        "kind": kind,
        "crumbs": _crumbs(kind, f"Draft of version {found.number}"),
    }
    return render(request, "leads/sql_bar_draft.html", context, status=status)


def _crumbs(kind: BarKind, here: str) -> list[dict[str, str]]:
    way = crumbs(here)
    return [*way[:-1], {"label": kind.title, "url": reverse(kind.page)}, way[-1]]


@require_POST
@member_required(Role.ADMIN)
def discard(request: TenantRequest, kind: BarKind = SQL_BAR) -> HttpResponse:
    """POST <bar>/draft/discard: asks, with what would be lost. With {sure, revision}: it is
    gone."""
    return discarding.discard(
        request,
        versions.open_draft(kind.model),
        changes=sql_bar.changes,
        what=kind.words,
        draft_url=reverse(kind.draft),
        done_url=reverse(kind.page),
        crumbs=_crumbs(kind, "Discard the draft"),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def check(request: TenantRequest, kind: BarKind = SQL_BAR) -> HttpResponse:
    """GET <bar>/draft/check: what publishing would do. POST {revision, against, when,
    effective_at, beside}: do so, or ask for approval where a second admin must approve."""
    found = versions.open_draft(kind.model)
    if found is None:
        return _no_draft(request, kind)
    draft_ = found

    def publish(form: PublishForm) -> VersionedModel | Publication:
        return publish_draft(draft_, form, request, validate=sql_bar.check_publishable)

    return _answer(
        request,
        kind,
        found,
        publish,
        {"draft": found, "number": found.number, "title": "Check and publish"},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def use_again(
    request: TenantRequest,
    sql_bar_version_id: UUID | None = None,
    meeting_bar_version_id: UUID | None = None,
    kind: BarKind = SQL_BAR,
) -> HttpResponse:
    """GET <bar>/versions/<id>/use: what going back to a version would do. POST: do it."""
    old = sql_bar.get_version(sql_bar_version_id or meeting_bar_version_id, kind.model)

    def publish(form: PublishForm) -> VersionedModel | Publication:
        return publish_again(old, form, request, validate=sql_bar.check_publishable)

    if old.state not in REUSABLE and request.method != "POST":
        messages.info(request, f"Version {old.number} is not one of earlier.")
        return redirect(kind.versions)
    newest = kind.model._default_manager.order_by("-number").values_list("number", flat=True).first() or 0
    return _answer(
        request,
        kind,
        old,
        publish,
        {"old": old, "number": newest + 1, "title": f"Use version {old.number} again"},
    )


def _answer(
    request: TenantRequest,
    kind: BarKind,
    version: VersionedModel,
    publish: Callable[[PublishForm], VersionedModel | Publication],
    context: dict[str, Any],
) -> HttpResponse:
    """Do what the form says and go on, or show the check, with what was refused."""
    form = PublishForm(request.POST or None, zone=request.tenant.time_zone)
    made, refused = try_publishing(form, publish)
    if made is not None:
        messages.success(request, published_words(made, request.tenant))
        return redirect(kind.page)
    if refused is not None:
        version.refresh_from_db()
    current = versions.version_in_force(kind.model, database_clock())
    before = current.content if current else kind.default
    errors = sql_bar.check_content(version.content)
    context |= {
        "kind": kind,
        "form": form,
        "refused": refused.message if refused else "",
        "current": current,
        "problems": [f"{each.path}: {each.message}" for each in errors],
        "changes": sql_bar.changes(before, version.content),
        "sentences": [] if errors else [sql_bar.sentence(q) for q in sql_bar.questions_of(version.content)],
        "standing": standing(kind.model, request, draft=context.get("draft")),
        "crumbs": _crumbs(kind, context["title"]),
    }
    status = status_of_refusal(refused) if refused else status_of(form)
    return render(request, "leads/sql_bar_check.html", context, status=status)


@require_GET
@member_required(Role.MARKETING, Role.MANAGER)
def history(request: TenantRequest, kind: BarKind = SQL_BAR) -> HttpResponse:
    """GET <bar>/versions?before=<number>: who put what in force and when, in words."""
    context = {
        **history_rows(kind.model, request, sql_bar.changes),
        "kind": kind,
        "may_change": request.member.role == Role.ADMIN,
        "crumbs": _crumbs(kind, "Versions"),
    }
    return render(request, "leads/sql_bar_versions.html", context)
