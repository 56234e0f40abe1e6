"""Rejections: why sales says no, to which sources and campaigns, and how much it accepts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from reporting import params, selectors
from reporting.definitions import Share
from reporting.selectors.feedback import corrected_share
from reporting.views.asked import Asked, day_text, file_name, period_text
from reporting.views.baseline import note_of
from reporting.views.filters import kind_note
from reporting.views.handoffs import (
    HandoffAsked,
    find_fields,
    group_change,
    handoff_filters,
    handoffs_asked,
)
from tenants.auth import member_required
from tenants.requests import TenantRequest
from web.table_files import table_file
from web.templatetags.sp import DASH, signed

_TABLES: Final = ("reasons", "groups", "weeks")


def _report(
    given: HandoffAsked,
) -> tuple[selectors.Rejections, selectors.Names, selectors.HandoffChoices]:
    ground = selectors.handoff_ground(given.question)
    offered = selectors.handoff_choices(given.question, ground)
    names = selectors.load_names(offered.tiers)
    found = selectors.rejections(
        given.question, given.asked.by, now=given.asked.now, names=names, ground=ground, find=given.find
    )
    return found, names, offered


def asked_of(request: TenantRequest) -> HandoffAsked:
    """What an address asks. Raises ValidationFailed."""
    return handoffs_asked(request, selectors.REJECTION_SPLITS)


@require_safe
@member_required()
def rejections(request: TenantRequest) -> HttpResponse:
    """GET /rejections: by reason, over time, by source or campaign, with the acceptance rate."""
    given = asked_of(request)
    asked = given.asked
    found, names, offered = _report(given)
    head = selectors.HANDOFF_SPLITS[asked.by][1]
    context = {
        "asked": asked,
        "crumbs": [{"label": "Insight"}, {"label": "Rejections"}],
        "summary": _summary(given, found),
        "filters": handoff_filters(asked, offered, names, "rejections"),
        "kind_note": kind_note(asked, offered.outbound),
        "before_note": note_of(request, "acceptance"),
        "csv_url": asked.link("rejections_csv", by=asked.by),
        "groups_csv_url": asked.link("rejections_csv", by=asked.by) + "&table=groups",
        "weeks_csv_url": asked.link("rejections_csv", by=asked.by) + "&table=weeks",
        "year_url": asked.link("rejections", period="365d", **dict.fromkeys(("from", "to"))),
        "empty": not found.whole.all["mqls"],
        "ahead": asked.ahead,
        "kpis": _kpis(asked, found),
        "trend": [
            {
                "label": day_text(monday),
                "value": tally.acceptance.percent,
                "base": tally.acceptance.base,
            }
            for monday, tally in found.weeks
        ],
        "reasons_by_week": [_reasons_of_week(given, monday, found) for monday, _ in found.weeks],
        "weeks": [_week(given, monday, tally) for monday, tally in reversed(found.weeks)],
        "tabs": [
            {
                "label": f"By {by}",
                "url": asked.link("rejections", by=by) + "#reasons",
                "current": by == asked.by,
            }
            for by in selectors.REJECTION_SPLITS
        ],
        "head": head,
        "columns": [name for _, name in found.columns],
        "beyond": found.number_of_columns - len(found.columns),
        "reasons": [_reason(asked, row, found) for row in found.reasons],
        "rejected": found.whole.all["rejected"],
        "corrected": _corrected(given, found),
        "days": given.question.days,
        "rows": [_group(asked, group) for group in found.groups],
        "others": None if found.others is None else _cells(found.others),
        "others_number": found.number - len(found.groups),
        "number": found.number,
        "find": given.find,
        "find_fields": find_fields(asked),
    }
    return render(request, "reporting/rejections.html", context)


def headline(request: TenantRequest) -> list[dict[str, Any]]:
    """The cards of the page, for a mail."""
    given = asked_of(request)
    return _kpis(given.asked, _report(given)[0])


def _corrected(given: HandoffAsked, found: selectors.Rejections) -> Share | None:
    """Rejections that stand after disputes, of decisions that do (`feedback_measures`); None where none was
    overturned."""
    share = corrected_share(given.question, found)
    return share if share.left_out else None


def _leads(asked: Asked, **changes: str | None) -> str:
    return asked.link("funnel_leads", **{"by": None, "cohort": None, "follow": None, **changes})


def _reason_url(asked: Asked, slug: str, **changes: str | None) -> str:
    return f"{_leads(asked, stage='rejected', **changes)}&reason={slug or params.NONE}"


def _summary(given: HandoffAsked, found: selectors.Rejections) -> str:
    whole = found.whole
    mqls = whole.all["mqls"]
    of_all = f"{whole.all['rejected']:,} of {mqls:,} MQL{'' if mqls == 1 else 's'}"
    told = f"{of_all} rejected, {period_text(given.question)}."
    return f"{told} Counted on the day of MQL."


def _kpis(asked: Asked, found: selectors.Rejections) -> list[dict[str, Any]]:
    whole, before = found.whole, found.before
    return [
        _rate("Acceptance rate", whole.acceptance, before.acceptance, _leads(asked, stage="accepted")),
        _rate("Rejected", whole.rejection, before.rejection, _leads(asked, stage="rejected")),
        {
            "label": "Sent to nurture",
            "value": f"{whole.all['nurtured']:,}",
            "target": f"{before.all['nurtured']:,} in the {asked.question.days} days before",
            "url": _leads(asked, stage="nurtured"),
        },
        {
            "label": "Without an answer",
            "value": f"{whole.all['undecided']:,}",
            "target": f"of {whole.all['mqls']:,} MQLs; in no rate",
            "url": _leads(asked, stage="undecided"),
        },
    ]


def _rate(label: str, share: Share, former: Share, url: str) -> dict[str, Any]:
    change = (
        None if share.percent is None or former.percent is None else round(share.percent - former.percent, 1)
    )
    return {
        "label": label,
        "value": DASH if share.percent is None else f"{share.percent:g}",
        "unit": "" if share.percent is None else "%",
        "target": f"{share.count:,} of {share.base:,} answered" if share.base else "None answered yet",
        "delta": "" if change is None else signed(change, "pts"),
        "url": url,
    }


def _span_of(given: HandoffAsked, monday: date) -> tuple[str, dict[str, str | None]]:
    """The days of a week that are in the period, in words and in an address."""
    first = max(monday, given.question.first)
    last = min(monday + timedelta(days=6), given.question.last)
    words = day_text(first) if first == last else f"{day_text(first)} to {day_text(last)}"
    return words, {"from": first.isoformat(), "to": last.isoformat(), "period": None}


def _reasons_of_week(given: HandoffAsked, monday: date, found: selectors.Rejections) -> dict[str, Any]:
    """The small charts of the reasons, a line of their table."""
    label, span = _span_of(given, monday)
    return {
        "label": label,
        "cells": [
            {"count": row.by_week.get(monday, 0), "url": _reason_url(given.asked, row.slug, **span)}
            for row in found.reasons
        ],
    }


def _week(given: HandoffAsked, monday: date, tally: selectors.Tally) -> dict[str, Any]:
    label, span = _span_of(given, monday)
    return {
        "label": label,
        **_cells(tally),
        "urls": {name: _leads(given.asked, stage=stage, **span) for name, stage in _COLUMNS.items()},
    }


#: Columns of counts and the list behind each.
_COLUMNS: Final = {
    "mqls": "mql",
    "accepted": "accepted",
    "rejected": "rejected",
    "nurtured": "nurtured",
    "undecided": "undecided",
}


def _cells(tally: selectors.Tally) -> dict[str, Any]:
    return {
        **{name: tally.all[name] for name in _COLUMNS},
        "acceptance": tally.acceptance,
    }


def _group(asked: Asked, group: selectors.TallyGroup) -> dict[str, Any]:
    change = group_change(asked.by, group.key)
    return {
        "name": group.name,
        "url": asked.link("rejections", **change),
        **_cells(group.tally),
        "urls": {name: _leads(asked, stage=stage, **change) for name, stage in _COLUMNS.items()},
    }


def _reason(asked: Asked, row: selectors.ReasonRow, found: selectors.Rejections) -> dict[str, Any]:
    rejected = found.whole.all["rejected"]
    return {
        "label": row.label,
        "note": row.note,
        "count": row.count,
        "share": Share(row.count, rejected),
        "url": _reason_url(asked, row.slug),
        "cells": [
            {
                "count": row.by_key.get(key, 0),
                "url": _reason_url(asked, row.slug, **group_change(asked.by, key)),
            }
            for key, _ in found.columns
        ],
        "change": signed(row.count - row.before),
        "values": [row.by_week.get(monday, 0) for monday, _ in found.weeks],
    }


@require_safe
@member_required()
def rejections_file(request: TenantRequest) -> HttpResponse:
    """GET /rejections.csv, .xlsx: a table of the page: `table=reasons`, `groups` or `weeks`."""
    given = asked_of(request)
    asked = given.asked
    table = params.choice(asked.query, "table", _TABLES, _TABLES[0])
    found, _, _ = _report(given)
    if table == "reasons":
        head = ["Reason", "Rejected", "Share of rejections %", *(name for _, name in found.columns)]
        head.append(f"In the {given.question.days} days before")
        lines = [
            [
                row.label,
                row.count,
                Share(row.count, found.whole.all["rejected"]).percent,
                *(row.by_key.get(key, 0) for key, _ in found.columns),
                row.before,
            ]
            for row in found.reasons
        ]
        return table_file(request, file_name(asked, f"rejections-by-{asked.by}"), head, lines)
    first = "Week of MQL" if table == "weeks" else selectors.HANDOFF_SPLITS[asked.by][1]
    named: list[tuple[Any, selectors.Tally]] = (
        list(found.weeks)
        if table == "weeks"
        else [
            *((group.name, group.tally) for group in found.groups),
            *([(f"{found.number - len(found.groups):,} others", found.others)] if found.others else []),
        ]
    )
    head = [first, "MQLs", "Accepted", "Rejected", "Nurture", "Without an answer", "Acceptance rate %"]
    rows = [
        [name, *(tally.all[column] for column in _COLUMNS), tally.acceptance.percent] for name, tally in named
    ]
    return table_file(
        request, file_name(asked, f"acceptance-by-{asked.by if table == 'groups' else 'week'}"), head, rows
    )
