"""Reviews for programs."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from reporting.models import Review, ReviewNote
from tests.commitments.scenes import drain, mql
from tests.factories import Org
from tests.reporting.scenes import browser

pytestmark = pytest.mark.django_db


def get(org: Org, path: str) -> Any:
    return Client(headers=org.auth).get(f"/api/v1/reviews{path}")


def test_reviews_are_listed_the_latest_first(scene: Org) -> None:
    found = get(scene, "").json()["results"]
    latest = found[0]
    assert (latest["kind"], latest["first_day"]) == ("month", "2026-11-01")
    assert (latest["last_day"], latest["is_over"]) == ("2026-11-30", False)
    assert {each["state"] for each in found} == {"open"}
    assert get(scene, "?state=closed").json()["results"] == []
    assert get(scene, "?state=shut").status_code == 400


def test_all_reviews_are_paged_through(scene: Org) -> None:
    whole = [each["id"] for each in get(scene, "").json()["results"]]
    seen, address = [], "/api/v1/reviews?limit=2"
    while address:
        page = Client(headers=scene.auth).get(address).json()
        seen += [each["id"] for each in page["results"]]
        address = page["next"]
    assert seen == whole
    assert len(seen) > 2


def test_a_review_has_its_numbers_and_a_closed_one_keeps_them(scene: Org, october: Review) -> None:
    def mqls() -> int:
        sections = get(scene, f"/{october.id}").json()["sections"]
        funnel = next(each for each in sections if each["slug"] == "funnel")
        return int(funnel["tables"][0]["rows"][0][1])

    assert mqls() == 6
    browser(scene.manager).post(f"/reviews/{october.id}/close")
    mql(scene, october.opened_at.replace(month=10), answer="accepted")
    drain(scene)
    assert mqls() == 6
    assert get(scene, f"/{october.id}").json()["closed_by"] == scene.manager.name


def test_a_program_writes_notes(scene: Org, october: Review) -> None:
    client = Client(headers=scene.auth)
    path = f"/api/v1/reviews/{october.id}/notes"
    made = client.post(path, {"text": "Imported."}, content_type="application/json")
    assert made.status_code == 201
    assert made.json()["by"] == "an API key"
    assert made.json()["is_addendum"] is False
    for wrong in ({}, {"text": ""}, {"text": "x" * 1_001}, {"text": "x", "at": "now"}):
        assert client.post(path, wrong, content_type="application/json").status_code == 400
    assert ReviewNote.objects.count() == 1
    assert get(scene, f"/{october.id}").json()["notes"][0]["text"] == "Imported."
