"""Attempts to reach a lead: what counts, when it counts, and how it is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import Conflict, NotFound, NotOwner, ValidationFailed
from handoff import services
from handoff.intake import receive_lead
from handoff.services import Actor
from handoff.sweep import sweep_tenant
from leads.incoming import EngagementIn, LeadIn
from leads.models import Lead, Touch
from notifications.models import OutboxMessage
from sla.auditor import audit_tenant
from sla.models import Timer, TimerEvent
from tenants.clock import fixed_clock
from tenants.models import RepProfile
from tests.factories import POLICY, Org, make_org
from tests.handoff.conftest import handoff_of, new_lead, owner_of, someone_else, timer_of

pytestmark = pytest.mark.django_db


def log(org: Org, lead: Lead, now: datetime, kind: str = "call", **said: Any) -> Touch:
    actor = said.pop("actor", None) or Actor.person(owner_of(org, lead))
    with org.scope():
        return services.log_touch(lead_id=lead.id, kind=kind, actor=actor, clock=fixed_clock(now), **said)


def undo(org: Org, lead: Lead, touch: Touch, now: datetime, actor: Actor | None = None) -> None:
    with org.scope():
        services.undo_touch(
            lead_id=lead.id,
            touch_id=touch.id,
            actor=actor or Actor.person(owner_of(org, lead)),
            clock=fixed_clock(now),
        )


def test_a_call_in_time_meets_the_first_touch_on_both_clocks(acme: Org, ruth: Lead, later: datetime) -> None:
    touch = log(acme, ruth, later, note="Left word.")
    assert (touch.at, touch.logged_at, touch.note) == (later, later, "Left word.")
    assert handoff_of(acme, ruth).first_touch_at == later
    for clock in ("owner", "company"):
        timer = timer_of(acme, ruth, "first_touch", clock)
        assert (timer.state, timer.met_at, timer.business_seconds) == ("met", later, 120)
        assert timer_of(acme, ruth, "decision", clock).state == "running"


def test_the_second_touch_changes_no_clock(acme: Org, ruth: Lead, later: datetime) -> None:
    log(acme, ruth, later)
    log(acme, ruth, later + timedelta(minutes=1), "email")
    assert timer_of(acme, ruth, "first_touch").met_at == later
    assert handoff_of(acme, ruth).first_touch_at == later


def test_what_a_sequence_tool_sends_is_no_response(acme: Org, ruth: Lead, later: datetime) -> None:
    log(acme, ruth, later, "email", automatic=True, actor=Actor("key:x", None, oversees=True))
    assert handoff_of(acme, ruth).first_touch_at is None
    assert timer_of(acme, ruth, "first_touch").state == "running"


def test_only_kinds_of_the_policy_count(now: datetime) -> None:
    org = make_org("strict", now=now, policy={**POLICY, "responses": ["call"]})
    lead = new_lead(org, now)
    log(org, lead, now + timedelta(minutes=1), "linkedin")
    assert timer_of(org, lead, "first_touch").state == "running"
    log(org, lead, now + timedelta(minutes=2), "call")
    assert timer_of(org, lead, "first_touch").met_at == now + timedelta(minutes=2)


def test_a_touch_logged_late_repairs_the_breach_and_what_was_done_stands(acme: Org, ruth: Lead) -> None:
    first = owner_of(acme, ruth)
    due = timer_of(acme, ruth, "first_touch", "company").due_at
    sweep_tenant(acme.id, clock=fixed_clock(due + timedelta(seconds=5)))
    second = owner_of(acme, ruth)
    assert second.id != first.id
    log(acme, ruth, due + timedelta(minutes=3), at=due - timedelta(seconds=30), actor=Actor.person(first))
    company = timer_of(acme, ruth, "first_touch", "company")
    assert (company.state, company.breached_at) == ("met", None)
    assert company.repaired_at == due + timedelta(minutes=3)
    with acme.scope():
        broken = TimerEvent.objects.filter(handoff__lead=ruth, percent=100)
        assert broken.count() == 2
        assert all(event.repaired_at == due + timedelta(minutes=3) for event in broken)
    assert owner_of(acme, ruth).id == second.id


def test_a_late_touch_stays_late(acme: Org, ruth: Lead) -> None:
    due = timer_of(acme, ruth, "first_touch", "company").due_at
    log(acme, ruth, due + timedelta(minutes=1))
    timer = timer_of(acme, ruth, "first_touch")
    assert (timer.state, timer.breached_at, timer.met_at) == ("breached", due, due + timedelta(minutes=1))


def test_a_touch_ahead_of_the_clock_is_refused_and_a_little_ahead_is_now(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    with pytest.raises(ValidationFailed, match="future"):
        log(acme, ruth, later, at=later + timedelta(minutes=3))
    assert handoff_of(acme, ruth).first_touch_at is None
    assert log(acme, ruth, later, at=later + timedelta(minutes=1)).at == later


def test_a_touch_of_a_day_that_not_every_time_zone_has_is_refused(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    """Kept, it would break the lead's page for whoever reads west of Greenwich."""
    with pytest.raises(ValidationFailed, match="1900") as refused:
        log(acme, ruth, later, at=datetime(1, 1, 1, tzinfo=UTC))
    assert refused.value.field_errors[0].path == "/at"
    with acme.scope():
        assert not Touch.objects.exists()


