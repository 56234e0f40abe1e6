"""Somebody's leads go to others at once: while they are away or too full, or because they leave for good.

Leaving for good is one step: what would be left behind is shown first, and either all of it is done or
nothing: open leads, seats in pools, the fallback person's place, teams and accounts. See docs/routing.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from core.errors import Conflict, NotOwner, ValidationFailed
from handoff import limits
from handoff.bulk import Line, line_of
from handoff.moves import MoveRequest, MoveResult, reassign, would_move
from handoff.selectors import teams_of
from handoff.services import Actor
from leads.models import Account, Assignment, Handoff
from routing import settings as routing
from routing.models import PoolSeat, RoutingSettings
from routing.pool_use import take_from_pools
from tenants.audit import record_change
from tenants.clock import Clock
from tenants.models import Member, RepProfile, Role, Team
from tenants.services import change_member

#: Open leads that one step moves at most: each takes a decision, new clocks and messages, in one transaction.
MOST_LEADS: Final = 2_000
_PLACES: Final = {"manager": "manager", "director": "director", "backup": "backup"}


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody holds now. undecided: of their open leads, those not accepted yet.

    last_in: pools that leads are sent to and where nobody else active sits.
    teams:   {team: their places in it}.
    """

    member: Member
    leads: int
    undecided: int
    pools: Sequence[str]
    last_in: Sequence[str]
    is_fallback: bool
    teams: Mapping[str, Sequence[str]]
    accounts: int

    @property
    def needs_successor(self) -> bool:
        """Whether somebody must take a place that cannot be empty."""
        return bool(self.last_in) or self.is_fallback


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of the leads: how many each person got, by name; and how many wait without an owner.

    without_backup: teams whose manager has nobody to stand in for them any more.
    """

    count: int = 0
    to: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    without_backup: Sequence[str] = ()


def standing(member: Member) -> Standing:
    """What this person holds."""
    mine = Handoff.objects.filter(owner=member, state=Handoff.State.OPEN)
    seats = list(PoolSeat.objects.filter(member=member).select_related("pool").order_by("pool__name"))
    teams: dict[str, list[str]] = {}
    for team in Team.objects.filter(Q(manager=member) | Q(director=member) | Q(backup=member)).order_by(
        "name"
    ):
        teams[team.name] = [
            word for name, word in _PLACES.items() if getattr(team, f"{name}_id") == member.id
        ]
    return Standing(
        member=member,
        leads=mine.count(),
        undecided=mine.filter(accepted_at=None).count(),
        pools=[seat.pool.name for seat in seats],
        last_in=[pool.name for pool in routing.pools_left_empty(member)],
        is_fallback=RoutingSettings.objects.filter(fallback=member).exists(),
        teams=teams,
        accounts=Account.objects.filter(owner=member, merged_into=None).count(),
    )


def left_empty(member: Member, successor: Member | None) -> dict[str, list[str]]:
    """Places in teams that nobody would hold if this person left for that successor: {team: places}."""
    found: dict[str, list[str]] = {}
    for team, before, after in _places_after(member, successor):
        empty = [word for place, word in _PLACES.items() if before[place] and not after[place]]
        if empty:
            found[team.name] = empty
    return found


@transaction.atomic
def hand_leads_on(
    *,
    member_id: UUID,
    why: str,
    actor: Actor,
    clock: Clock,
    to: UUID | None = None,
    undecided_only: bool = False,
) -> Moved:
    """Give all open leads of a person to somebody, or to whom the rules choose where `to` is None.

    undecided_only: accepted ones stay. Raises NotOwner for who does not oversee this person, ValidationFailed
    for a receiver who cannot have them.
    """
    member = _overseen(member_id, actor)
    results = _move(member, why=why, to=to, undecided_only=undecided_only, actor=actor, clock=clock)
    return _told(results)


def preview(
    *, member_id: UUID, actor: Actor, clock: Clock, to: UUID | None = None, undecided_only: bool = False
) -> list[Line]:
    """Who would get each of a person's leads as things stand, by the same decisions. Nothing is locked or
    written. Raises as `hand_leads_on`.
    """
    member = _overseen(member_id, actor)
    if to is not None:
        _receiver(to, member, path="/to")
    handoffs = list(_theirs(member, undecided_only=undecided_only)[:MOST_LEADS])
    requests = [
        MoveRequest(handoff, Assignment.EndReason.REASSIGNED, to_member_id=to) for handoff in handoffs
    ]
    outcomes = would_move(requests, [], now=clock())
    return [
        line_of(handoff.lead_id, outcome.member_id, outcome.reason, member.id)
        for handoff, outcome in zip(handoffs, outcomes, strict=True)
    ]


@transaction.atomic
def depart(
    *,
    member_id: UUID,
    why: str,
    actor: Actor,
    clock: Clock,
    leads_to: UUID | None = None,
    successor: UUID | None = None,
) -> Moved:
    """Switch somebody off for good, and pass on all that they hold. Admins alone.

    leads_to:  who gets their leads; the rules choose where it is None.
    successor: takes their places: the fallback person's, seats where nobody else sits, teams, accounts.
               Without one, teams and accounts have nobody there. Who manages a team by it is not its backup
               as well: that place is empty then.
    Raises ValidationFailed where a place needs somebody, Conflict where a lead can go to nobody, or where the
    escalation ladder still names them (tenants.services.departure_guards).
    """
    if actor.member is not None and actor.member.role != Role.ADMIN:
        raise NotOwner("Only an admin may switch somebody off.")
    member = _member(member_id)
    if actor.member is not None and actor.member.id == member.id:
        raise Conflict("Somebody else must switch you off.")
    heir = _receiver(successor, member, path="/successor") if successor else None
    take_from_pools()
    held = standing(member)
    if held.needs_successor and heir is None:
        what = ["catches what nobody takes"] if held.is_fallback else []
        what += [f"is the last one in {name}" for name in held.last_in]
        raise ValidationFailed.at(
            "/successor", f"Choose who takes over: {member.name} {' and '.join(what)}.", "required"
        )
    if held.is_fallback and heir is not None:
        setting = RoutingSettings.objects.get()
        routing.change_settings(
            fallback_id=heir.id,
            max_hops=setting.max_hops,
            breaches_in_a_row=setting.breaches_in_a_row,
            actor=actor.key,
            clock=clock,
        )
    results = _move(member, why=why, to=leads_to, undecided_only=False, actor=actor, clock=clock)
    stuck = sum(result.outcome == "stays" for result in results)
    if stuck:
        many = "1 lead" if stuck == 1 else f"{stuck} leads"
        raise Conflict(f"The rules find nobody for {many}: choose who gets them.", open_leads=stuck)
    now = clock()
    _leave_pools(held, heir, actor=actor, clock=clock)
    without_backup = _leave_teams(member, heir, actor=actor, now=now)
    Account.objects.filter(owner=member).update(owner=heir)
    change_member(
        member=member,
        name=member.name,
        role=Role(member.role),
        team=member.team,
        is_active=False,
        actor=actor.key,
        now=now,
    )
    return replace(_told(results), without_backup=without_backup)


def _member(member_id: UUID) -> Member:
    found: Member | None = Member.objects.select_related("team").filter(id=member_id, is_active=True).first()
    if found is None:
        raise ValidationFailed.at("/member", "There is no active member with this id.", "unknown_member")
    return found


def _overseen(member_id: UUID, actor: Actor) -> Member:
    """Somebody whose leads this actor may move: a manager those of their teams, an admin everybody's."""
    member = _member(member_id)
    by = actor.member
    if by is None or by.role == Role.ADMIN:
        return member
    if by.role != Role.MANAGER or (member.team_id not in teams_of(by) and member.id != by.id):
        raise NotOwner(f"{member.name} is not in a team of yours.")
    return member


