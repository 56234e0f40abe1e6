"""Roll-ups say what the facts say, after any history, and are built where they are missing."""

from __future__ import annotations

import io
import random
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from core.errors import Conflict, ValidationFailed
from leads.models import DirtyHandoff, Handoff
from leads.services import mark_dirty
from reporting import clock_facts, handoff_facts
from reporting.beside import beside
from reporting.facts import drain, drain_tenant, rebuild
from reporting.management.commands.rebuild_reports import Command
from reporting.measures import BUCKET_ENDS, BUCKET_ERROR, RANGES, bucket_of, place_of, quantiles
from reporting.models import HandoffFact, HandoffRollUp, RollUp, RollUpState, TargetFact
from reporting.selectors import SPLITS, Question, by_hour, choices, ground_of, load_names, report, sight_of
from reporting.selectors.rolled import cube_for
from sla.models import Target, Timer
from sla.services import cancel, meet
from tests.factories import Org
from tests.reporting.scenes import answer, give, hand_over, pause, second_team, week_of_work

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")


def all_cells() -> list[tuple[Any, ...]]:
    names = [field.name for field in RollUp._meta.fields if field.name != "id"]
    return sorted(RollUp.objects.values_list(*names), key=str)


def live_through(org: Org, now: datetime, chance: random.Random) -> None:
    """Handoffs over four months, in steps between which the facts are drained: answered in time, late and
    long after, moved, closed, paused, corrected."""
    _, outsider = second_team(org)
    people = [*org.reps, outsider, org.manager, None]
    monday = now - timedelta(days=1)
    helped = hand_over(org, at=monday, owner=org.reps[0])  # in time thanks to its pause
    pause(helped, at=monday + timedelta(hours=1), until=monday + timedelta(hours=3))
    answer(helped, monday + timedelta(hours=5))
    handoffs: list[Handoff] = []
    for _ in range(6):
        for _ in range(chance.randint(2, 6)):
            at = now - timedelta(days=chance.randint(0, 120), minutes=chance.randint(1, 1_440))
            handoffs.append(
                hand_over(
                    org,
                    at=at,
                    owner=chance.choice(people),
                    tier=chance.choice(["contact_form", "demo_request"]),
                    source=chance.choice(["Webinar", "Partner", ""]),
                    campaign=chance.choice(["", "Spring"]),
                )
            )
        for handoff in chance.sample(handoffs, k=min(5, len(handoffs))):
            change(handoff, people, chance)
            mark_dirty([handoff.id], now)
        drain_tenant(org.id)


def change(handoff: Handoff, people: list[Any], chance: random.Random) -> None:
    at = handoff.started_at + timedelta(minutes=chance.randint(1, 4_000))
    what = chance.choice(["touch", "touch", "decide", "move", "close", "source", "wait", "wait", "wait"])
    if what in ("touch", "decide"):
        meet([handoff.id], Target.FIRST_TOUCH if what == "touch" else Target.DECISION, at=at, now=at)
    elif what == "move" and handoff.owner_id is not None:
        give(handoff, chance.choice([one for one in people if one is not None]), at=at)
    elif what == "wait":
        until = at + timedelta(minutes=chance.randint(1, 1_000))
        with suppress(Conflict, ValidationFailed):  # nothing runs that could wait, or it waits already
            pause(handoff, at=at, until=until, go_on=chance.random() < 0.7)
    elif what == "close":
        cancel([handoff.id], reason="closed", now=at)
    else:
        Handoff.objects.filter(id=handoff.id).update(source="Corrected")


@pytest.mark.parametrize("seed", range(4))
def test_after_any_history_the_roll_ups_are_those_of_a_rebuild(
    in_acme: Org, now: datetime, seed: int
) -> None:
    live_through(in_acme, now, random.Random(seed))
    found = all_cells()
    assert found
    assert TargetFact.objects.filter(plain_due_at__isnull=False).exists()
    rebuild(in_acme.id)
    assert all_cells() == found


