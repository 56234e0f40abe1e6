"""What the leak finder is given: leads counted by what they have in common, never the leads themselves.

So a year of 250,000 leads comes as some thousand numbers, and their order plays no part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Final, TypeVar

from reporting.leaks.finder.statistics import Group

#: How a lead counts by its first touch.
FAST: Final = "fast"
SLOW: Final = "slow"
#: By how many touches people made.
FEW: Final = "few"
ENOUGH: Final = "enough"
#: By whether somebody refused it as not theirs.
MOVED: Final = "moved"
STAYED: Final = "stayed"
#: A dimension that does not apply to a lead.
APART: Final = ""

#: How a lead stands in a stage that it came to.
WENT_ON: Final = "went_on"
STANDING: Final = "standing"
ENDED: Final = "ended"
#: Stages a lead may stall in, and their words, in order.
STAGES: Final[Mapping[str, str]] = {
    "mql": "MQL",
    "sal": "SAL",
    "sql": "SQL",
    "opportunity": "Opportunity",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the organisation set. Shares are fractions of 1.

    fast_minutes: working minutes within which a first touch is fast; None: within the target of its tier.
    """

    sql_share: float = 0.30
    wrong_owner_share: float = 0.05
    cohort_days: int = 90
    enough_attempts: int = 4
    fast_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Leads that are alike, counted.

    leads to rejected are those of the period; followed to taken_sql are those that conversion is learned
    from: each old enough to have been followed for the same number of days, and what it came to within them.
    """

    leads: int = 0
    judged: int = 0  # first touch was due
    late: int = 0  # of the judged: touched after that, or never
    untouched: int = 0  # of the late: never
    routed: int = 0  # had an owner
    misrouted: int = 0  # of the routed: refused as not theirs
    decided: int = 0  # sales answered about the lead: not that somebody else should have it
    accepted: int = 0
    rejected: int = 0
    followed: int = 0
    sql: int = 0  # of the followed: became SQL or later
    opportunities: int = 0  # of the followed: became an opportunity or won
    taken: int = 0  # of the followed: sales accepted
    taken_sql: int = 0  # of the taken: became SQL or later

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in TALLIED))

    @property
    def won_over(self) -> Group:
        """Opportunities of the followed."""
        return Group(self.opportunities, self.followed)


_Key = TypeVar("_Key")
_Other = TypeVar("_Other")
TALLIED: Final = tuple(each.name for each in fields(Tally))


_ANSWERS: Final = ("leads", "followed", "opportunities", "decided", "rejected")
#: What is counted in each table of Facts; the rest of its tallies is 0.
COUNTED_IN: Final[Mapping[str, tuple[str, ...]]] = {
    "by_speed": _ANSWERS,
    "by_attempts": _ANSWERS,
    "by_move": _ANSWERS,
    "by_reason": _ANSWERS,
    "by_rep": TALLIED,
    "by_lacks": ("leads", "followed", "opportunities", "judged", "late"),
    "by_hour": ("judged", "late"),
}


def put_together(cells: Mapping[_Key, Tally], by: Callable[[_Key], _Other | None]) -> dict[_Other, Tally]:
    """Cells added up by another key; those that it gives None are left out."""
    found: dict[_Other, list[Tally]] = {}
    for key, tally in cells.items():
        other = by(key)
        if other is not None:
            found.setdefault(other, []).append(tally)
    return {key: total(tallies) for key, tallies in found.items()}


def total(tallies: Iterable[Tally]) -> Tally:
    return sum(tallies, Tally())


@dataclass(frozen=True, slots=True)
class Facts:
    """A period's leads, counted in the ways that the detectors ask for. Keys begin with the source."""

    by_speed: Mapping[tuple[str, str], Tally] = field(default_factory=dict)  # FAST, SLOW
    by_attempts: Mapping[tuple[str, str], Tally] = field(default_factory=dict)  # accepted: FEW, ENOUGH
    by_move: Mapping[tuple[str, str], Tally] = field(default_factory=dict)  # MOVED, STAYED
    by_reason: Mapping[tuple[str, str, str], Tally] = field(default_factory=dict)  # decision, reason
    by_rep: Mapping[tuple[str, str], Tally] = field(default_factory=dict)  # owner; "" nobody. All leads.
    by_lacks: Mapping[tuple[str, tuple[str, ...]], Tally] = field(default_factory=dict)  # fields
    by_hour: Mapping[tuple[int, int], Tally] = field(default_factory=dict)  # weekday (Monday 0), hour
    #: (stage, whole days since it came there, how it stands): leads. Of those that went on or ended, the days
    #: until then.
    waits: Mapping[tuple[str, int, str], int] = field(default_factory=dict)
    #: (stage, whole days since): leads that came to it then.
    came: Mapping[tuple[str, int], int] = field(default_factory=dict)
    #: What people call reps, teams of reps, reasons and fields, by key.
    names: Mapping[str, str] = field(default_factory=dict)
    team_of: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_source(self) -> dict[str, Tally]:
        return put_together(self.by_rep, lambda key: key[0])

    @property
    def whole(self) -> Tally:
        return total(self.by_rep.values())

    def name(self, key: str) -> str:
        return self.names.get(key) or key.replace("_", " ").replace(".", " ").capitalize()


def source_words(source: str) -> str:
    return source or "leads without a source"