def _receiver(member_id: UUID, leaving: Member, *, path: str) -> Member:
    """Somebody active who takes leads, and is not who gives them."""
    found: Member | None = Member.objects.filter(id=member_id, is_active=True).first()
    if member_id == leaving.id:
        raise ValidationFailed.at(path, "Choose somebody else.", "same")
    if found is None or not RepProfile.objects.filter(member_id=member_id).exists():
        raise ValidationFailed.at(path, "Choose somebody active who takes leads.", "invalid_choice")
    return found


def _move(
    member: Member, *, why: str, to: UUID | None, undecided_only: bool, actor: Actor, clock: Clock
) -> list[MoveResult]:
    if not why.strip():
        raise ValidationFailed.at("/why", "Say why in a few words.", "required")
    if to is not None:
        _receiver(to, member, path="/to")
    mine = _theirs(member, undecided_only=undecided_only)
    # Written into a list after the lock: a lead that was answered meanwhile is not theirs to give any more.
    handoffs = list(mine.select_for_update(of=("self",), no_key=True)[: MOST_LEADS + 1])
    if len(handoffs) > MOST_LEADS:
        raise Conflict(f"More than {MOST_LEADS:,} open leads do not move in one step: close some first.")
    now = clock()
    reason = Assignment.EndReason.REASSIGNED
    results = reassign(
        [
            MoveRequest(handoff, reason, why=why.strip()[: limits.MOVE_WHY], to_member_id=to)
            for handoff in handoffs
        ],
        now=now,
        actor=actor.key,
    )
    told = _told(results)
    if told.count or told.waiting:
        record_change(
            actor=actor.key,
            action="leads_handed_on",
            object_type="member",
            object_id=member.id,
            before={"open_leads": len(handoffs)},
            after={"moved": told.count, "waiting": told.waiting, "to": str(to) if to else "rules"},
            now=now,
        )
    return results


