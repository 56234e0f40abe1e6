"""Marketing objects to a rejection: opened, decided, and made good where sales was wrong.

A rejection stays as it was answered. What a dispute finds is kept beside it, and reports tell both figures.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from uuid_utils.compat import uuid7

from core.errors import AlreadyDecided, Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from feedback.models import ARGUMENT_LIMIT, Disposition, Dispute, FollowUp
from feedback.settings import settings
from handoff import words
from handoff.again import open_again
from handoff.dispute_reads import DISPUTERS, why_not_decide
from handoff.services import Actor
from leads.lifecycle import Stage, can_move
from leads.models import Handoff, Lead
from leads.services import mark_dirty
from notifications import outbox
from tenants.audit import record_change
from tenants.clock import Clock
from tenants.models import Member, Role, Team

State = Dispute.State
OUTCOMES: Final = (State.UPHELD, State.OVERTURNED, State.CRITERIA, State.ROUTING)
_OWES: Final = {State.CRITERIA: FollowUp.About.CRITERIA, State.ROUTING: FollowUp.About.ROUTING}


# --- Open ---


@transaction.atomic
def open_dispute(
    *, lead_id: UUID, argument: str, handoff_id: UUID | None = None, actor: Actor, clock: Clock
) -> Dispute:
    """Object to the last rejection of a lead, or to that of `handoff_id`; the rep and their manager are told.

    Raises NotFound; PermissionDenied for whoever is not marketing's; ValidationFailed at /argument; Conflict
    where there is no rejection to dispute, it was disputed before, its time is over, or the lead is a test.
    """
    handoffs = _lock_handoffs(lead_id)
    now = clock()
    if not (actor.member.role in DISPUTERS if actor.member else actor.oversees):
        raise PermissionDenied("Marketing or an admin disputes a rejection.")
    said = _text(argument, "/argument", "Say why the lead was good, so that somebody else can judge it.")
    disposition = _rejection(handoffs, handoff_id)
    check_disputable(disposition, now)
    made = _create(disposition, said, actor, now)
    _record(made, "dispute.opened", actor, now)
    _tell(made, "lead.disputed", _side_of_sales(disposition), now)
    mark_dirty([made.handoff_id], now)
    return made


def check_disputable(disposition: Disposition, now: datetime) -> None:
    """Raises Conflict with the way out where a rejection cannot be disputed."""
    if disposition.handoff.is_test:
        raise _conflict("This is a test lead: it counts nowhere, so there is nothing to dispute.")
    days = settings().dispute_days
    if now > disposition.at + timedelta(days=days):
        when = words.moment(disposition.at)
        raise _conflict(f"It was rejected on {when}: a rejection may be disputed for {days} days.")
    standing = Dispute.objects.filter(disposition=disposition).first()
    if standing is not None:
        label = State(standing.state).label.lower()
        raise _conflict(f"This rejection was disputed before: {label}.", dispute=str(standing.id))


def _rejection(handoffs: list[Handoff], handoff_id: UUID | None) -> Disposition:
    if handoff_id is not None and handoff_id not in {each.id for each in handoffs}:
        raise ValidationFailed.at("/handoff", "This lead has no such handoff.", "not_found")
    asked = [each for each in handoffs if handoff_id in (None, each.id)]
    given = Disposition.objects.filter(
        handoff_id__in=[each.id for each in asked], kind=Disposition.Kind.REJECTED, undone_at__isnull=True
    )
    found: Disposition | None = (
        given.select_related("handoff__lead", "handoff__owner", "reason", "by").order_by("-at").first()
    )
    if found is not None:
        return found
    last = asked[-1] if asked else None
    if last is not None and last.is_history:
        raise _conflict("This handoff was imported: nobody answered it here, so there is nothing to dispute.")
    if last is not None and last.hops:
        raise _conflict("This lead was not rejected: it went to somebody else.")
    raise _conflict("This lead was not rejected, so there is nothing to dispute.")


def _create(disposition: Disposition, argument: str, actor: Actor, now: datetime, **more: Any) -> Dispute:
    made = Dispute(
        handoff=disposition.handoff,
        disposition=disposition,
        argument=argument,
        opened_at=now,
        opened_by=actor.key,
        opener=actor.member,
        **more,
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError as error:
        raise _conflict("This rejection was disputed before.") from error
    return made


# --- Decide ---


@transaction.atomic
def decide(
    *,
    dispute_id: UUID,
    outcome: str,
    note: str,
    same_rep: bool = False,
    week: date | None = None,
    actor: Actor,
    clock: Clock,
) -> Dispute:
    """Say what became of a dispute. Overturned, the lead comes back with a fresh handoff, unless it came back
    by itself or cannot; "criteria" and "routing" leave a follow-up.

    same_rep: the lead may go to whoever rejected it. week: of the sheet on which it was decided.
    Raises NotFound; PermissionDenied for whoever rejected it, disputed it, or may not decide;
    ValidationFailed at /outcome and /note; AlreadyDecided for who comes second.
    """
    dispute = _lock(dispute_id)
    now = clock()
    _check_may_decide(dispute.disposition, dispute, actor)
    if outcome not in OUTCOMES:
        known = ", ".join(OUTCOMES)
        raise ValidationFailed.at("/outcome", f"Use one of: {known}.", "invalid_choice")
    said = _text(note, "/note", "Say why: both sides read it.")
    if dispute.state != State.OPEN:
        who = dispute.decider.name if dispute.decider else "A program"
        label = State(dispute.state).label.lower()
        raise AlreadyDecided(f"{who} decided this before: {label}.", outcome=str(dispute.state))
    dispute.state, dispute.note, dispute.week, dispute.same_rep = outcome, said, week, same_rep
    dispute.decided_at, dispute.decided_by, dispute.decider = now, actor.key, actor.member
    if outcome == State.OVERTURNED:
        _overturn(dispute, actor, now)
    dispute.save()
    if outcome in _OWES:
        FollowUp.objects.create(dispute=dispute, about=_OWES[State(outcome)], opened_at=now)
    _record(dispute, "dispute.decided", actor, now)
    to = [*_side_of_sales(dispute.disposition), *_side_of_marketing(dispute)]
    _tell(dispute, "lead.dispute_decided", to, now)
    mark_dirty([dispute.handoff_id], now)
    return dispute


@transaction.atomic
def audit(
    *,
    disposition_id: UUID,
    outcome: str,
    note: str,
    same_rep: bool = False,
    week: date,
    actor: Actor,
    clock: Clock,
) -> Dispute:
    """Decide about a rejection of the weekly sheet that nobody disputed. Raises as `decide`; AlreadyDecided
    where it was disputed and decided meanwhile, Conflict where a dispute of it is open."""
    lead_id = Disposition.objects.filter(id=disposition_id).values_list("handoff__lead_id", flat=True).first()
    if lead_id is None:
        raise NotFound("There is no such rejection.")
    _lock_handoffs(lead_id)
    now = clock()
    found: Disposition = Disposition.objects.select_related("handoff", "by").get(id=disposition_id)
    if found.kind != Disposition.Kind.REJECTED or found.undone_at is not None:
        raise Conflict("This rejection was taken back, so there is nothing to decide.")
    _check_may_decide(found, None, actor)
    standing = Dispute.objects.filter(disposition=found).first()
    if standing is not None:
        label = State(standing.state).label.lower()
        raise AlreadyDecided(f"This rejection was disputed meanwhile: {label}.", dispute=str(standing.id))
    made = _create(found, "", actor, now)
    # Whoever decides here opened the row by it: nobody disputed.
    Dispute.objects.filter(id=made.id).update(opener=None)
    return decide(
        dispute_id=made.id,
        outcome=outcome,
        note=note,
        same_rep=same_rep,
        week=week,
        actor=actor,
        clock=clock,
    )


def _check_may_decide(disposition: Disposition, dispute: Dispute | None, actor: Actor) -> None:
    why = why_not_decide(
        rejecter_id=disposition.by_id,
        opener_id=dispute.opener_id if dispute else None,
        member=actor.member,
    )
    if not why and actor.member is None:
        same = disposition.by_id is None and disposition.actor == actor.key
        mine = dispute is not None and bool(dispute.argument) and dispute.opened_by == actor.key
        if same or (mine and dispute is not None and dispute.opener_id is None):
            why = "Another must decide than rejected or disputed it: say for whom the key acts, as `by`."
    if why:
        raise PermissionDenied(why)


def _overturn(dispute: Dispute, actor: Actor, now: datetime) -> None:
    """Mark the answer, and let the lead come back where it has no handoff open."""
    disposition = dispute.disposition
    disposition.overturned_at = now
    disposition.save(update_fields=["overturned_at"])
    rejected: Handoff = dispute.handoff
    lead = Lead.objects.select_for_update(of=("self",), no_key=True).get(id=rejected.lead_id)
    if Handoff.objects.filter(lead=lead, state=Handoff.State.OPEN).exists():
        return  # it came back by itself: the numbers are corrected, and that is all
    if lead.stage != Stage.MQL and not can_move(Stage(lead.stage), Stage.MQL):
        return
    lead = Lead.objects.select_related("account").get(id=lead.id)
    exclude = set() if dispute.same_rep or disposition.by_id is None else {disposition.by_id}
    dispute.fresh_handoff = open_again(
        lead=lead,
        rejected=rejected,
        exclude=exclude,
        actor=actor.key,
        why="Rejection overturned",
        now=now,
    )


@transaction.atomic
def reopen(*, dispute_id: UUID, why: str, actor: Actor, clock: Clock) -> Dispute:
    """Take an outcome back, so that it is decided anew; an admin's to do. A lead that came back stays with
    whoever has it now.

    Raises NotFound, PermissionDenied, ValidationFailed at /why; Conflict where it is open, or where the lead
    that came back was accepted.
    """
    dispute = _lock(dispute_id)
    now = clock()
    if actor.member is None or actor.member.role != Role.ADMIN:
        raise PermissionDenied("An admin opens a decided dispute again.")
    said = _text(why, "/why", "Say why it is to be decided anew.")
    if dispute.state == State.OPEN:
        raise Conflict("This dispute is open.")
    fresh = dispute.fresh_handoff
    if fresh is not None and fresh.accepted_at is not None:
        raise Conflict("The lead came back and was accepted, so the outcome stands.")
    before = str(dispute.state)
    dispute.state, dispute.decided_at, dispute.decided_by, dispute.decider = State.OPEN, None, "", None
    dispute.note, dispute.week = "", None
    dispute.save()
    if dispute.disposition.overturned_at is not None:
        dispute.disposition.overturned_at = None
        dispute.disposition.save(update_fields=["overturned_at"])
    FollowUp.objects.filter(dispute=dispute, answered_at=None, dropped_at=None).update(dropped_at=now)
    _record(dispute, "dispute.reopened", actor, now, before=before, why=said)
    _tell(dispute, "lead.disputed", _side_of_sales(dispute.disposition), now)
    mark_dirty([dispute.handoff_id], now)
    return dispute


# --- Under the lock ---


def _lock_handoffs(lead_id: UUID) -> list[Handoff]:
    """The lead's handoffs, locked, by number. Raises NotFound."""
    wanted = Handoff.objects.select_for_update(of=("self",)).filter(lead_id=lead_id)
    found = sorted(wanted.order_by("id"), key=lambda each: each.number)
    if not found and not Lead.objects.filter(id=lead_id).exists():
        raise NotFound("There is no such lead.")
    return found


