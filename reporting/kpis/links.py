"""From a KPI's numbers to their leads and deals: addresses of the lists that count alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import urlencode

from django.urls import reverse

from reporting import params
from reporting.commitments.catalog import FOLLOWED_DAYS
from reporting.commitments.days import last_of
from reporting.kpis.sheet import Line
from reporting.kpis.spans import Span


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of lists; "" where there is none. value: of a count's number. left_out: by numbers.LeftOut's
    link. whole: (address, words) of a list that has what is left out too."""

    value: str = ""
    count: str = ""
    base: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    whole: tuple[str, str] = ("", "")


def links_of(line: Line, span: Span | None) -> Links:
    """Where the numbers of a line lead."""
    if span is None:
        return Links()
    key, three = line.kind.key, {"from": span.since, "to": span.last}
    match key:
        case "mql_to_sql":
            days = span.followed
            base = {"from": days.first, "to": days.cohort_last, "follow": FOLLOWED_DAYS}
            young = {"from": days.cohort_last + timedelta(days=1), "to": days.last}
            return Links(
                count=_handoffs(stage="sql", **base),
                base=_handoffs(stage="mql", **base),
                left_out={"young": _handoffs(stage="mql", **young)},
            )
        case "lead_to_opportunity":
            return Links(
                count=_came(span, "opened"),
                base=_came(span, "came"),
                left_out={name: _came(span, name) for name in ("subscribers", "disqualified", "young")},
            )
        case "mql_volume":
            month = {"from": span.month, "to": span.last}
            stage = "mql" if line.term.counts_rejected else "not_refused"
            return Links(
                value=_handoffs(stage=stage, **month),
                base=_handoffs(stage="mql", **month),
                left_out={"refused": _handoffs(stage="refused", **month)},
            )
        case "cycle_length" | "velocity":
            won = f"{reverse('reporting:volume_leads')}?{urlencode({**three, 'won': '1'})}"
            return Links(whole=(won, "all won leads"))
        case "close_rate":
            return Links(count=_deals(state="won", **three), base=_deals(state="closed", **three))
        case "deal_size":
            return Links(
                left_out={
                    name: _deals(state="won", left_out=name, **three)
                    for name in ("no_amount", "other_currency")
                },
                whole=(_deals(state="won", **three), "all won opportunities"),
            )
        case "marketing_pipeline":
            return Links(whole=(reverse("reporting:pipeline"), "pipeline by source"))
        case "cost_per_mql" | "cost_per_sql":
            return Links(whole=("#sources", "by source"))
    return Links()


def source_links(source: str, months: list[date]) -> dict[str, str]:
    """MQLs and SQLs of a source in the months that costs are told of, and its won leads."""
    said = {"from": months[0], "to": last_of(months[-1]), "source": source or params.NONE}
    return {
        "mqls": _handoffs(stage="mql", **said),
        "sqls": _handoffs(stage="sql", follow=FOLLOWED_DAYS, **said),
    }


def campaign_links(campaign: str, months: list[date]) -> dict[str, str]:
    """MQLs and SQLs of a campaign in the months that costs are told of."""
    said = {"from": months[0], "to": last_of(months[-1]), "campaign": campaign}
    return {
        "mqls": _handoffs(stage="mql", **said),
        "sqls": _handoffs(stage="sql", follow=FOLLOWED_DAYS, **said),
    }


def won_link(source: str, span: Span) -> str:
    """The won leads of a source in the three months of a span."""
    said = {"from": span.since, "to": span.last, "source": source or params.NONE, "won": "1"}
    return f"{reverse('reporting:volume_leads')}?{urlencode(said)}"


def _handoffs(**said: object) -> str:
    return f"{reverse('reporting:funnel_leads')}?{urlencode(said)}"


def _came(span: Span, which: str) -> str:
    said = {"month": f"{span.month:%Y-%m}", "which": which}
    return f"{reverse('reporting:kpi_leads')}?{urlencode(said)}"


def _deals(**said: object) -> str:
    return f"{reverse('reporting:pipeline_deals')}?{urlencode(said)}"
