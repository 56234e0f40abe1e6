"""The week that both sides look at together, with what was done about each breakdown."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.errors import DomainError
from reporting import selectors
from reporting.reviews import services, week
from reporting.reviews.forms import NoteForm
from reporting.views.asked import Asked, day_text, period_text
from reporting.views.clocks import clock_rows
from reporting.views.reviews import READERS, pack_lines, shown_sections
from tenants.audit import member_actor
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.refusals import REFUSED, take_errors
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of
from web.table_files import table_file

BREAKDOWNS_SHOWN: Final = 20


@require_safe
@member_required(*READERS)
def present(request: TenantRequest) -> HttpResponse:
    """GET /reviews/week: the present week."""
    now = database_clock()
    return _page(request, week.present_week(request.tenant, now), now)


@require_safe
@member_required(*READERS)
def review_week(request: TenantRequest, monday: str) -> HttpResponse:
    """GET /reviews/week/2026-11-16: one week, so far or over."""
    now = database_clock()
    return _page(request, week.week_of(monday, tenant=request.tenant, now=now), now)


def _page(
    request: TenantRequest,
    chosen: week.Week,
    now: datetime,
    *,
    form: NoteForm | None = None,
    about: UUID | None = None,
) -> HttpResponse:
    """The page; with the form of one breakdown where what was written in it was refused."""
    tenant, member = request.tenant, request.member
    found = week.breakdowns(tenant=tenant, week=chosen, reader=member, now=now)
    page = page_of(
        found, cursor=request.GET.get("cursor", ""), size=BREAKDOWNS_SHOWN, order=("-due_at", "-id")
    )
    names = selectors.load_names()
    question = week.question_of_week(tenant, chosen)
    asked = Asked({}, question, "rep", now, False)
    rows = clock_rows(asked, page.rows, names)
    ran_elsewhere = {row.id for row in page.rows if row.is_history}
    notes = week.notes_of([row["id"] for row in rows])
    context = {
        "crumbs": [
            {"label": "Contract"},
            {"label": "Reviews", "url": reverse("reporting:reviews")},
            {"label": f"Week of {day_text(chosen.monday)}"},
        ],
        "asked": asked,
        "week": chosen,
        "period": period_text(week.question_of(tenant, chosen.monday, chosen.sunday)),
        "sections": shown_sections(week.pack_of_week(tenant=tenant, week=chosen, now=now)),
        "breakdowns": [
            {
                "row": row,
                "notes": notes.get(row["id"], []),
                "takes_notes": row["id"] not in ran_elsewhere,
                "form": form
                if form is not None and row["id"] == about
                else NoteForm(auto_id=f"{row['id']}_%s"),
                "is_open": row["id"] == about,
            }
            for row in rows
        ],
        "count": found.count(),
        "unexplained": week.without_note(found),
        "next_url": f"{next_url(request, page.next)}#breakdowns" if page.next else None,
        "may_write": member.role in services.WRITERS,
        "weeks": _weeks(chosen),
        "before_url": _address(chosen.monday - timedelta(weeks=1)),
        "after_url": "" if not chosen.is_over else _address(chosen.monday + timedelta(weeks=1)),
        "csv_url": reverse("reporting:review_week_csv", args=[chosen.monday.isoformat()]),
        "monday": chosen.monday.isoformat(),
        "cursor": request.GET.get("cursor", ""),
    }
    return render(request, "reporting/review_week.html", context, status=REFUSED if form else 200)


def _weeks(chosen: week.Week) -> list[tuple[str, str, bool]]:
    """The weeks to choose from, the latest first, with the one that is shown."""
    latest = chosen.today - timedelta(days=chosen.today.weekday())
    known = {latest - timedelta(weeks=place) for place in range(week.WEEKS_OFFERED)} | {chosen.monday}
    return [
        (_address(each), f"Week of {day_text(each, year=True)}", each == chosen.monday)
        for each in sorted(known, reverse=True)
    ]


def _address(monday: date, **more: str) -> str:
    said = {name: value for name, value in more.items() if value}
    path = reverse("reporting:review_week", args=[monday.isoformat()])
    return path + (f"?{urlencode(said)}" if said else "")


@require_POST
@member_required(*services.WRITERS)
def note_breakdown(request: TenantRequest, monday: str, timer_id: UUID) -> HttpResponse:
    """POST /reviews/week/<monday>/breakdowns/<id> {text}: say what was done about a missed deadline."""
    now, tenant = database_clock(), request.tenant
    chosen = week.week_of(monday, tenant=tenant, now=now)
    found = week.get_breakdown(timer_id, tenant=tenant, week=chosen, reader=request.member, now=now)
    form = NoteForm(request.POST, auto_id=f"{timer_id}_%s")
    if form.is_valid():
        try:
            services.note_breakdown(
                actor=member_actor(request.member),
                timer_id=found.id,
                text=form.cleaned_data["text"],
                now=now,
            )
        except DomainError as refusal:
            take_errors(form, refusal)
        else:
            messages.success(request, "The note stands beside the breakdown.")
            return redirect(_address(chosen.monday, cursor=request.GET.get("cursor", "")) + f"#b-{timer_id}")
    return _page(request, chosen, now, form=form, about=timer_id)


@require_safe
@member_required(*READERS)
def review_week_file(request: TenantRequest, monday: str) -> HttpResponse:
    """GET /reviews/week/<monday>.csv, .xlsx: every number of the page; Compliance has files of breakdowns."""
    now = database_clock()
    chosen = week.week_of(monday, tenant=request.tenant, now=now)
    pack = week.pack_of_week(tenant=request.tenant, week=chosen, now=now)
    head: list[Any] = ["Section", "Table", "Line", "Column", "Value", "As shown"]
    return table_file(request, f"review-week-{chosen.monday}", head, pack_lines(pack))
