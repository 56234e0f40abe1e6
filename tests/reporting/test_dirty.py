"""Whatever a fact of a handoff was built from: when it changes, the fact follows."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from handoff.corrections import correct
from leads.account_edit import change_account
from leads.account_merge import merge_accounts, undo_merge
from leads.corrections import Correction
from leads.dirty import mark_accounts_dirty
from leads.models import Account, DirtyHandoff, Handoff, Lead
from reporting.facts import drain_tenant
from reporting.models import HandoffFact
from tests.factories import Org
from tests.reporting.scenes import hand_over

pytestmark = pytest.mark.django_db


def of_account(org: Org, account: Account, now: datetime) -> Handoff:
    handoff = hand_over(org, at=now - timedelta(days=1), owner=org.reps[0])
    Lead.objects.filter(id=handoff.lead_id).update(account=account)
    drain_tenant(org.id)
    return handoff


def segment_of(org: Org, handoff: Handoff) -> str:
    drain_tenant(org.id)
    return HandoffFact.objects.get(id=handoff.id).segment


def test_a_company_s_size_that_is_changed(in_acme: Org, now: datetime) -> None:
    account = Account.objects.create(name="Nordwind", employees=10, created_at=now)
    handoffs = [of_account(in_acme, account, now) for _ in range(2)]
    change_account(account_id=account.id, changes={"employees": 5_000}, actor="x", now=now)
    assert DirtyHandoff.objects.count() == 1  # however many leads the company has
    assert [segment_of(in_acme, each) for each in handoffs] == ["enterprise"] * 2


def test_companies_that_are_merged_and_made_two_again(in_acme: Org, now: datetime) -> None:
    large = Account.objects.create(name="Nordwind", employees=300, domain="nordwind.example", created_at=now)
    small = Account.objects.create(name="Nordwind Ost", employees=10, created_at=now)
    handoff = of_account(in_acme, small, now)
    assert segment_of(in_acme, handoff) == "small"
    merge = merge_accounts(winner_id=large.id, loser_id=small.id, actor="x", now=now)
    assert segment_of(in_acme, handoff) == "large"
    undo_merge(merge_id=merge.id, actor="x", now=now)
    assert segment_of(in_acme, handoff) == "small"


def test_a_lead_that_is_put_right_after_its_handoff_was_closed(in_acme: Org, now: datetime) -> None:
    handoff = hand_over(
        in_acme, at=now - timedelta(days=3), owner=in_acme.reps[0], closed=now - timedelta(days=2)
    )
    Lead.objects.filter(id=handoff.lead_id).update(email="lea@nordwind.example")
    drain_tenant(in_acme.id)
    assert "title" in HandoffFact.objects.get(id=handoff.id).lacks
    correct(
        lead=Lead.objects.get(id=handoff.lead_id),
        correction=Correction(lead={"title": "Head of Purchasing"}, company={}),
        actor="x",
        clock=lambda: now,
    )
    drain_tenant(in_acme.id)
    assert "title" not in HandoffFact.objects.get(id=handoff.id).lacks


def test_more_handoffs_than_a_turn_takes_are_left_to_the_next_turns(in_acme: Org, now: datetime) -> None:
    account = Account.objects.create(name="Nordwind", employees=10, created_at=now)
    handoffs = [of_account(in_acme, account, now) for _ in range(5)]
    Account.objects.filter(id=account.id).update(employees=100)
    mark_accounts_dirty([account.id], now)
    assert drain_tenant(in_acme.id, limit=2) == 2
    assert DirtyHandoff.objects.count() == 5
    while drain_tenant(in_acme.id, limit=2):
        pass
    assert {HandoffFact.objects.get(id=each.id).segment for each in handoffs} == {"medium"}
