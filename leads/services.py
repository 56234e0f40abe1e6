"""Everything that changes a lead: arrival, judgement, stages, handoffs, owners, touches. All of it for many
at once; one is a list of one.

The caller is inside a tenant's scope and holds the locks of the handoffs it names (ascending id); each
function writes in that transaction. Every function that changes a handoff also writes its dirty row for
reporting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max

from core.errors import FieldError, StageError, ValidationFailed
from leads.arrivals import Arrival
from leads.dirty import mark_dirty
from leads.lifecycle import IN_HANDOFF, Stage, can_move
from leads.models import Assignment, Handoff, Lead, StageChange, Touch
from leads.upsert import record_steps, upsert_leads
from tenants.bulk import fresh, insert_rows, update_rows

__all__ = [
    "Arrival",
    "NewOwner",
    "Terms",
    "close_handoffs",
    "end_assignments",
    "mark_dirty",
    "mark_worked",
    "move_stage",
    "move_stages",
    "open_handoffs",
    "prepare_handoffs",
    "record_steps",
    "record_touch",
    "reopen_handoff",
    "start_assignments",
    "take_step_back",
    "undo_touch",
    "upsert_leads",
]


# --- Stages -------------------------------------------------------------------------------------------------


def move_stages(
    leads: Sequence[Lead],
    to: Stage,
    *,
    actor: str,
    now: datetime,
    why: str = "",
    handoffs: Mapping[UUID, Handoff] | None = None,
) -> list[Lead]:
    """Move leads along the lifecycle and record each step; gives back those that moved.

    handoffs: by lead id, the handoff that each step belongs to.
    A lead that is at `to` already is left alone. Raises StageError, before anything is written, where the
    lifecycle has no such step.
    """
    moving = [lead for lead in leads if lead.stage != to]
    for lead in moving:
        if not can_move(Stage(lead.stage), to):
            raise StageError(
                f"A lead at {Stage(lead.stage).label} cannot become {to.label}.",
                stage=str(lead.stage),
                to=str(to),
            )
    changes = []
    for lead in moving:
        handoff = (handoffs or {}).get(lead.id)
        changes.append(
            StageChange(
                lead_id=lead.id,
                handoff_id=handoff.id if handoff else None,
                old=str(lead.stage),
                new=str(to),
                at=now,
                actor=actor,
                why=why[:300],
            )
        )
        lead.stage = to
        lead.updated_at = now
    update_rows(moving, ["stage", "updated_at"])
    insert_rows(changes)
    if to in IN_HANDOFF and handoffs:
        mark_worked([handoffs[lead.id] for lead in moving if lead.id in handoffs], now)
    return moving


def move_stage(
    lead: Lead, to: Stage, *, actor: str, now: datetime, why: str = "", handoff: Handoff | None = None
) -> bool:
    """`move_stages` for one lead: True if it moved, False if it was there already."""
    return bool(
        move_stages(
            [lead], to, actor=actor, now=now, why=why, handoffs={lead.id: handoff} if handoff else None
        )
    )


def take_step_back(lead: Lead, to: Stage, *, actor: str, now: datetime, why: str, handoff: Handoff) -> None:
    """Let a lead be at the stage that it was at before its last step, which is taken back: recorded as a step
    of its own, and no way of the lifecycle."""
    StageChange.objects.create(
        lead=lead,
        handoff=handoff,
        old=str(lead.stage),
        new=str(to),
        at=now,
        actor=actor,
        why=why,
    )
    lead.stage, lead.updated_at = to, now
    update_rows([lead], ["stage", "updated_at"])


def mark_worked(handoffs: Sequence[Handoff], at: datetime) -> None:
    """Note a sign of work on handoffs; one that was noted later already stands."""
    changed = [each for each in handoffs if each.worked_at is None or each.worked_at < at]
    for handoff in changed:
        handoff.worked_at = at
    update_rows(changed, ["worked_at"])


# --- Handoffs -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Terms:
    """By which contract a handoff runs: the tier that matched, inside which policy version."""

    policy_version_id: UUID
    tier: str
    tier_name: str


def prepare_handoffs(
    leads: Sequence[Lead],
    *,
    now: datetime,
    terms: Mapping[UUID, Terms] | None = None,
    arrivals: Mapping[UUID, Arrival] | None = None,
) -> list[Handoff]:
    """The next handoff of each lead, in the leads' order; nothing is written.

    terms:    by lead id, the tier that matched.
    arrivals: by lead id, what brought the lead now (saves counting): its source, campaign and channel go
              before the lead's first ones, and a test arrival makes a test handoff.
    The verdict is the lead's latest, frozen. Whoever prepares them writes them (`insert_rows`) in the same
    transaction; until then they may get an owner, who is written with them.
    """
    found = arrivals or {}
    numbers = {lead_id: arrival.last_number for lead_id, arrival in found.items()}
    uncounted = [lead.id for lead in leads if lead.id not in numbers]
    if uncounted:
        numbers.update(
            Handoff.objects.filter(lead_id__in=uncounted).values_list("lead_id").annotate(Max("number"))
        )
    rows = [_new_handoff(lead, numbers.get(lead.id, 0) + 1, found.get(lead.id), now) for lead in leads]
    for row in rows:
        agreed = (terms or {}).get(row.lead_id)
        if agreed is not None:
            row.policy_version_id, row.tier, row.tier_name = (
                agreed.policy_version_id,
                agreed.tier,
                agreed.tier_name,
            )
    return rows


def open_handoffs(leads: Sequence[Lead], *, now: datetime) -> list[Handoff]:
    """Open the next handoff of each lead that has none open; gives back those opened, in the leads' order.

    The stage is the caller's to move.
    """
    rows = prepare_handoffs(leads, now=now)
    opened = set(insert_rows(rows, conflict="on conflict do nothing", returning=True))
    mark_dirty(opened, now)
    return [row for row in rows if row.id in opened]


def _new_handoff(lead: Lead, number: int, arrival: Arrival | None, now: datetime) -> Handoff:
    came = arrival.item if arrival else None
    handoff = fresh(
        Handoff,
        tenant_id=lead.tenant_id,
        lead_id=lead.id,
        number=number,
        started_at=now,
        worked_at=now,
        criteria_version_id=lead.criteria_version_id,
        verdict=lead.verdict,
        source=(came.source if came else "") or lead.source,
        campaign=(came.campaign if came else "") or lead.campaign,
        channel=(came.channel if came else "") or lead.channel,
        is_test=came.test if came else lead.is_test,
        drill_seconds=came.drill_seconds if came else None,
    )
    handoff.lead = lead  # at hand for whoever asks
    return handoff


def close_handoffs(
    handoffs: Sequence[Handoff], *, outcome: Handoff.Outcome, now: datetime
) -> list[Assignment]:
    """Close open handoffs and end their assignments, which are given back. The handoff keeps the owner it
    had at its end; the lead has none any more. Closed ones are left alone."""
    closing = [handoff for handoff in handoffs if handoff.state == Handoff.State.OPEN]
    for handoff in closing:
        handoff.state = Handoff.State.CLOSED
        handoff.outcome = outcome
        handoff.closed_at = now
    update_rows(closing, ["state", "outcome", "closed_at"])
    _set_lead_owners({handoff.lead_id: None for handoff in closing}, now)
    return end_assignments(closing, reason=Assignment.EndReason.CLOSED, now=now, clear_owner=False)


def reopen_handoff(handoff: Handoff, *, now: datetime) -> None:
    """Open a handoff again whose ending is taken back, with the owner that it had. The stage and the clocks
    are the caller's to bring back."""
    ended = Assignment.objects.filter(
        handoff=handoff, ended_at=handoff.closed_at, end_reason=Assignment.EndReason.CLOSED
    )
    ended.update(ended_at=None, end_reason="")
    handoff.state, handoff.outcome, handoff.closed_at = Handoff.State.OPEN, "", None
    update_rows([handoff], ["state", "outcome", "closed_at"])
    _set_lead_owners({handoff.lead_id: handoff.owner_id}, now)