@pytest.mark.parametrize("model", [RollUp, HandoffRollUp])
def test_a_cell_that_would_count_less_than_nothing_has_all_counted_anew(
    in_acme: Org, now: datetime, model: type[RollUp | HandoffRollUp], caplog: pytest.LogCaptureFixture
) -> None:
    handoff = hand_over(in_acme, at=now, owner=in_acme.reps[0], source="Webinar")
    drain_tenant(in_acme.id)
    counts = dict.fromkeys(("running",) if model is RollUp else ("mqls", "undecided"), 0)
    model.objects.update(**counts)  # somebody's hand
    Handoff.objects.filter(id=handoff.id).update(source="Corrected")
    mark_dirty([handoff.id], now)
    drain_tenant(in_acme.id)
    assert "counted anew" in caplog.text
    found = everything()
    rebuild(in_acme.id)
    assert everything() == found
    assert not DirtyHandoff.objects.exists()


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(more, marks=pytest.mark.slow) for more in (2, 3))])
@pytest.mark.parametrize("days", [30, 200])
def test_a_report_from_roll_ups_is_the_report_from_facts(
    in_acme: Org, now: datetime, seed: int, days: int
) -> None:
    """Every split, reader and filter; the counts exactly, the times within what is promised."""
    live_through(in_acme, now, random.Random(seed))
    today = now.astimezone(BERLIN).date()
    first = today - timedelta(days=days - 1)
    rolled, wholes = 0, []
    for clock in ("company", "owner"):
        plain = Question(zone=BERLIN, first=first, last=today, clock=clock)
        for question in (plain, replace(plain, ignore_pauses=True)):
            names, ground = load_names(), ground_of(question)
            wholes.append(report(question, "team", now=now, names=names, ground=ground))
        for question in (
            plain,
            replace(plain, **sight_of(in_acme.manager)),
            replace(plain, **sight_of(in_acme.reps[0])),
            replace(plain, team=in_acme.team.id),
            replace(plain, member=in_acme.reps[1].id),
            replace(plain, without=("member_id",)),
            replace(plain, source="Webinar"),
            replace(plain, source=""),
            replace(plain, campaign="Spring"),
            replace(plain, tier="demo_request"),
            replace(plain, target="decision"),
            replace(plain, ignore_pauses=True),
            replace(plain, ignore_pauses=True, target="decision", source="Webinar"),
            replace(plain, ignore_pauses=True, **sight_of(in_acme.manager)),
        ):
            ground = ground_of(question)
            assert choices(question, ground=ground) == choices(question)
            for by in SPLITS:
                names = load_names()
                quick = report(question, by, now=now, names=names, ground=ground)
                slow = report(question, by, now=now, names=names)
                assert not slow.is_rounded
                rolled += quick.is_rounded
                assert_same(quick, slow)
    assert rolled > 40
    assert {whole.is_rounded for whole in wholes} == {True}
    measured, ignoring = wholes[:2]
    assert measured.whole != ignoring.whole


def assert_same(quick: Any, slow: Any) -> None:
    assert quick.course == slow.course
    assert quick.whole.ranges == slow.whole.ranges
    assert quick.whole.unanswered == slow.whole.unanswered
    for share, seconds in slow.whole.responses.items():
        assert_near(quick.whole.responses[share], seconds)
    pairs = [(quick.whole.rates, slow.whole.rates), (quick.before, slow.before)]
    groups = {group.key: group for group in slow.groups}
    assert {group.key for group in quick.groups} == set(groups)
    pairs += [(group.rates, groups[group.key].rates) for group in quick.groups]
    for mine, theirs in pairs:
        for target, rate in theirs.items():
            assert replace(mine[target], median=None, p90=None) == replace(rate, median=None, p90=None)
            assert_near(mine[target].median, rate.median)
            assert_near(mine[target].p90, rate.p90)


