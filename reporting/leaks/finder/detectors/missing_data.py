"""Leads handed over without a field that others of the same source have, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reporting.leaks.finder.facts import Facts, Tally, Terms, source_words
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
    points,
)
from reporting.leaks.finder.statistics import Group, Pooled, mantel_haenszel
from reporting.leaks.finder.worth import LEAST_FOLLOWED, LEAST_SIZE, Compared, compared, worth_of_speed

CONVERTS: Final = "converts"
LATE: Final = "late"


@dataclass(frozen=True, slots=True)
class Lack:
    field: str
    measure: str
    by_source: dict[str, int]  # leads of the period that lack it
    compared: Compared
    pooled: Pooled

    @property
    def leads(self) -> int:
        return sum(self.by_source.values())


class MissingData(Detector[Lack]):
    kind = "missing_data"
    tag = Tag.DATA
    looks_for = (
        "Missing fields whose leads convert less, or are touched late more often, within the same source"
    )

    def tests(self, facts: Facts, terms: Terms) -> Tests[Lack]:
        made: list[Test[Lack]] = []
        for name in sorted({each for _, lacks in facts.by_lacks for each in lacks}):
            made += _looks(name, facts)
        few = (
            f"no field is missing in {LEAST_FOLLOWED} leads and there in {LEAST_FOLLOWED} others of the same"
            f" sources, followed for {terms.cohort_days} days"
        )
        return Tests(made, "" if made else few)

    def findings(self, beyond: Sequence[Test[Lack]], facts: Facts, terms: Terms) -> list[Finding]:
        by_field: dict[str, list[Test[Lack]]] = {}
        for test in beyond:
            by_field.setdefault(test.data.field, []).append(test)
        worth = worth_of_speed(facts)
        told = [self._finding(tests, facts, worth) for _, tests in sorted(by_field.items())]
        return [each for each in told if each is not None]

    def _finding(self, tests: list[Test[Lack]], facts: Facts, worth: Compared) -> Finding | None:
        test = min(tests, key=lambda each: each.data.measure != CONVERTS)
        lack = test.data
        if lack.measure == CONVERTS:
            size: Size = lack.compared.lost(lack.leads)
            method = (
                f"{lack.leads:,} leads without it times {points(lack.pooled.difference)}: how much more"
                " often leads of"
                " the same source that have it become opportunities (Mantel-Haenszel)."
            )
        else:
            size = worth.lost(lack.leads * lack.pooled.difference)
            method = (
                f"{lack.leads:,} leads without it, late {points(lack.pooled.difference)} more often than"
                " others of the"
                " same source (Mantel-Haenszel), times what a first touch in time is worth."
            )
        if size.opportunities < LEAST_SIZE:
            return None
        name = facts.name(lack.field)
        most = min(lack.by_source, key=lambda source: (-lack.by_source[source], source))
        have, lacking = lack.compared.better, lack.compared.worse
        return Finding(
            kind=self.kind,
            tag=self.tag,
            title=f"Leads come without {name[:1].lower()}{name[1:]}, most of them {source_words(most)}",
            evidence=(
                f"{of_base(Group(lack.leads, lack.leads + have.leads))} lack it. They become opportunities in"
                f" {of_base(lacking.won_over)}, the others in {of_base(have.won_over)}; touched late are"
                f" {of_base(Group(lacking.late, lacking.judged))} against"
                f" {of_base(Group(have.late, have.judged))}."
            ),
            size=size,
            p=min(each.p for each in tests),
            fix=Fix("Require it at the handover", Page.REQUIREMENTS),
            leads=lack.leads,
            behind=(("lacks", lack.field),),
            method=method,
            group=lack.field,
        )


def _looks(name: str, facts: Facts) -> list[Test[Lack]]:
    cells: dict[tuple[str, str], Tally] = {}
    for (source, lacks), tally in facts.by_lacks.items():
        key = (source, "lacks" if name in lacks else "has")
        cells[key] = cells.get(key, Tally()) + tally
    found = compared(cells, "has", "lacks")
    by_source = {source: tally.leads for (source, side), tally in sorted(cells.items()) if side == "lacks"}
    made = []
    if found.pooled is not None and found.enough:
        made.append(Test(found.pooled.p, Lack(name, CONVERTS, by_source, found, found.pooled)))
    none = Tally()
    late = mantel_haenszel(
        (
            Group(lacking.late, lacking.judged),
            Group(having.late, having.judged),
        )
        for source in sorted(by_source)
        for lacking, having in [(cells[source, "lacks"], cells.get((source, "has"), none))]
    )
    if late is not None and min(late.first, late.second) >= LEAST_FOLLOWED:
        made.append(Test(late.p, Lack(name, LATE, by_source, found, late)))
    return made
