"""Workers die in the middle of it; every step fires exactly once all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from slaportal.benches.crowd import Company, counts, make_company, seed
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tests.engine.killing import sweep_with_kills

HANDOFFS = 600  # in each of four organisations; two timers of each are due
KILLS = 20


@pytest.fixture
def companies(transactional_db: None) -> list[Company]:
    """Four organisations whose leads were all due a minute ago."""
    now = database_clock()
    made = [make_company(f"company{number}", reps=6, now=now) for number in range(4)]
    for company in made:
        seed(company, size=HANDOFFS, started=now - timedelta(minutes=6))
    return made


def rows(companies: list[Company], sql: str) -> list[tuple[object, ...]]:
    """What a query finds in all of these organisations."""
    found: list[tuple[object, ...]] = []
    for company in companies:
        with tenant_scope(company.tenant_id), connection.cursor() as cursor:
            cursor.execute(sql)
            found += cursor.fetchall()
    return found


@pytest.mark.django_db(transaction=True)
def test_twenty_killed_workers_lose_nothing_and_double_nothing(companies: list[Company]) -> None:
    ids = [company.tenant_id for company in companies]
    before = counts(ids)
    total = 2 * HANDOFFS * len(companies)
    assert before["due"] == total == 4_800

    # Twenty parts of the work, each larger than the turns of both.
    killed = sweep_with_kills(total, kills=KILLS, processes=2, turn=100)

    assert killed == KILLS
    after = counts(ids)
    moved = HANDOFFS * len(companies)
    assert after["due"] == 0
    assert after["events"] == total
    assert after["assignments"] - before["assignments"] == moved
    assert after["decisions"] == moved
    assert after["timers"] - before["timers"] == 2 * moved  # a first touch and a decision for each new owner
    # Each breach tells one manager, each move the new owner and the old one; all by e-mail and in the app.
    assert after["messages"] == 3 * 2 * moved
    doubled = rows(
        companies,
        "select timer_id from sla_timerevent group by timer_id, generation, step having count(*) > 1",
    )
    assert doubled == []
    owners = rows(
        companies,
        "select handoff_id from leads_assignment where ended_at is null"
        " group by handoff_id having count(*) <> 1",
    )
    assert owners == []
    untold = rows(
        companies,
        "select e.id from sla_timerevent e where jsonb_array_length(e.actions) > 0 and 2 <> (select count(*)"
        " from notifications_outboxmessage o where o.tenant_id = e.tenant_id and o.event_id = e.id)",
    )
    assert untold == []
