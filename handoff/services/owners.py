"""Another owner, by hand: the owner gives the lead on, a manager moves it, the rules are asked again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from core.errors import Conflict, FieldError, NotOwner, ValidationFailed
from handoff import limits, moves, nurture, words
from handoff.selectors import claims
from handoff.services.acting import Actor, check_owner, lock_handoff
from leads.models import Assignment, Handoff
from routing.decide import WAITS_FOR_CLAIM
from tenants.audit import record_change
from tenants.clock import Clock
from tenants.models import RepProfile


@transaction.atomic
def hand_over(
    *, lead_id: UUID, why: str, actor: Actor, clock: Clock, to: UUID | None = None
) -> moves.MoveResult:
    """The owner gives the lead on: to a person, or to the next in the pool where `to` is None. Needs a
    reason."""
    return _move(lead_id, why, Assignment.EndReason.HAND_OVER, actor, clock, to)


@transaction.atomic
def reassign_lead(
    *, lead_id: UUID, why: str, actor: Actor, clock: Clock, to: UUID | None = None
) -> moves.MoveResult:
    """A manager moves the lead, also one that nobody owns. Needs a reason; caps do not bind a person's own
    choice."""
    if not actor.oversees:
        raise NotOwner("Only a manager may reassign a lead.")
    return _move(lead_id, why, Assignment.EndReason.REASSIGNED, actor, clock, to)


@transaction.atomic
def try_again(*, lead_id: UUID, actor: Actor, clock: Clock) -> moves.MoveResult:
    """Ask the rules once more about a lead that nobody owns. Raises Conflict where somebody has it by now,
    and where a nurture sequence answers it.
    """
    if not actor.oversees:
        raise NotOwner("Only a manager may assign a lead.")
    handoff = lock_handoff(lead_id)
    if handoff.owner is not None:
        raise Conflict(f"{handoff.owner.name} has this lead by now.")
    if nurture.is_nurtured(handoff):
        raise Conflict("A nurture sequence answers this lead: give it to a person by name.")
    now = clock()
    (result,) = moves.assign_new([moves.AssignRequest(handoff)], trigger="drain", now=now, actor=actor.key)
    record_change(
        actor=actor.key,
        action="tried_again",
        object_type="handoff",
        object_id=handoff.id,
        before={"owner": None},
        after={
            "owner": str(result.new_member_id) if result.new_member_id else None,
            "reason": result.reason,
        },
        now=now,
    )
    return result


@transaction.atomic
def claim_lead(*, lead_id: UUID, actor: Actor, clock: Clock) -> moves.MoveResult:
    """Take a lead that its pool puts up to be claimed: whoever comes first has it.

    Raises Conflict where it is somebody's by now, is not put up, or the person is away or full; NotOwner for
    somebody outside of the pool, and for a program that names nobody.
    """
    if actor.member is None:
        raise ValidationFailed.at("/by", "Say who claims it.", "required")
    handoff = lock_handoff(lead_id)
    now = clock()
    if handoff.owner is not None:
        theirs = handoff.owner_id == actor.member.id
        raise Conflict("It is yours by now." if theirs else f"{handoff.owner.name} claimed it before you.")
    if handoff.unrouted_reason != WAITS_FOR_CLAIM:
        raise Conflict("This lead is not put up to be claimed.")
    if not claims.may_claim(handoff_id=handoff.id, member_id=actor.member.id):
        raise NotOwner("Only somebody of its pool may claim this lead.")
    request = moves.MoveRequest(
        handoff=handoff,
        end_reason=Assignment.EndReason.REASSIGNED,
        to_member_id=actor.member.id,
        claimed=True,
    )
    (result,) = moves.reassign([request], now=now, actor=actor.key)
    if result.new_member_id is None:
        raise Conflict(
            f"You cannot claim it now: {words.lower_first(words.say(words.REASONS, result.reason))}."
        )
    record_move(handoff, None, result, "claimed", actor, now)
    return result


def _move(
    lead_id: UUID, why: str, end_reason: Assignment.EndReason, actor: Actor, clock: Clock, to: UUID | None
) -> moves.MoveResult:
    if not why.strip():
        raise ValidationFailed(
            "Say why.", field_errors=[FieldError("/why", "Say why in a few words.", "required")]
        )
    handoff = lock_handoff(lead_id)
    now = clock()
    check_owner(handoff, actor)
    before = handoff.owner_id
    if to is not None:
        _check_receiver(to, before)
    else:
        nurture.check_for_people(handoff, "/to")
    (result,) = moves.reassign(
        [
            moves.MoveRequest(
                handoff=handoff, end_reason=end_reason, why=why.strip()[: limits.MOVE_WHY], to_member_id=to
            )
        ],
        now=now,
        actor=actor.key,
    )
    record_move(handoff, before, result, end_reason, actor, now)
    return result


def record_move(
    handoff: Handoff,
    before: UUID | None,
    result: moves.MoveResult,
    why: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Audit that somebody had the lead moved; nothing where it stayed."""
    if result.new_member_id == before:
        return
    record_change(
        actor=actor.key,
        action=str(why),
        object_type="handoff",
        object_id=handoff.id,
        before={"owner": str(before) if before else None},
        after={"owner": str(result.new_member_id) if result.new_member_id else None},
        now=now,
    )


def _check_receiver(to: UUID, owner_id: UUID | None) -> None:
    """Only somebody active who takes leads may be given one."""
    if to == owner_id:
        message = "This lead belongs to that person already."
        raise ValidationFailed(message, field_errors=[FieldError("/to", message, "same")])
    if not RepProfile.objects.filter(member_id=to, member__is_active=True).exists():
        message = "Choose somebody active who takes leads."
        raise ValidationFailed(message, field_errors=[FieldError("/to", message, "invalid_choice")])
