"""Leads that went to somebody who said: not mine. Moves after a breach and for leave are not among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reporting.leaks.finder.facts import MOVED, STAYED, Facts, Tally, Terms
from reporting.leaks.finder.findings import (
    Detector,
    Finding,
    Fix,
    Page,
    Tag,
    Test,
    Tests,
    of_base,
    percent,
    points,
)
from reporting.leaks.finder.statistics import Group, above
from reporting.leaks.finder.worth import compared, groups, in_group, where

#: Routed leads from which on the share is judged.
LEAST_ROUTED: Final = 100


@dataclass(frozen=True, slots=True)
class Routed:
    source: str | None
    tally: Tally

    @property
    def moved(self) -> Group:
        return Group(self.tally.misrouted, self.tally.routed)


class WrongOwner(Detector[Routed]):
    kind = "wrong_owner"
    tag = Tag.ROUTING
    looks_for = "Leads refused as belonging to somebody else, beyond what was set"

    def tests(self, facts: Facts, terms: Terms) -> Tests[Routed]:
        every = [Routed(source, tally) for source, tally in groups(facts)]
        made = [
            Test(above(each.moved, terms.wrong_owner_share), each)
            for each in every
            if each.moved.base >= LEAST_ROUTED
        ]
        few = f"{every[0].moved.base:,} leads had an owner; {LEAST_ROUTED} are needed"
        return Tests(made, "" if made else few)

    def findings(self, beyond: Sequence[Test[Routed]], facts: Facts, terms: Terms) -> list[Finding]:
        told = []
        effect = compared(facts.by_move, STAYED, MOVED)
        for test in [each for each in beyond if each.data.source is None] or beyond:
            found = test.data
            size = effect.lost(found.moved.hits)
            if effect.pooled is not None and effect.enough:
                worth = (
                    f"{found.moved.hits:,} leads times {points(max(0.0, effect.pooled.difference))}: how"
                    " much more often"
                    " a lead that stayed becomes an opportunity than one of the same source that was moved"
                    " (Mantel-Haenszel)."
                )
            else:
                worth = "Too few moved leads were followed long enough to say what it costs."
            told.append(
                Finding(
                    kind=self.kind,
                    tag=self.tag,
                    title=f"Leads go to the wrong person{where(found.source)}",
                    evidence=(
                        f"{of_base(found.moved)} of the routed leads were refused as somebody else's, above"
                        f" {percent(terms.wrong_owner_share)}. Moves after a breach or for leave do not"
                        " count."
                    ),
                    size=size,
                    p=test.p,
                    fix=Fix("Look at the routing rules", Page.ROUTING),
                    leads=found.moved.hits,
                    behind=(("moved", "wrong_owner"), *in_group(found.source)),
                    method=worth,
                    group=found.source or "",
                )
            )
        return told
