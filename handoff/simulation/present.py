"""A result as its page shows it: names for ids, sentences for counts, an address for each number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse

from handoff import words
from handoff.selectors import names_of
from handoff.simulation.cases import tier_choices
from handoff.simulation.leads import NOBODY
from handoff.simulation.report import NEVER, SHADOWED, UNUSED
from routing.models import Pool, SimulatedLead, SimulationRun

GONE: Final = "Somebody who left"
_MOST_DAYS_SHOWN: Final = 31
_MOST_FLOWS_SHOWN: Final = 12
_VERDICTS: Final = {
    "chance": ("on_target", "Chance"),
    "more": ("watch", "More than chance"),
    "less": ("watch", "Less than chance"),
    "few": ("waiting", "Too few to tell"),
}


class _Names:
    """People, pools and tiers of a result by what they are called now."""

    def __init__(self, run: SimulationRun) -> None:
        told = run.result or {}
        flows = [each for one in (told.get("against") or {}).values() if one for each in one["flows"]]
        people = {each["member"] for each in told.get("people", ())}
        people |= {each for flow in flows for each in flow[:2] if each}
        people |= {share["member"] for pool in told.get("pools", ()) for share in pool["shares"]}
        self.people = names_of(people)
        self.pools = dict(Pool.objects.values_list("slug", "name"))
        self.tiers = dict(tier_choices(run.until))

    def person(self, member: str | None) -> str:
        return "Nobody" if member is None else self.people.get(member, GONE)

    def pool(self, slug: str) -> str:
        return self.pools.get(slug, slug)

    def tier(self, slug: str) -> str:
        return self.tiers.get(slug, slug.replace("_", " ").capitalize()) if slug else "None"


def title_of(run: SimulationRun) -> str:
    """ "Draft of version 14", "Version 13"."""
    if run.side == SimulationRun.Side.DRAFT:
        return f"Draft of version {run.version_number}"
    return f"Version {run.version_number}"


def lines_of(runs: Iterable[SimulationRun]) -> list[dict[str, Any]]:
    """Runs for a list."""
    return [
        {"run": run, "title": title_of(run), "state": SimulationRun.State(run.state).label} for run in runs
    ]


def progress_of(run: SimulationRun) -> dict[str, Any]:
    """How far a run is."""
    share = 100 * run.done / run.total if run.total and run.state == SimulationRun.State.RUNNING else 0
    return {"share": share, "step": run.step or SimulationRun.State(run.state).label}


def result_of(run: SimulationRun) -> dict[str, Any]:
    """What the page of a finished run shows."""
    told: dict[str, Any] = run.result or {}
    names = _Names(run)
    address = reverse("handoff:simulation_leads", args=[run.id])

    def link(**query: str) -> str:
        return f"{address}?{urlencode(query)}" if query else address

    live, past = told["against"]["live"], told["against"]["past"]
    rules = [
        _rule(layer, rule, names, link) for layer in ("pools", "priorities") for rule in told["rules"][layer]
    ]
    idle = [rule for rule in rules if rule["state"] in (NEVER, SHADOWED)]
    return {
        "told": told,
        "finding": _finding(told),
        "kpis": _kpis(told, idle, link),
        "comparisons": [
            _comparison("live", "Against the rules in force", live, names, link),
            _comparison("past", "Against what happened", past, names, link),
        ],
        "people": [_person(each, names, link, has_live=live is not None) for each in told["people"]],
        "has_live": live is not None,
        "load": _load(told, names),
        "pools": [_pool(each, names, link) for each in told["pools"]],
        "layers": [
            ("Fit", [rule for rule in rules if rule["layer"] == "pools"]),
            ("Behaviour", [rule for rule in rules if rule["layer"] == "priorities"]),
        ],
        "reasons": [
            (words.say(words.REASONS, code), count, link(reason=code))
            for code, count in told["reasons"].items()
        ],
        "tiers": [
            {"name": names.tier(each["tier"]), **each, "url": link(tier=each["tier"])}
            for each in told["tiers"]
        ],
        "tier_moves": sum(number for *_, number in told["tier_moves"]),
        "tier_moves_url": link(moved="tier"),
        "waits": _waits(told["waits"]),
        "days": _days(told["days"], link),
    }


def _finding(told: Mapping[str, Any]) -> str:
    """The bar's sentence: "1,204 leads: 38 go to somebody else, none is left without an owner."."""
    one = told["against"]["live"] or told["against"]["past"]
    beside = "" if told["against"]["live"] else " than really had them"
    away = one["moved"] + one["gained"] + one["lost"]
    left = told["nobody"]
    said = f"{away:,} {'go' if away > 1 else 'goes'} to somebody else{beside}"
    if not away:
        said = f"none goes to somebody else{beside}"
    nobody = f"{left:,} {'is' if left == 1 else 'are'}" if left else "none is"
    return (
        f"{told['leads']:,} lead{'' if told['leads'] == 1 else 's'}: {said}, {nobody} left without an owner."
    )