def _lock(dispute_id: UUID) -> Dispute:
    """The dispute as it is once nobody else holds the handoffs of its lead."""
    lead_id = Dispute.objects.filter(id=dispute_id).values_list("handoff__lead_id", flat=True).first()
    if lead_id is None:
        raise NotFound("There is no such dispute.")
    _lock_handoffs(lead_id)
    found: Dispute = Dispute.objects.select_related(
        "handoff__owner", "disposition__by", "disposition__reason", "decider", "fresh_handoff"
    ).get(id=dispute_id)
    return found


def _text(said: str, path: str, missing: str) -> str:
    text = said.strip()
    if not text:
        raise ValidationFailed.at(path, missing, "required")
    if len(text) > ARGUMENT_LIMIT:
        raise ValidationFailed.at(path, f"At most {ARGUMENT_LIMIT:,} characters.", "max_length")
    return text


def _conflict(text: str, **data: Any) -> Conflict:
    return Conflict(text, field_errors=[FieldError("/lead", text, "not_disputable")], **data)


def _record(
    dispute: Dispute, action: str, actor: Actor, now: datetime, *, before: str = "", why: str = ""
) -> None:
    after = {"disposition": str(dispute.disposition_id), "state": str(dispute.state)}
    if dispute.fresh_handoff_id:
        after["fresh_handoff"] = str(dispute.fresh_handoff_id)
    record_change(
        actor=actor.key,
        action=action,
        object_type="dispute",
        object_id=dispute.id,
        before={"state": before} if before else None,
        after={**after, "why": why} if why else after,
        now=now,
    )


