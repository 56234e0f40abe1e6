"""What stands between rules as written and their publication: each with its place.

Two sorts. With what `broken` says rules cannot be in force at all: not as a new version, not again, not when
their time comes. What `slips` says would only never do what it seems to: a new version is not published with
it, and an older one may be used again in a hurry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from django.db.models import Count

from core.errors import FieldError, ValidationFailed, pointer
from core.rules import doubts, empty_groups, shadowed, validate
from leads.criteria import SCHEMA
from leads.list_use import unknown_lists
from routing.models import Pool, PoolSeat
from routing.rules_edit import GIVES, LAYERS, Layer, has_rest, horizon_of, is_rest, rules_of
from routing.rules_words import rule_name
from routing.selectors import fallback_of
from routing.territories import doubtful, is_row, rows_of, tried
from routing.territory_check import NEVER_REACHED, broken_territories, overlapping, slips_of_territories

MOST_RULES: Final = 500  # of a layer
MOST_NODES: Final = 10_000  # conditions and groups of all rules together
LONGEST_NAME: Final = 80  # what a decision keeps of it
LARGEST_PRIORITY: Final = 1_000
MOST_DOUBTS: Final = 20
MOST_HORIZON: Final = 24 * 60  # minutes
_NO_REST: Final = (
    "No row is for everyone else: a lead that no rule matches waits in Unrouted until somebody acts."
)
_SAME_NAME: Final = "Another rule of this layer is called so: decisions could not be told apart."
_PARTS: Final = ("pools", "priorities", "territories", "horizon_minutes")


@dataclass(frozen=True, slots=True)
class PoolState:
    """What rules need to know of a pool. people: active ones who sit in it."""

    slug: str
    name: str
    is_active: bool
    people: int

    @property
    def problem(self) -> str:
        """Why it can take no lead; "" where it can."""
        if not self.is_active:
            return f"{self.name} is switched off: choose another pool, or switch it on."
        if not self.people:
            return f"Nobody active sits in {self.name}: add a person to it first, or choose another pool."
        return ""


def pool_states() -> dict[str, PoolState]:
    """Every pool by slug, in the order of their names; two queries."""
    seated = PoolSeat.objects.filter(member__is_active=True).values_list("pool_id")
    people = dict(seated.annotate(people=Count("id")).order_by("pool_id"))
    rows = Pool.objects.order_by("name", "id").values_list("id", "slug", "name", "is_active")
    return {slug: PoolState(slug, name, is_on, people.get(pool_id, 0)) for pool_id, slug, name, is_on in rows}


def check_usable(content: object) -> None:
    """Raises ValidationFailed for rules that cannot be in force, as things are now."""
    _refuse([*broken(content, pool_states()), *unknown_lists(content)])


def check_publishable(content: object) -> None:
    """Raises ValidationFailed with the place of all that stands between these rules and their publication."""
    _refuse(publishing_errors(content, pool_states()))


def publishing_errors(content: object, pools: Mapping[str, PoolState]) -> list[FieldError]:
    """All that is wrong with rules that are to be a new version."""
    errors = [*broken(content, pools), *slips(content), *unknown_lists(content)]
    if isinstance(content, Mapping):
        errors += _overlaps(content, errors)
    if fallback_of() is None:
        errors.append(
            FieldError(
                "",
                "No active fallback person is named: a lead that nobody can take would reach nobody. Name "
                "one under Routing, When nobody takes it.",
                "fallback_missing",
            )
        )
    return errors


def _overlaps(content: Mapping[str, Any], errors: Iterable[FieldError]) -> list[FieldError]:
    """Territories that take the same lead; not looked for while something else is wrong with them."""
    wrong = [error for error in errors if error.path.startswith("/territories")]
    if any(error.code != NEVER_REACHED for error in wrong):
        return []
    said = {error.path for error in wrong}
    return [error for error in overlapping(content) if error.path not in said]


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        raise ValidationFailed(f"The rules cannot be put in force: {errors[0].message}", field_errors=errors)


def warnings(content: Mapping[str, Any], *, unmatched: str = "") -> list[str]:
    """What to look at twice before these rules are published. unmatched: how many leads no rule took."""
    found = list(islice(_doubts(content), MOST_DOUBTS))
    if not has_rest(content, "pools"):
        found.insert(0, f"{_NO_REST} {unmatched}".strip())
    return found


def _doubts(content: Mapping[str, Any]) -> Iterator[str]:
    """Values that are not what their field asks for, rule by rule and territory by territory."""
    for layer in LAYERS:
        for at, rule in enumerate(rules_of(content, layer)):
            when = rule.get("when") if isinstance(rule, Mapping) else None
            for each in doubts(when, SCHEMA) if when is not None else ():
                yield f"{rule_name(rule, at)}: {each.message}"
    yield from _territory_doubts(content)


def territory_warnings(content: Mapping[str, Any]) -> list[str]:
    """The same of the territories alone."""
    return list(islice(_territory_doubts(content), MOST_DOUBTS))


def _territory_doubts(content: Mapping[str, Any]) -> Iterator[str]:
    for at, row in enumerate(rows_of(content)):
        for message in doubtful(row):
            yield f"Territory {rule_name(row, at)}: {message}"


# --- What cannot be in force ---


def broken(content: object, pools: Mapping[str, PoolState]) -> list[FieldError]:
    """What makes rules unusable. Pure."""
    if not isinstance(content, Mapping):
        return [FieldError("", "Rules are an object with pools, priorities and horizon_minutes.", "type")]
    errors: list[FieldError] = []
    for layer in LAYERS:
        errors += _broken_layer(content, layer, pools)
    errors += broken_territories(content, pools)
    horizon = horizon_of(content)
    if not _is_whole(horizon) or not 0 <= horizon <= MOST_HORIZON:
        errors.append(
            FieldError("/horizon_minutes", f"A whole number of minutes from 0 to {MOST_HORIZON:,}.", "range")
        )
    return errors


def _broken_layer(
    content: Mapping[str, Any], layer: Layer, pools: Mapping[str, PoolState]
) -> Iterable[FieldError]:
    if not isinstance(content.get(layer, []), list):
        return [FieldError(pointer(layer), "A list of rules is wanted.", "type")]
    rules = rules_of(content, layer)
    if layer == "pools" and not rules:
        return [FieldError("/pools", "There is no rule: no lead would reach anybody. Add one.", "required")]
    if len(rules) > MOST_RULES:
        return [FieldError(pointer(layer), f"A layer has at most {MOST_RULES} rules.", "too_many")]
    return [error for index, rule in enumerate(rules) for error in _broken_rule(layer, index, rule, pools)]


def _broken_rule(
    layer: Layer, index: int, rule: object, pools: Mapping[str, PoolState]
) -> Iterable[FieldError]:
    if not isinstance(rule, Mapping):
        yield FieldError(pointer(layer, index), "A rule is an object with name, when and pool.", "type")
        return
    name = rule.get("name")
    if not isinstance(name, str) or not name.strip():
        yield FieldError(pointer(layer, index, "name"), "Give the rule a name.", "required")
    elif len(name) > LONGEST_NAME:
        message = f"A name has at most {LONGEST_NAME} characters."
        yield FieldError(pointer(layer, index, "name"), message, "max_length")
    if layer == "pools" and is_row(rule):
        return
    when = rule.get("when")
    if when is not None:
        for wrong in validate(when, SCHEMA):
            yield FieldError(pointer(layer, index, "when") + wrong.path, wrong.message, wrong.code)
    yield from _broken_outcome(layer, index, rule.get(GIVES[layer]), pools)


def _broken_outcome(
    layer: Layer, index: int, gives: object, pools: Mapping[str, PoolState]
) -> Iterable[FieldError]:
    where = pointer(layer, index, GIVES[layer])
    if layer == "priorities":
        if not _is_whole(gives) or not -LARGEST_PRIORITY <= gives <= LARGEST_PRIORITY:  # type: ignore[operator]
            message = f"A whole number from -{LARGEST_PRIORITY:,} to {LARGEST_PRIORITY:,}."
            yield FieldError(where, message, "range")
        return
    if not isinstance(gives, str) or not gives:
        yield FieldError(where, "To which pool? Choose one.", "required")
    elif gives not in pools:
        yield FieldError(where, f'There is no pool "{gives[:60]}": choose one.', "unknown")
    elif pools[gives].problem:
        yield FieldError(where, pools[gives].problem, "pool_unusable")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# --- What would not do what it seems to ---


def slips(content: object) -> list[FieldError]:
    """What is written in these rules to no effect. Pure."""
    if not isinstance(content, Mapping):
        return []
    errors = [
        FieldError(pointer(str(part)), f"There is no such part; rules have {', '.join(_PARTS)}.", "unknown")
        for part in content
        if part not in _PARTS
    ]
    for layer in LAYERS:
        errors += _slips_of_rules(layer, rules_of(content, layer)[: MOST_RULES + 1])
    errors += slips_of_territories(content)
    pools = [(pointer(*spot), rule) for spot, rule in tried(content)]
    errors += _taken_names(pools)
    priorities = rules_of(content, "priorities")[: MOST_RULES + 1]
    errors += _never_reached(pools[: 2 * MOST_RULES])
    errors += _never_reached([(pointer("priorities", at), rule) for at, rule in enumerate(priorities)])
    nodes = sum(_nodes(rule) for layer in LAYERS for rule in rules_of(content, layer))
    if nodes > MOST_NODES:
        message = f"All rules together have at most {MOST_NODES:,} conditions and groups, not {nodes:,}."
        errors.append(FieldError("", message, "too_many"))
    return errors


def _slips_of_rules(layer: Layer, rules: list[Any]) -> Iterable[FieldError]:
    known = ("name", "when", GIVES[layer])
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if not isinstance(rule, Mapping) or is_row(rule):
            continue
        for part in rule:
            if part not in known:
                message = f"There is no such part; a rule here has {', '.join(known)}."
                yield FieldError(pointer(layer, index, str(part)), message, "unknown")
        if "when" not in rule:
            message = "For whom? Write a condition, or null for everyone else."
            yield FieldError(pointer(layer, index, "when"), message, "required")
        for path in empty_groups(rule.get("when")):
            message = "This group is empty: add a condition, or remove it."
            if not path:
                message = "There is no condition yet: say for whom the rule is."
            yield FieldError(pointer(layer, index, "when", *path), message, "empty")
        if layer == "priorities":
            name = _name(rule)
            if name and name in seen:
                yield FieldError(pointer(layer, index, "name"), _SAME_NAME, "taken")
            seen.add(name)


def _taken_names(rules: Iterable[tuple[str, Any]]) -> Iterable[FieldError]:
    """Rules and territories that are called like one before."""
    seen: set[str] = set()
    for where, rule in rules:
        name = _name(rule)
        if name and name in seen:
            yield FieldError(f"{where}/name", _SAME_NAME, "taken")
        seen.add(name)


def _name(rule: object) -> str:
    return str(rule.get("name") or "").strip().casefold() if isinstance(rule, Mapping) else ""


def _never_reached(rules: list[tuple[str, Any]]) -> Iterable[FieldError]:
    """Rules that never match, since an earlier one takes all of their leads. rules: with their places."""
    trees = [() if _asks_nothing(rule) else rule.get("when") for _, rule in rules]
    for index, earlier in shadowed(trees, SCHEMA).items():
        before = f"{_called(*rules[earlier])},"
        if is_rest(rules[earlier][1]):
            message = f"Never reached: {before} is for everyone, and stands before. Move this one up."
        else:
            message = f"Never reached: {before} takes every lead of this one. Move this one up, or remove it."
        where = rules[index][0]
        yield FieldError(where if _is_territory(where) else f"{where}/when", message, NEVER_REACHED)


def _called(where: str, rule: Any) -> str:
    """How a rule is spoken of: "Rule 2, Enterprise", "Territory Bavaria"."""
    index = int(where.rpartition("/")[2])
    if _is_territory(where):
        return f"Territory {rule_name(rule, index)}"
    return f"Rule {index + 1}, {rule_name(rule, index)}"


def _is_territory(where: str) -> bool:
    return where.startswith("/territories/")


def _asks_nothing(rule: object) -> bool:
    """Whether a rule cannot be compared with others: it is none, or its condition is yet to be written."""
    if not isinstance(rule, Mapping):
        return True
    return next(iter(empty_groups(rule.get("when"))), None) is not None


def _nodes(rule: object) -> int:
    """Conditions and groups of a rule as written."""
    waiting, found = [rule.get("when") if isinstance(rule, Mapping) else None], 0
    while waiting:
        node = waiting.pop()
        if not isinstance(node, Mapping):
            continue
        found += 1
        waiting += [each for key in ("all", "any") if isinstance(node.get(key), list) for each in node[key]]
        waiting.append(node.get("not"))
    return found
