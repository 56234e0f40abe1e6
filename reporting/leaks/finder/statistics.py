"""Shares and their uncertainty, in plain Python. Every function names the source of its formula.

Shares are fractions of 1. A p-value here is one-sided: how likely data at least this extreme are where there
is nothing to find.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, inf, lgamma, log, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

_NORMAL: Final = NormalDist()
#: Up to this base a tail is summed exactly; above, the normal approximation is good to three digits.
_EXACT_UP_TO: Final = 2_000
#: Cochran (1954): under five expected in a cell, the normal approximation is not to be used.
_LEAST_EXPECTED: Final = 5
CONFIDENCE: Final = 0.95


class Interval(NamedTuple):
    low: float
    high: float


class Group(NamedTuple):
    """So many of so many."""

    hits: int
    base: int

    @property
    def share(self) -> float:
        """Raises ZeroDivisionError of nobody."""
        return self.hits / self.base


def z_of(confidence: float = CONFIDENCE) -> float:
    """Standard deviations that a two-sided interval of this confidence is wide to either side."""
    return _NORMAL.inv_cdf(0.5 + confidence / 2)


def wilson(group: Group, confidence: float = CONFIDENCE) -> Interval:
    """The interval that a share lies in. Wilson (1927), "Probable inference", JASA 22, without continuity
    correction. The whole range of nobody.
    """
    hits, base = group
    if not base:
        return Interval(0.0, 1.0)
    z2 = z_of(confidence) ** 2
    middle = (hits + z2 / 2) / (base + z2)
    half = sqrt(z2) / (base + z2) * sqrt(hits * (base - hits) / base + z2 / 4)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def newcombe(one: Group, other: Group, confidence: float = CONFIDENCE) -> Interval:
    """The interval of a difference of shares, first minus second. Newcombe (1998), Statistics in Medicine 17,
    method 10: from the Wilson intervals of both. Raises ZeroDivisionError of nobody.
    """
    low_one, high_one = wilson(one, confidence)
    low_other, high_other = wilson(other, confidence)
    apart = one.share - other.share
    return Interval(
        apart - sqrt((one.share - low_one) ** 2 + (high_other - other.share) ** 2),
        apart + sqrt((high_one - one.share) ** 2 + (other.share - low_other) ** 2),
    )


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def above(group: Group, share: float) -> float:
    """p of seeing this many or more where the true share is `share` (0 < share < 1).

    Exact binomial tail (Clopper and Pearson 1934, Biometrika 26); for large bases the normal approximation
    with continuity correction.
    """
    hits, base = group
    if hits <= 0:
        return 1.0
    if base > _EXACT_UP_TO:
        return _tail((hits - 0.5 - base * share) / sqrt(base * share * (1 - share)))
    yes, no = log(share), log(1 - share)
    terms = (exp(_log_choose(base, k) + k * yes + (base - k) * no) for k in range(hits, base + 1))
    return min(1.0, sum(terms))


def below(group: Group, share: float) -> float:
    """p of seeing this many or fewer where the true share is `share`: `above`, of the others."""
    return above(Group(group.base - group.hits, group.base), 1 - share)


def _tail(z: float) -> float:
    """P(Z >= z); never quite 0, so that the order of very small ones is kept as far as floats go."""
    return _NORMAL.cdf(-z)


def higher(one: Group, other: Group) -> float:
    """p of one share being this much higher than the other where both are the same.

    Pooled two-proportion z with Yates' continuity correction (Fleiss, Levin and Paik 2003, "Statistical
    methods for rates and proportions", 3.3); Fisher's exact test where a cell expects less than five.
    """
    hits, base = one.hits + other.hits, one.base + other.base
    if not one.base or not other.base:
        return 1.0
    least = min(hits, base - hits) * min(one.base, other.base) / base
    if least < _LEAST_EXPECTED:
        return fisher(one, other)
    pooled = hits / base
    width = sqrt(pooled * (1 - pooled) * (1 / one.base + 1 / other.base))
    continuity = (1 / one.base + 1 / other.base) / 2
    return _tail((one.share - other.share - continuity) / width)


def fisher(one: Group, other: Group) -> float:
    """p of at least this many hits in `one`, the margins given: the hypergeometric tail. Fisher (1935), "The
    logic of inductive inference", JRSS 98.
    """
    hits, base = one.hits + other.hits, one.base + other.base
    everything = _log_choose(base, one.base)
    most = min(hits, one.base)
    terms = (
        exp(_log_choose(hits, k) + _log_choose(base - hits, one.base - k) - everything)
        for k in range(one.hits, most + 1)
        if one.base - k <= base - hits
    )
    return min(1.0, sum(terms))


@dataclass(frozen=True, slots=True)
class Pooled:
    """The difference of two shares (first minus second) within strata, put together."""

    difference: float
    error: float  # its standard error
    p: float  # of the first being higher
    first: int  # how many of either were compared: strata that have both
    second: int

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        half = z_of(confidence) * self.error
        return Interval(self.difference - half, self.difference + half)


def mantel_haenszel(strata: Iterable[tuple[Group, Group]]) -> Pooled | None:
    """The difference of shares, first minus second, within each stratum and weighed together; None where no
    stratum has both.

    So a stratum that does worse in all, and has more of the second, does not pass for a difference. Weights
    n1 n2 / N (Mantel and Haenszel 1959, JNCI 22); standard error by Greenland and Robins (1985), Biometrics
    41; p by the Cochran-Mantel-Haenszel statistic with continuity correction, one-sided.
    """
    weight = difference = spread = surplus = variance = 0.0
    first = second = 0
    for one, other in strata:
        if not one.base or not other.base:
            continue
        base, hits = one.base + other.base, one.hits + other.hits
        weight += one.base * other.base / base
        difference += (one.hits * other.base - other.hits * one.base) / base
        spread += (
            one.hits * (one.base - one.hits) * other.base**3
            + other.hits * (other.base - other.hits) * one.base**3
        ) / (one.base * other.base * base**2)
        surplus += one.hits - hits * one.base / base
        if base > 1:
            variance += hits * (base - hits) * one.base * other.base / (base**2 * (base - 1))
        first, second = first + one.base, second + other.base
    if not weight:
        return None
    p = _tail((surplus - 0.5) / sqrt(variance)) if variance else 1.0
    return Pooled(difference / weight, sqrt(spread) / weight, p, first, second)


@dataclass(frozen=True, slots=True)
class Funnel:
    """How one of many stands to what chance allows. limit: below it chance alone seldom brings anybody."""

    observed: int
    expected: float
    limit: float
    p: float  # of so few or fewer

    @property
    def missing(self) -> float:
        return self.expected - self.observed


def funnel_below(observed: int, strata: Iterable[tuple[int, float]], confidence: float = 0.998) -> Funnel:
    """Where somebody's hits stand in a funnel plot whose centre is what their own mix would bring.

    strata: (base, share of everybody) each. Spiegelhalter (2005), "Funnel plots for comparing institutional
    performance", Statistics in Medicine 24: expected by indirect standardisation, limits at three sigma
    (99.8%), normal approximation, here with continuity correction. Not widened for overdispersion: that
    reps vary more than chance is what is looked for.
    """
    expected = variance = 0.0
    for base, share in strata:
        expected += base * share
        variance += base * share * (1 - share)
    width = sqrt(variance)
    p = _NORMAL.cdf((observed + 0.5 - expected) / width) if width else 1.0
    return Funnel(observed, expected, expected - z_of(confidence) * width, p)


def benjamini_hochberg(p_values: Sequence[float], rate: float) -> list[bool]:
    """Which of the tests made together are findings, so that of the findings no more than `rate` are false,
    on average. Benjamini and Hochberg (1995), JRSS B 57.
    """
    bar = -inf
    for rank, p in enumerate(sorted(p_values), start=1):
        if p <= rate * rank / len(p_values):
            bar = p
    return [p <= bar for p in p_values]
