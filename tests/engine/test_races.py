"""The sweep beside people: at the deadline itself, and in any mixture, on real connections of their own."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from handoff.intake import receive_leads
from handoff.moves import MoveRequest, reassign
from handoff.sweep import sweep, sweep_tenant
from leads.defaults import DEFAULT_CRITERIA
from leads.incoming import EngagementIn, LeadIn
from leads.models import Assignment, CriteriaVersion, Handoff, Touch
from sla.models import Timer, TimerEvent
from sla.services import meet
from slaportal.benches.crowd import Company, make_company, seed
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tests.threads import in_threads

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def company(transactional_db: None) -> Company:
    return make_company("company", reps=6, now=database_clock())


def deadlocks() -> int:
    """Deadlocks that the server has resolved in this database."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_clear_snapshot()")
        cursor.execute("select deadlocks from pg_stat_database where datname = current_database()")
        return int(cursor.fetchone()[0])


def answer(company: Company, handoff_id: UUID) -> datetime:
    """What logging a call does: lock the handoff, read the clock under the lock, meet the first touch."""
    with tenant_scope(company.tenant_id):
        handoff = Handoff.objects.select_for_update(of=("self",)).get(id=handoff_id)
        now = database_clock()
        Handoff.objects.filter(id=handoff_id).update(first_touch_at=now)
        Touch.objects.create(lead_id=handoff.lead_id, handoff=handoff, kind="call", at=now, logged_at=now)
        meet([handoff_id], "first_touch", at=now, now=now)
        return now


def put_deadline_close(company: Company, handoff_id: UUID, *, ahead_ms: float) -> datetime:
    """Let both first-touch clocks of a handoff end in a few milliseconds."""
    with tenant_scope(company.tenant_id):
        due_at = database_clock() + timedelta(milliseconds=ahead_ms)
        clocks = Timer.objects.filter(handoff_id=handoff_id, target="first_touch")
        clocks.update(due_at=due_at, next_at=due_at)
        return due_at


@pytest.mark.parametrize("races", [250, pytest.param(10_000, marks=pytest.mark.slow)])
def test_an_answer_at_the_deadline_is_in_time_or_late_and_never_both(company: Company, races: int) -> None:
    """So many times: a deadline a few milliseconds ahead, an answer that comes about then, and a sweep
    that never rests. Who holds the handoff first, wins, and the record agrees with the clock.
    """
    seed(company, size=races, started=database_clock(), lasts=timedelta(hours=1))
    with tenant_scope(company.tenant_id):
        ids = list(Handoff.objects.order_by("id").values_list("id", flat=True))
    due: dict[UUID, datetime] = {}
    answers: dict[UUID, datetime] = {}
    done: list[int] = []
    finished = threading.Event()

    def person(number: int) -> Callable[[], None]:
        def act() -> None:
            # As far ahead as an answer takes on this machine just now: about half of them are in time.
            ahead_ms = 8.0
            try:
                for handoff_id in ids[number::2]:
                    due[handoff_id] = put_deadline_close(company, handoff_id, ahead_ms=ahead_ms)
                    answers[handoff_id] = answer(company, handoff_id)
                    ahead_ms *= 1.15 if answers[handoff_id] > due[handoff_id] else 0.87
            finally:
                done.append(number)
                if len(done) == 2:
                    finished.set()

        return act

    def engine() -> None:
        while not finished.is_set():
            sweep_tenant(company.tenant_id)

    in_threads(person(0), person(1), engine)
    while sweep_tenant(company.tenant_id).taken:
        pass
    with tenant_scope(company.tenant_id):
        clocks = {
            timer.handoff_id: timer for timer in Timer.objects.filter(clock="company", target="first_touch")
        }
        breaches = set(
            TimerEvent.objects.filter(timer__clock="company", percent=100).values_list(
                "handoff_id", flat=True
            )
        )
        owner_breaches = set(
            TimerEvent.objects.filter(timer__clock="owner", percent=100).values_list("handoff_id", flat=True)
        )
    assert len(answers) == races
    in_time = {handoff_id for handoff_id, at in answers.items() if at <= due[handoff_id]}
    assert races > len(in_time) > 0, "Every answer fell on the same side: nothing was raced."
    for handoff_id, timer in clocks.items():
        expected = "met" if handoff_id in in_time else "breached"
        assert timer.state == expected, (timer.state, answers[handoff_id] - due[handoff_id])
        assert timer.met_at == answers[handoff_id]
    assert breaches == owner_breaches == set(due) - in_time


