"""The auditor finds what was taken away, says nothing where all is well, and clears what was mended."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from handoff.sweep import sweep_tenant
from leads.models import Handoff
from notifications.models import OutboxMessage
from sla.auditor import audit, audit_tenant, late_cycles
from sla.models import Finding, Timer, TimerEvent
from sla.services import record_cycle
from tenants.clock import database_clock, fixed_clock
from tests.engine.scenes import clock_of, open_handoff
from tests.factories import Org

pytestmark = pytest.mark.django_db


def found(org: Org, moment: datetime) -> set[tuple[str, str]]:
    """What the auditor of this organisation finds at `moment`: kind and subject."""
    with org.scope():
        return {(finding.kind, finding.subject) for finding in audit_tenant(now=moment)}


@pytest.fixture
def breached(acme: Org, now: datetime) -> Handoff:
    """A lead that was breached and moved on."""
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
    for share in (2.5, 4, 5):
        sweep_tenant(acme.id, clock=fixed_clock(now + timedelta(minutes=share)))
    return handoff


def test_nothing_is_found_where_nothing_is_wrong(acme: Org, breached: Handoff, now: datetime) -> None:
    assert found(acme, now + timedelta(minutes=5)) == set()


def test_a_step_that_nobody_fires_is_found_after_a_minute_and_cleared_when_it_fired(
    acme: Org, now: datetime
) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
        timer = clock_of(handoff)
    due = now + timedelta(minutes=2.5)
    assert found(acme, due + timedelta(seconds=60)) == set()
    late = due + timedelta(seconds=61)
    assert found(acme, late) == {("timer_late", f"timer:{timer.id}")}
    sweep_tenant(acme.id, clock=fixed_clock(late))
    assert found(acme, late) == set()
    with acme.scope():
        assert Finding.objects.get().cleared_at == late


def test_what_lasts_is_one_finding_however_often_it_is_seen(acme: Org, now: datetime) -> None:
    with acme.scope():
        open_handoff(acme, at=now, owner=acme.reps[0])
    for minute in range(4, 8):
        found(acme, now + timedelta(minutes=minute))
    with acme.scope():
        assert (
            Finding.objects.filter(kind="timer_late", cleared_at=None).count() == 2
        )  # first touch, both clocks
    with acme.scope():
        subjects = list(Finding.objects.values_list("subject", flat=True))
        assert len(subjects) == len(set(subjects))


@pytest.mark.parametrize("clock", ["company", "owner"])
@pytest.mark.parametrize("target", ["first_touch", "decision"])
def test_a_deleted_timer_is_found(acme: Org, now: datetime, clock: str, target: str) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
        Timer.objects.filter(handoff=handoff, clock=clock, target=target).delete()
    assert found(acme, now) == {("timer_missing", f"handoff:{handoff.id}:{clock}:{target}"[:80])}


def test_a_deleted_breach_event_is_found(acme: Org, breached: Handoff, now: datetime) -> None:
    with acme.scope():
        event = TimerEvent.objects.get(handoff=breached, percent=100, timer__clock="owner")
        event.delete()
    assert found(acme, now + timedelta(minutes=5)) == {("event_missing", f"timer:{event.timer_id}")}


def test_a_deleted_step_event_is_found(acme: Org, now: datetime) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
    moment = now + timedelta(minutes=2.5)
    sweep_tenant(acme.id, clock=fixed_clock(moment))
    with acme.scope():
        TimerEvent.objects.all().delete()
        timer = clock_of(handoff)
    assert found(acme, moment) == {("event_missing", f"timer:{timer.id}")}


def test_deleted_messages_are_found(acme: Org, breached: Handoff, now: datetime) -> None:
    with acme.scope():
        event = TimerEvent.objects.get(handoff=breached, percent=80)
        OutboxMessage.objects.filter(event_id=event.id).delete()
    assert found(acme, now + timedelta(minutes=5)) == {("message_missing", f"event:{event.id}")}


def test_a_clock_of_a_closed_handoff_is_found(acme: Org, now: datetime) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now)
        Handoff.objects.filter(id=handoff.id).update(state="closed", closed_at=now)
        timers = set(Timer.objects.values_list("id", flat=True))
    assert found(acme, now) == {("timer_orphaned", f"timer:{timer_id}") for timer_id in timers}


def test_a_hand_edited_breach_is_found(acme: Org, now: datetime) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
        timer = clock_of(handoff)
        Timer.objects.filter(id=timer.id).update(state="breached", breached_at=now, next_at=None)
    assert found(acme, now) == {("event_missing", f"timer:{timer.id}")}


def test_an_old_fault_is_found_by_a_full_audit(acme: Org, now: datetime) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
        Timer.objects.filter(handoff=handoff, clock="company", target="decision").delete()
        Timer.objects.update(next_at=None)
        later = now + timedelta(days=3)
        assert audit_tenant(now=later) == []
        assert [finding.kind for finding in audit_tenant(now=later, full=True)] == ["timer_missing"]


def test_the_audit_goes_through_every_organisation(acme: Org, globex: Org, now: datetime) -> None:
    with globex.scope():
        Timer.objects.filter(handoff=open_handoff(globex, at=now)).delete()
    findings = audit(clock=fixed_clock(now))
    assert findings[acme.id] == []
    assert {finding.kind for finding in findings[globex.id]} == {"timer_missing"}


def test_the_command_says_by_its_exit_code_whether_something_is_wrong(acme: Org) -> None:
    out = StringIO()
    call_command("audit_engine", "--no-pulse", stdout=out)
    assert "Nothing is wrong." in out.getvalue()
    with acme.scope():
        Timer.objects.filter(handoff=open_handoff(acme, at=database_clock())).delete()
    with pytest.raises(SystemExit) as stopped:
        call_command("audit_engine", "--no-pulse", stdout=out)
    assert stopped.value.code == 1
    assert "timer_missing" in out.getvalue()


def test_a_silent_tick_is_named(db: None, now: datetime) -> None:
    tick = "handoff.tasks.sweep_tick"
    assert late_cycles([tick], now=now) == [f"{tick} has never run."]
    record_cycle(tick, handled=3, now=now)
    assert late_cycles([tick], now=now + timedelta(seconds=60)) == []
    assert late_cycles([tick], now=now + timedelta(seconds=61)) == [f"{tick} last ran 61 s ago."]
