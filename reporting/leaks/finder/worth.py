"""What detectors share: what a fast first touch is worth here, and groups of leads by source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from reporting.leaks.finder.facts import Facts, Tally, put_together, total
from reporting.leaks.finder.findings import Size, points
from reporting.leaks.finder.statistics import Group, Pooled, mantel_haenszel

#: Leads that each side of a comparison of conversions must have.
LEAST_FOLLOWED: Final = 50
#: Leads that a share of something else must have as its base.
LEAST_BASE: Final = 40
#: A leak of less than this is no finding, however sure.
LEAST_SIZE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Compared:
    """Leads with and without something, compared within each source. difference: what it is worth."""

    better: Tally
    worse: Tally
    pooled: Pooled | None

    @property
    def enough(self) -> bool:
        return self.pooled is not None and min(self.pooled.first, self.pooled.second) >= LEAST_FOLLOWED

    def lost(self, leads: float) -> Size:
        """What so many leads lost by being among the worse."""
        if self.pooled is None or not self.enough:
            return Size(0.0, 0.0, 0.0)
        return Size.of(leads, self.pooled.difference, self.pooled.interval())

    def times(self, what: str) -> str:
        """ ", times 12.1 points: what a first touch in time is worth." """
        if self.pooled is None or not self.enough:
            return f". {what[:1].upper()}{what[1:]} cannot be said yet: too few leads were followed."
        return f", times {points(max(0.0, self.pooled.difference))}: {what}."


def compared(cells: Mapping[tuple[str, str], Tally], better: str, worse: str) -> Compared:
    """How often either becomes an opportunity, source by source, so that a bad source with more of the worse
    does not pass for the effect."""
    sources = sorted({source for source, _ in cells})
    none = Tally()
    strata = [
        (cells.get((source, better), none).won_over, cells.get((source, worse), none).won_over)
        for source in sources
    ]
    sides = put_together(cells, lambda key: key[1])
    return Compared(sides.get(better, none), sides.get(worse, none), mantel_haenszel(strata))


def worth_of_speed(facts: Facts) -> Compared:
    """What a first touch in time is worth, against a late or none."""
    return compared(facts.by_speed, "fast", "slow")


def groups(facts: Facts) -> Iterator[tuple[str | None, Tally]]:
    """All leads (None), and those of each source where there is more than one."""
    by_source = {source: tally for source, tally in facts.by_source.items() if tally != Tally()}
    yield None, total(by_source.values())
    if len(by_source) > 1:
        yield from sorted(by_source.items())


def if_accepted(facts: Facts, source: str | None) -> Group:
    """How often accepted leads become opportunities: of the source, where enough were followed."""
    own = _accepted(facts, source)
    return own if own.base >= LEAST_BASE else _accepted(facts, None)


def _accepted(facts: Facts, source: str | None) -> Group:
    return total(
        tally
        for (of, decision, _), tally in facts.by_reason.items()
        if decision == "accepted" and source in (None, of)
    ).won_over


def after_sql(whole: Tally, own: Tally) -> Group:
    """How many SQLs become opportunities: of the group, where it has enough."""
    tally = own if own.sql >= LEAST_BASE else whole
    return Group(min(tally.opportunities, tally.sql), tally.sql)


def in_group(source: str | None) -> tuple[tuple[str, str], ...]:
    """The filter of a group."""
    return () if source is None else (("source", source or "none"),)


def where(source: str | None) -> str:
    """ "" for all, else " from Webinar" """
    if source is None:
        return ""
    return f" from {source}" if source else " without a source"
