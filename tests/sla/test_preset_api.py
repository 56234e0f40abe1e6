"""Starting a policy from a preset or from the own history, over the API."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from sla.models import PolicyVersion, Target
from sla.presets import CADENCES, TIERS
from sla.services import meet
from tenants.clock import database_clock
from tenants.models import AuditEntry
from tenants.services import create_api_key
from tests.engine.scenes import open_handoff
from tests.factories import POLICY, Org, make_org

pytestmark = pytest.mark.django_db


def call(org: Org, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return Client().generic(
        method,
        f"/api/v1/policy{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers={**org.auth, **headers},
    )


@pytest.fixture
def always(db: None, now: datetime) -> Org:
    """An organisation that is open round the clock, so that every minute counts."""
    return make_org("always", now=now, hours="always")


def first_touches(document: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {tier["slug"]: tier["targets"][0]["duration"] for tier in document["content"]["tiers"]}


def answered(org: Org, count: int, *, minutes: int = 45) -> None:
    """Contact forms of a week ago, answered so many minutes after."""
    at = database_clock() - timedelta(days=7)
    with org.scope():
        for _ in range(count):
            handoff = open_handoff(org, at=at, tier="contact_form")
            when = at + timedelta(minutes=minutes)
            meet([handoff.id], Target.FIRST_TOUCH, at=when, now=when)


def test_the_presets_say_what_to_choose_from_and_what_is_published(acme: Org) -> None:
    found = call(acme, "GET", "/presets").json()
    demo = found["tiers"][0]
    assert [choice["label"] for choice in demo["choices"]] == ["5 minutes", "1 hour", "2 hours"]
    assert demo["choices"][0]["duration"] == {"minutes": 5}
    assert "2007" in demo["choices"][0]["source"]
    assert [tier["engagement"] for tier in found["tiers"]][-1] is None
    assert found["decision"]["duration"] == {"business_days": 1}
    assert [(each["count"], each["channels"]) for each in found["cadences"]] == [(6, 2), (8, 3), (0, 0)]
    assert (found["target_percent"], found["target_days"]) == (85, 30)


def test_a_draft_begins_with_the_usual_tiers_and_keeps_the_rest(acme: Org) -> None:
    answer = call(acme, "POST", "/draft/preset", {})
    assert answer.status_code == 200
    draft = answer.json()
    assert (draft["state"], draft["revision"], draft["copy_of"]) == ("draft", 1, 1)
    assert first_touches(draft) == first_touches({"content": POLICY})
    for part in ("ladder", "responses", "on_reassign", "pauses"):
        assert draft["content"][part] == POLICY[part]
    for tier in draft["content"]["tiers"]:
        attempts = {"target": "attempts", "duration": {"business_days": 10}, "clock": "business"}
        assert tier["targets"][2] == {**attempts, "count": 6, "channels": 2}
    assert len(draft["changed"]) == 4
    assert call(acme, "GET", "/draft").json()["content"] == draft["content"]
    assert call(acme, "POST", "/draft/check").json()["problems"] == []


@pytest.mark.parametrize("cadence", [each.key for each in CADENCES])
@pytest.mark.parametrize("at", range(3))
def test_whatever_is_chosen_may_be_published(acme: Org, at: int, cadence: str) -> None:
    speeds = {tier.slug: tier.speeds[at].key for tier in TIERS}
    draft = call(acme, "POST", "/draft/preset", {"speeds": speeds, "cadence": cadence}).json()
    assert first_touches(draft) == {tier.slug: dict(tier.speeds[at].duration) for tier in TIERS}
    assert call(acme, "POST", "/publish", {"revision": 1}).status_code == 200


def test_an_open_draft_is_replaced_only_by_whoever_saw_it(acme: Org) -> None:
    other = {**POLICY, "on_reassign": "continue", "tiers": POLICY["tiers"][-1:]}
    call(acme, "PUT", "/draft", {"content": other})
    for late in (
        call(acme, "POST", "/draft/preset", {}),
        call(acme, "POST", "/draft/preset", {"revision": 7}),
        call(acme, "POST", "/draft/proposal", {}),
    ):
        assert (late.status_code, late.json()["code"]) == (409, "stale_version")
    assert call(acme, "GET", "/draft").json()["content"] == other
    done = call(acme, "POST", "/draft/preset", {"revision": 1, "cadence": "none"}).json()
    assert done["revision"] == 2
    assert done["content"]["on_reassign"] == "continue"
    assert any(change.startswith("New tier Demo request") for change in done["changed"])
    with acme.scope():
        saved = AuditEntry.objects.get(action="saved", object_type="policyversion")
        assert saved.after["revision"] == 2
    gone = call(acme, "DELETE", "/draft")
    assert gone.status_code == 204
    assert call(acme, "POST", "/draft/preset", {"revision": 2}).status_code == 409


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"speeds": {"demo_request": "6_minutes"}}, "/speeds/demo_request"),
        ({"speeds": {"demo_request": 5}}, "/speeds/demo_request"),
        ({"speeds": {"webinar": "1_hour"}}, "/speeds/webinar"),
        ({"speeds": []}, "/speeds"),
        ({"cadence": "9_in_3"}, "/cadence"),
        ({"revision": 0}, "/revision"),
        ({"tiers": {}}, "/tiers"),
    ],
)
def test_what_there_is_no_choice_of_is_refused_with_its_place(acme: Org, body: Any, path: str) -> None:
    answer = call(acme, "POST", "/draft/preset", body)
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [path]
    with acme.scope():
        assert PolicyVersion.objects.count() == 1


def test_proposals_come_with_their_base_and_go_into_a_draft(always: Org) -> None:
    org = always
    answered(org, 30)
    with org.scope():
        open_handoff(org, at=database_clock() - timedelta(minutes=2), tier="contact_form")
    found = call(org, "GET", "/proposal?days=30").json()
    assert (found["days"], found["target_percent"], found["business_day_seconds"]) == (30, 85, 86_400)
    assert len(found["results"]) == 8
    contact = found["results"][4]
    assert (contact["tier"], contact["target"], contact["clock"]) == (
        "contact_form",
        "first_touch",
        "business",
    )
    assert (contact["present"], contact["proposed"]) == ({"minutes": 240}, {"minutes": 60})
    assert contact["evidence"] == {"duration": {"minutes": 60}, "kept": 30, "base": 30, "percent": 100.0}
    assert contact["left_out"] == {"open": 1, "closed": 0, "paused": 0}
    assert contact["tighter"]["duration"] == {"minutes": 30}
    assert (contact["leads"], contact["goal"], contact["steps"]) == (31, {"minutes": 240}, [])
    assert contact["text"].startswith("Kept by 100% of 30 leads, of 31 in 30 days.")
    demo = found["results"][0]
    assert (demo["enough"], demo["proposed"], demo["leads"]) == (False, None, 0)
    draft = call(org, "POST", "/draft/proposal", {"days": 30}).json()
    assert draft["changed"] == [
        "Contact form: first touch within 4 hours of working time, now within 1 hour of working time."
    ]
    assert first_touches(draft) == {**first_touches({"content": POLICY}), "contact_form": {"minutes": 60}}
    again = call(org, "POST", "/draft/proposal", {"days": 30, "revision": 1}).json()
    assert (again["revision"], again["changed"]) == (1, [])


def test_the_proposal_is_for_the_draft_that_is_open(always: Org) -> None:
    org = always
    only = {**POLICY, "tiers": POLICY["tiers"][-1:]}
    call(org, "PUT", "/draft", {"content": only})
    assert {row["tier"] for row in call(org, "GET", "/proposal").json()["results"]} == {"content"}


@pytest.mark.parametrize("days", ["6", "731", "x", "-5", "1.5", "²"])
def test_days_out_of_range_are_refused(acme: Org, days: str) -> None:
    answer = call(acme, "GET", f"/proposal?days={days}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "/days"


def test_days_in_a_body_are_refused_alike(acme: Org) -> None:
    answer = call(acme, "POST", "/draft/proposal", {"days": 6})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "/days")


def test_another_organisation_gets_its_own(always: Org, globex: Org) -> None:
    answered(always, 30)
    assert {row["leads"] for row in call(globex, "GET", "/proposal").json()["results"]} == {0}
    call(always, "POST", "/draft/preset", {})
    assert call(globex, "GET", "/draft").status_code == 404


def test_a_key_that_may_only_read_reads(acme: Org) -> None:
    with acme.scope():
        _, key = create_api_key(
            tenant=acme.tenant, name="Reader", scopes=["config:read"], now=database_clock()
        )
    auth = {"Authorization": f"Bearer {key}"}
    assert call(acme, "GET", "/presets", **auth).status_code == 200
    assert call(acme, "GET", "/proposal", **auth).status_code == 200
    assert call(acme, "POST", "/draft/preset", {}, **auth).status_code == 403
    assert call(acme, "POST", "/draft/proposal", {}, **auth).status_code == 403