def test_two_sweeps_at_once_fire_each_step_once(company: Company) -> None:
    seed(company, size=400, started=database_clock() - timedelta(minutes=6))
    fired: list[int] = []

    def engine() -> None:
        fired.append(sweep(turn=50).fired)

    in_threads(engine, engine, engine)
    with tenant_scope(company.tenant_id):
        assert TimerEvent.objects.count() == 800 == sum(fired)
        assert Assignment.objects.filter(ended_at=None).count() == 400


def test_a_sweep_passes_by_what_somebody_holds_and_takes_it_later(company: Company) -> None:
    seed(company, size=3, started=database_clock() - timedelta(minutes=6))
    with tenant_scope(company.tenant_id):
        held_id = Handoff.objects.order_by("id").values_list("id", flat=True)[0]
    holding, release = threading.Event(), threading.Event()

    def person() -> None:
        with tenant_scope(company.tenant_id):
            Handoff.objects.select_for_update(of=("self",)).get(id=held_id)
            holding.set()
            release.wait(30)

    def engine() -> None:
        holding.wait(30)
        try:
            assert sweep_tenant(company.tenant_id).fired == 4
        finally:
            release.set()

    in_threads(person, engine)
    assert sweep_tenant(company.tenant_id).fired == 2


def test_sweeps_answers_moves_and_intakes_in_any_mixture_meet_no_deadlock(company: Company) -> None:
    seed(
        company,
        size=400,
        started=database_clock() - timedelta(seconds=20),
        apart=timedelta(milliseconds=5),
        lasts=timedelta(seconds=20),
    )
    now = database_clock()
    with tenant_scope(company.tenant_id):
        CriteriaVersion.objects.create(
            number=1, state="published", content=DEFAULT_CRITERIA, created_at=now, created_by="system"
        )
        ids = list(Handoff.objects.order_by("id").values_list("id", flat=True))
    before = deadlocks()
    stop = threading.Event()

    def person(number: int) -> Callable[[], None]:
        def act() -> None:
            chance = random.Random(number)
            try:
                for _ in range(40):
                    chosen = sorted(chance.sample(ids, 3))
                    if chance.random() < 0.5:
                        answer(company, chosen[0])
                    else:
                        move(company, chosen)
            finally:
                stop.set()

        return act

    def form() -> None:
        """The same forty people come again and again, five at a time, sometimes with a hotter interest."""
        chance = random.Random(3)
        while not stop.is_set():
            arrive(company, chance.sample(range(40), 5), hot=chance.random() < 0.5)
            with tenant_scope(company.tenant_id):
                # Their deadlines pass too, so that the sweep holds what the next arrival wants.
                theirs = Handoff.objects.filter(lead__email__startswith="visitor").order_by("id")
                locked = [handoff.id for handoff in theirs.select_for_update(of=("self",))]
                moment = database_clock()
                Timer.objects.filter(handoff_id__in=locked, state="running", next_at__gt=moment).update(
                    next_at=moment, due_at=moment
                )

    def engine() -> None:
        while not stop.is_set():
            sweep_tenant(company.tenant_id, limit=40)

    in_threads(person(1), person(2), form, engine, engine)
    while sweep_tenant(company.tenant_id).taken:
        pass
    assert deadlocks() == before
    with tenant_scope(company.tenant_id):
        owned = Assignment.objects.filter(ended_at=None, handoff_id__in=ids)
        assert owned.count() == 400
        running = Timer.objects.filter(state="running", clock="owner", target="decision", handoff_id__in=ids)
        assert running.count() == 400
        assert Handoff.objects.exclude(id__in=ids).filter(number=1).count() <= 40


def arrive(company: Company, visitors: list[int], *, hot: bool) -> None:
    """What the lead API does with a handful of people."""
    kind = "demo_request" if hot else "content_download"
    items = [
        LeadIn(email=f"visitor{number}@example.com", engagements=(EngagementIn(kind=kind),))
        for number in visitors
    ]
    with tenant_scope(company.tenant_id):
        results = receive_leads(items=items, actor="system", clock=database_clock)
    assert [result.error for result in results] == [None] * len(items)


def move(company: Company, handoff_ids: list[UUID]) -> None:
    """What a manager's bulk reassignment does."""
    with tenant_scope(company.tenant_id):
        handoffs = list(
            Handoff.objects.select_for_update(of=("self",)).filter(id__in=handoff_ids).order_by("id")
        )
        requests = [
            MoveRequest(handoff, Assignment.EndReason.REASSIGNED, why="Rebalanced.") for handoff in handoffs
        ]
        reassign(requests, now=database_clock(), actor="system")
