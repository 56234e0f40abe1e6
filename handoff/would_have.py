"""What would have happened: reads of what shadow mode held back, by team, in counts and in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet

from core.errors import ValidationFailed
from handoff import words
from handoff.selectors import names_of, teams_of
from handoff.shadow import AWAY, STEP
from handoff.timeline import who
from notifications.models import OutboxMessage
from notifications.outbox import KINDS
from sla import targets
from sla.models import HeldBack
from sla.tiers import BREACH
from tenants.audit import member_id_of
from tenants.context import current_tenant_id
from tenants.models import Member, Mode, Role, Team, Tenant
from tenants.selectors import get_team

DEFAULT_DAYS: Final = 30
MOST_DAYS: Final = 366
#: The word of an address for leads that nobody owned and people without a team.
WITHOUT: Final = "none"
WITHOUT_NAME: Final = "No team, no owner"
WEBHOOKS: Final = "Webhooks"
ORDER: Final = ("-at", "-id")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which of it is asked for. teams: ids that may be read, None for all; team: one of them, or WITHOUT."""

    since: datetime
    days: int
    teams: frozenset[UUID] | None
    team: str = ""

    def rows(self) -> QuerySet[HeldBack]:
        """What was held back, as far as it is asked for."""
        found = HeldBack.objects.filter(at__gte=self.since)
        if self.team == WITHOUT:
            return found.filter(team__isnull=True)
        if self.team:
            return found.filter(team_id=UUID(self.team))
        return found if self.teams is None else found.filter(team_id__in=self.teams)

    def covers(self, team_id: UUID | None) -> bool:
        if self.team:
            return self.team == (WITHOUT if team_id is None else str(team_id))
        return self.teams is None or team_id in self.teams


def ask(query: Mapping[str, str], *, tenant: Tenant, member: Member | None, now: datetime) -> Asked:
    """The question of an address: `team` (an id, or "none") and `days`.

    member: who reads: an admin everything, a manager the teams that they watch; None: a program, which reads
    everything. Raises ValidationFailed at /team and /days, NotFound for a team that is not the reader's.
    """
    text = query.get("days") or str(DEFAULT_DAYS)
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MOST_DAYS):
        raise ValidationFailed.at("/days", f"days is a number from 1 to {MOST_DAYS}.")
    sees_all = member is None or member.role == Role.ADMIN
    teams = None if sees_all or member is None else frozenset(teams_of(member))
    return Asked(
        now - timedelta(days=int(text)), int(text), teams, _team(query.get("team", ""), tenant, teams)
    )


def _team(wanted: str, tenant: Tenant, teams: frozenset[UUID] | None) -> str:
    if not wanted or (wanted == WITHOUT and teams is None):
        return wanted
    try:
        team_id = UUID(wanted)
    except ValueError as error:
        raise ValidationFailed.at("/team", f'team is the id of a team, or "{WITHOUT}".') from error
    get_team(tenant=tenant, team_id=team_id if teams is None or team_id in teams else UUID(int=0))
    return str(team_id)


# --- Counts ---


@dataclass(frozen=True, slots=True)
class Told:
    """How often somebody would have been told of one kind of thing. member_id None: webhooks."""

    kind: str
    member_id: UUID | None
    name: str
    count: int

    @property
    def what(self) -> str:
        return KINDS.get(self.kind, self.kind)


@dataclass(slots=True)
class Line:
    """One team, or what has none. moved: leads, however often; the others count steps and messages."""

    team: Team | None
    mode: str
    since: datetime | None
    by: str
    warned: int = 0
    escalated: int = 0
    moved: int = 0
    told: list[Told] = field(default_factory=list)

    @property
    def key(self) -> str:
        return str(self.team.id) if self.team else WITHOUT

    @property
    def name(self) -> str:
        return self.team.name if self.team else WITHOUT_NAME

    @property
    def in_shadow(self) -> bool:
        return self.mode == Mode.SHADOW

    @property
    def messages(self) -> int:
        return sum(told.count for told in self.told)


_WARNED = Q(kind=STEP, tells=True, percent__lt=BREACH)
_ESCALATED = Q(kind=STEP, tells=True, percent__gte=BREACH)


def lines(asked: Asked, *, tenant: Tenant) -> list[Line]:
    """The teams that are in shadow or were in the time asked for, by name; what has no team at the end. Four
    queries."""
    counted: dict[UUID | None, Any] = {
        row["team_id"]: row
        for row in asked.rows()
        .order_by()
        .values("team_id")
        .annotate(
            warned=Count("id", filter=_WARNED),
            escalated=Count("id", filter=_ESCALATED),
            moved=Count("handoff_id", filter=~Q(moves=""), distinct=True),
        )
    }
    teams = [
        team
        for team in Team.objects.filter(Q(mode=Mode.SHADOW) | Q(id__in=[each for each in counted if each]))
        if asked.covers(team.id)
    ]
    places: list[Team | None] = [*sorted(teams, key=lambda team: team.name.lower())]
    if asked.covers(None) and (None in counted or tenant.mode == Mode.SHADOW):
        places.append(None)
    told = _told([team.id if team else None for team in places], asked.since)
    names = names_of(
        [key for team in places if (key := member_id_of((team or tenant).mode_by))]
        + [row[2] for row in told if row[2]]
    )
    found = []
    for team in places:
        row = counted.get(team.id if team else None, {})
        mode = team or tenant
        found.append(
            Line(
                team=team,
                mode=mode.mode,
                since=mode.mode_since,
                by=who(mode.mode_by, names) if mode.mode_by else "",
                warned=row.get("warned", 0),
                escalated=row.get("escalated", 0),
                moved=row.get("moved", 0),
                told=[
                    Told(kind, member_id, names.get(str(member_id), "Somebody") if member_id else WEBHOOKS, n)
                    for team_id, kind, member_id, n in told
                    if team_id == (team.id if team else None)
                ],
            )
        )
    return found


