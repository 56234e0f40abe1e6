"""Any sequence of what can happen to leads leaves every clock as a count on paper says, and the auditor
content.

HISTORIES is how many sequences are tried; HISTORY_STEPS how long each is. The quick suite tries a few.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from handoff import pauses, services
from handoff.moves import MoveRequest, reassign
from handoff.services import Actor
from handoff.sweep import sweep_tenant
from leads.models import Assignment, Handoff, Lead
from sla import moving
from sla.auditor import audit_tenant
from sla.models import PolicyVersion, Timer
from tenants import versions
from tenants.calendars import change_calendar, make_spec
from tenants.clock import Clock, fixed_clock
from tenants.context import tenant_scope
from tenants.leave.services import remove_leave, schedule_leave
from tenants.models import Calendar, CalendarVersion, Leave
from tests.engine.paper import DAY, Answer, Office, PaperLead
from tests.factories import POLICY, Org, make_org
from tests.handoff.conftest import new_lead

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
OFFICES = (Office(9 * 60, 17 * 60), Office(8 * 60, 12 * 60), Office(13 * 60, 21 * 60))
PROMISES = ({"first_touch": 30, "decision": 240}, {"first_touch": 90, "decision": 120})
LEADS = 3
JUMPS = st.one_of(st.sampled_from([1, 5, 14, 15, 16, 29, 30, 31, 60, 240, DAY, 3 * DAY]), st.integers(1, 600))
WHICH = st.integers(0, LEADS - 1)


def moment(minute: int) -> datetime:
    return MONDAY + timedelta(minutes=minute)


def minute_of(at: datetime) -> int:
    whole, rest = divmod(at - MONDAY, timedelta(minutes=1))
    assert not rest, f"{at} is no whole minute"
    return whole


def policy(promise: dict[str, int]) -> dict[str, Any]:
    content = copy.deepcopy(POLICY)
    for target in content["tiers"][0]["targets"]:
        target["duration"] = {"minutes": promise[target["target"]]}
    return content


class Histories(RuleBasedStateMachine):
    """Up to three leads of one organisation, and all that may befall them."""

    def __init__(self, org: Org) -> None:
        super().__init__()
        self.org = org
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.scope = tenant_scope(org.id)
        self.scope.__enter__()
        self.now, self.act, self.swept = 10 * 60, 0, True
        self.office, self.promise = OFFICES[0], PROMISES[0]
        self.leads: list[tuple[Lead, PaperLead]] = []
        self.leave: dict[UUID, list[tuple[int, int]]] = {}
        self.undo: list[tuple[int, str, int, Callable[[Actor], None], Answer]] = []

    def teardown(self) -> None:
        self.scope.__exit__(None, None, None)
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    # --- What is said and seen ---

    @property
    def boss(self) -> Actor:
        return Actor.person(self.org.manager)

    def clock(self) -> Clock:
        return fixed_clock(moment(self.now))

    def handoff(self, lead: Lead) -> Handoff:
        return Handoff.objects.get(lead=lead)

    def chosen(self, which: int) -> tuple[Lead, PaperLead] | None:
        """The lead of this number, if it is there and still open."""
        if which >= len(self.leads) or self.leads[which][1].closed:
            return None
        return self.leads[which]

    def settle(self, *, sweep: bool = True) -> None:
        """Let the engine do its work, and read whom it gave the leads to."""
        if sweep:
            pauses.end_pauses(self.org.id, clock=self.clock())
            while sweep_tenant(self.org.id, clock=self.clock()).taken:
                pass
        self.swept = sweep
        for lead, paper in self.leads:
            spans = list(Assignment.objects.filter(handoff__lead=lead).order_by("started_at", "id"))
            paper.holders = {span.id: span.member_id for span in spans}
            paper.owners(
                [
                    (span.id, minute_of(span.started_at), span.ended_at and minute_of(span.ended_at))
                    for span in spans
                ],
                self.now,
                self.act,
            )
            if not paper.closed:
                paper.arm(self.office)

    # --- What happens ---

    @initialize()
    def first_lead(self) -> None:
        self.take_in()

    @precondition(lambda self: len(self.leads) < LEADS)
    @rule()
    def take_in(self) -> None:
        self.act += 1
        lead = new_lead(
            self.org, moment(self.now), email=f"lead{len(self.leads)}@okapi{len(self.leads)}.example"
        )
        self.leads.append((lead, PaperLead(self.now, dict(self.promise), leave=self.leave)))
        self.settle(sweep=self.swept)

    @rule(minutes=JUMPS, sweep=st.sampled_from([True, True, True, False]))
    def time_passes(self, minutes: int, sweep: bool) -> None:
        """An engine that is down for a while fires late what fell due."""
        self.act += 1
        self.now += minutes
        for _, paper in self.leads:
            if paper.waits_until is not None and paper.waits_until <= self.now:
                paper.go_on(paper.waits_until, self.act)
                sweep = True
            # Whether the engine was there at that very minute is for the races to test.
            sweep = sweep or any(clock.due() == self.now for clock in paper.clocks)
        self.settle(sweep=sweep)

    @rule(
        which=WHICH,
        ago=st.sampled_from([0, 0, 1, 10, 30, 60, DAY]),
        who=st.integers(0, 3),
        automatic=st.sampled_from([False, False, False, True]),
    )
    def touch(self, which: int, ago: int, who: int, automatic: bool) -> None:
        """By the manager (3) or by a rep, whose lead it may be; now, or earlier and logged late."""
        found = self.chosen(which)
        if found is None:
            return
        lead, paper = found
        self.act += 1
        at = self.now - ago
        member = self.org.manager if who == 3 else self.org.reps[who]
        made = services.log_touch(
            lead_id=lead.id,
            kind="call",
            actor=Actor.person(member),
            clock=self.clock(),
            at=moment(at),
            automatic=automatic,
        )
        holders = {
            span.member_id
            for span in Assignment.objects.filter(handoff__lead=lead)
            if minute_of(span.started_at) <= at and (span.ended_at is None or at <= minute_of(span.ended_at))
        }
        if at < paper.began or automatic or not (who == 3 or not holders or member.id in holders):
            return
        answer = Answer(at, self.act, self.now)
        paper.answers["first_touch"].append(answer)

        def take_back(actor: Actor) -> None:
            services.undo_touch(lead_id=lead.id, touch_id=made.id, actor=actor, clock=self.clock())

        self.undo.append((which, "first_touch", self.now, take_back, answer))
        self.settle(sweep=False)

    @rule(which=WHICH)
    def accept(self, which: int) -> None:
        found = self.chosen(which)
        if found is None or found[1].answers["decision"] or self.handoff(found[0]).owner_id is None:
            return
        lead, paper = found
        self.act += 1
        services.accept_lead(lead_id=lead.id, actor=self.boss, clock=self.clock())
        answer = Answer(self.now, self.act, self.now)
        paper.answers["decision"].append(answer)

        def take_back(actor: Actor) -> None:
            services.undo_accept(lead_id=lead.id, actor=actor, clock=self.clock())

        self.undo.append((which, "decision", self.now, take_back, answer))
        self.settle(sweep=False)

    @precondition(lambda self: bool(self.undo))
    @rule()
    def take_back(self) -> None:
        which, target, at, undo, answer = self.undo.pop()
        found = self.chosen(which)
        if found is None or at != self.now:
            return
        self.act += 1
        undo(self.boss)
        found[1].take_back(target, answer, self.now)
        self.settle(sweep=False)

    @rule(which=WHICH, nurture=st.booleans())
    def close(self, which: int, nurture: bool) -> None:
        found = self.chosen(which)
        if found is None or (found[1].answers["decision"] and not nurture):
            return
        lead, paper = found
        self.act += 1
        said: dict[str, Any] = {"lead_id": lead.id, "actor": self.boss, "clock": self.clock()}
        if nurture:
            services.nurture_lead(reason="not_evaluating", **said)
        else:
            services.reject_lead(reason="wrong_title", **said)
        if not paper.answers["decision"]:
            paper.answers["decision"].append(Answer(self.now, self.act, self.now))
        paper.close(self.now, self.act)
        self.settle(sweep=False)

    @rule(which=WHICH, minutes=st.sampled_from([10, 60, 500, DAY]))
    def pause(self, which: int, minutes: int) -> None:
        found = self.chosen(which)
        if found is None or found[1].waits_until is not None or not any(found[1].alive(self.now)):
            return
        lead, paper = found
        self.act += 1
        until = moment(self.now + minutes)
        pauses.pause_lead(
            lead_id=lead.id, reason="legal_check", actor=self.boss, clock=self.clock(), until=until
        )
        paper.pause(self.now, self.now + minutes)

    @rule(which=WHICH)
    def resume(self, which: int) -> None:
        found = self.chosen(which)
        if found is None or found[1].waits_until is None:
            return
        self.act += 1
        pauses.resume_lead(lead_id=found[0].id, actor=self.boss, clock=self.clock())
        found[1].go_on(self.now, self.act)

    @rule(which=WHICH, to=st.integers(0, 2))
    def give(self, which: int, to: int) -> None:
        """A manager gives it to one person, also one who had it before."""
        found = self.chosen(which)
        if found is None or self.handoff(found[0]).owner_id == self.org.reps[to].id:
            return
        self.act += 1
        services.reassign_lead(
            lead_id=found[0].id,
            why="Knows them.",
            actor=self.boss,
            clock=self.clock(),
            to=self.org.reps[to].id,
        )
        self.settle(sweep=False)

    @rule(which=WHICH)
    def queue(self, which: int) -> None:
        """What a step of the ladder does that puts the lead in the queue."""
        found = self.chosen(which)
        if found is None or self.handoff(found[0]).owner_id is None:
            return
        self.act += 1
        handoff = services.lock_handoff(found[0].id)
        reassign(
            [MoveRequest(handoff, Assignment.EndReason.REASSIGNED, to_queue=True)],
            now=moment(self.now),
            actor="engine",
        )
        self.settle(sweep=False)

    @rule(
        who=st.integers(0, 2),
        ahead=st.sampled_from([0, 0, 20, 300, DAY]),
        minutes=st.sampled_from([30, 240, DAY, 4 * DAY]),
    )
    def plan_leave(self, who: int, ahead: int, minutes: int) -> None:
        """A rep's clocks stand while they are away."""
        rep = self.org.reps[who]
        begin, end = self.now + ahead, self.now + ahead + minutes
        planned = self.leave.setdefault(rep.id, [])
        if any(begin < other_end and other < end for other, other_end in planned):
            return
        self.act += 1
        schedule_leave(
            member=rep,
            starts_at=moment(begin),
            ends_at=moment(end),
            reason="",
            actor="system",
            now=moment(self.now),
        )
        planned.append((begin, end))
        self.plans_change(rep.id)

    @rule(who=st.integers(0, 2))
    def come_back(self, who: int) -> None:
        """Leave that is not over is taken back."""
        rep = self.org.reps[who]
        planned = [span for span in self.leave.get(rep.id, []) if span[1] > self.now]
        if not planned:
            return
        self.act += 1
        leave = Leave.objects.get(member=rep, starts_at=moment(planned[-1][0]))
        remove_leave(leave=leave, actor="system", now=moment(self.now))
        self.leave[rep.id].remove(planned[-1])
        if planned[-1][0] < self.now:  # what has been of it stays
            self.leave[rep.id].append((planned[-1][0], self.now))
        self.plans_change(rep.id)

    def plans_change(self, member_id: UUID) -> None:
        for _, paper in self.leads:
            if not paper.closed:
                paper.plans_change(member_id, self.now)

    @rule(which=st.integers(0, len(OFFICES) - 1), order=st.booleans())
    def hours_change(self, which: int, order: bool) -> None:
        """Running clocks follow only where that was ordered."""
        self.act += 1
        self.office = OFFICES[which]
        version = change_hours(self.org, self.office, now=moment(self.now))
        if order:
            moving.order_calendar_move(version=version, actor="system", now=moment(self.now))
            moving.carry_on(self.org.id, clock=self.clock())
            for _, paper in self.leads:
                for clock in list(paper.alive(self.now)):
                    clock.office = self.office
        self.settle(sweep=True)

    @rule(which=st.integers(0, len(PROMISES) - 1), order=st.booleans())
    def promises_change(self, which: int, order: bool) -> None:
        self.act += 1
        self.promise = PROMISES[which]
        draft = versions.create_draft(
            PolicyVersion, content=policy(self.promise), actor="system", now=moment(self.now)
        )
        version = versions.publish(draft, actor="system", now=moment(self.now))
        if order:
            moving.order_policy_move(version=version, actor="system", now=moment(self.now))
            moving.carry_on(self.org.id, clock=self.clock())
            for _, paper in self.leads:
                alive = list(paper.alive(self.now))
                for clock in alive:
                    clock.minutes = self.promise[clock.target]
                if alive:
                    paper.minutes = dict(self.promise)
        self.settle(sweep=True)

    # --- What must be so ---

    @invariant()
    def every_clock_is_as_it_is_on_paper(self) -> None:
        for lead, paper in self.leads:
            stored = {
                (timer.target, timer.assignment_id): timer
                for timer in Timer.objects.filter(handoff__lead=lead)
            }
            assert stored.keys() == {(clock.target, clock.span) for clock in paper.clocks}
            for clock in paper.clocks:
                timer = stored[clock.target, clock.span]
                state, due = clock.verdict(paper.answers[clock.target], self.now)
                seen = minute_of(timer.due_at)
                late = timer.state == "running" and seen <= self.now
                who = f"{clock.target} of {clock.span or 'the company'}, {vars(clock)}, {paper.answers}"
                assert ("breached" if late else timer.state) == state, who
                assert due is None or seen == due, f"{who}: {timer.due_at} is not {moment(due)}"
                assert (timer.breached_at is not None or late) == (state == "breached"), who

    @invariant()
    def the_auditor_finds_nothing(self) -> None:
        found = audit_tenant(now=moment(self.now), full=True)
        assert [(each.kind, each.detail) for each in found if self.swept or each.kind != "timer_late"] == []


