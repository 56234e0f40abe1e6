"""Drafts of the policy that do not come from the editor: from a preset, from the organisation's own history,
or whole over the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from sla.defaults import DEFAULT_POLICY
from sla.models import BusinessUnit, PolicyVersion
from sla.own_history import OwnHistory
from sla.policy_edit import listed, tiers_of
from sla.units import lock_unit
from tenants import versions


def base_content(unit: BusinessUnit | None = None) -> Mapping[str, Any]:
    """What a change of a unit's policy, or of the main one, starts from: the open draft, else the version in
    force, else what a new organisation gets.
    """
    line = unit.id if unit else None
    found = versions.open_draft(PolicyVersion, line) or versions.published_version(PolicyVersion, line)
    content: Mapping[str, Any] = found.content if found else DEFAULT_POLICY
    return content


@transaction.atomic
def begin_draft(unit: BusinessUnit | None, *, actor: str, now: datetime) -> PolicyVersion:
    """Begin the next version of a unit's policy, or of the main one: a copy of the version in force, else of
    the main policy's, else what a new organisation gets. Raises Conflict where a draft is open already.
    """
    lock_unit(unit)
    line = unit.id if unit else None
    content: dict[str, Any] | None = None
    if versions.version_in_force(PolicyVersion, now, line) is None:
        main = versions.version_in_force(PolicyVersion, now)
        content = main.content if main else DEFAULT_POLICY
    return versions.start_draft(PolicyVersion, actor=actor, now=now, content=content, line=line)


@transaction.atomic
def write_draft(
    content: dict[str, Any],
    *,
    revision: int | None,
    actor: str,
    now: datetime,
    unit: BusinessUnit | None = None,
) -> PolicyVersion:
    """Begin a draft with this content, or write it into the open one; of the main policy, unless a unit is
    named.

    revision: of the open draft that the author saw; None where they saw none. Raises StaleVersion where the
    draft was saved or begun since, Conflict where it is gone.
    """
    lock_unit(unit)
    return versions.write_draft(
        PolicyVersion,
        content=content,
        revision=revision,
        actor=actor,
        now=now,
        line=unit.id if unit else None,
    )


def with_proposals(content: Mapping[str, Any], history: OwnHistory) -> dict[str, Any]:
    """The content with every proposed duration in its place; where nothing is proposed it stays. Pure."""
    return with_durations(
        content, {(each.tier, each.target): each.found for each in history.proposals if each.found}
    )


def with_durations(
    content: Mapping[str, Any], found: Mapping[tuple[str, str], Mapping[str, int]]
) -> dict[str, Any]:
    """The content with these durations, by the slug of a tier and its target; the others stay. Pure."""
    tiers = [
        {**tier, "targets": [_proposed(each, str(tier.get("slug")), found) for each in _targets(tier)]}
        for tier in tiers_of(content)
    ]
    return {**content, "tiers": tiers}


def _targets(tier: Mapping[str, Any]) -> list[Any]:
    return listed(tier.get("targets"))


def _proposed(target: Any, tier: str, found: Mapping[tuple[str, str], Mapping[str, int]]) -> Any:
    if not isinstance(target, Mapping):
        return target
    duration = found.get((tier, str(target.get("target"))))
    return target if duration is None else {**target, "duration": dict(duration)}
