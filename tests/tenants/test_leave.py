"""Leave on pages: who enters, changes and withdraws it, half days, and what stays because it is past."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from tenants import leave_views, views
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, Leave, Member, RepProfile, Role, Team
from tenants.selectors import away_until
from tenants.services import add_leave
from tests.factories import Org

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)  # a Tuesday, 10:00 in Berlin


@pytest.fixture(autouse=True)
def on_a_tuesday(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (views, leave_views):
        monkeypatch.setattr(module, "database_clock", fixed_clock(NOW))


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def days(first: str, last: str = "", **more: str) -> dict[str, str]:
    return {"first_day": first, "last_day": last, **more}


def errors_of(answer: Any) -> dict[str, list[str]]:
    form = answer.context.get("leave_form") or answer.context["form"]
    return {name: list(errors) for name, errors in form.errors.items()}


def spans(org: Org) -> list[tuple[str, str]]:
    with org.scope():
        return [
            (
                f"{each.starts_at.astimezone(BERLIN):%m-%d %H:%M}",
                f"{each.ends_at.astimezone(BERLIN):%m-%d %H:%M}",
            )
            for each in Leave.objects.order_by("starts_at")
        ]


def leave_of(org: Org, member: Member, start: timedelta, end: timedelta) -> Leave:
    with org.scope():
        return add_leave(member=member, starts_at=NOW + start, ends_at=NOW + end)


def audits(org: Org) -> list[tuple[str, str]]:
    with org.scope():
        return list(
            AuditEntry.objects.filter(object_type="leave").order_by("at", "id").values_list("actor", "action")
        )


def test_a_rep_enters_changes_and_withdraws_own_leave(acme: Org) -> None:
    rep = acme.reps[0]
    client = as_(rep)
    assert 'href="/leave"' in client.get("/account").content.decode()
    done = client.post("/leave", days("2026-12-01", "2026-12-03", reason="Skiing"), follow=True)
    assert "Leave added: Tue 1 to Thu 3 Dec 2026." in text_of(done)
    assert spans(acme) == [("12-01 00:00", "12-04 00:00")]
    with acme.scope():
        leave = Leave.objects.get()
    page = client.get(f"/leave/{leave.id}")
    assert 'value="2026-12-01"' in page.content.decode()
    assert 'value="2026-12-03"' in page.content.decode()
    done = client.post(f"/leave/{leave.id}", days("2026-12-01", "2026-12-04"), follow=True)
    assert "Leave changed: Tue 1 to Fri 4 Dec 2026." in text_of(done)
    assert client.post(f"/leave/{leave.id}/remove")["Location"] == "/leave"
    assert spans(acme) == []
    mine = f"member:{rep.id}"
    assert audits(acme) == [(mine, "added"), (mine, "changed"), (mine, "removed")]


def test_the_audit_says_what_leave_was_and_became(acme: Org) -> None:
    leave = leave_of(acme, acme.reps[0], timedelta(days=14), timedelta(days=15))
    as_(acme.manager).post(f"/leave/{leave.id}", days("2026-12-01"))
    with acme.scope():
        entry = AuditEntry.objects.get(object_type="leave")
    assert entry.before["from"] == leave.starts_at.isoformat()
    assert entry.after["from"] == "2026-11-30T23:00:00+00:00"
    assert entry.after["member"] == str(acme.reps[0].id)


@pytest.mark.parametrize(
    ("said", "span", "words"),
    [
        (days("2026-12-01", first_part="morning"), ("12-01 09:00", "12-01 13:15"), "09:00 to 13:15"),
        (days("2026-12-01", first_part="afternoon"), ("12-01 13:15", "12-01 17:30"), "13:15 to 17:30"),
        (
            days("2026-12-01", "2026-12-02", first_part="afternoon", last_part="morning"),
            ("12-01 13:15", "12-02 13:15"),
            "Tue 1, 13:15 to Wed 2 Dec 2026, 13:15",
        ),
        (
            days("2026-12-01", first_part="time", first_time="10:15", last_part="time", last_time="11:45"),
            ("12-01 10:15", "12-01 11:45"),
            "10:15 to 11:45",
        ),
        # Whoever gives times means them.
        (days("2026-12-01", first_time="10:15", last_time="11:45"), ("12-01 10:15", "12-01 11:45"), "10:15"),
    ],
)
def test_parts_of_days_are_those_of_the_persons_hours_and_the_times_are_told(
    acme: Org, said: dict[str, str], span: tuple[str, str], words: str
) -> None:
    done = as_(acme.reps[0]).post("/leave", said, follow=True)
    assert spans(acme) == [span]
    assert words in text_of(done)


def test_the_form_says_what_half_a_day_is(acme: Org) -> None:
    page = text_of(as_(acme.reps[0]).get("/leave"))
    assert "on Wed 18 Nov 09:00 to 13:15 and 13:15 to 17:30" in page


def test_days_are_those_of_the_persons_zone_whoever_enters_them(acme: Org) -> None:
    with acme.scope():
        RepProfile.objects.filter(member=acme.reps[0]).update(time_zone="America/New_York")
    as_(acme.manager).post(f"/people/{acme.reps[0].id}/leave", days("2026-12-01"))
    assert spans(acme) == [("12-01 06:00", "12-02 06:00")]


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        (days("2026-12-03", "2026-12-01"), "last_day", "the first or a later one"),
        (days("2026-11-10", "2026-11-11"), "last_day", "This leave is over already. For a promise missed"),
        (days("2026-12-01", "2028-01-31"), "last_day", "At most 400 days"),
        (days("2026-10-01", "2026-12-01"), "first_day", "at most 30 days before today"),
        (days("2026-12-24"), "first_day", "Some of these days are leave already."),
        (days("2026-12-05", first_part="morning"), "first_part", "Sat 5 Dec 2026 has no working hours"),
        (days("2026-12-01", "2026-12-02", first_part="morning"), "first_part", "several days"),
        (days("2026-12-01", first_part="time"), "first_time", "From when?"),
        (days("2026-12-01", last_part="time"), "last_time", "Until when?"),
        (days("2026-12-01", last_part="time", last_time="25:00"), "last_time", "valid time"),
        (days("x"), "first_day", "valid date"),
        (days(""), "first_day", "required"),
        (days("9999-12-31"), "first_day", "2000 to 2100"),
        (days("2026-12-01", first_part="evening"), "first_part", "Select a valid choice"),
        (days("2026-12-01", reason="x" * 121), "reason", "at most 120"),
    ],
)
def test_leave_that_makes_no_sense_is_refused_beside_its_field(
    acme: Org, said: dict[str, str], field: str, words: str
) -> None:
    rep = acme.reps[0]
    leave_of(acme, rep, timedelta(days=36), timedelta(days=38))
    for client, path in ((as_(rep), "/leave"), (as_(acme.manager), f"/people/{rep.id}/leave")):
        answer = client.post(path, said)
        assert words in errors_of(answer)[field][0]
        assert words in text_of(answer)
    assert len(spans(acme)) == 1
    assert audits(acme) == []


def test_leave_may_begin_up_to_30_days_back_if_it_is_not_over(acme: Org) -> None:
    assert as_(acme.reps[0]).post("/leave", days("2026-11-02", "2026-11-20")).status_code == 302
    assert spans(acme) == [("11-02 00:00", "11-21 00:00")]


def test_of_leave_that_has_begun_only_the_end_moves(acme: Org) -> None:
    rep = acme.reps[0]
    leave = leave_of(acme, rep, timedelta(days=-2), timedelta(days=5))
    client = as_(rep)
    page = client.get(f"/leave/{leave.id}")
    assert "only its end can be changed" in text_of(page)
    assert b'name="first_day"' not in page.content
    client.post(f"/leave/{leave.id}", days("2026-11-01", "2026-11-18"))
    assert spans(acme) == [("11-15 10:00", "11-19 00:00")]
    refused = client.post(f"/leave/{leave.id}", {"last_day": "2026-11-16"})
    assert "over already" in errors_of(refused)["last_day"][0]
    assert spans(acme) == [("11-15 10:00", "11-19 00:00")]


def test_half_a_day_that_has_begun_shows_its_end_as_a_time(acme: Org) -> None:
    with acme.scope():
        leave = add_leave(
            member=acme.reps[0],
            starts_at=datetime(2026, 11, 17, 8, 0, tzinfo=UTC),
            ends_at=datetime(2026, 11, 17, 12, 15, tzinfo=UTC),
        )
    client = as_(acme.reps[0])
    form = client.get(f"/leave/{leave.id}").context["form"]
    present = {name: str(form[name].value()) for name in ("last_day", "last_part", "last_time")}
    assert present == {"last_day": "2026-11-17", "last_part": "time", "last_time": "13:15:00"}
    client.post(f"/leave/{leave.id}", present)  # saved as it is shown it stays
    assert spans(acme) == [("11-17 09:00", "11-17 13:15")]
    assert audits(acme) == []


def test_withdrawing_what_has_begun_ends_it_now(acme: Org) -> None:
    leave = leave_of(acme, acme.reps[0], timedelta(days=-2), timedelta(days=5))
    assert "Leave ended now." in text_of(as_(acme.reps[0]).post(f"/leave/{leave.id}/remove", follow=True))
    assert spans(acme) == [("11-15 10:00", "11-17 10:00")]
    assert [action for _, action in audits(acme)] == ["ended"]


def test_past_leave_is_shown_and_stays(acme: Org) -> None:
    leave = leave_of(acme, acme.reps[0], timedelta(days=-9), timedelta(days=-7))
    client = as_(acme.reps[0])
    page = text_of(client.get("/leave"))
    assert "Past leave (1)" in page
    assert "Sun 8, 10:00 to Tue 10 Nov 2026, 10:00" in page
    assert "This leave is over. It stays" in text_of(client.post(f"/leave/{leave.id}/remove", follow=True))
    assert client.post(f"/leave/{leave.id}", {"last_day": "2026-12-01"}).status_code == 409
    assert spans(acme) == [("11-08 10:00", "11-10 10:00")]


def test_nobody_sees_or_changes_leave_of_people_they_do_not_manage(acme: Org, globex: Org) -> None:
    leave = leave_of(acme, acme.reps[0], timedelta(days=5), timedelta(days=6))
    with acme.scope():
        other = Team.objects.create(name="Outbound")
        Member.objects.filter(id=acme.reps[0].id).update(team=other)
    for stranger in (acme.reps[1], acme.manager, acme.marketing, globex.admin):
        client = as_(stranger)
        assert client.get(f"/leave/{leave.id}").status_code == 404
        assert client.post(f"/leave/{leave.id}", days("2026-12-01")).status_code == 404
        assert client.post(f"/leave/{leave.id}/remove").status_code == 404
        path = f"/people/{acme.reps[0].id}/leave"
        assert client.post(path, days("2026-12-01")).status_code in (403, 404)
        assert client.post(f"{path}/import").status_code in (403, 404)
    assert len(spans(acme)) == 1
    assert as_(acme.admin).post(f"/leave/{leave.id}/remove").status_code == 302
    assert spans(acme) == []


@pytest.mark.parametrize("role", [Role.MARKETING, Role.EXECUTIVE, Role.MANAGER, Role.ADMIN])
def test_everybody_has_a_page_of_their_own(acme: Org, role: str) -> None:
    client = as_(getattr(acme, role))
    assert client.get("/leave").status_code == 200
    assert client.post("/leave", days("2026-12-01")).status_code == 302
    assert len(spans(acme)) == 1


def test_the_list_of_people_says_until_when_somebody_is_away(acme: Org) -> None:
    rep = acme.reps[0]
    leave_of(acme, rep, timedelta(days=-1), timedelta(hours=13))
    leave_of(acme, rep, timedelta(hours=13), timedelta(days=3))  # and right on
    leave_of(acme, acme.reps[1], timedelta(days=20), timedelta(days=21))
    page = text_of(as_(acme.manager).get("/people"))
    assert "Until Fri 20 Nov, 10:00" in page
    assert "Mon 7, 10:00 to Tue 8 Dec 2026, 10:00" in page


def test_leave_right_after_leave_is_one_absence(acme: Org) -> None:
    first, second, third = acme.reps
    leave_of(acme, first, timedelta(days=-1), timedelta(days=1))
    leave_of(acme, first, timedelta(days=1), timedelta(days=2))
    leave_of(acme, first, timedelta(days=3), timedelta(days=4))
    leave_of(acme, second, timedelta(days=1), timedelta(days=2))
    leave_of(acme, third, timedelta(days=-2), timedelta(days=-1))
    with acme.scope():
        found = away_until(member_ids=[each.id for each in acme.reps], now=NOW)
    assert found == {first.id: NOW + timedelta(days=2)}
