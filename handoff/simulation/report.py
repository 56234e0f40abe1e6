"""What a replay means, as JSON: who would get how much, what moves, what is never
reached, how fair it is. Pure.

Ids, slugs and counts only: names are looked up by whoever shows it.

    leads, asked, given, nobody, outside, nurtured     counts; asked = given + nobody went past the rules
    reasons    {code: leads}, of those asked
    against    {"live": comparison or null, "past": comparison}; a comparison is {"compared", "same", "moved",
               "gained", "lost", "flows": [[from, to, leads], ...]}, a member or null for nobody
    people     [{"member", "leads", "live", "past", "most_open", "days": [given on each day]}]
    days       {"first": date, "leads": [...], "nobody": [...]}, where the organisation is
    pools      [{"pool", "leads", "live", "turns", "shares": [{"member", "actual", "expected", "by_weight",
               "low", "high", "verdict", "kept_out"}]}]
    rules      {"pools": [...], "priorities": [...]} of {"name", "gives", "leads", "would", "state", "by"}
    tiers      [{"tier", "past", "now"}]; tier_moves [[from, to, leads], ...]
    waits      {"new"|"live"|"past": {"owner": {"base", "median", "p90", "most"}, "work": ...}} in seconds
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from handoff.simulation.replay import Arrival, Outcome, Replayed
from routing.decide import LayerRule, RuleSet
from routing.fairness import Line, Tally, Turn, band, tally

MOST_PEOPLE: Final = 300
MOST_FLOWS: Final = 60
#: States of a rule. UNUSED: the row for everyone else, which no lead came to.
REACHED, NEVER, SHADOWED, UNUSED = "reached", "never", "shadowed", "unused"


def report(
    arrivals: Sequence[Arrival],
    new: Replayed,
    live: Replayed | None,
    *,
    rule_set: RuleSet,
    zone: str,
    since: datetime,
    until: datetime,
) -> dict[str, Any]:
    """The result of a run. live: the same leads by the rules in force, None where these are replayed."""
    asked = [place for place, one in enumerate(new.outcomes) if one.asked]
    given = [place for place in asked if new.outcomes[place].member is not None]
    where = ZoneInfo(zone)
    days = [one.at.astimezone(where).date() for one in arrivals]
    first, count = _span(since, until, where)
    past = [one.past_member for one in arrivals]
    told: dict[str, Any] = {
        "leads": len(arrivals),
        "asked": len(asked),
        "given": len(given),
        "nobody": len(asked) - len(given),
        "outside": sum(one.reason == "outside" for one in new.outcomes),
        "nurtured": sum(one.reason == "nurture" for one in new.outcomes),
        "reasons": _counted(new.outcomes[place].reason for place in asked),
        "against": {
            "live": _compared(asked, new.outcomes, [one.member for one in live.outcomes]) if live else None,
            "past": _compared(asked, new.outcomes, past),
        },
        "people": _people(arrivals, new, live, where, first, count),
        "days": {
            "first": first.isoformat(),
            "leads": _by_day(days, first, count, lambda place: True),
            "nobody": _by_day(
                days,
                first,
                count,
                lambda place: new.outcomes[place].asked and new.outcomes[place].member is None,
            ),
        },
        "pools": _pools(new, live),
        "rules": {
            "pools": _rules(rule_set.pools, "pool_at", arrivals, new.outcomes),
            "priorities": _rules(rule_set.priorities, "priority_at", arrivals, new.outcomes),
        },
        "tiers": _tiers(arrivals),
        "tier_moves": _flows(
            Counter((one.past_tier, one.tier) for one in arrivals if one.tier != one.past_tier)
        ),
        "waits": {
            "new": _waits(arrivals, asked, new.outcomes),
            "live": _waits(arrivals, asked, live.outcomes) if live else None,
            "past": {
                "owner": _spread([_seconds(one.past_given_at, one.at) for one in arrivals]),
                "work": None,
            },
        },
    }
    return told


def _counted(found: Iterable[str]) -> dict[str, int]:
    return dict(Counter(found).most_common())


def _span(since: datetime, until: datetime, where: ZoneInfo) -> tuple[date, int]:
    first = since.astimezone(where).date()
    last = (until - timedelta(microseconds=1)).astimezone(where).date()
    return first, (last - first).days + 1


def _by_day(days: Sequence[date], first: date, count: int, counts: Callable[[int], bool]) -> list[int]:
    found = [0] * count
    for place, day in enumerate(days):
        if counts(place):
            found[(day - first).days] += 1
    return found


# --- What moves ---


def _compared(
    asked: Sequence[int], outcomes: Sequence[Outcome], before: Sequence[str | None]
) -> dict[str, Any]:
    """How those who went past the rules differ from who had them: between people, from nobody, to nobody."""
    same = moved = gained = lost = 0
    flows: Counter[tuple[str | None, str | None]] = Counter()
    for place in asked:
        old, new = before[place], outcomes[place].member
        if old == new:
            same += 1
            continue
        flows[old, new] += 1
        if old is None:
            gained += 1
        elif new is None:
            lost += 1
        else:
            moved += 1
    return {
        "compared": len(asked),
        "same": same,
        "moved": moved,
        "gained": gained,
        "lost": lost,
        "flows": _flows(flows),
    }


def _flows(counted: Counter[Any]) -> list[list[Any]]:
    return [[old, new, number] for (old, new), number in counted.most_common(MOST_FLOWS)]


def _tiers(arrivals: Sequence[Arrival]) -> list[dict[str, Any]]:
    past = Counter(one.past_tier for one in arrivals)
    now = Counter(one.tier for one in arrivals)
    return [
        {"tier": tier, "past": past[tier], "now": now[tier]}
        for tier in sorted({*past, *now}, key=lambda each: (-now[each], each))
    ]


# --- Who carries how much ---


def _people(
    arrivals: Sequence[Arrival],
    new: Replayed,
    live: Replayed | None,
    where: ZoneInfo,
    first: date,
    count: int,
) -> list[dict[str, Any]]:
    leads = Counter(one.member for one in new.outcomes if one.member)
    by_rules = Counter(one.member for one in live.outcomes if one.member) if live else None
    past = Counter(one.past_member for one in arrivals if one.past_member)
    each_day: dict[str, list[int]] = {}
    for one in new.outcomes:
        if one.member and one.given_at is not None:
            place = (one.given_at.astimezone(where).date() - first).days
            each_day.setdefault(one.member, [0] * count)[place] += 1
    everybody = sorted({*leads, *past, *(by_rules or ())}, key=lambda who: (-leads[who], who))
    return [
        {
            "member": member,
            "leads": leads[member],
            "live": by_rules[member] if by_rules is not None else None,
            "past": past[member],
            "most_open": new.most_open.get(member, 0),
            "days": each_day.get(member, [0] * count),
        }
        for member in everybody[:MOST_PEOPLE]
    ]


def _pools(new: Replayed, live: Replayed | None) -> list[dict[str, Any]]:
    leads = Counter(one.pool for one in new.outcomes if one.asked and one.pool)
    by_rules = Counter(one.pool for one in live.outcomes if one.asked and one.pool) if live else None
    slugs = sorted({*leads, *new.turns, *(by_rules or ())}, key=lambda slug: (-leads[slug], slug))
    found = []
    for slug in slugs:
        counted = new.turns.get(slug, Counter())
        found.append(
            {
                "pool": slug,
                "leads": leads[slug],
                "live": by_rules[slug] if by_rules is not None else None,
                "turns": sum(counted.values()),
                "shares": _shares(counted),
            }
        )
    return found


def _shares(counted: Mapping[Any, int]) -> list[dict[str, Any]]:
    turns = [
        Turn(member, [Line(*line) for line in lines], times) for (member, lines), times in counted.items()
    ]
    tallies: dict[str, Tally] = tally(turns)
    people = sum(one.variance > 0 for one in tallies.values())
    found = []
    for member in sorted(tallies, key=lambda who: (-tallies[who].actual, who))[:MOST_PEOPLE]:
        one = tallies[member]
        limits = band(one, people)
        found.append(
            {
                "member": member,
                "actual": one.actual,
                "expected": round(one.expected, 1),
                "by_weight": round(one.by_weight, 1),
                "low": round(limits.low, 1),
                "high": round(limits.high, 1),
                "verdict": str(limits.verdict),
                "kept_out": dict(one.kept_out.most_common()),
            }
        )
    return found


# --- Rules ---


def _rules(
    rules: Sequence[LayerRule], place_of: str, arrivals: Sequence[Arrival], outcomes: Sequence[Outcome]
) -> list[dict[str, Any]]:
    """Each rule of a layer with how many leads it took. One that took none: whether any lead meets it at all,
    and which rule before it takes those.
    """
    hits = Counter(getattr(one, place_of) for one in outcomes if one.asked)
    found = []
    for place, rule in enumerate(rules):
        line: dict[str, Any] = {
            "name": rule.name,
            "gives": rule.value,
            "leads": hits[place],
            "would": hits[place],
            "state": REACHED,
            "by": "",
        }
        if not hits[place]:
            takers = Counter(
                getattr(what, place_of)
                for one, what in zip(arrivals, outcomes, strict=True)
                if what.asked and (rule.rule is None or rule.rule.matches(one.facts))
            )
            line["would"] = sum(takers.values())
            line["state"] = UNUSED if rule.rule is None else SHADOWED if takers else NEVER
            if takers and rule.rule is not None:
                line["by"] = rules[takers.most_common(1)[0][0]].name
        found.append(line)
    return found


# --- Waits ---


def _waits(arrivals: Sequence[Arrival], asked: Sequence[int], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Until somebody had it, and until they were at work with it."""
    return {
        "owner": _spread([_seconds(outcomes[place].given_at, arrivals[place].at) for place in asked]),
        "work": _spread([_seconds(outcomes[place].able_at, arrivals[place].at) for place in asked]),
    }


def _seconds(end: datetime | None, start: datetime) -> int | None:
    return None if end is None else max(0, round((end - start).total_seconds()))


def _spread(waits: Iterable[int | None]) -> dict[str, int] | None:
    known = sorted(wait for wait in waits if wait is not None)
    if not known:
        return None
    return {
        "base": len(known),
        "median": known[len(known) // 2],
        "p90": known[min(len(known) - 1, len(known) * 9 // 10)],
        "most": known[-1],
    }
