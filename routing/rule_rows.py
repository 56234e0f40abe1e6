"""A layer's rules as pages show them, of a version in force or of a draft in which anything may stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.errors import FieldError
from core.rules import Chips, chips
from leads.criteria import SCHEMA
from routing.rules_check import LONGEST_NAME, PoolState
from routing.rules_edit import Content, Layer, Place, is_rest, may_move, rules_of
from routing.rules_words import rule_name, when_words
from routing.territories import first_wins, is_row, rows_of

_MOST_CHIPS: Final = 6
_MOST_NAMES: Final = 4


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule of a layer.

    chips:    its conditions side by side; None where only the sentence says it.
    gives:    the name of its pool, or its priority.
    hits:     decisions that it made lately; None where that is not counted.
    problem:  why its pool can take nobody; wrong: what stands between it and its publication.
    territories: how many are tried here; None for any other rule.
    """

    place: Place
    name: str
    sentence: str
    chips: Chips | None
    is_rest: bool
    gives: str
    hits: int | None
    problem: str
    wrong: Sequence[str]
    may_rise: bool
    may_sink: bool
    territories: int | None = None

    @property
    def rank(self) -> int:
        return self.place.index + 1


def rule_rows(
    content: Content,
    layer: Layer,
    *,
    pools: Mapping[str, PoolState],
    hits: Mapping[str, int] | None = None,
    errors: Iterable[FieldError] = (),
) -> list[RuleRow]:
    """The rules of a layer, in the order in which they are tried. Pure.

    hits: decisions by the name of the rule. errors: what is wrong with the content, by its place.
    """
    wrong: dict[int, list[str]] = {}
    for error in errors:
        parts = error.path.split("/")
        if parts[1:2] == [layer] and parts[2:3] and parts[2].isdigit():
            wrong.setdefault(int(parts[2]), []).append(error.message)
    if layer == "pools":
        _add_territories(content, errors, wrong)
    return [
        _row(content, Place(layer, index), rule, pools, hits, wrong.get(index, ()))
        for index, rule in enumerate(rules_of(content, layer))
    ]


def _row(
    content: Content,
    place: Place,
    rule: Any,
    pools: Mapping[str, PoolState],
    hits: Mapping[str, int] | None,
    wrong: Sequence[str],
) -> RuleRow:
    if place.layer == "pools" and is_row(rule):
        return _territories_row(content, place, rule, hits, wrong)
    written: Mapping[str, Any] = rule if isinstance(rule, Mapping) else {"when": {}}
    name, when = rule_name(written, place.index), written.get("when")
    shown = chips(when, SCHEMA) if when is not None else None
    return RuleRow(
        place=place,
        name=name,
        sentence=when_words(when),
        chips=shown if shown and len(shown.parts) <= _MOST_CHIPS else None,
        is_rest=is_rest(written),
        gives=_gives(place.layer, written, pools),
        hits=None if hits is None else hits.get(name[:LONGEST_NAME], 0),
        problem=_problem(written, pools) if place.layer == "pools" else "",
        wrong=wrong,
        may_rise=may_move(content, place, -1),
        may_sink=may_move(content, place, 1),
    )


def _add_territories(content: Content, errors: Iterable[FieldError], wrong: dict[int, list[str]]) -> None:
    """Say at their row how many territories something is wrong with."""
    at = next((index for index, rule in enumerate(rules_of(content, "pools")) if is_row(rule)), None)
    spots = {error.path.split("/")[2] for error in errors if error.path.startswith("/territories/")}
    if at is not None and spots:
        many = "1 territory is" if len(spots) == 1 else f"{len(spots)} territories are"
        wrong.setdefault(at, []).append(f"{many} to be put right.")


def _territories_row(
    content: Content,
    place: Place,
    rule: Mapping[str, Any],
    hits: Mapping[str, int] | None,
    wrong: Sequence[str],
) -> RuleRow:
    """The row at which territories are tried: how many, the first names, and what they decided together."""
    rows = rows_of(content)
    names = [rule_name(row, index) for index, row in enumerate(rows)]
    shown = ", ".join(names[:_MOST_NAMES]) + (
        f" and {len(names) - _MOST_NAMES} more" if names[_MOST_NAMES:] else ""
    )
    many = "1 territory" if len(rows) == 1 else f"{len(rows)} territories"
    wins = ". Where two overlap, the first wins" if first_wins(content) else ""
    return RuleRow(
        place=place,
        name=rule_name(rule, place.index),
        sentence=f"{many}: {shown}{wins}" if rows else "No territory yet",
        chips=None,
        is_rest=False,
        gives="pool of the territory",
        hits=None if hits is None else sum(hits.get(name[:LONGEST_NAME], 0) for name in set(names)),
        problem="",
        wrong=wrong,
        may_rise=may_move(content, place, -1),
        may_sink=may_move(content, place, 1),
        territories=len(rows),
    )


def _gives(layer: Layer, rule: Mapping[str, Any], pools: Mapping[str, PoolState]) -> str:
    if layer == "priorities":
        return str(rule.get("priority", ""))
    slug = str(rule.get("pool") or "")
    return pools[slug].name if slug in pools else slug


def _problem(rule: Mapping[str, Any], pools: Mapping[str, PoolState]) -> str:
    pool = pools.get(str(rule.get("pool")))
    if pool is None:
        return "There is no such pool"
    if not pool.is_active:
        return "This pool is off"
    return "" if pool.people else "Nobody sits in it"


def is_plain(content: Content) -> bool:
    """Whether one rule sends everyone to one pool, and every lead has priority 0: no layer is in use."""
    pools, priorities = rules_of(content, "pools"), rules_of(content, "priorities")
    return (
        len(pools) == 1
        and is_rest(pools[0])
        and all(is_rest(rule) and rule.get("priority") == 0 for rule in priorities)
    )
