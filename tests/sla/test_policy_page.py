"""The SLA page: the policy in sentences, leads by tier, and the versions so far."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from leads.criteria import SCHEMA
from leads.models import Handoff, Lead
from sla import words
from sla.models import PolicyVersion
from sla.tiers import Duration, parse_policy
from tenants.clock import database_clock
from tenants.models import Member
from tests.factories import POLICY, Org


def as_(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def page_of(member: Member) -> str:
    """What a reader sees: tags out, white space folded."""
    response = as_(member).get("/policy")
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def make_leads(org: Org, count: int, *, tier: str, days: int, history: bool = False) -> None:
    at = database_clock() - timedelta(days=days)
    for number in range(count):
        lead = Lead.objects.create(
            email=f"{tier}{days}-{number}@customer.example", stage="mql", created_at=at, updated_at=at
        )
        Handoff.objects.create(lead=lead, number=1, started_at=at, tier=tier, is_history=history)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["admin", "manager", "rep", "marketing", "executive"])
def test_every_role_reads_the_policy_in_force(acme: Org, role: str) -> None:
    page = page_of(acme.reps[0] if role == "rep" else getattr(acme, role))
    assert "Version 1, in force since" in page
    assert (
        "Demo request First touch within 5 minutes of working time; accept or reject within 1 business day."
        in page
    )
    assert "For: Demo request at least once within 30 days" in page
    assert "First touch by the end of the working day; accept" in page
    assert "For: Everyone else" in page
    assert "At 80% of the time the manager is warned." in page
    assert "At the deadline (100%) the manager is told and the lead moves to the next person." in page
    assert "First touch is a call, e-mail, meeting, LinkedIn message or text message." in page
    assert "its new owner gets the full time again" in page


@pytest.mark.django_db
def test_a_visitor_does_not_and_nothing_is_posted_here(acme: Org) -> None:
    assert Client().get("/policy").status_code == 302
    assert as_(acme.admin).post("/policy", {"x": "1"}).status_code == 405


@pytest.mark.django_db
def test_leads_of_thirty_days_are_counted_by_tier(acme: Org, globex: Org) -> None:
    with acme.scope():
        make_leads(acme, 3, tier="demo_request", days=1)
        make_leads(acme, 4, tier="demo_request", days=31)
        make_leads(acme, 5, tier="demo_request", days=2, history=True)
        make_leads(acme, 1, tier="content", days=29)
        make_leads(acme, 2, tier="tier_of_old", days=3)
    with globex.scope():
        make_leads(globex, 7, tier="demo_request", days=1)
    page = page_of(acme.manager)
    assert re.search(r"Demo request at least once within 30 days 3 leads", page)
    assert re.search(r"Pricing page at least once within 30 days 0 leads", page)
    assert "Everyone else 1 lead " in page
    assert "2 more leads in 30 days, in tiers of earlier versions or in none." in page


@pytest.mark.django_db
def test_the_history_names_who_published(acme: Org, globex: Org) -> None:
    with acme.scope():
        now = database_clock()
        PolicyVersion.objects.update(state="retired")
        PolicyVersion.objects.create(
            number=2,
            state="published",
            content={**POLICY, "on_reassign": "continue", "responses": ["email"]},
            created_at=now,
            created_by="system",
            published_at=now,
            published_by=f"member:{acme.admin.id}",
        )
        PolicyVersion.objects.create(
            number=3, content=POLICY, created_at=now, created_by=f"member:{globex.admin.id}"
        )
    page = page_of(acme.marketing)
    assert "Version 2, in force since" in page
    assert re.search(r"2 In force [^A]* by Ada Acme 1 Retired .* by the set-up", page)
    assert "3 Draft Not yet" in page
    assert "First touch is an e-mail." in page
    assert "has the time that is left" in page
    assert "Globex" not in page


@pytest.mark.django_db
def test_without_a_policy_or_with_one_that_makes_no_sense_the_page_stands(acme: Org) -> None:
    with acme.scope():
        PolicyVersion.objects.update(state="draft")
    assert "No version is in force yet" in page_of(acme.manager)
    with acme.scope():
        PolicyVersion.objects.create(
            number=2, state="published", content={}, created_at=database_clock(), created_by="system"
        )
    assert "cannot be read any more" in page_of(acme.manager)


@pytest.mark.django_db
def test_the_page_costs_the_same_for_any_history(acme: Org) -> None:
    client = as_(acme.manager)
    client.get("/policy")
    with CaptureQueriesContext(connection) as few:
        client.get("/policy")
    assert len(few) <= 19
    with acme.scope():
        for number in range(2, 12):
            PolicyVersion.objects.create(
                number=number, content=POLICY, created_at=database_clock(), created_by="system"
            )
        make_leads(acme, 20, tier="demo_request", days=1)
    with CaptureQueriesContext(connection) as many:
        client.get("/policy")
    assert len(many) == len(few)


@pytest.mark.parametrize(
    "unit, amount, wall, said",
    [
        ("minutes", 5, False, "within 5 minutes of working time"),
        ("minutes", 60, False, "within 1 hour of working time"),
        ("minutes", 90, True, "within 1 hour 30 minutes by the wall clock"),
        ("seconds", 12, False, "within 12 seconds of working time"),
        ("seconds", 90, False, "within 1 minute 30 seconds of working time"),
        ("seconds", 120, False, "within 2 minutes of working time"),
        ("business_days", 1, False, "within 1 business day"),
        ("business_days", 3, False, "within 3 business days"),
        ("end_of_day", 0, False, "by the end of the working day"),
        ("end_of_day", 2, False, "by the end of the working day 2 business days later"),
    ],
)
def test_durations_in_words(unit: Any, amount: int, wall: bool, said: str) -> None:
    assert words.duration_words(Duration(unit, amount), wall=wall) == said


def test_a_breach_that_is_only_recorded_is_said() -> None:
    policy = parse_policy({**POLICY, "ladder": [{"at": 100, "actions": []}]}, SCHEMA)
    assert [words.step_words(step) for step in policy.ladder] == [
        "At the deadline (100%) the breach is recorded."
    ]
