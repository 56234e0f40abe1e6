"""Calendars by form: what is written, what is refused, what an edit would move, and a moment tried."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from sla.models import ClockMove, Timer
from sla.tasks import move_clocks_tick
from tenants.clock import database_clock
from tenants.models import AuditEntry, Calendar, CalendarVersion, Member
from tests.engine.scenes import clock_of, open_handoff
from tests.factories import Org

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-17:30")


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def calendar_of(org: Org) -> Calendar:
    with org.scope():
        return Calendar.objects.get(id=org.tenant.calendar_id)


def newest(calendar: Calendar) -> CalendarVersion:
    found = CalendarVersion.objects.filter(calendar=calendar).order_by("-number").first()
    assert found is not None
    return found


def written(**changed: Any) -> dict[str, Any]:
    """The form as an admin sends it: Berlin's office hours without holidays, and what is changed."""
    return {
        "name": "Office hours",
        "tz": "Europe/Berlin",
        **WEEK,
        "expected": 1,
        "shown_country": "/",
        **changed,
    }


def errors_of(response: Any) -> dict[str, list[str]]:
    return {name: list(errors) for name, errors in response.context["form"].errors.items()}


@pytest.mark.parametrize("role", ["admin", "manager", "marketing", "executive"])
def test_everybody_reads_calendars_and_only_an_admin_may_change_them(acme: Org, role: str) -> None:
    client = as_(getattr(acme, role))
    assert client.get("/calendars").status_code == 200
    one = client.get(f"/calendars/{acme.tenant.calendar_id}")
    assert one.status_code == 200
    edit = client.get(f"/calendars/{acme.tenant.calendar_id}/edit")
    assert edit.status_code == (200 if role == "admin" else 403)
    assert ("/edit" in one.content.decode()) is (role == "admin")


def test_the_list_says_hours_and_whose_they_are(acme: Org) -> None:
    said = text_of(as_(acme.manager).get("/calendars"))
    assert "Office hours Europe/Berlin, version 1 Mon to Fri 09:00-17:30 Organisation" in said


def test_a_new_calendar_with_lunch_a_night_shift_and_days_of_its_own(acme: Org) -> None:
    response = as_(acme.admin).post(
        "/calendars/new",
        written(
            step="save",
            name="Night desk",
            mon="9:00-12:30, 13:30-18:00",
            sat="22:00-06:00",
            closed="2030-12-24 Company day",
            extra="2030-12-31 09:00-13:00\n2031-01-02 closed",
        ),
    )
    assert response.status_code == 302
    with acme.scope():
        spec = newest(Calendar.objects.get(name="Night desk")).spec
    assert spec["weekly"]["mon"] == [["09:00", "12:30"], ["13:30", "18:00"]]
    assert spec["weekly"]["sat"] == [["22:00", "06:00"]]
    assert spec["closed"] == {"2030-12-24": "Company day"}
    assert spec["extra"] == {"2030-12-31": [["09:00", "13:00"]], "2031-01-02": []}
    assert "sun" not in spec["weekly"]


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"mon": "9 to 5"}, "mon", "is no span such as 09:00-17:30"),
        ({"mon": "25:00-26:00"}, "mon", "'25:00' is not a local time of day"),
        ({"mon": "09:00-12:00, 11:00-13:00"}, "mon", "09:00-12:00 and 11:00-13:00 overlap"),
        ({"mon": "09:00-09:00"}, "mon", "Opens and closes at once"),
        (dict.fromkeys(WEEK, ""), "mon", "No day has working hours: a clock would never run."),
        ({"tz": "Europe/Atlantis"}, "tz", "Select a valid choice"),
        ({"country": "XX"}, "country", "Select a valid choice"),
        (
            {"country": "DE", "subdivision": "ZZ"},
            "subdivision",
            "There is no ZZ in the public holidays of Germany",
        ),
        ({"closed": "Christmas"}, "closed", "Line 1 does not begin with a date such as 2026-12-24."),
        ({"closed": "2026-12-24 Eve\n2026-02-30 Never"}, "closed", "Line 2 does not begin with a date"),
        ({"closed": "2026-12-24"}, "closed", "2026-12-24 needs a name"),
        ({"extra": "2026-12-31 13:00-09:00"}, "extra", "ends before it begins"),
        ({"extra": "2026-12-31 noon"}, "extra", "2026-12-31: “noon” is no span"),
        ({"name": ""}, "name", "This field is required."),
        ({"name": "x" * 81}, "name", "at most 80 characters"),
    ],
)
def test_hours_that_make_no_sense_are_refused_beside_their_field(
    acme: Org, changed: dict[str, Any], field: str, message: str
) -> None:
    calendar = calendar_of(acme)
    response = as_(acme.admin).post(f"/calendars/{calendar.id}/edit", written(step="save", **changed))
    assert response.status_code == 422
    assert message in errors_of(response)[field][0]
    assert "weekly." not in errors_of(response)[field][0]
    with acme.scope():
        assert newest(calendar).number == 1


