"""An SDR books a meeting for an AE; the AE accepts it, or says why not.

A booking opens a handoff of kind outbound, or goes on with the one that is open: an inbound one stays inbound
and with its owner, and the booking is a touch of it. What an outbound handoff promises waits for the meeting:
its clocks stand still until it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from core.errors import AlreadyDecided, Conflict, NotFound, NotOwner, PermissionDenied, ValidationFailed
from feedback import services as feedback
from feedback.models import Meeting, Reason
from handoff import meeting_acts as acts
from handoff.moves import UNDO_SECONDS
from handoff.selectors import ACTS
from handoff.services import accept_lead, log_touch, move_to_stage, undo_accept, undo_answer
from handoff.services.acting import Actor, check_undo
from handoff.words import lower_first
from leads import services as leads
from leads import sql_bar
from leads.bars import MEETING_BAR
from leads.lifecycle import Stage
from leads.models import Handoff, Lead
from notifications import outbox
from tenants.audit import record_change
from tenants.clock import Clock
from tenants.models import Member

State, Absent = Meeting.State, Meeting.Absent
SHORTEST, LONGEST = 5, 480  # minutes
FURTHEST: Final = timedelta(days=366)
TITLE, NEXT_STEP, NOTE = 120, 300, 2_000


@dataclass(frozen=True, slots=True)
class Booking:
    """What is said of a meeting. ae_id: None is the account's owner, else whom the routing rules name.

    checks: answers to the qualified-meeting criteria, by key. anyway: though the AE is away or busy then.
    """

    starts_at: datetime
    minutes: int = 30
    ae_id: UUID | None = None
    attendee_title: str = ""
    seniority: str = ""
    next_step: str = ""
    checks: Mapping[str, Any] = field(default_factory=dict)
    anyway: bool = False

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)


# --- Book ---


@transaction.atomic
def book_meeting(*, lead_id: UUID, said: Booking, actor: Actor, clock: Clock) -> Meeting:
    """Book a meeting; the AE is told now, and asked for an answer when it ends.

    Raises NotFound; ValidationFailed at /by, /at, /minutes, /ae, /answers, where a criterion must be met too;
    Conflict where one is booked already or nobody is found; StageError where the lead cannot be handed over.
    """
    lead, handoffs = acts.lock_lead(lead_id)
    if lead is None:
        raise NotFound("There is no such lead.")
    now = clock()
    sdr = _booker(actor)
    _check_said(said, now)
    if Meeting.objects.filter(lead=lead, state=State.BOOKED).exists():
        raise Conflict("This lead has a meeting already: reschedule that one.")
    return _book(lead, list(handoffs), said, sdr, actor, now, clock=clock)


def _book(
    lead: Lead,
    handoffs: list[Handoff],
    said: Booking,
    sdr: Member,
    actor: Actor,
    now: datetime,
    *,
    clock: Clock,
    follows: Meeting | None = None,
) -> Meeting:
    judged, bar_number = _judged(said, now, follows)
    handoff = next((each for each in handoffs if each.state == Handoff.State.OPEN), None)
    ae = _ae(said, lead, handoff)
    why = f"Meeting of {timezone.localtime(said.starts_at):%d %b %Y}."
    if handoff is None:
        handoff = acts.open_outbound(lead, ae, actor, now, why=why)
        acts.note_booking(handoff, actor, now)
    elif handoff.kind == acts.OUTBOUND:
        if ae is not None:
            acts.give_to(handoff, ae.id, actor, now, why=why)
    else:
        by_sdr = Actor(actor.key, sdr, actor.oversees)
        log_touch(lead_id=lead.id, kind="meeting", outcome="Meeting booked", actor=by_sdr, clock=lambda: now)
    holder = ae or Member.objects.get(id=handoff.owner_id)
    acts.check_free(holder, said.starts_at, said.ends_at, anyway=said.anyway)
    made = Meeting(
        lead=lead,
        handoff=handoff,
        sdr=sdr,
        ae=holder,
        booked_at=now,
        starts_at=said.starts_at,
        ends_at=said.ends_at,
        attendee_title=said.attendee_title.strip() or lead.title,
        seniority=said.seniority,
        next_step=said.next_step.strip(),
        checks=judged.rows,
        qualified=judged.met,
        bar_number=bar_number,
        follows=follows,
    )
    made.save(force_insert=True)
    acts.hold_for(made, handoff, actor, now)
    _record(made, "meeting.booked", actor, now)
    _tell(made, "meeting.booked", [holder.id], now, delay=0)
    _tell(made, "meeting.to_answer", [holder.id], now, delay=int((made.ends_at - now).total_seconds()))
    leads.mark_worked([handoff], now)
    leads.mark_dirty([handoff.id], now)
    return made


def _judged(said: Booking, now: datetime, follows: Meeting | None) -> tuple[sql_bar.Answered, int]:
    """What the answers to the qualified-meeting criteria come to, and the number of the version that asks;
    another day keeps what was said. Raises ValidationFailed at /answers/<key>."""
    if follows is not None:
        return sql_bar.Answered(list(follows.checks)), follows.bar_number
    bar = MEETING_BAR.in_force(now)
    judged = sql_bar.judge(bar.questions, sql_bar.read_answers(bar.questions, said.checks))
    if judged.problems:
        told = " ".join(f"{label}: {lower_first(each.message)}" for label, each in judged.problems)
        raise ValidationFailed(
            f"This meeting cannot be booked yet. {told}",
            field_errors=[each for _, each in judged.problems],
        )
    return judged, bar.number


def _booker(actor: Actor) -> Member:
    if actor.member is None:
        raise ValidationFailed.at("/by", "Say which SDR books it.", "required")
    if actor.member.role not in ACTS or not actor.member.is_active:
        raise PermissionDenied("Only somebody active in sales books meetings.")
    return actor.member


def _check_said(said: Booking, now: datetime) -> None:
    if not SHORTEST <= said.minutes <= LONGEST:
        raise ValidationFailed.at("/minutes", f"From {SHORTEST} to {LONGEST} minutes.", "invalid")
    if said.starts_at <= now:
        raise ValidationFailed.at("/at", "Choose a time to come.", "past")
    if said.starts_at > now + FURTHEST:
        raise ValidationFailed.at("/at", "A meeting lies within a year.", "too_far")
    if said.seniority and said.seniority not in Meeting.Seniority.values:
        known = ", ".join(Meeting.Seniority.values)
        raise ValidationFailed.at("/seniority", f"Use one of: {known}.", "invalid_choice")
    for name, limit in (("attendee_title", TITLE), ("next_step", NEXT_STEP)):
        if len(getattr(said, name)) > limit:
            raise ValidationFailed.at(f"/{name}", f"At most {limit} characters.", "max_length")


def _ae(said: Booking, lead: Lead, handoff: Handoff | None) -> Member | None:
    """Whom the meeting is for; None leaves it to the routing rules, or to the outbound handoff's owner."""
    if said.ae_id is not None:
        named: Member | None = Member.objects.filter(id=said.ae_id).first()
        if named is None or not acts.takes_leads(named.id):
            raise ValidationFailed.at("/ae", "Choose somebody active who takes leads.", "invalid_choice")
        return named
    owner: Member | None = lead.account.owner if lead.account else None
    if (
        owner is not None
        and acts.takes_leads(owner.id)
        and (said.anyway or not acts.busy_words(owner, said.starts_at, said.ends_at))
    ):
        return owner
    if handoff is not None and (handoff.kind == Handoff.Kind.INBOUND or handoff.owner_id is None):
        raise ValidationFailed.at(
            "/ae", "Name the AE: this lead's account has no owner who is free.", "required"
        )
    return None


