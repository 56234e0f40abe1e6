"""How long leads wait for each other at the lock of one pool, when so many arrive each second.

Four processes with a connection each route leads into one pool of twelve at a steady pace, each lead in a
transaction of its own (`handoff.moves.assign_new`). Told is how long the statements take that lock the pool
and the loads of its people: what they wait and what they do. The floor, at the same pace in the same run:
bare SQL that locks as many rows, changes two, and inserts as many as a decision makes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any
from uuid import UUID

from django.db import connection, connections, transaction
from uuid_utils.compat import uuid7

from slaportal.benches.crowd import Company, make_company
from slaportal.benches.database import Scratch, scale, scratch_database
from slaportal.benches.engines import PROJECT, settle
from tenants.bulk import fresh, insert_rows
from tenants.config import steady_config
from tenants.context import tenant_scope
from tenants.roundtrips import travelling_together

REPS, PROCESSES = 12, 4
_START = (
    "import django, os, sys; os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'slaportal.settings');"
    " django.setup(); from slaportal.benches.pool_lock import work; work(sys.argv[1])"
)
START_AFTER = 8.0  # seconds that the processes have to come up


def run(rate: int = 100, seconds: int = 20) -> dict[str, Any]:
    """Figures in milliseconds. rate: leads a second; seconds: how long."""
    rate = int(rate)
    seconds = max(3, int(seconds * scale()))
    with scratch_database() as scratch:
        _bare_tables()
        now = datetime.now(UTC)
        company = make_company("bench", reps=REPS, now=now)
        handoffs = _waiting(company, rate * seconds, now)
        settle()
        ours = _paced(scratch, "product", company.tenant_id, handoffs, rate)
        floor = _paced(scratch, "bare", company.tenant_id, handoffs, rate)
    return {
        "bench": "pool_lock",
        "figures": {
            "leads a second, asked for": rate,
            "leads a second, done": ours["rate"],
            **{f"lock {name}, ms": value for name, value in ours["locks"].items()},
            **{f"whole lead {name}, ms": value for name, value in ours["whole"].items()},
        },
        "floor": {
            "leads a second, done": floor["rate"],
            **{f"lock {name}, ms": value for name, value in floor["locks"].items()},
            **{f"whole {name}, ms": value for name, value in floor["whole"].items()},
        },
        "ratios": {"lock p95 to floor": ours["locks"]["p95"] / floor["locks"]["p95"]},
    }


def _waiting(company: Company, count: int, now: datetime) -> list[str]:
    """So many handoffs that nobody owns yet; their ids."""
    from leads.lifecycle import Stage
    from leads.models import Handoff, Lead

    made: list[str] = []
    for first in range(0, count, 1_000):
        with tenant_scope(company.tenant_id):
            leads = [
                fresh(Lead, id=uuid7(), stage=Stage.MQL, created_at=now, updated_at=now)
                for _ in range(min(1_000, count - first))
            ]
            insert_rows(leads)
            handoffs = [
                fresh(
                    Handoff,
                    id=uuid7(),
                    lead_id=lead.id,
                    number=1,
                    started_at=now,
                    tier="demo_request",
                    tier_name="Demo request",
                    policy_version_id=company.policy_version_id,
                )
                for lead in leads
            ]
            insert_rows(handoffs)
            made += [str(handoff.id) for handoff in handoffs]
    return made


_BARE = """
create table bench_pool (id int primary key, counters jsonb not null);
create table bench_load (id int primary key, open_leads int not null);
create table bench_made (id uuid primary key, body jsonb not null);
insert into bench_pool values (1, '{}');
insert into bench_load select n, 0 from generate_series(1, 12) n;
grant select, insert, update on bench_pool, bench_load, bench_made to public;
"""


def _bare_tables() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(_BARE)


# --- At a steady pace ---


def _paced(
    scratch: Scratch, what: str, tenant_id: UUID, handoffs: Sequence[str], rate: int
) -> dict[str, Any]:
    """All of these at this pace over the processes; what was measured."""
    begin = time.time() + START_AFTER
    command = [sys.executable, "-c", _START, what]
    running = [
        subprocess.Popen(
            command,
            cwd=PROJECT,
            env=scratch.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for number, process in enumerate(running):
        order = {
            "tenant": str(tenant_id),
            "handoffs": handoffs[number::PROCESSES],
            "begin": begin + number / rate,
            "pace": PROCESSES / rate,
        }
        assert process.stdin is not None
        process.stdin.write(json.dumps(order))
        process.stdin.close()
    answers = []
    for process in running:
        assert process.stdout is not None
        answers.append(json.loads(process.stdout.read()))
        process.wait(timeout=120)
    ended = max(answer["ended"] for answer in answers)
    return {
        "rate": len(handoffs) / (ended - begin),
        "locks": _percentiles([took for answer in answers for took in answer["locks"]]),
        "whole": _percentiles([took for answer in answers for took in answer["whole"]]),
    }


def _percentiles(took: Sequence[float]) -> dict[str, float]:
    return {"p50": median(took), "p95": quantiles(took, n=20)[-1], "p99": quantiles(took, n=100)[-1]}


# --- In a process of its own ---


def work(what: str) -> None:
    """Read the order, do it at its pace, and write what was measured."""
    order = json.load(sys.stdin)
    locks: list[float] = []
    one = (_product if what == "product" else _bare)(order, locks)
    whole: list[float] = []
    for number, handoff_id in enumerate(order["handoffs"]):
        wait = order["begin"] + number * order["pace"] - time.time()
        if wait > 0:
            time.sleep(wait)
        start = time.perf_counter()
        one(handoff_id)
        whole.append((time.perf_counter() - start) * 1e3)
    json.dump({"locks": locks, "whole": whole, "ended": time.time()}, sys.stdout)


def _product(order: dict[str, Any], locks: list[float]) -> Callable[[str], None]:
    from handoff.moves import AssignRequest, assign_new
    from leads.models import Handoff
    from routing import facts as reading
    from tenants.clock import database_clock

    spent = [0.0]

    def timed(function: Any) -> Any:
        def run(*args: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **named)
            finally:
                spent[0] += (time.perf_counter() - start) * 1e3

        return run

    # routing.services calls them by the module, so that they can be timed here.
    reading.lock_pools = timed(reading.lock_pools)
    reading._loads = timed(reading._loads)
    tenant_id = UUID(order["tenant"])

    def one(handoff_id: str) -> None:
        spent[0] = 0.0
        with tenant_scope(tenant_id), steady_config(), travelling_together():  # as intake does
            handoff = Handoff.objects.get(id=handoff_id)
            assign_new([AssignRequest(handoff)], trigger="intake", now=database_clock(), actor="system")
        locks.append(spent[0])

    return one


_MADE_A_LEAD = 6  # rows that one lead's decision makes: decision, assignment, clocks, message, dirty row


def _bare(order: dict[str, Any], locks: list[float]) -> Callable[[str], None]:
    body = json.dumps({"trace": "x" * 1_500})

    def one(handoff_id: str) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            start = time.perf_counter()
            cursor.execute("select counters from bench_pool where id = 1 for update")
            cursor.execute("select id, open_leads from bench_load order by id for update")
            locks.append((time.perf_counter() - start) * 1e3)
            cursor.execute("update bench_pool set counters = %s where id = 1", [json.dumps({handoff_id: 1})])
            cursor.execute("update bench_load set open_leads = open_leads + 1 where id = 1")
            for _ in range(_MADE_A_LEAD):
                cursor.execute("insert into bench_made values (%s, %s)", [str(uuid7()), body])

    return one
