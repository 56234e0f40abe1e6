"""What makes a meeting a qualified one: an organisation's own questions, written and versioned as the SQL
criteria are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from feedback.models import Meeting
from leads.bars import DEFAULT_MEETING_BAR, MEETING_BAR, SQL_BAR
from leads.models import Lead, MeetingBarVersion, SqlBarVersion
from tenants import versions
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import browser
from tests.handoff.test_api import get, post
from web.api import TenantAPIView
from web.throttling import KeyRateThrottle

pytestmark = pytest.mark.django_db

PAGE = "/qualification/meeting"
QUESTIONS = [
    {"key": "budget", "label": "Budget named", "answer": "yes_no", "must": True, "must_be": True},
    {"key": "seats", "label": "Seats", "answer": "number", "must_be": 20},
    {"key": "product", "label": "Product", "answer": "choice", "choices": ["Cloud", "On site"]},
]


@pytest.fixture(autouse=True)
def at_ten(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    KeyRateThrottle.reset()
    monkeypatch.setattr(TenantAPIView, "clock", staticmethod(fixed_clock(now)))
    monkeypatch.setattr("handoff.views.base.reading_clock", fixed_clock(now))
    monkeypatch.setattr("handoff.views.base.deciding_clock", fixed_clock(now))


@pytest.fixture
def prospect(acme: Org, now: datetime) -> Lead:
    with acme.scope():
        found: Lead = Lead.objects.create(
            email="vera@tapir.example", first_name="Vera", last_name="Ost", created_at=now, updated_at=now
        )
        return found


def publish(org: Org, now: datetime, questions: Any = QUESTIONS) -> MeetingBarVersion:
    with org.scope():
        draft = versions.start_draft(
            MeetingBarVersion, content={"questions": questions}, actor="system", now=now
        )
        return versions.publish(draft, actor="system", now=now, validate=lambda content: None)


def book(org: Org, lead: Lead, now: datetime, **answers: Any) -> Any:
    said = {
        "by": str(org.reps[0].id),
        "ae": str(org.reps[1].id),
        "at": (now + timedelta(days=1)).isoformat(),
        "answers": answers,
    }
    return post(org, f"leads/{lead.id}/meetings", said)


def test_until_one_is_published_the_default_asks_and_refuses_nothing(
    acme: Org, prospect: Lead, now: datetime
) -> None:
    found = get(acme, "meeting-criteria").json()
    assert (found["id"], found["number"], found["content"]) == (None, 0, DEFAULT_MEETING_BAR)
    made = book(acme, prospect, now, fit=True).json()
    assert [(row["key"], row["met"]) for row in made["checks"]] == [
        ("authority", None),
        ("fit", True),
        ("next_step", None),
        ("ae_confirmed", None),
    ]


def test_what_must_be_met_refuses_a_booking_and_says_where(acme: Org, prospect: Lead, now: datetime) -> None:
    publish(acme, now)
    for answers, code in ({}, "required"), ({"budget": False}, "not_met"):
        refused = book(acme, prospect, now, **answers)
        assert refused.status_code == 400
        assert [(each["path"], each["code"]) for each in refused.json()["errors"]] == [
            ("/answers/budget", code)
        ]
    assert book(acme, prospect, now, budget=True, fit=True).status_code == 400, "it asks no more for that"
    with acme.scope():
        assert not Meeting.objects.exists()
    made = book(acme, prospect, now, budget=True, seats=12, product="Cloud")
    assert made.status_code == 201
    with acme.scope():
        meeting = Meeting.objects.get()
        assert (meeting.bar_number, meeting.qualified) == (1, False), "12 seats are too few"
        assert [row["value"] for row in meeting.checks] == [True, 12, "Cloud"]


def test_another_day_keeps_the_answers_that_an_earlier_version_asked_for(
    acme: Org, prospect: Lead, now: datetime
) -> None:
    made = book(acme, prospect, now, fit=True, authority=True, next_step=True, ae_confirmed=True).json()
    publish(acme, now)
    day = (now + timedelta(days=2)).isoformat()
    later = post(acme, f"meetings/{made['id']}/reschedule", {"at": day, "by": str(acme.reps[0].id)})
    assert later.status_code in (200, 201), later.json()
    assert later.json()["checks"] == made["checks"]
    with acme.scope():
        meeting = Meeting.objects.get(state="booked")
        assert (meeting.bar_number, meeting.qualified) == (0, True)


def test_the_booking_form_asks_what_the_version_in_force_asks(
    acme: Org, prospect: Lead, now: datetime
) -> None:
    publish(acme, now)
    address = f"/leads/{prospect.id}/meeting"
    client = browser(acme.admin)
    page = client.get(address).content.decode()
    for words in ("Budget named (must be yes)", "Seats", "Product", "On site"):
        assert words in page
    assert "Attendee decides" not in page
    sent = {
        "at": f"{now + timedelta(days=1):%Y-%m-%dT11:00}",
        "minutes": "30",
        "ae": str(acme.reps[1].id),
        "answers_seats": "30",
        "answers_product": "Cloud",
    }
    rep = browser(acme.reps[0])
    refused = rep.post("/meetings/new", {**sent, "email": prospect.email})
    assert refused.status_code == 400 or refused.status_code == 422
    assert "It must be yes." in refused.content.decode()
    done = rep.post("/meetings/new", {**sent, "email": prospect.email, "checks": ["budget"]})
    assert done.status_code in (200, 302), done.content.decode()
    with acme.scope():
        assert Meeting.objects.get().qualified


def test_it_is_written_and_published_on_its_pages_and_over_the_api_and_is_no_others(
    acme: Org, globex: Org, now: datetime
) -> None:
    client = browser(acme.admin)
    assert client.post(f"{PAGE}/start")["Location"] == f"{PAGE}/draft"
    draft = client.get(f"{PAGE}/draft").content.decode()
    assert "Qualified-meeting criteria" in draft
    assert "Attendee decides or influences" in draft
    check = client.get(f"{PAGE}/draft/check").content.decode()
    assert "It counts for the next meeting that is booked." in check
    saved = post(acme, "meeting-criteria/draft/check", {}).json()
    assert saved["problems"] == []
    sent = {"revision": "1", "against": "0", "when": "now"}
    assert client.post(f"{PAGE}/draft/check", sent)["Location"] == PAGE
    listed = get(acme, "meeting-criteria/versions").json()
    assert [each["number"] for each in listed["results"]] == [1]
    assert "Version 1" in client.get(PAGE).content.decode()
    assert get(globex, "meeting-criteria").json()["number"] == 0
    with acme.scope():
        assert not SqlBarVersion.objects.exists(), "the SQL criteria are another bar"
        assert SQL_BAR.in_force(now).number == 0
        version = MeetingBarVersion.objects.get()
    assert browser(globex.admin).get(f"{PAGE}/versions/{version.id}/use").status_code == 404
    assert post(globex, f"meeting-criteria/versions/{version.id}/roll-back", {}).status_code == 404
    assert browser(acme.reps[0]).get(PAGE).status_code == 403
    assert browser(acme.manager).post(f"{PAGE}/start").status_code == 403


def test_the_two_bars_have_words_of_their_own() -> None:
    assert (SQL_BAR.words, MEETING_BAR.words) == ("the SQL criteria", "the qualified-meeting criteria")


def test_a_bar_that_cannot_be_asked_is_not_published(acme: Org, now: datetime) -> None:
    wrong = {"content": {"questions": [{"key": "Budget", "label": "", "answer": "maybe"}]}}
    saved = Client().put(
        "/api/v1/meeting-criteria/draft", wrong, content_type="application/json", headers=acme.auth
    )
    assert saved.status_code == 200
    refused = post(acme, "meeting-criteria/publish", {"revision": 1})
    assert refused.status_code == 400
    assert {each["path"] for each in refused.json()["errors"]} >= {"/questions/0/key", "/questions/0/answer"}
