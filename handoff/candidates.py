"""Who was looked at for a lead, as people read it: a group for each pool that was asked, each person with the
numbers for and against them, and what the turn cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from handoff import words
from routing.decide import BESIDE, OWNER, TURN, Strategy, turn_step
from routing.models import Pool
from routing.traces import AFTER, candidates_of
from web.templatetags.sp import DASH

#: Why somebody of a pool that passed a lead on did not get it, where nothing else kept them from it.
NOT_AT_WORK: Final = "not_at_work"


@dataclass(frozen=True, slots=True)
class Group:
    """The people of one pool. name: of the pool, "" where it says nothing new. passed_to: the pool that was
    asked next, "" where none was. opens: when the first of them works, where nobody does yet. why: what kept
    everybody, where it was not the hour. decides: the pool whose answer stands."""

    name: str
    lines: list[dict[str, Any]]
    passed_to: str = ""
    opens: datetime | None = None
    why: str = ""
    decides: bool = True


def lines_of(trace: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The candidates of a stored trace, each with the `pool` (slug) that it was asked in, None where it was
    none. Where nobody of a pool got the lead, whoever only waited there was not at work."""
    first = first_pool(trace)
    lines = [
        {**line, "pool": line.get("pool") or (first if "turns" in line else None)}
        for line in candidates_of(trace)
    ]
    gave = {line["pool"] for line in lines if line["result"] == "chosen"}
    for line in lines:
        if line["pool"] not in gave and line["reason"] in ("later_turn", "opens_later"):
            line |= {"result": "refused", "reason": NOT_AT_WORK}
    return lines


def first_pool(trace: Mapping[str, Any]) -> str | None:
    """The pool that the rules chose, as slug, whoever it passed the lead on to."""
    passed_on = trace.get("passed_on")
    return passed_on[0] if passed_on else trace.get("pool")


def names_of_pools(traces: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Names of pools by slug, where a trace of these went through several; one query, or none."""
    slugs = {
        line["pool"] for trace in traces if trace.get("passed_on") for line in lines_of(trace) if line["pool"]
    }
    slugs |= {slug for trace in traces if trace.get("passed_on") for slug in trace["passed_on"]}
    return dict(Pool.objects.filter(slug__in=slugs).values_list("slug", "name")) if slugs else {}


def groups_of(
    trace: Mapping[str, Any], *, reason: str, names: Mapping[str, str], pools: Mapping[str, str]
) -> list[Group]:
    """The people of a stored trace by the pools that were asked, in their order; whoever was chosen past all
    pools stands last. reason: of the decision. names: of people, by id; pools: of pools, by slug."""
    by_pool: dict[str | None, list[dict[str, Any]]] = {}
    for line in lines_of(trace):
        by_pool.setdefault(line["pool"], []).append(line)
    passed_on: Sequence[str] = trace.get("passed_on") or []
    asked = [*passed_on, *(slug for slug in by_pool if slug is not None and slug not in passed_on)]
    groups = []
    for place, slug in enumerate(asked):
        lines = by_pool.get(slug, [])
        decides = slug == trace.get("pool")
        chosen = any(line["result"] == "chosen" for line in lines)
        told = _with_turns(lines, reason if decides else "")
        following = asked[place + 1] if slug in passed_on and place + 1 < len(asked) else ""
        seated = [line for line in lines if line.get(OWNER) != BESIDE]
        opens = [line["opens_at"] for line in seated if line.get("opens_at")]
        closed = bool(passed_on) and not chosen
        groups.append(
            Group(
                name=pools.get(slug, slug) if passed_on else "",
                lines=[_in_words(line, names) for line in told],
                passed_to=pools.get(following, following),
                opens=datetime.fromisoformat(min(opens)) if closed and opens else None,
                why=_why_nobody(seated) if closed and not opens else "",
                decides=decides,
            )
        )
    if past := by_pool.get(None):
        groups.append(Group("", [_in_words(line, names) for line in _with_turns(past, "")]))
    return groups


def counts_of(groups: Sequence[Group]) -> dict[str, Any]:
    """asked: how many lines there are; counted: whether turns are worth a column."""
    lines = [line for group in groups for line in group.lines]
    counted = any(line.get("turns") or line.get(AFTER) is not None for line in lines)
    return {"asked": len(lines), "counted": counted}


def _why_nobody(lines: Sequence[Mapping[str, Any]]) -> str:
    """What kept everybody of a pool, for the middle of a sentence."""
    if not lines:
        return "nobody sits in it"
    if any(line["reason"] == NOT_AT_WORK for line in lines):
        return "nobody at work"
    reasons = {line["reason"] for line in lines}
    if len(reasons) == 1:
        return f"everybody: {words.lower_first(words.say(words.REASONS, reasons.pop()))}"
    return "nobody could take it"


def _with_turns(lines: Sequence[dict[str, Any]], reason: str) -> list[dict[str, Any]]:
    """The lines with their turns before and after this one.

    Counters are kept above the least of their pool, so that the stored ones after a turn may all be lower
    than before: here they are told on the scale of before, where a turn only ever costs.
    """
    chosen = next(
        (line for line in lines if line["result"] == "chosen" and line.get(AFTER) is not None), None
    )
    lift = 0
    if chosen is not None:
        weight = 1 if reason == Strategy.ROUND_ROBIN else chosen["weight"]
        lift = chosen["turns"] + turn_step(weight) - chosen[AFTER]
    told = []
    for line in lines:
        before, after = line.get("turns"), line.get(AFTER)
        then = before if after is None or chosen is None else after + lift
        told.append({**line, "turns_before": _turns(before), "turns_then": _turns(then)})
    return told


def _in_words(line: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    opens = line.get("opens_at")
    return {
        **line,
        "name": names.get(line["member"], "Somebody who left"),
        "words": words.say(words.REASONS, line["reason"]),
        "opens": datetime.fromisoformat(opens) if opens else None,
    }


def _turns(counter: int | None) -> str:
    """A counter in turns at weight 1: "1.5"."""
    return DASH if counter is None else f"{counter / TURN:.2f}".rstrip("0").rstrip(".")
