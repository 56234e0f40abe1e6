"""Reads of routing: the fallback person, the traces, and what each condition of a rule said then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from core.errors import NotFound
from leads.list_names import ListNames
from routing.decide import LayerRule, RuleSet
from routing.facts import compiled_rule_set
from routing.models import Decision, RoutingSettings
from tenants.context import current_tenant_id
from tenants.models import Member


def fallback_of() -> Member | None:
    """The person who catches what nobody takes; None where nobody is named or who is named is not active."""
    setting = RoutingSettings.objects.select_related("fallback").first()
    person: Member | None = setting.fallback if setting else None
    return person if person is not None and person.is_active else None


def get_decision(*, decision_id: UUID) -> Decision:
    """A decision of this organisation, with its pool, owner and handoff. Raises NotFound."""
    rows = Decision.objects.select_related("pool", "member", "handoff")
    found: Decision | None = rows.filter(id=decision_id).first()
    if found is None:
        raise NotFound("There is no such decision.")
    return found


_STATES = {"1": "met", "0": "not_met", "?": "missing"}


def explain_layers(decision: Decision) -> dict[str, list[dict[str, Any]]]:
    """The rules of a decision's trace in words, each with how every condition of it came out.

    {"pools": [{"name", "result", "sentence", "conditions": [{"sentence", "state"}]}], "priorities": [...]}.
    """
    layers: dict[str, list[dict[str, Any]]] = decision.trace["layers"]
    if decision.rule_set_version_id is None:
        return {name: [] for name in layers}
    return layers_in_words(layers, compiled_rule_set(current_tenant_id(), decision.rule_set_version_id))


def layers_in_words(
    layers: Mapping[str, Sequence[dict[str, Any]]], rule_set: RuleSet
) -> dict[str, list[dict[str, Any]]]:
    """The layers of a trace beside the rules that made them: see `explain_layers`."""
    lists = ListNames()
    written = {"pools": rule_set.pools, "priorities": rule_set.priorities}
    return {
        name: [_in_words(tried, item, lists) for tried, item in zip(lines, written[name], strict=False)]
        for name, lines in layers.items()
    }


def _in_words(tried: dict[str, Any], item: LayerRule, lists: ListNames) -> dict[str, Any]:
    rule = lists.in_rule(item.rule) if item.rule else None
    marks = tried.get("leaves", "")
    conditions = [
        {"sentence": condition, "state": _STATES[mark]}
        for condition, mark in zip(rule.conditions if rule else (), marks, strict=False)
    ]
    return {
        "name": tried["name"],
        "result": tried["result"],
        "sentence": rule.sentence if rule else "Everyone else",
        "conditions": conditions,
    }
