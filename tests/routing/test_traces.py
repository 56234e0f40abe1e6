"""Candidates are stored as rows under one line of names, and come back as they were."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.traces import COLUMNS, candidates_of, packed

LINE: dict[str, Any] = dict(zip(COLUMNS, ("a", "next", "later_turn", 0, 1, 3, None, 2, 20), strict=True))


def stored(*lines: dict[str, Any]) -> dict[str, Any]:
    trace = {"layers": {}, "candidates": list(lines), "tie_break": "", "pool": None, "priority": 0}
    return json.loads(json.dumps(packed(trace)))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        {**LINE, "reason": "opens_later", "opens_at": "2026-11-25T08:00:00+00:00"},
        {"member": "b", "result": "chosen", "reason": "fallback"},
    ],
    ids=["looked at", "with more to say", "from outside the pool"],
)
def test_a_candidate_comes_back_as_it_was(line: dict[str, Any]) -> None:
    assert candidates_of(stored(LINE, line)) == [LINE, line]


def test_the_names_are_stored_once() -> None:
    assert json.dumps(stored(*[LINE] * 20)).count("cap_open") == 1


def test_older_traces_are_read_as_well() -> None:
    assert candidates_of({"candidates": [LINE]}) == [LINE]
    assert candidates_of({}) == []
