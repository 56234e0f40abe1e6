"""From a commitment's numbers to their leads: addresses of the lists that count alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse

from reporting import params
from reporting.commitments.book import Book, Line
from reporting.commitments.catalog import FOLLOWED_DAYS, Kind

#: What the list of handoffs is asked for: of the kept, of the others, of the base, of those left out.
_STAGES: Final = {
    "mql_volume": ("mql", "refused", "mql", ""),
    "acceptance": ("accepted", "declined", "answered", "undecided"),
    "completeness": ("reachable", "unreachable", "mql", ""),
    "accuracy": ("well_known", "bad_data", "answered", "undecided"),
    "reasons": ("explained", "unexplained", "rejected", ""),
}


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of lists; "" where there is none."""

    kept: str = ""
    missed: str = ""
    base: str = ""
    left_out: str = ""


def links_of(line: Line, book: Book, *, source: str | None = None) -> Links:
    """Where the numbers of a line lead. source: of one source alone; "" is none given."""
    if book.is_future:
        return Links()
    kind, first, last = line.kind, book.month, book.last
    if kind.key == "mql_to_sql" and line.rolling is not None:
        days, follow = line.rolling, str(FOLLOWED_DAYS)
        # The last of the cohort, so that the list counts alike however late it is opened.
        base = {"from": days.first, "to": days.cohort_last, "follow": follow}
        young = days.cohort_last + timedelta(days=1)
        return Links(
            kept=_handoffs(stage="sql", **base),
            missed=_handoffs(stage="mql", before="sql", **base),
            base=_handoffs(stage="mql", **base),
            left_out=_handoffs(stage="mql", **{"from": young, "to": days.last}),
        )
    if kind.clock:
        return _clock_links(kind, first, last)
    if kind.key == "acting_on_feedback":
        return Links(base=reverse("handoff:disputes"))
    if kind.key == "feedback":
        return Links(
            kept=_handoffs(stage="feedback_given", **{"from": first, "to": last}),
            base=f"{reverse('reporting:feedback')}?{urlencode({'from': first, 'to': last})}",
        )
    if kind.key not in _STAGES:
        return Links()
    period: dict[str, object] = {"from": first, "to": last}
    if source is not None:
        period["source"] = source or params.NONE
    stages = _STAGES[kind.key]
    if line.is_count and not line.term.counts_rejected:
        stages = ("not_refused", *stages[1:])
    found = [_handoffs(stage=stage, **period) if stage else "" for stage in stages]
    return Links(*found)


def _clock_links(kind: Kind, first: date, last: date) -> Links:
    period = {"from": first, "to": last, "target": kind.clock, "clock": "company"}
    return Links(
        kept=_clocks(verdict="met", **period),
        missed=_clocks(verdict="missed", **period),
        base=_clocks(only="judged", **period),
        left_out=_clocks(only="left_out", **period),
    )


def _handoffs(**said: object) -> str:
    return f"{reverse('reporting:funnel_leads')}?{urlencode(said)}"


def _clocks(**said: object) -> str:
    return f"{reverse('reporting:compliance_leads')}?{urlencode(said)}"
