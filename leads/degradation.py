"""Whether the data of a source became worse, or whether that is chance. Pure.

A share is compared before and after by Fisher's exact test, one-sided: of all ways in which the good ones
could have fallen to the two periods, how many give the later one as few as it has, or fewer? (R. A. Fisher,
Statistical Methods for Research Workers, 1934, section 21.02; the hypergeometric tail.) It is exact for small
numbers, where an approximation by the normal distribution calls chance a drop.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma
from typing import Final

#: Leads that both periods must have: below that nothing is said.
FEWEST: Final = 30
#: Points of a share that a drop has at least; a small one may be certain and still not matter.
SMALLEST_DROP: Final = 0.10
#: How often chance alone may raise an alarm at one look, over everything that is compared at it.
CHANCE: Final = 0.001
#: An episode ends once the share is back to within this of what it was.
RECOVERED_WITHIN: Final = 0.05
_NEGLIGIBLE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Tally:
    """Of `of` leads, `good` have it."""

    good: int
    of: int

    @property
    def share(self) -> float:
        return self.good / self.of if self.of else 0.0


def has_dropped(before: Tally, after: Tally, *, comparisons: int = 1) -> bool:
    """Whether a share is worse than before by more than matters little or chance explains.

    comparisons: how many are made at this look; the more, the less likely chance must be for each.
    """
    if before.of < FEWEST or after.of < FEWEST or before.share - after.share < SMALLEST_DROP:
        return False
    return chance_of(before, after) < CHANCE / max(comparisons, 1)


def has_recovered(was: float, after: Tally) -> bool:
    """Whether a share is back where it was before an episode."""
    return after.of >= FEWEST and after.share >= was - RECOVERED_WITHIN


def chance_of(before: Tally, after: Tally) -> float:
    """The chance that the later period has as few good ones, or fewer, if nothing changed."""
    everybody, good = before.of + after.of, before.good + after.good
    fewest = max(0, after.of - (everybody - good))
    total = term = exp(_log_term(everybody, good, after.of, after.good))
    for count in range(after.good, fewest, -1):  # each term from the one above it, down to nothing
        bad = everybody - good - after.of + count
        term *= count * bad / ((good - count + 1) * (after.of - count + 1))
        total += term
        if term < total * _NEGLIGIBLE and count < after.of * good / everybody:
            break
    return min(total, 1.0)


def _log_term(everybody: int, good: int, drawn: int, count: int) -> float:
    """The logarithm of the chance of exactly `count` good ones among those drawn."""
    return _ways(good, count) + _ways(everybody - good, drawn - count) - _ways(everybody, drawn)


def _ways(of: int, take: int) -> float:
    return lgamma(of + 1) - lgamma(take + 1) - lgamma(of - take + 1)
