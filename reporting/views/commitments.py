"""Commitments: what both sides owe each other this month, on one page, and notes about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.errors import FieldError, ValidationFailed
from reporting.commitments.book import Book, Line, Point, Week, book_of
from reporting.commitments.catalog import CATALOG, Side
from reporting.commitments.forecast import LEVEL
from reporting.commitments.forms import NoteForm
from reporting.commitments.links import links_of
from reporting.commitments.models import CommitmentNote
from reporting.commitments.params import month_from, present_month
from reporting.commitments.services import NOTERS, add_note, get_kind, may_set
from reporting.commitments.sources import BY_SOURCE, SourceRow, sources_of
from reporting.commitments.targets import months_from
from reporting.definitions import Share
from reporting.views.asked import KEPT, day_text
from reporting.views.baseline import note_of
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.refusals import REFUSED, take_errors
from tenants.requests import TenantRequest, moment_given
from web.table_files import table_file
from web.templatetags.sp import DASH, pct

READERS: Final = (Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)
#: Sides in the order of the page, and what they are called.
SIDES: Final = {Side.MARKETING: "Marketing", Side.SALES: "Sales"}


#: What is said of a filter of the other reports.
_GOES_BY: Final = "Commitments are of a whole month and of everybody: they go by month= alone."


def _unread(request: TenantRequest) -> list[str]:
    """The filters of other reports that the address has: nothing here follows them."""
    return [name for name in KEPT if request.GET.get(name)]


def _month(request: TenantRequest, now: datetime) -> date:
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    return month_from(query, tenant=request.tenant, now=now)


@require_safe
@member_required(*READERS)
def commitments(request: TenantRequest) -> HttpResponse:
    """GET /commitments?month=2026-11: each commitment of both sides, with its light."""
    now = database_clock()
    return _page(request, _month(request, now), NoteForm(kinds=list(CATALOG.values())), now=now)


def _page(
    request: TenantRequest, month: date, form: NoteForm, *, now: datetime, status: int = 200
) -> HttpResponse:
    book = book_of(tenant=request.tenant, month=month, now=now, reader=request.member)
    by_source, sources = (
        ([], 0)
        if book.is_future
        else sources_of(tenant=request.tenant, first=month, last=book.last, now=now, ground=book.ground)
    )
    notes = list(CommitmentNote.objects.filter(month=month).order_by("at", "id"))
    setters = [line.term.row.set_by for line in book.lines if line.term.row is not None]
    people = names_of_actors([*(note.by for note in notes), *setters])
    said: dict[str, list[dict[str, Any]]] = {}
    for note in notes:
        said.setdefault(note.commitment, []).append({"note": note, "by": people[note.by]})
    role = request.member.role
    sides = [
        {
            "name": name,
            "may_set": may_set(role, side),
            "lines": [
                _line(line, book, said.get(line.kind.key, []), people)
                for line in book.lines
                if line.kind.side == side
            ],
        }
        for side, name in SIDES.items()
    ]
    context = {
        "crumbs": [{"label": "Contract"}, {"label": "Commitments"}],
        "book": book,
        "month_name": f"{month:%B %Y}",
        "summary": _summary(book),
        "unread": _unread(request),
        "before_note": note_of(request, "first_touch", "attempts", "acceptance", "to_sql"),
        "sides": sides,
        "months": _months(month, present_month(request.tenant, now)),
        "with_own": role == Role.MANAGER,
        "sources": [_source(row, book) for row in by_source],
        "more_sources": max(sources - len(by_source), 0),
        "level": round(100 * LEVEL),
        "may_note": role in NOTERS and not book.is_future,
        "has_notes": bool(notes),
        "form": form,
        "csv_url": f"{reverse('reporting:commitments_csv')}?month={month:%Y-%m}",
        "month": f"{month:%Y-%m}",
    }
    return render(request, "reporting/commitments.html", context, status=status)


def headline(request: TenantRequest) -> list[tuple[str, tuple[str, str, str]]]:
    """Each commitment of the page with what was reached, its target and its base, for a mail."""
    now = moment_given(request) or database_clock()
    book = book_of(tenant=request.tenant, month=_month(request, now), now=now, reader=request.member)
    found = []
    for line in book.lines:
        unit = "" if line.is_count else "%"
        actual = DASH if line.actual is None else f"{line.actual:g}{unit}"
        target = "no target" if line.term.target is None else f"target {line.term.target:,}{unit}"
        base = "" if line.share is None else f"{line.share.count:,} of {line.share.base:,}"
        found.append((line.kind.label, (actual, base or line.why, target)))
    return found


def _summary(book: Book) -> str:
    passed, all_days = book.business
    if book.is_future:
        return "Not begun. What is promised for it so far."
    if book.is_over:
        return f"Over, with {all_days} business days. Judged by the targets that held then."
    return f"{f'{passed:.1f}'.removesuffix('.0')} of {all_days} business days have passed."


def _months(month: date, present: date) -> list[tuple[str, str, bool]]:
    """The months to choose from: those of the year before, and the one shown."""
    known = [months_from(present, -place) for place in range(-1, 13)]
    if month not in known:
        known.append(month)
    return [(f"{each:%Y-%m}", f"{each:%B %Y}", each == month) for each in sorted(known, reverse=True)]


def _line(line: Line, book: Book, notes: list[dict[str, Any]], people: dict[str, str]) -> dict[str, Any]:
    upcoming = book.targets.upcoming(line.kind, book.month)
    return {
        "line": line,
        "kind": line.kind,
        "links": links_of(line, book),
        "target": line.term.words or "None set",
        "target_note": _target_note(line, people),
        "upcoming": [
            f"{term.words or 'nothing'} from {term.row.valid_from:%B %Y}" for term in upcoming if term.row
        ],
        "actual": _value(line, line.actual),
        "pace": _pace(line),
        "forecast": _value(line, None if line.forecast is None else line.forecast.expected),
        "interval": _interval(line),
        "own": _own(line),
        "months": [_point(line, point, f"{point.first:%b %Y}") for point in line.months],
        "weeks": [_point(line, point, day_text(point.first)) for point in line.weeks],
        "spark": [point.value for point in line.months],
        "spark_label": _spark_label(line.months),
        "floor_weeks": [_week(week, line.term.weekly_floor) for week in line.floor_weeks],
        "notes": notes,
        "edit_url": reverse("reporting:commitment_target", args=[line.kind.key]),
    }


def _target_note(line: Line, people: dict[str, str]) -> str:
    row = line.term.row
    if row is None:
        return "default" if line.term.words else ""
    return f"Since {row.valid_from:%B %Y}, set by {people[row.set_by]}"


def _value(line: Line, value: float | None) -> str:
    if value is None:
        return DASH
    return f"{value:,.0f}" if line.is_count else pct(round(value, 1))


def _pace(line: Line) -> str:
    """Where it should be by now; of a share that is the target, on any day."""
    if line.pace is None or line.actual is None:
        return DASH
    return f"{line.pace:,.1f}" if line.is_count else pct(line.pace)


def _interval(line: Line) -> str:
    found = line.forecast
    if found is None:
        return ""
    if found.low == found.high:
        return ""
    low, high = _value(line, found.low), _value(line, found.high)
    return f"{low} to {high}"


def _own(line: Line) -> str:
    if isinstance(line.own, Share):
        if not line.own.base:
            return "none"
        return f"{pct(line.own.percent)} ({line.own.count:,} of {line.own.base:,})"
    return "" if line.own is None else f"{line.own:,}"


def _point(line: Line, point: Point, label: str) -> dict[str, Any]:
    target = point.target
    return {
        "label": label,
        "value": _value(line, point.value),
        "base": "" if line.is_count else f"of {point.base:,}",
        "target": DASH if target is None else f"{target:,}" if line.is_count else pct(target),
        "status": point.status,
    }


def _spark_label(points: Sequence[Point]) -> str:
    present = [point.value for point in points if point.value is not None]
    return f"{len(points)} months: {present[0]:,.0f} to {present[-1]:,.0f}" if present else ""


def _week(week: Week, floor: int | None) -> dict[str, Any]:
    kept = None if floor is None else week.is_kept(floor)
    return {
        "label": f"Week of {day_text(week.monday)}",
        "count": week.count,
        "status": None if kept is None else "on_target" if kept else "off_target",
        "runs": not week.is_over,
        "pace": None if week.pace is None or week.is_over else f"{week.pace:,.1f}",
    }


def _source(row: SourceRow, book: Book) -> dict[str, Any]:
    cells = []
    for key in BY_SOURCE:
        line, share = book.line(key), row.shares[key]
        target = line.term.target
        links = links_of(line, book, source=row.source)
        low = target is not None and share.percent is not None and share.percent < target
        cells.append({"share": share, "links": links, "missed": share.base - share.count, "low": low})
    return {"name": row.source or "No source given", "mqls": row.mqls, "cells": cells}


@require_POST
@member_required(Role.MANAGER, Role.MARKETING)
def note(request: TenantRequest) -> HttpResponse:
    """POST /commitments/notes?month=2026-11: say something about a commitment in that month."""
    now = database_clock()
    month = _month(request, now)
    form = NoteForm(request.POST, kinds=list(CATALOG.values()))
    if form.is_valid():
        try:
            add_note(
                tenant=request.tenant,
                kind=get_kind(form.cleaned_data["commitment"]),
                month=month,
                text=form.cleaned_data["text"],
                actor=member_actor(request.member),
                now=now,
            )
        except ValidationFailed as error:
            take_errors(form, error)
        else:
            messages.success(request, "The note stands beside the commitment.")
            return redirect(f"{reverse('reporting:commitments')}?month={month:%Y-%m}#notes")
    return _page(request, month, form, now=now, status=REFUSED)


# --- As a file ----------------------------------------------------------------------------------------------

HEAD: Final = (
    "Month",
    "Side",
    "Commitment",
    "Target",
    "Weekly floor",
    "Rejected MQLs count",
    "Target holds from",
    "Actual",
    "Count",
    "Base",
    "Left out",
    "Pace",
    "Forecast low",
    "Forecast",
    "Forecast high",
    "Standing",
    "Remark",
)


@require_safe
@member_required(*READERS)
def commitments_file(request: TenantRequest) -> HttpResponse:
    """GET /commitments.csv, .xlsx: the month as a table. Other than the page, a file cannot say what it does
    not go by."""
    if wrong := _unread(request):
        raise ValidationFailed(_GOES_BY, field_errors=[FieldError(f"/{name}", _GOES_BY) for name in wrong])
    now = moment_given(request) or database_clock()
    month = _month(request, now)
    book = book_of(tenant=request.tenant, month=month, now=now)
    return table_file(
        request, f"commitments-{month:%Y-%m}", HEAD, [_cells(line, month) for line in book.lines]
    )


def _cells(line: Line, month: date) -> list[Any]:
    term, share, found = line.term, line.share, line.forecast
    bounds = (None,) * 3 if found is None else (found.low, found.expected, found.high)
    return [
        f"{month:%Y-%m}",
        SIDES[line.kind.side],
        line.kind.label,
        term.target,
        term.weekly_floor,
        {True: "yes", False: "no"}[term.counts_rejected] if line.is_count else None,
        None if term.row is None else term.row.valid_from,
        line.actual,
        int(line.actual or 0) if line.is_count else None if share is None else share.count,
        None if share is None else share.base,
        None if share is None else share.left_out,
        None if line.pace is None else round(line.pace, 1),
        *(None if each is None else round(each, 1) for each in bounds),
        line.status,
        line.why,
    ]
