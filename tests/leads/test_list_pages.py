"""The pages of named lists: made, filled by hand and from a file, brought out, and removed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from leads import list_import
from leads.criteria_drafts import publish_criteria
from leads.models import Account, ListEntry, NamedList
from leads.named_lists import add_entries, create_list
from tests.factories import Org
from tests.leads.test_account_pages import as_
from tests.leads.test_named_lists import excluding

pytestmark = pytest.mark.django_db


def made(org: Org, now: datetime, *entries: str, name: str = "Rivals") -> NamedList:
    with org.scope():
        found = create_list(name=name, purpose="competitors", actor="a", now=now)
        if entries:
            add_entries(list_id=found.id, texts=entries, actor="a", now=now)
        return found


def shown(org: Org) -> list[str]:
    with org.scope():
        return list(ListEntry.objects.order_by("shown").values_list("shown", flat=True))


def test_a_list_is_made_filled_named_anew_and_removed(acme: Org) -> None:
    client = as_(acme.marketing)
    made_ = client.post("/accounts/lists", {"name": "Rivals", "purpose": "competitors"})
    address = made_.url
    assert client.post("/accounts/lists", {"name": "rivals", "purpose": "other"}).status_code == 422
    assert client.post(address, {"entries": "rival.example\n\nann@x.example\nWren Ltd"}).status_code == 302
    assert shown(acme) == ["Wren Ltd", "ann@x.example", "rival.example"]
    refused = client.post(address, {"entries": "fine.example\nnot@an@address"})
    assert refused.status_code == 422
    assert "Line 2" in refused.content.decode()
    assert len(shown(acme)) == 3
    client.post(f"{address}/change", {"name": "Competitors", "purpose": "other"})
    page = client.get(address, {"q": "ri"})
    assert [each.shown for each in page.context["rows"]] == ["rival.example"]
    assert "Competitors" in page.content.decode()
    client.post(f"{address}/entries/{page.context['rows'][0].id}/remove")
    assert len(shown(acme)) == 2
    assert client.post(f"{address}/remove").url == "/accounts/lists"
    assert shown(acme) == []


def test_a_list_in_use_says_where_and_stays(acme: Org, now: datetime) -> None:
    found = made(acme, now)
    with acme.scope():
        publish_criteria(excluding(acme, found.slug), based_on=1, actor="a", now=now)
    client = as_(acme.admin)
    assert "version 2 (in force)" in client.get("/accounts/lists").content.decode()
    assert client.post(f"/accounts/lists/{found.id}/remove").url == f"/accounts/lists/{found.id}"
    with acme.scope():
        assert NamedList.objects.count() == 1


def test_a_file_is_shown_first_and_then_brought_in(acme: Org, now: datetime) -> None:
    found = made(acme, now, "rival.example")
    client, address = as_(acme.marketing), f"/accounts/lists/{found.id}/import"
    text = "domain;tier\nrival.example;A\nmüller.example;B\nx;C\n"
    spoilt = client.post(address, {"file": SimpleUploadedFile("a.csv", text.encode("cp1252"))})
    assert spoilt.status_code == 422
    assert "Line 3 has characters that are not UTF-8" in spoilt.content.decode()
    page = client.post(address, {"file": SimpleUploadedFile("a.csv", text.encode("utf-16"))})
    assert page.status_code == 200
    assert page.context["counts"] == {
        "new": 1,
        "there": 1,
        "again": 0,
        "wrong": 1,
        "accounts_made": 2,
        "accounts_changed": 0,
    }
    assert "UTF-16" in page.content.decode()
    assert shown(acme) == ["rival.example"]
    text = page.context["file_text"]
    assert client.post(address, {"text": text, "do": "apply"}).status_code == 422
    assert shown(acme) == ["rival.example"]
    done = client.post(address, {"text": text, "do": "apply", "leave_out_wrong": "on"})
    assert done.status_code == 302
    assert shown(acme) == ["müller.example", "rival.example"]
    with acme.scope():
        assert set(Account.objects.values_list("domain", "tier")) == {
            ("rival.example", "A"),
            ("müller.example", "B"),
        }


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04\x00\x00\x00", b"colour,shape\nred,round\n"])
def test_a_file_that_is_no_list_is_refused_at_its_field(acme: Org, now: datetime, data: bytes) -> None:
    found = made(acme, now)
    sent: dict[str, Any] = {"file": SimpleUploadedFile("a.csv", data)} if data else {}
    refused = as_(acme.admin).post(f"/accounts/lists/{found.id}/import", sent)
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["file"])


def test_what_is_brought_out_can_be_brought_in_again(acme: Org, now: datetime) -> None:
    found = made(acme, now, "rival.example", "ann@x.example", "Wren, Inc. Ltd", "+Plus Ltd", "＝is")
    client = as_(acme.admin)
    file = client.get(f"/accounts/lists/{found.id}/export")
    assert file["Content-Disposition"] == 'attachment; filename="rivals.csv"'
    other = made(acme, now, name="Other")
    sent = {"file": SimpleUploadedFile("rivals.csv", file.content)}
    page = client.post(f"/accounts/lists/{other.id}/import", sent)
    assert (page.context["counts"]["new"], page.context["counts"]["wrong"]) == (5, 0)
    assert b"'+Plus Ltd" in file.content
    client.post(f"/accounts/lists/{other.id}/import", {"text": page.context["file_text"], "do": "apply"})
    assert client.get(f"/accounts/lists/{other.id}/export").content == file.content


def test_a_list_costs_the_same_for_two_entries_and_for_five_hundred(
    acme: Org, now: datetime, django_assert_max_num_queries: Any
) -> None:
    found = made(acme, now, *(f"rival{n}.example" for n in range(500)))
    client = as_(acme.admin)
    with django_assert_max_num_queries(20):
        client.get(f"/accounts/lists/{found.id}")


def test_a_file_that_others_keep_overtaking_stays_on_its_page(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    rivals = made(acme, now)

    def overtaken(*_: Any, **__: Any) -> None:
        raise list_import._Overtaken

    monkeypatch.setattr(list_import, "_import", overtaken)
    sent = {"text": "domain\nrival.example", "do": "apply"}
    page = as_(acme.marketing).post(f"/accounts/lists/{rivals.id}/import", sent)
    assert page.status_code == 409
    assert "bring the file in again" in page.content.decode()
    assert "rival.example" in page.context["file_text"]
    assert shown(acme) == []
