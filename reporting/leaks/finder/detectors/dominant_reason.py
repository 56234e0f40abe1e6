"""One reason leads all rejections: the definition lets something in that sales does not want."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reporting.leaks.finder.detectors.reasons import CRITERIA_REASONS, Reasons, from_words, reasons_of
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
from reporting.leaks.finder.statistics import above
from reporting.leaks.finder.worth import LEAST_BASE, LEAST_SIZE, in_group, where

#: A reason dominates beyond this share of the rejections.
DOMINANT: Final = 0.40


class DominantReason(Detector[Reasons]):
    kind = "dominant_reason"
    tag = Tag.QUALIFICATION
    looks_for = f"One reason for more than {percent(DOMINANT)} of the rejections"

    def tests(self, facts: Facts, terms: Terms) -> Tests[Reasons]:
        every = reasons_of(facts)
        made = [
            Test(above(each.group(each.leading[0]), DOMINANT), each)
            for each in every
            if each.base >= LEAST_BASE
        ]
        few = f"{every[0].base:,} rejections with a reason; {LEAST_BASE} are needed"
        return Tests(made, "" if made else few)

    def findings(self, beyond: Sequence[Test[Reasons]], facts: Facts, terms: Terms) -> list[Finding]:
        told: list[Finding] = []
        everywhere = {test.data.leading[0] for test in beyond if test.data.source is None}
        for test in beyond:
            each = test.data
            reason, number = each.leading
            # What criteria lack is told as that; a source does not repeat what holds for all.
            if reason in CRITERIA_REASONS or (each.source is not None and reason in everywhere):
                continue
            rate = each.in_their_place([reason])
            size = Size.of_group(each.beyond_others(reason), rate)
            if size.opportunities < LEAST_SIZE:
                continue
            name = facts.name(reason)
            told.append(
                Finding(
                    kind=self.kind,
                    tag=self.tag,
                    title=f"“{name}” leads the rejections{where(each.source)}",
                    evidence=(
                        f"{of_base(each.group(reason))} of the rejections with a reason say so, of"
                        f" {each.decided.decided:,} leads that sales answered. The MQL rule lets them"
                        " through." + (from_words(facts, reason) if each.source is None else "")
                    ),
                    size=size,
                    p=test.p,
                    fix=Fix("Change the definition", Page.CRITERIA),
                    leads=number,
                    behind=(("answer", "rejected"), ("reason", reason), *in_group(each.source)),
                    method=(
                        f"{each.beyond_others(reason):,.0f} leads more than each other reason has on average,"
                        f" times {of_base(rate)}: how often the other leads become opportunities, had as many"
                        " of those come in their place."
                    ),
                    group=each.source or "",
                )
            )
        return told
