"""Attempts to reach the lead: which answer the first-touch promise, and taking one back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from core.errors import Conflict, FieldError, NotFound, NotOwner, ValidationFailed
from handoff.attempts import settle_attempts
from handoff.moves import UNDO_SECONDS
from handoff.nurture import settle_nurture
from handoff.services.acting import Actor, check_undo
from handoff.services.cycle import end_nurture, meet, tell
from leads import services as leads
from leads.incoming import EARLIEST
from leads.models import Assignment, Handoff, Lead, Touch
from notifications import outbox
from sla import services as sla
from sla.models import Target
from tenants.clock import Clock
from tenants.models import Member

# Clocks of machines differ by a little; a touch dated further ahead than this is refused.
AHEAD_TOLERANCE = timedelta(minutes=2)


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
        meet(handoff, [Target.FIRST_TOUCH], made_at, now)
        tell(handoff, "lead.touched", now, delay=UNDO_SECONDS)
    if is_new and handoff is not None and not automatic:
        settle_attempts(handoff, now=now)
    if is_new and handoff is not None and automatic and settle_nurture(handoff, now=now):
        end_nurture(handoff, now=now, why="The nurture sequence is complete")
    return touch


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
    check_undo(touch.logged_at, now)
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
