"""Compliance: the signed numbers over a period, split, drawn, and down to the leads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handoff.words import lower_first
from reporting import params, selectors
from reporting.mailings.escalation import episode_rows
from reporting.measures import ALWAYS_TOLD, BUCKET_ERROR, RESPONSES, Rate, Verdict, standing
from reporting.views.asked import Asked, asked_by, day_text, file_name, period_text
from reporting.views.baseline import note_of
from reporting.views.clocks import clock_rows
from reporting.views.filters import filters_of, kind_note
from reporting.views.handoffs import MOST_FIND, find_fields
from reporting.views.heat import heat_of
from sla.targets import BEGIN_COLUMNS, STAGE_TARGETS, Target, label
from tenants.auth import member_required
from tenants.requests import TenantRequest
from web.pagination import next_url, page_of
from web.table_files import table_file
from web.templatetags.sp import DASH, minutes_text, pct, signed

#: The name of a split's filter in an address.
FILTERS: Final = {"rep": "rep", "team": "team", "source": "source", "campaign": "campaign", "tier": "tier"}

BREACHES_SHOWN: Final = 20
#: The target that has a column beside the leading one, in a report about all.
_SECOND: Final = ALWAYS_TOLD[1]


@require_safe
@member_required()
def compliance(request: TenantRequest) -> HttpResponse:
    """GET /compliance: the signed numbers over a period, split, drawn, and down to the leads."""
    asked = asked_by(request)
    question, now = asked.question, asked.now
    target: int = request.tenant.target_percent
    grounds = selectors.grounds_of(question, asked.by)
    ground, _ = grounds
    offered = selectors.choices(question, ground=ground)
    names = selectors.load_names(offered.tiers)
    find = asked.query.get("find", "").strip()[:MOST_FIND]
    largest = selectors.largest_groups(question, asked.by, grounds, now=now, find=find)
    report = selectors.report(
        question, asked.by, now=now, names=names, ground=ground, largest=largest, times_of_all=False
    )
    whole, course, groups, lead = report.whole, report.course, report.groups, report.lead
    drawn = f"{label(lead)} on time"
    told = selectors.shown(report, asked.by, find)
    rows = [_row(asked, report, group, target) for group in told.groups]
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
        "episodes": [] if asked.own else episode_rows(request.member),
        "title": "My compliance" if asked.own else "Compliance",
        "crumbs": [{"label": "Insight"}, {"label": "My compliance" if asked.own else "Compliance"}],
        "summary": _summary(asked, whole.rates[lead]),
        "before_note": note_of(request, "on_time", "first_touch"),
        "filters": filters_of(asked, offered, names),
        "kind_note": kind_note(asked, offered.outbound),
        "csv_url": asked.link("compliance_csv"),
        "year_url": asked.link("compliance", period="365d", **dict.fromkeys(("from", "to"))),
        "empty": not any(rate.all for rate in whole.rates.values()),
        "ahead": asked.ahead,
        "kpis": _kpis(asked, report, target),
        "counted": _counted(whole),
        "closed_hours": _closed_hours((group.rates[lead] for group in groups), question.clock),
        "rounded": f"{BUCKET_ERROR:g}" if report.is_rounded else "",
        "trend": _trend(asked, report),
        "trend_title": f"{drawn}, by {'week' if question.by_week else 'day'}",
        "trend_finding": _lowest(course),
        "course_title": _course_title(course.span, "week" if question.by_week else "day"),
        "target": target,
        "bars": [
            {
                "label": name,
                "on_time": ok,
                "late": late,
                "url": asked.link("compliance_leads", by=None, target=lead, response=key),
            }
            for key, (name, ok, late) in zip(RESPONSES, whole.ranges, strict=True)
        ],
        "responses": [
            f"{_share_word(share)} {_needed(at)}" for share, at in whole.responses.items() if at is not None
        ],
        "time_title": _time_title(lead),
        "answered": whole.rates[lead].answered,
        "lead_head": drawn,
        "second_head": f"{label(_SECOND)} on time" if _SECOND in report.targets[1:] else "",
        "targets": _targets(asked, report, target) if len(report.targets) > len(ALWAYS_TOLD) else [],
        "tabs": _tabs(asked),
        "head": selectors.SPLITS[asked.by][1],
        "zone": question.zone.key.rpartition("/")[2].replace("_", " "),
        "heat": heat_of(asked, ground),
        "heat_title": _heat_title(lead),
        "rows": rows,
        "others": None if told.others is None else _others(told, lead, target),
        "number": told.number,
        "find": find,
        "find_fields": find_fields(asked),
        "with_steps": any(row["steps"] for row in rows),
        "steps": [day_text(day) for day in course.labels[:: course.span]],
        "breaches": clock_rows(asked, page.rows, names),
        "only_open": only_open,
        "unanswered": whole.unanswered,
        "broken": broken,
        "open_url": asked.link("compliance", breaches=None) + "#breaches",
        "all_url": asked.link("compliance", breaches="all") + "#breaches",
        "next_url": f"{next_url(request, page.next)}#breaches" if page.next else None,
    }
    return render(request, "reporting/compliance.html", context)


def headline(request: TenantRequest) -> list[dict[str, Any]]:
    """The cards of the page, for a mail."""
    asked = asked_by(request)
    ground = selectors.ground_of(asked.question)
    names = selectors.load_names(selectors.choices(asked.question, ground=ground).tiers)
    report = selectors.report(asked.question, asked.by, now=asked.now, names=names, ground=ground)
    return _kpis(asked, report, request.tenant.target_percent)


def _share_word(share: int) -> str:
    return "Median" if share == 50 else f"{share}% within"


def _needed(seconds: int | None) -> str:
    """A response time in working time. None of it is `0 min`, which `_closed_hours` explains: `0 s`
    reads as a fault."""
    return "0 min" if seconds == 0 else minutes_text(seconds)


def _time_title(target: str) -> str:
    """The head of a chart of response times: "Time to first touch"."""
    if target in STAGE_TARGETS:
        return f"Time from {label(target)}"
    return "Time to enough attempts" if target == Target.ATTEMPTS else f"Time to {lower_first(label(target))}"


def _heat_title(target: str) -> str:
    """ "Late first touches, by the hour in which the lead arrived" """
    what = "Late first touches" if target == Target.FIRST_TOUCH else f"{label(target)} late"
    return f"{what}, by the hour in which the clock started"


def _closed_hours(rates: Iterable[Rate], clock: str) -> str:
    """Why response times of nothing stand in the table; "" where none does."""
    if not any(0 in (rate.median, rate.p90) for rate in rates):
        return ""
    whose = "the owner's" if clock == "owner" else "the company's"
    return f"0 min: answered while {whose} calendar was closed, so no working time had passed."


def _summary(asked: Asked, rate: Rate) -> str:
    question = asked.question
    what = _what(question)
    clock = "each owner's clock" if question.clock == "owner" else "the company's clock, from MQL"
    counted = f"{rate.all:,} {what[:-1] if rate.all == 1 else what}"
    told = f"{counted}, {period_text(question)}. Working time, {clock}."
    return f"{told} Judged as if no clock had been paused." if question.ignore_pauses else told


def _what(question: selectors.Question) -> str:
    """What the clocks of the leading target count."""
    if BEGIN_COLUMNS[question.lead_target] != BEGIN_COLUMNS[ALWAYS_TOLD[0]]:
        return "clocks"  # they begin later, and not for every lead
    return "assignments" if question.clock == "owner" else "handed-over leads"


def _kpis(asked: Asked, report: selectors.Report, target: int) -> list[dict[str, Any]]:
    cards = []
    whole, before, lead = report.whole, report.before, report.lead
    for name in report.targets[:1] if asked.question.target else ALWAYS_TOLD:
        rate, former = whole.rates[name], before[name]
        change = None if rate.percent is None or former.percent is None else rate.percent - former.percent
        cards.append(
            {
                "label": f"{label(name)} on time",
                "value": DASH if rate.percent is None else f"{rate.percent:g}",
                "unit": "" if rate.percent is None else "%",
                "status": standing(rate.percent, target),
                "target": f"{rate.kept:,} of {rate.base:,}" if rate.base else "None counted yet",
                "delta": "" if change is None else signed(change, "pts"),
                "url": asked.link("compliance_leads", target=name, only="judged"),
            }
        )
    led, led_before = whole.rates[lead], before[lead]
    touch = lead == Target.FIRST_TOUCH
    for title, seconds, former_seconds in (
        ("Median first touch" if touch else "Median", led.median, led_before.median),
        ("90% touched within" if touch else "90% within", led.p90, led_before.p90),
    ):
        cards.append(
            {
                "label": title,
                "value": _needed(seconds),
                "target": f"Of {led.answered:,} answered" if led.answered else "None answered yet",
                "delta": _change(seconds, former_seconds),
                "url": asked.link("compliance_leads", target=lead, only="answered"),
            }
        )
    what = _what(asked.question)
    cards.append(
        {
            "label": "Leads handed over" if what == "handed-over leads" else what.capitalize(),
            "value": f"{led.all:,}",
            "target": f"{led_before.all:,} in the {asked.question.days} days before",
            "url": asked.link("compliance_leads", target=lead),
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
        if value.endswith((" min", " s")) and value.count(" ") == 1:
            card["value"], _, card["unit"] = value.rpartition(" ")
    return cards


def _change(seconds: int | None, former: int | None) -> str:
    """A change of a response time, in the unit that it is read in."""
    if seconds is None or former is None or seconds == former:
        return ""
    sign = "+" if seconds > former else "−"
    return f"{sign}{minutes_text(abs(seconds - former))}"


def _targets(asked: Asked, report: selectors.Report, target: int) -> list[dict[str, Any]]:
    """A line for each target of a report about all."""
    return [
        {
            "name": label(name),
            "url": asked.link("compliance", target=name),
            "missed_url": asked.link("compliance_leads", target=name, verdict="missed"),
            "rate": rate,
            "median": _needed(rate.median),
            "p90": _needed(rate.p90),
            **_standing(rate, target),
        }
        for name in report.targets
        for rate in (report.whole.rates[name],)
    ]


def _standing(rate: Rate, target: int) -> dict[str, Any]:
    status = standing(rate.percent, target)
    tone = {"on_target": "ok", "watch": "risk", "off_target": "bad"}.get(status or "", "idle")
    return {"status": status, "tone": tone}


def _counted(whole: selectors.Totals) -> list[str]:
    """A sentence for each rate: what it counts, and who is left out and why."""
    told = []
    for name, rate in whole.rates.items():
        title = label(name)
        why = f", left out are {rate.left_out_text}" if rate.left_out else ""
        told += [f"{title}: {rate.base:,} of {rate.all:,} clocks count{why}."] if rate.all else []
        if rate.excused:
            told.append(f"Without {rate.excused:,} excused: {pct(rate.percent_excused)}.")
    return told


def _trend(asked: Asked, report: selectors.Report) -> list[dict[str, Any]]:
    course = report.course
    points = zip(course.labels, course.whole, course.base, strict=True)
    return [
        {
            "label": day_text(day),
            "value": value,
            "base": base,
            "url": _days_url(asked, report.lead, day, 1) if base else "",
        }
        for day, value, base in points
    ]


def _days_url(asked: Asked, lead: str, day: date, steps: int, **changes: str | None) -> str:
    """The clocks of so many days or weeks from a day on, as far as they are in the period."""
    question = asked.question
    last = day + timedelta(days=steps * question.step_days - 1)
    days = {"from": max(day, question.first).isoformat(), "to": min(last, question.last).isoformat()}
    said = {"by": None, "period": None, "target": lead, "only": "judged", **days, **changes}
    return asked.link("compliance_leads", **said)


def _others(told: selectors.Shown, lead: str, target: int) -> dict[str, Any]:
    """The groups that are not told one by one, together."""
    rates = told.others or {}
    return {
        "number": told.number - len(told.groups),
        "rate": rates[lead],
        "second": rates.get(_SECOND),
        **_standing(rates[lead], target),
    }


def _course_title(span: int, unit: str) -> str:
    """The head of the column of small charts: what one of their points stands for."""
    return f"On time, by {unit}" if span == 1 else f"On time, by {span} {unit}s"


def _lowest(course: selectors.Course) -> str:
    """The worst day in a sentence, with its base; "" where no day was below 100%."""
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


def _row(asked: Asked, report: selectors.Report, group: selectors.Group, target: int) -> dict[str, Any]:
    rate, lead = group.rates[report.lead], report.lead
    values = report.course.of_group.get(group.key, [])
    present = [value for value in values if value is not None]
    changes: dict[str, str | None] = {
        FILTERS[asked.by]: params.NONE if group.key in (None, "") else str(group.key),
        "by": None,
    }
    return {
        "name": group.name,
        "note": group.note,
        "url": asked.link("compliance_leads", target=lead, **changes),
        "missed_url": asked.link("compliance_leads", target=lead, verdict="missed", **changes),
        "second_url": asked.link("compliance_leads", target=_SECOND, only="judged", **changes),
        "rate": rate,
        "second": group.rates.get(_SECOND),
        "median": _needed(rate.median),
        "p90": _needed(rate.p90),
        **_standing(rate, target),
        "values": values if len(present) > 1 else [],
        "values_label": f"{present[0]:g}% to {present[-1]:g}%" if len(present) > 1 else "",
        "steps": [
            {
                "percent": value,
                "base": base,
                "url": _days_url(asked, lead, day, report.course.span, **changes) if base else "",
            }
            for value, base, day in zip(
                values,
                report.course.base_of_group.get(group.key, []),
                report.course.labels[:: report.course.span],
                strict=True,
            )
        ]
        if values
        else [],
    }


def _tabs(asked: Asked) -> list[dict[str, Any]]:
    known = ("tier", "source", "campaign") if asked.own else tuple(selectors.SPLITS)
    return [
        {"label": f"By {by}", "url": asked.link("compliance", by=by) + "#split", "current": by == asked.by}
        for by in known
    ]


@require_safe
@member_required()
def compliance_file(request: TenantRequest) -> HttpResponse:
    """GET /compliance.csv, .xlsx: the table of the page, with bases and what was left out."""
    asked = asked_by(request)
    ground = selectors.ground_of(asked.question)
    names = selectors.load_names(selectors.choices(asked.question, ground=ground).tiers)
    report = selectors.report(asked.question, asked.by, now=asked.now, names=names, ground=ground)
    head = [selectors.SPLITS[asked.by][1]]
    for title in map(label, report.targets):
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
        [group.name, *(cell for target in report.targets for cell in _cells(group.rates[target]))]
        for group in report.groups
    ]
    return table_file(request, file_name(asked, f"compliance-by-{asked.by}"), head, lines)


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
