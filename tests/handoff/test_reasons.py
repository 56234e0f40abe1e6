"""An organisation keeps the reasons that sales may give, on the page and over the API."""

from __future__ import annotations

import json
import re
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connections
from django.test import Client

from feedback import taxonomy
from feedback.models import Disposition, Reason
from leads.models import Lead
from tenants.models import AuditEntry
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, owner_of

pytestmark = pytest.mark.django_db
later_reasons = import_module("feedback.migrations.0006_later_reasons")


def call(org: Org, method: str, path: str, body: Any = None) -> Any:
    return Client().generic(
        method,
        f"/api/v1/{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers=org.auth,
    )


def reason_of(org: Org, slug: str, kind: str = "reject") -> Reason:
    with org.scope():
        return Reason.objects.get(slug=slug, kind=kind)


def actions(org: Org, reason: Reason) -> list[str]:
    with org.scope():
        rows = AuditEntry.objects.filter(object_id=reason.id).order_by("at", "id")
        return list(rows.values_list("action", flat=True))


def test_an_admin_adds_a_reason_that_reps_can_give_at_once(acme: Org, ruth: Lead) -> None:
    page = browser(acme.admin)
    said = {"label": "Student", "hint": "Writes a thesis", "side": "marketing", "leads_to": "disqualified"}
    assert page.post("/feedback/reasons/new?kind=reject", said).status_code == 302
    made = reason_of(acme, "student")
    assert (made.hint, made.leads_to, made.position) == ("Writes a thesis", "disqualified", 4)
    assert actions(acme, made) == ["reason.created"]
    rep = browser(owner_of(acme, ruth))
    assert "Writes a thesis" in rep.get(f"/leads/{ruth.id}/reject").content.decode()
    assert rep.post(f"/leads/{ruth.id}/reject", {"reason": "student"}).status_code == 302
    handoff = handoff_of(acme, ruth)
    assert (handoff.outcome, handoff.lead.stage) == ("rejected", "disqualified")


@pytest.mark.parametrize("role", ["marketing", "manager", "executive"])
def test_others_read_the_reasons_and_change_none(acme: Org, role: str) -> None:
    page = browser(getattr(acme, role))
    shown = page.get("/feedback/reasons")
    assert shown.status_code == 200
    assert b"/retire" not in shown.content
    reason = reason_of(acme, "wrong_title")
    assert page.post(f"/feedback/reasons/{reason.id}/retire").status_code == 403
    assert reason_of(acme, "wrong_title").is_active


def test_a_retired_reason_is_given_no_more_and_keeps_its_name_in_history(acme: Org, ruth: Lead) -> None:
    reason = reason_of(acme, "wrong_title")
    owner = browser(owner_of(acme, ruth))
    assert owner.post(f"/leads/{ruth.id}/reject", {"reason": "wrong_title"}).status_code == 302
    assert browser(acme.admin).post(f"/feedback/reasons/{reason.id}/retire").status_code == 302
    with acme.scope():
        assert Disposition.objects.get().reason == reason
    assert "wrong title" in owner.get(f"/leads/{ruth.id}").content.decode()
    form = owner.get(f"/leads/{ruth.id}/reject").content.decode()
    assert 'value="wrong_title"' not in form
    assert call(acme, "POST", f"reasons/{reason.id}/restore").status_code == 200
    assert actions(acme, reason) == ["reason.retired", "reason.restored"]


def test_the_last_reason_of_a_kind_cannot_be_retired(acme: Org) -> None:
    reason = reason_of(acme, "not_evaluating", "nurture")
    answer = call(acme, "POST", f"reasons/{reason.id}/retire")
    assert answer.status_code == 409
    assert "last reason of its kind" in answer.json()["detail"]
    assert reason_of(acme, "not_evaluating", "nurture").is_active


