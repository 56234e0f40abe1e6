"""How fast leads come in: single posts through the web server, and bulk, beside the floors of the same
machine.

Single: `POST /api/v1/leads` of new people, each judged, matched to an account, routed, timed and told,
        through gunicorn with two workers; the floor is a bare view that inserts one row, on the same
        database, served the same way.
Bulk: calls of 1,000 through the same server; the floor is COPY of every row that those leads made, in all
      tables, into tables like theirs, without row security and references. COPY of the lead rows alone is
      told beside it.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

from django.db import connections, transaction
from django.db.models import Model

from handoff.provision import CalendarPlan, PersonPlan, TeamPlan, TenantPlan, provision_tenant
from integrations.models import IntakeEntry
from leads.models import (
    Account,
    Assignment,
    DirtyHandoff,
    Engagement,
    Handoff,
    Lead,
    LeadExternalId,
    StageChange,
)
from notifications.models import OutboxMessage
from routing.models import Decision
from sla.models import Timer
from slaportal.benches.bare import CREATE
from slaportal.benches.database import Scratch, scale, scratch_database
from tenants.calendars import ALWAYS_WEEK
from tenants.context import tenant_scope
from tenants.models import Role, Tenant
from tenants.services import create_api_key

WORKERS = 2
REPS = 12
# Every table that an arriving lead writes to.
WRITTEN: tuple[type[Model], ...] = (
    IntakeEntry,
    Account,
    Lead,
    LeadExternalId,
    Engagement,
    StageChange,
    Handoff,
    Decision,
    Assignment,
    Timer,
    OutboxMessage,
    DirtyHandoff,
)


def run(singles: int = 400, bulks: int = 5, rows: int = 1_000) -> dict[str, Any]:
    """Figures in ms and rows a second. singles: posts measured, in turns with the floor's; bulks: calls of
    `rows`."""
    singles, bulks = max(20, int(singles * scale())), max(1, int(bulks * scale()))
    os.environ["API_RATE_PER_MINUTE"] = "1000000"
    with scratch_database() as scratch:
        _owner_sql(CREATE)
        tenant, key = _organisation()
        with (
            _server(scratch, "slaportal.wsgi") as product,
            _server(scratch, "slaportal.benches.bare") as bare,
        ):
            # Warm: both workers have compiled rules and calendars.
            _single(product, key, 40, first=10_000_000)
            _floor(bare, 40)
            ours: list[float] = []
            floor: list[float] = []
            for turn in range(4):  # in turns, so that what else the machine does falls on both
                ours += _single(product, key, singles // 4, first=turn * singles)
                floor += _floor(bare, singles // 4)
            many = _bulk(product, key, bulks, rows)
        with tenant_scope(tenant.id):
            taken = Lead.objects.count()
        rows_made, seconds = _copied(tenant, WRITTEN)
        lead_rows, lead_seconds = _copied(tenant, (Lead,))
        copied = taken / seconds
    single, bottom = _percentiles(ours), _percentiles(floor)
    return {
        "bench": "ingest",
        "figures": {
            "single post p50, ms": single[0],
            "single post p95, ms": single[1],
            "bulk, leads a second": many,
            "leads in the database": taken,
            "rows written a lead": rows_made / taken,
        },
        "floor": {
            "bare view p50, ms": bottom[0],
            "bare view p95, ms": bottom[1],
            "COPY of all that a lead writes, leads a second": copied,
            "COPY of the lead rows alone, rows a second": lead_rows / lead_seconds,
        },
        "ratios": {
            "single p50 to bare view (aim: at most 4)": single[0] / bottom[0],
            "single p95 to bare view": single[1] / bottom[1],
            "bulk to COPY (aim: 0.25, or 1,000 a second)": many / copied,
            "bulk to 1,000 a second": many / 1_000,
        },
    }


def _organisation() -> tuple[Tenant, str]:
    """An organisation with default criteria and policy that is open round the clock."""
    hours = CalendarPlan("Always", "UTC", weekly=ALWAYS_WEEK)
    reps = [PersonPlan(f"Rep {number}", f"rep{number}@bench.example", Role.REP) for number in range(REPS)]
    plan = TenantPlan(
        name="Bench",
        slug="bench",
        calendar=hours,
        teams=[TeamPlan("Inbound", "inbound", hours, _person("Manager", Role.MANAGER), reps)],
        director=_person("Director", Role.EXECUTIVE),
        fallback=_person("Fallback", Role.MANAGER),
    )
    now = datetime.now(UTC)
    tenant = provision_tenant(plan, now=now)
    with tenant_scope(tenant.id):
        _, key = create_api_key(tenant=tenant, name="Bench", scopes=["leads:write", "leads:read"], now=now)
    return tenant, key


def _person(name: str, role: Role) -> PersonPlan:
    return PersonPlan(name, f"{name.lower()}@bench.example", role)


def _lead(number: int) -> dict[str, Any]:
    """A new person; four of them share a company."""
    return {
        "external_system": "crm",
        "external_id": str(number),
        "email": f"person{number}@company{number // 4}.com",
        "first_name": "Ann",
        "last_name": f"Number {number}",
        "title": "Head of operations",
        "phone": f"+4930{1_000_000 + number % 8_000_000}",
        "company": {"name": f"Company {number // 4}", "employees": 120, "country": "DE"},
        "source": "website",
        "campaign": "autumn",
        "engagements": [{"kind": "demo_request", "subject": "/demo"}],
    }


def _single(port: int, key: str, count: int, *, first: int) -> list[float]:
    bodies = [json.dumps(_lead(first + number)).encode() for number in range(count)]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return [_post(port, "/api/v1/leads", body, headers, 201)[0] for body in bodies]


def _floor(port: int, count: int) -> list[float]:
    body = json.dumps(_lead(0)).encode()
    return [_post(port, "/bare", body, {"Content-Type": "application/json"}, 201)[0] for _ in range(count)]


def _bulk(port: int, key: str, calls: int, rows: int) -> float:
    """Leads a second over `calls` calls of new people by each of two senders, one for each worker."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def send(call: int) -> None:
        first = 20_000_000 + call * rows
        body = json.dumps({"leads": [_lead(first + number) for number in range(rows)]}).encode()
        _, answer = _post(port, "/api/v1/leads/bulk", body, headers, 200)
        refused = [row for row in json.loads(answer)["results"] if row["status"] != 201]
        if refused:
            raise RuntimeError(f"The bench's own leads were refused: {refused[0]}")

    with ThreadPoolExecutor(max_workers=WORKERS) as senders:
        list(senders.map(send, range(WORKERS)))  # warm
        start = time.perf_counter()
        list(senders.map(send, range(WORKERS, WORKERS + calls * WORKERS)))
        spent = time.perf_counter() - start
    return calls * WORKERS * rows / spent


