"""What a list of stale leads may be asked for, by page, call and file alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from core.errors import ValidationFailed
from handoff.selectors.stale import Stale, Watch, stale_handoffs, stale_rule, watch_of
from leads.lifecycle import Stage
from leads.models import Handoff
from leads.owed import STANDING
from tenants.models import Member, Team, Tenant
from tenants.selectors import find_member

#: In which order they are listed: what nobody touched for longest.
ORDER = ("worked_at", "id")
NAMES = ("stage", "team", "owner")


@dataclass(frozen=True, slots=True)
class Asked:
    """A list of stale leads: the rule, whose leads its reader may list, and the filters that were said.

    people: those of the watch who are in the team, if one is said.
    """

    rule: Stale
    watch: Watch
    people: frozenset[UUID] | None
    stage: Stage | None
    team_id: UUID | None
    owner_id: UUID | None

    def found(self) -> QuerySet[Handoff]:
        """The list, unordered."""
        return self._of(self.owner_id)

    def of_everybody(self) -> QuerySet[Handoff]:
        """The same for every owner: what is counted beside it."""
        return self._of(None)

    def _of(self, owner_id: UUID | None) -> QuerySet[Handoff]:
        return stale_handoffs(self.rule, people=self.people, stage=self.stage, owner_id=owner_id)

    @property
    def kept(self) -> dict[str, Any]:
        """The filters as parameters of an address."""
        said = {"stage": self.stage, "team": self.team_id, "owner": self.owner_id}
        return {name: str(value) for name, value in said.items() if value}


def asked_of(params: Mapping[str, str], *, tenant: Tenant, member: Member | None, now: datetime) -> Asked:
    """What parameters ask for. member: who reads; None for a program. Raises ValidationFailed with the place
    of what is wrong."""
    stage = params.get("stage", "")
    if stage and stage not in STANDING:
        raise ValidationFailed.at("/stage", f"Use one of: {', '.join(STANDING)}.", "invalid_choice")
    owner = params.get("owner", "")[:254]
    team_id = _team_id(params.get("team", "")[:60])
    watch = watch_of(member) if member is not None else Watch()
    return Asked(
        rule=stale_rule(tenant=tenant, now=now),
        watch=watch,
        people=watch.people if team_id is None else watch.in_team(team_id),
        stage=Stage(stage) if stage else None,
        team_id=team_id,
        owner_id=find_member(owner, path="/owner", active=False).id if owner else None,
    )


def _team_id(text: str) -> UUID | None:
    if not text:
        return None
    try:
        wanted = UUID(text)
    except ValueError:
        wanted = None
    if wanted is None or not Team.objects.filter(id=wanted).exists():
        raise ValidationFailed.at("/team", "There is no team with this id.", "unknown_team")
    return wanted
