"""What an admin is shown before rules are put in force: what is wrong with them and where, what they change,
and what to look at twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import FieldError, pointer
from leads.list_names import naming
from routing.models import RuleSetVersion
from routing.rules_check import PoolState, broken, publishing_errors, warnings
from routing.rules_edit import LAYERS, Content, Place, rules_of
from routing.rules_words import changes, rule_name
from routing.territories import rows_of
from tenants.version_pages import test_lead_of
from tenants.versions import gate_errors

_LAYER_NAMES = {"pools": "Fit", "priorities": "Behaviour"}
FALLBACK_MISSING = "fallback_missing"
TEST_LEAD_FAILED = "test_lead_failed"  # of a gate: handoff.simulation.cases


@dataclass(frozen=True, slots=True)
class Spot:
    """Something wrong and where: the rule to open ("" for none), the part of the page, and words for it.

    territory: the place of the territory to open; "" for none, "all" for what is wrong with them together.
    test_lead: the id of the saved test lead that fails; "" for anything else.
    """

    rule: str
    anchor: str
    where: str
    message: str
    territory: str = ""
    test_lead: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """Rules looked at. With errors they cannot be published."""

    errors: Sequence[FieldError]
    spots: Sequence[Spot]
    changes: Sequence[str]
    warnings: Sequence[str]


def review(
    version: RuleSetVersion,
    *,
    current: RuleSetVersion | None,
    pools: Mapping[str, PoolState],
    again: bool = False,
    gates: bool = True,
    unmatched: str = "",
    typed: Place | None = None,
) -> Review:
    """Look at a draft, or (again) at an older version that is to be used once more. Writes nothing.

    pools: every pool by slug. gates: ask what else must hold before a publication (tenants.versions.gates).
    unmatched: how many leads no rule took, in words. typed: the rule whose condition is shown as it was
    typed: what is wrong with the saved one is not told beside it.
    """
    content = version.content
    errors = broken(content, pools) if again else publishing_errors(content, pools)
    if gates and not again:
        errors += gate_errors(version)
    if typed is not None:
        said = pointer(typed.layer, typed.index, "when")
        errors = [each for each in errors if each.path != said and not each.path.startswith(f"{said}/")]
    names = {slug: pool.name for slug, pool in pools.items()}
    return Review(
        errors=errors,
        spots=[spot_of(error, content) for error in errors],
        changes=naming(lambda old, new: changes(old, new, names))(
            current.content if current else {}, content
        ),
        warnings=warnings(content, unmatched=unmatched),
    )


def spot_of(error: FieldError, content: Any) -> Spot:
    """Where in the editor an error is put right."""
    _, *parts = error.path.split("/")
    if parts[:1] == ["horizon_minutes"]:
        return Spot("", "id_horizon", "Availability", error.message)
    if parts[:1] == ["territories"]:
        rows = rows_of(content)
        at = int(parts[1]) if parts[1:] and parts[1].isdigit() and int(parts[1]) < len(rows) else None
        if at is None:
            return Spot("", "", "Territories", error.message, territory="all")
        return Spot("", "", f"Territory {rule_name(rows[at], at)}", error.message, territory=str(at))
    for layer in LAYERS:
        if parts[:1] != [layer]:
            continue
        name = _LAYER_NAMES[layer]
        if not parts[1:] or not parts[1].isdigit():
            return Spot("", layer, name, error.message)
        place = Place(layer, int(parts[1]))
        return Spot(str(place), "open-rule", f"{name}, {_named(content, place)}", error.message)
    wheres = {FALLBACK_MISSING: "When nobody takes it", TEST_LEAD_FAILED: "Saved test leads"}
    where = wheres.get(error.code, "The rules")
    return Spot("", "", where, error.message, test_lead=test_lead_of(error))


def _named(content: Content, place: Place) -> str:
    return f"rule {place.index + 1} ({rule_name(rules_of(content, place.layer)[place.index], place.index)})"
