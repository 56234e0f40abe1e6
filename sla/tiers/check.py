"""What is wrong with a policy as written, each with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, cast
from uuid import UUID

from core.errors import FieldError, pointer
from core.rules import Schema, validate
from sla.targets import Target
from sla.tiers.model import (
    ACTIONS,
    BACKUP,
    BREACH,
    LARGEST,
    MOST_ATTEMPTS,
    MOST_PERCENT,
    MOST_STEPS,
    MOVES,
    PAUSERS,
    RESPONSES,
    TARGETS,
    UNITS,
)


def validate_policy(content: object, schema: Schema) -> list[FieldError]:
    """Everything wrong with a policy's content; empty when it may be published. Never raises."""
    if not isinstance(content, Mapping):
        return [FieldError("", "A policy is an object with tiers, a ladder and responses.", "type")]
    known = ("tiers", "ladder", "responses", "on_reassign", "pauses")
    errors = [
        FieldError(pointer(str(key)), f"There is no such part; the parts are {', '.join(known)}.", "unknown")
        for key in content
        if key not in known
    ]
    errors += _check_tiers(content.get("tiers"), schema)
    errors += _check_ladder(content.get("ladder"))
    errors += _check_names(content.get("responses"), RESPONSES, pointer("responses"), "kind of touch")
    errors += _check_on_reassign(content.get("on_reassign", "restart"))
    return errors + _check_pauses(content.get("pauses", []))


#: What a tier and a reason to pause may say.
_OF_A_TIER: Final = ("slug", "name", "when", "targets")
_OF_A_PAUSE: Final = ("reason", "name", "at_most", "who")


def unknown_parts(content: Mapping[str, Any]) -> list[FieldError]:
    """Parts of tiers and of reasons to pause that mean nothing: a slip in a name would be published as if
    nothing had been said. Not among `validate_policy`, since a version in force that has one still runs.
    """
    kinds = (("tiers", "a tier", _OF_A_TIER), ("pauses", "a reason to pause", _OF_A_PAUSE))
    return [
        FieldError(
            pointer(key, index, str(part)),
            f"There is no such part; {what} has {', '.join(known)}.",
            "unknown",
        )
        for key, what, known in kinds
        for index, each in enumerate(content.get(key, ()))
        for part in each
        if part not in known
    ]


def _check_pauses(pauses: object) -> list[FieldError]:
    if not _is_list(pauses):
        return [FieldError(pointer("pauses"), "Needed: a list of reasons.", "type")]
    errors: list[FieldError] = []
    seen: set[object] = set()
    for index, rule in enumerate(cast(Sequence[object], pauses)):
        at = ("pauses", index)
        if not isinstance(rule, Mapping):
            errors.append(FieldError(pointer(*at), "A reason to pause is an object.", "type"))
            continue
        for key, longest in (("reason", 40), ("name", 80)):
            value = rule.get(key)
            if not isinstance(value, str) or not value.strip() or len(value) > longest:
                message = f"Needed: a text of at most {longest} characters."
                errors.append(FieldError(pointer(*at, key), message, "text"))
        reason = rule.get("reason")
        if isinstance(reason, str):
            if reason in seen:
                errors.append(
                    FieldError(pointer(*at, "reason"), "This reason stands here twice.", "duplicate")
                )
            seen.add(reason)
        errors += _check_length(rule.get("at_most"), pointer(*at, "at_most"))
        errors += _check_names(rule.get("who"), PAUSERS, pointer(*at, "who"), "role")
    return errors


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _check_tiers(tiers: object, schema: Schema) -> list[FieldError]:
    if not _is_list(tiers) or not tiers:
        return [FieldError(pointer("tiers"), "At least one tier is needed.", "required")]
    errors: list[FieldError] = []
    seen: set[str] = set()
    rows = cast(Sequence[object], tiers)
    for index, tier in enumerate(rows):
        at = ("tiers", index)
        if not isinstance(tier, Mapping):
            errors.append(FieldError(pointer(*at), "A tier is an object.", "type"))
            continue
        errors += _check_tier_name(tier, at, seen)
        errors += _check_condition(tier.get("when"), at, last=index == len(rows) - 1, schema=schema)
        errors += _check_targets(tier.get("targets"), at)
    return errors