@pytest.mark.parametrize("seed", [7, 8])
def test_hours_from_cells_are_those_of_the_facts(in_acme: Org, now: datetime, seed: int) -> None:
    live_through(in_acme, now, random.Random(seed))
    for days, changes in (
        (30, {}),
        (200, {}),
        (200, {"ignore_pauses": True}),
        (90, {"team": in_acme.team.id}),
    ):
        last = now.astimezone(BERLIN).date()
        question = Question(zone=BERLIN, first=last - timedelta(days=days), last=last, **changes)
        ground = ground_of(question)
        assert ground is not None
        quick = by_hour(question, now=now, ground=ground)
        assert sum(hour.base for hour in quick) > 0
        assert quick == by_hour(question, now=now)


def assert_near(mine: int | None, exact: int | None) -> None:
    if exact is None:
        assert mine is None
    else:
        assert mine is not None
        assert abs(mine - exact) <= exact * BUCKET_ERROR / 100


def test_a_deadline_that_passed_unnoted_is_broken_from_that_moment_on(in_acme: Org, now: datetime) -> None:
    """No sweep, no drain in between: the same cells, read a microsecond later."""
    handoff = hand_over(in_acme, at=now, owner=in_acme.reps[0])
    drain_tenant(in_acme.id)
    due = Timer.objects.get(handoff=handoff, clock="company", target="first_touch").due_at
    today = now.astimezone(BERLIN).date()
    question = Question(zone=BERLIN, first=today, last=today)
    seen = []
    for at in (due, due + timedelta(microseconds=1)):
        found = report(question, "rep", now=at, names=load_names(), ground=ground_of(question))
        rate = found.whole.rates["first_touch"]
        seen.append((found.is_rounded, rate.running, rate.broken, found.whole.unanswered))
    assert seen == [(True, 1, 0, 0), (True, 0, 1, 1)]


def test_questions_go_to_the_cheapest_cube_that_answers_them(in_acme: Org, now: datetime) -> None:
    week_of_work(in_acme, now)
    plain = Question(zone=BERLIN, first=date(2026, 11, 1), last=date(2026, 11, 17))
    ground = ground_of(plain)
    assert [cube_for(plain, column, ground) for column, _ in SPLITS.values()] == [
        "rep",
        "team",
        "source",
        "campaign",
        "team",
    ]
    assert cube_for(replace(plain, member=in_acme.reps[0].id), "tier", ground) == "rep"
    assert cube_for(replace(plain, source="Webinar"), "member_id", ground) is None
    assert cube_for(plain, "member_id", None) is None


# --- Where there are none, or they count other days ---


@pytest.mark.django_db(transaction=True)
def test_organisations_from_before_get_theirs_at_the_first_drain_each(
    acme: Org, globex: Org, now: datetime
) -> None:
    expected = {}
    for org in (acme, globex):
        with org.scope():
            for number in range(3 if org is acme else 5):
                hand_over(org, at=now - timedelta(days=number), owner=org.reps[0])
    drain()
    for org in (acme, globex):
        with org.scope():
            expected[org.id] = all_cells()
            RollUp.objects.all().delete()
            RollUpState.objects.all().delete()
            assert ground_of(Question(zone=BERLIN, first=now.date(), last=now.date())) is None
    with acme.scope():
        mark_dirty([TargetFact.objects.first().handoff_id], now)
    drain()
    with acme.scope():
        assert all_cells() == expected[acme.id]
    with globex.scope():
        assert all_cells() == []  # nothing of theirs changed: pages count facts until it does
    said = io.StringIO()
    call_command("rebuild_reports", stdout=said)
    for org in (acme, globex):
        with org.scope():
            assert all_cells() == expected[org.id]
            assert {row.tenant_id for row in RollUp.objects.all()} == {org.id}
    assert "acme: facts of 3 handoffs and 12 clocks and their roll-ups are built." in said.getvalue()


