"""Adoption: who of the people accountable has looked at the numbers in a week."""

from __future__ import annotations

from datetime import timedelta
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


@require_safe
@member_required(Role.EXECUTIVE)
def adoption_page(request: TenantRequest) -> HttpResponse:
    """GET /adoption?week=2026-11-16: who looked at which report, what was delivered and opened."""
    now = database_clock()
    present = monday_of(now.astimezone(ZoneInfo(request.tenant.time_zone)).date())
    week = week_from(request.GET.get("week", ""), default=present)
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
