"""Everything that must be refused: precisely, and with nothing half-written."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from integrations.models import IntakeEntry
from leads.models import Account, Engagement, Handoff, Lead, LeadExternalId, StageChange
from notifications.models import OutboxMessage
from routing.models import Decision, Pool
from sla.models import Timer
from tenants.services import create_api_key, revoke_api_key
from tests.cursors import AFTER_ALL_YEARS, BEFORE_ALL_YEARS
from tests.factories import Org

GOOD: dict[str, Any] = {"email": "ann@example.com", "engagements": [{"kind": "demo_request"}]}


def nothing_written(org: Org) -> None:
    """No row of the whole path is there, and no turn was taken."""
    with org.scope():
        for model in (
            Lead,
            LeadExternalId,
            Account,
            Engagement,
            Handoff,
            StageChange,
            Decision,
            Timer,
            OutboxMessage,
        ):
            assert model.objects.count() == 0, model.__name__
        assert Pool.objects.get().counters == {}


def logged(org: Org) -> list[tuple[str, int | None]]:
    """(outcome, status) of the log's entries."""
    with org.scope():
        return [(entry.outcome, entry.detail.get("status")) for entry in IntakeEntry.objects.order_by("id")]


def assert_problem(
    response: Any, status: int, code: str, path: str | None = None, error: str | None = None
) -> None:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    document = response.json()
    assert (document["status"], document["code"]) == (status, code)
    assert document["title"]
    assert document["detail"]
    if path is not None:
        assert document["errors"][0]["path"] == path
    if error is not None:
        assert document["errors"][0]["code"] == error


WRONG_FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"emial": "x"}, "/emial", "unknown_field"),
    ({"company": {"size": 5}}, "/company/size", "unknown_field"),
    ({"engagements": [{"kind": "demo_request", "when": "now"}]}, "/engagements/0/when", "unknown_field"),
    ({"first_name": 5}, "/first_name", "wrong_type"),
    ({"first_name": ["Ann"]}, "/first_name", "wrong_type"),
    ({"score": "40"}, "/score", "wrong_type"),
    ({"score": True}, "/score", "wrong_type"),
    ({"score": 4.5}, "/score", "wrong_type"),
    ({"score": 2**40}, "/score", "out_of_range"),
    ({"test": "true"}, "/test", "wrong_type"),
    ({"company": "Example"}, "/company", "wrong_type"),
    ({"company": {"employees": -1}}, "/company/employees", "out_of_range"),
    ({"company": {"revenue": -1}}, "/company/revenue", "out_of_range"),
    ({"custom": []}, "/custom", "wrong_type"),
    ({"engagements": {}}, "/engagements", "wrong_type"),
    ({"engagements": [{}]}, "/engagements/0/kind", "required"),
    ({"engagements": [{"kind": " "}]}, "/engagements/0/kind", "blank"),
    ({"engagements": [{"kind": "x"}] * 101}, "/engagements", "max_length"),
    ({"first_name": "x" * 81}, "/first_name", "max_length"),
    ({"company": {"name": "x" * 201}}, "/company/name", "max_length"),
    ({"email": "ann@"}, "/email", "invalid_email"),
    ({"email": "x" * 250 + "@example.com"}, "/email", "max_length"),
    ({"email": "ann@example.com\x00"}, "/email", "bad_text"),
    ({"occurred_at": "2026-11-17T09:00:00"}, "/occurred_at", "naive_time"),
    ({"occurred_at": "2026-11-17"}, "/occurred_at", "invalid_time"),
    ({"occurred_at": 1763370000}, "/occurred_at", "invalid_time"),
    ({"occurred_at": "2026-02-30T09:00:00Z"}, "/occurred_at", "invalid_time"),
    ({"occurred_at": "0001-01-01T00:00:00+23:00"}, "/occurred_at", "invalid_time"),
    ({"occurred_at": "2026-11-17T09:02:01Z"}, "/occurred_at", "in_the_future"),
    ({"occurred_at": "0001-01-01T00:00:00Z"}, "/occurred_at", "too_early"),
    (
        {"engagements": [{"kind": "x", "at": "2026-11-17T09:03:00Z"}]},
        "/engagements/0/at",
        "in_the_future",
    ),
    ({"email": ""}, "/email", "required"),
    ({"external_id": "7"}, "/external_system", "required"),
    ({"external_system": "crm"}, "/external_id", "required"),
    ({"owner": "nobody@acme.example"}, "/owner", "unknown_member"),
    ({"owner": "rep1@globex.example"}, "/owner", "unknown_member"),
    ({"custom": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}}, "/custom/a/b/c/d/e", "too_deep"),
    ({"custom": {"a": "x" * 10_001}}, "/custom", "max_length"),
]


def test_each_wrong_field_is_refused_with_its_path(post, acme, globex):
    for change, path, code in WRONG_FIELDS:
        response = post(acme, "leads", {**GOOD, **change})
        document = response.json()
        assert response.status_code == 400, (change, document)
        assert (path, code) in [(error["path"], error["code"]) for error in document["errors"]], (
            change,
            document,
        )
    nothing_written(acme)
    assert logged(acme) == [("refused", 400)] * len(WRONG_FIELDS)