def _check_tier_name(tier: Mapping[str, Any], at: tuple[str | int, ...], seen: set[str]) -> list[FieldError]:
    errors = []
    for key, longest in (("slug", 60), ("name", 80)):
        value = tier.get(key)
        if not isinstance(value, str) or not value.strip() or len(value) > longest:
            errors.append(
                FieldError(pointer(*at, key), f"Needed: a text of at most {longest} characters.", "text")
            )
    slug = tier.get("slug")
    if isinstance(slug, str):
        if slug in seen:
            errors.append(
                FieldError(pointer(*at, "slug"), "Another tier has this slug already.", "duplicate")
            )
        seen.add(slug)
    return errors


def _check_condition(
    when: object, at: tuple[str | int, ...], *, last: bool, schema: Schema
) -> list[FieldError]:
    where = pointer(*at, "when")
    if when is None:
        return (
            []
            if last
            else [FieldError(where, "Only the last tier may be for everybody.", "tier_never_reached")]
        )
    if last:
        return [FieldError(where, "The last tier is for everybody else: it has no condition.", "no_default")]
    return [FieldError(where + error.path, error.message, error.code) for error in validate(when, schema)]


def _check_targets(targets: object, at: tuple[str | int, ...]) -> list[FieldError]:
    if not _is_list(targets) or not targets:
        return [FieldError(pointer(*at, "targets"), "A tier needs at least one target.", "required")]
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, target in enumerate(cast(Sequence[object], targets)):
        here = (*at, "targets", index)
        if not isinstance(target, Mapping):
            errors.append(FieldError(pointer(*here), "A target is an object.", "type"))
            continue
        name = target.get("target")
        errors += _unknown_parts(target, here)
        if name not in TARGETS:
            errors.append(
                FieldError(pointer(*here, "target"), f"Must be one of {', '.join(TARGETS)}.", "choice")
            )
        elif name in seen:
            errors.append(
                FieldError(pointer(*here, "target"), "The tier sets this target twice.", "duplicate")
            )
        else:
            seen.add(name)
        errors += _check_duration(target, here)
        errors += _check_counts(target, here)
    if Target.NURTURE in seen and len(seen) > 1:
        message = "A nurture sequence answers instead of people: such a tier promises nothing else."
        errors.append(FieldError(pointer(*at, "targets"), message, "nurture_alone"))
    return errors


#: What a target may say; `_check_counts` knows for which of them the last two mean something.
_OF_A_TARGET: Final = ("target", "duration", "clock", "count", "channels")


def _unknown_parts(target: Mapping[str, Any], at: tuple[str | int, ...]) -> list[FieldError]:
    """A slip in a name would otherwise be published as if nothing had been said."""
    parts = ", ".join(_OF_A_TARGET)
    return [
        FieldError(pointer(*at, str(key)), f"There is no such part; a target has {parts}.", "unknown")
        for key in target
        if key not in _OF_A_TARGET
    ]


#: What each target that is counted says besides.
_COUNTED: Final = {Target.ATTEMPTS: ("count", "channels"), Target.NURTURE: ("count",)}


def _check_counts(target: Mapping[str, Any], at: tuple[str | int, ...]) -> list[FieldError]:
    """Contact attempts say how many, over how many channels; a nurture sequence of how many messages it is;
    nothing else is counted.
    """
    said = next((parts for name, parts in _COUNTED.items() if name == target.get("target")), ())
    errors = [
        FieldError(pointer(*at, key), "This is not counted for this target.", "unknown")
        for key in ("count", "channels")
        if key in target and key not in said
    ]
    if not said:
        return errors
    count, channels = target.get("count"), target.get("channels", 1)
    if not _is_whole(count, MOST_ATTEMPTS):
        message = f"How many? A whole number between 1 and {MOST_ATTEMPTS}."
        errors.append(FieldError(pointer(*at, "count"), message, "range"))
    if "channels" not in said:
        return errors
    if not _is_whole(channels, len(RESPONSES)):
        message = f"Must be a whole number between 1 and {len(RESPONSES)}."
        errors.append(FieldError(pointer(*at, "channels"), message, "range"))
    elif not errors and cast(int, channels) > cast(int, count):
        errors.append(FieldError(pointer(*at, "channels"), "No more than there are attempts.", "range"))
    return errors