# A person is told by several channels: it is counted once.
_TOLD_SQL: Final = """
select h.team_id, o.kind, o.member_id, count(distinct o.event_id)
from sla_heldback h
join notifications_outboxmessage o on o.tenant_id = %(tenant)s and o.event_id = h.event_id
  and o.state = 'suppressed' and (h.kind = 'step' or h.kind = o.kind)
where h.tenant_id = %(tenant)s and h.at >= %(since)s
  and (h.team_id = any(%(teams)s::uuid[]) or (%(without)s and h.team_id is null))
group by 1, 2, 3
order by 4 desc, 2, 3
"""


def _told(
    team_ids: Sequence[UUID | None], since: datetime
) -> list[tuple[UUID | None, str, UUID | None, int]]:
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {
            "tenant": str(current_tenant_id()),
            "since": since,
            "teams": [str(team_id) for team_id in team_ids if team_id],
            "without": None in team_ids,
        }
        cursor.execute(_TOLD_SQL, parameters)
        return list(cursor.fetchall())


# --- Sentences ---


@dataclass(frozen=True, slots=True)
class Held:
    """One thing that was held back, in words. told: (kind, member id, name); webhooks: how many."""

    row: HeldBack
    told: Sequence[tuple[str, UUID, str]]
    webhooks: int
    sentences: Sequence[str]


def listed(asked: Asked) -> QuerySet[HeldBack]:
    """The rows asked for, with what `tell` reads of each in the same query."""
    related = asked.rows().select_related("handoff__lead", "team", "member", "to_member")
    return related.defer("handoff__verdict")


def tell(rows: Sequence[HeldBack]) -> list[Held]:
    """These rows in words, with the names of whom they would have told. Two queries."""
    messages: dict[UUID, list[tuple[str, UUID | None, UUID | None]]] = {}
    outbox = OutboxMessage.objects.filter(
        event_id__in=[row.event_id for row in rows], state=OutboxMessage.State.SUPPRESSED
    )
    found = outbox.order_by("-priority", "kind", "member_id", "endpoint_id")
    for event_id, kind, member_id, endpoint_id in found.values_list(
        "event_id", "kind", "member_id", "endpoint_id"
    ):
        messages.setdefault(event_id, []).append((kind, member_id, endpoint_id))
    names = names_of(member_id for its in messages.values() for _, member_id, _ in its)
    shown = []
    for row in rows:
        its = [each for each in messages.get(row.event_id, ()) if row.kind in (STEP, each[0])]
        told = [
            (kind, member_id, names.get(str(member_id), "somebody"))
            for kind, member_id in dict.fromkeys((kind, member_id) for kind, member_id, _ in its)
            if member_id
        ]
        webhooks = len({endpoint_id for _, _, endpoint_id in its if endpoint_id})
        people = list(dict.fromkeys(name for _, _, name in told))
        shown.append(Held(row, told, webhooks, _sentences(row, people, webhooks)))
    return shown


_NEWS: Final = {
    "lead.assigned": "that the lead is theirs",
    "lead.moved": "that the lead went to somebody else",
    "lead.unrouted": "that the lead has no owner",
    "lead.to_claim": "that the lead may be claimed",
    "lead.engaged": "that the lead did something again",
}


def _sentences(row: HeldBack, people: list[str], webhooks: int) -> list[str]:
    said = []
    if people:
        said.append(f"Would have told {words.listed(people)} {_news(row)}.")
    elif row.tells and not webhooks:
        said.append("Would have told nobody: there is no manager and no fallback person to tell.")
    if webhooks:
        said.append(f"Would have called {webhooks} webhook{'' if webhooks == 1 else 's'}.")
    if row.raises:
        said.append("Would have raised its priority.")
    if row.moves:
        said.append(_move(row))
    return said


def _news(row: HeldBack) -> str:
    if row.kind != STEP:
        return _NEWS.get(row.kind, f"of it ({KINDS.get(row.kind, row.kind).lower()})")
    target = words.lower_first(targets.label(row.target))
    percent = row.percent or 0
    if percent < BREACH:
        return f"that {percent}% of the time for {target} was used"
    if percent == BREACH:
        return f"that {target} was overdue"
    return f"that {target} was still owed at {percent}% of the time"


def _move(row: HeldBack) -> str:
    owner = row.member.name if row.member else "its owner"
    away = ", who was away," if row.kind == AWAY else ""
    if row.moves == HeldBack.Moves.QUEUE:
        return f"Would have taken the lead from {owner}{away} and put it in the queue."
    to = f"{row.to_member.name}, or else to the next person" if row.to_member else "the next person"
    return f"Would have moved the lead from {owner}{away} to {to} in the pool."
