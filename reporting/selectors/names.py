"""Names of what a report is split by, and what its filters offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Exists

from reporting.rollups import NOBODY
from reporting.selectors.questions import Question, facts
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


def choices(question: Question, *, ground: Ground | None = None) -> Choices:
    """Sources, tiers (slug: name), teams and targets that the period has; one query. ground: see report."""
    plain = replace(
        question, team=None, member=None, source=None, campaign=None, tier=None, target=None, without=()
    )
    columns = ["tier", "tier_name", "team_id", "target"]
    stopped = Exists(facts(plain).filter(plain_due_at__isnull=False))
    cube = cube_for(plain, "source", ground)
    rows = (
        facts(plain).values_list("source", *columns, stopped)
        if cube is None
        else cells(plain, cube).values_list("value", *columns, stopped)
    )
    sources: set[str] = set()
    tiers: dict[str, str] = {}
    teams: set[UUID] = set()
    found: set[str] = set()
    paused = False
    for source, tier, tier_name, team_id, target, any_paused in rows.order_by().distinct():
        paused = any_paused
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
    )
