"""Volume by the API: the numbers of the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from leads.models import Handoff
from tenants.clock import database_clock
from tests.factories import Org
from tests.reporting.scenes import browser, hand_over

pytestmark = pytest.mark.django_db


def ask(org: Org, **query: str) -> Any:
    return Client(headers=org.auth).get("/api/v1/reports/volume", query)


@pytest.fixture
def leads(acme: Org) -> Org:
    """Two of a webinar, one of which was won, one without a source that nobody owns, and a drill."""
    at = database_clock() - timedelta(days=3)
    with acme.scope():
        hand_over(acme, at=at, owner=acme.reps[0])
        won = hand_over(acme, at=at, owner=acme.reps[1])
        Handoff.objects.filter(id=won.id).update(
            state=Handoff.State.CLOSED, outcome=Handoff.Outcome.WON, closed_at=at + timedelta(days=1)
        )
        hand_over(acme, at=at, source="")
        hand_over(acme, at=at, owner=acme.reps[0], is_test=True)
    return acme


@pytest.mark.parametrize("by", ["source", "month", "owner"])
def test_it_says_what_the_page_says(leads: Org, by: str) -> None:
    found = ask(leads, by=by).json()
    page = browser(leads.admin).get("/volume", {"by": by}).context
    assert found["total"] == {"mqls": 3, "won": 1} == {"mqls": page["mqls"], "won": page["won"]}
    assert [(row["name"], row["mqls"], row["won"]) for row in found["results"]] == [
        (row["name"], row["mqls"], row["won"]) for row in page["rows"]
    ]
    assert found["groups"] == len(found["results"])


def test_groups_are_named_by_their_key_and_filters_narrow_them(leads: Org) -> None:
    rep = str(leads.reps[1].id)
    rows = ask(leads, by="owner").json()["results"]
    assert {row["key"] for row in rows} == {str(leads.reps[0].id), rep, None}
    assert {row["key"] for row in ask(leads).json()["results"]} == {"Webinar", ""}
    assert ask(leads, owner=rep).json()["total"] == {"mqls": 1, "won": 1}
    assert ask(leads, owner="none").json()["total"] == {"mqls": 1, "won": 0}
    assert ask(leads, source="none").json()["total"] == {"mqls": 1, "won": 0}
    assert all(row["key"].endswith("-01") for row in ask(leads, by="month").json()["results"])


def test_another_organisation_sees_its_own(leads: Org, globex: Org) -> None:
    assert ask(globex).json()["total"] == {"mqls": 0, "won": 0}
    assert ask(globex, owner=str(leads.reps[0].id)).json()["results"] == []


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"by": "team"}, "/by"),
        ({"owner": "me"}, "/owner"),
        ({"rep": "x"}, "/rep"),
        ({"period": "2d"}, "/period"),
        ({"from": "2026-11-17", "to": "2026-11-01"}, "/from"),
    ],
)
def test_bad_input_is_a_problem_document(acme: Org, query: dict[str, str], path: str) -> None:
    answer = ask(acme, **query)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["path"] == path


def test_it_needs_the_scope(acme: Org) -> None:
    from tenants.services import create_api_key

    with acme.scope():
        _, text = create_api_key(
            tenant=acme.tenant, name="Other", scopes=["leads:read"], now=database_clock()
        )
    assert Client().get("/api/v1/reports/volume").status_code == 401
    assert (
        Client(headers={"Authorization": f"Bearer {text}"}).get("/api/v1/reports/volume").status_code == 403
    )
