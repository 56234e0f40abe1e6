"""Leads get owners and change hands: what is written, who is told, which clocks run."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.errors import Conflict
from handoff.moves import AssignRequest, MoveRequest, MoveResult, assign_new, drain_unrouted, reassign
from leads.models import Assignment, Handoff, Lead
from notifications.models import OutboxMessage
from routing.models import Decision, RepLoad, RoutingSettings, RuleSetVersion
from sla.models import Finding, Timer
from sla.services import arm_company
from tenants.clock import fixed_clock
from tenants.models import Member, RepProfile
from tests.factories import Org
from tests.routing.conftest import make_handoffs

pytestmark = pytest.mark.django_db

BREACH = Assignment.EndReason.BREACH
REROUTED = Assignment.EndReason.REROUTED


def assign(handoffs: list[Handoff], now: datetime) -> list[MoveResult]:
    """As intake does it: route, then arm the company's clocks."""
    requests = [AssignRequest(handoff) for handoff in handoffs]
    results = assign_new(requests, trigger="intake", now=now, actor="system")
    arm_company(handoffs)
    return results


def move(handoff: Handoff, now: datetime, reason: Assignment.EndReason = BREACH, **fields: Any) -> MoveResult:
    (result,) = reassign([MoveRequest(handoff, reason, **fields)], now=now, actor="engine")
    return result


def kinds(member: Member | UUID) -> list[str]:
    """Kinds of the messages that wait for a person in the app."""
    member_id = member if isinstance(member, UUID) else member.id
    rows = OutboxMessage.objects.filter(member_id=member_id, channel="inapp", state="pending")
    return sorted(rows.values_list("kind", flat=True))


def take_off_rotation(members: list[Member]) -> None:
    RepProfile.objects.filter(member__in=members).update(on_rotation=False)


