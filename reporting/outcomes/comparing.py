"""Two groups of leads held against each other, honestly: the raw difference with its interval, the same over
sources that both have, and when there are too few to say. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple

from reporting.leaks.finder.statistics import Group, Interval, Pooled, mantel_haenszel, newcombe, z_of

#: Fewer leads on either side, or fewer that converted on both together, say nothing.
LEAST_LEADS: Final = 30
LEAST_HITS: Final = 10
#: Fewer leads and conversions say nothing of what an hour costs.
LEAST_FOR_HOUR: Final = 100
LEAST_HITS_FOR_HOUR: Final = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """Shares of two groups, first minus second, in points of a hundred; None where there are too few.

    difference, interval: raw. pooled: over sources that both groups have; compared: leads of those sources.
    """

    first: Group
    second: Group
    difference: float | None
    interval: Interval | None
    pooled: float | None
    pooled_interval: Interval | None
    compared: int

    @property
    def is_told(self) -> bool:
        return self.difference is not None

    @property
    def is_real(self) -> bool:
        """Chance alone seldom makes such a difference, also within sources."""
        shown = self.pooled_interval or self.interval
        return shown is not None and (shown.low > 0 or shown.high < 0)


def compare(first: Mapping[str, Group], second: Mapping[str, Group]) -> Comparison:
    """Hold two groups against each other, each by source."""
    one, other = _sum(first.values()), _sum(second.values())
    if min(one.base, other.base) < LEAST_LEADS or one.hits + other.hits < LEAST_HITS:
        return Comparison(one, other, None, None, None, None, 0)
    found: Pooled | None = mantel_haenszel(
        (first[source], second[source]) for source in sorted(set(first) & set(second))
    )
    return Comparison(
        one,
        other,
        100 * (one.share - other.share),
        _points(newcombe(one, other)),
        100 * found.difference if found else None,
        _points(found.interval()) if found else None,
        found.first + found.second if found else 0,
    )


def _sum(groups: object) -> Group:
    hits = base = 0
    for each in groups:  # type: ignore[attr-defined]
        hits, base = hits + each.hits, base + each.base
    return Group(hits, base)


def _points(interval: Interval) -> Interval:
    return Interval(100 * interval.low, 100 * interval.high)


class Moments(NamedTuple):
    """Sums over the leads of one source: x is hours until first touch, y what came of it."""

    n: int
    x: float
    xx: float
    y: float
    yy: float
    xy: float


@dataclass(frozen=True, slots=True)
class Slope:
    """What one more hour changes, a lead; with its 95% interval."""

    change: float
    interval: Interval
    leads: int

    @property
    def is_real(self) -> bool:
        return self.interval.low > 0 or self.interval.high < 0


def slope_within(strata: Sequence[Moments]) -> Slope | None:
    """The least-squares line of y over x within sources, one slope for all; None where nothing varies.

    Each source keeps its own level, so that one that is slow and bad does not pass for the price of an hour.
    The standard error is that of ordinary least squares with one constant a source (Greene, Econometric
    Analysis, chapter 11: the within estimator).
    """
    sxx = sxy = syy = 0.0
    leads = sources = 0
    for each in strata:
        if not each.n:
            continue
        sxx += each.xx - each.x**2 / each.n
        sxy += each.xy - each.x * each.y / each.n
        syy += each.yy - each.y**2 / each.n
        leads, sources = leads + each.n, sources + 1
    freedom = leads - sources - 1
    if sxx <= 1e-9 or freedom < 1:
        return None
    change = sxy / sxx
    error = sqrt(max(syy - change * sxy, 0.0) / freedom / sxx)
    half = z_of() * error
    return Slope(change, Interval(change - half, change + half), leads)
