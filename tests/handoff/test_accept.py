"""Sales takes a lead, and takes the taking back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.errors import AlreadyDecided, Conflict, NotFound, NotOwner
from feedback.models import Disposition
from handoff import services
from handoff.services import Actor
from handoff.sweep import sweep_tenant
from leads.models import DirtyHandoff, Lead, StageChange
from notifications.models import OutboxMessage, WebhookEndpoint
from sla.models import TimerEvent
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import handoff_of, new_lead, owner_of, someone_else, timer_of

pytestmark = pytest.mark.django_db


def accept(org: Org, lead: Lead, at: datetime, actor: Actor | None = None) -> None:
    with org.scope():
        services.accept_lead(
            lead_id=lead.id, actor=actor or Actor.person(owner_of(org, lead)), clock=fixed_clock(at)
        )


def undo(org: Org, lead: Lead, at: datetime) -> None:
    with org.scope():
        services.undo_accept(lead_id=lead.id, actor=Actor.person(owner_of(org, lead)), clock=fixed_clock(at))


def test_accepting_makes_a_sal_and_meets_the_decision_on_both_clocks(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    with acme.scope():
        DirtyHandoff.objects.all().delete()
    accept(acme, ruth, later)
    handoff = handoff_of(acme, ruth)
    assert handoff.accepted_at == later
    assert handoff.lead.stage == "sal"
    for clock in ("owner", "company"):
        timer = timer_of(acme, ruth, "decision", clock)
        assert (timer.state, timer.met_at, timer.next_at) == ("met", later, None)
        assert timer_of(acme, ruth, "first_touch", clock).state == "running"
    with acme.scope():
        given = Disposition.objects.get(handoff=handoff)
        assert (given.kind, given.by_id, given.at) == ("accepted", handoff.owner_id, later)
        assert StageChange.objects.filter(lead=ruth, old="mql", new="sal", at=later).count() == 1
        assert DirtyHandoff.objects.filter(handoff=handoff).exists()


def test_accepting_twice_is_refused_and_changes_nothing(acme: Org, ruth: Lead, later: datetime) -> None:
    accept(acme, ruth, later)
    with pytest.raises(AlreadyDecided, match="accepted before"):
        accept(acme, ruth, later + timedelta(minutes=1))
    assert handoff_of(acme, ruth).accepted_at == later
    with acme.scope():
        assert Disposition.objects.count() == 1


def test_a_former_owner_is_told_whose_lead_it_is_and_since_when(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    before = owner_of(acme, ruth)
    other = someone_else(acme, ruth)
    with acme.scope():
        services.reassign_lead(
            lead_id=ruth.id,
            why="Knows them.",
            to=other.id,
            actor=Actor.person(acme.manager),
            clock=fixed_clock(later),
        )
    with pytest.raises(NotOwner, match=f"belongs to {other.name} since 17 Nov, 09:02 UTC"):
        accept(acme, ruth, later, Actor.person(before))
    handoff = handoff_of(acme, ruth)
    assert (handoff.owner_id, handoff.accepted_at, handoff.lead.stage) == (other.id, None, "mql")


def test_a_colleague_may_not_accept_and_a_manager_may(acme: Org, ruth: Lead, later: datetime) -> None:
    with pytest.raises(NotOwner):
        accept(acme, ruth, later, Actor.person(someone_else(acme, ruth)))
    accept(acme, ruth, later, Actor.person(acme.manager))
    assert handoff_of(acme, ruth).accepted_at == later


def test_acceptance_at_the_deadline_is_in_time_even_if_a_sweep_comes_after(acme: Org, ruth: Lead) -> None:
    due = timer_of(acme, ruth, "decision").due_at
    with acme.scope():
        services.log_touch(
            lead_id=ruth.id,
            kind="call",
            actor=Actor.person(owner_of(acme, ruth)),
            clock=fixed_clock(due - timedelta(hours=7)),
        )
    accept(acme, ruth, due)
    sweep_tenant(acme.id, clock=fixed_clock(due + timedelta(minutes=1)))
    timer = timer_of(acme, ruth, "decision")
    assert (timer.state, timer.breached_at, timer.met_at) == ("met", None, due)


def test_acceptance_after_the_deadline_is_late_even_if_not_swept(acme: Org, ruth: Lead) -> None:
    due = timer_of(acme, ruth, "decision").due_at
    accept(acme, ruth, due + timedelta(seconds=1))
    timer = timer_of(acme, ruth, "decision")
    assert (timer.state, timer.breached_at) == ("breached", due)
    with acme.scope():
        assert TimerEvent.objects.filter(timer=timer, percent=100).count() == 1


def test_undo_within_ten_seconds_leaves_the_decision_clock_as_if_never_stopped(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    before = timer_of(acme, ruth, "decision")
    accept(acme, ruth, later)
    undo(acme, ruth, later + timedelta(seconds=9))
    handoff = handoff_of(acme, ruth)
    assert (handoff.accepted_at, handoff.lead.stage) == (None, "mql")
    timer = timer_of(acme, ruth, "decision")
    assert (timer.state, timer.due_at, timer.next_at, timer.met_at, timer.closed_at) == (
        "running",
        before.due_at,
        before.next_at,
        None,
        None,
    )
    with acme.scope():
        assert Disposition.objects.get().undone_at == later + timedelta(seconds=9)
    accept(acme, ruth, later + timedelta(minutes=1))
    assert handoff_of(acme, ruth).accepted_at == later + timedelta(minutes=1)


def test_undo_comes_too_late_after_the_ten_seconds(acme: Org, ruth: Lead, later: datetime) -> None:
    accept(acme, ruth, later)
    with pytest.raises(Conflict, match="10 seconds"):
        undo(acme, ruth, later + timedelta(seconds=16))
    assert handoff_of(acme, ruth).accepted_at == later


def test_the_message_of_an_acceptance_waits_and_an_undo_takes_it_back(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    with acme.scope():
        WebhookEndpoint.objects.create(url="https://hooks.example/x", created_at=later)
    accept(acme, ruth, later)
    with acme.scope():
        message = OutboxMessage.objects.get(kind="lead.accepted")
        assert message.not_before == later + timedelta(seconds=10)
    undo(acme, ruth, later + timedelta(seconds=5))
    with acme.scope():
        assert OutboxMessage.objects.get(kind="lead.accepted").state == "expired"


def test_another_tenants_lead_is_not_there(acme: Org, globex: Org, ruth: Lead, later: datetime) -> None:
    with globex.scope(), pytest.raises(NotFound):
        services.accept_lead(lead_id=ruth.id, actor=Actor.person(globex.manager), clock=fixed_clock(later))
    assert handoff_of(acme, ruth).accepted_at is None


def test_a_lead_that_was_never_handed_over_cannot_be_accepted(acme: Org, now: datetime) -> None:
    reader = new_lead(acme, now, "reader@quiet.example", kind="page_view")
    with acme.scope(), pytest.raises(Conflict, match="not been handed over"):
        services.accept_lead(lead_id=reader.id, actor=Actor.person(acme.manager), clock=fixed_clock(now))


def test_nobody_accepts_a_lead_without_an_owner(acme: Org, now: datetime) -> None:
    from tenants.models import RepProfile

    with acme.scope():
        RepProfile.objects.update(on_rotation=False)
    stray = new_lead(acme, now)
    assert handoff_of(acme, stray).owner is None
    with pytest.raises(NotOwner, match="Nobody owns"):
        accept(acme, stray, now, Actor.person(acme.manager))
