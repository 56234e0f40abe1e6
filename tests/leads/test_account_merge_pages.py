"""The pages about accounts that are one company, and about what stands above them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from leads.account_compare import compare_accounts, open_pairs
from leads.account_merge import merge_accounts
from leads.criteria_drafts import publish_criteria
from leads.models import Account, AccountMerge, AccountPair, Lead, NamedList
from tests.factories import Org
from tests.leads.test_account_pages import account, as_, written
from tests.leads.test_criteria_draft import text_of
from tests.leads.test_list_pages import made
from tests.leads.test_named_lists import excluding

pytestmark = pytest.mark.django_db


def told(client: Client) -> str:
    return client.get("/accounts").content.decode()


def test_a_parent_is_written_by_its_domain_or_name_and_shown(acme: Org, now: datetime) -> None:
    heron, chick = account(acme, now, "Heron"), account(acme, now, "Chick")
    client, address = as_(acme.marketing), f"/accounts/{chick.id}"
    assert client.post(address, written(client, address, parent="heron.example")).status_code == 302
    with acme.scope():
        assert Account.objects.get(id=chick.id).parent_id == heron.id
    assert "Part of" in client.get(address).content.decode()
    assert "Chick" in client.get(f"/accounts/{heron.id}").content.decode()
    for wrong in ("Chick", "Nobody"):
        refused = client.post(address, written(client, address, parent=wrong))
        assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["parent"])
    assert client.post(address, written(client, address, parent="")).status_code == 302
    with acme.scope():
        assert Account.objects.get(id=chick.id).parent_id is None


def test_an_account_is_merged_after_a_look_at_what_that_does_and_taken_out_again(
    acme: Org, now: datetime
) -> None:
    heron, lost = account(acme, now, "Heron"), account(acme, now, "Heronry", employees=12)
    with acme.scope():
        Lead.objects.create(email="a@b.example", account=lost, created_at=now, updated_at=now)
    client, address = as_(acme.manager), f"/accounts/{lost.id}/merge"
    shown = client.get(address, {"into": "heron.example"})
    assert "Employees: 12" in shown.content.decode()
    assert client.post(address, {"into": str(heron.id)}).url == f"/accounts/{heron.id}"
    page = client.get(f"/accounts/{heron.id}").content.decode()
    assert "Heronry" in page
    assert "Undo until" in client.get(f"/accounts/{heron.id}/names").content.decode()
    assert "Merged into" in client.get(f"/accounts/{lost.id}").content.decode()
    assert client.post(f"/accounts/{lost.id}", {"name": "x"}).status_code == 409
    assert "Heronry" not in [each.name for each in client.get("/accounts").context["found"]]
    assert [each.name for each in client.get("/accounts", {"q": "heronry"}).context["found"]] == ["Heron"]
    with acme.scope():
        merge = AccountMerge.objects.get()
    assert client.post(f"/accounts/merges/{merge.id}/undo").url == f"/accounts/{lost.id}"
    with acme.scope():
        assert Lead.objects.get().account_id == lost.id


def test_the_wrong_way_round_is_refused_with_the_right_one(acme: Org, now: datetime) -> None:
    heron = account(acme, now, "Heron")
    with acme.scope():
        nameless = Account.objects.create(name="Heron GmbH", created_at=now)
    client = as_(acme.manager)
    refused = client.post(f"/accounts/{heron.id}/merge", {"into": "Heron GmbH"})
    assert refused.status_code == 422
    assert f"/accounts/{nameless.id}/merge?into={heron.id}" in refused.content.decode()
    assert client.get(f"/accounts/{heron.id}/merge", {"into": "Nobody"}).status_code == 200


def test_pairs_are_answered_on_their_page(acme: Org, now: datetime) -> None:
    for name in ("Heron Freight", "Heron Freigth", "Heron Frieght"):
        account(acme, now, name.replace(" ", ""))
    with acme.scope():
        Account.objects.all().update(website="")
        compare_accounts(acme.id, now=now)
        pairs = list(open_pairs())
    assert len(pairs) == 3
    client = as_(acme.marketing)
    assert "3 pairs of accounts may be the same" in told(client)
    assert len(client.get("/accounts/review").context["rows"]) == 3
    assert client.post(f"/accounts/review/{pairs[0].id}", {"answer": "different"}).status_code == 302
    assert client.post(f"/accounts/review/{pairs[1].id}", {"answer": "same"}).status_code == 302
    assert client.post(f"/accounts/review/{pairs[1].id}", {"answer": "same"}).status_code == 302
    assert client.post(f"/accounts/review/{pairs[2].id}", {}).status_code == 302
    with acme.scope():
        assert AccountMerge.objects.count() == 1
        assert AccountPair.objects.filter(state="different").count() == 1


def test_when_to_ask_is_chosen_there(acme: Org, now: datetime) -> None:
    client = as_(acme.admin)
    assert client.post("/accounts/review", {"suggest": "on", "threshold": "90"}).status_code == 302
    assert client.get("/accounts/review").context["form"].initial["threshold"] == 90
    assert client.post("/accounts/review", {"suggest": "on", "threshold": "5"}).status_code == 422


def test_names_are_added_and_removed_on_a_page_of_their_own(acme: Org, now: datetime) -> None:
    heron = account(acme, now, "Heron")
    client, address = as_(acme.marketing), f"/accounts/{heron.id}/names"
    client.post(address, {"also": "heron-two.example", "kind": "domain"})
    refused = client.post(address, {"also": "gmail.com", "kind": "domain"})
    assert refused.status_code == 422
    assert 'value="gmail.com"' in refused.content.decode(), "what was typed stands there still"
    client.post(address, {"also": "Heron Freight", "kind": "name"})
    with acme.scope():
        rows = list(Account.objects.filter(merged_into=heron).order_by("name"))
    assert [row.name for row in rows] == ["Heron Freight", "heron-two.example"]
    client.post(f"{address}/{rows[0].id}/remove")
    with acme.scope():
        assert Account.objects.filter(merged_into=heron).count() == 1


def test_a_rep_changes_none_of_it(acme: Org, now: datetime) -> None:
    heron = account(acme, now, "Heron")
    client = as_(acme.reps[0])
    for address in (
        "/accounts/review",
        "/accounts/lists",
        f"/accounts/{heron.id}/merge",
        f"/accounts/{heron.id}/names",
    ):
        assert client.get(address).status_code == 403
    assert client.get("/accounts").status_code == 200


def test_the_pages_cost_the_same_however_much_there_is(
    acme: Org, now: datetime, django_assert_max_num_queries: Any
) -> None:
    heron = account(acme, now, "Heron")
    for number in range(30):
        letter = "abcdefghijklmnopqrstuvwxyzåäöü"[number]
        account(acme, now, f"Kestrels{letter}", owner_id=acme.reps[0].id, parent=heron)
    with acme.scope():
        compare_accounts(acme.id, now=now)
        for row in Account.objects.filter(domain__in=["kestrelsa.example", "kestrelsb.example"]):
            merge_accounts(winner_id=heron.id, loser_id=row.id, actor="a", now=now)
    client = as_(acme.admin)
    for address in ("/accounts", "/accounts/review", f"/accounts/{heron.id}", "/accounts/lists"):
        with django_assert_max_num_queries(20):
            assert client.get(address).status_code == 200


def test_accounts_of_one_name_are_told_apart_by_their_domains(acme: Org, now: datetime) -> None:
    with acme.scope():
        for domain in ("teal-one.example", "teal-two.example"):
            Account.objects.create(name="Teal Retail", domain=domain, created_at=now)
        compare_accounts(acme.id, now=now)
        one, two = Account.objects.order_by("domain")
    page = as_(acme.marketing).get("/accounts/review").content.decode()
    for each in (one, two):
        assert f"eep Teal Retail ({each.domain})" in page
        assert (
            page.count(f'href="/accounts/{each.id}">Teal Retail</a>') == 2
        )  # in the heading, and above its facts


def test_a_merge_says_beforehand_which_lists_the_company_comes_on(acme: Org, now: datetime) -> None:
    heron, lost = account(acme, now, "Heron"), account(acme, now, "Heronry")
    made(acme, now, "heronry.example")
    made(acme, now, "heron.example", name="Partners of ours")
    with acme.scope():
        publish_criteria(excluding(acme, "rivals"), based_on=1, actor="a", now=now)
    page = text_of(as_(acme.manager).get(f"/accounts/{lost.id}/merge", {"into": str(heron.id)}))
    assert "Heron comes on Rivals : Heronry is on it." in page
    assert "The leads that move come on Partners of ours : Heron is on it." in page
    assert "may exclude leads or choose who gets them: qualification criteria, version 2 (in force)." in page
    with acme.scope():
        NamedList.objects.all().delete()
    page = text_of(as_(acme.manager).get(f"/accounts/{lost.id}/merge", {"into": str(heron.id)}))
    assert "Named lists Nothing changes" in page


@pytest.mark.parametrize(
    ("kind", "typed", "said"),
    [
        ("domain", "gmail.com", "so it names none of them."),
        ("domain", "no domain", "Write it like acme.com, or add it as a name."),
        (
            "domain",
            "kestrel.example",
            "Kestrel has this already. If they are one company, merge the two accounts.",
        ),
        ("name", " heron ", "The account is called Heron already."),
        ("name", "x" * 201, "At most 200 characters of plain text."),
    ],
)
def test_a_name_that_is_refused_stays_in_its_field_with_why(
    acme: Org, now: datetime, kind: str, typed: str, said: str
) -> None:
    heron, _ = account(acme, now, "Heron"), account(acme, now, "Kestrel")
    refused = as_(acme.marketing).post(f"/accounts/{heron.id}/names", {"also": typed, "kind": kind})
    page = refused.content.decode()
    assert refused.status_code == 422
    assert f'value="{typed}"' in page
    assert said in page[page.index('id="also_error"') :]
    with acme.scope():
        assert not Account.objects.filter(merged_into=heron).exists()


def test_what_no_row_can_hold_is_refused_as_anything_else_is(acme: Org, now: datetime) -> None:
    heron, client = account(acme, now, "Heron"), as_(acme.marketing)
    added = client.post(f"/accounts/{heron.id}/names", {"also": "He\x00ron", "kind": "name"})
    merged = client.post(f"/accounts/{heron.id}/merge", {"into": "He\x00ron"})
    assert (added.status_code, merged.status_code) == (422, 422)
    assert "At most 200 characters of plain text." in added.content.decode()
    assert "No account is called" in merged.content.decode()