def _kpis(told: Mapping[str, Any], idle: list[dict[str, Any]], link: Any) -> list[dict[str, Any]]:
    live, past = told["against"]["live"], told["against"]["past"]
    one, against = (live, "live") if live else (past, "past")
    away = one["moved"] + one["gained"] + one["lost"]
    return [
        {"label": "Leads replayed", "value": f"{told['leads']:,}", "url": link(), "target": _left_out(told)},
        {
            "label": "Go to somebody else",
            "value": f"{away:,}",
            "url": link(moved=against),
            "target": "than by the rules in force" if live else "than really had them",
        },
        {
            "label": "Left without an owner",
            "value": f"{told['nobody']:,}",
            "url": link(member=NOBODY),
            "target": f"{told['reasons'].get('no_rule', 0):,} match no rule",
        },
        {
            "label": "Rules never reached",
            "value": f"{len(idle):,}",
            "url": "#rules",
            "target": _first([rule["name"] for rule in idle]),
        },
    ]


def _first(names: list[str]) -> str:
    """ "Bavaria", "Bavaria and South", "Bavaria, South and 2 more"."""
    more = [f"{len(names) - 2:,} more"] if len(names) > 2 else []
    return words.listed([*names[:2], *more])


def _left_out(told: Mapping[str, Any]) -> str:
    parts = []
    if told["outside"]:
        parts.append(f"{told['outside']:,} chosen by another system")
    if told["nurtured"]:
        parts.append(f"{told['nurtured']:,} answered by a sequence")
    return ", ".join(parts)


def _length(seconds: int) -> str:
    """ "0 min", "42 min", "3 h 11 min", "2 d 4 h"."""
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def _comparison(
    against: str, title: str, one: Mapping[str, Any] | None, names: _Names, link: Any
) -> dict[str, Any] | None:
    if one is None:
        return None
    away = one["moved"] + one["gained"] + one["lost"]
    column = f"{against}_member"
    flows = [
        {
            "from": names.person(old),
            "to": names.person(new),
            "count": number,
            "url": link(**{column: old or NOBODY, "member": new or NOBODY}),
        }
        for old, new, number in one["flows"]
    ]
    return {
        "title": title,
        "against": against,
        "one": one,
        "away": away,
        "url": link(moved=against),
        "flows": flows[:_MOST_FLOWS_SHOWN],
        "more": flows[_MOST_FLOWS_SHOWN:],
    }


def _person(each: Mapping[str, Any], names: _Names, link: Any, *, has_live: bool) -> dict[str, Any]:
    before = each["live"] if has_live else each["past"]
    busiest = max(each["days"], default=0)
    return {
        **each,
        "name": names.person(each["member"]),
        "change": each["leads"] - before,
        "busiest": busiest,
        "url": link(member=each["member"]),
    }


