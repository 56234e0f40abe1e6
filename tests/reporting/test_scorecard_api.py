"""Scorecards by the API: the numbers of the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from tenants.clock import database_clock
from tenants.models import Leave
from tests.factories import Org
from tests.reporting.scenes import hand_over
from tests.reporting.test_scorecard import card, facts

pytestmark = pytest.mark.django_db


def ask(org: Org, member: Any, **query: str) -> Any:
    return Client().get(f"/api/v1/reports/scorecards/{member}", query, headers=org.auth)


@pytest.fixture
def scene(in_acme: Org) -> Org:
    """A rep with a mix of their own, three days away, and one lead open now."""
    now, (rep, other) = database_clock(), in_acme.reps[:2]
    at = now - timedelta(days=70)
    facts(in_acme, rep, at, 30, 6, "Ebook")
    facts(in_acme, rep, at, 4, 4, "Alone")
    facts(in_acme, other, at, 50, 10, "Ebook")
    facts(in_acme, other, at, 50, 45, "Demo")
    facts(in_acme, rep, now - timedelta(days=5), 2, 0, "Ebook")
    hand_over(in_acme, at=now - timedelta(days=1), owner=rep)
    Leave.objects.create(member=rep, starts_at=now - timedelta(days=10), ends_at=now - timedelta(days=8))
    return in_acme


def test_it_says_what_the_page_says(scene: Org) -> None:
    rep = scene.reps[0]
    found = ask(scene, rep.id).json()
    page = card(scene.manager, rep).context
    assert (found["member"], found["name"], found["role"], found["is_active"]) == (
        str(rep.id),
        rep.name,
        "rep",
        True,
    )
    assert found["context"] == {
        "mqls": 36,
        "others": 1,
        "others_median_mqls": 100,
        "open_now": 1,
        "days": 90,
        "days_away": 3,
    }
    accepted, sql, opportunity = found["results"]
    assert accepted["actual"] == {"count": 10, "base": 36, "rate": 27.8, "left_out": 0}
    assert accepted["compared"] == {"count": 6, "base": 32, "rate": 18.8, "left_out": 4}
    assert (accepted["expected"], accepted["expected_rate"], accepted["reading"]) == (6.4, 20.0, "by_chance")
    low, high = accepted["compared_interval"]
    assert low < accepted["expected_rate"] < high
    assert (sql["actual"]["base"], found["too_young"], found["follow"]) == (34, 2, 60)
    assert page["held"][0]["words"] == "no more than chance makes"
    assert opportunity["result"] == "opportunity"
    assert {row["source"]: (row["own"]["count"], row["others"]["count"]) for row in found["mix"]} == {
        "Ebook": (32, 50),
        "Alone": (4, 0),
        "Demo": (0, 50),
    }
    assert found["contacted"] == page["contacted"].as_dict()
    assert found["attempts"]["count"] == page["attempts"].count


def test_few_leads_are_held_against_nothing(in_acme: Org) -> None:
    facts(in_acme, in_acme.reps[0], database_clock() - timedelta(days=70), 3, 1, "Ebook")
    results = ask(in_acme, in_acme.reps[0].id).json()["results"]
    assert {(row["expected"], row["expected_rate"], row["reading"]) for row in results} == {
        (None, None, "too_few")
    }


def test_a_period_may_be_chosen(scene: Org) -> None:
    assert ask(scene, scene.reps[0].id, period="30d").json()["context"]["mqls"] == 2


def test_promises_kept_are_those_of_the_owner_s_clock(in_acme: Org, now: Any, monkeypatch: Any) -> None:
    from tests.reporting.scenes import week_of_work
    from web.api import TenantAPIView

    monkeypatch.setattr(TenantAPIView, "clock", staticmethod(lambda: now))
    week_of_work(in_acme, now)
    targets = ask(in_acme, in_acme.reps[0].id).json()["targets"]
    report = Client().get(
        "/api/v1/reports/compliance",
        {"rep": str(in_acme.reps[0].id), "clock": "owner", "by": "tier", "from": "2026-08-20"},
        headers=in_acme.auth,
    )
    assert targets["first_touch"] == report.json()["total"]["first_touch"]
    assert targets["first_touch"]["base"] > 0


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"period": "2d"}, "/period"),
        ({"from": "soon"}, "/from"),
        ({"from": "2026-11-17", "to": "2026-11-01"}, "/from"),
        ({"clock": "company"}, "/clock"),
    ],
)
def test_bad_input_is_a_problem_document(in_acme: Org, query: dict[str, str], path: str) -> None:
    answer = ask(in_acme, in_acme.reps[0].id, **query)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["path"] == path


def test_nobody_s_and_another_organisation_s_person_are_not_there(acme: Org, globex: Org) -> None:
    assert ask(acme, acme.reps[0].id).status_code == 200
    assert ask(acme, uuid4()).status_code == 404
    assert ask(acme, globex.reps[0].id).status_code == 404
    assert ask(globex, acme.reps[0].id).status_code == 404


def test_it_needs_the_scope(in_acme: Org) -> None:
    from tenants.services import create_api_key

    path = f"/api/v1/reports/scorecards/{in_acme.reps[0].id}"
    _, text = create_api_key(
        tenant=in_acme.tenant, name="Other", scopes=["leads:read", "config:read"], now=database_clock()
    )
    assert Client().get(path).status_code == 401
    assert Client().get(path, headers={"Authorization": f"Bearer {text}"}).status_code == 403
    assert Client().post(path, headers=in_acme.auth).status_code == 405
