"""Where a month will end: the interval holds what it says, and nothing about it surprises."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reporting.commitments.forecast import (
    CLOSED,
    LEAST_DAYS,
    LEVEL,
    PRIOR_MOST,
    Day,
    Rate,
    forecast_count,
    forecast_share,
    pattern_of,
    rate_of,
)

WEEKDAYS = (1.3, 1.2, 1.0, 0.8, 0.5)


def poisson(chance: random.Random, mean: float) -> int:
    """By the time between arrivals."""
    count, at = 0, chance.expovariate(1)
    while at < mean:
        count, at = count + 1, at + chance.expovariate(1)
    return count


def simulated(chance: random.Random, *, per_day: float, bursts: bool) -> tuple[list[Day], list[Day]]:
    """Thirteen weeks before a month and the four weeks of it."""
    before: list[Day] = []
    month: list[Day] = []
    for week in range(17):
        # Bursts: the rate of each week is another one, gamma with a coefficient of variation of 30%.
        factor = chance.gammavariate(11, 1 / 11) if bursts else 1.0
        for weekday in range(7):
            mean = per_day * WEEKDAYS[weekday] * factor if weekday < 5 else per_day * 0.1 * factor
            kind = weekday if weekday < 5 else CLOSED
            day = Day(kind, poisson(chance, mean), max(12 - week, 0))
            (before if week < 13 else month).append(day)
    return before, month


@pytest.mark.parametrize("bursts", [False, True])
@pytest.mark.parametrize("per_day", [0.6, 5.0, 40.0])
@pytest.mark.parametrize("passed", [0, 9, 21])
def test_months_end_inside_their_interval_about_as_often_as_it_says(
    bursts: bool, per_day: float, passed: int
) -> None:
    chance = random.Random(f"{bursts} {per_day} {passed}")
    months = inside = 0
    for _ in range(200):
        before, month = simulated(chance, per_day=per_day, bursts=bursts)
        pattern = pattern_of(before)
        rate = rate_of(before, pattern)
        exposures = [pattern[day.kind] for day in month]
        found = forecast_count(
            sum(day.count for day in month[:passed]),
            passed=sum(exposures[:passed]),
            left=sum(exposures[passed:]),
            rate=rate,
        )
        assert found is not None
        months += 1
        inside += found.low <= sum(day.count for day in month) <= found.high
    # Counts are whole, so small ones are inside more often than the level.
    assert LEVEL - 0.1 <= inside / months <= (0.97 if per_day < 1 else LEVEL + 0.12)


@pytest.mark.parametrize("left", [40, 240])
@pytest.mark.parametrize("judged", [0, 10, 60])
@pytest.mark.parametrize("share", [0.3, 0.85, 0.97])
def test_shares_end_inside_their_interval_about_as_often_as_it_says(
    left: int, judged: int, share: float
) -> None:
    chance = random.Random(f"{left} {judged} {share}")
    inside = 0
    for _ in range(400):
        # A month is unlike those before, by as much as PRIOR_MOST of its leads would tell.
        own = chance.betavariate(PRIOR_MOST * share, PRIOR_MOST * (1 - share))
        so_far, rest = (sum(chance.random() < own for _ in range(number)) for number in (judged, left))
        before = round(200 * share)
        found = forecast_share(so_far, judged, left=left, kept_before=before, judged_before=200)
        assert found is not None
        inside += found.low - 1e-9 <= 100 * (so_far + rest) / (judged + left) <= found.high + 1e-9
    # Least often where nearly all are kept, and months differ as much as this.
    assert LEVEL - (0.13 if share > 0.9 else 0.08) <= inside / 400 <= LEVEL + 0.15


# A busy machine is no fault of what is drawn.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
counts = st.integers(0, 3_000)
exposures = st.floats(0, 31)
rates = st.builds(Rate, st.floats(0.5, 5_000), st.floats(0, 90), st.floats(1, 20))


@unhurried
@given(counts, exposures, rates)
def test_once_the_month_is_over_the_forecast_is_the_number(count: int, passed: float, rate: Rate) -> None:
    found = forecast_count(count, passed=passed, left=0, rate=rate)
    assert found is not None
    assert (found.expected, found.low, found.high) == (count, count, count)


@unhurried
@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 500), st.integers(0, 500))
def test_once_nothing_is_left_a_share_is_what_it_is(
    kept: int, missed: int, kept_before: int, missed_before: int
) -> None:
    found = forecast_share(
        kept, kept + missed, left=0, kept_before=kept_before, judged_before=kept_before + missed_before
    )
    if not kept + missed:
        assert found is None
    else:
        assert found is not None
        actual = 100 * kept / (kept + missed)
        assert (found.expected, found.low, found.high) == (actual, actual, actual)


@unhurried
@given(st.integers(0, 300), st.integers(0, 100), exposures, st.floats(0.1, 31), rates)
def test_more_that_came_never_makes_a_count_end_lower(
    count: int, more: int, passed: float, left: float, rate: Rate
) -> None:
    less = forecast_count(count, passed=passed, left=left, rate=rate)
    found = forecast_count(count + more, passed=passed, left=left, rate=rate)
    assert (less is None) == (found is None) == (passed + rate.exposure < LEAST_DAYS)
    if less and found:
        assert count <= less.low <= less.high
        assert less.low + more <= found.low
        assert less.high + more <= found.high
        assert less.expected + more <= found.expected + 1e-6


@unhurried
@given(st.integers(0, 200), st.integers(1, 200), st.integers(0, 200), st.integers(0, 300), st.integers(0, 99))
def test_a_share_never_ends_lower_for_one_more_that_was_kept(
    kept: int, missed: int, left: int, kept_before: int, missed_before: int
) -> None:
    before = {"kept_before": kept_before, "judged_before": kept_before + missed_before}
    less = forecast_share(kept, kept + missed, left=left, **before)
    found = forecast_share(kept + 1, kept + missed, left=left, **before)
    assert less is not None
    assert found is not None
    assert 0 <= less.low <= less.high <= 100
    assert less.low <= found.low
    assert less.high <= found.high
    assert less.expected <= found.expected


def test_nothing_to_go_by_is_no_forecast() -> None:
    assert forecast_count(0, passed=0, left=20) is None
    assert forecast_share(0, 0, left=0) is None


def test_closed_days_bring_nothing_until_they_did() -> None:
    assert pattern_of([]) == (1, 1, 1, 1, 1, 1, 1, 0)
    weekend = [Day(weekday, 10) for weekday in range(5)] * 8 + [Day(CLOSED, 5)] * 16
    assert 0.35 < pattern_of(weekend)[CLOSED] < 0.5
