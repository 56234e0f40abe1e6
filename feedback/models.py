"""What sales said."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.models import TenantModel, tenant_fk

NOTE_LIMIT = 4_000  # characters of what people say with an answer


class Reason(TenantModel):
    """One entry of the tenant's taxonomy. `side` says whose it is: routing's reasons reroute, marketing's
    are counted."""

    class Kind(models.TextChoices):
        REJECT = "reject"
        NURTURE = "nurture"

    class Side(models.TextChoices):
        MARKETING = "marketing"
        ROUTING = "routing"

    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.REJECT)
    slug = models.SlugField(max_length=40, db_index=False)  # its unique key leads with the tenant
    label = models.CharField(max_length=60)
    hint = models.CharField(max_length=120, blank=True)
    side = models.CharField(max_length=10, choices=Side.choices, default=Side.MARKETING)
    note_required = models.BooleanField(default=False)
    earns_credit = models.BooleanField(default=False)  # the rotation gives the turn back
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "slug"], name="reason_slug_once")]


class Disposition(TenantModel):
    """Sales' answer on a handoff."""

    class Kind(models.TextChoices):
        ACCEPTED = "accepted"
        REJECTED = "rejected"
        NURTURE = "nurture"

    handoff = tenant_fk("leads.Handoff", related_name="dispositions", on_delete=models.CASCADE)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    reason = tenant_fk("feedback.Reason", null=True)
    note = models.TextField(blank=True, max_length=NOTE_LIMIT)
    until = models.DateField(null=True)  # nurture: when to look again
    by = tenant_fk("tenants.Member", null=True)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "handoff", "kind"],
                condition=Q(undone_at__isnull=True),
                name="disposition_once",
            )
        ]
        indexes = [models.Index(fields=["tenant", "-at"], name="disposition_by_time")]
