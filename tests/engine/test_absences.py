"""A lead does not wait for somebody who is on leave."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.businesstime import Gap
from handoff import clocks
from handoff.absences import move_from_absent
from handoff.deadlines import ledger_of
from handoff.services import Actor, accept_lead
from leads.models import Assignment, Handoff
from notifications.models import OutboxMessage
from routing.models import Decision
from sla.auditor import audit_tenant
from sla.explain import explain_timer
from sla.gaps import read_gaps
from sla.models import Timer
from sla.status import Status
from tenants.clock import fixed_clock
from tenants.leave.services import remove_leave, schedule_leave
from tenants.models import Leave, Member
from tests.engine.scenes import clock_of, fired, open_handoff, told
from tests.engine.test_sweep import minutes, sweep_at
from tests.factories import Org

pytestmark = pytest.mark.django_db


def goes_away(org: Org, member: Member, start: datetime, *, days: float) -> None:
    with org.scope():
        Leave.objects.create(member=member, starts_at=start, ends_at=start + timedelta(days=days))


def plans_leave(org: Org, member: Member, start: datetime, end: datetime, *, now: datetime) -> Leave:
    with org.scope():
        return schedule_leave(member=member, starts_at=start, ends_at=end, reason="", actor="system", now=now)


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


# --- Leave in the clock ---


def test_leave_that_is_planned_is_left_out_of_a_new_owners_clock_and_not_of_the_companys(
    acme: Org, now: datetime
) -> None:
    plans_leave(acme, acme.reps[0], now + minutes(2), now + minutes(122), now=now - minutes(5))
    handoff = owned(acme, now)
    with acme.scope():
        timer = clock_of(handoff)
        assert timer.due_at == now + minutes(125)
        assert timer.warn_at == now + minutes(124)
        assert clock_of(handoff, clock="company").due_at == now + minutes(5)
        lines = explain_timer(timer, now=now).lines
        assert lines[-1].total == 300
        assert "On leave 10:02 to 12:02" in " ".join(line.note for line in lines)
        ledger = ledger_of(handoff, list(Timer.objects.all()), now=now + minutes(130))
    sums = dict(ledger.sums)
    assert sums["Outside working hours"] == 120 * 60
    assert sum(sums.values()) == ledger.wall == 130 * 60


def test_a_clock_that_runs_follows_leave_that_is_planned_and_taken_back(acme: Org, now: datetime) -> None:
    handoff = owned(acme, now)
    leave = plans_leave(acme, acme.reps[0], now - minutes(60), now + minutes(60), now=now + minutes(1))
    with acme.scope():
        # What has begun counts from when it is heard of: leave mends nothing that has happened.
        assert clock_of(handoff).due_at == now + minutes(64)
        remove_leave(leave=leave, actor="system", now=now + minutes(31))
        timer = clock_of(handoff)
        assert timer.due_at == now + minutes(35)
        assert read_gaps(timer.gaps) == (Gap(now + minutes(1), now + minutes(31), "leave"),)
    sweep_at(acme, now + minutes(35))
    with acme.scope():
        assert fired(handoff) == [50, 80, 100]
        assert audit_tenant(now=now + minutes(36)) == []


def test_leave_mends_no_deadline_that_has_passed_and_stops_no_wall_clock(acme: Org, now: datetime) -> None:
    handoff = owned(acme, now)
    with acme.scope():
        Timer.objects.filter(handoff=handoff, target="decision").update(calendar_version_id=None)
        before = clock_of(handoff, target="decision").due_at
    plans_leave(acme, acme.reps[0], now, now + timedelta(days=2), now=now + minutes(6))
    with acme.scope():
        assert clock_of(handoff).due_at == now + minutes(5)
        assert clock_of(handoff, target="decision").due_at == before


def test_one_organisations_leave_stops_no_clock_of_another(acme: Org, globex: Org, now: datetime) -> None:
    handoff = owned(acme, now)
    plans_leave(globex, globex.reps[0], now, now + timedelta(days=2), now=now)
    with acme.scope():
        assert clock_of(handoff).due_at == now + minutes(5)


def test_a_lead_moves_although_its_owners_clock_stands_when_the_promise_would_break(
    acme: Org, now: datetime
) -> None:
    handoff = owned(acme, now)
    plans_leave(acme, acme.reps[0], now + minutes(1), now + timedelta(days=1), now=now)
    assert move_from_absent(acme.id, clock=fixed_clock(now + minutes(1))) == 1
    assert owner_of(acme, handoff) in {acme.reps[1].id, acme.reps[2].id}


def test_leave_that_follows_on_leave_over_a_weekend_is_one_absence(acme: Org, now: datetime) -> None:
    # Content is promised by the end of the next business day: after Friday's leave, before Monday's is over.
    friday = now + timedelta(days=3)
    handoff = owned(acme, friday - minutes(30), tier="contact_form")
    with acme.scope():
        Timer.objects.filter(handoff=handoff, clock="company").delete()
        due = clock_of(handoff).due_at
    plans_leave(acme, acme.reps[0], friday, friday + timedelta(hours=14), now=friday)
    monday = friday + timedelta(days=2, hours=15)
    assert friday < due < monday + timedelta(days=1)
    plans_leave(acme, acme.reps[0], monday, monday + timedelta(days=1), now=friday)
    assert move_from_absent(acme.id, clock=fixed_clock(friday + minutes(1))) == 1


def test_where_nobody_else_can_take_it_its_clock_runs_on_and_somebody_hears(acme: Org, now: datetime) -> None:
    with acme.scope():
        Member.objects.filter(id__in=[acme.reps[1].id, acme.reps[2].id, acme.fallback.id]).update(
            is_active=False
        )
    handoff = owned(acme, now)
    plans_leave(acme, acme.reps[0], now, now + timedelta(days=3), now=now)
    with acme.scope():
        assert clock_of(handoff).due_at > now + timedelta(days=3)
    move_from_absent(acme.id, clock=fixed_clock(now + minutes(1)))
    with acme.scope():
        assert clock_of(handoff).due_at == now + minutes(6)
    plans_leave(acme, acme.reps[0], now + timedelta(days=4), now + timedelta(days=5), now=now + minutes(2))
    sweep_at(acme, now + minutes(6))
    with acme.scope():
        assert 100 in fired(handoff)
        assert told(handoff.id, "timer.breached")


def test_a_clock_that_stands_in_leave_says_so_everywhere(acme: Org, now: datetime) -> None:
    handoff = owned(acme, now)
    plans_leave(acme, acme.reps[0], now + minutes(1), now + minutes(61), now=now)
    at = now + minutes(2)
    with acme.scope():
        timer = clock_of(handoff)
        reading = clocks.read(timer, now=at)
        assert (reading.status, reading.seconds) == (Status.CLOSED_HOURS, 240)
        assert reading.resumes == now + minutes(61)
        assert not reading.running
        assert "The owner is away, goes on 10:01" in clocks.panel(timer, now=at)["due"]
        marks = Timer.objects.annotate(mark=clocks.urgency_in_sql(now=at, closed=[]))
        assert marks.get(id=timer.id).mark == clocks.URGENCY[Status.CLOSED_HOURS]
        later = now + minutes(62)
        assert clocks.read(timer, now=later).seconds == 180
        again = Timer.objects.annotate(mark=clocks.urgency_in_sql(now=later, closed=[])).get(id=timer.id)
        assert again.mark == clocks.URGENCY[Status.ON_TIME]
