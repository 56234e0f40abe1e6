"""Deliveries: bundled, leased, retried under one id, never sent when moot, never lost."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection

from notifications.channels.base import Sent
from notifications.models import Delivery, Notice, OutboxMessage
from notifications.sending import (
    _FORMING,
    LADDER,
    LEASE,
    claim_deliveries,
    form_deliveries,
    retry_wait,
    settle,
)
from notifications.tasks import deliver_tick, due_tenants
from tenants.clock import fixed_clock
from tests.factories import Org
from tests.notifications.conftest import FakeWords, Send, delivery_of, tell

pytestmark = pytest.mark.django_db
State = OutboxMessage.State
MINUTE = timedelta(minutes=1)


def wait_for(step: Callable[[], int]) -> int:
    """The first result that is not 0: the server takes a moment to notice that a connection is gone."""
    return next((result for result in (step() for _ in range(1_000)) if result), 0)


def states(org: Org, **which: Any) -> list[str]:
    with org.scope():
        return sorted(OutboxMessage.objects.filter(**which).values_list("state", flat=True))


def test_a_message_becomes_a_mail_and_a_notice(
    acme: Org, words: FakeWords, send: Send, now: datetime
) -> None:
    tell(acme, "timer.breached", now)
    assert send(acme, now) == 2
    (sent,) = mail.outbox
    assert sent.to == ["rep1@acme.example"]
    assert sent.subject.startswith("Overdue: Ruth Adeyemi (Kestrel), ")
    assert "/leads/handoff:1" in sent.body
    with acme.scope():
        notice = Notice.objects.get()
        assert (notice.member_id, notice.kind, notice.subject) == (
            acme.reps[0].id,
            "timer.breached",
            "handoff:1",
        )
    assert states(acme) == ["sent", "sent"]
    assert send(acme, now + MINUTE) == 0


def test_forty_messages_in_a_minute_are_one_mail_with_a_list_breaches_first(
    acme: Org, words: FakeWords, send: Send, now: datetime
) -> None:
    tell(acme, "lead.assigned", now, subject="first")
    send(acme, now)
    for number in range(40):
        kind, priority = ("timer.breached", 20) if number % 4 == 0 else ("timer.warned", 10)
        tell(acme, kind, now + timedelta(seconds=number), subject=f"n{number}", priority=priority)
    for second in (1, 20, 40, 59):
        send(acme, now + timedelta(seconds=second))
    assert len(mail.outbox) == 1
    send(acme, now + MINUTE)
    assert len(mail.outbox) == 2
    bundle = mail.outbox[1]
    assert bundle.subject == "Overdue: Ruth Adeyemi (Kestrel) and 39 more"
    lines = [line for line in bundle.body.splitlines() if line.startswith("- ")]
    assert len(lines) == 40
    assert all("Overdue" in line for line in lines[:10])
    assert not any("Overdue" in line for line in lines[10:])
    for number in range(40):
        assert bundle.body.count(f"/leads/n{number}\n") == 1
    assert send(acme, now + 3 * MINUTE) == 0


def test_a_bad_hour_is_told_each_person_separately(
    acme: Org, words: FakeWords, send: Send, now: datetime
) -> None:
    for rep in acme.reps:
        for number in range(3):
            tell(acme, "timer.breached", now, members=[rep.id], subject=f"n{number}")
    send(acme, now)
    assert sorted(sent.to[0] for sent in mail.outbox) == [f"rep{n}@acme.example" for n in (1, 2, 3)]
    assert {sent.subject for sent in mail.outbox} == {"Overdue: Ruth Adeyemi (Kestrel) and 2 more"}


def test_more_than_a_bundle_holds_waits_for_the_next_minute(
    acme: Org, words: FakeWords, send: Send, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.channels.email.EmailChannel.bundle", 2)
    for number in range(5):
        tell(acme, "timer.warned", now, subject=f"n{number}")
    for minute in range(4):
        send(acme, now + minute * MINUTE)
    listed = [number for sent in mail.outbox for number in range(5) if f"/leads/n{number}\n" in sent.body]
    assert len(mail.outbox) == 3
    assert sorted(listed) == [0, 1, 2, 3, 4]


def test_what_may_be_taken_back_is_not_sent_early(
    acme: Org, words: FakeWords, send: Send, now: datetime
) -> None:
    from uuid import uuid4

    from notifications.outbox import Message, enqueue, expire

    with acme.scope():
        enqueue([Message("lead.accepted", uuid4(), "s", [acme.manager.id], delay_seconds=10)], now=now)
    assert send(acme, now + timedelta(seconds=9)) == 0
    with acme.scope():
        assert expire(["s"], now=now + timedelta(seconds=9)) == 2
    assert send(acme, now + timedelta(seconds=10)) == 0
    assert mail.outbox == []


def test_what_became_moot_is_dropped_and_the_rest_sent(
    acme: Org, words: FakeWords, send: Send, now: datetime
) -> None:
    for subject in ("open", "accepted"):
        tell(acme, "timer.warned", now, subject=subject)
    words.moot = {"accepted"}
    send(acme, now)
    (sent,) = mail.outbox
    assert "/leads/open" in sent.body
    assert "accepted" not in sent.body
    assert states(acme, subject="accepted") == ["expired", "expired"]
    assert states(acme, subject="open") == ["sent", "sent"]


def test_a_delivery_with_nothing_left_expires(acme: Org, words: FakeWords, send: Send, now: datetime) -> None:
    tell(acme, "timer.warned", now)
    words.moot = {"handoff:1"}
    assert send(acme, now) == 0
    assert delivery_of(acme, "email").state == Delivery.State.EXPIRED
    assert mail.outbox == []


@pytest.mark.parametrize("who", ["member", "user"])
def test_who_left_is_told_nothing(acme: Org, words: FakeWords, send: Send, now: datetime, who: str) -> None:
    tell(acme, "lead.assigned", now)
    with acme.scope():
        rep = acme.reps[0]
        (rep if who == "member" else rep.user).__class__.objects.filter(
            id=rep.id if who == "member" else rep.user_id
        ).update(is_active=False)
    assert send(acme, now) == 0
    assert states(acme) == ["expired", "expired"]
    assert mail.outbox == []


def test_a_sender_that_died_is_followed_by_another_with_the_same_id(
    acme: Org, words: FakeWords, send: Send, now: datetime
) -> None:
    tell(acme, "lead.assigned", now)
    with acme.scope():
        form_deliveries(now=now)
    with acme.scope():
        claimed = claim_deliveries(now=now)
    assert len(claimed) == 2
    # The mail went out, then the process died: nothing was recorded.
    from notifications.sending import send as carry

    for claim in claimed:
        carry(claim, now)
    assert send(acme, now + LEASE - timedelta(seconds=1)) == 0
    assert send(acme, now + LEASE) == 2
    first, second = mail.outbox
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]
    assert first.body == second.body
    with acme.scope():
        assert Notice.objects.count() == 1
        # The first sender was not dead but slow: its word comes too late to count.
        assert [settle(claim, Sent(), now=now + 2 * LEASE) for claim in claimed] == [False, False]
        assert Notice.objects.count() == 1


def test_in_app_notices_are_written_once_however_often_it_is_tried(
    acme: Org, words: FakeWords, now: datetime
) -> None:
    tell(acme, "lead.assigned", now)
    with acme.scope():
        form_deliveries(now=now)
        claims = {claim.parcel.channel: claim for claim in claim_deliveries(now=now)}
        again = {c.parcel.channel: c for c in claim_deliveries(now=now + LEASE)}
        assert settle(claims["inapp"], Sent(), now=now + LEASE) is False
        assert Notice.objects.count() == 0
        assert settle(again["inapp"], Sent(), now=now + LEASE) is True
        assert Notice.objects.count() == 1


class Mailbox:
    """A mail server that answers with an error."""

    def __init__(self, error: Exception) -> None:
        self.error, self.tries = error, 0

    def __call__(self, *args: object, **kwargs: object) -> int:
        self.tries += 1
        raise self.error


@pytest.fixture
def no_mail(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(error: Exception) -> Mailbox:
        box = Mailbox(error)
        monkeypatch.setattr("django.core.mail.EmailMultiAlternatives.send", box)
        return box

    return install


PASSING = [
    ConnectionRefusedError(),
    TimeoutError(),
    smtplib.SMTPServerDisconnected("gone"),
    smtplib.SMTPDataError(451, b"later"),
    smtplib.SMTPAuthenticationError(535, b"password"),
    smtplib.SMTPRecipientsRefused({"rep1@acme.example": (450, b"greylisted")}),
]
LASTING = [
    smtplib.SMTPDataError(554, b"no"),
    smtplib.SMTPRecipientsRefused({"rep1@acme.example": (550, b"no such user")}),
    smtplib.SMTPSenderRefused(553, b"no", "x"),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_a_passing_failure_of_the_mail_server_is_tried_again(
    acme: Org, words: FakeWords, send: Send, now: datetime, no_mail: Any, error: Exception
) -> None:
    no_mail(error)
    tell(acme, "lead.assigned", now)
    send(acme, now)
    delivery = delivery_of(acme, "email")
    assert (delivery.state, delivery.attempts) == (Delivery.State.PENDING, 1)
    assert delivery.next_at == now + retry_wait(delivery.id, 1)
    assert delivery.last_error


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_a_lasting_failure_of_the_mail_server_is_final(
    acme: Org, words: FakeWords, send: Send, now: datetime, no_mail: Any, error: Exception
) -> None:
    no_mail(error)
    tell(acme, "lead.assigned", now)
    send(acme, now)
    assert delivery_of(acme, "email").state == Delivery.State.DEAD
    assert states(acme, channel="email") == ["dead"]


def test_the_ladder_is_walked_to_its_end_and_no_further(
    acme: Org, words: FakeWords, send: Send, now: datetime, no_mail: Any
) -> None:
    box = no_mail(ConnectionRefusedError())
    tell(acme, "lead.assigned", now)
    moment, waits = now, []
    for _ in range(30):
        send(acme, moment)
        delivery = delivery_of(acme, "email")
        if delivery.next_at is None:
            break
        waits.append((delivery.next_at - moment).total_seconds())
        assert send(acme, delivery.next_at - timedelta(seconds=1)) == 0
        moment = delivery.next_at
    assert box.tries == len(LADDER) == 10
    assert delivery_of(acme, "email").state == Delivery.State.DEAD
    for wait, step in zip(waits, LADDER[1:], strict=True):
        assert step <= wait <= step * 1.1


def test_the_last_try_that_never_came_back_is_dead(acme: Org, words: FakeWords, now: datetime) -> None:
    tell(acme, "lead.assigned", now)
    with acme.scope():
        form_deliveries(now=now)
        Delivery.objects.update(attempts=len(LADDER) - 1)
        assert len(claim_deliveries(now=now)) == 2
        assert claim_deliveries(now=now + LEASE) == []
        assert set(Delivery.objects.values_list("state", flat=True)) == {"dead"}


def test_a_poisoned_message_does_not_hold_up_its_neighbours(
    acme: Org, words: FakeWords, send: Send, now: datetime
) -> None:
    words.broken = {"poison"}
    tell(acme, "lead.assigned", now, subject="poison")
    tell(acme, "lead.assigned", now, subject="fine", members=[acme.reps[1].id])
    send(acme, now)
    assert [sent.to for sent in mail.outbox] == [["rep2@acme.example"]]
    with acme.scope():
        poisoned = Delivery.objects.get(channel="email", member=acme.reps[0])
        assert poisoned.state == Delivery.State.PENDING
        assert "RuntimeError" in poisoned.last_error


def test_a_kind_without_a_text_is_said_so(acme: Org, words: FakeWords, send: Send, now: datetime) -> None:
    tell(acme, "lead.unheard_of", now)
    send(acme, now)
    assert delivery_of(acme, "email").last_error == "There is no text for lead.unheard_of."


def test_only_one_process_forms_at_a_time(acme: Org, words: FakeWords, now: datetime) -> None:
    """Two connections: while one holds the turn, the other skips."""
    tell(acme, "lead.assigned", now)
    other = connection.get_new_connection(connection.get_connection_params())
    with acme.scope():
        with other.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(%s, %s)", [_FORMING, acme.id.int & 0x7FFFFFFF])
        assert form_deliveries(now=now) == 0
        other.close()  # the other process ends; its turn ends with it
        assert wait_for(lambda: form_deliveries(now=now)) == 2


@pytest.mark.django_db(transaction=True)
def test_the_tick_serves_every_tenant(acme: Org, globex: Org, words: FakeWords, now: datetime) -> None:
    for org in (acme, globex):
        tell(org, "lead.assigned", now)
    clock = fixed_clock(now)
    assert set(due_tenants(clock)) == {acme.id, globex.id}
    assert deliver_tick(clock) == 4
    assert due_tenants(clock) == []
    assert sorted(sent.to[0] for sent in mail.outbox) == ["rep1@acme.example", "rep1@globex.example"]
