"""A policy in sentences, for people who signed it and never read its JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sla.models import Target
from sla.tiers import BREACH, RESPONSES, Action, Duration, Step, TargetSpec, Tier

EVERYONE_ELSE: Final = "Everyone else"
_HAPPENS: Final[dict[Action, str]] = {
    "remind_owner": "the owner is reminded",
    "warn_manager": "the manager is warned",
    "tell_manager": "the manager is told",
    "tell_director": "the director is told",
    "reassign": "the lead moves to the next person",
}
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
    if duration.unit == "seconds" and duration.amount % 60:
        return _count(duration.amount, "second")
    minutes = duration.amount // 60 if duration.unit == "seconds" else duration.amount
    hours, rest = divmod(minutes, 60)
    parts = [_count(number, unit) for number, unit in ((hours, "hour"), (rest, "minute")) if number]
    return " ".join(parts)


def target_words(spec: TargetSpec) -> str:
    """ "first touch within 5 minutes of working time"."""
    return f"{Target(spec.target).label.lower()} {duration_words(spec.duration, wall=spec.wall)}"


def tier_words(tier: Tier) -> str:
    """What the tier promises: "First touch within 1 hour of working time; accept or reject within ..."."""
    said = "; ".join(target_words(spec) for spec in tier.targets)
    return f"{said[:1].upper()}{said[1:]}."


def condition_words(tier: Tier) -> str:
    """Whom the tier is for."""
    return tier.rule.sentence if tier.rule else EVERYONE_ELSE


def step_words(step: Step) -> str:
    """ "At 80 % of the time the manager is warned."."""
    when = f"At the deadline ({BREACH} %)" if step.at == BREACH else f"At {step.at} % of the time"
    happens = _listed((_HAPPENS[action] for action in step.actions), "and") if step.actions else ""
    return f"{when} {happens or 'the breach is recorded'}."


def responses_words(responses: Iterable[str]) -> str:
    """The touches that stop the first-touch clock: "a call, e-mail or meeting"."""
    counted = set(responses)
    words = [_RESPONSES[kind] for kind in RESPONSES if kind in counted]
    return f"{'an' if words[0][0] in 'ae' else 'a'} {_listed(words, 'or')}"
