"""What an organisation could promise from how its clocks went: the pure half."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla.proposals import LEAST, Clocks, Proposal, propose, rungs, seconds_of, steps_to

DAY = 8 * 3_600 + 1_800
SAME_DAY = {"end_of_day": 0}
LADDER = rungs(DAY)
ENDS = [rung.seconds for rung in LADDER]


class One(NamedTuple):
    """One clock: how it went, and the working seconds until then."""

    how: str
    seconds: int = 0


def counted(clocks: Sequence[One]) -> Clocks:
    """The clocks as the database counts them."""
    bins = {how: [0] * (len(ENDS) + 1) for how in ("answered", "ended", "running", "never", "stood")}
    for clock in clocks:
        bins[clock.how][bisect_left(ENDS, clock.seconds)] += 1
    return Clocks(bins["answered"], bins["ended"], bins["running"], sum(bins["never"]), sum(bins["stood"]))


def proposed(clocks: Sequence[One], percent: int = 85) -> Proposal:
    return propose(counted(clocks), LADDER, percent=percent)


def share(clocks: Sequence[One], seconds: int) -> tuple[int, int]:
    """(kept, counted) against one value, clock by clock."""
    kept = sum(clock.how == "answered" and clock.seconds <= seconds for clock in clocks)
    broken = sum(
        clock.how == "never" or (clock.how in ("answered", "ended", "running") and clock.seconds > seconds)
        for clock in clocks
    )
    return kept, kept + broken


#: Around every value of the ladder, where an off-by-one would show, and anywhere.
SECONDS = st.one_of(
    st.integers(0, 6 * DAY), st.builds(lambda end, by: end + by, st.sampled_from(ENDS), st.integers(-1, 1))
)
HOW = st.sampled_from(["answered"] * 6 + ["ended", "running", "never", "stood"])
CLOCKS = st.lists(st.builds(One, HOW, SECONDS), max_size=120)
QUICK = st.lists(st.builds(One, st.just("answered"), st.integers(0, 8 * 3_600)), min_size=25, max_size=60)
UNANSWERED = st.lists(
    st.builds(One, st.sampled_from(["never", "running", "ended", "stood"]), SECONDS), max_size=20
)


@given(st.one_of(CLOCKS, st.builds(lambda one, other: one + other, QUICK, CLOCKS)), st.integers(50, 99))
def test_enough_kept_what_is_proposed_and_too_few_the_next_tighter(clocks: list[One], percent: int) -> None:
    found = proposed(clocks, percent)
    if found.found is None:
        assert found.tighter is None
        return
    kept, base = share(clocks, found.found.seconds)
    assert (found.tally.kept, found.tally.base) == (kept, base)
    assert base >= LEAST
    assert 100 * kept >= percent * base
    assert found.tally.left_out == len(clocks) - base
    place = LADDER.index(found.found)
    assert (found.tighter is None) == (place == 0)
    if found.tighter:
        kept, base = share(clocks, LADDER[place - 1].seconds)
        assert 100 * kept < percent * base or base == 0


@given(CLOCKS)
def test_a_longer_value_is_never_kept_less_often(clocks: list[One]) -> None:
    tallies = [counted(clocks).at(place) for place in range(len(LADDER))]
    for tight, long in pairwise(tallies):
        assert long.kept * tight.base >= tight.kept * long.base


@given(QUICK, CLOCKS, UNANSWERED)
def test_unanswered_leads_never_make_it_tighter(
    quick: list[One], clocks: list[One], unanswered: list[One]
) -> None:
    before, after = proposed(quick + clocks), proposed(quick + clocks + unanswered)
    if before.found and after.found:
        assert after.found.seconds >= before.found.seconds
    elif after.found:  # they were too few before
        assert not before.enough


@given(CLOCKS, st.data())
def test_it_says_nothing_on_fewer_than_thirty(clocks: list[One], data: st.DataObject) -> None:
    few = data.draw(st.lists(st.sampled_from(clocks), max_size=LEAST - 1)) if clocks else []
    found = proposed(few)
    assert (found.enough, found.found, found.steps) == (False, None, ())


def test_only_answered_leads_would_flatter_it() -> None:
    answered = [One("answered", 200)] * 60
    assert proposed(answered).found == LADDER[0]
    # Forty more that nobody ever answered: 60% is not 85%, whatever the value.
    assert proposed(answered + [One("never", 900)] * 40).found is None


def test_a_clock_counts_against_what_it_has_waited_through_and_against_nothing_else() -> None:
    clocks = [One("answered", 200)] * 85 + [One("running", 301)] * 15
    found = proposed(clocks)
    assert (found.found, found.tally.broken, found.tally.left_out) == (LADDER[0], 15, 0)
    # One more that waited through five minutes: five minutes are too tight, ten nobody has failed yet.
    found = proposed([*clocks, One("running", 301)])
    assert found.found is not None
    assert (found.found.duration, found.tally.running) == ({"minutes": 10}, 16)
    # At the last moment it may still be answered in time.
    assert proposed([*clocks, One("running", 300)]).found == LADDER[0]


def test_the_ladder_is_of_round_values_in_their_order() -> None:
    assert [dict(rung.duration) for rung in LADDER] == [
        *({"minutes": minutes} for minutes in (5, 10, 15, 30, 60, 120, 240, 480)),
        *({"business_days": days} for days in (1, 2, 3, 5)),
    ]
    # A day shorter than eight hours stands before them, and one of four hours is said once.
    short = [dict(rung.duration) for rung in rungs(7 * 3_600)]
    assert short.index({"business_days": 1}) < short.index({"minutes": 480})
    assert {"business_days": 1} not in [rung.duration for rung in rungs(4 * 3_600)]
    assert [rung.duration for rung in rungs(DAY, wall=True)][-1] == {"minutes": 5 * 1_440}


@pytest.mark.parametrize(
    ("goal", "start", "steps"),
    [
        ({"minutes": 5}, {"minutes": 240}, [{"minutes": 60}, {"minutes": 15}, {"minutes": 5}]),
        ({"minutes": 5}, {"minutes": 15}, [{"minutes": 10}, {"minutes": 5}]),
        ({"minutes": 60}, {"minutes": 120}, [{"minutes": 60}]),
        ({"minutes": 60}, {"minutes": 60}, []),
        ({"minutes": 60}, {"minutes": 5}, []),
        (
            SAME_DAY,
            {"business_days": 2},
            [{"business_days": 1}, {"minutes": 480}, SAME_DAY],
        ),
        (SAME_DAY, {"minutes": 240}, []),
        ({"business_days": 1}, {"business_days": 3}, [{"business_days": 2}, {"business_days": 1}]),
    ],
)
def test_the_way_to_the_goal_goes_by_round_values(
    goal: dict[str, int], start: dict[str, int], steps: list[dict[str, int]]
) -> None:
    rung = next(rung for rung in LADDER if rung.duration == start)
    assert [dict(step) for step in steps_to(goal, rung, LADDER, day_seconds=DAY)] == steps


@given(st.sampled_from(LADDER), st.sampled_from([*(rung.duration for rung in LADDER), SAME_DAY]))
def test_every_step_is_tighter_than_the_one_before_and_the_last_is_the_goal(start, goal) -> None:
    steps = steps_to(goal, start, LADDER, day_seconds=DAY)
    lengths = [start.seconds, *(seconds_of(step, DAY) or 0 for step in steps)]
    assert lengths == sorted(set(lengths), reverse=True)
    assert len(steps) <= 3
    assert not steps or steps[-1] == goal
