"""The formulas give what their sources print."""

from __future__ import annotations

from math import comb, sqrt

import pytest

from reporting.leaks.finder.findings import of_base, percent, points
from reporting.leaks.finder.statistics import (
    Group,
    above,
    below,
    benjamini_hochberg,
    fisher,
    funnel_below,
    higher,
    mantel_haenszel,
    wilson,
)


@pytest.mark.parametrize(
    "hits, base, low, high",
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_s_interval(hits: int, base: int, low: float, high: float) -> None:
    assert wilson(Group(hits, base)) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_nobody_is_everything() -> None:
    assert wilson(Group(0, 0)) == (0.0, 1.0)


@pytest.mark.parametrize("hits", range(11))
def test_a_binomial_tail_is_summed(hits: int) -> None:
    expected = sum(comb(10, k) * 0.3**k * 0.7 ** (10 - k) for k in range(hits, 11))
    assert above(Group(hits, 10), 0.3) == pytest.approx(expected)
    fewer = sum(comb(10, k) * 0.3**k * 0.7 ** (10 - k) for k in range(hits + 1))
    assert below(Group(hits, 10), 0.3) == pytest.approx(fewer)


def test_large_bases_go_on_where_exact_sums_end() -> None:
    exact, near = above(Group(660, 2_000), 0.3), above(Group(661, 2_001), 0.3)
    assert near == pytest.approx(exact, rel=0.2)


def test_the_lady_tasting_tea() -> None:
    # Fisher (1935): three of four right by chance in 17 of 70 arrangements.
    assert fisher(Group(3, 4), Group(1, 4)) == pytest.approx(17 / 70)
    assert higher(Group(3, 4), Group(1, 4)) == pytest.approx(17 / 70)


def test_two_proportions_are_compared_one_way() -> None:
    more, fewer = Group(60, 200), Group(40, 200)
    assert higher(more, fewer) == pytest.approx(0.0141, abs=5e-4)
    assert higher(fewer, more) > 0.97
    assert higher(Group(0, 0), more) == 1.0


def test_one_stratum_is_the_plain_difference_with_its_standard_error() -> None:
    found = mantel_haenszel([(Group(60, 200), Group(30, 150))])
    assert found is not None
    assert found.difference == pytest.approx(0.1)
    assert found.error == pytest.approx(sqrt(0.3 * 0.7 / 200 + 0.2 * 0.8 / 150))


def test_a_bad_stratum_with_more_of_the_second_is_no_difference() -> None:
    good, bad = (Group(300, 600), Group(50, 100)), (Group(10, 100), Group(60, 600))
    found = mantel_haenszel([good, bad])
    assert found is not None
    assert found.difference == pytest.approx(0.0)
    assert found.p > 0.4
    crude = mantel_haenszel([(Group(310, 700), Group(110, 700))])
    assert crude is not None
    assert crude.difference == pytest.approx(2 / 7)


def test_strata_that_have_one_side_only_say_nothing() -> None:
    assert mantel_haenszel([(Group(1, 5), Group(0, 0)), (Group(0, 0), Group(3, 5))]) is None


def test_a_funnel_is_centred_on_what_the_own_mix_brings() -> None:
    found = funnel_below(20, [(100, 0.5), (100, 0.1)])
    assert found.expected == 60
    assert found.limit == pytest.approx(60 - 3.0902 * sqrt(34), abs=0.001)
    assert found.p < 1e-6
    assert funnel_below(60, [(100, 0.5), (100, 0.1)]).p > 0.5


def test_benjamini_and_hochberg_s_own_example() -> None:
    # Benjamini and Hochberg (1995), section 4: of 15, the four smallest.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    p += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert benjamini_hochberg(p, 0.05) == [True] * 4 + [False] * 11
    assert benjamini_hochberg([], 0.05) == []


def test_a_share_of_next_to_nothing_is_told_as_one() -> None:
    assert [percent(share) for share in (0, 0.0004, 0.003, 0.063, 0.63)] == [
        "0.0%",
        "0.04%",
        "0.3%",
        "6.3%",
        "63%",
    ]
    assert of_base(Group(1, 30_000)) == "0.0033% (1 of 30,000)"
    assert (points(0), points(0.0003)) == ("0.0 points", "0.03 points")
