"""Facts follow the clocks, whatever order things are noted in."""

from __future__ import annotations

import re
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections

from leads.models import DirtyHandoff
from leads.services import mark_dirty
from reporting.facts import drain, drain_tenant, rebuild
from reporting.models import TargetFact
from sla.models import Target, Timer
from sla.services import meet
from slaportal.settings import ENGINE_TICKS
from tests.factories import Org
from tests.reporting.scenes import give, hand_over, week_of_work

pytestmark = pytest.mark.django_db


def facts_of(handoff_id: object, clock: str = "company", target: str = "first_touch") -> list[TargetFact]:
    return list(TargetFact.objects.filter(handoff_id=handoff_id, clock=clock, target=target).order_by("id"))


def everything() -> list[tuple[object, ...]]:
    return sorted(TargetFact.objects.values_list(), key=str)


def test_each_timer_becomes_one_fact_with_its_verdict(in_acme: Org, now: datetime) -> None:
    made = week_of_work(in_acme, now)
    verdicts = {name: facts_of(handoff.id)[0].verdict for name, handoff in made.items() if name != "drill"}
    assert verdicts == {
        "quick": "met",
        "hour": "met",
        "late": "missed",
        "never": "open",  # no sweep came by: the report itself looks at the deadline
        "running": "open",
        "called_off": "cancelled",
    }
    assert TargetFact.objects.count() == Timer.objects.exclude(handoff=made["drill"]).count()
    quick = facts_of(made["quick"].id)[0]
    assert (quick.business_seconds, quick.source, quick.tier_name) == (1_800, "Webinar", "Contact form")
    assert (quick.member_id, quick.team_id) == (in_acme.reps[0].id, in_acme.team.id)
    assert quick.id == Timer.objects.get(handoff=made["quick"], clock="company", target="first_touch").id


def test_a_drill_has_no_facts(in_acme: Org, now: datetime) -> None:
    made = week_of_work(in_acme, now)
    assert TargetFact.objects.filter(handoff=made["drill"]).count() == 0


def test_draining_uses_the_dirty_rows_up_and_can_be_repeated(in_acme: Org, now: datetime) -> None:
    made = week_of_work(in_acme, now)
    before = everything()
    assert DirtyHandoff.objects.count() == 0
    mark_dirty([handoff.id for handoff in made.values()], now)
    assert drain_tenant(in_acme.id) == len(made)
    assert everything() == before
    assert drain_tenant(in_acme.id) == 0


def test_a_turn_takes_no_more_than_its_limit(in_acme: Org, now: datetime) -> None:
    hand_over(in_acme, at=now)
    mark_dirty([handoff.id for handoff in (hand_over(in_acme, at=now), hand_over(in_acme, at=now))], now)
    waiting = DirtyHandoff.objects.count()
    assert drain_tenant(in_acme.id, limit=2) == 2
    assert DirtyHandoff.objects.count() == waiting - 2


def test_a_later_answer_changes_the_fact(in_acme: Org, now: datetime) -> None:
    handoff = hand_over(in_acme, at=now, owner=in_acme.reps[0])
    drain_tenant(in_acme.id)
    assert facts_of(handoff.id)[0].verdict == "open"
    answered = now + timedelta(minutes=20)
    meet([handoff.id], Target.FIRST_TOUCH, at=answered, now=answered)
    mark_dirty([handoff.id], answered)
    drain_tenant(in_acme.id)
    (fact,) = facts_of(handoff.id)
    assert (fact.verdict, fact.met_at, fact.business_seconds) == ("met", answered, 1_200)


