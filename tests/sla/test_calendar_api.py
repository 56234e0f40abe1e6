"""Calendars over the API: the same rules as on the pages, each refusal with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from sla.models import ClockMove
from tenants.clock import database_clock
from tenants.models import Calendar, CalendarVersion
from tests.engine.scenes import open_handoff
from tests.factories import Org

pytestmark = pytest.mark.django_db

HOURS: dict[str, Any] = {
    "tz": "Europe/Berlin",
    "weekly": {day: [["09:00", "12:30"], ["13:30", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}


def call(org: Org, method: str, path: str, body: Any = None) -> Any:
    return Client().generic(
        method,
        f"/api/v1/{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers=org.auth,
    )


def office(org: Org) -> str:
    return f"calendars/{org.tenant.calendar_id}"


def test_calendars_are_listed_with_their_hours_and_users(acme: Org) -> None:
    answer = call(acme, "GET", "calendars").json()
    (row,) = answer["results"]
    assert (row["name"], row["version"], row["tz"], row["users"]) == (
        "Office hours",
        1,
        "Europe/Berlin",
        ["Organisation"],
    )
    assert row["weekly"]["mon"] == [["09:00", "17:30"]]
    assert call(acme, "GET", office(acme)).json() == row


def test_a_new_calendar_is_made_and_read_back(acme: Org) -> None:
    body = {"name": "Berlin", **HOURS, "country": "DE", "subdivision": "BE", "closed": {"2030-12-24": "Eve"}}
    made = call(acme, "POST", "calendars", body)
    assert made.status_code == 201
    assert made.json()["holidays"]["2030-03-08"] == "Women's Day"
    again = call(acme, "GET", f"calendars/{made.json()['id']}").json()
    assert again["closed"] == {"2030-12-24": "Eve"}


@pytest.mark.parametrize(
    ("changed", "path", "code"),
    [
        ({"tz": "Europe/Atlantis"}, "/tz", "hours"),
        ({"weekly": {}}, "/weekly", "never_open"),
        ({"weekly": {"mon": []}}, "/weekly", "never_open"),
        ({"weekly": {"monday": [["09:00", "17:00"]]}}, "/weekly/monday", "hours"),
        ({"weekly": {"mon": "all day"}}, "/weekly/mon", "hours"),
        ({"weekly": {"mon": [["09:00"]]}}, "/weekly/mon/0", "hours"),
        ({"weekly": {"mon": [["09:00", "25:00"]]}}, "/weekly/mon/0", "hours"),
        ({"weekly": {"mon": [["09:00", "17:00"], ["16:00", "18:00"]]}}, "/weekly/mon", "hours"),
        ({"weekly": {"mon": 5}}, "/weekly/mon", "hours"),
        ({"country": "XX"}, "/country", "unknown_country"),
        ({"country": "DE", "subdivision": "ZZ"}, "/subdivision", "unknown_subdivision"),
        ({"holidays_off": ["2026-12-25"]}, "/holidays_off/0", "no_holiday"),
        ({"closed": {"24.12.2026": "Eve"}}, "/closed/24.12.2026", "date"),
        ({"closed": {"2026-12-24": ""}}, "/closed/2026-12-24", "text"),
        ({"extra": {"2026-12-31": [["13:00", "09:00"]]}}, "/extra/2026-12-31/0", "hours"),
        ({"colour": "red"}, "/colour", "unknown_field"),
    ],
)
def test_what_makes_no_calendar_is_refused_at_its_place(
    acme: Org, changed: dict[str, Any], path: str, code: str
) -> None:
    answer = call(acme, "POST", "calendars", {"name": "Other", **HOURS, **changed})
    assert answer.status_code == 400
    assert [(error["path"], error["code"]) for error in answer.json()["errors"]] == [(path, code)]
    with acme.scope():
        assert not Calendar.objects.filter(name="Other").exists()


def test_the_next_version_names_the_one_it_started_from(acme: Org) -> None:
    first = call(acme, "PUT", office(acme), {**HOURS, "version": 1})
    assert (first.status_code, first.json()["version"], first.json()["moving"]) == (200, 2, None)
    late = call(acme, "PUT", office(acme), {**HOURS, "version": 1})
    assert (late.status_code, late.json()["code"]) == (409, "stale_version")
    assert late.json()["changes"][0] == "Mon: 09:00-17:30, now 09:00-12:30, 13:30-18:00."
    with acme.scope():
        assert CalendarVersion.objects.count() == 2


def test_running_clocks_are_previewed_and_moved_on_request_only(acme: Org) -> None:
    with acme.scope():
        open_handoff(acme, at=database_clock(), owner=acme.reps[0], tier="contact_form")
    night = {"tz": "Europe/Berlin", "weekly": {day: [["20:00", "23:00"]] for day in HOURS["weekly"]}}
    preview = call(acme, "POST", f"{office(acme)}/preview", night).json()
    assert preview["running"] == 4
    assert preview["earlier"] + preview["later"] == len(preview["clocks"]) > 0
    assert call(acme, "PUT", office(acme), {**night, "version": 1}).json()["moving"] is None
    assert call(acme, "PUT", office(acme), {**night, "version": 2, "move_open": True}).json()["moving"] == 4
    with acme.scope():
        assert ClockMove.objects.get().expected == 4


def test_a_moment_is_tried_and_adds_up(acme: Org) -> None:
    body = {"at": "2026-11-20T16:20:00Z", "duration": {"minutes": 15}}
    answer = call(acme, "POST", f"{office(acme)}/try", body).json()
    assert (answer["due_at"], answer["seconds"]) == ("2026-11-23T08:05:00Z", 900)
    assert [day["seconds"] for day in answer["days"]] == [600, 0, 0, 300]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"at": "2026-11-20T16:20:00Z", "duration": {"fortnights": 1}}, "/duration"),
        ({"at": "2026-11-20T16:20:00Z", "duration": {"minutes": 0}}, "/duration/minutes"),
        ({"at": "2026-11-20T16:20:00Z", "duration": {"minutes": 1, "business_days": 1}}, "/duration"),
        ({"at": "2026-11-20T16:20:00", "duration": {"minutes": 5}}, "/at"),
        ({"duration": {"minutes": 5}}, "/at"),
    ],
)
def test_a_moment_that_cannot_be_tried_is_refused(acme: Org, body: dict[str, Any], path: str) -> None:
    answer = call(acme, "POST", f"{office(acme)}/try", body)
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_another_organisations_calendar_is_not_there(acme: Org, globex: Org) -> None:
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", {**HOURS, "version": 1}),
        ("POST", "/preview", HOURS),
        ("POST", "/try", {"at": "2026-11-20T16:20:00Z", "duration": {"minutes": 5}}),
    ):
        assert call(acme, method, office(globex) + path, body).status_code == 404
