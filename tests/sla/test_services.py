"""Arming, meeting, cancelling, re-arming and reopening clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.rules import Facts
from leads.models import Assignment, Handoff
from leads.services import NewOwner, start_assignments
from sla.models import Timer, TimerEvent
from sla.services import (
    StricterTier,
    arm_company,
    arm_owner,
    cancel,
    company_takes_ladder,
    counts_as_response,
    match_tier,
    meet,
    rearm_stricter,
    rejudge,
)
from tenants.models import Member
from tests.engine.scenes import clock_of, give, open_handoff
from tests.factories import POLICY, Org, make_org

pytestmark = pytest.mark.django_db


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_a_new_handoff_has_a_company_and_an_owner_clock_for_each_target(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    found = Timer.objects.filter(handoff=handoff).order_by("clock", "target")
    assert [(timer.clock, timer.target, timer.due_at) for timer in found] == [
        ("company", "decision", now + timedelta(days=1)),
        ("company", "first_touch", now + minutes(5)),
        ("owner", "decision", now + timedelta(days=1)),
        ("owner", "first_touch", now + minutes(5)),
    ]
    assert {timer.member_id for timer in found if timer.clock == "owner"} == {in_acme.reps[0].id}


def test_a_business_day_from_an_opening_ends_at_the_next_days_opening_on_both_clocks(in_acme: Org) -> None:
    opening = datetime(2026, 11, 17, 8, 0, tzinfo=UTC)  # Tuesday 9:00 in Berlin
    handoff = open_handoff(in_acme, at=opening, owner=in_acme.reps[0])
    for clock in ("company", "owner"):
        assert clock_of(handoff, clock, "decision").due_at == opening + timedelta(days=1)


def test_imported_history_is_armed_and_never_acted_on(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0], is_history=True)
    assert set(Timer.objects.filter(handoff=handoff).values_list("next_at", flat=True)) == {None}
    meet([handoff.id], "decision", at=now + minutes(3), now=now + timedelta(days=30))
    assert clock_of(handoff).state == "running"
    assert clock_of(handoff, target="decision").state == "met"
    assert TimerEvent.objects.count() == 0


def test_an_answer_in_time_meets_both_clocks_with_both_durations(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    outcome = meet([handoff.id], "first_touch", at=now + minutes(3), now=now + minutes(4))
    assert {met.outcome for met in outcome} == {"met"}
    for clock in ("company", "owner"):
        timer = clock_of(handoff, clock)
        assert (timer.state, timer.met_at, timer.next_at) == ("met", now + minutes(3), None)
        assert (timer.business_seconds, timer.wall_seconds) == (180, 180)
    assert clock_of(handoff, target="decision").state == "running"


def test_an_answer_at_the_deadline_itself_is_in_time(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    meet([handoff.id], "first_touch", at=now + minutes(5), now=now + minutes(5))
    assert clock_of(handoff).state == "met"


def test_an_earlier_answer_heard_of_later_takes_the_place_of_the_first_known(
    in_acme: Org, now: datetime
) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    meet([handoff.id], "first_touch", at=now + minutes(4), now=now + minutes(4))
    meet([handoff.id], "first_touch", at=now + minutes(2), now=now + minutes(6))
    assert clock_of(handoff).met_at == now + minutes(2)
    assert clock_of(handoff).business_seconds == 120


def test_a_later_answer_changes_nothing(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    meet([handoff.id], "first_touch", at=now + minutes(4), now=now + minutes(4))
    assert meet([handoff.id], "first_touch", at=now + minutes(4.5), now=now + minutes(6)) == []
    assert clock_of(handoff).met_at == now + minutes(4)


def test_business_and_wall_time_differ_over_a_weekend(in_acme: Org) -> None:
    friday = datetime(2026, 11, 20, 16, 28, tzinfo=UTC)
    monday = datetime(2026, 11, 23, 8, 1, tzinfo=UTC)
    handoff = open_handoff(in_acme, at=friday, owner=in_acme.reps[0])
    meet([handoff.id], "first_touch", at=monday, now=monday)
    timer = clock_of(handoff)
    assert (timer.state, timer.business_seconds) == ("met", 180)
    assert timer.wall_seconds == int((monday - friday).total_seconds())


def test_closing_cancels_what_runs_and_records_what_was_broken_unseen(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    assert cancel([handoff.id], reason="rejected", now=now + minutes(6)) == 4
    assert clock_of(handoff, target="decision").state == "cancelled"
    late = clock_of(handoff)
    assert (late.state, late.breached_at, late.closed_at) == ("breached", now + minutes(5), now + minutes(6))
    assert (late.next_step, late.next_at, late.paused_seconds) == (3, None, 0)  # behind its breach
    assert TimerEvent.objects.filter(timer=late, percent=100, actions=[]).count() == 1


def test_a_lead_that_is_closed_at_the_very_deadline_has_broken_nothing(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    cancel([handoff.id], reason="rejected", now=now + minutes(5))
    assert (clock_of(handoff).state, clock_of(handoff).breached_at) == ("cancelled", None)
    assert not TimerEvent.objects.exists()


def test_where_there_is_no_handoff_or_nothing_runs_nothing_ends(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    assert cancel([], reason="rejected", now=now) == 0
    assert clock_of(handoff).state == "running"
    assert cancel([handoff.id], reason="rejected", now=now) == 4
    assert cancel([handoff.id], reason="rejected", now=now) == 0


def test_a_late_answer_leaves_a_clock_behind_its_breach(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    outcome = meet([handoff.id], "first_touch", at=now + minutes(6), now=now + minutes(7))
    assert {met.outcome for met in outcome} == {"late"}
    for clock in ("company", "owner"):
        timer = clock_of(handoff, clock)
        assert (timer.state, timer.met_at, timer.breached_at) == (
            "breached",
            now + minutes(6),
            now + minutes(5),
        )
        assert (timer.next_step, timer.next_at) == (3, None)
    told = TimerEvent.objects.filter(handoff=handoff).values_list("step", "lateness_ms")
    assert list(told) == [(2, 120_000), (2, 120_000)]


def test_a_stricter_tier_brings_the_deadline_forward_with_the_next_generation(
    in_acme: Org, now: datetime
) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form")
    later = now + minutes(30)
    match = match_tier(Facts({}, [("demo_request", None, later)], later), at=later)
    assert rearm_stricter([StricterTier(handoff, match, later)]) == [handoff]
    for clock in ("company", "owner"):
        timer = clock_of(handoff, clock)
        assert (timer.generation, timer.tier, timer.due_at) == (2, "demo_request", later + minutes(5))
    assert clock_of(handoff).member_id == in_acme.reps[0].id
    owner, company = clock_of(handoff), clock_of(handoff, "company")
    assert (owner.first_step, owner.next_step, owner.next_at) == (0, 0, later + minutes(2.5))
    assert (company.first_step, company.next_step, company.next_at) == (2, 2, later + minutes(5))
    assert clock_of(handoff, target="decision").generation == 1  # it would fall later
    assert Handoff.objects.get(id=handoff.id).tier == "demo_request"


def test_a_tier_never_moves_a_deadline_back(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    match = match_tier(Facts({}, [], now), at=now)
    assert rearm_stricter([StricterTier(handoff, match, now + minutes(1))]) == []
    assert clock_of(handoff).due_at == now + minutes(5)


def test_an_undone_answer_lets_both_clocks_run_on_to_the_same_deadline(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    meet([handoff.id], "first_touch", at=now + minutes(1), now=now + minutes(1))
    rejudge(handoff, "first_touch", answers=(), now=now + minutes(1.1))
    timer = clock_of(handoff)
    assert (timer.state, timer.met_at, timer.due_at) == ("running", None, now + minutes(5))
    assert timer.next_at == now + minutes(2.5)
    assert clock_of(handoff, "company").next_at == now + minutes(5)


def test_an_undone_repair_is_a_late_answer_again(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    meet([handoff.id], "first_touch", at=now + minutes(6), now=now + minutes(6))
    meet([handoff.id], "first_touch", at=now + minutes(4), now=now + minutes(7))
    assert clock_of(handoff).repaired_at == now + minutes(7)
    rejudge(handoff, "first_touch", answers=[now + minutes(6)], now=now + minutes(8))
    timer = clock_of(handoff)
    assert (timer.state, timer.breached_at, timer.repaired_at) == ("breached", now + minutes(5), None)
    assert timer.met_at == now + minutes(6)
    assert set(TimerEvent.objects.values_list("repaired_at", flat=True)) == {None}


def test_a_lead_that_loses_its_owner_goes_up_the_company_clock(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    company_takes_ladder([handoff], now=now + minutes(3))
    timer = clock_of(handoff, "company")
    assert (timer.next_step, timer.next_at) == (1, now + minutes(4))


def move(handoff: Handoff, owner: Member, *, at: datetime) -> None:
    """Give the handoff to another owner, clocks included."""
    cancel([handoff.id], reason="moved", now=at, clock="owner")
    Assignment.objects.filter(handoff=handoff, ended_at=None).update(ended_at=at)
    (second,) = start_assignments([NewOwner(handoff=handoff, member_id=owner.id)], now=at)
    arm_owner([second], handoffs={handoff.id: handoff})


def owner_clock(handoff: Handoff, owner: Member) -> Timer:
    return Timer.objects.get(handoff=handoff, target="first_touch", member_id=owner.id)


def test_a_policy_that_goes_on_gives_the_next_owner_what_is_left(db: None, now: datetime) -> None:
    org = make_org("acme", now=now, policy={**POLICY, "on_reassign": "continue"})
    with org.scope():
        handoff = open_handoff(org, at=now, owner=org.reps[0])
        move(handoff, org.reps[1], at=now + minutes(2))
        timer = clock_of(handoff)
        assert (timer.member_id, timer.duration_seconds) == (org.reps[1].id, 180)
        assert (timer.due_at, timer.next_step) == (now + minutes(5), 0)


def test_the_window_of_a_next_owner_has_the_whole_ladder(db: None, now: datetime) -> None:
    org = make_org("acme", now=now, policy={**POLICY, "on_reassign": {"window": {"minutes": 2}}})
    with org.scope():
        handoff = open_handoff(org, at=now, owner=org.reps[0])
        move(handoff, org.reps[1], at=now + minutes(2))
        timer = clock_of(handoff)
        assert (timer.due_at, timer.next_step, timer.next_at) == (now + minutes(4), 0, now + minutes(3))


def test_an_earlier_owners_answer_meets_their_clock_and_ends_the_next_ones(
    in_acme: Org, now: datetime
) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    move(handoff, in_acme.reps[1], at=now + minutes(2))
    outcome = meet([handoff.id], "first_touch", at=now + minutes(1), now=now + minutes(3))
    assert sorted(met.outcome for met in outcome) == ["answered", "met", "met"]
    first, second = (
        Timer.objects.get(handoff=handoff, target="first_touch", member_id=rep.id) for rep in in_acme.reps[:2]
    )
    assert (first.state, first.met_at, first.business_seconds) == ("met", now + minutes(1), 60)
    assert (second.state, second.met_at, second.close_reason) == ("cancelled", None, "answered")
    assert (second.closed_at, second.next_at) == (now + minutes(3), None)


def test_an_earlier_owners_answer_ends_the_climb_of_the_next_ones_broken_clock_once(
    in_acme: Org, now: datetime
) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    move(handoff, in_acme.reps[1], at=now + minutes(2))
    broken = owner_clock(handoff, in_acme.reps[1])
    Timer.objects.filter(id=broken.id).update(state="breached", breached_at=broken.due_at, next_step=3)
    outcome = meet([handoff.id], "first_touch", at=now + minutes(1), now=now + minutes(8))
    assert sorted(met.outcome for met in outcome) == ["answered", "met", "met"]
    broken.refresh_from_db()
    assert (broken.state, broken.met_at, broken.close_reason) == ("breached", None, "answered")
    assert (broken.closed_at, broken.next_at) == (now + minutes(8), None)
    assert meet([handoff.id], "first_touch", at=now + minutes(1), now=now + minutes(9)) == []


def test_each_owners_clock_is_judged_anew_by_the_answers_that_remain(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0])
    move(handoff, in_acme.reps[1], at=now + minutes(2))
    for at in (1, 4):
        meet([handoff.id], "first_touch", at=now + minutes(at), now=now + minutes(4))
    rejudge(handoff, "first_touch", answers=[now + minutes(1)], now=now + minutes(5))
    first, second = (owner_clock(handoff, rep) for rep in in_acme.reps[:2])
    assert (first.state, first.met_at) == ("met", now + minutes(1))
    assert (second.state, second.met_at, second.close_reason) == ("cancelled", None, "answered")
    rejudge(handoff, "first_touch", answers=(), now=now + minutes(6))
    first, second = (owner_clock(handoff, rep) for rep in in_acme.reps[:2])
    assert (first.state, first.close_reason, first.closed_at) == ("cancelled", "moved", now + minutes(2))
    assert (second.state, second.closed_at, second.due_at) == ("running", None, now + minutes(7))
    assert second.next_at == now + minutes(4.5)
    assert not TimerEvent.objects.exists()  # nobody broke anything that a sweep has not yet to see


def test_what_counts_as_a_response_is_the_policys_to_say(db: None, now: datetime) -> None:
    org = make_org("acme", now=now, policy={**POLICY, "responses": ["call"]})
    with org.scope():
        assert counts_as_response(org.policy.id, "call")
        assert not counts_as_response(org.policy.id, "email")
        assert not counts_as_response(None, "call")


def test_arming_a_hundred_handoffs_costs_as_many_queries_as_arming_two(in_acme: Org, now: datetime) -> None:
    def queries(number: int) -> int:
        handoffs = [open_handoff(in_acme, at=now) for _ in range(number)]
        Timer.objects.filter(handoff__in=handoffs).delete()
        with CaptureQueriesContext(connection) as captured:
            arm_company(handoffs)
        return len(captured)

    queries(1)  # fills the caches of policy and calendar
    assert queries(2) == queries(30)


def test_meeting_many_costs_as_many_queries_as_meeting_two(in_acme: Org, now: datetime) -> None:
    def queries(number: int) -> int:
        handoffs = [open_handoff(in_acme, at=now) for _ in range(number)]
        for handoff in handoffs:
            give(handoff, in_acme.reps[0], at=now)
        with CaptureQueriesContext(connection) as captured:
            meet([handoff.id for handoff in handoffs], "first_touch", at=now, now=now)
        return len(captured)

    assert queries(2) == queries(20)
