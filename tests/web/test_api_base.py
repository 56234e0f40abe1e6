"""One call is one transaction of the key's tenant."""

import json
import logging
import threading
import uuid

import pytest
from django.db import IntegrityError, connection
from django.test import Client

from leads.models import Account
from tenants.models import AuditEntry
from tests.factories import Org
from web.models import IdempotencyRecord
from web.throttling import KeyRateThrottle

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.web.urls_for_tests")]


@pytest.fixture(autouse=True)
def fresh_rates() -> None:
    KeyRateThrottle.reset()


def post(org: Org, body: object, path: str = "accounts", **headers: str):
    client = Client(raise_request_exception=False)
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(
        f"/api/v1/{path}", text, content_type="application/json", headers={**org.auth, **headers}
    )


def names(org: Org) -> list[str]:
    with org.scope():
        return sorted(Account.objects.values_list("name", flat=True))


def test_a_call_works_in_the_tenant_of_its_key(acme: Org, globex: Org) -> None:
    answer = post(acme, {"name": "Okapi"})
    assert answer.status_code == 201
    assert answer.json()["tenant"] == "acme"
    assert answer.json()["actor"].startswith("key:")
    assert names(acme) == ["Okapi"]
    assert names(globex) == []


@pytest.mark.parametrize(
    ("then", "status"), [("raise", 409), ("invalid", 400), ("missing", 404), ("answer", 409), ("break", 500)]
)
def test_a_refused_call_leaves_nothing_written(acme: Org, then: str, status: int) -> None:
    answer = post(acme, {"name": "Okapi", "then": then})
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert names(acme) == []


@pytest.mark.django_db(transaction=True)
def test_what_breaks_at_the_commit_is_told_and_not_written(acme: Org) -> None:
    answer = post(acme, {"name": "Okapi", "then": "commit"}, path="logged")
    assert answer.status_code == 500
    assert names(acme) == []
    with acme.scope():
        assert AuditEntry.objects.get(action="went").after == {"status": 500}


@pytest.mark.django_db(transaction=True)
def test_hooks_are_kept_although_the_call_is_refused(acme: Org) -> None:
    assert post(acme, {"name": "Okapi", "then": "raise"}, path="logged").status_code == 409
    assert names(acme) == []
    with acme.scope():
        kept = list(
            AuditEntry.objects.filter(object_type="test").order_by("at").values_list("action", "after")
        )
    assert [action for action, _ in kept] == ["came", "went"]
    assert kept[0][1]["bytes"] == 34
    assert kept[1][1] == {"status": 409}


@pytest.mark.django_db(transaction=True)
def test_no_setting_of_the_tenant_outlives_the_call(acme: Org) -> None:
    post(acme, {"name": "Okapi"})
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('app.tenant_id', true)")
        assert cursor.fetchone()[0] in (None, "")
        cursor.execute("select count(*) from leads_account")
        assert cursor.fetchone()[0] == 0


# Idempotency


def test_a_repeated_call_gets_the_first_answer_and_writes_once(acme: Org) -> None:
    key = {"Idempotency-Key": "order 66/a"}
    first, second = post(acme, {"name": "Okapi"}, **key), post(acme, {"name": "Okapi"}, **key)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert second["Content-Type"] == first["Content-Type"]
    assert not first.has_header("Idempotency-Replayed")
    assert second["Idempotency-Replayed"] == "true"
    assert names(acme) == ["Okapi"]


def test_the_same_key_with_another_body_is_422(acme: Org) -> None:
    post(acme, {"name": "Okapi"}, **{"Idempotency-Key": "k"})
    answer = post(acme, {"name": "Gnu"}, **{"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert names(acme) == ["Okapi"]


def test_two_tenants_may_use_the_same_key(acme: Org, globex: Org) -> None:
    assert post(acme, {"name": "Okapi"}, **{"Idempotency-Key": "k"}).status_code == 201
    answer = post(globex, {"name": "Gnu"}, **{"Idempotency-Key": "k"})
    assert answer.status_code == 201
    assert answer.json()["tenant"] == "globex"


def test_a_refusal_is_not_stored_so_the_body_may_be_mended(acme: Org) -> None:
    key = {"Idempotency-Key": "k"}
    assert post(acme, {"name": "Okapi", "then": "raise"}, **key).status_code == 409
    with acme.scope():
        assert not IdempotencyRecord.objects.exists()
    assert post(acme, {"name": "Okapi"}, **key).status_code == 201
    assert names(acme) == ["Okapi"]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "caf\u00e9"])
def test_a_key_that_is_none_is_refused(acme: Org, key: str) -> None:
    answer = post(acme, {"name": "Okapi"}, **{"Idempotency-Key": key})
    assert answer.status_code == 400
    assert names(acme) == []


