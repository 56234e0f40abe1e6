"""Leads whose status nobody keeps up: listed by rep, after as many working days as the stage allows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from core.businesstime import WorkCalendar
from handoff.pauses import pause_lead
from handoff.services import Actor, accept_lead, log_touch, undo_touch
from handoff.workdays import Workdays
from leads.models import Handoff, Lead
from tenants.clock import fixed_clock
from tenants.models import Role, Team
from tenants.services import add_member
from tests.factories import Org
from tests.handoff.conftest import browser, new_lead, owner_of

pytestmark = pytest.mark.django_db

ALL = Actor("key:test", None, oversees=True)


@pytest.fixture
def rule(acme: Org) -> None:
    """MQL is stale after 2 working days, SAL after 5."""
    answer = Client().patch(
        "/api/v1/upkeep",
        {"stale_days": {"mql": 2, "sal": 5}},
        content_type="application/json",
        headers=acme.auth,
    )
    assert answer.status_code == 200


def listed(member: Any, path: str = "/leads/stale") -> list[str]:
    return [str(row.handoff.lead_id) for row in browser(member).get(path).context["rows"]]


def test_it_is_off_until_somebody_chooses_days(
    acme: Org, ruth: Lead, at_hand: Callable[[datetime], None], now: datetime
) -> None:
    at_hand(now + timedelta(days=100))
    page = browser(acme.admin).get("/leads/stale")
    assert page.context["rows"] == []
    assert "Not switched on" in page.content.decode()
    assert Client().get("/api/v1/leads/stale", headers=acme.auth).json()["results"] == []


@pytest.mark.usefixtures("rule")
def test_a_lead_is_listed_when_its_working_days_are_over_and_not_before(
    acme: Org, ruth: Lead, at_hand: Callable[[datetime], None], now: datetime
) -> None:
    # Tuesday 10:00; two working days later is Thursday 10:00.
    at_hand(now + timedelta(days=2))
    assert listed(acme.manager) == []
    at_hand(now + timedelta(days=2, minutes=1))
    assert listed(acme.manager) == [str(ruth.id)]
    page = browser(acme.manager).get("/leads/stale").content.decode()
    assert "Ruth Adeyemi" in page
    assert owner_of(acme, ruth).name in page


@pytest.mark.usefixtures("rule")
def test_a_touch_and_a_step_are_signs_of_work(
    acme: Org, ruth: Lead, at_hand: Callable[[datetime], None], now: datetime
) -> None:
    late = now + timedelta(days=2, hours=1)
    at_hand(late)
    with acme.scope():
        touch = log_touch(lead_id=ruth.id, kind="call", actor=ALL, clock=fixed_clock(late))
    assert listed(acme.manager) == []
    with acme.scope():
        undo_touch(
            lead_id=ruth.id, touch_id=touch.id, actor=ALL, clock=fixed_clock(late + timedelta(seconds=5))
        )
    assert listed(acme.manager) == [str(ruth.id)]
    with acme.scope():
        log_touch(lead_id=ruth.id, kind="email", actor=ALL, clock=fixed_clock(late), automatic=True)
    assert listed(acme.manager) == [str(ruth.id)], "a sequence tool keeps nothing up"
    with acme.scope():
        accept_lead(lead_id=ruth.id, actor=ALL, clock=fixed_clock(late))
    at_hand(late + timedelta(days=7, minutes=1))
    assert listed(acme.manager) == [str(ruth.id)]


@pytest.mark.usefixtures("rule")
def test_what_waits_for_its_lead_is_not_stale(
    acme: Org, ruth: Lead, at_hand: Callable[[datetime], None], now: datetime
) -> None:
    with acme.scope():
        pause_lead(
            lead_id=ruth.id,
            reason="waiting_for_lead",
            actor=ALL,
            clock=fixed_clock(now + timedelta(minutes=1)),
        )
    at_hand(now + timedelta(days=4))
    assert listed(acme.manager) == []


@pytest.mark.usefixtures("rule")
def test_each_sees_their_own(
    acme: Org, globex: Org, at_hand: Callable[[datetime], None], now: datetime
) -> None:
    leads = [new_lead(acme, now, f"p{n}@crane{n}.example") for n in range(3)]
    theirs = new_lead(globex, now, "otto@yak.example")
    with acme.scope():
        other = Team.objects.create(name="Outbound", director=acme.director)
        boss = add_member(
            tenant=acme.tenant, name="Boss", email="boss@acme.example", role=Role.MANAGER, team=other
        )
    at_hand(now + timedelta(days=3))
    owners = {str(lead.id): owner_of(acme, lead) for lead in leads}
    everything = set(owners)
    for reader in (acme.manager, acme.admin, acme.marketing, acme.executive):
        assert set(listed(reader)) == everything
    assert listed(boss) == []
    for rep in acme.reps:
        assert set(listed(rep)) == {lead_id for lead_id, owner in owners.items() if owner == rep}
    counted = browser(acme.manager).get("/leads/stale").context["counts"]
    assert sum(each["row"].count for each in counted) == 3
    one = acme.reps[0]
    mine = {lead_id for lead_id, owner in owners.items() if owner == one}
    assert set(listed(acme.manager, f"/leads/stale?owner={one.id}")) == mine
    assert listed(acme.manager, "/leads/stale?stage=sal") == []
    assert set(listed(acme.manager, f"/leads/stale?team={acme.team.id}&stage=mql")) == everything
    assert str(theirs.id) not in everything


@pytest.mark.usefixtures("rule")
def test_the_file_has_the_same_rows(acme: Org, ruth: Lead) -> None:
    with acme.scope():
        Handoff.objects.update(worked_at=datetime(2026, 1, 5, 9, tzinfo=UTC))
    text = browser(acme.manager).get("/leads/stale.csv?stage=mql").content.decode()
    assert "Ruth Adeyemi" in text
    assert "Ruth" not in browser(acme.manager).get("/leads/stale.csv?stage=sal").content.decode()
    stranger = next(rep for rep in acme.reps if rep != owner_of(acme, ruth))
    assert "Ruth" not in browser(stranger).get("/leads/stale.csv").content.decode()


@pytest.mark.usefixtures("rule")
def test_the_same_over_the_api_with_counts(acme: Org, ruth: Lead) -> None:
    with acme.scope():
        Handoff.objects.update(worked_at=datetime(2026, 1, 5, 9, tzinfo=UTC))
    said = Client().get("/api/v1/leads/stale?stage=mql&limit=1", headers=acme.auth).json()
    (row,) = said["results"]
    assert (row["lead"], row["stage"], row["allowed_days"]) == (str(ruth.id), "mql", 2)
    assert row["working_days"] > 100
    (count,) = said["counts"]
    assert (count["owner"], count["count"]) == (str(owner_of(acme, ruth).id), 1)
    for query, path in (("stage=won", "/stage"), ("team=x", "/team"), ("owner=nobody", "/owner")):
        refused = Client().get(f"/api/v1/leads/stale?{query}", headers=acme.auth)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, path)


@pytest.mark.usefixtures("rule")
def test_test_leads_and_those_of_nobody_are_left_out(acme: Org, now: datetime) -> None:
    new_lead(acme, now, "drill@crane.example", test=True)
    with acme.scope():
        Handoff.objects.update(worked_at=datetime(2026, 1, 5, 9, tzinfo=UTC))
    assert listed(acme.admin) == []


@pytest.mark.usefixtures("rule")
def test_the_page_costs_as_much_for_many_leads(acme: Org, now: datetime) -> None:
    def cost() -> int:
        client = browser(acme.manager)
        client.get("/leads/stale")
        with CaptureQueriesContext(connection) as seen:
            assert client.get("/leads/stale").status_code == 200
        return len(seen)

    new_lead(acme, now, "a@crane.example")
    with acme.scope():
        Handoff.objects.update(worked_at=datetime(2026, 1, 5, 9, tzinfo=UTC))
    few = cost()
    for n in range(12):
        new_lead(acme, now, f"p{n}@crane{n}.example")
    with acme.scope():
        Handoff.objects.update(worked_at=datetime(2026, 1, 5, 9, tzinfo=UTC))
    assert cost() == few
    assert few <= 20, "the budget of a page"


# --- Working days ---

OFFICE = WorkCalendar(
    "Europe/Berlin",
    {day: [("09:00", "17:30")] for day in ("mon", "tue", "wed", "thu", "fri")},
    [date(2026, 12, 25)],
)


@pytest.mark.parametrize(
    ("at", "days", "limit"),
    [
        ((2026, 11, 19, 10), 2, (2026, 11, 17, 10)),
        ((2026, 11, 23, 10), 1, (2026, 11, 20, 10)),  # over a weekend
        ((2026, 11, 21, 10), 1, (2026, 11, 19, 23, 59)),  # a Saturday: Friday is over
        ((2026, 12, 28, 10), 1, (2026, 12, 24, 10)),  # over a holiday
    ],
)
def test_working_days_are_counted_by_the_calendar(
    at: tuple[int, ...], days: int, limit: tuple[int, ...]
) -> None:
    found = Workdays.until(OFFICE, datetime(*at, tzinfo=UTC), zone="UTC", days=days).before(days)
    local = found.astimezone(Workdays.until(OFFICE, datetime(*at, tzinfo=UTC), zone="UTC", days=1).zone)
    wanted = datetime(*limit, tzinfo=UTC).astimezone(local.tzinfo)
    if len(limit) == 5:
        assert (local.date(), local.time() > time(23, 59)) == (date(*limit[:3]), True)
    else:
        assert local == wanted


@given(
    at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC)),
    days=st.integers(1, 60),
)
def test_more_days_reach_further_back_and_never_past_now(at: datetime, days: int) -> None:
    found = Workdays.until(OFFICE, at, zone="UTC", days=days + 1)
    assert found.before(days + 1) < found.before(days) <= at
    assert found.since(found.before(days)) == days


def test_a_calendar_that_never_opens_counts_nothing() -> None:
    closed = WorkCalendar("UTC", {"mon": [("09:00", "17:00")]})
    at = datetime(2026, 11, 17, 9, tzinfo=UTC)
    assert Workdays.until(closed, at, zone="UTC", days=3).before(3) < at - timedelta(days=20)
    always = Workdays.until(None, at, zone="UTC", days=3)
    assert always.before(3) == at - timedelta(days=3)
