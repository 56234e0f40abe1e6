"""Reports that fall behind are seen: a finding in words, and a trouble at /healthz/engine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from leads.models import DirtyHandoff, Lead
from reporting import facts
from reporting.handoff_rollups import are_complete
from reporting.models import HandoffFact, HandoffRollUp, LeadChange, RollUpState
from reporting.watch import KIND, have_built_anew, oldest_wait, watch, watch_tenant, written_at
from sla import engine
from sla.models import Finding
from tenants.clock import database_clock, fixed_clock
from tenants.models import Tenant
from tests.factories import Org
from tests.reporting.scenes import hand_over

pytestmark = pytest.mark.django_db


def uuid7_of(moment: datetime) -> UUID:
    """An id as one that is made at this moment."""
    milliseconds = round(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | random.getrandbits(62))


def waits_since(org: Org, moment: datetime, at: datetime) -> None:
    """One change, written at `moment`, that is about `at`; nothing else waits."""
    with org.scope():
        handoff = hand_over(org, at=at)
        DirtyHandoff.objects.all().delete()
        LeadChange.objects.all().delete()
        DirtyHandoff.objects.create(id=uuid7_of(moment), handoff=handoff, at=at)


def found(org: Org) -> list[Finding]:
    with org.scope():
        return list(Finding.objects.filter(kind=KIND, cleared_at__isnull=True))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, acme: Org) -> Iterator[None]:
    """The drain of one organisation raises."""
    build = facts._build

    def raising(handoff_ids: Any) -> None:
        if handoff_ids and facts.current_tenant_id() == acme.id:
            raise RuntimeError("a column is gone")
        build(handoff_ids)

    with monkeypatch.context() as patched:
        patched.setattr(facts, "_build", raising)
        yield


@pytest.mark.django_db(transaction=True)
def test_a_drain_that_fails_is_a_finding_after_five_minutes_and_says_why(
    acme: Org, globex: Org, now: datetime, broken: None
) -> None:
    waits_since(acme, now, now)
    waits_since(globex, now, now)
    late = fixed_clock(now + timedelta(minutes=5, seconds=1))
    facts.drain()
    assert watch(clock=fixed_clock(now + timedelta(minutes=5))) == 0
    assert watch(clock=late) == 1
    assert found(globex) == []
    facts.drain()
    assert watch(clock=late) == 1
    (finding,) = found(acme)
    assert finding.detail == "RuntimeError: a column is gone"
    with acme.scope():
        (told,), total = engine.standing()
    assert (told.title, total) == ("Reports are behind", 1)
    assert told.advice.endswith("catches up by itself.")


def test_it_clears_when_a_drain_got_through(acme: Org, now: datetime) -> None:
    waits_since(acme, now, now)
    late = now + timedelta(minutes=6)
    with acme.scope():
        assert watch_tenant(now=late)
    assert found(acme)[0].detail.startswith("The oldest change has waited 6 minutes")
    facts.drain()
    with acme.scope():
        assert not watch_tenant(now=late)
    assert found(acme) == []


def lead_waits_since(org: Org, moment: datetime) -> None:
    """One change of a lead, written at `moment`; nothing else waits."""
    with org.scope():
        Lead.objects.create(last_name="Berg", created_at=moment, updated_at=moment)
        DirtyHandoff.objects.all().delete()
        LeadChange.objects.update(id=uuid7_of(moment))


def test_leads_alone_that_are_not_counted_are_a_finding_too(acme: Org, globex: Org, now: datetime) -> None:
    lead_waits_since(acme, now)
    with acme.scope():
        assert not watch_tenant(now=now + timedelta(minutes=5))
        assert watch_tenant(now=now + timedelta(minutes=6))
    assert found(acme)[0].detail.startswith("The oldest change has waited 6 minutes")
    with globex.scope():
        assert not watch_tenant(now=now + timedelta(minutes=6))
    facts.drain()
    with acme.scope():
        assert not watch_tenant(now=now + timedelta(minutes=6))


def test_a_change_of_a_lead_says_itself_when_it_was_written(in_acme: Org) -> None:
    before = database_clock()
    Lead.objects.create(last_name="Berg", created_at=before - timedelta(days=90), updated_at=before)
    (row_id,) = LeadChange.objects.values_list("id", flat=True)
    written = written_at(row_id, before - timedelta(days=90))
    assert before - timedelta(milliseconds=1) <= written <= database_clock()


def test_a_change_of_before_the_upgrade_whose_age_nobody_knows_is_not_late(in_acme: Org) -> None:
    present = database_clock()
    Lead.objects.create(last_name="Berg", created_at=present - timedelta(days=90), updated_at=present)
    LeadChange.objects.update(id=uuid4())
    assert not watch_tenant(now=present)
    assert oldest_wait(now=present) == timedelta()


def test_history_that_is_written_today_is_not_late(acme: Org, now: datetime) -> None:
    waits_since(acme, now, now - timedelta(days=90))
    with acme.scope():
        assert not watch_tenant(now=now + timedelta(minutes=1))


@pytest.mark.django_db(transaction=True)
def test_facts_of_before_an_upgrade_or_a_move_are_built_anew_though_nothing_changes(
    acme: Org, globex: Org, now: datetime
) -> None:
    for org in (acme, globex):
        with org.scope():
            hand_over(org, at=now - timedelta(days=40), owner=org.reps[0])
            hand_over(org, at=datetime(2026, 11, 9, 23, 30, tzinfo=now.tzinfo), owner=org.reps[0])
    facts.drain()
    expected = {}
    with acme.scope():
        expected = counted_days()
        HandoffFact.objects.update(touches=9)  # what an older layout knew, and nobody has touched since
        RollUpState.objects.update(handoffs_layout=1)
    with globex.scope():
        Tenant.objects.update(time_zone="America/New_York")
    assert watch(clock=fixed_clock(now)) == 0
    facts.drain()
    with acme.scope():
        assert counted_days() == expected
        assert set(HandoffFact.objects.values_list("touches", flat=True)) == {0}
    with globex.scope():
        assert are_complete("America/New_York")
        assert max(counted_days()) == date(2026, 11, 9)
    watch(clock=fixed_clock(now))
    with acme.scope():
        assert DirtyHandoff.objects.count() == 0  # once is enough


def counted_days() -> list[date]:
    return sorted(HandoffRollUp.objects.filter(days=1, cube="team").values_list("day", flat=True))


def test_an_organisation_without_handoffs_has_nothing_to_build(in_acme: Org, now: datetime) -> None:
    assert not have_built_anew(now=now)
    assert DirtyHandoff.objects.count() == 0


def test_it_is_a_trouble_for_alarms(acme: Org, globex: Org, now: datetime) -> None:
    present = database_clock()
    waits_since(globex, present, now)
    assert not [each for each in troubles() if each.startswith("Reports")]
    waits_since(acme, present - timedelta(minutes=10), now)
    (told,) = [each for each in troubles() if each.startswith("Reports")]
    assert told.startswith("Reports are behind: a change has waited for 60")


def test_leads_alone_are_a_trouble_for_alarms_too(acme: Org) -> None:
    lead_waits_since(acme, database_clock() - timedelta(minutes=10))
    (told,) = [each for each in troubles() if each.startswith("Reports")]
    assert told.startswith("Reports are behind: a change has waited for 60")


def troubles() -> list[str]:
    answer = Client().get("/healthz/engine")
    assert answer.json()["reports"]["oldest_seconds"] >= 0
    told: list[str] = answer.json()["troubles"]
    return told
