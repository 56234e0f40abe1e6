"""A lead does not wait for somebody who is on leave."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from handoff.absences import move_from_absent
from handoff.services import Actor, accept_lead
from leads.models import Assignment, Handoff
from notifications.models import OutboxMessage
from routing.models import Decision
from sla.auditor import audit_tenant
from tenants.clock import fixed_clock
from tenants.models import Leave, Member
from tests.engine.scenes import clock_of, open_handoff, told
from tests.engine.test_sweep import minutes
from tests.factories import Org

pytestmark = pytest.mark.django_db


def goes_away(org: Org, member: Member, start: datetime, *, days: float) -> None:
    with org.scope():
        Leave.objects.create(member=member, starts_at=start, ends_at=start + timedelta(days=days))


def owned(org: Org, now: datetime, tier: str = "demo_request") -> Handoff:
    with org.scope():
        return open_handoff(org, at=now, owner=org.reps[0], tier=tier)


def owner_of(org: Org, handoff: Handoff) -> object:
    with org.scope():
        return Handoff.objects.get(id=handoff.id).owner_id


def test_an_undecided_lead_moves_on_when_its_owner_goes_away(acme: Org, now: datetime) -> None:
    handoff = owned(acme, now)
    goes_away(acme, acme.reps[0], now + minutes(1), days=3)
    assert move_from_absent(acme.id, clock=fixed_clock(now)) == 0  # still there
    assert move_from_absent(acme.id, clock=fixed_clock(now + minutes(1))) == 1
    assert owner_of(acme, handoff) in {acme.reps[1].id, acme.reps[2].id}
    with acme.scope():
        old, new = Assignment.objects.filter(handoff=handoff).order_by("hop")
        assert (old.end_reason, old.ended_at) == ("away", now + minutes(1))
        assert "Its last owner is away." in new.reason
        assert clock_of(handoff).due_at == now + minutes(6)
        assert told(handoff.id, "lead.assigned") == {new.member_id}
        assert audit_tenant(now=now + minutes(1)) == []


def test_a_lead_that_is_due_after_its_owner_is_back_waits_for_them(acme: Org, now: datetime) -> None:
    handoff = owned(acme, now, tier="contact_form")
    goes_away(acme, acme.reps[0], now, days=0.1)
    assert move_from_absent(acme.id, clock=fixed_clock(now + minutes(1))) == 0
    assert owner_of(acme, handoff) == acme.reps[0].id


def test_an_accepted_lead_stays_with_whoever_works_it(acme: Org, now: datetime) -> None:
    handoff = owned(acme, now)
    with acme.scope():
        accept_lead(lead_id=handoff.lead_id, actor=Actor.person(acme.reps[0]), clock=fixed_clock(now))
    goes_away(acme, acme.reps[0], now, days=3)
    assert move_from_absent(acme.id, clock=fixed_clock(now + minutes(1))) == 0


def test_where_nobody_else_can_take_it_it_stays_and_is_tried_once(acme: Org, now: datetime) -> None:
    with acme.scope():
        Member.objects.filter(id__in=[acme.reps[1].id, acme.reps[2].id, acme.fallback.id]).update(
            is_active=False
        )
    handoff = owned(acme, now)
    goes_away(acme, acme.reps[0], now, days=3)
    for minute in (1, 2, 3):
        assert move_from_absent(acme.id, clock=fixed_clock(now + minutes(minute))) == 0
    assert owner_of(acme, handoff) == acme.reps[0].id
    with acme.scope():
        assert Decision.objects.filter(handoff_id=handoff.id, trigger="away").count() == 1
        assert not OutboxMessage.objects.filter(kind="lead.moved").exists()


def test_another_organisations_leave_moves_nothing_here(acme: Org, globex: Org, now: datetime) -> None:
    handoff = owned(acme, now)
    goes_away(globex, globex.reps[0], now, days=3)
    assert move_from_absent(acme.id, clock=fixed_clock(now + minutes(1))) == 0
    assert owner_of(acme, handoff) == acme.reps[0].id
