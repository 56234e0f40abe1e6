"""A lead that came outside of working hours shows when it came, when business opened, and either wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from handoff.services import Actor, log_touch
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import browser, new_lead, owner_of
from tests.routing.test_rule_pages import text_of

pytestmark = pytest.mark.django_db


def local(org: Org, day: int, hour: int, minute: int) -> datetime:
    """A moment of November 2026 where the organisation lives; the 20th is a Friday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo(org.tenant.time_zone))


def test_friday_evening_is_said_beside_monday_morning(acme: Org, at_hand: Callable[[datetime], None]) -> None:
    came = local(acme, 20, 18, 2)
    lead = new_lead(acme, came)
    rep = owner_of(acme, lead)
    at_hand(local(acme, 21, 10, 2))
    said = text_of(browser(rep).get(f"/leads/{lead.id}"))
    assert "Arrived Fri 20 Nov, 18:02, first hour of business Mon 09:00." in said
    assert "It has waited 16h 00m by the clock on the wall, none of business." in said
    assert "arrived Fri 20 Nov, 18:02, first hour of business Mon 09:00" in text_of(
        browser(rep).get("/inbox")
    )
    at_hand(local(acme, 23, 9, 4))
    said = text_of(browser(rep).get(f"/leads/{lead.id}"))
    assert "It has waited 2d 15h by the clock on the wall, 4 min of business." in said
    assert "arrived Fri 20 Nov" not in text_of(browser(rep).get("/inbox"))
    with acme.scope():
        touched = local(acme, 23, 9, 3)
        log_touch(
            lead_id=lead.id, kind="call", at=touched, actor=Actor.person(rep), clock=fixed_clock(touched)
        )
    said = text_of(browser(rep).get(f"/leads/{lead.id}"))
    assert "Somebody got to it after 2d 15h by the clock on the wall, 3 min of business." in said
    body = Client().get(f"/api/v1/leads/{lead.id}/explain", headers=acme.auth).json()
    assert body["deadline"]["after_hours"]["business_seconds"] == 180
    assert body["deadline"]["after_hours"]["wall_seconds"] == (touched - came).total_seconds()


def test_a_lead_of_working_hours_says_nothing_of_it(acme: Org, at_hand: Callable[[datetime], None]) -> None:
    came = local(acme, 20, 11, 0)
    lead = new_lead(acme, came)
    at_hand(came + timedelta(minutes=1))
    assert "first hour of business" not in text_of(browser(owner_of(acme, lead)).get(f"/leads/{lead.id}"))
    body = Client().get(f"/api/v1/leads/{lead.id}/explain", headers=acme.auth).json()
    assert body["deadline"]["after_hours"] is None
