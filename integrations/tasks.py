"""What the engine does for drills at each tick. Called by name from settings.ENGINE_TICKS."""

from __future__ import annotations

import logging

from integrations.drill.services import carry_on, tenants_with_drills
from tenants.clock import database_clock

logger = logging.getLogger(__name__)


def drill_tick() -> int:
    """Take every drill one step on; returns how many there were.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    count = 0
    for tenant_id in tenants_with_drills(database_clock()):
        try:
            count += carry_on(tenant_id)
        except Exception:
            logger.exception("A drill could not be taken on.", extra={"tenant": str(tenant_id)})
    return count
