"""A lead comes back with more intent: its open targets get earlier deadlines, never later ones; or people owe
it an answer that a nurture sequence was to give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from leads.models import Assignment, Handoff
from sla import ladder
from sla.gaps import read_gaps, write_gaps
from sla.models import Target, Timer
from sla.policies import load_policy
from sla.rows import update_timers
from sla.services.arming import arm_company, arm_owner
from sla.services.endings import cancel
from sla.services.matching import TierMatch
from sla.timers import schedule, warn_at
from tenants.bulk import update_rows
from tenants.calendars import load_calendar

_OWNER: Final = Timer.Clock.OWNER
_TIER: Final = ["tier", "tier_name", "policy_version_id"]


@dataclass(frozen=True, slots=True)
class StricterTier:
    """A lead came back with more intent: the tier it would have now, from the engagement at `at`."""

    handoff: Handoff
    match: TierMatch
    at: datetime


def rearm_stricter(items: Sequence[StricterTier]) -> list[Handoff]:
    """Move open targets to earlier deadlines where the new tier asks for them; never to later ones.

    The tier changes only if its first touch falls due before the running one; then every open target of the
    handoff whose new deadline is earlier runs again from `at` as its next generation, with the same owner.
    Returns the handoffs that changed; tier, tier_name and policy version are written to them.
    """
    by_handoff = {item.handoff.id: item for item in items}
    running: dict[UUID, list[Timer]] = {}
    for timer in Timer.objects.filter(handoff_id__in=by_handoff, state=Timer.State.RUNNING).order_by("id"):
        running.setdefault(timer.handoff_id, []).append(timer)
    changed: list[Handoff] = []
    rearmed: list[Timer] = []
    for handoff_id, timers in running.items():
        item = by_handoff[handoff_id]
        moved = [timer for timer in timers if _rearm(timer, item)]
        if any(timer.target == Target.FIRST_TOUCH for timer in moved):
            _take_tier(item)
            changed.append(item.handoff)
            rearmed += moved
    fields = [
        "generation",
        "policy_version_id",
        "tier",
        "started_at",
        "duration_seconds",
        "warn_at",
        "due_at",
        "attempts",
        "gaps",
        "first_step",
        "next_step",
        "next_at",
    ]
    update_timers(rearmed, fields)
    update_rows(changed, _TIER)
    return changed


def begin_with_people(items: Sequence[StricterTier], *, now: datetime) -> None:
    """Leads that a person has, and a nurture sequence was to answer, ask for that person: the sequence ends,
    and all that the new tier promises and is not answered counts in full from `at`, for the company and for
    the owner.

    Tier, tier_name and policy version are written to the handoffs.
    """
    if not items:
        return
    handoffs = {item.handoff.id: item.handoff for item in items}
    cancel(handoffs, reason="asked", now=now, clock="company", targets=[Target.NURTURE])
    for item in items:
        _take_tier(item)
    update_rows(list(handoffs.values()), _TIER)
    since = {item.handoff.id: item.at for item in items}
    arm_company(list(handoffs.values()), since=since)
    owners = Assignment.objects.filter(handoff_id__in=handoffs, ended_at__isnull=True).order_by("id")
    arm_owner(list(owners), handoffs=handoffs, since=since)


def _take_tier(item: StricterTier) -> None:
    """Give the handoff its new tier; the caller writes it."""
    handoff, match = item.handoff, item.match
    handoff.tier, handoff.tier_name = match.tier.slug, match.tier.name
    handoff.policy_version_id = match.policy_version_id


def _rearm(timer: Timer, item: StricterTier) -> bool:
    """Give the timer its earlier deadline; False, and nothing changed, where the new one is not earlier."""
    spec = item.match.tier.spec(timer.target)
    if spec is None:
        return False
    gaps = tuple(gap for gap in read_gaps(timer.gaps) if gap.end > item.at)
    plan = schedule(spec, item.at, load_calendar(timer.calendar_version_id), gaps)
    if plan.due_at >= timer.due_at:
        return False
    policy = load_policy(item.match.policy_version_id)
    carries = timer.clock == _OWNER or item.handoff.owner_id is None
    timer.generation += 1
    timer.policy_version_id, timer.tier = item.match.policy_version_id, item.match.tier.slug
    timer.started_at, timer.duration_seconds = plan.started_at, plan.duration_seconds
    timer.warn_at, timer.due_at = warn_at(plan, policy), plan.due_at
    timer.attempts = 0
    timer.next_step, timer.next_at = ladder.first_look(policy, plan, carries=carries)
    timer.first_step, timer.gaps = timer.next_step, write_gaps(gaps)
    return True
