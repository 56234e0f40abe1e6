"""The policy over the API: the same rules as on the pages, each refusal with its place."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from core.rules import Facts
from sla.models import ClockMove, PolicyVersion
from sla.services import match_tier
from tenants.clock import database_clock
from tenants.models import Member
from tenants.services import create_api_key
from tests.engine.scenes import open_handoff
from tests.factories import POLICY, Org

pytestmark = pytest.mark.django_db

FIRST, *OTHERS = POLICY["tiers"]


def call(org: Org, method: str, path: str, body: Any = None) -> Any:
    return Client().generic(
        method,
        f"/api/v1/policy{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers=org.auth,
    )


def slower(minutes: int) -> dict[str, Any]:
    target = {**FIRST["targets"][0], "duration": {"minutes": minutes}}
    return {**POLICY, "tiers": [{**FIRST, "targets": [target, FIRST["targets"][1]]}, *OTHERS]}


def test_the_policy_in_force_is_read(acme: Org) -> None:
    found = call(acme, "GET", "").json()
    assert (found["number"], found["state"], found["content"]) == (1, "published", POLICY)
    assert call(acme, "GET", "/draft").status_code == 404


def test_a_draft_is_written_checked_and_published(acme: Org) -> None:
    begun = call(acme, "PUT", "/draft", {"content": POLICY})
    assert (begun.status_code, begun.json()["revision"], begun.json()["copy_of"]) == (200, 1, 1)
    saved = call(acme, "PUT", "/draft", {"content": slower(10), "revision": 1}).json()
    assert saved["revision"] == 2
    assert call(acme, "GET", "/draft").json() == saved
    checked = call(acme, "POST", "/draft/check").json()
    assert checked["problems"] == []
    assert checked["changes"] == [
        "Demo request: first touch within 5 minutes of working time, now within 10 minutes of working time."
    ]
    assert checked["recipients"][0]["who"] == ["Mona Acme (Inbound)"]
    done = call(acme, "POST", "/publish", {"revision": 2})
    assert (done.status_code, done.json()["state"], done.json()["moving"]) == (200, "published", None)
    assert call(acme, "GET", "").json()["content"] == slower(10)


def test_a_draft_that_somebody_saved_meanwhile_is_refused_with_what_changed(acme: Org) -> None:
    call(acme, "PUT", "/draft", {"content": POLICY})
    call(acme, "PUT", "/draft", {"content": slower(10), "revision": 1})
    for late in (
        call(acme, "PUT", "/draft", {"content": slower(20), "revision": 1}),
        call(acme, "PUT", "/draft", {"content": slower(20)}),
        call(acme, "POST", "/publish", {"revision": 1}),
    ):
        assert (late.status_code, late.json()["code"], late.json()["revision"]) == (409, "stale_version", 2)
    assert call(acme, "POST", "/publish", {"revision": 1}).json()["changes"] == [
        {
            "path": "/tiers/demo_request/targets/first_touch/duration/minutes",
            "before": 5,
            "after": 10,
        }
    ]


@pytest.mark.parametrize(
    ("changed", "path", "code"),
    [
        ({"tiers": [{**FIRST, "targets": []}, *OTHERS]}, "/tiers/0/targets", "required"),
        ({"tiers": [FIRST]}, "/tiers/0/when", "no_default"),
        (
            {"ladder": [{"at": 100, "actions": []}, {"at": 80, "actions": ["warn_manager"]}]},
            "/ladder/1/at",
            "order",
        ),
        ({"on_reassign": "ask"}, "/on_reassign", "choice"),
    ],
)
def test_what_makes_no_policy_may_be_drafted_and_is_not_published(
    acme: Org, changed: dict[str, Any], path: str, code: str
) -> None:
    assert call(acme, "PUT", "/draft", {"content": {**POLICY, **changed}}).status_code == 200
    checked = call(acme, "POST", "/draft/check").json()
    assert [(error["path"], error["code"]) for error in checked["problems"]] == [(path, code)]
    assert checked["open_leads"] is None
    refused = call(acme, "POST", "/publish", {"revision": 1})
    assert refused.status_code == 400
    assert [error["path"] for error in refused.json()["errors"]] == [path]
    assert call(acme, "GET", "").json()["number"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "place"),
    [
        ("PUT", "/draft", {}, "/content"),
        ("PUT", "/draft", {"content": []}, "/content"),
        ("PUT", "/draft", {"content": {}, "revision": "1"}, "/revision"),
        ("PUT", "/draft", {"content": {}, "colour": "red"}, "/colour"),
        ("POST", "/publish", {}, "/revision"),
    ],
)
def test_bodies_that_say_too_little_are_refused(
    acme: Org, method: str, path: str, body: dict[str, Any], place: str
) -> None:
    answer = call(acme, method, path, body)
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [place]


def test_a_draft_is_discarded(acme: Org) -> None:
    assert call(acme, "DELETE", "/draft").status_code == 404
    call(acme, "PUT", "/draft", {"content": POLICY})
    assert call(acme, "DELETE", "/draft").status_code == 204
    late = call(acme, "PUT", "/draft", {"content": POLICY, "revision": 1})
    assert (late.status_code, late.json()["code"]) == (409, "conflict")


def test_open_leads_are_moved_on_request_only(acme: Org) -> None:
    with acme.scope():
        open_handoff(acme, at=database_clock(), owner=acme.reps[0])
    call(acme, "PUT", "/draft", {"content": slower(120)})
    assert call(acme, "POST", "/draft/check").json()["open_leads"]["running"] == 4
    assert call(acme, "POST", "/publish", {"revision": 1, "move_open": True}).json()["moving"] == 4
    back = call(acme, "POST", f"/versions/{acme.policy.id}/roll-back", {})
    assert (back.json()["number"], back.json()["copy_of"], back.json()["moving"]) == (3, 1, None)
    with acme.scope():
        assert ClockMove.objects.count() == 1


def test_versions_are_listed_and_an_earlier_one_is_used_again(acme: Org, globex: Org) -> None:
    call(acme, "PUT", "/draft", {"content": slower(10)})
    call(acme, "POST", "/publish", {"revision": 1})
    rows = call(acme, "GET", "/versions").json()["results"]
    assert [(row["number"], row["state"], len(row["changes"])) for row in rows] == [
        (2, "published", 1),
        (1, "retired", 0),
    ]
    refused = call(acme, "POST", f"/versions/{rows[0]['id']}/roll-back", {})
    assert refused.status_code == 409
    assert call(acme, "POST", f"/versions/{globex.policy.id}/roll-back", {}).status_code == 404
    assert call(acme, "POST", f"/versions/{rows[1]['id']}/roll-back", {}).json()["content"] == POLICY


def test_a_key_that_may_only_read_does_not_write(acme: Org, now: datetime) -> None:
    with acme.scope():
        _, secret = create_api_key(tenant=acme.tenant, name="reader", scopes=["config:read"], now=now)
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert client.get("/api/v1/policy").status_code == 200
    sent = json.dumps({"content": POLICY})
    assert client.put("/api/v1/policy/draft", sent, content_type="application/json").status_code == 403
    with acme.scope():
        assert PolicyVersion.objects.count() == 1


def test_a_step_may_name_only_somebody_who_is_here(acme: Org, globex: Org) -> None:
    with acme.scope():
        Member.objects.filter(id=acme.marketing.id).update(is_active=False)
    revision = None
    for stranger in (globex.marketing, acme.marketing):
        ladder = [{"at": 100, "actions": [{"do": "tell_person", "to": str(stranger.id)}]}]
        known = {} if revision is None else {"revision": revision}
        revision = call(acme, "PUT", "/draft", {"content": {**POLICY, "ladder": ladder}, **known}).json()[
            "revision"
        ]
        refused = call(acme, "POST", "/publish", {"revision": revision})
        assert refused.status_code == 400
        assert [error["path"] for error in refused.json()["errors"]] == ["/ladder/0/actions/0/to"]


@pytest.mark.parametrize(
    ("slip", "path"),
    [
        ({"tiers": [{**FIRST, "wehn": None}, *OTHERS]}, "/tiers/0/wehn"),
        ({"pauses": [{**POLICY["pauses"][0], "at_moste": {"minutes": 5}}]}, "/pauses/0/at_moste"),
    ],
)
def test_a_slip_in_the_name_of_a_part_is_not_published_and_one_in_force_still_runs(
    acme: Org, now: datetime, slip: dict[str, Any], path: str
) -> None:
    slipped = {**POLICY, **slip}
    call(acme, "PUT", "/draft", {"content": slipped})
    assert [each["path"] for each in call(acme, "POST", "/draft/check").json()["problems"]] == [path]
    refused = call(acme, "POST", "/publish", {"revision": 1})
    assert refused.status_code == 400
    assert [(each["path"], each["code"]) for each in refused.json()["errors"]] == [(path, "unknown")]
    with acme.scope():
        PolicyVersion.objects.filter(id=acme.policy.id).update(content=slipped)
        match = match_tier(Facts({}, [], now), at=now)
        assert match.policy_version_id == acme.policy.id
