"""What load balancers, alarms and Prometheus are told."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from sla.models import EngineCycle, Finding
from slaportal import health
from tests.factories import Org

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def up_for(monkeypatch) -> Callable[[float], None]:
    """Say how many seconds ago the web process began; an hour unless a test says otherwise."""

    def began(seconds: float) -> None:
        monkeypatch.setattr(health, "STARTED", monotonic() - seconds)

    began(3600)
    return began


def every_tick_ran(settings, ago: timedelta = timedelta()) -> None:
    EngineCycle.objects.bulk_create(
        EngineCycle(tick=tick, finished_at=timezone.now() - ago, handled=3)
        for tick, _ in settings.ENGINE_TICKS
    )


def test_a_living_process_says_so() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": True})


def test_without_its_database_it_is_down(monkeypatch) -> None:
    from web import health as web_health

    class Broken:
        def cursor(self) -> None:
            raise DatabaseError("gone")

    monkeypatch.setattr(web_health, "connection", Broken())
    assert Client().get("/healthz").status_code == 503


def test_an_engine_that_never_ran_is_unwell(settings) -> None:
    answer = Client().get("/healthz/engine")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unwell"
    troubles = answer.json()["troubles"]
    assert f"{settings.ENGINE_TICKS[0][0]} has never run." in troubles
    assert "web.tasks.prune_tick has never run." not in troubles  # its first hour is not over yet


@pytest.mark.parametrize("ago", [None, timedelta(days=1)])
def test_just_after_a_start_it_waits_for_the_first_pulses(settings, up_for, ago: timedelta | None) -> None:
    if ago:
        every_tick_ran(settings, ago=ago)
    up_for(5)
    answer = Client().get("/healthz/engine")
    assert (answer.status_code, answer.json()["status"], answer.json()["troubles"]) == (200, "starting", [])
    assert "handoff.tasks.sweep_tick" in answer.json()["waiting"]
    assert "web.tasks.prune_tick" not in answer.json()["waiting"]


def test_a_dead_engine_is_unwell_a_minute_after_the_start(up_for) -> None:
    up_for(61)
    answer = Client().get("/healthz/engine")
    assert (answer.status_code, answer.json()["status"]) == (503, "unwell")
    assert "handoff.tasks.sweep_tick has never run." in answer.json()["troubles"]


def test_a_start_hides_no_finding(up_for, acme: Org, now) -> None:
    with acme.scope():
        Finding.objects.create(kind="late", subject="timer:1", detail="x", found_at=now)
    up_for(5)
    answer = Client().get("/healthz/engine")
    assert (answer.status_code, answer.json()["status"]) == (503, "unwell")


def test_an_engine_that_turns_is_well(settings) -> None:
    every_tick_ran(settings)
    answer = Client().get("/healthz/engine")
    assert answer.status_code == 200, answer.json()
    assert answer.json()["troubles"] == []


def test_a_tick_that_stands_still_is_named(settings) -> None:
    every_tick_ran(settings, ago=timedelta(minutes=5))
    troubles = Client().get("/healthz/engine").json()["troubles"]
    assert any(trouble.startswith("handoff.tasks.sweep_tick ran last 30") for trouble in troubles)
    assert not any(trouble.startswith("web.tasks.prune_tick") for trouble in troubles)


def test_an_open_finding_of_any_tenant_makes_it_unwell(settings, acme: Org, now) -> None:
    every_tick_ran(settings)
    with acme.scope():
        Finding.objects.create(kind="late", subject="timer:1", detail="x", found_at=now)
    answer = Client().get("/healthz/engine")
    assert answer.status_code == 503
    assert answer.json()["findings"] == 1


def test_metrics_are_prometheus_text_for_this_machine(settings) -> None:
    settings.BEHIND_PROXY, settings.METRICS_TOKEN = False, ""
    every_tick_ran(settings)
    text = Client(REMOTE_ADDR="127.0.0.1").get("/metrics").content.decode()
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["slaportal_engine_healthy"] == 1
    assert values["slaportal_timers_due"] == 0
    assert Client(REMOTE_ADDR="10.0.0.1").get("/metrics").status_code == 404


def test_behind_a_proxy_only_the_token_opens_the_metrics(settings) -> None:
    settings.BEHIND_PROXY, settings.METRICS_TOKEN = True, ""
    client = Client(REMOTE_ADDR="127.0.0.1")
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "s3cret"
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer s3cret"}).status_code == 200
