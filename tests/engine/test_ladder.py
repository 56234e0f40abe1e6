"""Steps of a ladder that an organisation wrote for itself: whom they tell, and what they do to the lead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.errors import Conflict
from handoff.moves import drain_unrouted
from handoff.services import Actor, reassign_lead
from handoff.sweep import PRIORITY_STEP
from leads.models import Assignment, Handoff
from notifications.models import OutboxMessage, WebhookEndpoint
from sla.defaults import DEFAULT_POLICY
from sla.models import Timer, TimerEvent
from tenants.clock import fixed_clock
from tenants.models import Leave, Member, Role
from tenants.services import change_member
from tests.engine.scenes import clock_of, fired, open_handoff, told
from tests.engine.test_sweep import minutes, sweep_at
from tests.factories import Org, make_org

pytestmark = pytest.mark.django_db

BREACH = {"at": 100, "actions": ["tell_manager"]}


@pytest.fixture
def org_with(now: datetime) -> Callable[..., Org]:
    """An organisation whose ladder has these steps; more of its policy by name."""

    def make(*ladder: dict[str, Any], **others: Any) -> Org:
        return make_org("steps", now=now, policy={**DEFAULT_POLICY, "ladder": list(ladder), **others})

    return make


def rewrite(org: Org, *ladder: dict[str, Any]) -> None:
    """Steps that name a member of the organisation, which has to exist first."""
    org.policy.content = {**org.policy.content, "ladder": list(ladder)}
    with org.scope():
        org.policy.save(update_fields=["content"])


def owned(org: Org, now: datetime) -> Handoff:
    with org.scope():
        return open_handoff(org, at=now, owner=org.reps[0])


def fresh(org: Org, handoff: Handoff) -> Handoff:
    with org.scope():
        return Handoff.objects.get(id=handoff.id)


def test_a_step_may_come_so_long_after_the_deadline(org_with: Callable[..., Org], now: datetime) -> None:
    org = org_with(BREACH, {"after": {"minutes": 30}, "actions": ["tell_director"]})
    handoff = owned(org, now)
    sweep_at(org, now + minutes(34.9))
    with org.scope():
        assert fired(handoff) == [100]
        assert clock_of(handoff).next_at == now + minutes(35)
    sweep_at(org, now + minutes(35))
    with org.scope():
        assert fired(handoff) == [100, 700]
        assert told(handoff.id, "timer.escalated") == {org.director.id}
        assert clock_of(handoff).next_at is None


def test_a_step_tells_the_chain_and_a_person_by_name_each_once(
    org_with: Callable[..., Org], now: datetime
) -> None:
    org = org_with(BREACH)
    rewrite(
        org,
        BREACH,
        {"at": 150, "actions": ["tell_chain", {"do": "tell_person", "to": str(org.marketing.id)}]},
    )
    handoff = owned(org, now)
    sweep_at(org, now + minutes(8))
    with org.scope():
        assert told(handoff.id, "timer.escalated") == {org.manager.id, org.director.id, org.marketing.id}
        assert OutboxMessage.objects.filter(kind="timer.escalated", channel="email").count() == 3
        event = TimerEvent.objects.get(handoff=handoff, percent=150, timer__target="first_touch")
        assert event.actions == ["tell_chain", "tell_person"]


def test_of_a_named_person_who_left_the_fallback_person_hears(
    org_with: Callable[..., Org], now: datetime
) -> None:
    org = org_with(BREACH)
    rewrite(org, BREACH, {"at": 150, "actions": [{"do": "tell_person", "to": str(org.marketing.id)}]})
    with org.scope():
        Member.objects.filter(id=org.marketing.id).update(is_active=False)
    handoff = owned(org, now)
    sweep_at(org, now + minutes(8))
    with org.scope():
        assert told(handoff.id, "timer.escalated") == {org.fallback.id}


def test_a_broken_promise_moves_the_lead_to_the_backup_of_the_team(
    org_with: Callable[..., Org], now: datetime
) -> None:
    org = org_with({"at": 100, "actions": [{"do": "reassign", "to": "backup"}]})
    with org.scope():
        org.team.backup = org.reps[2]
        org.team.save(update_fields=["backup"])
    handoff = owned(org, now)
    sweep_at(org, now + minutes(5))
    assert fresh(org, handoff).owner_id == org.reps[2].id
    with org.scope():
        assignment = Assignment.objects.get(handoff=handoff, ended_at=None)
    assert "ladder names you" in assignment.reason


@pytest.mark.parametrize("why_not", ["away", "had it", "left", "takes no leads"])
def test_who_cannot_take_it_is_passed_over_for_the_pool(
    org_with: Callable[..., Org], now: datetime, why_not: str
) -> None:
    org = org_with({"at": 100, "actions": ["reassign"]})
    named = {"had it": org.reps[0], "takes no leads": org.marketing}.get(why_not, org.reps[2])
    rewrite(org, {"at": 100, "actions": [{"do": "reassign", "to": str(named.id)}]})
    with org.scope():
        if why_not == "away":
            Leave.objects.create(
                member=named, starts_at=now - timedelta(days=1), ends_at=now + timedelta(days=1)
            )
        elif why_not == "left":
            Member.objects.filter(id=named.id).update(is_active=False)
    handoff = owned(org, now)
    sweep_at(org, now + minutes(5))
    assert fresh(org, handoff).owner_id not in {named.id, org.reps[0].id, None}


def test_a_lead_put_in_the_queue_waits_for_a_persons_choice(
    org_with: Callable[..., Org], now: datetime
) -> None:
    org = org_with(
        {"at": 100, "actions": ["move_to_queue", "tell_manager"]}, {"at": 200, "actions": ["tell_director"]}
    )
    handoff = owned(org, now)
    sweep_at(org, now + minutes(5))
    queued = fresh(org, handoff)
    assert (queued.owner_id, queued.unrouted_reason) == (None, "queued")
    with org.scope():
        assert told(handoff.id, "lead.unrouted") == {org.fallback.id}
        assert Timer.objects.get(handoff=handoff, clock="owner", target="decision").state == "cancelled"
    assert drain_unrouted(org.id, fixed_clock(now + minutes(6))) == 0
    assert fresh(org, handoff).owner_id is None
    sweep_at(org, now + minutes(10))  # the company's clock climbs on
    with org.scope():
        assert 200 in fired(handoff, clock="company")
        reassign_lead(
            lead_id=queued.lead_id,
            to=org.reps[1].id,
            why="You know them.",
            actor=Actor.person(org.manager),
            clock=fixed_clock(now + minutes(11)),
        )
    assert fresh(org, handoff).owner_id == org.reps[1].id


def test_a_step_raises_the_priority_and_a_later_move_does_not_lower_it(
    org_with: Callable[..., Org], now: datetime
) -> None:
    org = org_with(
        {"at": 50, "actions": ["raise_priority"]}, {"at": 100, "actions": ["reassign", "raise_priority"]}
    )
    handoff = owned(org, now)
    sweep_at(org, now + minutes(2.5))
    assert fresh(org, handoff).priority == PRIORITY_STEP
    sweep_at(org, now + minutes(5))
    assert fresh(org, handoff).priority == 2 * PRIORITY_STEP


def test_a_step_calls_the_webhooks_that_ask_for_it_and_no_person(
    org_with: Callable[..., Org], now: datetime
) -> None:
    org = org_with({"at": 80, "actions": ["call_webhook"]}, BREACH)
    with org.scope():
        for events in (["timer.step"], ["lead.accepted"]):
            WebhookEndpoint.objects.create(url=f"https://{events[0]}.example", events=events, created_at=now)
    handoff = owned(org, now)
    sweep_at(org, now + minutes(4))
    with org.scope():
        sent = OutboxMessage.objects.filter(kind="timer.step")
        assert [(each.channel, each.member_id) for each in sent] == [("webhook", None)]
        assert sent[0].data["percent"] == 80
        assert fired(handoff) == [80]


def test_the_next_owner_has_a_window_of_their_own(org_with: Callable[..., Org], now: datetime) -> None:
    org = org_with({"at": 100, "actions": ["reassign"]}, on_reassign={"window": {"minutes": 2}})
    handoff = owned(org, now)
    sweep_at(org, now + minutes(5))
    with org.scope():
        second = clock_of(handoff)
        assert (second.started_at, second.due_at) == (now + minutes(5), now + minutes(7))
        assert clock_of(handoff, target="decision").due_at == now + minutes(7)
        assert clock_of(handoff, clock="company").due_at == now + minutes(5)


def test_a_window_longer_than_the_target_does_not_stretch_it(
    org_with: Callable[..., Org], now: datetime
) -> None:
    org = org_with({"at": 100, "actions": ["reassign"]}, on_reassign={"window": {"minutes": 60}})
    handoff = owned(org, now)
    sweep_at(org, now + minutes(5))
    with org.scope():
        assert clock_of(handoff).due_at == now + minutes(10)


def test_who_is_named_by_the_ladder_is_not_switched_off(org_with: Callable[..., Org], now: datetime) -> None:
    org = org_with(BREACH)
    rewrite(org, BREACH, {"at": 150, "actions": [{"do": "tell_person", "to": str(org.marketing.id)}]})
    others = {"role": Role.MARKETING, "team": None, "actor": "system", "now": now}
    with org.scope(), pytest.raises(Conflict, match="escalation ladder names Mark Steps"):
        change_member(member=org.marketing, name="Mark Steps", is_active=False, **others)
    with org.scope():
        assert Member.objects.get(id=org.marketing.id).is_active
