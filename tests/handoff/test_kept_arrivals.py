"""What an arrival said beside the lead is there when the lead is handed over after a wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from handoff.data_waits import look_again
from handoff.intake import receive_lead
from handoff.services import Actor, reject_lead
from leads.incoming import EngagementIn, LeadIn
from leads.models import Lead
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import handoff_of
from tests.handoff.test_handover import choose
from tests.handoff.test_readiness import HOLD, came, handoffs, put_in_force, stored

pytestmark = pytest.mark.django_db

Completion = Callable[[Org, Lead, datetime], None]


def by_the_engine(org: Org, lead: Lead, at: datetime) -> None:
    assert look_again(org.id, clock=fixed_clock(at)) == 1


def by_hand(org: Org, lead: Lead, at: datetime) -> None:
    answer = Client().patch(
        f"/api/v1/leads/{lead.id}",
        {"phone": "+49 30 901820"},
        content_type="application/json",
        headers=org.auth,
    )
    assert answer.json()["handoff"] is not None, answer.json()


def by_an_arrival(org: Org, lead: Lead, at: datetime) -> None:
    came(org, at, "page_view", phone="+49 30 901820")


WAYS = [
    pytest.param({"hold": HOLD}, by_the_engine, id="held"),
    pytest.param({"required": ["phone"]}, by_hand, id="corrected"),
    pytest.param({"required_by_tier": {"demo_request": ["phone"]}}, by_an_arrival, id="completed"),
]


@pytest.mark.parametrize("routes", [True, False])
@pytest.mark.parametrize(("parts", "complete"), WAYS)
def test_the_owner_whom_the_crm_named_gets_the_lead_after_the_wait(
    acme: Org, now: datetime, parts: dict[str, Any], complete: Completion, routes: bool
) -> None:
    choose(acme, routes=routes)
    put_in_force(acme, now, **parts)
    owner = acme.reps[1]  # by the turn it would be the first
    lead = came(acme, now, owner=owner.email.upper())
    assert handoffs(acme, lead) == []
    complete(acme, lead, now + timedelta(minutes=30))
    assert handoff_of(acme, lead).owner == owner
    assert stored(acme, lead).kept_arrival is None


def test_a_return_keeps_where_it_came_from(acme: Org, now: datetime) -> None:
    first = came(acme, now, source="web", campaign="Spring", channel="organic")
    with acme.scope():
        reject_lead(
            lead_id=first.id,
            reason="wrong_title",
            actor=Actor("key:test", None, oversees=True),
            clock=fixed_clock(now),
        )
    put_in_force(acme, now, hold=HOLD)
    back, over = now + timedelta(days=1), now + timedelta(days=1, minutes=30)
    came(acme, back, source="fair", campaign="Autumn", channel="event")
    by_the_engine(acme, first, over)
    handoff = handoff_of(acme, first)
    assert (handoff.number, handoff.source, handoff.campaign, handoff.channel) == (
        2,
        "fair",
        "Autumn",
        "event",
    )


def test_a_drill_stays_one_and_a_test_arrival_of_a_real_lead_opens_a_test_handoff(
    acme: Org, now: datetime
) -> None:
    put_in_force(acme, now, hold=HOLD)
    came(acme, now - timedelta(days=1), "page_view")
    item = LeadIn(email="ruth@okapi.example", engagements=(EngagementIn("demo_request", "", now),), test=True)
    with acme.scope():
        clock = fixed_clock(now)
        lead = receive_lead(item=replace(item, drill_seconds=30), actor="key:test", clock=clock).lead
    by_the_engine(acme, lead, now + timedelta(minutes=30))
    handoff = handoff_of(acme, lead)
    assert (handoff.is_test, handoff.drill_seconds, stored(acme, lead).is_test) == (True, 30, False)


def test_an_owner_who_left_meanwhile_is_named_by_nobody(acme: Org, now: datetime) -> None:
    choose(acme, routes=False)
    put_in_force(acme, now, hold=HOLD)
    lead = came(acme, now, owner=acme.reps[0].email)
    with acme.scope():
        acme.reps[0].is_active = False
        acme.reps[0].save()
    by_the_engine(acme, lead, now + timedelta(minutes=30))
    assert handoff_of(acme, lead).unrouted_reason == "outside"


def test_a_lead_that_qualifies_no_more_forgets_who_was_to_have_it(acme: Org, now: datetime) -> None:
    put_in_force(acme, now, required=["phone"])
    lead = came(acme, now, owner=acme.reps[1].email)
    assert stored(acme, lead).kept_arrival == {"owner": acme.reps[1].email}
    came(acme, now + timedelta(days=40), "page_view")  # the demo request is out of its window
    assert stored(acme, lead).kept_arrival is None
