"""Company days from a calendar file: they fill the form in, and are saved only with it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from sla import calendar_views
from tenants.clock import fixed_clock
from tests.core.test_ical import event, file_of
from tests.factories import Org
from tests.handoff.test_leave_api import NOW, problem
from tests.sla.test_calendar_pages import as_, calendar_of, newest, text_of, written
from web.api import TenantAPIView

pytestmark = pytest.mark.django_db

FILE = file_of(
    event("DTSTART;VALUE=DATE:20261223", "DTEND;VALUE=DATE:20261225", "SUMMARY:Company\\, closed", uid="a"),
    event("DTSTART;VALUE=DATE:20261231", "SUMMARY:New Year's Eve", "TRANSP:TRANSPARENT", uid="b"),
    event("DTSTART;VALUE=DATE:20261109", "SUMMARY:Long gone", uid="c"),
    event("DTSTART:20261210T090000", "DURATION:PT1H", "SUMMARY:All hands", uid="d"),
    event("DTSTART;VALUE=DATE:20261130", "SUMMARY:Move", "STATUS:CANCELLED", uid="e"),
)


@pytest.fixture(autouse=True)
def on_a_tuesday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar_views, "database_clock", fixed_clock(NOW))
    monkeypatch.setattr(TenantAPIView, "clock", staticmethod(fixed_clock(NOW)))


def add_days(org: Org, data: bytes | None, path: str = "", step: str = "days", **changed: Any) -> Any:
    sent = written(step=step, **changed)
    if data is not None:
        sent["days_file"] = SimpleUploadedFile("days.ics", data, "text/calendar")
    return as_(org.admin).post(path or f"/calendars/{org.tenant.calendar_id}/edit", sent)


def test_the_days_of_a_file_are_added_to_those_in_the_form(acme: Org) -> None:
    page = add_days(acme, FILE, closed="2026-11-30 Move\n2026-12-04 Party\n2026-12-24 Christmas Eve")
    assert page.context["form"]["closed"].value().splitlines() == [
        "2026-12-04 Party",
        "2026-12-23 Company, closed",
        "2026-12-24 Company, closed",
        "2026-12-31 New Year's Eve",
    ]
    said = text_of(page)
    assert "2 added, 1 renamed, 1 cancelled, 1 skipped. Nothing is saved yet." in said
    assert "Line 20: All hands: It has times. Write special hours by hand." in said
    assert page.context["form"]["mon"].value() == "09:00-17:30"
    with acme.scope():
        assert newest(calendar_of(acme)).number == 1


def test_a_file_that_was_chosen_is_read_whichever_button_is_pressed_and_never_saved_unseen(acme: Org) -> None:
    page = add_days(acme, FILE, step="preview")
    assert any("31 Dec 2026 is closed: New Year's Eve" in each for each in page.context["changes"])
    assert "Nothing is saved yet." in text_of(page)

    page = add_days(acme, FILE, step="save", move="new")
    assert "2026-12-31 New Year's Eve" in page.context["form"]["closed"].value()
    assert add_days(acme, b"no calendar", step="preview").status_code == 422
    with acme.scope():
        assert newest(calendar_of(acme)).number == 1


def test_what_was_filled_in_is_saved_as_the_next_version(acme: Org) -> None:
    lines = add_days(acme, FILE).context["form"]["closed"].value()
    as_(acme.admin).post(
        f"/calendars/{acme.tenant.calendar_id}/edit", written(step="save", closed=lines, move="new")
    )
    with acme.scope():
        version = newest(calendar_of(acme))
    assert version.number == 2
    assert version.spec["closed"]["2026-12-31"] == "New Year's Eve"


def test_a_new_calendar_takes_them_too(acme: Org) -> None:
    page = add_days(acme, FILE, path="/calendars/new", name="Lyon")
    assert "2026-12-31 New Year's Eve" in page.context["form"]["closed"].value()


@pytest.mark.parametrize(
    ("data", "closed", "said"),
    [
        (None, "", "Choose a file that is not empty."),
        (b"", "", "Choose a file that is not empty."),
        (b"hello", "", "Line 1: A calendar begins with BEGIN:VCALENDAR"),
        (b"x" * 1_500_000, "", "larger than 1 MB"),
        (FILE, "Christmas", "Company days off: Line 1 does not begin with a date"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_beside_its_field_and_the_form_stays(
    acme: Org, data: bytes | None, closed: str, said: str
) -> None:
    page = add_days(acme, data, closed=closed, mon="10:00-12:00")
    assert said in page.context["days_form"].errors["days_file"][0]
    assert said in text_of(page)
    assert page.context["form"]["closed"].value() == closed
    assert page.context["form"]["mon"].value() == "10:00-12:00"


def test_over_the_api_the_days_are_answered_and_not_written(acme: Org, globex: Org) -> None:
    path = f"/api/v1/calendars/{acme.tenant.calendar_id}/company-days"

    def send(org: Org, data: bytes) -> Any:
        return Client().generic("POST", path, data, content_type="text/calendar", headers=org.auth)

    said = send(acme, FILE).json()
    assert list(said["closed"]) == ["2026-12-23", "2026-12-24", "2026-12-31"]
    assert said["added"][0] == "Wed 23 Dec 2026: Company, closed"
    assert said["skipped"] == [{"line": 20, "why": "All hands: It has times. Write special hours by hand."}]
    assert said["over"] == 1
    assert problem(send(acme, b"hello")) == (400, "/file", "calendar_file")
    assert send(globex, FILE).status_code == 404
    with acme.scope():
        assert newest(calendar_of(acme)).number == 1
