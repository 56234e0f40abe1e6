"""What people and programs do with a lead that was handed over: one function per thing that can happen.

Each is one transaction of the tenant in scope. It takes the handoff's lock first and reads the clock second,
so that an answer at or before the deadline is in time whatever a sweep does meanwhile. The next steps are
called by name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from core.errors import AlreadyDecided, Conflict, FieldError, NotFound, NotOwner, ValidationFailed
from feedback import services as feedback
from feedback.models import Disposition, Reason
from handoff import limits, moves, words
from handoff.attempts import NO_RESPONSE, check_attempts_made, settle_attempts
from handoff.nurture import settle_nurture
from handoff.selectors import last_handoff
from leads import services as leads
from leads.incoming import EARLIEST
from leads.lifecycle import Stage
from leads.models import Assignment, Handoff, Lead, Touch
from notifications import outbox
from routing import services as routing
from routing.models import Decision
from sla import services as sla
from sla.models import Target
from sla.targets import STAGE_COLUMNS, answered_by, begun_by
from tenants.audit import member_actor, record_change
from tenants.clock import Clock
from tenants.models import Member, RepProfile, Role

# An act may be taken back for this long; its messages wait as long (a little more, for the click to arrive).
UNDO_SECONDS = 10
UNDO_GRACE_SECONDS = 5
# Clocks of machines differ by a little; a touch dated further ahead than this is refused.
AHEAD_TOLERANCE = timedelta(minutes=2)
# Stages that `move_to_stage` may be asked for; the others have a call of their own.
LATER_STAGES = (Stage.SQL, Stage.OPPORTUNITY, Stage.WON, Stage.LOST, Stage.DISQUALIFIED)
# Of a handoff that ended, what people need not hear any more.
_MOOT = ("lead.assigned", "lead.unrouted", "timer.reminder", "timer.warned")
CLOSING: dict[Stage, Handoff.Outcome] = {
    Stage.WON: Handoff.Outcome.WON,
    Stage.LOST: Handoff.Outcome.LOST,
    Stage.DISQUALIFIED: Handoff.Outcome.DISQUALIFIED,
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `key` names them in records; `member` is the person, None for a program acting for nobody.

    oversees: a manager or admin, or a program: may act on a lead that somebody else owns.
    """

    key: str
    member: Member | None
    oversees: bool = False

    @classmethod
    def person(cls, member: Member) -> Actor:
        return cls(member_actor(member), member, oversees=member.role in (Role.MANAGER, Role.ADMIN))


@dataclass(frozen=True, slots=True)
class Rejected:
    """How a rejection ended: "rejected", or "rerouted" to `new_owner_id` for a reason that is routing's."""

    outcome: str
    new_owner_id: UUID | None = None


def lock_handoff(lead_id: UUID) -> Handoff:
    """The lead's open handoff, locked; AlreadyDecided when it has only closed ones, NotFound when it has
    none.

    Lead and owner are read after the lock: joined to it they would be as they were before the wait.
    """
    handoff: Handoff | None = (
        Handoff.objects.select_for_update(of=("self",))
        .filter(lead_id=lead_id, state=Handoff.State.OPEN)
        .first()
    )
    if handoff is not None:
        handoff.lead = Lead.objects.get(id=lead_id)
        return handoff
    last = last_handoff(lead_id)
    if last is not None:
        raise AlreadyDecided(f"This lead was answered before: {last.outcome}.", outcome=last.outcome)
    if Lead.objects.filter(id=lead_id).exists():
        raise Conflict("This lead has not been handed over to sales.")
    raise NotFound("There is no such lead.")


def check_owner(handoff: Handoff, actor: Actor) -> None:
    """A rep answers for their own leads. After a reassignment the former owner is told whose it is now."""
    if actor.oversees or (actor.member is not None and actor.member.id == handoff.owner_id):
        return
    if handoff.owner is None:
        raise NotOwner("Nobody owns this lead now.")
    when = f" since {words.moment(handoff.owned_since)}" if handoff.owned_since else ""
    raise NotOwner(f"This lead belongs to {handoff.owner.name}{when}.", owner=str(handoff.owner_id))


def _tell(handoff: Handoff, kind: str, now: datetime, *, delay: int = 0, **data: str) -> None:
    """Report what happened to the programs that listen; people see it on the pages."""
    if handoff.is_history:
        return
    outbox.enqueue(
        [
            outbox.Message(
                kind=kind,
                event_id=uuid7(),
                subject=f"handoff:{handoff.id}",
                data={
                    "handoff": str(handoff.id),
                    "lead": str(handoff.lead_id),
                    "at": now.isoformat(),
                    **data,
                },
                delay_seconds=delay,
            )
        ],
        now=now,
    )


