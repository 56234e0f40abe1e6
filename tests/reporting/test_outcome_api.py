"""The outcome scorecard, the verdicts on new campaigns and the journey map by the API: the numbers of the
pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from reporting.api.journey import JourneyView
from tenants.clock import database_clock
from tenants.services import create_api_key
from tests.factories import Org
from tests.reporting.scenes import browser, drain, hand_over
from tests.reporting.test_campaign_verdicts import facts
from tests.reporting.test_journey import at_now, travelled  # noqa: F401
from tests.reporting.test_since_start import fact
from web.pagination import write_cursor

pytestmark = pytest.mark.django_db
PATHS = ("reports/outcomes", "reports/campaigns", "reports/journey")


def ask(org: Org, path: str, **query: str) -> Any:
    return Client().get(f"/api/v1/{path}", query, headers=org.auth)


def told(org: Org, path: str, **query: str) -> dict[str, Any]:
    answer = ask(org, path, **query)
    assert answer.status_code == 200, answer.content
    return answer.json()


# The outcome scorecard.


def test_weeks_and_months_stand_beside_what_was_before(acme: Org, globex: Org) -> None:
    now = database_clock()
    with acme.scope():
        long_ago, start = now - timedelta(days=400), now - timedelta(days=70)
        fact(long_ago, is_history=True, first_touch_at=long_ago + timedelta(hours=9))
        fact(start, touch_verdict="met", decision_verdict="missed", decision="accepted")
        later = start + timedelta(days=35)
        fact(later, sql_at=later + timedelta(days=2), amount=500, won_at=later + timedelta(days=10))
    found = told(acme, "reports/outcomes")
    assert {name: found[name] for name in ("time_zone", "currency", "follow", "month_days")} == {
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
        "follow": 30,
        "month_days": 30,
    }
    assert (found["before"]["name"], found["before"]["first"], found["before"]["mqls"]) == ("before", None, 1)
    hours = 9 * 3_600
    assert found["before"]["first_touch"] == {"count": 1, "median_seconds": hours, "p90_seconds": hours}
    assert found["before"]["in_time"] == {"count": 0, "base": 0, "rate": None, "left_out": 0}
    assert [each["name"] for each in found["weeks"]] == ["Week 1", "Week 2", "Week 3", "Week 4"]
    assert found["weeks"][0]["first"] == found["began"]
    assert found["weeks"][0]["in_time"] == {"count": 1, "base": 2, "rate": 50.0, "left_out": 0}
    assert (found["weeks"][0]["amount"], found["weeks"][0]["feedback"]["count"]) == (None, 1)
    month = found["months"][0]
    assert (month["name"], month["amount"], month["with_amount"]) == ("Month 2", "500.00", 1)
    assert month["sql"] == {"count": 1, "base": 1, "rate": 100.0, "left_out": 0}
    assert month["won"] == {"count": 1, "base": 1, "rate": 100.0, "left_out": 0}
    assert month["cycle"]["median_seconds"] == 10 * 86_400

    page = browser(acme.executive).get("/outcomes").context["found"]
    for ours, shown in zip([*found["weeks"], *found["months"]], [*page.weeks, *page.months], strict=True):
        assert (ours["name"], ours["mqls"]) == (shown.name, shown.mqls)
        assert (ours["opportunity"], ours["won"]) == (shown.to_opportunity.as_dict(), shown.wins.as_dict())

    others = told(globex, "reports/outcomes")
    assert (others["began"], others["before"], others["weeks"], others["months"]) == (None, None, [], [])


# Verdicts on new campaigns.


@pytest.fixture
def judged(acme: Org) -> Org:
    """Sales accepts 60 of 100; of three campaigns that began lately one is good and one is bad."""
    now = database_clock()
    with acme.scope():
        facts(now - timedelta(days=40), 100, 60)
        facts(now - timedelta(days=4), 20, 16, "Good")
        facts(now - timedelta(days=3), 20, 3, "Bad", undecided=2)
        facts(now - timedelta(days=3), 2, 0, "Asked", undecided=2)
        facts(now - timedelta(days=20), 20, 0, "Old")
    return acme


def test_each_new_campaign_has_its_verdict_and_what_it_is_drawn_from(judged: Org, globex: Org) -> None:
    found = told(judged, "reports/campaigns")
    assert found["next"] is None
    asked, bad, good = found["results"]
    assert [each["campaign"] for each in (asked, bad, good)] == ["Asked", "Bad", "Good"]
    assert [each["verdict"] for each in (asked, bad, good)] == ["early", "not_usable", "usable"]
    assert (asked["interval"], asked["accepted"]["rate"]) == (None, None)
    assert (bad["mqls"], bad["accepted"]) == (20, {"count": 3, "base": 18, "rate": 16.7, "left_out": 2})
    assert bad["usual"] == {"count": 76, "base": 140, "rate": 54.3, "left_out": 0}
    low, high = bad["interval"]
    assert 0 < low < 16.7 < high < 54.3
    rows = browser(judged.marketing).get("/campaigns").context["rows"]
    assert [(row["campaign"].name, row["accepted"].as_dict()) for row in rows] == [
        (each["campaign"], each["accepted"]) for each in found["results"]
    ]
    none = told(globex, "reports/campaigns")
    assert (none["results"], none["next"]) == ([], None)


def test_pages_give_every_campaign_once(judged: Org) -> None:
    names, page = [], told(judged, "reports/campaigns", limit="1")
    while True:
        names += [each["campaign"] for each in page["results"]]
        if page["next"] is None:
            break
        page = Client().get(page["next"], headers=judged.auth).json()
    assert names == ["Asked", "Bad", "Good"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"limit": "0"}, "/limit"),
        ({"limit": "many"}, "/limit"),
        ({"cursor": "abc"}, "/cursor"),
        ({"cursor": write_cursor(["2026-11-17T10:00:00", "Bad"])}, "/cursor"),
        ({"cursor": write_cursor(["2026-11-17T10:00:00+00:00", "B\x00"])}, "/cursor"),
        ({"verdict": "usable"}, "/verdict"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(judged: Org, query: dict[str, str], path: str) -> None:
    answer = ask(judged, "reports/campaigns", **query)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["path"] == path


# The journey map.


@pytest.fixture
def mapped(travelled: Org, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Org:  # noqa: F811
    monkeypatch.setattr(JourneyView, "clock", staticmethod(lambda: now))
    return travelled


def test_the_journey_says_what_the_bands_say(mapped: Org, globex: Org) -> None:
    found = told(mapped, "reports/journey")
    assert (found["mqls"], found["other_sources"], found["kind"]) == (6, 0, "inbound")
    assert found["sources"] == [
        {"key": "Webinar", "name": "Webinar", "mqls": 4},
        {"key": "", "name": "No source given", "mqls": 1},
        {"key": "Partner", "name": "Partner", "mqls": 1},
    ]
    stages = {each["stage"]: each for each in found["stages"]}
    assert stages["mql"] == {
        "stage": "mql",
        "reached": 6,
        "onwards": {"count": 3, "base": 6, "rate": 50.0, "left_out": 0},
        "ends": [
            {"outcome": "rejected", "count": 1},
            {"outcome": "nurture", "count": 0},
            {"outcome": "disqualified", "count": 0},
        ],
        "standing": {"count": 2, "open": 2, "median_days": 10, "p90_days": 10},
    }
    assert stages["sal"]["standing"] == {"count": 1, "open": 1, "median_days": 7, "p90_days": 7}
    assert stages["sql"]["standing"] == {"count": 0, "open": 0, "median_days": None, "p90_days": None}
    closed = {"count": 1, "open": 0, "median_days": None, "p90_days": None}
    assert (stages["opportunity"]["reached"], stages["opportunity"]["standing"]) == (1, closed)
    assert stages["won"] == {"stage": "won", "reached": 0, "onwards": None, "ends": [], "standing": None}

    bands: dict[tuple[str, str], int] = {}
    for stage, following in zip(found["stages"], [*found["stages"][1:], None], strict=True):
        name = stage["stage"]
        if following:
            bands[name, following["stage"]] = stage["onwards"]["count"]
            bands[name, f"{name}_stands"] = stage["standing"]["count"]
        bands |= {(name, f"{name}_{each['outcome']}"): each["count"] for each in stage["ends"]}
    flows = browser(mapped.admin).get("/journey").context["flows"]
    assert {key: count for key, count in bands.items() if count} == {
        (flow.start_key, flow.end_key): flow.count for flow in flows if flow.end_key != "mql"
    }

    others = told(globex, "reports/journey")
    assert (others["mqls"], others["sources"]) == (0, [])
    assert others["stages"][0]["onwards"] == {"count": 0, "base": 0, "rate": None, "left_out": 0}


def test_the_journey_can_be_narrowed(mapped: Org) -> None:
    assert told(mapped, "reports/journey", source="Partner")["mqls"] == 1
    assert told(mapped, "reports/journey", source="none")["stages"][3]["reached"] == 1
    assert told(mapped, "reports/journey", rep=str(mapped.reps[1].id))["mqls"] == 0
    empty = told(mapped, "reports/journey", **{"from": "2030-01-01", "to": "2030-01-31"})
    assert (empty["mqls"], empty["from"]) == (0, "2030-01-01")


def test_the_sources_beyond_the_largest_run_together(mapped: Org, now: datetime) -> None:
    at = now - timedelta(days=5)
    with mapped.scope():
        for number in range(9):
            hand_over(mapped, at=at, source=f"Fair {number}")
        drain(mapped)
    found = told(mapped, "reports/journey")
    assert (len(found["sources"]), found["mqls"], found["other_sources"]) == (7, 15, 5)
    assert sum(each["mqls"] for each in found["sources"]) + found["other_sources"] == found["mqls"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"period": "5d"}, "/period"),
        ({"from": "2026-11-17", "to": "2026-11-01"}, "/from"),
        ({"team": "x"}, "/team"),
        ({"segment": "huge"}, "/segment"),
        ({"kind": "sideways"}, "/kind"),
        ({"by": "source"}, "/by"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_name(acme: Org, query: dict[str, str], path: str) -> None:
    answer = ask(acme, "reports/journey", **query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == path


# All of them.


@pytest.mark.parametrize("path", PATHS)
def test_it_needs_a_key_with_the_scope_and_is_only_read(acme: Org, path: str, now: datetime) -> None:
    assert Client().get(f"/api/v1/{path}").status_code == 401
    with acme.scope():
        _, text = create_api_key(tenant=acme.tenant, name="Other", scopes=["leads:read"], now=now)
    refused = Client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {text}"})
    assert refused.status_code == 403
    assert "reports:read" in refused.json()["detail"]
    assert Client().post(f"/api/v1/{path}", headers=acme.auth).status_code == 405
    unknown = ask(acme, path, perriod="30d")
    assert (unknown.status_code, unknown.json()["errors"][0]["path"]) == (400, "/perriod")
