"""Compliance as agreed, and as if no pause had stopped a clock: page, files, lists and API say the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from reporting.api.compliance import ComplianceView
from reporting.facts import rebuild
from reporting.measures import Verdict, is_verdict, verdict_of
from reporting.models import TargetFact
from reporting.views import asked
from sla.services import cancel
from tests.factories import Org
from tests.reporting.scenes import answer, browser, drain, hand_over, pause
from web.throttling import KeyRateThrottle

pytestmark = pytest.mark.django_db

DAYS = {"from": "2026-11-01", "to": "2026-11-17"}
HOUR = timedelta(hours=1)


@pytest.fixture
def morning(acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Monday 09:00 in Berlin, when the office opens; it is read on Tuesday at 10:00."""
    KeyRateThrottle.reset()
    monkeypatch.setattr(asked, "database_clock", lambda: now)
    monkeypatch.setattr(ComplianceView, "clock", staticmethod(lambda: now))
    return now - timedelta(days=1, hours=1)


@pytest.fixture
def paused_week(acme: Org, morning: datetime, now: datetime) -> Org:
    """Promised within four working hours, on Monday from 09:00:

    kept        touched at 10:00, never paused
    helped      paused 10:00 to 12:00, touched at 14:00: in time, since 13:00 had become 15:00
    early       paused 10:00 to 12:00, touched at 13:00, when it would have been due without the pause
    spared      paused 10:00 to 12:00, closed at 14:00: called off, before 15:00
    waiting     paused at 10:00, and still is
    """
    with acme.scope():
        one, two = acme.reps[:2]
        found = {name: hand_over(acme, at=morning, owner=one) for name in ("helped", "early", "spared")}
        found["kept"] = hand_over(acme, at=morning, owner=two, touched=morning + HOUR)
        found["waiting"] = hand_over(acme, at=morning, owner=two)
        for name in ("helped", "early", "spared"):
            pause(found[name], at=morning + HOUR, until=morning + 3 * HOUR)
        pause(found["waiting"], at=morning + HOUR, until=now + HOUR, go_on=False)
        answer(found["helped"], morning + 5 * HOUR)
        answer(found["early"], morning + 4 * HOUR)
        cancel([found["spared"].id], reason="closed", now=morning + 5 * HOUR)
        acme.extra = found
        drain(acme)
    return acme


def ask(org: Org, **query: str) -> Any:
    told = Client(headers=org.auth).get("/api/v1/reports/compliance", {**DAYS, **query})
    assert told.status_code == 200, told.content
    return told.json()


def touch(org: Org, **query: str) -> dict[str, Any]:
    rate: dict[str, Any] = ask(org, **query)["total"]["first_touch"]
    return rate


@pytest.mark.parametrize("clock", ["company", "owner"])
def test_ignoring_pauses_judges_by_the_deadline_without_them(paused_week: Org, clock: str) -> None:
    agreed = touch(paused_week, clock=clock)
    assert (agreed["met"], agreed["missed"]) == (3, 0)
    assert agreed["left_out"] == {"open": 1, "cancelled": 1}
    ignoring = touch(paused_week, clock=clock, pauses="ignored")
    assert (ignoring["met"], ignoring["missed"], ignoring["rate"]) == (2, 3, 40.0)
    assert ignoring["left_out"] == {"open": 0, "cancelled": 0}


def test_the_time_of_a_pause_is_part_of_the_response_time_then(paused_week: Org) -> None:
    assert touch(paused_week)["p90_business_seconds"] == 3 * 3_600
    ignoring = touch(paused_week, pauses="ignored")
    assert (ignoring["answered"], ignoring["p90_business_seconds"]) == (3, 5 * 3_600)


def test_facts_and_roll_ups_agree_and_a_rebuild_says_the_same(paused_week: Org) -> None:
    """A source that is asked for together with a rep is counted from the facts."""
    by_rep = ask(paused_week, by="rep", pauses="ignored")
    rep = str(paused_week.reps[0].id)
    (row,) = [each for each in by_rep["results"] if each["key"] == rep]
    page = browser(paused_week.admin).get(
        "/compliance", {**DAYS, "by": "source", "rep": rep, "source": "Webinar", "pauses": "ignored"}
    )
    (line,) = page.context["rows"]
    assert (line["rate"].kept, line["rate"].broken) == (row["first_touch"]["met"], 2) == (1, 2)
    rebuild(paused_week.id)
    assert ask(paused_week, by="rep", pauses="ignored") == by_rep


