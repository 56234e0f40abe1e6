"""What each commitment counts, from counts by day. Pure; the words for it are in the catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from reporting.commitments.acting import KEPT, MISSED, NOT_DUE
from reporting.commitments.catalog import FOLLOWED_DAYS, ROLLING_DAYS, Kind, Unit
from reporting.definitions import Share, counted_as
from reporting.selectors.coverage import coverage_of
from reporting.selectors.daily import DailyClocks, DailyCounts, rate_of_clocks
from reporting.selectors.funnels import Tally

_SQL: Final = counted_as("sql", FOLLOWED_DAYS)


#: Everything that is asked by day, of definitions.COUNTS.
NAMES: Final = (
    "mqls",
    "accepted",
    "rejected",
    "rejected_for_routing",
    "nurtured",
    "undecided",
    "reachable",
    "bad_data",
    "explained",
    "unexplained",
    "imported",
    _SQL,
)


@dataclass(frozen=True, slots=True)
class Rolling:
    """The MQLs of ROLLING_DAYS up to a day: first to cohort_last were followed for FOLLOWED_DAYS, those after
    them are too young."""

    first: date
    cohort_last: date
    last: date


def rolling(last: date, today: date) -> Rolling:
    """The rolling days that end with a day, today or before. A day before today is seen as at its end."""
    seen_on = today if last >= today else last + timedelta(days=1)
    return Rolling(
        first=last - timedelta(days=ROLLING_DAYS - 1),
        cohort_last=seen_on - timedelta(days=FOLLOWED_DAYS + 1),
        last=last,
    )


@dataclass(frozen=True, slots=True)
class Series:
    """Counts by day of an organisation, or of some of its teams."""

    counts: DailyCounts
    clocks: DailyClocks
    coverage: Mapping[date, Counter[str]]
    acting: Mapping[date, Counter[str]]

    @property
    def first_day(self) -> date | None:
        """The first with an MQL."""
        return min(self.counts, default=None)

    def summed(self, first: date, last: date) -> Counter[str]:
        return _sum(self.counts, first, last)

    def volume(self, first: date, last: date, *, counts_rejected: bool) -> int:
        """MQLs of these days, both included."""
        return volume_of(self.summed(first, last), counts_rejected=counts_rejected)

    def share(self, kind: Kind, first: date, last: date, *, today: date) -> Share | None:
        """The share of a commitment in per cent, for these days; None for a count.

        MQL to SQL is told of the rolling days up to the last.
        """
        if kind.unit == Unit.COUNT:
            return None
        if kind.key == "acting_on_feedback":
            acted = _sum(self.acting, first, last)
            return Share(acted[KEPT], acted[KEPT] + acted[MISSED], acted[NOT_DUE])
        if kind.key == "feedback":
            return _of_coverage(_sum(self.coverage, first, last))
        if kind.clock:
            rate = rate_of_clocks(_sum(self.clocks.get(kind.clock, {}), first, last))
            return Share(rate.kept, rate.base, rate.left_out)
        if kind.key == "mql_to_sql":
            return self.followed(rolling(last, today))
        return _of_counts(kind, self.summed(first, last))

    def followed(self, days: Rolling) -> Share:
        """MQL to SQL of followed MQLs; left out are those too young."""
        cohort = self.summed(days.first, days.cohort_last)
        young = self.summed(days.cohort_last + timedelta(days=1), days.last)
        return Share(cohort[_SQL], cohort["mqls"], young["mqls"])

    def not_due(self, first: date, last: date) -> int:
        """MQLs of these days without an answer, of which one will be due."""
        return _sum(self.coverage, first, last)["not_due"]

    def sqls(self, first: date, last: date) -> int:
        """Of the MQLs of these days, those that became SQL in time so far."""
        return self.summed(first, last)[_SQL]


def volume_of(counts: Counter[str], *, counts_rejected: bool) -> int:
    """MQLs; without those that sales rejected for reasons that are marketing's, where these do not count."""
    if counts_rejected:
        return counts["mqls"]
    return counts["mqls"] - refused_of(counts)


def refused_of(counts: Counter[str]) -> int:
    """MQLs that sales rejected; a reason of routing takes nothing from marketing."""
    return counts["rejected"] - counts["rejected_for_routing"]


def _of_counts(kind: Kind, counts: Counter[str]) -> Share:
    acceptance = Tally(all=counts).acceptance
    match kind.key:
        case "acceptance":
            return acceptance
        case "accuracy":
            kept = acceptance.base - counts["bad_data"]
            return Share(kept, acceptance.base, acceptance.left_out)
        case "completeness":
            return Share(counts["reachable"], counts["mqls"])
        case "reasons":
            base = counts["explained"] + counts["unexplained"]
            return Share(counts["explained"], base, counts["rejected"] - base)
    raise ValueError(f"Nothing is counted for {kind.key}.")


def _of_coverage(counts: Counter[str]) -> Share:
    found = coverage_of(counts)
    return Share(found.answered, found.expected, found.mqls - found.expected)


def share_of_tally(kind: Kind, tally: Tally) -> Share:
    """The same of one source, of the commitments that are told by source."""
    return _of_counts(kind, tally.all)


def _sum(by_day: Mapping[date, Counter[str]], first: date, last: date) -> Counter[str]:
    found: Counter[str] = Counter()
    for place in range((last - first).days + 1):
        counts = by_day.get(first + timedelta(days=place))
        if counts:
            for name, number in counts.items():
                found[name] += number
    return found
