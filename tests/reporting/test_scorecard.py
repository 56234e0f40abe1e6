"""A rep's scorecard: read with load, days away and mix; seen by the rep and whoever leads them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reporting.models import HandoffFact
from tenants.clock import database_clock
from tenants.models import Leave, Member
from tests.factories import Org
from tests.reporting.scenes import browser, hand_over, second_team, week_of_work

pytestmark = pytest.mark.django_db


def facts(org: Org, member: Member, at: datetime, number: int, accepted: int, source: str) -> None:
    for place in range(number):
        HandoffFact.objects.create(
            id=uuid4(),
            lead_id=uuid4(),
            number=1,
            created_at=at,
            started_at=at,
            member_id=member.id,
            team_id=org.team.id,
            source=source,
            decision="accepted" if place < accepted else "rejected",
            sql_at=at + timedelta(days=9) if place < accepted // 2 else None,
            touches=2,
        )


def card(reader: Member, rep: Member, status: int = 200) -> Any:
    answer = browser(reader).get(f"/reps/{rep.id}/scorecard")
    assert answer.status_code == status, answer.content[-400:]
    return answer


def test_results_are_held_against_what_the_others_made_of_the_same_mix(in_acme: Org) -> None:
    at = database_clock() - timedelta(days=70)
    rep, other = in_acme.reps[:2]
    facts(in_acme, rep, at, 30, 6, "Ebook")
    facts(in_acme, rep, at, 4, 4, "Alone")
    facts(in_acme, other, at, 50, 10, "Ebook")
    facts(in_acme, other, at, 50, 45, "Demo")
    facts(in_acme, rep, database_clock() - timedelta(days=5), 2, 0, "Ebook")
    page = card(in_acme.manager, rep)
    accepted, sql, _ = page.context["held"]
    assert (accepted["own"].count, accepted["own"].base, accepted["left_out"]) == (10, 36, 4)
    assert accepted["expected"] == pytest.approx(6.4)
    assert accepted["words"] == "no more than chance makes"
    assert (sql["own"].count, sql["own"].base) == (5, 34)
    assert (page.context["card"].young, page.context["card"].peers_median) == (2, 100)
    facts(in_acme, rep, at, 60, 58, "Ebook")
    assert card(in_acme.manager, rep).context["held"][0]["words"] == "more than expected"


def test_few_leads_are_held_against_nothing(in_acme: Org) -> None:
    facts(in_acme, in_acme.reps[0], database_clock() - timedelta(days=70), 3, 1, "Ebook")
    page = card(in_acme.reps[0], in_acme.reps[0])
    assert {row["words"] for row in page.context["held"]} == {"too few to compare"}


def test_load_and_days_away_stand_beside_the_numbers(in_acme: Org) -> None:
    now, rep = database_clock(), in_acme.reps[0]
    hand_over(in_acme, at=now - timedelta(days=1), owner=rep)
    for first, last in ((10, 8), (9, 7)):
        Leave.objects.create(
            member=rep, starts_at=now - timedelta(days=first), ends_at=now - timedelta(days=last)
        )
    found = card(in_acme.manager, rep).context["card"]
    assert (found.open_now, found.days, found.days_away) == (1, 90, 4)


def test_promises_kept_are_those_of_the_owner_s_clock(in_acme: Org, now: datetime) -> None:
    week_of_work(in_acme, now)
    page = card(in_acme.admin, in_acme.reps[0])
    assert page.context["clocks"]
    assert page.context["contacted"].base == page.context["card"].mqls


def test_only_the_rep_and_who_leads_them_see_it(in_acme: Org) -> None:
    rep = in_acme.reps[0]
    for reader in (rep, in_acme.manager, in_acme.admin):
        card(reader, rep)
    for reader in (in_acme.reps[1], in_acme.marketing, in_acme.executive):
        card(reader, rep, 404)
    elsewhere, _ = second_team(in_acme)
    Member.objects.filter(id=rep.id).update(team=elsewhere)
    card(in_acme.manager, rep, 404)


def test_it_costs_as_many_queries_for_many_leads(in_acme: Org) -> None:
    rep, client = in_acme.reps[0], browser(in_acme.manager)
    at = database_clock() - timedelta(days=70)
    facts(in_acme, rep, at, 1, 1, "Ebook")
    client.get(f"/reps/{rep.id}/scorecard")
    with CaptureQueriesContext(connection) as few:
        client.get(f"/reps/{rep.id}/scorecard")
    for number in range(12):
        facts(in_acme, in_acme.reps[number % 3], at, 5, 2, f"Source {number}")
    with CaptureQueriesContext(connection) as many:
        client.get(f"/reps/{rep.id}/scorecard")
    assert len(few) == len(many) <= 20
