"""The stages after acceptance, up to won, lost or disqualified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from core.errors import FieldError, ValidationFailed
from handoff.services.acting import Actor, check_owner, lock_handoff
from handoff.services.cycle import close_cycle, come_to, tell
from handoff.services.steps import add_to_step, take_step
from leads import services as leads
from leads.lifecycle import Stage, can_move
from leads.models import DataWait, Handoff, Lead
from tenants.clock import Clock

# Stages that `move_to_stage` may be asked for; the others have a call of their own.
LATER_STAGES = (Stage.SQL, Stage.OPPORTUNITY, Stage.WON, Stage.LOST, Stage.DISQUALIFIED)

#: Stages that end the handoff, and how it ended then.
CLOSING: dict[Stage, Handoff.Outcome] = {
    Stage.WON: Handoff.Outcome.WON,
    Stage.LOST: Handoff.Outcome.LOST,
    Stage.DISQUALIFIED: Handoff.Outcome.DISQUALIFIED,
}


@transaction.atomic
def move_to_stage(
    *,
    lead_id: UUID,
    to: str,
    why: str,
    actor: Actor,
    clock: Clock,
    answers: Mapping[str, Any] | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Handoff:
    """Report a later stage: SQL, opportunity, won, lost, disqualified. The last three end the handoff.

    answers: to the SQL criteria, by key. fields: what the step asks for and is not known, by name. Of a lead
    that is there already they are kept as well: what was answered last counts.
    Raises ValidationFailed for another stage, and with each place where the step asks for more
    (`steps.take_step`); StageError where the lifecycle has no such step.
    """
    if to not in LATER_STAGES:
        known = ", ".join(LATER_STAGES)
        hint = "Use accept, reject or nurture for an answer." if to in ("sal", "rejected", "nurture") else ""
        message = f"Use one of: {known}. {hint}".strip()
        raise ValidationFailed(message, field_errors=[FieldError("/to", message, "invalid_choice")])
    stage = Stage(to)
    handoff = lock_handoff(lead_id, all_of_lead=bool(fields))
    now = clock()
    check_owner(handoff, actor)
    if stage in CLOSING and not why.strip():
        raise ValidationFailed(
            "Say why.", field_errors=[FieldError("/why", "Say why in a few words.", "required")]
        )
    if handoff.lead.stage != stage and can_move(Stage(handoff.lead.stage), stage):
        take_step(
            handoff, stage, fields=fields or {}, answers=answers or {}, actor=actor, now=now, clock=clock
        )
    elif handoff.lead.stage == stage and (fields or answers):
        add_to_step(
            handoff, stage, fields=fields or {}, answers=answers or {}, actor=actor, now=now, clock=clock
        )
    moved = leads.move_stage(handoff.lead, stage, actor=actor.key, now=now, why=why, handoff=handoff)
    if not moved:
        return handoff
    if stage in (Stage.SQL, Stage.OPPORTUNITY):
        come_to(handoff, stage, now)
    if stage in CLOSING:
        close_cycle(handoff, CLOSING[stage], now)
    tell(handoff, "lead.stage_changed", now, stage=str(stage))
    leads.mark_dirty([handoff.id], now)
    return handoff


@transaction.atomic
def end_test(*, lead_id: UUID, why: str, clock: Clock) -> None:
    """Take a test lead out of everybody's way, whatever sales owes at that step: its handoff ends, or what it
    waits for before one. Nobody is told. Where it has ended already, nothing happens.
    """
    # As everywhere: the handoffs, and then their lead.
    locked = Handoff.objects.select_for_update(of=("self",)).filter(lead_id=lead_id).order_by("id")
    handoff = next((each for each in locked if each.state == Handoff.State.OPEN), None)
    lead = Lead.objects.select_for_update(of=("self",), no_key=True).get(id=lead_id, is_test=True)
    now = clock()
    waits = DataWait.objects.filter(lead_id=lead_id, ended_at__isnull=True)
    waits.update(ended_at=now, outcome=DataWait.Outcome.NOT_QUALIFIED)
    if can_move(Stage(lead.stage), Stage.DISQUALIFIED):
        leads.move_stage(lead, Stage.DISQUALIFIED, actor="engine", now=now, why=why, handoff=handoff)
    if handoff is not None:
        close_cycle(handoff, Handoff.Outcome.DISQUALIFIED, now)
        leads.mark_dirty([handoff.id], now)
