"""Many rejections and no reason that leads: not the definition, the targeting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reporting.leaks.finder.detectors.reasons import Reasons, reasons_of
from reporting.leaks.finder.facts import Facts, Terms
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
from reporting.leaks.finder.worth import LEAST_BASE, LEAST_SIZE, in_group, where

#: Rejections are many beyond this share of the answered leads.
MANY: Final = 0.30
#: Reasons scatter where they are as spread as so many equally frequent ones, and none has a larger share.
SPREAD: Final = 4.0
LARGEST: Final = 0.33


class ScatteredReasons(Detector[Reasons]):
    kind = "scattered_reasons"
    tag = Tag.QUALIFICATION
    looks_for = f"More than {percent(MANY)} of the answered leads rejected, for scattered reasons"

    def tests(self, facts: Facts, terms: Terms) -> Tests[Reasons]:
        every = reasons_of(facts)
        made = [
            Test(above(Group(each.decided.rejected, each.decided.decided), MANY), each)
            for each in every
            if each.decided.decided >= LEAST_BASE
        ]
        few = f"{every[0].decided.decided:,} leads answered; {LEAST_BASE} are needed"
        return Tests(made, "" if made else few)

    def findings(self, beyond: Sequence[Test[Reasons]], facts: Facts, terms: Terms) -> list[Finding]:
        told: list[Finding] = []
        # What holds for all is told once.
        chosen = [test for test in beyond if test.data.source is None] or beyond
        for test in chosen:
            each = test.data
            reason, number = each.leading
            if not each.base or each.effective < SPREAD or number / each.base > LARGEST:
                continue
            rejected = Group(each.decided.rejected, each.decided.decided)
            rate = each.in_their_place(each.by_reason.keys())
            surplus = rejected.hits - MANY * rejected.base
            size = Size.of_group(surplus, rate)
            if size.opportunities < LEAST_SIZE:
                continue
            told.append(
                Finding(
                    kind=self.kind,
                    tag=self.tag,
                    title=f"Many rejections{where(each.source)}, for scattered reasons",
                    evidence=(
                        f"{of_base(rejected)} of the answered leads were rejected, and no reason leads:"
                        f" “{facts.name(reason)}”, the most frequent, has {of_base(each.group(reason))}."
                        " Such leads are the wrong audience rather than a gap in the definition."
                    ),
                    size=size,
                    p=test.p,
                    fix=Fix("See which campaigns bring them", Page.CAMPAIGNS),
                    leads=rejected.hits,
                    behind=(("answer", "rejected"), *in_group(each.source)),
                    method=(
                        f"{surplus:,.0f} rejections beyond {percent(MANY)}, times {of_base(rate)}: how"
                        " often the"
                        " leads that were not rejected become opportunities, had as many of those come"
                        " instead."
                    ),
                    group=each.source or "",
                )
            )
        return told