def _meet(handoff: Handoff, targets: Collection[str], at: datetime, now: datetime) -> None:
    sla.meet_all([sla.Answer(handoff.id, target, at) for target in targets], now=now)


def _come_to(handoff: Handoff, stage: Stage, now: datetime) -> None:
    """The lead has come to a stage of the handoff: what was promised up to it is answered, what is promised
    from it on begins."""
    column = STAGE_COLUMNS[stage]
    setattr(handoff, column, now)
    handoff.save(update_fields=[column])
    _meet(handoff, answered_by(stage), now, now)
    sla.arm_stage(handoff, stage)


def _close(handoff: Handoff, outcome: Handoff.Outcome, now: datetime) -> None:
    """End the cycle: the owner's load falls, timers stop, what was still to be told about it is moot.

    Ending it is an answer too: the decision that is still owed is met now.
    """
    if handoff.owner_id is not None:
        routing.release({handoff.owner_id: 1}, now=now)
    if outcome == Handoff.Outcome.WON:
        _meet(handoff, answered_by(Stage.WON), now, now)
    else:
        _meet(handoff, [Target.SQL_DECISION if handoff.accepted_at else Target.DECISION], now, now)
    sla.cancel([handoff.id], reason=str(outcome), now=now)
    sla.end_with_handoff([handoff.id], actor="engine", now=now)
    leads.close_handoffs([handoff], outcome=outcome, now=now)
    outbox.expire([f"handoff:{handoff.id}"], now=now, kinds=_MOOT)
    leads.mark_dirty([handoff.id], now)


# --- Accept ---


@transaction.atomic
def accept_lead(*, lead_id: UUID, actor: Actor, clock: Clock) -> Handoff:
    """Sales takes the lead: the decision target is met at this moment, the lead is a SAL.

    Raises NotOwner after a reassignment, AlreadyDecided the second time.
    """
    handoff = lock_handoff(lead_id)
    now = clock()
    check_owner(handoff, actor)
    if handoff.owner_id is None:
        raise NotOwner("Nobody owns this lead now: assign it first.")
    if handoff.accepted_at is not None:
        raise AlreadyDecided(
            f"This lead was accepted before, on {words.moment(handoff.accepted_at)}.", outcome="accepted"
        )
    by_id = actor.member.id if actor.member else None
    feedback.record_disposition(
        handoff=handoff, kind=Disposition.Kind.ACCEPTED, actor=actor.key, by_id=by_id, now=now
    )
    leads.move_stage(handoff.lead, Stage.SAL, actor=actor.key, now=now, handoff=handoff)
    _come_to(handoff, Stage.SAL, now)
    _tell(handoff, "lead.accepted", now, delay=UNDO_SECONDS)
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
    _check_undo(handoff.accepted_at, now)
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


def _check_undo(done_at: datetime, now: datetime) -> None:
    if now - done_at > timedelta(seconds=UNDO_SECONDS + UNDO_GRACE_SECONDS):
        raise Conflict(f"This can be undone for {UNDO_SECONDS} seconds only.")


# --- Reject, nurture ---


