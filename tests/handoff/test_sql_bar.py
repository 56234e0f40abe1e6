"""The SQL criteria: asked at the SQL step, kept with the version that asked, refused where one must be."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from handoff.services import Actor, accept_lead
from leads import sql_bar
from leads.models import Lead, SqlAnswers, SqlBarVersion
from tenants import versions
from tenants.clock import database_clock, fixed_clock
from tenants.models import Publication
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of
from tests.tenants.publications import approval_on

pytestmark = pytest.mark.django_db

BUDGET = {
    "key": "budget",
    "label": "Budget confirmed",
    "hint": "",
    "answer": "yes_no",
    "choices": [],
    "must": True,
    "must_be": True,
}
SEATS = {"key": "seats", "label": "Seats", "answer": "number", "must": True, "must_be": 50}
PRODUCT = {
    "key": "product",
    "label": "Which product",
    "answer": "choice",
    "choices": ["Cloud", "On site"],
    "must": False,
    "must_be": ["Cloud"],
}


def put_in_force(org: Org, *questions: dict[str, Any], now: datetime) -> SqlBarVersion:
    with org.scope():
        draft = versions.create_draft(
            SqlBarVersion, content={"questions": list(questions)}, actor="system", now=now
        )
        return versions.publish(draft, actor="system", now=now)


def accepted(org: Org, lead: Lead, at: datetime) -> Lead:
    with org.scope():
        accept_lead(lead_id=lead.id, actor=Actor("key:test", None, oversees=True), clock=fixed_clock(at))
    return lead


def post(org: Org, path: str, data: dict[str, Any]) -> Any:
    return Client().post(f"/api/v1/{path}", data, content_type="application/json", headers=org.auth)


def stage_of(org: Org, lead: Lead) -> str:
    with org.scope():
        return Lead.objects.get(id=lead.id).stage


@pytest.fixture
def sal(acme: Org, ruth: Lead, later: datetime) -> Lead:
    return accepted(acme, ruth, later)


def test_a_new_organisation_asks_the_four_and_refuses_nothing(acme: Org, sal: Lead) -> None:
    asked = Client().get("/api/v1/sql-criteria", headers=acme.auth).json()
    assert asked["number"] == 0
    assert [each["key"] for each in asked["content"]["questions"]] == [
        "need",
        "authority",
        "budget",
        "timeline",
    ]
    rep = browser(owner_of(acme, sal))
    page = rep.get(f"/leads/{sal.id}/stage").content.decode()
    for label in ("Need confirmed", "Authority confirmed", "Budget confirmed", "Timeline confirmed"):
        assert label in page
    assert page.count('type="radio" name="answers_need"') == 3
    assert len(re.findall(r'name="answers_\w+" value=""[^>]*checked', page)) == 4  # not answered
    assert post(acme, f"leads/{sal.id}/stage", {"to": "sql"}).json()["stage"] == "sql"


def test_what_is_answered_is_kept_with_the_lead_and_shown(acme: Org, sal: Lead) -> None:
    rep = browser(owner_of(acme, sal))
    sent = {"to": "sql", "asked": "sql", "answers_need": "yes", "answers_budget": "yes", "why": ""}
    sent["answers_authority"] = "no"
    assert rep.post(f"/leads/{sal.id}/stage", sent).status_code == 302
    page = rep.get(f"/leads/{sal.id}").content.decode()
    assert "2 of 4 met" in page
    said = Client().get(f"/api/v1/leads/{sal.id}", headers=acme.auth).json()["sql"]
    assert (said["version"], said["met"]) == (0, False)
    assert [(each["key"], each["value"], each["met"]) for each in said["answers"]] == [
        ("need", True, True),
        ("authority", False, False),
        ("budget", True, True),
        ("timeline", None, None),
    ]


def test_what_must_be_no_is_not_met_by_a_question_that_nobody_answered(
    acme: Org, sal: Lead, now: datetime
) -> None:
    rival = {**BUDGET, "key": "rival", "label": "Bound to a rival", "must_be": False}
    put_in_force(acme, rival, now=now)
    rep = browser(owner_of(acme, sal))
    sent = {"to": "sql", "asked": "sql", "why": ""}
    refused = rep.post(f"/leads/{sal.id}/stage", sent)
    assert refused.status_code == 422
    assert "(needed)" in refused.content.decode()
    assert "Bound to a rival</a>: Answer it." in refused.content.decode()
    assert rep.post(f"/leads/{sal.id}/stage", {**sent, "answers_rival": "no"}).status_code == 302
    assert stage_of(acme, sal) == "sql"


def test_what_must_be_and_is_not_keeps_the_lead_a_sal_and_says_where(
    acme: Org, sal: Lead, now: datetime
) -> None:
    put_in_force(acme, BUDGET, SEATS, PRODUCT, now=now)
    refused = post(acme, f"leads/{sal.id}/stage", {"to": "sql"})
    assert refused.status_code == 400
    assert [(each["path"], each["code"]) for each in refused.json()["errors"]] == [
        ("/answers/budget", "required"),
        ("/answers/seats", "required"),
    ]
    short = post(acme, f"leads/{sal.id}/stage", {"to": "sql", "answers": {"budget": True, "seats": 20}})
    (error,) = short.json()["errors"]
    assert (error["path"], error["code"]) == ("/answers/seats", "not_met")
    assert "at least 50" in error["message"]
    assert stage_of(acme, sal) == "sal"
    with acme.scope():
        assert not SqlAnswers.objects.exists()
    good = {"budget": True, "seats": 80, "product": "On site"}
    assert post(acme, f"leads/{sal.id}/stage", {"to": "sql", "answers": good}).json()["stage"] == "sql"
    said = Client().get(f"/api/v1/leads/{sal.id}", headers=acme.auth).json()["sql"]
    assert (said["version"], said["met"]) == (1, False)
    assert said["answers"][2]["met"] is False


def test_the_page_shows_the_refusal_at_its_question_with_what_was_typed(
    acme: Org, sal: Lead, now: datetime
) -> None:
    put_in_force(acme, BUDGET, SEATS, now=now)
    rep = browser(owner_of(acme, sal))
    sent = {"to": "sql", "asked": "sql", "answers_seats": "20", "why": "They want it"}
    refused = rep.post(f"/leads/{sal.id}/stage", sent)
    page = refused.content.decode()
    assert refused.status_code == 422
    assert "Budget confirmed</a>: Answer it." in page
    assert "Seats</a>: It must be at least 50." in page
    assert 'value="20' in page
    assert "They want it" in page
    assert stage_of(acme, sal) == "sal"


@pytest.mark.parametrize(
    ("answers", "path", "code"),
    [
        ({"colour": "red"}, "/answers/colour", "unknown_field"),
        ({"budget": "yes"}, "/answers/budget", "wrong_type"),
        ({"budget": True, "seats": True}, "/answers/seats", "wrong_type"),
        ({"budget": True, "seats": 80, "product": "Car"}, "/answers/product", "wrong_type"),
    ],
)
def test_an_answer_that_is_none_is_refused_with_its_place(
    acme: Org, sal: Lead, now: datetime, answers: dict[str, Any], path: str, code: str
) -> None:
    put_in_force(acme, BUDGET, SEATS, PRODUCT, now=now)
    refused = post(acme, f"leads/{sal.id}/stage", {"to": "sql", "answers": answers})
    assert refused.status_code == 400
    assert (path, code) in [(each["path"], each["code"]) for each in refused.json()["errors"]]


def test_a_lead_that_is_an_sql_already_takes_new_answers_and_none_that_are_no_answers(
    acme: Org, sal: Lead, now: datetime
) -> None:
    put_in_force(acme, BUDGET, SEATS, PRODUCT, now=now)
    stage = f"leads/{sal.id}/stage"
    post(acme, stage, {"to": "sql", "answers": {"budget": True, "seats": 80}})
    refused = post(acme, stage, {"to": "sql", "answers": {"budget": [[]], "zzz": {"a": 1}, "n": 5}})
    assert refused.status_code == 400
    assert {each["path"] for each in refused.json()["errors"]} == {
        "/answers/budget",
        "/answers/zzz",
        "/answers/n",
    }
    short = post(acme, stage, {"to": "sql", "answers": {"seats": 20}})
    assert [(each["path"], each["code"]) for each in short.json()["errors"]] == [
        ("/answers/seats", "not_met")
    ]
    for _ in range(2):  # the second time it says nothing new
        assert (
            post(acme, stage, {"to": "sql", "answers": {"seats": 90, "product": "Cloud"}}).status_code == 200
        )
    said = Client().get(f"/api/v1/leads/{sal.id}", headers=acme.auth).json()["sql"]
    assert [(each["key"], each["value"]) for each in said["answers"]] == [
        ("budget", True),
        ("seats", 90),
        ("product", "Cloud"),
    ]
    assert said["met"] is True
    with acme.scope():
        assert SqlAnswers.objects.filter(lead=sal).count() == 2
        sal.refresh_from_db()
    assert sal.stage == "sql"


def test_an_sql_is_answered_anew_on_its_page(acme: Org, sal: Lead, now: datetime) -> None:
    put_in_force(acme, BUDGET, SEATS, PRODUCT, now=now)
    rep, address = browser(owner_of(acme, sal)), f"/leads/{sal.id}/sql-answers"
    assert f'href="{address}' not in rep.get(f"/leads/{sal.id}").content.decode()
    assert rep.get(address).status_code == 409
    post(acme, f"leads/{sal.id}/stage", {"to": "sql", "answers": {"budget": True, "seats": 80}})
    assert f'href="{address}' in rep.get(f"/leads/{sal.id}").content.decode()
    form = rep.get(address).context["form"]
    assert (form["answers_budget"].value(), form["answers_seats"].value()) == ("yes", 80)
    sent = {"asked": "sql", "answers_budget": "yes", "answers_seats": "20", "answers_product": "Cloud"}
    short = rep.post(address, sent)
    assert short.status_code == 422
    assert 'id="id_answers_seats_error"' in short.content.decode()
    taken_back = rep.post(address, {**sent, "answers_seats": ""})
    assert "it cannot be taken back" in taken_back.content.decode()
    done = rep.post(address, {**sent, "answers_seats": "90"}, follow=True)
    assert "3 of 3 met" in done.content.decode()
    said = Client().get(f"/api/v1/leads/{sal.id}", headers=acme.auth).json()["sql"]
    assert [each["value"] for each in said["answers"]] == [True, 90, "Cloud"]
    others = next(each for each in acme.reps if each.id != owner_of(acme, sal).id)
    assert browser(others).get(address).status_code == 404
    assert browser(acme.marketing).post(address, sent).status_code == 403


def test_answers_keep_the_version_that_asked(acme: Org, sal: Lead, now: datetime) -> None:
    first = put_in_force(acme, BUDGET, now=now)
    post(acme, f"leads/{sal.id}/stage", {"to": "sql", "answers": {"budget": True}})
    put_in_force(acme, SEATS, now=now + timedelta(minutes=5))
    with acme.scope():
        kept = SqlAnswers.objects.get(lead=sal)
        assert (kept.version_id, kept.number) == (first.id, 1)
        assert [row["label"] for row in kept.answers] == ["Budget confirmed"]


def test_a_lead_of_another_organisation_is_asked_by_that_ones_bar(
    acme: Org, globex: Org, sal: Lead, now: datetime, later: datetime
) -> None:
    put_in_force(acme, BUDGET, now=now)
    theirs = accepted(globex, new_lead(globex, now, "otto@yak.example"), later)
    assert post(globex, f"leads/{theirs.id}/stage", {"to": "sql"}).json()["stage"] == "sql"
    assert post(acme, f"leads/{theirs.id}/stage", {"to": "sql"}).status_code == 404
    assert post(acme, f"leads/{sal.id}/stage", {"to": "sql"}).status_code == 400
    assert handoff_of(globex, theirs).sql_at is not None


# --- The editor ---


def rows(*questions: tuple[str, str, str, str, str]) -> dict[str, str]:
    """What the editor sends: (label, answer, choices, wanted, must) by row."""
    sent = {"count": str(len(questions))}
    for place, (label, answer, choices, wanted, must) in enumerate(questions):
        sent |= {
            f"{place}-label": label,
            f"{place}-answer": answer,
            f"{place}-choices": choices,
            f"{place}-wanted": wanted,
        }
        if must:
            sent[f"{place}-must"] = "1"
    return sent


def test_an_admin_writes_checks_publishes_and_goes_back(acme: Org, sal: Lead) -> None:
    admin = browser(acme.admin)
    assert admin.post("/qualification/sql/start").headers["Location"] == "/qualification/sql/draft"
    draft = admin.get("/qualification/sql/draft").content.decode()
    assert "Need confirmed" in draft
    sent = rows(
        ("Budget over 10k?", "yes_no", "", "yes", "x"), ("Product", "choice", "Cloud\nOn site", "", "")
    )
    added = admin.post("/qualification/sql/draft", {**sent, "revision": "1", "act": "add"})
    assert added.status_code == 200
    assert 'name="2-label"' in added.content.decode()
    saved = admin.post("/qualification/sql/draft", {**sent, "revision": "1", "do": "check"})
    assert saved.headers["Location"] == "/qualification/sql/draft/check"
    check = admin.get("/qualification/sql/draft/check").content.decode()
    assert "New: Budget over 10k?: must be yes." in check
    assert "Asked no more: Need confirmed." in check
    published = admin.post("/qualification/sql/draft/check", {"revision": "2", "against": "0", "when": "now"})
    assert published.headers["Location"] == "/qualification/sql"
    assert "Budget over 10k?: must be yes" in admin.get("/qualification/sql").content.decode()
    refused = post(acme, f"leads/{sal.id}/stage", {"to": "sql"})
    assert [each["path"] for each in refused.json()["errors"]] == ["/answers/budget_over_10k"]
    # Another version, and back to the first.
    admin.post("/qualification/sql/start")
    admin.post("/qualification/sql/draft", {**rows(), "revision": "1", "do": "save"})
    admin.post("/qualification/sql/draft/check", {"revision": "2", "against": "1", "when": "now"})
    assert "Nothing is asked" in admin.get("/qualification/sql").content.decode()
    with acme.scope():
        first = SqlBarVersion.objects.get(number=1)
    again = admin.post(f"/qualification/sql/versions/{first.id}/use", {"against": "2", "when": "now"})
    assert again.status_code == 302
    history = admin.get("/qualification/sql/versions").content.decode()
    assert "As version 1 was." in history
    with acme.scope():
        assert SqlBarVersion.objects.get(state="published").number == 3


def test_what_is_typed_wrong_is_refused_beside_its_question(acme: Org) -> None:
    admin = browser(acme.admin)
    admin.post("/qualification/sql/start")
    sent = rows(("", "yes_no", "", "", ""), ("Product", "choice", "Cloud", "Car", ""))
    refused = admin.post("/qualification/sql/draft", {**sent, "revision": "1", "do": "save"})
    page = refused.content.decode()
    assert refused.status_code == 422
    assert "A label has 1 to 80 characters." in page
    assert "Name at least two choices." in page
    with acme.scope():
        assert SqlBarVersion.objects.get().revision == 1


def test_before_the_first_version_the_list_is_empty(acme: Org) -> None:
    assert browser(acme.admin).get("/qualification/sql/versions").status_code == 200
    listed = Client().get("/api/v1/sql-criteria/versions", headers=acme.auth).json()
    assert listed == {"results": [], "next": None}


def test_two_who_save_one_draft_are_told(acme: Org) -> None:
    admin = browser(acme.admin)
    admin.post("/qualification/sql/start")
    sent = rows(("Budget", "yes_no", "", "yes", ""))
    admin.post("/qualification/sql/draft", {**sent, "revision": "1", "do": "save"})
    second = admin.post("/qualification/sql/draft", {**sent, "revision": "1", "do": "save"})
    assert second.status_code == 409


def test_the_same_over_the_api(acme: Org) -> None:
    client = Client()
    bad = {"content": {"questions": [{**BUDGET, "key": "Budget!"}]}}
    made = client.put(
        "/api/v1/sql-criteria/draft", bad, content_type="application/json", headers=acme.auth
    ).json()
    check = post(acme, "sql-criteria/draft/check", {}).json()
    assert [each["path"] for each in check["problems"]] == ["/questions/0/key"]
    refused = post(acme, "sql-criteria/publish", {"revision": made["revision"]})
    assert refused.status_code == 400
    good = {"content": {"questions": [BUDGET]}, "revision": made["revision"]}
    saved = client.put(
        "/api/v1/sql-criteria/draft", good, content_type="application/json", headers=acme.auth
    ).json()
    assert post(acme, "sql-criteria/publish", {"revision": saved["revision"]}).json()["number"] == 1
    assert client.get("/api/v1/sql-criteria", headers=acme.auth).json()["number"] == 1
    listed = client.get("/api/v1/sql-criteria/versions", headers=acme.auth).json()
    assert [each["number"] for each in listed["results"]] == [1]


@pytest.mark.parametrize("role", ["rep", "executive"])
def test_whoever_does_not_set_up_does_not_see_the_page(acme: Org, role: str) -> None:
    member = acme.reps[0] if role == "rep" else acme.executive
    assert browser(member).get("/qualification/sql").status_code == 403


@pytest.mark.parametrize(
    ("question", "path"),
    [
        ({**BUDGET, "must_be": "yes"}, "/questions/0/must_be"),
        ({**BUDGET, "choices": ["a", "b"]}, "/questions/0/choices"),
        ({**PRODUCT, "choices": ["Cloud", "Cloud"]}, "/questions/0/choices"),
        ({**PRODUCT, "must_be": "Car"}, "/questions/0/must_be"),
        ({**SEATS, "must_be": float("inf")}, "/questions/0/must_be"),
        ({**SEATS, "colour": 1}, "/questions/0/colour"),
        ({**SEATS, "answer": "song"}, "/questions/0/answer"),
    ],
)
def test_a_bar_that_makes_no_sense_is_refused_with_the_place(question: dict[str, Any], path: str) -> None:
    assert [error.path for error in sql_bar.check_content({"questions": [question]})] == [path]


def test_pages_of_a_dialog_ask_for_the_chosen_stage(
    acme: Org, sal: Lead, at_hand: Callable[[datetime], None], later: datetime
) -> None:
    at_hand(later)
    rep = browser(owner_of(acme, sal))
    sql = rep.get(f"/leads/{sal.id}/stage", headers={"HX-Request": "true"}).content.decode()
    assert f'hx-get="/leads/{sal.id}/stage?next=' in sql
    lost = rep.get(f"/leads/{sal.id}/stage?to=lost").content.decode()
    assert "Need confirmed" not in lost


# --- Approval, and a later day ---


def test_where_a_second_admin_must_approve_publishing_asks(acme: Org, now: datetime) -> None:
    bea = approval_on(acme, database_clock(), kind="sql_bar")
    admin = browser(acme.admin)
    admin.post("/qualification/sql/start")
    sent = rows(("Budget", "yes_no", "", "yes", "x"))
    admin.post("/qualification/sql/draft", {**sent, "revision": "1", "do": "check"})
    page = admin.get("/qualification/sql/draft/check").content.decode()
    assert "Ask for approval" in page
    admin.post("/qualification/sql/draft/check", {"revision": "2", "against": "0", "when": "now"})
    assert Client().get("/api/v1/sql-criteria", headers=acme.auth).json()["number"] == 0
    with acme.scope():
        order = Publication.objects.get()
    assert order.kind == "sql_bar"
    done = browser(bea).post(f"/publications/{order.id}/approve", {"against": "0"})
    assert done.status_code == 302
    assert Client().get("/api/v1/sql-criteria", headers=acme.auth).json()["number"] == 1


def test_a_bar_for_a_later_day_asks_from_then_on(acme: Org, now: datetime) -> None:
    later_on = now + timedelta(days=3)
    with acme.scope():
        draft = versions.create_draft(SqlBarVersion, content={"questions": [BUDGET]}, actor="system", now=now)
        versions.publish(draft, actor="system", now=now, effective_at=later_on)
        assert sql_bar.bar_in_force(later_on - timedelta(seconds=1)).number == 0
        assert sql_bar.bar_in_force(later_on).number == 1


@pytest.mark.parametrize(
    ("answer", "typed", "said"),
    [
        ("yes_no", "perhaps", "Write yes or no, or leave it empty: then any answer meets it."),
        ("number", "many", "Write the least number, or leave it empty: then any number meets it."),
        ("number", "5_0", "Write the least number, or leave it empty: then any number meets it."),
        ("choice", "Boat", "Write one of the choices, or some of them with commas, or leave it empty"),
    ],
)
def test_the_page_says_in_words_of_its_fields_what_may_meet_a_question(
    acme: Org, answer: str, typed: str, said: str
) -> None:
    admin = browser(acme.admin)
    admin.post("/qualification/sql/start")
    row = {"label": "Vehicle", "answer": answer, "choices": "Car\nTram", "wanted": typed, "must": "on"}
    sent = {"count": "1"} | {f"0-{name}": value for name, value in row.items()}
    refused = admin.post("/qualification/sql/draft", {**sent, "revision": "1", "do": "save"})
    assert refused.status_code == 422
    assert said in refused.content.decode()