def test_every_wrong_field_is_named_at_once(post, acme):
    body = {**GOOD, "scoer": 1, "title": 5, "company": {"employees": "many"}}
    errors = post(acme, "leads", body).json()["errors"]
    assert [error["path"] for error in errors] == ["/scoer", "/title", "/company/employees"]
    assert "Did you mean score?" in errors[0]["message"]


def test_a_little_ahead_is_taken_as_now(post, acme, now):
    response = post(acme, "leads", {**GOOD, "occurred_at": (now + timedelta(seconds=119)).isoformat()})
    assert response.status_code == 201
    assert response.json()["engagements"][0]["at"] == "2026-11-17T09:00:00Z"


MALFORMED = [
    b"{",
    b'{"email": "a@b.com",}',
    b"\xff\xfe",
    b"{'email': 1}",
    b'{"a": NaN}',
    b'{"a": 1, "a": 2}',
]


def test_malformed_json_is_refused(post, acme):
    for body in MALFORMED:
        assert_problem(post(acme, "leads", body), 400, "malformed")
    nothing_written(acme)
    assert logged(acme) == [("refused", 400)] * len(MALFORMED)


def test_a_body_that_is_no_object_is_refused(post, acme):
    for body in ([], 5, "x", None, [GOOD]):
        assert_problem(post(acme, "leads", body), 400, "invalid", "")


def test_two_megabytes_are_refused_before_they_are_read(post, acme):
    body = json.dumps({**GOOD, "custom": {"a": "x" * 2_000_000}}).encode()
    assert_problem(post(acme, "leads", body), 413, "too_large")
    nothing_written(acme)


def test_another_type_of_body_is_refused(client, acme, api_clock):
    response = client.post("/api/v1/leads", "email=a@b.com", content_type="text/plain", headers=acme.auth)
    assert_problem(response, 415, "unsupported_media_type")


UNKNOWN_KEYS = [
    "",
    "Bearer",
    "Bearer nonsense",
    "Bearer slp_aaaaaaaa_" + "b" * 43,
    "Basic YTpi",
    "Bearer slp_x_\x00",
]


def test_an_unknown_key_is_refused(client, acme, api_clock):
    for header in UNKNOWN_KEYS:
        response = client.post(
            "/api/v1/leads",
            json.dumps(GOOD),
            content_type="application/json",
            headers={"Authorization": header},
        )
        assert_problem(response, 401, "unauthenticated")
        assert response["WWW-Authenticate"].startswith("Bearer")
    nothing_written(acme)
    assert logged(acme) == []


def test_a_revoked_an_expired_and_a_narrow_key_are_refused(post, get, acme, now):
    with acme.scope():
        revoked, text = create_api_key(tenant=acme.tenant, name="Old", scopes=["leads:write"], now=now)
        revoke_api_key(key=revoked, actor="system", now=now)
        _, expired = create_api_key(
            tenant=acme.tenant,
            name="Gone",
            scopes=["leads:write"],
            now=now,
            expires_at=now - timedelta(days=400),
        )
        _, narrow = create_api_key(tenant=acme.tenant, name="Reader", scopes=["leads:read"], now=now)
    for key, status, code in ((text, 401, "unauthenticated"), (expired, 401, "unauthenticated")):
        assert_problem(post(acme, "leads", GOOD, Authorization=f"Bearer {key}"), status, code)
    refused = post(acme, "leads", GOOD, Authorization=f"Bearer {narrow}")
    assert_problem(refused, 403, "permission_denied")
    assert "leads:write" in refused.json()["detail"]
    nothing_written(acme)


def test_an_idempotency_key_with_another_body_is_refused(post, acme):
    post(acme, "leads", GOOD, Idempotency_Key="k1")
    response = post(acme, "leads", {**GOOD, "title": "CTO"}, Idempotency_Key="k1")
    assert_problem(response, 422, "idempotency_key_reused")
    with acme.scope():
        assert Lead.objects.get().title == ""
    assert logged(acme) == [("created", 201), ("refused", 422)]


def test_a_refused_call_may_be_mended_under_the_same_key(post, acme):
    assert post(acme, "leads", {**GOOD, "score": "x"}, Idempotency_Key="k1").status_code == 400
    assert post(acme, "leads", {**GOOD, "score": 1}, Idempotency_Key="k1").status_code == 201


WRONG_BULKS: list[tuple[Any, str]] = [
    ({}, "required"),
    ({"leads": {}}, "wrong_type"),
    ({"leads": []}, "min_length"),
    ({"leads": [GOOD] * 1_001}, "max_length"),
    ({"leads": [GOOD], "more": 1}, "unknown_field"),
]


