"""What lead and ticket systems are known to have got wrong, one test each, so that it stays right here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from django.core import mail

from handoff import pauses, services, sweep
from handoff.moves import EndReason, MoveRequest, reassign
from handoff.services import Actor
from handoff.sweep import BACK_OFF_MINUTES, sweep_tenant
from leads.models import Handoff, Lead
from notifications.models import OutboxMessage
from notifications.sending import deliver_round
from sla.models import Finding, Pause, Timer, TimerEvent
from sla.services import meet
from slaportal.benches.crowd import make_company, seed
from tenants.clock import fixed_clock
from tenants.context import tenant_scope
from tests.engine.scenes import clock_of, fired, open_handoff, told
from tests.factories import Org, make_org
from tests.handoff.conftest import handoff_of, new_lead, owner_of

pytestmark = pytest.mark.django_db
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def ruth(acme: Org, now: datetime) -> Lead:
    """A demo request: five minutes for the first touch, a working day for the decision."""
    return new_lead(acme, now)


def sweep_at(tenant_id: UUID, moment: datetime) -> None:
    """Take turns until nothing is due at `moment`."""
    while sweep_tenant(tenant_id, clock=fixed_clock(moment)).taken:
        pass


def told_by_the_clock(org: Org) -> Counter[str]:
    """What clocks told people, by kind; what expired unsent was not told."""
    with org.scope():
        rows = OutboxMessage.objects.filter(kind__startswith="timer.").exclude(state="expired")
        return Counter(rows.values_list("kind", flat=True))


# --- A touch, a closing, a return ---


def test_a_touch_already_logged_stops_the_escalation_at_fire_time(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    sweep_at(acme.id, now + 2.5 * MINUTE)
    owner = owner_of(acme, ruth)
    with acme.scope():
        services.log_touch(
            lead_id=ruth.id, kind="call", actor=Actor.person(owner), clock=fixed_clock(now + 3 * MINUTE)
        )
    for minutes in (4, 5, 10, 60):
        sweep_at(acme.id, now + minutes * MINUTE)
    handoff = handoff_of(acme, ruth)
    with acme.scope():
        assert fired(handoff) == [50]
        assert fired(handoff, "company") == []
        assert told(handoff.id, "timer.warned") == told(handoff.id, "timer.breached") == set()
    assert handoff.owner_id == owner.id


def _reject(lead: Lead, said: dict[str, Any]) -> None:
    services.reject_lead(lead_id=lead.id, reason="wrong_title", **said)


def _nurture(lead: Lead, said: dict[str, Any]) -> None:
    services.nurture_lead(lead_id=lead.id, reason="not_evaluating", until=None, **said)


def _disqualify(lead: Lead, said: dict[str, Any]) -> None:
    services.move_to_stage(lead_id=lead.id, to="disqualified", why="A student.", **said)


def _lose(lead: Lead, said: dict[str, Any]) -> None:
    services.accept_lead(lead_id=lead.id, **said)
    services.move_to_stage(lead_id=lead.id, to="sql", why="", **said)
    services.move_to_stage(lead_id=lead.id, to="opportunity", why="", **said)
    services.move_to_stage(lead_id=lead.id, to="lost", why="No budget.", **said)


@pytest.mark.parametrize("close", [_reject, _nurture, _disqualify, _lose])
def test_a_closed_lead_fires_nothing(
    acme: Org, ruth: Lead, now: datetime, close: Callable[[Lead, dict[str, Any]], None]
) -> None:
    said = {"actor": Actor.person(owner_of(acme, ruth)), "clock": fixed_clock(now + MINUTE)}
    with acme.scope():
        close(ruth, said)
        assert not Timer.objects.filter(next_at__isnull=False).exists()
    for later in (3 * MINUTE, 6 * MINUTE, DAY, 5 * DAY):
        sweep_at(acme.id, now + later)
    with acme.scope():
        assert TimerEvent.objects.count() == 0
    assert told_by_the_clock(acme) == Counter()


def test_a_reminder_that_waits_to_be_sent_is_not_sent_once_the_lead_is_closed(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    sweep_at(acme.id, now + 2.5 * MINUTE)
    assert told_by_the_clock(acme)["timer.reminder"] > 0
    with acme.scope():
        _reject(ruth, {"actor": Actor.person(owner_of(acme, ruth)), "clock": fixed_clock(now + 3 * MINUTE)})
    assert told_by_the_clock(acme) == Counter()


def test_a_lead_that_becomes_mql_again_is_measured_afresh(acme: Org, ruth: Lead, now: datetime) -> None:
    sweep_at(acme.id, now + 2.5 * MINUTE)
    with acme.scope():
        _nurture(ruth, {"actor": Actor.person(owner_of(acme, ruth)), "clock": fixed_clock(now + 3 * MINUTE)})
    first = handoff_of(acme, ruth)
    back = now + 7 * DAY
    assert new_lead(acme, back).id == ruth.id
    second = handoff_of(acme, ruth)
    assert second.id != first.id
    for clock in ("company", "owner"):
        with acme.scope():
            timer = clock_of(second, clock)
        assert (timer.started_at, timer.due_at) == (back, back + 5 * MINUTE)
        assert (timer.state, timer.met_at, timer.breached_at, timer.generation) == ("running", None, None, 1)
    sweep_at(acme.id, back + 4 * MINUTE)
    with acme.scope():
        assert (fired(first), fired(second)) == ([50], [50, 80])


# --- Two deadlines of one lead ---

_TOUCHES = (None, 2 * MINUTE, 5 * MINUTE, 7 * MINUTE)
_DECISIONS = (None, 3 * MINUTE, DAY, DAY + MINUTE)


@pytest.mark.parametrize("swept", [True, False], ids=["swept all along", "swept at the end"])
@pytest.mark.parametrize(("touch", "decision"), list(product(_TOUCHES, _DECISIONS)))
def test_first_response_and_decision_never_overwrite_each_other(
    acme: Org, now: datetime, touch: timedelta | None, decision: timedelta | None, swept: bool
) -> None:
    """Each target is judged by its own answer and its own deadline, whatever became of the other one."""
    with acme.scope():
        handoff = open_handoff(acme, at=now, owner=acme.reps[0])
        due = {target: clock_of(handoff, "company", target).due_at for target in ("first_touch", "decision")}
    assert due == {"first_touch": now + 5 * MINUTE, "decision": now + DAY}
    answers = {"first_touch": touch, "decision": decision}
    happens = sorted((at, target) for target, at in answers.items() if at is not None)
    looks = (2.5 * MINUTE, 4 * MINUTE, 6 * MINUTE, 8 * MINUTE, DAY / 2, DAY + 2 * MINUTE) if swept else ()
    for at, target in sorted([*happens, *((look, "") for look in looks)]):
        if not target:
            sweep_at(acme.id, now + at)
            continue
        with acme.scope():
            column = "first_touch_at" if target == "first_touch" else "accepted_at"
            Handoff.objects.filter(id=handoff.id).update(**{column: now + at})
            meet([handoff.id], target, at=now + at, now=now + at)
    sweep_at(acme.id, now + 2 * DAY)
    for target, at in answers.items():
        with acme.scope():
            timer = clock_of(handoff, "company", target)
            breaches = fired(handoff, "company", target).count(100)
        in_time = at is not None and now + at <= due[target]
        assert timer.due_at == due[target]
        assert timer.met_at == (None if at is None else now + at)
        assert timer.state == ("met" if in_time else "breached")
        assert timer.breached_at == (None if in_time else due[target])
        assert breaches == (0 if in_time else 1)


# --- Many at once ---


def many_at_once(size: int, now: datetime) -> Any:
    """So many leads that all break their deadline at once, in a team with one manager."""
    company = make_company("monday", reps=5, now=now)
    seed(company, size=size, started=now - 6 * MINUTE)
    return company


@pytest.fixture
def monday(now: datetime) -> Any:
    return many_at_once(500, now)


def test_five_hundred_leads_at_once_do_not_send_five_hundred_mails(monday: Any, now: datetime) -> None:
    sweep_at(monday.tenant_id, now)
    with tenant_scope(monday.tenant_id):
        breaches = OutboxMessage.objects.filter(kind="timer.breached", channel="email")
        assert breaches.count() == 500
        assert breaches.values("member_id").distinct().count() == 1
    minutes = 0
    with ThreadPoolExecutor(4) as pool:
        while minutes < 60:
            before = len(mail.outbox)
            while deliver_round([monday.tenant_id], clock=fixed_clock(now + minutes * MINUTE), pool=pool):
                pass
            wrote = Counter(message.to[0] for message in mail.outbox[before:])
            assert all(number == 1 for number in wrote.values()), wrote
            minutes += 1
            with tenant_scope(monday.tenant_id):
                if not OutboxMessage.objects.filter(channel="email", state__in=("pending", "taken")).exists():
                    break
    with tenant_scope(monday.tenant_id):
        mails = [message for message in mail.outbox if message.to == ["manager@monday.example"]]
        assert len(mails) <= 20
        assert breaches.filter(state="sent").count() == 500
        assert breaches.values("delivery_id").distinct().count() == len(mails)


@pytest.mark.parametrize("leads", [100, pytest.param(500, marks=pytest.mark.slow)])
def test_one_poisoned_timer_in_a_hundred_fails_alone(
    now: datetime, monkeypatch: pytest.MonkeyPatch, leads: int
) -> None:
    """Each lead has two due timers, and one in a hundred of them raises: the others fire at once, those back
    off and end failed."""
    monday = many_at_once(leads, now)
    poison = leads // 50
    with tenant_scope(monday.tenant_id):
        due = Timer.objects.filter(next_at__lte=now).order_by("id")
        poisoned = set(due.filter(clock="company").values_list("id", flat=True)[:leads:50])
        assert (due.count(), len(poisoned)) == (2 * leads, poison)
    honest = sweep._firing

    def firing(handoff: Handoff, timer: Any, moment: datetime) -> Any:
        if timer.id in poisoned:
            raise ValueError("This timer is broken.")
        return honest(handoff, timer, moment)

    monkeypatch.setattr(sweep, "_firing", firing)
    sweep_at(monday.tenant_id, now)
    with tenant_scope(monday.tenant_id):
        assert TimerEvent.objects.filter(percent=100).count() == 2 * leads - poison
        assert set(Timer.objects.filter(attempts=1).values_list("id", flat=True)) == poisoned
        assert not Finding.objects.exists()
        # What the new owners do with their leads is another story.
        Timer.objects.exclude(id__in=poisoned).update(next_at=None)
    moment = now
    for minutes in BACK_OFF_MINUTES:
        moment += minutes * MINUTE
        sweep_at(monday.tenant_id, moment)
    with tenant_scope(monday.tenant_id):
        assert set(Timer.objects.filter(state="failed").values_list("id", flat=True)) == poisoned
        subjects = list(Finding.objects.filter(kind="timer_failed").values_list("subject", flat=True))
        assert sorted(subjects) == sorted(f"timer:{timer_id}" for timer_id in poisoned)
        assert TimerEvent.objects.filter(percent=100).count() == 2 * leads - poison


# --- The engine was down ---


def test_after_a_weekend_without_an_engine_each_step_fires_once_and_each_person_gets_one_mail(
    org_always: Org, now: datetime
) -> None:
    """Twenty leads of one rep that nobody answers, on hours that never close, and three days of silence."""
    monday = now + 3 * DAY
    rep = org_always.reps[0]
    with org_always.scope():
        handoffs = [open_handoff(org_always, at=now + number * MINUTE, owner=rep) for number in range(20)]
    sweep_at(org_always.id, monday)
    sweep_at(org_always.id, monday)
    with org_always.scope():
        for handoff in handoffs:
            events = TimerEvent.objects.filter(timer__member=rep, handoff=handoff)
            once = events.values("timer", "generation", "step").distinct().count()
            touch = events.filter(timer__target="first_touch").order_by("step")
            assert list(touch.values_list("percent", flat=True)) == [50, 80, 100]
            assert events.count() == once
            assert {event.fired_at for event in events} == {monday}
    with ThreadPoolExecutor(1) as pool:
        while deliver_round([org_always.id], clock=fixed_clock(monday), pool=pool):
            pass
    wrote = Counter(message.to[0] for message in mail.outbox)
    assert {rep.user.email, org_always.manager.user.email} <= wrote.keys()
    assert set(wrote.values()) == {1}, wrote


@pytest.fixture
def org_always(db: None, now: datetime) -> Org:
    """An organisation whose hours never close."""
    return make_org("always", now=now, hours="always")


def test_a_clock_started_by_an_undone_touch_stands_while_the_lead_waits(
    acme: Org, ruth: Lead, now: datetime
) -> None:
    first, second = owner_of(acme, ruth), acme.reps[-1]
    if first.id == second.id:
        second = acme.reps[0]
    at, boss = fixed_clock(now + MINUTE), Actor.person(acme.manager)
    with acme.scope():
        touch = services.log_touch(lead_id=ruth.id, kind="call", actor=Actor.person(first), clock=at)
        services.reassign_lead(lead_id=ruth.id, why="Knows them.", actor=boss, clock=at, to=second.id)
        pauses.pause_lead(lead_id=ruth.id, reason="legal_check", actor=boss, clock=at)
        services.undo_touch(lead_id=ruth.id, touch_id=touch.id, actor=boss, clock=at)
        clock = clock_of(handoff_of(acme, ruth))
        assert (clock.member_id, clock.state, clock.next_at) == (second.id, "paused", None)
        pauses.resume_lead(lead_id=ruth.id, actor=boss, clock=fixed_clock(now + 31 * MINUTE))
        clock = clock_of(handoff_of(acme, ruth))
        assert (clock.state, clock.due_at) == ("running", now + 36 * MINUTE)


def test_a_waiting_lead_that_finds_an_owner_waits_no_longer(acme: Org, ruth: Lead, now: datetime) -> None:
    """It was put in the queue and paused there; whoever gets it has not agreed to wait."""
    boss = Actor.person(acme.manager)
    with acme.scope():
        handoff = services.lock_handoff(ruth.id)
        reassign([MoveRequest(handoff, EndReason.REASSIGNED, to_queue=True)], now=now, actor="engine")
        pauses.pause_lead(lead_id=ruth.id, reason="legal_check", actor=boss, clock=fixed_clock(now + MINUTE))
        services.reassign_lead(
            lead_id=ruth.id, why="Free.", actor=boss, clock=fixed_clock(now + 11 * MINUTE), to=acme.reps[1].id
        )
        ended = Pause.objects.get()
        assert (ended.ended_at, ended.end_reason) == (now + 11 * MINUTE, "moved")
        company, owner = (clock_of(handoff, clock) for clock in ("company", "owner"))
    assert (company.state, company.due_at) == ("running", now + 15 * MINUTE)
    assert (owner.state, owner.due_at) == ("running", now + 16 * MINUTE)
