"""What the engine does for handoffs at each tick. Called by name from settings.ENGINE_TICKS."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import connection

from handoff.absences import move_from_absent_everywhere
from handoff.moves import drain_unrouted
from handoff.pauses import end_pauses, tenants_with_ended_pauses
from handoff.sweep import sweep
from routing.selectors import fallback_of
from sla.auditor import audit
from sla.models import Finding
from sla.services import record_lateness
from tenants.clock import database_clock
from tenants.context import tenant_scope

logger = logging.getLogger(__name__)

SWEEP: Final = "handoff.tasks.sweep_tick"
FALLBACK_MISSING: Final = "fallback_missing"


def sweep_tick() -> int:
    """Fire every step that is due; returns how many fired."""
    result = sweep()
    record_lateness(SWEEP, worst_ms=result.worst_lateness_ms, now=database_clock())
    return result.fired


def drain_unrouted_tick() -> int:
    """Try to find owners for leads that wait without one; returns how many found one.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from tenants_with_unrouted()")
        waiting = [row[0] for row in cursor.fetchall()]
    found = 0
    for tenant_id in waiting:
        try:
            found += drain_unrouted(tenant_id, database_clock)
        except Exception:
            logger.exception("Draining an organisation failed.", extra={"tenant": str(tenant_id)})
    return found


def end_pauses_tick() -> int:
    """Let the clocks go on whose pause has had its time; returns of how many leads.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    ended = 0
    for tenant_id in tenants_with_ended_pauses(database_clock()):
        try:
            ended += end_pauses(tenant_id, clock=database_clock)
        except Exception:
            logger.exception("Ending an organisation's pauses failed.", extra={"tenant": str(tenant_id)})
    return ended


def move_from_absent_tick() -> int:
    """Move leads on that would run out of time while their owner is away; returns how many moved."""
    return move_from_absent_everywhere(clock=database_clock)


def audit_tick() -> int:
    """Look for what the engine should have done and did not; returns how many findings are open."""
    findings = audit(clock=database_clock)
    return sum(_still_open(tenant_id, found) for tenant_id, found in findings.items())


def _still_open(tenant_id: UUID, findings: Sequence[Finding]) -> int:
    """How many of an organisation's findings stand.

    A missing fallback person is routing's to judge, which the auditor does not know: that finding is cleared
    here, as soon as there is somebody again.
    """
    missing = [finding.id for finding in findings if finding.kind == FALLBACK_MISSING]
    if not missing:
        return len(findings)
    with tenant_scope(tenant_id):
        if fallback_of() is None:
            return len(findings)
        Finding.objects.filter(id__in=missing).update(cleared_at=database_clock())
    return len(findings) - len(missing)