def test_time_alone_breaks_a_paused_clock_where_pauses_are_ignored(
    acme: Org, morning: datetime, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would have been due on Monday at 13:00; nobody drains anything in between."""
    with acme.scope():
        pause(hand_over(acme, at=morning, owner=acme.reps[0]), at=morning + HOUR, until=now, go_on=False)
        drain(acme)
    seen = []
    for at in (morning + 4 * HOUR, morning + 4 * HOUR + timedelta(microseconds=1)):
        monkeypatch.setattr(ComplianceView, "clock", staticmethod(lambda at=at: at))
        seen.append([touch(acme, pauses=how)["missed"] for how in ("counted", "ignored")])
    assert seen == [[0, 0], [0, 1]]


def test_a_deadline_at_closing_time_stays_there(acme: Org, morning: datetime) -> None:
    """From 13:30 on, due at 17:30 without its pause: an answer in the evening is late, though no working time
    passed after 17:30."""
    with acme.scope():
        begun = morning + 4.5 * HOUR
        handoff = hand_over(acme, at=begun, owner=acme.reps[0])
        pause(handoff, at=begun + HOUR, until=begun + 2 * HOUR)
        answer(handoff, begun + 5 * HOUR)
        drain(acme)
        fact = TargetFact.objects.get(handoff=handoff, clock="company", target="first_touch")
        assert fact.plain_due_at == begun + 4 * HOUR
        assert fact.business_seconds + fact.paused_seconds == 4 * 3_600
    assert touch(acme)["met"] == 1
    assert touch(acme, pauses="ignored")["missed"] == 1


def test_a_pause_outside_working_hours_changes_nothing(acme: Org, morning: datetime) -> None:
    with acme.scope():
        handoff = hand_over(acme, at=morning + 6 * HOUR, owner=acme.reps[0])
        pause(handoff, at=morning + 9 * HOUR, until=morning + 20 * HOUR)
        answer(handoff, morning + 24 * HOUR + HOUR)
        drain(acme)
        fact = TargetFact.objects.get(handoff=handoff, clock="company", target="first_touch")
        assert (fact.plain_due_at, fact.paused_seconds) == (fact.due_at, 0)
    assert touch(acme, pauses="ignored") == touch(acme)


def test_the_page_asks_only_where_something_was_paused(
    acme: Org, globex: Org, morning: datetime, now: datetime
) -> None:
    with acme.scope():
        handoff = hand_over(acme, at=morning, owner=acme.reps[0])
        drain(acme)
    admin = browser(acme.admin)
    assert 'name="pauses"' not in admin.get("/compliance", DAYS).content.decode()
    with acme.scope():
        pause(handoff, at=morning + HOUR, until=morning + 2 * HOUR)
        drain(acme)
    page = admin.get("/compliance", DAYS).content.decode()
    assert '<option value="counted" selected>Counted as agreed</option>' in page
    assert 'name="pauses"' not in admin.get("/compliance", {**DAYS, "to": "2026-11-10"}).content.decode()
    assert 'name="pauses"' not in browser(globex.admin).get("/compliance", DAYS).content.decode()


def test_page_file_and_lists_follow_the_switch(paused_week: Org) -> None:
    admin = browser(paused_week.admin)
    page = admin.get("/compliance", {**DAYS, "pauses": "ignored", "by": "team"})
    card = page.context["kpis"][0]
    assert (card["value"], card["target"]) == ("40", "2 of 5")
    assert "as if no clock had been paused" in page.content.decode()
    assert page.context["unanswered"] == len(page.context["breaches"])
    (row,) = page.context["rows"]
    late = admin.get(row["missed_url"])
    assert late.context["count"] == row["rate"].broken == 3
    assert "Pauses ignored" in late.content.decode()
    assert "without its pause" in late.content.decode()
    assert admin.get(card["url"]).context["count"] == 5
    table = admin.get("/compliance.csv", {**DAYS, "pauses": "ignored", "by": "team"})
    head, line = csv.reader(io.StringIO(table.content.decode().removeprefix("\ufeff")))
    assert dict(zip(head, line, strict=True))["First touch: late"] == "3"
    listed = admin.get(late.context["csv_url"]).content.decode().removeprefix("\ufeff")
    clocks = list(csv.DictReader(io.StringIO(listed)))
    assert {each["Verdict"] for each in clocks} == {"late"}
    assert sorted(each["Paused seconds"] for each in clocks) == ["", "", "7200"]


@pytest.mark.parametrize("ignoring", [False, True])
@pytest.mark.parametrize("moved", [timedelta(), 3 * HOUR, timedelta(days=-1), timedelta(days=30)])
def test_one_fact_at_hand_counts_as_the_database_counts_it(
    paused_week: Org, now: datetime, ignoring: bool, moved: timedelta
) -> None:
    with paused_week.scope():
        seen: dict[Any, list[Verdict]] = {}
        for verdict in Verdict:
            for fact in TargetFact.objects.filter(is_verdict(verdict, now + moved, ignore_pauses=ignoring)):
                seen.setdefault(fact.id, []).append(verdict)
        assert seen == {
            fact.id: [verdict_of(fact, now + moved, ignore_pauses=ignoring)]
            for fact in TargetFact.objects.all()
        }


def test_a_word_that_is_none_is_refused(paused_week: Org) -> None:
    told = Client(headers=paused_week.auth).get("/api/v1/reports/compliance", {"pauses": "maybe"})
    assert (told.status_code, told.json()["errors"][0]["path"]) == (400, "/pauses")
    page: Callable[..., Any] = browser(paused_week.admin).get
    assert page("/compliance", {"pauses": "maybe"}).status_code == 400