def change_hours(org: Org, office: Office, *, now: datetime) -> CalendarVersion:
    calendar = Calendar.objects.get(id=org.tenant.calendar_id)
    present = CalendarVersion.objects.get(id=calendar.current_version_id)
    opens, closes = (f"{at // 60:02}:{at % 60:02}" for at in (office.opens, office.closes))
    week = {day: [[opens, closes]] for day in ("mon", "tue", "wed", "thu", "fri")}
    spec = make_spec(tz="UTC", weekly=week, year=now.year)
    return change_calendar(calendar=calendar, spec=spec, expected=present.number, actor="system", now=now)


@pytest.mark.django_db
@pytest.mark.parametrize("histories", [8, pytest.param(40, marks=pytest.mark.slow)])
def test_after_anything_that_can_happen_every_clock_is_as_it_is_on_paper(histories: int) -> None:
    org = make_org("acme", now=MONDAY, time_zone="UTC", policy=policy(PROMISES[0]))
    with org.scope():
        change_hours(org, OFFICES[0], now=MONDAY)
    run_state_machine_as_test(
        lambda: Histories(org),
        settings=settings(
            max_examples=int(os.environ.get("HISTORIES", histories)),
            stateful_step_count=int(os.environ.get("HISTORY_STEPS", "25")),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
