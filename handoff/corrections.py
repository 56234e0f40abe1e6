"""A lead's data is put right by hand. If the lead then has all that a handoff asks for, it is handed over as
if it had come in now: routed, with running clocks."""

from __future__ import annotations

from handoff.intake import hand_off
from leads import services as leads
from leads.corrections import Correction, correct_lead
from leads.models import Handoff, Lead
from tenants.audit import record_change
from tenants.clock import Clock
from tenants.config import steady_config
from tenants.models import Member, Role
from tenants.roundtrips import travelling_together

#: Whose work the data of leads is, besides the owner of the lead.
_CORRECTS = (Role.ADMIN, Role.MARKETING, Role.MANAGER)


def may_correct(lead: Lead, member: Member) -> bool:
    """May this member, who may see the lead, put its data right?"""
    return member.role in _CORRECTS or (lead.owner_id is not None and lead.owner_id == member.id)


def correct(
    *, lead: Lead, correction: Correction, actor: str, clock: Clock, role: str = ""
) -> Handoff | None:
    """Put a lead's data right and judge it again; gives back the handoff that this opened, if any.

    role: of the member who does it; "" for a program, whose key may change accounts anyway. A rep may say
          which company the lead belongs to and fill in what is not known of it; what its account says
          already is marketing's and the managers', as on the pages of accounts.

    In the caller's transaction. The record names the fields and not what was in them. Raises
    ValidationFailed, Conflict and StaleVersion (`leads.corrections.correct_lead`).
    """
    with steady_config(), travelling_together():
        arrival = correct_lead(lead, correction, now=clock(), clock=clock, fills_only=role == Role.REP)
        opened, _, _ = hand_off([arrival], {}, actor=actor)
        handoff = opened.get(lead.id)
        if arrival.handoff is not None:
            leads.mark_dirty([arrival.handoff.id], arrival.at)
        record_change(
            actor=actor,
            action="lead.correct",
            object_type="lead",
            object_id=lead.id,
            after={"fields": correction.names, "handed_over": handoff is not None},
            now=arrival.at,
        )
    return handoff
