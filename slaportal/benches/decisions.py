"""The decision log at a million decisions: how long a search takes, and fairness over the last 100,000.

One organisation, 400 days, five pools of eight reps each, five decisions a lead, twelve candidates of whom
some are refused, stored as the product stores them. Each search is `routing.decisions.search` as the app
role, transaction included, for the first page and the one after it. The floor is a page of rows by their ids.

options: decisions, requests (measured a search).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product
from statistics import median, quantiles
from time import perf_counter
from typing import Any, Final
from uuid import UUID

from django.db import connection, connections

from routing.decisions import Search, search
from routing.models import Decision, Pool, PoolSeat
from routing.shares import shares
from routing.traces import packed
from slaportal.benches.crowd import Company, make_company
from slaportal.benches.database import scale, scratch_database
from tenants.clock import database_clock
from tenants.context import tenant_scope

DAYS: Final = 400
POOLS, SEATS, CANDIDATES = 5, 8, 12
KINDS: Final = 25  # of turns, for each pool and whoever is chosen: who is kept out, and why
SIZE: Final = 50  # decisions a page
WARM_UP: Final = 2
_REFUSALS: Final = ("on_leave", "at_cap", "earlier_owner")

_LEADS: Final = """
insert into leads_lead (id, tenant_id, email, first_name, last_name, search_name, title, phone, country,
    region, company_name, source, campaign, channel, custom, stage, needs, is_test, created_at, updated_at)
select md5('lead' || n)::uuid, %(tenant)s, 'lead' || n || '@company.example', 'Lea', 'Number ' || n,
    'lea number ' || n, '', '', 'DE', '', 'Company', '', '', 'web', '{}', 'mql', '[]', false, %(now)s, %(now)s
from generate_series(0, %(leads)s - 1) n;

insert into leads_handoff (id, tenant_id, lead_id, number, state, outcome, started_at, hops, unrouted_reason,
    tier, tier_name, policy_version_id, priority, source, campaign, channel, is_test, is_history)
select md5('handoff' || n)::uuid, %(tenant)s, md5('lead' || n)::uuid, 1, 'open', '', %(now)s, 0, '', '', '',
    %(policy)s, 0, '', '', '', false, false
from generate_series(0, %(leads)s - 1) n;
"""
# A decision takes one of the traces that its pool has; one in 50 finds nobody, one in 40 is made by hand.
_DECISIONS: Final = """
insert into routing_decision (id, tenant_id, handoff_id, at, trigger, pool_id, rule, member_id, outcome,
    reason, trace)
select (lpad(to_hex(n), 12, '0') || substr(md5('d' || n), 1, 20))::uuid, %(tenant)s,
    md5('handoff' || n %% %(leads)s)::uuid, %(now)s - (%(size)s - n) * (interval '400 days' / %(size)s),
    case when n %% 10 = 0 then 'breach' when n %% 97 = 0 then 'reassigned' else 'intake' end,
    case when n %% 40 <> 0 then t.pool end, case when n %% 40 <> 0 then t.rule else '' end,
    case when n %% 50 <> 0 then t.member end, case when n %% 50 <> 0 then 'assigned' else 'unrouted' end,
    case when n %% 50 = 0 then 'all_at_cap' when n %% 40 = 0 then 'by_hand' else 'weighted_round_robin' end,
    t.trace
from generate_series(%(first)s::bigint, %(last)s) n
join bench_traces t on t.number = (n * 7919 + n / 40) %% %(traces)s
"""


def run(decisions: int = 1_000_000, requests: int = 40, **_: object) -> dict[str, Any]:
    """Milliseconds a search (p50, p95), and seconds for fairness."""
    size = max(5_000, int(decisions * scale()))
    figures: dict[str, Any] = {"decisions": size, "requests_a_search": requests}
    floor: dict[str, float] = {}
    with scratch_database():
        now = database_clock()
        company = make_company("big", reps=POOLS * SEATS, now=now - timedelta(days=DAYS + 1))
        pools = _seed(company, size, now)
        with connections["owner"].cursor() as cursor:
            cursor.execute("vacuum analyze")
        with tenant_scope(company.tenant_id):
            some = list(Decision.objects.order_by("-at").values_list("id", flat=True)[:SIZE])
        times = _times(company, lambda: list(Decision.objects.filter(id__in=some)), requests)
        floor["rows_by_id_p50_ms"], floor["rows_by_id_p95_ms"] = _percentiles(times)
        every: list[float] = []
        for name, wanted in _searches(company, pools, size, now).items():
            with tenant_scope(company.tenant_id):
                cursor_on = search(wanted, size=SIZE).next
            times = _times(company, lambda asked=wanted: search(asked, size=SIZE), requests)  # type: ignore[misc]
            times += _times(
                company,
                lambda asked=wanted, at=cursor_on: search(asked, cursor=at, size=SIZE),  # type: ignore[misc]
                requests,
            )
            figures[f"{name}_p50_ms"], figures[f"{name}_p95_ms"] = _percentiles(times)
            every += times
        figures["all_searches_p50_ms"], figures["all_searches_p95_ms"] = _percentiles(every)
        figures |= _fairness(company, size, now, floor)
    ratio = figures["all_searches_p50_ms"] / floor["rows_by_id_p50_ms"]
    return {"figures": figures, "floor": floor, "ratios": {"search_to_rows_by_id": ratio}}


def _seed(company: Company, size: int, now: datetime) -> list[UUID]:
    """The organisation's leads and decisions; its pools."""
    leads = size // 5
    named: dict[str, Any] = {
        "tenant": str(company.tenant_id),
        "policy": str(company.policy_version_id),
        "now": now,
        "leads": leads,
        "size": size,
    }
    with tenant_scope(company.tenant_id):
        PoolSeat.objects.all().delete()
        pools = [Pool.objects.create(slug=f"pool{number}", name=f"Pool {number}") for number in range(POOLS)]
        for number, rep_id in enumerate(company.rep_ids):
            PoolSeat.objects.create(pool=pools[number % POOLS], member_id=rep_id)
        with connection.cursor() as cursor:
            cursor.execute(_LEADS, named)
    rows = _traces(company, [pool.id for pool in pools])
    for first in range(0, size, 100_000):
        with tenant_scope(company.tenant_id), connection.cursor() as cursor:
            cursor.execute(
                "create temporary table bench_traces on commit drop as select * from jsonb_to_recordset(%s)"
                " as t(number int, pool uuid, rule text, member uuid, trace jsonb)",
                [json.dumps(rows)],
            )
            last = min(size, first + 100_000) - 1
            cursor.execute(_DECISIONS, {**named, "first": first, "last": last, "traces": len(rows)})
    return [pool.id for pool in pools]