@transaction.atomic
def reject_lead(*, lead_id: UUID, reason: str, note: str = "", actor: Actor, clock: Clock) -> Rejected:
    """Sales refuses the lead, with a reason. A reason that is routing's moves the lead on instead.

    Raises ValidationFailed without a reason (or a note where the reason needs one), NotOwner, AlreadyDecided.
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
        handoff.lead, Stage.REJECTED, actor=actor.key, now=now, handoff=handoff, why=chosen.label
    )
    if chosen.earns_credit and handoff.owner_id is not None:
        _give_turn_back(handoff.id, handoff.owner_id)
    _close(handoff, Handoff.Outcome.REJECTED, now)
    _tell(handoff, "lead.rejected", now, reason=chosen.slug)
    return Rejected("rejected")


def _give_turn_back(handoff_id: UUID, member_id: UUID) -> None:
    """The lead was no lead: its turn in the rotation does not count for whoever got it."""
    decision = Decision.objects.filter(handoff_id=handoff_id, member_id=member_id).order_by("-at").first()
    if decision is not None and decision.pool_id is not None:
        routing.give_credit(member_id=member_id, pool_id=decision.pool_id)


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
    _record_move(handoff, before, result, Assignment.EndReason.REROUTED, actor, now)
    return Rejected("rerouted", result.new_member_id)


def _record_move(
    handoff: Handoff,
    before: UUID | None,
    result: moves.MoveResult,
    why: Assignment.EndReason,
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
    _close(handoff, Handoff.Outcome.NURTURE, now)
    _tell(handoff, "lead.nurture", now, reason=chosen.slug)
    return handoff


# --- Touches ---


@transaction.atomic
def log_touch(
    *,
    lead_id: UUID,
    kind: str,
    actor: Actor,
    clock: Clock,
    at: datetime | None = None,
    outcome: str = "",
    note: str = "",
    automatic: bool = False,
    external_id: str = "",
) -> Touch:
    """Keep an attempt to reach the lead. One that counts meets the first-touch target as of `at`, not of
    now: logged late, it repairs a breach that it had in truth prevented; what the breach already did stands.

    It counts if the policy counts its kind and the lead was its maker's at that time, or nobody's, or if its
    maker oversees. What a colleague does for a lead that is somebody else's is kept and answers no promise.

    at: aware; None is now. Raises ValidationFailed for a time more than 2 minutes ahead, NotFound.
    A known `external_id` changes nothing and gives back the touch kept before.
    """
    lead, handoffs = _lock_for_touch(lead_id)
    now = clock()
    made_at = now if at is None else at
    if made_at > now + AHEAD_TOLERANCE:
        message = "A touch cannot lie in the future."
        raise ValidationFailed(message, field_errors=[FieldError("/at", message, "future")])
    if made_at < EARLIEST:
        message = f"A touch cannot lie before {EARLIEST.year}."
        raise ValidationFailed(message, field_errors=[FieldError("/at", message, "too_early")])
    made_at = min(made_at, now)
    handoff = next((each for each in handoffs if _holds(each, made_at)), None)
    counts = (
        handoff is not None
        and not automatic
        and _is_response(handoff, kind)
        and (actor.oversees or _could_answer(_spans(handoff), actor.member, made_at))
    )
    touch, is_new = leads.record_touch(
        lead=lead,
        handoff=handoff,
        kind=kind,
        at=made_at,
        now=now,
        by_id=actor.member.id if actor.member else None,
        outcome=outcome,
        note=note,
        automatic=automatic,
        external_id=external_id,
        counts=counts,
    )
    if not is_new and touch.lead_id != lead.id:
        raise Conflict("Another lead has a touch with this external_id.", external_id=external_id)
    if is_new and counts and handoff is not None:
        _meet(handoff, [Target.FIRST_TOUCH], made_at, now)
        _tell(handoff, "lead.touched", now, delay=UNDO_SECONDS)
    if is_new and handoff is not None and not automatic:
        settle_attempts(handoff, now=now)
    if is_new and handoff is not None and automatic and settle_nurture(handoff, now=now):
        end_nurture(handoff, now=now, why="The nurture sequence is complete")
    return touch


def end_nurture(handoff: Handoff, *, now: datetime, why: str) -> None:
    """A sequence has the lead no longer: it goes to nurture, and a return to MQL opens a new handoff.

    The caller holds the locks of the handoff and its lead.
    """
    leads.move_stage(handoff.lead, Stage.NURTURE, actor="engine", now=now, handoff=handoff, why=why)
    _close(handoff, Handoff.Outcome.NURTURE, now)


def _lock_for_touch(lead_id: UUID) -> tuple[Lead, list[Handoff]]:
    """The lead and its handoffs, locked, the latest first."""
    lead = Lead.objects.filter(id=lead_id).first()
    if lead is None:
        raise NotFound("There is no such lead.")
    handoffs = Handoff.objects.select_for_update(of=("self",)).filter(lead_id=lead_id).order_by("id")
    return lead, sorted(handoffs, key=lambda handoff: -handoff.number)


def _holds(handoff: Handoff, at: datetime) -> bool:
    """Whether a touch at `at` was made within this handoff. One made outside any is kept with the lead and
    answers nothing that was promised."""
    return handoff.started_at <= at and (handoff.closed_at is None or at <= handoff.closed_at)


@transaction.atomic
def undo_touch(*, lead_id: UUID, touch_id: UUID, actor: Actor, clock: Clock) -> Touch:
    """Take a touch back within 10 s; the first-touch clocks are judged by the touches that remain."""
    touch: Touch | None = (
        Touch.objects.select_related("lead", "handoff").filter(id=touch_id, lead_id=lead_id).first()
    )
    if touch is None:
        raise NotFound("There is no such touch.")
    if touch.handoff_id is not None:
        locked = Handoff.objects.select_for_update(of=("self",)).get(id=touch.handoff_id)
        touch = Touch.objects.select_related("lead").get(id=touch_id)  # as whoever held the lock left it
        touch.handoff = locked
    now = clock()
    if touch.undone_at is not None:
        raise Conflict("This touch was undone before.")
    if not actor.oversees and (actor.member is None or touch.by_id != actor.member.id):
        raise NotOwner("Only the person who logged a touch may undo it.")
    _check_undo(touch.logged_at, now)
    handoff = touch.handoff
    if handoff is None:
        leads.undo_touch(touch, first_touch_at=None, now=now)
        return touch
    if handoff.state == Handoff.State.CLOSED:
        raise Conflict("This handoff was closed meanwhile, so the touch stays in its record.")
    responses = _responses(handoff, without=touch.id)
    handoff.first_touch_at = min(responses, default=None)
    leads.undo_touch(touch, first_touch_at=handoff.first_touch_at, now=now)
    if not touch.automatic and _is_response(handoff, touch.kind):
        sla.rejudge(handoff, Target.FIRST_TOUCH, answers=responses, now=now)
    if touch.automatic:
        settle_nurture(handoff, now=now)
    else:
        settle_attempts(handoff, now=now)
    outbox.expire([f"handoff:{handoff.id}"], now=now, kinds={"lead.touched"})
    return touch


def _responses(handoff: Handoff, *, without: UUID) -> list[datetime]:
    """When the touches that count were made, one left out. As `log_touch` counts them."""
    touches = Touch.objects.filter(handoff=handoff, undone_at__isnull=True, automatic=False)
    spans = _spans(handoff)
    return [
        touch.at
        for touch in touches.exclude(id=without).select_related("by")
        if _is_response(handoff, touch.kind)
        and (touch.by is None or Actor.person(touch.by).oversees or _could_answer(spans, touch.by, touch.at))
    ]


def _spans(handoff: Handoff) -> list[Assignment]:
    return list(Assignment.objects.filter(handoff=handoff))


def _could_answer(spans: Sequence[Assignment], member: Member | None, at: datetime) -> bool:
    """Whether the lead was this member's at `at`, or nobody's."""
    holders = {
        span.member_id
        for span in spans
        if span.started_at <= at and (span.ended_at is None or at <= span.ended_at)
    }
    return not holders or (member is not None and member.id in holders)


def _is_response(handoff: Handoff, kind: str) -> bool:
    """Whether a touch of this kind answers the first-touch promise, by the policy that the handoff began
    with."""
    return sla.counts_as_response(handoff.policy_version_id, kind)


# --- Moves ---


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
    """Ask the rules once more about a lead that nobody owns. Raises Conflict where somebody has it by now."""
    if not actor.oversees:
        raise NotOwner("Only a manager may assign a lead.")
    handoff = lock_handoff(lead_id)
    if handoff.owner is not None:
        raise Conflict(f"{handoff.owner.name} has this lead by now.")
    (result,) = moves.assign_new(
        [moves.AssignRequest(handoff)], trigger="drain", now=clock(), actor=actor.key
    )
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
    (result,) = moves.reassign(
        [
            moves.MoveRequest(
                handoff=handoff, end_reason=end_reason, why=why.strip()[: limits.MOVE_WHY], to_member_id=to
            )
        ],
        now=now,
        actor=actor.key,
    )
    _record_move(handoff, before, result, end_reason, actor, now)
    return result


def _check_receiver(to: UUID, owner_id: UUID | None) -> None:
    """Only somebody active who takes leads may be given one."""
    if to == owner_id:
        message = "This lead belongs to that person already."
        raise ValidationFailed(message, field_errors=[FieldError("/to", message, "same")])
    if not RepProfile.objects.filter(member_id=to, member__is_active=True).exists():
        message = "Choose somebody active who takes leads."
        raise ValidationFailed(message, field_errors=[FieldError("/to", message, "invalid_choice")])


# --- Later stages ---


@transaction.atomic
def move_to_stage(*, lead_id: UUID, to: str, why: str, actor: Actor, clock: Clock) -> Handoff:
    """Report a later stage: SQL, opportunity, won, lost, disqualified. The last three end the handoff.

    Raises ValidationFailed for another stage, StageError where the lifecycle has no such step.
    """
    if to not in LATER_STAGES:
        known = ", ".join(LATER_STAGES)
        hint = "Use accept, reject or nurture for an answer." if to in ("sal", "rejected", "nurture") else ""
        message = f"Use one of: {known}. {hint}".strip()
        raise ValidationFailed(message, field_errors=[FieldError("/to", message, "invalid_choice")])
    stage = Stage(to)
    handoff = lock_handoff(lead_id)
    now = clock()
    check_owner(handoff, actor)
    if stage in CLOSING and not why.strip():
        raise ValidationFailed(
            "Say why.", field_errors=[FieldError("/why", "Say why in a few words.", "required")]
        )
    moved = leads.move_stage(handoff.lead, stage, actor=actor.key, now=now, why=why, handoff=handoff)
    if not moved:
        return handoff
    if stage in (Stage.SQL, Stage.OPPORTUNITY):
        _come_to(handoff, stage, now)
    if stage in CLOSING:
        _close(handoff, CLOSING[stage], now)
    _tell(handoff, "lead.stage_changed", now, stage=str(stage))
    leads.mark_dirty([handoff.id], now)
    return handoff