# --- Owners -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewOwner:
    """Whom a handoff goes to, and why: `reason` is one sentence for that person."""

    handoff: Handoff
    member_id: UUID
    decision_id: UUID | None = None
    reason: str = ""


def start_assignments(owners: Sequence[NewOwner], *, now: datetime, first: bool = False) -> list[Assignment]:
    """Give handoffs to their owners; gives back the assignments in the same order.

    first: these handoffs were opened in this transaction and never had an owner (saves a query).
    An assignment that is still open must have been ended before. Sets owner, owned_since, hops and
    unrouted_reason of the handoffs, also on the instances, and the owner of their leads.
    """
    if not owners:
        return []
    hops: dict[UUID, int] = {}
    if not first:
        ids = [owner.handoff.id for owner in owners]
        hops = dict(
            Assignment.objects.filter(handoff_id__in=ids).values_list("handoff_id").annotate(Max("hop"))
        )
    rows = []
    for owner in owners:
        handoff = owner.handoff
        hop = hops.get(handoff.id, -1) + 1
        row = fresh(
            Assignment,
            tenant_id=handoff.tenant_id,
            handoff_id=handoff.id,
            member_id=owner.member_id,
            hop=hop,
            started_at=now,
            decision_id=owner.decision_id,
            reason=owner.reason[:200],
        )
        row.handoff = handoff
        rows.append(row)
        handoff.owner_id = owner.member_id
        handoff.owned_since = handoff.worked_at = now
        handoff.hops = hop
        handoff.unrouted_reason = ""
    changed = ["owner", "owned_since", "worked_at", "hops", "unrouted_reason"]
    update_rows([owner.handoff for owner in owners], changed)
    _set_lead_owners({owner.handoff.lead_id: owner.member_id for owner in owners}, now)
    insert_rows(rows)
    mark_dirty([owner.handoff.id for owner in owners], now)
    return rows


