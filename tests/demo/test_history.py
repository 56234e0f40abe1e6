"""The past of the demo is made by the real services, and the same seed makes the same past."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from feedback.models import Meeting
from handoff.provision import provision_tenant
from leads.models import Assignment, Handoff, Lead, Opportunity, StageChange, Touch
from leads.plain import plain_form_of
from notifications.models import Notice, OutboxMessage
from routing.models import Decision
from sla.auditor import audit_tenant
from sla.models import Pause, Timer, TimerEvent
from slaportal.demo.history import Generator, History
from slaportal.demo.people import STUDENTS_DOMAIN
from slaportal.demo.world import DRILL_SECONDS, worlds
from tenants.context import tenant_scope
from tenants.models import Tenant

END = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)  # a Wednesday afternoon in Berlin, morning in New York
DAYS = 4
LEADS = 30


@pytest.fixture
def no_mail(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def live(days: int = DAYS) -> Tenant:
    """One organisation's past of so many days, with the same number of leads."""
    world = worlds()[0]
    start = (END - timedelta(days=days)).replace(hour=0)
    tenant = provision_tenant(world.plan, now=start - timedelta(hours=1))
    history = History(tenant, world, seed=3, start=start, until=lambda: END, leads=LEADS, days=days)
    for _ in history.live():
        pass
    return tenant


