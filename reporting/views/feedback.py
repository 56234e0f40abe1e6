"""Feedback coverage, rejections as answered and as corrected, and what became of disputes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from reporting import params
from reporting.feedback_measures import Feedback
from reporting.selectors.feedback import FEEDBACK_SPLITS, FeedbackRow, feedback_of
from reporting.selectors.names import load_names
from reporting.selectors.questions import Question
from reporting.views.asked import lies_ahead, period_text, periods_of
from reporting.views.handoffs import group_change
from tenants.auth import member_required
from tenants.clock import database_clock
from tenants.models import Role
from tenants.requests import TenantRequest
from web.table_files import table_file
from web.templatetags.sp import of_base

_reader = member_required(Role.MARKETING, Role.MANAGER, Role.EXECUTIVE)


def _asked(
    request: TenantRequest, now: datetime
) -> tuple[dict[str, str], Question, str, Feedback, list[FeedbackRow]]:
    query = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    question = params.question_for_page(query, tenant=request.tenant, member=request.member, now=now)
    by = params.choice(query, "by", tuple(FEEDBACK_SPLITS), "rep")
    whole, rows = feedback_of(question, by, now=now, names=load_names())
    return query, question, by, whole, rows


def coverage_text(found: Feedback) -> str:
    """ "100% (118 of 118; 7 not due yet)"; why there is none where no answer can be expected."""
    left = [f"{found.not_due:,} not due yet"] if found.not_due else []
    left += [f"{found.not_promised:,} without a promised decision"] if found.not_promised else []
    if found.coverage is None:
        return f"No answer is due yet ({'; '.join(left)})" if left else "No MQLs in this period"
    said = f"{found.answered:,} of {found.expected:,}"
    return f"{found.coverage:g}% ({'; '.join([said, *left])})"


@require_safe
@_reader
def feedback(request: TenantRequest) -> HttpResponse:
    """GET /feedback/coverage: how much of what is owed was answered, and what disputes made of it."""
    now = database_clock()
    query, question, by, whole, rows = _asked(request, now)
    chosen = params.period_name(query)
    periods = periods_of(query, question)
    hidden = [(name, query[name]) for name in ("by", "source", "rep", "team") if query.get(name)]
    if not chosen:
        hidden += [(name, query[name]) for name in ("from", "to") if query.get(name)]
    context = {
        "crumbs": [{"label": "Disputes", "url": reverse("handoff:disputes")}, {"label": "Feedback coverage"}],
        "period": period_text(question),
        "ahead": lies_ahead(question.first, zone=question.zone, now=now),
        "filters": {"periods": periods, "selects": [], "hidden": hidden},
        "csv_url": _address("reporting:feedback_csv", query),
        "tabs": [
            {
                "label": f"By {label.lower()}",
                "url": _address("reporting:feedback", query, by=name),
                "current": name == by,
            }
            for name, (_, label) in FEEDBACK_SPLITS.items()
        ],
        "head": FEEDBACK_SPLITS[by][1],
        "whole": whole,
        "coverage": coverage_text(whole),
        "kpis": _kpis(whole, _Ways(query, question)),
        "outcomes": _outcomes(whole, _Ways(query, question)),
        "rows": [
            {
                "row": row,
                "coverage": coverage_text(row.feedback),
                "ways": _ways(row.feedback, _Ways(query, question, {by: group_change(by, row.key)[by]})),
            }
            for row in rows
        ],
    }
    return render(request, "reporting/feedback.html", context)


@dataclass(frozen=True, slots=True)
class _Ways:
    """Ways to the MQLs behind numbers, by the names of feedback_measures.BEHIND; none to those of nothing."""

    query: Mapping[str, str]
    question: Question
    group: Mapping[str, str | None] = field(default_factory=dict)

    def to(self, what: str, number: int) -> str:
        if not number:
            return ""
        kept = {name: self.query[name] for name in ("team", "rep", "source") if self.query.get(name)}
        days = {"from": self.question.first.isoformat(), "to": self.question.last.isoformat()}
        return (
            f"{reverse('reporting:funnel_leads')}?{urlencode({**days, **kept, **self.group, 'stage': what})}"
        )


def _ways(found: Feedback, ways: _Ways) -> dict[str, str]:
    return {
        "mqls": ways.to("feedback_mqls", found.mqls),
        "given": ways.to("feedback_given", found.answered),
        "none": ways.to("feedback_none", found.mqls - found.answered),
        "rejected": ways.to("feedback_rejected", found.rejected),
        "corrected": ways.to("feedback_corrected", found.corrected),
        "disputed": ways.to("disputed", found.disputed),
    }


def _kpis(whole: Feedback, ways: _Ways) -> list[dict[str, Any]]:
    leads = _ways(whole, ways)

    def kpi(
        label: str, percent: float | None, said: str, nothing: str, url: str, status: str | None = None
    ) -> dict[str, Any]:
        if percent is None:  # a share of nothing is none
            value, unit, said = "–", "", nothing
        else:
            value, unit = f"{percent:g}", "%"
        return {
            "label": label,
            "value": value,
            "unit": unit,
            "status": status,
            "target": said,
            "delta": "",
            "url": url,
        }

    covered = whole.coverage
    status = None if covered is None else "on_target" if covered == 100 else "off_target"
    return [
        kpi(
            "Feedback coverage",
            covered,
            f"{whole.answered:,} of {whole.expected:,}",
            "No answer is due yet",
            leads["given"],
            status,
        ),
        kpi(
            "Rejected as answered",
            whole.rejected_as_answered,
            f"{whole.rejected:,} of {whole.decided:,}",
            "None decided yet",
            leads["rejected"],
        ),
        kpi(
            "Rejected as corrected",
            whole.rejected_as_corrected,
            f"{whole.corrected:,} of {whole.corrected_base:,}, {whole.overturned:,} overturned",
            "All were overturned" if whole.overturned else "None decided yet",
            leads["corrected"],
        ),
        {
            "label": "Disputed",
            "value": f"{whole.disputed:,}",
            "unit": "rejections",
            "status": None,
            "target": of_base(whole.disputed, whole.rejected),
            "delta": f"{whole.dispute_open:,} open",
            "url": leads["disputed"],
        },
    ]


def _outcomes(whole: Feedback, ways: _Ways) -> list[tuple[str, int, str]]:
    found = whole.as_dict()["disputes"]
    words = {
        "open": "Open",
        "upheld": "Upheld",
        "overturned": "Overturned",
        "criteria": "Criteria to change",
        "routing": "Routing to change",
    }
    return [(text, found[name], ways.to(f"dispute_{name}", found[name])) for name, text in words.items()]


def _address(view: str, query: Mapping[str, str], **changes: str) -> str:
    names = ("period", "from", "to", "team", "rep", "source", "by")
    kept = {name: query[name] for name in names if query.get(name)} | changes
    return reverse(view) + (f"?{urlencode(kept)}" if kept else "")


@require_safe
@_reader
def feedback_file(request: TenantRequest) -> HttpResponse:
    """GET /feedback/coverage.csv, .xlsx: the table as a file."""
    _, question, by, _, rows = _asked(request, database_clock())
    head = [
        FEEDBACK_SPLITS[by][1],
        "MQLs",
        "Answered",
        "Answers expected",
        "Coverage percent",
        "Not due yet",
        "No decision promised",
        "Decided",
        "Rejected as answered",
        "Overturned",
        "Rejected as corrected",
        "Disputed",
    ]
    lines = (
        [
            row.name,
            row.feedback.mqls,
            row.feedback.answered,
            row.feedback.expected,
            row.feedback.coverage,
            row.feedback.not_due,
            row.feedback.not_promised,
            row.feedback.decided,
            row.feedback.rejected,
            row.feedback.overturned,
            row.feedback.corrected,
            row.feedback.disputed,
        ]
        for row in rows
    )
    return table_file(request, f"feedback-by-{by}-{question.first}-to-{question.last}", head, lines)
