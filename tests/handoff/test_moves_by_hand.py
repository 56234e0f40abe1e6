"""A lead changes hands because a person says so."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

import pytest

from core.errors import NotOwner, ValidationFailed
from handoff import services
from handoff.moves import MoveResult
from handoff.services import Actor
from leads.models import Assignment, Lead
from routing.models import RepLoad
from sla.models import Timer
from tenants.audit import member_actor
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, Member, RepProfile
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of, someone_else, timer_of

pytestmark = pytest.mark.django_db


def hand_over(
    org: Org, lead: Lead, actor: Member, at: datetime, to: UUID | None = None, why: str = "Away."
) -> MoveResult:
    with org.scope():
        return services.hand_over(
            lead_id=lead.id, why=why, to=to, actor=Actor.person(actor), clock=fixed_clock(at)
        )


def loads(org: Org) -> dict[UUID, int]:
    with org.scope():
        return dict(RepLoad.objects.values_list("member_id", "open_leads"))


def test_handing_over_starts_the_next_owners_clock_and_keeps_the_companys(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    first, second = owner_of(acme, ruth), someone_else(acme, ruth)
    promised = timer_of(acme, ruth, "first_touch", "company")
    result = hand_over(acme, ruth, first, later, second.id)
    assert (result.outcome, result.new_member_id) == ("assigned", second.id)
    handoff = handoff_of(acme, ruth)
    assert (handoff.owner_id, handoff.owned_since, handoff.hops) == (second.id, later, 1)
    with acme.scope():
        span = Assignment.objects.get(handoff=handoff, member=first)
        assert (span.ended_at, span.end_reason) == (later, "hand_over")
        assert Timer.objects.get(assignment=span, target="first_touch").state == "cancelled"
        entry = AuditEntry.objects.get(object_id=handoff.id, action="hand_over")
        assert (entry.before, entry.after) == ({"owner": str(first.id)}, {"owner": str(second.id)})
    new = timer_of(acme, ruth, "first_touch")
    assert (new.member_id, new.started_at, new.state) == (second.id, later, "running")
    assert timer_of(acme, ruth, "first_touch", "company").due_at == promised.due_at
    assert (loads(acme)[first.id], loads(acme)[second.id]) == (0, 1)


def test_the_next_in_the_pool_is_never_an_earlier_owner(acme: Org, ruth: Lead, later: datetime) -> None:
    had = {owner_of(acme, ruth).id}
    for _ in range(2):
        result = hand_over(acme, ruth, owner_of(acme, ruth), later)
        assert result.new_member_id not in had
        had.add(result.new_member_id)
    assert had == {rep.id for rep in acme.reps}


@pytest.mark.parametrize("why", ["", "   "])
def test_a_move_needs_a_why(acme: Org, ruth: Lead, later: datetime, why: str) -> None:
    before = owner_of(acme, ruth)
    with pytest.raises(ValidationFailed) as refused:
        hand_over(acme, ruth, before, later, why=why)
    assert refused.value.field_errors[0].path == "/why"
    assert owner_of(acme, ruth).id == before.id


def test_nobody_gets_a_lead_who_takes_none(acme: Org, ruth: Lead, later: datetime) -> None:
    owner = owner_of(acme, ruth)
    for to in (acme.marketing.id, owner.id, uuid4()):
        with pytest.raises(ValidationFailed) as refused:
            hand_over(acme, ruth, owner, later, to)
        assert refused.value.field_errors[0].path == "/to"
    assert handoff_of(acme, ruth).hops == 0


def test_another_tenants_person_cannot_be_given_a_lead(
    acme: Org, globex: Org, ruth: Lead, later: datetime
) -> None:
    with pytest.raises(ValidationFailed):
        hand_over(acme, ruth, owner_of(acme, ruth), later, globex.reps[0].id)
    assert handoff_of(acme, ruth).hops == 0


def test_a_colleague_may_neither_hand_over_nor_reassign(acme: Org, ruth: Lead, later: datetime) -> None:
    other = someone_else(acme, ruth)
    with pytest.raises(NotOwner):
        hand_over(acme, ruth, other, later)
    with acme.scope(), pytest.raises(NotOwner, match="Only a manager"):
        services.reassign_lead(
            lead_id=ruth.id, why="Mine.", to=other.id, actor=Actor.person(other), clock=fixed_clock(later)
        )
    assert handoff_of(acme, ruth).hops == 0


def test_a_manager_gives_an_unrouted_lead_to_somebody(acme: Org, now: datetime, later: datetime) -> None:
    with acme.scope():
        RepProfile.objects.update(on_rotation=False)
    stray = new_lead(acme, now)
    assert handoff_of(acme, stray).unrouted_reason == "nobody_available"
    with acme.scope():
        services.reassign_lead(
            lead_id=stray.id,
            why="Take it.",
            to=acme.reps[0].id,
            actor=Actor.person(acme.manager),
            clock=fixed_clock(later),
        )
    handoff = handoff_of(acme, stray)
    assert (handoff.owner_id, handoff.unrouted_reason) == (acme.reps[0].id, "")
    assert timer_of(acme, stray, "first_touch").started_at == later


def test_where_nobody_else_can_take_it_a_lead_stays(acme: Org, ruth: Lead, later: datetime) -> None:
    owner = owner_of(acme, ruth)
    with acme.scope():
        RepProfile.objects.exclude(member=owner).update(on_rotation=False)
        Member.objects.filter(id=acme.fallback.id).update(is_active=False)
    result = hand_over(acme, ruth, owner, later)
    assert (result.outcome, owner_of(acme, ruth).id) == ("stays", owner.id)
    assert timer_of(acme, ruth, "first_touch").state == "running"
    with acme.scope():
        assert not AuditEntry.objects.filter(action="hand_over").exists()


def test_asking_the_rules_once_more_is_in_the_record_whatever_comes_of_it(acme: Org, now: datetime) -> None:
    with acme.scope():
        RepProfile.objects.update(on_rotation=False)
    stray = new_lead(acme, now)
    client = browser(acme.manager)
    client.post(f"/leads/{stray.id}/retry")
    with acme.scope():
        RepProfile.objects.update(on_rotation=True)
    client.post(f"/leads/{stray.id}/retry")
    owner = owner_of(acme, stray)
    with acme.scope():
        entries = AuditEntry.objects.filter(action="tried_again").order_by("at", "id")
        assert {(each.actor, each.object_id) for each in entries} == {
            (member_actor(acme.manager), handoff_of(acme, stray).id)
        }
        assert [each.after["owner"] for each in entries] == [None, str(owner.id)]
        assert entries[0].after["reason"] == "nobody_available"
