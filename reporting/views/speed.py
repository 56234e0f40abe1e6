"""What speed is worth: conversion and money by response time and by criterion, with its uncertainty."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from leads.lifecycle import Stage
from reporting import selectors
from reporting.definitions import BAND_LABELS, DURATIONS, FOLLOWED, STAGES, UNTOUCHED_HOURS, Share
from reporting.outcomes import speed as worth
from reporting.outcomes.comparing import Comparison, Slope
from reporting.selectors.funnels import ResponseTimes
from reporting.views.asked import Asked, file_name, period_text
from reporting.views.baseline import note_of
from reporting.views.filters import kind_note
from reporting.views.handoffs import HandoffAsked, handoff_filters, handoffs_asked
from reporting.views.pipeline import READERS
from tenants.auth import member_required
from tenants.requests import TenantRequest
from web.table_files import table_file
from web.templatetags.sp import minutes_text

#: Days that MQLs are followed for unless said otherwise: long enough for an opportunity.
FOLLOW: Final = 60


def _asked(request: TenantRequest) -> tuple[HandoffAsked, int]:
    """The last year unless a period is given: less the followed days, a quarter leaves little."""
    given = handoffs_asked(request, selectors.HANDOFF_SPLITS, period="365d")
    return given, given.follow or FOLLOW


@require_safe
@member_required(*READERS)
def speed(request: TenantRequest) -> HttpResponse:
    """GET /speed: who was reached, how soon, and what came of it."""
    given, follow = _asked(request)
    asked, question = given.asked, given.question
    ground = selectors.handoff_ground(question)
    kept = worth.speed_lately(question, now=asked.now, follow=follow)
    found = kept.value
    times = selectors.response_times(question, now=asked.now, ground=ground)
    offered = selectors.handoff_choices(question, ground)
    names = selectors.load_names(offered.tiers)
    most = max((each.opportunity / each.leads for each in found.bands.values() if each.leads), default=0)
    context = {
        "asked": asked,
        "title": "Worth of speed",
        "crumbs": [{"label": "Insight"}, {"label": "Speed"}],
        "period": period_text(question),
        "filters": handoff_filters(asked, offered, names, "speed"),
        "kind_note": kind_note(asked, offered.outbound),
        "before_note": note_of(request, "contacted", "untouched", "attempts", "first_touch"),
        "csv_url": asked.link("speed_csv"),
        "currency": request.tenant.currency,
        "follow": follow,
        "follows": [
            {
                "label": f"{days} days",
                "url": asked.link("speed", follow=str(days)),
                "current": days == follow,
            }
            for days in FOLLOWED
        ],
        "empty": not times.whole.all["mqls"],
        "ahead": asked.ahead,
        "as_of": kept.before(asked.now),
        "young": found.young,
        "young_url": asked.link("funnel_leads", by=None, follow=str(follow)) + "&stage=young",
        "unclocked": found.unclocked,
        "leads": found.leads,
        "kpis": _kpis(times, asked),
        "bands": [_band(asked, follow, name, each, most) for name, each in found.bands.items()],
        "comparisons": [
            {"label": Stage(name).label, "text": _words(each), "found": each}
            for name, each in found.comparisons.items()
        ],
        "hour": found.hour,
        "hour_words": _hour_words(found.hour, request.tenant.currency),
        "criteria": [
            {
                "label": each.label or "Without a name",
                "met": Share(each.met.opportunity, each.met.leads),
                "unmet": Share(each.unmet.opportunity, each.unmet.leads),
                "text": _words(each.comparison),
            }
            for each in found.criteria
        ],
    }
    return render(request, "reporting/speed.html", context)


def _kpis(times: ResponseTimes, asked: Asked) -> list[dict[str, Any]]:
    def url(stage: str) -> str:
        return asked.link("funnel_leads", by=None, follow=None, stage=stage)

    whole, attempts, lag = times.whole, times.attempts, times.durations["assignment"]
    return [
        {"label": "Contacted", "share": whole.contacted, "url": url("contacted")},
        {
            "label": f"Untouched after {UNTOUCHED_HOURS} hours",
            "share": whole.untouched,
            "url": url("untouched"),
            "left_out": whole.untouched.left_out,
        },
        {
            "label": "Attempts an MQL",
            "text": f"median {attempts.median}, 90% at most {attempts.p90}" if attempts.count else "",
            "base": attempts.count,
            "url": url(STAGES[0]),
        },
        {
            "label": DURATIONS["assignment"].label,
            "text": f"median {minutes_text(lag.median)}, 90% within {minutes_text(lag.p90)}"
            if lag.count
            else "",
            "base": lag.count,
            "url": url("assignment"),
            "left_out": whole.all["mqls"] - lag.count,
        },
    ]


def _band(asked: Asked, follow: int, name: str, each: worth.Came, most: float) -> dict[str, Any]:
    def url(stage: str, number: int) -> str:
        way = asked.link("funnel_leads", by=None, follow=str(follow), response=name, stage=stage)
        return way if number else ""

    return {
        "url": url(STAGES[0], each.leads),
        "label": BAND_LABELS[name],
        "leads": each.leads,
        "shares": [
            (Share(number, each.leads), url(outcome, number))
            for outcome in worth.OUTCOMES
            for number in (getattr(each, outcome),)
        ],
        "width": 100 * each.opportunity / each.leads / most if each.leads and most else 0,
        "per_lead": each.per_lead,
        "without_amount": each.without_amount,
    }


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _words(found: Comparison) -> str:
    """ "+12.0 points (95%: +4.0 to +20.0); within sources +9.1 (+1.0 to +17.2), of 812 leads"."""
    if found.difference is None or found.interval is None:
        return "too few to say"
    told = f"{_signed(found.difference)} points"
    told += f" (95%: {_signed(found.interval.low)} to {_signed(found.interval.high)})"
    if found.pooled is None or found.pooled_interval is None:
        return f"{told}; no source has both, so nothing is known within sources"
    low, high = found.pooled_interval
    told += f"; within sources {_signed(found.pooled)} ({_signed(low)} to {_signed(high)})"
    return f"{told}, of {found.compared:,} leads"


def _hour_words(hour: worth.Hour | None, currency: str) -> list[str]:
    """What one more hour costs, in sentences; the one that says why it is not told."""
    if hour is None or hour.opportunities is None:
        leads, hits = (hour.leads, hour.hits) if hour else (0, 0)
        reached = f"{leads:,} leads were reached within {worth.MOST_HOURS} working hours"
        return [f"Too few to say: {reached}, {hits:,} of them became opportunities"]
    said = [_slope_words(hour.opportunities, "opportunities a hundred leads", 100, 1)]
    if hour.money is None:
        said.append("No won deal among them has an amount, so it has no price in money.")
    else:
        said.append(_slope_words(hour.money, f"{currency} a lead", 1, 0))
    return said


def _slope_words(found: Slope, unit: str, times: float, places: int) -> str:
    low, high = (times * each for each in found.interval)
    told = f"{times * found.change:+,.{places}f} {unit} (95%: {low:+,.{places}f} to {high:+,.{places}f})"
    told = told.replace("-", "−")
    if not found.is_real:
        return f"{told}: cannot be told from chance"
    return told


@require_safe
@member_required(*READERS)
def speed_file(request: TenantRequest) -> HttpResponse:
    """GET /speed.csv, .xlsx: the bands."""
    given, follow = _asked(request)
    found = worth.speed(given.question, now=given.asked.now, follow=follow, is_whole=False)
    currency = request.tenant.currency
    head = ["Response time", "MQLs", "SQL", "Opportunity", "Won", f"Won amount {currency}"]
    head += ["Won without amount", f"{currency} a lead", "Followed for days"]
    lines = [
        [
            BAND_LABELS[name],
            each.leads,
            each.sql,
            each.opportunity,
            each.won,
            each.won_amount,
            each.without_amount,
            None if each.per_lead is None else round(each.per_lead, 2),
            follow,
        ]
        for name, each in found.bands.items()
    ]
    lines.append(["Left out: too young", found.young, *[None] * 6, follow])
    lines.append(["Left out: no clock", found.unclocked, *[None] * 6, follow])
    return table_file(request, file_name(given.asked, "speed"), head, lines)
