"""Reads: a person's bell, and what became of webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from core.errors import NotFound
from notifications.context import Row, contexts
from notifications.models import Delivery, Notice, OutboxMessage, WebhookEndpoint
from notifications.outbox import KINDS
from notifications.texts import render
from tenants.models import Member, Tenant

# How often the last deliveries of an endpoint are looked at: enough to see what is wrong.
LAST_DELIVERIES = 50


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A notice in words. path: where it leads, or ""."""

    id: UUID
    kind: str
    at: datetime
    is_unread: bool
    title: str
    body: str
    path: str


def notices_of(*, tenant: Tenant, member: Member) -> QuerySet[Notice]:
    """What a person was told in the app, to be read newest first by (-at, -id)."""
    return Notice.objects.filter(tenant=tenant, member=member)


def in_words(notices: Sequence[Notice], *, now: datetime) -> list[NoticeView]:
    """The notices as they read: times "left" are those of when it was told. Looked up for all at once."""
    rows = [
        Row(notice.id, notice.kind, notice.subject, notice.data, notice.member_id, notice.at, told=True)
        for notice in notices
    ]
    found = contexts(rows, now)
    views = []
    for notice in notices:
        context = found.get(notice.id)
        title, body = KINDS.get(notice.kind, notice.kind), ""
        if context is not None and context.words:
            text = render(notice.kind, context.words)
            title, body = text.title, text.body
        views.append(
            NoticeView(
                id=notice.id,
                kind=notice.kind,
                at=notice.at,
                is_unread=notice.read_at is None,
                title=title,
                body=body,
                path=context.path if context else "",
            )
        )
    return views


def unread(*, tenant: Tenant, member: Member) -> QuerySet[Notice]:
    """What this member has not read yet."""
    return Notice.objects.filter(tenant=tenant, member=member, read_at__isnull=True)


def endpoints_of(*, tenant: Tenant) -> list[WebhookEndpoint]:
    """All endpoints, those in use first."""
    return list(
        WebhookEndpoint.objects.filter(tenant=tenant, is_own=False).order_by(
            "-is_active", "-created_at", "id"
        )[:200]
    )


def get_endpoint(*, tenant: Tenant, endpoint_id: UUID) -> WebhookEndpoint:
    """Raises NotFound, alike for one that is not there and one that is another tenant's."""
    found = WebhookEndpoint.objects.filter(tenant=tenant, id=endpoint_id, is_own=False)
    endpoint: WebhookEndpoint | None = found.first()
    if endpoint is None:
        raise NotFound("There is no such webhook.")
    return endpoint


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery to an endpoint and the event in it."""

    delivery: Delivery
    kind: str

    @property
    def can_send_again(self) -> bool:
        return self.delivery.state in (Delivery.State.SENT, Delivery.State.DEAD)


def last_deliveries(*, endpoint: WebhookEndpoint) -> list[DeliveryView]:
    """The newest deliveries, newest first."""
    deliveries = list(
        Delivery.objects.filter(endpoint=endpoint).order_by("-created_at", "-id")[:LAST_DELIVERIES]
    )
    kinds = dict(
        OutboxMessage.objects.filter(
            Q(delivery__isnull=False), delivery_id__in=[delivery.id for delivery in deliveries]
        ).values_list("delivery_id", "kind")
    )
    return [DeliveryView(delivery, kinds.get(delivery.id, "")) for delivery in deliveries]
