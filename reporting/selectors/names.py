"""Names of what a report is split by, and what its filters offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Exists, F, IntegerField, QuerySet, Subquery, Value

from reporting.measures import SEGMENTS
from reporting.models import HandoffRollUp
from reporting.rollups import NOBODY
from reporting.selectors.handoff_cells import HandoffGround
from reporting.selectors.questions import Question, facts, handoff_facts, led_by, outbound_facts
from reporting.selectors.rolled import Ground, cells, cube_for
from sla import targets
from tenants.models import Member


@dataclass(frozen=True, slots=True)
class Names:
    """Names of members (with their team's) and teams."""

    members: Mapping[UUID, tuple[str, UUID | None, bool]]
    teams: Mapping[UUID, str]
    tiers: Mapping[str, str]

    def of(self, by: str, key: Any) -> tuple[str, str]:
        """(name, small print) of a group."""
        if by == "rep":
            if key is None:
                return "Nobody yet", "never had an owner"
            name, team, active = self.members.get(key, ("Somebody unknown", None, False))
            return name, ("left" if not active else self.teams.get(team, "") if team else "")
        if by == "team":
            return (self.teams.get(key, "A former team"), "") if key else ("No team", "")
        if by == "tier":
            return self.tiers.get(key) or humanise(key), ""
        if by == "segment":
            return (SEGMENTS[key][0] if key in SEGMENTS else "Size not known"), ""
        return key or f"No {by} given", ""


def humanise(slug: str) -> str:
    """A slug as words: "demo_request" is "Demo request"."""
    return slug.replace("_", " ").replace("-", " ").capitalize() or "No tier"


def load_names(tiers: Mapping[str, str] | None = None) -> Names:
    """Names of everybody, those who left too, and of every team that has somebody; one query."""
    members: dict[UUID, tuple[str, UUID | None, bool]] = {}
    teams: dict[UUID, str] = {}
    people = Member.objects.order_by("team__name", "id")
    for row in people.values_list("id", "name", "is_active", "team_id", "team__name"):
        member_id, name, active, team_id, team_name = row
        members[member_id] = (name, team_id, active)
        if team_id is not None:
            teams[team_id] = team_name
    return Names(members, teams, tiers or {})


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters offer: values that occur in the period, whatever else is chosen. paused: whether a
    pause stopped any of its clocks."""

    sources: list[str]
    tiers: dict[str, str]
    teams: set[UUID]
    targets: list[str]
    paused: bool
    outbound: int  # handoffs of the period


class _Number(Subquery):
    """How many rows a query has."""

    template = "(select count(*) from (%(subquery)s) counted)"
    output_field = IntegerField()


def choices(question: Question, *, ground: Ground | None = None) -> Choices:
    """Sources, tiers (slug: name), teams and targets that the period has; one query, and a second where it
    has none. ground: see report."""
    plain = replace(
        question, team=None, member=None, source=None, campaign=None, tier=None, target=None, without=()
    )
    columns = ["tier", "tier_name", "team_id", "target"]
    stopped = Exists(facts(plain).filter(plain_due_at__isnull=False))
    cube = cube_for(plain, "source", ground)
    beside = (stopped, _Number(outbound_facts(plain).values("id")))
    rows = (
        facts(plain).values_list("source", *columns, *beside)
        if cube is None
        else cells(plain, cube).values_list("value", *columns, *beside)
    )
    sources: set[str] = set()
    tiers: dict[str, str] = {}
    teams: set[UUID] = set()
    found: set[str] = set()
    paused, outbound = False, None
    for source, tier, tier_name, team_id, target, any_paused, number in rows.order_by().distinct():
        paused, outbound = any_paused, number
        sources.add(source)
        found.add(target)
        tiers[tier] = tier_name or tiers.get(tier, "") or humanise(tier)
        if team_id not in (None, NOBODY):
            teams.add(team_id)
    return Choices(
        sorted(sources, key=str.casefold),
        dict(sorted(tiers.items(), key=lambda each: each[1])),
        teams,
        sorted(found, key=targets.place),
        paused,
        outbound_facts(plain).count() if outbound is None else outbound,
    )


#: Sources that a filter offers at most: those with the most handoffs.
MOST_SOURCES: Final = 100


@dataclass(frozen=True, slots=True)
class HandoffChoices:
    """What the filters above reports of handoffs offer: values of the period's weeks."""

    sources: list[str]
    tiers: dict[str, str]
    teams: set[UUID]
    outbound: int = 0  # handoffs of the period


_CHOICES: Final = """
with cell as materialized ({rows})
(select 'source', source, '' from cell group by source order by sum(n) desc, source limit %s)
union all (select 'tier', tier, max(tier_name) from cell group by tier order by tier)
union all (select 'team', team_id::text, '' from cell where team_id is not null group by team_id)
union all (select 'outbound', count(*)::text, '' from ({outbound}) as beside)
"""


def handoff_choices(question: Question, ground: HandoffGround | None) -> HandoffChoices:
    """Sources, tiers (slug: name) and teams that the period has, as far as the reader sees; one query."""
    rows: QuerySet[Any]
    if ground is not None and (question.seen_by is None or question.leads_teams):
        monday = question.first - timedelta(days=question.first.weekday())
        rows = HandoffRollUp.objects.filter(
            cube="source", days=7, day__gte=monday, day__lte=question.last
        ).annotate(source=F("value"), n=F("mqls"))
        rows = rows.filter(led_by(question.seen_by, "team_id")) if question.seen_by else rows
    else:
        plain = Question(
            zone=question.zone,
            first=question.first,
            last=question.last,
            seen_by=question.seen_by,
            leads_teams=question.leads_teams,
            kind=question.kind,
        )
        rows = handoff_facts(plain).annotate(n=Value(1))
    try:
        outbound_sql, outbound_params = outbound_facts(question).values("id").query.sql_with_params()
        sql, params = (
            rows.order_by().values("source", "tier", "tier_name", "team_id", "n").query.sql_with_params()
        )
    except EmptyResultSet:
        return HandoffChoices([], {}, set())
    sources: list[str] = []
    tiers: dict[str, str] = {}
    teams: set[UUID] = set()
    outbound = 0
    with connection.cursor() as cursor:
        statement = _CHOICES.format(rows=sql, outbound=outbound_sql)
        cursor.execute(statement, [*params, MOST_SOURCES, *outbound_params])
        for what, value, name in cursor.fetchall():
            if what == "source":
                sources.append(value)
            elif what == "tier":
                tiers[value] = name or humanise(value)
            elif what == "outbound":
                outbound = int(value)
            elif UUID(value) != NOBODY:
                teams.add(UUID(value))
    return HandoffChoices(sorted(sources, key=str.casefold), tiers, teams, outbound)
