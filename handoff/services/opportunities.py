"""Deals of leads as people and programs report them, under the locks of their handoffs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from core.errors import Conflict, NotFound, NotOwner, ValidationFailed
from handoff.services.acting import Actor
from leads import opportunities
from leads.dirty import mark_dirty
from leads.lifecycle import Stage
from leads.models import Handoff, Lead, Opportunity
from tenants.clock import Clock
from tenants.models import Tenant

#: Stages whose report may say something of the deal.
CARRYING: Final = (Stage.OPPORTUNITY, Stage.WON, Stage.LOST)


def save_opportunity(
    *,
    tenant: Tenant,
    lead_id: UUID,
    said: Mapping[str, Any],
    actor: Actor,
    clock: Clock,
    opportunity_id: UUID | None = None,
) -> tuple[Opportunity, bool]:
    """Make or change an opportunity of a lead (leads.opportunities.write_opportunity); True where it is new.
    It comes of the lead's last handoff, be that closed. The lead's stage is not moved by it.

    Raises NotFound; NotOwner where a rep has neither the lead nor the deal; ValidationFailed; Conflict.
    """
    try:
        with transaction.atomic():
            locked = Handoff.objects.select_for_update(of=("self",)).filter(lead_id=lead_id).order_by("id")
            handoffs = sorted(locked, key=lambda each: each.number)
            lead = Lead.objects.select_for_update(of=("self",), no_key=True).filter(id=lead_id).first()
            if lead is None:
                raise NotFound("There is no such lead.")
            present = None
            if opportunity_id is not None:
                present = opportunities.get_opportunity(lead_id=lead_id, opportunity_id=opportunity_id)
            last = handoffs[-1] if handoffs else None
            check_may(actor, lead, last, present)
            now = clock()
            saved, is_new = opportunities.write_opportunity(
                tenant=tenant, lead=lead, handoff=last, said=said, now=now, present=present
            )
            if saved.handoff_id is not None:
                mark_dirty([saved.handoff_id], now)
            return saved, is_new
    except IntegrityError as error:
        # Two calls of two leads named the same outside id at once.
        if "opportunity_external_id_once" in str(error):
            raise Conflict("Another opportunity has this external id.") from error
        raise


def may_write(actor: Actor, lead: Lead, last: Handoff | None, present: Opportunity | None = None) -> bool:
    """Whoever oversees, and who owns the lead, its last handoff or the deal."""
    if actor.oversees:
        return True
    owners = {lead.owner_id, last.owner_id if last else None, present.owner_id if present else None}
    return actor.member is not None and actor.member.id in owners


def check_may(actor: Actor, lead: Lead, last: Handoff | None, present: Opportunity | None) -> None:
    if not may_write(actor, lead, last, present):
        raise NotOwner("This lead and its deals belong to somebody else.")


def check_carried(stage: Stage, said: Mapping[str, Any] | None) -> None:
    """Raises ValidationFailed at /opportunity where a stage has no deal."""
    if said and stage not in CARRYING:
        text = "Only opportunity, won and lost say something of a deal."
        raise ValidationFailed.at("/opportunity", text, "not_of_this_stage")


def carry(
    handoff: Handoff, stage: Stage, said: Mapping[str, Any] | None, *, tenant: Tenant, now: datetime
) -> None:
    """What the report of a stage says of the deal. The handoff's locks are held.

    Opportunity, with something said: the open deal that was opened last, or a new one. Won: that deal is won;
    without one, a new one where something is said. Lost: every open deal of the handoff is lost.
    """
    if stage not in CARRYING:
        return
    opened = list(
        Opportunity.objects.select_for_update(of=("self",))
        .filter(handoff_id=handoff.id, outcome="")
        .order_by("-opened_at", "-id")
    )
    outcome = "" if stage == Stage.OPPORTUNITY else str(stage)
    told = {**(said or {}), **({"outcome": outcome} if outcome else {})}
    if stage == Stage.LOST:
        for place, each in enumerate(opened):
            own = told if place == 0 else {"outcome": outcome}
            _write(handoff, own, each, tenant=tenant, now=now)
    if said and not opened:
        _write(handoff, told, None, tenant=tenant, now=now)
    elif opened and stage != Stage.LOST and (said or outcome):
        _write(handoff, told, opened[0], tenant=tenant, now=now)


def take_back(handoff: Handoff, *, lost_at: datetime, now: datetime) -> None:
    """Open the deals again that were lost with the lead at that moment, expected when they first were."""
    Opportunity.objects.filter(handoff_id=handoff.id, outcome="lost", closed_at=lost_at).update(
        outcome="", closed_at=None, close_date=F("first_close_date"), updated_at=now
    )


def _write(
    handoff: Handoff, said: Mapping[str, Any], present: Opportunity | None, *, tenant: Tenant, now: datetime
) -> None:
    opportunities.write_opportunity(
        tenant=tenant,
        lead=handoff.lead,
        handoff=handoff,
        said=said,
        now=now,
        present=present,
        path="/opportunity",
    )
