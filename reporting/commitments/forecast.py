"""Where a month will end: counts and shares, with an interval. Pure.

Counts. MQLs of a day are Poisson with a rate per unit of exposure; a usual working day is one unit, other
days as much as their weekday usually brings. The rate has a gamma distribution, from what came before (the
further back, the less it counts) and from what came so far. What is still to come is then negative binomial
(Gelman et al., Bayesian Data Analysis, 3rd ed., 2.6; that older evidence counts for less is the power prior
of Ibrahim and Chen, Statistical Science 15, 2000). Leads come in bursts, so variances are taken times a
dispersion, at least 1, from the weeks before (McCullagh and Nelder, Generalized Linear Models, 2nd ed.,
6.2.3).

Shares. Of what is still to be judged, how many will be kept is beta-binomial (Gelman et al., 2.4 and exercise
3.10), from what was judged so far and, as at most PRIOR_MOST more, from before. Where nothing is left to come
the forecast is the number itself.

Dispersion, weekday pattern and evidence from before are fixed when a month begins. So more that came, or more
that were kept, never makes a bound lower.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, log1p
from typing import Final

#: The share of months in which the number should end inside its interval.
LEVEL: Final = 0.8
#: By how much evidence counts less with each week that it lies back; half of it after eight.
WEEKLY_DISCOUNT: Final = 0.917
#: Judged ones of before that count beside those of the month, at most: a month may be unlike those before.
PRIOR_MOST: Final = 30.0
#: Usual days that an even week is believed for before its own pattern is.
PATTERN_DAYS: Final = 4.0
#: Weeks without which bursts cannot be told from chance.
LEAST_WEEKS: Final = 4
#: Usual days without which nothing can be said.
LEAST_DAYS: Final = 0.25
#: Usual days that are none: rounding.
_NO_TIME: Final = 1e-9
#: Kinds of days: the seven weekdays while open, and closed days.
CLOSED: Final = 7


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where a number will end: what is expected, and the bounds between which it ends in LEVEL of cases."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Day:
    """A day that is over. kind: 0 (Monday) to 6, or CLOSED. weeks_ago: whole weeks, before the month."""

    kind: int
    count: int
    weeks_ago: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """What is known of a rate of counts before a month: `shape` events came in `exposure` usual days.

    dispersion: variance over mean, of weeks; at least 1.
    """

    shape: float = 0.5  # Jeffreys' prior, of a rate of which nothing is known
    exposure: float = 0.0
    dispersion: float = 1.0


def pattern_of(days: Iterable[Day]) -> tuple[float, ...]:
    """What a day of each kind usually brings, a usual open day being 1; for eight kinds.

    Shrunk towards 1, and 0 for closed days, as if PATTERN_DAYS such days had been seen.
    """
    counts, numbers = [0.0] * 8, [0] * 8
    for day in days:
        counts[day.kind] += day.count
        numbers[day.kind] += 1
    open_days = sum(numbers[:CLOSED])
    usual = sum(counts[:CLOSED]) / open_days if open_days else 0.0
    if not usual:
        return (*(1.0,) * 7, 1.0 if sum(counts) else 0.0)
    even = (*(1.0,) * 7, 0.0)
    return tuple(
        (counts[kind] / usual + PATTERN_DAYS * even[kind]) / (numbers[kind] + PATTERN_DAYS)
        for kind in range(8)
    )


def rate_of(days: Sequence[Day], pattern: Sequence[float]) -> Rate:
    """What the days before a month tell of the rate in it."""
    shape, exposure = 0.5, 0.0
    for day in days:
        weight = WEEKLY_DISCOUNT**day.weeks_ago
        shape += weight * day.count
        exposure += weight * pattern[day.kind]
    return Rate(shape, exposure, _dispersion(days, pattern))


def _dispersion(days: Sequence[Day], pattern: Sequence[float]) -> float:
    """Pearson's statistic of the weeks over its degrees of freedom; 1 where there are too few weeks."""
    weeks: dict[int, list[float]] = {}
    for day in days:
        week = weeks.setdefault(day.weeks_ago, [0.0, 0.0])
        week[0] += day.count
        week[1] += pattern[day.kind]
    told = [(count, exposure) for count, exposure in weeks.values() if exposure > 0]
    total, exposures = sum(count for count, _ in told), sum(exposure for _, exposure in told)
    if len(told) < LEAST_WEEKS or not total:
        return 1.0
    rate = total / exposures
    chi = sum((count - rate * exposure) ** 2 / (rate * exposure) for count, exposure in told)
    return max(1.0, chi / (len(told) - 1))