def test_a_name_that_is_taken_is_refused(acme: Org) -> None:
    response = as_(acme.admin).post("/calendars/new", written(step="save"))
    assert errors_of(response) == {"name": ["There is a calendar Office hours already."]}


def test_public_holidays_are_shown_and_each_may_be_switched_off(acme: Org) -> None:
    client, calendar = as_(acme.admin), calendar_of(acme)
    shown = client.post(
        f"/calendars/{calendar.id}/edit", written(step="holidays", country="DE", subdivision="be")
    )
    offered = dict(shown.context["form"].fields["kept"].choices)
    christmas = next(day for day in offered if day.endswith("-12-25"))
    assert "Christmas Day" in offered[christmas]
    kept = [day for day in offered if day != christmas]
    saved = client.post(
        f"/calendars/{calendar.id}/edit",
        written(step="save", country="DE", subdivision="BE", shown_country="DE/BE", kept=kept),
    )
    assert saved.status_code == 302
    with acme.scope():
        spec = newest(calendar).spec
    assert spec["holidays_off"] == [christmas]
    assert spec["holidays"][christmas] == "Christmas Day"


def test_holidays_of_another_country_than_the_one_shown_are_all_kept(acme: Org) -> None:
    calendar = calendar_of(acme)
    as_(acme.admin).post(
        f"/calendars/{calendar.id}/edit", written(step="save", country="US", shown_country="DE/", kept=[])
    )
    with acme.scope():
        assert newest(calendar).spec["holidays_off"] == []


# --- What an edit would move ---


def late_week() -> dict[str, Any]:
    return written(**dict.fromkeys(WEEK, "20:00-23:00"))


def test_an_edit_first_shows_which_running_clocks_would_move(acme: Org) -> None:
    calendar = calendar_of(acme)
    with acme.scope():
        handoff = open_handoff(acme, at=database_clock(), owner=acme.reps[0], tier="contact_form")
        due_at = clock_of(handoff).due_at
    response = as_(acme.admin).post(f"/calendars/{calendar.id}/edit", {**late_week(), "step": "preview"})
    said = text_of(response)
    assert "Mon: 09:00-17:30, now 20:00-23:00." in said
    assert "4 clocks run on these hours now" in said
    assert "Save as version 2" in said
    assert "Lea" in said
    with acme.scope():
        assert newest(calendar).number == 1
        assert clock_of(handoff).due_at == due_at


def test_saving_leaves_running_clocks_unless_they_were_chosen(acme: Org) -> None:
    calendar = calendar_of(acme)
    with acme.scope():
        handoff = open_handoff(acme, at=database_clock(), owner=acme.reps[0], tier="contact_form")
        due_at = clock_of(handoff).due_at
    response = as_(acme.admin).post(
        f"/calendars/{calendar.id}/edit", {**late_week(), "step": "save", "move": "new"}
    )
    assert response.status_code == 302
    with acme.scope():
        assert newest(calendar).number == 2
        assert not ClockMove.objects.exists()
        assert clock_of(handoff).due_at == due_at
        entry = AuditEntry.objects.get(object_type="calendar", action="changed")
    assert entry.after["changes"][0] == "Mon: 09:00-17:30, now 20:00-23:00."