def _is_whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _check_duration(target: Mapping[str, Any], at: tuple[str | int, ...]) -> list[FieldError]:
    clock = target.get("clock", "business")
    if clock not in ("business", "wall"):
        return [FieldError(pointer(*at, "clock"), 'Must be "business" or "wall".', "choice")]
    errors = _check_length(target.get("duration"), pointer(*at, "duration"))
    if not errors and clock == "wall" and next(iter(target["duration"])) in ("business_days", "end_of_day"):
        message = "Business days are counted on the business clock."
        errors.append(FieldError(pointer(*at, "clock"), message, "clock"))
    return errors


def _check_length(duration: object, where: str) -> list[FieldError]:
    if not isinstance(duration, Mapping) or len(duration) != 1 or next(iter(duration)) not in UNITS:
        return [FieldError(where, f"Needed: exactly one of {', '.join(UNITS)}.", "choice")]
    ((unit, amount),) = duration.items()
    least = 0 if unit == "end_of_day" else 1
    if not isinstance(amount, int) or isinstance(amount, bool) or not least <= amount <= LARGEST[str(unit)]:
        return [
            FieldError(
                f"{where}/{unit}",
                f"Must be a whole number between {least} and {LARGEST[str(unit)]}.",
                "range",
            )
        ]
    return []


def _check_ladder(ladder: object) -> list[FieldError]:
    if not _is_list(ladder):
        return [FieldError(pointer("ladder"), "Needed: a list of steps.", "required")]
    steps = cast(Sequence[object], ladder)
    if len(steps) > MOST_STEPS:
        return [FieldError(pointer("ladder"), f"At most {MOST_STEPS} steps.", "range")]
    errors: list[FieldError] = []
    shares: list[int] = []
    for index, step in enumerate(steps):
        at = ("ladder", index)
        if not isinstance(step, Mapping):
            errors.append(FieldError(pointer(*at), "A step is an object.", "type"))
            continue
        errors += _check_place(step, at, shares)
        errors += _check_acts(step, at)
    errors += _check_order_after(steps)
    if BREACH not in shares:
        errors.append(FieldError(pointer("ladder"), "The ladder needs a step at 100: the breach.", "breach"))
    return errors


def _check_place(step: Mapping[str, Any], at: tuple[str | int, ...], shares: list[int]) -> list[FieldError]:
    """Where a step stands; its share is added to those of the steps before it."""
    unknown = [
        FieldError(pointer(*at, str(key)), "A step has at or after, and actions.", "unknown")
        for key in step
        if key not in ("at", "after", "actions")
    ]
    if "after" in step:
        where = pointer(*at, "after")
        if "at" in step:
            return [*unknown, FieldError(where, "A step says either at or after.", "choice")]
        if BREACH not in shares:
            message = "Only a step behind the one at 100 comes so long after the deadline."
            unknown.append(FieldError(where, message, "order"))
        return [*unknown, *_check_length(step["after"], where)]
    where, share = pointer(*at, "at"), step.get("at")
    if not isinstance(share, int) or isinstance(share, bool) or not 1 <= share <= MOST_PERCENT:
        return [*unknown, FieldError(where, f"Must be a whole number between 1 and {MOST_PERCENT}.", "range")]
    wrong = bool(shares) and share <= shares[-1]
    shares.append(share)
    order = FieldError(where, "Steps stand in rising order, each once.", "order")
    return [*unknown, order] if wrong else unknown


def _check_order_after(steps: Sequence[object]) -> list[FieldError]:
    """Steps after the deadline: which of a share and a time comes first depends on the target, so only one
    kind; times of one unit rise.
    """
    late = [(index, step) for index, step in enumerate(steps) if isinstance(step, Mapping)]
    timed = [(index, step["after"]) for index, step in late if isinstance(step.get("after"), Mapping)]
    shared = [index for index, step in late if _is_late_share(step.get("at"))]
    errors = []
    if timed and shared:
        message = (
            "After the deadline, give every step in % of the time, or every step in time after it:"
            " this ladder has both."
        )
        errors.append(FieldError(pointer("ladder", timed[0][0], "after"), message, "choice"))
    for (_, before), (index, after) in pairwise(timed):
        (one, least), (other, amount) = (next(iter(each.items()), ("", 0)) for each in (before, after))
        if one != other:
            message = "Steps after the deadline are counted in one unit."
        elif isinstance(least, int) and isinstance(amount, int) and amount <= least:
            message = "Steps stand in rising order, each once."
        else:
            continue
        errors.append(FieldError(pointer("ladder", index, "after"), message, "order"))
    return errors