def test_a_bulk_call_of_the_wrong_shape_is_refused_whole(post, acme):
    for body, code in WRONG_BULKS:
        assert_problem(post(acme, "leads/bulk", body), 400, "invalid", error=code)
    nothing_written(acme)
    assert logged(acme) == [("refused", 400)] * len(WRONG_BULKS)


def test_row_500_of_1000_is_bad_and_the_others_land(post, acme):
    rows: list[dict[str, Any]] = [{"email": f"a{n}@b{n}.com"} for n in range(1_000)]
    rows[500] = {"email": "b500.com"}

    results = post(acme, "leads/bulk", {"leads": rows}).json()["results"]

    assert [row["index"] for row in results if row["status"] != 201] == [500]
    assert results[500]["problem"]["errors"][0]["path"] == "/email"
    with acme.scope():
        assert Lead.objects.count() == 999


def test_a_row_that_the_database_refuses_fails_alone(post, acme, monkeypatch):
    """Something that no check foresaw: the batch is taken row by row, and only that row is lost."""
    from leads import upsert

    real = upsert.Batch.merge_item

    def breaks(self: upsert.Batch, lead: Lead, item: Any, *, newer: bool) -> None:
        real(self, lead, item, newer=newer)
        if item.first_name == "Boom":
            lead.stage = "a stage that is longer than its column"

    monkeypatch.setattr(upsert.Batch, "merge_item", breaks)
    with acme.scope():
        type(acme.criteria).objects.all().delete()
    rows = [{"email": f"a{n}@b{n}.com", "first_name": "Boom" if n == 2 else "Ann"} for n in range(5)]

    response = post(acme, "leads/bulk", {"leads": rows})

    results = response.json()["results"]
    assert [row["status"] for row in results] == [201, 201, 500, 201, 201]
    assert results[2]["problem"]["code"] == "internal"
    assert logged(acme)[0][0] == "failed"
    with acme.scope():
        assert Lead.objects.count() == 4


def test_an_error_that_nobody_foresaw_leaves_the_payload_and_nothing_else(post, acme, monkeypatch, client):
    from handoff import moves

    def breaks(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(moves, "assign_new", breaks)
    client.raise_request_exception = False

    response = post(acme, "leads", GOOD)

    assert_problem(response, 500, "internal")
    assert "boom" not in response.content.decode()
    nothing_written(acme)
    assert logged(acme) == [("failed", 500)]


WRONG_FILTERS = [
    ({"stage": "hot"}, "/stage"),
    ({"updated_since": "yesterday"}, "/updated_since"),
    ({"updated_since": "2026-11-17T09:00:00"}, "/updated_since"),
    ({"limit": "0"}, "/limit"),
    ({"limit": "x"}, "/limit"),
    ({"cursor": "zzz"}, "/cursor"),
    ({"cursor": BEFORE_ALL_YEARS}, "/cursor"),
    ({"cursor": AFTER_ALL_YEARS}, "/cursor"),
    ({"owner": "nobody"}, "/owner"),
    ({"source": "a\x00"}, "/source"),
    ({"sort": "name"}, "/sort"),
]


def test_a_wrong_filter_is_refused(get, acme):
    for query, path in WRONG_FILTERS:
        assert_problem(get(acme, "leads", **query), 400, "invalid", path)


def test_a_lead_that_is_not_there_is_404(get, post, acme):
    missing = "01900000-0000-7000-8000-000000000000"
    assert_problem(get(acme, f"leads/{missing}"), 404, "not_found")
    assert_problem(post(acme, f"leads/{missing}/engagements", {"kind": "x"}), 404, "not_found")
    assert get(acme, "leads/7").status_code == 404


WRONG_ENGAGEMENTS: list[tuple[Any, str, str]] = [
    ({}, "/kind", "required"),
    ({"kind": None}, "/kind", "null"),
    ({"kind": "x", "at": "2026-11-17T09:03:00Z"}, "/at", "in_the_future"),
    ({"kind": "x", "at": "0001-01-01T00:00:00Z"}, "/at", "too_early"),
    ({"kind": "x" * 61}, "/kind", "max_length"),
    ({"kind": "x", "note": "y"}, "/note", "unknown_field"),
]


def test_a_wrong_engagement_is_refused_with_its_path(post, acme):
    lead = post(acme, "leads", GOOD).json()
    for body, path, code in WRONG_ENGAGEMENTS:
        response = post(acme, f"leads/{lead['id']}/engagements", body)
        assert_problem(response, 400, "invalid", path, code)
    with acme.scope():
        assert Engagement.objects.count() == 1


def test_another_method_is_refused(client, acme, api_clock):
    for method in (client.put, client.patch, client.delete):
        assert_problem(method("/api/v1/leads", headers=acme.auth), 405, "method_not_allowed")


def test_both_organisations_are_refused_alike(post, acme, globex):
    for org in (acme, globex):
        assert_problem(post(org, "leads", {**GOOD, "x": 1}), 400, "invalid", "/x", "unknown_field")
        nothing_written(org)
        assert logged(org) == [("refused", 400)]