# --- Outcomes ---


@transaction.atomic
def accept_meeting(
    *,
    meeting_id: UUID,
    actor: Actor,
    clock: Clock,
    to: str = "sal",
    answers: Mapping[str, Any] | None = None,
    fields: Mapping[str, Any] | None = None,
    note: str = "",
) -> Meeting:
    """The AE takes the lead on after the meeting: a SAL, and with `to` "sql" an SQL by the SQL criteria,
    whose answers, and fields that the steps ask for, are sent along.

    An inbound lead that somebody else owns becomes the AE's. Raises as `accept_lead` and `move_to_stage`;
    Conflict before the meeting; AlreadyDecided, NotOwner.
    """
    if to not in ("sal", "sql"):
        raise ValidationFailed.at("/to", "Use one of: sal, sql.", "invalid_choice")
    meeting, handoff, now = _to_decide(meeting_id, clock)
    _check_answers_for(meeting, handoff, actor)
    _check_held(meeting, now)
    if handoff.state != Handoff.State.OPEN:
        raise AlreadyDecided(f"This lead was answered before: {handoff.outcome}.", outcome=handoff.outcome)
    own = actor.member is not None and actor.member.id in (meeting.ae_id, handoff.owner_id)
    takes = actor.member.id if own and actor.member is not None else meeting.ae_id
    if acts.takes_leads(takes):
        acts.give_to(handoff, takes, actor, now, why="Accepted after the meeting.")
    acting = replace(actor, oversees=True)
    if handoff.accepted_at is None:
        # What the SQL step asks for is given there; a step that asks for nothing takes no fields.
        sal_fields = fields if to == "sal" else None
        accept_lead(lead_id=handoff.lead_id, fields=sal_fields, actor=acting, clock=lambda: now)
    if to == "sql" and handoff.lead.stage in (Stage.MQL, Stage.SAL):
        move_to_stage(
            lead_id=handoff.lead_id,
            to="sql",
            why="Qualified in the meeting",
            actor=acting,
            clock=lambda: now,
            answers=answers,
            fields=fields,
        )
    return _decide(meeting, State.ACCEPTED, actor, now, note=note)


