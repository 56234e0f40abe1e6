"""The hours of the week at which late clocks started, as a heat map."""

from __future__ import annotations

from typing import Any

from reporting import selectors
from reporting.selectors import LEAST, Ground, Hour
from reporting.views.asked import WEEK, Asked, hour_text

_DAY = 24
#: Hours that stand out are told where they are so much later than the whole, in points.
_STANDS_OUT = 10


def heat_of(asked: Asked, ground: Ground | None) -> dict[str, Any]:
    """rows and columns of the map, and what it shows in a sentence; no rows where nothing was judged yet."""
    hours = selectors.by_hour(asked.question, now=asked.now, ground=ground)
    if not any(hour.base for hour in hours):
        return {"rows": []}
    rows = [
        {
            "label": name,
            "cells": [_cell(asked, day * _DAY + hour, hours[day * _DAY + hour]) for hour in range(_DAY)],
        }
        for day, name in enumerate(WEEK)
    ]
    return {"rows": rows, "columns": range(_DAY), "finding": _finding(hours), "least": LEAST}


def _cell(asked: Asked, hour: int, counted: Hour) -> dict[str, Any]:
    lead = asked.question.lead_target
    url = asked.link("compliance_leads", target=lead, verdict="missed", hour=str(hour))
    words = f"{counted.broken:,} of {counted.base:,} late, {hour_text(hour)}"
    return {"value": counted.percent, "base": counted.base, "url": url, "words": words}


def _finding(hours: list[Hour]) -> str:
    """The worst three hours in a row of one time of day, over all days, against the rest of the day."""
    broken, base = sum(hour.broken for hour in hours), sum(hour.base for hour in hours)
    whole = 100 * broken / base
    worst = None
    for start in range(_DAY - 2):
        span = [hours[day * _DAY + hour] for day in range(7) for hour in range(start, start + 3)]
        late, of = sum(hour.broken for hour in span), sum(hour.base for hour in span)
        if of >= LEAST * 4 and (worst is None or late / of > worst[0]):
            worst = late / of, late, of, start
    if worst is None or 100 * worst[0] < whole + _STANDS_OUT:
        return "No time of day stands out."
    share, late, of, start = worst
    return (
        f"Latest between {start}:00 and {start + 3}:00: {100 * share:.0f}% late ({late:,} of {of:,}),"
        f" against {whole:.0f}% over all ({broken:,} of {base:,})."
    )
