"""The funnel and rejections as people see them: numbers that lead to their leads, files, empty pages."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from feedback.models import Disposition, Reason
from leads.models import Handoff, Lead
from leads.services import mark_dirty
from reporting.facts import drain_tenant
from tenants.clock import database_clock
from tests.factories import Org
from tests.reporting.scenes import browser, hand_over

pytestmark = pytest.mark.django_db


def decide(handoff: Handoff, kind: str, at: datetime, reason: str = "") -> None:
    found = Reason.objects.get(kind="reject", slug=reason) if reason else None
    Disposition.objects.create(handoff=handoff, kind=kind, at=at, actor="x", reason=found)
    if kind == "accepted":
        Handoff.objects.filter(id=handoff.id).update(accepted_at=at)
    else:
        Handoff.objects.filter(id=handoff.id).update(state="closed", outcome=kind, closed_at=at)
    mark_dirty([handoff.id], at)


@pytest.fixture
def scene(in_acme: Org) -> Org:
    """Ten MQLs of two sources forty days ago: four accepted, of which one won without a word in between;
    three rejected; three without an answer."""
    now = database_clock()
    at = now - timedelta(days=40)
    reasons = list(Reason.objects.filter(kind="reject", side="marketing").order_by("slug"))
    for number in range(10):
        handoff = hand_over(
            in_acme,
            at=at,
            owner=in_acme.reps[number % 2],
            source="Webinar" if number < 6 else "Partner",
            campaign=f"Campaign {number}",
        )
        if number < 4:
            decide(handoff, "accepted", at + timedelta(hours=2))
        elif number < 7:
            decide(handoff, "rejected", at + timedelta(hours=3), reasons[number % 2].slug)
        if number == 0:
            Handoff.objects.filter(id=handoff.id).update(sql_at=at + timedelta(days=3))
        if number == 1:
            Handoff.objects.filter(id=handoff.id).update(opportunity_at=at + timedelta(days=35))
    drain_tenant(in_acme.id)
    return in_acme


def get(org: Org, path: str, who: str = "executive") -> Any:
    answer = browser(getattr(org, who) if who != "rep" else org.reps[0]).get(path)
    assert answer.status_code == 200, answer.content[-600:]
    return answer


def test_a_later_stage_counts_as_reached_for_the_earlier_ones(scene: Org) -> None:
    bars = {bar["label"]: bar["count"] for bar in get(scene, "/funnel").context["bars"]}
    assert bars == {"MQL": 10, "SAL": 4, "SQL": 2, "Opportunity": 1, "Won": 0}


def test_followed_for_thirty_days_what_came_later_does_not_count(scene: Org) -> None:
    page = get(scene, "/funnel?follow=30")
    assert {bar["label"]: bar["count"] for bar in page.context["bars"]}["SQL"] == 1
    assert page.context["left_out"] == 0
    young = get(scene, "/funnel?follow=60")
    assert young.context["left_out"] == 10
    assert "10 younger than that are left out" in young.content.decode()
    assert young.context["overall"].percent is None


def test_every_number_of_the_funnel_leads_to_its_leads(scene: Org) -> None:
    page = get(scene, "/funnel")
    for bar in page.context["bars"]:
        assert get(scene, bar["url"]).context["count"] == bar["count"]
        if bar["lost_url"]:
            assert get(scene, bar["lost_url"]).context["count"] == bar["lost"]
    for row in page.context["rows"]:
        for cell in row["cells"]:
            assert get(scene, cell["url"]).context["count"] == cell["count"]
    for row in page.context["durations"]:
        assert get(scene, row["url"]).context["count"] == row["spread"].count
    for row in page.context["contact"][:2]:
        assert get(scene, row["url"]).context["count"] == row["share"].count
    for row in page.context["cohorts"]:
        for cell in row["cells"]:
            if cell["state"] == "shown":
                assert get(scene, cell["url"]).context["count"] == cell["reached"]


def test_cohorts_show_only_weeks_that_all_have_been_followed_for(scene: Org) -> None:
    (row,) = get(scene, "/funnel").context["cohorts"]
    assert row["mqls"] == 10
    assert [cell["state"] for cell in row["cells"][:5]] in (["shown"] * 4 + ["ahead"], ["shown"] * 5)
    assert [cell["percent"] for cell in row["cells"][:2]] == [10, 10]


def test_every_number_of_rejections_leads_to_its_leads(scene: Org) -> None:
    page = get(scene, "/rejections")
    assert page.context["rejected"] == 3
    assert sum(row["count"] for row in page.context["reasons"]) == 3
    for row in page.context["reasons"]:
        assert get(scene, row["url"]).context["count"] == row["count"]
        for cell in row["cells"]:
            assert get(scene, cell["url"]).context["count"] == cell["count"]
    for row in page.context["rows"]:
        assert get(scene, row["urls"]["rejected"]).context["count"] == row["rejected"]
        assert get(scene, row["urls"]["undecided"]).context["count"] == row["undecided"]
    kpi = page.context["kpis"][0]
    assert (kpi["value"], kpi["target"]) == ("57.1", "4 of 7 answered")


@pytest.mark.parametrize("by", ["source", "campaign", "channel", "segment", "rep", "team", "tier"])
def test_the_funnel_is_split_by_each(scene: Org, by: str) -> None:
    rows = get(scene, f"/funnel?by={by}").context["rows"]
    assert sum(row["cells"][0]["count"] for row in rows) == 10


def test_a_rep_sees_what_is_theirs_and_a_manager_their_teams(scene: Org) -> None:
    mine = get(scene, "/funnel", "rep")
    assert mine.context["bars"][0]["count"] == 5
    assert mine.context["early"] == []  # nobody owns a lead before it is handed over
    assert get(scene, "/funnel", "manager").context["bars"][0]["count"] == 10
    assert get(scene, "/funnel/leads", "rep").context["count"] == 5


def test_beyond_the_largest_groups_the_others_stand_together_and_can_be_searched(
    scene: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporting.selectors.funnels.MOST_GROUPS", 4)
    page = get(scene, "/funnel?by=campaign")
    assert len(page.context["rows"]) == 4
    assert page.context["others"]["number"] == 6
    assert page.context["others"]["cells"][0] == 6
    found = get(scene, "/funnel?by=campaign&find=campaign+7")
    assert [row["name"] for row in found.context["rows"]] == ["Campaign 7"]


def test_subscribers_and_leads_are_those_created_in_the_period(scene: Org) -> None:
    now = database_clock()
    for stage, test in (("subscriber", False), ("lead", False), ("disqualified", False), ("lead", True)):
        Lead.objects.create(
            first_name="Sub",
            stage=stage,
            source="Webinar",
            is_test=test,
            created_at=now - timedelta(days=1),
            updated_at=now,
        )
    page = get(scene, "/funnel?period=7d")
    early = page.context["early"]
    assert [(bar["label"], bar["count"]) for bar in early] == [("Subscriber", 3), ("Lead", 1)]
    for bar in early:
        behind = get(scene, bar["url"])
        assert behind.context["count"] == len(behind.context["rows"]) == bar["count"], bar["label"]
        query = urlsplit(bar["url"]).query
        told = Client().get(f"/api/v1/reports/funnel/created?{query}", headers=scene.auth).json()["results"]
        assert [row["lead"] for row in told] == [str(row["lead"].id) for row in behind.context["rows"]]
    year = get(scene, "/funnel?period=365d")
    assert year.context["with_created"]
    told = [(row["subscribers"], row["subscribers_url"]) for row in year.context["rows"]]
    told += [(row["leads"], row["leads_url"]) for row in year.context["rows"]]
    assert any(number for number, _ in told)
    for number, way in told:
        assert bool(way) == bool(number)
        if number:
            behind = get(scene, way)
            assert behind.context["count"] == len(behind.context["rows"]) == number, way
    assert len(lines(get(scene, early[0]["url"].replace("/created?", "/created.csv?")))) == 4


def test_who_sees_a_part_is_told_why_subscribers_are_not_in_it(scene: Org) -> None:
    Lead.objects.create(created_at=database_clock() - timedelta(days=1), updated_at=database_clock())
    own = browser(scene.reps[0])
    page = own.get("/funnel?period=365d")
    assert not page.context["early"]
    assert "told of the whole organisation alone" in page.content.decode()
    behind = own.get("/funnel/created?period=365d")
    assert (behind.status_code, behind.context["count"], len(behind.context["rows"])) == (200, 0, 0)
    assert "Not told here" in behind.content.decode()


def lines(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.mark.parametrize(
    "path",
    [
        "/funnel.csv",
        "/funnel.csv?table=durations",
        "/funnel.csv?table=cohorts",
        "/rejections.csv",
        "/rejections.csv?table=groups&by=campaign",
        "/rejections.csv?table=weeks",
        "/funnel/leads.csv?stage=sal",
    ],
)
def test_every_table_has_its_file(scene: Org, path: str) -> None:
    head, *rows = lines(get(scene, path))
    assert rows
    assert {len(row) for row in rows} == {len(head)}


def test_an_organisation_without_leads_says_why_there_is_nothing(in_acme: Org) -> None:
    for path in ("/funnel", "/rejections"):
        text = get(in_acme, path).content.decode()
        assert "in this period" in text
        future = get(in_acme, f"{path}?from=2099-01-01&to=2099-01-31")
        assert "This period has not begun" in future.content.decode()


@pytest.mark.parametrize(
    "path",
    ["/funnel?follow=31", "/funnel?by=nothing", "/funnel/leads?stage=nothing", "/rejections?by=rep"],
)
def test_what_cannot_be_read_is_refused(scene: Org, path: str) -> None:
    assert browser(scene.executive).get(path).status_code == 400


@pytest.mark.parametrize("path", ["/funnel?by=rep", "/funnel?by=campaign", "/rejections", "/funnel/leads"])
def test_a_page_costs_as_many_queries_for_many_leads_as_for_few(scene: Org, path: str) -> None:
    client = browser(scene.executive)
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    now = database_clock()
    for number in range(15):
        hand_over(scene, at=now - timedelta(days=9), owner=scene.reps[2], source=f"Source {number}")
    drain_tenant(scene.id)
    with CaptureQueriesContext(connection) as many:
        client.get(path)
    assert len(many) <= len(few) <= 20