@pytest.mark.django_db(transaction=True)
def test_a_call_in_flight_refuses_its_twin_at_once(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.web import urls_for_tests

    inside, go_on = threading.Event(), threading.Event()
    original = urls_for_tests.write_account

    def slow(*args: object) -> Account:
        account = original(*args)
        inside.set()
        assert go_on.wait(20)
        return account

    answers = {}

    def first() -> None:
        try:
            answers["first"] = post(acme, {"name": "Okapi"}, **{"Idempotency-Key": "k"})
        finally:
            connection.close()

    monkeypatch.setattr(urls_for_tests, "write_account", slow)
    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(20)
    twin = post(acme, {"name": "Okapi"}, **{"Idempotency-Key": "k"})
    go_on.set()
    thread.join(20)
    assert twin.status_code == 409
    assert twin.json()["code"] == "idempotency_in_flight"
    assert twin["Retry-After"] == "1"
    assert answers["first"].status_code == 201
    assert names(acme) == ["Okapi"]


# Problems


def test_every_refusal_has_the_same_members(acme: Org) -> None:
    document = post(acme, {"name": "Okapi", "then": "raise"}).json()
    assert document.pop("request")
    assert document == {
        "type": "urn:slaportal:problem:conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "Already there.",
        "code": "conflict",
        "errors": [],
        "stage": "mql",
    }


def test_errors_of_fields_are_json_pointers(acme: Org) -> None:
    body = {"name": "x" * 21, "tags": ["ok", "longer"], "people": [{"a": 1}, {"b/c": "no"}]}
    document = post(acme, body).json()
    assert document["status"] == 400
    assert {(error["path"], error["code"]) for error in document["errors"]} == {
        ("/name", "max_length"),
        ("/tags/1", "max_length"),
        ("/people/1/b~1c", "invalid"),
    }
    assert names(acme) == []


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (b'{"name": "a",\n }', "malformed", "line 2, column 2"),
        (b'{"name": "a", "name": "b"}', "malformed", "'name' is there twice"),
        (b'{"name": NaN}', "malformed", "NaN"),
        (b'{"name": -Infinity}', "malformed", "Infinity"),
        (b'{"name": 1e999}', "malformed", "too large"),
        (b'{"name": ' + b"9" * 5000 + b"}", "malformed", "too long"),
        (b'{"name": "\xff"}', "malformed", "UTF-8"),
        (b"[]", "invalid", "object"),
        (b'"text"', "invalid", "object"),
        (b'{"tags": ["a", "b\\u0000c"]}', "invalid", "NUL"),
        (b'{"tags": ["\\ud800"]}', "invalid", "surrogate"),
        (b'{"x": ' + b"[" * 80 + b"]" * 80 + b"}", "malformed", "deeper"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "malformed", "deeper"),
    ],
)
def test_json_that_cannot_be_taken_is_refused_with_its_place(
    acme: Org, text: bytes, code: str, said: str
) -> None:
    answer = post(acme, text)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert said in answer.json()["detail"]


def test_a_place_is_told_as_numbers_too(acme: Org) -> None:
    document = post(acme, b'{"name": "a",\n }').json()
    assert (document["line"], document["column"]) == (2, 2)


def test_a_backslash_before_u0000_is_a_text_like_others(acme: Org) -> None:
    assert post(acme, b'{"name": "a\\\\u0000b"}').status_code == 201
    assert names(acme) == ["a\\u0000b"]


def test_a_body_of_two_megabytes_is_413(acme: Org) -> None:
    answer = post(acme, b'{"name": "' + b"x" * 2_000_000 + b'"}')
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


