"""What the web plumbing does unattended: forget what nobody will ask for again."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.sessions.models import Session

from tenants import rates
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.selectors import active_tenants
from web.models import IdempotencyRecord

# Callers are promised 24 hours; a day more for those who try again the next morning.
IDEMPOTENCY_KEPT = timedelta(hours=48)
_BATCH = 5_000  # rows in one transaction, so that none holds its locks for long


def prune_tick() -> int:
    """Remove stored answers older than 48 hours, expired sessions and old rate windows; how many rows
    went."""
    now = database_clock()
    removed = sum(prune_answers(tenant_id, now=now) for tenant_id in active_tenants())
    removed += Session.objects.filter(expire_date__lt=now).delete()[0]
    return removed + rates.prune(time.time())


def prune_answers(tenant_id: UUID, *, now: datetime) -> int:
    """Remove one tenant's stored answers older than 48 hours, in bounded transactions."""
    removed = 0
    while True:
        with tenant_scope(tenant_id):
            old = IdempotencyRecord.objects.filter(created_at__lt=now - IDEMPOTENCY_KEPT)
            ids = list(old.order_by("created_at").values_list("id", flat=True)[:_BATCH])
            removed += IdempotencyRecord.objects.filter(id__in=ids).delete()[0]
        if len(ids) < _BATCH:
            return removed
