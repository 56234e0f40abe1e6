"""The filters above a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reporting import params, selectors
from reporting.selectors.questions import OUTBOUND
from reporting.views.asked import Asked, periods_of
from sla import targets as labels

_PAUSES: Final = [("counted", "Counted as agreed"), ("ignored", "Ignored")]


@dataclass(frozen=True, slots=True)
class Filter:
    """One select of the filters: (value, words, chosen)."""

    name: str
    label: str
    options: list[tuple[str, str, bool]]


def filters_of(asked: Asked, offered: selectors.Choices, names: selectors.Names) -> dict[str, Any]:
    """What stands above the page. How pauses count is asked only where there were any."""
    query, chosen = asked.query, params.period_name(asked.query)
    periods = periods_of(query, asked.question)
    teams = [(str(key), name) for key, name in names.teams.items() if key in offered.teams]
    selects = [
        Filter(
            "clock", "Clock", _options([("company", "Company"), ("owner", "Owner")], asked.question.clock, "")
        ),
        Filter(
            "target",
            "Target",
            _options([(each, labels.label(each)) for each in offered.targets], query.get("target", "")),
        ),
        Filter("tier", "Tier", _options(tier_options(offered.tiers), query.get("tier", ""))),
        Filter("source", "Source", _options(_named(offered.sources), query.get("source", ""))),
    ]
    if not asked.own:
        selects.insert(1, Filter("team", "Team", _options(teams, query.get("team", ""))))
    if offered.paused or asked.question.ignore_pauses:
        selects.append(Filter("pauses", "Pauses", _options(_PAUSES, query.get("pauses", "counted"), "")))
    selects += kind_filter(asked, offered.outbound)
    hidden = [(name, query[name]) for name in ("by", "rep", "campaign", "breaches") if query.get(name)]
    if not chosen:
        hidden += [(name, query[name]) for name in ("from", "to") if query.get(name)]
    return {"periods": periods, "selects": selects, "hidden": hidden, "set": _chips(asked, names)}


def tier_options(tiers: Mapping[str, str]) -> list[tuple[str, str]]:
    """The tiers to choose from: leads without one, as imported history is, are asked for as of every filter,
    and not by the empty value of all."""
    return [(slug or params.NONE, name) for slug, name in tiers.items()]


def kind_filter(asked: Asked, outbound: int) -> list[Filter]:
    """Which handoffs are counted; asked only where there are outbound ones."""
    chosen = asked.question.kind
    if not outbound and chosen == selectors.INBOUND:
        return []
    options = [(value, text, value == chosen) for value, text in selectors.KINDS.items()]
    return [Filter("kind", "Handoffs", options)]


def kind_note(asked: Asked, outbound: int) -> str:
    """What of outbound handoffs is, or is not, in the numbers; "" where there are none."""
    number = f"{outbound:,} outbound handoff{'' if outbound == 1 else 's'}"
    if asked.question.kind == selectors.INBOUND:
        return f"Inbound handoffs only; {number} of the period not counted." if outbound else ""
    if asked.question.kind == OUTBOUND:
        return f"{number} of the period only: meetings that SDRs booked for AEs."
    return f"Inbound and outbound together, {number} of the period among them."


def _named(sources: Iterable[str]) -> list[tuple[str, str]]:
    return [(source or params.NONE, source or "No source given") for source in sources]


def _options(
    pairs: Iterable[tuple[str, str]], chosen: str, everything: str = "All"
) -> list[tuple[str, str, bool]]:
    found = [(value, text, value == chosen) for value, text in pairs]
    if chosen and not any(mark for *_, mark in found):
        found.append((chosen, "None in this period", True))
    return [("", everything, not chosen), *found] if everything else found


def _chips(asked: Asked, names: selectors.Names) -> list[dict[str, str]]:
    """Filters that a link set and no select shows, each with the address without it."""
    chips = []
    if asked.query.get("rep") and not asked.own:
        name = names.of("rep", asked.question.member)[0]
        chips.append({"text": f"Rep: {name}", "url": asked.link("compliance", rep=None)})
    if asked.query.get("campaign"):
        name = asked.question.campaign or "none given"
        chips.append({"text": f"Campaign: {name}", "url": asked.link("compliance", campaign=None)})
    return chips