def story() -> list[Any]:
    """Everything that happened, in names and times, without ids."""
    return [
        list(
            StageChange.objects.order_by("at", "lead__email", "new").values_list(
                "at", "lead__email", "old", "new"
            )
        ),
        list(
            Assignment.objects.order_by("started_at", "handoff__lead__email", "hop").values_list(
                "started_at", "ended_at", "end_reason", "handoff__lead__email", "member__email", "hop"
            )
        ),
        list(Touch.objects.order_by("at", "lead__email").values_list("at", "lead__email", "kind", "outcome")),
        list(
            Timer.objects.order_by("started_at", "handoff__lead__email", "clock", "target").values_list(
                "started_at",
                "due_at",
                "met_at",
                "breached_at",
                "state",
                "handoff__lead__email",
                "clock",
                "target",
            )
        ),
        list(
            TimerEvent.objects.order_by(
                "fired_at", "handoff__lead__email", "timer__target", "step", "timer__clock"
            ).values_list("fired_at", "percent", "handoff__lead__email", "timer__clock", "timer__target")
        ),
        list(
            Meeting.objects.order_by("starts_at", "lead__email").values_list(
                "booked_at", "starts_at", "lead__email", "state", "absent", "qualified", "decided_at"
            )
        ),
        list(
            Opportunity.objects.order_by("opened_at", "lead__email").values_list(
                "opened_at", "lead__email", "amount", "first_amount", "close_date", "outcome"
            )
        ),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_same_seed_makes_the_same_past_in_which_nothing_is_wrong_and_no_heap_of_mail_waits(
    no_mail: None,
) -> None:
    stories = []
    for number in range(2):
        tenant = live()
        with tenant_scope(tenant.id):
            if not number:
                check_clocks()
                check_messages()
            stories.append(story())
            # The next round needs the slug; the rows stay, in another organisation.
            Tenant.objects.filter(id=tenant.id).update(slug=f"earlier-{number}")
    assert stories[0] == stories[1]
    assert len(stories[0][0]) > LEADS


def check_clocks() -> None:
    """The auditor finds nothing wrong: nothing is late or missing, every span has the decision that made
    it."""
    assert audit_tenant(now=END, full=True) == []
    assert TimerEvent.objects.order_by("-lateness_ms").values_list("lateness_ms", flat=True)[0] < 60_000
    overdue = Timer.objects.filter(state=Timer.State.RUNNING, next_at__lte=END - timedelta(minutes=1))
    assert not overdue.exists()
    spans = Counter(Assignment.objects.values_list("handoff_id", flat=True))
    chosen = Decision.objects.filter(member__isnull=False).values_list("handoff_id", flat=True)
    assert spans == Counter(chosen)
    assert len(spans) == Handoff.objects.filter(unrouted_reason="").count()
    assert Lead.objects.count() > LEADS * 0.7  # some come twice
    assert Handoff.objects.filter(state=Handoff.State.CLOSED).exists()


def check_messages() -> None:
    """What is older than a day was told to nobody; of the last day everything was."""
    State = OutboxMessage.State
    to_come = OutboxMessage.objects.filter(not_before__gt=END, state=State.PENDING)
    assert set(to_come.values_list("kind", flat=True)) == {"meeting.to_answer"}
    rest = OutboxMessage.objects.exclude(id__in=to_come)
    old = rest.filter(not_before__lt=END - timedelta(days=1))
    assert set(old.values_list("state", flat=True)) == {State.EXPIRED}
    waiting = rest.filter(state=State.PENDING, not_before__lt=END - timedelta(hours=1))
    assert not waiting.exists()
    told = OutboxMessage.objects.filter(channel="inapp", state=State.SENT)
    assert set(Notice.objects.values_list("id", flat=True)) == set(told.values_list("id", flat=True))
    assert Notice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_past_has_deals_and_meetings_of_every_kind_that_the_deck_deals(no_mail: None) -> None:
    tenant = live(days=60)
    with tenant_scope(tenant.id):
        meetings = Meeting.objects.all()
        states = set(meetings.values_list("state", flat=True))
        assert states == set(Meeting.State)
        absent = set(meetings.filter(state=Meeting.State.NO_SHOW).values_list("absent", flat=True))
        assert absent == set(Meeting.Absent)
        booked = meetings.filter(state=Meeting.State.BOOKED)
        assert booked.filter(starts_at__gt=END).exists()
        assert booked.filter(ends_at__lt=END).exists()
        assert set(meetings.values_list("qualified", flat=True)) == {True, False}
        assert set(Handoff.objects.values_list("kind", flat=True)) == {"inbound", "outbound"}
        deals = Opportunity.objects.all()
        assert deals.filter(amount__isnull=False, close_date__isnull=False).exists()
        assert deals.filter(outcome="won").exists()
        assert deals.filter(outcome="").exists()
        assert {"Outbound"} < set(deals.values_list("lead__source", flat=True))
        assert not Pause.objects.filter(ended_at=None, until__lte=END - timedelta(minutes=1)).exists()
        assert not TimerEvent.objects.filter(lateness_ms__gt=60_000).exists()
        assert not Timer.objects.filter(next_at__lte=END - timedelta(minutes=1)).exists()


def test_the_generator_repeats_itself_and_keeps_to_its_days() -> None:
    import random

    first, second = (
        Generator(worlds()[1], random.Random(5)).arrivals(
            start=END - timedelta(days=DAYS), days=DAYS, leads=200
        )
        for _ in range(2)
    )
    assert first == second
    assert [each.at for each in first] == sorted(each.at for each in first)
    assert all(each.item.email.endswith(".example") for each in first)
    nights = [each for each in first if each.at.hour in (0, 1, 2, 3)]
    assert len(nights) < len(first) / 10


def test_whoever_looks_at_the_demo_meets_no_drill_and_criteria_in_plain_fields() -> None:
    for world in worlds():
        assert "drill" not in json.dumps([world.plan.policy, world.plan.criteria]).lower()
        assert all("drill" not in json.dumps(pool.when) for pool in world.plan.pools)
        plain = plain_form_of(world.plan.criteria)
        assert plain is not None
        assert plain.exclude_domains == (STUDENTS_DOMAIN,)


def test_the_worlds_promise_what_the_check_waits_for() -> None:
    for world in worlds(drill=True):
        tiers = {tier["slug"]: tier for tier in world.plan.policy["tiers"]}
        (touch, _) = tiers["drill"]["targets"]
        assert touch == {"target": "first_touch", "duration": {"seconds": DRILL_SECONDS}, "clock": "wall"}
        emails = {rep.email for team in world.plan.teams for rep in team.reps}
        assert set(world.habits) <= emails
        assert {email for pool in world.plan.pools for email in pool.seats} <= emails
    bright = worlds()[0].plan
    assert len(bright.teams) == 3
    assert sum(len(team.reps) for team in bright.teams) >= 12
    assert len({team.calendar.time_zone for team in bright.teams}) == 3
