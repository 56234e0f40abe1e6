"""A team in shadow: everything is measured, nothing is told or moved, and what would have been is written
down."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from handoff.absences import move_from_absent
from handoff.intake import receive_lead
from handoff.moves import drain_unrouted
from handoff.services import Actor, reassign_lead, reject_lead, try_again
from handoff.shadow import Gate
from handoff.sweep import sweep_tenant
from leads.incoming import EngagementIn, LeadIn
from leads.models import Assignment, Handoff
from notifications.models import OutboxMessage, WebhookEndpoint
from routing.models import PoolSeat, RepLoad
from sla.auditor import audit_tenant
from sla.models import HeldBack, TimerEvent
from tenants.clock import fixed_clock
from tenants.models import Leave, Member, Mode, Role, Team
from tenants.services import add_member, set_rep_profile, switch_mode
from tests.engine.scenes import clock_of, fired, open_handoff
from tests.engine.test_sweep import minutes, sweep_at
from tests.factories import POLICY, Org, make_org

pytestmark = pytest.mark.django_db

UNSENT = OutboxMessage.State.SUPPRESSED


def switch(org: Org, mode: Mode, now: datetime, team: Team | None = None) -> None:
    with org.scope():
        switch_mode(tenant=org.tenant, team=team, mode=mode, actor=f"member:{org.admin.id}", now=now)


def second_team(org: Org) -> tuple[Team, Member]:
    """A team beside the first, with one rep in the same pool and the same manager."""
    with org.scope():
        team = Team.objects.create(name="Outbound", manager=org.manager)
        rep = add_member(
            tenant=org.tenant,
            name="Olga",
            email=f"olga@{org.tenant.slug}.example",
            role=Role.REP,
            team=team,
        )
        set_rep_profile(member=rep, time_zone="Europe/Berlin")
        RepLoad.objects.create(member=rep)
        PoolSeat.objects.create(pool=org.pool, member=rep)
        return team, rep


def owned(org: Org, now: datetime, owner: Member | None, tier: str = "demo_request") -> Handoff:
    with org.scope():
        return open_handoff(org, at=now, owner=owner, tier=tier)


def owner_of(org: Org, handoff: Handoff) -> object:
    with org.scope():
        return Handoff.objects.get(id=handoff.id).owner_id


def messages(org: Org, handoff: Handoff) -> set[tuple[str, str]]:
    """(kind, state) of what was written to the outbox about a handoff."""
    with org.scope():
        rows = OutboxMessage.objects.filter(subject=f"handoff:{handoff.id}")
        return set(rows.values_list("kind", "state"))


def held(org: Org, handoff: Handoff) -> list[tuple[str, int | None, str]]:
    """(kind, percent, moves) of what was held back, in order."""
    with org.scope():
        rows = HeldBack.objects.filter(handoff=handoff).order_by("at", "id")
        return list(rows.values_list("kind", "percent", "moves"))


def audited(org: Org, now: datetime) -> list[str]:
    with org.scope():
        return [finding.detail for finding in audit_tenant(now=now, full=True)]


# --- The gate ---


def test_the_gate_holds_the_people_of_shadowed_teams_and_without_a_team_goes_by_the_organisation(
    acme: Org,
) -> None:
    team, other = acme.team.id, acme.id
    a, b, c = (rep.id for rep in acme.reps)
    gate = Gate(house=False, shadowed=frozenset({team}), teams={a: team, b: other, c: None})
    assert [gate.holds(each) for each in (a, b, c, None)] == [True, False, False, False]
    house = Gate(house=True, shadowed=frozenset(), teams={a: team, c: None})
    assert [house.holds(each) for each in (a, c, None)] == [False, True, True]


# --- The sweep ---


def test_one_sweep_fires_for_the_live_team_and_only_measures_the_one_in_shadow(
    acme: Org, globex: Org, now: datetime
) -> None:
    team, olga = second_team(acme)
    switch(acme, Mode.SHADOW, now, team)
    live, shadow = owned(acme, now, acme.reps[0]), owned(acme, now, olga)
    other = owned(globex, now, globex.reps[0])
    sweep_at(acme, now + minutes(5))
    sweep_at(globex, now + minutes(5))

    assert owner_of(acme, live) != acme.reps[0].id
    assert owner_of(globex, other) != globex.reps[0].id
    assert owner_of(acme, shadow) == olga.id
    with acme.scope():
        assert Assignment.objects.filter(handoff=shadow).count() == 1
        assert fired(shadow) == [50, 80, 100]
        clock = clock_of(shadow)
        # It is broken, measured as ever, and climbs on to the step at 200%.
        assert (clock.state, clock.breached_at) == ("breached", now + minutes(5))
        assert clock.next_at == now + minutes(10)
        assert set(TimerEvent.objects.filter(handoff=shadow).values_list("shadow", flat=True)) == {True}
        assert set(TimerEvent.objects.filter(handoff=live).values_list("shadow", flat=True)) == {False}
    assert {state for _, state in messages(acme, shadow)} == {UNSENT}
    assert UNSENT not in {state for _, state in messages(acme, live)}
    assert held(acme, live) == []
    assert held(globex, other) == []
    assert held(acme, shadow) == [("step", 50, ""), ("step", 80, ""), ("step", 100, "next")]
    with acme.scope():
        assert set(HeldBack.objects.values_list("team_id", "member_id")) == {(team.id, olga.id)}
    with globex.scope():
        assert not HeldBack.objects.exists()
    assert audited(acme, now + minutes(5)) == audited(globex, now + minutes(5)) == []


def test_later_steps_go_on_firing_in_shadow_each_exactly_once(acme: Org, now: datetime) -> None:
    switch(acme, Mode.SHADOW, now, acme.team)
    handoff = owned(acme, now, acme.reps[0])
    for minute in (2.5, 4, 5, 5, 10, 10, 30):
        sweep_at(acme, now + minutes(minute))
    with acme.scope():
        assert fired(handoff) == [50, 80, 100, 200]
        assert clock_of(handoff).next_at is None
    assert held(acme, handoff) == [
        ("step", 50, ""),
        ("step", 80, ""),
        ("step", 100, "next"),
        ("step", 200, ""),
    ]
    assert audited(acme, now + minutes(30)) == []


def test_whom_it_would_have_told_is_kept_as_it_was_then(acme: Org, now: datetime) -> None:
    switch(acme, Mode.SHADOW, now, acme.team)
    handoff = owned(acme, now, acme.reps[0])
    sweep_at(acme, now + minutes(4))
    with acme.scope():
        Team.objects.filter(id=acme.team.id).update(manager=acme.fallback)  # afterwards: changes nothing
        rows = OutboxMessage.objects.filter(subject=f"handoff:{handoff.id}", channel="email", state=UNSENT)
        assert set(rows.values_list("kind", "member_id")) == {
            ("timer.reminder", acme.reps[0].id),
            ("timer.warned", acme.manager.id),
        }


def test_no_webhook_is_called_and_no_priority_raised(db: None, now: datetime) -> None:
    ladder = [
        {"at": 80, "actions": ["raise_priority", "call_webhook"]},
        {"at": 100, "actions": ["tell_manager", {"do": "reassign", "to": "backup"}]},
    ]
    org = make_org("acme", now=now, policy={**POLICY, "ladder": ladder})
    with org.scope():
        Team.objects.filter(id=org.team.id).update(backup=org.reps[2])
        WebhookEndpoint.objects.create(url="https://hooks.example/", created_at=now)
    switch(org, Mode.SHADOW, now, org.team)
    handoff = owned(org, now, org.reps[0])
    sweep_at(org, now + minutes(5))
    with org.scope():
        assert Handoff.objects.get(id=handoff.id).priority == 0
        step = HeldBack.objects.get(percent=80)
        assert (step.raises, step.tells, step.moves) == (True, True, "")
        breach = HeldBack.objects.get(percent=100)
        assert (breach.moves, breach.to_member_id) == ("next", org.reps[2].id)
        called = OutboxMessage.objects.filter(channel="webhook")
        assert set(called.values_list("kind", "state")) == {
            ("timer.step", UNSENT),
            ("timer.breached", UNSENT),
        }
    assert audited(org, now + minutes(5)) == []


def test_once_live_later_steps_are_done_and_those_that_fired_in_shadow_do_not_fire_again(
    acme: Org, now: datetime
) -> None:
    switch(acme, Mode.SHADOW, now, acme.team)
    warned, broken = owned(acme, now + minutes(1), acme.reps[0]), owned(acme, now, acme.reps[1])
    sweep_at(acme, now + minutes(5))  # the first is at 80%, the second overdue
    switch(acme, Mode.LIVE, now + minutes(5.5), acme.team)
    sweep_at(acme, now + minutes(5.6))
    assert owner_of(acme, broken) == acme.reps[1].id  # nothing is made up for
    assert {state for _, state in messages(acme, broken)} == {UNSENT}
    sweep_at(acme, now + minutes(6))
    assert owner_of(acme, warned) != acme.reps[0].id  # its own deadline comes after the switch
    sweep_at(acme, now + minutes(10))
    assert owner_of(acme, broken) == acme.reps[1].id
    assert ("timer.escalated", "pending") in messages(acme, broken)  # the step at 200%
    with acme.scope():
        assert fired(broken) == [50, 80, 100, 200]
        events = TimerEvent.objects.filter(handoff=broken, timer__clock="owner").order_by("step")
        first_touch = events.filter(timer__target="first_touch")
        assert list(first_touch.values_list("shadow", flat=True)) == [True, True, True, False]
    assert audited(acme, now + minutes(10)) == []


def test_switched_to_shadow_in_the_middle_the_rest_is_only_measured(acme: Org, now: datetime) -> None:
    handoff = owned(acme, now, acme.reps[0])
    sweep_at(acme, now + minutes(4))
    switch(acme, Mode.SHADOW, now + minutes(4.5), acme.team)
    sweep_at(acme, now + minutes(5))
    assert owner_of(acme, handoff) == acme.reps[0].id
    assert messages(acme, handoff) >= {("timer.warned", "pending"), ("timer.breached", UNSENT)}
    assert held(acme, handoff) == [("step", 100, "next")]
    assert audited(acme, now + minutes(5)) == []


def test_a_lead_that_nobody_owns_goes_by_the_organisations_mode(acme: Org, now: datetime) -> None:
    switch(acme, Mode.SHADOW, now, acme.team)
    alerted = owned(acme, now, None)
    sweep_at(acme, now + minutes(5))
    assert ("timer.breached", "pending") in messages(acme, alerted)
    switch(acme, Mode.SHADOW, now + minutes(6))
    silent = owned(acme, now + minutes(6), None)
    sweep_at(acme, now + minutes(11))
    assert {state for _, state in messages(acme, silent)} == {UNSENT}
    with acme.scope():
        assert set(HeldBack.objects.filter(handoff=silent).values_list("team_id", "member_id")) == {
            (None, None)
        }
    assert audited(acme, now + minutes(11)) == []


def test_a_batch_replayed_timer_by_timer_is_in_shadow_too(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(acme, Mode.SHADOW, now, acme.team)
    handoffs = [owned(acme, now, acme.reps[0]) for _ in range(2)]
    from handoff import sweep

    real, calls = sweep._write_events, []

    def fail_once(firings: object, moment: datetime) -> None:
        calls.append(moment)
        if len(calls) == 1:
            raise ValueError("a bad row")
        real(firings, moment)

    monkeypatch.setattr(sweep, "_write_events", fail_once)
    sweep_tenant(acme.id, clock=fixed_clock(now + minutes(4)))
    for handoff in handoffs:
        assert held(acme, handoff) == [("step", 50, ""), ("step", 80, "")]
    assert audited(acme, now + minutes(4)) == []


# --- New owners ---


def arrive(org: Org, now: datetime) -> Handoff:
    with org.scope():
        result = receive_lead(
            item=LeadIn(email="ruth@okapi.example", engagements=(EngagementIn("demo_request", "", now),)),
            actor="key:test",
            clock=fixed_clock(now),
        )
        return Handoff.objects.get(lead_id=result.lead.id)


def test_a_new_lead_finds_its_owner_and_nobody_is_told(acme: Org, now: datetime) -> None:
    switch(acme, Mode.SHADOW, now, acme.team)
    handoff = arrive(acme, now)
    assert handoff.owner_id in {rep.id for rep in acme.reps}
    assert messages(acme, handoff) == {("lead.assigned", UNSENT)}
    assert held(acme, handoff) == [("lead.assigned", None, "")]
    with acme.scope():
        assert clock_of(handoff).due_at == now + minutes(5)


def test_the_owner_of_a_lead_that_comes_back_is_not_told(acme: Org, now: datetime) -> None:
    switch(acme, Mode.SHADOW, now, acme.team)
    handoff = arrive(acme, now)
    with acme.scope():
        Handoff.objects.filter(id=handoff.id).update(accepted_at=now)
        receive_lead(
            item=LeadIn(email="ruth@okapi.example", engagements=(EngagementIn("pricing_page", "", now),)),
            actor="key:test",
            clock=fixed_clock(now + minutes(1)),
        )
    assert messages(acme, handoff) == {("lead.assigned", UNSENT), ("lead.engaged", UNSENT)}
    assert held(acme, handoff) == [("lead.assigned", None, ""), ("lead.engaged", None, "")]


def test_that_a_lead_found_nobody_is_told_by_the_organisations_mode(acme: Org, now: datetime) -> None:
    with acme.scope():
        Member.objects.filter(id__in=[rep.id for rep in acme.reps]).update(is_active=False)
    switch(acme, Mode.SHADOW, now)
    handoff = arrive(acme, now)
    assert handoff.owner_id is None
    # The fallback person's team is live, but the lead is nobody's.
    assert messages(acme, handoff) == {("lead.unrouted", UNSENT)}
    assert drain_unrouted(acme.id, fixed_clock(now + minutes(1))) == 0  # again for the same reason: no news
    assert held(acme, handoff) == [("lead.unrouted", None, "")]
    with acme.scope():
        Member.objects.filter(id=acme.reps[0].id).update(is_active=True)
    assert drain_unrouted(acme.id, fixed_clock(now + minutes(2))) == 1
    assert ("lead.assigned", "pending") in messages(acme, handoff)  # whose team is live


def test_a_lead_of_a_live_team_that_moves_to_somebody_in_shadow_tells_only_the_live_one(
    acme: Org, now: datetime
) -> None:
    team, olga = second_team(acme)
    switch(acme, Mode.SHADOW, now, team)
    with acme.scope():
        PoolSeat.objects.exclude(member=olga).delete()
    handoff = owned(acme, now, acme.reps[0])
    sweep_at(acme, now + minutes(5))
    assert owner_of(acme, handoff) == olga.id
    assert messages(acme, handoff) >= {("lead.moved", "pending"), ("lead.assigned", UNSENT)}
    assert audited(acme, now + minutes(5)) == []


# --- By hand ---


def test_what_a_person_does_by_hand_is_done_and_told(acme: Org, now: datetime) -> None:
    switch(acme, Mode.SHADOW, now, acme.team)
    switch(acme, Mode.SHADOW, now)
    handoff = owned(acme, now, acme.reps[0])
    manager = Actor.person(acme.manager)
    with acme.scope():
        reassign_lead(
            lead_id=handoff.lead_id,
            why="Knows them.",
            to=acme.reps[1].id,
            actor=manager,
            clock=fixed_clock(now + minutes(1)),
        )
    assert owner_of(acme, handoff) == acme.reps[1].id
    assert messages(acme, handoff) == {("lead.assigned", "pending"), ("lead.moved", "pending")}
    with acme.scope():
        reject_lead(
            lead_id=handoff.lead_id,
            reason="wrong_territory",
            note="",
            actor=Actor.person(acme.reps[1]),
            clock=fixed_clock(now + minutes(2)),
        )
    assert owner_of(acme, handoff) == acme.reps[2].id
    waiting = owned(acme, now, None)
    with acme.scope():
        try_again(lead_id=waiting.lead_id, actor=manager, clock=fixed_clock(now + minutes(2)))
    assert messages(acme, waiting) == {("lead.assigned", "pending")}
    assert held(acme, handoff) == held(acme, waiting) == []


# --- Leave ---


def goes_away(org: Org, member: Member, now: datetime) -> None:
    with org.scope():
        Leave.objects.create(member=member, starts_at=now, ends_at=now + timedelta(days=3))


def test_a_lead_of_somebody_who_is_away_stays_in_shadow_and_that_is_written_down_once(
    acme: Org, now: datetime
) -> None:
    team, olga = second_team(acme)
    switch(acme, Mode.SHADOW, now, team)
    shadow, live = owned(acme, now, olga), owned(acme, now, acme.reps[0])
    goes_away(acme, olga, now)
    goes_away(acme, acme.reps[0], now)
    assert move_from_absent(acme.id, clock=fixed_clock(now + minutes(1))) == 1
    assert move_from_absent(acme.id, clock=fixed_clock(now + minutes(2))) == 0
    assert (owner_of(acme, shadow), owner_of(acme, live) == acme.reps[0].id) == (olga.id, False)
    assert held(acme, shadow) == [("away", None, "next")]
    assert held(acme, live) == []


def test_once_live_a_lead_whose_owner_is_still_away_moves(acme: Org, now: datetime) -> None:
    switch(acme, Mode.SHADOW, now, acme.team)
    handoff = owned(acme, now, acme.reps[0])
    goes_away(acme, acme.reps[0], now)
    assert move_from_absent(acme.id, clock=fixed_clock(now + minutes(1))) == 0
    switch(acme, Mode.LIVE, now + minutes(2), acme.team)
    assert move_from_absent(acme.id, clock=fixed_clock(now + minutes(2))) == 1
    assert owner_of(acme, handoff) != acme.reps[0].id


# --- The auditor ---


def test_the_auditor_sees_a_step_in_shadow_that_told_somebody_or_left_no_record(
    acme: Org, now: datetime
) -> None:
    switch(acme, Mode.SHADOW, now, acme.team)
    handoff = owned(acme, now, acme.reps[0])
    sweep_at(acme, now + minutes(4))
    with acme.scope():
        OutboxMessage.objects.filter(kind="timer.warned").update(state="pending")
        HeldBack.objects.filter(handoff=handoff, percent=50).delete()
        kinds = sorted((finding.kind, finding.detail) for finding in audit_tenant(now=now + minutes(4)))
    assert kinds == [
        ("message_missing", "The step at 80% told nobody."),
        ("shadow_broken", "It fired in shadow mode and did not write down what it would have done."),
        ("shadow_broken", "It fired in shadow mode and told somebody."),
    ]


def test_the_auditor_sees_a_live_step_whose_messages_were_all_suppressed(acme: Org, now: datetime) -> None:
    owned(acme, now, acme.reps[0])
    sweep_at(acme, now + minutes(4))
    with acme.scope():
        OutboxMessage.objects.filter(kind="timer.warned").update(state=UNSENT)
    assert audited(acme, now + minutes(4)) == ["The step at 80% told nobody."]
