"""Whatever a fact of a handoff was built from: when it changes, the fact follows."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.errors import Conflict
from feedback.models import Disposition, Reason
from feedback.taxonomy import change_reason
from handoff.corrections import correct
from leads.account_edit import change_account
from leads.account_merge import merge_accounts, undo_merge
from leads.corrections import Correction
from leads.dirty import mark_accounts_dirty
from leads.models import Account, DirtyHandoff, Handoff, Lead
from reporting.facts import drain_tenant
from reporting.models import HandoffFact, HandoffRollUp
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


# --- Whose a reason is ---


def refused(org: Org, reason: Reason, now: datetime, *, undone: bool = False) -> Handoff:
    handoff = hand_over(org, at=now - timedelta(days=1), owner=org.reps[0])
    Disposition.objects.create(
        handoff=handoff, kind="rejected", at=now, actor="x", reason=reason, undone_at=now if undone else None
    )
    return handoff


def test_a_reason_that_becomes_routing_s_is_counted_so_in_history_too(in_acme: Org, now: datetime) -> None:
    reason = Reason.objects.get(kind="reject", slug="bad_contact_data")
    other = Reason.objects.get(kind="reject", slug="wrong_title")
    mine = [refused(in_acme, reason, now) for _ in range(3)]
    refused(in_acme, reason, now, undone=True)
    refused(in_acme, other, now)
    drain_tenant(in_acme.id)

    def counted() -> tuple[int, int]:
        """Rejected, and of these for reasons of routing: of the cells, and of the facts."""
        cells = HandoffRollUp.objects.filter(cube="team", days=7)
        sides = list(HandoffFact.objects.filter(decision="rejected").values_list("reason_side", flat=True))
        told = sum(cell.rejected for cell in cells), sum(cell.rejected_for_routing for cell in cells)
        assert told == (len(sides), sides.count("routing"))
        return told

    assert counted() == (4, 0)
    for side, expected in (("routing", (4, 3)), ("marketing", (4, 0))):
        change_reason(reason_id=reason.id, said={"side": side}, actor="x", now=now)
        noted = DirtyHandoff.objects.values_list("handoff_id", flat=True)
        assert sorted(noted) == sorted(each.id for each in mine)  # each once, and nobody else's
        drain_tenant(in_acme.id)
        assert counted() == expected


def test_another_name_of_a_reason_has_nothing_counted_again(in_acme: Org, now: datetime) -> None:
    reason = Reason.objects.get(kind="reject", slug="bad_contact_data")
    refused(in_acme, reason, now)
    drain_tenant(in_acme.id)
    change_reason(reason_id=reason.id, said={"label": "Known to us", "hint": "x"}, actor="x", now=now)
    Reason.objects.filter(kind="reject").exclude(id=reason.id).update(is_active=False)
    with pytest.raises(Conflict):
        change_reason(reason_id=reason.id, said={"side": "routing"}, actor="x", now=now)
    assert DirtyHandoff.objects.count() == 0


def test_another_organisation_s_reason_of_the_same_name_is_not_touched(
    acme: Org, globex: Org, now: datetime
) -> None:
    for org in (acme, globex):
        with org.scope():
            refused(org, Reason.objects.get(kind="reject", slug="bad_contact_data"), now)
            drain_tenant(org.id)
    with acme.scope():
        reason = Reason.objects.get(kind="reject", slug="bad_contact_data")
        change_reason(reason_id=reason.id, said={"side": "routing"}, actor="x", now=now)
        drain_tenant(acme.id)
        assert HandoffFact.objects.get().reason_side == "routing"
    with globex.scope():
        assert DirtyHandoff.objects.count() == 0
        assert HandoffFact.objects.get().reason_side == "marketing"
