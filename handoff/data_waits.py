"""Leads that the engine looks at again: held for enrichment until their time is up, or their account says
more by now. Each is judged as if it had been corrected, and handed over if nothing keeps it.

Any number of engines may do this at once. A lead is one transaction, under a lock of its own that is never
waited for; what became of it is written with what was done, so a worker that dies has done nothing, and
nothing is done twice.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from handoff.intake import hand_off
from leads.corrections import Correction, correct_lead
from leads.models import DataWait, Handoff, Lead
from tenants.clock import Clock
from tenants.config import steady_config
from tenants.context import tenant_scope
from tenants.roundtrips import travelling_together

logger = logging.getLogger(__name__)

ACTOR: Final = "engine"
#: Leads that one turn of one organisation looks at; the rest waits for the next tick.
TURN: Final = 200
#: How long a lead that could not be looked at is left alone.
POSTPONED: Final = timedelta(minutes=5)
_NOTHING: Final = Correction({}, {})


def tenants_with_due_data(now: datetime) -> list[UUID]:
    """Organisations with a lead to look at; by the resolver, before any tenant is set."""
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from tenants_with_due_data(%s)", [now])
        return [row[0] for row in cursor.fetchall()]


def look_again(tenant_id: UUID, *, clock: Clock) -> int:
    """Look at the leads whose time has come; how many were handed over. One that raises is put off, and the
    others go on."""
    with tenant_scope(tenant_id):
        due = DataWait.objects.filter(ended_at__isnull=True, due_at__lte=clock())
        ids = list(due.order_by("due_at", "id").values_list("id", flat=True)[:TURN])
    handed_over = 0
    for wait_id in ids:
        try:
            with tenant_scope(tenant_id):
                handed_over += look_at(wait_id, clock=clock)
        except Exception:
            logger.exception("Looking at a lead again failed.", extra={"data_wait": str(wait_id)})
            with tenant_scope(tenant_id):
                DataWait.objects.filter(id=wait_id).update(due_at=clock() + POSTPONED)
    return handed_over


def look_at(wait_id: UUID, *, clock: Clock) -> bool:
    """Look at one lead, in the caller's transaction; whether it was handed over. Nothing where another engine
    is at it, or was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_try_advisory_xact_lock(hashtext('data_wait'), hashtext(%s))", [str(wait_id)]
        )
        if not cursor.fetchone()[0]:
            return False
    wait = DataWait.objects.select_related("lead__account").filter(id=wait_id, ended_at__isnull=True).first()
    if wait is None:
        return False
    handoff = _judge_again(wait.lead, clock=clock)
    wait.refresh_from_db()
    if wait.ended_at is None:  # not by the readiness of the lead, which ends what expires
        wait.ended_at = clock()
        wait.outcome = _outcome(wait, handoff)
        wait.save(update_fields=["ended_at", "outcome"])
    return handoff is not None


def _judge_again(lead: Lead, *, clock: Clock) -> Handoff | None:
    """Judge a lead by what is known of it now; the handoff that this opened, if any."""
    with steady_config(), travelling_together():
        arrival = correct_lead(lead, _NOTHING, now=clock(), clock=clock)
        opened, _, _ = hand_off([arrival], {}, actor=ACTOR)
    return opened.get(lead.id)


def _outcome(wait: DataWait, handoff: Handoff | None) -> str:
    if wait.kind == DataWait.Kind.ACCOUNT:
        return DataWait.Outcome.LOOKED_AT
    if handoff is not None or Handoff.objects.filter(lead_id=wait.lead_id, number=wait.number).exists():
        return DataWait.Outcome.COMPLETE
    return DataWait.Outcome.NOT_QUALIFIED
