"""How the response times of the policy in force went lately, for a recalibration, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from reporting.agreement.recalibration import LEAST, Measured, Proposal, Verdict, propose
from sla import targets, words
from sla.models import PolicyVersion
from sla.own_history import business_day_seconds, is_duration
from sla.policy_edit import listed, tiers_of
from sla.proposals import WALL_DAY, rungs
from sla.targets import Target
from sla.tiers import read_duration
from tenants.calendars import house_calendar_version, load_calendar
from tenants.context import current_tenant_id
from tenants.versions import version_in_force

DAYS: Final = 90
#: Not about an answer in time: how many attempts were asked is not on the clock, and machines keep sequences.
_LEFT_OUT: Final = frozenset({Target.ATTEMPTS, Target.NURTURE})
_UNANSWERED: Final = 2**31 - 1  # stands for longer than any

# Clocks of the main policy only: those of business units may use the same slugs. An answer that came late
# counts with its time. Times are those of the clock, by the wall or of working time.
_COUNTS: Final = """
select tier, target, count(seconds), count(*) - count(seconds), count(*) filter (where verdict = 'met'),
    percentile_disc(0.9) within group (order by coalesce(seconds, %(never)s)),
    percentile_disc(%(goal)s) within group (order by coalesce(seconds, %(never)s))
from (
    select f.tier, f.target, f.verdict, case when f.met_at is not null then f.business_seconds end as seconds
    from reporting_targetfact f
    join sla_timer t on t.tenant_id = f.tenant_id and t.id = f.id
    join sla_policyversion v on v.tenant_id = t.tenant_id and v.id = t.policy_version_id
    where f.tenant_id = %(tenant)s and f.clock = 'company'
      and f.started_at >= %(since)s and f.started_at < %(now)s
      and not f.is_history and f.verdict in ('met', 'missed') and v.unit_id is null and f.kind = 'inbound'
) as clock
group by 1, 2
"""


@dataclass(frozen=True, slots=True)
class Proposed:
    """The proposals for every target of the main policy in force, and what of it would be another one."""

    version: PolicyVersion | None
    percent: int
    proposals: Sequence[Proposal]

    @property
    def durations(self) -> dict[tuple[str, str], Mapping[str, int]]:
        return {
            (each.measured.tier, each.measured.target): each.duration
            for each in self.proposals
            if each.duration is not None
        }


def proposals(*, percent: int, now: datetime) -> Proposed:
    """What the last 90 days propose for the main policy in force. Four queries at most, whatever the history.

    percent: of clocks that both sides want kept.
    """
    version = version_in_force(PolicyVersion, now)
    if version is None:
        return Proposed(None, percent, ())
    day_seconds = business_day_seconds(load_calendar(house_calendar_version()), now)
    ladders = {True: rungs(WALL_DAY, wall=True), False: rungs(day_seconds)}
    counted = _counted(percent, now)
    found = []
    for tier in tiers_of(version.content):
        for each in listed(tier.get("targets")):
            if each.get("target") in _LEFT_OUT or not is_duration(each.get("duration")):
                continue
            measured = _measured(tier, each, counted)
            ladder = ladders[measured.wall]
            found.append(propose(measured, ladder, percent=percent, day_seconds=day_seconds))
    return Proposed(version, percent, found)


def _measured(
    tier: Mapping[str, Any], target: Mapping[str, Any], counted: Mapping[tuple[str, str], Sequence[int]]
) -> Measured:
    slug, name = str(tier.get("slug")), str(target["target"])
    answered, unanswered, kept, p90, p_goal = counted.get((slug, name), (0, 0, 0, _UNANSWERED, _UNANSWERED))
    return Measured(
        tier=slug,
        tier_name=str(tier.get("name") or slug),
        target=name,
        wall=target.get("clock") == "wall",
        present=target["duration"],
        answered=answered,
        unanswered=unanswered,
        kept=kept,
        p90=None if p90 >= _UNANSWERED else p90,
        p_goal=None if p_goal >= _UNANSWERED else p_goal,
    )


def _counted(percent: int, now: datetime) -> dict[tuple[str, str], Sequence[int]]:
    values: dict[str, Any] = {
        "tenant": str(current_tenant_id()),
        "never": _UNANSWERED,
        "since": now - timedelta(days=DAYS),
        "now": now,
        "goal": percent / 100,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, values)
        return {(row[0], row[1]): row[2:] for row in cursor.fetchall()}


# --- In words ---


def row_of(proposal: Proposal, percent: int) -> dict[str, Any]:
    """A proposal as the page shows it."""
    seen = proposal.measured
    return {
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
