"""What is different between two policies as written, in words; either may be a draft that makes no sense yet.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from core.rules.schema import spoken
from sla import words
from sla.tiers import read_step

_TOLD: Final = ("tiers", "ladder", "responses", "on_reassign", "pauses")


def changes(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, str] = words.NOBODY_NAMED
) -> list[str]:
    """What is different, a sentence each; empty where the two say the same.

    names: of the members whom steps name, by id.
    """
    said = [*_tier_changes(before, after), *_ladder_changes(before, after, names)]
    old, new = (words.say_safely(words.responses_words, each.get("responses")) for each in (before, after))
    if old != new:
        said.append(f"First touch: {old}, now {new}." if before else f"First touch: {new}.")
    old, new = (words.on_reassign_words(each.get("on_reassign", "restart")) for each in (before, after))
    if old != new:
        said.append(f"When a lead moves, its new owner {old}; now it {new}.")
    said += _pause_changes(before, after)
    others = [
        name for name in {**before, **after} if name not in _TOLD and before.get(name) != after.get(name)
    ]
    return [*said, *(f"Also changed: {spoken(name).lower()}." for name in others)]


def _tier_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    old, new = (words.parts_by(each.get("tiers"), "slug") for each in (before, after))
    said = []
    for slug, tier in new.items():
        if slug not in old:
            promises = "; ".join(words.promises(tier).values()) or "nothing promised"
            said.append(f"New tier {_name(tier)}, for {_whom(tier)}: {promises}.")
        else:
            said += _one_tier_changes(old[slug], tier)
    said += [f"Tier {_name(tier)} is gone." for slug, tier in old.items() if slug not in new]
    kept = [[slug for slug in each if slug in old and slug in new] for each in (old, new)]
    if kept[0] != kept[1]:
        said.append(f"Tiers are tried in another order: {', '.join(_name(tier) for tier in new.values())}.")
    return said


def _one_tier_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    name = _name(new)
    said = [f"Tier {_name(old)} is now called {name}."] if _name(old) != name else []
    was, now = words.promises(old), words.promises(new)
    for target in [*was, *(target for target in now if target not in was)]:
        if was.get(target) == now.get(target):
            continue
        label = words.target_name(target)
        if target not in was:
            said.append(f"{name}: {now[target]}, a new promise.")
        elif target not in now:
            said.append(f"{name}: {was[target]} is promised no more.")
        else:
            said.append(f"{name}: {was[target]}, now {now[target].removeprefix(label).strip()}.")
    if old.get("when") != new.get("when"):
        said.append(f"{name} was for {_whom(old)}, now for {_whom(new)}.")
    return said


def _ladder_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, str]
) -> list[str]:
    def whole(step: Mapping[str, Any]) -> str:
        return words.step_words(read_step(step), names)

    def happens(step: Mapping[str, Any]) -> str:
        return words.happens_words(read_step(step), names)

    old, new = (_steps_by_place(each.get("ladder")) for each in (before, after))
    said = []
    for at, step in new.items():
        if at not in old:
            said.append(f"New step: {words.lower_first(words.say_safely(whole, step))}")
        elif old[at] != step:
            said.append(f"{words.say_safely(whole, step)} Until now {words.say_safely(happens, old[at])}.")
    return [*said, *(f"No step {words.lower_first(place)} any more." for place in old if place not in new)]


def _pause_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    old, new = (words.parts_by(each.get("pauses"), "reason") for each in (before, after))
    said = []
    for reason, rule in new.items():
        now = words.say_safely(words.pause_words, rule)
        if reason not in old:
            said.append(f"New reason for clocks to stand: {now}.")
        elif old[reason] != rule:
            said.append(
                f"Reason for clocks to stand: {words.say_safely(words.pause_words, old[reason])}, now {now}."
            )
    return [
        *said,
        *(f"Clocks stand no more for: {_name(rule)}." for reason, rule in old.items() if reason not in new),
    ]


def _steps_by_place(ladder: object) -> dict[str, Mapping[str, Any]]:
    """The steps as written by where they stand: "At 80% of the time"."""
    listed = ladder if isinstance(ladder, list) else []
    return {words.say_safely(_place, step): step for step in listed if isinstance(step, Mapping)}


def _place(step: Mapping[str, Any]) -> str:
    return words.when_step_words(read_step({**step, "actions": []}))


def _name(tier: Mapping[str, Any]) -> str:
    return str(tier.get("name") or tier.get("slug") or "without a name")


def _whom(tier: Mapping[str, Any]) -> str:
    return words.say_safely(words.when_words, tier.get("when"))
