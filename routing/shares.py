"""The turns of a period, added up where they are stored: what fairness is judged from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from routing.decide import Strategy
from routing.fairness import Band, Line, Tally, Turn, band, tally
from routing.models import Decision, Pool
from routing.traces import AFTER, candidates_of
from tenants.context import current_tenant_id
from tenants.models import Member

#: Reasons of a decision that took a turn of the pool's rotation.
TURNS: Final = tuple(str(each) for each in Strategy if each is not Strategy.CLAIM)


@dataclass(frozen=True, slots=True)
class Share:
    """One person of a pool: what they had of it, and what else came to them past its rotation, by reason."""

    member_id: UUID
    name: str
    tally: Tally
    band: Band
    past: Mapping[str, int]

    @property
    def difference(self) -> float:
        return self.tally.actual - self.tally.expected


@dataclass(frozen=True, slots=True)
class PoolShares:
    """A pool over the period, by the people's names. turns: leads that it shared out.

    past: leads that went past its rotation, by reason.
    """

    pool: Pool
    turns: int
    shares: list[Share]
    past: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Shares:
    """outside: leads that no pool decided about, by person and reason: chosen by hand, claimed, ..."""

    pools: list[PoolShares]
    outside: list[tuple[str, Mapping[str, int]]] = field(default_factory=list)


# Most turns are alike but for who had them: one of each kind is read, and counts as often as there were.
# Traces from before they were marked with their kind are read one by one.
_TURNS_SQL: Final = """
select pool_id, member_id, reason, count(*), min(id::text)::uuid
from (
    select id, pool_id, member_id, reason, coalesce(trace ->> 'who', id::text) who from routing_decision
    where tenant_id = %(tenant)s and at >= %(since)s and at < %(until)s and reason = any(%(turns)s)
      and member_id is not null and pool_id is not null {pool} {real}
) one
group by pool_id, member_id, reason, who
"""
_PAST_SQL: Final = """
select pool_id, member_id, reason, count(*) from routing_decision
where tenant_id = %(tenant)s and at >= %(since)s and at < %(until)s and not reason = any(%(turns)s)
  and member_id is not null and outcome <> 'stays' {pool} {real}
group by pool_id, member_id, reason
"""
_READ_AT_ONCE: Final = 5_000  # traces in memory together
#: Test leads go the real way and count nowhere.
_REAL: Final = """and not exists (
    select from leads_handoff h
    where h.tenant_id = %(tenant)s and h.id = routing_decision.handoff_id and h.is_test
)"""


def shares(*, since: datetime, until: datetime, pool_id: UUID | None = None) -> Shares:
    """Every pool's turns in [since, until), with what chance allows. Five queries, and one more for each
    further 5,000 kinds of turns: the same people, weights, and reasons against them.

    pool_id: that pool alone.
    """
    tallies, past = _tallies(since, until, pool_id), _past(since, until, pool_id)
    people = {member_id for _, member_id in (*tallies, *past)}
    names = dict(Member.objects.filter(id__in=people).values_list("id", "name"))
    found = []
    wanted = {pool for pool, _ in tallies} | {pool for pool, _ in past if pool is not None}
    for pool in Pool.objects.filter(id__in=wanted).defer("counters").order_by("name", "id"):
        own = {member_id: one for (pool_id, member_id), one in tallies.items() if pool_id == pool.id}
        beside = {member_id: reasons for (pool_id, member_id), reasons in past.items() if pool_id == pool.id}
        found.append(_pool_shares(pool, own, beside, names))
    outside = [
        (names.get(member_id, ""), reasons) for (pool, member_id), reasons in past.items() if pool is None
    ]
    return Shares(found, sorted(outside, key=lambda each: each[0]))


def _pool_shares(
    pool: Pool,
    own: Mapping[UUID, Tally],
    beside: Mapping[UUID, Counter[str]],
    names: Mapping[UUID, str],
) -> PoolShares:
    # Only those who could have had anything are compared.
    people = sum(one.variance > 0 for one in own.values())
    rows = [
        Share(member_id, names.get(member_id, ""), one, band(one, people), beside.get(member_id, {}))
        for member_id, one in own.items()
    ]
    rows += [
        Share(member_id, names.get(member_id, ""), Tally(), band(Tally(), 1), reasons)
        for member_id, reasons in beside.items()
        if member_id not in own
    ]
    past: Counter[str] = Counter()
    for reasons in beside.values():
        past.update(reasons)
    turns = sum(one.actual for one in own.values())
    return PoolShares(pool, turns, sorted(rows, key=lambda row: (row.name, str(row.member_id))), past)


def _tallies(since: datetime, until: datetime, pool_id: UUID | None) -> dict[tuple[UUID, UUID], Tally]:
    kinds = _run(_TURNS_SQL, since, until, pool_id)
    turns: dict[UUID, list[Turn[str]]] = defaultdict(list)
    for first in range(0, len(kinds), _READ_AT_ONCE):
        some = kinds[first : first + _READ_AT_ONCE]
        one_of_each = Decision.objects.filter(id__in=[kind[-1] for kind in some])
        traces = dict(one_of_each.values_list("id", "trace"))
        for pool, member_id, reason, times, decision_id in some:
            lines = [
                line_of(line["member"], line["result"], line["reason"], line["weight"], strategy=reason)
                for line in lines_of_the_pool(traces[decision_id])
            ]
            turns[pool].append(Turn(str(member_id), lines, times))
    return {
        (pool, UUID(member)): one for pool, taken in turns.items() for member, one in tally(taken).items()
    }


def line_of(member: str, result: str, reason: str, weight: int, *, strategy: str) -> Line[str]:
    """A candidate of a decision as fairness counts it; strategy: by which somebody was chosen."""
    could = result != "refused" and reason != "opens_later"
    level = strategy == Strategy.ROUND_ROBIN  # everybody counts alike
    return Line(member, min(1, weight) if level else weight, "" if could else reason)


def lines_of_the_pool(trace: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The candidates of a stored trace who sat in the pool that decided."""
    first = trace["passed_on"][0] if trace.get("passed_on") else trace["pool"]
    return [
        line
        for line in candidates_of(trace)
        if line.get("pool", first) == trace["pool"] and "weight" in line and line.get(AFTER, 0) is not None
    ]


def _past(
    since: datetime, until: datetime, pool_id: UUID | None
) -> dict[tuple[UUID | None, UUID], Counter[str]]:
    found: dict[tuple[UUID | None, UUID], Counter[str]] = defaultdict(Counter)
    for pool, member_id, reason, count in _run(_PAST_SQL, since, until, pool_id):
        found[pool, member_id][reason] += count
    return dict(found)


def _run(sql: str, since: datetime, until: datetime, pool_id: UUID | None) -> list[tuple[Any, ...]]:
    asked: dict[str, Any] = {"tenant": str(current_tenant_id()), "since": since, "until": until}
    asked["turns"] = list(TURNS)
    if pool_id is not None:
        asked["pool"] = str(pool_id)
    with connection.cursor() as cursor:
        cursor.execute(sql.format(pool="and pool_id = %(pool)s" if pool_id else "", real=_REAL), asked)
        return list(cursor.fetchall())
