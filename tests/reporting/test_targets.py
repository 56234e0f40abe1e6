"""Every target that a policy has is in the reports, on either clock, and can be asked for alone."""

from __future__ import annotations

import copy
import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from leads.lifecycle import Stage
from leads.models import Handoff
from reporting.api.compliance import ComplianceView
from reporting.measures import TARGETS
from reporting.views import asked
from sla import targets
from sla.services import arm_stage
from tests.factories import POLICY, Org, make_org
from tests.reporting.scenes import answer, browser, drain, hand_over
from web.throttling import KeyRateThrottle

pytestmark = pytest.mark.django_db

DAYS = {"from": "2026-11-01", "to": "2026-11-17"}
LATER = ("attempts", "sql_decision", "sal_to_won")


@pytest.fixture
def org(db: None, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Org:
    """Two leads from Monday 10:00: attempts within 2 hours, made after 1 and after 3. The first was accepted
    at once, became SQL a quarter of an hour late, and is to be won within two days."""
    KeyRateThrottle.reset()
    monkeypatch.setattr(asked, "database_clock", lambda: now)
    monkeypatch.setattr(ComplianceView, "clock", staticmethod(lambda: now))
    policy: dict[str, Any] = copy.deepcopy(POLICY)
    (form,) = [tier for tier in policy["tiers"] if tier["slug"] == "contact_form"]
    form["targets"] += [
        {
            "target": "attempts",
            "duration": {"minutes": 120},
            "clock": "business",
            "count": 2,
            "channels": 1,
        },
        {"target": "sql_decision", "duration": {"minutes": 60}, "clock": "business"},
        {"target": "sal_to_won", "duration": {"business_days": 2}, "clock": "business"},
    ]
    made = make_org("acme", now=now, policy=policy)
    monday = now - timedelta(days=1)
    with made.scope():
        first, second = (hand_over(made, at=monday, owner=rep) for rep in made.reps[:2])
        answer(first, monday + timedelta(hours=1), "attempts")
        answer(second, monday + timedelta(hours=3), "attempts")
        Handoff.objects.filter(id=first.id).update(accepted_at=monday)
        first.refresh_from_db()
        arm_stage(first, Stage.SAL)
        answer(first, monday + timedelta(minutes=75), "sql_decision")
        drain(made)
    return made


def ask(org: Org, **query: str) -> Any:
    told = Client(headers=org.auth).get("/api/v1/reports/compliance", {**DAYS, **query})
    assert told.status_code == 200, told.content
    return told.json()


@pytest.mark.parametrize("clock", ["company", "owner"])
def test_the_api_tells_of_each_target_that_has_clocks(org: Org, clock: str) -> None:
    told = ask(org, clock=clock)
    assert told["targets"] == ["first_touch", "decision", *LATER]
    assert {
        name: (rate["met"], rate["missed"], rate["left_out"]["open"]) for name, rate in told["total"].items()
    } == {
        "first_touch": (0, 2, 0),
        "decision": (0, 0, 2),
        "attempts": (1, 1, 0),
        "sql_decision": (0, 1, 0),
        "sal_to_won": (0, 0, 1),
    }
    assert all(set(told["targets"]) <= set(row) for row in told["results"])


@pytest.mark.parametrize("clock", ["company", "owner"])
@pytest.mark.parametrize("target", LATER)
def test_each_can_be_asked_for_alone_in_page_file_list_and_api(org: Org, target: str, clock: str) -> None:
    told = ask(org, clock=clock, target=target)
    assert (told["targets"], list(told["total"])) == ([target], [target])
    rate, name = told["total"][target], targets.label(target)
    admin, query = browser(org.admin), {**DAYS, "clock": clock, "target": target, "breaches": "all"}
    page = admin.get("/compliance", query)
    assert page.context["kpis"][0]["label"] == f"{name} on time"
    assert page.context["trend_title"] == f"{name} on time, by day"
    assert f'<option value="{target}" selected>{name}</option>' in page.content.decode()
    assert {row["target"] for row in page.context["breaches"]} == ({name} if rate["missed"] else set())
    assert len(page.context["breaches"]) == rate["missed"]
    for row in page.context["rows"]:
        assert admin.get(row["url"]).context["count"] == row["rate"].all
        assert admin.get(row["missed_url"]).context["count"] == row["rate"].broken
    head, *lines = csv.reader(io.StringIO(admin.get("/compliance.csv", query).content.decode()))
    assert head[1] == f"{name}: on time"
    assert len(head) == 12
    assert sum(int(line[2]) for line in lines) == rate["missed"]
    listed = admin.get("/compliance/leads", query)
    assert listed.context["title"] == f"{name}: every clock"
    assert listed.context["count"] == rate["base"] + rate["left_out"]["open"]


def test_the_whole_page_has_a_line_for_each_and_counts_the_breaches_of_all(org: Org) -> None:
    admin = browser(org.admin)
    page = admin.get("/compliance", {**DAYS, "breaches": "all"})
    lines = {row["name"]: row for row in page.context["targets"]}
    assert list(lines) == [
        "First touch",
        "Accept or reject",
        "Contact attempts",
        "SQL decision",
        "SAL to Won",
    ]
    assert (lines["Contact attempts"]["rate"].kept, lines["Contact attempts"]["rate"].base) == (1, 2)
    assert page.context["broken"] == len(page.context["breaches"]) == 4
    assert admin.get(lines["SQL decision"]["missed_url"]).context["count"] == 1
    assert admin.get(lines["SQL decision"]["url"]).context["kpis"][0]["target"] == "0 of 1"


def test_a_policy_of_two_targets_has_no_such_table(acme: Org, now: datetime) -> None:
    with acme.scope():
        hand_over(acme, at=now, owner=acme.reps[0])
        drain(acme)
    page = browser(acme.admin).get("/compliance", {"from": "2026-11-17", "to": "2026-11-17"})
    assert "Every target" not in page.content.decode()


def test_a_target_without_clocks_counts_nothing(org: Org, globex: Org) -> None:
    for target in TARGETS:
        told = ask(globex, target=target)
        assert (told["results"], told["total"][target]["base"]) == ([], 0)
    for target in set(TARGETS).difference(LATER):
        assert browser(org.admin).get("/compliance", {**DAYS, "target": target}).status_code == 200


def test_what_no_policy_can_have_is_refused(org: Org) -> None:
    told = Client(headers=org.auth).get("/api/v1/reports/compliance", {"target": "mood"})
    assert (told.status_code, told.json()["errors"][0]["path"]) == (400, "/target")
    assert browser(org.admin).get("/compliance", {"target": "mood"}).status_code == 400
