"""Which tier of the policy in force a lead falls under, and what counts as its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.rules import Facts, Rule
from sla import tiers
from sla.models import PolicyVersion
from sla.policies import load_policy, policy_in_force, unit_of
from sla.tiers import Tier
from sla.units import active_units, has_units
from tenants.versions import version_in_force


@dataclass(frozen=True, slots=True)
class TierMatch:
    """The tier that applies to a lead, and the version of the policy that says so."""

    policy_version_id: UUID
    tier: Tier


def match_tier(facts: Facts, *, at: datetime) -> TierMatch:
    """The tier of a lead under the policy in force then. Raises Conflict where none is published."""
    return match_tiers([facts], at=at)[0]


def match_tiers(many: Sequence[Facts], *, at: datetime) -> list[TierMatch]:
    """The tier of each lead, in order, under the policy of its business unit or else the main one. The number
    of queries does not depend on that of leads. Raises Conflict where no policy is published.
    """
    units = [
        (unit.rule, in_force)
        for unit in active_units()
        if (in_force := version_in_force(PolicyVersion, at, unit.id)) is not None
    ]
    return [_first_match(facts, units, at) for facts in many]


def match_again(many: Sequence[tuple[Facts, UUID]], *, at: datetime) -> list[TierMatch]:
    """The tier that leads would have now whose handoffs run already, each given with the policy version that
    it runs by: under the version in force of the same unit, since an open lead does not change its unit.
    """
    found = []
    for facts, version_id in many:
        in_force, policy = policy_in_force(at, unit_of(version_id) if has_units() else None)
        found.append(TierMatch(in_force, tiers.match_tier(policy, facts)))
    return found


def _first_match(facts: Facts, units: Sequence[tuple[Rule, PolicyVersion]], at: datetime) -> TierMatch:
    version_id = next((version.id for rule, version in units if rule.matches(facts)), None)
    if version_id is None:
        version_id, _ = policy_in_force(at)
    return TierMatch(version_id, tiers.match_tier(load_policy(version_id), facts))


def counts_as_response(policy_version_id: UUID | None, kind: str) -> bool:
    """Whether a touch of this kind answers a handoff, under the policy version that the handoff started with.

    Without a policy nothing is owed, and nothing counts.
    """
    return policy_version_id is not None and kind in load_policy(policy_version_id).responses
