"""The first weeks and months against imported history, and the numbers of outcomes over the API."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from leads.lifecycle import Stage
from leads.models import Handoff, ImportedCycle, Lead
from reporting.baseline.standing import name_baseline
from reporting.models import HandoffFact
from tenants.clock import database_clock
from tests.factories import Org
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db


def fact(at: datetime, **said: Any) -> None:
    HandoffFact.objects.create(id=uuid4(), lead_id=uuid4(), number=1, created_at=at, started_at=at, **said)


def get(org: Org, path: str = "/outcomes") -> Any:
    answer = browser(org.executive).get(path)
    assert answer.status_code == 200, answer.content[-500:]
    return answer


def test_without_history_it_says_that_there_is_no_baseline(in_acme: Org) -> None:
    page = get(in_acme).content.decode()
    assert "No baseline imported yet" in page
    assert "Nothing to compare yet" in page
    fact(database_clock() - timedelta(days=8), touch_verdict="met")
    page = get(in_acme)
    assert "No baseline imported yet" in page.content.decode()
    assert [each.name for each, _ in page.context["weeks"]] == ["Week 1", "Week 2"]


def test_weeks_and_months_stand_beside_what_was_before(in_acme: Org) -> None:
    now = database_clock()
    long_ago, start = now - timedelta(days=400), now - timedelta(days=70)
    fact(
        long_ago,
        is_history=True,
        first_touch_at=long_ago + timedelta(hours=9),
        outcome="lost",
        lost_at=long_ago + timedelta(days=9),
    )
    fact(long_ago, is_history=True)
    fact(start, touch_verdict="met", decision_verdict="missed", decision="accepted")
    later = start + timedelta(days=35)
    fact(later, sql_at=later + timedelta(days=2), amount=500, won_at=later + timedelta(days=10))
    fact(now - timedelta(days=9))
    page = get(in_acme)
    told = [*page.context["weeks"], *page.context["months"]]
    for each, way in told:
        assert bool(way) == bool(each.mqls and each.first), each.name
        if way:
            assert get(in_acme, way).context["count"] == each.mqls, each.name
    (before, _), (first, _), (second, _), *_ = page.context["weeks"]
    assert (before.mqls, before.response.count, before.response.median) == (2, 1, 9 * 3_600)
    assert (before.feedback.count, before.feedback.base) == (1, 2)
    assert (first.in_time.count, first.in_time.base, first.feedback.count) == (1, 2, 1)
    assert second.mqls == 0
    _, (month_two, _), (month_three, _) = page.context["months"]
    assert (month_two.to_sql.count, month_two.to_sql.base, month_two.amount) == (1, 1, 500)
    assert (month_two.wins.count, month_two.wins.base) == (1, 1)
    assert (month_two.cycle.median, month_three.to_sql.left_out) == (10 * 86_400, 1)
    assert get(in_acme, "/outcomes.csv").content.decode().count("\n") == 8
    assert browser(in_acme.reps[0]).get("/outcomes").status_code == 403


def test_programs_read_the_same_numbers(acme: Org) -> None:
    def ask(path: str) -> Any:
        return Client().get(f"/api/v1/{path}", headers=acme.auth)

    with acme.scope():
        at = database_clock() - timedelta(days=100)
        fact(at, touch_seconds=60, first_touch_at=at + timedelta(minutes=1), won_at=at, won_amount=5)
    speed = ask("reports/speed").json()
    assert speed["bands"][0] == {
        "band": "5m",
        "mqls": 1,
        "sql": 1,
        "opportunity": 1,
        "won": 1,
        "won_amount": "5.00",
        "won_without_amount": 0,
    }
    assert speed["within_an_hour"]["sql"]["difference"] is None
    assert ask("reports/speed?follow=7").status_code == 400
    assert ask("reports/pipeline").json()["attribution"] == "handoff"
    assert ask("reports/pipeline?rule=best").json()["errors"][0]["path"] == "/rule"
    changed = Client().patch(
        "/api/v1/organisation/money",
        json.dumps({"attribution": "first"}),
        content_type="application/json",
        headers=acme.auth,
    )
    assert changed.json() == {"currency": "EUR", "attribution": "first"}
    assert ask("reports/pipeline").json()["attribution"] == "first"


def test_what_was_before_is_the_baseline_as_on_every_other_page(in_acme: Org) -> None:
    now, zone = database_clock(), ZoneInfo("Europe/Berlin")
    long_ago, lately = now - timedelta(days=400), now - timedelta(days=100)
    for at, touched in ((long_ago, 9), (lately, 2), (lately, 4)):
        fact(at, is_history=True, first_touch_at=at + timedelta(hours=touched), accepted_at=at)
    # History was watched until it was imported, which is less than the 30 days that MQLs are followed for.
    fact(lately, is_history=True, sql_at=lately + timedelta(days=1))
    early = HandoffFact.objects.get(sql_at__isnull=False)
    lead = Lead.objects.create(first_name="Lea", stage=Stage.MQL, created_at=lately, updated_at=lately)
    handoff = Handoff.objects.create(id=early.id, lead=lead, number=1, started_at=lately, is_history=True)
    ImportedCycle.objects.create(handoff=handoff, known_until=lately + timedelta(days=7))
    assert get(in_acme).context["weeks"][0][0].mqls == 4
    day = lately.astimezone(zone).date()
    named = name_baseline(
        name="Before", first=day, last=day, instead_of=None, zone=zone, actor="test", now=now
    )
    page = get(in_acme)
    before, _ = page.context["weeks"][0]
    assert "3 imported MQLs of the baseline" in page.content.decode()
    assert before.mqls == named.mqls == 3
    numbers = named.numbers
    assert before.response.median == numbers["first_touch"]["median"] == 2 * 3_600
    assert (before.to_sql.count, before.to_sql.base, before.to_sql.left_out) == (0, 2, 1)
    assert (numbers["to_sql"]["count"], numbers["to_sql"]["base"]) == (0, 2)
    told = Client().get("/api/v1/reports/outcomes", headers=in_acme.auth).json()
    assert (told["before"]["mqls"], told["before"]["first"]) == (3, None)


@pytest.mark.parametrize(
    ("address", "said"),
    [("/rejections", "accepted not known"), ("/speed", "untouched after 72 h 0% (of 1)")],
)
def test_the_pages_of_the_same_numbers_say_what_they_were_before(
    in_acme: Org, address: str, said: str
) -> None:
    now, zone = database_clock(), ZoneInfo("Europe/Berlin")
    at = now - timedelta(days=100)
    fact(at, is_history=True, first_touch_at=at + timedelta(hours=2))
    assert "Before, " not in get(in_acme, address).content.decode()
    day = at.astimezone(zone).date()
    name_baseline(name="Before", first=day, last=day, instead_of=None, zone=zone, actor="test", now=now)
    assert said in get(in_acme, address).content.decode()


def test_what_the_files_say_nothing_of_was_not_nothing(in_acme: Org) -> None:
    at = database_clock() - timedelta(days=400)
    fact(at, is_history=True)
    page = get(in_acme)
    before, _ = page.context["weeks"][0]
    shares = (before.feedback, before.to_sql, before.to_opportunity, before.wins)
    assert [(each.base, each.percent) for each in shares] == [(0, None)] * 4
    assert "a dash where the files say nothing of it" in page.content.decode()
    fact(at, is_history=True, sql_at=at + timedelta(days=3), opportunity_at=at + timedelta(days=4))
    before, _ = get(in_acme).context["weeks"][0]
    assert (before.to_sql.count, before.to_opportunity.base, before.feedback.base) == (1, 2, 0)
