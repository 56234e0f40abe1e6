"""The leads behind a leak, and what the finder goes by, for programs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from reporting.leaks.settings import LeakTerms, leak_terms
from reporting.models import HandoffFact
from tenants.clock import database_clock
from tenants.models import AuditEntry
from tenants.services import create_api_key
from tests.factories import Org
from tests.reporting.leaks.test_leaks_page import leaking
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db

SETTINGS = {
    "sql_percent": 25,
    "wrong_owner_percent": 7,
    "cohort_days": 60,
    "enough_attempts": 5,
    "fast_minutes": 30,
}


def get(org: Org, path: str) -> Any:
    return Client(headers=org.auth).get(f"/api/v1/reports/leaks{path}")


def put(org: Org, said: Any, headers: dict[str, str] | None = None) -> Any:
    client = Client(headers=headers or org.auth)
    return client.put("/api/v1/reports/leaks/settings", json.dumps(said), content_type="application/json")


def key(org: Org, *scopes: str) -> dict[str, str]:
    with org.scope():
        _, text = create_api_key(tenant=org.tenant, name="Other", scopes=list(scopes), now=database_clock())
    return {"Authorization": f"Bearer {text}"}


def test_the_leads_of_a_finding_are_those_that_it_counts_and_that_the_page_lists(acme: Org) -> None:
    leaking(acme)
    found = get(acme, "?period=365d").json()["results"][0]
    listed, following = [], f"/leads?period=365d&limit=200&{found['behind']}"
    while following:
        body = get(acme, following).json()
        listed += body["results"]
        following = (body["next"] or "").partition("/reports/leaks")[2]
    assert len({each["id"] for each in listed}) == len(listed) == found["leads"]
    page = browser(acme.marketing).get(f"/leaks/leads?period=365d&{found['behind']}")
    assert page.context["count"] == found["leads"]
    assert [each["lead"] for each in listed[:50]] == [str(row["lead"].id) for row in page.context["rows"]]
    with acme.scope():
        fact = HandoffFact.objects.get(id=listed[0]["id"])
    assert listed[0]["rep"] == (str(fact.member_id) if fact.member_id else None)
    assert (listed[0]["source"], listed[0]["touches"]) == (fact.source, fact.touches)


def test_another_organisation_s_leads_are_not_in_the_list(acme: Org, globex: Org) -> None:
    leaking(acme, leads=50)
    assert get(acme, "/leads?period=365d").json()["results"]
    assert get(globex, "/leads?period=365d").json() == {"results": [], "next": None}
    assert get(globex, f"/leads?period=365d&reps={acme.reps[0].id}").json()["results"] == []


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("touch=soon", "/touch"),
        ("reps=me", "/reps"),
        ("hours=17-x", "/hours"),
        ("hours=17-", "/hours"),
        ("hours=18-17", "/hours"),
        ("hours=168", "/hours"),
        ("hours=160-168", "/hours"),
        ("hours=%D9%A3", "/hours"),
        ("stage=won", "/stage"),
        ("stage=mql&over=long", "/over"),
        ("attempt=few", "/attempt"),
        ("period=2d", "/period"),
        ("cursor=x", "/cursor"),
        ("limit=0", "/limit"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_at_its_name(acme: Org, query: str, path: str) -> None:
    answer = get(acme, f"/leads?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["path"] == path


def test_what_the_finder_goes_by_is_read_and_set_for_one_organisation(acme: Org, globex: Org) -> None:
    usual = get(acme, "/settings").json()
    assert usual == {
        "sql_percent": 30,
        "wrong_owner_percent": 5,
        "cohort_days": 90,
        "enough_attempts": 4,
        "fast_minutes": None,
    }
    assert put(acme, SETTINGS).json() == SETTINGS == get(acme, "/settings").json()
    assert get(globex, "/settings").json() == usual
    with acme.scope():
        assert leak_terms() == LeakTerms(**SETTINGS)
        entry = AuditEntry.objects.get(action="leak_settings.changed")
    assert (entry.before["sql_percent"], entry.after["sql_percent"]) == (30, 25)
    assert get(acme, "").json()["cohort_days"] == 60
    # A null is the tier's own target again.
    assert put(acme, {**SETTINGS, "fast_minutes": None}).json()["fast_minutes"] is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"sql_percent": 0}, "/sql_percent"),
        ({"cohort_days": 400}, "/cohort_days"),
        ({"enough_attempts": "4"}, "/enough_attempts"),
        ({"fast_minutes": 0}, "/fast_minutes"),
        ({"sql_percent": None}, "/sql_percent"),
        ({"slow_minutes": 3}, "/slow_minutes"),
    ],
)
def test_settings_that_cannot_be_kept_change_nothing(acme: Org, change: Any, path: str) -> None:
    answer = put(acme, SETTINGS | change)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)
    with acme.scope():
        assert leak_terms() == LeakTerms()


def test_all_of_them_are_said(acme: Org) -> None:
    answer = put(acme, {"sql_percent": 25})
    assert {each["code"] for each in answer.json()["errors"]} == {"required"}


def test_each_call_needs_its_scope(acme: Org) -> None:
    reads, other = key(acme, "config:read"), key(acme, "leads:read")
    assert put(acme, SETTINGS, reads).status_code == 403
    assert Client(headers=reads).get("/api/v1/reports/leaks/settings").status_code == 200
    assert Client(headers=reads).get("/api/v1/reports/leaks/leads").status_code == 403
    assert Client(headers=other).get("/api/v1/reports/leaks/settings").status_code == 403
    assert Client().get("/api/v1/reports/leaks/leads").status_code == 401
