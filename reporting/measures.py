"""What the numbers mean, said once. Pages, files and the API all compute from these; docs/reporting.md tells
it to readers.

A clock belongs to the day on which it started, in the organisation's time zone. It is
  kept        answered at or before its deadline,
  broken      its deadline passed unanswered, whether or not an answer came later, and whether or not the
              engine has noted it yet,
  running     not answered, deadline ahead (a paused clock too),
  called off  closed before its deadline without an answer: the lead was closed or moved on.
These are the statuses of sla.status counted together (COUNTS_AS).
The rate is kept / (kept + broken); a second one leaves out the broken whose excuse was approved. Running and
called-off clocks are left out of its base, and said so.
Response times are working seconds of answered clocks, in time or late.

A pause lengthens the deadline. Ignoring pauses, every clock is judged by the deadline that it would have had
without them, and the working time that they took is part of its response time: so a clock can only do worse,
and one that was never paused stays what it is. One that is paused now may be broken then.

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
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThan

from reporting.models import TargetFact
from sla.status import Status
from sla.targets import STAGE_TARGETS, Target


class Verdict(StrEnum):
    """How a clock counts."""

    KEPT = "met"
    BROKEN = "missed"
    RUNNING = "open"
    CALLED_OFF = "cancelled"


#: How a clock counts, by how it stands.
COUNTS_AS: Final[Mapping[Status, Verdict]] = {
    Status.MET: Verdict.KEPT,
    Status.MISSED: Verdict.BROKEN,
    Status.OVERDUE: Verdict.BROKEN,
    Status.ON_TIME: Verdict.RUNNING,
    Status.AT_RISK: Verdict.RUNNING,
    Status.PAUSED: Verdict.RUNNING,
    Status.CLOSED_HOURS: Verdict.RUNNING,
    Status.CANCELLED: Verdict.CALLED_OFF,
}

#: The verdicts that a rate is of, and those that it leaves out.
JUDGED: Final = (Verdict.KEPT, Verdict.BROKEN)
LEFT_OUT: Final = (Verdict.RUNNING, Verdict.CALLED_OFF)

#: Every target that a policy can have.
TARGETS: Final = (*Target.values, *STAGE_TARGETS)
#: Those that a report tells also where none of their clocks counts. The first leads: its course is drawn and
#: its response times are spread out, unless another target is asked for alone.
ALWAYS_TOLD: Final = (Target.FIRST_TOUCH.value, Target.DECISION.value)

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
#: The same as an address names them: the upper end in seconds, `longer` and `never`; and in words.
RESPONSES: Final[Mapping[str, str]] = {
    "300": "answered in under 5 min",
    "900": "answered in 5 to 15 min",
    "1800": "answered in 15 to 30 min",
    "3600": "answered in 30 to 60 min",
    "7200": "answered in 1 to 2 h",
    "14400": "answered in 2 to 4 h",
    "28800": "answered in 4 to 8 h",
    "longer": "answered in 8 h or more",
    "never": "late without a known response time",
}

#: Sizes of companies by employees: slug, how it is called, and the first number that is too many (the last
#: has none). As reported by statistics offices for small, medium and large firms.
SEGMENTS: Final[Mapping[str, tuple[str, int | None]]] = {
    "small": ("Under 50 employees", 50),
    "medium": ("50 to 249 employees", 250),
    "large": ("250 to 999 employees", 1_000),
    "enterprise": ("1,000 employees and more", None),
}

#: Where the width of buckets changes, and the widths before the first end, between, and after the last.
BUCKET_ENDS: Final = (120, *(300 * 2**octave for octave in range(23)))
BUCKET_WIDTHS: Final = (1, 4, *(10 * 2**octave for octave in range(23)))
#: A quantile from buckets is less than this off, in per cent.
BUCKET_ERROR: Final = 3.4
#: Points below the target that are still to be watched; further below is off target.
WATCH_POINTS: Final = 10


def is_verdict(verdict: Verdict, now: datetime, *, ignore_pauses: bool = False) -> Q:
    """The filter on facts for one verdict as it stands at `now`; the four split every set of facts."""
    stored = Q(verdict=verdict.value)
    passed = has_passed(now, ignore_pauses=ignore_pauses)
    ended_by_pause = Q(verdict="met", met_at__gt=F("plain_due_at")) | Q(
        verdict="cancelled", closed_at__gt=F("plain_due_at")
    )
    if verdict == Verdict.BROKEN:
        return stored | passed | ended_by_pause if ignore_pauses else stored | passed
    if verdict == Verdict.RUNNING:
        running = Q(verdict="open", due_at__gte=now) | Q(verdict="paused")
        ahead = Q(plain_due_at__isnull=True) | Q(plain_due_at__gte=now)
        return running & ahead if ignore_pauses else running
    if not ignore_pauses:
        return stored
    ended = "met_at" if verdict == Verdict.KEPT else "closed_at"
    return stored & (Q(plain_due_at__isnull=True) | Q(**{f"{ended}__lte": F("plain_due_at")}))


def has_passed(now: datetime, *, ignore_pauses: bool = False) -> Q:
    """Facts of clocks that nobody answered or ended, and whose deadline has passed."""
    passed = Q(verdict="open", due_at__lt=now)
    return passed | Q(verdict__in=["open", "paused"], plain_due_at__lt=now) if ignore_pauses else passed


def verdict_at(now: datetime, *, ignore_pauses: bool = False) -> Case:
    """The same as a value: each fact's verdict as it stands at `now`."""
    return Case(
        *(
            When(is_verdict(verdict, now, ignore_pauses=ignore_pauses), then=Value(verdict.value))
            for verdict in (Verdict.BROKEN, Verdict.RUNNING)
        ),
        default=F("verdict"),
        output_field=CharField(),
    )


def verdict_of(fact: TargetFact, now: datetime, *, ignore_pauses: bool = False) -> Verdict:
    """The same for one fact at hand."""
    due_at, ended_at = fact.due_at, {"met": fact.met_at, "cancelled": fact.closed_at}.get(fact.verdict)
    if ignore_pauses and fact.plain_due_at is not None:
        due_at = fact.plain_due_at
        if ended_at is not None and ended_at > due_at:
            return Verdict.BROKEN
    elif fact.verdict == "paused":
        return Verdict.RUNNING
    if fact.verdict in ("open", "paused"):
        return Verdict.BROKEN if due_at < now else Verdict.RUNNING
    return Verdict(fact.verdict)


#: A clock with a response time.
ANSWERED: Final = Q(met_at__isnull=False, business_seconds__isnull=False)


def seconds_needed(*, ignore_pauses: bool = False) -> Combinable:
    """The response time of an answered clock."""
    counted: Combinable = F("business_seconds")
    return counted + Coalesce("paused_seconds", 0) if ignore_pauses else counted


def range_of_response(*, ignore_pauses: bool = False) -> Case:
    """Into which of RANGES the response time falls, by its place."""
    needed = seconds_needed(ignore_pauses=ignore_pauses)
    ends = [
        When(LessThan(needed, Value(high)), then=Value(place))
        for place, (high, _) in enumerate(RANGES)
        if high
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
