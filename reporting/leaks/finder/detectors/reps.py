"""Reps who stand further below the others than chance and their mix of sources allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reporting.leaks.finder.facts import Facts, Tally, Terms
from reporting.leaks.finder.findings import Detector, Finding, Fix, Page, Size, Tag, Test, Tests, listed
from reporting.leaks.finder.statistics import Funnel, Group, funnel_below, wilson
from reporting.leaks.finder.worth import LEAST_SIZE, worth_of_speed

#: Leads that a rep must have.
LEAST_OWN: Final = 40
#: Reps that there must be to compare.
LEAST_REPS: Final = 3
#: Below the funnel, and at least this share fewer than expected.
SHORTFALL: Final = 0.15

ON_TIME: Final = "on_time"
OPPORTUNITIES: Final = "opportunities"


@dataclass(frozen=True, slots=True)
class Standing:
    measure: str
    rep: str
    own: Group
    funnel: Funnel
    leads: int  # of the period that the measure is about

    @property
    def behind(self) -> float:
        """Its share less the usual one."""
        return self.own.share - self.funnel.expected / self.own.base


def _group(tally: Tally, measure: str) -> Group:
    if measure == ON_TIME:
        return Group(tally.judged - tally.late, tally.judged)
    return tally.won_over


class RepsDiffer(Detector[Standing]):
    kind = "reps_differ"
    tag = Tag.DISCIPLINE
    looks_for = "Reps below the funnel-plot limits of first touches in time, or of opportunities"

    def tests(self, facts: Facts, terms: Terms) -> Tests[Standing]:
        by_rep: dict[str, dict[str, Tally]] = {}
        for (source, rep), tally in facts.by_rep.items():
            if rep:
                by_rep.setdefault(rep, {})[source] = tally
        made: list[Test[Standing]] = []
        for measure in (ON_TIME, OPPORTUNITIES):
            share = {
                source: group.share
                for source, tally in facts.by_source.items()
                if (group := _group(tally, measure)).base
            }
            standings = [_standing(measure, rep, own, share) for rep, own in sorted(by_rep.items())]
            enough = [each for each in standings if each.own.base >= LEAST_OWN]
            if len(enough) >= LEAST_REPS:
                made += [Test(each.funnel.p, each) for each in enough]
        few = f"fewer than {LEAST_REPS} reps have {LEAST_OWN} leads to judge"
        return Tests(made, "" if made else few)

    def findings(self, beyond: Sequence[Test[Standing]], facts: Facts, terms: Terms) -> list[Finding]:
        told = []
        worth = worth_of_speed(facts)
        for measure in (ON_TIME, OPPORTUNITIES):
            low = [
                test
                for test in beyond
                if test.data.measure == measure
                and test.data.own.hits < test.data.funnel.limit
                and test.data.funnel.missing >= SHORTFALL * test.data.funnel.expected
            ]
            if not low:
                continue
            standings = [test.data for test in low]
            if measure == ON_TIME:
                size = worth.lost(sum(each.funnel.missing for each in standings))
            else:
                size = _missing_opportunities(standings)
            # What lateness costs may not be known yet; that reps differ is.
            if size.opportunities < LEAST_SIZE and (measure == OPPORTUNITIES or worth.enough):
                continue
            tail = worth.times("what a first touch in time is worth") if measure == ON_TIME else "."
            told.append(self._finding(measure, [test.p for test in low], standings, size, tail, facts))
        return told

    def _finding(
        self, measure: str, p: list[float], standings: list[Standing], size: Size, tail: str, facts: Facts
    ) -> Finding:
        names = [facts.name(each.rep) for each in standings]
        worst = min(standings, key=lambda each: (each.behind, each.rep))
        what = "first touches in time" if measure == ON_TIME else "opportunities"
        return Finding(
            kind=self.kind,
            tag=self.tag,
            title=f"Reps differ by more than chance in {what}",
            evidence=(
                f"{listed(names)}: below the limits of chance. {facts.name(worst.rep)} has"
                f" {worst.own.hits:,} of"
                f" {worst.own.base:,}; {worst.funnel.expected:,.0f} would be usual for the same sources, and"
                f" {worst.funnel.limit:,.0f} the least that chance explains."
            ),
            size=size,
            p=min(p),
            fix=Fix("Look at their load and mix", Page.REPS),
            leads=sum(each.leads for each in standings),
            behind=(
                ("reps", ",".join(each.rep for each in standings)),
                *((("touch", "due"),) if measure == ON_TIME else ()),
            ),
            method=(
                f"{sum(each.funnel.missing for each in standings):,.0f} {what}"
                " fewer than the average of everybody would bring with the same sources (funnel plot,"
                " limits at"
                " 99.8%)" + tail
            ),
            group=measure,
        )


def _standing(measure: str, rep: str, own: Mapping[str, Tally], share: Mapping[str, float]) -> Standing:
    groups = {source: _group(tally, measure) for source, tally in own.items()}
    hits, base = (sum(group[place] for group in groups.values()) for place in (0, 1))
    strata = [(group.base, share[source]) for source, group in sorted(groups.items()) if group.base]
    of_period = sum(tally.judged if measure == ON_TIME else tally.leads for tally in own.values())
    return Standing(measure, rep, Group(hits, base), funnel_below(hits, strata), of_period)


def _missing_opportunities(standings: Sequence[Standing]) -> Size:
    """The share of leads that would have been opportunities, of those of the period."""
    size = Size(0.0, 0.0, 0.0)
    for each in standings:
        usual = each.funnel.expected / each.own.base
        limits = wilson(each.own)
        size += Size(
            each.leads * (usual - each.own.share),
            max(0.0, each.leads * (usual - limits.high)),
            each.leads * (usual - limits.low),
        )
    return size
