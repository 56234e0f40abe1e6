"""Answering for a rep and reading what happened, over the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from core.errors import NotOwner
from handoff import services
from handoff.services import Actor
from handoff.sweep import sweep_tenant
from leads.models import Assignment, Handoff, Lead, Touch
from routing.models import Decision, Pool
from tenants.clock import fixed_clock
from tenants.services import create_api_key
from tests.cursors import BEFORE_ALL_YEARS
from tests.factories import Org
from tests.handoff.conftest import handoff_of, new_lead, owner_of, someone_else, timer_of
from web.api import TenantAPIView
from web.throttling import KeyRateThrottle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_rates() -> None:
    KeyRateThrottle.reset()


@pytest.fixture
def api_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Let the API read this moment instead of the database's clock."""

    def stand_still(moment: datetime) -> None:
        monkeypatch.setattr(TenantAPIView, "clock", staticmethod(fixed_clock(moment)))

    return stand_still


@pytest.fixture(autouse=True)
def two_minutes_on(api_at: Callable[[datetime], None], later: datetime) -> None:
    api_at(later)


def post(org: Org, path: str, body: Any, **headers: str) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return Client().post(
        f"/api/v1/{path}", text, content_type="application/json", headers={**org.auth, **headers}
    )


def get(org: Org, path: str) -> Any:
    return Client().get(f"/api/v1/{path}", headers=org.auth)


def test_a_touch_for_a_rep_meets_the_clock(acme: Org, ruth: Lead, later: datetime) -> None:
    owner = owner_of(acme, ruth)
    said = {"kind": "call", "at": "2026-11-17T10:01:00+01:00", "outcome": "Talked", "by": owner.email}
    answer = post(acme, f"leads/{ruth.id}/touches", said)
    assert answer.status_code == 201
    assert answer.json()["by"] == str(owner.id)
    assert answer.json()["at"] == "2026-11-17T09:01:00Z"
    assert timer_of(acme, ruth, "first_touch").met_at == later - timedelta(minutes=1)


def test_accepting_for_the_owner_and_twice(acme: Org, ruth: Lead, later: datetime) -> None:
    said = {"by": str(owner_of(acme, ruth).id)}
    answer = post(acme, f"leads/{ruth.id}/accept", said)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["result"], body["stage"]) == ("accepted", "sal")
    assert body["owner"]["email"] == owner_of(acme, ruth).email
    states = {(timer["target"], timer["clock"]): timer["status"] for timer in body["timers"]}
    assert states["decision", "owner"] == "met"
    assert states["first_touch", "owner"] == "on_time"
    again = post(acme, f"leads/{ruth.id}/accept", said)
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")
    assert handoff_of(acme, ruth).accepted_at == later


def test_accepting_after_a_reassignment_is_not_owner(acme: Org, ruth: Lead, later: datetime) -> None:
    before, other = owner_of(acme, ruth), someone_else(acme, ruth)
    moved = post(acme, f"leads/{ruth.id}/reassign", {"to": other.email, "why": "Territory."})
    assert moved.json()["owner"]["id"] == str(other.id)
    refused = post(acme, f"leads/{ruth.id}/accept", {"by": before.email})
    assert refused.status_code == 409
    assert refused["Content-Type"] == "application/problem+json"
    assert (refused.json()["code"], refused.json()["owner"]) == ("not_owner", str(other.id))
    assert other.name in refused.json()["detail"]
    assert handoff_of(acme, ruth).accepted_at is None


def test_a_reassignment_at_breach_is_not_owner_either(
    acme: Org, ruth: Lead, api_at: Callable[[datetime], None]
) -> None:
    before = owner_of(acme, ruth)
    moment = timer_of(acme, ruth, "first_touch").due_at + timedelta(seconds=5)
    sweep_tenant(acme.id, clock=fixed_clock(moment))
    api_at(moment)
    assert post(acme, f"leads/{ruth.id}/accept", {"by": before.email}).json()["code"] == "not_owner"
    assert post(acme, f"leads/{ruth.id}/accept", {"by": owner_of(acme, ruth).email}).status_code == 200


def test_a_key_alone_may_answer(acme: Org, ruth: Lead) -> None:
    assert post(acme, f"leads/{ruth.id}/reject", {"reason": "wrong_title"}).json()["result"] == "rejected"
    assert handoff_of(acme, ruth).state == "closed"


