"""Adoption by the API: who looked, and what was delivered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from reporting.models import ReportView
from tenants.clock import database_clock
from tests.factories import Org
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db


def ask(org: Org, **query: str) -> Any:
    return Client(headers=org.auth).get("/api/v1/reports/adoption", query)


def test_it_names_who_looked_and_who_did_not(in_acme: Org) -> None:
    browser(in_acme.manager).get("/compliance")
    found = ask(in_acme).json()
    people = {each["member"]: each for each in found["results"]}
    chief = people[str(in_acme.manager.id)]
    assert chief["reports"] == [{"report": "Compliance", "days": 1}]
    assert found["from"] <= chief["last_day"] <= found["to"]
    assert people[str(in_acme.marketing.id)]["reports"] == []
    assert found["results"][-1] == chief
    assert (found["people"], found["looked"]) == (len(people), 1)
    assert not {str(rep.id) for rep in in_acme.reps} & set(people)
    assert chief["mails"] == {"delivered": 0, "failed": 0, "waiting": 0}
    assert found["coverage"]["base"] == 0
    page = browser(in_acme.executive).get("/adoption")
    assert [each["name"] for each in found["results"]] == [row["name"] for row in page.context["rows"]]


def test_a_week_is_named_by_any_of_its_days(in_acme: Org) -> None:
    ReportView.objects.create(member=in_acme.manager, report="funnel", day="2026-10-14")
    found = ask(in_acme, week="2026-10-18").json()
    assert (found["week"], found["from"], found["to"]) == ("2026-10-12", "2026-10-12", "2026-10-18")
    assert found["results"][-1]["reports"] == [{"report": "Funnel", "days": 1}]
    assert ask(in_acme, week="2026-10-19").json()["looked"] == 0


def test_another_organisation_sees_its_own_people(acme: Org, globex: Org) -> None:
    browser(acme.manager).get("/compliance")
    assert ask(acme).json()["looked"] == 1
    found = ask(globex).json()
    assert found["looked"] == 0
    assert str(acme.manager.id) not in str(found)


@pytest.mark.parametrize(
    ("query", "path"),
    [({"week": "soon"}, "/week"), ({"week": "1999-01-04"}, "/week"), ({"weeks": "2"}, "/weeks")],
)
def test_bad_input_is_a_problem_document(in_acme: Org, query: dict[str, str], path: str) -> None:
    answer = ask(in_acme, **query)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["path"] == path


def test_it_needs_the_scope(in_acme: Org) -> None:
    from tenants.services import create_api_key

    now = database_clock() - timedelta(minutes=1)
    _, text = create_api_key(tenant=in_acme.tenant, name="Other", scopes=["config:read"], now=now)
    headers = {"Authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/reports/adoption").status_code == 401
    assert Client(headers=headers).get("/api/v1/reports/adoption").status_code == 403
