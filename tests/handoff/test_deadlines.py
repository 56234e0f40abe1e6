"""Why a deadline is where it is, and who had the time: on the page and over the API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.errors import Conflict
from handoff import pauses, services
from handoff.deadlines import ledger_of
from handoff.services import Actor
from leads.models import Lead
from sla.explain import explain_timers, timers_of
from sla.models import Timer
from tenants.clock import database_clock, fixed_clock
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of, timer_of

pytestmark = pytest.mark.django_db

BOSS = Actor("key:boss", None, oversees=True)


def get(org: Org, path: str) -> Any:
    return Client().get(f"/api/v1/{path}", headers=org.auth)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_every_clock_adds_up_to_its_duration_over_night_and_pause(acme: Org, now: datetime) -> None:
    evening = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)  # Friday, 17:00 in Berlin
    lead = new_lead(acme, evening, kind="contact_form")
    actor = Actor.person(owner_of(acme, lead))
    with acme.scope():
        pauses.pause_lead(
            lead_id=lead.id,
            reason="waiting_for_lead",
            actor=actor,
            clock=fixed_clock(evening + timedelta(minutes=10)),
        )
        pauses.resume_lead(
            lead_id=lead.id, actor=actor, clock=fixed_clock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
        )
        found = explain_timers(timers_of(handoff_of(acme, lead)), now=evening)
    assert len(found) == 4
    for each in found:
        assert each.total == each.timer.duration_seconds == sum(line.seconds for line in each.lines)
    touch = next(each for each in found if each.timer.clock == "owner" and each.timer.target == "first_touch")
    assert [(line.day.day, line.when, line.seconds, line.note) for line in touch.lines] == [
        (20, "17:00 to 17:10", 600, "Paused 17:10 to 24:00"),
        (21, "", 0, "Saturday: no working hours"),
        (22, "", 0, "Sunday: no working hours"),
        (23, "10:00 to 13:50", 230 * 60, "Paused 00:00 to 10:00"),
    ]
    assert touch.rule
    assert touch.promise == "first touch within 4 hours of working time"


def test_the_page_shows_each_clock_and_the_ledger(acme: Org) -> None:
    lead = new_lead(acme, database_clock())
    said = text_of(browser(owner_of(acme, lead)).get(f"/leads/{lead.id}/deadlines"))
    assert "First touch within 5 minutes of working time." in said
    assert "Hours: Office hours , version 1, Europe/Berlin." in said
    assert "The company's clock" in said
    assert "Who had the time" in said


def test_a_lead_without_a_handoff_says_so(acme: Org) -> None:
    lead = new_lead(acme, database_clock(), kind="page_view")
    assert "No clock has run for this lead." in text_of(
        browser(acme.manager).get(f"/leads/{lead.id}/deadlines")
    )
    assert get(acme, f"leads/{lead.id}/ledger").json()["entries"] == []


def test_a_program_reads_the_sum_and_the_ledger(acme: Org, globex: Org, ruth: Lead, now: datetime) -> None:
    timer = timer_of(acme, ruth, "first_touch")
    answer = get(acme, f"timers/{timer.id}/explain").json()
    assert (answer["total_seconds"], answer["duration_seconds"]) == (300, 300)
    assert answer["days"] == [
        {"day": "2026-11-17", "when": "10:00 to 10:05", "seconds": 300, "total": 300, "note": ""}
    ]
    assert answer["calendar"] == {"name": "Office hours", "version": 1, "time_zone": "Europe/Berlin"}
    ledger = get(acme, f"leads/{ruth.id}/ledger").json()
    assert ledger["entries"][0]["start"] == "2026-11-17T09:00:00Z"
    assert sum(each["seconds"] for each in ledger["entries"]) == pytest.approx(ledger["wall_seconds"])
    assert get(globex, f"timers/{timer.id}/explain").status_code == 404
    assert get(globex, f"leads/{ruth.id}/ledger").status_code == 404


def test_the_ledger_gives_each_owner_their_own_time(acme: Org, ruth: Lead, now: datetime) -> None:
    first = owner_of(acme, ruth)
    with acme.scope():
        services.reassign_lead(
            lead_id=ruth.id, why="Away.", actor=BOSS, clock=fixed_clock(now + timedelta(minutes=20))
        )
        handoff = handoff_of(acme, ruth)
        found = ledger_of(handoff, timers_of(handoff), now=now + timedelta(minutes=50))
    second = owner_of(acme, ruth)
    assert dict(found.sums) == {first.name: 20 * 60, second.name: 30 * 60}


def test_who_had_the_time_is_folded_while_one_person_had_it_all(acme: Org, ruth: Lead, now: datetime) -> None:
    client, path = browser(acme.manager), f"/leads/{ruth.id}/deadlines"
    assert re.search(r'<details class="[^"]*" id="ledger">', client.get(path).content.decode())
    with acme.scope():
        services.reassign_lead(
            lead_id=ruth.id, why="Away.", actor=BOSS, clock=fixed_clock(now + timedelta(minutes=20))
        )
    assert re.search(r'<details class="[^"]*" id="ledger" open>', client.get(path).content.decode())


def test_each_clock_is_headed_by_its_promise(acme: Org, ruth: Lead) -> None:
    page = browser(acme.manager).get(f"/leads/{ruth.id}/deadlines").content.decode()
    assert page.count("<h2>First touch</h2>") == page.count("<h2>Accept or reject</h2>") == 2


def test_the_page_costs_as_many_queries_after_ten_moves_as_after_none(
    acme: Org, ruth: Lead, now: datetime, django_assert_max_num_queries: Any
) -> None:
    client = browser(acme.manager)
    with acme.scope():
        members = [rep.id for rep in acme.reps]
        for number in range(9):
            at = now + timedelta(minutes=number / 10)
            to = next(each for each in members if each != handoff_of(acme, ruth).owner_id)
            services.reassign_lead(lead_id=ruth.id, why="Away.", to=to, actor=BOSS, clock=fixed_clock(at))
        assert Timer.objects.filter(handoff__lead=ruth).count() == 22
    with django_assert_max_num_queries(20):
        assert client.get(f"/leads/{ruth.id}/deadlines").status_code == 200


steps = st.lists(
    st.tuples(st.sampled_from(["pause", "resume", "reassign", "touch", "wait"]), st.integers(1, 600)),
    max_size=8,
)


@example([("pause", 1), ("touch", 1)])  # a clock that is answered while it stands has had its pause
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_after_anything_that_happens_each_sum_equals_its_deadline_to_the_second(
    acme: Org, steps: list[tuple[str, int]]
) -> None:
    at = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
    lead = new_lead(acme, at, kind="contact_form", email=f"p{abs(hash(tuple(steps)))}@okapi.example")
    with acme.scope():
        for step, minutes in steps:
            at += timedelta(minutes=minutes)
            try:
                if step == "pause":
                    pauses.pause_lead(
                        lead_id=lead.id, reason="waiting_for_lead", actor=BOSS, clock=fixed_clock(at)
                    )
                elif step == "resume":
                    pauses.resume_lead(lead_id=lead.id, actor=BOSS, clock=fixed_clock(at))
                elif step == "reassign":
                    services.reassign_lead(lead_id=lead.id, why="Away.", actor=BOSS, clock=fixed_clock(at))
                elif step == "touch":
                    services.log_touch(lead_id=lead.id, kind="call", actor=BOSS, clock=fixed_clock(at))
            except Conflict:
                continue
        handoff = handoff_of(acme, lead)
        timers = timers_of(handoff)
        for each in explain_timers(timers, now=at):
            if each.timer.state != "paused":
                assert each.total == each.timer.duration_seconds
                assert each.lines[-1].seconds >= 0
        found = ledger_of(handoff, timers, now=at + timedelta(seconds=1))
        assert found.wall == (at + timedelta(seconds=1) - handoff.started_at).total_seconds()
