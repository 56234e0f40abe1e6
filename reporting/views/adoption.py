"""Adoption: who of the people accountable has looked at the numbers in a week."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from reporting import selectors
from reporting.adoption import Adopter, adoption
from reporting.mailings.digest import week_question
from reporting.mailings.params import week_from
from reporting.mailings.schedule import monday_of
from reporting.mailings.words import week_words
from reporting.selectors.feedback import feedback_of
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest
from web.table_files import table_file


def _weeks(request: TenantRequest, now: datetime) -> tuple[date, date]:
    """The Mondays of the week asked for and of the present one."""
    present = monday_of(now.astimezone(ZoneInfo(request.tenant.time_zone)).date())
    return week_from(request.GET.get("week", ""), default=present), present


@require_safe
@member_required(Role.EXECUTIVE)
def adoption_file(request: TenantRequest) -> HttpResponse:
    """GET /adoption.csv, .xlsx: the table of the page."""
    week, _ = _weeks(request, database_clock())
    head = ["Person", "Role", "Reports opened", "Last on", "Mails delivered", "Not delivered", "On the way"]
    lines = [
        [
            row["name"],
            row["role"],
            ", ".join(row["reports"]),
            row["last_day"] or "",
            *(row[name] for name in ("delivered", "failed", "waiting", "notices", "opened")),
        ]
        for row in map(_row, adoption(week_question(request.tenant, week, {})))
    ]
    return table_file(request, f"adoption-{week}", [*head, "In the app", "Of these read"], lines)


@require_safe
@member_required(Role.EXECUTIVE)
def adoption_page(request: TenantRequest) -> HttpResponse:
    """GET /adoption?week=2026-11-16: who looked at which report, what was delivered and opened."""
    now = database_clock()
    week, present = _weeks(request, now)
    question = week_question(request.tenant, week, {})
    people = adoption(question)
    coverage, _ = feedback_of(question, "source", now=now, names=selectors.load_names({}))
    page = reverse("reporting:adoption")
    context = {
        "crumbs": [{"label": "Insight", "url": ""}, {"label": "Adoption", "url": ""}],
        "period": week_words(question.first, question.last),
        "rows": [_row(each) for each in people],
        "looked": sum(bool(each.reports) for each in people),
        "number": len(people),
        "coverage": coverage,
        "coverage_url": f"{reverse('reporting:feedback')}?from={question.first}&to={question.last}",
        "csv_url": f"{reverse('reporting:adoption_csv')}?week={week}",
        "before_url": f"{page}?week={week - timedelta(days=7)}",
        "after_url": f"{page}?week={week + timedelta(days=7)}" if week < present else "",
    }
    return render(request, "reporting/adoption.html", context)


def _row(each: Adopter) -> dict[str, Any]:
    return {
        "name": each.member.name,
        "role": each.member.get_role_display(),
        "reports": [
            f"{label} ({days} day{'' if days == 1 else 's'})" for label, days in each.reports.items()
        ],
        "last_day": each.last_day,
        "delivered": each.mails["sent"],
        "failed": each.mails["dead"],
        "waiting": each.mails["pending"] + each.mails["taken"],
        "notices": each.notices,
        "opened": each.opened,
    }
