"""The fact of a handoff follows what became of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from leads.models import Account, Handoff, Lead, Opportunity, Touch
from leads.services import mark_dirty
from reporting.facts import drain_tenant, rebuild
from reporting.models import HandoffFact, RollUpState
from tests.factories import Org
from tests.reporting.scenes import give, hand_over, week_of_work

pytestmark = pytest.mark.django_db


def fact_of(org: Org, handoff: Handoff, now: datetime) -> HandoffFact:
    mark_dirty([handoff.id], now)
    drain_tenant(org.id)
    return HandoffFact.objects.get(id=handoff.id)


def everything() -> list[tuple[object, ...]]:
    return sorted(HandoffFact.objects.values_list(), key=str)


def test_each_handoff_but_a_test_has_one_fact(in_acme: Org, now: datetime) -> None:
    made = week_of_work(in_acme, now)
    real = {handoff.id for name, handoff in made.items() if name != "drill"}
    assert set(HandoffFact.objects.values_list("id", flat=True)) == real


def test_a_fact_tells_how_the_company_clock_was_answered(in_acme: Org, now: datetime) -> None:
    quick = HandoffFact.objects.get(id=week_of_work(in_acme, now)["quick"].id)
    assert (quick.touch_verdict, quick.touch_seconds) == ("met", 1_800)
    assert (quick.member_id, quick.team_id) == (in_acme.reps[0].id, in_acme.team.id)
    assert (quick.tier_name, quick.source) == ("Contact form", "Webinar")


def test_a_rebuild_gives_the_same_facts(in_acme: Org, now: datetime) -> None:
    week_of_work(in_acme, now)
    before = everything()
    rebuild(in_acme.id)
    assert everything() == before


def test_after_an_upgrade_the_first_change_brings_the_facts_of_all(in_acme: Org, now: datetime) -> None:
    """Those that nobody changes any more had none; roll-ups must not be called complete without them."""
    made = week_of_work(in_acme, now)
    before = everything()
    HandoffFact.objects.all().delete()
    RollUpState.objects.all().delete()
    mark_dirty([made["quick"].id], now)
    drain_tenant(in_acme.id)
    assert everything() == before


def test_moves_are_counted_by_how_many_others_got_the_lead(in_acme: Org, now: datetime) -> None:
    handoff = hand_over(in_acme, at=now, owner=in_acme.reps[0])
    give(handoff, in_acme.reps[1], at=now + timedelta(minutes=5))
    fact = fact_of(in_acme, handoff, now)
    assert (fact.moves, fact.wrong_owner_moves, fact.member_id) == (1, 0, in_acme.reps[1].id)
    assert fact.assigned_at == now


def test_the_segment_is_the_size_of_the_lead_s_company(in_acme: Org, now: datetime) -> None:
    handoff = hand_over(in_acme, at=now)
    assert fact_of(in_acme, handoff, now).segment == ""
    for employees, segment in ((49, "small"), (50, "medium"), (999, "large"), (1_000, "enterprise")):
        account = Account.objects.create(name=f"Firm of {employees}", employees=employees, created_at=now)
        Lead.objects.filter(id=handoff.lead_id).update(account=account)
        assert fact_of(in_acme, handoff, now).segment == segment


def test_what_a_lead_lacks_is_what_is_missing_or_cannot_be_true(in_acme: Org, now: datetime) -> None:
    handoff = hand_over(in_acme, at=now)
    Lead.objects.filter(id=handoff.lead_id).update(
        email="lea@example.com", phone="123", title="Head of Operations", invalid=["bad_phone"]
    )
    lacks = fact_of(in_acme, handoff, now).lacks
    assert "email" not in lacks
    assert "title" not in lacks
    assert {"company_name", "account.domain", "country"} <= set(lacks)


def test_amounts_are_those_in_the_organisation_s_currency(in_acme: Org, now: datetime) -> None:
    handoff = hand_over(in_acme, at=now)
    for amount, currency, outcome in (
        (100, "EUR", ""),
        (50, "EUR", "won"),
        (900, "USD", "won"),
        (7, "EUR", "lost"),
    ):
        Opportunity.objects.create(
            lead=handoff.lead,
            handoff=handoff,
            amount=Decimal(amount),
            currency=currency,
            outcome=outcome,
            opened_at=now,
            closed_at=now if outcome else None,
            updated_at=now,
        )
    fact = fact_of(in_acme, handoff, now)
    assert (fact.amount, fact.won_amount) == (Decimal(157), Decimal(50))


def test_touches_and_money_without_end_of_one_lead_do_not_stop_the_facts_of_all(
    in_acme: Org, now: datetime
) -> None:
    handoff = hand_over(in_acme, at=now, owner=in_acme.reps[0])
    known = {"lead": handoff.lead, "handoff": handoff}
    Touch.objects.bulk_create(Touch(**known, kind="call", at=now, logged_at=now) for _ in range(32_768))
    dear = {"amount": Decimal("999999999999.99"), "currency": "EUR", "opened_at": now, "updated_at": now}
    Opportunity.objects.bulk_create(
        Opportunity(**known, **dear, outcome="won", closed_at=now) for _ in range(101)
    )
    found = fact_of(in_acme, handoff, now)
    assert (found.touches, found.amount) == (32_767, Decimal("99999999999999.99"))
    assert found.won_amount == found.amount
