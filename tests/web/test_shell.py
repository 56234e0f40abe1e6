"""The frame of a page: who sees which places, and what it costs."""

import pytest
from django.test import Client

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