def _is_late_share(share: object) -> bool:
    return isinstance(share, int) and not isinstance(share, bool) and share > BREACH


def _check_acts(step: Mapping[str, Any], at: tuple[str | int, ...]) -> list[FieldError]:
    acts, where = step.get("actions"), pointer(*at, "actions")
    if step.get("at") == BREACH and acts == []:  # the breach may be recorded only
        return []
    if not _is_list(acts) or not acts:
        return [FieldError(where, "Needed: at least one action.", "required")]
    errors: list[FieldError] = []
    done: list[tuple[str, object]] = []
    for index, act in enumerate(cast(Sequence[object], acts)):
        here = f"{where}/{index}"
        do = act.get("do") if isinstance(act, Mapping) else act
        if not isinstance(do, str) or do not in ACTIONS:
            errors.append(FieldError(here, f"Must be one of {', '.join(ACTIONS)}.", "choice"))
            continue
        errors += _check_whom(do, act, here)
        # "tell_manager" and {"do": "tell_manager"} are one.
        to = act.get("to") if isinstance(act, Mapping) else None
        if (do, to) in done:
            errors.append(FieldError(here, "This step says so already.", "duplicate"))
        done.append((do, to))
    moving = [do for do, _ in done if do in MOVES]
    if moving and "after" not in step and not (_is_late_share(step.get("at")) or step.get("at") == BREACH):
        message = "A lead is taken from its owner at 100 percent or later."
        errors.append(FieldError(where, message, "action"))
    if len(moving) > 1:
        message = "A step moves the lead once: to somebody, or to the queue."
        errors.append(FieldError(where, message, "action"))
    return errors


def _check_whom(do: str, act: object, where: str) -> list[FieldError]:
    """Whom an action names: `tell_person` must, `reassign` may, the others cannot."""
    to = act.get("to") if isinstance(act, Mapping) else None
    if isinstance(act, Mapping) and set(act) - {"do", "to"}:
        return [FieldError(where, "An action has do and to.", "unknown")]
    if do == "tell_person" and not is_id(to):
        return [FieldError(f"{where}/to", "Whom? Needed: the id of a member.", "required")]
    if do == "reassign" and to is not None and to != BACKUP and not is_id(to):
        message = f'Must be "{BACKUP}" or the id of a member; leave it out for the pool.'
        return [FieldError(f"{where}/to", message, "choice")]
    if do not in ("tell_person", "reassign") and to is not None:
        return [FieldError(f"{where}/to", "This action names nobody.", "unknown")]
    return []


def is_id(value: object) -> bool:
    """Whether this is written as the id of a member."""
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def _check_on_reassign(written: object) -> list[FieldError]:
    where = pointer("on_reassign")
    if isinstance(written, Mapping) and set(written) == {"window"}:
        errors = _check_length(written["window"], f"{where}/window")
        if not errors and next(iter(written["window"])) not in ("seconds", "minutes"):
            errors = [FieldError(f"{where}/window", "Needed: minutes or seconds.", "choice")]
        return errors
    if written in ("restart", "continue"):
        return []
    message = 'Must be "restart", "continue" or {"window": {"minutes": ...}}.'
    return [FieldError(where, message, "choice")]


def _check_names(value: object, allowed: Sequence[str], where: str, what: str) -> list[FieldError]:
    if not _is_list(value) or not value:
        return [FieldError(where, f"Needed: at least one {what}.", "required")]
    return [
        FieldError(f"{where}/{index}", f"Must be one of {', '.join(allowed)}.", "choice")
        for index, name in enumerate(cast(Sequence[object], value))
        if name not in allowed
    ]
