""" "No budget" or "not the decision maker" leads the answers: the criteria do not ask for it."""

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

#: Such a reason is a finding beyond this share, where it is the most frequent one.
LEADING: Final = 0.25


class CriteriaLack(Detector[tuple[Reasons, str]]):
    kind = "criteria_lack"
    tag = Tag.QUALIFICATION
    looks_for = (
        f"Budget or decision maker as the leading reason, for more than {percent(LEADING)} of the rejections"
    )

    def tests(self, facts: Facts, terms: Terms) -> Tests[tuple[Reasons, str]]:
        every = reasons_of(facts)
        made = [
            Test(above(each.group(reason), LEADING), (each, reason))
            for each in every
            if each.base >= LEAST_BASE
            for reason in sorted(CRITERIA_REASONS & each.by_reason.keys())
        ]
        few = f"{every[0].base:,} rejections with a reason; {LEAST_BASE} are needed"
        return Tests(made, "" if every[0].base >= LEAST_BASE else few)

    def findings(
        self, beyond: Sequence[Test[tuple[Reasons, str]]], facts: Facts, terms: Terms
    ) -> list[Finding]:
        told: list[Finding] = []
        everywhere = {test.data[1] for test in beyond if test.data[0].source is None}
        for test in beyond:
            each, reason = test.data
            if each.leading[0] != reason or (each.source is not None and reason in everywhere):
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
                    title=f"The criteria do not ask about “{name}”{where(each.source)}",
                    evidence=(
                        f"It is the most frequent reason: {of_base(each.group(reason))} of the rejections"
                        " with"
                        " one. It could be known before the handover."
                        + (from_words(facts, reason) if each.source is None else "")
                    ),
                    size=size,
                    p=test.p,
                    fix=Fix("Add it to the criteria", Page.CRITERIA),
                    leads=each.group(reason).hits,
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
