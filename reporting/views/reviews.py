"""Reviews of months and quarters: live until they are closed, frozen ever after."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.errors import DomainError
from reporting.reviews import services
from reporting.reviews.forms import DecisionForm, NoteForm, ReviewSettingsForm
from reporting.reviews.models import Review
from reporting.reviews.pack import Pack, written, written_rows
from reporting.reviews.paper import file_name, review_pdf
from reporting.reviews.periods import period_of
from reporting.reviews.record import Decision
from reporting.reviews.shown import Shown, corrections_of, shown_of
from reporting.views.asked import day_text
from tenants.audit import member_actor, names_of_actors
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.refusals import REFUSED, status_of_refusal, take_errors
from tenants.requests import TenantRequest
from web.pdf import pdf_response
from web.table_files import table_file

READERS: Final = (Role.MANAGER, Role.MARKETING, Role.EXECUTIVE)
#: Reviews of the list, the latest first: three years.
MOST_LISTED: Final = 48


@require_safe
@member_required(*READERS)
def reviews(request: TenantRequest) -> HttpResponse:
    """GET /reviews: months and quarters, open and closed."""
    return _list(request)


def _list(request: TenantRequest, form: ReviewSettingsForm | None = None) -> HttpResponse:
    today = services.today_of(request.tenant, database_clock())
    found = list(Review.objects.defer("frozen").order_by("-first_day", "kind", "-id")[:MOST_LISTED])
    people = names_of_actors({each.closed_by for each in found if each.closed_by})
    rows = [
        {
            "review": each,
            "period": period_of(each),
            "is_over": period_of(each).is_over(today),
            "closed_by": people.get(each.closed_by, ""),
        }
        for each in found
    ]
    if form is None and request.member.role == Role.ADMIN:
        form = ReviewSettingsForm(initial={"remind_days": services.remind_days()})
    context = {
        "crumbs": [{"label": "Contract"}, {"label": "Reviews"}],
        "rows": rows,
        "form": form,
        "remind_days": services.remind_days(),
    }
    return render(request, "reporting/reviews.html", context, status=REFUSED if form and form.errors else 200)


@require_POST
@member_required(Role.ADMIN)
def change_settings(request: TenantRequest) -> HttpResponse:
    """POST /reviews/settings {remind_days}"""
    form = ReviewSettingsForm(request.POST)
    if form.is_valid():
        days = form.cleaned_data["remind_days"]
        services.set_remind_days(member=request.member, days=days, now=database_clock())
        messages.success(request, "Saved.")
        return redirect("reporting:reviews")
    return _list(request, form)


# --- One review ---


@require_safe
@member_required(*READERS)
def review(request: TenantRequest, review_id: UUID) -> HttpResponse:
    """GET /reviews/<id>: the pack; with corrected=1, what of a closed one is another number by now."""
    return _page(request, services.get_review(review_id))


def _page(
    request: TenantRequest,
    found: Review,
    *,
    note: NoteForm | None = None,
    decision: DecisionForm | None = None,
    refused: str = "",
    status: int = 200,
) -> HttpResponse:
    now, tenant, member = database_clock(), request.tenant, request.member
    shown, period = shown_of(found, tenant=tenant, now=now), period_of(found)
    today, closed = services.today_of(tenant, now), found.state == Review.State.CLOSED
    writes = member.role in services.WRITERS
    is_compared = closed and request.GET.get("corrected") == "1"
    context = {
        "crumbs": [
            {"label": "Contract"},
            {"label": "Reviews", "url": reverse("reporting:reviews")},
            {"label": period.name[:1].upper() + period.name[1:]},
        ],
        "review": found,
        "period": period,
        "days": f"{day_text(period.first)} to {day_text(period.last, year=True)}",
        "is_closed": closed,
        "is_over": period.is_over(today),
        "shown": shown,
        "sections": shown_sections(shown.pack),
        "decisions": [_decision(each, request, shown, today) for each in shown.decisions],
        "may_write": writes,
        "may_decide": writes and not closed,
        "may_close": not closed and period.is_over(today) and member.role in services.CLOSERS,
        "note_form": note or NoteForm(),
        "decision_form": decision or (DecisionForm() if writes and not closed else None),
        "refused": refused,
        "is_compared": is_compared,
        "corrections": corrections_of(found, tenant=tenant, now=now) if is_compared else [],
        "csv_url": reverse("reporting:review_csv", args=[found.id]),
    }
    return render(request, "reporting/review.html", context, status=status)


def shown_sections(pack: Pack) -> list[dict[str, Any]]:
    """Tables as they are read."""
    return [
        {
            "section": section,
            "tables": [
                {
                    "table": table,
                    "columns": table.columns,
                    "rows": [
                        [
                            {"text": text, "raw": raw, "column": column}
                            for text, raw, column in zip(texts, raws, table.columns, strict=True)
                        ]
                        for texts, raws in zip(written_rows(table), table.rows, strict=True)
                    ],
                }
                for table in section.tables
            ],
        }
        for section in pack.sections
    ]


def _decision(each: Decision, request: TenantRequest, shown: Shown, today: Any) -> dict[str, Any]:
    owns = each.owner_id == str(request.member.id)
    may = each.done_at is None and (owns or request.member.role in services.WRITERS)
    frozen = {then.id: then for then in shown.said.decisions}.get(each.id)
    return {
        "decision": each,
        "is_late": each.is_late(today),
        "may_do": may,
        "done_since": each.done_at is not None and frozen is not None and frozen.done_at is None,
    }


@require_POST
@member_required(*services.WRITERS)
def write_note(request: TenantRequest, review_id: UUID) -> HttpResponse:
    """POST /reviews/<id>/notes {text}"""
    found, form = services.get_review(review_id), NoteForm(request.POST)
    if form.is_valid():
        try:
            services.write_note(
                actor=member_actor(request.member),
                review_id=review_id,
                text=form.cleaned_data["text"],
                now=database_clock(),
            )
        except DomainError as refusal:
            take_errors(form, refusal)
        else:
            messages.success(request, "The note stands in the review.")
            return redirect(_address(review_id, "notes"))
    return _page(request, found, note=form, status=REFUSED)


@require_POST
@member_required(*services.WRITERS)
def decide(request: TenantRequest, review_id: UUID) -> HttpResponse:
    """POST /reviews/<id>/decisions {text, owner, due_on}. 409 where the review was closed meanwhile."""
    found, form = services.get_review(review_id), DecisionForm(request.POST)
    status = REFUSED
    if form.is_valid():
        said = form.cleaned_data
        try:
            services.decide(
                tenant=request.tenant,
                member=request.member,
                review_id=review_id,
                text=said["text"],
                owner=UUID(said["owner"]),
                due_on=said["due_on"],
                now=database_clock(),
            )
        except DomainError as refusal:
            take_errors(form, refusal)
            status = status_of_refusal(refusal)
        else:
            messages.success(request, "The decision stands in the review.")
            return redirect(_address(review_id, "decisions"))
    return _page(request, found, decision=form, status=status)


@require_POST
@member_required(*READERS)
def decision_done(request: TenantRequest, review_decision_id: UUID) -> HttpResponse:
    """POST /reviews/decisions/<id>/done"""
    found = services.get_decision(review_decision_id)
    try:
        services.mark_done(member=request.member, decision_id=found.id, now=database_clock())
    except DomainError as refusal:
        review = services.get_review(found.review_id)
        status = refusal.status if refusal.status == 403 else status_of_refusal(refusal)
        return _page(request, review, refused=refusal.message, status=status)
    messages.success(request, "Noted: it is done.")
    return redirect(_address(found.review_id, "decisions"))


@require_POST
@member_required(*READERS)
def close(request: TenantRequest, review_id: UUID) -> HttpResponse:
    """POST /reviews/<id>/close: freeze it, for good. 409 where somebody did before, and while the period is
    not over."""
    found = services.get_review(review_id)
    try:
        services.close_review(
            tenant=request.tenant, member=request.member, review_id=review_id, now=database_clock()
        )
    except DomainError as refusal:
        found = services.get_review(review_id)
        return _page(request, found, refused=refusal.message, status=status_of_refusal(refusal))
    messages.success(request, "Closed. Its numbers stay as they are, and everybody who reads it gets a mail.")
    return redirect(_address(found.id))


def _address(review_id: UUID, part: str = "") -> str:
    return reverse("reporting:review", args=[review_id]) + (f"#{part}" if part else "")


# --- Files ---


@require_safe
@member_required(*READERS)
def review_paper(request: TenantRequest, review_id: UUID) -> HttpResponse:
    """GET /reviews/<id>.pdf"""
    found = services.get_review(review_id)
    shown = shown_of(found, tenant=request.tenant, now=database_clock())
    return pdf_response(file_name(found, "pdf"), review_pdf(request.tenant, found, shown))


@require_safe
@member_required(*READERS)
def review_file(request: TenantRequest, review_id: UUID) -> HttpResponse:
    """GET /reviews/<id>.csv, .xlsx: every number of every table, and what was said."""
    found = services.get_review(review_id)
    shown = shown_of(found, tenant=request.tenant, now=database_clock())
    zone = ZoneInfo(request.tenant.time_zone)
    head = ("Section", "Table", "Line", "Column", "Value", "As shown")
    return table_file(request, file_name(found), head, _lines(shown, zone))


def pack_lines(pack: Pack) -> Iterator[list[Any]]:
    """A line for each number: section, table, line, column, value, as it is read."""
    for section in pack.sections:
        for table in section.tables:
            for row in table.rows:
                for column, cell in list(zip(table.columns, row, strict=True))[1:]:
                    shown_as = written(cell, column.form)
                    yield [section.title, table.title, row[0], column.head, cell, shown_as]


def _lines(shown: Shown, zone: ZoneInfo) -> Iterator[list[Any]]:
    yield from pack_lines(shown.pack)
    for each in shown.decisions:
        done = _day(each.done_at, zone) if each.done_at else "no"
        for what, value in (("Owner", each.owner), ("Due", each.due_on.isoformat()), ("Done", done)):
            yield ["Decisions", "Decisions", each.text, what, value, value]
    for note in (*shown.said.notes, *shown.addenda):
        yield ["Notes", "Notes", note.text, f"By {note.by}", _day(note.at, zone), _day(note.at, zone)]


def _day(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).date().isoformat()
