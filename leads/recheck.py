"""Leads that wait for data are looked at again when their account says more. Whoever changes an account calls
this in the same transaction; the engine does the looking (`handoff.data_waits`), within seconds.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from leads.models import DataWait, Handoff, Lead
from tenants.bulk import fresh, insert_rows

#: Leads of one change; a company with more that all wait at once has another problem.
MOST: Final = 1_000


def accounts_changed(account_ids: Collection[UUID], *, now: datetime) -> int:
    """Have the leads of these accounts looked at that lack something, or are held for enrichment; how many
    were found.

    A row a change and lead, though one may be waiting already: an engine that is at that one may have read
    the account as it was before, and a unique key would have two transactions wait for each other.
    """
    if not account_ids:
        return 0
    held = DataWait.objects.filter(
        lead_id=OuterRef("pk"), kind=DataWait.Kind.ENRICHMENT, ended_at__isnull=True
    )
    running = Handoff.objects.filter(lead_id=OuterRef("pk"), state=Handoff.State.OPEN)
    leads = Lead.objects.filter(~Q(needs=[]) | Exists(held), account_id__in=list(account_ids))
    found = list(leads.exclude(Exists(running)).order_by("id")[:MOST])
    insert_rows(
        [
            fresh(
                DataWait,
                tenant_id=lead.tenant_id,
                lead_id=lead.id,
                kind=DataWait.Kind.ACCOUNT,
                since=now,
                due_at=now,
            )
            for lead in found
        ]
    )
    return len(found)
