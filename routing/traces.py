"""The trace as it is stored: candidates as rows under one line of column names. Pure.

Spelt out, the same nine names would stand beside every candidate of every decision, and be most of the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Final

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
_full_row = itemgetter(*COLUMNS)


def packed(trace: Mapping[str, Any]) -> dict[str, Any]:
    """A trace of routing.decide in its stored form."""
    return {**trace, "columns": COLUMNS, "candidates": [_row(line) for line in trace["candidates"]]}


def _row(line: Mapping[str, Any]) -> list[Any]:
    """The columns in order, and after them what only this candidate has."""
    if "turns" not in line:
        return [line["member"], line["result"], line["reason"]]
    row = list(_full_row(line))
    if len(line) > len(COLUMNS):
        row.append({name: value for name, value in line.items() if name not in COLUMNS})
    return row


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
