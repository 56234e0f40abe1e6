"""The funnel, rejections and response times by the API: the numbers of the pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.factories import Org
from tests.reporting.test_funnel_pages import get, scene  # noqa: F401

pytestmark = pytest.mark.django_db


def call(org: Org, path: str) -> Any:
    answer = Client().get(f"/api/v1/reports/{path}", headers=org.auth)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_the_funnel_says_what_the_page_says(scene: Org) -> None:  # noqa: F811
    found = call(scene, "funnel?follow=30")
    page = get(scene, "/funnel?follow=30").context
    assert list(found["total"]["reached"].values()) == [bar["count"] for bar in page["bars"]]
    assert found["total"]["of_mqls"]["sql"] == {"count": 1, "base": 10, "rate": 10.0, "left_out": 0}
    assert [(row["name"], row["reached"]["mql"]) for row in found["results"]] == [
        ("Webinar", 6),
        ("Partner", 4),
    ]
    assert found["cohorts"][0]["mqls"] == 10
    assert found["durations"]["mql_to_sal"]["count"] == 4


def test_rejections_say_what_the_page_says(scene: Org) -> None:  # noqa: F811
    found = call(scene, "rejections?by=campaign")
    assert found["total"]["acceptance"] == {"count": 4, "base": 7, "rate": 57.1, "left_out": 3}
    assert sum(row["count"] for row in found["reasons"]) == 3
    assert found["groups"] == 10


def test_response_times_of_one_person(scene: Org) -> None:  # noqa: F811
    found = call(scene, f"response-times?rep={scene.reps[0].id}")
    assert found["mqls"] == 5
    assert found["durations"]["assignment"] == {"count": 5, "median_seconds": 0, "p90_seconds": 0}
    assert found["untouched_72h"] == {"count": 3, "base": 3, "rate": 100.0, "left_out": 2}


@pytest.mark.parametrize("path", ["funnel?follow=7", "rejections?by=rep", "response-times?segment=huge"])
def test_what_cannot_be_read_is_refused_at_its_name(scene: Org, path: str) -> None:  # noqa: F811
    answer = Client().get(f"/api/v1/reports/{path}", headers=scene.auth)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "/" + path.partition("?")[2].partition("=")[0]