def forecast_count(so_far: int, *, passed: float, left: float, rate: Rate | None = None) -> Forecast | None:
    """Where a count ends of which `so_far` came in `passed` usual days, with `left` such days to come.

    None where there is too little to go by: fewer than LEAST_DAYS passed, here and before.
    """
    known = rate or Rate()
    if left <= _NO_TIME:
        return Forecast(so_far, so_far, so_far)
    exposure = known.exposure + passed
    if exposure < LEAST_DAYS:
        return None
    mean = (known.shape + so_far) / exposure * left
    # Variance over mean does not depend on what came, so that more of it only moves the distribution up.
    ratio = known.dispersion * (1 + left / exposure)
    size = mean / (ratio - 1)
    low, high = _bounds_of_count(size, 1 / ratio)
    return Forecast(so_far + mean, so_far + low, so_far + high)


def forecast_share(
    kept: int, judged: int, *, left: int, kept_before: int = 0, judged_before: int = 0, least: int = 0
) -> Forecast | None:
    """Where a share, in per cent, ends: `kept` of `judged` so far, with `left` more to be judged.

    kept_before, judged_before: of earlier months. least: of those left, how many are known to be kept. None
    where nothing is judged and nothing is left.
    """
    if not judged + left:
        return None
    weight = min(1.0, PRIOR_MOST / judged_before) if judged_before else 0.0
    alpha = 0.5 + kept + weight * kept_before
    beta = 0.5 + judged - kept + weight * (judged_before - kept_before)
    low, high = _bounds_of_share(left, alpha, beta) if left else (0.0, 0.0)
    low, high = max(float(least), low), max(float(least), high)
    # Where chance leaves one number, that is it: of a hundred kept the mean would be 99.9%.
    mean = min(max(left * alpha / (alpha + beta), low), high)

    def share(more: float) -> float:
        return 100 * (kept + more) / (judged + left)

    return Forecast(share(mean), share(low), share(high))


# --- Distributions ------------------------------------------------------------------------------------------

#: The shares of a distribution that its bounds do not exceed.
_LOW: Final = (1 - LEVEL) / 2
_HIGH: Final = (1 + LEVEL) / 2


def _bounds_of_count(size: float, p: float) -> tuple[int, int]:
    """Of a negative binomial distribution with mean size * (1 - p) / p: P(K <= k) is the regularised
    incomplete beta function of p with size and k + 1 (NIST DLMF 8.17.24)."""
    found = []
    for share in (_LOW, _HIGH):
        low, high = -1, 1
        while incomplete_beta(p, size, high + 1) < share:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            if incomplete_beta(p, size, middle + 1) < share:
                low = middle
            else:
                high = middle
        found.append(high)
    return found[0], found[1]


#: With more to come than this, a share is as good as a number between 0 and 1.
_MANY: Final = 200


def _bounds_of_share(n: int, alpha: float, beta: float) -> tuple[float, float]:
    """Of a beta-binomial distribution from 0 to n; of many, of the beta distribution with its mean and
    variance, times n."""
    if n > _MANY:
        together = alpha + beta
        scale = (n - 1) / (together + n)
        return n * _beta_quantile(_LOW, alpha * scale, beta * scale), n * _beta_quantile(
            _HIGH, alpha * scale, beta * scale
        )
    whole = lgamma(n + 1) + lgamma(alpha + beta) - lgamma(alpha) - lgamma(beta) - lgamma(n + alpha + beta)
    total, low = 0.0, None
    for k in range(n + 1):
        rest = n - k
        ways = lgamma(k + alpha) + lgamma(rest + beta) - lgamma(k + 1) - lgamma(rest + 1)
        total += exp(whole + ways)
        if low is None and total >= _LOW:
            low = k
        if total >= _HIGH:
            return (k if low is None else low), k
    return (n if low is None else low), n


def _beta_quantile(share: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if incomplete_beta(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return high


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (NIST DLMF 8.17.22) and the
    algorithm of Lentz (Press et al., Numerical Recipes, 3rd ed., 5.2 and 6.4)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 100_000):
        change = 1.0
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 + term * d, 1 + term / c
            d = 1 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            change = c * d
            value *= change
        if abs(change - 1) < 1e-12:
            break
    return min(1.0, front * value)
