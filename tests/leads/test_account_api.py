"""Accounts that are one company, and named lists, over the API."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from leads.account_compare import compare_accounts
from leads.criteria_drafts import publish_criteria
from leads.models import Account, ListEntry
from tests.factories import Org
from tests.leads.test_account_pages import account
from tests.leads.test_named_lists import excluding

pytestmark = pytest.mark.django_db


def call(org: Org, method: str, path: str, body: Any = None) -> Any:
    sent = json.dumps(body) if body is not None else ""
    return Client().generic(method, f"/api/v1{path}", sent, content_type="application/json", headers=org.auth)


def test_parent_tier_and_website_are_written_and_told(acme: Org, globex: Org, now: datetime) -> None:
    heron, chick = account(acme, now, "Heron"), account(acme, now, "Chick")
    said = {"parent": str(heron.id), "tier": "A", "website": "chick-two.example"}
    told = call(acme, "PATCH", f"/accounts/{chick.id}", said).json()
    assert {name: told[name] for name in said} == said
    assert [
        each["domain"] for each in call(acme, "GET", f"/accounts/{chick.id}/names").json()["results"]
    ] == ["chick-two.example"]
    foreign = account(globex, now, "Foreign")
    for wrong in (str(chick.id), str(foreign.id), "x"):
        refused = call(acme, "PATCH", f"/accounts/{chick.id}", {"parent": wrong})
        assert [error["path"] for error in refused.json()["errors"]] == ["/parent"]
    assert call(acme, "PATCH", f"/accounts/{heron.id}", {"parent": str(chick.id)}).status_code == 400
    assert call(acme, "PATCH", f"/accounts/{chick.id}", {"parent": None}).json()["parent"] is None


def test_a_merge_is_tried_done_told_and_undone(acme: Org, now: datetime) -> None:
    heron, lost = account(acme, now, "Heron"), account(acme, now, "Heronry", employees=5)
    tried = call(acme, "POST", f"/accounts/{lost.id}/merges", {"into": str(heron.id), "dry_run": True})
    assert (tried.status_code, tried.json()["fields"], tried.json()["id"]) == (200, {"employees": 5}, None)
    done = call(acme, "POST", f"/accounts/{lost.id}/merges", {"into": str(heron.id)})
    assert done.status_code == 201
    assert call(acme, "GET", f"/accounts/{lost.id}").json()["merged_into"] == str(heron.id)
    assert [each["name"] for each in call(acme, "GET", "/accounts").json()["results"]] == ["Heron"]
    assert call(acme, "PATCH", f"/accounts/{lost.id}", {"tier": "A"}).status_code == 409
    told = call(acme, "GET", f"/accounts/{heron.id}/merges").json()["results"]
    assert [each["id"] for each in told] == [done.json()["id"]]
    undone = call(acme, "POST", f"/accounts/merges/{done.json()['id']}/undo")
    assert undone.json()["undone_at"] is not None
    assert call(acme, "POST", f"/accounts/merges/{done.json()['id']}/undo").status_code == 409
    refused = call(acme, "POST", f"/accounts/{lost.id}/merges", {"into": str(lost.id)})
    assert [error["path"] for error in refused.json()["errors"]] == ["/into"]


def test_alike_accounts_are_listed_and_answered(acme: Org, now: datetime) -> None:
    for name in ("HeronFreight", "HeronFreigth"):
        account(acme, now, name)
    with acme.scope():
        compare_accounts(acme.id, now=now)
    (pair,) = call(acme, "GET", "/accounts/alike").json()["results"]
    assert pair["likeness"] > 80
    assert call(acme, "POST", f"/accounts/alike/{pair['id']}", {"answer": "perhaps"}).status_code == 400
    said = call(acme, "POST", f"/accounts/alike/{pair['id']}", {"answer": "different"})
    assert said.json()["state"] == "different"
    assert call(acme, "POST", f"/accounts/alike/{pair['id']}", {"answer": "same"}).status_code == 409
    assert call(acme, "GET", "/accounts/alike").json()["results"] == []
    assert call(acme, "PUT", "/accounts/alike/settings", {"suggest": True, "threshold": 90}).json() == {
        "suggest": True,
        "threshold": 90,
    }


def test_a_list_is_kept_over_the_api(acme: Org, now: datetime) -> None:
    made = call(acme, "POST", "/lists", {"name": "Rivals", "purpose": "competitors"})
    assert made.status_code == 201
    address = f"/lists/{made.json()['id']}"
    refused = call(acme, "POST", f"{address}/entries", {"entries": ["a.example", "b@c"]})
    assert [error["path"] for error in refused.json()["errors"]] == ["/entries/1"]
    entries = {"entries": ["a.example", "b.example", "A.example"]}
    assert call(acme, "POST", f"{address}/entries", entries).json() == {"new": 2, "known": 1}
    rows = call(acme, "GET", f"{address}/entries?q=a").json()["results"]
    assert [each["entry"] for each in rows] == ["a.example"]
    assert call(acme, "DELETE", f"{address}/entries/{rows[0]['id']}").status_code == 204
    assert call(acme, "PATCH", address, {"name": "Competitors"}).json()["slug"] == "rivals"
    with acme.scope():
        publish_criteria(excluding(acme, "rivals"), based_on=1, actor="a", now=now)
    kept = call(acme, "DELETE", address)
    assert (kept.status_code, kept.json()["used"]) == (409, ["qualification criteria, version 2 (in force)"])
    told = call(acme, "GET", "/lists").json()["results"]
    assert [(each["entries"], each["used_by"]) for each in told] == [(1, kept.json()["used"])]


def test_csv_is_tried_before_it_is_brought_in(acme: Org, now: datetime) -> None:
    made = call(acme, "POST", "/lists", {"name": "Named", "purpose": "named"}).json()
    address = f"/lists/{made['id']}/import"
    text = "domain,tier\na.example,A\nnope,B\n"
    tried = call(acme, "POST", address, {"csv": text}).json()
    assert (tried["applied"], tried["counts"]["new"], tried["counts"]["wrong"]) == (False, 1, 1)
    assert tried["rows"][0]["changes"] == ["makes the account", "tier: A"]
    refused = call(acme, "POST", address, {"csv": text, "apply": True})
    assert [error["path"] for error in refused.json()["errors"]] == ["/rows/1"]
    with acme.scope():
        assert ListEntry.objects.count() == Account.objects.count() == 0
    assert call(acme, "POST", address, {"csv": text, "apply": True, "leave_out_wrong": True}).json()[
        "applied"
    ]
    with acme.scope():
        assert Account.objects.get().tier == "A"
    assert (
        call(acme, "POST", address, {"csv": "colour,shape\nred,round"}).json()["errors"][0]["path"] == "/csv"
    )


def test_a_list_goes_out_as_the_file_that_brings_it_in_again(acme: Org, globex: Org, now: datetime) -> None:
    first, second = (call(acme, "POST", "/lists", {"name": name}).json()["id"] for name in ("One", "Two"))
    entries = {"entries": ["a.example", "ann@b.example", "=Heron Ltd"]}
    call(acme, "POST", f"/lists/{first}/entries", entries)
    headers = {**acme.auth, "Accept": "text/csv"}
    file = Client().get(f"/api/v1/lists/{first}/export", headers=headers)
    assert (file.status_code, file["Content-Type"]) == (200, "text/csv; charset=utf-8")
    text = file.content.decode("utf-8-sig")
    assert text.splitlines() == [
        "kind,entry",
        "company,'=Heron Ltd",
        "domain,a.example",
        "email,ann@b.example",
    ]
    done = call(acme, "POST", f"/lists/{second}/import", {"csv": text, "apply": True}).json()
    assert done["counts"]["new"] == 3
    assert call(acme, "GET", f"/lists/{first}/export?q=a").status_code == 400
    foreign = Client().get(f"/api/v1/lists/{first}/export", headers={**globex.auth, "Accept": "text/csv"})
    assert (foreign.status_code, foreign["Content-Type"]) == (404, "application/problem+json")


def test_the_owner_is_named_by_id_or_by_e_mail(acme: Org, globex: Org, now: datetime) -> None:
    heron, rep = account(acme, now, "Heron"), acme.reps[0]
    for said in (str(rep.id), rep.email, rep.email.upper()):
        told = call(acme, "PATCH", f"/accounts/{heron.id}", {"owner": said})
        assert (told.status_code, told.json()["owner"]) == (200, str(rep.id))
        assert call(acme, "PATCH", f"/accounts/{heron.id}", {"owner": None}).json()["owner"] is None
    for wrong in ("x", globex.reps[0].email, str(globex.reps[0].id)):
        refused = call(acme, "PATCH", f"/accounts/{heron.id}", {"owner": wrong})
        assert [error["path"] for error in refused.json()["errors"]] == ["/owner"]
