"""Leads that were touched late, against the organisation's own that were touched in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reporting.leaks.finder.facts import SLOW, Facts, Terms, source_words
from reporting.leaks.finder.findings import (
    Detector,
    Finding,
    Fix,
    Page,
    Tag,
    Test,
    Tests,
    counted,
    of_base,
    points,
)
from reporting.leaks.finder.statistics import Group
from reporting.leaks.finder.worth import LEAST_FOLLOWED, LEAST_SIZE, Compared, worth_of_speed

#: Share of the slow leads from which on the title names the one source that they are from.
_MOST: Final = 0.5


class SlowTouch(Detector[Compared]):
    kind = "slow_touch"
    tag = Tag.SPEED
    looks_for = "Leads touched late that convert less than own leads of the same source touched in time"

    def tests(self, facts: Facts, terms: Terms) -> Tests[Compared]:
        worth = worth_of_speed(facts)
        if worth.pooled is None or not worth.enough:
            return Tests(
                too_few=(
                    f"{worth.better.followed:,} leads touched in time and {worth.worse.followed:,} late were"
                    f" followed for {terms.cohort_days} days; {LEAST_FOLLOWED} of each, of the same sources,"
                    " are needed"
                )
            )
        return Tests([Test(worth.pooled.p, worth)])

    def findings(self, beyond: Sequence[Test[Compared]], facts: Facts, terms: Terms) -> list[Finding]:
        return [found for test in beyond if (found := self._finding(test, facts, terms))]

    def _finding(self, test: Test[Compared], facts: Facts, terms: Terms) -> Finding | None:
        worth = test.data
        slow = {source: tally.leads for (source, speed), tally in facts.by_speed.items() if speed == SLOW}
        waited = sum(slow.values())
        size = worth.lost(waited)
        if worth.pooled is None or size.opportunities < LEAST_SIZE:
            return None
        most = min(slow, key=lambda source: (-slow[source], source))
        alone = slow[most] == waited
        named = alone or slow[most] > _MOST * waited
        due = Group(waited, waited + worth.better.leads)
        line = "the target of its tier" if terms.fast_minutes is None else f"{terms.fast_minutes} min"
        return Finding(
            kind=self.kind,
            tag=self.tag,
            title="Leads wait too long for a first touch"
            + (f", most of them {source_words(most)}" if named else ""),
            evidence=(
                f"Touched later than {line}, or never, they become opportunities in"
                f" {of_base(worth.worse.won_over)};"
                f" touched in time in {of_base(worth.better.won_over)}."
                f" {of_base(due)} of the leads due in the period waited."
            ),
            size=size,
            p=test.p,
            fix=Fix("Look at the tiers and who is there for them", Page.TIERS),
            leads=waited,
            behind=(("touch", "slow"),),
            method=(
                f"{counted(waited, 'slow lead')} times {points(worth.pooled.difference)}: how much more"
                " often a lead"
                " touched in time becomes an opportunity than a slow one of the same source"
                " (Mantel-Haenszel, so that bad sources do not pass for slow ones)."
            ),
        )
