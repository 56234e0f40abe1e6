"""What the engine does about outcomes: campaigns are judged, and the survey is opened."""

from __future__ import annotations

import logging

from reporting.outcomes.campaigns import tell_verdicts
from reporting.outcomes.survey import ask_quarterly
from tenants.clock import Clock
from tenants.context import tenant_scope
from tenants.models import Tenant
from tenants.selectors import active_tenants

logger = logging.getLogger(__name__)


def watch(*, clock: Clock) -> int:
    """Look at every active organisation; how many messages began. One that raises stops no other."""
    told = 0
    for tenant_id in active_tenants():
        try:
            with tenant_scope(tenant_id):
                now = clock()
                told += tell_verdicts(now)
                told += ask_quarterly(tenant=Tenant.objects.get(id=tenant_id), now=now)
        except Exception:
            logger.exception("Outcomes of an organisation failed.", extra={"tenant": str(tenant_id)})
    return told
