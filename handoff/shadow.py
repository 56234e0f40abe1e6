"""The gate of shadow mode: what the engine does by itself is done for teams that are live, and only written
down for those in shadow.

Everything is measured in both. In shadow the engine tells nobody (people and webhooks alike), moves no lead
and raises no priority; what a person does by hand works as always. The sweep, the moves and the leave of
owners ask `gate_of` and write what they held back with `hold_back`; nobody else decides about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from leads.models import Handoff
from notifications.outbox import Message
from sla.ladder import MESSAGES, Rung
from sla.models import HeldBack
from tenants.bulk import insert_rows
from tenants.config import configured
from tenants.context import current_tenant_id
from tenants.models import Member, Mode, Team, Tenant

STEP: Final = "step"
AWAY: Final = "away"


@dataclass(frozen=True, slots=True)
class Gate:
    """Who is only measured. Pure: what the modes of teams come to for a person, or for nobody.

    house:    the organisation is in shadow: leads that nobody owns, people without a team.
    shadowed: the teams in shadow.
    teams:    of the people who were asked about.
    """

    house: bool = False
    shadowed: frozenset[UUID] = frozenset()
    teams: Mapping[UUID, UUID | None] = field(default_factory=dict)

    def holds(self, member_id: UUID | None) -> bool:
        """Whether nothing is done for a lead of this person (None: of nobody), or told to them."""
        team_id = self.team_of(member_id)
        return self.house if team_id is None else team_id in self.shadowed

    def team_of(self, member_id: UUID | None) -> UUID | None:
        """The person's team; None for nobody and for people without one: the organisation's mode counts."""
        return self.teams.get(member_id) if member_id else None


LIVE: Final = Gate()


def gate_of(member_ids: Iterable[UUID | None]) -> Gate:
    """The gate as it stands now for these people. One query; two where anything is in shadow."""
    house, shadowed = _modes()
    if not house and not shadowed:
        return LIVE
    return Gate(house, shadowed, _teams(frozenset(each for each in member_ids if each)))


_MODES: Final = """
select (select mode = 'shadow' from tenants_tenant where id = %(tenant)s),
       array(select id from tenants_team where tenant_id = %(tenant)s and mode = 'shadow')::text[]
"""


@configured
def _modes() -> tuple[bool, frozenset[UUID]]:
    """Whether the organisation is in shadow, and which of its teams are."""
    with connection.cursor() as cursor:
        cursor.execute(_MODES, {"tenant": str(current_tenant_id())})
        house, teams = cursor.fetchone()
    return bool(house), frozenset(map(UUID, teams))


@configured
def _teams(member_ids: frozenset[UUID]) -> dict[UUID, UUID | None]:
    return dict(Member.objects.filter(id__among=member_ids).values_list("id", "team_id"))


def is_measured_only(owner: Member | None, tenant: Tenant) -> bool:
    """The same for one person whose team is loaded, for pages: no query."""
    team: Team | None = owner.team if owner is not None else None
    return (team.mode if team is not None else tenant.mode) == Mode.SHADOW


# --- What was held back ---


def hold_back(rows: Sequence[HeldBack]) -> None:
    """Write down what would have been done; again adds nothing."""
    insert_rows(rows, conflict="on conflict (tenant_id, event_id, kind) do nothing")


def held_step(
    handoff: Handoff,
    rung: Rung,
    *,
    event_id: UUID,
    target: str,
    stand_in_id: UUID | None,
    gate: Gate,
    now: datetime,
) -> HeldBack:
    """A step of the ladder. stand_in_id: whom its move names before the pool is asked."""
    move = rung.move
    moves = (
        "" if move is None else HeldBack.Moves.QUEUE if move.do == "move_to_queue" else HeldBack.Moves.NEXT
    )
    return HeldBack(
        kind=STEP,
        event_id=event_id,
        handoff_id=handoff.id,
        team_id=gate.team_of(handoff.owner_id),
        member_id=handoff.owner_id,
        at=now,
        target=target,
        percent=rung.percent,
        tells=any(act.do in MESSAGES for act in rung.actions),
        moves=moves,
        to_member_id=stand_in_id if move else None,
        raises=any(act.do == "raise_priority" for act in rung.actions),
    )


def held_absence(handoff: Handoff, *, assignment_id: UUID, gate: Gate, now: datetime) -> HeldBack:
    """A lead that would have moved on because its owner is away; once an assignment."""
    return HeldBack(
        kind=AWAY,
        event_id=assignment_id,
        handoff_id=handoff.id,
        team_id=gate.team_of(handoff.owner_id),
        member_id=handoff.owner_id,
        at=now,
        moves=HeldBack.Moves.NEXT,
    )


@dataclass(frozen=True, slots=True)
class Telling:
    """A message that the engine wants to send about a handoff, and whose mode it goes by.

    member_id: the person whom it is for; None where the lead has no owner, which is the organisation's.
    """

    message: Message
    handoff_id: UUID
    member_id: UUID | None


def through(tellings: Sequence[Telling], *, now: datetime) -> list[Message]:
    """The messages as the outbox is to have them: those of whoever is in shadow suppressed, and written
    down."""
    gate = gate_of(telling.member_id for telling in tellings) if tellings else LIVE
    messages, held = [], []
    for telling in tellings:
        message = telling.message
        if gate.holds(telling.member_id):
            message = replace(message, suppressed=True)
            held.append(
                HeldBack(
                    kind=message.kind,
                    event_id=message.event_id,
                    handoff_id=telling.handoff_id,
                    team_id=gate.team_of(telling.member_id),
                    member_id=telling.member_id,
                    at=now,
                    tells=True,
                )
            )
        messages.append(message)
    hold_back(held)
    return messages
