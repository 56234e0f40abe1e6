"""The leads behind Subscribers and Leads of the funnel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from leads.lifecycle import Stage
from leads.models import Lead
from reporting import params, selectors
from reporting.selectors.created import created, is_told, leads_created
from reporting.views.asked import file_name, period_text
from reporting.views.clocks import MOST_LINES, PAGE_SIZE
from reporting.views.handoffs import HandoffAsked, chosen_words, handoffs_asked
from tenants.auth import member_required
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of
from web.table_files import CHUNK, cut_at, table_file

_TITLES: Final = {"subscribers": "Subscribers", "leads": "Leads beyond Subscriber"}


def _asked(request: TenantRequest) -> tuple[HandoffAsked, str, QuerySet[Lead]]:
    given = handoffs_asked(request, selectors.HANDOFF_SPLITS)
    which = params.choice(given.asked.query, "which", tuple(_TITLES), "subscribers")
    return given, which, leads_created(given.question, beyond=which == "leads")


@require_safe
@member_required()
def created_leads(request: TenantRequest) -> HttpResponse:
    """GET /funnel/created?which=subscribers: exactly the leads of the first two bars of the funnel."""
    given, which, found = _asked(request)
    asked, question = given.asked, given.question
    page = page_of(found, cursor=asked.query.get("cursor", ""), size=PAGE_SIZE, order=("-created_at", "-id"))
    counted = created(question, "", (), selectors.handoff_ground(question))
    number = 0
    if counted is not None:
        number = counted.whole.beyond if which == "leads" else counted.whole.all
    context = {
        "title": _TITLES[which],
        "crumbs": [
            {"label": "Insight"},
            {"label": "Funnel & leaks", "url": asked.link("funnel")},
            {"label": "Leads"},
        ],
        "count": number,
        "is_told": is_told(question),
        "period": period_text(question),
        "chosen": chosen_words(asked, selectors.load_names()),
        "rows": [{"lead": lead, "stage": Stage(lead.stage).label} for lead in page.rows],
        "csv_url": f"{reverse('reporting:created_leads_csv')}?{request.GET.urlencode()}",
        "next_url": next_url(request, page.next),
    }
    return render(request, "reporting/created_leads.html", context)


@require_safe
@member_required()
def created_leads_file(request: TenantRequest) -> HttpResponse:
    """GET /funnel/created.csv, .xlsx: the same as a file."""
    given, which, found = _asked(request)
    head = ["Lead", "E-mail", "Company", "Created", "Stage now", "Source", "Campaign", "Channel"]
    rows = found.order_by("-created_at", "-id")[: MOST_LINES + 1].iterator(chunk_size=CHUNK)
    lines = cut_at(_lines(rows, given), MOST_LINES)
    return table_file(request, file_name(given.asked, which), head, lines)


def _lines(rows: Iterable[Lead], given: HandoffAsked) -> Iterator[list[Any]]:
    for lead in rows:
        yield [
            lead.full_name,
            lead.email,
            lead.company_name,
            lead.created_at.astimezone(given.question.zone).strftime("%Y-%m-%d %H:%M"),
            Stage(lead.stage).label,
            lead.source,
            lead.campaign,
            lead.channel,
        ]
