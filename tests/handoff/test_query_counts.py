"""Pages cost as many queries for fifty leads as for a few, and at most twenty: the lead beside the inbox
has its deals too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handoff import services
from handoff.services import Actor
from handoff.sweep import sweep_tenant
from leads.models import Lead
from tenants.clock import fixed_clock
from tenants.models import Member, RepProfile
from tests.factories import Org
from tests.handoff.conftest import browser, new_lead, owner_of

pytestmark = pytest.mark.django_db
MOST = 20


def fill(org: Org, now: datetime, first: int, last: int) -> list[Lead]:
    """Leads of one rep in every state of their clocks."""
    with org.scope():
        RepProfile.objects.exclude(member=org.reps[0]).update(on_rotation=False)
    found = []
    for number in range(first, last):
        at = now - timedelta(minutes=number % 9)
        kind = "pricing_page" if number % 2 else "demo_request"
        lead = new_lead(
            org, at, f"p{number}@c{number}.example", first_name=f"P{number}", kind=kind, source="Web"
        )
        with org.scope():
            actor = Actor.person(org.reps[0])
            if number % 5 == 4:
                services.log_touch(lead_id=lead.id, kind="call", actor=actor, clock=fixed_clock(now))
                services.accept_lead(lead_id=lead.id, actor=actor, clock=fixed_clock(now))
        found.append(lead)
    return found


def queries(member: Member, path: str) -> int:
    client = browser(member)
    client.get(path)  # calendars, policies and criteria are read once a process
    with CaptureQueriesContext(connection) as caught:
        assert client.get(path).status_code == 200
    # The test's own transaction takes the tenant back afterwards; a real request's ends instead.
    rig = ("SAVEPOINT", "RELEASE", "select set_config('app.tenant_id', ''")
    found = [query["sql"] for query in caught if not query["sql"].startswith(rig)]
    assert len(found) <= MOST, "\n".join(sql[:160] for sql in found)
    return len(found)


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/inbox", "rep"),
        ("/inbox", "manager of their own"),
        ("/inbox?tab=working", "rep"),
        ("/inbox?tab=done", "rep"),
        ("/board", "manager"),
        ("/unrouted", "manager"),
        ("/needs-data", "admin"),
        ("/leads", "manager"),
        ("/search?q=p", "admin"),
    ],
)
def test_a_list_costs_the_same_for_few_and_for_fifty(
    acme: Org, now: datetime, at_hand: Callable[[datetime], None], path: str, who: str
) -> None:
    at_hand(now + timedelta(seconds=1))
    member = {"rep": acme.reps[0], "manager": acme.manager, "admin": acme.admin}.get(who, acme.reps[0])
    if who == "manager of their own":
        with acme.scope():
            Member.objects.filter(id=member.id).update(role="manager")
    fill(acme, now, 0, 9)  # one of them overdue: no list is empty
    few = queries(member, path)
    fill(acme, now, 9, 50)
    assert queries(member, path) == few


def test_a_lead_with_a_long_history_costs_what_a_new_one_costs(
    acme: Org, now: datetime, at_hand: Callable[[datetime], None]
) -> None:
    lead = new_lead(acme, now)
    at_hand(now + timedelta(minutes=1))
    owner = owner_of(acme, lead)
    path = f"/leads/{lead.id}"
    fresh = queries(owner, path)
    with acme.scope():
        for minute in range(40):
            services.log_touch(
                lead_id=lead.id,
                kind="email",
                actor=Actor.person(owner),
                clock=fixed_clock(now + timedelta(minutes=30 + minute)),
            )
    for minute in (3, 5, 6):
        sweep_tenant(acme.id, clock=fixed_clock(now + timedelta(minutes=minute)))
    assert queries(acme.manager, path) <= MOST
    assert queries(owner, path) <= fresh + 2  # the names of others, and the clock's policy of a former span
