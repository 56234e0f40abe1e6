"""Changes of a policy's content while it is drafted: tiers and steps added, removed and moved. Pure.

Every function takes a content and answers a new one. A draft need not make sense yet: what is wrong with it
is said when it is checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from leads.defaults import engaged
from sla.tiers import BREACH, MOST_PERCENT

Content = Mapping[str, Any]

#: What a new tier promises until somebody says otherwise.
_NEW_TARGETS: Final[tuple[dict[str, Any], ...]] = (
    {"target": "first_touch", "duration": {"minutes": 60}, "clock": "business"},
    {"target": "decision", "duration": {"business_days": 1}, "clock": "business"},
)
_STEP_APART: Final = 50


def listed(written: object) -> list[Any]:
    """A list as written; an empty one for whatever else a draft of the API may say."""
    return written if isinstance(written, list) else []


def tiers_of(content: Content) -> list[dict[str, Any]]:
    """The tiers as written; what is no tier is left out."""
    return [tier for tier in listed(content.get("tiers")) if isinstance(tier, dict)]


def steps_of(content: Content) -> list[dict[str, Any]]:
    """The steps of the ladder as written."""
    return [step for step in listed(content.get("ladder")) if isinstance(step, dict)]


def tier_of(content: Content, slug: str) -> dict[str, Any] | None:
    """The tier of this slug."""
    return next((tier for tier in tiers_of(content) if tier.get("slug") == slug), None)


def add_tier(content: Content, name: str, *, when: object) -> tuple[dict[str, Any], str]:
    """The content with a new tier before the one for everybody else, and its slug."""
    tiers = tiers_of(content)
    slug = _free_slug(name, {str(tier.get("slug")) for tier in tiers})
    new = {"slug": slug, "name": name, "when": when, "targets": [dict(target) for target in _NEW_TARGETS]}
    at = len(tiers) - 1 if tiers and tiers[-1].get("when") is None else len(tiers)
    return {**content, "tiers": [*tiers[:at], new, *tiers[at:]]}, slug


def _free_slug(name: str, taken: set[str]) -> str:
    base = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:50] or "tier"
    found, number = base, 1
    while found in taken:
        number += 1
        found = f"{base}_{number}"
    return found


def replace_tier(content: Content, slug: str, tier: Mapping[str, Any]) -> dict[str, Any]:
    """The content with another text of one tier."""
    return {
        **content,
        "tiers": [dict(tier) if each.get("slug") == slug else each for each in tiers_of(content)],
    }


def add_target(content: Content, slug: str, target: str) -> dict[str, Any]:
    """The content with one more promise of a tier: five business days, until somebody says otherwise."""
    tier = tier_of(content, slug)
    if tier is None or any(each.get("target") == target for each in listed(tier.get("targets"))):
        return dict(content)
    new = {"target": target, "duration": {"business_days": 5}, "clock": "business"}
    return replace_tier(content, slug, {**tier, "targets": [*listed(tier.get("targets")), new]})


def remove_tier(content: Content, slug: str) -> dict[str, Any]:
    """The content without a tier. The one for everybody else stays."""
    kept = [tier for tier in tiers_of(content) if tier.get("slug") != slug or tier.get("when") is None]
    return {**content, "tiers": kept}


def move_tier(content: Content, slug: str, by: int) -> dict[str, Any]:
    """The content with a tier tried earlier (-1) or later (+1); never past the one for everybody else."""
    tiers = tiers_of(content)
    at = next((index for index, tier in enumerate(tiers) if tier.get("slug") == slug), None)
    if at is None or not 0 <= at + by < len(tiers) or tiers[at].get("when") is None:
        return dict(content)
    if tiers[at + by].get("when") is not None:
        tiers[at], tiers[at + by] = tiers[at + by], tiers[at]
    return {**content, "tiers": tiers}


def add_step(content: Content) -> dict[str, Any]:
    """The content with one more step, after the last."""
    steps = steps_of(content)
    shares = [step["at"] for step in steps if isinstance(step.get("at"), int)]
    at = min(MOST_PERCENT, max(shares) + _STEP_APART) if shares else BREACH
    return {**content, "ladder": [*steps, {"at": at, "actions": ["tell_manager"]}]}


def pauses_of(content: Content) -> list[dict[str, Any]]:
    """The reasons to pause as written."""
    return [rule for rule in listed(content.get("pauses")) if isinstance(rule, dict)]


def add_pause(content: Content, name: str) -> dict[str, Any]:
    """The content with one more reason to pause: for two business days, by whoever owns the lead."""
    rules = pauses_of(content)
    reason = _free_slug(name, {str(rule.get("reason")) for rule in rules})[:40]
    new = {"reason": reason, "name": name, "at_most": {"business_days": 2}, "who": ["rep", "manager"]}
    return {**content, "pauses": [*rules, new]}


def remove_pause(content: Content, index: int) -> dict[str, Any]:
    """The content without the reason to pause at this place."""
    rules = pauses_of(content)
    return {**content, "pauses": [rule for at, rule in enumerate(rules) if at != index]}


def remove_step(content: Content, index: int) -> dict[str, Any]:
    """The content without the step at this place of the ladder."""
    steps = steps_of(content)
    return {**content, "ladder": [step for at, step in enumerate(steps) if at != index]}


def simple_condition(when: object) -> tuple[str, int] | None:
    """(kind, days) of a condition that is "did this at least once in so many days"; None for any other."""
    test = when.get("engagements") if isinstance(when, Mapping) and len(when) == 1 else None
    if not isinstance(test, Mapping):
        return None
    kind, days = test.get("kind"), test.get("within_days")
    if not isinstance(kind, str) or not isinstance(days, int) or isinstance(days, bool):
        return None
    return (kind, days) if when == engaged(kind, days=days) else None
