"""Hours of the week at which leads come that nobody is there for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reporting.leaks.finder.facts import Facts, Terms, total
from reporting.leaks.finder.findings import Detector, Finding, Fix, Page, Tag, Test, Tests, of_base
from reporting.leaks.finder.statistics import Group, higher
from reporting.leaks.finder.worth import LEAST_SIZE, worth_of_speed

#: Leads due that an hour must have.
LEAST_DUE: Final = 30
#: Late share beyond that of the other hours.
GAP: Final = 0.10
WORKDAYS: Final = tuple(range(5))
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Hour = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hole:
    hours: tuple[Hour, ...]  # weekday (Monday 0), hour of the day
    own: Group
    others: Group


class HourHoles(Detector[Hole]):
    kind = "hour_holes"
    tag = Tag.SPEED
    looks_for = "Hours of the week whose leads are touched late more often than those of other hours"

    def tests(self, facts: Facts, terms: Terms) -> Tests[Hole]:
        windows: list[tuple[Hour, ...]] = [
            tuple((day, hour) for day in WORKDAYS if (day, hour) in facts.by_hour) for hour in range(24)
        ]
        windows += [(hour,) for hour in sorted(facts.by_hour)]
        whole = total(facts.by_hour.values())
        made = []
        for hours in windows:
            own = _late(facts, hours)
            others = Group(whole.late - own.hits, whole.judged - own.base)
            if min(own.base, others.base) >= LEAST_DUE:
                made.append(Test(higher(own, others), Hole(hours, own, others)))
        few = f"no hour of the week has {LEAST_DUE} leads due"
        return Tests(made, "" if made else few)

    def findings(self, beyond: Sequence[Test[Hole]], facts: Facts, terms: Terms) -> list[Finding]:
        matter = [test for test in beyond if test.data.own.share - test.data.others.share >= GAP]
        if not matter:
            return []
        hours = tuple(sorted({hour for test in matter for hour in test.data.hours}))
        whole = total(facts.by_hour.values())
        own = _late(facts, hours)
        others = Group(whole.late - own.hits, whole.judged - own.base)
        surplus = own.hits - own.base * others.share if others.base else 0.0
        worth = worth_of_speed(facts)
        size = worth.lost(surplus)
        # What lateness costs may not be known yet; that these hours are late is.
        if size.opportunities < LEAST_SIZE and worth.enough:
            return []
        return [
            Finding(
                kind=self.kind,
                tag=self.tag,
                title=f"Leads that come {hours_words(hours)} are touched late",
                evidence=(
                    f"{of_base(own)} are late, against {of_base(others)} of those that come at other hours."
                ),
                size=size,
                p=min(test.p for test in matter),
                fix=Fix("Cover these hours", Page.CALENDARS),
                leads=own.hits,
                behind=(("touch", "late"), ("hours", hours_filter(hours))),
                method=(
                    f"{surplus:,.0f} late leads more than at other hours"
                    + worth.times("what a first touch in time is worth")
                ),
            )
        ]


def _late(facts: Facts, hours: Sequence[Hour]) -> Group:
    tally = total(facts.by_hour[hour] for hour in hours if hour in facts.by_hour)
    return Group(tally.late, tally.judged)


def hours_filter(hours: Sequence[Hour]) -> str:
    """Hours of the week as a filter: numbers from Monday midnight, runs put together ("17-18,41")."""
    return ",".join(
        f"{first}-{last}" if last > first else f"{first}"
        for first, last in _runs([day * 24 + hour for day, hour in hours])
    )


def hours_words(hours: Sequence[Hour]) -> str:
    """ "Mon to Fri 17:00 to 19:00": days with the same hours put together."""
    by_day: dict[int, list[int]] = {}
    for day, hour in hours:
        by_day.setdefault(day, []).append(hour)
    days_with: dict[tuple[int, ...], list[int]] = {}
    for day, of_day in sorted(by_day.items()):
        days_with.setdefault(tuple(of_day), []).append(day)
    parts = []
    for hours_of_day, days in days_with.items():
        spans = [f"{first:02}:00 to {last + 1:02}:00" for first, last in _runs(hours_of_day)]
        named = [
            DAYS[first] if first == last else f"{DAYS[first]} to {DAYS[last]}" for first, last in _runs(days)
        ]
        parts.append(f"{', '.join(named)} {' and '.join(spans)}")
    most = 3
    return "; ".join(parts[:most]) + (f" and at {len(parts) - most} other times" if len(parts) > most else "")


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
