"""What the numbers mean, said once. Pages, files and the API all compute from these; docs/reporting.md tells
it to readers.

A clock belongs to the day on which it started, in the organisation's time zone. It is
  kept        answered at or before its deadline,
  broken      its deadline passed unanswered, whether or not an answer came later, and whether or not the
              engine has noted it yet,
  running     not answered, deadline ahead (a paused clock too),
  called off  closed before its deadline without an answer: the lead was closed or moved on.
The rate is kept / (kept + broken); a second one leaves out the
broken whose excuse was approved. Running and called-off clocks are left out of its base, and said so.
Response times are working seconds of answered clocks, in time or late.

Roll-ups keep response times in buckets. A bucket is known by its lower end; it is a second wide under two
minutes, 4 seconds under five, and from there on a thirtieth of 300, 600, 1,200 and so on. No bucket is wider
than a thirtieth of its lower end, and none holds an end of RANGES inside.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from django.db.models import Case, CharField, F, IntegerField, Q, Value, When


class Verdict(StrEnum):
    """How a clock counts."""

    KEPT = "met"
    BROKEN = "missed"
    RUNNING = "open"
    CALLED_OFF = "cancelled"


#: Targets that this report shows, and the words before the numbers.
TARGETS: Final = {"first_touch": "First touch", "decision": "Decision"}

#: Upper ends of the ranges of response times, in seconds, and their labels; the last has no end.
RANGES: Final = (
    (300, "< 5m"),
    (900, "5–15"),
    (1_800, "15–30"),
    (3_600, "30–60"),
    (7_200, "1–2h"),
    (14_400, "2–4h"),
    (28_800, "4–8h"),
    (None, "8h+"),
)
NEVER: Final = "Never"

#: Where the width of buckets changes, and the widths before the first end, between, and after the last.
BUCKET_ENDS: Final = (120, *(300 * 2**octave for octave in range(23)))
BUCKET_WIDTHS: Final = (1, 4, *(10 * 2**octave for octave in range(23)))
#: A quantile from buckets is less than this off, in per cent.
BUCKET_ERROR: Final = 3.4
#: Points below the target that are still to be watched; further below is off target.
WATCH_POINTS: Final = 10


def is_verdict(verdict: Verdict, now: datetime) -> Q:
    """The filter on facts for one verdict as it stands at `now`; the four split every set of facts."""
    stored = Q(verdict=verdict.value)
    if verdict == Verdict.BROKEN:
        return stored | Q(verdict="open", due_at__lt=now)
    if verdict == Verdict.RUNNING:
        return Q(verdict="open", due_at__gte=now) | Q(verdict="paused")
    return stored


def verdict_at(now: datetime) -> Case:
    """The same as a value: each fact's verdict as it stands at `now`."""
    return Case(
        When(is_verdict(Verdict.BROKEN, now), then=Value(Verdict.BROKEN.value)),
        When(is_verdict(Verdict.RUNNING, now), then=Value(Verdict.RUNNING.value)),
        default=F("verdict"),
        output_field=CharField(),
    )


#: A clock with a response time.
ANSWERED: Final = Q(met_at__isnull=False, business_seconds__isnull=False)


def range_of_response() -> Case:
    """Into which of RANGES the response time falls, by its place."""
    ends = [
        When(business_seconds__lt=high, then=Value(place)) for place, (high, _) in enumerate(RANGES) if high
    ]
    return Case(*ends, default=Value(len(RANGES) - 1), output_field=IntegerField())


@dataclass(frozen=True, slots=True)
class Rate:
    """Clocks of one target by verdict, and the response times in working seconds; None without answers."""

    kept: int = 0
    broken: int = 0
    running: int = 0
    called_off: int = 0
    answered: int = 0
    median: int | None = None
    p90: int | None = None
    excused: int = 0  # of the broken

    @property
    def base(self) -> int:
        """How many count."""
        return self.kept + self.broken

    @property
    def all(self) -> int:
        return self.base + self.left_out

    @property
    def left_out(self) -> int:
        return self.running + self.called_off

    @property
    def percent(self) -> float | None:
        """Kept of those that count, one decimal; None where none counts."""
        return round(100 * self.kept / self.base, 1) if self.base else None

    @property
    def percent_excused(self) -> float | None:
        """The second rate: the same with excused clocks left out of the base."""
        base = self.base - self.excused
        return round(100 * self.kept / base, 1) if base else None

    @property
    def left_out_text(self) -> str:
        """Who is left out of the base and why, as half a sentence; "" for nobody."""
        parts = []
        if self.running:
            parts.append(f"{self.running:,} not due yet")
        if self.called_off:
            parts.append(f"{self.called_off:,} closed or moved on before the deadline")
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The shape that the API and the files give."""
        return {
            "met": self.kept,
            "missed": self.broken,
            "base": self.base,
            "rate": self.percent,
            "excused": self.excused,
            "rate_without_excused": self.percent_excused,
            "left_out": {"open": self.running, "cancelled": self.called_off},
            "answered": self.answered,
            "median_business_seconds": self.median,
            "p90_business_seconds": self.p90,
        }


def bucket_of(seconds: int) -> int:
    """The lower end of the bucket of a response time."""
    return seconds - seconds % BUCKET_WIDTHS[bisect_right(BUCKET_ENDS, seconds)]


def place_of(seconds: int) -> int:
    """Into which of RANGES a response time, or a bucket, falls, by its place."""
    return sum(end is not None and end <= seconds for end, _ in RANGES)


def quantiles(buckets: Mapping[int, tuple[int, int]], shares: tuple[int, ...]) -> dict[int, int | None]:
    """Seconds within which so many per cent answered, from buckets (lower end: how many, seconds together).

    The mean of the bucket that the exact value is in: less than BUCKET_ERROR off, exact where a bucket holds
    one value only. None of nobody.
    """
    total = sum(count for count, _ in buckets.values())
    found: dict[int, int | None] = dict.fromkeys(shares)
    wanted, below = sorted(shares, reverse=True), 0
    for start in sorted(buckets):
        count, seconds = buckets[start]
        below += count
        while wanted and below * 100 >= wanted[-1] * total and count:
            found[wanted.pop()] = round(seconds / count)
    return found


def standing(percent: float | None, target_percent: int) -> str | None:
    """How a rate stands to the signed target: on_target, watch, off_target; None without a rate."""
    if percent is None:
        return None
    if percent >= target_percent:
        return "on_target"
    return "watch" if percent >= target_percent - WATCH_POINTS else "off_target"
