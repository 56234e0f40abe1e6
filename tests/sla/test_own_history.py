"""What is proposed from an organisation's own clocks, counted by the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.models import Handoff
from sla.models import Target, Timer
from sla.own_history import count_clocks, own_history, said, way
from sla.proposals import rungs
from sla.services import cancel, meet, pause, pause_rules
from tenants.calendars import load_calendar
from tests.engine.scenes import open_handoff
from tests.factories import POLICY, Org

pytestmark = pytest.mark.django_db

#: A Wednesday, 12:00 in Berlin; the office is open from 9:00 to 17:30.
NOW = datetime(2026, 11, 18, 11, tzinfo=UTC)
#: Monday of the week before, 10:00 in Berlin.
THEN = datetime(2026, 11, 9, 9, tzinfo=UTC)


@pytest.fixture
def scoped(acme: Org) -> Iterator[Org]:
    with acme.scope():
        yield acme


def found(content: Any = POLICY, *, tier: str = "contact_form", target: str = "first_touch", **more: Any):
    history = own_history(content, percent=more.pop("percent", 85), now=more.pop("now", NOW), **more)
    (one,) = [each for each in history.of(tier) if each.target == target]
    return one, said(one, history)


def lead(
    org: Org,
    at: datetime = THEN,
    *,
    touched: int | None = None,
    closed: int | None = None,
    tier: str = "contact_form",
    **fields: Any,
) -> Handoff:
    """A lead at `at`, answered or closed so many minutes after."""
    handoff = open_handoff(org, at=at, tier=tier, **fields)
    if touched is not None:
        when = at + timedelta(minutes=touched)
        meet([handoff.id], Target.FIRST_TOUCH, at=when, now=when)
    if closed is not None:
        when = at + timedelta(minutes=closed)
        cancel([handoff.id], reason="closed", now=when)
    return handoff


def leads(org: Org, count: int, at: datetime = THEN, **how: Any) -> None:
    for _ in range(count):
        lead(org, at, **how)


def test_the_tightest_round_value_that_enough_kept_is_proposed_with_its_base(scoped: Org) -> None:
    leads(scoped, 34, touched=45)
    leads(scoped, 2, touched=20)
    leads(scoped, 4, touched=200)  # late for an hour
    leads(scoped, 2, closed=10)  # closed before anybody could know
    leads(scoped, 3, NOW - timedelta(minutes=15))  # still open, and young
    one, text = found()
    assert one.found == {"minutes": 60}
    assert text == (
        "Kept by 90% of 40 leads, of 45 in 90 days. 30 minutes: 5% of 40. "
        "Left out: 5 (3 still open and younger than that, 2 closed before)."
    )
    assert way(one) == "As tight as the usual 4 hours, or tighter."


def test_leads_that_nobody_answered_count_as_not_kept(scoped: Org) -> None:
    leads(scoped, 34, touched=45)
    leads(scoped, 6)  # open since last week
    one, _ = found()
    assert one.found == {"minutes": 60}
    leads(scoped, 1)
    one, text = found()
    assert one.found is None
    assert text == "Not even the longest of our values was kept by 85%: 82.9% of 41 leads."
    assert way(one) == ""


def test_what_closed_broken_counts_for_every_value(scoped: Org) -> None:
    leads(scoped, 34, touched=45)
    leads(scoped, 7, closed=300)  # due after 240, and never answered
    assert found()[0].found is None


def test_on_too_little_history_it_says_so(scoped: Org) -> None:
    leads(scoped, 29, touched=45)
    one, text = found()
    assert (one.found, one.proposal.enough) == (None, False)
    assert text == "Too little history to propose anything: of 29 leads in 90 days 29 count, and it takes 30."
    leads(scoped, 1, touched=45)
    assert found()[0].found == {"minutes": 60}


def test_nights_weekends_and_pauses_are_no_time_used(scoped: Org) -> None:
    friday = datetime(2026, 11, 6, 16, tzinfo=UTC)  # 17:00 in Berlin; closing is at 17:30
    leads(scoped, 30, friday, touched=64 * 60 + 15)  # Monday 9:15: 45 minutes of working time
    assert found()[0].found == {"minutes": 60}
    # Open since 17:00 yesterday: half an hour then, three today.
    leads(scoped, 20, datetime(2026, 11, 17, 16, tzinfo=UTC))
    one, text = found()
    assert (one.found, one.proposal.tally.running) == ({"minutes": 240}, 20)
    assert "2 hours: 60% of 50." in text


def test_a_clock_that_stood_and_still_runs_is_left_out(scoped: Org) -> None:
    leads(scoped, 30, touched=45)
    handoff = lead(scoped, NOW - timedelta(minutes=90), owner=scoped.reps[0])
    rule = pause_rules(handoff, role="rep")[0]
    pause(handoff, rule, until=None, note="", actor="system", now=NOW - timedelta(minutes=80))
    one, text = found()
    assert (one.found, one.proposal.tally.stood) == ({"minutes": 60}, 1)
    assert "1 paused at some time and still open" in text


def test_tests_other_tiers_and_what_is_too_long_ago_do_not_count(scoped: Org) -> None:
    leads(scoped, 30, touched=45)
    leads(scoped, 30, is_test=True)
    leads(scoped, 30, tier="content")
    leads(scoped, 30, NOW - timedelta(days=40))
    assert found(days=30)[0].found == {"minutes": 60}
    assert found(days=90)[0].found is None


def test_each_promise_of_a_tier_has_its_own(scoped: Org) -> None:
    for _ in range(30):
        handoff = lead(scoped, touched=45)
        when = THEN + timedelta(days=1, hours=3)
        meet([handoff.id], Target.DECISION, at=when, now=when)
    assert found()[0].found == {"minutes": 60}
    one, _ = found(target="decision")
    assert one.found == {"business_days": 2}
    assert way(one) == "Then 1 business day next quarter."


def test_a_promise_by_the_wall_clock_is_proposed_from_clocks_by_the_wall_clock(scoped: Org) -> None:
    (contact,) = [tier for tier in POLICY["tiers"] if tier["slug"] == "contact_form"]
    by_wall = {"target": "first_touch", "duration": {"minutes": 240}, "clock": "wall"}
    content = {**POLICY, "tiers": [{**contact, "targets": [by_wall]}]}
    leads(scoped, 30, touched=45)
    assert found(content)[0].clocks == 0
    Timer.objects.update(calendar_version=None, business_seconds=26 * 3_600)
    one, _ = found(content)
    assert one.found == {"minutes": 2 * 1_440}
    assert found()[0].clocks == 0


def test_a_promise_tighter_than_every_value_is_never_loosened(scoped: Org) -> None:
    tier = {**POLICY["tiers"][2], "targets": [{"target": "first_touch", "duration": {"minutes": 1}}]}
    content = {**POLICY, "tiers": [tier]}
    leads(scoped, 30, touched=0)
    one, text = found(content)
    assert (one.found, one.is_tighter) == (None, True)
    assert text.endswith("the present promise is tighter and stays.")
    leads(scoped, 30, touched=20)
    assert found(content)[0].found == {"minutes": 30}


def test_another_organisation_s_clocks_are_not_in_it(acme: Org, globex: Org) -> None:
    with globex.scope():
        leads(globex, 30, touched=10)
    with acme.scope():
        leads(acme, 29, touched=45)
        assert found()[0].clocks == 29
    with globex.scope():
        assert found()[0].found == {"minutes": 10}


def test_attempts_are_left_out_and_a_draft_may_say_anything(scoped: Org) -> None:
    odd = {
        "slug": "odd",
        "name": "Odd",
        "when": None,
        "targets": [
            {"target": "attempts", "duration": {"business_days": 10}, "count": 6, "channels": 2},
            {"target": "first_touch", "duration": {"parsecs": 5}},
            {"target": "decision"},
            "nonsense",
        ],
    }
    assert own_history({"tiers": [odd, 5]}, percent=85, now=NOW).proposals == []
    assert own_history({}, percent=85, now=NOW).proposals == []


def test_it_costs_the_same_for_many_clocks(scoped: Org) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            own_history(POLICY, percent=85, now=NOW)
        return len(asked)

    lead(scoped, touched=45)
    own_history(POLICY, percent=85, now=NOW)  # calendars are kept once read
    few = cost()
    leads(scoped, 40, touched=45)
    leads(scoped, 10)
    assert cost() == few <= 5  # one of them asks whether anything was imported, for tiers with too few


@pytest.mark.parametrize("seed", range(3))
def test_the_database_counts_as_one_counts_clock_by_clock(scoped: Org, seed: int) -> None:
    chance = Random(seed)
    for _ in range(60):
        rest = chance.randint(1, 9 * 24 * 60)
        how = chance.choice(["touched", "touched", "closed", ""])
        until = (
            {how: min(rest, chance.choice([chance.randint(0, 600), chance.randint(0, rest)]))} if how else {}
        )
        lead(scoped, NOW - timedelta(minutes=rest), **until)
    since = NOW - timedelta(days=30)
    ladder = rungs(8 * 3_600 + 1_800)
    ladders = {False: ladder, True: rungs(0, wall=True)}
    clocks = count_clocks(ladders, since=since, now=NOW)["contact_form", "first_touch", False]
    timers = list(Timer.objects.filter(target="first_touch", clock="company"))
    assert clocks.all == 60
    for place, rung in enumerate(ladder):
        kept = sum(timer.met_at is not None and _used(timer) <= rung.seconds for timer in timers)
        broken = sum(_used(timer) > rung.seconds or _is_over(timer) for timer in timers)
        tally = clocks.at(place)
        assert (tally.kept, tally.broken, tally.left_out) == (kept, broken, 60 - kept - broken), rung


def _is_over(timer: Timer) -> bool:
    """Whether it was broken and then closed without an answer."""
    return timer.state == "breached" and timer.closed_at is not None and timer.met_at is None


def _used(timer: Timer) -> float:
    calendar = load_calendar(timer.calendar_version_id)
    assert calendar is not None
    return calendar.elapsed_seconds(timer.started_at, timer.closed_at or NOW)
