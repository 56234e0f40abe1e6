"""Whichever answer was given, it may be taken back for ten seconds; then all is as if it had not been."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.errors import Conflict, NotOwner
from feedback.models import Disposition
from handoff import disputes, pauses, services
from handoff.services import Actor
from leads.models import Assignment, Lead
from notifications.models import OutboxMessage, WebhookEndpoint
from routing.models import Pool, RepLoad
from sla.auditor import audit
from sla.models import Pause, Timer
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, owner_of, someone_else, timer_of

pytestmark = pytest.mark.django_db
AtHand = Callable[[datetime], None]
Answer = Callable[[Org, Lead, datetime], None]


def reject(org: Org, lead: Lead, at: datetime) -> None:
    with org.scope():
        services.reject_lead(lead_id=lead.id, reason="bad_contact_data", **_said(org, lead, at))


def nurture(org: Org, lead: Lead, at: datetime) -> None:
    with org.scope():
        services.nurture_lead(lead_id=lead.id, reason="not_evaluating", **_said(org, lead, at))


def lose(org: Org, lead: Lead, at: datetime) -> None:
    with org.scope():
        said = _said(org, lead, at)
        services.move_to_stage(lead_id=lead.id, to="lost", reason="price", why="", **said)


def disqualify(org: Org, lead: Lead, at: datetime) -> None:
    with org.scope():
        said = _said(org, lead, at)
        services.move_to_stage(lead_id=lead.id, to="disqualified", reason="no_need", why="", **said)


def _said(org: Org, lead: Lead, at: datetime) -> dict[str, Any]:
    return {"actor": Actor.person(owner_of(org, lead)), "clock": fixed_clock(at)}


def accept(org: Org, lead: Lead, at: datetime) -> None:
    with org.scope():
        services.accept_lead(lead_id=lead.id, **_said(org, lead, at))


def undo(org: Org, lead: Lead, at: datetime) -> None:
    with org.scope():
        services.undo_answer(lead_id=lead.id, **_said(org, lead, at))


def standing(org: Org, lead: Lead) -> dict[str, Any]:
    """What an undone answer must leave as it was."""
    handoff = handoff_of(org, lead)
    with org.scope():
        timers = Timer.objects.filter(handoff=handoff).order_by("id")
        columns = (
            "target",
            "clock",
            "state",
            "due_at",
            "next_at",
            "next_step",
            "met_at",
            "closed_at",
            "gaps",
        )
        return {
            "handoff": (handoff.state, handoff.outcome, handoff.closed_at, handoff.owner_id),
            "lead": tuple(Lead.objects.filter(id=lead.id).values_list("stage", "owner_id")),
            "timers": list(timers.values_list(*columns)),
            "spans": list(Assignment.objects.filter(handoff=handoff).values_list("ended_at", "end_reason")),
            "loads": sorted(RepLoad.objects.values_list("member_id", "open_leads")),
            "turns": dict(Pool.objects.values_list("slug", "counters")),
        }


@pytest.mark.parametrize("answer", [reject, nurture, disqualify])
def test_a_lead_that_is_undecided_is_so_again(acme: Org, ruth: Lead, later: datetime, answer: Answer) -> None:
    before = standing(acme, ruth)
    answer(acme, ruth, later)
    assert handoff_of(acme, ruth).state == "closed"
    undo(acme, ruth, later + timedelta(seconds=9))
    assert standing(acme, ruth) == before
    with acme.scope():
        assert Disposition.objects.get().undone_at == later + timedelta(seconds=9)
    for findings in audit(clock=fixed_clock(later + timedelta(seconds=10)), full=True).values():
        assert findings == []
    answer(acme, ruth, later + timedelta(minutes=1))
    assert handoff_of(acme, ruth).state == "closed"


@pytest.mark.parametrize("act", ["answer", "undo"])
def test_a_turn_is_counted_before_the_load_in_the_order_of_routing(
    acme: Org, ruth: Lead, later: datetime, act: str
) -> None:
    """Who routes locks pools first and then loads; the other way round, the two would wait for each other."""
    if act == "undo":
        reject(acme, ruth, later)
    with CaptureQueriesContext(connection) as done:
        if act == "undo":
            undo(acme, ruth, later + timedelta(seconds=9))
        else:
            reject(acme, ruth, later)
    locks = [query["sql"] for query in done if "FOR UPDATE" in query["sql"].upper()]
    pool = min(place for place, sql in enumerate(locks) if "routing_pool" in sql)
    load = min(place for place, sql in enumerate(locks) if "routing_repload" in sql)
    assert pool < load


@pytest.mark.parametrize("answer", [nurture, lose, disqualify])
def test_a_lead_that_was_accepted_and_touched_is_so_again(
    acme: Org, ruth: Lead, now: datetime, later: datetime, answer: Answer
) -> None:
    with acme.scope():
        services.log_touch(lead_id=ruth.id, kind="call", **_said(acme, ruth, now + timedelta(minutes=1)))
    accept(acme, ruth, later)
    before = standing(acme, ruth)
    answer(acme, ruth, later + timedelta(hours=1))
    undo(acme, ruth, later + timedelta(hours=1, seconds=5))
    assert standing(acme, ruth) == before


def test_a_pause_stands_again(acme: Org, ruth: Lead, now: datetime, later: datetime) -> None:
    with acme.scope():
        pauses.pause_lead(
            lead_id=ruth.id,
            reason="waiting_for_lead",
            until=now + timedelta(days=1),
            note="",
            **_said(acme, ruth, now + timedelta(minutes=1)),
        )
    before = standing(acme, ruth)
    reject(acme, ruth, later)
    undo(acme, ruth, later + timedelta(seconds=5))
    assert standing(acme, ruth) == before
    with acme.scope():
        assert Pause.objects.get().ended_at is None


def test_a_decision_that_was_late_stays_late(acme: Org, ruth: Lead) -> None:
    due = timer_of(acme, ruth, "decision").due_at
    reject(acme, ruth, due + timedelta(minutes=1))
    undo(acme, ruth, due + timedelta(minutes=1, seconds=5))
    timer = timer_of(acme, ruth, "decision")
    assert (timer.state, timer.breached_at, timer.closed_at) == ("breached", due, None)


def test_its_message_waits_and_is_taken_back(acme: Org, ruth: Lead, later: datetime) -> None:
    with acme.scope():
        WebhookEndpoint.objects.create(url="https://hooks.example/x", created_at=later)
    reject(acme, ruth, later)
    with acme.scope():
        message = OutboxMessage.objects.get(kind="lead.rejected")
        assert message.not_before == later + timedelta(seconds=10)
    undo(acme, ruth, later + timedelta(seconds=5))
    with acme.scope():
        assert OutboxMessage.objects.get(kind="lead.rejected").state == "expired"


def test_the_page_offers_it_after_each_answer(
    acme: Org, ruth: Lead, later: datetime, at_hand: AtHand
) -> None:
    at_hand(later)
    page = browser(owner_of(acme, ruth))
    way = f"/leads/{ruth.id}/undo"
    for path, said in (
        ("progress", {"note": "Talked."}),
        ("reject", {"reason": "wrong_title"}),
        ("nurture", {"reason": "not_evaluating"}),
    ):
        answer = page.post(f"/leads/{ruth.id}/{path}", said, follow=True)
        assert way in answer.content.decode()
        assert page.post(way).status_code == 302
        assert handoff_of(acme, ruth).state == "open"
    with acme.scope():
        assert Disposition.objects.filter(undone_at__isnull=True).count() == 0
    assert page.post(way).status_code == 409


def test_programs_take_answers_back_too(acme: Org, ruth: Lead) -> None:
    def call(path: str, **body: str) -> Any:
        return Client().post(
            f"/api/v1/leads/{ruth.id}/{path}",
            json.dumps(body),
            content_type="application/json",
            headers=acme.auth,
        )

    owner = str(owner_of(acme, ruth).id)
    assert call("reject", reason="wrong_title", by=owner).status_code == 200
    undone = call("undo", by=owner)
    assert (undone.status_code, undone.json()["result"], undone.json()["stage"]) == (200, "undone", "mql")
    assert undone.json()["handoff"]["state"] == "open"
    assert call("accept", by=owner).status_code == 200
    assert call("undo", by=owner).json()["handoff"]["accepted_at"] is None


def test_it_is_too_late_after_ten_seconds_and_only_ones_own(acme: Org, ruth: Lead, later: datetime) -> None:
    reject(acme, ruth, later)
    with acme.scope(), pytest.raises(NotOwner):
        services.undo_answer(
            lead_id=ruth.id,
            actor=Actor.person(someone_else(acme, ruth)),
            clock=fixed_clock(later + timedelta(seconds=2)),
        )
    with pytest.raises(Conflict, match="10 seconds"):
        undo(acme, ruth, later + timedelta(seconds=16))
    assert handoff_of(acme, ruth).state == "closed"


def test_a_disputed_rejection_stays(acme: Org, ruth: Lead, later: datetime) -> None:
    reject(acme, ruth, later)
    with acme.scope():
        disputes.open_dispute(
            lead_id=ruth.id,
            argument="Good.",
            actor=Actor.person(acme.marketing),
            clock=fixed_clock(later + timedelta(seconds=2)),
        )
    with pytest.raises(Conflict, match="disputed"):
        undo(acme, ruth, later + timedelta(seconds=5))
