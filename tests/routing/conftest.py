"""Handoffs as intake leaves them just before routing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from leads.lifecycle import Stage
from leads.models import Handoff, Lead
from tests.factories import Org

MakeHandoffs = Callable[..., list[Handoff]]


def make_handoffs(
    org: Org, count: int, *, now: datetime, prefix: str = "lead", **fields: object
) -> list[Handoff]:
    """Open handoffs of fresh leads, without an owner; call inside the tenant's scope."""
    made = []
    for number in range(count):
        lead = Lead.objects.create(
            email=f"{prefix}{number}@customer.example",
            stage=Stage.MQL,
            country="Germany",
            created_at=now,
            updated_at=now,
        )
        values = {"tier": "demo_request", "tier_name": "Demo request", "policy_version_id": org.policy.id}
        made.append(Handoff.objects.create(lead=lead, number=1, started_at=now, **{**values, **fields}))
    return made


@pytest.fixture
def handoffs(in_acme: Org, now: datetime) -> list[Handoff]:
    """Six leads that wait for an owner."""
    return make_handoffs(in_acme, 6, now=now)
