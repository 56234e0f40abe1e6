"""The alignment survey by the API: read as on the page, and its questions reworded."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from reporting.models import SurveyAnswer
from reporting.outcomes.survey import DEFAULTS, questions
from tenants.clock import database_clock
from tenants.models import AuditEntry
from tests.factories import Org
from tests.reporting.scenes import browser
from tests.reporting.test_survey import ALL_FOURS, now_quarter, past

pytestmark = pytest.mark.django_db

PATH = "/api/v1/survey"


def get(org: Org, path: str = "") -> Any:
    return Client(headers=org.auth).get(PATH + path)


def put(org: Org, **body: Any) -> Any:
    return Client(headers=org.auth).put(f"{PATH}/questions", body, content_type="application/json")


def test_what_is_asked_and_what_was_answered(in_acme: Org) -> None:
    put(in_acme, questions=["One.", "Two.", "Three.", "Four.", "Five."])
    past("2025Q1", "sales", 5, 5, "Good.")
    past("2025Q1", "marketing", 1, 4, "Mine alone.")
    past(now_quarter(in_acme), "sales", 1, 9)
    browser(in_acme.reps[0]).post("/survey", ALL_FOURS)
    found = get(in_acme).json()
    assert (found["quarter"], found["answered"], found["least"]) == (now_quarter(in_acme), 1, 5)
    assert found["questions"][1] == {"place": 2, "text": "Two."}
    (quarter,) = found["results"]
    assert quarter["quarter"] == "2025Q1"
    assert quarter["sides"] == {
        "sales": {"answers": 5, "is_shown": True, "notes": ["Good."] * 5},
        "marketing": {"answers": 4, "is_shown": False, "notes": []},
    }
    assert quarter["questions"][0] == {
        "place": 1,
        "text": "One.",
        "scores": {
            "sales": {"base": 5, "agree": 5, "mean": 5.0, "spread": [0, 0, 0, 0, 5]},
            "marketing": None,
        },
    }
    assert b"Mine alone." not in get(in_acme).content


def test_before_anybody_answered_there_are_the_questions(in_acme: Org) -> None:
    found = get(in_acme).json()
    assert [each["text"] for each in found["questions"]] == list(DEFAULTS)
    assert (found["answered"], found["results"]) == (0, [])


def test_a_program_cannot_answer(in_acme: Org) -> None:
    sent = {"scores": [4] * 5, "by": str(in_acme.reps[0].id)}
    answer = Client(headers=in_acme.auth).post(PATH, sent, content_type="application/json")
    assert answer.status_code == 405
    assert not SurveyAnswer.objects.exists()


def test_questions_are_reworded_and_the_others_go_on(in_acme: Org) -> None:
    past("2025Q1", "sales", 4, 5)
    read = get(in_acme, "/questions").json()
    texts = [each["text"] for each in read["questions"]]
    texts[1] = "Their leads are worth a call."
    answer = put(in_acme, questions=texts, seal=read["seal"])
    assert answer.status_code == 200
    assert [each["text"] for each in answer.json()["questions"]] == texts
    assert answer.json()["seal"] != read["seal"]
    assert get(in_acme, "/questions").json() == answer.json()
    kept = AuditEntry.objects.get(action="survey_questions_changed")
    assert kept.actor.startswith("key:")
    page = browser(in_acme.marketing).get("/survey").content.decode()
    assert "Their leads are worth a call." in page


def test_what_somebody_changed_meanwhile_is_not_lost(in_acme: Org) -> None:
    read = get(in_acme, "/questions").json()
    put(in_acme, questions=["Another?", *DEFAULTS[1:]])
    refused = put(in_acme, questions=[f"{place}?" for place in range(5)], seal=read["seal"])
    assert (refused.status_code, refused["Content-Type"]) == (409, "application/problem+json")
    assert questions()[0].text == "Another?"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/questions"),
        ({"questions": "One."}, "/questions"),
        ({"questions": ["One."]}, "/questions"),
        ({"questions": ["1", "2", "3", "4", "5", "6"]}, "/questions"),
        ({"questions": ["1", "2", " ", "4", "5"]}, "/questions/2"),
        ({"questions": ["1", "2", "3", "4", "x" * 201]}, "/questions/4"),
        ({"questions": ["1", "2", "3", 4, "5"]}, "/questions/3"),
        ({"questions": ["1", "2", "3", "4", "5"], "place": 1}, "/place"),
    ],
)
def test_bad_input_is_told_at_its_place(in_acme: Org, body: dict[str, Any], path: str) -> None:
    answer = put(in_acme, **body)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["path"] == path
    assert [each.text for each in questions()] == list(DEFAULTS)


def test_each_organisation_has_its_own(acme: Org, globex: Org) -> None:
    put(acme, questions=["Ours?", *DEFAULTS[1:]])
    with acme.scope():
        past("2025Q1", "sales", 5, 5, "Good.")
    assert get(globex).json()["questions"][0]["text"] == DEFAULTS[0]
    assert get(globex).json()["results"] == []


def test_it_needs_the_scopes(in_acme: Org) -> None:
    from tenants.services import create_api_key

    _, text = create_api_key(
        tenant=in_acme.tenant, name="Reader", scopes=["config:read"], now=database_clock()
    )
    client = Client(headers={"Authorization": f"Bearer {text}"})
    assert Client().get(PATH).status_code == 401
    assert client.get(PATH).status_code == 403
    assert client.get(f"{PATH}/questions").status_code == 200
    refused = client.put(f"{PATH}/questions", {"questions": list("12345")}, content_type="application/json")
    assert refused.status_code == 403
    assert get(in_acme, "?quarter=2025Q1").status_code == 400
