"""The next version of the criteria, where a second admin must approve it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from leads.models import CriteriaVersion
from tenants import versions
from tenants.clock import database_clock
from tenants.models import Member, Publication
from tests.factories import Org
from tests.leads.test_qualification_page import FORM
from tests.tenants.publications import approval_on

pytestmark = pytest.mark.django_db
PAGE = "/qualification"
CHECK = "/qualification/draft/check"


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def ask(client: Client, form: dict[str, Any] = FORM, revision: int = 1) -> Any:
    """Save the form and press the button of the check. revision: the one that the draft has then."""
    before = {"revision": str(revision - 1)} if revision > 1 else {}
    assert client.post(PAGE, {**form, **before}).headers["Location"] == CHECK
    return client.post(CHECK, {"revision": str(revision), "against": "1", "when": "now"}, follow=True)


@pytest.fixture
def bea(acme: Org) -> Member:
    return approval_on(acme, database_clock(), kind="criteria")


def in_force(org: Org) -> int:
    with org.scope():
        found = versions.published_version(CriteriaVersion)
    assert found is not None
    return found.number


def order_of(org: Org) -> Publication:
    with org.scope():
        return Publication.objects.order_by("-asked_at", "-id")[0]


def test_saving_and_one_more_button_asks_and_another_admin_approves(acme: Org, bea: Member) -> None:
    client = as_(acme.admin)
    assert "Check and ask" in text_of(client.get(PAGE))
    done = ask(client)
    assert "Version 2 waits for approval. Ada Acme asked on" in text_of(done)
    assert in_force(acme) == 1
    theirs = as_(bea).get(PAGE)
    assert "Draft of version 2" in text_of(theirs)
    assert "Employees between 50 and 2000" in text_of(theirs)
    done = as_(bea).post(
        f"/publications/{order_of(acme).id}/approve", {"against": "1", "note": ""}, follow=True
    )
    assert "Approved. Version 2 is in force." in text_of(done)
    assert in_force(acme) == 2


def test_who_reads_only_is_not_shown_the_draft(acme: Org, bea: Member) -> None:
    ask(as_(acme.admin))
    page = text_of(as_(acme.marketing).get(PAGE))
    assert "waits for approval" in page
    assert "Draft of version 2" not in page
    assert "Approve" not in page


def test_another_wording_takes_the_place_of_the_first_request(acme: Org, bea: Member) -> None:
    client = as_(acme.admin)
    ask(client)
    first = order_of(acme)
    assert "To save a change withdraws the request" in text_of(client.get(PAGE))
    ask(client, {**FORM, "days": "21"}, revision=2)
    with acme.scope():
        assert CriteriaVersion.objects.count() == 2
        assert Publication.objects.get(id=first.id).state == "withdrawn"
        assert Publication.objects.get(state="asked").revision == 2
    refused = as_(bea).post(f"/publications/{first.id}/approve", {"against": "1"}, follow=True)
    assert "This request was withdrawn. The draft was saved after that." in text_of(refused)
    assert in_force(acme) == 1


def test_what_makes_no_sense_is_not_asked_for(acme: Org, bea: Member) -> None:
    refused = as_(acme.admin).post(PAGE, {"based_on": "1", "content": '{"rule": {"any": []}}'})
    assert refused.status_code == 422
    with acme.scope():
        assert not Publication.objects.exists()
        assert CriteriaVersion.objects.count() == 1


def test_turned_off_again_the_draft_is_published_without_asking(acme: Org, bea: Member) -> None:
    client = as_(acme.admin)
    ask(client)
    for admin in (client, as_(bea)):
        admin.post("/second-approval", {"kind": "criteria", "on": "no"})
    ask(client, {**FORM, "days": "21"}, revision=2)
    assert in_force(acme) == 2
    with acme.scope():
        assert not CriteriaVersion.objects.filter(state="draft").exists()
