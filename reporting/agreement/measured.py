"""How the response times of the policy in force went lately, for a recalibration, and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from reporting.agreement.ground import Ground, house_version, read_ground
from reporting.agreement.recalibration import LEAST, Measured, Proposal, Verdict, propose
from sla import targets, words
from sla.models import BusinessUnit, PolicyVersion
from sla.own_history import business_day_seconds, is_duration
from sla.policy_edit import listed, tiers_of
from sla.proposals import WALL_DAY, rungs
from sla.targets import Target
from sla.tiers import read_duration
from tenants.calendars import load_calendar
from tenants.context import current_tenant_id
from tenants.models import Tenant

DAYS: Final = 90
#: Not about an answer in time: how many attempts were asked is not on the clock, and machines keep sequences.
_LEFT_OUT: Final = frozenset({Target.ATTEMPTS, Target.NURTURE})
_UNANSWERED: Final = 2**31 - 1  # stands for longer than any

# By whose policy started them: business units may use the same slugs. An answer that came late counts
# with its time. Times are those of the clock, by the wall or of working time.
_COUNTS: Final = """
select unit_id, tier, target,
    count(seconds), count(*) - count(seconds), count(*) filter (where verdict = 'met'),
    percentile_disc(0.9) within group (order by coalesce(seconds, %(never)s)),
    percentile_disc(%(goal)s) within group (order by coalesce(seconds, %(never)s))
from (
    select v.unit_id, f.tier, f.target, f.verdict,
        case when f.met_at is not null then f.business_seconds end as seconds
    from reporting_targetfact f
    join sla_timer t on t.tenant_id = f.tenant_id and t.id = f.id
    join sla_policyversion v on v.tenant_id = t.tenant_id and v.id = t.policy_version_id
    where f.tenant_id = %(tenant)s and f.clock = 'company'
      and f.started_at >= %(since)s and f.started_at < %(now)s
      and not f.is_history and f.verdict in ('met', 'missed')
) as clock
group by 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class LineProposals:
    """The proposals for every target of a policy in force: of everybody else's (unit None), or of a business
    unit's."""

    unit: BusinessUnit | None
    proposals: Sequence[Proposal]

    @property
    def durations(self) -> dict[tuple[str, str], Mapping[str, int]]:
        """What of it would be another one."""
        return {
            (each.measured.tier, each.measured.target): each.duration
            for each in self.proposals
            if each.duration is not None
        }


@dataclass(frozen=True, slots=True)
class Proposed:
    """What is proposed for each policy in force, the main one first."""

    percent: int
    lines: Sequence[LineProposals]

    @property
    def proposals(self) -> list[Proposal]:
        return [each for line in self.lines for each in line.proposals]

    @property
    def changed(self) -> list[LineProposals]:
        """The policies of which something would be another one."""
        return [line for line in self.lines if line.durations]


def proposals(*, tenant: Tenant, now: datetime, ground: Ground | None = None) -> Proposed:
    """What the last 90 days propose for the policies in force. Two queries, whatever the history; one where
    the ground is at hand."""
    if ground is None:
        ground, _ = read_ground()
    percent = tenant.target_percent
    units = [unit for unit in ground.units if unit.is_active]
    found = [
        (unit, version)
        for unit in (None, *units)
        if (version := ground.in_force(PolicyVersion, now, unit.id if unit else None)) is not None
    ]
    if not found:
        return Proposed(percent, ())
    day_seconds = business_day_seconds(load_calendar(house_version(ground, tenant)), now)
    ladders = {True: rungs(WALL_DAY, wall=True), False: rungs(day_seconds)}
    counted = _counted(percent, now)
    lines = []
    for unit, version in found:
        measured = _measured(unit, version.content, counted)
        made = [
            propose(each, ladders[each.wall], percent=percent, day_seconds=day_seconds) for each in measured
        ]
        lines.append(LineProposals(unit, made))
    return Proposed(percent, lines)


#: Answered, unanswered, kept and both percentiles by unit, tier and target.
_Counted = Mapping[tuple[UUID | None, str, str], Sequence[int]]


def _measured(unit: BusinessUnit | None, content: Mapping[str, Any], counted: _Counted) -> Iterator[Measured]:
    for tier in tiers_of(content):
        for each in listed(tier.get("targets")):
            if each.get("target") in _LEFT_OUT or not is_duration(each.get("duration")):
                continue
            slug, name = str(tier.get("slug")), str(each["target"])
            key = (unit.id if unit else None, slug, name)
            answered, unanswered, kept, p90, p_goal = counted.get(key, _NO_CLOCKS)
            yield Measured(
                tier=slug,
                tier_name=str(tier.get("name") or slug),
                target=name,
                wall=each.get("clock") == "wall",
                present=each["duration"],
                answered=answered,
                unanswered=unanswered,
                kept=kept,
                p90=None if p90 >= _UNANSWERED else p90,
                p_goal=None if p_goal >= _UNANSWERED else p_goal,
                unit=unit.slug if unit else "",
                unit_name=unit.name if unit else "",
            )


_NO_CLOCKS: Final = (0, 0, 0, _UNANSWERED, _UNANSWERED)


def _counted(percent: int, now: datetime) -> _Counted:
    values: dict[str, Any] = {
        "tenant": str(current_tenant_id()),
        "never": _UNANSWERED,
        "since": now - timedelta(days=DAYS),
        "now": now,
        "goal": percent / 100,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, values)
        return {(row[0], row[1], row[2]): row[3:] for row in cursor.fetchall()}


# --- In words ---


def row_of(proposal: Proposal, percent: int) -> dict[str, Any]:
    """A proposal as the page shows it."""
    seen = proposal.measured
    return {
        "unit": seen.unit_name,
        "tier": seen.tier_name,
        "target": targets.label(seen.target),
        "present": _length(seen.present, wall=seen.wall),
        "proposed": _length(proposal.duration, wall=seen.wall) if proposal.duration else "",
        "verdict": str(proposal.verdict),
        "why": why(proposal, percent),
    }


def why(proposal: Proposal, percent: int) -> str:
    """What a proposal rests on, with its base."""
    seen = proposal.measured
    if proposal.verdict == Verdict.TOO_FEW:
        return f"Too few: {seen.answered} answered and {seen.unanswered} never answered, needs {LEAST}."
    kept = f"{seen.kept_percent:g}% of {seen.base:,} were kept"
    if seen.p90 is None:
        slow = f"; {seen.unanswered:,} were never answered in time or at all"
    else:
        slow = f"; 90% were answered within {_time(seen.p90)}"
    if proposal.verdict == Verdict.NO_LENGTH_HELPS:
        return (
            f"{kept}{slow}. Both sides want {percent}%: a longer time would not bring that. "
            "Look at routing and follow-up first."
        )
    if proposal.verdict == Verdict.LOOSER:
        return f"{kept}{slow}. Both sides want {percent}%."
    if seen.misses(percent):
        return f"{kept}{slow}. Both sides want {percent}%, and chance alone may explain the difference."
    return f"{kept}{slow}."


def _length(duration: Mapping[str, int], *, wall: bool) -> str:
    return words.duration_words(read_duration(duration), wall=wall)


def _time(seconds: int) -> str:
    minutes = -(-seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
