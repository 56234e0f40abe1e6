"""Which promise an organisation could make today, from how its own clocks went. Pure: counts in, a proposal
out.

A candidate is one of a ladder of round values. A clock counts for it as
  kept      answered within it,
  broken    answered later; never answered and broken for good; or unanswered for as long as the candidate,
and is left out where nobody can know: it still runs and is younger than the candidate, it ended before
(called off), or it stands or stood and still runs. So an unanswered lead never makes a proposal tighter, and
a longer candidate is never kept less often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: Clocks that a proposal must rest on.
LEAST: Final = 30
#: Quarters in which the way from what is kept today to the goal is walked, at most.
QUARTERS: Final = 3
MINUTE, HOUR = 60, 3_600
WALL_DAY: Final = 24 * HOUR
_MINUTES: Final = (5, 10, 15, 30, 60, 120, 240, 480)
_DAYS: Final = (1, 2, 3, 5)


@dataclass(frozen=True, slots=True)
class Rung:
    """A round value: as a policy writes it, and in seconds of the clock."""

    duration: Mapping[str, int]
    seconds: int


def rungs(day_seconds: int, *, wall: bool = False) -> tuple[Rung, ...]:
    """The round values, the tightest first: 5, 10, 15, 30 minutes; 1, 2, 4, 8 hours; 1, 2, 3, 5 days.

    day_seconds: how long a business day is. By the wall clock days are of 24 hours, and written in minutes.
    Of two values of one length the shorter unit stays.
    """
    day = WALL_DAY if wall else day_seconds
    short = [Rung({"minutes": minutes}, minutes * MINUTE) for minutes in _MINUTES]
    taken = {rung.seconds for rung in short}
    long = [
        Rung({"minutes": days * day // MINUTE} if wall else {"business_days": days}, days * day)
        for days in _DAYS
        if days * day not in taken
    ]
    return tuple(sorted([*short, *long], key=lambda rung: rung.seconds))


def seconds_of(duration: Mapping[str, Any], day_seconds: int) -> float | None:
    """About how long a promise is, in seconds; None for what is none. The end of a day is half a day away."""
    if len(duration) != 1:
        return None
    ((unit, amount),) = duration.items()
    if not isinstance(amount, int):
        return None
    if unit == "end_of_day":
        return (amount + 0.5) * day_seconds
    each = {"seconds": 1, "minutes": MINUTE, "business_days": day_seconds}.get(unit)
    return None if each is None else float(amount * each)


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of one tier and target, counted by the ladder of n values.

    answered: by the first value that the answer kept, n where it kept none. ended, running: never answered,
    by how many of the values they waited through. never: broken and closed unanswered. stood: still run, and
    stand or stood. Lists have n + 1 places.
    """

    answered: Sequence[int]
    ended: Sequence[int]
    running: Sequence[int]
    never: int = 0
    stood: int = 0

    @classmethod
    def none(cls, values: int) -> Clocks:
        empty = (0,) * (values + 1)
        return cls(empty, empty, empty)

    @property
    def all(self) -> int:
        return sum(self.answered) + sum(self.ended) + sum(self.running) + self.never + self.stood

    def at(self, place: int) -> Tally:
        """How the clocks would have kept the value at this place of the ladder."""
        first = place + 1
        return Tally(
            kept=sum(self.answered[:first]),
            broken=sum(self.answered[first:])
            + sum(self.ended[first:])
            + sum(self.running[first:])
            + self.never,
            running=sum(self.running[:first]),
            ended=sum(self.ended[:first]),
            stood=self.stood,
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """Clocks against one value. running, ended, stood: those left out, and why."""

    kept: int
    broken: int
    running: int
    ended: int
    stood: int

    @property
    def base(self) -> int:
        """How many count."""
        return self.kept + self.broken

    @property
    def left_out(self) -> int:
        return self.running + self.ended + self.stood

    @property
    def percent(self) -> float | None:
        """Kept of those that count, cut to one decimal so that it never looks like more; None of none."""
        return 1_000 * self.kept // self.base / 10 if self.base else None

    def keeps(self, percent: int) -> bool:
        """Whether at least so many percent kept it."""
        return self.base > 0 and 100 * self.kept >= percent * self.base


@dataclass(frozen=True, slots=True)
class Proposal:
    """What could be promised today.

    found: the tightest value that enough kept; None where even the longest was kept too seldom, or there are
    too few clocks to say (`enough`). tally: against `found`, else the longest. tighter: the value before it
    and its tally. steps: durations to walk on to, one a quarter, the goal last; none where it is reached.
    """

    enough: bool
    found: Rung | None
    tally: Tally
    tighter: tuple[Rung, Tally] | None
    steps: tuple[Mapping[str, int], ...]
    percent: int


def propose(
    clocks: Clocks,
    ladder: Sequence[Rung],
    *,
    percent: int,
    goal: Mapping[str, int] | None = None,
    day_seconds: int = WALL_DAY,
) -> Proposal:
    """The tightest value of the ladder that at least `percent` of clocks kept, and the way to the goal."""
    tallies = [clocks.at(place) for place in range(len(ladder))]
    at = next((place for place, tally in enumerate(tallies) if tally.keeps(percent)), None)
    tally = tallies[-1] if at is None else tallies[at]
    if at is None or tally.base < LEAST:
        return Proposal(tally.base >= LEAST, None, tally, None, (), percent)
    return Proposal(
        enough=True,
        found=ladder[at],
        tally=tally,
        tighter=(ladder[at - 1], tallies[at - 1]) if at else None,
        steps=steps_to(goal, ladder[at], ladder, day_seconds=day_seconds) if goal else (),
        percent=percent,
    )


def steps_to(
    goal: Mapping[str, int], start: Rung, ladder: Sequence[Rung], *, day_seconds: int
) -> tuple[Mapping[str, int], ...]:
    """The way from a value to a tighter goal: round values between them, as evenly as they come, at most
    QUARTERS with the goal. None where the goal is no tighter.
    """
    aim = seconds_of(goal, day_seconds)
    if aim is None or aim >= start.seconds:
        return ()
    between = [rung.duration for rung in reversed(ladder) if aim < rung.seconds < start.seconds]
    way = [*between, goal]
    count = min(QUARTERS, len(way))
    return tuple(way[(len(way) * number + count - 1) // count - 1] for number in range(1, count + 1))
