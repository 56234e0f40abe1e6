"""Rules as written in words, and what is different between two versions of them. Either may be a draft that
makes no sense yet. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from core.rules import InvalidRule, describe
from core.rules.schema import spoken
from leads.criteria import SCHEMA
from routing.rules_edit import EVERYONE_ELSE, LAYERS, NOT_YET, Layer, horizon_of, rules_of
from routing.territories import first_wins, is_row, rows_of, words

Content = Mapping[str, Any]
NO_CONDITION: Final = "No condition yet"
_UNREADABLE: Final = "(not written as a rule is)"
_TOLD: Final = ("pools", "priorities", "territories", "horizon_minutes")


def when_words(when: object) -> str:
    """A condition as written, in words."""
    if when is None:
        return EVERYONE_ELSE
    if when == NOT_YET:
        return NO_CONDITION
    try:
        return describe(when, SCHEMA)
    except InvalidRule:
        return _UNREADABLE


def gives_words(layer: Layer, rule: Mapping[str, Any], pools: Mapping[str, str]) -> str:
    """What a rule as written gives: "Inbound", a pool by its name; or "priority 10"."""
    if layer == "pools":
        if is_row(rule):
            return "the pool of their territory"
        slug = str(rule.get("pool") or "")
        return pools.get(slug, slug) or "no pool"
    return f"priority {rule.get('priority', 0)}"


def rule_name(rule: object, index: int) -> str:
    """How a rule is called where it is spoken of."""
    name = rule.get("name") if isinstance(rule, Mapping) else None
    return name.strip() if isinstance(name, str) and name.strip() else f"rule {index + 1}"


def changes(before: Content, after: Content, pools: Mapping[str, str]) -> list[str]:
    """What is different, a sentence each; empty where the two say the same.

    pools: names by slug.
    """
    said = [line for layer in LAYERS for line in _layer_changes(layer, before, after, pools)]
    said += _territory_changes(before, after, pools)
    old, new = horizon_of(before), horizon_of(after)
    if old != new:
        unit = "minute" if new == 1 else "minutes"
        said.append(f"Who opens within {new} {unit} counts as at work; until now within {old}.")
    others = [
        name for name in {**before, **after} if name not in _TOLD and before.get(name) != after.get(name)
    ]
    return [*said, *(f"Also changed: {spoken(str(name)).lower()}." for name in others)]


def _layer_changes(layer: Layer, before: Content, after: Content, pools: Mapping[str, str]) -> list[str]:
    old, new = (_by_name(rules_of(content, layer)) for content in (before, after))
    renamed = _renamed(old, new)
    said = [f"{was} is now called {name}." for name, was in renamed.items()]
    gone = [name for name in old if name not in new and name not in renamed.values()]
    for name, rule in new.items():
        was = old.get(renamed.get(name, name))
        if was is None:
            said.append(
                f"New rule: {name}, for {_whom(rule)}, {_towards(layer)}{gives_words(layer, rule, pools)}."
            )
        else:
            said += _rule_changes(layer, name, was, rule, pools)
    said += [f"Rule {name} is gone." for name in gone]
    order = [name for name in new if renamed.get(name, name) in old]
    present = {renamed.get(name, name): name for name in order}
    if order != [present[name] for name in old if name in present]:
        which = "Pools" if layer == "pools" else "Priorities"
        said.append(f"{which} are tried in another order: {', '.join(new)}.")
    return said


def _territory_changes(before: Content, after: Content, pools: Mapping[str, str]) -> list[str]:
    old, new = (_by_name(rows_of(content)) for content in (before, after))
    renamed = _renamed(old, new)
    said = [f"Territory {was} is now called {name}." for name, was in renamed.items()]
    for name, row in new.items():
        was = old.get(renamed.get(name, name))
        goes_to = gives_words("pools", row, pools)
        if was is None:
            said.append(f"New territory: {name}, {words(row)}, to {goes_to}.")
            continue
        if words(was) != words(row):
            said.append(f"Territory {name} was {words(was)}, now {words(row)}.")
        went_to = gives_words("pools", was, pools)
        if went_to != goes_to:
            said.append(f"Territory {name} gives {goes_to}, until now {went_to}.")
    said += [f"Territory {name} is gone." for name in old if name not in new and name not in renamed.values()]
    if first_wins(after):
        order = [name for name in new if name in old]
        if order != [name for name in old if name in new]:
            said.append("Territories are tried in another order.")
    if old and new and first_wins(before) != first_wins(after):
        does = "the first one wins" if first_wins(after) else "they are not published"
        said.append(f"Where territories overlap, {does} now.")
    return said


def _by_name(rules: list[Any]) -> dict[str, Mapping[str, Any]]:
    """The rules by name; of two that are called alike the second gets its place behind it."""
    found: dict[str, Mapping[str, Any]] = {}
    for index, rule in enumerate(rules):
        name = rule_name(rule, index)
        key = name if name not in found else f"{name} ({index + 1})"
        found[key] = rule if isinstance(rule, Mapping) else {}
    return found


def _renamed(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """New names of rules that say what one that is gone said, with the name of that one."""
    gone = [name for name in old if name not in new]
    found: dict[str, str] = {}
    for name, rule in new.items():
        if name in old:
            continue
        same = next((each for each in gone if _said(old[each]) == _said(rule)), None)
        if same is not None:
            found[name] = same
            gone.remove(same)
    return found


def _said(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key != "name"}


def _rule_changes(
    layer: Layer, name: str, old: Mapping[str, Any], new: Mapping[str, Any], pools: Mapping[str, str]
) -> list[str]:
    said = []
    if old.get("when") != new.get("when"):
        was, now = _whom(old), _whom(new)
        said.append(
            f"{name} was for {was}, now for {now}." if was != now else f"{name}: the condition changed."
        )
    was, now = (gives_words(layer, rule, pools) for rule in (old, new))
    if was != now:
        said.append(f"{name} gives {now}, until now {was}.")
    return said


def _towards(layer: Layer) -> str:
    return "to " if layer == "pools" else ""


def _whom(rule: Mapping[str, Any]) -> str:
    if is_row(rule):
        return "the leads of a territory"
    text = when_words(rule.get("when"))
    return text.lower() if text in (EVERYONE_ELSE, NO_CONDITION) else text
