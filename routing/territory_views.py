"""The pages of the territories of a draft: each opened, added, removed and moved by buttons, or many at once
from a file; and what they cover twice or not at all. For admins. Those in force, for everybody who reads the
rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import Conflict, FieldError, StaleVersion, ValidationFailed
from routing.models import RuleSetVersion
from routing.rule_rows import rule_rows
from routing.rule_views import crumbs
from routing.rules_check import PoolState, pool_states, publishing_errors
from routing.rules_words import rule_name
from routing.territories import (
    FIRST_WINS,
    REFUSE,
    doubtful,
    first_wins,
    rows_of,
    with_overlaps,
    with_territories,
    words,
)
from routing.territory_check import broken_territories
from routing.territory_cover import Cover, cover, example_words
from routing.territory_file import merged, read_file, write_rows
from routing.territory_forms import TerritoryFileForm, TerritoryForm
from tenants import versions
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.refusals import REFUSED, status_of
from tenants.requests import TenantRequest
from tenants.version_pages import number_of, stale_words

_NEW = "new"


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def territories(request: TenantRequest) -> HttpResponse:
    """GET /routing/draft/territories?at=<place or "new">: the draft's territories, one open. POST {revision,
    at, name_was, do}: "save" what is written; or "remove:", "up:", "down:" of a place, "overlaps:" with what
    is to happen where two overlap.
    """
    found = versions.open_draft(RuleSetVersion)
    if found is None:
        messages.info(request, "There is no draft. Begin one here.")
        return redirect("routing:rules")
    pools = pool_states()
    if request.method != "POST":
        at = request.GET.get("at", "")
        form = _form(found, at, pools) if at == _NEW or _place(found, at) is not None else None
        return _page(request, found, pools, form=form, at=at if form else "")
    do, _, of = request.POST.get("do", "save").partition(":")
    at = request.POST.get("at", "")
    if do != "save":
        return _saved(request, found, pools, _done(found, do, of))
    if number_of(request, "revision") != found.revision and at != _NEW:
        at = _named(found, request.POST.get("name_was", ""))
        if not at:
            messages.error(request, "Somebody removed or renamed this territory meanwhile. Nothing is saved.")
            return redirect("routing:territories")
    form = _form(found, at, pools, request.POST)
    if not form.is_valid():
        return _page(request, found, pools, form=form, at=at, status=status_of(form))
    rows = rows_of(found.content)
    place = _place(found, at)
    if place is None:
        rows.append(form.row)
    else:
        rows[place] = form.row
    return _saved(request, found, pools, with_territories(found.content, rows), form=form, at=at)


@require_POST
@member_required(Role.ADMIN)
def import_file(request: TenantRequest) -> HttpResponse:
    """POST /routing/draft/territories/import {revision, file, replace}: all of the file, or nothing of it."""
    found = versions.open_draft(RuleSetVersion)
    if found is None:
        messages.info(request, "There is no draft. Begin one here.")
        return redirect("routing:rules")
    pools = pool_states()
    form = TerritoryFileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            sent = read_file(form.data_read, pools)
        except ValidationFailed as refusal:
            wrong = [line for error in refusal.field_errors if (line := _line_of(error))]
            for error in refusal.field_errors:
                if _line_of(error) is None:
                    form.add_error("file", error.message)
            if wrong:
                many = "1 line is" if len(wrong) == 1 else f"{len(wrong)} lines are"
                form.add_error("file", f"{many} wrong, so that nothing of it is taken over: see below.")
            return _page(request, found, pools, file_form=form, wrong_lines=wrong, status=REFUSED)
        else:
            rows = merged(rows_of(found.content), sent, replace=form.cleaned_data["replace"])
            many = "1 territory is" if len(sent) == 1 else f"{len(sent)} territories are"
            content = with_territories(found.content, rows)
            return _saved(request, found, pools, content, text=f"{many} taken over into the draft.")
    return _page(request, found, pools, file_form=form, status=REFUSED)


def _line_of(error: FieldError) -> tuple[str, str] | None:
    """(line, what is wrong with it); None for what is wrong with the file as a whole."""
    _, part, *rest = [*error.path.split("/"), ""]
    if part != "lines" or not rest[0]:
        return None
    return rest[0], error.message.removeprefix(f"Line {rest[0]}: ")


@require_safe
@member_required(Role.ADMIN)
def export_file(request: TenantRequest) -> HttpResponse:
    """GET /routing/draft/territories.csv: the draft's territories, as a file that can be taken over again."""
    found = versions.open_draft(RuleSetVersion)
    rows = [row for row in rows_of(found.content if found else {}) if isinstance(row, Mapping)]
    answer = HttpResponse("\ufeff" + write_rows(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="territories.csv"'
    return answer


@require_safe
@member_required(Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)
def in_force(request: TenantRequest) -> HttpResponse:
    """GET /routing/territories: those in force, to read."""
    found = versions.version_in_force(RuleSetVersion, database_clock())
    content = found.content if found else {}
    pools = pool_states()
    context = {
        "version": found,
        "rows": [
            {"name": rule_name(row, place), "words": words(row), "pool": _pool_name(row, pools)}
            for place, row in enumerate(rows_of(content))
        ],
        "first_wins": first_wins(content),
        "cover": told_cover(content, pools),
        "rank": _rank(content, pools),
        "may_edit": request.member.role == Role.ADMIN,
        "crumbs": crumbs("Territories"),
    }
    return render(request, "routing/territories_in_force.html", context)


def _rank(content: Mapping[str, Any], pools: Mapping[str, PoolState]) -> int | None:
    """As which rule they are tried; None where none is."""
    rows = rule_rows(content, "pools", pools=pools)
    return next((row.rank for row in rows if row.territories is not None), None)


def _place(found: RuleSetVersion, at: str) -> int | None:
    if not (at.isascii() and at.isdigit() and len(at) < 4):
        return None
    return int(at) if int(at) < len(rows_of(found.content)) else None


def _named(found: RuleSetVersion, name: str) -> str:
    """Where the one territory of this name stands now; "" where none or several are called so."""
    rows = rows_of(found.content)
    places = [at for at, row in enumerate(rows) if isinstance(row, Mapping) and row.get("name") == name]
    return str(places[0]) if len(places) == 1 else ""


def _form(found: RuleSetVersion, at: str, pools: Mapping[str, PoolState], data: Any = None) -> TerritoryForm:
    place = _place(found, at)
    row = rows_of(found.content)[place] if place is not None else None
    row = row if isinstance(row, Mapping) else None
    return TerritoryForm(data, row=row, revision=found.revision, pools=pools)


def _done(found: RuleSetVersion, do: str, of: str) -> dict[str, Any]:
    """The draft's content after a button."""
    rows, content = rows_of(found.content), dict(found.content)
    if do == "overlaps" and of in (REFUSE, FIRST_WINS):
        return with_overlaps(with_territories(content, rows), of)
    place = _place(found, of)
    if place is None:
        return content
    if do == "remove":
        del rows[place]
    to = place + {"up": -1, "down": 1}.get(do, 0)
    if do in ("up", "down") and 0 <= to < len(rows):
        rows[place], rows[to] = rows[to], rows[place]
    return with_territories(content, rows)


def _saved(
    request: TenantRequest,
    found: RuleSetVersion,
    pools: Mapping[str, PoolState],
    content: dict[str, Any],
    *,
    form: TerritoryForm | None = None,
    at: str = "",
    text: str = "The draft is saved. Nothing is in force before it is published.",
) -> HttpResponse:
    """Save the draft and show its territories, or say who saved it meanwhile, with what was written."""
    try:
        versions.save_draft(
            found,
            content=content,
            expected_revision=number_of(request, "revision") or 0,
            actor=member_actor(request.member),
            now=database_clock(),
        )
    except StaleVersion as stale:
        if form is not None:
            again = request.POST.copy()
            again["revision"] = str(stale.data["revision"])
            form.data = again
        found.refresh_from_db()
        said = stale_words(stale)
        return _page(request, found, pools, form=form, at=at, stale=said, status=409)
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return redirect("routing:rules")
    messages.success(request, text)
    return HttpResponseRedirect(reverse("routing:territories"))


def _page(
    request: TenantRequest,
    found: RuleSetVersion,
    pools: Mapping[str, PoolState],
    *,
    form: TerritoryForm | None = None,
    at: str = "",
    file_form: TerritoryFileForm | None = None,
    wrong_lines: Sequence[tuple[str, str]] = (),
    stale: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    content = found.content
    rows = rows_of(content)
    errors = publishing_errors(content, pools)
    wrong: dict[int, list[str]] = {}
    for error in errors:
        _, part, *rest = [*error.path.split("/"), ""]
        if part == "territories" and rest[0].isdigit():
            wrong.setdefault(int(rest[0]), []).append(error.message)
    context = {
        "draft": found,
        "form": form,
        "at": at,
        "is_new": at == _NEW,
        "name_was": form.before.get("name", "") if form else "",
        "file_form": file_form or TerritoryFileForm(initial={"revision": found.revision}),
        "wrong_lines": wrong_lines,
        "rows": [
            {
                "at": str(place),
                "name": rule_name(row, place),
                "words": words(row),
                "pool": _pool_name(row, pools),
                "wrong": wrong.get(place, ()),
                "doubts": doubtful(row),
            }
            for place, row in enumerate(rows)
        ],
        "first_wins": first_wins(content),
        "together": [error.message for error in errors if error.path == "/territories"],
        "cover": told_cover(content, pools),
        "rank": _rank(content, pools),
        "stale": stale,
        "crumbs": crumbs("Territories"),
    }
    return render(request, "routing/territories.html", context, status=status)


def _pool_name(row: Any, pools: Mapping[str, PoolState]) -> str:
    slug = str(row.get("pool") or "") if isinstance(row, Mapping) else ""
    return pools[slug].name if slug in pools else slug


def told_cover(content: Mapping[str, Any], pools: Mapping[str, PoolState]) -> dict[str, Any] | None:
    """Overlaps and gaps in words for a page; None where there are no territories, or they are to be put right
    first."""
    rows = rows_of(content)
    if not rows or broken_territories(content, pools):
        return None
    found: Cover = cover(rows)
    return {
        "overlaps": [
            {"first": each.names[0], "second": each.names[1], "example": example_words(each.example)}
            for each in found.overlaps
        ],
        "overlaps_found": found.overlaps_found,
        "gaps": [
            {"words": "; ".join(gap.values.values()) or "Any lead", "example": example_words(gap.example)}
            for gap in found.gaps
        ],
        "unknown": ["; ".join(gap.values.values()) for gap in found.unknown.values()],
        "all_looked_at": found.all_looked_at,
    }
