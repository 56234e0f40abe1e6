"""What the engine does for leads and accounts unattended."""

from __future__ import annotations

import logging

from leads.account_compare import compare_accounts
from tenants.clock import database_clock
from tenants.selectors import active_tenants

logger = logging.getLogger(__name__)


def compare_accounts_tick() -> int:
    """Compare names of accounts that are new or changed; how many were.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    compared = 0
    for tenant_id in active_tenants():
        try:
            compared += compare_accounts(tenant_id, now=database_clock())
        except Exception:
            logger.exception("Comparing accounts failed.", extra={"tenant": str(tenant_id)})
    return compared
