"""Leave over the API: the same rules as on the pages, each refusal with its place."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from sla.models import Timer
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, Leave
from tenants.services import add_leave, create_api_key
from tests.core.test_ical import event, file_of
from tests.factories import Org
from tests.handoff.conftest import new_lead, owner_of
from web.api import TenantAPIView
from web.throttling import KeyRateThrottle

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def on_a_tuesday(monkeypatch: pytest.MonkeyPatch) -> None:
    KeyRateThrottle.reset()
    monkeypatch.setattr(TenantAPIView, "clock", staticmethod(fixed_clock(NOW)))


def call(org: Org, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return Client().generic(
        method,
        f"/api/v1/{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers={**org.auth, **headers},
    )


def send_file(org: Org, data: bytes, query: str = "", *, form: bool = False, **headers: str) -> Any:
    path = f"/api/v1/leave/import?member={org.reps[0].email}{query}"
    sent = {**org.auth, **headers}
    if form:
        return Client().post(path, {"file": SimpleUploadedFile("x.ics", data)}, headers=sent)
    return Client().generic("POST", path, data, content_type="text/calendar; charset=utf-8", headers=sent)


def problem(answer: Any) -> tuple[int, str, str]:
    said = answer.json()
    return answer.status_code, said["errors"][0]["path"], said["errors"][0]["code"]


def test_leave_is_posted_read_changed_and_withdrawn(acme: Org) -> None:
    rep = acme.reps[0]
    body = {
        "member": rep.email,
        "starts_at": "2026-12-01T08:00:00+01:00",
        "ends_at": "2026-12-02T18:00:00+01:00",
    }
    made = call(acme, "POST", "leave", {**body, "reason": "Fair"})
    assert made.status_code == 201
    leave = made.json()
    assert leave == {
        "id": leave["id"],
        "member": {"id": str(rep.id), "name": rep.name, "email": rep.email},
        "starts_at": "2026-12-01T07:00:00Z",
        "ends_at": "2026-12-02T17:00:00Z",
        "reason": "Fair",
        "source": "hand",
    }
    path = f"leave/{leave['id']}"
    assert call(acme, "GET", path).json() == leave
    changed = call(acme, "PATCH", path, {"ends_at": "2026-12-03T17:00:00Z"}).json()
    assert changed == {**leave, "ends_at": "2026-12-03T17:00:00Z"}
    assert call(acme, "PATCH", path, {"reason": "Trade fair"}).json()["reason"] == "Trade fair"
    gone = call(acme, "DELETE", path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert call(acme, "GET", path).status_code == 404
    with acme.scope():
        found = AuditEntry.objects.filter(object_type="leave").order_by("at", "id")
        assert [each.action for each in found] == ["added", "changed", "changed", "removed"]
        assert found[0].actor.startswith("key:")


def test_half_a_day_is_said_by_its_part(acme: Org) -> None:
    body = {"member": str(acme.reps[0].id), "first_day": "2026-12-01", "first_part": "afternoon"}
    leave = call(acme, "POST", "leave", body).json()
    assert (leave["starts_at"], leave["ends_at"]) == ("2026-12-01T12:15:00Z", "2026-12-01T16:30:00Z")
    changed = call(acme, "PATCH", f"leave/{leave['id']}", {"first_day": "2026-12-02"}).json()
    assert (changed["starts_at"], changed["ends_at"]) == ("2026-12-01T23:00:00Z", "2026-12-02T23:00:00Z")


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({}, "/starts_at", "required"),
        ({"starts_at": "2026-12-01T08:00:00Z"}, "/ends_at", "required"),
        ({"starts_at": "2026-12-01T08:00:00"}, "/starts_at", "naive_time"),
        ({"last_day": "2026-12-01"}, "/first_day", "required"),
        ({"first_day": "2026-12-01", "ends_at": "2026-12-01T08:00:00Z"}, "/first_day", "ambiguous"),
        ({"first_day": "2026-12-32"}, "/first_day", "invalid_date"),
        ({"first_day": "2026-12-05", "first_part": "morning"}, "/first_part", "closed"),
        ({"first_day": "2026-12-02", "last_day": "2026-12-01"}, "/last_day", "reversed"),
        ({"first_day": "2026-12-02", "first_part": "evening"}, "/first_part", "invalid_choice"),
        ({"first_day": "2026-11-02"}, "/ends_at", "over"),
        ({"first_day": "2026-12-02", "last_day": "2028-12-02"}, "/ends_at", "too_long"),
        ({"first_day": "2026-10-02", "last_day": "2026-12-02"}, "/starts_at", "too_early"),
        ({"first_day": "2026-12-24"}, "/starts_at", "overlap"),
        ({"first_day": "0001-01-01"}, "/first_day", "range"),
        ({"member": "nobody@x.example", "first_day": "2026-12-01"}, "/member", "unknown_member"),
        ({"first_day": "2026-12-01", "until": "x"}, "/until", "unknown_field"),
    ],
)
def test_leave_that_makes_no_sense_is_refused_at_its_place(
    acme: Org, body: dict[str, str], path: str, code: str
) -> None:
    with acme.scope():
        add_leave(member=acme.reps[0], starts_at=NOW + timedelta(days=36), ends_at=NOW + timedelta(days=38))
    answer = call(acme, "POST", "leave", {"member": acme.reps[0].email, **body})
    assert problem(answer) == (400, path, code)
    with acme.scope():
        assert Leave.objects.count() == 1


def test_what_has_begun_ends_now_and_what_is_over_stays(acme: Org) -> None:
    with acme.scope():
        begun = add_leave(
            member=acme.reps[0], starts_at=NOW - timedelta(days=1), ends_at=NOW + timedelta(days=1)
        )
        over = add_leave(
            member=acme.reps[1], starts_at=NOW - timedelta(days=3), ends_at=NOW - timedelta(days=2)
        )
    refused = call(acme, "PATCH", f"leave/{begun.id}", {"starts_at": "2026-11-17T09:30:00Z"})
    assert problem(refused) == (400, "/starts_at", "has_begun")
    ended = call(acme, "DELETE", f"leave/{begun.id}")
    assert (ended.status_code, ended.json()["ends_at"]) == (200, "2026-11-17T09:00:00Z")
    assert call(acme, "DELETE", f"leave/{over.id}").status_code == 409
    assert call(acme, "PATCH", f"leave/{over.id}", {"reason": "x"}).status_code == 409
    with acme.scope():
        assert Leave.objects.count() == 2


def test_the_list_is_filtered_by_person_and_time_and_has_pages(acme: Org, globex: Org) -> None:
    first, second = acme.reps[:2]
    with acme.scope():
        for number, member in ((1, first), (3, second), (5, first)):
            at = NOW + timedelta(days=number)
            add_leave(member=member, starts_at=at, ends_at=at + timedelta(days=1))
    with globex.scope():
        add_leave(member=globex.reps[0], starts_at=NOW, ends_at=NOW + timedelta(days=1))

    def listed(query: str) -> list[str]:
        return [each["starts_at"][8:10] for each in call(acme, "GET", f"leave?{query}").json()["results"]]

    assert listed("") == ["22", "20", "18"]
    assert listed(f"member={first.email}") == listed(f"member={first.id}") == ["22", "18"]
    assert listed("from=2026-11-19T09:00:00Z") == ["22", "20"]
    assert listed("from=2026-11-19T10:00:00+01:00") == ["22", "20"]
    assert listed("to=2026-11-20T09:00:00Z") == ["18"]
    page = call(acme, "GET", "leave?limit=2").json()
    following = page["next"].partition("/api/v1/")[2]
    assert [each["starts_at"][8:10] for each in call(acme, "GET", following).json()["results"]] == ["18"]
    assert problem(call(acme, "GET", f"leave?member={globex.reps[0].id}"))[1:] == (
        "/member",
        "unknown_member",
    )
    assert problem(call(acme, "GET", "leave?member=%00"))[1:] == ("/member", "bad_text")
    assert problem(call(acme, "GET", "leave?from=now"))[1:] == ("/from", "invalid_time")


def test_a_repeated_post_is_carried_out_once(acme: Org) -> None:
    body = {"member": acme.reps[0].email, "first_day": "2026-12-01"}
    first, again = (call(acme, "POST", "leave", body, **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"


def test_another_organisations_leave_is_not_there(acme: Org, globex: Org) -> None:
    with acme.scope():
        leave = add_leave(member=acme.reps[0], starts_at=NOW, ends_at=NOW + timedelta(days=1))
    for method, body in (("GET", None), ("PATCH", {"reason": "x"}), ("DELETE", None)):
        theirs, nobodys = (call(globex, method, f"leave/{each}", body) for each in (leave.id, uuid4()))
        assert theirs.status_code == nobodys.status_code == 404
    with acme.scope():
        assert Leave.objects.get().reason == ""
    assert problem(
        call(globex, "POST", "leave", {"member": str(acme.reps[0].id), "first_day": "2026-12-01"})
    ) == (
        400,
        "/member",
        "unknown_member",
    )


def test_a_key_that_may_only_read_writes_no_leave(acme: Org) -> None:
    with acme.scope():
        _, acme.api_key = create_api_key(tenant=acme.tenant, name="Reader", scopes=["config:read"], now=NOW)
    assert call(acme, "GET", "leave").status_code == 200
    assert call(acme, "POST", "leave", {}).status_code == 403
    assert send_file(acme, file_of()).status_code == 403


@pytest.mark.parametrize("form", [False, True])
def test_a_calendar_file_is_tried_and_taken_over(acme: Org, form: bool) -> None:
    data = file_of(
        event("DTSTART;VALUE=DATE:20261201", "SUMMARY:Off", uid="a"),
        event("DTSTART;VALUE=DATE:20261208", "TRANSP:TRANSPARENT", "SUMMARY:Fair", uid="b"),
    )
    tried = send_file(acme, data, "&dry_run=true", form=form).json()
    assert (tried["dry_run"], len(tried["added"])) == (True, 1)
    with acme.scope():
        assert not Leave.objects.exists()
    done = send_file(acme, data, form=form).json()
    assert done == {**tried, "dry_run": False}
    assert done["added"] == [
        {
            "line": 3,
            "reason": "Off",
            "starts_at": "2026-11-30T23:00:00Z",
            "ends_at": "2026-12-01T23:00:00Z",
            "why": "",
        }
    ]
    assert [(each["line"], each["why"]) for each in done["skipped"]] == [(8, "It is shown as free.")]
    assert send_file(acme, data, form=form).json()["same"] == 1
    assert len(send_file(acme, file_of(), "&remove_missing=true", form=form).json()["removed"]) == 1
    with acme.scope():
        assert not Leave.objects.exists()


def test_a_file_sent_twice_with_one_key_gets_one_answer(acme: Org) -> None:
    data = file_of(event("DTSTART;VALUE=DATE:20261201", uid="a"))
    first, again = (send_file(acme, data, **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.json() == again.json()
    other = send_file(acme, file_of(), **{"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_file_that_cannot_be_taken_is_refused_with_the_line(acme: Org) -> None:
    refused = send_file(acme, b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n")
    assert problem(refused) == (400, "/file", "calendar_file")
    assert refused.json()["line"] == 2
    assert problem(send_file(acme, b"")) == (400, "/file", "required")
    assert problem(send_file(acme, b"x" * 1_000_001)) == (400, "/file", "too_large")
    assert send_file(acme, b"x" * 1_100_000).status_code == 413
    assert problem(send_file(acme, file_of(), "&dry_run=maybe")) == (400, "/dry_run", "invalid_choice")
    assert call(acme, "POST", f"leave/import?member={acme.reps[0].id}", {}).status_code == 415
    assert problem(call(acme, "POST", "leave/import", {})) == (400, "/member", "unknown_member")


def test_a_file_of_many_events_plans_each_clock_once(acme: Org) -> None:
    lead = new_lead(acme, NOW)
    rep = owner_of(acme, lead)
    days = [event(f"DTSTART;VALUE=DATE:202612{day:02d}", uid=str(day)) for day in range(1, 20, 2)]
    with acme.scope():
        before = dict(Timer.objects.filter(member_id=rep.id).values_list("id", "generation"))
    path = f"/api/v1/leave/import?member={rep.email}"
    sent = Client().generic("POST", path, file_of(*days), content_type="text/calendar", headers=acme.auth)
    assert len(sent.json()["added"]) == 10
    with acme.scope():
        timers = list(Timer.objects.filter(member_id=rep.id))
        assert {timer.generation - before[timer.id] for timer in timers} == {1}
        assert {len(timer.gaps) for timer in timers} == {10}