def test_after_a_move_to_another_zone_facts_are_counted_until_all_days_are_new(
    in_acme: Org, now: datetime
) -> None:
    evening = datetime(2026, 11, 9, 23, 30, tzinfo=now.tzinfo)
    handoff = hand_over(in_acme, at=evening, owner=in_acme.reps[0])
    drain_tenant(in_acme.id)
    assert set(RollUp.objects.filter(days=1).values_list("day", flat=True)) == {date(2026, 11, 10)}
    in_acme.tenant.time_zone = "America/New_York"
    in_acme.tenant.save(update_fields=["time_zone"])
    there = Question(zone=ZoneInfo("America/New_York"), first=date(2026, 11, 9), last=date(2026, 11, 9))
    assert ground_of(there) is None
    mark_dirty([handoff.id], now)
    drain_tenant(in_acme.id)
    assert ground_of(there) is not None
    assert set(RollUp.objects.filter(days=1).values_list("day", flat=True)) == {date(2026, 11, 9)}


@pytest.mark.django_db(transaction=True)
def test_the_command_builds_one_organisation_or_says_that_there_is_none(acme: Org, now: datetime) -> None:
    with acme.scope():
        hand_over(acme, at=now, owner=acme.reps[0])
    said = io.StringIO()
    call_command("rebuild_reports", tenant="acme", stdout=said)
    assert "acme: facts of 1 handoffs and 4 clocks" in said.getvalue()
    for what in ("clocks", "handoffs", "roll-ups of clocks", "roll-ups of handoffs"):
        assert f"  {what}: counted to " in said.getvalue()
    with pytest.raises(CommandError, match="nowhere"):
        call_command("rebuild_reports", tenant="nowhere")


@pytest.mark.django_db(transaction=True)
def test_the_command_tells_how_far_it_is_every_few_weeks(acme: Org, now: datetime) -> None:
    with acme.scope():
        for weeks in (0, 5, 9):
            hand_over(acme, at=now - timedelta(weeks=weeks), owner=acme.reps[0])
    said = io.StringIO()
    call_command("rebuild_reports", stdout=said)
    lines = [line.strip() for line in said.getvalue().splitlines()]
    of_clocks = [line for line in lines if line.startswith("clocks: ")]
    assert of_clocks == [f"clocks: counted to {day} of 2026-11-17" for day in told_days(now)]
    for what in ("handoffs", "roll-ups of clocks", "roll-ups of handoffs"):
        assert len([line for line in lines if line.startswith(f"{what}: counted to ")]) > 1
    assert lines[-1] == "acme: facts of 3 handoffs and 12 clocks and their roll-ups are built."


