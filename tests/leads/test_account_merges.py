"""Accounts that are one company: other names, suggestions, merges, and how they are taken back."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from core.errors import Conflict, ValidationFailed
from handoff.intake import receive_lead
from leads import account_merge
from leads.account_compare import (
    answer_pair,
    change_account_settings,
    compare_accounts,
    open_pairs,
    tenants_with_names_to_compare,
)
from leads.account_edit import change_account
from leads.account_merge import UNDO_FOR, merge_accounts, preview_merge, undo_merge
from leads.account_names import add_name, remove_name
from leads.account_tree import MOST_LEVELS, ancestors
from leads.incoming import CompanyIn, LeadIn
from leads.list_csv import read_table
from leads.list_import import plan_import
from leads.models import Account, AccountMerge, AccountPair, Lead
from leads.named_lists import create_list
from tenants.clock import fixed_clock
from tenants.models import AuditEntry
from tests.factories import Org

pytestmark = pytest.mark.django_db


def account(now: datetime, name: str, domain: str = "", **fields: Any) -> Account:
    found: Account = Account.objects.create(name=name, domain=domain, created_at=now, **fields)
    return found


def arrives(now: datetime, email: str, **company: Any) -> Lead:
    item = LeadIn(email=email, company=CompanyIn(**company))
    return receive_lead(item=item, actor="key:test", clock=fixed_clock(now)).lead


# --- Other names ---


def test_a_lead_joins_by_another_domain_and_by_another_name_at_once(in_acme: Org, now: datetime) -> None:
    heron = account(now, "Heron", "heron.example")
    add_name(account_id=heron.id, domain="heron-two.example", actor="system", now=now)
    add_name(account_id=heron.id, name="Heron Freight", actor="system", now=now)
    assert arrives(now, "ann@heron-two.example").account_id == heron.id
    assert arrives(now, "bob@gmail.com", name="Heron Freight").account_id == heron.id
    assert Account.objects.filter(merged_into=None).count() == 1
    assert Account.objects.get(id=heron.id).name == "Heron"


def test_a_website_at_another_domain_names_its_account(in_acme: Org, now: datetime) -> None:
    heron = account(now, "Heron", "heron.example")
    website = {"website": "https://www.heron-two.example/x"}
    change_account(account_id=heron.id, changes=website, actor="a", now=now)
    assert arrives(now, "ann@heron-two.example").account_id == heron.id
    kestrel = account(now, "Kestrel", "kestrel.example")
    with pytest.raises(ValidationFailed) as refused:
        change_account(account_id=kestrel.id, changes={"website": "heron-two.example"}, actor="a", now=now)
    assert refused.value.field_errors[0].path == "/website"


def test_a_name_that_another_account_has_is_refused_and_one_that_was_added_can_go(
    in_acme: Org, now: datetime
) -> None:
    heron = account(now, "Heron", "heron.example")
    account(now, "Kestrel", "kestrel.example")
    account(now, "Wren")
    for said, path in (
        ({"domain": "kestrel.example"}, "/domain"),
        ({"domain": "heron.example"}, "/domain"),
        ({"domain": "gmail.com"}, "/domain"),
        ({"name": "Wren"}, "/name"),
        ({}, "/name"),
    ):
        with pytest.raises(ValidationFailed) as refused:
            add_name(account_id=heron.id, actor="a", now=now, **said)
        assert refused.value.field_errors[0].path == path
    row = add_name(account_id=heron.id, domain="heron-two.example", actor="a", now=now)
    compare_accounts(in_acme.id, now=now)
    remove_name(account_id=heron.id, name_id=row.id, actor="a", now=now)
    assert not Account.objects.filter(id=row.id).exists()


# --- Names that are alike ---


def test_names_that_are_alike_are_asked_about_and_no_is_remembered(in_acme: Org, now: datetime) -> None:
    heron = account(now, "Heron Logistics", "heron.example")
    account(now, "Kestrel", "kestrel.example")
    lead = arrives(now, "ann@gmail.com", name="Heron Logistcs GmbH")
    assert lead.account_id != heron.id
    assert compare_accounts(in_acme.id, now=now) == 3
    assert compare_accounts(in_acme.id, now=now) == 0
    (pair,) = open_pairs()
    assert {pair.first_id, pair.second_id} == {heron.id, lead.account_id}
    answer_pair(pair_id=pair.id, same=False, keep_id=None, actor="member:x", now=now)
    with pytest.raises(Conflict):
        answer_pair(pair_id=pair.id, same=True, keep_id=None, actor="member:x", now=now)
    Account.objects.update(compared_name="")
    compare_accounts(in_acme.id, now=now)
    assert list(open_pairs()) == []


def test_yes_merges_into_the_one_with_the_domain_and_the_next_lead_joins_at_once(
    in_acme: Org, now: datetime
) -> None:
    lead = arrives(now, "ann@gmail.com", name="Heron Logistcs GmbH")
    heron = account(now, "Heron Logistics", "heron.example")
    compare_accounts(in_acme.id, now=now)
    (pair,) = open_pairs()
    assert answer_pair(pair_id=pair.id, same=True, keep_id=None, actor="a", now=now).state == "same"
    lead.refresh_from_db()
    assert lead.account_id == heron.id
    assert arrives(now, "bob@gmail.com", name="Heron Logistcs GmbH").account_id == heron.id


def test_the_threshold_decides_and_nothing_is_asked_where_it_is_off(in_acme: Org, now: datetime) -> None:
    account(now, "Herons", "heron.example")
    account(now, "Heronx", "heron-two.example")
    change_account_settings(suggest=True, threshold=90, actor="a", now=now)
    compare_accounts(in_acme.id, now=now)
    assert open_pairs().count() == 0
    change_account_settings(suggest=True, threshold=80, actor="a", now=now)
    compare_accounts(in_acme.id, now=now)
    assert open_pairs().count() == 1
    with pytest.raises(ValidationFailed):
        change_account_settings(suggest=True, threshold=20, actor="a", now=now)


def test_asking_about_more_compares_all_names_again_bit_by_bit_and_writes_no_account(
    in_acme: Org, now: datetime
) -> None:
    for number in range(5):
        account(now, f"Heron{'abcde'[number]}", f"heron{number}.example")
    change_account_settings(suggest=True, threshold=95, actor="a", now=now)
    compare_accounts(in_acme.id, now=now)
    assert tenants_with_names_to_compare() == []
    change_account_settings(suggest=True, threshold=80, actor="a", now=now)
    assert not Account.objects.filter(compared_name="").exists()
    assert tenants_with_names_to_compare() == [in_acme.id]
    turns = []
    while tenants_with_names_to_compare():
        turns.append(compare_accounts(in_acme.id, now=now, batch=2))
    assert turns == [2, 2, 1]
    assert open_pairs().count() == 10


def test_a_setting_that_changes_while_names_are_compared_again_starts_over_or_ends_it(
    in_acme: Org, now: datetime
) -> None:
    for letter in "abcde":
        account(now, f"Heron{letter}", f"heron{letter}.example")
    change_account_settings(suggest=True, threshold=99, actor="a", now=now)
    compare_accounts(in_acme.id, now=now)
    change_account_settings(suggest=True, threshold=95, actor="a", now=now)
    compare_accounts(in_acme.id, now=now, batch=4)
    change_account_settings(suggest=True, threshold=80, actor="a", now=now)
    while tenants_with_names_to_compare():
        compare_accounts(in_acme.id, now=now, batch=4)
    assert open_pairs().count() == 10
    change_account_settings(suggest=True, threshold=75, actor="a", now=now)
    change_account_settings(suggest=False, threshold=75, actor="a", now=now)
    assert tenants_with_names_to_compare() == []


def test_accounts_called_by_their_domains_are_not_taken_for_alike(in_acme: Org, now: datetime) -> None:
    arrives(now, "ann@firm01.example")
    arrives(now, "ann@firm02.example")
    compare_accounts(in_acme.id, now=now)
    assert open_pairs().count() == 0


def test_comparing_costs_the_same_for_two_names_and_for_fifty(
    in_acme: Org, now: datetime, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    costs = []
    for many in (2, 50):
        for number in range(many):
            account(now, f"Heron {number} {many}", f"heron{number}-{many}.example")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert compare_accounts(in_acme.id, now=now) == many
        costs.append(len(asked))
    assert costs[0] == costs[1] <= 10


# --- Merging ---


def test_leads_names_and_subsidiaries_move_and_blanks_are_filled(in_acme: Org, now: datetime) -> None:
    heron = account(now, "Heron", "heron.example", industry="Freight")
    lost = account(now, "Heron Old", "heron-two.example", industry="Zoos", employees=50, is_customer=True)
    child = account(now, "Chick", parent=lost)
    add_name(account_id=lost.id, domain="heron-three.example", actor="a", now=now)
    lead = arrives(now, "ann@heron-two.example")
    shown = preview_merge(winner_id=heron.id, loser_id=lost.id)
    assert (shown.leads, [each.name for each in shown.subsidiaries]) == (1, ["Chick"])
    assert shown.filled == {"employees": (None, 50), "is_customer": (False, True)}
    assert Lead.objects.get(id=lead.id).account_id == lost.id

    merge_accounts(winner_id=heron.id, loser_id=lost.id, actor="member:x", now=now)
    for row in (heron, lost, child, lead):
        row.refresh_from_db()
    assert (heron.industry, heron.employees, heron.is_customer) == ("Freight", 50, True)
    assert (lost.merged_into_id, child.parent_id, lead.account_id) == (heron.id, heron.id, heron.id)
    assert arrives(now, "bob@heron-two.example").account_id == heron.id
    assert arrives(now, "carl@heron-three.example").account_id == heron.id
    entry = AuditEntry.objects.get(action="account.merge")
    assert (entry.before["name"], entry.after["leads"]) == ("Heron Old", 1)


def test_a_known_lead_of_the_lost_account_stays_with_the_winner(in_acme: Org, now: datetime) -> None:
    heron, lost = account(now, "Heron", "heron.example"), account(now, "Heron Old")
    lead = arrives(now, "ann@gmail.com", name="Heron Old")
    merge_accounts(winner_id=heron.id, loser_id=lost.id, actor="a", now=now)
    assert arrives(now, "ann@gmail.com", employees=70).id == lead.id
    heron.refresh_from_db()
    assert heron.employees == 70


def test_undo_gives_everything_back_but_what_came_or_changed_since(in_acme: Org, now: datetime) -> None:
    top = account(now, "Top", "top.example")
    heron = account(now, "Heron", "heron.example")
    lost = account(now, "Heron Old", "heron-two.example", employees=50, industry="Zoos", parent=top)
    child = account(now, "Chick", parent=lost)
    alias = add_name(account_id=lost.id, domain="heron-three.example", actor="a", now=now)
    own, early = arrives(now, "own@heron.example"), arrives(now, "ann@heron-two.example")
    rows = Account.objects.exclude(id=heron.id).order_by("id")
    before = list(rows.values())
    merge = merge_accounts(winner_id=heron.id, loser_id=lost.id, actor="a", now=now)
    late = arrives(now, "late@heron-two.example")
    change_account(account_id=heron.id, changes={"industry": "Freight"}, actor="a", now=now)
    undo_merge(merge_id=merge.id, actor="a", now=now + UNDO_FOR)
    assert list(rows.values()) == before
    for row in (heron, own, early, late, child, alias):
        row.refresh_from_db()
    assert (heron.employees, heron.industry, heron.parent_id) == (None, "Freight", None)
    assert (own.account_id, early.account_id, late.account_id) == (heron.id, lost.id, heron.id)
    assert arrives(now, "new@heron-two.example").account_id == lost.id
    with pytest.raises(Conflict):
        undo_merge(merge_id=merge.id, actor="a", now=now)


@pytest.mark.parametrize("first_undone", [0, 1])
def test_what_two_merges_give_stays_until_both_are_undone(
    in_acme: Org, now: datetime, first_undone: int
) -> None:
    heron = account(now, "Heron", "heron.example")
    merges = []
    for name, tier in (("One", "A"), ("Two", "B")):
        lost = account(now, name, is_competitor=True, industry="Freight", tier=tier)
        merges.append(merge_accounts(winner_id=heron.id, loser_id=lost.id, actor="a", now=now))
    undo_merge(merge_id=merges[first_undone].id, actor="a", now=now)
    heron.refresh_from_db()
    assert (heron.is_competitor, heron.industry) == (True, "Freight")
    assert heron.tier == ("" if first_undone == 0 else "A")
    undo_merge(merge_id=merges[1 - first_undone].id, actor="a", now=now)
    heron.refresh_from_db()
    assert (heron.is_competitor, heron.industry, heron.tier) == (False, "", "")


def test_a_chain_of_merges_finds_the_last_and_is_undone_from_its_end(in_acme: Org, now: datetime) -> None:
    one, two = account(now, "One", "one.example"), account(now, "Two", "two.example")
    three = account(now, "Three", "three.example")
    first = merge_accounts(winner_id=two.id, loser_id=one.id, actor="a", now=now)
    second = merge_accounts(winner_id=three.id, loser_id=two.id, actor="a", now=now)
    assert arrives(now, "ann@one.example").account_id == three.id
    with pytest.raises(Conflict, match="undo that first"):
        undo_merge(merge_id=first.id, actor="a", now=now)
    undo_merge(merge_id=second.id, actor="a", now=now)
    assert arrives(now, "bob@one.example").account_id == two.id
    undo_merge(merge_id=first.id, actor="a", now=now)
    assert arrives(now, "carl@one.example").account_id == one.id


def test_an_undoing_that_would_close_a_circle_is_refused_with_the_way(in_acme: Org, now: datetime) -> None:
    top = account(now, "Top", "top.example")
    lost = account(now, "Lost", parent=top)
    heron = account(now, "Heron", "heron.example", parent=lost)
    merge = merge_accounts(winner_id=heron.id, loser_id=lost.id, actor="a", now=now)
    rows = Account.objects.order_by("id")
    change_account(account_id=heron.id, changes={"parent": None}, actor="a", now=now)
    change_account(account_id=top.id, changes={"parent": heron.id}, actor="a", now=now)
    undo_merge(merge_id=merge.id, actor="a", now=now)  # Heron's parent was changed, so it stays out of it
    assert [each.name for each in ancestors(Account.objects.get(id=lost.id))] == ["Top", "Heron"]
    child = account(now, "Child", parent=lost)
    merge = merge_accounts(winner_id=heron.id, loser_id=lost.id, actor="a", now=now)
    Account.objects.filter(id=lost.id).update(parent=child)
    before = list(rows.values())
    with pytest.raises(Conflict, match="close a circle: Lost below Child below Lost"):
        undo_merge(merge_id=merge.id, actor="a", now=now)
    assert list(rows.values()) == before


def test_an_undoing_that_would_stand_too_many_above_one_another_is_refused(
    in_acme: Org, now: datetime
) -> None:
    heron = account(now, "Heron", "heron.example")
    lost = account(now, "Lost")
    child = account(now, "Child", parent=lost)
    merge = merge_accounts(winner_id=heron.id, loser_id=lost.id, actor="a", now=now)
    above: Account | None = None
    for level in range(MOST_LEVELS - 1):
        above = account(now, f"Level {level}", parent=above)
    assert above is not None
    Account.objects.filter(id=lost.id).update(parent=above)
    before = list(Account.objects.order_by("id").values())
    with pytest.raises(Conflict, match="stand above one another"):
        undo_merge(merge_id=merge.id, actor="a", now=now)
    assert list(Account.objects.order_by("id").values()) == before
    change_account(account_id=child.id, changes={"parent": None}, actor="a", now=now)
    undo_merge(merge_id=merge.id, actor="a", now=now)
    assert len(ancestors(Account.objects.get(id=lost.id))) == MOST_LEVELS - 1


def test_an_old_merge_is_not_undone(in_acme: Org, now: datetime) -> None:
    one, two = account(now, "One", "one.example"), account(now, "Two", "two.example")
    merge = merge_accounts(winner_id=two.id, loser_id=one.id, actor="a", now=now)
    with pytest.raises(Conflict, match="30 days"):
        undo_merge(merge_id=merge.id, actor="a", now=now + UNDO_FOR + timedelta(seconds=1))


def test_what_cannot_be_one_is_refused(in_acme: Org, now: datetime) -> None:
    one, nameless = account(now, "One", "one.example"), account(now, "Nameless")
    below = account(now, "Below", "below.example", parent=account(now, "Mid", parent=one))
    for winner, loser in ((one, one), (nameless, one), (below, one)):
        with pytest.raises(ValidationFailed) as refused:
            merge_accounts(winner_id=winner.id, loser_id=loser.id, actor="a", now=now)
        assert refused.value.field_errors[0].path == "/into"
    assert AccountMerge.objects.count() == 0
    merge_accounts(winner_id=one.id, loser_id=nameless.id, actor="a", now=now)
    with pytest.raises(Conflict):
        merge_accounts(winner_id=one.id, loser_id=nameless.id, actor="a", now=now)
    with pytest.raises(Conflict):
        change_account(account_id=nameless.id, changes={"employees": 5}, actor="a", now=now)


def test_more_leads_than_one_merge_moves_are_refused_with_the_way_out(
    in_acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_merge, "MOST_LEADS", 2)
    large, small = account(now, "Large", "large.example"), account(now, "Small", "small.example")
    for name in ("ann", "bob", "carl"):
        arrives(now, f"{name}@large.example")
    for merge in (preview_merge, partial(merge_accounts, actor="a", now=now)):
        with pytest.raises(ValidationFailed, match="Merge Small into Large instead") as refused:
            merge(winner_id=small.id, loser_id=large.id)
        assert (refused.value.field_errors[0].path, refused.value.field_errors[0].code) == (
            "/into",
            "too_many",
        )
    nameless = account(now, "Nameless")
    for name in ("dan", "eve", "fay"):
        arrives(now, f"{name}@gmail.com", name="Nameless")
    with pytest.raises(ValidationFailed, match="name Large as the parent of Nameless instead"):
        merge_accounts(winner_id=large.id, loser_id=nameless.id, actor="a", now=now)
    merge_accounts(winner_id=large.id, loser_id=small.id, actor="a", now=now)


def test_a_parent_swallowed_by_its_child_leaves_no_circle(in_acme: Org, now: datetime) -> None:
    top = account(now, "Top", "top.example")
    parent = account(now, "Parent", "parent.example", parent=top)
    child = account(now, "Child", "child.example", parent=parent)
    other = account(now, "Other", parent=parent)
    merge = merge_accounts(winner_id=child.id, loser_id=parent.id, actor="a", now=now)
    for row in (child, other):
        row.refresh_from_db()
    assert (child.parent_id, other.parent_id) == (top.id, child.id)
    undo_merge(merge_id=merge.id, actor="a", now=now)
    for row in (child, other):
        row.refresh_from_db()
    assert child.parent_id == other.parent_id == parent.id


# --- Parents ---


def test_nobody_stands_above_itself(in_acme: Org, now: datetime) -> None:
    one = account(now, "One")
    two = account(now, "Two", parent=one)
    three = account(now, "Three", parent=two)
    for parent in (one, two, three):
        with pytest.raises(ValidationFailed) as refused:
            change_account(account_id=one.id, changes={"parent": parent.id}, actor="a", now=now)
        assert refused.value.field_errors[0].path == "/parent"
    assert "Three below Two below One" in str(_refusal(one, three, now))


def _refusal(account_: Account, parent: Account, now: datetime) -> ValidationFailed:
    with pytest.raises(ValidationFailed) as refused:
        change_account(account_id=account_.id, changes={"parent": parent.id}, actor="a", now=now)
    return refused.value


def test_at_most_ten_stand_above_one_another(in_acme: Org, now: datetime) -> None:
    lowest = account(now, "0")
    for number in range(1, 10):
        lowest = account(now, str(number), parent=lowest)
    one_more = account(now, "one more")
    assert _refusal(one_more, lowest, now).field_errors[0].code == "too_deep"


def _chain(now: datetime, letter: str, many: int) -> list[Account]:
    made: list[Account] = []
    for number in range(many):
        made.append(account(now, f"{letter}{number}", parent=made[-1] if made else None))
    return made


def test_those_below_count_with_those_above(in_acme: Org, now: datetime) -> None:
    upper, lower = _chain(now, "U", 6), _chain(now, "D", 5)
    assert _refusal(lower[0], upper[5], now).field_errors[0].code == "too_deep"
    lists = create_list(name="Named", purpose="named", actor="a", now=now)
    table = read_table("company,parent\nD0,U5\n")
    (line,) = plan_import(list_id=lists.id, table=table, now=now).lines
    assert "At most 10" in line.errors[0]
    change_account(account_id=lower[0].id, changes={"parent": upper[4].id}, actor="a", now=now)
    assert _refusal(upper[0], account(now, "Top"), now).field_errors[0].code == "too_deep"


def test_a_merge_puts_no_more_above_one_another_than_may_stand_there(in_acme: Org, now: datetime) -> None:
    upper, lower = _chain(now, "U", 6), _chain(now, "D", 6)
    with pytest.raises(ValidationFailed) as refused:
        merge_accounts(winner_id=upper[5].id, loser_id=lower[0].id, actor="a", now=now)
    assert [(each.path, each.code) for each in refused.value.field_errors] == [("/into", "too_deep")]
    merge_accounts(winner_id=upper[5].id, loser_id=lower[5].id, actor="a", now=now)


def test_no_circle_is_closed_in_a_tree_that_is_higher_than_may_be(in_acme: Org, now: datetime) -> None:
    """As one that was made before heights were counted."""
    chain = _chain(now, "C", 25)
    with pytest.raises(ValidationFailed, match="stands above"):
        merge_accounts(winner_id=chain[24].id, loser_id=chain[0].id, actor="a", now=now)
    assert _refusal(chain[0], chain[24], now).field_errors[0].code == "circle"
    lists = create_list(name="Named", purpose="named", actor="a", now=now)
    table = read_table("company,parent\nC0,C24\n")
    (line,) = plan_import(list_id=lists.id, table=table, now=now).lines
    assert "close a circle" in line.errors[0]


def test_a_circle_that_is_there_already_is_followed_once(in_acme: Org, now: datetime) -> None:
    chain = _chain(now, "C", 3)
    Account.objects.filter(id=chain[0].id).update(parent=chain[2])
    lists = create_list(name="Named", purpose="named", actor="a", now=now)
    table = read_table("company,parent\nOutside,C1\n")
    assert plan_import(list_id=lists.id, table=table, now=now).counts["accounts_made"] == 1
    outside = account(now, "Outside")
    change_account(account_id=outside.id, changes={"parent": chain[1].id}, actor="a", now=now)
    change_account(account_id=chain[0].id, changes={"parent": None}, actor="a", now=now)


def test_pairs_of_merged_accounts_are_not_asked_about(in_acme: Org, now: datetime) -> None:
    one, two = account(now, "Heron One", "a.example"), account(now, "Heron Onee", "b.example")
    third = account(now, "Kestrel", "c.example")
    compare_accounts(in_acme.id, now=now)
    assert open_pairs().count() == 1
    merge_accounts(winner_id=third.id, loser_id=two.id, actor="a", now=now)
    assert open_pairs().count() == 0
    assert AccountPair.objects.filter(first_id=min(one.id, two.id)).count() == 1
