"""Presets of tiers to start a policy from: the common promises as data, and what is published beside each.

Pure. A preset writes the tiers; ladder, responses and pauses are those of the policy it is put into. What is
quoted is quoted with its source, in words where the source's own figure is not ours to repeat; where nobody
published anything the choice says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.errors import FieldError, ValidationFailed, pointer
from leads.criteria import HANDOFF_KIND
from leads.defaults import engaged
from sla.policy_edit import tier_of, tiers_of
from sla.targets import Target

#: Parts of a policy that a preset leaves as they are.
_KEPT: Final = ("ladder", "responses", "on_reassign", "pauses")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One sentence of what is published about a choice. source: name and year; "" where it is only usual."""

    said: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Speed:
    """One answer to "how fast?": a duration as a policy writes it, on working time."""

    key: str
    label: str
    duration: Mapping[str, int]
    benchmark: Benchmark


@dataclass(frozen=True, slots=True)
class TierPreset:
    """One tier and the speeds to choose from, the usual one first.

    kind: of the engagement that the tier is for; "" is everybody else.
    """

    slug: str
    name: str
    kind: str
    speeds: tuple[Speed, ...]

    @property
    def usual(self) -> Speed:
        return self.speeds[0]


@dataclass(frozen=True, slots=True)
class Cadence:
    """One answer to "how often does somebody try?". count 0 promises no attempts."""

    key: str
    label: str
    count: int
    channels: int
    duration: Mapping[str, int]
    benchmark: Benchmark


_MINUTES: Final = Benchmark(
    "A lead that is answered within minutes converts many times better.",
    "Lead Response Management Study, MIT and InsideSales.com, 2007",
)
_HBR: Final = "The Short Life of Online Sales Leads, Harvard Business Review, 2011"
_FIRST_HOUR: Final = Benchmark(
    "Companies that tried within the hour qualified far more leads than those that tried later.", _HBR
)
_AVERAGE: Final = Benchmark("On average a first answer takes about two days.", _HBR)
_HALF: Final = Benchmark("Half of what a first answer takes on average, about two days.", _HBR)
_USUAL: Final = Benchmark("Usual in such agreements; we know of no study to quote.")

_FIVE_MINUTES: Final = Speed("5_minutes", "5 minutes", {"minutes": 5}, _MINUTES)
_ONE_HOUR: Final = Speed("1_hour", "1 hour", {"minutes": 60}, _FIRST_HOUR)
_TWO_HOURS: Final = Speed("2_hours", "2 hours", {"minutes": 120}, _AVERAGE)
_FOUR_HOURS: Final = Speed("4_hours", "4 hours", {"minutes": 240}, _AVERAGE)
_SAME_DAY: Final = Speed("same_day", "Same business day", {"end_of_day": 0}, _AVERAGE)
# Counted on working days: 24 hours by the clock would be broken by every weekend.
_ONE_DAY: Final = Speed("24_hours", "24 hours, as one business day", {"business_days": 1}, _HALF)

#: Tried in this order; the last is for everybody else.
TIERS: Final[tuple[TierPreset, ...]] = (
    TierPreset("demo_request", "Demo request", "demo_request", (_FIVE_MINUTES, _ONE_HOUR, _TWO_HOURS)),
    TierPreset("pricing_page", "Pricing page", "pricing_page", (_ONE_HOUR, _TWO_HOURS, _FOUR_HOURS)),
    TierPreset("contact_form", "Contact form", "contact_form", (_FOUR_HOURS, _SAME_DAY, _ONE_DAY)),
    TierPreset("content", "Content", "", (_SAME_DAY, _FOUR_HOURS, _ONE_DAY)),
)
#: Within which a lead is accepted or rejected, in every tier.
DECISION: Final = Speed("24_hours", "24 hours, as one business day", {"business_days": 1}, _USUAL)
#: What an outbound handoff is promised: its first touch was the booking, and its clock stands still until the
#: meeting ends. Tried before all others, whatever its lead asked for once.
OUTBOUND: Final = "outbound_meeting"
OUTBOUND_NAME: Final = "Outbound meeting"
OUTBOUND_DECISION: Final = Speed(
    "24_hours", "24 hours of working time after the meeting", {"minutes": 1440}, _USUAL
)
CADENCES: Final[tuple[Cadence, ...]] = (
    Cadence("6_in_10", "6 within 10 business days, on 2 channels", 6, 2, {"business_days": 10}, _USUAL),
    # Fourteen days, two of them weekends: ten business days.
    Cadence(
        "8_in_14",
        "8 within 14 days, as 10 business days, on 3 channels: call, e-mail, LinkedIn",
        8,
        3,
        {"business_days": 10},
        _USUAL,
    ),
    Cadence("none", "None promised", 0, 0, {}, Benchmark("First touch and decision only.")),
)
#: Days after going live by which the promises are to be kept as often as the organisation aims at.
DAYS_TO_AIM: Final = 30


