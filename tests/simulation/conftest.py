"""Leads of the last days, taken in live, and rules that would send some of them elsewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from handoff.simulation import runs
from routing.models import Pool, PoolSeat, RuleSetVersion, SimulationRun
from tenants import versions
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.handoff.conftest import new_lead

TUESDAY = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


def draft_rules(*first: dict[str, Any], rest: str | None = "inbound") -> dict[str, Any]:
    """Rules that begin with these."""
    everyone = [{"name": "Everyone", "when": None, "pool": rest}] if rest else []
    return {
        "pools": [*first, *everyone],
        "priorities": [{"name": "Everyone else", "when": None, "priority": 0}],
        "horizon_minutes": 30,
    }


GERMANS: dict[str, Any] = {
    "name": "Germans",
    "when": {"field": "lead.source", "op": "equals", "value": "germany"},
    "pool": "german",
}


@pytest.fixture
def org(acme: Org) -> Org:
    """Acme with a second pool of one rep; nobody is sent there yet."""
    with acme.scope():
        pool = Pool.objects.create(slug="german", name="German desk")
        PoolSeat.objects.create(pool=pool, member=acme.reps[2])
    return acme


def take_in(org: Org, count: int, *, start: datetime = TUESDAY) -> None:
    """So many leads, one every ten minutes; every third one from Germany."""
    for number in range(count):
        source = "germany" if number % 3 == 0 else "elsewhere"
        at = start + timedelta(minutes=10 * number)
        new_lead(org, at, f"lead{number}@firm{number}.example", source=source)


def write_draft(org: Org, content: dict[str, Any]) -> RuleSetVersion:
    with org.scope():
        found = versions.open_draft(RuleSetVersion)
        return versions.write_draft(
            RuleSetVersion,
            content=content,
            revision=found.revision if found else None,
            actor=f"member:{org.admin.id}",
            now=TUESDAY,
        )


def simulate(org: Org, side: str = "draft", *, days: int = 7, now: datetime | None = None) -> SimulationRun:
    """Ask for a simulation and carry it out."""
    moment = now or TUESDAY + timedelta(hours=8)
    with org.scope():
        run = runs.ask(side=side, days=days, actor=f"member:{org.admin.id}", now=moment)
    assert runs.carry_out(org.id, fixed_clock(moment)) == 1
    with org.scope():
        return runs.get_run(run.id)


def call(org: Org, method: str, path: str, data: Any = None) -> Any:
    """An answer of the API to this organisation's key."""
    return Client().generic(
        method,
        f"/api/v1/routing/{path}",
        json.dumps(data) if data is not None else "",
        content_type="application/json",
        headers=org.auth,
    )
