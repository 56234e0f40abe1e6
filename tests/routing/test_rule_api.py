"""The routing rules over the API: drafts, the check with each error in its place, publication, going back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from core.rules import Facts
from handoff.publications import publish_due
from routing.decide import match
from routing.facts import load_setup
from routing.models import Pool, PoolSeat, RoutingSettings, RuleSetVersion
from tenants.clock import database_clock, fixed_clock
from tests.factories import Org
from tests.tenants.publications import approval_on

pytestmark = pytest.mark.django_db

BIG = {"field": "account.employees", "op": "at_least", "value": 1000}
BIGGER = {"field": "account.employees", "op": "at_least", "value": 5000}
DEMO = {"field": "sla.tier", "op": "equals", "value": "demo_request"}
REST = {"name": "Everyone else", "when": None, "pool": "inbound"}


def rules(*pools: Any, **more: Any) -> dict[str, Any]:
    return {"pools": [*pools, REST], "priorities": [], "horizon_minutes": 30, **more}


def rule(name: str = "Big", when: Any = BIG, **more: Any) -> dict[str, Any]:
    return {"name": name, "when": when, "pool": "inbound", **more}


def call(org: Org, method: str, path: str, body: Any = None) -> Any:
    return Client().generic(
        method,
        f"/api/v1/routing{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers=org.auth,
    )


def put(org: Org, content: Any, revision: int | None = None) -> Any:
    return call(org, "PUT", "/draft", {"content": content, **({"revision": revision} if revision else {})})


def problems(org: Org) -> list[tuple[str, str]]:
    return [(each["path"], each["code"]) for each in call(org, "POST", "/draft/check").json()["problems"]]


def test_the_rules_in_force_are_read(acme: Org) -> None:
    found = call(acme, "GET", "/rules").json()
    assert (found["number"], found["state"]) == (1, "published")
    assert found["content"] == acme.rule_set.content
    assert call(acme, "GET", "/draft").status_code == 404
    assert call(acme, "GET", "/rules?colour=red").status_code == 400


def test_a_draft_is_written_checked_and_published(acme: Org) -> None:
    begun = put(acme, rules())
    assert (begun.status_code, begun.json()["revision"], begun.json()["copy_of"]) == (200, 1, 1)
    content = rules(rule(), priorities=[{"name": "Demo", "when": DEMO, "priority": 10}], horizon_minutes=45)
    saved = put(acme, content, 1).json()
    assert call(acme, "GET", "/draft").json() == saved
    checked = call(acme, "POST", "/draft/check").json()
    assert (checked["problems"], checked["warnings"], checked["needs_approval"]) == ([], [], False)
    assert "New rule: Big, for Employees at least 1000, to Inbound." in checked["changes"]
    assert "New rule: Demo, for SLA tier is demo_request, priority 10." in checked["changes"]
    assert "Who opens within 45 minutes counts as at work; until now within 30." in checked["changes"]
    done = call(acme, "POST", "/publish", {"revision": 2})
    assert (done.status_code, done.json()["state"], done.json()["number"]) == (200, "published", 2)
    with acme.scope():
        setup = load_setup()
    assert setup.rule_set is not None
    lead = Facts({"account.employees": 2000, "sla.tier": "demo_request"}, (), database_clock())
    assert (match(setup.rule_set, lead).rule, match(setup.rule_set, lead).priority) == ("Big", 10)


def test_the_second_of_two_who_save_one_draft_is_told_what_changed(acme: Org) -> None:
    put(acme, rules())
    put(acme, rules(rule()), 1)
    for late in (
        put(acme, rules(rule("Other")), 1),
        put(acme, rules(rule("Other"))),
        call(acme, "POST", "/publish", {"revision": 1}),
        call(acme, "POST", "/publish", {"revision": 1}),
    ):
        assert (late.status_code, late.json()["code"], late.json()["revision"]) == (409, "stale_version", 2)
    assert late.json()["changes"] == [{"path": "/pools/Big", "before": None, "after": rule()}]
    assert call(acme, "GET", "/draft").json()["content"] == rules(rule())


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (rules(rule(when={**BIG, "field": "account.size"})), [("/pools/0/when/field", "unknown_field")]),
        (rules(rule(when={**BIG, "value": "many"})), [("/pools/0/when/value", "wrong_type")]),
        (rules(rule(when={"any": []})), [("/pools/0/when/any", "empty")]),
        (rules(rule(when={"all": []})), [("/pools/0/when", "empty")]),
        (rules(rule(when={"all": [BIG, {"not": {"all": []}}]})), [("/pools/0/when/all/1/not", "empty")]),
        (rules(rule(when={"all": [BIG] * 2_000})), [("/pools/0/when/all/1999", "too_many")]),
        (
            rules(rule(when={"field": "lead.title", "op": "matches", "value": "(((a{1,99}){1,99}){1,99})"})),
            [("/pools/0/when/value", "bad_pattern")],
        ),
        (rules(rule(pool="nowhere")), [("/pools/0/pool", "unknown")]),
        (rules(rule(pool="off")), [("/pools/0/pool", "pool_unusable")]),
        (rules(rule(pool="empty")), [("/pools/0/pool", "pool_unusable")]),
        (rules(rule(pool=7)), [("/pools/0/pool", "required")]),
        (rules(rule(" ")), [("/pools/0/name", "required")]),
        (rules(rule("x" * 81)), [("/pools/0/name", "max_length")]),
        (rules(rule("everyone ELSE")), [("/pools/1/name", "taken")]),
        (rules(rule(colour="red")), [("/pools/0/colour", "unknown")]),
        (
            rules({"name": "Big", "pool": "inbound"}),
            [("/pools/0/when", "required"), ("/pools/1/when", "never_reached")],
        ),
        (rules("big"), [("/pools/0", "type")]),
        ({"pools": [REST, rule()]}, [("/pools/1/when", "never_reached")]),
        (rules(rule(), rule("Bigger", BIGGER)), [("/pools/1/when", "never_reached")]),
        (rules(rule(), rule("Again")), [("/pools/1/when", "never_reached")]),
        (
            rules(
                priorities=[
                    {"name": "All", "when": None, "priority": 0},
                    {"name": "D", "when": DEMO, "priority": 1},
                ]
            ),
            [("/priorities/1/when", "never_reached")],
        ),
        (
            rules(priorities=[{"name": "Demo", "when": DEMO, "priority": "high"}]),
            [("/priorities/0/priority", "range")],
        ),
        (rules(priorities={}), [("/priorities", "type")]),
        (rules(horizon_minutes=-1), [("/horizon_minutes", "range")]),
        (rules(horizon_minutes=True), [("/horizon_minutes", "range")]),
        (rules(owner="me"), [("/owner", "unknown")]),
        ({"pools": []}, [("/pools", "required")]),
    ],
)
def test_what_makes_no_rules_may_be_drafted_and_is_not_published(
    acme: Org, content: Any, wrong: list[tuple[str, str]]
) -> None:
    with acme.scope():
        off = Pool.objects.create(slug="off", name="Off", is_active=False)
        PoolSeat.objects.create(pool=off, member=acme.reps[0])
        Pool.objects.create(slug="empty", name="Empty")
    assert put(acme, content).status_code == 200
    assert problems(acme) == wrong
    refused = call(acme, "POST", "/publish", {"revision": 1})
    assert refused.status_code == 400
    assert [each["path"] for each in refused.json()["errors"]] == [path for path, _ in wrong]
    assert call(acme, "GET", "/rules").json()["number"] == 1


def test_a_rule_that_an_earlier_one_takes_all_leads_of_is_told_which(acme: Org) -> None:
    put(acme, rules(rule(), rule("Bigger", BIGGER)))
    (wrong,) = call(acme, "POST", "/draft/check").json()["problems"]
    assert wrong["message"].startswith("Never reached: Rule 1, Big, takes every lead of this one.")


def test_rules_without_a_row_for_everyone_else_are_warned_of_and_published(acme: Org) -> None:
    put(acme, {"pools": [rule()]})
    (warning,) = call(acme, "POST", "/draft/check").json()["warnings"]
    assert "waits in Unrouted" in warning
    assert call(acme, "POST", "/publish", {"revision": 1}).status_code == 200


def test_nothing_is_published_while_no_fallback_person_is_named(acme: Org) -> None:
    with acme.scope():
        RoutingSettings.objects.update(fallback=None)
    put(acme, rules(rule()))
    assert problems(acme) == [("", "fallback_missing")]
    assert call(acme, "POST", "/publish", {"revision": 1}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "place"),
    [
        ("PUT", "/draft", {}, "/content"),
        ("PUT", "/draft", {"content": []}, "/content"),
        ("PUT", "/draft", {"content": {}, "revision": "1"}, "/revision"),
        ("POST", "/publish", {}, "/revision"),
        ("POST", "/publish", {"revision": 1, "move_open": True}, "/move_open"),
    ],
)
def test_bodies_that_say_too_little_or_too_much_are_refused(
    acme: Org, method: str, path: str, body: dict[str, Any], place: str
) -> None:
    answer = call(acme, method, path, body)
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [place]


def test_a_draft_is_discarded(acme: Org) -> None:
    assert call(acme, "DELETE", "/draft").status_code == 404
    put(acme, rules())
    assert call(acme, "DELETE", "/draft").status_code == 204
    assert put(acme, rules(), 1).json()["code"] == "conflict"


def test_versions_are_listed_and_an_earlier_one_is_used_again(acme: Org, globex: Org) -> None:
    put(acme, rules(rule()))
    call(acme, "POST", "/publish", {"revision": 1})
    rows = call(acme, "GET", "/versions").json()["results"]
    assert [(row["number"], row["state"]) for row in rows] == [(2, "published"), (1, "retired")]
    assert "New rule: Big, for Employees at least 1000, to Inbound." in rows[0]["changes"]
    back = call(acme, "POST", f"/versions/{acme.rule_set.id}/roll-back", {})
    assert (back.status_code, back.json()["number"], back.json()["copy_of"]) == (200, 3, 1)
    assert call(acme, "GET", "/rules").json()["content"] == acme.rule_set.content
    assert call(acme, "POST", f"/versions/{globex.rule_set.id}/roll-back", {}).status_code == 404


def test_an_earlier_version_with_a_rule_to_no_effect_is_used_again_and_one_without_its_pool_is_not(
    acme: Org,
) -> None:
    with acme.scope():
        RuleSetVersion.objects.filter(id=acme.rule_set.id).update(content=rules(rule(), rule("Again")))
    put(acme, rules(rule("Big", BIGGER)))
    assert call(acme, "POST", "/publish", {"revision": 1}).status_code == 200
    with acme.scope():
        RuleSetVersion.objects.filter(number=2).update(content=rules(rule(pool="nowhere")))
    assert call(acme, "POST", f"/versions/{acme.rule_set.id}/roll-back", {}).status_code == 200
    second = call(acme, "GET", "/versions").json()["results"][1]["id"]
    refused = call(acme, "POST", f"/versions/{second}/roll-back", {})
    assert [error["path"] for error in refused.json()["errors"]] == ["/pools/0/pool"]


def test_where_a_second_admin_must_approve_a_program_asks(acme: Org) -> None:
    approval_on(acme, database_clock(), "routing")
    put(acme, rules(rule()))
    assert call(acme, "POST", "/publish", {"revision": 1}).json()["code"] == "approval_needed"
    asked = call(acme, "POST", "/ask", {"revision": 1})
    assert (asked.status_code, asked.json()["number"]) == (201, 2)
    assert call(acme, "POST", "/draft/check").json()["waiting"] == asked.json()["publication"]
    put(acme, rules(rule(), rule("Again")), 1)
    refused = call(acme, "POST", "/ask", {"revision": 2})
    assert [error["path"] for error in refused.json()["errors"]] == ["/pools/1/when"]
    assert call(acme, "GET", "/rules").json()["number"] == 1


def test_rules_for_a_later_moment_decide_from_that_moment_on(acme: Org) -> None:
    now = database_clock()
    at = now + timedelta(hours=1)
    put(acme, rules(rule()))
    done = call(acme, "POST", "/publish", {"revision": 1, "effective_at": at.isoformat()})
    assert (done.status_code, done.json()["state"]) == (200, "scheduled")
    version_id = done.json()["id"]
    with acme.scope():
        assert load_setup(fixed_clock(at - timedelta(seconds=1))).rule_set_id == acme.rule_set.id
        # The engine has not come round yet, and it counts all the same.
        before = load_setup(fixed_clock(at))
        assert str(before.rule_set_id) == version_id
        assert before.rule_set is not None
        assert [each.name for each in before.rule_set.pools] == ["Big", "Everyone else"]
    assert publish_due(acme.id, fixed_clock(at)) == 1
    with acme.scope():
        after = load_setup(fixed_clock(at))
    assert str(after.rule_set_id) == version_id
    assert call(acme, "GET", "/rules").json()["number"] == 2


def test_scheduled_rules_whose_pool_is_gone_by_then_are_held_and_the_old_ones_go_on(acme: Org) -> None:
    at = database_clock() + timedelta(hours=1)
    with acme.scope():
        pool = Pool.objects.create(slug="later", name="Later")
        PoolSeat.objects.create(pool=pool, member=acme.reps[0])
    put(acme, rules(rule(pool="later")))
    call(acme, "POST", "/publish", {"revision": 1, "effective_at": at.isoformat()})
    with acme.scope():
        Pool.objects.filter(slug="later").update(is_active=False)
        assert load_setup(fixed_clock(at)).rule_set_id == acme.rule_set.id
    assert publish_due(acme.id, fixed_clock(at)) == 0
    with acme.scope():
        assert RuleSetVersion.objects.get(number=2).state == "held"
        assert load_setup(fixed_clock(at)).rule_set_id == acme.rule_set.id
