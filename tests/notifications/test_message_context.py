"""What people read about a lead: the whole context, in their own zone, and nothing that is no longer true."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handoff.intake import receive_leads
from handoff.message_context import context_of, running_clocks
from handoff.sweep import sweep_tenant
from leads.incoming import CompanyIn, EngagementIn, LeadIn
from leads.models import Handoff, Lead
from notifications.context import Row
from notifications.models import OutboxMessage
from notifications.sending import as_row, deliver_round
from sla.models import Timer
from tenants.clock import fixed_clock
from tenants.models import RepProfile
from tests.factories import Org, engaged

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def arrive(org: Org, now: datetime, *emails: str) -> list[Handoff]:
    """Demo requests of these people, each a lead with everything known."""
    items = [
        LeadIn(
            email=email,
            first_name="Ingrid",
            last_name="Solberg",
            title="VP Operations",
            source="website",
            campaign="Autumn",
            score=84,
            company=CompanyIn("Halden Logistics", "halden.example", 480, None, "Logistics", "Norway"),
            engagements=(EngagementIn("demo_request", "Book a demo"), EngagementIn("page_view", "/pricing")),
        )
        for email in emails
    ]
    with org.scope():
        results = receive_leads(items=items, actor="system", clock=fixed_clock(now))
        return [result.handoff for result in results if result.handoff]


def deliver(org: Org, now: datetime) -> list[Any]:
    """The mails that one round of sending makes at this time."""
    before = len(mail.outbox)
    with ThreadPoolExecutor(1) as pool:
        deliver_round([org.id], clock=fixed_clock(now), pool=pool)
    return mail.outbox[before:]


def test_the_assignment_tells_the_whole_context(acme: Org, now: datetime) -> None:
    (handoff,) = arrive(acme, now, "ingrid@halden.example")
    (sent,) = deliver(acme, now)
    with acme.scope():
        owner = Handoff.objects.select_related("owner").get(id=handoff.id).owner
    assert sent.to == [owner.email]
    assert sent.subject == "Ingrid Solberg (Halden Logistics) is yours: first touch due Tue 10:05 CET"
    for line in (
        "VP Operations",
        "Halden Logistics, 480 people, Logistics, Norway",
        "Demo request, score 84",
        "- First touch by Tue 10:05 CET",
        "- Accept or reject by Wed 18 Nov 10:00 CET",
        "- Asked for a demo: Book a demo, Tue 10:00 CET",
        "- Read a page: /pricing, Tue 10:00 CET",
        "- You are the first to have it",
        f"http://127.0.0.1:8000/leads/{handoff.lead_id}",
    ):
        assert line in sent.body.splitlines(), sent.body
    lines = sent.body.splitlines()
    reason = lines[lines.index("Why Ingrid qualified") + 1 :]
    assert reason[0]
    assert reason[1] == ""  # one line
    assert len(reason[0]) < 160
    assert "Why you: " in sent.body
    assert "{" not in sent.body + sent.subject


def test_of_a_long_list_only_what_was_seen_is_told(acme: Org, now: datetime) -> None:
    kinds = ["demo_request", "pricing_page", "contact_form", "live_chat"]
    countries = ["AT", "BE", "CH", "DE", "DK", "Norway"]
    with acme.scope():
        acme.criteria.state = "retired"
        acme.criteria.save()
        type(acme.criteria).objects.create(
            number=2,
            state="published",
            content={
                "rule": {"any": [engaged(kind) for kind in kinds]},
                "fit": {"field": "lead.country", "op": "one_of", "value": countries},
            },
            created_at=now,
            created_by="system",
        )
    arrive(acme, now, "ingrid@halden.example")
    (sent,) = deliver(acme, now)
    lines = sent.body.splitlines()
    start = lines.index("Why Ingrid qualified")
    assert lines[start + 1 : start + 3] == ["Country: Norway; Demo request", ""]


@pytest.mark.parametrize(
    ("zone", "due"),
    [("America/New_York", "Tue 04:05 EST"), ("Asia/Singapore", "Tue 17:05 Singapore time")],
)
def test_times_are_in_the_readers_zone(acme: Org, now: datetime, zone: str, due: str) -> None:
    with acme.scope():
        RepProfile.objects.update(time_zone=zone)
    arrive(acme, now, "ingrid@halden.example")
    (sent,) = deliver(acme, now)
    assert sent.subject == f"Ingrid Solberg (Halden Logistics) is yours: first touch due {due}"


def test_the_way_from_reminder_to_breach_is_told_in_words(acme: Org, now: datetime) -> None:
    (handoff,) = arrive(acme, now, "ingrid@halden.example")
    deliver(acme, now)
    for minutes in (2.5, 4, 5, 6.5):
        moment = now + timedelta(minutes=minutes)
        sweep_tenant(acme.id, clock=fixed_clock(moment))
        deliver(acme, moment)
    subjects = {(sent.to[0], sent.subject) for sent in mail.outbox}
    with acme.scope():
        new_owner = Handoff.objects.select_related("owner").get(id=handoff.id).owner
    manager = acme.manager.email
    assert (
        manager,
        "1 min left to reach Ingrid Solberg (Halden Logistics). Due Tue 10:05 CET.",
    ) in subjects
    overdue = next(sent for sent in mail.outbox if sent.subject.startswith("Overdue: "))
    assert overdue.to == [manager]
    assert overdue.subject == (
        "Overdue: Ingrid Solberg (Halden Logistics), first touch was due Tue 10:05 CET."
    )
    assert f"Moved to {new_owner.name}." in overdue.body
    moved = next(sent for sent in mail.outbox if " moved to " in sent.subject)
    assert moved.subject == (
        f"Ingrid Solberg (Halden Logistics) moved to {new_owner.name}: first touch was due Tue 10:05 CET."
    )
    assert "Nothing to do." in moved.body
    second = next(sent for sent in mail.outbox if sent.to == [new_owner.email] and "yours" in sent.subject)
    assert "had it: overdue" in second.body


def test_a_reminder_of_an_answered_clock_is_not_sent(acme: Org, now: datetime) -> None:
    (handoff,) = arrive(acme, now, "ingrid@halden.example")
    deliver(acme, now)
    sweep_tenant(acme.id, clock=fixed_clock(now + timedelta(minutes=4)))
    with acme.scope():
        from sla.models import Target
        from sla.services import meet

        meet([handoff.id], Target.FIRST_TOUCH, at=now + timedelta(minutes=4), now=now + timedelta(minutes=4))
    assert deliver(acme, now + timedelta(minutes=4)) == []
    with acme.scope():
        told = OutboxMessage.objects.filter(kind="timer.warned").values_list("state", flat=True)
        assert set(told) == {"expired"}


def test_an_assignment_that_ended_is_not_told(acme: Org, now: datetime) -> None:
    (handoff,) = arrive(acme, now, "ingrid@halden.example")
    with acme.scope():
        Handoff.objects.filter(id=handoff.id).update(owner=acme.fallback)
    assert deliver(acme, now) == []


def test_an_erased_lead_is_dropped_from_what_waits_and_nameless_in_what_was_told(
    acme: Org, now: datetime
) -> None:
    arrive(acme, now, "ingrid@halden.example")
    with acme.scope():
        row = OutboxMessage.objects.filter(channel="email")[0]
        gone = Row(row.id, row.kind, "handoff:00000000-0000-0000-0000-000000000000", {}, row.member_id, now)
        assert context_of([gone], now) == {}
        read_again = Row(row.id, row.kind, "", {}, row.member_id, now, told=True)
        assert context_of([read_again], now)[row.id].words["lead_name"] == "A lead that is no longer here"


def test_another_tenants_lead_has_no_context(acme: Org, globex: Org, now: datetime) -> None:
    (handoff,) = arrive(globex, now, "ingrid@halden.example")
    row = Row(handoff.id, "lead.accepted", f"handoff:{handoff.id}", {}, acme.reps[0].id, now)
    with acme.scope():
        assert context_of([row], now) == {}


def test_webhooks_hear_the_facts_of_the_lead(acme: Org, now: datetime) -> None:
    (handoff,) = arrive(acme, now, "ingrid@halden.example")
    row = Row(handoff.id, "timer.warned", f"handoff:{handoff.id}", {}, None, now)
    with acme.scope():
        facts = context_of([row], now)[row.id].facts["context"]
    assert json.loads(json.dumps(facts)) == facts
    assert facts["lead"]["email"] == "ingrid@halden.example"
    assert facts["lead"]["company"] == "Halden Logistics"
    assert facts["handoff"]["tier"] == "demo_request"
    assert facts["owner"]["email"].endswith("@acme.example")


def test_a_lead_with_nothing_known_still_makes_a_message(acme: Org, now: datetime) -> None:
    arrive(acme, now, "ingrid@halden.example")
    with acme.scope():
        Lead.objects.update(
            first_name="", last_name="", title="", account=None, company_name="", score=None, source=""
        )
        Handoff.objects.update(verdict=None, tier_name="", source="", campaign="")
    (sent,) = deliver(acme, now)
    assert sent.subject.startswith("ingrid@halden.example is yours: ")
    assert "None" not in sent.body
    assert "{" not in sent.body


@pytest.mark.parametrize("count", [1, 20])
def test_the_same_number_of_queries_for_one_message_and_for_many(
    acme: Org, now: datetime, count: int
) -> None:
    arrive(acme, now, *(f"lead{number}@halden.example" for number in range(count)))
    with acme.scope():
        rows = [as_row(row) for row in OutboxMessage.objects.filter(channel="email")]
        assert len(rows) == count
        context_of(rows[:1], now)  # the calendar is loaded once a process
        with CaptureQueriesContext(connection) as queries:
            assert len(context_of(rows, now)) == count
    assert len(queries) == 8


def test_a_clock_runs_in_its_own_hours(acme: Org, now: datetime) -> None:
    (handoff,) = arrive(acme, now, "ingrid@halden.example")
    subject = f"handoff:{handoff.id}"
    with acme.scope():
        assert running_clocks({subject, "handoff:7"}, now) == {subject}
        assert running_clocks({subject}, now + timedelta(hours=14)) == set()  # midnight in Berlin
        Timer.objects.filter(handoff=handoff).update(calendar_version=None)  # by the wall clock
        assert running_clocks({subject}, now + timedelta(hours=14)) == {subject}
