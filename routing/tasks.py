"""What the engine does for routing unattended."""

from __future__ import annotations

import logging

from routing.decisions import forget_old
from tenants.clock import database_clock
from tenants.selectors import active_tenants

logger = logging.getLogger(__name__)


def forget_decisions_tick() -> int:
    """Remove decisions that have been kept long enough; how many went.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    removed = 0
    for tenant_id in active_tenants():
        try:
            removed += forget_old(tenant_id, now=database_clock())
        except Exception:
            logger.exception("Forgetting old decisions failed.", extra={"tenant": str(tenant_id)})
    return removed
