"""The funnel: from Subscriber to Won, split, how quickly, and by week of MQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from leads.lifecycle import Stage
from reporting import params, selectors
from reporting.definitions import (
    COHORT_WEEKS,
    DURATIONS,
    FOLLOWED,
    LATER_STAGES,
    LEAST_OF_COHORT,
    STAGES,
    UNTOUCHED_HOURS,
    Share,
    Spread,
)
from reporting.measures import BUCKET_ERROR
from reporting.views.asked import Asked, day_text, file_name, period_text
from reporting.views.baseline import note_of
from reporting.views.filters import kind_note
from reporting.views.handoffs import HandoffAsked, find_fields, group_change, handoff_filters, handoffs_asked
from reporting.views.leaks import READERS as LEAK_READERS
from tenants.auth import member_required
from tenants.models import Role
from tenants.requests import TenantRequest
from web.table_files import table_file
from web.templatetags.sp import minutes_text

#: Per cent where the next shade of a cohort's cell begins.
_SHADES: Final = (5, 10, 20, 30, 45)
_TABLES: Final = ("split", "durations", "cohorts")
#: What is lost on the way to a stage, in words.
_LOST_BEFORE: Final = {
    "sal": "not accepted",
    "sql": "not qualified",
    "opportunity": "without a deal",
    "won": "not won",
}


def _report(given: HandoffAsked) -> tuple[selectors.Funnel, selectors.Names, selectors.HandoffChoices]:
    ground = selectors.handoff_ground(given.question)
    offered = selectors.handoff_choices(given.question, ground)
    names = selectors.load_names(offered.tiers)
    found = selectors.funnel(
        given.question,
        given.asked.by,
        now=given.asked.now,
        names=names,
        ground=ground,
        follow=given.follow,
        cohort_of=given.cohort,
        find=given.find,
    )
    return found, names, offered


def _leaks_of(request: TenantRequest, asked: Asked) -> dict[str, str]:
    """Where the leaks of the period are, for whoever reads them."""
    role = request.member.role
    if role != Role.ADMIN and role not in LEAK_READERS:
        return {}
    return {"leaks_url": asked.link("leaks", by=None), "leaks_card_url": asked.link("leaks_card", by=None)}


def asked_of(request: TenantRequest) -> HandoffAsked:
    """What an address asks. Raises ValidationFailed."""
    return handoffs_asked(request, selectors.HANDOFF_SPLITS)


@require_safe
@member_required()
def funnel(request: TenantRequest) -> HttpResponse:
    """GET /funnel: how many leads came how far, where they are lost, and how quickly they move."""
    given = asked_of(request)
    asked = given.asked
    found, names, offered = _report(given)
    head = selectors.HANDOFF_SPLITS[asked.by][1]
    context = {
        "asked": asked,
        "title": "Funnel and leaks",
        "crumbs": [{"label": "Insight"}, {"label": "Funnel & leaks"}],
        "summary": _summary(given, found),
        "before_note": note_of(request, "contacted", "untouched", "to_sql", "cycle"),
        "filters": handoff_filters(asked, offered, names, "funnel"),
        "kind_note": kind_note(asked, offered.outbound),
        "csv_url": asked.link("funnel_csv", by=asked.by),
        "durations_csv_url": asked.link("funnel_csv", by=asked.by) + "&table=durations",
        "cohorts_csv_url": asked.link("funnel_csv", by=asked.by) + "&table=cohorts",
        "year_url": asked.link("funnel", period="365d", **dict.fromkeys(("from", "to"))),
        "empty": not found.whole.all["mqls"] and not found.subscribers,
        "ahead": asked.ahead,
        "follows": _follows(given),
        "follow": given.follow,
        "left_out": found.whole.conversion("mql", "sql", given.follow).left_out,
        "left_out_url": _leads(asked, stage="young"),
        **_leaks_of(request, asked),
        "journey_url": asked.link("journey", by=None),
        "early": _early(asked, found),
        "bars": _bars(given, found),
        "overall": found.whole.conversion(STAGES[0], STAGES[-1], given.follow),
        "tabs": _tabs(asked),
        "head": head,
        "find": given.find,
        "find_fields": find_fields(asked),
        "with_created": found.subscribers is not None and asked.by in ("source", "campaign", "channel"),
        "stages": [(stage, Stage(stage).label) for stage in STAGES],
        "rows": [_row(given, group) for group in found.groups],
        "others": _others(given, found),
        "number": found.number,
        "durations": _durations(asked, found),
        "contact": _contact(asked, found),
        "rounded": f"{BUCKET_ERROR:g}" if found.is_rounded else "",
        "weeks": list(range(1, COHORT_WEEKS + 1)),
        "cohorts": _cohorts(given, found),
        "cohort_tabs": [
            {
                "label": Stage(stage).label,
                "url": asked.link("funnel", cohort=stage) + "#cohorts",
                "current": stage == given.cohort,
            }
            for stage in LATER_STAGES
        ],
        "cohort_label": Stage(given.cohort).label,
        "least": LEAST_OF_COHORT,
        "hours": UNTOUCHED_HOURS,
    }
    return render(request, "reporting/funnel.html", context)


def headline(request: TenantRequest) -> tuple[selectors.Funnel, int | None]:
    """The funnel of the page and for how many days leads are followed, for a mail."""
    given = asked_of(request)
    return _report(given)[0], given.follow


def _leads(asked: Asked, **changes: str | None) -> str:
    return asked.link("funnel_leads", **{"by": None, "cohort": None, **changes})


def _summary(given: HandoffAsked, found: selectors.Funnel) -> str:
    mqls = found.whole.all["mqls"]
    told = f"{mqls:,} MQL{'' if mqls == 1 else 's'}, {period_text(given.question)}"
    if given.follow is None:
        return f"{told}, as far as they have come."
    return f"{told}, each followed for {given.follow} days."


def _follows(given: HandoffAsked) -> list[dict[str, Any]]:
    return [
        {
            "label": "So far" if days is None else f"{days} days",
            "url": given.asked.link("funnel", follow=None if days is None else str(days)),
            "current": days == given.follow,
        }
        for days in (None, *FOLLOWED)
    ]


def _early(asked: Asked, found: selectors.Funnel) -> list[dict[str, Any]]:
    """Subscribers and Leads; nothing where that cannot be said."""
    if found.subscribers is None or found.leads is None:
        return []
    most = max(found.subscribers, found.whole.all["mqls"], 1)
    return [
        {
            "label": "Subscriber",
            "count": found.subscribers,
            "url": _created(asked, "subscribers", found.subscribers),
            "width": 100 * found.subscribers / most,
        },
        {
            "label": "Lead",
            "count": found.leads,
            "url": _created(asked, "leads", found.leads),
            "width": 100 * found.leads / most,
            "share": Share(found.leads, found.subscribers),
        },
    ]


def _created(asked: Asked, which: str, number: int | None, **change: str | None) -> str:
    """The way to the leads that were created; none where there are none."""
    return asked.link("created_leads", **{"by": None, "which": which, **change}) if number else ""


def _bars(given: HandoffAsked, found: selectors.Funnel) -> list[dict[str, Any]]:
    bars = []
    former = 100.0
    steps = selectors.stages_with_shares(found.whole, given.follow)
    most = steps[0][1] or 1
    for place, (stage, count, of_former, _) in enumerate(steps):
        width = 100 * count / most
        lost = steps[place - 1][1] - count if place else 0
        bars.append(
            {
                "label": Stage(stage).label,
                "count": count,
                "width": width,
                "back": former if place else None,
                "share": of_former if place else None,
                "url": _leads(given.asked, stage=stage),
                "lost": lost,
                "lost_words": _LOST_BEFORE.get(stage, ""),
                "lost_url": _leads(given.asked, stage=STAGES[place - 1], before=stage) if place else "",
            }
        )
        former = width
    return bars


def _tabs(asked: Asked) -> list[dict[str, Any]]:
    known = [by for by in selectors.HANDOFF_SPLITS if not (asked.own and by in ("rep", "team"))]
    return [
        {
            "label": selectors.HANDOFF_SPLITS[by][1],
            "url": asked.link("funnel", by=by) + "#split",
            "current": by == asked.by,
        }
        for by in known
    ]


def _row(given: HandoffAsked, group: selectors.TallyGroup) -> dict[str, Any]:
    change = group_change(given.asked.by, group.key)
    return {
        "name": group.name,
        "note": group.note,
        "url": given.asked.link("funnel", **change),
        "subscribers": group.subscribers,
        "leads": group.leads,
        "subscribers_url": _created(given.asked, "subscribers", group.subscribers, **change),
        "leads_url": _created(given.asked, "leads", group.leads, **change),
        "cells": [
            {
                "count": group.tally.reached(stage, given.follow),
                "url": _leads(given.asked, stage=stage, **change),
            }
            for stage in STAGES
        ],
        "to_sql": group.tally.conversion("mql", "sql", given.follow),
        "to_opportunity": group.tally.conversion("mql", "opportunity", given.follow),
    }


def _others(given: HandoffAsked, found: selectors.Funnel) -> dict[str, Any] | None:
    if found.others is None:
        return None
    return {
        "number": found.number - len(found.groups),
        "cells": [found.others.reached(stage, given.follow) for stage in STAGES],
        "to_sql": found.others.conversion("mql", "sql", given.follow),
        "to_opportunity": found.others.conversion("mql", "opportunity", given.follow),
    }


def _durations(asked: Asked, found: selectors.Funnel) -> list[dict[str, Any]]:
    return [
        {
            "label": each.label,
            "note": "working time" if each.is_working else "",
            "spread": found.durations[name],
            "median": minutes_text(found.durations[name].median),
            "p90": minutes_text(found.durations[name].p90),
            "url": _leads(asked, stage=name),
        }
        for name, each in DURATIONS.items()
    ]


def _contact(asked: Asked, found: selectors.Funnel) -> list[dict[str, Any]]:
    whole, attempts = found.whole, found.attempts
    return [
        {
            "label": "Contacted",
            "share": whole.contacted,
            "why": "",
            "url": _leads(asked, stage="contacted"),
        },
        {
            "label": f"Untouched after {UNTOUCHED_HOURS} hours",
            "share": whole.untouched,
            "why": _untouched_why(whole),
            "url": _leads(asked, stage="untouched"),
        },
        {"label": "Attempts an MQL", "spread": attempts, "url": _leads(asked, stage="mql")},
    ]


def _untouched_why(whole: selectors.Tally) -> str:
    parts = []
    young = whole.all["mqls"] - whole.settled["mqls"]
    if young:
        parts.append(f"{young:,} too young")
    if whole.settled["closed_untouched"]:
        parts.append(f"{whole.settled['closed_untouched']:,} closed before")
    return ", ".join(parts)


def _cohorts(given: HandoffAsked, found: selectors.Funnel) -> list[dict[str, Any]]:
    rows = []
    for cohort in found.cohorts:
        first = max(cohort.monday, given.question.first)
        last = min(cohort.monday + timedelta(days=6), given.question.last)
        span = {"from": first.isoformat(), "to": last.isoformat(), "period": None, "follow": None}
        few = cohort.mqls < LEAST_OF_COHORT
        cells = []
        for week, reached in enumerate(cohort.reached, start=1):
            percent = None if reached is None or few else 100 * reached / cohort.mqls
            cells.append(
                {
                    "state": "ahead" if reached is None else "few" if few else "shown",
                    "reached": reached,
                    "percent": percent,
                    "css": "" if percent is None else f"sp-q{sum(percent >= step for step in _SHADES)}",
                    "url": f"{_leads(given.asked, stage=given.cohort, **span)}&weeks={week}",
                }
            )
        rows.append(
            {
                "label": day_text(cohort.monday),
                "mqls": cohort.mqls,
                "url": _leads(given.asked, stage="mql", **span),
                "cells": cells,
            }
        )
    return rows


# --- Files --------------------------------------------------------------------------------------------------


@require_safe
@member_required()
def funnel_file(request: TenantRequest) -> HttpResponse:
    """GET /funnel.csv, .xlsx: a table of the page: `table=split` (as is), `durations` or `cohorts`."""
    given = asked_of(request)
    table = params.choice(given.asked.query, "table", _TABLES, _TABLES[0])
    found, _, _ = _report(given)
    if table == "durations":
        return table_file(
            request, file_name(given.asked, "velocity"), _DURATIONS_HEAD, _duration_lines(found)
        )
    if table == "cohorts":
        head = ["Week of MQL", "MQLs", *(f"Within {week} weeks" for week in range(1, COHORT_WEEKS + 1))]
        lines = [[each.monday, each.mqls, *each.reached] for each in found.cohorts]
        return table_file(request, file_name(given.asked, f"cohorts-to-{given.cohort}"), head, lines)
    return table_file(
        request,
        file_name(given.asked, f"funnel-by-{given.asked.by}"),
        _split_head(given),
        _split_lines(given, found),
    )


_DURATIONS_HEAD: Final = ["What", "Clock", "Of", "Median seconds", "90% seconds"]


def _duration_lines(found: selectors.Funnel) -> list[list[Any]]:
    def line(label: str, clock: str, spread: Spread) -> list[Any]:
        return [label, clock, spread.count, spread.median, spread.p90]

    return [
        line(each.label, "working time" if each.is_working else "wall clock", found.durations[name])
        for name, each in DURATIONS.items()
    ]


def _split_head(given: HandoffAsked) -> list[str]:
    return [
        selectors.HANDOFF_SPLITS[given.asked.by][1],
        "Subscribers created",
        "Leads created",
        "MQLs of the period",
        "MQLs left out as too young",
        *(Stage(stage).label for stage in STAGES),
        *(f"MQL to {Stage(stage).label} %" for stage in LATER_STAGES),
        "Accepted",
        "Rejected",
        "Nurture",
        "Without an answer",
        "Acceptance rate %",
        "Amount",
        "Won amount",
    ]


def _split_lines(given: HandoffAsked, found: selectors.Funnel) -> list[list[Any]]:
    lines = [
        _split_line(group.name, group.tally, given.follow, group.subscribers, group.leads)
        for group in found.groups
    ]
    if found.others is not None:
        others = f"{found.number - len(found.groups):,} others"
        lines.append(_split_line(others, found.others, given.follow))
    if not given.find:
        lines.append(_split_line("All", found.whole, given.follow, found.subscribers, found.leads))
    return lines


def _split_line(
    name: str,
    tally: selectors.Tally,
    follow: int | None,
    subscribers: int | None = None,
    leads: int | None = None,
) -> list[Any]:
    return [
        name,
        subscribers,
        leads,
        tally.all["mqls"],
        tally.conversion("mql", "sql", follow).left_out,
        *(tally.reached(stage, follow) for stage in STAGES),
        *(tally.conversion("mql", stage, follow).percent for stage in LATER_STAGES),
        tally.all["accepted"],
        tally.all["rejected"],
        tally.all["nurtured"],
        tally.all["undecided"],
        tally.acceptance.percent,
        tally.all["amount"] if tally.all["with_amount"] else None,
        tally.all["won_amount"] if tally.all["with_amount"] else None,
    ]
