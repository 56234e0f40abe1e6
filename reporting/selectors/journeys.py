"""The journey of a period's MQLs: where they came from, how far they got, and where they ended or stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from reporting.definitions import ENDS, LATER_STAGES, STAGES, Share, ended_as, reached_sql
from reporting.selectors.funnels import Key, Tally, tallies_of, top_keys, whole_of
from reporting.selectors.handoff_cells import HandoffGround
from reporting.selectors.names import Names
from reporting.selectors.questions import Question, handoff_facts

#: Sources that have a band of their own; the rest run together.
MOST_SOURCES: Final = 7


@dataclass(frozen=True, slots=True)
class Standing:
    """Handoffs that are open and came no further than a stage: how many, and for how many whole days half of
    them, and nine in ten, have stood there at most."""

    count: int
    median_days: int
    p90_days: int


@dataclass(frozen=True, slots=True)
class Journey:
    """sources: (key, name, MQLs), those with most first. others: MQLs of all other sources. standing: by
    stage."""

    tally: Tally
    sources: list[tuple[Key, str, int]]
    others: int
    standing: Mapping[str, Standing]

    def reached(self, stage: str) -> int:
        return self.tally.reached(stage, None)

    def ended(self, stage: str, outcome: str) -> int:
        return self.tally.all[ended_as(stage, outcome)]

    def stands(self, stage: str) -> int:
        """Those that came no further and have no end: open ones, and closed ones of which none is known."""
        further = STAGES[STAGES.index(stage) + 1]
        gone = sum(self.ended(stage, outcome) for outcome in ENDS[stage])
        return self.reached(stage) - self.reached(further) - gone

    def onwards(self, stage: str) -> Share:
        """Of those that reached a stage, how many reached the next; none is left out."""
        further = STAGES[STAGES.index(stage) + 1]
        return Share(self.reached(further), self.reached(stage))


def journey(question: Question, *, now: datetime, names: Names, ground: HandoffGround | None) -> Journey:
    """Four queries."""
    tally = whole_of(question, now=now, ground=ground)
    keys, number = top_keys(question, "source", ground, most=MOST_SOURCES)
    tallies = tallies_of(question, "source", ground, now, None, keys)
    sources = [(key, names.of("source", key)[0], tallies[key].all["mqls"]) for key in keys if key in tallies]
    told = sum(count for _, _, count in sources)
    return Journey(
        tally=tally,
        sources=sources,
        others=tally.all["mqls"] - told if number > len(sources) else 0,
        standing=_standing(question, now),
    )


_STANDING: Final = """
select stage, count(*), percentile_disc(array[0.5, 0.9]) within group (order by days)
from (
    select {stage} as stage, floor(extract(epoch from %s - {at}) / 86400)::int as days
    from ({facts}) as fact
) as standing group by stage
"""


def _standing(question: Question, now: datetime) -> dict[str, Standing]:
    """Open ones only, which are few and have an index of their own."""
    facts, values = (
        handoff_facts(question).filter(closed_at__isnull=True).order_by().values().query.sql_with_params()
    )
    places = " ".join(
        f"when {reached_sql(stage)} is not null then '{stage}'" for stage in reversed(LATER_STAGES)
    )
    came = " ".join(
        f"when {reached_sql(stage)} is not null then {reached_sql(stage)}" for stage in reversed(LATER_STAGES)
    )
    sql = _STANDING.format(
        stage=f"case {places} else '{STAGES[0]}' end", at=f"case {came} else started_at end", facts=facts
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [now, *values])
        return {stage: Standing(count, days[0], days[1]) for stage, count, days in cursor.fetchall()}
