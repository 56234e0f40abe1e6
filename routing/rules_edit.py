"""Changes of the rules while they are drafted: added, removed, moved. Pure.

Every function takes a content and answers a new one. A draft need not make sense yet: what is wrong with it
is said when it is checked. A rule is named by its layer and its place in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from routing.decide import DEFAULT_HORIZON_MINUTES
from routing.territories import is_row

Content = Mapping[str, Any]
Layer = Literal["pools", "priorities"]

LAYERS: Final[tuple[Layer, ...]] = ("pools", "priorities")
#: What a rule of a layer gives.
GIVES: Final[Mapping[Layer, str]] = {"pools": "pool", "priorities": "priority"}
EVERYONE_ELSE: Final = "Everyone else"
#: The condition of a rule of which nobody has said yet for whom it is.
NOT_YET: Final[Mapping[str, Any]] = {"all": []}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands: its layer, and how many are tried before it."""

    layer: Layer
    index: int

    def __str__(self) -> str:
        return f"{self.layer}.{self.index}"


def place_of(text: str) -> Place | None:
    """The place that an address or a button names: "pools.2"."""
    layer, _, index = text.partition(".")
    if layer not in LAYERS or not (index.isascii() and index.isdigit() and len(index) < 5):
        return None
    return Place(cast(Layer, layer), int(index))


def rules_of(content: Content, layer: Layer) -> list[Any]:
    """The rules of a layer as written; of a draft of the API they may be anything."""
    written = content.get(layer)
    return list(written) if isinstance(written, list) else []


def rule_at(content: Content, place: Place) -> dict[str, Any] | None:
    """The rule of a place; None where none stands there."""
    rules = rules_of(content, place.layer)
    rule = rules[place.index] if place.index < len(rules) else None
    return rule if isinstance(rule, dict) else None


def place_named(content: Content, layer: Layer, name: str) -> Place | None:
    """Where the one rule of this name stands; None where none or several are called so."""
    rules = rules_of(content, layer)
    found = [at for at, rule in enumerate(rules) if isinstance(rule, dict) and rule.get("name") == name]
    return Place(layer, found[0]) if len(found) == 1 else None


def is_rest(rule: object) -> bool:
    """Whether a rule is for everyone else."""
    return isinstance(rule, Mapping) and rule.get("when") is None and not is_row(rule)


def has_rest(content: Content, layer: Layer) -> bool:
    """Whether the last rule of a layer is for everyone else."""
    rules = rules_of(content, layer)
    return bool(rules) and is_rest(rules[-1])


def horizon_of(content: Content) -> Any:
    """Minutes until which somebody counts as at work, as written."""
    return content.get("horizon_minutes", DEFAULT_HORIZON_MINUTES)


def add_rule(
    content: Content, layer: Layer, *, name: str, when: object, gives: object
) -> tuple[dict[str, Any], Place]:
    """The content with a new rule, and its place: before everyone else, or last for everyone else."""
    rules = rules_of(content, layer)
    at = len(rules) - 1 if when is not None and has_rest(content, layer) else len(rules)
    rule = {"name": name, "when": when, GIVES[layer]: gives}
    return {**content, layer: [*rules[:at], rule, *rules[at:]]}, Place(layer, at)


def free_name(content: Content, layer: Layer, wanted: str) -> str:
    """The name, or with a number behind it where another rule of the layer has it."""
    taken = {str(rule.get("name")) for rule in rules_of(content, layer) if isinstance(rule, Mapping)}
    found, number = wanted, 1
    while found in taken:
        number += 1
        found = f"{wanted} {number}"
    return found


def replace_rule(content: Content, place: Place, rule: Mapping[str, Any]) -> dict[str, Any]:
    """The content with another text of one rule."""
    rules = rules_of(content, place.layer)
    rules[place.index] = dict(rule)
    return {**content, place.layer: rules}


def remove_rule(content: Content, place: Place) -> dict[str, Any]:
    """The content without a rule."""
    rules = rules_of(content, place.layer)
    return {**content, place.layer: [rule for at, rule in enumerate(rules) if at != place.index]}


def may_move(content: Content, place: Place, by: int) -> bool:
    """Whether a rule may be tried earlier (-1) or later (+1): whoever is last for everyone else stays so."""
    rules = rules_of(content, place.layer)
    to = place.index + by
    if not (0 <= place.index < len(rules) and 0 <= to < len(rules)):
        return False
    return not (has_rest(content, place.layer) and len(rules) - 1 in (place.index, to))


def move_rule(content: Content, place: Place, by: int) -> tuple[dict[str, Any], Place]:
    """The content with a rule tried earlier (-1) or later (+1), and its new place."""
    if not may_move(content, place, by):
        return dict(content), place
    rules = rules_of(content, place.layer)
    to = place.index + by
    rules[place.index], rules[to] = rules[to], rules[place.index]
    return {**content, place.layer: rules}, Place(place.layer, to)
