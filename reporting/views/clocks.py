"""The clocks behind a number, with their leads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from handoff import clocks
from leads.models import Handoff, Lead
from reporting import measures, params, selectors
from reporting.measures import JUDGED, LEFT_OUT, RESPONSES, Verdict
from reporting.models import TargetFact
from reporting.views.asked import Asked, asked_by, file_name, hour_text, period_text
from sla import targets
from sla.models import Timer
from tenants.auth import member_required
from tenants.requests import TenantRequest
from web.pagination import next_url
from web.table_files import CHUNK, cut_at, in_chunks, table_file
from web.templatetags.sp import DASH

PAGE_SIZE: Final = 50
#: Most lines of a download.
MOST_LINES: Final = 100_000


def clock_rows(asked: Asked, rows: list[TargetFact], names: selectors.Names) -> list[dict[str, Any]]:
    """Rows of clocks with their leads, for reporting/_clock_rows.html."""
    stories = selectors.stories(rows, names=names)
    found = Timer.objects.select_related("handoff__lead").filter(id__in=[row.id for row in rows])
    timers = {timer.id: timer for timer in found}
    of_history = [row.handoff_id for row in rows if row.is_history]
    recorded = Handoff.objects.select_related("lead").in_bulk(of_history) if of_history else {}
    shown = []
    for row in rows:
        timer = timers.get(row.id)
        handoff = recorded.get(row.handoff_id) if row.is_history else timer and timer.handoff
        if handoff is None:  # erased a moment ago
            continue
        reading = clocks.read(timer, now=asked.now) if timer else None
        lead = handoff.lead
        shown.append(
            {
                "id": row.id,
                "lead": lead,
                "url": reverse("handoff:lead", args=[lead.id]),
                "target": targets.label(row.target),
                "status": reading.status.value if reading else row.verdict,
                "seconds": reading and reading.seconds,
                "running": reading and reading.running,
                "next_change": reading and reading.next_change,
                "resumes": reading and reading.resumes,
                "rep": names.of("rep", row.member_id)[0],
                "tier": row.tier_name or selectors.humanise(row.tier),
                "source": row.source or DASH,
                # With pauses ignored the deadline is the one that it is judged by.
                "due_at": (asked.question.ignore_pauses and row.plain_due_at) or row.due_at,
                "plain": asked.question.ignore_pauses and row.plain_due_at is not None,
                "excused": row.excused and verdict_of(row, asked) == Verdict.BROKEN,
                "story": stories[row.id],
                "reassign": reverse("handoff:reassign", args=[lead.id])
                if reading and reading.is_open and asked.may_reassign
                else "",
            }
        )
    return shown


_VERDICTS: Final = {"met": "on time", "missed": "late", "open": "not due yet", "cancelled": "called off"}

_EXCUSED: Final = {"yes": "excused", "no": "not excused"}

_ONLY: Final = {
    "answered": "answered",
    "overdue": "overdue and still open",
    "judged": "met or missed",
    "left_out": "not due yet or called off",
}


def _behind(asked: Asked) -> tuple[Any, str]:
    """(clocks, words) of the number that the address names."""
    target = asked.question.target
    verdict = params.choice(asked.query, "verdict", ("", *_VERDICTS), "")
    only = params.choice(asked.query, "only", ("", *_ONLY), "")
    excused = params.choice(asked.query, "excused", ("any", *_EXCUSED), "any")
    overdue = only == "overdue"
    response = params.choice(asked.query, "response", ("", *RESPONSES), "")
    rows = selectors.clocks_behind(
        asked.question,
        now=asked.now,
        verdict=Verdict(verdict) if verdict else Verdict.BROKEN if overdue else None,
        answered=only == "answered",
        unanswered=overdue,
        judged={"judged": True, "left_out": False}.get(only),
        excused={"yes": True, "no": False}.get(excused),
        response=response,
    )
    what = targets.label(target) if target else "All targets"
    words = ((_VERDICTS, verdict), (_ONLY, only), (_EXCUSED, excused), (RESPONSES, response))
    said = [known[word] for known, word in words if word in known]
    return rows, f"{what}: {', '.join(said) or 'every clock'}"


def _count(asked: Asked, found: QuerySet[TargetFact], keep: Mapping[str, str]) -> int:
    """How many clocks the list has: of the roll-ups, if they can say, as a year's are too many to count."""
    verdicts: tuple[Verdict, ...] | None = None
    if not keep:
        verdicts = tuple(Verdict)
    elif keep.keys() == {"verdict"}:
        verdicts = (Verdict(keep["verdict"]),)
    elif keep.keys() == {"only"}:
        verdicts = {"judged": JUDGED, "left_out": LEFT_OUT}.get(keep["only"])
    if verdicts is None:
        return found.count()
    ground = selectors.ground_of(asked.question)
    number = selectors.number_of_clocks(asked.question, ground, now=asked.now, verdicts=verdicts)
    return found.count() if number is None else number


