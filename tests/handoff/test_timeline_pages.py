"""The timeline of a busy lead comes in pages, and nothing of it is lost between them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from handoff.services import Actor, log_touch
from leads.models import Engagement, Lead
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import browser, owner_of
from web.throttling import KeyRateThrottle

pytestmark = pytest.mark.django_db
MANY = 130


@pytest.fixture(autouse=True)
def fresh_rates() -> None:
    KeyRateThrottle.reset()


@pytest.fixture
def busy(acme: Org, ruth: Lead, now: datetime) -> Lead:
    """Ruth looked at many pages before her demo request, three of them in each instant, and then after it
    looked at some more."""
    with acme.scope():
        for number in range(MANY):
            at = now + timedelta(minutes=10 - number // 3)
            Engagement.objects.create(
                lead=ruth, kind="page_view", subject=f"page {number}", at=at, received_at=at
            )
    return ruth


def pages(org: Org, path: str) -> list[list[dict[str, Any]]]:
    found, url = [], f"http://testserver/api/v1/{path}"
    while url:
        answer = Client().get(url, headers=org.auth)
        assert answer.status_code == 200
        body = answer.json()
        found.append(body["results"])
        url = body["next"]
    return found


@pytest.mark.parametrize("limit", [1, 4, 50, 200])
def test_the_pages_together_tell_everything_once_and_in_order(acme: Org, busy: Lead, limit: int) -> None:
    found = pages(acme, f"leads/{busy.id}/timeline?limit={limit}")

    items = [item for page in found for item in page]
    subjects = [item["data"]["subject"] for item in items if item["data"].get("subject")]
    assert sorted(subjects) == sorted(f"page {number}" for number in range(MANY))
    times = [item["at"] for item in items]
    assert times == sorted(times, reverse=True)
    others = [item["kind"] for item in items if item["kind"] != "engagement"]
    assert sorted(others) == ["assignment", "stage", "stage"]
    assert len(found) == -(-(MANY + 1) // limit)


def test_a_page_that_is_not_asked_for_in_length_is_no_secret_cut(acme: Org, busy: Lead) -> None:
    first, *rest = pages(acme, f"leads/{busy.id}/timeline")
    assert sum(item["kind"] == "engagement" for item in first) == 50
    assert rest


@pytest.mark.parametrize(("query", "path"), [("cursor=!!", "/cursor"), ("limit=0", "/limit")])
def test_a_cursor_that_is_none_of_ours_is_named(acme: Org, ruth: Lead, query: str, path: str) -> None:
    answer = Client().get(f"/api/v1/leads/{ruth.id}/timeline?{query}", headers=acme.auth)
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_the_page_of_a_lead_leads_on_to_what_is_older(acme: Org, busy: Lead, now: datetime) -> None:
    client, address = browser(owner_of(acme, busy)), f"/leads/{busy.id}"
    with acme.scope():
        actor = Actor.person(owner_of(acme, busy))
        log_touch(lead_id=busy.id, kind="call", actor=actor, clock=fixed_clock(now + timedelta(minutes=1)))
    seen: list[str] = []
    query, walked = "", 0
    while query is not None:
        body = client.get(address + query).content.decode()
        walked += 1
        seen += re.findall(r"page \d+(?=\D)", body)
        assert ("Newest" in body) == (walked > 1)
        assert "1 attempt, 1 channel" in body  # of the whole lead, not of this page
        link = re.search(r'href="(\?[^"]*older=[^"]*)#timeline"', body)
        query = unescape(link[1]) if link else None
    assert walked == 3
    assert sorted(seen) == sorted(f"page {number}" for number in range(MANY))


def test_the_timeline_of_the_inbox_stays_in_the_inbox(acme: Org, busy: Lead) -> None:
    client = browser(owner_of(acme, busy))
    body = client.get(f"/inbox?lead={busy.id}").content.decode()
    link = re.search(r'href="(\?[^"]*older=[^"]*)#timeline"', body)
    assert link
    assert f"lead={busy.id}" in link[1]
    older = client.get("/inbox" + unescape(link[1]))
    assert older.status_code == 200
    assert f"page {MANY - 1}" not in body
    assert "page 60" in older.content.decode()


def test_only_the_promise_has_no_pages(acme: Org, busy: Lead) -> None:
    body = browser(owner_of(acme, busy)).get(f"/leads/{busy.id}?show=sla").content.decode()
    assert ">Older<" not in body
    assert "Became MQL" in body
    assert "page 1" not in body
