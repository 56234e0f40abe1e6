"""Webhooks: signed, retried by what was answered, never to a private address."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from core.errors import ValidationFailed
from core.signing import InvalidSignature, verify_webhook
from notifications.addresses import check_url
from notifications.channels.base import Dead, Parcel, Rendered, Retry, Sent
from notifications.channels.webhook import MAX_BODY, WebhookChannel, body_of, outcome_of
from notifications.models import Delivery, OutboxMessage, WebhookEndpoint
from notifications.secrets import ROTATION, signing_secrets, webhook_secret
from notifications.sending import LADDER, LEASE, claim_deliveries, form_deliveries, retry_wait
from tests.factories import Org
from tests.notifications.conftest import FakeWords, Receiver, Send, add_endpoint, delivery_of, tell

pytestmark = pytest.mark.django_db
SECRET = webhook_secret(uuid4(), 1)


def parcel(url: str, **extra: Any) -> Parcel:
    return Parcel(
        tenant_id=uuid4(),
        id=uuid4(),
        channel="webhook",
        attempt=1,
        name="",
        address=url,
        secrets=(SECRET,),
        **extra,
    )


def message(now: datetime, **extra: Any) -> Rendered:
    given: dict[str, Any] = {
        "id": uuid4(),
        "event_id": uuid4(),
        "kind": "timer.breached",
        "subject": "handoff:1",
        "data": {"handoff": "1"},
        "at": now,
        "title": "",
        "body": "",
        "link": "",
    }
    return Rendered(**{**given, **extra})


def test_what_arrives_is_signed_and_says_what_happened(
    acme: Org, words: FakeWords, send: Send, receiver: Receiver, now: datetime
) -> None:
    real_now = datetime.now(now.tzinfo)  # the reference library reads the wall clock
    words.facts = {"lead_name": "Ruth Adeyemi"}
    hook = add_endpoint(acme, receiver.url, real_now, events=["timer.breached"])
    tell(acme, "timer.breached", real_now, members=[])
    tell(acme, "lead.touched", real_now, members=[])
    assert send(acme, real_now) == 1
    (got,) = receiver.got
    headers = {name.lower(): value for name, value in got.headers.items()}
    body = Webhook(webhook_secret(hook.id, 1)).verify(
        got.body, {k.lower(): v for k, v in got.headers.items()}
    )
    assert body["type"] == "timer.breached"
    assert datetime.fromisoformat(body["timestamp"]) == real_now.replace(
        microsecond=real_now.microsecond // 1000 * 1000
    )
    assert body["data"]["handoff"] == "1"
    assert body["data"]["lead_name"] == "Ruth Adeyemi"
    delivery = delivery_of(acme, "webhook")
    assert got.headers["webhook-id"] == str(delivery.id)
    assert delivery.state == Delivery.State.SENT
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook_secret(hook.id, 2)).verify(got.body, headers)


def test_every_event_is_a_message_of_its_own(
    acme: Org, words: FakeWords, send: Send, receiver: Receiver, now: datetime
) -> None:
    add_endpoint(acme, receiver.url, now)
    for _ in range(5):
        tell(acme, "timer.breached", now, members=[])
    tries = sum(send(acme, now) for _ in range(3))
    assert tries == len(receiver.got) == 5
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 5


def test_both_secrets_sign_for_a_day_after_a_rotation(acme: Org, now: datetime) -> None:
    hook = add_endpoint(acme, "https://hooks.example/a", now, secret_number=2, rotated_at=now)
    old, new = webhook_secret(hook.id, 1), webhook_secret(hook.id, 2)
    assert signing_secrets(hook, now + ROTATION - timedelta(seconds=1)) == [new, old]
    assert signing_secrets(hook, now + ROTATION) == [new]


def test_a_rotated_secret_is_known_by_either_name(
    acme: Org, words: FakeWords, send: Send, receiver: Receiver, now: datetime
) -> None:
    hook = add_endpoint(acme, receiver.url, now, secret_number=2, rotated_at=now)
    tell(acme, "lead.accepted", now, members=[])
    send(acme, now)
    (got,) = receiver.got
    for number in (1, 2):
        assert verify_webhook(webhook_secret(hook.id, number), got.headers, got.body, now=now)
    with pytest.raises(InvalidSignature):
        verify_webhook(webhook_secret(hook.id, 3), got.headers, got.body, now=now)


def test_secrets_differ_by_endpoint_and_number() -> None:
    ids = [uuid4(), uuid4()]
    assert len({webhook_secret(endpoint, number) for endpoint in ids for number in (1, 2)}) == 4
    assert webhook_secret(ids[0], 1) == webhook_secret(ids[0], 1)


@pytest.mark.parametrize(
    ("status", "headers", "wanted"),
    [
        (200, {}, "sent"),
        (204, {}, "sent"),
        (301, {"Location": "http://127.0.0.1:1/"}, "pending"),
        (400, {}, "pending"),
        (410, {}, "dead"),
        (429, {"Retry-After": "120"}, "pending"),
        (500, {}, "pending"),
        (503, {"Retry-After": "90"}, "pending"),
    ],
)
def test_what_an_answer_means(
    acme: Org,
    words: FakeWords,
    send: Send,
    receiver: Receiver,
    now: datetime,
    status: int,
    headers: dict[str, str],
    wanted: str,
) -> None:
    hook = add_endpoint(acme, receiver.url, now)
    tell(acme, "timer.breached", now, members=[])
    receiver.status, receiver.headers = status, headers
    assert send(acme, now) == 1
    delivery = delivery_of(acme, "webhook")
    assert delivery.state == wanted
    assert len(receiver.got) == 1  # redirects are not followed
    if wanted == "pending":
        asked = int(headers.get("Retry-After", 0))
        assert delivery.next_at == now + retry_wait(delivery.id, 1, asked)
        assert delivery.next_at - now >= timedelta(seconds=max(asked, 5))
        assert delivery.last_error == f"Answered {status}"
    with acme.scope():
        assert WebhookEndpoint.objects.get(id=hook.id).is_active is (status != 410)


def test_after_gone_the_rest_is_not_sent(
    acme: Org, words: FakeWords, send: Send, receiver: Receiver, now: datetime
) -> None:
    add_endpoint(acme, receiver.url, now)
    receiver.status = 410
    for _ in range(4):
        tell(acme, "timer.breached", now, members=[])
    for _ in range(4):
        send(acme, now)
    assert len(receiver.got) == 2  # two were under way at once
    with acme.scope():
        states = sorted(OutboxMessage.objects.values_list("state", flat=True))
    assert states == ["dead", "dead", "expired", "expired"]
    tell(acme, "timer.breached", now, members=[])
    with acme.scope():
        assert OutboxMessage.objects.count() == 4  # a disabled endpoint is not written to any more


def test_every_try_has_the_same_id_and_body_and_its_own_time(
    acme: Org, words: FakeWords, send: Send, receiver: Receiver, now: datetime
) -> None:
    add_endpoint(acme, receiver.url, now)
    receiver.status = 500
    tell(acme, "timer.breached", now, members=[])
    moment: datetime | None = now
    times = []
    while moment is not None:
        assert send(acme, moment) == 1
        times.append(int(moment.timestamp()))
        moment = delivery_of(acme, "webhook").next_at
    assert len(receiver.got) == len(LADDER)
    assert len({got.body for got in receiver.got}) == 1
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert [int(got.headers["webhook-timestamp"]) for got in receiver.got] == times
    assert delivery_of(acme, "webhook").state == Delivery.State.DEAD


def test_a_sender_killed_while_sending_is_followed_by_the_same_id(
    acme: Org, words: FakeWords, send: Send, receiver: Receiver, now: datetime
) -> None:
    add_endpoint(acme, receiver.url, now)
    tell(acme, "timer.breached", now, members=[])
    with acme.scope():
        form_deliveries(now=now)
        (claim,) = claim_deliveries(now=now)
    WebhookChannel().send(claim.parcel, claim.messages, now)  # it arrived, and nobody wrote it down
    assert send(acme, now) == 0
    assert send(acme, now + LEASE) == 1
    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert delivery_of(acme, "webhook").state == Delivery.State.SENT


def test_a_failing_endpoint_rests_and_others_do_not(
    acme: Org, words: FakeWords, send: Send, receiver: Receiver, now: datetime
) -> None:
    hook = add_endpoint(acme, "http://127.0.0.1:9/down", now)
    add_endpoint(acme, receiver.url, now)
    from django.conf import settings

    settings.WEBHOOK_ALLOW = [*settings.WEBHOOK_ALLOW, "127.0.0.1:9"]
    for _ in range(4):
        tell(acme, "timer.breached", now, members=[])
    for _ in range(4):
        send(acme, now)
    assert len(receiver.got) == 4
    with acme.scope():
        tried = Delivery.objects.filter(endpoint=hook).values_list("attempts", flat=True)
        assert sorted(tried) == [0, 0, 1, 1]
        assert WebhookEndpoint.objects.get(id=hook.id).rest_until > now


def test_an_answer_that_never_comes_is_cut_off(receiver: Receiver, now: datetime) -> None:
    receiver.dripping = True
    carrier = WebhookChannel()
    carrier.total_seconds = 0.4
    outcome = carrier.send(parcel(receiver.url), [message(now)], now)
    assert isinstance(outcome, Retry)
    assert len(receiver.got) == 1


def test_a_closed_port_is_a_passing_failure(settings: Any, now: datetime) -> None:
    settings.WEBHOOK_ALLOW = ["127.0.0.1:9"]
    outcome = WebhookChannel().send(parcel("http://127.0.0.1:9/"), [message(now)], now)
    assert outcome == Retry("The connection failed")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("0", 0), ("999999999999", 86_400), ("soon", None), ("-5", None), ("", None), ("٣", None)],
)
def test_retry_after_in_seconds(now: datetime, text: str, seconds: int | None) -> None:
    outcome = outcome_of(429, {"Retry-After": text}, now)
    assert outcome == Retry("Answered 429", after_seconds=seconds)


def test_retry_after_as_a_date(now: datetime) -> None:
    later = format_datetime(now + timedelta(seconds=75), usegmt=True)
    assert outcome_of(503, {"Retry-After": later}, now) == Retry("Answered 503", after_seconds=75)
    assert outcome_of(400, {"Retry-After": later}, now) == Retry("Answered 400")
    assert outcome_of(202, {}, now) == Sent()


def test_a_body_stays_under_20_kb(now: datetime) -> None:
    big = body_of(message(now, facts={"story": "x" * 30_000}))
    assert len(big) < MAX_BODY
    data = json.loads(big)["data"]
    assert data["shortened"] is True
    assert data["handoff"] == "1"
    assert "story" not in data


HOSTILE = [
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://017700000001/",
    "https://0/",
    "https://10.0.0.8/",
    "https://172.16.4.4/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://app.localhost/",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://intranet/",
    "https://user:secret@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com/#@127.0.0.1",
    "https://exa mple.com/",
    "https://example.com\r\nX-Evil: 1/",
    "https://1\u20e32\u20e37.0.0.1/",
    "https://example.com:99999/",
    "https://[::1/",
    "https:///nothing",
    "javascript:alert(1)",
    "//example.com/",
    "",
    "https://example.com/" + "a" * 500,
]


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_addresses_are_refused(url: str, now: datetime) -> None:
    with pytest.raises(ValidationFailed):
        check_url(url)
    assert isinstance(WebhookChannel().send(parcel(url), [message(now)], now), Dead)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/a?b=c",
        "https://hooks.example.com:8443/",
        "https://8.8.8.8/",
        "https://a.b.dev",
    ],
)
def test_addresses_of_the_public_internet_are_taken(url: str) -> None:
    assert check_url(url).geturl() == url


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
def test_a_public_name_that_resolves_inside_is_refused(
    now: datetime, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    target = (address, 443, 0, 0) if ":" in address else (address, 443)
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *args, **kwargs: [(family, socket.SOCK_STREAM, 6, "", target)]
    )
    outcome = WebhookChannel().send(parcel("https://rebound.example.com/"), [message(now)], now)
    assert isinstance(outcome, Dead)


def test_a_private_host_is_reached_only_where_the_operator_allows_it(
    receiver: Receiver, settings: Any, now: datetime
) -> None:
    assert WebhookChannel().send(parcel(receiver.url), [message(now)], now) == Sent()
    settings.WEBHOOK_ALLOW = ["127.0.0.1:1"]
    assert isinstance(WebhookChannel().send(parcel(receiver.url), [message(now)], now), Dead)
    assert len(receiver.got) == 1


def test_a_redirect_to_a_private_address_is_not_followed(receiver: Receiver, now: datetime) -> None:
    receiver.status, receiver.headers = 307, {"Location": receiver.url}
    assert WebhookChannel().send(parcel(receiver.url), [message(now)], now) == Retry("Answered 307")
    assert len(receiver.got) == 1
