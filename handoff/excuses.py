"""A broken clock is to be excused: who may ask, who decides, and who hears of it.

An excuse changes no clock: the breach stays on record, and reports show a second rate without it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from core.errors import Conflict, FieldError, NotFound, NotOwner, PermissionDenied, ValidationFailed
from handoff import limits
from handoff.selectors import teams_of
from handoff.services import Actor
from leads.models import Handoff
from leads.services import mark_dirty
from notifications import outbox
from sla import targets
from sla.models import Excuse, Timer
from sla.selectors import status_now
from sla.status import Status
from tenants.audit import record_change
from tenants.clock import Clock
from tenants.context import current_tenant_id
from tenants.models import Member, Role, Team

#: The statuses of a clock that there is something to excuse of.
BROKEN: Final = frozenset({Status.MISSED, Status.OVERDUE})
_STANDING: Final = (Excuse.State.ASKED, Excuse.State.APPROVED)

#: Organisations of which this process has seen an excuse: one asked for stays on record.
_with_excuses: set[UUID] = set()
#: Until when, on this process's own clock, it believes of the others that they have none.
_without_until: dict[UUID, float] = {}
_BELIEVED: Final = 60.0


def are_used() -> bool:
    """Whether anybody here ever asked for an excuse: until then they are not in people's way.

    Every page asks, so a no is believed for a minute: another process sees the first excuse that much later.
    """
    tenant_id = current_tenant_id()
    if tenant_id in _with_excuses:
        return True
    if _without_until.get(tenant_id, 0.0) > monotonic():
        return False
    if Excuse.objects.exists():
        _seen(tenant_id)
        return True
    _without_until[tenant_id] = monotonic() + _BELIEVED
    return False


def _seen(tenant_id: UUID) -> None:
    _with_excuses.add(tenant_id)
    _without_until.pop(tenant_id, None)


@transaction.atomic
def ask(*, timer_id: UUID, kind: str, note: str, actor: Actor, clock: Clock) -> Excuse:
    """Ask that a broken clock be excused; whoever decides is told.

    Raises NotFound; NotOwner for a clock of somebody else; ValidationFailed at /kind and /note; Conflict at
    /timer where the clock is not broken or has an excuse that waits or was approved.
    """
    timer = _lock(timer_id)
    now = clock()
    subject = _subject(timer)
    if not _may_ask(actor, subject):
        raise NotOwner("This clock is somebody else's. Its owner or the manager of their team may ask.")
    if kind not in Excuse.Kind.values:
        raise ValidationFailed.at("/kind", f"Use one of: {', '.join(Excuse.Kind.values)}.", "invalid_choice")
    said = _note(note, "Say what happened, so that somebody else can judge it.")
    status = status_now(timer, now=now)
    if status not in BROKEN:
        stands = status.value.replace("_", " ")
        raise _conflict(f"This clock is {stands}: only one that is overdue or missed can be excused.")
    standing = Excuse.objects.filter(timer=timer, state__in=_STANDING).first()
    if standing is not None:
        raise _conflict(
            "An excuse for this clock waits for an answer already. Withdraw it to ask anew."
            if standing.state == Excuse.State.ASKED
            else "This clock is excused already."
        )
    made = Excuse.objects.create(
        timer=timer,
        handoff_id=timer.handoff_id,
        kind=kind,
        note=said,
        asked_at=now,
        asked_by=actor.key,
        asker=actor.member,
    )
    _seen(made.tenant_id)
    _record(made, "excuse.asked", actor, now)
    _tell(made, "lead.excuse_asked", [each.id for each in deciders(made)], now)
    return made


def approve(*, excuse_id: UUID, note: str, actor: Actor, clock: Clock) -> Excuse:
    """Leave the clock out of the second rate. Raises as `refuse`, and Conflict where the clock was answered
    in time after all."""
    return _decide(excuse_id, Excuse.State.APPROVED, note, actor, clock)


def refuse(*, excuse_id: UUID, note: str, actor: Actor, clock: Clock) -> Excuse:
    """Say no. Raises NotFound, PermissionDenied, ValidationFailed at /note, Conflict where it is decided."""
    return _decide(excuse_id, Excuse.State.REFUSED, note, actor, clock)


@transaction.atomic
def withdraw(*, excuse_id: UUID, actor: Actor, clock: Clock) -> Excuse:
    """Take one's own question back while nobody has answered it. Raises NotFound, PermissionDenied,
    Conflict."""
    excuse = _lock_excuse(excuse_id)
    now = clock()
    if actor.key != excuse.asked_by and not (actor.member and actor.member.id == excuse.asker_id):
        raise PermissionDenied("Only whoever asked may withdraw an excuse.")
    _check_open(excuse)
    return _settle(excuse, Excuse.State.WITHDRAWN, "", actor, now)


@transaction.atomic
def _decide(excuse_id: UUID, state: Excuse.State, note: str, actor: Actor, clock: Clock) -> Excuse:
    excuse = _lock_excuse(excuse_id)
    now = clock()
    why = why_not_decide(excuse, actor)
    if why:
        raise PermissionDenied(why)
    _check_open(excuse)
    said = _note(note, "Say why: whoever asked reads it.")
    if state == Excuse.State.APPROVED and status_now(excuse.timer, now=now) not in BROKEN:
        raise Conflict("The clock was answered in time after all: there is nothing left to excuse.")
    _settle(excuse, state, said, actor, now)
    # The second rate changes with this very transaction.
    mark_dirty([excuse.handoff_id], now)
    _tell(excuse, "lead.excuse_decided", [excuse.asker_id] if excuse.asker_id else [], now)
    return excuse


def _settle(excuse: Excuse, state: Excuse.State, note: str, actor: Actor, now: datetime) -> Excuse:
    excuse.state, excuse.decided_at, excuse.decided_by, excuse.decision_note = state, now, actor.key, note
    excuse.save(update_fields=["state", "decided_at", "decided_by", "decision_note"])
    _record(excuse, f"excuse.{state}", actor, now)
    return excuse


# --- Who ---


def _subject(timer: Timer) -> Member | None:
    """Whom a breach counts for: the owner of an owner clock, the lead's owner for the company's."""
    return timer.member if timer.clock == Timer.Clock.OWNER else timer.handoff.owner


def _leads(member: Member, subject: Member | None, teams: Collection[UUID] | None = None) -> bool:
    """Whether this member may speak for the team of the subject. teams: the member's, where known."""
    if member.role == Role.ADMIN:
        return True
    if member.role != Role.MANAGER:
        return False
    if subject is None or subject.team_id is None:
        return subject is None
    return subject.team_id in (teams_of(member) if teams is None else teams)


