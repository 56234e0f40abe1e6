"""What a quarter's numbers propose for the response times. Pure: measures in, proposals out.

The percentiles are over all clocks of a target that count: answered ones with their time, and those whose
deadline passed unanswered, which are longer than any. So a lead that nobody answered never makes a target
look easy. A target moves by one sensible step at a time:
  tighter  where 90% of the clocks were answered within a tighter round value; at most to half of what it is;
  looser   where fewer were kept than both sides want, by more than chance (the 95% interval of Wilson 1927
           lies below); to the round value that enough would have kept, at most
           to four times what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from reporting.leaks.finder.statistics import Group, wilson
from sla.proposals import Rung, seconds_of

#: Clocks that a proposal must rest on.
LEAST: Final = 50
#: Of the clocks, how many must have been answered within a tighter target.
TIGHTER_PERCENT: Final = 90
_MOST_TIGHTER: Final = 0.5
_MOST_LOOSER: Final = 4.0


class Verdict(StrEnum):
    TOO_FEW = "too_few"
    TIGHTER = "tighter"
    LOOSER = "looser"
    KEEP = "keep"
    NO_LENGTH_HELPS = "no_length_helps"


@dataclass(frozen=True, slots=True)
class Measured:
    """How the clocks of one target of one tier went.

    present: the duration as the policy writes it. answered: clocks with an answer; unanswered: whose deadline
    passed without one. kept: answered in time. p90: seconds of the clock within which 90% of all were
    answered, p_goal: the same for the share that both sides want; None where fewer were answered at all.
    unit, unit_name: of the business unit whose policy it is; blank of the main one.
    """

    tier: str
    tier_name: str
    target: str
    wall: bool
    present: Mapping[str, int]
    answered: int
    unanswered: int
    kept: int
    p90: int | None
    p_goal: int | None
    unit: str = ""
    unit_name: str = ""

    @property
    def base(self) -> int:
        return self.answered + self.unanswered

    def misses(self, percent: int) -> bool:
        """Whether fewer were kept than this share."""
        return 100 * self.kept < percent * self.base

    @property
    def kept_percent(self) -> float | None:
        """Cut to one decimal, so that it never looks like more; None of none."""
        return 1_000 * self.kept // self.base / 10 if self.base else None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for one target. duration: as a policy writes it; None where it is to stay."""

    measured: Measured
    verdict: Verdict
    duration: Mapping[str, int] | None = None

    def as_document(self) -> dict[str, Any]:
        """JSON, to be kept with what was decided."""
        seen = self.measured
        return {
            "unit": seen.unit,
            "tier": seen.tier,
            "tier_name": seen.tier_name,
            "target": seen.target,
            "verdict": str(self.verdict),
            "present": dict(seen.present),
            "proposed": dict(self.duration) if self.duration else None,
            "answered": seen.answered,
            "unanswered": seen.unanswered,
            "kept": seen.kept,
            "p90_seconds": seen.p90,
        }


def propose(measured: Measured, ladder: Sequence[Rung], *, percent: int, day_seconds: int) -> Proposal:
    """What the numbers say for one target.

    ladder: the round values that may be proposed, the tightest first. percent: of clocks that both sides want
    kept. day_seconds: how long a business day is.
    """
    if measured.base < LEAST:
        return Proposal(measured, Verdict.TOO_FEW)
    present = seconds_of(measured.present, day_seconds)
    if present is None:
        return Proposal(measured, Verdict.KEEP)
    if wilson(Group(measured.kept, measured.base)).high < percent / 100:
        return _looser(measured, ladder, present)
    if measured.p90 is not None and not measured.misses(percent):
        least = max(measured.p90, present * _MOST_TIGHTER)
        for rung in ladder:
            if least <= rung.seconds < present:
                return Proposal(measured, Verdict.TIGHTER, rung.duration)
    return Proposal(measured, Verdict.KEEP)


def _looser(measured: Measured, ladder: Sequence[Rung], present: float) -> Proposal:
    if measured.p_goal is not None:
        for rung in ladder:
            if (
                max(measured.p_goal, present) <= rung.seconds <= present * _MOST_LOOSER
                and rung.seconds > present
            ):
                return Proposal(measured, Verdict.LOOSER, rung.duration)
    return Proposal(measured, Verdict.NO_LENGTH_HELPS)
