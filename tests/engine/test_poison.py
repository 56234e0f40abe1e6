"""One timer that cannot be fired hurts nobody but itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from handoff import sweep
from handoff.sweep import BACK_OFF_MINUTES, sweep_tenant
from leads.models import Assignment, Handoff
from sla.models import Finding, Timer
from tenants.clock import fixed_clock
from tests.engine.scenes import clock_of, fired, open_handoff
from tests.factories import Org

pytestmark = pytest.mark.django_db


def poison(monkeypatch: pytest.MonkeyPatch, timer_id: UUID) -> None:
    """Make every firing that contains this timer raise, as a row with broken content would."""
    honest = sweep._firing

    def firing(handoff: Handoff, timer: Timer, now: datetime) -> Any:
        if timer.id == timer_id:
            raise ValueError("This timer is broken.")
        return honest(handoff, timer, now)

    monkeypatch.setattr(sweep, "_firing", firing)


def test_the_neighbours_of_a_poisoned_timer_fire_in_the_same_turn(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acme.scope():
        handoffs = [open_handoff(acme, at=now, owner=acme.reps[0]) for _ in range(5)]
        bad = clock_of(handoffs[2])
    poison(monkeypatch, bad.id)
    moment = now + timedelta(minutes=3)
    result = sweep_tenant(acme.id, clock=fixed_clock(moment))
    assert (result.taken, result.fired, result.poisoned) == (5, 4, 1)
    with acme.scope():
        assert [fired(handoff) for handoff in handoffs] == [[50], [50], [], [50], [50]]
        timer = Timer.objects.get(id=bad.id)
        assert (timer.state, timer.attempts) == ("running", 1)
        assert timer.next_at == moment + timedelta(minutes=1)
        assert timer.last_error == "ValueError: This timer is broken."


def test_it_backs_off_longer_each_time_and_ends_failed_with_one_finding(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
        bad = clock_of(handoff)
    poison(monkeypatch, bad.id)
    moment = now + timedelta(minutes=3)
    waits = []
    for _ in BACK_OFF_MINUTES:
        sweep_tenant(acme.id, clock=fixed_clock(moment))
        with acme.scope():
            next_at = Timer.objects.get(id=bad.id).next_at
        assert next_at is not None
        waits.append(next_at - moment)
        moment = next_at
    assert waits == [timedelta(minutes=number) for number in (1, 5, 15, 60, 240)]
    for _ in range(3):
        sweep_tenant(acme.id, clock=fixed_clock(moment))
    with acme.scope():
        timer = Timer.objects.get(id=bad.id)
        assert (timer.state, timer.next_at, timer.attempts) == ("failed", None, 6)
        finding = Finding.objects.get()
        assert (finding.kind, finding.subject) == ("timer_failed", f"timer:{bad.id}")


def test_a_timer_that_recovers_fires_once_and_forgets_its_failures(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
        bad = clock_of(handoff)
    with monkeypatch.context() as patch:
        poison(patch, bad.id)
        sweep_tenant(acme.id, clock=fixed_clock(now + timedelta(minutes=2.5)))
    sweep_tenant(acme.id, clock=fixed_clock(now + timedelta(minutes=3.5)))
    with acme.scope():
        assert fired(handoff) == [50]
        assert Timer.objects.get(id=bad.id).attempts == 0


def test_a_row_that_only_the_commit_would_refuse_is_found_inside_the_turn(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Foreign keys are checked at the commit, too late to spare the neighbours, unless asked before."""
    with acme.scope():
        good = open_handoff(acme, at=now, owner=acme.reps[0])
        bad = open_handoff(acme, at=now, owner=acme.reps[1])
    honest = sweep.mark_dirty

    def mark(handoff_ids: Any, moment: datetime) -> None:
        ids = list(handoff_ids)
        honest([*ids, UUID(int=1)] if bad.id in ids else ids, moment)

    monkeypatch.setattr(sweep, "mark_dirty", mark)
    result = sweep_tenant(acme.id, clock=fixed_clock(now + timedelta(minutes=3)))
    assert (result.fired, result.poisoned) == (1, 1)
    with acme.scope():
        assert (fired(good), fired(bad)) == ([50], [])


def test_a_failed_move_leaves_no_half_of_a_breach_behind(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])

    def broken(*args: Any, **options: Any) -> None:
        raise RuntimeError("Nobody can be found.")

    monkeypatch.setattr(sweep, "reassign", broken)
    sweep_tenant(acme.id, clock=fixed_clock(now + timedelta(minutes=5)))
    with acme.scope():
        timer = clock_of(handoff)
        assert (timer.state, timer.breached_at, timer.attempts) == ("running", None, 1)
        assert fired(handoff) == []
        assert fired(handoff, "company") == [100]  # its own timer, its own savepoint
        assert Assignment.objects.filter(handoff=handoff).count() == 1
