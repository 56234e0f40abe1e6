"""Stages, handoffs, owners and touches: what the services write, for many at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.errors import NotFound, StageError, ValidationFailed
from leads.lifecycle import Stage
from leads.models import Assignment, DirtyHandoff, Handoff, Lead, StageChange, Touch
from leads.selectors import get_lead
from leads.services import (
    NewOwner,
    close_handoffs,
    end_assignments,
    move_stage,
    move_stages,
    open_handoffs,
    record_touch,
    start_assignments,
    undo_touch,
)


def leads_at(stage: Stage, now, count: int = 2) -> list[Lead]:
    return [
        Lead.objects.create(email=f"a{n}@example.com", stage=stage, created_at=now, updated_at=now)
        for n in range(count)
    ]


def test_stages_move_together_and_each_step_is_kept(in_acme, now):
    leads = leads_at(Stage.LEAD, now)
    later = now + timedelta(minutes=1)
    assert move_stages(leads, Stage.MQL, actor="system", now=later, why="fits") == leads
    assert move_stages(leads, Stage.MQL, actor="system", now=later) == []
    assert (
        list(StageChange.objects.values_list("old", "new", "at", "actor", "why"))
        == [("lead", "mql", later, "system", "fits")] * 2
    )
    assert set(Lead.objects.values_list("stage", "updated_at")) == {("mql", later)}


def test_a_step_that_the_lifecycle_lacks_moves_nobody(in_acme, now):
    fine, wrong = leads_at(Stage.MQL, now)
    Lead.objects.filter(id=wrong.id).update(stage=Stage.WON)
    wrong.stage = Stage.WON
    with pytest.raises(StageError):
        move_stages([fine, wrong], Stage.SAL, actor="system", now=now)
    assert StageChange.objects.count() == 0
    assert Lead.objects.get(id=fine.id).stage == Stage.MQL


def test_a_lead_has_one_open_handoff_and_the_next_one_counts_on(in_acme, now):
    (lead,) = leads_at(Stage.MQL, now, 1)
    (first,) = open_handoffs([lead], now=now)
    assert open_handoffs([lead], now=now) == []
    close_handoffs([first], outcome=Handoff.Outcome.NURTURE, now=now)
    (second,) = open_handoffs([lead], now=now)
    assert (first.number, second.number) == (1, 2)


def test_owners_change_in_spans_without_a_gap_or_an_overlap(in_acme, now):
    leads = leads_at(Stage.MQL, now)
    handoffs = open_handoffs(leads, now=now)
    first, second = in_acme.reps[0], in_acme.reps[1]
    start_assignments([NewOwner(handoff, first.id) for handoff in handoffs], now=now, first=True)
    later = now + timedelta(minutes=5)
    end_assignments(handoffs, reason=Assignment.EndReason.BREACH, now=later, clear_owner=False)
    start_assignments([NewOwner(handoff, second.id, reason="x" * 300) for handoff in handoffs], now=later)

    spans = Assignment.objects.order_by("handoff_id", "hop").values_list(
        "member_id", "hop", "started_at", "ended_at"
    )
    assert list(spans) == [(first.id, 0, now, later), (second.id, 1, later, None)] * 2
    assert set(Handoff.objects.values_list("owner_id", "owned_since", "hops")) == {(second.id, later, 1)}
    assert set(Lead.objects.values_list("owner_id", flat=True)) == {second.id}
    assert DirtyHandoff.objects.filter(handoff=handoffs[0]).exists()


def test_closing_ends_the_span_and_keeps_who_had_it(in_acme, now):
    (lead,) = leads_at(Stage.MQL, now, 1)
    (handoff,) = open_handoffs([lead], now=now)
    start_assignments([NewOwner(handoff, in_acme.reps[0].id)], now=now, first=True)
    (ended,) = close_handoffs([handoff], outcome=Handoff.Outcome.REJECTED, now=now + timedelta(hours=1))
    assert (ended.end_reason, ended.ended_at) == ("closed", now + timedelta(hours=1))
    assert close_handoffs([handoff], outcome=Handoff.Outcome.LOST, now=now) == []
    stored = Handoff.objects.get()
    assert (stored.state, stored.outcome, stored.owner_id) == ("closed", "rejected", in_acme.reps[0].id)
    assert Lead.objects.get().owner_id is None


def test_the_earliest_touch_that_counts_is_the_first(in_acme, now):
    (lead,) = leads_at(Stage.MQL, now, 1)
    (handoff,) = open_handoffs([lead], now=now)

    def touch(minutes: int, **more):
        return record_touch(
            lead=lead, handoff=handoff, kind="call", at=now + timedelta(minutes=minutes), now=now, **more
        )

    touch(1, automatic=True)
    assert Handoff.objects.get().first_touch_at is None
    touch(9, counts=True)
    kept, is_new = touch(5, counts=True, external_id="t1")
    assert is_new
    assert Handoff.objects.get().first_touch_at == now + timedelta(minutes=5)
    same, is_new = touch(7, counts=True, external_id="t1")
    assert (same.id, is_new) == (kept.id, False)
    undo_touch(kept, first_touch_at=now + timedelta(minutes=9), now=now)
    assert Handoff.objects.get().first_touch_at == now + timedelta(minutes=9)
    assert Touch.objects.filter(undone_at__isnull=False).count() == 1


def test_an_unknown_kind_of_touch_is_refused(in_acme, now):
    (lead,) = leads_at(Stage.MQL, now, 1)
    with pytest.raises(ValidationFailed):
        record_touch(lead=lead, handoff=None, kind="fax", at=now, now=now)
    assert Touch.objects.count() == 0


def test_another_organisations_lead_is_not_found(acme, globex, now):
    with acme.scope():
        (lead,) = leads_at(Stage.LEAD, now, 1)
        assert get_lead(lead_id=lead.id) == lead
        assert move_stage(lead, Stage.MQL, actor="system", now=now) is True
    with globex.scope(), pytest.raises(NotFound):
        get_lead(lead_id=lead.id)
