"""Whose leads could be shared out again: people who are away, over their cap, or far above their team, with
the leads of theirs that nobody has touched. Says so; a manager moves them (handoff.bulk).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, QuerySet, Window
from django.db.models.functions import RowNumber

from core.errors import ValidationFailed
from handoff.bulk import MOST_LEADS
from handoff.selectors import Person, watched
from handoff.selectors.people import people_watched
from leads.models import Handoff, Touch
from routing.models import RoutingSettings
from tenants.audit import record_change
from tenants.clock import Clock
from tenants.models import Member

LEAST_ABOVE, MOST_ABOVE = 10, 1_000  # per cent
#: Leads of one person that are suggested at most.
MOST_SUGGESTED: Final = 200


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Somebody whose untouched leads could go on.

    why:    "away", "over_cap" or "above_team", the most telling first. mean: what they would have if the
            open leads of their team were shared by weight.
    leads:  handoffs that are suggested to go on, those that wait longest first; untouched: of all there are.
    """

    person: Person
    why: Sequence[str]
    mean: float | None
    untouched: int
    leads: Sequence[Handoff]


def suggestions(*, member: Member, now: datetime) -> list[Suggestion]:
    """People whom this member watches and whose untouched leads could go on; those who are away first.

    A number of queries that does not grow with people or leads.
    """
    people = people_watched(member, teams=watched(member), now=now)
    above = above_team()
    means = team_means(people)
    found = []
    for person in people:
        mean = _share_of(person, means)
        why, surplus = _surplus(person, mean, above)
        if why:
            found.append((person, why, mean, surplus))
    untouched = _untouched([person.member.id for person, *_ in found])
    made = []
    for person, why, mean, surplus in found:
        shown = untouched.get(person.member.id, [])[:surplus]
        if shown:
            made.append(Suggestion(person, why, mean, shown[0][1], [handoff for handoff, _ in shown]))
    return sorted(made, key=lambda each: ("away" not in each.why, -len(each.leads), each.person.member.name))


def team_means(people: Iterable[Person]) -> Mapping[UUID | None, float]:
    """Open leads for each weight of 1 in every team of several people who are there and take turns."""
    by_team: dict[UUID | None, list[tuple[int, int]]] = defaultdict(list)
    for person in people:
        if person.member.team_id is not None and person.out_until is None and _weight(person):
            by_team[person.member.team_id].append((person.open_leads, _weight(person)))
    return {
        team: sum(leads for leads, _ in each) / sum(weight for _, weight in each)
        for team, each in by_team.items()
        if len(each) > 1
    }


def _weight(person: Person) -> int:
    return person.profile.weight if person.profile is not None else 1


def _share_of(person: Person, means: Mapping[UUID | None, float]) -> float | None:
    """What somebody would have if their team's open leads were shared by weight; None where nothing says."""
    mean, weight = means.get(person.member.team_id), _weight(person)
    return mean * weight if mean is not None and weight else None


def _surplus(person: Person, mean: float | None, above: int | None) -> tuple[list[str], int | None]:
    """Why somebody's leads should go on, and how many; None for all of them."""
    if person.out_until is not None:
        return ["away"], None
    why, surplus = [], 0
    if person.cap_open is not None and person.open_leads > person.cap_open:
        why.append("over_cap")
        surplus = person.open_leads - person.cap_open
    if above is not None and mean is not None:
        bound = floor(mean * (1 + above / 100))
        if person.open_leads > bound:
            why.append("above_team")
            surplus = max(surplus, person.open_leads - bound)
    return why, surplus


def _untouched(member_ids: Sequence[UUID]) -> dict[UUID, list[tuple[Handoff, int]]]:
    """As many of their untouched leads as are suggested at most, those that wait longest first; beside each
    how many its owner has in all. One query, whose rows do not grow with the leads."""
    if not member_ids:
        return {}
    owner = [F("owner_id")]
    rows = (
        untouched()
        .filter(owner_id__in=member_ids)
        .annotate(
            place=Window(RowNumber(), partition_by=owner, order_by=["started_at", "id"]),
            in_all=Window(Count("id"), partition_by=owner),
        )
    )
    found: dict[UUID, list[tuple[Handoff, int]]] = defaultdict(list)
    for handoff in rows.filter(place__lte=MOST_SUGGESTED).order_by("started_at", "id"):
        if handoff.owner_id is not None:
            found[handoff.owner_id].append((handoff, handoff.in_all))
    return found


def untouched() -> QuerySet[Handoff]:
    """Open handoffs of real leads that nobody has done anything about."""
    touches = Touch.objects.filter(handoff=OuterRef("id"), automatic=False, undone_at__isnull=True)
    open_ones = Handoff.objects.filter(
        state=Handoff.State.OPEN,
        accepted_at__isnull=True,
        first_touch_at__isnull=True,
        is_history=False,
        is_test=False,
    )
    return open_ones.exclude(Exists(touches))


def above_team() -> int | None:
    """How many per cent above their team's mean are too many; None: that is not looked at."""
    return RoutingSettings.objects.values_list("rebalance_above", flat=True).first()


@transaction.atomic
def change_above_team(*, above: int | None, actor: str, clock: Clock) -> None:
    """Set how many per cent above their team's mean are too many. Raises ValidationFailed out of range."""
    if above is not None and not LEAST_ABOVE <= above <= MOST_ABOVE:
        message = f"Between {LEAST_ABOVE} and {MOST_ABOVE:,} per cent, or empty for never."
        raise ValidationFailed.at("/above_team", message, "range")
    RoutingSettings.objects.get_or_create()
    found = RoutingSettings.objects.select_for_update(of=("self",)).get()
    if found.rebalance_above == above:
        return
    before, found.rebalance_above = found.rebalance_above, above
    found.save(update_fields=["rebalance_above"])
    record_change(
        actor=actor,
        action="changed",
        object_type="routingsettings",
        object_id=found.id,
        before={"rebalance_above": before},
        after={"rebalance_above": above},
        now=clock(),
    )


assert MOST_SUGGESTED <= MOST_LEADS
