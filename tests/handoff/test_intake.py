"""The way of a lead from arrival to an owner with running clocks; and what happens when it comes again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections

from core.errors import Conflict, ValidationFailed
from handoff.intake import receive_lead, receive_leads
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from leads.lifecycle import Stage
from leads.models import Account, DirtyHandoff, Engagement, Handoff, Lead, StageChange
from leads.services import close_handoffs, move_stages
from notifications.models import OutboxMessage
from routing.models import Decision
from sla.models import Timer
from tenants.clock import fixed_clock
from tests.factories import Org, make_org


def came(kind: str = "demo_request", email: str = "ann@example.com", **more: Any) -> LeadIn:
    return LeadIn(email=email, engagements=(EngagementIn(kind),), **more)


def receive(org: Org, item: LeadIn, now: datetime) -> Any:
    return receive_lead(item=item, actor="key:test", clock=fixed_clock(now))


def company_clock(handoff: Handoff) -> Timer:
    timer: Timer = Timer.objects.get(handoff=handoff, clock="company", target="first_touch")
    return timer


def test_one_arrival_leaves_exactly_its_rows(in_acme, now):
    result = receive(in_acme, came(), now)

    handoff = Handoff.objects.get()
    assert (handoff.lead_id, handoff.number, handoff.tier, handoff.started_at) == (
        result.lead.id,
        1,
        "demo_request",
        now,
    )
    assert handoff.owner_id == in_acme.reps[0].id == Lead.objects.get().owner_id
    assert handoff.verdict["met"] is True
    assert Timer.objects.count() == 4
    assert Decision.objects.count() == 1
    assert StageChange.objects.get(new="mql").handoff_id == handoff.id
    assert DirtyHandoff.objects.filter(handoff=handoff).exists()
    assert OutboxMessage.objects.filter(subject=f"handoff:{handoff.id}", kind="lead.assigned").exists()


def test_a_stricter_tier_before_the_first_touch_brings_the_deadline_forward(in_acme, now):
    handoff = receive(in_acme, came("content_download"), now).handoff
    before = company_clock(handoff)
    later = now + timedelta(minutes=30)

    again = receive(in_acme, came("demo_request"), later)

    assert again.created is False
    after = company_clock(handoff)
    assert after.due_at == later + timedelta(minutes=5) < before.due_at
    assert after.generation == before.generation + 1
    changed = Handoff.objects.get()
    assert (changed.tier, changed.owner_id) == ("demo_request", handoff.owner_id)
    assert OutboxMessage.objects.filter(kind="lead.engaged", member_id=handoff.owner_id).exists()


def test_a_laxer_tier_never_moves_a_deadline_back(in_acme, now):
    handoff = receive(in_acme, came("demo_request"), now).handoff
    before = company_clock(handoff)
    receive(in_acme, came("content_download"), now + timedelta(minutes=1))
    after = company_clock(handoff)
    assert (after.due_at, after.generation) == (before.due_at, before.generation)
    assert Handoff.objects.get().tier == "demo_request"
    assert not OutboxMessage.objects.filter(kind="lead.engaged").exists()


def test_after_the_first_touch_a_stricter_tier_changes_nothing(in_acme, now):
    handoff = receive(in_acme, came("content_download"), now).handoff
    Handoff.objects.filter(id=handoff.id).update(first_touch_at=now)
    before = company_clock(handoff)
    receive(in_acme, came("demo_request"), now + timedelta(minutes=1))
    assert company_clock(handoff).due_at == before.due_at


def test_after_acceptance_the_owner_is_told(in_acme, now):
    handoff = receive(in_acme, came(), now).handoff
    Handoff.objects.filter(id=handoff.id).update(accepted_at=now, first_touch_at=now)
    receive(in_acme, came("pricing_page"), now + timedelta(hours=1))
    told = OutboxMessage.objects.filter(kind="lead.engaged", member_id=handoff.owner_id)
    assert told.count() == 2
    assert Handoff.objects.count() == 1


def close(handoff: Handoff, now: datetime) -> None:
    close_handoffs([handoff], outcome=Handoff.Outcome.REJECTED, now=now)
    move_stages([Lead.objects.get()], Stage.REJECTED, actor="system", now=now)


def test_after_closing_it_is_judged_again_and_gets_a_new_handoff(in_acme, now):
    close(receive(in_acme, came(), now).handoff, now + timedelta(hours=1))
    again = receive(in_acme, came(), now + timedelta(hours=2))
    assert again.created is False
    assert again.handoff.number == 2
    assert list(Handoff.objects.order_by("number").values_list("state", flat=True)) == ["closed", "open"]
    assert Lead.objects.get().stage == Stage.MQL


def test_after_closing_what_led_to_the_first_handoff_cannot_open_the_next(in_acme, now):
    close(receive(in_acme, came(), now).handoff, now + timedelta(hours=1))
    again = receive(in_acme, came("page_view"), now + timedelta(hours=2))
    assert again.handoff is None
    assert Lead.objects.get().stage == Stage.REJECTED


def test_an_engagement_with_its_own_time_is_kept_once(in_acme, now):
    at = now - timedelta(hours=1)
    item = LeadIn(email="ann@example.com", engagements=(EngagementIn("webinar", "spring", at),))
    receive(in_acme, item, now)
    receive(in_acme, item, now + timedelta(minutes=1))
    assert Engagement.objects.filter(kind="webinar").count() == 1


def test_old_news_fills_gaps_and_overwrites_nothing(in_acme, now):
    receive(in_acme, came(first_name="Ann"), now)
    old = LeadIn(
        email="ann@example.com", first_name="Anna", last_name="Lee", occurred_at=now - timedelta(days=3)
    )
    receive(in_acme, old, now + timedelta(minutes=1))
    lead = Lead.objects.get()
    assert (lead.first_name, lead.last_name, lead.search_name) == ("Ann", "Lee", "ann lee")


def test_live_clocks_start_at_receipt_however_old_the_news(in_acme, now):
    item = came(occurred_at=now - timedelta(hours=5))
    handoff = receive(in_acme, item, now).handoff
    assert handoff.started_at == now
    assert Engagement.objects.get().at == now - timedelta(hours=5)


def test_an_engagement_outside_the_window_does_not_qualify(in_acme, now):
    result = receive(in_acme, came(occurred_at=now - timedelta(days=31)), now)
    assert (result.handoff, result.lead.stage) == (None, Stage.LEAD)


def test_colleagues_share_an_account_and_free_mail_has_none(in_acme, now):
    items = [
        came(email="ann@sub.example.com", company=CompanyIn(name="Example", employees=40)),
        came(email="bob@example.com", company=CompanyIn(domain="https://www.example.com/about")),
        came(email="cy@gmail.com"),
        came(email="di@gmail.com", company=CompanyIn(name="Corner shop", employees=3)),
        came(email="ed@gmail.com", company=CompanyIn(name="Corner shop")),
    ]
    results = receive_leads(items=items, actor="key:test", clock=fixed_clock(now))
    accounts = [result.lead.account_id for result in results]
    assert accounts[0] == accounts[1] is not None
    assert accounts[2] is None
    assert accounts[3] == accounts[4] is not None
    assert sorted(Account.objects.values_list("name", "domain", "employees")) == [
        ("Corner shop", "", 3),
        ("Example", "example.com", 40),
    ]


def test_a_customer_does_not_qualify(in_acme, now):
    in_acme.criteria.state = "retired"
    in_acme.criteria.save()
    excluded = [{"name": "Customer", "when": {"field": "account.is_customer", "op": "equals", "value": True}}]
    type(in_acme.criteria).objects.create(
        number=2,
        state="published",
        content={**in_acme.criteria.content, "exclude": excluded},
        created_at=now,
        created_by="system",
    )
    Account.objects.create(name="Example", domain="example.com", is_customer=True, created_at=now)
    result = receive(in_acme, came(), now)
    assert result.handoff is None
    assert result.lead.verdict["criteria"][-1] == {
        "label": "Not excluded: Customer",
        "state": "not_met",
        "seen": ["Customer: True"],
        "expected": None,
        "path": "/exclude/0",
    }


def test_where_nobody_is_free_the_lead_waits_and_the_company_clock_runs(db, now):
    org = make_org("full", now=now, cap_open=0)
    with org.scope():
        result = receive(org, came(), now)
        assert result.handoff.owner_id is None
        assert Handoff.objects.get().unrouted_reason
        assert Timer.objects.filter(clock="company", next_at__isnull=False).count() == 2
        assert OutboxMessage.objects.filter(kind="lead.unrouted", member=org.fallback).exists()


def test_an_unknown_owner_is_refused_and_a_conflict_leaves_the_others(in_acme, now):
    receive(in_acme, LeadIn(email="a@one.com", external_system="crm", external_id="1"), now)
    receive(in_acme, LeadIn(email="b@two.com", external_system="crm", external_id="2"), now)
    items = [
        came(email="c@three.com"),
        LeadIn(email="a@one.com", external_system="crm", external_id="2"),
        came(email="d@four.com", owner="nobody@acme.example"),
    ]
    results = receive_leads(items=items, actor="key:test", clock=fixed_clock(now))
    assert [type(result.error) for result in results] == [type(None), Conflict, ValidationFailed]
    assert Lead.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_many_posts_of_one_person_at_once_make_one_lead_and_one_handoff(now):
    """Eight connections bring the same two people, alone and in batches, in either order."""
    import threading

    org = make_org("acme", now=now)
    people = [came(email="ann@example.com"), came(email="bob@example.com")]
    barrier = threading.Barrier(8)
    failures: list[BaseException] = []

    def bring(number: int) -> None:
        try:
            barrier.wait(timeout=20)
            with org.scope():
                items = [people[number % 2]] if number < 4 else people[:: 1 if number % 2 else -1]
                outcomes = receive_leads(items=items, actor="key:test", clock=fixed_clock(now))
                assert all(outcome.error is None for outcome in outcomes)
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=bring, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    with org.scope():
        assert sorted(Lead.objects.values_list("email", flat=True)) == ["ann@example.com", "bob@example.com"]
        assert Handoff.objects.count() == 2
        assert Engagement.objects.count() == 12
        assert Account.objects.count() == 1
        assert Timer.objects.count() == 8


@pytest.mark.django_db(transaction=True)
def test_a_refused_single_lead_leaves_no_row_behind(now, monkeypatch):
    org = make_org("acme", now=now)
    from handoff import moves

    def breaks(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(moves, "assign_new", breaks)
    with pytest.raises(RuntimeError), org.scope():
        receive(org, came(), now)
    with org.scope():
        assert Lead.objects.count() == Account.objects.count() == Engagement.objects.count() == 0


def test_statements_of_one_lead_stay_few(in_acme, now):
    from django.test.utils import CaptureQueriesContext

    receive(in_acme, came(email="first@example.com"), now)
    with CaptureQueriesContext(connection) as captured:
        receive(in_acme, came(), now)
    statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(statements) <= 32, "\n".join(statements)
