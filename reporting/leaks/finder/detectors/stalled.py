"""Leads that stand in a stage longer than nearly all that went on from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reporting.leaks.finder.facts import ENDED, STAGES, STANDING, WENT_ON, Facts, Terms
from reporting.leaks.finder.findings import (
    Detector,
    Finding,
    Fix,
    Page,
    Size,
    Tag,
    Test,
    Tests,
    of_base,
    percent,
)
from reporting.leaks.finder.statistics import Group, above
from reporting.leaks.finder.worth import LEAST_BASE, LEAST_SIZE

#: Of those that went on, so many had done so within the line.
WITHIN: Final = 0.90
#: Standing beyond the line is a stall from this share on, of those that came to the stage longer ago.
STANDING_SHARE: Final = 0.20


@dataclass(frozen=True, slots=True)
class Stall:
    stage: str
    line: int  # days
    standing: Group  # beyond the line, of those that came longer ago than that
    went_on: Group  # of those that left the stage


class StalledStage(Detector[Stall]):
    kind = "stalled"
    tag = Tag.PIPELINE
    looks_for = (
        f"Stages in which more than {percent(STANDING_SHARE)} stand longer than nearly all that went on"
    )

    def tests(self, facts: Facts, terms: Terms) -> Tests[Stall]:
        stalls = [each for stage in STAGES if (each := _stall(facts, stage)) is not None]
        few = f"no stage has {LEAST_BASE} leads that went on and {LEAST_BASE} that came long enough ago"
        return Tests(
            [Test(above(each.standing, STANDING_SHARE), each) for each in stalls], "" if stalls else few
        )

    def findings(self, beyond: Sequence[Test[Stall]], facts: Facts, terms: Terms) -> list[Finding]:
        told = []
        for test in beyond:
            stall = test.data
            surplus = stall.standing.hits - (1 - WITHIN) * stall.standing.base
            rate = _to_opportunity(facts, stall)
            size = Size.of_group(surplus, rate)
            if size.opportunities < LEAST_SIZE:
                continue
            days = f"{stall.line} day{'' if stall.line == 1 else 's'}"
            told.append(
                Finding(
                    kind=self.kind,
                    tag=self.tag,
                    title=f"Leads stall as {STAGES[stall.stage]}",
                    evidence=(
                        f"{of_base(stall.standing)} of those that came more than {days} ago still stand"
                        " there;"
                        f" {percent(WITHIN)} of those that went on had done so by then."
                    ),
                    size=size,
                    p=test.p,
                    fix=Fix("Close them or take them on", Page.STALE),
                    leads=stall.standing.hits,
                    behind=(("stage", stall.stage), ("over", str(stall.line))),
                    method=(
                        f"{surplus:,.0f} leads beyond {percent(1 - WITHIN)}, times {of_base(rate)}:"
                        " how many of"
                        " those that left the stage went on, down to the opportunity."
                    ),
                    group=stall.stage,
                )
            )
        return told


def _stall(facts: Facts, stage: str) -> Stall | None:
    waits = {(days, how): number for (of, days, how), number in facts.waits.items() if of == stage}
    went_on = sorted((days, number) for (days, how), number in waits.items() if how == WENT_ON)
    passed = sum(number for _, number in went_on)
    if passed < LEAST_BASE:
        return None
    line, seen = 0, 0
    for days, number in went_on:
        line, seen = days, seen + number
        if seen >= WITHIN * passed:
            break
    line = max(1, line)
    came = sum(number for (of, age), number in facts.came.items() if of == stage and age > line)
    if came < LEAST_BASE:
        return None
    ended = sum(number for (_, how), number in waits.items() if how == ENDED)
    beyond = sum(number for (days, how), number in waits.items() if how == STANDING and days > line)
    return Stall(stage, line, Group(beyond, came), Group(passed, passed + ended))


def _to_opportunity(facts: Facts, stall: Stall) -> Group:
    """How many of a stage come to an opportunity, by the shares that go on from each stage that is left."""
    order = list(STAGES)
    share = stall.went_on.share
    for stage in order[order.index(stall.stage) + 1 : -1]:
        later = _stall(facts, stage)
        share *= later.went_on.share if later is not None else 1.0
    return Group(round(share * stall.went_on.base), stall.went_on.base)
