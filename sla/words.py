"""A policy in sentences, for people who signed it and never read its JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from core.errors import ValidationFailed
from core.rules import describe
from core.rules.schema import spoken
from leads.criteria import SCHEMA
from sla import targets
from sla.targets import Target
from sla.tiers import (
    BACKUP,
    BREACH,
    RESPONSES,
    Act,
    Action,
    Duration,
    Step,
    TargetSpec,
    Tier,
    read_duration,
    read_target,
)

EVERYONE_ELSE: Final = "Everyone else"
_HAPPENS: Final[dict[Action, str]] = {
    "remind_owner": "the owner is reminded",
    "warn_manager": "the manager is warned",
    "tell_manager": "the manager is told",
    "tell_director": "the director is told",
    "tell_chain": "the manager and the director are told",
    "tell_person": "{} is told",
    "raise_priority": "the lead's priority rises",
    "call_webhook": "webhooks are called",
    "move_to_queue": "the lead goes to the queue, without an owner",
    "reassign": "the lead moves to the next person",
}
_ORDERS: Final[dict[Action, str]] = {
    "remind_owner": "remind the owner",
    "warn_manager": "warn the manager",
    "tell_manager": "tell the manager",
    "tell_director": "tell the director",
    "tell_chain": "tell manager and director",
    "tell_person": "tell somebody by name",
    "raise_priority": "raise its priority",
    "call_webhook": "call the webhooks",
    "reassign": "move the lead on",
    "move_to_queue": "put the lead in the queue",
}
_SOMEBODY: Final = "a named person"
NOBODY_NAMED: Final[Mapping[str, str]] = MappingProxyType({})
_RESPONSES: Final = {
    "call": "call",
    "email": "e-mail",
    "meeting": "meeting",
    "linkedin": "LinkedIn message",
    "sms": "text message",
}


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _listed(words: Iterable[str], last: str) -> str:
    *before, end = words
    return f"{', '.join(before)} {last} {end}" if before else end


def duration_words(duration: Duration, *, wall: bool) -> str:
    """ "within 5 minutes of working time", "by the end of the working day"."""
    if duration.unit == "end_of_day":
        later = f" {_count(duration.amount, 'business day')} later" if duration.amount else ""
        return f"by the end of the working day{later}"
    if duration.unit == "business_days":
        return f"within {_count(duration.amount, 'business day')}"
    return f"within {_span(duration)} {'by the wall clock' if wall else 'of working time'}"


def length_words(duration: Duration) -> str:
    """Such as "5 business days" or "4 hours": a length without what it is counted on."""
    if duration.unit in ("business_days", "end_of_day"):
        return _count(duration.amount, "business day")
    return _span(duration)


def _span(duration: Duration) -> str:
    minutes, seconds = divmod(duration.amount, 60) if duration.unit == "seconds" else (duration.amount, 0)
    hours, rest = divmod(minutes, 60)
    counted = ((hours, "hour"), (rest, "minute"), (seconds, "second"))
    return " ".join(_count(number, unit) for number, unit in counted if number)


def target_words(spec: TargetSpec) -> str:
    """ "first touch within 5 minutes of working time"."""
    return f"{_what(spec)} {duration_words(spec.duration, wall=spec.wall)}"


def _what(spec: TargetSpec) -> str:
    """ "first touch", "SAL to SQL", "6 contact attempts over 2 channels"."""
    if spec.target == Target.NURTURE:
        return f"a nurture sequence of {_count(spec.count, 'message')}"
    if spec.count:
        over = f" over {_count(spec.channels, 'channel')}" if spec.channels > 1 else ""
        return f"{_count(spec.count, 'contact attempt')}{over}"
    return target_name(spec.target)


def tier_words(tier: Tier) -> str:
    """What the tier promises: "First touch within 1 hour of working time; accept or reject within ..."."""
    said = "; ".join(target_words(spec) for spec in tier.targets)
    return f"{said[:1].upper()}{said[1:]}."


def condition_words(tier: Tier) -> str:
    """Whom the tier is for."""
    return tier.rule.sentence if tier.rule else EVERYONE_ELSE


def step_words(step: Step, names: Mapping[str, str] = NOBODY_NAMED) -> str:
    """ "At 80% of the time the manager is warned.". names: of the members whom steps name, by id."""
    return f"{when_step_words(step)} {happens_words(step, names)}."


def when_step_words(step: Step) -> str:
    """ "At 80% of the time", "At the deadline (100%)", "30 minutes after the deadline"."""
    if step.after is not None:
        long = length_words(step.after) if step.after.amount else ""
        at_closing = "By closing time " if step.after.unit == "end_of_day" else ""
        return " ".join(f"{at_closing}{long} after the deadline".split())
    return f"At the deadline ({BREACH}%)" if step.at == BREACH else f"At {step.at}% of the time"


def happens_words(step: Step, names: Mapping[str, str] = NOBODY_NAMED) -> str:
    """What a step does: "the manager is told and the lead moves to the next person"."""
    happens = _listed((_act_words(act, names) for act in step.actions), "and") if step.actions else ""
    return happens or "the breach is recorded"


def _act_words(act: Act, names: Mapping[str, str]) -> str:
    if act.do == "reassign" and act.to:
        first = "the backup of the team" if act.to == BACKUP else names.get(act.to, _SOMEBODY)
        return f"the lead moves to {first}, or else to the next person"
    return _HAPPENS[act.do].format(names.get(act.to, _SOMEBODY))


def pause_words(rule: Mapping[str, Any]) -> str:
    """A reason to pause as written: "Waiting for the lead (at most 5 business days, by rep or manager)".

    Raises what `say_safely` catches where the rule is not complete.
    """
    longest = duration_words(read_duration(rule["at_most"]), wall=False).removeprefix("within ")
    return f"{rule['name']} (at most {longest}, by {_listed(list(rule['who']), 'or')})"


def responses_words(responses: Iterable[str]) -> str:
    """The touches that stop the first-touch clock: "a call, e-mail or meeting"."""
    counted = set(responses)
    words = [_RESPONSES[kind] for kind in RESPONSES if kind in counted]
    if not words:
        return "nothing"
    return f"{'an' if words[0][0] in 'ae' else 'a'} {_listed(words, 'or')}"


_ON_REASSIGN: Final = {
    "restart": "gets the full time again",
    "continue": "has the time that is left",
}


def _window(on_reassign: Mapping[str, Any]) -> str:
    return length_words(read_duration(on_reassign["window"]))


def order_words(action: Action) -> str:
    """An action as one gives it: "tell the manager"."""
    return _ORDERS.get(action, spoken(action))


def response_word(kind: str) -> str:
    """A kind of touch: "e-mail"."""
    return _RESPONSES.get(kind, spoken(kind))


def on_reassign_words(on_reassign: object) -> str:
    """What the new owner of a lead that moved has: "gets the full time again"."""
    if isinstance(on_reassign, Mapping):
        return f"has {say_safely(_window, on_reassign)}, or the full time where that is shorter"
    return _ON_REASSIGN.get(str(on_reassign), "has what is not said yet")


def when_words(when: Any) -> str:
    """Whom a condition as written is for: "demo request at least once within 30 days". Raises InvalidRule."""
    return lower_first(EVERYONE_ELSE if when is None else describe(when, SCHEMA))


def target_name(target: str) -> str:
    """A target inside a sentence: "first touch", "SAL to SQL"."""
    said = targets.label(target)
    return said if target in targets.STAGE_TARGETS or target == Target.SQL_DECISION else lower_first(said)


def lower_first(text: str) -> str:
    """As it stands inside a sentence."""
    return text[:1].lower() + text[1:]


# --- Policies as written, drafts among them ---

_UNREADABLE: Final = "something that is not complete"


def parts_by(parts: object, key: str) -> dict[str, Mapping[str, Any]]:
    """The parts of a list as written, by the member that names them."""
    listed = parts if isinstance(parts, Sequence) and not isinstance(parts, str) else ()
    return {str(part.get(key)): part for part in listed if isinstance(part, Mapping)}


def say_safely(say: Callable[[Any], str], part: object) -> str:
    """What `say` says of a part, of which a draft may have written anything."""
    try:
        return say(part)
    except (ValidationFailed, KeyError, TypeError, ValueError, IndexError, AttributeError):
        return _UNREADABLE


def promises(tier: Mapping[str, Any]) -> dict[str, str]:
    """What a tier as written promises, by target: "first touch within 5 minutes of working time"."""
    return {
        name: say_safely(_promise, target) for name, target in parts_by(tier.get("targets"), "target").items()
    }


def _promise(target: Mapping[str, Any]) -> str:
    return target_words(read_target(target))