def _may_ask(actor: Actor, subject: Member | None) -> bool:
    member = actor.member
    if member is None:
        return actor.oversees
    return (subject is not None and subject.id == member.id) or _leads(member, subject)


def why_not_decide(excuse: Excuse, actor: Actor, teams: Collection[UUID] | None = None) -> str:
    """Why this person may not decide, as a sentence; "" where they may. teams: theirs, where they are known.

    Nobody decides what they asked for, or about their own clock, but for an organisation's only admin: there
    nobody else could.
    """
    member, subject = actor.member, _subject(excuse.timer)
    if member is None:
        return "" if actor.oversees and actor.key != excuse.asked_by else "Another must decide than asked."
    if not _leads(member, subject, teams):
        return "The manager of the owner's team or an admin decides about an excuse."
    if member.id in (excuse.asker_id, subject.id if subject else None) and not _only_admin(member):
        return "Somebody else must decide about your own excuse: another manager of the team, or an admin."
    return ""


def _only_admin(member: Member) -> bool:
    others = Member.objects.filter(role=Role.ADMIN, is_active=True).exclude(id=member.id)
    return member.role == Role.ADMIN and not others.exists()


def deciders(excuse: Excuse) -> list[Member]:
    """Who is told that an excuse waits: the manager and the stand-in of the team, else the admins."""
    subject = _subject(excuse.timer)
    chiefs: list[Member] = []
    team = (
        Team.objects.filter(id=subject.team_id).select_related("manager", "backup").first()
        if subject
        else None
    )
    if team is not None:
        chiefs = [each for each in (team.manager, team.backup) if each is not None and each.is_active]
    own = {excuse.asker_id, subject.id if subject else None}
    able = [each for each in chiefs if each.id not in own]
    if able:
        return able
    admins = list(Member.objects.filter(role=Role.ADMIN, is_active=True).order_by("id"))
    return [each for each in admins if each.id not in own] or admins


def visible_excuses(member: Member | None) -> QuerySet[Excuse]:
    """Those that a member may read: a manager's teams', one's own, all for an admin and for a program."""
    found: QuerySet[Excuse] = Excuse.objects.select_related(
        "asker", "timer__member", "timer__handoff__owner", "timer__handoff__lead"
    )
    if member is None or member.role == Role.ADMIN:
        return found
    owner, company = Q(timer__clock=Timer.Clock.OWNER), Q(timer__clock=Timer.Clock.COMPANY)
    mine = Q(asker=member) | owner & Q(timer__member=member)
    if member.role != Role.MANAGER:
        return found.filter(mine)
    teams = teams_of(member)
    return found.filter(
        mine
        | owner & Q(timer__member__team_id__in=teams)
        | company & (Q(timer__handoff__owner__team_id__in=teams) | Q(timer__handoff__owner__isnull=True))
    )


