"""What the sweep does to one lead, step by step."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from handoff.sweep import sweep_tenant
from leads.models import Assignment, DirtyHandoff, Handoff, Lead
from notifications.models import OutboxMessage
from sla.models import Timer, TimerEvent
from sla.services import meet
from tenants.clock import fixed_clock
from tests.engine.scenes import clock_of, fired, give, open_handoff, told
from tests.factories import Org

pytestmark = pytest.mark.django_db


def sweep_at(org: Org, moment: datetime) -> None:
    """Take turns until nothing is due at `moment`."""
    while sweep_tenant(org.id, clock=fixed_clock(moment)).taken:
        pass


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_before_the_first_step_nothing_happens(acme: Org, now: datetime) -> None:
    with acme.scope():
        open_handoff(acme, at=now, owner=acme.reps[0])
    result = sweep_tenant(acme.id, clock=fixed_clock(now + minutes(2.4)))
    assert (result.taken, result.fired) == (0, 0)


def test_half_of_the_time_reminds_the_owner(acme: Org, now: datetime) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
    sweep_at(acme, now + minutes(2.5))
    with acme.scope():
        assert fired(handoff) == [50]
        assert told(handoff.id, "timer.reminder") == {acme.reps[0].id}
        assert clock_of(handoff).next_at == now + minutes(4)


def test_four_fifths_warn_the_manager(acme: Org, now: datetime) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
    sweep_at(acme, now + minutes(2.5))
    sweep_at(acme, now + minutes(4))
    with acme.scope():
        assert fired(handoff) == [50, 80]
        assert told(handoff.id, "timer.warned") == {acme.manager.id}


def test_breach_tells_the_manager_and_moves_the_lead_to_the_next_in_the_pool(
    acme: Org, now: datetime
) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
    sweep_at(acme, now + minutes(5))
    with acme.scope():
        handoff = Handoff.objects.get(id=handoff.id)
        assert handoff.owner_id in {acme.reps[1].id, acme.reps[2].id}
        assert Lead.objects.get(id=handoff.lead_id).owner_id == handoff.owner_id
        assert handoff.hops == 1
        first, second = Assignment.objects.filter(handoff=handoff).order_by("hop")
        assert (first.end_reason, first.ended_at) == ("breach", now + minutes(5))
        old = Timer.objects.get(handoff=handoff, assignment=first, target="first_touch")
        assert (old.state, old.breached_at, old.next_at) == ("breached", now + minutes(5), None)
        assert Timer.objects.get(handoff=handoff, assignment=first, target="decision").state == "cancelled"
        new = Timer.objects.get(handoff=handoff, assignment=second, target="first_touch")
        assert (new.state, new.member_id, new.due_at) == ("running", handoff.owner_id, now + minutes(10))
        assert told(handoff.id, "timer.breached") == {acme.manager.id}
        assert told(handoff.id, "lead.assigned") == {handoff.owner_id}
        assert told(handoff.id, "lead.moved") == {acme.reps[0].id}
        assert DirtyHandoff.objects.filter(handoff=handoff).exists()


def test_the_company_clock_of_an_owned_lead_only_records_its_breach(acme: Org, now: datetime) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
    sweep_at(acme, now + minutes(5))
    with acme.scope():
        event = TimerEvent.objects.get(handoff=handoff, timer__clock="company")
        assert (event.percent, event.actions) == (100, [])
        company = clock_of(handoff, "company")
        assert (company.state, company.due_at, company.next_at) == ("breached", now + minutes(5), None)


def test_each_further_owner_gets_a_fresh_clock_until_the_fallback_person_has_it(
    acme: Org, now: datetime
) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
    for turn in range(1, 5):
        sweep_at(acme, now + minutes(5 * turn))
    with acme.scope():
        owners = list(
            Assignment.objects.filter(handoff=handoff).order_by("hop").values_list("member_id", flat=True)
        )
        assert len(owners) == len(set(owners)) == 4
        assert owners[-1] == acme.fallback.id


def test_where_nobody_is_left_the_director_hears_at_twice_the_time(acme: Org, now: datetime) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
    for turn in range(1, 5):
        sweep_at(acme, now + minutes(5 * turn))
    with acme.scope():
        last = clock_of(handoff)
        assert (last.member_id, last.state, last.next_at) == (acme.fallback.id, "breached", now + minutes(25))
    sweep_at(acme, now + minutes(25))
    with acme.scope():
        assert told(handoff.id, "timer.escalated") == {acme.director.id}
        assert clock_of(handoff).next_at is None


def test_a_lead_that_nobody_owns_climbs_on_the_company_clock_and_tells_the_fallback_person(
    acme: Org, now: datetime
) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now)
    for share in (2.5, 4, 5, 10):
        sweep_at(acme, now + minutes(share))
    with acme.scope():
        assert fired(handoff, "company") == [50, 80, 100, 200]
        for kind in ("timer.reminder", "timer.warned", "timer.breached", "timer.escalated"):
            assert told(handoff.id, kind) == {acme.fallback.id}, kind
        assert Assignment.objects.filter(handoff=handoff).count() == 0


def test_an_owner_takes_the_ladder_from_the_company_clock(acme: Org, now: datetime) -> None:
    from sla.services import company_yields_ladder

    with acme.scope():
        handoff = open_handoff(acme, at=now)
        give(handoff, acme.reps[0], at=now + minutes(3))
        company_yields_ladder([handoff])
    sweep_at(acme, now + minutes(4))
    with acme.scope():
        assert fired(handoff, "company") == []
        assert clock_of(handoff, "company").next_at == now + minutes(5)


def test_a_second_sweep_at_the_same_time_fires_nothing_again(acme: Org, now: datetime) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
    sweep_at(acme, now + minutes(5))
    with acme.scope():
        before = (TimerEvent.objects.count(), OutboxMessage.objects.count(), Assignment.objects.count())
    sweep_at(acme, now + minutes(5))
    with acme.scope():
        after = (TimerEvent.objects.count(), OutboxMessage.objects.count(), Assignment.objects.count())
        assert before == after
        assert handoff.id


def test_an_engine_that_was_down_fires_each_step_once_in_order_and_says_how_late(
    acme: Org, now: datetime
) -> None:
    """Off from Tuesday to the Monday after: nothing is skipped, nothing is doubled."""
    monday = now + timedelta(days=6)
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
    sweep_at(acme, monday)
    with acme.scope():
        events = list(
            TimerEvent.objects.filter(
                handoff=handoff, timer__member=acme.reps[0], timer__target="first_touch"
            ).order_by("step")
        )
        assert [event.percent for event in events] == [50, 80, 100]
        assert [event.due_at for event in events] == [now + minutes(share) for share in (2.5, 4, 5)]
        assert {event.fired_at for event in events} == {monday}
        assert [event.lateness_ms for event in events] == [
            int((monday - event.due_at).total_seconds() * 1000) for event in events
        ]
        assert Assignment.objects.filter(handoff=handoff).count() == 2
        reminder = OutboxMessage.objects.filter(kind="timer.reminder", member=acme.reps[0])
        assert {row.state for row in reminder} == {"expired"}  # overtaken by the breach in the same breath


def test_an_answer_in_time_that_the_sweep_has_not_heard_of_is_never_breached(
    acme: Org, now: datetime
) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
        Handoff.objects.filter(id=handoff.id).update(first_touch_at=now + minutes(3))
    sweep_at(acme, now + minutes(6))
    with acme.scope():
        assert clock_of(handoff).state == "met"
        assert fired(handoff) == []


def test_an_answer_after_the_deadline_counts_as_late_even_if_no_sweep_was_there(
    acme: Org, now: datetime
) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
        meet([handoff.id], "first_touch", at=now + minutes(5.01), now=now + minutes(5.01))
        timer = clock_of(handoff)
        assert (timer.state, timer.breached_at, timer.met_at) == (
            "breached",
            now + minutes(5),
            now + minutes(5.01),
        )
        assert fired(handoff) == [100]
    sweep_at(acme, now + minutes(6))
    with acme.scope():
        assert fired(handoff) == [100]
        assert Handoff.objects.get(id=handoff.id).owner_id == acme.reps[0].id


def test_a_touch_logged_late_but_made_in_time_repairs_the_record_and_leaves_the_move(
    acme: Org, now: datetime
) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
    sweep_at(acme, now + minutes(5))
    with acme.scope():
        meet([handoff.id], "first_touch", at=now + minutes(3), now=now + minutes(8))
        first = Timer.objects.get(handoff=handoff, member=acme.reps[0], target="first_touch")
        assert (first.state, first.met_at, first.breached_at) == ("met", now + minutes(3), None)
        assert first.repaired_at == now + minutes(8)
        assert TimerEvent.objects.get(timer=first, percent=100).repaired_at == now + minutes(8)
        assert clock_of(handoff, "company").state == "met"
        second = clock_of(handoff)
        assert (second.state, second.close_reason) == ("cancelled", "answered")
        assert Handoff.objects.get(id=handoff.id).owner_id != acme.reps[0].id


def test_outside_business_hours_no_step_falls_due(acme: Org) -> None:
    from datetime import UTC

    friday = datetime(2026, 11, 20, 16, 28, tzinfo=UTC)  # 17:28 in Berlin: two minutes before closing
    with acme.scope():
        handoff = open_handoff(acme, at=friday, owner=acme.reps[0])
    sweep_at(acme, friday + timedelta(days=1))
    with acme.scope():
        assert fired(handoff) == []
        assert clock_of(handoff).due_at == datetime(2026, 11, 23, 8, 3, tzinfo=UTC)


def test_tenants_do_not_touch_each_other(acme: Org, globex: Org, now: datetime) -> None:
    with acme.scope():
        ours = open_handoff(acme, at=now, owner=acme.reps[0])
    with globex.scope():
        theirs = open_handoff(globex, at=now, owner=globex.reps[0])
    sweep_at(acme, now + minutes(5))
    with globex.scope():
        assert fired(theirs) == []
    with acme.scope():
        assert fired(ours) == [50, 80, 100]
