"""The weekly sheet: frozen when it is opened, decided together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from feedback.models import AuditSheet, Dispute
from leads.models import Lead
from tests.factories import Org
from tests.handoff.conftest import browser, handoff_of, new_lead
from tests.handoff.test_disputes import call, disputes_it, reject, told
from tests.reporting.scenes import second_team

pytestmark = pytest.mark.django_db
AtHand = Callable[[datetime], None]


@pytest.fixture
def leads(acme: Org, now: datetime, later: datetime, at_hand: AtHand) -> list[Lead]:
    """Four rejected: three for their title, one for its data; and one test."""
    at_hand(later + timedelta(hours=1))
    made = [new_lead(acme, now, f"p{number}@crane.example", score=number * 10) for number in range(4)]
    for lead in made[:3]:
        reject(acme, lead, later)
    reject(acme, made[3], later, "bad_contact_data", note="Rings out.")
    reject(acme, new_lead(acme, now, "probe@crane.example", test=True), later)
    return made


def items(org: Org) -> list[dict[str, Any]]:
    return call(org, "GET", "disputes/sheet?week=2026-11-16").json()["results"]


def test_before_it_is_opened_the_page_says_what_it_would_hold(acme: Org, leads: list[Lead]) -> None:
    page = browser(acme.marketing).get("/disputes/sheet").content.decode()
    assert "Open this week’s sheet" in page
    assert "The only one rejected as “Bad contact data”" in page
    assert "of 3 rejected as “Wrong title”" in page
    assert "Open this week’s sheet" not in browser(acme.executive).get("/disputes/sheet").content.decode()
    with acme.scope():
        assert not AuditSheet.objects.exists()


def test_it_is_frozen_when_it_is_opened_and_the_same_for_whoever_comes_second(
    acme: Org, leads: list[Lead], now: datetime, later: datetime, at_hand: AtHand
) -> None:
    assert browser(acme.marketing).post("/disputes/sheet/open").status_code == 302
    before = items(acme)
    assert [each["lead"] for each in before][:2] == [str(leads[3].id), str(leads[2].id)]
    assert len(before) == 4  # no test lead
    reject(acme, new_lead(acme, now, "late@crane.example"), later + timedelta(minutes=30))
    assert browser(acme.manager).post("/disputes/sheet/open").status_code == 302
    assert items(acme) == before
    page = browser(acme.manager).get("/disputes/sheet").content.decode()
    assert "0 of 4 decided" in page
    assert "Rings out." in page
    assert "MQL criteria, version 1" in page


def test_who_sees_a_part_of_a_sheet_is_told_how_much_is_others(acme: Org, leads: list[Lead]) -> None:
    with acme.scope():
        team, _ = second_team(acme)
    assert team.manager is not None
    browser(acme.marketing).post("/disputes/sheet/open")
    page = browser(team.manager).get("/disputes/sheet").content.decode()
    assert "0 of 0 decided. 4 more of it are about leads of other teams." in page
    assert "other teams" not in browser(acme.marketing).get("/disputes/sheet").content.decode()


def test_a_rejection_that_nobody_disputed_is_decided_from_the_sheet(acme: Org, leads: list[Lead]) -> None:
    browser(acme.marketing).post("/disputes/sheet/open")
    first = items(acme)[0]
    page = browser(acme.marketing)
    assert page.get(f"/disputes/items/{first['item']}").status_code == 200
    said = {"outcome": "overturned", "note": "The number was good."}
    assert page.post(f"/disputes/items/{first['item']}", said).status_code == 302
    with acme.scope():
        dispute = Dispute.objects.get()
    assert (dispute.argument, dispute.state, dispute.opener_id) == ("", "overturned", None)
    assert str(dispute.week) == "2026-11-16"
    assert handoff_of(acme, leads[3]).number == 2
    assert acme.marketing.id in told(acme, "lead.dispute_decided")
    again = call(
        acme,
        "POST",
        f"disputes/items/{first['item']}/decide",
        {**said, "by": str(acme.manager.id)},
    )
    assert again.status_code == 409
    assert "1 of 4 decided" in browser(acme.manager).get("/disputes/sheet").content.decode()


def test_a_disputed_one_is_decided_as_a_dispute_and_bears_the_week(acme: Org, leads: list[Lead]) -> None:
    disputes_it(acme.marketing, leads[0])
    browser(acme.manager).post("/disputes/sheet/open")
    first = items(acme)[0]
    assert (first["lead"], first["state"]) == (str(leads[0].id), "open")
    assert "Disputed, the most valuable of 3" in first["why"]
    way = browser(acme.manager).get(f"/disputes/items/{first['item']}")
    assert (way.status_code, way["Location"]) == (302, f"/disputes/{first['dispute']}")
    said = {"outcome": "upheld", "note": "An assistant indeed."}
    done = browser(acme.manager).post(f"/disputes/{first['dispute']}", said)
    assert (done.status_code, done["Location"]) == (302, "/disputes/sheet")
    assert items(acme)[0]["state"] == "upheld"


def test_what_a_sheet_had_is_on_the_next_one_only_while_its_dispute_is_open(
    acme: Org, leads: list[Lead], later: datetime, at_hand: AtHand
) -> None:
    disputes_it(acme.marketing, leads[0])
    browser(acme.manager).post("/disputes/sheet/open")
    at_hand(later + timedelta(days=7))
    browser(acme.manager).post("/disputes/sheet/open")
    with acme.scope():
        sheets = list(AuditSheet.objects.order_by("week"))
        assert [str(each.week) for each in sheets] == ["2026-11-16", "2026-11-23"]
        lead_ids = list(sheets[1].items.values_list("disposition__handoff__lead_id", flat=True))
    assert lead_ids == [leads[0].id]
    page = browser(acme.manager).get("/disputes/sheet?week=2026-11-16").content.decode()
    assert "of 4 decided" in page


def test_a_week_that_is_none_is_refused(acme: Org) -> None:
    assert call(acme, "GET", "disputes/sheet?week=soon").status_code == 400
    assert call(acme, "GET", "disputes/sheet?week=2026-11-09").json()["results"] == []


def test_another_organisations_item_is_not_there(acme: Org, globex: Org, leads: list[Lead]) -> None:
    browser(acme.marketing).post("/disputes/sheet/open")
    first = items(acme)[0]["item"]
    assert items(globex) == []
    assert browser(globex.admin).get(f"/disputes/items/{first}").status_code == 404
    said = {"outcome": "upheld", "note": "No."}
    assert call(globex, "POST", f"disputes/items/{first}/decide", said).status_code == 404