@dataclass(frozen=True, slots=True)
class Picked:
    """What somebody chose of the preset: a speed for each tier, by slug, a cadence, and whether outbound
    meetings have a tier of their own (None: they have the one that is there, if there is one)."""

    speeds: Mapping[str, Speed]
    cadence: Cadence
    outbound: bool | None = None


def pick(speeds: Mapping[str, object], cadence: object = None, *, outbound: bool | None = None) -> Picked:
    """The choices by their keys; what is not said is the usual one.

    Raises ValidationFailed with a path (/speeds/<tier>, /cadence) for what there is no choice of.
    """
    errors = [
        FieldError(
            pointer("speeds", str(slug)[:80]),
            f"There is no such tier; the tiers are {', '.join(tier.slug for tier in TIERS)}.",
            "unknown",
        )
        for slug in speeds
        if slug not in {tier.slug for tier in TIERS}
    ]
    chosen: dict[str, Speed] = {}
    for tier in TIERS:
        keys = {speed.key: speed for speed in tier.speeds}
        said = speeds.get(tier.slug, tier.usual.key)
        if isinstance(said, str) and said in keys:
            chosen[tier.slug] = keys[said]
        else:
            errors.append(
                FieldError(pointer("speeds", tier.slug), f"Use one of: {', '.join(keys)}.", "choice")
            )
    cadences = {each.key: each for each in CADENCES}
    said = CADENCES[0].key if cadence is None else cadence
    if not isinstance(said, str) or said not in cadences:
        errors.append(FieldError(pointer("cadence"), f"Use one of: {', '.join(cadences)}.", "choice"))
    if errors:
        raise ValidationFailed(f"{errors[0].path}: {errors[0].message}", field_errors=errors)
    return Picked(chosen, cadences[str(said)], outbound)


def content_of(picked: Picked, base: Mapping[str, Any]) -> dict[str, Any]:
    """The policy with the tiers of these choices, and everything else of `base` as it is."""
    present = outbound_tier_of(base)
    first = outbound_tier() if picked.outbound else present if picked.outbound is None else None
    return {
        "tiers": [*([first] if first else []), *(_tier(tier, picked) for tier in TIERS)],
        **{part: base[part] for part in _KEPT if part in base},
    }


def outbound_tier() -> dict[str, Any]:
    """The tier of outbound meetings."""
    return {
        "slug": OUTBOUND,
        "name": OUTBOUND_NAME,
        "when": {"field": HANDOFF_KIND, "op": "equals", "value": "outbound"},
        "targets": [_target(Target.DECISION, OUTBOUND_DECISION.duration)],
    }


def outbound_tier_of(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """The tier of a policy that has the slug of the preset's; None without one."""
    return tier_of(content, OUTBOUND)


def with_outbound_tier(content: Mapping[str, Any]) -> dict[str, Any]:
    """The policy with the tier of outbound meetings as its first; as it is where it has one."""
    if outbound_tier_of(content) is not None:
        return dict(content)
    return {**content, "tiers": [outbound_tier(), *tiers_of(content)]}


def _tier(tier: TierPreset, picked: Picked) -> dict[str, Any]:
    targets = [
        _target(Target.FIRST_TOUCH, picked.speeds[tier.slug].duration),
        _target(Target.DECISION, DECISION.duration),
    ]
    cadence = picked.cadence
    if cadence.count:
        attempts = _target(Target.ATTEMPTS, cadence.duration)
        targets.append({**attempts, "count": cadence.count, "channels": cadence.channels})
    when = engaged(tier.kind) if tier.kind else None
    return {"slug": tier.slug, "name": tier.name, "when": when, "targets": targets}


def _target(target: Target, duration: Mapping[str, int]) -> dict[str, Any]:
    return {"target": target.value, "duration": dict(duration), "clock": "business"}


def goal_of(slug: str, target: str) -> Mapping[str, int] | None:
    """The usual promise of a tier for a target; of a tier that no preset has, only its decision is known."""
    if target == Target.DECISION:
        return OUTBOUND_DECISION.duration if slug == OUTBOUND else DECISION.duration
    tier = next((tier for tier in TIERS if tier.slug == slug), None)
    return tier.usual.duration if tier is not None and target == Target.FIRST_TOUCH else None
