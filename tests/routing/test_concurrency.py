"""Many intakes at once, on real connections: caps hold and the rotation stays even."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from django.db import connections

from handoff.moves import AssignRequest, assign_new
from leads.models import Assignment, Handoff
from routing.models import Decision, RepLoad
from tests.factories import Org, make_org
from tests.routing.conftest import make_handoffs

pytestmark = pytest.mark.django_db(transaction=True)

INTAKES, WORKERS = 200, 16


def in_threads(jobs: Sequence[Callable[[], None]]) -> None:
    """Run the jobs on `WORKERS` threads, each with a connection of its own; the first error is raised."""

    def work(job: Callable[[], None]) -> None:
        try:
            job()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(work, job) for job in jobs]:
            done.result()


def intake(org: Org, handoff: Handoff, now: datetime) -> Callable[[], None]:
    def job() -> None:
        with org.scope():
            assign_new([AssignRequest(handoff)], trigger="intake", now=now, actor="system")

    return job


def route_all_at_once(org: Org, count: int, now: datetime) -> Counter[object]:
    with org.scope():
        waiting = make_handoffs(org, count, now=now)
    in_threads([intake(org, handoff, now) for handoff in waiting])
    with org.scope():
        assert Decision.objects.count() == count
        return Counter(Assignment.objects.values_list("member_id", flat=True))


def test_a_cap_of_ten_never_makes_eleven(now: datetime) -> None:
    org = make_org("caps", now=now, reps=3, cap_open=10)
    got = route_all_at_once(org, INTAKES, now)
    assert got == {rep.id: 10 for rep in org.reps}
    with org.scope():
        waiting = Handoff.objects.filter(owner=None)
        assert waiting.count() == INTAKES - 30
        assert set(waiting.values_list("unrouted_reason", flat=True)) == {"all_at_cap"}
        assert set(RepLoad.objects.exclude(member=org.fallback).values_list("open_leads", flat=True)) == {10}


def test_the_rotation_stays_within_one(now: datetime) -> None:
    org = make_org("spread", now=now, reps=7)
    got = route_all_at_once(org, INTAKES, now)
    assert sum(got.values()) == INTAKES
    assert max(got.values()) - min(got.values()) <= 1
