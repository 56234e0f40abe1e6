"""Do the reports keep up? Changes that wait too long become a finding, as of a clock that did not fire.

Here and not with the auditor: it looks at what was promised, and knows nothing of reports.

And are they counted as they should be by now? An organisation that moved to another zone, or whose facts are
of before an upgrade, has one handoff noted as changed, upon which the drain builds all anew: nobody need
change anything, or run a command.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import F

from leads.dirty import mark_dirty
from leads.models import DirtyHandoff, Handoff
from reporting import handoff_rollups, lead_rollups, rollups
from reporting.models import LeadChange, RollUpState
from sla.findings import Fault, report
from sla.models import Finding
from tenants.clock import Clock
from tenants.context import tenant_scope
from tenants.selectors import active_tenants

logger = logging.getLogger(__name__)

#: How long a change may wait before it is in the reports: sixty drains.
PATIENCE: Final = timedelta(minutes=5)
KIND: Final = "facts_late"
_SUBJECT: Final = "reports"
_OF_UUID7: Final = 7


def watch(*, clock: Clock) -> int:
    """Look at every active organisation; how many have reports that are behind. One that raises does not stop
    the others."""
    behind = 0
    for tenant_id in active_tenants():
        try:
            with tenant_scope(tenant_id):
                now = clock()
                have_built_anew(now=now)
                behind += watch_tenant(now=now)
        except Exception:
            logger.exception("Watching an organisation's reports failed.", extra={"tenant": str(tenant_id)})
    return behind


def watch_tenant(*, now: datetime) -> bool:
    """Write the finding of the organisation in scope, or clear it; whether its reports are behind."""
    waited = _waited(now)
    if waited <= PATIENCE:
        Finding.objects.filter(kind=KIND, cleared_at__isnull=True).update(cleared_at=now)
        return False
    detail = (
        f"The oldest change has waited {waited.total_seconds() / 60:.0f} minutes; the log says what stops it."
    )
    report([Fault(KIND, _SUBJECT, detail)], now=now)
    return True


def _waited(now: datetime) -> timedelta:
    """How long the oldest change of the organisation in scope has waited, of a handoff or of a lead."""
    handoff = DirtyHandoff.objects.order_by("id").values_list("id", "at").first()
    lead = LeadChange.objects.order_by("id").values_list("id", flat=True).first()
    # A change of a lead whose id says nothing is of before an upgrade: the next drain takes it.
    written = [written_at(*handoff)] if handoff else []
    written += [written_at(lead, now)] if lead else []
    return now - min(written, default=now)


def have_built_anew(*, now: datetime) -> bool:
    """Let the next drain build everything of the organisation in scope where its roll-ups are of another zone
    or layout; whether that was needed. What waits already has that done."""
    zone = F("tenant__time_zone")
    done = RollUpState.objects.filter(
        zone=zone,
        layout=rollups.LAYOUT,
        handoffs_zone=zone,
        handoffs_layout=handoff_rollups.LAYOUT,
        leads_zone=zone,
        leads_layout=lead_rollups.LAYOUT,
    )
    if done.exists() or DirtyHandoff.objects.exists():
        return False
    some: UUID | None = Handoff.objects.values_list("id", flat=True).first()
    if some is not None:
        mark_dirty([some], now)
    return some is not None


def note_failure(tenant_id: UUID, error: Exception) -> None:
    """Let the organisation's open finding say why; where there is none yet, it is not late yet."""
    detail = f"{type(error).__name__}: {error}"[:300].replace("\x00", "")
    with tenant_scope(tenant_id):
        Finding.objects.filter(kind=KIND, cleared_at__isnull=True).update(detail=detail)


def oldest_wait(*, now: datetime) -> timedelta:
    """How long the oldest change of any organisation has waited; zero where none waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, at from oldest_dirty_handoffs()"
            " union all select id, null::timestamptz from oldest_changed_leads()"
        )
        rows: Iterable[tuple[UUID, datetime | None]] = cursor.fetchall()
    return max((now - written_at(row_id, at or now) for row_id, at in rows), default=timedelta())


def written_at(row_id: UUID, at: datetime) -> datetime:
    """When a row was written, by its id (version 7 begins with the milliseconds); `at` for another id.

    `at` alone would not do: history that is made up on a clock of its own is written today.
    """
    if row_id.version != _OF_UUID7:
        return at
    return datetime.fromtimestamp((row_id.int >> 80) / 1000, UTC)
