"""Every detector, and the one run of them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from reporting.leaks.finder.detectors.cherry_picking import CherryPicking
from reporting.leaks.finder.detectors.criteria import CriteriaLack
from reporting.leaks.finder.detectors.dominant_reason import DominantReason
from reporting.leaks.finder.detectors.few_attempts import FewAttempts
from reporting.leaks.finder.detectors.hours import HourHoles
from reporting.leaks.finder.detectors.low_acceptance import LowAcceptance
from reporting.leaks.finder.detectors.low_sql import LowSql
from reporting.leaks.finder.detectors.missing_data import MissingData
from reporting.leaks.finder.detectors.reps import RepsDiffer
from reporting.leaks.finder.detectors.scattered_reasons import ScatteredReasons
from reporting.leaks.finder.detectors.slow_touch import SlowTouch
from reporting.leaks.finder.detectors.sql_bar import SqlBar
from reporting.leaks.finder.detectors.stalled import StalledStage
from reporting.leaks.finder.detectors.wrong_owner import WrongOwner
from reporting.leaks.finder.facts import Facts, Terms
from reporting.leaks.finder.findings import Detector, Finding
from reporting.leaks.finder.statistics import benjamini_hochberg

DETECTORS: Final[tuple[Detector[Any], ...]] = (
    SlowTouch(),
    DominantReason(),
    ScatteredReasons(),
    LowAcceptance(),
    SqlBar(),
    LowSql(),
    CriteriaLack(),
    FewAttempts(),
    RepsDiffer(),
    WrongOwner(),
    CherryPicking(),
    HourHoles(),
    MissingData(),
    StalledStage(),
)
KINDS: Final = tuple(detector.kind for detector in DETECTORS)
#: Of the tests that are said to be beyond chance, the share that may be so by chance.
FALSE_ALARMS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Looked:
    """What one detector looked at: how many tests, how many of them beyond chance, what it told."""

    kind: str
    tag: str
    looks_for: str
    tests: int
    beyond: int
    findings: int
    too_few: str


@dataclass(frozen=True, slots=True)
class Leaks:
    """The findings, the greatest first, and all that was looked at."""

    findings: tuple[Finding, ...]
    looked: tuple[Looked, ...]
    leads: int
    followed: int
    sources: tuple[str, ...]

    @property
    def tests(self) -> int:
        return sum(each.tests for each in self.looked)

    @property
    def untested(self) -> list[Looked]:
        """What there were too few leads for."""
        return [each for each in self.looked if each.too_few]


def find(facts: Facts, terms: Terms | None = None) -> Leaks:
    """Every leak that the facts show beyond chance, the one that costs most opportunities first."""
    terms = terms or Terms()
    asked = [(detector, detector.tests(facts, terms)) for detector in DETECTORS]
    beyond = iter(benjamini_hochberg([test.p for _, tests in asked for test in tests.made], FALSE_ALARMS))
    findings: list[Finding] = []
    looked = []
    for detector, tests in asked:
        passed = [test for test in tests.made if next(beyond)]
        found = detector.findings(passed, facts, terms) if passed else []
        findings += found
        looked.append(
            Looked(
                detector.kind,
                detector.tag,
                detector.looks_for,
                len(tests.made),
                len(passed),
                len(found),
                f"too few: {tests.too_few}" if tests.too_few else "",
            )
        )
    findings.sort(key=lambda each: (-each.size.opportunities, each.p, each.kind, each.group))
    whole = facts.whole
    return Leaks(
        tuple(findings),
        tuple(looked),
        whole.leads,
        whole.followed,
        tuple(source for source, tally in sorted(facts.by_source.items()) if tally.leads),
    )
