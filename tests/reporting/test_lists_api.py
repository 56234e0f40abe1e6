"""The leads behind a number of the funnel and of volume, for programs: those of the page."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from leads.models import Handoff, Lead
from tenants.clock import database_clock
from tenants.services import create_api_key
from tests.factories import Org
from tests.reporting.scenes import browser, drain, hand_over
from tests.reporting.test_funnel_pages import get, scene  # noqa: F401

pytestmark = pytest.mark.django_db


def call(org: Org, path: str) -> Any:
    return Client(headers=org.auth).get(f"/api/v1/reports/{path}")


def everything(org: Org, path: str) -> list[dict[str, Any]]:
    """All rows, two a page."""
    found: list[dict[str, Any]] = []
    following = f"{path}{'&' if '?' in path else '?'}limit=2"
    while following:
        answer = call(org, following)
        assert answer.status_code == 200, answer.content
        found += answer.json()["results"]
        following = (answer.json()["next"] or "").partition("/reports/")[2]
    return found


@pytest.mark.parametrize(
    "query",
    [
        "stage=mql",
        "stage=sql&follow=30",
        "stage=mql&before=sal",
        "stage=sal&weeks=2",
        "stage=rejected",
        "stage=rejected&reason=none",
        "stage=undecided&source=Webinar",
        "stage=untouched",
        "stage=mql_to_sal",
        "stage=contacted&segment=none&channel=none",
    ],
)
def test_the_list_of_a_number_of_the_funnel_is_that_of_its_page(scene: Org, query: str) -> None:  # noqa: F811
    page = get(scene, f"/funnel/leads?{query}").context
    listed = everything(scene, f"funnel/leads?{query}")
    assert len(listed) == page["count"]
    assert [each["lead"] for each in listed] == [str(row["lead"].id) for row in page["rows"]]
    assert [each["stage"] for each in listed] == [row["stage"].lower() for row in page["rows"]]


def test_a_row_says_what_became_of_the_handoff(scene: Org) -> None:  # noqa: F811
    (row, *_) = everything(scene, "funnel/leads?stage=rejected")
    assert (row["decision"], row["stage"], row["kind"], row["is_history"]) == (
        "rejected",
        "mql",
        "inbound",
        False,
    )
    with scene.scope():
        handoff = Handoff.objects.get(id=row["id"])
    assert row["lead"] == str(handoff.lead_id)
    assert row["mql_at"] == handoff.started_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").replace(".000000", "")


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("stage=mqls", "/stage"),
        ("before=mql", "/before"),
        ("weeks=13", "/weeks"),
        ("follow=7", "/follow"),
        ("rep=me", "/rep"),
        ("by=source", "/by"),
        ("cursor=x", "/cursor"),
        ("limit=1000", "/limit"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_name(acme: Org, query: str, path: str) -> None:
    answer = call(acme, f"funnel/leads?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["path"] == path


def test_another_organisation_s_people_and_leads_give_nothing(volume: Org, globex: Org) -> None:
    assert call(volume, f"volume/leads?owner={volume.reps[0].id}").json()["results"]
    for path in ("funnel/leads", f"funnel/leads?rep={volume.reps[0].id}", "volume/leads"):
        assert call(globex, path).json() == {"results": [], "next": None}


@pytest.fixture
def volume(acme: Org) -> Org:
    """Three MQLs, one of which was won and one of which nobody owns, and a drill."""
    at = database_clock() - timedelta(days=3)
    with acme.scope():
        hand_over(acme, at=at, owner=acme.reps[0])
        won = hand_over(acme, at=at - timedelta(days=400), owner=acme.reps[1])
        Handoff.objects.filter(id=won.id).update(
            state=Handoff.State.CLOSED, outcome=Handoff.Outcome.WON, closed_at=at + timedelta(days=1)
        )
        hand_over(acme, at=at - timedelta(days=1), source="")
        hand_over(acme, at=at, owner=acme.reps[0], is_test=True)
        drain(acme)
    return acme


@pytest.mark.parametrize("query", ["", "won=1", "source=none", "owner=none", "period=7d", "won=1&period=7d"])
def test_the_list_of_a_number_of_volume_is_that_of_its_page(volume: Org, query: str) -> None:
    page = browser(volume.admin).get(f"/volume/leads?{query}").context
    listed = everything(volume, f"volume/leads?{query}")
    assert len(listed) == page["count"]
    assert [each["id"] for each in listed] == [str(row.id) for row in page["rows"]]
    total = call(volume, f"volume?{query.replace('won=1', '').strip('&')}").json()["total"]
    assert len(listed) == total["won" if "won" in query else "mqls"]


@pytest.mark.parametrize("query", ["", "won=1", "source=none", "owner=none", "won=1&period=7d"])
def test_the_leads_of_volume_come_as_a_file_too(volume: Org, query: str) -> None:
    visitor = browser(volume.admin)
    with volume.scope():
        Lead.objects.update(last_name="=1+1", first_name="")
    page = visitor.get(f"/volume/leads?{query}")
    address = page.context["csv_url"]
    assert escape(address) in page.content.decode()
    lines = list(csv.reader(io.StringIO(visitor.get(address).content.decode("utf-8-sig"))))
    assert lines[0][:3] == ["Lead", "Company", "MQL"]
    assert [line[5] for line in lines[1:]] == [row.source for row in page.context["rows"]]
    assert {line[0] for line in lines[1:]} <= {"'=1+1"}
    book = visitor.get(address.replace(".csv", ".xlsx"))
    assert (book.status_code, book.content[:2]) == (200, b"PK")


def test_a_deal_is_listed_where_it_was_won_whenever_its_lead_came(volume: Org) -> None:
    (row,) = everything(volume, "volume/leads?won=1&period=7d")
    assert (row["outcome"], row["owner"]) == ("won", str(volume.reps[1].id))
    assert row["mql_at"] < row["closed_at"]


@pytest.mark.parametrize(
    ("query", "path"),
    [("won=yes", "/won"), ("owner=me", "/owner"), ("period=2d", "/period"), ("by=source", "/by")],
)
def test_a_list_of_volume_refuses_what_it_does_not_know(acme: Org, query: str, path: str) -> None:
    answer = call(acme, f"volume/leads?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)


def test_lists_need_the_scope(acme: Org) -> None:
    with acme.scope():
        _, text = create_api_key(
            tenant=acme.tenant, name="Other", scopes=["leads:read"], now=database_clock()
        )
    for path in ("funnel/leads", "volume/leads"):
        assert Client().get(f"/api/v1/reports/{path}").status_code == 401
        other = Client(headers={"Authorization": f"Bearer {text}"})
        assert other.get(f"/api/v1/reports/{path}").status_code == 403
