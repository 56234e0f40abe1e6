"""Everything that leaves: what must be told (outbox), how it travels (delivery), the app's bell."""

from __future__ import annotations

from django.db import models

from tenants.models import TenantModel, tenant_fk


class WebhookEndpoint(TenantModel):
    """Where a tenant wants its events. The signing secret is derived, never stored: notifications.secrets."""

    url = models.URLField(max_length=500)
    events = models.JSONField(default=list)  # kinds; empty means all
    secret_number = models.PositiveSmallIntegerField(default=1)
    rotated_at = models.DateTimeField(null=True)  # the secret before signs too for a day after this
    is_active = models.BooleanField(default=True)
    is_own = models.BooleanField(default=False, db_default=False)  # the portal's, for drills: nobody's to see
    failures = models.PositiveSmallIntegerField(default=0)  # in a row
    rest_until = models.DateTimeField(null=True)  # after a failure nothing is tried before this
    disabled_reason = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "url"], name="webhook_url_once")]


class Delivery(TenantModel):
    """One message on its way, with a stable id and a frozen membership of 1..n outbox rows."""

    class State(models.TextChoices):
        PENDING = "pending"
        SENDING = "sending"
        SENT = "sent"
        DEAD = "dead"
        EXPIRED = "expired"

    channel = models.CharField(max_length=20)
    member = tenant_fk("tenants.Member", null=True)
    endpoint = tenant_fk("notifications.WebhookEndpoint", null=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    priority = models.SmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "next_at"], condition=models.Q(next_at__isnull=False), name="delivery_due"
            ),
            models.Index(
                fields=["next_at", "tenant"],
                condition=models.Q(next_at__isnull=False),
                name="delivery_due_anywhere",
            ),
            models.Index(fields=["tenant", "channel", "member", "-created_at"], name="delivery_by_recipient"),
            models.Index(fields=["tenant", "endpoint", "-created_at"], name="delivery_by_endpoint"),
        ]


class OutboxMessage(TenantModel):
    """One thing one recipient must be told by one channel. Its id says which, so written twice is once."""

    class State(models.TextChoices):
        PENDING = "pending"  # not yet in a delivery
        TAKEN = "taken"  # member of a delivery that is under way
        SENT = "sent"
        DEAD = "dead"  # its delivery was given up
        EXPIRED = "expired"  # moot before it was sent
        SUPPRESSED = "suppressed"  # never to be sent: shadow mode

    event_id = models.UUIDField()
    kind = models.CharField(max_length=40)  # "lead.assigned", "timer.warned", ...
    channel = models.CharField(max_length=20)
    member = tenant_fk("tenants.Member", null=True)
    endpoint = tenant_fk("notifications.WebhookEndpoint", null=True)
    subject = models.CharField(
        max_length=60
    )  # what it is about: "handoff:<id>"; the service that makes it moot expires it
    priority = models.SmallIntegerField(default=0)  # breaches before warnings
    data = models.JSONField(default=dict)  # ids and times only; rendered when it is sent
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    created_at = models.DateTimeField()
    not_before = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)  # when it was sent, given up or expired
    delivery = tenant_fk(
        "notifications.Delivery", null=True, related_name="messages", on_delete=models.SET_NULL
    )

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "not_before"], condition=models.Q(state="pending"), name="outbox_pending"
            ),
            models.Index(
                fields=["tenant", "subject"],
                condition=models.Q(state__in=["pending", "taken"]),
                name="outbox_unsent_by_subject",
            ),
            models.Index(
                fields=["tenant", "delivery"],
                condition=models.Q(delivery__isnull=False),
                name="outbox_of_delivery",
            ),
            models.Index(fields=["tenant", "event_id"], name="outbox_by_event"),
        ]


class Notice(TenantModel):
    """A message in the app's bell. Its id is the outbox row's, so that it cannot be there twice."""

    member = tenant_fk("tenants.Member")
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=60, blank=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "member", "-at"], name="notice_by_member"),
            models.Index(
                fields=["tenant", "member"], condition=models.Q(read_at__isnull=True), name="notice_unread"
            ),
        ]