def test_chosen_clocks_are_moved_by_the_engine_and_the_page_says_so(acme: Org) -> None:
    client, calendar = as_(acme.admin), calendar_of(acme)
    with acme.scope():
        handoff = open_handoff(acme, at=database_clock(), owner=acme.reps[0], tier="contact_form")
    client.post(f"/calendars/{calendar.id}/edit", {**late_week(), "step": "save", "move": "open"})
    assert "Running clocks are being moved to version 2: 0 of 4." in text_of(
        client.get(f"/calendars/{calendar.id}")
    )
    assert move_clocks_tick() == 4
    assert "are being moved" not in text_of(client.get(f"/calendars/{calendar.id}"))
    with acme.scope():
        version = newest(calendar)
        assert set(Timer.objects.values_list("calendar_version_id", flat=True)) == {version.id}
        assert clock_of(handoff).due_at.astimezone(BERLIN).hour in range(20, 24)


def test_the_second_of_two_admins_sees_what_changed_and_keeps_what_they_wrote(acme: Org) -> None:
    client, calendar = as_(acme.admin), calendar_of(acme)
    client.post(f"/calendars/{calendar.id}/edit", written(step="save", fri="09:00-15:00"))
    second = client.post(f"/calendars/{calendar.id}/edit", written(step="save", mon="10:00-16:00"))
    assert second.status_code == 409
    said = text_of(second)
    assert "Version 2 was saved while you were editing." in said
    assert "Fri: 09:00-17:30, now 09:00-15:00." in said
    assert 'value="10:00-16:00"' in second.content.decode()
    assert re.search(r'name="expected" value="2"', second.content.decode())
    with acme.scope():
        assert newest(calendar).number == 2


def test_a_calendar_that_is_used_or_that_clocks_ran_on_is_not_removed(acme: Org, now: datetime) -> None:
    client, calendar = as_(acme.admin), calendar_of(acme)
    used = client.post(f"/calendars/{calendar.id}/remove", follow=True)
    assert "Office hours is used by the organisation." in text_of(used)
    with acme.scope():
        open_handoff(acme, at=now, owner=acme.reps[0])
        acme.tenant.calendar_id = None
        acme.tenant.save(update_fields=["calendar_id"])
    ran = client.post(f"/calendars/{calendar.id}/remove", follow=True)
    assert "Clocks have run on Office hours" in text_of(ran)
    client.post("/calendars/new", written(step="save", name="Spare"))
    with acme.scope():
        spare = Calendar.objects.get(name="Spare")
    client.post(f"/calendars/{spare.id}/remove")
    with acme.scope():
        assert not Calendar.objects.filter(name="Spare").exists()
        assert CalendarVersion.objects.filter(calendar=calendar).exists()


def test_another_organisations_calendar_is_not_there(acme: Org, globex: Org) -> None:
    client = as_(acme.admin)
    for path in ("", "/edit"):
        assert client.get(f"/calendars/{globex.tenant.calendar_id}{path}").status_code == 404
    assert client.post(f"/calendars/{globex.tenant.calendar_id}/remove").status_code == 404


# --- A moment to try ---


def test_a_moment_tried_shows_the_deadline_and_how_it_adds_up(acme: Org) -> None:
    response = as_(acme.manager).get(
        f"/calendars/{acme.tenant.calendar_id}", {"at": "2026-11-20T17:20", "amount": 15, "unit": "minutes"}
    )
    said = text_of(response)
    assert "arrives Fri 20 Nov, 17:20 and has to be answered within 15 minutes of working time is due" in said
    assert "due Mon 23 Nov, 09:05" in said
    lines = response.context["tried"]["lines"]
    assert [(line.day.day, line.when, line.seconds, line.note) for line in lines] == [
        (20, "17:20 to 17:30", 600, ""),
        (21, "", 0, "Saturday: no working hours"),
        (22, "", 0, "Sunday: no working hours"),
        (23, "09:00 to 09:05", 300, ""),
    ]
    assert lines[-1].total == 900


