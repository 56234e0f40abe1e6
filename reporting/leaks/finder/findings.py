"""What a detector tests, and what it tells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar

from core.numbers import shown
from reporting.leaks.finder.facts import Facts, Terms
from reporting.leaks.finder.statistics import Group, Interval, wilson


class Tag(StrEnum):
    """What sort of leak it is."""

    SPEED = "Speed"
    QUALIFICATION = "Qualification"
    PERSISTENCE = "Persistence"
    ROUTING = "Routing"
    DISCIPLINE = "Discipline"
    DATA = "Data"
    PIPELINE = "Pipeline"


class Page(StrEnum):
    """Where a fix is made."""

    TIERS = "tiers"
    CRITERIA = "criteria"
    SQL_BAR = "sql_bar"
    REQUIREMENTS = "requirements"
    ROUTING = "routing"
    CALENDARS = "calendars"
    CAMPAIGNS = "campaigns"
    BOARD = "board"
    REPS = "reps"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Size:
    """Opportunities that the leads of the period lost, and the interval that it lies in."""

    opportunities: float
    low: float
    high: float

    @classmethod
    def of(cls, leads: float, per_lead: float, interval: Interval) -> Size:
        """So many leads, each of which lost a share of an opportunity."""
        return cls(
            max(0.0, leads * per_lead), max(0.0, leads * interval.low), max(0.0, leads * interval.high)
        )

    @classmethod
    def of_group(cls, leads: float, rate: Group) -> Size:
        """So many leads that would have become opportunities at a rate."""
        return cls.of(leads, rate.share, wilson(rate)) if rate.base else cls(0.0, 0.0, 0.0)

    def __add__(self, other: Size) -> Size:
        return Size(self.opportunities + other.opportunities, self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True)
class Fix:
    words: str
    page: Page


@dataclass(frozen=True, slots=True)
class Finding:
    """One leak. behind: filters (name, value) of the list of its leads, of which there are `leads`.

    group: the source it is about, or another key within its kind; "" for all. p: one-sided, of the strongest
    test. method: how the size was worked out, in sentences.
    """

    kind: str
    tag: Tag
    title: str
    evidence: str
    size: Size
    p: float
    fix: Fix
    leads: int
    behind: tuple[tuple[str, str], ...]
    method: str
    group: str = ""


_Data = TypeVar("_Data")


@dataclass(frozen=True, slots=True)
class Test(Generic[_Data]):
    """One look at the facts. p: how likely they are where there is nothing to find."""

    p: float
    data: _Data


@dataclass(frozen=True, slots=True)
class Tests(Generic[_Data]):
    """Everything that a detector looked at. too_few: why it looked at nothing, "" where it did."""

    made: Sequence[Test[_Data]] = ()
    too_few: str = ""


class Detector(ABC, Generic[_Data]):
    """One kind of leak. It says everything that it tests, also where it looks harmless, so that the run can
    allow for how often it looked; it is then given those tests that are beyond chance."""

    kind: ClassVar[str]
    tag: ClassVar[Tag]
    #: What is looked for, for readers.
    looks_for: ClassVar[str]

    @abstractmethod
    def tests(self, facts: Facts, terms: Terms) -> Tests[_Data]: ...

    @abstractmethod
    def findings(self, beyond: Sequence[Test[_Data]], facts: Facts, terms: Terms) -> list[Finding]:
        """What the tests that are beyond chance say; those that are too slight to matter are left out."""


def percent(share: float) -> str:
    """0.063 is "6.3%", 0.63 is "63%"; 0.0002 is "0.02%", not nothing."""
    return f"{_tenths(100 * share)}%" if share < 0.0995 else f"{100 * share:.0f}%"


def of_base(group: Group) -> str:
    """ "19% (38 of 200)" """
    hits, base = group
    return f"{percent(hits / base)} ({hits:,} of {base:,})" if base else "none"


def points(difference: float) -> str:
    return f"{_tenths(100 * difference)} points"


def _tenths(number: float) -> str:
    return shown(number) if 0 < number < 0.05 else f"{number:.1f}"


def counted(number: int, singular: str, plural: str = "") -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """ "Ann, Bo and 3 more" """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
