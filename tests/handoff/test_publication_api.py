"""Second approvals and later moments over the API: the same rules as on the pages; a key asks, and never
approves.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from leads.defaults import engaged
from sla.models import PolicyVersion
from tenants import versions
from tenants.audit import member_actor
from tenants.clock import database_clock
from tenants.models import AuditEntry, Member, Publication
from tests.factories import POLICY, Org
from tests.tenants.publications import approval_on, second_admin

pytestmark = pytest.mark.django_db
CHANGED = {**POLICY, "responses": ["call"]}


def call(org: Org, method: str, path: str, body: Any = None) -> Any:
    return Client().generic(
        method,
        f"/api/v1/{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers=org.auth,
    )


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(each["path"], each["code"]) for each in answer.json()["errors"]]


def draft(org: Org) -> int:
    return int(call(org, "PUT", "policy/draft", {"content": CHANGED}).json()["revision"])


def in_days(days: float) -> str:
    return (database_clock() + timedelta(days=days)).isoformat()


@pytest.fixture
def bea(acme: Org) -> Member:
    return approval_on(acme, database_clock())


def test_the_setting_is_read_and_changed(acme: Org, globex: Org) -> None:
    kinds = ("policy", "criteria", "routing", "sql_bar", "meeting_bar")
    off = {**dict.fromkeys(kinds, False), "switching_off": []}
    assert call(acme, "GET", "second-approval").json() == off
    refused = call(acme, "PUT", "second-approval", {"policy": True})
    assert (refused.status_code, codes(refused)) == (409, [("/policy", "too_few_admins")])
    second_admin(acme)
    changed = call(acme, "PUT", "second-approval", {"policy": True, "routing": True})
    assert changed.json() == {**off, "policy": True, "routing": True}
    on = {**off, "policy": True, "routing": True}
    asked_off = call(acme, "PUT", "second-approval", {"routing": False})
    assert asked_off.json() == {**on, "switching_off": ["routing"]}
    again = call(acme, "PUT", "second-approval", {"routing": False})
    assert (again.status_code, codes(again)) == (409, [("/routing", "second_admin_needed")])
    assert call(acme, "PUT", "second-approval", {"routing": True}).json() == on
    assert call(globex, "GET", "second-approval").json() == off
    with acme.scope():
        entries = AuditEntry.objects.filter(object_type="secondapproval")
        assert {entry.actor.partition(":")[0] for entry in entries} == {"key"}
    wrong = call(acme, "PUT", "second-approval", {"policies": True})
    assert (wrong.status_code, codes(wrong)[0][0]) == (400, "/policies")


def test_publishing_without_approval_is_a_conflict_with_the_way_out(acme: Org, bea: Member) -> None:
    refused = call(acme, "POST", "policy/publish", {"revision": draft(acme)})
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_needed")
    assert "ask for it" in refused.json()["detail"]
    assert call(acme, "GET", "policy").json()["number"] == 1


def test_a_key_asks_and_a_person_approves(acme: Org, bea: Member) -> None:
    checked_revision = draft(acme)
    assert call(acme, "POST", "policy/draft/check").json()["needs_approval"] is True
    asked = call(acme, "POST", "policy/ask", {"revision": checked_revision, "move_open": True})
    assert (asked.status_code, asked.json()["number"]) == (201, 2)
    order = asked.json()["publication"]
    assert call(acme, "POST", "policy/draft/check").json()["waiting"] == order
    listed = call(acme, "GET", "publications?kind=policy&state=asked").json()["results"]
    assert [(each["id"], each["move_open"]) for each in listed] == [(order, True)]
    refused = call(acme, "POST", f"publications/{order}/approve", {"note": "Fine."})
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert refused.json()["detail"] == "A key is not a person: an admin approves on the page."
    with acme.scope():
        versions.approve(order_id=order, member=bea, actor=member_actor(bea), note="", now=database_clock())
    assert call(acme, "GET", "policy").json()["number"] == 2
    assert call(acme, "GET", f"publications/{order}").json()["state"] == "done"
    newest = call(acme, "GET", "policy/versions").json()["results"][0]
    assert newest["approved_by"] == member_actor(bea)


def test_a_key_refuses_with_a_note_and_withdraws_its_own(acme: Org, bea: Member) -> None:
    revision = draft(acme)
    first = call(acme, "POST", "policy/ask", {"revision": revision}).json()["publication"]
    assert call(acme, "POST", f"publications/{first}/refuse", {}).status_code == 400
    done = call(acme, "POST", f"publications/{first}/refuse", {"note": "The check of ours fails."})
    assert (done.status_code, done.json()["state"]) == (200, "refused")
    second = call(acme, "POST", "policy/ask", {"revision": revision}).json()["publication"]
    assert call(acme, "POST", f"publications/{second}/withdraw").json()["state"] == "withdrawn"
    again = call(acme, "POST", f"publications/{second}/withdraw")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_a_key_does_not_withdraw_what_a_person_asked(acme: Org, bea: Member) -> None:
    draft(acme)
    with acme.scope():
        found = versions.open_draft(PolicyVersion)
        assert found is not None
        order = versions.ask(
            found,
            actor=member_actor(acme.admin),
            asker=acme.admin,
            now=database_clock(),
            expected_revision=found.revision,
        )
    assert call(acme, "POST", f"publications/{order.id}/withdraw").status_code == 403


def test_a_save_withdraws_the_request(acme: Org, bea: Member) -> None:
    revision = draft(acme)
    order = call(acme, "POST", "policy/ask", {"revision": revision}).json()["publication"]
    call(acme, "PUT", "policy/draft", {"content": POLICY, "revision": revision})
    found = call(acme, "GET", f"publications/{order}").json()
    assert (found["state"], found["why"]) == ("withdrawn", "The draft was saved after that.")


def test_an_earlier_version_is_asked_for(acme: Org) -> None:
    call(acme, "POST", "policy/publish", {"revision": draft(acme)})
    approval_on(acme, database_clock())
    with acme.scope():
        first = PolicyVersion.objects.get(number=1)
    refused = call(acme, "POST", f"policy/versions/{first.id}/roll-back", {})
    assert refused.json()["code"] == "approval_needed"
    asked = call(acme, "POST", f"policy/versions/{first.id}/ask", {})
    assert (asked.status_code, asked.json()["number"]) == (201, 3)
    assert call(acme, "GET", "policy/draft").json()["copy_of"] == 1


def test_a_version_is_published_for_a_later_moment_and_called_off(acme: Org) -> None:
    moment = in_days(3)
    done = call(acme, "POST", "policy/publish", {"revision": draft(acme), "effective_at": moment})
    assert (done.status_code, done.json()["state"]) == (200, "scheduled")
    assert call(acme, "GET", "policy").json()["number"] == 1
    (order,) = call(acme, "GET", "publications?state=scheduled").json()["results"]
    assert order["version"] == done.json()["id"]
    call(acme, "PUT", "policy/draft", {"content": POLICY})
    refused = call(acme, "POST", "policy/publish", {"revision": 1})
    assert (refused.status_code, refused.json()["scheduled"]) == (409, 2)
    assert call(acme, "POST", "policy/draft/check").json()["scheduled"]["number"] == 2
    assert call(acme, "POST", f"publications/{order['id']}/cancel").json()["state"] == "cancelled"
    assert call(acme, "POST", "policy/publish", {"revision": 1}).json()["number"] == 3


def test_a_number_without_a_most_says_its_least(acme: Org) -> None:
    refused = call(acme, "POST", "policy/publish", {"revision": 0})
    assert codes(refused) == [("/revision", "out_of_range")]
    assert refused.json()["errors"][0]["message"] == "A number of at least 1."


def test_publishing_beside_a_scheduled_one_is_said_outright(acme: Org) -> None:
    call(acme, "POST", "policy/publish", {"revision": draft(acme), "effective_at": in_days(3)})
    call(acme, "PUT", "policy/draft", {"content": POLICY})
    done = call(acme, "POST", "policy/publish", {"revision": 1, "beside": 2})
    assert (done.status_code, done.json()["state"]) == (200, "published")


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2020-01-01T09:00:00Z", "past"),
        ("2999-01-01T09:00:00Z", "too_far"),
        ("2027-01-01T09:00:00", "naive_time"),
        ("tomorrow", "invalid_time"),
    ],
)
def test_a_moment_that_cannot_be_is_refused_at_its_place(acme: Org, moment: str, code: str) -> None:
    refused = call(acme, "POST", "policy/publish", {"revision": draft(acme), "effective_at": moment})
    assert (refused.status_code, codes(refused)) == (400, [("/effective_at", code)])
    with acme.scope():
        assert not Publication.objects.exists()


def test_a_filter_that_means_nothing_is_refused(acme: Org) -> None:
    refused = call(acme, "GET", "publications?state=nearly")
    assert (refused.status_code, codes(refused)) == (400, [("/state", "invalid_choice")])


def test_another_organisations_order_is_not_there(acme: Org, globex: Org, bea: Member) -> None:
    order = call(acme, "POST", "policy/ask", {"revision": draft(acme)}).json()["publication"]
    assert call(globex, "GET", f"publications/{order}").status_code == 404
    for what in ("approve", "refuse", "withdraw", "cancel"):
        answer = call(globex, "POST", f"publications/{order}/{what}", {"note": "x"})
        assert answer.status_code == 404
    assert call(globex, "GET", "publications").json()["results"] == []


CRITERIA: dict[str, Any] = {"rule": engaged("demo_request", days=7)}


def test_the_criteria_are_read_and_their_next_version_published(acme: Org, globex: Org) -> None:
    now_in_force = call(acme, "GET", "criteria").json()
    done = call(acme, "POST", "criteria/publish", {"content": CRITERIA, "based_on": now_in_force["number"]})
    assert (done.status_code, done.json()["number"]) == (200, now_in_force["number"] + 1), done.json()
    assert call(acme, "GET", "criteria").json()["content"] == CRITERIA
    assert call(globex, "GET", "criteria").json()["number"] == 1
    stale = call(acme, "POST", "criteria/publish", {"content": CRITERIA, "based_on": 1})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")
    wrong = call(acme, "POST", "criteria/publish", {"content": {"rule": {"any": []}}, "based_on": 2})
    assert wrong.status_code == 400
    assert codes(wrong)[0][0].startswith("/rule")


def test_where_a_second_admin_must_approve_criteria_are_asked_for(acme: Org) -> None:
    bea = approval_on(acme, database_clock(), "criteria")
    said = {"content": CRITERIA, "based_on": 1}
    refused = call(acme, "POST", "criteria/publish", said)
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_needed")
    asks = call(acme, "POST", "criteria/ask", said)
    assert asks.status_code == 201, asks.json()
    assert call(acme, "GET", "criteria").json()["number"] == 1
    with acme.scope():
        versions.approve(
            order_id=asks.json()["publication"],
            member=bea,
            actor=f"member:{bea.id}",
            note="",
            now=database_clock(),
        )
    assert call(acme, "GET", "criteria").json()["content"] == CRITERIA