def test_reasons_of_routing_are_not_enough_to_reject_by(acme: Org) -> None:
    for slug in ("bad_contact_data", "other"):
        assert call(acme, "POST", f"reasons/{reason_of(acme, slug).id}/retire").status_code == 200
    last = reason_of(acme, "wrong_title")
    assert call(acme, "POST", f"reasons/{last.id}/retire").status_code == 409
    assert call(acme, "PATCH", f"reasons/{last.id}", {"side": "routing"}).status_code == 409


def test_a_slug_never_changes_and_is_had_by_one_reason(acme: Org) -> None:
    reason = reason_of(acme, "wrong_title")
    answer = call(acme, "PATCH", f"reasons/{reason.id}", {"slug": "title"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "/slug"
    twice = call(acme, "POST", "reasons", {"kind": "reject", "label": "Titles", "slug": "wrong_title"})
    assert (twice.status_code, twice.json()["errors"][0]["path"]) == (400, "/slug")
    named = call(acme, "POST", "reasons", {"kind": "reject", "label": "wrong TITLE"})
    assert (named.status_code, named.json()["errors"][0]["path"]) == (400, "/label")


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"kind": "lost", "label": "Away", "side": "routing"}, "/side"),
        ({"kind": "lost", "label": "Away", "earns_credit": True}, "/earns_credit"),
        ({"kind": "lost", "label": "Away", "leads_to": "won"}, "/leads_to"),
        ({"kind": "nope", "label": "Away"}, "/kind"),
        ({"kind": "lost", "label": " "}, "/label"),
        ({"kind": "lost", "label": "Away", "slug": "Not A Slug"}, "/slug"),
        ({"kind": "lost", "label": "Away", "hint": "h" * 121}, "/hint"),
    ],
)
def test_what_a_reason_cannot_be_is_refused_at_its_place(acme: Org, said: dict[str, Any], where: str) -> None:
    answer = call(acme, "POST", "reasons", said)
    assert answer.status_code == 400
    assert where in [each["path"] for each in answer.json()["errors"]]


def test_forty_reasons_are_the_most(acme: Org, now: datetime) -> None:
    with acme.scope():
        for number in range(taxonomy.MOST - Reason.objects.count()):
            said = {"label": f"Reason {number}"}
            taxonomy.create_reason(kind="lost", said=said, actor="system", now=now)
    answer = call(acme, "POST", "reasons", {"kind": "lost", "label": "One too many"})
    assert answer.status_code == 409
    assert "retire one first" in answer.json()["detail"]


def test_reasons_are_offered_in_the_order_that_was_chosen(acme: Org, ruth: Lead) -> None:
    page = browser(acme.admin)
    last = reason_of(acme, "other")
    for _ in range(3):
        assert page.post(f"/feedback/reasons/{last.id}/move", {"do": "up"}).status_code == 302
    listed = call(acme, "GET", "reasons?kind=reject").json()["results"]
    assert [each["slug"] for each in listed] == [
        "other",
        "wrong_title",
        "bad_contact_data",
        "wrong_territory",
    ]
    ids = [each["id"] for each in reversed(listed)]
    assert call(acme, "PUT", "reasons/order", {"kind": "reject", "reasons": ids}).status_code == 200
    assert call(acme, "PUT", "reasons/order", {"kind": "reject", "reasons": ids[1:]}).status_code == 400
    form = browser(owner_of(acme, ruth)).get(f"/leads/{ruth.id}/reject").content.decode()
    assert form.index('value="wrong_territory"') < form.index('value="other"')


def test_another_organisations_reason_is_not_there(acme: Org, globex: Org) -> None:
    theirs = reason_of(globex, "wrong_title")
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/retire"), ("POST", "/restore")):
        body = {"label": "Mine"} if method == "PATCH" else None
        assert call(acme, method, f"reasons/{theirs.id}{path}", body).status_code == 404
    assert browser(acme.admin).get(f"/feedback/reasons/{theirs.id}").status_code == 404


