"""What sales decides: accepted, rejected with a reason, or sent to nurture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core.errors import AlreadyDecided, Conflict, FieldError, NotOwner, ValidationFailed
from feedback import services as feedback
from feedback.models import Disposition, Reason
from feedback.reasons import stage_of
from handoff import limits, moves, nurture, words
from handoff.attempts import NO_RESPONSE, check_attempts_made
from handoff.moves import UNDO_SECONDS
from handoff.services.acting import Actor, check_owner, check_undo, lock_handoff
from handoff.services.cycle import close_cycle, come_to, tell
from handoff.services.owners import record_move
from handoff.services.steps import take_step
from leads import services as leads
from leads.lifecycle import Stage
from leads.models import Assignment, Handoff
from notifications import outbox
from routing import services as routing
from routing.models import Decision
from sla import services as sla
from sla.targets import answered_by, begun_by
from tenants.clock import Clock


@dataclass(frozen=True, slots=True)
class Rejected:
    """How a rejection ended: "rejected", or "rerouted" to `new_owner_id` for a reason that is routing's."""

    outcome: str
    new_owner_id: UUID | None = None


@transaction.atomic
def accept_lead(
    *, lead_id: UUID, actor: Actor, clock: Clock, fields: Mapping[str, Any] | None = None
) -> Handoff:
    """Sales takes the lead: the decision target is met at this moment, the lead is a SAL.

    fields: what must be known at that step and is not, by name. Raises ValidationFailed at /fields/<name> for
    what is still missing; NotOwner after a reassignment, AlreadyDecided the second time.
    """
    handoff = lock_handoff(lead_id, all_of_lead=bool(fields))
    now = clock()
    check_owner(handoff, actor)
    if handoff.owner_id is None:
        raise NotOwner("Nobody owns this lead now: assign it first.")
    if handoff.accepted_at is not None:
        raise AlreadyDecided(
            f"This lead was accepted before, on {words.moment(handoff.accepted_at)}.", outcome="accepted"
        )
    take_step(handoff, Stage.SAL, fields=fields or {}, answers={}, actor=actor, now=now, clock=clock)
    by_id = actor.member.id if actor.member else None
    feedback.record_disposition(
        handoff=handoff, kind=Disposition.Kind.ACCEPTED, actor=actor.key, by_id=by_id, now=now
    )
    leads.move_stage(handoff.lead, Stage.SAL, actor=actor.key, now=now, handoff=handoff)
    come_to(handoff, Stage.SAL, now)
    tell(handoff, "lead.accepted", now, delay=UNDO_SECONDS)
    leads.mark_dirty([handoff.id], now)
    return handoff


@transaction.atomic
def undo_accept(*, lead_id: UUID, actor: Actor, clock: Clock) -> Handoff:
    """Take an acceptance back within 10 s: recorded, and the decision clock goes on as if it had never
    stopped."""
    handoff = lock_handoff(lead_id)
    now = clock()
    check_owner(handoff, actor)
    if handoff.accepted_at is None:
        raise Conflict("This lead has not been accepted.")
    check_undo(handoff.accepted_at, now)
    feedback.undo_disposition(handoff=handoff, kind=Disposition.Kind.ACCEPTED, now=now)
    handoff.accepted_at = None
    handoff.save(update_fields=["accepted_at"])
    leads.move_stage(
        handoff.lead, Stage.MQL, actor=actor.key, now=now, handoff=handoff, why="Acceptance undone"
    )
    sla.unbegin(handoff, begun_by(Stage.SAL), now=now)
    for target in answered_by(Stage.SAL):
        sla.rejudge(handoff, target, answers=(), now=now)
    outbox.expire([f"handoff:{handoff.id}"], now=now, kinds={"lead.accepted"})
    leads.mark_dirty([handoff.id], now)
    return handoff


@transaction.atomic
def reject_lead(*, lead_id: UUID, reason: str, note: str = "", actor: Actor, clock: Clock) -> Rejected:
    """Sales refuses the lead, with a reason. A reason that is routing's moves the lead on instead.

    Raises ValidationFailed without a reason (or a note where the reason needs one), and for a reason that is
    routing's while a nurture sequence has the lead and nobody owns it; NotOwner, AlreadyDecided.
    """
    handoff = lock_handoff(lead_id)
    now = clock()
    check_owner(handoff, actor)
    if handoff.accepted_at is not None:
        raise AlreadyDecided(
            "This lead was accepted: send it to nurture or mark it disqualified instead.", outcome="accepted"
        )
    chosen = feedback.choose_reason(kind=Reason.Kind.REJECT, slug=reason, note=note)
    if chosen.side == Reason.Side.ROUTING:
        nurture.check_for_people(handoff, "/reason")
        return _reroute(handoff, chosen, note, actor, now)
    by_id = actor.member.id if actor.member else None
    feedback.record_disposition(
        handoff=handoff,
        kind=Disposition.Kind.REJECTED,
        actor=actor.key,
        by_id=by_id,
        reason=chosen,
        note=note,
        now=now,
    )
    leads.move_stage(
        handoff.lead,
        stage_of(chosen) or Stage.REJECTED,
        actor=actor.key,
        now=now,
        handoff=handoff,
        why=chosen.label,
    )
    if chosen.earns_credit and handoff.owner_id is not None:
        _give_turn_back(handoff.id, handoff.owner_id)
    close_cycle(handoff, Handoff.Outcome.REJECTED, now)
    tell(handoff, "lead.rejected", now, delay=UNDO_SECONDS, reason=chosen.slug)
    return Rejected("rejected")


