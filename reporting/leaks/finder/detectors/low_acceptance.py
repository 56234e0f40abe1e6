"""A source whose leads sales accepts less often than those of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reporting.leaks.finder.detectors.reasons import reasons_of
from reporting.leaks.finder.facts import Facts, Terms, source_words
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
from reporting.leaks.finder.statistics import Group, higher
from reporting.leaks.finder.worth import LEAST_BASE, LEAST_SIZE, if_accepted, in_group

#: Points less than the others that matter.
GAP: Final = 0.10


@dataclass(frozen=True, slots=True)
class Acceptance:
    source: str
    own: Group
    others: Group


class LowAcceptance(Detector[Acceptance]):
    kind = "low_acceptance"
    tag = Tag.QUALIFICATION
    looks_for = f"Sources accepted {100 * GAP:.0f} points or more less often than the others"

    def tests(self, facts: Facts, terms: Terms) -> Tests[Acceptance]:
        whole = facts.whole
        made = []
        for source, tally in sorted(facts.by_source.items()):
            own = Group(tally.accepted, tally.decided)
            others = Group(whole.accepted - tally.accepted, whole.decided - tally.decided)
            if min(own.base, others.base) >= LEAST_BASE:
                made.append(Test(higher(others, own), Acceptance(source, own, others)))
        few = (
            f"{whole.decided:,} leads answered; {LEAST_BASE} of a source and {LEAST_BASE} of others are"
            " needed"
        )
        return Tests(made, "" if made else few)

    def findings(self, beyond: Sequence[Test[Acceptance]], facts: Facts, terms: Terms) -> list[Finding]:
        told = []
        leading = {each.source: each.leading for each in reasons_of(facts)}
        for test in beyond:
            found = test.data
            gap = found.others.share - found.own.share
            missing, rate = gap * found.own.base, if_accepted(facts, found.source)
            size = Size.of_group(missing, rate)
            if gap < GAP or size.opportunities < LEAST_SIZE:
                continue
            reason, number = leading.get(found.source) or leading[None]
            why = f" “{facts.name(reason)}” is the most frequent reason ({number:,})." if reason else ""
            told.append(
                Finding(
                    kind=self.kind,
                    tag=self.tag,
                    title=f"Sales turns down {source_words(found.source)} more than others",
                    evidence=(
                        f"{of_base(found.own)} accepted, against {of_base(found.others)} of other"
                        f" sources.{why}"
                    ),
                    size=size,
                    p=test.p,
                    fix=Fix("Look at what the rule asks of them", Page.CRITERIA),
                    leads=found.own.base - found.own.hits,
                    behind=(("answer", "declined"), *in_group(found.source)),
                    method=(
                        f"{missing:,.0f} leads that would be accepted at the others'"
                        f" {percent(found.others.share)},"
                        f" times {of_base(rate)}: how often accepted ones become opportunities."
                    ),
                    group=found.source,
                )
            )
        return told
