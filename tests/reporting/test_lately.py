"""What is counted of many single rows is at most ten minutes old, and says of when it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from leads.models import Handoff, Opportunity
from reporting.lately import Lately, lately
from reporting.models import HandoffFact
from reporting.outcomes.campaigns import new_campaigns_lately
from reporting.outcomes.pipeline import pipeline_lately
from reporting.outcomes.since_start import since_start_lately
from reporting.selectors import (
    Question,
    grounds_of,
    largest_groups,
    load_names,
    report,
    sight_of,
    volume_lately,
)
from tenants.clock import database_clock
from tests.factories import Org
from tests.reporting.scenes import browser, drain, hand_over

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("Europe/Berlin")
SOON, LATER = timedelta(minutes=9), timedelta(minutes=10)
PAGES = ("pipeline", "outcomes", "campaigns", "volume")


class Counting:
    """Gives 1, 2, 3: how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.asked


@pytest.fixture
def read() -> Counting:
    return Counting()


@pytest.fixture
def now() -> datetime:
    return database_clock()


def ask(read: Counting, now: datetime, asked: object = "this", *, rows: int = 20_000, **said: Any) -> Any:
    told = {"seen_by": None, **said}
    return lately("test", asked, read, rows=lambda _: rows, now=now, **told)


def test_of_few_rows_it_is_counted_anew_each_time(in_acme: Org, read: Counting, now: datetime) -> None:
    assert [ask(read, now, rows=19_999).value for _ in range(3)] == [1, 2, 3]


def test_of_many_it_is_kept_for_ten_minutes_and_says_of_when(
    in_acme: Org, read: Counting, now: datetime
) -> None:
    assert ask(read, now) == Lately(1, now)
    assert ask(read, now + SOON) == Lately(1, now)
    assert ask(read, now + LATER) == Lately(2, now + LATER)
    assert ask(read, now + LATER + SOON) == Lately(2, now + LATER)


def test_it_is_said_of_when_it_is_only_where_that_is_not_now(now: datetime) -> None:
    assert Lately(1, now).before(now) is None
    assert Lately(1, now).before(now + SOON) == now


def test_what_was_counted_after_the_moment_that_is_asked_about_is_not_used(
    in_acme: Org, read: Counting, now: datetime
) -> None:
    ask(read, now)
    assert ask(read, now - SOON) == Lately(2, now - SOON)


def test_other_questions_and_other_organisations_have_their_own(
    acme: Org, globex: Org, read: Counting, now: datetime
) -> None:
    with acme.scope():
        assert ask(read, now, "this").value == 1
        assert ask(read, now, "that").value == 2
        assert lately("other", "this", read, rows=20_000, now=now, seen_by=None).value == 3
    with globex.scope():
        assert ask(read, now, "this").value == 4
    with acme.scope():
        assert ask(read, now, "this").value == 1


def test_a_reader_who_sees_a_part_is_always_answered_anew_and_their_part_is_not_kept(
    in_acme: Org, read: Counting, now: datetime
) -> None:
    part = {"seen_by": in_acme.manager}
    assert [ask(read, now, **part).value for _ in range(2)] == [1, 2]
    assert ask(read, now).value == 3
    assert ask(read, now, **part).value == 4


def test_a_number_that_is_known_before_decides_whether_what_is_kept_is_looked_at(
    in_acme: Org, read: Counting, now: datetime
) -> None:
    def told(rows: int) -> int:
        return lately("test", "this", read, rows=rows, now=now, seen_by=None, large=5).value

    assert [told(5), told(5), told(4), told(5)] == [1, 1, 2, 1]


# --- The reports --------------------------------------------------------------------------------------------


def add(org: Org, at: datetime) -> None:
    """One MQL of a campaign, with an open deal."""
    handoff: Handoff = hand_over(org, at=at, owner=org.reps[0], campaign="Spring")
    Opportunity.objects.create(
        lead=handoff.lead, handoff=handoff, amount=100, currency="EUR", opened_at=at, updated_at=at
    )
    drain(org)


def _pipeline(now: datetime, **sight: Any) -> tuple[int, datetime]:
    question = Question(zone=ZONE, first=now.date() - timedelta(days=30), last=now.date(), **sight)
    found = pipeline_lately(question, rule="handoff", by="source", currency="EUR", now=now)
    return found.value.whole.open.deals, found.at


def _volume(now: datetime, **sight: Any) -> tuple[int, datetime]:
    question = Question(zone=ZONE, first=now.date() - timedelta(days=30), last=now.date(), **sight)
    found = volume_lately(question, "source", names=load_names(), now=now)
    return sum(row.mqls for row in found.value), found.at


def _outcomes(now: datetime) -> tuple[int, datetime]:
    found = since_start_lately(zone=ZONE, currency="EUR", now=now)
    return found.value.mqls, found.at


def _campaigns(now: datetime) -> tuple[int, datetime]:
    found = new_campaigns_lately(now=now)
    return sum(each.mqls for each in found.value), found.at


REPORTS = {"pipeline": _pipeline, "volume": _volume, "outcomes": _outcomes, "campaigns": _campaigns}


