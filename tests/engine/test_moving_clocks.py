"""Running clocks change their version only by an order: previewed, in batches, no step fired twice."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.errors import Conflict
from handoff.services import Actor, accept_lead
from handoff.sweep import sweep_tenant
from leads.models import Handoff
from sla import moving
from sla.auditor import audit_tenant
from sla.explain import explain_timers, timers_of
from sla.models import ClockMove, PolicyVersion, Timer, TimerMove
from sla.presenting import move_rows
from tenants import versions
from tenants.calendars import change_calendar, compile_spec, load_calendar, make_spec
from tenants.clock import fixed_clock
from tenants.models import AuditEntry, Calendar, CalendarVersion, Leave
from tests.engine.scenes import clock_of, fired, give, open_handoff
from tests.factories import POLICY, Org

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def sweep_at(org: Org, moment: datetime) -> None:
    while sweep_tenant(org.id, clock=fixed_clock(moment)).taken:
        pass


def change_hours(org: Org, opens: str, closes: str, *, now: datetime) -> CalendarVersion:
    """The organisation's office opens and closes at other times from now on."""
    calendar = Calendar.objects.get(id=org.tenant.calendar_id)
    present = CalendarVersion.objects.get(id=calendar.current_version_id)
    week = {day: [[opens, closes]] for day in ("mon", "tue", "wed", "thu", "fri")}
    spec = make_spec(tz="Europe/Berlin", weekly=week, year=now.year)
    return change_calendar(calendar=calendar, spec=spec, expected=present.number, actor="system", now=now)


def change_policy(*, now: datetime, **changed: object) -> PolicyVersion:
    content = {**copy.deepcopy(POLICY), **changed}
    draft = versions.create_draft(PolicyVersion, content=content, actor="system", now=now)
    return versions.publish(draft, actor="system", now=now)


def contact_form(minutes: int) -> list[dict[str, object]]:
    tiers = copy.deepcopy(POLICY["tiers"])
    tiers[2]["targets"][0]["duration"] = {"minutes": minutes}
    return tiers


def carry_on(org: Org, moment: datetime) -> int:
    return moving.carry_on(org.id, clock=fixed_clock(moment))