def _post(port: int, path: str, body: bytes, headers: dict[str, str], wanted: int) -> tuple[float, bytes]:
    """(milliseconds, answer) of one post on a connection of its own."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        start = time.perf_counter()
        link.request("POST", path, body, headers)
        response = link.getresponse()
        answer = response.read()
        took = (time.perf_counter() - start) * 1_000
    finally:
        link.close()
    if response.status != wanted:
        raise RuntimeError(f"{path} answered {response.status}: {answer[:500]!r}")
    return took, answer


def _copied(tenant: Tenant, tables: Sequence[type[Model]]) -> tuple[int, float]:
    """(rows, seconds) of COPY of what the tenant has in these tables, by the owner and as one transaction,
    into tables like theirs: their indexes, but no row security and no references."""
    copies = [(_twin_of(model), _columns_of(model), _rows_of(tenant, model)) for model in tables]
    with connections["owner"].cursor() as cursor:
        start = time.perf_counter()
        with transaction.atomic(using="owner"):
            for twin, columns, rows in copies:
                cursor.copy_expert(f"copy {twin} ({columns}) from stdin", rows)
        spent = time.perf_counter() - start
    return sum(rows.getvalue().count("\n") for _, _, rows in copies), spent


def _twin_of(model: type[Model]) -> str:
    """An empty table like the model's."""
    twin = f"bench_twin_{model._meta.db_table}"
    _owner_sql(f"drop table if exists {twin}")
    _owner_sql(f"create table {twin} (like {model._meta.db_table} including all)")
    return twin


def _columns_of(model: type[Model]) -> str:
    stored = [field for field in model._meta.local_concrete_fields if not field.generated]
    return ", ".join(f'"{field.column}"' for field in stored)


def _rows_of(tenant: Tenant, model: type[Model]) -> io.StringIO:
    """What the tenant has in the model's table, as COPY writes it."""
    out = io.StringIO()
    columns, table = _columns_of(model), model._meta.db_table
    with tenant_scope(tenant.id), connections["default"].cursor() as cursor:
        source = f"select {columns} from {table} where tenant_id = '{tenant.id}'"  # noqa: S608
        cursor.copy_expert(f"copy ({source}) to stdout", out)
    out.seek(0)
    return out


def _owner_sql(statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def _server(scratch: Scratch, module: str) -> Iterator[int]:
    """The port of a gunicorn with two workers that serves `module`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            f"{module}:application",
            f"--bind=127.0.0.1:{port}",
            f"--workers={WORKERS}",
            "--log-level=error",
        ],
        env={
            **scratch.environment,
            "DEBUG": "0",
            "SECRET_KEY": "bench" * 10,
            "API_RATE_PER_MINUTE": "1000000",
        },
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError("The server of the bench ended at once.")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("The server of the bench did not start.")


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    cuts = quantiles(values, n=100)
    return cuts[49], cuts[94]
