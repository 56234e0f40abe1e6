"""The second rate leaves out clocks whose excuse was approved; the first one never changes by it."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from handoff import excuses
from handoff.services import Actor
from leads.models import Handoff
from reporting.facts import rebuild
from sla.models import Timer
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.reporting.scenes import answer, browser, drain, week_of_work

pytestmark = pytest.mark.django_db


def decide(org: Org, handoff: Handoff, now: datetime, *, approve: bool) -> None:
    """The company's first-touch clock of a handoff gets an excuse, and the admin's answer."""
    clock = fixed_clock(now)
    with org.scope():
        timer = Timer.objects.get(handoff=handoff, clock="company", target="first_touch")
        asker = Actor.person(org.manager)
        made = excuses.ask(timer_id=timer.id, kind="outage", note="Down.", actor=asker, clock=clock)
        answer = excuses.approve if approve else excuses.refuse
        answer(excuse_id=made.id, note="Yes.", actor=Actor.person(org.admin), clock=clock)
        assert drain(org) > 0


def rates(org: Org, **query: str) -> Any:
    answer = Client(headers=org.auth).get("/api/v1/reports/compliance", {"to": "2026-11-17", **query})
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_both_rates_stand_side_by_side_and_a_rebuild_says_the_same(acme: Org, now: datetime) -> None:
    with acme.scope():
        found = week_of_work(acme, now)
    before = rates(acme)["total"]["first_touch"]
    assert (before["excused"], before["rate_without_excused"]) == (0, before["rate"])
    decide(acme, found["late"], now, approve=True)
    after = rates(acme)["total"]["first_touch"]
    assert (after["met"], after["missed"], after["rate"]) == (2, 3, 40.0)
    assert (after["excused"], after["rate_without_excused"]) == (1, 50.0)
    by_rep = {row["key"]: row["first_touch"]["excused"] for row in rates(acme)["results"]}
    assert by_rep[str(acme.reps[0].id)] == 1
    assert rates(acme, clock="owner")["total"]["first_touch"]["excused"] == 0
    rebuild(acme.id)
    assert rates(acme)["total"]["first_touch"] == after


def test_a_refused_excuse_changes_no_rate(acme: Org, now: datetime) -> None:
    with acme.scope():
        found = week_of_work(acme, now)
    decide(acme, found["never"], now, approve=False)
    touch = rates(acme)["total"]["first_touch"]
    assert (touch["excused"], touch["rate_without_excused"]) == (0, touch["rate"])


def test_page_and_file_show_the_second_rate(acme: Org, now: datetime) -> None:
    with acme.scope():
        found = week_of_work(acme, now)
    decide(acme, found["late"], now, approve=True)
    admin = browser(acme.admin)
    days = {"from": "2026-11-01", "to": "2026-11-17"}
    page = admin.get("/compliance", days).content.decode()
    assert "Without 1 excused: 50%" in page
    head, *lines = admin.get("/compliance.csv", {**days, "by": "team"}).content.decode().splitlines()
    cell = dict(zip(head.split(","), lines[0].split(","), strict=True))
    assert cell["First touch: excused"] == "1"
    assert cell["First touch: rate without excused %"] == "50.0"


def test_the_lists_behind_numbers_say_who_is_excused_and_can_be_narrowed(acme: Org, now: datetime) -> None:
    with acme.scope():
        found = week_of_work(acme, now)
    admin = browser(acme.admin)
    days = {"from": "2026-11-01", "to": "2026-11-17", "target": "first_touch"}
    assert 'aria-label="Excused"' not in admin.get("/compliance/leads", days).content.decode()
    decide(acme, found["late"], now, approve=True)

    def listed(**query: str) -> list[tuple[Any, bool]]:
        page = admin.get("/compliance/leads", {**days, **query})
        return [(row["lead"].id, row["excused"]) for row in page.context["rows"]]

    late = found["late"].lead_id
    assert listed(excused="yes") == [(late, True)]
    assert (late, True) in listed(verdict="missed")
    others = listed(excused="no")
    assert len(others) == 5
    assert not any(excused for _, excused in others)
    assert len(listed()) == len(listed(excused="any")) == 6
    page = admin.get("/compliance/leads", {**days, "excused": "no", "verdict": "missed"})
    tabs = {tab["label"]: (tab["current"], admin.get(tab["url"])) for tab in page.context["excused_tabs"]}
    assert {label: (now_, there.context["count"]) for label, (now_, there) in tabs.items()} == {
        "Any": (False, 3),
        "Excused": (False, 1),
        "Not excused": (True, 2),
    }
    file = admin.get(tabs["Any"][1].context["csv_url"]).content.decode().removeprefix("\ufeff")
    cells = csv.DictReader(io.StringIO(file))
    assert sorted(each["Excused"] for each in cells) == ["no", "no", "yes"]
    assert admin.get("/compliance/leads", {**days, "excused": "maybe"}).status_code == 400


def test_a_clock_that_was_mended_has_nothing_left_to_excuse(acme: Org, now: datetime) -> None:
    """The touch was made in time and logged late, after the excuse was approved."""
    with acme.scope():
        found = week_of_work(acme, now)
    decide(acme, found["never"], now, approve=True)
    with acme.scope():
        answer(found["never"], found["never"].started_at + timedelta(minutes=5))
        drain(acme)
    admin = browser(acme.admin)
    query = {"from": "2026-11-01", "to": "2026-11-17", "target": "first_touch"}
    page = admin.get("/compliance/leads", {**query, "excused": "yes"})
    assert page.context["count"] == 0
    lines = admin.get(page.context["csv_url"]).content.decode().splitlines()
    assert len(lines) == 1
    assert admin.get("/compliance/leads", {**query, "excused": "no"}).context["count"] == 6