# --- Of one lead ---


@dataclass(frozen=True, slots=True)
class BrokenClock:
    """A broken clock of a lead, and how its last excuse stands; "" without any. may_ask: this member can."""

    timer: Timer
    title: str
    state: str
    may_ask: bool


def broken_clocks(
    handoff: Handoff,
    timers: Iterable[Timer],
    states: Mapping[str, str],
    member: Member,
    *,
    names: Mapping[UUID, str],
    now: datetime,
) -> list[BrokenClock]:
    """What of a handoff is overdue or missed; without a query.

    states: of the last excuse, by timer id. names: of the handoff's owners, present and former.

    Whoever oversees and may open the lead is offered to ask; `ask` looks at the teams again.
    """
    oversees = Actor.person(member).oversees
    found = []
    for timer in sorted(timers, key=lambda each: (each.due_at, each.id)):
        if status_now(timer, now=now) not in BROKEN:
            continue
        company = timer.clock == Timer.Clock.COMPANY
        state = states.get(str(timer.id), "")
        mine = (handoff.owner_id if company else timer.member_id) == member.id
        whose = (
            "the company" if company or timer.member_id is None else names.get(timer.member_id, "the owner")
        )
        title = f"{targets.label(timer.target)}, {whose}'s clock"
        found.append(BrokenClock(timer, title, state, (mine or oversees) and state not in _STANDING))
    return found


def document(excuse: Excuse) -> dict[str, Any]:
    """An excuse as the API gives it."""
    return {
        "id": excuse.id,
        "timer": excuse.timer_id,
        "handoff": excuse.handoff_id,
        "kind": excuse.kind,
        "note": excuse.note,
        "state": excuse.state,
        "asked_at": excuse.asked_at,
        "asked_by": excuse.asked_by,
        "decided_at": excuse.decided_at,
        "decided_by": excuse.decided_by,
        "decision_note": excuse.decision_note,
    }


# --- Under the lock ---


def _lock(timer_id: UUID) -> Timer:
    """The timer as it is once nobody else holds its handoff."""
    handoff_id = Timer.objects.filter(id=timer_id).values_list("handoff_id", flat=True).first()
    if handoff_id is None:
        raise NotFound("There is no such clock.")
    Handoff.objects.select_for_update(of=("self",)).get(id=handoff_id)
    found: Timer = Timer.objects.select_related("member", "handoff__owner").get(id=timer_id)
    return found


def _lock_excuse(excuse_id: UUID) -> Excuse:
    timer_id = Excuse.objects.filter(id=excuse_id).values_list("timer_id", flat=True).first()
    if timer_id is None:
        raise NotFound("There is no such excuse.")
    timer = _lock(timer_id)
    excuse: Excuse = Excuse.objects.get(id=excuse_id)
    excuse.timer = timer
    return excuse


def _check_open(excuse: Excuse) -> None:
    if excuse.state != Excuse.State.ASKED:
        raise Conflict(f"This excuse is {excuse.state} already.", state=str(excuse.state))


def _note(note: str, missing: str) -> str:
    said = note.strip()
    if not said:
        raise ValidationFailed.at("/note", missing, "required")
    if len(said) > limits.EXCUSE_NOTE:
        raise ValidationFailed.at("/note", f"At most {limits.EXCUSE_NOTE} characters.", "max_length")
    return said


def _conflict(text: str) -> Conflict:
    return Conflict(text, field_errors=[FieldError("/timer", text, "not_excusable")])


def _record(excuse: Excuse, action: str, actor: Actor, now: datetime) -> None:
    record_change(
        actor=actor.key,
        action=action,
        object_type="excuse",
        object_id=excuse.id,
        after={"timer": str(excuse.timer_id), "kind": excuse.kind, "state": str(excuse.state)},
        now=now,
    )


def _tell(excuse: Excuse, kind: str, to: Sequence[UUID], now: datetime) -> None:
    if excuse.timer.handoff.is_history:
        return
    message = outbox.Message(
        kind=kind,
        event_id=excuse.id,
        subject=f"handoff:{excuse.handoff_id}",
        member_ids=to,
        data={
            "handoff": str(excuse.handoff_id),
            "lead": str(excuse.timer.handoff.lead_id),
            "timer": str(excuse.timer_id),
            "excuse": str(excuse.id),
            "state": str(excuse.state),
            "at": now.isoformat(),
        },
    )
    outbox.enqueue([message], now=now)
