"""What the engine does for reviews: opens those of the month and the quarter, and reminds of those that are
over and not closed."""

from __future__ import annotations

import logging

from reporting.reviews.services import open_reviews, remind
from tenants.clock import Clock
from tenants.context import current_tenant_id, tenant_scope
from tenants.models import Tenant
from tenants.selectors import active_tenants

logger = logging.getLogger(__name__)


def watch(*, clock: Clock) -> int:
    """Look at every active organisation; how many reviews were opened or reminded of. One that raises does
    not stop the others."""
    done = 0
    for tenant_id in active_tenants():
        try:
            with tenant_scope(tenant_id):
                tenant, now = Tenant.objects.get(id=current_tenant_id()), clock()
                done += open_reviews(tenant=tenant, now=now) + remind(tenant=tenant, now=now)
        except Exception:
            logger.exception("Watching reviews failed.", extra={"tenant": str(tenant_id)})
    return done
