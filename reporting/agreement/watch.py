"""What the engine does for agreements: notices that something else is configured than was signed, and that a
quarter is over; tells each once."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from reporting.agreement import messages
from reporting.agreement.gather import due_day, present_terms
from reporting.agreement.models import Agreement
from reporting.agreement.selectors import settings_row, signers_of
from tenants.clock import Clock
from tenants.context import current_tenant_id, tenant_scope
from tenants.models import Tenant
from tenants.selectors import active_tenants

logger = logging.getLogger(__name__)


def watch(*, clock: Clock) -> int:
    """Look at every active organisation; how many messages were caused. One that raises does not stop the
    others."""
    told = 0
    for tenant_id in active_tenants():
        try:
            with tenant_scope(tenant_id):
                told += watch_tenant(now=clock())
        except Exception:
            logger.exception("Watching an agreement failed.", extra={"tenant": str(tenant_id)})
    return told


def watch_tenant(*, now: datetime) -> int:
    """Look at the agreement in force of the organisation in scope. One query where there is none."""
    found = Agreement.objects.filter(state=Agreement.State.IN_FORCE)
    agreement = found.select_for_update(of=("self",), skip_locked=True).first()
    if agreement is None:
        return 0
    tenant = Tenant.objects.get(id=current_tenant_id())
    return _look_for_changes(agreement, tenant, now) + _look_at_date(agreement, tenant, now)


def _look_for_changes(agreement: Agreement, tenant: Tenant, now: datetime) -> int:
    present = present_terms(tenant, now).terms
    digest = present.digest
    different = "" if agreement.promises(present, now) else digest
    if different == agreement.changed_digest:
        return 0
    agreement.changed_digest = different
    agreement.changed_at = (agreement.changed_at or now) if different else None
    agreement.save(update_fields=["changed_digest", "changed_at"])
    if not different:
        return 0
    messages.tell_changed(agreement, digest, _signing(), now=now)
    return 1


def _look_at_date(agreement: Agreement, tenant: Tenant, now: datetime) -> int:
    due = due_day(agreement, tenant)
    today = now.astimezone(ZoneInfo(tenant.time_zone)).date()
    if today < due or agreement.reminded_on == due:
        return 0
    agreement.reminded_on = due
    agreement.save(update_fields=["reminded_on"])
    messages.remind(agreement, due, _signing(), now=now)
    return 1


def _signing() -> list[UUID]:
    """Everybody active who may sign for a side."""
    sides = signers_of(settings_row()).values()
    return [member.id for each in sides for member in each.people if member.is_active]
