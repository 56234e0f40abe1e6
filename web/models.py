"""Rows of the shared web plumbing."""

from __future__ import annotations

from django.db import models

from tenants.models import TenantModel


class IdempotencyRecord(TenantModel):
    """The stored answer to a POST that carried an Idempotency-Key. Kept for at least 24 hours."""

    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["tenant", "created_at"], name="idempotency_by_time")]