def told_days(now: datetime) -> list[date]:
    first = now - timedelta(weeks=9)
    return [min(first + timedelta(weeks=weeks), now).date() for weeks in (4, 8, 12)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stage", ["clocks", "handoffs", "roll-ups of clocks", "roll-ups of handoffs"])
def test_a_rebuild_that_is_broken_off_leaves_everything_and_may_run_again(
    acme: Org, globex: Org, now: datetime, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    for org in (acme, globex):
        with org.scope():
            for number in range(4):
                hand_over(org, at=now - timedelta(weeks=number * 4), owner=org.reps[0])
    drain()
    with acme.scope():
        expected = everything()
        mark_dirty([TargetFact.objects.first().handoff_id], now)
    tell = Command._tell

    def stop(self: Command, what: str, done: date, last: date) -> None:
        tell(self, what, done, last)
        if what == stage:
            raise KeyboardInterrupt

    said = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(Command, "_tell", stop)
        with pytest.raises(CommandError, match="Broken off: the reports of acme") as stopped:
            call_command("rebuild_reports", tenant="acme", stdout=said)
    assert stopped.value.returncode == 130
    assert f"  {stage}: counted to" in said.getvalue()
    with acme.scope():
        assert everything() == expected
        assert DirtyHandoff.objects.count() == 1  # what waits goes on waiting
    call_command("rebuild_reports", stdout=said)
    drain()
    for org in (acme, globex):
        with org.scope():
            assert DirtyHandoff.objects.count() == 0
    with acme.scope():
        assert everything() == expected


def everything() -> list[Any]:
    """Facts and cells, without the ids of cells, which are new each time."""
    found: list[Any] = [all_cells()]
    for model in (TargetFact, HandoffFact, HandoffRollUp):
        names = [each.name for each in model._meta.fields if each.name != "id" or model is not HandoffRollUp]
        found.append(sorted(model.objects.values_list(*names), key=str))
    return found


# --- Buckets ---


def test_a_bucket_is_never_wider_than_promised_and_ranges_end_between_them() -> None:
    chance = random.Random(7)
    edges = {end + step for end in BUCKET_ENDS[:16] for step in (-1, 0, 1)}
    for seconds in sorted(edges | {chance.randint(0, 3_000_000) for _ in range(5_000)}):
        start = bucket_of(seconds)
        assert start <= seconds
        assert seconds - start <= seconds * BUCKET_ERROR / 100
        assert place_of(start) == place_of(seconds)
    assert {bucket_of(end) for end, _ in RANGES if end} == {end for end, _ in RANGES if end}


def test_the_database_puts_times_into_the_same_buckets(in_acme: Org, now: datetime) -> None:
    for minutes in (1, 3, 14, 31, 119, 240, 480):
        hand_over(in_acme, at=now, owner=in_acme.reps[0], touched=now + timedelta(minutes=minutes, seconds=7))
    drain_tenant(in_acme.id)
    cell = RollUp.objects.get(cube="team", days=1, clock="company", target="first_touch")
    times = TargetFact.objects.filter(clock="company", target="first_touch").values_list("business_seconds")
    assert cell.starts == sorted({bucket_of(seconds) for (seconds,) in times})


def test_quantiles_are_the_least_value_that_a_share_did_not_exceed() -> None:
    assert quantiles({10: (1, 10), 20: (1, 20), 30: (1, 30)}, (50, 90)) == {50: 20, 90: 30}
    assert quantiles({600: (2, 1_210)}, (50,)) == {50: 605}
    assert quantiles({}, (50, 90)) == {50: None, 90: None}


@pytest.mark.django_db(transaction=True)
def test_a_half_of_a_rebuild_that_fails_stops_the_other_which_stays_as_it_was(
    acme: Org, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acme.scope():
        hand_over(acme, at=now, owner=acme.reps[0])
    drain()
    with acme.scope():
        expected = everything()
        Timer.objects.update(tier="other")  # unnoted: only a rebuild would find it
    for half in (handoff_facts, clock_facts):

        def failing(**_: Any) -> int:
            raise RuntimeError("no space left")

        with monkeypatch.context() as patched:
            patched.setattr(half, "rebuild", failing)
            with pytest.raises(RuntimeError, match="no space left"):
                call_command("rebuild_reports", tenant="acme", stdout=io.StringIO())
        if half is handoff_facts:
            with acme.scope():
                assert everything() == expected
    call_command("rebuild_reports", tenant="acme", stdout=io.StringIO())
    with acme.scope():
        assert {row.tier for row in TargetFact.objects.all()} == {"other"}


@pytest.mark.django_db(transaction=True)
def test_who_breaks_off_while_one_half_alone_goes_on_does_not_wait_for_its_end(
    acme: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    def work() -> None:
        with connection.cursor() as cursor:
            try:
                cursor.execute("select pg_sleep(5)")
                ended.append("by itself")
            except OperationalError:
                ended.append("cancelled")
                raise

    def pressed(future: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Future, "result", pressed)
    with acme.scope(), pytest.raises(KeyboardInterrupt), beside(acme.id, work):
        pass
    assert ended == ["cancelled"]
