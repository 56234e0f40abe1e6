"""What an admin is told of the engine, and how a failed clock is given another chance."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from handoff.sweep import sweep_tenant
from leads.models import Handoff
from sla.models import EngineCycle, Finding, Timer
from tenants.clock import database_clock, fixed_clock
from tenants.models import AuditEntry
from tests.engine.scenes import clock_of, fired, open_handoff
from tests.factories import Org

pytestmark = pytest.mark.django_db
SWEEP = "handoff.tasks.sweep_tick"


def as_(member: Any) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def page(org: Org) -> str:
    return as_(org.admin).get("/engine").content.decode()


def asked(org: Org) -> Any:
    return Client().get("/api/v1/engine", headers=org.auth).json()


@pytest.fixture
def failed(acme: Org) -> Timer:
    """A first touch, due ten minutes from now, that the sweep has given up."""
    now = database_clock()
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
        timer = clock_of(handoff)
        Timer.objects.filter(id=timer.id).update(
            state="failed", next_at=None, attempts=6, last_error="ValueError: broken"
        )
        Finding.objects.create(
            kind="timer_failed", subject=f"timer:{timer.id}", detail="ValueError: broken", found_at=now
        )
        return Timer.objects.get(id=timer.id)


def test_a_fresh_organisation_reads_that_nothing_is_wrong_and_which_parts_stand_still(acme: Org) -> None:
    EngineCycle.objects.create(tick=SWEEP, finished_at=database_clock(), handled=3)
    text = page(acme)
    assert "Nothing is wrong" in text
    assert "Sends messages: this part of the engine stands still." in text
    assert "Fires the steps that are due: this part" not in text
    states = {tick["name"]: tick["state"] for tick in asked(acme)["ticks"]}
    assert states[SWEEP] == "alive"
    assert states["notifications.tasks.deliver_tick"] == "silent"
    assert states["web.tasks.prune_tick"] == "waiting"  # its first hour is not over


def test_a_tick_whose_pulse_is_old_stands_still(acme: Org) -> None:
    EngineCycle.objects.create(tick=SWEEP, finished_at=database_clock() - timedelta(seconds=70), handled=3)
    (tick,) = [tick for tick in asked(acme)["ticks"] if tick["name"] == SWEEP]
    assert tick["state"] == "silent"
    assert 70 <= tick["age_seconds"] < 100
    assert tick["every_seconds"] == 5


def test_clocks_messages_and_lateness_are_the_organisations_own(acme: Org, globex: Org) -> None:
    now = database_clock()
    with acme.scope():
        open_handoff(acme, at=now - timedelta(days=30), owner=acme.reps[0])
    sweep_tenant(acme.id, clock=database_clock)
    ours, theirs = asked(acme), asked(globex)
    assert ours["lateness"]["fired"] > 0
    assert ours["lateness"]["worst"] >= ours["lateness"]["p99"] >= ours["lateness"]["median"] > 0
    assert ours["outbox"]["waiting"] > 0
    assert theirs["lateness"] == {"fired": 0, "median": None, "p99": None, "worst": None}
    assert theirs["outbox"] == {"waiting": 0, "oldest_at": None}
    assert theirs["timers"]["armed"] == 0
    assert "none" in page(globex)


def test_a_due_clock_is_counted_with_its_age(acme: Org) -> None:
    now = database_clock()
    with acme.scope():
        open_handoff(acme, at=now - timedelta(days=30), owner=acme.reps[0])
    timers = asked(acme)["timers"]
    assert timers["due"] > 0
    assert datetime.fromisoformat(timers["oldest_due_at"]) < now
    assert "A step has been due for more than a minute." in page(acme)


def test_a_finding_is_said_in_words_with_its_lead_and_what_to_do(acme: Org, failed: Timer) -> None:
    text = page(acme)
    assert "A clock failed six times and was set aside" in text
    assert "Mend what its error names, then try it again." in text
    assert "First touch, owner&#x27;s clock" in text
    with acme.scope():
        lead = Handoff.objects.get(id=failed.handoff_id).lead
    assert f'href="/leads/{lead.id}"' in text
    (row,) = asked(acme)["findings"]
    assert (row["kind"], row["lead"], row["timer"]) == ("timer_failed", str(lead.id), str(failed.id))
    assert row["may_retry"] is True


@pytest.mark.parametrize(
    ("kind", "subject"),
    [("fallback_missing", "routing"), ("timer_missing", "tier:gone"), ("from_a_later_version", "")],
)
def test_a_finding_about_no_lead_is_shown_too(acme: Org, kind: str, subject: str) -> None:
    with acme.scope():
        Finding.objects.create(kind=kind, subject=subject, detail="<b>so</b>", found_at=database_clock())
    assert "&lt;b&gt;so&lt;/b&gt;" in page(acme)
    assert asked(acme)["findings"][0]["lead"] is None


def test_a_finding_about_an_event_leads_to_its_lead(acme: Org) -> None:
    now = database_clock()
    with acme.scope():
        handoff = open_handoff(acme, at=now - timedelta(days=30), owner=acme.reps[0])
    sweep_tenant(acme.id, clock=database_clock)
    with acme.scope():
        event = clock_of(handoff, "company").events.get()
        Finding.objects.create(kind="message_missing", subject=f"event:{event.id}", detail="x", found_at=now)
    assert asked(acme)["findings"][0]["lead"] == str(handoff.lead_id)


def test_what_was_cleared_stays_for_a_week(acme: Org) -> None:
    now = database_clock()
    with acme.scope():
        for days in (1, 8):
            Finding.objects.create(
                kind="timer_late",
                subject=f"timer:{days}",
                detail="x",
                found_at=now - timedelta(days=days),
                cleared_at=now - timedelta(days=days),
            )
    answer = asked(acme)
    assert (answer["open_findings"], len(answer["cleared"])) == (0, 1)
    assert "A step is overdue and has not fired" in page(acme)


def test_many_findings_are_counted_and_the_newest_shown(
    acme: Org, django_assert_max_num_queries: Any
) -> None:
    now = database_clock()
    with acme.scope():
        handoffs = [open_handoff(acme, at=now, owner=acme.reps[0]) for _ in range(8)]
        for number in range(120):
            Finding.objects.create(
                kind="timer_missing",
                subject=f"handoff:{handoffs[number % 8].id}:{number}",
                detail="x",
                found_at=now + timedelta(seconds=number),
            )
    client = as_(acme.admin)
    with django_assert_max_num_queries(25):
        text = client.get("/engine").content.decode()
    assert "120 open" in text
    assert "The newest 100 of 120." in text


def test_a_failed_clock_is_tried_again_and_fires(acme: Org, failed: Timer) -> None:
    answer = as_(acme.admin).post(f"/engine/timers/{failed.id}/retry", follow=True)
    assert "The next sweep tries this clock again." in answer.content.decode()
    with acme.scope():
        timer = Timer.objects.get(id=failed.id)
        assert (timer.state, timer.attempts, timer.last_error) == ("running", 0, "")
        assert timer.next_at is not None
        assert timer.next_at <= database_clock()
        assert Finding.objects.get().cleared_at is not None
        entry = AuditEntry.objects.get(object_type="timer")
        assert (entry.action, entry.actor) == ("tried_again", f"member:{acme.admin.id}")
    sweep_tenant(acme.id, clock=fixed_clock(failed.due_at + timedelta(seconds=1)))
    with acme.scope():
        handoff = Handoff.objects.get(id=failed.handoff_id)
        assert fired(handoff) == [50, 80, 100]


def test_a_clock_that_failed_after_its_breach_stays_broken(acme: Org, failed: Timer) -> None:
    with acme.scope():
        Timer.objects.filter(id=failed.id).update(breached_at=failed.due_at)
    answer = Client().post(f"/api/v1/engine/timers/{failed.id}/retry", headers=acme.auth)
    assert answer.status_code == 200, answer.content
    assert answer.json() == {"timer": str(failed.id), "state": "breached"}


def test_only_what_failed_can_be_tried_again(acme: Org, failed: Timer) -> None:
    with acme.scope():
        other = clock_of(Handoff.objects.get(id=failed.handoff_id), target="decision")
    refused = Client().post(f"/api/v1/engine/timers/{other.id}/retry", headers=acme.auth)
    assert refused.status_code == 409
    text = as_(acme.admin).post(f"/engine/timers/{other.id}/retry", follow=True).content.decode()
    assert "This clock does not wait for anybody" in text


def test_a_failed_clock_with_a_running_successor_stays_where_it_is(acme: Org, failed: Timer) -> None:
    with acme.scope():
        twin = Timer.objects.get(id=failed.id)
        twin.pk, twin.state, twin.next_at = None, "running", failed.due_at
        twin.id = Timer._meta.pk.get_default()
        twin._state.adding = True
        twin.save(force_insert=True)
    refused = Client().post(f"/api/v1/engine/timers/{failed.id}/retry", headers=acme.auth)
    assert refused.status_code == 409
    assert "newer clock" in refused.json()["detail"]


def test_nobody_but_an_admin_sees_the_engine(acme: Org, failed: Timer) -> None:
    for member in (acme.manager, acme.reps[0], acme.marketing, acme.executive):
        assert as_(member).get("/engine").status_code == 403
        assert as_(member).post(f"/engine/timers/{failed.id}/retry").status_code == 403


def test_metrics_tell_lateness_and_each_organisations_clocks(
    acme: Org, globex: Org, failed: Timer, settings: Any
) -> None:
    settings.BEHIND_PROXY, settings.METRICS_TOKEN = False, ""
    now = database_clock()
    with globex.scope():
        open_handoff(globex, at=now - timedelta(days=30), owner=globex.reps[0])
    sweep_tenant(globex.id, clock=database_clock)
    text = Client(REMOTE_ADDR="127.0.0.1").get("/metrics").content.decode()
    assert 'slaportal_tenant_failed{tenant="acme"} 1.0' in text
    assert 'slaportal_tenant_findings{tenant="acme"} 1.0' in text
    assert 'slaportal_tenant_failed{tenant="globex"} 0.0' in text
    with globex.scope():
        steps = sum(timer.events.count() for timer in Timer.objects.all())
    assert f'slaportal_firing_lateness_seconds_bucket{{le="+Inf"}} {float(steps)}' in text
    assert 'slaportal_firing_lateness_seconds_bucket{le="3600.0"} 0.0' in text  # a month late


def test_a_failed_clock_of_a_closed_lead_alarms_nobody(acme: Org, failed: Timer, settings: Any) -> None:
    settings.BEHIND_PROXY, settings.METRICS_TOKEN = False, ""
    with acme.scope():
        Timer.objects.filter(id=failed.id).update(closed_at=database_clock())
    assert Client().get("/healthz/engine").json()["timers"]["failed"] == 0
    assert asked(acme)["timers"]["failed"] == 0


def test_every_part_of_the_engine_is_called_by_what_it_does() -> None:
    from sla.engine_words import TICKS

    assert {name for name, _ in settings.ENGINE_TICKS} == set(TICKS)
