"""What somebody did in a period, with what it is to be read with: load, days away, and the mix of sources.

Nobody is ranked. Each share is held against what the others' shares would have made of the same leads, source
by source: expected by mix. Conversions are cohort-true: each MQL is followed for FOLLOW days.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from core.errors import NotFound
from leads.models import Handoff
from reporting.definitions import COUNTS, counted_as
from reporting.leaks.finder.statistics import Group, Interval, wilson
from reporting.selectors.funnels import first_unfollowed
from reporting.selectors.questions import Question, handoff_facts, midnight
from tenants.models import Leave, Member, Role, Team, Tenant
from tenants.selectors import get_member

FOLLOW: Final = 60
#: Of a source, leads of others that make its usual share.
LEAST_OF_OTHERS: Final = 10
#: Fewer leads of somebody are not held against anything.
LEAST_OWN: Final = 10
#: What is held against the mix, in words.
HELD: Final = {
    "accepted": "Accepted of the answered",
    "sql": f"MQL to SQL within {FOLLOW} days",
    "opportunity": f"MQL to opportunity within {FOLLOW} days",
}
#: How a share stands to the expected, in words.
READINGS: Final = {
    "too_few": "too few to compare",
    "by_chance": "no more than chance makes",
    "more": "more than expected",
    "less": "less than expected",
}


@dataclass(frozen=True, slots=True)
class Held:
    """One share against what the mix would have made. expected: leads, of `of_mix` whose source others have
    too; None where there are too few. left_out: the rest of the base."""

    name: str
    own: Group
    of_mix: Group
    expected: float | None

    @property
    def left_out(self) -> int:
        return self.own.base - self.of_mix.base

    @property
    def interval(self) -> Interval:
        """In which the share lies, of the leads that are compared."""
        return wilson(self.of_mix)

    @property
    def is_by_chance(self) -> bool:
        """What others would have made lies in the interval."""
        assert self.expected is not None
        share = self.expected / self.of_mix.base
        return self.interval.low <= share <= self.interval.high

    @property
    def reading(self) -> str:
        """Of READINGS."""
        if self.expected is None:
            return "too_few"
        if self.is_by_chance:
            return "by_chance"
        return "more" if self.of_mix.hits > self.expected else "less"


@dataclass(frozen=True, slots=True)
class Source:
    """MQLs of one source: somebody's, and the others'."""

    name: str
    own: int
    others: int


@dataclass(frozen=True, slots=True)
class Scorecard:
    """young: MQLs that were not followed for FOLLOW days. peers: how many others had MQLs, and how many the
    middle one of them had."""

    mqls: int
    open_now: int
    days: int
    days_away: int
    peers: int
    peers_median: int | None
    young: int
    held: list[Held]
    mix: list[Source]
    own_in_mix: int
    others_in_mix: int


def subject_of(*, tenant: Tenant, reader: Member, member_id: UUID) -> Member:
    """Whose scorecard the reader may see: their own, their teams', as an admin all. Raises NotFound."""
    member = get_member(tenant=tenant, member_id=member_id)
    if reader.id == member.id or reader.role == Role.ADMIN:
        return member
    if reader.role == Role.MANAGER and member.team_id is not None:
        theirs = Team.objects.filter(Q(manager=reader) | Q(backup=reader) | Q(id=reader.team_id))
        if theirs.filter(id=member.team_id).exists():
            return member
    raise NotFound("There is no such scorecard.")


_BY_SOURCE: Final = """
select source, member_id = %s as own, started_at < %s as followed, count(*),
    sum({accepted}), sum({answered}), sum({sql}), sum({opportunity}), member_id
from ({facts}) as fact where member_id is not null group by 1, 2, 3, member_id
"""


