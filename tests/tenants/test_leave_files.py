"""Leave from calendar files, on pages: shown first, saved once, changed by the next file."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tenants import leave_views
from tenants.clock import fixed_clock
from tenants.leave import files
from tenants.models import AuditEntry, Leave, Member
from tenants.services import add_leave
from tests.core.test_ical import event, file_of
from tests.factories import Org

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def on_a_tuesday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leave_views, "database_clock", fixed_clock(NOW))


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def day(text: str, *lines: str, uid: str) -> str:
    return event(f"DTSTART;VALUE=DATE:{text.replace('-', '')}", *lines, uid=uid)


def show(client: Client, *parts: str, path: str = "/leave/import", **more: str) -> Any:
    data = {"file": SimpleUploadedFile("off.ics", file_of(*parts), "text/calendar"), **more}
    return client.post(path, data)


def save(client: Client, *parts: str, path: str = "/leave/import", **more: str) -> str:
    shown = show(client, *parts, path=path, **more)
    return text_of(client.post(path, {"sealed": shown.context["sealed"]}, follow=True))


def leaves(org: Org) -> list[tuple[str, str, str]]:
    with org.scope():
        return [
            (each.uid, f"{each.starts_at.astimezone(BERLIN):%m-%d %H:%M}", each.reason)
            for each in Leave.objects.order_by("starts_at")
        ]


def test_a_file_is_shown_before_it_is_saved(acme: Org) -> None:
    client = as_(acme.reps[0])
    fridays = ("DTSTART:20261204T130000", "DURATION:PT4H", "SUMMARY:Friday off")
    parts = (
        day("2026-12-01", "SUMMARY:Skiing", uid="a"),
        event(*fridays, "RRULE:FREQ=WEEKLY;COUNT=2", uid="b"),
        day("2026-12-08", "TRANSP:TRANSPARENT", "SUMMARY:Fair", uid="c"),
        day("2025-12-08", uid="d"),
        day("2029-12-08", uid="e"),
    )
    shown = show(client, *parts)
    page = text_of(shown)
    assert "3 added, 1 skipped" in page
    assert "Tue 1 Dec 2026" in page
    assert "Fri 11 Dec 2026, 13:00 to 17:00" in page
    assert "It is shown as free." in page
    assert "1 over for more than 30 days." in page
    assert "1 more than 400 days ahead" in page
    assert leaves(acme) == []
    done = text_of(client.post("/leave/import", {"sealed": shown.context["sealed"]}, follow=True))
    assert "3 added, 0 changed, 0 withdrawn." in done
    assert leaves(acme) == [
        ("a", "12-01 00:00", "Skiing"),
        ("b#20261204T130000", "12-04 13:00", "Friday off"),
        ("b#20261211T130000", "12-11 13:00", "Friday off"),
    ]
    with acme.scope():
        assert AuditEntry.objects.filter(object_type="leave", action="added").count() == 3
        assert AuditEntry.objects.filter(object_type="leave").first().after["source"] == "file"


def test_the_next_file_changes_what_the_last_one_brought(acme: Org) -> None:
    client = as_(acme.reps[0])
    save(client, day("2026-12-01", uid="a"), day("2026-12-08", uid="b"), day("2026-12-10", uid="c"))
    shown = show(
        client,
        day("2026-12-02", uid="a"),
        day("2026-12-08", uid="b"),
        day("2026-12-10", "STATUS:CANCELLED", uid="c"),
    )
    assert shown.context["plan"].counts == {"added": 0, "changed": 1, "removed": 1, "same": 1, "skipped": 0}
    assert "Cancelled in the file." in text_of(shown)
    client.post("/leave/import", {"sealed": shown.context["sealed"]})
    assert [each[:2] for each in leaves(acme)] == [("a", "12-02 00:00"), ("b", "12-08 00:00")]


def test_saving_the_same_twice_doubles_nothing(acme: Org) -> None:
    client = as_(acme.reps[0])
    shown = show(client, day("2026-12-01", uid="a"))
    for _ in range(2):
        client.post("/leave/import", {"sealed": shown.context["sealed"]})
    assert len(leaves(acme)) == 1


def test_what_a_file_no_longer_has_goes_only_where_that_is_asked(acme: Org) -> None:
    rep, client = acme.reps[0], as_(acme.reps[0])
    with acme.scope():
        add_leave(member=rep, starts_at=NOW + timedelta(days=60), ends_at=NOW + timedelta(days=61))
    save(client, day("2026-12-01", uid="a"), day("2026-12-08", uid="b"), day("2026-12-10", uid="c"))
    broken = event("DTSTART:never", uid="c")  # still there, though it cannot be read
    save(client, day("2026-12-01", uid="a"), broken)
    assert [each[0] for each in leaves(acme)] == ["a", "b", "c", ""]
    shown = show(client, day("2026-12-01", uid="a"), broken, remove_missing="on")
    assert "No longer in the file." in text_of(shown)
    client.post("/leave/import", {"sealed": shown.context["sealed"]})
    assert [each[0] for each in leaves(acme)] == ["a", "c", ""]  # entered by hand it is nobody's to remove


def test_an_event_that_overlaps_other_leave_is_skipped_and_says_with_what(acme: Org) -> None:
    rep, client = acme.reps[0], as_(acme.reps[0])
    with acme.scope():
        add_leave(member=rep, starts_at=NOW + timedelta(days=14), ends_at=NOW + timedelta(days=15))
    page = text_of(
        show(client, day("2026-12-01", uid="a"), day("2026-12-08", uid="b"), day("2026-12-08", uid="c"))
    )
    assert "It overlaps leave that is there: Tue 1, 10:00 to Wed 2 Dec 2026, 10:00." in page
    assert "It overlaps the event of line 7: Tue 8 Dec 2026." in page


def test_two_events_may_move_one_into_the_place_of_the_other(acme: Org) -> None:
    client = as_(acme.reps[0])
    save(client, day("2026-12-01", uid="a"), day("2026-12-02", uid="b"))
    save(client, day("2026-12-02", uid="a"), day("2026-12-03", uid="b"))
    assert [each[:2] for each in leaves(acme)] == [("a", "12-02 00:00"), ("b", "12-03 00:00")]


def test_leave_that_has_begun_keeps_its_beginning_and_past_leave_stays(acme: Org) -> None:
    rep, client = acme.reps[0], as_(acme.reps[0])
    with acme.scope():
        for uid, start, end in (("now", -2, 3), ("off", -9, -8), ("cut", 4, 6)):
            span = {"starts_at": NOW + timedelta(days=start), "ends_at": NOW + timedelta(days=end)}
            Leave.objects.create(member=rep, uid=uid, source="file", **span)
    save(
        client,
        event("DTSTART;VALUE=DATE:20261101", "DTEND;VALUE=DATE:20261119", uid="now"),
        day("2026-11-08", "STATUS:CANCELLED", uid="off"),
        day("2026-11-10", uid="cut"),  # moved to a time that is over
    )
    assert [each[:2] for each in leaves(acme)] == [("off", "11-08 10:00"), ("now", "11-15 10:00")]
    with acme.scope():
        assert Leave.objects.get(uid="now").ends_at == datetime(2026, 11, 18, 23, 0, tzinfo=UTC)
    save(client, day("2026-11-15", "STATUS:CANCELLED", uid="now"))
    with acme.scope():
        assert Leave.objects.get(uid="now").ends_at == NOW


def test_two_people_may_have_the_same_event(acme: Org) -> None:
    for rep in acme.reps[:2]:
        save(as_(acme.manager), day("2026-12-01", uid="a"), path=f"/people/{rep.id}/leave/import")
    with acme.scope():
        assert {each.member_id for each in Leave.objects.all()} == {each.id for each in acme.reps[:2]}


def test_times_without_a_zone_are_the_persons_and_not_the_managers(acme: Org) -> None:
    from tenants.models import RepProfile

    with acme.scope():
        RepProfile.objects.filter(member=acme.reps[0]).update(time_zone="America/New_York")
    save(as_(acme.manager), day("2026-12-01", uid="a"), path=f"/people/{acme.reps[0].id}/leave/import")
    assert leaves(acme)[0][1] == "12-01 06:00"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello", "Line 1: A calendar begins with BEGIN:VCALENDAR; this does not."),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "Line 2: VEVENT begins here and does not end"),
        (b"", "The file is empty. Export it again."),
        (b"x" * 1_500_000, "The file is larger than 1 MB."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_beside_its_field(acme: Org, data: bytes, said: str) -> None:
    answer = as_(acme.reps[0]).post("/leave/import", {"file": SimpleUploadedFile("x.ics", data)})
    assert said in answer.context["form"].errors["file"][0]
    assert said in text_of(answer)


def test_no_file_is_refused(acme: Org) -> None:
    assert "Choose a file." in text_of(as_(acme.reps[0]).post("/leave/import", {}))


def test_what_was_shown_to_somebody_else_or_made_up_is_not_saved(acme: Org) -> None:
    mine = show(as_(acme.reps[0]), day("2026-12-01", uid="a")).context["sealed"]
    forged = signing.dumps({"member": str(acme.reps[1].id)}, salt=files._SALT)
    client = as_(acme.reps[1])
    for sealed in (mine, "made up", forged):
        assert "too old to be saved" in text_of(client.post("/leave/import", {"sealed": sealed}))
    assert leaves(acme) == []


def test_a_file_without_leave_offers_nothing_to_save(acme: Org) -> None:
    page = show(as_(acme.reps[0]))
    assert "The file has no leave in the time to come." in text_of(page)
    assert b">Save<" not in page.content


def test_a_skipped_event_without_a_date_says_which_it_is(acme: Org) -> None:
    nameless = event("DTSTART:nonsense", uid="7f3a@calendar.example")
    named = event("DTSTART:nonsense", "SUMMARY:Offsite", uid="b")
    shown = show(as_(acme.reps[0]), nameless, named, day("2026-12-01", uid="c"))
    rows = re.findall(r'<th scope="row">(.*?)</th>', shown.content.decode())
    assert {"7f3a@calendar.example", "Offsite"} <= set(rows)
    assert "–" not in rows
