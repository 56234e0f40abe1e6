"""What speed is worth: bands of response time, the difference with its interval, and when nothing is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.models import Handoff
from reporting.facts import drain_tenant
from reporting.leaks.finder.statistics import Group
from reporting.models import HandoffFact
from reporting.outcomes.comparing import Moments, compare, slope_within
from reporting.outcomes.speed import speed_lately
from reporting.selectors import Question, sight_of
from tenants.clock import database_clock
from tests.factories import Org
from tests.reporting.scenes import browser, hand_over

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def fact(
    at: datetime, seconds: int | None, *, deal: bool = False, won: int | None = None, **said: Any
) -> None:
    """An MQL that was touched after so many working seconds; None: never."""
    touched = None if seconds is None else at + timedelta(seconds=seconds)
    HandoffFact.objects.create(
        id=said.pop("id", uuid4()),
        lead_id=uuid4(),
        number=1,
        created_at=at,
        started_at=at,
        first_touch_at=touched,
        touch_seconds=seconds,
        opportunity_at=at + timedelta(days=20) if deal else None,
        won_at=at + timedelta(days=25) if won is not None else None,
        won_amount=won,
        **{"source": "Webinar", **said},
    )


def get(org: Org, path: str = "/speed", who: str = "executive") -> Any:
    answer = browser(getattr(org, who)).get(path)
    assert answer.status_code == 200, answer.content[-600:]
    return answer


def bands(page: Any) -> dict[str, tuple[int, int]]:
    return {row["label"]: (row["leads"], row["shares"][1][0].count) for row in page.context["bands"]}


def test_mqls_are_told_by_how_soon_they_were_reached(in_acme: Org) -> None:
    at = database_clock() - timedelta(days=100)
    fact(at, 299, deal=True, won=500)
    fact(at, 300)
    fact(at, 7 * 3_600)
    fact(at, 9 * 3_600, deal=True)
    fact(at, None)
    fact(at, 70 * 86_400)
    HandoffFact.objects.create(
        id=uuid4(), lead_id=uuid4(), number=1, created_at=at, started_at=at, first_touch_at=at
    )
    fact(database_clock() - timedelta(days=59), 10)
    page = get(in_acme)
    assert {label: found for label, found in bands(page).items() if found[0]} == {
        "Under 5 min": (1, 1),
        "5 to 30 min": (1, 0),
        "4 to 8 h": (1, 0),
        "Later": (1, 1),
        "Never": (2, 0),
    }
    assert (page.context["young"], page.context["unclocked"]) == (1, 1)
    assert page.context["bands"][0]["per_lead"] == Decimal(500)
    assert "1 younger than that are left out" in page.content.decode()
    assert get(in_acme, "/speed?follow=30").context["young"] == 0


def test_few_leads_make_no_difference_and_no_price(in_acme: Org) -> None:
    fact(database_clock() - timedelta(days=100), 10, deal=True)
    page = get(in_acme)
    assert [row["text"] for row in page.context["comparisons"]] == ["too few to say"] * 3
    assert page.context["hour_words"][0].startswith("Too few to say: 1 leads")


def test_a_difference_between_sources_is_none_within_them() -> None:
    good, bad = Group(40, 80), Group(4, 80)
    found = compare({"good": good, "bad": Group(1, 20)}, {"good": Group(10, 20), "bad": bad})
    assert found.difference == pytest.approx(27)
    assert found.pooled == pytest.approx(0, abs=0.1)
    assert not found.is_real
    assert found.compared == 200


def test_what_an_hour_costs_is_found_again_and_not_made_up() -> None:
    hours = [(x / 10, 1.0 if (x * 7) % 80 > x else 0.0) for x in range(80)] * 4
    sums = Moments(
        len(hours),
        sum(x for x, _ in hours),
        sum(x * x for x, _ in hours),
        sum(y for _, y in hours),
        sum(y * y for _, y in hours),
        sum(x * y for x, y in hours),
    )
    found = slope_within([sums])
    assert found is not None
    assert found.is_real
    assert -0.15 < found.change < -0.1
    assert slope_within([Moments(5, 5.0, 5.0, 1.0, 1.0, 1.0)]) is None


def test_an_hour_has_a_price_where_there_are_enough(in_acme: Org) -> None:
    at = database_clock() - timedelta(days=100)
    for number in range(120):
        slow = number % 2
        won = not slow and number % 4 == 0
        fact(at, 6 * 3_600 if slow else 600, deal=not slow, won=1_000 if won else None)
    page = get(in_acme)
    deals, money = page.context["hour_words"]
    assert deals.startswith("−17.1 opportunities a hundred leads")
    assert money.startswith("−86 EUR a lead")
    assert page.context["comparisons"][1]["found"].is_real


def test_criteria_that_some_met_and_some_did_not_are_compared(in_acme: Org) -> None:
    at = database_clock() - timedelta(days=100)
    for number in range(70):
        handoff = hand_over(in_acme, at=at)
        states = {"Asked for a demo": number < 35, "Right size": True}
        criteria = [{"label": label, "state": "met" if met else "not_met"} for label, met in states.items()]
        Handoff.objects.filter(id=handoff.id).update(verdict={"met": True, "criteria": criteria})
        fact(at, 60, deal=number < 20, id=handoff.id)
    rows = get(in_acme).context["criteria"]
    assert [(row["label"], row["met"].count, row["unmet"].count) for row in rows] == [
        ("Asked for a demo", 20, 0)
    ]
    assert "+57.1 points" in rows[0]["text"]


def test_the_page_is_for_those_who_answer_for_it_and_says_when_it_is_empty(in_acme: Org) -> None:
    assert "No MQL in this period" in get(in_acme).content.decode()
    assert browser(in_acme.reps[0]).get("/speed").status_code == 403
    assert get(in_acme, "/speed.csv", "manager").content.decode().count("\n") == 10


def test_the_page_costs_as_many_queries_for_many_leads(in_acme: Org) -> None:
    at = database_clock() - timedelta(days=100)
    client = browser(in_acme.executive)
    fact(at, 5)
    client.get("/speed")
    with CaptureQueriesContext(connection) as few:
        client.get("/speed")
    for number in range(30):
        fact(at, number * 600, source=f"Source {number}")
    with CaptureQueriesContext(connection) as many:
        client.get("/speed")
    assert len(few) == len(many) <= 20


def test_a_large_organisation_is_counted_every_ten_minutes_and_the_page_says_of_when(
    in_acme: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = database_clock()
    at = now - timedelta(days=100)
    hand_over(in_acme, at=at, owner=in_acme.reps[0], touched=at + timedelta(minutes=10))
    drain_tenant(in_acme.id)
    question = Question(zone=ZoneInfo("Europe/Berlin"), first=at.date(), last=now.date())
    monkeypatch.setattr("reporting.lately.LARGE", 1)

    def told(moment: datetime, **changes: Any) -> tuple[int, datetime]:
        found = speed_lately(replace(question, **changes), now=moment, follow=60)
        return found.value.leads + found.value.unclocked, found.at

    assert told(now) == (1, now)
    hand_over(in_acme, at=at, owner=in_acme.reps[0], touched=at + timedelta(minutes=20))
    drain_tenant(in_acme.id)
    soon = now + timedelta(minutes=5)
    assert told(soon) == (1, now)
    # Another question, and a reader who sees a part, are counted at once.
    assert told(soon, source="Webinar") == (2, soon)
    assert told(soon, **sight_of(in_acme.manager)) == (2, soon)
    page = browser(in_acme.admin).get("/speed")
    assert "is as of" not in page.content.decode()
    page = browser(in_acme.admin).get("/speed")
    assert "is as of" in page.content.decode()


def test_a_small_organisation_is_always_counted_anew(in_acme: Org) -> None:
    now = database_clock()
    question = Question(
        zone=ZoneInfo("Europe/Berlin"), first=now.date() - timedelta(days=200), last=now.date()
    )
    for number in (1, 2):
        at = now - timedelta(days=100)
        hand_over(in_acme, at=at, owner=in_acme.reps[0], touched=at + timedelta(minutes=10))
        drain_tenant(in_acme.id)
        found = speed_lately(question, now=now, follow=60)
        assert (found.value.leads + found.value.unclocked, found.at) == (number, now)


def test_every_number_of_the_bands_leads_to_exactly_its_leads(in_acme: Org) -> None:
    at = database_clock() - timedelta(days=100)
    for seconds in (0, 299, 300, 1_800, 3_600, 4 * 3_600, 8 * 3_600, 9 * 3_600, 70 * 86_400, None):
        fact(at, seconds, deal=True, won=500)
        fact(at, seconds)
    fact(at, 40)
    HandoffFact.objects.create(  # touched, and no clock measured how soon
        id=uuid4(), lead_id=uuid4(), number=1, created_at=at, started_at=at, first_touch_at=at
    )
    fact(database_clock() - timedelta(days=59), 10)
    page = get(in_acme)
    numbers = 0
    for row in page.context["bands"]:
        assert row["leads"] >= 2, row["label"]
        told = [(row["leads"], row["url"]), *((share.count, way) for share, way in row["shares"])]
        for number, way in told:
            assert bool(way) == bool(number)
            if number:
                assert get(in_acme, way).context["count"] == number, way
                numbers += 1
    assert numbers > 20
    assert "first touch: never" in get(in_acme, page.context["bands"][-1]["url"]).content.decode().lower()