def _theirs(member: Member, *, undecided_only: bool) -> QuerySet[Handoff]:
    """The leads of this person that may go on, in the order in which they do."""
    mine = Handoff.objects.filter(owner=member, state=Handoff.State.OPEN, is_history=False)
    if undecided_only:
        mine = mine.filter(accepted_at=None)
    return mine.order_by("id")


def _told(results: Sequence[MoveResult]) -> Moved:
    went = Counter(
        result.new_member_id
        for result in results
        if result.new_member_id is not None and result.new_member_id != result.old_member_id
    )
    names = dict(Member.objects.filter(id__in=list(went)).values_list("id", "name"))
    return Moved(
        count=sum(went.values()),
        to={names[key]: number for key, number in went.most_common()},
        waiting=sum(result.new_member_id is None for result in results),
    )


def _leave_pools(held: Standing, heir: Member | None, *, actor: Actor, clock: Clock) -> None:
    """Give their seats up; where a pool that is used would be empty, the heir sits down first."""
    by: dict[str, Any] = {"actor": actor.key, "clock": clock}
    for seat in PoolSeat.objects.filter(member=held.member).select_related("pool").order_by("pool_id"):
        empties = seat.pool.name in held.last_in
        if (
            heir is not None
            and empties
            and not PoolSeat.objects.filter(pool_id=seat.pool_id, member=heir).exists()
        ):
            routing.add_seat(pool_id=seat.pool_id, member_id=heir.id, weight=seat.weight, **by)
        routing.remove_seat(seat_id=seat.id, **by)


def _places_after(
    member: Member, heir: Member | None
) -> Iterator[tuple[Team, Mapping[str, UUID | None], Mapping[str, UUID | None]]]:
    """Each team in which this person holds a place: who holds its places now, and with the heir in theirs."""
    held = Q(manager=member) | Q(director=member) | Q(backup=member)
    for team in Team.objects.filter(held).order_by("name", "id"):
        before = {place: getattr(team, f"{place}_id") for place in _PLACES}
        after = {
            place: (heir.id if heir else None) if who == member.id else who for place, who in before.items()
        }
        # Nobody stands in for themselves, as save_team says: a step to the backup would tell nobody new.
        if after["manager"] is not None and after["manager"] == after["backup"]:
            after["backup"] = None
        yield team, before, after


def _leave_teams(member: Member, heir: Member | None, *, actor: Actor, now: datetime) -> list[str]:
    """Put the heir in this person's places. Answers with the teams that have no backup by that."""
    without_backup = []
    for team, before, after in _places_after(member, heir):
        if before["backup"] is not None and after["backup"] is None:
            without_backup.append(team.name)
        changed = [place for place in _PLACES if after[place] != before[place]]
        for place in changed:
            setattr(team, f"{place}_id", after[place])
        team.save(update_fields=changed)
        record_change(
            actor=actor.key,
            action="changed",
            object_type="team",
            object_id=team.id,
            before={place: _key(before[place]) for place in changed},
            after={place: _key(after[place]) for place in changed},
            now=now,
        )
    return without_backup


def _key(member_id: UUID | None) -> str | None:
    return str(member_id) if member_id else None
