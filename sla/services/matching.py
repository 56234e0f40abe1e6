"""Which tier of the policy in force a lead falls under, and what counts as its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.rules import Facts
from sla import tiers
from sla.policies import load_policy, policy_in_force
from sla.tiers import Tier


@dataclass(frozen=True, slots=True)
class TierMatch:
    """The tier that applies to a lead, and the version of the policy that says so."""

    policy_version_id: UUID
    tier: Tier


def match_tier(facts: Facts, *, at: datetime) -> TierMatch:
    """The tier of a lead under the policy in force then. Raises Conflict where none is published."""
    return match_tiers([facts], at=at)[0]


def match_tiers(many: Sequence[Facts], *, at: datetime) -> list[TierMatch]:
    """The tier of each lead, in order; one query for all."""
    version_id, policy = policy_in_force(at)
    return [TierMatch(version_id, tiers.match_tier(policy, facts)) for facts in many]


def counts_as_response(policy_version_id: UUID | None, kind: str) -> bool:
    """Whether a touch of this kind answers a handoff, under the policy version that the handoff started with.

    Without a policy nothing is owed, and nothing counts.
    """
    return policy_version_id is not None and kind in load_policy(policy_version_id).responses
