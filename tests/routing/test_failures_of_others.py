"""What other routers got wrong, each by name."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client

from handoff.moves import AssignRequest, assign_new, drain_unrouted
from leads.models import Assignment, Handoff
from routing.models import PoolSeat
from tenants.clock import fixed_clock
from tenants.models import Member, RepProfile, Role
from tenants.services import add_leave, add_member, set_rep_profile
from tests.factories import Org, make_org
from tests.routing.conftest import make_handoffs

pytestmark = pytest.mark.django_db

WEEK = timedelta(days=7)


def route(org: Org, count: int, *, now: datetime, prefix: str = "lead") -> Counter[UUID]:
    """Leads that come one after the other, by who got them."""
    got: Counter[UUID] = Counter()
    with org.scope():
        for handoff in make_handoffs(org, count, now=now, prefix=prefix):
            (result,) = assign_new([AssignRequest(handoff)], trigger="intake", now=now, actor="system")
            if result.new_member_id is not None:
                got[result.new_member_id] += 1
    return got


def test_ties_do_not_always_go_to_the_senior_rep(acme: Org, now: datetime) -> None:
    senior = min(acme.reps, key=lambda rep: rep.id)
    first = [next(iter(route(acme, 1, now=now + timedelta(minutes=at), prefix=f"a{at}-"))) for at in range(9)]
    assert Counter(first) == {rep.id: 3 for rep in acme.reps}
    # After each full round everybody is level again, and whoever waits longest has it, not the senior.
    with acme.scope():
        last = Assignment.objects.order_by("-started_at").values_list("member_id", flat=True)[0]
    (after,) = route(acme, 1, now=now + timedelta(minutes=10), prefix="b")
    assert after != last
    assert first.count(senior.id) == 3


def test_a_bulk_insert_does_not_go_all_to_one_person(acme: Org) -> None:
    leads = [
        {
            "email": f"person{number}@company{number}.example",
            "company": {"name": f"Company {number}", "country": "Germany", "employees": 100},
            "engagements": [{"kind": "demo_request"}],
        }
        for number in range(30)
    ]
    answer = Client().post(
        "/api/v1/leads/bulk", json.dumps({"leads": leads}), content_type="application/json", headers=acme.auth
    )
    assert answer.status_code in (200, 207), answer.content
    with acme.scope():
        got = Counter(Assignment.objects.values_list("member_id", flat=True))
    assert got == {rep.id: 10 for rep in acme.reps}


def test_a_newcomer_is_not_flooded(acme: Org, now: datetime) -> None:
    route(acme, 30, now=now)
    with acme.scope():
        newcomer = add_member(
            tenant=acme.tenant, name="New", email="new@acme.example", role=Role.REP, team=acme.reps[0].team
        )
        set_rep_profile(member=newcomer)
        PoolSeat.objects.create(pool=PoolSeat.objects.first().pool, member=newcomer)  # type: ignore[union-attr]
    got = route(acme, 8, now=now + timedelta(minutes=1), prefix="later")
    assert got == {rep.id: 2 for rep in [*acme.reps, newcomer]}


def test_an_absent_reps_turns_do_not_all_fall_on_one_backup(now: datetime) -> None:
    org = make_org("absent", now=now, reps=5)
    away, *others = org.reps
    with org.scope():
        add_leave(member=away, starts_at=now, ends_at=now + timedelta(days=5))
    got = route(org, 40, now=now + timedelta(minutes=1))
    assert got == {rep.id: 10 for rep in others}


def test_a_lead_older_than_a_week_is_still_assigned(acme: Org, now: datetime) -> None:
    with acme.scope():
        RepProfile.objects.update(on_rotation=False)
    assert not route(acme, 3, now=now)
    with acme.scope():
        RepProfile.objects.update(on_rotation=True)
    assert drain_unrouted(acme.id, fixed_clock(now + 2 * WEEK)) == 3
    with acme.scope():
        assert not Handoff.objects.filter(owner=None).exists()


def test_somebody_inactive_gets_no_lead(acme: Org, now: datetime) -> None:
    gone, *others = acme.reps
    with acme.scope():
        Member.objects.filter(id=gone.id).update(is_active=False)
    got = route(acme, 10, now=now)
    assert set(got) == {rep.id for rep in others}
    with acme.scope():
        Member.objects.update(is_active=False)
    assert not route(acme, 1, now=now, prefix="nobody")


def test_leads_that_waited_are_picked_up_when_people_return(acme: Org, now: datetime) -> None:
    with acme.scope():
        for rep in acme.reps:
            add_leave(member=rep, starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=2))
    assert not route(acme, 6, now=now)
    assert drain_unrouted(acme.id, fixed_clock(now + timedelta(hours=1))) == 0
    assert drain_unrouted(acme.id, fixed_clock(now + timedelta(hours=3))) == 6
    with acme.scope():
        got = Counter(Assignment.objects.values_list("member_id", flat=True))
    assert got == {rep.id: 2 for rep in acme.reps}