def _give_turn_back(handoff_id: UUID, member_id: UUID) -> None:
    """The lead was no lead: its turn in the rotation does not count for whoever got it."""
    pool_id = turn_of(handoff_id, member_id)
    if pool_id is not None:
        routing.give_credit(member_id=member_id, pool_id=pool_id)


def turn_of(handoff_id: UUID, member_id: UUID) -> UUID | None:
    """The pool in whose rotation somebody got a handoff; None where it was no pool's turn."""
    decision = Decision.objects.filter(handoff_id=handoff_id, member_id=member_id).order_by("-at").first()
    return decision.pool_id if decision is not None else None


def _reroute(handoff: Handoff, reason: Reason, note: str, actor: Actor, now: datetime) -> Rejected:
    before = handoff.owner_id
    why = f"{reason.label}: {note.strip()}" if note.strip() else reason.label
    (result,) = moves.reassign(
        [
            moves.MoveRequest(
                handoff=handoff, end_reason=Assignment.EndReason.REROUTED, why=why[: limits.MOVE_WHY]
            )
        ],
        now=now,
        actor=actor.key,
    )
    record_move(handoff, before, result, Assignment.EndReason.REROUTED, actor, now)
    return Rejected("rerouted", result.new_member_id)


@transaction.atomic
def nurture_lead(
    *, lead_id: UUID, reason: str, until: date | None = None, note: str = "", actor: Actor, clock: Clock
) -> Handoff:
    """Not now: the lead goes back to marketing and the handoff ends; a return to MQL opens a new one.

    Raises ValidationFailed without a reason, for "no response" while the tier asks for more attempts, or with
    a day that has gone; NotOwner, AlreadyDecided.
    """
    handoff = lock_handoff(lead_id)
    now = clock()
    check_owner(handoff, actor)
    chosen = feedback.choose_reason(kind=Reason.Kind.NURTURE, slug=reason, note=note)
    if chosen.slug == NO_RESPONSE:
        check_attempts_made(handoff)
    if until is not None and until <= timezone.localdate(now):
        message = "Choose a day to come: on it the lead is looked at again."
        raise ValidationFailed(message, field_errors=[FieldError("/until", message, "past")])
    by_id = actor.member.id if actor.member else None
    feedback.record_disposition(
        handoff=handoff,
        kind=Disposition.Kind.NURTURE,
        actor=actor.key,
        by_id=by_id,
        reason=chosen,
        note=note,
        until=until,
        now=now,
    )
    leads.move_stage(handoff.lead, Stage.NURTURE, actor=actor.key, now=now, handoff=handoff, why=chosen.label)
    close_cycle(handoff, Handoff.Outcome.NURTURE, now)
    tell(handoff, "lead.nurture", now, delay=UNDO_SECONDS, reason=chosen.slug)
    return handoff


@transaction.atomic
def report_progress(*, lead_id: UUID, note: str = "", actor: Actor, clock: Clock) -> Disposition:
    """Contacted, progressing: an answer that marketing hears and that closes nothing. It may be given as
    often as there is something to say, and meets no promise. Raises ValidationFailed at /note, NotOwner,
    AlreadyDecided.
    """
    handoff = lock_handoff(lead_id)
    now = clock()
    check_owner(handoff, actor)
    if len(note) > limits.ANSWER_NOTE:
        raise ValidationFailed.at("/note", f"At most {limits.ANSWER_NOTE:,} characters.", "max_length")
    said = feedback.record_disposition(
        handoff=handoff,
        kind=Disposition.Kind.PROGRESSING,
        actor=actor.key,
        by_id=actor.member.id if actor.member else None,
        note=note,
        now=now,
    )
    leads.mark_worked([handoff], now)
    leads.mark_dirty([handoff.id], now)
    tell(handoff, "lead.progressing", now, delay=UNDO_SECONDS)
    return said
