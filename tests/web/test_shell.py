"""The frame of a page: who sees which places, and what it costs."""

from datetime import datetime

import pytest
from django.test import Client

from handoff.intake import receive_lead
from leads.incoming import EngagementIn, LeadIn
from tenants.clock import fixed_clock
from tests.factories import Org
from web import shell

pytestmark = pytest.mark.django_db


def as_(member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def places(client: Client) -> list[str]:
    nav = client.get("/account").context["nav"]()
    return [item["label"] for group in nav for item in group["items"]]


def test_places_depend_on_the_role(acme: Org) -> None:
    assert "API keys" in places(as_(acme.admin))
    assert "People" in places(as_(acme.manager))
    assert "API keys" not in places(as_(acme.manager))
    assert "People" not in places(as_(acme.reps[0]))


def test_the_present_place_is_marked_on_the_pages_under_it(acme: Org) -> None:
    nav = as_(acme.admin).get(f"/people/{acme.reps[0].id}").context["nav"]()
    active = [item["label"] for group in nav for item in group["items"] if item["active"]]
    assert active == ["People"]


def test_a_badge_comes_from_whoever_registered_it(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "_badges", {})
    shell.register_badge("tenants:people", lambda request: shell.Badge(4, "bad"))
    shell.register_badge(shell.UNREAD, lambda request: 7)
    page = as_(acme.admin).get("/account")
    assert '<span class="sp-count sp-count--bad">4</span>' in page.content.decode()
    assert (
        "Notifications, 7 unread" in page.content.decode() or not page.context["shell"]["notifications_url"]
    )


def test_the_frame_costs_few_queries(acme: Org, django_assert_max_num_queries, monkeypatch) -> None:
    monkeypatch.setattr(shell, "_badges", {})
    client = as_(acme.reps[0])
    with django_assert_max_num_queries(16):
        client.get("/account")


def test_an_address_that_leads_nowhere_has_a_page(acme: Org) -> None:
    answer = as_(acme.reps[0]).get("/no/such/page")
    assert answer.status_code == 404
    assert b"Nothing here" in answer.content


@pytest.mark.parametrize(
    ("who", "bar"),
    [
        ("rep", ["Inbox", "Leads", "Reports"]),
        ("manager", ["Inbox", "Board", "Reports"]),
        ("admin", ["Inbox", "Board", "Reports"]),
        ("marketing", ["Leads", "Needs data", "Reports"]),
        ("executive", ["Leads", "Reports"]),
    ],
)
def test_the_bar_on_phones_has_what_the_role_works_with(acme: Org, who: str, bar: list[str]) -> None:
    member = acme.reps[0] if who == "rep" else getattr(acme, who)
    nav = as_(member).get("/account").context["nav"]()
    assert [item["bottom"] for group in nav for item in group["items"] if item["bottom"]] == bar


@pytest.mark.parametrize(
    ("who", "path", "marked"),
    [
        ("rep", "/leads/{lead}", ["Leads"]),
        ("manager", "/leads/{lead}", ["Inbox"]),
        ("manager", "/leads", []),
        ("manager", "/board", ["Board"]),
        ("manager", "/people", []),
    ],
)
def test_a_lead_opened_from_the_inbox_stands_under_it_in_the_bar(
    acme: Org, now: datetime, who: str, path: str, marked: list[str]
) -> None:
    with acme.scope():
        item = LeadIn(email="ann@heron.example", engagements=(EngagementIn("demo_request", "", now),))
        handoff = receive_lead(item=item, actor="key:test", clock=fixed_clock(now)).handoff
        assert handoff is not None
        member = handoff.owner if who == "rep" else acme.manager
    assert member is not None
    nav = as_(member).get(path.format(lead=handoff.lead_id)).context["nav"]()
    items = [item for group in nav for item in group["items"]]
    assert [item["bottom"] for item in items if item["marked"] and item["bottom"]] == marked
