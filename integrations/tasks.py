"""What the engine does for drills at each tick. Called by name from settings.ENGINE_TICKS."""

from __future__ import annotations

import logging

from integrations.drill.services import look_on, send_on, tenants_with_drills
from tenants.clock import database_clock

logger = logging.getLogger(__name__)


def drill_tick() -> int:
    """Take every drill one step on; returns how many steps that were.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    waiting, count = tenants_with_drills(database_clock()), 0
    for step in (look_on, send_on):
        for tenant_id in waiting:
            try:
                count += step(tenant_id)
            except Exception:
                logger.exception("A drill could not be taken on.", extra={"tenant": str(tenant_id)})
    return count
