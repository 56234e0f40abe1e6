"""Who owns leads, with load, cap and absence; and the names of people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from routing.models import RepLoad
from sla.status import Status
from tenants.models import Member, RepProfile
from tenants.selectors import away_until


@dataclass(slots=True)
class Person:
    """One line of the board. counts: open clocks by status."""

    member: Member
    profile: RepProfile | None = None
    open_leads: int = 0
    cap_open: int | None = None
    out_until: datetime | None = None
    counts: Counter[Status] = field(default_factory=Counter)
    next_due: datetime | None = None

    @property
    def overdue(self) -> int:
        return self.counts[Status.OVERDUE]

    @property
    def at_risk(self) -> int:
        return self.counts[Status.AT_RISK]

    @property
    def rest(self) -> int:
        return sum(self.counts.values()) - self.overdue - self.at_risk

    @property
    def load(self) -> float | None:
        """Open leads in per cent of the cap; None without one."""
        return None if not self.cap_open else self.open_leads / self.cap_open * 100

    @property
    def load_tone(self) -> str:
        return "idle" if self.load is None else "risk" if self.load >= 100 else "brand"


def people_watched(member: Member, *, teams: list[UUID] | None, now: datetime) -> list[Person]:
    """Everybody who may own leads and whom the member watches, with load, cap and absence. Three queries.

    teams: those of `watched`.
    """
    profiles = RepProfile.objects.filter(member__is_active=True).select_related("member", "member__team")
    if teams is not None:
        profiles = profiles.filter(Q(member__team_id__in=teams) | Q(member=member))
    found = [
        Person(profile.member, profile=profile, cap_open=profile.cap_open)
        for profile in profiles.order_by("member__name")
    ]
    _add_load(found, now=now)
    return found


def _add_load(people: Iterable[Person], *, now: datetime) -> None:
    by_id = {person.member.id: person for person in people}
    for member_id, open_leads in RepLoad.objects.filter(member_id__in=by_id).values_list(
        "member_id", "open_leads"
    ):
        by_id[member_id].open_leads = open_leads
    for member_id, back in away_until(member_ids=by_id, now=now).items():
        by_id[member_id].out_until = back


def receivers(*, now: datetime, exclude: UUID | None = None) -> list[Person]:
    """Everybody who may be given a lead by hand, whoever has room first. Three queries."""
    profiles = RepProfile.objects.filter(member__is_active=True).select_related("member", "member__team")
    found = [
        Person(profile.member, profile=profile, cap_open=profile.cap_open)
        for profile in profiles
        if profile.member_id != exclude
    ]
    _add_load(found, now=now)
    return sorted(
        found,
        key=lambda each: (each.out_until is not None, each.load or 0, each.open_leads, each.member.name),
    )


def names_of(member_ids: Iterable[UUID | str | None]) -> dict[str, str]:
    """Names by member id as text; one query."""
    wanted = {str(each) for each in member_ids if each}
    if not wanted:
        return {}
    return {str(key): name for key, name in Member.objects.filter(id__in=wanted).values_list("id", "name")}
