"""What came in, and what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.models import TenantModel, tenant_fk


class IntakeEntry(TenantModel):
    """Every payload as it arrived. Committed before the work on it begins, so a crash loses nothing."""

    class Outcome(models.TextChoices):
        RECEIVED = "received"  # no answer yet: still at work, or it crashed
        CREATED = "created"
        ENGAGED = "engaged"  # a known person came again
        REFUSED = "refused"  # 4xx
        FAILED = "failed"  # 5xx

    at = models.DateTimeField()
    channel = models.CharField(max_length=20)  # "api", "bulk", "csv"
    actor = models.CharField(max_length=80)
    payload = models.TextField()  # as received, cut at 1 MB
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.RECEIVED)
    detail = models.JSONField(default=dict)  # the problem document, or counts
    lead = tenant_fk("leads.Lead", null=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "-at"], name="intake_by_time")]


class ImportRun(TenantModel):
    """A file of history, imported in batches; a crash resumes after `rows_done`."""

    file_name = models.CharField(max_length=200)
    file_hash = models.CharField(max_length=64)
    mapping = models.CharField(max_length=80)
    rows_done = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list)  # [{"line", "field", "message"}], the first 1,000
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "file_hash", "mapping"],
                condition=Q(finished_at__isnull=True),
                name="one_running_import",
            )
        ]