def end_assignments(
    handoffs: Sequence[Handoff], *, reason: Assignment.EndReason, now: datetime, clear_owner: bool = True
) -> list[Assignment]:
    """End the open assignment of each handoff; gives back the ended ones.

    clear_owner: the handoffs and their leads have no owner now. False where `start_assignments` follows,
                 which names the next one.
    """
    if not handoffs:
        return []
    ids = [handoff.id for handoff in handoffs]
    ended = list(Assignment.objects.filter(handoff_id__in=ids, ended_at__isnull=True).order_by("id"))
    for assignment in ended:
        assignment.ended_at = now
        assignment.end_reason = reason
    update_rows(ended, ["ended_at", "end_reason"])
    if clear_owner:
        for handoff in handoffs:
            handoff.owner_id = None
            handoff.owned_since = None
        update_rows(handoffs, ["owner", "owned_since"])
        _set_lead_owners({handoff.lead_id: None for handoff in handoffs}, now)
    mark_dirty(ids, now)
    return ended


@dataclass(frozen=True, slots=True)
class _Owned:
    """What of a lead's row says whose it is."""

    id: UUID
    owner_id: UUID | None
    updated_at: datetime


def _set_lead_owners(owners: Mapping[UUID, UUID | None], now: datetime) -> None:
    """Write the owner of many leads, which counts as a change of the lead: whoever polls for changes must
    see it."""
    rows = [_Owned(lead_id, member_id, now) for lead_id, member_id in owners.items()]
    update_rows(rows, ["owner", "updated_at"], model=Lead)


# --- Touches ------------------------------------------------------------------------------------------------


def record_touch(
    *,
    lead: Lead,
    handoff: Handoff | None,
    kind: str,
    at: datetime,
    now: datetime,
    by_id: UUID | None = None,
    outcome: str = "",
    note: str = "",
    automatic: bool = False,
    external_id: str = "",
    counts: bool = False,
) -> tuple[Touch, bool]:
    """Keep one attempt to reach the lead; gives back the touch and whether it is new.

    counts: the policy takes it as a response; the handoff's first_touch_at becomes the earliest of those.
    A known `external_id` gives back the touch kept before and changes nothing. Raises ValidationFailed for an
    unknown kind.
    """
    if kind not in Touch.Kind.values:
        known = ", ".join(Touch.Kind.values)
        raise ValidationFailed(
            f"A touch is one of: {known}.",
            field_errors=[FieldError("/kind", f"Use one of: {known}.", "invalid_choice")],
        )
    touch = Touch(
        tenant_id=lead.tenant_id,
        lead=lead,
        handoff=handoff,
        kind=kind,
        at=at,
        logged_at=now,
        outcome=outcome,
        note=note,
        by_id=by_id,
        automatic=automatic,
        external_id=external_id,
    )
    if not insert_rows([touch], conflict="on conflict do nothing", returning=True):
        return Touch.objects.select_related("lead", "handoff").get(external_id=external_id), False
    if handoff is not None:
        changed = []
        if counts and (handoff.first_touch_at is None or at < handoff.first_touch_at):
            handoff.first_touch_at = at
            changed.append("first_touch_at")
        if not automatic and (handoff.worked_at is None or at > handoff.worked_at):
            handoff.worked_at = at
            changed.append("worked_at")
        if changed:
            update_rows([handoff], changed)
        mark_dirty([handoff.id], now)
    return touch, True


def undo_touch(touch: Touch, *, first_touch_at: datetime | None, now: datetime) -> None:
    """Take a touch back: it stays in the record, marked. `first_touch_at` is the earliest response that is
    left."""
    touch.undone_at = now
    update_rows([touch], ["undone_at"])
    if touch.handoff is not None:
        touch.handoff.first_touch_at = first_touch_at
        touch.handoff.worked_at = last_worked(touch.handoff)
        update_rows([touch.handoff], ["first_touch_at", "worked_at"])
        mark_dirty([touch.handoff.id], now)


def last_worked(handoff: Handoff) -> datetime:
    """The last sign of work on a handoff, by its rows; two queries."""
    touches = Touch.objects.filter(handoff=handoff, automatic=False, undone_at__isnull=True)
    steps = StageChange.objects.filter(handoff=handoff)
    touched: datetime | None = touches.aggregate(at=Max("at"))["at"]
    stepped: datetime | None = steps.aggregate(at=Max("at"))["at"]
    signs = (touched, stepped, handoff.owned_since, handoff.started_at)
    return max(at for at in signs if at is not None)
