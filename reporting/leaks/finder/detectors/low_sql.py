"""Too few MQLs become SQL."""

from __future__ import annotations

from collections.abc import Sequence

from reporting.leaks.finder.detectors.sql_bar import Taken, is_bar
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
from reporting.leaks.finder.statistics import Group, below
from reporting.leaks.finder.worth import LEAST_BASE, LEAST_SIZE, after_sql, groups, in_group, where


class LowSql(Detector[Taken]):
    kind = "low_sql"
    tag = Tag.QUALIFICATION
    looks_for = "MQL to SQL below the organisation's threshold"

    def tests(self, facts: Facts, terms: Terms) -> Tests[Taken]:
        every = [Taken(source, tally) for source, tally in groups(facts)]
        made = [
            Test(below(_sql(each), terms.sql_share), each)
            for each in every
            if each.tally.followed >= LEAST_BASE
        ]
        few = (
            f"{every[0].tally.followed:,} MQLs followed for {terms.cohort_days} days; {LEAST_BASE} are needed"
        )
        return Tests(made, "" if made else few)

    def findings(self, beyond: Sequence[Test[Taken]], facts: Facts, terms: Terms) -> list[Finding]:
        told = []
        # Where few are rejected, what is short comes after accepting: told as the bar of SQL.
        matter = [test for test in beyond if not is_bar(test.data.tally, terms)]
        whole = facts.whole
        for test in [each for each in matter if each.data.source is None] or matter:
            found = test.data
            share = _sql(found)
            missing = (terms.sql_share - share.share) * found.tally.leads
            rate = after_sql(whole, found.tally)
            size = Size.of_group(missing, rate)
            if size.opportunities < LEAST_SIZE:
                continue
            told.append(
                Finding(
                    kind=self.kind,
                    tag=self.tag,
                    title=f"Too few MQLs become SQL{where(found.source)}",
                    evidence=(
                        f"{of_base(share)} within {terms.cohort_days} days, under {percent(terms.sql_share)}."
                        f" Of the answered, {of_base(found.rejected)} were rejected."
                    ),
                    size=size,
                    p=test.p,
                    fix=Fix("Raise what the rule asks for", Page.CRITERIA),
                    leads=found.tally.leads,
                    behind=in_group(found.source),
                    method=(
                        f"{missing:,.0f} SQLs short of {percent(terms.sql_share)} of {found.tally.leads:,}"
                        " MQLs,"
                        f" times {of_base(rate)}: how often an SQL becomes an opportunity."
                    ),
                    group=found.source or "",
                )
            )
        return told


def _sql(found: Taken) -> Group:
    return Group(found.tally.sql, found.tally.followed)
