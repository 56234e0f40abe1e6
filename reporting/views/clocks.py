"""The clocks behind a number, with their leads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from handoff import clocks
from reporting import params, selectors
from reporting.files import csv_response
from reporting.measures import TARGETS, Verdict
from reporting.models import TargetFact
from reporting.views.asked import Asked, asked_by, file_name, period_text
from sla import targets
from sla.models import Timer
from tenants.auth import member_required
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of
from web.templatetags.sp import DASH

PAGE_SIZE: Final = 50
#: Most lines of a download.
MOST_LINES: Final = 100_000


def clock_rows(asked: Asked, rows: list[TargetFact], names: selectors.Names) -> list[dict[str, Any]]:
    """Rows of clocks with their leads, for reporting/_clock_rows.html."""
    stories = selectors.stories(rows, names=names)
    found = Timer.objects.select_related("handoff__lead").filter(id__in=[row.id for row in rows])
    timers = {timer.id: timer for timer in found}
    shown = []
    for row in rows:
        timer = timers.get(row.id)
        if timer is None:  # erased a moment ago
            continue
        reading = clocks.read(timer, now=asked.now)
        lead = timer.handoff.lead
        shown.append(
            {
                "lead": lead,
                "url": reverse("handoff:lead", args=[lead.id]),
                "target": targets.label(row.target),
                "status": reading.status.value,
                "seconds": reading.seconds,
                "running": reading.running,
                "next_change": reading.next_change,
                "resumes": reading.resumes,
                "rep": names.of("rep", row.member_id)[0],
                "tier": row.tier_name or selectors.humanise(row.tier),
                "source": row.source or DASH,
                "due_at": row.due_at,
                "story": stories[row.id],
                "reassign": reverse("handoff:reassign", args=[lead.id])
                if reading.is_open and asked.may_reassign
                else "",
            }
        )
    return shown


_VERDICTS: Final = {"met": "on time", "missed": "late", "open": "not due yet", "cancelled": "called off"}

_ONLY: Final = {"answered": "answered", "overdue": "overdue and still open"}


def _behind(asked: Asked) -> tuple[Any, str]:
    """(clocks, words) of the number that the address names."""
    target = params.choice(asked.query, "target", ("", *TARGETS), "") or None
    verdict = params.choice(asked.query, "verdict", ("", *_VERDICTS), "")
    only = params.choice(asked.query, "only", ("", *_ONLY), "")
    overdue = only == "overdue"
    rows = selectors.clocks_behind(
        asked.question,
        now=asked.now,
        target=target,
        verdict=Verdict(verdict) if verdict else Verdict.BROKEN if overdue else None,
        answered=only == "answered",
        unanswered=overdue,
    )
    what = TARGETS[target] if target else "All targets"
    said = [each for each in (_VERDICTS.get(verdict, ""), _ONLY.get(only, "")) if each]
    return rows, f"{what}: {', '.join(said) or 'every clock'}"


@require_safe
@member_required()
def compliance_leads(request: TenantRequest) -> HttpResponse:
    """GET /compliance/leads: exactly the clocks that one number counts, with their leads."""
    asked = asked_by(request)
    found, what = _behind(asked)
    page = page_of(found, cursor=asked.query.get("cursor", ""), size=PAGE_SIZE, order=("-started_at", "-id"))
    names = selectors.load_names()
    keep = {name: asked.query[name] for name in ("target", "verdict", "only") if asked.query.get(name)}
    back = dict.fromkeys(("rep", "campaign")) if not asked.query.get("by") else {}
    context = {
        "title": what,
        "asked": asked,
        "crumbs": [{"label": "Compliance", "url": asked.link("compliance", **back)}, {"label": "Leads"}],
        "count": found.count(),
        "period": period_text(asked.question),
        "chosen": _chosen(asked, names),
        "rows": clock_rows(asked, page.rows, names),
        "csv_url": asked.link("compliance_leads_csv", **keep),
        "next_url": next_url(request, page.next),
        "verdicts": _verdict_tabs(asked, keep),
    }
    return render(request, "reporting/leads.html", context)


def _verdict_tabs(asked: Asked, keep: Mapping[str, str]) -> list[dict[str, Any]]:
    target = keep.get("target")
    current = "" if keep.get("only") else keep.get("verdict", "")
    return [
        {
            "label": label.capitalize(),
            "url": asked.link("compliance_leads", target=target, verdict=verdict or None),
            "current": verdict == current and not keep.get("only"),
        }
        for verdict, label in {"": "all", **_VERDICTS}.items()
    ]


def _chosen(asked: Asked, names: selectors.Names) -> list[str]:
    """The filters in force, in words."""
    question = asked.question
    found = [f"{question.clock.capitalize()} clock"]
    if asked.query.get("rep"):
        found.append(f"Rep: {names.of('rep', question.member)[0]}")
    if asked.query.get("team"):
        found.append(f"Team: {names.of('team', question.team)[0]}")
    for name in ("source", "campaign", "tier"):
        value = getattr(question, name)
        if value is not None:
            found.append(f"{name.capitalize()}: {names.of(name, value)[0]}")
    return found


@require_safe
@member_required()
def compliance_leads_csv(request: TenantRequest) -> HttpResponse:
    """GET /compliance/leads.csv: the same clocks as a file."""
    asked = asked_by(request)
    found, _ = _behind(asked)
    names = selectors.load_names()
    head = ["Lead", "E-mail", "Company", "Target", "Clock", "Verdict", "Rep", "Tier", "Source", "Campaign"]
    head += ["Started", "Due", "Answered", "Working seconds"]
    lines = []
    for row in found.select_related("handoff__lead").order_by("-started_at", "-id")[:MOST_LINES]:
        lead = row.handoff.lead
        late = row.verdict == "missed" or (row.verdict == "open" and row.due_at < asked.now)
        verdict = "late" if late else _VERDICTS.get(row.verdict, "not due yet")
        lines.append(
            [
                lead.full_name,
                lead.email,
                lead.company_name,
                targets.label(row.target),
                row.clock,
                verdict,
                names.of("rep", row.member_id)[0],
                row.tier_name or row.tier,
                row.source,
                row.campaign,
                *(at.astimezone(asked.question.zone).isoformat() if at else "" for at in _moments(row)),
                row.business_seconds if row.met_at else None,
            ]
        )
    return csv_response(file_name(asked, "compliance-leads"), head, lines)


def _moments(row: TargetFact) -> tuple[datetime | None, datetime | None, datetime | None]:
    return row.started_at, row.due_at, row.met_at