@pytest.mark.parametrize(
    ("act", "said", "path"),
    [
        ("reject", {}, "/reason"),
        ("reject", {"reason": ""}, "/reason"),
        ("reject", {"reason": "nonsense"}, "/reason"),
        ("reject", {"reason": "other"}, "/note"),
        ("reject", {"reason": "wrong_title", "note": "x" * 4001}, "/note"),
        ("reject", {"reason": 5}, "/reason"),
        ("reject", {"reason": "wrong_title", "why": "x"}, "/why"),
        ("reject", {"reason": "wrong_title", "by": "nobody@acme.example"}, "/by"),
        ("nurture", {"reason": "not_evaluating", "until": "2026-11-16"}, "/until"),
        ("nurture", {"reason": "not_evaluating", "until": "soon"}, "/until"),
        ("nurture", {"reason": "not_evaluating", "until": "2026-02-30"}, "/until"),
        ("touches", {"kind": "fax"}, "/kind"),
        ("touches", {}, "/kind"),
        ("touches", {"kind": "call", "at": "2026-11-17T10:00:00"}, "/at"),
        ("touches", {"kind": "call", "at": "2026-11-17T09:30:00Z"}, "/at"),
        ("touches", {"kind": "call", "at": 1}, "/at"),
        ("touches", {"kind": "call", "outcome": "x" * 61}, "/outcome"),
        ("touches", {"kind": "call", "automatic": "yes"}, "/automatic"),
        ("stage", {"to": "mql"}, "/to"),
        ("stage", {"to": "disqualified"}, "/reason"),
        ("reassign", {"to": None}, "/why"),
        ("reassign", {"to": "nobody@acme.example", "why": "x"}, "/to"),
        ("accept", {"unknown": 1}, "/unknown"),
    ],
)
def test_bad_input_is_named_by_its_place_and_leaves_nothing(
    acme: Org, ruth: Lead, act: str, said: dict[str, Any], path: str
) -> None:
    before = handoff_of(acme, ruth)
    answer = post(acme, f"leads/{ruth.id}/{act}", said)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert path in [error["path"] for error in answer.json()["errors"]]
    after = handoff_of(acme, ruth)
    assert (after.state, after.hops, after.owner_id) == ("open", 0, before.owner_id)
    assert (after.accepted_at, after.first_touch_at) == (None, None)
    with acme.scope():
        assert Touch.objects.count() == 0


@pytest.mark.parametrize("act", ["touches", "accept", "reject", "nurture", "stage", "reassign"])
def test_other_tenants_and_missing_leads_are_404_alike(acme: Org, globex: Org, ruth: Lead, act: str) -> None:
    said = {
        "touches": {"kind": "call"},
        "reject": {"reason": "wrong_title"},
        "nurture": {"reason": "not_evaluating"},
        "stage": {"to": "sql"},
        "reassign": {"why": "x"},
    }.get(act, {})
    foreign, missing = (post(globex, f"leads/{each}/{act}", said) for each in (ruth.id, uuid4()))
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.json()["detail"] == missing.json()["detail"]
    assert handoff_of(acme, ruth).state == "open"


@pytest.mark.parametrize("path", ["leads/{lead}/timeline", "leads/{lead}/explain", "decisions/{decision}"])
def test_reading_another_tenants_lead_is_404(acme: Org, globex: Org, ruth: Lead, path: str) -> None:
    with acme.scope():
        decision = Decision.objects.get()
    address = path.format(lead=ruth.id, decision=decision.id)
    assert get(acme, address).status_code == 200
    foreign = get(globex, address)
    assert foreign.status_code == 404
    assert b"Ruth" not in foreign.content
    assert get(globex, "timers").json()["results"] == []


def test_a_key_needs_the_scope(acme: Org, ruth: Lead, now: datetime) -> None:
    with acme.scope():
        _, reading = create_api_key(tenant=acme.tenant, name="Reader", scopes=["leads:read"], now=now)
    answer = post(acme, f"leads/{ruth.id}/accept", {}, Authorization=f"Bearer {reading}")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert post(acme, f"leads/{ruth.id}/accept", {}, Authorization="Bearer slp_x_y").status_code == 401
    assert handoff_of(acme, ruth).accepted_at is None


