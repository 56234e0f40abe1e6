"""From the content of a policy version to the policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from core.errors import ValidationFailed
from core.rules import Schema, compile_rule
from sla.targets import Target
from sla.tiers.check import validate_policy
from sla.tiers.model import BREACH, DEFAULT_WARNING, Act, Duration, PauseRule, Policy, Step, TargetSpec, Tier


def parse_policy(content: object, schema: Schema) -> Policy:
    """The policy of a version's content. Raises ValidationFailed with the place of every error."""
    errors = validate_policy(content, schema)
    if errors:
        raise ValidationFailed("The policy is not valid: " + errors[0].message, field_errors=errors)
    written = cast(Mapping[str, Any], content)
    ladder = tuple(read_step(step) for step in written["ladder"])
    warnings = [step.at for step in ladder if _warns(step)]
    on_reassign = written.get("on_reassign", "restart")
    window = on_reassign["window"] if isinstance(on_reassign, Mapping) else None
    return Policy(
        tiers=tuple(_tier(tier, schema) for tier in written["tiers"]),
        ladder=ladder,
        responses=frozenset(written["responses"]),
        on_reassign="window" if window else on_reassign,
        breach=[step.at for step in ladder].index(BREACH),
        warn_percent=warnings[0] if warnings else DEFAULT_WARNING,
        window=read_duration(window) if window else None,
        pauses=tuple(_pause(rule) for rule in written.get("pauses", ())),
    )


def read_step(written: Mapping[str, Any]) -> Step:
    """A step as written: `{"at": 80, "actions": [...]}` or `{"after": {"minutes": 30}, "actions": [...]}`."""
    after = written.get("after")
    return Step(
        at=written["at"] if after is None else 0,
        actions=tuple(_act(each) for each in written["actions"]),
        after=None if after is None else read_duration(after),
    )


def _act(written: str | Mapping[str, Any]) -> Act:
    if isinstance(written, str):
        return Act(cast(Any, written))
    return Act(written["do"], written.get("to", ""))


def read_duration(written: Mapping[str, Any]) -> Duration:
    """`{"minutes": 5}` as a duration."""
    ((unit, amount),) = written.items()
    return Duration(cast(Any, unit), amount)


def _warns(step: Step) -> bool:
    return not step.is_late and step.at < BREACH and any(act.do == "warn_manager" for act in step.actions)


def _pause(written: Mapping[str, Any]) -> PauseRule:
    return PauseRule(
        written["reason"], written["name"], read_duration(written["at_most"]), frozenset(written["who"])
    )


def _tier(written: Mapping[str, Any], schema: Schema) -> Tier:
    when = written.get("when")
    return Tier(
        slug=written["slug"],
        name=written["name"],
        rule=None if when is None else compile_rule(when, schema),
        targets=tuple(read_target(target) for target in written["targets"]),
    )


def read_target(written: Mapping[str, Any]) -> TargetSpec:
    """A target as written."""
    return TargetSpec(
        target=written["target"],
        duration=read_duration(written["duration"]),
        wall=written.get("clock", "business") == "wall",
        count=written.get("count", 0),
        channels=written.get("channels", 1 if written["target"] == Target.ATTEMPTS else 0),
    )