def test_a_body_of_another_type_is_415(acme: Org) -> None:
    answer = Client().post("/api/v1/accounts", "name=x", content_type="text/plain", headers=acme.auth)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer nonsense", "Basic abc", "Bearer slp_aaaaaaaa_" + "x" * 40]
)
def test_without_a_good_key_it_is_401(acme: Org, header: str) -> None:
    answer = Client().get("/api/v1/accounts", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "unauthenticated"


def test_a_key_without_the_scope_is_403(acme: Org, now) -> None:
    from tenants.services import create_api_key

    with acme.scope():
        _, text = create_api_key(tenant=acme.tenant, name="Reader", scopes=["leads:read"], now=now)
    headers = {"Authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/accounts", headers=headers).status_code == 200
    refused = Client().post("/api/v1/accounts", "{}", content_type="application/json", headers=headers)
    assert refused.status_code == 403
    assert "leads:write" in refused.json()["detail"]


def test_a_revoked_key_is_refused_from_the_next_call_on(acme: Org, now) -> None:
    from tenants.models import ApiKey
    from tenants.services import revoke_api_key

    assert Client().get("/api/v1/accounts", headers=acme.auth).status_code == 200
    with acme.scope():
        revoke_api_key(key=ApiKey.objects.get(), actor="system", now=now)
    assert Client().get("/api/v1/accounts", headers=acme.auth).status_code == 401


def test_a_session_opens_no_call_of_the_api(acme: Org) -> None:
    client = Client()
    client.force_login(acme.admin.user)
    assert client.get("/api/v1/accounts").status_code == 401


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_an_unknown_method_is_405(acme: Org, method: str) -> None:
    answer = getattr(Client(), method)("/api/v1/accounts", headers=acme.auth)
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert "GET" in answer["Allow"]


def test_head_is_answered_like_get(acme: Org) -> None:
    assert Client().head("/api/v1/accounts", headers=acme.auth).status_code == 200


def test_a_view_that_names_no_scope_lets_nobody_in(acme: Org) -> None:
    assert Client().get("/api/v1/silent", headers=acme.auth).status_code == 403


def test_an_unknown_address_of_the_api_is_a_problem_too(acme: Org) -> None:
    answer = Client().get("/api/v1/nothing", headers=acme.auth)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_an_unexpected_error_tells_its_id_and_nothing_else(
    acme: Org, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="slaportal.problems"):
        answer = post(acme, {"name": "Okapi", "then": "break"})
    assert answer.status_code == 500
    assert b"secret" not in answer.content
    assert answer.json()["request"] == answer["X-Request-Id"]
    assert "the secret of the machine" in caplog.text


# Rates


def test_calls_beyond_the_rate_are_429_until_the_minute_ends(acme: Org, settings, monkeypatch) -> None:
    settings.API_RATE_PER_MINUTE = 3
    at = [1_000_000_000.0]
    monkeypatch.setattr(KeyRateThrottle, "clock", staticmethod(lambda: at[0]))
    calls = [Client().get("/api/v1/accounts", headers=acme.auth) for _ in range(4)]
    assert [call.status_code for call in calls] == [200, 200, 200, 429]
    assert [call["RateLimit-Remaining"] for call in calls] == ["2", "1", "0", "0"]
    assert {call["RateLimit-Limit"] for call in calls} == {"3"}
    assert calls[3].json()["code"] == "rate_limited"
    # 10**9 is 40 seconds into its minute.
    assert calls[3]["Retry-After"] == calls[3]["RateLimit-Reset"] == "20"
    at[0] += 20
    assert Client().get("/api/v1/accounts", headers=acme.auth).status_code == 200


def test_another_key_is_not_affected(acme: Org, globex: Org, settings, monkeypatch) -> None:
    settings.API_RATE_PER_MINUTE = 1
    monkeypatch.setattr(KeyRateThrottle, "clock", staticmethod(lambda: 1e9))
    assert Client().get("/api/v1/accounts", headers=acme.auth).status_code == 200
    assert Client().get("/api/v1/accounts", headers=acme.auth).status_code == 429
    assert Client().get("/api/v1/accounts", headers=globex.auth).status_code == 200


def test_processes_share_one_ceiling(acme: Org, settings) -> None:
    from tenants.rates import Window

    settings.API_RATE_PER_MINUTE = 600
    window, bucket = Window(999_999_960, 60), f"key:{uuid.uuid4()}"

    class Other(KeyRateThrottle):
        _blocks: dict = {}

    granted = 0
    for _ in range(700):
        granted += KeyRateThrottle._use(bucket, window, 600)[0] + Other._use(bucket, window, 600)[0]
    assert granted == 600


# Pages


def test_pages_hold_every_row_once_in_order(acme: Org, now) -> None:
    with acme.scope():
        for number in range(7):
            Account.objects.create(name=f"Same {number // 3}", created_at=now)
    url, seen = "/api/v1/accounts?limit=2", []
    while url:
        answer = Client().get(url, headers=acme.auth).json()
        assert len(answer["results"]) <= 2
        seen += answer["results"]
        url = answer["next"]
    assert seen == ["Same 0"] * 3 + ["Same 1"] * 3 + ["Same 2"]


@pytest.mark.parametrize(
    "cursor", ["x", "%00", "bm90IGpzb24", "WzEsMl0", "W10", "eyJhIjoxfQ", "WyJhIiwibm8iXQ", "é"]
)
def test_a_foreign_cursor_is_400(acme: Org, cursor: str) -> None:
    answer = Client().get(f"/api/v1/accounts?cursor={cursor}", headers=acme.auth)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "/cursor"


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "", "1e2", "٣"])
def test_a_limit_beyond_the_bounds_is_400(acme: Org, limit: str) -> None:
    answer = Client().get("/api/v1/accounts", {"limit": limit}, headers=acme.auth)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "/limit"


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_a_reference_that_is_none(acme: Org, now) -> None:
    """The deferred constraint that the test of the commit relies on."""

    def point_nowhere() -> None:
        with acme.scope():
            account = Account.objects.create(name="x", created_at=now)
            Account.objects.filter(id=account.id).update(owner_id=account.id)

    with pytest.raises(IntegrityError):
        point_nowhere()
