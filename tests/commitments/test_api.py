"""Commitments for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from leads.models import Handoff, Opportunity
from reporting.models import CommitmentTarget
from tenants.clock import database_clock
from tenants.services import create_api_key
from tests.commitments.scenes import drain, mql, promise
from tests.factories import Org
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db

WANTED: dict[str, Any] = {
    "commitment": "mql_volume",
    "target": 120,
    "weekly_floor": 25,
    "counts_rejected": False,
    "valid_from": "2026-12-01",
    "why": "The plan of the year.",
}


def put(org: Org, *targets: dict[str, Any]) -> HttpResponse:
    return Client().put(
        "/api/v1/commitments/targets",
        {"targets": list(targets)},
        content_type="application/json",
        headers=org.auth,
    )


def of(answer: HttpResponse, commitment: str) -> dict[str, Any]:
    return next(each for each in answer.json()["results"] if each["commitment"] == commitment)


def test_a_month_is_told_with_bases_and_forecast(in_acme: Org, now: datetime) -> None:
    promise(in_acme, "mql_volume", 20, now=now, weekly_floor=2)
    at = datetime(2026, 11, 10, 9, tzinfo=UTC)
    for kind in ("accepted", "rejected", ""):
        mql(in_acme, at, answer=kind)
    drain(in_acme)
    answer = Client().get("/api/v1/commitments?month=2026-11", headers=in_acme.auth)
    assert answer.status_code == 200
    volume, acceptance = of(answer, "mql_volume"), of(answer, "acceptance")
    assert (volume["actual"], volume["refused"], volume["standing"]) == (3, 1, "off_target")
    assert volume["term"]["target"] == 20
    assert volume["forecast"]["low"] <= volume["forecast"]["expected"] <= volume["forecast"]["high"]
    assert [week["kept"] for week in volume["floor_weeks"]] == [False, False, True, None]
    assert acceptance["share"] == {"count": 1, "base": 2, "rate": 50.0, "left_out": 1}
    assert answer.json()["sources"][0]["completeness"]["base"] == 3


def test_targets_are_set_together_or_not_at_all(acme: Org) -> None:
    refused = put(acme, WANTED, {**WANTED, "commitment": "acceptance", "target": 101, "weekly_floor": None})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "/targets/1/target"
    with acme.scope():
        assert not CommitmentTarget.objects.exists()
    answer = put(
        acme, WANTED, {"commitment": "acceptance", "target": 80, "valid_from": "2026-11-01", "why": "?"}
    )
    assert answer.status_code == 200
    volume = of(answer, "mql_volume")
    assert volume["present"]["target"] is None
    assert volume["upcoming"][0]["target"] == 120
    assert volume["history"][0]["why"] == "The plan of the year."
    assert of(answer, "acceptance")["present"]["target"] == 80


def test_a_change_that_names_what_it_replaces_is_refused_once_another_came(acme: Org) -> None:
    first = of(put(acme, {**WANTED, "instead_of": None}), "mql_volume")["history"][0]["id"]
    assert put(acme, {**WANTED, "target": 130, "instead_of": None}).status_code == 409
    assert put(acme, {**WANTED, "target": 130, "instead_of": first}).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"commitment": "more"}, "/targets/0/commitment"),
        ({"valid_from": "2026-10-01"}, "/targets/0/valid_from"),
        ({"valid_from": "2026-12-02"}, "/targets/0/valid_from"),
        ({"valid_from": "2029-12-01"}, "/targets/0/valid_from"),
        ({"weekly_floor": 121}, "/targets/0/weekly_floor"),
        ({"why": "  "}, "/targets/0/why"),
        ({"target": "120"}, "/targets/0/target"),
        ({"goal": 1}, "/targets/0/goal"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(acme: Org, wrong: dict[str, Any], path: str) -> None:
    refused = put(acme, {**WANTED, **wrong})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == path


def test_another_organisation_sees_and_changes_its_own_only(acme: Org, globex: Org, now: datetime) -> None:
    with globex.scope():
        promise(globex, "acceptance", 70, now=now)
        mql(globex, now - timedelta(days=1))
        drain(globex)
    put(acme, WANTED)
    answer = Client().get("/api/v1/commitments/targets", headers=globex.auth)
    assert of(answer, "mql_volume")["history"] == []
    assert of(answer, "acceptance")["present"]["target"] == 70
    assert of(Client().get("/api/v1/commitments", headers=acme.auth), "mql_volume")["actual"] == 0


# --- The calculator -----------------------------------------------------------------------------------------


def reckon(org: Org, **query: str) -> Any:
    return Client(headers=org.auth).get("/api/v1/commitments/calculator", query)


def test_a_pipeline_is_worked_out_as_on_the_page(acme: Org) -> None:
    found = reckon(acme, pipeline="600000", value="24000", conversion="12.5").json()
    page = browser(acme.marketing).get("/commitments/calculator?pipeline=600000&value=24000&conversion=12.5")
    assert found["mqls"] == page.context["number"] == 200
    assert found["why"] == page.context["why"]
    assert found["currency"] == "EUR"


def test_what_is_not_given_is_what_the_own_data_say(in_acme: Org, now: datetime) -> None:
    own = reckon(in_acme).json()["own"]
    assert (own["value"], own["opportunities"], own["conversion"]["base"]) == (None, 0, 0)
    old = now - timedelta(days=120)
    for _ in range(4):
        mql(in_acme, old)
    handoff = Handoff.objects.latest("id")
    Opportunity.objects.create(
        lead=handoff.lead,
        handoff=handoff,
        name="Deal",
        amount=Decimal(30_000),
        currency="EUR",
        opened_at=old + timedelta(days=9),
        updated_at=now,
    )
    drain(in_acme)
    found = reckon(in_acme, pipeline="60000").json()
    assert (found["own"]["value"], found["own"]["valued"]) == ("30000.00", 1)
    assert found["own"]["conversion"] == {"count": 1, "base": 4, "rate": 25.0, "left_out": 0}
    assert found["mqls"] == 8


def test_the_sum_in_words_never_says_nothing_for_little(acme: Org) -> None:
    why = reckon(acme, pipeline="0.3", value="12.4", conversion="0.01").json()["why"]
    assert why == "Pipeline target 0.3 EUR / 12.40 EUR an opportunity / 0.01% MQL to opportunity"


def test_a_number_in_a_way_that_nobody_writes_is_refused_in_words(acme: Org) -> None:
    answer = browser(acme.marketing).get("/commitments/calculator?pipeline=1_000&value=٣")
    assert answer.status_code == 422
    said = ["Write a number with the digits 0 to 9, like 1000 or 2.5."]
    assert answer.context["form"].errors == {"pipeline": said, "value": said}


def test_a_calculator_reads_its_own_organisation_and_needs_the_scope(acme: Org, globex: Org) -> None:
    at = database_clock() - timedelta(days=120)
    with acme.scope():
        mql(acme, at)
        drain(acme)
    assert reckon(acme).json()["own"]["conversion"]["base"] == 1
    assert reckon(globex).json()["own"]["conversion"]["base"] == 0
    with acme.scope():
        _, text = create_api_key(
            tenant=acme.tenant, name="Other", scopes=["config:read"], now=database_clock()
        )
    other = Client(headers={"Authorization": f"Bearer {text}"})
    assert other.get("/api/v1/commitments/calculator").status_code == 403


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ({"pipeline": "600000"}, ["/value", "/conversion"]),
        ({"pipeline": "600000", "value": "20000"}, ["/conversion"]),
        ({"pipeline": "0"}, ["/pipeline"]),
        ({"pipeline": ""}, ["/pipeline"]),
        ({"pipeline": "much"}, ["/pipeline"]),
        ({"pipeline": "600_000"}, ["/pipeline"]),
        ({"pipeline": "600000", "value": "٣", "conversion": "1_0"}, ["/value", "/conversion"]),
        ({"pipeline": "1", "value": "-3", "conversion": "101"}, ["/value", "/conversion"]),
        ({"pipelines": "1"}, ["/pipelines"]),
    ],
)
def test_what_cannot_be_reckoned_with_is_refused_at_its_name(
    acme: Org, query: dict[str, str], paths: list[str]
) -> None:
    answer = reckon(acme, **query)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [each["path"] for each in answer.json()["errors"]] == paths
