"""One list of ticks, run alike by Celery and by `manage.py engine`; nothing ever waits in the broker."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from handoff import tasks
from leads.models import Handoff
from notifications.models import OutboxMessage
from sla.models import EngineCycle, TimerEvent
from slaportal.benches.database import environment_for
from slaportal.celery import app, beat_schedule, tick
from slaportal.ticks import UnknownTick, load_tick, run_tick
from tenants.clock import database_clock
from tests.engine.scenes import fired, open_handoff
from tests.factories import Org, make_org

PROJECT = Path(__file__).resolve().parents[2]
SWEEP = "handoff.tasks.sweep_tick"


def test_every_tick_of_the_engines_own_is_there() -> None:
    for name in (SWEEP, "handoff.tasks.drain_unrouted_tick", "handoff.tasks.audit_tick"):
        assert callable(load_tick(name))


def test_a_message_can_call_nothing_but_ticks() -> None:
    with pytest.raises(UnknownTick):
        load_tick("os.getcwd")


def test_beat_sends_each_tick_at_its_interval_and_lets_it_expire() -> None:
    schedule = beat_schedule(settings.ENGINE_TICKS)
    assert list(schedule) == [name for name, _ in settings.ENGINE_TICKS]
    for name, seconds in settings.ENGINE_TICKS:
        entry = schedule[name]
        assert (entry["args"], entry["schedule"], entry["options"]) == ([name], seconds, {"expires": seconds})
    assert app.conf.timezone == "UTC"
    assert app.conf.beat_schedule == schedule


@pytest.mark.parametrize("option", [{"countdown": 1}, {"eta": database_clock}])
def test_a_task_cannot_be_put_off(option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="write a row"):
        tick.apply_async([SWEEP], **option)


def test_no_code_of_ours_asks_the_broker_to_wait() -> None:
    wants = re.compile(r"\b(countdown|eta)\s*=(?!=)|\.retry\(|apply_async\(")
    found = []
    for package in (
        "core",
        "tenants",
        "web",
        "notifications",
        "leads",
        "routing",
        "sla",
        "feedback",
        "handoff",
    ):
        found += [path for path in (PROJECT / package).rglob("*.py") if wants.search(path.read_text())]
    for package in ("integrations", "reporting", "slaportal"):
        found += [path for path in (PROJECT / package).rglob("*.py") if wants.search(path.read_text())]
    assert [path for path in found if path.name != "celery.py"] == []


@pytest.fixture
def always(db: None) -> Org:
    """An organisation that is open now, whenever that is."""
    return make_org("always", now=database_clock(), hours="always")


def test_a_tick_fires_what_is_due_and_leaves_its_pulse(always: Org) -> None:
    with always.scope():
        handoff = open_handoff(always, at=database_clock() - timedelta(minutes=3), owner=always.reps[0])
    assert run_tick(SWEEP) == 1
    with always.scope():
        assert fired(handoff) == [50]
    pulse = EngineCycle.objects.get(tick=SWEEP)
    assert pulse.handled == 1
    assert 29_000 < pulse.worst_lateness_ms < 60_000  # half of five minutes was half a minute ago
    assert run_tick(SWEEP) == 0
    assert EngineCycle.objects.get(tick=SWEEP).finished_at > pulse.finished_at


def test_a_tick_that_raises_leaves_no_pulse(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> int:
        raise RuntimeError("no")

    monkeypatch.setattr(tasks, "sweep_tick", broken)
    with pytest.raises(RuntimeError):
        run_tick(SWEEP)
    assert not EngineCycle.objects.exists()


def test_celery_runs_the_same_function(always: Org) -> None:
    with always.scope():
        open_handoff(always, at=database_clock() - timedelta(minutes=3), owner=always.reps[0])
    assert tick(SWEEP) == 1


def test_an_organisation_whose_sweep_raises_does_not_stop_the_others(
    always: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_org("other", now=database_clock(), hours="always")
    for org in (always, other):
        with org.scope():
            open_handoff(org, at=database_clock() - timedelta(minutes=3), owner=org.reps[0])
    from handoff import sweep

    honest = sweep.sweep_tenant

    def sweep_tenant(tenant_id: Any, **options: Any) -> Any:
        if tenant_id == always.id:
            raise RuntimeError("This organisation is broken.")
        return honest(tenant_id, **options)

    monkeypatch.setattr(sweep, "sweep_tenant", sweep_tenant)
    assert sweep.sweep().fired == 1
    with other.scope():
        assert TimerEvent.objects.count() == 1


def test_a_big_organisation_does_not_keep_a_small_one_waiting(
    always: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = make_org("small", now=database_clock(), hours="always")
    moment = database_clock() - timedelta(minutes=3)
    with always.scope():
        for _ in range(9):
            open_handoff(always, at=moment, owner=always.reps[0])
    with small.scope():
        open_handoff(small, at=moment, owner=small.reps[0])
    from handoff import sweep

    honest, turns = sweep.sweep_tenant, []

    def sweep_tenant(tenant_id: Any, **options: Any) -> Any:
        turns.append(tenant_id)
        return honest(tenant_id, **options)

    monkeypatch.setattr(sweep, "sweep_tenant", sweep_tenant)
    assert sweep.sweep(turn=2).fired == 10
    assert small.id in turns[:2]


def test_what_falls_due_while_a_big_organisation_is_worked_off_waits_for_one_round(
    always: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = make_org("small", now=database_clock(), hours="always")
    moment = database_clock() - timedelta(minutes=3)
    with always.scope():
        for _ in range(9):
            open_handoff(always, at=moment, owner=always.reps[0])
    from handoff import sweep

    honest, turns = sweep.sweep_tenant, []

    def sweep_tenant(tenant_id: Any, **options: Any) -> Any:
        if not turns:
            with small.scope():
                open_handoff(small, at=moment, owner=small.reps[0])
        turns.append(tenant_id)
        return honest(tenant_id, **options)

    monkeypatch.setattr(sweep, "sweep_tenant", sweep_tenant)
    assert sweep.sweep(turn=2).fired == 10
    assert small.id in turns[1:3]


def test_waiting_leads_are_drained_by_their_tick(always: Org) -> None:
    with always.scope():
        handoff = open_handoff(always, at=database_clock())
    assert tasks.drain_unrouted_tick() == 1
    with always.scope():
        assert Handoff.objects.get(id=handoff.id).owner_id in {rep.id for rep in always.reps}
        assert OutboxMessage.objects.filter(kind="lead.assigned").exists()


def test_the_engine_command_runs_ticks_once(always: Org, capsys: pytest.CaptureFixture[str]) -> None:
    with always.scope():
        open_handoff(always, at=database_clock() - timedelta(minutes=3), owner=always.reps[0])
    call_command("engine", "--once", "--tick", SWEEP)
    assert capsys.readouterr().out == f"{SWEEP}: 1\n"


def test_the_engine_command_refuses_a_tick_that_it_does_not_know(db: None) -> None:
    with pytest.raises(CommandError, match=r"No such tick: os\.getcwd"):
        call_command("engine", "--tick", "os.getcwd")


@pytest.mark.django_db(transaction=True)
def test_the_engine_works_without_a_broker_and_stops_when_asked_to() -> None:
    org = make_org("always", now=database_clock(), hours="always")
    with org.scope():
        handoff = open_handoff(org, at=database_clock() - timedelta(minutes=3), owner=org.reps[0])
    process = subprocess.Popen(
        [sys.executable, "manage.py", "engine", "--tick", SWEEP],
        cwd=PROJECT,
        env=environment_for(connection.settings_dict["NAME"]),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("The engine runs 1 ticks.")
        deadline = database_clock() + timedelta(seconds=30)
        while not EngineCycle.objects.exists():
            assert database_clock() < deadline, "The engine never finished a tick."
            os.sched_yield()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert process.stdout.read() == "The engine has stopped.\n"
    finally:
        process.kill()
        process.wait()
    with org.scope():
        assert fired(handoff) == [50]
