"""The two layers of rules: which pool a lead belongs to, and how urgent it is. First match wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from core.rules import Facts, Rule, Schema, compile_rule
from routing.territories import tried

DEFAULT_HORIZON_MINUTES: Final = 30
#: Where the facts say who owns the lead's account: a member's id as text, or None. No rule asks about it.
ACCOUNT_OWNER: Final = "account.owner_id"


@dataclass(frozen=True, slots=True)
class LayerRule:
    """One rule of a layer. `rule` None is "everyone else". `value` is a pool's slug, or a priority."""

    name: str
    rule: Rule | None
    value: str | int


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A compiled version. `fields` and `reads_engagements` say which facts it needs at all."""

    pools: tuple[LayerRule, ...]
    priorities: tuple[LayerRule, ...]
    horizon: timedelta
    fields: frozenset[str]
    reads_engagements: bool

    @property
    def needs_facts(self) -> bool:
        return bool(self.fields) or self.reads_engagements


def compile_rule_set(content: Mapping[str, Any], schema: Schema) -> RuleSet:
    """Compile the stored form (routing.models.RuleSetVersion), territories each as a rule of its own. Raises
    core.rules.InvalidRule."""
    pools = tuple(_layer_rule(item, "pool", schema) for _, item in tried(content))
    priorities = tuple(_layer_rule(item, "priority", schema) for item in content.get("priorities", ()))
    rules = [item.rule for item in (*pools, *priorities) if item.rule is not None]
    return RuleSet(
        pools=pools,
        priorities=priorities,
        horizon=timedelta(minutes=content.get("horizon_minutes", DEFAULT_HORIZON_MINUTES)),
        fields=frozenset().union(*(rule.fields for rule in rules)),
        reads_engagements=any(rule.reads_engagements for rule in rules),
    )


def _layer_rule(item: Mapping[str, Any], key: str, schema: Schema) -> LayerRule:
    when = item.get("when")
    return LayerRule(item["name"], None if when is None else compile_rule(when, schema), item[key])


@dataclass(frozen=True, slots=True)
class Match:
    """What the two rule layers said, before anybody was looked at. pool_at, priority_at: which rule."""

    pool: str | None
    rule: str
    priority: int
    rule_set: RuleSet
    facts: Facts
    pool_at: int | None
    priority_at: int | None

    def layers(self) -> dict[str, list[dict[str, Any]]]:
        """Every rule with how it came out, for the trace; made when it is asked for."""
        return {
            "pools": _told(self.rule_set.pools, self.pool_at, self.facts),
            "priorities": _told(self.rule_set.priorities, self.priority_at, self.facts),
        }


def match(rule_set: RuleSet, facts: Facts) -> Match:
    """The rule layers alone: the pool and the priority. First match wins in each."""
    pool_at = _first_match(rule_set.pools, facts)
    priority_at = _first_match(rule_set.priorities, facts)
    hit = None if pool_at is None else rule_set.pools[pool_at]
    return Match(
        pool=str(hit.value) if hit else None,
        rule=hit.name if hit else "",
        priority=0 if priority_at is None else int(rule_set.priorities[priority_at].value),
        rule_set=rule_set,
        facts=facts,
        pool_at=pool_at,
        priority_at=priority_at,
    )


def _first_match(rules: Sequence[LayerRule], facts: Facts) -> int | None:
    for position, item in enumerate(rules):
        if item.rule is None or item.rule.matches(facts):
            return position
    return None


def _told(rules: Sequence[LayerRule], matched_at: int | None, facts: Facts) -> list[dict[str, Any]]:
    """Every rule of a layer: "no" before the match, "skipped" after it."""
    last = len(rules) if matched_at is None else matched_at
    lines = [
        {
            "name": item.name,
            "result": "match" if position == matched_at else "no",
            "leaves": item.rule.marks(facts) if item.rule else "",
        }
        for position, item in enumerate(rules[: last + 1])
    ]
    return lines + [{"name": item.name, "result": "skipped"} for item in rules[last + 1 :]]
