"""The trace as it is stored: candidates as rows under one line of names, and what the rules read. Pure.

Spelt out, the same ten names would stand beside every candidate of every decision, and be most of the table.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from hashlib import md5
from operator import itemgetter
from typing import Any, Final

from core.rules import Facts
from routing.decide import RuleSet

#: What is known of everybody who was looked at. Whoever was chosen past the pool has only the first three.
COLUMNS: Final = (
    "member",
    "result",
    "reason",
    "turns",
    "weight",
    "open",
    "cap_open",
    "today",
    "cap_per_day",
)
#: The counter once the decision was made, where somebody took a turn; `turns` is the counter before it.
AFTER: Final = "turns_after"
_full_row = itemgetter(*COLUMNS)


def packed(trace: Mapping[str, Any], counters_after: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A trace of routing.decide in its stored form. counters_after: of the pool that decided, by member."""
    if counters_after is None:
        rows = [_row(line) for line in trace["candidates"]]
        return {**trace, "columns": COLUMNS, "candidates": rows}
    # Candidates of the pools that passed it on stand first, or name their pool.
    first = trace["passed_on"][0] if trace.get("passed_on") else trace["pool"]
    rows = [
        _row(line, counters_after if line.get("pool", first) == trace["pool"] else {})
        for line in trace["candidates"]
    ]
    return {**trace, "columns": (*COLUMNS, AFTER), "candidates": rows, "who": _kind(trace, counters_after)}


def _kind(trace: Mapping[str, Any], seated: Container[str]) -> str:
    """The same for every turn that the same people sat through, with the same weights and reasons: so reports
    read one of each kind."""
    told = [
        str((line["member"], line["reason"], line.get("weight"), line.get("pool"), line["member"] in seated))
        for line in trace["candidates"]
    ]
    text = "\n".join([str(trace.get("passed_on")), *told])
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _row(line: Mapping[str, Any], counters_after: Mapping[str, int] | None = None) -> list[Any]:
    """The columns in order, and after them what only this candidate has."""
    if "turns" not in line:
        return [line["member"], line["result"], line["reason"]]
    row = list(_full_row(line))
    if counters_after is not None:
        row.append(counters_after.get(line["member"]))
    if len(line) > len(COLUMNS):
        row.append({name: value for name, value in line.items() if name not in COLUMNS})
    return row


#: Fields whose value names somebody, or reaches them: of these it is kept only whether they were known.
NAMES: Final = frozenset({"lead.phone", "lead.company_name", "account.name"})


def snapshot(rule_set: RuleSet, facts: Facts) -> dict[str, Any] | None:
    """What these rules read of a lead, for the record; None where they read nothing.

    {"values": {field: value or null}, "engagements": {kind: [how many, the last one's time]}}. The second is
    there where a rule asks about engagements. Of names and numbers to call it says only true: it was known.
    """
    if not rule_set.needs_facts:
        return None
    found: dict[str, Any] = {
        "values": {name: _kept(name, facts.value(name)) for name in sorted(rule_set.fields)}
    }
    if rule_set.reads_engagements:
        seen: dict[str, list[Any]] = {}
        for kind, _, at in facts.engagements:
            if at <= facts.now:
                count, last = seen.get(kind, (0, at))
                seen[kind] = [count + 1, max(last, at)]
        found["engagements"] = {kind: [count, last.isoformat()] for kind, (count, last) in seen.items()}
    return found


def _kept(name: str, value: Any) -> Any:
    known = value is not None and value != "" and value != []
    if name in NAMES:
        return True if known else None
    if not known:
        return None
    return value if isinstance(value, str | bool | int | float | list) else str(value)


def candidates_of(trace: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The candidates of a stored trace, each spelt out. Traces of older decisions are so already."""
    if "columns" not in trace:
        return list(trace.get("candidates", ()))
    columns = trace["columns"]
    lines = []
    for row in trace["candidates"]:
        line = dict(zip(columns, row, strict=False))
        for more in row[len(columns) :]:
            line |= more
        lines.append(line)
    return lines
