"""A test lead comes at a moment of the week of its own, so that what it says does not depend on the hour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from handoff.simulation.cases import all_cases, run_cases
from handoff.simulation.comes import Comes
from routing.models import LeadCase, Pool, PoolSeat
from tenants.calendars import ALWAYS_WEEK, make_spec, write_calendar
from tests.factories import Org
from tests.handoff.conftest import browser
from tests.simulation.conftest import call
from tests.simulation.test_cases import GERMAN, case

pytestmark = pytest.mark.django_db

TUESDAY = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)  # 10:00 in Berlin
NIGHT = datetime(2026, 11, 18, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("comes", "now", "at"),
    [
        (Comes(), NIGHT, datetime(2026, 11, 24, 9, 0, tzinfo=UTC)),
        (Comes(), TUESDAY, TUESDAY),
        (Comes("wed", "23:30"), NIGHT, datetime(2026, 11, 25, 22, 30, tzinfo=UTC)),
        (Comes("sun", "02:30"), datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
    ],
)
def test_it_comes_at_the_next_such_moment_where_the_organisation_is(
    comes: Comes, now: datetime, at: datetime
) -> None:
    assert comes.after(now, "Europe/Berlin") == at


@pytest.fixture
def rota(org: Org, now: datetime) -> Pool:
    """What the pool of everyone passes its leads of the night on to."""
    with org.scope():
        spec = make_spec(tz="Europe/Berlin", weekly=ALWAYS_WEEK, year=now.year)
        hours = write_calendar(tenant=org.tenant, name="Always", spec=spec, actor="system", now=now)
        made = Pool.objects.create(slug="on-call", name="On call", calendar_id=hours.calendar_id)
        PoolSeat.objects.create(pool=made, member=org.fallback)
        Pool.objects.filter(id=org.pool.id).update(off_hours="overflow", overflow=made)
    return made


def passed(org: Org, now: datetime) -> dict[str, bool]:
    with org.scope():
        return {each.case.name: each.passed for each in run_cases(all_cases(), now=now)}


def test_one_of_the_day_and_one_of_the_night_pass_at_any_hour(org: Org, rota: Pool) -> None:
    case(org, "By day", pool="inbound")
    said = {"facts": GERMAN, "comes_on": "sun", "comes_at": "23:00"}
    made = call(org, "POST", "test-leads", {"name": "By night", **said, "expects": {"pool": "on-call"}})
    assert made.status_code == 201, made.content
    assert passed(org, TUESDAY) == passed(org, NIGHT) == {"By day": True, "By night": True}


def test_the_page_shows_the_moment_and_takes_another(org: Org) -> None:
    made = case(org, pool="inbound")
    assert (made["comes_on"], made["comes_at"]) == ("tue", "10:00")
    client = browser(org.admin)
    page = client.get(f"/routing/test-leads/{made['id']}")
    assert page.context["form"].initial["comes_on"] == "tue"
    assert 'value="10:00"' in page.content.decode()
    said: dict[str, Any] = {"name": "A German", "email": "a@firm.example", "expect_pool": "inbound"}
    said |= {"comes_on": "fri", "comes_at": "08:15", "revision": "1"}
    assert client.post(f"/routing/test-leads/{made['id']}", said).status_code == 302
    with org.scope():
        stored = LeadCase.objects.get()
    assert (stored.comes_on, stored.comes_at) == ("fri", "08:15")
    assert "Comes Fri 08:15" in client.get("/routing/test-leads").content.decode()
    refused = client.post(f"/routing/test-leads/{made['id']}", {**said, "comes_at": "25:00", "revision": "2"})
    assert refused.status_code == 422


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"comes_on": "tue"}, "/comes_at"),
        ({"comes_on": "someday", "comes_at": "10:00"}, "/comes_on"),
        ({"comes_on": "tue", "comes_at": "9:00"}, "/comes_at"),
    ],
)
def test_programs_are_told_what_is_wrong_with_a_moment(org: Org, said: dict[str, Any], path: str) -> None:
    body = {"name": "X", "facts": GERMAN, "expects": {"pool": "inbound"}, **said}
    refused = call(org, "POST", "test-leads", body)
    assert refused.status_code == 400
    assert [each["path"] for each in refused.json()["errors"]] == [path]


def test_a_change_that_says_no_moment_keeps_it(org: Org) -> None:
    made = case(org, pool="inbound")
    body = {"name": "A German", "facts": GERMAN, "expects": {"pool": "inbound"}}
    moved = call(org, "PUT", f"test-leads/{made['id']}", {**body, "comes_on": "mon", "comes_at": "07:00"})
    assert moved.json()["comes_on"] == "mon"
    kept = call(org, "PUT", f"test-leads/{made['id']}", {**body, "name": "Another name"})
    assert (kept.json()["comes_on"], kept.json()["comes_at"]) == ("mon", "07:00")
