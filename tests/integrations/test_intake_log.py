"""The page of the intake log."""

from __future__ import annotations

import pytest
from django.db import InterfaceError, OperationalError

from integrations import api
from integrations.models import IntakeEntry

GOOD = {"email": "ann@example.com", "engagements": [{"kind": "demo_request"}]}


def test_the_log_shows_each_payload_and_its_outcome(client, post, acme, globex):
    post(acme, "leads", GOOD)
    post(acme, "leads", {**GOOD, "shoe": "<b>43</b>"})
    post(acme, "leads/bulk", {"leads": [GOOD, {"email": "x"}]})
    post(globex, "leads", {"email": "secret@globex.example"})
    client.force_login(acme.marketing.user, backend="tenants.auth.EmailBackend")

    page = client.get("/intake").content.decode()

    assert page.count("/intake/") == 3
    assert "1 known, 1 refused" in page
    assert "secret" not in page
    assert "key:" not in page
    assert "<td>Test key<small>API</small></td>" in page
    refused = client.get("/intake", {"outcome": "refused"}).content.decode()
    assert refused.count("/intake/") == 2
    with acme.scope():
        entry = IntakeEntry.objects.filter(channel="api", outcome="refused").get()
    detail = client.get(f"/intake/{entry.id}").content.decode()
    assert "API, with the key Test key" in detail
    assert "&lt;b&gt;43&lt;/b&gt;" in detail
    assert "/shoe" in detail
    assert client.get("/intake", {"outcome": "nonsense"}).status_code == 404
    assert client.get("/intake", {"cursor": "nonsense"}).status_code == 404


def test_another_organisation_and_other_roles_do_not_see_it(client, post, acme, globex):
    post(acme, "leads", GOOD)
    with acme.scope():
        entry = IntakeEntry.objects.get()
    client.force_login(globex.admin.user, backend="tenants.auth.EmailBackend")
    assert client.get(f"/intake/{entry.id}").status_code == 404
    client.force_login(acme.reps[0].user, backend="tenants.auth.EmailBackend")
    assert client.get("/intake").status_code == 403
    assert client.get(f"/intake/{entry.id}").status_code == 403


@pytest.mark.parametrize(
    "gone", [OperationalError("terminating connection"), InterfaceError("already closed")]
)
def test_a_database_that_goes_away_in_the_middle_is_busy_even_where_the_log_cannot_say_so(
    post, acme, monkeypatch, gone
):
    def fail(*args, **kwargs):
        raise gone

    monkeypatch.setattr(api, "receive_lead", fail)
    monkeypatch.setattr(api, "refuse_entry", fail)
    answer = post(acme, "leads", GOOD)
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer["Retry-After"] == "1"
