"""Reasons of rejections by group: what the detectors of reasons share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from reporting.leaks.finder.facts import Facts, Tally, put_together, total
from reporting.leaks.finder.statistics import Group
from reporting.leaks.finder.worth import groups, where

#: Reasons that written criteria could have kept away, where they ask for it.
CRITERIA_REASONS: Final[frozenset[str]] = frozenset(
    {"no_budget", "wrong_title", "not_decision_maker", "no_authority"}
)


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why leads of a group (None: all) were not accepted: how many by reason, and all leads of it."""

    source: str | None
    by_reason: dict[str, Tally]
    decided: Tally

    @property
    def base(self) -> int:
        return sum(tally.leads for tally in self.by_reason.values())

    @property
    def leading(self) -> tuple[str, int]:
        """The most frequent reason and how many gave it; ("", 0) where there is none."""
        ranked = sorted(self.by_reason.items(), key=lambda each: (-each[1].leads, each[0]))
        return (ranked[0][0], ranked[0][1].leads) if ranked else ("", 0)

    def group(self, reason: str) -> Group:
        return Group(self.by_reason.get(reason, Tally()).leads, self.base)

    def beyond_others(self, reason: str) -> float:
        """How many more gave this reason than each of the others on average."""
        own = self.by_reason[reason].leads
        others = max(1, sum(1 for tally in self.by_reason.values() if tally.leads) - 1)
        return max(0.0, own - (self.base - own) / others)

    def in_their_place(self, reasons: Collection[str]) -> Group:
        """How often the other leads of the group become opportunities: what as many leads in the place of
        those with these reasons would bring."""
        without = total(tally for reason, tally in self.by_reason.items() if reason in reasons)
        return Group(
            self.decided.opportunities - without.opportunities, self.decided.followed - without.followed
        )

    @property
    def effective(self) -> float:
        """How many equally frequent reasons would scatter as much: 1 / sum of squared shares (Simpson 1949,
        "Measurement of diversity", Nature 163)."""
        base = self.base
        return 1 / sum((tally.leads / base) ** 2 for tally in self.by_reason.values()) if base else 0.0


def reasons_of(facts: Facts, decisions: Collection[str] = ("rejected",)) -> list[Reasons]:
    """The reasons of every group."""
    found = []
    for source, _ in groups(facts):
        cells = {key: tally for key, tally in facts.by_reason.items() if source in (None, key[0])}
        by_reason = put_together(cells, lambda key: key[2] if key[1] in decisions else None)
        found.append(Reasons(source, by_reason, total(cells.values())))
    return found


def from_words(facts: Facts, reason: str) -> str:
    """ " 120 of them came from Webinar." of the source that most of those rejected for it came from; "" where
    there is but one source."""
    rejected = {key: tally for key, tally in facts.by_reason.items() if key[1:] == ("rejected", reason)}
    by_source = put_together(rejected, lambda key: key[0])
    if len(by_source) < 2:
        return ""
    most = min(by_source, key=lambda source: (-by_source[source].leads, source))
    return f" {by_source[most].leads:,} of them came{where(most)}."