def test_a_touch_from_before_the_handoff_is_kept_and_answers_nothing(
    acme: Org, ruth: Lead, now: datetime, later: datetime
) -> None:
    touch = log(acme, ruth, later, at=now - timedelta(days=1))
    assert touch.handoff_id is None
    assert timer_of(acme, ruth, "first_touch").state == "running"


def test_a_touch_after_the_end_belongs_to_the_lead_alone(acme: Org, ruth: Lead, later: datetime) -> None:
    actor = Actor.person(owner_of(acme, ruth))
    with acme.scope():
        services.reject_lead(lead_id=ruth.id, reason="wrong_title", actor=actor, clock=fixed_clock(later))
    touch = log(acme, ruth, later + timedelta(days=1), actor=actor)
    assert touch.handoff_id is None
    assert handoff_of(acme, ruth).first_touch_at is None


def test_the_same_outside_id_is_kept_once_and_belongs_to_one_lead(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    first = log(acme, ruth, later, external_id="crm-1")
    again = log(acme, ruth, later + timedelta(minutes=1), external_id="crm-1")
    assert again.id == first.id
    other = new_lead(acme, later, "omar@northgate.example")
    with pytest.raises(Conflict, match="Another lead"):
        log(acme, other, later, external_id="crm-1")
    assert timer_of(acme, other, "first_touch").state == "running"


def test_an_unknown_kind_is_refused(acme: Org, ruth: Lead, later: datetime) -> None:
    with pytest.raises(ValidationFailed) as refused:
        log(acme, ruth, later, "fax")
    assert refused.value.field_errors[0].path == "/kind"


def test_a_colleagues_touch_is_kept_and_answers_nothing(acme: Org, ruth: Lead, later: datetime) -> None:
    colleague = someone_else(acme, ruth)
    touch = log(acme, ruth, later, actor=Actor.person(colleague))
    with acme.scope():
        assert Touch.objects.get().by_id == colleague.id
        assert not OutboxMessage.objects.filter(kind="lead.touched").exists()
    assert touch.handoff_id == handoff_of(acme, ruth).id
    assert handoff_of(acme, ruth).first_touch_at is None
    for clock in ("owner", "company"):
        assert timer_of(acme, ruth, "first_touch", clock).state == "running"


def test_a_former_owners_later_touch_answers_nothing(acme: Org, ruth: Lead, now: datetime) -> None:
    first = owner_of(acme, ruth)
    move(acme, ruth, now + minutes(2))
    log(acme, ruth, now + minutes(3), actor=Actor.person(first))
    assert handoff_of(acme, ruth).first_touch_at is None
    log(acme, ruth, now + minutes(3), at=now + minutes(1), actor=Actor.person(first))
    assert handoff_of(acme, ruth).first_touch_at == now + minutes(1)


@pytest.mark.parametrize("who", ["manager", "admin"])
def test_whoever_oversees_may_answer_for_the_owner(acme: Org, ruth: Lead, later: datetime, who: str) -> None:
    log(acme, ruth, later, actor=Actor.person(getattr(acme, who)))
    assert handoff_of(acme, ruth).first_touch_at == later
    assert timer_of(acme, ruth, "first_touch").state == "met"


def test_a_rep_may_answer_for_a_lead_that_nobody_has(acme: Org, now: datetime, later: datetime) -> None:
    with acme.scope():
        RepProfile.objects.update(on_rotation=False)
    lead = new_lead(acme, now)
    assert handoff_of(acme, lead).owner is None
    log(acme, lead, later, actor=Actor.person(acme.reps[0]))
    assert timer_of(acme, lead, "first_touch", "company").met_at == later


def test_when_an_answer_is_undone_a_colleagues_touch_does_not_step_in(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    log(acme, ruth, later, actor=Actor.person(someone_else(acme, ruth)))
    own = log(acme, ruth, later + timedelta(seconds=1))
    undo(acme, ruth, own, later + timedelta(seconds=5))
    assert handoff_of(acme, ruth).first_touch_at is None
    assert timer_of(acme, ruth, "first_touch").state == "running"


def test_when_an_answer_is_undone_a_managers_touch_stands(acme: Org, ruth: Lead, later: datetime) -> None:
    own = log(acme, ruth, later)
    log(acme, ruth, later + timedelta(seconds=1), actor=Actor.person(acme.manager))
    undo(acme, ruth, own, later + timedelta(seconds=5))
    assert handoff_of(acme, ruth).first_touch_at == later + timedelta(seconds=1)


def test_a_touch_on_another_tenants_lead_is_not_there(
    acme: Org, globex: Org, ruth: Lead, later: datetime
) -> None:
    with pytest.raises(NotFound):
        log(globex, ruth, later, actor=Actor.person(globex.manager))
    with acme.scope():
        assert Touch.objects.count() == 0


def test_undo_lets_the_first_touch_clock_go_on(acme: Org, ruth: Lead, later: datetime) -> None:
    before = timer_of(acme, ruth, "first_touch")
    touch = log(acme, ruth, later)
    undo(acme, ruth, touch, later + timedelta(seconds=8))
    timer = timer_of(acme, ruth, "first_touch")
    assert (timer.state, timer.met_at, timer.due_at, timer.next_at) == (
        "running",
        None,
        before.due_at,
        before.next_at,
    )
    assert handoff_of(acme, ruth).first_touch_at is None
    with acme.scope():
        assert Touch.objects.get().undone_at == later + timedelta(seconds=8)


def test_undo_of_the_first_leaves_the_second_as_the_answer(acme: Org, ruth: Lead, later: datetime) -> None:
    first = log(acme, ruth, later)
    log(acme, ruth, later + timedelta(seconds=5), "email")
    undo(acme, ruth, first, later + timedelta(seconds=9))
    assert timer_of(acme, ruth, "first_touch").met_at == later + timedelta(seconds=5)
    assert handoff_of(acme, ruth).first_touch_at == later + timedelta(seconds=5)


def test_undo_of_the_second_leaves_the_first_alone(acme: Org, ruth: Lead, later: datetime) -> None:
    log(acme, ruth, later)
    second = log(acme, ruth, later + timedelta(seconds=5), "email")
    undo(acme, ruth, second, later + timedelta(seconds=9))
    assert timer_of(acme, ruth, "first_touch").met_at == later


def test_undo_is_for_who_logged_it_and_for_ten_seconds(acme: Org, ruth: Lead, later: datetime) -> None:
    touch = log(acme, ruth, later)
    with pytest.raises(NotOwner):
        undo(acme, ruth, touch, later, Actor.person(someone_else(acme, ruth)))
    with pytest.raises(Conflict, match="10 seconds"):
        undo(acme, ruth, touch, later + timedelta(seconds=20))
    undo(acme, ruth, touch, later + timedelta(seconds=10))
    with pytest.raises(Conflict, match="undone before"):
        undo(acme, ruth, touch, later + timedelta(seconds=11))


def test_a_touch_of_a_closed_handoff_stays(acme: Org, ruth: Lead, later: datetime) -> None:
    actor = Actor.person(owner_of(acme, ruth))
    touch = log(acme, ruth, later)
    with acme.scope():
        services.reject_lead(lead_id=ruth.id, reason="wrong_title", actor=actor, clock=fixed_clock(later))
    with pytest.raises(Conflict, match="closed meanwhile"):
        undo(acme, ruth, touch, later + timedelta(seconds=3), actor)
    assert timer_of(acme, ruth, "first_touch").state == "met"


# --- Undone after the lead had moved: each clock is judged by the touches that remain ---


def boss() -> Actor:
    return Actor("key:boss", None, oversees=True)


def move(org: Org, lead: Lead, at: datetime) -> None:
    with org.scope():
        services.reassign_lead(lead_id=lead.id, why="Away.", actor=boss(), clock=fixed_clock(at))


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def clocks_of(org: Org, lead: Lead) -> dict[Any, Any]:
    """First-touch clocks by whom they judge, None for the company's: (state, met_at, reason)."""
    with org.scope():
        timers = Timer.objects.filter(handoff__lead=lead, target="first_touch").order_by("started_at", "id")
        return {timer.member_id: (timer.state, timer.met_at, timer.close_reason) for timer in timers}


def nothing_is_amiss(org: Org, at: datetime) -> bool:
    with org.scope():
        return audit_tenant(now=at, full=True) == []


def test_undo_of_an_earlier_owners_touch_leaves_that_owner_without_an_answer(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    first = owner_of(acme, ruth)
    move(acme, ruth, now + minutes(2))
    second = owner_of(acme, ruth)
    touch = log(acme, ruth, now + minutes(3), at=now + minutes(1), actor=Actor.person(first))
    undo(acme, ruth, touch, now + minutes(3.1), actor=Actor.person(first))
    assert clocks_of(acme, ruth) == {
        None: ("running", None, ""),
        first.id: ("cancelled", None, "moved"),
        second.id: ("running", None, ""),
    }
    assert nothing_is_amiss(acme, now + minutes(3.1))


def test_undo_of_a_touch_that_had_repaired_a_breach_breaks_it_again(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    first = owner_of(acme, ruth)
    sweep_tenant(acme.id, clock=fixed_clock(now + minutes(5.1)))
    second = owner_of(acme, ruth)
    touch = log(acme, ruth, now + minutes(7), at=now + minutes(1), actor=Actor.person(first))
    assert clocks_of(acme, ruth)[first.id][0] == "met"
    undo(acme, ruth, touch, now + minutes(7.1), actor=Actor.person(first))
    assert clocks_of(acme, ruth) == {
        None: ("breached", None, ""),
        first.id: ("breached", None, "moved"),
        second.id: ("running", None, ""),
    }
    with acme.scope():
        assert set(TimerEvent.objects.values_list("repaired_at", flat=True)) == {None}
    assert nothing_is_amiss(acme, now + minutes(7.1))


def test_undo_of_the_present_owners_touch_leaves_an_earlier_owners_as_the_answer(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    first = owner_of(acme, ruth)
    move(acme, ruth, now + minutes(2))
    second = owner_of(acme, ruth)
    own = log(acme, ruth, now + minutes(3))
    log(acme, ruth, now + minutes(3.05), at=now + minutes(1), actor=Actor.person(first))
    undo(acme, ruth, own, now + minutes(3.1), actor=Actor.person(second))
    assert clocks_of(acme, ruth) == {
        None: ("met", now + minutes(1), ""),
        first.id: ("met", now + minutes(1), ""),
        second.id: ("cancelled", None, "answered"),
    }
    assert handoff_of(acme, ruth).first_touch_at == now + minutes(1)


def test_an_owner_who_got_an_answered_lead_gets_a_clock_when_the_answer_is_undone(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    first = owner_of(acme, ruth)
    touch = log(acme, ruth, now + minutes(1))
    move(acme, ruth, now + minutes(1.05))
    second = owner_of(acme, ruth)
    assert second.id not in clocks_of(acme, ruth)
    undo(acme, ruth, touch, now + minutes(1.1), actor=Actor.person(first))
    assert clocks_of(acme, ruth)[second.id] == ("running", None, "")
    assert timer_of(acme, ruth, "first_touch").due_at == now + minutes(6.05)
    assert nothing_is_amiss(acme, now + minutes(1.1))


def test_an_undone_acceptance_gives_the_next_owner_a_decision_clock(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    with acme.scope():
        services.accept_lead(
            lead_id=ruth.id, actor=Actor.person(owner_of(acme, ruth)), clock=fixed_clock(now + minutes(1))
        )
    move(acme, ruth, now + minutes(1.05))
    with acme.scope():
        services.undo_accept(lead_id=ruth.id, actor=boss(), clock=fixed_clock(now + minutes(1.1)))
    decision = timer_of(acme, ruth, "decision")
    assert (decision.state, decision.member_id) == ("running", owner_of(acme, ruth).id)
    assert nothing_is_amiss(acme, now + minutes(1.1))


def test_a_clock_that_was_brought_forward_takes_no_touch_from_before_its_owner_had_the_lead(
    acme: Org, now: datetime
) -> None:
    lead = new_lead(acme, now, kind="contact_form")
    first = owner_of(acme, lead)
    move(acme, lead, now + minutes(10))
    second = owner_of(acme, lead)
    with acme.scope():
        receive_lead(
            item=LeadIn(
                email="ruth@okapi.example", engagements=(EngagementIn("demo_request", "", now + minutes(12)),)
            ),
            actor="key:test",
            clock=fixed_clock(now + minutes(12)),
        )
    log(acme, lead, now + minutes(13), at=now + minutes(5), actor=Actor.person(first))
    assert clocks_of(acme, lead)[first.id] == ("met", now + minutes(5), "")
    assert clocks_of(acme, lead)[second.id] == ("cancelled", None, "answered")


def test_the_owner_of_an_overdue_lead_hears_that_it_came_back(acme: Org, now: datetime) -> None:
    lead = new_lead(acme, now, kind="contact_form")
    for _ in range(6):  # until nobody is left to move it to
        due_at = timer_of(acme, lead, "first_touch").due_at
        sweep_tenant(acme.id, clock=fixed_clock(due_at + minutes(0.1)))
    assert timer_of(acme, lead, "first_touch").state == "breached"
    again = due_at + minutes(3)
    with acme.scope():
        receive_lead(
            item=LeadIn(email="ruth@okapi.example", engagements=(EngagementIn("demo_request", "", again),)),
            actor="key:test",
            clock=fixed_clock(again),
        )
        told = OutboxMessage.objects.filter(kind="lead.engaged").values_list("member_id", flat=True)
        assert set(told) - {None} == {owner_of(acme, lead).id}