def test_lost_and_disqualified_are_answers_with_a_reason(acme: Org, ruth: Lead) -> None:
    owner = str(owner_of(acme, ruth).id)
    assert call(acme, "POST", f"leads/{ruth.id}/accept", {"by": owner}).status_code == 200
    bare = call(acme, "POST", f"leads/{ruth.id}/stage", {"by": owner, "to": "lost"})
    assert (bare.status_code, bare.json()["errors"][0]["path"]) == (400, "/reason")
    wrong = call(acme, "POST", f"leads/{ruth.id}/stage", {"by": owner, "to": "lost", "reason": "no_need"})
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "/reason")
    said = {"by": owner, "to": "lost", "reason": "price"}
    assert call(acme, "POST", f"leads/{ruth.id}/stage", said).status_code == 200
    with acme.scope():
        given = Disposition.objects.select_related("reason").get(kind="lost")
    assert given.reason is not None
    assert (given.reason.slug, str(given.by_id)) == ("price", owner)


def test_a_program_that_says_only_why_gives_the_reason_other(acme: Org, ruth: Lead) -> None:
    call(acme, "POST", f"leads/{ruth.id}/accept", {})
    said = {"to": "disqualified", "why": "A student."}
    assert call(acme, "POST", f"leads/{ruth.id}/stage", said).status_code == 200
    with acme.scope():
        given = Disposition.objects.select_related("reason").get(kind="disqualified")
    assert given.reason is not None
    assert (given.reason.slug, given.note) == ("other", "A student.")


def test_the_page_asks_for_a_reason_of_the_stage_that_is_chosen(acme: Org, ruth: Lead) -> None:
    page = browser(owner_of(acme, ruth))
    page.post(f"/leads/{ruth.id}/accept")
    refused = page.post(f"/leads/{ruth.id}/stage", {"to": "lost", "reason": "disqualified:no_need"})
    assert refused.status_code == 422
    assert "Choose a reason for lost." in refused.content.decode()
    assert page.post(f"/leads/{ruth.id}/stage", {"to": "lost", "reason": "lost:price"}).status_code == 302
    assert handoff_of(acme, ruth).outcome == "lost"


def test_without_a_script_a_reason_is_called_needed_for_the_stage_that_needs_one(
    acme: Org, ruth: Lead
) -> None:
    page = browser(owner_of(acme, ruth))
    page.post(f"/leads/{ruth.id}/accept")
    shown = {
        to: re.sub(r"\s+", " ", page.get(f"/leads/{ruth.id}/stage", {"to": to}).content.decode())
        for to in ("sql", "lost")
    }
    assert "Reason <small>(needed)</small>" in shown["lost"]
    assert "Reason </label>" in shown["sql"]
    assert "Needed for lost and disqualified." in shown["sql"]


def test_progress_is_feedback_that_closes_nothing_and_may_be_given_again(acme: Org, ruth: Lead) -> None:
    owner = str(owner_of(acme, ruth).id)
    for note in ("Talked, call next week.", "Sent the deck."):
        said = call(acme, "POST", f"leads/{ruth.id}/progress", {"by": owner, "note": note})
        assert (said.status_code, said.json()["result"]) == (200, "progressing")
    assert handoff_of(acme, ruth).state == "open"
    with acme.scope():
        assert Disposition.objects.filter(kind="progressing", undone_at=None).count() == 2
    page = browser(acme.marketing).get(f"/leads/{ruth.id}").content.decode()
    assert "Contacted, progressing" in page
    assert "Sent the deck." in page


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_organisations_of_before_get_the_later_reasons_once(acme: Org, globex: Org) -> None:
    for org in (acme, globex):
        with org.scope():
            Reason.objects.filter(kind__in=("lost", "disqualified")).delete()
    with globex.scope():
        Reason.objects.create(kind="lost", slug="price", label="Our own word for it")
    for _ in range(2):
        with connections["owner"].schema_editor(atomic=False) as editor:
            later_reasons.add_reasons(apps, editor)
    for org in (acme, globex):
        with org.scope():
            found = Reason.objects.filter(kind__in=("lost", "disqualified"))
            assert found.count() == len(later_reasons.REASONS)
    assert reason_of(globex, "price", "lost").label == "Our own word for it"