def _traces(company: Company, pools: list[UUID]) -> list[dict[str, Any]]:
    """A trace of each kind for each pool and each of its people: their pool, and four of the next one."""
    found: list[dict[str, Any]] = []
    for number, pool_id in enumerate(pools):
        own = [str(each) for each in company.rep_ids[number::POOLS]]
        lent = [str(each) for each in company.rep_ids[(number + 1) % POOLS :: POOLS]][: CANDIDATES - SEATS]
        for chosen, kind in product(own, range(KINDS)):
            kept_out = {
                member for place, member in enumerate([*own, *lent]) if (place + kind) % 4 == kind % 3
            }
            lines: list[dict[str, Any]] = [
                {
                    "member": member,
                    "result": "chosen" if member == chosen else "refused" if member in kept_out else "next",
                    "reason": "weighted_round_robin"
                    if member == chosen
                    else _REFUSALS[(place + kind) % 3]
                    if member in kept_out
                    else "later_turn",
                    "turns": place * 720_720,
                    "weight": 1 + place % 2,
                    "open": place,
                    "cap_open": 20,
                    "today": place % 5,
                    "cap_per_day": None,
                }
                for place, member in enumerate([*own, *lent])
            ]
            trace = {
                "layers": {
                    "pools": [
                        {"name": f"Rule {at}", "result": "match" if at == number else "no", "leaves": "10"}
                        for at in range(number + 1)
                    ],
                    "priorities": [],
                },
                "candidates": lines,
                "tie_break": "turns",
                "pool": f"pool{number}",
                "priority": 0,
            }
            after = {line["member"]: line["turns"] for line in lines}
            found.append(
                {
                    "number": len(found),
                    "pool": str(pool_id),
                    "rule": f"Rule {number}",
                    "member": chosen,
                    "trace": packed(trace, after),
                }
            )
    return found


def _searches(company: Company, pools: list[UUID], size: int, now: datetime) -> dict[str, Search]:
    rep, other = company.rep_ids[0], company.rep_ids[1]
    with tenant_scope(company.tenant_id):
        lead: UUID = Decision.objects.order_by("at").values_list("handoff__lead_id", flat=True)[0]
    middle = now - timedelta(days=DAYS // 2)
    return {
        "everything": Search(),
        "lead": Search(lead=lead),
        "owner": Search(member=rep),
        "nobody": Search(nobody=True),
        "rule": Search(rule="Rule 3"),
        "pool": Search(pool=pools[2]),
        "reason": Search(reason="by_hand"),
        "trigger": Search(trigger="reassigned"),
        "a_month": Search(since=middle, until=middle + timedelta(days=30)),
        "owner_in_a_month": Search(member=rep, since=middle, until=middle + timedelta(days=30)),
        "owner_rule_and_reason": Search(member=rep, rule="Rule 0", reason="weighted_round_robin"),
        "what_never_happens": Search(member=rep, rule="Rule 3"),
        "a_manager_of_eight": Search(people=list(company.rep_ids[:8])),
        "candidate": Search(candidate=rep),
        "candidate_not_chosen": Search(candidate=rep, member=other),
        "candidate_in_a_month": Search(candidate=rep, since=middle, until=middle + timedelta(days=30)),
    }


def _fairness(company: Company, size: int, now: datetime, floor: dict[str, float]) -> dict[str, float]:
    """Seconds for the last 100,000 decisions; into the floor, how long counting their candidates takes."""
    days = DAYS * min(1.0, 100_000 / size)
    since = now - timedelta(days=days)

    def count() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "select sum(jsonb_array_length(trace -> 'candidates')) from routing_decision"
                " where tenant_id = %s and at >= %s",
                [str(company.tenant_id), since],
            )
            cursor.fetchone()

    floor["count_candidates_seconds"] = median(_times(company, count, 3)) / 1_000
    whole = median(_times(company, lambda: shares(since=since, until=now), 3)) / 1_000
    return {"fairness_of_100000_seconds": whole}


def _times(company: Company, action: Callable[[], Any], count: int) -> list[float]:
    """Milliseconds of each of `count` runs, each in a transaction of its own, after some that warm caches."""
    taken = []
    for place in range(WARM_UP + count):
        began = perf_counter()
        with tenant_scope(company.tenant_id):
            action()
        if place >= WARM_UP:
            taken.append((perf_counter() - began) * 1_000)
    return taken


def _percentiles(values: list[float]) -> tuple[float, float]:
    return median(values), quantiles(values, n=20)[-1]