# --- Who hears ---


def _side_of_sales(disposition: Disposition) -> list[UUID]:
    """The rep who rejected and the manager of their team, as far as they are active."""
    rep: Member | None = disposition.by or disposition.handoff.owner
    people = [rep]
    if rep is not None and rep.team_id is not None:
        team = Team.objects.filter(id=rep.team_id).select_related("manager").first()
        people.append(team.manager if team else None)
    return list(dict.fromkeys(each.id for each in people if each is not None and each.is_active))


def _side_of_marketing(dispute: Dispute) -> list[UUID]:
    """Whoever disputed it; where no person did, everybody of marketing."""
    opener = Member.objects.filter(id=dispute.opener_id, is_active=True).values_list("id", flat=True)
    if dispute.opener_id is not None and opener.exists():
        return [dispute.opener_id]
    everybody = Member.objects.filter(role=Role.MARKETING, is_active=True).order_by("id")
    return list(everybody.values_list("id", flat=True))


def _tell(dispute: Dispute, kind: str, to: list[UUID], now: datetime) -> None:
    message = outbox.Message(
        kind=kind,
        event_id=uuid7(),
        subject=f"dispute:{dispute.id}",
        member_ids=list(dict.fromkeys(to)),
        data={
            "handoff": str(dispute.handoff_id),
            "lead": str(dispute.handoff.lead_id),
            "dispute": str(dispute.id),
            "state": str(dispute.state),
            "at": now.isoformat(),
        },
    )
    outbox.enqueue([message], now=now)