@pytest.fixture
def noon() -> datetime:
    """So that ten minutes end on the same day."""
    return database_clock().replace(hour=11, minute=0) - timedelta(days=1)


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_large_organisation_s_report_is_counted_every_ten_minutes(
    in_acme: Org, noon: datetime, monkeypatch: pytest.MonkeyPatch, report: Callable[..., Any]
) -> None:
    monkeypatch.setattr("reporting.lately.LARGE", 1)
    at = noon - timedelta(days=2)
    add(in_acme, at)
    assert report(noon) == (1, noon)
    add(in_acme, at)
    assert report(noon + SOON) == (1, noon)
    assert report(noon + LATER) == (2, noon + LATER)


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_small_organisation_s_report_is_counted_anew_each_time(
    in_acme: Org, noon: datetime, report: Callable[..., Any]
) -> None:
    for number in (1, 2):
        add(in_acme, noon - timedelta(days=2))
        assert report(noon) == (number, noon)


@pytest.mark.parametrize("report", [_pipeline, _volume])
def test_a_manager_s_part_is_counted_anew_each_time(
    in_acme: Org, noon: datetime, monkeypatch: pytest.MonkeyPatch, report: Callable[..., Any]
) -> None:
    monkeypatch.setattr("reporting.lately.LARGE", 1)
    for number in (1, 2):
        add(in_acme, noon - timedelta(days=2))
        assert report(noon + number * LATER / 4, **sight_of(in_acme.manager))[0] == number


def test_other_campaigns_of_a_list_that_goes_on_are_counted_for_themselves(
    in_acme: Org, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporting.lately.LARGE", 1)
    for name in ("First", "Second"):
        at = noon - timedelta(days=2)
        HandoffFact.objects.create(
            id=uuid4(), lead_id=uuid4(), number=1, created_at=at, started_at=at, campaign=name
        )
    first = new_campaigns_lately(now=noon, most=1).value[0]
    rest = new_campaigns_lately(now=noon + SOON, most=1, behind=(first.began_at, first.name))
    assert [each.name for each in rest.value] == ["Second"]


def test_no_new_campaign_among_many_handoffs_is_kept_as_well(
    in_acme: Org, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporting.lately.LARGE", 1)
    hand_over(in_acme, at=noon - timedelta(days=2), owner=in_acme.reps[0])
    drain(in_acme)
    assert new_campaigns_lately(now=noon) == Lately([], noon)
    assert new_campaigns_lately(now=noon + SOON) == Lately([], noon)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_and_the_call_say_of_when_they_are(
    in_acme: Org, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def page(who: str = "marketing") -> str:
        answer = browser(getattr(in_acme, who)).get(f"/{name}")
        assert answer.status_code == 200
        return str(answer.content.decode())

    def call() -> datetime:
        answer = Client(headers=in_acme.auth).get(f"/api/v1/reports/{name}")
        assert answer.status_code == 200, answer.content
        return datetime.fromisoformat(answer.json()["as_of"])

    words = "counted every ten minutes"
    add(in_acme, database_clock() - timedelta(days=2))
    assert words not in page() + page()
    assert call() < call()
    monkeypatch.setattr("reporting.lately.LARGE", 1)
    assert words not in page()
    assert words in page()
    assert call() == call()
    if name in ("pipeline", "volume"):  # a manager sees a part of these
        assert words not in page("manager") + page("manager")


@pytest.mark.parametrize("path", ["volume/leads", "leaks/leads", "kpis/leads?which=young"])
def test_a_long_list_s_number_is_kept_and_the_page_says_of_when(
    in_acme: Org, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    at = database_clock() - timedelta(days=4)

    def page(who: str = "marketing", path: str = path) -> tuple[int, bool]:
        answer = browser(getattr(in_acme, who)).get(f"/{path}")
        assert answer.status_code == 200
        return answer.context["count"], "counted every ten minutes" in answer.content.decode()

    add(in_acme, at)
    assert (page(), page()) == ((1, False), (1, False))
    monkeypatch.setattr("reporting.lately.LARGE", 1)
    assert page() == (1, False)
    add(in_acme, at)
    assert page() == (1, True)
    assert page("manager") == (2, False)  # who sees a part
    if "kpis" not in path:  # another question
        assert page(path=f"{path}?source=Webinar") == (2, False)


def test_which_campaigns_are_the_largest_is_kept_but_what_is_counted_of_them_is_not(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporting.lately.LARGE", 2)
    monkeypatch.setattr("reporting.selectors.numbers.MOST_GROUPS", 2)
    question = Question(zone=ZONE, first=now.date() - timedelta(days=30), last=now.date() + timedelta(days=1))

    def told(at: datetime) -> dict[Any, int]:
        grounds = grounds_of(question, "campaign")
        largest = largest_groups(question, "campaign", grounds, now=at)
        names, ground = load_names(), grounds[0]
        found = report(question, "campaign", now=now, names=names, ground=ground, largest=largest)
        return {group.key: group.rates["first_touch"].all for group in found.groups}

    with acme.scope():
        for campaign, count in (("A", 3), ("B", 2), ("C", 1)):
            for _ in range(count):
                hand_over(acme, at=now - timedelta(days=2), owner=acme.reps[0], campaign=campaign)
        drain(acme)
        assert told(now) == {"A": 3, "B": 2}
        for _ in range(4):
            hand_over(acme, at=now - timedelta(days=1), owner=acme.reps[0], campaign="C")
        hand_over(acme, at=now - timedelta(days=1), owner=acme.reps[0], campaign="B")
        drain(acme)
        assert told(now + SOON) == {"A": 3, "B": 3}
        assert told(now + LATER) == {"A": 3, "C": 5}