def test_the_company_clock_counts_for_who_answered(in_acme: Org, now: datetime) -> None:
    """Rep 1 answers, then the lead moves: the answer stays rep 1's; the owner clocks belong to each."""
    one, two = in_acme.reps[:2]
    answered = now + timedelta(minutes=20)
    handoff = hand_over(in_acme, at=now, owner=one, touched=answered)
    give(handoff, two, at=now + timedelta(minutes=30))
    drain_tenant(in_acme.id)
    assert facts_of(handoff.id)[0].member_id == one.id
    assert facts_of(handoff.id, target="decision")[0].member_id == two.id
    owners = {fact.member_id: fact.verdict for fact in facts_of(handoff.id, "owner", "decision")}
    assert owners == {one.id: "cancelled", two.id: "open"}


def test_without_any_owner_it_counts_for_nobody(in_acme: Org, now: datetime) -> None:
    handoff = hand_over(in_acme, at=now)
    drain_tenant(in_acme.id)
    assert (facts_of(handoff.id)[0].member_id, facts_of(handoff.id)[0].team_id) == (None, None)


def test_rebuilding_gives_the_same_facts(in_acme: Org, now: datetime) -> None:
    week_of_work(in_acme, now)
    before = everything()
    TargetFact.objects.all().delete()
    assert rebuild(in_acme.id) == len(before)
    assert everything() == before


def test_the_tick_is_on_the_engines_list() -> None:
    assert "reporting.tasks.drain_tick" in [name for name, _ in ENGINE_TICKS]


@pytest.mark.django_db(transaction=True)
def test_the_drain_serves_every_organisation(acme: Org, globex: Org, now: datetime) -> None:
    for org in (acme, globex):
        with org.scope():
            hand_over(org, at=now, owner=org.reps[0])
    assert drain() >= 2
    for org in (acme, globex):
        with org.scope():
            assert TargetFact.objects.count() == 4
            assert set(TargetFact.objects.values_list("tenant_id", flat=True)) == {org.id}
            assert DirtyHandoff.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_drains_and_a_writer_at_once_leave_true_facts(acme: Org, now: datetime) -> None:
    """Each handoff is dirty several times over; whoever drains which row, every fact is there once."""
    with acme.scope():
        handoffs = [hand_over(acme, at=now, owner=acme.reps[0]).id for _ in range(20)]
    gate = threading.Barrier(3)
    problems: list[BaseException] = []

    def work(turn: object) -> None:
        try:
            gate.wait()
            for number in range(30):
                turn(number)  # type: ignore[operator]
        except BaseException as error:
            problems.append(error)
        finally:
            connections.close_all()

    def write(number: int) -> None:
        with acme.scope():
            at = now + timedelta(minutes=1)
            if number < 20:
                meet([handoffs[number]], Target.FIRST_TOUCH, at=at, now=at)
            mark_dirty(handoffs[number % 20 :] if number % 5 == 0 else [handoffs[number % 20]], at)

    def drain_turn(_: int) -> None:
        drain_tenant(acme.id, limit=7)

    threads = [threading.Thread(target=work, args=(turn,)) for turn in (drain_turn, drain_turn, write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    drain()
    with acme.scope():
        touches = TargetFact.objects.filter(clock="company", target="first_touch")
        found = dict(touches.values_list("handoff_id", "verdict"))
        assert found == dict.fromkeys(handoffs, "met")
        assert TargetFact.objects.count() == Timer.objects.count()


def test_clocks_and_their_handoffs_are_not_compared_one_by_one(in_acme: Org, now: datetime) -> None:
    """A planner that knows nothing of an organisation expects one row of it, and would with thousands."""
    handoffs = [
        hand_over(in_acme, at=now - timedelta(hours=hours), owner=in_acme.reps[0]) for hours in (1, 2)
    ]
    plans: list[str] = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "insert into reporting_targetfact" in sql:
            context["cursor"].cursor.execute(f"explain {sql}", params)
            plans.append("\n".join(line for (line,) in context["cursor"].cursor.fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        drain_tenant(in_acme.id)
    assert TargetFact.objects.filter(handoff__in=handoffs).count() == 8
    assert len(plans) == 2
    assert not [plan for plan in plans if re.search(r"Join Filter: .*\bt\.handoff_id\b", plan)]