def test_a_repeat_with_the_same_key_acts_once(acme: Org, ruth: Lead) -> None:
    first = post(acme, f"leads/{ruth.id}/touches", {"kind": "call"}, **{"Idempotency-Key": "t-1"})
    again = post(acme, f"leads/{ruth.id}/touches", {"kind": "call"}, **{"Idempotency-Key": "t-1"})
    other = post(acme, f"leads/{ruth.id}/touches", {"kind": "sms"}, **{"Idempotency-Key": "t-1"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    with acme.scope():
        assert Touch.objects.count() == 1


def test_a_touch_for_a_rep_who_does_not_own_the_lead_is_kept_and_answers_nothing(
    acme: Org, ruth: Lead
) -> None:
    owner, other = owner_of(acme, ruth), someone_else(acme, ruth)
    kept = post(acme, f"leads/{ruth.id}/touches", {"kind": "call", "by": other.email})
    assert (kept.status_code, kept.json()["by"]) == (201, str(other.id))
    assert handoff_of(acme, ruth).first_touch_at is None
    assert timer_of(acme, ruth, "first_touch", "company").state == "running"
    post(acme, f"leads/{ruth.id}/touches", {"kind": "call", "by": owner.email})
    assert timer_of(acme, ruth, "first_touch", "company").state == "met"


def test_a_rep_hands_over_and_a_stranger_does_not(acme: Org, ruth: Lead) -> None:
    owner, other = owner_of(acme, ruth), someone_else(acme, ruth)
    stolen = post(acme, f"leads/{ruth.id}/reassign", {"to": other.email, "why": "Mine.", "by": other.email})
    assert stolen.json()["code"] == "not_owner"
    given = post(acme, f"leads/{ruth.id}/reassign", {"to": other.email, "why": "Away.", "by": owner.email})
    assert given.json()["result"] == "assigned"
    with acme.scope():
        assert Assignment.objects.get(member=owner).end_reason == "hand_over"


def test_a_reason_of_routing_answers_rerouted(acme: Org, ruth: Lead) -> None:
    body = post(acme, f"leads/{ruth.id}/reject", {"reason": "wrong_territory"}).json()
    assert (body["result"], body["stage"], body["handoff"]["state"]) == ("rerouted", "mql", "open")


def test_stages_go_on_over_the_api(acme: Org, ruth: Lead) -> None:
    assert post(acme, f"leads/{ruth.id}/stage", {"to": "opportunity"}).json()["code"] == "stage_not_allowed"
    post(acme, f"leads/{ruth.id}/accept", {})
    assert post(acme, f"leads/{ruth.id}/stage", {"to": "sql"}).json()["stage"] == "sql"
    ended = post(acme, f"leads/{ruth.id}/stage", {"to": "lost", "why": "Chose another."}).json()
    assert (ended["stage"], ended["handoff"]["outcome"]) == ("lost", "lost")


# --- Reading ---


def test_explain_says_why_qualified_why_this_rep_and_why_this_deadline(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    body = get(acme, f"leads/{ruth.id}/explain").json()
    assert body["qualification"]["met"] is True
    assert body["qualification"]["version"] == 1
    assert body["assignment"]["owner"]["id"] == str(owner_of(acme, ruth).id)
    assert {line["member"] for line in body["decision"]["candidates"]} == {str(rep.id) for rep in acme.reps}
    chosen = [line for line in body["decision"]["candidates"] if line["result"] == "chosen"]
    assert [line["member"] for line in chosen] == [str(owner_of(acme, ruth).id)]
    deadline = body["deadline"]
    assert (deadline["tier"], deadline["policy_version"]) == ("demo_request", 1)
    first = next(t for t in deadline["timers"] if t["target"] == "first_touch" and t["clock"] == "owner")
    assert first["calendar"] == {"version": 1, "name": "Office hours", "time_zone": "Europe/Berlin"}
    assert first["duration_seconds"] == 300
    assert first["due_at"] == (now + timedelta(minutes=5)).isoformat().replace("+00:00", "Z")


def test_explain_of_a_lead_that_did_not_qualify(acme: Org, now: datetime) -> None:
    reader = new_lead(acme, now, "reader@quiet.example", kind="page_view")
    body = get(acme, f"leads/{reader.id}/explain").json()
    assert body["qualification"]["met"] is False
    assert (body["assignment"], body["decision"], body["deadline"]) == (None, None, None)


def test_the_timeline_tells_everything_the_newest_first(acme: Org, ruth: Lead) -> None:
    post(acme, f"leads/{ruth.id}/touches", {"kind": "call", "note": "Left word."})
    body = get(acme, f"leads/{ruth.id}/timeline").json()
    kinds = [item["kind"] for item in body["results"]]
    assert kinds[0] == "touch"
    assert {"engagement", "stage", "assignment", "touch"} <= set(kinds)
    times = [item["at"] for item in body["results"]]
    assert times == sorted(times, reverse=True)
    assert body["results"][0]["note"] == "Left word."


def test_a_decision_is_read_whole(acme: Org, ruth: Lead) -> None:
    with acme.scope():
        decision = Decision.objects.get()
    body = get(acme, f"decisions/{decision.id}").json()
    assert (body["pool"], body["rule"], body["trigger"]) == ("inbound", "Everyone", "intake")
    assert body["layers"]["pools"][0]["result"] == "match"
    assert len(body["candidates"]) == 3


def test_timers_are_listed_by_state_status_and_due_time(
    acme: Org, ruth: Lead, later: datetime, api_at: Callable[[datetime], None]
) -> None:
    body = get(acme, "timers").json()
    assert len(body["results"]) == 4
    assert [row["due_at"] for row in body["results"]] == sorted(row["due_at"] for row in body["results"])
    assert len(get(acme, "timers?status=on_time").json()["results"]) == 4
    assert get(acme, "timers?status=overdue").json()["results"] == []
    assert get(acme, "timers?state=met").json()["results"] == []
    soon = get(acme, "timers?due_before=2026-11-17T12:00:00%2B01:00").json()["results"]
    assert {row["target"] for row in soon} == {"first_touch"}
    api_at(later + timedelta(minutes=2, seconds=30))
    assert {row["target"] for row in get(acme, "timers?status=at_risk").json()["results"]} == {"first_touch"}
    api_at(later.replace(hour=18))
    closed = get(acme, "timers?status=closed_hours").json()["results"]
    assert {row["target"] for row in closed} == {"decision"}


def test_pages_of_timers_follow_each_other(acme: Org, now: datetime) -> None:
    for number in range(3):
        new_lead(acme, now, f"p{number}@many.example")
    seen: list[str] = []
    path = "timers?limit=5"
    while path:
        body = get(acme, path).json()
        seen += [row["id"] for row in body["results"]]
        path = body["next"].split("/api/v1/")[1] if body["next"] else ""
    assert len(seen) == len(set(seen)) == 12


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("state=odd", "/state"),
        ("status=late", "/status"),
        ("due_before=tomorrow", "/due_before"),
        ("due_before=2026-11-17T12:00:00", "/due_before"),
        ("cursor=!!", "/cursor"),
        (f"cursor={BEFORE_ALL_YEARS}", "/cursor"),
        ("limit=0", "/limit"),
    ],
)
def test_a_wrong_filter_of_timers_is_named(acme: Org, query: str, path: str) -> None:
    answer = get(acme, f"timers?{query}")
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_simulating_says_who_would_get_it_and_writes_nothing(acme: Org, ruth: Lead) -> None:
    with acme.scope():
        counters = Pool.objects.get().counters
    said = {
        "lead": {
            "email": "new@stranger.example",
            "company": {"name": "Stranger", "employees": 80},
            "engagements": [{"kind": "pricing_page"}],
        }
    }
    body = post(acme, "routing/simulate", said).json()
    assert (body["qualified"], body["tier"], body["outcome"]) == (True, "pricing_page", "assigned")
    assert body["owner"]["id"] in {str(rep.id) for rep in acme.reps}
    assert len(body["trace"]["candidates"]) == 3
    with acme.scope():
        assert Lead.objects.count() == Handoff.objects.count() == Decision.objects.count() == 1
        assert Pool.objects.get().counters == counters
    unknown = post(acme, "routing/simulate", {"lead": {"emial": "x@y.example"}})
    assert unknown.status_code == 400
    assert unknown.json()["errors"][0]["path"] == "/lead/emial"
    assert post(acme, "routing/simulate", {}).status_code == 400


def test_the_actor_of_a_record_is_the_key(acme: Org, ruth: Lead) -> None:
    post(acme, f"leads/{ruth.id}/accept", {"by": owner_of(acme, ruth).email})
    with acme.scope():
        from leads.models import StageChange

        assert StageChange.objects.get(lead=ruth, new="sal").actor.startswith("key:")


def test_services_and_api_agree_on_the_owner_rule(acme: Org, ruth: Lead, later: datetime) -> None:
    """The same person is refused by both ways in."""
    stranger = someone_else(acme, ruth)
    assert post(acme, f"leads/{ruth.id}/accept", {"by": stranger.email}).json()["code"] == "not_owner"
    with acme.scope(), pytest.raises(NotOwner):
        services.accept_lead(lead_id=ruth.id, actor=Actor.person(stranger), clock=fixed_clock(later))


@pytest.mark.parametrize(
    ("act", "said", "name", "limit"),
    [
        ("touches", {"kind": "call"}, "note", 4_000),
        ("touches", {"kind": "call"}, "outcome", 60),
        ("reject", {"reason": "wrong_title"}, "note", 4_000),
        ("nurture", {"reason": "not_evaluating"}, "note", 4_000),
        ("pause", {"reason": "waiting_for_lead"}, "note", 300),
        ("stage", {"to": "disqualified"}, "why", 300),
        ("reassign", {}, "why", 120),
    ],
)
def test_a_text_may_be_as_long_as_what_keeps_it_and_no_longer(
    acme: Org, ruth: Lead, act: str, said: dict[str, str], name: str, limit: int
) -> None:
    refused = post(acme, f"leads/{ruth.id}/{act}", {**said, name: "x" * (limit + 1)})
    assert refused.status_code == 400
    assert [error["path"] for error in refused.json()["errors"]] == [f"/{name}"]
    assert post(acme, f"leads/{ruth.id}/{act}", {**said, name: "x" * limit}).status_code in (200, 201)
