"""Of the leads that a rule gave to somebody, how many were moved on: wrong owners apart from breaches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handoff.services import Actor, reassign_lead, reject_lead
from leads.models import Assignment, Handoff, Lead
from routing.models import Pool
from routing.moved import LEAST_TO_TELL, RuleMoves, moved_by_rule
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import browser, new_lead, owner_of, someone_else
from tests.routing.test_rule_pages import text_of

pytestmark = pytest.mark.django_db

DAYS = {"from": "2026-11-01", "to": "2026-11-30"}


def read(org: Org, now: datetime) -> list[RuleMoves]:
    with org.scope():
        return moved_by_rule(since=now - timedelta(days=1), until=now + timedelta(days=1))


@pytest.fixture
def moved(acme: Org, now: datetime) -> list[Lead]:
    """Six leads of one rule: one refused as not theirs, one moved by hand, one overdue, one left behind."""
    leads = [new_lead(acme, now, f"person{number}@company{number}.example") for number in range(6)]
    clock = fixed_clock(now + timedelta(minutes=1))
    wrong, by_hand, late, behind, *_ = leads
    with acme.scope():
        reject_lead(
            lead_id=wrong.id,
            reason="wrong_territory",
            note="",
            actor=Actor.person(owner_of(acme, wrong)),
            clock=clock,
        )
        reassign_lead(
            lead_id=by_hand.id,
            why="Her field.",
            to=someone_else(acme, by_hand).id,
            actor=Actor.person(acme.manager),
            clock=clock,
        )
        for lead, reason in ((late, "breach"), (behind, "away")):
            Assignment.objects.filter(handoff__lead=lead).update(ended_at=now, end_reason=reason)
    return leads


def test_moves_are_counted_by_what_they_say_of_the_rule(acme: Org, moved: list[Lead], now: datetime) -> None:
    (rule,) = read(acme, now)
    # The one that was refused as not theirs was given to the next by the same rule.
    assert (rule.decisions, rule.moved) == (7, 4)
    assert (rule.wrong_owner, rule.by_hand, rule.breach, rule.leave) == (1, 1, 1, 1)
    assert not rule.is_suspect


def test_what_a_person_chose_and_test_leads_are_in_no_base(
    acme: Org, moved: list[Lead], now: datetime
) -> None:
    with acme.scope():
        Handoff.objects.filter(lead=moved[5]).update(is_test=True)
    (rule,) = read(acme, now)
    assert rule.decisions == 6
    with acme.scope():
        assert moved_by_rule(since=now + timedelta(days=1), until=now + timedelta(days=2)) == []


def test_a_rule_is_worth_a_look_over_one_in_twenty_wrong_owners_and_not_of_a_handful() -> None:
    pool = Pool(name="Inbound")
    many = RuleMoves("A", pool, LEAST_TO_TELL * 2, {"rerouted": 3})
    assert many.is_suspect
    assert not RuleMoves("A", pool, LEAST_TO_TELL * 2, {"rerouted": 2}).is_suspect
    assert not RuleMoves("A", pool, LEAST_TO_TELL - 1, {"rerouted": 10}).is_suspect
    assert not RuleMoves("A", pool, 1000, {"breach": 900}).is_suspect


def test_page_file_and_api_say_the_same(acme: Org, globex: Org, moved: list[Lead], now: datetime) -> None:
    client = browser(acme.manager)
    page = text_of(client.get("/fairness", DAYS))
    assert "Moved on later, by rule" in page
    assert "14.3% (1 of 7)" in page
    (line,) = client.get("/reassignments.csv", DAYS).getvalue().decode().splitlines()[1:]
    assert line.split(",")[2:] == ["7", "1", "1", "1", "1"]

    def call(org: Org, **query: Any) -> Any:
        return Client().get("/api/v1/reports/reassignments", {**DAYS, **query}, headers=org.auth).json()

    (row,) = call(acme)["results"]
    assert (row["decisions"], row["wrong_owner"], row["wrong_owner_share"]) == (7, 1, 0.1429)
    assert (row["breach"], row["leave"], row["by_hand_share"]) == (1, 1, 0.1429)
    assert call(globex)["results"] == []
    assert browser(acme.reps[0]).get("/reassignments.csv").status_code == 403


def test_it_is_read_in_two_statements(acme: Org, moved: list[Lead], now: datetime) -> None:
    with acme.scope(), CaptureQueriesContext(connection) as caught:
        moved_by_rule(since=now - timedelta(days=1), until=now + timedelta(days=1))
    assert len(caught) == 2