@require_safe
@member_required()
def compliance_leads(request: TenantRequest) -> HttpResponse:
    """GET /compliance/leads: exactly the clocks that one number counts, with their leads."""
    asked = asked_by(request)
    found, what = _behind(asked)
    page = selectors.latest_clocks(
        found, asked.question, cursor=asked.query.get("cursor", ""), size=PAGE_SIZE
    )
    names = selectors.load_names()
    keep = {name: asked.query[name] for name in _OF_LISTS if asked.query.get(name)}
    back = dict.fromkeys(("target", *(() if asked.query.get("by") else ("rep", "campaign"))))
    rows = clock_rows(asked, page.rows, names)
    context = {
        "title": what,
        "asked": asked,
        "crumbs": [{"label": "Compliance", "url": asked.link("compliance", **back)}, {"label": "Leads"}],
        "count": _count(asked, found, keep),
        "period": period_text(asked.question),
        "chosen": _chosen(asked, names),
        "rows": rows,
        "with_excused": "excused" in keep or selectors.any_excused(asked.question),
        "excused_tabs": _excused_tabs(asked, keep),
        "csv_url": asked.link("compliance_leads_csv", **keep),
        "next_url": next_url(request, page.next),
        "verdicts": _verdict_tabs(asked, keep),
    }
    return render(request, "reporting/leads.html", context)


#: What the address of a list has beyond that of the page.
_OF_LISTS: Final = ("verdict", "only", "excused", "hour", "response")


def verdict_of(row: TargetFact, asked: Asked) -> Verdict:
    """How this clock counts now."""
    return measures.verdict_of(row, asked.now, ignore_pauses=asked.question.ignore_pauses)


def _excused_tabs(asked: Asked, keep: Mapping[str, str]) -> list[dict[str, Any]]:
    current = keep.get("excused", "any")
    return [
        {
            "label": label,
            "url": asked.link("compliance_leads", **{**keep, "excused": None if value == "any" else value}),
            "current": value == current,
        }
        for value, label in {"any": "Any", "yes": "Excused", "no": "Not excused"}.items()
    ]


def _verdict_tabs(asked: Asked, keep: Mapping[str, str]) -> list[dict[str, Any]]:
    kept = {name: keep.get(name) for name in ("excused", "hour", "response")}
    current = keep.get("verdict", "")
    return [
        {
            "label": label.capitalize(),
            "url": asked.link("compliance_leads", verdict=verdict or None, **kept),
            "current": verdict == current and not keep.get("only"),
        }
        for verdict, label in {"": "all", **_VERDICTS}.items()
    ]


def _chosen(asked: Asked, names: selectors.Names) -> list[str]:
    """The filters in force, in words."""
    question = asked.question
    found = [f"{question.clock.capitalize()} clock"]
    if question.ignore_pauses:
        found.append("Pauses ignored")
    if asked.query.get("rep"):
        found.append(f"Rep: {names.of('rep', question.member)[0]}")
    if asked.query.get("team"):
        found.append(f"Team: {names.of('team', question.team)[0]}")
    if question.hour is not None:
        found.append(f"Came {hour_text(question.hour)}")
    for name in ("source", "campaign", "tier"):
        value = getattr(question, name)
        if value is not None:
            found.append(f"{name.capitalize()}: {names.of(name, value)[0]}")
    return found


@require_safe
@member_required()
def compliance_leads_file(request: TenantRequest) -> HttpResponse:
    """GET /compliance/leads.csv: the same clocks as a file."""
    asked = asked_by(request)
    found, _ = _behind(asked)
    names = selectors.load_names()
    head = ["Lead", "E-mail", "Company", "Target", "Clock", "Verdict", "Excused", "Rep", "Tier", "Source"]
    head += ["Campaign", "Started", "Due", "Answered", "Working seconds", "Paused seconds"]
    rows = found.order_by("-started_at", "-id")[: MOST_LINES + 1].iterator(chunk_size=CHUNK)
    lines = cut_at(_lines(rows, asked, names), MOST_LINES)
    return table_file(request, file_name(asked, "compliance-leads"), head, lines)


def _lines(rows: Iterable[TargetFact], asked: Asked, names: selectors.Names) -> Iterator[list[Any]]:
    for chunk in in_chunks(rows):
        handoffs = Handoff.objects.filter(id__in={row.handoff_id for row in chunk})
        lead_ids = dict(handoffs.values_list("id", "lead_id"))
        leads = Lead.objects.only("first_name", "last_name", "email", "company_name").in_bulk(
            list(set(lead_ids.values()))
        )
        for row in chunk:
            lead = leads.get(lead_ids.get(row.handoff_id))
            if lead is None:  # erased a moment ago
                continue
            verdict = verdict_of(row, asked)
            yield [
                lead.full_name,
                lead.email,
                lead.company_name,
                targets.label(row.target),
                row.clock,
                _VERDICTS[verdict.value],
                "yes" if row.excused and verdict == Verdict.BROKEN else "no",
                names.of("rep", row.member_id)[0],
                row.tier_name or row.tier,
                row.source,
                row.campaign,
                *(at.astimezone(asked.question.zone).isoformat() if at else "" for at in _moments(row)),
                row.business_seconds if row.met_at else None,
                (row.paused_seconds or 0) if row.met_at else None,
            ]


def _moments(row: TargetFact) -> tuple[datetime | None, datetime | None, datetime | None]:
    return row.started_at, row.due_at, row.met_at
