"""When targets are due and when the ladder's steps fall: plain values, no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.businesstime import Gap, WorkCalendar
from core.rules import Facts
from leads.criteria import SCHEMA
from notifications.outbox import KINDS
from sla.defaults import DEFAULT_POLICY
from sla.gaps import write_gaps
from sla.ladder import MESSAGES, Chain, climb, first_look, next_look, recipients, same_place, take_over
from sla.status import Status, status_of
from sla.tiers import (
    ACTIONS,
    BREACH,
    MOVES,
    Act,
    Duration,
    Policy,
    Step,
    TargetSpec,
    match_tier,
    parse_policy,
)
from sla.timers import schedule, schedule_of_rest, seconds_between, seconds_in_gaps, warn_at

BERLIN = WorkCalendar(
    "Europe/Berlin", {day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
)
POLICY = parse_policy(DEFAULT_POLICY, SCHEMA)
TUESDAY = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)  # 10:00 in Berlin
FRIDAY_EVENING = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)  # 16:30, half an hour before closing


def first_touch(unit: str, amount: int, *, wall: bool = False) -> TargetSpec:
    return TargetSpec("first_touch", Duration(unit, amount), wall)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("unit", "amount", "start", "due"),
    [
        ("seconds", 12, TUESDAY, TUESDAY + timedelta(seconds=12)),
        ("minutes", 5, TUESDAY, TUESDAY + timedelta(minutes=5)),
        ("minutes", 60, FRIDAY_EVENING, datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("business_days", 1, FRIDAY_EVENING, datetime(2026, 11, 23, 15, 30, tzinfo=UTC)),
        ("end_of_day", 0, TUESDAY, datetime(2026, 11, 17, 16, 0, tzinfo=UTC)),
        ("end_of_day", 1, FRIDAY_EVENING, datetime(2026, 11, 23, 16, 0, tzinfo=UTC)),
    ],
)
def test_a_target_is_due_on_its_calendar(unit: str, amount: int, start: datetime, due: datetime) -> None:
    assert schedule(first_touch(unit, amount), start, BERLIN).due_at == due


def test_a_wall_clock_target_runs_through_the_weekend() -> None:
    plan = schedule(first_touch("minutes", 60, wall=True), FRIDAY_EVENING, BERLIN)
    assert plan.due_at == FRIDAY_EVENING + timedelta(hours=1)
    assert plan.calendar is None


def test_shares_are_counted_in_working_time() -> None:
    plan = schedule(first_touch("minutes", 60), FRIDAY_EVENING, BERLIN)
    assert plan.at_percent(50) == FRIDAY_EVENING + timedelta(minutes=30)  # exactly at closing
    assert plan.at_percent(80) == datetime(2026, 11, 23, 8, 18, tzinfo=UTC)
    assert plan.at_percent(100) == plan.due_at
    assert plan.at_percent(200) == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    assert warn_at(plan, POLICY) == plan.at_percent(80)


def test_steps_never_pass_the_deadline_although_durations_are_whole_seconds() -> None:
    start = TUESDAY + timedelta(microseconds=400_001)
    plan = schedule(first_touch("end_of_day", 0), start, BERLIN)
    assert plan.at_percent(99) < plan.at_percent(100) == plan.due_at <= plan.at_percent(101)


def test_what_is_left_of_a_promise_starts_with_the_next_owner() -> None:
    plan = schedule_of_rest(TUESDAY, 90, BERLIN)
    assert (plan.due_at, plan.duration_seconds) == (TUESDAY + timedelta(seconds=90), 90)


# --- Ladder ---

PLAN = schedule(first_touch("minutes", 5), TUESDAY, BERLIN)


def at(minutes: float) -> datetime:
    return TUESDAY + timedelta(minutes=minutes)


def test_an_owner_clock_begins_with_the_first_step_and_a_recording_one_with_the_breach() -> None:
    assert first_look(POLICY, PLAN, carries=True) == (0, at(2.5))
    assert first_look(POLICY, PLAN, carries=False) == (2, at(5))


def test_every_due_step_fires_once_and_in_order() -> None:
    found = climb(POLICY, PLAN, next_step=0, owner_clock=False, carries=True, now=at(30))
    assert [rung.percent for rung in found.rungs] == [50, 80, 100, 200]
    assert [rung.at for rung in found.rungs] == [at(2.5), at(4), at(5), at(10)]
    assert (found.next_step, found.next_at) == (4, None)


def test_a_step_that_moves_the_lead_stops_the_climb() -> None:
    found = climb(POLICY, PLAN, next_step=0, owner_clock=True, carries=True, now=at(30))
    assert [rung.percent for rung in found.rungs] == [50, 80, 100]
    assert (found.next_step, found.next_at) == (3, at(10))


def test_a_step_is_due_at_its_instant_and_not_before() -> None:
    early = climb(
        POLICY,
        PLAN,
        next_step=0,
        owner_clock=True,
        carries=True,
        now=at(2.5) - timedelta(microseconds=1),
    )
    assert (early.rungs, early.next_at) == ((), at(2.5))
    sharp = climb(POLICY, PLAN, next_step=0, owner_clock=True, carries=True, now=at(2.5))
    assert [rung.percent for rung in sharp.rungs] == [50]


def test_a_recording_clock_fires_its_breach_alone_and_does_nothing() -> None:
    found = climb(POLICY, PLAN, next_step=2, owner_clock=False, carries=False, now=at(30))
    assert [(rung.percent, rung.actions) for rung in found.rungs] == [(100, ())]
    assert found.next_at is None


def test_the_company_clock_takes_over_without_repeating_the_past() -> None:
    assert take_over(POLICY, PLAN, breached=False, now=at(3)) == (1, at(4))
    assert take_over(POLICY, PLAN, breached=False, now=at(20)) == (
        2,
        at(5),
    )  # its own breach is never skipped
    assert take_over(POLICY, PLAN, breached=True, now=at(7)) == (3, at(10))
    assert take_over(POLICY, PLAN, breached=True, now=at(20)) == (4, None)


def test_a_step_due_at_the_moment_of_the_handover_was_the_owners_clocks() -> None:
    assert take_over(POLICY, PLAN, breached=False, now=at(4)) == (2, at(5))


def test_a_breach_that_was_told_is_not_told_again_even_if_its_deadline_lies_ahead() -> None:
    assert take_over(POLICY, PLAN, breached=True, now=at(1)) == (3, at(10))


def test_a_recording_clock_looks_no_further_than_its_breach() -> None:
    assert next_look(POLICY, PLAN, next_step=2, carries=False) == at(5)
    assert next_look(POLICY, PLAN, next_step=3, carries=False) is None
    assert next_look(POLICY, PLAN, next_step=3, carries=True) == at(10)
    assert next_look(POLICY, PLAN, next_step=4, carries=True) is None
    after = climb(POLICY, PLAN, next_step=3, owner_clock=False, carries=False, now=at(30))
    assert (after.rungs, after.next_at) == ((), None)


def test_a_climb_breaches_when_the_deadline_is_among_its_steps() -> None:
    def climbed(next_step: int, minutes: float) -> bool:
        found = climb(POLICY, PLAN, next_step=next_step, owner_clock=False, carries=True, now=at(minutes))
        return found.breaches

    assert climbed(0, 5)
    assert not climbed(0, 4.5)
    assert not climbed(3, 30)


def test_missing_managers_are_stood_in_for_by_the_fallback_person() -> None:
    from uuid import uuid4

    owner, manager, director, fallback, named = (uuid4() for _ in range(5))
    whole = Chain(owner, manager, director, fallback)
    assert recipients(Act("remind_owner"), whole) == (owner,)
    assert recipients(Act("warn_manager"), whole) == recipients(Act("tell_manager"), whole) == (manager,)
    assert recipients(Act("tell_director"), whole) == (director,)
    assert recipients(Act("tell_chain"), whole) == (manager, director)
    person = Act("tell_person", str(named))
    assert recipients(person, whole, active={named}) == (named,)
    assert recipients(person, whole) == (fallback,)
    chain = Act("tell_chain")
    assert recipients(chain, Chain(owner, manager, None, fallback)) == (manager,)
    assert recipients(chain, Chain(owner, None, director, fallback)) == (director,)
    bare = Chain(None, None, None, fallback)
    for action in ("remind_owner", "warn_manager", "tell_director", "tell_chain"):
        assert recipients(Act(action), bare) == (fallback,)
    assert recipients(Act("call_webhook"), whole) == ()  # the webhook hears, no person


def test_every_action_that_neither_moves_nor_raises_a_lead_has_a_message_the_more_urgent_the_worse() -> None:
    assert set(MESSAGES) == set(ACTIONS) - MOVES - {"raise_priority"}
    assert {kind for kind, _ in MESSAGES.values()} <= set(KINDS)
    urgency = {action: priority for action, (_, priority) in MESSAGES.items()}
    assert urgency["call_webhook"] == urgency["remind_owner"] < urgency["warn_manager"]
    worst = [action for action in urgency if urgency[action] > urgency["warn_manager"]]
    assert worst == ["tell_manager", "tell_director", "tell_chain", "tell_person"]
    assert len({urgency[action] for action in worst}) == 1  # who is told first is nobody's privilege


# --- Steps after the deadline ---


def test_a_step_after_the_deadline_counts_on_the_clock_of_its_timer() -> None:
    step = Step(0, (Act("tell_manager"),), after=Duration("minutes", 30))
    friday = schedule(first_touch("minutes", 20), FRIDAY_EVENING, BERLIN)  # due ten minutes before closing
    assert friday.at_step(step) == datetime(2026, 11, 23, 8, 20, tzinfo=UTC)
    assert friday.share_at(step) == 250


def test_a_step_business_days_after_the_deadline_keeps_the_time_of_day() -> None:
    step = Step(0, (Act("tell_director"),), after=Duration("business_days", 1))
    assert PLAN.at_step(step) == PLAN.due_at + timedelta(days=1)
    assert PLAN.share_at(step) > BREACH


def test_a_pause_pushes_the_steps_after_the_deadline_too() -> None:
    step = Step(0, (Act("tell_manager"),), after=Duration("minutes", 10))
    gap = Gap(at(2), at(3), "pause")
    paused = schedule(first_touch("minutes", 5), TUESDAY, BERLIN, [gap])
    assert paused.at_step(step) == PLAN.at_step(step) + timedelta(minutes=1)


def test_a_business_day_ends_at_an_opening_and_gaps_that_take_nothing_of_it_move_nothing() -> None:
    day = first_touch("business_days", 1)
    opening = datetime(2026, 11, 17, 8, tzinfo=UTC)  # Tuesday 9:00 in Berlin
    assert schedule(day, opening, BERLIN).due_at == opening + timedelta(days=1)
    night = Gap(opening + timedelta(hours=12), opening + timedelta(hours=13), "leave")
    summer = Gap(opening + timedelta(days=90), opening + timedelta(days=99), "leave")
    assert schedule(day, opening, BERLIN, [night, summer]).due_at == opening + timedelta(days=1)
    next_day = Gap(opening + timedelta(days=1), opening + timedelta(days=2), "leave")
    assert schedule(day, opening, BERLIN, [next_day]).due_at == opening + timedelta(days=1)
    that_day = Gap(opening, opening + timedelta(hours=23), "leave")
    assert schedule(day, opening, BERLIN, [that_day]).due_at == opening + timedelta(days=2)


def test_a_business_day_that_leave_has_stretched_ends_where_the_person_is_back() -> None:
    day = first_touch("business_days", 1)
    opening = datetime(2026, 11, 17, 8, tzinfo=UTC)  # Tuesday 9:00 in Berlin
    tuesday = Gap(opening, opening + timedelta(hours=23), "leave")
    thursday_morning = Gap(opening + timedelta(days=2), opening + timedelta(days=2, hours=3), "leave")
    assert schedule(day, opening, BERLIN, [tuesday, thursday_morning]).due_at == thursday_morning.end


def test_leave_that_begins_after_closing_time_takes_nothing_of_a_business_day() -> None:
    opening = datetime(2026, 11, 17, 8, tzinfo=UTC)
    away = Gap(opening + timedelta(hours=12), opening + timedelta(days=2), "leave")
    assert schedule(first_touch("business_days", 1), opening, BERLIN, [away]).due_at == opening + timedelta(
        days=1
    )


def test_a_pause_stops_a_wall_clock_at_night_too() -> None:
    promise = first_touch("minutes", 60, wall=True)
    pause = Gap(FRIDAY_EVENING + timedelta(minutes=50), FRIDAY_EVENING + timedelta(hours=9), "pause")
    plan = schedule(promise, FRIDAY_EVENING, BERLIN, [pause])
    assert plan.due_at == pause.end + timedelta(minutes=10)
    assert seconds_between(None, FRIDAY_EVENING, plan.due_at, [pause]) == 3600
    assert seconds_in_gaps(None, FRIDAY_EVENING, plan.due_at, [pause], "pause") == 490 * 60
    assert seconds_in_gaps(None, FRIDAY_EVENING, plan.due_at, [pause], "leave") == 0


def test_time_on_a_clock_is_never_negative_and_leaves_out_what_is_closed_and_what_stood_still() -> None:
    monday = FRIDAY_EVENING + timedelta(days=3)
    assert seconds_between(BERLIN, FRIDAY_EVENING, monday) == 8 * 3600
    assert seconds_between(None, FRIDAY_EVENING, monday) == 3 * 86_400
    assert seconds_between(None, monday, FRIDAY_EVENING) == 0
    pause = Gap(monday - timedelta(hours=2), monday, "pause")
    assert seconds_between(BERLIN, FRIDAY_EVENING, monday, [pause]) == 6 * 3600
    assert seconds_in_gaps(BERLIN, FRIDAY_EVENING, monday, [pause], "pause") == 2 * 3600


def test_the_share_of_a_late_step_is_above_the_deadlines_and_fits_its_column() -> None:
    soon, much_later = (
        Step(0, (Act("tell_manager"),), after=Duration(unit, amount))  # type: ignore[arg-type]
        for unit, amount in (("seconds", 1), ("business_days", 20))
    )
    assert schedule(first_touch("minutes", 480), TUESDAY, BERLIN).share_at(soon) == 101
    assert schedule(first_touch("seconds", 5), TUESDAY, BERLIN).share_at(much_later) == 32_767


def test_a_promise_of_less_than_a_second_still_knows_the_share_of_its_late_steps() -> None:
    just_before_closing = datetime(2026, 11, 17, 15, 59, 59, 700_000, tzinfo=UTC)
    plan = schedule(first_touch("end_of_day", 0), just_before_closing, BERLIN)
    assert plan.duration_seconds == 0
    assert plan.share_at(Step(0, (Act("tell_manager"),), after=Duration("seconds", 1))) == 200


def _policy(*ladder: dict[str, object]) -> Policy:
    return parse_policy({**DEFAULT_POLICY, "ladder": list(ladder)}, SCHEMA)


def test_a_timer_that_moves_to_another_ladder_goes_on_above_what_it_climbed() -> None:
    breach = {"at": 100, "actions": ["tell_manager"]}
    before = _policy(
        {"at": 50, "actions": ["remind_owner"]}, breach, {"at": 200, "actions": ["tell_director"]}
    )
    timed = _policy(
        {"at": 60, "actions": ["remind_owner"]},
        breach,
        {"after": {"minutes": 3}, "actions": ["tell_manager"]},
        {"after": {"minutes": 9}, "actions": ["tell_director"]},
    )
    assert same_place(before, timed, PLAN, 0) == 0
    assert same_place(before, timed, PLAN, 1) == 0  # at 50% of the old, below 60 of the new
    assert same_place(before, timed, PLAN, 2) == 2  # broken: on after the deadline
    assert same_place(before, timed, PLAN, 3) == 3  # 200% are five minutes after it
    assert same_place(timed, before, PLAN, 4) == 3
    same_moment = _policy(breach, {"after": {"minutes": 5}, "actions": ["tell_director"]})
    assert same_place(before, same_moment, PLAN, 3) == 2  # what 200% did is not done again


# --- Tiers ---


def facts(kind: str | None) -> Facts:
    return Facts({}, [(kind, None, TUESDAY)] if kind else [], TUESDAY)


@pytest.mark.parametrize(
    ("kind", "slug"),
    [
        ("demo_request", "demo_request"),
        ("pricing_page", "pricing_page"),
        ("webinar", "content"),
        (None, "content"),
    ],
)
def test_the_first_tier_that_matches_applies_and_the_last_catches_all(kind: str | None, slug: str) -> None:
    assert match_tier(POLICY, facts(kind)).slug == slug


# --- Status ---


class Facts_:
    """A timer as the status function sees it."""

    def __init__(self, **values: object) -> None:
        self.state = "running"
        self.warn_at: datetime | None = at(4)
        self.due_at = at(5)
        self.met_at: datetime | None = None
        self.closed_at: datetime | None = None
        self.gaps: list[list[str]] = []
        self.__dict__.update(values)


@pytest.mark.parametrize(
    ("values", "now", "status"),
    [
        ({}, at(1), Status.ON_TIME),
        ({}, at(4), Status.AT_RISK),
        ({}, at(5), Status.AT_RISK),
        ({}, at(5) + timedelta(microseconds=1), Status.OVERDUE),
        ({"state": "breached"}, at(5), Status.OVERDUE),
        ({"state": "failed"}, at(6), Status.OVERDUE),
        ({"state": "failed", "closed_at": at(3)}, at(10), Status.CANCELLED),
        ({"state": "failed", "closed_at": at(5)}, at(10), Status.CANCELLED),
        ({"state": "failed", "closed_at": at(9)}, at(10), Status.MISSED),
        ({"state": "breached", "met_at": at(9)}, at(10), Status.MISSED),
        ({"state": "breached", "closed_at": at(9)}, at(10), Status.MISSED),
        ({"state": "met", "met_at": at(3)}, at(10), Status.MET),
        ({"state": "paused"}, at(1), Status.PAUSED),
        ({"state": "cancelled"}, at(1), Status.CANCELLED),
        ({"gaps": write_gaps([Gap(at(1), at(2), "leave")])}, at(1), Status.CLOSED_HOURS),
        ({"gaps": write_gaps([Gap(at(1), at(2), "leave")])}, at(2), Status.ON_TIME),
        ({"gaps": write_gaps([Gap(at(1), at(2), "pause")])}, at(1), Status.ON_TIME),
        (
            {"due_at": datetime(2026, 11, 23, 9, tzinfo=UTC)},
            FRIDAY_EVENING + timedelta(hours=5),
            Status.CLOSED_HOURS,
        ),
    ],
)
def test_status_is_read_from_facts_and_the_time(
    values: dict[str, object], now: datetime, status: Status
) -> None:
    assert status_of(Facts_(**values), now=now, calendar=BERLIN) == status  # type: ignore[arg-type]
