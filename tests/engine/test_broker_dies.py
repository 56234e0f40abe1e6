"""The broker carries nudges and nothing else: it may stop, forget everything and come back, and every step
still fires once, the late ones marked as late.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection

from slaportal.benches.crowd import Company, counts, make_company, seed
from slaportal.benches.database import environment_for
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tests.engine.killing import PROJECT

SERVER = shutil.which("redis-server")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SERVER is None, reason="SKIPPED: there is no redis-server here"),
]
LEADS = 100
DUE = 2 * LEADS  # the first touch of each, on both clocks
PATIENCE = 240.0
#: More than one interval of the sweep's nudges.
INTERVAL = timedelta(seconds=8)


class PrivateRedis:
    """A server of the test's own, which keeps nothing when it dies."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        assert SERVER is not None
        keeps_nothing = ["--save", "", "--appendonly", "no", "--dir", str(self.directory)]
        self.process = subprocess.Popen(
            [SERVER, "--port", str(self.port), "--bind", "127.0.0.1", *keeps_nothing],
            stdout=subprocess.DEVNULL,
        )
        until(self.answers, "Redis answers")

    def answers(self) -> bool:
        with suppress(redis.ConnectionError):
            return bool(redis.Redis(port=self.port).ping())
        return False

    def flush(self) -> None:
        redis.Redis(port=self.port).flushall()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def until(condition: Callable[[], Any], what: str) -> None:
    """Wait until something is so. Fails where it does not come about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"It never came about: {what}"
        time.sleep(0.2)


@contextmanager
def program(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[int]:
    """A process in a group of its own, killed with all its children in the end; its id."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            cwd=PROJECT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PrivateRedis]:
    server = PrivateRedis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def environment(transactional_db: None, broker: PrivateRedis) -> dict[str, str]:
    return {**environment_for(connection.settings_dict["NAME"]), "REDIS_URL": broker.url}


CELERY = [sys.executable, "-m", "celery", "-A", "slaportal.celery"]


@contextmanager
def worker(environment: dict[str, str], directory: Path) -> Iterator[int]:
    command = [*CELERY, "worker", "--concurrency", "2", "--loglevel", "INFO"]
    with program(command, environment, directory / "worker.log") as pid:
        yield pid


@contextmanager
def beat(environment: dict[str, str], directory: Path, number: int = 0) -> Iterator[int]:
    kept = ["--schedule", str(directory / f"beat{number}"), "--pidfile", ""]
    with program([*CELERY, "beat", *kept], environment, directory / f"beat{number}.log") as pid:
        yield pid


def overdue(slug: str) -> Company:
    """An organisation whose leads were all due a minute ago."""
    now = database_clock()
    company = make_company(slug, reps=4, now=now)
    seed(company, size=LEADS, started=now - timedelta(minutes=6))
    return company


def all_fired(*companies: Company) -> bool:
    return counts([company.tenant_id for company in companies])["due"] == 0


def check(*companies: Company) -> None:
    """Everything has fired once, and says how late."""
    for company in companies:
        with tenant_scope(company.tenant_id), connection.cursor() as cursor:
            cursor.execute(
                "select count(*), count(distinct (timer_id, generation, step)), min(lateness_ms)"
                " from sla_timerevent"
            )
            events, distinct, least = cursor.fetchone()
        assert (events, distinct) == (DUE, DUE)
        assert least >= 60_000
        found = counts([company.tenant_id])
        assert found["messages"] == 3 * 2 * LEADS  # a manager, the new owner and the old one; two channels


def a_tick_later(moment: Any) -> Callable[[], bool]:
    return lambda: database_clock() > moment + INTERVAL


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_stops_forgets_everything_and_comes_back_costs_time_and_nothing_else(
    environment: dict[str, str], broker: PrivateRedis, tmp_path: Path
) -> None:
    first = overdue("first")
    with worker(environment, tmp_path), beat(environment, tmp_path):
        until(lambda: all_fired(first), "what is due fires while all is well")

        broker.kill()
        second = overdue("second")
        until(a_tick_later(database_clock()), "an interval passes")
        assert not all_fired(second)  # nobody is nudged
        broker.start()
        until(lambda: all_fired(second), "what fell due without a broker fires when it is back")

        third = overdue("third")
        broker.flush()
        until(lambda: all_fired(third), "what falls due while the broker forgets fires")
    check(first, second, third)


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_children_are_killed_goes_on(environment: dict[str, str], tmp_path: Path) -> None:
    companies = [overdue("before")]
    with worker(environment, tmp_path) as leader, beat(environment, tmp_path):
        # One that loses a child before it is ready gives up, and whoever runs it starts it again.
        until(lambda: all_fired(*companies), "what is due fires while all is well")
        for number in range(4):
            companies.append(overdue(f"company{number}"))
            for child in children(leader)[: 1 + number % 2]:  # one of them, or both
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            until(lambda: all_fired(*companies), f"what is due fires after kill {number + 1}")
    check(*companies)


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.django_db(transaction=True)
def test_five_beats_and_five_engines_fire_each_step_once(environment: dict[str, str], tmp_path: Path) -> None:
    engine = [sys.executable, "manage.py", "engine", "--tick", "handoff.tasks.sweep_tick"]
    companies = []
    with ExitStack() as running:
        running.enter_context(worker(environment, tmp_path))
        for number in range(5):
            running.enter_context(beat(environment, tmp_path, number))
            running.enter_context(program(engine, environment, tmp_path / f"engine{number}.log"))
        for number in range(6):
            companies.append(overdue(f"company{number}"))
            until(lambda: all_fired(*companies), "what is due fires")
    check(*companies)