def test_a_holiday_in_the_sum_is_called_by_its_name(acme: Org) -> None:
    response = as_(acme.manager).get(
        f"/calendars/{acme.tenant.calendar_id}",
        {"at": "2026-12-24T17:00", "amount": 2, "unit": "business_days"},
    )
    notes = [line.note for line in response.context["tried"]["lines"]]
    assert "Christmas Day" in notes
    assert response.context["tried"]["due"] == datetime(2026, 12, 29, 17, 0, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"at": "soon", "amount": 5, "unit": "minutes"}, "Enter a valid date/time."),
        ({"at": "2026-11-20T10:00", "amount": 0, "unit": "minutes"}, "At least 1."),
        ({"at": "2026-11-20T10:00", "amount": 400, "unit": "business_days"}, "At most 366."),
        ({"at": "2026-11-20T10:00", "amount": 5, "unit": "fortnights"}, "Select a valid choice"),
        ({"at": "2900-11-20T10:00", "amount": 5, "unit": "minutes"}, "years"),
    ],
)
def test_a_moment_that_cannot_be_tried_says_why(acme: Org, asked: dict[str, Any], message: str) -> None:
    response = as_(acme.manager).get(f"/calendars/{acme.tenant.calendar_id}", asked)
    assert response.status_code == 200
    assert message in text_of(response)
    assert "tried" not in response.context


def test_the_next_change_of_clocks_is_announced(acme: Org) -> None:
    said = text_of(as_(acme.manager).get(f"/calendars/{acme.tenant.calendar_id}"))
    changes = re.findall(r"Clocks go (?:forward|back) on Sun \d+ (?:Mar|Oct)", said)
    assert len(changes) == 1


def test_the_list_costs_as_many_queries_for_twelve_calendars_as_for_two(
    acme: Org, django_assert_max_num_queries: Any
) -> None:
    client = as_(acme.admin)
    for number in range(11):
        client.post("/calendars/new", written(step="save", name=f"Desk {number}"))
    client.get("/calendars")
    with django_assert_max_num_queries(20):
        assert client.get("/calendars").content.decode().count("Desk") == 11


def test_an_old_moment_is_as_good_as_a_new_one(acme: Org) -> None:
    long_ago = (datetime(2026, 11, 20, 9) - timedelta(days=3_650)).strftime("%Y-%m-%dT%H:%M")
    response = as_(acme.manager).get(
        f"/calendars/{acme.tenant.calendar_id}", {"at": long_ago, "amount": 1, "unit": "hours"}
    )
    assert response.context["tried"]["lines"]


@pytest.mark.parametrize(
    ("zone", "now", "said"),
    [
        ("Europe/Berlin", datetime(2026, 11, 26, 23, 30, tzinfo=UTC), "forward on Sun 28 Mar 2027"),
        ("Europe/Berlin", datetime(2027, 3, 28, 0, 30, tzinfo=UTC), "forward on Sun 28 Mar 2027"),
        ("Europe/Berlin", datetime(2027, 10, 1, tzinfo=UTC), "back on Sun 31 Oct 2027"),
        ("America/New_York", datetime(2026, 11, 26, 4, 0, tzinfo=UTC), "forward on Sun 14 Mar 2027"),
        ("Asia/Singapore", datetime(2026, 11, 26, tzinfo=UTC), ""),
    ],
)
def test_the_day_on_which_clocks_change_is_the_day_itself(zone: str, now: datetime, said: str) -> None:
    from zoneinfo import ZoneInfo

    from sla.calendar_views import _clock_change

    found = _clock_change(ZoneInfo(zone), now)
    assert said in found
    assert bool(said) == bool(found)
