"""Accepted leads that got few attempts, against those that got enough."""

from __future__ import annotations

from collections.abc import Sequence

from reporting.leaks.finder.facts import ENOUGH, FEW, Facts, Terms
from reporting.leaks.finder.findings import Detector, Finding, Fix, Page, Tag, Test, Tests, of_base, points
from reporting.leaks.finder.statistics import Group
from reporting.leaks.finder.worth import LEAST_FOLLOWED, LEAST_SIZE, Compared, compared


class FewAttempts(Detector[Compared]):
    kind = "few_attempts"
    tag = Tag.PERSISTENCE
    looks_for = "Accepted leads with few attempts that convert less than those with enough"

    def tests(self, facts: Facts, terms: Terms) -> Tests[Compared]:
        found = compared(facts.by_attempts, ENOUGH, FEW)
        if found.pooled is None or not found.enough:
            return Tests(
                too_few=(
                    f"{found.better.followed:,} accepted leads with {terms.enough_attempts} attempts or"
                    " more and"
                    f" {found.worse.followed:,} with fewer were followed for {terms.cohort_days} days;"
                    f" {LEAST_FOLLOWED} of each, of the same sources, are needed"
                )
            )
        return Tests([Test(found.pooled.p, found)])

    def findings(self, beyond: Sequence[Test[Compared]], facts: Facts, terms: Terms) -> list[Finding]:
        told = []
        for test in beyond:
            found = test.data
            few, size = found.worse.leads, found.lost(found.worse.leads)
            if found.pooled is None or size.opportunities < LEAST_SIZE:
                continue
            share = Group(few, few + found.better.leads)
            told.append(
                Finding(
                    kind=self.kind,
                    tag=self.tag,
                    title="Accepted, then too few attempts",
                    evidence=(
                        f"{of_base(share)} of the accepted leads got fewer than {terms.enough_attempts}"
                        " attempts."
                        f" They become opportunities in {of_base(found.worse.won_over)},"
                        f" those with more in {of_base(found.better.won_over)}."
                    ),
                    size=size,
                    p=test.p,
                    fix=Fix("Set attempts as a target", Page.TIERS),
                    leads=few,
                    behind=(("attempts", "few"),),
                    method=(
                        f"{few:,} leads times {points(found.pooled.difference)}, the difference within the"
                        " same"
                        " sources (Mantel-Haenszel). Leads that answer are also tried more often, so take"
                        " it as"
                        " the most that attempts can bring."
                    ),
                )
            )
        return told
