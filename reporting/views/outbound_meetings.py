"""The meetings behind a number about outbound handoffs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from feedback.models import Meeting
from reporting import params
from reporting.selectors.outbound import LISTED, MOST_LABEL, SPLITS, meetings_behind
from reporting.views.asked import Asked, file_name, period_text
from reporting.views.clocks import MOST_LINES, PAGE_SIZE
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Member
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of
from web.table_files import CHUNK, cut_at, table_file


def _asked(request: TenantRequest) -> tuple[Asked, QuerySet[Meeting], list[str]]:
    """What is asked, the meetings, and what they are in words: the first is a title."""
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    now = database_clock()
    question = params.question_for_page(query, tenant=request.tenant, member=request.member, now=now)
    what = params.choice(query, "what", tuple(LISTED), "booked")
    people = {name: key for name in SPLITS if (key := params.id_asked(query, name)) is not None}
    reason = query.get("reason", "")[:MOST_LABEL]
    named = Member.objects.in_bulk(people.values())
    said = [LISTED[what][0]]
    said += [
        f"{SPLITS[name][1]}: {named[key].name if key in named else 'unknown'}" for name, key in people.items()
    ]
    said += [f"Reason: {reason}"] if reason else []
    found = meetings_behind(question, what, people=people, reason=reason).select_related("lead__account")
    return Asked(query, question, "", now, False), found, said


@require_safe
@member_required()
def meetings_behind_page(request: TenantRequest) -> HttpResponse:
    """GET /meetings/report/meetings?what=held&sdr=: exactly the meetings that one number counts."""
    asked, found, said = _asked(request)
    page = page_of(found, cursor=asked.query.get("cursor", ""), size=PAGE_SIZE, order=("-starts_at", "-id"))
    context = {
        "title": said[0],
        "said": said[1:],
        "period": period_text(asked.question),
        "crumbs": [
            {"label": "Meetings", "url": reverse("handoff:meetings")},
            {"label": "Numbers", "url": asked.link("meetings_report")},
            {"label": "Meetings"},
        ],
        "count": found.count(),
        "rows": page.rows,
        "csv_url": f"{reverse('reporting:meetings_behind_csv')}?{request.GET.urlencode()}",
        "next_url": next_url(request, page.next),
    }
    return render(request, "reporting/meetings_behind.html", context)


@require_safe
@member_required()
def meetings_behind_file(request: TenantRequest) -> HttpResponse:
    """GET /meetings/report/meetings.csv, .xlsx: the same as a file."""
    asked, found, _ = _asked(request)
    rows = found.order_by("-starts_at", "-id")[: MOST_LINES + 1].iterator(chunk_size=CHUNK)
    head = [
        "Lead",
        "Company",
        "Begins",
        "SDR",
        "AE",
        "Outcome",
        "Who was not there",
        "Reason",
        "All criteria met",
    ]
    lines = cut_at((_line(each, asked) for each in rows), MOST_LINES)
    return table_file(request, file_name(asked, "meetings-behind"), head, lines)


def _line(meeting: Meeting, asked: Asked) -> list[Any]:
    return [
        meeting.lead.full_name,
        meeting.lead.company,
        meeting.starts_at.astimezone(asked.question.zone).strftime("%Y-%m-%d %H:%M"),
        meeting.sdr.name,
        meeting.ae.name,
        meeting.get_state_display(),
        meeting.get_absent_display(),
        meeting.reason.label if meeting.reason else "",
        "yes" if meeting.qualified else "no",
    ]
