"""What the engine does for handoffs at each tick. Called by name from settings.ENGINE_TICKS."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from django.db import connection

from handoff.absences import move_from_absent_everywhere
from handoff.data_waits import look_again, tenants_with_due_data
from handoff.moves import drain_unrouted
from handoff.pauses import end_pauses, tenants_with_ended_pauses
from handoff.publications import clear_mended, look_after_the_named, publish_due
from handoff.simulation import runs
from handoff.sweep import sweep
from sla.auditor import audit
from sla.services import record_cycle, record_lateness
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.selectors import active_tenants
from tenants.versions import tenants_with_due_publications

logger = logging.getLogger(__name__)

SWEEP: Final = "handoff.tasks.sweep_tick"
SIMULATE: Final = "handoff.tasks.simulate_tick"


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


def publish_due_tick() -> int:
    """Put versions in force whose time has come; returns how many.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    count = 0
    for tenant_id in tenants_with_due_publications(database_clock()):
        try:
            count += publish_due(tenant_id, database_clock)
        except Exception:
            logger.exception("Publishing what is due failed.", extra={"tenant": str(tenant_id)})
    return count


def look_again_tick() -> int:
    """Look at leads again that waited for data until now; returns how many were handed over.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    count = 0
    for tenant_id in tenants_with_due_data(database_clock()):
        try:
            count += look_again(tenant_id, clock=database_clock)
        except Exception:
            logger.exception("Looking at leads again failed.", extra={"tenant": str(tenant_id)})
    return count


def simulate_tick() -> int:
    """Carry out the simulations that wait; returns how many.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    count = 0
    for tenant_id in runs.tenants_with_simulations():
        try:
            count += runs.carry_out(tenant_id, database_clock, pulse=_still_simulating)
        except Exception:
            logger.exception("Simulating for an organisation failed.", extra={"tenant": str(tenant_id)})
    return count


def _still_simulating(now: datetime) -> None:
    """A long replay is no dead engine: its pulse goes on while it works."""
    record_cycle(SIMULATE, handled=0, now=now)


def forget_simulations_tick() -> int:
    """Remove simulations that were kept long enough; returns how many.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    count = 0
    for tenant_id in active_tenants():
        try:
            count += runs.forget_old(tenant_id, now=database_clock())
        except Exception:
            logger.exception("Forgetting simulations failed.", extra={"tenant": str(tenant_id)})
    return count


def look_after_the_named_tick() -> int:
    """Look whether everybody who is to hear of leads is still there; returns how many are not."""
    missing = 0
    for tenant_id in active_tenants():
        try:
            with tenant_scope(tenant_id):
                missing += look_after_the_named(database_clock())
        except Exception:
            logger.exception("Looking after an organisation failed.", extra={"tenant": str(tenant_id)})
    return missing


def audit_tick() -> int:
    """Look for what the engine should have done and did not; returns how many findings are open.

    Who is missing and which version is held is not the auditor's to judge: those findings are cleared here,
    as soon as they are mended.
    """
    count = 0
    for tenant_id, findings in audit(clock=database_clock).items():
        with tenant_scope(tenant_id):
            count += clear_mended(findings, database_clock())
    return count
