"""A policy as written, checked and made quick to use. Pure: no database, no clock.

Content of a policy version (all rules are `core.rules` trees):
    {"tiers": [{"slug": "demo_request", "name": "Demo request", "when": tree | null, "targets": [
         {"target": "first_touch", "duration": {"minutes": 5}, "clock": "business"}, ...]}, ...],
     "ladder": [{"at": 80, "actions": ["warn_manager"]}, {"at": 100, "actions": ["reassign"]}, ...],
     "responses": ["call", "email", ...], "on_reassign": "restart" | "continue",
     "pauses": [{"reason": "waiting_for_lead", "name": "Waiting for the lead",
                 "at_most": {"business_days": 5}, "who": ["rep", "manager"]}, ...]}
Tiers are tried in order; the last has no condition, so that every lead has a tier. `at` is a share of the
target's time in percent; the step at 100 is the breach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from core.errors import FieldError, ValidationFailed, pointer
from core.rules import Facts, Rule, Schema, compile_rule, validate

Unit = Literal["seconds", "minutes", "business_days", "end_of_day"]
Action = Literal["remind_owner", "warn_manager", "tell_manager", "tell_director", "reassign"]

UNITS: Final[tuple[Unit, ...]] = ("seconds", "minutes", "business_days", "end_of_day")
ACTIONS: Final[tuple[Action, ...]] = (
    "remind_owner",
    "warn_manager",
    "tell_manager",
    "tell_director",
    "reassign",
)
#: Targets that a tier can set; both start at the handoff.
TARGETS: Final = ("first_touch", "decision")
RESPONSES: Final = ("call", "email", "meeting", "linkedin", "sms")
PAUSERS: Final = ("rep", "manager")
BREACH: Final = 100
DEFAULT_WARNING: Final = 80
MOST_PERCENT: Final = 1_000
#: Above this a deadline would lie years ahead: a slip of the pen, not a promise.
LARGEST: Final[dict[str, int]] = {
    "seconds": 31_536_000,
    "minutes": 525_600,
    "business_days": 366,
    "end_of_day": 366,
}


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a target may take. `end_of_day` 0 is the closing time of the day of the next opening."""

    unit: Unit
    amount: int


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """One promise of a tier, and whether it is counted in working time or by the wall clock."""

    target: str
    duration: Duration
    wall: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: what happens when `at` percent of the time is used."""

    at: int
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Tier:
    slug: str
    name: str
    rule: Rule | None  # none: everybody else
    targets: tuple[TargetSpec, ...]

    def spec(self, target: str) -> TargetSpec | None:
        """The tier's promise for this target, if it makes one."""
        return next((spec for spec in self.targets if spec.target == target), None)


@dataclass(frozen=True, slots=True)
class PauseRule:
    """A reason for which the clocks of a handoff may stand still, for how long at most, and who may say so.

    who: "rep" is the lead's owner, "manager" whoever oversees the owner.
    """

    reason: str
    name: str
    at_most: Duration
    who: frozenset[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """A checked policy. `breach` is the index of the ladder's step at 100 percent."""

    tiers: tuple[Tier, ...]
    ladder: tuple[Step, ...]
    responses: frozenset[str]
    on_reassign: Literal["restart", "continue"]
    breach: int
    warn_percent: int
    pauses: tuple[PauseRule, ...] = ()

    def pause(self, reason: str) -> PauseRule | None:
        """The rule of this reason, where the policy allows it."""
        return next((rule for rule in self.pauses if rule.reason == reason), None)

    def tier(self, slug: str) -> Tier | None:
        """The tier of this slug."""
        return next((tier for tier in self.tiers if tier.slug == slug), None)


def match_tier(policy: Policy, facts: Facts) -> Tier:
    """The first tier whose condition the facts meet. The last has none, so there always is one."""
    for tier in policy.tiers:
        if tier.rule is None or tier.rule.matches(facts):
            return tier
    raise AssertionError("A parsed policy ends with a tier for everybody.")


def parse_policy(content: object, schema: Schema) -> Policy:
    """The policy of a version's content. Raises ValidationFailed with the place of every error."""
    errors = validate_policy(content, schema)
    if errors:
        raise ValidationFailed("The policy is not valid: " + errors[0].message, field_errors=errors)
    written = cast(Mapping[str, Any], content)
    ladder = tuple(Step(step["at"], tuple(step["actions"])) for step in written["ladder"])
    shares = [step.at for step in ladder]
    warnings = [step.at for step in ladder if "warn_manager" in step.actions and step.at < BREACH]
    return Policy(
        tiers=tuple(_tier(tier, schema) for tier in written["tiers"]),
        ladder=ladder,
        responses=frozenset(written["responses"]),
        on_reassign=written.get("on_reassign", "restart"),
        breach=shares.index(BREACH),
        warn_percent=warnings[0] if warnings else DEFAULT_WARNING,
        pauses=tuple(_pause(rule) for rule in written.get("pauses", ())),
    )


def _pause(written: Mapping[str, Any]) -> PauseRule:
    ((unit, amount),) = written["at_most"].items()
    return PauseRule(written["reason"], written["name"], Duration(unit, amount), frozenset(written["who"]))


def _tier(written: Mapping[str, Any], schema: Schema) -> Tier:
    when = written.get("when")
    return Tier(
        slug=written["slug"],
        name=written["name"],
        rule=None if when is None else compile_rule(when, schema),
        targets=tuple(_target(target) for target in written["targets"]),
    )


def _target(written: Mapping[str, Any]) -> TargetSpec:
    ((unit, amount),) = written["duration"].items()
    return TargetSpec(written["target"], Duration(unit, amount), written.get("clock", "business") == "wall")


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
    if content.get("on_reassign", "restart") not in ("restart", "continue"):
        errors.append(FieldError(pointer("on_reassign"), 'Must be "restart" or "continue".', "choice"))
    return errors + _check_pauses(content.get("pauses", []))


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
    return errors


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
    errors: list[FieldError] = []
    shares: list[int] = []
    for index, step in enumerate(cast(Sequence[object], ladder)):
        at = ("ladder", index)
        if not isinstance(step, Mapping):
            errors.append(FieldError(pointer(*at), "A step is an object.", "type"))
            continue
        share = step.get("at")
        if not isinstance(share, int) or isinstance(share, bool) or not 1 <= share <= MOST_PERCENT:
            errors.append(
                FieldError(
                    pointer(*at, "at"), f"Must be a whole number between 1 and {MOST_PERCENT}.", "range"
                )
            )
        else:
            if shares and share <= shares[-1]:
                errors.append(
                    FieldError(pointer(*at, "at"), "Steps stand in rising order, each once.", "order")
                )
            shares.append(share)
        actions = step.get("actions")
        if share != BREACH or actions != []:  # the breach may be recorded only
            errors += _check_names(actions, ACTIONS, pointer(*at, "actions"), "action")
        if _is_list(actions) and "reassign" in cast(Sequence[object], actions) and share != BREACH:
            errors.append(
                FieldError(pointer(*at, "actions"), "A lead is reassigned at 100 percent only.", "action")
            )
    if BREACH not in shares:
        errors.append(FieldError(pointer("ladder"), "The ladder needs a step at 100: the breach.", "breach"))
    return errors


def _check_names(value: object, allowed: Sequence[str], where: str, what: str) -> list[FieldError]:
    if not _is_list(value) or not value:
        return [FieldError(where, f"Needed: at least one {what}.", "required")]
    return [
        FieldError(f"{where}/{index}", f"Must be one of {', '.join(allowed)}.", "choice")
        for index, name in enumerate(cast(Sequence[object], value))
        if name not in allowed
    ]
