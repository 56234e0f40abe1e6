"""Writes by people: reading the bell, and the tenant's webhooks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from core.errors import Conflict, NotFound, ValidationFailed
from notifications.addresses import RefusedAddress, check_url
from notifications.models import Delivery, Notice, OutboxMessage, WebhookEndpoint
from notifications.outbox import KINDS
from notifications.secrets import webhook_secret
from tenants.audit import record_change
from tenants.models import Member, Tenant

MAX_ENDPOINTS: Final = 20  # active ones of a tenant: every event is written once for each


def mark_all_read(*, tenant: Tenant, member: Member, now: datetime) -> int:
    """Mark what a person was told as read; return how many were unread."""
    unread = Notice.objects.filter(tenant=tenant, member=member, read_at__isnull=True)
    return unread.update(read_at=now)


@transaction.atomic
def add_endpoint(
    *, tenant: Tenant, url: str, events: Iterable[str], actor: str, now: datetime
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its secret, which is shown now and never again.

    events: kinds; none means all. Raises ValidationFailed for an address that webhooks may not go to, an
    unknown kind, an address that is there already, or too many endpoints.
    """
    url = url.strip()
    try:
        check_url(url)
    except RefusedAddress as error:
        raise ValidationFailed.at("/url", error.message) from error
    chosen = sorted(set(events))
    unknown = [kind for kind in chosen if kind not in KINDS]
    if unknown:
        raise ValidationFailed.at("/events", f"There are no events called {', '.join(unknown)}.")
    if WebhookEndpoint.objects.filter(tenant=tenant, url=url).exists():
        raise ValidationFailed.at("/url", "This address is in the list already.")
    if WebhookEndpoint.objects.filter(tenant=tenant, is_active=True, is_own=False).count() >= MAX_ENDPOINTS:
        raise ValidationFailed.at("/url", f"At most {MAX_ENDPOINTS} webhooks can be in use.")
    endpoint = WebhookEndpoint.objects.create(
        url=url, events=[] if set(chosen) == set(KINDS) else chosen, created_at=now
    )
    _record(endpoint, "webhook.added", actor, now, after={"url": url, "events": endpoint.events})
    return endpoint, webhook_secret(endpoint.id, endpoint.secret_number)


@transaction.atomic
def rotate_secret(
    *, tenant: Tenant, endpoint_id: UUID, actor: str, now: datetime
) -> tuple[WebhookEndpoint, str]:
    """A new secret, shown once. The one before signs too for a day. Raises NotFound."""
    endpoint = _lock(tenant, endpoint_id)
    before = endpoint.secret_number
    endpoint.secret_number += 1
    endpoint.rotated_at = now
    endpoint.save(update_fields=["secret_number", "rotated_at"])
    _record(
        endpoint,
        "webhook.rotated",
        actor,
        now,
        before={"secret_number": before},
        after={"secret_number": before + 1},
    )
    return endpoint, webhook_secret(endpoint.id, endpoint.secret_number)


@transaction.atomic
def set_active(
    *, tenant: Tenant, endpoint_id: UUID, is_active: bool, actor: str, now: datetime
) -> WebhookEndpoint:
    """Switch an endpoint off (what still waits for it expires) or on again. Raises NotFound."""
    endpoint = _lock(tenant, endpoint_id)
    if endpoint.is_active == is_active:
        return endpoint
    endpoint.is_active = is_active
    endpoint.disabled_reason = "" if is_active else "Switched off by hand"
    endpoint.failures, endpoint.rest_until = 0, None
    endpoint.save(update_fields=["is_active", "disabled_reason", "failures", "rest_until"])
    action = "webhook.enabled" if is_active else "webhook.disabled"
    _record(endpoint, action, actor, now, before={"is_active": not is_active}, after={"is_active": is_active})
    return endpoint


@transaction.atomic
def send_again(
    *, tenant: Tenant, endpoint_id: UUID, delivery_id: UUID, actor: str, now: datetime
) -> Delivery:
    """Put a webhook on its way once more, under its old id, with all its tries.

    Raises NotFound; Conflict when it is under way, expired, or its endpoint is off.
    """
    endpoint = _lock(tenant, endpoint_id)
    delivery: Delivery | None = (
        Delivery.objects.select_for_update(of=("self",))
        .filter(tenant=tenant, id=delivery_id, endpoint=endpoint)
        .first()
    )
    if delivery is None:
        raise NotFound("There is no such delivery.")
    if not endpoint.is_active:
        raise Conflict("This webhook is off. Switch it on first.")
    if delivery.state not in (Delivery.State.SENT, Delivery.State.DEAD):
        raise Conflict("This delivery is still under way, or was not worth sending any more.")
    before = delivery.state
    delivery.state, delivery.attempts = Delivery.State.PENDING, 0
    delivery.next_at, delivery.sent_at = now, None
    delivery.save(update_fields=["state", "attempts", "next_at", "sent_at"])
    OutboxMessage.objects.filter(delivery=delivery, state__in=["sent", "dead"]).update(
        state=OutboxMessage.State.TAKEN, closed_at=None
    )
    WebhookEndpoint.objects.filter(id=endpoint.id).update(rest_until=None)
    record_change(
        actor=actor,
        action="webhook.sent_again",
        object_type="delivery",
        object_id=delivery.id,
        before={"state": str(before)},
        after={"state": "pending"},
        now=now,
    )
    return delivery


def _lock(tenant: Tenant, endpoint_id: UUID) -> WebhookEndpoint:
    endpoint: WebhookEndpoint | None = (
        WebhookEndpoint.objects.select_for_update(of=("self",))
        .filter(tenant=tenant, id=endpoint_id, is_own=False)
        .first()
    )
    if endpoint is None:
        raise NotFound("There is no such webhook.")
    return endpoint


def _record(
    endpoint: WebhookEndpoint,
    action: str,
    actor: str,
    now: datetime,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    record_change(
        actor=actor,
        action=action,
        object_type="webhook",
        object_id=endpoint.id,
        before=before,
        after=after,
        now=now,
    )
