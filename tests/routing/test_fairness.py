"""What chance gives, and what it does not: a band that calls favouritism by its name and nothing else."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules import Facts
from leads.criteria import SCHEMA
from routing.decide import Candidate, PoolView, Seat, Strategy, choose, compile_rule_set, match
from routing.fairness import Line, Tally, Turn, Verdict, band, tally

NOW = datetime(2026, 11, 17, 9, tzinfo=UTC)
KEPT_OUT = ("", "", "", "on_leave", "at_cap", "opens_later")


@st.composite
def turns(draw: st.DrawFn) -> list[Turn[str]]:
    """Turns of a pool of up to six, each with at least one who could have it."""
    people = [f"p{number}" for number in range(draw(st.integers(1, 6)))]
    random = draw(st.randoms(use_true_random=False))
    found = []
    for _ in range(draw(st.integers(0, 30))):
        lines = [Line(person, random.randint(1, 16), random.choice(KEPT_OUT)) for person in people]
        could = [line.member for line in lines if not line.kept_out]
        if could:
            found.append(Turn(random.choice(could), lines))
    return found


@given(turns())
def test_what_is_expected_adds_up_to_what_was_shared_out(given_turns: list[Turn[str]]) -> None:
    found = tally(given_turns).values()
    assert sum(one.expected for one in found) == pytest.approx(len(given_turns))
    assert sum(one.by_weight for one in found) == pytest.approx(len(given_turns))
    assert sum(one.actual for one in found) == len(given_turns)


@given(turns())
def test_whoever_was_kept_out_of_a_turn_expects_nothing_of_it(given_turns: list[Turn[str]]) -> None:
    for one in tally(given_turns).values():
        could = one.turns - sum(one.kept_out.values())
        assert 0 <= one.expected <= could
        assert one.variance <= could / 4


@given(turns())
def test_a_turn_that_was_taken_so_often_counts_so_often(given_turns: list[Turn[str]]) -> None:
    thrice = tally([Turn(turn.member, turn.lines, 3) for turn in given_turns])
    for member, one in tally(given_turns * 3).items():
        assert thrice[member].expected == pytest.approx(one.expected)
        assert thrice[member].variance == pytest.approx(one.variance)
        assert (thrice[member].actual, thrice[member].kept_out) == (one.actual, one.kept_out)


@given(turns())
def test_a_band_holds_what_is_expected(given_turns: list[Turn[str]]) -> None:
    found = tally(given_turns)
    for one in found.values():
        drawn = band(one, len(found))
        assert 0 <= drawn.low <= drawn.high
        assert drawn.low - 1e-9 <= one.expected or one.skew > 0


def by_lot(weights: list[int], leads: int, random: Random) -> list[Turn[int]]:
    lines = [Line(person, weight) for person, weight in enumerate(weights)]
    return [Turn(person, lines) for person in random.choices(range(len(weights)), weights, k=leads)]


def found_in(given_turns: list[Turn[int]]) -> Counter[Verdict]:
    found = tally(given_turns)
    return Counter(band(one, len(found)).verdict for one in found.values())


@pytest.mark.parametrize("people, leads", [(2, 60), (7, 300), (12, 120), (20, 110), (20, 1_000)])
def test_of_a_hundred_fair_pools_at_most_five_show_anybody(people: int, leads: int) -> None:
    random = Random(people * leads)
    weights = [1 + person % 3 for person in range(people)]
    shown = 0
    for _ in range(400):
        verdicts = found_in(by_lot(weights, leads, random))
        shown += bool(verdicts[Verdict.MORE] + verdicts[Verdict.LESS])
    assert shown / 400 <= 0.05 + 0.011, "beyond what 400 tries may show by chance"


def rotated(
    weights: list[int], leads: int, *, senior_first: bool = False, strategy: Strategy = Strategy.WEIGHTED
) -> list[Turn[str]]:
    """Leads shared out by the real decision. senior_first: nobody counts the turns, so that every lead is a
    tie."""
    rules = compile_rule_set({"pools": [{"name": "All", "when": None, "pool": "inbound"}]}, SCHEMA)
    matched = match(rules, Facts({}, (), NOW))
    people = {f"p{number}": Candidate(f"p{number}") for number in range(len(weights))}
    view = PoolView(
        "inbound", [Seat(key, w) for key, w in zip(people, weights, strict=True)], strategy=strategy
    )
    found = []
    for _ in range(leads):
        result = choose(matched, pools={"inbound": view}, candidates=people, now=NOW, horizon=rules.horizon)
        assert result.member_id is not None
        assert result.counters_after is not None
        lines = [Line(line["member"], line["weight"]) for line in result.candidates]
        found.append(Turn(result.member_id, lines))
        if not senior_first:
            view = PoolView("inbound", view.seats, result.counters_after, strategy=strategy)
    return found


def test_a_weighted_rotation_is_within_chance() -> None:
    """And closer than lots: chi-square over all of them stays under what half of all lots exceed."""
    weights = [1, 1, 2, 3, 5, 8]
    found = tally(rotated(weights, 2_000))
    assert {band(one, len(found)).verdict for one in found.values()} == {Verdict.CHANCE}
    chi_square = sum((one.actual - one.expected) ** 2 / one.expected for one in found.values())
    assert chi_square < 4.35  # the median of five degrees of freedom


def test_ties_that_always_go_to_the_senior_are_found() -> None:
    verdicts = tally(rotated([1, 1, 1], 40, senior_first=True))
    told = {member: band(one, 3).verdict for member, one in verdicts.items()}
    assert told == {"p0": Verdict.MORE, "p1": Verdict.LESS, "p2": Verdict.LESS}


def test_a_small_favour_is_found_once_there_are_leads_enough() -> None:
    random = Random(7)
    lines = [Line(person, 1) for person in range(4)]
    favoured = [Turn(person, lines) for person in random.choices(range(4), [5, 3, 3, 3], k=1_500)]
    assert band(tally(favoured)[0], 4).verdict == Verdict.MORE


def test_few_leads_say_nothing() -> None:
    lines = [Line("a", 1), Line("b", 1)]
    one = tally([Turn("a", lines)] * 6)["a"]
    assert band(one, 2).verdict == Verdict.FEW


def test_who_was_alone_got_what_they_had_to() -> None:
    one = tally([Turn("a", [Line("a", 1), Line("b", 1, "on_leave")])] * 50)
    assert band(one["a"], 1).verdict == Verdict.CHANCE
    assert (one["b"].expected, one["b"].by_weight, one["b"].kept_out) == (0, 25, {"on_leave": 50})
    assert band(Tally(), 1).verdict == Verdict.CHANCE
