"""The bell and the webhook pages: who may see them, what they show once, and nothing of another tenant."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.errors import Conflict, NotFound, ValidationFailed
from notifications import services
from notifications.models import Delivery, Notice, OutboxMessage, WebhookEndpoint
from notifications.secrets import webhook_secret
from tenants.models import AuditEntry, Member
from tests.factories import Org
from tests.notifications.conftest import FakeWords, Receiver, Send, add_endpoint, delivery_of, tell

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


def client_of(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def test_the_bell_lists_what_i_was_told_and_marks_it_read(
    acme: Org, words: FakeWords, send: Send, now: datetime
) -> None:
    tell(acme, "timer.breached", now, subject="handoff:7")
    send(acme, now)
    client = client_of(acme.reps[0])
    page = client.get("/notifications").content.decode()
    assert "Overdue: Ruth Adeyemi" in page
    assert 'href="/leads/handoff:7"' in page
    assert "1 unread" in page
    assert "Notifications, 1 unread" in page  # beside the bell
    assert client.get("/notifications/read").status_code == 405
    assert client.post("/notifications/read").status_code == 302
    assert "Nothing unread" in client.get("/notifications").content.decode()


def test_the_bell_is_ones_own(acme: Org, words: FakeWords, send: Send, now: datetime) -> None:
    tell(acme, "timer.breached", now)
    send(acme, now)
    client = client_of(acme.reps[1])
    assert "Ruth" not in client.get("/notifications").content.decode()
    client.post("/notifications/read")
    with acme.scope():
        assert Notice.objects.get().read_at is None


def test_what_a_lead_is_called_cannot_break_the_bell(
    acme: Org, words: FakeWords, send: Send, now: datetime
) -> None:
    words.words["lead_and_company"] = "<script>alert(1)</script>{x.__class__}"
    tell(acme, "timer.breached", now)
    send(acme, now)
    page = client_of(acme.reps[0]).get("/notifications").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "{x.__class__}" in page


@pytest.mark.parametrize("count", [2, 50])
def test_the_bell_costs_the_same_for_few_and_for_many(
    acme: Org, words: FakeWords, now: datetime, count: int
) -> None:
    with acme.scope():
        Notice.objects.bulk_create(
            Notice(member=acme.reps[0], kind="lead.assigned", at=now - timedelta(minutes=n))
            for n in range(count)
        )
    client = client_of(acme.reps[0])
    client.get("/notifications")
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/notifications")
    assert page.content.decode().count("is yours") == count
    assert len(queries) <= 20
    assert words.calls == 2


def test_an_admin_adds_a_webhook_and_sees_its_secret_once(acme: Org) -> None:
    client = client_of(acme.admin)
    answer = client.post(
        "/webhooks", {"url": "https://hooks.example.com/a", "events": ["lead.assigned", "timer.breached"]}
    )
    with acme.scope():
        endpoint = WebhookEndpoint.objects.get()
        assert AuditEntry.objects.filter(action="webhook.added", object_id=endpoint.id).exists()
    assert endpoint.events == ["lead.assigned", "timer.breached"]
    assert set(SECRET.findall(answer.content.decode())) == {webhook_secret(endpoint.id, 1)}
    assert "no-store" in answer["Cache-Control"]
    for path in ("/webhooks", f"/webhooks/{endpoint.id}"):
        assert SECRET.search(client.get(path).content.decode()) is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"url": ""}, "This field is required"),
        ({"url": "http://hooks.example.com/"}, "must begin with https://"),
        ({"url": "https://127.0.0.1/"}, "Private addresses are refused"),
        ({"url": "https://169.254.169.254/"}, "Private addresses are refused"),
        ({"url": "https://hooks.example.com/", "events": ["lead.eaten"]}, "not one of the available choices"),
        ({"url": "https://hooks.example.com/" + "a" * 500}, "at most 500"),
    ],
)
def test_a_bad_webhook_is_refused_with_its_reason(acme: Org, data: dict[str, object], text: str) -> None:
    answer = client_of(acme.admin).post("/webhooks", data)
    assert answer.status_code == 422
    assert text in answer.content.decode()
    with acme.scope():
        assert not WebhookEndpoint.objects.exists()


def test_the_same_address_twice_is_refused(acme: Org, now: datetime) -> None:
    add_endpoint(acme, "https://hooks.example.com/a", now)
    answer = client_of(acme.admin).post("/webhooks", {"url": "https://hooks.example.com/a"})
    assert "in the list already" in answer.content.decode()


def test_no_more_than_twenty_are_in_use(acme: Org, now: datetime) -> None:
    with acme.scope():
        for number in range(services.MAX_ENDPOINTS):
            services.add_endpoint(
                tenant=acme.tenant, url=f"https://h.example.com/{number}", events=[], actor="system", now=now
            )
        with pytest.raises(ValidationFailed):
            services.add_endpoint(
                tenant=acme.tenant, url="https://h.example.com/x", events=[], actor="system", now=now
            )
        assert WebhookEndpoint.objects.count() == services.MAX_ENDPOINTS


@pytest.mark.parametrize("who", ["manager", "marketing", "executive"])
def test_only_an_admin_may(acme: Org, now: datetime, who: str) -> None:
    endpoint = add_endpoint(acme, "https://hooks.example.com/a", now)
    client = client_of(getattr(acme, who))
    assert client.get("/webhooks").status_code == 403
    for act in ("rotate", "disable"):
        assert client.post(f"/webhooks/{endpoint.id}/{act}").status_code == 403
    with acme.scope():
        assert WebhookEndpoint.objects.get().is_active


def test_a_new_secret_is_shown_once_and_the_old_one_goes_on_for_a_day(acme: Org, now: datetime) -> None:
    endpoint = add_endpoint(acme, "https://hooks.example.com/a", now)
    client = client_of(acme.admin)
    shown = SECRET.findall(client.post(f"/webhooks/{endpoint.id}/rotate").content.decode())
    assert set(shown) == {webhook_secret(endpoint.id, 2)}
    assert SECRET.search(client.get(f"/webhooks/{endpoint.id}").content.decode()) is None


def test_off_and_on_again(acme: Org, now: datetime) -> None:
    endpoint = add_endpoint(acme, "https://hooks.example.com/a", now)
    client = client_of(acme.admin)
    for act, wanted in (("disable", False), ("disable", False), ("enable", True)):
        assert client.post(f"/webhooks/{endpoint.id}/{act}").status_code == 302
        with acme.scope():
            assert WebhookEndpoint.objects.get().is_active is wanted
    with acme.scope():
        actions = (
            AuditEntry.objects.filter(object_id=endpoint.id).order_by("id").values_list("action", flat=True)
        )
        assert list(actions) == ["webhook.disabled", "webhook.enabled"]


def test_a_dead_delivery_is_seen_and_sent_again_with_its_old_id(
    acme: Org, words: FakeWords, send: Send, receiver: Receiver, now: datetime
) -> None:
    endpoint = add_endpoint(acme, receiver.url, now)
    tell(acme, "timer.breached", now, members=[])
    receiver.status = 500
    send(acme, now)
    with acme.scope():
        Delivery.objects.update(state="dead", next_at=None, attempts=10, last_error="Answered 500")
        OutboxMessage.objects.update(state="dead")
    delivery = delivery_of(acme, "webhook")
    client = client_of(acme.admin)
    page = client.get(f"/webhooks/{endpoint.id}").content.decode()
    assert "Answered 500" in page
    assert "Dead" in page
    assert client.post(f"/webhooks/{endpoint.id}/deliveries/{delivery.id}/again").status_code == 302
    receiver.status = 200
    later = delivery_of(acme, "webhook").next_at
    assert later is not None
    assert send(acme, later) == 1
    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == str(delivery.id)
    assert delivery_of(acme, "webhook").state == Delivery.State.SENT


def test_what_is_under_way_or_off_is_not_sent_again(acme: Org, now: datetime) -> None:
    endpoint = add_endpoint(acme, "https://hooks.example.com/a", now)
    with acme.scope():
        delivery = Delivery.objects.create(channel="webhook", endpoint=endpoint, next_at=now, created_at=now)
        call = {"tenant": acme.tenant, "endpoint_id": endpoint.id, "actor": "system", "now": now}
        with pytest.raises(Conflict):
            services.send_again(delivery_id=delivery.id, **call)
        with pytest.raises(NotFound):
            services.send_again(delivery_id=uuid4(), **call)
        Delivery.objects.update(state="dead")
        WebhookEndpoint.objects.update(is_active=False)
        with pytest.raises(Conflict):
            services.send_again(delivery_id=delivery.id, **call)
        assert Delivery.objects.get().state == "dead"


def test_another_tenants_webhooks_are_not_there(acme: Org, globex: Org, now: datetime) -> None:
    theirs = add_endpoint(globex, "https://hooks.globex.example/secret-path", now)
    with globex.scope():
        delivery = Delivery.objects.create(channel="webhook", endpoint=theirs, state="dead", created_at=now)
    client = client_of(acme.admin)
    assert "globex" not in client.get("/webhooks").content.decode()
    answers = [client.get(f"/webhooks/{theirs.id}")]
    answers += [client.post(f"/webhooks/{theirs.id}/{act}") for act in ("rotate", "disable", "enable")]
    answers.append(client.post(f"/webhooks/{theirs.id}/deliveries/{delivery.id}/again"))
    assert [answer.status_code for answer in answers] == [404] * 5
    assert not any(b"globex" in answer.content.lower() for answer in answers)
    with globex.scope():
        after = WebhookEndpoint.objects.get()
        assert (after.is_active, after.secret_number) == (True, 1)
        assert Delivery.objects.get().state == "dead"


def test_nobody_sees_anything_without_signing_in(client: Client) -> None:
    for path in ("/notifications", "/webhooks"):
        assert client.get(path).status_code == 302


@pytest.mark.parametrize(("allowed", "said"), [([], False), (["127.0.0.1:9000"], True)])
def test_the_form_says_whether_the_operator_exempts_hosts(
    acme: Org, settings: Any, allowed: list[str], said: bool
) -> None:
    settings.WEBHOOK_ALLOW = allowed
    page = client_of(acme.admin).get("/webhooks").content.decode()
    assert ("listed in WEBHOOK_ALLOW may be internal, or begin with http://." in page) is said
    assert "Begins with https:// and can be reached from the internet." in page
