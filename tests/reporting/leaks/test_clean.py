"""Histories in which nothing leaks, and those that are too small to say anything."""

from __future__ import annotations

import random

import pytest

from reporting.leaks.finder.facts import Facts, Tally
from reporting.leaks.finder.registry import KINDS, find
from tests.reporting.leaks.histories import counted, history
from tests.reporting.leaks.test_planted import slow


def test_two_hundred_clean_histories_give_hardly_any_alarm() -> None:
    alarms = [
        [each.title for each in leaks.findings]
        for seed in range(200)
        if (leaks := find(counted(history(1_000 + seed, leads=1_500).rows))).findings
    ]
    assert len(alarms) <= 10, alarms


@pytest.mark.parametrize("seed", range(5))
def test_a_large_clean_history_gives_none_either(seed: int) -> None:
    leaks = find(counted(history(50 + seed, leads=10_000).rows))
    assert leaks.findings == ()
    assert leaks.tests > 100


def test_the_order_of_the_rows_plays_no_part() -> None:
    rows = history(4, leads=2_000, leak=slow).rows
    shuffled = rows[:]
    random.Random(1).shuffle(shuffled)
    assert find(counted(shuffled)) == find(counted(rows))
    assert find(counted(rows)).findings


def test_an_empty_source_changes_nothing() -> None:
    facts = counted(history(4, leads=2_000, leak=slow).rows)
    more = Facts(
        **{
            **{name: getattr(facts, name) for name in Facts.__slots__},
            "by_rep": {**facts.by_rep, ("Trade show", "rep1"): Tally()},
            "by_speed": {**facts.by_speed, ("Trade show", "fast"): Tally()},
            "by_reason": {**facts.by_reason, ("Trade show", "rejected", "other"): Tally()},
            "by_lacks": {**facts.by_lacks, ("Trade show", ("phone",)): Tally()},
        }
    )
    assert find(more) == find(facts)


@pytest.mark.parametrize("leads", [0, 1])
def test_next_to_nothing_gives_no_finding_and_says_why(leads: int) -> None:
    leaks = find(counted(history(1, leads=leads).rows))
    assert leaks.findings == ()
    assert leaks.tests == 0
    assert [each.kind for each in leaks.untested] == list(KINDS)
    assert all(each.too_few.startswith("too few: ") for each in leaks.untested)


def test_a_handful_of_extreme_leads_is_no_finding() -> None:
    assert find(counted(history(3, leads=60, leak=slow).rows)).findings == ()
