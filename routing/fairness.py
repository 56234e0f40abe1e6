"""Whether a pool shares its leads as its weights say, or somebody is favoured. Pure.

A lead that a pool shared out is a turn. Of each turn everybody who could have had it then expects the share
that their weight is of all those weights; leave, caps and hours are in it, since whoever they bind is left
out of that turn. The expected shares of a period add up to the leads that were shared out.

What came of it differs by chance. Were each turn drawn by lot with those shares, how many leads somebody gets
would be a sum of independent draws: its spread is the sum of p(1 - p). The band holds 95% of what lots give,
for everybody of the pool at once: of 100 fair pools at most five show anybody outside it. A rotation spreads
less than lots do, so it stays well within.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from math import sqrt
from statistics import NormalDist
from typing import Final, Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)

#: How sure a band is, for all the people of a pool together.
CONFIDENCE: Final = 0.95
#: Under this variance a band says nothing: too few leads could have gone either way.
LEAST_VARIANCE: Final = 4.0


@dataclass(frozen=True, slots=True)
class Line(Generic[_K]):
    """Somebody who sat in the pool at a turn. kept_out: why they could not have it, "" where they could."""

    member: _K
    weight: int
    kept_out: str = ""


@dataclass(frozen=True, slots=True)
class Turn(Generic[_K]):
    """A lead that a pool shared out: who had it, of whom. times: how many were just so."""

    member: _K
    lines: Sequence[Line[_K]]
    times: int = 1


@dataclass(slots=True)
class Tally:
    """One person's turns in one pool.

    turns:     that they sat through. by_weight: leads that their weight alone would have given them, had
               everybody always been there.
    expected:  over what each could have had. variance, skew: sums of p(1 - p) and p(1 - p)(1 - 2p).
    kept_out:  turns that they could not have, by reason.
    """

    turns: int = 0
    by_weight: float = 0.0
    expected: float = 0.0
    variance: float = 0.0
    skew: float = 0.0
    actual: int = 0
    kept_out: Counter[str] = field(default_factory=Counter)


class Verdict(StrEnum):
    """How an actual number stands to its band. FEW: too few leads to tell."""

    CHANCE = "chance"
    MORE = "more"
    LESS = "less"
    FEW = "few"


@dataclass(frozen=True, slots=True)
class Band:
    """Leads that chance gives: low to high, both included."""

    low: float
    high: float
    verdict: Verdict


def tally(turns: Iterable[Turn[_K]]) -> dict[_K, Tally]:
    """The turns of one pool, by person."""
    found: dict[_K, Tally] = defaultdict(Tally)
    for turn in turns:
        times = turn.times
        whole = sum(line.weight for line in turn.lines)
        shared = sum(line.weight for line in turn.lines if not line.kept_out)
        for line in turn.lines:
            one = found[line.member]
            one.turns += times
            one.by_weight += times * line.weight / whole if whole else 0.0
            if line.kept_out:
                one.kept_out[line.kept_out] += times
            elif shared:
                share = line.weight / shared
                spread = times * share * (1 - share)
                one.expected += times * share
                one.variance += spread
                one.skew += spread * (1 - 2 * share)
        found[turn.member].actual += times
    return dict(found)


def band(one: Tally, people: int) -> Band:
    """What chance gives one of so many people, and how their actual number stands to it.

    The normal approximation, with a half added for whole numbers and the first term for the lean of small
    shares.
    """
    if one.variance <= 0:
        return Band(one.expected, one.expected, Verdict.CHANCE if _is(one) else Verdict.FEW)
    z, spread = _z(max(1, people)), sqrt(one.variance)
    lean = (z * z - 1) / 6 * one.skew / one.variance
    low = max(0.0, one.expected + lean - z * spread - 0.5)
    high = max(low, one.expected + lean + z * spread + 0.5)
    if one.variance < LEAST_VARIANCE:
        return Band(low, high, Verdict.FEW)
    if low <= one.actual <= high:
        return Band(low, high, Verdict.CHANCE)
    return Band(low, high, Verdict.MORE if one.actual > high else Verdict.LESS)


def _is(one: Tally) -> bool:
    return abs(one.actual - one.expected) < 0.5


@lru_cache(maxsize=256)
def _z(people: int) -> float:
    """How many standard deviations hold CONFIDENCE for so many people at once (after Sidak)."""
    each = CONFIDENCE ** (1 / people)
    return NormalDist().inv_cdf((1 + each) / 2)
