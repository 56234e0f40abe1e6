"""Compliance: the signed numbers over a period, split, drawn, and down to the leads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from reporting import params, selectors
from reporting.files import csv_response
from reporting.measures import BUCKET_ERROR, TARGETS, Rate, Verdict, standing
from reporting.views.asked import Asked, asked_by, day_text, file_name, period_text
from reporting.views.clocks import clock_rows
from reporting.views.filters import filters_of
from tenants.auth import member_required
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of
from web.templatetags.sp import DASH, minutes_text, pct, signed

#: The name of a split's filter in an address.
FILTERS: Final = {"rep": "rep", "team": "team", "source": "source", "campaign": "campaign", "tier": "tier"}

BREACHES_SHOWN: Final = 20


@require_safe
@member_required()
def compliance(request: TenantRequest) -> HttpResponse:
    """GET /compliance: the signed numbers over a period, split, drawn, and down to the leads."""
    asked = asked_by(request)
    question, now = asked.question, asked.now
    target: int = request.tenant.target_percent
    ground = selectors.ground_of(question)
    offered = selectors.choices(question, ground=ground)
    names = selectors.load_names(offered.tiers)
    report = selectors.report(question, asked.by, now=now, names=names, ground=ground)
    whole, course, groups = report.whole, report.course, report.groups
    only_open = params.choice(asked.query, "breaches", ("open", "all"), "open") == "open"
    page = page_of(
        selectors.clocks_behind(question, now=now, verdict=Verdict.BROKEN, unanswered=only_open),
        cursor=asked.query.get("cursor", ""),
        size=BREACHES_SHOWN,
        order=("-due_at", "-id"),
    )
    broken = sum(rate.broken for rate in whole.rates.values())
    context = {
        "asked": asked,
        "title": "My compliance" if asked.own else "Compliance",
        "crumbs": [{"label": "Insight"}, {"label": "My compliance" if asked.own else "Compliance"}],
        "summary": _summary(asked, whole.rates["first_touch"]),
        "filters": filters_of(asked, offered, names),
        "csv_url": asked.link("compliance_csv"),
        "year_url": asked.link("compliance", period="365d", **dict.fromkeys(("from", "to"))),
        "empty": not any(rate.all for rate in whole.rates.values()),
        "kpis": _kpis(asked, whole, report.before, target),
        "counted": _counted(whole),
        "closed_hours": _closed_hours(groups, question.clock),
        "rounded": f"{BUCKET_ERROR:g}" if report.is_rounded else "",
        "trend": _trend(course),
        "trend_title": f"First touch on time, by {'week' if question.by_week else 'day'}",
        "trend_finding": _lowest(course),
        "course_title": _course_title(course.span, "week" if question.by_week else "day"),
        "target": target,
        "bars": [{"label": name, "on_time": ok, "late": late} for name, ok, late in whole.ranges],
        "responses": [
            f"{_share_word(share)} {_needed(at)}" for share, at in whole.responses.items() if at is not None
        ],
        "answered": whole.rates["first_touch"].answered,
        "tabs": _tabs(asked),
        "head": selectors.SPLITS[asked.by][1],
        "rows": [_row(asked, group, course, target) for group in groups],
        "breaches": clock_rows(asked, page.rows, names),
        "only_open": only_open,
        "unanswered": whole.unanswered,
        "broken": broken,
        "open_url": asked.link("compliance", breaches=None) + "#breaches",
        "all_url": asked.link("compliance", breaches="all") + "#breaches",
        "next_url": f"{next_url(request, page.next)}#breaches" if page.next else None,
    }
    return render(request, "reporting/compliance.html", context)


def _share_word(share: int) -> str:
    return "Median" if share == 50 else f"{share}% within"


def _needed(seconds: int | None) -> str:
    """A response time in working time. None of it is `0 min`, which `_closed_hours` explains: `0 s`
    reads as a fault."""
    return "0 min" if seconds == 0 else minutes_text(seconds)


def _closed_hours(groups: Iterable[selectors.Group], clock: str) -> str:
    """Why response times of nothing stand in the table; "" where none does."""
    if not any(0 in (group.first_touch.median, group.first_touch.p90) for group in groups):
        return ""
    whose = "the owner's" if clock == "owner" else "the company's"
    return f"0 min: answered while {whose} calendar was closed, so no working time had passed."


def _summary(asked: Asked, touch: Rate) -> str:
    what = "assignments" if asked.question.clock == "owner" else "handed-over leads"
    clock = "each owner's clock" if asked.question.clock == "owner" else "the company's clock, from MQL"
    return f"{touch.all:,} {what}, {period_text(asked.question)}. Working time, {clock}."


def _kpis(
    asked: Asked, whole: selectors.Totals, before: Mapping[str, Rate], target: int
) -> list[dict[str, Any]]:
    cards = []
    for name, title in (("first_touch", "First touch on time"), ("decision", "Decision on time")):
        rate, former = whole.rates[name], before[name]
        change = None if rate.percent is None or former.percent is None else rate.percent - former.percent
        cards.append(
            {
                "label": title,
                "value": DASH if rate.percent is None else f"{rate.percent:g}",
                "unit": "" if rate.percent is None else "%",
                "status": standing(rate.percent, target),
                "target": f"{rate.kept:,} of {rate.base:,}" if rate.base else "None counted yet",
                "delta": "" if change is None else signed(change, "pts"),
                "url": asked.link("compliance_leads", target=name),
            }
        )
    touch = whole.rates["first_touch"]
    for title, seconds, former_seconds in (
        ("Median first touch", touch.median, before["first_touch"].median),
        ("90% touched within", touch.p90, before["first_touch"].p90),
    ):
        cards.append(
            {
                "label": title,
                "value": _needed(seconds),
                "target": f"Of {touch.answered:,} answered" if touch.answered else "None answered yet",
                "delta": _change(seconds, former_seconds),
                "url": asked.link("compliance_leads", target="first_touch", only="answered"),
            }
        )
    cards.append(
        {
            "label": "Assignments" if asked.question.clock == "owner" else "Leads handed over",
            "value": f"{touch.all:,}",
            "target": f"{before['first_touch'].all:,} in the {asked.question.days} days before",
            "url": asked.link("compliance_leads", target="first_touch"),
        }
    )
    cards.append(
        {
            "label": "Overdue now",
            "value": f"{whole.unanswered:,}",
            "status": "off_target" if whole.unanswered else "on_target",
            "target": "Past due and still open",
            "url": asked.link("compliance_leads", only="overdue"),
        }
    )
    for card in cards:
        value = str(card["value"])
        if value.endswith((" min", " s")):
            card["value"], _, card["unit"] = value.rpartition(" ")
    return cards


def _change(seconds: int | None, former: int | None) -> str:
    """A change of a response time, in the unit that it is read in."""
    if seconds is None or former is None or seconds == former:
        return ""
    sign = "+" if seconds > former else "−"
    return f"{sign}{minutes_text(abs(seconds - former))}"


def _counted(whole: selectors.Totals) -> list[str]:
    """A sentence for each rate: what it counts, and who is left out and why."""
    told = []
    for name, title in TARGETS.items():
        rate = whole.rates[name]
        why = f", left out are {rate.left_out_text}" if rate.left_out else ""
        told += [f"{title}: {rate.base:,} of {rate.all:,} clocks count{why}."] if rate.all else []
        if rate.excused:
            told.append(f"Without {rate.excused:,} excused: {pct(rate.percent_excused)}.")
    return told


def _trend(course: selectors.Course) -> list[dict[str, Any]]:
    return [
        {"label": day_text(day), "value": value}
        for day, value in zip(course.labels, course.whole, strict=True)
    ]


def _course_title(span: int, unit: str) -> str:
    """The head of the column of small charts: what one of their points stands for."""
    return f"On time, by {unit}" if span == 1 else f"On time, by {span} {unit}s"


def _lowest(course: selectors.Course) -> str:
    """The worst day in a sentence, with its base; "" where no day was below 100 %."""
    present = [
        (value, base, day)
        for value, base, day in zip(course.whole, course.base, course.labels, strict=True)
        if value is not None
    ]
    if len(present) < 2:
        return ""
    value, base, day = min(present)
    if value >= 100:
        return "No deadline was missed in this period."
    return f"Lowest on {day:%a} {day_text(day)}: {pct(value)} ({round(value * base / 100):,} of {base:,})."


def _row(asked: Asked, group: selectors.Group, course: selectors.Course, target: int) -> dict[str, Any]:
    rate, decision = group.first_touch, group.decision
    values = course.of_group.get(group.key, [])
    present = [value for value in values if value is not None]
    status = standing(rate.percent, target)
    changes: dict[str, str | None] = {
        FILTERS[asked.by]: params.NONE if group.key in (None, "") else str(group.key),
        "by": None,
    }
    return {
        "name": group.name,
        "note": group.note,
        "url": asked.link("compliance_leads", target="first_touch", **changes),
        "missed_url": asked.link("compliance_leads", target="first_touch", verdict="missed", **changes),
        "decision_url": asked.link("compliance_leads", target="decision", **changes),
        "rate": rate,
        "decision": decision,
        "median": _needed(rate.median),
        "p90": _needed(rate.p90),
        "status": status,
        "tone": {"on_target": "ok", "watch": "risk", "off_target": "bad"}.get(status or "", "idle"),
        "values": values if len(present) > 1 else [],
        "values_label": f"{present[0]:g}% to {present[-1]:g}%" if len(present) > 1 else "",
    }


def _tabs(asked: Asked) -> list[dict[str, Any]]:
    known = ("tier", "source", "campaign") if asked.own else tuple(selectors.SPLITS)
    return [
        {"label": f"By {by}", "url": asked.link("compliance", by=by) + "#split", "current": by == asked.by}
        for by in known
    ]


@require_safe
@member_required()
def compliance_csv(request: TenantRequest) -> HttpResponse:
    """GET /compliance.csv: the table of the page, one line a group, with bases and what was left out."""
    asked = asked_by(request)
    ground = selectors.ground_of(asked.question)
    names = selectors.load_names(selectors.choices(asked.question, ground=ground).tiers)
    report = selectors.report(asked.question, asked.by, now=asked.now, names=names, ground=ground)
    head = [selectors.SPLITS[asked.by][1]]
    for title in TARGETS.values():
        head += [
            f"{title}: on time",
            f"{title}: late",
            f"{title}: base",
            f"{title}: rate %",
            f"{title}: excused",
            f"{title}: rate without excused %",
            f"{title}: not due yet",
            f"{title}: called off",
            f"{title}: answered",
            f"{title}: median working seconds",
            f"{title}: p90 working seconds",
        ]
    lines = [
        [group.name, *(cell for target in TARGETS for cell in _cells(group.rates[target]))]
        for group in report.groups
    ]
    return csv_response(file_name(asked, f"compliance-by-{asked.by}"), head, lines)


def _cells(rate: Rate) -> list[Any]:
    return [
        rate.kept,
        rate.broken,
        rate.base,
        rate.percent,
        rate.excused,
        rate.percent_excused,
        rate.running,
        rate.called_off,
        rate.answered,
        rate.median,
        rate.p90,
    ]
