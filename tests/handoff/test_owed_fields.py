"""What sales must fill in before a step: refused with the fields named, filled in right there."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from handoff.services import Actor, accept_lead, answers, reject_lead
from leads.models import Lead, SqlAnswers, Touch
from tenants.clock import fixed_clock
from tenants.models import AuditEntry
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of
from tests.handoff.test_intake_races import deadlocks
from tests.threads import in_threads

pytestmark = pytest.mark.django_db


def patch(org: Org, data: dict[str, Any]) -> Any:
    return Client().patch("/api/v1/upkeep", data, content_type="application/json", headers=org.auth)


def post(org: Org, path: str, data: dict[str, Any]) -> Any:
    return Client().post(f"/api/v1/{path}", data, content_type="application/json", headers=org.auth)


def owe(org: Org, **owed: list[str]) -> None:
    answer = patch(org, {"owed": owed})
    assert answer.status_code == 200, answer.json()


def stage_of(org: Org, lead: Lead) -> str:
    with org.scope():
        return Lead.objects.get(id=lead.id).stage


def test_nothing_is_owed_until_somebody_chooses(acme: Org, ruth: Lead) -> None:
    found = Client().get("/api/v1/upkeep", headers=acme.auth).json()
    assert found == {"owed": {}, "stale_days": {}}
    assert post(acme, f"leads/{ruth.id}/accept", {}).json()["stage"] == "sal"


def test_accepting_is_refused_with_the_fields_named_and_takes_them_along(acme: Org, ruth: Lead) -> None:
    owe(acme, sal=["phone", "account.employees"])
    refused = post(acme, f"leads/{ruth.id}/accept", {})
    assert refused.status_code == 400
    assert [(each["path"], each["code"]) for each in refused.json()["errors"]] == [
        ("/fields/phone", "required"),
        ("/fields/account.employees", "required"),
    ]
    assert "Phone: fill it in. Employees: fill it in." in refused.json()["detail"]
    assert stage_of(acme, ruth) == "mql"
    fields = {"phone": "+49 30 1234567", "account.employees": 120}
    assert post(acme, f"leads/{ruth.id}/accept", {"fields": fields}).json()["stage"] == "sal"
    with acme.scope():
        lead = Lead.objects.select_related("account").get(id=ruth.id)
        assert (lead.phone, lead.account.employees) == ("+49301234567", 120)
        entry = AuditEntry.objects.get(action="lead.correct")
        assert entry.after["fields"] == ["account.employees", "phone"]


def test_the_page_asks_right_there_when_accept_falls_short(
    acme: Org, ruth: Lead, at_hand: Any, later: datetime
) -> None:
    at_hand(later)
    owe(acme, sal=["phone"])
    rep = browser(owner_of(acme, ruth))
    asked = rep.post(f"/leads/{ruth.id}/accept", {"next": "/inbox"})
    page = asked.content.decode()
    assert asked.status_code == 200  # a browser writes an error into its console for any other
    assert 'name="fields_phone"' in page
    assert "To be filled in for this step" in page
    assert "Not saved" not in page  # nobody was asked for it before
    assert 'value="/inbox"' in page
    empty = rep.post(f"/leads/{ruth.id}/accept", {"next": "/inbox", "asked": "sal", "fields_phone": ""})
    assert empty.status_code == 422
    assert "Phone</a>: Fill it in." in empty.content.decode()
    assert stage_of(acme, ruth) == "mql"
    done = rep.post(f"/leads/{ruth.id}/accept", {"next": "/inbox", "fields_phone": "+49 30 1234567"})
    assert (done.status_code, done.headers["Location"]) == (302, "/inbox")
    assert stage_of(acme, ruth) == "sal"


def test_accepting_with_a_touch_says_what_is_missing_and_logs_nothing(
    acme: Org, ruth: Lead, at_hand: Any, later: datetime
) -> None:
    at_hand(later)
    owe(acme, sal=["phone"])
    rep = browser(owner_of(acme, ruth))
    refused = rep.post(f"/leads/{ruth.id}/touch", {"kind": "call", "at": "2026-11-17T10:02", "accept": "on"})
    assert refused.status_code == 422
    assert "Phone: fill it in. Log the touch alone" in refused.content.decode()
    with acme.scope():
        assert not Touch.objects.exists()


def test_an_own_field_and_an_answer_are_owed_before_an_opportunity(
    acme: Org, ruth: Lead, later: datetime
) -> None:
    owe(acme, opportunity=["custom.amount", "sql.budget"])
    with acme.scope():
        accept_lead(lead_id=ruth.id, actor=Actor("key:test", None, oversees=True), clock=fixed_clock(later))
    post(acme, f"leads/{ruth.id}/stage", {"to": "sql", "answers": {"need": True}})
    refused = post(acme, f"leads/{ruth.id}/stage", {"to": "opportunity"})
    assert [each["path"] for each in refused.json()["errors"]] == ["/fields/custom.amount", "/answers/budget"]
    rep = browser(owner_of(acme, ruth))
    page = rep.get(f"/leads/{ruth.id}/stage").content.decode()
    assert 'name="fields_custom.amount"' in page
    assert 'name="answers_budget"' in page
    sent = {
        "to": "opportunity",
        "asked": "opportunity",
        "fields_custom.amount": "50000 EUR",
        "answers_budget": "yes",
    }
    assert rep.post(f"/leads/{ruth.id}/stage", sent).status_code == 302
    with acme.scope():
        lead = Lead.objects.get(id=ruth.id)
        assert (lead.stage, lead.custom["amount"]) == ("opportunity", "50000 EUR")
        rows = SqlAnswers.objects.filter(lead=lead).order_by("at")
        assert [row.stage for row in rows] == ["sql", "opportunity"]
        last = {row["key"]: row["value"] for row in rows[1].answers}
        assert (last["need"], last["budget"]) == (True, True)
    assert handoff_of(acme, ruth).opportunity_at is not None


def test_a_field_that_is_not_asked_for_or_wrong_is_refused_with_its_place(acme: Org, ruth: Lead) -> None:
    owe(acme, sal=["account.employees", "email"])
    for fields, path in (
        ({"colour": "red"}, "/fields/colour"),
        ({"account.employees": "many"}, "/fields/account.employees"),
        ({"account.employees": -4}, "/fields/account.employees"),
    ):
        refused = post(acme, f"leads/{ruth.id}/accept", {"fields": fields})
        assert refused.status_code == 400
        assert path in [each["path"] for each in refused.json()["errors"]], refused.json()
    assert stage_of(acme, ruth) == "mql"


def test_a_rep_fills_in_what_the_account_lacks_and_changes_nothing_that_it_says(
    acme: Org, ruth: Lead, at_hand: Any, later: datetime
) -> None:
    at_hand(later)
    owe(acme, sal=["account.industry"])
    rep = browser(owner_of(acme, ruth))
    assert rep.post(f"/leads/{ruth.id}/accept", {"fields_account.industry": "Freight"}).status_code == 302
    with acme.scope():
        assert Lead.objects.select_related("account").get(id=ruth.id).account.industry == "Freight"


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"owed": {"moon": ["phone"]}}, "/owed/moon"),
        ({"owed": {"sal": ["colour"]}}, "/owed/sal/0"),
        ({"owed": {"sal": ["phone", "sql.budget"]}}, "/owed/sal/1"),
        ({"owed": {"won": ["sql.colour"]}}, "/owed/won/0"),
        ({"owed": {"won": ["custom."]}}, "/owed/won/0"),
        ({"owed": {"won": "phone"}}, "/owed/won"),
        ({"stale_days": {"won": 3}}, "/stale_days/won"),
        ({"stale_days": {"sal": 0}}, "/stale_days/sal"),
        ({"stale_days": {"sal": True}}, "/stale_days/sal"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_with_its_place(
    acme: Org, said: dict[str, Any], path: str
) -> None:
    refused = patch(acme, said)
    assert refused.status_code == 400
    assert [each["path"] for each in refused.json()["errors"]] == [path]
    assert Client().get("/api/v1/upkeep", headers=acme.auth).json() == {"owed": {}, "stale_days": {}}


def test_an_admin_chooses_on_the_page_and_it_says_so_in_words(acme: Org, globex: Org) -> None:
    admin = browser(acme.admin)
    sent = {"owed_sal": ["phone", "title"], "own_won": "amount", "stale_sal": "5"}
    assert admin.post("/qualification/stages", sent).status_code == 302
    page = admin.get("/qualification/stages").content.decode()
    assert "<b>Before SAL:</b> Phone, Title." in page
    assert "<b>Before Won:</b> Amount." in page
    assert "<b>SAL</b> is stale after 5 working days." in page
    refused = admin.post("/qualification/stages", {"own_won": "a/b"})
    assert refused.status_code == 422
    assert "cannot be the name of a field of yours" in refused.content.decode()
    assert browser(acme.marketing).post("/qualification/stages", sent).status_code == 403
    assert Client().get("/api/v1/upkeep", headers=globex.auth).json()["owed"] == {}
    with acme.scope():
        assert AuditEntry.objects.filter(action="upkeep_changed").count() == 1


@pytest.mark.parametrize("name", ["Bad name!", "a/b", "a~b", "!", "a" * 61, "x?"])
def test_a_name_that_no_field_can_have_is_owed_by_nobody(acme: Org, name: str) -> None:
    refused = patch(acme, {"owed": {"sal": [f"custom.{name}"]}})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "/owed/sal/0")
    admin = browser(acme.admin)
    page = admin.post("/qualification/stages", {"own_sal": name, "owed_won": ["phone"]})
    assert page.status_code == 422
    assert [field.name for field in page.context["form"] if field.errors] == ["own_sal"]
    open_ = [stage["label"] for stage in page.context["form"].stages if stage["open"]]
    assert open_ == ["SAL", "Won"], "what is wrong, and what is not saved, is not folded away"
    assert patch(acme, {"owed": {"sal": ["custom.Größe in m2"]}}).status_code == 200


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_an_arrival_in_the_middle_of_an_accept_with_fields_meets_no_deadlock(
    acme: Org, now: datetime, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a lead with an older handoff the arrival locks both; so must whoever fills in fields."""
    program = Actor("key:test", None, oversees=True)
    lead = new_lead(acme, now)
    owe(acme, sal=["phone"])
    with acme.scope():
        reject_lead(lead_id=lead.id, reason="wrong_title", actor=program, clock=fixed_clock(now))
    new_lead(acme, later)
    before = deadlocks()
    at_work = threading.Event()
    real = answers.take_step

    def once_it_waits(*said: Any, **more: Any) -> None:
        at_work.set()
        with connection.cursor() as cursor:
            for _ in range(20_000):
                cursor.execute("select exists(select from pg_locks where not granted)")
                if cursor.fetchone()[0]:
                    break
        real(*said, **more)

    monkeypatch.setattr(answers, "take_step", once_it_waits)

    def accept() -> None:
        with acme.scope():
            fields = {"phone": "+49 30 1234567"}
            accept_lead(lead_id=lead.id, actor=program, clock=fixed_clock(later), fields=fields)

    def arrive() -> None:
        at_work.wait(30)
        new_lead(acme, later + timedelta(minutes=1), title="Head of IT")

    in_threads(accept, arrive)
    assert stage_of(acme, lead) == "sal"
    assert deadlocks() == before
