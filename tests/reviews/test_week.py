"""The week that both sides look at together."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from leads.models import Handoff, ImportedCycle, Lead
from leads.services import mark_dirty
from reporting.models import BreakdownNote, TargetFact
from tests.commitments.scenes import drain, mql
from tests.factories import Org
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db

WEEK = "/reviews/week/2026-10-12"


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def _broken() -> TargetFact:
    return TargetFact.objects.filter(target="first_touch", clock="company", verdict="missed").first()


def test_a_week_tells_its_numbers_and_its_breakdowns(scene: Org) -> None:
    said = text_of(browser(scene.marketing).get(WEEK).content.decode())
    assert "12 Oct to 18 Oct 2026" in said
    assert "so far" not in said.partition("Breakdowns")[0]
    assert "First touch 0% Off target 0 2" in said
    assert "Answered" in said  # their story
    assert "Rejected, as answered 100%" in said


def test_the_present_week_is_told_so_far(scene: Org) -> None:
    said = text_of(browser(scene.executive).get("/reviews/week").content.decode())
    assert "16 Nov to 22 Nov 2026, so far: until Tue 17 Nov" in said
    assert "No deadline was missed" in said


@pytest.mark.parametrize("monday", ["2026-10-13", "2026-11-23", "soon", "1999-01-04"])
def test_a_day_that_is_no_monday_or_lies_ahead_is_refused(scene: Org, monday: str) -> None:
    for ending in ("", ".csv"):
        assert browser(scene.manager).get(f"/reviews/week/{monday}{ending}").status_code == 400


def test_what_was_done_about_a_breakdown_stands_beside_it(scene: Org) -> None:
    client, broken = browser(scene.manager), _broken()
    assert "without a note" in client.get(WEEK).content.decode()
    answer = client.post(f"{WEEK}/breakdowns/{broken.id}", {"text": "The phones were down."})
    assert answer.status_code == 302
    page = text_of(browser(scene.executive).get(WEEK).content.decode())
    assert f"The phones were down. {scene.manager.name}" in page
    assert "Add note" not in page
    note = BreakdownNote.objects.get()
    assert note.timer_id == broken.id


def test_a_note_of_nothing_is_refused_beside_its_breakdown(scene: Org) -> None:
    answer = browser(scene.manager).post(f"{WEEK}/breakdowns/{_broken().id}", {"text": " "})
    assert answer.status_code == 422
    assert "<details open>" in answer.content.decode()
    assert not BreakdownNote.objects.exists()


def test_only_what_was_missed_in_that_week_takes_a_note(scene: Org) -> None:
    client, broken = browser(scene.manager), _broken()
    said = {"text": "Well."}
    assert client.post(f"/reviews/week/2026-10-05/breakdowns/{broken.id}", said).status_code == 404
    kept = TargetFact.objects.filter(target="first_touch", clock="company", verdict="met").first()
    assert client.post(f"/reviews/week/2026-10-05/breakdowns/{kept.id}", said).status_code == 404
    assert browser(scene.executive).post(f"{WEEK}/breakdowns/{broken.id}", said).status_code == 403
    assert browser(scene.reps[0]).get(WEEK).status_code == 403


def test_a_deadline_that_ran_elsewhere_is_told_and_takes_no_note(scene: Org) -> None:
    """An imported one has no clock here that a note could stand at."""
    client = browser(scene.marketing)
    before = client.get(WEEK).context
    at = datetime(2026, 10, 14, 9, tzinfo=UTC)
    lead = Lead.objects.create(email="old@berg.example", created_at=at, updated_at=at)
    handoff = Handoff.objects.create(
        lead=lead,
        number=1,
        state=Handoff.State.CLOSED,
        is_history=True,
        started_at=at,
        closed_at=at + timedelta(days=1),
        first_touch_at=at + timedelta(hours=2),
    )
    due = at + timedelta(hours=1)
    ImportedCycle.objects.create(handoff=handoff, first_touch_due_at=due, known_until=due + timedelta(days=1))
    mark_dirty([handoff.id], at)
    drain(scene)
    fact = TargetFact.objects.get(handoff=handoff, target="first_touch")
    assert (fact.is_history, fact.verdict) == (True, "missed")
    page = client.get(WEEK)
    assert page.context["count"] == before["count"] + 1
    assert page.context["unexplained"] == before["unexplained"]
    assert f"breakdowns/{fact.id}" not in page.content.decode()
    assert client.post(f"{WEEK}/breakdowns/{fact.id}", {"text": "Well."}).status_code == 409
    api = Client(headers=scene.auth)
    path = f"/api/v1{WEEK}/breakdowns"
    (told,) = [each for each in api.get(path).json()["results"] if each["id"] == str(fact.id)]
    assert told["takes_notes"] is False
    assert (
        api.post(f"{path}/{fact.id}/notes", {"text": "Well."}, content_type="application/json").status_code
        == 409
    )


def test_a_week_is_a_file(scene: Org) -> None:
    client = browser(scene.marketing)
    text = client.get(f"{WEEK}.csv").content.decode("utf-8-sig")
    assert "Compliance,Deadlines,First touch,Of,2,2" in text
    assert client.get(f"{WEEK}.xlsx").status_code == 200


def test_a_week_without_leads_has_a_page(acme: Org) -> None:
    assert browser(acme.admin).get("/reviews/week").status_code == 200
    assert browser(acme.admin).get(WEEK).status_code == 200


def test_a_week_costs_as_many_queries_however_much_there_is(scene: Org) -> None:
    client = browser(scene.manager)
    client.get(WEEK)
    with CaptureQueriesContext(connection) as few:
        client.get(WEEK)
    for number in range(12):
        at = datetime(2026, 10, 14, 9, tzinfo=UTC)
        mql(scene, at, source=f"Source {number}", answer="rejected", reason="bad_contact_data")
    drain(scene)
    for fact in TargetFact.objects.filter(verdict="missed", clock="company"):
        BreakdownNote.objects.create(timer_id=fact.id, text="Well.", at=at, by=f"member:{scene.manager.id}")
    with CaptureQueriesContext(connection) as many:
        client.get(WEEK)
    assert len(many) <= len(few) + 2  # the names of those who wrote, and leaks once there are any
    assert len(many) <= 65