def test_a_calendar_edit_moves_nothing_by_itself(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form")
    before = clock_of(handoff)
    change_hours(in_acme, "12:00", "20:00", now=now)
    after = clock_of(handoff)
    assert (after.due_at, after.calendar_version_id) == (before.due_at, before.calendar_version_id)
    assert not ClockMove.objects.exists()


def test_a_preview_says_who_moves_and_by_how_much_and_writes_nothing(in_acme: Org, now: datetime) -> None:
    early = open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form")
    open_handoff(in_acme, at=now - 24 * HOUR, owner=in_acme.reps[1], tier="demo_request")  # due yesterday
    calendar = Calendar.objects.get(id=in_acme.tenant.calendar_id)
    hours = compile_spec(
        make_spec(
            tz="Europe/Berlin", weekly={"tue": [["12:00", "20:00"]], "wed": [["12:00", "20:00"]]}, year=2026
        )
    )
    preview = moving.preview_calendar(calendar, hours, now=now)
    # Due at 14:00 in Berlin before; four hours from noon are 16:00, on both clocks of the first touch. The
    # decision of either lead, a business day after its start at 10:00, goes to an opening at noon.
    touches = [row for row in preview.rows if row.timer.target == "first_touch"]
    assert {(row.timer.handoff_id, row.seconds, row.overdue) for row in touches} == {
        (early.id, 2 * 3600, False)
    }
    assert (preview.earlier, preview.later, preview.overdue) == (0, len(preview.rows), 0)
    assert clock_of(early).generation == 1


def test_an_order_moves_every_clock_of_the_calendar_and_keeps_the_record(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form")
    sweep_at(in_acme, now + 2 * HOUR + timedelta(seconds=1))  # half of the four hours: the owner was reminded
    version = change_hours(in_acme, "12:00", "20:00", now=now + 2 * HOUR)
    order = moving.order_calendar_move(version=version, actor="system", now=now + 2 * HOUR)
    assert carry_on(in_acme, now + 2 * HOUR) == 4
    touch = clock_of(handoff)
    assert touch.due_at == now + 6 * HOUR  # 16:00 in Berlin
    assert (touch.generation, touch.calendar_version_id, touch.next_step) == (2, version.id, 1)
    assert touch.next_at == load_calendar(version.id).add_seconds(now, 0.8 * 4 * 3600)
    assert carry_on(in_acme, now + 2 * HOUR) == 0
    order.refresh_from_db()
    assert (order.moved, order.finished_at) == (4, now + 2 * HOUR)
    moved = TimerMove.objects.get(timer=touch)
    assert (moved.old_due_at, moved.new_due_at) == (now + 4 * HOUR, now + 6 * HOUR)
    told = AuditEntry.objects.filter(object_type="clockmove").order_by("id").values_list("action", "after")
    assert [(action, after["clocks"]) for action, after in told] == [("ordered", 4), ("finished", 4)]


def test_a_step_that_was_climbed_does_not_fire_again_and_the_auditor_agrees(
    in_acme: Org, now: datetime
) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form")
    sweep_at(in_acme, now + 2 * HOUR)
    version = change_hours(in_acme, "12:00", "20:00", now=now + 2 * HOUR)
    moving.order_calendar_move(version=version, actor="system", now=now + 2 * HOUR)
    carry_on(in_acme, now + 2 * HOUR)
    assert audit_tenant(now=now + 2 * HOUR, full=True) == []
    sweep_at(in_acme, now + 5.5 * HOUR)
    assert fired(handoff) == [50, 80]
    sweep_at(in_acme, now + 6 * HOUR)
    assert fired(handoff)[:3] == [50, 80, 100]
    assert audit_tenant(now=now + 6 * HOUR, full=True) == []


def test_what_is_broken_stays_broken(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="demo_request")
    later = now + HOUR  # five minutes were over long ago, and no sweep has looked
    version = change_hours(in_acme, "12:00", "20:00", now=later)
    moving.order_calendar_move(version=version, actor="system", now=later)
    carry_on(in_acme, later)
    assert clock_of(handoff).due_at == now + timedelta(minutes=5)
    assert clock_of(handoff, target="decision").generation == 2
    sweep_at(in_acme, later)
    assert clock_of(handoff, clock="company").state == Timer.State.BREACHED


def test_an_answered_clock_is_not_moved(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form")
    accept_lead(lead_id=handoff.lead_id, actor=Actor.person(in_acme.reps[0]), clock=fixed_clock(now))
    version = change_hours(in_acme, "12:00", "20:00", now=now)
    moving.order_calendar_move(version=version, actor="system", now=now)
    carry_on(in_acme, now)
    assert clock_of(handoff, target="decision").generation == 1
    assert clock_of(handoff, target="first_touch").generation == 2


def test_only_a_current_calendar_version_can_be_moved_to(in_acme: Org, now: datetime) -> None:
    first = CalendarVersion.objects.get(id=in_acme.calendar_version_id)
    change_hours(in_acme, "12:00", "20:00", now=now)
    with pytest.raises(Conflict, match="current version only"):
        moving.order_calendar_move(version=first, actor="system", now=now)


def test_open_leads_move_to_a_new_policy_and_climb_its_ladder_from_where_they_stand(
    in_acme: Org, now: datetime
) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form")
    sweep_at(in_acme, now + 2 * HOUR)
    ladder = [
        {"at": 25, "actions": ["remind_owner"]},
        {"at": 50, "actions": ["remind_owner"]},
        {"at": 60, "actions": ["warn_manager"]},
        {"at": 100, "actions": ["tell_manager"]},
    ]
    version = change_policy(now=now + 2 * HOUR, tiers=contact_form(300), ladder=ladder)
    preview = moving.preview_policy(version, now=now + 2 * HOUR)
    assert (preview.running, preview.later, preview.earlier, preview.left) == (4, 2, 0, 0)
    moving.order_policy_move(version=version, actor="system", now=now + 2 * HOUR)
    assert carry_on(in_acme, now + 2 * HOUR) == 4
    touch = clock_of(handoff)
    assert (touch.due_at, touch.policy_version_id, touch.next_step) == (now + 5 * HOUR, version.id, 2)
    handoff.refresh_from_db()
    assert handoff.policy_version_id == version.id
    sweep_at(in_acme, now + 3 * HOUR)
    assert fired(handoff) == [50, 60]
    assert audit_tenant(now=now + 3 * HOUR, full=True) == []


def test_a_tier_that_the_new_policy_lacks_stays_under_the_old_one(in_acme: Org, now: datetime) -> None:
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form")
    tiers = [tier for tier in copy.deepcopy(POLICY["tiers"]) if tier["slug"] != "contact_form"]
    version = change_policy(now=now, tiers=tiers)
    assert moving.preview_policy(version, now=now).left == 4
    moving.order_policy_move(version=version, actor="system", now=now)
    assert carry_on(in_acme, now) == 0
    assert clock_of(handoff).policy_version_id == in_acme.policy.id


def test_a_clock_whose_target_is_promised_no_more_ends_with_the_move(in_acme: Org, now: datetime) -> None:
    """What was switched off warns of nothing and breaks nothing."""
    handoff = open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form")
    tiers = copy.deepcopy(POLICY["tiers"])
    tiers[2]["targets"] = [each for each in tiers[2]["targets"] if each["target"] != "first_touch"]
    version = change_policy(now=now, tiers=tiers)
    preview = moving.preview_policy(version, now=now)
    assert (preview.dropped, preview.left, preview.exact) == (2, 0, True)
    moving.order_policy_move(version=version, actor="system", now=now)
    carry_on(in_acme, now + HOUR)
    for clock in ("company", "owner"):
        timer = clock_of(handoff, clock)
        assert (timer.state, timer.close_reason) == ("cancelled", "not_promised")
    handoff.refresh_from_db()
    assert handoff.policy_version_id == version.id
    sweep_at(in_acme, now + 5 * HOUR)
    assert fired(handoff) == fired(handoff, "company") == []
    assert audit_tenant(now=now + 5 * HOUR, full=True) == []


def test_a_promise_that_is_new_begins_with_new_leads_and_the_auditor_does_not_miss_it_of_moved_ones(
    in_acme: Org, now: datetime
) -> None:
    moved = open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form")
    tiers = copy.deepcopy(POLICY["tiers"])
    attempts = {"target": "attempts", "duration": {"business_days": 10}, "count": 6, "channels": 2}
    tiers[2]["targets"].append(attempts)
    version = change_policy(now=now + HOUR, tiers=tiers)
    moving.order_policy_move(version=version, actor="system", now=now + HOUR)
    carry_on(in_acme, now + HOUR)
    moved.refresh_from_db()
    assert moved.policy_version_id == version.id
    assert not Timer.objects.filter(handoff=moved, target="attempts").exists()
    assert audit_tenant(now=now + HOUR, full=True) == []

    new = open_handoff(in_acme, at=now + HOUR, tier="contact_form")
    Handoff.objects.filter(id=new.id).update(policy_version_id=version.id)
    give(new, in_acme.reps[1], at=now + HOUR)
    missing = {(each.kind, each.subject) for each in audit_tenant(now=now + HOUR, full=True)}
    assert missing == {
        ("timer_missing", f"handoff:{new.id}:{clock}:attempts") for clock in ("company", "owner")
    }


def test_of_very_many_clocks_a_preview_tells_about_how_many_move(
    in_acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(15):
        open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form")
    version = change_policy(now=now, tiers=contact_form(300))
    exact = moving.preview_policy(version, now=now)
    assert (exact.running, exact.later, exact.exact) == (60, 30, True)
    monkeypatch.setattr(moving, "LOOKED_AT", 20)
    about = moving.preview_policy(version, now=now)
    assert (about.running, about.exact) == (60, False)
    assert 0 < about.later < 60
    assert about == moving.preview_policy(version, now=now)  # the next look takes the same ones


def test_a_draft_is_nothing_to_move_to(in_acme: Org, now: datetime) -> None:
    draft = versions.create_draft(PolicyVersion, content=dict(POLICY), actor="system", now=now)
    with pytest.raises(Conflict, match="not in force"):
        moving.order_policy_move(version=draft, actor="system", now=now)


def test_batches_go_on_where_the_last_one_ended(
    in_acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "BATCH", 2)
    handoffs = [open_handoff(in_acme, at=now, owner=in_acme.reps[0], tier="contact_form") for _ in range(5)]
    version = change_hours(in_acme, "12:00", "20:00", now=now)
    order = moving.order_calendar_move(version=version, actor="system", now=now)
    assert moving.carry_on(in_acme.id, clock=fixed_clock(now), batches=1) == 8
    order.refresh_from_db()
    assert order.reached_handoff_id == sorted(handoff.id for handoff in handoffs)[1]
    assert order.finished_at is None
    assert carry_on(in_acme, now) == 12
    order.refresh_from_db()
    assert (order.moved, order.expected) == (20, 20)
    assert order.finished_at is not None


def test_another_organisations_clocks_stay(acme: Org, globex: Org, now: datetime) -> None:
    with globex.scope():
        theirs = open_handoff(globex, at=now, owner=globex.reps[0], tier="contact_form")
    with acme.scope():
        version = change_hours(acme, "12:00", "20:00", now=now)
        moving.order_calendar_move(version=version, actor="system", now=now)
    carry_on(acme, now)
    carry_on(globex, now)
    with globex.scope():
        assert clock_of(theirs).generation == 1


def contact_form_by(clock: str, minutes: int = 12 * 60) -> list[dict[str, object]]:
    """The contact form's first touch by the wall clock or in working time ("business")."""
    tiers = contact_form(minutes)
    tiers[2]["targets"][0]["clock"] = clock
    return tiers


@pytest.mark.parametrize(
    ("onto", "before", "after"),
    [
        # From 10:00 in Berlin on the Tuesday: twelve hours by the clock, or on two days of 09:00 to 17:30.
        ("business", 12 * HOUR, 27.5 * HOUR),
        ("wall", 27.5 * HOUR, 12 * HOUR),
    ],
)
def test_a_clock_changes_between_wall_and_working_time_with_its_target_and_its_preview_says_so(
    in_acme: Org, now: datetime, onto: str, before: timedelta, after: timedelta
) -> None:
    was = "wall" if onto == "business" else "business"
    org = replace(in_acme, policy=change_policy(now=now - HOUR, tiers=contact_form_by(was)))
    handoff = open_handoff(org, at=now, owner=in_acme.reps[0], tier="contact_form")
    clocks = ("owner", "company")
    assert [clock_of(handoff, clock).due_at for clock in clocks] == [now + before] * 2
    version = change_policy(now=now, tiers=contact_form_by(onto))
    preview = moving.preview_policy(version, now=now)
    assert (preview.to_hours, preview.to_wall) == ((2, 0) if onto == "business" else (0, 2))
    words = "in working time from then on" if onto == "business" else "by the wall clock from then on"
    assert [row.change.endswith(words) for row in move_rows(preview)] == [True, True]
    moving.order_policy_move(version=version, actor="system", now=now)
    carry_on(in_acme, now)
    for clock in clocks:
        timer = clock_of(handoff, clock)
        assert timer.due_at == now + after
        assert (timer.calendar_version_id is None) is (onto == "wall")
    for each in explain_timers(timers_of(handoff), now=now):
        assert each.total == each.timer.duration_seconds
    assert audit_tenant(now=now, full=True) == []


def test_onto_working_time_an_owners_leave_is_left_out(in_acme: Org, now: datetime) -> None:
    rep = in_acme.reps[0]
    org = replace(in_acme, policy=change_policy(now=now - HOUR, tiers=contact_form_by("wall")))
    handoff = open_handoff(org, at=now, owner=rep, tier="contact_form")
    Leave.objects.create(member=rep, starts_at=now + HOUR, ends_at=now + 3 * HOUR)
    version = change_policy(now=now, tiers=contact_form_by("business", 240))
    assert moving.preview_policy(version, now=now).to_hours == 2
    moving.order_policy_move(version=version, actor="system", now=now)
    carry_on(in_acme, now)
    assert clock_of(handoff).due_at == now + 6 * HOUR
    assert clock_of(handoff, "company").due_at == now + 4 * HOUR
    assert {each.total for each in explain_timers(timers_of(handoff), now=now)} >= {4 * 3600}
    assert audit_tenant(now=now, full=True) == []
