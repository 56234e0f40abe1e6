"""What the engine does for handoffs at each tick. Called by name from settings.ENGINE_TICKS."""

from __future__ import annotations

import logging
from typing import Final

from django.db import connection

from handoff.moves import drain_unrouted
from handoff.sweep import sweep
from sla.auditor import audit
from sla.services import record_lateness
from tenants.clock import database_clock

logger = logging.getLogger(__name__)

SWEEP: Final = "handoff.tasks.sweep_tick"


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


def audit_tick() -> int:
    """Look for what the engine should have done and did not; returns how many findings are open."""
    return sum(len(findings) for findings in audit(clock=database_clock).values())
