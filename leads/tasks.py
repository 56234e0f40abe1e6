"""What the engine does for leads and accounts by themselves. Called by name from settings.ENGINE_TICKS."""

from __future__ import annotations

import logging

from leads.account_compare import compare_accounts, tenants_with_names_to_compare
from leads.source_alarms import watch_sources_daily
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.selectors import active_tenants

logger = logging.getLogger(__name__)


def watch_sources_tick() -> int:
    """Look whether the data of a source became worse, once a day for each organisation; how many
    episodes began.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    began = 0
    for tenant_id in active_tenants():
        try:
            with tenant_scope(tenant_id):
                began += watch_sources_daily(database_clock())
        except Exception:
            logger.exception("Watching an organisation's sources failed.", extra={"tenant": str(tenant_id)})
    return began


def compare_accounts_tick() -> int:
    """Compare names of accounts that are new or changed; how many were.

    An organisation whose turn raises is left for the next tick, and the others go on.
    """
    compared = 0
    for tenant_id in tenants_with_names_to_compare():
        try:
            compared += compare_accounts(tenant_id, now=database_clock())
        except Exception:
            logger.exception("Comparing accounts failed.", extra={"tenant": str(tenant_id)})
    return compared
