"""Few rejections, yet few SQLs: leads are accepted that a conversation does not confirm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reporting.leaks.finder.facts import Facts, Tally, Terms
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
from reporting.leaks.finder.statistics import Group, below
from reporting.leaks.finder.worth import LEAST_BASE, LEAST_SIZE, after_sql, groups, in_group, where

#: Rejections are few up to this share of the answered leads.
FEW_REJECTED: Final = 0.20


@dataclass(frozen=True, slots=True)
class Taken:
    source: str | None
    tally: Tally

    @property
    def sql(self) -> Group:
        return Group(self.tally.taken_sql, self.tally.taken)

    @property
    def rejected(self) -> Group:
        return Group(self.tally.rejected, self.tally.decided)


def is_bar(tally: Tally, terms: Terms) -> bool:
    """Whether what keeps SQLs few is not rejections but what comes after them."""
    if not tally.decided or not tally.taken:
        return False
    few = tally.rejected / tally.decided <= FEW_REJECTED
    return few and tally.taken_sql / tally.taken < terms.sql_share


class SqlBar(Detector[Taken]):
    kind = "sql_bar"
    tag = Tag.QUALIFICATION
    looks_for = "Few rejections, yet too few of the accepted become SQL"

    def tests(self, facts: Facts, terms: Terms) -> Tests[Taken]:
        every = [Taken(source, tally) for source, tally in groups(facts)]
        made = [Test(below(each.sql, terms.sql_share), each) for each in every if each.sql.base >= LEAST_BASE]
        few = (
            f"{every[0].sql.base:,} accepted leads followed for {terms.cohort_days} days;"
            f" {LEAST_BASE} are needed"
        )
        return Tests(made, "" if made else few)

    def findings(self, beyond: Sequence[Test[Taken]], facts: Facts, terms: Terms) -> list[Finding]:
        told = []
        matter = [test for test in beyond if is_bar(test.data.tally, terms)]
        whole = facts.whole
        for test in [each for each in matter if each.data.source is None] or matter:
            found = test.data
            missing = (terms.sql_share - found.sql.share) * found.tally.accepted
            rate = after_sql(whole, found.tally)
            size = Size.of_group(missing, rate)
            if size.opportunities < LEAST_SIZE:
                continue
            told.append(
                Finding(
                    kind=self.kind,
                    tag=self.tag,
                    title=f"Accepted, but seldom SQL{where(found.source)}",
                    evidence=(
                        f"Only {of_base(found.rejected)} are rejected, yet {of_base(found.sql)} of the"
                        " accepted"
                        f" become SQL within {terms.cohort_days} days, under {percent(terms.sql_share)}."
                        " The bar of"
                        " accepting is lower than that of SQL."
                    ),
                    size=size,
                    p=test.p,
                    fix=Fix("Look at the bar of SQL", Page.SQL_BAR),
                    leads=found.tally.accepted,
                    behind=(("answer", "accepted"), *in_group(found.source)),
                    method=(
                        f"{missing:,.0f} SQLs short of {percent(terms.sql_share)} of"
                        f" {found.tally.accepted:,} accepted"
                        f" leads, times {of_base(rate)}: how often an SQL becomes an opportunity."
                    ),
                    group=found.source or "",
                )
            )
        return told
