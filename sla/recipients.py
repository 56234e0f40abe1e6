"""Whom a policy's steps tell, by name: what an admin sees before it is published.

The fallback person is kept by an app beside this one, which is why whoever knows both lends us the reader.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sla import words
from sla.ladder import MESSAGES, Chain, recipients
from sla.tiers import Policy, Step
from tenants.models import Member, RepProfile, Team

#: Answers the active fallback person of the organisation in force, or None. Replaced when the apps start.
read_fallback: list[Callable[[], Member | None]] = []
_NO_TEAM = "people without a team"


@dataclass(frozen=True, slots=True)
class Heard:
    """One telling action of a step. who: name -> the teams of whose leads they hear; nobody: teams of whose
    leads nobody does.
    """

    step: str
    what: str
    who: Sequence[tuple[str, str]]
    nobody: Sequence[str]


def fallback_person() -> Member | None:
    """The active person who stands in for whoever is missing; None where nobody is named."""
    return read_fallback[0]() if read_fallback else None


def heard(policy: Policy, fallback: Member | None) -> list[Heard]:
    """Whom each step tells about the leads of each team. Four queries."""
    teams = _teams()
    people = {member.id: member for _, *leaders in teams for member in leaders if member}
    if fallback:
        people[fallback.id] = fallback
    named = named_members(policy.ladder)
    people.update({member.id: member for member in named.values() if member.is_active})
    names = {str(member_id): member.name for member_id, member in named.items()}
    rows = []
    for step in policy.ladder:
        for act in step.actions:
            if act.do not in MESSAGES or act.do in ("remind_owner", "call_webhook"):
                continue
            told: defaultdict[str, list[str]] = defaultdict(list)
            nobody = []
            for name, manager, director in teams:
                chain = Chain(
                    owner=None,
                    manager=manager.id if manager else None,
                    director=director.id if director else None,
                    fallback=fallback.id if fallback else None,
                )
                found = recipients(act, chain, active=people)
                for member_id in found:
                    told[people[member_id].name].append(name)
                if not found:
                    nobody.append(name)
            who = [(person, ", ".join(of)) for person, of in told.items()]
            what = words.happens_words(Step(step.at, (act,)), names)
            rows.append(Heard(words.when_step_words(step), what, who, nobody))
    return rows


def named_members(ladder: Sequence[Step]) -> dict[UUID, Member]:
    """The members of this organisation whom steps name, active or not, by id."""
    ids = {act.member_id for step in ladder for act in step.actions if act.member_id}
    return {member.id: member for member in Member.objects.filter(id__in=ids)} if ids else {}


def lead_owners_among(member_ids: Collection[UUID]) -> set[UUID]:
    """Those of the members who take leads: everybody with working hours of their own under People."""
    if not member_ids:
        return set()
    return set(RepProfile.objects.filter(member_id__in=member_ids).values_list("member_id", flat=True))


def _teams() -> list[tuple[str, Member | None, Member | None]]:
    """(name, active manager, active director) of each team whose people own leads."""
    owners = Member.objects.filter(is_active=True, id__in=RepProfile.objects.values("member_id")).values_list(
        "team_id", flat=True
    )
    ids = set(owners)
    teams = Team.objects.filter(id__in=[each for each in ids if each]).select_related("manager", "director")
    found: list[tuple[str, Member | None, Member | None]] = [
        (team.name, _active(team.manager), _active(team.director)) for team in teams.order_by("name")
    ]
    return [*found, (_NO_TEAM, None, None)] if None in ids else found


def _active(member: Member | None) -> Member | None:
    return member if member is not None and member.is_active else None