def _load(told: Mapping[str, Any], names: _Names) -> dict[str, Any]:
    """Leads of each person on each of the last days, as a shaded table."""
    days = told["days"]
    count = min(_MOST_DAYS_SHOWN, len(days["leads"]))
    first = date.fromisoformat(days["first"]) + timedelta(days=len(days["leads"]) - count)
    shown = [each for each in told["people"] if each["leads"]][:40]
    most = max((max(each["days"][-count:], default=0) for each in shown), default=0)
    step = max(1, -(-most // 5))
    return {
        "columns": [
            {"name": (first + timedelta(days=day)).day, "shown": day % 5 == 0} for day in range(count)
        ],
        "rows": [
            {
                "label": names.person(each["member"]),
                "cells": [(number, min(5, number // step)) for number in each["days"][-count:]],
            }
            for each in shown
        ],
        "count": count,
    }


def _pool(each: Mapping[str, Any], names: _Names, link: Any) -> dict[str, Any]:
    shares = each["shares"]
    most = max([max(one["high"], one["actual"]) for one in shares], default=0) or 1
    outside = [one for one in shares if one["verdict"] in ("more", "less")]
    drawn = [one for one in shares if one["high"] > one["low"]]  # chance has no say about the others
    if not shares:
        finding = "No lead was shared out by turns."
    elif outside:
        told = [
            f"{names.person(one['member'])} gets {'more' if one['verdict'] == 'more' else 'less'}"
            for one in outside
        ]
        finding = f"{words.listed(told)} than chance explains."
    elif drawn and all(one["verdict"] == "few" for one in drawn):
        finding = "Too few leads to tell favour from chance."
    else:
        finding = "Every difference is within chance."
    return {
        **each,
        "name": names.pool(each["pool"]),
        "url": link(pool=each["pool"]),
        "finding": finding,
        "most": most,
        "shares": [
            {
                **one,
                "name": names.person(one["member"]),
                "look": _VERDICTS[one["verdict"]][0],
                "said": _VERDICTS[one["verdict"]][1],
                "is_out": one in outside,
                "why": _counted(one["kept_out"]),
            }
            for one in shares
        ],
    }


def _counted(reasons: Mapping[str, int]) -> str:
    """ "on leave 12, at the cap of open leads 3"."""
    return ", ".join(
        f"{words.lower_first(words.say(words.REASONS, code))} {count:,}" for code, count in reasons.items()
    )


def _rule(layer: str, rule: Mapping[str, Any], names: _Names, link: Any) -> dict[str, Any]:
    said = {
        NEVER: "Never reached: no lead meets it.",
        SHADOWED: f"Never reached: {rule['would']:,} meet it, and “{rule['by']}” takes them before.",
        UNUSED: "No lead came this far.",
    }.get(rule["state"], "")
    return {
        **rule,
        "layer": layer,
        "gives": names.pool(str(rule["gives"])) if layer == "pools" else f"Priority {rule['gives']}",
        "said": said,
        "url": link(rule=rule["name"]) if layer == "pools" and rule["leads"] else "",
    }


def _waits(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for side, label in (
        ("new", "These rules"),
        ("live", "The rules in force"),
        ("past", "What happened"),
    ):
        one = told.get(side)
        if not one:
            continue
        for what, until in (("owner", "until somebody has it"), ("work", "until they are at work with it")):
            spread = one.get(what)
            if spread:
                said = {name: _length(spread[name]) for name in ("median", "p90", "most")}
                found.append({"label": f"{label}, {until}", "base": spread["base"], **said})
    return found


def _days(days: Mapping[str, Any], link: Any) -> list[dict[str, Any]]:
    first = date.fromisoformat(days["first"])
    found = []
    for place, (leads, nobody) in enumerate(zip(days["leads"], days["nobody"], strict=True)):
        day = first + timedelta(days=place)
        if leads:
            found.append({"day": day, "leads": leads, "nobody": nobody, "url": link(day=day.isoformat())})
    return found[::-1]


# --- The leads ---


def lead_rows(rows: Iterable[SimulatedLead]) -> list[dict[str, Any]]:
    """Leads of a run for a list; rows come with lead and members."""
    pools = dict(Pool.objects.values_list("slug", "name"))
    return [
        {
            "row": row,
            "lead": row.lead,
            "member": row.member.name if row.member else "Nobody",
            "live": row.live_member.name if row.live_member else "Nobody",
            "past": row.past_member.name if row.past_member else "Nobody",
            "pool": pools.get(row.pool, row.pool),
            "reason": words.say(words.REASONS, row.reason),
            "later": row.given_at is not None and row.given_at != row.at,
        }
        for row in rows
    ]
