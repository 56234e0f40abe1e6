"""Eight connections and one pool: each lead decided once, shares even, no cap broken, each decision by one
version of the rules, whatever is published or answered meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from uuid import UUID

import pytest

from handoff import bulk
from handoff.moves import AssignRequest, assign_new
from handoff.services import Actor, accept_lead, claim_lead
from leads.models import Assignment, Handoff, Lead
from routing.decide import TURN
from routing.models import Decision, Pool, PoolSeat, RepLoad, RuleSetVersion
from tenants import versions
from tenants.clock import database_clock, fixed_clock
from tenants.models import Member
from tests.factories import Org, make_org
from tests.routing.conftest import make_handoffs
from tests.threads import in_threads

pytestmark = pytest.mark.django_db(transaction=True)

LEADS, CONNECTIONS, REPS = 500, 8, 7


def drain(org: Org, queue: SimpleQueue[Handoff], now: datetime) -> Callable[[], None]:
    """A connection that takes leads in, one by one, until there are none left."""

    def work() -> None:
        while True:
            try:
                handoff = queue.get_nowait()
            except Empty:
                return
            with org.scope():
                assign_new([AssignRequest(handoff)], trigger="intake", now=now, actor="system")

    return work


def take_in(
    org: Org, handoffs: Sequence[Handoff], now: datetime, *others: Callable[[], None]
) -> Counter[UUID]:
    """All of them over eight connections, with whatever else happens at the same time; leads by person."""
    queue: SimpleQueue[Handoff] = SimpleQueue()
    for handoff in handoffs:
        queue.put(handoff)
    in_threads(*[drain(org, queue, now) for _ in range(CONNECTIONS)], *others)
    with org.scope():
        return Counter(Assignment.objects.values_list("member_id", flat=True))


def decided_once(org: Org) -> bool:
    with org.scope():
        return set(Counter(Decision.objects.values_list("handoff_id", flat=True)).values()) == {1}


def test_500_leads_of_eight_connections_are_shared_out_within_one_and_no_cap_breaks(now: datetime) -> None:
    cap = 72  # all but four of the places that there are: one lead too many for somebody would break it
    org = make_org("even", now=now, reps=REPS, cap_open=cap)
    with org.scope():
        handoffs = make_handoffs(org, LEADS, now=now)
    got = take_in(org, handoffs, now)
    assert sum(got.values()) == LEADS
    assert max(got.values()) <= cap
    assert max(got.values()) - min(got.values()) <= 1
    assert decided_once(org)
    with org.scope():
        loads = dict(RepLoad.objects.values_list("member_id", "open_leads"))
        counters = Pool.objects.get().counters
    assert {key: loads[key] for key in got} == dict(got)
    assert max(counters.values()) - min(counters.values()) <= TURN


def test_each_decision_goes_by_one_version_while_others_are_published(now: datetime) -> None:
    org = make_org("versions", now=now, reps=REPS)
    with org.scope():
        second = Pool.objects.create(slug="second", name="Second")
        for rep in org.reps:
            PoolSeat.objects.create(pool=second, member=rep)
        handoffs = make_handoffs(org, 200, now=now)

    def publish() -> None:
        for number in range(6):
            slug = "second" if number % 2 == 0 else "inbound"
            content = {"pools": [{"name": f"To {slug}", "when": None, "pool": slug}], "priorities": []}
            with org.scope():
                draft = versions.start_draft(
                    RuleSetVersion, actor="key:test", now=database_clock(), content=content
                )
                versions.publish(
                    draft,
                    expected_revision=draft.revision,
                    actor="key:test",
                    now=database_clock(),
                    validate=lambda content: None,
                )

    got = take_in(org, handoffs, now, publish)
    assert sum(got.values()) == 200
    assert decided_once(org)
    with org.scope():
        written = {
            version.id: {(rule["name"], rule["pool"]) for rule in version.content["pools"]}
            for version in RuleSetVersion.objects.all()
        }
        for decision in Decision.objects.select_related("pool"):
            assert decision.rule_set_version_id is not None
            assert decision.pool is not None
            assert (decision.rule, decision.pool.slug) in written[decision.rule_set_version_id]
            (line,) = decision.trace["layers"]["pools"]
            assert (line["name"], line["result"]) == (decision.rule, "match")


def test_leads_that_are_answered_while_they_are_moved_together_stay_with_who_answered(now: datetime) -> None:
    org = make_org("rivals", now=now, reps=3)
    with org.scope():
        handoffs = make_handoffs(org, 24, now=now)
        assign_new([AssignRequest(each) for each in handoffs], trigger="intake", now=now, actor="system")
        owners = dict(Handoff.objects.values_list("lead_id", "owner_id"))
    people = {rep.id: rep for rep in org.reps}
    later = now + timedelta(minutes=1)
    lines: list[bulk.Line] = []

    def move() -> None:
        with org.scope():
            lines.extend(
                bulk.move_leads(
                    lead_ids=list(owners),
                    wish=bulk.Wish(why="Too many.", untouched_only=True),
                    actor=Actor("key:test", None, oversees=True),
                    clock=fixed_clock(later),
                )
            )

    def answer() -> None:
        for lead_id, owner_id in owners.items():
            with org.scope():
                try:
                    accept_lead(
                        lead_id=lead_id, actor=Actor.person(people[owner_id]), clock=fixed_clock(later)
                    )
                except Exception:  # moved before they answered: told so
                    continue

    in_threads(answer, move)
    with org.scope():
        now_owned = {each.lead_id: each for each in Handoff.objects.all()}
        loads = dict(RepLoad.objects.values_list("member_id", "open_leads"))
    by_lead = {line.lead_id: line for line in lines}
    for lead_id, handoff in now_owned.items():
        line = by_lead[lead_id]
        if handoff.accepted_at is not None and handoff.owner_id == owners[lead_id]:
            assert (line.outcome, line.reason) == ("left", "accepted")
        else:
            assert (line.outcome, line.member_id) == ("moved", handoff.owner_id)
            assert handoff.owner_id != owners[lead_id]
    counted = Counter(handoff.owner_id for handoff in now_owned.values())
    assert {key: number for key, number in loads.items() if number} == dict(counted)


def test_a_lead_put_up_is_claimed_by_one_of_many(now: datetime) -> None:
    org = make_org("claims", now=now, reps=6)
    with org.scope():
        (handoff,) = make_handoffs(org, 1, now=now)
        assign_new([AssignRequest(handoff)], trigger="intake", now=now, actor="system")
        had = Handoff.objects.get().owner_id
        lead = Lead.objects.get()
        bulk.move_leads(
            lead_ids=[lead.id],
            wish=bulk.Wish(why="Away.", offer=True),
            actor=Actor("key:test", None, oversees=True),
            clock=fixed_clock(now),
        )
    won: list[UUID] = []

    def claim(rep: Member) -> Callable[[], None]:
        def work() -> None:
            with org.scope():
                try:
                    claim_lead(lead_id=lead.id, actor=Actor.person(rep), clock=fixed_clock(now))
                except Exception:
                    return
            won.append(rep.id)

        return work

    in_threads(*[claim(rep) for rep in org.reps])
    with org.scope():
        owner = Handoff.objects.get().owner_id
    assert won == [owner]
    assert owner != had