def scorecard(question: Question, member: Member, *, now: datetime) -> Scorecard:
    """question: whose period and zone are read; everybody's leads are counted beside. Three queries."""
    cut = midnight(first_unfollowed(now, question, FOLLOW), question.zone)
    facts, params = handoff_facts(question).order_by().values().query.sql_with_params()
    sql = _BY_SOURCE.format(
        accepted=COUNTS["accepted"],
        answered=f"{COUNTS['accepted']} + {COUNTS['rejected']} + {COUNTS['nurtured']}",
        sql=COUNTS[counted_as("sql", FOLLOW)],
        opportunity=COUNTS[counted_as("opportunity", FOLLOW)],
        facts=facts,
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [member.id, cut, *params])
        rows = cursor.fetchall()
    own, others = _sides(row for row in rows if row[1]), _sides(row for row in rows if not row[1])
    mqls = {side: _mqls(rows, is_own) for side, is_own in (("own", True), ("others", False))}
    peers = _peers(rows)
    sources = sorted(
        set(mqls["own"]) | set(mqls["others"]),
        key=lambda name: (-mqls["own"].get(name, 0), -mqls["others"].get(name, 0), name),
    )
    return Scorecard(
        mqls=sum(mqls["own"].values()),
        open_now=Handoff.objects.filter(owner=member, state=Handoff.State.OPEN, is_test=False).count(),
        days=question.days,
        days_away=_days_away(question, member),
        peers=len(peers),
        peers_median=peers[len(peers) // 2] if peers else None,
        young=sum(row[3] for row in rows if row[1] and not row[2]),
        held=[_held(name, own[name], others[name]) for name in HELD],
        mix=[Source(name, mqls["own"].get(name, 0), mqls["others"].get(name, 0)) for name in sources[:12]],
        own_in_mix=sum(mqls["own"].values()),
        others_in_mix=sum(mqls["others"].values()),
    )


def _mqls(rows: Iterable[tuple[Any, ...]], is_own: bool) -> dict[str, int]:
    found: dict[str, int] = {}
    for source, own, _, count, *_ in rows:
        if own == is_own:
            found[source] = found.get(source, 0) + count
    return found


def _sides(rows: Iterable[tuple[Any, ...]]) -> dict[str, dict[str, Group]]:
    """Hits and base by what is held, by source. Acceptance counts all, conversions those followed."""
    found: dict[str, dict[str, Group]] = {name: {} for name in HELD}

    def add(name: str, source: str, hits: int, base: int) -> None:
        former = found[name].get(source, Group(0, 0))
        found[name][source] = Group(former.hits + int(hits), former.base + int(base))

    for source, _, followed, count, accepted, answered, sql, opportunity, _ in rows:
        add("accepted", source, accepted, answered)
        if followed:
            add("sql", source, sql, count)
            add("opportunity", source, opportunity, count)
    return found


def _held(name: str, own: Mapping[str, Group], others: Mapping[str, Group]) -> Held:
    whole = Group(sum(each.hits for each in own.values()), sum(each.base for each in own.values()))
    known = [
        (group, others[source])
        for source, group in own.items()
        if group.base and source in others and others[source].base >= LEAST_OF_OTHERS
    ]
    of_mix = Group(sum(group.hits for group, _ in known), sum(group.base for group, _ in known))
    if of_mix.base < LEAST_OWN:
        return Held(name, whole, of_mix, None)
    return Held(name, whole, of_mix, sum(group.base * other.share for group, other in known))


def _peers(rows: Iterable[tuple[Any, ...]]) -> list[int]:
    """How many MQLs each of the others had, in order."""
    found: dict[UUID, int] = {}
    for _, is_own, _, count, *_, member_id in rows:
        if not is_own:
            found[member_id] = found.get(member_id, 0) + count
    return sorted(found.values())


def _days_away(question: Question, member: Member) -> int:
    """Calendar days of the period on which leave was entered for some hour."""
    away: set[date] = set()
    leaves = Leave.objects.filter(member=member, starts_at__lt=question.end, ends_at__gt=question.start)
    for starts_at, ends_at in leaves.values_list("starts_at", "ends_at"):
        day = max(starts_at.astimezone(question.zone).date(), question.first)
        last = min((ends_at - timedelta(microseconds=1)).astimezone(question.zone).date(), question.last)
        while day <= last:
            away.add(day)
            day += timedelta(days=1)
    return len(away)
