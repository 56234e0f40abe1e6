"""Some sources are touched, others are left: by the same rep, or by a whole team."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reporting.leaks.finder.facts import FAST, Facts, Tally, Terms, put_together, source_words, total
from reporting.leaks.finder.findings import (
    Detector,
    Finding,
    Fix,
    Page,
    Size,
    Tag,
    Test,
    Tests,
    listed,
    of_base,
)
from reporting.leaks.finder.statistics import Group, above, higher
from reporting.leaks.finder.worth import LEAST_BASE, LEAST_SIZE, in_group

#: Leads due that either side must have.
LEAST_DUE: Final = 25
#: Share left beyond that of the same people's other sources.
GAP: Final = 0.15
SURE_GAP: Final = 0.05


@dataclass(frozen=True, slots=True)
class Left:
    """Never touched, of those due: of one source, and of the other sources of the same people."""

    source: str
    reps: tuple[str, ...]
    team: str  # "" where it is about one rep
    here: Group
    elsewhere: Group

    @property
    def is_gap(self) -> bool:
        """Large enough to matter."""
        return self.here.share - self.elsewhere.share >= GAP

    @property
    def p(self) -> float:
        """Of this, where the source is left as the others are, or SURE_GAP more: sources differ a little for
        everybody."""
        usual = min(0.999, self.elsewhere.share + SURE_GAP)
        return max(higher(self.here, self.elsewhere), above(self.here, usual))

    @property
    def surplus(self) -> float:
        return (self.here.share - self.elsewhere.share) * self.here.base


class CherryPicking(Detector[Left]):
    kind = "cherry_picking"
    tag = Tag.DISCIPLINE
    looks_for = "Sources that the same people leave untouched while they touch others"

    def tests(self, facts: Facts, terms: Terms) -> Tests[Left]:
        made: list[Test[Left]] = []
        reps = sorted({rep for _, rep in facts.by_rep if rep})
        by_team: dict[str, list[str]] = {}
        for rep in reps:
            if team := facts.team_of.get(rep, ""):
                by_team.setdefault(team, []).append(rep)
        people: list[tuple[str, tuple[str, ...]]] = [("", (rep,)) for rep in reps]
        people += [(team, tuple(members)) for team, members in sorted(by_team.items()) if len(members) > 1]
        for team, members in people:
            cells = {key: tally for key, tally in facts.by_rep.items() if key[1] in members}
            made += _of_people(put_together(cells, lambda key: key[0]), members, team)
        few = f"nobody has {LEAST_DUE} leads due of one source and {LEAST_DUE} of others"
        return Tests(made, "" if made else few)

    def findings(self, beyond: Sequence[Test[Left]], facts: Facts, terms: Terms) -> list[Finding]:
        told = []
        matter = [test for test in beyond if test.data.is_gap]
        for source in sorted({test.data.source for test in matter}):
            here = [test for test in matter if test.data.source == source]
            # A whole team's test holds the leads of its reps; those outside it are told beside it.
            teams = [test for test in here if test.data.team]
            covered = {rep for test in teams for rep in test.data.reps}
            alone = [test for test in here if not test.data.team and test.data.reps[0] not in covered]
            found = [test.data for test in (*teams, *alone)]
            surplus, rate = sum(each.surplus for each in found), _if_touched(facts, source)
            size = Size.of_group(surplus, rate)
            if size.opportunities < LEAST_SIZE:
                continue
            left = Group(sum(each.here.hits for each in found), sum(each.here.base for each in found))
            others = Group(
                sum(each.elsewhere.hits for each in found), sum(each.elsewhere.base for each in found)
            )
            names = [facts.name(each.team or each.reps[0]) for each in found]
            who = tuple(rep for each in found for rep in each.reps)
            told.append(
                Finding(
                    kind=self.kind,
                    tag=self.tag,
                    title=f"Some leave {source_words(source)} untouched and touch others",
                    evidence=(
                        f"{listed(names)} never touched {of_base(left)} of them, against {of_base(others)}"
                        " of their"
                        " leads of other sources."
                    ),
                    size=size,
                    p=min(test.p for test in here),
                    fix=Fix("See what is open, by person", Page.BOARD),
                    leads=left.hits,
                    behind=(("touch", "never"), ("reps", ",".join(who)), *in_group(source)),
                    method=(
                        f"{surplus:,.0f} leads left beyond what the same people leave elsewhere, times"
                        f" {of_base(rate)}: how often those touched in time become opportunities."
                    ),
                    group=source,
                )
            )
        return told


def _of_people(by_source: Mapping[str, Tally], reps: tuple[str, ...], team: str) -> list[Test[Left]]:
    whole = total(by_source.values())
    made = []
    for source, tally in sorted(by_source.items()):
        here = Group(tally.untouched, tally.judged)
        elsewhere = Group(whole.untouched - tally.untouched, whole.judged - tally.judged)
        if min(here.base, elsewhere.base) >= LEAST_DUE:
            left = Left(source, reps, team, here, elsewhere)
            made.append(Test(left.p, left))
    return made


def _if_touched(facts: Facts, source: str) -> Group:
    """How often leads touched in time become opportunities: of the source, where enough were followed."""
    own = facts.by_speed.get((source, FAST), Tally()).won_over
    if own.base >= LEAST_BASE:
        return own
    return total(tally for (_, speed), tally in facts.by_speed.items() if speed == FAST).won_over
