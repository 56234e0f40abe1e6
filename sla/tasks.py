"""What the engine does for clocks beside the sweep. Called by name from settings.ENGINE_TICKS."""

from __future__ import annotations

import logging

from sla.moving import carry_on, tenants_with_clock_moves

logger = logging.getLogger(__name__)


def move_clocks_tick() -> int:
    """Go on with orders to move clocks to another version; returns how many moved.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    moved = 0
    for tenant_id in tenants_with_clock_moves():
        try:
            moved += carry_on(tenant_id)
        except Exception:
            logger.exception("Moving an organisation's clocks failed.", extra={"tenant": str(tenant_id)})
    return moved
