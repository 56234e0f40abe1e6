"""The stages after acceptance, up to won, lost or disqualified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from core.errors import FieldError, ValidationFailed
from feedback import services as feedback
from feedback.models import Disposition, Reason
from feedback.reasons import stage_of
from handoff.moves import UNDO_SECONDS
from handoff.services import opportunities
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

#: Stages that are an answer with a reason: its kind, and the answer's.
ANSWERS: dict[Stage, tuple[Reason.Kind, Disposition.Kind]] = {
    Stage.LOST: (Reason.Kind.LOST, Disposition.Kind.LOST),
    Stage.DISQUALIFIED: (Reason.Kind.DISQUALIFIED, Disposition.Kind.DISQUALIFIED),
}
#: The reason of an answer that says why and names none: programs that know no reasons give one so.
UNNAMED = "other"


@transaction.atomic
def move_to_stage(
    *,
    lead_id: UUID,
    to: str,
    why: str,
    reason: str = "",
    actor: Actor,
    clock: Clock,
    answers: Mapping[str, Any] | None = None,
    fields: Mapping[str, Any] | None = None,
    opportunity: Mapping[str, Any] | None = None,
) -> Handoff:
    """Report a later stage: SQL, opportunity, won, lost, disqualified. The last three end the handoff; the
    last two are answers with a reason of their kind, to which `why` is the note. Where none is named and
    something is said, it is UNNAMED.

    answers: to the SQL criteria, by key. fields: what the step asks for and is not known, by name. Of a lead
    that is there already they are kept as well: what was answered last counts.
    opportunity: what is said of the deal, as leads.opportunities.write_opportunity takes it; with
    opportunity, won and lost only (`opportunities.carry`).
    Raises ValidationFailed for another stage, and with each place where the step asks for more
    (`steps.take_step`); StageError where the lifecycle has no such step.
    """
    if to not in LATER_STAGES:
        known = ", ".join(LATER_STAGES)
        hint = "Use accept, reject or nurture for an answer." if to in ("sal", "rejected", "nurture") else ""
        message = f"Use one of: {known}. {hint}".strip()
        raise ValidationFailed(message, field_errors=[FieldError("/to", message, "invalid_choice")])
    stage = Stage(to)
    opportunities.check_carried(stage, opportunity)
    handoff = lock_handoff(lead_id, all_of_lead=bool(fields))
    now = clock()
    check_owner(handoff, actor)
    chosen = _reason(stage, reason, why)
    if handoff.lead.stage != stage and can_move(Stage(handoff.lead.stage), stage):
        take_step(
            handoff, stage, fields=fields or {}, answers=answers or {}, actor=actor, now=now, clock=clock
        )
    elif handoff.lead.stage == stage and (fields or answers):
        add_to_step(
            handoff, stage, fields=fields or {}, answers=answers or {}, actor=actor, now=now, clock=clock
        )
    comes_to = (stage_of(chosen) if chosen else None) or stage
    said = ": ".join(filter(None, (chosen.label if chosen else "", why.strip())))
    moved = leads.move_stage(handoff.lead, comes_to, actor=actor.key, now=now, why=said, handoff=handoff)
    if moved or (opportunity and comes_to == stage):
        tenant = handoff.lead.tenant
        opportunities.carry(handoff, stage, opportunity, tenant=tenant, now=now)
        leads.mark_dirty([handoff.id], now)
    if not moved:
        return handoff
    if chosen is not None:
        feedback.record_disposition(
            handoff=handoff,
            kind=ANSWERS[stage][1],
            actor=actor.key,
            by_id=actor.member.id if actor.member else None,
            reason=chosen,
            note=why,
            now=now,
        )
    if stage in (Stage.SQL, Stage.OPPORTUNITY):
        come_to(handoff, stage, now)
    if stage in CLOSING:
        close_cycle(handoff, CLOSING[stage], now)
    delay = UNDO_SECONDS if chosen is not None else 0
    tell(handoff, "lead.stage_changed", now, delay=delay, stage=str(stage))
    return handoff


def _reason(stage: Stage, slug: str, why: str) -> Reason | None:
    """The reason of a stage that needs one. Raises ValidationFailed at /reason or /why."""
    if stage in ANSWERS:
        named = slug or (UNNAMED if why.strip() else "")
        return feedback.choose_reason(kind=ANSWERS[stage][0], slug=named, note=why, note_at="/why")
    if slug:
        text = "Only lost and disqualified have reasons."
        raise ValidationFailed.at("/reason", text, "not_of_this_stage")
    if stage in CLOSING and not why.strip():
        raise ValidationFailed(
            "Say why.", field_errors=[FieldError("/why", "Say why in a few words.", "required")]
        )
    return None


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
