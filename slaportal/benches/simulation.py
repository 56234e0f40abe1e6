"""How long a simulation of 90 days takes: 10,000 leads with five engagements each, 30 people in four pools,
a draft of 24 rules beside the rules in force, so that every lead is decided twice; read, decided, summed up,
written.

The floor is what cannot be left out: the same rows fetched by plain SQL in the same run, and nothing done
with them.

Options (`--set NAME=VALUE`): leads, days, rounds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median
from time import perf_counter, process_time
from typing import Any, Final

from django.db import connection

from handoff.simulation import runs
from handoff.simulation.reading import read_arrivals, read_world
from handoff.simulation.replay import replay
from leads.criteria import SCHEMA
from leads.defaults import engaged
from routing.decide import compile_rule_set
from routing.models import Pool, PoolSeat, RuleSetVersion
from slaportal.benches.criteria import ACCOUNTS, ACCOUNTS_SQL, LEADS_SQL
from slaportal.benches.crowd import Company, make_company
from slaportal.benches.database import scale, scratch_database
from slaportal.benches.engines import settle
from tenants import versions
from tenants.calendars import OFFICE_WEEK, change_calendar, make_spec
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.models import Calendar, RepProfile, Tenant

ENGAGEMENTS: Final = 5
REPS: Final = 30
POOLS: Final = ("inbound", "enterprise", "partners", "demo")

_ENGAGEMENTS_SQL: Final = """
insert into leads_engagement (id, tenant_id, lead_id, kind, subject, at, received_at, source, campaign)
select gen_random_uuid(), %(tenant)s, ('10000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid,
    (array['page_view', 'webinar', 'demo_request', 'pricing_page', 'email_reply', 'live_chat', 'arrival'])
        [1 + (n * 7 + m * 3) %% 7], '', at, at, '', ''
from generate_series(1, %(leads)s) n, generate_series(0, %(each)s - 1) m,
    lateral (select %(now)s - n * %(apart)s::interval - m * interval '20 hours' as at) moment
"""
_HANDOFFS_SQL: Final = """
insert into leads_handoff (id, tenant_id, lead_id, number, state, outcome, started_at, closed_at, owner_id,
    hops, unrouted_reason, tier, tier_name, policy_version_id, priority, source, campaign, channel,
    is_test, is_history)
select ('30000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid, %(tenant)s,
    ('10000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid, 1,
    case when n %% 9 = 0 then 'open' else 'closed' end, '', at,
    case when n %% 9 = 0 then null else at + (n %% 100) * interval '1 hour' end,
    (%(reps)s::uuid[])[1 + n %% %(rep_count)s], 0, '', 'demo_request', 'Demo request', %(policy)s, 0,
    '', '', '', false, false
from generate_series(1, %(leads)s) n, lateral (select %(now)s - n * %(apart)s::interval as at) moment
"""
_ASSIGNMENTS_SQL: Final = """
insert into leads_assignment (id, tenant_id, handoff_id, member_id, hop, started_at, ended_at, end_reason,
    reason)
select gen_random_uuid(), tenant_id, id, owner_id, 0, started_at, closed_at,
    case when closed_at is null then '' else 'closed' end, 'Your turn'
from leads_handoff where tenant_id = %(tenant)s
"""
_DECISIONS_SQL: Final = """
insert into routing_decision (id, tenant_id, handoff_id, at, trigger, rule, member_id, outcome, reason, trace,
    inputs)
select gen_random_uuid(), tenant_id, id, started_at, 'intake', 'Everyone', owner_id, 'assigned',
    'weighted_round_robin', '{"layers": {"pools": [], "priorities": []}, "candidates": []}',
    '{"values": {"lead.country": "DE"}}'
from leads_handoff where tenant_id = %(tenant)s
"""
_FLOOR_SQL: Final = (
    """
select h.id, h.started_at, h.closed_at, h.tier, l.*, a.* from leads_handoff h
join leads_lead l on l.tenant_id = h.tenant_id and l.id = h.lead_id
left join leads_account a on a.tenant_id = l.tenant_id and a.id = l.account_id
where h.tenant_id = %(tenant)s order by h.started_at
""",
    "select lead_id, kind, subject, at, received_at from leads_engagement where tenant_id = %(tenant)s",
    "select handoff_id, member_id, started_at from leads_assignment where tenant_id = %(tenant)s",
    "select handoff_id, trigger, reason, inputs from routing_decision where tenant_id = %(tenant)s",
)


def run(*, leads: int | None = None, days: int = 90, rounds: int = 3) -> dict[str, Any]:
    """Seconds of a simulation, of its parts, and of its floor, in the same run."""
    size = leads or round(10_000 * scale())
    with scratch_database():
        now = database_clock()
        company = make_company("bench", reps=REPS, now=now)
        _people(company, now)
        draft = _rules()
        said = _seed(company, size, days, now)
        with tenant_scope(company.tenant_id):
            versions.start_draft(RuleSetVersion, actor="system", now=now, content=draft)
        took, busy, bare, steps = [], [], [], 0
        result: dict[str, Any] = {}
        for _ in range(rounds):
            with tenant_scope(company.tenant_id):
                asked = runs.ask(side="draft", days=days, actor="system", now=now)
            start, spent = perf_counter(), process_time()
            runs.carry_out(company.tenant_id, database_clock)
            took.append(perf_counter() - start)
            busy.append(process_time() - spent)
            with tenant_scope(company.tenant_id):
                done = runs.get_run(asked.id)
                bare.append(_floor(said))
            if done.state != "done" or done.result is None:
                raise AssertionError(f"The simulation is {done.state}: {done.error}")
            steps, result = done.total, done.result
        parts = _parts(company, asked.since, now, draft)
    return {
        "figures": {
            "leads": result["leads"],
            "decisions": steps,
            "simulation_p50_s": median(took),
            "simulation_best_s": min(took),
            "simulation_worst_s": max(took),
            "simulation_own_processor_p50_s": median(busy),
            **parts,
            "someone else": result["against"]["live"]["moved"],
        },
        "floor": {"plain_sql_p50_s": median(bare)},
        "ratios": {"simulation_to_floor": median(took) / median(bare)},
    }


def _people(company: Company, now: datetime) -> None:
    """Office hours in three zones' worth of people, limits for all, and four pools that overlap."""
    with tenant_scope(company.tenant_id):
        calendar = Calendar.objects.get(
            id=Tenant.objects.values_list("calendar_id", flat=True).get(id=company.tenant_id)
        )
        change_calendar(
            calendar=calendar,
            spec=make_spec(tz="Europe/Berlin", weekly=OFFICE_WEEK, year=now.year),
            expected=1,
            actor="system",
            now=now,
        )
        RepProfile.objects.filter(member_id__in=company.rep_ids).update(
            cap_open=200, cap_per_day=30, time_zone="Europe/Berlin"
        )
        for number, slug in enumerate(POOLS[1:]):
            pool = Pool.objects.create(
                slug=slug, name=slug.title(), strategy="least_loaded", off_hours="hold"
            )
            for rep in company.rep_ids[number * 8 : number * 8 + 12]:
                PoolSeat.objects.create(pool=pool, member_id=rep)


def _rules() -> dict[str, Any]:
    """20 rules that choose a pool and four that set a priority."""
    pools: list[dict[str, Any]] = [
        {
            "name": f"Band {band}",
            "when": {
                "all": [
                    {"field": "account.employees", "op": "between", "value": [band * 150, band * 150 + 100]},
                    {"field": "lead.title", "op": "has_word", "value": ["Sales", "Marketing", "CTO"]},
                ]
            },
            "pool": POOLS[band % len(POOLS)],
        }
        for band in range(19)
    ]
    pools.append({"name": "Everyone", "when": None, "pool": "inbound"})
    kinds = ("demo_request", "pricing_page", "webinar")
    priorities: list[dict[str, Any]] = [
        {"name": kind, "when": engaged(kind, days=3), "priority": 10 - place}
        for place, kind in enumerate(kinds)
    ]
    priorities.append({"name": "Everyone else", "when": None, "priority": 0})
    return {"pools": pools, "priorities": priorities, "horizon_minutes": 30}


def _seed(company: Company, size: int, days: int, now: datetime) -> dict[str, Any]:
    """Leads of the period, evenly apart, each with an owner."""
    said: dict[str, Any] = {
        "tenant": str(company.tenant_id),
        "now": now,
        "leads": size,
        "accounts": ACCOUNTS,
        "each": ENGAGEMENTS,
        "apart": timedelta(days=days) / (size + 1),
        "reps": [str(rep) for rep in company.rep_ids],
        "rep_count": len(company.rep_ids),
        "policy": str(company.policy_version_id),
    }
    statements = (
        ACCOUNTS_SQL,
        LEADS_SQL,
        _ENGAGEMENTS_SQL,
        _HANDOFFS_SQL,
        _ASSIGNMENTS_SQL,
        _DECISIONS_SQL,
    )
    with tenant_scope(company.tenant_id), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, said)
    settle()
    return said


def _parts(company: Company, since: datetime, now: datetime, draft: dict[str, Any]) -> dict[str, float]:
    """Seconds of reading and of deciding once, each for itself."""
    with tenant_scope(company.tenant_id):
        start = perf_counter()
        world = read_world(since, now)
        arrivals = read_arrivals(since, now, now=now)
        read = perf_counter() - start
    start = perf_counter()
    replay(world, arrivals, compile_rule_set(draft, SCHEMA))
    decided = perf_counter() - start
    return {"reading_s": read, "deciding_once_s": decided, "one_decision_us": decided / len(arrivals) * 1e6}


def _floor(said: dict[str, Any]) -> float:
    """Seconds to fetch the same rows."""
    start = perf_counter()
    with connection.cursor() as cursor:
        for statement in _FLOOR_SQL:
            cursor.execute(statement, said)
            cursor.fetchall()
    return perf_counter() - start