@transaction.atomic
def no_show(
    *,
    meeting_id: UUID,
    who: str,
    actor: Actor,
    clock: Clock,
    zone: str,
    follow_up: date | None = None,
    note: str = "",
) -> Meeting:
    """The meeting was not held, and who was not there. Where it was the prospect the SDR tries again on
    `follow_up`, and has the lead of an outbound handoff back, its clocks at rest until then.

    zone: whose days are meant. Raises ValidationFailed at /who and /follow_up; Conflict before the meeting;
    AlreadyDecided, NotOwner.
    """
    meeting, handoff, now = _to_decide(meeting_id, clock)
    _check_takes_part(meeting, handoff, actor)
    _check_held(meeting, now)
    if who not in Absent.values:
        raise ValidationFailed.at("/who", f"Use one of: {', '.join(Absent.values)}.", "invalid_choice")
    if who == Absent.PROSPECT and follow_up is None:
        raise ValidationFailed.at("/follow_up", "Say when the SDR tries again.", "required")
    _check_follow_up(follow_up, now, zone)
    meeting.absent, meeting.follow_up = who, follow_up
    done = _decide(meeting, State.NO_SHOW, actor, now, note=note)
    if who == Absent.PROSPECT:
        acts.back_to_sdr(meeting, handoff, actor, now, zone=zone)
    return done


@transaction.atomic
def disqualify_meeting(
    *, meeting_id: UUID, reason: str, actor: Actor, clock: Clock, note: str = ""
) -> Meeting:
    """The lead is nothing for us, with a reason of the taxonomy; its open handoff ends.

    Raises ValidationFailed at /reason or /note; AlreadyDecided, NotOwner.
    """
    meeting, handoff, now = _to_decide(meeting_id, clock)
    _check_answers_for(meeting, handoff, actor)
    chosen = feedback.choose_reason(kind=Reason.Kind.DISQUALIFIED, slug=reason, note=note)
    if handoff.state == Handoff.State.OPEN:
        move_to_stage(
            lead_id=handoff.lead_id,
            to="disqualified",
            why=note,
            reason=reason,
            actor=replace(actor, oversees=True),
            clock=lambda: now,
        )
    meeting.reason = chosen
    return _decide(meeting, State.DISQUALIFIED, actor, now, note=note)


@transaction.atomic
def cancel_meeting(
    *,
    meeting_id: UUID,
    actor: Actor,
    clock: Clock,
    zone: str,
    follow_up: date | None = None,
    note: str = "",
) -> Meeting:
    """It will not be held; an outbound lead goes back to the SDR. Raises ValidationFailed at /note without a
    word why, and at /follow_up; AlreadyDecided, NotOwner."""
    meeting, handoff, now = _to_decide(meeting_id, clock)
    _check_takes_part(meeting, handoff, actor)
    if not note.strip():
        raise ValidationFailed.at("/note", "Say why in a few words.", "required")
    _check_follow_up(follow_up, now, zone)
    meeting.follow_up = follow_up
    done = _decide(meeting, State.CANCELLED, actor, now, note=note)
    acts.back_to_sdr(meeting, handoff, actor, now, zone=zone)
    return done


