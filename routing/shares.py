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
from routing.fairness import Band, Tally, band
from routing.models import Pool
from tenants.context import current_tenant_id
from tenants.models import Member

#: Reasons of a decision that took a turn of the pool's rotation.
TURNS: Final = tuple(str(each) for each in Strategy if each is not Strategy.CLAIM)
#: Causes of a candidate's line that are no refusal: they could have had it.
_COULD: Final = ("later_turn", *TURNS)


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


# Each decision's candidates are unfolded beside it, so nothing is sorted or joined. Older traces name each
# value; of a decision that pools passed on, only the lines of the pool that decided count; whoever has no
# counter after it did not sit there (the account's owner).
_TURNS_SQL: Final = """
select d.pool_id, l.member, l.cause, count(*),
       coalesce(sum(w / nullif(l.whole, 0)), 0),
       coalesce(sum(p), 0), coalesce(sum(p * (1 - p)), 0), coalesce(sum(p * (1 - p) * (1 - 2 * p)), 0),
       count(*) filter (where l.member = d.member_id::text)
from (
    select pool_id, member_id, reason, trace from routing_decision
    where tenant_id = %(tenant)s and at >= %(since)s and at < %(until)s and reason = any(%(turns)s)
      and member_id is not null and pool_id is not null {pool} {real}
) d
cross join lateral (
    select member, cause, w, whole, case when could then w / nullif(shared, 0) end p
    from (
        select member, cause, could, w, sum(w) over () whole, sum(case when could then w end) over () shared
        from (
            select e ->> 0 member, e ->> 2 cause,
                   e ->> 1 <> 'refused' and e ->> 2 <> 'opens_later' could,
                   case when d.reason = 'round_robin' then least((e ->> 4)::float8, 1)
                        else (e ->> 4)::float8 end w
            from jsonb_array_elements(
                case when d.trace ? 'columns' then d.trace -> 'candidates' else (
                    select coalesce(jsonb_agg(jsonb_build_array(
                        o -> 'member', o -> 'result', o -> 'reason', o -> 'turns', o -> 'weight')), '[]')
                    from jsonb_array_elements(d.trace -> 'candidates') o
                ) end
            ) e
            where jsonb_typeof(e -> 9) is distinct from 'null' and (
                not d.trace ? 'passed_on'
                or coalesce(e -> -1 ->> 'pool', d.trace -> 'passed_on' ->> 0) = d.trace ->> 'pool'
            )
        ) one
    ) summed
) l
group by d.pool_id, l.member, l.cause
"""
_PAST_SQL: Final = """
select pool_id, member_id, reason, count(*) from routing_decision
where tenant_id = %(tenant)s and at >= %(since)s and at < %(until)s and not reason = any(%(turns)s)
  and member_id is not null and outcome <> 'stays' {pool} {real}
group by pool_id, member_id, reason
"""
#: Test leads go the real way and count nowhere.
_REAL: Final = """and not exists (
    select from leads_handoff h
    where h.tenant_id = %(tenant)s and h.id = routing_decision.handoff_id and h.is_test
)"""


def shares(*, since: datetime, until: datetime, pool_id: UUID | None = None) -> Shares:
    """Every pool's turns in [since, until), with what chance allows. Four queries for any number of them.

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
    found: dict[tuple[UUID, UUID], Tally] = defaultdict(Tally)
    for pool, member, cause, turns, by_weight, expected, variance, skew, actual in _run(
        _TURNS_SQL, since, until, pool_id
    ):
        one = found[pool, UUID(member)]
        one.turns += turns
        one.by_weight += by_weight
        one.expected += expected
        one.variance += variance
        one.skew += skew
        one.actual += actual
        if cause not in _COULD:
            one.kept_out[cause] += turns
    return dict(found)


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
