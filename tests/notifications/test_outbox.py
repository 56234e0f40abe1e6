"""What must be told is written once, taken back in one statement, and never by a statement a row."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4, uuid5

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications.models import OutboxMessage, WebhookEndpoint
from notifications.outbox import Message, enqueue, expire, message_id
from tests.factories import Org

State = OutboxMessage.State


def endpoint(now: datetime, url: str = "https://hooks.example/a", **extra: object) -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(url=url, created_at=now, **extra)


def test_each_member_is_told_by_mail_and_in_the_app(in_acme: Org, now: datetime) -> None:
    rep, manager = in_acme.reps[0].id, in_acme.manager.id
    message = Message("lead.assigned", uuid4(), "handoff:1", [rep, manager], {"handoff": "1"}, priority=3)
    assert enqueue([message], now=now) == 4
    rows = OutboxMessage.objects.values_list(
        "channel", "member_id", "subject", "priority", "data", "not_before"
    )
    assert sorted(rows) == sorted(
        (channel, member, "handoff:1", 3, {"handoff": "1"}, now)
        for channel in ("email", "inapp")
        for member in (rep, manager)
    )


def test_the_same_message_twice_is_one_record(in_acme: Org, now: datetime) -> None:
    rep = in_acme.reps[0].id
    message = Message("timer.breached", uuid4(), "handoff:1", [rep, rep])
    assert enqueue([message, message], now=now) == 2
    assert enqueue([message], now=now + timedelta(minutes=1)) == 0
    assert OutboxMessage.objects.count() == 2


def test_one_event_may_breach_a_clock_and_move_a_lead(in_acme: Org, now: datetime) -> None:
    event, hook = uuid4(), endpoint(now)
    kinds = ["timer.breached", "lead.moved"]
    assert enqueue([Message(kind, event, "handoff:1") for kind in kinds], now=now) == 2
    told = OutboxMessage.objects.filter(endpoint=hook).values_list("kind", flat=True)
    assert sorted(told) == sorted(kinds)


def test_endpoints_get_the_kinds_they_want_and_none_when_off(in_acme: Org, now: datetime) -> None:
    everything = endpoint(now)
    breaches = endpoint(now, "https://hooks.example/b", events=["timer.breached"])
    endpoint(now, "https://hooks.example/c", is_active=False)
    enqueue([Message("lead.accepted", uuid4(), "s"), Message("timer.breached", uuid4(), "s")], now=now)
    told = OutboxMessage.objects.values_list("endpoint_id", "kind")
    assert sorted(told) == sorted(
        [
            (everything.id, "lead.accepted"),
            (everything.id, "timer.breached"),
            (breaches.id, "timer.breached"),
        ]
    )


def test_another_tenants_endpoint_hears_nothing(acme: Org, globex: Org, now: datetime) -> None:
    with globex.scope():
        endpoint(now)
    with acme.scope():
        assert enqueue([Message("lead.accepted", uuid4(), "s")], now=now) == 0
    with globex.scope():
        assert OutboxMessage.objects.count() == 0


def test_a_message_that_may_be_taken_back_waits(in_acme: Org, now: datetime) -> None:
    enqueue([Message("lead.accepted", uuid4(), "s", [in_acme.manager.id], delay_seconds=10)], now=now)
    assert set(OutboxMessage.objects.values_list("not_before", flat=True)) == {now + timedelta(seconds=10)}


@pytest.mark.parametrize("messages", [2, 500])
def test_two_statements_whatever_the_number(in_acme: Org, now: datetime, messages: int) -> None:
    people = [in_acme.reps[0].id, in_acme.manager.id]
    batch = [Message("timer.breached", uuid4(), f"handoff:{n}", people) for n in range(messages)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert enqueue(batch, now=now) == messages * 4
    assert len(queries) == 2


def test_expiry_takes_back_only_what_is_moot(in_acme: Org, now: datetime) -> None:
    rep = [in_acme.reps[0].id]
    for kind in ("timer.warned", "lead.assigned"):
        for subject in ("handoff:1", "handoff:2"):
            enqueue([Message(kind, uuid4(), subject, rep)], now=now)
    assert expire(["handoff:1"], now=now, kinds={"timer.warned"}) == 2
    left = OutboxMessage.objects.filter(state=State.PENDING).values_list("kind", "subject").distinct()
    assert sorted(left) == [
        ("lead.assigned", "handoff:1"),
        ("lead.assigned", "handoff:2"),
        ("timer.warned", "handoff:2"),
    ]
    assert expire(["handoff:1", "handoff:1"], now=now) == 2
    assert expire([], now=now) == 0
    assert set(OutboxMessage.objects.filter(state=State.EXPIRED).values_list("closed_at", flat=True)) == {now}


def test_expiry_leaves_what_was_sent(in_acme: Org, now: datetime) -> None:
    enqueue([Message("timer.warned", uuid4(), "handoff:1", [in_acme.reps[0].id])], now=now)
    OutboxMessage.objects.update(state=State.SENT)
    assert expire(["handoff:1"], now=now) == 0


def test_expiry_stays_inside_the_tenant(acme: Org, globex: Org, now: datetime) -> None:
    for org in (acme, globex):
        with org.scope():
            enqueue([Message("timer.warned", uuid4(), "handoff:1", [org.reps[0].id])], now=now)
    with acme.scope():
        assert expire(["handoff:1"], now=now) == 2
    with globex.scope():
        assert OutboxMessage.objects.filter(state=State.PENDING).count() == 2


def test_the_rows_id_is_the_standard_uuid5(in_acme: Org, now: datetime) -> None:
    event, rep = uuid4(), in_acme.reps[0].id
    enqueue([Message("lead.moved", event, "s", [rep])], now=now)
    wanted = {channel: uuid5(event, f"lead.moved:{channel}:{rep}") for channel in ("email", "inapp")}
    assert dict(OutboxMessage.objects.values_list("channel", "id")) == wanted
    assert message_id(event, "lead.moved", "email", rep) == wanted["email"]
