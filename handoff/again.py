"""A lead that was rejected wrongly comes back: an MQL again, with a fresh handoff that is routed and timed as
any other.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from core.errors import Conflict
from core.rules import Facts
from handoff import moves, nurture
from leads import services as leads
from leads.criteria import facts_of
from leads.lifecycle import Stage
from leads.models import Engagement, Handoff, Lead
from leads.services import Terms
from sla import services as sla
from tenants.bulk import insert_rows


def open_again(
    *, lead: Lead, rejected: Handoff, exclude: Collection[UUID], actor: str, why: str, now: datetime
) -> Handoff:
    """Open the next handoff of a lead that has none open, for what it did when it was handed over before.

    The caller holds the locks of the lead's handoffs and of the lead. rejected: the handoff that is made
    good: where the lead came from is as it was then. exclude: members who must not get it.
    """
    facts = facts_of(lead, lead.account, _past(lead, rejected), now)
    terms = _terms(facts, lead, now)
    (fresh,) = leads.prepare_handoffs([lead], now=now, terms=terms)
    fresh.source, fresh.campaign, fresh.channel = rejected.source, rejected.campaign, rejected.channel
    leads.move_stage(lead, Stage.MQL, actor=actor, now=now, why=why, handoff=fresh)
    nurtured = nurture.set_apart([fresh])
    if not nurtured:
        with_tier = Facts({**facts.values, "sla.tier": fresh.tier}, facts.engagements, facts.now)
        request = moves.AssignRequest(fresh, facts=with_tier, exclude=exclude)
        moves.assign_new([request], trigger="intake", now=now, actor=actor)
    insert_rows([fresh])
    if nurtured:
        nurture.announce(nurtured, now=now)
    sla.arm_company([fresh])
    leads.mark_dirty([fresh.id], now)
    return fresh


def _past(lead: Lead, rejected: Handoff) -> list[Engagement]:
    """What the lead did since the handoff before the rejected one: what led to that, and what came after."""
    earlier = Handoff.objects.filter(lead=lead, number__lt=rejected.number, closed_at__isnull=False)
    since = earlier.order_by("-closed_at").values_list("closed_at", flat=True).first()
    found = Engagement.objects.filter(lead=lead)
    return list(found.filter(received_at__gte=since) if since else found)


def _terms(facts: Facts, lead: Lead, now: datetime) -> dict[UUID, Terms]:
    """The tier by the policy in force; before one is published there is none, and no clock."""
    try:
        (match,) = sla.match_tiers([facts], at=now)
    except Conflict:
        return {}
    return {lead.id: Terms(match.policy_version_id, match.tier.slug, match.tier.name)}
