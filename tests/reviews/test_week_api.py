"""The week that both sides look at together, by the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from reporting.models import BreakdownNote, TargetFact
from tests.commitments.scenes import drain, mql
from tests.factories import Org
from tests.reporting.scenes import browser
from tests.reviews.test_week import WEEK, _broken, text_of

pytestmark = pytest.mark.django_db

PATH = f"/api/v1{WEEK}"


def get(org: Org, path: str) -> Any:
    return Client(headers=org.auth).get(path)


def post(org: Org, timer_id: Any, body: Any, week: str = PATH, **headers: str) -> Any:
    client = Client(headers={**org.auth, **headers})
    return client.post(f"{week}/breakdowns/{timer_id}/notes", body, content_type="application/json")


def test_a_week_tells_the_numbers_of_the_page(scene: Org) -> None:
    found = get(scene, PATH).json()
    assert {name: found[name] for name in ("monday", "sunday", "last", "is_over", "time_zone")} == {
        "monday": "2026-10-12",
        "sunday": "2026-10-18",
        "last": "2026-10-18",
        "is_over": True,
        "time_zone": "Europe/Berlin",
    }
    sections = {each["slug"]: each for each in found["sections"]}
    assert {"compliance", "funnel", "rejections", "disputes", "leaks", "commitments"} <= set(sections)
    (first_touch,) = [row for row in sections["compliance"]["tables"][0]["rows"] if row[0] == "First touch"]
    assert 2 in first_touch
    page = browser(scene.marketing).get(WEEK).context
    assert (found["breakdowns"], found["without_note"]) == (page["count"], page["unexplained"])
    assert found["breakdowns"] > 0


def test_the_present_week_is_told_so_far(scene: Org) -> None:
    found = get(scene, "/api/v1/reviews/week").json()
    assert (found["monday"], found["last"], found["is_over"]) == ("2026-11-16", "2026-11-17", False)
    assert found == get(scene, "/api/v1/reviews/week/2026-11-16").json()


def test_breakdowns_are_paged_through(scene: Org) -> None:
    for number in range(3):
        mql(scene, datetime(2026, 10, 14, 9, tzinfo=UTC), source=f"Source {number}")
    drain(scene)
    whole = get(scene, f"{PATH}/breakdowns").json()["results"]
    assert len(whole) == get(scene, PATH).json()["breakdowns"] > 3
    seen: list[Any] = []
    address = f"{PATH}/breakdowns?limit=2"
    while address:
        page = get(scene, address).json()
        seen += page["results"]
        address = page["next"]
    assert seen == whole
    assert [each["due_at"] for each in whole] == sorted((each["due_at"] for each in whole), reverse=True)
    broken = _broken()
    (told,) = [each for each in whole if each["id"] == str(broken.id)]
    assert (told["lead"], told["target"], told["rep"], told["is_excused"]) == (
        str(broken.lead_id),
        "first_touch",
        str(scene.reps[0].id),
        False,
    )
    assert told["met_at"] > told["due_at"]


def test_what_was_done_about_a_breakdown_stands_beside_it(scene: Org) -> None:
    broken, before = _broken(), get(scene, PATH).json()["without_note"]
    made = post(scene, broken.id, {"text": " The phones were down. "})
    assert made.status_code == 201
    assert (made.json()["text"], made.json()["by"]) == ("The phones were down.", "an API key")
    told = get(scene, f"{PATH}/breakdowns").json()["results"]
    (notes,) = [each["notes"] for each in told if each["id"] == str(broken.id)]
    assert notes == [made.json()]
    assert get(scene, PATH).json()["without_note"] == before - 1
    assert "The phones were down." in text_of(browser(scene.executive).get(WEEK).content.decode())


def test_a_note_that_is_sent_twice_is_kept_once(scene: Org) -> None:
    said, key = {"text": "Well."}, {"Idempotency-Key": "note-1"}
    one, two = (post(scene, _broken().id, said, **key) for _ in range(2))
    assert (one.status_code, two.status_code) == (201, 201)
    assert one.json() == two.json()
    assert BreakdownNote.objects.count() == 1


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": " "}, {"text": 5}, {"text": "x" * 1_001}])
def test_a_note_of_nothing_is_refused_at_its_place(scene: Org, body: dict[str, Any]) -> None:
    answer = post(scene, _broken().id, body)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["path"] == "/text"
    assert not BreakdownNote.objects.exists()


def test_only_what_was_missed_in_that_week_takes_a_note(scene: Org) -> None:
    said, earlier = {"text": "Well."}, "/api/v1/reviews/week/2026-10-05"
    assert post(scene, _broken().id, said, week=earlier).status_code == 404
    kept = TargetFact.objects.filter(target="first_touch", clock="company", verdict="met").first()
    assert post(scene, kept.id, said, week=earlier).status_code == 404


@pytest.mark.parametrize("monday", ["2026-10-13", "2026-11-23", "soon", "1999-01-04"])
def test_a_day_that_is_no_monday_or_lies_ahead_is_refused(scene: Org, monday: str) -> None:
    for ending in ("", "/breakdowns"):
        answer = get(scene, f"/api/v1/reviews/week/{monday}{ending}")
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "/monday")
    assert get(scene, f"{PATH}/breakdowns?limit=0").status_code == 400
    assert get(scene, f"{PATH}?rep=x").status_code == 400


def test_another_organisation_sees_and_notes_nothing_of_it(acme: Org, globex: Org) -> None:
    with acme.scope():
        at = datetime(2026, 10, 14, 9, tzinfo=UTC)
        mql(acme, at, touched=at + timedelta(days=2))
        drain(acme)
        broken = _broken().id
    assert get(acme, PATH).json()["breakdowns"] > 0
    found = get(globex, PATH).json()
    assert (found["breakdowns"], found["without_note"]) == (0, 0)
    assert get(globex, f"{PATH}/breakdowns").json() == {"results": [], "next": None}
    assert post(globex, broken, {"text": "Well."}).status_code == 404
    assert post(acme, broken, {"text": "Well."}).status_code == 201


def test_it_needs_the_scopes(scene: Org, now: datetime) -> None:
    from tenants.services import create_api_key

    _, text = create_api_key(tenant=scene.tenant, name="Reader", scopes=["reports:read"], now=now)
    headers = {"Authorization": f"Bearer {text}"}
    assert Client().get(PATH).status_code == 401
    assert Client(headers=headers).get(PATH).status_code == 200
    path = f"{PATH}/breakdowns/{_broken().id}/notes"
    refused = Client(headers=headers).post(path, {"text": "Well."}, content_type="application/json")
    assert refused.status_code == 403