class TestNewLeads:
    def test_leads_go_round_the_pool(self, in_acme: Org, handoffs: list[Handoff], now: datetime) -> None:
        results = assign(handoffs, now)
        assert Counter(result.new_member_id for result in results) == {rep.id: 2 for rep in in_acme.reps}

    def test_everything_is_written(self, in_acme: Org, handoffs: list[Handoff], now: datetime) -> None:
        (result, *_) = assign(handoffs, now)
        handoff = Handoff.objects.get(id=result.handoff_id)
        assignment = Assignment.objects.get(handoff=handoff)
        decision = Decision.objects.get(id=assignment.decision_id)
        assert handoff.owner_id == assignment.member_id == decision.member_id == result.new_member_id
        assert (handoff.owned_since, handoff.hops, handoff.unrouted_reason) == (now, 0, "")
        assert Lead.objects.get(id=handoff.lead_id).owner_id == handoff.owner_id
        assert decision.trigger == "intake"
        assert decision.rule == "Everyone"
        assert "your turn in Inbound" in assignment.reason
        owner_clocks = Timer.objects.filter(handoff=handoff, clock="owner", member_id=handoff.owner_id)
        assert set(owner_clocks.values_list("target", flat=True)) == {"first_touch", "decision"}
        assert kinds(result.new_member_id) == ["lead.assigned", "lead.assigned"]

    def test_the_trace_holds_ids_and_no_names(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        (result, *_) = assign(handoffs, now)
        text = str(Decision.objects.get(id=result.decision.id).trace)
        assert all(str(rep.id) in text for rep in in_acme.reps)
        assert not any(word in text for word in ("Rep1", "customer.example", "Germany"))

    def test_a_batch_costs_the_same_statements_whatever_its_size(self, in_acme: Org, now: datetime) -> None:
        assign(make_handoffs(in_acme, 1, now=now, prefix="first"), now)  # fills the caches

        def statements(count: int, prefix: str) -> int:
            made = make_handoffs(in_acme, count, now=now, prefix=prefix)
            requests = [AssignRequest(handoff) for handoff in made]
            with CaptureQueriesContext(
                connection,
            ) as caught:
                assign_new(requests, trigger="intake", now=now, actor="system")
            return len(caught)

        assert statements(2, "few") == statements(50, "many")

    def test_an_owner_from_outside_is_kept_and_counted(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        chosen = in_acme.reps[2]
        requests = [AssignRequest(handoff, owner_hint=chosen.id) for handoff in handoffs]
        results = assign_new(requests, trigger="intake", now=now, actor="system")
        assert {(r.new_member_id, r.reason, r.decision.trigger) for r in results} == {
            (chosen.id, "outside", "outside")
        }
        assert RepLoad.objects.get(member=chosen).open_leads == len(handoffs)
        in_acme.pool.refresh_from_db()
        assert in_acme.pool.counters == {}

    def test_an_outside_owner_who_left_is_replaced(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        gone, *_ = in_acme.reps
        Member.objects.filter(id=gone.id).update(is_active=False)
        (result,) = assign_new(
            [AssignRequest(handoffs[0], owner_hint=gone.id)], trigger="intake", now=now, actor="system"
        )
        assert result.outcome == "assigned"
        assert result.new_member_id not in (None, gone.id)

    def test_without_routing_a_lead_without_owner_waits(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        RoutingSettings.objects.update(enabled=False)
        (result, *_) = assign(handoffs, now)
        assert (result.outcome, result.reason) == ("unrouted", "outside")

    def test_facts_are_loaded_where_rules_ask(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        content = {
            "pools": [
                {
                    "name": "Germans who want a demo",
                    "when": {
                        "all": [
                            {"field": "lead.country", "op": "equals", "value": "Germany"},
                            {"field": "sla.tier", "op": "equals", "value": "demo_request"},
                        ]
                    },
                    "pool": "inbound",
                }
            ],
            "priorities": [{"name": "All", "when": None, "priority": 7}],
        }
        RuleSetVersion.objects.update(state="retired")
        RuleSetVersion.objects.create(
            number=2, state="published", content=content, created_at=now, created_by="system"
        )
        Lead.objects.filter(id=handoffs[1].lead_id).update(country="France")
        german, french = assign(handoffs[:2], now)
        assert (german.outcome, handoffs[0].priority) == ("assigned", 7)
        assert (french.outcome, french.reason) == ("unrouted", "no_rule")
        assert french.decision.trace["layers"]["pools"] == [
            {"name": "Germans who want a demo", "result": "no", "leaves": "01"}
        ]


class TestNobody:
    def test_the_fallback_person_hears_of_it_and_the_lead_waits_with_its_reason(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        take_off_rotation(in_acme.reps)
        results = assign(handoffs[:2], now)
        assert {(result.outcome, result.reason) for result in results} == {("unrouted", "nobody_available")}
        waiting = Handoff.objects.filter(owner=None, unrouted_reason="nobody_available")
        assert waiting.count() == 2
        assert kinds(in_acme.fallback) == ["lead.unrouted", "lead.unrouted"]

    def test_a_missing_fallback_person_becomes_a_finding_once(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        take_off_rotation(in_acme.reps)
        Member.objects.filter(id=in_acme.fallback.id).update(is_active=False)
        assign(handoffs[:1], now)
        assign(handoffs[1:2], now)
        assert Finding.objects.filter(kind="fallback_missing").count() == 1

    def test_they_are_routed_once_somebody_is_there(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        take_off_rotation(in_acme.reps)
        assign(handoffs, now)
        later = now + timedelta(minutes=2)
        assert drain_unrouted(in_acme.id, fixed_clock(later)) == 0
        told, decided = len(kinds(in_acme.fallback)), Decision.objects.count()
        assert drain_unrouted(in_acme.id, fixed_clock(later)) == 0
        # The same answer again is neither news nor a second record.
        assert (len(kinds(in_acme.fallback)), Decision.objects.count()) == (told, decided)
        RepProfile.objects.update(on_rotation=True)
        assert drain_unrouted(in_acme.id, fixed_clock(later)) == len(handoffs)
        assert not Handoff.objects.filter(owner=None).exists()
        # The company's clock no longer carries the ladder: it only looks again when it is due.
        company = Timer.objects.filter(clock="company", target="first_touch")
        assert {timer.next_at == timer.due_at for timer in company} == {True}
        assert Timer.objects.filter(clock="owner", started_at=later).count() == 2 * len(handoffs)

    def test_the_most_urgent_goes_first(self, in_acme: Org, now: datetime) -> None:
        low, high = make_handoffs(in_acme, 2, now=now)
        Handoff.objects.filter(id=high.id).update(priority=9)
        RepProfile.objects.update(cap_open=0)
        RepProfile.objects.filter(member=in_acme.reps[0]).update(cap_open=1)
        assert drain_unrouted(in_acme.id, fixed_clock(now)) == 1
        assert Handoff.objects.get(owner=in_acme.reps[0]).id == high.id
        assert Handoff.objects.get(id=low.id).unrouted_reason == "all_at_cap"


class TestMovingOn:
    def test_a_breach_moves_the_lead_and_its_clocks(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        (first, *_) = assign(handoffs[:1], now)
        later = now + timedelta(minutes=6)
        result = move(handoffs[0], later)
        assert result.outcome == "assigned"
        assert result.old_member_id == first.new_member_id != result.new_member_id
        old, new = Assignment.objects.filter(handoff=handoffs[0]).order_by("hop")
        assert (old.ended_at, old.end_reason) == (later, "breach")
        assert (new.started_at, new.hop, new.ended_at) == (later, 1, None)
        running = Timer.objects.filter(handoff=handoffs[0], clock="owner", state="running")
        assert set(running.values_list("assignment_id", flat=True)) == {new.id}
        loads = dict(RepLoad.objects.values_list("member_id", "open_leads"))
        assert (loads[result.old_member_id], loads[result.new_member_id]) == (0, 1)
        # The message to the first owner had not left yet, so it is moot.
        assert kinds(first.new_member_id) == ["lead.moved"]
        assert kinds(result.new_member_id) == ["lead.assigned"]

    def test_never_back_then_the_fallback_then_it_stays(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        (first,) = assign(handoffs[:1], now)
        handoff = handoffs[0]
        results = [move(handoff, now + timedelta(minutes=minute)) for minute in range(1, 6)]
        outcomes = [result.outcome for result in results]
        assert outcomes == ["assigned", "assigned", "fallback", "stays", "stays"]
        owners = [first.new_member_id, *(result.new_member_id for result in results)]
        assert set(owners[:3]) == {rep.id for rep in in_acme.reps}
        assert owners[3:] == [in_acme.fallback.id] * 3
        assert RepLoad.objects.get(member=in_acme.fallback).open_leads == 1

    def test_the_hop_limit_sends_it_to_the_fallback(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        RoutingSettings.objects.update(max_hops=1)
        assign(handoffs[:1], now)
        assert move(handoffs[0], now).outcome == "assigned"
        result = move(handoffs[0], now)
        assert (result.outcome, result.new_member_id) == ("fallback", in_acme.fallback.id)
        assert result.decision.trace["nobody"] == "hop_limit"

    def test_without_a_fallback_person_it_stays_and_an_operator_sees_it(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        assign(handoffs[:1], now)
        take_off_rotation(in_acme.reps)
        RoutingSettings.objects.update(fallback=None)
        before = handoffs[0].owner_id
        result = move(handoffs[0], now)
        assert (result.outcome, result.reason, result.new_member_id) == ("stays", "fallback_missing", before)
        assert Assignment.objects.get(handoff=handoffs[0]).ended_at is None
        assert Finding.objects.filter(kind="fallback_missing", cleared_at=None).exists()

    def test_a_lead_refused_as_not_theirs_waits_when_nobody_is_left(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        (first,) = assign(handoffs[:1], now)
        take_off_rotation(in_acme.reps)
        RoutingSettings.objects.update(fallback=None)
        result = move(handoffs[0], now + timedelta(minutes=1), REROUTED)
        assert (result.outcome, result.new_member_id) == ("unrouted", None)
        handoff = Handoff.objects.get(id=handoffs[0].id)
        assert (handoff.owner_id, handoff.unrouted_reason) == (None, "fallback_missing")
        assert RepLoad.objects.get(member_id=first.new_member_id).open_leads == 0
        assert not Timer.objects.filter(handoff=handoff, clock="owner", state="running").exists()
        company = Timer.objects.get(handoff=handoff, clock="company", target="first_touch")
        assert company.next_at is not None
        assert company.next_at < company.due_at  # it carries the ladder again

    def test_by_hand_beats_caps_and_history(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        (first,) = assign(handoffs[:1], now)
        move(handoffs[0], now)
        RepProfile.objects.update(cap_open=0)
        result = move(
            handoffs[0],
            now,
            Assignment.EndReason.REASSIGNED,
            to_member_id=first.new_member_id,
            why="Knows her.",
        )
        assert (result.outcome, result.new_member_id) == ("assigned", first.new_member_id)
        assert result.assignment is not None
        assert result.assignment.reason.endswith("Knows her.")

    def test_by_hand_takes_a_waiting_lead(self, in_acme: Org, handoffs: list[Handoff], now: datetime) -> None:
        take_off_rotation(in_acme.reps)
        assign(handoffs[:1], now)
        result = move(handoffs[0], now, Assignment.EndReason.REASSIGNED, to_member_id=in_acme.reps[0].id)
        assert (result.old_member_id, result.new_member_id) == (None, in_acme.reps[0].id)
        assert result.assignment is not None
        assert result.assignment.hop == 0

    def test_by_hand_refuses_the_inactive_and_the_owner(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        (first,) = assign(handoffs[:1], now)
        gone = next(rep for rep in in_acme.reps if rep.id != first.new_member_id)
        Member.objects.filter(id=gone.id).update(is_active=False)
        with pytest.raises(Conflict, match="not active"):
            move(handoffs[0], now, to_member_id=gone.id)
        with pytest.raises(Conflict, match="already"):
            move(handoffs[0], now, to_member_id=first.new_member_id)

    def test_without_routing_nothing_is_taken_from_anybody(
        self, in_acme: Org, handoffs: list[Handoff], now: datetime
    ) -> None:
        assign(handoffs[:1], now)
        RoutingSettings.objects.update(enabled=False)
        assert move(handoffs[0], now).outcome == "stays"

    def test_hundreds_move_at_once(self, in_acme: Org, now: datetime) -> None:
        many = make_handoffs(in_acme, 120, now=now)
        assign(many, now)
        before = {handoff.id: handoff.owner_id for handoff in many}
        requests = [MoveRequest(handoff, BREACH) for handoff in many]
        results = reassign(requests, now=now + timedelta(minutes=6), actor="engine")
        assert all(result.new_member_id != before[result.handoff_id] for result in results)
        assert Counter(result.new_member_id for result in results) == {rep.id: 40 for rep in in_acme.reps}
        assert set(RepLoad.objects.exclude(member=in_acme.fallback).values_list("open_leads", flat=True)) == {
            40
        }

    def test_history_is_told_to_nobody(self, in_acme: Org, now: datetime) -> None:
        assign(make_handoffs(in_acme, 2, now=now, is_history=True), now)
        assert not OutboxMessage.objects.exists()
