"""Attempts to reach a lead: what counts, when it counts, and how it is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import Conflict, NotFound, NotOwner, ValidationFailed
from handoff import services
from handoff.services import Actor
from handoff.sweep import sweep_tenant
from leads.models import Lead, Touch
from sla.models import TimerEvent
from tenants.clock import fixed_clock
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
