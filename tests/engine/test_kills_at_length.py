"""The same promise under more of everything: fifty kills, five engines at once, a server that dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from slaportal.benches.crowd import Company, make_company, seed
from slaportal.benches.database import Scratch, environment_for
from slaportal.benches.engines import engines
from slaportal.embedded import EmbeddedError, EmbeddedPostgres
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tests.engine.killing import PROJECT, sweep_with_kills, sweepers

pytestmark = pytest.mark.slow
# 20,000 due clocks; KILLED_ORGANISATIONS=200 makes it 100,000, which takes some minutes more.
ORGANISATIONS, LEADS, KILLS = int(os.environ.get("KILLED_ORGANISATIONS", "40")), 250, 50


def total_of(companies: list[Company], sql: str, *parameters: Any) -> int:
    """The sum of a count over these organisations."""
    total = 0
    for company in companies:
        with tenant_scope(company.tenant_id), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            total += cursor.fetchone()[0]
    return total


@pytest.mark.django_db(transaction=True)
def test_fifty_killed_workers_of_four_lose_nothing_over_many_organisations(transactional_db: None) -> None:
    now = database_clock()
    companies = [make_company(f"company{number}", reps=4, now=now) for number in range(ORGANISATIONS)]
    for company in companies:
        seed(company, size=LEADS, started=now - timedelta(minutes=6))
    due, moved = 2 * LEADS * ORGANISATIONS, LEADS * ORGANISATIONS

    assert sweep_with_kills(due, kills=KILLS, processes=4) == KILLS

    # What is due later, of the leads' next owners, does not count here.
    events = "from sla_timerevent where due_at <= %s"
    assert total_of(companies, f"select count(*) {events}", now) == due
    assert total_of(companies, f"select count(distinct (timer_id, generation, step)) {events}", now) == due
    assert total_of(companies, "select count(*) from sla_timer where breached_at <= %s", now) == due
    assert total_of(companies, "select count(*) from sla_timer where next_at <= %s", now) == 0
    assert total_of(companies, "select count(*) from leads_assignment where hop = 1") == moved
    # Each breach tells one manager, each move the new owner and the old one; all by e-mail and in the app.
    told = "select count(*) from notifications_outboxmessage o join sla_timerevent e"
    told += " on e.tenant_id = o.tenant_id and e.id = o.event_id where e.due_at <= %s"
    assert total_of(companies, told, now) == 2 * moved
    moves = "select count(*) from notifications_outboxmessage where kind in ('lead.assigned', 'lead.moved')"
    assert total_of(companies, f"{moves} and created_at >= %s", now) == 2 * 2 * moved
    twice = "select count(*) from (select 1 from leads_assignment where ended_at is null"
    assert total_of(companies, f"{twice} group by handoff_id having count(*) <> 1) owners") == 0


@pytest.mark.django_db(transaction=True)
def test_five_engines_at_once_fire_each_step_once(transactional_db: None) -> None:
    """Twelve hundred steps fall due over half a minute, and five engines look for them at every tick."""
    now = database_clock()
    companies = [make_company(f"company{number}", reps=4, now=now) for number in range(4)]
    name = str(connection.settings_dict["NAME"])
    with engines(Scratch(name, environment_for(name)), 5):
        start = database_clock() + timedelta(seconds=2)
        for company in companies:
            seed(
                company,
                size=150,
                started=start - timedelta(minutes=5),
                apart=timedelta(milliseconds=200),
            )
        end = start + timedelta(seconds=30)
        while database_clock() < end + timedelta(seconds=15):
            time.sleep(0.5)
    events = "from sla_timerevent where due_at < %s"
    assert total_of(companies, f"select count(*) {events}", end) == 1_200
    assert total_of(companies, f"select count(distinct (timer_id, generation, step)) {events}", end) == 1_200
    assert total_of(companies, f"select count(*) {events} and fired_at < due_at", end) == 0
    assert total_of(companies, "select count(*) from leads_assignment where hop = 1") == 600
    rows = "from notifications_outboxmessage"
    assert total_of(companies, f"select count(*) {rows}") == total_of(
        companies, f"select count(distinct (event_id, kind, channel, member_id, endpoint_id)) {rows}"
    )
    assert total_of(companies, f"select count(*) {rows} where kind = 'timer.breached'") == 2 * 600


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """A server of this test's own that keeps its promises about disks."""
    # Not below pytest's own directory, which the server's user may not enter where the tests run as root.
    directory = Path(tempfile.mkdtemp(prefix="slaportal-killed-"))
    private = EmbeddedPostgres(directory)
    try:
        yield private
    finally:
        private.stop()
        shutil.rmtree(directory, ignore_errors=True)


def python(environment: Mapping[str, str], *arguments: str) -> str:
    """What one of our commands prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def counted(environment: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = json.loads(python(environment, "-m", "tests.engine.crowd_rows", "count"))
    return found


def kill(server: EmbeddedPostgres) -> None:
    """Take the server away at once, as a power cut would, and wait until its processes have gone."""
    pid = int((server.pgdata / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)


def restarted(server: EmbeddedPostgres) -> None:
    """Start it again, as soon as its orphans have noticed and left."""
    for _ in range(60):
        try:
            server.start()
        except EmbeddedError:
            time.sleep(1)
        else:
            return
    raise AssertionError("The server did not come up again.")


def test_a_server_killed_three_times_in_the_middle_of_sweeps_leaves_no_half_of_anything(
    server: EmbeddedPostgres,
) -> None:
    environment = {
        **os.environ,
        **server.start().as_env(),
        "SECRET_KEY": "only-for-this-test",
        "LOG_LEVEL": "CRITICAL",
    }
    leads, due = 4 * 3_000, 2 * 4 * 3_000
    python(environment, "manage.py", "migrate", "-v", "0")
    python(environment, "-m", "tests.engine.crowd_rows", "seed", "4", "3000")
    fired = 0
    for _ in range(3):
        with sweepers(environment, processes=2, turn=50):
            while not counted(environment)["events"] > fired + 300:
                time.sleep(0.05)
            kill(server)
        restarted(server)
        half = counted(environment)
        assert fired + 300 < half["fired"] < due, "It was not killed in the middle."
        assert half["fired"] == half["events"] == half["keys"] == 2 * half["moved"]
        assert half["messages"] == 6 * half["moved"]
        fired = half["fired"]
    with sweepers(environment, processes=2, turn=50):
        deadline = time.monotonic() + 200
        while (after := counted(environment))["events"] < due and time.monotonic() < deadline:
            time.sleep(0.2)
    assert after == {"fired": due, "events": due, "keys": due, "moved": leads, "messages": 6 * leads}
