"""Calls that nobody means well: texts that no database holds, ids of others, numbers that are none. Each is
refused with its place, and none of them is an error of ours.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from leads import named_lists
from leads.models import Lead, NamedList
from leads.named_lists import create_list
from tests.factories import Org
from tests.handoff.conftest import new_lead

pytestmark = pytest.mark.django_db

BAD_TEXTS = ["\x00", "\ud800", "a\x00b", "x" * 5_000]
BAD_IDS: list[Any] = ["", "x", 1, None, [], {}, "\x00", str(uuid4())]


def call(org: Org, method: str, path: str, body: Any) -> tuple[int, Any]:
    client = Client(raise_request_exception=False)
    answer = client.generic(method, f"/api/v1/{path}", json.dumps(body), "application/json", headers=org.auth)
    return answer.status_code, answer.content[:300]


@pytest.fixture
def listed(acme: Org, now: datetime) -> NamedList:
    with acme.scope():
        return create_list(name="Rivals", purpose="competitors", actor="a", now=now)


def test_no_text_breaks_a_call(acme: Org, listed: NamedList, now: datetime) -> None:
    lead = new_lead(acme, now)
    facts = {"engagements": [{"kind": "demo_request"}]}
    for text in BAD_TEXTS:
        for method, path, body in (
            ("POST", "lists", {"name": text}),
            ("PATCH", f"lists/{listed.id}", {"name": text}),
            ("PATCH", f"lists/{listed.id}", {"purpose": text}),
            ("POST", f"lists/{listed.id}/entries", {"entries": [text]}),
            ("POST", f"lists/{listed.id}/entries", {"entries": ["a.example"], "kind": text}),
            ("POST", f"lists/{listed.id}/import", {"csv": f"domain,owner\n{text},{text}\n"}),
            ("POST", f"lists/{listed.id}/import", {"csv": f"{text}\n"}),
            ("POST", "leads/move", {"leads": [str(lead.id)], "why": "x", "to": text}),
            ("POST", "leads/move", {"leads": [str(lead.id)], "why": "x", "by": text}),
            ("POST", "leads/move", {"leads": [text], "why": "x"}),
            ("POST", "criteria/judge-again", {"leads": [text]}),
            ("POST", "routing/test-leads", {"name": text, "facts": facts, "expects": {"qualifies": True}}),
            ("POST", "routing/test-leads", {"name": "A", "facts": facts, "expects": {"pool": text}}),
            ("POST", "routing/test-leads", {"name": "A", "facts": facts, "expects": {"person": text}}),
            (
                "POST",
                "routing/test-leads",
                {"name": "A", "facts": {"title": text}, "expects": {"tier": text}},
            ),
            ("POST", "routing/simulations", {"rules": text, "days": 5}),
            ("POST", "routing/simulations/lead", {"lead": text}),
        ):
            status, said = call(acme, method, path, body)
            assert status < 500, (method, path, body, said)
            is_row = path.endswith("/import")  # what a file brings is said row by row
            assert is_row or status >= 400, (method, path, body, said)


def test_a_change_of_one_part_of_a_list_leaves_the_others_as_they_are_by_then(
    acme: Org, listed: NamedList, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = named_lists.lock_lists

    def somebody_first() -> None:
        real()
        NamedList.objects.filter(id=listed.id).update(name="Renamed")

    monkeypatch.setattr(named_lists, "lock_lists", somebody_first)
    assert call(acme, "PATCH", f"lists/{listed.id}", {"purpose": "other"})[0] == 200
    with acme.scope():
        found = NamedList.objects.get(id=listed.id)
        assert (found.name, found.purpose) == ("Renamed", "other")


def test_a_test_lead_that_can_never_pass_is_refused(acme: Org) -> None:
    expects = {"qualifies": False, "tier": "demo_request"}
    body = {"name": "A", "facts": {"title": "CEO"}, "expects": expects}
    status, said = call(acme, "POST", "routing/test-leads", body)
    assert (status, b"/expects/qualifies" in said) == (400, True)


def test_no_id_breaks_a_call_and_none_of_another_organisation_is_known(
    acme: Org, globex: Org, listed: NamedList, now: datetime
) -> None:
    theirs = new_lead(globex, now, "ann@globex.example")
    ids = [*BAD_IDS, str(theirs.id)]
    for each in ids:
        for path, body in (
            ("leads/move", {"leads": [each], "why": "x", "dry_run": True}),
            ("leads/move", {"leads": [str(uuid4())], "why": "x", "to": each}),
            ("criteria/judge-again", {"leads": [each], "dry_run": True}),
            ("criteria/judge-again", {"leads": each}),
            ("routing/simulations/lead", {"lead": each}),
        ):
            status, said = call(acme, "POST", path, body)
            assert status < 500, (path, body, said)
            if path != "leads/move":
                assert status in (400, 404) or each == [], (path, body, said)
    status, said = call(acme, "POST", "leads/move", {"leads": [str(theirs.id)], "why": "x"})
    assert (status, b"not_found" in said) == (200, True)
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/entries"),
        ("POST", "/import"),
    ):
        body = {"entries": ["a.example"]} if path == "/entries" else {"csv": "a.example\n"} if path else {}
        assert call(globex, method, f"lists/{listed.id}{path}", body)[0] == 404
    with globex.scope():
        assert Lead.objects.get(id=theirs.id).email == "ann@globex.example"


@pytest.mark.parametrize("days", [0, -1, 10**12, 1.5, "5", True, None, float("inf")])
def test_no_number_breaks_a_call(acme: Org, days: Any) -> None:
    for method, path, body in (
        ("POST", "routing/simulations", {"rules": "live", "days": days}),
        ("POST", "criteria/judge-again", {"last": days}),
        ("PATCH", "rebalance", {"above_team": days}),
    ):
        status, said = call(acme, method, path, body)
        assert status < 500, (path, body, said)


@pytest.mark.parametrize("body", [[], {}, None, "x", 5, [[]], {"leads": []}, {"last": 5, "leads": []}])
def test_no_form_of_a_body_breaks_a_call(acme: Org, listed: NamedList, body: Any) -> None:
    for method, path in (
        ("POST", "lists"),
        ("PATCH", f"lists/{listed.id}"),
        ("POST", f"lists/{listed.id}/entries"),
        ("POST", f"lists/{listed.id}/import"),
        ("POST", "leads/move"),
        ("POST", "criteria/judge-again"),
        ("POST", "routing/test-leads"),
        ("PUT", "routing/test-leads/gate"),
        ("PATCH", "rebalance"),
        ("POST", "routing/simulations"),
        ("POST", "routing/simulations/lead"),
    ):
        status, said = call(acme, method, path, body)
        assert status < 500, (method, path, body, said)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xff\xfe",
        b"name,pool\n\x00,inbound\n",
        b'name,pool\n"a',
        b"name,name\n",
        b",\n",
        b"\n" * 9,
        b"name,pool\n" + b"x" * 200_000 + b",inbound\n",
        "name,pool\n\ufffd,inbound\n".encode(),
    ],
)
def test_no_file_of_territories_breaks_a_call(acme: Org, data: bytes) -> None:
    client = Client(raise_request_exception=False)
    for query in ("", "?revision=1", "?revision=%00", "?replace=x", "?revision=99999999999"):
        path = f"/api/v1/routing/territories/import{query}"
        answer = client.post(path, data, content_type="text/csv", headers=acme.auth)
        assert 400 <= answer.status_code < 500, (data[:40], query, answer.content[:300])
