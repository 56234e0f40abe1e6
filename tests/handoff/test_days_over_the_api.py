"""A day in an API call is a day of the organisation, not of Greenwich."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from handoff.api import NurtureView
from handoff.intake import receive_lead
from leads.incoming import EngagementIn, LeadIn
from tenants.clock import fixed_clock
from tests.factories import make_org

EVENING_IN_LOS_ANGELES = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)  # 18:00 on the 17th there


@pytest.mark.django_db
@pytest.mark.parametrize(("until", "status"), [("2026-11-18", 200), ("2026-11-17", 400)])
def test_tomorrow_is_still_to_come_in_the_evening(
    now: datetime, monkeypatch: Any, until: str, status: int
) -> None:
    org = make_org("brightpath", now=now, time_zone="America/Los_Angeles", hours="always")
    clock = fixed_clock(EVENING_IN_LOS_ANGELES)
    with org.scope():
        item = LeadIn(email="ada@company.example", engagements=(EngagementIn(kind="demo_request"),))
        taken = receive_lead(item=item, actor="system", clock=clock)
        assert taken.lead is not None
        lead_id = taken.lead.id
    monkeypatch.setattr(NurtureView, "clock", staticmethod(clock))
    answer = Client().post(
        f"/api/v1/leads/{lead_id}/nurture",
        json.dumps({"reason": "not_evaluating", "until": until}),
        content_type="application/json",
        headers=org.auth,
    )
    assert answer.status_code == status, answer.content