@transaction.atomic
def reschedule_meeting(
    *,
    meeting_id: UUID,
    starts_at: datetime,
    actor: Actor,
    clock: Clock,
    minutes: int | None = None,
    ae_id: UUID | None = None,
    anyway: bool = False,
    note: str = "",
) -> Meeting:
    """Another day: a meeting that follows this one, which stays in the record, as rescheduled where it was
    only booked and as the no-show or cancelled one that it was. Gives back the new one.

    Raises as `book_meeting`; Conflict where the outcome of this one lets none follow it; NotOwner.
    """
    meeting, handoff, now = _to_decide(
        meeting_id, clock, states=(State.BOOKED, State.NO_SHOW, State.CANCELLED)
    )
    _check_takes_part(meeting, handoff, actor)
    length = int((meeting.ends_at - meeting.starts_at).total_seconds() // 60)
    keeps = ae_id is None and acts.takes_leads(meeting.ae_id)
    said = Booking(
        starts_at=starts_at,
        minutes=minutes or length,
        ae_id=meeting.ae_id if keeps else ae_id,
        attendee_title=meeting.attendee_title,
        seniority=meeting.seniority,
        next_step=meeting.next_step,
        anyway=anyway,
    )
    _check_said(said, now)
    if meeting.state == State.BOOKED:
        _decide(meeting, State.RESCHEDULED, actor, now, note=note, tells=False)
    elif Meeting.objects.filter(lead_id=meeting.lead_id, state=State.BOOKED).exists():
        raise Conflict("This lead has another meeting by now: reschedule that one.")
    handoffs = list(acts.lock_lead(meeting.lead_id)[1])
    sdr = meeting.sdr if meeting.sdr.is_active else _booker(actor)
    return _book(handoff.lead, handoffs, said, sdr, actor, now, clock=clock, follows=meeting)


@transaction.atomic
def undo_outcome(*, meeting_id: UUID, actor: Actor, clock: Clock) -> Meeting:
    """Take an outcome back within 10 s: the meeting is to be answered again, and its lead as before. A lead
    that became the AE's by it stays with the AE.

    Raises NotFound, NotOwner; Conflict where it is too late, was never answered, or went on meanwhile.
    """
    meeting, handoff, now = _to_decide(meeting_id, clock, states=tuple(State))
    if meeting.decided_at is None:
        raise Conflict("This meeting has no outcome to take back.")
    if meeting.state == State.RESCHEDULED:
        raise Conflict("It was put on another day: reschedule the new meeting.")
    mine = meeting.decided_by == actor.key
    if not (mine or actor.oversees):
        raise NotOwner("Only the person who gave an answer may take it back.")
    check_undo(meeting.decided_at, now)
    if Meeting.objects.filter(lead_id=meeting.lead_id, state=State.BOOKED).exists():
        raise Conflict("Another meeting was booked meanwhile.")
    acting = replace(actor, oversees=True)
    if meeting.state == State.ACCEPTED:
        if handoff.lead.stage not in (Stage.MQL, Stage.SAL):
            raise Conflict(f"The lead is at {Stage(handoff.lead.stage).label} by now, so this stays.")
        if handoff.accepted_at == meeting.decided_at:
            undo_accept(lead_id=handoff.lead_id, actor=acting, clock=lambda: now)
    elif meeting.state == State.DISQUALIFIED:
        if handoff.closed_at == meeting.decided_at:
            undo_answer(lead_id=handoff.lead_id, actor=acting, clock=lambda: now)
    elif handoff.owned_since == meeting.decided_at and acts.takes_leads(meeting.ae_id):
        acts.give_to(handoff, meeting.ae_id, actor, now, why="Taken back.")
    meeting.state, meeting.absent, meeting.reason, meeting.follow_up = State.BOOKED, "", None, None
    meeting.decided_at, meeting.decided_by, meeting.note = None, "", ""
    meeting.save()
    acts.hold_for(meeting, handoff, actor, now)
    outbox.expire([f"meeting:{meeting.id}"], now=now, kinds={"meeting.decided"})
    _record(meeting, "meeting.undone", actor, now)
    leads.mark_dirty([handoff.id], now)
    return meeting


# --- Under the lock ---


def _to_decide(
    meeting_id: UUID, clock: Clock, *, states: tuple[Meeting.State, ...] = (State.BOOKED,)
) -> tuple[Meeting, Handoff, datetime]:
    """The meeting as it is once nobody else holds its lead. Raises NotFound, AlreadyDecided."""
    lead_id = Meeting.objects.filter(id=meeting_id).values_list("lead_id", flat=True).first()
    if lead_id is None:
        raise NotFound("There is no such meeting.")
    _, handoffs = acts.lock_lead(lead_id)
    now = clock()
    meeting = Meeting.objects.select_related("sdr", "ae").get(id=meeting_id)
    if meeting.state not in states:
        label = str(State(meeting.state).label).lower()
        raise AlreadyDecided(f"This meeting was answered before: {label}.", outcome=str(meeting.state))
    return meeting, next(each for each in handoffs if each.id == meeting.handoff_id), now


def answers_for(meeting: Meeting, owner_id: UUID | None, actor: Actor) -> bool:
    """Whether somebody may accept or disqualify: the AE, who has the outbound handoff now, an overseer."""
    if actor.oversees or actor.member is None:
        return actor.oversees
    mine = {meeting.ae_id} | ({owner_id} if meeting.handoff.kind == acts.OUTBOUND else set())
    return actor.member.id in mine


def takes_part(meeting: Meeting, owner_id: UUID | None, actor: Actor) -> bool:
    """Whether somebody may cancel, reschedule, or say that it was not held."""
    booked = actor.member is not None and actor.member.id == meeting.sdr_id
    return booked or answers_for(meeting, owner_id, actor)


def _check_answers_for(meeting: Meeting, handoff: Handoff, actor: Actor) -> None:
    meeting.handoff = handoff
    if not answers_for(meeting, handoff.owner_id, actor):
        raise NotOwner(f"{meeting.ae.name} answers this meeting, or a manager.")


def _check_takes_part(meeting: Meeting, handoff: Handoff, actor: Actor) -> None:
    meeting.handoff = handoff
    if not takes_part(meeting, handoff.owner_id, actor):
        raise NotOwner("Only the SDR, the AE or a manager says what became of this meeting.")


def _check_held(meeting: Meeting, now: datetime) -> None:
    if now < meeting.starts_at:
        raise Conflict("The meeting is still to come: cancel or reschedule it.")


def _check_follow_up(day: date | None, now: datetime, zone: str) -> None:
    if day is not None and acts.midnight(day, zone) <= now:
        raise ValidationFailed.at("/follow_up", "Choose a day to come.", "past")


def _decide(
    meeting: Meeting, state: Meeting.State, actor: Actor, now: datetime, *, note: str, tells: bool = True
) -> Meeting:
    if len(note) > NOTE:
        raise ValidationFailed.at("/note", f"At most {NOTE:,} characters.", "max_length")
    meeting.state, meeting.note = state, note.strip()
    meeting.decided_at, meeting.decided_by = now, actor.key
    meeting.save()
    _record(meeting, f"meeting.{state}", actor, now)
    if tells and meeting.sdr.is_active:
        _tell(meeting, "meeting.decided", [meeting.sdr_id], now, delay=UNDO_SECONDS)
    leads.mark_dirty([meeting.handoff_id], now)
    return meeting


def _record(meeting: Meeting, action: str, actor: Actor, now: datetime) -> None:
    record_change(
        actor=actor.key,
        action=action,
        object_type="meeting",
        object_id=meeting.id,
        after={
            "lead": str(meeting.lead_id),
            "state": str(meeting.state),
            "starts_at": meeting.starts_at.isoformat(),
            "ae": str(meeting.ae_id),
        },
        now=now,
    )


def _tell(meeting: Meeting, kind: str, to: list[UUID], now: datetime, *, delay: int) -> None:
    message = outbox.Message(
        kind=kind,
        event_id=uuid7(),
        subject=f"meeting:{meeting.id}",
        member_ids=to,
        data={
            "handoff": str(meeting.handoff_id),
            "lead": str(meeting.lead_id),
            "meeting": str(meeting.id),
            "state": str(meeting.state),
            "at": now.isoformat(),
        },
        delay_seconds=delay,
    )
    outbox.enqueue([message], now=now)
