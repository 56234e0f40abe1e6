"""GET /api/v1/reports/compliance: the page's numbers for programs."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client

from reporting.api.compliance import ComplianceView
from tests.factories import Org
from tests.reporting.scenes import week_of_work
from web.api import TenantAPIView
from web.throttling import KeyRateThrottle

pytestmark = pytest.mark.django_db
PATH = "/api/v1/reports/compliance"


@pytest.fixture
def week(acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Org:
    KeyRateThrottle.reset()
    monkeypatch.setattr(TenantAPIView, "clock", staticmethod(lambda: now))
    with acme.scope():
        acme.extra = week_of_work(acme, now)
    return acme


def ask(org: Org, **query: str):
    return Client().get(PATH, query, headers=org.auth)


def test_it_gives_the_whole_and_each_group(week: Org) -> None:
    answer = ask(week, by="source")
    assert answer.status_code == 200
    body = answer.json()
    assert {name: body[name] for name in ("by", "clock", "from", "to", "time_zone", "target_percent")} == {
        "by": "source",
        "clock": "company",
        "from": "2026-10-19",
        "to": "2026-11-17",
        "time_zone": "Europe/Berlin",
        "target_percent": 85,
    }
    assert body["total"]["first_touch"] == {
        "met": 2,
        "missed": 2,
        "base": 4,
        "rate": 50.0,
        "excused": 0,
        "rate_without_excused": 50.0,
        "left_out": {"open": 1, "cancelled": 1},
        "answered": 3,
        "median_business_seconds": 3_600,
        "p90_business_seconds": 18_000,
    }
    assert [(row["key"], row["name"], row["first_touch"]["rate"]) for row in body["results"]] == [
        ("Webinar", "Webinar", 33.3),
        ("Paid social", "Paid social", 100.0),
        ("", "No source given", None),
    ]


def test_reps_are_named_by_their_id(week: Org) -> None:
    rows = ask(week, by="rep", clock="owner", **{"from": "2026-11-16", "to": "2026-11-16"}).json()["results"]
    assert {row["key"]: row["name"] for row in rows} == {str(rep.id): rep.name for rep in week.reps[:2]}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"by": "mood"}, "/by"),
        ({"clock": "sun"}, "/clock"),
        ({"from": "2026-13-01"}, "/from"),
        ({"to": "20261117"}, "/to"),
        ({"from": "2026-11-17", "to": "2026-11-01"}, "/from"),
        ({"team": "x"}, "/team"),
    ],
)
def test_bad_input_is_a_problem_document(week: Org, query: dict[str, str], path: str) -> None:
    answer = ask(week, **query)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["path"] == path


def test_another_organisations_key_gets_its_own_numbers(week: Org, globex: Org) -> None:
    body = ask(globex, by="rep").json()
    assert body["results"] == []
    assert body["total"]["first_touch"]["base"] == 0


def test_it_needs_a_key_with_the_scope(week: Org, now: datetime) -> None:
    from tenants.services import create_api_key

    assert Client().get(PATH).status_code == 401
    with week.scope():
        _, text = create_api_key(tenant=week.tenant, name="Other", scopes=["leads:read"], now=now)
    assert Client().get(PATH, headers={"Authorization": f"Bearer {text}"}).status_code == 403


def test_the_schema_describes_it(week: Org) -> None:
    schema = Client().get("/api/schema/", {"format": "json"}).json()
    call = schema["paths"]["/api/v1/reports/compliance"]["get"]
    names = [
        "by",
        "campaign",
        "clock",
        "find",
        "from",
        "kind",
        "pauses",
        "rep",
        "source",
        "target",
        "team",
        "tier",
        "to",
    ]
    assert [each["name"] for each in call["parameters"]] == names
    assert {"200", "400", "401", "403"} <= set(call["responses"])
    assert "from" in schema["components"]["schemas"]["Compliance"]["properties"]


def test_a_refused_target_is_told_the_choices_and_no_empty_one(acme: Org) -> None:
    refused = ask(acme, target="nonsense")
    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert (error["path"], error["message"][:29]) == ("/target", "target is one of: first_touch")
    assert ", ," not in error["message"]


def test_one_person_s_numbers_are_those_of_their_own_page(week: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    from reporting.views import asked
    from tests.reporting.scenes import browser

    monkeypatch.setattr(asked, "database_clock", ComplianceView.clock)
    rep = week.reps[0]
    found = ask(week, rep=str(rep.id), clock="owner", by="tier").json()
    page = browser(rep).get("/compliance").context
    assert {row["name"] for row in found["results"]} == {row["name"] for row in page["rows"]}
    assert found["total"]["first_touch"]["base"] == 2
    assert page["title"] == "My compliance"
    assert ask(week, rep="none", by="source").json()["results"] == []


def test_filters_narrow_the_numbers(week: Org, globex: Org) -> None:
    assert ask(week, source="Paid social").json()["total"]["first_touch"]["base"] == 1
    assert ask(week, tier="contact_form").json()["total"]["first_touch"]["base"] == 4
    assert ask(week, tier="demo_request").json()["total"]["first_touch"]["base"] == 0
    assert ask(week, team=str(week.team.id)).json()["total"]["first_touch"]["base"] == 4
    assert ask(week, rep=str(globex.reps[0].id)).json()["results"] == []
    assert ask(week, rep="me").json()["errors"][0]["path"] == "/rep"


# --- The clocks behind a number -----------------------------------------------------------------------------


def clocks(org: Org, **query: str):
    return Client().get(f"{PATH}/clocks", query, headers=org.auth)


@pytest.mark.parametrize("verdict", ["met", "missed", "open", "cancelled"])
@pytest.mark.parametrize("clock", ["company", "owner"])
def test_a_number_is_as_many_clocks_as_are_listed(week: Org, verdict: str, clock: str) -> None:
    asked = {"target": "first_touch", "clock": clock}
    total = ask(week, **asked).json()["total"]["first_touch"]
    told = {**total, **total["left_out"]}[verdict]
    found = clocks(week, verdict=verdict, **asked).json()
    assert len(found["results"]) == told
    assert {row["verdict"] for row in found["results"]} <= {verdict}
    assert found["next"] is None


def test_clocks_tell_their_lead_and_are_paged_through(week: Org) -> None:
    whole = clocks(week).json()["results"]
    seen, address = [], f"{PATH}/clocks?limit=3"
    while address:
        page = Client().get(address, headers=week.auth).json()
        seen += page["results"]
        address = page["next"]
    assert seen == whole
    assert len(whole) > 6
    late = week.extra["late"]
    (told,) = [row for row in whole if row["handoff"] == str(late.id) and row["target"] == "first_touch"]
    assert (told["lead"], told["rep"], told["source"]) == (
        str(late.lead_id),
        str(week.reps[0].id),
        "Webinar",
    )
    assert (told["business_seconds"], told["paused_seconds"], told["is_excused"]) == (18_000, 0, False)
    assert len(clocks(week, only="answered", target="first_touch").json()["results"]) == 3
    overdue = clocks(week, only="overdue", target="first_touch").json()["results"]
    assert [row["handoff"] for row in overdue] == [str(week.extra["never"].id)]
    assert clocks(week, excused="yes").json()["results"] == []
    assert {row["rep"] for row in clocks(week, rep=str(week.reps[1].id)).json()["results"]} == {
        str(week.reps[1].id)
    }


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"verdict": "late"}, "/verdict"),
        ({"only": "some"}, "/only"),
        ({"excused": "any"}, "/excused"),
        ({"by": "rep"}, "/by"),
        ({"limit": "0"}, "/limit"),
        ({"cursor": "x"}, "/cursor"),
    ],
)
def test_bad_input_about_clocks_is_a_problem_document(week: Org, query: dict[str, str], path: str) -> None:
    answer = clocks(week, **query)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["path"] == path


def test_another_organisation_has_its_own_clocks(week: Org, globex: Org) -> None:
    assert clocks(globex).json() == {"results": [], "next": None}
