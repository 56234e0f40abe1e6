"""A tier that a nurture sequence answers: nobody gets its leads, and the sequence is what is timed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from core.errors import Conflict, ValidationFailed
from handoff import services
from handoff.moves import drain_unrouted
from handoff.selectors.ownerless import unrouted, unrouted_count
from handoff.services import Actor
from leads.criteria import SCHEMA
from leads.models import Assignment, Handoff, Lead
from notifications.models import OutboxMessage
from reporting.facts import drain_tenant
from reporting.models import TargetFact
from sla.auditor import audit_tenant
from sla.models import Timer
from sla.tiers import validate_policy
from tenants.clock import database_clock, fixed_clock
from tests.engine.scenes import told
from tests.engine.test_sweep import sweep_at
from tests.factories import POLICY, Org, make_org
from tests.handoff.conftest import browser, handoff_of, new_lead, owner_of

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def policy() -> dict[str, Any]:
    content = copy.deepcopy(POLICY)
    sequence = {"target": "nurture", "count": 3, "duration": {"business_days": 5}}
    content["tiers"][2]["targets"] = [sequence]  # the contact form's
    return content


@pytest.fixture
def org(now: datetime) -> Org:
    return make_org("patient", now=now, hours="always", policy=policy())


@pytest.fixture
def lead(org: Org, now: datetime) -> Lead:
    return new_lead(org, now, kind="contact_form")


def send(org: Org, lead: Lead, at: datetime, *, now: datetime | None = None, **more: Any) -> None:
    with org.scope():
        services.log_touch(
            lead_id=lead.id,
            kind="email",
            at=at,
            automatic=more.pop("automatic", True),
            actor=Actor("key:marketing", None, oversees=True),
            clock=fixed_clock(now or at),
            **more,
        )


def test_its_leads_go_to_nobody_and_are_out_of_the_way_of_the_rules(
    org: Org, lead: Lead, now: datetime
) -> None:
    handoff = handoff_of(org, lead)
    assert (handoff.owner_id, handoff.unrouted_reason) == (None, "nurture")
    assert drain_unrouted(org.id, fixed_clock(now + DAY)) == 0
    with org.scope():
        assert (unrouted(now=now), unrouted_count()) == ([], 0)
        (timer,) = Timer.objects.filter(handoff=handoff)
        assert (timer.target, timer.clock, timer.due_at) == ("nurture", "company", now + 5 * DAY)
        assert not OutboxMessage.objects.filter(member__isnull=False).exists()
        assert audit_tenant(now=now) == []


def test_the_sequence_is_met_by_its_last_message_and_ends_the_handoff(
    org: Org, lead: Lead, now: datetime
) -> None:
    send(org, lead, now + DAY)
    send(org, lead, now + DAY, automatic=False)  # a person's mail is none of its messages
    send(org, lead, now + 3 * DAY)
    assert handoff_of(org, lead).state == "open"
    send(org, lead, now + 2 * DAY, now=now + 4 * DAY)  # logged late
    handoff = handoff_of(org, lead)
    assert (handoff.state, handoff.outcome, handoff.lead.stage) == ("closed", "nurture", "nurture")
    assert handoff.nurtured_at == now + 3 * DAY
    with org.scope():
        timer = Timer.objects.get(handoff=handoff)
        assert (timer.state, timer.met_at) == ("met", now + 3 * DAY)
        assert audit_tenant(now=now + 4 * DAY) == []
    drain_tenant(org.id)
    with org.scope():
        assert TargetFact.objects.get(target="nurture").clock == "company"


def test_a_sequence_that_stalls_is_broken_and_the_fallback_person_hears(
    org: Org, lead: Lead, now: datetime
) -> None:
    send(org, lead, now + DAY)
    sweep_at(org, now + 5 * DAY)
    handoff = handoff_of(org, lead)
    assert handoff.owner_id is None
    with org.scope():
        assert Timer.objects.get(handoff=handoff).state == "breached"
        assert told(handoff.id, "timer.breached") == {org.fallback.id}
    send(org, lead, now + 6 * DAY)
    send(org, lead, now + 7 * DAY)
    with org.scope():
        timer = Timer.objects.get(handoff=handoff)
        assert (timer.state, timer.met_at) == ("breached", now + 7 * DAY)
    assert handoff_of(org, lead).state == "closed"


def test_a_message_that_is_taken_back_was_never_sent(org: Org, lead: Lead, now: datetime) -> None:
    for hours in (1, 2):
        send(org, lead, now + timedelta(hours=hours))
    rep = Actor.person(org.manager)
    at = now + timedelta(hours=3)
    with org.scope():
        services.reassign_lead(
            lead_id=lead.id, to=org.reps[0].id, why="Knows them", actor=rep, clock=fixed_clock(at)
        )
        touch = services.log_touch(
            lead_id=lead.id, kind="email", automatic=True, actor=rep, clock=fixed_clock(at)
        )
        assert Timer.objects.get(handoff__lead=lead).state == "met"
        services.undo_touch(lead_id=lead.id, touch_id=touch.id, actor=rep, clock=fixed_clock(at))
        assert Timer.objects.get(handoff__lead=lead).state == "running"
    assert handoff_of(org, lead).nurtured_at is None


def test_a_lead_that_asks_for_a_person_gets_one_and_is_measured_from_then_on(
    org: Org, lead: Lead, now: datetime
) -> None:
    again = new_lead(org, now + DAY, kind="demo_request")
    assert again.id == lead.id
    with org.scope():
        first, second = Handoff.objects.filter(lead=lead).order_by("number")
        assert (first.state, first.outcome) == ("closed", "nurture")
        assert (second.tier, second.started_at) == ("demo_request", now + DAY)
        assert Assignment.objects.filter(handoff=second, ended_at=None).count() == 1
        dues = set(
            Timer.objects.filter(handoff=second, target="first_touch").values_list("due_at", flat=True)
        )
        assert dues == {now + DAY + timedelta(minutes=5)}
        assert Timer.objects.get(handoff=first).state == "cancelled"
        stages = list(lead.stage_changes.order_by("at", "id").values_list("old", "new"))
        assert stages[-2:] == [("mql", "nurture"), ("nurture", "mql")]
        assert audit_tenant(now=now + DAY) == []


def test_more_of_the_same_wakes_nobody(org: Org, lead: Lead, now: datetime) -> None:
    new_lead(org, now + DAY, kind="contact_form")
    with org.scope():
        assert Handoff.objects.filter(lead=lead).count() == 1


def test_a_person_may_be_given_such_a_lead_whose_sequence_then_ends_nothing(
    org: Org, lead: Lead, now: datetime
) -> None:
    with org.scope():
        services.reassign_lead(
            lead_id=lead.id,
            to=org.reps[0].id,
            why="An old friend",
            actor=Actor.person(org.manager),
            clock=fixed_clock(now + DAY),
        )
    for hours in (1, 2, 3):
        send(org, lead, now + DAY + timedelta(hours=hours))
    assert owner_of(org, lead).id == org.reps[0].id
    assert handoff_of(org, lead).state == "open"
    with org.scope():
        assert Timer.objects.get(handoff__lead=lead).state == "met"  # it has the company's clock and no other


def test_leads_of_other_tiers_are_routed_as_ever(org: Org, now: datetime) -> None:
    assert owner_of(org, new_lead(org, now, "b@b.example")) in org.reps


def test_the_pages_say_that_a_sequence_answers_it(org: Org, lead: Lead) -> None:
    page = browser(org.admin).get(f"/leads/{lead.id}")
    assert b"A nurture sequence answers this lead instead of a person" in page.content


@pytest.mark.parametrize(
    ("targets", "path"),
    [
        ([{"target": "nurture", "duration": {"business_days": 5}}], "/tiers/2/targets/0/count"),
        (
            [{"target": "nurture", "count": 3, "channels": 2, "duration": {"business_days": 5}}],
            "/tiers/2/targets/0/channels",
        ),
        (
            [
                {"target": "nurture", "count": 3, "duration": {"business_days": 5}},
                {"target": "first_touch", "duration": {"minutes": 5}},
            ],
            "/tiers/2/targets",
        ),
    ],
)
def test_a_sequence_says_how_many_messages_and_promises_nothing_else(
    targets: list[dict[str, Any]], path: str
) -> None:
    content = policy()
    content["tiers"][2]["targets"] = targets
    assert [error.path for error in validate_policy(content, SCHEMA)] == [path]


def test_it_is_written_in_the_editor(acme: Org) -> None:
    client: Client = browser(acme.admin)
    client.post("/policy/draft/start")
    form = client.get("/policy/draft", {"tier": "contact_form"}).context["form"]
    sent: dict[str, Any] = {"tier": "contact_form", "do": "save"}
    for field in form:
        value = field.value()
        if value not in (None, False):
            sent[field.html_name] = "on" if value is True else value
    for name in ("first_touch_on", "decision_on"):
        del sent[name]
    sent |= {"nurture_on": "on", "nurture_amount": "5", "nurture_unit": "business_days"}
    refused = client.post("/policy/draft", sent)
    assert refused.context["form"].errors == {"nurture_count": ["How many? Write a whole number."]}
    saved = client.post("/policy/draft", sent | {"nurture_count": "3"})
    assert saved.status_code == 302
    page = client.get("/policy/draft/check").content.decode()
    assert "nurture sequence of 3 messages within 5 business days" in page


def test_whoever_was_given_such_a_lead_by_hand_hears_when_it_asks_for_a_person(
    org: Org, lead: Lead, now: datetime
) -> None:
    rep = org.reps[0]
    with org.scope():
        services.reassign_lead(
            lead_id=lead.id,
            why="Knows them",
            actor=Actor.person(org.manager),
            to=rep.id,
            clock=fixed_clock(now + DAY),
        )
    new_lead(org, now + 2 * DAY, kind="demo_request")
    handoff = handoff_of(org, lead)
    assert (handoff.number, handoff.owner_id) == (1, rep.id)
    with org.scope():
        assert told(handoff.id, "lead.engaged") == {rep.id}


def give(org: Org, lead: Lead, to: int, at: datetime) -> None:
    with org.scope():
        services.reassign_lead(
            lead_id=lead.id,
            why="Knows them",
            actor=Actor.person(org.manager),
            to=org.reps[to].id,
            clock=fixed_clock(at),
        )


def test_whoever_was_given_such_a_lead_owes_what_its_new_tier_promises_from_when_it_asks(
    org: Org, lead: Lead, now: datetime
) -> None:
    give(org, lead, 0, now + DAY)
    give(org, lead, 1, now + DAY + timedelta(hours=1))  # its second owner has the whole time all the same
    asked = now + 2 * DAY
    new_lead(org, asked, kind="demo_request")
    handoff = handoff_of(org, lead)
    assert (handoff.number, handoff.tier, handoff.owner_id) == (1, "demo_request", org.reps[1].id)
    with org.scope():
        sequence = Timer.objects.get(handoff=handoff, target="nurture")
        assert (sequence.state, sequence.close_reason) == ("cancelled", "asked")
        clocks = Timer.objects.filter(handoff=handoff, state="running").values_list(
            "target", "clock", "started_at", "due_at"
        )
        due = {"first_touch": asked + timedelta(minutes=5), "decision": asked + DAY}
        assert set(clocks) == {
            (target, clock, asked, due[target]) for target in due for clock in ("company", "owner")
        }
        assert told(handoff.id, "lead.engaged") == {org.reps[1].id}
        assert audit_tenant(now=asked) == []
    send(org, lead, asked + timedelta(minutes=1))  # a machine's mail answers nothing now
    sweep_at(org, asked + timedelta(minutes=5))
    with org.scope():
        assert Timer.objects.get(handoff=handoff, target="first_touch", clock="company").state == "breached"
        assert told(handoff.id, "timer.breached")


def test_what_was_done_before_it_asked_is_not_owed_again(org: Org, lead: Lead, now: datetime) -> None:
    give(org, lead, 0, now + DAY)
    rep = Actor.person(org.reps[0])
    with org.scope():
        services.log_touch(
            lead_id=lead.id, kind="call", actor=rep, clock=fixed_clock(now + DAY + timedelta(hours=1))
        )
    new_lead(org, now + 2 * DAY, kind="demo_request")
    with org.scope():
        running = Timer.objects.filter(handoff__lead=lead, state="running")
        assert set(running.values_list("target", flat=True)) == {"decision"}
        services.accept_lead(lead_id=lead.id, actor=rep, clock=fixed_clock(now + 2 * DAY))
        assert not running.exists()
        assert audit_tenant(now=now + 2 * DAY) == []


def test_more_of_the_same_gives_its_owner_no_clock(org: Org, lead: Lead, now: datetime) -> None:
    give(org, lead, 0, now + DAY)
    new_lead(org, now + 2 * DAY, kind="contact_form")
    with org.scope():
        assert Timer.objects.get(handoff__lead=lead, state="running").target == "nurture"


def test_no_rule_gives_such_a_lead_to_a_person(org: Org, lead: Lead) -> None:
    client = browser(org.manager)
    manager = Actor.person(org.manager)
    rules: tuple[tuple[str, Callable[[], object]], ...] = (
        (
            "/reason",
            lambda: services.reject_lead(
                lead_id=lead.id, reason="wrong_territory", actor=manager, clock=database_clock
            ),
        ),
        (
            "/to",
            lambda: services.reassign_lead(
                lead_id=lead.id, why="Somebody", actor=manager, clock=database_clock
            ),
        ),
    )
    for path, ask in rules:
        with org.scope(), pytest.raises(ValidationFailed, match="nurture sequence answers") as refused:
            ask()
        assert refused.value.field_errors[0].path == path
    with org.scope(), pytest.raises(Conflict, match="nurture sequence answers"):
        services.try_again(lead_id=lead.id, actor=manager, clock=database_clock)
    assert client.get(f"/leads/{lead.id}").status_code == 200
    handoff = handoff_of(org, lead)
    assert (handoff.owner_id, handoff.unrouted_reason) == (None, "nurture")


def test_refused_as_not_theirs_it_goes_back_to_the_sequence_and_its_clock(
    org: Org, lead: Lead, now: datetime
) -> None:
    give(org, lead, 0, now + DAY)
    with org.scope():
        done = services.reject_lead(
            lead_id=lead.id,
            reason="wrong_territory",
            actor=Actor.person(org.reps[0]),
            clock=fixed_clock(now + 2 * DAY),
        )
        assert (done.outcome, done.new_owner_id) == ("rerouted", None)
        assert not told(handoff_of(org, lead).id, "lead.unrouted")
        assert audit_tenant(now=now + 2 * DAY) == []
    handoff = handoff_of(org, lead)
    assert (handoff.owner_id, handoff.unrouted_reason) == (None, "nurture")
    for day in (2, 3, 4):
        send(org, lead, now + day * DAY)
    assert handoff_of(org, lead).outcome == "nurture"
