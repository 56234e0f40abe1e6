"""Targets beyond the first answer: attempts, the SQL decision, and from stage to stage."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from core.errors import ValidationFailed
from handoff import services
from handoff.services import Actor
from leads.models import Handoff, Touch
from reporting.facts import drain_tenant
from reporting.models import TargetFact
from sla.auditor import audit_tenant
from sla.defaults import DEFAULT_POLICY
from sla.models import Timer, TimerEvent
from tenants.clock import fixed_clock
from tests.engine.scenes import clock_of, open_handoff
from tests.engine.test_sweep import minutes, sweep_at
from tests.factories import Org, make_org

pytestmark = pytest.mark.django_db

TARGETS: list[dict[str, Any]] = [
    {"target": "first_touch", "duration": {"minutes": 60}, "clock": "business"},
    {"target": "decision", "duration": {"minutes": 240}, "clock": "business"},
    {"target": "attempts", "duration": {"business_days": 2}, "count": 3, "channels": 2},
    {"target": "sql_decision", "duration": {"minutes": 120}, "clock": "wall"},
    {"target": "sql_to_opportunity", "duration": {"business_days": 3}},
]


@pytest.fixture
def org(now: datetime) -> Org:
    _, *others, last = DEFAULT_POLICY["tiers"]
    return make_org(
        "stages",
        now=now,
        hours="always",
        policy={**DEFAULT_POLICY, "tiers": [{**others[0], "targets": TARGETS}, *others[1:], last]},
    )


@pytest.fixture
def handoff(org: Org, now: datetime) -> Handoff:
    with org.scope():
        return open_handoff(org, at=now, owner=org.reps[0])


def rep(org: Org) -> Actor:
    return Actor.person(org.reps[0])


def touch(
    org: Org, handoff: Handoff, kind: str, at: datetime, *, now: datetime | None = None, **more: Any
) -> Touch:
    with org.scope():
        return services.log_touch(
            lead_id=handoff.lead_id, kind=kind, at=at, actor=rep(org), clock=fixed_clock(now or at), **more
        )


def accept(org: Org, handoff: Handoff, at: datetime) -> None:
    with org.scope():
        services.accept_lead(lead_id=handoff.lead_id, actor=rep(org), clock=fixed_clock(at))


def to_stage(org: Org, handoff: Handoff, stage: str, at: datetime) -> None:
    with org.scope():
        services.move_to_stage(
            lead_id=handoff.lead_id, to=stage, why="They said so.", actor=rep(org), clock=fixed_clock(at)
        )


def states(org: Org, handoff: Handoff) -> dict[str, set[str]]:
    with org.scope():
        found: dict[str, set[str]] = {}
        for timer in Timer.objects.filter(handoff=handoff):
            found.setdefault(timer.target, set()).add(timer.state)
        return found


def test_what_has_not_begun_has_no_clock_and_the_auditor_misses_none(
    org: Org, handoff: Handoff, now: datetime
) -> None:
    assert set(states(org, handoff)) == {"first_touch", "decision", "attempts"}
    with org.scope():
        assert audit_tenant(now=now + minutes(1)) == []


def test_the_sql_decision_begins_with_acceptance_on_both_clocks(
    org: Org, handoff: Handoff, now: datetime
) -> None:
    accept(org, handoff, now + minutes(30))
    with org.scope():
        for clock in ("company", "owner"):
            timer = clock_of(handoff, clock=clock, target="sql_decision")
            assert (timer.started_at, timer.due_at) == (now + minutes(30), now + minutes(150))
        assert audit_tenant(now=now + minutes(31)) == []
    to_stage(org, handoff, "sql", now + minutes(100))
    assert states(org, handoff)["sql_decision"] == {"met"}
    assert states(org, handoff)["sql_to_opportunity"] == {"running"}
    to_stage(org, handoff, "opportunity", now + minutes(200))
    assert states(org, handoff)["sql_to_opportunity"] == {"met"}


def test_an_sql_decision_that_is_never_made_is_broken_and_warned_of(
    org: Org, handoff: Handoff, now: datetime
) -> None:
    touch(org, handoff, "call", now + minutes(5))
    accept(org, handoff, now + minutes(30))
    sweep_at(org, now + minutes(151))
    with org.scope():
        broken = Timer.objects.get(handoff=handoff, target="sql_decision", clock="company")
    assert broken.state == "breached"


def test_reports_keep_the_facts_of_every_target(org: Org, handoff: Handoff, now: datetime) -> None:
    accept(org, handoff, now + minutes(30))
    to_stage(org, handoff, "sql", now + minutes(100))
    assert drain_tenant(org.id)
    with org.scope():
        facts = set(TargetFact.objects.values_list("target", flat=True))
    assert facts == {"first_touch", "decision", "attempts", "sql_decision", "sql_to_opportunity"}


def test_disqualifying_is_a_decision_too(org: Org, handoff: Handoff, now: datetime) -> None:
    accept(org, handoff, now + minutes(30))
    to_stage(org, handoff, "disqualified", now + minutes(40))
    assert states(org, handoff)["sql_decision"] == {"met"}


def test_an_undone_acceptance_takes_its_clocks_back(org: Org, handoff: Handoff, now: datetime) -> None:
    accept(org, handoff, now + minutes(30))
    with org.scope():
        services.undo_accept(lead_id=handoff.lead_id, actor=rep(org), clock=fixed_clock(now + minutes(30.1)))
    found = states(org, handoff)
    assert (found["sql_decision"], found["decision"]) == ({"cancelled"}, {"running"})
    accept(org, handoff, now + minutes(50))
    with org.scope():
        assert clock_of(handoff, target="sql_decision").due_at == now + minutes(170)


@pytest.mark.parametrize("swept", [False, True])
def test_what_an_undone_acceptance_had_begun_was_never_owed(now: datetime, swept: bool) -> None:
    quick = {"target": "sql_decision", "duration": {"seconds": 2}, "clock": "wall"}
    _, *others, last = DEFAULT_POLICY["tiers"]
    tiers = [{**others[0], "targets": [TARGETS[1], quick]}, *others[1:], last]
    org = make_org("hasty", now=now, hours="always", policy={**DEFAULT_POLICY, "tiers": tiers})
    with org.scope():
        handoff = open_handoff(org, at=now, owner=org.reps[0])
    accept(org, handoff, now + minutes(1))
    if swept:
        sweep_at(org, now + minutes(1) + timedelta(seconds=3))
    undone_at = now + minutes(1) + timedelta(seconds=8)
    with org.scope():
        # Of a broken promise the lead may have moved on: whoever has it now takes the acceptance back.
        actor = Actor.person(Handoff.objects.get(id=handoff.id).owner)
        services.undo_accept(lead_id=handoff.lead_id, actor=actor, clock=fixed_clock(undone_at))
        assert audit_tenant(now=undone_at) == []
        own = Timer.objects.filter(handoff=handoff, target="sql_decision").order_by("id")
        assert all(timer.closed_at is not None for timer in own)
        if not swept:
            assert {(timer.state, timer.breached_at) for timer in own} == {("cancelled", None)}


def test_a_deadline_that_passed_unseen_before_a_move_is_on_record_when_the_answer_is_undone(
    org: Org, handoff: Handoff, now: datetime
) -> None:
    due = now + minutes(240)
    touch(org, handoff, "call", now + minutes(5))
    accept(org, handoff, due - timedelta(seconds=5))
    undone_at = due + timedelta(seconds=6)
    with org.scope():
        services.reassign_lead(
            lead_id=handoff.lead_id,
            why="She is on the phone.",
            to=org.reps[1].id,
            actor=Actor.person(org.manager),
            clock=fixed_clock(due + timedelta(seconds=2)),
        )
        services.undo_accept(
            lead_id=handoff.lead_id, actor=Actor.person(org.reps[1]), clock=fixed_clock(undone_at)
        )
        first = Timer.objects.filter(handoff=handoff, target="decision", clock="owner").earliest("id")
        assert (first.state, first.breached_at) == ("breached", due)
        assert TimerEvent.objects.filter(timer=first, percent=100).count() == 1
        assert [finding.kind for finding in audit_tenant(now=undone_at)] == []


def test_a_paused_lead_that_comes_to_a_stage_starts_with_its_clock_standing(
    org: Org, handoff: Handoff, now: datetime
) -> None:
    from handoff.pauses import pause_lead, resume_lead

    with org.scope():
        pause_lead(
            lead_id=handoff.lead_id,
            reason="waiting_for_lead",
            actor=rep(org),
            clock=fixed_clock(now + minutes(10)),
        )
    accept(org, handoff, now + minutes(30))
    assert states(org, handoff)["sql_decision"] == {"paused"}
    with org.scope():
        resume_lead(lead_id=handoff.lead_id, actor=rep(org), clock=fixed_clock(now + minutes(60)))
        assert clock_of(handoff, target="sql_decision").due_at == now + minutes(180)


def test_attempts_are_met_by_the_one_that_makes_them_enough(
    org: Org, handoff: Handoff, now: datetime
) -> None:
    for number, kind in enumerate(["email", "email", "email"], start=1):
        touch(org, handoff, kind, now + minutes(number))
    assert states(org, handoff)["attempts"] == {"running"}  # three, over one channel
    touch(org, handoff, "call", now + minutes(9), automatic=True)
    assert states(org, handoff)["attempts"] == {"running"}  # a machine's does not count
    touch(org, handoff, "call", now + minutes(10))
    with org.scope():
        timer = clock_of(handoff, target="attempts")
        assert (timer.state, timer.met_at) == ("met", now + minutes(10))
        assert Handoff.objects.get(id=handoff.id).attempts_at == now + minutes(10)


def test_an_attempt_logged_late_counts_as_of_when_it_was_made(
    org: Org, handoff: Handoff, now: datetime
) -> None:
    for number, kind in enumerate(["email", "email", "call"], start=1):
        touch(org, handoff, kind, now + minutes(10 * number))
    touch(org, handoff, "call", now + minutes(15), now=now + minutes(40))
    with org.scope():
        assert clock_of(handoff, target="attempts").met_at == now + minutes(20)


def test_an_undone_attempt_is_owed_again(org: Org, handoff: Handoff, now: datetime) -> None:
    touch(org, handoff, "email", now + minutes(1))
    touch(org, handoff, "email", now + minutes(2))
    last = touch(org, handoff, "call", now + minutes(3))
    with org.scope():
        services.undo_touch(
            lead_id=handoff.lead_id, touch_id=last.id, actor=rep(org), clock=fixed_clock(now + minutes(3.1))
        )
        assert Handoff.objects.get(id=handoff.id).attempts_at is None
    assert states(org, handoff)["attempts"] == {"running"}


def test_no_response_may_be_given_only_when_the_attempts_are_made(
    org: Org, handoff: Handoff, now: datetime
) -> None:
    from feedback.models import Reason

    with org.scope():
        Reason.objects.create(kind="nurture", slug="no_response", label="No response", position=9)

    def give_up(at: datetime) -> None:
        with org.scope():
            services.nurture_lead(
                lead_id=handoff.lead_id, reason="no_response", actor=rep(org), clock=fixed_clock(at)
            )

    touch(org, handoff, "email", now + minutes(1))
    with pytest.raises(ValidationFailed, match="2 attempts are still owed") as refused:
        give_up(now + minutes(2))
    assert [error.path for error in refused.value.field_errors] == ["/reason"]
    touch(org, handoff, "email", now + minutes(3))
    touch(org, handoff, "linkedin", now + minutes(4))
    give_up(now + minutes(5))
    assert states(org, handoff)["attempts"] == {"met"}


def test_the_rep_sees_what_is_owed_and_the_api_says_it(org: Org, handoff: Handoff, now: datetime) -> None:
    touch(org, handoff, "email", now + minutes(1))
    client = Client()
    client.force_login(org.reps[0].user)
    page = client.get(f"/leads/{handoff.lead_id}").content.decode()
    assert "1 of 3 attempts made" in page
    assert "one of them by another channel than e-mail" in page
    told = client.get(f"/api/v1/leads/{handoff.lead_id}", headers=org.auth).json()["attempts"]
    assert told == {
        "needed": 3,
        "made": 1,
        "owed": 2,
        "channels_needed": 2,
        "channels": ["email"],
        "next_channels": ["call", "email", "meeting", "linkedin", "sms"],
        "completed_at": None,
    }


def test_the_window_of_a_next_owner_does_not_shorten_the_attempts(now: datetime) -> None:
    _, *others, last = DEFAULT_POLICY["tiers"]
    org = make_org(
        "windowed",
        now=now,
        hours="always",
        policy={
            **DEFAULT_POLICY,
            "tiers": [{**others[0], "targets": TARGETS}, *others[1:], last],
            "on_reassign": {"window": {"minutes": 10}},
        },
    )
    with org.scope():
        handoff = open_handoff(org, at=now, owner=org.reps[0])
    sweep_at(org, now + minutes(60))
    with org.scope():
        assert clock_of(handoff).due_at == now + minutes(70)
        assert clock_of(handoff, target="attempts").due_at > now + timedelta(days=2)
